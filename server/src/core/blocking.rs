//! Connections that wait for a key: BLPOP and its kin, on one shard or several.
//!
//! ```text
//!   asking core                    owner of the keys
//!   command alone ---------------> runs it: nothing there, registers the waiter
//!   Doing::Blocked <-------------- blocked until ...
//!                                  another client's LPUSH; then the waiter's command, again
//!   reply <----------------------- served
//!   time is over, CLIENT UNBLOCK -> leave
//!   nil, or an error <------------ it was still here      (it was not: the reply is on its way)
//! ```
//!
//! So of one shard's waiters the shard decides who gets what, and a reply that has left is never
//! taken for a time-out.
//!
//! With keys on several shards the command runs as a session ([`super::transaction`]), and is registered on all of
//! them with the release, while nobody else can have touched a key. From then on any of these shards may *call*:
//! the session is run again, and on its release the waiter is removed everywhere, or goes on waiting. Here the
//! asking core decides, so a time-out needs nobody's leave.
//!
//! | | waiting | called, the session runs |
//! |---|---|---|
//! | client gone | all its shards are told to forget it | they are told when the session ends |
//! | time is over | as drawn | looked at when the session ends without an answer |
//! | shutdown | the connection is closed | the session ends first |
//!
//! Waiters are served when the shard is not held ([`CoreState::serve_waiters`]): after each command, after the last
//! of a transaction, after a release. Waiters for a key that a session has borrowed have their turn when it is back.

use super::account::account;
use super::state::CoreState;
use crate::conn::{Doing, ReplyMode};
use crate::core::transaction::queue::Multi;
use crate::io::ConnId;
use crate::work::Direct;
use proto::args::{Args, OwnedArgs};
use proto::command::{CommandId, CommandSpec, Flags};
use proto::encode::Reply;
use proto::slot::slot_of;
use shard::{Asker, Block, Cx, Served};
use std::sync::Arc;
use std::time::Duration;

const UNBLOCKED: &str = "UNBLOCKED client unblocked via CLIENT UNBLOCK";

/// Why a client waits no longer, if not because it was served.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// Its time is over, or CLIENT UNBLOCK says so.
    Timeout,
    /// CLIENT UNBLOCK ERROR.
    Error,
}

/// What a blocked connection waits for.
pub struct Waiting {
    pub id: CommandId,
    /// Unix milliseconds; `None`: for ever.
    pub deadline_ms: Option<i64>,
    /// The shards that know of it.
    pub shards: Vec<u16>,
    /// The command, if it has to be run over several shards.
    pub again: Option<Box<Multi>>,
    /// CLIENT REPLY SKIP came before it.
    pub silent: bool,
    /// The shard has been asked to forget it.
    leaving: Option<Why>,
}

impl Waiting {
    #[must_use]
    pub fn new(id: CommandId, deadline_ms: Option<i64>, shards: Vec<u16>, silent: bool) -> Self {
        Self { id, deadline_ms, shards, again: None, silent, leaving: None }
    }
}

/// What the owners of the keys do about a waiter when they are released by its session.
#[derive(Clone)]
pub enum AtRelease {
    Register(Arc<Registration>),
    /// It goes on waiting.
    Uncall(Asker),
    /// It is answered.
    Forget(Asker),
}

/// A waiter for keys of several shards.
pub struct Registration {
    pub asker: Asker,
    pub cx: Cx,
    pub args: OwnedArgs,
    pub block: Block,
}

/// How a connection is known to shards.
#[must_use]
pub fn asker(core: usize, id: ConnId) -> Asker {
    Asker { core, conn: u64::from(id.slot) << 32 | u64::from(id.generation) }
}

fn conn_of(asker: Asker) -> ConnId {
    ConnId { slot: (asker.conn >> 32) as u32, generation: asker.conn as u32 }
}

/// Whether a command may have to wait, and so must have the connection to itself.
#[inline]
#[must_use]
pub fn may_wait(spec: &CommandSpec, args: Args<'_>) -> bool {
    spec.flags.contains(Flags::BLOCKING) && asks_to_wait(spec.id, args)
}

fn asks_to_wait(id: CommandId, args: Args<'_>) -> bool {
    match id {
        CommandId::Xread | CommandId::Xreadgroup => args.iter().any(|a| a.eq_ignore_ascii_case(b"block")),
        _ => true,
    }
}

