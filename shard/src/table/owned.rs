//! The owner of an entry: builds it, changes it in place or in a new allocation, frees it.
//!
//! Every change goes through the same three steps: let go of the old value, [`OwnedEntry::fit`] the
//! allocation, write. `fit` keeps the allocation wherever the new shape fits in and would not leave most of
//! it idle, so that values of about one size are overwritten without the allocator. The commonest
//! change of all, a short string over a short string, has a way of its own ([`OwnedEntry::overwrite`]).
//!
//! Invariant: at every step the head describes initialised bytes, so that a panic in between (an
//! edit of the caller's) leaves an entry that can be read and freed.

#![allow(unsafe_code)] // Lays out an allocation of variable shape by hand.

use super::entry::{
    ALIGN, EXPIRES, EXPIRY, Entry, FORM, FORM_HEAP, FORM_INLINE, FORM_INT, FORM_OBJECT, HEAD, HEAP, Head,
    HeapString, INLINE_MAX, INT, KIND, LONG, OBJECT, RAW, SHORT_KEY_MAX, inline_max, key_len, size_of_long,
    size_of_parts,
};
use super::value::{Detached, DetachedValue, Kind, NewValue};
use crate::value::Object;
use persist::packed::size_class;
use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::mem::ManuallyDrop;
use std::ptr::NonNull;

/// What may lie idle behind a value that was overwritten by a shorter one, bytes, beside a
/// quarter of the allocation.
const SLACK: usize = 24;

/// The owner of an entry: dropping it frees the entry and its value.
pub(super) struct OwnedEntry(NonNull<u8>);

// SAFETY: it owns plain bytes, and a Vec<u8> or a Box<Object>, which are Send.
unsafe impl Send for OwnedEntry {}

impl OwnedEntry {
    /// Builds an entry. `lru` keeps its low 24 bits.
    pub fn new(key: &[u8], hash: u8, value: NewValue<'_>, expire_at: Option<i64>, lru: u32) -> Self {
        assert!(u32::try_from(key.len()).is_ok(), "a key is at most 512 MiB");
        let long = key.len() > SHORT_KEY_MAX;
        let size = if long {
            size_of_long(key.len())
        } else {
            size_of_parts(key.len(), expire_at.is_some(), value.payload_len())
        };
        let meta = if long { LONG } else { 0 } | if expire_at.is_some() { EXPIRES } else { 0 };
        let (units, key_len) = if long { (0, 0) } else { ((size / ALIGN) as u8, key.len() as u8) };
        let head = Head::new(meta, hash, units, key_len).with_lru(lru);
        let mut this = Self(allocate(size));
        // SAFETY: `size` has room for the head, the long length, the expiry and the key.
        unsafe {
            this.0.cast().write(head.0.to_le_bytes());
            if long {
                this.0.add(HEAD).cast().write((key.len() as u32).to_le_bytes());
            }
            this.0.add(head.key_at()).copy_from_nonoverlapping(NonNull::from(key).cast(), key.len());
        }
        if let Some(at) = expire_at {
            this.put_expiry(at);
        }
        this.put_value(value);
        this
    }

    /// # Safety
    /// `start` came from [`Self::into_raw`] and is not owned by anyone else.
    pub unsafe fn from_raw(start: NonNull<u8>) -> Self {
        Self(start)
    }

    pub fn into_raw(self) -> NonNull<u8> {
        ManuallyDrop::new(self).0
    }

    #[inline]
    pub fn get(&self) -> &Entry {
        // SAFETY: this owns the entry.
        unsafe { Entry::from_raw(self.0) }
    }

    #[inline]
    fn head(&self) -> Head {
        // SAFETY: this owns an entry.
        unsafe { Head::read(self.0) }
    }

    #[inline]
    fn set_head(&mut self, head: Head) {
        // SAFETY: every entry starts with its head.
        unsafe { self.0.cast().write(head.0.to_le_bytes()) }
    }

    fn key_len(&self) -> usize {
        // SAFETY: this owns the entry.
        unsafe { key_len(self.0, self.head()) }
    }

