//! One key and its value, in one allocation.
//!
//! ```text
//!  byte 0    1..4   4      5      6        7          8
//!  +------+--------+------+-----+--------+----------+---------+--------+-----+---------+
//!  | meta | lru 24 | hash | cap | keylen | valuelen | long 4? | exp 8? | key | payload |
//!  +------+--------+------+-----+--------+----------+---------+--------+-----+---------+
//!  meta: bit 7 long key | 6 has expiry | 5 shows as raw | 4..3 form | 2..0 kind
//! ```
//!
//! - `cap` is the size of the allocation in units of 8 bytes, so that a value of another length
//!   can overwrite this one in place, without the allocator, wherever it fits (and would not
//!   waste most of it);
//! - a key over 255 bytes is *long*: its length takes 4 more bytes, and the allocation has a
//!   fixed shape (room for an expiry and 24 bytes of payload) that follows from the length alone;
//! - the payload is 8 bytes of integer, up to [`INLINE_MAX`] bytes of string, or the three words
//!   of a `Vec<u8>` that grows by doubling, so that APPEND of n bytes costs O(n) in all. Form 3 of
//!   the two bits is free for the pointer of a list, set or other object.
//!
//! A look-up that hits reads the first line of the entry; a 16-byte key with a value of up to 40
//! bytes is that line alone. 3 bytes under a 16-byte key take 27 bytes: the 32-byte class of
//! any allocator.
//!
//! `Entry` is unsized (head + tail), so that `&Entry` is a wide pointer whose length comes from
//! the head: the reference covers exactly the initialised bytes, no more.
//!
//! Why not `struct { Box<[u8]>, enum }`: three allocations and two or three more cache misses a look-up,
//! and at least 60 more bytes a key.

#![allow(unsafe_code)] // Lays out an allocation of variable shape by hand.

use super::hash::words;
use super::value::{Detached, DetachedValue, Encoding, Kind, NewValue, StrRef};
use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::mem::ManuallyDrop;
use std::ptr::{self, NonNull};

/// Longest string kept inside an entry, bytes: with a 16-byte key, the 256-byte class. Up to there a
/// second allocation would cost 40 bytes more and a cache miss; beyond, moving whole entries
/// whenever a length changes costs more than it saves.
pub(super) const INLINE_MAX: usize = 224;
/// Redis's border between the encodings `embstr` and `raw`, bytes.
const EMBSTR_MAX: usize = 44;
/// Longest key whose length fits the head, bytes.
const SHORT_KEY_MAX: usize = u8::MAX as usize;

const KIND: u8 = 0b0000_0111;
const FORM: u8 = 0b0001_1000;
const FORM_INLINE: u8 = 0b0000_0000;
const FORM_INT: u8 = 0b0000_1000;
const FORM_HEAP: u8 = 0b0001_0000;
const RAW: u8 = 0b0010_0000;
const EXPIRES: u8 = 0b0100_0000;
const LONG: u8 = 0b1000_0000;

const HEAD: usize = 8;
const LONG_LEN: usize = 4;
const EXPIRY: usize = 8;
const INT: usize = 8;
const HEAP: usize = size_of::<HeapString>();
const ALIGN: usize = 8;
/// What may lie idle behind a value that was overwritten by a shorter one, bytes, beside a
/// quarter of the allocation.
const SLACK: usize = 24;

/// The first 8 bytes as one word, so that a look-up reads them with one load.
#[derive(Clone, Copy)]
struct Head(u64);

/// The parts of a `Vec<u8>`, unaligned in the payload.
#[derive(Clone, Copy)]
#[repr(C)]
struct HeapString {
    start: *mut u8,
    len: usize,
    capacity: usize,
}

const _: () = assert!(size_of::<Head>() == HEAD && HEAP == 24);
// The largest short entry must be expressible in units.
const _: () = assert!(size_of_parts(SHORT_KEY_MAX, true, INLINE_MAX) <= u8::MAX as usize * ALIGN);

