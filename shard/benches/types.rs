//! What commands on collections cost inside the shard, through the same door as the server's: single elements of a
//! collection of 100,000, and of small ones; ranges of ten and of a hundred.
//!
//! Keys and elements are drawn uniformly, outside the time that is taken. Nothing is fetched ahead for
//! a turn, as the server does: what differs between two versions here is the work itself.

#![allow(missing_docs)]

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use proto::args::OwnedArgs;
use proto::command::CommandId;
use shard::{Cx, Shard};
use std::cell::RefCell;
use std::hint::black_box;

const NOW_MS: i64 = 1_700_000_000_000;
/// Commands that are timed together.
const BATCH: usize = 64;
/// After so many batches the database is filled anew: what only grows stays within bounds.
const BATCHES_MAX: usize = 10_000;
/// Elements of a large collection.
const LARGE: u64 = 100_000;
/// How many small collections there are.
const SMALL: u64 = 1000;

/// In the words of a command, `#` stands for a random number.
struct Case {
    name: &'static str,
    id: CommandId,
    /// What fills the database, and how often.
    fill: (CommandId, &'static str, u64),
    /// Random numbers are below this.
    range: u64,
    words: &'static str,
}

const fn case(
    name: &'static str,
    id: CommandId,
    words: &'static str,
    range: u64,
    fill: (CommandId, &'static str, u64),
) -> Case {
    Case { name, id, fill, range, words }
}

const ZSET: (CommandId, &str, u64) = (CommandId::Zadd, "ZADD z # m:#", 3 * LARGE);
const LISTS: (CommandId, &str, u64) = (CommandId::Rpush, "RPUSH l:# element:#", 100 * SMALL);
const HASHES: (CommandId, &str, u64) = (CommandId::Hset, "HSET h:# f:# value", 10 * SMALL);
const SETS: (CommandId, &str, u64) = (CommandId::Sadd, "SADD s m:#", 3 * LARGE);
const STREAMS: (CommandId, &str, u64) = (CommandId::Xadd, "XADD x:# * field value", 100 * SMALL);

const CASES: [Case; 12] = [
    case("zadd", CommandId::Zadd, "ZADD z # m:#", LARGE, ZSET),
    case("zrank", CommandId::Zrank, "ZRANK z m:#", LARGE, ZSET),
    case("zrange 10", CommandId::Zrange, "ZRANGE z # 99999 BYSCORE LIMIT 0 10", LARGE, ZSET),
    case("zrangebyscore 10", CommandId::Zrangebyscore, "ZRANGEBYSCORE z # +inf LIMIT 0 10", LARGE, ZSET),
    case("lpush", CommandId::Lpush, "LPUSH l:# element", SMALL, LISTS),
    case("lrange 100", CommandId::Lrange, "LRANGE l:# 0 99", SMALL, LISTS),
    case("hset", CommandId::Hset, "HSET h:# f:1 value", SMALL, HASHES),
    case("hgetall 10", CommandId::Hgetall, "HGETALL h:#", SMALL, HASHES),
    case("sadd", CommandId::Sadd, "SADD s m:#", LARGE, SETS),
    case("sinter 100", CommandId::Sinter, "SINTER s t", 100, (CommandId::Sadd, "SADD s m:#", SMALL)),
    case("xadd", CommandId::Xadd, "XADD x:# * field value", SMALL, STREAMS),
    case("xrange 10", CommandId::Xrange, "XRANGE x:# - + COUNT 10", SMALL, STREAMS),
];

/// The words with random numbers below `range`.
fn command(words: &str, range: u64, seed: &mut u64) -> OwnedArgs {
    let mut text = String::new();
    for c in words.chars() {
        if c == '#' {
            *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            text.push_str(&((*seed >> 33) % range).to_string());
        } else {
            text.push(c);
        }
    }
    OwnedArgs::of(text.split(' '))
}

fn run(shard: &mut Shard, id: CommandId, command: &OwnedArgs, out: &mut Vec<u8>) {
    let mut cx = Cx::new(id, 0, NOW_MS);
    cx.key_hash = shard.key(command.args().at(1)).hash;
    shard.execute(&mut cx, command.args(), out);
}

fn filled(case: &Case, seed: &mut u64) -> Shard {
    let (mut shard, mut out) = (Shard::new(16, 1), Vec::new());
    let (id, words, times) = case.fill;
    for _ in 0..times {
        run(&mut shard, id, &command(words, case.range, seed), &mut out);
        out.clear();
    }
    if case.id == CommandId::Sinter {
        run(&mut shard, CommandId::Sunionstore, &OwnedArgs::of(["SUNIONSTORE", "t", "s"]), &mut out);
    }
    shard
}

fn bench(c: &mut Criterion) {
    let mut group = c.benchmark_group("types");
    group.throughput(Throughput::Elements(BATCH as u64));
    for case in &CASES {
        let (mut seed, mut batches) = (7, 0);
        let (shard, mut out) = (RefCell::new(Shard::new(16, 1)), Vec::with_capacity(1 << 20));
        group.bench_function(case.name, |b| {
            b.iter_batched(
                || {
                    if batches % BATCHES_MAX == 0 {
                        shard.replace(filled(case, &mut seed));
                    }
                    batches += 1;
                    (0..BATCH).map(|_| command(case.words, case.range, &mut seed)).collect::<Vec<_>>()
                },
                |commands| {
                    out.clear();
                    let shard = &mut shard.borrow_mut();
                    commands.iter().for_each(|command| run(shard, case.id, command, &mut out));
                    black_box(out.len());
                    commands
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
