//! Sparse registers: runs of equal ones, in the order of the registers.
//!
//! ```text
//!   00xxxxxx              xxxxxx + 1 registers are zero           (1 to 64)
//!   01xxxxxx yyyyyyyy     xxxxxxyyyyyyyy + 1 are zero             (1 to 16384)
//!   1vvvvvxx              xx + 1 are vvvvv + 1                    (1 to 4 of 1 to 32)
//! ```
//!
//! The empty value is one opcode, `7f ff`. Runs add up to 16,384 registers; that is the only thing that
//! makes bytes valid. There are many spellings of the same registers, and all are accepted; the one that an
//! insertion leaves is Redis's, so that a string built by the same commands has the same bytes:
//!
//! 1. walk to the opcode that covers the register;
//! 2. overwrite it, or split it into up to three (5 bytes): what was before, the register, what comes after;
//!    zeros up to 64 take the short form;
//! 3. from the opcode before it on, look at five opcodes, and join neighbours of one value whose runs together
//!    are no longer than 4.
//!
//! A merge raises thousands of registers in ascending order. Walking from the front for each would be
//! quadratic, so a [`Cursor`] remembers where the next walk may begin: two opcodes before the last place,
//! since step 3 rewrites nothing before the opcode that precedes it.

use super::estimate::Histogram;
use super::{Corrupt, HEADER, REGISTERS, Registers};

/// The opcodes of a value without elements.
pub(crate) const EMPTY: [u8; 2] = [0x7f, 0xff];

/// Highest number that a sparse register can hold.
const VALUE_MAX: u8 = 32;
/// Longest run of a value.
const RUN_MAX: usize = 4;
/// Longest run of zeros in one byte.
const ZEROS_MAX: usize = 64;
/// Opcodes that an insertion looks at to join neighbours.
const JOINED_MAX: usize = 5;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Opcode {
    Zeros(usize),
    LongZeros(usize),
    Value { value: u8, run: usize },
}

impl Opcode {
    /// The opcode at the start of `bytes`; `None` at the end, or where the end cuts it off.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        match *bytes {
            [first, ..] if first & 0x80 != 0 => Some(Self::value(first)),
            [first, ..] if first & 0x40 == 0 => Some(Self::Zeros(usize::from(first) + 1)),
            [first, second, ..] => Some(Self::LongZeros(long_run(first, second))),
            _ => None,
        }
    }

    fn value(byte: u8) -> Self {
        Self::Value { value: (byte >> 2 & 0x1f) + 1, run: usize::from(byte & 3) + 1 }
    }

    /// Bytes.
    pub(crate) fn len(self) -> usize {
        if matches!(self, Self::LongZeros(_)) { 2 } else { 1 }
    }

    /// Registers.
    fn run(self) -> usize {
        match self {
            Self::Zeros(run) | Self::LongZeros(run) | Self::Value { run, .. } => run,
        }
    }
}

fn long_run(first: u8, second: u8) -> usize {
    (usize::from(first & 0x3f) << 8 | usize::from(second)) + 1
}

fn value_byte(value: u8, run: usize) -> u8 {
    0x80 | (value - 1) << 2 | (run - 1) as u8
}

/// The opcodes as `PFDEBUG DECODE` shows them: `Z:16383 v:3,1`. The second byte of one that is cut off
/// shows as 0.
pub(crate) fn decode(body: &[u8]) -> String {
    let mut words = Vec::new();
    let mut rest = body;
    while let [first, ..] = *rest {
        let opcode = Opcode::read(rest).unwrap_or(Opcode::LongZeros(long_run(first, 0)));
        words.push(match opcode {
            Opcode::Zeros(run) => format!("z:{run}"),
            Opcode::LongZeros(run) => format!("Z:{run}"),
            Opcode::Value { value, run } => format!("v:{value},{run}"),
        });
        rest = rest.get(opcode.len()..).unwrap_or_default();
    }
    words.join(" ")
}

/// Calls `visit(first register, run, value)` for each run of a value that is not zero.
pub(crate) fn for_each_run(body: &[u8], mut visit: impl FnMut(usize, usize, u8)) -> Result<(), Corrupt> {
    let (mut rest, mut index) = (body, 0);
    while !rest.is_empty() {
        let opcode = Opcode::read(rest).ok_or(Corrupt)?;
        let end = index + opcode.run();
        if end > REGISTERS {
            return Err(Corrupt);
        }
        if let Opcode::Value { value, run } = opcode {
            visit(index, run, value);
        }
        (rest, index) = (&rest[opcode.len()..], end);
    }
    if index == REGISTERS { Ok(()) } else { Err(Corrupt) }
}

pub(crate) fn histogram(body: &[u8], histogram: &mut Histogram) -> Result<(), Corrupt> {
    let mut zeros = REGISTERS as u32;
    for_each_run(body, |_, run, value| {
        histogram[usize::from(value)] += run as u32;
        zeros -= run as u32;
    })?;
    histogram[0] += zeros;
    Ok(())
}

/// Raises `registers` to those in `body`.
pub(crate) fn merge_into(body: &[u8], registers: &mut Registers) -> Result<(), Corrupt> {
    for_each_run(body, |from, run, value| {
        registers[from..from + run].iter_mut().for_each(|register| *register = value.max(*register));
    })
}

/// Where a walk may begin: an opcode, and the register it begins with.
#[derive(Clone, Copy)]
pub(crate) struct Cursor {
    /// Bytes from the start of the string.
    at: usize,
    register: usize,
}

