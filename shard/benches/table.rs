//! The table beside `std`'s and `hashbrown`'s maps of boxed slices: look-ups that hit and miss, one by one and
//! in prefetched batches of 64, overwriting, and growth. A million 16-byte keys, uniform.

#![allow(missing_docs)]

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use shard::{Db, Key, StrRef};
use std::collections::HashMap;
use std::hint::black_box;

const KEYS: u64 = 1_000_000;
const BATCH: usize = 64;
const SEED: u64 = 42;

fn name(i: u64) -> [u8; 16] {
    let mut name = *b"key:000000000000";
    let mut n = i;
    for c in name.iter_mut().rev().take(12) {
        *c = b'0' + (n % 10) as u8;
        n /= 10;
    }
    name
}

/// A fixed shuffle, so that no access order helps the caches.
fn order(i: u64) -> u64 {
    i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20
}

/// Batches of names, uniform over the keys from `first` on.
fn batches(first: u64) -> Vec<[[u8; 16]; BATCH]> {
    (0..8192u64)
        .map(|b| std::array::from_fn(|i| name(first + order(b * BATCH as u64 + i as u64) % KEYS)))
        .collect()
}

fn filled(value: &[u8]) -> Db {
    let mut db = Db::new();
    for i in 0..KEYS {
        let name = name(i);
        db.set_string(&Key::new(&name, SEED), value, None, 0);
    }
    db
}

/// What a command does with a hit: looks at the value.
fn read(db: &Db, key: &Key<'_>) -> u64 {
    match db.get(key).and_then(|e| e.string()) {
        Some(StrRef::Bytes(b)) => b.len() as u64 + u64::from(b[0]),
        Some(StrRef::Int(n)) => n as u64,
        None => 0,
    }
}

fn prefetched(db: &Db, names: &[[u8; 16]; BATCH]) -> u64 {
    let keys: [Key<'_>; BATCH] = std::array::from_fn(|i| {
        let key = Key::new(&names[i], SEED);
        db.prefetch_bucket(key.hash);
        key
    });
    keys.iter().for_each(|k| db.prefetch_entry(k.hash));
    keys.iter().map(|k| read(db, k)).fold(0, u64::wrapping_add)
}

fn look_ups(c: &mut Criterion) {
    let db = filled(&[b'v'; 64]);
    let std_map: HashMap<Box<[u8]>, Box<[u8]>> =
        (0..KEYS).map(|i| (name(i).into(), [b'v'; 64].into())).collect();
    let brown: hashbrown::HashMap<Box<[u8]>, Box<[u8]>, foldhash::quality::FixedState> =
        (0..KEYS).map(|i| (name(i).into(), [b'v'; 64].into())).collect();
    for (what, first) in [("get_hit", 0), ("get_miss", KEYS)] {
        let batches = batches(first);
        let mut at = 0;
        let mut next = || {
            at = (at + 1) % batches.len();
            &batches[at]
        };
        let mut group = c.benchmark_group(what);
        group.throughput(Throughput::Elements(BATCH as u64));
        group.bench_function("table", |b| {
            b.iter(|| next().iter().map(|n| read(&db, &Key::new(n, SEED))).fold(0, u64::wrapping_add));
        });
        group.bench_function("table_prefetched", |b| b.iter(|| prefetched(&db, next())));
        let of = |value: Option<&Box<[u8]>>| value.map_or(0, |v| v.len() as u64 + u64::from(v[0]));
        group.bench_function("std", |b| {
            b.iter(|| next().iter().map(|n| of(std_map.get(&n[..]))).fold(0, u64::wrapping_add));
        });
        group.bench_function("hashbrown", |b| {
            b.iter(|| next().iter().map(|n| of(brown.get(&n[..]))).fold(0, u64::wrapping_add));
        });
    }
}

fn overwrite(c: &mut Criterion) {
    let mut db = filled(&[b'v'; 64]);
    let batches = batches(0);
    let mut at = 0;
    let mut group = c.benchmark_group("set_overwrite");
    group.throughput(Throughput::Elements(BATCH as u64));
    let value = [b'w'; 64];
    group.bench_function("table", |b| {
        b.iter(|| {
            at = (at + 1) % batches.len();
            for n in &batches[at] {
                black_box(db.set_string(&Key::new(n, SEED), &value, None, 1));
            }
        });
    });
    group.bench_function("table_prefetched", |b| {
        b.iter(|| {
            at = (at + 1) % batches.len();
            let keys: [Key<'_>; BATCH] = std::array::from_fn(|i| {
                let key = Key::new(&batches[at][i], SEED);
                db.prefetch_bucket(key.hash);
                key
            });
            keys.iter().for_each(|k| db.prefetch_entry(k.hash));
            for k in &keys {
                black_box(db.set_string(k, &value, None, 1));
            }
        });
    });
    drop(db);
    let mut map: HashMap<Box<[u8]>, Box<[u8]>> =
        (0..KEYS).map(|i| (name(i).into(), [b'v'; 64].into())).collect();
    group.bench_function("std", |b| {
        b.iter(|| {
            at = (at + 1) % batches.len();
            for n in &batches[at] {
                if let Some(v) = map.get_mut(&n[..]) {
                    *v = value.into();
                }
            }
        });
    });
}

fn grow(c: &mut Criterion) {
    let mut group = c.benchmark_group("insert_growth");
    group.sample_size(10).throughput(Throughput::Elements(KEYS));
    group
        .bench_function("table", |b| b.iter_batched(|| (), |()| filled(&[b'v'; 3]), BatchSize::PerIteration));
    group.bench_function("std", |b| {
        b.iter_batched(
            || (),
            |()| {
                (0..KEYS)
                    .map(|i| (name(i).into(), [b'v'; 3].into()))
                    .collect::<HashMap<Box<[u8]>, Box<[u8]>>>()
            },
            BatchSize::PerIteration,
        );
    });
}

criterion_group!(benches, look_ups, overwrite, grow);
criterion_main!(benches);
