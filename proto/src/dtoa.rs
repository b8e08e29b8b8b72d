//! Doubles as short decimal text, digit for digit what Redis 7.2 answers (ZSCORE, INCRBYFLOAT in scripts…).
//!
//! Redis prints with Grisu2 (Florian Loitsch, "Printing Floating-Point Numbers Quickly and Accurately with
//! Integers", PLDI 2010). It always reads back as the same double, and is the shortest such text in some
//! 99.9 % of cases. The printers of Rust's library are shortest in all of them, so they differ from Redis in
//! the rest: what Rust prints as `260.106617` is `260.10661700000003` for Redis. A client that
//! compares replies as strings would see it, hence Grisu2 here too.
//!
//! The idea: scale the number and the middle points to its two neighbours by a cached power of ten, so that
//! the binary exponent lands in [-60, -32]; then the integral digits are the top bits of a 64-bit word and
//! the fractional ones come by multiplying by ten; stop as soon as the rest is inside the interval. One 64x64
//! multiplication for each of the three, no big integers. The powers are computed at compile time.

/// A significand and a power of two: `f` x 2^`e`.
#[derive(Clone, Copy)]
struct Binary {
    f: u64,
    e: i32,
}

const FRACTION_BITS: i32 = 52;
const HIDDEN_BIT: u64 = 1 << FRACTION_BITS;
const EXPONENT_BIAS: i32 = 1023 + FRACTION_BITS;

/// The cached powers: 10^-348, 10^-340, … 10^340.
const POWER_COUNT: usize = 87;
const POWER_FIRST: i32 = -348;
const POWER_STEP: i32 = 8;
static POWERS: [Binary; POWER_COUNT] = powers();

/// The window of binary exponents that scaling aims for.
const EXPONENT_MIN: i32 = -60;
const EXPONENT_MAX: i32 = -32;

/// 18 digits at most come out of the loop; one is kept spare.
const DIGITS_MAX: usize = 20;

/// Appends a finite, non-zero double.
pub(crate) fn push(out: &mut Vec<u8>, d: f64) {
    if d < 0.0 {
        out.push(b'-');
    }
    let mut digits = Digits { text: [0; DIGITS_MAX], len: 0, exponent: 0 };
    digits.generate(d.abs());
    digits.write(out, d < 0.0);
}

/// Decimal digits: `text[..len]` as an integer, x 10^`exponent`.
struct Digits {
    text: [u8; DIGITS_MAX],
    len: usize,
    exponent: i32,
}

impl Digits {
    fn generate(&mut self, d: f64) {
        let (value, lower, upper) = boundaries(d);
        let (power, decimal) = cached_power(upper.e);
        let value = value.times(power);
        let mut upper = upper.times(power);
        let mut lower = lower.times(power);
        // The products are off by up to one unit: keep to the safe side of the interval.
        lower.f += 1;
        upper.f -= 1;
        self.exponent = -decimal;
        self.digits(value, lower, upper);
    }

    fn digits(&mut self, value: Binary, lower: Binary, upper: Binary) {
        let shift = -upper.e as u32;
        let one = 1u64 << shift;
        let to_value = upper.f - value.f;
        let mut interval = upper.f - lower.f;
        let (mut whole, mut part) = (upper.f >> shift, upper.f & (one - 1));

        let mut unit = 1_000_000_000u64;
        for places in (0..10).rev() {
            self.push_significant(whole / unit);
            whole %= unit;
            let rest = (whole << shift) + part;
            if rest <= interval {
                self.exponent += places;
                return self.round(interval, rest, unit << shift, to_value);
            }
            unit /= 10;
        }
        let mut scale = 10u64;
        loop {
            part = part.wrapping_mul(10);
            interval = interval.wrapping_mul(10);
            self.exponent -= 1;
            self.push_significant(part >> shift);
            part &= one - 1;
            if part < interval {
                return self.round(interval, part, one, to_value.wrapping_mul(scale));
            }
            scale = scale.wrapping_mul(10);
        }
    }

    /// Appends a digit unless it is a leading zero.
    fn push_significant(&mut self, digit: u64) {
        if (digit != 0 || self.len > 0) && self.len < DIGITS_MAX {
            self.text[self.len] = b'0' + digit as u8;
            self.len += 1;
        }
    }

    /// Lowers the last digit while that brings the text closer to the value and stays inside the interval.
    fn round(&mut self, interval: u64, mut rest: u64, unit: u64, to_value: u64) {
        let Some(last) = self.len.checked_sub(1) else { return };
        while rest < to_value
            && interval - rest >= unit
            && (rest + unit < to_value || to_value - rest > rest + unit - to_value)
        {
            self.text[last] -= 1;
            rest += unit;
        }
    }

