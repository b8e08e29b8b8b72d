//! Files on the ring: writes and syncs, each an operation with a completion of its own.
//!
//! ```text
//!   file()          an entry in the table, which owns the buffer; the operation's user_data is its place
//!   turn            the operation leaves with the turn's `enter`
//!   on_file         done, or a short write: the rest goes off under the same place
//! ```
//!
//! **Every operation carries IOSQE_ASYNC**: a worker thread of the kernel's carries it out, and the loop pays for
//! the hand-over only. Without the flag the kernel first tries in the loop's own `enter`. ext4 and tmpfs refuse
//! such a try and give it to a worker all the same, so that nothing is lost; XFS and btrfs would copy the
//! bytes (1 MiB: some 0.2 ms) and, for a durable write, might wait for the disk. Measured on Linux 6.18 with
//! ext4, a lone write under way and the loop's CPU shared with nobody:
//!
//! | write | `enter`, p50 / p99 | until done, p50 | CPU of the loop | CPU in all |
//! |---|---|---|---|---|
//! | 4 KiB | 0.4 / 2.7 us | 2.6 us | 1.4 us | 3.0 us |
//! | 64 KiB | 0.4 / 5.9 us | 6.6 us | 1.8 us | 8.8 us |
//! | 1 MiB | 0.7 / 2.0 us | 195 us | 4.4 us | 166 us |
//! | 1 MiB without the flag | 0.8 / 57 us | 207 us | 4.8 us | 190 us |
//! | 4 KiB, durable | 0.6 / 92 us | 322 us | 3.3 us | 72 us |
//!
//! **The workers** do not have the affinity of the core's thread, which would have each of them fight with the core
//! that it is to relieve, but by default that of the cpuset: they would ignore `taskset`. So they are given
//! the mask of the process, and there may be [`WORKERS_MAX`] of them for the files of a core. (Writes to
//! one file are done one after the other by the kernel, whatever their number; syncs beside them.)
//!
//! An operation's last completion frees its place: a place has no stale completions, and needs no epoch.
#![allow(unsafe_code)] // Operations that hold the address of a buffer to be written.

use super::UringIo;
use super::op::{Kind, user_data};
use super::ring::{Completion, Ring};
use crate::io::file::{Part, Progress};
use crate::io::{File, FileDone, FileOp, Sink};
use io_uring::squeue::{Entry, Flags};
use io_uring::{opcode, types};
use rustix::thread::CpuSet;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::time::Duration;

/// Worker threads for the files of a core: a write and a sync of its append-only file, and a write and a sync of
/// its snapshot, do not wait for one another.
const WORKERS_MAX: u32 = 4;

/// An operation under way.
struct UnderWay {
    progress: Progress,
    file: Arc<OwnedFd>,
}

/// The table of the operations under way.
#[derive(Default)]
pub(super) struct Files {
    places: Vec<Option<UnderWay>>,
    free: Vec<usize>,
    /// Ended before they began, to be told at the next turn.
    refused: Vec<FileDone>,
    /// The workers have their mask and their number.
    workers_set: bool,
}

impl UringIo {
    pub(super) fn start_file(&mut self, token: u64, file: &File, op: FileOp) {
        let progress = Progress::new(token, op);
        let File::Fd(file) = file else {
            return self.files.refused.push(progress.refuse());
        };
        let under_way = UnderWay { progress, file: Arc::clone(file) };
        let place = self.files.free.pop().unwrap_or_else(|| {
            self.files.places.push(None);
            self.files.places.len() - 1
        });
        self.outstanding += 1;
        self.push_file(place, under_way);
    }

    /// Submits the next part of an operation, which stands at its place until that has completed.
    fn push_file(&mut self, place: usize, under_way: UnderWay) {
        let entry = describe(&under_way).flags(Flags::ASYNC).user_data(user_data(Kind::File, place as u64));
        if let Some(free) = self.files.places.get_mut(place) {
            *free = Some(under_way);
            // SAFETY: the bytes stay where they are while the table owns the operation: until its
            // completion, and on dropping the backend until it is over, or for ever.
            unsafe { self.ring.push(entry) };
        }
    }

    pub(super) fn on_file<S: Sink>(&mut self, place: usize, done: Completion, sink: &mut S) {
        let Some(under_way) = self.files.places.get_mut(place).and_then(Option::take) else { return };
        let UnderWay { progress, file } = under_way;
        let result = usize::try_from(done.result).map_err(|_| io::Error::from_raw_os_error(-done.result));
        match progress.advance(result) {
            Err(progress) => self.push_file(place, UnderWay { progress, file }),
            Ok(done) => {
                self.outstanding -= 1;
                self.files.free.push(place);
                sink.file_done(done);
            }
        }
    }

    /// Before the turn's `enter`: tells what was refused (the turn then does not wait), and sees to the workers.
    pub(super) fn prepare_files<S: Sink>(
        &mut self,
        wait: Option<Duration>,
        sink: &mut S,
    ) -> Option<Duration> {
        if !self.files.workers_set && !self.files.places.is_empty() && self.ring.enabled() {
            self.files.workers_set = true;
            self.ring.limit_workers(WORKERS_MAX);
        }
        if self.files.refused.is_empty() {
            return wait;
        }
        self.files.refused.drain(..).for_each(|done| sink.file_done(done));
        Some(Duration::ZERO)
    }
}

fn describe(under_way: &UnderWay) -> Entry {
    let fd = types::Fd(under_way.file.as_raw_fd() as RawFd);
    match under_way.progress.part() {
        Part::SyncData => opcode::Fsync::new(fd).flags(types::FsyncFlags::DATASYNC).build(),
        Part::Write { offset, bytes, durable } => opcode::Write::new(fd, bytes.as_ptr(), bytes.len() as u32)
            .offset(offset)
            .rw_flags(if durable { libc::RWF_DSYNC } else { 0 })
            .build(),
    }
}

impl Ring {
    /// Gives the workers of the calling thread, which has entered the ring before, the CPUs of the process, and at
    /// most so many threads for files. Kernels that know only one of the two do what they know: nothing
    /// depends on it but the peace of other CPUs.
    fn limit_workers(&self, workers: u32) {
        if let Ok(mask) = crate::host::cpus::process_mask() {
            drop(self.submitter().register_iowq_aff(&cpu_set(&mask)));
        }
        drop(self.submitter().register_iowq_max_workers(&mut [workers, 0]));
    }
}

/// The C library's form of a mask.
fn cpu_set(mask: &CpuSet) -> libc::cpu_set_t {
    // SAFETY: an array of integers, for which all-zero (no CPU) is a value.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    for cpu in (0..CpuSet::MAX_CPU).filter(|cpu| mask.is_set(*cpu)) {
        // SAFETY: a function without preconditions: it ignores numbers that do not fit.
        unsafe { libc::CPU_SET(cpu, &mut set) };
    }
    set
}
