//! Commands as people write them: words parted by spaces, quotes as in redis-cli, `;` between commands.
//!
//! ```text
//!   SET "a key" 'a value'                    one command of three words
//!   MULTI; SET a 1; SET b 2; EXEC            four commands, sent together and counted as one request
//! ```
//!
//! In double quotes `\n`, `\r`, `\t`, `\\`, `\"` and `\xHH` are what they are in C; in single quotes only `\'` is
//! special. A `;` parts commands where it ends a word outside quotes.

/// One word of a command; bytes, as arguments are.
pub type Word = Vec<u8>;

/// Splits a text into commands of words.
///
/// # Errors
/// A sentence for the user: quotes that are not closed, an empty text.
pub fn split(text: &str) -> Result<Vec<Vec<Word>>, String> {
    let mut commands = vec![Vec::new()];
    let mut rest = text.as_bytes();
    loop {
        rest = rest.trim_ascii_start();
        let Some(&first) = rest.first() else { break };
        if first == b';' {
            commands.push(Vec::new());
            rest = &rest[1..];
            continue;
        }
        let (word, used) = word(rest).ok_or_else(|| format!("unbalanced quotes in \"{text}\""))?;
        if let Some(command) = commands.last_mut() {
            command.push(word);
        }
        rest = &rest[used..];
    }
    commands.retain(|command| !command.is_empty());
    if commands.is_empty() { Err("an empty command".to_string()) } else { Ok(commands) }
}

/// The word that `text` begins with, and its length there; `None` if a quote is not closed.
fn word(text: &[u8]) -> Option<(Word, usize)> {
    let (mut word, mut at) = (Vec::new(), 0);
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' => at = double_quoted(text, at + 1, &mut word)?,
            b'\'' => at = single_quoted(text, at + 1, &mut word)?,
            b';' if text.get(at + 1).is_none_or(u8::is_ascii_whitespace) => break,
            _ if byte.is_ascii_whitespace() => break,
            _ => {
                word.push(byte);
                at += 1;
            }
        }
    }
    Some((word, at))
}

fn single_quoted(text: &[u8], mut at: usize, word: &mut Word) -> Option<usize> {
    loop {
        match (text.get(at)?, text.get(at + 1)) {
            (b'\'', _) => return Some(at + 1),
            (b'\\', Some(b'\'')) => {
                word.push(b'\'');
                at += 2;
            }
            (&byte, _) => {
                word.push(byte);
                at += 1;
            }
        }
    }
}

fn double_quoted(text: &[u8], mut at: usize, word: &mut Word) -> Option<usize> {
    loop {
        match text.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => {
                let digits = text.get(at + 2..at + 4).and_then(|d| std::str::from_utf8(d).ok());
                let code = digits.and_then(|d| u8::from_str_radix(d, 16).ok());
                match (text.get(at + 1)?, code) {
                    (b'x', Some(code)) => {
                        word.push(code);
                        at += 2;
                    }
                    (b'n', _) => word.push(b'\n'),
                    (b'r', _) => word.push(b'\r'),
                    (b't', _) => word.push(b'\t'),
                    (&other, _) => word.push(other),
                }
                at += 2;
            }
            &byte => {
                word.push(byte);
                at += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<Vec<String>> {
        let commands = split(text).expect(text);
        let text = |w: &Word| String::from_utf8_lossy(w).into_owned();
        commands.iter().map(|c| c.iter().map(text).collect()).collect()
    }

    #[test]
    fn words_are_parted_by_spaces_and_commands_by_semicolons() {
        assert_eq!(words("  GET   a "), [["GET", "a"]]);
        assert_eq!(words("MULTI; SET a 1 ; EXEC;"), [vec!["MULTI"], vec!["SET", "a", "1"], vec!["EXEC"]]);
        assert_eq!(words("SET a;b 1"), [["SET", "a;b", "1"]], "only at the end of a word");
    }

    #[test]
    fn quotes_hold_words_together() {
        assert_eq!(words(r#"SET "a b;" 'c "d\'' "#), [["SET", "a b;", "c \"d'"]]);
        assert_eq!(
            split(r#"SET "\x00\xff\n\q" """#).expect("words")[0][1..],
            [b"\x00\xff\nq".to_vec(), vec![]]
        );
    }

    #[test]
    fn what_is_no_command_is_refused() {
        for bad in ["", " ; ", "SET 'a", "SET \"a", "SET \"a\\"] {
            assert!(split(bad).is_err(), "{bad:?}");
        }
    }
}
