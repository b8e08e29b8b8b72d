//! Values of every type and form, out and in again; and payloads that somebody has meddled with, a hundred thousand
//! of them: never a crash, and what is loaded keeps its type's invariants.

use super::*;
use crate::db::{Db, Detached, Key};
use crate::testing::Bed;
use crate::value::stream::{StreamId, check_node};
use persist::dense::{Dense, to_listpack};
use persist::{intset, rdb::check};
use proptest::prelude::*;

const SEED: u64 = 42;

/// Panics unless a value is what its type promises.
fn check_value(value: ValueRef<'_>) {
    match value {
        ValueRef::String(_) => {}
        ValueRef::Packed(_) => check_packed(Typed::of(value)),
        ValueRef::Object(Object::List(list)) => check_list(list),
        ValueRef::Object(Object::Set(set)) => {
            let (mut members, view) = (0, set.view());
            view.each(&mut |member| {
                assert!(view.contains(member));
                members += 1;
            });
            assert!(members > 0 && members == set.len());
        }
        ValueRef::Object(Object::Hash(hash)) => match hash {
            Hash::Fields(fields) => {
                assert!(!fields.is_empty());
                fields.check();
            }
            _ => unreachable!("packed"),
        },
        ValueRef::Object(Object::ZSet(zset)) => check_zset(zset.view()),
        ValueRef::Object(Object::Stream(stream)) => check_stream(stream),
    }
}

/// What is packed, as it would be written.
fn check_packed(value: Typed<'_>) {
    let list = |bytes| to_listpack(Dense::new(bytes));
    let elements = match value {
        Typed::Set(SetView::Intset(set)) => intset::check(set.bytes(), true).map(|()| set.len()),
        Typed::Set(SetView::Pack(pack)) => check::set(&to_listpack(pack)),
        Typed::Hash(HashView::Pairs(bytes)) => check::hash(&list(bytes), false),
        Typed::Hash(HashView::Timed(bytes)) => check::hash(&list(bytes), true),
        Typed::List(ListView::Short(pack)) => check::list(&to_listpack(pack)),
        Typed::List(ListView::Packed(list)) => check::list(list.bytes()),
        Typed::ZSet(view) => {
            check_zset(view);
            Ok(view.len())
        }
        _ => unreachable!("packed"),
    };
    assert!(elements.expect("a packed form of its type") > 0);
}

fn check_list(list: &List) {
    let mut elements = 0;
    list.view().walk(0, list::Direction::Forward, |_| {
        elements += 1;
        true
    });
    assert!(elements > 0 && elements == list.len());
}

fn check_zset(view: ZSetView<'_>) {
    let pairs: Vec<_> = view.all().map(|(member, score)| (score, member.to_vec())).collect();
    assert!(!pairs.is_empty() && pairs.len() == view.len());
    assert!(pairs.windows(2).all(|w| w[0].partial_cmp(&w[1]) == Some(std::cmp::Ordering::Less)));
    assert!(pairs.iter().all(|(score, member)| view.score(member) == Some(*score)));
}

fn check_stream(stream: &Stream) {
    let log = &stream.log;
    log.nodes().for_each(|(id, bytes)| assert_eq!(check_node(id, bytes), Ok(())));
    let ids: Vec<_> = log.range(StreamId::MIN, StreamId::MAX).map(|entry| entry.id).collect();
    assert_eq!((ids.len() as u64, ids.first().copied().unwrap_or_default()), (log.len(), log.first_id));
    assert!(ids.windows(2).all(|w| w[0] < w[1]));
    assert!(ids.last().is_none_or(|last| *last <= log.last_id) && log.max_deleted_id <= log.last_id);
    stream.groups.values().for_each(stream::Group::check);
}

/// Type and value of what is under a key.
fn body(db: &Db, key: &Key<'_>) -> Vec<u8> {
    let entry = db.get(key).expect("the key");
    let what = type_of(entry.value(), Target::AUTO);
    let mut bytes = vec![what as u8];
    save(entry.value(), what, &mut Writer::new(&mut bytes, false));
    bytes
}

/// Puts a value into a table of its own, and checks it; its bytes as they are written now.
pub(super) fn put_and_check(value: DetachedValue) -> Vec<u8> {
    let (mut db, key) = (Db::new(), Key::new(b"k", SEED));
    db.insert(&key, Detached { value, expire_at: None, lru: 0 });
    let entry = db.get(&key).expect("the key");
    check_value(entry.value());
    assert!(entry.memory(0) > 0);
    body(&db, &key)
}

/// Loads, checks, and puts the value into a table of its own; its bytes as they are written now.
pub(super) fn load_and_check(bytes: &[u8], settings: &Settings) -> Result<Vec<u8>, Error> {
    let value = Loader { settings, seed: SEED }.load(bytes)?;
    Ok(put_and_check(value))
}

/// Runs commands, parted by semicolons, that make the key `k`; its type and value.
fn made(commands: &str, settings: &Settings) -> Vec<u8> {
    let mut bed = Bed::new();
    bed.shard.settings = settings.clone();
    for command in commands.split("; ") {
        let reply = bed.run(&command.split(' ').collect::<Vec<_>>());
        assert!(!reply.starts_with('-'), "{command}: {reply}");
    }
    body(&bed.shard.dbs[0], &bed.shard.key(b"k"))
}

