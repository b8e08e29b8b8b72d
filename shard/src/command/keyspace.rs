//! Commands on a whole database: DBSIZE KEYS RANDOMKEY FLUSHDB FLUSHALL SWAPDB.
//!
//! Run by one shard they tell about that shard's part. The server adds the parts up: the numbers of
//! DBSIZE, the keys of KEYS ([`Shard::keys`] writes them without the array's head), one of
//! the keys that RANDOMKEY draws, each weighted with the [`Db::len`](crate::Db::len) of its shard; and it has all shards run FLUSHALL and SWAPDB.

use super::{Outcome, Refused, integer_32};
use crate::lookup::is_expired;
use crate::shard::{Cx, Shard};
use proto::args::Args;
use proto::encode::Reply;
use proto::error;
use proto::glob::{self, Case};

/// `DBSIZE`: counts what is stored, dead keys that were not reaped yet too, as Redis does.
pub(super) fn dbsize(shard: &mut Shard, cx: &mut Cx, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.int(shard.dbs[cx.db].len() as i64);
    Ok(())
}

/// `KEYS pattern`
pub(super) fn keys(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let mut body = Vec::new();
    let found = shard.keys(cx, args.at(1), &mut body);
    reply.array(found);
    reply.raw().extend_from_slice(&body);
    Ok(())
}

/// `RANDOMKEY`: of several shards each puts the number of its keys before the one it has drawn, so that
/// whoever draws among them can be fair.
pub(super) fn randomkey(shard: &mut Shard, cx: &mut Cx, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    match shard.random_key(cx) {
        Some(key) => {
            if shard.place.count > 1 {
                reply.array(2);
                reply.int(shard.dbs[cx.db].len() as i64);
            }
            reply.bulk(&key);
        }
        None => reply.null(),
    }
    Ok(())
}

impl Shard {
    /// Appends the live keys of `cx.db` that match, as bulk strings; how many.
    pub fn keys(&self, cx: &Cx, pattern: &[u8], out: &mut Vec<u8>) -> usize {
        let mut reply = Reply::new(out, cx.resp);
        let all = pattern == b"*";
        let (mut cursor, mut found) = (0, 0);
        loop {
            cursor = self.dbs[cx.db].scan(cursor, &mut |entry| {
                let matches = all || glob::matches(pattern, entry.key(), Case::Sensitive);
                if matches && !is_expired(entry.expire_at(), cx.now_ms) {
                    reply.bulk(entry.key());
                    found += 1;
                }
            });
            if cursor == 0 {
                return found;
            }
        }
    }

    /// A random live key of `cx.db`; dead ones that are drawn are deleted.
    pub fn random_key(&mut self, cx: &Cx) -> Option<Vec<u8>> {
        loop {
            let random = &mut self.random;
            let entry = self.dbs[cx.db].random(&mut || random.draw())?;
            let bytes = entry.key().to_vec();
            if !is_expired(entry.expire_at(), cx.now_ms) {
                return Some(bytes);
            }
            let key = self.key(&bytes);
            self.reap(cx.db, &key);
        }
    }

    /// Empties one database; how many keys it held. They are freed in slices.
    pub fn flush(&mut self, db: usize) -> usize {
        let old = self.dbs[db].take();
        let keys = old.len();
        self.discard_db(old);
        self.expire_cursor.reset(db);
        self.wake_db(db);
        keys
    }

    /// Exchanges two databases.
    pub fn swap_dbs(&mut self, a: usize, b: usize, now_ms: i64) {
        if !self.watches.is_empty() {
            self.touch_swapped(a, b, now_ms);
        }
        self.dbs.swap(a, b);
        self.expire_cursor.swap(a, b);
        self.wake_db(a);
        self.wake_db(b);
    }
}

/// `FLUSHDB [SYNC|ASYNC]`: freed in slices in any case.
pub(super) fn flushdb(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    check_flush(args)?;
    cx.dirty = shard.flush(cx.db) as u64;
    reply.ok();
    Ok(())
}

/// `FLUSHALL [SYNC|ASYNC]`
pub(super) fn flushall(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    check_flush(args)?;
    cx.dirty = (0..shard.dbs.len()).map(|db| shard.flush(db) as u64).sum();
    reply.ok();
    Ok(())
}

fn check_flush(args: Args<'_>) -> Outcome {
    match (args.len(), args.get(1)) {
        (1, _) => Ok(()),
        (2, Some(how)) if how.eq_ignore_ascii_case(b"sync") || how.eq_ignore_ascii_case(b"async") => Ok(()),
        _ => Err(error::SYNTAX.into()),
    }
}

/// `SWAPDB index1 index2`
pub(super) fn swapdb(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let index = |at: usize, text: &'static str| integer_32(args.at(at)).map_err(|_| Refused::from(text));
    let first = index(1, error::FIRST_DB_INDEX_INVALID)?;
    let second = index(2, error::SECOND_DB_INDEX_INVALID)?;
    let known = |index: i32| usize::try_from(index).ok().filter(|&index| index < shard.dbs.len());
    let (Some(first), Some(second)) = (known(first), known(second)) else {
        return Err(error::DB_INDEX_OUT_OF_RANGE.into());
    };
    shard.swap_dbs(first, second, cx.now_ms);
    cx.dirty = 1;
    reply.ok();
    Ok(())
}
