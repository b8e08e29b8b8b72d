//! Walking a listpack: from either end, by index, and looking for an element. See the module's essay for the
//! layout and for what is trusted.

use super::{At, COUNT_UNKNOWN, END, Element, HEADER, decode, entry_size};
use proto::number;

/// A listpack to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listpack<'a>(&'a [u8]);

impl<'a> Listpack<'a> {
    /// The listpack that `bytes` are: made by the editors, or passed by [`check`](super::check()) with `deep`.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        debug_assert!(super::check(bytes, false).is_ok(), "{:?}", super::check(bytes, false));
        Self(bytes)
    }

    /// All its bytes.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.0
    }

    /// The header's count, unless it does not know.
    #[inline]
    fn count(&self) -> Option<usize> {
        let count = u16::from_le_bytes([self.0[4], self.0[5]]);
        (count != COUNT_UNKNOWN).then_some(usize::from(count))
    }

    /// Number of elements. O(1), or a whole walk if there are, or once were, 65535 or more.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count().unwrap_or_else(|| self.iter().count())
    }

    /// Whether there is no element.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0[HEADER] == END
    }

    /// Offset of the end mark.
    fn end(&self) -> usize {
        self.0.len() - 1
    }

    fn at(&self, offset: usize) -> Option<At> {
        (offset < self.end()).then(|| At::new(offset))
    }

    /// Offset of the element that ends where the one at `offset`, or the end mark, begins.
    #[inline]
    fn before(&self, offset: usize) -> usize {
        let (mut encoded, mut size) = (0, 0);
        loop {
            let byte = self.0[offset - 1 - size];
            encoded |= usize::from(byte & 0x7F) << (7 * size);
            size += 1;
            if byte & 0x80 == 0 || size == 5 {
                return offset - size - encoded;
            }
        }
    }

    /// The first element.
    #[must_use]
    pub fn first(&self) -> Option<At> {
        self.at(HEADER)
    }

    /// The last element.
    #[must_use]
    pub fn last(&self) -> Option<At> {
        self.prev_of(self.end())
    }

    fn prev_of(&self, offset: usize) -> Option<At> {
        (offset > HEADER).then(|| At::new(self.before(offset)))
    }

    /// The element after `at`.
    #[inline]
    #[must_use]
    pub fn next(&self, at: At) -> Option<At> {
        self.at(at.offset() + entry_size(&self.0[at.offset()..]))
    }

    /// The element before `at`.
    #[inline]
    #[must_use]
    pub fn prev(&self, at: At) -> Option<At> {
        self.prev_of(at.offset())
    }

    /// Bytes that the element at `at` takes.
    #[must_use]
    pub fn size_at(&self, at: At) -> usize {
        entry_size(&self.0[at.offset()..])
    }

    /// What is stored at `at`.
    #[inline]
    #[must_use]
    pub fn get(&self, at: At) -> Element<'a> {
        decode(&self.0[at.offset()..])
    }

    /// The element of this index; from -1, the last, downwards it counts from the end. Walks from the nearer
    /// end, or, if the header does not know the count, from the one that the index names.
    #[must_use]
    pub fn seek(&self, index: i64) -> Option<At> {
        let Some(count) = self.count().map(|count| count as i64) else {
            return match u64::try_from(index) {
                Ok(steps) => self.forward(steps),
                Err(_) => self.backward(index.unsigned_abs() - 1),
            };
        };
        let index = if index < 0 { index + count } else { index };
        if !(0..count).contains(&index) {
            None
        } else if index <= count / 2 {
            self.forward(index as u64)
        } else {
            self.backward((count - 1 - index) as u64)
        }
    }

    fn forward(&self, steps: u64) -> Option<At> {
        let mut at = self.first()?;
        for _ in 0..steps {
            at = self.next(at)?;
        }
        Some(at)
    }

    fn backward(&self, steps: u64) -> Option<At> {
        let mut at = self.last()?;
        for _ in 0..steps {
            at = self.prev(at)?;
        }
        Some(at)
    }

    /// All elements, first to last.
    #[must_use]
    pub fn iter(&self) -> Iter<'a> {
        Iter { bytes: self.0, front: HEADER, back: self.end() }
    }

    /// The elements from `at` on.
    #[must_use]
    pub fn iter_from(&self, at: At) -> Iter<'a> {
        Iter { bytes: self.0, front: at.offset(), back: self.end() }
    }

    /// The first element from `from` on whose text is `needle`. After each comparison `skip` elements are passed
    /// over: 0 looks at all, 1 at the fields of field-value pairs.
    #[must_use]
    pub fn find(&self, from: At, needle: &[u8], skip: usize) -> Option<At> {
        let int = number::parse_i64(needle);
        let (mut offset, end) = (from.offset(), self.end());
        while offset < end {
            let rest = &self.0[offset..];
            let found = match decode(rest) {
                Element::Bytes(bytes) => bytes == needle,
                Element::Int(n) => int == Some(n),
            };
            if found {
                return Some(At::new(offset));
            }
            offset += entry_size(rest);
            for _ in 0..skip {
                if offset >= end {
                    return None;
                }
                offset += entry_size(&self.0[offset..]);
            }
        }
        None
    }
}

impl<'a> IntoIterator for Listpack<'a> {
    type Item = Element<'a>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// The elements of a listpack, from both ends.
#[derive(Debug, Clone)]
pub struct Iter<'a> {
    bytes: &'a [u8],
    /// Offset of the next element from the front.
    front: usize,
    /// Offset behind the next element from the back.
    back: usize,
}

impl<'a> Iterator for Iter<'a> {
    type Item = Element<'a>;

    #[inline]
    fn next(&mut self) -> Option<Element<'a>> {
        (self.front < self.back).then(|| {
            let rest = &self.bytes[self.front..];
            self.front += entry_size(rest);
            decode(rest)
        })
    }
}

impl<'a> DoubleEndedIterator for Iter<'a> {
    #[inline]
    fn next_back(&mut self) -> Option<Element<'a>> {
        (self.front < self.back).then(|| {
            self.back = Listpack(self.bytes).before(self.back);
            decode(&self.bytes[self.back..])
        })
    }
}

impl std::iter::FusedIterator for Iter<'_> {}
