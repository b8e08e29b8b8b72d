//! The nodes of a quicklist in their order, with the sums that find an element by its index.
//!
//! ```text
//!   Spine   nodes, elements
//!     +-- chunk: 128 nodes at most, and the sum of their elements
//!     |     +-- node (40 bytes) -> its bytes
//!     |     +-- node
//!     +-- chunk ...
//! ```
//! A million small elements are some 1,500 nodes in a dozen chunks; a million large ones are a million nodes in
//! 8,000 chunks. Finding an index looks at chunks from the nearer end, then at the nodes of one, then walks one
//! listpack. Inserting or removing a node moves at most 128 others and, now and then, the 40 bytes of each later
//! chunk.
//!
//! Why not a linked list of nodes, as Redis has: an index would follow half a million links, each somewhere else
//! in memory, where here it adds up 4,000 numbers side by side. Why not
//! one array: growing it, or inserting in its middle, would move 40 MB for that million.
//!
//! Invariants: no chunk is empty; the sums are those of the counts. So nodes are changed through [`Spine::edit`].

use super::End;
use super::node::Node;
use std::collections::VecDeque;

/// The most nodes of a chunk.
const CHUNK_MAX: usize = 128;

#[derive(Clone, Debug, Default)]
struct Chunk {
    nodes: VecDeque<Node>,
    elements: usize,
}

impl Chunk {
    fn of(nodes: VecDeque<Node>) -> Self {
        let elements = nodes.iter().map(Node::count).sum();
        Self { nodes, elements }
    }
}

/// Nodes in their order.
#[derive(Clone, Debug, Default)]
pub(super) struct Spine {
    chunks: VecDeque<Chunk>,
    nodes: usize,
    elements: usize,
}

/// Which node: good until one is inserted or removed before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Place {
    chunk: usize,
    node: usize,
}

impl Spine {
    pub fn nodes(&self) -> usize {
        self.nodes
    }

    #[inline]
    pub fn elements(&self) -> usize {
        self.elements
    }

    #[inline]
    pub fn node(&self, place: Place) -> &Node {
        &self.chunks[place.chunk].nodes[place.node]
    }

    /// Changes a node, and keeps the sums right.
    #[inline]
    pub fn edit<R>(&mut self, place: Place, edit: impl FnOnce(&mut Node) -> R) -> R {
        let chunk = &mut self.chunks[place.chunk];
        let node = &mut chunk.nodes[place.node];
        let before = node.count();
        let result = edit(node);
        let after = node.count();
        chunk.elements = chunk.elements + after - before;
        self.elements = self.elements + after - before;
        result
    }

    /// The node at an end.
    #[inline]
    pub fn end(&self, end: End) -> Option<Place> {
        let chunk = if end == End::Left { 0 } else { self.chunks.len().checked_sub(1)? };
        let len = self.chunks.get(chunk)?.nodes.len();
        Some(Place { chunk, node: if end == End::Left { 0 } else { len - 1 } })
    }

    pub fn next(&self, place: Place) -> Option<Place> {
        let Place { chunk, node } = place;
        if node + 1 < self.chunks[chunk].nodes.len() {
            Some(Place { chunk, node: node + 1 })
        } else {
            (chunk + 1 < self.chunks.len()).then_some(Place { chunk: chunk + 1, node: 0 })
        }
    }

    pub fn prev(&self, place: Place) -> Option<Place> {
        let Place { chunk, node } = place;
        match node.checked_sub(1) {
            Some(node) => Some(Place { chunk, node }),
            None => {
                chunk.checked_sub(1).map(|chunk| Place { chunk, node: self.chunks[chunk].nodes.len() - 1 })
            }
        }
    }

    /// How many nodes are before this one.
    pub fn rank(&self, place: Place) -> usize {
        self.chunks.range(..place.chunk).map(|chunk| chunk.nodes.len()).sum::<usize>() + place.node
    }

    /// The node that has `rank` others before it.
    pub fn nth(&self, rank: usize) -> Option<Place> {
        if rank >= self.nodes {
            return None;
        }
        let (chunk, node) = descend(&self.chunks, self.nodes, rank, |chunk| chunk.nodes.len())?;
        Some(Place { chunk, node })
    }

    /// The node that holds the element of this index, and the element's offset in it.
    pub fn locate(&self, index: usize) -> Option<(Place, usize)> {
        if index >= self.elements {
            return None;
        }
        let (chunk, within) = descend(&self.chunks, self.elements, index, |chunk| chunk.elements)?;
        let Chunk { nodes, elements } = &self.chunks[chunk];
        let (node, offset) = descend(nodes, *elements, within, Node::count)?;
        Some((Place { chunk, node }, offset))
    }

