//! A core's side of a load: batches are taken in, the beginning and the end have their place in the order of commands, and
//! what would touch keys meanwhile is refused or put off.

use super::Delivery;
use crate::conn::Conn;
use crate::core::state::CoreState;
use crate::work::{Hold, Ordered, Work};
use crossbeam_channel::Sender;
use proto::command::{CommandId, CommandSpec, Flags, spec};
use proto::encode::Reply;
use proto::error;

/// A point of a load that all cores pass together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// Keys follow. `flush`: what was there is thrown away.
    Begin { flush: bool },
    /// All keys are there.
    End,
}

/// A stage on its way to one core, and who waits for it.
pub struct Turn {
    pub stage: Stage,
    pub done: Sender<()>,
}

/// Whether clients are refused this command while a load is under way. EXEC is if one of its commands is.
#[must_use]
#[cold]
pub fn is_refused(conn: &Conn, spec: &CommandSpec) -> bool {
    let allowed = |spec: &CommandSpec| spec.flags.contains(Flags::LOADING);
    let queued = conn.multi.as_deref().filter(|_| spec.id == CommandId::Exec && conn.in_multi);
    !allowed(spec) || queued.is_some_and(|multi| !multi.commands().iter().all(|q| allowed(q.spec)))
}

impl CoreState {
    /// Puts keys of a file into the shard, for about so many nanoseconds.
    pub fn take_deliveries(&mut self, clock: &impl Fn() -> u64, limit_ns: u64) {
        let began = clock();
        while let Some(delivery) = self.deliveries.pop_front() {
            self.take_delivery(delivery);
            if clock() - began >= limit_ns {
                return;
            }
        }
    }

    fn take_delivery(&mut self, mut delivery: Box<Delivery>) {
        let replace = delivery.replace;
        delivery.duplicate = self.shard.load(&mut delivery.batch, replace).err();
        delivery.go_home();
    }

    /// A load begins or ends at this point of the order.
    pub fn take_stage(&mut self, turn: &Turn) {
        match turn.stage {
            Stage::Begin { flush } => self.begin_load(flush),
            Stage::End => self.end_load(),
        }
        let _ = turn.done.send(()); // who waits for it may have given up: the server stops
    }

    fn begin_load(&mut self, flush: bool) {
        self.loading = true;
        self.start_expiry();
        if flush {
            self.shard.empty();
        }
        self.publish();
    }

    fn end_load(&mut self) {
        self.loading = false;
        self.publish();
        // They come before everything that was posted after the end.
        while let Some(hold) = self.put_off.pop() {
            self.queue.push_front(Ordered::Hold(hold));
        }
    }

    /// A session that would touch keys waits for the end.
    pub fn put_off(&mut self, hold: Box<Hold>) {
        self.put_off.push(hold);
    }

    /// Whether work of other cores, which had not begun to load when they posted it, must not run.
    #[must_use]
    pub fn refuses_work(&self, work: &Work) -> bool {
        self.loading && !work.commands.iter().all(|c| spec(c.id).flags.contains(Flags::LOADING))
    }

    /// Answers every command of a work with -LOADING.
    #[cold]
    pub fn refuse_work(&self, work: &mut Work) {
        for c in &work.commands {
            Reply::new(&mut work.out, work.resp).error(error::LOADING);
            work.ends.push(work.out.len());
            if c.counted() {
                self.stats().error_replies.add(1);
                self.shared.errors.count(error::LOADING.as_bytes());
                self.stats().commands[c.id as usize].rejected.add(1);
            }
        }
    }
}
