//! Latency, both kinds that Redis knows: a histogram per command (LATENCY HISTOGRAM, INFO
//! latencystats), kept by each core for itself, and the latency monitor's time series of events
//! (LATENCY LATEST, HISTORY, DOCTOR), one for all cores, since an event is rare.

use hdrhistogram::Histogram;
use parking_lot::Mutex;
use proto::command::{COMMAND_COUNT, CommandId};
use std::collections::BTreeMap;

/// The longest latency that is told apart, as in Redis: one second.
const NANOS_MAX: u64 = 1_000_000_000;
/// Times from here on are recorded as they are.
const SHORT_NANOS: u64 = 1 << 17;
/// Recordings of one command and one value that are counted before the histogram is touched.
const RUN_MAX: u32 = 1024;

/// Execution times in nanoseconds, two significant digits, by command. A histogram exists once its
/// command has run: some 20 KiB each.
pub struct CommandHistograms {
    by_command: Vec<Option<Box<Histogram<u64>>>>,
    /// The last recording, repeated `run` times and not recorded yet: pipelines repeat themselves.
    last: Option<(CommandId, u64)>,
    run: u32,
    enabled: bool,
}

impl Default for CommandHistograms {
    fn default() -> Self {
        Self { by_command: (0..COMMAND_COUNT).map(|_| None).collect(), last: None, run: 0, enabled: true }
    }
}

impl CommandHistograms {
    /// `latency-tracking`.
    pub fn set_enabled(&mut self, on: bool) {
        self.enabled = on;
    }

    /// Counts one execution. Short times are cut to their five leading bits (at most 6 % below)
    /// first, so that equal recordings are common.
    #[inline]
    pub fn record(&mut self, id: CommandId, nanos: u64) {
        if !self.enabled {
            return;
        }
        let shift = if nanos < SHORT_NANOS { (nanos | 1).ilog2().saturating_sub(4) } else { 0 };
        let rounded = (nanos >> shift) << shift;
        if self.last == Some((id, rounded)) && self.run < RUN_MAX {
            self.run += 1;
            return;
        }
        self.flush();
        self.last = Some((id, rounded));
        self.run = 1;
    }

    /// Moves the run that is being counted into its histogram.
    pub fn flush(&mut self) {
        let Some((id, nanos)) = self.last.take() else { return };
        let slot = &mut self.by_command[id as usize];
        if slot.is_none() {
            *slot = Histogram::new_with_max(NANOS_MAX, 2).ok().map(Box::new);
        }
        if let Some(h) = slot {
            let _ = h.record_n(nanos.clamp(1, NANOS_MAX), u64::from(self.run)); // clamped: cannot fail
        }
    }

    /// Adds this core's histogram of a command to `into`.
    pub fn add_to(&mut self, id: CommandId, into: &mut Histogram<u64>) {
        self.flush();
        if let Some(h) = &self.by_command[id as usize] {
            let _ = into.add(h.as_ref()); // same bounds: cannot fail
        }
    }

    /// Commands that have run.
    #[must_use]
    pub fn seen(&self) -> Vec<CommandId> {
        let all = proto::command::ALL_COMMANDS.iter().copied();
        all.filter(|&id| self.by_command[id as usize].is_some() || self.last.is_some_and(|l| l.0 == id))
            .collect()
    }

    pub fn reset(&mut self, id: CommandId) {
        self.flush();
        self.by_command[id as usize] = None;
    }

    pub fn reset_all(&mut self) {
        *self = Self { enabled: self.enabled, ..Self::default() };
    }
}

/// An empty histogram with the bounds of the cores' own.
#[must_use]
pub fn empty() -> Histogram<u64> {
    Histogram::new_with_max(NANOS_MAX, 2)
        .unwrap_or_else(|_| Histogram::new(2).unwrap_or_else(|_| unreachable!("two digits are allowed")))
}

