//! Looking ahead: what the next messages will read is asked for together, before the first of them is handled.
//!
//! ```text
//!   message -> Work -> commands, spans, bytes -> buckets -> entries       work for this shard
//!   message -> Work -> out, ends                                         replies on their way back
//! ```
//!
//! Every arrow is a cache miss, and of what another core wrote a dear one: the line is fetched out of that core's
//! cache. One message after the other would wait for each arrow in turn; a group of messages takes one pass an
//! arrow, so that the misses of all overlap. It pays most where messages are small and many: pipelines and
//! transactions over shards. Nothing here changes what is run, or when.

use super::state::CoreState;
use crate::work::{Direct, Ordered, Work, WorkCommand};
use proto::command::{Split, spec};
use shard::Shard;
use shard::db::prefetch_slice;

/// Messages looked at together.
pub(super) const GROUP: usize = 16;
/// Commands of one work whose entries are asked for: of a longer one, the rest when it gets there.
pub(super) const COMMANDS: usize = 32;
/// Keys of a group: about as many as the nearest cache takes, with their entries.
const KEYS: usize = 64;
/// Cache lines of a buffer.
const LINES: usize = 8;

impl CoreState {
    /// Looks at the messages that come next in the queue; how many.
    pub(super) fn look_ahead(&mut self) -> usize {
        let works = || self.queue.iter().take(GROUP).filter_map(work_of);
        works().for_each(|work| prefetch_slice(std::slice::from_ref(work), LINES));
        for work in works() {
            prefetch_slice(&work.commands, LINES);
            prefetch_slice(&work.spans, LINES);
            prefetch_slice(&work.bytes, LINES);
        }
        let mut seen = 0;
        for item in self.queue.iter().take(GROUP) {
            seen += 1;
            if let Some(work) = work_of(item) {
                keys_of(&self.shard, work, &mut self.ahead);
            }
            if self.ahead.len() >= KEYS {
                break;
            }
        }
        self.prefetch_keys();
        seen
    }

    /// Looks at the first commands of a work that did not come through the queue.
    pub(super) fn look_at(&mut self, work: &Work) {
        keys_of(&self.shard, work, &mut self.ahead);
        self.prefetch_keys();
    }

    /// Looks at a later group of a work's commands.
    pub(super) fn look_at_group(&mut self, commands: &[WorkCommand]) {
        self.ahead.extend(commands.iter().map(|c| (c.db, c.hash)));
        self.prefetch_keys();
    }

    fn prefetch_keys(&mut self) {
        let dbs = &self.shard.dbs;
        for &(db, hash) in &self.ahead {
            dbs[db as usize].prefetch_bucket(hash);
        }
        for (db, hash) in self.ahead.drain(..) {
            dbs[db as usize].prefetch_entry(hash);
        }
    }
}

/// The hashes of the keys of a work's first commands.
fn keys_of(shard: &Shard, work: &Work, hashes: &mut Vec<(u16, u64)>) {
    let mut first = 0;
    for c in work.commands.iter().take(COMMANDS) {
        hashes.push((c.db, c.hash));
        let spec = spec(c.id);
        if c.count() > 2 && matches!(spec.split, Split::Array | Split::AllOk | Split::Sum) {
            let step = spec.legacy_range.step.unsigned_abs().max(1) as usize;
            let args = work.args_from(first, c);
            let others = (spec.first_key()..args.len()).step_by(step).skip(1).take(COMMANDS);
            hashes.extend(others.map(|at| (c.db, shard.key(args.at(at)).hash)));
        }
        first += c.count();
    }
}

fn work_of(item: &Ordered) -> Option<&Work> {
    match item {
        Ordered::Work(work) => Some(work),
        _ => None,
    }
}

/// Looks at replies that have come back.
pub(super) fn look_at_replies(messages: &[Direct]) {
    let works = || {
        messages.iter().filter_map(|message| match message {
            Direct::Done(work) => Some(work),
            _ => None,
        })
    };
    works().for_each(|work| prefetch_slice(std::slice::from_ref::<Work>(work), LINES));
    for work in works() {
        prefetch_slice(&work.ends, LINES);
        prefetch_slice(&work.out, LINES);
    }
}
