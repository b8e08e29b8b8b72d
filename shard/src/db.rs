//! One database: keys to entries. (First form, over a `HashMap`; the keyspace table of its own
//! comes behind the same methods.)

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher};

/// A key with its hash.
#[derive(Clone, Copy, Debug)]
pub struct Key<'a> {
    pub bytes: &'a [u8],
    pub hash: u64,
}

impl<'a> Key<'a> {
    #[must_use]
    pub fn new(bytes: &'a [u8], seed: u64) -> Self {
        let mut h = std::hash::BuildHasherDefault::<std::hash::DefaultHasher>::default().build_hasher();
        h.write_u64(seed);
        h.write(bytes);
        Self { bytes, hash: h.finish() }
    }
}

/// The type of a value, as TYPE names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Kind {
    String,
    List,
    Set,
    ZSet,
    Hash,
    Stream,
}

/// The encoding of a value, as OBJECT ENCODING names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Encoding {
    Int,
    Embstr,
    Raw,
}

/// A string value as it is stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StrRef<'a> {
    Int(i64),
    Bytes(&'a [u8]),
}

/// A value taken out of (or to be put into) the table: what MOVE, RENAME and COPY carry, also
/// to another core.
#[derive(Clone, PartialEq, Debug)]
pub struct Detached {
    pub value: DetachedValue,
    /// Unix milliseconds.
    pub expire_at: Option<i64>,
    /// 24 bits: LRU clock in seconds, or LFU minutes and counter.
    pub lru: u32,
}

#[derive(Clone, PartialEq, Debug)]
pub enum DetachedValue {
    Int(i64),
    /// Bytes, and whether they show as `raw` whatever their length (after APPEND, SETRANGE …).
    Bytes(Vec<u8>, bool),
}

/// One key and its value in the table.
pub struct Entry {
    key: Box<[u8]>,
    inner: Detached,
}

impl Entry {
    #[must_use]
    pub fn key(&self) -> &[u8] {
        &self.key
    }
    #[must_use]
    pub fn kind(&self) -> Kind {
        Kind::String
    }
    #[must_use]
    pub fn encoding(&self) -> Encoding {
        match &self.inner.value {
            DetachedValue::Int(_) => Encoding::Int,
            DetachedValue::Bytes(b, raw) => {
                if *raw || b.len() > 44 {
                    Encoding::Raw
                } else {
                    Encoding::Embstr
                }
            }
        }
    }
    /// Unix milliseconds, or `None` for a key that stays.
    #[must_use]
    pub fn expire_at(&self) -> Option<i64> {
        self.inner.expire_at
    }
    #[must_use]
    pub fn lru(&self) -> u32 {
        self.inner.lru
    }
    /// `None` when the value is not a string.
    #[must_use]
    pub fn string(&self) -> Option<StrRef<'_>> {
        Some(match &self.inner.value {
            DetachedValue::Int(i) => StrRef::Int(*i),
            DetachedValue::Bytes(b, _) => StrRef::Bytes(b),
        })
    }
    /// A copy of the value, for COPY and DUMP.
    #[must_use]
    pub fn detached(&self) -> Detached {
        self.inner.clone()
    }
    /// Heap bytes of key, value and entry.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.key.len() + 32
    }
}

/// An entry that may be changed. Its key stays.
pub struct EntryMut<'a> {
    entry: &'a mut Entry,
    expires: &'a mut usize,
}

impl EntryMut<'_> {
    #[must_use]
    pub fn entry(&self) -> &Entry {
        self.entry
    }
    /// Replaces a value by an integer (encoding `int`).
    pub fn set_int(&mut self, n: i64) {
        self.entry.inner.value = DetachedValue::Int(n);
    }
    /// Replaces a value by bytes; encoding `embstr` up to 44 bytes, else `raw`.
    pub fn set_bytes(&mut self, b: &[u8]) {
        self.entry.inner.value = DetachedValue::Bytes(b.to_vec(), false);
    }
    /// Edits the string as a growable buffer (APPEND, SETRANGE, SETBIT); it shows as `raw` after.
    pub fn edit_raw<R>(&mut self, edit: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        let mut bytes = match std::mem::replace(&mut self.entry.inner.value, DetachedValue::Int(0)) {
            DetachedValue::Int(i) => i.to_string().into_bytes(),
            DetachedValue::Bytes(b, _) => b,
        };
        let r = edit(&mut bytes);
        self.entry.inner.value = DetachedValue::Bytes(bytes, true);
        r
    }
    /// Sets or clears the expiry (Unix milliseconds).
    pub fn set_expire(&mut self, at: Option<i64>) {
        *self.expires =
            *self.expires + usize::from(at.is_some()) - usize::from(self.entry.inner.expire_at.is_some());
        self.entry.inner.expire_at = at;
    }
    /// The 24 LRU/LFU bits.
    pub fn set_lru(&mut self, lru: u32) {
        self.entry.inner.lru = lru;
    }
}

