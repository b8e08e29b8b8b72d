//! Changing an entry that is there: the value, the expiry, the LRU bits. Its key stays.
//!
//! A change may move the entry to a larger or smaller allocation; the slot follows. LRU bits are
//! no change in the sense of snapshots and versions: a read sets them too.

use super::db::{At, Db};
use super::entry::{Entry, inline_max};
use super::owned::OwnedEntry;
use super::value::{NewValue, StrRef};
use crate::value::Collection;
use std::io::Write;

/// The scratch buffer is given back to the allocator beyond this size, bytes.
const SCRATCH_MAX: usize = 1024;

/// An entry that may be changed. Its key stays.
pub struct EntryMut<'a> {
    db: &'a mut Db,
    hash: u64,
    at: At,
}

impl<'a> EntryMut<'a> {
    pub(super) fn new(db: &'a mut Db, hash: u64, at: At) -> Self {
        Self { db, hash, at }
    }

    #[must_use]
    pub fn entry(&self) -> &Entry {
        self.db.entry_at(self.hash, &self.at)
    }

    fn change<R>(&mut self, change: impl FnOnce(&mut OwnedEntry) -> R) -> R {
        self.db.edit_at(self.hash, &self.at, change)
    }

    /// Replaces a value by an integer (encoding `int`).
    pub fn set_int(&mut self, n: i64) {
        self.change(|entry| entry.set_value(NewValue::Int(n)));
    }

    /// Replaces a value by bytes; encoding `embstr` up to 44 bytes, else `raw`.
    pub fn set_bytes(&mut self, b: &[u8]) {
        self.change(|entry| {
            let value = entry.new_bytes(b, false);
            entry.set_value(value);
        });
    }

    /// Edits the string as a growable buffer (APPEND, SETRANGE, SETBIT); it shows as `raw` after.
    /// A buffer that outgrew the entry stays a buffer, so that n appends cost O(n) in all.
    pub fn edit_raw<R>(&mut self, edit: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        let mut scratch = std::mem::take(&mut self.db.scratch);
        scratch.clear();
        let result = self.change(|entry| {
            let mut bytes = match entry.take_heap() {
                Some(bytes) => bytes,
                None => {
                    copy_short(entry.get(), &mut scratch);
                    std::mem::take(&mut scratch)
                }
            };
            let result = edit(&mut bytes);
            if bytes.len() <= inline_max(entry.get().key().len()) {
                entry.set_value(NewValue::Inline(&bytes, true));
                scratch = bytes;
            } else {
                entry.set_value(NewValue::Heap(bytes, true));
            }
            result
        });
        if scratch.capacity() <= SCRATCH_MAX {
            self.db.scratch = scratch;
        }
        result
    }

    /// Edits a collection of type `C`, which the value must be ([`Entry::kind`]), in whatever form it is
    /// stored; true beside the result if it is empty after. It stays where it is, empty: removing it is
    /// the caller's.
    pub fn edit_collection<C: Collection, R>(&mut self, edit: impl FnOnce(&mut C) -> R) -> (R, bool) {
        let mut scratch = std::mem::take(&mut self.db.scratch);
        scratch.clear();
        let result = self.change(|entry| edit_entry(entry, &mut scratch, edit));
        if scratch.capacity() <= SCRATCH_MAX {
            self.db.scratch = scratch;
        }
        result
    }

    /// Sets or clears the expiry (Unix milliseconds).
    pub fn set_expire(&mut self, at: Option<i64>) {
        self.change(|entry| entry.set_expire(at));
    }

    /// Replaces the 24 LRU/LFU bits by `update` of them.
    #[inline]
    pub fn touch(&mut self, update: impl FnOnce(u32) -> u32) {
        let old = self.entry().lru();
        let new = update(old);
        if new != old {
            self.set_lru(new);
        }
    }

    /// The 24 LRU/LFU bits.
    pub fn set_lru(&mut self, lru: u32) {
        self.db.set_lru_at(self.hash, &self.at, lru);
    }
}

fn edit_entry<C: Collection, R>(
    entry: &mut OwnedEntry,
    scratch: &mut Vec<u8>,
    edit: impl FnOnce(&mut C) -> R,
) -> (R, bool) {
    debug_assert_eq!(entry.get().kind(), C::KIND);
    if let Some(collection) = entry.object_mut().and_then(C::of_mut) {
        let result = edit(collection);
        let is_empty = collection.is_empty();
        if let Some((mut bytes, flag)) = collection.take_packed() {
            entry.take_object();
            let key_len = entry.get().key().len();
            entry.set_value(NewValue::packed(key_len, C::KIND, flag, &mut bytes));
        }
        return (result, is_empty);
    }
    let flag = entry.get().packed().is_some_and(|p| p.flag);
    let bytes = entry.take_heap().unwrap_or_else(|| {
        scratch.extend_from_slice(entry.get().packed().map_or(&[], |p| p.bytes));
        std::mem::take(scratch)
    });
    let mut collection = C::from_packed(bytes, flag);
    let result = edit(&mut collection);
    let is_empty = collection.is_empty();
    match collection.take_packed() {
        Some((mut bytes, flag)) => {
            let key_len = entry.get().key().len();
            entry.set_value(NewValue::packed(key_len, C::KIND, flag, &mut bytes));
            *scratch = bytes;
        }
        None => entry.set_value(NewValue::Object(Box::new(collection.into_object()))),
    }
    (result, is_empty)
}

/// Appends the text of a value that lies in its entry.
fn copy_short(entry: &Entry, to: &mut Vec<u8>) {
    match entry.string() {
        Some(StrRef::Int(n)) => {
            // Writing to a Vec never fails.
            let _ = write!(to, "{n}");
        }
        Some(StrRef::Bytes(b)) => to.extend_from_slice(b),
        None => {}
    }
}