    /// Size of the allocation, bytes.
    fn capacity(&self) -> usize {
        let head = self.head();
        if head.has(LONG) { size_of_long(self.key_len()) } else { usize::from(head.units()) * ALIGN }
    }

    pub fn set_lru(&mut self, lru: u32) {
        self.set_head(self.head().with_lru(lru));
    }

    /// Replaces an inline string by another and the LRU bits, where nothing else has to change: same
    /// presence of an expiry, same allocation. False, and nothing done, otherwise.
    #[inline]
    pub fn overwrite(&mut self, bytes: &[u8], expire_at: Option<i64>, lru: u32) -> bool {
        let head = self.head();
        let simple =
            head.meta() & (LONG | FORM | KIND) == FORM_INLINE && head.has(EXPIRES) == expire_at.is_some();
        let start = head.key_at() + head.key_len();
        let capacity = usize::from(head.units()) * ALIGN;
        let end = start + bytes.len();
        if !simple || bytes.len() > INLINE_MAX || end > capacity || capacity - end > SLACK {
            return false;
        }
        if let Some(at) = expire_at {
            self.put_expiry(at);
        }
        // SAFETY: `start..end` lies within the allocation, behind the key.
        unsafe { self.0.add(start).copy_from_nonoverlapping(NonNull::from(bytes).cast(), bytes.len()) };
        let meta = head.meta() & !RAW;
        self.set_head(head.with_meta(meta).with_lru(lru).with_value_len(bytes.len() as u8));
        true
    }

    /// Replaces value and expiry; key, LRU bits and, where it fits, the allocation stay.
    pub fn set(&mut self, value: NewValue<'_>, expire_at: Option<i64>) {
        self.drop_value();
        self.fit(expire_at.is_some(), value.payload_len());
        self.shape_expiry(expire_at.is_some());
        if let Some(at) = expire_at {
            self.put_expiry(at);
        }
        self.put_value(value);
    }

    /// Replaces the value; the expiry stays.
    pub fn set_value(&mut self, value: NewValue<'_>) {
        self.drop_value();
        self.fit(self.head().has(EXPIRES), value.payload_len());
        self.put_value(value);
    }

    /// Sets or clears the expiry; the value stays.
    pub fn set_expire(&mut self, expire_at: Option<i64>) {
        self.fit(expire_at.is_some(), self.head().payload_len());
        self.shape_expiry(expire_at.is_some());
        if let Some(at) = expire_at {
            self.put_expiry(at);
        }
    }

    /// The object of a large collection, taken out; an empty string is left.
    pub fn take_object(&mut self) -> Option<Box<Object>> {
        let object = self.get().object_ptr()?;
        self.forget_value();
        // SAFETY: the pointer was that of a Box; the entry has just forgotten it.
        Some(unsafe { Box::from_raw(object) })
    }

    /// The object of a large collection, to be changed.
    pub fn object_mut(&mut self) -> Option<&mut Object> {
        let object = self.get().object_ptr()?;
        // SAFETY: this owns the entry and its object, and is borrowed for as long as the reference lives.
        Some(unsafe { &mut *object })
    }

    /// Makes the value an empty inline string, without a look at what it was.
    fn forget_value(&mut self) {
        let head = self.head();
        self.set_head(head.with_meta(head.meta() & !(FORM | RAW | KIND) | FORM_INLINE).with_value_len(0));
    }

    /// The heap buffer of a long string or packed collection, taken out; the value is empty after.
    pub fn take_heap(&mut self) -> Option<Vec<u8>> {
        let heap = self.get().heap()?;
        let head = self.head();
        self.set_head(head.with_meta(head.meta() & !FORM | FORM_INLINE).with_value_len(0));
        // SAFETY: the parts were those of a Vec; the entry has just forgotten them.
        Some(unsafe { Vec::from_raw_parts(heap.start, heap.len, heap.capacity) })
    }

