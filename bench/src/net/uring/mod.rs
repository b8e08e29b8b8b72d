//! The load over io_uring: one `enter` a turn sends all pipelines, receives all replies and waits.
//!
//! ```text
//!   turn:  enter      submits the sends that the last turn queued; runs what has arrived; waits for one
//!          sends      a completion of a send is a short one or a failure: it goes on slowly
//!          settle     sends without a completion have succeeded: their buffers go back
//!          receives   bytes to the load, whose next pipeline is queued
//! ```
//!
//! A receive is one multishot operation a connection. A send is *quick*: MSG_DONTWAIT makes the kernel try at once,
//! MSG_WAITALL makes it a failure to send less than all, CQE_SKIP_SUCCESS keeps it from posting a completion
//! when it succeeds. So it is decided when the `enter` that submitted it has returned. What is left of a
//! short one is sent *slowly*, by an operation that waits for room and posts a completion.
//!
//! A slot is used again when no operation names it: so a late completion never meets a stranger.
#![allow(unsafe_code)] // Operations that hold the address of bytes to send.

mod buffers;
mod ring;

use super::{Net, Outgoing, Sink};
use buffers::{Buffers, GROUP};
use io_uring::opcode;
use io_uring::squeue::Flags;
use io_uring::types::{CancelBuilder, Fd};
use ring::{Completion, Ring};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

/// Provided buffers, and their size in bytes.
const BUFFERS: u16 = 256;
const BUFFER_SIZE: usize = 16 << 10;
/// Enters after which completions that are held back are an error.
const TRIES_MAX: usize = 10_000;
/// In a completion's user data: a send; otherwise a receive.
const SEND: u64 = 1 << 63;
/// A cancel.
const CANCEL: u64 = u64::MAX;

/// What is being sent.
struct Sending {
    out: Outgoing,
    /// How much of it has been sent.
    at: usize,
    quick: bool,
}

struct Slot {
    conn: usize,
    fd: OwnedFd,
    sending: Option<Sending>,
    /// What is sent next: a reply can be seen before the send's own completion.
    waiting: Option<Outgoing>,
    receiving: bool,
    removed: bool,
}

/// One thread's ring.
pub struct Uring {
    ring: Ring,
    /// Declared, and so dropped, after `ring`, which they must outlive.
    buffers: Buffers,
    slots: Vec<Option<Slot>>,
    unused: Vec<usize>,
    /// The slot of each connection.
    slot_of: Vec<Option<usize>>,
    /// Slots whose quick send leaves with the next enter.
    quick: Vec<usize>,
    /// Those of the turn that is under way.
    entered: Vec<usize>,
    completions: Vec<Completion>,
    /// Operations that will post a last completion.
    outstanding: usize,
    /// What went wrong where no error can be returned.
    error: Option<io::Error>,
}

impl Uring {
    /// A ring for up to so many connections. Errors: io_uring is not there, or too old (before Linux 6.1).
    pub fn new(conns: usize) -> io::Result<Uring> {
        // A receive's end and a slow send's for each connection, and a completion for each buffer.
        let ring = Ring::new(u32::try_from(2 * conns).unwrap_or(u32::MAX / 2) + u32::from(BUFFERS))?;
        let buffers = Buffers::new(BUFFERS, BUFFER_SIZE)?;
        buffers.register(ring.inner())?;
        Ok(Uring {
            ring,
            buffers,
            slots: Vec::new(),
            unused: Vec::new(),
            slot_of: Vec::new(),
            quick: Vec::new(),
            entered: Vec::new(),
            completions: Vec::new(),
            outstanding: 0,
            error: None,
        })
    }

    /// Queues an operation; an error is kept for the next turn.
    ///
    /// # Safety
    /// As of [`Ring::push`].
    unsafe fn push(&mut self, entry: &io_uring::squeue::Entry) {
        // SAFETY: the caller's promise is the one asked for here.
        if let Err(error) = unsafe { self.ring.push(entry) } {
            self.error.get_or_insert(error);
        }
    }

    fn arm(&mut self, index: usize) {
        let Some(Some(slot)) = self.slots.get_mut(index) else { return };
        slot.receiving = true;
        let entry = opcode::RecvMulti::new(Fd(slot.fd.as_raw_fd()), GROUP).build().user_data(index as u64);
        self.outstanding += 1;
        // SAFETY: the entry holds no address: bytes go to the provided buffers.
        unsafe { self.push(&entry) };
    }

