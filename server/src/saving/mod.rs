//! Snapshots: `dump.rdb`, from the moment that is cut to the file in its place.
//!
//! ```text
//!   SAVE, BGSAVE, save points, shutdown
//!     |  one task, on all shards at one point of their order      core/fragment.rs
//!     |    every core: the cut, then slices -> temp-PID.N.sI.rdb, through its ring
//!     |  the last core to finish
//!     v
//!   a thread: head, copy_file_range of every fragment, tail -> temp-PID.N.rdb     merge.rs
//!     |  sync, rename to dbfilename, sync of the directory
//!     v
//!   Saves::finished: what INFO tells, whether writes are refused, answers to who waits
//! ```
//!
//! **Invariants.**
//! 1. The cut is one point of the serial order of all commands: it travels as a batch over all shards does
//!    ([`crate::mailbox`]), and waits behind every transaction under way.
//! 2. `dbfilename` is always whole: it is replaced by a rename, of a file that was synced. Nothing else of a save
//!    that has failed stays behind.
//! 3. One save at a time.
//!
//! **Not as in Redis.** SAVE holds up its own client only; others are served meanwhile, as during BGSAVE. FLUSHALL does
//! not write an empty snapshot by itself.

mod merge;

use crate::config::Settings;
use crate::core::state::CoreState;
use crate::io::ConnId;
use crate::log;
use crate::mailbox::Outbox;
use crate::shared::{Shared, StopReason};
use crate::task::Answer;
use crate::work::Direct;
use parking_lot::Mutex;
use persist::rdb::Target;
use persist::rdb::file::Fragment;
use shard::snapshot::Progress;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

/// After a save that has failed, save points wait so long before the next, as in Redis.
const RETRY_SECONDS: i64 = 5;

/// What a save is made for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    Background,
    /// SAVE: as fast as it goes.
    Foreground,
    /// The last thing before the server stops; `force`: also if it fails.
    Stopping {
        force: bool,
        reason: StopReason,
    },
}

/// A client that waits for the end.
#[derive(Clone, Copy, Debug)]
struct Waiter {
    core: usize,
    conn: ConnId,
    transaction: u64,
}

/// A core's part, once it is on disk or has failed.
type Part = Result<(Fragment, Progress), String>;

/// A save under way.
pub struct Save {
    pub why: Why,
    pub began: Instant,
    /// Unix milliseconds of the cut: when the first core made it.
    pub cut_ms: i64,
    pub target: Target,
    pub compress: bool,
    pub checksum: bool,
    dir: PathBuf,
    name: PathBuf,
    number: u64,
    parts: Mutex<Vec<Option<Part>>>,
    left: AtomicUsize,
    waiters: Mutex<Vec<Waiter>>,
    /// Changes so far, of all cores, at the cut.
    pub dirty: AtomicU64,
    pub keys: AtomicU64,
    pub keys_done: AtomicU64,
    pub by_writers: AtomicU64,
    /// Something has failed: the other cores need not go on.
    pub failed: AtomicBool,
}

impl Save {
    /// Where a core writes its fragment.
    #[must_use]
    pub fn fragment_path(&self, core: usize) -> PathBuf {
        self.dir.join(format!("temp-{}.{}.s{core}.rdb", std::process::id(), self.number))
    }

    fn merged_path(&self) -> PathBuf {
        self.dir.join(format!("temp-{}.{}.rdb", std::process::id(), self.number))
    }

    fn final_path(&self) -> PathBuf {
        self.dir.join(&self.name)
    }

    /// A core's part is finished, or has failed. The last one sees to the rest, on a thread of its own: copying and
    /// syncing take as long as the disk takes.
    pub fn part_done(self: &Arc<Self>, shared: &Arc<Shared>, core: usize, part: Part) {
        if part.is_err() {
            self.failed.store(true, Ordering::Relaxed);
        }
        self.parts.lock()[core] = Some(part);
        if self.left.fetch_sub(1, Ordering::AcqRel) > 1 {
            return;
        }
        let (save, of) = (self.clone(), shared.clone());
        let body = move || save.finish(&of);
        if let Err(e) = std::thread::Builder::new().name("save".into()).spawn(body) {
            log::warning(format_args!("Can't start the thread that writes the snapshot: {e}"));
            self.finish(shared);
        }
    }

    fn finish(&self, shared: &Arc<Shared>) {
        let parts: Result<Vec<_>, String> = self.parts.lock().drain(..).flatten().collect();
        let result = parts.and_then(|parts| {
            let fragments: Vec<Fragment> = parts.into_iter().map(|(fragment, _)| fragment).collect();
            merge::merge(self, &fragments, shared)
        });
        for core in 0..shared.cores() {
            let _ = std::fs::remove_file(self.fragment_path(core)); // there may be none
        }
        shared.saves.finished(self, result, shared);
    }
}

