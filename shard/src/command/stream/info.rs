//! XINFO: what is known about a stream, its groups and their consumers.

use super::{
    Outcome, Refused, bad_subcommand, integer, no_group, write_entries, write_entry, write_id, write_known,
};
use crate::shard::{Cx, Shard};
use crate::value::stream::{Consumer, Group, Stream, StreamId};
use proto::args::Args;
use proto::encode::{Kind, Reply};
use proto::error;

/// Entries, and pending ones of each, that FULL shows when it is not told.
const COUNT_DEFAULT: usize = 10;

/// Calls `then` with a stream that must be there.
fn with_stream(shard: &mut Shard, cx: &Cx, args: Args<'_>, then: impl FnOnce(&Stream) -> Outcome) -> Outcome {
    let key = shard.first_key(cx, args.at(2));
    shard.view::<Stream, _>(cx, &key, |stream| then(stream.ok_or(error::NO_SUCH_KEY)?))?
}

/// How much `XINFO STREAM key [FULL [COUNT count]]` shows; `None` without FULL.
fn full_option(args: Args<'_>) -> Result<Option<usize>, Refused> {
    let is =
        |at: usize, word: &str| args.get(at).is_some_and(|arg| arg.eq_ignore_ascii_case(word.as_bytes()));
    match args.len() {
        3 => Ok(None),
        4 if is(3, "full") => Ok(Some(COUNT_DEFAULT)),
        6 if is(3, "full") && is(4, "count") => Ok(Some(match integer(args.at(5))? {
            ..=-1 => COUNT_DEFAULT,
            0 => usize::MAX,
            n => n as usize,
        })),
        _ => Err(bad_subcommand("xinfo", args)),
    }
}

/// `XINFO STREAM key [FULL [COUNT count]]`
pub(crate) fn stream(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    with_stream(shard, cx, args, |stream| {
        let full = full_option(args)?;
        reply.map(if full.is_some() { 9 } else { 10 });
        write_common(reply, stream);
        match full {
            None => write_ends(reply, stream),
            Some(count) => write_full(reply, stream, count),
        }
        Ok(())
    })
}

fn write_common(reply: &mut Reply<'_>, stream: &Stream) {
    let log = &stream.log;
    let nodes = log.nodes().len() as i64;
    reply.bulk(b"length");
    reply.int(log.len() as i64);
    reply.bulk(b"radix-tree-keys");
    reply.int(nodes);
    // The index is no radix tree: as many as one would have at least.
    reply.bulk(b"radix-tree-nodes");
    reply.int(nodes + 1);
    reply.bulk(b"last-generated-id");
    write_id(reply, log.last_id);
    reply.bulk(b"max-deleted-entry-id");
    write_id(reply, log.max_deleted_id);
    reply.bulk(b"entries-added");
    reply.int(log.entries_added as i64);
    reply.bulk(b"recorded-first-entry-id");
    write_id(reply, log.first_id);
}

fn write_ends(reply: &mut Reply<'_>, Stream { log, groups }: &Stream) {
    reply.bulk(b"groups");
    reply.int(groups.len() as i64);
    let first = log.range(StreamId::MIN, StreamId::MAX).next();
    let last = log.range_rev(StreamId::MIN, StreamId::MAX).next();
    for (name, entry) in [("first-entry", first), ("last-entry", last)] {
        reply.bulk(name.as_bytes());
        match entry {
            Some(entry) => write_entry(reply, &entry),
            None => reply.null(),
        }
    }
}

fn write_full(reply: &mut Reply<'_>, stream: &Stream, count: usize) {
    reply.bulk(b"entries");
    write_entries(reply, stream.log.range(StreamId::MIN, StreamId::MAX).take(count));
    reply.bulk(b"groups");
    reply.array(stream.groups.len());
    for (name, group) in &stream.groups {
        reply.map(7);
        reply.bulk(b"name");
        reply.bulk(name);
        write_position(reply, stream, group);
        reply.bulk(b"pel-count");
        reply.int(group.pending().len() as i64);
        reply.bulk(b"pending");
        reply.array(group.pending().len().min(count));
        for (&id, nack) in group.pending().iter().take(count) {
            reply.array(4);
            write_id(reply, id);
            reply.bulk(&group.consumer(nack.consumer).name);
            reply.int(nack.delivered_ms);
            reply.int(nack.count as i64);
        }
        reply.bulk(b"consumers");
        reply.array(group.consumers().len());
        group.consumers().for_each(|consumer| write_consumer(reply, group, consumer, count));
    }
}

/// Where a group stands: three pairs of a map.
fn write_position(reply: &mut Reply<'_>, stream: &Stream, group: &Group) {
    reply.bulk(b"last-delivered-id");
    write_id(reply, group.last_id);
    reply.bulk(b"entries-read");
    write_known(reply, group.entries_read);
    reply.bulk(b"lag");
    write_known(reply, stream.log.lag(group));
}

fn write_consumer(reply: &mut Reply<'_>, group: &Group, consumer: &Consumer, count: usize) {
    reply.map(5);
    reply.bulk(b"name");
    reply.bulk(&consumer.name);
    reply.bulk(b"seen-time");
    reply.int(consumer.seen_ms);
    reply.bulk(b"active-time");
    reply.int(consumer.active_ms.unwrap_or(-1));
    reply.bulk(b"pel-count");
    reply.int(consumer.pending().len() as i64);
    reply.bulk(b"pending");
    let header = reply.deferred();
    let mut written = 0;
    let pending = consumer.pending().iter().take(count);
    for (id, nack) in pending.filter_map(|id| group.pending().get_key_value(id)) {
        reply.array(3);
        write_id(reply, *id);
        reply.int(nack.delivered_ms);
        reply.int(nack.count as i64);
        written += 1;
    }
    reply.set_deferred(header, written, Kind::Array);
}

/// `XINFO GROUPS key`
pub(crate) fn groups(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    with_stream(shard, cx, args, |stream| {
        reply.array(stream.groups.len());
        for (name, group) in &stream.groups {
            reply.map(6);
            reply.bulk(b"name");
            reply.bulk(name);
            reply.bulk(b"consumers");
            reply.int(group.consumers().len() as i64);
            reply.bulk(b"pending");
            reply.int(group.pending().len() as i64);
            write_position(reply, stream, group);
        }
        Ok(())
    })
}

/// `XINFO CONSUMERS key group`
pub(crate) fn consumers(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let now_ms = cx.now_ms;
    with_stream(shard, cx, args, |stream| {
        let group = stream.groups.get(args.at(3)).ok_or_else(|| no_group(args.at(2), args.at(3)))?;
        reply.array(group.consumers().len());
        for consumer in group.consumers() {
            reply.map(4);
            reply.bulk(b"name");
            reply.bulk(&consumer.name);
            reply.bulk(b"pending");
            reply.int(consumer.pending().len() as i64);
            reply.bulk(b"idle");
            reply.int((now_ms - consumer.seen_ms).max(0));
            reply.bulk(b"inactive");
            reply.int(consumer.active_ms.map_or(-1, |active| now_ms - active));
        }
        Ok(())
    })
}
