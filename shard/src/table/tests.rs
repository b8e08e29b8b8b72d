//! The table against a plain map, and the bounds it promises.
//!
//! Hashes are an argument here: [`Spread`] squeezes them into few homes or few prefixes, so that a
//! thousand keys displace, stash, split, merge and spill as much as many millions would.

use super::key::DEPTH_MAX;
use super::segment::{HOMES, SEGMENT_SLOTS};
use super::*;
use proptest::prelude::*;
use std::collections::{HashMap, HashSet};
use std::sync::mpsc;

/// How the keys of a test hash.
#[derive(Clone, Copy, Debug)]
enum Spread {
    Even,
    /// Three homes in every segment: guests and stash are full, splits come early.
    FewHomes,
    /// Eight prefixes and four homes: no split helps for long, and much spills.
    Colliding,
}

fn spreads() -> impl Strategy<Value = Spread> {
    prop_oneof![Just(Spread::Even), Just(Spread::FewHomes), Just(Spread::Colliding)]
}

fn key(bytes: &[u8], spread: Spread) -> Key<'_> {
    let mut key = Key::new(bytes, 42);
    match spread {
        Spread::Even => {}
        Spread::FewHomes => key.hash = key.hash & !0xff_ff00 | [0, 0x500, 0xff_ff00][key.hash as usize % 3],
        Spread::Colliding => key.hash &= 0xe000_0000_00c0_00f1,
    }
    key
}

fn check(db: &Db) {
    if !db.is_empty() {
        db.directory.check();
    }
}

fn text(n: usize) -> Vec<u8> {
    (0..n).map(|i| b'a' + (i % 26) as u8).collect()
}

#[derive(Clone, Debug)]
enum Op {
    Set(u16, usize, Option<i64>),
    SetInt(u16, i64, Option<i64>),
    Insert(u16, Detached),
    Remove(u16),
    Discard(u16),
    SetBytes(u16, usize),
    Append(u16, usize),
    Truncate(u16, usize),
    Expire(u16, Option<i64>),
    Lru(u16, u32),
    Touch(u16, u32),
    ExpireSlice(i64, usize),
    Take,
    FreeSomeAndGoOn(usize),
}

fn length() -> impl Strategy<Value = usize> {
    prop_oneof![0..70usize, 215..235usize, 250..270usize, Just(2000usize)]
}

fn expiry() -> impl Strategy<Value = Option<i64>> {
    prop_oneof![2 => Just(None), 1 => (0..1000i64).prop_map(Some)]
}

fn detached() -> impl Strategy<Value = Detached> {
    let bytes = (length(), any::<bool>()).prop_map(|(n, raw)| DetachedValue::Bytes(text(n), raw));
    let value = prop_oneof![any::<i64>().prop_map(DetachedValue::Int), bytes];
    (value, expiry(), 0..1u32 << 24).prop_map(|(value, expire_at, lru)| Detached { value, expire_at, lru })
}

fn op() -> impl Strategy<Value = Op> {
    let k = || 0..1500u16;
    prop_oneof![
        30 => (k(), length(), expiry()).prop_map(|(k, n, e)| Op::Set(k, n, e)),
        5 => (k(), any::<i64>(), expiry()).prop_map(|(k, n, e)| Op::SetInt(k, n, e)),
        5 => (k(), detached()).prop_map(|(k, d)| Op::Insert(k, d)),
        8 => k().prop_map(Op::Remove),
        4 => k().prop_map(Op::Discard),
        4 => (k(), length()).prop_map(|(k, n)| Op::SetBytes(k, n)),
        6 => (k(), length()).prop_map(|(k, n)| Op::Append(k, n)),
        2 => (k(), length()).prop_map(|(k, n)| Op::Truncate(k, n)),
        4 => (k(), expiry()).prop_map(|(k, e)| Op::Expire(k, e)),
        2 => (k(), 0..1u32 << 24).prop_map(|(k, l)| Op::Lru(k, l)),
        2 => (k(), 0..1u32 << 24).prop_map(|(k, l)| Op::Touch(k, l)),
        1 => (0..200i64, 1..300usize).prop_map(|(t, n)| Op::ExpireSlice(t, n)),
    ]
}

