//! SAVE, BGSAVE and their like over real sockets: what is in the file, when it is written, and what happens when it cannot be.

// A test says what went wrong by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{Conn, Server, Value, env, peer};
use persist::rdb::Error;
use persist::rdb::file::{Feed, FileVisitor, Record, Rules, Unread, Verified, read};
use shard::settings::Settings;
use shard::value::rdb::Loader;
use shard::{Detached, DetachedValue};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(60);
const ACCOUNTS: usize = 24;
const BALANCE: i64 = 1000;
/// Snapshots in a row of the test in the gate; `PERCORE_SNAPSHOTS` asks for more.
const SNAPSHOTS: u64 = 12;

/// Every type and every encoding, in some databases.
fn fill(conn: &mut Conn) {
    for line in [
        "SET s v",
        "SET i 12345",
        "SET t v PX 100000000",
        "APPEND r x",
        "SETBIT b 77 1",
        "PFADD p a b c",
        "RPUSH l 1 a 3",
        "SADD e 1 2 3",
        "SADD f a b c",
        "HSET h f v g 2",
        "ZADD z 1 a 2.5 b -inf c",
        "XADD x 1-1 f v",
        "XADD x 2-1 f v g w",
        "XGROUP CREATE x g 0",
        "XREADGROUP GROUP g c COUNT 1 STREAMS x >",
        "SELECT 3",
        "SET s other",
        "SELECT 15",
        "HSET h f v",
        "HEXPIRE h 100000 FIELDS 1 f",
        "SELECT 0",
        "GEOADD geo 13.361389 38.115556 Palermo",
    ] {
        conn.must(line);
    }
    for i in 0..600 {
        conn.must(&format!("RPUSH ll element:{i}:{}", "x".repeat(i % 60)));
        conn.must(&format!("SADD ee member{i}"));
        conn.must(&format!("SADD ii {i}"));
        conn.must(&format!("HSET hh field{i} {i}"));
        conn.must(&format!("ZADD zz {i} member{i}"));
        conn.must(&format!("XADD xx {i}-1 field {i}"));
        conn.must(&format!("SET key:{i} {}", "v".repeat(i % 300)));
    }
}

fn debuggable(shards: usize, args: &[&str]) -> Server {
    Server::builder(shards).args(&["--enable-debug-command", "yes"]).args(args).start()
}

fn digest(conn: &mut Conn) -> Value {
    conn.must("DEBUG DIGEST")
}

fn info(server: &Server, field: &str) -> String {
    server.info(field).unwrap_or_default()
}

fn wait_for_save(server: &Server) {
    peer::wait_until("the snapshot", LIMIT, || info(server, "rdb_bgsave_in_progress") == "0");
}

/// What a directory holds besides the log.
fn files(dir: &Path) -> Vec<String> {
    let names =
        std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned());
    let mut names: Vec<_> = names.filter(|name| name != "output.log").collect();
    names.sort();
    names
}

#[test]
fn a_file_comes_up_on_any_number_of_shards() {
    if peer::only_percore("a_file_comes_up_on_any_number_of_shards") {
        return;
    }
    for shards in [1, 3] {
        let server = debuggable(shards, &[]);
        let mut conn = server.connect();
        fill(&mut conn);
        let was = digest(&mut conn);
        assert_eq!(conn.must("SAVE"), Value::Simple(b"OK".to_vec()));
        assert_eq!(files(server.dir()), ["dump.rdb"], "nothing else is left");
        assert_eq!(info(&server, "rdb_changes_since_last_save"), "0");
        let file = server.dir().join("dump.rdb");
        for other in [1, 2, 5] {
            let again = debuggable(other, &["--dir", &server.dir().display().to_string()]);
            let mut conn = again.connect();
            assert_eq!(digest(&mut conn), was, "{shards} shards to {other}");
            assert_eq!(conn.must("DEBUG RELOAD"), Value::Simple(b"OK".to_vec()));
            assert_eq!(digest(&mut conn), was, "reloaded on {other} shards");
        }
        assert!(file.exists());
    }
}

