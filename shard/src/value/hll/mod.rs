//! HyperLogLog: how many distinct elements were seen, within 0.81 %, in at most 12 KiB; byte for byte the
//! strings of Redis.
//!
//! ```text
//!   byte   0        4          5        8                   16
//!          +--------+----------+--------+-------------------+-----------------------//
//!          | "HYLL" | encoding | unused | cached, 64 bit LE | registers
//!          +--------+----------+--------+-------------------+-----------------------//
//!          encoding: 0 dense, 1 sparse       top bit of the cached count: it is stale
//! ```
//!
//! An element's hash ([`hash`]) names one of 16,384 registers, and a number from 1 to 51 that is the higher
//! the rarer; a register keeps the highest it was given. The count follows from how many registers
//! hold which number ([`estimate`]). So adding is idempotent, and the union of two is the maximum of their
//! registers.
//!
//! A value begins [`sparse`], run-length encoded, and becomes [`dense`], 6 bits a register, when a
//! register passes 32 or the string would pass `hll-sparse-max-bytes`; never back.
//!
//! The value is a string, and a client may have written anything into it: [`Hll::of`] checks the header, as
//! Redis does; what the registers say is checked by whoever walks them, who answers [`Corrupt`] and reads
//! nothing beyond the end. In one point this is stricter than Redis, which goes on with the byte behind a
//! string: an opcode cut off by the end is corrupt here, always.
//!
//! Costs: adding to a dense value is O(1), to a sparse one O(bytes); counting O(registers), or O(1)
//! while the cached count is good.

pub(crate) mod dense;
pub(crate) mod estimate;
pub(crate) mod hash;
pub(crate) mod self_test;
pub(crate) mod sparse;
#[cfg(test)]
mod tests;

use estimate::{NOTHING, estimate};
use sparse::{Cursor, Outcome};

pub(crate) const REGISTERS: usize = 1 << hash::INDEX_BITS;
/// Bytes before the registers.
pub(crate) const HEADER: usize = 16;
const MAGIC: &[u8; 4] = b"HYLL";
const ENCODING_AT: usize = 4;
const CACHE_AT: usize = 8;
/// Of the last byte of the cached count.
const STALE: u8 = 0x80;

/// All registers, a byte each.
pub(crate) type Registers = [u8; REGISTERS];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Encoding {
    Dense,
    Sparse,
}

/// The registers of a sparse value do not add up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Corrupt;

/// A string whose header is that of a HyperLogLog.
#[derive(Clone, Copy)]
pub(crate) struct Hll<'a> {
    bytes: &'a [u8],
    pub(crate) encoding: Encoding,
}

impl<'a> Hll<'a> {
    /// `None`: it is none.
    pub(crate) fn of(bytes: &'a [u8]) -> Option<Self> {
        if bytes.len() < HEADER || !bytes.starts_with(MAGIC) {
            return None;
        }
        let encoding = match bytes[ENCODING_AT] {
            0 if bytes.len() == HEADER + dense::BYTES => Encoding::Dense,
            1 => Encoding::Sparse,
            _ => return None,
        };
        Some(Self { bytes, encoding })
    }

    /// What follows the header.
    pub(crate) fn body(self) -> &'a [u8] {
        &self.bytes[HEADER..]
    }

    /// The count as it was last computed, if nothing has changed since.
    pub(crate) fn cached(self) -> Option<u64> {
        let count = u64::from_le_bytes(*self.bytes[CACHE_AT..].first_chunk()?);
        (self.bytes[HEADER - 1] & STALE == 0).then_some(count)
    }

    pub(crate) fn count(self) -> Result<u64, Corrupt> {
        let mut histogram = NOTHING;
        match self.encoding {
            Encoding::Dense => dense::histogram(self.body(), &mut histogram),
            Encoding::Sparse => sparse::histogram(self.body(), &mut histogram)?,
        }
        Ok(estimate(&histogram))
    }

    /// Raises `registers` to those of this value. Corrupt ones may have been raised in part.
    pub(crate) fn merge_into(self, registers: &mut Registers) -> Result<(), Corrupt> {
        match self.encoding {
            Encoding::Dense => dense::merge_into(self.body(), registers),
            Encoding::Sparse => sparse::merge_into(self.body(), registers)?,
        }
        Ok(())
    }
}