    /// Submits what there is to send of a slot, quickly or waiting for room.
    fn submit(&mut self, index: usize, quick: bool) {
        let Some(Some(slot)) = self.slots.get_mut(index) else { return };
        let Some(sending) = &mut slot.sending else { return };
        sending.quick = quick;
        let rest = &sending.out.bytes[sending.at..sending.out.len];
        let flags = libc::MSG_NOSIGNAL | if quick { libc::MSG_DONTWAIT | libc::MSG_WAITALL } else { 0 };
        let len = u32::try_from(rest.len()).unwrap_or(u32::MAX);
        let entry = opcode::Send::new(Fd(slot.fd.as_raw_fd()), rest.as_ptr(), len).flags(flags).build();
        let entry = entry.user_data(SEND | index as u64);
        if quick && len as usize == rest.len() {
            self.quick.push(index);
            // SAFETY: the bytes stay in the slot, unchanged, until `settle` or a completion says that it is over;
            // a ring that is dropped before leaks them.
            unsafe { self.push(&entry.flags(Flags::SKIP_SUCCESS)) };
        } else {
            sending.quick = false;
            self.outstanding += 1;
            // SAFETY: as above.
            unsafe { self.push(&entry) };
        }
    }

    /// A send has completed: short, failed, or slow.
    fn on_send(&mut self, index: usize, result: i32, sink: &mut impl Sink) {
        let Some(Some(slot)) = self.slots.get_mut(index) else { return };
        let Some(sending) = &mut slot.sending else { return };
        if !std::mem::take(&mut sending.quick) {
            self.outstanding -= 1;
        }
        match result {
            0.. => sending.at += result as usize,
            error => match -error {
                libc::EAGAIN | libc::EINTR | libc::ENOMEM | libc::ENOBUFS if !slot.removed => {}
                errno => {
                    let (conn, removed) = (slot.conn, slot.removed);
                    self.sent(index, sink);
                    if !removed {
                        sink.closed(conn, Some(io::Error::from_raw_os_error(errno)));
                    }
                    return;
                }
            },
        }
        if sending.at < sending.out.len {
            self.submit(index, false);
        } else {
            self.sent(index, sink);
        }
    }

    /// All is sent, or given up.
    fn sent(&mut self, index: usize, sink: &mut impl Sink) {
        let Some(Some(slot)) = self.slots.get_mut(index) else { return };
        if let Some(sending) = slot.sending.take() {
            sink.sent(sending.out);
        }
        if let Some(out) = slot.waiting.take() {
            slot.sending = Some(Sending { out, at: 0, quick: true });
            self.submit(index, true);
        }
        self.release(index);
    }

    /// Frees the slot of a removed connection that no operation names.
    fn release(&mut self, index: usize) {
        let Some(Some(slot)) = self.slots.get(index) else { return };
        if slot.removed && !slot.receiving && slot.sending.is_none() {
            self.slots[index] = None;
            self.unused.push(index);
        }
    }

    /// After all completions of a submission have been seen: its quick sends without one have succeeded.
    fn settle(&mut self, sink: &mut impl Sink) {
        let mut entered = std::mem::take(&mut self.entered);
        for index in entered.drain(..) {
            let slot = self.slots.get(index).and_then(Option::as_ref);
            if slot.is_some_and(|slot| slot.sending.as_ref().is_some_and(|s| s.quick)) {
                self.sent(index, sink);
            }
        }
        self.entered = entered;
    }

    fn on_receive(&mut self, index: usize, done: Completion, sink: &mut impl Sink) {
        let Some(Some(slot)) = self.slots.get_mut(index) else { return };
        let (conn, removed) = (slot.conn, slot.removed);
        if !done.more() {
            slot.receiving = false;
            self.outstanding -= 1;
        }
        if let Some(buffer) = done.buffer() {
            let bytes = self.buffers.bytes(buffer, done.result.max(0) as usize);
            let next = if removed || bytes.is_empty() { None } else { sink.received(conn, bytes) };
            self.buffers.give_back(buffer);
            if let Some(out) = next {
                self.queue(index, out);
            }
        }
        if done.more() {
            return;
        }
        match done.result {
            _ if removed => self.release(index),
            1.. => self.arm(index),
            0 => sink.closed(conn, None),
            error => match -error {
                libc::ENOBUFS | libc::EINTR | libc::EAGAIN => self.arm(index),
                errno => sink.closed(conn, Some(io::Error::from_raw_os_error(errno))),
            },
        }
    }

