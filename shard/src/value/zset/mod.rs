//! Sorted sets: members, each with a score, in the order of scores and, where they are equal, of bytes.
//!
//! ```text
//!   listpack   member, step, member, step ...         up to zset-max-listpack-entries members of up to
//!                                                     zset-max-listpack-value bytes   (`packed`)
//!   skiplist   a B+-tree with ranks, by score         `tree` of `leaf`s
//!              a dictionary from members to scores    [`super::dict`], both owned by `large`
//! ```
//! The encodings are called so since clients know them by those names. The packed form has the members of a listpack, but
//! scores as steps from one to the next (`step`), most of them one byte.
//!
//! One idea carries all ranges: whatever bounds them (ranks, scores, names), they are made ranges of ranks by
//! [`ZSetView::partition_point`], and one iterator walks them and one method removes them. A set that has
//! outgrown its listpack stays large, as in Redis; what a command *stores* is built anew
//! ([`ZSet::collect`]).
//!
//! Scores are never NaN: parsing refuses it, and additions that give it are refused ([`ZSet::add`]).

pub(crate) mod digits;
mod far;
mod iter;
mod large;
mod leaf;
mod packed;
pub(crate) mod range;
pub(super) mod rdb;
mod separators;
mod step;
mod tree;
mod view;

pub use iter::Iter;
pub use large::Large;
pub(crate) use packed::compare;
pub use persist::listpack::Element;
pub use view::ZSetView;
pub(crate) use view::below;

use super::{Collection, Object};
use crate::db::{Encoding, Kind};
use crate::event::Class;
use crate::settings::Thresholds;
use leaf::order;
use persist::dense::safe_to_add;
use persist::packed::reserve_class;
use std::ops::Range;

/// Most bytes that a pair takes beside the member's text, in a pack or a listpack.
const PAIR_BYTES_MAX: usize = 48;

/// Bytes that most pairs take beside the member's text.
const STEPS_AND_SIZES: usize = 2;
/// Most room that is made ahead, bytes: members may differ in length.
const ROOM_MAX: usize = 4 << 10;

/// A sorted set.
#[derive(Clone)]
pub enum ZSet {
    /// A pack of pairs; no bytes at all when it is empty.
    Packed(Vec<u8>),
    Large(Box<Large>),
}

impl std::fmt::Debug for ZSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ZSet({}, {} members)", self.encoding().name(), self.len())
    }
}

/// What decides over the form of a sorted set that changes.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    entries_max: usize,
    value_max: usize,
    /// What the tables of the shard are hashed with.
    seed: u64,
}

impl Limits {
    pub(crate) fn new(thresholds: &Thresholds, seed: u64) -> Self {
        Self {
            entries_max: thresholds.zset_max_listpack_entries,
            value_max: thresholds.zset_max_listpack_value,
            seed,
        }
    }
}

/// When a member's score is written: the options of ZADD.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct When {
    /// Only if the member is not there.
    pub nx: bool,
    /// Only if it is.
    pub xx: bool,
    /// Only to a greater score, to a less one; new members are added all the same.
    pub gt: bool,
    pub lt: bool,
    /// The number is added to the score that is there.
    pub incr: bool,
}

/// What [`ZSet::add`] did; the score that stands now.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Added {
    New(f64),
    Changed(f64),
    /// The score is what it was.
    Same(f64),
    /// An option forbids it.
    Refused,
    /// The sum of two infinities is no number; nothing was done.
    NotANumber,
}

impl Default for ZSet {
    fn default() -> Self {
        Self::Packed(Vec::new())
    }
}

