//! The actor's one door: `execute`.

use crate::db::{Db, Key};
use proto::args::Args;
use proto::command::CommandId;
use proto::encode::Resp;

/// What a command runs in: who asks, when, against which database; and what it did.
pub struct Cx {
    pub id: CommandId,
    /// Index of the selected database.
    pub db: usize,
    /// Unix time in milliseconds, read once a turn.
    pub now_ms: i64,
    pub resp: Resp,
    /// CLIENT NO-TOUCH: reads leave LRU and LFU as they are.
    pub no_touch: bool,
    /// How many changes the command made (Redis's `server.dirty`); set by `execute`.
    pub dirty: u64,
}

/// One shard: its databases and everything that belongs to their keys.
pub struct Shard {
    pub dbs: Vec<Db>,
    seed: u64,
}

impl Shard {
    #[must_use]
    pub fn new(databases: usize, seed: u64) -> Self {
        Self { dbs: (0..databases).map(|_| Db::new()).collect(), seed }
    }

    /// Hashes a key once; every look-up of it takes the result.
    #[must_use]
    pub fn key<'a>(&self, bytes: &'a [u8]) -> Key<'a> {
        Key::new(bytes, self.seed)
    }

    /// Runs one command and appends exactly one reply to `out`.
    pub fn execute(&mut self, cx: &mut Cx, args: Args<'_>, out: &mut Vec<u8>) {
        let _ = (cx, args, out);
    }
}
