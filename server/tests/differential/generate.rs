//! The generator's core: pools of keys, values and numbers that meet often and hit the edges,
//! and the choice between families of commands.
//!
//! What keeps a stream deterministic on two servers with two clocks: a relative expiry is some twelve days
//! or more away and no two of them lie within 1,000 s of each other; an absolute one lies in
//! the past or beyond the year 2128, further than any relative one. So GT and LT decide alike on both, and
//! nothing expires by the clock in between.

use crate::common::{Cmd, Rng, cmd};
use crate::stream::Step;

/// Steps between two walks over all keys.
const WALK_EVERY: usize = 1500;

pub struct Generator {
    pub rng: Rng,
    /// The protocol version of the stream's connection.
    pub version: u8,
    /// The first halves of the ids of stream entries so far.
    pub stream_ids: u64,
    expiries: u64,
    steps: usize,
}

impl Generator {
    pub fn new(seed: u64, version: u8) -> Self {
        Self { rng: Rng::new(seed), version, stream_ids: 0, expiries: 0, steps: 0 }
    }

    pub fn step(&mut self) -> Step {
        self.steps += 1;
        if self.steps.is_multiple_of(WALK_EVERY) {
            return Step::Walk;
        }
        match self.rng.below(100) {
            0..=59 => Step::Pipeline(self.commands()),
            60..=81 => {
                let mut batch = Vec::new();
                let length = 1 + self.rng.below(40);
                while batch.len() < length {
                    batch.extend(self.commands());
                }
                Step::Pipeline(batch)
            }
            82..=88 => Step::one(self.wrong()),
            89..=92 => self.inline(),
            93..=94 => Step::Scan(self.scan_options()),
            95 => Step::RandomKey,
            96 => Step::Restore(self.key_of_any_type(), self.key()),
            97 => Step::Listen,
            _ => Step::Broken(self.broken()),
        }
    }

    /// One command, or a few that belong together.
    pub fn commands(&mut self) -> Vec<Cmd> {
        // A line a family, as many as the weight it has.
        match self.rng.below(100) {
            0..=11 => vec![self.string()],
            12..=15 => vec![self.hll()],
            16..=28 => self.key_command(),
            29..=38 => self.stream_commands(),
            39..=48 => self.set_command(),
            49..=61 => self.zset_command(),
            62..=72 => vec![self.hash()],
            73..=84 => vec![self.list_command()],
            85..=88 => self.transaction(),
            89..=97 => self.server_command(),
            _ => vec![self.wrong()],
        }
    }

    /// A key: mostly one of a few hundred, some in one slot, some odd ones.
    pub fn key(&mut self) -> Vec<u8> {
        match self.rng.below(100) {
            0..=69 => format!("key:{}", self.rng.below(150)).into_bytes(),
            70..=79 => format!("{{tag{}}}:{}", self.rng.below(3), self.rng.below(10)).into_bytes(),
            80..=86 => format!("k{}", self.rng.below(10)).into_bytes(),
            87..=89 => format!("h{}", self.rng.below(10)).into_bytes(),
            90..=93 => format!("user:{}:name[{}]", self.rng.below(5), self.rng.below(3)).into_bytes(),
            94 => Vec::new(),
            95 => b"a key with spaces".to_vec(),
            96 => b"\x00\xff\r\nbinary*?".to_vec(),
            97 => b"{}empty-tag".to_vec(),
            98 => vec![b'L'; 300],
            _ => format!("n{}", self.rng.below(10)).into_bytes(),
        }
    }

    fn key_of_any_type(&mut self) -> Vec<u8> {
        match self.rng.below(8) {
            0 => format!("h{}", self.rng.below(10)).into_bytes(),
            1 => self.list_key(),
            2 => self.zset_key(),
            3 => self.slot_key(),
            4 => self.hll_key(),
            _ => self.key(),
        }
    }

