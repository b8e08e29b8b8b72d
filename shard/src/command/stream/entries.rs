//! The entries of one stream: XLEN XRANGE XREVRANGE XDEL, and XSETID.

use super::{Outcome, Refused, ids, integer, write_entries};
use crate::event::Class;
use crate::shard::{Cx, Shard};
use crate::value::stream::{Stream, StreamId};
use proto::args::Args;
use proto::encode::{Reply, shared};
use proto::error;

const ADDED_NEGATIVE: &str = "ERR entries_added must be positive";
const BELOW_GIVEN: &str = "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id";
const BELOW_DELETED: &str = "ERR The ID specified in XSETID is smaller than current max_deleted_entry_id";
const BELOW_TOP: &str = "ERR The ID specified in XSETID is smaller than the target stream top item";
const BELOW_LENGTH: &str =
    "ERR The entries_added specified in XSETID is smaller than the target stream length";

/// `XLEN key`
pub(crate) fn xlen(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = shard.first_key(cx, args.at(1));
    let len = shard.view::<Stream, _>(cx, &key, |stream| stream.map_or(0, |stream| stream.log.len()))?;
    reply.int(len as i64);
    Ok(())
}

/// `XRANGE key start end [COUNT count]`
pub(crate) fn xrange(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    range(shard, cx, args, (args.at(2), args.at(3)), false, reply)
}

/// `XREVRANGE key end start [COUNT count]`
pub(crate) fn xrevrange(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    range(shard, cx, args, (args.at(3), args.at(2)), true, reply)
}

fn range(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    interval: (&[u8], &[u8]),
    reversed: bool,
    reply: &mut Reply<'_>,
) -> Outcome {
    let (start, end) = (ids::start(interval.0)?, ids::end(interval.1)?);
    let count = count_option(args)?;
    let key = shard.first_key(cx, args.at(1));
    shard.view::<Stream, _>(cx, &key, |stream| {
        let Some(Stream { log, .. }) = stream else {
            reply.raw().extend_from_slice(shared::EMPTY_ARRAY);
            return;
        };
        match (count, reversed) {
            (0, _) => reply.null_array(),
            (_, false) => drop(write_entries(reply, log.range(start, end).take(count))),
            (_, true) => drop(write_entries(reply, log.range_rev(start, end).take(count))),
        }
    })
}

/// `[COUNT count]`: here 0 and less mean none, and no COUNT means all.
fn count_option(args: Args<'_>) -> Result<usize, Refused> {
    let mut count = usize::MAX;
    for at in (4..args.len()).step_by(2) {
        match args.get(at + 1) {
            Some(n) if args.at(at).eq_ignore_ascii_case(b"count") => {
                count = usize::try_from(integer(n)?).unwrap_or(0);
            }
            _ => return Err(error::SYNTAX.into()),
        }
    }
    Ok(count)
}

/// `XDEL key id [id …]`
pub(crate) fn xdel(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = shard.first_key(cx, args.at(1));
    let edited = shard.edit(cx, &key, |stream: &mut Stream, _| {
        Ok::<_, Refused>(match args.len() {
            3 => stream.log.delete(&[ids::strict(args.at(2))?]), // without an allocation
            _ => stream.log.delete(&ids::all(args.from(2))?),
        })
    })?;
    let deleted = edited.map_or(Ok(0), |edited| edited.result)?;
    if deleted > 0 {
        shard.changed_by(cx, deleted, key.bytes, Class::STREAM, "xdel");
    }
    reply.int(deleted as i64);
    Ok(())
}

/// What XSETID sets.
struct Meta {
    last_id: StreamId,
    added: Option<u64>,
    max_deleted: Option<StreamId>,
}

impl Meta {
    fn parse(args: Args<'_>) -> Result<Self, Refused> {
        let last_id = ids::strict(args.at(2))?;
        let mut meta = Self { last_id, added: None, max_deleted: None };
        for at in (3..args.len()).step_by(2) {
            let (word, Some(value)) = (args.at(at), args.get(at + 1)) else {
                return Err(error::SYNTAX.into());
            };
            if word.eq_ignore_ascii_case(b"entriesadded") {
                meta.added = Some(u64::try_from(integer(value)?).map_err(|_| ADDED_NEGATIVE)?);
            } else if word.eq_ignore_ascii_case(b"maxdeletedid") {
                let max = ids::strict(value)?;
                if last_id < max {
                    return Err(BELOW_GIVEN.into());
                }
                meta.max_deleted = Some(max);
            } else {
                return Err(error::SYNTAX.into());
            }
        }
        Ok(meta)
    }

    fn apply(&self, stream: &mut Stream) -> Outcome {
        let log = &mut stream.log;
        if self.last_id < log.max_deleted_id {
            return Err(BELOW_DELETED.into());
        }
        if log.last_live_id().is_some_and(|top| self.last_id < top) {
            return Err(BELOW_TOP.into());
        }
        if self.added.is_some_and(|added| added < log.len()) {
            return Err(BELOW_LENGTH.into());
        }
        log.last_id = self.last_id;
        log.entries_added = self.added.unwrap_or(log.entries_added);
        log.max_deleted_id = self.max_deleted.filter(|&id| id != StreamId::MIN).unwrap_or(log.max_deleted_id);
        Ok(())
    }
}

/// `XSETID key last-id [ENTRIESADDED entries-added] [MAXDELETEDID max-deleted-id]`
pub(crate) fn xsetid(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let meta = Meta::parse(args)?;
    let key = shard.first_key(cx, args.at(1));
    let edited = shard.edit(cx, &key, |stream, _| meta.apply(stream))?;
    edited.ok_or(error::NO_SUCH_KEY)?.result?;
    super::group_changed(shard, cx, key.bytes, "xsetid");
    reply.ok();
    Ok(())
}
