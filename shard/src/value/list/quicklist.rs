//! The list behind the encoding "quicklist": nodes of a few kilobytes, each a listpack, in the order of a [`Spine`].
//!
//! ```text
//!   raw       raw       compressed   compressed   raw       raw         depth 2
//!   [a b c] - [d e f] - (g h i)    - (j k)      - [l m n] - [o]
//!                                   a large element is alone: <.....>
//! ```
//! An end is pushed and popped in its node; a new node is begun where the old one has no room ([`Fill`]). An
//! insertion into a full node goes to the neighbour if it is at the edge, and else splits the node; what a
//! split leaves is joined to its neighbours where they fit into one node. So no node is over its limit, unless
//! the limit was changed since, or one element alone is.
//!
//! `list-compress-depth` nodes at each end stay raw, all between are compressed or known not to be worth it:
//! [`Quicklist::settle`] restores that after every change, and looks only where it can be violated.
//! The limits are those of the time at which the list outgrew a listpack, as in Redis.
//!
//! Costs: an end O(1) and at most one node moved; an index, see [`Spine`]; a search is a walk. Reading leaves
//! compressed nodes as they are.

use super::fill::{Fill, Limits};
use super::node::{Content, Node};
use super::spine::{Place, Spine};
use super::{Direction, End, Needle};
use persist::listpack::{self as lp, Element};

/// Nodes beside the changed one that a change can have touched, and how far a border can have moved.
const NEAR: usize = 3;

