//! Batches between cores, and the order that makes N shards one Redis.
//!
//! Every core has one [`Mailbox`] with two lanes:
//!
//! * **ordered**: what reads or changes the shard ([`Ordered`]). The owner runs it strictly in
//!   the order in which it was posted.
//! * **direct**: everything else ([`Direct`]): replies on their way back, accepted sockets, what
//!   a session sends to shards it holds ([`crate::core::transaction`]), questions about clients, keyspace notifications ([`crate::core::notify`]). In the order in which
//!   one core posted it; no order between it and the ordered lane.
//!
//! # The order, and why it holds
//!
//! A batch that spans shards is posted to *all* of them under all their mailbox locks at once
//! ([`Mailboxes::post`]): an atomic multicast. The owner of a shard, before it runs anything for
//! connections of its own, drains its mailbox: it does so *after* it received these connections'
//! bytes. Two facts follow:
//!
//! 1. Two batches that meet on two shards are in the same order on both, because their locks
//!    were held together. So no cycle of waiting can arise, and no batch is ever retried.
//! 2. The multicast is the point in time at which the batch takes effect. Whoever has seen a
//!    part of it (on any shard) and then asks another shard is queued behind the rest of it
//!    there: a forwarded request enters that mailbox later, and a local one runs after a drain
//!    that began later.
//!
//! Hence one hop is enough for a pipeline over many shards to take effect in the order it was sent,
//! for every observer, with no lock on keys, no global counter, and no cost at all for a request
//! that stays on one shard. The price: a multicast holds the locks of the shards it spans for as
//! long as pushing a few pointers takes, and one core makes at most one per turn, whatever the number of
//! pipelines in it. (Very lightweight locking, Ren, Thomson and Abadi, VLDB 2013, orders
//! transactions by a global counter and queues intents by key; a consistent multicast order gives
//! the same guarantee with the queue alone.)
//!
//! # Bounds
//!
//! A connection has at most one batch, session or question under way, and the next command is not looked at before it is
//! answered; a client that leaves keeps its place among `maxclients` until then. A batch has a largest size. So a
//! mailbox holds at most some `maxclients` items, and what waits in [`crate::core::holds`] is a part of them. What is posted
//! without an answer is bounded otherwise: notifications and MONITOR's lines by what the other core has not
//! handled yet ([`crate::core::notify`]), "watches no longer" by the WATCH that was answered before it.
//!
//! Replies are bounded while they are written: when one shard's part of a batch has more of them than
//! `client-output-buffer-limit` lets the client have, they are dropped, and the client is closed.
//!
//! # Waking
//!
//! A core that is about to sleep raises `sleeping`, then looks at `pending` once more; a poster
//! publishes, then looks at `sleeping`. With a full fence between on both sides one of them sees
//! the other, so a wake-up cannot be lost, and a core that is awake is never sent one.
//!
//! # Stopping
//!
//! Whoever stops the server raises `stopping` and wakes everybody. A core looks at it before its mailbox, and ends only
//! when that is empty ([`Mailboxes::may_end`]): what had been posted before the stop, by whatever chain of cores
//! and clients, is run and not lost.
//!
//! All of this is tried in every interleaving and every order that weak memory allows by `mailbox/models.rs`, which
//! is why the primitives are a parameter.

#[cfg(test)]
mod models;
pub mod primitives;

use crate::core::notify::Notices;
use crate::io::Waker;
use crate::work::{Direct, Ordered};
use primitives::{Flag, Lock, Primitives, Real};
use smallvec::SmallVec;
use std::sync::OnceLock;
use std::sync::atomic::Ordering;

/// An inbox behind its lock, and that lock held.
type Locked<P> = <P as Primitives>::Lock<Inbox>;
type Guard<'a, P> = <Locked<P> as Lock<Inbox>>::Guard<'a>;

/// What lies in a mailbox, in the order it was posted.
#[derive(Default)]
pub struct Inbox {
    pub ordered: Vec<Ordered>,
    pub direct: Vec<Direct>,
}

impl Inbox {
    fn is_empty(&self) -> bool {
        self.ordered.is_empty() && self.direct.is_empty()
    }
}

/// One core's mailbox. Padded to lines of its own: its flags are read by every core.
#[repr(align(128))]
struct Mailbox<P: Primitives> {
    inbox: Locked<P>,
    pending: P::Flag,
    sleeping: P::Flag,
    waker: OnceLock<Waker>,
}

impl<P: Primitives> Default for Mailbox<P> {
    fn default() -> Self {
        Self {
            inbox: Locked::<P>::default(),
            pending: P::Flag::default(),
            sleeping: P::Flag::default(),
            waker: OnceLock::new(),
        }
    }
}

/// The mailboxes of all cores.
pub struct Mailboxes<P: Primitives = Real> {
    boxes: Box<[Mailbox<P>]>,
    stopping: P::Flag,
}