/// Ops in which whole ranges of keys come and go, so that segments split and merge.
fn story() -> impl Strategy<Value = Vec<Op>> {
    let fill = (0..1500u16, 100..1500u16, length(), expiry()).prop_map(|(from, n, len, e)| {
        (from..from.saturating_add(n).min(1500)).map(|k| Op::Set(k, len, e)).collect::<Vec<_>>()
    });
    let empty = (0..1500u16, 100..1500u16)
        .prop_map(|(from, n)| (from..from.saturating_add(n).min(1500)).map(Op::Remove).collect());
    let mixed = prop::collection::vec(op(), 1..200);
    let rare = prop_oneof![Just(vec![Op::Take]), (1..900usize).prop_map(|n| vec![Op::FreeSomeAndGoOn(n)])];
    prop::collection::vec(prop_oneof![6 => fill, 4 => empty, 6 => mixed, 1 => rare], 1..12)
        .prop_map(|parts| parts.concat())
}

fn name(k: u16) -> Vec<u8> {
    // Every 50th is a long key.
    if k.is_multiple_of(50) { format!("{k:0>300}").into_bytes() } else { format!("key:{k}").into_bytes() }
}

fn set_value(value: Vec<u8>) -> DetachedValue {
    match parse_int(&value) {
        Some(n) => DetachedValue::Int(n),
        None => DetachedValue::Bytes(value, false),
    }
}

fn plain(value: &DetachedValue) -> Vec<u8> {
    match value {
        DetachedValue::Int(n) => n.to_string().into_bytes(),
        DetachedValue::Bytes(b, _) => b.clone(),
        other => panic!("{other:?} is no string"),
    }
}

/// The table and the map that says what it should hold.
struct Pair {
    db: Db,
    model: HashMap<Vec<u8>, Detached>,
    spread: Spread,
    cursor: u64,
}

impl Pair {
    fn new(spread: Spread) -> Self {
        Self { db: Db::new(), model: HashMap::new(), spread, cursor: 0 }
    }

    fn apply(&mut self, op: &Op) {
        match op {
            Op::Set(k, n, e) => self.set(*k, text(*n), *e),
            Op::SetInt(k, n, e) => self.set(*k, n.to_string().into_bytes(), *e),
            Op::Insert(k, d) => {
                let old = self.db.insert(&key(&name(*k), self.spread), d.clone());
                assert_eq!(old, self.model.insert(name(*k), d.clone()));
            }
            Op::Remove(k) => {
                assert_eq!(self.db.remove(&key(&name(*k), self.spread)), self.model.remove(&name(*k)));
            }
            Op::Discard(k) => {
                let was = self.db.discard(&key(&name(*k), self.spread));
                assert_eq!(was, self.model.remove(&name(*k)).is_some());
            }
            Op::Take => {
                let old = self.db.take();
                assert_eq!(old.len(), self.model.len());
                self.model.clear();
            }
            Op::FreeSomeAndGoOn(n) => {
                // Garbage is only ever freed; but a write to it must not harm.
                let left = self.model.len().saturating_sub(*n);
                let done = self.db.free_slice(*n);
                assert!(self.db.len() >= left);
                assert!(!done || self.db.is_empty());
                while !self.db.free_slice(100) {}
                self.model.clear();
            }
            Op::ExpireSlice(now, buckets) => self.expire(*now, *buckets),
            other => self.edit(other),
        }
    }

    fn set(&mut self, k: u16, value: Vec<u8>, expire_at: Option<i64>) {
        let there = self.db.set_string(&key(&name(k), self.spread), &value, expire_at, u32::from(k));
        let d = Detached { value: set_value(value), expire_at, lru: u32::from(k) };
        assert_eq!(there, self.model.insert(name(k), d).is_some());
    }

