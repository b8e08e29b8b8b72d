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
//!   of a `Vec<u8>` (of a string one that grows by doubling, so that APPEND of n bytes costs O(n) in
//!   all). A small collection is packed bytes in the same two places; a large one is the
//!   pointer of an [`Object`]. Of a collection bit 5 tells which packed form it has.
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
use super::value::{Detached, DetachedValue, Encoding, Kind, PackedRef, StrRef, ValueRef};
use crate::value::{Object, hash};
use std::ptr::{self, NonNull};

/// Longest string kept inside an entry, bytes: with a 16-byte key, the 256-byte class. Up to there a
/// second allocation would cost 40 bytes more and a cache miss; beyond, moving whole entries
/// whenever a length changes costs more than it saves.
pub(super) const INLINE_MAX: usize = 224;
/// Redis's border between the encodings `embstr` and `raw`, bytes.
const EMBSTR_MAX: usize = 44;
/// Longest key whose length fits the head, bytes.
pub(super) const SHORT_KEY_MAX: usize = u8::MAX as usize;

pub(super) const KIND: u8 = 0b0000_0111;
pub(super) const FORM: u8 = 0b0001_1000;
pub(super) const FORM_INLINE: u8 = 0b0000_0000;
pub(super) const FORM_INT: u8 = 0b0000_1000;
pub(super) const FORM_HEAP: u8 = 0b0001_0000;
pub(super) const FORM_OBJECT: u8 = 0b0001_1000;
pub(super) const RAW: u8 = 0b0010_0000;
pub(super) const EXPIRES: u8 = 0b0100_0000;
pub(super) const LONG: u8 = 0b1000_0000;

pub(super) const HEAD: usize = 8;
pub(super) const LONG_LEN: usize = 4;
pub(super) const EXPIRY: usize = 8;
pub(super) const INT: usize = 8;
pub(super) const HEAP: usize = size_of::<HeapString>();
pub(super) const OBJECT: usize = size_of::<*mut Object>();
pub(super) const ALIGN: usize = 8;

/// The first 8 bytes as one word, so that a look-up reads them with one load.
#[derive(Clone, Copy)]
pub(super) struct Head(pub u64);

/// The parts of a `Vec<u8>`, unaligned in the payload.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct HeapString {
    pub start: *mut u8,
    pub len: usize,
    pub capacity: usize,
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
pub(super) const fn size_of_parts(key_len: usize, expires: bool, payload: usize) -> usize {
    let size = HEAD + if expires { EXPIRY } else { 0 } + key_len + payload;
    size.next_multiple_of(match size {
        0..=64 => ALIGN,
        65..=128 => 16,
        129..=256 => 32,
        _ => 64,
    })
}

/// Allocation size of an entry with a long key, whatever its value.
pub(super) const fn size_of_long(key_len: usize) -> usize {
    (HEAD + LONG_LEN + EXPIRY + key_len + HEAP).next_multiple_of(ALIGN)
}

/// Longest string kept inline beside a key of this length.
pub(super) const fn inline_max(key_len: usize) -> usize {
    if key_len > SHORT_KEY_MAX { HEAP } else { INLINE_MAX }
}

impl Head {
    pub fn new(meta: u8, hash: u8, units: u8, key_len: u8) -> Self {
        Self(u64::from_le_bytes([meta, 0, 0, 0, hash, units, key_len, 0]))
    }

    /// # Safety
    /// `start` points to an entry.
    #[inline]
    pub unsafe fn read(start: NonNull<u8>) -> Self {
        // SAFETY: an entry starts with its head.
        Self(u64::from_le_bytes(unsafe { start.cast::<[u8; HEAD]>().read() }))
    }

    #[inline]
    pub fn meta(self) -> u8 {
        self.0 as u8
    }

    #[inline]
    pub fn has(self, flag: u8) -> bool {
        self.meta() & flag != 0
    }

    #[inline]
    pub fn lru(self) -> u32 {
        (self.0 >> 8) as u32 & 0x00ff_ffff
    }

    pub fn hash(self) -> u8 {
        (self.0 >> 32) as u8
    }

    #[inline]
    pub fn units(self) -> u8 {
        (self.0 >> 40) as u8
    }

    #[inline]
    pub fn key_len(self) -> usize {
        (self.0 >> 48) as usize & 0xff
    }

    #[inline]
    pub fn value_len(self) -> usize {
        (self.0 >> 56) as usize
    }

    #[inline]
    pub fn with_meta(self, meta: u8) -> Self {
        Self(self.0 & !0xff | u64::from(meta))
    }

    #[inline]
    pub fn with_lru(self, lru: u32) -> Self {
        Self(self.0 & !0xffff_ff00 | u64::from(lru & 0x00ff_ffff) << 8)
    }

    pub fn with_units(self, units: u8) -> Self {
        Self(self.0 & !(0xff << 40) | u64::from(units) << 40)
    }

    #[inline]
    pub fn with_value_len(self, len: u8) -> Self {
        Self(self.0 << 8 >> 8 | u64::from(len) << 56)
    }

