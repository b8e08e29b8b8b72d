//! The collections: lists, sets, hashes, sorted sets, streams; and how they lie in the table.
//!
//! ```text
//!   packed (dense pack, listpack, intset)             object
//!   entry: | head | key | bytes ... |                 entry: | head | key | pointer |
//!   entry: | head | key | ptr len cap | -> bytes                               |
//!                                                              Box<Object> <---+  tables, trees, nodes
//! ```
//!
//! Every type starts packed: a few bytes that are searched by walking them. What Redis calls a listpack is a
//! [dense pack](persist::dense) here, without what only readers of files need; DUMP and files have the listpack. (A list of
//! more than a hundred elements is one in memory, too: it is popped at its end.) Up to 224 bytes they lie in
//! the entry itself, so that a small hash is one allocation with its key; beyond, in a buffer of the
//! allocator's next size. Past its threshold (`hash-max-listpack-entries` …) a collection becomes an
//! [`Object`], whose structure is its own and whose steps are small however large it is.
//!
//! A type implements [`Collection`] on one `enum` that can be either: the table hands it out packed or as
//! the object, and stores whatever it has become ([`crate::db::EntryMut::edit_collection`]). Reading
//! borrows the bytes where they lie, as a [`Collection::View`]. Commands reach both through the methods of
//! [`mod@crate::collection`].
//!
//! Strings are no collections, and lie in the table as they are. [`bits`] and [`hll`] are what their
//! bytes can mean: bitmaps, integers of any width, and HyperLogLogs.
//!
//! What is freed: an object of much [`Object::weight`] is not dropped where its key is deleted, but
//! in slices ([`Object::free_slice`]), by the core's loop.

pub(crate) mod bits;
pub mod dict;
pub mod hash;
pub(crate) mod hll;
pub mod list;
pub mod rdb;
pub mod set;
pub mod stream;
pub mod tell;
pub mod zset;

use crate::db::{DetachedValue, Encoding, Kind};
use crate::event::Class;
use hash::Hash;
use list::List;
use set::Set;
use stream::Stream;
use zset::ZSet;

/// A type of value that is more than a string.
pub trait Collection: Default + Sized + 'static {
    const KIND: Kind;
    /// The class of its keyspace notifications.
    const CLASS: Class;
    /// How it is read: packed bytes where they lie, or the object.
    type View<'a>: Copy;

    /// A view of packed bytes; `flag` tells which of two packed forms ([`crate::db::PackedRef::flag`]).
    fn view_packed(bytes: &[u8], flag: bool) -> Self::View<'_>;
    fn view(&self) -> Self::View<'_>;

    /// Makes packed bytes changeable.
    fn from_packed(bytes: Vec<u8>, flag: bool) -> Self;
    /// The packed bytes, if that is what it is now; an empty collection is left.
    fn take_packed(&mut self) -> Option<(Vec<u8>, bool)>;
    fn is_empty(&self) -> bool;

    fn of(object: &Object) -> Option<&Self>;
    fn of_mut(object: &mut Object) -> Option<&mut Self>;
    /// Only of a collection that is not packed.
    fn into_object(self) -> Object;

    /// As the table takes it.
    fn into_value(mut self) -> DetachedValue {
        match self.take_packed() {
            Some((bytes, flag)) => DetachedValue::Packed(Self::KIND, flag, bytes),
            None => DetachedValue::Object(Box::new(self.into_object())),
        }
    }
}

/// A collection that is not packed. `Send`: it may move to another core as it is.
#[derive(Clone, Debug)]
pub enum Object {
    List(List),
    Set(Set),
    Hash(Hash),
    ZSet(ZSet),
    Stream(Stream),
}

/// Asks the same of whatever collection it is.
macro_rules! each {
    ($object:expr, $it:ident => $answer:expr) => {
        match $object {
            Object::List($it) => $answer,
            Object::Set($it) => $answer,
            Object::Hash($it) => $answer,
            Object::ZSet($it) => $answer,
            Object::Stream($it) => $answer,
        }
    };
}

impl Object {
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::List(_) => Kind::List,
            Self::Set(_) => Kind::Set,
            Self::Hash(_) => Kind::Hash,
            Self::ZSet(_) => Kind::ZSet,
            Self::Stream(_) => Kind::Stream,
        }
    }

    #[must_use]
    pub fn encoding(&self) -> Encoding {
        each!(self, it => it.encoding())
    }

    /// Heap bytes, this struct included; `samples` elements stand for all, 0 looks at every one.
    #[must_use]
    pub fn memory(&self, samples: usize) -> usize {
        size_of::<Self>() + each!(self, it => it.memory(samples))
    }

    /// About how many allocations it takes to free it.
    #[must_use]
    pub fn weight(&self) -> usize {
        each!(self, it => it.weight())
    }

    /// Frees some `budget` allocations' worth of it; true when nothing much is left, and it may be dropped.
    pub fn free_slice(&mut self, budget: usize) -> bool {
        each!(self, it => it.free_slice(budget))
    }
}

/// Two objects are the same if they are one: tests compare contents in their own ways.
impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

const _: () = {
    const fn is_send<T: Send>() {}
    is_send::<Object>();
};
