//! Driving a session: carrying the coordinator's messages, and doing what it says.

use super::Session;
use super::coordinator::{Coordinator, Message, Post, Stage, Todo};
use super::queue::{Kind, Multi, Watching};
use super::router::Speaker;
use crate::conn::{Conn, Doing, ReplyMode};
use crate::core::account::{Pending, account};
use crate::core::blocking::{AtRelease, Registration, Waiting, asker};
use crate::core::state::CoreState;
use crate::io::ConnId;
use crate::work::{Direct, Hold, Ordered};
use proto::args::Args;
use proto::command::{CommandSpec, Flags, Place};
use proto::encode::Reply;
use proto::slot::slot_of;
use shard::{Cx, Parcel, Wanted, named_keys};
use std::ops::Range;
use std::sync::Arc;

impl CoreState {
    /// Starts a command whose keys lie on several shards.
    pub fn begin_gather(&mut self, id: ConnId, spec: &'static CommandSpec, kind: Kind, args: Args<'_>) {
        #[cfg(test)]
        self.witness_later(id, args);
        let Some(conn) = self.conns.get(id) else { return };
        let db = conn.db as usize;
        let commands = Multi::of(spec, kind, args);
        let wanted = named_keys(spec.id, db, args, self.settings.databases);
        let shards = self.participants(&commands, None);
        let wanted = self.by_part(&shards, wanted);
        let mut out = Vec::new();
        let coordinator = Coordinator::gather(shards.len(), wanted, &mut out);
        self.begin_session(id, coordinator, shards, commands, None, None, out);
    }

    /// Starts an EXEC that needs more than one hop.
    pub fn begin_exec(
        &mut self,
        id: ConnId,
        commands: Box<Multi>,
        watching: Option<Box<Watching>>,
        pending: Pending,
    ) {
        #[cfg(test)]
        self.witness_later(id, proto::args::OwnedArgs::of(["EXEC"]).args());
        let shards = self.participants(&commands, watching.as_deref());
        let mut out = Vec::new();
        let coordinator = Coordinator::hold(shards.len(), stages(&commands), &mut out);
        self.begin_session(id, coordinator, shards, commands, watching, Some(pending), out);
    }

    #[allow(clippy::too_many_arguments)] // the parts of a session, known in two places
    fn begin_session(
        &mut self,
        id: ConnId,
        coordinator: Coordinator,
        shards: Vec<u16>,
        commands: Box<Multi>,
        watching: Option<Box<Watching>>,
        exec: Option<Pending>,
        posts: Vec<Post>,
    ) -> Option<u64> {
        let number = self.transaction();
        let conn = self.conns.get(id)?;
        conn.doing = Doing::Session(number);
        let silent = conn.reply_mode == ReplyMode::SkipNext;
        if silent {
            conn.reply_mode = ReplyMode::On;
        }
        let (resp, no_touch, db) = (conn.resp, conn.no_touch, conn.db);
        let mut out = Vec::new();
        if exec.is_some() {
            Reply::new(&mut out, resp).array(commands.len());
        }
        let session = Session {
            id,
            coordinator,
            commands,
            shards,
            watching,
            exec,
            resp,
            no_touch,
            db,
            out,
            silent,
            waiting: None,
            waiter: None,
        };
        if session.shards.len() > 1 {
            self.outbox.spans_shards();
        }
        self.stats().hops_out.add(session.shards.len() as u64);
        self.carry(number, &session, posts);
        self.sessions.0.insert(number, Box::new(session));
        Some(number)
    }

    /// The shards that must be held for these commands, and to check what is watched.
    fn participants(&self, commands: &Multi, watching: Option<&Watching>) -> Vec<u16> {
        let everywhere = |kind, place| {
            matches!(kind, Kind::GatherAny | Kind::Alone)
                || matches!(place, Place::AllShards | Place::Subscribers)
        };
        if commands.commands().iter().any(|q| everywhere(q.kind, q.spec.place)) {
            return (0..self.shared.cores() as u16).collect();
        }
        let (mut shards, mut keys) = (watching.map(Watching::shards).unwrap_or_default(), Vec::new());
        for q in commands.commands() {
            let args = commands.args(q);
            proto::key_spec::keys_of(q.spec, args, &mut keys);
            shards.extend(keys.iter().map(|k| self.shared.slots.owner(slot_of(args.at(k.at as usize)))));
            if keys.is_empty() && q.spec.place == Place::Shard {
                shards.push(self.index as u16); // it is refused here
            }
        }
        if shards.is_empty() {
            shards.push(self.index as u16);
        }
        shards.sort_unstable();
        shards.dedup();
        shards
    }

