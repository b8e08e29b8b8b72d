//! The RDB codec of whole values, through DUMP and RESTORE: small (packed) and large collections of every type.
//!
//! What is timed contains the command around it: looking the key up, the payload's checksum, and the reply.

#![allow(missing_docs)]

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use proto::args::OwnedArgs;
use proto::command::CommandId;
use proto::reply::Value;
use shard::{Cx, Shard};
use std::hint::black_box;

const NOW_MS: i64 = 1_700_000_000_000;

/// A value: its name, the command that adds an element (`#` is its number), how many there are.
const VALUES: [(&str, CommandId, &str, u64); 10] = [
    ("string of 1000", CommandId::Setrange, "SETRANGE v 999 #", 1),
    ("list of 100", CommandId::Rpush, "RPUSH v element:#", 100),
    ("list of 10000", CommandId::Rpush, "RPUSH v element:#", 10_000),
    ("hash of 100", CommandId::Hset, "HSET v field:# value:#", 100),
    ("hash of 10000", CommandId::Hset, "HSET v field:# value:#", 10_000),
    ("set of 100 integers", CommandId::Sadd, "SADD v #", 100),
    ("set of 10000", CommandId::Sadd, "SADD v member:#", 10_000),
    ("zset of 100", CommandId::Zadd, "ZADD v # member:#", 100),
    ("zset of 10000", CommandId::Zadd, "ZADD v # member:#", 10_000),
    ("stream of 1000", CommandId::Xadd, "XADD v * field value:#", 1000),
];

fn run(shard: &mut Shard, id: CommandId, command: &OwnedArgs, out: &mut Vec<u8>) {
    let mut cx = Cx::new(id, 0, NOW_MS);
    cx.key_hash = shard.key(command.args().at(1)).hash;
    shard.execute(&mut cx, command.args(), out);
}

fn bench(c: &mut Criterion) {
    let mut group = c.benchmark_group("dump");
    for (name, id, words, count) in VALUES {
        let (mut shard, mut out) = (Shard::new(16, 1), Vec::new());
        for i in 0..count {
            run(&mut shard, id, &OwnedArgs::of(words.replace('#', &i.to_string()).split(' ')), &mut out);
        }
        out.clear();
        let dump = OwnedArgs::of(["DUMP", "v"]);
        run(&mut shard, CommandId::Dump, &dump, &mut out);
        let Ok(Some((Value::Bulk(payload), _))) = Value::parse(&out) else {
            panic!("{name}: DUMP answers {}", out.escape_ascii())
        };
        group.throughput(Throughput::Bytes(payload.len() as u64));
        group.bench_function(format!("DUMP {name}"), |b| {
            b.iter(|| {
                out.clear();
                run(&mut shard, CommandId::Dump, &dump, &mut out);
                black_box(out.len())
            });
        });
        let mut restore = OwnedArgs::of(["RESTORE", "v", "0"]);
        restore.push(&payload);
        restore.push(b"REPLACE");
        group.bench_function(format!("RESTORE {name}"), |b| {
            b.iter_batched(
                || restore.clone(),
                |restore| {
                    out.clear();
                    run(&mut shard, CommandId::Restore, &restore, &mut out);
                    assert_eq!(out, b"+OK\r\n", "{name}");
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
