//! The I/O seam. A core talks to one [`Io`]: it never knows whether that is a ring, an epoll
//! set or a simulation. The backends are `uring` (the default), `epoll` (where io_uring is
//! forbidden, or `--io epoll`), and `sim` (simulated clock and network, for deterministic tests).
//!
//! A turn of the loop is one call of [`Io::turn`]: it submits everything queued since the last
//! one, waits, and hands what happened to a [`Sink`]. Bytes received are lent for the call
//! only; bytes sent are owned by the backend until the kernel has taken them, so that no
//! buffer is ever freed under a running operation.

mod clock;
mod conns;
pub mod disk;
pub mod epoll;
pub mod file;
mod outbox;
pub mod sim;
pub mod uring;

pub use epoll::EpollIo;
pub use file::{File, FileDone, FileOp};
pub use uring::{UringIo, UringOptions, probe_uring};

use std::os::fd::OwnedFd;
use std::time::Duration;

/// The backends of a real server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Backend {
    Uring,
    Epoll,
}

impl Backend {
    /// The best backend this machine permits, and where that is not io_uring, the reason.
    pub fn choose() -> (Backend, Option<String>) {
        match probe_uring() {
            Ok(()) => (Backend::Uring, None),
            Err(why) => (Backend::Epoll, Some(why)),
        }
    }
}

/// A connection as its core names it: a slot, and a generation that tells a reused slot's old
/// events from its new owner's.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ConnId {
    pub slot: u32,
    pub generation: u32,
}

/// A socket before it has a core: accepted here, perhaps served elsewhere.
#[derive(Debug)]
pub enum Socket {
    Fd(OwnedFd),
    /// A simulated end point, by its number in the simulated network.
    Sim(u64),
}

/// Why a connection ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Closed {
    /// The peer closed, in order.
    Eof,
    /// An `errno` of recv or send.
    Error(i32),
}

/// Where a turn's events go. The calls come in the order in which things happened on each
/// connection; between connections the order says nothing.
pub trait Sink {
    /// A listener (by the index it was added with) has a new connection.
    fn accepted(&mut self, listener: usize, socket: Socket);
    /// accept(2) failed with this `errno` (EMFILE …); the listener goes on.
    fn accept_failed(&mut self, listener: usize, errno: i32);
    /// Bytes arrived. Not called while reading is off (but for bytes that were already on the way).
    fn received(&mut self, conn: ConnId, bytes: &[u8]);
    /// The connection is at its end: nothing more will be received or sent. The core answers
    /// with [`Io::close`]. Never called after `close`.
    fn closed(&mut self, conn: ConnId, why: Closed);
    /// An operation on a file has ended.
    fn file_done(&mut self, done: FileDone);
}

/// Wakes a core that sleeps in [`Io::turn`], from any thread.
#[derive(Clone, Debug)]
pub enum Waker {
    /// An eventfd the sleeper watches, and its ring (-1: none) for a wake by MSG_RING.
    Fd { event: std::sync::Arc<OwnedFd>, ring: i32 },
    /// The simulated core of this number.
    Sim(usize),
}

impl Waker {
    /// Wakes the core from a thread that has no [`Io`] of its own. Errors: those of write(2).
    pub fn notify(&self) -> std::io::Result<()> {
        match self {
            Waker::Fd { event, .. } => Ok(rustix::io::write(event, &1u64.to_ne_bytes()).map(drop)?),
            Waker::Sim(_) => Ok(()),
        }
    }
}

/// The descriptor of a socket that is to be served by the kernel.
fn real(socket: Socket) -> std::io::Result<OwnedFd> {
    match socket {
        Socket::Fd(fd) => Ok(fd),
        Socket::Sim(_) => Err(std::io::Error::from(std::io::ErrorKind::InvalidInput)),
    }
}

/// One core's I/O.
pub trait Io {
    /// Serves a listening socket; `index` comes back with each accepted connection.
    fn add_listener(&mut self, index: usize, listener: Socket) -> std::io::Result<()>;
    /// Stops accepting on the listener of this index and closes it.
    fn close_listener(&mut self, index: usize);
    /// Stops accepting on all listeners and closes them.
    fn close_listeners(&mut self);

    /// Serves a connection: starts receiving.
    fn add(&mut self, conn: ConnId, socket: Socket) -> std::io::Result<()>;
    /// Queues bytes for the connection, after what is queued already. They leave at the next
    /// [`Io::turn`] at the latest.
    fn send(&mut self, conn: ConnId, bytes: Vec<u8>);
    /// An empty buffer to build the next reply in, one that a finished send gave back if there is one.
    fn spare(&mut self) -> Vec<u8>;
    /// Bytes queued on the connection that the kernel has not taken yet.
    fn unsent(&self, conn: ConnId) -> usize;
    /// Stops or resumes receiving: back-pressure on a client that floods the server.
    fn set_reading(&mut self, conn: ConnId, on: bool);
    /// Ends the connection; with `flush`, after what is queued has been sent (a peer that does
    /// not read is given up when the process ends). No event of this `ConnId` comes after.
    fn close(&mut self, conn: ConnId, flush: bool);

    /// Starts an operation on a file, at the next [`Io::turn`] at the latest; its end is told as
    /// [`Sink::file_done`] with this token. Neither ordered nor bounded: see [`file`].
    fn file(&mut self, token: u64, file: &File, op: FileOp);

    /// Submits, waits at most `wait` (`None`: until something happens), delivers.
    fn turn<S: Sink>(&mut self, wait: Option<Duration>, sink: &mut S) -> std::io::Result<()>;

    /// This core's waker, to be given to its peers.
    fn waker(&self) -> Waker;
    /// Wakes a peer out of its `turn`; at the next submission at the latest.
    fn wake(&mut self, peer: &Waker);

    /// Monotonic nanoseconds.
    fn mono_ns(&self) -> u64;
    /// Unix time in microseconds.
    fn unix_us(&self) -> i64;
}
