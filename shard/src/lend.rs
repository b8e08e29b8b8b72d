//! Lending values to another core, which runs a command on them, and taking them back.
//!
//! A command whose keys lie on several shards is run by the core that asks, on an empty shard it keeps for
//! that (its *scratch*), by the same code as any other command:
//!
//! ```text
//!   owner of a      owner of b                 the asking core
//!   lend [a] ------------------------------->  scratch.settle
//!                   lend [b] --------------->  scratch.settle
//!                                              scratch.execute(SMOVE a b m)
//!   give_back [a, changed] <-----------------  scratch.clear_out
//!                   give_back [b, changed] <-
//! ```
//!
//! A value moves by pointer, whatever its size, with its expiry and its access bits. A key that is not
//! there is lent too, as nothing: the command may create it. Between the two the owner must let nobody look
//! at the keys; that is the server's part of the bargain. Then lending and giving back unchanged cannot be
//! noticed: the table puts an entry back where SCAN will find it at the same cursor.
//!
//! A key that is dead when it is asked for is reaped by its owner, as any look-up would.
//!
//! What a command tells goes two ways. Notifications stay with the scratch shard: the asking core publishes
//! them. That a key has changed goes back to its owner, which breaks WATCHes and wakes who waits. Hits and
//! misses are counted on the scratch shard and added to those of the asking core.

use crate::command::sort_further_keys;
use crate::db::Detached;
use crate::shard::{Cx, Shard};
use proto::args::Args;
use proto::command::CommandId;
use proto::key_spec::keys_of;
use proto::number::parse_i64;

/// A key on its way between cores, and what it holds.
#[derive(Clone, PartialEq, Debug)]
pub struct Parcel {
    pub db: usize,
    pub key: Box<[u8]>,
    /// `None`: there is no such key.
    pub value: Option<Detached>,
    /// Of one that comes back: the command has changed the key.
    pub changed: bool,
}

/// A key that is asked for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Wanted {
    pub db: usize,
    pub key: Box<[u8]>,
}

/// The keys that a command names, each once. All but COPY's destination are in the database `db`.
#[must_use]
pub fn named_keys(id: CommandId, db: usize, args: Args<'_>, databases: usize) -> Vec<Wanted> {
    let mut found = Vec::new();
    keys_of(proto::command::spec(id), args, &mut found);
    let mut wanted: Vec<Wanted> =
        found.iter().map(|key| Wanted { db, key: args.at(key.at as usize).into() }).collect();
    if id == CommandId::Copy
        && let Some(destination) = wanted.get_mut(1)
    {
        destination.db = copy_database(args).filter(|&n| n < databases).unwrap_or(db);
    }
    wanted.sort_unstable();
    wanted.dedup();
    wanted
}

/// The `DB` of COPY, if that is what the command says; it refuses anything else itself.
fn copy_database(args: Args<'_>) -> Option<usize> {
    let at = (3..args.len()).find(|&at| args.at(at).eq_ignore_ascii_case(b"db"))?;
    usize::try_from(parse_i64(args.get(at + 1)?)?).ok()
}

const _: () = {
    const fn crosses_cores<T: Send + 'static>() {}
    crosses_cores::<Parcel>();
};

impl Shard {
    /// Takes the named keys out. Each may be named once.
    #[must_use]
    pub fn lend(&mut self, wanted: Vec<Wanted>, now_ms: i64) -> Vec<Parcel> {
        let cx = Cx::new(CommandId::Exec, 0, now_ms);
        let mut lend = |Wanted { db, key }| {
            let hashed = self.key(&key);
            let value = self.take(&cx, db, &hashed);
            Parcel { db, key, value, changed: false }
        };
        wanted.into_iter().map(&mut lend).collect()
    }

    /// Puts back what was lent.
    pub fn give_back(&mut self, parcels: Vec<Parcel>) {
        for Parcel { db, key, value, changed } in parcels {
            if let Some(value) = value {
                let hashed = self.key(&key);
                self.dbs[db].insert(&hashed, value);
            }
            if changed {
                self.changed_elsewhere(db, &key);
            }
        }
    }

