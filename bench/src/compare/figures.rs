//! Figures of several rounds: which rounds count, medians, ratios.
//!
//! A round measures every server once, in turn, so that what disturbs the machine for a while disturbs all. It is
//! dropped when anything else kept the processors busy during one of its measurements; if hardly any is left, the
//! least disturbed ones stand in, and the report says so.

/// What one measurement gave.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Figure {
    /// Requests a second.
    pub rate: f64,
    /// The server's processor time, microseconds a request.
    pub server_us: f64,
    /// Latencies in microseconds.
    pub p50: f64,
    pub p99: f64,
    pub p999: f64,
    /// Processors that everything else kept busy.
    pub other: f64,
    /// Share of a core that the load itself used.
    pub own: f64,
}

/// One experiment: figures by round, then by server.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Experiment {
    pub name: String,
    pub pipeline: usize,
    pub rounds: Vec<Vec<Figure>>,
}

/// Which of a figure's numbers.
pub type Pick = fn(&Figure) -> f64;

impl Experiment {
    /// The rounds that count, and whether disturbed ones are among them.
    #[must_use]
    pub fn kept(&self, other_max: f64) -> (Vec<usize>, bool) {
        let disturbance = |i: &usize| self.rounds[*i].iter().map(|f| f.other).fold(0.0, f64::max);
        let mut order: Vec<_> = (0..self.rounds.len()).collect();
        order.sort_by(|a, b| disturbance(a).total_cmp(&disturbance(b)));
        let quiet = order.iter().filter(|i| disturbance(i) <= other_max).count();
        let least = self.rounds.len().div_ceil(2);
        order.truncate(quiet.max(least));
        order.sort_unstable();
        (order, quiet < least)
    }

    /// The median of a server's figures.
    #[must_use]
    pub fn median(&self, server: usize, other_max: f64, pick: Pick) -> f64 {
        let (kept, _) = self.kept(other_max);
        median(kept.iter().filter_map(|&round| Some(pick(self.rounds[round].get(server)?))).collect())
    }

    /// The median of the ratios to the first server, round by round.
    #[must_use]
    pub fn ratio(&self, server: usize, other_max: f64, pick: Pick) -> f64 {
        let (kept, _) = self.kept(other_max);
        let ratio = |round: usize| {
            let figures = &self.rounds[round];
            Some(pick(figures.get(server)?) / pick(figures.first()?))
        };
        median(kept.into_iter().filter_map(ratio).filter(|r| r.is_finite()).collect())
    }
}

/// The median; of nothing, no number.
#[must_use]
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[n / 2],
        n => f64::midpoint(values[n / 2 - 1], values[n / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn experiment(rounds: &[(f64, f64, f64)]) -> Experiment {
        let figure = |rate, other| Figure { rate, other, ..Figure::default() };
        let rounds = rounds.iter().map(|&(a, b, other)| vec![figure(a, 0.0), figure(b, other)]).collect();
        Experiment { name: "test".to_string(), pipeline: 1, rounds }
    }

    #[test]
    fn disturbed_rounds_are_dropped() {
        let e = experiment(&[(1.0, 2.0, 0.1), (100.0, 900.0, 0.9), (3.0, 9.0, 0.0), (2.0, 8.0, 0.2)]);
        assert_eq!(e.kept(0.25), (vec![0, 2, 3], false));
        assert_eq!((e.median(0, 0.25, |f| f.rate), e.median(1, 0.25, |f| f.rate)), (2.0, 8.0));
        assert_eq!(e.ratio(1, 0.25, |f| f.rate), 3.0);
    }

    #[test]
    fn the_least_disturbed_half_stands_in() {
        let e = experiment(&[(1.0, 1.0, 0.9), (1.0, 2.0, 0.5), (1.0, 3.0, 0.7)]);
        assert_eq!(e.kept(0.25), (vec![1, 2], true));
        assert_eq!(e.median(1, 0.25, |f| f.rate), 2.5);
    }

    #[test]
    fn medians() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert!(median(Vec::new()).is_nan());
    }
}
