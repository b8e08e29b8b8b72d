//! Transactions over shards: MULTI and EXEC, and any command whose keys lie on several shards.
//!
//! Every EXEC, and every command with several keys, takes the cheapest of three ways:
//!
//! | | what | cost |
//! |---|---|---|
//! | **one shard** | all keys, and all watched keys, are on one shard | as the same commands in a pipeline; a WATCH is checked where they run |
//! | **one hop** | several shards, but every command can be divided (or has one key), and nothing is watched | one atomic multicast, as a pipeline over these shards |
//! | **session** | anything else: keys must be brought together, keys of several shards are watched, or a command is about the server | hold, stages, release |
//!
//! The first two are a batch like any other ([`super::batch`]): its parts run without interruption, each
//! at its place in the order that [`crate::mailbox`] gives to all shards.
//!
//! # Sessions
//!
//! A session *holds* its shards: one multicast asks them to, each does when its turn comes, and from then on runs
//! nothing but what the session sends by the direct lane, until it is released. So for everybody else all of it
//! happens at one point of the order: that of the multicast. Since all shards see two sessions in the same order,
//! they cannot wait for each other.
//!
//! ```text
//!   asking core     hold.........stage........stage.....release        (coordinator.rs)
//!   shard 0       --|--- held --- run --- lend/give back ---|--        (owner.rs)
//!   shard 3       ----|- held --------- lend/give back -------|--
//! ```
//!
//! A stage is a run of commands that are sent to the shards as they are, a command that is run here on
//! values that the shards lend ([`shard::lend`]), or a command about the server. A single command (SMOVE, ZUNIONSTORE) is a session
//! without stages of its own: the keys are lent with the hold and go back with the release, two hops in all, and
//! the client is answered without waiting for the second. It holds its keys only: what does not touch them
//! goes on ([`super::holds`]).
//!
//! Commands that ask all cores (CLIENT LIST, DEBUG DIGEST) hold all shards, and what they
//! would have sent in the order of commands goes by the direct lane: a shard that is held would never come to it.
//!
//! # What can go wrong
//!
//! | | queued | to be held | in a stage | released |
//! |---|---|---|---|---|
//! | client gone | the queue is dropped, its keys are unwatched | all runs as if it were there, the reply is dropped | the same: the session belongs to the core, not to the connection | reply dropped |
//! | a command is refused | before it is queued: EXEC is refused | - | its error is its element of the reply, the rest runs, as in Redis | - |
//! | a watched key changes | its flag is raised: EXEC runs nothing | seen when all shards hold: nothing is run | cannot: the shard is held | of interest to the next WATCH |
//! | shutdown | the queue is dropped | a core stops only when it neither holds nor has a session, or after a second of waiting for one that has stopped | the same | - |
//! | out of memory | a queue is bounded by `client-query-buffer-limit` | - | the command is refused, where it runs; what was lent goes home as for any error | - |
//! | a command that would block | queued as any other | - | answers as if its time were over (`Cx::no_block`); alone, it is registered with the release ([`super::blocking`]) | - |
//! | a core is slow | - | the others hold and wait: what they have to serve waits with them | the same | - |
//! | a script is killed | - | - | there are none yet; one will be a session whose stage is the script: killed before its first write it is an error like any other, and the release follows; after that only the end of the process ends it, as in Redis | - |
//!
//! | row | shown by |
//! |---|---|
//! | client gone | `sim_tests/failures.rs`: `a_client_may_go_at_any_step_of_a_session`, `…_of_a_wait`; `sim_tests/transactions.rs`: `a_client_that_goes_leaves_nothing_held` |
//! | a command is refused | `tests/multi.rs`: `what_is_refused_spoils_the_transaction`; `failures.rs`: `an_error_in_any_stage_is_an_answer_and_no_more` |
//! | a watched key changes | `failures.rs`: `a_watched_key_that_changes_on_any_shard_stops_a_session`; `coordinator.rs`: `a_broken_watch_runs_nothing_and_releases_all` |
//! | shutdown | `failures.rs`: `a_stop_at_any_step_leaves_no_half_of_a_session`; `sim_tests.rs`: `a_stop_waits_for_nobody_for_long` |
//! | out of memory | `queue.rs`: `a_queue_is_bounded`; an error in a stage as above (`maxmemory` is not enforced yet) |
//! | a command that would block | `tests/blocking.rs`: `a_transaction_waits_for_nothing`; `sim_histories`: `waiters_are_served_in_the_order_in_which_they_came` |
//! | a core is slow | `sim_histories`, whose cores stall in the middle of turns; `a_stop_waits_for_nobody_for_long` |
//!
//! Nothing here queues without limit: a connection has one session at most, a session what one queue holds.

pub mod coordinator;
mod drive;
mod exec;
mod owner;
pub mod queue;
mod router;

pub use router::{looks_elsewhere, runs_inside_multi};

use super::account::Pending;
use super::blocking::{AtRelease, Waiting};
use crate::io::ConnId;
use coordinator::Coordinator;
use proto::encode::Resp;
use queue::{Multi, Watching};
use std::collections::HashMap;

/// A session under way, at the core that asked for it.
pub struct Session {
    id: ConnId,
    coordinator: Coordinator,
    commands: Box<Multi>,
    /// The shards that take part, in ascending order.
    shards: Vec<u16>,
    watching: Option<Box<Watching>>,
    /// EXEC, to be counted when it is answered; of a command alone `None`.
    exec: Option<Pending>,
    resp: Resp,
    no_touch: bool,
    db: u16,
    /// The reply so far.
    out: Vec<u8>,
    /// CLIENT REPLY SKIP came before it.
    silent: bool,
    /// Its client waited for this before, and was called.
    waiting: Option<Box<Waiting>>,
    /// What becomes of its client's wait, at the shards and here.
    waiter: Option<AtRelease>,
}

/// The sessions that a core has begun, by number.
#[derive(Default)]
pub struct Sessions(HashMap<u64, Box<Session>>);

impl Sessions {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// What the client of a session has waited for, and may wait for again.
    pub fn waiting_of(&mut self, number: u64) -> Option<&mut Waiting> {
        self.0.get_mut(&number)?.waiting.as_deref_mut()
    }

    /// Where the reply of a session is collected.
    pub fn reply_of(&mut self, number: u64) -> Option<&mut Vec<u8>> {
        self.0.get_mut(&number).map(|session| &mut session.out)
    }
}

/// Notes that an EXEC takes effect now: its frame is about to be written, and its commands follow.
#[cfg(test)]
pub fn witness_frame(shared: &crate::shared::Shared, client: u64, r: &super::plan::Routed) {
    if r.spec.is_some_and(|spec| spec.id == proto::command::CommandId::Exec) {
        shared.witness.lock().push((client, vec![b"EXEC".to_vec()]));
    }
}
