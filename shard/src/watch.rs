//! WATCH: which clients want to know that a key has changed before their EXEC.
//!
//! A client that watches has one flag, shared with every shard that owns a key it watches. A shard keeps,
//! by database and key, the flags of those who watch there, and raises them when the key changes; EXEC looks
//! at its client's flag when all these shards stand still.
//!
//! ```text
//!   client's connection ----> flag <---- shard 0:  db 0: "a" -> [flag, alive]
//!                              ^-------- shard 2:  db 0: "x" -> [flag, was not there]
//! ```
//!
//! What ends a key without a change of its own (expiry met or found, FLUSHDB, FLUSHALL, eviction) raises no
//! flag here: EXEC asks instead whether a key that was alive when it was watched still is
//! ([`Shard::watch_intact`]). That is Redis's rule in one comparison: a key that has expired since breaks the
//! transaction whether it was deleted or not, and one that was expired already when it was watched
//! may go. Only SWAPDB must look at the watched keys of both databases.
//!
//! A table without watchers costs nothing: [`crate::event::Events`] asks it only while it listens. What a
//! client may watch is bounded by whoever asks for it, and every entry is taken away with the same flag
//! and keys that brought it.

use crate::lookup::is_expired;
use crate::shard::Shard;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Says whether a key that a client watches has changed; raised by any shard, read by EXEC.
#[derive(Clone, Default, Debug)]
pub struct WatchFlag(Arc<AtomicBool>);

