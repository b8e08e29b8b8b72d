//! Operations on files, as values: what is asked of a backend, how it ended, and how far it is.
//!
//! A core's thread never waits for a disk. It hands an operation to its [`Io`](super::Io) with a token of its
//! choice, and is told the end in a later turn:
//!
//! ```text
//!   io.file(token, &file, op) ──> queued ──> under way, part by part ──> sink.file_done(FileDone)
//!                                 next turn   a short write goes on       token, buffer, result
//! ```
//!
//! What the caller must know:
//! - **No order.** Operations on one file may take effect and complete in any order, those of one turn too. What
//!   must come after another is handed over when that one is done: a sync after the writes it is to cover.
//! - **No bound.** A backend takes whatever it is handed and never waits for room: how much is under way, and so
//!   how much memory, is the caller's to bound.
//! - **An error comes once**, and what a failed write has written is not said: perhaps nothing, perhaps all of
//!   it. After a sync (or a durable write) that failed nothing unsynced of that file can be trusted any more.
//! - **Durable** is O_DSYNC for one write: its bytes, and the length that they need, are on the disk when it
//!   is done. It says nothing of other writes.
//! - A backend that is dropped waits for what is under way for a second at most; nobody is told.
//!
//! Files are opened, renamed and removed elsewhere: that may block, and is rare.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// A file open for writing, shared with the operations under way: it is closed after the last of them.
#[derive(Clone, Debug)]
pub enum File {
    Fd(Arc<OwnedFd>),
    /// An open file of the simulated disk, by its [`FileId`](persist::disk::FileId).
    Sim(u64),
}

impl From<std::fs::File> for File {
    fn from(file: std::fs::File) -> Self {
        File::Fd(Arc::new(file.into()))
    }
}

/// What is to be done with a file.
#[derive(Debug)]
pub enum FileOp {
    /// Writes all of the bytes at this offset; with `durable` they are on the disk when it is done.
    Write { offset: u64, bytes: Vec<u8>, durable: bool },
    /// fdatasync(2).
    SyncData,
}

/// The end of an operation.
#[derive(Debug)]
pub struct FileDone {
    /// The caller's name for it.
    pub token: u64,
    /// The bytes of a write, to be used again; empty for a sync.
    pub bytes: Vec<u8>,
    /// All is done, or the error of write(2) or fdatasync(2).
    pub result: io::Result<()>,
}

/// The most bytes of one system call: what is left follows in another.
const PART_MAX: usize = 1 << 30;

/// An operation as a backend carries it out, in as many parts as it takes.
#[derive(Debug)]
pub(super) struct Progress {
    token: u64,
    op: FileOp,
    /// Bytes written so far.
    written: usize,
}

/// What an operation has to do next.
pub(super) enum Part<'a> {
    Write { offset: u64, bytes: &'a [u8], durable: bool },
    SyncData,
}

impl Progress {
    pub fn new(token: u64, op: FileOp) -> Self {
        Progress { token, op, written: 0 }
    }

    /// The system call to make now.
    pub fn part(&self) -> Part<'_> {
        match &self.op {
            FileOp::SyncData => Part::SyncData,
            FileOp::Write { offset, bytes, durable } => {
                let rest = bytes.get(self.written..).unwrap_or_default();
                let bytes = rest.get(..PART_MAX).unwrap_or(rest);
                let offset = offset.saturating_add(self.written as u64);
                Part::Write { offset, bytes, durable: *durable }
            }
        }
    }

    /// Takes in what that call returned. `Err` is the operation again: there is another part to do.
    pub fn advance(mut self, result: io::Result<usize>) -> Result<FileDone, Self> {
        match result {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(self),
            Err(error) => Ok(self.end(Err(error))),
            Ok(count) => {
                self.written += count;
                match &self.op {
                    FileOp::Write { bytes, .. } if self.written < bytes.len() => {
                        if count == 0 {
                            return Ok(self.end(Err(io::ErrorKind::WriteZero.into())));
                        }
                        Err(self)
                    }
                    _ => Ok(self.end(Ok(()))),
                }
            }
        }
    }

    /// Ends the operation with this result.
    pub fn end(self, result: io::Result<()>) -> FileDone {
        let bytes = match self.op {
            FileOp::Write { bytes, .. } => bytes,
            FileOp::SyncData => Vec::new(),
        };
        FileDone { token: self.token, bytes, result }
    }

    /// Ends an operation on a file that is not one of this backend's.
    pub fn refuse(self) -> FileDone {
        self.end(Err(io::Error::from_raw_os_error(libc::EBADF)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(len: usize) -> Progress {
        Progress::new(7, FileOp::Write { offset: 100, bytes: vec![1; len], durable: true })
    }

    #[test]
    fn a_short_write_goes_on_where_it_ended() {
        let mut progress = write(10);
        for (count, offset, left) in [(3, 100, 10), (6, 103, 7)] {
            let Part::Write { offset: at, bytes, durable } = progress.part() else { panic!() };
            assert_eq!((at, bytes.len(), durable), (offset, left, true));
            progress = progress.advance(Ok(count)).unwrap_err();
        }
        let done = progress.advance(Ok(1)).unwrap();
        assert_eq!((done.token, done.bytes.len()), (7, 10), "the whole buffer comes back");
        done.result.unwrap();
    }

    #[test]
    fn an_interrupted_call_is_made_again_and_any_other_error_ends() {
        let interrupted = io::Error::from_raw_os_error(libc::EINTR);
        let progress = write(10).advance(Err(interrupted)).unwrap_err();
        let done = progress.advance(Err(io::Error::from_raw_os_error(libc::ENOSPC))).unwrap();
        assert_eq!(done.result.unwrap_err().raw_os_error(), Some(libc::ENOSPC));
        assert_eq!(done.bytes, [1; 10]);
    }

    #[test]
    fn a_write_that_writes_nothing_does_not_go_on_for_ever() {
        let done = write(10).advance(Ok(0)).unwrap();
        assert_eq!(done.result.unwrap_err().kind(), io::ErrorKind::WriteZero);
        assert!(write(0).advance(Ok(0)).unwrap().result.is_ok(), "nothing was to be written");
    }

    #[test]
    fn a_sync_is_one_call() {
        let progress = Progress::new(1, FileOp::SyncData);
        assert!(matches!(progress.part(), Part::SyncData));
        assert!(progress.advance(Ok(0)).unwrap().result.is_ok());
    }
}
