//! Administration of a running server: CONFIG, DEBUG, MONITOR, SHUTDOWN, ROLE, on one shard and on two.

// A test says what went wrong by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::keys::spread;
use common::process::free_port;
use common::{Conn, Server, Value, cmd, peer};
use std::net::TcpListener;
use std::sync::mpsc;
use std::time::{Duration, Instant};

const SHARDS: [usize; 2] = [1, 2];
const LIMIT: Duration = Duration::from_secs(60);

/// A server whose clients may do everything.
fn open(shards: usize) -> Server {
    let args = ["--enable-debug-command", "yes", "--enable-protected-configs", "yes"];
    Server::builder(shards).args(&args).start()
}

fn error(text: &str) -> Value {
    Value::Error(text.as_bytes().to_vec())
}

fn directive(conn: &mut Conn, name: &str) -> String {
    let reply = conn.call(&["CONFIG", "GET", name]).items();
    assert_eq!(reply.len(), 2, "{name}: {reply:?}");
    reply[1].text()
}

fn refused(port: u16) -> bool {
    Conn::try_connect(port).is_err()
}

/// Waits until nothing but `n` keys is left, however many shards count them.
fn wait_for_keys(conn: &mut Conn, n: i64) {
    peer::wait_until(&format!("{n} keys"), LIMIT, || conn.words("DBSIZE") == Value::Int(n));
}

#[test]
fn config_is_read_by_patterns() {
    for shards in SHARDS {
        let server = open(shards);
        let mut conn = server.connect();
        assert_eq!(conn.words("CONFIG GET no-such-thing"), Value::Array(vec![]));
        let port = server.port.to_string();
        let pairs = [Value::bulk("port"), Value::bulk(&port), Value::bulk("maxmemory"), Value::bulk("0")];
        assert_eq!(conn.words("CONFIG GET port MAXMEMOR? po?t"), Value::Array(pairs.to_vec()));
        let mut conn3 = server.connect3();
        let map = Value::Map(vec![(Value::bulk("port"), Value::bulk(&port))]);
        assert_eq!(conn3.words("CONFIG GET port"), map);
        assert!(conn.words("CONFIG HELP").items().len() > 8);
    }
}

#[test]
fn config_set_is_all_or_nothing() {
    for shards in SHARDS {
        let server = open(shards);
        let mut conn = server.connect();
        conn.must("CONFIG SET maxmemory 100mb slowlog-max-len 7");
        assert_eq!(directive(&mut conn, "maxmemory"), "104857600");
        assert_eq!(directive(&mut conn, "slowlog-max-len"), "7");
        let busy = TcpListener::bind("0.0.0.0:0").unwrap();
        let taken = busy.local_addr().unwrap().port().to_string();
        let dir = directive(&mut conn, "dir");
        let reply = conn.words(&format!("CONFIG SET maxmemory 1 port {taken} dir / loglevel debug"));
        assert_eq!(
            reply,
            error(
                "ERR CONFIG SET failed (possibly related to argument 'port') - \
                 Unable to listen on this port. Check server logs."
            )
        );
        let expected = [
            ("maxmemory", "104857600"),
            ("port", &server.port.to_string()),
            ("dir", &dir),
            ("loglevel", "notice"),
        ];
        for (name, value) in expected {
            assert_eq!(directive(&mut conn, name), value, "{name}");
        }
        let at = std::fs::read_link(format!("/proc/{}/cwd", server.pid())).unwrap();
        assert_eq!(at.display().to_string(), dir, "the working directory is as it was");
        server.connect().must("PING");
    }
}

#[test]
fn config_set_takes_effect_on_all_shards() {
    let server = open(2);
    let mut conn = server.connect();
    conn.must("CONFIG SET proto-max-bulk-len 1mb");
    for key in spread("big", 2) {
        conn.must(&format!("SETRANGE {key} 1048570 abc"));
        assert!(conn.words(&format!("SETRANGE {key} 1048575 abc")).is_error(), "{key}");
    }
    conn.must("CONFIG SET requirepass secret");
    conn.must("PING"); // it was let in before
    let mut stranger = server.connect();
    assert_eq!(stranger.words("PING"), error("NOAUTH Authentication required."));
    assert_eq!(conn.call(&["CONFIG", "SET", "requirepass", ""]), Value::ok());
    stranger.must("PING");
}

