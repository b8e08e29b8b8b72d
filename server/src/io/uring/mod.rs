//! The io_uring backend: one ring a core, driven directly.
//!
//! ```text
//!   turn:  submit_sends      what the core said since the last turn, an operation a connection
//!          enter             submit all, run the kernel's half of what arrived, wait: one call
//!          dispatch          each completion: to the core (received, accepted, closed) or to
//!                            the send, receive or accept it belongs to
//!          settle            sends without a completion have succeeded: buffers back to the pool
//! ```
//!
//! Nothing but `enter` is a system call: arming, cancelling, closing and waking a peer are entries in
//! the queue that leave with the next one. A lone client's request costs one `enter`.
//!
//! Invariants:
//! - a buffer in the kernel's hands is neither freed nor moved: a quick send's until `settle`, a slow
//!   one's and a file operation's until its completion, a provided one's until `give_back`;
//! - a descriptor is closed when no operation names it;
//! - `outstanding` counts the operations that will still post a last completion, so that dropping
//!   the backend can wait for them.
//!
//! Measured with `examples/echo_store.rs`: DEFER_TASKRUN and quick sends are what makes this cheaper
//! than epoll. Registered files, SQPOLL, zero-copy sends, NO_SQARRAY, TASKRUN_FLAG, 64 buffers in
//! place of 256 and buffers set apart by an odd stride brought nothing that shows above the noise.

mod buffers;
mod conn;
mod files;
mod listen;
mod op;
mod probe;
mod ring;
mod send;

pub use probe::probe_uring;

use super::conns::{Conns, Token};
use super::outbox::Pool;
use super::{Closed, ConnId, File, FileDone, FileOp, Io, Sink, Socket, Waker, clock};
use buffers::Buffers;
use conn::Conn;
use files::Files;
use listen::Listener;
use op::Kind;
use ring::{Completion, Ring};
use rustix::event::{EventfdFlags, eventfd};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The sizes of a ring, and how it works.
#[derive(Clone, Copy, Debug)]
pub struct UringOptions {
    /// Entries of the submission queue; more are submitted in portions.
    pub submissions: u32,
    /// Entries of the completion queue; more wait in the kernel.
    pub completions: u32,
    /// Provided buffers, a power of two.
    pub buffers: u16,
    /// Bytes of a provided buffer.
    pub buffer_size: usize,
    /// Use DEFER_TASKRUN where the kernel has it (Linux 6.1). Off only to test what 6.0 does.
    pub defer: bool,
}

impl Default for UringOptions {
    fn default() -> Self {
        UringOptions {
            submissions: 1024,
            completions: 4096,
            buffers: 256,
            buffer_size: 16 << 10,
            defer: true,
        }
    }
}

/// Completions of one turn after which it ends even if more are waiting. At a thousand busy
/// connections, against ending after the first batch (20), this costs nothing measurable and gives the core
/// fuller turns to prefetch for and to batch for its peers; 512 was dearer at one request a time
/// (the replies of a turn no longer stay in the first cache).
const TURN_MAX: usize = 128;
/// How long dropping the backend waits for what is under way.
const DROP_WAIT: Duration = Duration::from_secs(1);
/// Enters of one turn to get submissions taken and held-back completions delivered, before it is an error.
const TRIES_MAX: usize = 10_000;

/// One core's I/O over io_uring. It may be made on any thread; the thread of its first
/// [`Io::turn`] must make all of them, and should drop it.
pub struct UringIo {
    ring: Ring,
    /// Declared, and so dropped, after `ring`, which they must outlive.
    buffers: Buffers,
    conns: Conns<Conn>,
    listeners: Vec<Option<Listener>>,
    /// Connections with something to send at the next turn.
    dirty: Vec<u32>,
    /// Connections whose quick send is in this turn's submission.
    quick: Vec<u32>,
    pool: Pool,
    /// Operations on files; their buffers, too, outlive the ring.
    files: Files,
    completions: Vec<Completion>,
    /// Operations that will post a last completion.
    outstanding: usize,
    /// Being dropped: the eventfd is not watched again.
    stopping: bool,
    /// Barriers under way.
    barriers: usize,
    event: Arc<OwnedFd>,
    /// The eventfds of peers woken through their rings, by number: kept open for when that fails.
    peers: Vec<Option<Arc<OwnedFd>>>,
}

