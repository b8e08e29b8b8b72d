//! From registers to a count: the improved raw estimator of Otmar Ertl, "New cardinality estimation
//! algorithms for HyperLogLog sketches", arXiv:1702.01284, algorithm 6.
//!
//! It needs only how many registers hold which number, corrects for small and for large counts by two
//! series (`sigma`, `tau`) instead of tables, and has no seams between ranges. Each series is summed until a
//! term changes nothing any more: some ten terms.
//!
//! The order of the operations is part of the result's last digit, and so is what happens beyond its
//! range: Redis rounds to a signed 64-bit integer, which x86 answers with the smallest one.

use super::REGISTERS;
use super::hash::RANK_BITS;

/// How many registers hold each number.
pub(crate) type Histogram = [u32; 64];

pub(crate) const NOTHING: Histogram = [0; 64];

/// 0.5 / ln 2
const ALPHA: f64 = 0.721_347_520_444_481_7;
/// Two to the 63rd: what does not fit a signed 64-bit integer.
const COUNT_END: f64 = 9_223_372_036_854_775_808.0;

/// The count of distinct elements.
pub(crate) fn estimate(histogram: &Histogram) -> u64 {
    let m = REGISTERS as f64;
    let rank_max = RANK_BITS as usize + 1;
    let mut z = m * tau((m - f64::from(histogram[rank_max])) / m);
    for &registers in histogram[1..rank_max].iter().rev() {
        z = (z + f64::from(registers)) * 0.5;
    }
    z += m * sigma(f64::from(histogram[0]) / m);
    let count = (ALPHA * m * m / z).round();
    if count < COUNT_END { count as u64 } else { i64::MIN as u64 }
}

/// Corrects for registers that are still zero; `x` is their share.
fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z == before {
            return z;
        }
    }
}

/// Corrects for registers that are full; `x` is the share of those that are not.
fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if z == before {
            return z / 3.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(number: usize) -> u64 {
        let mut histogram = NOTHING;
        histogram[number] = REGISTERS as u32;
        estimate(&histogram)
    }

    /// What redis-server 7.0.15 on x86-64 answers for values whose registers are all the same.
    #[test]
    fn uniform_registers_count_as_in_redis() {
        assert_eq!(all(0), 0);
        assert_eq!(all(32), 50_760_319_129_350);
        assert_eq!(all(49), 6_653_256_548_922_161_152);
        for beyond in [50, 51, 52, 63] {
            assert_eq!(all(beyond) as i64, i64::MIN);
        }
    }

    #[test]
    fn any_histogram_has_an_estimate() {
        for share in [1, 2, 5, 100, 8192, 16_383] {
            for number in 1..64 {
                let mut histogram = NOTHING;
                histogram[0] = REGISTERS as u32 - share;
                histogram[number] = share;
                assert!(estimate(&histogram) > 0, "{share} of {number}");
            }
        }
    }
}
