//! The entries of a stream, without its groups: the nodes, their index, and what is known of them all.
//!
//! Here it is read; `edit` changes it, and `lag` counts with what it knows.

use super::StreamId;
use super::node::{Entry, Node};
use std::collections::BTreeMap;

/// The entries of a stream.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// By the id of the first entry that a node ever had.
    pub(super) nodes: BTreeMap<StreamId, Vec<u8>>,
    /// Live entries.
    pub(super) len: u64,
    /// The greatest id that ever was in.
    pub(crate) last_id: StreamId,
    /// Of the first live entry; 0-0 without one.
    pub(crate) first_id: StreamId,
    /// The greatest id that XDEL has removed.
    pub(crate) max_deleted_id: StreamId,
    /// Entries that ever were in.
    pub(crate) entries_added: u64,
}

impl Log {
    pub(super) const fn new() -> Self {
        Self {
            nodes: BTreeMap::new(),
            len: 0,
            last_id: StreamId::MIN,
            first_id: StreamId::MIN,
            max_deleted_id: StreamId::MIN,
            entries_added: 0,
        }
    }

    /// Live entries.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The nodes with their ids, as RDB files have them.
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = (StreamId, &[u8])> {
        self.nodes.iter().map(|(&id, bytes)| (id, &bytes[..]))
    }

    /// Live entries with ids from `start` to `end`, both included.
    pub fn range(&self, start: StreamId, end: StreamId) -> impl Iterator<Item = Entry<'_>> {
        self.nodes_between(start, end)
            .flat_map(|(&base, bytes)| Node::new(base, bytes).entries())
            .skip_while(move |entry| entry.id < start)
            .take_while(move |entry| entry.id <= end)
            .filter(|entry| !entry.is_deleted())
    }

    /// The same, last first.
    pub fn range_rev(&self, start: StreamId, end: StreamId) -> impl Iterator<Item = Entry<'_>> {
        self.nodes_between(start, end)
            .rev()
            .flat_map(|(&base, bytes)| Node::new(base, bytes).entries_rev())
            .skip_while(move |entry| entry.id > end)
            .take_while(move |entry| entry.id >= start)
            .filter(|entry| !entry.is_deleted())
    }

    /// The nodes that may hold entries of this range.
    fn nodes_between(
        &self,
        start: StreamId,
        end: StreamId,
    ) -> impl DoubleEndedIterator<Item = (&StreamId, &Vec<u8>)> {
        let nodes = (start <= end).then(|| {
            let from = self.nodes.range(..=start).next_back().map_or(start, |(&base, _)| base);
            self.nodes.range(from..=end)
        });
        nodes.into_iter().flatten()
    }

    /// The live entry with this id.
    #[must_use]
    pub fn get(&self, id: StreamId) -> Option<Entry<'_>> {
        self.range(id, id).next()
    }

    /// The greatest id of a live entry.
    #[must_use]
    pub fn last_live_id(&self) -> Option<StreamId> {
        self.range_rev(StreamId::MIN, StreamId::MAX).next().map(|entry| entry.id)
    }
}
