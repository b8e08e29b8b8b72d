//! Replies, skipped: where each ends and of what kind it is, without keeping any of it.
//!
//! A load generator reads as much as the server writes, and looks at almost none of it. So the scanner
//! takes bytes as they come, in pieces cut anywhere, keeps a few numbers between them, and steps over the bytes of
//! a string in one addition. An aggregate of n elements adds n to the elements still to come, so depth
//! costs nothing.
//!
//! ```text
//!   Sign ──"$" "*" …──> Header ──\n──> Body (strings) ──> Sign
//!     └────"+" "-" …──> Line ──\n───────────────────────> Sign
//! ```
//!
//! `proto::reply::Scanner` finds the same ends, but in a buffer that holds the whole reply: a kilobyte each for ten
//! thousand connections, or a copy. The two are tested against each other.

pub use proto::reply::Malformed;

/// What a reply is, by its outermost element.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Anything but what follows.
    Other,
    /// `$-1`, `*-1`, `_`.
    Nil,
    /// `-…` or `!…`.
    Error,
}

/// Who hears what the scanner finds. Only [`Sink::reply`] must be heard.
pub trait Sink {
    /// A whole reply has passed.
    fn reply(&mut self, kind: Kind);
    /// Part of the text of an error, wherever it stands in the reply.
    fn error_text(&mut self, _part: &[u8]) {}
    /// An error's text is at its end.
    fn error_end(&mut self) {}
    /// Part of a string.
    fn string_part(&mut self, _part: &[u8]) {}
}

/// Where in an element the next byte stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum At {
    /// At its first byte.
    #[default]
    Sign,
    /// In a line that ends the element.
    Line,
    /// In the number of a string or an aggregate.
    Header,
    /// In a string, or the line end behind it.
    Body,
}

/// Finds the ends of replies in a stream.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scanner {
    at: At,
    sign: u8,
    /// The number being read, and whether it is negative.
    number: u64,
    negative: bool,
    /// Bytes of the string, and its line end, still to come.
    left: u64,
    /// Elements still to come; 0 between replies.
    pending: u64,
    /// What the reply is, once its first element was read.
    kind: Option<Kind>,
    /// The reply is a push: nobody asked for it.
    push: bool,
}

impl Scanner {
    /// Takes the next bytes of the stream.
    ///
    /// # Errors
    /// [`Malformed`] bytes.
    #[inline]
    pub fn feed(&mut self, mut bytes: &[u8], sink: &mut impl Sink) -> Result<(), Malformed> {
        while !bytes.is_empty() {
            // What most replies to writes are, when nothing is under way.
            if self.pending == 0 && self.at == At::Sign {
                while let Some(rest) = bytes.strip_prefix(b"+OK\r\n") {
                    sink.reply(Kind::Other);
                    bytes = rest;
                }
                if bytes.is_empty() {
                    break;
                }
            }
            bytes = self.step(bytes, sink)?;
        }
        Ok(())
    }

