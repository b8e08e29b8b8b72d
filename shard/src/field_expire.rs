//! The expiry of single fields of hashes: reaping those that are met, and finding those that are not.
//!
//! A field lives through its last millisecond; from then on it is *due*, and invisible. It is deleted
//!
//! - by a command that meets it (HGET, HINCRBY …), which then tells of `hexpired` before its own event;
//! - by active expiry, from [`Shard::expire_slice`]. Each database keeps its hashes in the order of their first
//!   deadline ([`Db::first_field_deadline`](crate::Db::first_field_deadline)), in the table itself, so that
//!   whatever happens to a key (DEL, RENAME, COPY, SWAPDB, FLUSHALL, a loan to another shard) the order is right
//!   without anyone's care. A call goes to the hash that is due first, reaps some of its fields, and goes on
//!   until nothing is due or its budget ends; a hash of a million fields that die at once takes many calls.
//!
//! A hash goes with its last field: `hexpired`, then `del`. Neither counts as a change of a client's
//! (`rdb_changes_since_last_save`), but WATCHes break.

use crate::db::Key;
use crate::event::Class;
use crate::expire::Expired;
use crate::lookup::is_expired;
use crate::shard::{Cx, Shard};
use crate::value::hash::{Hash, Was};
use proto::args::Args;
use proto::command::CommandId;

/// Fields that may be reaped in the time that a bucket of keys may take.
const FIELDS_PER_BUCKET: usize = 4;
/// What looking at a hash costs besides, in fields.
const HASH_COST: usize = 2;

impl Shard {
    /// Active expiry of fields, for about the time that `buckets` buckets of keys take.
    pub(crate) fn expire_fields(&mut self, now_ms: i64, buckets: usize, done: &mut Expired) {
        let mut left = buckets.saturating_mul(FIELDS_PER_BUCKET);
        for _ in 0..self.dbs.len() {
            let db = self.expire_cursor.next_fields_db;
            let mut cx = Cx::new(CommandId::Hdel, db, now_ms);
            while left > 0 && self.is_field_due(db, now_ms) {
                let (fields, cost) = self.expire_fields_once(&mut cx, left);
                done.fields += fields;
                done.buckets += 1;
                left = left.saturating_sub(cost);
            }
            if left == 0 {
                done.more |= self.is_field_due(db, now_ms);
                return;
            }
            self.expire_cursor.next_fields_db = (db + 1) % self.dbs.len();
        }
    }

    fn is_field_due(&self, db: usize, now_ms: i64) -> bool {
        is_expired(self.dbs[db].first_field_deadline().map(|(ms, _)| ms), now_ms)
    }

    /// Reaps up to `max` fields of the hashes that lie where the first deadline is: how many, and the cost.
    fn expire_fields_once(&mut self, cx: &mut Cx, max: usize) -> (usize, usize) {
        let Some((_, place)) = self.dbs[cx.db].first_field_deadline() else { return (0, max) };
        let mut names = Vec::new();
        self.dbs[cx.db].scan(place.into(), &mut |entry| {
            if is_expired(entry.field_deadline(), cx.now_ms) {
                names.push((entry.key().to_vec(), is_expired(entry.expire_at(), cx.now_ms)));
            }
        });
        debug_assert!(!names.is_empty(), "a deadline has its hash");
        if names.is_empty() {
            return (0, max);
        }
        let mut reaped = 0;
        for (name, is_key_dead) in &names {
            let key = self.key(name);
            if *is_key_dead {
                self.reap(cx.db, &key);
            } else {
                reaped += self.reap_fields(cx, &key, (max - reaped).max(1));
            }
        }
        (reaped, reaped + names.len() * HASH_COST)
    }

    /// Deletes up to `max` fields of a hash that is there, those that are due first; how many.
    pub(crate) fn reap_fields(&mut self, cx: &mut Cx, key: &Key<'_>, max: usize) -> usize {
        let now_ms = cx.now_ms;
        self.reap_by(cx, key, |hash| hash.reap(now_ms, max))
    }

    /// Deletes those of these fields that are due; the key is that of a hash.
    #[cold]
    pub(crate) fn reap_met(&mut self, cx: &mut Cx, key: &Key<'_>, names: Args<'_>) {
        let now_ms = cx.now_ms;
        self.reap_by(cx, key, |hash| {
            let mut reaped = 0;
            for name in names.iter() {
                if hash.was(name, now_ms) == Was::Due {
                    hash.remove(name, now_ms);
                    reaped += 1;
                }
            }
            reaped
        });
    }

    fn reap_by(&mut self, cx: &mut Cx, key: &Key<'_>, reap: impl FnOnce(&mut Hash) -> usize) -> usize {
        let Some(mut entry) = self.dbs[cx.db].get_mut(key) else { return 0 };
        let (reaped, emptied) = entry.edit_collection(reap);
        if emptied {
            self.dbs[cx.db].discard(key);
        }
        self.fields_expired(cx, key, reaped);
        if emptied {
            self.notify(cx.db, key.bytes, Class::GENERIC, "del");
        }
        reaped
    }

    /// Tells that fields of a hash have expired.
    pub(crate) fn fields_expired(&mut self, cx: &mut Cx, key: &Key<'_>, count: usize) {
        if count > 0 {
            self.stats.expired_fields += count as u64;
            self.changed_by(cx, 0, key.bytes, Class::HASH, "hexpired");
        }
    }
}
