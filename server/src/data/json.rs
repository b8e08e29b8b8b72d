//! A key as a line of JSON.
//!
//! ```text
//!   {"db":0,"key":"k","pexpiretime":-1,"type":"hash","value":{"field":"value"}}
//!
//!   string   "text"                     list    ["a", "b"]            set   ["a", "b"], sorted
//!   zset     [["member", "1.5"], ...]   hash    {"field": "value"}; with "fields_pexpiretime": {"field": ms}
//!   stream   [["1-0", ["field", "value", ...]], ...]; with "last_id", "max_deleted", "entries_added", "groups":
//!            [{"name", "last", "entries_read", "consumers": ["name"], "pending": [["1-0", "consumer", deliveries]]}]
//! ```
//! JSON has no bytes: each is the character of its number (latin-1), which loses nothing. A score is text, as a client
//! reads it: JSON has no infinity. A `pexpiretime` of -1 is none.

use persist::listpack::Element;
use persist::rdb::file::Record;
use proto::number::push_f64;
use serde_json::{Value, json};
use shard::ValueRef;
use shard::value::stream::StreamId;
use shard::value::tell::{Part, tell, type_name};
use std::collections::BTreeMap;

fn latin_1(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| char::from(byte)).collect()
}

fn text(element: Element<'_>) -> String {
    match element {
        Element::Int(n) => n.to_string(),
        Element::Bytes(bytes) => latin_1(bytes),
    }
}

fn id_text(id: StreamId) -> String {
    format!("{}-{}", id.ms, id.seq)
}

fn score_text(score: f64) -> String {
    let mut text = Vec::new();
    push_f64(&mut text, score);
    latin_1(&text)
}

/// Gathers what is told of a value.
#[derive(Default)]
struct Gathered {
    string: Option<String>,
    rows: Vec<Value>,
    // In one order, whatever the order of a table, and of serde_json's maps.
    fields: BTreeMap<String, Value>,
    expiries: BTreeMap<String, Value>,
    log: Option<Log>,
    groups: Vec<Group>,
}

struct Log {
    last_id: StreamId,
    max_deleted_id: StreamId,
    entries_added: u64,
}

struct Group {
    name: String,
    last_id: StreamId,
    entries_read: Option<i64>,
    consumers: Vec<String>,
    pending: Vec<(StreamId, String, u64)>,
}

impl Gathered {
    fn hear(&mut self, part: Part<'_>) {
        match part {
            Part::String(value) => self.string = Some(text(value)),
            Part::Element(value) | Part::Member(value) => self.rows.push(text(value).into()),
            Part::Field { name, value, expire_at } => {
                self.fields.insert(text(name), text(value).into());
                self.expiries.extend(expire_at.map(|ms| (text(name), ms.into())));
            }
            Part::Scored { member, score } => self.rows.push(json!([text(member), score_text(score)])),
            Part::Log { last_id, max_deleted_id, entries_added, .. } => {
                self.log = Some(Log { last_id, max_deleted_id, entries_added });
            }
            Part::Entry { id, pairs } => {
                let texts: Vec<_> =
                    pairs.iter().flat_map(|(name, value)| [text(*name), text(*value)]).collect();
                self.rows.push(json!([id_text(id), texts]));
            }
            Part::Group { name, last_id, entries_read, .. } => self.groups.push(Group {
                name: latin_1(name),
                last_id,
                entries_read,
                consumers: Vec::new(),
                pending: Vec::new(),
            }),
            Part::Consumer { name, .. } => {
                if let Some(group) = self.groups.last_mut() {
                    group.consumers.push(latin_1(name));
                }
            }
            Part::Pending { id, count, .. } => {
                if let Some(group) = self.groups.last_mut() {
                    let consumer = group.consumers.last().cloned().unwrap_or_default();
                    group.pending.push((id, consumer, count));
                }
            }
        }
    }

    fn into_value(mut self, type_name: &str, line: &mut BTreeMap<String, Value>) -> Value {
        if let Some(log) = self.log {
            line.insert("last_id".into(), id_text(log.last_id).into());
            line.insert("max_deleted".into(), id_text(log.max_deleted_id).into());
            line.insert("entries_added".into(), log.entries_added.into());
            line.insert("groups".into(), self.groups.into_iter().map(Group::into_value).collect());
        }
        if !self.expiries.is_empty() {
            line.insert("fields_pexpiretime".into(), object(self.expiries));
        }
        match type_name {
            "hash" => object(self.fields),
            "set" => {
                self.rows.sort_unstable_by(|a, b| a.as_str().cmp(&b.as_str()));
                self.rows.into()
            }
            _ => self.string.map_or_else(|| self.rows.into(), Value::from),
        }
    }
}

impl Group {
    fn into_value(mut self) -> Value {
        self.pending.sort_unstable();
        let pending: Vec<_> = self
            .pending
            .into_iter()
            .map(|(id, consumer, count)| json!([id_text(id), consumer, count]))
            .collect();
        json!({
            "name": self.name,
            "last": id_text(self.last_id),
            "entries_read": self.entries_read,
            "consumers": self.consumers,
            "pending": pending,
        })
    }
}

/// An object whose names are sorted.
fn object(of: BTreeMap<String, Value>) -> Value {
    Value::Object(of.into_iter().collect())
}

/// Appends the line of a key.
pub(super) fn push_key(out: &mut Vec<u8>, record: &Record<'_>, value: ValueRef<'_>) {
    let mut gathered = Gathered::default();
    tell(value, &mut |part| gathered.hear(part));
    let mut line = BTreeMap::new();
    let name = type_name(value);
    line.insert("db".into(), record.db.into());
    line.insert("key".into(), latin_1(record.key).into());
    line.insert("pexpiretime".into(), record.expire_at.unwrap_or(-1).into());
    line.insert("type".into(), name.into());
    let value = gathered.into_value(name, &mut line);
    line.insert("value".into(), value);
    out.extend_from_slice(object(line).to_string().as_bytes());
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use persist::rdb::Type;
    use shard::StrRef;

    #[test]
    fn bytes_are_characters() {
        let record = Record {
            db: 3,
            key: b"\x00\xFF\"",
            what: Type::String,
            at: 0,
            expire_at: Some(7),
            idle_seconds: None,
            frequency: None,
        };
        let mut out = Vec::new();
        push_key(&mut out, &record, ValueRef::String(StrRef::Bytes(b"\xC3\xA9\n")));
        let expected =
            "{\"db\":3,\"key\":\"\\u0000ÿ\\\"\",\"pexpiretime\":7,\"type\":\"string\",\"value\":\"Ã©\\n\"}\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
        assert_eq!([1.5, 3e16, f64::NEG_INFINITY].map(score_text), ["1.5", "30000000000000000", "-inf"]);
    }
}
