//! A key with its hash, and how the 64 bits of the hash are spent.
//!
//! ```text
//!   63            48 47    40 39        24 23          8 7      0
//!  +----------------+--------+------------+-------------+--------+
//!  |  tag           | extra  |  (unused)  |  home       | print  |
//!  +----------------+--------+------------+-------------+--------+
//!   '---- directory: top `depth` bits, at most 24 ----'
//! ```
//!
//! - the **top** bits choose the segment. The uppermost 16, the *tag*, are kept in the slot
//!   beside the pointer, the next 8 in the entry: a split knows where every entry goes without
//!   hashing a key again, and up to a depth of 16 (some 40 million keys) without touching an entry;
//! - bits 8..24 choose the **home** bucket inside the segment;
//! - the low byte is the **fingerprint** that the bucket compares before it follows a pointer.
//!
//! The three never share a bit, so keys of one segment spread evenly over its buckets, and keys
//! of one bucket over the fingerprints.

use super::hash::hash;
use super::segment::HOMES;

// A place fits 32 bits.
const _: () = assert!((HOMES - 1) >> (32 - DEPTH_MAX) == 0);

/// Deepest directory: bits of the hash that an entry and its slot still know.
pub(super) const DEPTH_MAX: u32 = 24;

/// A key with its hash.
#[derive(Clone, Copy, Debug)]
pub struct Key<'a> {
    pub bytes: &'a [u8],
    pub hash: u64,
}

impl<'a> Key<'a> {
    /// Hashes `bytes` under the server's random `seed`.
    #[must_use]
    #[inline]
    pub fn new(bytes: &'a [u8], seed: u64) -> Self {
        Self { bytes, hash: hash(bytes, seed) }
    }
}

/// The bits kept beside the pointer.
#[inline]
pub(super) fn tag(hash: u64) -> u16 {
    (hash >> 48) as u16
}

/// The bits kept in the entry.
#[inline]
pub(super) fn extra(hash: u64) -> u8 {
    (hash >> 40) as u8
}

/// The byte a bucket compares first.
#[inline]
pub(super) fn print(hash: u64) -> u8 {
    hash as u8
}

/// The home bucket within a segment: a multiplication instead of a remainder, since there are
/// not a power of two of them.
#[inline]
pub(super) fn home(hash: u64) -> usize {
    (((hash >> 8) & 0xffff) as usize * HOMES) >> 16
}

/// The smallest hash (all else zero) with this home.
pub(super) fn home_begin(home: usize) -> u64 {
    ((home << 16).div_ceil(HOMES) as u64) << 8
}

/// The top 24 bits: the key's place in the order that SCAN walks, within one home bucket.
#[inline]
pub(super) fn prefix(hash: u64) -> u32 {
    (hash >> (64 - DEPTH_MAX)) as u32
}

/// Where a key lies in the order of SCAN: the cursor at which it is found, 30 bits.
#[inline]
pub(super) fn place(hash: u64) -> u32 {
    (home(hash) as u32) << DEPTH_MAX | prefix(hash)
}

/// The bits of a hash that a place stands for: all that the table asks of one.
pub(super) fn hash_of(place: u32) -> u64 {
    let (home, prefix) = (place >> DEPTH_MAX, place & ((1 << DEPTH_MAX) - 1));
    u64::from(prefix) << (64 - DEPTH_MAX) | home_begin(home as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_home_has_its_interval() {
        for at in 0..HOMES {
            assert_eq!(home(home_begin(at)), at);
            assert!(at == 0 || home(home_begin(at) - 256) == at - 1);
        }
        assert_eq!(home(u64::MAX), HOMES - 1);
    }

    #[test]
    fn a_place_is_home_and_prefix() {
        for i in 0..1000u32 {
            let hash = Key::new(&i.to_le_bytes(), 7).hash;
            let known = hash_of(place(hash));
            assert_eq!((home(known), prefix(known)), (home(hash), prefix(hash)));
            assert_eq!(place(known), place(hash));
        }
    }

    #[test]
    fn the_seed_changes_the_hash() {
        let (a, b) = (Key::new(b"key", 1).hash, Key::new(b"key", 2).hash);
        assert_ne!(a, b);
        assert_eq!(a, Key::new(b"key", 1).hash);
    }
}