/// What one core has to post at the end of its turn, by target.
pub struct Outbox {
    lanes: Vec<Inbox>,
    /// Targets with something to post, each once.
    touched: Vec<usize>,
    /// Whether some batch in it spans shards, so that all must be posted as one.
    spans: bool,
}

impl Outbox {
    #[must_use]
    pub fn new(cores: usize) -> Self {
        Self { lanes: (0..cores).map(|_| Inbox::default()).collect(), touched: Vec::new(), spans: false }
    }

    fn lane(&mut self, target: usize) -> &mut Inbox {
        if self.lanes[target].is_empty() {
            self.touched.push(target);
        }
        &mut self.lanes[target]
    }

    /// Queues work for one shard.
    pub fn ordered(&mut self, target: usize, item: Ordered) {
        self.lane(target).ordered.push(item);
    }

    /// Says that what was queued includes a batch over several shards.
    pub fn spans_shards(&mut self) {
        self.spans = true;
    }

    pub fn direct(&mut self, target: usize, item: Direct) {
        self.lane(target).direct.push(item);
    }

    /// Where notifications for a core are added: they travel together, as long as nothing else is posted between.
    pub fn notices(&mut self, target: usize, from: usize) -> &mut Notices {
        let direct = &mut self.lane(target).direct;
        if !matches!(direct.last(), Some(Direct::Notices(_))) {
            direct.push(Direct::Notices(Box::new(Notices::new(from))));
        }
        match direct.last_mut() {
            Some(Direct::Notices(notices)) => notices,
            _ => unreachable!("it was pushed just now"),
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.touched.is_empty()
    }
}

impl Mailboxes {
    /// The server's.
    #[must_use]
    pub fn new(cores: usize) -> Self {
        Self::made_of(cores)
    }
}

impl<P: Primitives> Mailboxes<P> {
    /// With primitives of one's own.
    #[must_use]
    pub fn made_of(cores: usize) -> Self {
        Self { boxes: (0..cores).map(|_| Mailbox::default()).collect(), stopping: P::Flag::default() }
    }

    /// How many cores there are.
    #[must_use]
    pub fn cores(&self) -> usize {
        self.boxes.len()
    }

    /// Says how `core` is woken; once, before it sleeps for the first time.
    pub fn set_waker(&self, core: usize, waker: Waker) {
        let first = self.boxes[core].waker.set(waker).is_ok();
        assert!(first, "a core has one waker");
    }

    /// The waker of a core that has started.
    #[must_use]
    pub fn waker(&self, core: usize) -> Option<&Waker> {
        self.boxes[core].waker.get()
    }

    /// Posts a turn's outbox and calls `wake` for every target that sleeps. All of it becomes
    /// visible at one point in time when any batch in it spans shards.
    pub fn post(&self, out: &mut Outbox, mut wake: impl FnMut(usize, &Waker)) {
        if out.touched.is_empty() {
            return;
        }
        if out.spans && P::LOCKS_ALL {
            self.multicast(out);
        } else {
            for &t in &out.touched {
                let mut guard = self.boxes[t].inbox.lock();
                self.deliver(t, &mut guard, &mut out.lanes[t]);
            }
        }
        P::fence();
        for t in out.touched.drain(..) {
            let mailbox = &self.boxes[t];
            if mailbox.sleeping.load(Ordering::Relaxed)
                && mailbox.sleeping.swap(false, Ordering::Relaxed)
                && let Some(waker) = mailbox.waker.get()
            {
                wake(t, waker);
            }
        }
        out.spans = false;
    }

    /// Posts what is for one of several targets, if they may see it one after the other; false: they may not, or there
    /// is but one. `apart`: as if they always might.
    #[cfg(test)]
    pub fn post_one(&self, out: &mut Outbox, apart: bool, wake: impl FnMut(usize, &Waker)) -> bool {
        if out.touched.len() < 2 || out.spans && !apart {
            return false;
        }
        let target = out.touched.remove(0);
        let mut one = Outbox::new(out.lanes.len());
        std::mem::swap(&mut one.lanes[target], &mut out.lanes[target]);
        one.touched.push(target);
        self.post(&mut one, wake);
        true
    }

