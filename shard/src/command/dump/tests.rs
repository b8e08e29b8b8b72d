//! DUMP's bytes beside those of redis-server 7.0.15 (with `rdbcompression no`), RESTORE of its payloads, and the
//! options and errors of RESTORE.

use crate::settings::MaxmemoryPolicy;
use crate::testing::{Bed, NOW_MS};

fn bytes_of(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex")).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of a bulk reply.
fn bulk(reply: &[u8]) -> Vec<u8> {
    let start = reply.iter().position(|&b| b == b'\n').expect("a reply") + 1;
    reply[start..reply.len() - 2].to_vec()
}

fn dump(bed: &mut Bed, key: &str) -> Vec<u8> {
    bulk(&bed.run_bytes(&["dump", key]))
}

fn restore(bed: &mut Bed, key: &str, payload: &[u8], options: &str) -> String {
    let mut words: Vec<Vec<u8>> = ["restore", key, "0"].map(|word| word.as_bytes().to_vec()).to_vec();
    words.push(payload.to_vec());
    words.extend(options.split(' ').filter(|w| !w.is_empty()).map(|w| w.as_bytes().to_vec()));
    String::from_utf8(bed.run_bytes(&words)).expect("text")
}

fn plain_bed() -> Bed {
    let mut bed = Bed::new();
    bed.shard.settings.rdb_compression = false;
    bed
}

fn settings(bed: &mut Bed, what: &str) {
    let settings = &mut bed.shard.settings;
    match what {
        "" => {}
        "no packed zset" => settings.thresholds.zset_max_listpack_entries = 0,
        "no packed hash" => settings.thresholds.hash_max_listpack_entries = 0,
        "no packed set" => {
            settings.thresholds.set_max_listpack_entries = 0;
            settings.thresholds.set_max_intset_entries = 0;
        }
        "nodes of two" => settings.thresholds.list_max_listpack_size = 2,
        "plain nodes" => {
            settings.thresholds.list_max_listpack_size = 2;
            settings.list_packed_threshold = 5;
        }
        _ => unreachable!("{what}"),
    }
}

/// Settings, the command that makes the key, its encoding and digest, and redis-server's payload.
const SAME_BYTES: &[(&str, &str, &str, &str, &str)] = &[
    ("", "set k 12345", "int", "e1cf90774e995ae03de66e8109dc5cb9d9c2dc83", "00c139300a009d94ea2793fc08b9"),
    (
        "",
        "set k hello",
        "embstr",
        "36b23a1456b2dce2c3ed252c456761301dba8060",
        "000568656c6c6f0a006372df766534200a",
    ),
    (
        "",
        "rpush k a 1 -5 hello 1234567",
        "listpack",
        "78512f6ed50fd47cce032a162df80d712ed5b4b4",
        "1201021b1b00000005008161020101dffb028568656c6c6f06f287d61204ff0a00828811823c895fb0",
    ),
    (
        "",
        "sadd k 1 -70000 3",
        "intset",
        "e5623cced2a67a95906919b9f8f8e5375ab7cc1c",
        "0b14040000000300000090eefeff01000000030000000a00090eec49a6504d88",
    ),
    (
        "",
        "hset k f v n 17",
        "listpack",
        "9cca88240bbb659a330e4ba31f67d4627eed15c7",
        "1012120000000400816602817602816e021101ff0a00a180dda23510453b",
    ),
    (
        "",
        "pfadd k a b c",
        "raw",
        "f579608d33b88f5e9f7172d6fb480ecf5d13ddf5",
        "001b48594c4c01000000000000000000008060f38050b1844bfb80425a0a009f590c06b6497049",
    ),
    (
        "no packed set",
        "sadd k one",
        "hashtable",
        "4cbc7525a2efad8f27eabd163bce96c3f4fa08e0",
        "0201036f6e650a007c346b0591e5d20c",
    ),
    (
        "no packed zset",
        "zadd k 1.5 a -inf b",
        "skiplist",
        "008037a9dba8d2809bf6233aebe7e96b65d6aafa",
        "05020161000000000000f83f0162000000000000f0ff0a0048977e33659e660b",
    ),
    (
        "no packed hash",
        "hset k f v",
        "hashtable",
        "90c76e9e9f4c62d642a34fc97c7dad503b51f906",
        "0401016601760a00adf24356b1860efc",
    ),
    (
        "nodes of two",
        "rpush k a b c d e",
        "quicklist",
        "379ea013f19d28532bfe02547a18f045cf890a7e",
        "1203020d0d0000000200816102816202ff020d0d0000000200816302816402ff020a0a0000000100816502ff0a00\
         ec5236a76020a1db",
    ),
    (
        "plain nodes",
        "rpush k a longer b",
        "quicklist",
        "574843a4fe7717bbdfe2461d049e1bd64a0c1aba",
        "1203020a0a0000000100816102ff01066c6f6e676572020a0a0000000100816202ff0a00fd15866c47d4023f",
    ),
];

/// Payloads of redis-server that are written otherwise here: its scores had 17 digits, its streams no
/// activity of consumers, and LZF may choose other matches.
const SAME_VALUE: &[(&str, &str, &str)] = &[
    (
        "listpack",
        "e187bdde06143609c396a23d4be03b3ecdcecf6b",
        "114041410000000a00816302842d696e6605816102010181620283312e3504816502\
         97312e30303030303030303030303030303031652b3330301881640283696e6604ff0a00912620a9b4e77bd5",
    ),
    (
        "stream",
        "b2921eb76d0c2a443e29343967cac7a1c84fcb20",
        "130110000000000000000100000000000000013a3a00000016000201010101018166020001020100010001817602040103010101\
         dfff02817702040100010201dfff0201018167028178020601ff020300010102000301046d61696c010181ffffffffffffffff01\
         00000000000000010000000000000001e42c63f9a1010000010103616e6ee42c63f9a1010000010000000000000001000000000000\
         00010a0006ec421ea91ef294",
    ),
    (
        "raw",
        "2b584a8db82e6065a86d283ef725eb390b96ebf7",
        "00c30b405a0361626361e04b020162630a00238036f9e2d0c780",
    ),
];

fn assert_is(bed: &mut Bed, encoding: &str, digest: &str) {
    assert_eq!(bed.run(&["object", "encoding", "k"]), format!("${}\r\n{encoding}\r\n", encoding.len()));
    assert_eq!(bed.run(&["debug", "digest-value", "k"]), format!("*1\r\n+{digest}\r\n"), "{encoding}");
}

#[test]
fn dump_is_byte_for_byte_that_of_redis() {
    for (what, command, encoding, digest, payload) in SAME_BYTES {
        let mut bed = plain_bed();
        settings(&mut bed, what);
        bed.run(&command.split(' ').collect::<Vec<_>>());
        assert_is(&mut bed, encoding, digest);
        assert_eq!(hex(&dump(&mut bed, "k")), payload.replace(' ', ""), "{command}");
    }
}

#[test]
fn payloads_of_redis_are_restored() {
    let same =
        SAME_BYTES.iter().map(|(what, _, encoding, digest, payload)| (*what, *encoding, *digest, *payload));
    let other = SAME_VALUE.iter().map(|(encoding, digest, payload)| ("", *encoding, *digest, *payload));
    for (what, encoding, digest, payload) in same.chain(other) {
        let mut bed = plain_bed();
        settings(&mut bed, what);
        assert_eq!(restore(&mut bed, "k", &bytes_of(payload), ""), "+OK\r\n", "{encoding} {payload}");
        // A short string that showed as raw (an HLL) is a new one now.
        let encoding = if payload.starts_with("001b48594c4c") { "embstr" } else { encoding };
        assert_is(&mut bed, encoding, digest);
        // What was restored is dumped and restored as itself.
        let again = dump(&mut bed, "k");
        assert_eq!(restore(&mut bed, "k", &again, "replace"), "+OK\r\n");
        assert_is(&mut bed, encoding, digest);
        assert_eq!(dump(&mut bed, "k"), again);
    }
}

/// Thresholds of the server that restores count, not those of the one that dumped.
#[test]
fn values_get_todays_form() {
    for (command, large) in [
        ("sadd k 1 2 3", "hashtable"),
        ("sadd k a b c", "hashtable"),
        ("hset k a 1 b 2 c 3", "hashtable"),
        ("zadd k 1 a 2 b 3 c", "skiplist"),
        ("rpush k a b c", "quicklist"),
    ] {
        let mut bed = Bed::new();
        bed.run(&command.split(' ').collect::<Vec<_>>());
        let (small_form, payload) = (bed.run(&["object", "encoding", "k"]), dump(&mut bed, "k"));
        let before = bed.shard.settings.clone();
        for what in ["no packed set", "no packed hash", "no packed zset", "nodes of two"] {
            settings(&mut bed, what);
        }
        assert_eq!(restore(&mut bed, "k", &payload, "replace"), "+OK\r\n");
        assert!(bed.run(&["object", "encoding", "k"]).contains(large), "{command}");
        let payload = dump(&mut bed, "k");
        bed.shard.settings = before;
        assert_eq!(restore(&mut bed, "k", &payload, "replace"), "+OK\r\n");
        assert_eq!(bed.run(&["object", "encoding", "k"]), small_form, "{command}");
    }
}

#[test]
fn restore_answers_as_redis() {
    let mut bed = Bed::new();
    bed.check("dump k", "$-1\r\n");
    bed.check("set k bar", "+OK\r\n");
    let payload = dump(&mut bed, "k");
    assert_eq!(restore(&mut bed, "k", b"any", ""), "-BUSYKEY Target key name already exists.\r\n");
    assert_eq!(restore(&mut bed, "k", b"any", "nosuch"), "-ERR syntax error\r\n");
    assert_eq!(restore(&mut bed, "k", b"any", "freq 1 idletime 1"), "-ERR syntax error\r\n");
    assert_eq!(restore(&mut bed, "k", b"any", "idletime"), "-ERR syntax error\r\n");
    assert_eq!(
        restore(&mut bed, "k", b"any", "idletime -1"),
        "-ERR Invalid IDLETIME value, must be >= 0\r\n"
    );
    assert_eq!(
        restore(&mut bed, "k", b"any", "freq 256"),
        "-ERR Invalid FREQ value, must be >= 0 and <= 255\r\n"
    );
    assert_eq!(restore(&mut bed, "k", b"any", "freq x"), "-ERR value is not an integer or out of range\r\n");
    let wrong = "-ERR DUMP payload version or checksum are wrong\r\n";
    assert_eq!(restore(&mut bed, "n", b"any", ""), wrong);
    let mut flipped = payload.clone();
    flipped[1] ^= 1;
    assert_eq!(restore(&mut bed, "n", &flipped, ""), wrong);
    bed.shard.settings.any_checksum = true;
    assert_eq!(restore(&mut bed, "n", &flipped, ""), "-ERR Bad data format\r\n");
    bed.check("restore n -1 x", "-ERR Invalid TTL value, must be >= 0\r\n");
    bed.check("restore n x x", "-ERR value is not an integer or out of range\r\n");
    assert_eq!(restore(&mut bed, "k", &payload, "REPLACE"), "+OK\r\n");
    assert_eq!(bed.cx.dirty, 1);
    bed.check("get k", "$3\r\nbar\r\n");
}

fn restore_until(bed: &mut Bed, ttl: i64, payload: &[u8], options: &[&str]) -> Vec<u8> {
    let ttl = ttl.to_string();
    let words: Vec<&[u8]> = [b"restore", &b"k"[..], ttl.as_bytes(), payload].to_vec();
    bed.run_bytes(&[&words[..], &options.iter().map(|o| o.as_bytes()).collect::<Vec<_>>()].concat())
}

#[test]
fn restored_keys_expire() {
    let mut bed = Bed::new();
    bed.check("set k bar", "+OK\r\n");
    let payload = dump(&mut bed, "k");
    assert_eq!(restore_until(&mut bed, 2_569_591_501, &payload, &["replace"]), b"+OK\r\n");
    bed.check("pttl k", ":2569591501\r\n");
    assert_eq!(restore_until(&mut bed, NOW_MS + 3000, &payload, &["absttl", "replace"]), b"+OK\r\n");
    bed.check("pttl k", ":3000\r\n");
    assert_eq!(restore_until(&mut bed, i64::MAX, &payload, &["replace"]), b"+OK\r\n");
    assert_eq!(restore_until(&mut bed, NOW_MS - 3000, &payload, &["absttl", "replace"]), b"+OK\r\n");
    assert_eq!(bed.cx.dirty, 1, "a deletion");
    bed.check("exists k", ":0\r\n");
    assert_eq!(restore_until(&mut bed, NOW_MS - 3000, &payload, &["absttl"]), b"+OK\r\n");
    assert_eq!(bed.cx.dirty, 0);
}

#[test]
fn access_bits_can_be_told() {
    let mut bed = Bed::new();
    bed.check("set k bar", "+OK\r\n");
    let payload = dump(&mut bed, "k");
    assert_eq!(restore(&mut bed, "k", &payload, "replace idletime 1000"), "+OK\r\n");
    bed.check("object idletime k", ":1000\r\n");
    assert_eq!(restore(&mut bed, "k", &payload, "replace freq 100"), "+OK\r\n");
    bed.check("object idletime k", ":0\r\n");
    bed.shard.settings.maxmemory_policy = MaxmemoryPolicy::AllkeysLfu;
    assert_eq!(restore(&mut bed, "k", &payload, "replace freq 100"), "+OK\r\n");
    bed.check("object freq k", ":100\r\n");
    assert_eq!(restore(&mut bed, "k", &payload, "replace idletime 1000"), "+OK\r\n");
    bed.check("object freq k", ":5\r\n");
}

/// A hash with an expiry of a field, in both forms.
#[test]
fn expiries_of_fields_travel() {
    for what in ["", "no packed hash"] {
        let mut bed = Bed::new();
        settings(&mut bed, what);
        bed.check("hset k a 1 b 2 c 3", ":3\r\n");
        bed.run(&["hpexpire", "k", "5000", "fields", "1", "b"]);
        bed.run(&["hpexpire", "k", "70000", "fields", "1", "c"]);
        let payload = dump(&mut bed, "k");
        assert_eq!(payload[payload.len() - 10..][..2], [12, 0], "the version that has it");
        bed.check("del k", ":1\r\n");
        assert_eq!(restore(&mut bed, "k", &payload, ""), "+OK\r\n");
        bed.check("hpttl k fields 3 a b c", "*3\r\n:-1\r\n:5000\r\n:70000\r\n");
        assert_eq!(dump(&mut bed, "k"), payload);
        bed.cx.now_ms += 6000;
        bed.check("hmget k a b c", "*3\r\n$1\r\n1\r\n$-1\r\n$1\r\n3\r\n");
    }
}
