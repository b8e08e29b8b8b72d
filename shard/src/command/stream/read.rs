//! XREAD and XREADGROUP, also as the core that waiting clients are served from.
//!
//! ```text
//!   Request::parse   words -> what is asked, no look at any key
//!   Request::check   each key: right type? group there? id well formed?    first error in the keys' order
//!   Request::serve   each key: entries, if there are; true if anything was written
//! ```
//! A client that waits keeps its words, in which [`Request::settled`] has replaced `$` by the id that it stood for: to
//! serve it later is to run the command again. `>` and the history of a consumer are looked up then anew.
//!
//! An answer is a map from keys to entries; in RESP2, which has none, an array of pairs. Keys without
//! anything new are not in it, except that the history of a consumer is always answered, empty or not.

use super::{Outcome, Refused, bad_option, count_or_all, ids, integer_or, see_consumer};
use super::{consumer_made, write_entries, write_entry, write_id};
use crate::command::blocking::wait_for_streams;
use crate::db::Key;
use crate::shard::{Cx, Shard};
use crate::value::stream::{ConsumerRef, Group, Log, Nack, Stream, StreamId};
use proto::args::{Args, OwnedArgs};
use proto::command::CommandId;
use proto::encode::{Deferred, Kind, Reply, Resp};
use proto::error;

const GROUP_ONLY: &str = "ERR The > ID can be specified only when calling XREADGROUP using the GROUP \
    <group> <consumer> option.";
const GROUP_MISSING: &str = "ERR Missing GROUP option for XREADGROUP";
const BLOCK_NOT_AN_INTEGER: &str = "ERR timeout is not an integer or out of range";
const BLOCK_TOO_LONG: &str = "ERR timeout is out of range";

/// What a client asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    /// Group and consumer, of XREADGROUP.
    group: Option<(&'a [u8], &'a [u8])>,
    /// Most entries of each key.
    count: usize,
    /// BLOCK: milliseconds to wait, 0 for ever; `None` not to wait.
    pub(crate) block_ms: Option<i64>,
    no_ack: bool,
    args: Args<'a>,
    /// Where the keys begin, and how many there are; as many ids follow.
    keys_at: usize,
    keys: usize,
}

/// From where a key is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    /// Entries with greater ids; of a group, the consumer's history.
    After(StreamId),
    /// `$`: what comes after the command.
    Last,
    /// `+`: the last entry itself.
    LastLive,
    /// `>`: what no consumer of the group was given.
    New,
}

impl From {
    fn parse(text: &[u8], of_group: bool) -> Result<Self, Refused> {
        match (text, of_group) {
            (b"$", false) => Ok(Self::Last),
            (b"+", false) => Ok(Self::LastLive),
            (b"$" | b"+", true) => Err(meaningless(char::from(text[0]))),
            (b">", true) => Ok(Self::New),
            (b">", false) => Err(GROUP_ONLY.into()),
            _ => match ids::strict(text)? {
                // Redis writes `>` so, and cannot tell them apart.
                StreamId::MAX if of_group => Ok(Self::New),
                id => Ok(Self::After(id)),
            },
        }
    }
}

#[cold]
fn meaningless(sign: char) -> Refused {
    format!(
        "ERR The {sign} ID is meaningless in the context of XREADGROUP: you want to read the history of this \
         consumer by specifying a proper ID, or use the > ID to get new messages. The {sign} ID would just return \
         an empty result set."
    )
    .into()
}

#[cold]
fn unbalanced(of_group: bool) -> Refused {
    let (name, sign) = if of_group { ("xreadgroup", '>') } else { ("xread", '$') };
    format!(
        "ERR Unbalanced '{name}' list of streams: for each stream key an ID or '{sign}' must be specified."
    )
    .into()
}

impl<'a> Request<'a> {
    /// Reads the words of XREAD or XREADGROUP.
    ///
    /// # Errors
    /// The texts of Redis. Keys and ids are not looked at yet.
    pub(crate) fn parse(cx: &Cx, args: Args<'a>) -> Result<Self, Refused> {
        let of_group = cx.id == CommandId::Xreadgroup;
        let mut request =
            Self { group: None, count: usize::MAX, block_ms: None, no_ack: false, args, keys_at: 0, keys: 0 };
        let mut at = 1;
        while let Some(word) = args.get(at) {
            let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
            match args.len() - at - 1 {
                1.. if is("block") => {
                    request.block_ms = Some(block_ms(args.at(at + 1), cx.now_ms)?);
                    at += 1;
                }
                1.. if is("count") => {
                    request.count = count_or_all(args.at(at + 1))?;
                    at += 1;
                }
                words @ 1.. if is("streams") => {
                    if !words.is_multiple_of(2) {
                        return Err(unbalanced(of_group));
                    }
                    (request.keys_at, request.keys) = (at + 1, words / 2);
                    break;
                }
                2.. if is("group") => {
                    request.group = Some((args.at(at + 1), args.at(at + 2)));
                    request.refuse_unless(of_group, "GROUP")?;
                    at += 2;
                }
                _ if is("noack") => {
                    request.no_ack = true;
                    request.refuse_unless(of_group, "NOACK")?;
                }
                _ => return Err(error::SYNTAX.into()),
            }
            at += 1;
        }
        if request.keys == 0 {
            return Err(error::SYNTAX.into());
        }
        if of_group && request.group.is_none() {
            return Err(GROUP_MISSING.into());
        }
        Ok(request)
    }

