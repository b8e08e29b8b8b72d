//! The command line, as redis-server takes it.
//!
//! ```text
//! percore-server [FILE] [--directive value …] [-]
//! ```
//!
//! Options become lines of a configuration file, read after the file and standard input. The rules
//! for which word is an option and which a value are Redis's:
//!
//! - A word that starts with `--` is an option, unless the option before it still has no value:
//!   `--proc-title-template --x--` sets the title to `--x--`.
//! - `"--maxmemory 700mb"`, option and value in one word, is a line as it stands.
//! - `--save` before another option, or last, means `--save ''`.
//! - Any other word is one more value of the option before it.
//! - `-` as the first or the last word reads standard input.

use super::{LoadError, Loaded, Sources, load, quote};
use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// The most bytes of configuration read from standard input.
const STDIN_MAX: u64 = 64 << 20;

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Invocation {
    Help,
    Version,
    PrintConfig,
    CheckSystem,
    /// Not something Percore does; the text says what does.
    Unsupported(&'static str),
    Run(Start),
}

/// A server to be started.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// As given.
    pub config_file: Option<PathBuf>,
    pub read_stdin: bool,
    /// The options as lines of a configuration file.
    pub options: Option<Vec<u8>>,
}

impl Invocation {
    /// Reads the words after the program's name.
    #[must_use]
    pub fn parse(args: &[OsString]) -> Self {
        let words: Vec<&[u8]> = args.iter().map(|arg| arg.as_bytes()).collect();
        match words.first().copied() {
            Some(b"-h" | b"--help") => Self::Help,
            Some(b"-v" | b"--version") => Self::Version,
            Some(b"--print-config") => Self::PrintConfig,
            Some(b"--check-system") => Self::CheckSystem,
            Some(b"--test-memory") => Self::Unsupported(
                "--test-memory is not supported: use a memory test that runs before the system, such as memtest86+",
            ),
            Some(_) if words.contains(&&b"--sentinel"[..]) => Self::Unsupported(
                "--sentinel is not supported: run redis-sentinel, which can watch a Percore server",
            ),
            _ => Self::Run(Start::parse(&words)),
        }
    }
}

impl Start {
    fn parse(words: &[&[u8]]) -> Self {
        let mut start = Self::default();
        let mut rest = words;
        if let [first, after @ ..] = words
            && first.first() != Some(&b'-')
        {
            start.config_file = Some(PathBuf::from(OsStr::from_bytes(first)));
            rest = after;
        }
        if words.is_empty() {
            return start;
        }
        let mut lines = Lines::default();
        for (index, word) in rest.iter().enumerate() {
            let first_word = index == 0 && start.config_file.is_none();
            let next = rest.get(index + 1).copied();
            if *word == b"-" && (first_word || next.is_none()) {
                start.read_stdin = true;
            } else {
                lines.push(word, next);
            }
        }
        start.options = Some(lines.text);
        start
    }

    /// Reads the configuration that the command line names; standard input if it says so.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn load(&self, is_command: &dyn Fn(&[u8]) -> bool) -> Result<Loaded, LoadError> {
        let unreadable = |error: std::io::Error| LoadError::Unreadable(error.to_string());
        let mut stdin = None;
        if self.read_stdin {
            let mut text = Vec::new();
            std::io::stdin().take(STDIN_MAX).read_to_end(&mut text).map_err(unreadable)?;
            stdin = Some(text);
        }
        let cwd = std::env::current_dir().map_err(unreadable)?;
        let options = self.options.clone();
        load(&Sources { file: self.config_file.as_deref(), stdin, options, cwd: &cwd, is_command })
    }

    /// The configuration file as an absolute path, from the directory that the process is in now.
    #[must_use]
    pub fn absolute_config_file(&self) -> Option<PathBuf> {
        let path = self.config_file.as_deref()?;
        std::path::absolute(path).ok()
    }
}

/// The options on their way to lines of a file.
#[derive(Default)]
struct Lines {
    text: Vec<u8>,
    /// The last option still waits for its first value.
    wants_value: bool,
}

