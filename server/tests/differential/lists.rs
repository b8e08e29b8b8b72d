//! The list commands with all their options. Few keys of which many share a slot, so that moves meet, and
//! thresholds that change on the way: nodes of one element, of few, and bounded by bytes.
//!
//! The blocking forms are drawn only within transactions (`transactions`), where they never wait.

use crate::common::{Cmd, cmd};
use crate::generate::Generator;

const NAMES: &[&str] = &[
    "LPUSH",
    "LPUSH",
    "RPUSH",
    "RPUSH",
    "RPUSH",
    "LPUSHX",
    "RPUSHX",
    "LPOP",
    "RPOP",
    "LLEN",
    "LINDEX",
    "LINSERT",
    "LINSERT",
    "LSET",
    "LRANGE",
    "LRANGE",
    "LREM",
    "LTRIM",
    "LPOS",
    "LPOS",
    "LMOVE",
    "RPOPLPUSH",
    "LMPOP",
    "SORT_RO",
    "ENCODING",
    "THRESHOLD",
];

const BLOCKING: &[&str] = &["BLPOP", "BRPOP", "BLMOVE", "BRPOPLPUSH", "BLMPOP"];

impl Generator {
    pub fn list_command(&mut self) -> Cmd {
        let name = *self.rng.pick(NAMES);
        let mut command = vec![self.cased(name)];
        match name {
            "LPUSH" | "RPUSH" | "LPUSHX" | "RPUSHX" => {
                command.push(self.list_key());
                let elements = if self.rng.one_in(20) { 60 } else { 1 + self.rng.below(5) };
                command.extend((0..elements).map(|_| self.element()));
            }
            "LPOP" | "RPOP" => {
                command.push(self.list_key());
                if self.rng.one_in(2) {
                    command.push(self.list_count());
                }
            }
            "LINDEX" => command.extend([self.list_key(), self.list_index()]),
            "LINSERT" => {
                let side = *self.rng.pick(&["BEFORE", "AFTER", "BEFORE", "AFTER", "BESIDE"]);
                command.extend([self.list_key(), self.cased(side), self.element(), self.element()]);
            }
            "LSET" => command.extend([self.list_key(), self.list_index(), self.element()]),
            "LRANGE" => command.extend([self.list_key(), self.list_index(), self.list_index()]),
            "LTRIM" => self.list_trim(&mut command),
            "LREM" => {
                let count = *self.rng.pick(&["0", "1", "2", "-1", "-2", "100", "x"]);
                command.extend([self.list_key(), count.into(), self.element()]);
            }
            "LPOS" => self.list_position(&mut command),
            "LMOVE" => self.list_move(&mut command),
            "RPOPLPUSH" => command.extend([self.list_key(), self.list_key()]),
            "LMPOP" => self.list_pop_many(&mut command),
            "SORT_RO" => {
                command.extend([self.list_key(), self.cased("BY"), b"none".to_vec()]);
                if self.rng.one_in(2) {
                    command.extend([
                        self.cased("GET"),
                        self.rng.pick(&["#", "key:*", "h1->field:*"]).as_bytes().to_vec(),
                    ]);
                }
            }
            "ENCODING" => command = cmd(&[b"OBJECT".to_vec(), b"ENCODING".to_vec(), self.list_key()]),
            "THRESHOLD" => {
                let size = *self.rng.pick(&["-2", "-2", "-1", "1", "3", "20", "128"]);
                let depth = *self.rng.pick(&["0", "0", "1", "2"]);
                return self
                    .line(&format!("CONFIG SET list-max-listpack-size {size} list-compress-depth {depth}"));
            }
            _ => command.push(self.list_key()),
        }
        command
    }