    fn queue(&mut self, index: usize, out: Outgoing) {
        let Some(Some(slot)) = self.slots.get_mut(index) else { return };
        if slot.sending.is_some() {
            slot.waiting = Some(out);
            return;
        }
        slot.sending = Some(Sending { out, at: 0, quick: true });
        self.submit(index, true);
    }

    /// Enters, and sees every completion of what was submitted.
    fn enter(&mut self, wait: Option<Duration>, completions: &mut Vec<Completion>) -> io::Result<()> {
        let mut wait = wait;
        for _ in 0..TRIES_MAX {
            self.ring.enter(wait)?;
            self.ring.harvest(completions);
            if self.ring.is_submitted() && !self.ring.overflowed() {
                return Ok(());
            }
            wait = Some(Duration::ZERO);
        }
        Err(io::Error::other("io_uring does not take or complete what is submitted"))
    }
}

impl Net for Uring {
    fn add(&mut self, conn: usize, fd: OwnedFd) -> io::Result<()> {
        let slot = Slot { conn, fd, sending: None, waiting: None, receiving: false, removed: false };
        let index = self.unused.pop().unwrap_or(self.slots.len());
        if index == self.slots.len() {
            self.slots.push(None);
        }
        self.slots[index] = Some(slot);
        if conn >= self.slot_of.len() {
            self.slot_of.resize(conn + 1, None);
        }
        self.slot_of[conn] = Some(index);
        self.arm(index);
        self.error.take().map_or(Ok(()), Err)
    }

    fn remove(&mut self, conn: usize, sink: &mut impl Sink) {
        let Some(index) = self.slot_of.get_mut(conn).and_then(Option::take) else { return };
        let Some(Some(slot)) = self.slots.get_mut(index) else { return };
        slot.removed = true;
        if let Some(out) = slot.waiting.take() {
            sink.sent(out);
        }
        // Ends the receive, and a send that waits for room. One that fails has ended already.
        let _ = rustix::net::shutdown(&slot.fd, rustix::net::Shutdown::Both);
        self.release(index);
    }

    fn send(&mut self, conn: usize, out: Outgoing, sink: &mut impl Sink) {
        match self.slot_of.get(conn) {
            Some(&Some(index)) => self.queue(index, out),
            _ => sink.sent(out),
        }
    }

    fn turn(&mut self, wait: Option<Duration>, sink: &mut impl Sink) -> io::Result<()> {
        let mut completions = std::mem::take(&mut self.completions);
        std::mem::swap(&mut self.quick, &mut self.entered);
        self.enter(wait, &mut completions)?;
        for done in completions.iter().filter(|d| d.user_data & SEND != 0 && d.user_data != CANCEL) {
            self.on_send((done.user_data & !SEND) as usize, done.result, sink);
        }
        self.settle(sink);
        for done in completions.drain(..).filter(|d| d.user_data & SEND == 0) {
            self.on_receive(done.user_data as usize, done, sink);
        }
        self.completions = completions;
        self.error.take().map_or(Ok(()), Err)
    }
}

/// What the last completions are told to.
struct Nobody;

impl Sink for Nobody {
    fn received(&mut self, _: usize, _: &[u8]) -> Option<Outgoing> {
        None
    }
    fn sent(&mut self, _: Outgoing) {}
    fn closed(&mut self, _: usize, _: Option<io::Error>) {}
}

impl Drop for Uring {
    /// Cancels everything and waits for it, for a second at most; memory that the kernel may still use is leaked.
    fn drop(&mut self) {
        (0..self.slot_of.len()).for_each(|conn| self.remove(conn, &mut Nobody));
        let cancel = opcode::AsyncCancel2::new(CancelBuilder::any()).build().user_data(CANCEL);
        for _ in 0..100 {
            if self.outstanding == 0 && self.quick.is_empty() {
                return;
            }
            // SAFETY: the entry holds no address.
            unsafe { self.push(&cancel) };
            if self.turn(Some(Duration::from_millis(10)), &mut Nobody).is_err() {
                break;
            }
        }
        self.buffers.leak();
        std::mem::forget(std::mem::take(&mut self.slots));
    }
}