    fn refuse_unless(&self, of_group: bool, option: &str) -> Outcome {
        if of_group { Ok(()) } else { Err(bad_option(option)) }
    }

    /// Where its keys stand among the arguments.
    pub(crate) fn key_places(&self) -> std::ops::Range<usize> {
        self.keys_at..self.keys_at + self.keys
    }

    /// Hashed here: odd group names lead the key specs astray, and the hash that came with the command with them.
    fn key(&self, shard: &Shard, n: usize) -> Key<'a> {
        shard.key(self.args.at(self.keys_at + n))
    }

    fn from(&self, n: usize) -> Result<From, Refused> {
        From::parse(self.args.at(self.keys_at + self.keys + n), self.group.is_some())
    }

    /// Whether every key can be read like this.
    ///
    /// # Errors
    /// Of the first key that cannot.
    pub(crate) fn check(&self, shard: &mut Shard, cx: &Cx) -> Outcome {
        for n in 0..self.keys {
            let key = self.key(shard, n);
            let group = self.group.map(|(group, _)| group);
            let has_group = shard.view::<Stream, _>(cx, &key, |stream| {
                group.is_none_or(|group| stream.is_some_and(|stream| stream.groups.contains_key(group)))
            })?;
            if let Some(group) = group.filter(|_| !has_group) {
                let place = b"' in XREADGROUP with GROUP option";
                let text =
                    [b"NOGROUP No such key '", key.bytes, b"' or consumer group '", group, place].concat();
                return Err(text.into());
            }
            self.from(n)?;
        }
        Ok(())
    }

    /// Writes what there is; false if there is nothing, and nothing is written. [`Request::check`] comes first.
    ///
    /// # Errors
    /// As `check`.
    pub(crate) fn serve(
        &self,
        shard: &mut Shard,
        cx: &mut Cx,
        reply: &mut Reply<'_>,
    ) -> Result<bool, Refused> {
        let mut answer = Answer { header: None, keys: 0 };
        for n in 0..self.keys {
            let (key, from) = (self.key(shard, n), self.from(n)?);
            match self.group {
                None => self.serve_key(shard, cx, &key, from, &mut answer, reply)?,
                Some(_) => self.serve_group(shard, cx, &key, from, &mut answer, reply)?,
            }
        }
        Ok(answer.finish(reply))
    }

    fn serve_key(
        &self,
        shard: &mut Shard,
        cx: &Cx,
        key: &Key<'_>,
        from: From,
        answer: &mut Answer,
        reply: &mut Reply<'_>,
    ) -> Outcome {
        shard.view::<Stream, _>(cx, key, |stream| {
            let Some(Stream { log, .. }) = stream else { return };
            let start = match from {
                From::After(id) => id.next(),
                From::LastLive => log.last_live_id(),
                From::Last | From::New => None,
            };
            let Some(start) = start.filter(|&start| log.last_live_id().is_some_and(|last| last >= start))
            else {
                return;
            };
            answer.key(key.bytes, reply);
            write_entries(reply, log.range(start, StreamId::MAX).take(self.count));
        })
    }

    fn serve_group(
        &self,
        shard: &mut Shard,
        cx: &mut Cx,
        key: &Key<'_>,
        from: From,
        answer: &mut Answer,
        reply: &mut Reply<'_>,
    ) -> Outcome {
        let Some((name, consumer)) = self.group else { return Ok(()) };
        let (now_ms, before) = (cx.now_ms, answer.keys);
        let made = shard.edit(cx, key, |Stream { log, groups }: &mut Stream, _| {
            let Some(group) = groups.get_mut(name) else { return false };
            let (consumer, made) = see_consumer(group, consumer, now_ms);
            match from {
                From::After(id) => {
                    answer.key(key.bytes, reply);
                    write_history(reply, log, group, consumer, id, self.count, now_ms);
                }
                _ if log.last_live_id().is_some_and(|last| last > group.last_id) => {
                    answer.key(key.bytes, reply);
                    let to = (!self.no_ack).then_some(Nack { consumer, delivered_ms: now_ms, count: 1 });
                    write_new(reply, log, group, to, self.count);
                }
                _ => {}
            }
            made
        })?;
        cx.dirty += (answer.keys - before) as u64;
        shard.stats.keyspace_hits += u64::from(made.is_some()); // a read, for all that it changes
        consumer_made(shard, cx, key.bytes, made.is_some_and(|edited| edited.result));
        Ok(())
    }

    /// The words for a client that waits: each `$` is replaced by the last id of its stream as it is now.
    ///
    /// # Errors
    /// WRONGTYPE.
    pub(crate) fn settled(&self, shard: &mut Shard, cx: &Cx) -> Result<OwnedArgs, Refused> {
        let mut words = OwnedArgs::default();
        let ids_at = self.keys_at + self.keys;
        for (at, word) in self.args.iter().enumerate() {
            if at < ids_at || word != b"$" {
                words.push(word);
                continue;
            }
            let key = self.key(shard, at - ids_at);
            let last = shard.view::<Stream, _>(cx, &key, |stream| stream.map(|stream| stream.log.last_id))?;
            words.push(&last.unwrap_or_default().text());
        }
        Ok(words)
    }
}

