//! Scores of a packed sorted set, in few bytes: as what they are more than the score before.
//!
//! ```text
//!   0xxxxxxx                        0 ..= 127 more
//!   10xxxxxx x                      up to 14 bits more
//!   110xxxxx x x                    21 bits
//!   1110xxxx x x x                  28 bits
//!   11110000 / 1 / 2 / 3            4, 5, 6, 7 bytes LE more
//!   11110100 / 5 / 6 / 7            1, 2, 4, 7 bytes LE less
//!   11111000 / 9                    2, 4 bytes LE, two's complement: hundredths
//!   11111010                        8 bytes LE: the double as it is
//! ```
//! A whole score of up to 2^53 is a difference to the *base*: the score before if that is whole, else 0. Scores ascend, so
//! only the first one, and one behind a score that is not whole, can be less. All others stand for themselves:
//! hundredths (prices, ratings) where the division gives exactly that double, else its bits. Every score thus reads
//! back as the same bits, but for -0, which is 0 as in Redis's listpacks.
//!
//! An insertion or removal changes one other pair: the one behind, whose base is another.

/// Whole scores up to this are exact, and differences of them fit 7 bytes.
const WHOLE_MAX: f64 = (1u64 << 53) as f64;
/// Bytes of the longest step.
const MAX: usize = 9;
/// Bytes of the number behind 11110000, 11110001 and so on.
const WIDTHS: [usize; 11] = [4, 5, 6, 7, 1, 2, 4, 7, 2, 4, 8];
const MORE: u8 = 0xF0;
const LESS: u8 = 0xF4;
const CENTS_16: u8 = 0xF8;
const CENTS_32: u8 = 0xF9;
const DOUBLE: u8 = 0xFA;

/// A step as it is to be stored.
pub(super) struct Step {
    bytes: [u8; MAX],
    len: usize,
}

impl Step {
    /// Of a score behind this base.
    pub fn new(score: f64, base: i64) -> Self {
        match whole(score) {
            Some(n) if n >= base => Self::more(n.abs_diff(base)),
            Some(n) => Self::wide(LESS, n.abs_diff(base)),
            None => Self::alone(score),
        }
    }

    fn more(by: u64) -> Self {
        let prefixes: [(u32, u8); 4] = [(7, 0), (14, 0x80), (21, 0xC0), (28, 0xE0)];
        for (at, (bits, prefix)) in prefixes.into_iter().enumerate() {
            if by >> bits == 0 {
                let mut bytes = [0; MAX];
                bytes[..=at].copy_from_slice(&by.to_be_bytes()[7 - at..]);
                bytes[0] |= prefix;
                return Self { bytes, len: at + 1 };
            }
        }
        Self::wide(MORE, by)
    }

    /// One of the four widths from `first` on.
    fn wide(first: u8, by: u64) -> Self {
        let mut tag = first;
        while by >> (8 * width(tag)) > 0 {
            tag += 1;
        }
        Self::tagged(tag, by)
    }

    fn alone(score: f64) -> Self {
        match hundredths(score) {
            Some(n) => {
                let tag = if i16::try_from(n).is_ok() { CENTS_16 } else { CENTS_32 };
                Self::tagged(tag, i64::from(n).cast_unsigned())
            }
            None => Self::tagged(DOUBLE, score.to_bits()),
        }
    }

    fn tagged(tag: u8, number: u64) -> Self {
        let mut bytes = [0; MAX];
        bytes[0] = tag;
        bytes[1..].copy_from_slice(&number.to_le_bytes());
        Self { bytes, len: 1 + width(tag) }
    }

