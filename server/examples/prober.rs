//! How long does a client wait while the server is busy with others' keys? A prober sends PING and
//! GET in turn, 1,000 a second in all, each on a connection of its own, while a loader inserts millions of keys, UNLINKs
//! them, lets as many expire at one instant, and empties a full server with FLUSHALL ASYNC. For each
//! phase it prints the latencies in microseconds, and how late the prober itself was woken: on
//! a shared machine that figure tells how much of the worst case is the machine's.
//!
//!     cargo run --release -p percore-server --example prober -- --port 6379 --keys 5000000
//!
//! It empties the server that it measures. Nothing is judged here: the reader does that.

// A tool for one measurement: a server that goes away ends it with the error's text.
#![allow(clippy::expect_used)]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const USAGE: &str = "prober [--port 6379] [--keys 5000000] [--value-bytes 16] [--hz 1000]";
/// Commands in one write of the loader.
const BATCH: u64 = 200;
/// Longest wait for keys to expire or to be freed.
const PATIENCE: Duration = Duration::from_secs(600);

struct Options {
    port: u16,
    keys: u64,
    value_bytes: usize,
    hz: u32,
}

impl Options {
    fn from_args() -> Result<Self, String> {
        let mut options = Self { port: 6379, keys: 5_000_000, value_bytes: 16, hz: 1000 };
        let mut args = std::env::args().skip(1);
        while let Some(name) = args.next() {
            let text = args.next().ok_or("an option without its value")?;
            let number: u64 = text.parse().map_err(|_| format!("{name} {text} is not a number"))?;
            match name.as_str() {
                "--port" => options.port = u16::try_from(number).map_err(|_| "no such port")?,
                "--keys" => options.keys = number,
                "--value-bytes" => options.value_bytes = number as usize,
                "--hz" => options.hz = u32::try_from(number).map_err(|_| "--hz is too large")?.max(1),
                _ => return Err(format!("unknown option {name}")),
            }
        }
        Ok(options)
    }
}

/// A connection that knows just the replies that are asked for here.
struct Conn(TcpStream);

impl Conn {
    fn open(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("a server listens on the port");
        stream.set_nodelay(true).expect("TCP_NODELAY");
        Self(stream)
    }

    fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).expect("the server reads");
    }

    /// Reads until `lines` line breaks have come; what came.
    fn lines(&mut self, lines: u64) -> Vec<u8> {
        let (mut all, mut seen, mut buffer) = (Vec::new(), 0, [0; 16 * 1024]);
        while seen < lines {
            let n = self.0.read(&mut buffer).expect("the server answers");
            assert!(n > 0, "the server closed the connection");
            seen += buffer[..n].iter().filter(|b| **b == b'\n').count() as u64;
            all.extend_from_slice(&buffer[..n]);
        }
        all
    }

    fn integer(&mut self, inline: &str) -> u64 {
        self.send(format!("{inline}\r\n").as_bytes());
        let line = self.lines(1);
        String::from_utf8_lossy(&line).trim_start_matches(':').trim().parse().unwrap_or(0)
    }

    /// A bulk string or nil: one line, or two.
    fn get(&mut self, key: u64) {
        self.send(format!("GET key:{key}\r\n").as_bytes());
        let first = self.lines(1);
        let breaks = first.iter().filter(|b| **b == b'\n').count();
        if !first.starts_with(b"$-1") && breaks < 2 {
            self.lines(1);
        }
    }
}

/// Microseconds that were measured in one phase.
#[derive(Default)]
struct Samples {
    ping: Vec<u32>,
    get: Vec<u32>,
    /// How late the prober was woken.
    late: Vec<u32>,
}

/// Probes at a fixed rate until `stop`. Each latency is from the write to the reply; a wake that came
/// late is counted by itself, and ticks that passed meanwhile are not made up for.
fn probe(options: &Options, samples: &Mutex<Samples>, stop: &AtomicBool) {
    let mut conns = [Conn::open(options.port), Conn::open(options.port)];
    let step = Duration::from_secs(1) / options.hz;
    let mut due = Instant::now();
    for n in 0_u64.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let start = Instant::now();
        let late = start.saturating_duration_since(due);
        if n % 2 == 0 {
            conns[0].send(b"PING\r\n");
            conns[0].lines(1);
        } else {
            // A stride coprime to any key count asked for in practice: all shards in turn.
            conns[1].get(n.wrapping_mul(7_919) % options.keys.max(1));
        }
        let took = start.elapsed().as_micros() as u32;
        let mut all = samples.lock().expect("nobody panics with the lock");
        if n % 2 == 0 {
            all.ping.push(took)
        } else {
            all.get.push(took)
        }
        all.late.push(late.as_micros() as u32);
        drop(all);
        due = (due + step).max(Instant::now());
    }
}

