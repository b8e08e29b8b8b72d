//! A file on disk as blocks for [`persist::rdb::file`], and the one sentence that says what is wrong with it.

use super::Trouble;
use persist::rdb::Fault;
use persist::rdb::file::{Blocks, Failure, Feed, FileVisitor, Reader, Rules, Step, Summary, Unreadable};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

/// A file that is read from its beginning to its end.
pub struct Input {
    file: File,
    /// Why it could not be read on.
    error: Option<std::io::Error>,
    /// Bytes, or `u64::MAX` of what has no length (a pipe).
    len: u64,
}

impl Blocks for Input {
    fn read(&mut self, into: &mut [u8]) -> Result<usize, Unreadable> {
        loop {
            match self.file.read(into) {
                Ok(len) => return Ok(len),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.error = Some(error);
                    return Err(Unreadable);
                }
            }
        }
    }
}

impl Input {
    /// Opens a file.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        let file = File::open(path)?;
        let about = file.metadata()?;
        if about.is_dir() {
            return Err(ErrorKind::IsADirectory.into());
        }
        let len = if about.is_file() { about.len() } else { u64::MAX };
        Ok(Self { file, error: None, len })
    }

    /// Bytes, or `u64::MAX` of what has no length.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// What is wrong with a file, in the words of the server's log: its name, what, where.
#[must_use]
pub fn complaint(path: &Path, failure: &Failure) -> String {
    format!("{}: {failure}", path.display())
}

/// Reads a file to its end, or until `stop` says so after a record; what has been read, and how long the file is.
pub(super) fn read<V: FileVisitor>(
    path: &Path,
    rules: Rules,
    visitor: &mut V,
    mut stop: impl FnMut(&mut V) -> Option<std::io::Error>,
) -> Result<(Summary, u64), Trouble> {
    let cannot = |error: &dyn std::fmt::Display| Trouble::Input(format!("{}: {error}", path.display()));
    let mut input = Input::open(path).map_err(|error| cannot(&error))?;
    let len = input.len();
    let mut outcome = |input: &mut Input| {
        let mut feed = Feed::new(input, 0..len);
        let mut reader = Reader::file(&mut feed, rules)?;
        while reader.step(visitor)? == Step::Told {
            if let Some(error) = stop(visitor) {
                return Ok(Err(error));
            }
        }
        Ok(Ok(reader.summary()))
    };
    let read: Result<_, Failure> = outcome(&mut input);
    match (read, input.error) {
        (Ok(Ok(summary)), _) => Ok((summary, len)),
        (Ok(Err(error)), _) => Err(Trouble::Output(error)),
        (Err(Failure { error, .. }), Some(why)) if error.fault == Fault::Unreadable => {
            Err(cannot(&format_args!("{why} at byte {}", error.at)))
        }
        (Err(failure), _) => Err(Trouble::Input(complaint(path, &failure))),
    }
}
