//! A core: one thread, one ring, one shard. This file is the loop; a turn of it is
//!
//! ```text
//!   wait for completions ........ io.turn: bytes into inputs, sockets accepted, ends noticed
//!   drain the mailbox ........... direct messages handled, work for the shard queued
//!   run queued work ............. what other cores sent, in its order
//!   serve connections ........... parse, route, run what is local, batch the rest
//!   post the outbox ............. one atomic multicast, sleepers woken
//!   send replies, close ......... queued in the backend, submitted with the next wait
//!   slices ...................... expiry, freeing: bounded background work
//! ```
//!
//! The mailbox is drained *after* bytes were received and *before* any command that came with them
//! is run: [`crate::mailbox`] says why that order is what keeps N shards one Redis.

pub mod accept;
pub mod account;
mod ahead;
pub mod batch;
pub mod blocking;
pub mod cron;
pub mod deliver;
pub mod files;
pub mod fragment;
pub mod gather;
pub mod holds;
pub mod inline;
pub mod notify;
pub mod plan;
pub mod route;
pub mod run;
pub mod slices;
pub mod slow;
pub mod state;
pub mod subscribe;
pub mod tasks;
pub mod transaction;

#[cfg(test)]
mod sim_histories;
#[cfg(test)]
mod sim_pubsub_tests;
#[cfg(test)]
mod sim_tests;

use crate::conn::Doing;
use crate::io::{Closed, ConnId, FileDone, Io, Sink, Socket};
use crate::mailbox::Inbox;
use crate::work::Direct;
use state::{Closing, CoreState, Now};
use std::time::Duration;

/// Reply buffers kept ready for connections that have something to say.
const SPARE_MAX: usize = 64;
/// A client with this much unread output is not served until it has read some.
const UNSENT_MAX: usize = 4 << 20;

/// How long a stopping core waits for others to finish what they began together, in nanoseconds.
const STOP_NS_MAX: u64 = 1_000_000_000;

/// A core with its I/O.
pub struct Core<I: Io> {
    pub io: I,
    pub state: CoreState,
    /// When the last turn ended, in monotonic nanoseconds.
    ended_ns: u64,
    /// Where a simulated turn was left.
    #[cfg(test)]
    at: Option<(Part, u64)>,
}

/// The parts of a turn between which other cores may take their turns, as they do on a real machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Part {
    /// The mailbox is drained; what came is not run yet.
    Serve,
    /// Everything has run, nothing of it is posted.
    Post,
    End,
}

impl<I: Io> Core<I> {
    pub fn new(io: I, state: CoreState) -> Self {
        state.shared.mailboxes.set_waker(state.index, io.waker());
        let ended_ns = io.mono_ns();
        Self {
            io,
            state,
            ended_ns,
            #[cfg(test)]
            at: None,
        }
    }

    /// Turns until the server stops.
    pub fn run(&mut self) {
        while !self.finished() {
            self.turn();
        }
        self.say_goodbye();
    }

    /// The server stops, and nothing is half done here: or it is, and the core that would have to do the rest
    /// has stopped already, just before it was asked.
    #[must_use]
    pub fn finished(&self) -> bool {
        #[cfg(test)]
        if self.at.is_some() {
            return false;
        }
        let s = &self.state;
        let settled =
            s.frozen || s.held.is_none() && s.holds.is_idle() && s.sessions.is_empty() && s.queue.is_empty();
        let waited =
            s.stopping_since_ns.is_some_and(|since| self.ended_ns.saturating_sub(since) > STOP_NS_MAX);
        s.shared.stopping() && (waited || settled && s.shared.mailboxes.may_end(s.index))
    }

    /// One turn of the loop.
    pub fn turn(&mut self) {
        let Some(began) = self.wait() else { return };
        self.begin(began);
        self.run_part(Part::Serve, began);
        self.run_part(Part::Post, began);
        self.run_part(Part::End, began);
    }

