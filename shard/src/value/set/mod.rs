//! Sets.
//!
//! ```text
//!   intset      | width | n | -3 | 5 | 70 | ...          integers only, ascending; binary search
//!   pack        | "a" | 5 | "bc" | ...                    in the order they came; a walk
//!   table       Dict of members without values            one look-up, whatever the size
//! ```
//! An intset is byte for byte Redis's (`persist::intset`), since DUMP and RDB carry it. A pack (`persist::dense`) is
//! OBJECT ENCODING's "listpack", and becomes one there; the table is its "hashtable".
//!
//! **Which form.** A set begins as what holds its first member, given how many come with it. Then every
//! member that is new may change the form, only ever in this direction (SPOP and the STORE commands make
//! new sets, which begin again):
//!
//! ```text
//!   intset --- a member that is no integer, fewer than set-max-listpack-entries members --> listpack
//!      |                                                                                      |
//!      +--- more than set-max-intset-entries, or no integer and too many for a listpack --+   |
//!                                                                                         v   v
//!                               set-max-listpack-entries reached, or a member longer     table
//!                               than set-max-listpack-value
//! ```
//! OBJECT ENCODING tells them apart, so these are Redis 7.2's rules to the letter: [`mod@edit`] has them.
//!
//! **Costs.** A table member costs its bytes and some 25 more, an allocation each; a packed one its bytes and 1 or
//! 2 (of an intset: 2, 4 or 8 in all). A pack is searched by walking it, which up to 128 short
//! members is as quick as a table's cache misses.
//!
//! Why not a packed form sorted by text: members differ in size, so that a binary search would need their offsets,
//! and an order that is not Redis's would show.
//!
//! [`view`] reads, [`mod@edit`] adds and removes, [`pick`] draws at random.

pub mod edit;
#[cfg(test)]
mod model;
pub mod pick;
pub(super) mod rdb;
pub mod view;

pub use edit::Rules;
pub use view::{Member, SetView};

use super::dict::Dict;
use super::{Collection, Object};
use crate::db::{Encoding, Kind};
use crate::event::Class;
use persist::dense::Dense;
use persist::intset::{self, Intset};

/// A set. The default is a set that has no form yet: an intset of no bytes.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a box would cost every look-up in a table a cache miss")]
pub enum Set {
    Intset(Vec<u8>),
    Pack(Vec<u8>),
    Table(Dict),
}

impl Default for Set {
    fn default() -> Self {
        Self::Intset(Vec::new())
    }
}

impl Set {
    #[must_use]
    pub fn encoding(&self) -> Encoding {
        match self {
            Self::Intset(_) => Encoding::Intset,
            Self::Pack(_) => Encoding::Listpack,
            Self::Table(_) => Encoding::Hashtable,
        }
    }

    /// Number of members.
    #[must_use]
    pub fn len(&self) -> usize {
        if self.has_no_form() { 0 } else { self.view().len() }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Intset(bytes) => bytes.len() <= intset::HEADER,
            Self::Pack(bytes) => bytes.is_empty(),
            Self::Table(table) => table.is_empty(),
        }
    }

    /// Whether it is new, so that its first member will decide what it is.
    fn has_no_form(&self) -> bool {
        matches!(self, Self::Intset(bytes) if bytes.is_empty())
    }

    /// Heap bytes; of a table `samples` members stand for all, 0 looks at every one.
    #[must_use]
    pub fn memory(&self, samples: usize) -> usize {
        match self {
            Self::Intset(bytes) | Self::Pack(bytes) => bytes.capacity(),
            Self::Table(table) => table.memory(samples),
        }
    }

    /// About how many allocations it takes to free it.
    #[must_use]
    pub fn weight(&self) -> usize {
        match self {
            Self::Intset(_) | Self::Pack(_) => 1,
            Self::Table(table) => table.len(),
        }
    }

    /// Frees about `budget` allocations; true when it may be dropped. Not to be used otherwise from then on.
    pub fn free_slice(&mut self, budget: usize) -> bool {
        match self {
            Self::Intset(_) | Self::Pack(_) => true,
            Self::Table(table) => table.free_slice(budget),
        }
    }
}

impl Collection for Set {
    const KIND: Kind = Kind::Set;
    const CLASS: Class = Class::SET;
    type View<'a> = SetView<'a>;

    /// The flag says that it is an intset.
    fn view_packed(bytes: &[u8], flag: bool) -> SetView<'_> {
        if flag { SetView::Intset(Intset::new(bytes)) } else { SetView::Pack(Dense::new(bytes)) }
    }

    /// Of a set that has a form: it has, or had, a member.
    fn view(&self) -> SetView<'_> {
        match self {
            Self::Intset(bytes) => SetView::Intset(Intset::new(bytes)),
            Self::Pack(bytes) => SetView::Pack(Dense::new(bytes)),
            Self::Table(table) => SetView::Table(table),
        }
    }

    fn from_packed(bytes: Vec<u8>, flag: bool) -> Self {
        if flag { Self::Intset(bytes) } else { Self::Pack(bytes) }
    }

    fn take_packed(&mut self) -> Option<(Vec<u8>, bool)> {
        match self {
            Self::Intset(bytes) => Some((std::mem::take(bytes), true)),
            Self::Pack(bytes) => Some((std::mem::take(bytes), false)),
            Self::Table(_) => None,
        }
    }

    fn is_empty(&self) -> bool {
        Self::is_empty(self)
    }

    fn of(object: &Object) -> Option<&Self> {
        if let Object::Set(it) = object { Some(it) } else { None }
    }

    fn of_mut(object: &mut Object) -> Option<&mut Self> {
        if let Object::Set(it) = object { Some(it) } else { None }
    }

    fn into_object(self) -> Object {
        Object::Set(self)
    }
}
