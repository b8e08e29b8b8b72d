//! Reading configuration: the lines of a file, of standard input and of the command line, in this
//! order, the last word on a directive winning.
//!
//! The three are one text, as in Redis, so that line numbers in an error go on from one to the
//! next. `include` reads another text in place; relative paths start from the `dir` in force at
//! that line, since Redis would have changed into it by then.
//!
//! Lines are read strictly: anything not understood stops the start, with the line, its number and
//! the reason. A directive that has no effect here is noted once, for one warning line in the log.

use super::row::Line;
use super::{Config, Id, Kind, Status, Value, find, os_reason, quote};
use crate::version;
use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// How deep files may include one another.
const INCLUDE_DEPTH_MAX: usize = 16;
/// The most bytes that one configuration text may have.
const TEXT_MAX: u64 = 64 << 20;

/// Where configuration comes from.
pub struct Sources<'a> {
    pub file: Option<&'a Path>,
    /// What standard input held, if `-` asked for it.
    pub stdin: Option<Vec<u8>>,
    /// The command line as lines of a file.
    pub options: Option<Vec<u8>>,
    /// The directory that the process is in.
    pub cwd: &'a Path,
    /// Whether a command of this name exists, for `rename-command`.
    pub is_command: &'a dyn Fn(&[u8]) -> bool,
}

/// A configuration that was read.
#[derive(Debug)]
pub struct Loaded {
    pub config: Config,
    /// One line for the log for each directive given that has no effect, and for each value that
    /// had to be changed.
    pub warnings: Vec<String>,
}

/// Why the configuration cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub enum LoadError {
    /// A file cannot be read; the text is one for the log.
    Unreadable(String),
    /// Something in it is wrong: where (if at one line), and why.
    Wrong { line: Option<(usize, Vec<u8>)>, reason: String },
}

impl fmt::Display for LoadError {
    /// What belongs on standard error, as Redis words it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(text) => writeln!(f, "{text}"),
            Self::Wrong { line, reason } => {
                writeln!(f, "\n*** FATAL CONFIG FILE ERROR (Redis {}) ***", version::REDIS)?;
                if let Some((number, text)) = line {
                    writeln!(f, "Reading the configuration file, at line {number}")?;
                    writeln!(f, ">>> '{}'", String::from_utf8_lossy(text))?;
                }
                writeln!(f, "{reason}")
            }
        }
    }
}

/// Reads all sources over the defaults.
///
/// # Errors
/// The first thing that is wrong.
pub fn load(sources: &Sources) -> Result<Loaded, LoadError> {
    let mut loader = Loader {
        config: Config::new(sources.cwd),
        warnings: Vec::new(),
        warned: Vec::new(),
        save_given: false,
        is_command: sources.is_command,
    };
    let mut text = Vec::new();
    if let Some(path) = sources.file {
        text = loader.read_files(path.as_os_str().as_bytes())?;
    }
    text.extend(sources.stdin.iter().flatten());
    if let Some(options) = &sources.options {
        text.push(b'\n');
        text.extend(options);
    }
    loader.read_text(&text, 0)?;
    loader.check_whole()?;
    Ok(Loaded { config: loader.config, warnings: loader.warnings })
}

struct Loader<'a> {
    config: Config,
    warnings: Vec<String>,
    warned: Vec<Id>,
    /// Whether a `save` line was seen: the first replaces the default, later ones add to it.
    save_given: bool,
    is_command: &'a dyn Fn(&[u8]) -> bool,
}

/// Why a line is wrong, or that what it includes is.
enum LineError {
    Reason(String),
    Included(LoadError),
}

impl<T: Into<String>> From<T> for LineError {
    fn from(reason: T) -> Self {
        Self::Reason(reason.into())
    }
}