/// How the last save went.
#[derive(Clone, Copy, Debug)]
struct Last {
    /// Of the last that succeeded: Unix seconds.
    time: i64,
    is_ok: bool,
    /// Of the last in the background; -1: there was none.
    seconds: i64,
    by_writers: u64,
    /// Unix seconds of the last try.
    tried: i64,
    dirty: u64,
    saves: u64,
}

/// What INFO shows.
#[derive(Clone, Copy, Debug)]
pub struct View {
    pub in_progress: bool,
    /// Seconds since the one under way began; -1: none is.
    pub current_seconds: i64,
    pub last_time: i64,
    pub last_is_ok: bool,
    pub last_seconds: i64,
    pub last_by_writers: u64,
    pub current_by_writers: u64,
    pub keys: u64,
    pub keys_done: u64,
    pub saves: u64,
    /// Changes that the last snapshot does not have.
    pub changes: u64,
}

/// All saves of a server.
pub struct Saves {
    current: Mutex<Option<Arc<Save>>>,
    last: Mutex<Last>,
    number: AtomicU64,
    /// The last one has failed.
    has_failed: AtomicBool,
    /// Another is to follow.
    scheduled: AtomicBool,
    /// A signal asks for the last one: core 0 begins it.
    stop_asked: AtomicBool,
    /// DEBUG SNAPSHOT-CUT 0, for the test that must fail then: every shard makes its cut when it comes to it.
    pub no_cut: AtomicBool,
}

impl Saves {
    #[must_use]
    pub fn new(now_unix: i64) -> Self {
        let last =
            Last { time: now_unix, is_ok: true, seconds: -1, by_writers: 0, tried: 0, dirty: 0, saves: 0 };
        Self {
            current: Mutex::new(None),
            last: Mutex::new(last),
            number: AtomicU64::new(0),
            has_failed: AtomicBool::new(false),
            scheduled: AtomicBool::new(false),
            stop_asked: AtomicBool::new(false),
            no_cut: AtomicBool::new(false),
        }
    }

    /// Begins a save, if none is under way. Every core is to be asked for its part then.
    pub fn begin(&self, why: Why, settings: &Settings, cores: usize, now_ms: i64) -> Option<Arc<Save>> {
        let mut current = self.current.lock();
        if current.is_some() {
            return None;
        }
        let save = Arc::new(Save {
            why,
            began: Instant::now(),
            cut_ms: now_ms,
            target: settings.rdb_target(),
            compress: settings.rdb_compression,
            checksum: settings.rdb_checksum,
            dir: settings.dir.clone(),
            name: settings.dbfilename.clone(),
            number: self.number.fetch_add(1, Ordering::Relaxed),
            parts: Mutex::new((0..cores).map(|_| None).collect()),
            left: AtomicUsize::new(cores),
            waiters: Mutex::default(),
            dirty: AtomicU64::new(0),
            keys: AtomicU64::new(0),
            keys_done: AtomicU64::new(0),
            by_writers: AtomicU64::new(0),
            failed: AtomicBool::new(false),
        });
        self.last.lock().tried = now_ms / 1000;
        *current = Some(save.clone());
        Some(save)
    }

    #[must_use]
    pub fn in_progress(&self) -> bool {
        self.current.lock().is_some()
    }

    /// Another background save follows the one that is under way.
    pub fn schedule(&self) {
        self.scheduled.store(true, Ordering::Relaxed);
    }

    /// Whether writes are refused, since the data cannot be saved as it should.
    #[inline]
    #[must_use]
    pub fn refuses(&self, settings: &Settings) -> bool {
        self.has_failed.load(Ordering::Relaxed)
            && settings.stop_writes_on_bgsave_error
            && !settings.save.is_empty()
    }

    /// Whether the server is to be stopped, with a snapshot where save points ask for one.
    pub fn ask_stop(&self) {
        self.stop_asked.store(true, Ordering::SeqCst);
    }

    fn finished(&self, save: &Save, result: Result<(), String>, shared: &Arc<Shared>) {
        let seconds = save.began.elapsed().as_secs() as i64;
        let is_ok = result.is_ok();
        {
            let mut last = self.last.lock();
            last.is_ok = is_ok;
            last.by_writers = save.by_writers.load(Ordering::Relaxed);
            if save.why == Why::Background {
                last.seconds = seconds;
            }
            if is_ok {
                last.time = merge::unix_seconds();
                last.dirty = save.dirty.load(Ordering::Relaxed);
                last.saves += 1;
            }
        }
        self.has_failed.store(!is_ok, Ordering::Relaxed);
        match (&result, save.why) {
            (Ok(()), Why::Background) => {
                log::notice(format_args!("DB saved on disk"));
                log::notice(format_args!("Background saving terminated with success"));
            }
            (Ok(()), _) => log::notice(format_args!("DB saved on disk")),
            (Err(why), Why::Background) => {
                log::warning(format_args!("{why}"));
                log::warning(format_args!("Background saving error"));
            }
            (Err(why), _) => log::warning(format_args!("Error saving DB on disk: {why}")),
        }
        *self.current.lock() = None;
        if let Why::Stopping { force, reason } = save.why {
            self.stop(save, is_ok || force, reason, shared);
        }
        save.answer(is_ok, shared);
    }

