//! Walking a range of ranks, in either direction.
//!
//! What is packed can only be walked forwards: to go the other way, its pairs are listed first.
//!
//! In the tree a walk has a leaf in hand and goes down again for the next one: once in some 48 pairs, which is
//! cheaper than links between leaves would be to keep.

use super::Element;
use super::leaf::Leaf;
use super::packed::Pairs;
use super::tree::Tree;
use std::ops::Range;

/// The pairs of a range of ranks.
pub struct Iter<'a> {
    source: Source<'a>,
    /// What is still to come.
    ranks: Range<usize>,
    reverse: bool,
}

enum Source<'a> {
    Packed(Pairs<'a>),
    /// Highest last.
    Listed(std::vec::IntoIter<(Element<'a>, f64)>),
    /// The leaf in hand, and the rank of its first pair.
    Tree(&'a Tree, Option<(&'a Leaf, usize)>),
}

impl<'a> Iter<'a> {
    pub(super) fn packed(bytes: &'a [u8], ranks: Range<usize>, reverse: bool) -> Self {
        let mut pairs = Pairs::new(bytes);
        pairs.skip_pairs(ranks.start);
        let source = if reverse && ranks.len() > 1 {
            Source::Listed(pairs.take(ranks.len()).collect::<Vec<_>>().into_iter())
        } else {
            Source::Packed(pairs)
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
            Source::Packed(pairs) => pairs.next(),
            Source::Listed(pairs) => pairs.next_back(),
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