#[test]
fn config_rewrite_round_trip() {
    for shards in SHARDS {
        let server = Server::builder(shards).config("# kept\nmaxmemory 1mb\n").start();
        let mut conn = server.connect();
        conn.must("CONFIG SET maxmemory 2mb hz 20");
        conn.must("CONFIG REWRITE");
        let path = server.dir().join("server.conf");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("# kept\nmaxmemory 2mb\n") && text.contains("\nhz 20\n"), "{text}");
        let again = Server::builder(shards).config(&text).start();
        assert_eq!(directive(&mut again.connect(), "hz"), "20");
        // What cannot be written is told, and the file is as it was.
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert_eq!(conn.words("CONFIG REWRITE"), error("ERR Rewriting config file: Is a directory"));
    }
    let reply = Server::start(1).connect().words("CONFIG REWRITE");
    assert_eq!(reply, error("ERR The server is running without a config file"));
}

#[test]
fn the_port_changes_while_clients_are_connected() {
    for shards in SHARDS {
        let socket = tempfile::tempdir().unwrap();
        let path = socket.path().join("socket");
        let server = Server::builder(shards).args(&["--unixsocket", &path.display().to_string()]).start();
        let mut conn = server.connect();
        for round in 0..3 {
            let (old, new) = (directive(&mut conn, "port").parse().unwrap(), free_port());
            conn.must(&format!("CONFIG SET port {new}"));
            assert!(refused(old), "round {round}");
            for _ in 0..4 {
                Conn::connect(new).must("PING");
            }
            conn.must("PING");
        }
        let port = directive(&mut conn, "port").parse().unwrap();
        assert_eq!(conn.call(&["CONFIG", "SET", "bind", "127.0.0.1 -192.0.2.1"]), Value::ok());
        Conn::connect(port).must("PING");
        assert_eq!(
            conn.words("CONFIG SET bind 192.0.2.1"),
            error(
                "ERR CONFIG SET failed (possibly related to argument 'bind') - \
                 Failed to bind to specified addresses."
            )
        );
        Conn::connect(port).must("PING");
        conn.must("CONFIG SET port 0");
        assert!(refused(port));
        Conn::unix(&path).must("PING");
        conn.must(&format!("CONFIG SET port {port}"));
        Conn::connect(port).must("PING");
    }
}

#[test]
fn resetstat_resets_every_core() {
    for shards in SHARDS {
        let server = Server::start(shards);
        let mut conn = server.connect();
        for key in spread("hit", 4) {
            conn.must(&format!("SET {key} x"));
            conn.must(&format!("GET {key}"));
            assert!(conn.words(&format!("INCR {key}")).is_error());
        }
        conn.must("CONFIG RESETSTAT");
        let stats = conn.words("INFO everything").text();
        let field = |name: &str| stats.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(':'));
        for name in ["keyspace_hits", "keyspace_misses", "total_error_replies", "expired_keys"] {
            assert_eq!(field(name), Some("0"), "{name}");
        }
        for name in ["cmdstat_get", "cmdstat_set", "errorstat_ERR", "latency_percentiles_usec_get"] {
            assert_eq!(field(name), None, "{name}");
        }
        assert_eq!(field("connected_clients"), Some("1"));
    }
}

#[test]
fn debug_and_protected_directives_are_gated() {
    let server = Server::start(1);
    let mut conn = server.connect();
    let closed = error(
        "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it from \
         a local connection, otherwise you need to set this option in the configuration file, and then restart the \
         server.",
    );
    for line in ["DEBUG DIGEST", "DEBUG HELP", "DEBUG NOSUCH"] {
        assert_eq!(conn.words(line), closed, "{line}");
    }
    let reply = conn.words("CONFIG SET dir /").text();
    assert!(reply.ends_with("'dir') - can't set protected config"), "{reply}");
    let reply = conn.words("CONFIG SET enable-debug-command yes").text();
    assert!(reply.ends_with("'enable-debug-command') - can't set immutable config"), "{reply}");
    let local = Server::builder(1).args(&["--enable-debug-command", "local"]).start();
    local.connect().must("DEBUG DIGEST");
}

#[test]
fn a_digest_tells_the_data_and_not_the_shards() {
    let load = |server: &Server| {
        let mut conn = server.connect();
        conn.must("DEBUG POPULATE 300");
        conn.must("SELECT 3");
        conn.must("DEBUG POPULATE 40 other 50");
        assert_eq!(conn.words("DBSIZE"), Value::Int(40));
        conn.must("SET volatile 12 EX 1000");
        let values = conn.must("DEBUG DIGEST-VALUE other:3 nosuch volatile other:3").items();
        assert_eq!(values[0], values[3]);
        assert_eq!(values[1], Value::Simple([b'0'; 40].to_vec()));
        (conn.must("DEBUG DIGEST"), values)
    };
    let servers = [1, 2, 3].map(open);
    let first = load(&servers[0]);
    for server in &servers[1..] {
        assert_eq!(load(server), first);
        let mut conn = server.connect();
        conn.must("SET key:7 other");
        assert_ne!(conn.must("DEBUG DIGEST"), first.0);
    }
}

