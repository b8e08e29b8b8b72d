//! Reading a sorted set, in whichever form it is.

use super::large::Large;
use super::{Element, Iter, packed};
use crate::random::Random;
use crate::table::StrRef;
use std::ops::Range;

/// A sorted set, to be read.
#[derive(Clone, Copy)]
pub enum ZSetView<'a> {
    Packed(&'a [u8]),
    Large(&'a Large),
}

impl<'a> ZSetView<'a> {
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Packed(bytes) => packed::len(bytes),
            Self::Large(large) => large.len(),
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[must_use]
    pub fn score(&self, member: &[u8]) -> Option<f64> {
        match self {
            Self::Packed(bytes) => packed::find(bytes, member).map(|(_, score)| score),
            Self::Large(large) => large.score(member),
        }
    }

    /// The rank of a member, 0 for the lowest, and its score.
    #[must_use]
    pub fn rank(&self, member: &[u8]) -> Option<(usize, f64)> {
        let score = self.score(member)?;
        let rank = match self {
            Self::Packed(_) => self.partition_point(|s, m| packed::is_before(s, m, (score, member))),
            Self::Large(large) => large.tree().rank(score, member),
        };
        Some((rank, score))
    }

    /// How many pairs come before the first of which `before` is false. It must be true of all pairs up to
    /// some point in the order and false of all behind, whether they are in the set or not.
    #[must_use]
    pub fn partition_point(&self, before: impl Fn(f64, Element<'_>) -> bool) -> usize {
        match self {
            Self::Packed(bytes) => packed::partition_point(bytes, before).0,
            Self::Large(large) => {
                large.tree().partition_point(|score, member| before(score, Element::Bytes(member)))
            }
        }
    }

    /// The pairs of a range of ranks, which must be within [`Self::len`], from its last one if `reverse`.
    #[must_use]
    pub fn iter(&self, ranks: Range<usize>, reverse: bool) -> Iter<'a> {
        match self {
            Self::Packed(bytes) => Iter::packed(bytes, ranks, reverse),
            Self::Large(large) => Iter::large(large.tree(), ranks, reverse),
        }
    }

    /// All pairs, lowest first.
    #[must_use]
    pub fn all(&self) -> Iter<'a> {
        self.iter(0..self.len(), false)
    }

    /// A random pair, each as likely as any other.
    pub(crate) fn random(&self, random: &mut Random) -> Option<(Element<'a>, f64)> {
        let len = self.len();
        if len == 0 {
            return None;
        }
        let rank = below(random, len);
        self.iter(rank..rank + 1, false).next()
    }

    /// Visits the pairs of one step of ZSCAN; the next cursor, 0 at the end. A member that is there from the
    /// first step to the last is visited. A small set is one step.
    pub fn scan(&self, cursor: u64, visit: &mut dyn FnMut(Element<'_>, f64)) -> u64 {
        match self {
            Self::Packed(_) => {
                self.all().for_each(|(member, score)| visit(member, score));
                0
            }
            Self::Large(large) => large.scores().scan(cursor, &mut |entry| {
                if let Some(StrRef::Int(bits)) = entry.string() {
                    visit(Element::Bytes(entry.key()), f64::from_bits(bits.cast_unsigned()));
                }
            }),
        }
    }
}

/// Uniform in `0..n` (Lemire's multiplication; the bias is less than n in 2^64).
pub(crate) fn below(random: &mut Random, n: usize) -> usize {
    ((u128::from(random.draw()) * n as u128) >> 64) as usize
}