/// One key and its value in the table.
#[repr(C)]
pub struct Entry {
    head: [u8; HEAD],
    tail: [u8],
}

/// Allocation size of a short-key entry with these parts: rounded up as jemalloc and mimalloc would
/// do anyway, so that the entry knows of the room and can grow into it.
const fn size_of_parts(key_len: usize, expires: bool, payload: usize) -> usize {
    let size = HEAD + if expires { EXPIRY } else { 0 } + key_len + payload;
    size.next_multiple_of(match size {
        0..=64 => ALIGN,
        65..=128 => 16,
        129..=256 => 32,
        _ => 64,
    })
}

/// Allocation size of an entry with a long key, whatever its value.
const fn size_of_long(key_len: usize) -> usize {
    (HEAD + LONG_LEN + EXPIRY + key_len + HEAP).next_multiple_of(ALIGN)
}

/// Longest string kept inline beside a key of this length.
pub(super) const fn inline_max(key_len: usize) -> usize {
    if key_len > SHORT_KEY_MAX { HEAP } else { INLINE_MAX }
}

impl Head {
    fn new(meta: u8, hash: u8, units: u8, key_len: u8) -> Self {
        Self(u64::from_le_bytes([meta, 0, 0, 0, hash, units, key_len, 0]))
    }

    /// # Safety
    /// `start` points to an entry.
    #[inline]
    unsafe fn read(start: NonNull<u8>) -> Self {
        // SAFETY: an entry starts with its head.
        Self(u64::from_le_bytes(unsafe { start.cast::<[u8; HEAD]>().read() }))
    }

    #[inline]
    fn meta(self) -> u8 {
        self.0 as u8
    }

    #[inline]
    fn has(self, flag: u8) -> bool {
        self.meta() & flag != 0
    }

    #[inline]
    fn lru(self) -> u32 {
        (self.0 >> 8) as u32 & 0x00ff_ffff
    }

    fn hash(self) -> u8 {
        (self.0 >> 32) as u8
    }

    #[inline]
    fn units(self) -> u8 {
        (self.0 >> 40) as u8
    }

    #[inline]
    fn key_len(self) -> usize {
        (self.0 >> 48) as usize & 0xff
    }

    #[inline]
    fn value_len(self) -> usize {
        (self.0 >> 56) as usize
    }

    #[inline]
    fn with_meta(self, meta: u8) -> Self {
        Self(self.0 & !0xff | u64::from(meta))
    }

    #[inline]
    fn with_lru(self, lru: u32) -> Self {
        Self(self.0 & !0xffff_ff00 | u64::from(lru & 0x00ff_ffff) << 8)
    }

    fn with_units(self, units: u8) -> Self {
        Self(self.0 & !(0xff << 40) | u64::from(units) << 40)
    }

    #[inline]
    fn with_value_len(self, len: u8) -> Self {
        Self(self.0 << 8 >> 8 | u64::from(len) << 56)
    }

    /// Where the key starts, bytes from the start of the entry.
    #[inline]
    fn key_at(self) -> usize {
        let flag = |mask, size| if self.has(mask) { size } else { 0 };
        HEAD + flag(LONG, LONG_LEN) + flag(EXPIRES, EXPIRY)
    }

    #[inline]
    fn payload_len(self) -> usize {
        match self.meta() & FORM {
            FORM_INLINE => self.value_len(),
            FORM_INT => INT,
            _ => HEAP,
        }
    }
}

impl Entry {
    /// # Safety
    /// `start` points to an entry laid out by this module, alive and not written to for `'a`.
    #[inline]
    pub(super) unsafe fn from_raw<'a>(start: NonNull<u8>) -> &'a Entry {
        // SAFETY: the caller's promise; every byte from the start of an entry to the end of its payload is
        // initialised.
        unsafe {
            let head = Head::read(start);
            let used = head.key_at() + key_len(start, head) + head.payload_len();
            &*(ptr::slice_from_raw_parts(start.as_ptr(), used - HEAD) as *const Entry)
        }
    }

