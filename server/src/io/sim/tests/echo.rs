//! The smallest server: what a connection sends comes back. It keeps the rules a core keeps
//! (back-pressure, close after the end, generations), and notes what a test wants to know.

use crate::io::sim::{ListenerId, SimCore, SimIo, SimWorld};
use crate::io::{Closed, ConnId, FileDone, Io, Sink, Socket};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::time::Duration;

/// Above so many unsent bytes the echo stops reading.
pub(super) const UNSENT_MAX: usize = 64 << 10;

#[derive(Default)]
struct Events {
    accepted: Vec<Socket>,
    failed: Vec<i32>,
    received: Vec<(ConnId, Vec<u8>)>,
    closed: Vec<(ConnId, Closed)>,
}

impl Sink for Events {
    fn accepted(&mut self, listener: usize, socket: Socket) {
        assert_eq!(listener, 7, "the index given to add_listener comes back");
        self.accepted.push(socket);
    }
    fn accept_failed(&mut self, _listener: usize, errno: i32) {
        self.failed.push(errno);
    }
    fn received(&mut self, conn: ConnId, bytes: &[u8]) {
        assert!(!bytes.is_empty());
        self.received.push((conn, bytes.to_vec()));
    }
    fn closed(&mut self, conn: ConnId, why: Closed) {
        self.closed.push((conn, why));
    }
    fn file_done(&mut self, _: FileDone) {
        unreachable!()
    }
}

pub(super) struct Echo {
    pub(super) io: SimIo,
    pub(super) wait: Option<Duration>,
    /// Live connections: whether they are read, and the bytes received.
    pub(super) live: BTreeMap<u32, (ConnId, bool, usize)>,
    generation: u32,
    pub(super) ends: Vec<Closed>,
    pub(super) accept_errors: Vec<i32>,
    pub(super) most_unsent: usize,
    pub(super) turns: u64,
    pub(super) parks: u64,
    /// Closes a connection (with flush) that sends this byte.
    pub(super) close_on: Option<u8>,
    pub(super) flush: bool,
    paused: bool,
}

impl Echo {
    pub(super) fn new(world: &SimWorld, core: usize, listener: ListenerId) -> Self {
        let mut io = world.io(core);
        io.add_listener(7, listener.socket()).expect("an open port");
        Self {
            io,
            wait: None,
            live: BTreeMap::new(),
            generation: 0,
            ends: Vec::new(),
            accept_errors: Vec::new(),
            most_unsent: 0,
            turns: 0,
            parks: 0,
            close_on: None,
            flush: true,
            paused: false,
        }
    }

    /// The lowest free slot, so that slots are reused at once and stale events would show.
    fn accept(&mut self, socket: Socket) {
        let slot = (0..).find(|s| !self.live.contains_key(s)).expect("a free slot");
        self.generation += 1;
        let conn = ConnId { slot, generation: self.generation };
        self.live.insert(slot, (conn, true, 0));
        self.io.add(conn, socket).expect("an accepted socket");
    }

    fn close(&mut self, conn: ConnId, flush: bool) {
        self.live.remove(&conn.slot);
        self.io.close(conn, flush);
    }

    fn echo(&mut self, conn: ConnId, bytes: &[u8]) {
        // Only what this very turn closed may still speak.
        let Some((live, _, count)) = self.live.get_mut(&conn.slot) else { return };
        if *live != conn {
            return;
        }
        *count += bytes.len();
        let end = self.close_on.and_then(|b| bytes.iter().position(|x| *x == b));
        let mut out = self.io.spare();
        assert!(out.is_empty());
        out.extend_from_slice(&bytes[..end.map_or(bytes.len(), |e| e + 1)]);
        self.io.send(conn, out);
        if end.is_some() {
            self.close(conn, self.flush);
        }
    }

    /// Nothing wakes a core when a send succeeds at once, as it may at the next submission. So the
    /// turn after a pause must not sleep: what is still unsent after it has met a full socket, and
    /// the end of *that* is told.
    fn press_back(&mut self) {
        for (conn, reading, _) in self.live.values_mut() {
            let unsent = self.io.unsent(*conn);
            self.most_unsent = self.most_unsent.max(unsent);
            if *reading != (unsent < UNSENT_MAX) {
                *reading = !*reading;
                self.paused |= !*reading;
                self.io.set_reading(*conn, *reading);
            }
        }
    }
}

impl SimCore for Echo {
    fn turn(&mut self) {
        let known: Vec<ConnId> = self.live.values().map(|(c, _, _)| *c).collect();
        let mut events = Events::default();
        let wait = if std::mem::take(&mut self.paused) { Some(Duration::ZERO) } else { self.wait };
        match self.io.turn(wait, &mut events) {
            Err(e) if e.kind() == ErrorKind::WouldBlock => return self.parks += 1,
            other => other.expect("a turn"),
        }
        self.turns += 1;
        for conn in events.received.iter().map(|(c, _)| c).chain(events.closed.iter().map(|(c, _)| c)) {
            assert!(known.contains(conn), "an event of {conn:?}, which was closed before this turn");
        }
        self.accept_errors.extend(events.failed);
        for (conn, bytes) in events.received {
            self.echo(conn, &bytes);
        }
        for (conn, why) in events.closed {
            self.ends.push(why);
            self.close(conn, why == Closed::Eof);
        }
        for socket in events.accepted {
            self.accept(socket);
        }
        self.press_back();
    }
}

/// A world with an echo on every core, all on one port.
pub(super) fn echoes(world: &SimWorld, cores: usize) -> (ListenerId, Vec<Echo>) {
    let listener = world.listen();
    (listener, (0..cores).map(|core| Echo::new(world, core, listener)).collect())
}

/// Bytes that tell their place, so that any loss, doubling or exchange shows.
pub(super) fn pattern(len: usize, salt: usize) -> Vec<u8> {
    (0..len).map(|i| ((i / 251 + i + salt) % 250) as u8).collect()
}

/// What a client has received so far, as one piece.
pub(super) fn received(world: &SimWorld, client: crate::io::sim::ClientId) -> Vec<u8> {
    world.client_take(client).into_iter().flat_map(|(_, bytes)| bytes).collect()
}
