//! LPUSH RPUSH LPUSHX RPUSHX: elements at an end, in the order given (so that LPUSH turns them round).

use crate::collection::Env;
use crate::command::Outcome;
use crate::event::Class;
use crate::shard::{Cx, Shard};
use crate::value::list::{End, Limits, List};
use proto::args::Args;
use proto::encode::Reply;

/// The name of the event at this end.
pub(super) fn event(end: End) -> &'static str {
    match end {
        End::Left => "lpush",
        End::Right => "rpush",
    }
}

/// `LPUSH key element [element …]`
pub(crate) fn lpush(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    push(shard, cx, args, End::Left, false, reply)
}

/// `RPUSH key element [element …]`
pub(crate) fn rpush(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    push(shard, cx, args, End::Right, false, reply)
}

/// `LPUSHX key element [element …]`: only if the list is there.
pub(crate) fn lpushx(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    push(shard, cx, args, End::Left, true, reply)
}

/// `RPUSHX key element [element …]`: only if the list is there.
pub(crate) fn rpushx(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    push(shard, cx, args, End::Right, true, reply)
}

fn push(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    end: End,
    only_there: bool,
    reply: &mut Reply<'_>,
) -> Outcome {
    let (key, elements) = (shard.first_key(cx, args.at(1)), args.from(2));
    let limits = Limits::of(&shard.settings);
    let edit = |list: &mut List, _: &mut Env<'_>| {
        list.grow_for(&limits, elements.len(), elements.iter().map(<[u8]>::len).sum());
        elements.iter().for_each(|element| list.push(end, element, &limits));
        list.len()
    };
    let edited = if only_there { shard.edit(cx, &key, edit)? } else { Some(shard.upsert(cx, &key, edit)?) };
    if edited.is_some() {
        shard.changed_by(cx, elements.len() as u64, key.bytes, Class::LIST, event(end));
    }
    reply.int(edited.map_or(0, |edited| edited.result as i64));
    Ok(())
}
