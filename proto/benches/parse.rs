//! The hot path of the crate: parse a pipeline, encode a reply, find a slot. Figures are per batch of 64
//! commands where the name says so; throughput is given in elements, so criterion prints commands a second.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use proto::args::Span;
use proto::encode::{Reply, Resp};
use proto::parse::{Limits, Parser, Step};
use proto::slot::slot_of;
use std::hint::black_box;

const PIPELINE: usize = 64;

/// `PIPELINE` commands, the i-th made by `parts`.
fn pipeline(parts: impl Fn(usize) -> Vec<Vec<u8>>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for i in 0..PIPELINE {
        let parts = parts(i);
        let mut reply = Reply::new(&mut bytes, Resp::V2);
        reply.array(parts.len());
        parts.iter().for_each(|p| reply.bulk(p));
    }
    bytes
}

fn key(i: usize) -> Vec<u8> {
    format!("key:{i:012}").into_bytes()
}

fn parse(c: &mut Criterion) {
    let mut group = c.benchmark_group("parse_64");
    group.throughput(Throughput::Elements(PIPELINE as u64));
    let inputs = [
        ("get_key16", pipeline(|i| vec![b"GET".to_vec(), key(i)])),
        ("set_key16_value3", pipeline(|i| vec![b"SET".to_vec(), key(i), b"xxx".to_vec()])),
        ("set_key16_value1024", pipeline(|i| vec![b"SET".to_vec(), key(i), vec![b'x'; 1024]])),
        ("mset_10", pipeline(|i| [vec![b"MSET".to_vec()], vec![key(i); 20]].concat())),
        ("ping_inline", b"PING\r\n".repeat(PIPELINE)),
    ];
    for (name, input) in inputs {
        let (mut parser, mut args, limits) = (Parser::default(), Vec::<Span>::new(), Limits::default());
        group.bench_function(BenchmarkId::from_parameter(name), |b| {
            b.iter(|| {
                let (input, mut from) = (black_box(&input), 0);
                args.clear();
                while let Ok(Step::Command { end }) = parser.next(input, from, &mut args, &limits) {
                    from = end;
                }
                assert_eq!(from, input.len());
                black_box(&args);
            });
        });
    }
    group.finish();
}

/// One command that arrives alone, and one that arrives in two reads.
fn parse_single(c: &mut Criterion) {
    let input = b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nvalue\r\n";
    let (mut parser, mut args, limits) = (Parser::default(), Vec::<Span>::new(), Limits::default());
    c.bench_function("parse_1/set_in_one_read", |b| {
        b.iter(|| {
            args.clear();
            black_box(parser.next(black_box(input), 0, &mut args, &limits))
        });
    });
    c.bench_function("parse_1/set_in_two_reads", |b| {
        b.iter(|| {
            args.clear();
            black_box(parser.next(black_box(&input[..20]), 0, &mut args, &limits).is_ok());
            black_box(parser.next(black_box(input), 0, &mut args, &limits))
        });
    });
}

fn encode(c: &mut Criterion) {
    let mut group = c.benchmark_group("encode_64");
    group.throughput(Throughput::Elements(PIPELINE as u64));
    let mut out = Vec::with_capacity(1 << 20);
    for len in [3, 16, 100, 1024] {
        let value = vec![b'x'; len];
        group.bench_function(BenchmarkId::new("bulk", len), |b| {
            b.iter(|| {
                out.clear();
                let mut reply = Reply::new(&mut out, Resp::V2);
                (0..PIPELINE).for_each(|_| reply.bulk(black_box(&value)));
            });
        });
    }
    for n in [1, 123_456] {
        group.bench_function(BenchmarkId::new("int", n), |b| {
            b.iter(|| {
                out.clear();
                let mut reply = Reply::new(&mut out, Resp::V2);
                (0..PIPELINE).for_each(|_| reply.int(black_box(n)));
            });
        });
    }
    group.bench_function("double", |b| {
        b.iter(|| {
            out.clear();
            let mut reply = Reply::new(&mut out, Resp::V3);
            (0..PIPELINE).for_each(|_| reply.double(black_box(2.34567)));
        });
    });
    group.finish();
}

fn slot(c: &mut Criterion) {
    let mut group = c.benchmark_group("slot");
    for key in ["key:000000000042", "{user1000}.following", &"x".repeat(100)] {
        group.bench_function(BenchmarkId::from_parameter(key.len()), |b| {
            b.iter(|| slot_of(black_box(key.as_bytes())));
        });
    }
    group.finish();
}

criterion_group!(benches, parse, parse_single, encode, slot);
criterion_main!(benches);
