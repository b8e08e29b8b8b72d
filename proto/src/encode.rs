//! Replies in RESP2 and RESP3. A reply is appended to a plain `Vec<u8>`; what RESP2 lacks
//! (maps, sets, booleans, doubles, verbatim strings) falls back as Redis's `addReply*` does.
//! Source: <https://redis.io/docs/latest/develop/reference/protocol-spec/>.
//!
//! The hot replies are a short bulk string, an integer and a constant. Their headers are written as arrays of
//! fixed length (`$` digit CR LF is four bytes), which compile to one capacity check and one store;
//! only from 100 on is a number formatted at all.
//!
//! An aggregate states its length first. Where it is known only afterwards (SCAN with a filter, say), write
//! [`Reply::deferred`], then the elements, then [`Reply::set_deferred`]: a one-digit header is reserved and
//! patched in place; a longer one moves what follows once. Counting first would walk the data twice, and a
//! buffer for the elements would copy them always.

use crate::number::{push_f64, push_i64};

/// The protocol version a connection has chosen with HELLO.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Resp {
    #[default]
    V2,
    V3,
}

/// Whole replies that never change, in both versions.
pub mod shared {
    pub const OK: &[u8] = b"+OK\r\n";
    pub const PONG: &[u8] = b"+PONG\r\n";
    pub const QUEUED: &[u8] = b"+QUEUED\r\n";
    pub const ZERO: &[u8] = b":0\r\n";
    pub const ONE: &[u8] = b":1\r\n";
    pub const EMPTY_BULK: &[u8] = b"$0\r\n\r\n";
    pub const EMPTY_ARRAY: &[u8] = b"*0\r\n";
    /// A SCAN that is finished and found nothing.
    pub const EMPTY_SCAN: &[u8] = b"*2\r\n$1\r\n0\r\n*0\r\n";
}

/// What an aggregate reply is a collection of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Array,
    /// Counted in pairs.
    Map,
    Set,
    Push,
    /// Counted in pairs; comes before the reply it is about. RESP3 only.
    Attribute,
}

impl Kind {
    /// The header's sign and number for `n` members: RESP2 has arrays only, in which a pair counts twice.
    fn header(self, n: usize, resp: Resp) -> (u8, usize) {
        match (resp, self) {
            (_, Kind::Array) | (Resp::V2, Kind::Set | Kind::Push) => (b'*', n),
            (Resp::V2, Kind::Map | Kind::Attribute) => (b'*', 2 * n),
            (Resp::V3, Kind::Map) => (b'%', n),
            (Resp::V3, Kind::Set) => (b'~', n),
            (Resp::V3, Kind::Push) => (b'>', n),
            (Resp::V3, Kind::Attribute) => (b'|', n),
        }
    }
}

/// Where an aggregate's header will go.
#[must_use = "the header stays empty until it is set"]
#[derive(Debug)]
pub struct Deferred {
    at: usize,
}

/// The header of a deferred aggregate until it is set: as long as a one-digit one.
const PLACEHOLDER: &[u8; 4] = b"*0\r\n";

/// Appends replies in one protocol version.
pub struct Reply<'a> {
    out: &'a mut Vec<u8>,
    resp: Resp,
}

impl<'a> Reply<'a> {
    #[inline]
    pub fn new(out: &'a mut Vec<u8>, resp: Resp) -> Self {
        Self { out, resp }
    }

    #[inline]
    #[must_use]
    pub fn resp(&self) -> Resp {
        self.resp
    }

    /// The bytes written so far, to append what is already encoded.
    #[inline]
    pub fn raw(&mut self) -> &mut Vec<u8> {
        self.out
    }

    fn line(&mut self, kind: u8, text: &[u8]) {
        self.out.reserve(text.len() + 3);
        self.out.push(kind);
        self.out.extend_from_slice(text);
        self.out.extend_from_slice(b"\r\n");
    }

