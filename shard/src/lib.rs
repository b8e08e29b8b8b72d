//! One shard of the keyspace: an actor's state, synchronous and deterministic. Time and
//! randomness are arguments; there is no I/O and no await.
//!
//! The door is [`Shard::execute`] in [`mod@shard`]; [`table`] is the keyspace; `command/` holds the
//! commands, one file a family; [`lend`] how a command is run whose keys live on two shards or more.

pub mod blocked;
mod collection;
mod command;
pub mod digest;
pub mod event;
pub mod expire;
pub mod field_expire;
pub mod garbage;
pub mod lend;
pub mod load;
mod long_double;
mod lookup;
pub mod lru;
pub mod pubsub;
mod random;
pub mod settings;
pub mod shard;
pub mod snapshot;
pub mod stats;
pub mod table;
#[cfg(test)]
mod testing;
pub mod value;
pub mod watch;

pub use blocked::{Asker, Block, Served};
pub use command::{TableStats, table_text};
pub use expire::Expired;
pub use lend::{Parcel, Wanted, named_keys};
pub use settings::{MaxmemoryPolicy, Settings, Thresholds};
pub use shard::{Cx, Place, Shard};
pub use stats::Stats;
pub use table as db;
pub use table::{Db, Detached, DetachedValue, Encoding, Entry, EntryMut, Key, Kind, StrRef, ValueRef};
pub use value::{Collection, Object};
