//! A leaf of the tree: up to 64 pairs of score and member, in order, in three blocks of memory.
//!
//! ```text
//!   scores  | 1.0 | 2.0 | 2.0 | ...          8 bytes each: what a search walks over
//!   ends    |  3  | 15  | 17  | ...          2 bytes each: where the member ends in `bytes`;
//!                                            the top bit says "far"
//!   bytes   | bob | address, length | al | ...
//! ```
//! A member of up to [`NEAR_MAX`] bytes lies in the leaf, so that a range is read without leaving it. A
//! longer one is *far*: the leaf has the 12 bytes of a [`Far`], the place of its bytes in the dictionary, which
//! has every member anyway. A copy in the leaf costs a short member no more than the pointer would.
//!
//! An insertion moves half a leaf on average: some 256 bytes of scores, 64 of ends and as many of members as
//! there are, each by one memmove. That is less than the cache misses of a skip list's search.

use super::far::{FAR_BYTES, Far};
use persist::packed::{reserve_class, size_class};
use std::cmp::Ordering;
use std::ops::Range;

/// Pairs of a full leaf.
pub(super) const LEAF_MAX: usize = 64;
/// Below this a leaf is joined with a neighbour.
pub(super) const LEAF_MIN: usize = 16;
/// The longest member that lies in the leaf, bytes.
pub(super) const NEAR_MAX: usize = 24;
/// The bit of an end that marks a far member.
const FAR: u16 = 1 << 15;
/// By how many elements the blocks of scores and ends grow.
const STEP: usize = 8;

// Two leaves are joined before they are divided anew.
const _: () = assert!(2 * LEAF_MAX * NEAR_MAX < FAR as usize && FAR_BYTES <= NEAR_MAX);

/// A member as a leaf is given it.
#[derive(Clone, Copy)]
pub(super) enum Stored<'a> {
    Near(&'a [u8]),
    Far(Far),
}

/// The order of a sorted set: by score, then by the member's bytes. There is no NaN among scores.
#[inline]
pub(super) fn order(a: (f64, &[u8]), b: (f64, &[u8])) -> Ordering {
    a.0.partial_cmp(&b.0).unwrap_or(Ordering::Equal).then_with(|| a.1.cmp(b.1))
}

#[derive(Default)]
pub(super) struct Leaf {
    scores: Vec<f64>,
    ends: Vec<u16>,
    bytes: Vec<u8>,
}

impl Leaf {
    #[inline]
    pub fn len(&self) -> usize {
        self.scores.len()
    }

    #[inline]
    fn start(&self, at: usize) -> usize {
        if at == 0 { 0 } else { usize::from(self.ends[at - 1] & !FAR) }
    }

    /// The pair at `at`.
    #[inline]
    pub fn get(&self, at: usize) -> (f64, &[u8]) {
        let end = self.ends[at];
        let stored = &self.bytes[self.start(at)..usize::from(end & !FAR)];
        (self.scores[at], if end & FAR == 0 { stored } else { Far::bytes(stored) })
    }

