//! The keys that benches and measurements share: 16 bytes, uniform, in batches of 64.

#![allow(dead_code)] // Each user needs a part.

use shard::{Db, Key, StrRef};

pub const BATCH: usize = 64;
pub const SEED: u64 = 42;
/// The names of one batch.
pub type Names = [[u8; 16]; BATCH];

pub fn name(i: u64) -> [u8; 16] {
    let mut name = *b"key:000000000000";
    let mut n = i;
    for c in name.iter_mut().rev().take(12) {
        *c = b'0' + (n % 10) as u8;
        n /= 10;
    }
    name
}

/// 16,384 batches, uniform over `keys` keys from `first` on, in an order that helps no cache.
pub fn batches(first: u64, keys: u64) -> Vec<Names> {
    let order = |i: u64| i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    (0..16_384u64)
        .map(|b| std::array::from_fn(|i| name(first + order(b * BATCH as u64 + i as u64) % keys)))
        .collect()
}

pub fn filled(keys: u64, value: &[u8]) -> Db {
    let mut db = Db::new();
    for i in 0..keys {
        db.set_string(&Key::new(&name(i), SEED), value, None, 0);
    }
    db
}

/// What a command does with a hit: looks at the value.
pub fn read(db: &Db, key: &Key<'_>) -> u64 {
    match db.get(key).and_then(|e| e.string()) {
        Some(StrRef::Bytes(b)) => b.len() as u64 + u64::from(b[0]),
        Some(StrRef::Int(n)) => n as u64,
        None => 0,
    }
}

/// The first two passes over a batch: hash and ask for buckets, then for entries.
pub fn prefetch<'a>(db: &Db, names: &'a Names) -> [Key<'a>; BATCH] {
    let keys: [Key<'a>; BATCH] = std::array::from_fn(|i| {
        let key = Key::new(&names[i], SEED);
        db.prefetch_bucket(key.hash);
        key
    });
    keys.iter().for_each(|k| db.prefetch_entry(k.hash));
    keys
}
