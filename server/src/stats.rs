//! Counters of one core. Only the core itself writes them (a plain load and store, no locked
//! instruction); INFO reads those of all cores from wherever it runs, so that it never has to ask,
//! or wait for, a busy core.

use proto::command::COMMAND_COUNT;
use std::sync::atomic::{AtomicU64, Ordering};

/// A counter with one writer and any number of readers.
#[derive(Default, Debug)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds; only the owning core may.
    #[inline]
    pub fn add(&self, n: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
    }

    #[inline]
    pub fn set(&self, n: u64) {
        self.0.store(n, Ordering::Relaxed);
    }

    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What INFO commandstats prints of one command.
#[derive(Default, Debug)]
pub struct CommandCounters {
    pub calls: Counter,
    /// Nanoseconds spent executing.
    pub nanos: Counter,
    /// Refused before execution (arity, authentication, …).
    pub rejected: Counter,
    /// Executed and answered with an error.
    pub failed: Counter,
}

/// One core's counters.
#[derive(Debug)]
#[repr(align(128))]
pub struct CoreStats {
    pub connections_received: Counter,
    pub connections_rejected: Counter,
    pub clients: Counter,
    pub commands_processed: Counter,
    pub net_input_bytes: Counter,
    pub net_output_bytes: Counter,
    pub error_replies: Counter,
    /// Batches sent to other shards, and served for other cores.
    pub hops_out: Counter,
    pub hops_in: Counter,
    /// Commands in them.
    pub forwarded_out: Counter,
    pub forwarded_in: Counter,
    pub turns: Counter,
    pub busy_nanos: Counter,
    pub idle_nanos: Counter,
    /// The longest turn so far, in nanoseconds of work.
    pub turn_nanos_max: Counter,
    pub keys: Counter,
    pub expires: Counter,
    pub keyspace_hits: Counter,
    pub keyspace_misses: Counter,
    pub expired_keys: Counter,
    pub expired_time_cap_reached: Counter,
    pub dirty: Counter,
    pub timeouts: Counter,
    pub query_buffer_bytes: Counter,
    pub output_buffer_bytes: Counter,
    pub client_memory: Counter,
    pub output_limit_disconnections: Counter,
    pub query_limit_disconnections: Counter,
    pub monitors: Counter,
    pub commands: Box<[CommandCounters]>,
}

impl Default for CoreStats {
    fn default() -> Self {
        let c = Counter::default;
        Self {
            connections_received: c(),
            connections_rejected: c(),
            clients: c(),
            commands_processed: c(),
            net_input_bytes: c(),
            net_output_bytes: c(),
            error_replies: c(),
            hops_out: c(),
            hops_in: c(),
            forwarded_out: c(),
            forwarded_in: c(),
            turns: c(),
            busy_nanos: c(),
            idle_nanos: c(),
            turn_nanos_max: c(),
            keys: c(),
            expires: c(),
            keyspace_hits: c(),
            keyspace_misses: c(),
            expired_keys: c(),
            expired_time_cap_reached: c(),
            dirty: c(),
            timeouts: c(),
            query_buffer_bytes: c(),
            output_buffer_bytes: c(),
            client_memory: c(),
            output_limit_disconnections: c(),
            query_limit_disconnections: c(),
            monitors: c(),
            commands: (0..COMMAND_COUNT).map(|_| CommandCounters::default()).collect(),
        }
    }
}
