//! Hashes: fields with values, each of which may have an expiry of its own.
//!
//! | form      | encoding     | is                                               | until                        |
//! |-----------|--------------|--------------------------------------------------|------------------------------|
//! | `Pairs`   | `listpack`   | packed: field, value, field, value …             | a threshold, or an expiry    |
//! | `Timed`   | `listpackex` | packed: triplets with the expiry, by the expiry  | a threshold                  |
//! | `Fields`  | `hashtable`  | a table ([`Fields`]), and an index of deadlines  | for good                     |
//!
//! Thresholds: `hash-max-listpack-entries` fields, `hash-max-listpack-value` bytes of a field or value. As in
//! Redis no hash goes back: not to pairs when its last expiry is cleared, not to a packed form when it shrinks.
//!
//! **Expiry of fields.** A field whose time is over is *due*: nobody sees it any more, but HLEN counts it until
//! it is *reaped*, by the command that meets it or by active expiry ([`crate::field_expire`]). Every form answers
//! [`HashView::first_deadline`] in O(1) or O(log n); the database keeps its hashes in the order of that, so that
//! active expiry goes straight to what is due.
//!
//! What is packed in memory is a [dense pack](persist::dense), not the listpack that the encoding is called after and that
//! DUMP and files have.
//!
//! Costs: a packed look-up walks; a table's is one probe. No step depends on the size of a large hash
//! but those that answer with all of it, and turning a packed one into a table (once, some 512 fields).

mod fields;
#[cfg(test)]
mod model;
mod pack;
pub(super) mod rdb;

use super::{Collection, Object};
use crate::db::{Encoding, Kind, StrRef, ValueRef};
use crate::event::Class;
use crate::lookup::is_expired;
use crate::settings::Thresholds;
pub use fields::Fields;
use pack::Form;
use persist::dense;
use persist::packed::reserve_class;

/// A hash.
#[derive(Clone, Debug)]
pub enum Hash {
    /// A pack of pairs.
    Pairs(Vec<u8>),
    /// A pack of triplets.
    Timed(Vec<u8>),
    Fields(Box<Fields>),
}

/// A hash, to be read.
#[derive(Clone, Copy, Debug)]
pub enum HashView<'a> {
    Pairs(&'a [u8]),
    Timed(&'a [u8]),
    Fields(&'a Fields),
}

/// A field with its value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Field<'a> {
    pub name: StrRef<'a>,
    pub value: StrRef<'a>,
    /// Unix milliseconds.
    pub expire_at: Option<i64>,
}

impl Field<'_> {
    #[inline]
    #[must_use]
    pub fn is_due(&self, now_ms: i64) -> bool {
        is_expired(self.expire_at, now_ms)
    }
}

/// What a field was before a change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Was {
    Absent,
    /// There for HLEN only: its time was over.
    Due,
    There,
}

/// What a change goes by besides its arguments.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    pub thresholds: &'a Thresholds,
    /// Of the shard, for tables.
    pub seed: u64,
    /// Unix milliseconds.
    pub now_ms: i64,
}

impl Default for Hash {
    fn default() -> Self {
        Self::Pairs(Vec::new())
    }
}

/// When the first field of a value expires, if that is a hash.
#[must_use]
pub(crate) fn first_deadline(value: ValueRef<'_>) -> Option<i64> {
    match value {
        ValueRef::Packed(p) if p.kind == Kind::Hash && p.flag => {
            pack::first_deadline(p.bytes, Form::Triplets)
        }
        ValueRef::Object(Object::Hash(hash)) => hash.view().first_deadline(),
        _ => None,
    }
}