    pub fn keys(&mut self, at_most: usize) -> Vec<Vec<u8>> {
        let n = 1 + self.rng.below(at_most);
        (0..n).map(|_| self.key()).collect()
    }

    /// A value, with the lengths and numbers at which Redis changes its encoding.
    pub fn value(&mut self) -> Vec<u8> {
        match self.rng.below(100) {
            0..=29 => self.integer(),
            30..=39 => self.float(),
            40..=69 => {
                let len = *self.rng.pick(&[0, 1, 3, 8, 19, 20, 21, 43, 44, 45, 64, 100]);
                self.text(len)
            }
            70..=84 => {
                let len = self.rng.below(60);
                self.rng.bytes(len)
            }
            85..=97 => format!("value {}", self.rng.below(1000)).into_bytes(),
            98 => self.text(5_000),
            _ => self.text(40_000),
        }
    }

    fn text(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| *self.rng.pick(b"abcdefgh0123456789")).collect()
    }

    /// An integer or what nearly is one.
    pub fn integer(&mut self) -> Vec<u8> {
        const EDGES: &[&str] = &[
            "0",
            "-1",
            "1",
            "9999",
            "10000",
            "9223372036854775807",
            "-9223372036854775808",
            "9223372036854775808",
            "-9223372036854775809",
            "007",
            "+5",
            " 5",
            "5 ",
            "-0",
            "1e3",
            "0x10",
            "18446744073709551616",
        ];
        match self.rng.below(10) {
            0..=5 => self.rng.range(-100, 1000).to_string().into_bytes(),
            6..=7 => self.rng.range(i64::MIN / 2, i64::MAX / 2).to_string().into_bytes(),
            _ => self.rng.pick(EDGES).as_bytes().to_vec(),
        }
    }

    pub fn float(&mut self) -> Vec<u8> {
        const SOME: &[&str] = &[
            "0.1",
            "0.2",
            "-0.3",
            "3.0",
            "1e5",
            "1.5e-3",
            "12345.678",
            "-1e10",
            "1e17",
            "0.000001",
            "5.",
            ".5",
            "inf",
            "-inf",
            "nan",
            "1e400",
            "1.0.0",
            " 1.5",
            "0x1p3",
            "",
        ];
        match self.rng.below(3) {
            0 => format!("{}.{}", self.rng.range(-500, 500), self.rng.below(10_000)).into_bytes(),
            _ => self.rng.pick(SOME).as_bytes().to_vec(),
        }
    }

    /// Seconds from now, far away and at least 1,000 s from any other.
    pub fn relative_expiry(&mut self) -> u64 {
        self.expiries += 1;
        // 7919 and 1,000,003 are primes: no value comes twice in a million.
        1_000_000 + 1000 * (self.expiries * 7919 % 1_000_003)
    }

    /// Unix seconds far in the future, few values, so that equal ones meet.
    pub fn absolute_expiry(&mut self) -> u64 {
        5_000_000_000 + 1000 * self.rng.below(6) as u64
    }

    /// A number as an option or an index.
    pub fn small(&mut self) -> Vec<u8> {
        self.rng.range(-12, 60).to_string().into_bytes()
    }

    /// The word in upper, lower or mixed case: Redis does not care.
    pub fn cased(&mut self, word: &str) -> Vec<u8> {
        match self.rng.below(8) {
            0 => word.to_lowercase().into_bytes(),
            1 => {
                let flip = |(i, b): (usize, u8)| if i % 2 == 0 { b.to_ascii_lowercase() } else { b };
                word.bytes().enumerate().map(flip).collect()
            }
            _ => word.as_bytes().to_vec(),
        }
    }

    /// A command from words; the first in any case.
    pub fn line(&mut self, words: &str) -> Cmd {
        let mut command = cmd(&words.split_whitespace().collect::<Vec<_>>());
        command[0] = self.cased(&String::from_utf8_lossy(&command[0]));
        command
    }
}
