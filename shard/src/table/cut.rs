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
//! - FLUSHALL during a cut takes the cut along with the old contents ([`Db::take`]): the walk goes on there.

use super::bucket::Bucket;
use super::db::Db;
use super::entry::Entry;
use super::key::home;
use super::segment::Segment;
use super::spill::Spill;

/// Receives the entries of a cut, each as it was when the cut began. The key's bucket is handed over whole.
pub type BeforeChange = Box<dyn FnMut(&Entry) + Send>;

/// To be called before anything changes under the home bucket of `hash`.
#[inline]
pub(super) fn before_change(
    segment: &mut Segment,
    hash: u64,
    epoch: u32,
    cut: &mut Option<BeforeChange>,
    spill: &Spill,
) {
    if segment.buckets[home(hash)].version != epoch {
        first_change(segment, hash, epoch, cut, spill);
    }
}

#[cold]
fn first_change(segment: &mut Segment, hash: u64, epoch: u32, cut: &mut Option<BeforeChange>, spill: &Spill) {
    let at = home(hash);
    if let Some(save) = cut {
        segment.visit_home(at, save);
        if segment.buckets[at].spilled {
            spill.visit_home(hash, segment.head.depth, at, save);
        }
    }
    segment.buckets[at].version = epoch;
}

impl Db {
    /// Begins a cut: `save` will see every entry of this moment exactly once.
    pub fn start_cut(&mut self, save: BeforeChange) {
        debug_assert!(self.cut.is_none(), "one cut at a time");
        self.epoch = self.epoch.wrapping_add(1);
        self.cut = Some(save);
    }

    /// Saves up to `buckets` home buckets that no writer has saved yet; returns the next cursor, 0
    /// when the cut is complete.
    pub fn cut_slice(&mut self, cursor: u64, buckets: usize) -> u64 {
        let mut at = cursor;
        for _ in 0..buckets {
            let Some((hash, next)) = self.walk(at) else { return 0 };
            if let Some(segment) = self.directory.get_mut(hash) {
                before_change(segment, hash, self.epoch, &mut self.cut, &self.spill);
            }
            at = next;
            if at == 0 {
                break;
            }
        }
        at
    }

    /// Ends a cut, complete or not, and gives the hook back.
    pub fn end_cut(&mut self) -> Option<BeforeChange> {
        self.cut.take()
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
