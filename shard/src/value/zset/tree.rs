//! A B+-tree with ranks: what stands behind the encoding "skiplist" for order.
//!
//! ```text
//!                       | sep     | sep     |               separators: a lower bound of what is right of them,
//!   branch              | 41      | 64      | 37            and greater than all that is left
//!                      /          |          \              counts: how many pairs are below each child
//!   leaves      [ 41 pairs ] [ 64 pairs ] [ 37 pairs ]
//! ```
//! - All leaves are equally deep. A leaf has 16 to 64 pairs, a branch 16 to 64 children; the root and the
//!   last leaf may have fewer.
//! - A search goes down by separators, a rank by counts: both O(log n), in memory that is read in
//!   rows. Every kind of range (of ranks, of scores, of names) is first made one of ranks, by
//!   [`Tree::partition_point`]; so there is one way to walk and one to remove.
//! - A separator is as short as it can be: no bytes at all where scores differ. Its score and its member lie apart
//!   ([`Separators`]).
//! - A leaf that is full is divided in halves; the last one, when something is added behind it, is left full:
//!   members that come in order (times, counters) fill their leaves.
//!
//! Why not a skip list: 1.33 pointers and spans, a pointer back, a score and a pointer to the member make 45
//! bytes a pair in an allocation of its own, and each of some 20 steps of a search misses the cache. Here it is
//! 10 bytes and the member, three quarters full, and 2 or 3 leaves and branches on the way down (4 beyond some
//! 130,000 members).

use super::leaf::{LEAF_MAX, LEAF_MIN, Leaf, Stored};
use super::separators::{Separator, Separators, separator};

/// Children of a full branch.
const FAN_MAX: usize = 64;
/// Below this a branch is joined with a neighbour.
const FAN_MIN: usize = 16;
/// Neighbours that have this share of a full node together, in quarters, become one.
const JOINED_QUARTERS: usize = 3;

enum Node {
    Leaf(Leaf),
    Branch(Box<Branch>),
}

#[derive(Default)]
struct Branch {
    children: Vec<Node>,
    /// Pairs below each child.
    counts: Vec<usize>,
    /// One fewer than children: between each and the next.
    separators: Separators,
}

/// Pairs of score and member, in order.
pub(super) struct Tree {
    root: Node,
    len: usize,
}

impl Default for Tree {
    fn default() -> Self {
        Self { root: Node::Leaf(Leaf::default()), len: 0 }
    }
}

impl Node {
    fn len(&self) -> usize {
        match self {
            Self::Leaf(leaf) => leaf.len(),
            Self::Branch(branch) => branch.counts.iter().sum(),
        }
    }

    fn is_small(&self) -> bool {
        match self {
            Self::Leaf(leaf) => leaf.len() < LEAF_MIN,
            Self::Branch(branch) => branch.children.len() < FAN_MIN,
        }
    }

    /// Inserts a pair; what was split off to the right, if this was full. `last`: nothing is right of it.
    fn insert(&mut self, pair: (f64, &[u8]), stored: Stored<'_>, last: bool) -> Option<(Separator, Self)> {
        match self {
            Self::Leaf(leaf) => {
                insert_in_leaf(leaf, pair, stored, last).map(|(sep, right)| (sep, Self::Leaf(right)))
            }
            Self::Branch(branch) => {
                branch.insert(pair, stored, last).map(|(sep, right)| (sep, Self::Branch(Box::new(right))))
            }
        }
    }

    /// Removes up to `max` pairs from `rank` on, as far as they are in one leaf; how many.
    fn take(&mut self, rank: usize, max: usize, visit: &mut dyn FnMut(f64, &[u8])) -> usize {
        match self {
            Self::Leaf(leaf) => {
                let range = rank..leaf.len().min(rank.saturating_add(max));
                for (score, member) in range.clone().map(|at| leaf.get(at)) {
                    visit(score, member);
                }
                let taken = range.len();
                leaf.remove(range);
                taken
            }
            Self::Branch(branch) => branch.take(rank, max, visit),
        }
    }

    /// Removes a pair that is there.
    fn remove(&mut self, pair: (f64, &[u8])) {
        match self {
            Self::Leaf(leaf) => {
                let at = leaf.place(pair.0, pair.1);
                debug_assert_eq!(leaf.get(at), pair);
                leaf.remove(at..at + 1);
            }
            Self::Branch(branch) => branch.remove(pair),
        }
    }

