//! A directive's value: read from words by the row's kind, and shown as CONFIG GET shows it.
//!
//! Reading never changes anything: it yields a value or the reason, in Redis's words, why there
//! is none. Kinds with several parts live in [`special`](super::special).

use super::row::Kind;
use super::special::{self, OutputLimit, SavePoint};
use super::units;
use proto::number::parse_i64;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// One value, of the variant that its row's [`Kind`] asks for.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    Bool(bool),
    Int(i64),
    /// A number of bytes.
    Size(u64),
    Percent(u64),
    /// The number of a word in the row's list.
    Choice(u32),
    /// The bits of words in the row's list.
    Flags(u32),
    Text(Vec<u8>),
    /// An absolute path.
    Dir(PathBuf),
    Save(Vec<SavePoint>),
    Bind(Vec<Vec<u8>>),
    Limits([OutputLimit; 3]),
    Oom([i32; 3]),
    Notify(u16),
    Percentiles(Vec<f64>),
    ReplicaOf(Option<(Vec<u8>, u16)>),
    /// What a row that is a line has.
    Nothing,
}

/// Reads a value. `old` is what the directive has now (some forms change only a part of it), `dir`
/// the directory that relative paths start from.
///
/// # Errors
/// The reason, as Redis words it.
pub fn read(kind: &Kind, words: &[Vec<u8>], old: &Value, dir: &Path) -> Result<Value, String> {
    let first = words.first().map_or(&b""[..], Vec::as_slice);
    match kind {
        Kind::Bool => read_bool(first),
        Kind::Int { min, max } => {
            let n = parse_i64(first).ok_or("argument couldn't be parsed into an integer")?;
            within(n, *min, *max).map(Value::Int)
        }
        Kind::Memory { min, max } => {
            let n = units::memory(first).ok_or("argument must be a memory value")?;
            within(n, *min, *max).map(Value::Size)
        }
        Kind::MemoryOrPercent { max_percent } => read_memory_or_percent(first, *max_percent),
        Kind::Octal { max } => read_octal(first, *max),
        Kind::Choice(list) => read_choice(list, words),
        Kind::Flags { words: list, check } => {
            let bits = read_flags(list, words)?;
            check(bits).map(|()| Value::Flags(bits))
        }
        Kind::Text { check, .. } => check(first).map(|()| Value::Text(first.to_vec())),
        Kind::Dir => enter_dir(first, dir).map(Value::Dir),
        Kind::Save => special::read_save(words).map(Value::Save),
        Kind::Bind => special::read_bind(words).map(Value::Bind),
        Kind::OutputLimits => special::read_output_limits(words, old).map(Value::Limits),
        Kind::OomValues => special::read_oom_values(words).map(Value::Oom),
        Kind::NotifyEvents => special::read_events(first).map(Value::Notify),
        Kind::Percentiles => special::read_percentiles(words).map(Value::Percentiles),
        Kind::ReplicaOf => special::read_replica_of(words).map(Value::ReplicaOf),
        Kind::Line(_) => Ok(Value::Nothing),
    }
}

fn read_bool(word: &[u8]) -> Result<Value, String> {
    if word.eq_ignore_ascii_case(b"yes") {
        Ok(Value::Bool(true))
    } else if word.eq_ignore_ascii_case(b"no") {
        Ok(Value::Bool(false))
    } else {
        Err("argument must be 'yes' or 'no'".into())
    }
}

fn within<T: PartialOrd + std::fmt::Display>(n: T, min: T, max: T) -> Result<T, String> {
    if n < min || n > max {
        return Err(format!("argument must be between {min} and {max} inclusive"));
    }
    Ok(n)
}

fn read_memory_or_percent(word: &[u8], max_percent: u64) -> Result<Value, String> {
    if let Some(bytes) = units::memory(word) {
        return within(bytes, 0, i64::MAX as u64).map(Value::Size);
    }
    let percent = word.strip_suffix(b"%").and_then(parse_i64).and_then(|n| u64::try_from(n).ok());
    match percent {
        None => Err("argument must be a memory or percent value".into()),
        Some(n) if n > max_percent => {
            Err(format!("percentage argument must be less or equal to {max_percent}"))
        }
        Some(n) => Ok(Value::Percent(n)),
    }
}

fn read_octal(word: &[u8], max: i64) -> Result<Value, String> {
    let n = units::lenient_int(word, 8).ok_or("argument couldn't be parsed as an octal number")?;
    if !(0..=max).contains(&n) {
        return Err(format!("argument must be between 0 and {max:o} inclusive"));
    }
    Ok(Value::Int(n))
}

fn number_of(list: &[(&str, u32)], word: &[u8]) -> Option<u32> {
    list.iter().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(word)).map(|(_, n)| *n)
}

fn none_of(list: &[(&str, u32)]) -> String {
    let names: Vec<&str> = list.iter().map(|(name, _)| *name).collect();
    format!("argument(s) must be one of the following: {}", names.join(", "))
}

fn read_choice(list: &[(&str, u32)], words: &[Vec<u8>]) -> Result<Value, String> {
    match words {
        [word] => number_of(list, word).map(Value::Choice).ok_or_else(|| none_of(list)),
        _ => Err(none_of(list)),
    }
}

fn read_flags(list: &[(&str, u32)], words: &[Vec<u8>]) -> Result<u32, String> {
    if words.is_empty() {
        return Err(none_of(list));
    }
    let bit = |word: &Vec<u8>| number_of(list, word).ok_or_else(|| none_of(list));
    words.iter().try_fold(0, |bits, word| Ok(bits | bit(word)?))
}

