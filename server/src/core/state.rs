//! Everything of one core but its I/O: the shard, the connections, what is under way. Free of the
//! I/O type, so that commands and tasks can be written against it without being generic.

use super::batch::Maker;
use super::cron::Clockwork;
use super::files::FileOps;
use super::fragment::Writing;
use super::holds::Holds;
use super::notify::Undelivered;
use super::plan::Plan;
use super::slices::Slices;
use super::transaction::Sessions;
use crate::clock::Ticks;
use crate::config::Settings;
use crate::conn::{Conn, ConnTable, Doing};
use crate::io::{ConnId, Socket};
use crate::loading::Delivery;
use crate::mailbox::{Inbox, Outbox};
use crate::shared::Shared;
use crate::stats::CoreStats;
use crate::work::{Hold, Ordered, WorkPool};
use shard::pubsub;
use shard::{Place, Shard};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

/// A connection that is to be closed at the end of the turn.
pub struct Closing {
    pub id: ConnId,
    /// After what is queued has been sent.
    pub flush: bool,
}

/// The time of a turn, read once.
#[derive(Clone, Copy, Default, Debug)]
pub struct Now {
    pub mono_ns: u64,
    pub unix_us: i64,
}

impl Now {
    #[must_use]
    pub fn unix_ms(&self) -> i64 {
        self.unix_us / 1000
    }
}

/// One core.
pub struct CoreState {
    pub index: usize,
    pub shared: Arc<Shared>,
    pub settings: Arc<Settings>,
    pub settings_version: u64,
    pub shard: Shard,
    /// Where commands run whose keys other shards have lent; empty in between.
    pub scratch: Shard,
    pub conns: ConnTable,
    pub now: Now,
    pub ticks: Ticks,

    /// Connections with something to execute, each once (`Conn::queued`).
    pub ready: VecDeque<u32>,
    /// Connections that CLIENT PAUSE holds back.
    pub paused: Vec<ConnId>,
    /// Connections that wait for a key, and for how many of them until when (Unix milliseconds, slot, generation).
    pub waits: usize,
    pub deadlines: BTreeSet<(i64, u32, u32)>,
    /// Connections with replies to send, each once (`Conn::flushing`).
    pub flush: Vec<u32>,
    pub closing: Vec<Closing>,
    /// Connections whose reading is to be switched off or on again.
    pub reading: Vec<(ConnId, bool)>,

    /// Work for this shard that has been posted and not run yet.
    pub queue: VecDeque<Ordered>,
    /// Databases and hashes of keys that are asked for together ([`super::ahead`]); empty between.
    pub ahead: Vec<(u16, u64)>,
    /// The session that holds all of this shard: (core, number).
    pub held: Option<(usize, u64)>,
    /// What sessions hold by key, and what waits for it.
    pub holds: Holds,
    /// A data set is being loaded: clients may not touch keys.
    pub loading: bool,
    /// Keys of its file that are to be put into the shard.
    pub deliveries: VecDeque<Box<Delivery>>,
    /// Sessions that wait for its end.
    pub put_off: Vec<Box<Hold>>,
    pub inbox: Inbox,
    pub outbox: Outbox,
    pub pool: WorkPool,
    pub maker: Maker,
    pub plan: Plan,
    pub next_transaction: u64,
    /// Sessions that this core has begun.
    pub sessions: Sessions,
    /// The session of which a command about the server is just being begun: what it asks of shards goes to
    /// those that are held.
    pub alone: Option<u64>,
    /// Connections whose subscriptions wait to be confirmed, and those whose RESET waits for them to be gone.
    pub subscribing: Vec<ConnId>,
    pub leaving: Vec<ConnId>,
    /// Notifications that other cores have not handled yet.
    pub undelivered: Undelivered,
    /// Buffers for messages: an outbox to be filled, frames in RESP2 and RESP3, cores that listen.
    pub delivered: pubsub::Outbox,
    pub frames: [Vec<u8>; 2],
    pub listeners: Vec<u16>,
    /// Connections that are not served until they have read more of their replies.
    pub throttled: Vec<ConnId>,
    /// A client was throttled in this turn. Its output may leave whole with the next submission, which
    /// nothing tells: so the next turn must not sleep, and look at it again.
    pub look_again: bool,
    /// Operations on files.
    pub files: FileOps,
    /// Sockets that a listener of this core has accepted.
    pub accepted: Vec<(usize, Socket)>,

    pub clockwork: Clockwork,
    /// Since when this core knows that the server stops, in monotonic nanoseconds.
    pub stopping_since_ns: Option<u64>,
    /// The core that got the last connection accepted here.
    pub last_adopter: usize,
    /// Commands that take this long go to the slow log.
    pub slow_nanos: u64,
    pub slices: Slices,
    /// This core's part of a snapshot under way.
    pub fragment: Option<Box<Writing>>,
    /// The last snapshot before the stop has been cut: nothing may change any more.
    pub frozen: bool,
    pub histograms: crate::latency::CommandHistograms,
    /// Commands posted in this turn, for the witness.
    #[cfg(test)]
    pub posted: Vec<crate::shared::Witnessed>,
    /// Spare reply buffers, lent by the I/O backend.
    pub spare: Vec<Vec<u8>>,
}

