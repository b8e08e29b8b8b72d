//! Streams in RDB: nodes as they lie, what is known of them, groups with all that is pending.
//!
//! Of what is loaded everything that could be derived is compared with what it derives from: lengths, the order of
//! nodes, who owns what is pending. The first id is derived, not read.

use super::{Group, Log, Nack, Stream, StreamId, check_node, node};
use persist::rdb::{self, Error, Id, Pending, StreamParts, Target, Type, Writer};
use std::collections::BTreeMap;

/// How "never", and "unknown", is written.
const NONE: i64 = -1;

impl From<StreamId> for Id {
    fn from(id: StreamId) -> Self {
        Self { ms: id.ms, seq: id.seq }
    }
}

impl From<Id> for StreamId {
    fn from(id: Id) -> Self {
        Self { ms: id.ms, seq: id.seq }
    }
}

fn save_id(id: StreamId, w: &mut Writer<'_>) {
    w.length(id.ms);
    w.length(id.seq);
}

fn raw(id: StreamId) -> [u8; 16] {
    Id::from(id).to_bytes()
}

pub(in crate::value) fn type_of(target: Target) -> Type {
    let versions = [Type::StreamListpacks3, Type::StreamListpacks2];
    versions.into_iter().find(|&what| target.has(what)).unwrap_or(Type::StreamListpacks)
}

pub(in crate::value) fn save(stream: &Stream, what: Type, w: &mut Writer<'_>) {
    let is_counted = what != Type::StreamListpacks;
    let log = &stream.log;
    w.count(log.nodes().len());
    for (id, bytes) in log.nodes() {
        w.string(&raw(id));
        w.string(bytes);
    }
    w.length(log.len());
    save_id(log.last_id, w);
    if is_counted {
        [log.first_id, log.max_deleted_id].into_iter().for_each(|id| save_id(id, w));
        w.length(log.entries_added);
    }
    w.count(stream.groups.len());
    for (name, group) in &stream.groups {
        w.string(name);
        save_group(group, what, w);
    }
}

fn save_group(group: &Group, what: Type, w: &mut Writer<'_>) {
    save_id(group.last_id, w);
    if what != Type::StreamListpacks {
        w.length(group.entries_read.unwrap_or(NONE).cast_unsigned());
    }
    w.count(group.pending().len());
    for (&id, nack) in group.pending() {
        w.raw(&raw(id));
        w.time_ms(nack.delivered_ms);
        w.length(nack.count);
    }
    w.count(group.consumers().len());
    for consumer in group.consumers() {
        w.string(&consumer.name);
        w.time_ms(consumer.seen_ms);
        if what == Type::StreamListpacks3 {
            w.time_ms(consumer.active_ms.unwrap_or(NONE));
        }
        w.count(consumer.pending().len());
        consumer.pending().iter().for_each(|&id| w.raw(&raw(id)));
    }
}

/// Counts that are kept as 64 bits with a sign elsewhere.
fn signed(n: u64) -> Option<u64> {
    i64::try_from(n).ok().map(|_| n)
}

impl Stream {
    /// A stream of what comes part by part.
    pub(in crate::value) fn load(parts: &mut StreamParts<'_, '_>) -> Result<Self, Error> {
        let mut stream = Self { log: Log::load(parts)?, ..Self::new() };
        while let Some(head) = parts.group()? {
            let name = head.name.clone().into_boxed_slice();
            let group = Group::load(head, &stream.log, parts)?;
            if stream.groups.insert(name, group).is_some() {
                return Err(parts.corrupt("two groups of the same name"));
            }
        }
        Ok(stream)
    }
}

impl Log {
    fn load(parts: &mut StreamParts<'_, '_>) -> Result<Self, Error> {
        let mut log = Self::new();
        let mut greatest = None;
        while let Some((base, bytes)) = parts.node()? {
            let base = StreamId::from(base);
            check_node(base, &bytes).map_err(|why| parts.corrupt(why))?;
            let Some(last) = node::Node::new(base, &bytes).entries_rev().next() else {
                return Err(parts.corrupt("a node without entries"));
            };
            if greatest.is_some_and(|greatest| greatest >= base) {
                return Err(parts.corrupt("nodes that do not ascend"));
            }
            greatest = Some(last.id);
            log.len += node::counts(&bytes).0;
            log.nodes.insert(base, bytes);
        }
        let facts = parts.facts()?;
        if facts.len != log.len {
            return Err(parts.corrupt("a stream of another length than its nodes"));
        }
        (log.last_id, log.max_deleted_id) = (facts.last_id.into(), facts.max_deleted_id.into());
        if greatest.is_some_and(|greatest| greatest > log.last_id) || log.max_deleted_id > log.last_id {
            return Err(parts.corrupt("an id beyond the last one"));
        }
        let added = signed(facts.entries_added).filter(|&added| added >= log.len);
        log.entries_added = added.ok_or_else(|| parts.corrupt("fewer entries added than there are"))?;
        let first = log.range(StreamId::MIN, StreamId::MAX).next().map(|entry| entry.id);
        log.first_id = first.unwrap_or_default();
        Ok(log)
    }
}

impl Group {
    fn load(head: rdb::Group, log: &Log, parts: &mut StreamParts<'_, '_>) -> Result<Self, Error> {
        let last_id = head.last_id.into();
        let entries_read = match head.entries_read {
            None => log.number_of(last_id),
            Some(read) => Some(read).filter(|&read| read >= 0),
        };
        let mut group = Self::new(last_id, entries_read);
        let mut unowned = BTreeMap::new();
        while let Some(pending) = parts.pending()? {
            if unowned.insert(StreamId::from(pending.id), pending).is_some() {
                return Err(parts.corrupt("an entry that is pending twice"));
            }
        }
        while let Some(consumer) = parts.consumer()? {
            group.load_consumer(&consumer, &mut unowned, parts)?;
        }
        if unowned.is_empty() { Ok(group) } else { Err(parts.corrupt("a pending entry that nobody owns")) }
    }

    fn load_consumer(
        &mut self,
        consumer: &rdb::Consumer,
        unowned: &mut BTreeMap<StreamId, Pending>,
        parts: &mut StreamParts<'_, '_>,
    ) -> Result<(), Error> {
        // Times before 1970 are none that a server has written; later ones it may have.
        let (at, is_new) = self.find_or_create(&consumer.name, consumer.seen_ms.max(0));
        if !is_new {
            return Err(parts.corrupt("two consumers of the same name"));
        }
        self.consumer_mut(at).active_ms = Some(consumer.active_ms).filter(|&ms| ms >= 0);
        while let Some(id) = parts.owned()? {
            let Some(pending) = unowned.remove(&id.into()) else {
                return Err(parts.corrupt("a consumer's entry that is not pending, or owned by two"));
            };
            let delivered_ms = pending.delivered_ms.max(0);
            self.assign(id.into(), Nack { consumer: at, delivered_ms, count: pending.count });
        }
        Ok(())
    }
}
