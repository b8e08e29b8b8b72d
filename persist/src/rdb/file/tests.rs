//! Files written by a [`Body`] and a [`Head`], read again whole and part by part; merged; cut and meddled with.

use super::*;
use crate::crc64::checksum;
use crate::rdb::{Error, Fault, Opcode, Source, Target, Type, Writer};
use proptest::prelude::*;

/// Writes down what it is told.
#[derive(Default, PartialEq, Debug, Clone)]
struct Notes(Vec<String>);

impl FileVisitor for Notes {
    fn aux(&mut self, name: &[u8], value: &[u8]) -> Result<(), Refused> {
        if name != b"percore-pad" && name != PARTS_FIELD {
            self.0.push(format!("aux {}={}", name.escape_ascii(), value.escape_ascii()));
        }
        Ok(())
    }

    fn select(&mut self, db: u64) -> Result<(), Refused> {
        if db < 16 { Ok(()) } else { Err("a database that there is not") }
    }

    fn resize(&mut self, db: u64, keys: u64, expires: u64) {
        self.0.push(format!("size {db} {keys} {expires}"));
    }

    fn function(&mut self, source: &[u8]) -> Result<(), Refused> {
        self.0.push(format!("function {}", source.len()));
        Ok(())
    }

    fn module_data(&mut self, name: [u8; 9]) {
        self.0.push(format!("module {}", name.escape_ascii()));
    }

    fn key(&mut self, record: &Record<'_>, value: Unread<'_, '_>) -> Result<(), Error> {
        let mut line = format!("{} {}", record.db, record.key.escape_ascii());
        for about in
            [record.expire_at, record.idle_seconds.map(|n| n as i64), record.frequency.map(i64::from)]
        {
            line += &about.map_or(" -".to_string(), |n| format!(" {n}"));
        }
        if !record.key.starts_with(b"unread") {
            line += &format!(" {}", value.decode(&mut crate::rdb::tests::Told)?);
        }
        self.0.push(line);
        Ok(())
    }

    fn empty_key(&mut self, record: &Record<'_>) {
        self.0.push(format!("empty {}", record.key.escape_ascii()));
    }
}

fn read_bytes(bytes: &[u8], rules: Rules) -> Result<(Notes, Summary), Failure> {
    let (mut blocks, mut notes) = (bytes, Notes::default());
    let mut feed = Feed::new(&mut blocks, 0..bytes.len() as u64);
    let summary = read(&mut feed, rules, &mut notes)?;
    Ok((notes, summary))
}

fn fault(bytes: &[u8]) -> (u64, Fault) {
    let failure = read_bytes(bytes, Rules::default()).expect_err("a fault");
    (failure.error.at, failure.error.fault)
}

/// A file of a head without fields, and a right tail.
fn file(version: &str, records: &[u8]) -> Vec<u8> {
    let mut bytes = [b"REDIS", version.as_bytes(), records].concat();
    bytes.extend_from_slice(&tail(Some(checksum(&bytes))));
    bytes
}

#[test]
fn every_opcode_is_told() {
    let mut records =
        b"\xFA\x03ver\x05x.y.z\xF5\x03abc\xF7\x00\x02\x01\x00\xFE\x03\xFB\x02\x01\xF4\x05\x02\x01".to_vec();
    records.extend_from_slice(b"\xFC\xE8\x03\0\0\0\0\0\0\xF9\x07\x00\x01k\x01v");
    records.extend_from_slice(b"\xFD\x02\0\0\0\xF8\x40\xC8\x00\xC0\x2A\x01w");
    records.extend_from_slice(b"\xFD\xFF\xFF\xFF\xFF\x02\x06unread\x01\x01m\x00\x01l\x01v");
    let (notes, summary) = read_bytes(&file("0012", &records), Rules::default()).unwrap();
    let expected = [
        "aux ver=x.y.z",
        "function 3",
        "module AAAAAAAAA",
        "size 3 2 1",
        "3 k 1000 - 7 v",
        "3 42 2000 200 - w",
        "3 unread -1000 - -",
        "3 l - - - v",
    ];
    assert_eq!(notes.0, expected);
    let end = 9 + records.len() as u64 + TAIL_BYTES as u64;
    let expected = Summary { version: 12, keys: 4, empty: 0, end, verified: Verified::Right };
    assert_eq!(summary, expected);
}

