//! LLEN LINDEX LRANGE LPOS: what changes nothing.

use super::{at_least, bulk, magnitude, size};
use crate::command::{Outcome, Refused, integer};
use crate::shard::{Cx, Shard};
use crate::value::list::{Direction, List, ListView, Needle};
use proto::args::Args;
use proto::encode::{Kind, Reply};
use proto::error;

/// `LLEN key`
pub(crate) fn llen(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = shard.first_key(cx, args.at(1));
    let len = shard.view::<List, _>(cx, &key, |list| list.map_or(0, |list| list.len()))?;
    reply.int(len as i64);
    Ok(())
}

/// `LINDEX key index`. Of a key that is not there the index is not even read.
pub(crate) fn lindex(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = shard.first_key(cx, args.at(1));
    shard.view::<List, _>(cx, &key, |list| {
        let found = match list {
            Some(list) => list.index(integer(args.at(2))?).map(|index| (list, index)),
            None => None,
        };
        match found {
            None => reply.null(),
            Some((list, index)) => list.walk(index, Direction::Forward, |element| {
                bulk(reply, element);
                false
            }),
        }
        Ok(())
    })?
}

/// The elements that a start and a stop name, both included and from -1, the last, downwards counted from the
/// end: how many precede them, and how many they are.
pub(super) fn range(len: usize, start: i64, stop: i64) -> (usize, usize) {
    let len = len as i64;
    let from_front = |at: i64| if at < 0 { at.saturating_add(len) } else { at };
    let (start, stop) = (from_front(start).max(0), from_front(stop).min(len - 1));
    if start > stop { (0, 0) } else { (size(start), size(stop - start + 1)) }
}

/// `LRANGE key start stop`
pub(crate) fn lrange(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (start, stop) = (integer(args.at(2))?, integer(args.at(3))?);
    let key = shard.first_key(cx, args.at(1));
    shard.view::<List, _>(cx, &key, |list| {
        let (first, mut left) = list.map_or((0, 0), |list| range(list.len(), start, stop));
        reply.array(left);
        if let Some(list) = list.filter(|_| left > 0) {
            list.walk(first, Direction::Forward, |element| {
                bulk(reply, element);
                left -= 1;
                left > 0
            });
        }
    })
}

const RANK_ZERO: &str = "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use \
     negative to start from the end of the list";

/// What LPOS looks for.
struct Search {
    direction: Direction,
    /// Matches that are passed over.
    skipped: u64,
    /// How many matches are wanted, `u64::MAX` for all; `None` for one that is answered by itself.
    count: Option<u64>,
    /// How many elements are looked at.
    len_max: u64,
}

impl Search {
    fn parse(args: Args<'_>) -> Result<Self, Refused> {
        let (mut rank, mut count, mut len_max) = (1, None, u64::MAX);
        let unless_zero = |n: i64| if n == 0 { u64::MAX } else { n.unsigned_abs() };
        for at in (0..args.len()).step_by(2) {
            let (option, value) = (args.at(at).to_ascii_lowercase(), args.get(at + 1).ok_or(error::SYNTAX)?);
            match option.as_slice() {
                b"rank" => rank = magnitude(value)?,
                b"count" => count = Some(unless_zero(at_least(value, 0, "ERR COUNT can't be negative")?)),
                b"maxlen" => len_max = unless_zero(at_least(value, 0, "ERR MAXLEN can't be negative")?),
                _ => return Err(error::SYNTAX.into()),
            }
            if rank == 0 {
                return Err(RANK_ZERO.into());
            }
        }
        let direction = if rank < 0 { Direction::Backward } else { Direction::Forward };
        Ok(Self { direction, skipped: rank.unsigned_abs() - 1, count, len_max })
    }

    /// Calls `found` with the index of each match that is wanted.
    fn run(&self, list: ListView<'_>, needle: &Needle<'_>, mut found: impl FnMut(usize)) {
        let last = list.len().saturating_sub(1);
        let first = if self.direction == Direction::Forward { 0 } else { last };
        let (mut looked_at, mut skipped, mut left) = (0, 0, self.count.unwrap_or(1));
        list.walk(first, self.direction, |element| {
            if needle.is(element) {
                if skipped < self.skipped {
                    skipped += 1;
                } else {
                    found(first.abs_diff(looked_at));
                    left -= 1;
                }
            }
            looked_at += 1;
            left > 0 && (looked_at as u64) < self.len_max
        });
    }
}

/// `LPOS key element [RANK rank] [COUNT num-matches] [MAXLEN len]`
pub(crate) fn lpos(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let search = Search::parse(args.from(3))?;
    let (key, needle) = (shard.first_key(cx, args.at(1)), Needle::new(args.at(2)));
    shard.view::<List, _>(cx, &key, |list| {
        if search.count.is_none() {
            let mut first = None;
            if let Some(list) = list {
                search.run(list, &needle, |index| first = Some(index));
            }
            return match first {
                None => reply.null(),
                Some(index) => reply.int(index as i64),
            };
        }
        let header = reply.deferred();
        let mut matches = 0;
        if let Some(list) = list {
            search.run(list, &needle, |index| {
                matches += 1;
                reply.int(index as i64);
            });
        }
        reply.set_deferred(header, matches, Kind::Array);
    })
}

#[cfg(test)]
mod tests {
    use super::range;

    #[test]
    fn ranges_are_clipped() {
        for (start, stop, want) in [
            (0, -1, (0, 10)),
            (-3, -1, (7, 3)),
            (2, 4, (2, 3)),
            (4, 2, (0, 0)),
            (-100, 2, (0, 3)),
            (8, 100, (8, 2)),
            (10, 20, (0, 0)),
            (-100, -50, (0, 0)),
            (i64::MIN, i64::MAX, (0, 10)),
            (i64::MAX, i64::MIN, (0, 0)),
        ] {
            assert_eq!(range(10, start, stop), want, "{start} {stop}");
        }
        assert_eq!(range(0, 0, -1), (0, 0));
    }
}