    /// Keys with the parts of a session that own them.
    fn by_part(&self, shards: &[u16], wanted: Vec<Wanted>) -> Vec<(usize, Wanted)> {
        let owner = |w: &Wanted| shards.binary_search(&self.shared.slots.owner(slot_of(&w.key)));
        let mut by_part = Vec::with_capacity(wanted.len());
        for w in wanted {
            match owner(&w) {
                Ok(part) => by_part.push((part, w)),
                Err(_) => debug_assert!(false, "the owner of every key takes part"),
            }
        }
        by_part
    }

    fn carry(&mut self, number: u64, s: &Session, posts: Vec<Post>) {
        let (origin, session) = (self.index, number);
        for Post { part, message } in posts {
            let shard = s.shards[part];
            let target = shard as usize;
            match message {
                Message::Hold(wanted) => {
                    let watched =
                        s.watching.as_ref().map(|w| w.share_of(shard)).filter(|w| !w.keys.is_empty());
                    let whole =
                        s.exec.is_some() || s.commands.commands().iter().any(|q| q.kind != Kind::Gather);
                    let commands = s.commands.commands();
                    let while_loading = commands.iter().all(|q| q.spec.flags.contains(Flags::LOADING));
                    let hold = Hold { origin, session, part, watched, whole, while_loading, wanted };
                    self.outbox.ordered(target, Ordered::Hold(Box::new(hold)));
                }
                Message::Lend(wanted) => {
                    self.outbox.direct(target, Direct::Lend { origin, session, part, wanted });
                }
                Message::GiveBack(parcels) => self.outbox.direct(target, Direct::GiveBack(parcels)),
                Message::Release(parcels) => {
                    let waiter = s.waiter.clone();
                    self.outbox.direct(target, Direct::Release { origin, session, parcels, waiter });
                }
            }
        }
    }

    pub fn part_held(&mut self, number: u64, part: usize, intact: bool, parcels: Vec<Parcel>) {
        self.step(number, |c, out| c.held(part, intact, parcels, out));
    }

    pub fn part_lent(&mut self, number: u64, part: usize, parcels: Vec<Parcel>) {
        self.step(number, |c, _| c.lent(part, parcels));
    }

    /// A stage's batch has come back, or its command about the server is answered.
    pub fn stage_done(&mut self, number: u64) {
        self.step(number, Coordinator::done);
    }

    /// A command about the server has written its reply, from `before` on.
    pub fn alone_answered(&mut self, number: u64, id: ConnId, before: usize) {
        if let (Some(s), Some(conn)) = (self.sessions.0.get_mut(&number), self.conns.get(id)) {
            collect(s, conn, before);
            conn.doing = Doing::Session(number);
        }
        self.stage_done(number);
    }

    /// A connection is forgotten: a stage that would have been ended by an answer to it, is ended now. What the
    /// stage has sent arrives before what follows, so nothing need wait for it.
    pub fn session_without_client(&mut self, doing: &Doing) {
        match doing {
            Doing::Batch(batch) => batch.session.into_iter().for_each(|number| self.stage_done(number)),
            Doing::Question(q) => q.session.into_iter().for_each(|number| self.stage_done(number)),
            Doing::Subscribing(s) => s.session.into_iter().for_each(|number| self.stage_done(number)),
            Doing::Ready | Doing::Session(_) | Doing::Blocked(_) | Doing::Leaving => {}
        }
    }

    /// Tells the coordinator what has happened, and does what follows until it waits.
    fn step(&mut self, number: u64, event: impl FnOnce(&mut Coordinator, &mut Vec<Post>) -> Todo) {
        let Some(mut s) = self.sessions.0.remove(&number) else {
            debug_assert!(false, "a session ends after the last of its events");
            return;
        };
        let mut out = Vec::new();
        let mut todo = event(&mut s.coordinator, &mut out);
        loop {
            self.carry(number, &s, std::mem::take(&mut out));
            todo = match todo {
                Todo::Wait => break,
                Todo::Finish { intact } => return self.finish(*s, intact),
                Todo::Name(command) => {
                    let q = &s.commands.commands()[command];
                    let args = s.commands.args(q);
                    let wanted = named_keys(q.spec.id, s.db as usize, args, self.settings.databases);
                    let wanted = self.by_part(&s.shards, wanted);
                    s.coordinator.lend(wanted, &mut out)
                }
                Todo::Scratch(command, parcels) => self.run_on_scratch(&mut s, command, parcels, &mut out),
                Todo::Batch(commands) if self.send_stage(number, &mut s, &commands) => break,
                Todo::Alone(command) if self.run_stage_alone(number, &mut s, command) => break,
                Todo::Batch(_) | Todo::Alone(_) => s.coordinator.done(&mut out),
            };
        }
        self.sessions.0.insert(number, s);
    }

