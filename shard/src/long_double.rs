//! The arithmetic of INCRBYFLOAT: x87 extended precision, what C calls `long double` on x86-64.
//!
//! Redis computes there and prints with 17 decimals, so that `0.1 + 0.2` is `0.3` for its clients. An `f64`
//! has 11 bits less and would show `0.30000000000000004`. To give the same digits on every machine, the
//! format is modelled with integers:
//!
//! ```text
//! value = (-1)^negative x mantissa x 2^exponent      mantissa < 2^64, exponent >= -16445
//! ```
//!
//! Reading, adding and printing are each exact in big integers and then rounded once, to the nearest
//! and to even on a tie, as the hardware and glibc do. A call costs a microsecond or so: that is no more than
//! `strtold` and `printf` take, and exponents are bounded by the format, so the integers stay below
//! some 34,000 bits.

use num_bigint::BigUint;
use proto::number::push_i64;

/// Bits of the mantissa.
const MANTISSA_BITS: u64 = 64;
/// The exponent of the lowest bit of the smallest number.
const EXPONENT_MIN: i64 = -16445;
/// The exponent of a mantissa of 64 bits in the greatest numbers.
const EXPONENT_MAX: i64 = 16383 - 63;
/// Powers of ten beyond which a number is certainly too great, or rounds to zero.
const POWER_OF_TEN_MAX: i64 = 4933;
const POWER_OF_TEN_MIN: i64 = -4952;
/// Redis reads texts below 5 KiB only.
const TEXT_MAX: usize = 5 * 1024 - 1;
/// Decimals that are printed, trailing zeros then taken off.
const DECIMALS: usize = 17;

/// A `long double`; NaN cannot come up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LongDouble {
    Finite { negative: bool, mantissa: u64, exponent: i32 },
    Infinite,
}

impl From<i64> for LongDouble {
    fn from(n: i64) -> Self {
        Self::Finite { negative: n < 0, mantissa: n.unsigned_abs(), exponent: 0 }
    }
}

impl LongDouble {
    /// What `strtold` takes whole, except NaN, overflow, underflow to zero and a leading blank.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        if text.len() > TEXT_MAX {
            return None;
        }
        let (negative, magnitude) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            _ => (false, text),
        };
        match magnitude {
            [b'0', b'x' | b'X', hex @ ..] => Self::parse_digits(negative, hex, 16),
            _ if is_infinity(magnitude) => Some(Self::Infinite),
            _ => Self::parse_digits(negative, magnitude, 10),
        }
    }

    /// Digits with a point and an exponent (of ten after `e`, of two after `p` for hexadecimal ones).
    fn parse_digits(negative: bool, text: &[u8], radix: u32) -> Option<Self> {
        let marks: &[u8] = if radix == 16 { b"pP" } else { b"eE" };
        let (number, exponent) = match text.iter().position(|b| marks.contains(b)) {
            Some(at) => (&text[..at], parse_exponent(&text[at + 1..])?),
            None => (text, 0),
        };
        let point = number.iter().position(|&b| b == b'.').unwrap_or(number.len());
        let mut digits = number[..point].to_vec();
        digits.extend_from_slice(number.get(point + 1..).unwrap_or(&[]));
        if digits.is_empty() || !digits.iter().all(|&b| char::from(b).is_digit(radix)) {
            return None;
        }
        let decimals = digits.len() - point;
        let number = BigUint::parse_bytes(&digits, radix)?;
        if number == BigUint::ZERO {
            return Some(Self::Finite { negative, mantissa: 0, exponent: 0 });
        }
        let value = if radix == 16 {
            let exponent = exponent.saturating_sub(4 * decimals as i64);
            round(negative, number, exponent, false)
        } else {
            from_decimal(negative, number, exponent.saturating_sub(decimals as i64))
        };
        match value {
            Self::Infinite | Self::Finite { mantissa: 0, .. } => None,
            finite => Some(finite),
        }
    }

    /// The sum, rounded.
    pub(crate) fn add(&self, other: &Self) -> Self {
        let (
            Self::Finite { negative: minus_a, mantissa: a, exponent: exp_a },
            Self::Finite { negative: minus_b, mantissa: b, exponent: exp_b },
        ) = (*self, *other)
        else {
            return Self::Infinite;
        };
        let low = exp_a.min(exp_b);
        let aligned = |mantissa: u64, exponent: i32| BigUint::from(mantissa) << (exponent - low) as u32;
        let (a, b) = (aligned(a, exp_a), aligned(b, exp_b));
        let (negative, sum) = match (minus_a == minus_b, a >= b) {
            (true, _) => (minus_a, a + b),
            (false, true) => (minus_a, a - b),
            (false, false) => (minus_b, b - a),
        };
        round(negative, sum, i64::from(low), false)
    }

    /// The text that Redis stores: 17 decimals, without trailing zeros; `None` for infinity.
    pub(crate) fn to_text(self) -> Option<Vec<u8>> {
        let Self::Finite { negative, mantissa, exponent } = self else { return None };
        if exponent == 0 && mantissa <= i64::MAX as u64 {
            let mut text = Vec::new();
            push_i64(&mut text, if negative { -(mantissa as i64) } else { mantissa as i64 });
            return Some(text);
        }
        let scaled = BigUint::from(mantissa) * BigUint::from(10u64.pow(DECIMALS as u32));
        let scaled = match u64::try_from(exponent) {
            Ok(up) => scaled << up,
            Err(_) => shift_right_to_even(scaled, u64::from(exponent.unsigned_abs()), false),
        };
        let digits = format!("{:0>width$}", scaled.to_string(), width = DECIMALS + 1);
        let (whole, decimals) = digits.split_at(digits.len() - DECIMALS);
        let decimals = decimals.trim_end_matches('0');
        let is_zero = whole == "0" && decimals.is_empty();
        let sign = if negative && !is_zero { "-" } else { "" };
        let point = if decimals.is_empty() { "" } else { "." };
        Some([sign, whole, point, decimals].concat().into_bytes())
    }
}

