//! Doubles as C's `printf` writes them with `%.17g`: what Redis uses for scores where nobody cared for
//! the shortest text (ZSCAN of a large set, DEBUG DIGEST).

/// Significant digits.
const DIGITS: i32 = 17;

/// Appends a double with 17 significant digits at most, trailing zeros left out.
pub(crate) fn push_17(out: &mut Vec<u8>, d: f64) {
    if !d.is_finite() {
        let text: &[u8] = if d.is_nan() {
            b"nan"
        } else if d > 0.0 {
            b"inf"
        } else {
            b"-inf"
        };
        return out.extend_from_slice(text);
    }
    if d.is_sign_negative() {
        out.push(b'-');
    }
    // One digit, a point, 16 digits, e, exponent: correctly rounded.
    let text = format!("{:.16e}", d.abs());
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let digits: Vec<u8> = mantissa.bytes().filter(u8::is_ascii_digit).collect();
    let used = digits.iter().rposition(|&b| b != b'0').map_or(1, |at| at + 1);
    let digits = &digits[..used];
    if (-4..DIGITS).contains(&exponent) {
        push_plain(out, digits, exponent);
    } else {
        out.push(digits[0]);
        push_fraction(out, &digits[1..]);
        let sign = if exponent < 0 { '-' } else { '+' };
        out.extend_from_slice(format!("e{sign}{:02}", exponent.abs()).as_bytes());
    }
}

/// Digits with the first of them at 10^`exponent`.
fn push_plain(out: &mut Vec<u8>, digits: &[u8], exponent: i32) {
    if exponent < 0 {
        out.extend_from_slice(b"0.");
        out.resize(out.len() + (-exponent - 1) as usize, b'0');
        return out.extend_from_slice(digits);
    }
    let whole = exponent as usize + 1;
    let (before, after) = digits.split_at(whole.min(digits.len()));
    out.extend_from_slice(before);
    out.resize(out.len() + whole - before.len(), b'0');
    push_fraction(out, after);
}

fn push_fraction(out: &mut Vec<u8>, digits: &[u8]) {
    if !digits.is_empty() {
        out.push(b'.');
        out.extend_from_slice(digits);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As C prints them.
    #[test]
    fn digits_are_those_of_printf() {
        for (d, want) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (-17.5, "-17.5"),
            (0.1, "0.10000000000000001"),
            (100.0, "100"),
            (1e16, "10000000000000000"),
            (1e17, "1e+17"),
            (1.5e300, "1.5000000000000001e+300"),
            (0.0001, "0.0001"),
            (0.00001, "1.0000000000000001e-05"),
            (5e-324, "4.9406564584124654e-324"),
            (std::f64::consts::PI, "3.1415926535897931"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            let mut out = Vec::new();
            push_17(&mut out, d);
            assert_eq!(String::from_utf8(out).unwrap(), want);
        }
    }
}