#[test]
fn debug_looks_into_the_shards() {
    for shards in SHARDS {
        let server = open(shards);
        let mut conn = server.connect();
        for key in spread("k", 4) {
            conn.must(&format!("SET {key} 123"));
            let line = conn.must(&format!("DEBUG OBJECT {key}")).text();
            assert!(line.contains(" encoding:int serializedlength:2 "), "{line}");
            let reply = conn.words(&format!("DEBUG HTSTATS-KEY {key}")).text();
            assert!(reply.starts_with("ERR The value stored at the specified key is not"), "{reply}");
        }
        assert_eq!(conn.words("DEBUG OBJECT nosuch"), error("ERR no such key"));
        assert_eq!(conn.words("DEBUG HTSTATS-KEY nosuch"), error("ERR no such key"));
        assert!(conn.must("DEBUG HTSTATS 0").text().contains("number of elements: 4\n"));
        assert_eq!(conn.words("DEBUG HTSTATS 16"), error("ERR Out of range database"));
        assert_eq!(conn.words("DEBUG POPULATE -1"), error("ERR value is out of range, must be positive"));
        assert_eq!(conn.call(&["DEBUG", "ERROR", "MINE two words"]), error("MINE two words"));
        assert_eq!(server.connect3().words("DEBUG PROTOCOL true"), Value::Bool(true));
        conn.call(&["DEBUG", "LOG", "a line of mine"]);
        server.wait_for_log("DEBUG LOG: a line of mine");
    }
}

#[test]
fn active_expiry_stops_on_all_cores_at_once() {
    for shards in SHARDS {
        let server = open(shards);
        let mut conn = server.connect();
        conn.must("DEBUG SET-ACTIVE-EXPIRE 0");
        let keys = spread("dead", 8);
        for key in &keys {
            conn.must(&format!("SET {key} x PX 1"));
        }
        conn.must("DEBUG SLEEP 0.3");
        assert_eq!(conn.words("DBSIZE"), Value::Int(8), "nobody has looked for them");
        assert!(conn.words(&format!("GET {}", keys[0])).is_null(), "met, it is dead all the same");
        conn.must("DEBUG SET-ACTIVE-EXPIRE 1");
        wait_for_keys(&mut conn, 0);
    }
}

/// What follows DEBUG SLEEP in one pipeline lives after it.
#[test]
fn a_sleep_ages_keys() {
    for shards in SHARDS {
        let server = open(shards);
        let mut conn = server.connect();
        for key in spread("short", 2) {
            let pipeline =
                [cmd(&["SET", &key, "x", "PX", "20"]), cmd(&["DEBUG", "SLEEP", "0.05"]), cmd(&["GET", &key])];
            let replies = conn.pipeline(&pipeline);
            assert_eq!(replies, [Value::ok(), Value::ok(), Value::NullBulk], "{key}");
        }
    }
}

#[test]
fn a_core_that_sleeps_leaves_the_others_serving() {
    const SLEEP: Duration = Duration::from_secs(40);
    let server = open(2);
    let mut conns: Vec<Conn> = (0..6).map(|_| server.connect()).collect();
    conns.iter_mut().for_each(|c| assert_eq!(c.words("PING").text(), "PONG"));
    let began = Instant::now();
    let mut sleeper = conns.pop().unwrap();
    sleeper.send_raw(format!("DEBUG SLEEP {}\r\n", SLEEP.as_secs()).as_bytes());
    server.connect(); // half of the others are elsewhere, wherever this one is
    let (answered, answers) = mpsc::channel();
    for mut conn in conns {
        let answered = answered.clone();
        // Those beside the sleeper wait until the server is killed.
        std::thread::spawn(move || drop(conn.try_call(&["PING"]).map(|reply| answered.send(reply))));
    }
    assert_eq!(answers.recv_timeout(SLEEP).unwrap().text(), "PONG");
    assert!(began.elapsed() < SLEEP);
}

/// Lines of MONITOR without time and address, of one client.
fn lines_of(monitor: &mut Conn, address: &str, count: usize) -> Vec<String> {
    let mut lines = Vec::new();
    while lines.len() < count {
        let line = monitor.read().text();
        if let Some((before, command)) = line.split_once("] ")
            && before.ends_with(address)
        {
            let (_, db) = before.rsplit_once('[').unwrap();
            lines.push(format!("{} {command}", db.split(' ').next().unwrap()));
        }
    }
    lines
}