impl<'a> HashView<'a> {
    fn packed(self) -> Result<(&'a [u8], Form), &'a Fields> {
        match self {
            Self::Pairs(bytes) => Ok((bytes, Form::Pairs)),
            Self::Timed(bytes) => Ok((bytes, Form::Triplets)),
            Self::Fields(fields) => Err(fields),
        }
    }

    /// All fields, those that are due but still there among them.
    #[must_use]
    pub fn len(self) -> usize {
        match self.packed() {
            Ok((bytes, form)) => pack::len(bytes, form),
            Err(fields) => fields.len(),
        }
    }

    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// How many fields are due; O(1) if none is.
    #[must_use]
    pub fn due(self, now_ms: i64) -> usize {
        if !is_expired(self.first_deadline(), now_ms) {
            return 0;
        }
        match self.packed() {
            Ok((bytes, form)) => pack::due(bytes, form, now_ms),
            Err(fields) => fields.due(now_ms),
        }
    }

    /// The value of a field and its expiry; it may be due.
    #[inline]
    #[must_use]
    pub fn get(self, name: &[u8]) -> Option<(StrRef<'a>, Option<i64>)> {
        match self.packed() {
            Ok((bytes, form)) => pack::get(bytes, form, name),
            Err(fields) => fields.get(name),
        }
    }

    /// When the first field expires, Unix milliseconds.
    #[must_use]
    pub fn first_deadline(self) -> Option<i64> {
        match self.packed() {
            Ok((bytes, form)) => pack::first_deadline(bytes, form),
            Err(fields) => fields.first_deadline(),
        }
    }

    /// Visits every field.
    pub fn each(self, visit: &mut dyn FnMut(Field<'_>)) {
        match self.packed() {
            Ok((bytes, form)) => pack::fields(bytes, form).for_each(visit),
            Err(fields) => fields.each(visit),
        }
    }

    /// The field at a position, and all fields, of a packed hash.
    #[must_use]
    pub fn nth(self, index: usize) -> Option<Field<'a>> {
        let (bytes, form) = self.packed().ok()?;
        pack::nth(bytes, form, index)
    }

    #[must_use]
    pub fn packed_fields(self) -> Option<impl Iterator<Item = Field<'a>>> {
        let (bytes, form) = self.packed().ok()?;
        Some(pack::fields(bytes, form))
    }

    /// Visits the fields of one step of HSCAN; the next cursor, 0 at the end. A packed hash is one step.
    pub fn scan(self, cursor: u64, visit: &mut dyn FnMut(Field<'_>)) -> u64 {
        match self {
            Self::Fields(fields) => fields.scan(cursor, visit),
            _ => {
                self.each(visit);
                0
            }
        }
    }
}

impl Hash {
    fn packed(&mut self) -> Result<(&mut Vec<u8>, Form), &mut Fields> {
        match self {
            Self::Pairs(bytes) => Ok((bytes, Form::Pairs)),
            Self::Timed(bytes) => Ok((bytes, Form::Triplets)),
            Self::Fields(fields) => Err(fields),
        }
    }

    /// Before fields are set to values, `pairs` in all: turns the hash into a table if that would have to be.
    pub fn prepare<'t>(&mut self, terms: &Terms<'_>, texts: impl ExactSizeIterator<Item = &'t [u8]>) {
        let Ok((bytes, _)) = self.packed() else { return };
        let (limits, count, mut sum) = (terms.thresholds, texts.len(), 0);
        let mut fits = count / 2 <= limits.hash_max_listpack_entries;
        for text in texts {
            fits &= text.len() <= limits.hash_max_listpack_value;
            sum += text.len();
        }
        if !fits || !dense::safe_to_add(bytes.len(), sum) {
            self.make_table(terms);
        } else if bytes.is_empty() {
            reserve_class(bytes, sum + count); // a byte beside each short text
        }
    }

    /// Sets a field, and clears its expiry; [`Hash::prepare`] has been called for it.
    #[inline]
    pub fn set(&mut self, name: &[u8], value: &[u8], terms: &Terms<'_>) -> Was {
        self.put(name, value, false, terms)
    }

    /// Sets a field, and leaves its expiry.
    pub fn update(&mut self, name: &[u8], value: &[u8], terms: &Terms<'_>) -> Was {
        self.prepare(terms, [name, value].into_iter());
        self.put(name, value, true, terms)
    }

    #[inline]
    fn put(&mut self, name: &[u8], value: &[u8], keep: bool, terms: &Terms<'_>) -> Was {
        match self.packed() {
            Err(fields) => fields.set(name, value, keep, terms.now_ms),
            Ok((bytes, form)) => {
                let was = pack::set(bytes, form, name, value, keep, terms.now_ms);
                // Also of one that was there: the threshold may be lower than it was.
                if pack::is_longer(bytes, form, terms.thresholds.hash_max_listpack_entries) {
                    self.make_table(terms);
                }
                was
            }
        }
    }

    /// Removes a field.
    pub fn remove(&mut self, name: &[u8], now_ms: i64) -> Was {
        match self.packed() {
            Ok((bytes, form)) => pack::remove(bytes, form, name, now_ms),
            Err(fields) => fields.remove(name, now_ms),
        }
    }

