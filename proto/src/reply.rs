//! Reading replies, RESP2 and RESP3: where one ends ([`Scanner`], [`reply_len`]), and what it says ([`Value`]).
//! For the gathering of replies from several shards, for the load generator, for replication, and for tests.
//!
//! Both are built on `element`, which reads one element without what it contains, and both are safe on any
//! bytes. The scanner needs no stack: an aggregate of n only adds n to the number of elements still to come, so
//! depth costs nothing, and a count beyond what can exist is an overflow, not an allocation. It remembers
//! how far it came, so a big reply that arrives in pieces is read once. [`Value`] recurses, up to
//! [`DEPTH_MAX`] levels, and reserves memory for elements that are there, not for those announced.

use crate::encode::{Kind, Reply};
use crate::number::parse_i64;

/// Deepest nesting of a [`Value`].
pub const DEPTH_MAX: usize = 128;
/// Longest header line, in bytes: a sign, 20 digits, CRLF.
const HEADER_MAX: usize = 24;
/// How many elements are reserved for before the first of them was read.
const RESERVE_MAX: usize = 1024;

/// Bytes that are no reply; the stream cannot be understood from here on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Malformed;

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("malformed reply")
    }
}

impl std::error::Error for Malformed {}

/// The length in bytes of the reply that `buf` begins with; `None` while it is incomplete, or if it is
/// malformed ([`Scanner`] tells which).
#[must_use]
pub fn reply_len(buf: &[u8]) -> Option<usize> {
    short_bulk_len(buf).or_else(|| Scanner::default().next(buf, 0).ok().flatten())
}

/// The same of a whole bulk string of less than a million bytes, which most elements are.
#[inline]
fn short_bulk_len(buf: &[u8]) -> Option<usize> {
    let rest = buf.strip_prefix(b"$")?;
    let (mut len, mut digits) = (0, 0);
    for &b in rest.iter().take(6).take_while(|b| b.is_ascii_digit()) {
        len = len * 10 + usize::from(b - b'0');
        digits += 1;
    }
    let is_padded = digits > 1 && rest[0] == b'0';
    if digits == 0 || is_padded || rest.get(digits..digits + 2) != Some(b"\r\n") {
        return None;
    }
    let end = digits + 2 + len;
    (rest.get(end..end + 2) == Some(b"\r\n")).then_some(1 + end + 2)
}

/// Finds where replies end, without looking at a byte twice.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scanner {
    /// First byte not yet read, counted from the reply's first.
    at: usize,
    /// How many bytes from `at` on are known to hold no line end.
    searched: usize,
    /// Elements still to come; 0 between replies.
    pending: u64,
}

impl Scanner {
    /// Where the reply ends that begins at `from`; `None` while it is incomplete: call again with more bytes.
    /// Meanwhile the reply may move within the buffer.
    ///
    /// # Errors
    /// [`Malformed`] bytes.
    pub fn next(&mut self, buf: &[u8], from: usize) -> Result<Option<usize>, Malformed> {
        let reply = buf.get(from..).unwrap_or_default();
        if self.at == 0 {
            self.pending = 1;
        }
        while self.pending > 0 {
            let Some((element, end)) = element(reply, self.at, &mut self.searched)? else { return Ok(None) };
            let members = match element {
                Element::Aggregate(Sign::Attribute, n) => members(n, 2)?.checked_add(1).ok_or(Malformed)?,
                Element::Aggregate(Sign::Map, n) => members(n, 2)?,
                Element::Aggregate(_, n) => n,
                _ => 0,
            };
            self.pending = (self.pending - 1).checked_add(members).ok_or(Malformed)?;
            (self.at, self.searched) = (end, 0);
        }
        let end = from + self.at;
        *self = Self::default();
        Ok(Some(end))
    }
}

fn members(n: u64, each: u64) -> Result<u64, Malformed> {
    n.checked_mul(each).ok_or(Malformed)
}

/// The aggregates, as their first byte tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Sign {
    Array,
    Map,
    Set,
    Push,
    Attribute,
}

