//! Garbage: databases that were emptied, freed in slices.
//!
//! Emptying a database of a million keys costs a million frees and would stop a core's loop for a tenth of a
//! second. So FLUSHDB and FLUSHALL only take the table away, SYNC or ASYNC, and the loop frees it between
//! its turns. There is no other thread to hand it to: a core owns its memory.
//!
//! A string is one allocation, and is freed where it is deleted, however long: mimalloc takes back 512 MiB
//! in 13 microseconds, and returns the pages in its own time. Giving a long string back from its end
//! in steps, which helps with glibc (29 ms at once), is what must not be done here: mimalloc does not shrink
//! in place, but copies what is left whenever half is gone, for seconds in all (measured).
//! Large collections ([`crate::value::Object`]) queue here beside the databases.
//!
//! A database that a snapshot has not saved to the end ([`crate::snapshot`]) waits until it has.
//!
//! The queues are bounded: past [`QUEUE_MAX`] waiting databases, or objects, the oldest is freed on the spot, by
//! whoever adds one more. A client that makes garbage faster than slices take it away waits for its own.

use crate::db::{Db, DetachedValue};
use crate::shard::Shard;
use crate::value::Object;
use std::collections::VecDeque;

/// Databases up to this many entries are freed where they are emptied.
const SLICE_ENTRIES: usize = 64;
/// How many databases may wait.
const QUEUE_MAX: usize = 1024;

impl Garbage {
    /// An object waits to be freed.
    fn keep(&mut self, object: Box<Object>) {
        if self.objects.len() >= QUEUE_MAX {
            self.objects.pop_front();
        }
        self.objects.push_back(object);
    }
}

/// What waits to be freed, oldest first.
#[derive(Default)]
pub(crate) struct Garbage {
    dbs: VecDeque<Db>,
    objects: VecDeque<Box<Object>>,
}

impl Shard {
    /// Frees some `entries` entries of garbage. True when more is left.
    pub fn free_slice(&mut self, entries: usize) -> bool {
        self.collect_limbo();
        if let Some(object) = self.garbage.objects.front_mut() {
            if object.free_slice(entries) {
                self.garbage.objects.pop_front();
                self.stats.lazyfreed_objects += 1;
            }
            return self.has_garbage();
        }
        let mut left = entries;
        while left > 0
            && let Some(db) = self.garbage.dbs.front_mut().filter(|db| !db.has_cut())
        {
            let before = db.len();
            let finished = db.free_slice(left);
            let freed = before - db.len();
            self.stats.lazyfreed_objects += freed as u64;
            // An emptied table costs something, too.
            left = if finished { left.saturating_sub(freed.max(1)) } else { 0 };
            let objects: Vec<_> = std::iter::from_fn(|| db.take_limbo()).collect();
            if !objects.is_empty() {
                left = 0;
            }
            if finished {
                self.garbage.dbs.pop_front();
            }
            objects.into_iter().for_each(|object| self.garbage.keep(object));
        }
        self.has_garbage()
    }

    /// Takes over the large objects that commands and expiry have left in the tables.
    fn collect_limbo(&mut self) {
        for db in &mut self.dbs {
            while let Some(object) = db.take_limbo() {
                self.garbage.keep(object);
            }
        }
    }

    /// Takes over what a command has left to be freed on the scratch shard.
    pub fn take_garbage(&mut self, scratch: &mut Shard) {
        scratch.collect_limbo();
        self.garbage.objects.append(&mut scratch.garbage.objects);
    }

    /// Frees a value whose key is gone, later if it is large.
    pub(crate) fn discard_value(&mut self, value: DetachedValue) {
        if let DetachedValue::Object(object) = value
            && object.weight() > SLICE_ENTRIES
        {
            self.garbage.keep(object);
        }
    }

    /// Whether [`Shard::free_slice`] has anything to do.
    #[must_use]
    pub fn has_garbage(&self) -> bool {
        let garbage = &self.garbage;
        garbage.dbs.front().is_some_and(|db| !db.has_cut())
            || !garbage.objects.is_empty()
            || self.dbs.iter().any(Db::has_limbo)
    }

    /// The emptied databases that a snapshot still has to save.
    pub(crate) fn unsaved_garbage(&mut self) -> impl Iterator<Item = &mut Db> {
        self.garbage.dbs.iter_mut().filter(|db| db.has_cut())
    }

    /// Entries that wait, for INFO's `lazyfree_pending_objects`.
    #[must_use]
    pub fn garbage_objects(&self) -> usize {
        self.garbage.dbs.iter().map(Db::len).sum::<usize>() + self.garbage.objects.len()
    }

    /// Frees a database that was emptied, later if it is big.
    pub(crate) fn discard_db(&mut self, db: Db) {
        if db.len() <= SLICE_ENTRIES && !db.has_cut() {
            return;
        }
        if self.garbage.dbs.len() >= QUEUE_MAX
            && let Some(mut oldest) = self.garbage.dbs.pop_front()
        {
            while !oldest.cut_slice(usize::MAX) {}
        }
        self.garbage.dbs.push_back(db);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Bed;

    #[test]
    fn few_keys_leave_no_garbage() {
        let mut bed = Bed::new();
        bed.run(&["set", "k", "v"]);
        bed.run(&["flushall"]);
        assert!(!bed.shard.has_garbage());
        assert!(!bed.shard.free_slice(100));
    }

    #[test]
    fn a_flushed_database_is_freed_in_slices() {
        let mut bed = Bed::new();
        let fill = |bed: &mut Bed| {
            for i in 0..1000 {
                bed.run(&["set", &format!("k{i}"), "v"]);
            }
        };
        for flush in [&["flushdb"][..], &["flushall", "sync"], &["flushdb", "async"]] {
            fill(&mut bed);
            assert_eq!(bed.run(flush), "+OK\r\n");
            assert_eq!(bed.cx.dirty, 1000);
            assert_eq!(bed.run(&["dbsize"]), ":0\r\n");
        }
        assert_eq!(bed.shard.garbage_objects(), 3000);
        assert!(bed.shard.free_slice(64));
        assert!((2900..3000).contains(&bed.shard.garbage_objects()), "a slice is small");
        while bed.shard.free_slice(64) {}
        assert_eq!((bed.shard.garbage_objects(), bed.shard.stats.lazyfreed_objects), (0, 3000));
    }

    #[test]
    fn the_queue_is_bounded() {
        let mut bed = Bed::new();
        let keys: Vec<String> = (0..=SLICE_ENTRIES).map(|i| format!("k{i}")).collect();
        for _ in 0..QUEUE_MAX + 10 {
            for key in &keys {
                let key = bed.shard.key(key.as_bytes());
                bed.shard.dbs[0].set_string(&key, b"v", None, 0);
            }
            bed.shard.flush(0);
        }
        assert_eq!(bed.shard.garbage_objects(), QUEUE_MAX * keys.len());
    }

    #[test]
    fn so_is_that_of_objects() {
        let mut bed = Bed::new();
        let members: Vec<String> = (0..200).map(|i| format!("member{i}")).collect();
        let add: Vec<&str> = ["sadd", "s"].into_iter().chain(members.iter().map(String::as_str)).collect();
        for _ in 0..QUEUE_MAX + 5 {
            bed.run(&add);
            assert_eq!(bed.run(&["del", "s"]), ":1\r\n");
        }
        bed.shard.free_slice(1);
        assert_eq!(bed.shard.garbage_objects(), QUEUE_MAX);
        while bed.shard.free_slice(10_000) {}
        assert_eq!(bed.shard.garbage_objects(), 0);
    }
}
