//! [`SimIo`]: one simulated core's [`Io`].
//!
//! **A turn cannot block**, since all cores share one thread. Where a real backend would sleep,
//! [`Io::turn`] returns an error of kind [`WouldBlock`](std::io::ErrorKind::WouldBlock) and
//! remembers until when; nothing has happened, and the core must leave everything as it is when
//! asleep (above all the flag that tells its peers to wake it) and go back to its driver, which
//! calls its turn again once there is a reason. Real backends never return that error, so the
//! loop needs no more than a `?`. Returning `Ok` instead would look like a spurious wake-up: the
//! core would lower its flag, and a lost wake-up, the bug to find, could not happen.
//!
//! A send that the socket takes whole tells nobody, as on the ring, where a completion is posted
//! for short sends only; a connection whose send was short ends the sleep once its queue is empty.
//! So a core that stops reading because of what is unsent must not sleep in the very next turn.
//!
//! A turn that does not sleep may deliver less than everything that is due, in any order between
//! connections, and now and then nothing at all, as real ones may.

use super::pipe::End;
use super::trace::{Kind, NONE};
use super::world::{Event, Wait, World};
use crate::io::{Closed, ConnId, File, FileDone, FileOp, Io, Sink, Socket, Waker};
use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

/// Bytes lent in one `received`, as with the ring's buffers.
const RECEIVE_MAX: usize = 16 << 10;
/// `received` calls for one connection in one turn.
const RECEIVES_A_TURN: u64 = 4;

/// The I/O of one simulated core; see [`super::SimWorld::io`].
pub struct SimIo {
    pub(super) world: Rc<RefCell<World>>,
    pub(super) core: usize,
}

/// What a turn has to tell. Collected first and told afterwards, so that a sink may look at the
/// world.
enum Happened {
    Accepted { listener: usize, conn: u64 },
    AcceptFailed { listener: usize, errno: i32 },
    Received { conn: ConnId, bytes: Vec<u8> },
    Closed { conn: ConnId, why: Closed },
    FileDone(FileDone),
}

/// Who has something to tell.
#[derive(Clone, Copy)]
enum Source {
    Listener { index: usize, listener: u64 },
    Conn(u64),
    Files,
}

impl SimIo {
    fn changed(&mut self, world: &mut World, conn: u64) {
        world.refresh(conn);
        world.cores[self.core].wait = Wait::Running;
    }

    fn unlisten(&self, which: impl Fn(usize) -> bool) {
        let mut world = self.world.borrow_mut();
        let (closed, kept) = std::mem::take(&mut world.cores[self.core].listeners)
            .into_iter()
            .partition::<Vec<_>, _>(|(index, _)| which(*index));
        world.cores[self.core].listeners = kept;
        for (_, listener) in closed {
            // Another core may hold the same socket: the last to close it closes it.
            if !world.cores.iter().any(|c| c.listeners.iter().any(|(_, l)| *l == listener)) {
                world.close_listener(listener);
            }
        }
    }

    fn number(&self, world: &World, conn: ConnId) -> Option<u64> {
        world.cores[self.core].conns.get(&conn).copied()
    }
}

