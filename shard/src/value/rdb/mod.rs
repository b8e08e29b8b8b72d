//! Values to and from the form that RDB files and DUMP payloads have ([`persist::rdb`]).
//!
//! ```text
//!   bytes -> persist::rdb::decode -> Loader -> <type>/rdb.rs -> DetachedValue -> the table
//!   the table -> ValueRef -> type_of, save -> <type>/rdb.rs -> persist::rdb::Writer -> bytes
//! ```
//! What is loaded gets the form that today's thresholds ask for, by Redis's rules: a packed form with too many
//! elements becomes the large one (their length is not looked at), and what was large is packed if it is small.
//! Every fault is an error; a value that was loaded keeps all its type's invariants, whatever the bytes were.
//!
//! What is written are Redis 7.2's types, and 7.4's of a hash with an expiry of a field, or those that an older version
//! has ([`Target`]): packed forms as the listpacks that Redis would have, intsets and nodes of large lists as they lie. It
//! takes `&` only, so that a value can be written while it is read. A key of a file, with what stands about it there, is
//! in `record`.

#[cfg(test)]
mod files;
mod record;
#[cfg(test)]
mod record_tests;
#[cfg(test)]
mod tests;

use super::hash::{Hash, HashView, Terms};
use super::list::{Limits, List, ListView};
use super::set::{Rules, Set, SetView};
use super::stream::Stream;
use super::zset::{self, ZSet, ZSetView};
use super::{Collection, Object, hash, list, set, stream};
use crate::db::{DetachedValue, Entry, Kind, StrRef, ValueRef, parse_int};
use crate::settings::Settings;
use persist::listpack::Element;
use persist::rdb::{
    Decoder, Error, Fault, Fields, Members, Nodes, Scored, Slice, StreamParts, Target, Type, Visitor, Writer,
    decode,
};
pub use record::{Saved, Saver};

/// Makes values of what a decoder tells.
pub struct Loader<'a> {
    pub settings: &'a Settings,
    /// Of the shard that will have the values: its tables are hashed with it.
    pub seed: u64,
}

impl Loader<'_> {
    fn rules(&self) -> Rules {
        Rules::new(&self.settings.thresholds, self.seed)
    }

    fn terms(&self) -> Terms<'_> {
        // Nothing is due while it is loaded: its time comes when the value is there.
        Terms { thresholds: &self.settings.thresholds, seed: self.seed, now_ms: i64::MIN }
    }

    fn limits(&self) -> zset::Limits {
        zset::Limits::new(&self.settings.thresholds, self.seed)
    }

    /// Reads a value behind its type, as a DUMP payload holds it; nothing may be behind it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn load(mut self, bytes: &[u8]) -> Result<DetachedValue, Error> {
        let mut slice = Slice::new(bytes);
        let mut from = Decoder::new(&mut slice).with_string_max(self.settings.bulk_len_max);
        let first = from.byte()?;
        let what = Type::of(first).ok_or(Error { at: 0, fault: Fault::UnknownType(first) })?;
        let value = decode(what, &mut from, &mut self)?;
        if from.left() > 0 { Err(from.corrupt("something behind the value")) } else { Ok(value) }
    }
}

impl Visitor for Loader<'_> {
    type Value = DetachedValue;

    fn string(&mut self, text: Element<'_>) -> DetachedValue {
        match text {
            Element::Int(n) => DetachedValue::Int(n),
            Element::Bytes(bytes) => parse_int(bytes)
                .map_or_else(|| DetachedValue::Bytes(bytes.to_vec(), false), DetachedValue::Int),
        }
    }

    fn list(&mut self, nodes: &mut Nodes<'_, '_>) -> Result<DetachedValue, Error> {
        List::load(nodes, &Limits::of(self.settings)).map(Collection::into_value)
    }

    fn set_intset(&mut self, bytes: Vec<u8>) -> DetachedValue {
        Set::of_intset(bytes, &self.rules()).into_value()
    }

    fn set_listpack(&mut self, bytes: Vec<u8>) -> DetachedValue {
        Set::of_listpack(&bytes, &self.rules()).into_value()
    }

    fn set(&mut self, members: &mut Members<'_, '_>) -> Result<DetachedValue, Error> {
        Set::load(members, &self.rules()).map(Collection::into_value)
    }

    fn hash_listpack(&mut self, bytes: Vec<u8>, timed: bool) -> DetachedValue {
        Hash::of_listpack(&bytes, timed, &self.terms()).into_value()
    }

    fn hash(&mut self, fields: &mut Fields<'_, '_>) -> Result<DetachedValue, Error> {
        Hash::load(fields, &self.terms()).map(Collection::into_value)
    }

    fn zset_listpack(&mut self, bytes: Vec<u8>) -> DetachedValue {
        ZSet::of_listpack(&bytes, self.limits()).into_value()
    }

    fn zset(&mut self, members: &mut Scored<'_, '_>) -> Result<DetachedValue, Error> {
        ZSet::load(members, self.limits()).map(Collection::into_value)
    }

    fn stream(&mut self, parts: &mut StreamParts<'_, '_>) -> Result<DetachedValue, Error> {
        Stream::load(parts).map(Collection::into_value)
    }
}

