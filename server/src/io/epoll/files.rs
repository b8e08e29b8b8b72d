//! Files beside epoll: a helper thread a core, made at its first operation, does them one after the other.
//!
//! ```text
//!   core    file() ──> todo ──> helper: pwrite, fdatasync ──> done ──> turn: file_done
//!                                                      └── eventfd: the core wakes up
//! ```
//!
//! Neither channel has a bound: what is under way is the caller's to bound, and the core never waits for room.
//! The helper runs on any CPU of the process, not on the core's: it is there so that the core's loop goes on while
//! a disk is slow. It ends with the backend.
//!
//! One thread, so a write waits for a sync before it; the ring does them beside each other.

use super::EpollIo;
use crate::host::cpus::process_mask;
use crate::io::file::{Part, Progress};
use crate::io::{File, FileDone, FileOp, Sink};
use crossbeam_channel::{Receiver, Sender, unbounded};
use rustix::io::ReadWriteFlags;
use rustix::thread::sched_setaffinity;
use std::io::{self, IoSlice};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long dropping the backend waits for what is under way.
const DROP_WAIT: Duration = Duration::from_secs(1);

type Todo = (Progress, Arc<OwnedFd>);

/// The core's side of its helper.
struct Helper {
    todo: Sender<Todo>,
    done: Receiver<FileDone>,
}

/// The files of a core.
#[derive(Default)]
pub(super) struct Files {
    helper: Option<Helper>,
    /// Operations that the helper has not given back.
    under_way: usize,
    /// Ended before they began, to be told at the next turn.
    refused: Vec<FileDone>,
}

impl Helper {
    /// Errors: those of making a thread.
    fn start(event: Arc<OwnedFd>) -> io::Result<Helper> {
        let (todo, work) = unbounded::<Todo>();
        let (results, done) = unbounded();
        std::thread::Builder::new().name("percore-files".into()).spawn(move || {
            if let Ok(mask) = process_mask() {
                let _ = sched_setaffinity(None, &mask); // Or it shares the core's CPU: slower, not wrong.
            }
            for (progress, file) in work {
                if results.send(perform(progress, &file)).is_err() {
                    return; // The backend is gone, and nobody waits for the rest.
                }
                // Fails only when the counter is full: the core has been woken, then.
                let _ = rustix::io::write(&event, &1u64.to_ne_bytes());
            }
        })?;
        Ok(Helper { todo, done })
    }
}

/// Does an operation, in as many calls as it takes.
fn perform(mut progress: Progress, file: &OwnedFd) -> FileDone {
    loop {
        let result = match progress.part() {
            Part::SyncData => rustix::fs::fdatasync(file).map(|()| 0),
            Part::Write { offset, bytes, durable: false } => rustix::io::pwrite(file, bytes, offset),
            Part::Write { offset, bytes, durable: true } => {
                rustix::io::pwritev2(file, &[IoSlice::new(bytes)], offset, ReadWriteFlags::DSYNC)
            }
        };
        match progress.advance(result.map_err(io::Error::from)) {
            Ok(done) => return done,
            Err(rest) => progress = rest,
        }
    }
}

impl EpollIo {
    pub(super) fn start_file(&mut self, token: u64, file: &File, op: FileOp) {
        let progress = Progress::new(token, op);
        let File::Fd(file) = file else {
            return self.files.refused.push(progress.refuse());
        };
        if self.files.helper.is_none() {
            match Helper::start(Arc::clone(&self.event)) {
                Ok(helper) => self.files.helper = Some(helper),
                Err(error) => return self.files.refused.push(progress.end(Err(error))),
            }
        }
        let Some(helper) = &self.files.helper else { return };
        match helper.todo.send((progress, Arc::clone(file))) {
            Ok(()) => self.files.under_way += 1,
            Err(back) => self.files.refused.push(back.into_inner().0.refuse()), // It has died.
        }
    }

    /// There is something to tell without waiting.
    pub(super) fn files_refused(&self) -> bool {
        !self.files.refused.is_empty()
    }

    /// Tells what has ended.
    pub(super) fn tell_files<S: Sink>(&mut self, sink: &mut S) {
        self.files.refused.drain(..).for_each(|done| sink.file_done(done));
        if self.files.under_way == 0 {
            return;
        }
        let Some(helper) = &self.files.helper else { return };
        for done in helper.done.try_iter() {
            self.files.under_way -= 1;
            sink.file_done(done);
        }
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let Some(helper) = self.helper.take() else { return };
        let deadline = Instant::now() + DROP_WAIT;
        while self.under_way > 0 && helper.done.recv_deadline(deadline).is_ok() {
            self.under_way -= 1;
        }
    }
}
