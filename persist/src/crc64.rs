//! CRC-64/REDIS: what an RDB file and a DUMP payload end with.
//!
//! Jones's polynomial (0xad93d23594c935a9), reflected, starting at 0 and without a final complement; the eight bytes
//! are stored little-endian. It finds accidents, not attackers: whoever can write a payload can write its
//! checksum, so that everything behind a right checksum is still doubted ([`crate::rdb`]).
//!
//! The sum of a file that is put together from parts is [`combine`]d from theirs, without reading a byte again.

use crc_fast::{CrcAlgorithm, Digest};

const ALGORITHM: CrcAlgorithm = CrcAlgorithm::Crc64Redis;

/// The checksum of `bytes`.
#[must_use]
pub fn checksum(bytes: &[u8]) -> u64 {
    crc_fast::checksum(ALGORITHM, bytes)
}

/// The checksum of two parts, one behind the other: `second` is of `second_len` bytes.
#[must_use]
pub fn combine(first: u64, second: u64, second_len: u64) -> u64 {
    crc_fast::checksum_combine(ALGORITHM, first, second, second_len)
}

/// A checksum of bytes that come piece by piece.
#[derive(Clone, Debug)]
pub struct Crc64(Digest);

impl Default for Crc64 {
    fn default() -> Self {
        Self(Digest::new(ALGORITHM))
    }
}

impl Crc64 {
    /// Takes in some bytes more.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The checksum of all that came so far.
    #[must_use]
    pub fn finish(&self) -> u64 {
        self.0.finalize()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Bit by bit, as the polynomial says.
    fn slowly(bytes: &[u8]) -> u64 {
        /// The polynomial, its bits in the other order.
        const REFLECTED: u64 = 0x95ac_9329_ac4b_c9b5;
        bytes.iter().fold(0, |crc, &byte| {
            (0..8).fold(crc ^ u64::from(byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { REFLECTED } else { 0 })
        })
    }

    #[test]
    fn the_check_value_is_that_of_the_catalogue() {
        assert_eq!(checksum(b"123456789"), 0xe9c6_d914_c4b8_d9ca);
        assert_eq!(checksum(b""), 0);
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(bytes in prop::collection::vec(any::<u8>(), 0..700), cut: prop::sample::Index) {
            let (a, b) = bytes.split_at(cut.index(bytes.len() + 1));
            let whole = slowly(&bytes);
            prop_assert_eq!(checksum(&bytes), whole);
            prop_assert_eq!(combine(checksum(a), checksum(b), b.len() as u64), whole);
            let mut pieces = Crc64::default();
            pieces.update(a);
            pieces.update(b);
            prop_assert_eq!(pieces.finish(), whole);
        }
    }
}
