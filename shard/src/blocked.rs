//! Clients that wait for a key: BLPOP, BZPOPMIN, XREAD BLOCK and their like.
//!
//! A blocking command that finds nothing answers nothing. It leaves a [`Block`] in its context: the keys it
//! waits for, and until when. Whoever ran it registers it here ([`Shard::block`]) with its arguments.
//! When one of the keys changes ([`Shard::changed`]) the key is *ready*; once the command that changed it is
//! over (or the whole MULTI), [`Shard::serve_blocked`] runs the waiting commands again:
//!
//! ```text
//!   ready keys, in the order in which they became so
//!     each: its waiters, the oldest first, as long as a value of their type is there
//!       run the command again:  an answer -> the waiter is served, and gone
//!                               nothing   -> it goes on waiting, in its old place
//! ```
//!
//! What a served waiter changes (BLMOVE pushes) may make other keys ready: they come after. So the first
//! to wait is the first to be served, a MULTI is seen whole, and a waiter gets what it would have got had
//! its command come just then; its other keys are looked at again in their order.
//!
//! **Waiters for keys of several shards** are registered on each of them, but none of these shards can
//! run their command. There the waiter is *called* instead ([`Served::Call`]): its core runs the
//! command over all shards as an ordinary transaction, and then has it removed everywhere or
//! [`Shard::uncall`]ed. Until then nobody behind it is served on that key. What another
//! client takes away in between, it takes as if it had come before the waiter: the waiter was never answered, so
//! no one can tell.
//!
//! **Time** is the asking core's: it removes the waiter here ([`Shard::unblock`]) and answers only if it was
//! still there. So an element is popped for a client exactly once or not at all.
//!
//! Bounds: a connection waits for one command at a time, so there are at most `maxclients` waiters, each with the
//! keys it has named. Waiters of one key are ordered by ticket in a tree: with ten thousand of them, leaving
//! costs as little as coming.

use crate::db::Kind;
use crate::shard::{Cx, Shard};
use proto::args::{Args, OwnedArgs};
use proto::command::CommandId;
use proto::encode::Resp;
use proto::key_spec::keys_of;
use std::collections::{BTreeMap, HashMap, VecDeque};

/// Who waits: opaque here, and known to the server.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Asker {
    pub core: usize,
    pub conn: u64,
}

/// Why a command has not answered, and what it waits for.
#[derive(Clone, Debug)]
pub struct Block {
    /// Where its keys stand among the arguments.
    pub keys: Vec<u32>,
    /// The type whose arrival may help.
    pub kind: Kind,
    /// Whether it must also be told when a key is gone or of another type (XREADGROUP: its group is gone).
    pub on_loss: bool,
    /// Unix milliseconds; `None` waits for ever.
    pub deadline_ms: Option<i64>,
    /// The arguments to be run again, where they are not those that were given (XREAD's `$`).
    pub rewritten: Option<OwnedArgs>,
}

/// A name in a database.
type Name = (usize, Box<[u8]>);

struct Waiter {
    asker: Asker,
    id: CommandId,
    db: usize,
    resp: Resp,
    args: OwnedArgs,
    names: Vec<Name>,
    /// Keys that its command touches and does not wait for: the destination of BLMOVE.
    others: Vec<Box<[u8]>>,
    kind: Kind,
    on_loss: bool,
    /// Its keys are on several shards: it is called, not served.
    spans: bool,
    called: bool,
}

/// The waiters of one key, by ticket, and whether the key is on the list of ready ones.
#[derive(Default)]
struct Queue {
    tickets: BTreeMap<u64, ()>,
    is_ready: bool,
    /// How many of them must be told when the key is gone.
    on_loss: usize,
}

/// All waiters of a shard.
#[derive(Default)]
pub(crate) struct Blocked {
    waiters: HashMap<u64, Waiter>,
    of_asker: HashMap<Asker, u64>,
    queues: HashMap<Name, Queue>,
    /// Keys whose waiters are to be looked at: from which ticket on.
    ready: VecDeque<(Name, u64)>,
    next_ticket: u64,
    /// Keys with waiters that must be told when it is gone.
    on_loss: usize,
}

