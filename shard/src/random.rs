//! The shard's random numbers: SplitMix64 (Steele, Lea, Flood 2014), one addition and a mix.
//!
//! A shard is deterministic: what it draws follows from the seed it was given, so that a simulated run
//! replays exactly. Nothing here needs to be hard to predict; hash seeds come from outside.

/// A seeded generator.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Uniform over all 64-bit numbers.
    #[inline]
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// Uniform in `[0, 1)`.
    #[inline]
    pub fn unit(&mut self) -> f64 {
        (self.draw() >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first outputs for seed 1234567, as the reference implementation gives them.
    #[test]
    fn it_is_splitmix64() {
        let mut random = Random::new(1_234_567);
        let first = [random.draw(), random.draw(), random.draw()];
        assert_eq!(first, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn units_lie_in_the_unit_interval() {
        let mut random = Random::new(3);
        assert!((0..10_000).all(|_| (0.0..1.0).contains(&random.unit())));
    }
}
