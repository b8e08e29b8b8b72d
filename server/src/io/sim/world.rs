//! The state of a simulation: clock, event queue, cores, listeners, connections, and the rules by
//! which bytes and ends travel. Everything random is drawn from one seeded generator in the order
//! of execution, and nothing is ever iterated in an order that is not fixed: so a seed is a run.
//!
//! ```text
//!   client end            to_server pipe ->            core's end
//!   outbox, inbox         <- to_client pipe            queue (bytes the "kernel" has not taken)
//! ```
//!
//! The ends behave as TCP's on Linux: closing with unread bytes, or bytes that reach a closed
//! end, answer with a reset; a reset lets what arrived before it be read first; a client that is
//! reset loses a random last part of what was still on its way to the server.

use super::files::{Disk, FilesOfCore};
use super::pipe::{End, Pipe, take_front};
use super::plan::Plan;
use super::rng::Rng;
use super::trace::{Kind, NONE, Trace};
use crate::io::ConnId;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, VecDeque};
use std::time::Duration;

/// Where the monotonic clock begins: not zero, so that "never" and "at the start" differ.
pub(super) const START_NS: u64 = 1_000_000_000;
/// Where the calendar begins: 2023-11-14 22:13:20 UTC.
pub(super) const START_UNIX_US: i64 = 1_700_000_000_000_000;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Side {
    Server,
    Client,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Event {
    /// A connection request reaches its listener.
    Connect { conn: u64 },
    /// Segments reach this side of a connection.
    Arrive { conn: u64, side: Side },
    /// A wake reaches its core.
    Wake { core: usize },
    /// A client sends what it planned to.
    ClientSend { conn: u64, bytes: Vec<u8> },
    /// The disk gets round to the next part of an operation on a file.
    File { number: u64 },
}

/// What a core does until its next turn.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// It calls the next turn as soon as it has a CPU.
    Running,
    /// Asleep inside a turn, until an event or this time.
    Parked { deadline: Option<u64> },
}

pub(super) struct Core {
    pub(super) conns: HashMap<ConnId, u64>,
    /// Connections with something to submit or to deliver.
    pub(super) ready: BTreeSet<u64>,
    /// (The index it was added with, the listener.)
    pub(super) listeners: Vec<(usize, u64)>,
    pub(super) accept_errors: VecDeque<i32>,
    pub(super) woken: bool,
    pub(super) wakes_queued: Vec<usize>,
    pub(super) wait: Wait,
    pub(super) busy_until: u64,
    pub(super) spare: Vec<Vec<u8>>,
    pub(super) files: FilesOfCore,
}

#[derive(Default)]
pub(super) struct Listener {
    pub(super) open: bool,
    pub(super) backlog: VecDeque<u64>,
}

/// The core's end of a connection.
pub(super) struct ServerEnd {
    /// The core it was added to, and its name there.
    pub(super) owner: Option<(usize, ConnId)>,
    pub(super) reading: bool,
    /// Bytes still handed over although reading is off: they were on the way.
    pub(super) on_the_way: usize,
    pub(super) queue: VecDeque<Vec<u8>>,
    /// How much of the queue's first buffer is sent.
    pub(super) sent_of_first: usize,
    pub(super) unsent: usize,
    /// The last submission was short.
    pub(super) blocked: bool,
    /// `close` was called; the queue is being flushed.
    pub(super) closing: bool,
    pub(super) closed: bool,
    /// The core was told of the end.
    pub(super) told: bool,
}

/// How a client's connection stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClientState {
    Open,
    /// The server closed in order; everything it sent was received.
    Eof,
    /// The connection was reset, by the server, by a fault, or by the client itself.
    Reset,
    /// The client closed it.
    Closed,
}

/// Bytes as a client got them: when, and what.
pub type Arrival = (u64, Vec<u8>);

pub(super) struct ClientEnd {
    pub(super) state: ClientState,
    /// False: bytes stay in the socket buffer until asked for.
    pub(super) reading: bool,
    pub(super) outbox: VecDeque<u8>,
    pub(super) finish_after_outbox: bool,
    pub(super) inbox: Vec<Arrival>,
}

