//! Counters: INCR DECR INCRBY DECRBY, and INCRBYFLOAT.
//!
//! INCRBYFLOAT stores text, never an `int`: a whole result shows as `embstr`. Its arithmetic is that of
//! an x87 `long double`, see [`crate::long_double`].

use super::{Outcome, Refused, integer};
use crate::db::{DetachedValue, StrRef};
use crate::event::Class;
use crate::long_double::LongDouble;
use crate::shard::{Cx, Shard};
use proto::args::Args;
use proto::encode::Reply;
use proto::error;
use proto::number::parse_i64;

/// `INCR key`
pub(super) fn incr(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    add(shard, cx, args, 1, reply)
}

/// `DECR key`
pub(super) fn decr(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    add(shard, cx, args, -1, reply)
}

/// `INCRBY key increment`
pub(super) fn incrby(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    add(shard, cx, args, integer(args.at(2))?, reply)
}

/// `DECRBY key decrement`
pub(super) fn decrby(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let delta = integer(args.at(2))?.checked_neg().ok_or(error::DECREMENT_OVERFLOW)?;
    add(shard, cx, args, delta, reply)
}

fn add(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, delta: i64, reply: &mut Reply<'_>) -> Outcome {
    let key = shard.first_key(cx, args.at(1));
    let sum = shard.write(cx, &key, |entry| {
        let Some(mut entry) = entry else { return Ok(None) };
        let before = match entry.entry().string().ok_or(error::WRONG_TYPE)? {
            StrRef::Int(n) => n,
            StrRef::Bytes(text) => parse_i64(text).ok_or(error::NOT_AN_INTEGER)?,
        };
        let sum = before.checked_add(delta).ok_or(error::INCREMENT_OVERFLOW)?;
        entry.set_int(sum);
        Ok::<_, Refused>(Some(sum))
    })?;
    if sum.is_none() {
        shard.add(cx, &key, DetachedValue::Int(delta));
    }
    shard.changed(cx, key.bytes, Class::STRING, "incrby");
    reply.int(sum.unwrap_or(delta));
    Ok(())
}

/// `INCRBYFLOAT key increment`
pub(super) fn incrbyfloat(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = shard.first_key(cx, args.at(1));
    let delta = LongDouble::parse(args.at(2));
    let (text, is_new) = shard.write(cx, &key, |entry| {
        let before = match &entry {
            None => LongDouble::from(0),
            Some(entry) => match entry.entry().string().ok_or(error::WRONG_TYPE)? {
                StrRef::Int(n) => LongDouble::from(n),
                StrRef::Bytes(text) => LongDouble::parse(text).ok_or(error::NOT_A_FLOAT)?,
            },
        };
        let sum = before.add(&delta.ok_or(error::NOT_A_FLOAT)?);
        let text = sum.to_text().ok_or(error::INCREMENT_NOT_FINITE)?;
        let is_new = entry.is_none();
        if let Some(mut entry) = entry {
            entry.set_bytes(&text);
        }
        Ok::<_, Refused>((text, is_new))
    })?;
    reply.bulk(&text);
    if is_new {
        shard.add(cx, &key, DetachedValue::Bytes(text, false));
    }
    shard.changed(cx, key.bytes, Class::STRING, "incrbyfloat");
    Ok(())
}