    /// A blocking command, with a time limit that no run waits for.
    pub fn blocking_list_command(&mut self) -> Cmd {
        let name = *self.rng.pick(BLOCKING);
        let mut command = vec![self.cased(name)];
        let limit: Vec<u8> = (*self.rng.pick(&["0", "1000", "0.5", "-1", "x"])).into();
        match name {
            "BLMPOP" => {
                command.push(limit);
                self.list_pop_many(&mut command);
            }
            "BLMOVE" => {
                self.list_move(&mut command);
                command.push(limit);
            }
            "BRPOPLPUSH" => command.extend([self.list_key(), self.list_key(), limit]),
            _ => {
                for _ in 0..1 + self.rng.below(3) {
                    command.push(self.list_key());
                }
                command.push(limit);
            }
        }
        command
    }

    pub fn list_key(&mut self) -> Vec<u8> {
        match self.rng.below(20) {
            0 => self.key(),
            1..=8 => format!("list:{}", self.rng.below(5)).into_bytes(),
            _ => format!("{{list}}:{}", self.rng.below(5)).into_bytes(),
        }
    }

    /// An element: few, so that they are found, of the lengths and numbers that a listpack writes differently.
    fn element(&mut self) -> Vec<u8> {
        match self.rng.below(20) {
            0..=9 => self.rng.range(-3, 12).to_string().into_bytes(),
            10..=14 => format!("e{}", self.rng.below(10)).into_bytes(),
            15..=16 => self.integer(),
            17 => vec![b'e'; *self.rng.pick(&[0, 1, 63, 64, 65, 300, 3000, 4096])],
            _ => self.value(),
        }
    }

    fn list_index(&mut self) -> Vec<u8> {
        match self.rng.below(20) {
            0 => (*self.rng.pick(&["x", "", "9223372036854775808", "9223372036854775807"])).into(),
            1 => b"-9223372036854775808".to_vec(),
            2..=4 => b"0".to_vec(),
            5..=8 => b"-1".to_vec(),
            _ => self.rng.range(-12, 40).to_string().into_bytes(),
        }
    }

    fn list_count(&mut self) -> Vec<u8> {
        (*self.rng.pick(&["0", "1", "2", "3", "3", "8", "1000", "-1", "x"])).into()
    }

    /// Mostly the ends only, so that lists grow.
    fn list_trim(&mut self, command: &mut Cmd) {
        command.push(self.list_key());
        if self.rng.one_in(3) {
            command.extend([self.list_index(), self.list_index()]);
        } else {
            let (start, stop) = (self.rng.below(3), -1 - self.rng.below(3) as i64);
            command.extend([start.to_string().into_bytes(), stop.to_string().into_bytes()]);
        }
    }

    fn list_position(&mut self, command: &mut Cmd) {
        command.extend([self.list_key(), self.element()]);
        for (option, numbers) in [
            ("RANK", &["1", "2", "-1", "-2", "0", "x"][..]),
            ("COUNT", &["0", "1", "2", "100", "-1", "x"]),
            ("MAXLEN", &["0", "1", "5", "1000", "-1", "x"]),
        ] {
            if self.rng.one_in(3) {
                let number = if self.rng.one_in(4) { numbers.len() } else { 3.min(numbers.len()) };
                let number = numbers[self.rng.below(number)];
                command.extend([self.cased(option), number.into()]);
            }
        }
    }

    fn list_end(&mut self) -> Vec<u8> {
        let end = *self.rng.pick(&["LEFT", "RIGHT", "LEFT", "RIGHT", "LEFT", "RIGHT", "MIDDLE"]);
        self.cased(end)
    }

    fn list_move(&mut self, command: &mut Cmd) {
        command.extend([self.list_key(), self.list_key(), self.list_end(), self.list_end()]);
    }

    fn list_pop_many(&mut self, command: &mut Cmd) {
        let keys = 1 + self.rng.below(3);
        let said = if self.rng.one_in(10) { self.list_count() } else { keys.to_string().into_bytes() };
        command.push(said);
        command.extend((0..keys).map(|_| self.list_key()));
        command.push(self.list_end());
        if self.rng.one_in(2) {
            command.extend([self.cased("COUNT"), self.list_count()]);
        }
    }
}
