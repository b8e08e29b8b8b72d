//! Messages on their last step: from the shard's outbox into the replies of the connections that listen.
//!
//! A message is written between replies, never into one: a command's reply is whole when its messages are
//! delivered. Each is encoded once for each protocol version that a receiver speaks, then copied.
//!
//! # A client that has commands under way itself
//!
//! A RESP3 client may have subscriptions and a pipeline over several shards at once. Its replies are put together when
//! the last part is back; a message that came meanwhile must stand where one Redis would have put it:
//!
//! ```text
//!   own part of the batch, on this core:     m1   [ GET a   PUBLISH c x ]   m2
//!   what the client reads:                   m1   ... $1   ... :1   x  ...  m2
//! ```
//!
//! So a client with subscriptions always has a part of its batch on its own core, if only an empty one
//! ([`super::batch`]): that is the batch's place in the order of this shard, in which all its messages are, too. What is
//! published before it goes out at once; what comes while it runs or after is [`Late`], with the number of
//! the replies of that part that go before it.
//!
//! The reply of an EXEC is one reply: what its commands publish goes behind it. A session
//! ([`super::transaction`]) has all that comes before its reply wait; but a client that is blocked hears at once.
//!
//! # Bounds
//!
//! A client that does not read is closed at the limit of its class (`client-output-buffer-limit pubsub`),
//! which is looked at when replies are handed to the backend, and here, where one turn may bring much.

use super::state::CoreState;
use crate::conn::{Conn, Doing};
use crate::io::ConnId;
use proto::encode::{Reply, Resp};
use shard::pubsub::{Kind, Message, Subscriber};

/// From this many bytes of replies of one turn on, the limit of a client's class is looked at.
const BURST: usize = 64 << 10;

/// Messages that wait for replies to go before them.
#[derive(Default)]
pub struct Late {
    bytes: Vec<u8>,
    /// Where the bytes end that go after so many replies of the client's part on its own core.
    ends: Vec<(usize, usize)>,
    written: usize,
}

impl Late {
    fn add(&mut self, replies: usize, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        match self.ends.last_mut() {
            Some((n, end)) if *n == replies => *end = self.bytes.len(),
            _ => self.ends.push((replies, self.bytes.len())),
        }
    }

    /// Writes what goes after `replies` replies and is not written yet.
    pub fn write(&mut self, replies: usize, out: &mut Vec<u8>) {
        let due = self.ends.iter().take_while(|(n, _)| *n <= replies).count();
        if let Some((_, end)) = self.ends.drain(..due).next_back() {
            out.extend_from_slice(&self.bytes[self.written..end]);
            self.written = end;
        }
    }
}

/// The command that publishes: of which connection of this core, and how many replies its part has with its own.
pub type Running = Option<(ConnId, usize)>;

/// How a connection is known to the shard.
#[must_use]
pub fn subscriber(id: ConnId) -> Subscriber {
    Subscriber(u64::from(id.slot) << 32 | u64::from(id.generation))
}

fn conn_id(subscriber: Subscriber) -> ConnId {
    ConnId { slot: (subscriber.0 >> 32) as u32, generation: subscriber.0 as u32 }
}

impl CoreState {
    /// Whether something that ran here is to be told to clients.
    #[inline]
    #[must_use]
    pub fn has_news(&self) -> bool {
        self.shard.pubsub.has_messages() || !self.shard.events.notifications.is_empty()
    }

    /// Publishes what has changed, and delivers all messages.
    #[cold]
    pub fn tell(&mut self, running: Running) {
        self.publish_notifications();
        self.deliver(running);
    }

    /// Delivers the messages of the shard's outbox.
    pub fn deliver(&mut self, running: Running) {
        let outbox = self.shard.pubsub.take_outbox(std::mem::take(&mut self.delivered));
        let mut frames = std::mem::take(&mut self.frames);
        for (message, to) in outbox.iter() {
            frames.iter_mut().for_each(Vec::clear);
            for &to in to {
                self.deliver_to(conn_id(to), &message, &mut frames, running);
            }
        }
        self.frames = frames;
        if self.frames.iter().any(|f| f.capacity() > BURST) {
            self.frames = Default::default();
        }
        self.delivered = outbox.emptied();
    }

