//! What of a shard is held, and who waits for it: locks on keys, for as long as some are lent.
//!
//! A command that gathers values of several shards ([`super::transaction`]) takes its keys away from this one for
//! the time of two hops. What does not touch these keys need not wait for it:
//!
//! ```text
//!   held by sessions        a  d                   counts by key:  a:1 d:1
//!   posted since, in order  [GET b]                no count on b: it runs
//!                           [SET a, GET e]         a is taken: it waits, and counts itself    a:2 e:1
//!                           [INCR e]               e is wanted by one before it: it waits     e:2
//!                           [GET f]                it runs
//! ```
//!
//! The counts are an array, indexed by some bits of the key's hash: two keys that share a place make somebody wait
//! for nothing, and never the contrary. What concerns all keys (DBSIZE, an EXEC that holds the whole shard,
//! a message to subscribers, a question to all shards) waits for everything that was posted before it, and nothing
//! that comes after it passes. While nothing is held, none of this is looked at: one branch an item.
//!
//! # Why the order is still one
//!
//! [`crate::mailbox`] gives all shards one order of what was posted. Here two items run in that order if they share
//! a key or one of them concerns all keys, since the later one finds the counts of the earlier one, held or waiting. Two
//! that share nothing may run in either order, and no reply tells which. So everything is answered as if it had
//! run in the order posted, on every shard, and that is what strict serializability asks for:
//! an item is posted after its client asked and before it is answered.
//!
//! Commands of a core's own connections run without being posted, when nothing is held. Otherwise they are posted
//! to this shard as to any other, so that there is one queue and one rule. A connection's commands of one turn are one
//! item, and the next is not begun before it is answered: pipelines stay in order.
//!
//! # Bounds
//!
//! Nothing is overtaken by what it must not be overtaken by, so an item waits for those posted before it and for no
//! other: it cannot wait for ever. A shard has at most one item of each connection. When a session ends
//! all that wait are looked at once more, in order: some nanoseconds for each key.

use crate::work::{Hold, Ordered, Work};
use proto::command::{Place, spec};
use proto::key_spec::{KeyRef, keys_of};
use shard::Shard;
use smallvec::SmallVec;
use std::collections::VecDeque;

/// Places of the array of counts: with a hundred keys held, one item in forty waits for nothing.
const PLACES: usize = 4096;

/// The keys that an item needs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Wants {
    All,
    /// Their places in the array.
    Keys(SmallVec<[u16; 8]>),
}

/// A session that holds keys.
struct KeyHold {
    origin: usize,
    session: u64,
    wants: Wants,
}

/// What is held of one shard by key, and what waits.
pub struct Holds {
    keyed: Vec<KeyHold>,
    waiting: VecDeque<(Ordered, Wants)>,
    /// Of what is held or waits, how often each place is needed.
    counts: Box<[u32]>,
    /// Something that needs all keys waits.
    all_wanted: bool,
    /// Something was released since what waits was looked at.
    released: bool,
}

impl Default for Holds {
    fn default() -> Self {
        Self {
            keyed: Vec::new(),
            waiting: VecDeque::new(),
            counts: vec![0; PLACES].into(),
            all_wanted: false,
            released: false,
        }
    }
}

fn place(hash: u64) -> u16 {
    // Bits that neither the directory nor the buckets of a table of some million keys look at.
    (hash >> 24) as u16 % PLACES as u16
}

impl Holds {
    /// Nothing is held by key, and nothing waits.
    #[inline]
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.keyed.is_empty() && self.waiting.is_empty()
    }

    /// Whether an item must wait for one before it.
    #[must_use]
    pub fn conflicts(&self, wants: &Wants) -> bool {
        match wants {
            Wants::All => !self.is_idle(),
            Wants::Keys(places) => {
                self.all_wanted || places.iter().any(|&at| self.counts[usize::from(at)] != 0)
            }
        }
    }

    /// Whether a key with this hash is held, or waited for by something posted.
    #[must_use]
    pub fn has(&self, hash: u64) -> bool {
        self.all_wanted || self.counts[usize::from(place(hash))] != 0
    }

    /// An item waits.
    pub fn wait(&mut self, item: Ordered, wants: Wants) {
        self.count(&wants);
        self.waiting.push_back((item, wants));
    }

    /// A session holds these keys.
    pub fn hold(&mut self, origin: usize, session: u64, wants: Wants) {
        self.count(&wants);
        self.keyed.push(KeyHold { origin, session, wants });
    }

    /// A session holds nothing any more.
    pub fn release(&mut self, origin: usize, session: u64) {
        let of_session = |held: &KeyHold| (held.origin, held.session) == (origin, session);
        if let Some(at) = self.keyed.iter().position(of_session)
            && let Wants::Keys(places) = self.keyed.swap_remove(at).wants
        {
            places.iter().for_each(|&at| self.counts[usize::from(at)] -= 1);
        }
        self.released = !self.waiting.is_empty();
    }

    /// After a release: what waits, to be looked at again from the first. It counts for nothing until it waits again.
    pub fn reopened(&mut self) -> VecDeque<(Ordered, Wants)> {
        self.released = false;
        self.counts.fill(0);
        self.all_wanted = false;
        let keyed = std::mem::take(&mut self.keyed);
        keyed.iter().for_each(|held| self.count(&held.wants));
        self.keyed = keyed;
        std::mem::take(&mut self.waiting)
    }

    /// Whether what waits is to be looked at again.
    #[must_use]
    pub fn has_released(&self) -> bool {
        self.released
    }

    fn count(&mut self, wants: &Wants) {
        match wants {
            Wants::All => self.all_wanted = true,
            Wants::Keys(places) => places.iter().for_each(|&at| self.counts[usize::from(at)] += 1),
        }
    }
}

