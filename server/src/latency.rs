//! Latency, both kinds that Redis knows: a histogram per command (LATENCY HISTOGRAM, INFO
//! latencystats), kept by each core for itself, and the latency monitor's time series of events
//! (LATENCY LATEST, HISTORY, DOCTOR), one for all cores, since an event is rare.

use hdrhistogram::Histogram;
use parking_lot::Mutex;
use proto::command::{COMMAND_COUNT, CommandId};
use std::collections::BTreeMap;

/// The longest latency that is told apart, as in Redis: one second.
const NANOS_MAX: u64 = 1_000_000_000;
/// Leading bits of a time that are kept: 32 steps a doubling, so a time is known within 3 %.
const STEP_BITS: u32 = 5;
const STEPS: usize = 1 << STEP_BITS;
/// Steps up to [`NANOS_MAX`], whose highest bit is the thirtieth.
const COUNTS: usize = (30 - STEP_BITS as usize + 1) * STEPS;

/// How often each step of time was taken by a command. Counting is one increment, some 1 ns, where recording
/// in an [`Histogram`] is ten times that; the histograms are made of the counts when someone asks.
#[derive(Clone)]
struct Counts([u64; COUNTS]);

/// The step that a time belongs to.
#[inline]
fn step_of(nanos: u64) -> usize {
    let nanos = nanos.min(NANOS_MAX);
    let shift = (nanos | 1).ilog2().saturating_sub(STEP_BITS);
    shift as usize * STEPS + (nanos >> shift) as usize
}

/// The longest time in a step, at least 1: what took 50 ms must not be said to have taken less.
fn longest(step: usize) -> u64 {
    if step < 2 * STEPS {
        return (step as u64).max(1);
    }
    let shift = step / STEPS - 1;
    let low = ((step % STEPS + STEPS) as u64) << shift;
    (low + (1 << shift) - 1).min(NANOS_MAX)
}

/// Execution times by command. Counts exist once their command has run, 7 KiB each.
pub struct CommandHistograms {
    by_command: Vec<Option<Box<Counts>>>,
    enabled: bool,
}

impl Default for CommandHistograms {
    fn default() -> Self {
        Self { by_command: (0..COMMAND_COUNT).map(|_| None).collect(), enabled: true }
    }
}

impl CommandHistograms {
    /// `latency-tracking`.
    pub fn set_enabled(&mut self, on: bool) {
        self.enabled = on;
    }

    /// Counts one execution.
    #[inline]
    pub fn record(&mut self, id: CommandId, nanos: u64) {
        if !self.enabled {
            return;
        }
        match &mut self.by_command[id as usize] {
            Some(counts) => counts.0[step_of(nanos)] += 1,
            none => *none = Some(first(nanos)),
        }
    }

    /// Adds this core's times of a command to `into`.
    pub fn add_to(&self, id: CommandId, into: &mut Histogram<u64>) {
        let Some(counts) = &self.by_command[id as usize] else { return };
        for (step, &count) in counts.0.iter().enumerate().filter(|(_, count)| **count > 0) {
            let _ = into.record_n(longest(step), count); // within its bounds: cannot fail
        }
    }

    /// Commands that have run.
    #[must_use]
    pub fn seen(&self) -> Vec<CommandId> {
        let all = proto::command::ALL_COMMANDS.iter().copied();
        all.filter(|&id| self.by_command[id as usize].is_some()).collect()
    }

    pub fn reset(&mut self, id: CommandId) {
        self.by_command[id as usize] = None;
    }

    pub fn reset_all(&mut self) {
        *self = Self { enabled: self.enabled, ..Self::default() };
    }
}

#[cold]
fn first(nanos: u64) -> Box<Counts> {
    let mut counts = Box::new(Counts([0; COUNTS]));
    counts.0[step_of(nanos)] = 1;
    counts
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
    fn every_execution_is_counted() {
        let mut h = CommandHistograms::default();
        for _ in 0..5000 {
            h.record(CommandId::Get, 300);
        }
        h.record(CommandId::Set, 900);
        let mut get = empty();
        h.add_to(CommandId::Get, &mut get);
        assert_eq!(get.len(), 5000);
        assert!((290..=310).contains(&get.max()), "{}", get.max());
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
    fn a_time_is_known_within_four_percent_and_not_made_shorter() {
        let all = (0..30).flat_map(|e| [1u64 << e, (1 << e) + 1, (3 << e) / 2, (1u64 << e) - 1]);
        for nanos in all.chain([NANOS_MAX, 999, 12_345, 987_654_321]) {
            let seen = longest(step_of(nanos));
            assert!(
                seen >= nanos && (seen - nanos) as f64 <= nanos as f64 * 0.04 + 1.0,
                "{nanos} became {seen}"
            );
            assert!((1..=NANOS_MAX).contains(&seen));
        }
        assert!(step_of(u64::MAX) < COUNTS);
        let steps: Vec<usize> = (0..100_000).map(step_of).collect();
        assert!(steps.is_sorted(), "a longer time is never in an earlier step");
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