/// What became of a waiter.
#[derive(PartialEq, Eq, Debug)]
pub enum Served {
    /// Its command has run: this is its reply.
    Reply { asker: Asker, id: CommandId, reply: Vec<u8>, dirty: u64 },
    /// Its core should run the command now, over all shards.
    Call { asker: Asker },
}

impl Blocked {
    /// Whether nobody waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiters.is_empty()
    }

    /// A key has changed: its waiters, if it has any, are looked at later.
    pub(crate) fn note(&mut self, db: usize, key: &[u8]) {
        if self.queues.is_empty() {
            return;
        }
        let name = (db, key.into());
        if let Some(queue) = self.queues.get_mut(&name)
            && !queue.is_ready
        {
            queue.is_ready = true;
            self.ready.push_back((name, 0));
        }
    }

    /// Every key of a database has changed.
    pub(crate) fn note_db(&mut self, db: usize) {
        for (name, queue) in self.queues.iter_mut().filter(|((of, _), queue)| *of == db && !queue.is_ready) {
            queue.is_ready = true;
            self.ready.push_back((name.clone(), 0));
        }
    }

    fn add(&mut self, waiter: Waiter) {
        self.next_ticket += 1; // the first is 1: 0 is before all
        let ticket = self.next_ticket;
        debug_assert!(!self.of_asker.contains_key(&waiter.asker), "a client waits for one command");
        self.of_asker.insert(waiter.asker, ticket);
        for name in &waiter.names {
            let queue = self.queues.entry(name.clone()).or_default();
            queue.tickets.insert(ticket, ());
            if waiter.on_loss {
                queue.on_loss += 1;
                self.on_loss += usize::from(queue.on_loss == 1);
            }
        }
        self.waiters.insert(ticket, waiter);
    }

    fn remove(&mut self, ticket: u64) -> Option<Waiter> {
        let waiter = self.waiters.remove(&ticket)?;
        self.of_asker.remove(&waiter.asker);
        for name in &waiter.names {
            if let Some(queue) = self.queues.get_mut(name) {
                queue.tickets.remove(&ticket);
                if waiter.on_loss {
                    queue.on_loss -= 1;
                    self.on_loss -= usize::from(queue.on_loss == 0);
                }
                if queue.tickets.is_empty() && !queue.is_ready {
                    self.queues.remove(name);
                }
            }
        }
        Some(waiter)
    }

    /// The next waiter of a key, from this ticket on.
    fn next(&self, name: &Name, from: u64) -> Option<u64> {
        self.queues.get(name)?.tickets.range(from..).next().map(|(&ticket, ())| ticket)
    }

    fn next_ready(&mut self) -> Option<(Name, u64)> {
        let (name, from) = self.ready.pop_front()?;
        if from == 0
            && let Some(queue) = self.queues.get_mut(&name)
        {
            queue.is_ready = false;
            if queue.tickets.is_empty() {
                self.queues.remove(&name);
            }
        }
        Some((name, from))
    }

    /// Those behind a waiter have their turn on all of its keys.
    fn go_on_behind(&mut self, ticket: u64, names: &[Name]) {
        self.ready.extend(names.iter().map(|name| (name.clone(), ticket + 1)));
    }
}

impl Shard {
    /// Something about a key that is no change of it may be what somebody waits for.
    pub(crate) fn wake(&mut self, db: usize, key: &[u8]) {
        self.blocked.note(db, key);
    }

    /// All keys of a database may be others now.
    pub(crate) fn wake_db(&mut self, db: usize) {
        self.blocked.note_db(db);
    }

