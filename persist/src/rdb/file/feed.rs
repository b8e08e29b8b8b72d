//! A file as a source: bytes come in blocks, and go out in the pieces that a decoder asks for.
//!
//! ```text
//!   file     |......taken.......|=====window=====|.......unread.......|
//!   window   | summed | taken | bytes that are there |  room  |
//!                     ^ summed  ^ at                 ^ end
//! ```
//! The window is a block long. A piece that is longer makes it grow, by doubling and never before the bytes have come,
//! so that a length that lies costs nothing; it shrinks again when the piece has been taken. What has been taken
//! is summed up block by block, while it is in the cache.

use crate::crc64::Crc64;
use crate::rdb::{Error, Fault, Source};
use std::ops::Range;

/// Bytes that are asked for at once.
pub const BLOCK_BYTES: usize = 256 << 10;

/// The bytes cannot be had. Whoever owns them knows why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreadable;

/// Where a file's bytes come from, in order.
pub trait Blocks {
    /// Puts the next bytes there; how many, 0 only at the end.
    ///
    /// # Errors
    /// They cannot be had.
    fn read(&mut self, into: &mut [u8]) -> Result<usize, Unreadable>;
}

/// Bytes in memory.
impl Blocks for &[u8] {
    fn read(&mut self, into: &mut [u8]) -> Result<usize, Unreadable> {
        let len = self.len().min(into.len());
        let (now, later) = self.split_at(len);
        into[..len].copy_from_slice(now);
        *self = later;
        Ok(len)
    }
}

/// A range of a file, as a source.
pub struct Feed<'b> {
    blocks: &'b mut dyn Blocks,
    window: Vec<u8>,
    summed: usize,
    at: usize,
    end: usize,
    /// Where in the file the window begins.
    base: u64,
    /// Bytes of the range that are not in the window yet.
    unread: u64,
    sum: Crc64,
}

impl<'b> Feed<'b> {
    /// The bytes of a file from `range.start` to `range.end`, which is `u64::MAX` if nobody knows; `blocks` begins there.
    pub fn new(blocks: &'b mut dyn Blocks, range: Range<u64>) -> Self {
        let unread = range.end.saturating_sub(range.start);
        let (window, sum) = (Vec::new(), Crc64::default());
        Self { blocks, window, summed: 0, at: 0, end: 0, base: range.start, unread, sum }
    }

    fn sum_up(&mut self) {
        self.sum.update(&self.window[self.summed..self.at]);
        self.summed = self.at;
    }

    /// Moves what is there to the front, and has room for a block at least behind it.
    fn make_room(&mut self) {
        self.sum_up();
        self.window.copy_within(self.at..self.end, 0);
        self.base += self.at as u64;
        self.end -= self.at;
        (self.at, self.summed) = (0, 0);
        // Twice what has come, a block at least, if there is so much; what a longer piece has left behind is given back.
        let block = usize::try_from(self.unread).map_or(BLOCK_BYTES, |unread| unread.min(BLOCK_BYTES));
        self.window.resize((2 * self.end).max(self.end + block), 0);
        self.window.shrink_to(4 * BLOCK_BYTES);
    }

    /// Gets bytes until `len` are there.
    fn fill(&mut self, len: usize) -> Result<(), Fault> {
        while self.end - self.at < len {
            if self.end == self.window.len() || self.at > 0 {
                self.make_room();
            }
            let room = &mut self.window[self.end..];
            let wanted = usize::try_from(self.unread).map_or(room.len(), |unread| unread.min(room.len()));
            let got = self.blocks.read(&mut room[..wanted]).map_err(|Unreadable| Fault::Unreadable)?;
            if got == 0 {
                self.unread = 0;
                return Err(Fault::Truncated);
            }
            self.end += got;
            if self.unread != u64::MAX {
                self.unread -= got as u64;
            }
        }
        Ok(())
    }
}

impl Source for Feed<'_> {
    fn take(&mut self, len: usize) -> Result<&[u8], Error> {
        if self.end - self.at < len {
            self.fill(len).map_err(|fault| Error { at: self.offset(), fault })?;
        }
        let from = self.at;
        self.at += len;
        Ok(&self.window[from..self.at])
    }

    fn offset(&self) -> u64 {
        self.base + self.at as u64
    }

    fn left(&self) -> u64 {
        self.unread.saturating_add((self.end - self.at) as u64)
    }

    fn sum(&mut self) -> Option<u64> {
        self.sum_up();
        Some(self.sum.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crc64::checksum;

    /// Hands out so many bytes at most, then none, or an error.
    struct Drops<'a>(&'a [u8], usize, bool);

    impl Blocks for Drops<'_> {
        fn read(&mut self, into: &mut [u8]) -> Result<usize, Unreadable> {
            if self.0.is_empty() && self.2 {
                return Err(Unreadable);
            }
            let len = into.len().min(self.1);
            self.0.read(&mut into[..len])
        }
    }

    #[test]
    fn pieces_come_out_whatever_came_in() {
        let bytes: Vec<u8> = (0..1_000_000u32).map(|n| (n.wrapping_mul(7919) >> 5) as u8).collect();
        for drop in [1000, 65_537, usize::MAX] {
            let mut blocks = Drops(&bytes, drop, false);
            let mut feed = Feed::new(&mut blocks, 100..100 + bytes.len() as u64);
            let mut at = 0;
            for len in [0, 1, 5, 700_000, 3, 250_000, 20_000, 29_991] {
                assert_eq!((feed.offset(), feed.left()), (100 + at as u64, (bytes.len() - at) as u64));
                assert_eq!(feed.take(len).unwrap(), &bytes[at..at + len]);
                at += len;
                assert_eq!(feed.sum(), Some(checksum(&bytes[..at])));
            }
            assert_eq!(at, bytes.len());
            assert_eq!(feed.take(1), Err(Error { at: 1_000_100, fault: Fault::Truncated }));
        }
    }

    #[test]
    fn no_more_is_taken_than_the_range_has() {
        let mut blocks: &[u8] = b"abcdef";
        let mut feed = Feed::new(&mut blocks, 0..4);
        assert_eq!(feed.take(3), Ok(&b"abc"[..]));
        assert_eq!(feed.take(2), Err(Error { at: 3, fault: Fault::Truncated }));
        assert_eq!(feed.take(1), Ok(&b"d"[..]));
        assert_eq!(feed.left(), 0);
    }

    #[test]
    fn a_length_that_lies_costs_what_has_come() {
        for (fails, fault) in [(false, Fault::Truncated), (true, Fault::Unreadable)] {
            let mut blocks = Drops(&[1; 5000], 100, fails);
            let mut feed = Feed::new(&mut blocks, 0..u64::MAX);
            assert_eq!(feed.take(4 << 30), Err(Error { at: 0, fault }));
            assert!(feed.window.capacity() <= 4 * BLOCK_BYTES);
        }
    }
}
