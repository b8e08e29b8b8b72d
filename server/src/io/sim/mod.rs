//! The third backend: a simulated machine. N cores, their clients and the network between them run
//! in one thread, on a clock that moves only when nobody can run, with every delay, split and
//! interleaving drawn from one seed. A seed is a run: the same events in the same order, whatever
//! the machine, so that a failure found once can be looked at as often as needed.
//!
//! ```text
//!   seeds      for_seeds: a property over many seeds, and the failing one again
//!   client     SimClient: pipelines commands, collects replies and when they came
//!   schedule   who runs next; SimCore, step, run_until
//!   backend    SimIo, a core's end of it all
//!   world      clock, events, connections: the rules
//!   files      the disk, and what is on its way to it
//!   pipe       one direction of one connection
//!   plan       how fast, how small, how faulty
//!   trace      what happened, as a hash and as lines
//! ```
//!
//! What it is for: orders of events that real sockets show once a month. What it cannot show: data
//! races inside a core's own memory operations (a turn is atomic here), and the kernel's quirks.
//! The disk under it is that of `persist::disk`: it knows what a power loss leaves.
//!
//! ```text
//!   let world = SimWorld::new(seed, 2, Plan::default());
//!   let listener = world.listen();
//!   let mut cores = [core(world.io(0), listener), core(world.io(1), listener)];
//!   let mut client = SimClient::connect(&world, listener);
//!   client.pipeline(&[&["SET", "a", "1"], &["GET", "a"]]);
//!   world.run_until(&mut cores, Duration::from_secs(1), || client.settled());
//! ```

mod backend;
mod client;
mod files;
mod pipe;
mod plan;
mod resp;
mod rng;
mod schedule;
mod seeds;
mod trace;
mod world;

#[cfg(test)]
mod tests;

pub use backend::SimIo;
pub use client::{Operation, SimClient};
pub use plan::Plan;
pub use rng::Rng;
pub use schedule::{Outcome, SimCore, Step};
pub use seeds::{for_seeds, for_seeds_on_all_cpus};
pub use world::{Arrival, ClientState};

use super::{Socket, Waker};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use trace::{Kind, NONE};
use world::{Event, World};

/// A listening port of the simulated network.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ListenerId(u64);

impl ListenerId {
    /// The socket to give to [`super::Io::add_listener`]; several cores may share it.
    #[must_use]
    pub fn socket(self) -> Socket {
        Socket::Sim(self.0)
    }
}

/// A client's end of a connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ClientId(u64);

/// The simulated machine; clones are handles to the same one.
#[derive(Clone)]
pub struct SimWorld(Rc<RefCell<World>>);

impl SimWorld {
    #[must_use]
    pub fn new(seed: u64, cores: usize, plan: Plan) -> Self {
        Self(Rc::new(RefCell::new(World::new(seed, cores, plan))))
    }

    /// The I/O of core `core`. A core has one owner at a time.
    #[must_use]
    pub fn io(&self, core: usize) -> SimIo {
        assert!(core < self.0.borrow().cores.len(), "core {core} is not part of this world");
        SimIo { world: Rc::clone(&self.0), core }
    }

