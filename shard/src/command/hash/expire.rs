//! The expiry of single fields, as Redis 7.4 has it: HEXPIRE HPEXPIRE HEXPIREAT HPEXPIREAT, HPERSIST, and HTTL
//! HPTTL HEXPIRETIME HPEXPIRETIME.
//!
//! Each names its fields as `FIELDS numfields field [field …]` and answers for each in turn:
//!
//! | answer | HEXPIRE                    | HPERSIST                  | HTTL                      |
//! |--------|----------------------------|---------------------------|---------------------------|
//! | -2     | there is no such field     | the same                  | the same                  |
//! | -1     |                            | it has no expiry          | it has no expiry          |
//! | 0      | NX, XX, GT or LT forbid it |                           |                           |
//! | 1      | it expires then            | its expiry is gone        | (or more) the time        |
//! | 2      | that is past: it is gone   |                           |                           |
//!
//! The condition comes before the question whether the time is past. No expiry counts as one that never comes.

use crate::command::{Outcome, Refused, integer};
use crate::db::{Key, Kind};
use crate::event::Class;
use crate::lookup::{Touch, is_expired};
use crate::shard::{Cx, Shard};
use crate::value::Collection;
use crate::value::hash::{Hash, Was};
use proto::args::Args;
use proto::encode::Reply;
use proto::error;
use proto::number::parse_i64;

/// The latest expiry of a field, Unix milliseconds: some time in the year 4199.
const EXPIRY_MAX_MS: i64 = (1 << 46) - 1;

const NO_FIELD: i64 = -2;
const NO_EXPIRY: i64 = -1;
const REFUSED: i64 = 0;
const DONE: i64 = 1;
const DELETED: i64 = 2;

const NEGATIVE: &str = "ERR invalid expire time, must be >= 0";
const NO_FIELDS: &str = "ERR Mandatory argument FIELDS is missing or not at the right position";
const NUMBER_NOT_POSITIVE: &str = "ERR Number of fields must be a positive integer";
const PARAMETER_NOT_POSITIVE: &str = "ERR Parameter `numFields` should be greater than 0";
const NUMBER_DOES_NOT_MATCH: &str = "ERR The `numfields` parameter must match the number of arguments";

/// What follows `FIELDS`, which must stand at `at`.
fn fields_at<'a>(args: Args<'a>, at: usize, not_positive: &'static str) -> Result<Args<'a>, Refused> {
    if !args.get(at).is_some_and(|word| word.eq_ignore_ascii_case(b"fields")) {
        return Err(NO_FIELDS.into());
    }
    let number = args.get(at + 1).and_then(parse_i64).filter(|&n| n > 0).ok_or(not_positive)?;
    let fields = args.from(at + 2);
    if fields.len() as i64 != number {
        return Err(NUMBER_DOES_NOT_MATCH.into());
    }
    Ok(fields)
}

/// Answers the same for every field of a hash that is not there.
fn none_there(reply: &mut Reply<'_>, fields: Args<'_>) {
    reply.array(fields.len());
    fields.iter().for_each(|_| reply.int(NO_FIELD));
}

/// When an expiry may be set.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    Always,
    Nx,
    Xx,
    Gt,
    Lt,
}

impl When {
    fn named(word: &[u8]) -> Self {
        match &*word.to_ascii_lowercase() {
            b"nx" => Self::Nx,
            b"xx" => Self::Xx,
            b"gt" => Self::Gt,
            b"lt" => Self::Lt,
            _ => Self::Always,
        }
    }

    fn allows(self, before: Option<i64>, at: i64) -> bool {
        match self {
            Self::Always => true,
            Self::Nx => before.is_none(),
            Self::Xx => before.is_some(),
            Self::Gt => before.is_some_and(|before| at > before),
            Self::Lt => before.is_none_or(|before| at < before),
        }
    }
}

/// The expiry that a command of HEXPIRE's family asks for, Unix milliseconds.
fn expiry(text: &[u8], base_ms: i64, unit_ms: i64) -> Result<i64, Refused> {
    let n = integer(text)?;
    if n < 0 {
        return Err(NEGATIVE.into());
    }
    let at = n.checked_mul(unit_ms).and_then(|ms| ms.checked_add(base_ms));
    at.filter(|&at| at <= EXPIRY_MAX_MS).ok_or_else(Refused::expire_time)
}

fn set(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    base_ms: i64,
    unit_ms: i64,
    reply: &mut Reply<'_>,
) -> Outcome {
    let key = shard.first_key(cx, args.at(1));
    shard.check_hash(cx, &key)?;
    let at = expiry(args.at(2), base_ms, unit_ms)?;
    let when = When::named(args.at(3));
    let fields = fields_at(args, if when == When::Always { 3 } else { 4 }, PARAMETER_NOT_POSITIVE)?;
    let (mut changed, mut deleted, mut due) = (0, 0, 0);
    let edited = shard.edit::<Hash, _>(cx, &key, |hash, env| {
        reply.array(fields.len());
        for name in fields.iter() {
            let (answer, was) = set_one(hash, name, at, when, env.now_ms);
            reply.int(answer);
            changed += u64::from(answer == DONE);
            deleted += u64::from(answer == DELETED);
            due += usize::from(was == Was::Due);
        }
    })?;
    let Some(edited) = edited else {
        none_there(reply, fields);
        return Ok(());
    };
    shard.fields_expired(cx, &key, due);
    if changed + deleted > 0 {
        let event = if deleted > 0 { "hdel" } else { "hexpire" };
        shard.changed_by(cx, changed + deleted, key.bytes, Class::HASH, event);
    }
    if edited.emptied {
        shard.notify(cx.db, key.bytes, Class::GENERIC, "del");
    }
    Ok(())
}

