//! Files of a simulated machine: one [`SimDisk`] under all cores, and the operations on their way to it.
//!
//! ```text
//!   file() ──> queued ──turn──> under way ──Event::File, after a drawn time──> takes effect on the disk,
//!                                  ^                                             whole or in part
//!                                  └──── a short write: the rest ────────────────┘
//!                                                                     done ──> told in a later turn
//! ```
//!
//! Operations under way overtake each other, as the seam allows, and the disk sees the order in which they take
//! effect: so a caller that syncs before its writes are done loses them in the next power loss. Whatever the
//! disk's own faults are (a call that fails, no space) comes back as the error of the operation.
//!
//! A process that dies leaves each operation under way to chance: the kernel may have done it yet.

use super::SimWorld;
use super::trace::{Kind, NONE};
use super::world::{Core, Event, World};
use crate::io::file::{Part, Progress};
use crate::io::{File, FileDone, FileOp};
use parking_lot::Mutex;
use persist::disk::{Disk as _, DiskError, ErrorKind, FileId, SimDisk};
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

/// An operation that a core has started.
struct Operation {
    core: usize,
    file: FileId,
    progress: Progress,
}

/// The disk, and what is on its way to it.
pub(super) struct Disk {
    disk: Arc<Mutex<SimDisk>>,
    under_way: BTreeMap<u64, Operation>,
    next: u64,
}

/// A core's end of it.
#[derive(Default)]
pub(super) struct FilesOfCore {
    queued: Vec<(FileId, Progress)>,
    done: Vec<FileDone>,
}

impl FilesOfCore {
    pub(super) fn has_done(&self) -> bool {
        !self.done.is_empty()
    }
}

impl Disk {
    pub(super) fn new(seed: u64) -> Self {
        let disk = Arc::new(Mutex::new(SimDisk::new(seed)));
        Disk { disk, under_way: BTreeMap::new(), next: 0 }
    }
}

impl World {
    pub(super) fn queue_file(&mut self, core: usize, token: u64, file: &File, op: FileOp) {
        let progress = Progress::new(token, op);
        let files = &mut self.cores[core].files;
        match file {
            File::Sim(number) => files.queued.push((FileId(*number), progress)),
            File::Fd(_) => files.done.push(progress.refuse()),
        }
    }

    /// A turn's submission.
    pub(super) fn submit_files(&mut self, core: usize) {
        for (file, progress) in std::mem::take(&mut self.cores[core].files.queued) {
            self.disk.next += 1;
            let number = self.disk.next;
            self.disk.under_way.insert(number, Operation { core, file, progress });
            self.schedule_part(number);
        }
    }

    fn schedule_part(&mut self, number: u64) {
        let at = self.now + self.rng.within(&self.plan.disk_ns);
        self.schedule(at, Event::File { number });
    }

    /// The disk gets round to the next part of an operation.
    pub(super) fn file_part(&mut self, number: u64) {
        let Some(Operation { core, file, progress }) = self.disk.under_way.remove(&number) else { return };
        let result = self.perform(core, file, &progress.part());
        match progress.advance(result) {
            Err(progress) => {
                self.disk.under_way.insert(number, Operation { core, file, progress });
                self.schedule_part(number);
            }
            Ok(done) => {
                self.note(Kind::FileDone, core as u64, file.0, &[u8::from(done.result.is_ok())]);
                self.cores[core].files.done.push(done);
            }
        }
    }

    fn perform(&mut self, core: usize, file: FileId, part: &Part<'_>) -> io::Result<usize> {
        let fails = self.rng.one_in(self.plan.disk_error_one_in);
        let disk = Arc::clone(&self.disk.disk);
        let mut disk = disk.lock();
        if fails {
            let call = disk.calls();
            disk.fail_call(call, ErrorKind::Io { errno: libc::EIO });
        }
        let result = match *part {
            Part::SyncData => {
                self.note(Kind::FileSync, core as u64, file.0, &[]);
                disk.sync_data(file).map(|()| 0)
            }
            Part::Write { offset, bytes, durable } => {
                let short = bytes.len() > 1 && self.rng.one_in(self.plan.disk_short_one_in);
                let count =
                    if short { 1 + self.rng.below(bytes.len() as u64 - 1) as usize } else { bytes.len() };
                let bytes = bytes.get(..count).unwrap_or(bytes);
                self.note(Kind::FileWrite, core as u64, file.0, bytes);
                let wrote = if durable {
                    disk.write_durable_at(file, offset, bytes)
                } else {
                    disk.write_at(file, offset, bytes)
                };
                wrote.map(|()| count)
            }
        };
        result.map_err(|error| os_error(&error))
    }

    pub(super) fn files_done(&mut self, core: usize) -> Vec<FileDone> {
        std::mem::take(&mut self.cores[core].files.done)
    }

    /// The process dies: of what it had handed to the kernel some is done yet, some never.
    pub(super) fn abandon_files(&mut self) {
        for (_, Operation { core, file, progress }) in std::mem::take(&mut self.disk.under_way) {
            if self.rng.one_in(2) {
                let _ = self.perform(core, file, &progress.part()); // Nobody is left to be told.
            }
        }
    }
}

fn os_error(error: &DiskError) -> io::Error {
    io::Error::from_raw_os_error(error.kind.errno())
}

impl SimWorld {
    /// The machine's disk: to open files and rename them, to look at them, to make it fail. A file's
    /// [`FileId`] becomes a [`File::Sim`].
    #[must_use]
    pub fn disk(&self) -> Arc<Mutex<SimDisk>> {
        Arc::clone(&self.0.borrow().disk.disk)
    }

    /// The server's process dies: listeners close, connections are reset, the cores forget
    /// everything. Fresh [`SimIo`](super::SimIo)s may be taken afterwards, for the restarted server.
    pub fn kill_server(&self) {
        let mut world = self.0.borrow_mut();
        let listeners: Vec<u64> = world.listeners.keys().copied().collect();
        for listener in listeners {
            world.close_listener(listener);
        }
        world.reset_all();
        world.abandon_files();
        for core in &mut world.cores {
            *core = Core::new();
        }
    }

    /// The power fails: the server is gone as after [`SimWorld::kill_server`], and of what was not synced the disk
    /// keeps a part that the seed decides. No file is open.
    pub fn lose_power(&self) {
        self.kill_server();
        let mut world = self.0.borrow_mut();
        let seed = world.rng.bits();
        world.note(Kind::PowerLoss, NONE, NONE, &[]);
        let disk = Arc::clone(&world.disk.disk);
        let mut disk = disk.lock();
        let left = disk.after_power_loss(seed);
        *disk = left;
    }
}
