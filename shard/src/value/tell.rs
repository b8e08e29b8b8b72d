//! What is in a value, told part by part, whatever its form: for who prints it, or writes it as commands.
//!
//! ```text
//!   a string          String
//!   a list            Element, Element, ...                    first to last
//!   a set             Member, ...                              in the order of its form
//!   a hash            Field, ...                               those that are due among them
//!   a sorted set      Scored, ...                              lowest first
//!   a stream          Log, Entry, ..., { Group, { Consumer, Pending, ... } ... } ...
//! ```
//! Texts come as they are stored, integers as integers. What is told is lent until the next part.

use super::rdb::Typed;
use super::stream::{Group, Stream, StreamId};
use crate::db::{DetachedValue, PackedRef, StrRef, ValueRef};
use crate::value::list::Direction;
use persist::listpack::Element;

/// A part of a value.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Part<'a> {
    String(Element<'a>),
    Element(Element<'a>),
    Member(Element<'a>),
    Field {
        name: Element<'a>,
        value: Element<'a>,
        /// Unix milliseconds.
        expire_at: Option<i64>,
    },
    Scored {
        member: Element<'a>,
        score: f64,
    },
    /// What a stream knows of all its entries.
    Log {
        len: u64,
        last_id: StreamId,
        max_deleted_id: StreamId,
        entries_added: u64,
    },
    Entry {
        id: StreamId,
        pairs: &'a [(Element<'a>, Element<'a>)],
    },
    Group {
        name: &'a [u8],
        last_id: StreamId,
        entries_read: Option<i64>,
        pending: usize,
    },
    /// A consumer of the group before.
    Consumer {
        name: &'a [u8],
        seen_ms: i64,
        active_ms: Option<i64>,
        pending: usize,
    },
    /// An entry that the consumer before has not acknowledged.
    Pending {
        id: StreamId,
        delivered_ms: i64,
        count: u64,
    },
}

/// A value that is in no table, to be read.
#[must_use]
pub fn value_of(value: &DetachedValue) -> ValueRef<'_> {
    match value {
        DetachedValue::Int(n) => ValueRef::String(StrRef::Int(*n)),
        DetachedValue::Bytes(bytes, _) => ValueRef::String(StrRef::Bytes(bytes)),
        DetachedValue::Packed(kind, flag, bytes) => {
            ValueRef::Packed(PackedRef { kind: *kind, flag: *flag, bytes })
        }
        DetachedValue::Object(object) => ValueRef::Object(object),
    }
}

/// The type of a value, as TYPE names it.
#[must_use]
pub fn type_name(value: ValueRef<'_>) -> &'static str {
    match Typed::of(value) {
        Typed::String(_) => "string",
        Typed::List(_) => "list",
        Typed::Set(_) => "set",
        Typed::Hash(_) => "hash",
        Typed::ZSet(_) => "zset",
        Typed::Stream(_) => "stream",
    }
}

fn element(text: StrRef<'_>) -> Element<'_> {
    match text {
        StrRef::Int(n) => Element::Int(n),
        StrRef::Bytes(bytes) => Element::Bytes(bytes),
    }
}

/// Tells all parts of a value.
pub fn tell(value: ValueRef<'_>, hear: &mut dyn FnMut(Part<'_>)) {
    match Typed::of(value) {
        Typed::String(text) => hear(Part::String(element(text))),
        Typed::List(list) => list.walk(0, Direction::Forward, |element| {
            hear(Part::Element(element));
            true
        }),
        Typed::Set(set) => set.each(&mut |member| hear(Part::Member(member))),
        Typed::Hash(hash) => hash.each(&mut |field| {
            let (name, value) = (element(field.name), element(field.value));
            hear(Part::Field { name, value, expire_at: field.expire_at });
        }),
        Typed::ZSet(set) => {
            set.all().for_each(|(member, score)| hear(Part::Scored { member, score }));
        }
        Typed::Stream(stream) => tell_stream(stream, hear),
    }
}

fn tell_stream(stream: &Stream, hear: &mut dyn FnMut(Part<'_>)) {
    let log = &stream.log;
    hear(Part::Log {
        len: log.len(),
        last_id: log.last_id,
        max_deleted_id: log.max_deleted_id,
        entries_added: log.entries_added,
    });
    for entry in log.range(StreamId::MIN, StreamId::MAX) {
        let pairs: Vec<_> = entry.pairs().collect();
        hear(Part::Entry { id: entry.id, pairs: &pairs });
    }
    for (name, group) in &stream.groups {
        tell_group(name, group, hear);
    }
}

fn tell_group(name: &[u8], group: &Group, hear: &mut dyn FnMut(Part<'_>)) {
    let pending = group.pending().len();
    hear(Part::Group { name, last_id: group.last_id, entries_read: group.entries_read, pending });
    for consumer in group.consumers() {
        let pending = consumer.pending();
        hear(Part::Consumer {
            name: &consumer.name,
            seen_ms: consumer.seen_ms,
            active_ms: consumer.active_ms,
            pending: pending.len(),
        });
        for &id in pending {
            if let Some(nack) = group.pending().get(&id) {
                hear(Part::Pending { id, delivered_ms: nack.delivered_ms, count: nack.count });
            }
        }
    }
}
