//! One node of a quicklist: a listpack, or one large element; as it is or compressed.
//!
//! ```text
//!   packed   bytes = a listpack of `count` elements
//!   plain    bytes = the text of one element
//!   either may be compressed: bytes = LZF of that, raw_len = its length
//! ```
//! Reading a compressed node makes a copy and leaves the node; changing one makes it raw first, and whoever
//! changed it has it compressed again. A node is compressed only if it has 48 bytes or more and that saves
//! 8 of them; that it does not is remembered until it changes.
//!
//! A node without elements is nobody's: the list removes it at once.

use super::{Direction, End, Needle};
use persist::listpack::{self as lp, At, Element, Listpack};
use persist::lzf;

/// Nodes smaller than this are not compressed, bytes.
const COMPRESS_MIN: usize = 48;
/// What compression must save, bytes.
const SAVED_MIN: usize = 8;

/// A node.
#[derive(Clone, Debug)]
pub(super) struct Node {
    bytes: Vec<u8>,
    /// Bytes before compression; 0 of a node that is not compressed.
    raw_len: usize,
    count: u32,
    is_plain: bool,
    /// Compressing it as it is now does not pay.
    is_incompressible: bool,
}

const _: () = assert!(size_of::<Node>() == 40);

/// What a node holds, to be read.
pub(super) enum Content<'a> {
    Many(Listpack<'a>),
    One(&'a [u8]),
}

impl Content<'_> {
    /// Visits the elements from the one at `offset` on until `visit` says no; whether it never did.
    #[inline]
    pub fn walk(
        &self,
        offset: usize,
        direction: Direction,
        visit: &mut impl FnMut(Element<'_>) -> bool,
    ) -> bool {
        let lp = match self {
            Self::One(text) => return visit(Element::Bytes(text)),
            Self::Many(lp) => lp,
        };
        match (lp.seek(offset as i64), direction) {
            (None, _) => true,
            (Some(at), Direction::Forward) => lp.iter_from(at).all(visit),
            (at, Direction::Backward) => {
                std::iter::successors(at, |at| lp.prev(*at)).all(|at| visit(lp.get(at)))
            }
        }
    }
}

/// The elements that are to go, told apart in one walk from the front.
pub(super) struct Victims<'a> {
    needle: &'a Needle<'a>,
    /// Those that are the needle and still to come, and the most of them that go.
    to_come: usize,
    left: usize,
    direction: Direction,
}

impl<'a> Victims<'a> {
    /// `found` elements are the needle: `max` of them go, the first or, backward, the last.
    pub fn new(needle: &'a Needle<'a>, direction: Direction, found: usize, max: usize) -> Self {
        Self { needle, to_come: found, left: max.min(found), direction }
    }

    /// Whether the next element is one.
    pub fn has(&mut self, element: Element<'_>) -> bool {
        if !self.needle.is(element) {
            return false;
        }
        let goes = self.left > 0 && (self.direction == Direction::Forward || self.left == self.to_come);
        self.to_come -= 1;
        self.left -= usize::from(goes);
        goes
    }
}

impl Node {
    /// A node of one element.
    pub fn of(text: &[u8], is_plain: bool) -> Self {
        if is_plain {
            return Self::plain(text.to_vec());
        }
        let mut bytes = lp::with_capacity(lp::EMPTY_BYTES + lp::element_size(text));
        lp::push_back(&mut bytes, text);
        Self::packed(bytes)
    }

    pub fn plain(bytes: Vec<u8>) -> Self {
        Self { bytes, raw_len: 0, count: 1, is_plain: true, is_incompressible: false }
    }

    /// A node of a whole listpack.
    pub fn packed(bytes: Vec<u8>) -> Self {
        let count = Listpack::new(&bytes).len() as u32;
        Self { bytes, raw_len: 0, count, is_plain: false, is_incompressible: false }
    }

    #[inline]
    pub fn count(&self) -> usize {
        self.count as usize
    }

    /// Bytes, before compression.
    #[inline]
    pub fn size(&self) -> usize {
        if self.is_compressed() { self.raw_len } else { self.bytes.len() }
    }

    pub fn is_plain(&self) -> bool {
        self.is_plain
    }