    /// Appends `<kind><n>CRLF`.
    #[inline]
    fn header(&mut self, kind: u8, n: usize) {
        if n < 10 {
            self.out.extend_from_slice(&[kind, b'0' + n as u8, b'\r', b'\n']);
        } else if n < 100 {
            let (tens, ones) = (b'0' + (n / 10) as u8, b'0' + (n % 10) as u8);
            self.out.extend_from_slice(&[kind, tens, ones, b'\r', b'\n']);
        } else {
            self.number(kind, n as i64);
        }
    }

    fn number(&mut self, kind: u8, n: i64) {
        self.line(kind, itoa::Buffer::new().format(n).as_bytes());
    }

    /// Appends `bytes` and CRLF.
    #[inline]
    fn body(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
        self.out.extend_from_slice(b"\r\n");
    }

    /// A status without line breaks.
    pub fn simple(&mut self, text: &str) {
        self.line(b'+', text.as_bytes());
    }

    #[inline]
    pub fn ok(&mut self) {
        self.out.extend_from_slice(shared::OK);
    }

    #[inline]
    pub fn pong(&mut self) {
        self.out.extend_from_slice(shared::PONG);
    }

    #[inline]
    pub fn queued(&mut self) {
        self.out.extend_from_slice(shared::QUEUED);
    }

    /// An error with its code: `"ERR syntax error"`, `"WRONGTYPE Operation…"`; no leading dash.
    /// Line breaks inside become spaces, since the frame ends at one.
    pub fn error(&mut self, text: impl AsRef<[u8]>) {
        let mut text = text.as_ref();
        while let [b'\r' | b'\n', rest @ ..] | [rest @ .., b'\r' | b'\n'] = text {
            text = rest;
        }
        self.out.reserve(text.len() + 3);
        self.out.push(b'-');
        self.out.extend(text.iter().map(|&b| if b == b'\r' || b == b'\n' { b' ' } else { b }));
        self.out.extend_from_slice(b"\r\n");
    }

    /// `wrong number of arguments for 'config|get' command`.
    pub fn wrong_arity(&mut self, full_name: &str) {
        self.error(crate::error::wrong_arity(full_name));
    }

    #[inline]
    pub fn int(&mut self, n: i64) {
        match usize::try_from(n) {
            Ok(small) if small < 100 => self.header(b':', small),
            _ => self.number(b':', n),
        }
    }

    #[inline]
    pub fn bulk(&mut self, bytes: &[u8]) {
        self.out.reserve(bytes.len() + BULK_FRAME_MAX);
        self.header(b'$', bytes.len());
        self.body(bytes);
    }

    /// An integer as a bulk string, as GET of an `int`-encoded value answers.
    pub fn bulk_int(&mut self, n: i64) {
        self.bulk(itoa::Buffer::new().format(n).as_bytes());
    }

    /// `$-1` in RESP2, `_` in RESP3.
    #[inline]
    pub fn null(&mut self) {
        self.out.extend_from_slice(if self.resp == Resp::V3 { b"_\r\n" } else { b"$-1\r\n" });
    }

