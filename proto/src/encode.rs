//! Replies in RESP2 and RESP3. A reply is appended to a plain `Vec<u8>`; what RESP2 lacks
//! (maps, sets, booleans, doubles, verbatim strings) falls back as Redis's `addReply*` does.
//! Source: <https://redis.io/docs/latest/develop/reference/protocol-spec/>.

/// The protocol version a connection has chosen with HELLO.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Resp {
    #[default]
    V2,
    V3,
}

/// Appends replies in one protocol version.
pub struct Reply<'a> {
    out: &'a mut Vec<u8>,
    resp: Resp,
}

impl<'a> Reply<'a> {
    pub fn new(out: &'a mut Vec<u8>, resp: Resp) -> Self {
        Self { out, resp }
    }

    #[must_use]
    pub fn resp(&self) -> Resp {
        self.resp
    }

    /// The bytes written so far, to append what is already encoded.
    pub fn raw(&mut self) -> &mut Vec<u8> {
        self.out
    }

    fn line(&mut self, kind: u8, text: &[u8]) {
        self.out.push(kind);
        self.out.extend_from_slice(text);
        self.out.extend_from_slice(b"\r\n");
    }

    fn header(&mut self, kind: u8, n: i64) {
        self.out.push(kind);
        push_int(self.out, n);
        self.out.extend_from_slice(b"\r\n");
    }

    pub fn simple(&mut self, text: &str) {
        self.line(b'+', text.as_bytes());
    }

    pub fn ok(&mut self) {
        self.out.extend_from_slice(b"+OK\r\n");
    }

    /// An error with its code: `"ERR syntax error"`, `"WRONGTYPE Operation…"`; no leading dash.
    /// Line breaks inside become spaces, since the frame ends at one.
    pub fn error(&mut self, text: &str) {
        self.out.push(b'-');
        self.out.extend(text.bytes().map(|b| if b == b'\r' || b == b'\n' { b' ' } else { b }));
        self.out.extend_from_slice(b"\r\n");
    }

    pub fn int(&mut self, n: i64) {
        self.header(b':', n);
    }

    pub fn bulk(&mut self, bytes: &[u8]) {
        self.header(b'$', bytes.len() as i64);
        self.out.extend_from_slice(bytes);
        self.out.extend_from_slice(b"\r\n");
    }

    /// An integer as a bulk string, as GET of an `int`-encoded value answers.
    pub fn bulk_int(&mut self, n: i64) {
        let mut text = Vec::with_capacity(20);
        push_int(&mut text, n);
        self.bulk(&text);
    }

    pub fn null(&mut self) {
        self.out.extend_from_slice(if self.resp == Resp::V3 { b"_\r\n" } else { b"$-1\r\n" });
    }

    /// What EXEC or BLPOP answer for "nothing": `*-1` in RESP2, `_` in RESP3.
    pub fn null_array(&mut self) {
        self.out.extend_from_slice(if self.resp == Resp::V3 { b"_\r\n" } else { b"*-1\r\n" });
    }

    pub fn array(&mut self, n: usize) {
        self.header(b'*', n as i64);
    }

    /// A map of `pairs` pairs: the caller then writes 2 x `pairs` replies.
    pub fn map(&mut self, pairs: usize) {
        if self.resp == Resp::V3 {
            self.header(b'%', pairs as i64)
        } else {
            self.header(b'*', 2 * pairs as i64)
        }
    }

    pub fn set(&mut self, n: usize) {
        self.header(if self.resp == Resp::V3 { b'~' } else { b'*' }, n as i64);
    }

    pub fn push(&mut self, n: usize) {
        self.header(if self.resp == Resp::V3 { b'>' } else { b'*' }, n as i64);
    }

    pub fn boolean(&mut self, b: bool) {
        if self.resp == Resp::V3 {
            self.line(b'#', if b { b"t" } else { b"f" })
        } else {
            self.int(i64::from(b))
        }
    }

    pub fn double(&mut self, d: f64) {
        let text = format!("{d}");
        if self.resp == Resp::V3 { self.line(b',', text.as_bytes()) } else { self.bulk(text.as_bytes()) }
    }

    /// Text with a three-letter format (`"txt"`, `"mkd"`); a plain bulk string in RESP2.
    pub fn verbatim(&mut self, format: &str, text: &[u8]) {
        if self.resp == Resp::V2 {
            return self.bulk(text);
        }
        self.header(b'=', text.len() as i64 + 4);
        self.out.extend_from_slice(format.as_bytes());
        self.out.push(b':');
        self.out.extend_from_slice(text);
        self.out.extend_from_slice(b"\r\n");
    }
}

/// Appends the decimal form of `n`.
pub fn push_int(out: &mut Vec<u8>, n: i64) {
    use std::io::Write;
    let _ = write!(out, "{n}"); // writing to a Vec cannot fail
}
