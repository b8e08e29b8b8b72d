//! Whatever bytes an RDB file, a value or RESTORE's payload has: no panic, no hang, and no more memory than the bytes can
//! justify. Deterministic under a seed; `PERCORE_FUZZ_RUNS` says how many executions, the README how to run many.
//!
//! ```text
//!   seeds (seeds.rs)   values of every type and form as every version writes them, old packed forms, whole files
//!   meddled with       bytes set, flipped, put in, taken out; pieces of other seeds; lengths that lie; cut
//!   run as             a value with its type | a file, read to its end | RESTORE on a shard
//! ```
//! **Memory.** Every execution may allocate, in all, at most [`ALLOCATED_BASE`] and [`ALLOCATED_PER_BYTE`] times the length of its
//! input: not at one time, but added up, which is more than it ever holds. The factor is that of LZF (88 bytes of output
//! for one of input) and some twenty for what is then made of the elements, vectors growing by doubling.
//! jemalloc counts the bytes of the thread; a length that lies by a few bits would be noticed at once.

// A test says what went wrong by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../common/mod.rs"]
mod common;
mod seeds;

use common::{Rng, env};
use persist::crc64::checksum;
use persist::rdb::Type;
use persist::rdb::file::{Feed, FileVisitor, Record, Refused, Rules, Unread, read};
use proto::args::OwnedArgs;
use proto::command::CommandId;
use seeds::{NOW_MS, Seeds, tight};
use shard::value::rdb::Loader;
use shard::value::tell::{tell, value_of};
use shard::{Cx, Settings, Shard};

#[global_allocator]
static ALLOCATOR: server::allocator::Allocator = server::allocator::ALLOCATOR;

const RUNS: &str = "PERCORE_FUZZ_RUNS";
const RUNS_USUAL: u64 = 60_000;
/// What any execution may allocate, bytes.
const ALLOCATED_BASE: u64 = 64 << 10;
/// What each byte of its input may add, bytes.
const ALLOCATED_PER_BYTE: u64 = 88 * 20;
/// A shard is replaced after so many executions: what it has yet to free is not our subject.
const SHARD_RUNS: u64 = 1000;
const CHECKSUM_BYTES: usize = 8;

/// Bytes that this thread has allocated since it began.
fn allocated() -> u64 {
    tikv_jemalloc_ctl::thread::allocatedp::read().expect("jemalloc counts").get()
}

/// Changes a few places.
fn meddle(bytes: &mut Vec<u8>, with: &[u8], rng: &mut Rng) {
    /// Bytes that mean something somewhere.
    const TELLING: [u8; 16] =
        [0, 1, 2, 3, 0x0B, 0x3F, 0x40, 0x7F, 0x80, 0x81, 0xC0, 0xC3, 0xF0, 0xFB, 0xFE, 0xFF];
    for _ in 0..=rng.below(3) {
        if bytes.is_empty() {
            return;
        }
        let at = rng.below(bytes.len());
        match rng.below(10) {
            0 if rng.one_in(3) => bytes.truncate(at),
            1 => bytes.insert(at, *rng.pick(&TELLING)),
            2 => drop(bytes.remove(at)),
            3 if !with.is_empty() => {
                let from = rng.below(with.len());
                let len = rng.below(30).min(with.len() - from);
                let end = if rng.one_in(2) { (at + len).min(bytes.len()) } else { at };
                bytes.splice(at..end, with[from..from + len].iter().copied());
            }
            4 => bytes[at] ^= 1 << rng.below(8),
            5 => bytes[0] = rng.below(26) as u8,
            6 if rng.one_in(4) => {
                // A length of many bytes.
                let big = rng.next().to_be_bytes();
                let head = [&[0x81][..], &big].concat();
                bytes.splice(at..at, head);
            }
            7 => bytes[at] = rng.below(256) as u8,
            _ => bytes[at] = *rng.pick(&TELLING),
        }
    }
}

/// Loads what a file has, and looks at all of it.
struct Load<'a> {
    settings: &'a Settings,
    parts: usize,
}

impl FileVisitor for Load<'_> {
    fn select(&mut self, db: u64) -> Result<(), Refused> {
        if db < 16 { Ok(()) } else { Err("a database that there is not") }
    }

    fn key(&mut self, record: &Record<'_>, value: Unread<'_, '_>) -> Result<(), persist::rdb::Error> {
        if record.key.len() % 5 == 4 {
            return Ok(());
        }
        let loaded = Loader { settings: self.settings, seed: 1 }.record(record, value, NOW_MS)?;
        tell(value_of(&loaded.value), &mut |_| self.parts += 1);
        Ok(())
    }
}

