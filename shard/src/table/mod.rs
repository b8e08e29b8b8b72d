//! The keyspace table: an extendible hash table of segments and buckets, after Dash (Lu, Hao,
//! Wang, Lo: "Dash: Scalable Hashing on Persistent Memory", VLDB 2020), made for one thread.
//!
//! ```text
//!  directory (top bits of the hash)       segment, 8 KiB               entry
//!  +---+---+---+---+                      +--------------------+       +------------------------+
//!  | . | . | . | . | --- 8 bytes each --> | 59 + 4 buckets     |       | head | expiry | key |  |
//!  +---+---+---+---+                      | of 12 slots each   | ----> | value up to 192 bytes  |
//!                                         +--------------------+       +------------------------+
//! ```
//!
//! What it is made for, and what pays for it:
//!
//! - **A look-up is two cache misses**: the bucket's lines (fetched as a pair) and the entry's. A miss is
//!   one. Both can be asked for ahead, for a whole batch (`prefetch.rs`).
//! - **No pause while it grows.** One segment splits at a time: a copy of 8 KiB and some
//!   bit work, microseconds, and no key is hashed or touched for it. It shrinks the same way.
//! - **A stable order** (home bucket, then hash prefix) that neither splits nor merges disturb, so
//!   SCAN's promise holds with a cursor of 30 bits and no state (`walk.rs`).
//! - **Expiry costs only keys that have one**: a bitmap a bucket (`expire.rs`).
//! - **A version a bucket**, for point-in-time snapshots without fork (`cut.rs`).
//! - **Memory**: 10.8 bytes a slot, everything included; tables are 52 % to 87 % full (of growing
//!   ones; 25 % after mass deletion), so 12 to 21 bytes a key beside its entry.
//!
//! Why not `hashbrown`: it rehashes everything at once (C7), moves entries on growth (no SCAN
//! order to rely on), and has no place for versions and expiry bits. Why not chained buckets with
//! incremental rehash, as Redis: two to three dependent misses a look-up, 24 bytes more a key.
//!
//! Files: `value` (types at the border), `hash`, `key` (how its bits are spent), `entry` (one allocation),
//! `owned` (its owner),
//! `slot` (tagged pointer), `bucket`, `segment`, `directory`, `spill` (hash collisions beyond reason),
//! `db` (the methods), `edit` (changing an entry), the walks `walk`, `expire`, `cut`, `prefetch`, and
//! `deadlines` (which hashes have a field that expires next).

mod bucket;
mod cut;
mod db;
mod deadlines;
mod directory;
mod edit;
mod entry;
mod expire;
mod hash;
mod key;
mod owned;
mod prefetch;
mod segment;
mod slot;
mod spill;
#[cfg(test)]
mod tests;
mod value;
mod walk;

pub use cut::BeforeChange;
pub use db::Db;
pub use deadlines::Deadlines;
pub use edit::EntryMut;
pub use entry::Entry;
pub use key::Key;
pub use prefetch::prefetch_slice;
pub use value::{Detached, DetachedValue, Encoding, Kind, PackedRef, StrRef, ValueRef, parse_int};