#[test]
fn heads_that_are_none_are_refused() {
    assert_eq!(fault(b""), (0, Fault::NotRdb));
    assert_eq!(fault(b"REDIS00"), (0, Fault::NotRdb));
    assert_eq!(fault(b"REDOS0011\xFF"), (0, Fault::NotRdb));
    assert_eq!(fault(b"REDIS+011\xFF"), (0, Fault::NotRdb));
    assert_eq!(fault(b"REDIS0013\xFF"), (0, Fault::Version(13)));
    assert_eq!(fault(b"REDIS0000\xFF"), (0, Fault::Version(0)));
    assert_eq!(fault(b"REDIS0080\xFF"), (0, Fault::Version(80)));
    // Before version 5 files had no checksum.
    let (_, summary) = read_bytes(b"REDIS0003\xFF", Rules::default()).unwrap();
    assert_eq!((summary.verified, summary.end), (Verified::Absent, 10));
    assert_eq!(fault(b"REDIS0005\xFF"), (10, Fault::Truncated));
}

#[test]
fn checksums_are_judged() {
    let good = file("0011", b"\x00\x01k\x01v");
    let mut other = good.clone();
    other[13] = b'w';
    let Fault::Checksum { is, stands } = fault(&other).1 else { panic!("not the checksum") };
    assert_eq!((is, stands), (checksum(&other[..15]), checksum(&good[..15])));
    let verified = |bytes: &[u8], checksum| {
        let rules = Rules { checksum, ..Rules::default() };
        read_bytes(bytes, rules).map(|(_, summary)| summary.verified)
    };
    assert_eq!(verified(&good, true), Ok(Verified::Right));
    assert_eq!(verified(&other, false), Ok(Verified::Ignored));
    other[15..].fill(0);
    assert_eq!(verified(&other, true), Ok(Verified::Absent));
    let mut longer = good.clone();
    longer.extend_from_slice(b"*1\r\n");
    let (_, summary) = read_bytes(&longer, Rules::default()).unwrap();
    assert_eq!(summary.end, good.len() as u64, "what stands behind is not looked at");
}

#[test]
fn faults_have_a_place() {
    let text = |records: &[u8]| read_bytes(&file("0011", records), Rules::default()).unwrap_err().to_string();
    let in_key =
        "a string of no known encoding at byte 13, in key 'k' of database 0, whose type is 0 (String)";
    assert_eq!(text(b"\x00\x01k\xC4"), in_key);
    assert_eq!(text(b"\x63"), "no type is 99 at byte 9");
    assert_eq!(text(b"\xF6\x01x"), "a function in the format of a release candidate at byte 10");
    assert_eq!(text(b"\xFE\x40\x80"), "a database that there is not at byte 12");
    let module = text(b"\x07\x03key\x81\xB5\xE2\x51\x38\xDD\xC8\xC4\x01");
    assert!(module.contains("a value of the module type 't"), "{module}");
    assert!(
        module.ends_with("at byte 14, in key 'key' of database 0, whose type is 7 (Module2)"),
        "{module}"
    );
}

#[test]
fn empty_keys_are_passed_over() {
    let records = b"\x02\x01e\x00\x02\x07unread2\x00\x00\x01k\x01v";
    let (notes, summary) = read_bytes(&file("0011", records), Rules::default()).unwrap();
    assert_eq!(notes.0, ["empty e", "0 unread2 - - -", "empty unread2", "0 k - - - v"]);
    assert_eq!((summary.keys, summary.empty), (1, 2));
}

/// What a test writes: some keys of some databases; returns the bytes with the facts.
fn fragment(keys: std::ops::Range<u32>, value_len: usize, part_bytes: u64) -> (Vec<u8>, Fragment) {
    let mut body = Body::new(Options { part_bytes, ..Options::default() });
    let (mut bytes, mut block) = (Vec::new(), Vec::new());
    for n in keys {
        let meta = Meta { expire_at: (n % 3 == 0).then_some(i64::from(n) * 1000), ..Meta::default() };
        let value: Vec<u8> = (0..value_len).map(|at| ((at as u32 * n) >> 3) as u8).collect();
        body.key(u64::from(n / 7), format!("key:{n}").as_bytes(), Type::String, &meta).string(&value);
        if n % 5 == 0 {
            body.take(&mut block);
            bytes.extend_from_slice(&block);
        }
    }
    let facts = body.finish(&mut block);
    bytes.extend_from_slice(&block);
    (bytes, facts)
}

