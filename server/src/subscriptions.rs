//! Which cores have a client that listens to a channel: what a core must know before it sends a message.
//!
//! ```text
//!   channels       name -> (core, subscribers there) ...    in stripes, each behind a lock of its own
//!   shard channels likewise
//!   patterns       likewise, one stripe: a channel must be compared with all of them
//! ```
//!
//! Who listens on one core is that core's own ([`shard::pubsub`]); here are only sums, which every core changes as
//! its clients come and go, and reads when it publishes. So a message goes to the cores that have a listener, and
//! to no other, and PUBSUB and INFO ask nobody. It is bounded by what clients subscribe to, which has a limit for
//! each of them (`client-subscriptions-limit`).
//!
//! # When a subscription may be confirmed
//!
//! PUBLISH is part of its pipeline's multicast ([`crate::mailbox`]): it takes effect when that is posted. But where
//! it goes is looked up before, while the pipeline is routed. In between, on another core, a client may subscribe:
//!
//! ```text
//!   core A   route SET x, PUBLISH c: nobody listens ......................... post
//!   core B              SUBSCRIBE c, confirmed;  GET x: not set yet
//! ```
//!
//! The client has seen that SET, and so PUBLISH, is still to come, and would not get the message. So a core says
//! that it has looked up channels in this turn and not posted yet (`publishing`, a counter that is odd meanwhile),
//! and a core that has entered a *new* name here waits, before it activates and confirms, until every core that was in
//! this state has left it: whatever was routed without knowing of the name is posted by then. A turn lasts
//! microseconds, a core that does not publish is never waited for, and nobody is woken for it. (Asking all cores would
//! be as right, and wake them all for every client that subscribes; to look channels up under the mailboxes' locks
//! would make everybody wait for every PUBLISH.)

use parking_lot::RwLock;
use proto::glob::{self, Case};
use shard::Key;
use shard::pubsub::{Kind, Name};
use smallvec::SmallVec;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering, fence};

const STRIPES: usize = 64;
/// What the channels of keyspace notifications begin with.
const NOTIFIED: &[u8] = b"__key";

/// The cores that have subscribers, with their numbers.
type Cores = SmallVec<[(u16, u32); 2]>;
/// A tree, as on each core: it never stops everybody in order to grow.
type Stripe = RwLock<BTreeMap<Name, Cores>>;

/// Odd while a core has looked up channels and not posted what it found. On a line of its own.
#[derive(Default)]
#[repr(align(128))]
struct Publishing(AtomicU64);

/// The cores that were publishing when a subscription was entered.
pub struct Grace(SmallVec<[(usize, u64); 4]>);

/// Channels and patterns of all cores.
pub struct Subscriptions {
    tables: [Box<[Stripe]>; 3],
    /// Names in each table.
    names: [AtomicUsize; 3],
    /// Names that a keyspace notification may go to.
    notified: AtomicUsize,
    publishing: Box<[Publishing]>,
    seed: u64,
}

/// Whether a keyspace notification may go to a name.
fn is_notified(kind: Kind, name: &[u8]) -> bool {
    kind == Kind::Pattern || (kind == Kind::Channel && name.starts_with(NOTIFIED))
}

impl Subscriptions {
    #[must_use]
    pub fn new(cores: usize, seed: u64) -> Self {
        let stripes = |kind| if kind == Kind::Pattern { 1 } else { STRIPES };
        Self {
            tables: Kind::ALL.map(|kind| (0..stripes(kind)).map(|_| Stripe::default()).collect()),
            names: Default::default(),
            notified: AtomicUsize::new(0),
            publishing: (0..cores).map(|_| Publishing::default()).collect(),
            seed,
        }
    }

    fn stripe(&self, kind: Kind, name: &[u8]) -> &Stripe {
        let table = &self.tables[kind as usize];
        &table[Key::new(name, self.seed).hash as usize % table.len()]
    }

    /// A client of `core` has subscribed.
    pub fn join(&self, kind: Kind, name: &Name, core: usize) {
        let mut table = self.stripe(kind, name).write();
        let cores = table.entry(name.clone()).or_insert_with(|| {
            self.names[kind as usize].fetch_add(1, Ordering::Relaxed);
            self.notified.fetch_add(usize::from(is_notified(kind, name)), Ordering::Relaxed);
            Cores::new()
        });
        match cores.iter_mut().find(|(c, _)| *c as usize == core) {
            Some((_, subscribers)) => *subscribers += 1,
            None => cores.push((core as u16, 1)),
        }
    }

