//! What a server on an open port meets: bytes that are nearly commands, headers that promise gigabytes,
//! clients that leave in the middle or send a byte at a time, clients that never read, thousands
//! that come and go, thousands that only sit there. Throughout, clients that behave are served,
//! and what they are told is checked.

// A test says what went wrong by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::client::encode;
use common::{Cmd, Conn, Rng, Server, Value, cmd, env, peer};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const SHARDS: usize = 2;
const LIMIT: Duration = Duration::from_secs(60);

/// Serves as a well-behaved client until `stop`, checking every reply; returns how many it had.
fn good_client(server: &Server, id: usize, stop: &AtomicBool) -> u64 {
    let mut conn = server.connect();
    let mut served = 0;
    // Once at least, however short the attack.
    while served == 0 || !stop.load(Ordering::Relaxed) {
        let key = format!("good:{id}:{}", served % 500);
        let value = format!("value {served}");
        let counter = format!("count:{id}");
        let replies =
            conn.pipeline(&[cmd(&["SET", &key, &value]), cmd(&["GET", &key]), cmd(&["INCR", &counter])]);
        served += 1;
        assert_eq!(replies, [Value::ok(), Value::bulk(&value), Value::Int(served as i64)]);
    }
    served
}

/// Runs `attack` beside two good clients. The server must be the same process afterwards.
fn beside_good_clients(server: &Server, attack: impl FnOnce()) {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let good: Vec<_> = (0..2)
            .map(|id| {
                let stop = &stop;
                scope.spawn(move || good_client(server, id, stop))
            })
            .collect();
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(attack));
        stop.store(true, Ordering::Relaxed);
        for client in good {
            assert!(client.join().expect("a good client was served wrongly") > 0);
        }
        if let Err(panic) = result {
            std::panic::resume_unwind(panic);
        }
    });
    assert_eq!(server.info("process_id"), Some(server.pid().to_string()));
}

/// Commands to be mutated. None that stops the server, empties it or changes its configuration: the
/// good clients' keys must stay.
fn seeds() -> Vec<Cmd> {
    const LINES: &[&str] = &[
        "SET k1 v",
        "GET k1",
        "MSET k1 1 k2 2 k3 3",
        "MGET k1 k2 k3",
        "INCR n1",
        "APPEND k1 xyz",
        "SETRANGE k2 5 abc",
        "GETRANGE k2 0 -1",
        "SET k4 v EX 100 NX GET",
        "GETEX k4 PX 100000",
        "DEL k1 k2",
        "EXPIRE k3 100 GT",
        "TTL k3",
        "SCAN 0 MATCH k* COUNT 10 TYPE string",
        "OBJECT ENCODING k1",
        "RENAME k1 k2",
        "COPY k2 k3 REPLACE",
        "TYPE k2",
        "PING",
        "ECHO hello",
        "HELLO 3",
        "CLIENT SETNAME x",
        "CLIENT INFO",
        "COMMAND INFO get",
        "COMMAND GETKEYS mset a 1 b 2",
        "SELECT 1",
        "INCRBYFLOAT f1 1.5",
        "LPUSH l a b",
        "EVAL x 1 k",
        "CONFIG GET max*",
        "MEMORY USAGE k2",
        "CLIENT LIST",
        "INFO server",
    ];
    LINES.iter().map(|line| cmd(&line.split(' ').collect::<Vec<_>>())).collect()
}

/// One frame with up to four mutations.
fn mutated(rng: &mut Rng, seeds: &[Cmd]) -> Vec<u8> {
    let mut frame = Vec::new();
    let seed = rng.pick(seeds);
    if rng.one_in(5) {
        frame = [seed.join(&b' '), b"\r\n".to_vec()].concat();
    } else {
        encode(&mut frame, seed);
    }
    for _ in 0..rng.below(5) {
        mutate(rng, &mut frame);
    }
    frame
}

fn mutate(rng: &mut Rng, frame: &mut Vec<u8>) {
    const PIECES: &[&[u8]] = &[
        b"\r\n",
        b"*",
        b"$",
        b"-1",
        b"99999999999999999999",
        b"1048577",
        b"536870913",
        b"2147483648",
        b"\0",
        b"\"",
        b"'",
        b"\xff\xfe",
        b"*1\r\n$4\r\nPING\r\n",
        b"\n",
        b"\r",
        b"\\x",
        b"*3\r\n$3\r\nSET\r\n$1",
        b" ",
        b"0",
        b"+",
        b":1\r\n",
    ];
    let at = rng.below(frame.len() + 1);
    match rng.below(7) {
        0 if at < frame.len() => frame[at] ^= 1 << rng.below(8),
        1 if at < frame.len() => frame[at] = rng.next() as u8,
        2 => frame.truncate(at),
        3 if at < frame.len() => drop(frame.remove(at)),
        4 => {
            let end = (at + rng.below(20)).min(frame.len());
            let part = frame[at..end].to_vec();
            frame.splice(at..at, part);
        }
        5 => {
            let len = rng.below(30);
            let noise = rng.bytes(len);
            frame.splice(at..at, noise);
        }
        _ => drop(frame.splice(at..at, rng.pick(PIECES).iter().copied()).count()),
    }
}