fn assemble(merged: &Merged, fragments: &[(Vec<u8>, Fragment)]) -> Vec<u8> {
    let mut bytes = merged.head.clone();
    for placed in &merged.placed {
        assert_eq!(bytes.len() as u64, placed.at);
        bytes.extend_from_slice(&fragments[placed.fragment].0);
        assert_eq!(bytes.len() as u64, placed.at + placed.len);
    }
    bytes.extend_from_slice(&merged.tail);
    assert_eq!(bytes.len() as u64, merged.len);
    bytes
}

/// Reads a merged file part by part, as many cores would.
fn read_parts(bytes: &[u8]) -> Notes {
    struct Field(Option<Parts>, u64);
    impl FileVisitor for Field {
        fn aux(&mut self, name: &[u8], value: &[u8]) -> Result<(), Refused> {
            if name == PARTS_FIELD {
                self.0 = Parts::parse(value, self.1);
            }
            Ok(())
        }
        fn key(&mut self, _: &Record<'_>, _: Unread<'_, '_>) -> Result<(), Error> {
            Ok(())
        }
    }
    let mut field = Field(None, bytes.len() as u64);
    read(&mut Feed::new(&mut &bytes[..], 0..bytes.len() as u64), Rules::default(), &mut field).unwrap();
    let parts = field.0.expect("the parts");
    let (mut notes, mut head) = (Notes::default(), &bytes[..parts.head as usize]);
    let mut feed = Feed::new(&mut head, 0..parts.head);
    let mut reader = Reader::file(&mut feed, Rules::default()).unwrap();
    let version = reader.version();
    while reader.offset() < parts.head {
        reader.step(&mut notes).unwrap();
    }
    let head_sum = reader.sum().unwrap();
    let mut sums = Vec::new();
    for range in parts.ranges() {
        let mut part = &bytes[range.start as usize..range.end as usize];
        let mut feed = Feed::new(&mut part, range.clone());
        let mut reader = Reader::part(&mut feed, Rules::default(), version);
        assert_eq!(reader.read(&mut notes).unwrap().end, range.end);
        sums.push(feed.sum().unwrap());
    }
    let mut tail: [u8; TAIL_BYTES] = bytes[parts.end() as usize..].try_into().unwrap();
    assert_eq!(parts.verify(head_sum, &sums, tail), Ok(Verified::Right));
    sums[0] ^= 1;
    let failure = parts.verify(head_sum, &sums, tail).unwrap_err();
    assert!(matches!(failure.error.fault, Fault::Checksum { .. }));
    tail[0] = 0;
    assert!(parts.verify(head_sum, &sums, tail).is_err());
    notes
}

#[test]
fn fragments_become_one_file() {
    for (value_len, part_bytes) in [(10, u64::MAX), (10, 100), (300_000, 500_000)] {
        let fragments =
            [fragment(0..20, value_len, part_bytes), fragment(20..20, 0, 1), fragment(20..33, 5, part_bytes)];
        let facts: Vec<Fragment> = fragments.iter().map(|(_, facts)| facts.clone()).collect();
        for (bytes, facts) in &fragments {
            assert_eq!((facts.len, facts.sum), (bytes.len() as u64, checksum(bytes)));
            assert_eq!(facts.parts.iter().sum::<u64>(), facts.len);
        }
        assert_eq!(facts[0].parts.len() > 1, part_bytes < u64::MAX);
        let mut about = Head::new(Target::AUTO, "7.2.4", 1_700_000_000, 123, false);
        about.functions.push(b"#!lua name=lib".to_vec());
        let merged = merge(&about, &facts);
        let bytes = assemble(&merged, &fragments);
        assert_eq!(merged.placed.iter().map(|placed| placed.fragment).collect::<Vec<_>>(), [0, 2]);
        assert_eq!(&bytes[..MAGIC_BYTES], b"REDIS0011");
        let is_large = value_len > 10;
        assert_eq!(merged.placed.iter().all(|placed| placed.at.is_multiple_of(ALIGN)), is_large);
        let (notes, summary) = read_bytes(&bytes, Rules::default()).unwrap();
        assert_eq!((summary.keys, summary.verified, summary.end), (33, Verified::Right, bytes.len() as u64));
        assert_eq!(
            notes.0[..6],
            [
                "aux redis-ver=7.2.4",
                "aux redis-bits=64",
                "aux ctime=1700000000",
                "aux used-mem=123",
                "aux aof-base=0",
                "function 14",
            ]
        );
        assert_eq!(notes.0[6..11], ["size 0 7 3", "size 1 7 2", "size 2 7 2", "size 3 7 3", "size 4 5 1"]);
        assert_eq!(notes.0.len(), 11 + 33);
        assert_eq!(read_parts(&bytes), notes);
    }
}

