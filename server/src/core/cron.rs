//! What happens by the clock, ten times a second on each core: counters published, idle clients
//! closed, paused ones looked at again. Walks over all connections are spread over a second.

use super::state::CoreState;
use crate::conn::Doing;
use std::sync::atomic::Ordering;
use std::time::Duration;

const PERIOD_NS: u64 = 100_000_000;
/// A walk over all connections takes this many periods.
const WALK_PERIODS: usize = 10;

/// Where the clockwork of a core stands.
#[derive(Default, Debug)]
pub struct Clockwork {
    next_ns: u64,
    /// The slot at which the walk over the connections goes on.
    walk: usize,
    query_buffers: u64,
    output_buffers: u64,
    client_memory: u64,
    query_buffer_max: u64,
    output_buffer_max: u64,
}

impl CoreState {
    /// Whether the next turn must not wait.
    #[must_use]
    pub fn has_work(&self) -> bool {
        let waiting = !(self.ready.is_empty() && self.queue.is_empty());
        let runnable = waiting && self.held.is_none() && !self.must_wait();
        runnable
            || !self.subscribing.is_empty()
            || !self.flush.is_empty()
            || !self.closing.is_empty()
            || !self.outbox.is_empty()
            || self.look_again
            || self.files.has_work()
            || self.slices_pending()
    }

    /// How long this core may sleep.
    #[must_use]
    pub fn until_cron(&self, mono_ns: u64) -> Duration {
        let cron = Duration::from_nanos(self.clockwork.next_ns.saturating_sub(mono_ns));
        self.until_deadline(mono_ns).map_or(cron, |deadline| deadline.min(cron))
    }

    /// Does what is due.
    pub fn cron(&mut self) {
        let now = self.now.mono_ns;
        if !self.paused.is_empty() && !self.shared.pause.active(self.now.unix_ms()) {
            for id in std::mem::take(&mut self.paused) {
                if let Some(conn) = self.conns.get(id) {
                    conn.paused = false;
                    self.enqueue(id.slot);
                }
            }
            self.note_blocked();
        }
        self.end_waits();
        if now < self.clockwork.next_ns {
            return;
        }
        self.clockwork.next_ns = now + PERIOD_NS;
        if self.shared.cron_paused.load(Ordering::Relaxed) {
            return;
        }
        let began = self.ticks.read();
        self.publish();
        self.stats().follow_busy_share();
        self.walk_connections();
        self.start_expiry();
        if self.index == 0 {
            self.shared.sample(now);
            self.save_when_due();
        }
        self.stats().cron_nanos.add(self.ticks.nanos(began, self.ticks.read()));
    }

    /// Copies the shard's own figures, and sums, to where INFO reads them.
    pub fn publish(&mut self) {
        let stats = &self.shared.stats[self.index];
        let shard = &self.shard;
        stats.keys.set(shard.dbs.iter().map(|d| d.len() as u64).sum());
        stats.expires.set(shard.dbs.iter().map(|d| d.expires_len() as u64).sum());
        stats.keyspace_hits.set(shard.stats.keyspace_hits);
        stats.keyspace_misses.set(shard.stats.keyspace_misses);
        stats.expired_keys.set(shard.stats.expired_keys);
        stats.sum_commands();
    }

    /// A tenth of a walk over all connections: closes those that have been idle for too long, sums
    /// up what their buffers hold.
    fn walk_connections(&mut self) {
        let slots = self.conns.slots();
        let end = (self.clockwork.walk + slots.div_ceil(WALK_PERIODS)).min(slots);
        let idle_ns_max = self.settings.timeout_seconds.saturating_mul(1_000_000_000);
        let mut idle = Vec::new();
        for slot in self.clockwork.walk..end {
            let now = self.now.mono_ns;
            let Some(conn) = self.conns.slot(slot as u32) else { continue };
            let (input, output) = (conn.input.capacity() as u64, conn.out.capacity() as u64);
            self.clockwork.query_buffers += input;
            self.clockwork.output_buffers += output;
            self.clockwork.query_buffer_max = self.clockwork.query_buffer_max.max(input);
            self.clockwork.output_buffer_max = self.clockwork.output_buffer_max.max(output);
            self.clockwork.client_memory +=
                (size_of_val(conn) + conn.input.capacity() + conn.out.capacity() + conn.subscription_bytes)
                    as u64;
            let quiet = matches!(conn.doing, Doing::Ready) && !conn.monitor && !conn.is_subscribed();
            if idle_ns_max != 0 && quiet && now.saturating_sub(conn.active_ns) > idle_ns_max {
                idle.push(conn.id);
            }
        }
        for id in idle {
            crate::log::verbose(format_args!("Closing idle client"));
            self.stats().timeouts.add(1);
            self.close(id, false);
        }
        self.clockwork.walk = end;
        if end == slots {
            let c = std::mem::take(&mut self.clockwork);
            self.clockwork.next_ns = c.next_ns;
            let stats = self.stats();
            stats.query_buffer_bytes.set(c.query_buffers);
            stats.query_buffer_max.set(c.query_buffer_max);
            stats.output_buffer_max.set(c.output_buffer_max);
            stats.output_buffer_bytes.set(c.output_buffers);
            stats.client_memory.set(c.client_memory);
        }
    }

    /// Posts this turn's MONITOR lines to the cores that have a listener.
    pub fn post_monitor_lines(&mut self) {
        if !self.shared.monitors.any() {
            return;
        }
        for line in self.shared.monitors.take(self.index) {
            for core in 0..self.shared.cores() {
                if self.shared.stats[core].monitors.get() != 0 {
                    self.post_monitor_line(core, line.clone());
                }
            }
        }
    }

    /// A line for every MONITOR client of this core.
    pub fn monitor_line(&mut self, line: &[u8]) {
        let mut slots = Vec::new();
        for conn in self.conns.iter_mut().filter(|c| c.monitor && !c.closing) {
            conn.out.extend_from_slice(line);
            slots.push(conn.id.slot);
        }
        for slot in slots {
            self.wants_flush(slot);
        }
    }
}
