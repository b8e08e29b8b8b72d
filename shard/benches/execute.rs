//! What GET and SET cost inside the shard: 100,000 keys, asked for in random order, through the same
//! door as the server's. `batched` asks the cache ahead for a turn's keys, as the core's loop does.

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use proto::args::OwnedArgs;
use proto::command::CommandId;
use shard::{Cx, Shard};
use std::hint::black_box;

const KEYS: u64 = 100_000;
const NOW_MS: i64 = 1_700_000_000_000;
/// Commands of one turn.
const BATCH: usize = 64;

fn name(n: u64) -> String {
    format!("key:{n:012}")
}

fn full_shard(expire_at: Option<i64>) -> Shard {
    let mut shard = Shard::new(16, 1);
    for n in 0..KEYS {
        let bytes = name(n);
        let key = shard.key(bytes.as_bytes());
        shard.dbs[0].set_string(&key, b"xxx", expire_at, 0);
    }
    shard
}

/// A turn of commands on random keys.
fn turn(seed: &mut u64, make: impl Fn(String) -> OwnedArgs) -> Vec<OwnedArgs> {
    let mut next = || {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*seed >> 33) % KEYS
    };
    (0..BATCH).map(|_| make(name(next()))).collect()
}

fn run(shard: &mut Shard, id: CommandId, commands: &[OwnedArgs], out: &mut Vec<u8>, prefetch: bool) {
    let mut cx = Cx::new(id, 0, NOW_MS);
    let mut hashes = [0; BATCH];
    for (hash, command) in hashes.iter_mut().zip(commands) {
        *hash = shard.key(command.args().at(1)).hash;
        if prefetch {
            shard.dbs[0].prefetch_bucket(*hash);
        }
    }
    if prefetch {
        hashes.iter().for_each(|&hash| shard.dbs[0].prefetch_entry(hash));
    }
    for (&hash, command) in hashes.iter().zip(commands) {
        cx.key_hash = hash;
        shard.execute(&mut cx, command.args(), out);
    }
}

fn bench(c: &mut Criterion) {
    let get = |key: String| OwnedArgs::of(["GET", &key]);
    let set = |key: String| OwnedArgs::of(["SET", &key, "yyy"]);
    let mut group = c.benchmark_group("execute");
    group.throughput(criterion::Throughput::Elements(BATCH as u64));
    for (expiry, label) in [(None, "persistent"), (Some(NOW_MS * 2), "volatile")] {
        let mut shard = full_shard(expiry);
        let (mut seed, mut out) = (7, Vec::with_capacity(1 << 16));
        for (id, prefetch) in
            [(CommandId::Get, false), (CommandId::Get, true), (CommandId::Set, false), (CommandId::Set, true)]
        {
            let how = if prefetch { "batched" } else { "alone" };
            group.bench_function(format!("{}/{label}/{how}", id.full_name()), |b| {
                let make = |seed: &mut u64| match id {
                    CommandId::Get => turn(seed, get),
                    _ => turn(seed, set),
                };
                b.iter_batched(
                    || make(&mut seed),
                    |commands| {
                        out.clear();
                        run(&mut shard, id, &commands, &mut out, prefetch);
                        black_box(out.len());
                        commands
                    },
                    BatchSize::SmallInput,
                );
            });
        }
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