#[test]
fn a_file_without_checksum_or_keys_is_one() {
    let about = Head { checksum: false, ..Head::new(Target::version(9).unwrap(), "6.2.0", 0, 0, true) };
    let merged = merge(&about, &[]);
    let bytes = assemble(&merged, &[]);
    assert_eq!((merged.version, &bytes[..MAGIC_BYTES]), (9, &b"REDIS0009"[..]));
    let (notes, summary) = read_bytes(&bytes, Rules::default()).unwrap();
    assert_eq!((notes.0.len(), summary.keys, summary.verified), (5, 0, Verified::Absent));
}

#[test]
fn a_file_is_written_in_one_go() {
    let (block, facts) = fragment(1..9, 30, u64::MAX);
    let mut bytes = Vec::new();
    Head::new(Target::AUTO, "7.2.4", 0, 0, true).write(&mut bytes, 12, &facts.counts);
    let sum = crate::crc64::combine(checksum(&bytes), facts.sum, facts.len);
    bytes.extend_from_slice(&block);
    bytes.extend_from_slice(&tail(Some(sum)));
    let (notes, summary) = read_bytes(&bytes, Rules::default()).unwrap();
    assert_eq!((summary.version, summary.keys, summary.verified), (12, 8, Verified::Right));
    assert_eq!(notes.0[4..7], ["aux aof-base=1", "size 0 6 2", "size 1 2 0"]);
}

#[test]
fn a_file_is_of_the_version_that_its_types_need() {
    let mut body = Body::new(Options::default());
    let mut writer = body.key(0, b"h", Type::HashTimed, &Meta::default());
    writer.time_ms(5);
    [1, 1].into_iter().for_each(|n| writer.length(n));
    [b"f", b"v"].into_iter().for_each(|text| writer.string(text));
    let mut block = Vec::new();
    let facts = body.finish(&mut block);
    assert_eq!(facts.needs, 12);
    assert_eq!(merge(&Head::default(), std::slice::from_ref(&facts)).version, 12);
    assert_eq!(merge(&Head::default(), &[Fragment { needs: 9, ..facts }]).version, 11);
}

#[test]
fn a_value_comes_in_slices() {
    let mut body = Body::new(Options::default());
    let (mut bytes, mut block) = (Vec::new(), Vec::new());
    let mut value = body.begin(1, b"s", Type::Set, &Meta::default(), 300, |_| ());
    for slice in 0..3u32 {
        body.elements(&mut value, 100, |w| (0..100).for_each(|n| w.int(i64::from(slice * 100 + n))));
        body.take(&mut block);
        bytes.extend_from_slice(&block);
    }
    body.end(value, |_| ());
    let mut timed = body.begin(1, b"h", Type::HashTimed, &Meta::default(), 1, |w| w.time_ms(7));
    body.elements(&mut timed, 1, |w| {
        w.length(1);
        w.string(b"f");
        w.string(b"v");
    });
    body.end(timed, |_| ());
    let facts = body.finish(&mut block);
    bytes.extend_from_slice(&block);
    assert_eq!((facts.sum, facts.counts[&1].keys), (checksum(&bytes), 2));
    let (notes, _) = read_bytes(&file("0012", &bytes), Rules::default()).unwrap();
    let members: Vec<String> = (0..300).map(|n| n.to_string()).collect();
    assert_eq!(notes.0, [format!("1 s - - - 300 {}", members.join(" ")), "1 h - - - 1 f=v@Some(7)".into()]);
}

