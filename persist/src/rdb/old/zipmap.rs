//! Zipmap: small hashes of Redis before 2.6.
//!
//! ```text
//!   | count | len | field | len | free | value | unused x free | len | field | ... | FF |
//!     254: count them       len = one byte up to 253, or FE and u32 little-endian
//! ```

use crate::listpack::{self, Corrupt};

const END: u8 = 0xFF;
/// The first byte of a length that takes four more.
const LONG: u8 = 0xFE;
/// From this on the count is not known.
const COUNT_UNKNOWN: u8 = 254;

/// The listpack of fields and values that a zipmap has.
///
/// # Errors
/// The first fault found.
pub fn to_listpack(bytes: &[u8]) -> Result<Vec<u8>, Corrupt> {
    let fault = |rest: &[u8], why| Corrupt::new(bytes.len() - rest.len(), why);
    let (&count, mut rest) = bytes.split_first().ok_or(Corrupt::new(0, "a zipmap without bytes"))?;
    let mut packed = listpack::new();
    let mut found = 0usize;
    loop {
        if rest == [END] {
            break;
        }
        let Some((field, value, behind)) = pair(rest) else {
            return Err(fault(rest, "a zipmap that ends within a pair"));
        };
        /// The most that a pair takes besides its texts.
        const OVERHEAD: usize = 32;
        if !listpack::safe_to_add(packed.len(), field.len() + value.len() + OVERHEAD) {
            return Err(fault(rest, "a zipmap too long for a listpack"));
        }
        listpack::push_back(&mut packed, field);
        listpack::push_back(&mut packed, value);
        rest = behind;
        found += 1;
    }
    if count < COUNT_UNKNOWN && usize::from(count) != found {
        return Err(Corrupt::new(0, "a zipmap of another count than its header says"));
    }
    Ok(packed)
}

/// The field and the value at the start of `bytes`, and what is behind them.
fn pair(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (len, rest) = length(bytes)?;
    let (field, rest) = rest.split_at_checked(len)?;
    let (len, rest) = length(rest)?;
    let (&free, rest) = rest.split_first()?;
    let (value, rest) = rest.split_at_checked(len)?;
    Some((field, value, rest.get(usize::from(free)..)?))
}

fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    match bytes {
        [LONG, b0, b1, b2, b3, rest @ ..] => Some((u32::from_le_bytes([*b0, *b1, *b2, *b3]) as usize, rest)),
        [len @ ..LONG, rest @ ..] => Some((usize::from(*len), rest)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listpack::Listpack;
    use proptest::prelude::*;

    const SAMPLE: &[u8] = b"\x02\x01a\x02\x000b\x03foo\x03\x02barxx\xFF";

    fn texts(bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
        to_listpack(bytes).ok().map(|packed| Listpack::new(&packed).iter().map(|e| e.to_vec()).collect())
    }

    #[test]
    fn pairs_are_read() {
        let expected = ["a", "0b", "foo", "bar"].map(|text| text.as_bytes().to_vec());
        assert_eq!(texts(SAMPLE), Some(expected.to_vec()));
        assert_eq!(texts(b"\0\xFF"), Some(vec![]));
        let long = [b"\x01\x01f\xFE\x2C\x01\0\0\0", &[b'v'; 300][..], b"\xFF"].concat();
        assert_eq!(texts(&long).map(|texts| texts[1].len()), Some(300));
        let uncounted = [b"\xFE", &SAMPLE[1..]].concat();
        assert_eq!(texts(&uncounted), Some(expected.to_vec()));
    }

    #[test]
    fn faults_are_found() {
        assert!((0..SAMPLE.len()).all(|len| texts(&SAMPLE[..len]).is_none()));
        assert_eq!(texts(&[b"\x01", &SAMPLE[1..]].concat()), None, "count");
        assert_eq!(texts(&[SAMPLE, b"\xFF"].concat()), None, "something behind");
        assert_eq!(texts(b"\x01\xFE\xFF\xFF\xFF\xFFa\xFF"), None, "a long lie");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(at in 0..SAMPLE.len(), byte: u8) {
            let mut bytes = SAMPLE.to_vec();
            bytes[at] = byte;
            if let Ok(packed) = to_listpack(&bytes) {
                prop_assert_eq!(listpack::check(&packed, true), Ok(()));
            }
        }
    }
}
