//! Changing a listpack in its `Vec`. Every editor comes down to [`splice`]: the bytes of the old element give way to
//! those of the new one with one memmove of what follows, then the header is brought up to date. At the end nothing
//! follows: an [`Appender`] only writes.
//!
//! The caller keeps the whole below [`BYTES_MAX`] ([`safe_to_add`]): data types turn into something else long before.

use super::{
    At, BYTES_MAX, COUNT_UNKNOWN, EMPTY_BYTES, END, Element, HEADER, Listpack, STRING_6_MAX, STRING_12_MAX,
    backlen, backlen_size, decode, entry_size, reserve_class, size_class,
};
use proto::number;

/// An element as it is to be stored: `head` then `body`.
#[derive(Debug)]
pub struct Encoded<'a> {
    head: [u8; 9],
    head_size: usize,
    body: &'a [u8],
}

impl<'a> Encoded<'a> {
    /// Of a text: an integer if it spells one.
    #[inline]
    #[must_use]
    pub fn of(text: &'a [u8]) -> Self {
        number::parse_i64(text).map_or_else(|| Self::string(text), Self::int)
    }

    #[must_use]
    pub fn int(n: i64) -> Self {
        let le = n.to_le_bytes();
        let mut head = [0; 9];
        head[1..].copy_from_slice(&le);
        let (first, head_size) = match n {
            0..=127 => (le[0], 1),
            -4096..=4095 => {
                head[1] = le[0];
                (0xC0 | le[1] & 0x1F, 2)
            }
            -0x8000..=0x7FFF => (0xF1, 3),
            -0x80_0000..=0x7F_FFFF => (0xF2, 4),
            -0x8000_0000..=0x7FFF_FFFF => (0xF3, 5),
            _ => (0xF4, 9),
        };
        head[0] = first;
        Self { head, head_size, body: &[] }
    }

    fn string(body: &'a [u8]) -> Self {
        let le = (body.len() as u32).to_le_bytes(); // splice refuses longer ones
        let mut head = [0; 9];
        let head_size = match body.len() {
            ..=STRING_6_MAX => {
                head[0] = 0x80 | le[0];
                1
            }
            64..=STRING_12_MAX => {
                head[..2].copy_from_slice(&[0xE0 | le[1], le[0]]);
                2
            }
            _ => {
                head[0] = 0xF0;
                head[1..5].copy_from_slice(&le);
                5
            }
        };
        Self { head, head_size, body }
    }

    /// What tells an integer, or how long the text is.
    #[inline]
    #[must_use]
    pub fn head(&self) -> &[u8] {
        &self.head[..self.head_size]
    }

    /// The text, of an element that is no integer.
    #[inline]
    #[must_use]
    pub const fn body(&self) -> &'a [u8] {
        self.body
    }

    /// Whether `stored`, which is in the shortest form, too, is this. Neighbours often differ at the end only.
    #[inline]
    #[must_use]
    pub fn is(&self, stored: &[u8]) -> bool {
        let Some((head, body)) = stored.split_at_checked(self.head_size) else { return false };
        body.len() == self.body.len()
            && body.last() == self.body.last()
            && head == self.head()
            && body == self.body
    }

    fn encoded_size(&self) -> usize {
        self.head_size + self.body.len()
    }

    /// All bytes it takes.
    fn size(&self) -> usize {
        self.encoded_size() + backlen_size(self.encoded_size())
    }

    /// Fills `out`, which has [`Self::size`] bytes.
    fn write(&self, out: &mut [u8]) {
        let (head, rest) = out.split_at_mut(self.head_size);
        head.copy_from_slice(&self.head[..self.head_size]);
        let (body, back) = rest.split_at_mut(self.body.len());
        body.copy_from_slice(self.body);
        back.copy_from_slice(&backlen(self.encoded_size())[5 - back.len()..]);
    }
}

/// Bytes that an element of this text takes in a listpack.
#[must_use]
pub fn element_size(text: &[u8]) -> usize {
    Encoded::of(text).size()
}

/// Whether `additional` bytes more keep a listpack of `bytes` within [`BYTES_MAX`].
#[must_use]
pub fn safe_to_add(bytes: usize, additional: usize) -> bool {
    bytes.checked_add(additional).is_some_and(|total| total <= BYTES_MAX)
}