impl CoreState {
    #[must_use]
    pub fn new(index: usize, shared: Arc<Shared>, ticks: Ticks) -> Self {
        let settings = shared.settings();
        let cores = shared.mailboxes.cores();
        let shard = Shard::new(settings.databases, shared.hash_seed).at(Place { index, count: cores });
        let scratch = Shard::scratch(settings.databases, shared.hash_seed);
        let mut core = Self {
            index,
            settings_version: shared.settings_version(),
            settings,
            shard,
            scratch,
            conns: ConnTable::default(),
            now: Now::default(),
            ticks,
            ready: VecDeque::new(),
            paused: Vec::new(),
            waits: 0,
            deadlines: BTreeSet::new(),
            flush: Vec::new(),
            closing: Vec::new(),
            reading: Vec::new(),
            queue: VecDeque::new(),
            fragment: None,
            frozen: false,
            ahead: Vec::new(),
            held: None,
            holds: Holds::default(),
            loading: shared.loading.is_active(),
            deliveries: VecDeque::new(),
            put_off: Vec::new(),
            inbox: Inbox::default(),
            outbox: Outbox::new(cores),
            pool: WorkPool::default(),
            maker: Maker::new(cores),
            plan: Plan::default(),
            next_transaction: 1,
            sessions: Sessions::default(),
            alone: None,
            subscribing: Vec::new(),
            leaving: Vec::new(),
            undelivered: Undelivered::new(cores),
            delivered: pubsub::Outbox::default(),
            frames: Default::default(),
            listeners: Vec::new(),
            throttled: Vec::new(),
            look_again: false,
            files: FileOps::default(),
            accepted: Vec::new(),
            clockwork: Clockwork::default(),
            stopping_since_ns: None,
            last_adopter: cores - 1,
            slow_nanos: u64::MAX,
            slices: Slices::default(),
            histograms: crate::latency::CommandHistograms::default(),
            #[cfg(test)]
            posted: Vec::new(),
            spare: Vec::new(),
            shared,
        };
        core.apply_settings();
        core
    }

    #[must_use]
    pub fn stats(&self) -> &CoreStats {
        &self.shared.stats[self.index]
    }

    /// Takes over a configuration that CONFIG SET has published.
    pub fn refresh_settings(&mut self) {
        let version = self.shared.settings_version();
        if version != self.settings_version {
            self.settings = self.shared.settings();
            self.settings_version = version;
            self.apply_settings();
        }
    }

    fn apply_settings(&mut self) {
        self.shard.settings = super::slices::shard_settings(&self.settings, &self.shared);
        let classes = super::notify::classes(self.settings.notify_keyspace_events);
        self.shard.events.publish(classes);
        self.scratch.settings = self.shard.settings.clone();
        self.scratch.events.publish(classes);
        let slower = self.settings.slowlog_log_slower_than_us;
        let slow_log = u64::try_from(slower).map_or(u64::MAX, |us| us.saturating_mul(1000));
        let monitor = match self.settings.latency_monitor_threshold_ms {
            0 => u64::MAX,
            ms => ms.saturating_mul(1_000_000),
        };
        self.slow_nanos = slow_log.min(monitor);
        self.ticks.set_enabled(self.settings.latency_tracking || self.slow_nanos != u64::MAX);
        self.histograms.set_enabled(self.settings.latency_tracking);
    }

    /// Notes a command that takes effect when this turn's outbox is posted.
    #[cfg(test)]
    pub fn witness_later(&mut self, id: ConnId, args: proto::args::Args<'_>) {
        if self.shared.turns_in_parts.load(std::sync::atomic::Ordering::Relaxed) {
            return;
        }
        let client = self.conns.get(id).map_or(0, |c| c.client);
        self.posted.push((client, args.iter().map(<[u8]>::to_vec).collect()));
    }

    /// Puts a connection on the list of those to look at.
    pub fn enqueue(&mut self, slot: u32) {
        if let Some(conn) = self.conns.slot(slot)
            && !conn.queued
        {
            conn.queued = true;
            self.ready.push_back(slot);
        }
    }

    /// Marks a connection as having replies to send.
    pub fn wants_flush(&mut self, slot: u32) {
        if let Some(conn) = self.conns.slot(slot)
            && !conn.flushing
        {
            conn.flushing = true;
            self.flush.push(slot);
        }
    }

    /// A number for a transaction or a question of this core.
    pub fn transaction(&mut self) -> u64 {
        self.next_transaction += 1;
        self.next_transaction
    }

    /// Appends a reply to a connection (unless CLIENT REPLY has it silenced) and sees to its sending.
    pub fn reply(&mut self, id: ConnId, write: impl FnOnce(&mut proto::encode::Reply<'_>)) {
        let Some(conn) = self.conns.get(id) else { return };
        if conn.reply_mode != crate::conn::ReplyMode::Off {
            write(&mut proto::encode::Reply::new(&mut conn.out, conn.resp));
        }
        self.wants_flush(id.slot);
    }

    /// A connection has finished what it was doing: look at its next command.
    pub fn resume(&mut self, id: ConnId) {
        if let Some(conn) = self.conns.get(id) {
            conn.doing = Doing::Ready;
            Self::write_late(conn);
            conn.compact();
            self.enqueue(id.slot);
            self.wants_flush(id.slot);
        }
    }

    /// Ends a connection at the end of the turn, `flush`: after its replies are sent.
    pub fn close(&mut self, id: ConnId, flush: bool) {
        let Some(conn) = self.conns.get(id) else { return };
        if !conn.closing {
            conn.closing = true;
            self.closing.push(Closing { id, flush });
        }
    }

    /// Ends a connection once the question it has asked is answered.
    pub fn close_after_reply(&mut self, id: ConnId) {
        if let Some(conn) = self.conns.get(id) {
            conn.ended = true; // nothing more is read: when the answer is out, it closes
            conn.input.clear();
            conn.pos = 0;
            conn.parser = proto::parse::Parser::default();
        }
    }

    /// All connections of this core.
    pub fn conn_ids(&self) -> Vec<ConnId> {
        self.conns.iter().map(|c: &Conn| c.id).collect()
    }
}
