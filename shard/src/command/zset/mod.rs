//! Commands on sorted sets.
//!
//! | file      | commands                                                                      |
//! |-----------|-------------------------------------------------------------------------------|
//! | `add`     | ZADD ZINCRBY                                                                  |
//! | `read`    | ZSCORE ZMSCORE ZCARD ZRANK ZREVRANK ZCOUNT ZLEXCOUNT                          |
//! | `range`   | ZRANGE and its older forms, ZRANGESTORE                                       |
//! | `remove`  | ZREM ZREMRANGEBYRANK ZREMRANGEBYSCORE ZREMRANGEBYLEX                          |
//! | `pop`     | ZPOPMIN ZPOPMAX ZMPOP; [`pop::pop`] is what their blocking forms need         |
//! | `random`  | ZRANDMEMBER                                                                   |
//! | `scan`    | ZSCAN                                                                         |
//! | `combine` | ZUNION ZINTER ZDIFF, their STORE forms, ZINTERCARD; `input` reads their inputs |

pub(super) mod add;
pub(super) mod combine;
mod input;
pub(crate) mod pop;
pub(super) mod random;
pub(super) mod range;
pub(super) mod read;
pub(super) mod remove;
pub(super) mod scan;
#[cfg(test)]
mod tests;

use super::Refused;
use crate::event::Class;
use crate::shard::{Cx, Shard};
use crate::value::Collection;
use crate::value::zset::{Element, Limits, ZSet};
use proto::encode::{Reply, Resp};
use proto::error;
use proto::number::parse_f64;

/// Appends a member as a bulk string.
#[inline]
pub(super) fn member(reply: &mut Reply<'_>, member: Element<'_>) {
    match member {
        Element::Bytes(bytes) => reply.bulk(bytes),
        Element::Int(n) => reply.bulk_int(n),
    }
}

/// Appends a score. Most are whole numbers, which need no text of their own.
#[inline]
pub(super) fn score(reply: &mut Reply<'_>, score: f64) {
    /// Below this doubles have whole parts of an `i64`, exactly.
    const EXACT_MAX: f64 = (1u64 << 53) as f64;
    let whole = score as i64;
    let is_whole =
        score.abs() < EXACT_MAX && whole as f64 == score && (whole != 0 || score.is_sign_positive());
    if is_whole && reply.resp() == Resp::V2 {
        reply.bulk_int(whole);
    } else {
        reply.double(score);
    }
}

/// The header of `n` pairs, or members if scores are not asked for: RESP2 has one flat array.
pub(super) fn pairs_header(reply: &mut Reply<'_>, n: usize, with_scores: bool) {
    let flat = with_scores && reply.resp() == Resp::V2;
    reply.array(if flat { 2 * n } else { n });
}

/// One of those pairs: in RESP3 an array of its own.
#[inline]
pub(super) fn pair(reply: &mut Reply<'_>, name: Element<'_>, number: f64, with_scores: bool) {
    if with_scores && reply.resp() == Resp::V3 {
        reply.array(2);
    }
    member(reply, name);
    if with_scores {
        score(reply, number);
    }
}

/// An argument that must be a double.
pub(super) fn float(text: &[u8]) -> Result<f64, Refused> {
    Ok(parse_f64(text).ok_or(error::NOT_A_FLOAT)?)
}

/// Puts a sorted set of these pairs, which are in order, in the place of `key`; no pairs remove it. `count` changes
/// are counted for a set that is stored.
pub(super) fn store<M: AsRef<[u8]>>(
    shard: &mut Shard,
    cx: &mut Cx,
    key: &[u8],
    pairs: &[(f64, M)],
    event: &'static str,
    count: u64,
) {
    let limits = Limits::new(&shard.settings.thresholds, shard.seed());
    let at = shard.key(key);
    let there = shard.store(cx, &at, ZSet::collect(pairs, limits));
    if !pairs.is_empty() {
        shard.changed_by(cx, count, key, ZSet::CLASS, event);
    } else if there {
        shard.changed(cx, key, Class::GENERIC, "del");
    }
}