    /// Plain while that is short (1200, 0.0012), else scientific (1.2e+30).
    fn write(&self, out: &mut Vec<u8>, negative: bool) {
        let digits = &self.text[..self.len];
        let magnitude = self.exponent + self.len as i32 - 1;
        if self.exponent >= 0 && magnitude.abs() < self.len as i32 + 7 {
            out.extend_from_slice(digits);
            out.resize(out.len() + self.exponent as usize, b'0');
        } else if self.exponent < 0 && (self.exponent > -7 || magnitude.abs() < 4) {
            write_point(out, digits, self.len as i32 + self.exponent);
        } else {
            let kept = digits.len().min(18 - usize::from(negative));
            write_scientific(out, &digits[..kept], self.exponent + kept as i32 - 1, magnitude.abs());
        }
    }
}

/// Digits with a point after the first `whole` of them, or after leading zeros where `whole` <= 0.
fn write_point(out: &mut Vec<u8>, digits: &[u8], whole: i32) {
    if whole <= 0 {
        out.extend_from_slice(b"0.");
        out.resize(out.len() + whole.unsigned_abs() as usize, b'0');
        out.extend_from_slice(digits);
    } else {
        let (before, after) = digits.split_at(whole as usize);
        out.extend_from_slice(before);
        out.push(b'.');
        out.extend_from_slice(after);
    }
}

fn write_scientific(out: &mut Vec<u8>, digits: &[u8], signed: i32, magnitude: i32) {
    out.push(digits[0]);
    if digits.len() > 1 {
        out.push(b'.');
        out.extend_from_slice(&digits[1..]);
    }
    out.extend_from_slice(if signed < 0 { b"e-" } else { b"e+" });
    out.extend_from_slice(itoa::Buffer::new().format(magnitude).as_bytes());
}

impl Binary {
    /// The product, rounded to 64 bits.
    fn times(self, other: Self) -> Self {
        let wide = u128::from(self.f) * u128::from(other.f) + (1 << 63);
        Self { f: (wide >> 64) as u64, e: self.e + other.e + 64 }
    }

    /// The same value with the top bit set.
    const fn normalized(self) -> Self {
        let shift = self.f.leading_zeros();
        Self { f: self.f << shift, e: self.e - shift as i32 }
    }
}

/// The value, and the middle points to its lower and upper neighbours, the latter two with one exponent.
fn boundaries(d: f64) -> (Binary, Binary, Binary) {
    let fraction = d.to_bits() & (HIDDEN_BIT - 1);
    let field = (d.to_bits() >> FRACTION_BITS) as i32 & 0x7FF;
    let value = match field {
        0 => Binary { f: fraction, e: 1 - EXPONENT_BIAS },
        _ => Binary { f: fraction | HIDDEN_BIT, e: field - EXPONENT_BIAS },
    };
    let upper = Binary { f: (value.f << 1) + 1, e: value.e - 1 }.normalized();
    // Below a power of two the neighbour is half as far away.
    let closer = if value.f == HIDDEN_BIT { 2 } else { 1 };
    let lower = Binary { f: (value.f << closer) - 1, e: value.e - closer };
    let lower = Binary { f: lower.f << (lower.e - upper.e), e: upper.e };
    (value.normalized(), lower, upper)
}

/// A power of ten that brings binary exponent `e` into the window, with its decimal exponent.
fn cached_power(e: i32) -> (Binary, i32) {
    const LOG10_2: f64 = 0.301_029_995_663_981_14;
    // Where to begin decides which of two fitting powers is taken, and so the last digit in rare cases.
    let decimal = (f64::from(-(e + POWER_COUNT as i32)) * LOG10_2) as i32;
    let mut i = (decimal - POWER_FIRST) / POWER_STEP;
    loop {
        let power = POWERS[i as usize];
        let scaled = e + power.e + 64;
        if scaled < EXPONENT_MIN {
            i += 1;
        } else if scaled > EXPONENT_MAX {
            i -= 1;
        } else {
            return (power, POWER_FIRST + i * POWER_STEP);
        }
    }
}

/// Limbs of the integers that the powers are computed with: 348 decades and 128 bits to spare.
const LIMBS: usize = 42;

