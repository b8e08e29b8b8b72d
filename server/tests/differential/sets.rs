//! The set commands. Random ones only where chance has nothing to choose: all members, or none.

use crate::common::{Cmd, cmd};
use crate::generate::Generator;

const NAMES: &[&str] = &[
    "SADD",
    "SADD",
    "SADD",
    "SADD",
    "SREM",
    "SREM",
    "SISMEMBER",
    "SMISMEMBER",
    "SCARD",
    "SMEMBERS",
    "SPOP",
    "SRANDMEMBER",
    "SSCAN",
    "SMOVE",
    "SINTER",
    "SINTERCARD",
    "SINTERSTORE",
    "SUNION",
    "SUNIONSTORE",
    "SDIFF",
    "SDIFFSTORE",
    "SORT",
    "ENCODING",
    "THRESHOLD",
];

impl Generator {
    pub fn set_command(&mut self) -> Vec<Cmd> {
        let name = *self.rng.pick(NAMES);
        let mut command = vec![self.cased(name)];
        match name {
            "SADD" | "SREM" | "SMISMEMBER" => {
                command.push(if self.rng.one_in(2) { self.few() } else { self.key() });
                let members = if self.rng.one_in(10) { 150 } else { 1 + self.rng.below(8) };
                command.extend((0..members).map(|_| self.member()));
            }
            "SISMEMBER" => command.extend([self.key(), self.member()]),
            "SPOP" | "SRANDMEMBER" => {
                let count = *self.rng.pick(&["1000", "1000", "0", "x", "-9223372036854775808", "1.5"]);
                command.extend([self.key(), count.into()]);
            }
            "SSCAN" => self.set_scan(&mut command),
            "SMOVE" => {
                command.extend([self.key(), self.key(), self.member()]);
            }
            "SINTERCARD" => self.intersection_size(&mut command),
            "SINTER" | "SUNION" | "SDIFF" | "SINTERSTORE" | "SUNIONSTORE" | "SDIFFSTORE" => {
                let keys = 1 + self.rng.below(5) + usize::from(name.ends_with("STORE"));
                command.extend((0..keys).map(|_| self.few()));
            }
            "SORT" => self.sort(&mut command),
            "ENCODING" => command = cmd(&[b"OBJECT", &b"ENCODING"[..], &self.key()]),
            "THRESHOLD" => {
                let entries = *self.rng.pick(&["0", "4", "20", "512"]);
                command = cmd(&["CONFIG", "SET", "set-max-intset-entries", entries]);
            }
            _ => command.push(self.key()),
        }
        vec![command]
    }

    /// A key among few, so that sets meet; rarely any.
    fn few(&mut self) -> Vec<u8> {
        if self.rng.one_in(8) { self.key() } else { format!("k{}", self.rng.below(10)).into_bytes() }
    }

    /// A member: few, so that they meet, with the lengths and numbers at which Redis changes its encoding.
    fn member(&mut self) -> Vec<u8> {
        match self.rng.below(20) {
            0..=11 => self.rng.range(-5, 40).to_string().into_bytes(),
            12..=13 => self.integer(),
            14..=17 => format!("m{}", self.rng.below(20)).into_bytes(),
            18 => vec![b'm'; *self.rng.pick(&[0, 1, 63, 64, 65, 300])],
            _ => self.value(),
        }
    }

    fn set_scan(&mut self, command: &mut Cmd) {
        let cursor = if self.rng.one_in(8) { "x" } else { "0" };
        command.extend([self.key(), cursor.into(), self.cased("COUNT")]);
        // All in one call: cursors are the server's own.
        command.push(if self.rng.one_in(8) { self.small_or_broken() } else { b"100000".to_vec() });
        if self.rng.one_in(2) {
            let pattern = *self.rng.pick(&["*", "1*", "m?", "[1-3]", "", "-*"]);
            command.extend([self.cased("MATCH"), pattern.into()]);
        }
    }

    /// Sorted as texts and stored: Redis then compares bytes, and not what the locale makes of them. (As numbers,
    /// it refuses all after one that overflowed, until C's `errno` changes.)
    fn sort(&mut self, command: &mut Cmd) {
        command.extend([self.key(), self.cased("ALPHA")]);
        if self.rng.one_in(3) {
            command.push(self.cased("DESC"));
        }
        if self.rng.one_in(3) {
            command.extend([self.cased("LIMIT"), self.small(), self.small()]);
        }
        for _ in 0..self.rng.below(3) {
            let pattern = *self.rng.pick(&["#", "key:*", "k*", "key:*->m1", "none*", "none"]);
            command.extend([self.cased("GET"), pattern.into()]);
        }
        command.extend([self.cased("STORE"), self.key()]);
    }

    fn small_or_broken(&mut self) -> Vec<u8> {
        (*self.rng.pick(&["0", "-1", "x", ""])).into()
    }

    fn intersection_size(&mut self, command: &mut Cmd) {
        let keys = 1 + self.rng.below(4);
        let said = if self.rng.one_in(8) { self.small_or_broken() } else { keys.to_string().into_bytes() };
        command.push(said);
        command.extend((0..keys).map(|_| self.few()));
        if self.rng.one_in(2) {
            let limit = *self.rng.pick(&["0", "1", "3", "-1", "x"]);
            command.extend([self.cased("LIMIT"), limit.into()]);
        }
    }
}
