//! Functions sent to other cores: what CLIENT LIST, DEBUG DIGEST and their like need from every
//! core is a closure run on each, whose answers the asking core puts together. None of this is on
//! the path of a data command.

use crate::core::state::CoreState;
use crate::io::ConnId;
use shard::TableStats;
use shard::digest::Digest;
use std::sync::Arc;

/// What one core says.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    Nothing,
    Number(i64),
    Bytes(Vec<u8>),
    /// Of each database, `None` where it is empty.
    Digests(Vec<Option<Digest>>),
    /// Of the keys that are here, with their places among those asked for.
    KeyDigests(Vec<(usize, Digest)>),
    Tables(TableStats),
}

/// Runs on a core, with everything of the core but its I/O.
pub type Run = Arc<dyn Fn(&mut CoreState) -> Answer + Send + Sync>;

/// A function and where its answer goes.
#[derive(Clone)]
pub struct Task {
    pub run: Run,
    pub origin: usize,
    pub conn: ConnId,
    /// Matches the answer with the question; a connection that has gone ignores it.
    pub transaction: u64,
}

impl std::fmt::Debug for Task {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Task({} from core {})", self.transaction, self.origin)
    }
}