pub(super) struct Conn {
    pub(super) listener: u64,
    pub(super) to_server: Pipe,
    pub(super) to_client: Pipe,
    pub(super) server: ServerEnd,
    pub(super) client: ClientEnd,
}

pub(super) struct World {
    pub(super) now: u64,
    pub(super) rng: Rng,
    pub(super) plan: Plan,
    pub(super) trace: Trace,
    events: BinaryHeap<Reverse<(u64, u64, Event)>>,
    next_event: u64,
    pub(super) cores: Vec<Core>,
    pub(super) listeners: BTreeMap<u64, Listener>,
    pub(super) conns: BTreeMap<u64, Conn>,
    /// Clients that have got something, bytes or an end, since this was last asked.
    pub(super) news: BTreeSet<u64>,
    next_socket: u64,
    pub(super) disk: Disk,
}

impl World {
    pub(super) fn new(seed: u64, cores: usize, plan: Plan) -> Self {
        Self {
            now: START_NS,
            rng: Rng::new(seed),
            plan,
            trace: Trace::default(),
            events: BinaryHeap::new(),
            next_event: 0,
            cores: (0..cores).map(|_| Core::new()).collect(),
            listeners: BTreeMap::new(),
            conns: BTreeMap::new(),
            news: BTreeSet::new(),
            next_socket: 0,
            disk: Disk::new(seed),
        }
    }

    pub(super) fn schedule(&mut self, at: u64, event: Event) {
        self.events.push(Reverse((at.max(self.now), self.next_event, event)));
        self.next_event += 1;
    }

    /// When the next event is due.
    pub(super) fn next_event_at(&self) -> Option<u64> {
        self.events.peek().map(|Reverse((at, _, _))| *at)
    }

    /// Lets everything happen that is due.
    pub(super) fn run_events(&mut self) {
        while self.next_event_at().is_some_and(|at| at <= self.now) {
            let Some(Reverse((_, _, event))) = self.events.pop() else { return };
            match event {
                Event::Connect { conn } => self.connect_arrives(conn),
                Event::Arrive { conn, side: Side::Server } => self.arrive_at_server(conn),
                Event::Arrive { conn, side: Side::Client } => self.arrive_at_client(conn),
                Event::Wake { core } => self.cores[core].woken = true,
                Event::ClientSend { conn, bytes } => self.client_send(conn, &bytes),
                Event::File { number } => self.file_part(number),
            }
        }
    }

    pub(super) fn note(&mut self, kind: Kind, core: u64, conn: u64, bytes: &[u8]) {
        self.trace.event(self.now, kind, core, conn, bytes);
    }

    fn socket_number(&mut self) -> u64 {
        self.next_socket += 1;
        self.next_socket
    }

    // ---- listeners -------------------------------------------------------------------------

    pub(super) fn listen(&mut self) -> u64 {
        let number = self.socket_number();
        self.listeners.insert(number, Listener { open: true, backlog: VecDeque::new() });
        number
    }

    pub(super) fn connect(&mut self, listener: u64) -> u64 {
        let number = self.socket_number();
        let conn = Conn::new(listener, &self.plan, &mut self.rng);
        let at = self.now + conn.to_server.latency_ns();
        self.conns.insert(number, conn);
        self.schedule(at, Event::Connect { conn: number });
        self.note(Kind::Connect, NONE, number, &[]);
        number
    }

    fn connect_arrives(&mut self, conn: u64) {
        let Some(listener) = self.conns.get(&conn).map(|c| c.listener) else { return };
        match self.listeners.get_mut(&listener) {
            Some(l) if l.open => l.backlog.push_back(conn),
            _ => self.server_reset(conn),
        }
    }

    pub(super) fn close_listener(&mut self, listener: u64) {
        let Some(l) = self.listeners.get_mut(&listener) else { return };
        l.open = false;
        for conn in std::mem::take(&mut l.backlog) {
            self.server_reset(conn);
        }
    }

