//! The end of a DUMP payload: the version of the format, two bytes, and the checksum of all before it, eight.

use super::opcode::{Type, VERSION_MAX};
use crate::crc64;

/// Bytes of version and checksum.
pub const FOOTER_BYTES: usize = 10;
const CHECKSUM_BYTES: usize = 8;

/// Ends a payload that holds a value of this type.
pub fn seal(payload: &mut Vec<u8>, value: Type) {
    payload.extend_from_slice(&value.version().to_le_bytes());
    let sum = crc64::checksum(payload);
    payload.extend_from_slice(&sum.to_le_bytes());
}

/// The type and the value of a payload; `None` if its version is of the future or, unless `any_checksum`, its
/// checksum is wrong.
#[must_use]
pub fn open(payload: &[u8], any_checksum: bool) -> Option<&[u8]> {
    let (summed, sum) = payload.split_last_chunk::<CHECKSUM_BYTES>()?;
    let (value, version) = summed.split_last_chunk()?;
    let right = any_checksum || crc64::checksum(summed) == u64::from_le_bytes(*sum);
    (u16::from_le_bytes(*version) <= VERSION_MAX && right).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_is_opened() {
        let mut payload = b"\0\xC0\x0A".to_vec();
        seal(&mut payload, Type::String);
        // The example of Redis's documentation of DUMP.
        assert_eq!(payload, b"\x00\xc0\n\n\x00n\x9fWE\x0e\xaec\xbb");
        assert_eq!(open(&payload, false), Some(&b"\0\xC0\x0A"[..]));
        for at in 0..payload.len() {
            let mut other = payload.clone();
            other[at] ^= 1;
            assert_eq!(open(&other, false), None, "{at}");
            assert_eq!(open(&other, true).is_some(), at != 4, "{at}: only the version counts");
        }
        payload[3] = VERSION_MAX as u8 + 1;
        assert_eq!(open(&payload, true), None);
        assert_eq!(open(&payload[..9], true), None);
    }
}