    /// Frees the last leaf below; true when nothing is left.
    fn free_leaf(&mut self) -> bool {
        match self {
            Self::Leaf(leaf) => {
                *leaf = Leaf::default();
                true
            }
            Self::Branch(branch) => {
                if branch.children.last_mut().is_none_or(Self::free_leaf) {
                    branch.children.pop();
                }
                branch.children.is_empty()
            }
        }
    }

    /// Visits leaves, first to last, until `visit` is false.
    fn each_leaf(&self, visit: &mut dyn FnMut(&Leaf) -> bool) -> bool {
        match self {
            Self::Leaf(leaf) => visit(leaf),
            Self::Branch(branch) => branch.children.iter().all(|child| child.each_leaf(visit)),
        }
    }
}

fn insert_in_leaf(
    leaf: &mut Leaf,
    (score, member): (f64, &[u8]),
    stored: Stored<'_>,
    last: bool,
) -> Option<(Separator, Leaf)> {
    let at = leaf.place(score, member);
    if leaf.len() < LEAF_MAX {
        leaf.insert(at, score, stored);
        return None;
    }
    let middle = if last && at == leaf.len() { at } else { LEAF_MAX / 2 };
    let mut right = leaf.split_off(middle);
    if at <= middle && middle < LEAF_MAX {
        leaf.insert(at, score, stored);
    } else {
        right.insert(at - middle, score, stored);
    }
    Some((separator(leaf.get(leaf.len() - 1), right.get(0)), right))
}

impl Branch {
    /// The child that a pair belongs to.
    fn child_of(&self, pair: (f64, &[u8])) -> usize {
        self.separators.child_of(pair)
    }

    /// The child with the pair of this rank, and its rank there. Past the end: the last child.
    #[inline]
    fn child_at(&self, mut rank: usize) -> (usize, usize) {
        for (at, &count) in self.counts.iter().enumerate() {
            if rank < count {
                return (at, rank);
            }
            rank -= count;
        }
        let last = self.counts.len() - 1;
        (last, rank + self.counts[last])
    }

    fn insert(&mut self, pair: (f64, &[u8]), stored: Stored<'_>, last: bool) -> Option<(Separator, Self)> {
        let at = self.child_of(pair);
        let last = last && at + 1 == self.children.len();
        self.counts[at] += 1;
        let (sep, right) = self.children[at].insert(pair, stored, last)?;
        let moved = right.len();
        self.counts[at] -= moved;
        self.counts.insert(at + 1, moved);
        self.children.insert(at + 1, right);
        self.separators.insert(at, sep);
        (self.children.len() > FAN_MAX).then(|| self.split(FAN_MAX / 2))
    }

    /// The children from `at` on as a branch of their own, and what stands between.
    fn split(&mut self, at: usize) -> (Separator, Self) {
        let mut separators = self.separators.split_off(at - 1);
        let between = separators.remove(0);
        let right =
            Self { children: self.children.split_off(at), counts: self.counts.split_off(at), separators };
        (between, right)
    }

    fn take(&mut self, rank: usize, max: usize, visit: &mut dyn FnMut(f64, &[u8])) -> usize {
        let (at, rank) = self.child_at(rank);
        let taken = self.children[at].take(rank, max, visit);
        self.removed(at, taken);
        taken
    }

    fn remove(&mut self, pair: (f64, &[u8])) {
        let at = self.child_of(pair);
        self.children[at].remove(pair);
        self.removed(at, 1);
    }

    /// The child at `at` has `count` pairs fewer.
    fn removed(&mut self, at: usize, count: usize) {
        self.counts[at] -= count;
        if self.children[at].is_small() && self.children.len() > 1 {
            self.join(at.saturating_sub(1));
        }
    }

    /// Makes one child of the one at `left` and the next, or two of about one size.
    fn join(&mut self, left: usize) {
        let between = self.separators.remove(left);
        let right = self.children.remove(left + 1);
        let count = self.counts.remove(left + 1);
        self.counts[left] += count;
        let divided = match (&mut self.children[left], right) {
            (Node::Leaf(leaf), Node::Leaf(right)) => join_leaves(leaf, right),
            (Node::Branch(branch), Node::Branch(right)) => branch.append(between, *right),
            _ => unreachable!("all leaves are equally deep"),
        };
        if let Some((sep, right)) = divided {
            let moved = right.len();
            self.counts[left] -= moved;
            self.counts.insert(left + 1, moved);
            self.children.insert(left + 1, right);
            self.separators.insert(left, sep);
        }
    }

