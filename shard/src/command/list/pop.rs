//! LPOP RPOP LMPOP, and the cores of their blocking forms.
//!
//! A key that is not there is told apart from one that is by the result of [`pop_from`]: whoever called it
//! answers nil, looks at the next key, or waits.

use super::{at_least, bulk, end_of, size};
use crate::command::{Outcome, Refused};
use crate::db::Key;
use crate::event::Class;
use crate::shard::{Cx, Shard};
use crate::value::Collection;
use crate::value::list::{Direction, End, Limits, List};
use proto::args::Args;
use proto::encode::Reply;
use proto::error;

/// What is popped, and how it is answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Popping {
    /// An array of up to so many elements; `None` for one element by itself.
    pub(crate) count: Option<usize>,
    /// The answer is an array of the key and of that: LMPOP and the blocking forms.
    pub(crate) with_key: bool,
}

/// The name of the event at this end.
pub(super) fn event(end: End) -> &'static str {
    match end {
        End::Left => "lpop",
        End::Right => "rpop",
    }
}

/// Pops from the list at `key`, if there is one, tells and answers; whether there was one.
pub(crate) fn pop_from(
    shard: &mut Shard,
    cx: &mut Cx,
    key: &Key<'_>,
    end: End,
    popping: Popping,
    reply: &mut Reply<'_>,
) -> Result<bool, Refused> {
    let popped = shard.edit(cx, key, |list: &mut List, env| {
        let popped = pop(list, key, end, popping, reply);
        list.shrink(&Limits::of(env.settings));
        popped
    })?;
    let Some(popped) = popped else { return Ok(false) };
    let (count, part) = popped.result;
    shard.discard_part(part);
    told_of_removal(shard, cx, key, count, event(end), popped.emptied);
    Ok(true)
}

/// Tells that `count` elements were removed, and the key with the last of them.
pub(super) fn told_of_removal(
    shard: &mut Shard,
    cx: &mut Cx,
    key: &Key<'_>,
    count: usize,
    event: &'static str,
    emptied: bool,
) {
    shard.changed_by(cx, count as u64, key.bytes, Class::LIST, event);
    if emptied {
        shard.notify(cx.db, key.bytes, Class::GENERIC, "del");
    }
}

/// Pops and answers; how many, and what is to be discarded.
fn pop(list: &mut List, key: &Key<'_>, end: End, popping: Popping, reply: &mut Reply<'_>) -> (usize, List) {
    if popping.with_key {
        reply.array(2);
        reply.bulk(key.bytes);
    }
    let Some(wanted) = popping.count else {
        list.pop(end, |element| bulk(reply, element));
        return (1, List::default());
    };
    let len = list.len();
    let count = wanted.min(len);
    reply.array(count);
    let (from, direction) = match end {
        End::Left => (0, Direction::Forward),
        End::Right => (len - 1, Direction::Backward),
    };
    let mut left = count;
    list.view().walk(from, direction, |element| {
        bulk(reply, element);
        left -= 1;
        left > 0
    });
    let first = if end == End::Left { 0 } else { len - count };
    (count, list.remove_range(first, count))
}

/// Pops from the first of these keys that is there; whether one was.
pub(crate) fn pop_first<'k>(
    shard: &mut Shard,
    cx: &mut Cx,
    keys: impl Iterator<Item = &'k [u8]>,
    end: End,
    popping: Popping,
    reply: &mut Reply<'_>,
) -> Result<bool, Refused> {
    for key in keys {
        let key = shard.key(key);
        if pop_from(shard, cx, &key, end, popping, reply)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// `LPOP key [count]`
pub(crate) fn lpop(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    pop_one_key(shard, cx, args, End::Left, reply)
}

/// `RPOP key [count]`
pub(crate) fn rpop(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    pop_one_key(shard, cx, args, End::Right, reply)
}

fn pop_one_key(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, end: End, reply: &mut Reply<'_>) -> Outcome {
    if args.len() > 3 {
        return Err(Refused::arity());
    }
    let count = args.get(2).map(|count| at_least(count, 0, error::VALUE_NOT_POSITIVE)).transpose()?;
    let key = shard.first_key(cx, args.at(1));
    let found = match count {
        // Only the type is asked for.
        Some(0) => shard.edit(cx, &key, |_: &mut List, _| reply.array(0))?.is_some(),
        _ => {
            let popping = Popping { count: count.map(size), with_key: false };
            pop_from(shard, cx, &key, end, popping, reply)?
        }
    };
    if !found {
        if count.is_some() { reply.null_array() } else { reply.null() }
    }
    Ok(())
}

/// The arguments of LMPOP, and of BLMPOP behind its timeout: `numkeys key [key …] LEFT|RIGHT [COUNT count]`.
pub(crate) struct ManyKeys<'a> {
    pub(crate) keys: Vec<&'a [u8]>,
    pub(crate) end: End,
    pub(crate) count: usize,
}

impl<'a> ManyKeys<'a> {
    pub(crate) fn parse(args: Args<'a>) -> Result<Self, Refused> {
        let number = at_least(args.get(0).unwrap_or_default(), 1, "ERR numkeys should be greater than 0")?;
        let behind = size(number).checked_add(1).ok_or(error::SYNTAX)?;
        let end = end_of(args.get(behind).ok_or(error::SYNTAX)?)?;
        let mut count = None;
        let mut at = behind + 1;
        while let Some(word) = args.get(at) {
            let value = args.get(at + 1).filter(|_| count.is_none() && word.eq_ignore_ascii_case(b"count"));
            let value = value.ok_or(error::SYNTAX)?;
            count = Some(size(at_least(value, 1, "ERR count should be greater than 0")?));
            at += 2;
        }
        let keys = args.from(1).iter().take(behind - 1).collect();
        Ok(Self { keys, end, count: count.unwrap_or(1) })
    }
}

/// `LMPOP numkeys key [key …] LEFT|RIGHT [COUNT count]`
pub(crate) fn lmpop(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let ManyKeys { keys, end, count } = ManyKeys::parse(args.from(1))?;
    let popping = Popping { count: Some(count), with_key: true };
    if !pop_first(shard, cx, keys.into_iter(), end, popping, reply)? {
        reply.null_array();
    }
    Ok(())
}
