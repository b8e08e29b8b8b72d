//! One database: the table's methods for one key.
//!
//! Every look-up takes the same way: directory, home bucket, and (only if the home bucket says so)
//! the next bucket, the stash, the spill. Every change first passes [`before_change`], so that
//! a snapshot in progress sees the entry as it was.

use super::cut::{Cut, before_change};
use super::deadlines::Deadlines;
use super::directory::Directory;
use super::edit::EntryMut;
use super::entry::{Entry, inline_max};
use super::expire::AverageTtl;
use super::key::{Key, extra, home, place};
use super::owned::OwnedEntry;
use super::segment::{Placed, Pos};
use super::spill::Spill;
use super::value::{Detached, DetachedValue, NewValue, parse_int};
use crate::value::Object;

/// What freeing a segment counts for in [`Db::free_slice`], in entries.
const SEGMENT_COST: usize = 8;

/// Objects up to this weight are freed where they are removed.
const FREED_AT_ONCE: usize = 64;

/// One database of a shard. No method looks at the clock: expiry is the caller's question.
#[derive(Default)]
pub struct Db {
    pub(super) directory: Directory,
    pub(super) spill: Spill,
    pub(super) len: usize,
    pub(super) expires: usize,
    /// Of the hashes with fields that expire: when the first of each does.
    fields: Deadlines,
    /// Changes stamp their bucket with this; a cut makes it one more.
    pub(super) epoch: u32,
    pub(super) cut: Option<Box<Cut>>,
    pub(super) average_ttl: AverageTtl,
    /// Where short strings are edited, so that this needs no allocation.
    pub(super) scratch: Vec<u8>,
    pub(super) limbo: Limbo,
}

/// Large objects whose keys are gone.
#[derive(Default)]
#[expect(clippy::vec_box, reason = "an entry's box comes and goes as it is, without a copy of the object")]
pub(super) struct Limbo(Vec<Box<Object>>);

impl Limbo {
    /// Frees an object if it is small; keeps it if that would take long.
    pub fn bury(&mut self, object: Option<Box<Object>>) {
        if let Some(object) = object
            && object.weight() > FREED_AT_ONCE
        {
            self.0.push(object);
        }
    }
}

/// Where a key lives.
pub(super) enum At {
    Segment(Pos),
    Spill(Box<[u8]>),
}

impl Db {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Keys held, expired ones that were not reaped yet included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Keys with an expiry.
    #[must_use]
    pub fn expires_len(&self) -> usize {
        self.expires
    }

    /// Hashes that have fields with an expiry.
    #[must_use]
    pub fn field_expires_len(&self) -> usize {
        self.fields.len()
    }

    /// The earliest time at which a field of a hash expires (Unix milliseconds), and the cursor for
    /// [`Db::scan`] that finds the hash.
    #[inline]
    #[must_use]
    pub fn first_field_deadline(&self) -> Option<(i64, u32)> {
        self.fields.first()
    }

