//! Integers of any width inside a string: BITFIELD, BITFIELD_RO.
//!
//! ```text
//!   BITFIELD key [GET i5 offset] [OVERFLOW WRAP | SAT | FAIL] [SET u8 #3 value] [INCRBY i64 offset n] …
//! ```
//!
//! All operations are read before the first is run, so that a mistake in the last one changes nothing. Those
//! that write first make the string as long as the farthest of them needs, also where FAIL then refuses
//! to write. `#3` is the fourth integer of that width.
//!
//! Arithmetic is done in 128 bits, where no sum of two 64-bit numbers overflows. What follows Redis to the
//! letter, though it may surprise: a negative number SET into an unsigned integer saturates at its
//! maximum, being a large number in two's complement; and so does one next to `i64::MIN` in a narrow
//! signed integer, where Redis's subtraction of 64 bits overflows ([`Kind::clamp_set`]). What does not: `#` times
//! the width may overflow 64 bits, where Redis goes on with what is left of the product; here that is an
//! offset out of range.

use super::bitmap::{edit_grown, offset, within};
use super::string::text;
use super::{Outcome, Refused, integer};
use crate::event::Class;
use crate::lookup::Touch;
use crate::shard::{Cx, Shard};
use crate::value::bits;
use proto::args::Args;
use proto::encode::Reply;
use proto::error;
use proto::number::parse_i64;

const BAD_TYPE: &str =
    "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.";
const BAD_OVERFLOW: &str = "ERR Invalid OVERFLOW type specified";
const READS_ONLY: &str = "ERR BITFIELD_RO only supports the GET subcommand";

/// What happens to a number that does not fit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Overflow {
    Wrap,
    Saturate,
    Fail,
}

impl Overflow {
    fn named(name: &[u8]) -> Result<Self, Refused> {
        const NAMES: [(&[u8], Overflow); 3] =
            [(b"wrap", Overflow::Wrap), (b"sat", Overflow::Saturate), (b"fail", Overflow::Fail)];
        let found = NAMES.iter().find(|(known, _)| name.eq_ignore_ascii_case(known));
        Ok(found.map(|&(_, overflow)| overflow).ok_or(BAD_OVERFLOW)?)
    }
}

/// The type of an integer: `i5`, `u8`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Kind {
    signed: bool,
    /// Bits: 1 to 64, or 63 where it has no sign.
    width: u32,
}

impl Kind {
    fn parse(text: &[u8]) -> Result<Self, Refused> {
        let (signed, width, max) = match text {
            [b'i', width @ ..] => (true, width, bits::WIDTH_MAX),
            [b'u', width @ ..] => (false, width, bits::WIDTH_MAX - 1),
            _ => return Err(BAD_TYPE.into()),
        };
        let width = parse_i64(width).and_then(|width| u32::try_from(width).ok());
        let width = width.filter(|width| (1..=max).contains(width)).ok_or(BAD_TYPE)?;
        Ok(Self { signed, width })
    }

    fn min(self) -> i128 {
        if self.signed { -(1 << (self.width - 1)) } else { 0 }
    }

    fn max(self) -> i128 {
        let magnitude = if self.signed { self.width - 1 } else { self.width };
        (1 << magnitude) - 1
    }

    /// The number that the low bits of `n` are.
    fn wrap(self, n: i128) -> i128 {
        let unused = i128::BITS - self.width;
        if self.signed { n << unused >> unused } else { ((n as u128) << unused >> unused) as i128 }
    }

    fn read(self, bytes: &[u8], at: u64) -> i128 {
        self.wrap(i128::from(bits::read(bytes, at, self.width)))
    }

    /// `n` itself if it fits, else what is to be stored for it; `None`: nothing.
    fn clamp(self, n: i128, overflow: Overflow) -> Option<i128> {
        match overflow {
            _ if (self.min()..=self.max()).contains(&n) => Some(n),
            Overflow::Wrap => Some(self.wrap(n)),
            Overflow::Saturate => Some(if n < self.min() { self.min() } else { self.max() }),
            Overflow::Fail => None,
        }
    }

    /// What SET stores for a number of the client's.
    fn clamp_set(self, n: i64, overflow: Overflow) -> Option<i128> {
        let n = if self.signed { i128::from(n) } else { i128::from(n as u64) };
        let far_below = self.width < bits::WIDTH_MAX && self.max() - n > i128::from(i64::MAX);
        match overflow {
            Overflow::Saturate if far_below => Some(self.max()),
            _ => self.clamp(n, overflow),
        }
    }
}

/// What to do with an integer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Action {
    Get,
    Set(i64, Overflow),
    Increment(i64, Overflow),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Operation {
    kind: Kind,
    /// Bits.
    offset: u64,
    action: Action,
}

