//! MULTI, EXEC, DISCARD, WATCH: Redis's rules, with keys on one shard and on several.

// A test says what went wrong by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{Cmd, Conn, Server, Value, cmd, env, keys};
use std::time::{Duration, Instant};

const SHARDS: [usize; 3] = [1, 2, 3];

fn error(text: &str) -> Value {
    Value::Error(text.as_bytes().to_vec())
}

fn queued() -> Value {
    Value::Simple(b"QUEUED".to_vec())
}

/// Runs the lines; each is followed by the reply it must have, as its debug form.
#[track_caller]
fn transcript(conn: &mut Conn, lines: &[(&str, &str)]) {
    for (line, reply) in lines {
        let got = format!("{:?}", conn.words(line)).replace("\\'", "'");
        assert_eq!(got, *reply, "{line}");
    }
}

/// A transaction in one write: the replies of its commands, or what EXEC answered instead.
fn transaction(conn: &mut Conn, lines: &[&str]) -> Value {
    let words = |line: &str| cmd(&line.split_whitespace().collect::<Vec<_>>());
    let mut all: Vec<Cmd> = vec![words("MULTI")];
    all.extend(lines.iter().map(|line| words(line)));
    all.push(words("EXEC"));
    conn.pipeline(&all).pop().expect("a reply of EXEC")
}

/// For each number of shards, a server with `a`, `b` and `c` set to 1, on shards of their own where there are three.
fn on_all(test: impl Fn(&Server, &mut Conn, [&str; 3])) {
    let spread = keys::spread("k", 3);
    let names = [spread[0].as_str(), spread[1].as_str(), spread[2].as_str()];
    for shards in SHARDS {
        let server = Server::builder(shards).args(&["--enable-debug-command", "yes"]).start();
        let mut conn = server.connect();
        for name in names {
            conn.must(&format!("SET {name} 1"));
        }
        test(&server, &mut conn, names);
    }
}

#[test]
fn commands_wait_for_exec() {
    on_all(|server, conn, [a, b, c]| {
        let mut other = server.connect();
        assert_eq!(conn.words("MULTI"), Value::ok());
        for line in [format!("INCR {a}"), format!("MGET {a} {b}"), format!("RENAME {a} {c}"), "DBSIZE".into()]
        {
            assert_eq!(conn.words(&line), queued(), "{line}");
        }
        assert_eq!(other.words(&format!("GET {a}")), Value::bulk("1"), "nothing has run");
        let all = conn.words("EXEC");
        assert_eq!(format!("{all:?}"), "[:2, [\"2\", \"1\"], +OK, :2]");
        assert_eq!(other.words(&format!("MGET {a} {c}")).items(), [Value::NullBulk, Value::bulk("2")]);
        transcript(conn, &[("MULTI", "+OK"), ("EXEC", "[]"), ("EXEC", "-ERR EXEC without MULTI")]);
    });
}

#[test]
fn an_error_while_running_is_an_element() {
    on_all(|_, conn, [a, b, _]| {
        let reply =
            transaction(conn, &[&format!("SET {a} text"), &format!("INCR {a}"), &format!("INCR {b}")]);
        let items = reply.items();
        assert_eq!(items[1], error("ERR value is not an integer or out of range"));
        assert_eq!(items[2], Value::Int(2), "the rest has run");
    });
}

#[test]
fn what_is_refused_spoils_the_transaction() {
    on_all(|_, conn, [a, ..]| {
        for bad in ["nosuch x", "GET", "SHUTDOWN", "CONFIG NOSUCH"] {
            assert_eq!(conn.words("MULTI"), Value::ok());
            assert_eq!(conn.words(&format!("SET {a} changed")), queued());
            assert!(conn.words(bad).is_error(), "{bad}");
            assert_eq!(conn.words(&format!("SET {a} changed")), queued());
            assert_eq!(
                conn.words("EXEC"),
                error("EXECABORT Transaction discarded because of previous errors.")
            );
        }
        assert_eq!(conn.words(&format!("GET {a}")), Value::bulk("1"));
        transcript(
            conn,
            &[
                ("MULTI", "+OK"),
                (
                    "EXEC extra",
                    "-EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command",
                ),
                ("EXEC", "-ERR EXEC without MULTI"),
            ],
        );
    });
}