    /// The value, or null.
    #[inline]
    pub fn bulk_or_null(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            Some(bytes) => self.bulk(bytes),
            None => self.null(),
        }
    }

    /// What EXEC or BLPOP answer for "nothing": `*-1` in RESP2, `_` in RESP3.
    #[inline]
    pub fn null_array(&mut self) {
        self.out.extend_from_slice(if self.resp == Resp::V3 { b"_\r\n" } else { b"*-1\r\n" });
    }

    #[inline]
    pub fn aggregate(&mut self, kind: Kind, n: usize) {
        let (sign, n) = kind.header(n, self.resp);
        self.header(sign, n);
    }

    #[inline]
    pub fn array(&mut self, n: usize) {
        self.header(b'*', n);
    }

    /// A map of `pairs` pairs: the caller then writes 2 x `pairs` replies.
    pub fn map(&mut self, pairs: usize) {
        self.aggregate(Kind::Map, pairs);
    }

    pub fn set(&mut self, n: usize) {
        self.aggregate(Kind::Set, n);
    }

    /// An out-of-band message of `n` parts; an array in RESP2.
    pub fn push(&mut self, n: usize) {
        self.aggregate(Kind::Push, n);
    }

    /// Facts about the reply that follows, `pairs` of them. Does not exist in RESP2, where Redis sends none:
    /// write it, and its 2 x `pairs` replies, only where [`Reply::resp`] is V3.
    pub fn attribute(&mut self, pairs: usize) {
        debug_assert_eq!(self.resp, Resp::V3, "attributes exist in RESP3 only");
        self.aggregate(Kind::Attribute, pairs);
    }

    /// Reserves the header of an aggregate whose length is not known yet.
    pub fn deferred(&mut self) -> Deferred {
        let at = self.out.len();
        self.out.extend_from_slice(PLACEHOLDER);
        Deferred { at }
    }

    /// Writes a reserved header, once everything that belongs to the aggregate is written. Nested ones are set
    /// from the inside out. Costs a move of what follows if `n` has more than one digit.
    pub fn set_deferred(&mut self, deferred: Deferred, n: usize, kind: Kind) {
        let (sign, n) = kind.header(n, self.resp);
        let placeholder = deferred.at..deferred.at + PLACEHOLDER.len();
        if n < 10 {
            self.out[placeholder].copy_from_slice(&[sign, b'0' + n as u8, b'\r', b'\n']);
        } else {
            let mut header = Vec::with_capacity(BULK_FRAME_MAX);
            Reply::new(&mut header, self.resp).header(sign, n);
            self.out.splice(placeholder, header);
        }
    }

    pub fn boolean(&mut self, b: bool) {
        let text: &[u8; 4] = match (self.resp, b) {
            (Resp::V3, true) => b"#t\r\n",
            (Resp::V3, false) => b"#f\r\n",
            (Resp::V2, true) => b":1\r\n",
            (Resp::V2, false) => b":0\r\n",
        };
        self.out.extend_from_slice(text);
    }

    /// A double in Redis 7.2's short form (see [`push_f64`]); a bulk string in RESP2.
    pub fn double(&mut self, d: f64) {
        if self.resp == Resp::V3 {
            self.out.push(b',');
            push_f64(self.out, d);
            self.out.extend_from_slice(b"\r\n");
        } else {
            let mut text = Vec::with_capacity(32);
            push_f64(&mut text, d);
            self.bulk(&text);
        }
    }

    /// A double that is already text, as INCRBYFLOAT's extended-precision results are.
    pub fn double_text(&mut self, text: &[u8]) {
        if self.resp == Resp::V3 { self.line(b',', text) } else { self.bulk(text) }
    }

    /// An integer of any size, as decimal digits with an optional `-`.
    pub fn big_number(&mut self, digits: &[u8]) {
        if self.resp == Resp::V3 { self.line(b'(', digits) } else { self.bulk(digits) }
    }

    /// Text with a three-letter format (`"txt"`, `"mkd"`; padded or cut to three); a bulk string in RESP2.
    pub fn verbatim(&mut self, format: &str, text: &[u8]) {
        if self.resp == Resp::V2 {
            return self.bulk(text);
        }
        let mut prefix = *b"   :";
        prefix.iter_mut().take(3).zip(format.bytes()).for_each(|(to, from)| *to = from);
        self.header(b'=', text.len() + prefix.len());
        self.out.extend_from_slice(&prefix);
        self.body(text);
    }
}

/// Most bytes that a bulk string's header and end add: sign, 20 digits, two CRLFs.
const BULK_FRAME_MAX: usize = 25;

