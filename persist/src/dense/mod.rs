//! Dense packs: many small elements in one block of bytes, in the fewest bytes. What small collections are in memory;
//! files and DUMP have [`listpack`](crate::listpack)s, to and from which `convert` goes.
//!
//! ```text
//!   up to 256 bytes of elements       | element | element | ...
//!   more                              | count, u32 LE | element | element | ...
//!
//!   listpack, for comparison          | total 4 | count 2 | element, backlen | ... | FF |
//! ```
//! An element is a listpack's *encoding, value*: one byte before a text of up to 63 bytes, integers in 1, 2, 3, 4, 5 or 9
//! bytes. What a listpack has beside that is what its readers need who know nothing else: the total and the end mark,
//! which here is the `Vec`'s business, and behind each element its size, for walking backwards. A pack is walked
//! forwards only: the last element of a hundred is a tenth of a microsecond away. Ten fields of a few letters
//! thus take 140 bytes and not 167: with the key another size class of the allocator.
//!
//! Which of the two forms the bytes have follows from their number ([`HEADER`]), and no pack has 257 to 260 bytes. A
//! small pack is counted by walking it.
//!
//! Invariant: every element is in its one form, the shortest (a text that spells a canonical integer is that
//! integer). So two elements are equal if their bytes are, and that is how [`Dense::find`] looks.
//!
//! **Other contents.** [`splice`] and [`len`] take what the sequence is of as a type: a sorted set packs members with
//! differences of scores, which are no elements ([`Unit`]).
//!
//! **Trust.** Bytes never come from outside: only the editors here make them, and a listpack that was checked. On others
//! there may be a panic or a wrong answer (never foreign memory).
//!
//! **Costs.** Everything is a walk, about a nanosecond an element; an append is O(1). An edit is one memmove, and a
//! reallocation only when the size class changes ([`packed`](crate::packed)).

mod convert;
mod edit;
#[cfg(test)]
mod model;

pub use crate::listpack::{Element, Encoded, decode};
pub use convert::{from_listpack, to_listpack};
pub use edit::{
    insert_after, insert_before, push_back, push_back_int, push_front, remove, remove_range, replace,
    replace_int, retain, splice,
};

use crate::listpack::encoded_size;

/// Bytes of the count.
const HEADER: usize = 4;
/// Bytes of elements up to which there is no count.
const UNCOUNTED_MAX: usize = 256;
/// No pack may grow beyond this, bytes: a listpack of the same elements then keeps its own bound.
pub const BYTES_MAX: usize = 1 << 29;

/// What a pack is a sequence of.
pub trait Unit {
    /// Fewest bytes of one.
    const MIN: usize;
    /// Bytes of the one at the start of `bytes`.
    fn size(bytes: &[u8]) -> usize;
    /// Whether all units that begin with this byte are of one size.
    fn is_sized_by(first: u8) -> bool;
}

/// Texts and integers, as in a listpack.
#[derive(Debug, Clone, Copy)]
pub struct Elements;

impl Unit for Elements {
    const MIN: usize = 1;

    #[inline]
    fn size(bytes: &[u8]) -> usize {
        encoded_size(bytes)
    }

    #[inline]
    fn is_sized_by(first: u8) -> bool {
        !(0xE0..=0xF0).contains(&first) // the two forms of a text's length that go on
    }
}

/// Bytes before the first element of a pack of `bytes` bytes.
#[inline]
const fn header_size(bytes: usize) -> usize {
    if bytes > UNCOUNTED_MAX { HEADER } else { 0 }
}

/// The bytes of the elements.
#[inline]
#[must_use]
pub fn body(bytes: &[u8]) -> &[u8] {
    &bytes[header_size(bytes.len())..]
}

/// The bytes of the elements, to be put in another order.
#[must_use]
pub fn body_mut(bytes: &mut [u8]) -> &mut [u8] {
    let start = header_size(bytes.len());
    &mut bytes[start..]
}

/// The count that is written down, if there is one.
#[inline]
fn count(bytes: &[u8]) -> Option<usize> {
    let header = bytes.first_chunk::<HEADER>().filter(|_| header_size(bytes.len()) > 0)?;
    Some(u32::from_le_bytes(*header) as usize)
}

/// How many units there are: a walk over at most 256 bytes, or O(1).
#[inline]
#[must_use]
pub fn len<U: Unit>(bytes: &[u8]) -> usize {
    count(bytes).unwrap_or_else(|| walk::<U>(bytes, usize::MAX).passed)
}

/// Whether there are more than `max` units: mostly the number of bytes tells.
#[inline]
#[must_use]
pub fn is_longer<U: Unit>(bytes: &[u8], max: usize) -> bool {
    bytes.len() / U::MIN > max && len::<U>(bytes) > max
}

/// What was passed over.
struct Walk {
    passed: usize,
    /// Bytes of it.
    end: usize,
    /// Where the last unit of it begins.
    last: usize,
}

