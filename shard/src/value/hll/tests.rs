//! HyperLogLogs against an array of registers, against strings that redis-server made, and under bytes
//! that no server made.

use super::*;
use crate::random::Random;
use crate::testing::Bed;
use proptest::prelude::*;
use sha1::{Digest, Sha1};

include!("redis_strings.in");

fn sha1(bytes: &[u8]) -> String {
    Sha1::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn string(bed: &mut Bed, key: &str) -> Vec<u8> {
    let reply = bed.run_bytes(&["get", key]);
    let start = reply.iter().position(|&byte| byte == b'\n').expect("a bulk string") + 1;
    reply[start..reply.len() - 2].to_vec()
}

/// What a redis-server 7.0.15 stores that gets the same commands.
#[test]
fn strings_are_those_of_redis() {
    let mut bed = Bed::new();
    let (mut limit, mut added) = (0, 0);
    for &(bytes_max, elements, encoding, len, digest, count) in GROWTH {
        if bytes_max != limit {
            (limit, added) = (bytes_max, 0);
            bed.shard.settings.thresholds.hll_sparse_max_bytes = limit as usize;
            bed.run(&["del", "h"]);
        }
        bed.run(&["pfadd", "h"]);
        for i in added..elements {
            bed.run(&["pfadd", "h", &format!("element:{i}")]);
        }
        added = elements;
        let bytes = string(&mut bed, "h");
        assert_eq!((bytes.len(), sha1(&bytes)), (len, digest.into()), "{elements} elements, limit {limit}");
        bed.check("pfcount h", &format!(":{count}\r\n"));
        bed.check("pfdebug encoding h", &format!("+{encoding}\r\n"));
    }
}

#[test]
fn merges_are_those_of_redis() {
    for &(a, b, len, digest, count) in MERGES {
        let mut bed = Bed::new();
        for (key, elements) in [("a", a), ("b", b)] {
            let elements = (0..elements).map(|i| format!("{key}:{i}"));
            let words: Vec<_> = ["pfadd".into(), key.to_string()].into_iter().chain(elements).collect();
            bed.run_bytes(&words);
        }
        bed.check("pfmerge d a b", "+OK\r\n");
        let bytes = string(&mut bed, "d");
        assert_eq!((bytes.len(), sha1(&bytes)), (len, digest.into()), "{a} and {b}");
        bed.check("pfcount a b", &format!(":{count}\r\n"));
        bed.check("pfcount d", &format!(":{count}\r\n"));
    }
}

#[test]
fn registers_can_be_listed() {
    let mut bed = Bed::new();
    bed.run(&["pfadd", "h", "hello"]);
    let reply = bed.run(&["pfdebug", "getreg", "h"]);
    let lines: Vec<&str> = reply.lines().collect();
    assert_eq!((lines.len(), lines[0], lines[1 + 9216]), (1 + REGISTERS, "*16384", ":1"));
    assert_eq!(lines.iter().filter(|line| **line == ":0").count(), REGISTERS - 1);
    bed.check("pfdebug encoding h", "+dense\r\n");
}

fn registers(bytes: &[u8]) -> Registers {
    let mut registers = [0; REGISTERS];
    Hll::of(bytes).expect("a HyperLogLog").merge_into(&mut registers).expect("sound registers");
    registers
}

fn raise(bytes: &mut Vec<u8>, index: usize, count: u8, bytes_max: u64) -> bool {
    let mut hll = HllMut::of(bytes, bytes_max).expect("a HyperLogLog");
    hll.raise(index, count, &mut Cursor::default()).expect("sound registers")
}

/// Places that are close to each other, so that runs are split and joined; and what ranks an element has.
fn places() -> impl Strategy<Value = Vec<(usize, u8)>> {
    let index = prop_oneof![0..40usize, 60..130usize, 16_300..16_384usize, 0..16_384usize];
    prop::collection::vec((index, prop_oneof![8 => 1..4u8, 2 => 1..=32u8]), 0..300)
}

/// A value, and what it becomes as a dense one, hold the registers of the model.
fn check(bytes: &[u8], model: &Registers) {
    assert_eq!(&registers(bytes), model);
    let hll = Hll::of(bytes).expect("a HyperLogLog");
    assert_eq!(hll.count(), Ok(count(model)));
    let mut dense = bytes.to_vec();
    HllMut::of(&mut dense, 0).expect("a HyperLogLog").make_dense().expect("sound registers");
    assert_eq!(dense[CACHE_AT..HEADER], bytes[CACHE_AT..HEADER]);
    assert!(dense::registers(&dense[HEADER..]).eq(model.iter().copied()));
    assert_eq!(Hll::of(&dense).map(|hll| hll.count()), Some(Ok(count(model))));
}

proptest! {
    #[test]
    fn registers_keep_the_highest(places in places(), bytes_max in prop_oneof![Just(3000u64), 0..400u64]) {
        let (mut bytes, mut model) = (empty(), [0; REGISTERS]);
        for (index, count) in places {
            let raised = raise(&mut bytes, index, count, bytes_max);
            prop_assert_eq!(raised, count > model[index]);
            model[index] = model[index].max(count);
            let hll = Hll::of(&bytes).expect("a HyperLogLog");
            let is_sparse = hll.encoding == Encoding::Sparse;
            prop_assert!(!is_sparse || bytes.len() as u64 <= bytes_max.max(empty().len() as u64));
        }
        check(&bytes, &model);
    }

    #[test]
    fn a_rank_beyond_32_makes_it_dense(places in places(), index in 0..REGISTERS, high in 33..=51u8) {
        let mut bytes = empty();
        for (index, count) in places {
            raise(&mut bytes, index, count, 20_000);
        }
        let mut model = registers(&bytes);
        prop_assert!(raise(&mut bytes, index, high, 20_000));
        model[index] = high;
        prop_assert_eq!(bytes.len(), HEADER + dense::BYTES);
        check(&bytes, &model);
    }

    /// With a cursor or without, the bytes are the same.
    #[test]
    fn a_merge_leaves_what_single_steps_leave(
        ours in places(), theirs in places(), bytes_max in prop_oneof![Just(3000u64), 0..700u64], dense: bool,
    ) {
        let (mut bytes, mut model) = (empty(), [0; REGISTERS]);
        for (index, count) in ours {
            raise(&mut bytes, index, count, bytes_max);
        }
        for (index, count) in theirs {
            model[index] = model[index].max(count);
        }
        Hll::of(&bytes).expect("a HyperLogLog").merge_into(&mut model).expect("sound registers");
        let mut one_by_one = bytes.clone();
        if dense {
            HllMut::of(&mut one_by_one, 0).expect("a HyperLogLog").make_dense().expect("sound registers");
        }
        for (index, &count) in model.iter().enumerate().filter(|&(_, &count)| count > 0) {
            raise(&mut one_by_one, index, count, bytes_max);
        }
        let mut hll = HllMut::of(&mut bytes, bytes_max).expect("a HyperLogLog");
        hll.raise_all(&model, dense).expect("sound registers");
        one_by_one[HEADER - 1] |= STALE;
        prop_assert!(bytes == one_by_one);
        check(&bytes, &model);
    }

    #[test]
    fn counts_are_kept_until_they_are_stale(count in 0..1u64 << 63) {
        let mut bytes = empty();
        let mut hll = HllMut::of(&mut bytes, 3000).expect("a HyperLogLog");
        hll.set_cached(count);
        prop_assert_eq!(Hll::of(&bytes).and_then(Hll::cached), Some(count));
        HllMut::of(&mut bytes, 3000).expect("a HyperLogLog").mark_stale();
        prop_assert_eq!(Hll::of(&bytes).and_then(Hll::cached), None);
    }

    #[test]
    fn noise_is_no_reason_to_panic(
        body in prop::collection::vec(any::<u8>(), 0..200), encoding in 0..3u8, index in 0..REGISTERS, count in 1..=51u8,
    ) {
        let bytes = [&b"HYLL"[..], &[encoding, 1, 2, 3], &[0; 8], &body].concat();
        hostile(&bytes, index, count);
    }
}

/// Everything that reads or changes a value, on bytes that may be anything.
fn hostile(bytes: &[u8], index: usize, count: u8) {
    let Some(hll) = Hll::of(bytes) else {
        assert!(HllMut::of(&mut bytes.to_vec(), 3000).is_none());
        return;
    };
    let mut merged = [0; REGISTERS];
    let outcome = hll.merge_into(&mut merged);
    assert_eq!(hll.count().err(), outcome.err());
    if outcome.is_ok() {
        assert_eq!(hll.count(), Ok(super::count(&merged)));
    }
    assert!(sparse::decode(hll.body()).len() <= hll.body().len() * 8);

    let mut dense = bytes.to_vec();
    let converted = HllMut::of(&mut dense, 3000).map(|mut hll| hll.make_dense());
    assert_eq!(converted.and_then(Result::err), outcome.err());
    assert!(outcome.is_ok() || dense == bytes, "what is corrupt stays as it is");

    let mut all = bytes.to_vec();
    if outcome.is_ok() {
        HllMut::of(&mut all, 3000).map(|mut hll| hll.raise_all(&merged, false));
        assert_eq!(registers(&all), merged);
    }

    let mut changed = bytes.to_vec();
    let mut hll = HllMut::of(&mut changed, 3000).expect("a HyperLogLog");
    let raised = hll.raise(index, count, &mut Cursor::default());
    assert!(Hll::of(&changed).is_some());
    if outcome.is_ok() {
        assert_eq!(raised, Ok(count > merged[index]));
        merged[index] = merged[index].max(count);
        assert_eq!(registers(&changed), merged);
    }
}

/// A sound value with a few of its bytes changed, lost, added or moved: so it is met most often.
#[test]
fn mutated_values_are_no_reason_to_panic() {
    let mut random = Random::new(7);
    let mut below = move |n: usize| (random.draw() % n as u64) as usize;
    let (mut sound, mut corrupt) = (0, 0);
    for _ in 0..20_000 {
        let mut bytes = empty();
        for _ in 0..below(60) {
            let index = if below(2) == 0 { below(50) } else { below(REGISTERS) };
            raise(&mut bytes, index, 1 + below(5) as u8, 3000);
        }
        for _ in 0..below(4) {
            let (at, other) = (HEADER - 1 + below(bytes.len() - HEADER), below(256) as u8);
            match below(6) {
                0 => bytes.truncate(at),
                1 => drop(bytes.remove(at)),
                2 => bytes.insert(at, other),
                3 => bytes.extend_from_within(at..),
                4 => bytes[at] ^= 1 << below(8),
                _ => bytes[at] = other,
            }
            bytes.resize(bytes.len().max(HEADER + 1), other);
        }
        let read = Hll::of(&bytes).map(Hll::count);
        sound += usize::from(matches!(read, Some(Ok(_))));
        corrupt += usize::from(matches!(read, Some(Err(_))));
        hostile(&bytes, below(REGISTERS), 1 + below(51) as u8);
    }
    assert!(sound > 3000 && corrupt > 3000, "{sound} sound, {corrupt} corrupt: both are worth testing");
}