/// Thresholds under which a few elements are many.
pub(super) fn tight() -> Settings {
    let mut settings = Settings { list_packed_threshold: 9, ..Settings::default() };
    let thresholds = &mut settings.thresholds;
    thresholds.hash_max_listpack_entries = 2;
    thresholds.set_max_listpack_entries = 2;
    thresholds.set_max_intset_entries = 2;
    thresholds.zset_max_listpack_entries = 2;
    thresholds.list_max_listpack_size = 2;
    thresholds.list_compress_depth = 1;
    thresholds.stream_node_max_entries = 2;
    settings
}

pub(super) const COMMANDS: &[&str] = &[
    "set k 12345",
    "set k hello",
    "rpush k a 1 -5 longer-than-nine 70000 b c d",
    "sadd k 1 2 -70000 5000000000",
    "sadd k a 1 b -5 cc",
    "hset k a 1 b 2 c 3",
    "hset k a 1 b 2 c 3; hpexpire k 5000 fields 2 b c; hpexpire k 700 fields 1 c",
    "zadd k 1 a 1.5 b -inf c inf d 1 7 1 12",
    "xadd k 1-1 f v g w; xadd k 2-0 f w g x; xadd k 3-0 g x; xadd k 4-0 g x; xadd k 9-9 g x; xdel k 2-0; \
     xgroup create k mail 0; xreadgroup group mail ann count 2 streams k >; \
     xreadgroup group mail bob count 1 streams k >; xgroup createconsumer k mail eve; xgroup create k idle $",
];

#[test]
fn every_form_comes_back() {
    for settings in [Settings::default(), tight()] {
        for commands in COMMANDS {
            let bytes = made(commands, &settings);
            assert_eq!(load_and_check(&bytes, &settings).as_ref(), Ok(&bytes), "{commands}");
        }
    }
}

/// A generator of its own, so that a failure comes again.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % n.max(1)
    }

    /// A byte that means something somewhere, or any.
    fn byte(&mut self) -> u8 {
        const TELLING: [u8; 14] = [0, 1, 2, 3, 0x3F, 0x40, 0x7F, 0x80, 0x81, 0xC0, 0xC3, 0xF0, 0xFE, 0xFF];
        if self.below(2) == 0 { TELLING[self.below(TELLING.len())] } else { self.below(256) as u8 }
    }

    fn meddle(&mut self, bytes: &mut Vec<u8>, with: &[u8]) {
        let at = self.below(bytes.len());
        match self.below(10) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, self.byte()),
            2 if bytes.len() > 1 => {
                bytes.remove(at);
            }
            3 => {
                let from = self.below(with.len());
                let len = self.below(20).min(with.len() - from).min(bytes.len() - at);
                bytes[at..at + len].copy_from_slice(&with[from..from + len]);
            }
            4 => bytes[at] ^= 1 << self.below(8),
            5 => bytes[0] = self.below(26) as u8,
            _ => {
                let byte = self.byte();
                if let Some(place) = bytes.get_mut(at) {
                    *place = byte;
                }
            }
        }
    }
}

#[test]
fn a_hundred_thousand_payloads_that_were_meddled_with() {
    const ROUNDS: usize = 100_000;
    let both = [Settings::default(), tight()];
    let good: Vec<Vec<u8>> =
        both.iter().flat_map(|settings| COMMANDS.iter().map(|commands| made(commands, settings))).collect();
    let (mut dice, mut loaded) = (Dice(1), 0);
    for round in 0..ROUNDS {
        let mut bytes = good[round % good.len()].clone();
        for _ in 0..=dice.below(3) {
            if bytes.is_empty() {
                break;
            }
            let with = dice.below(good.len());
            dice.meddle(&mut bytes, &good[with]);
        }
        let settings = &both[dice.below(2)];
        if let Ok(saved) = load_and_check(&bytes, settings) {
            loaded += 1;
            assert_eq!(load_and_check(&saved, settings).as_ref(), Ok(&saved), "round {round}: {bytes:?}");
        }
    }
    assert!(loaded > ROUNDS / 50, "{loaded} of them are values");
}

/// Words, some of them integers.
fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[a-z]{1,12}",
        1 => any::<i64>().prop_map(|n| n.to_string()),
        1 => (-200i64..200).prop_map(|n| n.to_string()),
        1 => "[ab]{60,80}",
    ]
}

proptest! {
    #[test]
    fn any_collection_comes_back(
        command in prop::sample::select(vec!["rpush", "sadd", "hset", "zadd"]),
        words in prop::collection::vec((word(), word(), any::<i16>()), 1..40),
        small: bool,
    ) {
        let settings = if small { tight() } else { Settings::default() };
        let mut line = format!("{command} k");
        for (a, b, n) in &words {
            line += &match command {
                "hset" => format!(" {a} {b}"),
                "zadd" => format!(" {} {a}", f64::from(*n) / 8.0),
                _ => format!(" {a}"),
            };
        }
        let bytes = made(&line, &settings);
        let again = load_and_check(&bytes, &settings);
        prop_assert!(again.is_ok(), "{:?}", again);
        // The order of a table's elements may depend on the order in which they came.
        let (mut was, mut is) = (bytes, again.unwrap());
        was.sort_unstable();
        is.sort_unstable();
        prop_assert_eq!(was, is);
    }

    #[test]
    fn any_bytes_are_no_crash(bytes in prop::collection::vec(any::<u8>(), 1..60), what in 0u8..26) {
        let mut bytes = bytes;
        bytes[0] = what;
        let _ = load_and_check(&bytes, &Settings::default());
    }
}
