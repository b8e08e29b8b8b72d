//! Which keys are asked for: the distribution of the numbers that stand for `__rand_int__`.
//!
//! - `uniform`: each number below n is as likely as any other.
//! - `zipf[:theta]`: number k comes with probability proportional to 1 / (k + 1)^theta; 0.99 if not given, as in
//!   YCSB. Drawn by rejection-inversion (W. Hörmann, G. Derflinger, *Rejection-inversion to generate variates
//!   from monotone discrete distributions*, ACM TOMACS 6(3), 1996): no table, whatever n, and any theta above 0.
//!   Number 0 is the hottest; as servers hash keys, nothing would be gained by scattering them.
//! - `hot[:keys%:requests%]`: so many percent of requests go to the first so many percent of numbers (10:90).
//! - `gaussian[:deviation%]`: around n / 2, with a standard deviation of so many percent of n (10).
//! - `sequential`: 0, 1, 2, … and again; shared by all connections, so that n requests name every number once.

use crate::value::below;
use oorandom::Rand64;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A distribution, as it is asked for.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Distribution {
    Uniform,
    Zipf {
        theta: f64,
    },
    /// Both parts of 1.
    Hot {
        keys: f64,
        requests: f64,
    },
    /// The deviation as a part of the range.
    Gaussian {
        deviation: f64,
    },
    Sequential,
}

impl Distribution {
    /// Reads what the essay above lists.
    ///
    /// # Errors
    /// A sentence for the user.
    pub fn parse(text: &str) -> Result<Distribution, String> {
        let bad = || format!("bad distribution \"{text}\"");
        let mut parts = text.split(':');
        let name = parts.next().unwrap_or("");
        let numbers =
            parts.map(|p| p.parse::<f64>().ok().filter(|n| n.is_finite() && *n > 0.0).ok_or_else(bad));
        let numbers = numbers.collect::<Result<Vec<_>, _>>()?;
        let found = match (name, numbers.as_slice()) {
            ("uniform", []) => Distribution::Uniform,
            ("zipf", []) => Distribution::Zipf { theta: 0.99 },
            ("zipf", &[theta]) => Distribution::Zipf { theta },
            ("hot", []) => Distribution::Hot { keys: 0.1, requests: 0.9 },
            ("hot", &[keys, requests]) if keys <= 100.0 && requests <= 100.0 => {
                Distribution::Hot { keys: keys / 100.0, requests: requests / 100.0 }
            }
            ("gaussian", []) => Distribution::Gaussian { deviation: 0.1 },
            ("gaussian", &[deviation]) => Distribution::Gaussian { deviation: deviation / 100.0 },
            ("sequential", []) => Distribution::Sequential,
            _ => return Err(bad()),
        };
        Ok(found)
    }
}

/// Draws numbers below n.
#[derive(Clone, Debug)]
pub enum Sampler {
    Uniform(u64),
    Zipf(Zipf),
    Hot { n: u64, hot: u64, requests: f64 },
    Gaussian { n: u64, mean: f64, deviation: f64 },
    Sequential { n: u64, next: Arc<AtomicU64> },
}

impl Sampler {
    /// Numbers below `n`, which is above 0. Clones of a sequential sampler share their position.
    #[must_use]
    pub fn new(distribution: Distribution, n: u64) -> Sampler {
        match distribution {
            Distribution::Uniform => Sampler::Uniform(n),
            Distribution::Zipf { theta } => Sampler::Zipf(Zipf::new(n, theta)),
            Distribution::Hot { keys, requests } => {
                let hot = ((n as f64 * keys) as u64).clamp(1, n);
                Sampler::Hot { n, hot, requests }
            }
            Distribution::Gaussian { deviation } => {
                Sampler::Gaussian { n, mean: n as f64 / 2.0, deviation: n as f64 * deviation }
            }
            Distribution::Sequential => Sampler::Sequential { n, next: Arc::default() },
        }
    }

    /// The next number.
    #[inline]
    pub fn draw(&self, random: &mut Rand64) -> u64 {
        match self {
            Sampler::Uniform(n) => below(random, *n),
            Sampler::Zipf(zipf) => zipf.draw(random),
            Sampler::Hot { n, hot, requests } => {
                if hot == n || random.rand_float() < *requests {
                    below(random, *hot)
                } else {
                    hot + below(random, n - hot)
                }
            }
            Sampler::Gaussian { n, mean, deviation } => gaussian(random, *n, *mean, *deviation),
            Sampler::Sequential { n, next } => next.fetch_add(1, Ordering::Relaxed) % n,
        }
    }
}

/// What falls outside the range is drawn again; after many tries the mean serves.
fn gaussian(random: &mut Rand64, n: u64, mean: f64, deviation: f64) -> u64 {
    for _ in 0..100 {
        // Box and Muller's transform; 1 - x is never 0.
        let radius = (-2.0 * (1.0 - random.rand_float()).ln()).sqrt();
        let number = mean + deviation * radius * (std::f64::consts::TAU * random.rand_float()).cos();
        if number >= 0.0 && number < n as f64 {
            return number as u64;
        }
    }
    mean as u64
}

/// Zipf's distribution by rejection-inversion.
///
/// With h(x) = x^-theta and H its integral, a uniform number between H(1.5) - 1 and H(n + 0.5) is taken back
/// through H; the nearest integer k is right, unless the number lies beyond the bar of height h(k) around k.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Zipf {
    n: f64,
    theta: f64,
    low: f64,
    high: f64,
    /// Within this distance below k no check is needed.
    sure: f64,
}