const fn powers() -> [Binary; POWER_COUNT] {
    let mut table = [Binary { f: 0, e: 0 }; POWER_COUNT];
    // Upwards from 10^4: exact integers.
    let mut big = [0u32; LIMBS];
    big[0] = 10_000;
    let mut i = ((4 - POWER_FIRST) / POWER_STEP) as usize;
    while i < POWER_COUNT {
        table[i] = rounded(&big, 0);
        big = times_step(big);
        i += 1;
    }
    // Downwards from 10^-4: 2^k / 10^n, whose cut-off error stays far below the 64 bits that are kept.
    let scale = (LIMBS as i32 - 1) * 32;
    let mut big = [0u32; LIMBS];
    big[LIMBS - 1] = 1;
    big = divided(big, 10_000);
    let mut i = ((-4 - POWER_FIRST) / POWER_STEP) as usize;
    loop {
        table[i] = rounded(&big, -scale);
        if i == 0 {
            return table;
        }
        big = divided(big, 100_000_000);
        i -= 1;
    }
}

const fn times_step(mut big: [u32; LIMBS]) -> [u32; LIMBS] {
    let (mut carry, mut i) = (0u64, 0);
    while i < LIMBS {
        let wide = big[i] as u64 * 100_000_000 + carry;
        big[i] = wide as u32;
        carry = wide >> 32;
        i += 1;
    }
    assert!(carry == 0, "a power of ten outgrew its limbs");
    big
}

const fn divided(mut big: [u32; LIMBS], by: u64) -> [u32; LIMBS] {
    let (mut rest, mut i) = (0u64, LIMBS);
    while i > 0 {
        i -= 1;
        let wide = rest << 32 | big[i] as u64;
        big[i] = (wide / by) as u32;
        rest = wide % by;
    }
    big
}

/// The top 64 bits of `big` x 2^`e`, rounded to nearest.
const fn rounded(big: &[u32; LIMBS], e: i32) -> Binary {
    let mut top = LIMBS - 1;
    while big[top] == 0 {
        top -= 1;
    }
    // Four limbs hold at least 97 significant bits.
    let (mut wide, mut i) = (0u128, 0);
    while i < 4 {
        wide = wide << 32 | if top >= i { big[top - i] as u128 } else { 0 };
        i += 1;
    }
    let shift = wide.leading_zeros();
    let wide = wide << shift;
    let e = e + (top as i32 - 3) * 32 - shift as i32 + 64;
    match ((wide >> 64) as u64).checked_add((wide as u64 >> 63) & 1) {
        Some(f) => Binary { f, e },
        None => Binary { f: 1 << 63, e: e + 1 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(d: f64) -> String {
        let mut out = Vec::new();
        push(&mut out, d);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn forms() {
        for (d, want) in [
            (0.1, "0.1"),
            (-3.25, "-3.25"),
            (123456.789, "123456.789"),
            (0.00012, "0.00012"),
            (0.000001, "0.000001"),
            (0.0000001, "1e-7"),
            (1.5e-9, "1.5e-9"),
            (1e21, "1e+21"),
            (1.7976931348623157e308, "1.7976931348623157e+308"),
            (2.2250738585072014e-308, "2.2250738585072014e-308"),
        ] {
            assert_eq!(text(d), want);
        }
    }

    /// Where Grisu2 is not the shortest, and Redis answers the longer form.
    #[test]
    fn not_always_shortest() {
        assert_eq!(text(260.106617), "260.10661700000003");
        assert_eq!(text(7.04420365736827e-133), "7.044203657368269e-133");
        assert_eq!(text(2251799813685247.8), "2251799813685247.7");
        assert_eq!(text(1.45605163996706e17), "145605163996705980");
    }

    #[test]
    fn cached_powers_are_exact() {
        let at = |k: i32| POWERS[((k - POWER_FIRST) / POWER_STEP) as usize];
        assert_eq!((at(4).f, at(4).e), (10_000 << 50, -50));
        // 10^-4 and 10^-348 as the paper's reference tables give them.
        assert_eq!((at(-4).f, at(-4).e), (0xd1b7_1758_e219_652c, -77));
        assert_eq!((at(-348).f, at(-348).e), (0xfa8f_d5a0_081c_0288, -1220));
        assert_eq!((at(340).f, at(340).e), (0xaf87_023b_9bf0_ee6b, 1066));
    }

    proptest! {
        #[test]
        fn reads_back(bits: u64) {
            let d = f64::from_bits(bits);
            prop_assume!(d.is_finite() && d != 0.0);
            prop_assert_eq!(text(d).parse::<f64>().unwrap(), d);
        }

        #[test]
        fn at_most_17_digits(bits: u64) {
            let d = f64::from_bits(bits);
            prop_assume!(d.is_finite() && d != 0.0 && d.abs() < 1e-3);
            let text = text(d);
            let mantissa = text.split('e').next().unwrap_or_default();
            let significant = mantissa.trim_start_matches(['-', '0', '.']).bytes().filter(u8::is_ascii_digit);
            prop_assert!(significant.count() <= 17, "{text}");
        }
    }
}