    /// Sends a stage's commands to the shards. False: it is done already.
    fn send_stage(&mut self, number: u64, s: &mut Session, commands: &Range<usize>) -> bool {
        let mut plan = std::mem::take(&mut self.plan);
        debug_assert!(plan.commands.is_empty(), "what was planned has run");
        let id = s.id;
        let mut speaker = Speaker { slot: id.slot, resp: s.resp, db: &mut s.db };
        self.router().splice(&mut speaker, &s.commands, commands.clone(), &mut plan);
        if let Some(conn) = self.conns.get(id) {
            conn.db = s.db;
        }
        let sent = self.start_session_batch(id, number, &plan, &mut s.out);
        plan.clear();
        self.plan = plan;
        sent && self.conns.get(id).is_some()
    }

    /// Begins a command about the server. False: it is done already.
    fn run_stage_alone(&mut self, number: u64, s: &mut Session, command: usize) -> bool {
        let (id, q) = (s.id, s.commands.commands()[command]);
        let before = self.reply_len(id);
        if let Some(conn) = self.conns.get(id) {
            conn.doing = Doing::Ready;
        }
        self.alone = Some(number);
        self.run_admin(id, q.spec, s.commands.args(&q));
        self.alone = None;
        let Some(conn) = self.conns.get(id) else { return false };
        if !matches!(conn.doing, Doing::Ready) {
            return true;
        }
        collect(s, conn, before);
        conn.doing = Doing::Session(number);
        false
    }

    /// Runs a command on what was lent.
    fn run_on_scratch(
        &mut self,
        s: &mut Session,
        command: usize,
        parcels: Vec<Parcel>,
        out: &mut Vec<Post>,
    ) -> Todo {
        let q = s.commands.commands()[command];
        let args = s.commands.args(&q);
        let mut cx = Cx::new(q.spec.id, s.db as usize, self.now.unix_ms());
        (cx.resp, cx.no_touch, cx.no_block) = (s.resp, s.no_touch, s.exec.is_some());
        cx.key_hash = args.get(q.spec.first_key()).map_or(0, |key| self.scratch.key(key).hash);
        let mut keys = self.scratch.settle(parcels);
        if q.kind == Kind::GatherAny {
            let further =
                self.scratch.further_keys(&cx, args).into_iter().map(|key| Wanted { db: cx.db, key });
            let mut further: Vec<Wanted> = further.filter(|w| !keys.contains(w)).collect();
            if !further.is_empty() {
                further.sort_unstable();
                further.dedup();
                let parcels = self.scratch.clear_out(std::mem::take(&mut keys));
                let further = self.by_part(&s.shards, further);
                return s.coordinator.lend_more(parcels, further, out);
            }
        }
        let (began, before) = (self.ticks.read(), s.out.len());
        self.scratch.execute(&mut cx, args, &mut s.out);
        let parcels = self.scratch.clear_out(keys);
        let nanos = self.ticks.nanos(began, self.ticks.read());
        if cx.block.is_none() {
            account(&self.shared, self.index, &mut self.histograms, cx.id, nanos, &s.out[before..]);
        }
        self.take_over_from_scratch(&cx);
        if nanos >= self.slow_nanos
            && let Some(conn) = self.conns.get(s.id)
        {
            self.shared.slow(&self.settings, q.spec, args, nanos, self.now, conn);
        }
        if self.has_news() {
            self.tell(None);
        }
        if cx.block.is_some() || s.waiting.is_some() {
            self.note_waiter(s, &mut cx, command);
        }
        s.coordinator.ran(parcels, out)
    }