    /// A subscription of a client of `core` has ended.
    pub fn leave(&self, kind: Kind, name: &[u8], core: usize) {
        let mut table = self.stripe(kind, name).write();
        let Some(cores) = table.get_mut(name) else { return debug_assert!(false, "who leaves has joined") };
        if let Some(at) = cores.iter().position(|(c, _)| *c as usize == core) {
            cores[at].1 -= 1;
            if cores[at].1 == 0 {
                cores.swap_remove(at);
            }
        }
        if cores.is_empty() {
            table.remove(name);
            self.names[kind as usize].fetch_sub(1, Ordering::Relaxed);
            self.notified.fetch_sub(usize::from(is_notified(kind, name)), Ordering::Relaxed);
        }
    }

    /// Appends the cores that have a subscriber of the channel, or of a pattern that matches it; each once.
    pub fn listeners(&self, kind: Kind, channel: &[u8], cores: &mut Vec<u16>) {
        let from = cores.len();
        if let Some(found) = self.stripe(kind, channel).read().get(channel) {
            cores.extend(found.iter().map(|(core, _)| *core));
        }
        if kind != Kind::Channel || self.len(Kind::Pattern) == 0 {
            return;
        }
        for (pattern, found) in self.tables[Kind::Pattern as usize][0].read().iter() {
            // Comparing is what costs: a pattern that would add no core is passed over.
            let adds = found.iter().any(|(core, _)| !cores[from..].contains(core));
            if adds && glob::matches(pattern, channel, Case::Sensitive) {
                for (core, _) in found {
                    if !cores[from..].contains(core) {
                        cores.push(*core);
                    }
                }
            }
        }
    }

    /// Whether there is a name that a keyspace notification could go to.
    #[must_use]
    pub fn any_notified(&self) -> bool {
        self.notified.load(Ordering::Relaxed) != 0
    }

    /// How many different names of this kind are subscribed to.
    #[must_use]
    pub fn len(&self, kind: Kind) -> usize {
        self.names[kind as usize].load(Ordering::Relaxed)
    }

    /// Subscribers of one name, over all cores.
    #[must_use]
    pub fn subscribers(&self, kind: Kind, name: &[u8]) -> u64 {
        let table = self.stripe(kind, name).read();
        table.get(name).map_or(0, |cores| cores.iter().map(|(_, n)| u64::from(*n)).sum())
    }

    /// The names of this kind that match a pattern, or all.
    #[must_use]
    pub fn matching(&self, kind: Kind, pattern: Option<&[u8]>) -> Vec<Name> {
        let fits = |name: &Name| pattern.is_none_or(|p| glob::matches(p, name, Case::Sensitive));
        let mut found = Vec::new();
        for stripe in &self.tables[kind as usize] {
            found.extend(stripe.read().keys().filter(|name| fits(name)).cloned());
        }
        found
    }

    /// `core` is about to look up channels for messages that it will post at the end of its turn.
    #[inline]
    pub fn look_up(&self, core: usize) {
        let publishing = &self.publishing[core].0;
        let turn = publishing.load(Ordering::Relaxed);
        if turn.is_multiple_of(2) {
            publishing.store(turn + 1, Ordering::Relaxed);
            // Pairs with that of `grace`: one of the two cores sees what the other has written before.
            fence(Ordering::SeqCst);
        }
    }

    /// `core` has posted everything.
    #[inline]
    pub fn posted(&self, core: usize) {
        let publishing = &self.publishing[core].0;
        let turn = publishing.load(Ordering::Relaxed);
        if !turn.is_multiple_of(2) {
            publishing.store(turn + 1, Ordering::Release);
        }
    }

    /// Whom to wait for after names were entered.
    #[must_use]
    pub fn grace(&self) -> Grace {
        fence(Ordering::SeqCst);
        let turns = self.publishing.iter().map(|p| p.0.load(Ordering::Acquire));
        Grace(turns.enumerate().filter(|(_, turn)| !turn.is_multiple_of(2)).collect())
    }

