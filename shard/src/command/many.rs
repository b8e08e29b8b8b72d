//! Commands on many strings: MGET MSET MSETNX.
//!
//! Of MGET and MSET a shard gets those keys that it owns, as the same command with fewer keys.
//!
//! A command knows all its keys before it looks for the first: [`each_key`] asks the cache for them together, so that
//! ten keys wait for memory about once, not ten times.

use super::{Outcome, Refused};
use crate::db::Key;
use crate::event::Class;
use crate::lookup::{Expiry, Touch};
use crate::shard::{Cx, Shard};
use proto::args::Args;
use proto::encode::Reply;

/// Keys that are asked for together: about as many cache misses as a core can have under way.
const TOGETHER: usize = 16;

/// The key at `at`: the first one comes with its hash.
pub(super) fn key_at<'a>(shard: &Shard, cx: &Cx, args: Args<'a>, at: usize) -> Key<'a> {
    if at == 1 { shard.first_key(cx, args.at(1)) } else { shard.key(args.at(at)) }
}

/// Calls `on_key` with every `step`-th argument from the first on and its index, in order, until it says no; what
/// the table has of them is on its way into the cache by then.
pub(super) fn each_key<'a>(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'a>,
    step: usize,
    mut on_key: impl FnMut(&mut Shard, &mut Cx, &Key<'a>, usize) -> bool,
) {
    let mut hashes = [0; TOGETHER];
    for first in (1..args.len()).step_by(step * TOGETHER) {
        let group = || (first..args.len()).step_by(step).take(TOGETHER);
        for (hash, at) in hashes.iter_mut().zip(group()) {
            *hash = key_at(shard, cx, args, at).hash;
        }
        let (hashes, db) = (&hashes[..group().count()], &shard.dbs[cx.db]);
        if hashes.len() > 1 {
            hashes.iter().for_each(|&hash| db.prefetch_bucket(hash));
            hashes.iter().for_each(|&hash| db.prefetch_entry(hash));
        }
        for (&hash, at) in hashes.iter().zip(group()) {
            if !on_key(shard, cx, &Key { bytes: args.at(at), hash }, at) {
                return;
            }
        }
    }
}

/// `MGET key [key …]`. What is not a string is nil, too.
pub(super) fn mget(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.array(args.len() - 1);
    each_key(shard, cx, args, 1, |shard, cx, key, _| {
        shard.read(cx, key, Touch::Normal, |entry| match entry.and_then(|entry| entry.string()) {
            None => reply.null(),
            Some(value) => super::string::bulk(reply, value),
        });
        true
    });
    Ok(())
}

/// `MSET key value [key value …]`
pub(super) fn mset(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    check_pairs(args)?;
    write_all(shard, cx, args);
    reply.ok();
    Ok(())
}

/// `MSETNX key value [key value …]`: all or, when one of the keys is there, nothing.
pub(super) fn msetnx(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    check_pairs(args)?;
    let mut none = true;
    each_key(shard, cx, args, 2, |shard, cx, key, _| {
        none = !shard.is_there(cx, cx.db, key);
        none
    });
    if !none {
        reply.int(0);
        return Ok(());
    }
    write_all(shard, cx, args);
    reply.int(1);
    Ok(())
}

fn check_pairs(args: Args<'_>) -> Outcome {
    if args.len().is_multiple_of(2) { Err(Refused::arity()) } else { Ok(()) }
}

fn write_all(shard: &mut Shard, cx: &mut Cx, args: Args<'_>) {
    each_key(shard, cx, args, 2, |shard, cx, key, at| {
        shard.put_string(cx, key, args.at(at + 1), Expiry::Clear);
        shard.changed(cx, key.bytes, Class::STRING, "set");
        true
    });
}
