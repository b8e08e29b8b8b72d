//! EXEC, DISCARD, WATCH and UNWATCH where they have the connection to themselves: the client watches keys, or
//! EXEC needs more than a hop.

use super::queue::{Multi, Watching};
use super::router::Speaker;
use crate::conn::{Conn, ReplyMode};
use crate::core::account::Pending;
use crate::core::state::CoreState;
use crate::core::tasks::When;
use crate::io::ConnId;
use crate::task::Answer;
use crate::work::Ordered;
use proto::args::Args;
use proto::command::{CommandId, CommandSpec};
use proto::error;
use proto::slot::slot_of;
use shard::watch::WatchedKey;
use std::borrow::Cow;
use std::sync::Arc;

impl Conn {
    /// A command was refused. EXEC itself says so in its own way and ends a transaction, also where there is none;
    /// any other, inside MULTI, makes EXEC fail. The text to be sent.
    pub fn refused_in_multi<'a>(&mut self, spec: Option<&CommandSpec>, text: &'a [u8]) -> Cow<'a, [u8]> {
        if spec.is_none_or(|spec| spec.id != CommandId::Exec) {
            if self.in_multi {
                self.multi.get_or_insert_default().abandon();
            }
            return text.into();
        }
        self.leave_multi();
        let why = text.strip_prefix(b"ERR ").unwrap_or(text);
        error::exec_abort_because(&String::from_utf8_lossy(why)).into_bytes().into()
    }

    /// Forgets the commands queued so far.
    pub fn leave_multi(&mut self) {
        self.in_multi = false;
        if let Some(multi) = &mut self.multi {
            multi.clear();
        }
    }
}

impl CoreState {
    /// Runs one of them.
    pub fn run_transaction(&mut self, id: ConnId, spec: &'static CommandSpec, args: Args<'_>) {
        let pending = self.pending(spec, args);
        match spec.id {
            CommandId::Exec if !spec.accepts(args.len()) => {
                // It comes here for what it watches, which is forgotten with the rest.
                self.forget_transaction(id, true);
                let text = error::wrong_arity(spec.id.full_name());
                let text = error::exec_abort_because(text.trim_start_matches("ERR "));
                self.answer(id, pending, |r| r.error(text.as_bytes()));
            }
            CommandId::Exec => self.exec(id, pending),
            CommandId::Watch => self.watch(id, args, pending),
            _ => {
                self.forget_transaction(id, spec.id == CommandId::Discard);
                self.answer(id, pending, |r| r.ok());
            }
        }
    }

    /// Drops what a connection watches, and what it has queued.
    pub fn forget_transaction(&mut self, id: ConnId, queued_too: bool) {
        let Some(conn) = self.conns.get(id) else { return };
        if queued_too {
            conn.leave_multi();
        }
        if let Some(watching) = conn.watching.take() {
            self.unwatch(&watching);
        }
    }