    fn deliver_to(&mut self, id: ConnId, message: &Message<'_>, frames: &mut [Vec<u8>; 2], running: Running) {
        let Some(conn) = self.conns.get(id) else { return };
        if conn.closing {
            return;
        }
        let frame = &mut frames[usize::from(conn.resp == Resp::V3)];
        if frame.is_empty() {
            encode(message, &mut Reply::new(frame, conn.resp));
        }
        if let Some(replies) = goes_after(conn, self.index, running) {
            conn.late.get_or_insert_default().add(replies, frame);
        } else {
            if conn.out.capacity() == 0 {
                conn.out = self.spare.pop().unwrap_or_default();
            }
            conn.out.extend_from_slice(frame);
        }
        let waiting = conn.out.len() + conn.late.as_ref().map_or(0, |late| late.bytes.len());
        if waiting > BURST && self.is_burst(id, waiting) {
            return self.close(id, false);
        }
        self.wants_flush(id.slot);
    }

    /// Writes what was waiting for a connection's replies.
    pub fn write_late(conn: &mut Conn) {
        if let Some(mut late) = conn.late.take() {
            late.write(usize::MAX, &mut conn.out);
        }
    }
}

/// How many replies of its own part a message to this connection goes after; `None`: it goes at once.
fn goes_after(conn: &Conn, core: usize, running: Running) -> Option<usize> {
    match (&conn.doing, running) {
        (Doing::Batch(batch), _) if batch.session.is_some() => Some(usize::MAX),
        (Doing::Batch(_), Some((id, replies))) if id == conn.id => Some(replies),
        (Doing::Batch(batch), _) => batch.has_run_on(core).then_some(usize::MAX),
        (Doing::Session(_), _) => Some(usize::MAX),
        _ => None,
    }
}

fn encode(message: &Message<'_>, reply: &mut Reply<'_>) {
    match message.kind {
        Kind::Channel => {
            reply.push(3);
            reply.bulk(b"message");
        }
        Kind::ShardChannel => {
            reply.push(3);
            reply.bulk(b"smessage");
        }
        Kind::Pattern => {
            reply.push(4);
            reply.bulk(b"pmessage");
            reply.bulk(message.pattern);
        }
    }
    reply.bulk(message.channel);
    reply.bulk(message.payload);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_messages_go_after_their_replies() {
        let mut late = Late::default();
        for (replies, text) in [(1, "a"), (1, "b"), (3, "c"), (usize::MAX, "d")] {
            late.add(replies, text.as_bytes());
        }
        let mut out = Vec::new();
        for replies in 0..5 {
            late.write(replies, &mut out);
            out.push(b'0' + replies as u8);
        }
        late.write(usize::MAX, &mut out);
        assert_eq!(out, b"0ab12c34d");
    }

    #[test]
    fn a_connection_is_found_again() {
        let id = ConnId { slot: u32::MAX - 1, generation: 7 };
        assert_eq!(conn_id(subscriber(id)), id);
    }

    #[test]
    fn messages_in_both_protocols() {
        let text = |kind, resp| {
            let message = Message { kind, pattern: b"c*", channel: b"ch", payload: b"hi" };
            let mut out = Vec::new();
            encode(&message, &mut Reply::new(&mut out, resp));
            String::from_utf8(out).unwrap()
        };
        assert_eq!(text(Kind::Channel, Resp::V2), "*3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$2\r\nhi\r\n");
        assert_eq!(text(Kind::ShardChannel, Resp::V3), ">3\r\n$8\r\nsmessage\r\n$2\r\nch\r\n$2\r\nhi\r\n");
        let pattern = text(Kind::Pattern, Resp::V3);
        assert_eq!(pattern, ">4\r\n$8\r\npmessage\r\n$2\r\nc*\r\n$2\r\nch\r\n$2\r\nhi\r\n");
    }
}
