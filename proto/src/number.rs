//! Numbers as clients write them, and back to text.
//!
//! Redis is strict with integers (`string2ll`: no sign but `-`, no leading zero, no blank, so that a
//! number has one spelling and `SET k 007` stays a string) and generous with floats (whatever C's
//! `strtod` takes whole: `+1`, `.5`, `5.`, `1e3`, `inf`, `Infinity`, `0x1.8p3`), except that NaN, a
//! leading blank, an overflow and an underflow to zero are refused.
//!
//! Integers are parsed without overflow checks up to 18 digits, which cannot overflow 64 bits;
//! only the last one or two digits of longer ones are checked.

use crate::dtoa;

/// Longest text of an `i64`: `-9223372036854775808`.
pub const I64_TEXT_MAX: usize = 20;

/// Digits that fit any 64-bit integer without a check.
const DIGITS_UNCHECKED: usize = 18;

/// An integer as Redis's `string2ll` accepts it: `0`, or `-`? then a digit 1-9, then digits, in range.
#[inline]
#[must_use]
pub fn parse_i64(text: &[u8]) -> Option<i64> {
    match text {
        [b'0'] => Some(0),
        [b'-', magnitude @ ..] => 0i64.checked_sub_unsigned(parse_positive(magnitude)?),
        _ => i64::try_from(parse_positive(text)?).ok(),
    }
}

/// An unsigned integer: digits only, in range. Leading zeros are accepted, as Redis does where it reads
/// unsigned numbers (stream ids, SCAN cursors); blanks and signs, which C's `strtoull` lets pass, are not.
#[must_use]
pub fn parse_u64(text: &[u8]) -> Option<u64> {
    let first = text.iter().position(|&b| b != b'0').unwrap_or(text.len());
    match &text[first..] {
        [] => (!text.is_empty()).then_some(0),
        significant => parse_positive(significant),
    }
}

/// Digits, the first of them not zero.
#[inline]
fn parse_positive(digits: &[u8]) -> Option<u64> {
    let (&first, rest) = digits.split_first()?;
    if !matches!(first, b'1'..=b'9') || digits.len() > I64_TEXT_MAX {
        return None;
    }
    let (plain, checked) = rest.split_at(rest.len().min(DIGITS_UNCHECKED - 1));
    let mut n = u64::from(first - b'0');
    for &b in plain {
        n = n * 10 + digit(b)?;
    }
    for &b in checked {
        n = n.checked_mul(10)?.checked_add(digit(b)?)?;
    }
    Some(n)
}

#[inline]
fn digit(b: u8) -> Option<u64> {
    let d = b.wrapping_sub(b'0');
    (d <= 9).then_some(u64::from(d))
}

/// A double as Redis's `string2d` accepts it (C's `strtod` over the whole text).
#[must_use]
pub fn parse_f64(text: &[u8]) -> Option<f64> {
    if let Some(n) = parse_i64(text) {
        return Some(n as f64); // rounded as the text would be
    }
    if let Some(hex) = hex_magnitude(text) {
        let magnitude = parse_hex(hex)?;
        return Some(if text[0] == b'-' { -magnitude } else { magnitude });
    }
    let value: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    let is_exact_class = if value.is_infinite() {
        !text.iter().any(u8::is_ascii_digit) // "inf" spelled out, and not an overflow
    } else if value == 0.0 {
        is_zero_mantissa(text) // zero, and not an underflow
    } else {
        !value.is_nan()
    };
    is_exact_class.then_some(value)
}

/// Whether every digit before the exponent is zero.
pub(crate) fn is_zero_mantissa(text: &[u8]) -> bool {
    let mantissa = text.iter().take_while(|b| !matches!(b, b'e' | b'E'));
    mantissa.filter(|b| b.is_ascii_digit()).all(|&b| b == b'0')
}

/// What follows `0x` after an optional sign.
fn hex_magnitude(text: &[u8]) -> Option<&[u8]> {
    let unsigned = match text {
        [b'+' | b'-', rest @ ..] => rest,
        _ => text,
    };
    match unsigned {
        [b'0', b'x' | b'X', rest @ ..] => Some(rest),
        _ => None,
    }
}

/// The magnitude of a hexadecimal float, after its `0x`.
fn parse_hex(text: &[u8]) -> Option<f64> {
    let hex = Hex::read(text)?;
    if hex.mantissa == 0 {
        return Some(0.0);
    }
    let value = hex.to_f64();
    (value.is_finite() && value != 0.0).then_some(value)
}