#[test]
fn nesting_and_discarding() {
    on_all(|_, conn, [a, ..]| {
        let (incr, get) = (format!("INCR {a}"), format!("GET {a}"));
        let watch = format!("WATCH {a}");
        transcript(
            conn,
            &[
                ("DISCARD", "-ERR DISCARD without MULTI"),
                ("MULTI", "+OK"),
                ("MULTI", "-ERR MULTI calls can not be nested"),
                (&watch, "-ERR WATCH inside MULTI is not allowed"),
                (&incr, "+QUEUED"),
                ("DISCARD", "+OK"),
                (&get, "\"1\""),
                ("MULTI", "+OK"),
                ("EXEC", "[]"),
                ("MULTI", "+OK"),
                (&incr, "+QUEUED"),
                ("RESET", "+RESET"),
                ("EXEC", "-ERR EXEC without MULTI"),
                (&get, "\"1\""),
            ],
        );
    });
}

/// What others do between WATCH and EXEC, and whether EXEC must fail.
#[test]
fn a_watch_breaks_when_its_key_changes() {
    on_all(|server, conn, [a, b, c]| {
        let cases = [
            (vec![], false),
            (vec![format!("GET {a}"), format!("SET {c} 5")], false),
            (vec![format!("SET {a} 2")], true),
            (vec![format!("SET {b} 2")], true),
            (vec![format!("RENAME {c} {b}")], true),
            (vec![format!("RENAME {b} {c}")], true),
            (vec![format!("COPY {a} {c} REPLACE")], false),
            (vec![format!("MSETNX {a} 1 {c} 1")], false),
            (vec![format!("EXPIRE {a} 100")], true),
            (vec!["FLUSHALL".into()], true),
            (vec!["FLUSHDB".into()], true),
            (vec!["SWAPDB 0 1".into(), "SWAPDB 0 1".into()], true),
            (vec!["SWAPDB 2 1".into()], false),
        ];
        let mut other = server.connect();
        for (changes, breaks) in cases {
            other.must("FLUSHALL");
            other.must(&format!("MSET {a} 1 {b} 1 {c} 1"));
            // Watched keys on one shard or on several; commands in one hop or in more.
            for (watched, commands) in [
                (format!("{a} {b}"), vec![format!("SET {c} x")]),
                (format!("{a} {b}"), vec![format!("COPY {a} {c} REPLACE"), format!("GET {c}")]),
            ] {
                conn.must(&format!("WATCH {watched}"));
                changes.iter().for_each(|line| drop(other.must(line)));
                let commands: Vec<&str> = commands.iter().map(String::as_str).collect();
                let reply = transaction(conn, &commands);
                assert_eq!(reply == Value::NullArray, breaks, "{changes:?}: {reply:?}");
                if breaks {
                    assert!(!transaction(conn, &commands).is_null(), "EXEC has unwatched");
                }
                other.must("FLUSHALL");
                other.must(&format!("MSET {a} 1 {b} 1 {c} 1"));
            }
        }
    });
}