    /// Registers a client whose command has left a [`Block`]; `spans`: its keys are on several shards, and
    /// this one has some of them (`is_here` tells which).
    pub fn block(
        &mut self,
        cx: &Cx,
        args: Args<'_>,
        asker: Asker,
        block: &Block,
        spans: bool,
        is_here: impl Fn(&[u8]) -> bool,
    ) {
        let keys = block.keys.iter().filter_map(|&at| args.get(at as usize));
        let mut names: Vec<Name> = keys.filter(|key| is_here(key)).map(|key| (cx.db, key.into())).collect();
        names.sort_unstable();
        names.dedup();
        if names.is_empty() {
            return;
        }
        let mut all = Vec::new();
        keys_of(proto::command::spec(cx.id), args, &mut all);
        all.retain(|key| !block.keys.contains(&key.at));
        let others = all.iter().filter_map(|key| args.get(key.at as usize)).map(Into::into).collect();
        self.blocked.add(Waiter {
            asker,
            id: cx.id,
            db: cx.db,
            resp: cx.resp,
            args: block.rewritten.clone().unwrap_or_else(|| args.to_owned_args()),
            names,
            others,
            kind: block.kind,
            on_loss: block.on_loss,
            spans,
            called: false,
        });
        self.events.waited_for(true);
    }

    /// Removes a waiter; false when it is not here (any more).
    pub fn unblock(&mut self, asker: Asker) -> bool {
        let Some(&ticket) = self.blocked.of_asker.get(&asker) else { return false };
        if let Some(waiter) = self.blocked.remove(ticket)
            && waiter.called
        {
            self.blocked.go_on_behind(ticket, &waiter.names);
        }
        self.events.waited_for(!self.blocked.is_empty());
        true
    }

    /// A waiter that was called has found nothing: it goes on waiting, and those behind it have their turn.
    pub fn uncall(&mut self, asker: Asker) {
        let Some(&ticket) = self.blocked.of_asker.get(&asker) else { return };
        let Some(waiter) = self.blocked.waiters.get_mut(&ticket) else { return };
        if std::mem::take(&mut waiter.called) {
            let names = waiter.names.clone();
            self.blocked.go_on_behind(ticket, &names);
        }
    }

    /// Whether a key has changed that somebody waits for.
    #[inline]
    #[must_use]
    pub fn has_ready(&self) -> bool {
        !self.blocked.ready.is_empty()
    }

    /// How many keys are waited for here, and of how many also the end.
    #[must_use]
    pub fn waited_for(&self) -> (usize, usize) {
        (self.blocked.queues.len(), self.blocked.on_loss)
    }

    /// Serves whoever waits for keys that have changed; `served` hears of each in order. Waiters one of whose
    /// keys is held by somebody (`is_held`, of a key's bytes), be it one that the command would only write to, are
    /// left for the next time, and those behind them.
    pub fn serve_blocked(
        &mut self,
        now_ms: i64,
        is_held: &dyn Fn(&Self, &[u8]) -> bool,
        served: &mut dyn FnMut(&mut Self, Served),
    ) {
        let mut held_up = VecDeque::new();
        while let Some((name, from)) = self.blocked.next_ready() {
            if let Some(from) = self.serve_key(&name, from, now_ms, is_held, served) {
                let again = (name, from);
                if !held_up.contains(&again) {
                    held_up.push_back(again);
                }
            }
        }
        self.blocked.ready = held_up;
        self.events.waited_for(!self.blocked.is_empty());
    }

    /// Serves the waiters of one key; the ticket of one that is held up.
    fn serve_key(
        &mut self,
        name: &Name,
        mut from: u64,
        now_ms: i64,
        is_held: &dyn Fn(&Self, &[u8]) -> bool,
        served: &mut dyn FnMut(&mut Self, Served),
    ) -> Option<u64> {
        while let Some(ticket) = self.blocked.next(name, from) {
            if is_held(self, &name.1) {
                return Some(ticket); // what it holds is not to be seen now, and may come back unchanged
            }
            from = ticket + 1;
            let there = self.kind_of(name, now_ms);
            let waiter = self.blocked.waiters.get(&ticket)?;
            if there != Some(waiter.kind) && !waiter.on_loss {
                continue;
            }
            let mut touched = waiter.names.iter().map(|(_, key)| key).chain(&waiter.others);
            if !waiter.spans && touched.any(|key| is_held(self, key)) {
                return Some(ticket);
            }
            if waiter.spans {
                let (asker, called) = (waiter.asker, waiter.called);
                if !called {
                    self.blocked.waiters.get_mut(&ticket)?.called = true;
                    served(self, Served::Call { asker });
                }
                return None; // nobody passes it
            }
            if let Some(reply) = self.run_again(ticket, now_ms) {
                served(self, reply);
            }
        }
        None
    }

