//! DUMP and RESTORE beside redis-server: payloads travel both ways, and are the same bytes where both keep a value in
//! the same form. Debian's server is a 7.0: it knows no listpack sets, no activity of consumers, no expiries of
//! fields, and refuses the versions that have them.

// A test says what went wrong by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{Conn, Rng, Server, Value, env};

/// Nothing is compressed: LZF may choose other matches.
const REDIS_ARGS: &[&str] = &["--rdbcompression", "no", "--enable-debug-command", "yes"];
const ROUNDS: usize = 300;

/// What a key may be made by, `#` being elements, and whether redis-server 7.0 writes it in the same way.
const COMMANDS: &[(&str, bool)] = &[
    ("SET k #1", true),
    ("RPUSH k #", true),
    ("SADD k @", true),
    ("SADD k #", false),
    ("HSET k #2", true),
    ("ZADD k %", true),
    ("PFADD k #", true),
    ("XADD k * #2", false),
];

fn word(rng: &mut Rng) -> String {
    match rng.below(4) {
        0 => rng.range(-300, 300).to_string(),
        1 => rng.range(i64::MIN / 2, i64::MAX / 2).to_string(),
        2 => "x".repeat(rng.below(90)) + "y",
        _ => format!("w{}", rng.below(1000)),
    }
}

/// A command's line: distinct elements, since the order of what a table has would differ otherwise.
fn line(rng: &mut Rng, template: &str) -> String {
    // Fewer than the least threshold, or so many that a large form is certain.
    let count = if rng.one_in(8) { 600 } else { 1 + rng.below(20) };
    let mut line = template.split(['#', '@', '%']).next().expect("a beginning").to_string();
    let words: std::collections::BTreeSet<String> = match template {
        _ if template.ends_with("#1") => [word(rng)].into(),
        _ if template.ends_with('@') => (0..count).map(|_| rng.range(-99_999, 99_999).to_string()).collect(),
        _ => (0..count).map(|_| word(rng)).collect(),
    };
    for word in words {
        line += &match template.chars().last() {
            Some('2') => format!(" {word} v{}", rng.below(5)),
            Some('%') => format!(" {} {word}", rng.range(-80, 80) as f64 / 4.0),
            _ => format!(" {word}"),
        };
    }
    line.replace("  ", " ")
}

fn digest(conn: &mut Conn, key: &str) -> Value {
    conn.words(&format!("DEBUG DIGEST-VALUE {key}"))
}

fn dump(conn: &mut Conn, key: &str) -> Vec<u8> {
    conn.call(&["DUMP", key]).bytes().expect("a payload").to_vec()
}

fn restore(conn: &mut Conn, key: &str, payload: &[u8]) -> Value {
    conn.call(&["RESTORE".as_bytes(), key.as_bytes(), b"0", payload, b"REPLACE"])
}

/// A form whose elements come out in the order of a table.
fn is_table(conn: &mut Conn) -> bool {
    conn.words("OBJECT ENCODING k").text() == "hashtable"
}

#[test]
fn payloads_travel_both_ways() {
    let Some(redis) = Server::redis_with("payloads_travel_both_ways", REDIS_ARGS) else { return };
    let percore = Server::builder(2).args(REDIS_ARGS).start();
    let (mut redis, mut ours) = (redis.connect(), percore.connect());
    let mut rng = Rng::new(env::seed());
    let mut same_bytes = 0;
    for round in 0..ROUNDS {
        let (template, is_same) = COMMANDS[round % COMMANDS.len()];
        let line = line(&mut rng, template);
        for conn in [&mut redis, &mut ours] {
            conn.words("DEL k");
            assert!(!conn.words(&line).is_error(), "{line}");
        }
        let theirs = dump(&mut redis, "k");
        let own = dump(&mut ours, "k");
        // Both ways, if the version is one that a 7.0 has.
        assert_eq!(restore(&mut ours, "from:redis", &theirs), Value::ok(), "{line}");
        assert_eq!(digest(&mut ours, "from:redis"), digest(&mut redis, "k"), "{line}");
        if own[own.len() - 10] <= 10 {
            assert_eq!(restore(&mut redis, "from:percore", &own), Value::ok(), "{line}");
            assert_eq!(digest(&mut redis, "from:percore"), digest(&mut ours, "k"), "{line}");
        }
        if is_same && !is_table(&mut redis) {
            assert_eq!(own, theirs, "{line}");
            same_bytes += 1;
        }
    }
    assert!(same_bytes > ROUNDS / 3, "{same_bytes} payloads were compared");
}

#[test]
fn a_checksum_may_be_wrong_when_debug_says_so() {
    let percore = Server::builder(2).args(REDIS_ARGS).start();
    let mut conn = percore.connect();
    conn.must("SET k value");
    let mut payload = dump(&mut conn, "k");
    let last = payload.len() - 1;
    payload[last] ^= 1;
    let refused = "ERR DUMP payload version or checksum are wrong";
    assert_eq!(restore(&mut conn, "k", &payload), Value::Error(refused.into()));
    conn.must("DEBUG SET-SKIP-CHECKSUM-VALIDATION 1");
    for key in ["a", "b", "c", "d"] {
        assert_eq!(restore(&mut conn, key, &payload), Value::ok());
    }
    conn.must("DEBUG SET-SKIP-CHECKSUM-VALIDATION 0");
    assert_eq!(restore(&mut conn, "k", &payload), Value::Error(refused.into()));
}
