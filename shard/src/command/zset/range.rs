//! ZRANGE, its older forms (ZREVRANGE ZRANGEBYSCORE ZREVRANGEBYSCORE ZRANGEBYLEX ZREVRANGEBYLEX) and
//! ZRANGESTORE: one parser and one walk. The older forms are ZRANGE with what the name says fixed.

use super::super::{Outcome, Refused, integer};
use super::{pair, pairs_header, store};
use crate::shard::{Cx, Shard};
use crate::value::zset::ZSet;
use crate::value::zset::range::{NameBound, ScoreBound, Span, limited};
use proto::args::Args;
use proto::encode::Reply;
use proto::error;

const NOT_A_SCORE: &str = "ERR min or max is not a float";
const NOT_A_NAME: &str = "ERR min or max not valid string range item";
const LIMIT_BY_RANK: &str =
    "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX";
const SCORES_BY_LEX: &str = "ERR syntax error, WITHSCORES not supported in combination with BYLEX";

/// What bounds are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Rank,
    Score,
    Lex,
}

/// What a command's name leaves open.
struct Form {
    /// Argument of the key that is read; bounds and options follow.
    key_at: usize,
    by: Option<By>,
    reverse: Option<bool>,
    stores: bool,
}

/// A range as it was asked for.
struct Query<'a> {
    span: Span<'a>,
    reverse: bool,
    with_scores: bool,
    offset: i64,
    /// Negative: all.
    limit: i64,
}

/// A range of scores.
pub(super) fn scores<'a>(min: &[u8], max: &[u8]) -> Result<Span<'a>, Refused> {
    let bounds = ScoreBound::parse(min).zip(ScoreBound::parse(max));
    Ok(bounds.map(|(min, max)| Span::Scores(min, max)).ok_or(NOT_A_SCORE)?)
}

/// A range of names.
pub(super) fn names<'a>(min: &'a [u8], max: &'a [u8]) -> Result<Span<'a>, Refused> {
    let bounds = NameBound::parse(min).zip(NameBound::parse(max));
    Ok(bounds.map(|(min, max)| Span::Names(min, max)).ok_or(NOT_A_NAME)?)
}

impl<'a> Query<'a> {
    fn parse(args: Args<'a>, form: &Form) -> Result<Self, Refused> {
        let (mut by, mut reverse) = (form.by, form.reverse);
        let (mut with_scores, mut offset, mut limit) = (false, 0, -1);
        let mut at = form.key_at + 3;
        while let Some(word) = args.get(at) {
            let is = |name: &[u8]| word.eq_ignore_ascii_case(name);
            if !form.stores && is(b"withscores") {
                with_scores = true;
            } else if is(b"limit") && at + 2 < args.len() {
                (offset, limit) = (integer(args.at(at + 1))?, integer(args.at(at + 2))?);
                at += 2;
            } else if form.reverse.is_none() && is(b"rev") {
                reverse = Some(true);
            } else if by.is_none() && is(b"bylex") {
                by = Some(By::Lex);
            } else if by.is_none() && is(b"byscore") {
                by = Some(By::Score);
            } else {
                return Err(error::SYNTAX.into());
            }
            at += 1;
        }
        let (by, reverse) = (by.unwrap_or(By::Rank), reverse.unwrap_or(false));
        if limit != -1 && by == By::Rank {
            return Err(LIMIT_BY_RANK.into());
        }
        if with_scores && by == By::Lex {
            return Err(SCORES_BY_LEX.into());
        }
        let (first, second) = (args.at(form.key_at + 1), args.at(form.key_at + 2));
        // What goes downwards is written highest bound first.
        let (min, max) = if reverse { (second, first) } else { (first, second) };
        let span = match by {
            By::Rank => Span::Ranks(integer(first)?, integer(second)?),
            By::Score => scores(min, max)?,
            By::Lex => names(min, max)?,
        };
        if by == By::Rank {
            (offset, limit) = (0, -1);
        }
        Ok(Self { span, reverse, with_scores, offset, limit })
    }
}

fn reply_range(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    by: Option<By>,
    reverse: Option<bool>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let query = Query::parse(args, &Form { key_at: 1, by, reverse, stores: false })?;
    let key = shard.first_key(cx, args.at(1));
    shard.view::<ZSet, _>(cx, &key, |view| {
        let Some(view) = view else { return reply.array(0) };
        let ranks = query.span.ranks(&view, query.reverse);
        let ranks = limited(ranks, query.offset, query.limit, query.reverse);
        pairs_header(reply, ranks.len(), query.with_scores);
        for (member, score) in view.iter(ranks, query.reverse) {
            pair(reply, member, score, query.with_scores);
        }
    })
}

/// `ZRANGE key start stop [BYSCORE|BYLEX] [REV] [LIMIT offset count] [WITHSCORES]`
pub(in super::super) fn zrange(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    reply_range(shard, cx, args, None, None, reply)
}

/// `ZREVRANGE key start stop [WITHSCORES]`
pub(in super::super) fn zrevrange(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    reply_range(shard, cx, args, Some(By::Rank), Some(true), reply)
}

/// `ZRANGEBYSCORE key min max [WITHSCORES] [LIMIT offset count]`
pub(in super::super) fn zrangebyscore(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    reply_range(shard, cx, args, Some(By::Score), Some(false), reply)
}

/// `ZREVRANGEBYSCORE key max min [WITHSCORES] [LIMIT offset count]`
pub(in super::super) fn zrevrangebyscore(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    reply_range(shard, cx, args, Some(By::Score), Some(true), reply)
}

/// `ZRANGEBYLEX key min max [LIMIT offset count]`
pub(in super::super) fn zrangebylex(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    reply_range(shard, cx, args, Some(By::Lex), Some(false), reply)
}

/// `ZREVRANGEBYLEX key max min [LIMIT offset count]`
pub(in super::super) fn zrevrangebylex(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    reply_range(shard, cx, args, Some(By::Lex), Some(true), reply)
}

/// `ZRANGESTORE dst src min max [BYSCORE|BYLEX] [REV] [LIMIT offset count]`
pub(in super::super) fn zrangestore(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let query = Query::parse(args, &Form { key_at: 2, by: None, reverse: None, stores: true })?;
    let source = shard.key(args.at(2));
    let pairs = shard.view::<ZSet, _>(cx, &source, |view| {
        let Some(view) = view else { return Vec::new() };
        let ranks = query.span.ranks(&view, query.reverse);
        let ranks = limited(ranks, query.offset, query.limit, query.reverse);
        view.iter(ranks, false).map(|(member, score)| (score, member.to_vec())).collect()
    })?;
    store(shard, cx, args.at(1), &pairs, "zrangestore", 1);
    reply.int(pairs.len() as i64);
    Ok(())
}
