//! Deadlines: EXPIRE PEXPIRE EXPIREAT PEXPIREAT, TTL PTTL EXPIRETIME PEXPIRETIME, PERSIST.
//!
//! All of them keep Unix milliseconds. A deadline that is not in the future deletes the key at once.

use super::set::set_expire;
use super::{Outcome, Refused, integer};
use crate::event::Class;
use crate::shard::{Cx, Shard};
use proto::args::Args;
use proto::encode::Reply;

/// `EXPIRE key seconds [NX|XX|GT|LT]`
pub(super) fn expire(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    set(shard, cx, args, cx.now_ms, 1000, reply)
}

/// `PEXPIRE key milliseconds [NX|XX|GT|LT]`
pub(super) fn pexpire(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    set(shard, cx, args, cx.now_ms, 1, reply)
}

/// `EXPIREAT key unix-seconds [NX|XX|GT|LT]`
pub(super) fn expireat(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    set(shard, cx, args, 0, 1000, reply)
}

/// `PEXPIREAT key unix-milliseconds [NX|XX|GT|LT]`
pub(super) fn pexpireat(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    set(shard, cx, args, 0, 1, reply)
}

fn set(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    base_ms: i64,
    unit_ms: i64,
    reply: &mut Reply<'_>,
) -> Outcome {
    let when = When::parse(args.from(3))?;
    let n = integer(args.at(2))?.checked_mul(unit_ms).ok_or_else(Refused::expire_time)?;
    let at = n.checked_add(base_ms).ok_or_else(Refused::expire_time)?;
    let key = shard.first_key(cx, args.at(1));
    let now_ms = cx.now_ms;
    let mut is_over = false;
    let changed = shard.write(cx, &key, |entry| match entry {
        Some(mut entry) if when.allows(entry.entry().expire_at(), at) => {
            is_over = at <= now_ms;
            if !is_over {
                entry.set_expire(Some(at));
            }
            true
        }
        _ => false,
    });
    if is_over {
        super::generic::delete_key(shard, cx, &key);
    } else if changed {
        shard.changed(cx, key.bytes, Class::GENERIC, "expire");
    }
    reply.int(i64::from(changed));
    Ok(())
}

/// The conditions of the EXPIRE family.
#[derive(Clone, Copy, Default)]
struct When {
    nx: bool,
    xx: bool,
    gt: bool,
    lt: bool,
}

impl When {
    fn parse(words: Args<'_>) -> Result<Self, Refused> {
        let mut when = Self::default();
        for word in words.iter() {
            let flag = match () {
                () if word.eq_ignore_ascii_case(b"nx") => &mut when.nx,
                () if word.eq_ignore_ascii_case(b"xx") => &mut when.xx,
                () if word.eq_ignore_ascii_case(b"gt") => &mut when.gt,
                () if word.eq_ignore_ascii_case(b"lt") => &mut when.lt,
                () => return Err([b"ERR Unsupported option ", word].concat().into()),
            };
            *flag = true;
        }
        if when.nx && (when.xx || when.gt || when.lt) {
            return Err("ERR NX and XX, GT or LT options at the same time are not compatible".into());
        }
        if when.gt && when.lt {
            return Err("ERR GT and LT options at the same time are not compatible".into());
        }
        Ok(when)
    }

    /// Whether the expiry may go from `before` to `at`. No expiry counts as one that never comes.
    fn allows(self, before: Option<i64>, at: i64) -> bool {
        let denied = self.nx && before.is_some()
            || self.xx && before.is_none()
            || self.gt && before.is_none_or(|before| at <= before)
            || self.lt && before.is_some_and(|before| at >= before);
        !denied
    }
}

/// `TTL key`: seconds left, rounded to the nearest; -1 without expiry, -2 without key.
pub(super) fn ttl(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    report(shard, cx, args, cx.now_ms, 1000, reply)
}

/// `PTTL key`: milliseconds left.
pub(super) fn pttl(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    report(shard, cx, args, cx.now_ms, 1, reply)
}

/// `EXPIRETIME key`: Unix seconds.
pub(super) fn expiretime(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    report(shard, cx, args, 0, 1000, reply)
}

/// `PEXPIRETIME key`: Unix milliseconds.
pub(super) fn pexpiretime(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    report(shard, cx, args, 0, 1, reply)
}

fn report(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    base_ms: i64,
    unit_ms: u64,
    reply: &mut Reply<'_>,
) -> Outcome {
    let key = shard.first_key(cx, args.at(1));
    let expire_at = shard.peek(cx, &key, |entry| entry.map(|entry| entry.expire_at()));
    reply.int(match expire_at {
        None => -2,
        Some(None) => -1,
        Some(Some(at)) => {
            let ms = at.saturating_sub(base_ms).max(0).unsigned_abs();
            ((ms + unit_ms / 2) / unit_ms) as i64
        }
    });
    Ok(())
}

/// `PERSIST key`
pub(super) fn persist(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = shard.first_key(cx, args.at(1));
    let had_expiry = shard.write(cx, &key, |entry| entry.is_some_and(|e| e.entry().expire_at().is_some()));
    if had_expiry {
        set_expire(shard, cx, &key, None);
    }
    reply.int(i64::from(had_expiry));
    Ok(())
}
