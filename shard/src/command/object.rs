//! What is known about a key besides its value: OBJECT ENCODING, FREQ, IDLETIME, REFCOUNT; MEMORY USAGE.

use super::{Outcome, integer};
use crate::db::{Entry, StrRef};
use crate::lookup::Touch;
use crate::lru;
use crate::shard::{Cx, Shard};
use proto::args::Args;
use proto::encode::Reply;
use proto::error;

/// What Redis answers for an object that it shares.
const REFCOUNT_SHARED: i64 = i32::MAX as i64;
/// Redis keeps the integers below this one as shared objects.
const SHARED_INTEGERS: i64 = 10_000;

/// Elements that MEMORY USAGE looks at when it is not told.
const SAMPLES: usize = 5;

const HELP: &[&str] = &[
    "ENCODING <key>",
    "    Return the kind of internal representation used in order to store the value",
    "    associated with a <key>.",
    "FREQ <key>",
    "    Return the access frequency index of the <key>. The returned integer is",
    "    proportional to the logarithm of the recent access frequency of the key.",
    "IDLETIME <key>",
    "    Return the idle time of the <key>, that is the approximated number of",
    "    seconds elapsed since the last access to the key.",
    "REFCOUNT <key>",
    "    Return the number of references of the value associated with the specified",
    "    <key>.",
];

const NO_IDLETIME: &str = "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that \
    when switching between policies at runtime LRU and LFU data will take some time to adjust.";
const NO_FREQ: &str = "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note \
    that when switching between policies at runtime LRU and LFU data will take some time to adjust.";

/// `OBJECT HELP`
pub(super) fn help(_: &mut Shard, _: &mut Cx, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    super::help(reply, "OBJECT", HELP);
    Ok(())
}

/// What `question` says about the key, or nil when it is not there. Asking is no access.
fn ask<T>(
    shard: &mut Shard,
    cx: &Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
    question: impl FnOnce(&Entry) -> T,
) -> Option<T> {
    let key = shard.first_key(cx, args.at(2));
    let answer = shard.read(cx, &key, Touch::Unnoticed, |entry| entry.map(question));
    if answer.is_none() {
        reply.null();
    }
    answer
}

/// `OBJECT ENCODING key`
pub(super) fn encoding(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    if let Some(encoding) = ask(shard, cx, args, reply, Entry::encoding) {
        reply.bulk(encoding.name().as_bytes());
    }
    Ok(())
}

/// `OBJECT FREQ key`: the LFU counter.
pub(super) fn freq(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    if let Some(bits) = ask(shard, cx, args, reply, Entry::lru) {
        if !shard.settings.maxmemory_policy.is_lfu() {
            return Err(NO_FREQ.into());
        }
        reply.int(i64::from(lru::frequency(bits, &shard.settings, cx.now_ms)));
    }
    Ok(())
}

/// `OBJECT IDLETIME key`: seconds since the last access.
pub(super) fn idletime(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    if let Some(bits) = ask(shard, cx, args, reply, Entry::lru) {
        if shard.settings.maxmemory_policy.is_lfu() {
            return Err(NO_IDLETIME.into());
        }
        reply.int(i64::from(lru::idle_seconds(bits, cx.now_ms)));
    }
    Ok(())
}

/// `OBJECT REFCOUNT key`: nothing is shared here, but small integers answer as Redis's shared ones do.
pub(super) fn refcount(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let shares = shard.settings.shares_integers();
    if let Some(count) = ask(shard, cx, args, reply, |entry| reference_count(entry, shares)) {
        reply.int(count);
    }
    Ok(())
}

pub(super) fn reference_count(entry: &Entry, shares_integers: bool) -> i64 {
    match entry.string() {
        Some(StrRef::Int(0..SHARED_INTEGERS)) if shares_integers => REFCOUNT_SHARED,
        _ => 1,
    }
}

/// `MEMORY USAGE key [SAMPLES count]`: bytes of key, value and entry. It also looks at dead keys.
pub(super) fn memory_usage(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let mut samples_asked = SAMPLES;
    for at in (3..args.len()).step_by(2) {
        let (b"samples", Some(samples)) = (&*args.at(at).to_ascii_lowercase(), args.get(at + 1)) else {
            return Err(error::SYNTAX.into());
        };
        let count = integer(samples)?;
        samples_asked = usize::try_from(count).map_err(|_| error::SYNTAX)?;
    }
    let key = shard.first_key(cx, args.at(2));
    match shard.dbs[cx.db].get(&key) {
        Some(entry) => reply.int(entry.memory(samples_asked) as i64),
        None => reply.null(),
    }
    Ok(())
}
