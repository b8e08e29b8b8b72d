//! Reading hashes: HGET HMGET HEXISTS HSTRLEN, and HGETALL HKEYS HVALS HLEN on all fields.

use super::super::string::{bulk, length};
use crate::command::{Outcome, Refused};
use crate::db::StrRef;
use crate::lookup::is_expired;
use crate::shard::{Cx, Shard};
use crate::value::hash::{Field, Hash, HashView};
use proto::args::Args;
use proto::encode::Reply;

/// A field as a command sees it that names it.
#[derive(Clone, Copy)]
pub(super) enum Seen<'a> {
    Absent,
    /// To be treated as absent, and deleted.
    Due,
    There(StrRef<'a>),
}

#[inline]
pub(super) fn see<'a>(view: Option<HashView<'a>>, name: &[u8], now_ms: i64) -> Seen<'a> {
    match view.and_then(|view| view.get(name)) {
        None => Seen::Absent,
        Some((_, expire_at)) if is_expired(expire_at, now_ms) => Seen::Due,
        Some((value, _)) => Seen::There(value),
    }
}

/// Answers a command on one field, `key field`: with its value, `None` when it is absent.
#[inline]
fn one(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    answer: impl FnOnce(Option<StrRef<'_>>),
) -> Result<(), Refused> {
    let (key, now_ms) = (shard.first_key(cx, args.at(1)), cx.now_ms);
    let is_due = shard.view::<Hash, _>(cx, &key, |view| match see(view, args.at(2), now_ms) {
        Seen::There(value) => {
            answer(Some(value));
            false
        }
        seen => {
            answer(None);
            matches!(seen, Seen::Due)
        }
    })?;
    if is_due {
        shard.reap_met(cx, &key, args.from(2));
    }
    Ok(())
}

/// `HGET key field`
pub(in crate::command) fn hget(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    one(shard, cx, args, |value| match value {
        Some(value) => bulk(reply, value),
        None => reply.null(),
    })
}

/// `HEXISTS key field`
pub(in crate::command) fn hexists(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    one(shard, cx, args, |value| reply.int(i64::from(value.is_some())))
}

/// `HSTRLEN key field`
pub(in crate::command) fn hstrlen(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    one(shard, cx, args, |value| reply.int(value.map_or(0, length) as i64))
}

/// `HMGET key field [field …]`
pub(in crate::command) fn hmget(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let (key, names, now_ms) = (shard.first_key(cx, args.at(1)), args.from(2), cx.now_ms);
    let any_due = shard.view::<Hash, _>(cx, &key, |view| {
        reply.array(names.len());
        let mut any_due = false;
        for name in names.iter() {
            match see(view, name, now_ms) {
                Seen::There(value) => bulk(reply, value),
                seen => {
                    any_due |= matches!(seen, Seen::Due);
                    reply.null();
                }
            }
        }
        any_due
    })?;
    if any_due {
        shard.reap_met(cx, &key, names);
    }
    Ok(())
}

/// `HLEN key`
pub(in crate::command) fn hlen(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let key = shard.first_key(cx, args.at(1));
    let len = shard.view::<Hash, _>(cx, &key, |view| view.map_or(0, HashView::len))?;
    reply.int(len as i64);
    Ok(())
}

/// `HGETALL key`
pub(in crate::command) fn hgetall(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    all(shard, cx, args, reply, Reply::map, |reply, field| {
        bulk(reply, field.name);
        bulk(reply, field.value);
    })
}

/// `HKEYS key`
pub(in crate::command) fn hkeys(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    all(shard, cx, args, reply, Reply::array, |reply, field| bulk(reply, field.name))
}

/// `HVALS key`
pub(in crate::command) fn hvals(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    all(shard, cx, args, reply, Reply::array, |reply, field| bulk(reply, field.value))
}

fn all<'r>(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'r>,
    head: impl FnOnce(&mut Reply<'r>, usize),
    each: impl Fn(&mut Reply<'r>, Field<'_>),
) -> Outcome {
    let (key, now_ms) = (shard.first_key(cx, args.at(1)), cx.now_ms);
    shard.view::<Hash, _>(cx, &key, |view| {
        let Some(view) = view else {
            head(reply, 0);
            return;
        };
        head(reply, view.len() - view.due(now_ms));
        view.each(&mut |field| {
            if !field.is_due(now_ms) {
                each(reply, field);
            }
        });
    })
}