    /// True when the entry at `start` is that of `key`: [`Entry::key`] without the detour over the
    /// length of the whole entry, for the one place where each instruction counts.
    ///
    /// # Safety
    /// `start` points to an entry, alive and not written to meanwhile.
    #[inline]
    pub(super) unsafe fn is_of(start: NonNull<u8>, key: &[u8]) -> bool {
        // SAFETY: the caller's promise; a short key of `key_len` bytes lies at `key_at`.
        unsafe {
            let head = Head::read(start);
            if head.has(LONG) {
                return Entry::from_raw(start).key() == key;
            }
            let at = if head.has(EXPIRES) { HEAD + EXPIRY } else { HEAD };
            let own = std::slice::from_raw_parts(start.add(at).as_ptr(), head.key_len());
            same(own, key)
        }
    }

    #[inline]
    fn head(&self) -> Head {
        Head(u64::from_le_bytes(self.head))
    }

    #[inline]
    #[must_use]
    pub fn key(&self) -> &[u8] {
        let head = self.head();
        &self.tail[head.key_at() - HEAD..self.tail.len() - head.payload_len()]
    }

    #[inline]
    fn payload(&self) -> &[u8] {
        &self.tail[self.tail.len() - self.head().payload_len()..]
    }

    #[must_use]
    pub fn kind(&self) -> Kind {
        match self.head().meta() & KIND {
            1 => Kind::List,
            2 => Kind::Set,
            3 => Kind::ZSet,
            4 => Kind::Hash,
            5 => Kind::Stream,
            _ => Kind::String,
        }
    }

    #[must_use]
    pub fn encoding(&self) -> Encoding {
        match self.string() {
            Some(StrRef::Int(_)) => Encoding::Int,
            Some(StrRef::Bytes(b)) if b.len() <= EMBSTR_MAX && !self.head().has(RAW) => Encoding::Embstr,
            _ => Encoding::Raw,
        }
    }

    /// Unix milliseconds, or `None` for a key that stays.
    #[inline]
    #[must_use]
    pub fn expire_at(&self) -> Option<i64> {
        if !self.head().has(EXPIRES) {
            return None;
        }
        let at = self.head().key_at() - HEAD - EXPIRY;
        self.tail[at..].first_chunk().map(|b| i64::from_le_bytes(*b))
    }

    #[inline]
    #[must_use]
    pub fn lru(&self) -> u32 {
        self.head().lru()
    }

    /// `None` when the value is not a string.
    #[inline]
    #[must_use]
    pub fn string(&self) -> Option<StrRef<'_>> {
        let payload = self.payload();
        Some(match self.head().meta() & FORM {
            FORM_INLINE => StrRef::Bytes(payload),
            FORM_INT => StrRef::Int(i64::from_le_bytes(*payload.first_chunk()?)),
            _ => {
                let heap = self.heap()?;
                // SAFETY: the parts are those of a live Vec that this entry owns.
                StrRef::Bytes(unsafe { std::slice::from_raw_parts(heap.start, heap.len) })
            }
        })
    }

    fn heap(&self) -> Option<HeapString> {
        if self.head().meta() & FORM != FORM_HEAP {
            return None;
        }
        let at = self.payload();
        debug_assert_eq!(at.len(), HEAP);
        // SAFETY: in this form the payload is the three words, written by `put_value`.
        Some(unsafe { at.as_ptr().cast::<HeapString>().read_unaligned() })
    }

    /// A copy of the value, for COPY and DUMP.
    #[must_use]
    pub fn detached(&self) -> Detached {
        let value = match self.string() {
            Some(StrRef::Int(n)) => DetachedValue::Int(n),
            Some(StrRef::Bytes(b)) => DetachedValue::Bytes(b.to_vec(), self.head().has(RAW)),
            None => DetachedValue::Bytes(Vec::new(), false),
        };
        Detached { value, expire_at: self.expire_at(), lru: self.lru() }
    }

    /// Heap bytes of key, value and entry, as asked of the allocator.
    #[must_use]
    pub fn memory(&self) -> usize {
        let head = self.head();
        let own =
            if head.has(LONG) { size_of_long(self.key().len()) } else { usize::from(head.units()) * ALIGN };
        own + self.heap().map_or(0, |h| h.capacity)
    }

    /// The bits of the hash kept here, below the slot's tag.
    pub(super) fn hash_extra(&self) -> u8 {
        self.head().hash()
    }
}