/// One element, without the members of an aggregate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Element<'a> {
    Line(u8, &'a [u8]),
    Blob(u8, &'a [u8]),
    Aggregate(Sign, u64),
    Null,
    NullArray,
}

/// Reads the element at `at`, and tells where it ends; `None` while incomplete.
#[inline]
fn element<'a>(
    buf: &'a [u8],
    at: usize,
    searched: &mut usize,
) -> Result<Option<(Element<'a>, usize)>, Malformed> {
    let Some((&sign, rest)) = buf.get(at..).and_then(<[u8]>::split_first) else { return Ok(None) };
    let is_header = match sign {
        b'+' | b'-' | b':' | b',' | b'(' | b'#' | b'_' => false,
        b'$' | b'=' | b'!' | b'*' | b'%' | b'~' | b'>' | b'|' => true,
        _ => return Err(Malformed),
    };
    let Some(len) = line_len(rest, searched)? else {
        return if is_header && rest.len() > HEADER_MAX { Err(Malformed) } else { Ok(None) };
    };
    let (line, end) = (&rest[..len], at + 1 + len + 2);
    if !is_header {
        return Ok(Some((if sign == b'_' { Element::Null } else { Element::Line(sign, line) }, end)));
    }
    let element = match (sign, parse_i64(line).ok_or(Malformed)?) {
        (b'$', -1) => Element::Null,
        (b'*', -1) => Element::NullArray,
        (_, ..=-1) => return Err(Malformed),
        (b'$' | b'=' | b'!', len) => return blob(buf, end, sign, len),
        (b'*', n) => Element::Aggregate(Sign::Array, n as u64),
        (b'%', n) => Element::Aggregate(Sign::Map, n as u64),
        (b'~', n) => Element::Aggregate(Sign::Set, n as u64),
        (b'>', n) => Element::Aggregate(Sign::Push, n as u64),
        (_, n) => Element::Aggregate(Sign::Attribute, n as u64),
    };
    Ok(Some((element, end)))
}

/// The length of the line that `rest` begins with, without its CRLF; `None` while incomplete.
#[inline]
fn line_len(rest: &[u8], searched: &mut usize) -> Result<Option<usize>, Malformed> {
    let unseen = rest.get(*searched..).unwrap_or_default();
    // Most lines are a few digits: for these a loop is quicker than a vectorised search.
    let near = unseen.iter().take(8).position(|&b| b == b'\r');
    let Some(i) = near.or_else(|| memchr::memchr(b'\r', unseen)) else {
        *searched = rest.len();
        return Ok(None);
    };
    let len = *searched + i;
    match rest.get(len + 1) {
        Some(b'\n') => Ok(Some(len)),
        Some(_) => Err(Malformed),
        None => {
            *searched = len;
            Ok(None)
        }
    }
}

/// A string of `len` bytes that begins at `start`, and its CRLF.
fn blob(buf: &[u8], start: usize, sign: u8, len: i64) -> Result<Option<(Element<'_>, usize)>, Malformed> {
    let end = usize::try_from(len).ok().and_then(|len| start.checked_add(len)).ok_or(Malformed)?;
    let after = end.checked_add(2).ok_or(Malformed)?;
    match buf.get(end..after) {
        None => Ok(None),
        Some(b"\r\n") => Ok(Some((Element::Blob(sign, &buf[start..end]), after))),
        Some(_) => Err(Malformed),
    }
}

/// One reply, owned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    /// A status.
    Simple(Vec<u8>),
    /// An error, code first.
    Error(Vec<u8>),
    Int(i64),
    Bulk(Vec<u8>),
    /// `$-1` in RESP2, `_` in RESP3.
    Null,
    /// `*-1`, RESP2 only.
    NullArray,
    Boolean(bool),
    /// As text, so that no digit is lost; [`Value::as_f64`] reads it.
    Double(Vec<u8>),
    BigNumber(Vec<u8>),
    Verbatim {
        format: [u8; 3],
        text: Vec<u8>,
    },
    Array(Vec<Value>),
    Map(Vec<(Value, Value)>),
    Set(Vec<Value>),
    Push(Vec<Value>),
    /// Facts about a reply, before the reply itself.
    Attributed(Vec<(Value, Value)>, Box<Value>),
}

