//! Loading an RDB file beside the cores, which go on answering clients.
//!
//! ```text
//!   loading::load                 begin ......... tell what goes on, once in a while ......... end
//!   loader threads                  read -> decode -> batches by owner --+        (read.rs, courier.rs)
//!   cores                                                                +-> Shard::load  (core.rs)
//!   clients meanwhile               -LOADING, but for commands that are allowed   (core/route.rs)
//! ```
//!
//! | module      | what it does                                                                          |
//! |-------------|---------------------------------------------------------------------------------------|
//! | `start`     | when the server starts: the file, if there is one; the end, if it cannot be read      |
//! | `reload`    | DEBUG RELOAD                                                                          |
//! | `read`      | a file, or a part of one, told to the courier key by key                              |
//! | `teller`    | what is done with each record                                                         |
//! | `courier`   | batches from a loader thread to the cores and back                                    |
//! | `file`      | blocks of a file on disk                                                              |
//! | `core`      | a core's side: batches taken in, commands refused, the beginning and the end          |
//! | `progress`  | what INFO and the log tell                                                            |
//!
//! **Threads.** A file with the field of parts ([`persist::rdb::file::Parts`]) is read by as many threads as there are
//! cores, each taking the next part when it has done one; any other file by one thread, since where a record begins
//! is only known when the one before it has been read. All may run on every CPU that has a shard, beside the cores: these
//! have little to do while they put keys into tables, and the kernel shares the CPUs out.
//!
//! **Order.** A load begins at one point of the order of commands on all shards, and ends at one, as a batch over all
//! shards does ([`crate::mailbox`]); when the server starts, it has begun before any command. Between the two a shard answers
//! -LOADING to what would touch its keys, also to what was posted by a core that had not begun yet; a session that
//! wants to hold the shard waits for the end. So nobody sees half of a data set.
//!
//! **Bounds.** A loader thread has at most [`courier::UNDER_WAY_MAX`] batches under way and one open for each core, with
//! [`courier::OPEN_BYTES_MAX`] bytes in all of them; beyond that it waits for a core. A core
//! takes them in between its turns, in slices, as all that it does in the background ([`crate::core::slices`]).
//!
//! **What is wrong.** The first failure of any thread ends the load, and the sentence that tells of it names the file, the
//! byte and the reason. Nothing is written: the file stays as it is.

pub mod core;
mod courier;
mod file;
pub mod progress;
mod read;
pub mod reload;
pub mod start;
mod teller;

use crate::core::slices::shard_settings;
use crate::host::cpus;
use crate::log;
use crate::mailbox::Outbox;
use crate::shared::Shared;
use crate::work::{Direct, Ordered};
use crossbeam_channel::{RecvTimeoutError, bounded};
use file::Source;
use parking_lot::Mutex;
use persist::rdb::file::{Parts, Rules, Verified};
use shard::settings::Settings as ShardSettings;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

pub use self::core::{Stage, Turn, is_refused};
pub use courier::Delivery;

/// How long a thread waits at most before it looks whether the server stops.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How often the log tells how far a long load is.
const TELL_EVERY: Duration = Duration::from_secs(5);

/// Why nothing, or not all, was loaded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Trouble {
    /// There is no such file.
    Missing,
    /// The server stops.
    Stopping,
    /// A sentence for the log.
    Failed(String),
}

/// Which lane a stage takes to the cores.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lane {
    /// At one point of the order of commands.
    Ordered,
    /// At once: a session holds all shards, and this is its point of the order.
    Direct,
}

/// What the threads of one load share.
struct Job<'s> {
    shared: &'s Shared,
    source: Source,
    rules: Rules,
    settings: ShardSettings,
    /// Of the directive `databases`.
    databases: u64,
    /// Keys that are there already are replaced.
    replace: bool,
    /// Unix milliseconds at the beginning: what expires before is left out.
    now_ms: i64,
    loaders: usize,
    /// Known once the head has been read.
    parts: Mutex<Option<PartsOf>>,
    next_part: AtomicUsize,
    failed: AtomicBool,
    trouble: Mutex<Option<Trouble>>,
}

/// A file that is read in parts, and what has been summed up of it.
struct PartsOf {
    parts: Parts,
    version: u16,
    head: u64,
    sums: Vec<u64>,
}

impl Job<'_> {
    /// Whether there is no use in going on.
    fn is_over(&self) -> bool {
        self.failed.load(Ordering::Relaxed) || self.shared.stopping()
    }

    /// Notes the first trouble; the others are its consequences.
    fn fail(&self, trouble: Trouble) {
        self.trouble.lock().get_or_insert(trouble);
        self.failed.store(true, Ordering::Relaxed);
    }
}