    fn edit(&mut self, op: &Op) {
        let (Op::SetBytes(k, _)
        | Op::Append(k, _)
        | Op::Truncate(k, _)
        | Op::Expire(k, _)
        | Op::Lru(k, _)
        | Op::Touch(k, _)) = op
        else {
            panic!("not an edit: {op:?}")
        };
        let bytes = name(*k);
        let key = key(&bytes, self.spread);
        let model = self.model.get_mut(&bytes);
        if let Op::Touch(_, lru) = op {
            let seen = self.db.touch(&key, |old| old ^ lru).map(Entry::lru);
            let model = model.map(|m| {
                m.lru ^= lru;
                m.lru
            });
            assert_eq!(seen, model);
            return;
        }
        let (entry, model) = match (self.db.get_mut(&key), model) {
            (Some(entry), Some(model)) => (entry, model),
            (None, None) => return,
            (entry, model) => panic!("there: {}, should be: {}", entry.is_some(), model.is_some()),
        };
        edit_one(op, entry, model);
    }

    fn expire(&mut self, now: i64, buckets: usize) {
        let model = &mut self.model;
        self.cursor = self.db.expire_slice(self.cursor, buckets, now, &mut |key, value| {
            assert!(value.expire_at.is_some_and(|t| t <= now));
            assert_eq!(model.remove(key), Some(value));
        });
    }

    fn check(&self) {
        check(&self.db);
        assert_eq!(self.db.len(), self.model.len());
        assert_eq!(self.db.expires_len(), self.model.values().filter(|d| d.expire_at.is_some()).count());
        for (bytes, d) in &self.model {
            let entry = self.db.get(&key(bytes, self.spread)).expect("a key of the model");
            assert_eq!(entry.key(), &bytes[..]);
            assert_eq!(&entry.detached(), d);
            assert_eq!((entry.expire_at(), entry.lru()), (d.expire_at, d.lru));
            assert!(entry.memory(0) >= bytes.len() + 8);
            let encoding = match &d.value {
                DetachedValue::Int(_) => Encoding::Int,
                DetachedValue::Bytes(b, false) if b.len() <= 44 => Encoding::Embstr,
                DetachedValue::Bytes(..) => Encoding::Raw,
                other => panic!("{other:?} is no string"),
            };
            assert_eq!(entry.encoding(), encoding);
        }
        assert_eq!(scanned(&self.db), self.model.keys().cloned().collect());
    }
}

fn edit_one(op: &Op, mut entry: EntryMut<'_>, model: &mut Detached) {
    match op {
        Op::SetBytes(_, n) => {
            entry.set_bytes(&text(*n));
            model.value = DetachedValue::Bytes(text(*n), false);
        }
        Op::Append(_, n) => {
            let len = entry.edit_raw(|b| {
                b.extend_from_slice(&text(*n));
                b.len()
            });
            let mut bytes = plain(&model.value);
            bytes.extend_from_slice(&text(*n));
            assert_eq!(len, bytes.len());
            model.value = DetachedValue::Bytes(bytes, true);
        }
        Op::Truncate(_, n) => {
            entry.edit_raw(|b| b.truncate(*n));
            let mut bytes = plain(&model.value);
            bytes.truncate(*n);
            model.value = DetachedValue::Bytes(bytes, true);
        }
        Op::Expire(_, e) => {
            entry.set_expire(*e);
            model.expire_at = *e;
        }
        Op::Lru(_, lru) => {
            entry.set_lru(*lru);
            model.lru = *lru;
            assert_eq!(entry.entry().lru(), *lru);
        }
        other => panic!("not an edit: {other:?}"),
    }
}

fn scanned(db: &Db) -> HashSet<Vec<u8>> {
    let mut seen = HashSet::new();
    let mut cursor = 0;
    loop {
        cursor = db.scan(cursor, &mut |e| assert!(seen.insert(e.key().to_vec()), "seen twice at rest"));
        assert!(cursor < 1 << 48);
        if cursor == 0 {
            return seen;
        }
    }
}

