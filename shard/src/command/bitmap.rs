//! Commands on the bits of a string: SETBIT GETBIT BITCOUNT BITPOS BITOP.
//!
//! A bitmap is a string, and shows as `raw` once it was edited, whatever its length. SETBIT changes the
//! string where it lies: one byte, however long it is; what lies between the old end and the bit is filled
//! with zeros. BITOP reads its sources one after another into the outcome, so that it needs one buffer
//! and no copy of any source.
//!
//! Offsets count bits from the most significant bit of the first byte ([`crate::value::bits`]). They
//! reach as far as `proto-max-bulk-len` allows a string to; the limit is on where an access begins,
//! so an integer of BITFIELD may make a string up to 8 bytes longer than that, as in Redis.

use super::many::key_at;
use super::string::{length, text};
use super::{Outcome, Refused, integer};
use crate::db::{Detached, DetachedValue, Encoding, Key, StrRef};
use crate::event::Class;
use crate::lookup::Touch;
use crate::shard::{Cx, Shard};
use crate::value::bits::{self, Combine};
use proto::args::Args;
use proto::encode::Reply;
use proto::error;
use proto::number::parse_i64;

const BAD_BIT: &str = "ERR The bit argument must be 1 or 0.";
const NOT_OF_SEVERAL: &str = "ERR BITOP NOT must be called with a single source key.";

/// An offset in bits, of a string of at most `bytes_max`.
pub(super) fn offset(text: &[u8], bytes_max: u64) -> Result<u64, Refused> {
    within(parse_i64(text), bytes_max)
}

/// The offset, if a string may reach so far.
pub(super) fn within(offset: Option<i64>, bytes_max: u64) -> Result<u64, Refused> {
    let offset = offset.and_then(|offset| u64::try_from(offset).ok());
    Ok(offset.filter(|offset| offset >> 3 < bytes_max).ok_or(error::BIT_OFFSET_NOT_AN_INTEGER)?)
}

/// Hands the string under `key` to `edit` as a buffer of at least `len` bytes, and whether that made it
/// longer. A key that is absent is created.
pub(super) fn edit_grown<R>(
    shard: &mut Shard,
    cx: &Cx,
    key: &Key<'_>,
    len: usize,
    mut edit: impl FnMut(&mut Vec<u8>, bool) -> R,
) -> Result<R, Refused> {
    let edited = shard.write(cx, key, |entry| {
        let Some(mut entry) = entry else { return Ok(None) };
        let grows = entry.entry().string().map(length).ok_or(error::WRONG_TYPE)? < len;
        Ok::<_, Refused>(Some(entry.edit_raw(|bytes| {
            bits::grow(bytes, len);
            edit(bytes, grows)
        })))
    })?;
    if let Some(result) = edited {
        return Ok(result);
    }
    let mut bytes = vec![0; len];
    let result = edit(&mut bytes, true);
    shard.add(cx, key, DetachedValue::Bytes(bytes, true));
    Ok(result)
}

/// `SETBIT key offset value`: answers what the bit was.
pub(super) fn setbit(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let at = offset(args.at(2), shard.settings.bulk_len_max)?;
    let on = match parse_i64(args.at(3)) {
        Some(bit @ 0..=1) => bit == 1,
        _ => return Err(error::BIT_NOT_AN_INTEGER.into()),
    };
    let key = shard.first_key(cx, args.at(1));
    let (was, changed) = if holds(shard, cx, &key, at, on) {
        (on, false)
    } else {
        edit_grown(shard, cx, &key, (at >> 3) as usize + 1, |bytes, grows| {
            let was = bits::get(bytes, at);
            bits::set(bytes, at, on);
            (was, grows || was != on)
        })?
    };
    if changed {
        shard.changed(cx, key.bytes, Class::STRING, "setbit");
    }
    reply.int(i64::from(was));
    Ok(())
}

/// Whether SETBIT has nothing to do: the bit is as it should be, and the string is a buffer already.
fn holds(shard: &mut Shard, cx: &Cx, key: &Key<'_>, at: u64, on: bool) -> bool {
    shard.find(cx, cx.db, key, Touch::Never, |entry| {
        let Some(entry) = entry else { return false };
        let entry = entry.entry();
        let Some(StrRef::Bytes(bytes)) = entry.string() else { return false };
        (at >> 3) < bytes.len() as u64 && bits::get(bytes, at) == on && entry.encoding() == Encoding::Raw
    })
}

/// `GETBIT key offset`
pub(super) fn getbit(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let at = offset(args.at(2), shard.settings.bulk_len_max)?;
    let key = shard.first_key(cx, args.at(1));
    let bit = shard.read(cx, &key, Touch::Normal, |entry| match entry {
        None => Ok(false),
        Some(entry) => Ok::<_, Refused>(bits::get(&text(entry.string().ok_or(error::WRONG_TYPE)?), at)),
    })?;
    reply.int(i64::from(bit));
    Ok(())
}

/// A part of a string, as the client names it.
#[derive(Clone, Copy)]
struct Range {
    start: i64,
    end: i64,
    in_bits: bool,
}

impl Range {
    const WHOLE: Self = Self { start: 0, end: -1, in_bits: false };

    /// The first and the last bit of the range in a string of `len` bytes; `None`: it is empty.
    fn resolve(self, len: usize) -> Option<(u64, u64)> {
        let units = if self.in_bits { len as i64 * 8 } else { len as i64 };
        let from_front = |at: i64| if at < 0 { (at + units).max(0) } else { at };
        let (start, end) = (from_front(self.start), from_front(self.end).min(units - 1));
        match (start <= end, self.in_bits) {
            (false, _) => None,
            (true, true) => Some((start as u64, end as u64)),
            (true, false) => Some((start as u64 * 8, end as u64 * 8 + 7)),
        }
    }
}