/// A listpack without elements.
#[must_use]
pub fn new() -> Vec<u8> {
    with_capacity(EMPTY_BYTES)
}

/// A listpack without elements, with room for `bytes` in all, header and end included.
#[must_use]
pub fn with_capacity(bytes: usize) -> Vec<u8> {
    let mut v = Vec::with_capacity(size_class(bytes.max(EMPTY_BYTES)));
    v.extend_from_slice(&[EMPTY_BYTES as u8, 0, 0, 0, 0, 0, END]);
    v
}

fn end(v: &[u8]) -> usize {
    v.len() - 1
}

/// The header's count, as it stands.
fn count(v: &[u8]) -> u16 {
    u16::from_le_bytes([v[4], v[5]])
}

fn set_count(v: &mut [u8], count: usize) {
    let count = u16::try_from(count).unwrap_or(COUNT_UNKNOWN);
    v[4..HEADER].copy_from_slice(&count.to_le_bytes());
}

/// Counts `change` elements more or fewer, unless the count is unknown.
fn add_count(v: &mut [u8], change: isize) {
    let count = count(v);
    if count != COUNT_UNKNOWN {
        set_count(v, usize::from(count).saturating_add_signed(change));
    }
}

/// Writes the header's total.
///
/// # Panics
/// Beyond 4 GiB, which no caller that asks [`safe_to_add`] reaches.
fn set_total(v: &mut [u8]) {
    assert!(v.len() <= u32::MAX as usize, "a listpack of {} bytes", v.len());
    let total = (v.len() as u32).to_le_bytes();
    v[..4].copy_from_slice(&total);
}

/// Makes the `old` bytes at `at` `new` bytes, of any content, by one move of what follows.
fn make_room(v: &mut Vec<u8>, at: usize, old: usize, new: usize) {
    let len = v.len();
    if new > old {
        reserve_class(v, new - old);
        v.resize(len + new - old, 0);
        v.copy_within(at + old..len, at + new);
    } else if new < old {
        v.copy_within(at + old..len, at + new);
        v.truncate(len - (old - new));
    }
    if new != old {
        set_total(v);
    }
}

/// Puts `element` in place of the `old` bytes at `at`.
fn splice(v: &mut Vec<u8>, at: usize, old: usize, element: &Encoded<'_>) -> At {
    let size = element.size();
    make_room(v, at, old, size);
    element.write(&mut v[at..at + size]);
    At::new(at)
}

fn insert(v: &mut Vec<u8>, at: usize, element: &Encoded<'_>) -> At {
    add_count(v, 1);
    splice(v, at, 0, element)
}

/// Adds elements behind the last, any number in a row: the end mark and the header are written once, when this is
/// dropped. Until then the bytes are no listpack.
pub struct Appender<'a> {
    v: &'a mut Vec<u8>,
    added: usize,
}

impl<'a> Appender<'a> {
    #[must_use]
    pub fn new(v: &'a mut Vec<u8>) -> Self {
        v.truncate(end(v));
        Self { v, added: 0 }
    }

    #[inline]
    pub fn text(&mut self, text: &[u8]) {
        self.push(&Encoded::of(text));
    }

    #[inline]
    pub fn int(&mut self, n: i64) {
        self.push(&Encoded::int(n));
    }

    /// An element in its shortest form.
    #[inline]
    pub fn element(&mut self, element: Element<'_>) {
        match element {
            Element::Int(n) => self.push(&Encoded::int(n)),
            Element::Bytes(text) => self.push(&Encoded::string(text)),
        }
    }

    #[inline]
    fn push(&mut self, element: &Encoded<'_>) {
        let encoded = element.encoded_size();
        reserve_class(self.v, element.size() + 1); // the end mark needs a place, too
        self.v.extend_from_slice(&element.head[..element.head_size]);
        self.v.extend_from_slice(element.body);
        self.v.extend_from_slice(&backlen(encoded)[5 - backlen_size(encoded)..]);
        self.added += 1;
    }
}