/// One watched key, with the commands on its shard and elsewhere: each way an EXEC can take.
#[test]
fn every_way_of_an_exec_checks_what_is_watched() {
    on_all(|server, conn, [a, b, c]| {
        let mut other = server.connect();
        for commands in [
            vec![],
            vec!["PING".to_owned()],
            vec![format!("SET {a} 7"), "SELECT 3".into(), "SELECT 0".into()],
            vec![format!("SET {b} 7")],
            vec![format!("SET {a} 7"), format!("SET {b} 7"), format!("SET {c} 7")],
            vec![format!("RENAME {b} {c}"), format!("SET {b} 1")],
            vec!["DBSIZE".into()],
            vec!["CLIENT ID".into(), "SELECT 1".into()],
        ] {
            let commands: Vec<&str> = commands.iter().map(String::as_str).collect();
            for watched in [a, b, c] {
                conn.must(&format!("WATCH {watched}"));
                assert_eq!(transaction(conn, &commands).items().len(), commands.len(), "{commands:?}");
                conn.must("SELECT 0");
                conn.must(&format!("WATCH {watched}"));
                other.must(&format!("SET {watched} 1"));
                assert_eq!(transaction(conn, &commands), Value::NullArray, "{commands:?}");
                assert_eq!(other.words(&format!("GET {watched}")), Value::bulk("1"));
                assert!(conn.must("CLIENT INFO").text().contains(" db=0 "), "SELECT was not run either");
                conn.must(&format!("WATCH {watched}"));
                other.must(&format!("SET {watched} 1"));
                conn.must("UNWATCH");
                assert_eq!(transaction(conn, &commands).items().len(), commands.len());
                conn.must("SELECT 0");
            }
        }
    });
}

#[test]
fn a_watched_key_that_expires_breaks() {
    on_all(|server, conn, [a, ..]| {
        let mut other = server.connect();
        // A TTL that outlives WATCH, however long the machine takes for that.
        let mut ttl = 20;
        loop {
            other.must(&format!("SET {a} 1 PX {ttl}"));
            conn.must(&format!("WATCH {a}"));
            if conn.must(&format!("PTTL {a}")).int() > Some(0) {
                break;
            }
            conn.must("UNWATCH");
            ttl *= 2;
        }
        while !other.words(&format!("GET {a}")).is_null() {
            std::thread::yield_now();
        }
        assert_eq!(transaction(conn, &["PING"]), Value::NullArray);
    });
}

#[test]
fn databases_change_within() {
    on_all(|_, conn, [a, b, c]| {
        let set = |key: &str| format!("SET {key} in1");
        let copy = format!("COPY {a} {b} DB 2");
        let reply =
            transaction(conn, &["SELECT 1", &set(a), &set(c), &copy, "SELECT 2", &format!("GET {b}")]);
        assert_eq!(format!("{reply:?}"), "[+OK, +OK, +OK, :1, +OK, \"in1\"]");
        assert_eq!(conn.words("DBSIZE"), Value::Int(1), "the connection is in database 2");
        conn.must("SELECT 0");
        assert_eq!(conn.words(&format!("GET {a}")), Value::bulk("1"));
    });
}

/// Commands about the server may ask every core, while every core is held.
#[test]
fn commands_about_the_server_run_within() {
    on_all(|server, conn, [a, b, _]| {
        let outside = conn.must("DEBUG DIGEST");
        let commands = [
            "CLIENT ID",
            "CONFIG SET maxmemory-samples 7",
            "CONFIG GET maxmemory-samples",
            "DEBUG DIGEST",
            &format!("DEBUG OBJECT {a}"),
            &format!("DEBUG DIGEST-VALUE {a} {b}"),
            "CLIENT LIST",
            "INFO keyspace",
            &format!("RENAME {a} {b}"),
            "MEMORY STATS",
            "DBSIZE",
            "HELLO 3",
            &format!("GET {a}"),
            "PING",
        ];
        let items = transaction(conn, &commands).items();
        assert_eq!(items.len(), commands.len());
        for (command, reply) in commands.iter().zip(&items) {
            assert!(!reply.is_error(), "{command}: {reply:?}");
        }
        assert_eq!(items[3], outside);
        assert!(items[7].text().contains("db0:keys=3"), "{:?}", items[7]);
        assert_eq!((&items[10], &items[12]), (&Value::Int(2), &Value::Null));
        assert_eq!(server.connect().words("DBSIZE"), Value::Int(2), "nothing is held any more");
    });
}