    /// Takes the locks in ascending order (so that two multicasts cannot wait for each other),
    /// and lets none go before everything is delivered.
    fn multicast(&self, out: &mut Outbox) {
        out.touched.sort_unstable();
        let mut guards: SmallVec<[Guard<'_, P>; 16]> = SmallVec::new();
        for &t in &out.touched {
            guards.push(self.boxes[t].inbox.lock());
        }
        for (guard, &t) in guards.iter_mut().zip(&out.touched) {
            self.deliver(t, guard, &mut out.lanes[t]);
        }
    }

    /// Moves a lane into a locked inbox, and says so before the lock is let go.
    fn deliver(&self, target: usize, inbox: &mut Inbox, lane: &mut Inbox) {
        inbox.ordered.append(&mut lane.ordered);
        inbox.direct.append(&mut lane.direct);
        self.boxes[target].pending.store(true, Ordering::Release);
    }

    /// Whether something was posted to `core` that it has not drained.
    #[must_use]
    pub fn pending(&self, core: usize) -> bool {
        self.boxes[core].pending.load(Ordering::Acquire)
    }

    /// Takes everything posted to `core`; `into` must be empty (its buffers are reused).
    pub fn drain(&self, core: usize, into: &mut Inbox) {
        debug_assert!(into.is_empty());
        if !self.pending(core) {
            return;
        }
        let mut inbox = self.boxes[core].inbox.lock();
        std::mem::swap(&mut *inbox, into);
        self.boxes[core].pending.store(false, Ordering::Relaxed);
    }

    /// Announces that `core` is about to sleep. False: something has come, it must not.
    #[must_use]
    pub fn may_sleep(&self, core: usize) -> bool {
        self.boxes[core].sleeping.store(true, Ordering::Relaxed);
        P::fence();
        if P::LOOKS_AGAIN && self.pending(core) {
            self.awake(core);
            return false;
        }
        true
    }

    /// `core` is awake again: nobody need wake it.
    pub fn awake(&self, core: usize) {
        self.boxes[core].sleeping.store(false, Ordering::Relaxed);
    }

    /// Tells every core to stop, from any thread.
    pub fn stop(&self) {
        self.raise_stop(|waker| drop(waker.notify())); // it is being read: it cannot be full for long
    }

    /// The same, by another way to wake.
    fn raise_stop(&self, mut wake: impl FnMut(&Waker)) {
        self.stopping.store(true, Ordering::Release);
        self.boxes.iter().filter_map(|mailbox| mailbox.waker.get()).for_each(&mut wake);
    }

    /// Whether the server stops.
    #[inline]
    #[must_use]
    pub fn stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Whether the server stops, and everything that was posted to `core` before that has been drained.
    #[inline]
    #[must_use]
    pub fn may_end(&self, core: usize) -> bool {
        self.stopping() && !(P::EMPTIES_AT_STOP && self.pending(core))
    }

    /// Wakes every core, from a thread that is none of them.
    pub fn wake_all(&self) {
        for mailbox in &self.boxes {
            if let Some(waker) = mailbox.waker.get() {
                let _ = waker.notify(); // it is being read: it cannot be full for long
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::work::Direct;

    fn note(n: u64) -> Direct {
        Direct::Note(n)
    }

    #[test]
    fn a_lane_keeps_its_order_and_is_taken_whole() {
        let boxes = Mailboxes::new(2);
        let mut out = Outbox::new(2);
        for n in 0..5 {
            out.direct(1, note(n));
        }
        boxes.post(&mut out, |_, _| panic!("nobody sleeps"));
        assert!(out.is_empty() && boxes.pending(1) && !boxes.pending(0));
        let mut inbox = Inbox::default();
        boxes.drain(1, &mut inbox);
        let seen: Vec<u64> =
            inbox.direct.iter().map(|d| if let Direct::Note(n) = d { *n } else { 99 }).collect();
        assert_eq!(seen, [0, 1, 2, 3, 4]);
        assert!(!boxes.pending(1));
    }

    #[test]
    fn only_a_sleeper_is_woken_and_only_once() {
        let boxes = Mailboxes::new(2);
        boxes.set_waker(1, Waker::Sim(1));
        assert!(boxes.may_sleep(1));
        let mut woken = 0;
        for _ in 0..3 {
            let mut out = Outbox::new(2);
            out.direct(1, note(0));
            boxes.post(&mut out, |t, _| {
                assert_eq!(t, 1);
                woken += 1;
            });
        }
        assert_eq!(woken, 1);
        assert!(!boxes.may_sleep(1), "something is pending");
    }

    /// Two threads multicast numbered pairs to two mailboxes; both must show one order.
    #[test]
    fn multicasts_are_in_the_same_order_everywhere() {
        let boxes = Mailboxes::new(4);
        std::thread::scope(|s| {
            for poster in 0..2u64 {
                let boxes = &boxes;
                s.spawn(move || {
                    for n in 0..20_000u64 {
                        let mut out = Outbox::new(4);
                        out.direct(3, note(n * 2 + poster));
                        out.direct(2, note(n * 2 + poster));
                        out.spans_shards();
                        boxes.post(&mut out, |_, _| {});
                    }
                });
            }
        });
        let (mut a, mut b) = (Inbox::default(), Inbox::default());
        boxes.drain(2, &mut a);
        boxes.drain(3, &mut b);
        let numbers = |i: &Inbox| i.direct.iter().map(|d| format!("{d:?}")).collect::<Vec<_>>();
        assert_eq!(a.direct.len(), 40_000);
        assert_eq!(numbers(&a), numbers(&b));
    }
}