/// One database of a shard. No method looks at the clock: expiry is the caller's question.
#[derive(Default)]
pub struct Db {
    map: HashMap<Box<[u8]>, Entry>,
    expires: usize,
}

impl Db {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
    /// Keys held, expired ones that were not reaped yet included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.map.len()
    }
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }
    /// Keys with an expiry.
    #[must_use]
    pub fn expires_len(&self) -> usize {
        self.expires
    }
    #[must_use]
    pub fn get(&self, key: &Key<'_>) -> Option<&Entry> {
        self.map.get(key.bytes)
    }
    pub fn get_mut(&mut self, key: &Key<'_>) -> Option<EntryMut<'_>> {
        let entry = self.map.get_mut(key.bytes)?;
        Some(EntryMut { entry, expires: &mut self.expires })
    }
    /// Sets a string by the rules of SET's encoding (`int` where the bytes are one), with
    /// `expire_at` replacing what stood. True when the key was there.
    pub fn set_string(&mut self, key: &Key<'_>, value: &[u8], expire_at: Option<i64>, lru: u32) -> bool {
        let int = std::str::from_utf8(value).ok().and_then(|s| s.parse::<i64>().ok());
        let value = match int {
            Some(i) if i.to_string().as_bytes() == value => DetachedValue::Int(i),
            _ => DetachedValue::Bytes(value.to_vec(), false),
        };
        self.insert(key, Detached { value, expire_at, lru }).is_some()
    }
    /// Puts a value under `key`; what stood there comes back.
    pub fn insert(&mut self, key: &Key<'_>, value: Detached) -> Option<Detached> {
        let old = self.remove(key);
        self.expires += usize::from(value.expire_at.is_some());
        self.map.insert(key.bytes.into(), Entry { key: key.bytes.into(), inner: value });
        old
    }
    pub fn remove(&mut self, key: &Key<'_>) -> Option<Detached> {
        let e = self.map.remove(key.bytes)?;
        self.expires -= usize::from(e.inner.expire_at.is_some());
        Some(e.inner)
    }
    /// Visits the entries of one step; returns the next cursor, 0 at the end. Every key that is
    /// there from the first step to the last is visited at least once.
    pub fn scan(&self, _cursor: u64, visit: &mut dyn FnMut(&Entry)) -> u64 {
        self.map.values().for_each(visit);
        0
    }
    /// A random entry; `random` supplies uniform 64-bit numbers.
    pub fn random(&self, random: &mut dyn FnMut() -> u64) -> Option<&Entry> {
        let n = self.map.len() as u64;
        if n == 0 { None } else { self.map.values().nth((random() % n) as usize) }
    }
    /// Empties the database; what it held comes back, to be freed in slices.
    pub fn take(&mut self) -> Db {
        std::mem::take(self)
    }
    /// Frees up to `entries` entries of a database that is garbage; true when nothing is left.
    pub fn free_slice(&mut self, _entries: usize) -> bool {
        self.map.clear();
        true
    }
    /// Asks the cache for the bucket of `hash`, then (second call) for the entry it names.
    pub fn prefetch_bucket(&self, _hash: u64) {}
    pub fn prefetch_entry(&self, _hash: u64) {}
    /// Visits up to `buckets` buckets from `cursor` and hands over every entry with an expiry
    /// at or before `now_ms`, removed; returns the next cursor, 0 after a whole round.
    pub fn expire_slice(
        &mut self,
        _cursor: u64,
        _buckets: usize,
        now_ms: i64,
        reaped: &mut dyn FnMut(&[u8], Detached),
    ) -> u64 {
        let dead: Vec<_> = self
            .map
            .values()
            .filter(|e| e.expire_at().is_some_and(|t| t <= now_ms))
            .map(|e| e.key.clone())
            .collect();
        for k in dead {
            if let Some(e) = self.map.remove(&k) {
                self.expires -= 1;
                reaped(&k, e.inner);
            }
        }
        0
    }
}