    /// Where the key starts, bytes from the start of the entry.
    #[inline]
    pub fn key_at(self) -> usize {
        let flag = |mask, size| if self.has(mask) { size } else { 0 };
        HEAD + flag(LONG, LONG_LEN) + flag(EXPIRES, EXPIRY)
    }

    #[inline]
    pub fn payload_len(self) -> usize {
        match self.meta() & FORM {
            FORM_INLINE => self.value_len(),
            FORM_INT => INT,
            FORM_OBJECT => OBJECT,
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
            _ => Kind::String, // 0: the kinds are written as their discriminants
        }
    }

    #[must_use]
    pub fn encoding(&self) -> Encoding {
        match self.value() {
            ValueRef::String(StrRef::Int(_)) => Encoding::Int,
            ValueRef::String(StrRef::Bytes(b)) if b.len() <= EMBSTR_MAX && !self.head().has(RAW) => {
                Encoding::Embstr
            }
            ValueRef::String(_) => Encoding::Raw,
            ValueRef::Packed(packed) => Encoding::of_packed(packed.kind, packed.flag),
            ValueRef::Object(object) => object.encoding(),
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

    /// When the first field of a hash expires, Unix milliseconds.
    #[inline]
    #[must_use]
    pub fn field_deadline(&self) -> Option<i64> {
        let meta = self.head().meta();
        let may_have = meta & KIND == Kind::Hash as u8 && (meta & RAW != 0 || meta & FORM == FORM_OBJECT);
        if may_have { hash::first_deadline(self.value()) } else { None }
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
        let meta = self.head().meta();
        if meta & KIND != 0 {
            return None;
        }
        if meta & FORM == FORM_INT {
            return Some(StrRef::Int(i64::from_le_bytes(*self.payload().first_chunk()?)));
        }
        self.bytes().map(StrRef::Bytes)
    }

    /// The bytes of a string or a packed collection; `None` of integers and objects.
    #[inline]
    fn bytes(&self) -> Option<&[u8]> {
        if self.head().meta() & FORM == FORM_INLINE {
            return Some(self.payload());
        }
        let heap = self.heap()?;
        // SAFETY: the parts are those of a live Vec that this entry owns.
        Some(unsafe { std::slice::from_raw_parts(heap.start, heap.len) })
    }

    /// A collection that is stored as packed bytes.
    #[inline]
    #[must_use]
    pub fn packed(&self) -> Option<PackedRef<'_>> {
        let kind = self.kind();
        if kind == Kind::String {
            return None;
        }
        Some(PackedRef { kind, flag: self.head().has(RAW), bytes: self.bytes()? })
    }

    /// A collection that is stored as an object.
    #[inline]
    #[must_use]
    pub fn object(&self) -> Option<&Object> {
        let object = self.object_ptr()?;
        // SAFETY: this entry owns the object, and is borrowed.
        Some(unsafe { &*object })
    }

    pub(super) fn object_ptr(&self) -> Option<*mut Object> {
        if self.head().meta() & FORM != FORM_OBJECT {
            return None;
        }
        // SAFETY: in this form the payload is a pointer, written by `put_value`.
        Some(unsafe { self.payload().as_ptr().cast::<*mut Object>().read_unaligned() })
    }

    /// The value, of whatever kind.
    #[must_use]
    pub fn value(&self) -> ValueRef<'_> {
        if let Some(string) = self.string() {
            return ValueRef::String(string);
        }
        match self.object() {
            Some(object) => ValueRef::Object(object),
            None => ValueRef::Packed(self.packed().unwrap_or(PackedRef {
                kind: self.kind(),
                flag: false,
                bytes: &[],
            })),
        }
    }

    pub(super) fn heap(&self) -> Option<HeapString> {
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
        let value = match self.value() {
            ValueRef::String(StrRef::Int(n)) => DetachedValue::Int(n),
            ValueRef::String(StrRef::Bytes(b)) => DetachedValue::Bytes(b.to_vec(), self.head().has(RAW)),
            ValueRef::Packed(p) => DetachedValue::Packed(p.kind, p.flag, p.bytes.to_vec()),
            ValueRef::Object(object) => DetachedValue::Object(Box::new(object.clone())),
        };
        Detached { value, expire_at: self.expire_at(), lru: self.lru() }
    }

    /// Heap bytes of key, value and entry, as asked of the allocator. Of a large collection
    /// `samples` elements are looked at and stand for the rest; 0 looks at all.
    #[must_use]
    pub fn memory(&self, samples: usize) -> usize {
        let head = self.head();
        let own =
            if head.has(LONG) { size_of_long(self.key().len()) } else { usize::from(head.units()) * ALIGN };
        own + self.heap().map_or(0, |h| h.capacity) + self.object().map_or(0, |o| o.memory(samples))
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
pub(super) unsafe fn key_len(start: NonNull<u8>, head: Head) -> usize {
    if head.has(LONG) {
        // SAFETY: a long entry has its length behind the head.
        u32::from_le_bytes(unsafe { start.add(HEAD).cast::<[u8; LONG_LEN]>().read() }) as usize
    } else {
        head.key_len()
    }
}
