//! The string commands with all their options.

use crate::common::Cmd;
use crate::generate::Generator;

const NAMES: &[&str] = &[
    "SET",
    "SET",
    "SET",
    "SET",
    "GET",
    "GET",
    "GETSET",
    "GETDEL",
    "GETEX",
    "SETNX",
    "SETEX",
    "PSETEX",
    "MGET",
    "MSET",
    "MSETNX",
    "APPEND",
    "STRLEN",
    "SETRANGE",
    "GETRANGE",
    "SUBSTR",
    "INCR",
    "DECR",
    "INCRBY",
    "DECRBY",
    "INCRBYFLOAT",
    "LCS",
    "SETBIT",
    "GETBIT",
    "BITCOUNT",
    "BITPOS",
    "BITOP",
    "BITFIELD",
    "BITFIELD_RO",
];

impl Generator {
    pub fn string(&mut self) -> Cmd {
        let name = *self.rng.pick(NAMES);
        let mut command = vec![self.cased(name)];
        match name {
            "MGET" => command.extend(self.keys(12)),
            "MSET" | "MSETNX" => self.pairs(&mut command),
            "LCS" | "BITOP" | "BITFIELD" | "BITFIELD_RO" | "SETBIT" | "GETBIT" | "BITCOUNT" | "BITPOS" => {
                self.bits(name, &mut command);
            }
            _ => {
                command.push(self.key());
                self.one_key(name, &mut command);
            }
        }
        command
    }

    fn pairs(&mut self, command: &mut Cmd) {
        for key in self.keys(8) {
            let value = self.value();
            command.extend([key, value]);
        }
    }

    /// The arguments after the key.
    fn one_key(&mut self, name: &str, command: &mut Cmd) {
        match name {
            "SET" => {
                command.push(self.value());
                self.set_options(command);
            }
            "GETSET" | "SETNX" | "APPEND" => command.push(self.value()),
            "GETEX" if self.rng.one_in(4) => {}
            "GETEX" => self.expiry_option(command, "PERSIST"),
            "SETEX" => {
                let seconds = self.relative_expiry();
                command.extend([seconds.to_string().into_bytes(), self.value()]);
            }
            "PSETEX" => {
                let ms = 1000 * self.relative_expiry();
                command.extend([ms.to_string().into_bytes(), self.value()]);
            }
            "SETRANGE" => {
                let offset = self.offset();
                command.extend([offset, self.value()]);
            }
            "GETRANGE" | "SUBSTR" => {
                let end = if self.rng.one_in(3) { b"-1".to_vec() } else { self.small() };
                command.extend([self.small(), end]);
            }
            "INCRBY" | "DECRBY" => command.push(self.integer()),
            "INCRBYFLOAT" => command.push(self.float()),
            _ => {}
        }
    }

    fn offset(&mut self) -> Vec<u8> {
        match self.rng.below(20) {
            0 => b"-1".to_vec(),
            1 => b"536870912".to_vec(),
            2 => b"9223372036854775807".to_vec(),
            3 => b"3000".to_vec(),
            _ => self.rng.below(60).to_string().into_bytes(),
        }
    }

    fn set_options(&mut self, command: &mut Cmd) {
        if self.rng.one_in(2) {
            return;
        }
        // Any number of any of them, so that those that exclude each other meet.
        for _ in 0..1 + self.rng.below(3) {
            match self.rng.below(10) {
                0..=1 => command.push(self.cased("NX")),
                2..=3 => command.push(self.cased("XX")),
                4..=5 => command.push(self.cased("GET")),
                _ => self.expiry_option(command, "KEEPTTL"),
            }
        }
    }

    /// EX, PX, EXAT, PXAT or `other`. Nothing here makes a key that has expired already
    /// ([`Generator::key_command`] does that where what follows is the same on every server).
    fn expiry_option(&mut self, command: &mut Cmd, other: &str) {
        let (option, number) = match self.rng.below(5) {
            0 => ("EX", self.relative_expiry()),
            1 => ("PX", 1000 * self.relative_expiry()),
            2 => ("EXAT", self.absolute_expiry()),
            3 => ("PXAT", 1000 * self.absolute_expiry()),
            _ => {
                command.push(self.cased(other));
                return;
            }
        };
        command.push(self.cased(option));
        let number = match self.rng.below(12) {
            0 => (*self.rng.pick(&["0", "-1", "x", "9223372036854775807", "", "1.5"])).to_string(),
            _ => number.to_string(),
        };
        command.push(number.into_bytes());
    }