    /// A shard to run commands on that were lent their keys.
    #[must_use]
    pub fn scratch(databases: usize, seed: u64) -> Self {
        let mut scratch = Self::new(databases, seed);
        scratch.events.record(true);
        scratch
    }

    /// Takes in what others have lent; the keys are returned, to be [cleared out](Shard::clear_out).
    pub fn settle(&mut self, parcels: Vec<Parcel>) -> Vec<Wanted> {
        let mut settle = |Parcel { db, key, value, .. }| {
            if let Some(value) = value {
                let hashed = self.key(&key);
                self.dbs[db].insert(&hashed, value);
            }
            Wanted { db, key }
        };
        parcels.into_iter().map(&mut settle).collect()
    }

    /// Empties the scratch shard: the keys as the command has left them.
    #[must_use]
    pub fn clear_out(&mut self, keys: Vec<Wanted>) -> Vec<Parcel> {
        let changes = std::mem::take(&mut self.events.changed);
        let mut leave = |Wanted { db, key }| {
            let hashed = self.key(&key);
            let value = self.dbs[db].remove(&hashed);
            let changed = changes.iter().any(|(in_db, k)| *in_db == db && **k == *key);
            Parcel { db, key, value, changed }
        };
        let parcels = keys.into_iter().map(&mut leave).collect();
        debug_assert!(self.dbs.iter().all(crate::Db::is_empty), "a command keeps to the keys that it names");
        parcels
    }