/// Some frames over one socket, written whole or in pieces; takes what comes back for a moment or
/// leaves without reading. Returns how many frames it sent.
fn attack_once(port: u16, rng: &mut Rng, seeds: &[Cmd]) -> u64 {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the server accepts");
    stream.set_write_timeout(Some(LIMIT)).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    let frames = 1 + rng.below(40) as u64;
    let mut input = [0; 4096];
    for _ in 0..frames {
        let frame = mutated(rng, seeds);
        let piece = if rng.one_in(8) { 1 + rng.below(9) } else { frame.len().max(1) };
        // The server closes what breaks the protocol: the rest of the frames meet a closed socket.
        if frame.chunks(piece).any(|part| stream.write_all(part).is_err()) {
            break;
        }
        if rng.one_in(3) {
            let read = stream.read(&mut input);
            if matches!(read, Ok(0)) {
                break;
            }
        }
    }
    frames
}

#[test]
fn mutated_frames_harm_nobody_else() {
    const ATTACKERS: u64 = 4;
    let server = Server::start(SHARDS);
    let (wanted, seeds) = (env::number(env::FRAMES, 20_000), seeds());
    let sent = AtomicU64::new(0);
    beside_good_clients(&server, || {
        std::thread::scope(|scope| {
            for id in 0..ATTACKERS {
                let (server, seeds, sent) = (&server, &seeds, &sent);
                scope.spawn(move || {
                    let mut rng = Rng::new(env::seed().wrapping_add(id));
                    while sent.load(Ordering::Relaxed) < wanted {
                        sent.fetch_add(attack_once(server.port, &mut rng, seeds), Ordering::Relaxed);
                    }
                });
            }
        });
    });
    assert!(sent.into_inner() >= wanted);
    server.wait_for_clients(1);
}

/// The whole answer to raw bytes, until the server closes.
fn answer(server: &Server, bytes: &[u8]) -> String {
    let mut conn = Conn::connect(server.port);
    conn.send_raw(bytes);
    String::from_utf8_lossy(&conn.read_to_end().expect("the server answers and closes")).into_owned()
}

#[test]
fn headers_beyond_the_limits_are_refused_with_redis_words() {
    const MULTIBULK: &str = "-ERR Protocol error: invalid multibulk length\r\n";
    const BULK: &str = "-ERR Protocol error: invalid bulk length\r\n";
    let server = Server::start(SHARDS);
    beside_good_clients(&server, || {
        for (frame, expected) in [
            (&b"*2147483648\r\n"[..], MULTIBULK),
            (b"*99999999999999999999\r\n", MULTIBULK),
            (b"*abc\r\n", MULTIBULK),
            (b"*1\r\n$536870913\r\n", BULK),
            (b"*1\r\n$-1\r\n", BULK),
            (b"*1\r\n$99999999999999999999\r\n", BULK),
            (b"*1\r\n$4x\r\nPING\r\n", BULK),
            (b"*1\r\nPING\r\n", "-ERR Protocol error: expected '$', got 'P'\r\n"),
            (b"GET \"a\r\n", "-ERR Protocol error: unbalanced quotes in request\r\n"),
        ] {
            assert_eq!(answer(&server, frame), expected, "{}", frame.escape_ascii());
        }
    });
}

#[test]
fn endless_lines_are_refused_with_redis_words() {
    let server = Server::start(SHARDS);
    for (start, expected) in [
        (&b""[..], "-ERR Protocol error: too big inline request\r\n"),
        (b"*", "-ERR Protocol error: too big mbulk count string\r\n"),
        (b"*1\r\n$", "-ERR Protocol error: too big bulk count string\r\n"),
    ] {
        // Just beyond 64 KiB, so that the server has read everything when it closes.
        let bytes = [start, &[b'1'; 64 * 1024 + 100][..]].concat();
        assert_eq!(answer(&server, &bytes), expected);
    }
}

#[test]
fn before_authentication_the_limits_are_small() {
    let server = Server::builder(SHARDS).password("secret").start();
    let multibulk = "-ERR Protocol error: unauthenticated multibulk length\r\n";
    assert_eq!(answer(&server, b"*11\r\n"), multibulk);
    let bulk = "-ERR Protocol error: unauthenticated bulk length\r\n";
    assert_eq!(answer(&server, b"*2\r\n$3\r\nGET\r\n$16385\r\n"), bulk);
    let mut conn = server.connect();
    let value = "v".repeat(100_000);
    assert_eq!(conn.call(&["SET", "big", &value]), Value::ok(), "authenticated, there is no such limit");
}