    // ---- the client's end ------------------------------------------------------------------

    pub(super) fn client_send(&mut self, conn: u64, bytes: &[u8]) {
        if self.rng.one_in(self.plan.reset_one_in) {
            return self.client_reset(conn);
        }
        let Some(c) = self.conns.get_mut(&conn) else { return };
        let alive = matches!(c.client.state, ClientState::Open | ClientState::Eof);
        if !alive || c.client.finish_after_outbox || c.to_server.has_ended() {
            return;
        }
        c.client.outbox.extend(bytes);
        self.note(Kind::ClientSend, NONE, conn, bytes);
        self.pump_client(conn);
    }

    /// Moves the client's bytes into the network as far as they fit.
    pub(super) fn pump_client(&mut self, conn: u64) {
        let Self { now, rng, plan, conns, .. } = self;
        let Some(c) = conns.get_mut(&conn) else { return };
        let mut arrivals = Vec::new();
        let fits = c.to_server.space().min(c.client.outbox.len());
        if fits > 0 {
            let bytes = take_front(&mut c.client.outbox, fits);
            c.to_server.write(*now, &bytes, &plan.jitter_ns, rng, &mut arrivals);
        }
        if c.client.finish_after_outbox && c.client.outbox.is_empty() {
            arrivals.extend(c.to_server.finish(*now, End::Orderly, rng.within(&plan.jitter_ns)));
        }
        self.schedule_arrivals(arrivals, conn, Side::Server);
    }

    fn schedule_arrivals(&mut self, arrivals: Vec<u64>, conn: u64, side: Side) {
        for at in arrivals {
            self.schedule(at, Event::Arrive { conn, side });
        }
    }

    pub(super) fn client_half_close(&mut self, conn: u64) {
        let Some(c) = self.conns.get_mut(&conn) else { return };
        c.client.finish_after_outbox = true;
        self.note(Kind::ClientClose, NONE, conn, b"half");
        self.pump_client(conn);
    }

    /// close(2): what the kernel has is still sent, what the client kept back is not.
    pub(super) fn client_close(&mut self, conn: u64) {
        let Some(c) = self.conns.get_mut(&conn) else { return };
        if c.client.state == ClientState::Closed {
            return;
        }
        if c.to_client.readable() > 0 {
            self.client_reset(conn);
        }
        let Some(c) = self.conns.get_mut(&conn) else { return };
        c.client.state = ClientState::Closed;
        c.client.outbox.clear();
        self.note(Kind::ClientClose, NONE, conn, &[]);
        self.client_half_close(conn);
    }

    /// The client dies: a reset follows a random first part of what was on its way.
    pub(super) fn client_reset(&mut self, conn: u64) {
        let Self { now, rng, plan, conns, .. } = self;
        let Some(c) = conns.get_mut(&conn) else { return };
        if !matches!(c.client.state, ClientState::Open | ClientState::Eof) {
            return;
        }
        c.client.state = ClientState::Reset;
        c.client.outbox.clear();
        c.to_client.discard();
        c.to_server.lose_tail(rng);
        let at = c.to_server.finish(*now, End::Reset, rng.within(&plan.jitter_ns));
        self.schedule_arrivals(at.into_iter().collect(), conn, Side::Server);
        self.note(Kind::Reset, NONE, conn, b"client");
        self.refresh(conn);
    }

    fn arrive_at_client(&mut self, conn: u64) {
        let now = self.now;
        let Some(c) = self.conns.get_mut(&conn) else { return };
        if !c.to_client.arrive(now) {
            return;
        }
        if c.client.state == ClientState::Closed && c.to_client.readable() > 0 {
            c.to_client.discard();
            let at = c.to_server.finish(now, End::Reset, 0);
            return self.schedule_arrivals(at.into_iter().collect(), conn, Side::Server);
        }
        if c.client.reading {
            self.client_read(conn, usize::MAX);
        }
    }