#[test]
fn redis_reads_what_is_written_for_it() {
    let test = "redis_reads_what_is_written_for_it";
    if peer::only_percore(test) {
        return;
    }
    let Some(check) = peer::tool(test, "redis-check-rdb") else { return };
    let server = debuggable(3, &["--rdb-version", "10"]);
    let mut conn = server.connect();
    fill(&mut conn);
    conn.must("SAVE");
    let file = server.dir().join("dump.rdb");
    let output = Command::new(check).arg(&file).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains("RDB looks OK"), "{said}");
    let Some(redis) = Server::redis_with(test, &["--dir", &server.dir().display().to_string()]) else {
        return;
    };
    let mut theirs = redis.connect();
    for line in [
        "DBSIZE",
        "GET i",
        "LRANGE ll 0 -1",
        "ZRANGE zz 0 -1 WITHSCORES",
        "XRANGE xx - +",
        "XPENDING x g",
        "PEXPIRETIME t",
        "PFCOUNT p",
        "SCARD ee",
        "HLEN hh",
        "GETBIT b 77",
        "GEOHASH geo Palermo",
        "OBJECT ENCODING ii",
        "OBJECT ENCODING z",
        "OBJECT ENCODING zz",
        "OBJECT ENCODING h",
    ] {
        assert_eq!(conn.must(line), theirs.must(line), "{line}");
    }
}

/// Adds up all strings of a file.
struct Sum {
    total: i64,
    keys: u64,
    settings: Settings,
}

impl FileVisitor for Sum {
    fn key(&mut self, record: &Record<'_>, value: Unread<'_, '_>) -> Result<(), Error> {
        let loaded: Detached = Loader { settings: &self.settings, seed: 1 }.record(record, value, 0)?;
        self.keys += 1;
        if let DetachedValue::Int(n) = loaded.value {
            self.total += n;
        }
        Ok(())
    }
}

fn sum(file: &Path) -> (u64, i64) {
    let bytes = std::fs::read(file).unwrap();
    let mut sum = Sum { total: 0, keys: 0, settings: Settings::default() };
    let summary = read(&mut Feed::new(&mut &bytes[..], 0..bytes.len() as u64), Rules::default(), &mut sum);
    assert_eq!(summary.expect("a whole file").verified, Verified::Right);
    (sum.keys, sum.total)
}

/// Transfers money between accounts on all shards, until it is told to stop.
fn transfer(server: &Server, seed: u64, stop: &AtomicBool) {
    let (mut conn, mut n) = (server.connect(), seed);
    while !stop.load(Ordering::Relaxed) {
        n = n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (from, to) = ((n >> 33) as usize % ACCOUNTS, (n >> 43) as usize % ACCOUNTS);
        let amount = (n >> 53) % 10;
        for line in [
            "MULTI".to_string(),
            format!("DECRBY account:{from} {amount}"),
            format!("INCRBY account:{to} {amount}"),
            "EXEC".to_string(),
        ] {
            conn.must(&line);
        }
    }
}

/// Snapshots under transfers; how many of them do not add up.
fn wrong_sums(server: &Server, snapshots: u64, copies: Option<&Path>) -> usize {
    let mut conn = server.connect();
    for account in 0..ACCOUNTS {
        conn.must(&format!("SET account:{account} {BALANCE}"));
    }
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for seed in 1..=4 {
            let stop = &stop;
            scope.spawn(move || transfer(server, seed, stop));
        }
        let mut wrong = 0;
        for at in 0..snapshots {
            conn.must("BGSAVE");
            wait_for_save(server);
            assert_eq!(info(server, "rdb_last_bgsave_status"), "ok");
            let file = server.dir().join("dump.rdb");
            let (keys, total) = sum(&file);
            wrong += usize::from((keys, total) != (ACCOUNTS as u64, ACCOUNTS as i64 * BALANCE));
            if let Some(to) = copies {
                std::fs::copy(&file, to.join(format!("{at}.rdb"))).unwrap();
            }
        }
        stop.store(true, Ordering::Relaxed);
        wrong
    })
}

#[test]
fn snapshots_under_transfers_add_up() {
    if peer::only_percore("snapshots_under_transfers_add_up") {
        return;
    }
    let wanted = env::number(env::SNAPSHOTS, SNAPSHOTS);
    for shards in [1, 3] {
        assert_eq!(wrong_sums(&debuggable(shards, &[]), wanted, None), 0, "{shards} shards");
    }
}

