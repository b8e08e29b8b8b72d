//! The disk as a trait, so that every fault can be injected.
//!
//! Two disks stand behind [`Disk`]: the real one (in the server crate, over `std::fs`) and
//! [`SimDisk`], in memory, which keeps what is synced apart from what is not, fails when told to,
//! and shows what a power loss leaves. Whatever saves or recovers is written against the trait and
//! tested on the second.
//!
//! **Operations are values.** The trait has one required method, [`Disk::perform`], that takes a
//! [`Request`]; the methods one calls (`write_at`, `sync_data` …) only build requests. So call
//! counting and fault injection stand in one place, and no operation can escape them. And an
//! asynchronous disk needs no second vocabulary: it takes a `Request<Vec<u8>>` (owned, since the
//! kernel reads the bytes later) with a token, and hands back the token with the same
//! `Result<Completion, DiskError>`; a [`Request`] is generic over its bytes for this reason.
//!
//! **What is durable, and when** (POSIX's promise, no file system's favours):
//! - bytes of a file: after a later [`Disk::sync_data`] of that file succeeded, or when the
//!   [`Disk::write_durable_at`] that wrote them has;
//! - a name (created, renamed, removed): after a later [`Disk::sync_dir`] of its directory. Syncing
//!   a file does not make its name durable;
//! - after a `sync_data` that failed: nothing that was unsynced, ever, even if the next one
//!   succeeds (Linux marks the pages clean). The file must be abandoned and written anew.
//!
//! Errors say what was done to which file at which offset ([`DiskError`]).

mod replace;
mod sim;

pub use replace::atomic_replace;
pub use sim::SimDisk;

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

/// An open file, as its disk numbers it. Not reused while the disk lives.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FileId(pub u64);

/// How a file is opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// To read; it must exist.
    Read,
    /// To read and write; created if it does not exist, kept as it is if it does.
    Write,
    /// To read and write; created, or emptied.
    Replace,
    /// To read and write; it must not exist.
    New,
}

/// One operation. `B` is how its bytes are held: lent (`&[u8]`) or owned (`Vec<u8>`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Request<B> {
    /// `value`: the new [`FileId`].
    Open { path: PathBuf, access: Access },
    /// What is not synced may still be lost. No error is worth anything here: sync before.
    Close { file: FileId },
    /// `bytes`: up to `len` bytes, fewer only at the end of the file.
    ReadAt { file: FileId, offset: u64, len: usize },
    /// All of the bytes, or an error; after an error any first part may have been written.
    WriteAt { file: FileId, offset: u64, bytes: B },
    /// As `WriteAt`, and the bytes (with the length that they need) are durable when it returns: O_DSYNC for
    /// one write. It makes nothing else durable.
    WriteDurable { file: FileId, offset: u64, bytes: B },
    /// As `WriteAt`, at the end of the file. `value`: the offset it began at.
    Append { file: FileId, bytes: B },
    /// Cuts the file, or extends it with zeros.
    Truncate { file: FileId, len: u64 },
    /// fdatasync(2).
    SyncData { file: FileId },
    /// `value`: the file's length in bytes.
    Size { file: FileId },
    /// Gives a file a new name, in place of what stood there, in one step.
    Rename { from: PathBuf, to: PathBuf },
    /// Removes a file.
    Remove { path: PathBuf },
    /// Creates one directory; its parent must exist.
    CreateDir { path: PathBuf },
    /// fsync(2) of a directory.
    SyncDir { path: PathBuf },
    /// `names`: the files and directories in it, sorted.
    List { path: PathBuf },
}

/// What an operation gave; which field means something stands at the [`Request`].
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Completion {
    pub value: u64,
    pub bytes: Vec<u8>,
    pub names: Vec<OsString>,
}

impl Completion {
    /// A completion that is a number.
    #[must_use]
    pub fn value(value: u64) -> Self {
        Self { value, ..Self::default() }
    }
}

/// Why an operation failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorKind {
    /// The disk, or the user's part of it, is full.
    NoSpace,
    /// The file system is mounted read-only, perhaps since it failed.
    ReadOnly,
    NotFound,
    AlreadyExists,
    /// The user that runs the server may not.
    Denied,
    /// Any other `errno`, EIO above all.
    Io {
        errno: i32,
    },
}

