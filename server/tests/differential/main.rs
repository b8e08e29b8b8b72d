//! The same commands to Debian's redis-server and to Percore, reply by reply.
//!
//! A seeded generator (`generate`, with one file a family of commands) makes a stream of steps:
//! single commands, pipelines, inline commands, whole SCAN loops, broken frames. Each step goes
//! to both servers over connections of the same protocol version, and what comes back must be
//! equal, but for what `compare` lists with reasons. From time to time, and at the end, all keys of all
//! databases are walked: value, encoding and expiry must be equal too. A stream that fails is shrunk
//! (`shrink`) to few steps, which are printed as one would type them into redis-cli.
//!
//! `PERCORE_DIFF_COMMANDS` sets the length of a stream, `PERCORE_SEED` the seed; `-- --nocapture` shows how far a
//! long one has come.

// A test says what went wrong by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../common/mod.rs"]
mod common;
mod compare;
mod coverage;
mod errors;
mod generate;
mod hashes;
mod hll;
mod keys;
mod listen;
mod lists;
mod run;
mod server_commands;
mod sets;
mod shrink;
mod stream;
mod streams;
mod strings;
mod transactions;
mod zsets;

use common::{Server, env};
use generate::Generator;
use run::Pair;

/// Long enough to reach every form of every command some times over, short enough for every build.
const COMMANDS: u64 = 25_000;
/// A line of progress every so many.
const PROGRESS: usize = 100_000;

fn differential(test: &str, shards: usize, version: u8) {
    let Some(redis) = Server::redis(test) else { return };
    let percore = Server::start(shards);
    let seed = env::seed().wrapping_mul(31).wrapping_add(shards as u64 * 10 + u64::from(version));
    let wanted = env::number(env::DIFF_COMMANDS, COMMANDS) as usize;
    let mut pair = Pair::new(&redis, &percore, version);
    let mut generator = Generator::new(seed, version);
    let mut stream = Vec::new();
    let mut sent = 0;
    while sent < wanted {
        let step = generator.step();
        let before = sent;
        sent += step.commands();
        if before / PROGRESS != sent / PROGRESS {
            eprintln!("{test}: {sent} of {wanted} commands, no difference");
        }
        stream.push(step);
        let Err(first) = pair.run(&stream[stream.len() - 1]) else { continue };
        let (shortest, failure) = shrink::shrink(&mut pair, &stream).unwrap_or((stream, first));
        panic!(
            "Percore ({shards} shards, RESP{version}) and Redis differ after {sent} commands of the stream \
             of {}={}.\n{}\n{failure}",
            env::SEED,
            env::seed(),
            stream::script(&shortest),
        );
    }
    if let Err(failure) = pair.walk() {
        panic!("the final states differ, {}={}, {shards} shards\n{failure}", env::SEED, env::seed());
    }
}

macro_rules! streams {
    ($($name:ident: $shards:literal shards, RESP $version:literal;)*) => {
        $(#[test]
        fn $name() {
            differential(stringify!($name), $shards, $version);
        })*
    };
}

streams! {
    one_shard_resp2: 1 shards, RESP 2;
    one_shard_resp3: 1 shards, RESP 3;
    two_shards_resp2: 2 shards, RESP 2;
    two_shards_resp3: 2 shards, RESP 3;
    five_shards_resp2: 5 shards, RESP 2;
    five_shards_resp3: 5 shards, RESP 3;
}
