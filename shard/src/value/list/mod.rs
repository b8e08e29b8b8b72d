//! Lists: packed while they are small, a [`Quicklist`] beyond.
//!
//! ```text
//!   List::Short    a dense pack, with the key or in a buffer of its own   "listpack"
//!   List::Packed   a listpack                                             "listpack"
//!   List::Quick    nodes of listpacks                                     "quicklist"
//! ```
//! A [dense pack](persist::dense) saves a tenth or a sixth of a listpack, and its last element is at the end of a walk: it is for
//! up to [`SHORT_COUNT_MAX`] elements, and a list comes back to it with half of that.
//!
//! A list outgrows its listpack before an edit that would take it over `list-max-listpack-size`
//! ([`List::grow_for`]), and is packed again once one node is left, at most half the limit ([`List::shrink`]):
//! Redis 7.2's rules, at the same moments, since OBJECT ENCODING shows them.
//!
//! | file        | holds                                                      |
//! |-------------|------------------------------------------------------------|
//! | `fill`      | the directives of lists, and what they decide              |
//! | `quicklist` | the large form: pushes, pops, inserts, splits, compression |
//! | `spine`     | its nodes in order, found by index                         |
//! | `node`      | one node: a listpack or one large element                  |
//! | `rdb`       | to and from files and DUMP payloads                        |
//! | `model`     | all of it against a deque of texts                         |
//!
//! Elements are visited ([`ListView::walk`]), not lent for longer: a compressed node is read from a copy.

pub mod fill;
#[cfg(test)]
mod model;
mod node;
pub mod quicklist;
pub(super) mod rdb;
mod spine;

pub use fill::{Fill, Limits};
pub use quicklist::{NodeBytes, Quicklist};

use super::{Collection, Object};
use crate::db::{Encoding, Kind};
use crate::event::Class;
use persist::dense::{self, Dense, Elements};
use persist::listpack::{self as lp, Element, Listpack};
use persist::packed::reserve_class;
use proto::number::parse_i64;

/// An end of a list, or a side of an element.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    Left,
    Right,
}

impl End {
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Left => Self::Right,
            Self::Right => Self::Left,
        }
    }
}

/// Which way a list is walked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    Forward,
    Backward,
}

/// A text to be looked for among elements, which may be stored as integers.
#[derive(Clone, Copy, Debug)]
pub struct Needle<'a> {
    text: &'a [u8],
    int: Option<i64>,
}

impl<'a> Needle<'a> {
    #[must_use]
    pub fn new(text: &'a [u8]) -> Self {
        Self { text, int: parse_i64(text) }
    }

    /// Whether this is the element's text.
    #[inline]
    #[must_use]
    pub fn is(&self, element: Element<'_>) -> bool {
        match element {
            Element::Bytes(bytes) => bytes == self.text,
            Element::Int(n) => self.int == Some(n),
        }
    }
}

/// Most elements of a list that is a dense pack: a pop at its end passes them all, in a tenth of a microsecond.
const SHORT_COUNT_MAX: usize = 128;
/// Most bytes of one. Far below any limit on listpacks in bytes, so that only their count may matter.
const SHORT_BYTES_MAX: usize = 2 << 10;

/// A list.
#[derive(Clone, Debug)]
pub enum List {
    /// A dense pack; no bytes at all of an empty list.
    Short(Vec<u8>),
    /// A listpack.
    Packed(Vec<u8>),
    Quick(Quicklist),
}

impl Default for List {
    fn default() -> Self {
        Self::Short(Vec::new())
    }
}

impl List {
    #[must_use]
    pub fn encoding(&self) -> Encoding {
        match self {
            Self::Short(_) | Self::Packed(_) => Encoding::Listpack,
            Self::Quick(_) => Encoding::Quicklist,
        }
    }

    /// Heap bytes, apart from the struct; `samples` nodes stand for all, 0 looks at every one.
    #[must_use]
    pub fn memory(&self, samples: usize) -> usize {
        match self {
            Self::Short(bytes) | Self::Packed(bytes) => bytes.capacity(),
            Self::Quick(quick) => quick.memory(samples),
        }
    }

    /// About how many allocations it takes to free it.
    #[must_use]
    pub fn weight(&self) -> usize {
        match self {
            Self::Short(_) | Self::Packed(_) => 1,
            Self::Quick(quick) => quick.nodes(),
        }
    }

    /// Frees up to `budget` nodes; true when not much is left.
    pub fn free_slice(&mut self, budget: usize) -> bool {
        match self {
            Self::Short(_) | Self::Packed(_) => true,
            Self::Quick(quick) => quick.free_slice(budget),
        }
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.view().len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.view().is_empty()
    }