#[test]
fn replies_are_resp3_where_asked() {
    on_all(|server, _, [a, b, _]| {
        let (mut conn, mut other) = (server.connect3(), server.connect());
        conn.must(&format!("WATCH {a} {b}"));
        other.must(&format!("SET {b} 2"));
        assert_eq!(transaction(&mut conn, &["PING"]), Value::Null);
        let reply = transaction(&mut conn, &["GET nosuch", "CONFIG GET maxmemory"]);
        assert!(matches!(&reply.items()[..], [Value::Null, Value::Map(_)]), "{reply:?}");
    });
}

#[test]
fn client_reply_silences_all_of_it() {
    on_all(|_, conn, [a, b, c]| {
        let bytes = |lines: &[&str]| lines.iter().map(|l| format!("{l}\r\n")).collect::<String>();
        let rename = format!("RENAME {a} {b}");
        for command in [&rename, &format!("SET {c} 1")] {
            let off = ["CLIENT REPLY OFF", "MULTI", command, "PING", "EXEC", "CLIENT REPLY ON"];
            conn.send_raw(bytes(&off).as_bytes());
            assert_eq!(conn.read(), Value::ok(), "nothing but CLIENT REPLY ON is answered");
            conn.must(&format!("SET {a} 1"));
        }
        // SKIP is for one command, outside of a transaction: the one that follows.
        conn.send_raw(bytes(&["CLIENT REPLY SKIP", &rename, "ECHO next"]).as_bytes());
        assert_eq!(conn.read(), Value::bulk("next"));
        conn.send_raw(bytes(&["CLIENT REPLY SKIP", "MULTI", "PING", "EXEC"]).as_bytes());
        assert_eq!(
            [conn.read(), conn.read()],
            [queued(), Value::Array(vec![Value::Simple(b"PONG".to_vec())])]
        );
    });
}

#[test]
fn clients_show_their_transaction() {
    on_all(|server, conn, [a, b, _]| {
        let mut other = server.connect();
        let id = conn.must("CLIENT ID").int().unwrap();
        let mut line = || other.must(&format!("CLIENT LIST ID {id}")).text();
        conn.must(&format!("WATCH {a} {b}"));
        assert!(line().contains(" multi=-1 watch=2 "), "{}", line());
        conn.must("MULTI");
        conn.must("PING");
        assert!(line().contains(" flags=x ") && line().contains(" multi=1 "), "{}", line());
        server.connect().must(&format!("SET {a} 2"));
        assert!(line().contains(" flags=xd "), "{}", line());
        conn.must("DISCARD");
        assert!(line().contains(" flags=N ") && line().contains(" multi=-1 watch=0 "), "{}", line());
    });
}

#[test]
fn commands_are_counted() {
    on_all(|server, conn, [a, b, _]| {
        conn.must("CONFIG RESETSTAT");
        let set = format!("SET {a} 1");
        transaction(conn, &[&set, &format!("COPY {a} {b} REPLACE"), "CLIENT ID"]);
        transaction(conn, &[&set, "PING"]);
        assert!(conn.words("EXEC").is_error());
        let calls = |name: &str| {
            let field = server.info(&format!("cmdstat_{name}")).unwrap_or_default();
            field.split(',').next().and_then(|calls| calls.strip_prefix("calls=")?.parse::<i64>().ok())
        };
        assert_eq!(["set", "copy", "client|id", "ping"].map(calls), [Some(2), Some(1), Some(1), Some(1)]);
        assert_eq!(["multi", "exec"].map(calls), [Some(2), Some(3)]);
    });
}

#[test]
fn monitors_see_what_runs() {
    on_all(|server, conn, [a, b, _]| {
        let mut monitor = server.connect();
        monitor.must("MONITOR");
        transaction(conn, &[&format!("SET {a} 1")]);
        transaction(conn, &[&format!("RENAME {a} {b}")]);
        for word in ["multi", "set", "exec", "multi", "rename", "exec"] {
            let line = monitor.read_line().to_lowercase();
            assert!(line.contains(&format!("\"{word}\"")), "{line} is no {word}");
        }
    });
}

