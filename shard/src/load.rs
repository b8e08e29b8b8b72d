//! Keys on their way from a file into a shard, in batches.
//!
//! ```text
//!   loader thread    record -> decode -> Batch | bytes   key text key key text ...         |
//!                                              | items   hash, where in bytes, value, ...  |
//!   core's thread    Shard::load: ask for the buckets of some keys ahead, put each key into the table
//! ```
//! The thread that reads a file is none of those that own shards. What it makes of a short string are bytes in the batch's
//! buffer: the entry itself is allocated by the core that will own it, so that entries of two shards never share a
//! cache line, and a key costs the reading thread no allocation. A collection is made by the thread that reads it,
//! and moves. A batch is used again and again, its buffers with it.
//!
//! A key whose time is over is left out, as Redis does when it loads its own file. A key that is there already is an
//! error of the file, unless the batch is to replace what it finds.

use crate::db::{DetachedValue, Key, parse_int};
use crate::shard::Shard;
use crate::value::rdb::Loader;
use persist::listpack::Element;
use persist::rdb::file::{Record, Unread};
use persist::rdb::{Error, Fields, Members, Nodes, Scored, StreamParts, Visitor};

/// A batch with so many keys is full: some tens of microseconds of its owner's time.
const KEYS_MAX: usize = 512;
/// A batch with so many bytes is full.
const BYTES_MAX: usize = 256 << 10;
/// Longer strings are allocated once and move, others are copied into the batch and out of it.
const COPIED_MAX: usize = 512;
/// Buffers of empty batches larger than this are given back.
const KEPT_BYTES_MAX: usize = 2 * BYTES_MAX;
/// Keys whose buckets are asked for ahead of the one that is put into the table.
const AHEAD: usize = 8;

/// Keys of one shard.
#[derive(Default, Debug)]
pub struct Batch {
    /// Keys, each with its value behind it where that is a short string.
    bytes: Vec<u8>,
    items: Vec<Item>,
    /// Bytes of strings that are not in `bytes`, and a guess at what collections take.
    weight: usize,
}

#[derive(Debug)]
struct Item {
    hash: u64,
    /// Where in the file it stands.
    at: u64,
    expire_at: Option<i64>,
    start: u32,
    key_len: u32,
    db: u32,
    lru: u32,
    value: Value,
}

#[derive(Debug)]
enum Value {
    /// So many bytes behind the key.
    Text(u32),
    Detached(DetachedValue),
}

/// What became of a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Read {
    Added,
    /// Its time is over.
    Expired,
}

/// A key that was there already.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Duplicate {
    pub db: usize,
    pub key: Vec<u8>,
    /// Where in the file it stands, bytes.
    pub at: u64,
}

impl Batch {
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// It should go.
    #[inline]
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.items.len() >= KEYS_MAX || self.bytes() >= BYTES_MAX
    }

    /// About how many bytes it holds.
    #[inline]
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes.len() + self.weight
    }

    /// Reads the value of a key of a file, and adds both, unless the time of the key is over. `record.db` is a database that
    /// there is.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(
        &mut self,
        loader: &mut Loader<'_>,
        record: &Record<'_>,
        value: Unread<'_, '_>,
        now_ms: i64,
    ) -> Result<Read, Error> {
        let start = self.bytes.len();
        let (Ok(key_len), Ok(at)) = (u32::try_from(record.key.len()), u32::try_from(start)) else {
            return Err(value.corrupt("a key that is too long"));
        };
        self.bytes.extend_from_slice(record.key);
        let (lru, from) = (loader.lru(record, now_ms), self.bytes.len());
        let decoded = value.decode(&mut Into { loader, bytes: &mut self.bytes });
        let expired = record.expire_at.is_some_and(|at| at < now_ms);
        let value = match decoded {
            Ok(value) if !expired => value,
            other => {
                self.bytes.truncate(start);
                return other.map(|_| Read::Expired);
            }
        };
        debug_assert!(!matches!(value, Value::Text(len) if self.bytes.len() != from + len as usize));
        if let Value::Detached(value) = &value {
            self.weight += weight(value);
        }
        let (hash, db) = (Key::new(record.key, loader.seed).hash, record.db as u32);
        let expire_at = record.expire_at;
        self.items.push(Item { hash, at: record.at, expire_at, start: at, key_len, db, lru, value });
        Ok(Read::Added)
    }

    /// Forgets what it holds.
    pub fn clear(&mut self) {
        self.items.clear();
        self.bytes.clear();
        self.weight = 0;
        self.bytes.shrink_to(KEPT_BYTES_MAX);
    }

    fn key_of(&self, item: &Item) -> Key<'_> {
        Key { bytes: &self.bytes[item.start as usize..][..item.key_len as usize], hash: item.hash }
    }

    /// Bytes between the key and the next one.
    fn text_of(&self, item: &Item, len: u32) -> &[u8] {
        &self.bytes[item.start as usize + item.key_len as usize..][..len as usize]
    }
}

