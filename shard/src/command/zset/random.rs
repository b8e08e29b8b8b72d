//! ZRANDMEMBER. Ranks make it simple: a random member is the member of a random rank, each as likely as any
//! other, and several different ones are several different ranks.

use super::super::{Outcome, integer};
use super::{member, pair, pairs_header};
use crate::random::Random;
use crate::shard::{Cx, Shard};
use crate::value::zset::{ZSet, ZSetView, below};
use proto::args::Args;
use proto::encode::Reply;
use proto::error;
use std::collections::BTreeSet;

/// Fewer members than one in so many are drawn one by one, more by a walk over all.
const WALK_SHARE: usize = 3;
/// Bytes that a member takes in a reply, at the least: what the number of repeated ones is bounded by.
const REPLY_BYTES_MIN: u64 = 8;

/// `ZRANDMEMBER key [count [WITHSCORES]]`: different members, or with a negative count any.
pub(in super::super) fn zrandmember(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let Some(count) = args.get(2) else { return one(shard, cx, args, reply) };
    let count = integer(count)?;
    if count == i64::MIN {
        return Err(error::value_not_between(-i64::MAX, i64::MAX).into());
    }
    let with_scores = args.get(3).is_some_and(|word| word.eq_ignore_ascii_case(b"withscores"));
    if args.len() > 4 || args.len() == 4 && !with_scores {
        return Err(error::SYNTAX.into());
    }
    if with_scores && count.unsigned_abs() > i64::MAX as u64 / 2 {
        return Err(error::VALUE_OUT_OF_RANGE.into());
    }
    let repeated_max = shard.settings.bulk_len_max / REPLY_BYTES_MIN;
    let key = shard.first_key(cx, args.at(1));
    let mut random = Random::new(shard.random.draw());
    shard.view::<ZSet, _>(cx, &key, |view| {
        let Some(view) = view.filter(|_| count != 0) else {
            reply.array(0);
            return Ok(());
        };
        if count < 0 && count.unsigned_abs() > repeated_max {
            return Err(error::VALUE_OUT_OF_RANGE.into());
        }
        let wanted = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
        if count < 0 || count == 1 {
            pairs_header(reply, wanted, with_scores);
            for (name, number) in (0..wanted).filter_map(|_| view.random(&mut random)) {
                pair(reply, name, number, with_scores);
            }
        } else {
            different(view, wanted.min(view.len()), with_scores, &mut random, reply);
        }
        Ok(())
    })?
}

fn one(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = shard.first_key(cx, args.at(1));
    let mut random = Random::new(shard.random.draw());
    shard.view::<ZSet, _>(cx, &key, |view| match view.and_then(|view| view.random(&mut random)) {
        Some((name, _)) => member(reply, name),
        None => reply.null(),
    })
}

/// `wanted` different members, each choice as likely as any other.
fn different(
    view: ZSetView<'_>,
    wanted: usize,
    with_scores: bool,
    random: &mut Random,
    reply: &mut Reply<'_>,
) {
    let len = view.len();
    pairs_header(reply, wanted, with_scores);
    if wanted < len / WALK_SHARE {
        let mut drawn = BTreeSet::new();
        while drawn.len() < wanted {
            let rank = below(random, len);
            if drawn.insert(rank) {
                for (name, number) in view.iter(rank..rank + 1, false) {
                    pair(reply, name, number, with_scores);
                }
            }
        }
        return;
    }
    // Knuth's selection: each is taken with the chance that makes the number come out right.
    let (mut left, mut needed) = (len, wanted);
    for (name, number) in view.all() {
        if below(random, left) < needed {
            pair(reply, name, number, with_scores);
            needed -= 1;
        }
        left -= 1;
    }
}
