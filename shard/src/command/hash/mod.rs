//! Commands on hashes. Reading a field is in `read`, setting and removing in `write`, arithmetic in `counter`,
//! HSCAN in `scan`, HRANDFIELD in `random`, and the expiry of single fields in `expire`.
//!
//! A field whose time is over is nobody's business but HLEN's (and HDEL's, which counts it): the other commands
//! treat it as absent, and those that name it delete it and tell of it ([`crate::field_expire`]).

mod counter;
mod expire;
mod random;
mod read;
mod scan;
#[cfg(test)]
mod tests;
mod write;

pub(super) use counter::{hincrby, hincrbyfloat};
pub(super) use expire::{
    hexpire, hexpireat, hexpiretime, hpersist, hpexpire, hpexpireat, hpexpiretime, hpttl, httl,
};
pub(super) use random::hrandfield;
pub(super) use read::{hexists, hget, hgetall, hkeys, hlen, hmget, hstrlen, hvals};
pub(super) use scan::hscan;
pub(super) use write::{hdel, hmset, hset, hsetnx};

use crate::collection::Env;
use crate::value::hash::Terms;

/// What a change of a hash goes by.
#[inline]
fn terms<'a>(env: &Env<'a>) -> Terms<'a> {
    Terms { thresholds: &env.settings.thresholds, seed: env.seed, now_ms: env.now_ms }
}
