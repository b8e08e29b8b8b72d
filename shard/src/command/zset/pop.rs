//! ZPOPMIN ZPOPMAX ZMPOP. [`pop`] takes members off one key and tells of it without replying: the
//! blocking forms serve their clients with it, too.

use super::super::{Outcome, Refused, integer};
use super::{member, pairs_header, score};
use crate::db::Key;
use crate::event::Class;
use crate::shard::{Cx, Shard};
use crate::value::Collection;
use crate::value::zset::{Element, ZSet};
use proto::args::Args;
use proto::encode::{Reply, Resp};
use proto::error;

const NUMKEYS: &str = "ERR numkeys should be greater than 0";
const COUNT: &str = "ERR count should be greater than 0";

/// Which end of a sorted set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum End {
    Min,
    Max,
}

impl End {
    /// As ZMPOP and BZMPOP name it.
    pub(crate) fn parse(word: &[u8]) -> Result<Self, Refused> {
        if word.eq_ignore_ascii_case(b"min") {
            Ok(Self::Min)
        } else if word.eq_ignore_ascii_case(b"max") {
            Ok(Self::Max)
        } else {
            Err(error::SYNTAX.into())
        }
    }

    fn event(self) -> &'static str {
        match self {
            Self::Min => "zpopmin",
            Self::Max => "zpopmax",
        }
    }
}

/// What [`pop`] hands out: how many pairs will come, then each.
pub(crate) enum Popped<'a> {
    Count(usize),
    Pair(Element<'a>, f64),
}

/// Takes up to `count` members, at least one, off an end of a sorted set, outermost first; how many, 0 if the key
/// is not there (nothing is handed out then).
///
/// # Errors
/// The key is of another type.
pub(crate) fn pop(
    shard: &mut Shard,
    cx: &mut Cx,
    key: &Key<'_>,
    end: End,
    count: usize,
    emit: &mut dyn FnMut(Popped<'_>),
) -> Result<usize, Refused> {
    let edited = shard.edit(cx, key, |set: &mut ZSet, _| {
        let count = count.min(set.len());
        emit(Popped::Count(count));
        let mut each = |member: Element<'_>, score| emit(Popped::Pair(member, score));
        match end {
            End::Min => set.take(0..count, &mut each),
            End::Max => (0..count).map(|_| set.take(set.len() - 1..set.len(), &mut each)).sum(),
        }
    })?;
    let Some(edited) = edited else { return Ok(0) };
    if edited.result > 0 {
        shard.changed_by(cx, edited.result as u64, key.bytes, ZSet::CLASS, end.event());
        if edited.emptied {
            shard.notify(cx.db, key.bytes, Class::GENERIC, "del");
        }
    }
    Ok(edited.result)
}

/// `ZPOPMIN key [count]`
pub(in super::super) fn zpopmin(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    pop_one_key(shard, cx, args, End::Min, reply)
}

/// `ZPOPMAX key [count]`
pub(in super::super) fn zpopmax(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    pop_one_key(shard, cx, args, End::Max, reply)
}

/// With a count RESP3 has an array for each pair; without, the one pair is flat.
fn pop_one_key(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, end: End, reply: &mut Reply<'_>) -> Outcome {
    if args.len() > 3 {
        return Err(error::SYNTAX.into());
    }
    let count = match args.get(2) {
        None => 1,
        Some(text) => {
            let count = integer(text).ok().and_then(|n| usize::try_from(n).ok());
            count.ok_or(error::VALUE_NOT_POSITIVE)?
        }
    };
    let key = shard.first_key(cx, args.at(1));
    if count == 0 {
        shard.view::<ZSet, _>(cx, &key, |_| ())?;
        reply.array(0);
        return Ok(());
    }
    let nested = args.len() == 3 && reply.resp() == Resp::V3;
    let popped = pop(shard, cx, &key, end, count, &mut |popped| match popped {
        Popped::Count(n) if nested => reply.array(n),
        Popped::Count(n) => reply.array(2 * n),
        Popped::Pair(name, number) => {
            if nested {
                reply.array(2);
            }
            member(reply, name);
            score(reply, number);
        }
    })?;
    if popped == 0 {
        pairs_header(reply, 0, true);
    }
    Ok(())
}

/// What ZMPOP and BZMPOP are asked, from `numkeys` on.
pub(crate) struct Many<'a> {
    pub keys: Vec<&'a [u8]>,
    pub end: End,
    pub count: usize,
}

impl<'a> Many<'a> {
    /// `args` begins with `numkeys`.
    pub(crate) fn parse(args: Args<'a>) -> Result<Self, Refused> {
        let positive = |text: &[u8], otherwise: &'static str| {
            let n = integer(text).ok().and_then(|n| usize::try_from(n).ok()).filter(|&n| n > 0);
            n.ok_or(Refused::from(otherwise))
        };
        let numkeys = positive(args.at(0), NUMKEYS)?;
        let end = End::parse(args.get(numkeys.saturating_add(1)).ok_or(error::SYNTAX)?)?;
        let count = match (args.get(numkeys + 2), args.get(numkeys + 3), args.get(numkeys + 4)) {
            (None, ..) => 1,
            (Some(word), Some(count), more) if word.eq_ignore_ascii_case(b"count") => {
                let count = positive(count, COUNT)?;
                if more.is_some() {
                    return Err(error::SYNTAX.into());
                }
                count
            }
            _ => return Err(error::SYNTAX.into()),
        };
        Ok(Self { keys: args.from(1).iter().take(numkeys).collect(), end, count })
    }

    /// Pops off the first key that has something, and replies; false, and no reply, if none has.
    pub(crate) fn run(&self, shard: &mut Shard, cx: &mut Cx, reply: &mut Reply<'_>) -> Result<bool, Refused> {
        for &name in &self.keys {
            let key = shard.key(name);
            let popped = pop(shard, cx, &key, self.end, self.count, &mut |popped| match popped {
                Popped::Count(n) => {
                    reply.array(2);
                    reply.bulk(name);
                    reply.array(n);
                }
                Popped::Pair(found, number) => {
                    reply.array(2);
                    member(reply, found);
                    score(reply, number);
                }
            })?;
            if popped > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// `ZMPOP numkeys key [key …] MIN|MAX [COUNT count]`
pub(in super::super) fn zmpop(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    if !Many::parse(args.from(1))?.run(shard, cx, reply)? {
        reply.null_array();
    }
    Ok(())
}
