//! Commands on streams: entries (`add`, `entries`), reading (`read`), consumer groups (`group`, `pending`, `claim`), and
//! what is known about them (`info`).
//!
//! Not every change is one of the key's. What is done to groups and their pending entries counts as dirty,
//! and has its notifications, but breaks no WATCH, as in Redis: only entries are the stream's content.
//!
//! A client that waits for XREAD or XREADGROUP is served by running the command again ([`crate::blocked`]).

mod add;
mod claim;
mod entries;
mod group;
mod ids;
mod info;
mod pending;
pub(crate) mod read;
#[cfg(test)]
mod tests;

pub(super) use add::{xadd, xtrim};
pub(super) use claim::{xautoclaim, xclaim};
pub(super) use entries::{xdel, xlen, xrange, xrevrange, xsetid};
pub(super) use group::{create, create_consumer, delete_consumer, destroy, set_id};
pub(super) use info::{consumers, groups, stream};
pub(super) use pending::{xack, xpending};
pub(super) use read::{xread, xreadgroup};

use super::{Outcome, Refused, integer};
use crate::event::Class;
use crate::shard::{Cx, Shard};
use crate::value::stream::node::Entry;
use crate::value::stream::{ConsumerRef, Group, StreamId};
use persist::listpack::Element;
use proto::args::Args;
use proto::encode::Reply;
use proto::error;
use proto::number::parse_i64;

fn write_id(reply: &mut Reply<'_>, id: StreamId) {
    reply.bulk(&id.text());
}

fn write_element(reply: &mut Reply<'_>, element: Element<'_>) {
    match element {
        Element::Int(n) => reply.bulk_int(n),
        Element::Bytes(bytes) => reply.bulk(bytes),
    }
}

/// An entry as all commands show it: the id, and a list of fields and values.
fn write_entry(reply: &mut Reply<'_>, entry: &Entry<'_>) {
    reply.array(2);
    write_id(reply, entry.id);
    reply.array(entry.len * 2);
    for (field, value) in entry.pairs() {
        write_element(reply, field);
        write_element(reply, value);
    }
}

/// Writes the entries as an array; how many.
fn write_entries<'a>(reply: &mut Reply<'_>, entries: impl Iterator<Item = Entry<'a>>) -> usize {
    let header = reply.deferred();
    let count = entries.inspect(|entry| write_entry(reply, entry)).count();
    reply.set_deferred(header, count, proto::encode::Kind::Array);
    count
}

/// The number, or null.
fn write_known(reply: &mut Reply<'_>, n: Option<i64>) {
    match n {
        Some(n) => reply.int(n),
        None => reply.null(),
    }
}

/// An argument that must be a 64-bit integer, with a refusal of its own.
fn integer_or(text: &[u8], refusal: &'static str) -> Result<i64, Refused> {
    Ok(parse_i64(text).ok_or(refusal)?)
}

/// How many replies a COUNT asks for: negative ones count as 0, which stands for "all".
fn count_or_all(text: &[u8]) -> Result<usize, Refused> {
    Ok(match integer(text)? {
        ..=0 => usize::MAX,
        n => n as usize,
    })
}

/// "No such key or group", as most commands on groups say it.
#[cold]
fn no_key_or_group(key: &[u8], group: &[u8]) -> Refused {
    [b"NOGROUP No such key '", key, b"' or consumer group '", group, b"'"].concat().into()
}

/// The same where the key is there.
#[cold]
fn no_group(key: &[u8], group: &[u8]) -> Refused {
    [b"NOGROUP No such consumer group '", group, b"' for key name '", key, b"'"].concat().into()
}

/// An option of XREADGROUP, given to XREAD.
#[cold]
fn bad_option(option: &str) -> Refused {
    format!("ERR The {option} option is only supported by XREADGROUP. You called XREAD instead.").into()
}

#[cold]
fn bad_xclaim_option(option: &[u8]) -> Refused {
    [b"ERR Unrecognized XCLAIM option '", option, b"'"].concat().into()
}

/// Subcommands whose arguments fit none of their forms.
#[cold]
fn bad_subcommand(container: &'static str, args: Args<'_>) -> Refused {
    error::bad_subcommand(container.as_bytes(), args.at(1)).into()
}

/// Counts a change of a group, which is none of the stream, and notifies.
fn group_changed(shard: &mut Shard, cx: &mut Cx, key: &[u8], event: &'static str) {
    cx.dirty += 1;
    shard.notify(cx.db, key, Class::STREAM, event);
}

/// Notifies of a consumer that a command has made by the way.
fn consumer_made(shard: &mut Shard, cx: &mut Cx, key: &[u8], made: bool) {
    if made {
        group_changed(shard, cx, key, "xgroup-createconsumer");
    }
}

/// The consumer of a command that gives entries: made if it is not there (true), and seen now.
fn see_consumer(group: &mut Group, name: &[u8], now_ms: i64) -> (ConsumerRef, bool) {
    let (consumer, made) = group.find_or_create(name, now_ms);
    group.consumer_mut(consumer).seen_ms = now_ms;
    (consumer, made)
}