    fn stop(&self, _save: &Save, may: bool, reason: StopReason, shared: &Arc<Shared>) {
        if may {
            return shared.stop(reason);
        }
        log::warning(format_args!("Error trying to save the DB, can't exit."));
        log::warning(format_args!(
            "Errors trying to shut down the server. Check the logs for more information."
        ));
        for core in 0..shared.cores() {
            post(shared, core, Direct::Thaw);
        }
    }

    #[must_use]
    pub fn view(&self, dirty: u64) -> View {
        let (current, last) = (self.current.lock().clone(), *self.last.lock());
        let of =
            |what: fn(&Save) -> &AtomicU64| current.as_ref().map_or(0, |s| what(s).load(Ordering::Relaxed));
        let in_background = current.as_ref().filter(|save| save.why == Why::Background);
        View {
            in_progress: in_background.is_some(),
            current_seconds: in_background.map_or(-1, |save| save.began.elapsed().as_secs() as i64),
            last_time: last.time,
            last_is_ok: last.is_ok,
            last_seconds: last.seconds,
            last_by_writers: last.by_writers,
            current_by_writers: of(|s| &s.by_writers),
            keys: of(|s| &s.keys),
            keys_done: of(|s| &s.keys_done),
            saves: last.saves,
            changes: dirty.saturating_sub(last.dirty),
        }
    }

    /// What core 0 is to begin now, of itself.
    fn due(&self, settings: &Settings, dirty: u64, now_unix: i64) -> Option<Why> {
        if self.in_progress() {
            return None;
        }
        if self.stop_asked.swap(false, Ordering::SeqCst) {
            return Some(Why::Stopping { force: false, reason: StopReason::Signal });
        }
        if self.scheduled.swap(false, Ordering::Relaxed) {
            return Some(Why::Background);
        }
        let last = *self.last.lock();
        let changes = dirty.saturating_sub(last.dirty);
        let point = settings.save.iter().find(|point| {
            changes >= point.changes && now_unix.saturating_sub(last.time) > point.seconds as i64
        })?;
        if !last.is_ok && now_unix.saturating_sub(last.tried) <= RETRY_SECONDS {
            return None;
        }
        log::notice(format_args!("{} changes in {} seconds. Saving...", point.changes, point.seconds));
        Some(Why::Background)
    }
}

impl Save {
    /// Tells everyone who waits how it ended.
    fn answer(&self, is_ok: bool, shared: &Arc<Shared>) {
        for Waiter { core, conn, transaction } in self.waiters.lock().drain(..) {
            let answer = Answer::Number(i64::from(is_ok));
            post(shared, core, Direct::Answer { conn, transaction, core: 0, answer });
        }
    }

    /// A client of `core` is to be told the end, under this number.
    pub fn waits(&self, core: usize, conn: ConnId, transaction: u64) {
        self.waiters.lock().push(Waiter { core, conn, transaction });
    }
}

/// Posts to a core from a thread that is none.
fn post(shared: &Shared, core: usize, message: Direct) {
    let mut out = Outbox::new(shared.cores());
    out.direct(core, message);
    shared.mailboxes.post(&mut out, |_, waker| {
        let _ = waker.notify(); // it is being read: it cannot be full for long
    });
}

impl CoreState {
    /// What core 0 looks at by the clock: save points, a save that was scheduled, a stop that a signal asked for.
    pub fn save_when_due(&mut self) {
        let shared = self.shared.clone();
        if shared.loading.is_active() {
            if shared.saves.stop_asked.swap(false, Ordering::SeqCst) {
                shared.stop(StopReason::Signal); // what is there is in the file
            }
            return;
        }
        let dirty = shared.sum(|s| &s.dirty);
        let Some(why) = shared.saves.due(&self.settings, dirty, self.now.unix_ms() / 1000) else { return };
        match why {
            Why::Stopping { .. } if self.settings.save.is_empty() => shared.stop(StopReason::Signal),
            Why::Stopping { .. } => {
                log::warning(format_args!("User requested shutdown..."));
                log::notice(format_args!("Saving the final RDB snapshot before exiting."));
                self.begin_save(why);
            }
            _ => {
                self.begin_save(why);
            }
        }
    }
}

/// What `dir` is called in messages.
fn shown(path: &Path) -> std::path::Display<'_> {
    path.display()
}