/// How many cases a property runs: fewer where each instruction is watched (valgrind).
fn cases() -> ProptestConfig {
    ProptestConfig {
        cases: if std::env::var_os("PERCORE_FEW_CASES").is_some() { 4 } else { 48 },
        ..Default::default()
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn does_what_a_map_does(spread in spreads(), story in story()) {
        let mut pair = Pair::new(spread);
        for (i, op) in story.iter().enumerate() {
            pair.apply(op);
            if i % 512 == 0 {
                pair.check();
            }
        }
        pair.check();
        // Whatever expires is found within one round, however small the slices; only a merge on the
        // way may put entries behind the walk.
        let mut rounds = 0;
        while pair.db.expires_len() > 0 && rounds < 12 {
            pair.expire(2000, 7);
            rounds += usize::from(pair.cursor == 0);
        }
        prop_assert_eq!(pair.db.expires_len(), 0);
        pair.check();
    }

    #[test]
    fn scan_sees_all_that_stays(spread in spreads(), before in story(), during in story(), pace in 1usize..60) {
        let mut pair = Pair::new(spread);
        before.iter().for_each(|op| pair.apply(op));
        let mut stayed: HashSet<_> = pair.model.keys().cloned().collect();
        let mut seen = HashSet::new();
        let mut ops = during.iter();
        let mut cursor = 0;
        loop {
            cursor = pair.db.scan(cursor, &mut |e| { seen.insert(e.key().to_vec()); });
            if cursor == 0 {
                break;
            }
            for op in ops.by_ref().take(pace) {
                pair.apply(op);
                stayed.retain(|k| pair.model.contains_key(k));
            }
        }
        prop_assert!(stayed.is_subset(&seen), "{} missed", stayed.difference(&seen).count());
    }

    #[test]
    fn a_cut_is_one_moment(spread in spreads(), before in story(), during in story(), pace in 1usize..60) {
        let mut pair = Pair::new(spread);
        before.iter().for_each(|op| pair.apply(op));
        let then = pair.model.clone();
        let (saved, all_saved) = mpsc::channel();
        pair.db.start_cut(Box::new(move |e| saved.send((e.key().to_vec(), e.detached())).unwrap()));
        let mut is_whole = pair.db.cut_slice(1);
        let reads_only = |op: &&Op| !matches!(op, Op::Take | Op::FreeSomeAndGoOn(_) | Op::Lru(..) | Op::Touch(..));
        let mut ops = during.iter().filter(reads_only);
        while !is_whole {
            ops.by_ref().take(pace).for_each(|op| pair.apply(op));
            is_whole = pair.db.cut_slice(3);
        }
        prop_assert!(!pair.db.has_cut());
        let mut seen = HashMap::new();
        for (key, value) in all_saved.try_iter() {
            prop_assert!(seen.insert(key, value).is_none(), "saved twice");
        }
        prop_assert_eq!(seen, then);
    }
}

#[test]
fn a_million_keys_split_in_small_steps() {
    let mut db = Db::new();
    let n = 1_000_000u32;
    let mut segments = 0;
    for i in 0..n {
        db.set_string(&Key::new(&i.to_le_bytes(), 1), b"v", None, 0);
        let now = db.directory.segments();
        // An insert splits one segment, very rarely (all keys in one half) a second one.
        assert!(now <= segments + 2, "{} segments at once", now - segments);
        segments = now;
    }
    // Each split moved the names of at most one segment's entries, and there were few.
    let load = f64::from(n) / (segments * SEGMENT_SLOTS) as f64;
    assert!(load > 0.42, "load {load}");
    assert!(db.memory() < 26 * n as usize, "{} bytes a key", db.memory() / n as usize);
    check(&db);

    for i in 0..n {
        assert!(db.discard(&Key::new(&i.to_le_bytes(), 1)));
    }
    assert!(db.directory.segments() < segments / 100, "the table shrinks: {}", db.directory.segments());
    assert!(db.is_empty());
}

#[test]
fn segments_fill_well_before_they_split() {
    let mut db = Db::new();
    let (mut low, mut high) = (1.0f64, 0.0f64);
    for i in 0..800_000u32 {
        db.set_string(&Key::new(&i.to_le_bytes(), 7), b"v", None, 0);
        let load = db.len() as f64 / (db.directory.segments() * SEGMENT_SLOTS) as f64;
        // Between two doublings of the whole table, once there are enough segments to average.
        if i > 100_000 {
            (low, high) = (low.min(load), high.max(load));
        }
    }
    assert!(low > 0.44 && high > 0.84, "{low} to {high}");
}

#[test]
fn random_is_fair_and_ends() {
    let mut state = 1u64;
    let mut random = move || {
        // SplitMix64.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    };
    let mut db = Db::new();
    assert!(db.random(&mut random).is_none());
    let n = 2000u32;
    for i in 0..n {
        db.set_string(&Key::new(&i.to_le_bytes(), 1), b"v", None, 0);
    }
    let mut counts = HashMap::new();
    for _ in 0..n * 50 {
        *counts.entry(db.random(&mut random).unwrap().key().to_vec()).or_insert(0u32) += 1;
    }
    assert_eq!(counts.len(), n as usize);
    assert!(counts.values().all(|&c| (15..110).contains(&c)), "{:?}", counts.values().max());

    for i in 0..n - 1 {
        db.discard(&Key::new(&i.to_le_bytes(), 1));
    }
    assert_eq!(db.random(&mut random).unwrap().key(), (n - 1).to_le_bytes());
}

#[test]
fn colliding_hashes_only_slow_themselves() {
    let mut db = Db::new();
    let n = 5000u32;
    for i in 0..n {
        assert!(!db.set_string(&Key { bytes: &i.to_le_bytes(), hash: 7 << 40 }, b"v", Some(5), 0));
        db.set_string(&Key::new(&(i + n).to_le_bytes(), 1), b"v", None, 0);
    }
    assert!(db.memory() < 1 << 21, "{} bytes", db.memory());
    for i in 0..n {
        assert!(db.get(&Key { bytes: &i.to_le_bytes(), hash: 7 << 40 }).is_some());
    }
    assert_eq!(scanned(&db).len(), 2 * n as usize);
    assert_eq!(db.expires_len(), n as usize);
    let mut reaped = 0;
    assert_eq!(db.expire_slice(0, usize::MAX, 5, &mut |_, _| reaped += 1), 0);
    db.expire_slice(0, usize::MAX, 5, &mut |_, _| reaped += 1);
    assert_eq!((reaped, db.len()), (n, n as usize));
    check(&db);
}

#[test]
fn appends_cost_what_they_add() {
    let mut db = Db::new();
    let key = Key::new(b"log", 1);
    db.set_string(&key, b"", None, 0);
    let mut moves = 0;
    let mut start = std::ptr::null();
    for _ in 0..100_000 {
        let now = db.get_mut(&key).unwrap().edit_raw(|b| {
            b.extend_from_slice(b"0123456789");
            b.as_ptr()
        });
        moves += u32::from(now != start);
        start = now;
    }
    assert!(moves < 64, "the buffer moved {moves} times");
    assert_eq!(db.get(&key).unwrap().string(), Some(StrRef::Bytes(&b"0123456789".repeat(100_000))));
}

#[test]
fn same_size_is_written_in_place() {
    let mut db = Db::new();
    let key = Key::new(b"0123456789abcdef", 1);
    for (first, second) in
        [(&b"abc"[..], &b"xyz"[..]), (&[b'a'; 64], &[b'b'; 60]), (&[b'a'; 1000], &[b'b'; 900])]
    {
        db.set_string(&key, first, None, 0);
        let address = |db: &Db| match db.get(&key).unwrap().string() {
            Some(StrRef::Bytes(b)) => (b.as_ptr(), db.get(&key).unwrap().key().as_ptr()),
            other => panic!("{other:?}"),
        };
        let before = address(&db);
        assert!(db.set_string(&key, second, None, 0));
        assert_eq!(address(&db), before);
        assert_eq!(db.get(&key).unwrap().string(), Some(StrRef::Bytes(second)));
    }
}

#[test]
fn sizes_that_memory_goals_rest_on() {
    let key = Key::new(b"0123456789abcdef", 1);
    for (value, size) in
        [(&b"abc"[..], 32), (b"123", 32), (&[b'x'; 64], 96), (&[b'x'; 224], 256), (&[b'x'; 300], 48 + 300)]
    {
        let mut db = Db::new();
        db.set_string(&key, value, None, 0);
        assert_eq!(db.get(&key).unwrap().memory(0), size);
    }
}

#[test]
fn garbage_is_freed_in_slices() {
    let mut db = Db::new();
    for i in 0..50_000u32 {
        db.set_string(&Key::new(&i.to_le_bytes(), 1), b"v", (i % 2 == 0).then_some(9), 0);
    }
    let mut old = db.take();
    assert!(db.is_empty() && db.expires_len() == 0 && db.get(&Key::new(&[0; 4], 1)).is_none());
    let mut slices = 0;
    while !old.free_slice(1000) {
        let before = old.memory();
        slices += 1;
        assert!(old.memory() <= before);
        // Whoever still looks finds the key or nothing.
        let _ = old.get(&Key::new(&1u32.to_le_bytes(), 1));
    }
    assert!(slices >= 49, "{slices}");
    assert_eq!((old.len(), old.expires_len(), old.memory()), (0, 0, 0));
}

#[test]
fn a_half_freed_table_takes_new_keys() {
    let mut db = Db::new();
    for i in 0..50_000u32 {
        db.set_string(&Key::new(&i.to_le_bytes(), 1), b"v", None, 0);
    }
    db.free_slice(20_000);
    db.set_string(&Key::new(b"new", 1), b"v", None, 0);
    assert!(db.get(&Key::new(b"new", 1)).is_some());
    check(&db);
}

#[test]
fn a_panic_in_an_edit_frees_once() {
    let mut db = Db::new();
    let key = Key::new(b"k", 1);
    db.set_string(&key, &[b'x'; 1000], None, 0);
    let attempt = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        db.get_mut(&key).unwrap().edit_raw(|_| panic!("in the middle"));
    }));
    assert!(attempt.is_err());
    assert_eq!(db.get(&key).unwrap().string(), Some(StrRef::Bytes(b"")));
}

