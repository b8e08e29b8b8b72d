//! Finding what has expired, a slice at a time.
//!
//! The walk goes segment by segment, bucket by bucket, and looks at the `ttl` bitmaps only: a
//! segment without expiries costs one step, a bucket without costs a word, and an entry without is not touched.
//! It has no promise to keep but to come round, so it takes the order that memory likes.
//!
//! ```text
//!  cursor:  29                      6 5      0
//!          +-------------------------+--------+
//!          |  prefix: top 24 bits    | bucket |
//!          +-------------------------+--------+
//! ```
//!
//! On its way it averages how long the keys it sees still have, for INFO's `avg_ttl`.

use super::db::{At, Db};
use super::directory::first_hash;
use super::entry::Entry;
use super::key::DEPTH_MAX;
use super::segment::{BUCKETS, Pos};
use super::value::Detached;

const BUCKET_BITS: u32 = 6;
const _: () = assert!(BUCKETS < 1 << BUCKET_BITS);

/// A running mean: a slice's mean moves it by a fiftieth, as in Redis.
#[derive(Default)]
pub(super) struct AverageTtl {
    mean_ms: i64,
    sum_ms: i64,
    count: i64,
}

impl AverageTtl {
    fn add(&mut self, left_ms: i64) {
        self.sum_ms = self.sum_ms.saturating_add(left_ms);
        self.count += 1;
    }

    fn end_slice(&mut self) {
        if self.count == 0 {
            return;
        }
        let slice = self.sum_ms / self.count;
        self.mean_ms = if self.mean_ms == 0 { slice } else { self.mean_ms / 50 * 49 + slice / 50 };
        (self.sum_ms, self.count) = (0, 0);
    }
}

impl Db {
    /// An estimate of the mean time that keys with an expiry have left, milliseconds; from what
    /// [`Db::expire_slice`] saw, 0 before it saw any.
    #[must_use]
    pub fn average_ttl_ms(&self) -> i64 {
        if self.expires == 0 { 0 } else { self.average_ttl.mean_ms }
    }

    /// Visits up to `buckets` buckets from `cursor` and hands over every entry with an expiry
    /// at or before `now_ms`, removed; returns the next cursor, 0 after a whole round.
    pub fn expire_slice(
        &mut self,
        cursor: u64,
        buckets: usize,
        now_ms: i64,
        reaped: &mut dyn FnMut(&[u8], Detached),
    ) -> u64 {
        let mut at = cursor;
        for _ in 0..buckets {
            at = if self.expires == 0 { 0 } else { self.expire_step(at, now_ms, reaped) };
            if at == 0 {
                self.expire_spilled(now_ms, reaped);
                break;
            }
        }
        self.average_ttl.end_slice();
        at
    }

    /// One bucket, or one segment without expiries.
    fn expire_step(&mut self, cursor: u64, now_ms: i64, reaped: &mut dyn FnMut(&[u8], Detached)) -> u64 {
        let bucket = (cursor & ((1 << BUCKET_BITS) - 1)) as usize;
        if cursor >> (BUCKET_BITS + DEPTH_MAX) != 0 || bucket >= BUCKETS {
            return 0;
        }
        let at = (cursor >> BUCKET_BITS) as u32;
        let Some((segment, next)) = self.directory.at_prefix(at) else { return 0 };
        let next = (u64::from(next) % (1 << DEPTH_MAX)) << BUCKET_BITS;
        if segment.head.ttl_len == 0 {
            return next;
        }
        let before = self.len;
        while self.expire_pass(at, bucket, now_ms, reaped) {}
        if self.len != before {
            self.shrink(first_hash(at), true);
        }
        if bucket + 1 < BUCKETS { cursor + 1 } else { next }
    }

    /// Goes over one bucket. True when something was removed: then displaced entries may have moved
    /// home into the gaps, and another pass looks at them.
    fn expire_pass(
        &mut self,
        at: u32,
        bucket: usize,
        now_ms: i64,
        reaped: &mut dyn FnMut(&[u8], Detached),
    ) -> bool {
        let Some(segment) = self.directory.get(first_hash(at)) else { return false };
        segment.prefetch_ttl(bucket);
        let before = self.len;
        for pos in segment.places(bucket, true) {
            self.expire_at(at, pos, now_ms, reaped);
        }
        self.len != before
    }

    /// Removes and hands over an entry of the segment at a prefix, if its time has come.
    fn expire_at(&mut self, at: u32, pos: Pos, now_ms: i64, reaped: &mut dyn FnMut(&[u8], Detached)) {
        let Some(segment) = self.directory.get(first_hash(at)) else { return };
        // A removal just before may have moved a displaced entry home.
        if !segment.has_ttl(pos) {
            return;
        }
        let Some(time) = segment.entry(pos).expire_at() else { return };
        if time > now_ms {
            self.average_ttl.add(time - now_ms);
            return;
        }
        let hash = segment.hash_of(pos);
        let mut entry = self.remove_at(hash, &At::Segment(pos));
        let value = entry.detach();
        reaped(entry.get().key(), value);
    }

    /// The spill, once a round: it is empty unless hashes collide on purpose.
    fn expire_spilled(&mut self, now_ms: i64, reaped: &mut dyn FnMut(&[u8], Detached)) {
        let dead = |e: &Entry| e.expire_at().is_some_and(|t| t <= now_ms);
        let keys: Vec<_> =
            self.spill.iter().filter(|(_, e)| dead(e)).map(|(h, e)| (h, Box::from(e.key()))).collect();
        for (hash, key) in keys {
            let mut entry = self.remove_at(hash, &At::Spill(key));
            let value = entry.detach();
            reaped(entry.get().key(), value);
        }
    }
}
