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
        let (mut reaped, mut cost) = (0, 0);
        for (name, is_key_dead) in &names {
            let key = self.key(name);
            let fields = if *is_key_dead {
                self.reap(cx.db, &key);
                0
            } else {
                self.reap_fields(cx, &key, max - cost)
            };
            reaped += fields;
            cost += fields + HASH_COST;
            if cost >= max {
                break;
            }
        }
        (reaped, cost)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Bed, NOW_MS};
    use proptest::prelude::*;

    fn hash(bed: &mut Bed, key: &str, fields: usize, ttl_ms: i64) {
        for i in 0..fields {
            let name = format!("f{i}");
            bed.run(&["hset", key, &name, "v"]);
            bed.run(&["hpexpire", key, &ttl_ms.to_string(), "fields", "1", &name]);
        }
    }

    /// Runs active expiry to its end: how many fields, and in how many slices.
    fn expire(bed: &mut Bed, buckets: usize) -> (usize, usize) {
        let (mut fields, mut slices) = (0, 0);
        loop {
            let done = bed.shard.expire_slice(bed.cx.now_ms, buckets);
            fields += done.fields;
            slices += 1;
            if !done.more {
                return (fields, slices);
            }
        }
    }

    fn events(bed: &mut Bed) -> Vec<(String, &'static str)> {
        let name = |key: &[u8]| String::from_utf8_lossy(key).into_owned();
        bed.shard.events.notifications.drain(..).map(|n| (name(&n.key), n.event)).collect()
    }

    #[test]
    fn a_hash_goes_with_its_last_field() {
        let mut bed = Bed::new();
        hash(&mut bed, "h", 3, 10);
        bed.run(&["hset", "mixed", "stays", "1", "goes", "2"]);
        bed.run(&["hpexpire", "mixed", "10", "fields", "1", "goes"]);
        assert_eq!(bed.shard.dbs[0].field_expires_len(), 2);
        bed.shard.events.publish(Class::HASH.union(Class::GENERIC));
        bed.shard.events.record(true);
        bed.cx.now_ms += 10;
        assert_eq!(expire(&mut bed, 64).0, 0, "a field lives through its last millisecond");
        bed.cx.now_ms += 1;
        assert_eq!(expire(&mut bed, 64), (4, 1));
        let mut told = events(&mut bed);
        told.sort();
        let h = |key: &str, event| (key.to_string(), event);
        assert_eq!(told, [h("h", "del"), h("h", "hexpired"), h("mixed", "hexpired")]);
        assert_eq!(bed.shard.events.changed.len(), 2, "a WATCH breaks");
        assert_eq!((bed.shard.stats.expired_fields, bed.shard.stats.expired_keys), (4, 0));
        assert_eq!((bed.shard.dbs[0].len(), bed.shard.dbs[0].field_expires_len()), (1, 0));
        bed.check("hgetall mixed", "*2\r\n$5\r\nstays\r\n$1\r\n1\r\n");
    }

    /// As Redis 7.4 tells: one event for all fields that a command met.
    #[test]
    fn a_field_that_is_met_is_deleted() {
        let mut bed = Bed::new();
        hash(&mut bed, "h", 4, 10);
        bed.run(&["hset", "h", "n", "5"]);
        bed.run(&["hpexpire", "h", "10", "fields", "1", "n"]);
        bed.shard.events.publish(Class::HASH.union(Class::GENERIC));
        bed.cx.now_ms += 11;
        let h = |event| ("h".to_string(), event);
        for (command, told) in [
            ("hmget h f0 f1 x", &["hexpired"][..]),
            ("hlen h", &[]),
            ("hget h f2", &["hexpired"]),
            ("hincrby h n 1", &["hexpired", "hincrby"]),
            ("hdel h n", &["hdel"]),
            ("hstrlen h f3", &["hexpired", "del"]),
            ("hget h f3", &[]),
        ] {
            bed.run(&command.split(' ').collect::<Vec<_>>());
            assert_eq!(events(&mut bed), told.iter().map(|&e| h(e)).collect::<Vec<_>>(), "{command}");
        }
        assert_eq!(bed.shard.stats.expired_fields, 5);
    }

    #[test]
    fn slices_keep_to_their_budget() {
        for entries in [512, 0] {
            let mut bed = Bed::new();
            bed.shard.settings.thresholds.hash_max_listpack_entries = entries;
            hash(&mut bed, "large", 2000, 10);
            (0..100).for_each(|i| hash(&mut bed, &format!("h{i}"), 2, 10));
            bed.cx.now_ms += 11;
            let (fields, slices) = expire(&mut bed, 16);
            assert_eq!((fields, bed.shard.dbs[0].len()), (2200, 0));
            assert!((30..60).contains(&slices), "{slices}");
        }
    }

    #[test]
    fn it_can_be_switched_off() {
        let mut bed = Bed::new();
        hash(&mut bed, "h", 2, 10);
        bed.cx.now_ms += 11;
        bed.shard.settings.active_expire = false;
        assert_eq!(expire(&mut bed, 64), (0, 1));
        bed.check("hlen h", ":2\r\n");
    }

    #[test]
    fn a_hash_that_is_dead_itself_goes_as_a_key() {
        let mut bed = Bed::new();
        hash(&mut bed, "h", 2, 10);
        bed.run(&["pexpire", "h", "5"]);
        bed.cx.now_ms += 11;
        bed.check("hrandfield h", "$-1\r\n");
        assert_eq!((bed.shard.stats.expired_keys, bed.shard.stats.expired_fields), (1, 0));
        assert_eq!(bed.shard.dbs[0].field_expires_len(), 0);
    }

    #[test]
    fn all_databases_have_their_turn() {
        let mut bed = Bed::new();
        for db in [0, 5, 15] {
            bed.cx.db = db;
            (0..200).for_each(|i| hash(&mut bed, &format!("h{i}"), 1, 10));
        }
        bed.cx.now_ms += 11;
        assert_eq!(expire(&mut bed, 8).0, 600);
    }

    /// Whatever happens to hashes, the index has every one that has a field with an expiry, and no other.
    fn check_index(bed: &Bed) {
        for db in &bed.shard.dbs {
            let (mut deadlines, mut cursor) = (Vec::new(), 0);
            loop {
                cursor = db.scan(cursor, &mut |entry| deadlines.extend(entry.field_deadline()));
                if cursor == 0 {
                    break;
                }
            }
            assert_eq!(db.field_expires_len(), deadlines.len());
            assert_eq!(db.first_field_deadline().map(|(ms, _)| ms), deadlines.into_iter().min());
        }
    }

    const COMMANDS: &[&str] = &[
        "hset K F v",
        "hset K F v G w",
        "hsetnx K F a-value-of-some-length",
        "hincrby K F 1",
        "hdel K F",
        "hpexpire K 20 fields 2 F G",
        "hpexpire K 40 nx fields 1 F",
        "hpexpire K 5 lt fields 1 G",
        "hpexpire K 0 fields 1 F",
        "hpersist K fields 1 F",
        "hget K F",
        "hrandfield K 2",
        "del K",
        "set K v",
        "pexpire K 30",
        "rename K L",
        "copy K L replace",
        "copy K L db 1",
        "move K 1",
        "swapdb 0 1",
        "flushdb",
        "select",
        "slice",
        "wait",
    ];

    proptest! {
        #[test]
        fn the_index_is_that_of_the_hashes(
            steps in proptest::collection::vec((0..COMMANDS.len(), 0..6u8, 0..6u8, 0..4u8), 1..150),
            entries in prop_oneof![Just(0usize), Just(2), Just(512)],
        ) {
            let mut bed = Bed::new();
            bed.shard.settings.thresholds.hash_max_listpack_entries = entries;
            for (at, key, other, field) in steps {
                let line = COMMANDS[at]
                    .replace('K', &format!("key{key}"))
                    .replace('L', &format!("key{other}"))
                    .replace('F', &format!("field{field}"))
                    .replace('G', &format!("field{}", other % 4));
                match COMMANDS[at] {
                    "select" => bed.cx.db ^= 1,
                    "wait" => bed.cx.now_ms += i64::from(key) * 3,
                    "slice" => drop(bed.shard.expire_slice(bed.cx.now_ms, 4)),
                    "flushdb" if key > 0 => {}
                    _ => drop(bed.run(&line.split(' ').collect::<Vec<_>>())),
                }
                check_index(&bed);
            }
            bed.cx.now_ms = NOW_MS + 100_000;
            expire(&mut bed, 64);
            prop_assert!(bed.shard.dbs.iter().all(|db| db.field_expires_len() == 0));
        }
    }
}