    pub fn is_compressed(&self) -> bool {
        self.raw_len != 0
    }

    /// Bytes on the heap.
    pub fn memory(&self) -> usize {
        self.bytes.capacity()
    }

    fn decompressed(&self) -> Vec<u8> {
        lzf::decompress(&self.bytes, self.raw_len)
            .unwrap_or_else(|fault| unreachable!("a node that was compressed here: {fault}"))
    }

    /// What it holds; `scratch` has room for a copy.
    #[inline]
    pub fn content<'a>(&'a self, scratch: &'a mut Vec<u8>) -> Content<'a> {
        let bytes = if self.is_compressed() {
            *scratch = self.decompressed();
            scratch
        } else {
            &self.bytes
        };
        if self.is_plain { Content::One(bytes) } else { Content::Many(Listpack::new(bytes)) }
    }

    /// Takes the compression away.
    pub fn decompress(&mut self) {
        if self.is_compressed() {
            self.bytes = self.decompressed();
            self.raw_len = 0;
        }
    }

    /// Compresses it, if that pays.
    pub fn compress(&mut self) {
        if self.is_compressed() || self.is_incompressible {
            return;
        }
        let len = self.bytes.len();
        let small = if len < COMPRESS_MIN { None } else { lzf::compress(&self.bytes, len - SAVED_MIN - 1) };
        match small {
            Some(mut small) => {
                small.shrink_to_fit();
                (self.bytes, self.raw_len) = (small, len);
            }
            None => self.is_incompressible = true,
        }
    }

    /// Whether compressing it has been tried, or done.
    #[cfg(test)]
    pub fn is_settled(&self) -> bool {
        self.is_compressed() || self.is_incompressible
    }

    /// The bytes to be changed, raw.
    fn edit(&mut self) -> &mut Vec<u8> {
        self.decompress();
        self.is_incompressible = false;
        &mut self.bytes
    }

    /// Where the element at `offset` begins; of a packed node that is raw.
    fn seek(&self, offset: usize) -> Option<At> {
        Listpack::new(&self.bytes).seek(offset as i64)
    }

    /// Gives back memory when much of it is idle.
    fn trim(&mut self) {
        if self.bytes.len() < self.bytes.capacity() / 2 {
            lp::trim(&mut self.bytes);
        }
    }

    /// Adds an element at an end of a packed node.
    pub fn push(&mut self, end: End, text: &[u8]) {
        match end {
            End::Left => lp::push_front(self.edit(), text),
            End::Right => lp::push_back(self.edit(), text),
        }
        self.count += 1;
    }

    /// Adds an element to a packed node, which then has this offset.
    pub fn insert(&mut self, offset: usize, text: &[u8]) {
        self.decompress();
        let Some(at) = self.seek(offset) else { return self.push(End::Right, text) };
        lp::insert_before(self.edit(), at, text);
        self.count += 1;
    }

    /// Bytes that the element at `offset` of a packed node takes; it is made raw.
    pub fn element_size(&mut self, offset: usize) -> usize {
        self.decompress();
        let lp = Listpack::new(&self.bytes);
        lp.seek(offset as i64).map_or(0, |at| lp.size_at(at))
    }

    /// Changes the element at `offset`.
    pub fn replace(&mut self, offset: usize, text: &[u8]) {
        self.decompress();
        if self.is_plain {
            *self.edit() = text.to_vec();
        } else if let Some(at) = self.seek(offset) {
            lp::replace(self.edit(), at, text);
            self.trim();
        }
    }

