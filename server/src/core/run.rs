//! Running commands against this core's shard: the plan of a turn, and the work that other cores
//! sent. Each command is timed from the end of the one before it, so that timing costs one reading of
//! the counter a command.

use super::UNSENT_MAX;
use super::account::account;
use super::ahead;
use super::holds::{Wants, wants};
use super::plan::{Plan, Routed, Target};
use super::state::CoreState;
use crate::conn::{Conn, ReplyMode};
use crate::stats::CoreStats;
use crate::work::{Direct, Ordered, Work};
use proto::command::CommandId;
use proto::encode::Resp;
use shard::Cx;

/// Commands whose entries are asked for together before the first of them runs: about as many
/// cache misses as a core can have under way, with room for those of the commands themselves.
const PREFETCH: usize = 32;

/// The asking side of one command.
struct Asker {
    resp: Resp,
    no_touch: bool,
    no_block: bool,
    db: u16,
    hash: u64,
}

impl CoreState {
    /// Executes what the turn has planned. All of it stays on this core.
    pub fn execute_plan(&mut self) {
        if self.plan.commands.is_empty() {
            self.plan.clear();
            return;
        }
        self.stats().note_batch(self.plan.commands.len());
        let mut plan = std::mem::take(&mut self.plan);
        let mut mark = self.ticks.read();
        for group in plan.commands.chunks(PREFETCH) {
            for r in group {
                if r.hash != 0 {
                    self.shard.dbs[r.db as usize].prefetch_entry(r.hash);
                }
            }
            for r in group {
                mark = self.execute_routed(r, &plan, mark);
            }
        }
        self.catch_up();
        self.finish_plan(&plan);
        plan.clear();
        self.plan = plan;
    }

    /// Tells what has happened, to clients that listen or wait: after a command, and after the last of a transaction.
    #[inline]
    fn catch_up(&mut self) {
        if self.has_news() {
            self.tell(None);
        }
        if self.shard.has_ready() {
            self.serve_waiters();
        }
    }

    fn execute_routed(&mut self, r: &Routed, plan: &Plan, mark: u64) -> u64 {
        if !r.queued {
            self.catch_up();
        }
        let Some(conn) = self.conns.slot(r.slot) else { return mark };
        let before = conn.out.len();
        let spec = match (r.target, r.spec) {
            (Target::Literal { from, to }, _) => {
                #[cfg(test)]
                super::transaction::witness_frame(&self.shared, conn.client, r);
                conn.out.extend_from_slice(&plan.literals[from as usize..to as usize]);
                silence(conn, before);
                return mark;
            }
            (_, Some(spec)) => spec,
            (_, None) => return mark,
        };
        let args = plan.args(r, &conn.input);
        #[cfg(test)]
        if !r.queued {
            self.shared.witnessed(conn.client, args);
        }
        let (resp, no_touch) = (conn.resp, conn.no_touch);
        let asker = Asker { resp, no_touch, no_block: r.queued, db: r.db, hash: r.hash };
        let mut cx = asker.cx(spec.id, self.now.unix_ms());
        self.shard.execute(&mut cx, args, &mut conn.out);
        let now = self.ticks.read();
        let nanos = self.ticks.nanos(mark, now);
        account(&self.shared, self.index, &mut self.histograms, cx.id, nanos, &conn.out[before..]);
        note_changes(&self.shared.stats[self.index], cx.dirty);
        if nanos >= self.slow_nanos {
            self.shared.slow(&self.settings, spec, args, nanos, self.now, conn);
        }
        silence(conn, before);
        if conn.out.len() > UNSENT_MAX {
            let id = conn.id;
            self.drop_burst(id);
        }
        now
    }

    /// Compacts the inputs of the connections in the plan, and sees to the sending of their replies.
    fn finish_plan(&mut self, plan: &Plan) {
        let mut last = u32::MAX;
        for r in &plan.commands {
            if r.slot == last {
                continue;
            }
            last = r.slot;
            let active = self.now.mono_ns;
            if let Some(conn) = self.conns.slot(last) {
                conn.compact();
                conn.active_ns = active;
            }
            self.wants_flush(last);
        }
    }

    /// Runs posted work in its order, until there is no more or the shard is held. Where some of its keys are held, what
    /// touches them waits ([`super::holds`]).
    pub fn run_queue(&mut self) {
        if self.held.is_none() && self.holds.has_released() {
            for (item, wants) in self.holds.reopened() {
                self.admit(item, wants);
            }
        }
        let mut seen = 0;
        while self.held.is_none() && !self.must_wait() {
            if seen == 0 {
                seen = self.look_ahead();
            }
            let Some(item) = self.queue.pop_front() else { return };
            seen -= 1;
            if self.holds.is_idle() {
                self.run_item(item);
            } else {
                let wants = wants(&self.shard, &item);
                self.admit(item, wants);
            }
        }
    }