    /// Simulated monotonic nanoseconds.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.0.borrow().now
    }

    /// Draws from the world's own chance, for choices of a test that belong to its seed.
    pub fn random<R>(&self, draw: impl FnOnce(&mut Rng) -> R) -> R {
        draw(&mut self.0.borrow_mut().rng)
    }

    /// Changes the plan from here on; connections keep what was drawn for them.
    pub fn set_plan(&self, change: impl FnOnce(&mut Plan)) {
        change(&mut self.0.borrow_mut().plan);
    }

    /// Everything that happened so far, as one number.
    #[must_use]
    pub fn trace_hash(&self) -> u64 {
        self.0.borrow().trace.hash()
    }

    /// How many events that number stands for.
    #[must_use]
    pub fn trace_events(&self) -> u64 {
        self.0.borrow().trace.events()
    }

    /// Keeps the events from here on as lines too.
    pub fn keep_trace_lines(&self) {
        self.0.borrow_mut().trace.keep_lines();
    }

    /// The lines kept.
    #[must_use]
    pub fn trace_lines(&self) -> Vec<String> {
        self.0.borrow().trace.lines().to_vec()
    }

    /// Opens a port.
    #[must_use]
    pub fn listen(&self) -> ListenerId {
        ListenerId(self.0.borrow_mut().listen())
    }

    /// Lets the next accepts of `core` fail with this `errno`, once.
    pub fn fail_accept(&self, core: usize, errno: i32) {
        self.0.borrow_mut().cores[core].accept_errors.push_back(errno);
    }

    /// Wakes a core from outside all cores, as a signal handler would.
    pub fn wake(&self, waker: &Waker) {
        if let Waker::Sim(core) = *waker {
            let mut world = self.0.borrow_mut();
            let at = world.now;
            world.schedule(at, Event::Wake { core });
            world.note(Kind::Wake, NONE, core as u64, &[]);
        }
    }

    // ---- clients ---------------------------------------------------------------------------

    /// Connects a client. It may send at once; a closed port answers with a reset.
    #[must_use]
    pub fn connect(&self, listener: ListenerId) -> ClientId {
        ClientId(self.0.borrow_mut().connect(listener.0))
    }

    /// Sends bytes now; what the network does not take yet follows when it does.
    pub fn client_send(&self, client: ClientId, bytes: &[u8]) {
        self.0.borrow_mut().client_send(client.0, bytes);
    }

    /// Sends bytes after some simulated time.
    pub fn client_send_after(&self, client: ClientId, wait: Duration, bytes: Vec<u8>) {
        let mut world = self.0.borrow_mut();
        let at = world.after(wait);
        world.schedule(at, Event::ClientSend { conn: client.0, bytes });
    }

    /// The bytes received since the last call, with their times of arrival.
    pub fn client_take(&self, client: ClientId) -> Vec<Arrival> {
        let mut world = self.0.borrow_mut();
        world.conns.get_mut(&client.0).map(|c| std::mem::take(&mut c.client.inbox)).unwrap_or_default()
    }

    /// The clients that have got something, bytes or an end, since the last call.
    #[must_use]
    pub fn clients_with_news(&self) -> Vec<ClientId> {
        let mut world = self.0.borrow_mut();
        if world.news.is_empty() {
            return Vec::new();
        }
        std::mem::take(&mut world.news).into_iter().map(ClientId).collect()
    }

    /// With `false` the client stops reading: the server's bytes fill the buffers on the way.
    pub fn client_set_reading(&self, client: ClientId, on: bool) {
        let mut world = self.0.borrow_mut();
        if let Some(c) = world.conns.get_mut(&client.0) {
            c.client.reading = on;
        }
        if on {
            world.client_read(client.0, usize::MAX);
        }
    }

    /// A client that does not read by itself reads up to `max` bytes of what has arrived.
    pub fn client_read(&self, client: ClientId, max: usize) {
        self.0.borrow_mut().client_read(client.0, max);
    }

    /// Shuts the sending direction down, after everything sent so far.
    pub fn client_half_close(&self, client: ClientId) {
        self.0.borrow_mut().client_half_close(client.0);
    }

    /// Closes the client's socket.
    pub fn client_close(&self, client: ClientId) {
        self.0.borrow_mut().client_close(client.0);
    }

    /// Resets the connection; a random last part of what is on its way to the server is lost.
    pub fn client_reset(&self, client: ClientId) {
        self.0.borrow_mut().client_reset(client.0);
    }

    #[must_use]
    pub fn client_state(&self, client: ClientId) -> ClientState {
        self.0.borrow().conns.get(&client.0).map_or(ClientState::Closed, |c| c.client.state)
    }
}