#[test]
#[should_panic(expected = "fewer elements than were promised")]
fn a_value_in_slices_is_whole() {
    let mut body = Body::new(Options::default());
    let value = body.begin(0, b"s", Type::Set, &Meta::default(), 2, |_| ());
    body.end(value, |_| ());
}

#[test]
#[should_panic(expected = "a key within a value")]
fn nothing_comes_between_slices() {
    let mut body = Body::new(Options::default());
    let _value = body.begin(0, b"s", Type::Set, &Meta::default(), 2, |_| ());
    body.key(0, b"other", Type::String, &Meta::default());
}

#[test]
fn parts_are_few_whatever_the_length() {
    let mut body = Body::new(Options { part_bytes: 1, ..Options::default() });
    let mut block = Vec::new();
    for n in 0..100_000 {
        body.key(0, b"k", Type::String, &Meta::default()).int(n);
    }
    let facts = body.finish(&mut block);
    assert!((100..=256).contains(&facts.parts.len()), "{}", facts.parts.len());
    let (least, most) = (facts.parts.iter().min().unwrap(), facts.parts.iter().max().unwrap());
    assert!(*most < 3 * least.max(&1000), "{least} {most}");
}

#[test]
fn a_list_of_parts_that_does_not_add_up_is_not_believed() {
    let parts = Parts { shards: 2, head: 100, lens: vec![20, 30] };
    let text = parts.text();
    assert_eq!(Parts::parse(&text, 159), Some(parts.clone()));
    assert_eq!(Parts::parse(&text, 158), None);
    assert_eq!(parts.ranges().collect::<Vec<_>>(), [100..120, 120..150]);
    let with = |lens| Parts { lens, ..parts.clone() }.text();
    assert_eq!(Parts::parse(&with(vec![50, 0]), 159), None);
    assert_eq!(Parts::parse(&with(vec![u64::MAX, 51]), 159), None);
    assert_eq!(Parts::parse(&with(vec![]), 109), None);
    for text in [&b"2 0000000000000001"[..], b"", b"1", b"1 1 1 1", b"\xFF", b"1 000000000000000g 0 0"] {
        assert_eq!(Parts::parse(text, 159), None);
    }
}

/// Records of all kinds, for those who meddle with them.
fn lively() -> Vec<u8> {
    let (bytes, facts) = fragment(0..30, 40, 200);
    let mut about = Head::new(Target::AUTO, "7.2.4", 0, 0, false);
    about.functions.push(vec![b'f'; 50]);
    let fragments = [(bytes, facts)];
    let mut bytes = assemble(&merge(&about, &[fragments[0].1.clone()]), &fragments);
    bytes.truncate(bytes.len() - TAIL_BYTES);
    bytes.extend_from_slice(
        b"\xF7\x00\x02\x01\x05\x03abc\x04\0\0\0\0\0\0\0\0\x00\xF8\x05\x02\x01s\x02\x01a\x01b",
    );
    Writer::new(&mut bytes, true).byte(Opcode::Eof as u8);
    let sum = checksum(&bytes);
    bytes.extend_from_slice(&sum.to_le_bytes());
    bytes
}

#[test]
fn a_file_that_is_cut_is_refused() {
    let bytes = lively();
    assert!(read_bytes(&bytes, Rules::default()).is_ok());
    for len in 0..bytes.len() {
        let failure = read_bytes(&bytes[..len], Rules::default()).expect_err("cut");
        assert!(failure.error.at <= len as u64);
        assert!(
            matches!(failure.error.fault, Fault::Truncated | Fault::NotRdb | Fault::Corrupt(_)),
            "{failure}"
        );
    }
}

proptest! {
    #[test]
    fn a_flipped_bit_is_found(at: prop::sample::Index, bit in 0..8u32) {
        let mut bytes = lively();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert!(read_bytes(&bytes, Rules::default()).is_err(), "bit {} of byte {}", bit, at);
        // Without the checksum it may pass; it must not do harm.
        drop(read_bytes(&bytes, Rules { checksum: false, string_bytes_max: 1 << 20 }));
    }
}
