//! One shard of the keyspace: an actor's state, synchronous and deterministic. Time and
//! randomness are arguments; there is no I/O and no await.

pub mod db;
pub mod shard;

pub use db::{Db, Detached, Encoding, Entry, EntryMut, Key, Kind, StrRef};
pub use shard::{Cx, Shard};