impl Value {
    /// Reads the reply that `buf` begins with, and tells its length; `None` while it is incomplete.
    ///
    /// # Errors
    /// [`Malformed`] bytes, or nesting deeper than [`DEPTH_MAX`].
    pub fn parse(buf: &[u8]) -> Result<Option<(Self, usize)>, Malformed> {
        let mut reader = Reader { buf, at: 0 };
        Ok(reader.value(0)?.map(|value| (value, reader.at)))
    }

    /// The number of an integer or double, or of a string that holds one.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Int(n) => Some(*n as f64),
            Value::Double(text) if text == b"nan" => Some(f64::NAN),
            Value::Double(text) | Value::Bulk(text) | Value::Simple(text) => crate::number::parse_f64(text),
            _ => None,
        }
    }

    /// Appends this reply, in the version that `reply` speaks.
    pub fn write(&self, reply: &mut Reply<'_>) {
        match self {
            Value::Simple(text) => line(reply, b'+', text),
            Value::Error(text) => reply.error(text),
            Value::Int(n) => reply.int(*n),
            Value::Bulk(bytes) => reply.bulk(bytes),
            Value::Null => reply.null(),
            Value::NullArray => reply.null_array(),
            Value::Boolean(b) => reply.boolean(*b),
            Value::Double(text) => reply.double_text(text),
            Value::BigNumber(digits) => reply.big_number(digits),
            Value::Verbatim { format, text } => reply.verbatim(&String::from_utf8_lossy(format), text),
            Value::Array(items) => write_all(reply, Kind::Array, items),
            Value::Set(items) => write_all(reply, Kind::Set, items),
            Value::Push(items) => write_all(reply, Kind::Push, items),
            Value::Map(pairs) => write_pairs(reply, Kind::Map, pairs),
            Value::Attributed(pairs, value) => {
                if reply.resp() == crate::encode::Resp::V3 {
                    write_pairs(reply, Kind::Attribute, pairs);
                }
                value.write(reply);
            }
        }
    }
}

fn line(reply: &mut Reply<'_>, sign: u8, text: &[u8]) {
    let out = reply.raw();
    out.push(sign);
    out.extend_from_slice(text);
    out.extend_from_slice(b"\r\n");
}

fn write_all(reply: &mut Reply<'_>, kind: Kind, items: &[Value]) {
    reply.aggregate(kind, items.len());
    items.iter().for_each(|item| item.write(reply));
}

fn write_pairs(reply: &mut Reply<'_>, kind: Kind, pairs: &[(Value, Value)]) {
    reply.aggregate(kind, pairs.len());
    pairs.iter().for_each(|(key, value)| {
        key.write(reply);
        value.write(reply);
    });
}

/// Builds values from a complete or partial buffer.
struct Reader<'a> {
    buf: &'a [u8],
    at: usize,
}

/// Found, or `None` while incomplete.
type Found<T> = Result<Option<T>, Malformed>;

impl<'a> Reader<'a> {
    fn value(&mut self, depth: usize) -> Found<Value> {
        if depth > DEPTH_MAX {
            return Err(Malformed);
        }
        let Some((element, end)) = element(self.buf, self.at, &mut 0)? else { return Ok(None) };
        self.at = end;
        match element {
            Element::Line(sign, text) => Ok(Some(scalar(sign, text)?)),
            Element::Blob(b'=', text) => Ok(Some(verbatim(text)?)),
            Element::Blob(b'!', text) => Ok(Some(Value::Error(text.to_vec()))),
            Element::Blob(_, text) => Ok(Some(Value::Bulk(text.to_vec()))),
            Element::Null => Ok(Some(Value::Null)),
            Element::NullArray => Ok(Some(Value::NullArray)),
            Element::Aggregate(sign, n) => self.aggregate(sign, n, depth + 1),
        }
    }

