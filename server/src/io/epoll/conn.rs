//! A connection on epoll: reading, writing, its end.
//!
//! While a closed connection still has something to flush, what its peer says is read and thrown
//! away (up to a bound): closing a socket with unread bytes resets the connection, and the peer
//! would lose the end of our answer.

use super::{EpollIo, RECEIVE_MAX};
use crate::io::conns::Index;
use crate::io::outbox::Outbox;
use crate::io::{Closed, ConnId, Sink};
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags};
use std::io::{self, IoSlice};
use std::os::fd::OwnedFd;

/// Bytes sent to one connection a turn, about: what a send may cost the loop.
const SEND_MAX: usize = 1 << 20;
/// Bytes thrown away for a peer that goes on talking while it is being closed.
const DISCARD_MAX: usize = 1 << 20;
/// Buffers of one sendmsg(2).
const VECTORS: usize = 16;

pub(super) struct Conn {
    id: ConnId,
    fd: OwnedFd,
    /// There may be something to read.
    readable: bool,
    /// The peer's end is signalled: read until it is reached.
    ending: bool,
    /// In the list of connections to read.
    in_ready: bool,
    /// There may be room to send.
    writable: bool,
    /// In the list of connections to flush.
    in_dirty: bool,
    pub want_read: bool,
    /// The end has been reported: there is nothing more to receive.
    ended: bool,
    /// The core has closed it; it only finishes sending.
    closing: bool,
    /// Bytes received and thrown away since.
    discarded: usize,
    /// Sending has failed: what is queued is dropped.
    pub mute: bool,
    pub outbox: Outbox,
}

impl EpollIo {
    pub(super) fn register(&mut self, id: ConnId, fd: OwnedFd) -> io::Result<()> {
        let index = self.conns.insert(
            id,
            Conn {
                id,
                fd,
                readable: false,
                ending: false,
                in_ready: false,
                writable: true,
                in_dirty: false,
                want_read: true,
                ended: false,
                closing: false,
                discarded: 0,
                mute: false,
                outbox: Outbox::default(),
            },
        )?;
        let data = EventData::new_u64(self.conns.token(index).0);
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        let added = self.conns.get(index).map(|conn| epoll::add(&self.epoll, &conn.fd, data, flags));
        if let Some(Err(error)) = added {
            self.conns.detach(id);
            self.conns.remove(index);
            return Err(error.into());
        }
        Ok(())
    }

    pub(super) fn on_event(&mut self, index: Index, flags: EventFlags) {
        let Some(conn) = self.conns.get_mut(index) else { return };
        let end = EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR;
        conn.ending |= flags.intersects(end);
        conn.readable |= flags.intersects(EventFlags::IN | end);
        conn.writable |= flags.intersects(EventFlags::OUT | EventFlags::HUP | EventFlags::ERR);
        self.mark_ready(index);
        self.mark_dirty(index);
    }

    /// Lists a connection for reading, if there is something to read and it is wanted.
    pub(super) fn mark_ready(&mut self, index: Index) {
        if let Some(conn) = self.conns.get_mut(index)
            && conn.may_read()
            && !conn.in_ready
        {
            conn.in_ready = true;
            self.ready.push(index);
        }
    }

    /// Reads each listed connection once; one with more stays on the list.
    pub(super) fn read_ready<S: Sink>(&mut self, sink: &mut S) {
        let mut ready = std::mem::take(&mut self.ready);
        ready.retain(|&index| {
            let Some(conn) = self.conns.get_mut(index) else { return false };
            if conn.in_ready && conn.may_read() {
                conn.read(&mut self.scratch, sink);
            }
            conn.in_ready &= conn.may_read();
            conn.in_ready
        });
        self.ready = ready;
    }

    /// Lists a connection for sending, if there is something to send and may be room.
    pub(super) fn mark_dirty(&mut self, index: Index) {
        if let Some(conn) = self.conns.get_mut(index)
            && conn.writable
            && !conn.in_dirty
            && !conn.outbox.is_empty()
        {
            conn.in_dirty = true;
            self.dirty.push(index);
        }
    }

