//! HyperLogLogs: on keys of their own, so that they grow through both encodings, and now and then on any
//! key; merged, counted, and damaged by commands on strings.
//!
//! Damage is done to the header, and behind the end. Within the registers a single byte can leave an opcode
//! that the end of the string cuts off, where Redis goes on with the byte behind the string; Percore calls
//! it corrupt (`shard/src/value/hll`, whose tests do such damage).

use crate::common::{Cmd, cmd};
use crate::generate::Generator;

/// Commands, each as often as it is to be drawn.
const NAMES: &[&str] =
    &["PFADD", "PFADD", "PFADD", "PFADD", "PFCOUNT", "PFCOUNT", "PFCOUNT", "PFMERGE", "PFDEBUG"];

impl Generator {
    pub fn hll(&mut self) -> Cmd {
        let name = *self.rng.pick(NAMES);
        if self.rng.one_in(30) {
            return self.damage();
        }
        let mut command = vec![self.cased(name)];
        match name {
            "PFADD" => {
                command.push(self.hll_key());
                self.elements(&mut command);
            }
            "PFDEBUG" => {
                let what = *self.rng.pick(&["DECODE", "DECODE", "ENCODING", "ENCODING", "TODENSE", "NOSUCH"]);
                let what = if self.rng.one_in(20) { "GETREG" } else { what };
                command.extend([self.cased(what), self.hll_key()]);
            }
            _ => {
                for _ in 0..1 + self.rng.below(3) {
                    command.push(self.hll_key());
                }
            }
        }
        command
    }

    pub fn hll_key(&mut self) -> Vec<u8> {
        match self.rng.below(20) {
            0 => self.key(),
            _ => format!("hll:{}", self.rng.below(12)).into_bytes(),
        }
    }

    /// Few or many, old or new, so that values grow past the border between the encodings.
    fn elements(&mut self, command: &mut Cmd) {
        let (count, kinds) = match self.rng.below(20) {
            0 => (0, 1),
            1 => (400, 100_000),
            2..=6 => (20, 5000),
            _ => (3, 300),
        };
        for _ in 0..self.rng.below(count + 1) {
            command.push(self.rng.below(kinds).to_string().into_bytes());
        }
    }

    fn damage(&mut self) -> Cmd {
        let key = self.hll_key();
        match self.rng.below(6) {
            0 => cmd(&[b"APPEND".to_vec(), key, self.rng.bytes(2)]),
            1 => cmd(&[b"DEL".to_vec(), key]),
            _ => {
                let offset = *self.rng.pick(&["0", "4", "5", "8", "14", "15"]);
                let byte = self.rng.pick(&[b"\x00", b"\x01", b"\x7f", b"\x80"]).to_vec();
                cmd(&[b"SETRANGE".to_vec(), key, offset.into(), byte])
            }
        }
    }
}