    fn aggregate(&mut self, sign: Sign, n: u64, depth: usize) -> Found<Value> {
        match sign {
            Sign::Array => Ok(self.many(n, |r| r.value(depth))?.map(Value::Array)),
            Sign::Set => Ok(self.many(n, |r| r.value(depth))?.map(Value::Set)),
            Sign::Push => Ok(self.many(n, |r| r.value(depth))?.map(Value::Push)),
            Sign::Map => Ok(self.many(n, |r| r.pair(depth))?.map(Value::Map)),
            Sign::Attribute => {
                let Some(pairs) = self.many(n, |r| r.pair(depth))? else { return Ok(None) };
                Ok(self.value(depth)?.map(|value| Value::Attributed(pairs, Box::new(value))))
            }
        }
    }

    fn many<T>(&mut self, n: u64, mut one: impl FnMut(&mut Self) -> Found<T>) -> Found<Vec<T>> {
        let mut items = Vec::with_capacity((n as usize).min(RESERVE_MAX).min(self.buf.len() - self.at));
        for _ in 0..n {
            match one(self)? {
                Some(item) => items.push(item),
                None => return Ok(None),
            }
        }
        Ok(Some(items))
    }

    fn pair(&mut self, depth: usize) -> Found<(Value, Value)> {
        let Some(key) = self.value(depth)? else { return Ok(None) };
        Ok(self.value(depth)?.map(|value| (key, value)))
    }
}

fn scalar(sign: u8, text: &[u8]) -> Result<Value, Malformed> {
    Ok(match (sign, text) {
        (b'+', _) => Value::Simple(text.to_vec()),
        (b'-', _) => Value::Error(text.to_vec()),
        (b':', _) => Value::Int(parse_i64(text).ok_or(Malformed)?),
        (b',', _) => Value::Double(text.to_vec()),
        (b'(', _) => Value::BigNumber(text.to_vec()),
        (b'#', b"t") => Value::Boolean(true),
        (b'#', b"f") => Value::Boolean(false),
        _ => return Err(Malformed),
    })
}

