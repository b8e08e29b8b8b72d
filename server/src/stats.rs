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
    /// Clients whose next command CLIENT PAUSE holds back.
    pub blocked_clients: Counter,
    /// Keys of this shard that clients wait for, and those of which also the end is waited for.
    pub blocking_keys: Counter,
    pub blocking_keys_on_loss: Counter,
    pub commands_processed: Counter,
    pub net_input_bytes: Counter,
    pub net_output_bytes: Counter,
    /// Times that bytes came in, and went out.
    pub reads: Counter,
    pub writes: Counter,
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
    /// Share of the time lately that the loop worked, in hundredths of a percent.
    pub busy_share: Counter,
    /// Of `busy_nanos` and `idle_nanos`, what `busy_share` knows already.
    busy_seen: Counter,
    idle_seen: Counter,
    /// The longest turn so far, in nanoseconds of work.
    pub turn_nanos_max: Counter,
    /// Spent on what is done by the clock.
    pub cron_nanos: Counter,
    /// The most commands that ran at one go.
    pub batch_max: Counter,
    pub keys: Counter,
    pub expires: Counter,
    pub keyspace_hits: Counter,
    pub keyspace_misses: Counter,
    pub expired_keys: Counter,
    pub expired_time_cap_reached: Counter,
    /// Spent in active expiry.
    pub expire_nanos: Counter,
    pub dirty: Counter,
    pub timeouts: Counter,
    pub query_buffer_bytes: Counter,
    pub output_buffer_bytes: Counter,
    /// The largest of one client, at the last look.
    pub query_buffer_max: Counter,
    pub output_buffer_max: Counter,
    pub client_memory: Counter,
    pub output_limit_disconnections: Counter,
    pub query_limit_disconnections: Counter,
    pub monitors: Counter,
    /// Clients with subscriptions.
    pub pubsub_clients: Counter,
    pub commands: Box<[CommandCounters]>,
}

impl Default for CoreStats {
    fn default() -> Self {
        let c = Counter::default;
        Self {
            connections_received: c(),
            connections_rejected: c(),
            clients: c(),
            blocked_clients: c(),
            blocking_keys: c(),
            blocking_keys_on_loss: c(),
            commands_processed: c(),
            net_input_bytes: c(),
            net_output_bytes: c(),
            reads: c(),
            writes: c(),
            error_replies: c(),
            hops_out: c(),
            hops_in: c(),
            forwarded_out: c(),
            forwarded_in: c(),
            turns: c(),
            busy_nanos: c(),
            idle_nanos: c(),
            busy_share: c(),
            busy_seen: c(),
            idle_seen: c(),
            turn_nanos_max: c(),
            cron_nanos: c(),
            batch_max: c(),
            keys: c(),
            expires: c(),
            keyspace_hits: c(),
            keyspace_misses: c(),
            expired_keys: c(),
            expired_time_cap_reached: c(),
            expire_nanos: c(),
            dirty: c(),
            timeouts: c(),
            query_buffer_bytes: c(),
            output_buffer_bytes: c(),
            query_buffer_max: c(),
            output_buffer_max: c(),
            client_memory: c(),
            output_limit_disconnections: c(),
            query_limit_disconnections: c(),
            monitors: c(),
            pubsub_clients: c(),
            commands: (0..COMMAND_COUNT).map(|_| CommandCounters::default()).collect(),
        }
    }
}

/// `busy_share` follows the share of new time with this lag, in nanoseconds.
const SHARE_LAG_NS: u64 = 1_000_000_000;
/// A whole, in `busy_share`'s unit.
const WHOLE: u64 = 10_000;

impl CoreStats {
    /// Sums up the commands executed so far: cheaper ten times a second than once a command.
    pub fn sum_commands(&self) {
        self.commands_processed.set(self.commands.iter().map(|c| c.calls.get()).sum());
    }

    /// Notes how many commands run at one go.
    #[inline]
    pub fn note_batch(&self, commands: usize) {
        if commands as u64 > self.batch_max.get() {
            self.batch_max.set(commands as u64);
        }
    }

    /// Moves `busy_share` on by what was worked and waited since the last call.
    pub fn follow_busy_share(&self) {
        let (busy, idle) = (self.busy_nanos.get(), self.idle_nanos.get());
        let worked = busy.saturating_sub(self.busy_seen.get());
        let passed = worked + idle.saturating_sub(self.idle_seen.get());
        self.busy_seen.set(busy);
        self.idle_seen.set(idle);
        let weight = passed.min(SHARE_LAG_NS);
        if weight > 0 {
            let share = u128::from(worked) * u128::from(WHOLE) / u128::from(passed);
            let old = u128::from(self.busy_share.get() * (SHARE_LAG_NS - weight));
            let new = (old + share * u128::from(weight)) / u128::from(SHARE_LAG_NS);
            self.busy_share.set(new as u64);
        }
    }

    /// CONFIG RESETSTAT: everything that only counts up goes back to zero; what is (clients, keys,
    /// buffers, changes since the last save) stays. Only the owning core may.
    pub fn reset(&self) {
        let counts = [
            &self.connections_received,
            &self.connections_rejected,
            &self.commands_processed,
            &self.net_input_bytes,
            &self.net_output_bytes,
            &self.reads,
            &self.writes,
            &self.error_replies,
            &self.hops_out,
            &self.hops_in,
            &self.forwarded_out,
            &self.forwarded_in,
            &self.turns,
            &self.busy_nanos,
            &self.idle_nanos,
            &self.busy_seen,
            &self.idle_seen,
            &self.turn_nanos_max,
            &self.cron_nanos,
            &self.batch_max,
            &self.keyspace_hits,
            &self.keyspace_misses,
            &self.expired_keys,
            &self.expired_time_cap_reached,
            &self.expire_nanos,
            &self.timeouts,
            &self.output_limit_disconnections,
            &self.query_limit_disconnections,
        ];
        let of_commands = self.commands.iter().flat_map(|c| [&c.calls, &c.nanos, &c.rejected, &c.failed]);
        counts.into_iter().chain(of_commands).for_each(|c| c.set(0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busy_share_follows_the_last_second() {
        let stats = CoreStats::default();
        stats.follow_busy_share();
        assert_eq!(stats.busy_share.get(), 0);
        stats.busy_nanos.add(3 * SHARE_LAG_NS);
        stats.follow_busy_share();
        assert_eq!(stats.busy_share.get(), WHOLE);
        for _ in 0..5 {
            stats.idle_nanos.add(SHARE_LAG_NS / 10);
            stats.follow_busy_share();
        }
        assert!((5500..6500).contains(&stats.busy_share.get()), "{}", stats.busy_share.get());
        stats.idle_nanos.add(SHARE_LAG_NS);
        stats.follow_busy_share();
        assert_eq!(stats.busy_share.get(), 0);
    }

    #[test]
    fn a_reset_spares_what_is() {
        let stats = CoreStats::default();
        for c in [&stats.keys, &stats.clients, &stats.dirty, &stats.turns, &stats.commands[3].calls] {
            c.add(7);
        }
        stats.sum_commands();
        assert_eq!(stats.commands_processed.get(), 7);
        stats.reset();
        let left = [&stats.keys, &stats.clients, &stats.dirty, &stats.turns, &stats.commands[3].calls];
        assert_eq!(left.map(Counter::get), [7, 7, 7, 0, 0]);
        assert_eq!(stats.commands_processed.get(), 0);
    }
}