    /// What a field is.
    #[must_use]
    pub fn was(&self, name: &[u8], now_ms: i64) -> Was {
        match self.view().get(name) {
            None => Was::Absent,
            Some((_, expire_at)) if is_expired(expire_at, now_ms) => Was::Due,
            Some(_) => Was::There,
        }
    }

    /// Sets (Unix milliseconds) or clears the expiry of a field that is there.
    pub fn set_expiry(&mut self, name: &[u8], expire_at: Option<i64>) {
        if let (Self::Pairs(bytes), Some(_)) = (&mut *self, expire_at) {
            *self = Self::Timed(pack::to_triplets(bytes));
        }
        match self {
            Self::Pairs(_) => {}
            Self::Timed(bytes) => pack::set_expiry(bytes, name, expire_at),
            Self::Fields(fields) => fields.set_expiry(name, expire_at),
        }
    }

    /// Removes up to `max` fields that are due; how many.
    pub fn reap(&mut self, now_ms: i64, max: usize) -> usize {
        match self.packed() {
            Ok((bytes, form)) => pack::reap(bytes, form, now_ms, max),
            Err(fields) => fields.reap(now_ms, max),
        }
    }

    #[cold]
    fn make_table(&mut self, terms: &Terms<'_>) {
        let mut table = Fields::new(terms.seed);
        let (mut name, mut value) = (itoa::Buffer::new(), itoa::Buffer::new());
        self.view().each(&mut |field| {
            table.insert(spell(field.name, &mut name), spell(field.value, &mut value), field.expire_at);
        });
        *self = Self::Fields(Box::new(table));
    }

    #[must_use]
    pub fn encoding(&self) -> Encoding {
        match self {
            Self::Pairs(_) => Encoding::Listpack,
            Self::Timed(_) => Encoding::ListpackEx,
            Self::Fields(_) => Encoding::Hashtable,
        }
    }

    #[must_use]
    pub fn memory(&self, samples: usize) -> usize {
        match self {
            Self::Pairs(bytes) | Self::Timed(bytes) => bytes.capacity(),
            Self::Fields(fields) => size_of::<Fields>() + fields.memory(samples),
        }
    }

    #[must_use]
    pub fn weight(&self) -> usize {
        match self {
            Self::Fields(fields) => fields.weight(),
            _ => 1,
        }
    }

    pub fn free_slice(&mut self, budget: usize) -> bool {
        match self {
            Self::Fields(fields) => fields.free_slice(budget),
            _ => true,
        }
    }
}

/// The text of a string; that of an integer is written to `buffer`.
#[inline]
pub(crate) fn spell<'a>(text: StrRef<'a>, buffer: &'a mut itoa::Buffer) -> &'a [u8] {
    match text {
        StrRef::Bytes(bytes) => bytes,
        StrRef::Int(n) => buffer.format(n).as_bytes(),
    }
}

impl Collection for Hash {
    const KIND: Kind = Kind::Hash;
    const CLASS: Class = Class::HASH;
    type View<'a> = HashView<'a>;

    fn view_packed(bytes: &[u8], flag: bool) -> HashView<'_> {
        if flag { HashView::Timed(bytes) } else { HashView::Pairs(bytes) }
    }

    fn view(&self) -> HashView<'_> {
        match self {
            Self::Pairs(bytes) => HashView::Pairs(bytes),
            Self::Timed(bytes) => HashView::Timed(bytes),
            Self::Fields(fields) => HashView::Fields(fields),
        }
    }

    fn from_packed(bytes: Vec<u8>, flag: bool) -> Self {
        if flag { Self::Timed(bytes) } else { Self::Pairs(bytes) }
    }

    fn take_packed(&mut self) -> Option<(Vec<u8>, bool)> {
        match self {
            Self::Pairs(bytes) => Some((std::mem::take(bytes), false)),
            Self::Timed(bytes) => Some((std::mem::take(bytes), true)),
            Self::Fields(_) => None,
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Pairs(bytes) | Self::Timed(bytes) => bytes.is_empty(),
            Self::Fields(fields) => fields.is_empty(),
        }
    }

    fn of(object: &Object) -> Option<&Self> {
        if let Object::Hash(it) = object { Some(it) } else { None }
    }

    fn of_mut(object: &mut Object) -> Option<&mut Self> {
        if let Object::Hash(it) = object { Some(it) } else { None }
    }

    fn into_object(self) -> Object {
        Object::Hash(self)
    }
}