/// Samples kept of each event, as in Redis.
pub const HISTORY_LEN: usize = 160;
/// Kinds of events are the server's own words, so few.
const EVENTS_MAX: usize = 64;

/// One event's series: at most one sample a second, the worst of it.
#[derive(Clone, Debug, Default)]
pub struct EventSeries {
    /// (Unix seconds, milliseconds), oldest first.
    pub samples: Vec<(i64, u64)>,
    /// The worst ever, in milliseconds.
    pub max_ms: u64,
}

/// The latency monitor.
#[derive(Default, Debug)]
pub struct LatencyEvents {
    series: Mutex<BTreeMap<&'static str, EventSeries>>,
}

impl LatencyEvents {
    /// Adds an event that took `ms` milliseconds, if the threshold (0: off) says it is worth it.
    pub fn add(&self, event: &'static str, ms: u64, unix_s: i64, threshold_ms: u64) {
        if threshold_ms == 0 || ms < threshold_ms {
            return;
        }
        let mut all = self.series.lock();
        if all.len() >= EVENTS_MAX && !all.contains_key(event) {
            return;
        }
        let series = all.entry(event).or_default();
        series.max_ms = series.max_ms.max(ms);
        match series.samples.last_mut() {
            Some(last) if last.0 == unix_s => last.1 = last.1.max(ms),
            _ => {
                if series.samples.len() == HISTORY_LEN {
                    series.samples.remove(0);
                }
                series.samples.push((unix_s, ms));
            }
        }
    }

    #[must_use]
    pub fn all(&self) -> BTreeMap<&'static str, EventSeries> {
        self.series.lock().clone()
    }

    /// Forgets one event, named in any case; true when it was there.
    pub fn reset(&self, event: &str) -> bool {
        let mut all = self.series.lock();
        let before = all.len();
        all.retain(|name, _| !name.eq_ignore_ascii_case(event));
        all.len() < before
    }

    /// Forgets all; how many there were.
    pub fn reset_all(&self) -> usize {
        std::mem::take(&mut *self.series.lock()).len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_counted_whole() {
        let mut h = CommandHistograms::default();
        for _ in 0..5000 {
            h.record(CommandId::Get, 300);
        }
        h.record(CommandId::Set, 900);
        let mut get = empty();
        h.add_to(CommandId::Get, &mut get);
        assert_eq!(get.len(), 5000);
        assert!((280..=310).contains(&get.max()), "{}", get.max());
        assert_eq!(h.seen(), [CommandId::Get, CommandId::Set]);
        h.reset(CommandId::Get);
        assert_eq!(h.seen(), [CommandId::Set]);
        h.set_enabled(false);
        h.record(CommandId::Get, 300);
        h.reset_all();
        h.record(CommandId::Get, 300);
        assert!(h.seen().is_empty(), "a reset leaves it switched off");
    }

    #[test]
    fn rounding_keeps_two_digits() {
        for nanos in [1u64, 15, 31, 999, 12_345, 987_654_321] {
            let mut h = CommandHistograms::default();
            h.record(CommandId::Get, nanos);
            let mut all = empty();
            h.add_to(CommandId::Get, &mut all);
            let seen = all.max();
            assert!(seen.abs_diff(nanos) as f64 <= nanos as f64 * 0.08 + 1.0, "{nanos} became {seen}");
        }
    }

    #[test]
    fn the_monitor_keeps_the_worst_of_a_second() {
        let events = LatencyEvents::default();
        events.add("command", 5, 100, 0);
        assert!(events.all().is_empty(), "a threshold of 0 switches it off");
        for (ms, s) in [(5, 100), (9, 100), (7, 100), (6, 101), (2, 102)] {
            events.add("command", ms, s, 3);
        }
        let series = &events.all()["command"];
        assert_eq!(series.samples, [(100, 9), (101, 6)]);
        assert_eq!(series.max_ms, 9);
        assert!(events.reset("COMMAND") && !events.reset("command"));
    }
}