/// Passes over up to `max` units.
///
/// A walk from one to the next waits for each first byte in turn, a nanosecond or more. Neighbours are often of one length, and
/// then of one first byte: four such bytes ahead are looked at at once.
#[inline]
fn walk<U: Unit>(body: &[u8], max: usize) -> Walk {
    let (mut passed, mut end, mut last) = (0, 0, 0);
    while passed < max && end < body.len() {
        let size = U::size(&body[end..]);
        if U::is_sized_by(body[end]) {
            while max - passed > AHEAD && follow(body, end, size) {
                end += AHEAD * size;
                passed += AHEAD;
            }
        }
        last = end;
        end += size;
        passed += 1;
    }
    Walk { passed, end, last }
}

/// How many units are looked at at once.
const AHEAD: usize = 4;

/// Whether that many units follow the one at `at`, of `size` bytes, with the same first byte.
#[inline]
fn follow(body: &[u8], at: usize, size: usize) -> bool {
    let Some(body) = body.get(at..=at + AHEAD * size) else { return false };
    let first = body[0];
    // No branches between: the bytes are fetched side by side.
    (body[size] == first) & (body[2 * size] == first) & (body[3 * size] == first) & (body[4 * size] == first)
}

/// Whether a pack of `bytes` bytes may get `additional` more.
#[must_use]
pub fn safe_to_add(bytes: usize, additional: usize) -> bool {
    bytes.checked_add(additional).is_some_and(|total| total <= BYTES_MAX)
}

/// Where an element begins: good until the next edit, except that editors return one that is good after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct At(u32);

impl At {
    /// # Panics
    /// Beyond 4 GiB, which no caller that asks [`safe_to_add`] reaches.
    fn new(offset: usize) -> Self {
        assert!(offset <= u32::MAX as usize, "a pack of {offset} bytes");
        Self(offset as u32)
    }

    /// Bytes from the start of [`body`].
    #[must_use]
    pub const fn offset(self) -> usize {
        self.0 as usize
    }
}

/// A pack of elements, to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dense<'a> {
    body: &'a [u8],
    count: Option<usize>,
}

impl<'a> Dense<'a> {
    /// The pack that `bytes` are: made by the editors.
    #[inline]
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { body: body(bytes), count: count(bytes) }
    }

    /// The bytes of all elements.
    #[must_use]
    pub const fn body(&self) -> &'a [u8] {
        self.body
    }

    /// Number of elements: a walk over at most 256 bytes, or O(1).
    #[must_use]
    pub fn len(&self) -> usize {
        self.count.unwrap_or_else(|| walk::<Elements>(self.body, usize::MAX).passed)
    }

    /// Whether there is no element.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.body.is_empty()
    }

    #[inline]
    fn at(&self, offset: usize) -> Option<At> {
        (offset < self.body.len()).then(|| At::new(offset))
    }

    /// The first element.
    #[must_use]
    pub fn first(&self) -> Option<At> {
        self.at(0)
    }

    /// The last element, at the end of a walk.
    #[must_use]
    pub fn last(&self) -> Option<At> {
        let last = walk::<Elements>(self.body, usize::MAX).last;
        self.at(last)
    }

    /// The element after `at`.
    #[inline]
    #[must_use]
    pub fn next(&self, at: At) -> Option<At> {
        self.at(at.offset() + encoded_size(&self.body[at.offset()..]))
    }

    /// What is stored at `at`.
    #[inline]
    #[must_use]
    pub fn get(&self, at: At) -> Element<'a> {
        decode(&self.body[at.offset()..])
    }

    /// The element of this index.
    #[must_use]
    pub fn seek(&self, index: usize) -> Option<At> {
        if self.count.is_some_and(|count| index >= count) {
            return None;
        }
        self.at(walk::<Elements>(self.body, index).end)
    }

    /// All elements, first to last.
    #[inline]
    #[must_use]
    pub fn iter(&self) -> Iter<'a> {
        Iter { rest: self.body }
    }

    /// The elements from `at` on.
    #[inline]
    #[must_use]
    pub fn iter_from(&self, at: At) -> Iter<'a> {
        Iter { rest: &self.body[at.offset()..] }
    }

    /// The first element whose text is `needle`. After each comparison `skip` elements are passed over: 0 looks
    /// at all, 1 at the fields of field-value pairs.
    #[inline]
    #[must_use]
    pub fn find(&self, needle: &[u8], skip: usize) -> Option<At> {
        let needle = Encoded::of(needle);
        let mut at = 0;
        while at < self.body.len() {
            let rest = &self.body[at..];
            let size = encoded_size(rest);
            if needle.is(&rest[..size]) {
                return Some(At::new(at));
            }
            at += size;
            for _ in 0..skip {
                at += self.body.get(at..).filter(|rest| !rest.is_empty()).map_or(0, encoded_size);
            }
        }
        None
    }
}

impl<'a> IntoIterator for Dense<'a> {
    type Item = Element<'a>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// The elements of a pack, first to last.
#[derive(Debug, Clone)]
pub struct Iter<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Iter<'a> {
    type Item = Element<'a>;

    #[inline]
    fn next(&mut self) -> Option<Element<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let (element, rest) = self.rest.split_at(encoded_size(self.rest));
        self.rest = rest;
        Some(decode(element))
    }
}

impl std::iter::FusedIterator for Iter<'_> {}
