//! From received bytes to routed commands: parse, look up, check, and decide where each command
//! runs. Nothing of the keyspace is read here.
//!
//! A connection's commands are taken in order until its input ends, a command must have the
//! connection to itself (a *barrier*: CONFIG SET, RENAME between shards, EXEC …), or its share of the turn
//! is used up. If all of them stay on this core they are left in the turn's [`Plan`]; otherwise they
//! become one batch over the shards they fall on ([`super::batch`]).

use super::account::account;
use super::blocking::may_wait;
use super::inline::{self, Asking};
use super::plan::{Plan, Routed, Target};
use super::state::{CoreState, Now};
use super::subscribe;
use super::transaction::{looks_elsewhere, runs_inside_multi};
use crate::clock::Ticks;
use crate::config::Settings;
use crate::conn::{Conn, ReplyMode};
use crate::io::ConnId;
use crate::latency::CommandHistograms;
use crate::loading::is_refused;
use crate::shared::Shared;
use proto::args::Args;
use proto::command::{CommandId, CommandSpec, Flags, Group, Place, Split};
use proto::encode::{Reply, Resp};
use proto::error;
use proto::key_spec::KeyRef;
use proto::parse::{Limits, ProtocolError, Step as Parsed};
use proto::slot::slot_of;
use shard::Shard;
use shard::pubsub::Kind;

/// Commands of one connection in one turn, so that a flood on one does not starve the others.
const TURN_COMMANDS_MAX: usize = 1024;
/// Commands collected over all connections before they are executed: enough to hide cache
/// misses, few enough that what was fetched is still in the cache.
const PLAN_COMMANDS_MAX: usize = 512;
/// What a client that listens with MONITOR may not do.
const KEYSPACE: Flags = Flags::of(&[Flags::READONLY, Flags::WRITE, Flags::MAY_REPLICATE]);
/// Input beyond this is not received while a connection has commands waiting.
const UNREAD_MAX: usize = 1 << 20;

/// Room made for what a client says it will send, in bytes: it is only a claim.
const RESERVED_MAX: usize = 1 << 20;

/// Why the scan of a connection's input ended.
pub(super) enum Stop {
    /// Every complete command is taken; more bytes are needed.
    Input,
    /// Its share of the turn is used up.
    Share,
    /// The next command must have the connection to itself.
    Barrier(&'static CommandSpec),
    Malformed(ProtocolError),
    /// CLIENT PAUSE holds the next command back.
    Paused,
}

/// What routing looks at, besides the connection.
pub(super) struct Router<'a> {
    pub(super) index: u16,
    pub(super) cores: usize,
    pub(super) shared: &'a Shared,
    pub(super) settings: &'a Settings,
    pub(super) shard: &'a Shard,
    pub(super) now: Now,
    pub(super) ticks: &'a Ticks,
    pub(super) histograms: &'a mut CommandHistograms,
    pub(super) slow_nanos: u64,
    /// Keys of this shard are held: its own connections' commands go through its queue, like all others.
    pub(super) in_line: bool,
    /// A data set is being loaded.
    pub(super) loading: bool,
}

impl CoreState {
    /// Looks once at every connection that has something to execute.
    pub fn serve(&mut self) {
        if !self.subscribing.is_empty() {
            self.finish_subscribing();
        }
        for _ in 0..self.ready.len() {
            if !self.may_serve() {
                break; // the shard is held: requests of our own wait behind what is queued
            }
            let Some(slot) = self.ready.pop_front() else { break };
            if let Some(conn) = self.conns.slot(slot) {
                conn.queued = false;
                self.serve_conn(slot);
            }
            if self.plan.commands.len() >= PLAN_COMMANDS_MAX {
                self.execute_plan();
            }
        }
        self.execute_plan();
    }

    /// Whether commands of our own connections may run now. Once the server stops, only what has been posted is
    /// finished: nothing new is begun.
    fn may_serve(&self) -> bool {
        let free = self.held.is_none() && self.queue.is_empty() && !self.must_wait();
        free && !self.shared.stopping()
    }

