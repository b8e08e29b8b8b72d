//! What a packed form must be to be a value of its type: more than a listpack.
//!
//! | form              | elements              | distinct | in the order of                              |
//! |-------------------|-----------------------|----------|----------------------------------------------|
//! | [`set`]           | members               | members  | none                                         |
//! | [`hash`]          | field, value          | fields   | none                                         |
//! | [`hash`], timed   | field, value, expiry  | fields   | expiries, those without one (0) at the end   |
//! | [`zset`]          | member, score         | members  | scores, then members' bytes                  |
//!
//! Redis looks for duplicates only; what it would do with a sorted set out of order nobody wants to know.
//! Duplicates are found by sorting the elements' offsets: 4 bytes an element, and no hashing that an attacker
//! could aim at.

use crate::listpack::{self, Corrupt, Element, Listpack};
use std::cmp::Ordering;

/// No field expires later, Unix milliseconds: Redis keeps 48 bits.
pub const FIELD_EXPIRY_MAX: i64 = (1 << 48) - 1;

/// How many rows of `stride` elements a listpack has, if it is one, and has so many.
fn rows(bytes: &[u8], stride: usize) -> Result<usize, Corrupt> {
    listpack::check(bytes, true)?;
    if bytes.len() > listpack::BYTES_MAX {
        return Err(Corrupt::new(0, "a listpack longer than any may be"));
    }
    let elements = Listpack::new(bytes).iter().count();
    if !elements.is_multiple_of(stride) {
        return Err(Corrupt::new(bytes.len() - 1, "a listpack that ends within a pair"));
    }
    Ok(elements / stride)
}

/// A text in the one look that it has, so that it can be compared.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Text<'a> {
    Int(i64),
    Bytes(&'a [u8]),
}

impl<'a> From<Element<'a>> for Text<'a> {
    fn from(element: Element<'a>) -> Self {
        match (element.to_int(), element) {
            (Some(n), _) | (None, Element::Int(n)) => Self::Int(n),
            (None, Element::Bytes(bytes)) => Self::Bytes(bytes),
        }
    }
}

/// Refuses a text that is the first of two rows.
fn distinct(bytes: &[u8], stride: usize) -> Result<(), Corrupt> {
    let lp = Listpack::new(bytes);
    let mut firsts: Vec<_> = std::iter::successors(lp.first(), |at| lp.next(*at)).step_by(stride).collect();
    firsts.sort_unstable_by(|a, b| Text::from(lp.get(*a)).cmp(&Text::from(lp.get(*b))));
    let twin = firsts.windows(2).find(|pair| Text::from(lp.get(pair[0])) == Text::from(lp.get(pair[1])));
    match twin {
        Some(pair) => Err(Corrupt::new(pair[1].offset(), "the same element twice")),
        None => Ok(()),
    }
}

/// Whether foreign bytes are a listpack; how many elements it has.
///
/// # Errors
/// The first fault found; so below.
pub fn list(bytes: &[u8]) -> Result<usize, Corrupt> {
    rows(bytes, 1)
}

/// Whether foreign bytes are a set's listpack; how many members it has.
pub fn set(bytes: &[u8]) -> Result<usize, Corrupt> {
    let members = rows(bytes, 1)?;
    distinct(bytes, 1)?;
    Ok(members)
}

/// Whether foreign bytes are a hash's listpack, of triplets if it is `timed`; how many fields it has.
pub fn hash(bytes: &[u8], timed: bool) -> Result<usize, Corrupt> {
    let stride = if timed { 3 } else { 2 };
    let fields = rows(bytes, stride)?;
    distinct(bytes, stride)?;
    if timed {
        let lp = Listpack::new(bytes);
        let mut before = 0;
        for at in std::iter::successors(lp.first(), |at| lp.next(*at)).skip(2).step_by(3) {
            before = expiry_behind(before, lp.get(at)).map_err(|why| Corrupt::new(at.offset(), why))?;
        }
    }
    Ok(fields)
}

