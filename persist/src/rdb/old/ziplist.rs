//! Ziplist: what listpacks have replaced (Redis before 7.0).
//!
//! ```text
//!   | bytes u32 | last u32 | count u16 | entry | entry | ... | FF |          little-endian
//!                 offset of  65535:
//!                 the last   count them
//!   entry = | bytes of the entry before | encoding | text |
//!             one byte up to 253, or FE and u32
//!   encoding  00llllll                    text of up to 63 bytes
//!             01llllll l                  ... 16383, big-endian
//!             10000000 l x 4              any, big-endian
//!             11000000 / D0 / E0 / F0 / FE    an integer of 2, 4, 8, 3, 1 bytes, little-endian
//!             1111xxxx                    an integer: xxxx - 1, of 1 to 13
//! ```
//! Everything is checked on the way, the lengths backwards too.

use crate::listpack::{self, Corrupt};

const HEADER: usize = 10;
const END: u8 = 0xFF;
/// The first byte of a length of the entry before that takes four more.
const LONG: u8 = 0xFE;
const COUNT_UNKNOWN: u16 = u16::MAX;

/// What an entry holds.
enum Content<'a> {
    Int(i64),
    Text(&'a [u8]),
}

/// The listpack with the elements of a ziplist.
///
/// # Errors
/// The first fault found.
pub fn to_listpack(bytes: &[u8]) -> Result<Vec<u8>, Corrupt> {
    let fault = |at, why| Err(Corrupt::new(at, why));
    let Some((header, _)) = bytes.split_first_chunk::<HEADER>().filter(|(_, rest)| !rest.is_empty()) else {
        return fault(bytes.len(), "a ziplist shorter than its header");
    };
    let [b0, b1, b2, b3, t0, t1, t2, t3, c0, c1] = *header;
    if u32::from_le_bytes([b0, b1, b2, b3]) as usize != bytes.len() {
        return fault(0, "a ziplist of another length than its header says");
    }
    let end = bytes.len() - 1;
    if bytes[end] != END {
        return fault(end, "a ziplist without its end mark");
    }
    let mut packed = listpack::with_capacity(listpack::EMPTY_BYTES.max(bytes.len().min(1 << 16)));
    let (mut at, mut before, mut found) = (HEADER, 0, 0);
    while at < end {
        let Some((entry_before, content, size)) = entry(&bytes[at..end]) else {
            return fault(at, "an entry that reaches beyond the end, or of no known encoding");
        };
        if entry_before != before {
            return fault(at, "an entry whose length backwards is another");
        }
        push(&mut packed, &content).ok_or_else(|| Corrupt::new(at, "a ziplist too long for a listpack"))?;
        before = size;
        at += size;
        found += 1;
    }
    let last = u32::from_le_bytes([t0, t1, t2, t3]) as usize;
    if last != at - before {
        return fault(4, "a ziplist whose last entry is elsewhere");
    }
    let count = u16::from_le_bytes([c0, c1]);
    if count != COUNT_UNKNOWN && usize::from(count) != found {
        return fault(8, "a ziplist of another count than its header says");
    }
    Ok(packed)
}

/// Adds an element; `None` when that would be too much.
fn push(packed: &mut Vec<u8>, content: &Content<'_>) -> Option<()> {
    /// The most that an element takes besides its text.
    const OVERHEAD: usize = 16;
    let len = if let Content::Text(text) = content { text.len() } else { 0 };
    if !listpack::safe_to_add(packed.len(), len + OVERHEAD) {
        return None;
    }
    match content {
        Content::Int(n) => listpack::push_back_int(packed, *n),
        Content::Text(text) => listpack::push_back(packed, text),
    }
    Some(())
}

/// The entry at the start of `bytes`: the length of the one before, what it holds, its own length.
fn entry(bytes: &[u8]) -> Option<(usize, Content<'_>, usize)> {
    let (before, rest) = match bytes {
        [LONG, b0, b1, b2, b3, rest @ ..] => (u32::from_le_bytes([*b0, *b1, *b2, *b3]) as usize, rest),
        [LONG..=END, ..] => return None,
        [before, rest @ ..] => (usize::from(*before), rest),
        [] => return None,
    };
    let (content, rest) = content(rest)?;
    Some((before, content, bytes.len() - rest.len()))
}

/// What is held at the start of `bytes`, and what is behind it.
fn content(bytes: &[u8]) -> Option<(Content<'_>, &[u8])> {
    let (&encoding, rest) = bytes.split_first()?;
    let text =
        |len: usize, rest: &'_ [u8]| rest.split_at_checked(len).map(|(text, rest)| (text.len(), rest.len()));
    let (len, rest) = match encoding >> 6 {
        0 => (usize::from(encoding), rest),
        1 => {
            let (&low, rest) = rest.split_first()?;
            (usize::from(encoding & 0x3F) << 8 | usize::from(low), rest)
        }
        2 => {
            let (len, rest) = rest.split_first_chunk()?;
            (u32::from_be_bytes(*len) as usize, rest)
        }
        _ => return int(encoding, rest).map(|(n, rest)| (Content::Int(n), rest)),
    };
    text(len, rest)?;
    let (text, rest) = rest.split_at(len);
    Some((Content::Text(text), rest))
}

