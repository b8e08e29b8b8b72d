//! Fills a table and prints the resident memory a key, for each allocator's example.

#![allow(clippy::disallowed_methods)] // A measurement reads /proc.

#[path = "../../benches/keys/mod.rs"]
mod keys;

use keys::{SEED, name};
use rustix::time::{ClockId, clock_gettime};
use shard::{Db, Key};
use std::time::Duration;

/// CPU time of this thread: what other processes do in between does not count.
fn now() -> Duration {
    let t = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(t.tv_sec as u64, t.tv_nsec as u32)
}

/// Resident set size of this process, bytes.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|n| n.parse::<usize>().ok());
    pages.unwrap_or(0) * 4096
}

/// Arguments: number of keys (default five million), size of the values (default 3). Keys have 16 bytes.
pub fn run(allocator: &str) {
    let mut args = std::env::args().skip(1).filter_map(|n| n.parse::<u64>().ok());
    let keys = args.next().unwrap_or(5_000_000);
    let value = vec![b'v'; args.next().unwrap_or(3) as usize];
    let before = resident();
    let per_key = |bytes: usize| bytes as f64 / keys as f64;
    let nanos = |d: Duration| d.as_nanos() / u128::from(keys);

    let start = now();
    let mut db = Db::new();
    let mut slowest = Duration::ZERO;
    for i in 0..keys {
        let one = now();
        db.set_string(&Key::new(&name(i), SEED), &value, None, 0);
        slowest = slowest.max(now() - one);
    }
    let inserted = nanos(now() - start);
    let full = per_key(resident() - before);
    let table = per_key(db.memory());

    let start = now();
    let mut old = db.take();
    let mut longest = Duration::ZERO;
    loop {
        let slice = now();
        let done = old.free_slice(256);
        longest = longest.max(now() - slice);
        if done {
            break;
        }
    }
    println!(
        "{allocator:8} {keys} keys, values of {:3}: {full:5.1} bytes resident a key, {table:.1} of them table; \
         {inserted} ns an insert, {} us the slowest; freed in {} ns a key, the longest slice of 256 {} us; {} MiB stay",
        value.len(),
        slowest.as_micros(),
        nanos(now() - start),
        longest.as_micros(),
        (resident() - before) >> 20
    );
}
