//! Sending on the ring.
//!
//! At the start of a turn each connection with something to say submits one operation for all of
//! it. It is a *quick* send: MSG_DONTWAIT makes the kernel try at once and never wait, MSG_WAITALL
//! makes it a failure to send less than all, and CQE_SKIP_SUCCESS keeps it from posting a
//! completion when it does succeed. So by the time the `enter` that submitted it has
//! returned, and its completions have been looked at, a quick send is decided: without a
//! completion it is done, and its buffer is free ([`UringIo::settle`]).
//!
//! ```text
//!            submit_sends         settle: no completion
//!   Dirty ────────────────> Quick ─────────────────────────> Idle
//!     ^                       │ short, EAGAIN
//!     │ send()                v
//!   Idle <──────────────── Slow ──┐
//!           all is sent       └───┘ the rest, part by part
//! ```
//!
//! A peer that does not read makes it *slow*: plain sends, one at a time, that wait in the kernel
//! for room and post a completion for each part taken; so `unsent` is honest, and memory is freed
//! part by part. What is sent meanwhile queues behind. An outbox that does not fit one operation
//! is slow from the start. Only one operation a connection is ever under way, which keeps the order.
#![allow(unsafe_code)] // Operations that hold the address of queued bytes.

use super::UringIo;
use super::conn::Conn;
use super::op::Kind;
use super::ring::Completion;
use crate::io::conns::Index;
use crate::io::{Closed, Sink};
use io_uring::squeue::{Entry, Flags};
use io_uring::{opcode, types::Fd};

/// Bytes of one send operation: what a single send may cost the loop, in the kernel.
const OPERATION_MAX: usize = 1 << 20;
/// Buffers of one send operation.
const VECTORS: usize = 64;

/// Where the sending of a connection stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Sending {
    Idle,
    /// In the list of this turn.
    Dirty,
    Quick,
    Slow,
}

/// What sendmsg(2) points to, while it is under way.
pub(super) struct Message {
    header: libc::msghdr,
    vectors: [libc::iovec; VECTORS],
}

// SAFETY: the addresses are those of the same connection's buffers, and follow it to its thread.
unsafe impl Send for Message {}

impl Message {
    fn new() -> Box<Message> {
        // SAFETY: both are C structs for which all-zero (null, empty) is a value.
        Box::new(unsafe { std::mem::zeroed() })
    }
}

impl UringIo {
    /// Puts a connection on the list of the next turn.
    pub(super) fn mark_dirty(&mut self, index: Index) {
        if let Some(conn) = self.conns.get_mut(index)
            && conn.sending == Sending::Idle
            && !conn.outbox.is_empty()
        {
            conn.sending = Sending::Dirty;
            self.dirty.push(index);
        }
    }

    /// Submits what the connections have to say.
    pub(super) fn submit_sends(&mut self) {
        let mut dirty = std::mem::take(&mut self.dirty);
        for index in dirty.drain(..) {
            self.submit_send(index);
        }
        self.dirty = dirty;
    }

    fn submit_send(&mut self, index: Index) {
        let data = self.conn_data(Kind::Send, index);
        let Some(conn) = self.conns.get_mut(index) else { return };
        if conn.sending != Sending::Dirty {
            return; // Closed, and perhaps somebody else, since it was listed.
        }
        let (entry, whole) = if conn.outbox.len() <= OPERATION_MAX {
            let (entry, len) = describe(conn, libc::MSG_DONTWAIT | libc::MSG_WAITALL);
            (entry, len == conn.outbox.len())
        } else {
            (describe(conn, 0).0, false)
        };
        conn.outbox.lend(true);
        if whole {
            conn.sending = Sending::Quick;
            self.quick.push(index);
            // SAFETY: the bytes stay where they are until the outbox advances, in `settle` or
            // after a completion: when the operation is over.
            unsafe { self.ring.push(entry.flags(Flags::SKIP_SUCCESS).user_data(data)) };
        } else {
            self.push_slow(index, data);
        }
    }