    /// Whether all of them have posted what they had looked up.
    #[must_use]
    pub fn is_over(&self, grace: &mut Grace) -> bool {
        grace.0.retain(|(core, turn)| self.publishing[*core].0.load(Ordering::Acquire) == *turn);
        grace.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listeners(s: &Subscriptions, kind: Kind, channel: &[u8]) -> Vec<u16> {
        let mut cores = vec![0]; // what stands there already is not looked at
        s.listeners(kind, channel, &mut cores);
        let mut cores = cores.split_off(1);
        cores.sort_unstable();
        cores
    }

    #[test]
    fn a_message_goes_where_somebody_listens() {
        let s = Subscriptions::new(4, 7);
        let name = |n: &str| Name::from(n.as_bytes());
        for (kind, n, core) in [
            (Kind::Channel, "news", 0),
            (Kind::Channel, "news", 2),
            (Kind::Channel, "news", 2),
            (Kind::Pattern, "n*", 2),
            (Kind::Pattern, "n*", 3),
            (Kind::Pattern, "x*", 1),
            (Kind::ShardChannel, "news", 1),
        ] {
            s.join(kind, &name(n), core);
        }
        assert_eq!(listeners(&s, Kind::Channel, b"news"), [0, 2, 3]);
        assert_eq!(listeners(&s, Kind::Channel, b"x"), [1]);
        assert_eq!(listeners(&s, Kind::ShardChannel, b"news"), [1]);
        assert!(listeners(&s, Kind::ShardChannel, b"nobody").is_empty());
        assert_eq!((s.subscribers(Kind::Channel, b"news"), s.subscribers(Kind::Channel, b"x")), (3, 0));
        assert_eq!(Kind::ALL.map(|kind| s.len(kind)), [1, 2, 1]);
        for (n, core) in [("news", 2), ("news", 0), ("news", 2)] {
            s.leave(Kind::Channel, n.as_bytes(), core);
        }
        assert_eq!(listeners(&s, Kind::Channel, b"news"), [2, 3]);
        assert_eq!(s.len(Kind::Channel), 0);
    }

    #[test]
    fn names_are_listed_by_pattern() {
        let s = Subscriptions::new(1, 7);
        for n in ["a1", "a2", "b1"] {
            s.join(Kind::Channel, &Name::from(n.as_bytes()), 0);
        }
        let mut found: Vec<_> = s.matching(Kind::Channel, Some(b"a*")).iter().map(|n| n.to_vec()).collect();
        found.sort();
        assert_eq!(found, [b"a1", b"a2"]);
        assert_eq!(s.matching(Kind::Channel, None).len(), 3);
        assert_eq!(s.matching(Kind::ShardChannel, None).len(), 0);
    }

    #[test]
    fn notifications_are_wanted_by_patterns_and_by_their_own_channels() {
        let s = Subscriptions::new(1, 7);
        let join = |kind, n: &str| s.join(kind, &Name::from(n.as_bytes()), 0);
        join(Kind::Channel, "news");
        join(Kind::ShardChannel, "__keyspace@0__:k");
        assert!(!s.any_notified());
        join(Kind::Channel, "__keyspace@0__:k");
        join(Kind::Pattern, "news");
        s.leave(Kind::Channel, b"__keyspace@0__:k", 0);
        assert!(s.any_notified());
        s.leave(Kind::Pattern, b"news", 0);
        assert!(!s.any_notified());
    }

    #[test]
    fn whoever_publishes_is_waited_for_until_it_has_posted() {
        let s = Subscriptions::new(3, 7);
        s.look_up(1);
        s.look_up(1);
        let mut grace = s.grace();
        assert!(!s.is_over(&mut grace));
        s.look_up(2); // began later: it knows of the name
        s.posted(1);
        s.look_up(1);
        assert!(s.is_over(&mut grace), "another turn is no reason to wait");
        s.posted(0);
        assert!(!s.is_over(&mut s.grace()));
    }

    /// A core publishes without end; another subscribes, waits, looks at what has been posted, and leaves again.
    /// Whatever is posted after its wait must have been routed with its name known.
    #[test]
    fn what_is_posted_after_the_wait_knows_of_the_name() {
        const ROUNDS: u64 = 300;
        let s = Subscriptions::new(2, 7);
        let name = Name::from(&b"c"[..]);
        // Twice the number of the last message posted, plus one if it found the listener.
        let (posted, done) = (AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for n in 1.. {
                    s.look_up(0);
                    let found = !listeners(&s, Kind::Channel, b"c").is_empty();
                    posted.store(2 * n + u64::from(found), Ordering::SeqCst);
                    s.posted(0);
                    if done.load(Ordering::Relaxed) != 0 {
                        break;
                    }
                }
            });
            for _ in 0..ROUNDS {
                s.join(Kind::Channel, &name, 1);
                let mut grace = s.grace();
                while !s.is_over(&mut grace) {
                    std::thread::yield_now();
                }
                let seen = posted.load(Ordering::SeqCst) / 2;
                let next = loop {
                    let now = posted.load(Ordering::SeqCst);
                    if now / 2 > seen {
                        break now;
                    }
                    std::thread::yield_now();
                };
                if next % 2 == 0 {
                    done.store(1, Ordering::Relaxed);
                    panic!("message {} missed a listener that was there before {seen} was posted", next / 2);
                }
                s.leave(Kind::Channel, b"c", 1);
            }
            done.store(1, Ordering::Relaxed);
        });
    }
}
