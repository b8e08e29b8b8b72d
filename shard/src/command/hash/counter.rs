//! Arithmetic on a field: HINCRBY, and HINCRBYFLOAT with the `long double` of INCRBYFLOAT
//! ([`crate::long_double`]). The expiry of the field stays.

use super::terms;
use crate::command::{Outcome, Refused, integer};
use crate::db::StrRef;
use crate::event::Class;
use crate::long_double::LongDouble;
use crate::lookup::is_expired;
use crate::shard::{Cx, Shard};
use crate::value::Collection;
use crate::value::hash::{Hash, HashView, Terms, Was, spell};
use proto::args::Args;
use proto::encode::Reply;
use proto::error;
use proto::number::parse_i64;

const NOT_AN_INTEGER: &str = "ERR hash value is not an integer";
const NOT_A_FLOAT: &str = "ERR hash value is not a float";
const INCREMENT_NOT_FINITE: &str = "ERR value is NaN or Infinity";

/// The value of a field that counts: not of one whose time is over.
fn live<'a>(view: HashView<'a>, name: &[u8], now_ms: i64) -> Option<StrRef<'a>> {
    view.get(name).filter(|&(_, expire_at)| !is_expired(expire_at, now_ms)).map(|(value, _)| value)
}

/// `HINCRBY key field increment`
pub(in crate::command) fn hincrby(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let (delta, name) = (integer(args.at(3))?, args.at(2));
    let sum = update(shard, cx, args, "hincrby", |hash, terms| {
        let before = match live(hash.view(), name, terms.now_ms) {
            None => 0,
            Some(StrRef::Int(n)) => n,
            Some(StrRef::Bytes(text)) => parse_i64(text).ok_or(NOT_AN_INTEGER)?,
        };
        let sum = before.checked_add(delta).ok_or(error::INCREMENT_OVERFLOW)?;
        let was = hash.update(name, spell(StrRef::Int(sum), &mut itoa::Buffer::new()), terms);
        Ok((was, sum))
    })?;
    reply.int(sum);
    Ok(())
}

/// `HINCRBYFLOAT key field increment`
pub(in crate::command) fn hincrbyfloat(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let (delta, name) = (LongDouble::parse(args.at(3)).ok_or(error::NOT_A_FLOAT)?, args.at(2));
    if delta == LongDouble::Infinite {
        return Err(INCREMENT_NOT_FINITE.into());
    }
    let text = update(shard, cx, args, "hincrbyfloat", |hash, terms| {
        let before = match live(hash.view(), name, terms.now_ms) {
            None => LongDouble::from(0),
            Some(StrRef::Int(n)) => LongDouble::from(n),
            Some(StrRef::Bytes(text)) => LongDouble::parse(text).ok_or(NOT_A_FLOAT)?,
        };
        let text = before.add(&delta).to_text().ok_or(error::INCREMENT_NOT_FINITE)?;
        Ok((hash.update(name, &text, terms), text))
    })?;
    reply.bulk(&text);
    Ok(())
}

/// Changes a field, unless `change` refuses.
fn update<R>(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    event: &'static str,
    change: impl FnOnce(&mut Hash, &Terms<'_>) -> Result<(Was, R), &'static str>,
) -> Result<R, Refused> {
    let key = shard.first_key(cx, args.at(1));
    let (was, result) = shard.upsert::<Hash, _>(cx, &key, |hash, env| change(hash, &terms(env)))?.result?;
    shard.fields_expired(cx, &key, usize::from(was == Was::Due));
    shard.changed(cx, key.bytes, Class::HASH, event);
    Ok(result)
}
