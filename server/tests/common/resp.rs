//! Replies as a client reads them, RESP2 and RESP3, with every distinction of the wire kept:
//! `$-1`, `*-1` and `_` are three different values, so that a comparison sees the difference.

use std::fmt;
use std::io::{self, BufRead, Read};

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    Simple(Vec<u8>),
    Error(Vec<u8>),
    Int(i64),
    Bulk(Vec<u8>),
    /// `$-1`
    NullBulk,
    /// `*-1`
    NullArray,
    /// `_`
    Null,
    Array(Vec<Value>),
    Map(Vec<(Value, Value)>),
    Set(Vec<Value>),
    Push(Vec<Value>),
    Bool(bool),
    /// The text of a double, as it was sent.
    Double(Vec<u8>),
    BigNumber(Vec<u8>),
    /// Format (three letters) and text.
    Verbatim(Vec<u8>, Vec<u8>),
}

impl Value {
    pub fn ok() -> Self {
        Value::Simple(b"OK".to_vec())
    }

    pub fn bulk(text: impl AsRef<[u8]>) -> Self {
        Value::Bulk(text.as_ref().to_vec())
    }

    pub fn is_error(&self) -> bool {
        matches!(self, Value::Error(_))
    }

    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null | Value::NullBulk | Value::NullArray)
    }

    /// The integer that an integer reply or a decimal string holds.
    pub fn int(&self) -> Option<i64> {
        match self {
            Value::Int(n) => Some(*n),
            Value::Bulk(b) | Value::Simple(b) => std::str::from_utf8(b).ok()?.parse().ok(),
            _ => None,
        }
    }

    /// The bytes of any string-like reply.
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Value::Simple(b)
            | Value::Error(b)
            | Value::Bulk(b)
            | Value::Double(b)
            | Value::Verbatim(_, b) => Some(b),
            _ => None,
        }
    }

    /// The text of any string-like reply; for others, their debug form.
    pub fn text(&self) -> String {
        self.bytes().map_or_else(|| format!("{self:?}"), |b| String::from_utf8_lossy(b).into_owned())
    }

    /// The elements of an array, set or push; a map's keys and values in turn.
    pub fn items(&self) -> Vec<Value> {
        match self {
            Value::Array(v) | Value::Set(v) | Value::Push(v) => v.clone(),
            Value::Map(pairs) => pairs.iter().flat_map(|(k, v)| [k.clone(), v.clone()]).collect(),
            _ => Vec::new(),
        }
    }
}

fn escape(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    let shown = &bytes[..bytes.len().min(400)];
    write!(f, "\"{}\"", shown.escape_ascii())?;
    if shown.len() < bytes.len() { write!(f, "…({} bytes)", bytes.len()) } else { Ok(()) }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Simple(b) => write!(f, "+{}", b.escape_ascii()),
            Value::Error(b) => write!(f, "-{}", b.escape_ascii()),
            Value::Int(n) => write!(f, ":{n}"),
            Value::Bulk(b) => escape(f, b),
            Value::NullBulk => f.write_str("$-1"),
            Value::NullArray => f.write_str("*-1"),
            Value::Null => f.write_str("_"),
            Value::Array(v) => f.debug_list().entries(v).finish(),
            Value::Map(v) => f.debug_map().entries(v.iter().map(|(k, v)| (k, v))).finish(),
            Value::Set(v) => f.debug_set().entries(v).finish(),
            Value::Push(v) => write!(f, ">{v:?}"),
            Value::Bool(b) => write!(f, "#{b}"),
            Value::Double(b) => write!(f, ",{}", b.escape_ascii()),
            Value::BigNumber(b) => write!(f, "({}", b.escape_ascii()),
            Value::Verbatim(kind, b) => {
                write!(f, "={}:", kind.escape_ascii())?;
                escape(f, b)
            }
        }
    }
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("malformed reply: {what}"))
}

fn line(from: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    from.read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection"));
    }
    match line.strip_suffix(b"\r\n") {
        Some(rest) => Ok(rest.to_vec()),
        None => Err(malformed(&format!("line \"{}\" has no CRLF", line.escape_ascii()))),
    }
}

fn number(text: &[u8]) -> io::Result<i64> {
    std::str::from_utf8(text)
        .ok()
        .and_then(|t| t.parse().ok())
        .ok_or_else(|| malformed(&format!("\"{}\" is not a number", text.escape_ascii())))
}

fn body(from: &mut impl Read, len: i64) -> io::Result<Vec<u8>> {
    let len = usize::try_from(len).map_err(|_| malformed("negative length"))?;
    let mut bytes = vec![0; len + 2];
    from.read_exact(&mut bytes)?;
    if !bytes.ends_with(b"\r\n") {
        return Err(malformed("a bulk string does not end in CRLF"));
    }
    bytes.truncate(len);
    Ok(bytes)
}

fn elements(from: &mut impl BufRead, n: i64) -> io::Result<Vec<Value>> {
    (0..n).map(|_| read(from)).collect()
}

/// Reads one reply. An error kind of `InvalidData` means that the bytes are not RESP.
pub fn read(from: &mut impl BufRead) -> io::Result<Value> {
    let line = line(from)?;
    let (kind, rest) = line.split_first().ok_or_else(|| malformed("empty line"))?;
    Ok(match kind {
        b'+' => Value::Simple(rest.to_vec()),
        b'-' => Value::Error(rest.to_vec()),
        b':' => Value::Int(number(rest)?),
        b'$' if rest == b"-1" => Value::NullBulk,
        b'$' => Value::Bulk(body(from, number(rest)?)?),
        b'*' if rest == b"-1" => Value::NullArray,
        b'*' => Value::Array(elements(from, number(rest)?)?),
        b'~' => Value::Set(elements(from, number(rest)?)?),
        b'>' => Value::Push(elements(from, number(rest)?)?),
        b'%' => {
            let n = number(rest)?;
            Value::Map((0..n).map(|_| Ok((read(from)?, read(from)?))).collect::<io::Result<_>>()?)
        }
        b'_' => Value::Null,
        b'#' => Value::Bool(rest == b"t"),
        b',' => Value::Double(rest.to_vec()),
        b'(' => Value::BigNumber(rest.to_vec()),
        b'=' => {
            let text = body(from, number(rest)?)?;
            let (kind, text) = text.split_at_checked(4).ok_or_else(|| malformed("short verbatim string"))?;
            Value::Verbatim(kind[..3].to_vec(), text.to_vec())
        }
        other => return Err(malformed(&format!("type byte {:?}", char::from(*other)))),
    })
}