impl CoreState {
    /// A connection has nothing to do until it is served or its time is over.
    pub fn begin_wait(&mut self, id: ConnId, waiting: Box<Waiting>) {
        let Some(conn) = self.conns.get(id) else { return self.forget_waiter(id, &waiting.shards) };
        if let Some(deadline) = waiting.deadline_ms {
            self.deadlines.insert((deadline, id.slot, id.generation));
        }
        conn.doing = Doing::Blocked(waiting);
        conn.commands = conn.commands.saturating_sub(1); // until it is answered
        Self::write_late(conn); // messages do not wait for a reply that may never come
        let ended = conn.ended;
        self.waits += 1;
        self.note_blocked();
        self.wants_flush(id.slot);
        if ended {
            self.close(id, false);
        }
    }

    /// Takes a connection out of its wait; what it waited for.
    pub fn end_wait(&mut self, id: ConnId) -> Option<Box<Waiting>> {
        let conn = self.conns.get(id)?;
        let Doing::Blocked(_) = conn.doing else { return None };
        let Doing::Blocked(waiting) = std::mem::take(&mut conn.doing) else { return None };
        conn.commands += 1;
        self.forget_wait(id, &waiting);
        Some(waiting)
    }

    fn forget_wait(&mut self, id: ConnId, waiting: &Waiting) {
        if let Some(deadline) = waiting.deadline_ms {
            self.deadlines.remove(&(deadline, id.slot, id.generation));
        }
        self.waits -= 1;
        self.note_blocked();
    }

    /// A connection is gone that waited.
    pub fn waiter_gone(&mut self, id: ConnId, waiting: &Waiting) {
        self.forget_wait(id, waiting);
        self.forget_waiter(id, &waiting.shards);
    }

    /// Tells shards that a client waits no longer.
    pub fn forget_waiter(&mut self, id: ConnId, shards: &[u16]) {
        let asker = asker(self.index, id);
        for &shard in shards {
            self.outbox.direct(shard as usize, Direct::Leave { asker, answer: false });
        }
    }

    /// For INFO: clients that CLIENT PAUSE holds back count, too.
    pub fn note_blocked(&self) {
        self.stats().blocked_clients.set((self.paused.len() + self.waits) as u64);
    }

    /// Registers a command that has run here and found nothing; until when it waits.
    pub fn register(&mut self, cx: &mut Cx, args: Args<'_>, asker: Asker) -> Option<Option<i64>> {
        let block = cx.block.take()?;
        self.shard.block(cx, args, asker, &block, false, |_| true);
        self.note_waiting();
        Some(block.deadline_ms)
    }

    /// What a session's release says about its waiter.
    pub fn at_release(&mut self, after: &AtRelease) {
        match after {
            AtRelease::Register(new) => {
                let (slots, me) = (&self.shared.slots, self.index);
                let is_here = |key: &[u8]| slots.owner(slot_of(key)) as usize == me;
                self.shard.block(&new.cx, new.args.args(), new.asker, &new.block, true, is_here);
            }
            AtRelease::Uncall(asker) => self.shard.uncall(*asker),
            AtRelease::Forget(asker) => drop(self.shard.unblock(*asker)),
        }
        self.note_waiting();
    }

    /// For INFO.
    fn note_waiting(&self) {
        let (keys, on_loss) = self.shard.waited_for();
        self.stats().blocking_keys.set(keys as u64);
        self.stats().blocking_keys_on_loss.set(on_loss as u64);
    }

    /// Serves those who wait for keys that have changed, unless the shard is held.
    #[cold]
    pub fn serve_waiters(&mut self) {
        if self.held.is_some() {
            return;
        }
        let mut all = Vec::new();
        let (holds, now_ms) = (&self.holds, self.now.unix_ms());
        let is_held = |shard: &shard::Shard, key: &[u8]| holds.has(shard.key(key).hash);
        let mut began = self.ticks.read();
        self.shard.serve_blocked(now_ms, &is_held, &mut |_, served| {
            let ended = self.ticks.read();
            all.push((served, self.ticks.nanos(began, ended)));
            began = ended;
        });
        self.note_waiting();
        if !all.is_empty() {
            self.outbox.spans_shards(); // answered no later than the command that has served them
        }
        for (served, nanos) in all {
            match served {
                Served::Reply { asker, id, reply, dirty } => {
                    self.account_waiter(id, nanos, &reply);
                    self.stats().dirty.add(dirty);
                    self.outbox.direct(asker.core, Direct::Served { id: conn_of(asker), reply });
                }
                Served::Call { asker } => {
                    self.outbox.direct(asker.core, Direct::Called(conn_of(asker)));
                }
            }
        }
        if self.has_news() {
            self.tell(None);
        }
    }