/// About how many bytes a value has of its own.
fn weight(value: &DetachedValue) -> usize {
    match value {
        DetachedValue::Int(_) => 0,
        DetachedValue::Bytes(bytes, _) | DetachedValue::Packed(_, _, bytes) => bytes.len(),
        DetachedValue::Object(object) => object.weight().saturating_mul(64),
    }
}

/// Makes values, short strings in the batch's buffer.
struct Into<'b, 'a> {
    loader: &'b mut Loader<'a>,
    bytes: &'b mut Vec<u8>,
}

impl Visitor for Into<'_, '_> {
    type Value = Value;

    fn string(&mut self, text: Element<'_>) -> Value {
        match text {
            Element::Bytes(bytes) if bytes.len() <= COPIED_MAX => match parse_int(bytes) {
                Some(n) => Value::Detached(DetachedValue::Int(n)),
                None => {
                    self.bytes.extend_from_slice(bytes);
                    Value::Text(bytes.len() as u32)
                }
            },
            other => Value::Detached(self.loader.string(other)),
        }
    }

    fn list(&mut self, nodes: &mut Nodes<'_, '_>) -> Result<Value, Error> {
        self.loader.list(nodes).map(Value::Detached)
    }

    fn set_intset(&mut self, bytes: Vec<u8>) -> Value {
        Value::Detached(self.loader.set_intset(bytes))
    }

    fn set_listpack(&mut self, bytes: Vec<u8>) -> Value {
        Value::Detached(self.loader.set_listpack(bytes))
    }

    fn set(&mut self, members: &mut Members<'_, '_>) -> Result<Value, Error> {
        self.loader.set(members).map(Value::Detached)
    }

    fn hash_listpack(&mut self, bytes: Vec<u8>, timed: bool) -> Value {
        Value::Detached(self.loader.hash_listpack(bytes, timed))
    }

    fn hash(&mut self, fields: &mut Fields<'_, '_>) -> Result<Value, Error> {
        self.loader.hash(fields).map(Value::Detached)
    }

    fn zset_listpack(&mut self, bytes: Vec<u8>) -> Value {
        Value::Detached(self.loader.zset_listpack(bytes))
    }

    fn zset(&mut self, members: &mut Scored<'_, '_>) -> Result<Value, Error> {
        self.loader.zset(members).map(Value::Detached)
    }

    fn stream(&mut self, parts: &mut StreamParts<'_, '_>) -> Result<Value, Error> {
        self.loader.stream(parts).map(Value::Detached)
    }
}

impl Shard {
    /// Throws everything away, to load something else in its place. They are freed in slices.
    pub fn empty(&mut self) {
        self.touch_all();
        for db in 0..self.dbs.len() {
            self.flush(db);
        }
    }