    /// Heap bytes of the table itself: directory and segments, without entries.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.directory.memory() + self.spill.memory() + self.fields.memory() + self.scratch.capacity()
    }

    #[must_use]
    #[inline]
    pub fn get(&self, key: &Key<'_>) -> Option<&Entry> {
        let segment = self.directory.get(key.hash)?;
        match segment.find(key) {
            Some(pos) => Some(segment.entry(pos)),
            None if segment.buckets[home(key.hash)].spilled => self.spill.get(key.bytes),
            None => None,
        }
    }

    /// Like [`Db::get`], and replaces the LRU bits by `update` of them, in the same look-up. Not a
    /// change of the value: no snapshot hears of it.
    #[inline]
    pub fn touch(&mut self, key: &Key<'_>, update: impl FnOnce(u32) -> u32) -> Option<&Entry> {
        let segment = self.directory.get_mut(key.hash)?;
        match segment.find(key) {
            Some(pos) => {
                let old = segment.entry(pos).lru();
                let new = update(old);
                if new != old {
                    segment.set_lru(pos, new);
                }
                Some(segment.entry(pos))
            }
            None if segment.buckets[home(key.hash)].spilled => {
                let entry = self.spill.get_mut(key.bytes)?;
                entry.set_lru(update(entry.get().lru()));
                Some(entry.get())
            }
            None => None,
        }
    }

    #[inline]
    pub(super) fn locate(&self, key: &Key<'_>) -> Option<At> {
        let segment = self.directory.get(key.hash)?;
        match segment.find(key) {
            Some(pos) => Some(At::Segment(pos)),
            None if segment.buckets[home(key.hash)].spilled => {
                self.spill.get(key.bytes).map(|e| At::Spill(e.key().into()))
            }
            None => None,
        }
    }

    #[inline]
    pub fn get_mut(&mut self, key: &Key<'_>) -> Option<EntryMut<'_>> {
        let at = self.locate(key)?;
        Some(EntryMut::new(self, key.hash, at))
    }

    /// Sets a string by the rules of SET's encoding (`int` where the bytes are one), with
    /// `expire_at` replacing what stood. True when the key was there.
    pub fn set_string(&mut self, key: &Key<'_>, value: &[u8], expire_at: Option<i64>, lru: u32) -> bool {
        let found = self.edit(key, |entry| {
            let int = parse_int(value);
            if int.is_none() && entry.overwrite(value, expire_at, lru) {
                return None;
            }
            let old = entry.take_object();
            let value = match int {
                Some(n) => NewValue::Int(n),
                None => entry.new_bytes(value, false),
            };
            entry.set(value, expire_at);
            entry.set_lru(lru);
            old
        });
        let was_there = found.is_some();
        if let Some(old) = found {
            self.limbo.bury(old);
        } else {
            let value = match parse_int(value) {
                Some(n) => NewValue::Int(n),
                None => NewValue::copied(key.bytes.len(), value),
            };
            self.insert_new(key, OwnedEntry::new(key.bytes, extra(key.hash), value, expire_at, lru));
        }
        was_there
    }

    /// Puts a value under `key`; what stood there comes back.
    pub fn insert(&mut self, key: &Key<'_>, value: Detached) -> Option<Detached> {
        let old = self.remove(key);
        self.add(key, value);
        old
    }

    /// Puts a value under a key that is not there, as the caller knows: without a look-up.
    pub fn add(&mut self, key: &Key<'_>, value: Detached) {
        debug_assert!(self.get(key).is_none());
        let Detached { mut value, expire_at, lru } = value;
        let new = match value {
            DetachedValue::Int(n) => NewValue::Int(n),
            DetachedValue::Bytes(ref b, raw) if b.len() <= inline_max(key.bytes.len()) => {
                NewValue::Inline(b, raw)
            }
            DetachedValue::Bytes(b, raw) => NewValue::Heap(b, raw),
            DetachedValue::Packed(kind, flag, ref mut b) => NewValue::packed(key.bytes.len(), kind, flag, b),
            DetachedValue::Object(object) => NewValue::Object(object),
        };
        self.insert_new(key, OwnedEntry::new(key.bytes, extra(key.hash), new, expire_at, lru));
    }

    /// Puts a string that is no integer under a key that is not there, as the caller knows.
    pub fn add_text(&mut self, key: &Key<'_>, text: &[u8], expire_at: Option<i64>, lru: u32) {
        debug_assert!(self.get(key).is_none());
        let value = NewValue::copied(key.bytes.len(), text);
        self.insert_new(key, OwnedEntry::new(key.bytes, extra(key.hash), value, expire_at, lru));
    }

    pub fn remove(&mut self, key: &Key<'_>) -> Option<Detached> {
        self.remove_entry(key).map(|mut entry| entry.detach())
    }

    /// Removes a key and frees its value, without copying it out first; a large collection is left in
    /// [`Db::take_limbo`]. True when it was there.
    pub fn discard(&mut self, key: &Key<'_>) -> bool {
        let Some(mut entry) = self.remove_entry(key) else { return false };
        self.limbo.bury(entry.take_object());
        true
    }

    /// Whether objects wait to be freed.
    #[inline]
    #[must_use]
    pub fn has_limbo(&self) -> bool {
        !self.limbo.0.is_empty()
    }

    /// A large object that is in nobody's way any more, to be freed in slices.
    pub fn take_limbo(&mut self) -> Option<Box<Object>> {
        self.limbo.0.pop()
    }

    /// Changes the entry of `key` in place, if it is there.
    #[inline]
    fn edit<R>(&mut self, key: &Key<'_>, change: impl FnOnce(&mut OwnedEntry) -> R) -> Option<R> {
        let at = self.locate(key)?;
        Some(self.edit_at(key.hash, &at, change))
    }

    /// Changes an entry that was located, after whom it may concern has seen it; keeps the counts.
    #[inline]
    pub(super) fn edit_at<R>(&mut self, hash: u64, at: &At, change: impl FnOnce(&mut OwnedEntry) -> R) -> R {
        let segment = located(self.directory.get_mut(hash));
        before_change(segment, hash, self.epoch, &mut self.cut, &self.spill);
        let mut deadlines = (None, None);
        let change = |entry: &mut OwnedEntry| {
            deadlines.0 = entry.get().field_deadline();
            let result = change(entry);
            deadlines.1 = entry.get().field_deadline();
            result
        };
        let result = match at {
            At::Segment(pos) => {
                let before = usize::from(segment.has_ttl(*pos));
                let result = segment.edit(*pos, change);
                self.expires = self.expires + usize::from(segment.has_ttl(*pos)) - before;
                result
            }
            At::Spill(key) => {
                let entry = located(self.spill.get_mut(key));
                let before = usize::from(entry.get().expire_at().is_some());
                let result = change(entry);
                self.expires = self.expires + usize::from(entry.get().expire_at().is_some()) - before;
                result
            }
        };
        self.note_deadline(hash, deadlines.0, deadlines.1);
        result
    }

    /// Keeps the index of fields' deadlines, when that of the entry under `hash` was and is now.
    #[inline]
    fn note_deadline(&mut self, hash: u64, before: Option<i64>, after: Option<i64>) {
        if before != after {
            self.move_deadline(place(hash), before, after);
        }
    }

    #[cold]
    fn move_deadline(&mut self, place: u32, before: Option<i64>, after: Option<i64>) {
        if let Some(ms) = before {
            self.fields.remove(ms, place);
        }
        if let Some(ms) = after {
            self.fields.add(ms, place);
        }
    }

    /// The entry at a place that was located.
    #[inline]
    pub(super) fn entry_at(&self, hash: u64, at: &At) -> &Entry {
        match at {
            At::Segment(pos) => located(self.directory.get(hash)).entry(*pos),
            At::Spill(key) => located(self.spill.get(key)),
        }
    }

    /// Sets the LRU bits, which is no change.
    #[inline]
    pub(super) fn set_lru_at(&mut self, hash: u64, at: &At, lru: u32) {
        match at {
            At::Segment(pos) => located(self.directory.get_mut(hash)).set_lru(*pos, lru),
            At::Spill(key) => located(self.spill.get_mut(key)).set_lru(lru),
        }
    }

    /// Adds the entry of a key that is not there.
    fn insert_new(&mut self, key: &Key<'_>, entry: OwnedEntry) {
        self.revive();
        self.len += 1;
        self.expires += usize::from(entry.get().expire_at().is_some());
        self.note_deadline(key.hash, None, entry.get().field_deadline());
        if let Some(segment) = self.directory.get_mut(key.hash) {
            before_change(segment, key.hash, self.epoch, &mut self.cut, &self.spill);
        }
        let mut placed = Placed::new(entry, key.hash);
        while let Some(segment) = self.directory.get_mut(key.hash) {
            match segment.place(placed) {
                Ok(()) => return,
                Err(back) => placed = back,
            }
            if !self.directory.split(key.hash) {
                break;
            }
        }
        if let Some(segment) = self.directory.get_mut(key.hash) {
            segment.buckets[home(key.hash)].spilled = true;
        }
        self.spill.insert(key, placed.into_entry());
    }

    /// A table that is new gets its first segment; one that is half freed is freed to the end.
    fn revive(&mut self) {
        if self.directory.is_whole() {
            return;
        }
        self.free_slice(usize::MAX);
        self.directory.start();
    }

    fn remove_entry(&mut self, key: &Key<'_>) -> Option<OwnedEntry> {
        let at = self.locate(key)?;
        let entry = self.remove_at(key.hash, &at);
        self.shrink(key.hash, false);
        Some(entry)
    }

    /// Takes out an entry that was located; keeps the counts.
    pub(super) fn remove_at(&mut self, hash: u64, at: &At) -> OwnedEntry {
        let segment = located(self.directory.get_mut(hash));
        before_change(segment, hash, self.epoch, &mut self.cut, &self.spill);
        let entry = match at {
            At::Segment(pos) => segment.remove(*pos),
            At::Spill(key) => located(self.spill.remove(key)),
        };
        self.len -= 1;
        self.expires -= usize::from(entry.get().expire_at().is_some());
        self.note_deadline(hash, entry.get().field_deadline(), None);
        entry
    }

    /// After removals under `hash`: gives memory back. Places located before are void after.
    #[inline]
    pub(super) fn shrink(&mut self, hash: u64, at_once: bool) {
        // While a cut is under way, buddies may differ in what was saved: they merge later.
        if self.cut.is_none() {
            self.directory.maybe_merge(hash, at_once);
        }
    }

    /// Empties the database; what it held comes back, to be freed in slices. A cut under way
    /// goes with it, and must be finished there before anything is freed.
    pub fn take(&mut self) -> Db {
        let mut fresh = Db::new();
        fresh.epoch = self.epoch;
        std::mem::replace(self, fresh)
    }

    /// Frees up to `entries` entries of a database that is garbage (a segment counts as some too);
    /// true when nothing is left. A key that is looked up meanwhile may be gone or not.
    pub fn free_slice(&mut self, entries: usize) -> bool {
        debug_assert!(self.cut.is_none(), "what is freed has been saved");
        let mut left = entries;
        let (len, expires, limbo) = (&mut self.len, &mut self.expires, &mut self.limbo);
        let mut free = |mut entry: OwnedEntry| {
            *len -= 1;
            *expires -= usize::from(entry.get().expire_at().is_some());
            limbo.bury(entry.take_object());
        };
        while left > 0 {
            let Some(segment) = self.directory.last() else { break };
            let held = usize::from(segment.head.len);
            segment.drain(left, &mut free);
            left -= held.min(left);
            if segment.head.len == 0 {
                self.directory.drop_last();
                left = left.saturating_sub(SEGMENT_COST);
            }
        }
        while left > 0
            && let Some(entry) = self.spill.pop()
        {
            free(entry);
            left -= 1;
        }
        self.fields.free_slice(left);
        self.len == 0 && self.directory.is_empty() && self.fields.is_empty()
    }
}

/// A place stays valid from `locate` to its use: nothing changes the table in between.
#[inline]
fn located<T>(found: Option<T>) -> T {
    let Some(found) = found else { unreachable!("the entry was located before") };
    found
}

impl Drop for Db {
    fn drop(&mut self) {
        self.free_slice(usize::MAX);
    }
}
