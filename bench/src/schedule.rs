//! Open loop: when requests are due, whether or not anybody is free to send them.
//!
//! A closed loop sends the next request when the last was answered. While the server stalls, nothing is sent, so
//! a stall of 200 ms counts as one slow request on each connection, where a hundred thousand users would have
//! waited (G. Tene's "coordinated omission"). Here request i is due at its time, and its latency counts
//! from then; if no connection is free, it waits its turn, and that is part of its latency.
//!
//! The queue of those who wait needs no memory: it is the numbers between the next one due and now.

use crate::options::Arrivals;
use oorandom::Rand64;

/// The times when requests of one thread are due, in nanoseconds.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// Even: the time of number 0. Poisson: of the next.
    base: f64,
    interval: f64,
    arrivals: Arrivals,
    /// How many have been taken.
    taken: u64,
    next: u64,
}

impl Schedule {
    /// `rate` requests a second from `start` on. Of several threads, thread i of n begins i / n of an interval later.
    #[must_use]
    pub fn new(start: u64, rate: f64, arrivals: Arrivals, thread: usize, threads: usize) -> Schedule {
        let interval = threads as f64 * 1e9 / rate;
        let base = start as f64 + interval * thread as f64 / threads as f64;
        Schedule { base, interval, arrivals, taken: 0, next: base as u64 }
    }

    /// When the next request is due.
    #[must_use]
    pub fn next_due(&self) -> u64 {
        self.next
    }

    /// Takes the next request, if it is due; tells since when.
    pub fn take(&mut self, now: u64, random: &mut Rand64) -> Option<u64> {
        let due = self.next;
        if due > now {
            return None;
        }
        self.taken += 1;
        self.next = match self.arrivals {
            // Not by adding up, which would drift.
            Arrivals::Even => (self.base + self.taken as f64 * self.interval) as u64,
            Arrivals::Poisson => {
                self.base += -(1.0 - random.rand_float()).ln() * self.interval;
                self.base as u64
            }
        };
        Some(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(arrivals: Arrivals, rate: f64, thread: usize, threads: usize, until: u64) -> Vec<u64> {
        let mut schedule = Schedule::new(1000, rate, arrivals, thread, threads);
        let mut random = Rand64::new(3);
        std::iter::from_fn(|| schedule.take(until, &mut random)).collect()
    }

    #[test]
    fn even_arrivals_do_not_drift() {
        let found = times(Arrivals::Even, 3.0, 0, 1, 1000 + 10_000_000_000);
        assert_eq!(found.len(), 31);
        assert_eq!(found[..4], [1000, 333_334_333, 666_667_666, 1_000_001_000]);
        assert_eq!(found[30], 10_000_001_000);
    }

    #[test]
    fn threads_share_the_rate_and_take_turns() {
        let mut all: Vec<_> =
            (0..4).flat_map(|i| times(Arrivals::Even, 1000.0, i, 4, 1000 + 999_999_999)).collect();
        all.sort_unstable();
        assert_eq!(all.len(), 1000);
        assert!(all.windows(2).all(|w| (999_998..=1_000_002).contains(&(w[1] - w[0]))));
    }

    #[test]
    fn poisson_has_its_rate_and_varies() {
        let found = times(Arrivals::Poisson, 10_000.0, 0, 1, 1000 + 10_000_000_000);
        assert!((98_500..101_500).contains(&found.len()), "{}", found.len());
        let gaps: Vec<_> = found.windows(2).map(|w| (w[1] - w[0]) as f64).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        assert!((variance.sqrt() / mean - 1.0).abs() < 0.03, "exponential: deviation and mean are equal");
    }

    #[test]
    fn nothing_is_due_before_its_time_and_what_waits_keeps_its_time() {
        let mut schedule = Schedule::new(0, 1000.0, Arrivals::Even, 0, 1);
        let mut random = Rand64::new(3);
        assert_eq!(schedule.take(0, &mut random), Some(0));
        assert_eq!(schedule.take(999_999, &mut random), None);
        assert_eq!(schedule.next_due(), 1_000_000);
        // A stall until 200 ms: the first that is taken then has waited 199 ms.
        assert_eq!(schedule.take(200_000_000, &mut random), Some(1_000_000));
        assert_eq!(schedule.take(200_000_000, &mut random), Some(2_000_000));
    }
}