impl UringIo {
    /// A ring of so many submission entries. Errors: those of io_uring_setup(2) and mmap(2);
    /// [`probe_uring`] explains them.
    pub fn new(entries: u32) -> io::Result<UringIo> {
        Self::with_options(UringOptions {
            submissions: entries,
            completions: entries * 4,
            ..UringOptions::default()
        })
    }

    /// A ring of these options.
    pub fn with_options(options: UringOptions) -> io::Result<UringIo> {
        let ring = Ring::new(options.submissions, options.completions, options.defer)?;
        let buffers = Buffers::new(options.buffers, options.buffer_size)?;
        buffers.register(&ring)?;
        let event = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        let mut io = UringIo {
            ring,
            buffers,
            conns: Conns::new(),
            listeners: Vec::new(),
            dirty: Vec::new(),
            quick: Vec::new(),
            pool: Pool::default(),
            files: Files::default(),
            completions: Vec::new(),
            outstanding: 0,
            stopping: false,
            barriers: 0,
            event,
            peers: Vec::new(),
        };
        io.watch_event();
        Ok(io)
    }

    fn watch_event(&mut self) {
        self.outstanding += 1;
        self.ring.watch_event(self.event.as_raw_fd(), op::user_data(Kind::Event, 0));
    }

    /// Enters the ring and handles what has arrived, again while there is likely to be more, and
    /// until the quick sends are decided: submitted, and every completion of theirs seen.
    fn run<S: Sink>(&mut self, wait: Option<Duration>, sink: &mut S) -> io::Result<()> {
        let (mut wait, mut total, mut submitted) = (wait, 0, self.quick.is_empty());
        for _ in 0..TRIES_MAX {
            self.ring.enter(wait)?;
            if !submitted && !self.ring.unsubmitted() {
                submitted = true;
                if self.ring.overflowed() {
                    // Completions are held back, perhaps those of our sends.
                    self.barriers += 1;
                    self.ring.barrier();
                }
            }
            let seen = self.dispatch_all(sink);
            total += seen;
            let more = seen >= ring::BATCH && total < TURN_MAX;
            if !more && submitted && self.barriers == 0 {
                return Ok(());
            }
            wait = Some(Duration::ZERO);
        }
        Err(io::Error::other("io_uring does not take or complete what is submitted"))
    }

    fn dispatch_all<S: Sink>(&mut self, sink: &mut S) -> usize {
        let mut completions = std::mem::take(&mut self.completions);
        self.ring.harvest(&mut completions);
        let seen = completions.len();
        for done in completions.drain(..) {
            self.dispatch(done, sink);
        }
        self.completions = completions;
        seen
    }

    fn dispatch<S: Sink>(&mut self, done: Completion, sink: &mut S) {
        let Some((kind, payload)) = op::parts(done.user_data) else { return };
        match kind {
            Kind::Recv | Kind::Send => {
                let Some(index) = self.conns.resolve(Token(payload)) else { return };
                if kind == Kind::Recv {
                    self.on_recv(index, done, sink);
                } else {
                    self.on_send(index, done, sink);
                }
            }
            Kind::File => self.on_file(payload as usize, done, sink),
            Kind::Accept => self.on_accept(payload as usize, done, sink),
            Kind::Resume => self.on_resume(payload as usize),
            Kind::Event if !done.more() => {
                self.outstanding -= 1;
                if done.result != -libc::ECANCELED && !self.stopping {
                    self.watch_event();
                }
            }
            Kind::Barrier => self.barriers -= 1,
            Kind::Wake => self.on_wake_failed(payload as usize),
            Kind::Event | Kind::Woken | Kind::Ignored => {}
        }
    }

    /// A peer's ring could not be posted to (not yet started, or gone): its eventfd is sure.
    fn on_wake_failed(&mut self, event: usize) {
        if let Some(Some(event)) = self.peers.get(event) {
            self.ring.wake_event(event.as_raw_fd());
        }
    }

    fn keep_peer(&mut self, event: &Arc<OwnedFd>) -> usize {
        let number = event.as_raw_fd() as usize;
        if number >= self.peers.len() {
            self.peers.resize(number + 1, None);
        }
        self.peers[number].get_or_insert_with(|| Arc::clone(event));
        number
    }
}

impl Io for UringIo {
    fn add_listener(&mut self, index: usize, listener: Socket) -> io::Result<()> {
        self.listen(index, super::real(listener)?);
        Ok(())
    }

    fn close_listener(&mut self, index: usize) {
        self.unlisten(|i| i == index);
    }

    fn close_listeners(&mut self) {
        self.unlisten(|_| true);
    }

