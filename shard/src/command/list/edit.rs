//! LSET LINSERT LREM LTRIM: changes within a list.

use super::pop::told_of_removal;
use super::read::range;
use super::{magnitude, size};
use crate::command::{Outcome, Refused, integer};
use crate::event::Class;
use crate::shard::{Cx, Shard};
use crate::value::Collection;
use crate::value::list::{Direction, End, Limits, List, Needle};
use proto::args::Args;
use proto::encode::Reply;
use proto::error;

/// `LSET key index element`
pub(crate) fn lset(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (key, text) = (shard.first_key(cx, args.at(1)), args.at(3));
    let limits = Limits::of(&shard.settings);
    let set = shard.edit(cx, &key, |list: &mut List, _| {
        let index = integer(args.at(2))?;
        list.grow_for(&limits, 1, text.len());
        let index = list.view().index(index).ok_or(error::OUT_OF_RANGE)?;
        list.set(index, text, &limits);
        list.shrink(&limits);
        Ok::<_, Refused>(())
    })?;
    set.ok_or(error::NO_SUCH_KEY)?.result?;
    shard.changed(cx, key.bytes, Class::LIST, "lset");
    reply.ok();
    Ok(())
}

/// `LINSERT key BEFORE|AFTER pivot element`
pub(crate) fn linsert(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let side = match args.at(2).to_ascii_lowercase().as_slice() {
        b"before" => End::Left,
        b"after" => End::Right,
        _ => return Err(error::SYNTAX.into()),
    };
    let (key, pivot, text) = (shard.first_key(cx, args.at(1)), Needle::new(args.at(3)), args.at(4));
    let limits = Limits::of(&shard.settings);
    let inserted = shard.edit(cx, &key, |list: &mut List, _| {
        // As in Redis, it outgrows its listpack for this element even if there is no pivot.
        list.grow_for(&limits, 1, text.len());
        list.insert(&pivot, side, text, &limits).then(|| list.len())
    })?;
    let Some(inserted) = inserted else {
        reply.int(0);
        return Ok(());
    };
    if inserted.result.is_some() {
        shard.changed(cx, key.bytes, Class::LIST, "linsert");
    }
    reply.int(inserted.result.map_or(-1, |len| len as i64));
    Ok(())
}

/// `LREM key count element`: a negative count removes the last ones, 0 all.
pub(crate) fn lrem(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let count = magnitude(args.at(2))?;
    let (key, needle) = (shard.first_key(cx, args.at(1)), Needle::new(args.at(3)));
    let direction = if count < 0 { Direction::Backward } else { Direction::Forward };
    let limits = Limits::of(&shard.settings);
    let removed = shard.edit(cx, &key, |list: &mut List, _| {
        let removed = list.remove(&needle, direction, size(count.abs()));
        if removed > 0 {
            list.shrink(&limits);
        }
        removed
    })?;
    let (count, emptied) = removed.map_or((0, false), |removed| (removed.result, removed.emptied));
    if count > 0 {
        told_of_removal(shard, cx, &key, count, "lrem", emptied);
    }
    reply.int(count as i64);
    Ok(())
}

/// `LTRIM key start stop`. Redis tells of a trim that removed nothing, too.
pub(crate) fn ltrim(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (start, stop) = (integer(args.at(2))?, integer(args.at(3))?);
    let key = shard.first_key(cx, args.at(1));
    let limits = Limits::of(&shard.settings);
    let trimmed = shard.edit(cx, &key, |list: &mut List, _| {
        let len = list.len();
        let (first, count) = range(len, start, stop);
        let parts = [list.remove_range(first + count, len), list.remove_range(0, first)];
        if !list.is_empty() {
            list.shrink(&limits);
        }
        (len - count, parts)
    })?;
    if let Some(trimmed) = trimmed {
        let (removed, parts) = trimmed.result;
        parts.into_iter().for_each(|part| shard.discard_part(part));
        told_of_removal(shard, cx, &key, removed, "ltrim", trimmed.emptied);
    }
    reply.ok();
    Ok(())
}
