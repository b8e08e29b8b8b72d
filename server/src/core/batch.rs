//! A connection's batch over several shards: made out of routed commands, sent, and finished when its
//! last part is back. [`super::gather`] says how the replies are put in order again.

use super::blocking::Waiting;
use super::gather::{Batch, Part, Step};
use super::plan::{Plan, Routed, Target};
use super::state::CoreState;
use super::transaction::queue::Share;
use crate::conn::{Doing, ReplyMode};
use crate::io::ConnId;
use crate::work::{Direct, Ordered, Work, WorkCommand};
use proto::args::Args;
use proto::command::{CommandId, CommandSpec, Place, Split};
use proto::encode::{Reply, Resp};
use smallvec::{SmallVec, smallvec};

/// No part has been made for the shard yet.
const NO_PART: u16 = u16::MAX;
/// Batches kept to be used again.
const KEPT_MAX: usize = 256;

/// What a core makes its batches with, kept from one to the next.
pub struct Maker {
    /// The part of each shard in the batch being made.
    part_of: Vec<u16>,
    // Boxed, since works travel as one pointer, and a connection holds a batch as one.
    #[allow(clippy::vec_box)]
    works: Vec<Box<Work>>,
    #[allow(clippy::vec_box)]
    free: Vec<Box<Batch>>,
}

impl Maker {
    #[must_use]
    pub fn new(shards: usize) -> Self {
        Self { part_of: vec![NO_PART; shards], works: Vec::new(), free: Vec::new() }
    }

    fn give_back(&mut self, mut batch: Box<Batch>) {
        if self.free.len() < KEPT_MAX {
            batch.clear();
            self.free.push(batch);
        }
    }
}

impl CoreState {
    /// Turns the commands planned from `begin` on into one batch over the shards they fall on.
    pub fn start_batch(&mut self, slot: u32, begin: usize) {
        let Some(conn) = self.conns.slot(slot) else { return };
        let id = conn.id;
        self.start_guarded_batch(id, begin, None);
    }

    /// The same. With a guard, whose shard is the only one of the batch, it is run only if what is watched
    /// there has not changed; if it has, the connection goes back to the database that is named.
    pub fn start_guarded_batch(&mut self, id: ConnId, begin: usize, guard: Option<(u16, Share, u16)>) {
        let slot = id.slot;
        let Some(conn) = self.conns.get(id) else { return };
        let input = std::mem::take(&mut conn.input);
        let mut plan = std::mem::take(&mut self.plan);
        let mut making = self.make(id);
        if let Some((shard, share, db)) = guard {
            let part = making.part(shard);
            making.core.maker.works[part as usize].guard = Some(Box::new(share));
            making.batch.guarded = Some(db);
        }
        for r in &plan.commands[begin..] {
            making.add(r, &plan, &input);
        }
        making.send();
        plan.commands.truncate(begin);
        self.plan = plan;
        if let Some(conn) = self.conns.slot(slot) {
            conn.input = input;
            conn.compact();
        }
    }

    /// Sends one command to one shard, as a batch of its own.
    pub fn forward(&mut self, id: ConnId, shard: usize, spec: &'static CommandSpec, args: Args<'_>) {
        let db = self.conns.get(id).map_or(0, |c| c.db);
        let hash = args.get(spec.first_key()).map_or(0, |k| self.shard.key(k).hash);
        let mut making = self.make(id);
        let part = making.part(shard as u16);
        let work = &mut making.core.maker.works[part as usize];
        work.begin(WorkCommand::new(spec.id, db, hash));
        args.iter().for_each(|a| work.push(a));
        making.batch.steps.push(Step::One { part });
        making.send();
    }

    /// Sends the planned commands to shards that a session holds. False: none of them needs a shard; the
    /// replies are in `out`.
    pub fn start_session_batch(&mut self, id: ConnId, session: u64, plan: &Plan, out: &mut Vec<u8>) -> bool {
        let mut making = self.make(id);
        making.batch.session = Some(session);
        plan.commands.iter().for_each(|r| making.add(r, plan, &[]));
        if !making.batch.parts.is_empty() {
            making.send();
            return true;
        }
        let mut batch = making.batch;
        batch.assemble(Resp::V2, &mut || 0, None, out);
        self.maker.give_back(batch);
        false
    }

