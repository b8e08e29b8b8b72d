//! One shard of the keyspace: an actor's state, synchronous and deterministic. Time and
//! randomness are arguments; there is no I/O and no await.

pub mod shard;
pub mod table;

pub use shard::{Cx, Shard};
pub use table as db;
pub use table::{Db, Detached, DetachedValue, Encoding, Entry, EntryMut, Key, Kind, StrRef};
