//! A line of a configuration file is split into words as redis-cli splits what is typed: blanks
//! separate, `"…"` holds escapes (`\n \r \t \b \a \xHH`, and `\` before anything else is that
//! thing), `'…'` holds text with only `\'` as an escape, and a closing quote ends its word.

/// The words of a line, which a NUL byte ends; None if a quote is left open or does not end its word.
#[must_use]
pub fn split(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let end = line.iter().position(|b| *b == 0).unwrap_or(line.len());
    let mut words = Vec::new();
    let mut rest = &line[..end];
    loop {
        rest = rest.trim_ascii_start_c();
        if rest.is_empty() {
            return Some(words);
        }
        let (word, after) = next_word(rest)?;
        words.push(word);
        rest = after;
    }
}

/// C's `isspace` knows the vertical tab, which Rust's ASCII white space does not.
trait TrimC {
    fn trim_ascii_start_c(&self) -> &Self;
}

impl TrimC for [u8] {
    fn trim_ascii_start_c(&self) -> &[u8] {
        let start = self.iter().position(|b| !is_space(*b)).unwrap_or(self.len());
        &self[start..]
    }
}

fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

fn next_word(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut word = Vec::new();
    let mut rest = text;
    loop {
        match rest {
            [] | [b' ' | b'\n' | b'\r' | b'\t', ..] => return Some((word, rest)),
            [b'"', after @ ..] => return end_of_quote(word, after, double_quoted),
            [b'\'', after @ ..] => return end_of_quote(word, after, single_quoted),
            [byte, after @ ..] => {
                word.push(*byte);
                rest = after;
            }
        }
    }
}

type Quoted = fn(&mut Vec<u8>, &[u8]) -> Option<usize>;

/// Reads to the closing quote, which must be followed by a blank or the end.
fn end_of_quote(mut word: Vec<u8>, text: &[u8], quoted: Quoted) -> Option<(Vec<u8>, &[u8])> {
    let used = quoted(&mut word, text)?;
    let rest = &text[used..];
    rest.first().is_none_or(|b| is_space(*b)).then_some((word, rest))
}

fn double_quoted(word: &mut Vec<u8>, text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let used = match &text[at..] {
            [] => return None,
            [b'"', ..] => return Some(at + 1),
            [b'\\', b'x', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                word.push(hex(*high) << 4 | hex(*low));
                4
            }
            [b'\\', byte, ..] => {
                word.push(unescape(*byte));
                2
            }
            [byte, ..] => {
                word.push(*byte);
                1
            }
        };
        at += used;
    }
}

fn single_quoted(word: &mut Vec<u8>, text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let (byte, used) = match &text[at..] {
            [] => return None,
            [b'\'', ..] => return Some(at + 1),
            [b'\\', b'\'', ..] => (b'\'', 2),
            [byte, ..] => (*byte, 1),
        };
        word.push(byte);
        at += used;
    }
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => digit.to_ascii_lowercase() - b'a' + 10,
    }
}

fn unescape(byte: u8) -> u8 {
    match byte {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 8,
        b'a' => 7,
        other => other,
    }
}

/// The text in double quotes, such that [`split`] reads it back.
pub fn push_quoted(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    for byte in text {
        match byte {
            b'\\' | b'"' => out.extend([b'\\', *byte]),
            b'\n' => out.extend(b"\\n"),
            b'\r' => out.extend(b"\\r"),
            b'\t' => out.extend(b"\\t"),
            7 => out.extend(b"\\a"),
            8 => out.extend(b"\\b"),
            b' '..=b'~' => out.push(*byte),
            _ => out.extend(format!("\\x{byte:02x}").bytes()),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(line: &str) -> Option<Vec<String>> {
        let text = |w: Vec<u8>| String::from_utf8_lossy(&w).into_owned();
        split(line.as_bytes()).map(|w| w.into_iter().map(text).collect())
    }

    #[test]
    fn words_and_quotes() {
        assert_eq!(words("a  b\tc").unwrap(), ["a", "b", "c"]);
        assert_eq!(words(r#"x "a b" 'c d' """#).unwrap(), ["x", "a b", "c d", ""]);
        assert_eq!(words(r#""\x41\n\q" 'it\'s\n'"#).unwrap(), ["A\nq", "it's\\n"]);
        assert_eq!(words(r#"ab"cd ef""#).unwrap(), ["abcd ef"]);
        assert_eq!(words("").unwrap(), Vec::<String>::new());
        assert_eq!(words(r#""\xzz""#).unwrap(), ["xzz"]);
    }

    #[test]
    fn unbalanced_quotes_are_refused() {
        for line in [r#""a"#, "'a", r#""a"b"#, "'a'b", r#""a\"#] {
            assert_eq!(words(line), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn quoting_reads_back(text in proptest::collection::vec(any::<u8>(), 0..60)) {
            let mut line = Vec::new();
            push_quoted(&mut line, &text);
            prop_assert_eq!(split(&line).unwrap(), vec![text]);
        }

        #[test]
        fn splitting_never_panics(line in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = split(&line);
        }
    }
}
