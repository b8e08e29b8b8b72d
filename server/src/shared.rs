//! What all cores share. Everything here is read on the hot path without a lock (atomics, or data that
//! never changes after the start), or is cold enough for one.

use crate::config::{Config, Settings};
use crate::conn::Conn;
use crate::core::state::Now;
use crate::errors::ErrorCounts;
use crate::latency::LatencyEvents;
use crate::loading::progress::Progress;
use crate::mailbox::Mailboxes;
use crate::monitor::Monitors;
use crate::names::CommandNames;
use crate::pause::Pause;
use crate::process::Process;
use crate::samples::Samples;
use crate::saving::Saves;
use crate::slowlog::{self, SlowLog};
use crate::stats::CoreStats;
use crate::subscriptions::Subscriptions;
use parking_lot::{Mutex, RwLock};
use proto::args::Args;
use proto::command::{CommandSpec, Flags};
use proto::slot::SLOT_COUNT;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, AtomicUsize, Ordering};

/// Which shard owns each hash slot.
pub struct SlotMap {
    owners: Box<[AtomicU16]>,
}

impl SlotMap {
    /// Contiguous ranges of nearly equal size.
    #[must_use]
    pub fn even(shards: usize) -> Self {
        let owner = |slot: usize| AtomicU16::new((slot * shards / SLOT_COUNT) as u16);
        Self { owners: (0..SLOT_COUNT).map(owner).collect() }
    }

    #[inline]
    #[must_use]
    pub fn owner(&self, slot: u16) -> u16 {
        self.owners[slot as usize].load(Ordering::Relaxed)
    }
}

/// A core's facts that never change once it runs.
#[derive(Clone, Debug)]
pub struct CoreFacts {
    pub cpu: usize,
    /// The kernel's id of the thread.
    pub tid: i32,
}

/// Why the server is to stop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StopReason {
    Signal,
    Command,
}

/// A command that took effect: its client, and its words.
#[cfg(test)]
pub type Witnessed = (u64, Vec<Vec<u8>>);

/// Marks of `used_memory`, in bytes.
#[derive(Default, Debug)]
pub struct MemoryMarks {
    /// When the first core began to turn.
    pub startup: AtomicU64,
    /// The highest, of ten looks a second.
    pub peak: AtomicU64,
}

/// The state shared by all cores.
pub struct Shared {
    pub mailboxes: Mailboxes,
    pub slots: SlotMap,
    pub stats: Box<[CoreStats]>,
    pub commands: CommandNames,
    /// Clients per core: for spreading new ones, and for `maxclients`.
    pub clients: Box<[AtomicUsize]>,
    pub next_client: AtomicU64,
    pub hash_seed: u64,
    pub run_id: String,
    pub started_unix_ms: i64,
    pub executable: String,
    pub config_file: Option<std::path::PathBuf>,
    pub io_name: &'static str,
    pub port: AtomicU16,
    pub facts: Mutex<Vec<Option<CoreFacts>>>,
    pub errors: ErrorCounts,
    pub slowlog: SlowLog,
    pub latency: LatencyEvents,
    pub monitors: Monitors,
    pub subscriptions: Subscriptions,
    pub pause: Pause,
    pub samples: Samples,
    pub memory: MemoryMarks,
    pub saves: Saves,
    /// Of a file that is being loaded, or was.
    pub loading: Progress,
    /// Sources of libraries of functions that were in the file: they are kept, and not run.
    pub functions: Mutex<Vec<Box<[u8]>>>,
    /// DEBUG SET-ACTIVE-EXPIRE.
    pub active_expire: AtomicBool,
    /// DEBUG QUICKLIST-PACKED-THRESHOLD, in bytes.
    pub list_packed_threshold: AtomicUsize,
    /// DEBUG SET-SKIP-CHECKSUM-VALIDATION.
    pub any_checksum: AtomicBool,
    /// DEBUG PAUSE-CRON.
    pub cron_paused: AtomicBool,
    pub process: Mutex<Process>,
    /// Commands in the order in which they took effect: what the simulated check of that order reads.
    #[cfg(test)]
    pub witness: Mutex<Vec<Witnessed>>,
    /// The canary: cores run their own connections' commands before they drain the mailbox.
    #[cfg(test)]
    pub serve_first: AtomicBool,
    /// Another canary: what touches keys that are held does not wait.
    #[cfg(test)]
    pub ignore_holds: AtomicBool,
    /// A third: a batch over shards is posted to one after the other.
    #[cfg(test)]
    pub post_apart: AtomicBool,
    /// Simulated turns are run in parts, with other cores' turns between them. There is no witness then: what a
    /// turn has run takes effect when it drained the mailbox, not in the order in which it is noted.
    #[cfg(test)]
    pub turns_in_parts: AtomicBool,
    config: RwLock<(Arc<Config>, Arc<Settings>)>,
    config_version: AtomicU64,
    stop: Mutex<Option<StopReason>>,
}

