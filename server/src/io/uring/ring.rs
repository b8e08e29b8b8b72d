//! The ring itself: what is submitted, how it is entered, what comes back.
//!
//! Everything the loop queues goes into the submission queue in user memory and costs no system
//! call; [`Ring::enter`] submits it and waits, in one. A queue that is full spills into
//! `backlog`, which keeps the order, and `enter` then submits in portions.
//!
//! The ring is created *disabled* and enabled by its first `enter`, because SINGLE_ISSUER ties it
//! to the thread that enables it: so a server may create every core's ring, and learn of
//! any error, before it starts a thread. From then on only that thread may enter.
//!
//! Flags. DEFER_TASKRUN (Linux 6.1) runs the kernel's half of a completion inside our own
//! `enter`, in a batch, and never interrupts the loop; on 6.0 COOP_TASKRUN comes nearest.
//! Before 6.0 there is no multishot receive, and the epoll backend serves.
//!
//! DEFER runs some [`BATCH`] completions an enter. TASKRUN_FLAG would tell whether more wait, but it
//! costs an atomic operation a completion and does not show what is left over from a batch, so
//! the caller counts instead: a full batch means there may be more.
#![allow(unsafe_code)] // Submission entries hold raw addresses; entering the kernel is a raw call.

use io_uring::types::{SubmitArgs, Timespec};
use io_uring::{EnterFlags, IoUring, squeue};
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

/// Completions that DEFER_TASKRUN runs an enter (the kernel's IO_LOCAL_TW_DEFAULT_MAX).
pub(super) const BATCH: usize = 20;

/// One completion: whose, with what result (a count, a file descriptor, or -errno), and flags.
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
    enabled: bool,
    backlog: VecDeque<squeue::Entry>,
}

impl Ring {
    /// A disabled ring with room for so many submissions and completions, with DEFER_TASKRUN if
    /// `defer` says so and the kernel has it. Errors: those of io_uring_setup(2).
    pub fn new(submissions: u32, completions: u32, defer: bool) -> io::Result<Ring> {
        let mut builder = IoUring::builder();
        builder.setup_r_disabled().setup_submit_all().setup_single_issuer().setup_cqsize(completions);
        let mut ring = Err(io::Error::from_raw_os_error(libc::EINVAL));
        if defer {
            ring = builder.clone().setup_defer_taskrun().build(submissions);
        }
        if ring.as_ref().is_err_and(|error| error.raw_os_error() == Some(libc::EINVAL)) {
            ring = builder.setup_coop_taskrun().build(submissions);
        }
        let ring = ring?;
        let params = ring.params();
        if !(params.is_feature_ext_arg()
            && params.is_feature_nodrop()
            && params.is_feature_skip_cqe_on_success())
        {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        Ok(Ring { ring, enabled: false, backlog: VecDeque::new() })
    }

    pub fn fd(&self) -> RawFd {
        self.ring.as_raw_fd()
    }

    /// For what is registered with the kernel.
    pub fn submitter(&self) -> io_uring::Submitter<'_> {
        self.ring.submitter()
    }

    /// Whether a thread has begun to use the ring: before that the kernel knows of no operation.
    pub fn enabled(&self) -> bool {
        self.enabled
    }

    /// Registers a ring of provided buffers as group `group`.
    ///
    /// # Safety
    /// `address` is a page-aligned ring of `count` entries that outlives this `Ring`.
    pub unsafe fn register_buffers(&self, address: u64, count: u16, group: u16) -> io::Result<()> {
        // SAFETY: the caller's promise is the one asked for here.
        unsafe { self.ring.submitter().register_buf_ring_with_flags(address, count, group, 0) }
    }

    /// Queues an operation for the next [`Ring::enter`].
    ///
    /// # Safety
    /// Every address in `entry` stays valid until the operation has completed; for what
    /// io_uring copies when it submits (a timeout's time), until it was submitted.
    pub unsafe fn push(&mut self, entry: squeue::Entry) {
        // SAFETY: the caller's promise is the one asked for here.
        let full = !self.backlog.is_empty() || unsafe { self.ring.submission().push(&entry).is_err() };
        if full {
            self.backlog.push_back(entry);
        }
    }

    /// Operations queued that the kernel has not taken.
    pub fn unsubmitted(&mut self) -> bool {
        !self.backlog.is_empty() || !self.ring.submission().is_empty()
    }

    /// Whether completions wait in the kernel because the completion queue was full.
    pub fn overflowed(&mut self) -> bool {
        self.ring.submission().cq_overflow()
    }

    /// Submits what is queued, then waits for a completion for at most `wait` (`None`: without
    /// end). May return early: a signal, or a portion of the queue that could not be taken now
    /// ([`Ring::unsubmitted`]). Errors: those of io_uring_enter(2) that another try does not mend.
    pub fn enter(&mut self, wait: Option<Duration>) -> io::Result<()> {
        if !self.enabled {
            self.ring.submitter().register_enable_rings()?;
            self.enabled = true;
        }
        while self.refill() {
            self.call(0, None)?;
            if self.ring.submission().is_full() {
                return Ok(()); // The kernel takes nothing now: harvest first.
            }
        }
        let ready = !self.ring.completion().is_empty();
        match wait {
            _ if ready => self.call(0, None),
            Some(Duration::ZERO) => self.call(0, None),
            Some(wait) => self.call(1, Some(&Timespec::from(wait))),
            None => self.call(1, None),
        }
    }

    /// Moves the backlog into the submission queue; true if some of it found no room.
    fn refill(&mut self) -> bool {
        if self.backlog.is_empty() {
            return false;
        }
        let mut queue = self.ring.submission();
        while let Some(entry) = self.backlog.front() {
            // SAFETY: whoever pushed the entry promised that its addresses stay valid.
            if unsafe { queue.push(entry) }.is_err() {
                return true;
            }
            self.backlog.pop_front();
        }
        false
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

    /// Appends the completions that have arrived to `out`.
    pub fn harvest(&mut self, out: &mut Vec<Completion>) {
        out.extend(self.ring.completion().map(|entry| Completion {
            user_data: entry.user_data(),
            result: entry.result(),
            flags: entry.flags(),
        }));
    }
}