fn verbatim(blob: &[u8]) -> Result<Value, Malformed> {
    match blob {
        &[a, b, c, b':', ref text @ ..] => Ok(Value::Verbatim { format: [a, b, c], text: text.to_vec() }),
        _ => Err(Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_way_to_a_bulk_strings_end_agrees_with_the_long_one() {
        let longest = [b"$999999\r\n".as_slice(), &vec![b'x'; 999_999], b"\r\n"].concat();
        let longer = [b"$1000000\r\n".as_slice(), &vec![b'x'; 1_000_000], b"\r\n"].concat();
        let whole: [&[u8]; 4] = [b"$0\r\n\r\n", b"$3\r\nabc\r\n:1", &longest, &longer];
        let not: [&[u8]; 8] = [
            b"$",
            b"$\r\n\r\n",
            b"$007\r\n1234567\r\n",
            b"$3\r\nabc\r",
            b"$3\r\nabcd\r\n",
            b"$-1\r\n",
            b"$3\rabc\r\n",
            b"$3a\r\nabc\r\n",
        ];
        for bytes in whole.into_iter().chain(not) {
            assert_eq!(reply_len(bytes), Scanner::default().next(bytes, 0).ok().flatten(), "{bytes:?}");
        }
        assert_eq!(whole.map(|b| short_bulk_len(b).is_some()), [true, true, true, false]);
        assert_eq!(not.map(short_bulk_len), [None; 8]);
    }

    fn scan(buf: &[u8]) -> Result<Option<usize>, Malformed> {
        Scanner::default().next(buf, 0)
    }

    #[test]
    fn one_reply_of_each_kind() {
        for (text, want) in [
            ("+OK\r\n", Value::Simple(b"OK".to_vec())),
            ("-ERR x\r\n", Value::Error(b"ERR x".to_vec())),
            ("!5\r\nERR x\r\n", Value::Error(b"ERR x".to_vec())),
            (":-42\r\n", Value::Int(-42)),
            ("$2\r\n\r\n\r\n", Value::Bulk(b"\r\n".to_vec())),
            ("$-1\r\n", Value::Null),
            ("_\r\n", Value::Null),
            ("*-1\r\n", Value::NullArray),
            ("#t\r\n", Value::Boolean(true)),
            (",1.5\r\n", Value::Double(b"1.5".to_vec())),
            ("(123\r\n", Value::BigNumber(b"123".to_vec())),
            ("=6\r\ntxt:hi\r\n", Value::Verbatim { format: *b"txt", text: b"hi".to_vec() }),
            ("*2\r\n:1\r\n*0\r\n", Value::Array(vec![Value::Int(1), Value::Array(vec![])])),
            ("%1\r\n+a\r\n:1\r\n", Value::Map(vec![(Value::Simple(b"a".to_vec()), Value::Int(1))])),
            ("~1\r\n:1\r\n", Value::Set(vec![Value::Int(1)])),
            (">1\r\n:1\r\n", Value::Push(vec![Value::Int(1)])),
            (
                "|1\r\n:1\r\n:2\r\n:3\r\n",
                Value::Attributed(vec![(Value::Int(1), Value::Int(2))], Box::new(Value::Int(3))),
            ),
        ] {
            let followed = [text.as_bytes(), b"+next\r\n"].concat();
            assert_eq!(Value::parse(&followed), Ok(Some((want, text.len()))), "{text:?}");
            assert_eq!(reply_len(&followed), Some(text.len()), "{text:?}");
            for cut in 0..text.len() {
                assert_eq!(scan(&text.as_bytes()[..cut]), Ok(None), "{text:?} cut at {cut}");
                assert_eq!(Value::parse(&text.as_bytes()[..cut]), Ok(None), "{text:?} cut at {cut}");
            }
        }
    }

    #[test]
    fn malformed_replies() {
        for text in
            ["x\r\n", "$x\r\n", "$-2\r\n", "*-2\r\n", "%-1\r\n", "$1\r\nabc", "+a\rb", "$01\r\n", "\r\n"]
        {
            assert_eq!(scan(text.as_bytes()), Err(Malformed), "{text:?}");
            assert_eq!(Value::parse(text.as_bytes()), Err(Malformed), "{text:?}");
        }
        for text in ["#x\r\n", ":x\r\n", "=3\r\ntxt\r\n"] {
            assert_eq!(Value::parse(text.as_bytes()), Err(Malformed), "{text:?}");
        }
        assert_eq!(scan(&[b'$'; 30]), Err(Malformed));
    }

    #[test]
    fn hostile_counts_and_depth() {
        let endless = b"*9223372036854775807\r\n".repeat(3);
        assert_eq!(scan(&endless), Err(Malformed));
        assert_eq!(Value::parse(b"*9223372036854775807\r\n:1\r\n"), Ok(None));
        assert_eq!(scan(b"%9223372036854775807\r\n%9223372036854775807\r\n"), Err(Malformed));
        assert_eq!(scan(b"$9223372036854775807\r\n"), Ok(None));
        let deep = [b"*1\r\n".repeat(1_000_000), b":1\r\n".to_vec()].concat();
        assert_eq!(reply_len(&deep), Some(deep.len()));
        assert_eq!(Value::parse(&deep), Err(Malformed));
    }

    #[test]
    fn a_scanner_goes_on_where_it_was() {
        let reply = b"*3\r\n$5\r\nhello\r\n%1\r\n+a long status line\r\n:1\r\n_\r\n";
        let mut scanner = Scanner::default();
        for cut in 0..reply.len() {
            assert_eq!(scanner.next(&reply[..cut], 0), Ok(None));
        }
        assert_eq!(scanner.next(reply, 0), Ok(Some(reply.len())));
        let moved = [b"+OK\r\n", &reply[..]].concat();
        assert_eq!(scanner.next(&moved, 5), Ok(Some(moved.len())));
    }
}