    /// A part of a turn, so that a simulation may have other cores run between two of them. What one core posts to
    /// several without a batch that spans them is seen by one after the other, too.
    #[cfg(test)]
    fn turn_in_parts(&mut self) {
        let Some((part, began)) = self.at.take() else {
            let Some(began) = self.wait() else { return };
            self.begin(began);
            self.at = Some((Part::Serve, began));
            return;
        };
        let next = match part {
            Part::Serve => Some(Part::Post),
            Part::Post => {
                let apart = self.state.shared.post_apart.load(std::sync::atomic::Ordering::Relaxed);
                let io = &mut self.io;
                let mailboxes = &self.state.shared.mailboxes;
                if mailboxes.post_one(&mut self.state.outbox, apart, |_, waker| io.wake(waker)) {
                    self.at = Some((Part::Post, began));
                    return;
                }
                Some(Part::End)
            }
            Part::End => None,
        };
        self.run_part(part, began);
        self.at = next.map(|part| (part, began));
    }

    /// What comes with the bytes that were received: settings, sockets, the mailbox.
    fn begin(&mut self, began: u64) {
        self.state.now = Now { mono_ns: began, unix_us: self.io.unix_us() };
        self.state.refresh_settings();
        self.adopt_accepted();
        #[cfg(test)]
        if self.state.shared.serve_first.load(std::sync::atomic::Ordering::Relaxed) {
            self.state.serve();
        }
        self.drain();
    }

    #[inline]
    fn run_part(&mut self, part: Part, began: u64) {
        match part {
            Part::Serve => self.serve(),
            Part::Post => self.post_all(),
            Part::End => self.end(began),
        }
    }

    /// Runs everything that can be run.
    fn serve(&mut self) {
        self.state.run_queue();
        self.state.serve();
        if self.state.shard.has_ready() {
            self.state.serve_waiters();
        }
        self.state.cron();
    }

    fn post_all(&mut self) {
        self.post();
        if self.state.shared.mailboxes.pending(self.state.index) {
            // Our own part of what was just posted need not wait for the next turn.
            self.drain();
            self.state.run_queue();
            self.post();
        }
    }

    /// Replies, background work, and what is counted.
    fn end(&mut self, began: u64) {
        self.flush();
        let io = &self.io;
        self.state.run_slices(|| io.mono_ns());
        if self.state.has_news() {
            self.state.tell(None);
        }
        self.ended_ns = self.io.mono_ns();
        if self.state.shared.stopping() {
            self.state.stopping_since_ns.get_or_insert(self.ended_ns);
        }
        let worked = self.ended_ns.saturating_sub(began);
        let stats = self.state.stats();
        stats.turns.add(1);
        stats.busy_nanos.add(worked);
        if worked > stats.turn_nanos_max.get() {
            stats.turn_nanos_max.set(worked);
        }
    }

    /// Submits what is queued and waits for something to do; the monotonic time after. `None`: a simulated core
    /// has gone to sleep, and will be called again when it is to wake up. The clock is read twice a turn, here
    /// and at its end: each reading costs some percent of a small request.
    fn wait(&mut self) -> Option<u64> {
        let busy = self.state.has_work();
        self.state.look_again = false;
        let index = self.state.index;
        let mut wait = if busy { Duration::ZERO } else { self.state.until_cron(self.ended_ns) };
        if !wait.is_zero() && !self.state.shared.mailboxes.may_sleep(index) {
            wait = Duration::ZERO;
        }
        self.start_files(); // those that a slice has started since the flush
        let result = self.io.turn(Some(wait), &mut self.state);
        if let Err(e) = &result
            && e.kind() == std::io::ErrorKind::WouldBlock
        {
            return None;
        }
        if !wait.is_zero() {
            self.state.shared.mailboxes.awake(index);
        }
        let now = self.io.mono_ns();
        self.state.stats().idle_nanos.add(now.saturating_sub(self.ended_ns));
        if let Err(e) = result {
            crate::log::die(format_args!("Core {index}: waiting for events failed: {e}"));
        }
        while self.state.spare.len() < SPARE_MAX {
            let spare = self.io.spare();
            if spare.capacity() == 0 {
                break;
            }
            self.state.spare.push(spare);
        }
        Some(now)
    }