impl Io for SimIo {
    fn add_listener(&mut self, index: usize, listener: Socket) -> io::Result<()> {
        let mut world = self.world.borrow_mut();
        let number = sim_number(&listener)?;
        if !world.listeners.get(&number).is_some_and(|l| l.open) {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        world.cores[self.core].listeners.push((index, number));
        world.cores[self.core].wait = Wait::Running;
        Ok(())
    }

    fn close_listener(&mut self, index: usize) {
        self.unlisten(|i| i == index);
    }

    fn close_listeners(&mut self) {
        self.unlisten(|_| true);
    }

    fn add(&mut self, conn: ConnId, socket: Socket) -> io::Result<()> {
        let world = Rc::clone(&self.world);
        let mut world = world.borrow_mut();
        let number = sim_number(&socket)?;
        let core = self.core;
        match world.conns.get_mut(&number) {
            Some(c) if c.server.owner.is_none() && !c.server.closed => c.server.owner = Some((core, conn)),
            _ => return Err(io::Error::from_raw_os_error(libc::EBADF)),
        }
        let stood = world.cores[core].conns.insert(conn, number);
        assert!(stood.is_none(), "{conn:?} names two connections of core {core}");
        self.changed(&mut world, number);
        Ok(())
    }

    fn send(&mut self, conn: ConnId, bytes: Vec<u8>) {
        let world = Rc::clone(&self.world);
        let mut world = world.borrow_mut();
        let Some(number) = self.number(&world, conn) else { return };
        let Some(c) = world.conns.get_mut(&number) else { return };
        if bytes.is_empty() || c.to_server.was_reset() && c.server.told {
            return;
        }
        c.server.unsent += bytes.len();
        c.server.queue.push_back(bytes);
        self.changed(&mut world, number);
    }

    fn spare(&mut self) -> Vec<u8> {
        let mut buffer = self.world.borrow_mut().cores[self.core].spare.pop().unwrap_or_default();
        buffer.clear();
        buffer
    }

    fn unsent(&self, conn: ConnId) -> usize {
        let world = self.world.borrow();
        self.number(&world, conn).and_then(|n| world.conns.get(&n)).map_or(0, |c| c.server.unsent)
    }

    fn set_reading(&mut self, conn: ConnId, on: bool) {
        let world = Rc::clone(&self.world);
        let mut world = world.borrow_mut();
        let Some(number) = self.number(&world, conn) else { return };
        let late = world.rng.one_in(2);
        let Some(c) = world.conns.get_mut(&number) else { return };
        let under_way = c.server.reading && !on && late;
        c.server.on_the_way = if under_way { c.to_server.readable().min(RECEIVE_MAX) } else { 0 };
        c.server.reading = on;
        self.changed(&mut world, number);
    }

    fn close(&mut self, conn: ConnId, flush: bool) {
        let world = Rc::clone(&self.world);
        let mut world = world.borrow_mut();
        let Some(number) = world.cores[self.core].conns.remove(&conn) else { return };
        let Some(c) = world.conns.get_mut(&number) else { return };
        let reset = c.to_server.was_reset();
        c.server.closing = true;
        if !flush || reset || c.server.queue.is_empty() {
            world.finish_close(number);
        }
        self.changed(&mut world, number);
    }

    fn file(&mut self, token: u64, file: &File, op: FileOp) {
        let mut world = self.world.borrow_mut();
        world.queue_file(self.core, token, file, op);
        world.cores[self.core].wait = Wait::Running;
    }

    fn turn<S: Sink>(&mut self, wait: Option<Duration>, sink: &mut S) -> io::Result<()> {
        let happened = self.world.borrow_mut().turn(self.core, wait);
        let Some(happened) = happened else { return Err(io::ErrorKind::WouldBlock.into()) };
        for event in happened {
            match event {
                Happened::Accepted { listener, conn } => sink.accepted(listener, Socket::Sim(conn)),
                Happened::AcceptFailed { listener, errno } => sink.accept_failed(listener, errno),
                Happened::Received { conn, bytes } => sink.received(conn, &bytes),
                Happened::Closed { conn, why } => sink.closed(conn, why),
                Happened::FileDone(done) => sink.file_done(done),
            }
        }
        Ok(())
    }

    fn waker(&self) -> Waker {
        Waker::Sim(self.core)
    }

    fn wake(&mut self, peer: &Waker) {
        let Waker::Sim(peer) = *peer else { return };
        let mut world = self.world.borrow_mut();
        world.cores[self.core].wakes_queued.push(peer);
        world.cores[self.core].wait = Wait::Running;
        if world.rng.one_in(2) {
            world.submit_wakes(self.core);
        }
    }

    fn mono_ns(&self) -> u64 {
        self.world.borrow().now
    }

    fn unix_us(&self) -> i64 {
        self.world.borrow().unix_us()
    }
}

fn sim_number(socket: &Socket) -> io::Result<u64> {
    match socket {
        Socket::Sim(number) => Ok(*number),
        Socket::Fd(_) => Err(io::Error::new(io::ErrorKind::InvalidInput, "a real socket in a simulation")),
    }
}

impl World {
    /// One turn of `core`; `None` when it would sleep.
    fn turn(&mut self, core: usize, wait: Option<Duration>) -> Option<Vec<Happened>> {
        self.run_events();
        self.submit_wakes(core);
        self.submit_files(core);
        let progress = self.submit_sends(core);
        let told = self.deliver(core);
        let woken = std::mem::take(&mut self.cores[core].woken);
        let parked = match self.cores[core].wait {
            Wait::Parked { deadline } => deadline,
            Wait::Running => None,
        };
        let expired = parked.is_some_and(|at| at <= self.now) || wait == Some(Duration::ZERO);
        if told.is_empty() && !woken && !progress && !expired && !self.rng.one_in(64) {
            let deadline = [parked, wait.map(|w| self.after(w))].into_iter().flatten().min();
            self.cores[core].wait = Wait::Parked { deadline };
            self.note(Kind::Park, core as u64, NONE, &[]);
            return None;
        }
        self.cores[core].wait = Wait::Running;
        self.note(Kind::Turn, core as u64, NONE, &[]);
        Some(told)
    }

