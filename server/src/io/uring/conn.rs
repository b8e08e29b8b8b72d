//! A connection on the ring: receiving, and its end.
//!
//! Receiving is one multishot operation, armed when the connection is added. It ends (a
//! completion without F_MORE) for many reasons: the peer's end, an error, no provided buffer
//! left, a completion queue that overflowed, our cancel. Whether to arm it again is decided
//! in one place, [`UringIo::arm`], from what is wanted now.
//!
//! ```text
//!            arm                set_reading(false), close
//!   Idle ────────────> Armed ───────────────────────────> Cancelling
//!    ^                   │                                    │
//!    └───────────────────┴──── last completion ───────────────┘
//! ```
//!
//! Closing. The core's name for the connection is forgotten at once; the entry stays until nothing is
//! outstanding: no receive, no send, no bytes to flush. Only then is the descriptor closed (by
//! the ring, with the next submission), so no operation ever runs on a number that has been
//! given to somebody else.

use super::UringIo;
use super::op::{Kind, user_data};
use super::ring::Completion;
use super::send::{Message, Sending};
use crate::io::conns::Index;
use crate::io::outbox::Outbox;
use crate::io::{Closed, ConnId, Sink};
use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd};

/// Where the receive of a connection stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Receiving {
    Idle,
    Armed,
    Cancelling,
}

pub(super) struct Conn {
    pub id: ConnId,
    pub fd: OwnedFd,
    pub receiving: Receiving,
    pub want_read: bool,
    /// The end has been reported: there is nothing more to receive.
    pub ended: bool,
    /// The core has closed it; it only finishes.
    pub closing: bool,
    /// Sending has failed, or is not wanted any more: what is queued is dropped.
    pub mute: bool,
    pub sending: Sending,
    pub outbox: Outbox,
    pub message: Option<Box<Message>>,
}

impl Conn {
    pub fn new(id: ConnId, fd: OwnedFd) -> Conn {
        Conn {
            id,
            fd,
            receiving: Receiving::Idle,
            want_read: true,
            ended: false,
            closing: false,
            mute: false,
            sending: Sending::Idle,
            outbox: Outbox::default(),
            message: None,
        }
    }
}

impl UringIo {
    pub(super) fn conn_data(&self, kind: Kind, index: Index) -> u64 {
        user_data(kind, self.conns.token(index).0)
    }

    /// Starts receiving if it is wanted and not under way.
    pub(super) fn arm(&mut self, index: Index) {
        let data = self.conn_data(Kind::Recv, index);
        let Some(conn) = self.conns.get_mut(index) else { return };
        if conn.want_read && !conn.ended && !conn.closing && conn.receiving == Receiving::Idle {
            conn.receiving = Receiving::Armed;
            self.outstanding += 1;
            self.ring.recv(conn.fd.as_raw_fd(), data);
        }
    }

    /// Stops receiving; what has been received already is still delivered.
    pub(super) fn disarm(&mut self, index: Index) {
        let data = self.conn_data(Kind::Recv, index);
        let Some(conn) = self.conns.get_mut(index) else { return };
        if conn.receiving == Receiving::Armed {
            conn.receiving = Receiving::Cancelling;
            self.ring.cancel(data);
        }
    }

    pub(super) fn on_recv<S: Sink>(&mut self, index: Index, done: Completion, sink: &mut S) {
        let last = !done.more();
        if last {
            self.outstanding -= 1;
        }
        let Some(conn) = self.conns.get_mut(index) else { return };
        if last {
            conn.receiving = Receiving::Idle;
        }
        let (id, silent) = (conn.id, conn.closing || conn.ended);
        if let Some(buffer) = done.buffer() {
            if done.result > 0 && !silent {
                sink.received(id, self.buffers.bytes(buffer, done.result as usize));
            }
            self.buffers.give_back(buffer);
        }
        match -done.result {
            0 => self.end(index, Closed::Eof, sink),
            ..0 => {}
            // Taken up again below, if it is still wanted.
            libc::ENOBUFS | libc::ECANCELED | libc::EINTR | libc::EAGAIN => {}
            errno => self.end(index, Closed::Error(errno), sink),
        }
        if last {
            self.arm(index);
            self.finish(index);
        }
    }

    /// Reports the end of a connection, once.
    pub(super) fn end<S: Sink>(&mut self, index: Index, why: Closed, sink: &mut S) {
        let Some(conn) = self.conns.get_mut(index) else { return };
        if !conn.ended && !conn.closing {
            conn.ended = true;
            sink.closed(conn.id, why);
        }
    }

    /// The core's close: stops what can be stopped, and finishes now or when the rest is done.
    pub(super) fn shut(&mut self, index: Index, flush: bool) {
        let Some(conn) = self.conns.get_mut(index) else { return };
        conn.closing = true;
        if !flush {
            self.silence(index);
        }
        self.disarm(index);
        self.finish(index);
    }

    /// Closes the descriptor and frees the entry of a closed connection with nothing outstanding.
    pub(super) fn finish(&mut self, index: Index) {
        let Some(conn) = self.conns.get(index) else { return };
        let idle = conn.receiving == Receiving::Idle && conn.sending == Sending::Idle;
        if !(conn.closing && idle) {
            return;
        }
        if let Some(conn) = self.conns.remove(index) {
            assert!(conn.outbox.is_empty(), "a connection does not end with bytes to flush");
            self.ring.close(conn.fd.into_raw_fd());
        }
    }
}