/// The check can fail: without one cut over all shards it does.
#[test]
fn without_the_cut_they_do_not() {
    if peer::only_percore("without_the_cut_they_do_not") {
        return;
    }
    let server = debuggable(3, &[]);
    server.connect().must("DEBUG SNAPSHOT-CUT 0");
    let began = Instant::now();
    while wrong_sums(&server, 5, None) == 0 {
        assert!(began.elapsed() < LIMIT, "every snapshot adds up, with the cut switched off");
    }
}

/// All pairs of a save point, a fault of the disk, and its end.
#[test]
fn a_save_that_fails_refuses_writes_until_one_succeeds() {
    if peer::only_percore("a_save_that_fails_refuses_writes_until_one_succeeds") {
        return;
    }
    for shards in [1, 2] {
        let server = debuggable(shards, &["--save", "3600 100000", "--enable-protected-configs", "yes"]);
        let mut conn = server.connect();
        conn.must("SET k v");
        conn.must("SAVE");
        let whole = std::fs::read(server.dir().join("dump.rdb")).unwrap();
        let away = server.dir().join("away");
        std::fs::create_dir(&away).unwrap();
        conn.must(&format!("CONFIG SET dir {}", away.display()));
        std::fs::remove_dir(&away).unwrap();
        conn.must("BGSAVE");
        peer::wait_until("the failure", LIMIT, || info(&server, "rdb_last_bgsave_status") == "err");
        let refused = conn.words("SET k w");
        assert!(
            refused.text().starts_with("MISCONF Redis is configured to save RDB snapshots"),
            "{refused:?}"
        );
        assert_eq!(conn.words("GET k").bytes(), Some(&b"v"[..]), "reads go on");
        assert!(conn.words("SAVE").is_error());
        conn.must("CONFIG SET stop-writes-on-bgsave-error no");
        conn.must("SET k w");
        conn.must("CONFIG SET stop-writes-on-bgsave-error yes");
        assert!(conn.words("SET k x").is_error());
        conn.must(&format!("CONFIG SET dir {}", server.dir().display()));
        assert_eq!(std::fs::read(server.dir().join("dump.rdb")).unwrap(), whole, "the last one is as it was");
        conn.must("BGSAVE");
        peer::wait_until("success", LIMIT, || info(&server, "rdb_last_bgsave_status") == "ok");
        conn.must("SET k x");
        assert_eq!(files(server.dir()), ["dump.rdb"]);
    }
}

#[test]
fn save_points_save_and_a_stop_does() {
    if peer::only_percore("save_points_save_and_a_stop_does") {
        return;
    }
    for shards in [1, 2] {
        let mut server = debuggable(shards, &["--save", "1 2"]);
        let mut conn = server.connect();
        conn.must("SET a 1");
        conn.must("SET b 2");
        peer::wait_until("a save point", LIMIT, || server.dir().join("dump.rdb").exists());
        wait_for_save(&server);
        assert!(server.log().contains("2 changes in 1 seconds. Saving..."), "{}", server.log());
        conn.must("SET c 3");
        server.signal(rustix::process::Signal::TERM);
        let limit = Instant::now() + LIMIT;
        let status = loop {
            match server.try_wait() {
                Some(status) => break status,
                None => assert!(Instant::now() < limit, "it does not stop\n{}", server.log()),
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        assert!(status.success(), "{status}\n{}", server.log());
        assert_eq!(sum(&server.dir().join("dump.rdb")), (3, 6));
        assert_eq!(files(server.dir()), ["dump.rdb"]);
    }
}

#[test]
fn what_is_asked_for_at_the_wrong_time_or_in_the_wrong_way() {
    let server = debuggable(2, &[]);
    let mut conn = server.connect();
    assert_eq!(conn.words("BGSAVE now"), Value::Error(b"ERR syntax error".to_vec()));
    let before = conn.must("LASTSAVE");
    assert!(matches!(before, Value::Int(n) if n > 0));
    conn.must("DEBUG POPULATE 200000");
    // Two at once: one of them is told so, or has come after the end of the first.
    let mut other = server.connect();
    conn.must("BGSAVE");
    let second = other.words("BGSAVE");
    let is_busy = second == Value::Error(b"ERR Background save already in progress".to_vec());
    assert!(is_busy || second == Value::Simple(b"Background saving started".to_vec()), "{second:?}");
    wait_for_save(&server);
    assert_eq!(conn.must("SAVE"), Value::Simple(b"OK".to_vec()));
    assert!(PathBuf::from(server.dir()).join("dump.rdb").exists());
}
