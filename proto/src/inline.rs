//! Inline requests: a line of words, as typed into telnet. Quoting is that of Redis's `sdssplitargs`, which
//! redis-cli and redis.conf use too:
//!
//! - `"…"` understands `\n \r \t \b \a \xHH`; a backslash before any other byte yields that byte;
//! - `'…'` understands only `\'`;
//! - a quote may open in the middle of a word (`a"b c"` is one word); after the closing one the word must end;
//! - blanks before a word are those of C's `isspace`, but vertical tab and form feed do not end one;
//! - a NUL ends the line, as it ends a C string.

use crate::args::Span;

/// A quote that is not closed, or that is closed in the middle of a word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unbalanced;

/// What the spans of [`split`] are offsets into.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// The line itself: it has no quotes.
    Line,
    /// The buffer of unescaped words.
    Unescaped,
}

/// Appends the words of `line` to `spans`. Words of a line with quotes are written to `unescaped`.
///
/// # Errors
/// [`Unbalanced`] quotes; what was appended is then meaningless.
pub fn split(line: &[u8], spans: &mut Vec<Span>, unescaped: &mut Vec<u8>) -> Result<Source, Unbalanced> {
    let line = &line[..memchr::memchr(0, line).unwrap_or(line.len())];
    let mut words = Words { line, at: 0 };
    if memchr::memchr2(b'"', b'\'', line).is_none() {
        while words.skip_blanks() {
            let start = words.at;
            words.at += line[start..].iter().position(|&b| ends_word(b)).unwrap_or(line.len() - start);
            spans.push(Span { start: start as u32, len: (words.at - start) as u32 });
        }
        return Ok(Source::Line);
    }
    while words.skip_blanks() {
        let start = unescaped.len();
        words.word(unescaped)?;
        spans.push(Span { start: start as u32, len: (unescaped.len() - start) as u32 });
    }
    Ok(Source::Unescaped)
}

/// Reads a line word by word.
struct Words<'a> {
    line: &'a [u8],
    at: usize,
}

impl Words<'_> {
    /// Whether a word follows.
    fn skip_blanks(&mut self) -> bool {
        while self.peek(0).is_some_and(is_blank) {
            self.at += 1;
        }
        self.at < self.line.len()
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.line.get(self.at + ahead).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let b = self.peek(0)?;
        self.at += 1;
        Some(b)
    }

    fn word(&mut self, out: &mut Vec<u8>) -> Result<(), Unbalanced> {
        while let Some(b) = self.next() {
            match b {
                b'"' => return self.double_quoted(out),
                b'\'' => return self.single_quoted(out),
                b if ends_word(b) => return Ok(()),
                b => out.push(b),
            }
        }
        Ok(())
    }

    fn double_quoted(&mut self, out: &mut Vec<u8>) -> Result<(), Unbalanced> {
        loop {
            match self.next().ok_or(Unbalanced)? {
                b'"' => return self.closed(),
                b'\\' => out.push(self.escaped().ok_or(Unbalanced)?),
                b => out.push(b),
            }
        }
    }

    fn single_quoted(&mut self, out: &mut Vec<u8>) -> Result<(), Unbalanced> {
        loop {
            match self.next().ok_or(Unbalanced)? {
                b'\'' => return self.closed(),
                b'\\' if self.peek(0) == Some(b'\'') => {
                    self.at += 1;
                    out.push(b'\'');
                }
                b => out.push(b),
            }
        }
    }

    /// The byte that an escape in double quotes stands for, after its backslash.
    fn escaped(&mut self) -> Option<u8> {
        if let (Some(b'x'), Some(high), Some(low)) = (self.peek(0), self.hex_digit(1), self.hex_digit(2)) {
            self.at += 3;
            return Some(high << 4 | low);
        }
        Some(match self.next()? {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'b' => 0x08,
            b'a' => 0x07,
            b => b,
        })
    }

    fn hex_digit(&self, ahead: usize) -> Option<u8> {
        char::from(self.peek(ahead)?).to_digit(16).map(|d| d as u8)
    }

    /// After a closing quote: the word must end here.
    fn closed(&self) -> Result<(), Unbalanced> {
        if self.peek(0).is_none_or(is_blank) { Ok(()) } else { Err(Unbalanced) }
    }
}

/// C's `isspace` in the C locale.
fn is_blank(b: u8) -> bool {
    matches!(b, b' ' | b'\t'..=b'\r')
}

fn ends_word(b: u8) -> bool {
    matches!(b, b' ' | b'\n' | b'\r' | b'\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Result<Vec<Vec<u8>>, Unbalanced> {
        let (mut spans, mut unescaped) = (Vec::new(), Vec::new());
        let source = match split(line.as_bytes(), &mut spans, &mut unescaped)? {
            Source::Line => line.as_bytes(),
            Source::Unescaped => &unescaped,
        };
        Ok(spans.iter().map(|s| source[s.start as usize..][..s.len as usize].to_vec()).collect())
    }

    fn ok(line: &str, want: &[&[u8]]) {
        assert_eq!(words(line).unwrap(), want, "{line:?}");
    }

    #[test]
    fn plain_words_stay_in_place() {
        ok("", &[]);
        ok(" \t\x0b ", &[]);
        ok("GET key", &[b"GET", b"key"]);
        ok("  GET \t key  ", &[b"GET", b"key"]);
        ok("a\x0bb \x0cc", &[b"a\x0bb", b"c"]);
        ok("a\rb", &[b"a", b"b"]);
        assert_eq!(split(b"GET key", &mut Vec::new(), &mut Vec::new()), Ok(Source::Line));
    }

    #[test]
    fn quotes() {
        ok(r#"set "a b" 'c d'"#, &[b"set", b"a b", b"c d"]);
        ok(r#""" ''"#, &[b"", b""]);
        ok(r#"a"b c" d"#, &[b"ab c", b"d"]);
        ok(r#""\n\r\t\b\a\q\\\"\x41\xfF\xg1""#, &[b"\n\r\t\x08\x07q\\\"A\xffxg1"]);
        ok(r#"'\n\x41\'"'"#, &[br#"\n\x41'""#]);
        ok(r#""it's""#, &[b"it's"]);
        assert_eq!(split(b"'a'", &mut Vec::new(), &mut Vec::new()), Ok(Source::Unescaped));
    }

    #[test]
    fn a_nul_ends_the_line() {
        ok("GET a\0b c", &[b"GET", b"a"]);
        ok("GET 'a' \0'b", &[b"GET", b"a"]);
        ok("\0GET", &[]);
        assert_eq!(words("GET 'a\0'"), Err(Unbalanced));
    }

    #[test]
    fn unbalanced() {
        for line in
            [r#"""#, r#"'"#, r#""a"b"#, r#"'a'b"#, r#""""a"""#, r#"a "b"#, r#""\"#, r#""\""#, r#"'\'"#]
        {
            assert_eq!(words(line), Err(Unbalanced), "{line:?}");
        }
    }
}
