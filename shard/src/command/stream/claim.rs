//! XCLAIM and XAUTOCLAIM: entries that wait too long at one consumer go to another.
//!
//! Both forget, by the way, pending entries whose messages are deleted: nobody could ever be given them.

use super::{Outcome, Refused, bad_xclaim_option, consumer_made, ids, integer_or, no_key_or_group};
use super::{see_consumer, write_entry, write_id};
use crate::db::Key;
use crate::shard::{Cx, Shard};
use crate::value::stream::{ConsumerRef, Group, Log, Nack, Stream, StreamId};
use proto::args::Args;
use proto::encode::{Kind, Reply};
use proto::error;

/// How claimed entries are put down.
#[derive(Default)]
struct Claim {
    min_idle_ms: i64,
    /// When they count as delivered.
    delivered_ms: Option<i64>,
    count: Option<u64>,
    /// Also entries that are pending at nobody.
    force: bool,
    just_id: bool,
    last_id: StreamId,
}

impl Claim {
    /// Gives an entry to a consumer, unless it is pending elsewhere for too short a time; `None` without it.
    fn claim(&self, group: &mut Group, id: StreamId, to: ConsumerRef, now_ms: i64) -> Option<Nack> {
        let before = group.pending().get(&id).copied();
        let count = match before {
            Some(nack)
                if self.min_idle_ms > 0 && now_ms.wrapping_sub(nack.delivered_ms) < self.min_idle_ms =>
            {
                return None;
            }
            Some(nack) => nack.count,
            None if self.force => 1,
            None => return None,
        };
        let count = self.count.unwrap_or(count.wrapping_add(u64::from(!self.just_id)));
        let nack = Nack { consumer: to, delivered_ms: self.delivered_ms.unwrap_or(now_ms), count };
        group.assign(id, nack);
        group.consumer_mut(to).active_ms = Some(now_ms);
        Some(nack)
    }

    /// Writes a claimed entry.
    fn write(&self, reply: &mut Reply<'_>, log: &Log, id: StreamId) {
        match log.get(id) {
            Some(entry) if !self.just_id => write_entry(reply, &entry),
            _ => write_id(reply, id),
        }
    }
}

/// Where options begin after `ids`, which all are.
fn leading_ids(args: Args<'_>) -> (Vec<StreamId>, usize) {
    let ids: Vec<_> = args.from(5).iter().map_while(|text| ids::strict(text).ok()).collect();
    let options_at = 5 + ids.len();
    (ids, options_at)
}

/// XCLAIM's options, from `at` on.
fn parse_claim(args: Args<'_>, mut at: usize, min_idle_ms: i64, now_ms: i64) -> Result<Claim, Refused> {
    let mut claim = Claim { min_idle_ms, ..Claim::default() };
    while let Some(word) = args.get(at) {
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        match args.get(at + 1) {
            _ if is("force") => claim.force = true,
            _ if is("justid") => claim.just_id = true,
            Some(value) if is("idle") => {
                let idle = integer_or(value, "ERR Invalid IDLE option argument for XCLAIM")?;
                claim.delivered_ms = Some(now_ms.wrapping_sub(idle));
            }
            Some(value) if is("time") => {
                claim.delivered_ms = Some(integer_or(value, "ERR Invalid TIME option argument for XCLAIM")?);
            }
            Some(value) if is("retrycount") => {
                let count = integer_or(value, "ERR Invalid RETRYCOUNT option argument for XCLAIM")?;
                claim.count = u64::try_from(count).ok();
            }
            Some(value) if is("lastid") => claim.last_id = ids::strict(value)?,
            _ => return Err(bad_xclaim_option(word)),
        }
        at += if is("force") || is("justid") { 1 } else { 2 };
    }
    // A time that cannot be is taken for now: the client's clock may be another.
    claim.delivered_ms = claim.delivered_ms.filter(|ms| (0..=now_ms).contains(ms));
    Ok(claim)
}

/// Refuses what is no stream, or has no such group.
fn require_group(shard: &mut Shard, cx: &Cx, key: &Key<'_>, group: &[u8]) -> Outcome {
    let there = shard.view::<Stream, _>(cx, key, |stream| {
        stream.is_some_and(|stream| stream.groups.contains_key(group))
    })?;
    if there { Ok(()) } else { Err(no_key_or_group(key.bytes, group)) }
}

