//! Walking a range of ranks, in either direction.
//!
//! In the tree a walk has a leaf in hand and goes down again for the next one: once in some 48 pairs, which is
//! cheaper than links between leaves would be to keep.

use super::leaf::Leaf;
use super::packed::score_of;
use super::tree::Tree;
use super::{Element, packed};
use persist::listpack::{self, Listpack};
use std::ops::Range;

/// The pairs of a range of ranks.
pub struct Iter<'a> {
    source: Source<'a>,
    /// What is still to come.
    ranks: Range<usize>,
    reverse: bool,
}

enum Source<'a> {
    Packed(listpack::Iter<'a>),
    /// The leaf in hand, and the rank of its first pair.
    Tree(&'a Tree, Option<(&'a Leaf, usize)>),
    Nothing,
}

impl<'a> Iter<'a> {
    pub(super) fn packed(bytes: &'a [u8], ranks: Range<usize>, reverse: bool) -> Self {
        let source = if ranks.is_empty() || bytes.is_empty() {
            Source::Nothing
        } else if reverse {
            let mut elements = Listpack::new(bytes).iter();
            for _ in 0..2 * (packed::len(bytes) - ranks.end) {
                elements.next_back();
            }
            Source::Packed(elements)
        } else {
            packed::seek(bytes, ranks.start)
                .map_or(Source::Nothing, |at| Source::Packed(Listpack::new(bytes).iter_from(at)))
        };
        Self { source, ranks, reverse }
    }

    pub(super) fn large(tree: &'a Tree, ranks: Range<usize>, reverse: bool) -> Self {
        debug_assert!(ranks.is_empty() || ranks.end <= tree.len());
        Self { source: Source::Tree(tree, None), ranks, reverse }
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = (Element<'a>, f64);

    fn next(&mut self) -> Option<Self::Item> {
        let rank = if self.reverse { self.ranks.next_back()? } else { self.ranks.next()? };
        match &mut self.source {
            Source::Nothing => None,
            Source::Packed(elements) if self.reverse => {
                let score = elements.next_back()?;
                Some((elements.next_back()?, score_of(score)))
            }
            Source::Packed(elements) => Some((elements.next()?, score_of(elements.next()?))),
            Source::Tree(tree, in_hand) => {
                let (leaf, first) = match *in_hand {
                    Some((leaf, first)) if (first..first + leaf.len()).contains(&rank) => (leaf, first),
                    _ => {
                        let (leaf, at) = tree.leaf_at(rank);
                        *in_hand = Some((leaf, rank - at));
                        (leaf, rank - at)
                    }
                };
                let (score, member) = leaf.get(rank - first);
                Some((Element::Bytes(member), score))
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.ranks.size_hint()
    }
}

impl ExactSizeIterator for Iter<'_> {}
