//! Consumer groups: what was given to whom and is not acknowledged yet.
//!
//! ```text
//!   pending      id -> Nack { consumer: 1, delivered, count }   ordered, of the whole group
//!   consumers    0: -                                            a free place
//!                1: "ann"  seen, active, pending { id, id, ... } ordered, of this one
//!   by name      "ann" -> 1
//! ```
//! Invariant: an id is pending at the group if and only if it is pending at exactly one consumer, the one that
//! its [`Nack`] names. A consumer is named by the number of its place, 4 bytes a pending entry where its name or a
//! shared pointer to it would take 16; a place is used again when its consumer is deleted, by when no
//! entry names it.
//!
//! Everything is O(log n). Two ordered sets and no hash: XPENDING, XAUTOCLAIM and reads of the history walk
//! ranges of both.

use super::{StreamId, sampled};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A consumer's place in its group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConsumerRef(u32);

/// An entry that was delivered and is not acknowledged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Nack {
    /// Whom it was delivered to last.
    pub consumer: ConsumerRef,
    /// When, in Unix milliseconds.
    pub delivered_ms: i64,
    /// How often.
    pub count: u64,
}

#[derive(Clone, Debug)]
pub struct Consumer {
    pub name: Arc<[u8]>,
    /// When it last asked for anything, in Unix milliseconds.
    pub seen_ms: i64,
    /// When it last was given anything, in Unix milliseconds; `None` if never.
    pub active_ms: Option<i64>,
    pending: BTreeSet<StreamId>,
}

impl Consumer {
    /// The ids of what it was given and has not acknowledged.
    #[must_use]
    pub fn pending(&self) -> &BTreeSet<StreamId> {
        &self.pending
    }

    fn memory(&self) -> usize {
        size_of::<Self>() + 2 * (self.name.len() + ARC_OVERHEAD) + self.pending.len() * ID_BYTES
    }
}

/// Bytes of a shared name besides its text, and its place in the index.
const ARC_OVERHEAD: usize = 28;
/// Bytes that an id takes in an ordered set; leaves are some two thirds full.
const ID_BYTES: usize = 24;
/// Bytes that a pending entry takes in the group's map.
const NACK_BYTES: usize = 60;
/// Pending entries that share an allocation, about.
const PER_LEAF: usize = 8;

/// A consumer group.
#[derive(Clone, Debug)]
pub struct Group {
    /// The last entry delivered to anybody.
    pub last_id: StreamId,
    /// The number of that entry since the stream began, where it is known.
    pub entries_read: Option<i64>,
    pending: BTreeMap<StreamId, Nack>,
    places: Vec<Option<Consumer>>,
    by_name: BTreeMap<Arc<[u8]>, ConsumerRef>,
    free: Vec<ConsumerRef>,
}

impl Group {
    #[must_use]
    pub const fn new(last_id: StreamId, entries_read: Option<i64>) -> Self {
        Self {
            last_id,
            entries_read,
            pending: BTreeMap::new(),
            places: Vec::new(),
            by_name: BTreeMap::new(),
            free: Vec::new(),
        }
    }

    /// What is not acknowledged, by id.
    #[must_use]
    pub fn pending(&self) -> &BTreeMap<StreamId, Nack> {
        &self.pending
    }

    /// The consumers, by name.
    pub fn consumers(&self) -> impl ExactSizeIterator<Item = &Consumer> {
        self.by_name.values().map(|&at| self.consumer(at))
    }

    #[must_use]
    pub fn find(&self, name: &[u8]) -> Option<ConsumerRef> {
        self.by_name.get(name).copied()
    }

    /// # Panics
    /// When the consumer was deleted: nothing keeps a reference across that.
    #[must_use]
    pub fn consumer(&self, at: ConsumerRef) -> &Consumer {
        match &self.places[at.0 as usize] {
            Some(consumer) => consumer,
            None => unreachable!("a pending entry names a consumer that is gone"),
        }
    }

    /// As [`Group::consumer`].
    pub fn consumer_mut(&mut self, at: ConsumerRef) -> &mut Consumer {
        match &mut self.places[at.0 as usize] {
            Some(consumer) => consumer,
            None => unreachable!("a pending entry names a consumer that is gone"),
        }
    }