    #[inline]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// The score as a whole number, if it is stored as one.
fn whole(score: f64) -> Option<i64> {
    (score.abs() <= WHOLE_MAX && score as i64 as f64 == score).then_some(score as i64)
}

fn hundredths(score: f64) -> Option<i32> {
    let n = (score * 100.0).round();
    (n.abs() <= f64::from(i32::MAX) && (n / 100.0).to_bits() == score.to_bits()).then_some(n as i32)
}

/// The base behind a score.
#[inline]
pub(super) fn base_behind(score: f64) -> i64 {
    whole(score).unwrap_or(0)
}

#[inline]
fn width(tag: u8) -> usize {
    WIDTHS[usize::from(tag & 0x0F)]
}

/// Bytes of the step at the start of `bytes`.
#[inline]
pub(super) fn size(bytes: &[u8]) -> usize {
    match bytes[0] {
        0..=0x7F => 1,
        0x80..=0xBF => 2,
        0xC0..=0xDF => 3,
        0xE0..=0xEF => 4,
        tag => 1 + width(tag),
    }
}

/// What the step at the start of `bytes` says.
#[derive(Clone, Copy)]
pub(super) struct Read {
    pub score: f64,
    /// For the step behind.
    pub base: i64,
    pub size: usize,
}

/// Reads the step at the start of `bytes`, behind this base.
#[inline]
pub(super) fn read(bytes: &[u8], base: i64) -> Read {
    let first = i64::from(bytes[0]);
    let (by, size) = match bytes[0] {
        0..=0x7F => (first, 1),
        0x80..=0xBF => ((first & 0x3F) << 8 | i64::from(bytes[1]), 2),
        0xC0..=0xDF => ((first & 0x1F) << 16 | i64::from(bytes[1]) << 8 | i64::from(bytes[2]), 3),
        0xE0..=0xEF => (i64::from(u32::from_be_bytes([bytes[0] & 0x0F, bytes[1], bytes[2], bytes[3]])), 4),
        _ => return read_wide(bytes, base),
    };
    Read { score: (base + by) as f64, base: base + by, size }
}

fn read_wide(bytes: &[u8], base: i64) -> Read {
    let (tag, size) = (bytes[0], 1 + width(bytes[0]));
    let mut number = [0; 8];
    number[..size - 1].copy_from_slice(&bytes[1..size]);
    let n = i64::from_le_bytes(number); // 7 bytes, where it is a difference
    let after = match tag {
        MORE..LESS => base + n,
        LESS..CENTS_16 => base - n,
        CENTS_16 => return Read { score: f64::from(n as i16) / 100.0, base: 0, size },
        CENTS_32 => return Read { score: f64::from(n as i32) / 100.0, base: 0, size },
        _ => return Read { score: f64::from_bits(n.cast_unsigned()), base: 0, size },
    };
    Read { score: after as f64, base: after, size }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(score: f64, base: i64) -> usize {
        let step = Step::new(score, base);
        let mut bytes = step.bytes().to_vec();
        bytes.extend([0xAB; 9]); // others follow
        let read = read(&bytes, base);
        assert_eq!((read.score + 0.0).to_bits(), (score + 0.0).to_bits(), "{score} behind {base}");
        assert_eq!((read.size, size(&bytes)), (step.len, step.len));
        assert_eq!(read.base, base_behind(score));
        step.len
    }

    #[test]
    fn the_widths_are_those_of_the_table() {
        let widths = [
            (0.0, 1),
            (127.0, 1),
            (128.0, 2),
            (16_383.0, 2),
            (16_384.0, 3),
            (2_097_151.0, 3),
            (2_097_152.0, 4),
            (268_435_455.0, 4),
            (268_435_456.0, 5),
            (4_294_967_295.0, 5),
            (4_294_967_296.0, 6),
            (1.7e12, 7),
            (9_007_199_254_740_992.0, 8),
            (-1.0, 2),
            (-255.0, 2),
            (-256.0, 3),
            (-65_536.0, 5),
            (-4.3e9, 8),
            (1.5, 3),
            (-327.68, 3),
            (327.68, 5),
            (0.1 + 0.2, 9),
            (f64::INFINITY, 9),
            (1e300, 9),
            (1e17, 9),
            (21_474_836.47, 5),
            (21_474_836.48, 9),
            (-0.0, 1),
            (f64::MIN_POSITIVE, 9),
        ];
        for (score, width) in widths {
            assert_eq!(check(score, 0), width, "{score}");
        }
        assert_eq!((check(1_700_000_000_123.0, 1_700_000_000_000), check(-5.0, -70)), (1, 1));
        assert_eq!(check(WHOLE_MAX, -(WHOLE_MAX as i64)), 8);
        assert_eq!(check(-WHOLE_MAX, WHOLE_MAX as i64), 8);
    }

    proptest! {
        #[test]
        fn every_score_reads_back(
            score in prop_oneof![
                any::<f64>().prop_filter("a score is a number", |score| !score.is_nan()),
                (-1i64 << 54..1 << 54).prop_map(|n| n as f64),
                (-5000i64..5000).prop_map(|n| n as f64),
                (-500_000i64..500_000).prop_map(|n| n as f64 / 100.0),
            ],
            base in prop_oneof![Just(0i64), -(1i64 << 53)..=1 << 53, -5000i64..5000],
        ) {
            check(score, base);
        }
    }
}
