//! Streams: entries ordered by id, and consumer groups that remember who was given what.
//!
//! ```text
//!   nodes   ordered by the id of their first entry
//!     1700000000000-0 -> | listpack of some hundred entries |      node.rs
//!     1700000004711-3 -> | listpack ...                     |
//!   groups  by name                                                group.rs
//!     "mail" -> last id, pending: id -> (consumer, when, how often), consumers
//! ```
//! - Nodes are Redis's own bytes, so that DUMP and RDB files agree with Redis's. A new entry goes into the last node
//!   until that is full (`stream-node-max-bytes`, `stream-node-max-entries`), then into a new one.
//! - The index is a B-tree: a range starts in O(log nodes), an append looks at its last leaf only. A sorted
//!   array would be smaller, but a node removed from the middle of a million would move all that follow.
//! - Node blocks grow by the allocator's classes and are trimmed when the next one begins. Redis reserves
//!   4 KiB for each at once, which a stream of few entries never fills.
//! - `first_id` is the id of the first live entry, 0-0 if there is none. `max_deleted_id` is the greatest id
//!   that XDEL removed (XTRIM does not count: it leaves no hole), and `entries_added` counts all that ever were
//!   in: from these three the lag of a group is worked out without counting (`lag.rs`).
//!
//! There is no packed form: a stream is an object from its first entry on, and **an empty stream is a
//! stream**: XDEL of all, XTRIM to 0 and XGROUP CREATE … MKSTREAM leave a key, which remembers `last_id`.
//!
//! `id` the number, `node` the bytes, `log` all nodes, `edit` what changes them, `group` the groups, `lag` what they
//! have not read.

mod edit;
mod group;
mod id;
mod lag;
mod log;
#[cfg(test)]
mod model;
pub mod node;
mod node_check;
pub(super) mod rdb;

use super::{Collection, Object};
use crate::db::{Encoding, Kind};
use crate::event::Class;
pub use edit::{NewId, NodeLimits, Refusal, Trim, Trimming};
pub use group::{Consumer, ConsumerRef, Group, Nack};
pub use id::{IdText, StreamId};
pub use log::Log;
pub use node_check::check as check_node;
use std::collections::BTreeMap;

/// A stream.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    pub(crate) log: Log,
    pub(crate) groups: BTreeMap<Box<[u8]>, Group>,
}

/// What a view shows where there is no stream.
static EMPTY: Stream = Stream::new();

/// About what the index spends on a node besides its bytes: the id, the `Vec`, and the leaf's free places.
const NODE_OVERHEAD: usize = 60;

impl Stream {
    #[must_use]
    pub const fn new() -> Self {
        Self { log: Log::new(), groups: BTreeMap::new() }
    }

    #[must_use]
    pub fn encoding(&self) -> Encoding {
        Encoding::Stream
    }

    /// Heap bytes; `samples` nodes, groups and consumers stand for all, 0 looks at every one.
    #[must_use]
    pub fn memory(&self, samples: usize) -> usize {
        let nodes = sampled(self.log.nodes.values(), samples, |bytes| bytes.capacity() + NODE_OVERHEAD);
        let groups = sampled(self.groups.iter(), samples, |(name, group)| name.len() + group.memory(samples));
        nodes + groups
    }

    #[must_use]
    pub fn weight(&self) -> usize {
        /// Groups looked at: more weigh enough by their number.
        const GROUPS_MAX: usize = 1000;
        let groups: usize = self.groups.values().take(GROUPS_MAX).map(Group::weight).sum();
        self.log.nodes.len() + self.groups.len() + groups
    }

    pub fn free_slice(&mut self, budget: usize) -> bool {
        let mut left = budget;
        while left > 0 {
            left -= 1;
            if self.log.nodes.pop_first().is_some() {
                continue;
            }
            let Some(mut group) = self.groups.first_entry() else { return true };
            if group.get_mut().free_slice(&mut left) {
                group.remove();
            }
        }
        self.log.nodes.is_empty() && self.groups.is_empty()
    }
}

/// The sum over all items, estimated from the first `samples` unless that is 0.
fn sampled<T>(
    items: impl ExactSizeIterator<Item = T>,
    samples: usize,
    size: impl FnMut(T) -> usize,
) -> usize {
    let all = items.len();
    let taken = if samples == 0 { all } else { samples.min(all) };
    let sum: usize = items.take(taken).map(size).sum();
    sum.saturating_mul(all).checked_div(taken).unwrap_or(0)
}

impl Collection for Stream {
    const KIND: Kind = Kind::Stream;
    const CLASS: Class = Class::STREAM;
    type View<'a> = &'a Stream;

    fn view_packed(_bytes: &[u8], _flag: bool) -> &Stream {
        debug_assert!(false, "a stream is never packed");
        &EMPTY
    }

    fn view(&self) -> &Stream {
        self
    }

    fn from_packed(_bytes: Vec<u8>, _flag: bool) -> Self {
        debug_assert!(false, "a stream is never packed");
        Self::new()
    }

    fn take_packed(&mut self) -> Option<(Vec<u8>, bool)> {
        None
    }

    /// Never: a stream without entries is a key all the same.
    fn is_empty(&self) -> bool {
        false
    }

    fn of(object: &Object) -> Option<&Self> {
        if let Object::Stream(it) = object { Some(it) } else { None }
    }

    fn of_mut(object: &mut Object) -> Option<&mut Self> {
        if let Object::Stream(it) = object { Some(it) } else { None }
    }

    fn into_object(self) -> Object {
        Object::Stream(self)
    }
}