    /// Whether no command may run now: others must first take what this core has for them, or the disk its snapshot.
    #[inline]
    pub(super) fn must_wait(&self) -> bool {
        self.undelivered.is_too_much() || self.frozen || self.is_behind_with_fragment()
    }

    /// Runs an item, unless it must wait.
    fn admit(&mut self, item: Ordered, wants: Wants) {
        #[cfg(test)]
        let conflicts = !self.shared.ignore_holds.load(std::sync::atomic::Ordering::Relaxed);
        #[cfg(not(test))]
        let conflicts = true;
        if self.held.is_some() || conflicts && self.holds.conflicts(&wants) {
            self.holds.wait(item, wants);
        } else {
            self.run_item(item);
        }
    }

    fn run_item(&mut self, item: Ordered) {
        match item {
            Ordered::Work(work) => self.run_work(work),
            Ordered::Hold(hold) if self.loading && !hold.while_loading => self.put_off(hold),
            Ordered::Hold(hold) => self.hold(*hold),
            Ordered::Subscription(id) => self.finish_subscription(id),
            Ordered::Unwatch(share) => self.shard.unwatch(&share.flag, &share.keys),
            Ordered::Task(task) => self.run_task(task),
            Ordered::Loading(turn) => self.take_stage(&turn),
        }
        self.catch_up();
    }

    /// Runs the part of a batch that falls on this shard, and sends it back.
    pub fn run_work(&mut self, mut work: Box<Work>) {
        if work.origin != self.index {
            self.stats().hops_in.add(1);
            self.stats().forwarded_in.add(work.commands.len() as u64);
        }
        if work.guard.is_some() && self.guard_fails(&mut work) {
            return self.answer_work(work);
        }
        if self.refuses_work(&work) {
            self.refuse_work(&mut work);
            return self.answer_work(work);
        }
        let mut out = std::mem::take(&mut work.out);
        let commands = std::mem::take(&mut work.commands);
        self.stats().note_batch(commands.len());
        let mut ends = std::mem::take(&mut work.ends);
        let mut mark = self.ticks.read();
        let mut first = 0;
        for (i, group) in commands.chunks(ahead::COMMANDS).enumerate() {
            if i > 0 {
                self.look_at_group(group);
            }
            for c in group {
                if self.shard.has_ready() && !c.must_not_block() {
                    self.serve_waiters();
                }
                let (resp, no_touch, no_block) = (work.resp, work.no_touch, c.must_not_block());
                let asker = Asker { resp, no_touch, no_block, db: c.db, hash: c.hash };
                let before = out.len();
                let mut cx = asker.cx(c.id, self.now.unix_ms());
                self.shard.execute(&mut cx, work.args_from(first, c), &mut out);
                let waits = cx.block.is_some();
                if waits {
                    work.blocked = self.register(&mut cx, work.args_from(first, c), asker_of(&work));
                }
                first += c.count();
                ends.push(out.len());
                let now = self.ticks.read();
                let nanos = self.ticks.nanos(mark, now);
                if c.counted() && !waits {
                    account(&self.shared, self.index, &mut self.histograms, cx.id, nanos, &out[before..]);
                } else {
                    // One part of several; or a command that waits, and is counted when it is answered.
                    self.stats().commands[cx.id as usize].nanos.add(nanos);
                }
                note_changes(&self.shared.stats[self.index], cx.dirty);
                if out.len() > work.out_max {
                    out = Vec::new(); // the client will not get them
                    work.overrun = true;
                }
                if nanos >= self.slow_nanos {
                    work.slow.push((ends.len() - 1, nanos));
                }
                if self.has_news() {
                    let ours = work.origin == self.index;
                    self.tell(ours.then_some((work.conn, ends.len())));
                }
                mark = now;
            }
        }
        work.out = out;
        work.ends = ends;
        work.commands = commands;
        self.answer_work(work);
    }

    fn answer_work(&mut self, work: Box<Work>) {
        if work.origin == self.index {
            self.batch_part_done(work);
        } else {
            self.outbox.direct(work.origin, Direct::Done(work));
        }
    }
}

fn asker_of(work: &Work) -> shard::Asker {
    super::blocking::asker(work.origin, work.conn)
}

impl Asker {
    #[inline]
    fn cx(&self, id: CommandId, now_ms: i64) -> Cx {
        Cx {
            id,
            db: self.db as usize,
            now_ms,
            resp: self.resp,
            no_touch: self.no_touch,
            key_hash: self.hash,
            no_block: self.no_block,
            block: None,
            dirty: 0,
        }
    }
}

#[inline]
fn note_changes(stats: &CoreStats, dirty: u64) {
    if dirty != 0 {
        stats.dirty.add(dirty);
    }
}

/// Drops the reply written since `before`, if CLIENT REPLY says so.
fn silence(conn: &mut Conn, before: usize) {
    match conn.reply_mode {
        ReplyMode::On => {}
        ReplyMode::Off => conn.out.truncate(before),
        ReplyMode::SkipNext => {
            conn.out.truncate(before);
            conn.reply_mode = ReplyMode::On;
        }
    }
}
