//! The keys of one shard, on their way to a file.
//!
//! ```text
//!   select  key value  key value  select(next)  key ...            one part
//!   select  key value ...                                          the next, PART_BYTES further on
//!   ...                                                            finish -> AUX padding, Fragment
//! ```
//! A [`Body`] is a buffer with a memory. Whoever writes a snapshot puts keys into it, takes a block whenever
//! [`Body::waiting`] says that it is worth it, and writes that to wherever fragments go. A block is summed up when it is
//! taken, in the cache; nothing is kept of it.
//!
//! **A large value in slices.** [`Body::begin`] writes the key and how many elements will come, [`Body::elements`] some of
//! them, again and again, and [`Body::end`] has counted: a value with another number of elements than it promised would
//! make the rest of the file unreadable, so that is a panic, also in release. Between slices blocks may be taken;
//! other keys may not be written.
//!
//! **Parts** are at most [`PARTS_MAX`] a body: when there are as many, every second border is forgotten, and from then on
//! they are twice as far apart. So a body of any length lists a few hundred parts of about the same size.

use super::merge::{ALIGN, PAD_OVER};
use super::parts::PARTS_MAX;
use crate::crc64::Crc64;
use crate::rdb::{Opcode, Type, Writer};
use std::collections::BTreeMap;

/// How far apart the places are at which a fragment may be read from, at first, bytes.
pub const PART_BYTES: u64 = 8 << 20;
/// The field that pads, and what it takes without its value: opcode, name, a length of two bytes.
const PAD_FIELD: &[u8] = b"percore-pad";
const PAD_BYTES_MIN: u64 = 1 + 1 + PAD_FIELD.len() as u64 + 2;

/// How a body is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// `rdbcompression`: longer strings are compressed where that saves anything.
    pub compress: bool,
    /// `rdbchecksum`: bytes are summed up.
    pub checksum: bool,
    /// How far apart parts are at first, bytes.
    pub part_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { compress: true, checksum: true, part_bytes: PART_BYTES }
    }
}

/// What stands before a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Meta {
    /// Unix milliseconds.
    pub expire_at: Option<i64>,
    /// Seconds since the key was used; written where eviction goes by that.
    pub idle_seconds: Option<u64>,
    /// The counter of how often it was used; likewise.
    pub frequency: Option<u8>,
}

/// Keys of a database.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    pub keys: u64,
    /// Those with an expiry.
    pub expires: u64,
}

/// What there is to know of the bytes that a body was.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Fragment {
    /// Bytes.
    pub len: u64,
    /// Their checksum ([`crate::crc64`]); 0 if they were not to be summed up.
    pub sum: u64,
    /// Keys of each database that has any.
    pub counts: BTreeMap<u64, Counts>,
    /// Lengths of its parts, in order; together they are [`Fragment::len`].
    pub parts: Vec<u64>,
    /// The oldest version of the format that has all its types.
    pub needs: u16,
}

/// A value that is being written in slices.
#[derive(Debug)]
#[must_use = "the value must be ended"]
pub struct Sliced {
    left: u64,
}

impl Sliced {
    /// How many elements are still to come.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.left
    }
}

/// Keys, written one behind the other.
pub struct Body {
    out: Vec<u8>,
    options: Options,
    sum: Crc64,
    /// Bytes that have been taken.
    taken: u64,
    /// The database that was named last in this part.
    db: Option<u64>,
    counts: BTreeMap<u64, Counts>,
    /// Where parts begin, and how far apart they are.
    parts: Vec<u64>,
    part_bytes: u64,
    needs: u16,
    /// A value in slices is not at its end.
    is_open: bool,
}

