//! The inner loops of the formats: the checksum, LZF both ways, strings and numbers of an RDB file both ways.
//!
//! Text is what LZF is for: words drawn from a small vocabulary, which shrink to about half. Random bytes are its
//! worst case: nothing matches, and it gives up.

#![allow(missing_docs)]
// What is written here can be read.
#![allow(clippy::expect_used)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use oorandom::Rand32;
use persist::rdb::{Decoder, Slice, Writer};
use persist::{crc64, lzf};
use std::hint::black_box;

const SIZES: [usize; 3] = [64, 1024, 16 << 10];
/// Elements that are encoded together.
const BATCH: usize = 64;

fn noise(len: usize) -> Vec<u8> {
    let mut random = Rand32::new(7);
    (0..len).map(|_| random.rand_u32() as u8).collect()
}

fn text(len: usize) -> Vec<u8> {
    const WORDS: [&str; 8] =
        ["user:", "\"name\":", "value", "1234567", "session ", "{\"id\":", "example.com", "true,"];
    let mut random = Rand32::new(7);
    let mut out = Vec::new();
    while out.len() < len {
        out.extend_from_slice(WORDS[random.rand_range(0..WORDS.len() as u32) as usize].as_bytes());
        out.push(b'a' + random.rand_range(0..26) as u8);
    }
    out.truncate(len);
    out
}

fn checksum(c: &mut Criterion) {
    let mut group = c.benchmark_group("crc64");
    for size in SIZES {
        let bytes = noise(size);
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(size.to_string(), |b| b.iter(|| crc64::checksum(black_box(&bytes))));
    }
    group.finish();
}

fn compression(c: &mut Criterion) {
    let mut group = c.benchmark_group("lzf");
    for size in SIZES {
        group.throughput(Throughput::Bytes(size as u64));
        for (what, bytes) in [("text", text(size)), ("noise", noise(size))] {
            group.bench_function(format!("compress {what} {size}"), |b| {
                b.iter(|| lzf::compress(black_box(&bytes), size - 4));
            });
        }
        let plain = text(size);
        let packed = lzf::compress(&plain, size).expect("text shrinks");
        group.bench_function(format!("decompress text {size}"), |b| {
            b.iter(|| lzf::decompress(black_box(&packed), size));
        });
    }
    group.finish();
}

/// Strings of this kind, encoded and read again.
fn strings(c: &mut Criterion) {
    let mut group = c.benchmark_group("rdb");
    group.throughput(Throughput::Elements(BATCH as u64));
    let numbers: Vec<_> = (0..BATCH).map(|i| (i * 7919).to_string().into_bytes()).collect();
    let cases = [
        ("numbers", numbers, false),
        ("strings of 64", vec![noise(64); BATCH], false),
        ("text of 1024, compressed", vec![text(1024); BATCH], true),
    ];
    for (name, values, compress) in cases {
        let mut out = Vec::new();
        group.bench_function(format!("encode {name}"), |b| {
            b.iter(|| {
                out.clear();
                let mut writer = Writer::new(&mut out, compress);
                values.iter().for_each(|value| writer.string(value));
                black_box(out.len())
            });
        });
        out.clear();
        let mut writer = Writer::new(&mut out, compress);
        values.iter().for_each(|value| writer.string(value));
        group.bench_function(format!("decode {name}"), |b| {
            b.iter(|| {
                let mut source = Slice::new(&out);
                let mut decoder = Decoder::new(&mut source);
                (0..BATCH).map(|_| decoder.string().expect("what was encoded").len()).sum::<usize>()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, checksum, compression, strings);
criterion_main!(benches);