/// Sets one field's expiry: the answer, and what it was. One whose time is over is deleted.
fn set_one(hash: &mut Hash, name: &[u8], at: i64, when: When, now_ms: i64) -> (i64, Was) {
    let Some((_, before)) = hash.view().get(name) else { return (NO_FIELD, Was::Absent) };
    if is_expired(before, now_ms) {
        return (NO_FIELD, hash.remove(name, now_ms));
    }
    let answer = if !when.allows(before, at) {
        REFUSED
    } else if at <= now_ms {
        hash.remove(name, now_ms);
        DELETED
    } else {
        hash.set_expiry(name, Some(at));
        DONE
    };
    (answer, Was::There)
}

/// `HEXPIRE key seconds [NX|XX|GT|LT] FIELDS numfields field [field …]`
pub(in crate::command) fn hexpire(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    set(shard, cx, args, cx.now_ms, 1000, reply)
}

/// `HPEXPIRE key milliseconds …`
pub(in crate::command) fn hpexpire(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    set(shard, cx, args, cx.now_ms, 1, reply)
}

/// `HEXPIREAT key unix-seconds …`
pub(in crate::command) fn hexpireat(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    set(shard, cx, args, 0, 1000, reply)
}

/// `HPEXPIREAT key unix-milliseconds …`
pub(in crate::command) fn hpexpireat(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    set(shard, cx, args, 0, 1, reply)
}

/// `HPERSIST key FIELDS numfields field [field …]`
pub(in crate::command) fn hpersist(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let key = shard.first_key(cx, args.at(1));
    shard.check_hash(cx, &key)?;
    let fields = fields_at(args, 2, NUMBER_NOT_POSITIVE)?;
    let mut any_changed = false;
    let edited = shard.edit::<Hash, _>(cx, &key, |hash, env| {
        reply.array(fields.len());
        for name in fields.iter() {
            let answer = match hash.view().get(name) {
                None => NO_FIELD,
                Some((_, None)) => NO_EXPIRY,
                Some((_, before)) if is_expired(before, env.now_ms) => NO_FIELD,
                Some(_) => {
                    hash.set_expiry(name, None);
                    any_changed = true;
                    DONE
                }
            };
            reply.int(answer);
        }
    })?;
    if edited.is_none() {
        none_there(reply, fields);
    }
    if any_changed {
        shard.changed(cx, key.bytes, Class::HASH, "hpersist");
    }
    Ok(())
}

/// `HTTL key FIELDS numfields field [field …]`: seconds left, rounded up.
pub(in crate::command) fn httl(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    report(shard, cx, args, cx.now_ms, 1000, reply)
}

/// `HPTTL key …`: milliseconds left.
pub(in crate::command) fn hpttl(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    report(shard, cx, args, cx.now_ms, 1, reply)
}

/// `HEXPIRETIME key …`: Unix seconds, rounded up.
pub(in crate::command) fn hexpiretime(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    report(shard, cx, args, 0, 1000, reply)
}

/// `HPEXPIRETIME key …`: Unix milliseconds.
pub(in crate::command) fn hpexpiretime(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    report(shard, cx, args, 0, 1, reply)
}

fn report(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    base_ms: i64,
    unit_ms: i64,
    reply: &mut Reply<'_>,
) -> Outcome {
    let (key, now_ms) = (shard.first_key(cx, args.at(1)), cx.now_ms);
    shard.view::<Hash, _>(cx, &key, |view| {
        let fields = fields_at(args, 2, NUMBER_NOT_POSITIVE)?;
        let Some(view) = view else {
            none_there(reply, fields);
            return Ok(());
        };
        reply.array(fields.len());
        for name in fields.iter() {
            reply.int(match view.get(name) {
                None => NO_FIELD,
                Some((_, None)) => NO_EXPIRY,
                Some((_, Some(at))) if at <= now_ms => NO_FIELD,
                Some((_, Some(at))) => (at - base_ms + unit_ms - 1) / unit_ms,
            });
        }
        Ok(())
    })?
}

impl Shard {
    /// Refuses a key that holds another type: before anything else is wrong, as in Redis.
    fn check_hash(&mut self, cx: &Cx, key: &Key<'_>) -> Outcome {
        let kind = self.find(cx, cx.db, key, Touch::Never, |entry| entry.map(|entry| entry.entry().kind()));
        match kind {
            Some(kind) if kind != Kind::Hash => Err(error::WRONG_TYPE.into()),
            _ => Ok(()),
        }
    }
}