    fn submit_wakes(&mut self, core: usize) {
        for peer in std::mem::take(&mut self.cores[core].wakes_queued) {
            if peer < self.cores.len() {
                let at = self.now + self.rng.within(&self.plan.wake_ns);
                self.schedule(at, Event::Wake { core: peer });
                self.note(Kind::Wake, core as u64, peer as u64, &[]);
            }
        }
    }

    fn submit_sends(&mut self, core: usize) -> bool {
        let ready: Vec<u64> = self.cores[core].ready.iter().copied().collect();
        let mut progress = false;
        for conn in ready {
            if self.conns.get(&conn).is_some_and(|c| c.submittable()) {
                progress |= self.pump_server(conn);
            }
        }
        progress
    }

    fn deliver(&mut self, core: usize) -> Vec<Happened> {
        let mut sources = self.sources(core);
        self.rng.shuffle(&mut sources);
        let mut told = Vec::new();
        for (i, source) in sources.iter().enumerate() {
            let last_chance = told.is_empty() && i + 1 == sources.len();
            if !last_chance && self.rng.one_in(8) {
                continue;
            }
            match *source {
                Source::Listener { index, listener } => self.accept(core, index, listener, &mut told),
                Source::Conn(conn) => self.receive(core, conn, &mut told),
                Source::Files => {
                    let done = self.files_done(core);
                    told.extend(done.into_iter().map(Happened::FileDone));
                }
            }
        }
        told
    }

    fn sources(&self, core: usize) -> Vec<Source> {
        let c = &self.cores[core];
        let listeners = c
            .listeners
            .iter()
            .filter(|(_, l)| self.acceptable(core, *l))
            .map(|(index, listener)| Source::Listener { index: *index, listener: *listener });
        let conns = c.ready.iter().filter(|n| self.conns.get(n).is_some_and(|c| c.deliverable()));
        let files = c.files.has_done().then_some(Source::Files);
        listeners.chain(conns.map(|n| Source::Conn(*n))).chain(files).collect()
    }

    fn accept(&mut self, core: usize, index: usize, listener: u64, told: &mut Vec<Happened>) {
        if let Some(errno) = self.cores[core].accept_errors.pop_front() {
            self.note(Kind::AcceptFailed, core as u64, NONE, &errno.to_le_bytes());
            return told.push(Happened::AcceptFailed { listener: index, errno });
        }
        for _ in 0..1 + self.rng.below(8) {
            let Some(l) = self.listeners.get_mut(&listener) else { return };
            let Some(conn) = l.backlog.pop_front() else { return };
            self.note(Kind::Accept, core as u64, conn, &[]);
            told.push(Happened::Accepted { listener: index, conn });
        }
    }

    /// Bytes first, in pieces; then, when they are all read, the end.
    fn receive(&mut self, core: usize, number: u64, told: &mut Vec<Happened>) {
        for _ in 0..1 + self.rng.below(RECEIVES_A_TURN) {
            let Some(c) = self.conns.get_mut(&number) else { return };
            let Some((_, conn)) = c.server.owner else { return };
            let allowed = if c.server.closing {
                0
            } else if c.server.reading {
                RECEIVE_MAX
            } else {
                c.server.on_the_way
            };
            let bytes = c.to_server.read(allowed);
            if bytes.is_empty() {
                break;
            }
            c.server.on_the_way = c.server.on_the_way.saturating_sub(bytes.len());
            self.note(Kind::CoreReceive, core as u64, number, &bytes);
            told.push(Happened::Received { conn, bytes });
        }
        self.pump_client(number);
        self.tell_end(core, number, told);
        self.refresh(number);
    }

    fn tell_end(&mut self, core: usize, number: u64, told: &mut Vec<Happened>) {
        let Some(c) = self.conns.get_mut(&number) else { return };
        let Some((_, conn)) = c.server.owner else { return };
        let broken = c.to_server.was_reset() && (c.server.closing || !c.server.queue.is_empty());
        let why = match c.to_server.end() {
            _ if broken => Closed::Error(libc::ECONNRESET),
            Some(End::Orderly) if c.server.reading => Closed::Eof,
            Some(End::Reset) if c.server.reading => Closed::Error(libc::ECONNRESET),
            _ => return,
        };
        c.server.told = true;
        if let Closed::Error(_) = why {
            c.server.queue.clear();
            c.server.unsent = 0;
        }
        if c.server.closing {
            return self.finish_close(number);
        }
        let text: &[u8] = if why == Closed::Eof { b"eof" } else { b"reset" };
        self.note(Kind::CoreEnd, core as u64, number, text);
        told.push(Happened::Closed { conn, why });
    }
}
