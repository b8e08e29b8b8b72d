//! The ring itself: what is queued, how it is entered, what comes back.
//!
//! SINGLE_ISSUER and DEFER_TASKRUN (Linux 6.1): the kernel's half of a completion runs inside our own `enter`, in
//! batches of some twenty, and never interrupts the load. Whoever makes a ring must be the thread that uses it.
#![allow(unsafe_code)] // Submission entries hold raw addresses; entering the kernel is a raw call.

use io_uring::types::{SubmitArgs, Timespec};
use io_uring::{EnterFlags, IoUring, squeue};
use std::io;
use std::time::Duration;

/// Entries of the submission queue; when it is full, it is submitted.
const SUBMISSIONS: u32 = 1024;

/// One completion: whose, with what result (a count or -errno), and flags.
#[derive(Clone, Copy, Debug)]
pub(super) struct Completion {
    pub user_data: u64,
    pub result: i32,
    pub flags: u32,
}

impl Completion {
    /// A multishot operation goes on.
    pub fn more(&self) -> bool {
        io_uring::cqueue::more(self.flags)
    }

    /// The provided buffer that holds the bytes.
    pub fn buffer(&self) -> Option<u16> {
        io_uring::cqueue::buffer_select(self.flags)
    }
}

/// An io_uring of one thread.
pub(super) struct Ring {
    ring: IoUring,
}

impl Ring {
    /// A ring with room for so many completions, at least. Errors: those of io_uring_setup(2).
    pub fn new(completions: u32) -> io::Result<Ring> {
        let mut builder = IoUring::builder();
        builder.setup_submit_all().setup_single_issuer().setup_defer_taskrun();
        builder.setup_cqsize(completions.next_power_of_two().clamp(2 * SUBMISSIONS, 1 << 16));
        let ring = builder.build(SUBMISSIONS)?;
        let params = ring.params();
        if params.is_feature_ext_arg()
            && params.is_feature_nodrop()
            && params.is_feature_skip_cqe_on_success()
        {
            return Ok(Ring { ring });
        }
        Err(io::Error::from_raw_os_error(libc::EINVAL))
    }

    pub fn inner(&self) -> &IoUring {
        &self.ring
    }

    /// Queues an operation for the next [`Ring::enter`]. Errors: those of submitting a full queue.
    ///
    /// # Safety
    /// Every address in `entry` stays valid until the operation has completed.
    pub unsafe fn push(&mut self, entry: &squeue::Entry) -> io::Result<()> {
        // SAFETY: the caller's promise is the one asked for here.
        while unsafe { self.ring.submission().push(entry).is_err() } {
            self.call(0, None)?;
        }
        Ok(())
    }

    /// Whether completions wait in the kernel because there was no room.
    pub fn overflowed(&mut self) -> bool {
        self.ring.submission().cq_overflow()
    }

    /// Submits what is queued, then waits for a completion for at most `wait` (`None`: without end).
    /// Errors: those of io_uring_enter(2) that another try does not mend.
    pub fn enter(&mut self, wait: Option<Duration>) -> io::Result<()> {
        let ready = !self.ring.completion().is_empty();
        match wait {
            _ if ready => self.call(0, None),
            Some(Duration::ZERO) => self.call(0, None),
            Some(wait) => self.call(1, Some(&Timespec::from(wait))),
            None => self.call(1, None),
        }
    }

    fn call(&mut self, want: u32, timeout: Option<&Timespec>) -> io::Result<()> {
        let queued = self.ring.submission().len() as u32;
        let submitter = self.ring.submitter();
        let result = match timeout {
            Some(timeout) => {
                let flags = (EnterFlags::GETEVENTS | EnterFlags::EXT_ARG).bits();
                // SAFETY: EXT_ARG goes with a SubmitArgs, and the time it points to is borrowed
                // for longer than the call.
                unsafe { submitter.enter(queued, want, flags, Some(&SubmitArgs::new().timespec(timeout))) }
            }
            // SAFETY: without EXT_ARG the argument is a signal mask, which may be absent.
            None => unsafe {
                submitter.enter::<libc::sigset_t>(queued, want, EnterFlags::GETEVENTS.bits(), None)
            },
        };
        match result {
            Ok(_) => Ok(()),
            Err(error) => match error.raw_os_error() {
                // The time is up; a signal; no memory for a request now; completions to take first.
                Some(libc::ETIME | libc::EINTR | libc::EAGAIN | libc::EBUSY) => Ok(()),
                _ => Err(error),
            },
        }
    }

    /// Whether all that was queued has been submitted.
    pub fn is_submitted(&mut self) -> bool {
        self.ring.submission().is_empty()
    }

    /// Appends the completions that have arrived to `out`.
    pub fn harvest(&mut self, out: &mut Vec<Completion>) {
        out.extend(self.ring.completion().map(|entry| Completion {
            user_data: entry.user_data(),
            result: entry.result(),
            flags: entry.flags(),
        }));
    }
}