    /// Hands the client up to `max` bytes of what has arrived, and the end if that is next.
    pub(super) fn client_read(&mut self, conn: u64, max: usize) {
        let now = self.now;
        let Some(c) = self.conns.get_mut(&conn) else { return };
        let bytes = c.to_client.read(max);
        let end = c.to_client.end().filter(|_| c.client.state == ClientState::Open);
        match end {
            Some(End::Orderly) => c.client.state = ClientState::Eof,
            Some(End::Reset) => {
                c.client.state = ClientState::Reset;
                c.client.outbox.clear();
            }
            None => {}
        }
        if end.is_some() || !bytes.is_empty() {
            self.news.insert(conn);
        }
        if !bytes.is_empty() {
            c.client.inbox.push((now, bytes.clone()));
            self.note(Kind::ClientReceive, NONE, conn, &bytes);
        }
        if let Some(end) = end {
            let text: &[u8] = if end == End::Reset { b"reset" } else { b"eof" };
            self.note(Kind::ClientEnd, NONE, conn, text);
        }
        self.refresh(conn);
    }

    // ---- the core's end --------------------------------------------------------------------

    fn arrive_at_server(&mut self, conn: u64) {
        let now = self.now;
        let Some(c) = self.conns.get_mut(&conn) else { return };
        if !c.to_server.arrive(now) {
            return;
        }
        if c.to_server.was_reset() {
            c.to_client.discard();
        }
        if c.server.closed && c.to_server.readable() > 0 {
            c.to_server.read(usize::MAX);
            return self.server_reset(conn);
        }
        self.refresh(conn);
    }

    /// Answers with a reset, as for a closed port or a closed socket.
    fn server_reset(&mut self, conn: u64) {
        let now = self.now;
        let Some(c) = self.conns.get_mut(&conn) else { return };
        c.server.closed = true;
        let at = c.to_client.finish(now, End::Reset, 0);
        if at.is_some() {
            self.note(Kind::Reset, NONE, conn, b"server");
        }
        self.schedule_arrivals(at.into_iter().collect(), conn, Side::Client);
    }

    /// The kernel closes a dead process's sockets.
    pub(super) fn reset_all(&mut self) {
        let conns: Vec<u64> = self.conns.iter().filter(|(_, c)| !c.server.closed).map(|(n, _)| *n).collect();
        for conn in conns {
            if let Some(c) = self.conns.get_mut(&conn) {
                c.server.owner = None;
            }
            self.server_reset(conn);
        }
    }

    /// Closes the core's socket: FIN after what was taken, or a reset if bytes were left unread.
    pub(super) fn finish_close(&mut self, conn: u64) {
        let Self { now, rng, plan, conns, .. } = self;
        let Some(c) = conns.get_mut(&conn) else { return };
        let core = c.server.owner.map_or(NONE, |(core, _)| core as u64);
        c.server.closed = true;
        c.server.queue.clear();
        c.server.unsent = 0;
        let unread = !c.to_server.read(usize::MAX).is_empty();
        let end = if unread { End::Reset } else { End::Orderly };
        let at = c.to_client.finish(*now, end, rng.within(&plan.jitter_ns));
        self.schedule_arrivals(at.into_iter().collect(), conn, Side::Client);
        self.note(Kind::CoreClose, core, conn, if unread { b"unread" } else { b"" });
        self.refresh(conn);
    }

    /// Moves queued bytes into the network; a full buffer, and sometimes chance, makes it short.
    /// True when a connection that was blocked has got rid of everything.
    pub(super) fn pump_server(&mut self, conn: u64) -> bool {
        let Self { now, rng, plan, conns, cores, trace, .. } = self;
        let Some(c) = conns.get_mut(&conn) else { return false };
        let end = &mut c.server;
        let core = end.owner.map_or(0, |(core, _)| core);
        let mut arrivals = Vec::new();
        while let Some(first) = end.queue.front() {
            let mut rest = &first[end.sent_of_first..];
            if rng.one_in(16) {
                rest = &rest[..rng.below(rest.len() as u64 + 1) as usize];
            }
            let n = c.to_client.write(*now, rest, &plan.jitter_ns, rng, &mut arrivals);
            if n > 0 {
                trace.event(*now, Kind::CoreSend, core as u64, conn, &rest[..n]);
            }
            end.sent_of_first += n;
            end.unsent -= n;
            if end.sent_of_first < first.len() {
                break;
            }
            end.sent_of_first = 0;
            cores[core].spare.extend(end.queue.pop_front().filter(|b| b.capacity() <= 64 << 10));
            cores[core].spare.truncate(64);
        }
        let freed = end.blocked && end.queue.is_empty();
        end.blocked = !end.queue.is_empty();
        let close = end.closing && end.queue.is_empty() && !end.closed;
        self.schedule_arrivals(arrivals, conn, Side::Client);
        if close {
            self.finish_close(conn);
        }
        self.refresh(conn);
        freed
    }