// Linux's numbers, the same on every architecture Percore runs on.
const ENOENT: i32 = 2;
pub(crate) const EIO: i32 = 5;
pub(crate) const EBADF: i32 = 9;
const EACCES: i32 = 13;
const EPERM: i32 = 1;
const EEXIST: i32 = 17;
pub(crate) const ENOTDIR: i32 = 20;
pub(crate) const EISDIR: i32 = 21;
const ENOSPC: i32 = 28;
const EROFS: i32 = 30;
const EDQUOT: i32 = 122;

impl ErrorKind {
    /// Its Linux `errno`.
    #[must_use]
    pub fn errno(self) -> i32 {
        match self {
            Self::NoSpace => ENOSPC,
            Self::ReadOnly => EROFS,
            Self::NotFound => ENOENT,
            Self::AlreadyExists => EEXIST,
            Self::Denied => EACCES,
            Self::Io { errno } => errno,
        }
    }

    /// The kind of a Linux `errno`.
    #[must_use]
    pub fn from_errno(errno: i32) -> Self {
        match errno {
            ENOENT => Self::NotFound,
            EACCES | EPERM => Self::Denied,
            EEXIST => Self::AlreadyExists,
            ENOSPC | EDQUOT => Self::NoSpace,
            EROFS => Self::ReadOnly,
            errno => Self::Io { errno },
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSpace => f.write_str("No space left on device"),
            Self::ReadOnly => f.write_str("Read-only file system"),
            Self::NotFound => f.write_str("No such file or directory"),
            Self::AlreadyExists => f.write_str("File exists"),
            Self::Denied => f.write_str("Permission denied"),
            Self::Io { errno } => write!(f, "{}", std::io::Error::from_raw_os_error(*errno)),
        }
    }
}

/// A failed operation: what, on which file, where, why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DiskError {
    /// The operation's name: `"write"`, `"sync"` …
    pub action: &'static str,
    pub path: PathBuf,
    /// Where in the file, for operations that have a place.
    pub offset: Option<u64>,
    pub kind: ErrorKind,
}

impl fmt::Display for DiskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.action, self.path.display())?;
        if let Some(offset) = self.offset {
            write!(f, " at offset {offset}")?;
        }
        write!(f, ": {}", self.kind)
    }
}

impl std::error::Error for DiskError {}

impl<B> Request<B> {
    /// The operation's name, as errors and logs show it.
    #[must_use]
    pub fn action(&self) -> &'static str {
        match self {
            Self::Open { .. } => "open",
            Self::Close { .. } => "close",
            Self::ReadAt { .. } => "read",
            Self::WriteAt { .. } | Self::WriteDurable { .. } => "write",
            Self::Append { .. } => "append to",
            Self::Truncate { .. } => "truncate",
            Self::SyncData { .. } => "sync",
            Self::Size { .. } => "get the size of",
            Self::Rename { .. } => "rename",
            Self::Remove { .. } => "remove",
            Self::CreateDir { .. } => "create directory",
            Self::SyncDir { .. } => "sync directory",
            Self::List { .. } => "list",
        }
    }

    /// The path it names itself; `None` for one on an open file.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Open { path, .. }
            | Self::Rename { from: path, .. }
            | Self::Remove { path }
            | Self::CreateDir { path }
            | Self::SyncDir { path }
            | Self::List { path } => Some(path),
            _ => None,
        }
    }

    /// The open file it is about.
    #[must_use]
    pub fn file(&self) -> Option<FileId> {
        match self {
            Self::Close { file }
            | Self::ReadAt { file, .. }
            | Self::WriteAt { file, .. }
            | Self::WriteDurable { file, .. }
            | Self::Append { file, .. }
            | Self::Truncate { file, .. }
            | Self::SyncData { file }
            | Self::Size { file } => Some(*file),
            _ => None,
        }
    }

    /// Where in the file.
    #[must_use]
    pub fn offset(&self) -> Option<u64> {
        match self {
            Self::ReadAt { offset, .. }
            | Self::WriteAt { offset, .. }
            | Self::WriteDurable { offset, .. } => Some(*offset),
            Self::Truncate { len, .. } => Some(*len),
            _ => None,
        }
    }

    /// The error of this request on `path` (that of its file, for one that names none).
    #[must_use]
    pub fn error(&self, path: &Path, kind: ErrorKind) -> DiskError {
        let path = self.path().unwrap_or(path).to_owned();
        DiskError { action: self.action(), path, offset: self.offset(), kind }
    }
}