impl Drop for Appender<'_> {
    fn drop(&mut self) {
        self.v.push(END);
        add_count(self.v, self.added as isize);
        set_total(self.v);
    }
}

/// Adds an element behind the last.
pub fn push_back(v: &mut Vec<u8>, text: &[u8]) {
    Appender::new(v).text(text);
}

/// Adds an integer behind the last element.
pub fn push_back_int(v: &mut Vec<u8>, n: i64) {
    Appender::new(v).int(n);
}

/// Adds an element before the first.
pub fn push_front(v: &mut Vec<u8>, text: &[u8]) {
    insert(v, HEADER, &Encoded::of(text));
}

/// Adds an element before the one at `at`; where the new one is.
pub fn insert_before(v: &mut Vec<u8>, at: At, text: &[u8]) -> At {
    insert(v, at.offset(), &Encoded::of(text))
}

/// Adds an element behind the one at `at`; where the new one is.
pub fn insert_after(v: &mut Vec<u8>, at: At, text: &[u8]) -> At {
    let behind = at.offset() + entry_size(&v[at.offset()..]);
    insert(v, behind, &Encoded::of(text))
}

/// Changes the element at `at`, where it stays. Nothing moves if it takes as many bytes as before.
pub fn replace(v: &mut Vec<u8>, at: At, text: &[u8]) -> At {
    let old = entry_size(&v[at.offset()..]);
    splice(v, at.offset(), old, &Encoded::of(text))
}

/// Changes the element at `at` to an integer.
pub fn replace_int(v: &mut Vec<u8>, at: At, n: i64) -> At {
    let old = entry_size(&v[at.offset()..]);
    splice(v, at.offset(), old, &Encoded::int(n))
}

/// Removes the element at `at`; where the next one is.
pub fn remove(v: &mut Vec<u8>, at: At) -> Option<At> {
    remove_range(v, at, 1)
}

/// Removes `count` elements from the one at `at` on, or as many as there are; where the next one is.
pub fn remove_range(v: &mut Vec<u8>, at: At, count: usize) -> Option<At> {
    let (from, end) = (at.offset(), end(v));
    let (mut to, mut removed) = (from, 0);
    while removed < count && to < end {
        to += entry_size(&v[to..]);
        removed += 1;
    }
    add_count(v, -(removed as isize));
    make_room(v, from, to - from, 0);
    (from < v.len() - 1).then_some(at)
}

/// Removes the elements that `keep` refuses, asked of each in turn; how many. One pass, whatever is removed.
pub fn retain(v: &mut Vec<u8>, mut keep: impl FnMut(Element<'_>) -> bool) -> usize {
    let end = end(v);
    let (mut from, mut to, mut removed) = (HEADER, HEADER, 0);
    while from < end {
        let size = entry_size(&v[from..]);
        if keep(decode(&v[from..])) {
            if from != to {
                v.copy_within(from..from + size, to);
            }
            to += size;
        } else {
            removed += 1;
        }
        from += size;
    }
    add_count(v, -(removed as isize));
    make_room(v, to, end - to, 0);
    removed
}

/// Takes out the elements from the one at `at` on, as a listpack of their own.
#[must_use]
pub fn split_off(v: &mut Vec<u8>, at: At) -> Vec<u8> {
    let body = &v[at.offset()..end(v)];
    let mut tail = with_capacity(EMPTY_BYTES + body.len());
    tail.truncate(HEADER);
    tail.extend_from_slice(body);
    tail.push(END);
    set_total(&mut tail);
    let moved = Listpack::new(&tail).iter().count();
    set_count(&mut tail, moved);
    add_count(v, -(moved as isize));
    make_room(v, at.offset(), body_len(&tail), 0);
    tail
}

/// Bytes of the elements.
fn body_len(v: &[u8]) -> usize {
    v.len() - EMPTY_BYTES
}

/// Adds the elements of another listpack behind the last.
pub fn append(v: &mut Vec<u8>, other: Listpack<'_>) {
    let count = Listpack::new(v).len() + other.len();
    let body = &other.bytes()[HEADER..]; // with its end mark
    reserve_class(v, body.len() - 1);
    v.truncate(v.len() - 1);
    v.extend_from_slice(body);
    set_count(v, count);
    set_total(v);
}