    fn serve_conn(&mut self, slot: u32) {
        loop {
            let begin = self.plan.commands.len();
            let Some(stop) = self.scan(slot) else { return };
            let busy = std::mem::take(&mut self.plan.leaves);
            if busy {
                self.start_batch(slot, begin);
            }
            match stop {
                Stop::Input => return self.input_used_up(slot, busy),
                Stop::Share => {
                    if !busy {
                        self.enqueue(slot);
                    }
                    return self.mute_if_flooded(slot);
                }
                Stop::Paused => {
                    if !busy {
                        self.pause_conn(slot);
                    }
                    return self.mute_if_flooded(slot);
                }
                Stop::Malformed(e) => return self.protocol_error(slot, &e, busy),
                Stop::Barrier(_) if busy => return self.mute_if_flooded(slot),
                Stop::Barrier(spec) => {
                    self.execute_plan();
                    self.run_alone(slot, spec);
                }
            }
        }
    }

    /// Scans one connection into the plan; `None` when it may not run anything now.
    fn scan(&mut self, slot: u32) -> Option<Stop> {
        let conn = self.conns.slot(slot)?;
        if !conn.is_ready() {
            return None;
        }
        if let Some(e) = conn.malformed.take() {
            return Some(Stop::Malformed(e));
        }
        let mut router = Router {
            index: self.index as u16,
            cores: self.shared.mailboxes.cores(),
            shared: &self.shared,
            settings: &self.settings,
            shard: &self.shard,
            now: self.now,
            ticks: &self.ticks,
            histograms: &mut self.histograms,
            slow_nanos: self.slow_nanos,
            in_line: !self.holds.is_idle(),
            loading: self.loading,
        };
        Some(router.scan(conn, &mut self.plan))
    }

    /// Runs a command that has the connection to itself: what came before has been executed.
    fn run_alone(&mut self, slot: u32, spec: &'static CommandSpec) {
        let Some(conn) = self.conns.slot(slot) else { return };
        let id = conn.id;
        let limits = limits(conn, &self.settings);
        let mut spans = Vec::new();
        let Ok(Parsed::Command { end }) = conn.parser.next(&conn.input, conn.pos, &mut spans, &limits) else {
            return; // it was complete a moment ago
        };
        conn.pos = end;
        conn.commands += 1;
        conn.last_command = Some(spec);
        conn.active_ns = self.now.mono_ns;
        let (input, pos) = (std::mem::take(&mut conn.input), std::mem::take(&mut conn.pos));
        let args = Args::new(&input, &spans);
        match spec.place {
            Place::Connection if spec.group == Group::Transactions => self.run_transaction(id, spec, args),
            Place::Connection => self.run_admin(id, spec, args),
            _ => {
                let (mut lanes, mut keys) = (Vec::new(), Vec::new());
                match self.router().target_by_keys(spec, args, &mut lanes, &mut keys) {
                    Some(Target::Shard(shard)) if may_wait(spec, args) => {
                        self.forward(id, shard as usize, spec, args);
                    }
                    _ => {
                        let kind = self.router().kind(spec, args, &mut lanes, &mut keys);
                        self.begin_gather(id, spec, kind, args);
                    }
                }
            }
        }
        self.feed_monitors(id, spec, args);
        if let Some(conn) = self.conns.slot(slot)
            && conn.id == id
        {
            conn.input = input;
            conn.pos = pos;
            if conn.is_ready() {
                conn.compact();
            }
        }
        self.wants_flush(slot);
    }

    /// Shows MONITOR's clients a command that had its connection to itself.
    fn feed_monitors(&mut self, id: ConnId, spec: &CommandSpec, args: Args<'_>) {
        if self.shared.monitors.any()
            && let Some(conn) = self.conns.get(id)
        {
            self.shared.monitors.feed(self.index, conn, spec, args, self.now);
        }
    }

    fn protocol_error(&mut self, slot: u32, e: &ProtocolError, busy: bool) {
        let Some(conn) = self.conns.slot(slot) else { return };
        let id = conn.id;
        if busy {
            conn.malformed = Some(e.clone()); // answered once the batch before it is done
            return;
        }
        self.execute_plan();
        crate::log::verbose(format_args!("Protocol error ({}) from client: {id:?}", e.0));
        let text = e.reply();
        self.stats().error_replies.add(1);
        self.shared.errors.count(text.as_bytes());
        self.reply(id, |r| r.error(&text));
        self.close(id, true);
    }

    /// Every complete command has been taken: wait for more, or close if no more can come.
    fn input_used_up(&mut self, slot: u32, busy: bool) {
        self.set_muted(slot, false);
        if let Some(conn) = self.conns.slot(slot)
            && conn.ended
            && !busy
        {
            let id = conn.id;
            self.execute_plan();
            self.close(id, true);
        }
    }