/// What an item needs of a shard.
#[must_use]
pub fn wants(shard: &Shard, item: &Ordered) -> Wants {
    match item {
        Ordered::Work(work) => of_work(shard, work),
        Ordered::Hold(hold) => wants_of_hold(shard, hold),
        Ordered::Unwatch(_) | Ordered::Subscription(_) | Ordered::Task(_) | Ordered::Loading(_) => Wants::All,
    }
}

/// What a session needs to hold.
#[must_use]
pub fn wants_of_hold(shard: &Shard, hold: &Hold) -> Wants {
    if hold.whole {
        return Wants::All;
    }
    Wants::Keys(hold.wanted.iter().map(|w| place(shard.key(&w.key).hash)).collect())
}

fn of_work(shard: &Shard, work: &Work) -> Wants {
    let mut places = SmallVec::new();
    let mut keys: Vec<KeyRef> = Vec::new();
    let mut first = 0;
    for c in &work.commands {
        let row = spec(c.id);
        let args = work.args_from(first, c);
        first += c.count();
        if row.place != Place::Shard {
            return Wants::All;
        }
        if row.has_one_key() {
            places.push(place(c.hash));
            continue;
        }
        keys_of(row, args, &mut keys);
        places.extend(keys.iter().map(|key| place(shard.key(args.at(key.at as usize)).hash)));
    }
    if let Some(share) = &work.guard {
        places.extend(share.keys.iter().map(|at| place(shard.key(&at.key).hash)));
    } else if work.commands.is_empty() {
        return Wants::All; // it marks a place in the order
    }
    Wants::Keys(places)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::ConnId;
    use crate::work::{WorkCommand, WorkPool};
    use proto::args::OwnedArgs;
    use proto::command::resolve;

    fn work(shard: &Shard, lines: &[&str]) -> Ordered {
        let mut work = WorkPool::default().take(0, ConnId { slot: 0, generation: 0 }, 0);
        for line in lines {
            let own = OwnedArgs::of(line.split(' '));
            let row = resolve(own.args()).unwrap();
            let hash = own.args().get(row.first_key()).map_or(0, |key| shard.key(key).hash);
            work.begin(WorkCommand::new(row.id, 0, hash));
            own.args().iter().for_each(|arg| work.push(arg));
        }
        Ordered::Work(work)
    }

    fn keys(shard: &Shard, names: &[&str]) -> Wants {
        Wants::Keys(names.iter().map(|name| place(shard.key(name.as_bytes()).hash)).collect())
    }

    #[test]
    fn what_a_work_needs() {
        let shard = Shard::new(1, 1);
        let of = |lines: &[&str]| wants(&shard, &work(&shard, lines));
        assert_eq!(of(&["get a", "set b 1"]), keys(&shard, &["a", "b"]));
        assert_eq!(of(&["mset a 1 b 2", "del c d"]), keys(&shard, &["a", "b", "c", "d"]));
        for line in ["dbsize", "flushall", "publish c m", "keys *", "scan 0"] {
            assert_eq!(of(&["get a", line]), Wants::All, "{line}");
        }
        assert_eq!(of(&[]), Wants::All);
    }

    /// The example above.
    #[test]
    fn only_what_shares_a_key_waits_and_in_order() {
        let shard = Shard::new(1, 1);
        let mut holds = Holds::default();
        holds.hold(1, 7, keys(&shard, &["a", "d"]));
        let mut ran = Vec::new();
        let mut post = |holds: &mut Holds, lines: &[&'static str]| {
            let item = work(&shard, lines);
            let wants = wants(&shard, &item);
            if holds.conflicts(&wants) { holds.wait(item, wants) } else { ran.push(lines[0]) }
        };
        post(&mut holds, &["get b"]);
        post(&mut holds, &["set a 1", "get e"]);
        post(&mut holds, &["incr e"]);
        post(&mut holds, &["get f"]);
        post(&mut holds, &["dbsize"]);
        post(&mut holds, &["get g"]);
        assert_eq!(ran, ["get b", "get f"], "nothing passes what needs all keys");
        assert!(!holds.has_released());
        holds.release(1, 7);
        assert!(holds.has_released());
        let again: Vec<Wants> = holds.reopened().into_iter().map(|(_, wants)| wants).collect();
        assert!(holds.is_idle());
        let expected = [keys(&shard, &["a", "e"]), keys(&shard, &["e"]), Wants::All, keys(&shard, &["g"])];
        assert_eq!(again, expected);
    }
}
