//! HyperLogLog: PFADD PFCOUNT PFMERGE, and PFDEBUG PFSELFTEST for tests.
//!
//! A HyperLogLog is a string ([`crate::value::hll`]); whoever has changed one with other commands is told when
//! it no longer is one. PFCOUNT of one key keeps its answer in the string: a change, then, by a command
//! that reads. It breaks WATCHes and counts, but no event tells of it; the same goes for PFDEBUG's conversions.
//!
//! PFADD that meets corrupt registers answers an error; what it had added before stays, as in Redis.

use super::many::key_at;
use super::{Outcome, Refused};
use crate::db::{DetachedValue, Encoding as StringEncoding, Entry, EntryMut, StrRef};
use crate::event::Class;
use crate::lookup::Touch;
use crate::shard::{Cx, Shard};
use crate::value::hll::{self, Corrupt, Encoding, Hll, HllMut, REGISTERS};
use proto::args::Args;
use proto::encode::Reply;
use proto::error;

const NOT_HLL: &str = "WRONGTYPE Key is not a valid HyperLogLog string value.";
const CORRUPT: &str = "INVALIDOBJ Corrupted HLL object detected";
const NO_SUCH_KEY: &str = "ERR The specified key does not exist";
const NOT_SPARSE: &str = "ERR HLL encoding is not sparse";

impl From<Corrupt> for Refused {
    fn from(_: Corrupt) -> Self {
        CORRUPT.into()
    }
}

/// The value of an entry as a HyperLogLog.
fn view(entry: &Entry) -> Result<Hll<'_>, Refused> {
    match entry.string().ok_or(error::WRONG_TYPE)? {
        StrRef::Bytes(bytes) => Ok(Hll::of(bytes).ok_or(NOT_HLL)?),
        StrRef::Int(_) => Err(NOT_HLL.into()),
    }
}