/// Loads a file into the shards, which have begun to load ([`begin`]) and hold nothing else, or what is to be kept. To be
/// called from a thread that is no core's. When it returns, everything is in the shards, or there is trouble.
///
/// # Errors
/// See [`Trouble`]; something may have been loaded.
pub fn load(shared: &Shared, path: &Path, replace: bool) -> Result<(), Trouble> {
    let settings = shared.settings();
    let source = Source::open(path)?;
    shared.loading.start(source.len());
    let job = Job {
        shared,
        source,
        rules: Rules {
            checksum: settings.rdb_checksum && !shared.any_checksum.load(Ordering::Relaxed),
            ..Rules::default()
        },
        settings: shard_settings(&settings, shared),
        databases: settings.databases as u64,
        replace,
        now_ms: unix_ms(),
        loaders: shared.cores(),
        parts: Mutex::new(None),
        next_part: AtomicUsize::new(0),
        failed: AtomicBool::new(false),
        trouble: Mutex::new(None),
    };
    run(&job)?;
    job.source.is_not_needed();
    shared.loading.log_counts();
    Ok(())
}

/// Reads the head, and the rest by as many threads as can be of use.
fn run(job: &Job<'_>) -> Result<(), Trouble> {
    let verified = by_threads(job, 1, read::whole_or_head)?;
    let Some(parts) = job.parts.lock().as_ref().map(|of| of.parts.lens.len()) else {
        tell_of_checksum(verified.into_iter().flatten().next());
        return Ok(());
    };
    by_threads(job, job.loaders.min(parts), read::parts)?;
    let parts = job.parts.lock().take();
    let verified = match parts {
        Some(of) => read::verify(job, &of)?,
        None => Verified::Ignored,
    };
    tell_of_checksum(Some(verified));
    Ok(())
}

fn tell_of_checksum(verified: Option<Verified>) {
    if verified == Some(Verified::Absent) {
        log::notice(format_args!("RDB file was saved with checksum disabled: no check performed."));
    }
}

/// Runs `body` on some loader threads and tells how far they are until the last one has ended.
fn by_threads<T: Send>(
    job: &Job<'_>,
    threads: usize,
    body: impl Fn(&Job<'_>) -> T + Sync,
) -> Result<Vec<T>, Trouble> {
    let (done, ends) = bounded(threads);
    let cpus: Vec<usize> = job.shared.facts.lock().iter().flatten().map(|facts| facts.cpu).collect();
    let results = std::thread::scope(|scope| {
        let (body, cpus) = (&body, &cpus);
        for n in 0..threads {
            let done = done.clone();
            let run = move || {
                if !cpus.is_empty()
                    && let Err(e) = cpus::spread(cpus)
                {
                    log::debug(format_args!("A loader thread stays where it is: {e}"));
                }
                let _ = done.send(body(job)); // there is room for every thread's
            };
            let builder = std::thread::Builder::new().name(format!("percore-load-{n}"));
            if let Err(e) = builder.spawn_scoped(scope, run) {
                job.fail(Trouble::Failed(format!("Can't start a thread that loads: {e}")));
                break;
            }
        }
        drop(done);
        wait(job, &ends)
    });
    if job.shared.stopping() {
        return Err(Trouble::Stopping);
    }
    match job.trouble.lock().take() {
        Some(trouble) => Err(trouble),
        None => Ok(results),
    }
}

/// Waits for all threads; long loads are told of.
fn wait<T>(job: &Job<'_>, ends: &crossbeam_channel::Receiver<T>) -> Vec<T> {
    let (mut results, mut tell_at) = (Vec::new(), Instant::now() + TELL_EVERY);
    loop {
        match ends.recv_deadline(tell_at) {
            Ok(result) => results.push(result),
            Err(RecvTimeoutError::Disconnected) => return results,
            Err(RecvTimeoutError::Timeout) => {
                job.shared.loading.log_progress(unix_ms() / 1000);
                tell_at += TELL_EVERY;
            }
        }
    }
}

/// Has all cores take a stage, and waits until the last one has.
///
/// # Errors
/// [`Trouble::Stopping`].
pub fn take_stage(shared: &Shared, stage: Stage, lane: Lane) -> Result<(), Trouble> {
    let cores = shared.cores();
    let (done, taken) = bounded(cores);
    let mut out = Outbox::new(cores);
    for core in 0..cores {
        let turn = Turn { stage, done: done.clone() };
        match lane {
            Lane::Ordered => out.ordered(core, Ordered::Loading(turn)),
            Lane::Direct => out.direct(core, Direct::Loading(turn)),
        }
    }
    if cores > 1 {
        out.spans_shards();
    }
    post(shared, &mut out);
    for _ in 0..cores {
        while let Err(RecvTimeoutError::Timeout) = taken.recv_timeout(LOOK_EVERY) {
            if shared.stopping() {
                return Err(Trouble::Stopping);
            }
        }
    }
    Ok(())
}

/// Posts from a thread that is no core's.
fn post(shared: &Shared, out: &mut Outbox) {
    shared.mailboxes.post(out, |_, waker| {
        let _ = waker.notify(); // it is being read: it cannot be full for long
    });
}

/// Unix milliseconds.
fn unix_ms() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64)
}