    /// Keys that a command turns out to need beside those that it names, now that these are here. It is asked
    /// again with them, until there are no more. Only commands with keys that nobody can tell from their
    /// arguments (`proto::key_spec::Begin::Unknown`) are asked.
    #[must_use]
    pub fn further_keys(&mut self, cx: &Cx, args: Args<'_>) -> Vec<Box<[u8]>> {
        match cx.id {
            CommandId::Sort | CommandId::SortRo => sort_further_keys(self, cx, args),
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::combine;
    use crate::testing::{Bed, NOW_MS};
    use proptest::prelude::*;

    fn wanted(names: &[&str]) -> Vec<Wanted> {
        names.iter().map(|name| Wanted { db: 0, key: name.as_bytes().into() }).collect()
    }

    /// What a shard shows of itself; dead keys are not asked for, as that would reap them.
    fn look(bed: &mut Bed) -> Vec<String> {
        let mut seen = vec![crate::digest::hex(&combine(&[bed.shard.digests()]))];
        let mut cursor = "0".to_owned();
        loop {
            let page = bed.run(&["scan", &cursor, "count", "3"]);
            cursor = page.split("\r\n").nth(2).unwrap_or("0").to_owned();
            let mut lines: Vec<&str> = page.split("\r\n").collect();
            lines.sort_unstable(); // within one step of SCAN there is no order
            seen.push(lines.join(" "));
            if cursor == "0" {
                break;
            }
        }
        seen.push(bed.run(&["dbsize"]));
        for i in 0..40 {
            let key = format!("k{i}");
            let entry = bed.shard.dbs[0].get(&bed.shard.key(key.as_bytes()));
            seen.push(format!("{key} {:?}", entry.map(|e| (e.expire_at(), e.lru(), e.encoding()))));
        }
        seen
    }

    proptest! {
        #[test]
        fn lending_and_giving_back_is_not_noticed(
            keys in proptest::collection::vec((0..40u8, "[a-z]{0,80}|[0-9]{1,9}", proptest::option::of(1..1000i64)), 0..60),
            lent in proptest::collection::btree_set(0..45u8, 0..45),
            settle in any::<bool>(),
        ) {
            let mut bed = Bed::new();
            for (at, (key, value, ttl)) in keys.iter().enumerate() {
                bed.cx.now_ms = NOW_MS + 1000 * at as i64; // so that access bits differ
                bed.run(&["set", &format!("k{key}"), value]);
                if let Some(ttl) = ttl {
                    bed.run(&["expire", &format!("k{key}"), &(ttl + 1000).to_string()]);
                }
            }
            let before = look(&mut bed);
            let stats = bed.shard.stats;
            let names = lent.iter().map(|i| Wanted { db: 0, key: format!("k{i}").into_bytes().into() }).collect();
            let mut parcels = bed.shard.lend(names, bed.cx.now_ms);
            prop_assert!(parcels.iter().all(|p| bed.shard.dbs[0].get(&bed.shard.key(&p.key)).is_none()));
            if settle {
                let mut scratch = Shard::scratch(16, 7);
                let keys = scratch.settle(parcels);
                parcels = scratch.clear_out(keys);
            }
            prop_assert!(parcels.iter().all(|p| !p.changed));
            bed.shard.give_back(parcels);
            prop_assert_eq!(bed.shard.stats, stats);
            prop_assert_eq!(look(&mut bed), before);
        }
    }

    #[test]
    fn a_copy_may_name_another_database() {
        let own = |line: &str| proto::args::OwnedArgs::of(line.split(' '));
        let names = |line: &str| {
            let wanted = named_keys(CommandId::Copy, 1, own(line).args(), 16);
            wanted.into_iter().map(|w| (w.db, String::from_utf8(w.key.into()).unwrap())).collect::<Vec<_>>()
        };
        let at = |db, key: &str| (db, key.to_owned());
        assert_eq!(names("copy b a"), [at(1, "a"), at(1, "b")]);
        assert_eq!(names("copy b a replace DB 0"), [at(0, "a"), at(1, "b")]);
        assert_eq!(names("copy a a db 1"), [at(1, "a")]);
        assert_eq!(names("copy b a db 99"), [at(1, "a"), at(1, "b")]);
    }

    #[test]
    fn a_dead_key_is_reaped_by_its_owner() {
        let mut bed = Bed::new();
        bed.run(&["set", "k", "v", "px", "10"]);
        let parcels = bed.shard.lend(wanted(&["k"]), NOW_MS + 11);
        assert_eq!((parcels[0].value.clone(), bed.shard.stats.expired_keys), (None, 1));
    }

    #[test]
    fn a_command_runs_on_the_scratch_and_says_what_it_changed() {
        let (mut one, mut two, mut asking) = (Bed::new(), Bed::new(), Bed::new());
        asking.shard = Shard::scratch(16, 42);
        one.run(&["set", "a", "v", "px", "500"]);
        let mut parcels = one.shard.lend(wanted(&["a"]), NOW_MS);
        parcels.extend(two.shard.lend(wanted(&["b", "c"]), NOW_MS));
        let keys = asking.shard.settle(parcels);
        assert_eq!(asking.run(&["rename", "a", "b"]), "+OK\r\n");
        let mut parcels = asking.shard.clear_out(keys);
        assert_eq!(parcels.iter().map(|p| p.changed).collect::<Vec<_>>(), [true, true, false]);
        two.shard.give_back(parcels.split_off(1));
        one.shard.give_back(parcels);
        two.check("pttl b", ":500\r\n");
        assert_eq!((one.run(&["dbsize"]), two.run(&["dbsize"])), (":0\r\n".into(), ":1\r\n".into()));
        assert!(asking.shard.dbs.iter().all(crate::Db::is_empty));
    }

    #[test]
    fn a_key_that_comes_back_changed_breaks_watches() {
        let mut bed = Bed::new();
        let keys = vec![crate::watch::WatchedKey { db: 0, key: (*b"k").into() }];
        let flag = crate::watch::WatchFlag::default();
        bed.shard.watch(&flag, &keys, NOW_MS);
        let mut parcels = bed.shard.lend(wanted(&["k"]), NOW_MS);
        bed.shard.give_back(parcels.clone());
        assert!(!flag.is_raised());
        parcels[0].changed = true;
        bed.shard.give_back(parcels);
        assert!(flag.is_raised());
    }
}
