//! The hash table within a value: what a set, a hash and a sorted set have behind the encodings
//! "hashtable" and "skiplist".
//!
//! It is the keyspace's own table ([`Db`]) with elements for keys: it grows one segment of 8 KiB at a time
//! (no step of a million-element set is long), has a stable order for SSCAN, HSCAN and ZSCAN, draws random
//! elements, keeps short values beside the element in one allocation, and a time to live where one is
//! set (of a hash's field). An element costs its bytes, a head of 8, and 12 to 21 bytes of the table.
//!
//! Why not another table: those above are the demands of the keyspace, and there is no better one for
//! them; its fixed cost, a segment, is what a collection at the threshold of 128 elements weighs anyway.
//!
//! A dictionary remembers the seed that its elements are hashed with (the shard's), so that a value can
//! move to another shard as it is.

use crate::db::{Db, Detached, DetachedValue, Entry, Key, StrRef};
use std::fmt;

/// Elements, each with a value: nothing (of a set), bytes (of a hash), 64 bits (of a sorted set).
pub struct Dict {
    db: Db,
    seed: u64,
}

impl Dict {
    /// `seed` is that of the shard ([`crate::collection::Env`]).
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { db: Db::new(), seed }
    }

    #[inline]
    fn key<'a>(&self, element: &'a [u8]) -> Key<'a> {
        Key::new(element, self.seed)
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.db.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.db.is_empty()
    }

    /// The entry of an element: its bytes are [`Entry::key`], its value [`Entry::string`].
    #[inline]
    #[must_use]
    pub fn get(&self, element: &[u8]) -> Option<&Entry> {
        self.db.get(&self.key(element))
    }

    #[inline]
    #[must_use]
    pub fn contains(&self, element: &[u8]) -> bool {
        self.db.get(&self.key(element)).is_some()
    }

    /// Adds an element without a value; false when it is there (its value is then empty, too).
    pub fn add(&mut self, element: &[u8]) -> bool {
        !self.put(element, b"")
    }

    /// Sets the bytes of an element, and clears its expiry; true when it was there.
    pub fn put(&mut self, element: &[u8], value: &[u8]) -> bool {
        let key = self.key(element);
        self.db.set_string(&key, value, None, 0)
    }

    /// Sets the bytes of an element and its expiry (Unix milliseconds); true when it was there.
    pub fn put_until(&mut self, element: &[u8], value: &[u8], expire_at: Option<i64>) -> bool {
        let key = self.key(element);
        self.db.set_string(&key, value, expire_at, 0)
    }

    /// Adds an element that is not there, as the caller knows, with 64 bits.
    pub fn add_bits(&mut self, element: &[u8], bits: u64) {
        let value = DetachedValue::Int(bits.cast_signed());
        self.db.add(&self.key(element), Detached { value, expire_at: None, lru: 0 });
    }

    /// Sets the 64 bits of an element; true when it was there.
    pub fn put_bits(&mut self, element: &[u8], bits: u64) -> bool {
        let was_there = self.set_bits(element, bits);
        if !was_there {
            self.add_bits(element, bits);
        }
        was_there
    }

    /// Changes the 64 bits of an element; false when it is not there.
    pub fn set_bits(&mut self, element: &[u8], bits: u64) -> bool {
        let key = self.key(element);
        self.db.get_mut(&key).map(|mut entry| entry.set_int(bits.cast_signed())).is_some()
    }

    /// The 64 bits of an element.
    #[inline]
    #[must_use]
    pub fn bits(&self, element: &[u8]) -> Option<u64> {
        match self.db.get(&self.key(element))?.string()? {
            StrRef::Int(n) => Some(n.cast_unsigned()),
            StrRef::Bytes(_) => None,
        }
    }

    /// Sets or clears the expiry of an element that is there.
    pub fn set_expire(&mut self, element: &[u8], at: Option<i64>) -> bool {
        let key = self.key(element);
        self.db.get_mut(&key).map(|mut entry| entry.set_expire(at)).is_some()
    }

    /// How many elements have an expiry.
    #[must_use]
    pub fn expires_len(&self) -> usize {
        self.db.expires_len()
    }

    /// Removes up to `buckets` buckets' worth of elements whose expiry is at or before `now_ms`; the next cursor,
    /// 0 after a whole round.
    pub fn expire_slice(
        &mut self,
        cursor: u64,
        buckets: usize,
        now_ms: i64,
        reaped: &mut dyn FnMut(&[u8]),
    ) -> u64 {
        self.db.expire_slice(cursor, buckets, now_ms, &mut |key, _| reaped(key))
    }

    /// Removes an element; true when it was there.
    pub fn remove(&mut self, element: &[u8]) -> bool {
        let key = self.key(element);
        self.db.discard(&key)
    }

    /// Visits the elements of one step; the next cursor, 0 at the end. An element that is there
    /// from the first step to the last is visited at least once.
    pub fn scan<'a>(&'a self, cursor: u64, visit: &mut dyn FnMut(&'a Entry)) -> u64 {
        self.db.scan(cursor, visit)
    }

    /// The cursor at which [`Dict::scan`] finds an element, whether it is there or not; below 2^30.
    #[must_use]
    pub fn place(&self, element: &[u8]) -> u32 {
        Db::place(&self.key(element))
    }

    /// Visits every element once.
    pub fn each<'a>(&'a self, visit: &mut dyn FnMut(&'a Entry)) {
        let mut cursor = 0;
        loop {
            cursor = self.db.scan(cursor, visit);
            if cursor == 0 {
                return;
            }
        }
    }

    /// A random element, each as likely as any other; `random` supplies uniform 64-bit numbers.
    pub fn random(&self, random: &mut dyn FnMut() -> u64) -> Option<&Entry> {
        self.db.random(random)
    }

    /// Heap bytes; of the elements `samples` are looked at and stand for all, 0 looks at every one.
    #[must_use]
    pub fn memory(&self, samples: usize) -> usize {
        let (mut seen, mut bytes, mut cursor) = (0, 0, 0);
        loop {
            cursor = self.db.scan(cursor, &mut |entry| {
                seen += 1;
                bytes += entry.memory(1);
            });
            if cursor == 0 || samples != 0 && seen >= samples {
                break;
            }
        }
        let elements = (bytes * self.len()).checked_div(seen).unwrap_or(0);
        self.db.memory() + elements
    }

    /// Frees up to `budget` elements; true when none is left. Not to be used otherwise from then on.
    pub fn free_slice(&mut self, budget: usize) -> bool {
        self.db.free_slice(budget)
    }
}