impl WatchFlag {
    #[must_use]
    pub fn is_raised(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    fn raise(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// A key to be watched, or watched already.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct WatchedKey {
    pub db: usize,
    pub key: Box<[u8]>,
}

/// One client's interest in one key.
#[derive(Debug)]
struct Watcher {
    flag: WatchFlag,
    /// The key was there, and not expired, when it was watched.
    alive: bool,
}

/// Who watches which keys of one shard.
#[derive(Default, Debug)]
pub(crate) struct Watches {
    /// By database; empty until the first key is watched.
    by_db: Vec<HashMap<Box<[u8]>, Vec<Watcher>>>,
    keys: usize,
}

impl Watches {
    pub(crate) fn is_empty(&self) -> bool {
        self.keys == 0
    }

    fn of(&self, db: usize, key: &[u8]) -> &[Watcher] {
        self.by_db.get(db).and_then(|keys| keys.get(key)).map_or(&[], Vec::as_slice)
    }

    /// A key has changed.
    pub(crate) fn touch(&self, db: usize, key: &[u8]) {
        self.of(db, key).iter().for_each(|watcher| watcher.flag.raise());
    }

    fn add(&mut self, flag: &WatchFlag, at: &WatchedKey, alive: bool) {
        if self.by_db.len() <= at.db {
            self.by_db.resize_with(at.db + 1, HashMap::new);
        }
        let watchers = self.by_db[at.db].entry(at.key.clone()).or_default();
        self.keys += usize::from(watchers.is_empty());
        if !watchers.iter().any(|known| known.flag.is(flag)) {
            watchers.push(Watcher { flag: flag.clone(), alive });
        }
    }

    fn remove(&mut self, flag: &WatchFlag, at: &WatchedKey) {
        let Some(keys) = self.by_db.get_mut(at.db) else { return };
        let Some(watchers) = keys.get_mut(&at.key) else { return };
        watchers.retain(|known| !known.flag.is(flag));
        if watchers.is_empty() {
            keys.remove(&at.key);
            self.keys -= 1;
        }
    }
}

impl Shard {
    /// Begins to watch keys for the owner of `flag`. A key that it watches already stays as it was.
    pub fn watch(&mut self, flag: &WatchFlag, keys: &[WatchedKey], now_ms: i64) {
        for at in keys {
            let alive = self.is_alive(at.db, &at.key, now_ms);
            self.watches.add(flag, at, alive);
        }
        self.events.watched(!self.watches.is_empty());
    }

    /// Forgets watched keys.
    pub fn unwatch(&mut self, flag: &WatchFlag, keys: &[WatchedKey]) {
        keys.iter().for_each(|at| self.watches.remove(flag, at));
        self.events.watched(!self.watches.is_empty());
    }

    /// Whether nothing has happened to these keys, which the owner of `flag` watches.
    #[must_use]
    pub fn watch_intact(&self, flag: &WatchFlag, keys: &[WatchedKey], now_ms: i64) -> bool {
        let was_alive =
            |at: &WatchedKey| self.watches.of(at.db, &at.key).iter().any(|w| w.flag.is(flag) && w.alive);
        !flag.is_raised() && keys.iter().all(|at| !was_alive(at) || self.is_alive(at.db, &at.key, now_ms))
    }

    /// Whether any key is watched.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        !self.watches.is_empty()
    }

    /// Two databases are about to be exchanged: whoever watches a key that will be another one is told.
    pub(crate) fn touch_swapped(&self, a: usize, b: usize, now_ms: i64) {
        for (from, to) in [(a, b), (b, a)] {
            let Some(keys) = self.watches.by_db.get(from).filter(|_| a != b) else { continue };
            for (key, watchers) in keys {
                let comes = self.is_alive(to, key, now_ms);
                watchers.iter().filter(|w| w.alive || comes).for_each(|w| w.flag.raise());
            }
        }
    }

    /// All keys are about to go, and may come again before anybody looks: whoever watches one that was there is told.
    pub(crate) fn touch_all(&self) {
        let watchers = self.watches.by_db.iter().flat_map(|keys| keys.values().flatten());
        watchers.filter(|w| w.alive).for_each(|w| w.flag.raise());
    }

    /// Whether a key is there and not expired. Deletes nothing, counts nothing.
    fn is_alive(&self, db: usize, key: &[u8], now_ms: i64) -> bool {
        self.dbs[db].get(&self.key(key)).is_some_and(|entry| !is_expired(entry.expire_at(), now_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Bed, NOW_MS};

    struct Client(WatchFlag, Vec<WatchedKey>);

    impl Client {
        fn watching(bed: &mut Bed, keys: &[&str]) -> Self {
            let own = |key: &&str| WatchedKey { db: bed.cx.db, key: key.as_bytes().into() };
            let client = Self(WatchFlag::default(), keys.iter().map(own).collect());
            bed.shard.watch(&client.0, &client.1, bed.cx.now_ms);
            client
        }

        fn intact(&self, bed: &Bed) -> bool {
            bed.shard.watch_intact(&self.0, &self.1, bed.cx.now_ms)
        }
    }

    /// Whether a watch of `k`, which `before` made, survives `after`.
    fn survives(before: &[&str], after: &[&str]) -> bool {
        let mut bed = Bed::new();
        before.iter().for_each(|line| drop(bed.run(&line.split(' ').collect::<Vec<_>>())));
        let client = Client::watching(&mut bed, &["k"]);
        for line in after {
            match line.strip_prefix("@ ") {
                Some(ms) => bed.cx.now_ms += ms.parse::<i64>().unwrap(),
                None => drop(bed.run(&line.split(' ').collect::<Vec<_>>())),
            }
        }
        client.intact(&bed)
    }

    #[test]
    fn a_change_breaks_and_nothing_else_does() {
        assert!(survives(&["set k 1"], &["get k", "set other 1", "expire nosuch 1"]));
        for change in ["set k 1", "del k", "incr k", "append k 2", "expire k 100", "rename k j", "move k 1"] {
            assert!(!survives(&["set k 1"], &[change]), "{change}");
        }
        for change in ["set k 1", "rename j k", "copy j k"] {
            assert!(!survives(&["set j 1"], &[change]), "{change}");
        }
        assert!(survives(&["set j 1"], &["rename j l", "del k", "expire k 10"]));
    }

    #[test]
    fn a_flush_breaks_what_was_there() {
        for flush in ["flushdb", "flushall"] {
            assert!(!survives(&["set k 1"], &[flush]), "{flush}");
            assert!(survives(&["set other 1"], &[flush]), "{flush}");
        }
    }

    #[test]
    fn an_expiry_since_breaks_and_one_before_does_not() {
        assert!(survives(&["set k 1 px 10"], &["@ 10"]));
        assert!(!survives(&["set k 1 px 10"], &["@ 11"]), "though nobody has deleted it");
        assert!(!survives(&["set k 1 px 10"], &["@ 11", "get k"]));
        let mut bed = Bed::new();
        bed.run(&["set", "k", "1", "px", "10"]);
        bed.cx.now_ms = NOW_MS + 11;
        let client = Client::watching(&mut bed, &["k"]);
        assert!(client.intact(&bed));
        bed.run(&["get", "k"]);
        assert!(client.intact(&bed), "it was dead already");
        bed.run(&["set", "k", "2"]);
        assert!(!client.intact(&bed));
    }

    #[test]
    fn a_swap_breaks_where_it_changes_something() {
        assert!(!survives(&["set k 1"], &["swapdb 0 1"]));
        assert!(survives(&["set j 1"], &["swapdb 0 1"]));
        assert!(survives(&["set k 1"], &["swapdb 0 0"]));
        assert!(survives(&["set k 1"], &["swapdb 2 1"]));
        let mut bed = Bed::new();
        bed.run(&["set", "k", "1"]);
        bed.cx.db = 1;
        let client = Client::watching(&mut bed, &["k"]);
        bed.run(&["swapdb", "0", "1"]);
        assert!(!client.intact(&bed), "a key came with the other database");
    }

    #[test]
    fn what_is_forgotten_is_gone() {
        let mut bed = Bed::new();
        let (one, two) = (Client::watching(&mut bed, &["k", "k", "j"]), Client::watching(&mut bed, &["k"]));
        bed.shard.unwatch(&one.0, &one.1);
        bed.run(&["set", "k", "1"]);
        assert!(!one.0.is_raised() && two.0.is_raised());
        bed.shard.unwatch(&two.0, &two.1);
        assert!(bed.shard.watches.is_empty() && !bed.shard.events.listening);
    }
}
