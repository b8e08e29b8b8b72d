//! ZADD and ZINCRBY. All scores are read before the first member is written: the command does everything
//! or nothing. [`add_pairs`] is what GEOADD shares.

use super::super::{Outcome, Refused};
use super::{float, score};
use crate::shard::{Cx, Shard};
use crate::value::Collection;
use crate::value::zset::{Added, Limits, When, ZSet};
use proto::args::Args;
use proto::encode::Reply;
use proto::error;

const NX_AND_XX: &str = "ERR XX and NX options at the same time are not compatible";
const GT_LT_NX: &str = "ERR GT, LT, and/or NX options at the same time are not compatible";
const INCR_ONE: &str = "ERR INCR option supports a single increment-element pair";
const NOT_A_NUMBER: &str = "ERR resulting score is not a number (NaN)";

/// Up to this many pairs are read without an allocation.
const FEW: usize = 8;

/// `ZADD key [NX|XX] [GT|LT] [CH] [INCR] score member [score member …]`
pub(in super::super) fn zadd(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let (mut when, mut ch, mut at) = (When::default(), false, 2);
    while let Some(word) = args.get(at) {
        match option(word) {
            Some(Word::Nx) => when.nx = true,
            Some(Word::Xx) => when.xx = true,
            Some(Word::Gt) => when.gt = true,
            Some(Word::Lt) => when.lt = true,
            Some(Word::Ch) => ch = true,
            Some(Word::Incr) => when.incr = true,
            None => break,
        }
        at += 1;
    }
    add(shard, cx, args, at, when, ch, reply)
}

/// `ZINCRBY key increment member`
pub(in super::super) fn zincrby(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    add(shard, cx, args, 2, When { incr: true, ..When::default() }, false, reply)
}

enum Word {
    Nx,
    Xx,
    Gt,
    Lt,
    Ch,
    Incr,
}

/// An option of ZADD. No option begins as a number does, so that scores pass at a glance.
#[inline]
fn option(word: &[u8]) -> Option<Word> {
    let is = |name: &[u8]| word.eq_ignore_ascii_case(name);
    match word.len() {
        2 if is(b"nx") => Some(Word::Nx),
        2 if is(b"xx") => Some(Word::Xx),
        2 if is(b"gt") => Some(Word::Gt),
        2 if is(b"lt") => Some(Word::Lt),
        2 if is(b"ch") => Some(Word::Ch),
        4 if is(b"incr") => Some(Word::Incr),
        _ => None,
    }
}

/// The pairs begin at argument `at`.
fn add(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    at: usize,
    when: When,
    ch: bool,
    reply: &mut Reply<'_>,
) -> Outcome {
    let words = args.from(at);
    let count = words.len() / 2;
    if words.len() % 2 == 1 || count == 0 {
        return Err(error::SYNTAX.into());
    }
    check_options(when, count)?;
    let (mut few, mut many) = ([(0.0, &b""[..]); FEW], Vec::new());
    let pairs = if count <= FEW {
        &mut few[..count]
    } else {
        many.resize(count, (0.0, &b""[..]));
        &mut many[..]
    };
    for (i, pair) in pairs.iter_mut().enumerate() {
        *pair = (float(words.at(2 * i))?, words.at(2 * i + 1));
    }
    add_pairs(shard, cx, args.at(1), pairs, when, ch, reply)
}

fn check_options(when: When, count: usize) -> Outcome {
    if when.nx && when.xx {
        return Err(NX_AND_XX.into());
    }
    if when.nx && (when.gt || when.lt) || when.gt && when.lt {
        return Err(GT_LT_NX.into());
    }
    if when.incr && count > 1 {
        return Err(INCR_ONE.into());
    }
    Ok(())
}

/// How many members an addition has touched; the outcome of its last pair.
#[derive(Default)]
struct Tally {
    new: u64,
    changed: u64,
    last: Option<Added>,
}

/// Adds pairs of score and member to the sorted set at the command's first key, and replies.
pub(in super::super) fn add_pairs(
    shard: &mut Shard,
    cx: &mut Cx,
    key: &[u8],
    pairs: &[(f64, &[u8])],
    when: When,
    ch: bool,
    reply: &mut Reply<'_>,
) -> Outcome {
    let at = shard.first_key(cx, key);
    let edited = shard.upsert(cx, &at, |set: &mut ZSet, env| {
        let limits = Limits::new(&env.settings.thresholds, env.seed);
        let longest = pairs.iter().map(|(_, member)| member.len()).max().unwrap_or(0);
        set.expect(pairs.len(), longest, limits);
        let mut tally = Tally::default();
        for (score, member) in pairs {
            let added = set.add(member, *score, when, limits);
            tally.new += u64::from(matches!(added, Added::New(_)));
            tally.changed += u64::from(matches!(added, Added::Changed(_)));
            tally.last = Some(added);
        }
        tally
    })?;
    let Tally { new, changed, last } = edited.result;
    if new + changed > 0 {
        let event = if when.incr { "zincr" } else { "zadd" };
        shard.changed_by(cx, new + changed, key, ZSet::CLASS, event);
    }
    match last {
        Some(Added::NotANumber) => return Err(Refused::from(NOT_A_NUMBER)),
        Some(Added::New(number) | Added::Changed(number) | Added::Same(number)) if when.incr => {
            score(reply, number);
        }
        _ if when.incr => reply.null(),
        _ => reply.int(if ch { new + changed } else { new } as i64),
    }
    Ok(())
}