    /// The consumer of this name, a new one if there is none; true if it is new.
    pub fn find_or_create(&mut self, name: &[u8], now_ms: i64) -> (ConsumerRef, bool) {
        if let Some(at) = self.find(name) {
            return (at, false);
        }
        let name: Arc<[u8]> = name.into();
        let consumer =
            Consumer { name: name.clone(), seen_ms: now_ms, active_ms: None, pending: BTreeSet::new() };
        let at = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            ConsumerRef(self.places.len() as u32 - 1) // 2^32 consumers are 400 GiB
        });
        self.places[at.0 as usize] = Some(consumer);
        self.by_name.insert(name, at);
        (at, true)
    }

    /// Deletes a consumer and forgets what is pending there; how much that was, `None` without such a one.
    pub fn remove_consumer(&mut self, name: &[u8]) -> Option<usize> {
        let at = self.by_name.remove(name)?;
        let consumer = self.places[at.0 as usize].take()?;
        self.free.push(at);
        for id in &consumer.pending {
            self.pending.remove(id);
        }
        Some(consumer.pending.len())
    }

    /// Puts down that the entry was given to this consumer, as `nack` says; whoever had it before loses it.
    pub fn assign(&mut self, id: StreamId, nack: Nack) {
        let before = self.pending.insert(id, nack).map(|old| old.consumer);
        if before != Some(nack.consumer) {
            if let Some(before) = before {
                self.consumer_mut(before).pending.remove(&id);
            }
            self.consumer_mut(nack.consumer).pending.insert(id);
        }
    }

    /// The pending entry of this id, to be changed; its consumer is changed by [`Group::assign`] only.
    pub fn redelivered(&mut self, id: StreamId, now_ms: i64) {
        if let Some(nack) = self.pending.get_mut(&id) {
            nack.delivered_ms = now_ms;
            nack.count = nack.count.wrapping_add(1);
        }
    }

    /// Forgets a pending entry; whether there was one.
    pub fn acknowledge(&mut self, id: StreamId) -> bool {
        let Some(nack) = self.pending.remove(&id) else { return false };
        self.consumer_mut(nack.consumer).pending.remove(&id);
        true
    }

    pub(super) fn memory(&self, samples: usize) -> usize {
        let consumers = sampled(self.consumers(), samples, Consumer::memory);
        size_of::<Self>() + self.pending.len() * NACK_BYTES + consumers
    }

    pub(super) fn weight(&self) -> usize {
        // Every pending entry stands in two sets.
        2 * self.by_name.len() + 2 * self.pending.len() / PER_LEAF
    }

    /// Frees some `budget` allocations' worth, and takes that off the budget; true when little is left.
    pub(super) fn free_slice(&mut self, budget: &mut usize) -> bool {
        while *budget > 0 {
            *budget -= 1;
            let pending = (0..PER_LEAF).take_while(|_| self.pending.pop_first().is_some()).count();
            if pending > 0 {
                continue;
            }
            let Some(Some(consumer)) = self.places.last_mut() else {
                if self.places.pop().is_some() {
                    continue;
                }
                return self.free_names(budget);
            };
            if (0..PER_LEAF).take_while(|_| consumer.pending.pop_first().is_some()).count() == 0 {
                self.places.pop();
            }
        }
        false
    }

    fn free_names(&mut self, budget: &mut usize) -> bool {
        while *budget > 0 && self.by_name.pop_first().is_some() {
            *budget -= 1;
        }
        self.by_name.is_empty()
    }

    /// Panics unless the invariant holds.
    #[cfg(test)]
    pub(in crate::value) fn check(&self) {
        let there = self.places.iter().flatten().count();
        assert_eq!(there, self.by_name.len());
        assert_eq!(there + self.free.len(), self.places.len());
        let mut pending = 0;
        for (name, &at) in &self.by_name {
            let consumer = self.consumer(at);
            assert_eq!(consumer.name, *name);
            pending += consumer.pending.len();
            assert!(consumer.pending.iter().all(|id| self.pending[id].consumer == at));
        }
        assert_eq!(pending, self.pending.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(ms: u64) -> StreamId {
        StreamId::new(ms, 0)
    }

    #[test]
    fn an_entry_is_pending_at_one_consumer() {
        let mut group = Group::new(id(0), None);
        let (ann, new) = group.find_or_create(b"ann", 1);
        assert!(new && !group.find_or_create(b"ann", 2).1);
        let (bob, _) = group.find_or_create(b"bob", 1);
        let nack = |consumer| Nack { consumer, delivered_ms: 5, count: 1 };
        for ms in 1..10 {
            group.assign(id(ms), nack(ann));
        }
        group.assign(id(3), nack(bob));
        group.assign(id(3), nack(bob));
        group.check();
        assert_eq!((group.consumer(ann).pending().len(), group.consumer(bob).pending().len()), (8, 1));
        assert!(group.acknowledge(id(3)) && !group.acknowledge(id(3)));
        assert_eq!(group.remove_consumer(b"ann"), Some(8));
        assert_eq!(group.remove_consumer(b"ann"), None);
        group.check();
        assert!(group.pending().is_empty());
        let (eve, _) = group.find_or_create(b"eve", 1);
        assert_eq!(eve, ann, "the free place is used again");
        group.check();
    }

    #[test]
    fn redelivery_counts() {
        let mut group = Group::new(id(0), None);
        let (consumer, _) = group.find_or_create(b"ann", 1);
        group.assign(id(1), Nack { consumer, delivered_ms: 5, count: 1 });
        group.redelivered(id(1), 9);
        group.redelivered(id(2), 9);
        assert_eq!(group.pending()[&id(1)], Nack { consumer, delivered_ms: 9, count: 2 });
        assert_eq!(group.pending().len(), 1);
    }
}
