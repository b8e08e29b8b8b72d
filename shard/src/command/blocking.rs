//! Commands that wait for an element: BLPOP BRPOP BLMOVE BRPOPLPUSH BLMPOP BZPOPMIN BZPOPMAX BZMPOP; and how XREAD and
//! XREADGROUP do.
//!
//! Each is its plain command with a time limit. What it would have answered with nil makes it wait instead
//! ([`crate::blocked`]), unless it may not: in a transaction nil it is, at once.

use super::list::end_of;
use super::list::pop::{ManyKeys, Popping, pop_first};
use super::list::transfer::move_one;
use super::stream::read::Request;
use super::zset;
use super::zset::pop::{End as ZEnd, Many, Popped};
use super::{Outcome, Refused};
use crate::blocked::Block;
use crate::db::Kind;
use crate::shard::{Cx, Shard};
use crate::value::list::End;
use proto::args::Args;
use proto::command::CommandId;
use proto::encode::Reply;
use proto::error;
use proto::number::parse_f64;

const TIMEOUT_OUT_OF_RANGE: &str = "ERR timeout is out of range";

/// The end of a wait of so many seconds, in Unix milliseconds; `None` for 0, which waits for ever.
fn deadline(text: &[u8], now_ms: i64) -> Result<Option<i64>, Refused> {
    let seconds = parse_f64(text).filter(|s| s.is_finite()).ok_or(error::TIMEOUT_NOT_A_FLOAT)?;
    let ms = (seconds * 1000.0).ceil();
    if ms >= i64::MAX as f64 {
        return Err(TIMEOUT_OUT_OF_RANGE.into());
    }
    match ms as i64 {
        ..0 => Err(error::TIMEOUT_NEGATIVE.into()),
        0 => Ok(None),
        ms => Ok(Some(now_ms.checked_add(ms).ok_or(TIMEOUT_OUT_OF_RANGE)?)),
    }
}

/// Answers the command `id` where it may not wait. (One whose time is over answers a null array, whichever it is.)
fn answer_nil(id: CommandId, reply: &mut Reply<'_>) {
    match id {
        CommandId::Blmove | CommandId::Brpoplpush => reply.null(),
        _ => reply.null_array(),
    }
}

/// Nothing is there yet: the command waits, or, where it may not, is told so.
fn wait(
    cx: &mut Cx,
    keys: std::ops::Range<usize>,
    kind: Kind,
    deadline_ms: Option<i64>,
    reply: &mut Reply<'_>,
) {
    if cx.no_block {
        return answer_nil(cx.id, reply);
    }
    let keys = keys.map(|at| at as u32).collect();
    cx.block = Some(Box::new(Block { keys, kind, on_loss: false, deadline_ms, rewritten: None }));
}

/// `BLPOP key [key …] timeout`
pub(super) fn blpop(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    pop(shard, cx, args, End::Left, reply)
}

/// `BRPOP key [key …] timeout`
pub(super) fn brpop(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    pop(shard, cx, args, End::Right, reply)
}

fn pop(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, end: End, reply: &mut Reply<'_>) -> Outcome {
    let last = args.len() - 1;
    let until = deadline(args.at(last), cx.now_ms)?;
    let popping = Popping { count: None, with_key: true };
    let keys = (1..last).map(|at| args.at(at));
    if !pop_first(shard, cx, keys, end, popping, reply)? {
        wait(cx, 1..last, Kind::List, until, reply);
    }
    Ok(())
}

/// `BLMPOP timeout numkeys key [key …] LEFT|RIGHT [COUNT count]`
pub(super) fn blmpop(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    // In this order, as Redis: of two mistakes the client hears of the keys'.
    let ManyKeys { keys, end, count } = ManyKeys::parse(args.from(2))?;
    let until = deadline(args.at(1), cx.now_ms)?;
    let (popping, number) = (Popping { count: Some(count), with_key: true }, keys.len());
    if !pop_first(shard, cx, keys.into_iter(), end, popping, reply)? {
        wait(cx, 3..3 + number, Kind::List, until, reply);
    }
    Ok(())
}

/// `BLMOVE source destination LEFT|RIGHT LEFT|RIGHT timeout`
pub(super) fn blmove(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (from, to) = (end_of(args.at(3))?, end_of(args.at(4))?);
    let until = deadline(args.at(5), cx.now_ms)?;
    transfer(shard, cx, args, from, to, until, reply)
}

/// `BRPOPLPUSH source destination timeout`
pub(super) fn brpoplpush(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let until = deadline(args.at(3), cx.now_ms)?;
    transfer(shard, cx, args, End::Right, End::Left, until, reply)
}

fn transfer(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    from: End,
    to: End,
    until: Option<i64>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let (source, target) = (shard.key(args.at(1)), shard.key(args.at(2)));
    if !move_one(shard, cx, (&source, from), (&target, to), reply)? {
        wait(cx, 1..2, Kind::List, until, reply);
    }
    Ok(())
}

/// `BZPOPMIN key [key …] timeout`
pub(super) fn bzpopmin(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    pop_ranked(shard, cx, args, ZEnd::Min, reply)
}

/// `BZPOPMAX key [key …] timeout`
pub(super) fn bzpopmax(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    pop_ranked(shard, cx, args, ZEnd::Max, reply)
}

fn pop_ranked(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, end: ZEnd, reply: &mut Reply<'_>) -> Outcome {
    let last = args.len() - 1;
    let until = deadline(args.at(last), cx.now_ms)?;
    for at in 1..last {
        let name = args.at(at);
        let key = shard.key(name);
        let popped = zset::pop::pop(shard, cx, &key, end, 1, &mut |popped| match popped {
            Popped::Count(_) => {
                reply.array(3);
                reply.bulk(name);
            }
            Popped::Pair(member, score) => {
                zset::member(reply, member);
                zset::score(reply, score);
            }
        })?;
        if popped > 0 {
            return Ok(());
        }
    }
    wait(cx, 1..last, Kind::ZSet, until, reply);
    Ok(())
}

/// `BZMPOP timeout numkeys key [key …] MIN|MAX [COUNT count]`
pub(super) fn bzmpop(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let many = Many::parse(args.from(2))?;
    let until = deadline(args.at(1), cx.now_ms)?;
    if !many.run(shard, cx, reply)? {
        wait(cx, 3..3 + many.keys.len(), Kind::ZSet, until, reply);
    }
    Ok(())
}

/// Nothing is in the streams yet: waits if the command asks for it.
pub(super) fn wait_for_streams(
    shard: &mut Shard,
    cx: &mut Cx,
    request: &Request<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let Some(block_ms) = request.block_ms.filter(|_| !cx.no_block) else {
        reply.null_array();
        return Ok(());
    };
    let rewritten = Some(request.settled(shard, cx)?);
    let keys = request.key_places().map(|at| at as u32).collect();
    let deadline_ms = (block_ms > 0).then(|| cx.now_ms.saturating_add(block_ms));
    let on_loss = cx.id == CommandId::Xreadgroup;
    cx.block = Some(Box::new(Block { keys, kind: Kind::Stream, on_loss, deadline_ms, rewritten }));
    Ok(())
}