/// A value, by its type.
pub(in crate::value) enum Typed<'a> {
    String(StrRef<'a>),
    List(ListView<'a>),
    Set(SetView<'a>),
    Hash(HashView<'a>),
    ZSet(ZSetView<'a>),
    Stream(&'a Stream),
}

impl<'a> Typed<'a> {
    pub(in crate::value) fn of(value: ValueRef<'a>) -> Self {
        match value {
            ValueRef::String(text) => Self::String(text),
            ValueRef::Packed(p) => match p.kind {
                Kind::List => Self::List(List::view_packed(p.bytes, p.flag)),
                Kind::Set => Self::Set(Set::view_packed(p.bytes, p.flag)),
                Kind::Hash => Self::Hash(Hash::view_packed(p.bytes, p.flag)),
                Kind::ZSet => Self::ZSet(ZSet::view_packed(p.bytes, p.flag)),
                Kind::Stream => Self::Stream(Stream::view_packed(p.bytes, p.flag)),
                Kind::String => Self::String(StrRef::Bytes(p.bytes)),
            },
            ValueRef::Object(Object::List(it)) => Self::List(it.view()),
            ValueRef::Object(Object::Set(it)) => Self::Set(it.view()),
            ValueRef::Object(Object::Hash(it)) => Self::Hash(it.view()),
            ValueRef::Object(Object::ZSet(it)) => Self::ZSet(it.view()),
            ValueRef::Object(Object::Stream(it)) => Self::Stream(it),
        }
    }
}

/// What a value is written as: in files the key comes between this and the value.
#[must_use]
pub fn type_of(value: ValueRef<'_>, target: Target) -> Type {
    match Typed::of(value) {
        Typed::String(_) => Type::String,
        Typed::List(_) => list::rdb::type_of(target),
        Typed::Set(view) => set::rdb::type_of(view, target),
        Typed::Hash(view) => hash::rdb::type_of(view, target),
        Typed::ZSet(view) => zset::rdb::type_of(view, target),
        Typed::Stream(_) => stream::rdb::type_of(target),
    }
}

/// Whether a value has expiries of fields that are lost when it is written as this type.
#[must_use]
pub fn loses_expiries(value: ValueRef<'_>, what: Type) -> bool {
    what == Type::Hash && hash::first_deadline(value).is_some()
}

/// Writes a value as `what`, which is what [`type_of`] has said of it.
pub fn save(value: ValueRef<'_>, what: Type, w: &mut Writer<'_>) {
    match Typed::of(value) {
        Typed::String(StrRef::Int(n)) => w.int(n),
        Typed::String(StrRef::Bytes(bytes)) => w.string(bytes),
        Typed::List(view) => list::rdb::save(view, what, w),
        Typed::Set(view) => set::rdb::save(view, what, w),
        Typed::Hash(view) => hash::rdb::save(view, what, w),
        Typed::ZSet(view) => zset::rdb::save(view, what, w),
        Typed::Stream(view) => stream::rdb::save(view, what, w),
    }
}

/// The payload of DUMP.
#[must_use]
pub fn dump(entry: &Entry, compress: bool) -> Vec<u8> {
    let (mut payload, what) = (Vec::new(), type_of(entry.value(), Target::AUTO));
    payload.push(what as u8);
    save(entry.value(), what, &mut Writer::new(&mut payload, compress));
    persist::rdb::seal(&mut payload, what);
    payload
}
