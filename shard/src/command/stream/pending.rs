//! XACK and XPENDING: what was delivered and not acknowledged.

use super::{Outcome, Refused, ids, integer, no_key_or_group, write_id};
use crate::shard::{Cx, Shard};
use crate::value::stream::{ConsumerRef, Group, Nack, Stream, StreamId};
use proto::args::Args;
use proto::encode::{Kind, Reply};
use proto::error;

/// `XACK key group id [id …]`: all ids are read before any is acknowledged.
pub(crate) fn xack(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = shard.first_key(cx, args.at(1));
    let edited = shard.edit(cx, &key, |stream: &mut Stream, _| {
        let Some(group) = stream.groups.get_mut(args.at(2)) else { return Ok(0) };
        if args.len() == 4 {
            return Ok(u64::from(group.acknowledge(ids::strict(args.at(3))?)));
        }
        let ids = ids::all(args.from(3))?;
        Ok::<_, Refused>(ids.into_iter().filter(|&id| group.acknowledge(id)).count() as u64)
    })?;
    let acknowledged = match edited {
        Some(edited) => edited.result?,
        None => shard.view::<Stream, _>(cx, &key, |_| 0)?, // it counts as a miss
    };
    cx.dirty += acknowledged;
    reply.int(acknowledged as i64);
    Ok(())
}

/// What XPENDING's long form asks for.
struct Filter<'a> {
    start: StreamId,
    end: StreamId,
    count: usize,
    min_idle_ms: i64,
    consumer: Option<&'a [u8]>,
}

impl<'a> Filter<'a> {
    /// `[IDLE min-idle-time] start end count [consumer]`; `None` for the short form.
    fn parse(args: Args<'a>) -> Result<Option<Self>, Refused> {
        if args.len() == 3 {
            return Ok(None);
        }
        if !(6..=9).contains(&args.len()) {
            return Err(error::SYNTAX.into());
        }
        let (mut at, mut min_idle_ms) = (3, 0);
        if args.at(3).eq_ignore_ascii_case(b"idle") {
            min_idle_ms = integer(args.at(4))?;
            if args.len() < 8 {
                return Err(error::SYNTAX.into());
            }
            at = 5;
        }
        let count = usize::try_from(integer(args.at(at + 2))?).unwrap_or(0);
        let (start, end) = (ids::start(args.at(at))?, ids::end(args.at(at + 1))?);
        Ok(Some(Self { start, end, count, min_idle_ms, consumer: args.get(at + 3) }))
    }
}

/// `XPENDING key group [[IDLE min-idle-time] start end count [consumer]]`
pub(crate) fn xpending(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let filter = Filter::parse(args)?;
    let key = shard.first_key(cx, args.at(1));
    shard.view::<Stream, _>(cx, &key, |stream| {
        let group = stream.and_then(|stream| stream.groups.get(args.at(2)));
        let group = group.ok_or_else(|| no_key_or_group(key.bytes, args.at(2)))?;
        match &filter {
            None => write_summary(reply, group),
            Some(filter) => write_pending(reply, group, filter, cx.now_ms),
        }
        Ok(())
    })?
}

/// The number of pending entries, the first and the last of them, and how many each consumer has.
fn write_summary(reply: &mut Reply<'_>, group: &Group) {
    let pending = group.pending();
    reply.array(4);
    reply.int(pending.len() as i64);
    let (Some((&first, _)), Some((&last, _))) = (pending.first_key_value(), pending.last_key_value()) else {
        reply.null();
        reply.null();
        reply.null_array();
        return;
    };
    write_id(reply, first);
    write_id(reply, last);
    let header = reply.deferred();
    let mut consumers = 0;
    for consumer in group.consumers().filter(|consumer| !consumer.pending().is_empty()) {
        reply.array(2);
        reply.bulk(&consumer.name);
        reply.bulk_int(consumer.pending().len() as i64);
        consumers += 1;
    }
    reply.set_deferred(header, consumers, Kind::Array);
}

fn write_pending(reply: &mut Reply<'_>, group: &Group, filter: &Filter<'_>, now_ms: i64) {
    let consumer = filter.consumer.map(|name| group.find(name));
    let header = reply.deferred();
    let mut written = 0;
    let mut write = |(id, nack): (StreamId, &Nack)| {
        reply.array(4);
        write_id(reply, id);
        reply.bulk(&group.consumer(nack.consumer).name);
        reply.int(now_ms.saturating_sub(nack.delivered_ms).max(0));
        reply.int(nack.count as i64);
        written += 1;
    };
    let is_idle = |nack: &Nack| {
        filter.min_idle_ms == 0 || now_ms.saturating_sub(nack.delivered_ms) >= filter.min_idle_ms
    };
    if filter.start <= filter.end {
        let range = filter.start..=filter.end;
        match consumer {
            None => {
                let all = group.pending().range(range).map(|(&id, nack)| (id, nack));
                all.filter(|(_, nack)| is_idle(nack)).take(filter.count).for_each(&mut write);
            }
            Some(None) => {}
            Some(Some(at)) => {
                let own = of_consumer(group, at, range);
                own.filter(|(_, nack)| is_idle(nack)).take(filter.count).for_each(&mut write);
            }
        }
    }
    reply.set_deferred(header, written, Kind::Array);
}

/// What is pending at one consumer.
fn of_consumer(
    group: &Group,
    at: ConsumerRef,
    range: std::ops::RangeInclusive<StreamId>,
) -> impl Iterator<Item = (StreamId, &Nack)> {
    let ids = group.consumer(at).pending().range(range);
    ids.filter_map(|&id| Some((id, group.pending().get(&id)?)))
}
