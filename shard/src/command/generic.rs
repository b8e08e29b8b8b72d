//! Commands on keys of any type: DEL UNLINK EXISTS TOUCH TYPE.

use super::Outcome;
use super::many::each_key;
use crate::db::{Entry, Key, Kind};
use crate::event::Class;
use crate::lookup::Touch;
use crate::shard::{Cx, Shard};
use proto::args::Args;
use proto::encode::Reply;

/// `DEL key [key …]` and `UNLINK key [key …]`: the same here, since no value takes long to free (see
/// [`crate::garbage`]).
pub(super) fn delete(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    each_key(shard, cx, args, 1, |shard, cx, key, _| {
        delete_key(shard, cx, key);
        true
    });
    reply.int(cx.dirty as i64);
    Ok(())
}

/// Deletes a key, if it is there, as a change of the command's.
pub(super) fn delete_key(shard: &mut Shard, cx: &mut Cx, key: &Key<'_>) {
    if shard.delete(cx, cx.db, key) {
        shard.changed(cx, key.bytes, Class::GENERIC, "del");
    }
}

/// `EXISTS key [key …]`: a key named twice counts twice.
pub(super) fn exists(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    count(shard, cx, args, Touch::Never, reply)
}

/// `TOUCH key [key …]`: an access, also for a client with CLIENT NO-TOUCH.
pub(super) fn touch(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    count(shard, cx, args, Touch::Always, reply)
}

fn count(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, touch: Touch, reply: &mut Reply<'_>) -> Outcome {
    let mut found = 0;
    each_key(shard, cx, args, 1, |shard, cx, key, _| {
        found += i64::from(shard.read(cx, key, touch, |entry| entry.is_some()));
        true
    });
    reply.int(found);
    Ok(())
}

/// The name that TYPE and SCAN TYPE use.
pub(super) fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::String => "string",
        Kind::List => "list",
        Kind::Set => "set",
        Kind::ZSet => "zset",
        Kind::Hash => "hash",
        Kind::Stream => "stream",
    }
}

/// `TYPE key`
pub(super) fn r#type(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = shard.first_key(cx, args.at(1));
    let kind = shard.peek(cx, &key, |entry| entry.map(Entry::kind));
    reply.simple(kind.map_or("none", kind_name));
    Ok(())
}
