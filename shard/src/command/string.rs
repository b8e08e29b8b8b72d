//! Commands on one string: GET GETSET GETDEL STRLEN GETRANGE SUBSTR APPEND SETRANGE.
//!
//! What APPEND and SETRANGE edit shows as `raw` afterwards, whatever its length, since Redis gives it a
//! growable buffer of its own. APPEND to a key that is new is a SET, and may show as `int`.

use super::{Outcome, Refused, integer};
use crate::db::{DetachedValue, StrRef};
use crate::event::Class;
use crate::lookup::{Expiry, Touch};
use crate::shard::{Cx, Shard};
use proto::args::Args;
use proto::encode::Reply;
use proto::error;
use proto::number::push_i64;
use std::borrow::Cow;

/// Appends a string value as a bulk string.
#[inline]
pub(super) fn bulk(reply: &mut Reply<'_>, value: StrRef<'_>) {
    match value {
        StrRef::Bytes(bytes) => reply.bulk(bytes),
        StrRef::Int(n) => reply.bulk_int(n),
    }
}

/// A string value as its bytes.
pub(super) fn text(value: StrRef<'_>) -> Cow<'_, [u8]> {
    match value {
        StrRef::Bytes(bytes) => Cow::Borrowed(bytes),
        StrRef::Int(n) => {
            let mut text = Vec::new();
            push_i64(&mut text, n);
            Cow::Owned(text)
        }
    }
}

/// The length in bytes of a string value.
pub(super) fn length(value: StrRef<'_>) -> usize {
    match value {
        StrRef::Bytes(bytes) => bytes.len(),
        StrRef::Int(n) => {
            let digits = n.unsigned_abs().checked_ilog10().unwrap_or(0) + 1;
            digits as usize + usize::from(n < 0)
        }
    }
}

/// `GET key`
#[inline]
pub(super) fn get(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = shard.first_key(cx, args.at(1));
    shard.read(cx, &key, Touch::Normal, |entry| {
        match entry {
            None => reply.null(),
            Some(entry) => bulk(reply, entry.string().ok_or(error::WRONG_TYPE)?),
        }
        Ok(())
    })
}

/// `GETSET key value`: deprecated for SET with GET.
pub(super) fn getset(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    get(shard, cx, args, reply)?;
    let key = shard.first_key(cx, args.at(1));
    shard.put_string(cx, &key, args.at(2), Expiry::Clear);
    shard.changed(cx, key.bytes, Class::STRING, "set");
    Ok(())
}

/// `GETDEL key`
pub(super) fn getdel(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    get(shard, cx, args, reply)?;
    let key = shard.first_key(cx, args.at(1));
    super::generic::delete_key(shard, cx, &key);
    Ok(())
}

/// `STRLEN key`
pub(super) fn strlen(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = shard.first_key(cx, args.at(1));
    let len = shard.read(cx, &key, Touch::Normal, |entry| match entry {
        None => Ok(0),
        Some(entry) => Ok::<_, Refused>(entry.string().map(length).ok_or(error::WRONG_TYPE)?),
    })?;
    reply.int(len as i64);
    Ok(())
}

/// `GETRANGE key start end`, and SUBSTR, its name before 2.0. Both ends count, negative from the end.
pub(super) fn getrange(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (start, end) = (integer(args.at(2))?, integer(args.at(3))?);
    let key = shard.first_key(cx, args.at(1));
    shard.read(cx, &key, Touch::Normal, |entry| {
        let Some(entry) = entry else {
            reply.bulk(b"");
            return Ok(());
        };
        let value = text(entry.string().ok_or(error::WRONG_TYPE)?);
        reply.bulk(slice(&value, start, end));
        Ok(())
    })
}

/// The bytes of `value` from `start` to `end`, both included.
fn slice(value: &[u8], start: i64, end: i64) -> &[u8] {
    let len = value.len() as i64;
    if start < 0 && end < 0 && start > end {
        return b"";
    }
    let from_front = |at: i64| if at < 0 { at.saturating_add(len).max(0) } else { at };
    let (start, end) = (from_front(start), from_front(end).min(len - 1));
    if start > end { b"" } else { &value[start as usize..=end as usize] }
}

/// Refuses a string that would become longer than `max` bytes, which is `proto-max-bulk-len`.
fn check_length(max: u64, len: usize, more: usize) -> Outcome {
    match len.checked_add(more) {
        Some(total) if total as u64 <= max => Ok(()),
        _ => Err(error::STRING_TOO_LONG.into()),
    }
}

/// `APPEND key value`
pub(super) fn append(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (key, more) = (shard.first_key(cx, args.at(1)), args.at(2));
    let max = shard.settings.bulk_len_max;
    let appended = shard.write(cx, &key, |entry| {
        let Some(mut entry) = entry else { return Ok(None) };
        let len = entry.entry().string().map(length).ok_or(error::WRONG_TYPE)?;
        check_length(max, len, more.len())?;
        entry.edit_raw(|value| value.extend_from_slice(more));
        Ok::<_, Refused>(Some(len + more.len()))
    })?;
    if appended.is_none() {
        shard.put_string(cx, &key, more, Expiry::Clear);
    }
    shard.changed(cx, key.bytes, Class::STRING, "append");
    reply.int(appended.unwrap_or(more.len()) as i64);
    Ok(())
}

/// `SETRANGE key offset value`: pads with zero bytes up to the offset. An empty value changes nothing.
pub(super) fn setrange(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (key, offset, patch) = (shard.first_key(cx, args.at(1)), integer(args.at(2))?, args.at(3));
    let offset = usize::try_from(offset).map_err(|_| error::OFFSET_OUT_OF_RANGE)?;
    let max = shard.settings.bulk_len_max;
    let patched = shard.write(cx, &key, |entry| {
        let Some(mut entry) = entry else { return Ok(None) };
        let len = entry.entry().string().map(length).ok_or(error::WRONG_TYPE)?;
        if patch.is_empty() {
            return Ok(Some(len));
        }
        check_length(max, offset, patch.len())?;
        entry.edit_raw(|value| overwrite(value, offset, patch));
        Ok::<_, Refused>(Some(len.max(offset + patch.len())))
    })?;
    if patched.is_none() && !patch.is_empty() {
        check_length(max, offset, patch.len())?;
        let mut value = Vec::new();
        overwrite(&mut value, offset, patch);
        shard.add(cx, &key, DetachedValue::Bytes(value, true));
    }
    if !patch.is_empty() {
        shard.changed(cx, key.bytes, Class::STRING, "setrange");
    }
    let created = if patch.is_empty() { 0 } else { offset + patch.len() };
    reply.int(patched.unwrap_or(created) as i64);
    Ok(())
}

/// Writes `patch` at `offset` of `value`, which grows as far as it must.
fn overwrite(value: &mut Vec<u8>, offset: usize, patch: &[u8]) {
    let end = offset + patch.len();
    if value.len() < end {
        value.resize(end, 0);
    }
    value[offset..end].copy_from_slice(patch);
}
