//! The actor's one door: `execute`.
//!
//! A shard owns the keys of one core. Whoever holds it calls three things: [`Shard::execute`] for a
//! command, and between turns [`Shard::expire_slice`] and [`Shard::free_slice`], which do background
//! work in slices small enough not to be felt. For a command that spans shards it lends values to the core that
//! runs it ([`crate::lend`]).
//!
//! The shard never reads a clock and draws no hidden random numbers: the same calls with the same
//! seed give the same replies, byte for byte.

use crate::blocked::{Block, Blocked};
use crate::command;
use crate::db::{Db, Key};
use crate::event::Events;
use crate::expire::ExpireCursor;
use crate::garbage::Garbage;
use crate::pubsub::PubSub;
use crate::random::Random;
use crate::settings::Settings;
use crate::snapshot::Snapshot;
use crate::stats::Stats;
use crate::watch::Watches;
use proto::args::Args;
use proto::command::CommandId;
use proto::encode::{Reply, Resp};

/// What a command runs in: who asks, when, against which database; and what it did.
#[derive(Clone, Debug)]
pub struct Cx {
    pub id: CommandId,
    /// Index of the selected database.
    pub db: usize,
    /// Unix time in milliseconds, read once a turn.
    pub now_ms: i64,
    pub resp: Resp,
    /// CLIENT NO-TOUCH: reads leave LRU and LFU as they are.
    pub no_touch: bool,
    /// [`Key::hash`] of the command's first key, as [`Shard::key`] gives it: whoever routed the command
    /// has hashed it already. Ignored by commands without keys.
    pub key_hash: u64,
    /// Inside MULTI or a script: a command that would wait answers as if its time were over.
    pub no_block: bool,
    /// The command has answered nothing, because it waits for this; set by `execute`.
    pub block: Option<Box<Block>>,
    /// How many changes the command made (Redis's `server.dirty`); set by `execute`.
    pub dirty: u64,
}

impl Cx {
    /// A command of a RESP2 client, without keys so far.
    #[must_use]
    pub fn new(id: CommandId, db: usize, now_ms: i64) -> Self {
        Self {
            id,
            db,
            now_ms,
            resp: Resp::V2,
            no_touch: false,
            key_hash: 0,
            no_block: false,
            block: None,
            dirty: 0,
        }
    }
}

/// Which shard of how many this is: what SCAN's cursors are made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    pub index: usize,
    pub count: usize,
}

/// One shard: its databases and everything that belongs to their keys.
pub struct Shard {
    pub dbs: Vec<Db>,
    pub settings: Settings,
    pub stats: Stats,
    pub events: Events,
    pub pubsub: PubSub,
    pub(crate) random: Random,
    pub(crate) garbage: Garbage,
    pub(crate) expire_cursor: ExpireCursor,
    pub(crate) place: Place,
    pub(crate) watches: Watches,
    pub(crate) blocked: Blocked,
    pub(crate) snapshot: Option<Snapshot>,
    seed: u64,
}

impl Shard {
    /// A shard that is alone. `seed` feeds its hashes and its random numbers; shards that exchange keys
    /// need not share it.
    #[must_use]
    pub fn new(databases: usize, seed: u64) -> Self {
        Self {
            dbs: (0..databases).map(|_| Db::new()).collect(),
            settings: Settings::default(),
            stats: Stats::default(),
            events: Events::default(),
            pubsub: PubSub::default(),
            random: Random::new(seed),
            garbage: Garbage::default(),
            expire_cursor: ExpireCursor::new(databases),
            place: Place { index: 0, count: 1 },
            watches: Watches::default(),
            blocked: Blocked::default(),
            snapshot: None,
            seed,
        }
    }

    /// The same shard as one of several.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        assert!(place.index < place.count, "shard {} of {}", place.index, place.count);
        self.place = place;
        self
    }

    /// What keys are hashed with.
    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    /// The next of the shard's random numbers, for what is drawn on its core but outside of it.
    pub fn draw(&mut self) -> u64 {
        self.random.draw()
    }

    /// Hashes a key once; every look-up of it takes the result.
    #[inline]
    #[must_use]
    pub fn key<'a>(&self, bytes: &'a [u8]) -> Key<'a> {
        Key::new(bytes, self.seed)
    }

    /// The command's first key, whose hash came with the command.
    #[inline]
    pub(crate) fn first_key<'a>(&self, cx: &Cx, bytes: &'a [u8]) -> Key<'a> {
        debug_assert_eq!(self.key(bytes).hash, cx.key_hash, "{:?} came with the hash of another key", cx.id);
        Key { bytes, hash: cx.key_hash }
    }

    /// Runs one command and appends exactly one reply to `out`. The caller has checked the arity, and
    /// that `cx.db` is a database.
    #[inline]
    pub fn execute(&mut self, cx: &mut Cx, args: Args<'_>, out: &mut Vec<u8>) {
        cx.dirty = 0;
        cx.block = None;
        command::run(self, cx, args, &mut Reply::new(out, cx.resp));
    }
}
