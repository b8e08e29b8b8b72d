//! A shard's part of a snapshot: all its keys as they were at one moment, written into a fragment while commands run on.
//!
//! ```text
//!   begin (the cut, at one point of the order on all shards)
//!     every Db: start_cut ------------------------------.
//!   slices between turns: Db::cut_slice, bucket by bucket --> Writing: Saver -> Body
//!   commands: the first change of a bucket saves it ---'          |
//!   take_block, whenever enough has gathered <--------------------'  ... to the fragment's file
//!   end: Fragment, once no Db has anything unsaved
//! ```
//!
//! **Invariant.** The fragment holds exactly the entries that were there when [`Shard::begin_snapshot`] was called, each with
//! the value and the expiry of that moment, each once: `table/cut.rs` sees to it for every table, and whoever takes
//! a table away (FLUSHALL) or exchanges it (SWAPDB) takes its cut along. Expired keys that nobody has met are
//! entries like others, as in Redis: who loads the file drops them.
//!
//! **Cost.** A walk's slice is as long as the caller says. A writer pays for the bucket that it changes first. What
//! has been written and not been taken lies in memory ([`Shard::snapshot_waiting`]): whoever calls bounds it, by
//! not asking for slices, and by not running commands, while too much waits for the disk.
//!
//! A value is written whole, so that a step is as long as its largest value.

#[cfg(test)]
mod tests;

use crate::db::Entry;
use crate::settings::Settings;
use crate::shard::Shard;
use crate::value::rdb::{Saved, Saver};
use persist::rdb::Target;
use persist::rdb::file::{Body, Fragment, Options};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How a snapshot is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Plan {
    pub options: Options,
    /// `rdb-version`
    pub target: Target,
    /// Unix milliseconds of the cut.
    pub now_ms: i64,
}

/// How far a snapshot is, and what it cost.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Progress {
    /// Keys written.
    pub keys: u64,
    /// Bytes of them that a writer had to write, before it changed them.
    pub by_writers: u64,
    /// Hashes written without the expiries of their fields, which the version does not have.
    pub lost_expiries: u64,
}

/// A snapshot under way.
pub(crate) struct Snapshot {
    writing: Arc<Mutex<Writing>>,
}

/// Where entries are written; shared with the hooks in the tables, all on one thread.
struct Writing {
    body: Body,
    settings: Settings,
    plan: Plan,
    progress: Progress,
    /// It is the walk that saves now, not a writer.
    walks: bool,
}

impl Writing {
    fn save(&mut self, db: u64, entry: &Entry) {
        let saver = Saver { settings: &self.settings, target: self.plan.target, now_ms: self.plan.now_ms };
        let before = self.body.len();
        let saved = saver.save(&mut self.body, db, entry);
        self.progress.keys += 1;
        self.progress.lost_expiries += u64::from(saved == Saved::WithoutExpiries);
        if !self.walks {
            self.progress.by_writers += self.body.len() - before;
        }
    }
}

impl Snapshot {
    fn writing(&self) -> MutexGuard<'_, Writing> {
        lock(&self.writing)
    }
}

/// A panic while an entry was written ends the process; until then there is nothing better than to go on.
fn lock(writing: &Mutex<Writing>) -> MutexGuard<'_, Writing> {
    writing.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shard {
    /// The cut: what is here now is what the snapshot holds. Nothing is written yet.
    ///
    /// # Panics
    /// A snapshot is under way.
    pub fn begin_snapshot(&mut self, plan: Plan) {
        assert!(self.snapshot.is_none(), "one snapshot at a time");
        let (body, settings) = (Body::new(plan.options), self.settings.clone());
        let progress = Progress::default();
        let writing = Arc::new(Mutex::new(Writing { body, settings, plan, progress, walks: false }));
        for (index, db) in self.dbs.iter_mut().enumerate().filter(|(_, db)| !db.is_empty()) {
            let writing = writing.clone();
            db.start_cut(Box::new(move |entry| lock(&writing).save(index as u64, entry)));
        }
        self.snapshot = Some(Snapshot { writing });
    }

    /// Whether a snapshot is under way.
    #[inline]
    #[must_use]
    pub fn has_snapshot(&self) -> bool {
        self.snapshot.is_some()
    }

    /// Looks at the next so many buckets; true when all has been saved.
    pub fn snapshot_slice(&mut self, buckets: usize) -> bool {
        let Some(snapshot) = self.snapshot.take() else { return true };
        snapshot.writing().walks = true;
        let next = self.dbs.iter_mut().find(|db| db.has_cut());
        let is_whole = match next {
            Some(db) => {
                db.cut_slice(buckets);
                false
            }
            None => self.unsaved_garbage().next().map(|db| db.cut_slice(buckets)).is_none(),
        };
        snapshot.writing().walks = false;
        self.snapshot = Some(snapshot);
        is_whole
    }

    /// Bytes written that nobody has taken.
    #[must_use]
    pub fn snapshot_waiting(&self) -> usize {
        self.snapshot.as_ref().map_or(0, |snapshot| snapshot.writing().body.waiting())
    }

    #[must_use]
    pub fn snapshot_progress(&self) -> Progress {
        self.snapshot.as_ref().map_or_else(Progress::default, |snapshot| snapshot.writing().progress)
    }

    /// Takes what has been written; `block` is emptied, and written into next.
    pub fn take_snapshot_block(&mut self, block: &mut Vec<u8>) {
        match &self.snapshot {
            Some(snapshot) => snapshot.writing().body.take(block),
            None => block.clear(),
        }
    }

    /// Ends a snapshot all of whose entries are saved; the last block is left in `block`. `None`: there is none, or it is
    /// not at its end.
    pub fn end_snapshot(&mut self, block: &mut Vec<u8>) -> Option<(Fragment, Progress)> {
        let is_unsaved = self.dbs.iter().any(|db| db.has_cut()) || self.unsaved_garbage().next().is_some();
        if is_unsaved {
            return None;
        }
        // The hooks are gone with their cuts, so that nobody else holds it.
        let writing = Arc::into_inner(self.snapshot.take()?.writing)?;
        let writing = writing.into_inner().unwrap_or_else(PoisonError::into_inner);
        Some((writing.body.finish(block), writing.progress))
    }

    /// Gives a snapshot up.
    pub fn abandon_snapshot(&mut self) {
        self.snapshot = None;
        self.dbs.iter_mut().for_each(|db| db.drop_cut());
        self.unsaved_garbage().for_each(|db| db.drop_cut());
    }
}
