//! How long does a client wait while the server is busy with what belongs to others? A prober sends PING and
//! GET in turn, 1,000 a second in all, each on a connection of its own, beside one of two loads:
//!
//! - many keys (`keys`): millions are inserted, UNLINKed, expire at one instant, and are flushed;
//! - big values (`collections`): a list, set, hash, sorted set and stream of a million elements each are built,
//!   read in slices, and deleted in every way.
//!
//! For each phase it prints the latencies in microseconds; the most CPU time that a thread of the server
//! took while one probe waited (given `--pid`); and how late the prober itself was woken. On a shared machine the
//! last two tell how much of the worst case is the server's: what it has not run, it has not stalled. (`chrt -f 50`
//! before both lowers the machine's part, but then the kernel stops them for 50 ms of a second that they fill:
//! `sched_rt_runtime_us`.)
//!
//!     cargo run --release -p percore-server --example prober -- --port 6379 --keys 5000000
//!     cargo run --release -p percore-server --example prober -- --port 6379 --keys 1000 --elements 1000000
//!
//! It empties the server that it measures. Nothing is judged here: the reader does that.

// A tool for one measurement: a server that goes away ends it with the error's text.
#![allow(clippy::expect_used)]

mod collections;
mod conn;
mod keys;
mod probe;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const USAGE: &str = "prober [--port 6379] [--keys 5000000] [--elements 0: of each big value] [--value-bytes 16] [--hz 1000] \
     [--pid: of the server]";
/// How long it goes on probing when the server should have nothing left to do.
const REST: Duration = Duration::from_secs(1);

pub struct Options {
    port: u16,
    keys: u64,
    /// Of each big value; 0 for the load of many keys.
    elements: u64,
    value_bytes: usize,
    hz: u32,
    /// Of the server; 0 if not given.
    pid: u32,
}

impl Options {
    fn from_args() -> Result<Self, String> {
        let mut options =
            Self { port: 6379, keys: 5_000_000, elements: 0, value_bytes: 16, hz: 1000, pid: 0 };
        let mut args = std::env::args().skip(1);
        while let Some(name) = args.next() {
            let text = args.next().ok_or("an option without its value")?;
            let number: u64 = text.parse().map_err(|_| format!("{name} {text} is not a number"))?;
            match name.as_str() {
                "--port" => options.port = u16::try_from(number).map_err(|_| "no such port")?,
                "--keys" => options.keys = number,
                "--elements" => options.elements = number,
                "--value-bytes" => options.value_bytes = number as usize,
                "--hz" => options.hz = u32::try_from(number).map_err(|_| "--hz is too large")?.max(1),
                "--pid" => options.pid = u32::try_from(number).map_err(|_| "no such process")?,
                _ => return Err(format!("unknown option {name}")),
            }
        }
        Ok(options)
    }
}

fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as u64)
}

/// Waits for keys to expire or to be freed, though not for ever.
fn wait_until(mut done: impl FnMut() -> bool) {
    const PATIENCE: Duration = Duration::from_secs(600);
    let start = Instant::now();
    while !done() && start.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn main() -> std::process::ExitCode {
    match Options::from_args() {
        Ok(options) => {
            if options.elements > 0 {
                collections::run(&options)
            } else {
                keys::run(&options)
            }
            std::process::ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("{why}\n{USAGE}");
            std::process::ExitCode::FAILURE
        }
    }
}