impl ZSet {
    /// A sorted set of pairs that are in order, in the form that suits them.
    pub(crate) fn collect<M: AsRef<[u8]>>(pairs: &[(f64, M)], limits: Limits) -> Self {
        let fits = |member: &M| member.as_ref().len() <= limits.value_max;
        let bytes: usize = pairs.iter().map(|(_, m)| m.as_ref().len() + PAIR_BYTES_MAX).sum();
        let small = pairs.len() <= limits.entries_max && pairs.iter().all(|(_, m)| fits(m));
        if small && safe_to_add(0, bytes) {
            return Self::Packed(packed::collect(pairs.iter().map(|(score, member)| (member, *score))));
        }
        let mut large = Large::new(limits.seed);
        pairs.iter().for_each(|(score, member)| large.insert(member.as_ref(), *score));
        Self::Large(Box::new(large))
    }

    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Packed(bytes) => packed::len(bytes),
            Self::Large(large) => large.len(),
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Packed(bytes) => bytes.is_empty(),
            Self::Large(large) => large.len() == 0,
        }
    }

    /// Leaves the listpack now if `members` more of up to `bytes` bytes will not do there; else a new set gets room for
    /// them.
    pub(crate) fn expect(&mut self, members: usize, bytes: usize, limits: Limits) {
        if members > limits.entries_max || bytes > limits.value_max {
            self.enlarge(limits);
        } else if let Self::Packed(packed) = self
            && packed.is_empty()
            && members > 1
        {
            reserve_class(packed, members.saturating_mul(bytes + STEPS_AND_SIZES).min(ROOM_MAX));
        }
    }

    /// Sets or adds to the score of one member.
    pub(crate) fn add(&mut self, member: &[u8], number: f64, when: When, limits: Limits) -> Added {
        let found = match self {
            Self::Packed(bytes) => packed::find(bytes, member).map(|(at, score)| (Some(at), score)),
            Self::Large(large) => large.score(member).map(|score| (None, score)),
        };
        let Some((at, before)) = found else {
            if when.xx {
                return Added::Refused;
            }
            self.insert(member, number, limits);
            return Added::New(number);
        };
        if when.nx {
            return Added::Refused;
        }
        let after = if when.incr { before + number } else { number };
        if after.is_nan() {
            return Added::NotANumber;
        }
        if when.gt && after <= before || when.lt && after >= before {
            return Added::Refused;
        }
        if after == before {
            return Added::Same(after);
        }
        match (self, at) {
            (Self::Packed(bytes), Some(at)) => {
                packed::remove(bytes, at, 1);
                packed::insert(bytes, member, after);
            }
            (Self::Large(large), _) => large.set_score(member, before, after),
            (Self::Packed(_), None) => unreachable!("a packed member has a place"),
        }
        Added::Changed(after)
    }

    /// Adds a member that is not there.
    fn insert(&mut self, member: &[u8], score: f64, limits: Limits) {
        if let Self::Packed(bytes) = self {
            let fits = limits.entries_max > 0
                && !packed::is_longer(bytes, limits.entries_max - 1)
                && member.len() <= limits.value_max
                && safe_to_add(bytes.len(), member.len() + PAIR_BYTES_MAX);
            if fits {
                return packed::insert(bytes, member, score);
            }
            self.enlarge(limits);
        }
        if let Self::Large(large) = self {
            large.insert(member, score);
        }
    }

    /// Makes a listpack a tree and a dictionary.
    fn enlarge(&mut self, limits: Limits) {
        let Self::Packed(bytes) = self else { return };
        let mut large = Large::new(limits.seed);
        let mut text = Vec::new();
        let view = ZSetView::Packed(bytes);
        for (member, score) in view.iter(0..view.len(), false) {
            text.clear();
            member.push_to(&mut text);
            large.insert(&text, score);
        }
        *self = Self::Large(Box::new(large));
    }

    /// Removes a member; true when it was there.
    pub(crate) fn remove(&mut self, member: &[u8]) -> bool {
        match self {
            Self::Packed(bytes) => match packed::find(bytes, member) {
                Some((at, _)) => {
                    packed::remove(bytes, at, 1);
                    true
                }
                None => false,
            },
            Self::Large(large) => large.remove(member).is_some(),
        }
    }

    /// Removes a range of ranks, as far as it is there, and hands out each member and score, lowest first; how
    /// many.
    pub(crate) fn take(&mut self, range: Range<usize>, visit: &mut dyn FnMut(Element<'_>, f64)) -> usize {
        let len = self.len();
        let range = range.start.min(len)..range.end.min(len);
        if range.is_empty() {
            return 0;
        }
        match self {
            Self::Packed(bytes) => {
                ZSetView::Packed(bytes).iter(range.clone(), false).for_each(|(m, score)| visit(m, score));
                packed::remove(bytes, packed::seek(bytes, range.start), range.len());
            }
            Self::Large(large) => {
                large.take(range.clone(), &mut |member, score| visit(Element::Bytes(member), score));
            }
        }
        range.len()
    }

    #[must_use]
    pub fn encoding(&self) -> Encoding {
        match self {
            Self::Packed(_) => Encoding::Listpack,
            Self::Large(_) => Encoding::Skiplist,
        }
    }

    #[must_use]
    pub fn memory(&self, samples: usize) -> usize {
        match self {
            Self::Packed(bytes) => bytes.capacity(),
            Self::Large(large) => size_of::<Large>() + large.memory(samples),
        }
    }

    #[must_use]
    pub fn weight(&self) -> usize {
        match self {
            Self::Packed(_) => 1,
            Self::Large(large) => large.weight(),
        }
    }

    pub fn free_slice(&mut self, budget: usize) -> bool {
        match self {
            Self::Packed(_) => true,
            Self::Large(large) => large.free_slice(budget),
        }
    }
}

/// Brings pairs into the order of a sorted set.
pub(crate) fn sort<M: AsRef<[u8]>>(pairs: &mut [(f64, M)]) {
    pairs.sort_unstable_by(|a, b| order((a.0, a.1.as_ref()), (b.0, b.1.as_ref())));
}

impl Collection for ZSet {
    const KIND: Kind = Kind::ZSet;
    const CLASS: Class = Class::ZSET;
    type View<'a> = ZSetView<'a>;

    fn view_packed(bytes: &[u8], _flag: bool) -> ZSetView<'_> {
        ZSetView::Packed(bytes)
    }

    fn view(&self) -> ZSetView<'_> {
        match self {
            Self::Packed(bytes) => ZSetView::Packed(bytes),
            Self::Large(large) => ZSetView::Large(large),
        }
    }

    fn from_packed(bytes: Vec<u8>, _flag: bool) -> Self {
        Self::Packed(bytes)
    }

    fn take_packed(&mut self) -> Option<(Vec<u8>, bool)> {
        match self {
            Self::Packed(bytes) => Some((std::mem::take(bytes), false)),
            Self::Large(_) => None,
        }
    }

    fn is_empty(&self) -> bool {
        Self::is_empty(self)
    }

    fn of(object: &Object) -> Option<&Self> {
        if let Object::ZSet(it) = object { Some(it) } else { None }
    }

    fn of_mut(object: &mut Object) -> Option<&mut Self> {
        if let Object::ZSet(it) = object { Some(it) } else { None }
    }

    fn into_object(self) -> Object {
        Object::ZSet(self)
    }
}

#[cfg(test)]
mod tests;
