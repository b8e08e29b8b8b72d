//! What is meddled with: values of every type and form, as a shard makes them and each version writes them; packed
//! forms of old; and files of them all.

use persist::listpack;
use persist::rdb::file::{Body, Head, Meta, Options, merge};
use persist::rdb::{Target, Type, Writer};
use proto::args::OwnedArgs;
use proto::command::lookup_full;
use shard::value::rdb::{Saver, save, type_of};
use shard::{Cx, Settings, Shard};

pub const NOW_MS: i64 = 1_700_000_000_000;

/// Commands, parted by semicolons, each line of which makes a key `k`.
const COMMANDS: &[&str] = &[
    "SET k 12345",
    "SET k hello",
    "SET k aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "RPUSH k a 1 -5 longer-than-nine 70000 b c d",
    "SADD k 1 2 -70000 5000000000",
    "SADD k a 1 b -5 cc",
    "HSET k a 1 b 2 c 3",
    "HSET k a 1 b 2 c 3; HPEXPIRE k 5000 FIELDS 2 b c; HPEXPIRE k 700 FIELDS 1 c",
    "ZADD k 1 a 1.5 b -inf c inf d 1 7 1 12",
    "PFADD k a b c d e f g",
    "XADD k 1-1 f v g w; XADD k 2-0 f w g x; XADD k 3-0 g x; XADD k 4-0 g x; XADD k 9-9 g x; XDEL k 2-0; \
     XGROUP CREATE k mail 0; XREADGROUP GROUP mail ann COUNT 2 STREAMS k >; \
     XREADGROUP GROUP mail bob COUNT 1 STREAMS k >; XGROUP CREATECONSUMER k mail eve; XGROUP CREATE k idle $",
];

/// A ziplist of "f" and "5".
const ZIPLIST: &[u8] = b"\x10\0\0\0\x0D\0\0\0\x02\0\0\x01f\x03\xF6\xFF";

/// Thresholds under which a few elements are many.
pub fn tight() -> Settings {
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

pub struct Seeds {
    /// Each with its type first.
    pub values: Vec<Vec<u8>>,
    /// Each with a right checksum.
    pub files: Vec<Vec<u8>>,
}

/// Runs a command on a shard.
fn run(shard: &mut Shard, line: &str) {
    let words: Vec<&[u8]> = line.split_ascii_whitespace().map(str::as_bytes).collect();
    let (spec, key_at) = match words[0] {
        b"XGROUP" => (lookup_full(&[words[0], b"|", words[1]].concat()), 2),
        b"XREADGROUP" => (lookup_full(words[0]), words.len() - 2),
        name => (lookup_full(name), 1),
    };
    let mut cx = Cx::new(spec.expect("a command").id, 0, NOW_MS);
    cx.key_hash = shard.key(words[key_at]).hash;
    let mut reply = Vec::new();
    shard.execute(&mut cx, OwnedArgs::of(&words).args(), &mut reply);
    assert_ne!(reply.first(), Some(&b'-'), "{line}: {}", reply.escape_ascii());
}

/// Packed forms that only old versions wrote.
fn old(values: &mut Vec<Vec<u8>>) {
    let mut put = |what: Type, write: &dyn Fn(&mut Writer<'_>)| {
        let mut bytes = vec![what as u8];
        write(&mut Writer::new(&mut bytes, true));
        values.push(bytes);
    };
    for what in [Type::ListZiplist, Type::HashZiplist, Type::ZSetZiplist] {
        put(what, &|w| w.string(ZIPLIST));
    }
    put(Type::ListQuicklist, &|w| {
        w.length(2);
        w.string(ZIPLIST);
        w.string(ZIPLIST);
    });
    put(Type::HashZipmap, &|w| w.string(b"\x02\x01f\x01\0v\x01g\x02\x01ww\0\xFF"));
    put(Type::ZSet, &|w| w.raw(b"\x02\x01b\x032.5\x01a\xFF"));
    let mut triplets = listpack::new();
    for word in ["f", "v", "1900000000000", "g", "w", "0"] {
        listpack::push_back(&mut triplets, word.as_bytes());
    }
    put(Type::HashTimedListpackEarly, &|w| w.string(&triplets));
    put(Type::HashTimedEarly, &|w| {
        w.length(1);
        w.length(1_900_000_000_000);
        w.string(b"f");
        w.string(b"v");
    });
}

impl Seeds {
    pub fn make() -> Self {
        let mut seeds = Self { values: Vec::new(), files: Vec::new() };
        let targets: Vec<_> = (9..=12).filter_map(Target::version).collect();
        for settings in [Settings::default(), tight()] {
            let mut shard = Shard::new(1, 1);
            shard.settings = settings.clone();
            let mut bodies: Vec<_> = targets.iter().map(|_| Body::new(options())).collect();
            for (n, commands) in COMMANDS.iter().enumerate() {
                run(&mut shard, "DEL k");
                commands.split("; ").for_each(|line| run(&mut shard, line));
                if n % 2 == 0 {
                    run(&mut shard, "PEXPIREAT k 1900000000000");
                }
                let entry = shard.dbs[0].get(&shard.key(b"k")).expect("the key");
                for (target, body) in targets.iter().zip(&mut bodies) {
                    let what = type_of(entry.value(), *target);
                    let mut bytes = vec![what as u8];
                    save(entry.value(), what, &mut Writer::new(&mut bytes, n % 2 == 0));
                    seeds.values.push(bytes);
                    Saver { settings: &settings, target: *target, now_ms: NOW_MS }.save(
                        body,
                        n as u64 % 3,
                        entry,
                    );
                }
            }
            for (target, body) in targets.iter().zip(bodies) {
                seeds.files.push(file(body, *target));
            }
        }
        old(&mut seeds.values);
        let mut body = Body::new(options());
        let meta = Meta { idle_seconds: Some(3), frequency: Some(9), ..Meta::default() };
        for value in &seeds.values[seeds.values.len() - 8..] {
            let what = Type::of(value[0]).expect("a type");
            body.key(0, b"old", what, &meta).raw(&value[1..]);
        }
        seeds.files.push(file(body, Target::AUTO));
        seeds
    }
}

fn options() -> Options {
    Options { part_bytes: 200, ..Options::default() }
}

fn file(body: Body, target: Target) -> Vec<u8> {
    let mut block = Vec::new();
    let facts = body.finish(&mut block);
    let mut about = Head::new(target, "7.2.4", 0, 0, false).with("repl-id", "0123456789");
    about.functions.push(b"#!lua name=lib\n".to_vec());
    let merged = merge(&about, std::slice::from_ref(&facts));
    [merged.head, block, merged.tail.to_vec()].concat()
}
