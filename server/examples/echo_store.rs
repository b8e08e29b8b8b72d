//! A yardstick for the I/O backends: GET, SET and PING over the seam on one core, and nothing
//! else. What it costs per request is the floor that a server on the same backend stands on.
//!
//! ```text
//! taskset -c 0 target/quick/examples/echo_store --port 7001 --io uring
//! ```
//!
//! Then drive it from another core with any load generator, and divide the CPU time of this
//! process by the requests it answered. The parser knows arrays of
//! bulk strings, and inline commands of one word.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use server::io::{Backend, Closed, ConnId, EpollIo, FileDone, Io, Sink, Socket, UringIo};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::net::TcpListener;
use std::os::fd::OwnedFd;

/// A multiplicative hash: quick, and good enough for keys that nobody chooses to collide.
#[derive(Default)]
struct Quick(u64);

impl Hasher for Quick {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            let mixed =
                u128::from(self.0 ^ u64::from_le_bytes(word)) * 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;
            self.0 = mixed as u64 ^ (mixed >> 64) as u64;
        }
    }
    fn finish(&self) -> u64 {
        self.0
    }
}

type Store = HashMap<Box<[u8]>, Box<[u8]>, BuildHasherDefault<Quick>>;

#[derive(Default)]
struct Client {
    generation: u32,
    /// The beginning of a request whose end has not come.
    rest: Vec<u8>,
    reply: Vec<u8>,
}

/// Executes what arrives at once; replies are sent after the turn.
#[derive(Default)]
struct Core {
    store: Store,
    clients: Vec<Client>,
    accepted: Vec<OwnedFd>,
    answered: Vec<ConnId>,
    closed: Vec<ConnId>,
    /// Buffers for replies, from the backend's spare ones.
    buffers: Vec<Vec<u8>>,
}

impl Sink for Core {
    fn accepted(&mut self, _: usize, socket: Socket) {
        if let Socket::Fd(fd) = socket {
            self.accepted.push(fd);
        }
    }
    fn accept_failed(&mut self, _: usize, errno: i32) {
        eprintln!("accept: {}", std::io::Error::from_raw_os_error(errno));
    }
    fn received(&mut self, conn: ConnId, bytes: &[u8]) {
        let client = &mut self.clients[conn.slot as usize];
        if client.reply.is_empty() {
            client.reply = self.buffers.pop().unwrap_or_default();
            self.answered.push(conn);
        }
        if client.rest.is_empty() {
            let used = execute(bytes, &mut self.store, &mut client.reply);
            client.rest.extend_from_slice(&bytes[used..]);
        } else {
            client.rest.extend_from_slice(bytes);
            let used = execute(&client.rest, &mut self.store, &mut client.reply);
            client.rest.drain(..used);
        }
    }
    fn closed(&mut self, conn: ConnId, _: Closed) {
        self.closed.push(conn);
    }
    fn file_done(&mut self, _: FileDone) {}
}

/// Runs the complete requests of `bytes`; how many bytes they were.
fn execute(bytes: &[u8], store: &mut Store, reply: &mut Vec<u8>) -> usize {
    let mut at = 0;
    while let Some((args, count, end)) = request(bytes, at) {
        match (args[0], count) {
            (b"GET" | b"get", 2) => match store.get(args[1]) {
                Some(value) => bulk(value, reply),
                None => reply.extend_from_slice(b"$-1\r\n"),
            },
            (b"SET" | b"set", 3) => {
                match store.get_mut(args[1]) {
                    Some(value) if value.len() == args[2].len() => value.copy_from_slice(args[2]),
                    _ => drop(store.insert(args[1].into(), args[2].into())),
                }
                reply.extend_from_slice(b"+OK\r\n");
            }
            (b"PING" | b"ping", 1) => reply.extend_from_slice(b"+PONG\r\n"),
            _ => reply.extend_from_slice(b"-ERR unknown command\r\n"),
        }
        at = end;
    }
    at
}

fn bulk(value: &[u8], reply: &mut Vec<u8>) {
    let (mut digits, mut at, mut rest) = ([0u8; 20], 20, value.len());
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    reply.push(b'$');
    reply.extend_from_slice(&digits[at..]);
    reply.extend_from_slice(b"\r\n");
    reply.extend_from_slice(value);
    reply.extend_from_slice(b"\r\n");
}

/// The request at `at`, if it is complete: its arguments (four at most are kept), their number, its end.
fn request(bytes: &[u8], at: usize) -> Option<([&[u8]; 4], usize, usize)> {
    if *bytes.get(at)? != b'*' {
        let end = bytes[at..].windows(2).position(|pair| pair == b"\r\n")?;
        return Some(([&bytes[at..at + end], b"", b"", b""], 1, at + end + 2));
    }
    let (count, mut at) = header(bytes, at, b'*')?;
    let mut args: [&[u8]; 4] = [b""; 4];
    for index in 0..count {
        let (len, start) = header(bytes, at, b'$')?;
        let arg = bytes.get(start..start + len)?;
        at = start + len + 2;
        if at > bytes.len() {
            return None;
        }
        if let Some(slot) = args.get_mut(index) {
            *slot = arg;
        }
    }
    Some((args, count, at))
}

/// `*3\r\n` or `$12\r\n`: the number, and where it ends.
fn header(bytes: &[u8], at: usize, mark: u8) -> Option<(usize, usize)> {
    assert!(*bytes.get(at)? == mark, "a client of this yardstick is well-behaved");
    let mut number = 0;
    for (index, byte) in bytes[at + 1..].iter().enumerate() {
        if *byte == b'\r' {
            let end = at + 1 + index + 2;
            return (end <= bytes.len()).then_some((number, end));
        }
        number = number * 10 + usize::from(byte - b'0');
    }
    None
}

fn serve<I: Io>(mut io: I, listener: TcpListener) {
    io.add_listener(0, Socket::Fd(listener.into())).unwrap();
    let mut core = Core::default();
    let mut free = Vec::new();
    loop {
        io.turn(None, &mut core).unwrap();
        for fd in core.accepted.drain(..) {
            let slot = free.pop().unwrap_or(core.clients.len());
            if slot == core.clients.len() {
                core.clients.push(Client::default());
            }
            let id = ConnId { slot: slot as u32, generation: core.clients[slot].generation };
            rustix::net::sockopt::set_tcp_nodelay(&fd, true).unwrap();
            io.add(id, Socket::Fd(fd)).unwrap();
        }
        for id in core.answered.drain(..) {
            let reply = std::mem::take(&mut core.clients[id.slot as usize].reply);
            io.send(id, reply);
            core.buffers.push(io.spare());
        }
        for id in core.closed.drain(..) {
            io.close(id, true);
            let client = &mut core.clients[id.slot as usize];
            *client = Client { generation: client.generation + 1, ..Client::default() };
            free.push(id.slot as usize);
        }
    }
}

fn main() {
    let option = |name: &str| {
        let mut args = std::env::args().skip_while(|arg| arg != name);
        args.nth(1)
    };
    let port: u16 = option("--port").map_or(7001, |port| port.parse().expect("a port"));
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("a free port");
    let backend = match option("--io").as_deref() {
        Some("uring") => Backend::Uring,
        Some("epoll") => Backend::Epoll,
        _ => Backend::choose().0,
    };
    match backend {
        Backend::Uring => serve(UringIo::new(1024).expect("a ring"), listener),
        Backend::Epoll => serve(EpollIo::new().expect("an epoll set"), listener),
    }
}