    /// Runs the command of a client that waits, now that one of its shards has something.
    pub fn gather_again(&mut self, id: ConnId, commands: Box<Multi>, waiting: Box<Waiting>) {
        let Some(conn) = self.conns.get(id) else { return };
        let db = conn.db as usize;
        let Some(q) = commands.commands().first().copied() else { return };
        let wanted = named_keys(q.spec.id, db, commands.args(&q), self.settings.databases);
        let shards = waiting.shards.clone();
        let wanted = self.by_part(&shards, wanted);
        let mut out = Vec::new();
        let coordinator = Coordinator::gather(shards.len(), wanted, &mut out);
        let number = self.begin_session(id, coordinator, shards, commands, None, None, out);
        if let Some(s) = number.and_then(|number| self.sessions.0.get_mut(&number)) {
            s.silent = waiting.silent;
            s.waiting = Some(waiting);
        }
    }

    /// Decides what becomes of the wait of a session's client, now that its command has run.
    fn note_waiter(&mut self, s: &mut Session, cx: &mut Cx, command: usize) {
        let asker = asker(self.index, s.id);
        let block = cx.block.take();
        s.waiter = match (&s.waiting, block) {
            (None, None) => None,
            (Some(_), None) => Some(AtRelease::Forget(asker)),
            (Some(_), Some(_)) => Some(AtRelease::Uncall(asker)),
            (None, Some(block)) => {
                let q = s.commands.commands()[command];
                let mut waiting = Waiting::new(q.spec.id, block.deadline_ms, s.shards.clone(), s.silent);
                let args = block.rewritten.clone().unwrap_or_else(|| s.commands.args(&q).to_owned_args());
                waiting.again = Some(Multi::of(q.spec, q.kind, args.args()));
                s.waiting = Some(Box::new(waiting));
                let (cx, block) = (cx.clone(), *block);
                Some(AtRelease::Register(Arc::new(Registration { asker, cx, args, block })))
            }
        };
    }

    /// The client of a session waits, for the first time or again.
    fn wait_after_session(&mut self, s: Session) {
        let Session { id, commands, waiting, waiter, .. } = s;
        let Some(mut waiting) = waiting else { return };
        if let Some(AtRelease::Uncall(_)) = waiter {
            waiting.again = Some(commands);
        }
        self.wait_on(id, waiting);
    }

    /// What a command on the scratch shard has counted, and has to tell, is this core's.
    fn take_over_from_scratch(&mut self, cx: &Cx) {
        self.stats().dirty.add(cx.dirty);
        let counted = std::mem::take(&mut self.scratch.stats);
        let stats = &mut self.shard.stats;
        stats.keyspace_hits += counted.keyspace_hits;
        stats.keyspace_misses += counted.keyspace_misses;
        stats.expired_keys += counted.expired_keys;
        self.shard.take_garbage(&mut self.scratch);
        self.shard.events.notifications.append(&mut self.scratch.events.notifications);
    }

    /// Answers the client. The shards are released already.
    fn finish(&mut self, s: Session, intact: bool) {
        if let Some(waiter) = &s.waiter
            && !matches!(waiter, AtRelease::Forget(_))
        {
            return self.wait_after_session(s);
        }
        let Session { id, mut commands, exec, resp, mut out, silent, .. } = s;
        if !intact {
            out.clear();
            Reply::new(&mut out, resp).null_array();
        }
        let before = self.reply_len(id);
        let Some(conn) = self.conns.get(id) else { return };
        if !silent && conn.reply_mode != ReplyMode::Off {
            conn.out.append(&mut out);
        }
        if let Some(pending) = exec {
            commands.clear();
            conn.multi = Some(commands);
            self.account_answer(id, pending, before);
        }
        self.resume(id);
    }
}

/// Moves what a command has written for its connection to the session's reply; and takes over what it has
/// changed about how the connection speaks.
fn collect(s: &mut Session, conn: &mut Conn, before: usize) {
    if before <= conn.out.len() {
        s.out.extend_from_slice(&conn.out[before..]);
        conn.out.truncate(before);
    }
    (s.resp, s.no_touch, s.db) = (conn.resp, conn.no_touch, conn.db);
}

/// The stages of an EXEC.
fn stages(commands: &Multi) -> Vec<Stage> {
    let mut stages = Vec::new();
    for (at, q) in commands.commands().iter().enumerate() {
        match (q.kind, stages.last_mut()) {
            (Kind::OneHop, Some(Stage::Batch(range))) => range.end = at + 1,
            (Kind::OneHop, _) => stages.push(Stage::Batch(at..at + 1)),
            (Kind::Gather | Kind::GatherAny, _) => stages.push(Stage::Gather(at)),
            (Kind::Alone, _) => stages.push(Stage::Alone(at)),
        }
    }
    stages
}
