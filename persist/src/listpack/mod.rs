//! Listpack: many small elements in one block of bytes, exactly as Redis lays them out, since DUMP payloads and
//! RDB files carry these bytes as they are.
//!
//! ```text
//!   0        4      6                                            total - 1
//!   | total  | count | element | element | ...                  | FF |
//!     u32 LE   u16 LE
//!                     element = | encoding, value | backlen |
//! ```
//! - *total* counts all bytes, header and end mark included.
//! - *count* is the number of elements; 65535 says "that many or more, or fewer since: walk and see".
//! - *encoding, value* is one of
//!
//! ```text
//!   0xxxxxxx                        0 ..= 127
//!   10llllll bytes                  string of up to 63 bytes
//!   110xxxxx xxxxxxxx               13 bits, two's complement
//!   1110llll llllllll bytes         string of up to 4095 bytes
//!   11110000 llllllll x 4 (LE)      string, 32-bit length, then its bytes
//!   11110001 / 010 / 011 / 100      16, 24, 32, 64 bits LE, two's complement
//!   11111111                        the end mark; all else is corrupt
//! ```
//! - *backlen* is the size of *encoding, value*, so that the walk can go backwards: 1 to 5 bytes of 7 bits,
//!   most significant first; all but the *first* have the top bit, so that a reader who comes from behind
//!   knows when to stop. (Redis's steps: 2 bytes up to 16382 only, and so on.)
//!
//! A string that spells a canonical integer (`proto::number::parse_i64`) is stored as that integer. Foreign bytes
//! may hold other forms of the same element, and readers take them; editors write the one form above.
//!
//! **Trust.** [`Listpack`] and the editors assume bytes that editors made or that [`check`] passed with `deep`:
//! on others they may panic or answer wrongly (never touch foreign memory).
//!
//! **Costs.** Everything is a walk, O(n) and quick for the few kilobytes a listpack is meant for; both
//! ends are O(1). An edit is one memmove, and a reallocation only when the size class changes
//! ([`packed`](crate::packed)). Removing never reallocates: call [`trim`] when done.
//!
//! `read` walks, `edit` changes, `check` doubts.

mod check;
mod edit;
mod read;

pub use crate::packed::{Corrupt, reserve_class, size_class, trim};
pub use check::check;
pub use edit::{
    Appender, Encoded, append, element_size, insert_after, insert_before, new, push_back, push_back_int,
    push_front, remove, remove_range, replace, replace_int, retain, safe_to_add, split_off, with_capacity,
};
pub use read::{Iter, Listpack};

use proto::number;

/// Bytes before the first element.
pub const HEADER: usize = 6;
/// Bytes of a listpack without elements.
pub const EMPTY_BYTES: usize = HEADER + 1;
/// No listpack may grow beyond this, in bytes; Redis's bound (a 32-bit length has room to spare).
pub const BYTES_MAX: usize = 1 << 30;
/// The header's count when it does not know.
const COUNT_UNKNOWN: u16 = u16::MAX;
/// The end mark.
const END: u8 = 0xFF;

/// Longest string with a length of 6 bits, of 12 bits.
const STRING_6_MAX: usize = 63;
const STRING_12_MAX: usize = 4095;

/// Where an element begins: good until the next edit, except that editors return one that is good after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct At(u32);

impl At {
    fn new(offset: usize) -> Self {
        Self(offset as u32) // a listpack's total is 32 bits
    }

    /// Bytes from the start of the listpack.
    #[must_use]
    pub const fn offset(self) -> usize {
        self.0 as usize
    }
}

/// One element, as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element<'a> {
    /// Stored as an integer: its text is the canonical one.
    Int(i64),
    /// Stored as a string.
    Bytes(&'a [u8]),
}

