//! The id of a stream's entry: milliseconds and a sequence number, 64 bits each, ordered as one number of
//! 128 bits.
//!
//! ```text
//!   1700000000000-3
//!   ms            seq
//! ```
//! Nothing here overflows: the successor of the last id and the predecessor of the first are `None`.

/// An entry's id. 0-0 is the id of no entry: what it stands for is "before all".
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct StreamId {
    /// By custom Unix milliseconds, but a client may write anything.
    pub ms: u64,
    pub seq: u64,
}

/// Longest text of an id: two numbers of 20 digits and a dash.
pub const ID_TEXT_MAX: usize = 41;

impl StreamId {
    pub const MIN: Self = Self { ms: 0, seq: 0 };
    pub const MAX: Self = Self { ms: u64::MAX, seq: u64::MAX };

    #[must_use]
    pub const fn new(ms: u64, seq: u64) -> Self {
        Self { ms, seq }
    }

    /// The id after this one; `None` after the last.
    #[must_use]
    pub const fn next(self) -> Option<Self> {
        match (self.ms.checked_add(1), self.seq.checked_add(1)) {
            (_, Some(seq)) => Some(Self { ms: self.ms, seq }),
            (Some(ms), None) => Some(Self { ms, seq: 0 }),
            (None, None) => None,
        }
    }

    /// The id before this one; `None` before the first.
    #[must_use]
    pub const fn prev(self) -> Option<Self> {
        match (self.ms.checked_sub(1), self.seq.checked_sub(1)) {
            (_, Some(seq)) => Some(Self { ms: self.ms, seq }),
            (Some(ms), None) => Some(Self { ms, seq: u64::MAX }),
            (None, None) => None,
        }
    }

    /// The id that an entry gets whose writer leaves the choice to the server: of now, but never one that
    /// is not greater than `last`. `None` after the last of all.
    #[must_use]
    pub fn after(last: Self, now_ms: i64) -> Option<Self> {
        match u64::try_from(now_ms) {
            Ok(ms) if ms > last.ms => Some(Self { ms, seq: 0 }),
            _ => last.next(),
        }
    }

    /// `ms-seq`, in a buffer on the stack.
    #[must_use]
    pub fn text(self) -> IdText {
        self.text_with(b'-')
    }

    /// The two numbers with `between` between them.
    pub(crate) fn text_with(self, between: u8) -> IdText {
        let mut text = IdText { bytes: [0; ID_TEXT_MAX], len: 0 };
        text.push(itoa::Buffer::new().format(self.ms).as_bytes());
        text.push(&[between]);
        text.push(itoa::Buffer::new().format(self.seq).as_bytes());
        text
    }
}

/// An id as text.
#[derive(Clone, Copy, Debug)]
pub struct IdText {
    bytes: [u8; ID_TEXT_MAX],
    len: usize,
}

impl IdText {
    fn push(&mut self, part: &[u8]) {
        self.bytes[self.len..][..part.len()].copy_from_slice(part);
        self.len += part.len();
    }
}

impl std::ops::Deref for IdText {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_carry_and_borrow() {
        let id = StreamId::new;
        assert_eq!(id(1, 2).next(), Some(id(1, 3)));
        assert_eq!(id(1, u64::MAX).next(), Some(id(2, 0)));
        assert_eq!(StreamId::MAX.next(), None);
        assert_eq!(id(1, 2).prev(), Some(id(1, 1)));
        assert_eq!(id(1, 0).prev(), Some(id(0, u64::MAX)));
        assert_eq!(StreamId::MIN.prev(), None);
    }

    #[test]
    fn the_clock_never_takes_ids_back() {
        let id = StreamId::new;
        assert_eq!(StreamId::after(id(5, 7), 6), Some(id(6, 0)));
        assert_eq!(StreamId::after(id(5, 7), 5), Some(id(5, 8)));
        assert_eq!(StreamId::after(id(5, 7), -1), Some(id(5, 8)));
        assert_eq!(StreamId::after(id(5, u64::MAX), 2), Some(id(6, 0)));
        assert_eq!(StreamId::after(StreamId::MAX, 2), None);
    }

    #[test]
    fn ids_are_two_numbers() {
        assert_eq!(&*StreamId::MIN.text(), b"0-0");
        assert_eq!(&*StreamId::MAX.text(), b"18446744073709551615-18446744073709551615");
        assert_eq!(&*StreamId::new(1, 2).text_with(b'.'), b"1.2");
    }
}
