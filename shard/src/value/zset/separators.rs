//! What stands between the children of a branch: lower bounds, scores and members apart.
//!
//! ```text
//!   scores    | 1.0 | 2.0 | 2.0 | ...       8 bytes each: what a search walks over
//!   members   |     |     | bob | ...       only where the scores on both sides are equal, and as short as will do
//! ```
//! A search looks at some 6 of 63 scores in a row of memory, and at a member only if its score is the one that is
//! looked for. Pairs of score and member would make a row three times as long, of which two thirds are not read.

use super::leaf::order;
use std::cmp::Ordering;

/// Less than or equal to everything right of it, greater than everything left of it.
pub(super) struct Separator {
    pub score: f64,
    pub member: Box<[u8]>,
}

/// The separator of two neighbours: the shortest beginning of the right one's first member that will do.
pub(super) fn separator(left: (f64, &[u8]), right: (f64, &[u8])) -> Separator {
    debug_assert_eq!(order(left, right), Ordering::Less);
    let len =
        if left.0 < right.0 { 0 } else { left.1.iter().zip(right.1).take_while(|(a, b)| a == b).count() + 1 };
    Separator { score: right.0, member: right.1[..len].into() }
}

/// Separators in order; as many members as scores.
#[derive(Default)]
pub(super) struct Separators {
    scores: Vec<f64>,
    members: Vec<Box<[u8]>>,
}

impl Separators {
    /// How many are less than or equal to a pair: the child that it belongs to.
    #[inline]
    pub fn child_of(&self, (score, member): (f64, &[u8])) -> usize {
        let mut low = self.scores.partition_point(|&s| s < score);
        if self.scores.get(low).is_none_or(|&s| s != score) {
            return low;
        }
        let equal = self.scores[low..].partition_point(|&s| s == score);
        low += self.members[low..low + equal].partition_point(|m| **m <= *member);
        low
    }

    /// How many come before the first of which `before` is false; it is true of all up to there.
    pub fn partition_point(&self, before: impl Fn(f64, &[u8]) -> bool) -> usize {
        let (mut low, mut high) = (0, self.scores.len());
        while low < high {
            let middle = (low + high) / 2;
            if before(self.scores[middle], &self.members[middle]) { low = middle + 1 } else { high = middle }
        }
        low
    }

    pub fn push(&mut self, separator: Separator) {
        self.insert(self.scores.len(), separator);
    }

    pub fn insert(&mut self, at: usize, separator: Separator) {
        self.scores.insert(at, separator.score);
        self.members.insert(at, separator.member);
    }

    pub fn remove(&mut self, at: usize) -> Separator {
        Separator { score: self.scores.remove(at), member: self.members.remove(at) }
    }

    /// Those from `at` on.
    pub fn split_off(&mut self, at: usize) -> Self {
        Self { scores: self.scores.split_off(at), members: self.members.split_off(at) }
    }

    pub fn append(&mut self, mut right: Self) {
        self.scores.append(&mut right.scores);
        self.members.append(&mut right.members);
    }

    #[cfg(test)]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (f64, &[u8])> {
        self.scores.iter().zip(&self.members).map(|(score, member)| (*score, &**member))
    }
}