/// What a server is started with.
pub struct Start {
    pub cores: usize,
    pub config: Config,
    pub config_file: Option<std::path::PathBuf>,
    pub hash_seed: u64,
    pub run_id: String,
    pub started_unix_ms: i64,
    pub executable: String,
    pub io_name: &'static str,
}

impl Shared {
    #[must_use]
    pub fn new(start: Start) -> Arc<Self> {
        let cores = start.cores;
        let settings = Arc::new(start.config.settings());
        Arc::new(Self {
            mailboxes: Mailboxes::new(cores),
            slots: SlotMap::even(cores),
            stats: (0..cores).map(|_| CoreStats::default()).collect(),
            commands: CommandNames::new(&settings.rename_command),
            clients: (0..cores).map(|_| AtomicUsize::new(0)).collect(),
            next_client: AtomicU64::new(1),
            hash_seed: start.hash_seed,
            run_id: start.run_id,
            started_unix_ms: start.started_unix_ms,
            executable: start.executable,
            config_file: start.config_file,
            io_name: start.io_name,
            port: AtomicU16::new(settings.port),
            facts: Mutex::new(vec![None; cores]),
            errors: ErrorCounts::default(),
            slowlog: SlowLog::default(),
            latency: LatencyEvents::default(),
            monitors: Monitors::default(),
            subscriptions: Subscriptions::new(cores, start.hash_seed),
            pause: Pause::default(),
            samples: Samples::default(),
            memory: MemoryMarks::default(),
            saves: Saves::new(start.started_unix_ms / 1000),
            loading: Progress::default(),
            functions: Mutex::default(),
            active_expire: AtomicBool::new(true),
            list_packed_threshold: AtomicUsize::new(0),
            any_checksum: AtomicBool::new(false),
            cron_paused: AtomicBool::new(false),
            process: Mutex::default(),
            #[cfg(test)]
            witness: Mutex::new(Vec::new()),
            #[cfg(test)]
            serve_first: AtomicBool::new(false),
            #[cfg(test)]
            ignore_holds: AtomicBool::new(false),
            #[cfg(test)]
            post_apart: AtomicBool::new(false),
            #[cfg(test)]
            turns_in_parts: AtomicBool::new(false),
            config: RwLock::new((Arc::new(start.config), settings)),
            config_version: AtomicU64::new(1),
            stop: Mutex::new(None),
        })
    }

    #[must_use]
    pub fn cores(&self) -> usize {
        self.mailboxes.cores()
    }

    #[must_use]
    pub fn settings(&self) -> Arc<Settings> {
        self.config.read().1.clone()
    }

    #[must_use]
    pub fn config(&self) -> Arc<Config> {
        self.config.read().0.clone()
    }

    /// Changes with every CONFIG SET: cores compare it once a turn.
    #[inline]
    #[must_use]
    pub fn settings_version(&self) -> u64 {
        self.config_version.load(Ordering::Acquire)
    }

    /// Replaces the configuration by what `change` makes of it, unless it refuses. One change at a
    /// time, and cores take it over before they run any request that came after its reply.
    pub fn change_config<T, E>(
        &self,
        change: impl FnOnce(&Config) -> Result<(Config, T), E>,
    ) -> Result<T, E> {
        let mut current = self.config.write();
        let (config, what) = change(&current.0)?;
        let settings = Arc::new(config.settings());
        *current = (Arc::new(config), settings);
        self.config_version.fetch_add(1, Ordering::Release);
        Ok(what)
    }

    /// Clients connected, over all cores.
    #[must_use]
    pub fn clients_total(&self) -> usize {
        self.clients.iter().map(|c| c.load(Ordering::Relaxed)).sum()
    }

    /// The core with the fewest clients; of several, the next one after `after`.
    #[must_use]
    pub fn least_loaded(&self, after: usize) -> usize {
        let n = self.cores();
        let order = (1..=n).map(|i| (after + i) % n);
        order.min_by_key(|&i| self.clients[i].load(Ordering::Relaxed)).unwrap_or(0)
    }

