//! Deadlines in the order of time, for what must be found when its time comes: the fields of a large hash,
//! and the hashes of a database by the first of their fields.
//!
//! ```text
//!   (Unix ms, place) -> how many          place = | home | prefix |, 30 bits: a cursor of SCAN
//!   (17..002, 0x2a41) -> 1
//!   (17..002, 0xc003) -> 2
//!   (17..940, 0x2a41) -> 1
//! ```
//!
//! No key is kept twice: where it lies follows from its hash, never changes while it is there, and is exactly
//! what SCAN calls a cursor ([`Db::place`](super::Db::place)). Whoever is to act on a deadline scans that one
//! place, some ten entries, and takes those that are due. Two entries of one place and one time are counted.
//!
//! The counts are exact: whatever adds, changes or removes an entry tells this index in the same step, so that
//! it holds as many deadlines as there are, no more. Some 25 bytes each, O(log n) a change.
//!
//! Why not a wheel or a heap: neither removes a deadline that was changed. Why not sampling, as keys expire:
//! a hash of a million fields would be walked again and again for the few that are due.

use std::collections::BTreeMap;

/// About how many bytes of a B-tree an entry takes, its nodes being two thirds full.
const ENTRY_BYTES: usize = (size_of::<(i64, u32)>() + size_of::<u32>()) * 3 / 2;

/// How many deadlines there are at which time, and where.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Deadlines {
    counts: BTreeMap<(i64, u32), u32>,
    len: usize,
}

impl Deadlines {
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The earliest deadline, Unix milliseconds, and its place.
    #[inline]
    #[must_use]
    pub fn first(&self) -> Option<(i64, u32)> {
        if self.len == 0 {
            return None;
        }
        self.counts.first_key_value().map(|(&first, _)| first)
    }

    /// How many lie before `ms`: O(that many).
    #[must_use]
    pub fn before(&self, ms: i64) -> usize {
        self.counts.range(..(ms, 0)).map(|(_, &count)| count as usize).sum()
    }

    pub fn add(&mut self, ms: i64, place: u32) {
        *self.counts.entry((ms, place)).or_default() += 1;
        self.len += 1;
    }

    /// Takes back one deadline that was added.
    pub fn remove(&mut self, ms: i64, place: u32) {
        let count = self.counts.get_mut(&(ms, place));
        debug_assert!(count.is_some(), "no deadline at {ms}, {place:x}");
        let Some(count) = count else { return };
        self.len -= 1;
        *count -= 1;
        if *count == 0 {
            self.counts.remove(&(ms, place));
        }
    }

    /// Forgets up to `budget` of them; how many.
    pub fn free_slice(&mut self, budget: usize) -> usize {
        let mut freed = 0;
        while freed < budget
            && let Some((_, count)) = self.counts.pop_first()
        {
            self.len -= count as usize;
            freed += 1;
        }
        freed
    }

    /// Heap bytes, about.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.counts.len() * ENTRY_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_ones_are_counted() {
        let mut deadlines = Deadlines::default();
        for (ms, place) in [(5, 1), (3, 9), (5, 1), (4, 0)] {
            deadlines.add(ms, place);
        }
        assert_eq!((deadlines.len(), deadlines.first()), (4, Some((3, 9))));
        assert_eq!((deadlines.before(3), deadlines.before(5), deadlines.before(6)), (0, 2, 4));
        deadlines.remove(3, 9);
        deadlines.remove(5, 1);
        assert_eq!((deadlines.len(), deadlines.first()), (2, Some((4, 0))));
        assert_eq!((deadlines.free_slice(1), deadlines.first()), (1, Some((5, 1))));
        assert_eq!((deadlines.free_slice(9), deadlines.is_empty()), (1, true));
        assert_eq!((deadlines.first(), deadlines.memory()), (None, 0));
    }
}
