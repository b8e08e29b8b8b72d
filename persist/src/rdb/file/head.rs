//! What stands before the keys of a file, and behind them.
//!
//! ```text
//!   REDIS0011  AUX redis-ver ...  AUX percore-fragments  FUNCTION2 ...  { SELECTDB RESIZEDB } ...  AUX padding
//!   EOF  CRC-64
//! ```
//! The sizes of all databases come before any key, so that Redis makes its tables once: they are of the whole, and
//! a hint of a part's size behind them would make it shrink what it has made.
//!
//! A file of one [`Body`](super::Body) need not be merged: write the head (with the version that its values will need at most, and
//! what is known of sizes), the blocks, and the tail, whose checksum is that of the head, combined with the fragment's.

use super::MAGIC;
use super::body::Counts;
use crate::rdb::{Opcode, Target, Writer};
use std::collections::BTreeMap;

/// What stands behind the keys, bytes.
pub const TAIL_BYTES: usize = 9;

/// What is told about a file, before its keys.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Head {
    pub target: Target,
    /// Fields and their values, in order; Redis passes over those that it does not know.
    pub aux: Vec<(Vec<u8>, Vec<u8>)>,
    /// Sources of libraries of functions. Versions before functions do without.
    pub functions: Vec<Vec<u8>>,
    /// `rdbcompression`: of functions.
    pub compress: bool,
    /// `rdbchecksum`: the file ends with a checksum, and not with zeros.
    pub checksum: bool,
}

impl Head {
    /// The fields with which Redis's own files begin. `server` is the version of Redis that this server is like; `ctime` is
    /// in Unix seconds, `used_memory` in bytes; `aof_base` is of the base of an append-only file.
    #[must_use]
    pub fn new(target: Target, server: &str, ctime: i64, used_memory: u64, aof_base: bool) -> Self {
        let head = Self { target, compress: true, checksum: true, ..Self::default() };
        head.with("redis-ver", server)
            .with("redis-bits", &usize::BITS.to_string())
            .with("ctime", &ctime.to_string())
            .with("used-mem", &used_memory.to_string())
            .with("aof-base", if aof_base { "1" } else { "0" })
    }

    /// One field more.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.aux.push((name.into(), value.into()));
        self
    }

    /// Writes it, for a file whose values need at least the version `needs`; `sizes` are those of its databases.
    pub fn write(&self, out: &mut Vec<u8>, needs: u16, sizes: &BTreeMap<u64, Counts>) {
        self.write_fields(out, needs);
        self.write_rest(out, sizes);
    }

    /// The first half, up to where another field may come.
    pub(super) fn write_fields(&self, out: &mut Vec<u8>, needs: u16) {
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(format!("{:04}", self.target.of_file(needs)).as_bytes());
        for (name, value) in &self.aux {
            field(out, name, value);
        }
    }

    pub(super) fn write_rest(&self, out: &mut Vec<u8>, sizes: &BTreeMap<u64, Counts>) {
        for source in self.functions.iter().filter(|_| self.target.has_functions()) {
            out.push(Opcode::Function2 as u8);
            Writer::new(out, self.compress).string(source);
        }
        for (db, counts) in sizes {
            out.push(Opcode::SelectDb as u8);
            Writer::new(out, false).length(*db);
            out.push(Opcode::ResizeDb as u8);
            Writer::new(out, false).length(counts.keys);
            Writer::new(out, false).length(counts.expires);
        }
    }
}

/// Writes a field.
pub(super) fn field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.push(Opcode::Aux as u8);
    let mut writer = Writer::new(out, false);
    writer.string(name);
    writer.string(value);
}

/// The end of a file whose bytes up to there have this checksum; `None` says that there is none.
#[must_use]
pub fn tail(sum: Option<u64>) -> [u8; TAIL_BYTES] {
    let mut tail = [Opcode::Eof as u8; TAIL_BYTES];
    let sum = sum.map_or(0, |sum| crate::crc64::combine(sum, crate::crc64::checksum(&tail[..1]), 1));
    tail[1..].copy_from_slice(&sum.to_le_bytes());
    tail
}