    /// The type of a key that is alive.
    fn kind_of(&self, (db, key): &Name, now_ms: i64) -> Option<Kind> {
        let key = self.key(key);
        let entry = self.dbs[*db].get(&key)?;
        (!crate::lookup::is_expired(entry.expire_at(), now_ms)).then(|| entry.kind())
    }

    /// Runs a waiter's command; its reply, if it has one now, and then the waiter is gone.
    fn run_again(&mut self, ticket: u64, now_ms: i64) -> Option<Served> {
        let waiter = self.blocked.waiters.get_mut(&ticket)?;
        let (id, resp, asker) = (waiter.id, waiter.resp, waiter.asker);
        let mut cx = Cx::new(id, waiter.db, now_ms);
        cx.resp = resp;
        let own = std::mem::take(&mut waiter.args);
        let args = own.args();
        cx.key_hash = args.get(proto::command::spec(id).first_key()).map_or(0, |key| self.key(key).hash);
        let mut reply = Vec::new();
        self.execute(&mut cx, args, &mut reply);
        if cx.block.is_some() {
            if let Some(waiter) = self.blocked.waiters.get_mut(&ticket) {
                waiter.args = own;
            }
            return None;
        }
        self.blocked.remove(ticket);
        Some(Served::Reply { asker, id, reply, dirty: cx.dirty })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Bed, NOW_MS};

    /// Runs a command that finds nothing, for this client.
    fn wait(bed: &mut Bed, conn: u64, words: &[&str], spans: bool) {
        assert_eq!(bed.run(words), "", "{words:?} waits");
        let block = bed.cx.block.take().expect("it says what for");
        let args = OwnedArgs::of(words);
        bed.shard.block(&bed.cx.clone(), args.args(), Asker { core: 0, conn }, &block, spans, |_| true);
    }

    /// Who is served, and what with; a call has no reply.
    fn serve(bed: &mut Bed, held: &[u8]) -> Vec<(u64, String)> {
        let mut seen = Vec::new();
        bed.shard.serve_blocked(NOW_MS, &|_, key| key == held, &mut |_, served| match served {
            Served::Reply { asker, reply, .. } => {
                seen.push((asker.conn, String::from_utf8_lossy(&reply).into_owned()));
            }
            Served::Call { asker } => seen.push((asker.conn, String::new())),
        });
        seen
    }

    fn popped(key: &str, element: &str) -> String {
        format!("*2\r\n${}\r\n{key}\r\n${}\r\n{element}\r\n", key.len(), element.len())
    }

    #[test]
    fn the_first_to_wait_is_the_first_served() {
        let mut bed = Bed::new();
        (1..=3).for_each(|conn| wait(&mut bed, conn, &["blpop", "a", "b", "0"], false));
        bed.run(&["rpush", "b", "1", "2"]);
        assert_eq!(serve(&mut bed, b""), [(1, popped("b", "1")), (2, popped("b", "2"))]);
        assert!(!bed.shard.unblock(Asker { core: 0, conn: 1 }), "it is gone");
        assert!(bed.shard.unblock(Asker { core: 0, conn: 3 }));
        assert_eq!(bed.shard.waited_for(), (0, 0));
    }

