//! Which hash for the keys: the candidates over keys of 8, 16, 40 and 200 bytes, seeded.
//!
//! Each key hashes after the one before in program order but independent of it, as in a turn's
//! first pass over its batch; `chained` makes each depend on the last result, which is the latency.

#![allow(missing_docs)]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::hash::{BuildHasher, Hasher};
use std::hint::black_box;

type Hash = fn(&[u8], u64) -> u64;

fn percore(bytes: &[u8], seed: u64) -> u64 {
    shard::Key::new(bytes, seed).hash
}

fn foldhash_quality(bytes: &[u8], seed: u64) -> u64 {
    let mut h = foldhash::quality::FoldHasher::with_seed(seed, foldhash::SharedSeed::global_fixed());
    h.write(bytes);
    h.finish()
}

fn foldhash_fast(bytes: &[u8], seed: u64) -> u64 {
    let mut h = foldhash::fast::FoldHasher::with_seed(seed, foldhash::SharedSeed::global_fixed());
    h.write(bytes);
    h.finish()
}

fn rapidhash(bytes: &[u8], seed: u64) -> u64 {
    const SECRETS: rapidhash::v3::RapidSecrets = rapidhash::v3::RapidSecrets::seed(1);
    rapidhash::v3::rapidhash_v3_inline::<true, false, false>(bytes, &SECRETS) ^ seed
}

fn ahash(bytes: &[u8], seed: u64) -> u64 {
    let mut h = ahash::RandomState::with_seeds(seed, !seed, 1, 2).build_hasher();
    h.write(bytes);
    h.finish()
}

#[allow(deprecated)]
fn siphash_1_3(bytes: &[u8], seed: u64) -> u64 {
    let mut h = std::hash::DefaultHasher::new();
    h.write_u64(seed);
    h.write(bytes);
    h.finish()
}

const CANDIDATES: [(&str, Hash); 6] = [
    ("percore", percore),
    ("foldhash_quality", foldhash_quality),
    ("foldhash_fast", foldhash_fast),
    ("rapidhash_v3", rapidhash),
    ("ahash", ahash),
    ("siphash_1_3", siphash_1_3),
];

fn hashes(c: &mut Criterion) {
    for len in [8, 16, 40, 200] {
        let keys: Vec<Vec<u8>> =
            (0..64u8).map(|i| (0..len).map(|j| i.wrapping_mul(31) ^ j as u8).collect()).collect();
        let mut group = c.benchmark_group(format!("hash/{len}"));
        group.throughput(Throughput::Elements(64));
        for (name, hash) in CANDIDATES {
            group.bench_function(BenchmarkId::new(name, "batch"), |b| {
                b.iter(|| keys.iter().fold(0, |acc, k| acc ^ hash(black_box(k), 42)));
            });
            group.bench_function(BenchmarkId::new(name, "chained"), |b| {
                b.iter(|| keys.iter().fold(42, |seed, k| hash(black_box(k), seed)));
            });
        }
    }
}

criterion_group!(benches, hashes);
criterion_main!(benches);