    /// Puts the keys of a batch into their databases, and empties it. No watch, no client that waits and no notification
    /// hears of it. `replace`: a key that is there already is replaced.
    ///
    /// # Errors
    /// The first key that is there already and is not to be replaced; the rest of the batch is dropped.
    pub fn load(&mut self, batch: &mut Batch, replace: bool) -> Result<(), Duplicate> {
        let mut items = std::mem::take(&mut batch.items);
        let hint = |shard: &Self, item: &Item| shard.dbs[item.db as usize].prefetch_bucket(item.hash);
        items.iter().take(AHEAD).for_each(|item| hint(self, item));
        let mut outcome = Ok(());
        for i in 0..items.len() {
            if let Some(item) = items.get(i + AHEAD) {
                hint(self, item);
            }
            let item = &mut items[i];
            let value = std::mem::replace(&mut item.value, Value::Detached(DetachedValue::Int(0)));
            outcome = self.load_one(batch, item, value, replace);
            if outcome.is_err() {
                break;
            }
        }
        items.clear();
        batch.items = items;
        batch.clear();
        outcome
    }

    fn load_one(&mut self, batch: &Batch, item: &Item, value: Value, replace: bool) -> Result<(), Duplicate> {
        let (key, expire_at, lru) = (batch.key_of(item), item.expire_at, item.lru);
        let db = &mut self.dbs[item.db as usize];
        if db.get(&key).is_some() {
            if !replace {
                return Err(Duplicate { db: item.db as usize, key: key.bytes.to_vec(), at: item.at });
            }
            db.discard(&key);
        }
        match value {
            Value::Text(len) => db.add_text(&key, batch.text_of(item, len), expire_at, lru),
            Value::Detached(value) => db.add(&key, crate::db::Detached { value, expire_at, lru }),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{Encoding, StrRef, ValueRef};
    use crate::settings::Settings;
    use persist::rdb::Type;
    use persist::rdb::file::{Body, Feed, FileVisitor, Meta, Options, Reader, Rules};

    const NOW_MS: i64 = 1_000_000;
    const SEED: u64 = 5;

    struct Told<'a>(Loader<'a>, Batch, Vec<Read>);

    impl FileVisitor for Told<'_> {
        fn key(&mut self, record: &Record<'_>, value: Unread<'_, '_>) -> Result<(), Error> {
            let read = self.1.read(&mut self.0, record, value, NOW_MS)?;
            self.2.push(read);
            Ok(())
        }
    }

    /// Strings with their expiries, as a file would hold them.
    fn batch(strings: &[(&str, &str, Option<i64>)]) -> (Batch, Vec<Read>) {
        let mut body = Body::new(Options::default());
        for (key, text, expire_at) in strings {
            let meta = Meta { expire_at: *expire_at, ..Meta::default() };
            body.key(1, key.as_bytes(), Type::String, &meta).string(text.as_bytes());
        }
        let mut bytes = Vec::new();
        body.finish(&mut bytes);
        let settings = Settings::default();
        let mut told = Told(Loader { settings: &settings, seed: SEED }, Batch::default(), Vec::new());
        let mut blocks = &bytes[..];
        let mut feed = Feed::new(&mut blocks, 0..bytes.len() as u64);
        Reader::part(&mut feed, Rules::default(), 11).read(&mut told).unwrap();
        (told.1, told.2)
    }

    fn text(shard: &Shard, key: &str) -> Option<String> {
        let entry = shard.dbs[1].get(&shard.key(key.as_bytes()))?;
        match entry.value() {
            ValueRef::String(StrRef::Int(n)) => Some(n.to_string()),
            ValueRef::String(StrRef::Bytes(bytes)) => Some(String::from_utf8_lossy(bytes).into_owned()),
            _ => None,
        }
    }