    fn bits(&mut self, name: &str, command: &mut Cmd) {
        match name {
            "LCS" => {
                command.extend([self.key(), self.key()]);
                for _ in 0..self.rng.below(4) {
                    let word = *self.rng.pick(&["LEN", "IDX", "WITHMATCHLEN", "MINMATCHLEN"]);
                    command.push(self.cased(word));
                    if word == "MINMATCHLEN" {
                        command.push(self.small());
                    }
                }
            }
            "BITOP" => {
                let op = *self.rng.pick(&["AND", "OR", "XOR", "NOT"]);
                command.extend([self.cased(op), self.key()]);
                let sources = if op == "NOT" { 1 } else { 4 };
                command.extend(self.keys(sources));
            }
            "BITFIELD" | "BITFIELD_RO" => {
                command.push(self.key());
                self.bit_fields(name == "BITFIELD", command);
            }
            _ => {
                command.push(self.key());
                self.bit(name, command);
            }
        }
    }

    fn bit(&mut self, name: &str, command: &mut Cmd) {
        match name {
            "SETBIT" => {
                let bit = *self.rng.pick(&["0", "1", "1", "2"]);
                command.extend([self.offset_in_bits(), bit.into()]);
            }
            "GETBIT" => command.push(self.offset_in_bits()),
            "BITPOS" => {
                command.push((*self.rng.pick(&["0", "1", "1", "2"])).into());
                self.bit_range(command);
            }
            _ => self.bit_range(command),
        }
    }

    fn offset_in_bits(&mut self) -> Vec<u8> {
        match self.rng.below(20) {
            0 => b"-1".to_vec(),
            1 => b"4294967296".to_vec(),
            _ => self.rng.below(400).to_string().into_bytes(),
        }
    }

    fn bit_range(&mut self, command: &mut Cmd) {
        for _ in 0..*self.rng.pick(&[0, 1, 2, 2, 2, 2, 3]) {
            command.push(if self.rng.one_in(3) {
                self.rng.range(-500, 500).to_string().into_bytes()
            } else {
                self.small()
            });
        }
        if self.rng.one_in(3) {
            let unit = *self.rng.pick(&["BIT", "BYTE"]);
            command.push(self.cased(unit));
        }
    }

    fn bit_fields(&mut self, writes: bool, command: &mut Cmd) {
        for _ in 0..1 + self.rng.below(3) {
            let kind = self.bit_field_type();
            let offset: Vec<u8> = match self.rng.below(12) {
                0 => (*self.rng.pick(&["-1", "#-1", "#", "4294967296", "#536870912", "x"])).into(),
                1..=4 => format!("#{}", self.rng.below(6)).into(),
                _ => self.rng.below(300).to_string().into(),
            };
            let number = if self.rng.one_in(3) { self.integer() } else { self.small() };
            match self.rng.below(if writes { 6 } else { 1 }) {
                0 => command.extend([b"GET".to_vec(), kind, offset]),
                1..=2 => command.extend([b"SET".to_vec(), kind, offset, number]),
                3..=4 => command.extend([b"INCRBY".to_vec(), kind, offset, number]),
                _ => {
                    let mode = *self.rng.pick(&["WRAP", "SAT", "FAIL", "BAD"]);
                    command.extend([b"OVERFLOW".to_vec(), mode.into()]);
                }
            }
        }
    }

    /// The type of an integer: any width, and those that there are not.
    fn bit_field_type(&mut self) -> Vec<u8> {
        match self.rng.below(20) {
            0 => (*self.rng.pick(&["u64", "i65", "u0", "i", "x8", "U8", "u08", ""])).into(),
            1 => b"i64".to_vec(),
            2..=10 => format!("i{}", 1 + self.rng.below(63)).into(),
            _ => format!("u{}", 1 + self.rng.below(63)).into(),
        }
    }
}
