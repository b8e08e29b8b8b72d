//! Every case of a planned command over several shards against the same command on one shard: the
//! replies, the number of changes, and everything stored afterwards must be equal.

use super::*;
use crate::db::Db;
use crate::lookup::is_expired;
use crate::testing::{Bed, NOW_MS, identify};
use proptest::prelude::*;
use proto::args::OwnedArgs;
use std::collections::BTreeMap;

/// One shard, and several that together should be the same.
struct Twins {
    one: Bed,
    several: Vec<Bed>,
    now_ms: i64,
    db: usize,
}

/// Keys are spread by their first letter.
fn shard_of(key: &[u8]) -> usize {
    usize::from(key.first().copied().unwrap_or(0)) % 3
}

impl Twins {
    fn new() -> Self {
        Self { one: Bed::new(), several: (0..3).map(|_| Bed::new()).collect(), now_ms: NOW_MS, db: 0 }
    }

    /// Runs the command both ways; the reply they agree on.
    #[track_caller]
    fn run(&mut self, line: &str) -> String {
        let words: Vec<&str> = line.split_whitespace().collect();
        for bed in std::iter::once(&mut self.one).chain(&mut self.several) {
            (bed.cx.now_ms, bed.cx.db) = (self.now_ms, self.db);
        }
        let expected = self.one.run(&words);
        let (reply, dirty) = self.run_planned(&words);
        assert_eq!(reply, expected, "{line}");
        assert_eq!(dirty, self.one.cx.dirty, "changes of {line}");
        let stored: Vec<_> = self.several.iter().map(|bed| &bed.shard.dbs).collect();
        assert_eq!(
            contents(&stored, self.now_ms),
            contents(&[&self.one.shard.dbs], self.now_ms),
            "after {line}"
        );
        reply
    }

    fn run_planned(&mut self, words: &[&str]) -> (String, u64) {
        let own = OwnedArgs::of(words);
        let mut cx = Cx { id: identify(words).0, db: self.db, ..self.one.cx.clone() };
        let mut dirty = 0;
        let settings = Settings::default();
        let reply = match Plan::new(&cx, own.args(), 16, &settings, shard_of) {
            Plan::Whole { shard } => {
                let reply = self.several[shard].run(words);
                return (reply, self.several[shard].cx.dirty);
            }
            Plan::Refused { reply } => reply,
            Plan::Hops(mut hops) => {
                assert!(hops.shards.is_sorted() && hops.shards.len() >= 2);
                let held = hops.shards.clone();
                let mut send = |(shard, hop): (usize, Hop)| {
                    assert!(held.contains(&shard), "a shard that is not held");
                    let found = self.several[shard].shard.hop(&mut cx, hop);
                    dirty += cx.dirty;
                    found
                };
                let found = std::mem::take(&mut hops.first).into_iter().map(&mut send).collect();
                let finish = hops.then(found);
                finish.second.into_iter().for_each(|hop| {
                    send(hop);
                });
                finish.reply
            }
        };
        (String::from_utf8_lossy(&reply).into_owned(), dirty)
    }
}

/// Everything alive, by database and key; which shard holds it does not matter, that only one does, does.
fn contents(shards: &[&Vec<Db>], now_ms: i64) -> BTreeMap<(usize, Vec<u8>), Detached> {
    let mut all = BTreeMap::new();
    for (index, db) in shards.iter().flat_map(|dbs| dbs.iter().enumerate()) {
        let mut cursor = 0;
        loop {
            cursor = db.scan(cursor, &mut |entry| {
                if is_expired(entry.expire_at(), now_ms) {
                    return;
                }
                let value = Detached { lru: 0, ..entry.detached() };
                assert!(all.insert((index, entry.key().to_vec()), value).is_none(), "a key in two shards");
            });
            if cursor == 0 {
                break;
            }
        }
    }
    all
}

#[test]
fn rename_carries_value_and_expiry() {
    let mut twins = Twins::new();
    twins.run("set a value px 5000");
    assert_eq!(twins.run("rename a b"), "+OK\r\n");
    assert_eq!(twins.run("pttl b"), ":5000\r\n");
    twins.run("set c other");
    assert_eq!(twins.run("rename b c"), "+OK\r\n");
    assert_eq!(twins.run("rename a c"), "-ERR no such key\r\n");
    assert_eq!(twins.run("rename c c"), "+OK\r\n");
    assert_eq!(twins.run("rename a a"), "-ERR no such key\r\n");
    assert_eq!(twins.run("rename c f"), "+OK\r\n", "f lives with c");
}

