//! From an element to a register: MurmurHash64A (Austin Appleby, MurmurHash2, public domain), with the seed
//! that Redis chose.
//!
//! ```text
//!   hash:  | 50 bits: how many zeros at their low end | 14 bits: which register |
//! ```
//!
//! The number is one more than the count of zeros: 1 for half of all elements, 2 for a quarter; at most 51,
//! when all 50 bits are zero.

/// Bits of the hash that choose the register.
pub(crate) const INDEX_BITS: u32 = 14;
/// Bits of the hash that give the number.
pub(crate) const RANK_BITS: u32 = u64::BITS - INDEX_BITS;

const SEED: u64 = 0xadc8_3b19;
const M: u64 = 0xc6a4_a793_5bd1_e995;
const R: u32 = 47;

/// The register of an element, and the number to raise it to.
pub(crate) fn place(element: &[u8]) -> (usize, u8) {
    let hash = murmur(element, SEED);
    let index = hash & ((1 << INDEX_BITS) - 1);
    let rank = (hash >> INDEX_BITS | 1 << RANK_BITS).trailing_zeros() + 1;
    (index as usize, rank as u8)
}

fn murmur(bytes: &[u8], seed: u64) -> u64 {
    let mut hash = seed ^ (bytes.len() as u64).wrapping_mul(M);
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        let mut k = u64::from_le_bytes(*word).wrapping_mul(M);
        k = (k ^ k >> R).wrapping_mul(M);
        hash = (hash ^ k).wrapping_mul(M);
    }
    if !rest.is_empty() {
        let mut word = [0; 8];
        word[..rest.len()].copy_from_slice(rest);
        hash = (hash ^ u64::from_le_bytes(word)).wrapping_mul(M);
    }
    hash = (hash ^ hash >> R).wrapping_mul(M);
    hash ^ hash >> R
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What redis-server 7.0.15 shows of one element each (`PFDEBUG DECODE` after `PFADD`).
    #[test]
    fn elements_go_where_redis_puts_them() {
        for (element, index, rank) in ELEMENTS {
            assert_eq!(place(element.as_bytes()), (*index, *rank), "{element:?}");
        }
    }

    include!("hash_elements.in");

    #[test]
    fn ranks_have_an_end() {
        assert_eq!((1u64 << RANK_BITS).trailing_zeros() + 1, 51);
    }
}
