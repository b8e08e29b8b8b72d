//! The bits of a string: counting, searching, combining, and integers of any width.
//!
//! ```text
//!   byte     0                 1                 2
//!   bit      0 1 2 3 4 5 6 7   8 9 . . .        16 . .
//!            ^ most significant of its byte
//!   a u5 at offset 6:    v v   v v v             (most significant bit first)
//! ```
//!
//! A string ends somewhere; reading beyond its end finds zeros.
//!
//! Costs: BITCOUNT, BITPOS and BITOP walk up to 512 MiB, so their loops run over fixed chunks without a
//! branch inside, which the compiler turns into vector instructions of whatever machine it builds for; only the
//! first and the last byte of a range are masked. What addresses one bit or one integer touches the 9
//! bytes around it, whatever the length. Growing is the exception: see [`grow`].
//!
//! Why no intrinsics: a baseline build already counts at about the speed of memory, and portable code needs no
//! unsafe and no second path to test.

/// Widest integer of BITFIELD, in bits.
pub(crate) const WIDTH_MAX: u32 = 64;
/// Bytes that an integer of [`WIDTH_MAX`] bits can touch.
const WINDOW: usize = 9;

/// The bit at `at`.
#[inline]
pub(crate) fn get(bytes: &[u8], at: u64) -> bool {
    bytes.get((at >> 3) as usize).is_some_and(|byte| byte & mask(at) != 0)
}

/// Sets or clears the bit at `at`, which must lie within.
#[inline]
pub(crate) fn set(bytes: &mut [u8], at: u64, on: bool) {
    let byte = &mut bytes[(at >> 3) as usize];
    *byte = if on { *byte | mask(at) } else { *byte & !mask(at) };
}

/// The bit within its byte.
#[inline]
fn mask(at: u64) -> u8 {
    0x80 >> (at & 7)
}

/// The bits of a range's first byte that belong to it.
fn head_mask(from: u64) -> u8 {
    0xff >> (from & 7)
}

/// The bits of a range's last byte that belong to it.
fn tail_mask(to: u64) -> u8 {
    !(0x7f >> (to & 7))
}

/// Lengthens `bytes` to at least `len` with zeros.
///
/// Where that makes it much longer, the buffer is a new one that the allocator hands out zeroed: a few hundred
/// MiB then cost a mapping and no pass over memory, the pages come as they are written. Small steps go
/// the usual way, by doubling, so that a bitmap that is filled from left to right costs O(n) in all.
pub(crate) fn grow(bytes: &mut Vec<u8>, len: usize) {
    if len <= bytes.capacity() || len / 2 < bytes.len() {
        bytes.resize(len.max(bytes.len()), 0);
        return;
    }
    let mut longer = vec![0; len];
    longer[..bytes.len()].copy_from_slice(bytes);
    *bytes = longer;
}

/// How many bits are set.
pub(crate) fn count(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let whole: u64 = words.iter().map(|word| u64::from(u64::from_ne_bytes(*word).count_ones())).sum();
    whole + rest.iter().map(|byte| u64::from(byte.count_ones())).sum::<u64>()
}

/// How many of the bits `from` to `to`, both included, are set; both must lie within.
pub(crate) fn count_range(bytes: &[u8], from: u64, to: u64) -> u64 {
    let (first, last) = ((from >> 3) as usize, (to >> 3) as usize);
    let before = bytes[first] & !head_mask(from);
    let after = bytes[last] & !tail_mask(to);
    count(&bytes[first..=last]) - u64::from(before.count_ones()) - u64::from(after.count_ones())
}

/// The first of the bits `from` to `to`, both included, that is `wanted`; both must lie within.
pub(crate) fn position(bytes: &[u8], wanted: bool, from: u64, to: u64) -> Option<u64> {
    let (first, last) = ((from >> 3) as usize, (to >> 3) as usize);
    // A byte of what is not wanted; other bytes show the wanted bits as ones.
    let dull = if wanted { 0x00 } else { 0xff };
    let shown = |at: usize, mask: u8| (bytes[at] ^ dull) & mask;
    let found = |at: usize, byte: u8| Some(((at as u64) << 3) + u64::from(byte.leading_zeros()));
    if first == last {
        let byte = shown(first, head_mask(from) & tail_mask(to));
        return if byte == 0 { None } else { found(first, byte) };
    }
    let byte = shown(first, head_mask(from));
    if byte != 0 {
        return found(first, byte);
    }
    if let Some(at) = first_unlike(&bytes[first + 1..last], dull) {
        return found(first + 1 + at, shown(first + 1 + at, 0xff));
    }
    let byte = shown(last, tail_mask(to));
    if byte == 0 { None } else { found(last, byte) }
}

/// The first byte that is not `dull`.
fn first_unlike(bytes: &[u8], dull: u8) -> Option<usize> {
    let (blocks, _) = bytes.as_chunks::<64>();
    let skipped = blocks.iter().position(|block| *block != [dull; 64]).unwrap_or(blocks.len()) * 64;
    bytes[skipped..].iter().position(|&byte| byte != dull).map(|at| skipped + at)
}

/// How BITOP combines two strings, the shorter one as if zeros followed it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Combine {
    And,
    Or,
    Xor,
}

impl Combine {
    /// Combines `other` into `bytes`, which becomes as long as the longer of the two.
    pub(crate) fn apply(self, bytes: &mut Vec<u8>, other: &[u8]) {
        let common = bytes.len().min(other.len());
        let pairs = bytes[..common].iter_mut().zip(&other[..common]);
        match self {
            Self::And => pairs.for_each(|(a, b)| *a &= b),
            Self::Or => pairs.for_each(|(a, b)| *a |= b),
            Self::Xor => pairs.for_each(|(a, b)| *a ^= b),
        }
        match self {
            Self::And => {
                bytes[common..].fill(0);
                grow(bytes, other.len());
            }
            Self::Or | Self::Xor => bytes.extend_from_slice(&other[common..]),
        }
    }
}