impl Zipf {
    fn new(n: u64, theta: f64) -> Zipf {
        let mut zipf = Zipf { n: n as f64, theta, low: 0.0, high: 0.0, sure: 0.0 };
        zipf.low = zipf.integral(1.5) - 1.0;
        zipf.high = zipf.integral(zipf.n + 0.5);
        zipf.sure = 2.0 - zipf.inverse(zipf.integral(2.5) - zipf.height(2.0));
        zipf
    }

    fn height(&self, x: f64) -> f64 {
        (-self.theta * x.ln()).exp()
    }

    /// (x^(1 - theta) - 1) / (1 - theta), and ln x where theta is 1.
    fn integral(&self, x: f64) -> f64 {
        let ln = x.ln();
        let t = (1.0 - self.theta) * ln;
        if t.abs() > 1e-8 { t.exp_m1() / t * ln } else { ln }
    }

    fn inverse(&self, y: f64) -> f64 {
        let t = (y * (1.0 - self.theta)).max(-1.0);
        if t.abs() > 1e-8 { (t.ln_1p() / t * y).exp() } else { y.exp() }
    }

    fn draw(&self, random: &mut Rand64) -> u64 {
        loop {
            let u = self.high + random.rand_float() * (self.low - self.high);
            let x = self.inverse(u);
            let k = (x + 0.5).floor().clamp(1.0, self.n);
            if k - x <= self.sure || u >= self.integral(k + 0.5) - self.height(k) {
                return k as u64 - 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAWS: usize = 200_000;

    fn counts(distribution: &str, n: u64) -> Vec<f64> {
        let sampler = Sampler::new(Distribution::parse(distribution).expect(distribution), n);
        let mut random = Rand64::new(42);
        let mut counts = vec![0.0; n as usize];
        for _ in 0..DRAWS {
            counts[sampler.draw(&mut random) as usize] += 1.0;
        }
        counts
    }

    /// Pearson's statistic of the counts against these probabilities.
    fn chi_square(counts: &[f64], probability: impl Fn(usize) -> f64) -> f64 {
        let total: f64 = counts.iter().sum();
        let term = |(k, n): (usize, &f64)| (n - total * probability(k)).powi(2) / (total * probability(k));
        counts.iter().enumerate().map(term).sum()
    }

    /// With 99 degrees of freedom a statistic above 160 comes once in ten thousand right samplers.
    const BOUND: f64 = 160.0;

    #[test]
    fn uniform_is_uniform() {
        let found = chi_square(&counts("uniform", 100), |_| 0.01);
        assert!(found < BOUND, "{found}");
    }

    #[test]
    fn zipf_has_its_probabilities() {
        for (text, theta) in [("zipf", 0.99f64), ("zipf:0.5", 0.5), ("zipf:1", 1.0), ("zipf:1.4", 1.4)] {
            let sum: f64 = (1..=100).map(|k| f64::from(k).powf(-theta)).sum();
            let found = chi_square(&counts(text, 100), |k| ((k + 1) as f64).powf(-theta) / sum);
            assert!(found < BOUND, "{text}: {found}");
        }
    }

    #[test]
    fn zipf_works_for_any_range() {
        let mut random = Rand64::new(1);
        for n in [1, 2, 3, 1_000_000_000_000] {
            let sampler = Sampler::new(Distribution::Zipf { theta: 0.99 }, n);
            assert!((0..1000).all(|_| sampler.draw(&mut random) < n), "{n}");
        }
    }

    #[test]
    fn the_hot_set_is_hot() {
        let found = counts("hot:20:80", 100);
        let hot: f64 = found[..20].iter().sum();
        assert!((hot / DRAWS as f64 - 0.8).abs() < 0.01, "{hot}");
        let found = chi_square(&found, |k| if k < 20 { 0.8 / 20.0 } else { 0.2 / 80.0 });
        assert!(found < BOUND, "{found}");
        assert_eq!(counts("hot:100:100", 1), [DRAWS as f64]);
    }

    #[test]
    fn gaussian_has_its_mean_and_deviation() {
        let found = counts("gaussian:10", 1000);
        let mean = found.iter().enumerate().map(|(k, n)| (k as f64 + 0.5) * n).sum::<f64>() / DRAWS as f64;
        let square = |(k, n): (usize, &f64)| (k as f64 + 0.5 - mean).powi(2) * n;
        let deviation = (found.iter().enumerate().map(square).sum::<f64>() / DRAWS as f64).sqrt();
        assert!((mean - 500.0).abs() < 1.0 && (deviation - 100.0).abs() < 1.0, "{mean} {deviation}");
        let hopeless = Sampler::new(Distribution::Gaussian { deviation: 1e4 }, 1);
        let mut random = Rand64::new(1);
        assert!((0..100).all(|_| hopeless.draw(&mut random) == 0), "it ends all the same");
    }

    #[test]
    fn sequential_is_shared_by_clones() {
        let sampler = Sampler::new(Distribution::Sequential, 3);
        let (other, mut random) = (sampler.clone(), Rand64::new(1));
        let drawn: Vec<_> =
            (0..3).flat_map(|_| [sampler.draw(&mut random), other.draw(&mut random)]).collect();
        assert_eq!(drawn, [0, 1, 2, 0, 1, 2]);
    }

    #[test]
    fn what_is_no_distribution_is_refused() {
        for bad in
            ["", "zip", "zipf:x", "zipf:0", "zipf:-1", "hot:10", "hot:101:5", "uniform:1", "gaussian:nan"]
        {
            assert!(Distribution::parse(bad).is_err(), "{bad}");
        }
    }
}