/// The directory as an absolute path, if the process could enter it.
fn enter_dir(word: &[u8], base: &Path) -> Result<PathBuf, String> {
    if word.is_empty() {
        return Err("dir can't be empty".into());
    }
    let path = base.join(OsStr::from_bytes(word));
    // The trailing dot asks for what entering it asks for: that it is a directory and searchable.
    let entered = std::fs::metadata(path.join(".")).and_then(|_| std::fs::canonicalize(&path));
    entered.map_err(|error| os_reason(&error))
}

/// The kernel's words for an error, without Rust's `(os error N)`.
#[must_use]
pub fn os_reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

/// The value as CONFIG GET answers it: sizes in plain bytes.
#[must_use]
pub fn show(kind: &Kind, value: &Value) -> Vec<u8> {
    let text = match (kind, value) {
        (_, Value::Bool(on)) => (if *on { "yes" } else { "no" }).to_owned(),
        (Kind::Octal { .. }, Value::Int(n)) => format!("{n:o}"),
        (_, Value::Int(n)) => n.to_string(),
        (_, Value::Size(n)) => n.to_string(),
        (_, Value::Percent(n)) => format!("{n}%"),
        (Kind::Choice(list) | Kind::Flags { words: list, .. }, Value::Choice(n) | Value::Flags(n)) => {
            words_of(list, *n)
        }
        (_, Value::Text(text)) => return text.clone(),
        (_, Value::Dir(path)) => return path.as_os_str().as_bytes().to_vec(),
        (_, Value::Bind(addresses)) => return addresses.join(&b" "[..]),
        (_, value) => return special::show(value),
    };
    text.into_bytes()
}

/// The word of that number, or else the words whose bits make it up.
fn words_of(list: &[(&str, u32)], number: u32) -> String {
    if let Some((name, _)) = list.iter().find(|(_, n)| *n == number) {
        return (*name).to_owned();
    }
    let set: Vec<&str> = list.iter().filter(|(_, bit)| number & bit != 0).map(|(name, _)| *name).collect();
    set.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::rows;

    fn set(name: &str, words: &[&str]) -> Result<String, String> {
        let row = rows::find(name.as_bytes()).unwrap().0.row();
        let words: Vec<Vec<u8>> = words.iter().map(|w| w.as_bytes().to_vec()).collect();
        let value = read(&row.kind, &words, &Value::Nothing, Path::new("/"))?;
        Ok(String::from_utf8(show(&row.kind, &value)).unwrap())
    }

    #[test]
    fn numbers_and_their_reasons() {
        assert_eq!(set("port", &["7000"]).unwrap(), "7000");
        assert_eq!(set("port", &["70000"]).unwrap_err(), "argument must be between 0 and 65535 inclusive");
        assert_eq!(set("port", &["x"]).unwrap_err(), "argument couldn't be parsed into an integer");
        assert_eq!(set("maxmemory", &["100mb"]).unwrap(), "104857600");
        assert_eq!(set("maxmemory", &["-1"]).unwrap_err(), "argument must be a memory value");
        assert_eq!(
            set("proto-max-bulk-len", &["1"]).unwrap_err(),
            "argument must be between 1048576 and 9223372036854775807 inclusive"
        );
        assert_eq!(set("unixsocketperm", &["700"]).unwrap(), "700");
        assert_eq!(
            set("unixsocketperm", &["1000"]).unwrap_err(),
            "argument must be between 0 and 777 inclusive"
        );
        assert_eq!(
            set("unixsocketperm", &["999"]).unwrap_err(),
            "argument couldn't be parsed as an octal number"
        );
    }

    #[test]
    fn percentages() {
        assert_eq!(set("maxmemory-clients", &["5%"]).unwrap(), "5%");
        assert_eq!(set("maxmemory-clients", &["1mb"]).unwrap(), "1048576");
        assert_eq!(
            set("maxmemory-clients", &["200%"]).unwrap_err(),
            "percentage argument must be less or equal to 100"
        );
        assert_eq!(
            set("maxmemory-clients", &["x%"]).unwrap_err(),
            "argument must be a memory or percent value"
        );
    }

    #[test]
    fn words_of_a_list() {
        assert_eq!(set("loglevel", &["VERBOSE"]).unwrap(), "verbose");
        assert_eq!(
            set("loglevel", &["--bla"]).unwrap_err(),
            "argument(s) must be one of the following: debug, verbose, notice, warning, nothing"
        );
        assert_eq!(set("oom-score-adj", &["relative"]).unwrap(), "yes");
        assert_eq!(set("shutdown-on-sigint", &["nosave", "force", "now"]).unwrap(), "nosave now force");
        assert_eq!(set("shutdown-on-sigint", &["default"]).unwrap(), "default");
        assert!(set("shutdown-on-sigint", &["save", "nosave"]).unwrap_err().contains("simultaneously"));
        assert!(set("shutdown-on-sigint", &[]).unwrap_err().starts_with("argument(s) must be one of"));
        assert_eq!(set("daemonize", &["maybe"]).unwrap_err(), "argument must be 'yes' or 'no'");
    }

    #[test]
    fn directories_must_exist() {
        assert_eq!(set("dir", &["/no/such/dir"]).unwrap_err(), "No such file or directory");
        assert_eq!(set("dir", &["/etc/passwd"]).unwrap_err(), "Not a directory");
        assert_eq!(set("dir", &[""]).unwrap_err(), "dir can't be empty");
        assert_eq!(set("dir", &["usr/../usr"]).unwrap(), "/usr");
    }
}
