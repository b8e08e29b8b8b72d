//! The commands of a turn between being parsed and being executed. All connections of a turn
//! share these buffers, so that the commands of all of them can be looked at together: their keys
//! are hashed and their buckets asked for while the rest is still being parsed, and their entries just
//! before they run. That is what hides most of the cache misses of a large keyspace.

use proto::args::{Args, Span};
use proto::command::{CommandId, CommandSpec, Split};
use proto::encode::{Reply, Resp};
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
    /// One of a transaction's commands: its spans point into the plan's own bytes, and it must not wait.
    pub queued: bool,
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
    /// Arguments of commands that were queued by MULTI.
    pub bytes: Vec<u8>,
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
        self.bytes.clear();
        self.leaves = false;
    }

    /// Adds the head of an EXEC's reply.
    pub fn frame(&mut self, slot: u32, resp: Resp, commands: usize) {
        let from = self.literals.len() as u32;
        Reply::new(&mut self.literals, resp).array(commands);
        let target = Target::Literal { from, to: self.literals.len() as u32 };
        let (spec, first) = (Some(proto::command::spec(CommandId::Exec)), self.spans.len() as u32);
        self.commands.push(Routed { slot, spec, first, count: 0, hash: 0, db: 0, queued: true, target });
    }

    /// The shards that its commands run on, in ascending order.
    #[must_use]
    pub fn shards(&self) -> Vec<u16> {
        let mut shards = Vec::new();
        for r in &self.commands {
            match r.target {
                Target::Shard(shard) => shards.push(shard),
                Target::Many { from, to, .. } => {
                    shards.extend_from_slice(&self.lanes[from as usize..to as usize])
                }
                Target::Literal { .. } => {}
            }
        }
        shards.sort_unstable();
        shards.dedup();
        shards
    }

    /// The arguments of a command; `input` is its connection's.
    #[inline]
    #[must_use]
    pub fn args<'a>(&'a self, r: &Routed, input: &'a [u8]) -> Args<'a> {
        Args::new(if r.queued { &self.bytes } else { input }, self.spans_of(r))
    }

    #[must_use]
    pub fn spans_of(&self, r: &Routed) -> &[Span] {
        &self.spans[r.first as usize..(r.first + r.count) as usize]
    }
}