/// `mantissa` x 2^`exponent`; the mantissa's lowest bit also stands for what was cut off below it.
pub(crate) struct Hex {
    pub(crate) mantissa: u64,
    pub(crate) exponent: i64,
}

/// Exponents beyond this are overflow or underflow in any format, however long the mantissa.
const EXPONENT_MAX: i64 = 1 << 40;

impl Hex {
    fn read(text: &[u8]) -> Option<Self> {
        let mut hex = Self { mantissa: 0, exponent: 0 };
        let (mut digits, mut point) = (0, false);
        let mut at = 0;
        while let Some(&b) = text.get(at) {
            if let Some(d) = (b as char).to_digit(16) {
                hex.push(d, point);
                digits += 1;
            } else if b == b'.' && !point {
                point = true;
            } else {
                break;
            }
            at += 1;
        }
        if digits == 0 {
            return None;
        }
        hex.exponent += match &text[at..] {
            [] => 0,
            [b'p' | b'P', exponent @ ..] => parse_exponent(exponent)?,
            _ => return None,
        };
        Some(hex)
    }

    fn push(&mut self, digit: u32, after_point: bool) {
        if self.mantissa >> 60 == 0 {
            self.mantissa = self.mantissa << 4 | u64::from(digit);
            self.exponent -= if after_point { 4 } else { 0 };
        } else {
            self.mantissa |= u64::from(digit != 0); // sticky: enough to round rightly
            self.exponent += if after_point { 0 } else { 4 };
        }
    }

    /// Rounded to nearest, ties to even; infinite or zero when out of range.
    fn to_f64(&self) -> f64 {
        let shift = self.mantissa.leading_zeros();
        let mantissa = self.mantissa << shift;
        let top = self.exponent - i64::from(shift) + 63; // exponent of the leading bit
        if top > 1023 {
            return f64::INFINITY;
        }
        let lost = (11 + (-1022 - top).max(0)).min(65); // bits below the last that the format keeps
        let wide = u128::from(mantissa) << 64 >> lost; // 64 bits below the point
        let (whole, part) = ((wide >> 64) as u64, wide as u64);
        let sticky = lost == 65; // below half the least value in any case
        let up = !sticky && (part > 1 << 63 || part == 1 << 63 && whole & 1 == 1);
        let bits = whole + u64::from(up);
        // Leading bit present: a normal number, whose exponent field the addition fills (and bumps on carry).
        let field = if top < -1022 { 0 } else { ((top + 1022) as u64) << 52 };
        f64::from_bits(field + bits)
    }
}

/// A decimal exponent with optional sign, clamped far outside of any float format's range.
pub(crate) fn parse_exponent(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    if digits.is_empty() {
        return None;
    }
    let mut n = 0i64;
    for &b in digits {
        n = (n * 10 + digit(b)? as i64).min(EXPONENT_MAX);
    }
    Some(if negative { -n } else { n })
}

/// Appends the decimal form of `n`.
#[inline]
pub fn push_i64(out: &mut Vec<u8>, n: i64) {
    out.extend_from_slice(itoa::Buffer::new().format(n).as_bytes());
}