#[test]
fn average_ttl_follows_what_is_there() {
    let mut db = Db::new();
    for i in 0..1000u32 {
        db.set_string(&Key::new(&i.to_le_bytes(), 1), b"v", Some(11_000), 0);
    }
    assert_eq!(db.average_ttl_ms(), 0);
    db.expire_slice(0, 1000, 1000, &mut |_, _| panic!("nothing has expired"));
    assert_eq!(db.average_ttl_ms(), 10_000);
}

#[test]
fn nonsense_cursors_end_the_walk() {
    let mut db = Db::new();
    db.set_string(&Key::new(b"k", 1), b"v", Some(1), 0);
    for cursor in [(HOMES as u64) << DEPTH_MAX, 1 << 47, u64::MAX] {
        assert_eq!(db.scan(cursor, &mut |_| panic!("visited")), 0);
    }
    for cursor in [63, 1 << 47, u64::MAX] {
        assert_eq!(db.expire_slice(cursor, 1, 0, &mut |_, _| panic!("reaped")), 0);
    }
    // One in the middle is as good as any.
    assert_eq!(db.scan(12345, &mut |_| ()), 1 << DEPTH_MAX);
}

#[test]
fn versions_follow_the_home_bucket() {
    let mut db = Db::new();
    let key = Key::new(b"k", 1);
    assert_eq!(db.bucket_version(key.hash), None);
    db.set_string(&key, b"v", None, 0);
    assert_eq!(db.bucket_version(key.hash), Some(db.epoch()));
    db.start_cut(Box::new(|_| ()));
    assert_eq!(db.bucket_version(key.hash), Some(db.epoch() - 1));
    db.get_mut(&key).unwrap().set_lru(5);
    db.touch(&key, |lru| lru + 1);
    assert_eq!(db.bucket_version(key.hash), Some(db.epoch() - 1), "LRU is no change");
    db.get_mut(&key).unwrap().set_expire(Some(1));
    assert_eq!(db.bucket_version(key.hash), Some(db.epoch()));
    db.drop_cut();
}