    #[test]
    fn strings_of_all_lengths_arrive() {
        let long = "x".repeat(COPIED_MAX + 1);
        let middle = "y".repeat(COPIED_MAX);
        let all = [("a", "1"), ("b", "text"), ("c", ""), ("", &long), ("e", &middle), ("f", "0012")];
        let (mut batch, read) = batch(&all.map(|(key, value)| (key, value, None)));
        assert_eq!(read, [Read::Added; 6]);
        let mut shard = Shard::new(2, SEED);
        assert_eq!(shard.load(&mut batch, false), Ok(()));
        assert!(batch.is_empty() && batch.bytes() == 0);
        for (key, value) in all {
            assert_eq!(text(&shard, key).as_deref(), Some(value));
        }
        let entry = shard.dbs[1].get(&shard.key(b"a")).unwrap();
        assert_eq!(entry.encoding(), Encoding::Int);
        assert_eq!((shard.dbs[0].len(), shard.dbs[1].len()), (0, 6));
    }

    #[test]
    fn what_has_expired_is_left_out() {
        let (mut batch, read) =
            batch(&[("a", "old", Some(NOW_MS - 1)), ("b", "now", Some(NOW_MS)), ("c", "7", Some(1))]);
        assert_eq!(read, [Read::Expired, Read::Added, Read::Expired]);
        assert_eq!(batch.len(), 1);
        let mut shard = Shard::new(2, SEED);
        assert_eq!(shard.load(&mut batch, false), Ok(()));
        assert_eq!((shard.dbs[1].len(), shard.dbs[1].expires_len()), (1, 1));
        assert_eq!(text(&shard, "b").as_deref(), Some("now"));
    }

    #[test]
    fn a_key_that_is_there_is_an_error_or_replaced() {
        let mut shard = Shard::new(2, SEED);
        assert_eq!(shard.load(&mut batch(&[("a", "one", None), ("b", "two", None)]).0, false), Ok(()));
        let (mut again, _) = batch(&[("c", "three", None), ("b", "four", None), ("d", "five", None)]);
        let Duplicate { db, key, at } = shard.load(&mut again, false).unwrap_err();
        assert_eq!((db, key.as_slice()), (1, &b"b"[..]));
        assert!(at > 0 && again.is_empty());
        assert_eq!(text(&shard, "b").as_deref(), Some("two"));
        assert_eq!(shard.load(&mut batch(&[("b", "four", None)]).0, true), Ok(()));
        assert_eq!(text(&shard, "b").as_deref(), Some("four"));
        assert_eq!(shard.dbs[1].len(), 3);
    }

    #[test]
    fn what_was_thrown_away_and_loaded_again_has_changed() {
        let mut shard = Shard::new(2, SEED);
        let file = [("a", "one", None)];
        assert_eq!(shard.load(&mut batch(&file).0, false), Ok(()));
        let watched = |key: &str| [crate::watch::WatchedKey { db: 1, key: key.as_bytes().into() }];
        let flags = [crate::watch::WatchFlag::default(), crate::watch::WatchFlag::default()];
        shard.watch(&flags[0], &watched("a"), NOW_MS);
        shard.watch(&flags[1], &watched("b"), NOW_MS);
        shard.empty();
        assert_eq!(shard.dbs[1].len(), 0);
        assert_eq!(shard.load(&mut batch(&file).0, false), Ok(()));
        assert!(!shard.watch_intact(&flags[0], &watched("a"), NOW_MS));
        assert!(shard.watch_intact(&flags[1], &watched("b"), NOW_MS), "it was not there and is not");
    }

    #[test]
    fn a_batch_is_full_by_keys_or_by_bytes() {
        let names: Vec<String> = (0..KEYS_MAX).map(|n| n.to_string()).collect();
        let all: Vec<_> = names.iter().map(|name| (name.as_str(), "v", None)).collect();
        assert!(batch(&all).0.is_full());
        assert!(!batch(&all[1..]).0.is_full());
        let long = "z".repeat(BYTES_MAX);
        assert!(batch(&[("a", &long, None)]).0.is_full());
    }
}