/// Equality of two keys. Up to 16 bytes, which most keys have, without a call.
#[inline]
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && if a.len() <= 16 { words(a) == words(b) } else { a == b }
}

/// # Safety
/// `start` points to an entry whose head is `head`.
#[inline]
unsafe fn key_len(start: NonNull<u8>, head: Head) -> usize {
    if head.has(LONG) {
        // SAFETY: a long entry has its length behind the head.
        u32::from_le_bytes(unsafe { start.add(HEAD).cast::<[u8; LONG_LEN]>().read() }) as usize
    } else {
        head.key_len()
    }
}

/// The owner of an entry: dropping it frees the entry and its value.
pub(super) struct OwnedEntry(NonNull<u8>);

// SAFETY: it owns plain bytes and a Vec<u8>, nothing of the thread it was made in.
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
        let simple = head.meta() & (LONG | FORM) == FORM_INLINE && head.has(EXPIRES) == expire_at.is_some();
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

    /// The heap buffer of a long string, taken out; the value is empty after.
    pub fn take_heap(&mut self) -> Option<Vec<u8>> {
        let heap = self.get().heap()?;
        let head = self.head();
        self.set_head(head.with_meta(head.meta() & !FORM | FORM_INLINE).with_value_len(0));
        // SAFETY: the parts were those of a Vec; the entry has just forgotten them.
        Some(unsafe { Vec::from_raw_parts(heap.start, heap.len, heap.capacity) })
    }

    /// The value moved out, with expiry and LRU bits; the key remains, with an empty value.
    pub fn detach(&mut self) -> Detached {
        let raw = self.head().has(RAW);
        match self.take_heap() {
            None => self.get().detached(),
            Some(bytes) => {
                let entry = self.get();
                let value = DetachedValue::Bytes(bytes, raw);
                Detached { value, expire_at: entry.expire_at(), lru: entry.lru() }
            }
        }
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
        let head = self.head();
        self.set_head(head.with_meta(head.meta() & !(FORM | RAW)).with_value_len(0));
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
        let (form, value_len, raw) = match &value {
            NewValue::Int(_) => (FORM_INT, 0, false),
            NewValue::Inline(b, raw) => (FORM_INLINE, b.len() as u8, *raw),
            NewValue::Heap(_, raw) => (FORM_HEAP, 0, *raw),
        };
        let start = head.key_at() + self.key_len();
        debug_assert!(head.meta() & FORM == FORM_INLINE && start + value.payload_len() <= self.capacity());
        // SAFETY: `payload_len` bytes from `start` lie within the allocation.
        unsafe {
            let at = self.0.add(start);
            match value {
                NewValue::Int(n) => at.cast().write(n.to_le_bytes()),
                NewValue::Inline(b, _) => at.copy_from_nonoverlapping(NonNull::from(b).cast(), b.len()),
                NewValue::Heap(b, _) => {
                    let mut b = ManuallyDrop::new(b);
                    let parts = HeapString { start: b.as_mut_ptr(), len: b.len(), capacity: b.capacity() };
                    at.cast::<HeapString>().write_unaligned(parts);
                }
            }
        }
        let meta = head.meta() & !(FORM | RAW) | form | if raw { RAW } else { 0 };
        self.set_head(head.with_meta(meta).with_value_len(value_len));
    }
}

impl Drop for OwnedEntry {
    fn drop(&mut self) {
        drop(self.take_heap());
        // SAFETY: this owns the allocation, of that size.
        unsafe { release(self.0, self.capacity()) }
    }
}

impl<'a> NewValue<'a> {
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
            NewValue::Inline(b, _) => b.len(),
            NewValue::Heap(..) => HEAP,
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
