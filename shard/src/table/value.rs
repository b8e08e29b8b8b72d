//! What a key can hold, as the commands see it: types, encodings, and values on their way in
//! or out of the table.
//!
//! [`Detached`] is the only form in which a value leaves the table; it owns everything and is
//! `Send`, so RENAME or COPY can carry it to another core. [`NewValue`] is the way in: it has
//! already decided between the integer, inline and heap forms of `entry.rs`.

use crate::value::Object;

/// The type of a value, as TYPE names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Kind {
    String,
    List,
    Set,
    ZSet,
    Hash,
    Stream,
}

/// The encoding of a value, as OBJECT ENCODING names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Encoding {
    Int,
    Embstr,
    Raw,
    Listpack,
    ListpackEx,
    Quicklist,
    Intset,
    Hashtable,
    Skiplist,
    Stream,
}

impl Encoding {
    /// As OBJECT ENCODING prints it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Int => "int",
            Self::Embstr => "embstr",
            Self::Raw => "raw",
            Self::Listpack => "listpack",
            Self::ListpackEx => "listpackex",
            Self::Quicklist => "quicklist",
            Self::Intset => "intset",
            Self::Hashtable => "hashtable",
            Self::Skiplist => "skiplist",
            Self::Stream => "stream",
        }
    }

    /// The encoding of packed bytes under a key of this kind; `flag` is what [`PackedRef::flag`] says.
    #[must_use]
    pub(super) fn of_packed(kind: Kind, flag: bool) -> Self {
        match (kind, flag) {
            (Kind::Set, true) => Self::Intset,
            (Kind::Hash, true) => Self::ListpackEx,
            _ => Self::Listpack,
        }
    }
}

/// A collection kept as packed bytes (a listpack, an intset).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PackedRef<'a> {
    pub kind: Kind,
    /// Which of the two packed forms a kind may have: true is an intset of a set, and a listpack with
    /// expiries of a hash.
    pub flag: bool,
    pub bytes: &'a [u8],
}

/// A value as it is stored.
#[derive(Clone, Copy, Debug)]
pub enum ValueRef<'a> {
    String(StrRef<'a>),
    Packed(PackedRef<'a>),
    Object(&'a Object),
}

/// A string value as it is stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StrRef<'a> {
    Int(i64),
    Bytes(&'a [u8]),
}

/// A value taken out of (or to be put into) the table: what MOVE, RENAME and COPY carry, also
/// to another core.
#[derive(Clone, PartialEq, Debug)]
pub struct Detached {
    pub value: DetachedValue,
    /// Unix milliseconds.
    pub expire_at: Option<i64>,
    /// 24 bits: LRU clock in seconds, or LFU minutes and counter.
    pub lru: u32,
}

#[derive(Clone, PartialEq, Debug)]
pub enum DetachedValue {
    Int(i64),
    /// Bytes, and whether they show as `raw` whatever their length (after APPEND, SETRANGE …).
    Bytes(Vec<u8>, bool),
    /// A collection of this kind as packed bytes, and their flag ([`PackedRef::flag`]).
    Packed(Kind, bool, Vec<u8>),
    Object(Box<Object>),
}

/// A value in the form in which an entry stores it. The flag of a string is "shows as `raw`",
/// that of a collection [`PackedRef::flag`].
pub(super) enum NewValue<'a> {
    Int(i64),
    Inline(&'a [u8], bool),
    Heap(Vec<u8>, bool),
    PackedInline(Kind, &'a [u8], bool),
    PackedHeap(Kind, Vec<u8>, bool),
    Object(Box<Object>),
}

/// Longest text of an `i64`: a sign and 19 digits.
const INT_TEXT_MAX: usize = 20;

/// The integer that `text` spells, if it is spelt canonically: no leading zero or plus sign, no
/// "-0", nothing around it, within `i64`. Only such a string may be stored as a number, because
/// only such a one reads back as the same bytes.
#[must_use]
pub fn parse_int(text: &[u8]) -> Option<i64> {
    if text.len() > INT_TEXT_MAX {
        return None;
    }
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    match digits {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', ..] => {}
        _ => return None,
    }
    let mut magnitude: u64 = 0;
    for &c in digits {
        let digit = c.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        // At most 20 digits: 19 never overflow a u64, the 20th is checked.
        magnitude = magnitude.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    if negative { 0i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_canonical_integers_are_integers() {
        for text in ["", "-", "-0", "+1", "01", "-01", "1 ", " 1", "1a", "a", "0x1", "1.0", "٣"] {
            assert_eq!(parse_int(text.as_bytes()), None, "{text:?}");
        }
        for text in
            ["9223372036854775808", "-9223372036854775809", "99999999999999999999", "18446744073709551616"]
        {
            assert_eq!(parse_int(text.as_bytes()), None, "{text:?}");
        }
        for n in [0, 1, -1, 10, -10, i64::MAX, i64::MIN, i64::MAX - 1, i64::MIN + 1] {
            assert_eq!(parse_int(n.to_string().as_bytes()), Some(n));
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_standard_library(text in "-?[0-9]{0,21}") {
            let std = text.parse::<i64>().ok().filter(|n| n.to_string() == text);
            prop_assert_eq!(parse_int(text.as_bytes()), std);
        }

        #[test]
        fn every_integer_reads_back(n: i64) {
            prop_assert_eq!(parse_int(n.to_string().as_bytes()), Some(n));
        }
    }
}