fn run_value(bytes: &[u8], settings: &Settings) -> bool {
    let Ok(value) = (Loader { settings, seed: 1 }).load(bytes) else { return false };
    let mut parts = 0;
    tell(value_of(&value), &mut |_| parts += 1);
    parts > 0
}

fn run_file(bytes: &[u8], settings: &Settings) -> bool {
    let (mut blocks, mut load) = (bytes, Load { settings, parts: 0 });
    let mut feed = Feed::new(&mut blocks, 0..bytes.len() as u64);
    let rules = Rules { string_bytes_max: settings.bulk_len_max, ..Rules::default() };
    read(&mut feed, rules, &mut load).is_ok() && load.parts > 0
}

fn run_restore(payload: &[u8], shard: &mut Shard) -> bool {
    let mut cx = Cx::new(CommandId::Restore, 0, NOW_MS);
    cx.key_hash = shard.key(b"k").hash;
    let words: [&[u8]; 5] = [b"RESTORE", b"k", b"0", payload, b"REPLACE"];
    let mut reply = Vec::new();
    shard.execute(&mut cx, OwnedArgs::of(words).args(), &mut reply);
    assert!(reply == b"+OK\r\n" || reply.starts_with(b"-ERR "), "{:?}", reply.escape_ascii().to_string());
    reply[0] == b'+'
}

/// One execution: whether it came to something.
fn execute(kind: usize, seeds: &Seeds, rng: &mut Rng, shard: &mut Shard, settings: &Settings) -> bool {
    let (from, others) =
        if kind == 1 { (&seeds.files, &seeds.values) } else { (&seeds.values, &seeds.values) };
    let mut bytes = rng.pick(from).clone();
    if kind == 1 {
        bytes.truncate(bytes.len() - CHECKSUM_BYTES);
    }
    let other: &Vec<u8> = rng.pick(others);
    meddle(&mut bytes, other, rng);
    match kind {
        1 if !rng.one_in(8) => {
            let sum = checksum(&bytes);
            bytes.extend_from_slice(&sum.to_le_bytes());
        }
        2 => {
            persist::rdb::seal(&mut bytes, Type::String);
            if rng.one_in(50) {
                meddle(&mut bytes, b"", rng);
            }
        }
        _ => {}
    }
    let (before, input) = (allocated(), bytes.len() as u64);
    let made = match kind {
        0 => run_value(&bytes, settings),
        1 => run_file(&bytes, settings),
        _ => run_restore(&bytes, shard),
    };
    let cost = allocated() - before;
    let limit = ALLOCATED_BASE + ALLOCATED_PER_BYTE * input;
    assert!(cost <= limit, "{cost} bytes allocated for {input}: {}", bytes.escape_ascii());
    made
}

#[test]
fn no_bytes_do_harm() {
    let (runs, seed) = (env::number(RUNS, RUNS_USUAL), env::seed());
    let settings = [Settings::default(), tight()];
    let seeds = Seeds::make();
    let mut made = [0u64; 3];
    let mut shard = Shard::new(1, 1);
    for run in 0..runs {
        let mut rng = Rng::new(seed.wrapping_add(run));
        if run % SHARD_RUNS == 0 {
            shard = Shard::new(1, 1);
            shard.settings = settings[rng.below(2)].clone();
        }
        let kind = (run % 3) as usize;
        let now = std::panic::AssertUnwindSafe(|| {
            execute(kind, &seeds, &mut rng, &mut shard, &settings[run as usize / 3 % 2])
        });
        match std::panic::catch_unwind(now) {
            Ok(true) => made[kind] += 1,
            Ok(false) => {}
            Err(panic) => {
                eprintln!("run {run} of seed {seed}, kind {kind}");
                std::panic::resume_unwind(panic);
            }
        }
    }
    println!(
        "{runs} executions; of a third each, values {}, files {}, payloads {} were read",
        made[0], made[1], made[2]
    );
    // Most of what is meddled with is refused, and some is not: both are tried.
    for made in made {
        assert!(made * 3 > runs / 100 && made * 3 < runs, "{made} of {runs}");
    }
}

#[test]
fn what_is_not_meddled_with_is_read() {
    let settings = Settings::default();
    let seeds = Seeds::make();
    assert!(seeds.values.len() > 60 && seeds.files.len() > 5);
    for value in &seeds.values {
        assert!(run_value(value, &settings), "{}", value.escape_ascii());
    }
    for file in &seeds.files {
        assert!(run_file(file, &settings), "{}", file.escape_ascii());
    }
}

#[test]
fn a_lie_that_were_believed_would_be_noticed() {
    let before = allocated();
    drop(Vec::<u8>::with_capacity(1 << 20));
    assert!(allocated() - before >= 1 << 20);
}
