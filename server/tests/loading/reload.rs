//! DEBUG RELOAD: all is there, or the client is told to come again.

use super::common::{Conn, Server, Value};
use super::{FILE, SLOW, file_of, info, loaded, numbered, wait_until_loaded};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

const DEBUG: &[&str] = &["--enable-debug-command", "yes"];

fn digest(conn: &mut Conn) -> String {
    conn.words("DEBUG DIGEST").text()
}

#[test]
fn what_was_loaded_is_loaded_again() {
    for shards in [1, 3] {
        let server = loaded(shards, &super::dump_of("redis-7.4.1"), DEBUG);
        let mut conn = server.connect();
        let was = digest(&mut conn);
        conn.must("SET new 1");
        assert_ne!(digest(&mut conn), was);
        assert_eq!(conn.words("DEBUG RELOAD NOSAVE"), Value::ok());
        assert_eq!(digest(&mut conn), was);
        assert_eq!(info(&mut conn, "loading").as_deref(), Some("0"));
        server.wait_for_log("DB reloaded by DEBUG RELOAD");
    }
}

#[test]
fn options() {
    for shards in [1, 2] {
        let server = loaded(shards, &numbered(10), DEBUG);
        let mut conn = server.connect();
        conn.must("SET key:3 changed");
        conn.must("SET mine 1");
        assert_eq!(conn.words("DEBUG RELOAD MERGE NOFLUSH NOSAVE"), Value::ok());
        assert_eq!(conn.words("DBSIZE").int(), Some(11));
        assert_eq!(conn.words("GET key:3"), Value::bulk("value 3"));
        std::fs::remove_file(server.dir().join(FILE)).unwrap();
        let cannot = Value::Error("ERR Error trying to load the RDB dump, check server logs.".into());
        assert_eq!(conn.words("DEBUG RELOAD NOSAVE"), cannot);
        assert_eq!(conn.words("DBSIZE").int(), Some(0), "as in Redis: it was thrown away before");
        assert_eq!(conn.words("SET a 1"), Value::ok());
    }
}

#[test]
fn a_key_that_is_there_is_an_error_without_merge() {
    let mut server = loaded(2, &numbered(10), DEBUG);
    drop(server.connect().try_call(&["DEBUG", "RELOAD", "NOFLUSH", "NOSAVE"]));
    assert_eq!(server.wait(super::LIMIT).code(), Some(1));
    assert!(server.log().contains("RDB has duplicated key 'key:"), "{}", server.log());
}

#[test]
fn within_a_transaction() {
    for shards in [1, 3] {
        let server = loaded(shards, &numbered(300), DEBUG);
        let mut conn = server.connect();
        conn.must("MULTI");
        for line in ["SET a 1", "DEBUG RELOAD NOSAVE", "GET a", "DBSIZE", "SET b 2"] {
            conn.words(line);
        }
        let expected = [Value::ok(), Value::ok(), Value::NullBulk, Value::Int(300), Value::ok()];
        assert_eq!(conn.words("EXEC").items(), expected);
        assert_eq!(conn.words("DBSIZE").int(), Some(301));
    }
}

#[test]
fn watched_keys_have_changed() {
    let server = loaded(2, &numbered(10), DEBUG);
    let (mut conn, mut other) = (server.connect(), server.connect());
    conn.must("WATCH key:1");
    assert_eq!(other.words("DEBUG RELOAD NOSAVE"), Value::ok());
    conn.must("MULTI");
    conn.words("GET key:1");
    assert!(conn.words("EXEC").is_null());
}

#[test]
fn others_are_told_to_come_again() {
    let server = loaded(2, &numbered(100_000), DEBUG);
    let (mut one, mut other) = (server.connect(), server.connect());
    other.must(&format!("CONFIG SET {} {}", &SLOW[0][2..], SLOW[1]));
    one.send_raw(b"DEBUG RELOAD NOSAVE\r\nGET key:5\r\n");
    super::peer::wait_until("it has begun", super::LIMIT, || other.words("PING").is_error());
    assert_eq!(other.words("GET key:1").text(), "LOADING Redis is loading the dataset in memory");
    other.must("CONFIG SET key-load-delay 0");
    assert_eq!((one.read(), one.read()), (Value::ok(), Value::bulk("value 5")));
    wait_until_loaded(&server);
    assert_eq!(other.words("GET key:1"), Value::bulk("value 1"));
}

/// Readers of all shards, in pipelines and transactions, while the data set is loaded again and again: every key is
/// there, or all of it is loading.
fn read_until(server: &Server, keys: usize, over: &AtomicBool, seen: &[AtomicUsize; 2]) {
    let mut conn = server.connect();
    let mget =
        format!("MGET {}", (0..20).map(|i| format!("key:{}", i * keys / 20)).collect::<Vec<_>>().join(" "));
    let mut turn = 0;
    while !over.load(Ordering::Relaxed) {
        turn += 1;
        let lines = [
            mget.as_str(),
            "GET key:0",
            "LCS key:1 key:2",
            "DBSIZE",
            "MULTI",
            "GET key:1",
            "GET key:2",
            "EXEC",
        ];
        let all: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        conn.send_raw(all.as_bytes());
        let replies: Vec<Value> = lines.iter().map(|_| conn.read()).collect();
        for (line, reply) in lines.iter().zip(&replies) {
            let refused = reply.is_error();
            let (text, items) = (reply.text(), reply.items());
            assert!(
                !refused || text.contains("LOADING ") || text.starts_with("EXECABORT"),
                "{line}: {reply:?}"
            );
            seen[usize::from(refused)].fetch_add(1, Ordering::Relaxed);
            let whole = match *line {
                "DBSIZE" => reply.int() == Some(keys as i64),
                "EXEC" => items.iter().all(|item| !item.is_null()),
                line if line.starts_with("MGET") => items.iter().all(|item| !item.is_null()),
                _ => !reply.is_null(),
            };
            assert!(refused || whole, "turn {turn}, {line}: {reply:?}");
        }
    }
}

#[test]
fn nobody_sees_a_half() {
    const KEYS: usize = 3000;
    let texts: Vec<_> = (0..KEYS).map(|i| (format!("key:{i}"), format!("v{i}"))).collect();
    let texts: Vec<_> = texts.iter().map(|(key, text)| (0, key.as_str(), text.as_str(), None)).collect();
    let server = loaded(3, &file_of(&texts), DEBUG);
    let (over, seen) = (AtomicBool::new(false), [AtomicUsize::new(0), AtomicUsize::new(0)]);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| read_until(&server, KEYS, &over, &seen));
        }
        let mut conn = server.connect();
        for _ in 0..40 {
            assert_eq!(conn.words("DEBUG RELOAD NOSAVE"), Value::ok());
        }
        over.store(true, Ordering::Relaxed);
    });
    assert!(seen[0].load(Ordering::Relaxed) > 0);
}