    fn make(&mut self, conn: ConnId) -> Making<'_> {
        debug_assert!(self.maker.works.is_empty());
        let mut batch = self.maker.free.pop().unwrap_or_default();
        batch.session = self.alone;
        Making { core: self, conn, batch }
    }

    /// A part of a connection's batch has come back.
    pub fn batch_part_done(&mut self, work: Box<Work>) {
        let id = work.conn;
        let Some(conn) = self.conns.get(id) else { return self.pool.give_back(work) };
        let Doing::Batch(batch) = &mut conn.doing else { return self.pool.give_back(work) };
        if !batch.complete(work) {
            return;
        }
        let Doing::Batch(mut batch) = std::mem::take(&mut conn.doing) else { return };
        if let Some((shard, deadline)) = batch.blocked() {
            let id_of = conn.last_command.map_or(CommandId::Blpop, |spec| spec.id);
            let waiting = Waiting::new(id_of, deadline, vec![shard], batch.silent);
            for work in batch.parts.iter_mut().filter_map(|p| p.work.take()) {
                self.pool.give_back(work);
            }
            self.maker.give_back(batch);
            return self.begin_wait(id, Box::new(waiting));
        }
        batch.each_slow(|spec, args, nanos| {
            self.shared.slow(&self.settings, spec, args, nanos, self.now, conn);
        });
        let session = batch.session;
        let overrun = batch.has_overrun();
        if let Some(number) = session {
            conn.doing = Doing::Session(number); // the next stage follows, whatever the client has sent meanwhile
        }
        if overrun {
            if !batch.silent {
                self.close_for_output(id); // as it would be if it had left as much unread
            }
        } else if let Some(out) = session.and_then(|number| self.sessions.reply_of(number)) {
            batch.assemble(conn.resp, &mut || self.shard.draw(), None, out);
        } else if !batch.silent {
            if conn.out.capacity() == 0 {
                conn.out = self.spare.pop().unwrap_or_default();
            }
            if let Some(db) = batch.undone() {
                conn.db = db;
                Reply::new(&mut conn.out, conn.resp).null_array();
            } else {
                let late = conn.late.as_deref_mut().map(|late| (self.index, late));
                batch.assemble(conn.resp, &mut || self.shard.draw(), late, &mut conn.out);
            }
        } else if let Some(db) = batch.undone() {
            conn.db = db;
        }
        for work in batch.parts.iter_mut().filter_map(|p| p.work.take()) {
            self.pool.give_back(work);
        }
        self.maker.give_back(batch);
        match session {
            None => self.resume(id),
            Some(number) => self.stage_done(number),
        }
    }
}

/// A batch while it is made.
struct Making<'a> {
    core: &'a mut CoreState,
    conn: ConnId,
    batch: Box<Batch>,
}