    #[test]
    fn a_waiter_that_is_called_holds_up_those_behind_it() {
        let mut bed = Bed::new();
        wait(&mut bed, 1, &["blpop", "a", "elsewhere", "0"], true);
        wait(&mut bed, 2, &["blpop", "a", "0"], false);
        bed.run(&["rpush", "a", "x"]);
        assert_eq!(serve(&mut bed, b""), [(1, String::new())]);
        bed.run(&["rpush", "a", "y"]);
        assert_eq!(serve(&mut bed, b""), [], "it is called once");
        bed.shard.uncall(Asker { core: 0, conn: 1 });
        // What is left is the first one's again.
        assert_eq!(serve(&mut bed, b""), [(2, popped("a", "x")), (1, String::new())]);
    }

    #[test]
    fn a_held_key_is_waited_for_once() {
        let mut bed = Bed::new();
        wait(&mut bed, 1, &["blpop", "a", "b", "0"], false);
        for _ in 0..5 {
            bed.run(&["rpush", "a", "x"]);
            assert_eq!(serve(&mut bed, b"b"), []);
        }
        assert_eq!(bed.shard.blocked.ready.len(), 1);
        assert_eq!(serve(&mut bed, b""), [(1, popped("a", "x"))]);
    }

    /// The destination of a move is nobody's who waits, but while it is lent nothing may be put there: what is
    /// would be lost when the other comes back.
    #[test]
    fn a_destination_that_is_held_is_waited_for() {
        let mut bed = Bed::new();
        wait(&mut bed, 1, &["blmove", "a", "b", "left", "right", "0"], false);
        wait(&mut bed, 2, &["brpoplpush", "a", "c", "0"], false);
        bed.run(&["rpush", "a", "x"]);
        assert_eq!(serve(&mut bed, b"b"), [], "and nobody passes it");
        assert_eq!(bed.run(&["exists", "b"]), ":0\r\n");
        assert_eq!(serve(&mut bed, b""), [(1, "$1\r\nx\r\n".to_owned())]);
        bed.run(&["rpush", "a", "y"]);
        assert_eq!(serve(&mut bed, b"c"), []);
        assert_eq!(serve(&mut bed, b"b"), [(2, "$1\r\ny\r\n".to_owned())]);
    }

    /// A key that is lent while its waiters are to be looked at may come back unchanged: nobody would say so again.
    #[test]
    fn a_key_that_is_lent_when_its_waiters_have_their_turn_is_looked_at_again() {
        let mut bed = Bed::new();
        wait(&mut bed, 1, &["blpop", "a", "elsewhere", "0"], true);
        wait(&mut bed, 2, &["blpop", "a", "0"], false);
        bed.run(&["rpush", "a", "x"]);
        assert_eq!(serve(&mut bed, b""), [(1, String::new())]);
        let lent = bed.shard.lend(vec![crate::Wanted { db: 0, key: b"a"[..].into() }], NOW_MS);
        assert!(bed.shard.unblock(Asker { core: 0, conn: 1 }), "the one that was called goes");
        assert_eq!(serve(&mut bed, b"a"), []);
        bed.shard.give_back(lent);
        assert_eq!(serve(&mut bed, b""), [(2, popped("a", "x"))]);
    }

    #[test]
    fn keys_are_counted_as_waiters_come_and_go() {
        let mut bed = Bed::new();
        bed.run(&["xgroup", "create", "s", "g", "$", "mkstream"]);
        let read = ["xreadgroup", "group", "g", "c", "block", "0", "streams", "s", ">"];
        wait(&mut bed, 1, &read, false);
        wait(&mut bed, 2, &read, false);
        wait(&mut bed, 3, &["blpop", "l", "s2", "0"], false);
        assert_eq!(bed.shard.waited_for(), (3, 1));
        assert!(bed.shard.unblock(Asker { core: 0, conn: 1 }));
        assert_eq!(bed.shard.waited_for(), (3, 1));
        bed.run(&["del", "s"]);
        let served = serve(&mut bed, b"");
        assert!(matches!(&served[..], [(2, reply)] if reply.starts_with("-NOGROUP")), "{served:?}");
        assert_eq!(bed.shard.waited_for(), (2, 0));
    }
}