/// Inverts every bit.
pub(crate) fn invert(bytes: &mut [u8]) {
    bytes.iter_mut().for_each(|byte| *byte = !*byte);
}

/// The `width` bits from `at` on as a number; 1 to 64 bits.
pub(crate) fn read(bytes: &[u8], at: u64, width: u32) -> u64 {
    (window(bytes, at) << (at & 7) >> (u128::BITS - width)) as u64
}

/// Writes the low `width` bits of `value` at `at`; all of them must lie within.
pub(crate) fn write(bytes: &mut [u8], at: u64, width: u32, value: u64) {
    let shift = u128::BITS - (at & 7) as u32 - width;
    let mask = u128::from(u64::MAX >> (WIDTH_MAX - width)) << shift;
    let wide = window(bytes, at) & !mask | u128::from(value) << shift & mask;
    let touched = &mut bytes[(at >> 3) as usize..];
    let len = touched.len().min(WINDOW);
    touched[..len].copy_from_slice(&wide.to_be_bytes()[..len]);
}

/// The bytes that an integer at `at` can touch, the first one as the most significant.
fn window(bytes: &[u8], at: u64) -> u128 {
    let there = bytes.get((at >> 3) as usize..).unwrap_or_default();
    let len = there.len().min(WINDOW);
    let mut wide = [0; 16];
    wide[..len].copy_from_slice(&there[..len]);
    u128::from_be_bytes(wide)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The model: a string as its bits.
    fn bits(bytes: &[u8]) -> Vec<bool> {
        bytes.iter().flat_map(|byte| (0..8).map(move |i| byte >> (7 - i) & 1 == 1)).collect()
    }

    /// Strings with long runs, so that words are skipped, and noise.
    fn strings() -> impl Strategy<Value = Vec<u8>> {
        let run = (prop_oneof![Just(0u8), Just(0xff), any::<u8>()], 1..100usize);
        prop::collection::vec(run, 0..6)
            .prop_map(|runs| runs.into_iter().flat_map(|(byte, n)| vec![byte; n]).collect())
    }

    proptest! {
        #[test]
        fn ranges_are_those_of_the_bits(bytes in strings(), a: prop::sample::Index, b: prop::sample::Index) {
            let model = bits(&bytes);
            prop_assert_eq!(count(&bytes), model.iter().filter(|bit| **bit).count() as u64);
            if model.is_empty() {
                return Ok(());
            }
            let (a, b) = (a.index(model.len()), b.index(model.len()));
            let (from, to) = (a.min(b), a.max(b));
            let set = model[from..=to].iter().filter(|bit| **bit).count() as u64;
            prop_assert_eq!(count_range(&bytes, from as u64, to as u64), set);
            for wanted in [false, true] {
                let first = model[from..=to].iter().position(|bit| *bit == wanted).map(|at| (from + at) as u64);
                prop_assert_eq!(position(&bytes, wanted, from as u64, to as u64), first);
            }
        }

        #[test]
        fn integers_are_their_bits(mut bytes in strings(), at in 0..5000u64, width in 1..=64u32, value: u64) {
            let mut model = bits(&bytes);
            let bit = |model: &[bool], i: u64| u64::from(model.get(i as usize).copied().unwrap_or(false));
            let number = (0..u64::from(width)).fold(0, |n, i| n << 1 | bit(&model, at + i));
            prop_assert_eq!(read(&bytes, at, width), number);
            let end = at + u64::from(width);
            grow(&mut bytes, end.div_ceil(8) as usize);
            model.resize(bytes.len() * 8, false);
            write(&mut bytes, at, width, value);
            for i in 0..u64::from(width) {
                model[(at + i) as usize] = value >> (u64::from(width) - 1 - i) & 1 == 1;
            }
            prop_assert_eq!(bits(&bytes), model);
        }

        #[test]
        fn single_bits(mut bytes in strings(), at in 0..5000u64, on: bool) {
            let mut model = bits(&bytes);
            prop_assert_eq!(get(&bytes, at), model.get(at as usize).copied().unwrap_or(false));
            grow(&mut bytes, (at / 8 + 1) as usize);
            model.resize(bytes.len() * 8, false);
            set(&mut bytes, at, on);
            model[at as usize] = on;
            prop_assert_eq!(bits(&bytes), model);
        }

        #[test]
        fn strings_are_combined_bit_by_bit(a in strings(), b in strings()) {
            let len = a.len().max(b.len());
            let at = |bytes: &[u8], i: usize| bytes.get(i).copied().unwrap_or(0);
            let with = |f: fn(u8, u8) -> u8| (0..len).map(|i| f(at(&a, i), at(&b, i))).collect::<Vec<_>>();
            for (how, expected) in [
                (Combine::And, with(|x, y| x & y)),
                (Combine::Or, with(|x, y| x | y)),
                (Combine::Xor, with(|x, y| x ^ y)),
            ] {
                let mut bytes = a.clone();
                how.apply(&mut bytes, &b);
                prop_assert_eq!(bytes, expected);
            }
            let mut bytes = a.clone();
            invert(&mut bytes);
            prop_assert!(bytes.iter().zip(&a).all(|(x, y)| x ^ y == 0xff));
        }

        #[test]
        fn growing_appends_zeros(bytes in strings(), len in 0..3000usize) {
            let mut grown = bytes.clone();
            grow(&mut grown, len);
            prop_assert_eq!(grown.len(), len.max(bytes.len()));
            prop_assert!(grown.starts_with(&bytes) && grown[bytes.len()..].iter().all(|&b| b == 0));
        }
    }
}
