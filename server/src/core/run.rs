//! Running commands against this core's shard: the plan of a turn, and the work that other cores
//! sent. Each command is timed from the end of the one before it, so that timing costs one reading of
//! the counter a command.

use super::account::account;
use super::plan::{Plan, Routed, Target};
use super::state::CoreState;
use crate::conn::{Conn, ReplyMode};
use crate::stats::CoreStats;
use crate::work::{Direct, Ordered, Work};
use proto::args::Args;
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
        self.finish_plan(&plan);
        plan.clear();
        self.plan = plan;
    }

    fn execute_routed(&mut self, r: &Routed, plan: &Plan, mark: u64) -> u64 {
        let Some(conn) = self.conns.slot(r.slot) else { return mark };
        let before = conn.out.len();
        let spec = match (r.target, r.spec) {
            (Target::Literal { from, to }, _) => {
                conn.out.extend_from_slice(&plan.literals[from as usize..to as usize]);
                silence(conn, before);
                return mark;
            }
            (_, Some(spec)) => spec,
            (_, None) => return mark,
        };
        #[cfg(test)]
        self.shared.witnessed(conn.client, Args::new(&conn.input, plan.spans_of(r)));
        let asker = Asker { resp: conn.resp, no_touch: conn.no_touch, db: r.db, hash: r.hash };
        let mut cx = asker.cx(spec.id, self.now.unix_ms());
        let args = Args::new(&conn.input, plan.spans_of(r));
        self.shard.execute(&mut cx, args, &mut conn.out);
        let now = self.ticks.read();
        let nanos = self.ticks.nanos(mark, now);
        account(&self.shared, self.index, &mut self.histograms, cx.id, nanos, &conn.out[before..]);
        note_changes(&self.shared.stats[self.index], cx.dirty);
        if nanos >= self.slow_nanos {
            self.shared.slow(&self.settings, spec, args, nanos, self.now, conn);
        }
        silence(conn, before);
        if self.has_news() {
            self.tell(None);
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

    /// Runs posted work in its order, until there is no more or the shard is held.
    pub fn run_queue(&mut self) {
        while self.held.is_none() && !self.undelivered.is_too_much() {
            let Some(item) = self.queue.pop_front() else { return };
            match item {
                Ordered::Work(work) => self.run_work(work),
                Ordered::Hold(hop) => self.run_first_hop(*hop),
                Ordered::Task(task) => self.run_task(task),
            }
            if self.has_news() {
                self.tell(None);
            }
        }
    }

    fn run_work(&mut self, mut work: Box<Work>) {
        if work.origin != self.index {
            self.stats().hops_in.add(1);
            self.stats().forwarded_in.add(work.commands.len() as u64);
        }
        let mut out = std::mem::take(&mut work.out);
        let commands = std::mem::take(&mut work.commands);
        self.stats().note_batch(commands.len());
        let mut ends = std::mem::take(&mut work.ends);
        let mut mark = self.ticks.read();
        for c in &commands {
            self.shard.dbs[c.db as usize].prefetch_bucket(c.hash);
        }
        let mut first = 0;
        for group in commands.chunks(PREFETCH) {
            for c in group {
                self.shard.dbs[c.db as usize].prefetch_entry(c.hash);
            }
            for c in group {
                let asker = Asker { resp: work.resp, no_touch: work.no_touch, db: c.db, hash: c.hash };
                let before = out.len();
                let mut cx = asker.cx(c.id, self.now.unix_ms());
                self.shard.execute(&mut cx, work.args_from(first, c), &mut out);
                first += c.count();
                ends.push(out.len() as u32);
                let now = self.ticks.read();
                let nanos = self.ticks.nanos(mark, now);
                if c.counted() {
                    account(&self.shared, self.index, &mut self.histograms, cx.id, nanos, &out[before..]);
                } else {
                    self.stats().commands[cx.id as usize].nanos.add(nanos);
                }
                note_changes(&self.shared.stats[self.index], cx.dirty);
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
        if work.origin == self.index {
            self.batch_part_done(work);
        } else {
            self.outbox.direct(work.origin, Direct::Done(work));
        }
    }
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
