//! The table's side of a snapshot without fork: every entry as it was at one moment, while
//! writes go on.
//!
//! Each home bucket has a version: the epoch of its last change. [`Db::start_cut`] begins a new epoch, so
//! that every bucket is older than the cut. From then on a bucket is handed to the cut's hook exactly
//! once: by [`Db::cut_slice`], which walks the table in the background, or by the first
//! writer that is about to change it, whichever comes first. Both stamp it with the new epoch.
//!
//! - *Home* bucket, because displacement moves entries between physical ones; a home's entries
//!   move together only when a segment splits, and then both halves inherit its version.
//! - Buddies do not merge during a cut: one may have been saved and the other not.
//! - A writer pays for one bucket (some ten entries) at most, and only once a cut.
//! - The walk asks the cache for some buckets' entries together, so that it does not wait for each.
//! - The cut is part of its table, with the place where its walk stands: SWAPDB moves it, and FLUSHALL takes it along
//!   with the old contents ([`Db::take`]), where the walk goes on before anything is freed.

use super::bucket::Bucket;
use super::db::Db;
use super::entry::Entry;
use super::key::home;
use super::segment::Segment;
use super::spill::Spill;

/// Receives the entries of a cut, each as it was when the cut began. The key's bucket is handed over whole.
pub type BeforeChange = Box<dyn FnMut(&Entry) + Send>;

/// Buckets of a walk that are asked for together.
const TOGETHER: usize = 8;

/// A cut under way.
pub(super) struct Cut {
    save: BeforeChange,
    /// Where its walk goes on, as in a SCAN.
    cursor: u64,
}

/// To be called before anything changes under the home bucket of `hash`.
#[inline]
pub(super) fn before_change(
    segment: &mut Segment,
    hash: u64,
    epoch: u32,
    cut: &mut Option<Box<Cut>>,
    spill: &Spill,
) {
    if segment.buckets[home(hash)].version != epoch {
        first_change(segment, hash, epoch, cut, spill);
    }
}

#[cold]
fn first_change(segment: &mut Segment, hash: u64, epoch: u32, cut: &mut Option<Box<Cut>>, spill: &Spill) {
    let at = home(hash);
    if let Some(cut) = cut {
        segment.visit_home(at, &mut cut.save);
        if segment.buckets[at].spilled {
            spill.visit_home(hash, segment.head.depth, at, &mut cut.save);
        }
    }
    segment.buckets[at].version = epoch;
}

impl Db {
    /// Begins a cut: `save` will see every entry of this moment exactly once.
    pub fn start_cut(&mut self, save: BeforeChange) {
        debug_assert!(self.cut.is_none(), "one cut at a time");
        self.epoch = self.epoch.wrapping_add(1);
        self.cut = Some(Box::new(Cut { save, cursor: 0 }));
    }

    /// Saves up to `buckets` home buckets that no writer has saved yet. True when the cut is complete, or there
    /// is none: its hook is gone then.
    pub fn cut_slice(&mut self, buckets: usize) -> bool {
        let mut left = buckets;
        while left > 0
            && let Some(at) = self.cut.as_ref().map(|cut| cut.cursor)
        {
            let mut group = [0; TOGETHER];
            let (n, cursor) = self.steps(at, &mut group[..TOGETHER.min(left)]);
            left -= n;
            for &hash in &group[..n] {
                if let Some(segment) = self.directory.get_mut(hash) {
                    before_change(segment, hash, self.epoch, &mut self.cut, &self.spill);
                }
            }
            match (cursor, &mut self.cut) {
                (0, cut) => *cut = None,
                (_, Some(cut)) => cut.cursor = cursor,
                _ => {}
            }
        }
        self.cut.is_none()
    }

    /// The next steps of a walk, as hashes of their buckets, with what they will read on its way into the cache; how
    /// many, and where the walk goes on (0: nowhere).
    fn steps(&self, mut cursor: u64, hashes: &mut [u64]) -> (usize, u64) {
        let mut n = 0;
        while n < hashes.len()
            && let Some((hash, next)) = self.walk(cursor)
        {
            self.prefetch_bucket(hash);
            (hashes[n], cursor) = (hash, next);
            n += 1;
            if cursor == 0 {
                break;
            }
        }
        for &hash in &hashes[..n] {
            if let Some(segment) = self.directory.get(hash)
                && segment.buckets[home(hash)].version != self.epoch
            {
                segment.prefetch_home(home(hash));
            }
        }
        (n, if n == 0 { 0 } else { cursor })
    }

    /// Whether entries of a cut are still to be saved.
    #[inline]
    #[must_use]
    pub fn has_cut(&self) -> bool {
        self.cut.is_some()
    }

    /// Gives a cut up.
    pub fn drop_cut(&mut self) {
        self.cut = None;
    }

    /// The epoch that changes are stamped with now.
    #[must_use]
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// The epoch of the last change in the home bucket of `hash`; `None` where nothing is.
    #[must_use]
    pub fn bucket_version(&self, hash: u64) -> Option<u32> {
        let bucket: &Bucket = &self.directory.get(hash)?.buckets[home(hash)];
        Some(bucket.version)
    }
}
