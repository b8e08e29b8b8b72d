//! Rates for INFO (`instantaneous_ops_per_sec` and its like): the first core samples the sums
//! of the counters ten times a second, and the rate is the mean over the last 16 samples, as in Redis.

use parking_lot::Mutex;

/// Samples averaged.
const SAMPLES: usize = 16;

/// What is sampled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Metric {
    Commands,
    InputBytes,
    OutputBytes,
    /// Turns of all cores' loops, and the nanoseconds they took.
    Turns,
    BusyNanos,
}

/// How many there are.
const METRICS: usize = 5;

#[derive(Clone, Copy, Default, Debug)]
struct Track {
    last_ns: u64,
    last_count: u64,
    rates: [u64; SAMPLES],
    next: usize,
}

impl Track {
    fn add(&mut self, now_ns: u64, count: u64) {
        let elapsed = now_ns.saturating_sub(self.last_ns);
        if self.last_ns != 0 && elapsed > 0 {
            let delta = u128::from(count.saturating_sub(self.last_count));
            self.rates[self.next] = (delta * 1_000_000_000 / u128::from(elapsed)) as u64;
            self.next = (self.next + 1) % SAMPLES;
        }
        (self.last_ns, self.last_count) = (now_ns, count);
    }
}

/// The tracks of all metrics.
#[derive(Default, Debug)]
pub struct Samples {
    tracks: Mutex<[Track; METRICS]>,
}

impl Samples {
    /// Adds one sample of every metric, in their order.
    pub fn add(&self, now_ns: u64, counts: [u64; METRICS]) {
        let mut tracks = self.tracks.lock();
        for (track, count) in tracks.iter_mut().zip(counts) {
            track.add(now_ns, count);
        }
    }

    /// Per second.
    #[must_use]
    pub fn rate(&self, metric: Metric) -> u64 {
        self.tracks.lock()[metric as usize].rates.iter().sum::<u64>() / SAMPLES as u64
    }

    pub fn reset(&self) {
        *self.tracks.lock() = Default::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_count_has_its_rate() {
        let samples = Samples::default();
        for i in 0..40u64 {
            samples.add(1 + i * 100_000_000, [i * 50, i * 1000, 0, i, i * 7]);
        }
        assert_eq!(samples.rate(Metric::Commands), 500);
        assert_eq!(samples.rate(Metric::InputBytes), 10_000);
        assert_eq!(samples.rate(Metric::OutputBytes), 0);
        assert_eq!((samples.rate(Metric::Turns), samples.rate(Metric::BusyNanos)), (10, 70));
    }
}
