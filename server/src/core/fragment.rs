//! A core's part of a snapshot: the cut, and then, between turns, the shard's entries into a file of its own.
//!
//! ```text
//!   task at the cut: begin_fragment        shard.begin_snapshot, the file is made
//!   slices:  snapshot_slice ... a block ... FileOp::Write ---- at most UNDER_WAY_MAX bytes
//!   the last block written: Save::part_done
//! ```
//!
//! What commands save before they change it is not paced by the slices. So while more than `snapshot-buffer-limit` bytes wait
//! for the disk, commands wait, too ([`CoreState::is_behind_with_fragment`]).

use super::files::FileOwner;
use super::state::CoreState;
use crate::io::{File, FileOp};
use crate::saving::{Save, Why};
use crate::task::{Answer, Task};
use crate::work::Ordered;
use persist::rdb::file::{Fragment, Options};
use shard::snapshot::{Plan, Progress};
use std::fs::OpenOptions;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Bytes of a block.
const BLOCK: usize = 512 << 10;
/// Bytes that may be on their way to the file while the walk goes on.
const UNDER_WAY_MAX: usize = 4 << 20;
/// Buckets looked at between two readings of the clock.
const BUCKETS: usize = 4;
/// A background save takes a third of the time that commands took since its last slice, so a quarter of a busy core; but
/// never less than this, in nanoseconds: of an idle core it gets nearly all.
const SLICE_NS_MIN: u64 = 30_000;

/// A fragment under way.
pub struct Writing {
    save: Arc<Save>,
    file: File,
    /// Where the next block goes.
    at: u64,
    /// Bytes on their way.
    under_way: usize,
    /// Buffers to be used again.
    blocks: Vec<Vec<u8>>,
    told: Progress,
    /// When its last slice ended, in monotonic nanoseconds.
    rested_ns: u64,
    /// All has been handed to the backend.
    end: Option<(Fragment, Progress)>,
    failure: Option<String>,
}

impl CoreState {
    /// Begins a save, if none is under way: asks every core for its part, at one point of their order.
    pub fn begin_save(&mut self, why: Why) -> Option<Arc<Save>> {
        let save = self.new_save(why)?;
        let run = cut_task(&save);
        for core in 0..self.shared.cores() {
            // Nobody is to be told: the name of no connection.
            let conn = crate::io::ConnId { slot: u32::MAX, generation: 0 };
            let task = Task { run: run.clone(), origin: self.index, conn, transaction: 0 };
            self.outbox.ordered(core, Ordered::Task(task));
        }
        if self.shared.cores() > 1 {
            self.outbox.spans_shards();
        }
        Some(save)
    }

    /// A save whose cores have not been asked yet.
    pub fn new_save(&mut self, why: Why) -> Option<Arc<Save>> {
        let (settings, cores) = (self.settings.clone(), self.shared.cores());
        self.shared.saves.begin(why, &settings, cores, self.now.unix_ms())
    }

    /// The cut.
    fn begin_fragment(&mut self, save: &Arc<Save>) {
        let stats = &self.shared.stats[self.index];
        save.dirty.fetch_add(stats.dirty.get(), Ordering::Relaxed);
        save.keys.fetch_add(self.shard.dbs.iter().map(|db| db.len() as u64).sum(), Ordering::Relaxed);
        if matches!(save.why, Why::Stopping { .. }) {
            self.frozen = true;
        }
        if self.loading {
            // It was asked for just before the load began: half of a data set must not replace the whole.
            return save.part_done(&self.shared, self.index, Err("the data set is being loaded".into()));
        }
        let path = save.fragment_path(self.index);
        let file = match OpenOptions::new().write(true).create(true).truncate(true).open(&path) {
            Ok(file) => File::Fd(Arc::new(file.into())),
            Err(e) => {
                let why = format!(
                    "Failed opening the temp RDB file {}: {}",
                    path.display(),
                    crate::config::os_reason(&e)
                );
                return save.part_done(&self.shared, self.index, Err(why));
            }
        };
        let options = Options { compress: save.compress, checksum: save.checksum, ..Options::default() };
        self.shard.begin_snapshot(Plan { options, target: save.target, now_ms: save.cut_ms });
        self.fragment = Some(Box::new(Writing {
            save: save.clone(),
            file,
            at: 0,
            under_way: 0,
            blocks: Vec::new(),
            told: Progress::default(),
            rested_ns: 0,
            end: None,
            failure: None,
        }));
    }

