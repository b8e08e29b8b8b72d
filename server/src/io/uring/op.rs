//! The operations this backend submits, each as a function of the ring.
//!
//! An operation's `user_data` says what it is and whose:
//!
//! ```text
//!   63       56 55                          0
//!   |  Kind   |  a connection's token, a     |
//!   |         |  listener's place, a number  |
//! ```
//!
//! Operations whose success is of no interest are marked CQE_SKIP_SUCCESS: they post a
//! completion when they fail, and else none. That halves the loop's wake-ups for a client that
//! waits for each reply: a completed send is not worth waking up for.
#![allow(unsafe_code)] // Each is pushed with a promise about the addresses in it.

use super::buffers::GROUP;
use super::ring::{Completion, Ring};
use io_uring::opcode;
use io_uring::squeue::{Entry, Flags};
use io_uring::types::{Fd, Timespec};
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

/// What an operation is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Kind {
    Accept = 1,
    Recv,
    Send,
    /// Of a cancel or a close: its completion, if there is one, says nothing new.
    Ignored,
    /// Our eventfd has been written to.
    Event,
    /// Arrives unasked: a peer's ring woke us.
    Woken,
    /// A wake of ours through a peer's ring; the payload is the peer's eventfd.
    Wake,
    /// The pause of a listener is over.
    Resume,
    /// Does nothing, after everything that was submitted before it.
    Barrier,
    /// On a file; the payload is its place in the table.
    File,
}

const PAYLOAD_BITS: u32 = 56;

/// Builds a `user_data`.
pub(super) fn user_data(kind: Kind, payload: u64) -> u64 {
    debug_assert!(payload >> PAYLOAD_BITS == 0);
    (kind as u64) << PAYLOAD_BITS | payload
}

/// Takes a `user_data` apart; `None` for one that we never made.
pub(super) fn parts(user_data: u64) -> Option<(Kind, u64)> {
    use Kind::{Accept, Barrier, Event, File, Ignored, Recv, Resume, Send, Wake, Woken};
    let number = (user_data >> PAYLOAD_BITS) as u8;
    let kind = [Accept, Recv, Send, Ignored, Event, Woken, Wake, Resume, Barrier, File]
        .into_iter()
        .find(|kind| *kind as u8 == number)?;
    Some((kind, user_data & ((1 << PAYLOAD_BITS) - 1)))
}

/// The connection that an accept completed with.
pub(super) fn accepted(done: &Completion) -> Option<OwnedFd> {
    // SAFETY: called once, for the completion of an accept: the descriptor is new and nobody's.
    (done.result >= 0).then(|| unsafe { OwnedFd::from_raw_fd(done.result) })
}

/// How long a listener rests after accept failed for want of descriptors or memory.
static PAUSE: Timespec = Timespec::new().nsec(100_000_000);
/// What is written to an eventfd.
static ONE: u64 = 1;

impl Ring {
    /// Accepts connections until it fails or is cancelled.
    pub fn accept(&mut self, fd: RawFd, user_data: u64) {
        let entry = opcode::AcceptMulti::new(Fd(fd)).flags(libc::SOCK_CLOEXEC).build();
        self.push_plain(entry, user_data);
    }

    /// Receives into provided buffers until the end, a failure or a cancel.
    pub fn recv(&mut self, fd: RawFd, user_data: u64) {
        self.push_plain(opcode::RecvMulti::new(Fd(fd), GROUP).build(), user_data);
    }

    /// Reports each write to an eventfd. It is never read: each write is an edge of its own, and
    /// its counter would need centuries to overflow.
    pub fn watch_event(&mut self, fd: RawFd, user_data: u64) {
        self.push_plain(opcode::PollAdd::new(Fd(fd), libc::POLLIN as u32).multi(true).build(), user_data);
    }

    /// Cancels the operation of that `user_data`, which then completes with ECANCELED, unless it
    /// has completed already.
    pub fn cancel(&mut self, target: u64) {
        self.push_quiet(opcode::AsyncCancel::new(target).build());
    }

    /// Closes a descriptor that the caller gives up.
    pub fn close(&mut self, fd: RawFd) {
        self.push_quiet(opcode::Close::new(Fd(fd)).build());
    }

    /// Completes after a listener's pause.
    pub fn pause(&mut self, user_data: u64) {
        let entry = opcode::Timeout::new(&PAUSE).build().user_data(user_data);
        // SAFETY: the time is static.
        unsafe { self.push(entry) };
    }

    /// Completes after all completions of what was submitted before: they come in order, also
    /// those that the kernel holds back while the completion queue is full.
    pub fn barrier(&mut self) {
        self.push_plain(opcode::Nop::new().build(), user_data(Kind::Barrier, 0));
    }

    /// Posts [`Kind::Woken`] into another ring; completes here only on failure.
    pub fn wake_ring(&mut self, ring: RawFd, on_failure: u64) {
        let woken = user_data(Kind::Woken, 0);
        let entry = opcode::MsgRingData::new(Fd(ring), 0, woken, None).build();
        self.push_plain(entry.flags(Flags::SKIP_SUCCESS), on_failure);
    }

    /// Adds one to an eventfd.
    pub fn wake_event(&mut self, event: RawFd) {
        let address = (&raw const ONE).cast();
        let entry = opcode::Write::new(Fd(event), address, size_of::<u64>() as u32).build();
        // SAFETY: the eight bytes are static.
        unsafe { self.push(quiet(entry)) };
    }

    /// An operation that holds no address.
    fn push_plain(&mut self, entry: Entry, user_data: u64) {
        // SAFETY: private to this file, and called for accept (its address is null), receive into
        // provided buffers, poll, cancel, close, nop and msg_ring only.
        unsafe { self.push(entry.user_data(user_data)) };
    }

    fn push_quiet(&mut self, entry: Entry) {
        let user_data = user_data(Kind::Ignored, 0);
        self.push_plain(entry.flags(Flags::SKIP_SUCCESS), user_data);
    }
}

fn quiet(entry: Entry) -> Entry {
    entry.flags(Flags::SKIP_SUCCESS).user_data(user_data(Kind::Ignored, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_data_comes_apart_as_it_was_put_together() {
        let payload = (1 << PAYLOAD_BITS) - 1;
        for kind in
            [Kind::Accept, Kind::Recv, Kind::Send, Kind::Ignored, Kind::Wake, Kind::Resume, Kind::File]
        {
            assert_eq!(parts(user_data(kind, payload)), Some((kind, payload)));
        }
        assert_eq!(parts(0), None);
        assert_eq!(parts(u64::MAX), None);
    }
}
