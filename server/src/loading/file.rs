//! A file on disk as blocks that any number of threads may read from.

use super::Trouble;
use crate::config::os_reason;
use persist::rdb::file::{Blocks, Unreadable};
use rustix::fs::{Advice, fadvise};
use std::fs::File;
use std::io::ErrorKind;
use std::num::NonZeroU64;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// How far ahead of what is read the kernel is asked to read, bytes.
const AHEAD_BYTES: u64 = 8 << 20;

/// An open file.
pub struct Source {
    file: File,
    path: PathBuf,
    len: u64,
}

impl Source {
    /// Opens a file.
    ///
    /// # Errors
    /// There is none, or it cannot be opened.
    pub fn open(path: &Path) -> Result<Self, Trouble> {
        let cannot = |error: std::io::Error| match error.kind() {
            ErrorKind::NotFound => Trouble::Missing,
            _ => {
                let (path, why) = (path.display(), os_reason(&error));
                Trouble::Failed(format!("Fatal error: can't open the RDB file {path} for reading: {why}"))
            }
        };
        let file = File::open(path).map_err(cannot)?;
        let about = file.metadata().map_err(cannot)?;
        if !about.is_file() {
            let path = path.display();
            let why = format!("Fatal error: can't open the RDB file {path} for reading: it is no file");
            return Err(Trouble::Failed(why));
        }
        let source = Self { file, path: path.to_owned(), len: about.len() };
        source.advise(0..source.len, Advice::Sequential);
        Ok(source)
    }

    /// Bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A hint: whatever becomes of it, reading works.
    fn advise(&self, range: Range<u64>, advice: Advice) {
        let len = NonZeroU64::new(range.end.saturating_sub(range.start));
        let _ = fadvise(&self.file, range.start, len, advice); // file systems may know no such thing
    }

    /// The memory that caches the file can be used for something else.
    pub fn is_not_needed(&self) {
        self.advise(0..self.len, Advice::DontNeed);
    }

    /// The bytes of a range, in order.
    #[must_use]
    pub fn blocks(&self, range: Range<u64>) -> FileBlocks<'_> {
        FileBlocks { source: self, at: range.start, end: range.end, asked: range.start, error: None }
    }

    /// Some bytes.
    ///
    /// # Errors
    /// What the system says.
    pub fn exact(&self, into: &mut [u8], at: u64) -> std::io::Result<()> {
        self.file.read_exact_at(into, at)
    }
}

/// A range of a file.
pub struct FileBlocks<'s> {
    source: &'s Source,
    at: u64,
    end: u64,
    /// Up to where the kernel has been asked to read.
    asked: u64,
    /// Why it could not be read on.
    pub error: Option<std::io::Error>,
}

impl Blocks for FileBlocks<'_> {
    fn read(&mut self, into: &mut [u8]) -> Result<usize, Unreadable> {
        if self.at + AHEAD_BYTES / 2 > self.asked && self.asked < self.end {
            let until = (self.at + AHEAD_BYTES).min(self.end);
            self.source.advise(self.asked..until, Advice::WillNeed);
            self.asked = until;
        }
        loop {
            match self.source.file.read_at(into, self.at) {
                Ok(len) => {
                    self.at += len as u64;
                    return Ok(len);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.error = Some(error);
                    return Err(Unreadable);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_by_themselves() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, b"0123456789").unwrap();
        let source = Source::open(&path).unwrap_or_else(|_| panic!("it is there"));
        assert_eq!(source.len(), 10);
        let (mut first, mut second) = (source.blocks(0..10), source.blocks(5..10));
        let mut bytes = [0; 4];
        assert_eq!((first.read(&mut bytes), &bytes), (Ok(4), b"0123"));
        assert_eq!((second.read(&mut bytes), &bytes), (Ok(4), b"5678"));
        assert_eq!((first.read(&mut bytes), &bytes), (Ok(4), b"4567"));
        assert_eq!(second.read(&mut bytes), Ok(1));
        assert_eq!(second.read(&mut bytes), Ok(0));
    }

    #[test]
    fn what_is_no_file_is_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        let no = |path: &Path| match Source::open(path) {
            Ok(_) => panic!("{path:?} is opened"),
            Err(trouble) => trouble,
        };
        assert_eq!(no(&folder.path().join("none")), Trouble::Missing);
        let Trouble::Failed(why) = no(folder.path()) else { panic!("a folder is something") };
        assert!(why.ends_with("for reading: it is no file"), "{why}");
    }
}