fn is_infinity(text: &[u8]) -> bool {
    text.eq_ignore_ascii_case(b"inf") || text.eq_ignore_ascii_case(b"infinity")
}

/// A decimal exponent; saturates where any number is too great or too small anyway.
fn parse_exponent(text: &[u8]) -> Option<i64> {
    const SATURATED: i64 = 1 << 40;
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let magnitude = digits.iter().fold(0, |n, b| (n * 10 + i64::from(b - b'0')).min(SATURATED));
    Some(if negative { -magnitude } else { magnitude })
}

/// `digits` x 10^`power`.
fn from_decimal(negative: bool, digits: BigUint, power: i64) -> LongDouble {
    let count = digits.to_string().len() as i64;
    if power.saturating_add(count) > POWER_OF_TEN_MAX + 1 {
        return LongDouble::Infinite;
    }
    if power.saturating_add(count) < POWER_OF_TEN_MIN {
        return LongDouble::Finite { negative, mantissa: 0, exponent: 0 };
    }
    let ten_to = |power: i64| BigUint::from(10u32).pow(power.unsigned_abs() as u32);
    if power >= 0 {
        return round(negative, digits * ten_to(power), 0, false);
    }
    // Two bits more than the mantissa has; what the division leaves only breaks ties.
    let divisor = ten_to(power);
    let up = (MANTISSA_BITS + 2 + divisor.bits()).saturating_sub(digits.bits());
    let dividend = digits << up;
    let quotient = &dividend / &divisor;
    let has_rest = &quotient * &divisor != dividend;
    round(negative, quotient, -(up as i64), has_rest)
}

/// `n` x 2^`exponent` as the nearest number of the format; `has_rest`: the true value is a little greater.
fn round(negative: bool, n: BigUint, exponent: i64, has_rest: bool) -> LongDouble {
    let surplus = n.bits().saturating_sub(MANTISSA_BITS) as i64;
    let drop = surplus.max(EXPONENT_MIN.saturating_sub(exponent)).max(0);
    let mut exponent = exponent.saturating_add(drop);
    let mut rounded = shift_right_to_even(n, drop as u64, has_rest);
    if rounded.bits() > MANTISSA_BITS {
        rounded >>= 1u32; // it was all ones, and is a power of two now
        exponent += 1;
    }
    let Ok(mut mantissa) = u64::try_from(&rounded) else { return LongDouble::Infinite };
    if mantissa == 0 {
        return LongDouble::Finite { negative, mantissa, exponent: 0 };
    }
    // A short mantissa may hide an exponent that is too great.
    let room = i64::from(mantissa.leading_zeros());
    if exponent > EXPONENT_MAX {
        if exponent - EXPONENT_MAX > room {
            return LongDouble::Infinite;
        }
        mantissa <<= exponent - EXPONENT_MAX;
        exponent = EXPONENT_MAX;
    }
    LongDouble::Finite { negative, mantissa, exponent: exponent as i32 }
}

/// `n` / 2^`bits`, to the nearest, ties to even.
fn shift_right_to_even(n: BigUint, bits: u64, has_rest: bool) -> BigUint {
    if bits == 0 {
        return n;
    }
    if bits > n.bits() {
        return BigUint::ZERO;
    }
    let half = n.bit(bits - 1);
    let beyond = has_rest || n.trailing_zeros().is_some_and(|zeros| zeros < bits - 1);
    let quotient = n >> bits;
    if half && (beyond || quotient.bit(0)) { quotient + 1u32 } else { quotient }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(a: &str, b: &str) -> Option<String> {
        let (a, b) = (LongDouble::parse(a.as_bytes())?, LongDouble::parse(b.as_bytes())?);
        a.add(&b).to_text().map(|text| String::from_utf8(text).unwrap())
    }

    /// Replies of redis-server 7.0.15 (x86-64) to INCRBYFLOAT.
    #[test]
    fn sums_have_the_digits_of_redis() {
        for (a, b, expected) in include!("long_double_cases.in") {
            assert_eq!(sum(a, b).as_deref(), expected, "{a} + {b}");
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in [
            "",
            " 1",
            "1 ",
            "abc",
            "nan",
            "-nan",
            "1e",
            "1e+",
            "e5",
            ".",
            "-",
            "0x",
            "0x1p",
            "1_0",
            "1\0",
            "1e5000",
            "1e-5000",
            "--1",
            "0x1p16384",
            "0x1p-16500",
            "infinit",
        ] {
            assert_eq!(LongDouble::parse(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(LongDouble::parse(&[b'1'; TEXT_MAX + 1]), None);
        assert_eq!(LongDouble::parse(b"-Infinity"), Some(LongDouble::Infinite));
    }

    #[test]
    fn a_whole_number_is_itself() {
        for n in [0, 1, -1, i64::MAX, i64::MIN] {
            assert_eq!(LongDouble::from(n).to_text().unwrap(), n.to_string().into_bytes());
        }
    }
}
