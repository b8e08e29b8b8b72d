//! How long clients wait while others keep the server busy with transactions over all its shards.
//!
//! Four phases of equal length:
//!
//! | phase | what runs beside the probes |
//! |---|---|
//! | idle | nothing |
//! | hot key | 50 connections, all with transactions on one key and on others of other shards: half of them in one hop (MULTI, INCR …, EXEC), half as sessions (the same under WATCH) |
//! | large | 4 connections, each with MSET or MULTI of 1,000 keys over all shards, one after the other |
//! | both | both |
//!
//! Probes are lone commands, a millisecond apart, each kind on a connection of its own: on the hot key, on keys that only probes use,
//! and on keys that the large transactions write. What is measured is a client's wait from its write to its reply. A
//! transaction's is measured, too; an upper bound, since one thread waits for many.
//!
//! Besides, without a clock: how many transactions on the hot key were served between a client's asking and its being
//! served. Each counts the key up, so its reply tells how many there have been; the difference to the highest number that any
//! client had seen when it asked is what went before it. With 50 that ask at once and nobody passed over, that is
//! some 50, up to 100 with those that were served and not seen. One of a core that the machine does not run waits longer.
//!
//! On a machine whose cores the clients share with the server, a good part of all waits is the machine's own: compare with
//! the first line, and with a server of one shard.

use crate::common::client::{Conn, encode};
use crate::common::resp::Value;
use hdrhistogram::Histogram;
use std::fmt::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const HOT: &str = "hot";
const HOT_CONNECTIONS: usize = 50;
/// Threads that drive these: with one each, it would be the scheduler that is measured.
const HOT_THREADS: usize = 2;
const LARGE_CONNECTIONS: usize = 4;
const LARGE_KEYS: usize = 1000;
const PROBE_EVERY: Duration = Duration::from_millis(1);
/// Longest wait that a histogram can hold, microseconds.
const LONGEST_US: u64 = 60_000_000;

/// Waits in microseconds.
type Waits = Mutex<Histogram<u64>>;

fn waits() -> Waits {
    Mutex::new(Histogram::new_with_max(LONGEST_US, 3).expect("bounds that make sense"))
}

fn note(waits: &Waits, since: Instant) {
    waits.lock().expect("nobody panics with the lock").saturating_record(since.elapsed().as_micros() as u64);
}

/// What is measured in one phase.
struct Measured {
    hot: Waits,
    other: Waits,
    written: Waits,
    small: Waits,
    large: Waits,
    /// Served before a transaction on the hot key, and before a probe of it.
    before_small: Waits,
    before_probe: Waits,
    /// The highest number of the hot key that a client has seen.
    seen: AtomicU64,
    over: AtomicBool,
}

impl Measured {
    /// A reply holds the hot key's number, which was `seen` when it was asked for.
    fn served(&self, counts: &Waits, seen: u64, reply: &Value) {
        if let Some(now) = reply.int().and_then(|n| u64::try_from(n).ok()) {
            self.seen.fetch_max(now, Ordering::Relaxed);
            counts.lock().expect("nobody panics with the lock").saturating_record(now.saturating_sub(seen));
        }
    }
}

impl Measured {
    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }
}

fn request(line: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(&mut bytes, &line.split_whitespace().collect::<Vec<_>>());
    bytes
}

/// Sends lone commands a millisecond apart.
fn probe(port: u16, measured: &Measured, waits: &Waits, command: impl Fn(usize) -> String) {
    let mut conn = Conn::connect(port);
    for n in 0.. {
        if measured.is_over() {
            return;
        }
        let bytes = request(&command(n));
        let (since, seen) = (Instant::now(), measured.seen.load(Ordering::Relaxed));
        conn.send_raw(&bytes);
        let reply = conn.read();
        assert!(!reply.is_error(), "a probe is refused");
        note(waits, since);
        if std::ptr::eq(waits, &measured.hot) {
            measured.served(&measured.before_probe, seen, &reply);
        }
        std::thread::sleep(PROBE_EVERY);
    }
}

/// Transactions on the hot key, of several connections at once.
fn hammer(port: u16, measured: &Measured, thread: usize) {
    let mut conns: Vec<Conn> = (0..HOT_CONNECTIONS / HOT_THREADS).map(|_| Conn::connect(port)).collect();
    let one_hop = |n: usize| {
        let others = format!("INCR with:{}", n % 16);
        ["MULTI", &format!("INCR {HOT}"), &others, "EXEC"].map(request).concat()
    };
    let session = |n: usize| {
        let watch = format!("WATCH {HOT} with:{}", n % 16);
        [request(&watch), one_hop(n)].concat()
    };
    for round in 0.. {
        if measured.is_over() {
            return;
        }
        let mut since = Vec::with_capacity(conns.len());
        for (n, conn) in conns.iter_mut().enumerate() {
            let n = n + round * 7 + thread;
            let bytes = if n.is_multiple_of(2) { one_hop(n) } else { session(n) };
            let replies = if n.is_multiple_of(2) { 4 } else { 5 };
            since.push((Instant::now(), measured.seen.load(Ordering::Relaxed), replies));
            conn.send_raw(&bytes);
        }
        for (conn, (since, seen, replies)) in conns.iter_mut().zip(since) {
            let mut reply = Value::Null;
            for _ in 0..replies {
                reply = conn.read();
                assert!(!reply.is_error(), "a transaction is refused");
            }
            note(&measured.small, since);
            // Nothing, where what was watched had changed.
            if let Some(number) = reply.items().first() {
                measured.served(&measured.before_small, seen, number);
            }
        }
    }
}

