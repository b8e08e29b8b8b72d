//! Active expiry: finding keys whose time is over although nobody asks for them.
//!
//! The core's loop calls [`Shard::expire_slice`] some ten times a second with a budget of buckets. A call
//! goes through the databases in turn, each from where it stopped last, in steps of [`STEP_BUCKETS`]; it
//! leaves a database whose dead are few, and as long as they are many it goes on up to its budget. When
//! the budget ends first, the result says so, and the loop comes back in its next turn instead of after
//! a tenth of a second. So an idle keyspace costs next to nothing, and a million keys that die at once
//! are gone as fast as the loop has time, without one long pause.
//!
//! "Many" is Redis's rule: more than 10 % (less with a higher `active-expire-effort`) of the keys with an
//! expiry that were looked at. A table reports the dead of a step, not all it looked at; so their number
//! is estimated from the share of keys with an expiry and the buckets that a whole round took.

use crate::db::DetachedValue;
use crate::event::Class;
use crate::shard::Shard;

/// Buckets of one step within a database.
const STEP_BUCKETS: usize = 16;
/// Keys in a bucket, as long as no round has shown how many.
const KEYS_PER_BUCKET_ASSUMED: f64 = 8.0;
/// Dead keys in 100 with an expiry that are accepted with effort 1; each step of effort takes one off.
const STALE_PERCENT_ACCEPTED: u32 = 10;
const EFFORT_MAX: u32 = 10;

/// What one call did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Expired {
    /// Buckets looked at.
    pub buckets: usize,
    /// Keys deleted.
    pub keys: usize,
    /// Fields of hashes deleted.
    pub fields: usize,
    /// The budget ended where there are many: call again soon.
    pub more: bool,
}

/// Where the rounds over the databases stand.
pub(crate) struct ExpireCursor {
    next_db: usize,
    /// The database whose fields are looked at first.
    pub(crate) next_fields_db: usize,
    rounds: Vec<Round>,
}

/// The round over one database.
#[derive(Clone, Copy, Default)]
struct Round {
    cursor: u64,
    /// Buckets looked at since the round began.
    buckets: usize,
    /// Buckets of the last whole round, 0 before its end.
    buckets_whole: usize,
}

impl ExpireCursor {
    pub(crate) fn new(databases: usize) -> Self {
        Self { next_db: 0, next_fields_db: 0, rounds: vec![Round::default(); databases] }
    }

    /// Begins anew with a database that was emptied.
    pub(crate) fn reset(&mut self, db: usize) {
        self.rounds[db] = Round::default();
    }

    pub(crate) fn swap(&mut self, a: usize, b: usize) {
        self.rounds.swap(a, b);
    }
}

impl Shard {
    /// Deletes dead keys and, for as much again, dead fields of hashes ([`crate::field_expire`]), looking at `buckets` buckets at most; nothing while DEBUG SET-ACTIVE-EXPIRE is 0.
    /// A bucket full of dead keys takes a microsecond or two: some 256 make a slice that is not felt.
    pub fn expire_slice(&mut self, now_ms: i64, buckets: usize) -> Expired {
        let mut done = Expired::default();
        if !self.settings.active_expire {
            return done;
        }
        let mut looked_at = 0.0;
        for _ in 0..self.dbs.len() {
            if done.buckets >= buckets {
                break;
            }
            let db = self.expire_cursor.next_db;
            self.expire_cursor.next_db = (db + 1) % self.dbs.len();
            looked_at += self.expire_db(db, now_ms, buckets, &mut done);
        }
        self.note_stale(done.keys, looked_at);
        self.expire_fields(now_ms, buckets, &mut done);
        self.stats.expired_budget_reached += u64::from(done.more);
        done
    }

    /// One database's share of a slice; how many keys with an expiry it looked at, as an estimate.
    fn expire_db(&mut self, db: usize, now_ms: i64, buckets: usize, done: &mut Expired) -> f64 {
        let mut looked_at_all = 0.0;
        while self.dbs[db].expires_len() > 0 {
            let step = STEP_BUCKETS.min(buckets - done.buckets);
            let looked_at = self.looked_at(db, step);
            let (dead, round_ended) = self.expire_step(db, now_ms, step);
            done.buckets += step;
            done.keys += dead;
            looked_at_all += looked_at;
            let is_stale = dead as f64 * 100.0 > looked_at * self.stale_percent_accepted();
            if round_ended || !is_stale {
                break;
            }
            if done.buckets >= buckets {
                done.more = true;
                break;
            }
        }
        looked_at_all
    }

