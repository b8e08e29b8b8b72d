//! The commands of a turn between being parsed and being executed. All connections of a turn
//! share these buffers, so that the commands of all of them can be looked at together: their keys
//! are hashed and their buckets asked for while the rest is still being parsed, and their entries just
//! before they run. That is what hides most of the cache misses of a large keyspace.

use proto::args::Span;
use proto::command::{CommandSpec, Split};
use proto::key_spec::KeyRef;

/// Where a routed command goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Target {
    /// One shard.
    Shard(u16),
    /// Answered already: these bytes of the plan's literals.
    Literal { from: u32, to: u32 },
    /// Several shards: the owner of each key is named in `lanes[from..to]`, in the order of the keys
    /// (or every shard once, for a command on the whole keyspace).
    Many { split: Split, from: u32, to: u32 },
}

impl Target {
    /// Whether the command needs no other shard than `index`.
    #[inline]
    #[must_use]
    pub fn stays_on(self, index: u16) -> bool {
        match self {
            Target::Shard(shard) => shard == index,
            Target::Literal { .. } => true,
            Target::Many { .. } => false,
        }
    }
}

/// A command that has been parsed, checked and routed.
#[derive(Clone, Copy)]
pub struct Routed {
    pub slot: u32,
    pub spec: Option<&'static CommandSpec>,
    /// Its arguments: a range of the plan's spans, which point into the connection's input.
    pub first: u32,
    pub count: u32,
    /// Hash of the first key.
    pub hash: u64,
    pub db: u16,
    pub target: Target,
}

/// The commands of a turn.
#[derive(Default)]
pub struct Plan {
    pub commands: Vec<Routed>,
    /// The connection scanned last has a command that leaves this core.
    pub leaves: bool,
    pub spans: Vec<Span>,
    pub literals: Vec<u8>,
    pub lanes: Vec<u16>,
    /// Used while a command's keys are looked up.
    pub keys: Vec<KeyRef>,
}

impl Plan {
    pub fn clear(&mut self) {
        self.commands.clear();
        self.spans.clear();
        self.literals.clear();
        self.lanes.clear();
    }

    #[must_use]
    pub fn spans_of(&self, r: &Routed) -> &[Span] {
        &self.spans[r.first as usize..(r.first + r.count) as usize]
    }
}