/// Transactions of many keys, one after the other.
fn write_much(port: u16, measured: &Measured, n: usize) {
    let mut conn = Conn::connect(port);
    let pairs: String = (0..LARGE_KEYS).map(|k| format!(" large:{k} {n}")).collect();
    let mset = request(&format!("MSET{pairs}"));
    let sets: Vec<u8> = (0..LARGE_KEYS).flat_map(|k| request(&format!("SET large:{k} {n}"))).collect();
    let multi = [request("MULTI"), sets, request("EXEC")].concat();
    for turn in 0.. {
        if measured.is_over() {
            return;
        }
        let (bytes, replies) = if turn % 2 == 0 { (&mset, 1) } else { (&multi, LARGE_KEYS + 2) };
        let since = Instant::now();
        conn.send_raw(bytes);
        for _ in 0..replies {
            assert!(!conn.read().is_error(), "a transaction is refused");
        }
        note(&measured.large, since);
    }
}

/// The hot key's number.
fn count(port: u16) -> u64 {
    Conn::connect(port).call(&["GET", HOT]).int().and_then(|n| u64::try_from(n).ok()).unwrap_or(0)
}

fn phase(port: u16, time: Duration, hot: bool, large: bool) -> Measured {
    let measured = Measured {
        hot: waits(),
        other: waits(),
        written: waits(),
        small: waits(),
        large: waits(),
        before_small: waits(),
        before_probe: waits(),
        seen: AtomicU64::new(0),
        over: AtomicBool::new(false),
    };
    measured.seen.store(count(port), Ordering::Relaxed);
    std::thread::scope(|s| {
        let m = &measured;
        s.spawn(move || probe(port, m, &m.hot, |_| format!("GET {HOT}")));
        s.spawn(move || probe(port, m, &m.other, |n| format!("SET probe:{} x", n % 1000)));
        s.spawn(move || probe(port, m, &m.written, |n| format!("GET large:{}", n % LARGE_KEYS)));
        if hot {
            (0..HOT_THREADS).for_each(|n| drop(s.spawn(move || hammer(port, m, n))));
        }
        if large {
            (0..LARGE_CONNECTIONS).for_each(|n| drop(s.spawn(move || write_much(port, m, n))));
        }
        std::thread::sleep(time);
        m.over.store(true, Ordering::Relaxed);
    });
    measured
}

fn figures(waits: &Waits) -> String {
    let waits = waits.lock().expect("nobody panics with the lock");
    if waits.is_empty() {
        return format!("{:>8} {:>7} {:>7} {:>7}", "-", "-", "-", "-");
    }
    let ms = |us: u64| us as f64 / 1000.0;
    let (p50, p99) = (waits.value_at_quantile(0.5), waits.value_at_quantile(0.99));
    format!("{:>8} {:>7.2} {:>7.2} {:>7.1}", waits.len(), ms(p50), ms(p99), ms(waits.max()))
}

fn places(counts: &Waits) -> String {
    let counts = counts.lock().expect("nobody panics with the lock");
    let at = |q| counts.value_at_quantile(q);
    format!("{:>22} {:>5} {:>7}", at(0.5), at(0.99), counts.max())
}

/// Runs the four phases in the time given; the table.
pub fn measure(port: u16, time: Duration) -> String {
    let mut table = String::from("milliseconds:");
    for name in
        ["GET hot key", "SET other keys", "GET written keys", "small transactions", "large transactions"]
    {
        let _ = write!(table, " | {name:<32}"); // a string takes all that is written
    }
    table += "\n            ";
    (0..5).for_each(|_| table += " |        n     p50     p99   worst");
    let mut between = String::from(
        "\nserved before | a transaction:   p50   p99   worst | GET hot key:     p50   p99   worst",
    );
    let phases =
        [("idle", false, false), ("hot key", true, false), ("large", false, true), ("both", true, true)];
    for (name, hot, large) in phases {
        let m = phase(port, time / phases.len() as u32, hot, large);
        let of = [&m.hot, &m.other, &m.written, &m.small, &m.large].map(figures);
        let _ = write!(table, "\n{name:<12} | {}", of.join(" | "));
        if hot {
            let _ =
                write!(between, "\n{name:<12} | {} | {}", places(&m.before_small), places(&m.before_probe));
        }
    }
    table + &between
}