    /// Looks at `buckets` buckets: how many keys were dead, and whether the round is at its end.
    fn expire_step(&mut self, db: usize, now_ms: i64, buckets: usize) -> (usize, bool) {
        let round = &mut self.expire_cursor.rounds[db];
        let mut keys = 0;
        // The table reaps what is due at its "now"; a key lives through its last millisecond.
        let mut values = Vec::new();
        let (listening, mut told) = (self.events.listening, Vec::new());
        round.cursor = self.dbs[db].expire_slice(round.cursor, buckets, now_ms - 1, &mut |key, dead| {
            keys += 1;
            if listening {
                told.push(Box::<[u8]>::from(key));
            }
            if let DetachedValue::Object(_) = dead.value {
                values.push(dead.value);
            }
        });
        round.buckets += buckets;
        let ended = round.cursor == 0;
        if ended {
            *round = Round { cursor: 0, buckets: 0, buckets_whole: round.buckets };
        }
        values.into_iter().for_each(|value| self.discard_value(value));
        told.iter().for_each(|key| self.notify(db, key, Class::EXPIRED, "expired"));
        self.stats.expired_keys += keys as u64;
        (keys, ended)
    }

    /// How many keys with an expiry lie in that many buckets of a database.
    fn looked_at(&self, db: usize, buckets: usize) -> f64 {
        let (table, round) = (&self.dbs[db], &self.expire_cursor.rounds[db]);
        let whole = match round.buckets_whole {
            0 => table.len() as f64 / KEYS_PER_BUCKET_ASSUMED,
            known => known as f64,
        };
        let keys = table.expires_len() as f64;
        (keys * buckets as f64 / whole.max(1.0)).min(keys)
    }

    fn stale_percent_accepted(&self) -> f64 {
        let effort = self.settings.active_expire_effort.clamp(1, EFFORT_MAX);
        f64::from(STALE_PERCENT_ACCEPTED - (effort - 1))
    }

    /// Updates the estimate for INFO: 5 % of what was just seen, 95 % of what was thought.
    fn note_stale(&mut self, dead: usize, looked_at: f64) {
        let now = if looked_at > 0.0 { (dead as f64 * 100.0 / looked_at).min(100.0) } else { 0.0 };
        self.stats.expired_stale_percent = now * 0.05 + self.stats.expired_stale_percent * 0.95;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Bed, NOW_MS};

    fn fill(bed: &mut Bed, keys: usize, ttl_ms: usize) {
        for i in 0..keys {
            bed.run(&["set", &format!("k{ttl_ms}:{i}"), "v", "px", &ttl_ms.to_string()]);
        }
    }

    fn run_to_the_end(bed: &mut Bed, now_ms: i64) -> usize {
        let mut keys = 0;
        for _ in 0..1000 {
            keys += bed.shard.expire_slice(now_ms, 64).keys;
        }
        keys
    }

    #[test]
    fn dead_keys_are_found_and_living_ones_stay() {
        let mut bed = Bed::new();
        fill(&mut bed, 300, 10);
        bed.cx.db = 3;
        fill(&mut bed, 200, 1000);
        assert_eq!(run_to_the_end(&mut bed, NOW_MS + 10), 0, "a key lives through its last millisecond");
        assert_eq!(run_to_the_end(&mut bed, NOW_MS + 11), 300);
        assert_eq!((bed.shard.dbs[0].len(), bed.shard.dbs[3].len()), (0, 200));
        assert_eq!(run_to_the_end(&mut bed, NOW_MS + 1001), 200);
        assert_eq!(bed.shard.stats.expired_keys, 500);
    }

    #[test]
    fn it_can_be_switched_off() {
        let mut bed = Bed::new();
        fill(&mut bed, 10, 1);
        assert_eq!(bed.run(&["debug", "set-active-expire", "0"]), "+OK\r\n");
        assert_eq!(run_to_the_end(&mut bed, NOW_MS + 100), 0);
        assert_eq!(bed.run(&["debug", "set-active-expire", "1"]), "+OK\r\n");
        assert_eq!(run_to_the_end(&mut bed, NOW_MS + 100), 10);
    }

    #[test]
    fn nothing_to_expire_costs_nothing() {
        let mut bed = Bed::new();
        bed.run(&["set", "k", "v"]);
        assert_eq!(bed.shard.expire_slice(NOW_MS, 1000), Expired::default());
    }

    #[test]
    fn a_flush_or_swap_in_the_middle_of_a_round_is_no_harm() {
        let mut bed = Bed::new();
        fill(&mut bed, 500, 10);
        bed.shard.expire_slice(NOW_MS + 11, 1);
        bed.run(&["swapdb", "0", "1"]);
        bed.shard.expire_slice(NOW_MS + 11, 1);
        bed.run(&["flushall"]);
        fill(&mut bed, 50, 10);
        assert_eq!(run_to_the_end(&mut bed, NOW_MS + 11), 50);
    }
}
