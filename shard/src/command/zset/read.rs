//! What is asked of single members and of counts: ZSCORE ZMSCORE ZCARD ZRANK ZREVRANK ZCOUNT ZLEXCOUNT.

use super::super::{Outcome, Refused};
use super::range::{names, scores};
use super::score;
use crate::shard::{Cx, Shard};
use crate::value::zset::range::Span;
use crate::value::zset::{ZSet, ZSetView};
use proto::args::Args;
use proto::encode::Reply;
use proto::error;

/// `ZSCORE key member`
pub(in super::super) fn zscore(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let key = shard.first_key(cx, args.at(1));
    shard.view::<ZSet, _>(cx, &key, |view| score_or_null(reply, view, args.at(2)))
}

/// `ZMSCORE key member [member …]`
pub(in super::super) fn zmscore(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let key = shard.first_key(cx, args.at(1));
    shard.view::<ZSet, _>(cx, &key, |view| {
        reply.array(args.len() - 2);
        args.from(2).iter().for_each(|member| score_or_null(reply, view, member));
    })
}

fn score_or_null(reply: &mut Reply<'_>, view: Option<ZSetView<'_>>, member: &[u8]) {
    match view.and_then(|view| view.score(member)) {
        Some(number) => score(reply, number),
        None => reply.null(),
    }
}

/// `ZCARD key`
pub(in super::super) fn zcard(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let key = shard.first_key(cx, args.at(1));
    let len = shard.view::<ZSet, _>(cx, &key, |view| view.map_or(0, |view| view.len()))?;
    reply.int(len as i64);
    Ok(())
}

/// `ZRANK key member [WITHSCORE]`
pub(in super::super) fn zrank(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    rank(shard, cx, args, false, reply)
}

/// `ZREVRANK key member [WITHSCORE]`
pub(in super::super) fn zrevrank(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    rank(shard, cx, args, true, reply)
}

fn rank(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reverse: bool, reply: &mut Reply<'_>) -> Outcome {
    if args.len() > 4 {
        return Err(Refused::arity());
    }
    let with_score = args.len() == 4;
    if with_score && !args.at(3).eq_ignore_ascii_case(b"withscore") {
        return Err(error::SYNTAX.into());
    }
    let key = shard.first_key(cx, args.at(1));
    shard.view::<ZSet, _>(cx, &key, |view| {
        let found = view.and_then(|view| Some((view.len(), view.rank(args.at(2))?)));
        match found {
            Some((len, (rank, number))) => {
                let rank = if reverse { len - 1 - rank } else { rank };
                if with_score {
                    reply.array(2);
                }
                reply.int(rank as i64);
                if with_score {
                    score(reply, number);
                }
            }
            None if with_score => reply.null_array(),
            None => reply.null(),
        }
    })
}

/// `ZCOUNT key min max`
pub(in super::super) fn zcount(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    count(shard, cx, args, scores(args.at(2), args.at(3))?, reply)
}

/// `ZLEXCOUNT key min max`
pub(in super::super) fn zlexcount(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    count(shard, cx, args, names(args.at(2), args.at(3))?, reply)
}

fn count(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, span: Span<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = shard.first_key(cx, args.at(1));
    let count = shard.view::<ZSet, _>(cx, &key, |view| view.map_or(0, |v| span.ranks(&v, false).len()))?;
    reply.int(count as i64);
    Ok(())
}