impl Operation {
    /// Runs it on a string that is long enough to write to.
    fn run(self, bytes: &mut [u8], reply: &mut Reply<'_>) -> Written {
        let Self { kind, offset, action } = self;
        let old = kind.read(bytes, offset);
        let new = match action {
            Action::Get => {
                reply.int(old as i64);
                return Written::No;
            }
            Action::Set(n, overflow) => kind.clamp_set(n, overflow),
            Action::Increment(n, overflow) => kind.clamp(old + i128::from(n), overflow),
        };
        let Some(new) = new else {
            reply.null();
            return Written::No;
        };
        bits::write(bytes, offset, kind.width, new as u64);
        reply.int(if matches!(action, Action::Set(..)) { old } else { new } as i64);
        if old == new { Written::Same } else { Written::Changed }
    }

    /// The length in bytes that a string needs to be written to.
    fn end(self) -> usize {
        ((self.offset + u64::from(self.kind.width) - 1) >> 3) as usize + 1
    }
}

/// What an operation has done.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Written {
    No,
    Same,
    Changed,
}

/// Reads all operations.
fn parse(args: Args<'_>, bytes_max: u64) -> Result<Vec<Operation>, Refused> {
    let mut operations = Vec::new();
    let mut overflow = Overflow::Wrap;
    let mut at = 2;
    while let Some(word) = args.get(at) {
        let left = args.len() - at - 1;
        let is = |name: &[u8], needs: usize| left >= needs && word.eq_ignore_ascii_case(name);
        if is(b"overflow", 1) {
            overflow = Overflow::named(args.at(at + 1))?;
            at += 2;
            continue;
        }
        let (is_get, is_set) = (is(b"get", 2), is(b"set", 3));
        if !is_get && !is_set && !is(b"incrby", 3) {
            return Err(error::SYNTAX.into());
        }
        let kind = Kind::parse(args.at(at + 1))?;
        let offset = place(args.at(at + 2), kind.width, bytes_max)?;
        let action = match (is_get, is_set) {
            (true, _) => Action::Get,
            (_, true) => Action::Set(integer(args.at(at + 3))?, overflow),
            _ => Action::Increment(integer(args.at(at + 3))?, overflow),
        };
        operations.push(Operation { kind, offset, action });
        at += if is_get { 3 } else { 4 };
    }
    Ok(operations)
}

/// An offset in bits, or with `#` in integers.
fn place(text: &[u8], width: u32, bytes_max: u64) -> Result<u64, Refused> {
    match text {
        [b'#', index @ ..] => {
            within(parse_i64(index).and_then(|index| index.checked_mul(i64::from(width))), bytes_max)
        }
        _ => offset(text, bytes_max),
    }
}

/// `BITFIELD key [operation …]`
pub(super) fn bitfield(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let operations = parse(args, shard.settings.bulk_len_max)?;
    let writes = operations.iter().filter(|operation| operation.action != Action::Get);
    match writes.map(|operation| operation.end()).max() {
        None => read(shard, cx, args, &operations, reply),
        Some(len) => write(shard, cx, args, len, &operations, reply),
    }
}

/// `BITFIELD_RO key [GET type offset …]`
pub(super) fn bitfield_ro(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let operations = parse(args, shard.settings.bulk_len_max)?;
    if operations.iter().any(|operation| operation.action != Action::Get) {
        return Err(READS_ONLY.into());
    }
    read(shard, cx, args, &operations, reply)
}

fn read(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    operations: &[Operation],
    reply: &mut Reply<'_>,
) -> Outcome {
    let key = shard.first_key(cx, args.at(1));
    shard.read(cx, &key, Touch::Normal, |entry| {
        let bytes = match entry {
            None => b"".into(),
            Some(entry) => text(entry.string().ok_or(error::WRONG_TYPE)?),
        };
        reply.array(operations.len());
        for operation in operations {
            reply.int(operation.kind.read(&bytes, operation.offset) as i64);
        }
        Ok(())
    })
}

fn write(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    len: usize,
    operations: &[Operation],
    reply: &mut Reply<'_>,
) -> Outcome {
    let key = shard.first_key(cx, args.at(1));
    let (changes, grown) = edit_grown(shard, cx, &key, len, |bytes, grows| {
        reply.array(operations.len());
        let written = operations.iter().map(|operation| operation.run(bytes, reply));
        let counts = |written: &Written| match written {
            Written::No => false,
            Written::Same => grows,
            Written::Changed => true,
        };
        (written.filter(counts).count(), grows)
    })?;
    if changes > 0 {
        shard.changed_by(cx, changes as u64, key.bytes, Class::STRING, "setbit");
    } else if grown {
        // FAIL refused all, but the string is longer now. Redis tells nobody; whoever keeps a copy must know.
        shard.changed(cx, key.bytes, Class::default(), "setbit");
    }
    Ok(())
}
