//! ZREM ZREMRANGEBYRANK ZREMRANGEBYSCORE ZREMRANGEBYLEX.

use super::super::{Outcome, integer};
use super::range::{names, scores};
use crate::db::Key;
use crate::event::Class;
use crate::shard::{Cx, Shard};
use crate::value::Collection;
use crate::value::zset::ZSet;
use crate::value::zset::range::Span;
use proto::args::Args;
use proto::encode::Reply;

/// Says that `removed` members are gone, and the key with them if that has emptied it.
fn tell(shard: &mut Shard, cx: &mut Cx, key: &Key<'_>, removed: usize, event: &'static str, emptied: bool) {
    if removed == 0 {
        return;
    }
    shard.changed_by(cx, removed as u64, key.bytes, ZSet::CLASS, event);
    if emptied {
        shard.notify(cx.db, key.bytes, Class::GENERIC, "del");
    }
}

/// `ZREM key member [member …]`
pub(in super::super) fn zrem(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let key = shard.first_key(cx, args.at(1));
    let edited = shard.edit(cx, &key, |set: &mut ZSet, _| {
        args.from(2).iter().filter(|member| !set.is_empty() && set.remove(member)).count()
    })?;
    let removed = edited.map_or(0, |edited| edited.result);
    tell(shard, cx, &key, removed, "zrem", edited.is_some_and(|edited| edited.emptied));
    reply.int(removed as i64);
    Ok(())
}

/// `ZREMRANGEBYRANK key start stop`
pub(in super::super) fn zremrangebyrank(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let span = Span::Ranks(integer(args.at(2))?, integer(args.at(3))?);
    remove_span(shard, cx, args, span, "zremrangebyrank", reply)
}

/// `ZREMRANGEBYSCORE key min max`
pub(in super::super) fn zremrangebyscore(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    remove_span(shard, cx, args, scores(args.at(2), args.at(3))?, "zremrangebyscore", reply)
}

/// `ZREMRANGEBYLEX key min max`
pub(in super::super) fn zremrangebylex(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    remove_span(shard, cx, args, names(args.at(2), args.at(3))?, "zremrangebylex", reply)
}

fn remove_span(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    span: Span<'_>,
    event: &'static str,
    reply: &mut Reply<'_>,
) -> Outcome {
    let key = shard.first_key(cx, args.at(1));
    let edited = shard.edit(cx, &key, |set: &mut ZSet, _| {
        let ranks = span.ranks(&set.view(), false);
        set.take(ranks, &mut |_, _| {})
    })?;
    let removed = edited.map_or(0, |edited| edited.result);
    tell(shard, cx, &key, removed, event, edited.is_some_and(|edited| edited.emptied));
    reply.int(removed as i64);
    Ok(())
}