impl Body {
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            out: Vec::new(),
            options,
            sum: Crc64::default(),
            taken: 0,
            db: None,
            counts: BTreeMap::new(),
            parts: Vec::new(),
            part_bytes: options.part_bytes.max(1),
            needs: 0,
            is_open: false,
        }
    }

    /// Bytes that wait to be taken.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.out.len()
    }

    /// Bytes written so far, taken or not.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.taken + self.out.len() as u64
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes what waits, and leaves `block`, emptied, to write into next.
    pub fn take(&mut self, block: &mut Vec<u8>) {
        block.clear();
        std::mem::swap(&mut self.out, block);
        self.taken += block.len() as u64;
        if self.options.checksum {
            self.sum.update(block);
        }
    }

    fn writer(&mut self) -> Writer<'_> {
        Writer::new(&mut self.out, self.options.compress)
    }

    fn opcode(&mut self, opcode: Opcode) {
        self.out.push(opcode as u8);
    }

    /// Names the database of the next key where it must be named.
    fn place(&mut self, db: u64) {
        let at = self.len();
        if self.parts.last().is_none_or(|begun| at - begun >= self.part_bytes) {
            self.parts.push(at);
            self.db = None;
            self.thin_out();
        }
        if self.db != Some(db) {
            self.db = Some(db);
            self.opcode(Opcode::SelectDb);
            self.writer().length(db);
        }
    }

    /// Forgets every second border when there are too many.
    fn thin_out(&mut self) {
        if self.parts.len() > PARTS_MAX {
            let mut at = 0;
            self.parts.retain(|_| {
                at += 1;
                at % 2 == 1
            });
            self.part_bytes *= 2;
        }
    }

    /// Writes all that stands before a value of this type, and counts the key; the value is to be written next, whole.
    ///
    /// # Panics
    /// A value in slices has not been ended.
    pub fn key(&mut self, db: u64, key: &[u8], what: Type, meta: &Meta) -> Writer<'_> {
        assert!(!self.is_open, "a key within a value");
        self.place(db);
        if let Some(ms) = meta.expire_at {
            self.opcode(Opcode::ExpireMs);
            self.writer().time_ms(ms);
        }
        if let Some(seconds) = meta.idle_seconds {
            self.opcode(Opcode::Idle);
            self.writer().length(seconds);
        }
        if let Some(frequency) = meta.frequency {
            self.opcode(Opcode::Freq);
            self.out.push(frequency);
        }
        self.needs = self.needs.max(what.since());
        let counts = self.counts.entry(db).or_default();
        counts.keys += 1;
        counts.expires += u64::from(meta.expire_at.is_some());
        self.out.push(what as u8);
        let mut writer = self.writer();
        writer.string(key);
        writer
    }

    /// As [`Body::key`], for a value of so many elements (pairs, triplets, nodes: what its type counts) that come in
    /// slices; `before` writes what its type has before the count.
    ///
    /// # Panics
    /// As [`Body::key`].
    pub fn begin(
        &mut self,
        db: u64,
        key: &[u8],
        what: Type,
        meta: &Meta,
        elements: u64,
        before: impl FnOnce(&mut Writer<'_>),
    ) -> Sliced {
        let mut writer = self.key(db, key, what, meta);
        before(&mut writer);
        writer.length(elements);
        self.is_open = true;
        Sliced { left: elements }
    }

    /// Writes the next so many elements.
    ///
    /// # Panics
    /// They are more than there are to come.
    pub fn elements(&mut self, value: &mut Sliced, count: u64, write: impl FnOnce(&mut Writer<'_>)) {
        assert!(self.is_open && count <= value.left, "more elements than were promised");
        value.left -= count;
        write(&mut self.writer());
    }

    /// Ends a value that came in slices; `behind` writes what its type has behind the elements.
    ///
    /// # Panics
    /// There were fewer elements than promised.
    pub fn end(&mut self, value: Sliced, behind: impl FnOnce(&mut Writer<'_>)) {
        assert!(self.is_open && value.left == 0, "fewer elements than were promised");
        behind(&mut self.writer());
        self.is_open = false;
    }

    /// Fills up a large body to whole blocks of a file system.
    fn pad(&mut self) {
        let len = self.len();
        if len >= PAD_OVER && !len.is_multiple_of(ALIGN) {
            let end = (len + PAD_BYTES_MIN).next_multiple_of(ALIGN);
            pad(&mut self.out, end - len);
        }
    }

    /// Ends it. The last block is left in `block`.
    ///
    /// # Panics
    /// A value in slices has not been ended.
    pub fn finish(mut self, block: &mut Vec<u8>) -> Fragment {
        assert!(!self.is_open, "an end within a value");
        self.pad();
        self.take(block);
        let ends = self.parts.iter().skip(1).copied().chain([self.taken]);
        let parts = self.parts.iter().zip(ends).map(|(begin, end)| end - begin).collect();
        let sum = if self.options.checksum { self.sum.finish() } else { 0 };
        Fragment { len: self.taken, sum, counts: self.counts, parts, needs: self.needs }
    }
}

/// Writes a field that takes exactly so many bytes, and says nothing.
pub(super) fn pad(out: &mut Vec<u8>, len: u64) {
    debug_assert!((PAD_BYTES_MIN..PAD_BYTES_MIN + 0x4000).contains(&len));
    let value = len.saturating_sub(PAD_BYTES_MIN) as u16;
    out.extend_from_slice(&[Opcode::Aux as u8, PAD_FIELD.len() as u8]);
    out.extend_from_slice(PAD_FIELD);
    // A length of 14 bits in its two bytes, also where one would do.
    out.extend_from_slice(&(0x4000 | value).to_be_bytes());
    out.resize(out.len() + usize::from(value), 0);
}

/// What [`pad`] takes at least, bytes.
pub(super) const PAD_MIN: u64 = PAD_BYTES_MIN;
