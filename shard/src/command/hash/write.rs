//! Setting and removing fields: HSET HMSET HSETNX HDEL.
//!
//! Whether a hash must become a table is decided before the first field is set, by all that will be, as Redis
//! does ([`Hash::prepare`]).

use super::terms;
use crate::command::{Outcome, Refused};
use crate::event::Class;
use crate::shard::{Cx, Shard};
use crate::value::hash::{Hash, Was};
use proto::args::Args;
use proto::encode::Reply;

/// How many fields of a command were new, and how many of these had been there until their time was over.
#[derive(Default)]
struct New {
    all: usize,
    due: usize,
}

impl New {
    #[inline]
    fn note(&mut self, was: Was) {
        self.all += usize::from(was != Was::There);
        self.due += usize::from(was == Was::Due);
    }
}

/// Sets the fields of `key field value [field value …]`.
#[inline]
fn set(shard: &mut Shard, cx: &mut Cx, args: Args<'_>) -> Result<usize, Refused> {
    if !args.len().is_multiple_of(2) {
        return Err(Refused::arity());
    }
    let (key, pairs) = (shard.first_key(cx, args.at(1)), args.from(2));
    let new = shard
        .upsert::<Hash, _>(cx, &key, |hash, env| {
            let (terms, mut new) = (terms(env), New::default());
            hash.prepare(&terms, pairs.iter());
            for at in (0..pairs.len()).step_by(2) {
                new.note(hash.set(pairs.at(at), pairs.at(at + 1), &terms));
            }
            new
        })?
        .result;
    shard.fields_expired(cx, &key, new.due);
    shard.changed_by(cx, (pairs.len() / 2) as u64, key.bytes, Class::HASH, "hset");
    Ok(new.all)
}

/// `HSET key field value [field value …]`
pub(in crate::command) fn hset(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let new = set(shard, cx, args)?;
    reply.int(new as i64);
    Ok(())
}

/// `HMSET key field value [field value …]`: deprecated for HSET.
pub(in crate::command) fn hmset(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    set(shard, cx, args)?;
    reply.ok();
    Ok(())
}

/// `HSETNX key field value`
pub(in crate::command) fn hsetnx(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let (key, name, value) = (shard.first_key(cx, args.at(1)), args.at(2), args.at(3));
    let was = shard
        .upsert::<Hash, _>(cx, &key, |hash, env| {
            let terms = terms(env);
            match hash.was(name, terms.now_ms) {
                Was::There => Was::There,
                _ => {
                    hash.prepare(&terms, [name, value].into_iter());
                    hash.set(name, value, &terms)
                }
            }
        })?
        .result;
    if was != Was::There {
        shard.fields_expired(cx, &key, usize::from(was == Was::Due));
        shard.changed(cx, key.bytes, Class::HASH, "hset");
    }
    reply.int(i64::from(was != Was::There));
    Ok(())
}

/// `HDEL key field [field …]`. A field whose time is over counts, as in Redis 7.4.
pub(in crate::command) fn hdel(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let (key, names) = (shard.first_key(cx, args.at(1)), args.from(2));
    let edited = shard.edit::<Hash, _>(cx, &key, |hash, env| {
        names.iter().filter(|name| hash.remove(name, env.now_ms) != Was::Absent).count()
    })?;
    let Some(edited) = edited.filter(|edited| edited.result > 0) else {
        reply.int(0);
        return Ok(());
    };
    cx.dirty += edited.result as u64 - 1;
    shard.changed_or_emptied(cx, &key, Class::HASH, "hdel", edited.emptied);
    reply.int(edited.result as i64);
    Ok(())
}
