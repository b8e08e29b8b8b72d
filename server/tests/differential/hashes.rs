//! The hash commands with all their options. Few keys and few fields, so that they meet; thresholds that
//! change on the way, so that every form and every conversion comes up.
//!
//! Left out: what Redis 7.0 has not got (the expiry of fields, NOVALUES), and HSET of more fields than
//! a packed hash may have, which 7.2 judges by its arguments and 7.0 by the fields they leave.

use crate::common::{Cmd, cmd};
use crate::generate::Generator;

const NAMES: &[&str] = &[
    "HSET",
    "HSET",
    "HSET",
    "HSET",
    "HMSET",
    "HSETNX",
    "HGET",
    "HGET",
    "HMGET",
    "HGETALL",
    "HKEYS",
    "HVALS",
    "HLEN",
    "HSTRLEN",
    "HEXISTS",
    "HDEL",
    "HDEL",
    "HINCRBY",
    "HINCRBYFLOAT",
    "HRANDFIELD",
    "HSCAN",
    "DEL",
    "ENCODING",
    "THRESHOLDS",
];

/// More than any hash of a stream has fields: HSCAN is through with one call, since cursors are not compared.
const COUNT_ALL: &str = "100000";
/// No threshold is lower, and no command sets more fields.
const PAIRS_MAX: usize = 3;

impl Generator {
    pub fn hash(&mut self) -> Cmd {
        let name = *self.rng.pick(NAMES);
        match name {
            "ENCODING" => return cmd(&[&b"OBJECT"[..], b"ENCODING", &self.hash_key()]),
            "THRESHOLDS" => return self.hash_thresholds(),
            _ => {}
        }
        let mut command = vec![self.cased(name), self.hash_key()];
        match name {
            "HSET" | "HMSET" => {
                for _ in 0..1 + self.rng.below(PAIRS_MAX) {
                    command.extend([self.field(), self.field_value()]);
                }
            }
            "HSETNX" => command.extend([self.field(), self.field_value()]),
            "HGET" | "HSTRLEN" | "HEXISTS" => command.push(self.field()),
            "HMGET" | "HDEL" => {
                let fields = 1 + self.rng.below(5);
                command.extend((0..fields).map(|_| self.field()));
            }
            "HINCRBY" => command.extend([self.field(), self.integer()]),
            "HINCRBYFLOAT" => command.extend([self.field(), self.float()]),
            "HRANDFIELD" => self.random_field(&mut command),
            "HSCAN" => self.scan_fields(&mut command),
            _ => {}
        }
        command
    }

    /// One that may lose or change arguments: HSCAN without its COUNT may end anywhere, and thresholds are to
    /// stay what they are.
    pub fn hash_to_break(&mut self) -> Cmd {
        loop {
            let command = self.hash();
            if !["hscan", "config"].iter().any(|name| command[0].eq_ignore_ascii_case(name.as_bytes())) {
                return command;
            }
        }
    }

    /// A key that is likely to be a hash.
    fn hash_key(&mut self) -> Vec<u8> {
        match self.rng.below(20) {
            0 => self.key(),
            n => format!("h{}", n % 10).into_bytes(),
        }
    }

    fn field(&mut self) -> Vec<u8> {
        match self.rng.below(20) {
            0..=13 => format!("field:{}", self.rng.below(12)).into_bytes(),
            14..=17 => self.rng.range(-3, 10).to_string().into_bytes(),
            18 => self.value(),
            _ => vec![b'f'; *self.rng.pick(&[0, 15, 16, 17, 64, 65])],
        }
    }

    fn field_value(&mut self) -> Vec<u8> {
        match self.rng.below(10) {
            0..=3 => self.rng.range(-100_000, 100_000).to_string().into_bytes(),
            4..=6 => format!("v{}", self.rng.below(100)).into_bytes(),
            7 => self.float(),
            8 => vec![b'v'; *self.rng.pick(&[0, 15, 16, 17, 63, 64, 65, 200])],
            _ => self.value(),
        }
    }

    fn hash_thresholds(&mut self) -> Cmd {
        let (entries, value) = (*self.rng.pick(&["3", "8", "512"]), *self.rng.pick(&["16", "64"]));
        self.line(&format!("CONFIG SET hash-max-listpack-entries {entries} hash-max-listpack-value {value}"))
    }

    fn random_field(&mut self, command: &mut Cmd) {
        if self.rng.one_in(3) {
            return;
        }
        command.push(self.small());
        if self.rng.one_in(2) {
            let word = *self.rng.pick(&["WITHVALUES", "WITHVALUES", "VALUES"]);
            command.push(self.cased(word));
        }
    }

    fn scan_fields(&mut self, command: &mut Cmd) {
        command.push(b"0".to_vec());
        if self.rng.one_in(2) {
            let pattern = *self.rng.pick(&["*", "field:*", "field:1?", "[0-5]", "-*", ""]);
            command.extend([self.cased("MATCH"), pattern.into()]);
        }
        command.extend([self.cased("COUNT"), COUNT_ALL.into()]);
    }
}