    /// The value moved out, with expiry and LRU bits; the key remains, with an empty value.
    pub fn detach(&mut self) -> Detached {
        let (raw, kind) = (self.head().has(RAW), self.get().kind());
        let value = match (self.take_heap(), kind) {
            (Some(bytes), Kind::String) => DetachedValue::Bytes(bytes, raw),
            (Some(bytes), kind) => DetachedValue::Packed(kind, raw, bytes),
            (None, _) => match self.take_object() {
                Some(object) => DetachedValue::Object(object),
                None => return self.get().detached(),
            },
        };
        let entry = self.get();
        Detached { value, expire_at: entry.expire_at(), lru: entry.lru() }
    }

    /// A string to be stored here next: a long one in the heap buffer that is here already, if
    /// that has about the right size. The old value is lost.
    pub fn new_bytes<'a>(&mut self, bytes: &'a [u8], raw: bool) -> NewValue<'a> {
        if bytes.len() <= inline_max(self.key_len()) {
            return NewValue::Inline(bytes, raw);
        }
        let fits = |b: &Vec<u8>| b.capacity() >= bytes.len() && b.capacity() / 2 <= bytes.len();
        let mut buffer = self.take_heap().filter(fits).unwrap_or_else(|| Vec::with_capacity(bytes.len()));
        buffer.clear();
        buffer.extend_from_slice(bytes);
        NewValue::Heap(buffer, raw)
    }

    /// Leaves the empty string.
    fn drop_value(&mut self) {
        drop(self.take_heap());
        drop(self.take_object());
        self.forget_value();
    }

    /// Makes the allocation fit for an expiry (or none) and a payload of `payload` bytes, and
    /// not wastefully large. What the entry holds stays, and must fit too.
    fn fit(&mut self, expires: bool, payload: usize) {
        let head = self.head();
        if head.has(LONG) {
            debug_assert!(payload <= HEAP);
            return;
        }
        let key_len = head.key_len();
        let held = size_of_parts(key_len, head.has(EXPIRES), head.payload_len());
        let need = size_of_parts(key_len, expires, payload).max(held);
        let capacity = self.capacity();
        if need <= capacity && capacity - need <= SLACK + capacity / 4 {
            return;
        }
        let new = allocate(need);
        // SAFETY: the first `used` bytes are initialised in the old allocation, and fit the new one.
        unsafe {
            let used = head.key_at() + key_len + head.payload_len();
            new.copy_from_nonoverlapping(self.0, used);
            release(self.0, capacity);
        }
        self.0 = new;
        self.set_head(head.with_units((need / ALIGN) as u8));
    }

    /// Opens or closes the 8 bytes of the expiry by moving key and payload.
    fn shape_expiry(&mut self, expires: bool) {
        let old = self.head();
        if old.has(EXPIRES) == expires {
            return;
        }
        let new = old.with_meta(old.meta() ^ EXPIRES);
        let len = self.key_len() + old.payload_len();
        debug_assert!(new.key_at() + len <= self.capacity());
        // SAFETY: `fit` made room for both shapes.
        unsafe {
            if expires {
                // No byte of the tail is ever uninitialised, even before `put_expiry`.
                let (from, to) = (self.0.add(old.key_at()), self.0.add(new.key_at()));
                from.copy_to(to, len);
                from.write_bytes(0, EXPIRY);
            } else {
                self.0.add(old.key_at()).copy_to(self.0.add(new.key_at()), len);
            }
        }
        self.set_head(new);
    }

    fn put_expiry(&mut self, at: i64) {
        let head = self.head();
        debug_assert!(head.has(EXPIRES));
        // SAFETY: an entry with the flag has 8 bytes before its key.
        unsafe { self.0.add(head.key_at() - EXPIRY).cast().write(at.to_le_bytes()) }
    }

    /// Writes the payload over an empty one that owns nothing; `fit` made the room.
    fn put_value(&mut self, value: NewValue<'_>) {
        let head = self.head();
        let (kind, form, value_len, raw) = match &value {
            NewValue::Int(_) => (Kind::String, FORM_INT, 0, false),
            NewValue::Inline(b, raw) => (Kind::String, FORM_INLINE, b.len() as u8, *raw),
            NewValue::Heap(_, raw) => (Kind::String, FORM_HEAP, 0, *raw),
            NewValue::PackedInline(kind, b, flag) => (*kind, FORM_INLINE, b.len() as u8, *flag),
            NewValue::PackedHeap(kind, _, flag) => (*kind, FORM_HEAP, 0, *flag),
            NewValue::Object(object) => (object.kind(), FORM_OBJECT, 0, false),
        };
        let start = head.key_at() + self.key_len();
        debug_assert!(head.meta() & FORM == FORM_INLINE && start + value.payload_len() <= self.capacity());
        // SAFETY: `payload_len` bytes from `start` lie within the allocation.
        unsafe {
            let at = self.0.add(start);
            match value {
                NewValue::Int(n) => at.cast().write(n.to_le_bytes()),
                NewValue::Inline(b, _) | NewValue::PackedInline(_, b, _) => {
                    at.copy_from_nonoverlapping(NonNull::from(b).cast(), b.len());
                }
                NewValue::Object(object) => {
                    at.cast::<*mut Object>().write_unaligned(Box::into_raw(object));
                }
                NewValue::Heap(b, _) | NewValue::PackedHeap(_, b, _) => {
                    let mut b = ManuallyDrop::new(b);
                    let parts = HeapString { start: b.as_mut_ptr(), len: b.len(), capacity: b.capacity() };
                    at.cast::<HeapString>().write_unaligned(parts);
                }
            }
        }
        let meta = head.meta() & !(FORM | RAW | KIND) | kind as u8 | form | if raw { RAW } else { 0 };
        self.set_head(head.with_meta(meta).with_value_len(value_len));
    }
}