/// A value without elements; its cached count, 0, is good.
pub(crate) fn empty() -> Vec<u8> {
    let mut bytes = vec![0; HEADER];
    bytes[..MAGIC.len()].copy_from_slice(MAGIC);
    bytes[ENCODING_AT] = 1;
    bytes.extend_from_slice(&sparse::EMPTY);
    bytes
}

/// How many distinct elements the registers stand for.
pub(crate) fn count(registers: &Registers) -> u64 {
    let mut histogram = NOTHING;
    registers.iter().for_each(|&register| histogram[usize::from(register & dense::REGISTER_MAX)] += 1);
    estimate(&histogram)
}

/// A string being changed that [`Hll::of`] has accepted.
pub(crate) struct HllMut<'a> {
    bytes: &'a mut Vec<u8>,
    sparse_bytes_max: u64,
}

impl<'a> HllMut<'a> {
    /// `sparse_bytes_max` is `hll-sparse-max-bytes`: no sparse value grows beyond that.
    pub(crate) fn of(bytes: &'a mut Vec<u8>, sparse_bytes_max: u64) -> Option<Self> {
        Hll::of(bytes)?;
        Some(Self { bytes, sparse_bytes_max })
    }

    fn encoding(&self) -> Encoding {
        if self.bytes[ENCODING_AT] == 0 { Encoding::Dense } else { Encoding::Sparse }
    }

    /// The cached count is no longer good.
    pub(crate) fn mark_stale(&mut self) {
        self.bytes[HEADER - 1] |= STALE;
    }

    pub(crate) fn set_cached(&mut self, count: u64) {
        self.bytes[CACHE_AT..HEADER].copy_from_slice(&count.to_le_bytes());
    }

    /// Adds an element; true when that changed a register.
    pub(crate) fn add(&mut self, element: &[u8]) -> Result<bool, Corrupt> {
        let (index, count) = hash::place(element);
        let changed = self.raise(index, count, &mut Cursor::default())?;
        if changed {
            self.mark_stale();
        }
        Ok(changed)
    }

    /// Raises the registers to `registers`, none of which is below what it is now: the second half of a
    /// merge. `dense`: one of the merged values was.
    pub(crate) fn raise_all(&mut self, registers: &Registers, dense: bool) -> Result<(), Corrupt> {
        if dense {
            self.make_dense()?;
        }
        let mut cursor = Cursor::default();
        for (index, &count) in registers.iter().enumerate().filter(|&(_, &count)| count > 0) {
            self.raise(index, count, &mut cursor)?;
        }
        self.mark_stale();
        Ok(())
    }

    /// Raises one register to at least `count`; true when it was below. A cursor serves calls with
    /// rising indexes.
    fn raise(&mut self, index: usize, count: u8, cursor: &mut Cursor) -> Result<bool, Corrupt> {
        if self.encoding() == Encoding::Sparse {
            match sparse::raise(self.bytes, index, count, self.sparse_bytes_max, cursor)? {
                Outcome::Same => return Ok(false),
                Outcome::Raised => return Ok(true),
                Outcome::TooMuch => _ = self.make_dense()?,
            }
        }
        Ok(dense::raise(&mut self.bytes[HEADER..], index, count))
    }

    /// Makes it dense; true when it was not. The cached count stays as it was.
    pub(crate) fn make_dense(&mut self) -> Result<bool, Corrupt> {
        if self.encoding() == Encoding::Dense {
            return Ok(false);
        }
        let mut bytes = vec![0; HEADER + dense::BYTES];
        bytes[..HEADER].copy_from_slice(&self.bytes[..HEADER]);
        bytes[ENCODING_AT] = 0;
        sparse::for_each_run(&self.bytes[HEADER..], |from, run, value| {
            for index in from..from + run {
                dense::raise(&mut bytes[HEADER..], index, value);
            }
        })?;
        *self.bytes = bytes;
        Ok(true)
    }
}
