//! Keys of every type and form, to a file and back, for every version that can be asked for.

use super::tests::{COMMANDS, tight};
use super::*;
use crate::db::{Db, Detached, Key};
use crate::settings::MaxmemoryPolicy;
use crate::testing::{Bed, NOW_MS};
use crate::value::tell::{Part, tell};
use persist::rdb::file::{
    Body, Feed, FileVisitor, Head, Meta, Options, Record, Rules, Unread, Verified, merge, read,
};

const SEED: u64 = 42;

/// Puts what a file holds into a database.
struct Put<'a> {
    settings: &'a Settings,
    db: Db,
}

impl FileVisitor for Put<'_> {
    fn key(&mut self, record: &Record<'_>, value: Unread<'_, '_>) -> Result<(), Error> {
        let loaded = Loader { settings: self.settings, seed: SEED }.record(record, value, NOW_MS)?;
        self.db.insert(&Key::new(record.key, SEED), loaded);
        Ok(())
    }
}

/// What a key holds, in lines; those of a set or hash sorted.
fn lines(db: &Db, key: &[u8], edit: impl Fn(String) -> Option<String>) -> Vec<String> {
    let mut lines = Vec::new();
    let entry = db.get(&Key::new(key, SEED)).expect("the key");
    tell(entry.value(), &mut |part| lines.extend(edit(format!("{part:?}"))));
    if lines.iter().any(|line| line.starts_with("Member") || line.starts_with("Field")) {
        lines.sort_unstable();
    }
    lines
}

/// The text of a part as a version has it.
fn as_of(version: u16, line: String) -> Option<String> {
    let cut = |line: &str, from: &str| line[..line.find(from).unwrap_or(line.len())].to_string();
    Some(match line.split(' ').next() {
        Some("Field") if version < 12 => cut(&line, "expire_at"),
        Some("Consumer") if version < 11 => cut(&line, "active_ms"),
        Some("Log") if version < 10 => cut(&line, "max_deleted_id"),
        Some("Group") if version < 10 => cut(&line, "entries_read"),
        _ => line,
    })
}

/// A file of all entries of a database.
fn file_of(db: &Db, saver: &Saver<'_>) -> (Vec<u8>, u16, usize) {
    let mut body = Body::new(Options { part_bytes: 100, ..Options::default() });
    let (mut cursor, mut lost) = (0, 0);
    loop {
        cursor = db.scan(cursor, &mut |entry| {
            lost += usize::from(saver.save(&mut body, 3, entry) == Saved::WithoutExpiries);
        });
        if cursor == 0 {
            break;
        }
    }
    let mut block = Vec::new();
    let fragment = body.finish(&mut block);
    let about = Head::new(saver.target, "7.2.4", 0, 0, false);
    let merged = merge(&about, std::slice::from_ref(&fragment));
    ([merged.head, block, merged.tail.to_vec()].concat(), merged.version, lost)
}

/// A shard with a key of each kind: what `k` is called in [`COMMANDS`] is numbered.
fn lively(settings: &Settings) -> Bed {
    let mut bed = Bed::new();
    bed.shard.settings = settings.clone();
    for (n, commands) in COMMANDS.iter().enumerate() {
        for command in commands.split("; ") {
            let name = format!("k{n}");
            let words: Vec<&str> =
                command.split(' ').map(|word| if word == "k" { name.as_str() } else { word }).collect();
            let reply = bed.run(&words);
            assert!(!reply.starts_with('-'), "{command}: {reply}");
        }
    }
    bed.run(&["pexpireat", "k1", "1800000000000"]);
    bed
}

#[test]
fn every_version_has_the_same_keys() {
    for settings in [Settings::default(), tight()] {
        let bed = lively(&settings);
        let db = &bed.shard.dbs[0];
        let targets = (9..=12).map(Target::version).chain([Some(Target::AUTO)]);
        for target in targets.flatten() {
            let saver = Saver { settings: &settings, target, now_ms: NOW_MS };
            let (bytes, version, lost) = file_of(db, &saver);
            // One of the keys is a hash with expiries of fields.
            assert_eq!(version, if target == Target::AUTO { 12 } else { version });
            assert_eq!(lost, usize::from(version < 12), "{version}");
            let mut put = Put { settings: &settings, db: Db::new() };
            let summary =
                read(&mut Feed::new(&mut &bytes[..], 0..bytes.len() as u64), Rules::default(), &mut put);
            let summary = summary.expect("a whole file");
            assert_eq!((summary.keys, summary.verified), (COMMANDS.len() as u64, Verified::Right));
            for (n, commands) in COMMANDS.iter().enumerate() {
                let key = format!("k{n}");
                let is = lines(&put.db, key.as_bytes(), |line| as_of(version, line));
                let was = lines(db, key.as_bytes(), |line| as_of(version, line));
                assert_eq!(is, was, "{commands} in version {version}");
                let expire_at =
                    |db: &Db| db.get(&Key::new(key.as_bytes(), SEED)).map(|entry| entry.expire_at());
                assert_eq!(expire_at(&put.db), expire_at(db));
            }
        }
    }
}

