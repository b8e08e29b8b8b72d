//! A slot: one word that names an entry and remembers 16 bits of its hash.
//!
//! ```text
//!   63       48 47                                 0
//!  +-----------+-----------------------------------+
//!  |    tag    |  address of the entry; all 0: free |
//!  +-----------+-----------------------------------+
//! ```
//!
//! User-space addresses have 47 bits on x86-64 and 48 on AArch64 (more only for a program that
//! asks mmap for them), so the upper 16 are free for the hash's top bits. They rule out most
//! fingerprint collisions without a cache miss, and let a split sort entries without one.

#![allow(unsafe_code)] // Follows tagged pointers.

use super::entry::Entry;
use super::key::{DEPTH_MAX, tag};
use super::owned::OwnedEntry;
use std::ptr::{self, NonNull};

const ADDRESS_BITS: u32 = 48;
const ADDRESS: usize = (1 << ADDRESS_BITS) - 1;
const TAG_BITS: u32 = u16::BITS;

/// A tagged pointer to an entry, or nothing. Copies are names; who owns the entry is the bucket
/// whose `occupied` bit says that the slot is in use.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(super) struct Slot(*mut u8);

const _: () = assert!(size_of::<Slot>() == 8);

// SAFETY: a slot names an entry, which is `Send`; the table that holds the slot owns the entry.
unsafe impl Send for Slot {}

impl Slot {
    pub const EMPTY: Slot = Slot(ptr::null_mut());

    /// Takes an entry over. The slot must be given back to [`Slot::into_owned`] once.
    pub fn new(entry: OwnedEntry, hash: u64) -> Self {
        Self::tagged(entry.into_raw(), tag(hash))
    }

    fn tagged(start: NonNull<u8>, tag: u16) -> Self {
        assert!(start.addr().get() <= ADDRESS, "an address above 48 bits");
        Self(start.as_ptr().map_addr(|a| a | usize::from(tag) << ADDRESS_BITS))
    }

    #[inline]
    pub fn tag(self) -> u16 {
        (self.0.addr() >> ADDRESS_BITS) as u16
    }

    /// Where the entry starts; dangling for an empty slot.
    #[inline]
    pub fn start(self) -> *mut u8 {
        self.0.map_addr(|a| a & ADDRESS)
    }

    /// # Safety
    /// The slot names a live entry, which nobody changes for `'a`.
    #[inline]
    pub unsafe fn entry<'a>(self) -> &'a Entry {
        // SAFETY: the caller's promise; a live entry is not null.
        unsafe { Entry::from_raw(NonNull::new_unchecked(self.start())) }
    }

    /// True when the entry is that of `key`, whose hash has the slot's tag.
    ///
    /// # Safety
    /// The slot names a live entry, which nobody changes meanwhile.
    #[inline]
    pub unsafe fn is_of(self, key: &[u8]) -> bool {
        // SAFETY: the caller's promise; a live entry is not null.
        unsafe { Entry::is_of(NonNull::new_unchecked(self.start()), key) }
    }

    /// # Safety
    /// The slot names a live entry, and is given up by its holder.
    pub unsafe fn into_owned(self) -> OwnedEntry {
        // SAFETY: as above.
        unsafe { OwnedEntry::from_raw(NonNull::new_unchecked(self.start())) }
    }

    /// Lends the entry out for a change that may move it.
    ///
    /// # Safety
    /// The slot names a live entry that nobody else refers to.
    #[inline]
    pub unsafe fn edit<R>(&mut self, change: impl FnOnce(&mut OwnedEntry) -> R) -> R {
        /// Puts the entry back also when `change` panics, so that it is neither lost nor freed twice.
        struct Lent<'a> {
            slot: &'a mut Slot,
            entry: std::mem::ManuallyDrop<OwnedEntry>,
        }
        impl Drop for Lent<'_> {
            fn drop(&mut self) {
                // SAFETY: taken here only, on the way out.
                let entry = unsafe { std::mem::ManuallyDrop::take(&mut self.entry) };
                let start = entry.into_raw();
                if start.as_ptr() != self.slot.start() {
                    *self.slot = Slot::tagged(start, self.slot.tag());
                }
            }
        }
        // SAFETY: the caller's promise.
        let entry = std::mem::ManuallyDrop::new(unsafe { self.into_owned() });
        change(&mut Lent { slot: self, entry }.entry)
    }

    /// The bit of the entry's hash, counted from the top, that a segment of depth `depth` splits by.
    ///
    /// # Safety
    /// The slot names a live entry. It is touched from a depth of 16 on only.
    pub unsafe fn split_bit(self, depth: u32) -> bool {
        debug_assert!(depth < DEPTH_MAX);
        if depth < TAG_BITS {
            self.tag() >> (TAG_BITS - 1 - depth) & 1 == 1
        } else {
            // SAFETY: the caller's promise.
            let extra = unsafe { self.entry() }.hash_extra();
            extra >> (DEPTH_MAX - 1 - depth) & 1 == 1
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::key::extra;
    use super::super::value::NewValue;
    use super::*;

    #[test]
    fn every_split_finds_its_bit() {
        for hash in [0, u64::MAX, 0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210, 1 << 63, 1 << 40] {
            let slot = Slot::new(OwnedEntry::new(b"key", extra(hash), NewValue::Int(1), None, 0), hash);
            for depth in 0..DEPTH_MAX {
                // SAFETY: the entry lives until the end of the loop.
                let bit = unsafe { slot.split_bit(depth) };
                assert_eq!(bit, hash >> (63 - depth) & 1 == 1, "{hash:x} {depth}");
            }
            // SAFETY: the slot is not used any more.
            drop(unsafe { slot.into_owned() });
        }
    }
}