/// What is queued or watched counts as what has been sent and not been read.
#[test]
fn queues_are_bounded() {
    for shards in SHARDS {
        let server = Server::start(shards);
        let mut conn = server.connect();
        conn.must("CONFIG SET client-query-buffer-limit 1mb");
        conn.must("MULTI");
        let value = "x".repeat(100_000);
        let refused = (0..20).find(|_| conn.words(&format!("SET k {value}")).is_error());
        assert!(refused.is_some_and(|n| (8..12).contains(&n)), "{refused:?}");
        assert!(conn.words("EXEC").is_error());
        let refused = (0..20).find(|i| conn.words(&format!("WATCH {i}{value}")).is_error());
        assert!(refused.is_some_and(|n| (8..12).contains(&n)), "{refused:?}");
        conn.must("UNWATCH");
        conn.must("WATCH k");
        assert!(!transaction(&mut conn, &["PING"]).is_null());
    }
}

#[test]
fn paused_writes_hold_a_transaction_back() {
    on_all(|server, conn, [a, ..]| {
        let mut other = server.connect();
        conn.must("MULTI");
        conn.must(&format!("INCR {a}"));
        other.must("CLIENT PAUSE 60000 WRITE");
        let begin = Instant::now();
        std::thread::scope(|scope| {
            let exec = scope.spawn(|| conn.words("EXEC"));
            while server.info("blocked_clients").as_deref() != Some("1") {
                assert!(begin.elapsed() < Duration::from_secs(30), "EXEC is held back");
            }
            assert_eq!(other.words(&format!("GET {a}")), Value::bulk("1"));
            other.must("CLIENT UNPAUSE");
            assert_eq!(exec.join().unwrap().items(), [Value::Int(2)]);
        });
    });
}

/// Clients increment two keys by compare-and-set, over and over, from threads of their own.
#[test]
fn compare_and_set_loses_nothing_over_sockets() {
    on_all(|server, conn, [a, b, _]| {
        let until = Instant::now() + env::run_time() / SHARDS.len() as u32;
        let count = |server: &Server| {
            let (mut conn, mut done) = (server.connect(), 0);
            while Instant::now() < until {
                conn.must(&format!("WATCH {a} {b}"));
                let values = conn.must(&format!("MGET {a} {b}")).items();
                let next = |i: usize| values[i].int().unwrap() + 1;
                let sets = [format!("SET {a} {}", next(0)), format!("SET {b} {}", next(1))];
                done += i64::from(!transaction(&mut conn, &[&sets[0], &sets[1]]).is_null());
            }
            done
        };
        let done: i64 = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| count(server))).collect();
            threads.into_iter().map(|t| t.join().unwrap()).sum()
        });
        assert!(done > 0);
        let both = conn.must(&format!("MGET {a} {b}")).items();
        assert_eq!([both[0].int(), both[1].int()], [Some(1 + done); 2]);
    });
}

/// EXEC that is refused says so in words of its own, and ends the transaction and what was watched for it.
#[test]
fn a_refused_exec_ends_the_transaction() {
    let why = "EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command";
    on_all(|_, conn, [a, b, _]| {
        assert_eq!(conn.words("EXEC x").text(), why);
        for watched in [format!("WATCH {a} {b}"), "UNWATCH".to_string()] {
            conn.must(&watched);
            conn.must("MULTI");
            conn.must(&format!("SET {a} 1"));
            assert_eq!(conn.words("EXEC x").text(), why);
            assert_eq!(conn.words("EXEC").text(), "ERR EXEC without MULTI");
            conn.must(&format!("SET {b} 2"));
            assert_eq!(transaction(conn, &[&format!("GET {b}")]).items(), [Value::bulk("2")]);
        }
    });
}