impl Drop for OwnedEntry {
    fn drop(&mut self) {
        drop(self.take_heap());
        drop(self.take_object());
        // SAFETY: this owns the allocation, of that size.
        unsafe { release(self.0, self.capacity()) }
    }
}

impl<'a> NewValue<'a> {
    /// Packed bytes to be stored beside a key of this length: inline if short, else in a buffer of about their
    /// size. `bytes` is emptied if its buffer is kept.
    pub(super) fn packed(key_len: usize, kind: Kind, flag: bool, bytes: &'a mut Vec<u8>) -> Self {
        if bytes.len() <= inline_max(key_len) {
            return NewValue::PackedInline(kind, bytes, flag);
        }
        let class = size_class(bytes.len());
        let buffer = if bytes.capacity() > class {
            let mut exact = Vec::with_capacity(class);
            exact.extend_from_slice(bytes);
            exact
        } else {
            std::mem::take(bytes)
        };
        NewValue::PackedHeap(kind, buffer, flag)
    }

    /// A string to be stored beside a key of this length: inline if short, else a copy.
    pub(super) fn copied(key_len: usize, bytes: &'a [u8]) -> Self {
        if bytes.len() <= inline_max(key_len) {
            NewValue::Inline(bytes, false)
        } else {
            NewValue::Heap(bytes.to_vec(), false)
        }
    }

    fn payload_len(&self) -> usize {
        match self {
            NewValue::Int(_) => INT,
            NewValue::Inline(b, _) | NewValue::PackedInline(_, b, _) => b.len(),
            NewValue::Heap(..) | NewValue::PackedHeap(..) => HEAP,
            NewValue::Object(_) => OBJECT,
        }
    }
}

fn layout(size: usize) -> Layout {
    debug_assert!(size >= HEAD && size.is_multiple_of(ALIGN));
    // SAFETY: ALIGN is a power of two, and sizes stay far below isize::MAX: a key is at most 4 GiB.
    unsafe { Layout::from_size_align_unchecked(size, ALIGN) }
}

fn allocate(size: usize) -> NonNull<u8> {
    let layout = layout(size);
    // SAFETY: the layout is not empty.
    NonNull::new(unsafe { alloc(layout) }).unwrap_or_else(|| handle_alloc_error(layout))
}

/// # Safety
/// `start` came from `allocate(size)`.
unsafe fn release(start: NonNull<u8>, size: usize) {
    // SAFETY: the caller's promise.
    unsafe { dealloc(start.as_ptr(), layout(size)) }
}