    /// Whether a reply has begun and not ended.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.pending > 0 || self.at != At::Sign
    }

    #[inline]
    fn step<'a>(&mut self, bytes: &'a [u8], sink: &mut impl Sink) -> Result<&'a [u8], Malformed> {
        match self.at {
            At::Sign => self.begin(bytes[0]).map(|()| &bytes[1..]),
            At::Line => Ok(self.line(bytes, sink)),
            At::Header => self.header(bytes, sink),
            At::Body => Ok(self.body(bytes, sink)),
        }
    }

    #[inline]
    fn begin(&mut self, sign: u8) -> Result<(), Malformed> {
        self.at = match sign {
            b'+' | b'-' | b':' | b',' | b'(' | b'#' | b'_' => At::Line,
            b'$' | b'=' | b'!' | b'*' | b'%' | b'~' | b'>' | b'|' => At::Header,
            _ => return Err(Malformed),
        };
        if self.pending == 0 {
            self.pending = 1;
            self.kind = None;
            self.push = sign == b'>';
        }
        (self.sign, self.number, self.negative) = (sign, 0, false);
        Ok(())
    }

    #[inline]
    fn line<'a>(&mut self, bytes: &'a [u8], sink: &mut impl Sink) -> &'a [u8] {
        let end = bytes.iter().position(|&b| b == b'\n');
        let part = &bytes[..end.unwrap_or(bytes.len())];
        if self.sign == b'-' {
            sink.error_text(part.strip_suffix(b"\r").unwrap_or(part));
        }
        let Some(end) = end else { return &[] };
        match self.sign {
            b'-' => {
                sink.error_end();
                self.element(Kind::Error, sink);
            }
            b'_' => self.element(Kind::Nil, sink),
            _ => self.element(Kind::Other, sink),
        }
        &bytes[end + 1..]
    }

    #[inline]
    fn header<'a>(&mut self, bytes: &'a [u8], sink: &mut impl Sink) -> Result<&'a [u8], Malformed> {
        for (i, &byte) in bytes.iter().enumerate() {
            match byte {
                b'0'..=b'9' => {
                    let digit = u64::from(byte - b'0');
                    self.number =
                        self.number.checked_mul(10).and_then(|n| n.checked_add(digit)).ok_or(Malformed)?;
                }
                b'-' if self.number == 0 => self.negative = true,
                b'\r' => {}
                b'\n' => {
                    self.headed(sink)?;
                    return Ok(&bytes[i + 1..]);
                }
                _ => return Err(Malformed),
            }
        }
        Ok(&[])
    }

    /// A header has been read.
    fn headed(&mut self, sink: &mut impl Sink) -> Result<(), Malformed> {
        if self.negative {
            self.element(Kind::Nil, sink);
            return Ok(());
        }
        let twice = || self.number.checked_mul(2).ok_or(Malformed);
        let members = match self.sign {
            b'$' | b'=' | b'!' => {
                self.left = self.number.checked_add(2).ok_or(Malformed)?;
                self.at = At::Body;
                return Ok(());
            }
            b'%' => twice()?,
            // An attribute comes before the element that it is about.
            b'|' => twice()?.checked_add(1).ok_or(Malformed)?,
            _ => self.number,
        };
        self.pending = self.pending.checked_add(members).ok_or(Malformed)?;
        self.element(Kind::Other, sink);
        Ok(())
    }

    #[inline]
    fn body<'a>(&mut self, bytes: &'a [u8], sink: &mut impl Sink) -> &'a [u8] {
        let taken = (bytes.len() as u64).min(self.left);
        // The last two bytes are the line end.
        let text = &bytes[..taken.min(self.left.saturating_sub(2)) as usize];
        let error = self.sign == b'!';
        if !text.is_empty() {
            if error {
                sink.error_text(text);
            } else {
                sink.string_part(text);
            }
        }
        self.left -= taken;
        if self.left == 0 {
            if error {
                sink.error_end();
            }
            self.element(if error { Kind::Error } else { Kind::Other }, sink);
        }
        &bytes[taken as usize..]
    }

    /// An element is over; with the last one, the reply.
    #[inline]
    fn element(&mut self, kind: Kind, sink: &mut impl Sink) {
        self.at = At::Sign;
        self.pending -= 1;
        let first = *self.kind.get_or_insert(kind);
        if self.pending == 0 && !self.push {
            sink.reply(first);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proto::reply::reply_len;

    #[derive(Default, PartialEq, Debug)]
    struct Heard {
        kinds: Vec<Kind>,
        errors: Vec<String>,
        error: Vec<u8>,
        strings: Vec<u8>,
    }

    impl Sink for Heard {
        fn reply(&mut self, kind: Kind) {
            self.kinds.push(kind);
        }
        fn error_text(&mut self, part: &[u8]) {
            self.error.extend_from_slice(part);
        }
        fn error_end(&mut self) {
            self.errors.push(String::from_utf8_lossy(&std::mem::take(&mut self.error)).into_owned());
        }
        fn string_part(&mut self, part: &[u8]) {
            self.strings.extend_from_slice(part);
        }
    }

    /// What is heard when the bytes come in these pieces.
    fn heard<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<(Heard, Scanner), Malformed> {
        let (mut scanner, mut heard) = (Scanner::default(), Heard::default());
        for piece in pieces {
            scanner.feed(piece, &mut heard)?;
        }
        Ok((heard, scanner))
    }

    const STREAM: &str = "+OK\r\n+OK\r\n-ERR no\r\n:42\r\n$5\r\na\r\nbc\r\n$0\r\n\r\n$-1\r\n*-1\r\n_\r\n*0\r\n\
        *2\r\n*2\r\n:1\r\n$2\r\nzz\r\n-ERR inner\r\n%1\r\n+a\r\n~1\r\n:1\r\n|1\r\n+k\r\n+v\r\n:9\r\n\
        >2\r\n+pushed\r\n:1\r\n!7\r\nERR big\r\n=6\r\ntxt:ok\r\n,1.5\r\n#t\r\n(12\r\n";

    #[test]
    fn kinds_errors_and_strings() {
        use Kind::{Error, Nil, Other};
        let (heard, scanner) = heard([STREAM.as_bytes()]).expect("well-formed");
        let want = [
            Other, Other, Error, Other, Other, Other, Nil, Nil, Nil, Other, Other, Other, Other, Error,
            Other, Other, Other, Other,
        ];
        assert_eq!(heard.kinds, want, "the push is not a reply");
        assert_eq!(heard.errors, ["ERR no", "ERR inner", "ERR big"]);
        assert_eq!(heard.strings, b"a\r\nbczztxt:ok");
        assert!(!scanner.is_partial());
    }

    #[test]
    fn pieces_cut_anywhere_are_heard_the_same() {
        let (whole, _) = heard([STREAM.as_bytes()]).expect("well-formed");
        for cut in 0..=STREAM.len() {
            let (head, tail) = STREAM.as_bytes().split_at(cut);
            assert_eq!(heard([head, tail]).expect("well-formed").0, whole, "cut at {cut}");
        }
        let (single, _) = heard(STREAM.as_bytes().chunks(1)).expect("well-formed");
        assert_eq!(single, whole);
    }

    #[test]
    fn what_is_no_reply_is_malformed() {
        for bad in ["OK\r\n", "$x\r\n", "$99999999999999999999\r\n", "*1\r\nx", "%18446744073709551615\r\n"] {
            assert_eq!(heard([bad.as_bytes()]).map(|_| ()), Err(Malformed), "{bad:?}");
        }
    }

    fn reply() -> impl Strategy<Value = Vec<u8>> {
        let line = prop_oneof![
            Just(b"+OK\r\n".to_vec()),
            any::<i64>().prop_map(|n| format!(":{n}\r\n").into_bytes()),
            "[ -~]{0,9}".prop_map(|t| format!("-{t}\r\n").into_bytes()),
            Just(b"$-1\r\n".to_vec()),
            proptest::collection::vec(any::<u8>(), 0..40)
                .prop_map(|b| { [format!("${}\r\n", b.len()).as_bytes(), &b, b"\r\n"].concat() }),
        ];
        line.prop_recursive(3, 24, 4, |inner| {
            proptest::collection::vec(inner, 0..4)
                .prop_map(|v| [format!("*{}\r\n", v.len()).into_bytes(), v.concat()].concat())
        })
    }

    proptest! {
        #[test]
        fn ends_are_those_of_the_protocol_crate(
            replies in proptest::collection::vec(reply(), 1..12),
            sizes in proptest::collection::vec(1usize..50, 1..20),
        ) {
            let stream = replies.concat();
            let (mut scanner, mut heard) = (Scanner::default(), Heard::default());
            let (mut rest, mut fed, mut sizes) = (&stream[..], 0, sizes.iter().cycle());
            while !rest.is_empty() {
                let piece = rest.len().min(*sizes.next().expect("a cycle"));
                scanner.feed(&rest[..piece], &mut heard).expect("well-formed");
                (rest, fed) = (&rest[piece..], fed + piece);
                let (mut ends, mut at) = (0, 0);
                while let Some(len) = reply_len(&stream[at..fed]) {
                    (ends, at) = (ends + 1, at + len);
                }
                prop_assert_eq!(heard.kinds.len(), ends);
                prop_assert_eq!(scanner.is_partial(), at < fed);
            }
            prop_assert_eq!(heard.kinds.len(), replies.len());
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = heard([&bytes[..]]);
        }
    }
}
