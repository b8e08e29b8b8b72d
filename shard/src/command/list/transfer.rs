//! LMOVE RPOPLPUSH, and the core of their blocking forms: an element from an end of one list to an end of another,
//! or of the same, which turns it round.

use super::pop::{self, told_of_removal};
use super::{end_of, push};
use crate::command::{Outcome, Refused};
use crate::db::{Key, Kind};
use crate::event::Class;
use crate::shard::{Cx, Shard};
use crate::value::list::{End, Limits, List};
use proto::args::Args;
use proto::encode::Reply;
use proto::error;

/// Moves an element, tells and answers; whether there was one. Nothing is moved when a key is of another type.
pub(crate) fn move_one(
    shard: &mut Shard,
    cx: &mut Cx,
    (source, from): (&Key<'_>, End),
    (target, to): (&Key<'_>, End),
    reply: &mut Reply<'_>,
) -> Result<bool, Refused> {
    if !is_list(shard, cx, source)? {
        return Ok(false);
    }
    is_list(shard, cx, target)?;
    let limits = Limits::of(&shard.settings);
    let is_same = source.bytes == target.bytes;
    let put = |list: &mut List, text: &[u8]| {
        list.grow_for(&limits, 1, text.len());
        list.push(to, text, &limits);
    };
    let taken = shard.edit(cx, source, |list: &mut List, _| {
        let text = list.pop(from, |element| element.to_vec());
        if is_same && let Some(text) = &text {
            put(list, text);
        }
        list.shrink(&limits);
        text
    })?;
    let Some((text, emptied)) = taken.and_then(|taken| Some((taken.result?, taken.emptied))) else {
        return Ok(false);
    };
    if !is_same {
        shard.upsert(cx, target, |list: &mut List, _| put(list, &text))?;
    }
    // The two are one change in Redis's count.
    shard.changed_by(cx, 0, target.bytes, Class::LIST, push::event(to));
    told_of_removal(shard, cx, source, 1, pop::event(from), emptied);
    reply.bulk(&text);
    Ok(true)
}

/// Whether a key is there; refused if it is something else than a list.
fn is_list(shard: &mut Shard, cx: &Cx, key: &Key<'_>) -> Result<bool, Refused> {
    match shard.write(cx, key, |entry| entry.map(|entry| entry.entry().kind())) {
        Some(Kind::List) => Ok(true),
        Some(_) => Err(error::WRONG_TYPE.into()),
        None => Ok(false),
    }
}

/// `LMOVE source destination LEFT|RIGHT LEFT|RIGHT`
pub(crate) fn lmove(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (from, to) = (end_of(args.at(3))?, end_of(args.at(4))?);
    move_or_null(shard, cx, args, from, to, reply)
}

/// `RPOPLPUSH source destination`
pub(crate) fn rpoplpush(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    move_or_null(shard, cx, args, End::Right, End::Left, reply)
}

fn move_or_null(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    from: End,
    to: End,
    reply: &mut Reply<'_>,
) -> Outcome {
    let (source, target) = (shard.first_key(cx, args.at(1)), shard.key(args.at(2)));
    if !move_one(shard, cx, (&source, from), (&target, to), reply)? {
        reply.null();
    }
    Ok(())
}
