//! A key as the commands that make it anew, in the form in which clients send them.
//!
//! ```text
//!   string   SET key text                        list    RPUSH key element ...
//!   hash     HSET key field value ...,           set     SADD key member ...
//!            HPEXPIREAT key ms FIELDS 1 field    zset    ZADD key score member ...
//!   stream   XADD key id field value ..., XSETID key id ENTRIESADDED n MAXDELETEDID id,
//!            XGROUP CREATE key group id ENTRIESREAD n, XGROUP CREATECONSUMER key group consumer,
//!            XCLAIM key group consumer 0 id TIME ms RETRYCOUNT n JUSTID FORCE
//!   any      PEXPIREAT key ms
//! ```
//! As in the AOF that Redis rewrites, many elements share a command, and not too many. What no command can say is lost:
//! when consumers were seen, and entries that are pending although they have been deleted. Commands of Redis 7; fields'
//! expiries take 7.4.

use persist::listpack::Element;
use persist::rdb::file::Record;
use proto::number::{push_f64, push_i64};
use shard::ValueRef;
use shard::value::stream::StreamId;
use shard::value::tell::{Part, tell};

/// Elements that share a command.
const ELEMENTS_MAX: usize = 64;

/// Appends commands.
struct Commands<'o> {
    out: &'o mut Vec<u8>,
    key: &'o [u8],
    /// A command that elements are still added to: its name and their texts.
    open: Option<(&'static str, Vec<Vec<u8>>)>,
    group: Vec<u8>,
    consumer: Vec<u8>,
    /// Fields with an expiry.
    expiries: Vec<(Vec<u8>, i64)>,
    /// XSETID, which comes behind the entries.
    set_id: Option<[Vec<u8>; 3]>,
}

fn header(out: &mut Vec<u8>, mark: u8, n: usize) {
    out.push(mark);
    push_i64(out, n as i64);
    out.extend_from_slice(b"\r\n");
}

/// Appends a command.
fn push<T: AsRef<[u8]>>(out: &mut Vec<u8>, words: &[T]) {
    header(out, b'*', words.len());
    for word in words {
        header(out, b'$', word.as_ref().len());
        out.extend_from_slice(word.as_ref());
        out.extend_from_slice(b"\r\n");
    }
}

pub(super) fn push_select(out: &mut Vec<u8>, db: u64) {
    push(out, &["SELECT", &db.to_string()]);
}

/// A library of functions.
pub(super) fn push_function(out: &mut Vec<u8>, source: &[u8]) {
    push(out, &[&b"FUNCTION"[..], b"LOAD", source]);
}

fn text(element: Element<'_>) -> Vec<u8> {
    element.to_vec()
}

fn id_text(id: StreamId) -> Vec<u8> {
    format!("{}-{}", id.ms, id.seq).into_bytes()
}

fn number(n: impl std::fmt::Display) -> Vec<u8> {
    n.to_string().into_bytes()
}

