//! Changing the entries of a stream: XADD, XDEL, XTRIM.
//!
//! All three leave the nodes as Redis would leave them, byte for byte:
//! - **Append** starts a new node when the last one's bytes and the new entry's together reach
//!   `stream-node-max-bytes`, or when it has `stream-node-max-entries` entries, deleted ones counted.
//! - **Delete** marks the entry, and drops the node with its last live one.
//! - **Trim** drops whole nodes from the front as long as that removes no entry too many, then marks what is left in
//!   one node; an approximate trim stops before that. (When all live entries of this one are marked and
//!   behind them stands a deleted one that is not below MINID, the node stays without live ones, as Redis's does.)
//!
//! Costs: append O(1) but for the index' O(log nodes) once a node; delete O(log nodes + node); trim
//! O(nodes dropped + node).

use super::node::{self, Node, Pairs};
use super::{Log, StreamId};
use persist::listpack;

/// Most bytes of a node whatever the directive says, and of the fields and values of one entry together.
const NODE_BYTES_MAX: usize = 1 << 30;

/// When a node is full.
#[derive(Clone, Copy, Debug)]
pub struct NodeLimits {
    /// `stream-node-max-bytes`; 0 sets no limit.
    pub bytes: usize,
    /// `stream-node-max-entries`; 0 sets no limit.
    pub entries: usize,
}

impl NodeLimits {
    /// Whether a node must not take an entry with `additional` bytes of fields and values.
    fn is_full(&self, bytes: &[u8], additional: usize) -> bool {
        let bytes_max = match self.bytes {
            0 => NODE_BYTES_MAX,
            max => max.min(NODE_BYTES_MAX),
        };
        if bytes.len() + additional >= bytes_max {
            return true;
        }
        let (live, deleted) = node::counts(bytes);
        self.entries != 0 && live + deleted >= self.entries as u64
    }
}

/// The id that the writer of an entry asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NewId {
    /// `*`: by the clock.
    Auto,
    /// `ms-*`: the next sequence number of this millisecond.
    Ms(u64),
    Exact(StreamId),
}

/// Why an entry was not added.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// There is no id left.
    Exhausted,
    /// The id is not greater than the last.
    NotGreater,
    /// More than [`NODE_BYTES_MAX`] bytes.
    TooLarge,
}

/// What to trim.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trim {
    /// The oldest entries beyond so many.
    MaxLen(u64),
    /// Entries with smaller ids.
    MinId(StreamId),
}

/// How to trim.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Trimming {
    pub trim: Trim,
    /// Whole nodes only.
    pub approximate: bool,
    /// Most entries to remove; 0 sets no limit.
    pub limit: u64,
}

impl Log {
    /// Adds an entry behind all others.
    ///
    /// # Errors
    /// [`Refusal`]; nothing has changed then.
    pub fn append<'a>(
        &mut self,
        asked: NewId,
        now_ms: i64,
        pairs: impl Pairs<'a>,
        limits: NodeLimits,
    ) -> Result<StreamId, Refusal> {
        let id = self.new_id(asked, now_ms)?;
        let size: usize = pairs.clone().map(|(field, value)| field.len() + value.len()).sum();
        if size > NODE_BYTES_MAX {
            return Err(Refusal::TooLarge);
        }
        let mut last = self.nodes.last_entry();
        match last.as_mut() {
            Some(last) if !limits.is_full(last.get(), size) => {
                let base = *last.key();
                node::append(last.get_mut(), base, id, pairs);
            }
            full => {
                if let Some(full) = full {
                    listpack::trim(full.get_mut());
                }
                let mut bytes = node::create(pairs.clone());
                node::append(&mut bytes, id, id, pairs);
                self.nodes.insert(id, bytes);
            }
        }
        self.len += 1;
        self.entries_added = self.entries_added.wrapping_add(1);
        self.last_id = id;
        if self.len == 1 {
            self.first_id = id;
        }
        Ok(id)
    }

    fn new_id(&self, asked: NewId, now_ms: i64) -> Result<StreamId, Refusal> {
        if self.last_id == StreamId::MAX {
            return Err(Refusal::Exhausted);
        }
        let id = match asked {
            NewId::Auto => StreamId::after(self.last_id, now_ms),
            NewId::Ms(ms) if ms == self.last_id.ms => {
                self.last_id.seq.checked_add(1).map(|seq| StreamId { ms, seq })
            }
            NewId::Ms(ms) => Some(StreamId { ms, seq: 0 }),
            NewId::Exact(id) => Some(id),
        };
        id.filter(|&id| id > self.last_id).ok_or(Refusal::NotGreater)
    }

    /// Deletes the entries with these ids; how many there were.
    pub fn delete(&mut self, ids: &[StreamId]) -> u64 {
        let (mut deleted, mut was_first) = (0, false);
        for &id in ids {
            if self.delete_one(id) {
                was_first |= id == self.first_id;
                self.max_deleted_id = self.max_deleted_id.max(id);
                deleted += 1;
            }
        }
        if was_first {
            self.refresh_first_id();
        }
        deleted
    }

    fn delete_one(&mut self, id: StreamId) -> bool {
        let Some((&base, bytes)) = self.nodes.range_mut(..=id).next_back() else { return false };
        let found = Node::new(base, bytes).places().find(|(_, entry)| entry.id >= id);
        let Some((at, _)) = found.filter(|(_, entry)| entry.id == id && !entry.is_deleted()) else {
            return false;
        };
        if node::counts(bytes).0 == 1 {
            self.nodes.remove(&base);
        } else {
            node::delete(bytes, &[at]);
        }
        self.len -= 1;
        true
    }

    fn refresh_first_id(&mut self) {
        let first = self.range(StreamId::MIN, StreamId::MAX).next().map(|entry| entry.id);
        self.first_id = first.unwrap_or_default();
    }

    /// Removes the oldest entries; how many.
    pub fn trim(&mut self, how: Trimming) -> u64 {
        let Trimming { trim, approximate, limit } = how;
        let before = self.len;
        while let Some(first) = self.nodes.first_entry() {
            let ((live, _), deleted) = (node::counts(first.get()), before - self.len);
            if matches!(trim, Trim::MaxLen(max) if self.len <= max) || limit > 0 && deleted + live > limit {
                break;
            }
            let goes = match trim {
                Trim::MaxLen(max) => self.len - live >= max,
                Trim::MinId(min) => {
                    let last = Node::new(*first.key(), first.get()).entries_rev().next();
                    last.map_or(StreamId::MIN, |entry| entry.id) < min
                }
            };
            if !goes {
                if !approximate {
                    self.trim_first_node(trim);
                }
                break;
            }
            first.remove();
            self.len -= live;
        }
        if self.len != before {
            self.refresh_first_id();
        }
        before - self.len
    }

    /// Marks the oldest entries of the first node as deleted.
    fn trim_first_node(&mut self, trim: Trim) {
        let Some(mut first) = self.nodes.first_entry() else { return };
        let base = *first.key();
        let mut entries = Vec::new();
        for (at, entry) in Node::new(base, first.get()).places() {
            let stops = match trim {
                Trim::MaxLen(max) => self.len <= max,
                Trim::MinId(min) => entry.id >= min,
            };
            if stops {
                break;
            }
            if !entry.is_deleted() {
                entries.push(at);
                self.len -= 1;
            }
        }
        node::delete(first.get_mut(), &entries);
    }
}
