//! `dump.rdb` as a server loads it: what other servers wrote (`tests/data`) and Percore's own form with parts, read back by a
//! client; files that are wrong; clients meanwhile; DEBUG RELOAD.

// A test says what went wrong by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../common/mod.rs"]
mod common;
mod compare;
mod meanwhile;
mod refused;
mod reload;
#[path = "../percore_data/rewrite.rs"]
mod rewrite;

use common::process::Builder;
use common::{Conn, Server, peer};
use persist::rdb::file::{Body, Head, Meta, Options, merge};
use persist::rdb::{Target, Type};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Longer than anything here takes, however busy the machine is.
const LIMIT: Duration = Duration::from_secs(120);
const FILE: &str = "dump.rdb";
/// Folders of `tests/data`.
const SERVERS: [&str; 3] = ["redis-7.0.15", "redis-7.4.1", "valkey-8.0.1"];
/// Microseconds a key: a load that does not end by itself while a test looks at it.
const SLOW: &[&str] = &["--key-load-delay", "100000", "--enable-debug-command", "yes"];

fn data(server: &str, file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(server).join(file)
}

/// What a server wrote.
fn dump_of(server: &str) -> Vec<u8> {
    std::fs::read(data(server, FILE)).unwrap()
}

/// A string of a file: database, key, value, expiry in Unix milliseconds.
type Text<'a> = (u64, &'a str, &'a str, Option<i64>);

/// A file of strings, as one shard would write it, in parts of some kilobytes.
fn file_of(texts: &[Text<'_>]) -> Vec<u8> {
    let mut body = Body::new(Options { part_bytes: 10_000, ..Options::default() });
    for &(db, key, text, expire_at) in texts {
        let meta = Meta { expire_at, ..Meta::default() };
        body.key(db, key.as_bytes(), Type::String, &meta).string(text.as_bytes());
    }
    let mut bytes = Vec::new();
    let facts = body.finish(&mut bytes);
    let merged = merge(&Head::new(Target::AUTO, "7.2.4", 1_700_000_000, 1 << 20, false), &[facts]);
    [merged.head, bytes, merged.tail.to_vec()].concat()
}

/// `key:0` to `key:n-1`, each with its number.
fn numbered(n: usize) -> Vec<u8> {
    let names: Vec<_> = (0..n).map(|i| (format!("key:{i}"), format!("value {i}"))).collect();
    let texts: Vec<Text<'_>> =
        names.iter().map(|(key, text)| (0, key.as_str(), text.as_str(), None)).collect();
    file_of(&texts)
}

/// A server that finds this file when it starts.
fn on(shards: usize, file: &[u8]) -> Builder {
    Server::builder(shards).file(FILE, file)
}

fn wait_until_loaded(server: &Server) {
    peer::wait_until("the file is loaded", LIMIT, || server.info("loading").as_deref() == Some("0"));
}

/// A server that has loaded this file.
fn loaded(shards: usize, file: &[u8], args: &[&str]) -> Server {
    let server = on(shards, file).args(args).start();
    wait_until_loaded(&server);
    server
}

fn info(conn: &mut Conn, field: &str) -> Option<String> {
    let text = conn.words("INFO persistence").text();
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{field}:")))?;
    Some(line.trim().to_string())
}

#[test]
fn what_other_servers_wrote_is_what_clients_read() {
    for name in SERVERS {
        for shards in [1, 2, 5] {
            let server = loaded(shards, &dump_of(name), &[]);
            let read = compare::everything(&mut server.connect(), &data(name, "expected.json"));
            assert_eq!(info(&mut server.connect(), "rdb_last_load_keys_loaded"), Some(read.to_string()));
            let log = server.log();
            let done = format!("Done loading RDB, keys loaded: {read}, keys expired: {}.", 537 - read);
            let lines = [
                "Loading RDB produced by ",
                "RDB age ",
                "RDB memory usage when created ",
                &done,
                "DB loaded from disk: ",
                "Ready to accept connections tcp",
            ];
            let found: Vec<_> = lines.iter().map(|line| log.find(line).expect(line)).collect();
            assert!(found.is_sorted(), "{log}");
        }
    }
}

#[test]
fn parts_are_what_clients_read() {
    let own = rewrite::save(&rewrite::load(&dump_of("redis-7.4.1"), 3), Target::AUTO);
    for shards in [1, 2, 5] {
        let server = loaded(shards, &own, &[]);
        compare::everything(&mut server.connect(), &data("redis-7.4.1", "expected.json"));
    }
}

#[test]
fn what_has_expired_is_dropped() {
    let far = 4_000_000_000_000;
    let texts = [
        (0, "past", "1", Some(1000)),
        (0, "future", "2", Some(far)),
        (3, "other", "x", None),
        (3, "old", "", Some(0)),
    ];
    for shards in [1, 3] {
        let server = loaded(shards, &file_of(&texts), &[]);
        let mut conn = server.connect();
        assert_eq!(conn.words("DBSIZE").int(), Some(1));
        assert_eq!(conn.words("PEXPIRETIME future").int(), Some(far));
        conn.must("SELECT 3");
        assert_eq!(conn.words("KEYS *").items().len(), 1);
        let of = |field| info(&mut server.connect(), field);
        assert_eq!(of("rdb_last_load_keys_expired").as_deref(), Some("2"));
        assert_eq!(of("rdb_last_load_keys_loaded").as_deref(), Some("2"));
        assert_eq!(of("rdb_changes_since_last_save").as_deref(), Some("0"));
        assert!(server.log().contains("Done loading RDB, keys loaded: 2, keys expired: 2."));
    }
}

#[test]
fn no_file_is_an_empty_start() {
    let server = Server::start(2);
    assert_eq!(server.connect().words("DBSIZE").int(), Some(0));
    assert!(!server.log().contains("DB loaded"), "{}", server.log());
}

/// Of the directives that name the file.
#[test]
fn another_name() {
    let server =
        Server::builder(1).file("other.rdb", &numbered(9)).args(&["--dbfilename", "other.rdb"]).start();
    wait_until_loaded(&server);
    assert_eq!(server.connect().words("DBSIZE").int(), Some(9));
}
