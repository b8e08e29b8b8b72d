//! Commands on many strings: MGET MSET MSETNX.
//!
//! Of MGET and MSET a shard gets those keys that it owns, as the same command with fewer keys.

use super::{Outcome, Refused};
use crate::db::Key;
use crate::event::Class;
use crate::lookup::{Expiry, Touch};
use crate::shard::{Cx, Shard};
use proto::args::Args;
use proto::encode::Reply;

/// The key at `at`: the first one comes with its hash.
pub(super) fn key_at<'a>(shard: &Shard, cx: &Cx, args: Args<'a>, at: usize) -> Key<'a> {
    if at == 1 { shard.first_key(cx, args.at(1)) } else { shard.key(args.at(at)) }
}

/// `MGET key [key …]`. What is not a string is nil, too.
pub(super) fn mget(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.array(args.len() - 1);
    for at in 1..args.len() {
        let key = key_at(shard, cx, args, at);
        shard.read(cx, &key, Touch::Normal, |entry| match entry.and_then(|entry| entry.string()) {
            None => reply.null(),
            Some(value) => super::string::bulk(reply, value),
        });
    }
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
    for at in (1..args.len()).step_by(2) {
        let key = key_at(shard, cx, args, at);
        if shard.is_there(cx, cx.db, &key) {
            reply.int(0);
            return Ok(());
        }
    }
    write_all(shard, cx, args);
    reply.int(1);
    Ok(())
}

fn check_pairs(args: Args<'_>) -> Outcome {
    if args.len().is_multiple_of(2) { Err(Refused::arity()) } else { Ok(()) }
}

fn write_all(shard: &mut Shard, cx: &mut Cx, args: Args<'_>) {
    for at in (1..args.len()).step_by(2) {
        let key = key_at(shard, cx, args, at);
        shard.put_string(cx, &key, args.at(at + 1), Expiry::Clear);
        shard.changed(cx, key.bytes, Class::STRING, "set");
    }
}