    /// CLIENT PAUSE holds this connection's next command back: it is looked at again when that is over.
    fn pause_conn(&mut self, slot: u32) {
        if let Some(conn) = self.conns.slot(slot)
            && !conn.paused
        {
            if conn.ended {
                let id = conn.id;
                return self.close(id, true); // nobody waits for the answer any more
            }
            conn.paused = true;
            self.paused.push(conn.id);
            self.note_blocked();
        }
    }

    fn set_muted(&mut self, slot: u32, muted: bool) {
        if let Some(conn) = self.conns.slot(slot)
            && conn.muted != muted
        {
            conn.muted = muted;
            let id = conn.id;
            self.reading.push((id, !muted));
        }
    }

    fn mute_if_flooded(&mut self, slot: u32) {
        if self.conns.slot(slot).is_some_and(|c| c.unread() > UNREAD_MAX) {
            self.set_muted(slot, true);
        }
    }
}

/// Replaces an inline command with quotes, in the input, by the same command as an array: spans point into the
/// input, and this is the only form whose arguments do not lie there.
#[cold]
fn spell_out(conn: &mut Conn, start: usize, end: usize, spans: &[proto::args::Span]) {
    let args = Args::new(conn.parser.unescaped(), spans);
    let mut spelled = Vec::new();
    let mut reply = Reply::new(&mut spelled, conn.resp);
    reply.array(args.len());
    args.iter().for_each(|a| reply.bulk(a));
    conn.input.splice(start..end, spelled);
}

/// What a client is told that listens, and may not send this command meanwhile.
#[cold]
fn refused_to_listener(conn: &Conn, spec: &CommandSpec) -> Option<String> {
    if conn.monitor && spec.flags.intersects(KEYSPACE) {
        return Some("ERR Replica can't interact with the keyspace".into()); // Redis takes a monitor for one
    }
    let confined = conn.is_subscribed() && conn.resp == Resp::V2;
    (confined && !subscribe::is_allowed_while_subscribed(spec.id)).then(|| subscribe::refusal(spec))
}

/// The parser's limits for a connection.
fn limits(conn: &Conn, settings: &Settings) -> Limits {
    Limits {
        bulk_len_max: settings.proto_max_bulk_len as u64,
        inline_len_max: 64 * 1024,
        authenticated: conn.authenticated || settings.requirepass.is_empty(),
    }
}

