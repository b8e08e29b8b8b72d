//! SCAN, over all shards with one cursor.
//!
//! A cursor on the wire is `cursor of the table x number of shards + index of the shard`. So whoever
//! routes the command finds the shard with one division; a shard that is through hands on to the next
//! one's beginning, which is its bare index; and only the last answers 0. With one shard the cursor is
//! the table's own. (A cursor at a shard's beginning is sent to those behind it as well, each of which starts
//! at its own: few keys on many shards come with one call, as clients expect of few keys.)
//!
//! Dead keys that pass the filters are deleted on the way, as in Redis. The work of one call is bounded
//! by COUNT as there: it ends when COUNT entries were seen, or after ten times as many steps (a few
//! hundred at least: a step that finds nothing takes nanoseconds).

use super::generic::kind_name;
use super::{Outcome, Refused, integer};
use crate::db::Kind;
use crate::lookup::is_expired;
use crate::shard::{Cx, Shard};
use proto::args::Args;
use proto::encode::Reply;
use proto::error;
use proto::glob::{self, Case};
use proto::number::parse_u64;

const KINDS: [Kind; 6] = [Kind::String, Kind::List, Kind::Set, Kind::ZSet, Kind::Hash, Kind::Stream];

/// Steps of the table for each key asked for, should they find nothing.
const STEPS_PER_COUNT: u64 = 10;
/// And for the call: enough for a whole round of a small table, whatever COUNT is.
const STEPS_MIN: u64 = 256;

struct Options<'a> {
    count: u64,
    pattern: Option<&'a [u8]>,
    kind: Option<Kind>,
}

impl<'a> Options<'a> {
    fn parse(args: Args<'a>) -> Result<Self, Refused> {
        let mut options = Self { count: 10, pattern: None, kind: None };
        for at in (0..args.len()).step_by(2) {
            let (word, Some(value)) = (args.at(at), args.get(at + 1)) else {
                return Err(error::SYNTAX.into());
            };
            if word.eq_ignore_ascii_case(b"count") {
                let count = u64::try_from(integer(value)?).ok().filter(|&count| count > 0);
                options.count = count.ok_or(error::SYNTAX)?;
            } else if word.eq_ignore_ascii_case(b"match") {
                options.pattern = (value != b"*").then_some(value);
            } else if word.eq_ignore_ascii_case(b"type") {
                options.kind = Some(kind_named(value)?);
            } else {
                return Err(error::SYNTAX.into());
            }
        }
        Ok(options)
    }
}

fn kind_named(name: &[u8]) -> Result<Kind, Refused> {
    let is_named = |kind: &&Kind| name.eq_ignore_ascii_case(kind_name(**kind).as_bytes());
    KINDS
        .iter()
        .find(is_named)
        .copied()
        .ok_or_else(|| Refused::from(format!("ERR unknown type name '{}'", String::from_utf8_lossy(name))))
}

/// `SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]`
pub(super) fn scan(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let cursor = parse_u64(args.at(1)).ok_or(error::INVALID_CURSOR)?;
    let options = Options::parse(args.from(2))?;
    let (mut keys, mut found) = (Vec::new(), 0);
    let mut dead: Vec<Vec<u8>> = Vec::new();
    let mut sampled = 0;
    let mut steps_left = options.count.saturating_mul(STEPS_PER_COUNT).max(STEPS_MIN);
    let mut inner = cursor / shard.place.count as u64;
    loop {
        let mut body = Reply::new(&mut keys, cx.resp);
        inner = shard.dbs[cx.db].scan(inner, &mut |entry| {
            sampled += 1;
            let passes = options.kind.is_none_or(|kind| kind == entry.kind())
                && options.pattern.is_none_or(|p| glob::matches(p, entry.key(), Case::Sensitive));
            if passes && is_expired(entry.expire_at(), cx.now_ms) {
                dead.push(entry.key().to_vec());
            } else if passes {
                body.bulk(entry.key());
                found += 1;
            }
        });
        steps_left -= 1;
        if inner == 0 || sampled >= options.count || steps_left == 0 {
            break;
        }
    }
    for key in &dead {
        let key = shard.key(key);
        shard.reap(cx.db, &key);
    }
    reply.array(2);
    reply.bulk(next_cursor(shard, inner).to_string().as_bytes());
    reply.array(found);
    reply.raw().extend_from_slice(&keys);
    Ok(())
}

/// The cursor on the wire after a step of this shard's table.
fn next_cursor(shard: &Shard, inner: u64) -> u64 {
    let (index, count) = (shard.place.index as u64, shard.place.count as u64);
    if inner != 0 {
        // A table's cursor counts its buckets, so the product is far from 2^64.
        return inner * count + index;
    }
    if index + 1 < count { index + 1 } else { 0 }
}
