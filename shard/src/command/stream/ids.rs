//! Ids and intervals as clients write them.
//!
//! | form      | where                        | means                                            |
//! |-----------|------------------------------|--------------------------------------------------|
//! | `ms-seq`  | everywhere                   | itself                                           |
//! | `ms`      | everywhere                   | seq 0; as the end of an interval the last seq    |
//! | `-` `+`   | intervals, XGROUP SETID      | the first and the last id that there could be    |
//! | `(id`     | intervals                    | the id itself is not in it                       |
//! | `ms-*`    | XADD                         | the next seq of that millisecond                 |
//!
//! Numbers are read as C's `strtoull` reads them, as Redis does: leading blanks, zeros and a plus sign are
//! fine, and so is, behind a blank, a minus sign, which wraps around.

use super::{Outcome, Refused};
use crate::value::stream::{NewId, StreamId};

const INVALID_ID: &str = "ERR Invalid stream ID specified as stream command argument";
const INVALID_START: &str = "ERR invalid start ID for the interval";
const INVALID_END: &str = "ERR invalid end ID for the interval";
/// Longest text that is looked at.
const TEXT_MAX: usize = 127;

/// A number as `strtoull` reads it, except that a minus sign in the first place is refused before digits that
/// spell a canonical number.
fn unsigned(text: &[u8]) -> Option<u64> {
    if proto::number::parse_i64(text).is_some_and(|n| n < 0) {
        return None;
    }
    let blanks = text.iter().take_while(|b| matches!(b, b' ' | b'\t'..=b'\r')).count();
    let (negative, digits) = match &text[blanks..] {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    let n = proto::number::parse_u64(digits)?;
    Some(if negative { n.wrapping_neg() } else { n })
}

/// Reads `ms` or `ms-seq`; the second half is what `seq` makes of its text.
fn split(text: &[u8], seq: impl FnOnce(Option<&[u8]>) -> Option<u64>) -> Option<StreamId> {
    if text.len() > TEXT_MAX {
        return None;
    }
    let text = text.split(|&b| b == 0).next()?; // C strings end there
    let (ms, rest) = match text.iter().position(|&b| b == b'-') {
        Some(dash) => (&text[..dash], Some(&text[dash + 1..])),
        None => (text, None),
    };
    Some(StreamId { ms: unsigned(ms)?, seq: seq(rest)? })
}

/// An id, `-` and `+` not among them; a missing half is `missing`.
fn strict_or(text: &[u8], missing: u64) -> Result<StreamId, Refused> {
    Ok(split(text, |seq| seq.map_or(Some(missing), unsigned)).ok_or(INVALID_ID)?)
}

fn loose_or(text: &[u8], missing: u64) -> Result<StreamId, Refused> {
    match text {
        b"-" => Ok(StreamId::MIN),
        b"+" => Ok(StreamId::MAX),
        _ => strict_or(text, missing),
    }
}

/// An id; a missing half is 0.
pub(super) fn strict(text: &[u8]) -> Result<StreamId, Refused> {
    strict_or(text, 0)
}

/// An id, also `-` and `+`.
pub(super) fn loose(text: &[u8]) -> Result<StreamId, Refused> {
    loose_or(text, 0)
}

/// All arguments as ids.
pub(super) fn all(args: proto::args::Args<'_>) -> Result<Vec<StreamId>, Refused> {
    args.iter().map(strict).collect()
}

/// The id of a new entry.
pub(super) fn new_id(text: &[u8]) -> Result<NewId, Refused> {
    if text == b"*" {
        return Ok(NewId::Auto);
    }
    let mut is_open = false;
    let id = split(text, |seq| match seq {
        Some(b"*") => {
            is_open = true;
            Some(0)
        }
        seq => seq.map_or(Some(0), unsigned),
    });
    let id = id.ok_or(INVALID_ID)?;
    Ok(if is_open { NewId::Ms(id.ms) } else { NewId::Exact(id) })
}

/// The first id of an interval.
pub(super) fn start(text: &[u8]) -> Result<StreamId, Refused> {
    match text {
        [b'(', id @ ..] if !id.is_empty() => Ok(strict_or(id, 0)?.next().ok_or(INVALID_START)?),
        _ => loose_or(text, 0),
    }
}

/// The last id of an interval.
pub(super) fn end(text: &[u8]) -> Result<StreamId, Refused> {
    match text {
        [b'(', id @ ..] if !id.is_empty() => Ok(strict_or(id, u64::MAX)?.prev().ok_or(INVALID_END)?),
        _ => loose_or(text, u64::MAX),
    }
}

/// Refuses a new entry's id that is the id of none.
pub(super) fn check_new(id: NewId) -> Outcome {
    match id {
        NewId::Exact(StreamId::MIN) => Err("ERR The ID specified in XADD must be greater than 0-0".into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> Option<(u64, u64)> {
        strict(text.as_bytes()).ok().map(|id| (id.ms, id.seq))
    }

    #[test]
    fn numbers_are_read_as_c_does() {
        assert_eq!(id("1-2"), Some((1, 2)));
        assert_eq!(id("1"), Some((1, 0)));
        assert_eq!(id("007-+3"), Some((7, 3)));
        assert_eq!(id(" 5-\t6"), Some((5, 6)));
        assert_eq!(id("18446744073709551615-18446744073709551615"), Some((u64::MAX, u64::MAX)));
        assert_eq!(id("1--007"), Some((1, u64::MAX - 6)));
        assert_eq!(id("1-2\0x"), Some((1, 2)));
        for text in
            ["", "-", "+", "-1", "1-", "1--5", "1-2-3", "1x", "18446744073709551616-0", "1-*", "*", "1- "]
        {
            assert_eq!(id(text), None, "{text}");
        }
        assert_eq!(id(&"0".repeat(127)), Some((0, 0)));
        assert_eq!(id(&"0".repeat(128)), None);
    }

    #[test]
    fn intervals() {
        let max = u64::MAX;
        assert_eq!(start(b"-"), Ok(StreamId::MIN));
        assert_eq!(end(b"+"), Ok(StreamId::MAX));
        assert_eq!(start(b"(1-2"), Ok(StreamId::new(1, 3)));
        assert_eq!(end(b"(1-0"), Ok(StreamId::new(0, max)));
        assert_eq!(end(b"1"), Ok(StreamId::new(1, max)));
        assert_eq!(end(b"(1"), Ok(StreamId::new(1, max - 1)));
        assert_eq!(start(b"(18446744073709551615-18446744073709551615"), Err(INVALID_START.into()));
        assert_eq!(end(b"(0-0"), Err(INVALID_END.into()));
        assert_eq!(start(b"(-"), Err(INVALID_ID.into()));
        assert_eq!(start(b"("), Err(INVALID_ID.into()));
    }

    #[test]
    fn ids_of_new_entries() {
        assert_eq!(new_id(b"*"), Ok(NewId::Auto));
        assert_eq!(new_id(b"5-*"), Ok(NewId::Ms(5)));
        assert_eq!(new_id(b"5"), Ok(NewId::Exact(StreamId::new(5, 0))));
        assert_eq!(new_id(b"5-**"), Err(INVALID_ID.into()));
        assert!(check_new(NewId::Exact(StreamId::MIN)).is_err() && check_new(NewId::Ms(0)).is_ok());
    }
}