    /// Takes what other cores have posted: direct messages are handled, work is queued.
    fn drain(&mut self) {
        let mut inbox = std::mem::take(&mut self.state.inbox);
        self.state.shared.mailboxes.drain(self.state.index, &mut inbox);
        // What came may have been sent after a CONFIG SET: it must meet its settings.
        self.state.refresh_settings();
        self.state.queue.extend(inbox.ordered.drain(..));
        let mut messages = inbox.direct.drain(..);
        while !messages.as_slice().is_empty() {
            let group = messages.as_slice().len().min(ahead::GROUP);
            ahead::look_at_replies(&messages.as_slice()[..group]);
            messages.by_ref().take(group).for_each(|message| self.handle(message));
        }
        drop(messages);
        self.state.inbox = Inbox { ordered: inbox.ordered, direct: inbox.direct };
    }

    fn handle(&mut self, message: Direct) {
        match message {
            Direct::Done(work) => self.state.batch_part_done(work),
            Direct::Held { session, part, intact, parcels } => {
                self.state.part_held(session, part, intact, parcels);
            }
            Direct::Run(work) => {
                self.state.look_at(&work);
                self.state.run_work(work);
            }
            Direct::Lend { origin, session, part, wanted } => {
                self.state.lend(origin, session, part, wanted);
            }
            Direct::Lent { session, part, parcels } => self.state.part_lent(session, part, parcels),
            Direct::GiveBack(parcels) => self.state.shard.give_back(parcels),
            Direct::Release { origin, session, parcels, waiter } => {
                self.state.release(origin, session, parcels, waiter);
            }
            Direct::Leave { asker, answer } => self.state.remove_waiter(asker, answer),
            Direct::Left { id, was_here } => self.state.left(id, was_here),
            Direct::Served { id, reply } => self.state.served(id, &reply),
            Direct::Called(id) => self.state.called(id),
            Direct::Adopt { socket, client } => self.adopt(socket, client),
            Direct::Task(task) => self.state.run_task(task),
            Direct::Thaw => self.state.frozen = false,
            Direct::Answer { conn, transaction, core, answer } => {
                self.state.answered(conn, transaction, core, answer);
            }
            Direct::Listen(change) => self.change_listeners(change),
            Direct::Monitor { from, line } => self.state.take_monitor_line(from, &line),
            Direct::Notices(notices) => self.state.take_notices(&notices),
            Direct::Loaded(delivery) => self.state.deliveries.push_back(delivery),
            Direct::Loading(turn) => self.state.take_stage(&turn),
            Direct::Noticed { core, bytes } => self.state.undelivered.handled(core, bytes),
            #[cfg(test)]
            Direct::Note(_) => {}
        }
    }

    fn post(&mut self) {
        let state = &mut self.state;
        let io = &mut self.io;
        #[cfg(test)]
        state.shared.witness.lock().append(&mut state.posted);
        state.post_monitor_lines();
        state.shared.mailboxes.post(&mut state.outbox, |_, waker| io.wake(waker));
        state.shared.subscriptions.posted(state.index);
    }

    /// Hands every connection's replies to the backend, then closes what is to be closed.
    fn flush(&mut self) {
        for slot in std::mem::take(&mut self.state.flush) {
            self.flush_conn(slot);
        }
        for (id, on) in std::mem::take(&mut self.state.reading) {
            if self.state.conns.get(id).is_some() {
                self.io.set_reading(id, on);
            }
        }
        self.unthrottle();
        for Closing { id, flush } in std::mem::take(&mut self.state.closing) {
            self.io.close(id, flush);
            self.state.forget(id);
        }
        self.start_files();
    }

    /// Hands the operations on files to the backend.
    fn start_files(&mut self) {
        for (token, file, op) in self.state.files.take_queued() {
            self.io.file(token, &file, op);
        }
    }