#[test]
fn monitor_shows_each_connection_in_its_order() {
    for shards in SHARDS {
        let server = open(shards);
        let mut monitors = [server.connect(), server.connect(), server.connect()];
        monitors.iter_mut().for_each(|m| assert_eq!(m.words("MONITOR"), Value::ok()));
        let mut conn = server.connect();
        let info = conn.must("CLIENT INFO").text();
        let address = info.split(' ').find_map(|f| f.strip_prefix("addr=")).unwrap().to_string();
        let mut sent = vec![cmd(&["CLIENT", "SETNAME", "me"]), cmd(&["SELECT", "2"])];
        for (i, key) in spread("m", 40).iter().enumerate() {
            sent.push(cmd(&["SET", key, &i.to_string()]));
            if i % 10 == 0 {
                sent.push(cmd(&["HELLO", "2", "AUTH", "default", "pw"]));
                sent.push(cmd(&["CONFIG", "GET", "port"])); // not shown
                sent.push(cmd(&["RENAME", key, "other"]));
                sent.push(cmd(&["NOSUCH"])); // not run, not shown
            }
        }
        assert_eq!(conn.pipeline(&sent).iter().filter(|r| r.is_error()).count(), 4);
        let shown = |command: &Vec<Vec<u8>>| match command[0].as_slice() {
            b"CONFIG" | b"NOSUCH" => None,
            b"HELLO" => Some("\"HELLO\" \"2\" \"AUTH\" \"(redacted)\" \"(redacted)\"".to_string()),
            _ => Some(
                command
                    .iter()
                    .map(|a| format!("\"{}\"", String::from_utf8_lossy(a)))
                    .collect::<Vec<_>>()
                    .join(" "),
            ),
        };
        let mut expected = vec!["0 \"CLIENT\" \"INFO\"".to_string()];
        for (i, line) in sent.iter().filter_map(shown).enumerate() {
            expected.push(format!("{} {line}", if i == 0 { 0 } else { 2 }));
        }
        for monitor in &mut monitors {
            assert_eq!(lines_of(monitor, &address, expected.len()), expected);
        }
    }
}

#[test]
fn a_monitor_may_do_what_redis_lets_it() {
    let no = error("ERR Replica can't interact with the keyspace");
    let server = open(2);
    let mut conn = server.connect();
    let replies = conn.pipeline(&["MONITOR", "GET", "CONFIG"].map(|name| match name {
        "GET" => cmd(&["GET", "k"]),
        "CONFIG" => cmd(&["CONFIG", "SET", "hz", "11"]),
        _ => cmd(&[name]),
    }));
    assert_eq!(replies, [Value::ok(), no.clone(), Value::ok()]);
    conn.send_raw(b"MONITOR\r\nDBSIZE\r\n"); // the second is not answered
    assert_eq!(conn.read(), no);
    assert!(server.connect().must("CLIENT LIST").text().contains(" flags=O "));
    conn.send_raw(b"RESET\r\n");
    while conn.read().text() != "RESET" {}
    assert!(conn.words("GET k").is_null());
    assert!(!server.connect().must("CLIENT LIST").text().contains(" flags=O "));
}

/// One that does not read is closed, not buffered for without end.
#[test]
fn a_slow_monitor_is_closed_at_its_limit() {
    for class in ["replica", "normal"] {
        let server = open(2);
        let mut conn = server.connect();
        assert_eq!(
            conn.call(&["CONFIG", "SET", "client-output-buffer-limit", &format!("{class} 1mb 0 0")]),
            Value::ok()
        );
        let mut monitors = [server.connect(), server.connect()];
        monitors.iter_mut().for_each(|m| assert_eq!(m.words("MONITOR"), Value::ok()));
        let text = "x".repeat(200_000);
        peer::wait_until("slow monitors are closed", LIMIT, || {
            conn.call(&["ECHO", &text]);
            !conn.must("CLIENT LIST").text().contains(" flags=O ")
        });
        server.wait_for_log("closed for overcoming of output buffer limits");
    }
}

#[test]
fn role_is_a_primary_without_replicas() {
    let role = Value::Array(vec![Value::bulk("master"), Value::Int(0), Value::Array(vec![])]);
    assert_eq!(Server::start(2).connect().words("ROLE"), role);
}

