//! What the packed formats ([`listpack`](crate::listpack), [`intset`](crate::intset)) share: how their bytes
//! grow and shrink, and the fault that a check of foreign bytes finds.
//!
//! A `Vec` that doubles wastes a third of its memory on average, and there are millions of small packed
//! values. The allocator rounds every request up to one of its size classes anyway, so asking for exactly a
//! class costs no memory that would not be spent, and makes most edits free of a reallocation:
//!
//! ```text
//!   bytes      16 32 48 64 80 96 112 128 | 160 192 224 256 | 320 384 448 512 | 640 ...
//!   step       16 ..                     |  32             |  64             | 128 ...
//! ```
//! A value that grows byte by byte is thus copied 4 times a doubling, and the slack is at most a fifth.

use std::fmt;

/// The least number of bytes that the allocator hands out here.
const STEP_MIN: usize = 16;
/// Up to this size every multiple of [`STEP_MIN`] is a class; above it there are four a doubling.
const LINEAR_MAX: usize = 128;

/// The size that the allocator really gives to a request of `n` bytes: jemalloc's classes.
#[inline]
#[must_use]
pub const fn size_class(n: usize) -> usize {
    let step = if n <= LINEAR_MAX { STEP_MIN } else { 1 << ((n - 1).ilog2() - 2) };
    n.div_ceil(step) * step
}

/// Makes room for `additional` bytes more. When that needs another block, it is of the next size class.
#[inline]
pub fn reserve_class(v: &mut Vec<u8>, additional: usize) {
    if v.capacity() - v.len() < additional {
        let wanted = size_class(v.len() + additional);
        v.reserve_exact(wanted - v.len());
    }
}

/// Gives memory back when the bytes fit a smaller size class than the block's.
#[inline]
pub fn trim(v: &mut Vec<u8>) {
    let wanted = size_class(v.len());
    if wanted < v.capacity() {
        v.shrink_to(wanted);
    }
}

/// Bytes that are not what they claim to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Corrupt {
    /// Offset of the byte at which it shows.
    pub at: usize,
    /// What is wrong there.
    pub why: &'static str,
}

impl Corrupt {
    pub(crate) const fn new(at: usize, why: &'static str) -> Self {
        Self { at, why }
    }
}

impl fmt::Display for Corrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.why, self.at)
    }
}

impl std::error::Error for Corrupt {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_those_of_the_allocator() {
        let table = [
            (0, 0),
            (1, 16),
            (16, 16),
            (17, 32),
            (128, 128),
            (129, 160),
            (160, 160),
            (161, 192),
            (256, 256),
            (257, 320),
            (512, 512),
            (513, 640),
            (14_337, 16_384),
            (16_385, 20_480),
            ((1 << 30) + 1, (1 << 30) + (1 << 28)),
        ];
        for (n, class) in table {
            assert_eq!(size_class(n), class, "{n}");
            assert_eq!(size_class(class), class, "a class is its own class");
        }
    }

    #[test]
    fn growth_and_trimming_end_on_a_class() {
        let mut v = Vec::new();
        for n in 0..3000 {
            reserve_class(&mut v, 1);
            v.push(n as u8);
            assert_eq!(v.capacity(), size_class(v.len()));
        }
        v.truncate(200);
        trim(&mut v);
        assert_eq!((v.len(), v.capacity()), (200, 224));
        let block = v.as_ptr();
        trim(&mut v);
        assert_eq!(v.as_ptr(), block, "nothing to give back");
    }

    #[test]
    fn a_fault_names_its_place() {
        assert_eq!(Corrupt::new(7, "too short").to_string(), "too short at byte 7");
    }
}