impl Router<'_> {
    fn scan(&mut self, conn: &mut Conn, plan: &mut Plan) -> Stop {
        let limits = limits(conn, self.settings);
        let share = if conn.reply_mode == ReplyMode::SkipNext { 1 } else { TURN_COMMANDS_MAX };
        for _ in 0..share {
            let start = conn.pos;
            let first = plan.spans.len();
            match conn.parser.next(&conn.input, start, &mut plan.spans, &limits) {
                Err(e) => return Stop::Malformed(e),
                Ok(Parsed::Partial { missing }) => {
                    conn.input.reserve(missing.min(RESERVED_MAX));
                    return Stop::Input;
                }
                Ok(Parsed::Command { end }) => conn.pos = end,
                Ok(Parsed::Inline { end }) => {
                    spell_out(conn, start, end, &plan.spans[first..]);
                    plan.spans.truncate(first);
                    continue;
                }
            }
            if plan.spans.len() == first {
                continue; // an empty line
            }
            if let Some(stop) = self.route(conn, plan, first) {
                conn.pos = start;
                plan.spans.truncate(first);
                return stop;
            }
        }
        Stop::Share
    }

    /// Routes the command whose spans begin at `first`; `Some` when it cannot run with the others.
    #[inline]
    fn route(&mut self, conn: &mut Conn, plan: &mut Plan, first: usize) -> Option<Stop> {
        let args = Args::new(&conn.input, &plan.spans[first..]);
        let spec = match self.shared.commands.resolve(args) {
            Ok(spec) => spec,
            Err(e) => {
                if let Some(spec) = e.spec().filter(|s| s.id == CommandId::Exec && conn.watching.is_some()) {
                    return Some(Stop::Barrier(spec));
                }
                let text = e.text(args);
                return self.refuse(conn, plan, first, e.spec(), &text);
            }
        };
        if !conn.authenticated
            && !spec.flags.contains(Flags::NO_AUTH)
            && !self.settings.requirepass.is_empty()
        {
            return self.refuse(conn, plan, first, Some(spec), error::NO_AUTH.as_bytes());
        }
        if !spec.built {
            let text = error::not_supported_yet(spec.id.full_name());
            return self.refuse(conn, plan, first, Some(spec), text.as_bytes());
        }
        if (conn.monitor || conn.is_subscribed())
            && let Some(text) = refused_to_listener(conn, spec)
        {
            return self.refuse(conn, plan, first, Some(spec), text.as_bytes());
        }
        if self.shared.saves.refuses(self.settings)
            && (spec.flags.contains(Flags::WRITE) || spec.id == CommandId::Ping)
        {
            return self.refuse(conn, plan, first, Some(spec), error::MISCONF_RDB.as_bytes());
        }
        if self.loading && is_refused(conn, spec) {
            return self.refuse(conn, plan, first, Some(spec), error::LOADING.as_bytes());
        }
        if self.shared.pause.holds(spec, self.now.unix_ms()) {
            return Some(Stop::Paused);
        }
        if conn.in_multi && !runs_inside_multi(spec.id) {
            return self.queue(conn, plan, first, spec);
        }
        let target = match spec.place {
            Place::Shard if may_wait(spec, args) || self.cores > 1 && looks_elsewhere(spec, args) => {
                return Some(Stop::Barrier(spec));
            }
            Place::Shard => match self.target_by_keys(spec, args, &mut plan.lanes, &mut plan.keys) {
                Some(target) => target,
                None => return Some(Stop::Barrier(spec)),
            },
            Place::Connection if spec.group == Group::Transactions => {
                return self.transaction(conn, plan, first, spec);
            }
            Place::Connection => return Some(Stop::Barrier(spec)),
            Place::AllShards => self.target_everywhere(spec, args, &mut plan.lanes),
            Place::Subscribers => self.target_by_channel(spec, args, &mut plan.lanes),
            Place::Inline => {
                let mut db = conn.db;
                let speaker = (conn.resp, &mut db, conn.is_subscribed());
                let target = self.inline(spec, args, speaker, Some(conn), &mut plan.literals);
                conn.db = db;
                target
            }
        };
        self.accept(conn, plan, first, spec, target);
        None
    }

    /// Whether a command must be posted, to other shards or to this one.
    #[inline]
    pub(super) fn leaves(&self, target: Target) -> bool {
        !target.stays_on(self.index) || self.in_line && matches!(target, Target::Shard(_))
    }

    /// Answers a command that needs nothing but its connection, which need not be there any more.
    pub(super) fn inline(
        &mut self,
        spec: &'static CommandSpec,
        args: Args<'_>,
        (resp, db, subscribed): (Resp, &mut u16, bool),
        conn: Option<&Conn>,
        literals: &mut Vec<u8>,
    ) -> Target {
        let from = literals.len() as u32;
        let began = self.ticks.read();
        let mut asking = Asking { db, subscribed, settings: self.settings, now: self.now };
        inline::run(spec, args, &mut asking, &mut Reply::new(literals, resp));
        let nanos = self.ticks.nanos(began, self.ticks.read());
        let (core, reply) = (self.index as usize, &literals[from as usize..]);
        account(self.shared, core, self.histograms, spec.id, nanos, reply);
        if nanos >= self.slow_nanos
            && let Some(conn) = conn
        {
            self.shared.slow(self.settings, spec, args, nanos, self.now, conn);
        }
        Target::Literal { from, to: literals.len() as u32 }
    }

    fn accept(
        &self,
        conn: &mut Conn,
        plan: &mut Plan,
        first: usize,
        spec: &'static CommandSpec,
        target: Target,
    ) {
        let count = plan.spans.len() - first;
        let key = spec.first_key();
        let mut hash = 0;
        if key != 0
            && let Some(bytes) = Args::new(&conn.input, &plan.spans[first..]).get(key)
        {
            hash = self.shard.key(bytes).hash;
            if target == Target::Shard(self.index) {
                self.shard.dbs[conn.db as usize].prefetch_bucket(hash);
            }
        }
        conn.commands += 1;
        conn.last_command = Some(spec);
        plan.leaves |= self.leaves(target);
        let (first, count) = (first as u32, count as u32);
        plan.commands.push(Routed {
            slot: conn.id.slot,
            spec: Some(spec),
            first,
            count,
            hash,
            db: conn.db,
            queued: false,
            target,
        });
        if self.shared.monitors.any() {
            self.shared.monitors.feed(
                self.index as usize,
                conn,
                spec,
                Args::new(&conn.input, &plan.spans[first as usize..]),
                self.now,
            );
        }
    }

    /// Answers a command that is not executed. Inside MULTI, neither will the others be.
    #[cold]
    pub(super) fn refuse(
        &self,
        conn: &mut Conn,
        plan: &mut Plan,
        first: usize,
        spec: Option<&'static CommandSpec>,
        text: &[u8],
    ) -> Option<Stop> {
        let from = plan.literals.len() as u32;
        let text = &*conn.refused_in_multi(spec, text);
        Reply::new(&mut plan.literals, conn.resp).error(text);
        let stats = &self.shared.stats[self.index as usize];
        stats.error_replies.add(1);
        self.shared.errors.count(text);
        if let Some(spec) = spec {
            stats.commands[spec.id as usize].rejected.add(1);
        }
        let target = Target::Literal { from, to: plan.literals.len() as u32 };
        let (first, count) = (first as u32, (plan.spans.len() - first) as u32);
        plan.commands.push(Routed {
            slot: conn.id.slot,
            spec: None,
            first,
            count,
            hash: 0,
            db: conn.db,
            queued: false,
            target,
        });
        None
    }

    /// Where a command with keys goes; `None` when their values must be brought together.
    #[inline]
    pub(super) fn target_by_keys(
        &self,
        spec: &CommandSpec,
        args: Args<'_>,
        lanes: &mut Vec<u16>,
        keys: &mut Vec<KeyRef>,
    ) -> Option<Target> {
        let from = lanes.len();
        if self.cores == 1 {
            return Some(Target::Shard(self.index));
        }
        if spec.has_one_key() {
            let key = args.get(spec.first_key()).unwrap_or_default();
            return Some(Target::Shard(self.shared.slots.owner(slot_of(key))));
        }
        proto::key_spec::keys_of(spec, args, keys);
        lanes.extend(keys.iter().map(|k| self.shared.slots.owner(slot_of(args.at(k.at as usize)))));
        let Some(&owner) = lanes.get(from) else {
            return Some(Target::Shard(self.index)); // no key, or malformed: any shard says what is wrong
        };
        if lanes[from..].iter().all(|&l| l == owner) {
            lanes.truncate(from);
            return Some(Target::Shard(owner));
        }
        let is_divided = matches!(spec.split, Split::Sum | Split::Array | Split::AllOk);
        if !is_divided || (spec.id == CommandId::Mset && args.len().is_multiple_of(2)) {
            lanes.truncate(from);
            return is_divided.then_some(Target::Shard(owner)); // who refuses the number of arguments
        }
        Some(Target::Many { split: spec.split, from: from as u32, to: lanes.len() as u32 })
    }

    /// Where a message goes: to the cores that have a subscriber of its channel.
    pub(super) fn target_by_channel(
        &self,
        spec: &CommandSpec,
        args: Args<'_>,
        lanes: &mut Vec<u16>,
    ) -> Target {
        if self.cores == 1 {
            return Target::Shard(self.index);
        }
        let kind = if spec.id == CommandId::Spublish { Kind::ShardChannel } else { Kind::Channel };
        let from = lanes.len();
        self.shared.subscriptions.look_up(self.index as usize);
        self.shared.subscriptions.listeners(kind, args.at(1), lanes);
        match lanes[from..] {
            [] => Target::Shard(self.index), // which will say that nobody gets it
            [core] => {
                lanes.truncate(from);
                Target::Shard(core)
            }
            _ => Target::Many { split: spec.split, from: from as u32, to: lanes.len() as u32 },
        }
    }

    pub(super) fn target_everywhere(
        &self,
        spec: &CommandSpec,
        args: Args<'_>,
        lanes: &mut Vec<u16>,
    ) -> Target {
        if self.cores == 1 {
            return Target::Shard(self.index);
        }
        let mut shards = 0..self.cores as u16;
        if spec.split == Split::Walk {
            // The cursor names its shard (see SCAN's handler), by its bare index at the shard's beginning.
            let cursor = args.get(1).and_then(proto::number::parse_u64).unwrap_or(0);
            shards.start = (cursor % self.cores as u64) as u16;
            if cursor >= self.cores as u64 || shards.len() == 1 {
                return Target::Shard(shards.start);
            }
        }
        let from = lanes.len() as u32;
        lanes.extend(shards);
        Target::Many { split: spec.split, from, to: lanes.len() as u32 }
    }
}