impl Clone for Dict {
    fn clone(&self) -> Self {
        let mut copy = Self::new(self.seed);
        self.each(&mut |entry| {
            copy.db.add(&Key::new(entry.key(), self.seed), entry.detached());
        });
        copy
    }
}

impl fmt::Debug for Dict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dict({} elements)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    const SEED: u64 = 7;

    fn contents(dict: &Dict) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let mut all = BTreeMap::new();
        dict.each(&mut |entry| {
            let value = match entry.string() {
                Some(StrRef::Bytes(bytes)) => bytes.to_vec(),
                Some(StrRef::Int(n)) => n.to_string().into_bytes(),
                None => panic!("elements have strings"),
            };
            assert!(all.insert(entry.key().to_vec(), value).is_none(), "each once");
        });
        all
    }

    #[test]
    fn elements_come_and_go() {
        let mut dict = Dict::new(SEED);
        let mut model = BTreeMap::new();
        for i in 0..5000u32 {
            let name = format!("e{}", i * 7 % 3000);
            let value = format!("v{i}");
            assert_eq!(dict.put(name.as_bytes(), value.as_bytes()), model.contains_key(name.as_bytes()));
            model.insert(name.into_bytes(), value.into_bytes());
        }
        assert_eq!(contents(&dict), model);
        let copy = dict.clone();
        for i in 0..3000 {
            assert!(dict.remove(format!("e{i}").as_bytes()));
        }
        assert!(dict.is_empty());
        assert_eq!(contents(&copy), model);
        assert_eq!(copy.get(b"e7").and_then(|e| e.string()), Some(StrRef::Bytes(b"v3001")));
    }

    #[test]
    fn bits_are_kept_exactly() {
        let mut dict = Dict::new(SEED);
        for bits in [0, 1, u64::MAX, (-1.5f64).to_bits(), f64::INFINITY.to_bits()] {
            assert!(!dict.set_bits(b"e", bits), "not there yet");
            dict.add_bits(b"e", bits);
            assert!(dict.set_bits(b"e", !bits));
            assert_eq!(dict.bits(b"e"), Some(!bits));
            assert!(dict.remove(b"e"));
        }
        assert_eq!(dict.bits(b"f"), None);
    }

    #[test]
    fn a_large_one_is_freed_in_slices() {
        let mut dict = Dict::new(SEED);
        (0..2000).for_each(|i| assert!(dict.add(format!("e{i}").as_bytes())));
        let mut slices = 0;
        while !dict.free_slice(100) {
            slices += 1;
        }
        assert!(slices >= 19 && dict.is_empty());
    }
}
