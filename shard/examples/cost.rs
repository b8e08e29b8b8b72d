//! Nanoseconds a look-up or write, as the median over batches of 64 keys timed one by one. On a machine
//! that does other things too, a batch of some microseconds is either undisturbed or an outlier,
//! which a median does not see; a benchmark's mean over milliseconds does.
//!
//! Arguments: number of keys (default a million), size of the values (default 64).

#![allow(clippy::disallowed_methods)] // A measurement reads the clock.

#[path = "../benches/keys/mod.rs"]
mod keys;

use keys::{BATCH, Names, SEED, batches, filled, name, prefetch, read};
use rustix::time::{ClockId, clock_gettime};
use shard::Key;
use std::collections::HashMap;
use std::hint::black_box;
use std::time::Instant;

#[global_allocator]
static GLOBAL: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn median(what: &str, batches: &[Names], mut run: impl FnMut(&Names) -> u64) {
    let mut times: Vec<u128> = batches
        .iter()
        .map(|names| {
            let start = Instant::now();
            black_box(run(names));
            start.elapsed().as_nanos()
        })
        .collect();
    times.sort_unstable();
    let at = |part: usize| times[times.len() * part / 100] as f64 / BATCH as f64;
    println!("{what:32} {:6.1} ns median {:6.1} p10 {:6.1} p99", at(50), at(10), at(99));
}

/// Inserts key by key, in CPU time of this thread: the common ones, and those that split a segment.
fn insert(keys: u64, value: &[u8]) -> shard::Db {
    let now = || {
        let t = clock_gettime(ClockId::ThreadCPUTime);
        t.tv_sec as u64 * 1_000_000_000 + t.tv_nsec as u64
    };
    let (mut common, mut splits) = (Vec::new(), Vec::new());
    let mut db = shard::Db::new();
    for i in 0..keys {
        let (name, memory) = (name(i), db.memory());
        let start = now();
        db.set_string(&Key::new(&name, SEED), value, None, 0);
        let took = now() - start;
        if db.memory() == memory { &mut common } else { &mut splits }.push(took);
    }
    for (what, mut times) in [("insert (clock included)", common), ("insert that splits", splits)] {
        times.sort_unstable();
        let at = |part: usize| times[(times.len() - 1) * part / 1000] as f64 / 1000.0;
        println!(
            "{what:32} {:6.2} us median {:6.2} p99 {:6.2} p99.9 {:6.2} max",
            at(500),
            at(990),
            at(999),
            at(1000)
        );
    }
    db
}

fn main() {
    let mut args = std::env::args().skip(1).filter_map(|n| n.parse::<u64>().ok());
    let keys = args.next().unwrap_or(1_000_000);
    let value = vec![b'v'; args.next().unwrap_or(64) as usize];
    let (hits, misses) = (batches(0, keys), batches(keys, keys));

    let mut db = insert(keys, &value);
    let get =
        |db: &shard::Db, n: &Names| n.iter().map(|n| read(db, &Key::new(n, SEED))).fold(0, u64::wrapping_add);
    let get_ahead =
        |db: &shard::Db, n: &Names| prefetch(db, n).iter().map(|k| read(db, k)).fold(0, u64::wrapping_add);
    median("hash only", &hits, |n| n.iter().fold(0, |x, n| x ^ Key::new(n, SEED).hash));
    median("get hit", &hits, |n| get(&db, n));
    median("get hit, prefetched", &hits, |n| get_ahead(&db, n));
    median("get hit, passes 1 and 2 only", &hits, |n| prefetch(&db, n)[7].hash);
    median("get hit, the same 64", &vec![hits[0]; hits.len()], |n| get(&db, n));
    median("get miss", &misses, |n| get(&db, n));
    median("get miss, prefetched", &misses, |n| get_ahead(&db, n));
    median("touch hit, prefetched", &hits, |n| {
        let keys = prefetch(&db, n);
        keys.iter().map(|k| db.touch(k, |_| 77).map_or(0, |e| u64::from(e.key()[0]))).sum()
    });
    let mut round = 0;
    median("set, overwriting", &hits, |n| {
        round += 1;
        n.iter().map(|n| u64::from(db.set_string(&Key::new(n, SEED), &value, None, round))).sum()
    });
    median("set, overwriting, prefetched", &hits, |n| {
        round += 1;
        prefetch(&db, n).iter().map(|k| u64::from(db.set_string(k, &value, None, round))).sum()
    });
    median("set, overwriting, the same 64", &vec![hits[0]; hits.len()], |n| {
        n.iter().map(|n| u64::from(db.set_string(&Key::new(n, SEED), &value, None, 5))).sum()
    });
    drop(db);

    let mut map: HashMap<Box<[u8]>, Box<[u8]>> =
        (0..keys).map(|i| (name(i).into(), value[..].into())).collect();
    let of = |v: Option<&Box<[u8]>>| v.map_or(0, |v| v.len() as u64 + u64::from(v[0]));
    median("std get hit", &hits, |n| n.iter().map(|n| of(map.get(&n[..]))).sum());
    median("std get miss", &misses, |n| n.iter().map(|n| of(map.get(&n[..]))).sum());
    median("std overwriting", &hits, |n| {
        n.iter()
            .map(|n| map.get_mut(&n[..]).map_or(0, |v| std::mem::replace(v, value[..].into()).len() as u64))
            .sum()
    });
    drop(map);
    let brown: hashbrown::HashMap<Box<[u8]>, Box<[u8]>, foldhash::quality::FixedState> =
        (0..keys).map(|i| (name(i).into(), value[..].into())).collect();
    median("hashbrown get hit", &hits, |n| n.iter().map(|n| of(brown.get(&n[..]))).sum());
    median("hashbrown get miss", &misses, |n| n.iter().map(|n| of(brown.get(&n[..]))).sum());
    black_box(filled(1, b"v").len());
}
