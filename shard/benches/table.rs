//! The table beside `std`'s and `hashbrown`'s maps of boxed slices: look-ups that hit and miss, one by one and
//! in prefetched batches of 64, overwriting, and growth. A million 16-byte keys, uniform.

#![allow(missing_docs)]

mod keys;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use keys::{BATCH, SEED, batches, filled, name, prefetch, read};
use shard::Key;
use std::collections::HashMap;
use std::hint::black_box;

const KEYS: u64 = 1_000_000;

fn look_ups(c: &mut Criterion) {
    let db = filled(KEYS, &[b'v'; 64]);
    let std_map: HashMap<Box<[u8]>, Box<[u8]>> =
        (0..KEYS).map(|i| (name(i).into(), [b'v'; 64].into())).collect();
    let brown: hashbrown::HashMap<Box<[u8]>, Box<[u8]>, foldhash::quality::FixedState> =
        (0..KEYS).map(|i| (name(i).into(), [b'v'; 64].into())).collect();
    for (what, first) in [("get_hit", 0), ("get_miss", KEYS)] {
        let batches = batches(first, KEYS);
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
        group.bench_function("table_prefetched", |b| {
            b.iter(|| prefetch(&db, next()).iter().map(|k| read(&db, k)).fold(0, u64::wrapping_add));
        });
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
    let mut db = filled(KEYS, &[b'v'; 64]);
    let batches = batches(0, KEYS);
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
            let keys = prefetch(&db, &batches[at]);
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
    group.bench_function("table", |b| {
        b.iter_batched(|| (), |()| filled(KEYS, &[b'v'; 3]), BatchSize::PerIteration)
    });
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