impl Loader<'_> {
    fn read_text(&mut self, text: &[u8], depth: usize) -> Result<(), LoadError> {
        let end = text.iter().position(|b| *b == 0).unwrap_or(text.len());
        for (index, line) in text[..end].split(|b| *b == b'\n').enumerate() {
            let line = trim(line);
            if line.is_empty() || line[0] == b'#' {
                continue;
            }
            self.read_line(line, depth).map_err(|error| match error {
                LineError::Included(error) => error,
                LineError::Reason(reason) => {
                    LoadError::Wrong { line: Some((index + 1, line.to_vec())), reason }
                }
            })?;
        }
        Ok(())
    }

    fn read_line(&mut self, line: &[u8], depth: usize) -> Result<(), LineError> {
        let words = quote::split(line).ok_or("Unbalanced quotes in configuration line")?;
        let Some((name, args)) = words.split_first() else { return Ok(()) };
        let Some((id, _)) = find(name) else { return self.unknown(name, args) };
        match id.row().kind {
            Kind::Line(kind) => self.line(kind, args, depth)?,
            _ => self.directive(id, args)?,
        }
        self.note_no_effect(id);
        Ok(())
    }

    /// A module's own directive (`module.name value`) is kept from stopping the start; all else does.
    fn unknown(&mut self, name: &[u8], args: &[Vec<u8>]) -> Result<(), LineError> {
        if name.contains(&b'.') {
            if args.is_empty() {
                return Err("Module config specified without value".into());
            }
            let name = String::from_utf8_lossy(name);
            self.warnings.push(format!("'{name}' has no effect: Redis modules are not supported"));
            return Ok(());
        }
        if name.eq_ignore_ascii_case(b"sentinel") {
            return Err("sentinel directive while not in sentinel mode".into());
        }
        Err("Bad directive or wrong number of arguments".into())
    }

    fn directive(&mut self, id: Id, args: &[Vec<u8>]) -> Result<(), LineError> {
        let row = id.row();
        if !row.takes_many() && args.len() != 1 {
            return Err("wrong number of arguments".into());
        }
        let split;
        let args = match args {
            [one] if row.takes_many() && !one.is_empty() => {
                split = quote::split(one).ok_or("Unbalanced quotes in configuration line")?;
                split.as_slice()
            }
            _ => args,
        };
        let value = self.config.read(id, args)?;
        let value = match value {
            Value::Save(points) => self.add_save_points(points, args),
            other => other,
        };
        self.config.put(id, value);
        Ok(())
    }

    /// `save` lines add up; an empty one drops what was before it.
    fn add_save_points(&mut self, new: Vec<super::SavePoint>, args: &[Vec<u8>]) -> Value {
        let fresh = !std::mem::replace(&mut self.save_given, true) || args == [b""];
        let old = match self.config.value(crate::id!("save")) {
            Value::Save(points) if !fresh => points.as_slice(),
            _ => &[],
        };
        Value::Save([old, &new].concat())
    }

    fn line(&mut self, kind: Line, args: &[Vec<u8>], depth: usize) -> Result<(), LineError> {
        match (kind, args) {
            (Line::Include, [path]) => self.include(path, depth).map_err(LineError::Included),
            (Line::RenameCommand, [old, new]) => self.rename(old, new),
            (Line::User, [_, ..]) => {
                self.config.users.push(args.to_vec());
                Ok(())
            }
            (Line::LoadModule, [_, ..]) => Ok(()),
            _ => Err("Bad directive or wrong number of arguments".into()),
        }
    }

    fn include(&mut self, path: &[u8], depth: usize) -> Result<(), LoadError> {
        if depth == INCLUDE_DEPTH_MAX {
            let reason = format!("include directives are nested more than {INCLUDE_DEPTH_MAX} deep");
            return Err(LoadError::Wrong { line: None, reason });
        }
        let text = self.read_files(path)?;
        self.read_text(&text, depth + 1)
    }

    fn rename(&mut self, old: &[u8], new: &[u8]) -> Result<(), LineError> {
        let renames = &self.config.renames;
        let gone = |name: &[u8]| renames.iter().any(|(old, _)| old.eq_ignore_ascii_case(name));
        let made = |name: &[u8]| renames.iter().any(|(_, new)| new.eq_ignore_ascii_case(name));
        if gone(old) || !(self.is_command)(old) {
            return Err("No such command in rename-command".into());
        }
        let same = old.eq_ignore_ascii_case(new);
        let taken = made(new) || ((self.is_command)(new) && !gone(new) && !same);
        if !new.is_empty() && taken {
            return Err("Target command name already exists".into());
        }
        self.config.renames.push((old.to_vec(), new.to_vec()));
        Ok(())
    }

    fn note_no_effect(&mut self, id: Id) {
        if let Status::NoEffect(why) = id.row().status
            && !self.warned.contains(&id)
        {
            self.warned.push(id);
            self.warnings.push(format!("'{}' has no effect: {why}", id.row().name));
        }
    }

    /// The text of the file, or of all files that match where the path has wildcards.
    fn read_files(&self, path: &[u8]) -> Result<Vec<u8>, LoadError> {
        let full = self.config.dir().join(OsStr::from_bytes(path));
        let files = if path.iter().any(|b| b"*?[".contains(b)) { matching(&full) } else { vec![full] };
        let mut text = Vec::new();
        for file in files {
            text.extend(read_file(&file).map_err(|error| {
                let name = if file.as_os_str().as_bytes().ends_with(path) {
                    String::from_utf8_lossy(path).into_owned()
                } else {
                    file.display().to_string()
                };
                let why = os_reason(&error);
                LoadError::Unreadable(format!("Fatal error, can't open config file '{name}': {why}"))
            })?);
        }
        Ok(text)
    }

    /// What can only be said of the configuration as a whole.
    fn check_whole(&mut self) -> Result<(), LoadError> {
        let wrong = |reason: String| Err(LoadError::Wrong { line: None, reason });
        let settings = self.config.settings();
        if let Some(path) = settings.logfile {
            let opened = std::fs::OpenOptions::new().append(true).create(true).open(path);
            if let Err(error) = opened {
                return wrong(format!("Can't open the log file: {}", os_reason(&error)));
            }
        }
        let cluster = self.config.value(crate::id!("cluster-enabled")) == &Value::Bool(true);
        let replica = matches!(self.config.value(crate::id!("replicaof")), Value::ReplicaOf(Some(_)));
        if cluster && replica {
            return wrong("replicaof directive not allowed in cluster mode".into());
        }
        if cluster && settings.databases > 1 {
            self.warnings.push(format!(
                "WARNING: Changing databases number from {} to 1 since we are in cluster mode",
                settings.databases
            ));
            self.config.put(crate::id!("databases"), Value::Int(1));
        }
        Ok(())
    }
}

fn trim(line: &[u8]) -> &[u8] {
    let blank = |b: &u8| matches!(b, b' ' | b'\t' | b'\r' | b'\n');
    let start = line.iter().position(|b| !blank(b)).unwrap_or(line.len());
    let end = line.iter().rposition(|b| !blank(b)).map_or(start, |last| last + 1);
    &line[start..end]
}

fn read_file(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let mut text = Vec::new();
    std::fs::File::open(path)?.take(TEXT_MAX).read_to_end(&mut text)?;
    Ok(text)
}

/// The files that match a pattern, in order; none if it is no pattern.
fn matching(pattern: &Path) -> Vec<PathBuf> {
    let paths = pattern.to_str().and_then(|pattern| glob::glob(pattern).ok());
    paths.into_iter().flatten().filter_map(Result::ok).collect()
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;