    /// Whether there is something to do now.
    #[must_use]
    pub fn fragment_pending(&self) -> bool {
        let Some(writing) = &self.fragment else { return false };
        self.files.has_results(FileOwner::Snapshot)
            || (writing.end.is_none() && writing.under_way < UNDER_WAY_MAX)
    }

    /// Whether so much waits for the disk that commands must wait.
    #[inline]
    #[must_use]
    pub fn is_behind_with_fragment(&self) -> bool {
        self.fragment.as_ref().is_some_and(|writing| {
            writing.under_way + self.shard.snapshot_waiting() > self.settings.snapshot_buffer_limit
        })
    }

    /// Goes on with the fragment until `end_ns` by `clock`.
    pub fn fragment_slice(&mut self, clock: &impl Fn() -> u64, end_ns: u64) {
        let Some(mut writing) = self.fragment.take() else { return };
        for done in self.take_file_results(FileOwner::Snapshot) {
            writing.under_way -= done.bytes.len();
            writing.blocks.push(done.bytes);
            if let Err(e) = done.result {
                let path = writing.save.fragment_path(self.index);
                let why = crate::config::os_reason(&e);
                writing
                    .failure
                    .get_or_insert(format!("Write error saving DB on disk: {}: {why}", path.display()));
            }
        }
        if writing.failure.is_none() && writing.save.failed.load(Ordering::Relaxed) {
            writing.failure = Some("Another shard's part has failed".into());
        }
        if writing.failure.is_some() && writing.end.is_none() {
            self.shard.abandon_snapshot();
            writing.end = Some((Fragment::default(), Progress::default()));
        }
        let end_ns = writing.paced(clock(), end_ns);
        // A clock that stands still, as a simulated one within a turn, must not keep us here.
        for _ in 0..4096 {
            if writing.end.is_some() || writing.under_way >= UNDER_WAY_MAX {
                break;
            }
            let is_whole = self.shard.snapshot_slice(BUCKETS);
            if is_whole || self.shard.snapshot_waiting() >= BLOCK {
                self.write_block(&mut writing, is_whole);
            }
            if clock() >= end_ns {
                break;
            }
        }
        writing.rested_ns = clock();
        writing.tell(self.shard.snapshot_progress());
        match writing.end.take() {
            Some(end) if writing.under_way == 0 => {
                let part = writing.failure.take().map_or(Ok(end), Err);
                writing.save.part_done(&self.shared, self.index, part);
            }
            end => {
                writing.end = end;
                self.fragment = Some(writing);
            }
        }
    }

    fn write_block(&mut self, writing: &mut Writing, is_last: bool) {
        let mut bytes = writing.blocks.pop().unwrap_or_default();
        if is_last {
            writing.end = self.shard.end_snapshot(&mut bytes);
            if let Some((_, progress)) = &writing.end {
                writing.tell(*progress);
            }
        } else {
            self.shard.take_snapshot_block(&mut bytes);
        }
        if bytes.is_empty() {
            return;
        }
        let (offset, len) = (writing.at, bytes.len());
        writing.at += len as u64;
        writing.under_way += len;
        self.start_file_op(
            FileOwner::Snapshot,
            &writing.file,
            FileOp::Write { offset, bytes, durable: false },
        );
    }
}

impl Writing {
    /// When the slice that begins now is to end, at `end_ns` at the latest.
    fn paced(&self, now_ns: u64, end_ns: u64) -> u64 {
        if self.save.why != Why::Background {
            return end_ns;
        }
        let busy = now_ns.saturating_sub(self.rested_ns);
        end_ns.min(now_ns.saturating_add((busy / 3).max(SLICE_NS_MIN)))
    }

    /// Adds to the save's figures what is new.
    fn tell(&mut self, progress: Progress) {
        if progress.keys < self.told.keys {
            return; // it has ended, and was told then
        }
        self.save.keys_done.fetch_add(progress.keys - self.told.keys, Ordering::Relaxed);
        self.save.by_writers.fetch_add(progress.by_writers - self.told.by_writers, Ordering::Relaxed);
        self.told = progress;
    }
}

/// What every core does at the cut.
#[must_use]
pub fn cut_task(save: &Arc<Save>) -> crate::task::Run {
    let save = save.clone();
    Arc::new(move |core: &mut CoreState| {
        if core.shared.saves.no_cut.load(Ordering::Relaxed) {
            // Far enough apart for others to come between.
            std::thread::sleep(std::time::Duration::from_millis(10 * core.index as u64));
        }
        core.begin_fragment(&save);
        Answer::Nothing
    })
}