/// `BIT` or `BYTE`.
fn is_bit(unit: &[u8]) -> Result<bool, Refused> {
    if unit.eq_ignore_ascii_case(b"bit") {
        Ok(true)
    } else if unit.eq_ignore_ascii_case(b"byte") {
        Ok(false)
    } else {
        Err(error::SYNTAX.into())
    }
}

/// `BITCOUNT key [start end [BYTE | BIT]]`
pub(super) fn bitcount(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let range = match args.len() {
        2 => Range::WHOLE,
        4 | 5 => Range {
            start: integer(args.at(2))?,
            end: integer(args.at(3))?,
            in_bits: args.get(4).map_or(Ok(false), is_bit)?,
        },
        _ => return Err(error::SYNTAX.into()),
    };
    // Not so for BITPOS: it moves both ends to the front first.
    let crossed = range.start < 0 && range.end < 0 && range.start > range.end;
    let key = shard.first_key(cx, args.at(1));
    let count = shard.read(cx, &key, Touch::Normal, |entry| {
        let Some(entry) = entry else { return Ok(0) };
        let bytes = text(entry.string().ok_or(error::WRONG_TYPE)?);
        let bounds = range.resolve(bytes.len()).filter(|_| !crossed);
        Ok::<_, Refused>(bounds.map_or(0, |(from, to)| bits::count_range(&bytes, from, to)))
    })?;
    reply.int(count as i64);
    Ok(())
}

/// `BITPOS key bit [start [end [BYTE | BIT]]]`
///
/// A string is taken to go on with zeros, so that a clear bit is always found; unless an end is given.
pub(super) fn bitpos(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let wanted = match integer(args.at(2))? {
        bit @ 0..=1 => bit == 1,
        _ => return Err(BAD_BIT.into()),
    };
    let mut range = Range::WHOLE;
    if args.len() > 6 {
        return Err(error::SYNTAX.into());
    }
    if let Some(start) = args.get(3) {
        range.start = integer(start)?;
    }
    if let Some(unit) = args.get(5) {
        range.in_bits = is_bit(unit)?;
    }
    if let Some(end) = args.get(4) {
        range.end = integer(end)?;
    }
    let endless = args.len() < 5;
    let key = shard.first_key(cx, args.at(1));
    let position = shard.read(cx, &key, Touch::Normal, |entry| {
        let Some(entry) = entry else { return Ok(if wanted { None } else { Some(0) }) };
        let bytes = text(entry.string().ok_or(error::WRONG_TYPE)?);
        let Some((from, to)) = range.resolve(bytes.len()) else { return Ok(None) };
        let beyond = if endless && !wanted { Some(to + 1) } else { None };
        Ok::<_, Refused>(bits::position(&bytes, wanted, from, to).or(beyond))
    })?;
    reply.int(position.map_or(-1, |at| at as i64));
    Ok(())
}

/// What BITOP does with its sources.
#[derive(Clone, Copy)]
enum Operation {
    Combine(Combine),
    Not,
}

impl Operation {
    fn named(name: &[u8]) -> Option<Self> {
        const NAMES: [(&[u8], Operation); 4] = [
            (b"and", Operation::Combine(Combine::And)),
            (b"or", Operation::Combine(Combine::Or)),
            (b"xor", Operation::Combine(Combine::Xor)),
            (b"not", Operation::Not),
        ];
        NAMES.iter().find(|(known, _)| name.eq_ignore_ascii_case(known)).map(|&(_, operation)| operation)
    }
}

/// `BITOP AND | OR | XOR | NOT destkey key [key …]`: answers the length of the outcome, which is as long as
/// the longest source. An empty outcome deletes the destination.
pub(super) fn bitop(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let operation = Operation::named(args.at(1)).ok_or(error::SYNTAX)?;
    if matches!(operation, Operation::Not) && args.len() != 4 {
        return Err(NOT_OF_SEVERAL.into());
    }
    let mut outcome = Vec::new();
    for at in 3..args.len() {
        let key = key_at(shard, cx, args, at);
        shard.read(cx, &key, Touch::Normal, |entry| {
            let source = match entry {
                None => StrRef::Bytes(b""),
                Some(entry) => entry.string().ok_or(error::WRONG_TYPE)?,
            };
            let source = text(source);
            match operation {
                Operation::Combine(how) if at > 3 => how.apply(&mut outcome, &source),
                _ => outcome.extend_from_slice(&source),
            }
            Ok::<_, Refused>(())
        })?;
    }
    if matches!(operation, Operation::Not) {
        bits::invert(&mut outcome);
    }
    let (len, key) = (outcome.len(), shard.key(args.at(2)));
    if len > 0 {
        put(shard, cx, &key, outcome);
        shard.changed(cx, key.bytes, Class::STRING, "set");
    } else if shard.delete(cx, cx.db, &key) {
        shard.changed(cx, key.bytes, Class::GENERIC, "del");
    }
    reply.int(len as i64);
    Ok(())
}

/// Puts a string that shows as `raw` under a key, as SET does: an expiry goes, the access bits are those of
/// an access.
fn put(shard: &mut Shard, cx: &Cx, key: &Key<'_>, bytes: Vec<u8>) {
    let value = DetachedValue::Bytes(bytes, true);
    match shard.write(cx, key, |entry| entry.map(|entry| entry.entry().lru())) {
        None => shard.add(cx, key, value),
        Some(lru) => {
            shard.delete(cx, cx.db, key);
            shard.dbs[cx.db].insert(key, Detached { value, expire_at: None, lru });
        }
    }
}
