//! Percore's files and commands in Debian's redis-server 7.0, and its own file beside them: the same data.

use super::common::{Conn, Server, Value};
use super::rewrite::{load, save};
use super::{LIMIT, SERVERS, data, err, out, peer, percore_data, print};
use persist::rdb::Target;
use std::path::Path;
use std::process::Command;

const REDIS_ARGS: &[&str] = &["--enable-debug-command", "yes"];

fn digest(conn: &mut Conn) -> String {
    let digest = conn.words("DEBUG DIGEST").text();
    assert_ne!(digest, "0".repeat(40), "there is something");
    digest
}

/// Has a server forget everything and load this file.
fn reload(server: &Server, conn: &mut Conn, bytes: &[u8]) {
    std::fs::write(server.dir().join("dump.rdb"), bytes).unwrap();
    assert_eq!(conn.words("FLUSHALL"), Value::ok());
    assert_eq!(conn.words("FUNCTION FLUSH"), Value::ok());
    assert_eq!(conn.words("DEBUG RELOAD NOSAVE"), Value::ok(), "{}", server.log());
}

/// Where each command of some begins and ends.
fn commands(bytes: &[u8]) -> Vec<&[u8]> {
    let (mut rest, mut found) = (bytes, Vec::new());
    while !rest.is_empty() {
        let begin = rest;
        for _ in 0..number(&mut rest, b'*') {
            let len = number(&mut rest, b'$');
            rest = &rest[len + 2..];
        }
        found.push(&begin[..begin.len() - rest.len()]);
    }
    found
}

fn number(rest: &mut &[u8], mark: u8) -> usize {
    assert_eq!(rest[0], mark);
    let end = rest.iter().position(|&b| b == b'\r').expect("a line's end");
    let n = std::str::from_utf8(&rest[1..end]).unwrap().parse().unwrap();
    *rest = &rest[end + 2..];
    n
}

/// Sends the commands that `percore-data` prints of a file, but for those of this name, and reads the replies, none of them
/// an error; how many were left out.
fn send(conn: &mut Conn, bytes: &[u8], without: &str) -> usize {
    let mut all = commands(bytes);
    let count = all.len();
    let name = format!("\r\n{without}\r\n");
    all.retain(|command| !command.windows(name.len()).take(12).any(|window| window == name.as_bytes()));
    conn.send_raw(&all.concat());
    for command in &all {
        let reply = conn.read();
        assert!(!reply.is_error(), "{reply:?} to {}", command.escape_ascii());
    }
    count - all.len()
}

/// What streams say of their groups, consumers and what is pending, which no digest has in it.
fn streams(conn: &mut Conn) -> Vec<Value> {
    assert_eq!(conn.words("SELECT 0"), Value::ok());
    let told: Vec<_> = ["XINFO STREAM stream:1 FULL COUNT 0", "XINFO STREAM stream:trim FULL"]
        .map(|line| conn.words(line))
        .into();
    assert!(told.iter().all(|told| !told.is_error()), "{told:?}");
    told
}

#[test]
fn commands_make_the_data_anew() {
    let test = "commands_make_the_data_anew";
    let Some(redis) = Server::redis_with(test, REDIS_ARGS) else { return };
    let percore = Server::builder(1).args(REDIS_ARGS).start();
    let (mut conn, mut ours) = (redis.connect(), percore.connect());
    let original = data("redis-7.0.15", "dump.rdb");
    reload(&redis, &mut conn, &std::fs::read(&original).unwrap());
    let loaded = digest(&mut conn);
    assert_eq!(conn.words("FLUSHALL"), Value::ok());
    assert_eq!(conn.words("FUNCTION FLUSH"), Value::ok());
    let bytes = print(&original, &["--format", "resp"]);
    assert_eq!(send(&mut conn, &bytes, "HPEXPIREAT"), 0);
    assert_eq!(digest(&mut conn), loaded, "redis-server");
    assert_eq!(conn.words("FUNCTION LIST").items().len(), 1);
    assert_eq!(send(&mut ours, &bytes, "FUNCTION"), 1, "a server without functions");
    assert_eq!(digest(&mut ours), loaded, "percore");
}