impl Default for Cursor {
    fn default() -> Self {
        Self { at: HEADER, register: 0 }
    }
}

/// What became of a register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    /// It is as high already.
    Same,
    Raised,
    /// Nothing was done: sparse registers cannot hold this, or not in the bytes allowed.
    TooMuch,
}

/// The opcode that covers a register.
struct Found {
    at: usize,
    opcode: Opcode,
    /// The first register it covers.
    first: usize,
    /// The opcode before it; itself if the walk began with it.
    before: usize,
}

/// The registers that each opcode of one byte covers; 0 for the first byte of one of two.
const RUNS: [u8; 256] = {
    let mut runs = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        runs[byte] = match byte {
            0x80.. => (byte & 3) as u8 + 1,
            0x40.. => 0,
            _ => byte as u8 + 1,
        };
        byte += 1;
    }
    runs
};

/// Step 1. Leaves the cursor where the next walk may begin. This is most of what adding costs: a table
/// instead of [`Opcode::read`], since which opcode comes next no branch can foretell.
fn find(hll: &[u8], index: usize, cursor: &mut Cursor) -> Result<Found, Corrupt> {
    let mut here = *cursor;
    let (mut before, mut before_that) = (here, here);
    loop {
        let first = *hll.get(here.at).ok_or(Corrupt)?;
        let (run, len) = match RUNS[usize::from(first)] {
            0 => (long_run(first, *hll.get(here.at + 1).ok_or(Corrupt)?), 2),
            run => (usize::from(run), 1),
        };
        if index < here.register + run {
            *cursor = before_that;
            let opcode = Opcode::read(&hll[here.at..]).ok_or(Corrupt)?;
            return Ok(Found { at: here.at, opcode, first: here.register, before: before.at });
        }
        (before_that, before) = (before, here);
        here = Cursor { at: here.at + len, register: here.register + run };
    }
}

/// Up to three opcodes on their way into the string.
#[derive(Default)]
struct Split {
    bytes: [u8; 5],
    len: usize,
}

impl Split {
    fn push(&mut self, byte: u8) {
        self.bytes[self.len] = byte;
        self.len += 1;
    }

    fn push_zeros(&mut self, run: usize) {
        if run > ZEROS_MAX {
            self.push(0x40 | ((run - 1) >> 8) as u8);
        }
        if run > 0 {
            self.push((run - 1) as u8);
        }
    }

    fn push_value(&mut self, value: u8, run: usize) {
        if run > 0 {
            self.push(value_byte(value, run));
        }
    }

    /// `opcode` with `count` in the place of one register, which `ahead` registers precede.
    fn of(opcode: Opcode, ahead: usize, count: u8) -> Self {
        let mut split = Self::default();
        let behind = opcode.run() - ahead - 1;
        match opcode {
            Opcode::Zeros(_) | Opcode::LongZeros(_) => {
                split.push_zeros(ahead);
                split.push_value(count, 1);
                split.push_zeros(behind);
            }
            Opcode::Value { value, .. } => {
                split.push_value(value, ahead);
                split.push_value(count, 1);
                split.push_value(value, behind);
            }
        }
        split
    }
}

/// Raises the register `index` of the string `hll`, header and all, to at least `count`; the string gets no
/// longer than `bytes_max` by that. A cursor that is used again must be used for a higher index.
pub(crate) fn raise(
    hll: &mut Vec<u8>,
    index: usize,
    count: u8,
    bytes_max: u64,
    cursor: &mut Cursor,
) -> Result<Outcome, Corrupt> {
    if count > VALUE_MAX {
        return Ok(Outcome::TooMuch);
    }
    let Found { at, opcode, first, before } = find(hll, index, cursor)?;
    if matches!(opcode, Opcode::Value { value, .. } if value >= count) {
        return Ok(Outcome::Same);
    }
    let split = Split::of(opcode, index - first, count);
    let len = hll.len() - opcode.len() + split.len;
    if split.len > opcode.len() && len as u64 > bytes_max {
        return Ok(Outcome::TooMuch);
    }
    replace(hll, at, opcode.len(), &split.bytes[..split.len]);
    join(hll, before);
    Ok(Outcome::Raised)
}

/// Puts `new` in the place of the `old` bytes at `at`.
fn replace(hll: &mut Vec<u8>, at: usize, old: usize, new: &[u8]) {
    let len = hll.len();
    if new.len() > old {
        hll.resize(len + new.len() - old, 0);
    }
    if new.len() != old {
        hll.copy_within(at + old..len, at + new.len());
        hll.truncate(len - old + new.len());
    }
    hll[at..at + new.len()].copy_from_slice(new);
}

/// Step 3: joins equal neighbours among the opcodes from `at` on.
fn join(hll: &mut Vec<u8>, mut at: usize) {
    for _ in 0..JOINED_MAX {
        let Some(opcode) = Opcode::read(hll.get(at..).unwrap_or_default()) else { return };
        if let Opcode::Value { value, run } = opcode
            && let Some(Opcode::Value { value: other, run: more }) = Opcode::read(&hll[at + 1..])
            && value == other
            && run + more <= RUN_MAX
        {
            hll[at] = value_byte(value, run + more);
            hll.remove(at + 1);
            continue; // with what follows, perhaps
        }
        at += opcode.len();
    }
}