/// Appends the decimal form of `n`.
#[inline]
pub fn push_int(out: &mut Vec<u8>, n: i64) {
    push_i64(out, n);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(resp: Resp, write: impl Fn(&mut Reply<'_>)) -> String {
        let mut out = Vec::new();
        write(&mut Reply::new(&mut out, resp));
        String::from_utf8(out).unwrap()
    }

    /// `write` gives `v2` in RESP2 and `v3` in RESP3.
    fn gives(write: impl Fn(&mut Reply<'_>), v2: &str, v3: &str) {
        assert_eq!(encoded(Resp::V2, &write), v2);
        assert_eq!(encoded(Resp::V3, &write), v3);
    }

    fn same(write: impl Fn(&mut Reply<'_>), want: &str) {
        gives(write, want, want);
    }

    #[test]
    fn scalars_that_both_versions_have() {
        same(|r| r.simple("Background saving started"), "+Background saving started\r\n");
        same(|r| r.ok(), "+OK\r\n");
        same(|r| r.error("ERR a\r\nb"), "-ERR a  b\r\n");
        same(|r| r.wrong_arity("get"), "-ERR wrong number of arguments for 'get' command\r\n");
        for n in [0, 7, 10, 99, 100, 12345, i64::MAX, -1, -10, i64::MIN] {
            same(|r| r.int(n), &format!(":{n}\r\n"));
            same(|r| r.bulk_int(n), &format!("${}\r\n{n}\r\n", n.to_string().len()));
        }
        for len in [0, 1, 9, 10, 99, 100, 1000] {
            let text = "x".repeat(len);
            same(|r| r.bulk(text.as_bytes()), &format!("${len}\r\n{text}\r\n"));
        }
    }

    #[test]
    fn scalars_that_fall_back() {
        gives(|r| r.null(), "$-1\r\n", "_\r\n");
        gives(|r| r.bulk_or_null(None), "$-1\r\n", "_\r\n");
        gives(|r| r.null_array(), "*-1\r\n", "_\r\n");
        gives(|r| r.boolean(true), ":1\r\n", "#t\r\n");
        gives(|r| r.boolean(false), ":0\r\n", "#f\r\n");
        gives(|r| r.double(3.25), "$4\r\n3.25\r\n", ",3.25\r\n");
        gives(|r| r.double(f64::NEG_INFINITY), "$4\r\n-inf\r\n", ",-inf\r\n");
        gives(|r| r.double_text(b"10.5"), "$4\r\n10.5\r\n", ",10.5\r\n");
        gives(|r| r.big_number(b"-123"), "$4\r\n-123\r\n", "(-123\r\n");
        gives(|r| r.verbatim("txt", b"hello"), "$5\r\nhello\r\n", "=9\r\ntxt:hello\r\n");
        gives(|r| r.verbatim("a", b""), "$0\r\n\r\n", "=4\r\na  :\r\n");
        gives(|r| r.verbatim("long", b""), "$0\r\n\r\n", "=4\r\nlon:\r\n");
    }

    #[test]
    fn aggregates() {
        same(|r| r.array(12), "*12\r\n");
        gives(|r| r.map(7), "*14\r\n", "%7\r\n");
        gives(|r| r.set(100), "*100\r\n", "~100\r\n");
        gives(|r| r.push(3), "*3\r\n", ">3\r\n");
        assert_eq!(encoded(Resp::V3, |r| r.attribute(1)), "|1\r\n");
    }

    #[test]
    fn deferred_headers() {
        for n in [0, 1, 9, 10, 123_456] {
            let write = |r: &mut Reply<'_>| {
                r.int(1);
                let outer = r.deferred();
                r.int(2);
                let inner = r.deferred();
                r.int(3);
                r.set_deferred(inner, n, Kind::Array);
                r.set_deferred(outer, n, Kind::Map);
            };
            gives(
                write,
                &format!(":1\r\n*{}\r\n:2\r\n*{n}\r\n:3\r\n", 2 * n),
                &format!(":1\r\n%{n}\r\n:2\r\n*{n}\r\n:3\r\n"),
            );
        }
    }
}
