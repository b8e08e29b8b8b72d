//! Commands that must read on one shard before they can write on another: RENAME, RENAMENX, COPY
//! and MSETNX between shards. The steps are the shard crate's ([`shard::hop`]); this file sees
//! to their order:
//!
//! 1. the first hops are posted to all shards of the command at one point of the order
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

use super::state::CoreState;
use crate::conn::Doing;
use crate::io::ConnId;
use crate::work::{Direct, HopWork, Ordered};
use proto::args::Args;
use proto::command::CommandSpec;
use proto::slot::slot_of;
use shard::hop::{HopResult, Plan};

/// A transaction under way, at the core that asked for it.
pub struct Transaction {
    pub number: u64,
    plan: Plan,
    /// The shard of each part.
    shards: Vec<usize>,
    results: Vec<Option<HopResult>>,
    waiting: usize,
    second: bool,
}

impl CoreState {
    /// Starts a command that spans shards and needs two hops.
    pub fn begin_transaction(&mut self, id: ConnId, spec: &'static CommandSpec, args: Args<'_>) {
        let Some(conn) = self.conns.get(id) else { return };
        let (db, resp) = (conn.db as usize, conn.resp);
        let slots = &self.shared.slots;
        let owner = |key: &[u8]| slots.owner(slot_of(key)) as usize;
        let plan = match Plan::new(spec.id, db, resp, self.settings.databases, args, &owner) {
            Ok(plan) => plan,
            Err(text) => return self.reply(id, |r| r.error(&text)),
        };
        let number = self.transaction();
        let hops = plan.first_hops();
        let shards: Vec<usize> = hops.iter().map(|(shard, _)| *shard).collect();
        let waiting = hops.len();
        let now_ms = self.now.unix_ms();
        for (part, (shard, hop)) in hops.into_iter().enumerate() {
            let work = HopWork { origin: self.index, transaction: number, part, now_ms, hop };
            self.outbox.ordered(shard, Ordered::Hold(Box::new(work)));
        }
        self.outbox.spans_shards();
        self.stats().hops_out.add(waiting as u64);
        let results = (0..waiting).map(|_| None).collect();
        let transaction = Transaction { number, plan, shards, results, waiting, second: false };
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
        let (result, dirty) = self.shard.hop(work.now_ms, work.hop);
        self.stats().dirty.add(dirty);
        let done = Direct::HopDone { transaction: work.transaction, part: work.part, result };
        self.outbox.direct(work.origin, done);
    }

    /// An answer to a hop of one of our transactions.
    pub fn hop_done(&mut self, number: u64, part: usize, result: HopResult) {
        let Some((_, t)) = self.transactions.get_mut(&number) else {
            debug_assert!(false, "hops are answered once");
            return;
        };
        t.results[part] = Some(result);
        t.waiting -= 1;
        if t.waiting > 0 {
            return;
        }
        if !t.second {
            return self.send_second_hops(number);
        }
        let Some((id, t)) = self.transactions.remove(&number) else { return };
        let reply = t.plan.reply(t.results.into_iter().flatten().collect());
        self.reply(id, |r| r.raw().extend_from_slice(&reply));
        self.resume(id);
    }

    fn send_second_hops(&mut self, number: u64) {
        let now_ms = self.now.unix_ms();
        let Some((_, t)) = self.transactions.get_mut(&number) else { return };
        t.second = true;
        let results: Vec<HopResult> = t.results.iter_mut().filter_map(Option::take).collect();
        let hops = t.plan.second_hops(results);
        debug_assert_eq!(hops.len(), t.shards.len(), "every shard that holds is let go");
        t.waiting = hops.len();
        for (part, (shard, hop)) in hops.into_iter().enumerate() {
            let work = HopWork { origin: self.index, transaction: number, part, now_ms, hop };
            self.outbox.direct(shard, Direct::Release(Box::new(work)));
        }
    }
}