/// Appends `d` as Redis writes doubles (`d2string`): integers without point, `inf`, `-inf`, `nan`, else
/// the short form of [`dtoa`].
pub fn push_f64(out: &mut Vec<u8>, d: f64) {
    /// Half the range of `i64`: Redis's bound below which it prints whole doubles as integers.
    const WHOLE_MAX: f64 = (i64::MAX / 2) as f64;
    if d.is_nan() {
        out.extend_from_slice(b"nan");
    } else if d.is_infinite() {
        out.extend_from_slice(if d > 0.0 { b"inf" } else { b"-inf" });
    } else if d == 0.0 {
        out.extend_from_slice(if d.is_sign_negative() { b"-0" } else { b"0" });
    } else if d.abs() <= WHOLE_MAX && d as i64 as f64 == d {
        push_i64(out, d as i64);
    } else {
        dtoa::push(out, d);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn integers_have_one_spelling() {
        for (text, want) in [
            ("0", Some(0)),
            ("7", Some(7)),
            ("-7", Some(-7)),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("-9223372036854775809", None),
            ("18446744073709551616", None),
            ("99999999999999999999", None),
            ("100000000000000000000", None),
            ("", None),
            ("-", None),
            ("-0", None),
            ("00", None),
            ("01", None),
            ("-01", None),
            ("+1", None),
            (" 1", None),
            ("1 ", None),
            ("1a", None),
            ("123456789012345678x", None),
        ] {
            assert_eq!(parse_i64(text.as_bytes()), want, "{text:?}");
        }
    }

    #[test]
    fn unsigned_integers() {
        for (text, want) in [
            ("0", Some(0)),
            ("000", Some(0)),
            ("007", Some(7)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("", None),
            ("-1", None),
            ("+1", None),
            (" 1", None),
        ] {
            assert_eq!(parse_u64(text.as_bytes()), want, "{text:?}");
        }
    }

    #[test]
    fn floats_as_strtod() {
        for (text, want) in [
            ("1", Some(1.0)),
            ("+1.5", Some(1.5)),
            (".5", Some(0.5)),
            ("5.", Some(5.0)),
            ("-1e3", Some(-1000.0)),
            ("inf", Some(f64::INFINITY)),
            ("-Infinity", Some(f64::NEG_INFINITY)),
            ("+inf", Some(f64::INFINITY)),
            ("0x1.8p3", Some(12.0)),
            ("-0X10", Some(-16.0)),
            ("0x.8", Some(0.5)),
            ("0x1.", Some(1.0)),
            ("0x0p99999", Some(0.0)),
            ("0x1p-1074", Some(5e-324)),
            ("0x1p-1022", Some(f64::MIN_POSITIVE)),
            ("0x1.fffffffffffff8p-1", Some(1.0)),
            ("0x1.fffffffffffffp1023", Some(f64::MAX)),
            ("0x1.fffffffffffff8p1023", None),
            ("0x1p1024", None),
            ("0x1p-1076", None),
            ("0x1p-1075", None),
            ("0x1.8p-1075", Some(5e-324)),
            ("0x", None),
            ("0x1p", None),
            ("0x1p+", None),
            ("0x1g", None),
            ("5e-324", Some(5e-324)),
            ("0e-999", Some(0.0)),
            ("1e-400", None),
            ("1e400", None),
            ("nan", None),
            ("-nan", None),
            ("", None),
            (" 1", None),
            ("1 ", None),
            ("1e", None),
            (".", None),
            ("1_0", None),
            ("1\0", None),
        ] {
            assert_eq!(parse_f64(text.as_bytes()), want, "{text:?}");
        }
    }

    #[test]
    fn doubles_as_redis_writes_them() {
        for (d, want) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (3.0, "3"),
            (-17.0, "-17"),
            (3.1, "3.1"),
            (0.1 + 0.2, "0.30000000000000004"),
            (1e18, "1000000000000000000"),
            (1e19, "1e+19"),
            (1.5e300, "1.5e+300"),
            (1e-7, "1e-7"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
        ] {
            let mut out = Vec::new();
            push_f64(&mut out, d);
            assert_eq!(String::from_utf8(out).unwrap(), want);
        }
    }

    proptest! {
        #[test]
        fn i64_round_trip(n: i64) {
            let mut out = Vec::new();
            push_i64(&mut out, n);
            prop_assert_eq!(parse_i64(&out), Some(n));
        }

        #[test]
        fn f64_round_trip(bits: u64) {
            let d = f64::from_bits(bits);
            prop_assume!(!d.is_nan());
            let mut out = Vec::new();
            push_f64(&mut out, d);
            prop_assert_eq!(parse_f64(&out), Some(d));
        }

        #[test]
        fn hex_round_trip(bits in 1u64..f64::INFINITY.to_bits()) {
            let d = f64::from_bits(bits);
            let (fraction, field) = (bits & ((1 << 52) - 1), (bits >> 52) as i64);
            let text = match field {
                0 => format!("0x0.{fraction:013x}p-1022"),
                _ => format!("0x1.{fraction:013x}p{}", field - 1023),
            };
            prop_assert_eq!(parse_f64(text.as_bytes()), Some(d));
        }

        #[test]
        fn any_integer_text_agrees_with_the_long_way(text in "-?[0-9]{0,22}") {
            let canonical = text.parse::<i64>().ok().filter(|n| n.to_string() == text);
            prop_assert_eq!(parse_i64(text.as_bytes()), canonical);
        }
    }
}