/// A disk. One thread uses it; each call returns when the operation is complete.
pub trait Disk {
    /// Performs one operation.
    ///
    /// # Errors
    /// Whatever the operating system says, with the file and the place.
    fn perform(&mut self, request: Request<&[u8]>) -> Result<Completion, DiskError>;

    /// Opens a file; close it when done.
    ///
    /// # Errors
    /// See [`Disk::perform`]; so for all methods below.
    fn open(&mut self, path: &Path, access: Access) -> Result<FileId, DiskError> {
        let path = path.to_owned();
        Ok(FileId(self.perform(Request::Open { path, access })?.value))
    }
    fn close(&mut self, file: FileId) -> Result<(), DiskError> {
        self.perform(Request::Close { file }).map(drop)
    }
    /// Up to `len` bytes from `offset`, fewer only at the end of the file.
    fn read_at(&mut self, file: FileId, offset: u64, len: usize) -> Result<Vec<u8>, DiskError> {
        Ok(self.perform(Request::ReadAt { file, offset, len })?.bytes)
    }
    fn write_at(&mut self, file: FileId, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        self.perform(Request::WriteAt { file, offset, bytes }).map(drop)
    }
    /// The bytes are durable when it returns, and nothing else is. Never repeat one that failed.
    fn write_durable_at(&mut self, file: FileId, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        self.perform(Request::WriteDurable { file, offset, bytes }).map(drop)
    }
    /// Returns the offset at which the bytes begin.
    fn append(&mut self, file: FileId, bytes: &[u8]) -> Result<u64, DiskError> {
        Ok(self.perform(Request::Append { file, bytes })?.value)
    }
    fn truncate(&mut self, file: FileId, len: u64) -> Result<(), DiskError> {
        self.perform(Request::Truncate { file, len }).map(drop)
    }
    /// Makes the file's bytes and length durable. Never repeat one that failed.
    fn sync_data(&mut self, file: FileId) -> Result<(), DiskError> {
        self.perform(Request::SyncData { file }).map(drop)
    }
    /// The file's length in bytes.
    fn size(&mut self, file: FileId) -> Result<u64, DiskError> {
        Ok(self.perform(Request::Size { file })?.value)
    }
    fn rename(&mut self, from: &Path, to: &Path) -> Result<(), DiskError> {
        self.perform(Request::Rename { from: from.to_owned(), to: to.to_owned() }).map(drop)
    }
    fn remove(&mut self, path: &Path) -> Result<(), DiskError> {
        self.perform(Request::Remove { path: path.to_owned() }).map(drop)
    }
    fn create_dir(&mut self, path: &Path) -> Result<(), DiskError> {
        self.perform(Request::CreateDir { path: path.to_owned() }).map(drop)
    }
    /// Makes the names in a directory durable.
    fn sync_dir(&mut self, path: &Path) -> Result<(), DiskError> {
        self.perform(Request::SyncDir { path: path.to_owned() }).map(drop)
    }
    /// The names in a directory, sorted.
    fn list(&mut self, path: &Path) -> Result<Vec<OsString>, DiskError> {
        Ok(self.perform(Request::List { path: path.to_owned() })?.names)
    }
    /// A whole file, for small ones.
    fn read(&mut self, path: &Path) -> Result<Vec<u8>, DiskError> {
        let file = self.open(path, Access::Read)?;
        let bytes = self.size(file).and_then(|size| {
            let len = usize::try_from(size).unwrap_or(usize::MAX);
            self.read_at(file, 0, len)
        });
        self.close(file)?;
        bytes
    }
}
