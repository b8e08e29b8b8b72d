//! Fills a table and prints the resident memory a key, for each allocator's example.

#![allow(clippy::disallowed_methods)] // A measurement reads the clock and /proc.

use shard::{Db, Key};
use std::time::Instant;

/// Resident set size of this process, bytes.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|n| n.parse::<usize>().ok());
    pages.unwrap_or(0) * 4096
}

/// `args`: number of keys (default five million). Keys of 16 bytes, values of 3 and of 64.
pub fn run(allocator: &str) {
    let keys = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(5_000_000u64);
    for value in [&[b'v'; 3][..], &[b'v'; 64]] {
        let before = resident();
        let start = Instant::now();
        let mut db = Db::new();
        for i in 0..keys {
            let name = format!("key:{i:012}");
            db.set_string(&Key::new(name.as_bytes(), 42), value, None, 0);
        }
        let took = start.elapsed();
        println!(
            "{allocator}: {keys} keys, values of {}: {:.1} bytes resident a key ({:.1} of them table), {} ns an insert",
            value.len(),
            (resident() - before) as f64 / keys as f64,
            db.memory() as f64 / keys as f64,
            took.as_nanos() / u128::from(keys),
        );
        let start = Instant::now();
        let mut old = db.take();
        while !old.free_slice(1000) {}
        println!(
            "{allocator}: freed in {} ns a key; {} MiB stay resident",
            start.elapsed().as_nanos() / u128::from(keys),
            (resident() - before) >> 20
        );
    }
}