    /// Counts a command that has waited: when it is answered, as if it had come only then.
    fn account_waiter(&mut self, id: CommandId, nanos: u64, reply: &[u8]) {
        account(&self.shared, self.index, &mut self.histograms, id, nanos, reply);
    }

    /// A shard has run the command of a connection that waits.
    pub fn served(&mut self, id: ConnId, reply: &[u8]) {
        if let Some(waiting) = self.end_wait(id) {
            self.answer_waiter(id, waiting.silent, reply);
        }
    }

    /// A shard has something for a connection that waits for keys of several.
    pub fn called(&mut self, id: ConnId) {
        let Some(mut waiting) = self.end_wait(id) else { return };
        match waiting.again.take() {
            Some(commands) => self.gather_again(id, commands, waiting),
            None => self.begin_wait(id, waiting), // it is served where it waits
        }
    }

    /// Ends the waits whose time is over.
    pub fn end_waits(&mut self) {
        let now_ms = self.now.unix_ms();
        while let Some(&(deadline, slot, generation)) = self.deadlines.first()
            && deadline <= now_ms
        {
            self.deadlines.pop_first();
            self.leave(ConnId { slot, generation }, Why::Timeout);
        }
    }

    /// How long until the next of them, at `mono_ns`.
    #[must_use]
    pub fn until_deadline(&self, mono_ns: u64) -> Option<Duration> {
        let &(deadline_ms, ..) = self.deadlines.first()?;
        let left_us = u64::try_from(deadline_ms.saturating_mul(1000) - self.now.unix_us).unwrap_or(0);
        let since = Duration::from_nanos(mono_ns.saturating_sub(self.now.mono_ns));
        Some(Duration::from_micros(left_us).saturating_sub(since))
    }

    /// A client is to wait no longer; false if it does not wait.
    pub fn leave(&mut self, id: ConnId, why: Why) -> bool {
        let me = asker(self.index, id);
        let Some(conn) = self.conns.get(id) else { return false };
        match &mut conn.doing {
            Doing::Blocked(waiting) if waiting.again.is_some() => {
                let Some(waiting) = self.end_wait(id) else { return false };
                self.forget_waiter(id, &waiting.shards);
                self.answer_leaver(id, &waiting, why);
            }
            Doing::Blocked(waiting) => {
                waiting.leaving = Some(why);
                for &shard in &waiting.shards {
                    self.outbox.direct(shard as usize, Direct::Leave { asker: me, answer: true });
                }
            }
            Doing::Session(number) => {
                let number = *number;
                let waiting = self.sessions.waiting_of(number);
                return waiting.map(|waiting| waiting.leaving = Some(why)).is_some();
            }
            _ => return false,
        }
        true
    }

    /// A client of some core waits no longer.
    pub fn remove_waiter(&mut self, asker: Asker, answer: bool) {
        let was_here = self.shard.unblock(asker);
        self.note_waiting();
        if answer {
            self.outbox.direct(asker.core, Direct::Left { id: conn_of(asker), was_here });
        }
        if self.shard.has_ready() {
            self.serve_waiters();
        }
    }

    /// The shard's answer: if the waiter was not there any more, its reply has come before.
    pub fn left(&mut self, id: ConnId, was_here: bool) {
        let Some(conn) = self.conns.get(id) else { return };
        let Doing::Blocked(waiting) = &conn.doing else { return };
        let Some(why) = waiting.leaving.filter(|_| was_here) else { return };
        if let Some(waiting) = self.end_wait(id) {
            self.answer_leaver(id, &waiting, why);
        }
    }

    fn answer_leaver(&mut self, id: ConnId, waiting: &Waiting, why: Why) {
        let Some(resp) = self.conns.get(id).map(|conn| conn.resp) else { return };
        let mut answer = Vec::new();
        let mut reply = Reply::new(&mut answer, resp);
        match why {
            Why::Timeout => reply.null_array(),
            Why::Error => reply.error(UNBLOCKED),
        }
        self.account_waiter(waiting.id, 0, &answer);
        self.answer_waiter(id, waiting.silent, &answer);
    }

    fn answer_waiter(&mut self, id: ConnId, silent: bool, reply: &[u8]) {
        if let Some(conn) = self.conns.get(id)
            && !silent
            && conn.reply_mode != ReplyMode::Off
        {
            conn.out.extend_from_slice(reply);
        }
        self.resume(id);
    }

    /// After a session that was called in vain: goes on waiting, unless its time is over.
    pub fn wait_on(&mut self, id: ConnId, mut waiting: Box<Waiting>) {
        let why = waiting.leaving.take();
        self.begin_wait(id, waiting);
        if let Some(why) = why {
            self.leave(id, why);
        }
    }
}