    /// How many pairs come before the first of which `before` is false; it is true of all pairs up to there.
    #[inline]
    pub fn partition_point(&self, before: &impl Fn(f64, &[u8]) -> bool) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = (low + high) / 2;
            let (score, member) = self.get(middle);
            if before(score, member) { low = middle + 1 } else { high = middle }
        }
        low
    }

    /// Where a pair belongs: how many are less.
    #[inline]
    pub fn place(&self, score: f64, member: &[u8]) -> usize {
        // The scores alone decide in most cases, and lie together.
        let mut low = self.scores.partition_point(|&s| s < score);
        if self.scores.get(low).is_none_or(|&s| s != score) {
            return low;
        }
        let mut high = low + self.scores[low..].partition_point(|&s| s == score);
        while low < high {
            let middle = (low + high) / 2;
            if self.get(middle).1 < member { low = middle + 1 } else { high = middle }
        }
        low
    }

    pub fn insert(&mut self, at: usize, score: f64, member: Stored<'_>) {
        let far;
        let (stored, mark): (&[u8], u16) = match member {
            Stored::Near(bytes) => (bytes, 0),
            Stored::Far(place) => {
                far = place.write();
                (&far, FAR)
            }
        };
        let (start, size) = (self.start(at), stored.len());
        let len = self.bytes.len();
        reserve_class(&mut self.bytes, size);
        self.bytes.resize(len + size, 0);
        self.bytes.copy_within(start..len, start + size);
        self.bytes[start..start + size].copy_from_slice(stored);
        grow(&mut self.scores);
        grow(&mut self.ends);
        self.scores.insert(at, score);
        self.ends.insert(at, (start + size) as u16 | mark);
        for end in &mut self.ends[at + 1..] {
            *end += size as u16; // below the bit: the whole is less than 2^15
        }
    }

    /// Removes the pairs of a range.
    pub fn remove(&mut self, range: Range<usize>) {
        let bytes = self.start(range.start)..self.start(range.end);
        let size = bytes.len() as u16;
        self.bytes.drain(bytes);
        self.scores.drain(range.clone());
        self.ends.drain(range.clone());
        for end in &mut self.ends[range.start..] {
            *end -= size;
        }
        self.trim();
    }

    /// The pairs from `at` on, as a leaf of their own.
    pub fn split_off(&mut self, at: usize) -> Self {
        let start = self.start(at);
        let mut right = Self {
            scores: self.scores.split_off(at),
            ends: self.ends.split_off(at),
            bytes: self.bytes.split_off(start),
        };
        for end in &mut right.ends {
            *end -= start as u16;
        }
        right.trim();
        self.trim();
        right
    }

    /// Adds the pairs of the leaf behind this one.
    pub fn append(&mut self, mut right: Self) {
        let start = self.bytes.len() as u16;
        reserve_class(&mut self.bytes, right.bytes.len());
        self.bytes.append(&mut right.bytes);
        self.scores.append(&mut right.scores);
        self.ends.extend(right.ends.iter().map(|end| end + start));
    }

    /// Gives memory back that is idle by more than a few elements.
    fn trim(&mut self) {
        let wanted = self.len().next_multiple_of(STEP);
        if self.scores.capacity() > wanted + STEP {
            self.scores.shrink_to(wanted);
            self.ends.shrink_to(wanted);
            self.bytes.shrink_to(size_class(self.bytes.len()));
        }
    }

    /// Heap bytes, without this struct.
    pub fn memory(&self) -> usize {
        self.scores.capacity() * size_of::<f64>() + self.ends.capacity() * 2 + self.bytes.capacity()
    }
}

/// Makes room for one more, a few at a time: doubling would leave a third idle.
fn grow<T>(v: &mut Vec<T>) {
    if v.len() == v.capacity() {
        v.reserve_exact(STEP);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(names: &[&str]) -> Leaf {
        let mut leaf = Leaf::default();
        for name in names {
            let at = leaf.place(1.0, name.as_bytes());
            leaf.insert(at, 1.0, Stored::Near(name.as_bytes()));
        }
        leaf
    }

    fn names(leaf: &Leaf) -> Vec<&str> {
        (0..leaf.len()).map(|at| std::str::from_utf8(leaf.get(at).1).unwrap()).collect()
    }

    #[test]
    fn pairs_stand_in_order() {
        let mut leaf = leaf(&["c", "", "bb", "a", "bbb"]);
        assert_eq!(names(&leaf), ["", "a", "bb", "bbb", "c"]);
        leaf.insert(leaf.place(0.5, b"z"), 0.5, Stored::Near(b"z"));
        leaf.insert(leaf.place(1.5, b""), 1.5, Stored::Near(b""));
        assert_eq!(names(&leaf), ["z", "", "a", "bb", "bbb", "c", ""]);
        assert_eq!(leaf.place(1.0, b"bb"), 3);
        assert_eq!(leaf.partition_point(&|score, _| score <= 1.0), 6);
        leaf.remove(1..4);
        assert_eq!(names(&leaf), ["z", "bbb", "c", ""]);
    }

    #[test]
    fn leaves_are_split_and_joined() {
        let mut left = leaf(&["a", "bcd", "ef", "g"]);
        let right = left.split_off(2);
        assert_eq!((names(&left), names(&right)), (vec!["a", "bcd"], vec!["ef", "g"]));
        left.append(right);
        assert_eq!(names(&left), ["a", "bcd", "ef", "g"]);
    }

    #[test]
    fn far_members_are_read_where_they_lie() {
        let long = [b'x'; 100];
        let mut leaf = leaf(&["a", "z"]);
        let at = leaf.place(1.0, &long);
        leaf.insert(at, 1.0, Stored::Far(Far::of(&long)));
        assert_eq!((at, leaf.get(1)), (1, (1.0, &long[..])));
        leaf.remove(0..1);
        assert_eq!((leaf.get(0), leaf.get(1)), ((1.0, &long[..]), (1.0, &b"z"[..])));
    }
}
