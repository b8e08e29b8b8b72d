//! The order of the table, and the walks along it: SCAN and RANDOMKEY.
//!
//! **The order** is (home bucket, hash prefix): all segments' bucket 0 by the top bits of the
//! hash, then all segments' bucket 1, and so on. A cursor is a place in it:
//!
//! ```text
//!   29      24 23                      0
//!  +----------+-------------------------+
//!  |  home    |  prefix: top 24 bits    |     0 before the first step and after the last
//!  +----------+-------------------------+
//! ```
//!
//! **SCAN's promise** (a key that is there from the first step to the last is seen at least once)
//! follows from three facts. A key's place in the order depends on its hash alone, and no split, merge,
//! displacement or stash changes it. One step visits *all* entries of one home bucket of one segment,
//! which is all keys in an interval of the order that contains the cursor. The next cursor is the
//! interval's end. So the intervals of a whole walk cover the order without a gap, whatever the
//! segments were at each step. When segments merge in between, the interval begins before the
//! cursor and some keys are seen twice, which SCAN allows.
//!
//! Why not segment by segment, which is kinder to the hardware's prefetcher: a merge would then join buckets
//! before the cursor with buckets behind it, and keys could be missed. Here the table may shrink.
//!
//! A step costs one bucket and its entries, some ten; in a sparse table it may see none.

use super::db::Db;
use super::directory::first_hash;
use super::entry::Entry;
use super::key::{DEPTH_MAX, Key, home, home_begin, place, prefix};
use super::segment::{HOMES, SEGMENT_SLOTS};

/// Random tries before [`Db::random`] looks for the next entry in order. A try hits with some 30 %, in a
/// table that has shrunk as far as it goes with some 12 %: then one call in 5,000 comes that far.
const RANDOM_TRIES: usize = 64;

impl Db {
    /// The step at `cursor`: a hash of its home bucket, and the next cursor (0 at the end). `None` for a
    /// cursor that is none, or in an empty table.
    pub(super) fn walk(&self, cursor: u64) -> Option<(u64, u64)> {
        let home = (cursor >> DEPTH_MAX) as usize;
        let at = (cursor & ((1 << DEPTH_MAX) - 1)) as u32;
        if cursor >> DEPTH_MAX >= HOMES as u64 {
            return None;
        }
        let (_, next) = self.directory.at_prefix(at)?;
        let hash = first_hash(at) | home_begin(home);
        let mut cursor = ((home as u64) << DEPTH_MAX) + u64::from(next);
        if cursor >> DEPTH_MAX == HOMES as u64 {
            cursor = 0;
        }
        Some((hash, cursor))
    }

    /// Visits the entries of one step; returns the next cursor, 0 at the end. Every key that is
    /// there from the first step to the last is visited at least once.
    pub fn scan<'a>(&'a self, cursor: u64, visit: &mut dyn FnMut(&'a Entry)) -> u64 {
        let Some((hash, next)) = self.walk(cursor) else { return 0 };
        let Some(segment) = self.directory.get(hash) else { return 0 };
        let at = home(hash);
        segment.visit_home(at, visit);
        if segment.buckets[at].spilled {
            self.spill.visit_home(hash, segment.head.depth, at, visit);
        }
        next
    }

    /// The cursor at which [`Db::scan`] finds a key, whether it is there or not; below 2^30.
    #[must_use]
    pub fn place(key: &Key<'_>) -> u32 {
        place(key.hash)
    }

    /// A random entry; `random` supplies uniform 64-bit numbers. Every entry is as likely as
    /// any other, except that in a table with almost no entry left the nearest one is taken.
    pub fn random(&self, random: &mut dyn FnMut() -> u64) -> Option<&Entry> {
        if self.len == 0 {
            return None;
        }
        if self.spill.len() > 0 && (random() % self.len as u64) < self.spill.len() as u64 {
            return self.spill.nth((random() % self.spill.len() as u64) as usize);
        }
        (0..RANDOM_TRIES).find_map(|_| self.random_try(random())).or_else(|| self.random_near(random()))
    }

    /// Picks a segment by the top bits and a slot by the others, both uniformly; most tries fail.
    fn random_try(&self, random: u64) -> Option<&Entry> {
        let segment = self.directory.get(random)?;
        if !self.directory.is_first_place(random) {
            return None;
        }
        // The low 32 bits: the directory uses 24 of the others.
        let slot = ((random & 0xffff_ffff) * SEGMENT_SLOTS as u64) >> 32;
        segment.at(slot as usize)
    }

    /// An entry of the first segment that has one, from a random place on.
    fn random_near(&self, random: u64) -> Option<&Entry> {
        let mut at = prefix(random);
        for _ in 0..=self.directory.segments() {
            let (segment, next) = self.directory.at_prefix(at)?;
            if segment.head.len > 0 {
                return segment.nth((random & 0xffff_ffff) as usize % usize::from(segment.head.len));
            }
            at = next % (1 << DEPTH_MAX);
        }
        self.spill.nth(0)
    }
}