#[test]
fn clients_that_leave_in_the_middle_are_forgotten() {
    let server = Server::start(SHARDS);
    let frame = b"*3\r\n$3\r\nSET\r\n$4\r\nhalf\r\n$10\r\n0123456789\r\n";
    beside_good_clients(&server, || {
        for round in 0..10 {
            for end in 0..frame.len() {
                let mut conn = Conn::connect(server.port);
                conn.send_raw(&frame[..end]);
                if round % 2 == 0 {
                    conn.finish_sending();
                }
            }
        }
    });
    server.wait_for_clients(1);
    assert_eq!(server.connect().words("EXISTS half"), Value::Int(0), "half a command did something");
}

#[test]
fn one_byte_at_a_time_is_served() {
    let server = Server::start(SHARDS);
    let mut frame = Vec::new();
    encode(&mut frame, &["SET", "slow", "loris"]);
    frame.extend_from_slice(b"GET slow\r\n");
    encode(&mut frame, &["STRLEN", "slow"]);
    let mut slow: Vec<_> = (0..20).map(|_| server.connect()).collect();
    beside_good_clients(&server, || {
        for byte in &frame {
            slow.iter_mut().for_each(|conn| conn.send_raw(&[*byte]));
            // Time for the server to see each byte alone; nothing depends on whether it does.
            std::thread::sleep(Duration::from_millis(2));
        }
        for conn in &mut slow {
            assert_eq!(
                [conn.read(), conn.read(), conn.read()],
                [Value::ok(), Value::bulk("loris"), Value::Int(5)]
            );
        }
    });
}

/// Asks for 100 MB and reads nothing: others are served, and its memory is given back when it leaves.
#[test]
fn a_client_that_never_reads_stops_nobody() {
    const REQUESTS: usize = 100_000;
    let server = Server::start(SHARDS);
    server.connect().call(&["SET", "kilobyte", &"x".repeat(1024)]);
    beside_good_clients(&server, || {
        let mut stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
        // A server may stop reading from who does not read; then the write ends here.
        stream.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
        let requests = b"GET kilobyte\r\n".repeat(REQUESTS);
        drop(stream.write_all(&requests));
        let mut conn = server.connect();
        for n in 0..1000 {
            assert_eq!(conn.call(&["ECHO", &n.to_string()]), Value::bulk(n.to_string()));
        }
    });
    server.wait_for_clients(1);
}

fn open_files(server: &Server) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", server.pid())).expect("the server runs").count()
}

/// 1,000 connects and disconnects a second for three seconds, some without a word, some in the
/// middle of one, leave the server with the descriptors it had.
#[test]
fn connections_that_come_and_go_leave_nothing() {
    let server = Server::start(SHARDS);
    server.connect().must("PING");
    server.wait_for_clients(1);
    let before = open_files(&server);
    let start = Instant::now();
    for n in 0..3000_u32 {
        let due = start + n * Duration::from_millis(1);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let mut conn = Conn::connect(server.port);
        match n % 4 {
            0 => drop(conn),
            1 => conn.send_raw(b"*1\r\n$4\r\nPI"),
            _ => assert_eq!(conn.words("PING"), Value::Simple(b"PONG".to_vec())),
        }
    }
    server.wait_for_clients(1);
    peer::wait_until("descriptors are closed", LIMIT, || open_files(&server) <= before + 8);
}

/// User and system time of the server, in clock ticks (100 a second).
fn cpu_ticks(server: &Server) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.pid())).expect("the server runs");
    // The fields after the name in parentheses; utime and stime are the 14th and 15th of the line.
    let fields: Vec<_> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[test]
fn idle_connections_are_kept_and_cost_little() {
    let wanted = env::number(env::CONNECTIONS, 1000);
    raise_file_limit(wanted + 200);
    let max = (wanted + 100).to_string();
    let server = Server::builder(SHARDS).args(&["--maxclients", &max]).start();
    let mut conns: Vec<_> = (0..wanted).map(|_| server.connect()).collect();
    for conn in &mut conns {
        conn.must("PING");
    }
    assert_eq!(server.info("connected_clients"), Some((wanted + 1).to_string()));
    let (before, time) = (cpu_ticks(&server), Duration::from_secs(2));
    std::thread::sleep(time);
    let percent = (cpu_ticks(&server) - before) as f64 / time.as_secs_f64();
    // For information: a shared machine's clock decides no test.
    drop(writeln!(std::io::stderr(), "{wanted} idle connections: {percent:.1} % of one CPU"));
    for (n, conn) in conns.iter_mut().enumerate() {
        assert_eq!(conn.call(&["ECHO", &n.to_string()]), Value::bulk(n.to_string()));
    }
    drop(conns);
    server.wait_for_clients(1);
}

/// Lets this process, and the servers it starts, open so many files.
fn raise_file_limit(files: u64) {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|now| now < files) {
        assert!(limit.maximum.is_none_or(|max| max >= files), "ulimit -Hn is below {files}");
        limit.current = Some(files);
        setrlimit(Resource::Nofile, limit).expect("the soft limit can be raised to the hard one");
    }
}