    /// Adds the children of the next branch; what is divided off again if they are too many.
    fn append(&mut self, between: Separator, mut right: Self) -> Option<(Separator, Node)> {
        self.separators.push(between);
        self.separators.append(right.separators);
        self.children.append(&mut right.children);
        self.counts.append(&mut right.counts);
        let len = self.children.len();
        (len > FAN_MAX * JOINED_QUARTERS / 4).then(|| {
            let (sep, right) = self.split(len / 2);
            (sep, Node::Branch(Box::new(right)))
        })
    }
}

fn join_leaves(leaf: &mut Leaf, right: Leaf) -> Option<(Separator, Node)> {
    leaf.append(right);
    let len = leaf.len();
    (len > LEAF_MAX * JOINED_QUARTERS / 4).then(|| {
        let right = leaf.split_off(len / 2);
        (separator(leaf.get(len / 2 - 1), right.get(0)), Node::Leaf(right))
    })
}

impl Tree {
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Inserts a pair that is not there; `stored` is how the leaf keeps the member.
    pub fn insert(&mut self, score: f64, member: &[u8], stored: Stored<'_>) {
        self.len += 1;
        let Some((sep, right)) = self.root.insert((score, member), stored, true) else { return };
        let left = std::mem::replace(&mut self.root, Node::Leaf(Leaf::default()));
        let mut branch = Branch::default();
        branch.counts.extend([left.len(), right.len()]);
        branch.children.extend([left, right]);
        branch.separators.push(sep);
        self.root = Node::Branch(Box::new(branch));
    }

    /// Removes up to `max` pairs from `rank` on, those of one leaf; how many, at least one if there are any.
    pub fn take(&mut self, rank: usize, max: usize, visit: &mut dyn FnMut(f64, &[u8])) -> usize {
        if rank >= self.len || max == 0 {
            return 0;
        }
        let taken = self.root.take(rank, max, visit);
        self.len -= taken;
        self.lower();
        taken
    }

    /// Removes a pair that is there.
    pub fn remove(&mut self, score: f64, member: &[u8]) {
        self.root.remove((score, member));
        self.len -= 1;
        self.lower();
    }

    /// A root with one child gives way to it.
    fn lower(&mut self) {
        while let Node::Branch(branch) = &mut self.root
            && branch.children.len() == 1
            && let Some(only) = branch.children.pop()
        {
            self.root = only;
        }
    }

    /// How many pairs come before the first of which `before` is false. It must be true of all pairs up to
    /// some point in the order and false of all behind, whether they are stored or not.
    pub fn partition_point(&self, before: impl Fn(f64, &[u8]) -> bool) -> usize {
        let (mut node, mut rank) = (&self.root, 0);
        loop {
            match node {
                Node::Leaf(leaf) => return rank + leaf.partition_point(&before),
                Node::Branch(branch) => {
                    let at = branch.separators.partition_point(&before);
                    rank += branch.counts[..at].iter().sum::<usize>();
                    node = &branch.children[at];
                }
            }
        }
    }

    /// How many pairs are less than this one.
    pub fn rank(&self, score: f64, member: &[u8]) -> usize {
        let (mut node, mut rank) = (&self.root, 0);
        loop {
            match node {
                Node::Leaf(leaf) => return rank + leaf.place(score, member),
                Node::Branch(branch) => {
                    let at = branch.child_of((score, member));
                    rank += branch.counts[..at].iter().sum::<usize>();
                    node = &branch.children[at];
                }
            }
        }
    }

    /// The leaf with the pair of this rank, which must be there, and its place in it.
    pub fn leaf_at(&self, mut rank: usize) -> (&Leaf, usize) {
        debug_assert!(rank < self.len);
        let mut node = &self.root;
        loop {
            match node {
                Node::Leaf(leaf) => return (leaf, rank),
                Node::Branch(branch) => {
                    let (at, below) = branch.child_at(rank);
                    (node, rank) = (&branch.children[at], below);
                }
            }
        }
    }

    /// Heap bytes; some `samples` pairs are looked at and stand for all, 0 looks at every one.
    pub fn memory(&self, samples: usize) -> usize {
        let per_leaf = size_of::<Node>() + size_of::<usize>() + size_of::<Separator>();
        let (mut pairs, mut bytes) = (0, 0);
        self.root.each_leaf(&mut |leaf| {
            pairs += leaf.len();
            bytes += leaf.memory() + per_leaf;
            samples == 0 || pairs < samples
        });
        (bytes * self.len).checked_div(pairs).unwrap_or(0)
    }

    /// Frees some `leaves` leaves; true when none is left. Not to be used otherwise from then on.
    pub fn free_slice(&mut self, leaves: usize) -> bool {
        (0..leaves).any(|_| self.root.free_leaf())
    }
}

#[cfg(test)]
mod tests;