    /// Makes a quicklist of a listpack that `count` elements more, of `bytes` bytes of text in all, would make too
    /// large.
    pub fn grow_for(&mut self, limits: &Limits, count: usize, bytes: usize) {
        if let Self::Short(pack) = self {
            let (held, after) = (dense::len::<Elements>(pack), pack.len() + bytes);
            let stays = held + count <= SHORT_COUNT_MAX && after <= SHORT_BYTES_MAX;
            if stays && !limits.fill.is_exceeded(after, held + count) {
                if count > 1 {
                    reserve_class(pack, bytes + count); // a byte beside each short text
                }
                return;
            }
            *self = Self::Packed(dense::to_listpack(Dense::new(pack)));
        }
        let Self::Packed(packed) = self else { return };
        let held = Listpack::new(packed).len();
        if limits.fill.is_exceeded(packed.len() + bytes, held + count) {
            let mut quick = Quicklist::new(limits);
            quick.push_listpack(std::mem::take(packed));
            *self = Self::Quick(quick);
        }
    }

    /// Makes a listpack of a quicklist that has become small, and a pack of that: after a removal.
    pub fn shrink(&mut self, limits: &Limits) {
        self.pack(limits, true);
        self.shorten(2);
    }

    /// Gives a list that was just built the form it ought to have.
    pub fn settle(&mut self, limits: &Limits) {
        self.grow_for(limits, 0, 0);
        self.pack(limits, false);
        self.shorten(1);
    }

    /// Makes a pack of a listpack that has no more than this share of what a pack may have.
    fn shorten(&mut self, share: usize) {
        if let Self::Packed(bytes) = self
            && bytes.len() <= SHORT_BYTES_MAX / share
            && Listpack::new(bytes).len() <= SHORT_COUNT_MAX / share
        {
            *self = Self::Short(dense::from_listpack(bytes));
        }
    }

    fn pack(&mut self, limits: &Limits, shrinking: bool) {
        let Self::Quick(quick) = self else { return };
        let Some(place) = quick.spine.end(End::Left).filter(|_| quick.nodes() == 1) else { return };
        let node = quick.spine.node(place);
        if node.is_plain() || !limits.fill.wants_packed(node.size(), node.count(), shrinking) {
            return;
        }
        if let (Some(node), _) = quick.spine.remove(place) {
            *self = Self::Packed(node.into_listpack());
        }
    }

    /// Adds an element at an end. [`List::grow_for`] comes first.
    pub fn push(&mut self, end: End, text: &[u8], limits: &Limits) {
        match (self, end) {
            (Self::Short(bytes), End::Left) => dense::push_front(bytes, text),
            (Self::Short(bytes), End::Right) => dense::push_back(bytes, text),
            (Self::Packed(bytes), End::Left) => lp::push_front(bytes, text),
            (Self::Packed(bytes), End::Right) => lp::push_back(bytes, text),
            (Self::Quick(quick), end) => quick.push(end, text, limits),
        }
    }

    /// Removes and returns, as `then` makes it, the element at an end.
    pub fn pop<R>(&mut self, end: End, then: impl FnOnce(Element<'_>) -> R) -> Option<R> {
        match self {
            Self::Quick(quick) => quick.pop(end, then),
            Self::Short(bytes) => {
                let pack = Dense::new(bytes);
                let at = if end == End::Left { pack.first() } else { pack.last() }?;
                let result = then(pack.get(at));
                dense::remove(bytes, at);
                Some(result)
            }
            Self::Packed(bytes) => {
                let lp = Listpack::new(bytes);
                let at = if end == End::Left { lp.first() } else { lp.last() }?;
                let result = then(lp.get(at));
                lp::remove(bytes, at);
                Some(result)
            }
        }
    }

    /// Changes the element of this index; whether there is one.
    pub fn set(&mut self, index: usize, text: &[u8], limits: &Limits) -> bool {
        if index >= self.len() {
            return false;
        }
        match self {
            Self::Quick(quick) => quick.set(index, text, limits),
            Self::Short(bytes) => {
                let Some(at) = Dense::new(bytes).seek(index) else { return false };
                dense::replace(bytes, at, text);
            }
            Self::Packed(bytes) => {
                let Some(at) = Listpack::new(bytes).seek(index as i64) else { return false };
                lp::replace(bytes, at, text);
            }
        }
        true
    }

    /// Adds an element on a side of the first one that is `pivot`; whether there is one.
    pub fn insert(&mut self, pivot: &Needle<'_>, side: End, text: &[u8], limits: &Limits) -> bool {
        let bytes = match self {
            Self::Quick(quick) => return quick.insert(pivot, side, text, limits),
            Self::Short(bytes) => {
                let Some(at) = Dense::new(bytes).find(pivot.text, 0) else { return false };
                match side {
                    End::Left => dense::insert_before(bytes, at, text),
                    End::Right => dense::insert_after(bytes, at, text),
                };
                return true;
            }
            Self::Packed(bytes) => bytes,
        };
        let lp = Listpack::new(bytes);
        let Some(at) = lp.first().and_then(|first| lp.find(first, pivot.text, 0)) else { return false };
        match side {
            End::Left => lp::insert_before(bytes, at, text),
            End::Right => lp::insert_after(bytes, at, text),
        };
        true
    }

    /// Removes elements that are `needle`: `max` of them at most, or all if it is 0, in this direction. How many.
    pub fn remove(&mut self, needle: &Needle<'_>, direction: Direction, max: usize) -> usize {
        let most = if max == 0 { usize::MAX } else { max };
        match self {
            Self::Quick(quick) => quick.remove(needle, direction, max),
            Self::Short(bytes) => {
                let found = Dense::new(bytes).iter().filter(|element| needle.is(*element)).count();
                let mut victims = node::Victims::new(needle, direction, found, most);
                dense::retain(bytes, |element| !victims.has(element))
            }
            Self::Packed(bytes) => {
                // One node of a quicklist is what does it.
                let mut node = node::Node::packed(std::mem::take(bytes));
                let removed = node.remove(needle, direction, most);
                *bytes = node.into_listpack();
                removed
            }
        }
    }

    /// Removes the `count` elements from `index` on, or as many as there are. What is returned may be much:
    /// it is to be discarded in slices.
    #[must_use]
    pub fn remove_range(&mut self, index: usize, count: usize) -> Self {
        let count = count.min(self.len().saturating_sub(index));
        match self {
            Self::Quick(quick) if count > 0 => Self::Quick(quick.remove_range(index, count)),
            Self::Short(bytes) if count > 0 => {
                if let Some(at) = Dense::new(bytes).seek(index) {
                    dense::remove_range(bytes, at, count);
                }
                Self::default()
            }
            Self::Packed(bytes) if count > 0 => {
                if let Some(at) = Listpack::new(bytes).seek(index as i64) {
                    lp::remove_range(bytes, at, count);
                }
                Self::default()
            }
            _ => Self::default(),
        }
    }
}

/// A list, to be read.
#[derive(Clone, Copy, Debug)]
pub enum ListView<'a> {
    Short(Dense<'a>),
    Packed(Listpack<'a>),
    Quick(&'a Quicklist),
}

impl ListView<'_> {
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Short(pack) => pack.len(),
            Self::Packed(lp) => lp.len(),
            Self::Quick(quick) => quick.len(),
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Short(pack) => pack.is_empty(),
            Self::Packed(lp) => lp.is_empty(),
            Self::Quick(quick) => quick.is_empty(),
        }
    }