fn figures(mut samples: Vec<u32>) -> String {
    samples.sort_unstable();
    let at =
        |q: f64| samples.get((samples.len() as f64 * q) as usize).or(samples.last()).copied().unwrap_or(0);
    format!("{:>6} {:>6} {:>6} {:>7}", at(0.5), at(0.99), at(0.999), samples.last().copied().unwrap_or(0))
}

/// Sends `commands(i)` for all keys in batches, reading one line for each.
fn load(conn: &mut Conn, keys: u64, command: impl Fn(u64) -> String) {
    for first in (0..keys).step_by(BATCH as usize) {
        let last = (first + BATCH).min(keys);
        let batch: String = (first..last).map(&command).collect();
        conn.send(batch.as_bytes());
        let replies = conn.lines(last - first);
        assert!(!replies.contains(&b'-'), "the loader met an error: {}", String::from_utf8_lossy(&replies));
    }
}

fn wait_until_empty(conn: &mut Conn) {
    let start = Instant::now();
    while conn.integer("DBSIZE") > 0 && start.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Ends the prober with the loader, also when that panics: a scope waits for its threads.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn unix_ms() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis())
}

fn run(options: &Options) {
    let samples = Mutex::new(Samples::default());
    let stop = AtomicBool::new(false);
    let value = "x".repeat(options.value_bytes);
    let set = |i: u64| format!("SET key:{i} {value}\r\n");
    println!(
        "microseconds          PING: p50    p99  p99.9   worst | GET: p50    p99  p99.9   worst | woken late, worst"
    );
    std::thread::scope(|scope| {
        scope.spawn(|| probe(options, &samples, &stop));
        let _stop = StopOnDrop(&stop);
        let mut conn = Conn::open(options.port);
        conn.send(b"FLUSHALL\r\n");
        conn.lines(1);
        let mut phase = |name: &str, work: &mut dyn FnMut(&mut Conn)| {
            drop(std::mem::take(&mut *samples.lock().expect("nobody panics with the lock")));
            let start = Instant::now();
            work(&mut conn);
            let took = start.elapsed();
            let s = std::mem::take(&mut *samples.lock().expect("nobody panics with the lock"));
            let late = s.late.into_iter().max().unwrap_or(0);
            println!("{name:<21} {} | {} | {late:>8}   ({took:.1?})", figures(s.ping), figures(s.get));
            took
        };
        let rest = Duration::from_secs(2);
        phase("idle", &mut |_| std::thread::sleep(rest));
        let insert = phase("insert", &mut |c| load(c, options.keys, set));
        phase("UNLINK", &mut |c| load(c, options.keys, |i| format!("UNLINK key:{i}\r\n")));
        let at = unix_ms() + 2 * insert.as_millis() + 3000;
        let expiring = |i: u64| format!("SET key:{i} {value} PXAT {at}\r\n");
        phase("insert with expiry", &mut |c| load(c, options.keys, expiring));
        phase("all expire at once", &mut |c| {
            let wait = u64::try_from(at.saturating_sub(unix_ms())).unwrap_or(0);
            std::thread::sleep(Duration::from_millis(wait));
            wait_until_empty(c);
            std::thread::sleep(rest);
        });
        phase("insert again", &mut |c| load(c, options.keys, set));
        phase("FLUSHALL ASYNC", &mut |c| {
            c.send(b"FLUSHALL ASYNC\r\n");
            c.lines(1);
            std::thread::sleep(rest);
        });
    });
}

fn main() -> std::process::ExitCode {
    match Options::from_args() {
        Ok(options) => {
            run(&options);
            std::process::ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("{why}\n{USAGE}");
            std::process::ExitCode::FAILURE
        }
    }
}