    /// Puts a node before the first or behind the last.
    pub fn push(&mut self, end: End, node: Node) {
        let at = if end == End::Left { self.chunks.front_mut() } else { self.chunks.back_mut() };
        let count = node.count();
        match (at, end) {
            (Some(chunk), _) if chunk.nodes.len() < CHUNK_MAX => {
                chunk.elements += count;
                if end == End::Left { chunk.nodes.push_front(node) } else { chunk.nodes.push_back(node) }
            }
            (_, End::Left) => self.chunks.push_front(Chunk::of([node].into())),
            (_, End::Right) => self.chunks.push_back(Chunk::of([node].into())),
        }
        self.nodes += 1;
        self.elements += count;
    }

    /// Puts a node before the one at `place`, or behind it; where it is then. No other place stays good.
    pub fn insert(&mut self, place: Place, side: End, node: Node) -> Place {
        let Place { chunk: at, node: mut index } = place;
        index += usize::from(side == End::Right);
        let chunk = &mut self.chunks[at];
        self.nodes += 1;
        self.elements += node.count();
        chunk.elements += node.count();
        chunk.nodes.insert(index, node);
        if chunk.nodes.len() <= CHUNK_MAX {
            return Place { chunk: at, node: index };
        }
        let half = chunk.nodes.len() / 2;
        let tail = Chunk::of(chunk.nodes.split_off(half));
        chunk.elements -= tail.elements;
        self.chunks.insert(at + 1, tail);
        if index < half {
            Place { chunk: at, node: index }
        } else {
            Place { chunk: at + 1, node: index - half }
        }
    }

    /// Takes a node out; and where the one behind it is then. (A place before it stays good.)
    pub fn remove(&mut self, place: Place) -> (Option<Node>, Option<Place>) {
        let Place { chunk: at, node: index } = place;
        let chunk = &mut self.chunks[at];
        let removed = chunk.nodes.remove(index);
        let count = removed.as_ref().map_or(0, Node::count);
        chunk.elements -= count;
        self.elements -= count;
        self.nodes -= usize::from(removed.is_some());
        self.join(at);
        let rest = self.chunks.get(at).map_or(0, |chunk| chunk.nodes.len());
        let next =
            if index < rest { Place { chunk: at, node: index } } else { Place { chunk: at + 1, node: 0 } };
        let next = (next.chunk < self.chunks.len()).then_some(next);
        (removed, next)
    }

    /// Removes a chunk that is empty, or takes the next one in where both are small.
    fn join(&mut self, at: usize) {
        let len = |spine: &Self, at: usize| spine.chunks.get(at).map(|chunk| chunk.nodes.len());
        match (len(self, at), len(self, at + 1)) {
            (Some(0), _) => _ = self.chunks.remove(at),
            (Some(a), Some(b)) if a + b <= CHUNK_MAX / 2 => {
                if let Some(mut next) = self.chunks.remove(at + 1) {
                    let chunk = &mut self.chunks[at];
                    chunk.nodes.append(&mut next.nodes);
                    chunk.elements += next.elements;
                }
            }
            _ => {}
        }
    }

    /// Takes out the node at `place` and all behind it.
    pub fn split_off(&mut self, place: Place) -> Self {
        let mut chunks = self.chunks.split_off(place.chunk);
        if place.node > 0
            && let Some(first) = chunks.front_mut()
        {
            let tail = Chunk::of(first.nodes.split_off(place.node));
            let elements = first.elements - tail.elements;
            let head = std::mem::replace(first, tail);
            self.chunks.push_back(Chunk { nodes: head.nodes, elements });
        }
        let tail = Self::of(chunks);
        self.nodes -= tail.nodes;
        self.elements -= tail.elements;
        tail
    }

    /// Adds the nodes of another behind the last.
    pub fn append(&mut self, mut other: Self) {
        let seam = self.chunks.len();
        self.chunks.append(&mut other.chunks);
        self.nodes += other.nodes;
        self.elements += other.elements;
        if let Some(before) = seam.checked_sub(1) {
            self.join(before);
        }
    }

    fn of(chunks: VecDeque<Chunk>) -> Self {
        let nodes = chunks.iter().map(|chunk| chunk.nodes.len()).sum();
        let elements = chunks.iter().map(|chunk| chunk.elements).sum();
        Self { chunks, nodes, elements }
    }

    /// All nodes, first to last.
    pub fn iter(&self) -> impl Iterator<Item = &Node> {
        self.chunks.iter().flat_map(|chunk| &chunk.nodes)
    }

    /// Heap bytes, those of the nodes' contents left out.
    pub fn memory(&self) -> usize {
        let nodes = self.chunks.iter().map(|chunk| chunk.nodes.capacity() * size_of::<Node>());
        self.chunks.capacity() * size_of::<Chunk>() + nodes.sum::<usize>()
    }
}

