//! Commands that must read on one shard before they can write on another: RENAME, RENAMENX, COPY
//! and MSETNX between shards. The steps are the shard crate's ([`shard::plan`]); this file sees
//! to their order:
//!
//! 1. the first hops are posted to all shards that own a key of it, whether they have something to
//!    say or not, at one point of the order
//!    (see [`crate::mailbox`]); each shard runs its own when its turn comes, answers, and holds:
//!    it runs nothing else;
//! 2. with all answers in, the second hops go out by the direct lane; each shard runs its own, answers and
//!    goes on with what was waiting.
//!
//! No client can see the state between, and no two such commands can wait for each other, since
//! all shards see them in the same order. What can go wrong in each state:
//!
//! | | before hop 1 | between the hops | after hop 2 |
//! |---|---|---|---|
//! | client gone | runs all the same | runs all the same, the reply is dropped | reply dropped |
//! | a step fails | the plan decides on hop 2 | hop 2 always runs on every shard | - |
//! | shutdown | cores stop only when nothing is held | same | - |

use super::account::Pending;
use super::state::CoreState;
use crate::conn::Doing;
use crate::io::ConnId;
use crate::work::{Direct, HopWork, Ordered};
use proto::args::Args;
use proto::command::CommandSpec;
use proto::slot::slot_of;
use shard::Cx;
use shard::hop::{Hop, Hopped};
use shard::plan::{Plan, TwoHops};

/// A transaction under way, at the core that asked for it.
pub struct Transaction {
    /// What follows the first hop; `None` once it has been asked.
    then: Option<TwoHops>,
    /// The shards that hold, in the order of the parts.
    shards: Vec<usize>,
    /// What the first hops found, by part.
    found: Vec<Option<Hopped>>,
    /// The parts that had a first step, in the order the plan wants them.
    asked: Vec<usize>,
    waiting: usize,
    reply: Vec<u8>,
    /// The command, to be counted when it is answered.
    pending: Pending,
}

impl CoreState {
    /// Starts a command whose keys lie on several shards, and that needs two hops.
    pub fn begin_transaction(&mut self, id: ConnId, spec: &'static CommandSpec, args: Args<'_>) {
        #[cfg(test)]
        self.witness_later(id, args);
        let Some(conn) = self.conns.get(id) else { return };
        let mut cx = Cx::new(spec.id, conn.db as usize, self.now.unix_ms());
        cx.resp = conn.resp;
        let slots = &self.shared.slots;
        let owner = |key: &[u8]| slots.owner(slot_of(key)) as usize;
        let plan = Plan::new(&cx, args, self.settings.databases, &self.shard.settings, owner);
        match plan {
            Plan::Refused { reply } => {
                let (pending, before) = (self.pending(spec, args), self.reply_len(id));
                self.reply(id, |r| r.raw().extend_from_slice(&reply));
                self.account_answer(id, pending, before);
            }
            Plan::Whole { shard } => self.forward(id, shard, spec, args),
            Plan::Hops(hops) => {
                let pending = self.pending(spec, args);
                self.post_first_hops(id, hops, pending);
            }
        }
    }

    fn post_first_hops(&mut self, id: ConnId, mut hops: TwoHops, pending: Pending) {
        let shards = std::mem::take(&mut hops.shards);
        let number = self.transaction();
        let mut steps: Vec<Option<Hop>> = shards.iter().map(|_| None).collect();
        let mut asked = Vec::new();
        for (shard, hop) in std::mem::take(&mut hops.first) {
            let Ok(part) = shards.binary_search(&shard) else {
                debug_assert!(false, "a step is for the owner of one of the keys");
                continue;
            };
            asked.push(part);
            steps[part] = Some(hop);
        }
        let (origin, now_ms, waiting) = (self.index, self.now.unix_ms(), shards.len());
        for (part, (&shard, hop)) in shards.iter().zip(steps).enumerate() {
            let work = HopWork { origin, transaction: number, part, now_ms, hop };
            self.outbox.ordered(shard, Ordered::Hold(Box::new(work)));
        }
        self.outbox.spans_shards();
        self.stats().hops_out.add(waiting as u64);
        let found = shards.iter().map(|_| None).collect();
        let (then, reply) = (Some(hops), Vec::new());
        let transaction = Transaction { then, shards, found, asked, waiting, reply, pending };
        self.transactions.insert(number, (id, Box::new(transaction)));
        if let Some(conn) = self.conns.get(id) {
            conn.doing = Doing::Transaction(number);
        }
    }

    /// Runs a first hop, and holds the shard for the second.
    pub fn run_first_hop(&mut self, work: HopWork) {
        self.held = Some((work.origin, work.transaction));
        self.run_hop(work);
    }

    /// Runs a second hop, and lets the shard go on.
    pub fn run_second_hop(&mut self, work: HopWork) {
        debug_assert_eq!(self.held, Some((work.origin, work.transaction)));
        self.held = None;
        self.run_hop(work);
    }

    fn run_hop(&mut self, work: HopWork) {
        self.stats().hops_in.add(1);
        let found = work.hop.map(|hop| {
            let mut cx = Cx::new(proto::command::CommandId::Exec, hop.db, work.now_ms);
            let found = self.shard.hop(&mut cx, hop);
            self.stats().dirty.add(cx.dirty);
            found
        });
        let done = Direct::HopDone { transaction: work.transaction, part: work.part, found };
        self.outbox.direct(work.origin, done);
    }

    /// An answer to a hop of one of our transactions.
    pub fn hop_done(&mut self, number: u64, part: usize, found: Option<Hopped>) {
        let Some((_, t)) = self.transactions.get_mut(&number) else {
            debug_assert!(false, "hops are answered once");
            return;
        };
        t.found[part] = found;
        t.waiting -= 1;
        if t.waiting > 0 {
            return;
        }
        if t.then.is_some() {
            return self.post_second_hops(number);
        }
        let Some((id, t)) = self.transactions.remove(&number) else { return };
        let before = self.reply_len(id);
        self.reply(id, |r| r.raw().extend_from_slice(&t.reply));
        self.account_answer(id, t.pending, before);
        self.resume(id);
    }

    /// Every shard that holds gets a second hop, if only to be let go.
    fn post_second_hops(&mut self, number: u64) {
        let (origin, now_ms) = (self.index, self.now.unix_ms());
        let Some((_, t)) = self.transactions.get_mut(&number) else { return };
        let Some(then) = t.then.take() else { return };
        let mut answers = Vec::new();
        for &part in &t.asked {
            answers.extend(t.found[part].take());
        }
        let finish = then.then(answers);
        t.reply = finish.reply;
        t.waiting = t.shards.len();
        let mut steps = finish.second;
        for (part, &shard) in t.shards.iter().enumerate() {
            let at = steps.iter().position(|(s, _)| *s == shard);
            let hop = at.map(|i| steps.swap_remove(i).1);
            let work = HopWork { origin, transaction: number, part, now_ms, hop };
            self.outbox.direct(shard, Direct::Release(Box::new(work)));
        }
        debug_assert!(steps.is_empty(), "one second step a shard, and only for shards that hold");
    }
}