impl Element<'_> {
    /// Whether the element's text is `text`.
    #[must_use]
    pub fn eq_bytes(&self, text: &[u8]) -> bool {
        match self {
            Self::Int(n) => number::parse_i64(text) == Some(*n),
            Self::Bytes(bytes) => *bytes == text,
        }
    }

    /// Appends the element's text.
    pub fn push_to(&self, out: &mut Vec<u8>) {
        match self {
            Self::Int(n) => number::push_i64(out, *n),
            Self::Bytes(bytes) => out.extend_from_slice(bytes),
        }
    }

    /// The element's text, in bytes of its own.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        let mut text = Vec::with_capacity(self.len());
        self.push_to(&mut text);
        text
    }

    /// Bytes of the element's text.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Int(n) => {
                let digits = n.unsigned_abs().checked_ilog10().map_or(1, |log| log as usize + 1);
                digits + usize::from(*n < 0)
            }
            Self::Bytes(bytes) => bytes.len(),
        }
    }

    /// Whether the text is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Bytes([]))
    }

    /// The integer that the element's text spells, if it is a canonical one.
    #[must_use]
    pub fn to_int(&self) -> Option<i64> {
        match self {
            Self::Int(n) => Some(*n),
            Self::Bytes(bytes) => number::parse_i64(bytes),
        }
    }
}

/// Bytes of *encoding, value* of the element at the start of `bytes`; 1 for the end mark.
#[inline]
pub(crate) fn encoded_size(bytes: &[u8]) -> usize {
    match bytes[0] {
        b @ 0x80..=0xBF => 1 + usize::from(b & 0x3F),
        0xC0..=0xDF => 2,
        b @ 0xE0..=0xEF => 2 + (usize::from(b & 0x0F) << 8 | usize::from(bytes[1])),
        0xF0 => 5 + u32::from_le_bytes([bytes[1], bytes[2], bytes[3], bytes[4]]) as usize,
        0xF1 => 3,
        0xF2 => 4,
        0xF3 => 5,
        0xF4 => 9,
        _ => 1,
    }
}

/// Bytes of the backlen of an element whose *encoding, value* takes `encoded` bytes.
#[inline]
const fn backlen_size(encoded: usize) -> usize {
    match encoded {
        0..=127 => 1,
        128..16_383 => 2,
        16_383..2_097_151 => 3,
        2_097_151..268_435_455 => 4,
        _ => 5,
    }
}

/// The backlen of `encoded` bytes: the last of `size` bytes is at index 4.
#[inline]
fn backlen(encoded: usize) -> [u8; 5] {
    let mut bytes = [0; 5];
    let (size, mut rest) = (backlen_size(encoded), encoded);
    for (i, byte) in bytes.iter_mut().enumerate().rev().take(size) {
        let is_first = i == 5 - size;
        *byte = (rest & 0x7F) as u8 | if is_first { 0 } else { 0x80 };
        rest >>= 7;
    }
    bytes
}

/// Bytes of the whole element at the start of `bytes`, backlen included.
#[inline]
fn entry_size(bytes: &[u8]) -> usize {
    let encoded = encoded_size(bytes);
    encoded + backlen_size(encoded)
}

/// The element whose *encoding, value* is at the start of `bytes`.
#[inline]
#[must_use]
pub fn decode(bytes: &[u8]) -> Element<'_> {
    match bytes[0] {
        b @ 0..=0x7F => Element::Int(i64::from(b)),
        b @ 0x80..=0xBF => Element::Bytes(&bytes[1..][..usize::from(b & 0x3F)]),
        b @ 0xC0..=0xDF => {
            let word = u16::from(b & 0x1F) << 8 | u16::from(bytes[1]);
            Element::Int(i64::from((word << 3) as i16 >> 3))
        }
        0xE0..=0xEF => Element::Bytes(&bytes[2..encoded_size(bytes)]),
        0xF0 => Element::Bytes(&bytes[5..encoded_size(bytes)]),
        0xF1 => Element::Int(i64::from(i16::from_le_bytes([bytes[1], bytes[2]]))),
        0xF2 => Element::Int(i64::from(i32::from_le_bytes([0, bytes[1], bytes[2], bytes[3]]) >> 8)),
        0xF3 => Element::Int(i64::from(i32::from_le_bytes([bytes[1], bytes[2], bytes[3], bytes[4]]))),
        _ => {
            let mut word = [0; 8];
            word.copy_from_slice(&bytes[1..9]);
            Element::Int(i64::from_le_bytes(word))
        }
    }
}

#[cfg(test)]
mod model;
