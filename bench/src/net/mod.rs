//! The seam between the load and its I/O: connections that send prepared bytes and hear what comes back.
//!
//! [`epoll`] works everywhere; [`uring`] costs less where the kernel allows it. A backend serves one thread.
//! A request's bytes travel in an [`Outgoing`], which the backend hands back when they are sent: the load keeps them
//! in a pool, so that the same few buffers, still in the cache, carry every request, however many connections.

pub mod epoll;
pub mod uring;

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

/// Bytes to send.
#[derive(Debug, Default)]
pub struct Outgoing {
    pub bytes: Vec<u8>,
    /// How many of them, from the first.
    pub len: usize,
}

/// What hears the connections. A connection is named by its index.
pub trait Sink {
    /// Bytes have come; what is returned is sent at once. At most one is under way on a connection.
    fn received(&mut self, conn: usize, bytes: &[u8]) -> Option<Outgoing>;
    /// These have been sent.
    fn sent(&mut self, spent: Outgoing);
    /// The connection is over: by the server's end, or by this error. It is to be removed.
    fn closed(&mut self, conn: usize, error: Option<io::Error>);
}

/// One thread's I/O.
pub trait Net {
    /// Takes over a connection that does not block.
    ///
    /// # Errors
    /// The kernel's.
    fn add(&mut self, conn: usize, fd: OwnedFd) -> io::Result<()>;

    /// Closes a connection. What it was sending comes back through [`Sink::sent`].
    fn remove(&mut self, conn: usize, sink: &mut impl Sink);

    /// Sends on a connection that has nothing under way.
    fn send(&mut self, conn: usize, out: Outgoing, sink: &mut impl Sink);

    /// Waits for at most so long (`None`: until something happens), and tells what has happened.
    ///
    /// # Errors
    /// The kernel's, of waiting.
    fn turn(&mut self, wait: Option<Duration>, sink: &mut impl Sink) -> io::Result<()>;
}
