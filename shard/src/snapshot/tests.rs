//! Random commands before and during a snapshot; what is loaded from it must be what was there at the cut.

use super::*;
use crate::db::Key;
use crate::digest::Digest;
use crate::testing::{Bed, NOW_MS};
use crate::value::rdb::Loader;
use persist::rdb::Error;
use persist::rdb::file::{Feed, FileVisitor, Head, Record, Rules, Unread, merge, read};
use proptest::prelude::*;

/// Puts what a file holds into another shard.
struct Put(Shard);

impl FileVisitor for Put {
    fn key(&mut self, record: &Record<'_>, value: Unread<'_, '_>) -> Result<(), Error> {
        let settings = Settings::default();
        let loaded = Loader { settings: &settings, seed: self.0.seed() }.record(record, value, NOW_MS)?;
        let key = Key::new(record.key, self.0.seed());
        let old = self.0.dbs[record.db as usize].insert(&key, loaded);
        assert!(old.is_none(), "{:?} twice", record.key.escape_ascii().to_string());
        Ok(())
    }
}

/// A command of a numbered kind on a numbered key; `n` is what it is about.
fn command(kind: u8, key: u16, n: u16) -> String {
    match kind {
        0..=6 => format!("set s{key} value{n}"),
        7 => format!("set s{key} {n} px 100000"),
        8 => format!("append s{key} {n}"),
        9 => format!("incrby n{key} {n}"),
        10..=12 => format!("del s{key} s{} l{key}", key + 1),
        13 => format!("rpush l{key} element{n} {n}"),
        14 => format!("lpop l{key} 2"),
        15 => format!("sadd e{} member{n} {n}", key % 8),
        16 => format!("srem e{} member{n}", key % 8),
        17 => format!("hset h{key} field{n} {n}"),
        18 => format!("hpexpire h{key} 5000 fields 1 field{n}"),
        19 => format!("zadd z{} {n} member{n}", key % 4),
        20 => format!("zpopmin z{} 3", key % 4),
        21 => format!("xadd x{key} * field {n}"),
        22 => format!("xtrim x{key} maxlen 3"),
        23 => format!("rename s{key} s{}", key / 2),
        24 => format!("pexpire s{key} {n}"),
        25 => format!("copy z{} z{} replace", key % 4, n % 4),
        26 => format!("move s{key} {}", n % 3),
        27 => format!("sunionstore e{} e{} e{}", n % 8, key % 8, (key + 1) % 8),
        28 => format!("setbit b{key} {n} 1"),
        29 => format!("pfadd p{key} {n}"),
        _ => format!("getdel s{key}"),
    }
}

/// What happens to the whole keyspace, now and then.
fn upheaval(n: u16) -> String {
    match n % 5 {
        0 => "flushall".into(),
        1 => "flushdb".into(),
        _ => format!("swapdb {} {}", n % 3, (n / 3) % 3),
    }
}

#[derive(Clone, Debug)]
struct Step {
    db: usize,
    kind: u8,
    key: u16,
    n: u16,
    /// One in so many is an upheaval.
    turns: bool,
}

fn steps(max: usize) -> impl Strategy<Value = Vec<Step>> {
    let step = (0..3usize, 0..31u8, 0..60u16, 0..300u16, 0..80u8);
    let made = |(db, kind, key, n, turn)| Step { db, kind, key, n, turns: turn == 0 };
    prop::collection::vec(step.prop_map(made), 0..max)
}

fn run(bed: &mut Bed, step: &Step) {
    bed.cx.db = step.db;
    let line = if step.turns { upheaval(step.n) } else { command(step.kind, step.key, step.n) };
    let words: Vec<&str> = line.split(' ').collect();
    bed.run(&words);
}

fn digests(shard: &Shard) -> Vec<Option<Digest>> {
    shard.digests()
}

fn plan() -> Plan {
    Plan { options: Options { part_bytes: 500, ..Options::default() }, target: Target::AUTO, now_ms: NOW_MS }
}

/// The rest of a snapshot, as a file.
fn file_of(bed: &mut Bed, mut bytes: Vec<u8>, pace: impl FnMut(&mut Bed)) -> (Vec<u8>, Progress) {
    let (mut pace, mut block) = (pace, Vec::new());
    while !bed.shard.snapshot_slice(5) {
        pace(bed);
        bed.shard.take_snapshot_block(&mut block);
        bytes.extend_from_slice(&block);
    }
    let (fragment, progress) = bed.shard.end_snapshot(&mut block).expect("all is saved");
    bytes.extend_from_slice(&block);
    let merged = merge(&Head::new(Target::AUTO, "7.2.4", 0, 0, false), std::slice::from_ref(&fragment));
    ([merged.head, bytes, merged.tail.to_vec()].concat(), progress)
}

