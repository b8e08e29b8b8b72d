//! The one source of chance of a simulation: a seeded generator with the few draws it needs.

use std::ops::Range;

/// A seeded generator. Equal seeds draw equal numbers, on every platform and version.
pub struct Rng(oorandom::Rand64);

impl Rng {
    #[must_use]
    pub fn new(seed: u64) -> Self {
        // Neighbouring seeds must not begin alike: spread them over all 128 bits first.
        Self(oorandom::Rand64::new(u128::from(seed).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835)))
    }

    /// 64 uniform bits.
    pub fn bits(&mut self) -> u64 {
        self.0.rand_u64()
    }

    /// A number below `n`; 0 when `n` is 0.
    pub fn below(&mut self, n: u64) -> u64 {
        if n == 0 { 0 } else { self.0.rand_range(0..n) }
    }

    /// A number of `range`; its start when it is empty.
    pub fn within(&mut self, range: &Range<u64>) -> u64 {
        range.start + self.below(range.end.saturating_sub(range.start))
    }

    /// A number of `range` whose magnitude is uniform, so that small ones come often.
    pub fn within_log(&mut self, range: &Range<u64>) -> u64 {
        let top = range.end.saturating_sub(1).max(range.start);
        let bits = self.within(&(u64::from(range.start.max(1).ilog2())..u64::from(top.max(1).ilog2()) + 1));
        let low = 1 << bits;
        self.within(&(low..low * 2)).clamp(range.start, top)
    }

    /// True once in `n` times; never when `n` is 0.
    pub fn one_in(&mut self, n: u64) -> bool {
        n != 0 && self.below(n) == 0
    }

    /// Puts `items` in a random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i as u64 + 1) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_draws_these_numbers_for_ever() {
        let mut rng = Rng::new(7);
        let first = [rng.bits(), rng.bits(), rng.bits()];
        assert_eq!(first, PINNED, "the generator changed: every recorded seed would mean another run");
    }

    const PINNED: [u64; 3] =
        [11_112_466_652_989_451_450, 14_287_747_263_655_569_508, 6_153_171_105_801_834_539];

    #[test]
    fn draws_stay_in_their_range() {
        let mut rng = Rng::new(1);
        for _ in 0..10_000 {
            assert!(rng.below(3) < 3);
            assert!((5..9).contains(&rng.within(&(5..9))));
            assert!((100..5000).contains(&rng.within_log(&(100..5000))));
        }
        assert_eq!(rng.within(&(4..4)), 4);
        assert!(!rng.one_in(0));
    }
}
