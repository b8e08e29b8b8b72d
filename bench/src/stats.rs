//! What is counted: a histogram of latencies and a few counters for each command, second by second.
//!
//! A thread of the load fills an [`Interval`] of its own and hands it over each second: no lock and no shared cache
//! line on the way of a request. [`Totals`] adds them up.
//!
//! Histograms are HDR, in nanoseconds, from 100 ns to 10 minutes with three significant digits; what lies beyond
//! counts as the bound. Counters have 32 bits in an interval and 64 in the totals.

use hdrhistogram::Histogram;
use std::collections::BTreeMap;

/// Shortest and longest latency that is told from its neighbours, nanoseconds.
const LATENCY_MIN: u64 = 100;
const LATENCY_MAX: u64 = 600_000_000_000;
/// Significant decimal digits.
const DIGITS: u8 = 3;
/// Different error texts that are kept for each command.
const TEXTS_MAX: usize = 8;
/// What stands for all others.
const OTHERS: &str = "(other errors)";

/// An empty histogram. The bounds are constants that fit together, so it cannot fail; were it to, one that
/// resizes itself serves.
fn histogram<C: hdrhistogram::Counter>() -> Histogram<C> {
    let made = Histogram::new_with_bounds(LATENCY_MIN, LATENCY_MAX, DIGITS);
    made.or_else(|_| Histogram::new(DIGITS)).unwrap_or_else(|_| unreachable!("{DIGITS} digits are possible"))
}

/// What was heard of one command.
#[derive(Clone, Debug)]
pub struct Counted<C: hdrhistogram::Counter> {
    /// Latencies in nanoseconds.
    pub latency: Histogram<C>,
    /// Error replies.
    pub errors: u64,
    /// Requests that were answered with nothing (a GET of a key that is not there).
    pub nils: u64,
    /// Texts of errors, and how often.
    pub texts: BTreeMap<String, u64>,
}

impl<C: hdrhistogram::Counter> Default for Counted<C> {
    fn default() -> Self {
        Counted { latency: histogram(), errors: 0, nils: 0, texts: BTreeMap::new() }
    }
}

impl<C: hdrhistogram::Counter> Counted<C> {
    /// `count` requests of this latency.
    #[inline]
    pub fn record(&mut self, latency_ns: u64, count: C) {
        self.latency.saturating_record_n(latency_ns, count);
    }

    /// One error reply.
    pub fn error(&mut self, text: String) {
        self.errors += 1;
        self.count_text(text, 1);
    }

    fn count_text(&mut self, text: String, times: u64) {
        let told = self.texts.keys().filter(|text| *text != OTHERS).count();
        let known = text == OTHERS || self.texts.contains_key(&text) || told < TEXTS_MAX;
        let key = if known { text } else { OTHERS.to_string() };
        *self.texts.entry(key).or_default() += times;
    }

    fn add<D: hdrhistogram::Counter>(&mut self, other: &Counted<D>)
    where
        Histogram<C>: AddHistogram<D>,
    {
        self.latency.add_histogram(&other.latency);
        self.errors += other.errors;
        self.nils += other.nils;
        other.texts.iter().for_each(|(text, times)| self.count_text(text.clone(), *times));
    }

    fn clear(&mut self) {
        self.latency.reset();
        (self.errors, self.nils) = (0, 0);
        self.texts.clear();
    }
}

/// Adding a histogram of other counters.
pub trait AddHistogram<D: hdrhistogram::Counter> {
    fn add_histogram(&mut self, other: &Histogram<D>);
}

impl AddHistogram<u32> for Histogram<u64> {
    fn add_histogram(&mut self, other: &Histogram<u32>) {
        for value in other.iter_recorded() {
            self.saturating_record_n(value.value_iterated_to(), value.count_at_value().into());
        }
    }
}

impl AddHistogram<u64> for Histogram<u64> {
    fn add_histogram(&mut self, other: &Histogram<u64>) {
        // Equal bounds: nothing can be out of range.
        let _ = self.add(other);
    }
}

/// One thread's second.
#[derive(Clone, Debug, Default)]
pub struct Interval {
    /// Which second of the measurement; warm-up has none.
    pub second: Option<usize>,
    pub commands: Vec<Counted<u32>>,
}

impl Interval {
    #[must_use]
    pub fn new(commands: usize) -> Interval {
        Interval { second: None, commands: (0..commands).map(|_| Counted::default()).collect() }
    }

    /// Makes it empty, to be used again.
    pub fn clear(&mut self) {
        self.commands.iter_mut().for_each(Counted::clear);
    }
}

/// One second of all threads: sums over the commands, and each command's histogram.
#[derive(Clone, Debug, Default)]
pub struct Second {
    pub commands: Vec<Counted<u64>>,
}

/// The whole measurement.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    pub commands: Vec<Counted<u64>>,
    pub seconds: Vec<Summary>,
}