fn load(file: &[u8]) -> Shard {
    let mut put = Put(Shard::new(16, 7));
    read(&mut Feed::new(&mut &file[..], 0..file.len() as u64), Rules::default(), &mut put)
        .expect("a whole file");
    put.0
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_snapshot_is_one_moment(before in steps(1500), during in steps(1500), pace in 1..20usize) {
        let mut bed = Bed::new();
        before.iter().for_each(|step| run(&mut bed, step));
        let then = digests(&bed.shard);
        let keys: usize = bed.shard.dbs.iter().map(|db| db.len()).sum();
        bed.shard.begin_snapshot(plan());
        let mut rest = during.iter();
        let (file, progress) = file_of(&mut bed, Vec::new(), |bed| {
            for step in rest.by_ref().take(pace) {
                bed.cx.now_ms += 1;
                run(bed, step);
                bed.shard.free_slice(7);
                bed.shard.expire_slice(bed.cx.now_ms, 3);
            }
        });
        prop_assert_eq!(progress.keys, keys as u64);
        prop_assert_eq!(digests(&load(&file)), then);
        prop_assert!(!bed.shard.has_snapshot());
        while bed.shard.free_slice(1000) {}
        prop_assert_eq!(bed.shard.garbage_objects(), 0);
    }
}

#[test]
fn writers_save_what_they_change_and_what_they_flush() {
    let mut bed = Bed::new();
    for i in 0..2000 {
        bed.run(&["set", &format!("k{i}"), "before"]);
    }
    let then = digests(&bed.shard);
    bed.shard.begin_snapshot(plan());
    for i in 0..1000 {
        bed.run(&["set", &format!("k{i}"), "after"]);
    }
    let progress = bed.shard.snapshot_progress();
    assert!(progress.by_writers > 0 && progress.keys >= 1000, "{progress:?}");
    bed.run(&["flushall"]);
    bed.run(&["set", "k0", "new"]);
    assert!(bed.shard.free_slice(1 << 20) || bed.shard.garbage_objects() == 2000, "nothing unsaved is freed");
    let mut block = Vec::new();
    assert!(bed.shard.end_snapshot(&mut block).is_none(), "not at its end");
    let (file, progress) = file_of(&mut bed, Vec::new(), |_| ());
    assert_eq!(progress.keys, 2000);
    assert_eq!(digests(&load(&file)), then);
    assert_eq!(bed.run(&["dbsize"]), ":1\r\n");
}

#[test]
fn a_snapshot_that_is_given_up_leaves_nothing_behind() {
    let mut bed = Bed::new();
    for i in 0..500 {
        bed.run(&["set", &format!("k{i}"), "v"]);
    }
    bed.shard.begin_snapshot(plan());
    bed.shard.snapshot_slice(10);
    bed.run(&["flushall"]);
    bed.shard.abandon_snapshot();
    assert!(!bed.shard.has_snapshot() && bed.shard.snapshot_waiting() == 0);
    while bed.shard.free_slice(100) {}
    assert_eq!(bed.shard.garbage_objects(), 0);
    bed.shard.begin_snapshot(plan());
    let (file, progress) = file_of(&mut bed, Vec::new(), |_| ());
    assert_eq!(progress, Progress::default());
    assert_eq!(load(&file).dbs[0].len(), 0);
}

/// The check can fail: without the cut, what writers change on the way is in the file.
#[test]
fn without_the_hook_the_moment_is_lost() {
    let mut bed = Bed::new();
    for i in 0..500 {
        bed.run(&["set", &format!("k{i}"), "before"]);
    }
    let then = digests(&bed.shard);
    bed.shard.begin_snapshot(plan());
    // As if nobody had saved it: the cut begins again after the change.
    bed.shard.abandon_snapshot();
    bed.run(&["set", "k7", "after"]);
    bed.shard.begin_snapshot(plan());
    let (file, _) = file_of(&mut bed, Vec::new(), |_| ());
    assert_ne!(digests(&load(&file)), then);
}