    fn add(&mut self, conn: ConnId, socket: Socket) -> io::Result<()> {
        let fd = super::real(socket)?;
        let index = self.conns.insert(conn, Conn::new(conn, fd))?;
        self.buffers.offer_another();
        self.arm(index);
        Ok(())
    }

    fn send(&mut self, conn: ConnId, bytes: Vec<u8>) {
        let found = self.conns.find(conn).and_then(|index| Some((index, self.conns.get_mut(index)?)));
        match found {
            Some((index, conn)) if !conn.mute => {
                conn.outbox.push(bytes, &mut self.pool);
                self.mark_dirty(index);
            }
            _ => self.pool.put(bytes),
        }
    }

    fn spare(&mut self) -> Vec<u8> {
        self.pool.take()
    }

    fn unsent(&self, conn: ConnId) -> usize {
        let conn = self.conns.find(conn).and_then(|index| self.conns.get(index));
        conn.map_or(0, |conn| conn.outbox.len())
    }

    fn set_reading(&mut self, conn: ConnId, on: bool) {
        let Some(index) = self.conns.find(conn) else { return };
        if let Some(conn) = self.conns.get_mut(index) {
            conn.want_read = on;
        }
        if on {
            self.arm(index);
        } else {
            self.disarm(index);
        }
    }

    fn close(&mut self, conn: ConnId, flush: bool) {
        if let Some(index) = self.conns.detach(conn) {
            self.shut(index, flush);
        }
    }

    fn file(&mut self, token: u64, file: &File, op: FileOp) {
        self.start_file(token, file, op);
    }

    fn turn<S: Sink>(&mut self, wait: Option<Duration>, sink: &mut S) -> io::Result<()> {
        let wait = self.prepare_files(wait, sink);
        self.submit_sends();
        self.run(wait, sink)?;
        self.settle();
        Ok(())
    }

    fn waker(&self) -> Waker {
        Waker::Fd { event: Arc::clone(&self.event), ring: self.ring.fd() }
    }

    fn wake(&mut self, peer: &Waker) {
        match peer {
            Waker::Fd { event, ring } if *ring >= 0 => {
                let number = self.keep_peer(event);
                self.ring.wake_ring(*ring, op::user_data(Kind::Wake, number as u64));
            }
            Waker::Fd { event, .. } => {
                self.keep_peer(event);
                self.ring.wake_event(event.as_raw_fd());
            }
            Waker::Sim(_) => {}
        }
    }

    fn mono_ns(&self) -> u64 {
        clock::mono_ns()
    }

    fn unix_us(&self) -> i64 {
        clock::unix_us()
    }
}

/// What the last turns of a backend deliver to.
struct Nobody;

impl Sink for Nobody {
    fn accepted(&mut self, _: usize, _: Socket) {}
    fn accept_failed(&mut self, _: usize, _: i32) {}
    fn received(&mut self, _: ConnId, _: &[u8]) {}
    fn closed(&mut self, _: ConnId, _: Closed) {}
    fn file_done(&mut self, _: FileDone) {}
}

impl UringIo {
    /// Cancels what sockets do, lets files finish, and waits for both, for a second at most; true if all is over.
    fn drain(&mut self) -> bool {
        if !self.ring.enabled() {
            return true;
        }
        self.unlisten(|_| true);
        for index in self.conns.indices() {
            let flush = self.conns.get(index).is_some_and(|conn| conn.sending == send::Sending::Dirty);
            self.shut(index, flush);
        }
        self.stopping = true;
        self.ring.cancel(op::user_data(Kind::Event, 0));
        let deadline = Instant::now() + DROP_WAIT;
        let mut first = true;
        while first || Instant::now() < deadline {
            if self.turn(Some(Duration::from_millis(if first { 0 } else { 10 })), &mut Nobody).is_err() {
                return false;
            }
            if first {
                // What did not leave with that turn is given up.
                self.conns.indices().into_iter().for_each(|index| self.shut(index, false));
                first = false;
            }
            if self.outstanding == 0 && !self.ring.unsubmitted() {
                return true;
            }
        }
        false
    }
}

impl Drop for UringIo {
    fn drop(&mut self) {
        if !self.drain() {
            // The kernel may still read and write there: leaked rather than given away.
            self.buffers.leak();
            std::mem::forget(std::mem::replace(&mut self.conns, Conns::new()));
            std::mem::forget(std::mem::take(&mut self.files));
        }
    }
}
