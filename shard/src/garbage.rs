//! Garbage: what was deleted and is too big to be freed in one go.
//!
//! Emptying a database of a million keys costs a million frees; giving back a string of 512 MiB costs the
//! kernel 131,072 pages, tens of milliseconds. Either would stop a core's loop, so both are only unlinked
//! by the command, and freed in slices between the turns of the loop. There is no other thread to hand
//! them to: a core owns its memory.
//!
//! A unit of work is one entry of a database, or [`UNIT_BYTES`] of a big string. A string is given back
//! from its end, by shrinking its buffer: allocators (glibc's `mremap`, jemalloc's in-place shrink) return
//! the tail without moving what is left.
//!
//! The queues are bounded: past [`QUEUE_MAX`] waiting items the oldest is freed on the spot, by whoever
//! adds one more. A client that makes garbage faster than slices take it away waits for its own.

use crate::db::{Db, Detached, DetachedValue};
use crate::shard::Shard;
use std::collections::VecDeque;

/// Strings up to this many bytes are freed where they are deleted: 256 pages, some 20 microseconds.
pub const SLICE_BYTES: usize = 1 << 20;
/// What one unit of work gives back of a big string.
pub const UNIT_BYTES: usize = 16 << 10;
/// Databases up to this many entries are freed where they are emptied.
const SLICE_ENTRIES: usize = 64;
/// How many databases, and how many values, may wait.
const QUEUE_MAX: usize = 1024;

/// What waits to be freed.
#[derive(Default)]
pub(crate) struct Garbage {
    dbs: VecDeque<Db>,
    values: VecDeque<Vec<u8>>,
}

impl Shard {
    /// Frees garbage, `units` of work at most. True when more is left.
    pub fn free_slice(&mut self, units: usize) -> bool {
        let mut left = units;
        while left > 0 {
            let done = if self.garbage.dbs.is_empty() { self.free_value(left) } else { self.free_db(left) };
            if done == 0 {
                break;
            }
            left = left.saturating_sub(done);
        }
        self.has_garbage()
    }

    /// Whether [`Shard::free_slice`] has anything to do.
    #[must_use]
    pub fn has_garbage(&self) -> bool {
        !self.garbage.dbs.is_empty() || !self.garbage.values.is_empty()
    }

    /// Entries and values that wait, for INFO's `lazyfree_pending_objects`.
    #[must_use]
    pub fn garbage_objects(&self) -> usize {
        self.garbage.values.len() + self.garbage.dbs.iter().map(Db::len).sum::<usize>()
    }

    /// Frees a value that was deleted, later if it is big.
    pub(crate) fn discard(&mut self, value: Detached) {
        if let DetachedValue::Bytes(bytes, _) = value.value
            && bytes.capacity() > SLICE_BYTES
        {
            if self.garbage.values.len() >= QUEUE_MAX {
                self.garbage.values.pop_front();
            }
            self.garbage.values.push_back(bytes);
        }
    }

    /// Frees a database that was emptied, later if it is big.
    pub(crate) fn discard_db(&mut self, mut db: Db) {
        if db.len() <= SLICE_ENTRIES {
            while !db.free_slice(SLICE_ENTRIES) {}
            return;
        }
        if self.garbage.dbs.len() >= QUEUE_MAX {
            self.garbage.dbs.pop_front();
        }
        self.garbage.dbs.push_back(db);
    }

    /// One slice of the oldest database; how many units it took.
    fn free_db(&mut self, units: usize) -> usize {
        let Some(db) = self.garbage.dbs.front_mut() else { return 0 };
        let before = db.len();
        let finished = db.free_slice(units);
        let freed = before - db.len();
        if finished {
            self.garbage.dbs.pop_front();
        }
        self.stats.lazyfreed_objects += freed as u64;
        if finished { freed.max(1) } else { units }
    }

    /// One slice of the oldest value; how many units it took.
    fn free_value(&mut self, units: usize) -> usize {
        let Some(bytes) = self.garbage.values.front_mut() else { return 0 };
        let slice = units.saturating_mul(UNIT_BYTES);
        if bytes.capacity() <= slice {
            let taken = bytes.capacity().div_ceil(UNIT_BYTES);
            self.garbage.values.pop_front();
            self.stats.lazyfreed_objects += 1;
            return taken.max(1);
        }
        let rest = bytes.capacity() - slice;
        bytes.truncate(rest);
        bytes.shrink_to(rest);
        units
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Bed;

    #[test]
    fn a_big_string_is_freed_in_slices() {
        let mut bed = Bed::new();
        let big = vec![b'x'; 4 * SLICE_BYTES];
        for delete in [&["del", "big"][..], &["unlink", "big"], &["set", "big", "small"], &["getdel", "big"]]
        {
            bed.run_bytes(&[b"set".as_slice(), b"big", &big]);
            bed.run(delete);
            assert!(bed.shard.has_garbage(), "{delete:?}");
            let slices = (1..).find(|_| !bed.shard.free_slice(SLICE_BYTES / UNIT_BYTES)).unwrap();
            assert!((4..=5).contains(&slices), "{slices} slices");
            bed.run(&["del", "big"]);
        }
        assert_eq!(bed.shard.stats.lazyfreed_objects, 4);
    }

    #[test]
    fn small_values_leave_no_garbage() {
        let mut bed = Bed::new();
        bed.run(&["set", "k", "v"]);
        bed.run(&["del", "k"]);
        bed.run(&["flushall"]);
        assert!(!bed.shard.has_garbage());
        assert!(!bed.shard.free_slice(100));
    }

    #[test]
    fn a_flushed_database_is_freed_in_slices() {
        let mut bed = Bed::new();
        for i in 0..1000 {
            bed.run(&["set", &format!("k{i}"), "v"]);
        }
        assert_eq!(bed.run(&["flushdb"]), "+OK\r\n");
        assert_eq!(bed.run(&["dbsize"]), ":0\r\n");
        assert_eq!(bed.shard.garbage_objects(), 1000);
        while bed.shard.free_slice(64) {}
        assert_eq!((bed.shard.garbage_objects(), bed.shard.stats.lazyfreed_objects), (0, 1000));
    }

    #[test]
    fn the_queues_are_bounded() {
        let mut bed = Bed::new();
        for _ in 0..QUEUE_MAX + 10 {
            bed.shard.discard(Detached {
                value: DetachedValue::Bytes(Vec::with_capacity(SLICE_BYTES + 1), false),
                expire_at: None,
                lru: 0,
            });
        }
        assert_eq!(bed.shard.garbage_objects(), QUEUE_MAX);
    }
}