/// Changes the value of an entry, which shows as `raw` after.
fn edit<R>(
    entry: &mut EntryMut<'_>,
    sparse_bytes_max: u64,
    change: impl FnOnce(HllMut<'_>) -> R,
) -> Result<R, Refused> {
    view(entry.entry())?;
    let changed = entry.edit_raw(|bytes| HllMut::of(bytes, sparse_bytes_max).map(change));
    Ok(changed.ok_or(NOT_HLL)?)
}

/// Adds elements: how many of them raised a register, and whether all could be added.
fn add_all(mut hll: HllMut<'_>, elements: Args<'_>) -> (u64, Result<(), Corrupt>) {
    let mut raised = 0;
    for element in elements.iter() {
        match hll.add(element) {
            Ok(changed) => raised += u64::from(changed),
            Err(corrupt) => return (raised, Err(corrupt)),
        }
    }
    (raised, Ok(()))
}

/// `PFADD key [element …]`: 1 when that changed the value, or created it.
pub(super) fn pfadd(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (key, elements) = (shard.first_key(cx, args.at(1)), args.from(2));
    let sparse_bytes_max = shard.settings.thresholds.hll_sparse_max_bytes as u64;
    let added = shard.write(cx, &key, |entry| {
        let Some(mut entry) = entry else { return Ok(None) };
        edit(&mut entry, sparse_bytes_max, |hll| add_all(hll, elements)).map(Some)
    })?;
    let (changes, outcome) = match added {
        Some(added) => added,
        None => {
            let mut bytes = hll::empty();
            let mut hll = HllMut::of(&mut bytes, sparse_bytes_max).ok_or(NOT_HLL)?;
            hll.mark_stale();
            let (raised, outcome) = add_all(hll, elements);
            shard.add(cx, &key, DetachedValue::Bytes(bytes, true));
            (raised + 1, outcome)
        }
    };
    if changes > 0 {
        let class = if outcome.is_ok() { Class::STRING } else { Class::default() };
        shard.changed_by(cx, changes, key.bytes, class, "pfadd");
    }
    outcome?;
    reply.int(i64::from(changes > 0));
    Ok(())
}

/// `PFCOUNT key [key …]`: of several keys, the count of their union.
pub(super) fn pfcount(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let count = if args.len() == 2 { count_one(shard, cx, args)? } else { count_union(shard, cx, args)? };
    reply.int(count as i64); // Redis shows a count beyond 2^63 as a negative number
    Ok(())
}

fn count_union(shard: &mut Shard, cx: &mut Cx, args: Args<'_>) -> Result<u64, Refused> {
    let mut registers = [0; REGISTERS];
    for at in 1..args.len() {
        let key = key_at(shard, cx, args, at);
        shard.read(cx, &key, Touch::Normal, |entry| match entry {
            None => Ok(()),
            Some(entry) => Ok::<_, Refused>(view(entry)?.merge_into(&mut registers)?),
        })?;
    }
    Ok(hll::count(&registers))
}

fn count_one(shard: &mut Shard, cx: &mut Cx, args: Args<'_>) -> Result<u64, Refused> {
    let key = shard.first_key(cx, args.at(1));
    let found = shard.read(cx, &key, Touch::Normal, |entry| {
        let Some(entry) = entry else { return Ok(None) };
        let (hll, is_raw) = (view(entry)?, entry.encoding() == StringEncoding::Raw);
        let cached = hll.cached();
        let count = cached.map_or_else(|| hll.count(), Ok)?;
        Ok::<_, Refused>(Some((count, cached.is_none(), is_raw)))
    })?;
    let Some((count, is_new, is_raw)) = found else { return Ok(0) };
    if is_new || !is_raw {
        shard.find(cx, cx.db, &key, Touch::Never, |entry| match entry {
            None => Ok(()),
            Some(mut entry) => edit(&mut entry, 0, |mut hll| hll.set_cached(count)),
        })?;
    }
    if is_new {
        shard.changed(cx, key.bytes, Class::default(), "pfcount");
    }
    Ok(count)
}

/// `PFMERGE destkey [sourcekey …]`: the destination is one of the sources, if it is there.
pub(super) fn pfmerge(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (mut registers, mut dense) = ([0; REGISTERS], false);
    for at in 1..args.len() {
        let key = key_at(shard, cx, args, at);
        shard.read(cx, &key, Touch::Normal, |entry| {
            let Some(entry) = entry else { return Ok(()) };
            let hll = view(entry)?;
            dense |= hll.encoding == Encoding::Dense;
            Ok::<_, Refused>(hll.merge_into(&mut registers)?)
        })?;
    }
    let key = shard.first_key(cx, args.at(1));
    let sparse_bytes_max = shard.settings.thresholds.hll_sparse_max_bytes as u64;
    let is_there = shard.write(cx, &key, |entry| {
        let Some(mut entry) = entry else { return Ok(false) };
        edit(&mut entry, sparse_bytes_max, |mut hll| hll.raise_all(&registers, dense))??;
        Ok::<_, Refused>(true)
    })?;
    if !is_there {
        let mut bytes = hll::empty();
        HllMut::of(&mut bytes, sparse_bytes_max).ok_or(NOT_HLL)?.raise_all(&registers, dense)?;
        shard.add(cx, &key, DetachedValue::Bytes(bytes, true));
    }
    shard.changed(cx, key.bytes, Class::STRING, "pfadd");
    reply.ok();
    Ok(())
}

/// `PFDEBUG GETREG | DECODE | ENCODING | TODENSE key`
pub(super) fn pfdebug(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (subcommand, key) = (args.at(1), shard.key(args.at(2)));
    let is = |name: &[u8]| subcommand.eq_ignore_ascii_case(name);
    let converted = shard.write(cx, &key, |entry| {
        let mut entry = entry.ok_or(NO_SUCH_KEY)?;
        let encoding = view(entry.entry())?.encoding;
        let mut converted = false;
        if is(b"getreg") {
            converted = edit(&mut entry, 0, |mut hll| hll.make_dense())??;
            reply.array(REGISTERS);
            hll::dense::registers(view(entry.entry())?.body()).for_each(|n| reply.int(i64::from(n)));
        } else if is(b"decode") && encoding == Encoding::Dense {
            return Err(NOT_SPARSE.into());
        } else if is(b"decode") {
            reply.bulk(hll::sparse::decode(view(entry.entry())?.body()).as_bytes());
        } else if is(b"encoding") {
            reply.simple(if encoding == Encoding::Dense { "dense" } else { "sparse" });
        } else if is(b"todense") {
            converted = edit(&mut entry, 0, |mut hll| hll.make_dense())??;
            reply.int(i64::from(converted));
        } else {
            return Err([b"ERR Unknown PFDEBUG subcommand '", subcommand, b"'"].concat().into());
        }
        Ok::<_, Refused>(converted)
    })?;
    if converted {
        shard.changed(cx, key.bytes, Class::default(), "pfdebug");
    }
    Ok(())
}

/// `PFSELFTEST`: see [`hll::self_test`].
pub(super) fn pfselftest(shard: &mut Shard, reply: &mut Reply<'_>) -> Outcome {
    hll::self_test::run(|| shard.draw()).map_err(|text| format!("ERR {text}"))?;
    reply.ok();
    Ok(())
}