#[test]
fn redis_loads_what_was_written_for_it() {
    let test = "redis_loads_what_was_written_for_it";
    let Some(redis) = Server::redis_with(test, REDIS_ARGS) else { return };
    let mut conn = redis.connect();
    for server in SERVERS {
        let original = data(server, "dump.rdb");
        let bytes = std::fs::read(&original).unwrap();
        // The original is of a version that this server may not know: its commands, which another test is about.
        assert_eq!(conn.words("FLUSHALL"), Value::ok());
        assert_eq!(conn.words("FUNCTION FLUSH"), Value::ok());
        let left_out = send(&mut conn, &print(&original, &["--format", "resp"]), "HPEXPIREAT");
        assert_eq!(
            left_out > 0,
            server == "redis-7.4.1",
            "expiries of fields, which versions before 12 lose"
        );
        let expected = digest(&mut conn);
        for shards in [1, 3] {
            let loaded = load(&bytes, shards);
            for version in [9, 10] {
                let written = save(&loaded, Target::version(version).unwrap());
                reload(&redis, &mut conn, &written);
                assert_eq!(digest(&mut conn), expected, "{server}, {shards} shards, version {version}");
                let libraries = conn.words("FUNCTION LIST").items().len();
                assert_eq!(libraries, usize::from(version > 9), "functions came with version 10");
            }
        }
    }
}

#[test]
fn streams_come_through_whole() {
    let Some(redis) = Server::redis_with("streams_come_through_whole", REDIS_ARGS) else { return };
    let mut conn = redis.connect();
    let bytes = std::fs::read(data("redis-7.0.15", "dump.rdb")).unwrap();
    reload(&redis, &mut conn, &bytes);
    let was = streams(&mut conn);
    reload(&redis, &mut conn, &save(&load(&bytes, 2), Target::version(10).unwrap()));
    assert_eq!(streams(&mut conn), was);
}

#[test]
fn redis_check_rdb_passes() {
    let Some(checker) = peer::tool("redis_check_rdb_passes", "redis-check-rdb") else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dump.rdb");
    for server in SERVERS {
        let loaded = load(&std::fs::read(data(server, "dump.rdb")).unwrap(), 3);
        for version in [9, 10] {
            std::fs::write(&file, save(&loaded, Target::version(version).unwrap())).unwrap();
            let mut command = Command::new(&checker);
            command.arg(&file);
            let checked = peer::run(command, b"", LIMIT);
            let text = out(&checked);
            assert!(checked.status.success(), "{server}, version {version}: {text}");
            assert!(text.contains("Checksum OK") && text.contains("RDB looks OK!"), "{text}");
            assert!(text.contains("AUX FIELD percore-fragments = '1 0000000000000003 "), "{text}");
        }
    }
}

#[test]
fn what_was_written_prints_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dump.rdb");
    let sorted = |file: &Path| {
        let text = String::from_utf8(print(file, &[])).unwrap();
        let mut lines: Vec<String> = text.lines().map(str::to_string).collect();
        lines.sort_unstable();
        lines
    };
    for server in SERVERS {
        let original = data(server, "dump.rdb");
        let was = sorted(&original);
        assert!(was.len() > 500);
        for (target, shards) in [(Target::AUTO, 1), (Target::AUTO, 4), (Target::version(12).unwrap(), 2)] {
            std::fs::write(&file, save(&load(&std::fs::read(&original).unwrap(), shards), target)).unwrap();
            assert!(sorted(&file) == was, "{server}, {target:?}");
            let checked = percore_data(&[Path::new("check"), &file]);
            assert!(checked.status.success(), "{}", err(&checked));
            let text = out(&checked);
            assert!(text.contains("its checksum is right"), "{text}");
            assert!(text.contains(&format!("written by {shards} shards, in ")), "{text}");
        }
    }
}
