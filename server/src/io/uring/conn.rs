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
//! Closing. The core's name for the connection is forgotten at once. While there is something to
//! flush, what the peer still says is received and thrown away (up to a bound): closing a socket
//! with unread bytes resets the connection, and the peer would lose the end of our answer. When
//! nothing is left to send, a cancel and a close leave in one submission, in this order: the receive
//! is gone before its descriptor's number can be given to somebody else. The entry stays
//! until the receive's last completion has come.

use super::UringIo;
use super::op::{Kind, user_data};
use super::ring::Completion;
use super::send::{Message, Sending};
use crate::io::conns::Index;
use crate::io::outbox::Outbox;
use crate::io::{Closed, ConnId, Sink};
use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd, RawFd};

/// Bytes thrown away for a peer that goes on talking while it is being closed.
const DISCARD_MAX: usize = 1 << 20;

/// Where the receive of a connection stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Receiving {
    Idle,
    Armed,
    Cancelling,
}

pub(super) struct Conn {
    pub id: ConnId,
    /// `None` when it has been closed and only a last completion is awaited.
    pub fd: Option<OwnedFd>,
    pub receiving: Receiving,
    pub want_read: bool,
    /// The end has been reported: there is nothing more to receive.
    pub ended: bool,
    /// The core has closed it; it only finishes.
    pub closing: bool,
    /// Bytes received and thrown away since.
    discarded: usize,
    /// Sending has failed, or is not wanted any more: what is queued is dropped.
    pub mute: bool,
    pub sending: Sending,
    pub outbox: Outbox,
    pub message: Option<Box<Message>>,
}

impl Conn {
    /// The descriptor's number, for an operation.
    pub fn raw_fd(&self) -> RawFd {
        self.fd.as_ref().map_or(-1, AsRawFd::as_raw_fd)
    }

    fn wants_bytes(&self) -> bool {
        let wanted = if self.closing { self.discarded < DISCARD_MAX } else { self.want_read };
        wanted && !self.ended && self.fd.is_some()
    }

    pub fn new(id: ConnId, fd: OwnedFd) -> Conn {
        Conn {
            id,
            fd: Some(fd),
            receiving: Receiving::Idle,
            want_read: true,
            ended: false,
            closing: false,
            discarded: 0,
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
        if conn.wants_bytes() && conn.receiving == Receiving::Idle {
            conn.receiving = Receiving::Armed;
            self.outstanding += 1;
            self.ring.recv(conn.raw_fd(), data);
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
        if let Some(buffer) = done.buffer() {
            if conn.closing {
                conn.discarded += done.result.max(0) as usize;
            } else if done.result > 0 && !conn.ended {
                sink.received(conn.id, self.buffers.bytes(buffer, done.result as usize));
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
        } else if self.conns.get(index).is_some_and(|conn| !conn.wants_bytes()) {
            self.disarm(index);
        }
    }

    /// Reports the end of a connection, once.
    pub(super) fn end<S: Sink>(&mut self, index: Index, why: Closed, sink: &mut S) {
        let Some(conn) = self.conns.get_mut(index) else { return };
        if !conn.ended && !conn.closing {
            sink.closed(conn.id, why);
        }
        conn.ended = true;
    }

    /// The core's close: finishes now, or when what is queued has been sent.
    pub(super) fn shut(&mut self, index: Index, flush: bool) {
        let Some(conn) = self.conns.get_mut(index) else { return };
        conn.closing = true;
        if flush {
            self.arm(index); // What a paused peer has said already must not lie unread.
        } else {
            self.silence(index);
        }
        self.finish(index);
    }

    /// Once a closed connection has nothing to send: stops receiving, closes the descriptor, and
    /// frees the entry when no completion can come any more.
    pub(super) fn finish(&mut self, index: Index) {
        let Some(conn) = self.conns.get(index) else { return };
        if !conn.closing || conn.sending != Sending::Idle {
            return;
        }
        assert!(conn.outbox.is_empty(), "a connection does not end with bytes to flush");
        self.disarm(index);
        let Some(conn) = self.conns.get_mut(index) else { return };
        let receiving = conn.receiving;
        if let Some(fd) = conn.fd.take() {
            self.ring.close(fd.into_raw_fd());
        }
        if receiving == Receiving::Idle {
            self.conns.remove(index);
        }
    }
}
