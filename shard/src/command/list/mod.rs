//! Commands on lists.
//!
//! | file       | holds                                                     |
//! |------------|-----------------------------------------------------------|
//! | `push`     | LPUSH RPUSH LPUSHX RPUSHX                                 |
//! | `pop`      | LPOP RPOP LMPOP                                           |
//! | `transfer` | LMOVE RPOPLPUSH                                           |
//! | `read`     | LLEN LINDEX LRANGE LPOS                                   |
//! | `edit`     | LSET LINSERT LREM LTRIM                                   |
//!
//! The cores of pops and moves stand apart from the commands and say whether there was a list, so that the blocking
//! forms are the same cores and a wait: [`pop::pop_from`], [`pop::pop_first`], [`transfer::move_one`].
//!
//! What is cut out of a list may be a million nodes: it is discarded as garbage, in slices.

pub(crate) mod edit;
pub(crate) mod pop;
pub(crate) mod push;
pub(crate) mod read;
#[cfg(test)]
mod tests;
pub(crate) mod transfer;

use crate::command::Refused;
use crate::shard::Shard;
use crate::value::Collection;
use crate::value::list::{End, List};
use persist::listpack::Element;
use proto::encode::Reply;
use proto::error;
use proto::number::parse_i64;

/// LEFT or RIGHT, as a client writes it.
pub(crate) fn end_of(word: &[u8]) -> Result<End, Refused> {
    if word.eq_ignore_ascii_case(b"left") {
        Ok(End::Left)
    } else if word.eq_ignore_ascii_case(b"right") {
        Ok(End::Right)
    } else {
        Err(error::SYNTAX.into())
    }
}

/// An integer that is at least `min`; whatever is wrong with it, the refusal is `text`.
pub(crate) fn at_least(word: &[u8], min: i64, text: &'static str) -> Result<i64, Refused> {
    Ok(parse_i64(word).filter(|&n| n >= min).ok_or(text)?)
}

/// An integer that may be negated.
fn magnitude(word: &[u8]) -> Result<i64, Refused> {
    match super::integer(word)? {
        i64::MIN => Err(error::value_not_between(-i64::MAX, i64::MAX).into()),
        n => Ok(n),
    }
}

/// A count as the structures take it.
fn size(n: i64) -> usize {
    usize::try_from(n).unwrap_or(0)
}

/// Appends an element as a bulk string.
#[inline]
pub(crate) fn bulk(reply: &mut Reply<'_>, element: Element<'_>) {
    match element {
        Element::Bytes(bytes) => reply.bulk(bytes),
        Element::Int(n) => reply.bulk_int(n),
    }
}

impl Shard {
    /// Frees what was cut out of a list, later if it is much.
    fn discard_part(&mut self, part: List) {
        self.discard_value(part.into_value());
    }
}