/// Where in `parts`, whose sizes add up to `total`, the one with `index` things before it is, and what is left of
/// `index` there. From the nearer end.
fn descend<T>(
    parts: &VecDeque<T>,
    total: usize,
    mut index: usize,
    size: impl Fn(&T) -> usize,
) -> Option<(usize, usize)> {
    if index <= total / 2 {
        for (at, part) in parts.iter().enumerate() {
            match index.checked_sub(size(part)) {
                None => return Some((at, index)),
                Some(left) => index = left,
            }
        }
        return None;
    }
    let mut from = total;
    for (at, part) in parts.iter().enumerate().rev() {
        from -= size(part);
        if index >= from {
            return Some((at, index - from));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A node of `count` elements.
    fn node(count: usize) -> Node {
        let mut node = Node::of(b"x", false);
        (1..count).for_each(|_| node.push(End::Right, b"y"));
        node
    }

    fn assert_sums(spine: &Spine, model: &[usize]) {
        assert!(spine.iter().map(Node::count).eq(model.iter().copied()));
        assert_eq!((spine.nodes(), spine.elements()), (model.len(), model.iter().sum()));
        for chunk in &spine.chunks {
            assert!((1..=CHUNK_MAX).contains(&chunk.nodes.len()));
            assert_eq!(chunk.elements, chunk.nodes.iter().map(Node::count).sum::<usize>());
        }
        let mut index = 0;
        for (rank, count) in model.iter().enumerate() {
            let place = spine.nth(rank).unwrap();
            assert_eq!(spine.rank(place), rank);
            assert_eq!(spine.next(place), spine.nth(rank + 1));
            assert_eq!(spine.prev(place), rank.checked_sub(1).and_then(|rank| spine.nth(rank)));
            assert_eq!(spine.locate(index), Some((place, 0)));
            assert_eq!(spine.locate(index + count - 1), Some((place, count - 1)));
            index += count;
        }
        assert_eq!((spine.nth(model.len()), spine.locate(index)), (None, None));
        assert_eq!(spine.end(End::Left), spine.nth(0));
        assert_eq!(spine.end(End::Right), model.len().checked_sub(1).and_then(|rank| spine.nth(rank)));
    }

    #[derive(Debug, Clone)]
    enum Step {
        Push(bool, usize, usize),
        Insert(prop::sample::Index, bool, usize),
        Remove(prop::sample::Index, usize),
        Edit(prop::sample::Index),
        CutOut(prop::sample::Index, prop::sample::Index),
    }

    fn step() -> impl Strategy<Value = Step> {
        let at = any::<prop::sample::Index>;
        prop_oneof![
            3 => (any::<bool>(), 1usize..4, 1usize..200).prop_map(|(a, b, c)| Step::Push(a, b, c)),
            3 => (at(), any::<bool>(), 1usize..4).prop_map(|(a, b, c)| Step::Insert(a, b, c)),
            2 => (at(), 1usize..100).prop_map(|(a, b)| Step::Remove(a, b)),
            1 => at().prop_map(Step::Edit),
            1 => (at(), at()).prop_map(|(a, b)| Step::CutOut(a, b)),
        ]
    }

    fn side(right: bool) -> End {
        if right { End::Right } else { End::Left }
    }

    fn apply(spine: &mut Spine, model: &mut Vec<usize>, step: &Step) {
        let pick = |index: &prop::sample::Index, len: usize| index.index(len);
        match step {
            Step::Push(right, count, times) => {
                for _ in 0..*times {
                    spine.push(side(*right), node(*count));
                    model.insert(if *right { model.len() } else { 0 }, *count);
                }
            }
            _ if model.is_empty() => {}
            Step::Insert(at, right, count) => {
                let rank = pick(at, model.len());
                let place = spine.nth(rank).unwrap();
                let new = spine.insert(place, side(*right), node(*count));
                model.insert(rank + usize::from(*right), *count);
                assert_eq!(spine.rank(new), rank + usize::from(*right));
            }
            Step::Remove(at, times) => {
                let rank = pick(at, model.len());
                let mut place = spine.nth(rank);
                for _ in 0..*times {
                    let Some(here) = place else { break };
                    let (removed, next) = spine.remove(here);
                    assert_eq!(removed.map(|node| node.count()), Some(model.remove(rank)));
                    assert_eq!(next, spine.nth(rank));
                    place = next;
                }
            }
            Step::Edit(at) => {
                let rank = pick(at, model.len());
                spine.edit(spine.nth(rank).unwrap(), |node| node.push(End::Left, b"more"));
                model[rank] += 1;
            }
            Step::CutOut(from, to) => {
                let (from, to) = (pick(from, model.len()), pick(to, model.len()));
                let (from, to) = (from.min(to), from.max(to));
                let mut cut = spine.split_off(spine.nth(from).unwrap());
                if let Some(place) = cut.nth(to - from) {
                    spine.append(cut.split_off(place));
                }
                assert_sums(&cut, &model.drain(from..to).collect::<Vec<_>>());
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn agrees_with_an_array(steps in prop::collection::vec(step(), 0..30)) {
            let (mut spine, mut model) = (Spine::default(), Vec::new());
            for step in steps {
                apply(&mut spine, &mut model, &step);
                assert_sums(&spine, &model);
            }
        }
    }
}