#[test]
fn no_version_has_types_that_are_later() {
    struct Types(u16, usize);
    impl FileVisitor for Types {
        fn key(&mut self, record: &Record<'_>, _: Unread<'_, '_>) -> Result<(), Error> {
            assert!(record.what.since() <= self.0, "{record:?}");
            self.1 += 1;
            Ok(())
        }
    }
    for settings in [Settings::default(), tight()] {
        let bed = lively(&settings);
        for version in 9..=12 {
            let target = Target::version(version).expect("a version that is written");
            let saver = Saver { settings: &settings, target, now_ms: NOW_MS };
            let (bytes, is, _) = file_of(&bed.shard.dbs[0], &saver);
            assert_eq!(is, version);
            let mut types = Types(version, 0);
            let mut blocks = &bytes[..];
            let mut feed = Feed::new(&mut blocks, 0..bytes.len() as u64);
            read(&mut feed, Rules::default(), &mut types).expect("a whole file");
            assert_eq!(types.1, COMMANDS.len());
        }
    }
}

#[test]
fn use_is_written_where_eviction_goes_by_it() {
    let mut settings = Settings::default();
    let mut db = Db::new();
    let key = Key::new(b"k", SEED);
    for (policy, lru, meta) in [
        (MaxmemoryPolicy::Noeviction, 5, Meta::default()),
        (
            MaxmemoryPolicy::AllkeysLru,
            crate::lru::of_idle_seconds(70, NOW_MS),
            Meta { idle_seconds: Some(70), ..Meta::default() },
        ),
        (
            MaxmemoryPolicy::VolatileLfu,
            crate::lru::of_frequency(200, NOW_MS),
            Meta { frequency: Some(200), ..Meta::default() },
        ),
    ] {
        settings.maxmemory_policy = policy;
        db.remove(&key);
        db.insert(&key, Detached { value: DetachedValue::Int(1), expire_at: None, lru });
        let saver = Saver { settings: &settings, target: Target::AUTO, now_ms: NOW_MS };
        assert_eq!(saver.meta(db.get(&key).expect("the key")), meta);
        let (bytes, ..) = file_of(&db, &saver);
        let mut put = Put { settings: &settings, db: Db::new() };
        read(&mut Feed::new(&mut &bytes[..], 0..bytes.len() as u64), Rules::default(), &mut put)
            .expect("a whole file");
        let is = put.db.get(&key).map(|entry| entry.lru());
        let fresh = crate::lru::fresh(&settings, NOW_MS);
        assert_eq!(is, Some(if policy == MaxmemoryPolicy::Noeviction { fresh } else { lru }), "{policy:?}");
    }
}

#[test]
fn a_stream_is_told_with_its_groups() {
    let settings = Settings::default();
    let bed = lively(&settings);
    let entry = bed.shard.dbs[0].get(&Key::new(b"k8", SEED)).expect("the stream");
    let mut told = Vec::new();
    tell(entry.value(), &mut |part| {
        told.push(match part {
            Part::Log { len, entries_added, .. } => format!("{len} of {entries_added}"),
            Part::Entry { id, pairs } => format!("{}-{} {}", id.ms, id.seq, pairs.len()),
            Part::Group { name, pending, .. } => format!("group {} {pending}", name.escape_ascii()),
            Part::Consumer { name, pending, .. } => format!("consumer {} {pending}", name.escape_ascii()),
            Part::Pending { id, count, .. } => format!("pending {}-{} {count}", id.ms, id.seq),
            other => format!("{other:?}"),
        });
    });
    let expected = "4 of 5|1-1 2|3-0 1|4-0 1|9-9 1|group idle 0|group mail 3|consumer ann 2|pending 1-1 1|\
                    pending 3-0 1|consumer bob 1|pending 4-0 1|consumer eve 0";
    assert_eq!(told.join("|"), expected);
}