/// What is kept of a second, or shown of a command: counts, and latencies in nanoseconds.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Summary {
    pub requests: u64,
    pub errors: u64,
    pub nils: u64,
    pub mean: f64,
    pub min: u64,
    pub p50: u64,
    pub p90: u64,
    pub p95: u64,
    pub p99: u64,
    pub p999: u64,
    pub p9999: u64,
    pub max: u64,
}

impl Summary {
    #[must_use]
    pub fn of(counted: &Counted<u64>) -> Summary {
        let h = &counted.latency;
        if h.is_empty() {
            return Summary { errors: counted.errors, nils: counted.nils, ..Summary::default() };
        }
        Summary {
            requests: h.len(),
            errors: counted.errors,
            nils: counted.nils,
            mean: h.mean(),
            min: h.min(),
            p50: h.value_at_quantile(0.5),
            p90: h.value_at_quantile(0.9),
            p95: h.value_at_quantile(0.95),
            p99: h.value_at_quantile(0.99),
            p999: h.value_at_quantile(0.999),
            p9999: h.value_at_quantile(0.9999),
            max: h.max(),
        }
    }
}

impl Totals {
    #[must_use]
    pub fn new(commands: usize) -> Totals {
        Totals { commands: (0..commands).map(|_| Counted::default()).collect(), seconds: Vec::new() }
    }

    /// Adds a second that is complete.
    pub fn push(&mut self, second: &Second) {
        self.commands.iter_mut().zip(&second.commands).for_each(|(total, new)| total.add(new));
        self.seconds.push(Summary::of(&sum(&second.commands)));
    }

    /// Adds a run of the same commands: a round.
    pub fn merge(&mut self, other: &Totals) {
        self.commands.iter_mut().zip(&other.commands).for_each(|(total, new)| total.add(new));
    }

    /// All commands together.
    #[must_use]
    pub fn all(&self) -> Counted<u64> {
        sum(&self.commands)
    }
}

impl Second {
    /// Adds what one thread has counted.
    pub fn add(&mut self, interval: &Interval) {
        if self.commands.is_empty() {
            self.commands = interval.commands.iter().map(|_| Counted::default()).collect();
        }
        self.commands.iter_mut().zip(&interval.commands).for_each(|(all, one)| all.add(one));
    }
}

/// The sum over commands.
#[must_use]
pub fn sum(commands: &[Counted<u64>]) -> Counted<u64> {
    let mut all = Counted::default();
    commands.iter().for_each(|one| all.add(one));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(values: &[(u64, u32)]) -> Interval {
        let mut interval = Interval::new(1);
        values.iter().for_each(|&(ns, n)| interval.commands[0].record(ns, n));
        interval
    }

    #[test]
    fn percentiles_are_those_of_what_was_recorded() {
        let (mut second, mut totals) = (Second::default(), Totals::new(1));
        // 1 to 10,000 microseconds, once each, in two threads.
        let (odd, even): (Vec<_>, Vec<_>) =
            (1..=10_000).map(|us| (us * 1000, 1)).partition(|(v, _)| v % 2000 != 0);
        second.add(&interval(&odd));
        second.add(&interval(&even));
        totals.push(&second);
        let found = Summary::of(&totals.all());
        assert_eq!(found.requests, 10_000);
        for (value, us) in [
            (found.p50, 5000),
            (found.p90, 9000),
            (found.p99, 9900),
            (found.p999, 9990),
            (found.p9999, 9999),
            (found.max, 10_000),
        ] {
            assert!(value.abs_diff(us * 1000) <= us, "{value} is not {us} us to three digits");
        }
        assert!((found.mean / 5_000_500.0 - 1.0).abs() < 0.001);
        assert_eq!(totals.seconds, [found]);
    }

    #[test]
    fn what_is_out_of_bounds_counts_as_the_bound() {
        let mut second = Second::default();
        second.add(&interval(&[(0, 1), (u64::MAX, 1)]));
        let found = Summary::of(&sum(&second.commands));
        assert_eq!(found.requests, 2);
        assert!(found.max >= LATENCY_MAX && found.max < LATENCY_MAX / 100 * 101);
    }

    #[test]
    fn errors_are_counted_by_text_up_to_a_limit() {
        let mut interval = Interval::new(1);
        (0..20).for_each(|i| interval.commands[0].error(format!("ERR {}", i % 12)));
        let mut second = Second::default();
        second.add(&interval);
        let all = sum(&second.commands);
        assert_eq!((all.errors, all.texts.values().sum::<u64>()), (20, 20));
        assert_eq!(all.texts.len(), TEXTS_MAX + 1);
        interval.clear();
        assert_eq!((interval.commands[0].errors, interval.commands[0].latency.len()), (0, 0));
    }

    #[test]
    fn nothing_is_no_division_by_zero() {
        assert_eq!(Summary::of(&Counted::default()), Summary::default());
    }
}