    fn flush_conn(&mut self, slot: u32) {
        let Some(conn) = self.state.conns.slot(slot) else { return };
        conn.flushing = false;
        if conn.out.is_empty() {
            return;
        }
        let bytes = std::mem::take(&mut conn.out);
        let (id, len) = (conn.id, bytes.len() as u64);
        conn.bytes_out += len;
        self.state.stats().net_output_bytes.add(len);
        self.state.stats().writes.add(1);
        self.io.send(id, bytes);
        let unsent = self.io.unsent(id);
        if unsent > UNSENT_MAX || self.state.output_limited(id, unsent) {
            self.throttle(id, unsent);
        }
    }

    /// A client that does not read: over its hard limit it is closed, otherwise it waits.
    fn throttle(&mut self, id: ConnId, unsent: usize) {
        if self.state.output_limit_reached(id, unsent) {
            self.state.close(id, false);
            return;
        }
        let Some(conn) = self.state.conns.get(id) else { return };
        if !conn.throttled {
            conn.throttled = true;
            self.state.throttled.push(id);
            self.state.look_again = true;
            self.io.set_reading(id, false);
        }
    }

    /// Serves throttled clients again once they have read half of what was waiting.
    fn unthrottle(&mut self) {
        if self.state.throttled.is_empty() {
            return;
        }
        let mut still = Vec::new();
        for id in std::mem::take(&mut self.state.throttled) {
            let unsent = self.io.unsent(id);
            if self.state.conns.get(id).is_none() {
                continue;
            }
            if unsent > UNSENT_MAX / 2 || self.state.output_limited(id, unsent) {
                if self.state.output_limit_reached(id, unsent) {
                    self.state.close(id, false);
                } else {
                    still.push(id);
                }
                continue;
            }
            let Some(conn) = self.state.conns.get(id) else { continue };
            conn.throttled = false;
            conn.soft_limit_since_ns = None;
            let muted = conn.muted;
            self.state.enqueue(id.slot);
            if !muted {
                self.io.set_reading(id, true);
            }
        }
        self.state.throttled = still;
    }

    /// The last turn: what is answered is sent, then everything is closed.
    fn say_goodbye(&mut self) {
        self.io.close_listeners();
        for id in self.state.conn_ids() {
            self.state.wants_flush(id.slot);
            self.state.close(id, true);
        }
        self.flush();
        let _ = self.io.turn(Some(Duration::ZERO), &mut self.state); // nothing is left to be told
    }
}

/// What the backend tells goes straight into the state.
impl Sink for CoreState {
    fn accepted(&mut self, listener: usize, socket: Socket) {
        self.accepted.push((listener, socket));
    }

    fn accept_failed(&mut self, _listener: usize, errno: i32) {
        if errno == libc::EINVAL {
            return; // CONFIG SET has shut the socket down; it is closed or listens again soon
        }
        let why = std::io::Error::from_raw_os_error(errno);
        crate::log::warning(format_args!("Accepting client connection: accept: {why}"));
    }

    fn received(&mut self, id: ConnId, bytes: &[u8]) {
        let limit = self.settings.client_query_buffer_limit;
        let Some(conn) = self.conns.get(id) else { return };
        if conn.closing {
            return;
        }
        conn.input.extend_from_slice(bytes);
        conn.bytes_in += bytes.len() as u64;
        conn.active_ns = self.now.mono_ns;
        let unread = conn.unread();
        self.stats().net_input_bytes.add(bytes.len() as u64);
        self.stats().reads.add(1);
        if unread > limit {
            return self.query_buffer_overrun(id);
        }
        self.enqueue(id.slot);
    }

    fn closed(&mut self, id: ConnId, why: Closed) {
        if let Closed::Error(errno) = why {
            let why = std::io::Error::from_raw_os_error(errno);
            crate::log::verbose(format_args!("Error on a client's connection: {why}"));
        }
        let Some(conn) = self.conns.get(id) else { return };
        conn.ended = true;
        if conn.throttled || matches!(conn.doing, Doing::Blocked(_)) {
            return self.close(id, false); // it will not read what it has asked for
        }
        self.enqueue(id.slot);
    }

    fn file_done(&mut self, done: FileDone) {
        self.files.done(done);
    }
}
