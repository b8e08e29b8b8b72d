//! Counting commands, for INFO commandstats and latencystats, the slow log and the latency monitor.
//!
//! Commands on keys are counted where they run, by that core; those that are answered while they
//! are routed, there; commands about the server and commands that run here on what shards lend, and EXEC, once their reply is known,
//! which may be turns later: until then a [`Pending`] waits with whatever answers.

use super::state::CoreState;
use crate::conn::Doing;
use crate::io::ConnId;
use crate::latency::CommandHistograms;
use crate::shared::Shared;
use crate::slowlog;
use proto::args::Args;
use proto::command::{CommandId, CommandSpec};

/// Counts one executed command.
#[inline]
pub fn account(
    shared: &Shared,
    core: usize,
    histograms: &mut CommandHistograms,
    id: CommandId,
    nanos: u64,
    reply: &[u8],
) {
    let stats = &shared.stats[core];
    let counters = &stats.commands[id as usize];
    counters.calls.add(1);
    counters.nanos.add(nanos);
    histograms.record(id, nanos);
    if reply.first() == Some(&b'-') {
        counters.failed.add(1);
        stats.error_replies.add(1);
        shared.errors.count_reply(reply);
    }
}

/// A command that has begun and is not answered yet.
#[derive(Clone)]
pub struct Pending {
    spec: &'static CommandSpec,
    /// Its arguments, as the slow log would show them: they may be gone when it is answered.
    kept: Vec<Vec<u8>>,
    began: u64,
}

impl CoreState {
    /// Bytes of replies that a connection has not been sent yet.
    pub fn reply_len(&mut self, id: ConnId) -> usize {
        self.conns.get(id).map_or(0, |c| c.out.len())
    }

    pub fn pending(&self, spec: &'static CommandSpec, args: Args<'_>) -> Pending {
        Pending { spec, kept: slowlog::kept(spec, args), began: self.ticks.read() }
    }

    /// Counts a command whose reply stands at the end of what its connection is to be sent, from `before` on.
    pub fn account_answer(&mut self, id: ConnId, pending: Pending, before: usize) {
        let nanos = self.ticks.nanos(pending.began, self.ticks.read());
        self.refresh_settings(); // CONFIG SET itself is logged by what it has set
        self.stats().note_batch(1);
        let conn = self.conns.get(id);
        let reply = conn.as_ref().and_then(|c| c.out.get(before..)).unwrap_or_default();
        account(&self.shared, self.index, &mut self.histograms, pending.spec.id, nanos, reply);
        if nanos >= self.slow_nanos
            && let Some(conn) = conn
        {
            self.shared.slow_kept(&self.settings, pending.spec, || pending.kept, nanos, self.now, conn);
        }
    }

    /// Counts a command whose parts are counted where they run.
    pub fn account_started(&mut self, pending: Pending) {
        let nanos = self.ticks.nanos(pending.began, self.ticks.read());
        account(&self.shared, self.index, &mut self.histograms, pending.spec.id, nanos, &[]);
    }

    /// Counts a command about the server, now or (if all cores are being asked) once it is answered.
    pub fn account_admin(&mut self, id: ConnId, pending: Pending, before: usize) {
        match self.conns.get(id).map(|c| &mut c.doing) {
            Some(Doing::Question(question)) => question.pending = Some(pending),
            Some(Doing::Batch(_) | Doing::Session(_)) => {} // counted where it runs
            _ => self.account_answer(id, pending, before),
        }
    }
}