impl Making<'_> {
    fn add(&mut self, r: &Routed, plan: &Plan, input: &[u8]) {
        let args = plan.args(r, input);
        #[cfg(test)]
        if !r.queued && r.spec.is_some() {
            self.core.witness_later(self.conn, args);
        }
        match (r.target, r.spec) {
            (Target::Shard(shard), Some(spec)) => {
                let part = self.part(shard);
                let command = WorkCommand::new(spec.id, r.db, r.hash).no_block(r.queued);
                let bytes = if r.queued { &plan.bytes } else { input };
                self.core.maker.works[part as usize].add(command, bytes, plan.spans_of(r));
                self.batch.steps.push(Step::One { part });
            }
            (Target::Many { split, from, to }, Some(spec)) => {
                let lanes = &plan.lanes[from as usize..to as usize];
                self.split(spec, args, r, lanes, split);
            }
            (Target::Literal { from, to }, _) => {
                self.batch.literals.extend_from_slice(&plan.literals[from as usize..to as usize]);
                self.batch.steps.push(Step::Literal { end: self.batch.literals.len() as u32 });
            }
            (_, None) => return debug_assert!(false, "only a literal has no command"),
        }
        if r.queued {
            self.batch.frame_last();
        }
    }

    /// The part for a shard, made when the first command falls on it.
    #[inline]
    fn part(&mut self, shard: u16) -> u16 {
        match self.core.maker.part_of[shard as usize] {
            NO_PART => self.new_part(shard),
            part => part,
        }
    }

    fn new_part(&mut self, shard: u16) -> u16 {
        let index = self.batch.parts.len();
        let mut work = self.core.pool.take(self.core.index, self.conn, index);
        if let Some(conn) = self.core.conns.get(self.conn) {
            work.resp = conn.resp;
            work.no_touch = conn.no_touch;
        }
        work.out_max = self.core.replies_max(self.conn);
        self.core.maker.works.push(work);
        self.core.maker.part_of[shard as usize] = index as u16;
        self.batch.parts.push(Part::of(shard as usize));
        index as u16
    }

    /// Gives every shard named in `lanes` the command with its keys only (or, for a command
    /// without keys, with all its arguments).
    fn split(&mut self, spec: &'static CommandSpec, args: Args<'_>, r: &Routed, lanes: &[u16], split: Split) {
        let from = self.batch.lanes.len() as u32;
        // A channel is no key: every core that listens to it gets the whole command.
        let first = if spec.place == Place::Subscribers { 0 } else { spec.first_key() };
        let step = spec.legacy_range.step.unsigned_abs() as usize;
        for &shard in lanes {
            let part = self.part(shard);
            self.batch.lanes.push(part);
        }
        let mut begun: SmallVec<[bool; 64]> = smallvec![false; self.batch.parts.len()];
        for (n, &part) in self.batch.lanes[from as usize..].iter().enumerate() {
            let work = &mut self.core.maker.works[part as usize];
            if !std::mem::replace(&mut begun[part as usize], true) {
                let hash = args.get(first + n * step).map_or(0, |k| self.core.shard.key(k).hash);
                work.begin(WorkCommand::new(spec.id, r.db, hash).no_block(r.queued));
                if n > 0 {
                    work.uncounted();
                }
                let whole = if first == 0 { args.len() } else { 1 };
                args.iter().take(whole).for_each(|a| work.push(a));
            }
            if first != 0 {
                (0..step).for_each(|i| work.push(args.at(first + n * step + i)));
            }
        }
        let to = self.batch.lanes.len() as u32;
        self.batch.steps.push(Step::Many { split, from, to });
    }

    /// Puts the parts into the outbox, and the connection to waiting.
    fn send(mut self) {
        let listens = self.core.conns.get(self.conn).is_some_and(|c| c.is_subscribed());
        if listens && self.batch.session.is_none() {
            let here = self.core.index as u16;
            self.part(here); // its place among the messages that come: see `deliver`
        }
        let Self { core, conn, mut batch } = self;
        let works = std::mem::take(&mut core.maker.works);
        let is_held = batch.session.is_some();
        if works.len() > 1 && !is_held {
            core.outbox.spans_shards();
        }
        batch.waiting = works.len();
        let (mut hops, mut forwarded) = (0, 0);
        for (part, work) in batch.parts.iter().zip(works) {
            core.maker.part_of[part.shard] = NO_PART;
            if part.shard != core.index {
                hops += 1;
                forwarded += work.commands.len() as u64;
            }
            if is_held {
                core.outbox.direct(part.shard, Direct::Run(work));
            } else {
                core.outbox.ordered(part.shard, Ordered::Work(work));
            }
        }
        core.stats().hops_out.add(hops);
        core.stats().forwarded_out.add(forwarded);
        let Some(conn) = core.conns.get(conn) else { return };
        batch.silent = conn.reply_mode != ReplyMode::On;
        if conn.reply_mode == ReplyMode::SkipNext {
            conn.reply_mode = ReplyMode::On;
        }
        conn.doing = Doing::Batch(batch);
    }
}
