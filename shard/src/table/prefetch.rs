//! Asking the cache for what a look-up will read, a whole batch ahead.
//!
//! A turn of the core's loop knows all its keys before it runs the first command. Three passes
//! over the batch (hash and [`Db::prefetch_bucket`]; [`Db::prefetch_entry`]; execute) overlap
//! the cache misses of up to some tens of keys, instead of waiting for each one.

#![allow(unsafe_code)] // Prefetch instructions, and addresses of segments not read yet.

use super::db::Db;
use super::key::{home, print, tag};
use super::segment::HOMES;

/// Brings the cache line at `address` near, some time. Any address is fine: none faults.
#[inline]
pub(super) fn prefetch(address: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint; it reads nothing that the program could see.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(address.cast());
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: as above.
    unsafe {
        std::arch::asm!("prfm pldl1keep, [{0}]", in(reg) address, options(nostack, preserves_flags, readonly));
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let _ = address;
}

/// Asks the cache for a slice that another core has written, but for no more than its first `lines` lines of
/// 64 bytes: the rest follows by itself, once one reads on.
#[inline]
pub fn prefetch_slice<T>(slice: &[T], lines: usize) {
    let start: *const u8 = slice.as_ptr().cast();
    for line in 0..size_of_val(slice).div_ceil(64).min(lines) {
        prefetch(start.wrapping_add(line * 64));
    }
}

impl Db {
    /// Asks the cache for the home bucket of `hash`: both its lines.
    #[inline]
    pub fn prefetch_bucket(&self, hash: u64) {
        if let Some(segment) = self.directory.address(hash) {
            // SAFETY: the directory names live segments; the place is computed, not read.
            let bucket = unsafe { &raw const (*segment).buckets[home(hash)] }.cast::<u8>();
            prefetch(bucket);
            prefetch(bucket.wrapping_add(64));
        }
    }

    /// Asks the cache for the entries that the home bucket (by now in the cache) and its neighbour
    /// name for `hash`: as a rule one, or none for a key that is not there.
    #[inline]
    pub fn prefetch_entry(&self, hash: u64) {
        let Some(segment) = self.directory.get(hash) else { return };
        let at = home(hash);
        let bucket = &segment.buckets[at];
        let own = bucket.matches(print(hash)).slots() & bucket.own();
        bucket.prefetch_entries(own, tag(hash));
        if own == 0 && bucket.away != 0 {
            let door = &segment.buckets[if at + 1 == HOMES { 0 } else { at + 1 }];
            door.prefetch_entries(door.matches(print(hash)).slots() & door.guests(), tag(hash));
        }
    }
}

impl super::bucket::Bucket {
    #[inline]
    fn prefetch_entries(&self, mask: u16, tag: u16) {
        for i in super::bucket::bits(mask) {
            if self.slots[i].tag() == tag {
                // An entry is 16-byte aligned at best: a value of 64 bytes lies in two lines.
                let start = self.slots[i].start();
                prefetch(start);
                prefetch(start.wrapping_add(64));
            }
        }
    }
}
