//! A backend, what it told, and clients, all on the test's own thread.

use server::io::{Closed, ConnId, FileDone, Io, Sink, Socket};
use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// Long enough for the slowest machine: reaching it means that something is lost.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a backend told.
#[derive(Default)]
pub struct Told {
    pub sockets: Vec<Socket>,
    pub accept_errors: Vec<i32>,
    pub received: HashMap<ConnId, Vec<u8>>,
    pub closed: Vec<(ConnId, Closed)>,
    pub files: Vec<FileDone>,
}

impl Sink for Told {
    fn accepted(&mut self, _: usize, socket: Socket) {
        self.sockets.push(socket);
    }
    fn accept_failed(&mut self, _: usize, errno: i32) {
        self.accept_errors.push(errno);
    }
    fn received(&mut self, conn: ConnId, bytes: &[u8]) {
        assert!(!bytes.is_empty(), "nothing is not worth telling");
        assert!(!self.closed.iter().any(|(id, _)| *id == conn), "nothing is received after the end");
        self.received.entry(conn).or_default().extend_from_slice(bytes);
    }
    fn closed(&mut self, conn: ConnId, why: Closed) {
        assert!(!self.closed.iter().any(|(id, _)| *id == conn), "the end is told once");
        self.closed.push((conn, why));
    }
    fn file_done(&mut self, done: FileDone) {
        self.files.push(done);
    }
}

/// A backend and its surroundings.
pub struct World<I: Io> {
    pub io: I,
    pub told: Told,
    pub address: SocketAddr,
    next_slot: u32,
}

impl<I: Io> World<I> {
    /// With a TCP listener on a port of its own; `None` where the backend is forbidden.
    pub fn new(make: crate::Make<I>) -> Option<World<I>> {
        let mut io = make()?;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        io.add_listener(0, Socket::Fd(listener.into())).unwrap();
        Some(World { io, told: Told::default(), address, next_slot: 0 })
    }

    /// Turns until something holds.
    pub fn until(&mut self, what: &str, mut holds: impl FnMut(&mut World<I>) -> bool) {
        let start = Instant::now();
        while !holds(self) {
            assert!(start.elapsed() < PATIENCE, "never: {what}");
            self.turn();
        }
    }

    pub fn turn(&mut self) {
        self.io.turn(Some(Duration::from_millis(1)), &mut self.told).unwrap();
    }

    /// A connected pair: the served end's name, and the client's end, which does not block.
    pub fn connect(&mut self) -> (ConnId, TcpStream) {
        let client = TcpStream::connect(self.address).unwrap();
        client.set_nonblocking(true).unwrap();
        self.until("accepted", |world| !world.told.sockets.is_empty());
        let socket = self.told.sockets.pop().unwrap();
        (self.adopt(socket), client)
    }

    /// Serves a socket under a new name.
    pub fn adopt(&mut self, socket: Socket) -> ConnId {
        let id = ConnId { slot: self.next_slot, generation: 7 };
        self.next_slot += 1;
        self.io.add(id, socket).unwrap();
        id
    }

    /// Sends back what was received; the number of bytes.
    pub fn echo(&mut self) -> usize {
        let mut total = 0;
        for (id, bytes) in std::mem::take(&mut self.told.received) {
            total += bytes.len();
            self.send(id, &bytes);
        }
        total
    }

    pub fn send(&mut self, id: ConnId, bytes: &[u8]) {
        let mut buffer = self.io.spare();
        assert!(buffer.is_empty(), "a spare buffer is empty");
        buffer.extend_from_slice(bytes);
        self.io.send(id, buffer);
    }

    pub fn ended(&self, id: ConnId) -> Option<Closed> {
        self.told.closed.iter().find(|(closed, _)| *closed == id).map(|(_, why)| *why)
    }

    pub fn received(&self, id: ConnId) -> &[u8] {
        self.told.received.get(&id).map_or(&[], Vec::as_slice)
    }
}

/// Writes what there is room for.
pub fn write_some(client: &mut impl Write, bytes: &[u8]) -> usize {
    match client.write(bytes) {
        Ok(count) => count,
        Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
        Err(error) => panic!("{error}"),
    }
}

/// Appends at most `max` bytes of what there is; false at the end.
pub fn read_some(client: &mut impl Read, into: &mut Vec<u8>, max: usize) -> bool {
    let mut chunk = vec![0; max];
    match client.read(&mut chunk) {
        Ok(0) => false,
        Ok(count) => {
            into.extend_from_slice(&chunk[..count]);
            true
        }
        Err(error) if error.kind() == ErrorKind::WouldBlock => true,
        Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
        Err(error) => panic!("{error}"),
    }
}

/// Bytes that tell when one is missing, doubled or out of place.
pub fn pattern(len: usize) -> Vec<u8> {
    (0..len as u64).map(|n| (n ^ (n >> 8) ^ (n >> 16) ^ ((n >> 13) * 7)) as u8).collect()
}