/// BLOCK's argument: it must end before time does.
fn block_ms(text: &[u8], now_ms: i64) -> Result<i64, Refused> {
    let ms = integer_or(text, BLOCK_NOT_AN_INTEGER)?;
    if ms < 0 {
        return Err(error::TIMEOUT_NEGATIVE.into());
    }
    ms.checked_add(now_ms).ok_or(BLOCK_TOO_LONG)?;
    Ok(ms)
}

/// The answer as far as it is written.
struct Answer {
    header: Option<Deferred>,
    keys: usize,
}

impl Answer {
    /// Begins a key's part; its entries follow.
    fn key(&mut self, name: &[u8], reply: &mut Reply<'_>) {
        if self.header.is_none() {
            self.header = Some(reply.deferred());
        }
        self.keys += 1;
        if reply.resp() == Resp::V2 {
            reply.array(2);
        }
        reply.bulk(name);
    }

    fn finish(self, reply: &mut Reply<'_>) -> bool {
        let Some(header) = self.header else { return false };
        let kind = if reply.resp() == Resp::V2 { Kind::Array } else { Kind::Map };
        reply.set_deferred(header, self.keys, kind);
        true
    }
}

/// Writes entries that nobody of the group was given yet, and puts down to whom they go, unless to nobody.
fn write_new(reply: &mut Reply<'_>, log: &Log, group: &mut Group, to: Option<Nack>, count: usize) {
    let Some(start) = group.last_id.next() else { return };
    let entries = log.range(start, StreamId::MAX).take(count).inspect(|entry| {
        group.entries_read = log.count_read(group.entries_read, entry.id);
        group.last_id = entry.id;
        if let Some(nack) = to {
            group.assign(entry.id, nack);
        }
    });
    write_entries(reply, entries);
    if let Some(nack) = to {
        group.consumer_mut(nack.consumer).active_ms = Some(nack.delivered_ms);
    }
}

/// Writes what is pending at a consumer after an id: with null in place of fields where the entry is deleted.
fn write_history(
    reply: &mut Reply<'_>,
    log: &Log,
    group: &mut Group,
    consumer: ConsumerRef,
    after: StreamId,
    count: usize,
    now_ms: i64,
) {
    let header = reply.deferred();
    let mut written = 0;
    let mut from = after.next();
    while let Some(start) = from.filter(|_| written < count) {
        let Some(&id) = group.consumer(consumer).pending().range(start..).next() else { break };
        match log.get(id) {
            Some(entry) => {
                write_entry(reply, &entry);
                group.redelivered(id, now_ms);
            }
            None => {
                reply.array(2);
                write_id(reply, id);
                reply.null_array();
            }
        }
        written += 1;
        from = id.next();
    }
    reply.set_deferred(header, written, Kind::Array);
}

/// `XREAD [COUNT count] [BLOCK milliseconds] STREAMS key [key …] id [id …]`
pub(crate) fn xread(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let request = Request::parse(cx, args)?;
    request.check(shard, cx)?;
    if request.serve(shard, cx, reply)? {
        return Ok(());
    }
    wait_for_streams(shard, cx, &request, reply)
}

/// `XREADGROUP GROUP group consumer [COUNT count] [BLOCK milliseconds] [NOACK] STREAMS key [key …] id [id …]`
pub(crate) fn xreadgroup(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    xread(shard, cx, args, reply)
}
