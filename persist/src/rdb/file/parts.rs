//! Where a file may be read from, so that many cores load it at once.
//!
//! ```text
//!   percore-fragments = "1 0000000000000008 0000000000001000 0000000000800123 00000000007fffe0 ..."
//!                        |  shards           head             part             part            each to the next blank
//! ```
//! An AUX field of text (`redis-check-rdb` shows it), all numbers of 16 hexadecimal digits: its length does not depend on
//! them. The head and the parts, in order, are all of the file but its tail. A part begins with SELECTDB; nothing in it
//! depends on what stands before.
//!
//! The field is a claim like everything in a file. One that does not add up to the length of the file is not believed,
//! and the file read from its beginning; one that adds up and lies leads to a part that does not parse, which is an error
//! as any other. Which shard wrote which part is not said, and does not matter: a loader hands every key to its owner.

use super::head::TAIL_BYTES;
use super::reader::{Verified, verdict};
use super::{Failure, Place};
use crate::crc64::{checksum, combine};
use std::ops::Range;

/// The name of the field.
pub const PARTS_FIELD: &[u8] = b"percore-fragments";
/// The version of what the field says.
const FORMAT: &str = "1";
/// Parts that a fragment has at most.
pub(super) const PARTS_MAX: usize = 256;
/// Parts that are believed at most.
const PARTS_MAX_OF_FILE: usize = PARTS_MAX * 4096;

/// The parts of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Parts {
    /// How many shards wrote it.
    pub shards: u64,
    /// Bytes of what stands before the first part.
    pub head: u64,
    /// Bytes of each part.
    pub lens: Vec<u64>,
}

impl Parts {
    pub(super) fn text(&self) -> Vec<u8> {
        let mut text = String::from(FORMAT);
        for n in [self.shards, self.head].iter().chain(&self.lens) {
            text += &format!(" {n:016x}");
        }
        text.into_bytes()
    }

    /// What the value of the field says; `None` if it is not understood, or not true of a file of so many bytes.
    #[must_use]
    pub fn parse(value: &[u8], file_len: u64) -> Option<Self> {
        let text = str::from_utf8(value).ok()?;
        let mut words = text.split(' ');
        if words.next()? != FORMAT || text.len() / 17 > PARTS_MAX_OF_FILE {
            return None;
        }
        let mut numbers = words.map(|word| {
            u64::from_str_radix(word, 16).ok().filter(|_| word.len() == 16 && !word.starts_with('+'))
        });
        let (shards, head) = (numbers.next()??, numbers.next()??);
        let lens = numbers.collect::<Option<Vec<u64>>>()?;
        let end = lens.iter().try_fold(head, |at, &len| at.checked_add(len).filter(|_| len > 0))?;
        let is_whole = end.checked_add(TAIL_BYTES as u64) == Some(file_len);
        (is_whole && !lens.is_empty()).then_some(Self { shards, head, lens })
    }

    /// Where each part is.
    pub fn ranges(&self) -> impl ExactSizeIterator<Item = Range<u64>> {
        let mut at = self.head;
        self.lens.iter().map(move |len| {
            let from = at;
            at += len;
            from..at
        })
    }

    /// Where the last part ends: there are [`TAIL_BYTES`] left.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.head + self.lens.iter().sum::<u64>()
    }

    /// Judges the checksum of a file of which each piece has been read by itself: `head` is the checksum of the head,
    /// `sums` those of the parts in order, `tail` the bytes at [`Parts::end`].
    ///
    /// # Errors
    /// It is wrong, or the tail is none.
    pub fn verify(&self, head: u64, sums: &[u64], tail: [u8; TAIL_BYTES]) -> Result<Verified, Failure> {
        let at = self.end();
        let failure = |error| Failure { error, place: Place::Tail };
        let [first, stands @ ..] = tail;
        if first != crate::rdb::Opcode::Eof as u8 || sums.len() != self.lens.len() {
            let fault = crate::rdb::Fault::Corrupt("no end where the last part ends");
            return Err(failure(crate::rdb::Error { at, fault }));
        }
        let sum = sums.iter().zip(&self.lens).fold(head, |sum, (part, len)| combine(sum, *part, *len));
        let sum = combine(sum, checksum(&tail[..1]), 1);
        let stands = u64::from_le_bytes(stands);
        verdict(Some(sum), stands, at + 1).map_err(failure)
    }
}