#[test]
fn shutdown_stops_without_a_reply() {
    for shards in SHARDS {
        for line in ["SHUTDOWN", "SHUTDOWN NOSAVE", "shutdown now nosave force", "SHUTDOWN SAVE FORCE"] {
            let mut server = open(shards);
            let mut conn = server.connect();
            let mut other = server.connect();
            conn.send_raw(format!("ECHO last\r\n{line}\r\nECHO never\r\n").as_bytes());
            let rest = conn.read_to_end().unwrap();
            assert_eq!(String::from_utf8(rest).unwrap(), "$4\r\nlast\r\n", "{line}");
            assert_eq!(other.read_to_end().unwrap(), b"");
            assert_eq!(server.wait(LIMIT).code(), Some(0), "{line}");
            assert!(server.log().contains("ready to exit, bye bye"), "{}", server.log());
        }
    }
}

#[test]
fn shutdown_that_cannot_be_is_refused() {
    let mut server = Server::builder(2)
        .args(&[
            "--save",
            "900 1",
            "--enable-protected-configs",
            "yes",
            "--stop-writes-on-bgsave-error",
            "no",
        ])
        .start();
    let mut conn = server.connect();
    for line in ["SHUTDOWN LATER", "SHUTDOWN SAVE NOSAVE", "SHUTDOWN ABORT NOW"] {
        assert_eq!(conn.words(line), error("ERR syntax error"), "{line}");
    }
    assert_eq!(conn.words("SHUTDOWN ABORT"), error("ERR No shutdown in progress."));
    conn.must("MSET a 1 b 2 c 3");
    let away = server.dir().join("away");
    std::fs::create_dir(&away).unwrap();
    conn.must(&format!("CONFIG SET dir {}", away.display()));
    std::fs::remove_dir(&away).unwrap();
    for line in ["SHUTDOWN SAVE", "SHUTDOWN"] {
        assert_eq!(conn.words(line), error("ERR Errors trying to SHUTDOWN. Check logs."), "{line}");
        server.wait_for_log("Error trying to save the DB, can't exit.");
        conn.must("MSET a 4 b 5 c 6"); // it goes on, on all shards
    }
    conn.must(&format!("CONFIG SET dir {}", server.dir().display()));
    conn.send_raw(b"SHUTDOWN\r\n");
    assert_eq!(server.wait(LIMIT).code(), Some(0));
    assert!(server.log().contains("Saving the final RDB snapshot before exiting."), "{}", server.log());
    assert!(server.dir().join("dump.rdb").exists());
}

#[test]
fn crashes_on_demand_are_reported() {
    use std::os::unix::process::ExitStatusExt;
    for (line, signal, words) in [
        ("DEBUG SEGFAULT", 11, "crashed by signal: 11"),
        ("DEBUG PANIC", 6, "DEBUG PANIC called at Unix time"),
    ] {
        let mut server = open(2);
        server.connect().send_raw(format!("{line}\r\n").as_bytes());
        assert_eq!(server.wait(LIMIT).signal(), Some(signal), "{line}");
        let log = server.log();
        assert!(log.contains("BUG REPORT START") && log.contains(words), "{log}");
    }
}

/// The same words as redis-server's.
#[test]
fn refusals_are_those_of_redis() {
    let Some(redis) = Server::redis("refusals_are_those_of_redis") else { return };
    let server = Server::start(2);
    let (mut theirs, mut ours) = (redis.connect(), server.connect());
    for line in [
        "CONFIG GET",
        "CONFIG SET a",
        "CONFIG SET a b",
        "CONFIG SET port 1 maxmemory",
        "CONFIG SET port 70000",
        "CONFIG SET maxclients 1000000",
        "CONFIG SET bind 192.0.2.1",
        "CONFIG SET dir /nosuch",
        "CONFIG SET unixsocket /tmp/s",
        "CONFIG SET maxmemory 1 maxmemory 2",
        "CONFIG REWRITE",
        "CONFIG NOSUCH",
        "CONFIG RESETSTAT",
        "DEBUG",
        "DEBUG SLEEP 0",
        "ROLE",
        "ROLE x",
        "SHUTDOWN ABORT",
        "SHUTDOWN NOW ABORT",
        "SHUTDOWN SAVE NOSAVE",
        "SHUTDOWN x",
        "MONITOR x",
    ] {
        let (theirs, ours) = (theirs.words(line), ours.words(line));
        let numbers = |v: &Value| format!("{v:?}").replace(|c: char| c.is_ascii_digit(), "");
        if line.contains("maxclients") {
            assert_eq!(numbers(&ours), numbers(&theirs), "{line}"); // who connects first raises the limit
        } else {
            assert_eq!(ours, theirs, "{line}");
        }
    }
}