    /// Sends what the listed connections have to say.
    pub(super) fn flush_dirty<S: Sink>(&mut self, sink: &mut S) {
        let dirty = std::mem::take(&mut self.dirty);
        for &index in &dirty {
            self.flush(index, sink);
        }
        // What was listed again meanwhile (more than SEND_MAX) is in the new list.
        let again = std::mem::replace(&mut self.dirty, dirty);
        self.dirty.clear();
        self.dirty.extend(again);
    }

    fn flush<S: Sink>(&mut self, index: Index, sink: &mut S) {
        let Some(conn) = self.conns.get_mut(index) else { return };
        if !conn.in_dirty {
            return; // Closed, and perhaps somebody else, since it was listed.
        }
        conn.in_dirty = false;
        let mut left = SEND_MAX;
        while conn.writable && left > 0 && !conn.outbox.is_empty() {
            match conn.send_some() {
                Ok(sent) => {
                    left = left.saturating_sub(sent);
                    conn.outbox.advance(sent, &mut self.pool);
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN | Errno::NOBUFS | Errno::NOMEM) => conn.writable = false,
                Err(error) => {
                    conn.mute = true;
                    conn.outbox.clear(&mut self.pool);
                    conn.end(Closed::Error(error.raw_os_error()), sink);
                }
            }
        }
        if conn.closing && conn.outbox.is_empty() {
            if conn.readable {
                conn.read(&mut self.scratch, sink);
            }
            self.conns.remove(index); // Closes the descriptor.
        } else {
            self.mark_dirty(index);
        }
    }

    /// The core's close. The descriptor is closed at once, or when what is queued has been sent.
    pub(super) fn shut(&mut self, index: Index, flush: bool) {
        let Some(conn) = self.conns.get_mut(index) else { return };
        conn.closing = true;
        if flush && !conn.outbox.is_empty() {
            return self.mark_ready(index);
        }
        if let Some(mut conn) = self.conns.remove(index) {
            conn.outbox.clear(&mut self.pool);
        }
    }
}

impl Conn {
    fn may_read(&self) -> bool {
        let wanted = if self.closing { self.discarded < DISCARD_MAX } else { self.want_read };
        wanted && self.readable && !self.ended
    }

    /// One recv(2).
    fn read<S: Sink>(&mut self, scratch: &mut [u8], sink: &mut S) {
        match rustix::net::recv(&self.fd, &mut *scratch, RecvFlags::DONTWAIT) {
            Ok((0, _)) => self.end(Closed::Eof, sink),
            Ok((count, _)) => {
                // Less than asked for: the socket is empty, and what comes later is a new edge.
                self.readable = count == RECEIVE_MAX || self.ending;
                if self.closing {
                    self.discarded += count;
                } else {
                    sink.received(self.id, &scratch[..count]);
                }
            }
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => self.readable = false,
            Err(error) => self.end(Closed::Error(error.raw_os_error()), sink),
        }
    }

    /// One send(2), of as much as one call takes.
    fn send_some(&self) -> Result<usize, Errno> {
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        let mut chunks = self.outbox.chunks();
        let first = chunks.next().unwrap_or_default();
        if first.len() >= SEND_MAX || chunks.next().is_none() {
            return rustix::net::send(&self.fd, &first[..first.len().min(SEND_MAX)], flags);
        }
        let mut vectors = [IoSlice::new(&[]); VECTORS];
        let mut count = 0;
        for (vector, chunk) in vectors.iter_mut().zip(self.outbox.chunks()) {
            *vector = IoSlice::new(chunk);
            count += 1;
        }
        let mut nothing = SendAncillaryBuffer::default();
        rustix::net::sendmsg(&self.fd, &vectors[..count], &mut nothing, flags)
    }

    /// Reports the end, once.
    fn end<S: Sink>(&mut self, why: Closed, sink: &mut S) {
        if !self.ended && !self.closing {
            sink.closed(self.id, why);
        }
        self.ended = true;
    }
}