/// `XCLAIM key group consumer min-idle-time id [id …] [IDLE ms] [TIME unix-ms] [RETRYCOUNT count] [FORCE] [JUSTID]
/// [LASTID id]`
pub(crate) fn xclaim(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (key, now_ms) = (shard.first_key(cx, args.at(1)), cx.now_ms);
    require_group(shard, cx, &key, args.at(2))?;
    let min_idle_ms = integer_or(args.at(4), "ERR Invalid min-idle-time argument for XCLAIM")?;
    let (wanted, options_at) = leading_ids(args);
    let claim = parse_claim(args, options_at, min_idle_ms.max(0), now_ms)?;
    let edited = shard.edit(cx, &key, |Stream { log, groups }: &mut Stream, _| {
        let Some(group) = groups.get_mut(args.at(2)) else { return (0, false) };
        // Counts as a change if it is the only one.
        let moved_on = claim.last_id > group.last_id;
        group.last_id = group.last_id.max(claim.last_id);
        let (to, made) = see_consumer(group, args.at(3), now_ms);
        let header = reply.deferred();
        let (mut claimed, mut forgotten) = (0, 0);
        for id in wanted {
            if log.get(id).is_none() {
                forgotten += u64::from(group.acknowledge(id));
            } else if claim.claim(group, id, to, now_ms).is_some() {
                claim.write(reply, log, id);
                claimed += 1;
            }
        }
        reply.set_deferred(header, claimed as usize, Kind::Array);
        let changes = claimed + forgotten;
        (if changes == 0 { u64::from(moved_on) } else { changes }, made)
    })?;
    finish(shard, cx, &key, edited.map(|edited| edited.result))
}

/// Counts what a claim has changed.
fn finish(shard: &mut Shard, cx: &mut Cx, key: &Key<'_>, done: Option<(u64, bool)>) -> Outcome {
    if let Some((changes, made)) = done {
        cx.dirty += changes;
        consumer_made(shard, cx, key.bytes, made);
    }
    Ok(())
}

/// Entries that XAUTOCLAIM looks at for each that it may claim.
const ATTEMPTS: u64 = 10;
const COUNT_DEFAULT: u64 = 100;
const COUNT_INVALID: &str = "ERR COUNT must be > 0";
/// Redis's bound, which is that of a buffer's length.
const COUNT_MAX: i64 = i64::MAX / 16;

/// `[COUNT count] [JUSTID]`
fn parse_autoclaim(args: Args<'_>) -> Result<(Claim, u64), Refused> {
    let min_idle_ms = integer_or(args.at(4), "ERR Invalid min-idle-time argument for XAUTOCLAIM")?;
    let mut claim = Claim { min_idle_ms: min_idle_ms.max(0), ..Claim::default() };
    claim.last_id = ids::start(args.at(5))?;
    let (mut count, mut at) = (COUNT_DEFAULT, 6);
    while let Some(word) = args.get(at) {
        match args.get(at + 1) {
            Some(value) if word.eq_ignore_ascii_case(b"count") => {
                let n = integer_or(value, COUNT_INVALID)?;
                count =
                    if (1..=COUNT_MAX).contains(&n) { n as u64 } else { return Err(COUNT_INVALID.into()) };
                at += 1;
            }
            _ if word.eq_ignore_ascii_case(b"justid") => claim.just_id = true,
            _ => return Err(error::SYNTAX.into()),
        }
        at += 1;
    }
    Ok((claim, count))
}

/// `XAUTOCLAIM key group consumer min-idle-time start [COUNT count] [JUSTID]`: where to go on, what was claimed, and
/// the ids that were forgotten.
pub(crate) fn xautoclaim(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (claim, count) = parse_autoclaim(args)?;
    let (key, now_ms) = (shard.first_key(cx, args.at(1)), cx.now_ms);
    require_group(shard, cx, &key, args.at(2))?;
    let edited = shard.edit(cx, &key, |Stream { log, groups }: &mut Stream, _| {
        let Some(group) = groups.get_mut(args.at(2)) else { return (0, false) };
        let (to, made) = see_consumer(group, args.at(3), now_ms);
        let found = walk(log, group, to, &claim, count, now_ms);
        reply.array(3);
        write_id(reply, found.next);
        reply.array(found.claimed.len());
        for &id in &found.claimed {
            claim.write(reply, log, id);
        }
        reply.array(found.forgotten.len());
        for &id in &found.forgotten {
            write_id(reply, id);
        }
        ((found.claimed.len() + found.forgotten.len()) as u64, made)
    })?;
    finish(shard, cx, &key, edited.map(|edited| edited.result))
}

/// What a walk of XAUTOCLAIM comes to.
struct Found {
    /// Where the next one begins; 0-0 when all is done.
    next: StreamId,
    claimed: Vec<StreamId>,
    forgotten: Vec<StreamId>,
}

fn walk(log: &Log, group: &mut Group, to: ConsumerRef, claim: &Claim, count: u64, now_ms: i64) -> Found {
    let mut found = Found { next: StreamId::MIN, claimed: Vec::new(), forgotten: Vec::new() };
    let mut from = Some(claim.last_id);
    let first_after = |group: &Group, from: Option<StreamId>| {
        from.and_then(|from| group.pending().range(from..).next().map(|(&id, _)| id))
    };
    let (mut attempts, mut left) = (count.saturating_mul(ATTEMPTS), count);
    while attempts > 0
        && left > 0
        && let Some(id) = first_after(group, from)
    {
        attempts -= 1;
        from = id.next();
        if log.get(id).is_none() {
            group.acknowledge(id);
            found.forgotten.push(id);
            left -= 1;
        } else if claim.claim(group, id, to, now_ms).is_some() {
            found.claimed.push(id);
            left -= 1;
        }
    }
    found.next = first_after(group, from).unwrap_or_default();
    found
}