    /// Writes down whether the core that owns `conn` has anything to do for it.
    pub(super) fn refresh(&mut self, conn: u64) {
        let Some(c) = self.conns.get_mut(&conn) else { return };
        let Some((core, _)) = c.server.owner else { return };
        if c.submittable() || c.deliverable() {
            self.cores[core].ready.insert(conn);
        } else {
            self.cores[core].ready.remove(&conn);
        }
    }

    /// Something a parked core would be woken by.
    pub(super) fn has_work(&self, core: usize) -> bool {
        let c = &self.cores[core];
        c.woken
            || c.files.has_done()
            || !c.ready.is_empty()
            || c.listeners.iter().any(|(_, l)| self.acceptable(core, *l))
    }

    /// accept(2) on this listener would say something to this core.
    pub(super) fn acceptable(&self, core: usize, listener: u64) -> bool {
        let waiting = self.listeners.get(&listener).is_some_and(|l| !l.backlog.is_empty());
        waiting || !self.cores[core].accept_errors.is_empty()
    }

    pub(super) fn unix_us(&self) -> i64 {
        START_UNIX_US + ((self.now - START_NS) / 1_000) as i64
    }

    pub(super) fn after(&self, wait: Duration) -> u64 {
        self.now.saturating_add(u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX))
    }
}

impl Core {
    pub(super) fn new() -> Self {
        Self {
            conns: HashMap::new(),
            ready: BTreeSet::new(),
            listeners: Vec::new(),
            accept_errors: VecDeque::new(),
            woken: false,
            wakes_queued: Vec::new(),
            wait: Wait::Running,
            busy_until: 0,
            spare: Vec::new(),
            files: FilesOfCore::default(),
        }
    }
}

impl Conn {
    fn new(listener: u64, plan: &Plan, rng: &mut Rng) -> Self {
        let mut pipe = || {
            let capacity = rng.within_log(&plan.buffer_bytes) as usize;
            let latency = rng.within(&plan.latency_ns);
            Pipe::new(capacity, latency, rng)
        };
        Self {
            listener,
            to_server: pipe(),
            to_client: pipe(),
            server: ServerEnd {
                owner: None,
                reading: true,
                on_the_way: 0,
                queue: VecDeque::new(),
                sent_of_first: 0,
                unsent: 0,
                blocked: false,
                closing: false,
                closed: false,
                told: false,
            },
            client: ClientEnd {
                state: ClientState::Open,
                reading: true,
                outbox: VecDeque::new(),
                finish_after_outbox: false,
                inbox: Vec::new(),
            },
        }
    }

    /// The queue can move: there is room, or there is nobody left to send to.
    pub(super) fn submittable(&self) -> bool {
        let end = &self.server;
        !end.closed && !end.queue.is_empty() && !self.to_server.was_reset() && self.to_client.space() > 0
    }

    /// There is something to tell the core.
    pub(super) fn deliverable(&self) -> bool {
        let end = &self.server;
        if end.closed {
            return false;
        }
        if end.closing {
            return self.to_server.was_reset();
        }
        if end.told {
            return false;
        }
        if self.to_server.was_reset() && !end.queue.is_empty() {
            return true;
        }
        if end.reading {
            self.to_server.readable() > 0 || self.to_server.end().is_some()
        } else {
            end.on_the_way > 0
        }
    }
}
