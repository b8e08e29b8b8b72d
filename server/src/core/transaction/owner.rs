//! A shard's side of a session: holding (as a whole, or some keys), lending, going on; and the check of an EXEC that needs no other shard.

use super::queue::Share;
use crate::core::blocking::AtRelease;
use crate::core::holds::wants_of_hold as wants;
use crate::core::state::CoreState;
use crate::work::{Direct, Hold, Work};
use shard::{Parcel, Wanted};

impl CoreState {
    /// The turn of a session has come: from now on this shard is its.
    pub fn hold(&mut self, hold: Hold) {
        debug_assert!(self.held.is_none(), "a shard is held as a whole once");
        if hold.whole {
            self.held = Some((hold.origin, hold.session));
        } else {
            let wants = wants(&self.shard, &hold);
            self.holds.hold(hold.origin, hold.session, wants);
        }
        let Hold { origin, session, part, watched, wanted, .. } = hold;
        self.stats().hops_in.add(1);
        let intact = watched.is_none_or(|share| self.end_watch(&share));
        let parcels = self.shard.lend(wanted, self.now.unix_ms());
        self.outbox.direct(origin, Direct::Held { session, part, intact, parcels });
    }

    pub fn lend(&mut self, origin: usize, session: u64, part: usize, wanted: Vec<Wanted>) {
        debug_assert_eq!(self.held, Some((origin, session)));
        self.stats().hops_in.add(1);
        let parcels = self.shard.lend(wanted, self.now.unix_ms());
        self.outbox.direct(origin, Direct::Lent { session, part, parcels });
    }

    /// Takes back what was lent, and goes on with what waits.
    pub fn release(&mut self, origin: usize, session: u64, parcels: Vec<Parcel>, waiter: Option<AtRelease>) {
        self.shard.give_back(parcels);
        if let Some(waiter) = waiter {
            self.at_release(&waiter);
        }
        if self.held == Some((origin, session)) {
            self.held = None;
        }
        self.holds.release(origin, session);
        if self.shard.has_ready() {
            self.serve_waiters();
        }
    }

    /// Forgets watched keys of this shard; whether none of them had changed.
    pub fn end_watch(&mut self, share: &Share) -> bool {
        let intact = self.shard.watch_intact(&share.flag, &share.keys, self.now.unix_ms());
        self.shard.unwatch(&share.flag, &share.keys);
        intact
    }

    /// Whether an EXEC that has come here whole must not run.
    pub fn guard_fails(&mut self, work: &mut Work) -> bool {
        work.aborted = work.guard.take().is_some_and(|share| !self.end_watch(&share));
        work.aborted
    }
}