fn int(encoding: u8, bytes: &[u8]) -> Option<(i64, &[u8])> {
    let mut word = [0; 8];
    let size = match encoding {
        0xC0 => 2,
        0xD0 => 4,
        0xE0 => 8,
        0xF0 => 3,
        0xFE => 1,
        0xF1..=0xFD => return Some((i64::from(encoding & 0x0F) - 1, bytes)),
        _ => return None,
    };
    let (value, rest) = bytes.split_at_checked(size)?;
    // In the upper bytes, so that shifting brings the sign along.
    word[8 - size..].copy_from_slice(value);
    Some((i64::from_le_bytes(word) >> (64 - 8 * size), rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listpack::Listpack;
    use proptest::prelude::*;

    fn push_entry(bytes: &mut Vec<u8>, before: usize, content: &[u8]) -> usize {
        let start = bytes.len();
        if before < 254 {
            bytes.push(before as u8);
        } else {
            bytes.push(LONG);
            bytes.extend_from_slice(&(before as u32).to_le_bytes());
        }
        bytes.extend_from_slice(content);
        bytes.len() - start
    }

    /// A ziplist of entries that are encoded already.
    fn ziplist(contents: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = vec![0; HEADER];
        let (mut before, mut last) = (0, HEADER);
        for content in contents {
            last = bytes.len();
            before = push_entry(&mut bytes, before, content);
        }
        bytes.push(END);
        let total = bytes.len() as u32;
        bytes[..4].copy_from_slice(&total.to_le_bytes());
        bytes[4..8].copy_from_slice(&(last as u32).to_le_bytes());
        bytes[8..10].copy_from_slice(&(contents.len() as u16).to_le_bytes());
        bytes
    }

    fn samples() -> Vec<(Vec<u8>, &'static str)> {
        vec![
            (b"\x03abc".to_vec(), "abc"),
            (vec![0xF1], "0"),
            (vec![0xFD], "12"),
            (vec![0xFE, 0x80], "-128"),
            (vec![0xC0, 0, 0x80], "-32768"),
            (vec![0xF0, 0, 0, 0x80], "-8388608"),
            (vec![0xD0, 0, 0, 0, 0x80], "-2147483648"),
            (vec![0xE0, 0, 0, 0, 0, 0, 0, 0, 0x80], "-9223372036854775808"),
            (b"\x40\x02hi".to_vec(), "hi"),
            (b"\x80\0\0\0\x02ho".to_vec(), "ho"),
        ]
    }

    #[test]
    fn every_encoding_is_read() {
        let (contents, texts): (Vec<_>, Vec<_>) = samples().into_iter().unzip();
        let packed = to_listpack(&ziplist(&contents)).unwrap();
        let read: Vec<_> =
            Listpack::new(&packed).iter().map(|e| String::from_utf8(e.to_vec()).unwrap()).collect();
        assert_eq!(read, texts);
        assert_eq!(to_listpack(&ziplist(&[])).map(|packed| Listpack::new(&packed).len()), Ok(0));
    }

    #[test]
    fn long_entries_are_measured_in_four_bytes() {
        let long = [b"\x41\x2C".to_vec(), vec![b'x'; 300]].concat();
        let packed = to_listpack(&ziplist(&[long.clone(), b"\x01a".to_vec(), long])).unwrap();
        assert_eq!(Listpack::new(&packed).iter().map(|e| e.len()).collect::<Vec<_>>(), [300, 1, 300]);
    }

    #[test]
    fn faults_are_found() {
        let good = ziplist(&[b"\x03abc".to_vec(), vec![0xF1]]);
        for at in [0, 4, 8, 10, 11, 15, 17] {
            let mut bad = good.clone();
            bad[at] ^= 0x41;
            assert!(to_listpack(&bad).is_err(), "{at}");
        }
        assert!((0..good.len()).all(|len| to_listpack(&good[..len]).is_err()));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..5),
        ) {
            let (contents, _): (Vec<_>, Vec<_>) = samples().into_iter().unzip();
            let mut bytes = ziplist(&contents);
            for (index, byte) in flips {
                let at = index.index(bytes.len());
                bytes[at] = byte;
            }
            if let Ok(packed) = to_listpack(&bytes) {
                prop_assert_eq!(listpack::check(&packed, true), Ok(()));
            }
        }
    }
}