impl Commands<'_> {
    /// A command about the key, whole.
    fn command(&mut self, name: &[&str], rest: &[&[u8]]) {
        let (first, more) = name.split_at(1);
        let mut words: Vec<&[u8]> = first.iter().chain(more).map(|word| word.as_bytes()).collect();
        words.push(self.key);
        words.extend_from_slice(rest);
        push(self.out, &words);
    }

    /// An element more of a command that may have many.
    fn element(&mut self, name: &'static str, texts: impl IntoIterator<Item = Vec<u8>>) {
        let (_, open) = self.open.get_or_insert_with(|| (name, Vec::new()));
        open.extend(texts);
        if open.len() >= ELEMENTS_MAX {
            self.close();
        }
    }

    /// Ends the command that elements were added to.
    fn close(&mut self) {
        if let Some((name, texts)) = self.open.take() {
            let texts: Vec<&[u8]> = texts.iter().map(Vec::as_slice).collect();
            self.command(&[name], &texts);
        }
    }

    fn hear(&mut self, part: Part<'_>) {
        match part {
            Part::String(value) => self.command(&["SET"], &[&text(value)]),
            Part::Element(value) => self.element("RPUSH", [text(value)]),
            Part::Member(value) => self.element("SADD", [text(value)]),
            Part::Field { name, value, expire_at } => {
                self.element("HSET", [text(name), text(value)]);
                self.expiries.extend(expire_at.map(|ms| (text(name), ms)));
            }
            Part::Scored { member, score } => {
                let mut score_text = Vec::new();
                push_f64(&mut score_text, score);
                self.element("ZADD", [score_text, text(member)]);
            }
            Part::Log { .. } | Part::Entry { .. } => self.hear_log(part),
            Part::Group { .. } | Part::Consumer { .. } | Part::Pending { .. } => self.hear_group(part),
        }
    }

    fn hear_log(&mut self, part: Part<'_>) {
        match part {
            Part::Log { len, last_id, max_deleted_id, entries_added } => {
                self.set_id = Some([id_text(last_id), number(entries_added), id_text(max_deleted_id)]);
                if len == 0 {
                    // An entry that is gone at once leaves the stream.
                    self.command(&["XADD"], &[b"MAXLEN", b"0", b"0-1", b"x", b"y"]);
                }
            }
            Part::Entry { id, pairs } => {
                let texts: Vec<Vec<u8>> =
                    pairs.iter().flat_map(|(name, value)| [text(*name), text(*value)]).collect();
                let id = id_text(id);
                let words: Vec<&[u8]> =
                    [id.as_slice()].into_iter().chain(texts.iter().map(Vec::as_slice)).collect();
                self.command(&["XADD"], &words);
            }
            _ => {}
        }
    }

    /// What follows the entries of a stream.
    fn end_log(&mut self) {
        if let Some([last, added, deleted]) = self.set_id.take() {
            self.command(&["XSETID"], &[&last, b"ENTRIESADDED", &added, b"MAXDELETEDID", &deleted]);
        }
    }

    fn hear_group(&mut self, part: Part<'_>) {
        self.end_log();
        let group = std::mem::take(&mut self.group);
        match part {
            Part::Group { name, last_id, entries_read, .. } => {
                let read = number(entries_read.unwrap_or(-1));
                self.command(&["XGROUP", "CREATE"], &[name, &id_text(last_id), b"ENTRIESREAD", &read]);
                self.group = name.to_vec();
                return;
            }
            Part::Consumer { name, .. } => {
                self.command(&["XGROUP", "CREATECONSUMER"], &[&group, name]);
                self.consumer = name.to_vec();
            }
            Part::Pending { id, delivered_ms, count } => {
                let consumer = std::mem::take(&mut self.consumer);
                let (id, time, count) = (id_text(id), number(delivered_ms), number(count));
                let how: [&[u8]; 6] = [b"TIME", &time, b"RETRYCOUNT", &count, b"JUSTID", b"FORCE"];
                let words = [&[&group as &[u8], &consumer, b"0", &id], &how[..]].concat();
                self.command(&["XCLAIM"], &words);
                self.consumer = consumer;
            }
            _ => {}
        }
        self.group = group;
    }

    fn finish(&mut self, expire_at: Option<i64>) {
        self.close();
        self.end_log();
        for (name, ms) in std::mem::take(&mut self.expiries) {
            self.command(&["HPEXPIREAT"], &[&number(ms), b"FIELDS", b"1", &name]);
        }
        if let Some(ms) = expire_at {
            self.command(&["PEXPIREAT"], &[&number(ms)]);
        }
    }
}

/// Appends the commands that make a key.
pub(super) fn push_key(out: &mut Vec<u8>, record: &Record<'_>, value: ValueRef<'_>) {
    let mut commands = Commands {
        out,
        key: record.key,
        open: None,
        group: Vec::new(),
        consumer: Vec::new(),
        expiries: Vec::new(),
        set_id: None,
    };
    tell(value, &mut |part| commands.hear(part));
    commands.finish(record.expire_at);
}