impl Lines {
    fn push(&mut self, word: &[u8], next: Option<&[u8]>) {
        if self.wants_value || !word.starts_with(b"--") {
            quote::push_quoted(&mut self.text, word);
            self.text.push(b' ');
            self.wants_value = false;
            return;
        }
        if !self.text.is_empty() {
            self.text.push(b'\n');
        }
        self.text.extend(&word[2..]);
        self.text.push(b' ');
        self.wants_value = quote::split(word).is_some_and(|words| words.len() == 1);
        let valueless = next.is_none_or(|next| next.starts_with(b"--"));
        if self.wants_value && valueless && word.eq_ignore_ascii_case(b"--save") {
            self.text.extend(b"\"\"");
            self.wants_value = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Invocation {
        Invocation::parse(&args.iter().map(OsString::from).collect::<Vec<_>>())
    }

    fn options(args: &[&str]) -> String {
        let Invocation::Run(start) = parse(args) else { panic!("not a start") };
        String::from_utf8(start.options.unwrap()).unwrap()
    }

    #[test]
    fn options_become_lines() {
        assert_eq!(
            options(&["--port", "7000", "--loglevel", "verbose"]),
            "port \"7000\" \nloglevel \"verbose\" "
        );
        assert_eq!(options(&["--maxmemory 700mb"]), "maxmemory 700mb ");
        assert_eq!(options(&["--port", "6379", "6380"]), "port \"6379\" \"6380\" ");
        assert_eq!(options(&["--port"]), "port ");
        assert_eq!(
            options(&["--shards", "2", "--cpus", "2-5,7", "--io", "epoll"]),
            "shards \"2\" \ncpus \"2-5,7\" \nio \"epoll\" "
        );
    }

    #[test]
    fn a_value_may_look_like_an_option() {
        assert_eq!(
            options(&["--proc-title-template", "--x", "--port", "1"]),
            "proc-title-template \"--x\" \nport \"1\" "
        );
        assert_eq!(options(&["--port", "--loglevel", "verbose"]), "port \"--loglevel\" \"verbose\" ");
    }

    #[test]
    fn save_may_stand_alone() {
        assert_eq!(options(&["--save", "--loglevel", "verbose"]), "save \"\"\nloglevel \"verbose\" ");
        assert_eq!(options(&["--loglevel", "verbose", "--save"]), "loglevel \"verbose\" \nsave \"\"");
        assert_eq!(options(&["--save", ""]), "save \"\" ");
        assert_eq!(
            options(&["--proc-title-template", "--save", "--save", ""]),
            "proc-title-template \"--save\" \nsave \"\" "
        );
        assert_eq!(options(&["--save", "100", "1"]), "save \"100\" \"1\" ");
    }

    #[test]
    fn words_before_any_option_make_a_line_too() {
        assert_eq!(
            options(&["a.conf", "loglevel", "verbose", "--maxmemory '700mb'"]),
            "\"loglevel\" \"verbose\" \nmaxmemory '700mb' "
        );
    }

    #[test]
    fn file_and_standard_input() {
        let Invocation::Run(start) = parse(&["a.conf", "--port", "1", "-"]) else { panic!() };
        assert_eq!(start.config_file, Some(PathBuf::from("a.conf")));
        assert!(start.read_stdin);
        let Invocation::Run(start) = parse(&["-"]) else { panic!() };
        assert!(start.read_stdin && start.config_file.is_none());
        let Invocation::Run(start) = parse(&["--logfile", "-", "--port", "1"]) else { panic!() };
        assert!(!start.read_stdin);
        assert_eq!(parse(&[]), Invocation::Run(Start::default()));
    }

    #[test]
    fn what_is_not_a_start() {
        assert_eq!(parse(&["--help"]), Invocation::Help);
        assert_eq!(parse(&["-v"]), Invocation::Version);
        assert_eq!(parse(&["--print-config"]), Invocation::PrintConfig);
        assert_eq!(parse(&["--check-system"]), Invocation::CheckSystem);
        assert!(matches!(parse(&["--test-memory", "1"]), Invocation::Unsupported(_)));
        assert!(matches!(parse(&["x.conf", "--sentinel"]), Invocation::Unsupported(_)));
    }
}