/// The order of an expiry, if it may come behind another.
fn expiry_behind(before: i64, element: Element<'_>) -> Result<i64, &'static str> {
    let rank = match element {
        Element::Int(0) => i64::MAX,
        Element::Int(ms @ 1..=FIELD_EXPIRY_MAX) => ms,
        _ => return Err("an expiry that is none"),
    };
    if rank < before { Err("expiries that do not ascend") } else { Ok(rank) }
}

/// Whether foreign bytes are a sorted set's listpack; how many members it has.
pub fn zset(bytes: &[u8]) -> Result<usize, Corrupt> {
    let members = rows(bytes, 2)?;
    distinct(bytes, 2)?;
    let lp = Listpack::new(bytes);
    let mut before: Option<(f64, Element<'_>)> = None;
    let mut next = lp.first();
    while let Some(at) = next
        && let Some(score_at) = lp.next(at)
    {
        let fault = |why| Err(Corrupt::new(at.offset(), why));
        let Some(score) = score(lp.get(score_at)) else { return fault("a score that is no number") };
        let member = lp.get(at);
        if before.is_some_and(|(low, than)| low > score || low == score && !is_below(than, member)) {
            return fault("members that do not ascend");
        }
        before = Some((score, member));
        next = lp.next(score_at);
    }
    Ok(members)
}

/// The score that an element says.
fn score(element: Element<'_>) -> Option<f64> {
    match element {
        Element::Int(n) => Some(n as f64),
        Element::Bytes(text) => proto::number::parse_f64(text),
    }
}

/// Whether one text comes before another, as bytes.
fn is_below(a: Element<'_>, b: Element<'_>) -> bool {
    match (a, b) {
        (Element::Bytes(a), Element::Bytes(b)) => a < b,
        _ => a.to_vec().cmp(&b.to_vec()) == Ordering::Less,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pack(words: &str) -> Vec<u8> {
        let mut bytes = listpack::new();
        words
            .split(' ')
            .filter(|word| !word.is_empty())
            .for_each(|w| listpack::push_back(&mut bytes, w.as_bytes()));
        bytes
    }

    fn why<T>(checked: Result<T, Corrupt>) -> &'static str {
        checked.err().map_or("", |corrupt| corrupt.why)
    }

    #[test]
    fn members_are_distinct_in_any_look() {
        assert_eq!(set(&pack("a 1 b 01 -1")), Ok(5));
        assert_eq!(why(set(&pack("a 1 b a"))), "the same element twice");
        // "1" as a text, which no editor writes.
        let mut bytes = pack("1 x");
        let at = bytes.iter().position(|&b| b == b'x').unwrap();
        bytes[at] = b'1';
        assert_eq!(why(set(&bytes)), "the same element twice");
        assert_eq!(set(&pack("")), Ok(0));
    }

    #[test]
    fn hashes_are_pairs_or_triplets() {
        assert_eq!(hash(&pack("a 1 b 1"), false), Ok(2));
        assert_eq!(why(hash(&pack("a 1 b"), false)), "a listpack that ends within a pair");
        assert_eq!(why(hash(&pack("a 1 a 2"), false)), "the same element twice");
        assert_eq!(hash(&pack("a 1 70 b 1 70 c 2 0 d 3 0"), true), Ok(4));
        assert_eq!(why(hash(&pack("a 1 70 b 1 69"), true)), "expiries that do not ascend");
        assert_eq!(why(hash(&pack("a 1 0 b 1 69"), true)), "expiries that do not ascend");
        assert_eq!(why(hash(&pack("a 1 x"), true)), "an expiry that is none");
        assert_eq!(why(hash(&pack("a 1 -1"), true)), "an expiry that is none");
    }

    #[test]
    fn sorted_sets_are_sorted() {
        assert_eq!(zset(&pack("a -inf b 1 10 1.5 2 1.5 c inf")), Ok(5));
        assert_eq!(why(zset(&pack("a 2 b 1"))), "members that do not ascend");
        assert_eq!(why(zset(&pack("b 1 a 1"))), "members that do not ascend");
        assert_eq!(why(zset(&pack("2 1 10 1"))), "members that do not ascend");
        assert_eq!(why(zset(&pack("a nan"))), "a score that is no number");
        assert_eq!(why(zset(&pack("a 1 b 2 a 3"))), "the same element twice");
    }
}