    /// Removes and returns, as `then` makes it, the element at an end.
    pub fn pop<R>(&mut self, end: End, then: impl FnOnce(Element<'_>) -> R) -> Option<R> {
        let is_plain = self.is_plain;
        let bytes = self.edit();
        if is_plain {
            self.count = 0;
            return Some(then(Element::Bytes(&std::mem::take(&mut self.bytes))));
        }
        let lp = Listpack::new(bytes);
        let at = if end == End::Left { lp.first() } else { lp.last() }?;
        let result = then(lp.get(at));
        lp::remove(bytes, at);
        self.count -= 1;
        self.trim();
        Some(result)
    }

    /// Removes `count` elements from `offset` on, all of them in this node.
    pub fn remove_range(&mut self, offset: usize, count: usize) {
        debug_assert!(offset + count <= self.count());
        self.count -= count as u32;
        if self.is_plain {
            return;
        }
        self.decompress();
        if let Some(at) = self.seek(offset) {
            lp::remove_range(self.edit(), at, count);
            self.trim();
        }
    }

    /// Removes the elements that `keep` refuses; how many.
    fn retain(&mut self, mut keep: impl FnMut(Element<'_>) -> bool) -> usize {
        let is_plain = self.is_plain;
        let bytes = self.edit();
        let removed =
            if is_plain { usize::from(!keep(Element::Bytes(bytes))) } else { lp::retain(bytes, keep) };
        self.count -= removed as u32;
        self.trim();
        removed
    }

    /// Removes elements that are `needle`, `max` of them at most, the first or, backward, the last; how many.
    pub fn remove(&mut self, needle: &Needle<'_>, direction: Direction, max: usize) -> usize {
        let mut found = 0;
        self.content(&mut Vec::new()).walk(0, Direction::Forward, &mut |element| {
            found += usize::from(needle.is(element));
            true
        });
        if found == 0 {
            return 0;
        }
        let mut victims = Victims::new(needle, direction, found, max);
        self.retain(|element| !victims.has(element))
    }

    /// Takes out the elements of a packed node from `offset` on, which some are, and not all.
    pub fn split_off(&mut self, offset: usize) -> Self {
        self.decompress();
        let tail = match self.seek(offset) {
            Some(at) => lp::split_off(self.edit(), at),
            None => lp::new(),
        };
        let tail = Self::packed(tail);
        self.count -= tail.count;
        lp::trim(&mut self.bytes);
        tail
    }

    /// Adds the elements of another packed node.
    pub fn append(&mut self, other: &Self) {
        let mut scratch = Vec::new();
        if let Content::Many(lp) = other.content(&mut scratch) {
            lp::append(self.edit(), lp);
            self.count += other.count;
        }
    }

    /// The listpack of a packed node.
    pub fn into_listpack(mut self) -> Vec<u8> {
        self.decompress();
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(node: &Node) -> Vec<String> {
        let (mut scratch, mut all) = (Vec::new(), Vec::new());
        node.content(&mut scratch).walk(0, Direction::Forward, &mut |element| {
            all.push(String::from_utf8(element.to_vec()).unwrap());
            true
        });
        all
    }

    fn compressible() -> Node {
        let mut node = Node::of(b"first", false);
        for _ in 0..50 {
            node.push(End::Right, b"again and again");
        }
        node
    }

    #[test]
    fn compression_is_undone_by_a_change_only() {
        let mut node = compressible();
        let (size, before) = (node.size(), texts(&node));
        node.compress();
        assert!(node.is_compressed() && node.memory() < size / 4);
        assert_eq!((node.size(), texts(&node)), (size, before));
        assert!(node.is_compressed(), "reading left it");
        node.insert(1, b"x");
        assert!(!node.is_compressed());
        assert_eq!(
            (&texts(&node)[..3], node.count()),
            (&["first", "x", "again and again"].map(str::to_string)[..], 52)
        );
    }

    #[test]
    fn what_does_not_pay_is_not_tried_again() {
        let mut node = Node::of(b"short", false);
        node.compress();
        assert!(!node.is_compressed() && node.is_settled());
        node.push(End::Right, b"x");
        assert!(!node.is_settled());
    }

    #[test]
    fn plain_nodes_are_compressed_too() {
        let mut node = Node::of(&[b'x'; 1000], true);
        node.compress();
        assert!(node.is_compressed() && node.is_plain());
        assert_eq!(node.pop(End::Left, |element| element.len()), Some(1000));
        assert_eq!(node.count(), 0);
    }

    #[test]
    fn halves_make_a_whole() {
        let mut node = compressible();
        let before = texts(&node);
        node.compress();
        let mut tail = node.split_off(20);
        assert_eq!((node.count(), tail.count()), (20, 31));
        tail.compress();
        node.append(&tail);
        assert_eq!((texts(&node), node.count()), (before, 51));
    }
}
