//! The overflow of last resort: entries that no split can make room for.
//!
//! More than some hundred keys whose hashes agree in their top 24 bits, and then again in their
//! home bucket, do not happen by chance: someone knows the seed, or the hash is broken. Such keys
//! go here, to an ordered map by key, whose costs do not depend on any hash: an attack makes
//! its own keys a little slower and nothing else. The home bucket remembers for good
//! that it ever spilled; no other bucket ever looks here.

use super::directory::same_segment;
use super::entry::Entry;
use super::key::{Key, home};
use super::owned::OwnedEntry;
use std::collections::BTreeMap;

#[derive(Default)]
pub(super) struct Spill {
    map: BTreeMap<Box<[u8]>, (u64, OwnedEntry)>,
}

impl Spill {
    pub fn len(&self) -> usize {
        self.map.len()
    }

    pub fn get(&self, key: &[u8]) -> Option<&Entry> {
        self.map.get(key).map(|(_, e)| e.get())
    }

    pub fn get_mut(&mut self, key: &[u8]) -> Option<&mut OwnedEntry> {
        self.map.get_mut(key).map(|(_, e)| e)
    }

    pub fn insert(&mut self, key: &Key<'_>, entry: OwnedEntry) {
        self.map.insert(key.bytes.into(), (key.hash, entry));
    }

    pub fn remove(&mut self, key: &[u8]) -> Option<OwnedEntry> {
        self.map.remove(key).map(|(_, e)| e)
    }

    pub fn pop(&mut self) -> Option<OwnedEntry> {
        self.map.pop_first().map(|(_, (_, e))| e)
    }

    /// The entry at a position, for RANDOMKEY.
    pub fn nth(&self, n: usize) -> Option<&Entry> {
        self.map.values().nth(n).map(|(_, e)| e.get())
    }

    pub fn iter(&self) -> impl Iterator<Item = (u64, &Entry)> {
        self.map.values().map(|(hash, e)| (*hash, e.get()))
    }

    /// Visits the entries whose home is `at` in the segment of depth `depth` that holds `hash`.
    pub fn visit_home<'a>(&'a self, hash: u64, depth: u32, at: usize, visit: &mut dyn FnMut(&'a Entry)) {
        self.iter()
            .filter(|&(h, _)| home(h) == at && same_segment(h, hash, depth))
            .for_each(|(_, e)| visit(e));
    }

    /// Heap bytes of the map, about.
    pub fn memory(&self) -> usize {
        self.map.keys().map(|k| k.len() + size_of::<(Box<[u8]>, u64, OwnedEntry)>()).sum()
    }
}