#[test]
fn renamenx_puts_back_what_it_took() {
    let mut twins = Twins::new();
    assert_eq!(twins.run("renamenx a b"), "-ERR no such key\r\n");
    twins.run("set a value px 5000");
    twins.run("set b other");
    assert_eq!(twins.run("renamenx a b"), ":0\r\n");
    assert_eq!(twins.run("pttl a"), ":5000\r\n");
    assert_eq!(twins.run("renamenx a c"), ":1\r\n");
    assert_eq!(twins.run("renamenx c c"), ":0\r\n");
}

#[test]
fn dead_keys_are_not_there() {
    let mut twins = Twins::new();
    for (command, reply) in [
        ("rename a b", "-ERR no such key\r\n"),
        ("renamenx a b", "-ERR no such key\r\n"),
        ("renamenx c a", ":1\r\n"),
        ("copy a b", ":0\r\n"),
        ("copy c a", ":1\r\n"),
        ("msetnx a 1 b 2", ":1\r\n"),
    ] {
        twins.run("set a value px 10");
        twins.run("set c alive");
        twins.run("del b");
        twins.now_ms += 11;
        assert_eq!(twins.run(command), reply, "{command}");
    }
}

#[test]
fn copy_knows_databases_and_replace() {
    let mut twins = Twins::new();
    twins.run("set a 17 ex 9");
    assert_eq!(twins.run("copy a b"), ":1\r\n");
    twins.run("append b x");
    assert_eq!(twins.run("copy b a"), ":0\r\n");
    assert_eq!(twins.run("copy b a replace"), ":1\r\n");
    assert_eq!(twins.run("copy a b db 3"), ":1\r\n");
    assert_eq!(twins.run("copy a a db 3"), ":1\r\n");
    assert_eq!(twins.run("copy nokey b"), ":0\r\n");
    for (command, reply) in [
        ("copy a b db 16", "-ERR DB index is out of range\r\n"),
        ("copy a b db x", "-ERR value is not an integer or out of range\r\n"),
        ("copy a b db", "-ERR syntax error\r\n"),
        ("copy a b nosuch", "-ERR syntax error\r\n"),
        ("copy a a", "-ERR source and destination objects are the same\r\n"),
    ] {
        assert_eq!(twins.run(command), reply);
    }
}

#[test]
fn msetnx_is_all_or_nothing() {
    let mut twins = Twins::new();
    assert_eq!(twins.run("msetnx a 1 b 2 c 3 a 4"), ":1\r\n");
    assert_eq!(twins.run("msetnx d 1 e 2 c 3"), ":0\r\n");
    assert_eq!(twins.run("msetnx d 1 g 2"), ":1\r\n", "one shard");
    assert_eq!(twins.run("msetnx a 1 b"), "-ERR wrong number of arguments for 'msetnx' command\r\n");
}

#[test]
fn lcs_reads_both_shards() {
    let mut twins = Twins::new();
    twins.run("set a ohmytext");
    twins.run("set b mynewtext");
    assert_eq!(twins.run("lcs a b"), "$6\r\nmytext\r\n");
    assert_eq!(twins.run("lcs a b len"), ":6\r\n");
    twins.run("lcs a b idx minmatchlen 4 withmatchlen");
    twins.run("lcs a nokey");
    twins.run("lcs a b nosuch");
}

/// A command over a handful of keys, some short-lived.
fn any_command() -> impl Strategy<Value = String> {
    let key = || prop::sample::select(vec!["a", "b", "c", "d"]);
    prop_oneof![
        (key(), 0..100i32).prop_map(|(k, v)| format!("set {k} {v}")),
        (key(), 1..30i32).prop_map(|(k, ms)| format!("set {k} short px {ms}")),
        key().prop_map(|k| format!("del {k}")),
        key().prop_map(|k| format!("append {k} x")),
        (key(), key()).prop_map(|(a, b)| format!("rename {a} {b}")),
        (key(), key()).prop_map(|(a, b)| format!("renamenx {a} {b}")),
        (key(), key()).prop_map(|(a, b)| format!("copy {a} {b}")),
        (key(), key(), 0..3).prop_map(|(a, b, db)| format!("copy {a} {b} db {db} replace")),
        (key(), key(), key()).prop_map(|(a, b, c)| format!("msetnx {a} 1 {b} 2 {c} 3")),
        (key(), key()).prop_map(|(a, b)| format!("lcs {a} {b}")),
    ]
}

proptest! {
    #[test]
    fn several_shards_are_as_good_as_one(
        commands in prop::collection::vec((any_command(), 0..20i64, 0..2usize), 1..60)
    ) {
        let mut twins = Twins::new();
        for (command, wait_ms, db) in commands {
            twins.now_ms += wait_ms;
            twins.db = db;
            twins.run(&command);
        }
    }
}