    /// Visits the elements from the one of this index on until `visit` says no.
    pub fn walk(&self, index: usize, direction: Direction, mut visit: impl FnMut(Element<'_>) -> bool) {
        match self {
            Self::Short(pack) => walk_pack(*pack, index, direction, &mut visit),
            Self::Quick(quick) => quick.walk(index, direction, &mut visit),
            Self::Packed(lp) => {
                node::Content::Many(*lp).walk(index, direction, &mut visit);
            }
        }
    }

    /// The index that a client means: from -1, the last, downwards it counts from the end. `None` if there is no
    /// such element.
    #[must_use]
    pub fn index(&self, index: i64) -> Option<usize> {
        let len = self.len();
        let index = if index < 0 {
            len.checked_sub(usize::try_from(index.unsigned_abs()).ok()?)?
        } else {
            usize::try_from(index).ok()?
        };
        (index < len).then_some(index)
    }
}

/// Backward, the elements up to there are listed first.
fn walk_pack(
    pack: Dense<'_>,
    index: usize,
    direction: Direction,
    visit: &mut impl FnMut(Element<'_>) -> bool,
) {
    let Some(at) = pack.seek(index) else { return };
    if direction == Direction::Forward {
        pack.iter_from(at).all(visit);
    } else {
        let upto: Vec<_> = pack.iter().take(index + 1).collect();
        upto.into_iter().rev().all(visit);
    }
}

impl Collection for List {
    const KIND: Kind = Kind::List;
    const CLASS: Class = Class::LIST;
    type View<'a> = ListView<'a>;

    /// The flag says that it is a listpack.
    fn view_packed(bytes: &[u8], flag: bool) -> ListView<'_> {
        if flag { ListView::Packed(Listpack::new(bytes)) } else { ListView::Short(Dense::new(bytes)) }
    }

    fn view(&self) -> ListView<'_> {
        match self {
            Self::Short(bytes) => ListView::Short(Dense::new(bytes)),
            Self::Packed(bytes) => ListView::Packed(Listpack::new(bytes)),
            Self::Quick(quick) => ListView::Quick(quick),
        }
    }

    fn from_packed(bytes: Vec<u8>, flag: bool) -> Self {
        if flag { Self::Packed(bytes) } else { Self::Short(bytes) }
    }

    fn take_packed(&mut self) -> Option<(Vec<u8>, bool)> {
        match self {
            Self::Short(bytes) => Some((std::mem::take(bytes), false)),
            Self::Packed(bytes) => Some((std::mem::take(bytes), true)),
            Self::Quick(_) => None,
        }
    }

    fn is_empty(&self) -> bool {
        self.view().is_empty()
    }

    fn of(object: &Object) -> Option<&Self> {
        if let Object::List(it) = object { Some(it) } else { None }
    }

    fn of_mut(object: &mut Object) -> Option<&mut Self> {
        if let Object::List(it) = object { Some(it) } else { None }
    }

    fn into_object(self) -> Object {
        Object::List(self)
    }
}