    fn answer(&mut self, id: ConnId, pending: Pending, write: impl FnOnce(&mut proto::encode::Reply<'_>)) {
        let before = self.reply_len(id);
        self.reply(id, write);
        self.account_answer(id, pending, before);
    }

    fn unwatch(&mut self, watching: &Watching) {
        for shard in watching.shards() {
            let share = watching.share_of(shard);
            if shard as usize == self.index {
                self.shard.unwatch(&share.flag, &share.keys);
            } else {
                self.outbox.ordered(shard.into(), Ordered::Unwatch(Box::new(share)));
            }
        }
    }

    /// The same for a connection that goes: a WATCH of its may still be waiting for its turn.
    pub fn unwatch_in_order(&mut self, watching: &Watching) {
        for shard in watching.shards() {
            self.outbox.ordered(shard.into(), Ordered::Unwatch(Box::new(watching.share_of(shard))));
        }
    }

    /// `WATCH key [key …]`: noted here and at the owners of the keys.
    fn watch(&mut self, id: ConnId, args: Args<'_>, pending: Pending) {
        let limit = self.settings.client_query_buffer_limit;
        let Some(conn) = self.conns.get(id) else { return };
        let db = conn.db as usize;
        let watching = conn.watching.get_or_insert_default();
        if watching.flag.is_raised() {
            return self.answer(id, pending, |r| r.ok()); // EXEC will fail anyway
        }
        // A share of its own, so that keys that were watched before are not sent again.
        let mut new = Watching::with(watching.flag.clone());
        for key in args.iter().skip(1) {
            let (shard, key) = (self.shared.slots.owner(slot_of(key)), WatchedKey { db, key: key.into() });
            if !watching.add(shard, key.clone(), limit) || !new.add(shard, key, limit) {
                // Those before it are noted, and watched nowhere: they will be found unchanged.
                return self.answer(id, pending, |r| r.error(error::WATCH_TOO_MUCH));
            }
        }
        let shards = new.shards();
        #[cfg(test)]
        self.witness_watch(id, &shards, args);
        if shards == [self.index as u16] && self.holds.is_idle() {
            let share = new.share_of(self.index as u16);
            self.shard.watch(&share.flag, &share.keys, self.now.unix_ms());
            return self.answer(id, pending, |r| r.ok());
        }
        let cores: Vec<usize> = shards.iter().map(|&shard| shard.into()).collect();
        let run = Arc::new(move |core: &mut CoreState| {
            let share = new.share_of(core.index as u16);
            core.shard.watch(&share.flag, &share.keys, core.now.unix_ms());
            Answer::Nothing
        });
        self.ask(id, &cores, When::Ordered, run, Box::new(|core, id, _| core.reply(id, |r| r.ok())));
        self.account_admin(id, pending, 0);
    }

    #[cfg(test)]
    fn witness_watch(&mut self, id: ConnId, shards: &[u16], args: Args<'_>) {
        if shards == [self.index as u16] && self.holds.is_idle() {
            let client = self.conns.get(id).map_or(0, |c| c.client);
            self.shared.witnessed(client, args);
        } else {
            self.witness_later(id, args);
        }
    }

    /// `EXEC`
    fn exec(&mut self, id: ConnId, pending: Pending) {
        let Some(conn) = self.conns.get(id) else { return };
        conn.in_multi = false;
        let mut multi = conn.multi.take().unwrap_or_default();
        let watching = conn.watching.take();
        let changed = watching.as_ref().is_some_and(|w| w.flag.is_raised());
        if multi.broken || changed {
            let broken = multi.broken;
            multi.clear();
            conn.multi = Some(multi);
            watching.iter().for_each(|w| self.unwatch(w));
            #[cfg(test)]
            self.witness_exec(id);
            return self
                .answer(id, pending, |r| if broken { r.error(error::EXEC_ABORT) } else { r.null_array() });
        }
        if self.shared.monitors.any() {
            self.feed_exec(id, &multi);
        }
        let in_one_piece = multi.needs_session || self.skips_next(id);
        if !in_one_piece && self.exec_in_one_hop(id, &multi, watching.as_deref(), pending.clone()) {
            multi.clear();
            if let Some(conn) = self.conns.get(id) {
                conn.multi = Some(multi);
            }
            return;
        }
        self.begin_exec(id, multi, watching, pending);
    }

    /// Whether the reply is to be dropped, which is done where it is made in one piece.
    fn skips_next(&mut self, id: ConnId) -> bool {
        self.conns.get(id).is_some_and(|c| c.reply_mode == ReplyMode::SkipNext)
    }

    fn feed_exec(&mut self, id: ConnId, multi: &Multi) {
        let (index, now) = (self.index, self.now);
        let Some(conn) = self.conns.get(id) else { return };
        for q in multi.commands() {
            self.shared.monitors.feed(index, conn, q.spec, multi.args(q), now);
        }
    }

    #[cfg(test)]
    fn witness_exec(&mut self, id: ConnId) {
        let client = self.conns.get(id).map_or(0, |c| c.client);
        self.shared.witness.lock().push((client, vec![b"EXEC".to_vec()]));
    }

    /// Runs commands that can be run in one hop, as far as what is watched allows that. False: it does not.
    fn exec_in_one_hop(
        &mut self,
        id: ConnId,
        multi: &Multi,
        watching: Option<&Watching>,
        pending: Pending,
    ) -> bool {
        let Some(conn) = self.conns.get(id) else { return true };
        let (db_before, resp) = (conn.db, conn.resp);
        let mut db = db_before;
        let mut plan = std::mem::take(&mut self.plan);
        debug_assert!(plan.commands.is_empty(), "what was planned has run");
        plan.frame(id.slot, resp, multi.len());
        let mut speaker = Speaker { slot: id.slot, resp, db: &mut db };
        self.router().splice(&mut speaker, multi, 0..multi.len(), &mut plan);
        let mut shards = plan.shards();
        shards.extend(watching.map(Watching::shards).unwrap_or_default());
        shards.sort_unstable();
        shards.dedup();
        self.plan = plan;
        if let Some(conn) = self.conns.get(id) {
            conn.db = db;
        }
        let runs_here = match shards[..] {
            [] => true,
            [shard] => shard as usize == self.index && self.holds.is_idle(),
            _ => false,
        };
        match (&shards[..], watching) {
            _ if runs_here => {
                self.exec_here(id, watching, db_before, pending);
            }
            (&[shard], Some(watching)) => {
                self.plan.leaves = false;
                #[cfg(test)]
                self.witness_later(id, proto::args::OwnedArgs::of(["EXEC"]).args());
                self.start_guarded_batch(id, 0, Some((shard, watching.share_of(shard), db_before)));
                self.account_started(pending);
                self.plan.clear();
            }
            _ => {
                self.plan.clear();
                if let Some(conn) = self.conns.get(id) {
                    conn.db = db_before;
                }
                return false;
            }
        }
        true
    }

    /// Runs the commands that are planned, if nothing that is watched here has changed.
    fn exec_here(&mut self, id: ConnId, watching: Option<&Watching>, db_before: u16, pending: Pending) {
        let before = self.reply_len(id);
        if watching.is_some_and(|w| !self.end_watch(&w.share_of(self.index as u16))) {
            self.plan.clear();
            if let Some(conn) = self.conns.get(id) {
                conn.db = db_before;
            }
            #[cfg(test)]
            self.witness_exec(id);
            self.reply(id, |r| r.null_array());
        } else {
            self.plan.leaves = false;
            self.execute_plan();
        }
        self.account_answer(id, pending, before);
    }
}