    /// Submits a send that waits for room.
    fn push_slow(&mut self, index: Index, data: u64) {
        let Some(conn) = self.conns.get_mut(index) else { return };
        conn.sending = Sending::Slow;
        conn.outbox.lend(true);
        self.outstanding += 1;
        let (entry, _) = describe(conn, 0);
        // SAFETY: as in `submit_send`; on dropping the backend the bytes are kept until the
        // operation is over, or leaked.
        unsafe { self.ring.push(entry.user_data(data)) };
    }

    /// A send has completed: short, failed, or slow.
    pub(super) fn on_send<S: Sink>(&mut self, index: Index, done: Completion, sink: &mut S) {
        let data = self.conn_data(Kind::Send, index);
        let Some(conn) = self.conns.get_mut(index) else { return };
        if conn.sending == Sending::Slow {
            self.outstanding -= 1;
        }
        conn.sending = Sending::Idle;
        conn.outbox.lend(false);
        match done.result {
            0.. => conn.outbox.advance(done.result as usize, &mut self.pool),
            error => match -error {
                libc::EAGAIN | libc::EINTR | libc::ENOMEM | libc::ENOBUFS => {}
                errno => {
                    conn.mute = true;
                    self.end(index, Closed::Error(errno), sink);
                }
            },
        }
        let Some(conn) = self.conns.get_mut(index) else { return };
        if conn.mute {
            conn.outbox.clear(&mut self.pool);
        }
        if conn.outbox.is_empty() {
            conn.message = None;
            self.finish(index);
        } else {
            self.push_slow(index, data);
        }
    }

    /// After all completions of the submission have been seen: the quick sends without one are done.
    pub(super) fn settle(&mut self) {
        let mut quick = std::mem::take(&mut self.quick);
        for index in quick.drain(..) {
            let Some(conn) = self.conns.get_mut(index) else { continue };
            if conn.sending == Sending::Quick {
                conn.sending = Sending::Idle;
                conn.outbox.lend(false);
                conn.outbox.clear(&mut self.pool);
                if conn.closing {
                    self.finish(index);
                }
            }
        }
        self.quick = quick;
    }

    /// Drops what a connection has to say, at once or, while the kernel reads it, soon.
    pub(super) fn silence(&mut self, index: Index) {
        let data = self.conn_data(Kind::Send, index);
        let Some(conn) = self.conns.get_mut(index) else { return };
        conn.mute = true;
        match conn.sending {
            Sending::Slow => self.ring.cancel(data),
            Sending::Quick => {} // After a turn that failed: undecided until one succeeds.
            Sending::Idle | Sending::Dirty => {
                conn.sending = Sending::Idle;
                conn.outbox.clear(&mut self.pool);
            }
        }
    }
}

/// The operation that sends the beginning of the outbox, and how many bytes that is.
fn describe(conn: &mut Conn, flags: i32) -> (Entry, usize) {
    let fd = Fd(conn.raw_fd());
    let flags = flags | libc::MSG_NOSIGNAL;
    let mut chunks = conn.outbox.chunks();
    let first = chunks.next().unwrap_or_default();
    if first.len() >= OPERATION_MAX || chunks.next().is_none() {
        let len = first.len().min(OPERATION_MAX);
        return (opcode::Send::new(fd, first.as_ptr(), len as u32).flags(flags).build(), len);
    }
    let message = conn.message.get_or_insert_with(Message::new);
    let (mut count, mut len) = (0, 0);
    for (vector, chunk) in message.vectors.iter_mut().zip(conn.outbox.chunks()) {
        if len == OPERATION_MAX {
            break;
        }
        let part = chunk.len().min(OPERATION_MAX - len);
        *vector = libc::iovec { iov_base: chunk.as_ptr().cast_mut().cast(), iov_len: part };
        (count, len) = (count + 1, len + part);
    }
    message.header.msg_iov = message.vectors.as_mut_ptr();
    message.header.msg_iovlen = count;
    (opcode::SendMsg::new(fd, &raw const message.header).flags(flags as u32).build(), len)
}