    /// Asks all cores to stop. A signal is acted on by the clock, as in Redis: while DEBUG PAUSE-CRON
    /// stops that, it is held, and can be taken back.
    pub fn stop(&self, why: StopReason) {
        let mut asked = self.stop.lock();
        asked.get_or_insert(why);
        if why == StopReason::Command || !self.cron_paused.load(Ordering::Relaxed) {
            self.stop_now();
        }
    }

    /// A signal asks for an orderly stop: with a snapshot first, where there are save points.
    pub fn ask_stop(&self) {
        if self.settings().save.is_empty() {
            return self.stop(StopReason::Signal);
        }
        self.saves.ask_stop();
        self.mailboxes.wake_all();
    }

    fn stop_now(&self) {
        self.mailboxes.stop();
    }

    /// Takes back a stop that is held. Returns whether there was one.
    pub fn abort_stop(&self) -> bool {
        let mut asked = self.stop.lock();
        !self.stopping() && asked.take().is_some()
    }

    /// DEBUG PAUSE-CRON.
    pub fn pause_cron(&self, paused: bool) {
        let asked = self.stop.lock();
        self.cron_paused.store(paused, Ordering::Relaxed);
        if !paused && asked.is_some() {
            self.stop_now();
        }
    }

    #[inline]
    #[must_use]
    pub fn stopping(&self) -> bool {
        self.mailboxes.stopping()
    }

    #[must_use]
    pub fn stop_reason(&self) -> Option<StopReason> {
        *self.stop.lock()
    }

    /// Notes a command that takes effect now.
    #[cfg(test)]
    pub fn witnessed(&self, client: u64, args: Args<'_>) {
        if self.turns_in_parts.load(Ordering::Relaxed) {
            return;
        }
        self.witness.lock().push((client, args.iter().map(<[u8]>::to_vec).collect()));
    }

    /// Logs a slow command, and tells the latency monitor.
    #[cold]
    pub fn slow(&self, s: &Settings, spec: &CommandSpec, args: Args<'_>, nanos: u64, now: Now, conn: &Conn) {
        self.slow_kept(s, spec, || slowlog::kept(spec, args), nanos, now, conn);
    }

    /// As [`Shared::slow`], of a command whose arguments were kept as the slow log wants them.
    #[cold]
    pub fn slow_kept(
        &self,
        s: &Settings,
        spec: &CommandSpec,
        kept: impl FnOnce() -> Vec<Vec<u8>>,
        nanos: u64,
        now: Now,
        conn: &Conn,
    ) {
        let unix_s = now.unix_us / 1_000_000;
        let fast = spec.flags.contains(Flags::FAST);
        let event = if fast { "fast-command" } else { "command" };
        self.latency.add(event, nanos / 1_000_000, unix_s, s.latency_monitor_threshold_ms);
        let slower = u64::try_from(s.slowlog_log_slower_than_us);
        if slower.is_ok_and(|us| nanos / 1000 >= us) && !spec.flags.contains(Flags::SKIP_SLOWLOG) {
            let (peer, name) = (&conn.ends.peer, &conn.name);
            self.slowlog.add(kept(), nanos / 1000, unix_s, peer, name, s.slowlog_max_len);
        }
    }

    /// What one core does ten times a second for all: samples for the rates, and the peak of memory.
    pub fn sample(&self, now_ns: u64) {
        let counts = [
            self.sum(|c| &c.commands_processed),
            self.sum(|c| &c.net_input_bytes),
            self.sum(|c| &c.net_output_bytes),
            self.sum(|c| &c.turns),
            self.sum(|c| &c.busy_nanos),
        ];
        self.samples.add(now_ns, counts);
        let used = crate::allocator::used();
        let _ = self.memory.startup.compare_exchange(0, used, Ordering::Relaxed, Ordering::Relaxed); // once
        self.memory.peak.fetch_max(used, Ordering::Relaxed);
    }

    /// The part of CONFIG RESETSTAT that no core owns.
    pub fn reset_stats(&self) {
        self.errors.reset();
        self.samples.reset();
    }

    /// Sums one counter over all cores.
    pub fn sum(&self, counter: impl Fn(&CoreStats) -> &crate::stats::Counter) -> u64 {
        self.stats.iter().map(|s| counter(s).get()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_spread_in_even_ranges() {
        for shards in [1usize, 2, 3, 5, 64] {
            let map = SlotMap::even(shards);
            let mut counts = vec![0usize; shards];
            let mut last = 0;
            for slot in 0..SLOT_COUNT as u16 {
                let o = map.owner(slot);
                assert!(o >= last, "ranges are contiguous");
                last = o;
                counts[o as usize] += 1;
            }
            let (min, max) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
            assert!(max - min <= 1, "{counts:?}");
        }
    }
}