/// What a node holds, in the two forms that files know.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NodeBytes<'a> {
    /// A listpack of elements.
    Listpack(&'a [u8]),
    /// The text of one element.
    Plain(&'a [u8]),
}

/// A list of many nodes.
#[derive(Clone, Debug, Default)]
pub struct Quicklist {
    pub(super) spine: Spine,
    pub(super) fill: Fill,
    /// How many nodes at each end are not compressed; 0 if none is.
    pub(super) depth: usize,
}

impl Quicklist {
    /// An empty one, to be filled.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self { spine: Spine::default(), fill: limits.fill, depth: limits.compress_depth as usize }
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.spine.elements()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many nodes it has.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.spine.nodes()
    }

    /// Bytes of all nodes, before compression.
    #[must_use]
    pub fn raw_bytes(&self) -> usize {
        self.spine.iter().map(Node::size).sum()
    }

    /// The bound of its nodes.
    #[must_use]
    pub fn fill(&self) -> Fill {
        self.fill
    }

    /// Whether inner nodes are compressed.
    #[must_use]
    pub fn compresses(&self) -> bool {
        self.depth > 0
    }

    /// Heap bytes; `samples` nodes stand for all, 0 looks at every one.
    pub(super) fn memory(&self, samples: usize) -> usize {
        let nodes = self.nodes();
        let seen = if samples == 0 { nodes } else { samples.min(nodes) };
        let bytes: usize = self.spine.iter().take(seen).map(Node::memory).sum();
        self.spine.memory() + (bytes * nodes).checked_div(seen).unwrap_or(0)
    }

    /// Frees up to `budget` nodes; true when none is left.
    pub(super) fn free_slice(&mut self, budget: usize) -> bool {
        for _ in 0..budget {
            let Some(place) = self.spine.end(End::Right) else { break };
            self.spine.remove(place);
        }
        self.nodes() == 0
    }

    /// Visits the elements from `index` on until `visit` says no.
    pub(super) fn walk(
        &self,
        index: usize,
        direction: Direction,
        visit: &mut impl FnMut(Element<'_>) -> bool,
    ) {
        let mut scratch = Vec::new();
        let mut at = self.spine.locate(index);
        while let Some((place, offset)) = at {
            if !self.spine.node(place).content(&mut scratch).walk(offset, direction, visit) {
                return;
            }
            at = match direction {
                Direction::Forward => self.spine.next(place).map(|next| (next, 0)),
                Direction::Backward => {
                    self.spine.prev(place).map(|prev| (prev, self.spine.node(prev).count() - 1))
                }
            };
        }
    }

    /// Visits the nodes as they are before compression: what files hold.
    pub fn each_node(&self, visit: &mut dyn FnMut(NodeBytes<'_>)) {
        let mut scratch = Vec::new();
        for node in self.spine.iter() {
            visit(match node.content(&mut scratch) {
                Content::Many(lp) => NodeBytes::Listpack(lp.bytes()),
                Content::One(text) => NodeBytes::Plain(text),
            });
        }
    }

    /// Adds a whole listpack, which is one or has been checked, as a node behind the last.
    pub fn push_listpack(&mut self, bytes: Vec<u8>) {
        let node = Node::packed(bytes);
        if node.count() > 0 {
            self.spine.push(End::Right, node);
            self.settle(None);
        }
    }

    /// Adds one element as a plain node behind the last.
    pub fn push_plain(&mut self, text: Vec<u8>) {
        self.spine.push(End::Right, Node::plain(text));
        self.settle(None);
    }

    /// Whether a node may take in a text of `len` bytes.
    fn has_room(&self, place: Place, limits: &Limits, len: usize) -> bool {
        let node = self.spine.node(place);
        !node.is_plain()
            && !limits.is_large(self.fill, len)
            && self.fill.has_room(node.size(), node.count(), len)
    }

    fn node_of(&self, text: &[u8], limits: &Limits) -> Node {
        Node::of(text, limits.is_large(self.fill, text.len()))
    }

    /// Adds an element at an end.
    pub(super) fn push(&mut self, end: End, text: &[u8], limits: &Limits) {
        match self.spine.end(end).filter(|place| self.has_room(*place, limits, text.len())) {
            Some(place) => self.spine.edit(place, |node| node.push(end, text)),
            None => {
                self.spine.push(end, self.node_of(text, limits));
                self.settle(None);
            }
        }
    }

    /// Removes and returns, as `then` makes it, the element at an end.
    pub(super) fn pop<R>(&mut self, end: End, then: impl FnOnce(Element<'_>) -> R) -> Option<R> {
        let place = self.spine.end(end)?;
        let result = self.spine.edit(place, |node| node.pop(end, then));
        if self.spine.node(place).count() == 0 {
            self.spine.remove(place);
            self.settle(None);
        }
        result
    }

    /// Adds an element before or behind the first one that is `pivot`; whether there is one.
    pub(super) fn insert(&mut self, pivot: &Needle<'_>, side: End, text: &[u8], limits: &Limits) -> bool {
        let mut scratch = Vec::new();
        let mut at = self.spine.end(End::Left);
        while let Some(place) = at {
            let mut offset = 0;
            let content = self.spine.node(place).content(&mut scratch);
            let missing = content.walk(0, Direction::Forward, &mut |element| {
                let differs = !pivot.is(element);
                offset += usize::from(differs);
                differs
            });
            if !missing {
                let offset = offset + usize::from(side == End::Right);
                self.insert_at(place, offset, text, limits);
                return true;
            }
            at = self.spine.next(place);
        }
        false
    }

    /// Adds an element at `offset` of a node: up to its count, which is behind its last.
    fn insert_at(&mut self, place: Place, offset: usize, text: &[u8], limits: &Limits) {
        let count = self.spine.node(place).count();
        if self.has_room(place, limits, text.len()) {
            self.spine.edit(place, |node| node.insert(offset, text));
            return self.settle(Some(place));
        }
        let edge = match offset {
            0 => Some((End::Left, self.spine.prev(place))),
            _ if offset == count => Some((End::Right, self.spine.next(place))),
            _ => None,
        };
        let place = match edge {
            Some((side, beside)) => self.insert_beside(place, side, beside, text, limits),
            None => self.insert_between(place, offset, text, limits),
        };
        self.settle(Some(place));
    }

    /// Adds an element at an edge of a full node: to the neighbour, or as a new node.
    fn insert_beside(
        &mut self,
        place: Place,
        side: End,
        beside: Option<Place>,
        text: &[u8],
        limits: &Limits,
    ) -> Place {
        match beside.filter(|beside| self.has_room(*beside, limits, text.len())) {
            Some(beside) => {
                self.spine.edit(beside, |node| node.push(side.other(), text));
                beside
            }
            None => self.spine.insert(place, side, self.node_of(text, limits)),
        }
    }

    /// Adds an element within a full node, which is split; what is left of it joins its neighbours if it can.
    fn insert_between(&mut self, place: Place, offset: usize, text: &[u8], limits: &Limits) -> Place {
        let rank = self.spine.rank(place);
        let tail = self.spine.edit(place, |node| node.split_off(offset));
        let right = self.spine.insert(place, End::Right, tail);
        self.join_with_next(right);
        // Inserting may have moved `place` to another chunk: from here on by rank.
        let place = self.spine.nth(rank).unwrap_or(place);
        if self.has_room(place, limits, text.len()) {
            self.spine.edit(place, |node| node.push(End::Right, text));
        } else {
            let new = self.node_of(text, limits);
            let middle = self.spine.insert(place, End::Right, new);
            self.join_with_next(middle);
        }
        let before = rank.checked_sub(1).and_then(|before| self.spine.nth(before));
        before.filter(|before| self.join_with_next(*before)).or_else(|| self.spine.nth(rank)).unwrap_or(place)
    }

    /// Makes one node of this and the next if that is allowed; whether it was.
    fn join_with_next(&mut self, place: Place) -> bool {
        let Some(next) = self.spine.next(place) else { return false };
        let (a, b) = (self.spine.node(place), self.spine.node(next));
        let bytes = a.size() + b.size() - lp::EMPTY_BYTES;
        if a.is_plain() || b.is_plain() || self.fill.is_exceeded(bytes, a.count() + b.count()) {
            return false;
        }
        if let (Some(next), _) = self.spine.remove(next) {
            self.spine.edit(place, |node| node.append(&next));
        }
        true
    }

    /// Changes the element of this index, which there is.
    pub(super) fn set(&mut self, index: usize, text: &[u8], limits: &Limits) {
        let Some((place, offset)) = self.spine.locate(index) else { return };
        let large = limits.is_large(self.fill, text.len());
        let fill = self.fill;
        let replaced = self.spine.edit(place, |node| {
            let fits = if node.is_plain() || large {
                node.is_plain() && large
            } else {
                let (old, new) = (node.element_size(offset), lp::element_size(text));
                new <= old || !fill.is_exceeded(node.size() + new - old, node.count())
            };
            if fits {
                node.replace(offset, text);
            }
            fits
        });
        if replaced {
            self.settle(Some(place));
        } else {
            self.insert_at(place, offset, text, limits);
            self.remove_range(index + 1, 1);
        }
    }

    /// Removes a node that the last change has left without elements; where the one behind it is.
    fn remove_if_empty(&mut self, place: Place) -> Option<Place> {
        if self.spine.node(place).count() == 0 { self.spine.remove(place).1 } else { self.spine.next(place) }
    }

    /// Removes `count` elements from `index` on, all of them there; the nodes that are nobody's after.
    pub(super) fn remove_range(&mut self, index: usize, count: usize) -> Self {
        let mut removed = Self { spine: Spine::default(), fill: self.fill, depth: self.depth };
        let Some((place, offset)) = self.spine.locate(index) else { return removed };
        let here = count.min(self.spine.node(place).count() - offset);
        let (mut first, mut left) = (Some(place), count);
        if offset > 0 || here == count {
            self.spine.edit(place, |node| node.remove_range(offset, here));
            first = self.remove_if_empty(place);
            left -= here;
        }
        if left > 0
            && let Some(first) = first
        {
            removed.spine = self.spine.split_off(first);
            if let Some((last, rest)) = removed.spine.locate(left) {
                removed.spine.edit(last, |node| node.remove_range(0, rest));
                self.spine.append(removed.spine.split_off(last));
            }
        }
        let near = index.checked_sub(1).and_then(|before| self.spine.locate(before)).map(|(place, _)| place);
        self.settle(near);
        removed
    }

    /// Removes elements that are `needle`: `max` of them at most, or all if it is 0, in this direction. How many.
    pub(super) fn remove(&mut self, needle: &Needle<'_>, direction: Direction, max: usize) -> usize {
        let max = if max == 0 { usize::MAX } else { max };
        let mut removed = 0;
        let mut at = self.spine.end(if direction == Direction::Forward { End::Left } else { End::Right });
        while let Some(place) = at.filter(|_| removed < max) {
            let before = self.spine.prev(place);
            removed += self.spine.edit(place, |node| node.remove(needle, direction, max - removed));
            let next = self.remove_if_empty(place);
            at = if direction == Direction::Forward { next } else { before };
        }
        if removed > 0 && self.depth > 0 {
            self.settle_all();
        }
        removed
    }

    /// Makes the end nodes raw, and has compressed what may have come to lie between them: at the borders, and
    /// around the node that was changed.
    fn settle(&mut self, changed: Option<Place>) {
        if self.depth == 0 {
            return;
        }
        let (nodes, depth) = (self.nodes(), self.depth);
        for rank in 0..depth.min(nodes) {
            self.decompress(rank);
            self.decompress(nodes - 1 - rank);
        }
        let (from, to) = (depth, nodes.saturating_sub(depth));
        if from >= to {
            return;
        }
        let near = changed.map_or(0, |place| self.spine.rank(place));
        let ranges = [
            from..from + NEAR,
            to.saturating_sub(NEAR)..to,
            near.saturating_sub(NEAR)..changed.map_or(0, |_| near + NEAR + 1),
        ];
        for range in ranges {
            for rank in range.start.max(from)..range.end.min(to) {
                self.compress(rank);
            }
        }
    }

    /// The same, looking at every node.
    fn settle_all(&mut self) {
        self.settle(None);
        for rank in self.depth..self.nodes().saturating_sub(self.depth) {
            self.compress(rank);
        }
    }

    fn compress(&mut self, rank: usize) {
        if let Some(place) = self.spine.nth(rank) {
            self.spine.edit(place, Node::compress);
        }
    }

    fn decompress(&mut self, rank: usize) {
        if let Some(place) = self.spine.nth(rank) {
            self.spine.edit(place, Node::decompress);
        }
    }
}
