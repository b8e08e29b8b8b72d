//! The hash of a key: folded multiplication (the family of wyhash, rapidhash and foldhash), with
//! both factors of every multiplication keyed by the secret seed.
//!
//! **Why not one of those crates.** They take one secret from the seed and the others from a table
//! that is public, or else want a table of secrets made ahead, which [`super::Key::new`] has no place
//! for. With a public one, a key that equals it in the right 8 bytes multiplies by zero,
//! whatever the seed: anyone can make any number of colliding keys. Here both factors hide behind the
//! seed. Deriving the second secret costs a multiplication that waits for nothing.
//!
//! **Why not SipHash**, which has a security claim: three times the cost or more (see `benches/hash.rs`), and
//! the table does not need the claim. An attacker who watched SCAN's order long enough might
//! learn the seed and make keys collide; they would share two buckets and a stash (72 entries),
//! then an ordered map (`spill.rs`): such keys cost microseconds each, and other keys nothing.
//! There is no chain to grow. That bound is what lets the hash be a fast one.

const MIX_1: u64 = 0x9e37_79b9_7f4a_7c15; // The golden ratio's fraction.
const MIX_2: u64 = 0x243f_6a88_85a3_08d3; // Pi's fraction.
const MIX_3: u64 = 0xb7e1_5162_8aed_2a6b; // e's fraction.

/// The 128-bit product, its halves folded onto each other.
#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

/// Hashes `bytes` under `seed`; all 64 bits are good.
#[inline]
pub(super) fn hash(bytes: &[u8], seed: u64) -> u64 {
    let first = seed ^ MIX_2;
    let second = fold(seed ^ MIX_3, MIX_1) ^ seed.rotate_left(32);
    let state = if bytes.len() <= 16 {
        let (a, b) = words(bytes);
        fold(a ^ first, b ^ second)
    } else {
        long(bytes, first, second)
    };
    fold(state ^ second, bytes.len() as u64 ^ first)
}

/// Up to 16 bytes as two words that hold every one of them. Only together with the length do they
/// tell two keys apart.
#[inline]
pub(super) fn words(bytes: &[u8]) -> (u64, u64) {
    if let (Some(a), Some(b)) = (bytes.first_chunk(), bytes.last_chunk()) {
        (u64::from_le_bytes(*a), u64::from_le_bytes(*b))
    } else if let (Some(a), Some(b)) = (bytes.first_chunk(), bytes.last_chunk()) {
        (u64::from(u32::from_le_bytes(*a)), u64::from(u32::from_le_bytes(*b)))
    } else if let (Some(&a), Some(&b)) = (bytes.first(), bytes.last()) {
        (u64::from(a), u64::from(bytes[bytes.len() / 2]) << 8 | u64::from(b))
    } else {
        (0, 0)
    }
}

/// More than 16 bytes: 32 at a time in two lanes, then the last 32, overlapping what was read (or
/// the first and last 16 of a shorter key).
fn long(bytes: &[u8], first: u64, second: u64) -> u64 {
    let (mut x, mut y) = (first, second);
    let mut step = |(a, b): (u64, u64), (c, d): (u64, u64)| {
        x = fold(a ^ first, b ^ second ^ x);
        y = fold(c ^ second, d ^ first ^ y);
    };
    let mut rest = bytes;
    while let Some((block, after)) = rest.split_first_chunk::<32>()
        && !after.is_empty()
    {
        step(words(&block[..16]), words(&block[16..]));
        rest = after;
    }
    match bytes.last_chunk::<32>() {
        Some(block) => step(words(&block[..16]), words(&block[16..])),
        None => step(words(&bytes[..16]), words(&bytes[bytes.len() - 16..])),
    }
    x ^ y.rotate_left(32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_input_bit_moves_every_output_bit() {
        for len in [1, 3, 4, 7, 8, 12, 16, 17, 31, 32, 33, 64, 100] {
            let rounds = 400u32;
            let mut flips = vec![[0u32; 64]; len * 8];
            for round in 0..rounds {
                let key: Vec<u8> = (0..len as u32).map(|i| (round * 31 + i * 7) as u8).collect();
                let seed = u64::from(round).wrapping_mul(0x1234_5678_9abc_def1);
                let plain = hash(&key, seed);
                for (bit, flips) in flips.iter_mut().enumerate() {
                    let mut other = key.clone();
                    other[bit / 8] ^= 1 << (bit % 8);
                    let moved = plain ^ hash(&other, seed);
                    flips.iter_mut().enumerate().for_each(|(out, n)| *n += (moved >> out & 1) as u32);
                }
            }
            // 400 fair coins fall outside 110..290 with a probability of 10^-19.
            for (bit, flips) in flips.iter().enumerate() {
                assert!(flips.iter().all(|n| (110..290).contains(n)), "length {len}, bit {bit}: {flips:?}");
            }
        }
    }

    #[test]
    fn lengths_and_likenesses_differ() {
        let mut seen = HashSet::new();
        for len in 0..300 {
            assert!(seen.insert(hash(&vec![0; len], 1)), "zeros, length {len}");
            assert!(len == 0 || seen.insert(hash(&vec![1; len], 1)), "ones, length {len}");
        }
    }

    #[test]
    fn no_public_constant_makes_keys_collide() {
        // The weakness of a hash whose second secret is public: a factor of zero.
        for constant in [MIX_1, MIX_2, MIX_3, 0, u64::MAX] {
            let key = |i: u64| [i.to_le_bytes(), constant.to_le_bytes()].concat();
            let hashes: HashSet<u64> = (0..1000).map(|i| hash(&key(i), 77)).collect();
            assert_eq!(hashes.len(), 1000);
        }
    }

    #[test]
    fn sequential_keys_spread_evenly() {
        let mut counts = vec![0u32; 1 << 10];
        for i in 0..1u32 << 20 {
            let h = hash(format!("key:{i:012}").as_bytes(), 3);
            counts[(h >> 54) as usize] += 1;
            counts[(h & 0x3ff) as usize] += 1;
        }
        // 2048 expected in each, with a standard deviation of 45.
        assert!(counts.iter().all(|n| (1770..2330).contains(n)), "{:?}", counts.iter().max());
    }
}
