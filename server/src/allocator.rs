//! The allocator: mimalloc, with the bytes of every block counted.
//!
//! mimalloc built for speed counts pages but not blocks, and `used_memory` has to be the blocks: it is what
//! `maxmemory` is compared with. So each thread keeps a sum of its own, as Redis's `zmalloc` does since
//! it has I/O threads: one slot a thread, on cache lines of its own, written by that thread alone with a plain
//! load and store, and read by whoever wants the total. A block freed by another thread than its own is
//! counted down there, so that single slots may go below zero; the total stays exact.
//!
//! ```text
//!   alloc  on core 0:  slot 0 += block      used() = sum of all slots
//!   free   on core 1:  slot 1 -= block
//! ```
//!
//! What is counted is the size of mimalloc's block, not what was asked for: [`block_size`] knows its
//! size classes, since asking for them costs more than the count itself. Cost: a load of
//! the thread's slot number, an add, a store: measured, 2.5 ns a call in a loop of nothing else.
#![allow(unsafe_code)] // a global allocator is unsafe by its trait; the rest calls mimalloc's C functions

use libmimalloc_sys as sys;
use mimalloc::MiMalloc;
use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::ffi::{CStr, c_char, c_void};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

/// Threads with a slot of their own; all further ones share the last slot, with locked instructions.
const SLOTS: usize = 256;
const SHARED_SLOT: usize = SLOTS - 1;
const UNCLAIMED: usize = usize::MAX;

#[repr(align(128))]
struct Slot(AtomicI64);

static SUMS: [Slot; SLOTS] = [const { Slot(AtomicI64::new(0)) }; SLOTS];
static CLAIMED: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    // Initialised at compile time and without a destructor: it may be used in the allocator, at any time.
    static SLOT: Cell<usize> = const { Cell::new(UNCLAIMED) };
}

/// mimalloc, counting.
pub struct Counting;

// SAFETY: every call goes to mimalloc's own `GlobalAlloc` with the same arguments; counting neither
// allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract of `alloc`.
        counted(unsafe { MiMalloc.alloc(layout) }, layout.size())
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract of `alloc_zeroed`.
        counted(unsafe { MiMalloc.alloc_zeroed(layout) }, layout.size())
    }

    #[inline]
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        count(-block_size(layout.size()));
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { MiMalloc.dealloc(ptr, layout) }
    }

    #[inline]
    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller keeps the contract of `realloc`.
        let new = unsafe { MiMalloc.realloc(ptr, layout, new_size) };
        if !new.is_null() {
            count(block_size(new_size) - block_size(layout.size()));
        }
        new
    }
}

#[inline]
fn counted(ptr: *mut u8, size: usize) -> *mut u8 {
    if !ptr.is_null() {
        count(block_size(size));
    }
    ptr
}

#[inline]
fn count(bytes: i64) {
    let mut slot = SLOT.get();
    if slot == UNCLAIMED {
        slot = claim();
    }
    let sum = &SUMS[slot % SLOTS].0;
    if slot == SHARED_SLOT {
        sum.fetch_add(bytes, Ordering::Relaxed);
    } else {
        sum.store(sum.load(Ordering::Relaxed) + bytes, Ordering::Relaxed);
    }
}

#[cold]
fn claim() -> usize {
    let slot = CLAIMED.fetch_add(1, Ordering::Relaxed).min(SHARED_SLOT);
    SLOT.set(slot);
    slot
}

/// The bytes of the block that mimalloc gives for `size`: classes of 8 bytes, of multiples of 16
/// up to 128, then four for every doubling; from half a MiB on, whole slices.
#[inline]
fn block_size(size: usize) -> i64 {
    const KIB: usize = 1 << 10;
    const MIB: usize = 1 << 20;
    let step = match size {
        0..=8 => 8,
        // 65 to 128 bytes: steps of 16; 129 to 256: steps of 32; and so on.
        9..=0x8_0000 => ((1usize << (size - 1).ilog2()) >> 2).max(16),
        0x8_0001..0x20_0000 => 64 * KIB,
        0x20_0000..0x80_0000 => 256 * KIB,
        0x80_0000..0x200_0000 => MIB,
        _ => 4 * MIB,
    };
    (size.max(1).wrapping_add(step - 1) & !(step - 1)) as i64
}

/// Bytes in all blocks that are allocated; 0 where another allocator is in use.
#[must_use]
pub fn used() -> u64 {
    let claimed = CLAIMED.load(Ordering::Relaxed).min(SLOTS);
    let sum: i64 = SUMS[..claimed].iter().map(|s| s.0.load(Ordering::Relaxed)).sum();
    u64::try_from(sum).unwrap_or(0)
}

/// Bytes allocated less bytes freed by the calling thread: close to what the thread holds, as long as
/// few blocks change hands between threads.
#[must_use]
pub fn used_by_this_thread() -> u64 {
    let slot = SLOT.get();
    if slot >= SHARED_SLOT {
        return 0;
    }
    u64::try_from(SUMS[slot].0.load(Ordering::Relaxed)).unwrap_or(0)
}

/// Bytes that mimalloc has taken from the kernel and not given back, whether they were touched or not.
#[must_use]
pub fn committed() -> u64 {
    let mut bytes = 0usize;
    let none = null_mut;
    // SAFETY: every out-parameter may be null; `bytes` outlives the call.
    unsafe { sys::mi_process_info(none(), none(), none(), none(), none(), &raw mut bytes, none(), none()) };
    bytes as u64
}

/// Gives the calling thread's unused pages back to the kernel.
pub fn collect() {
    // SAFETY: it takes no pointers, and may be called from any thread.
    unsafe { sys::mi_collect(true) };
}

/// The allocator's name and version, as INFO prints them: `mimalloc-3.3.2`.
#[must_use]
pub fn name() -> String {
    // SAFETY: it reads a constant.
    let v = unsafe { sys::mi_version() };
    format!("mimalloc-{}.{}.{}", v / 10_000, v / 100 % 100, v % 100)
}

/// The allocator's own report on the process.
#[must_use]
pub fn report() -> String {
    unsafe extern "C" fn append(text: *const c_char, to: *mut c_void) {
        // SAFETY: `to` is the string lent below, for the time of the call; mimalloc passes C strings.
        let (to, text) = unsafe { (&mut *to.cast::<String>(), CStr::from_ptr(text)) };
        to.push_str(&text.to_string_lossy());
    }
    let mut out = String::new();
    // SAFETY: `append` takes the string as it is passed, and is called during this call only.
    unsafe { sys::mi_stats_print_out(Some(append), (&raw mut out).cast()) };
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_as_large_as_mimalloc_makes_them() {
        let large = [1 << 20, (5 << 20) + 1, (11 << 20) - 1, (64 << 20) + 1];
        for size in (1..2000).chain((2000..700_000).step_by(997)).chain(large) {
            let layout = Layout::from_size_align(size, 1).unwrap();
            // SAFETY: the layout is not empty, and the block is freed with it.
            let real = unsafe {
                let ptr = MiMalloc.alloc(layout);
                let real = sys::mi_usable_size(ptr.cast());
                MiMalloc.dealloc(ptr, layout);
                real
            };
            assert_eq!(block_size(size), real as i64, "of {size} bytes");
        }
    }

    #[test]
    fn what_is_allocated_is_counted_until_it_is_freed() {
        let layout = Layout::from_size_align(1000, 8).unwrap();
        let before = used_by_this_thread();
        // SAFETY: the block is grown and freed with the layouts it has.
        unsafe {
            let ptr = Counting.alloc(layout);
            assert_eq!(used_by_this_thread() - before, 1024);
            let ptr = Counting.realloc(ptr, layout, 3000);
            assert_eq!(used_by_this_thread() - before, 3072);
            Counting.dealloc(ptr, Layout::from_size_align(3000, 8).unwrap());
        }
        assert_eq!(used_by_this_thread(), before);
    }

    #[test]
    fn the_total_is_right_when_blocks_change_hands() {
        let layout = Layout::from_size_align(1 << 20, 8).unwrap();
        let before = used();
        // SAFETY: allocated here, freed by the other thread, once.
        let address = unsafe { Counting.alloc_zeroed(layout) } as usize;
        assert!(used() >= before + (1 << 20));
        // SAFETY: as above.
        let free = move || unsafe { Counting.dealloc(address as *mut u8, layout) };
        std::thread::spawn(free).join().unwrap();
        assert!(used() < before + (1 << 20));
    }

    #[test]
    fn mimalloc_says_what_it_is() {
        assert!(name().starts_with("mimalloc-3."), "{}", name());
        // SAFETY: the layout is not empty. A thread that has allocated nothing has nothing to report.
        let block = unsafe { MiMalloc.alloc(Layout::new::<u64>()) };
        let text = report();
        assert!(text.contains("committed"), "{text}");
        // SAFETY: allocated above, with this layout.
        unsafe { MiMalloc.dealloc(block, Layout::new::<u64>()) };
        collect();
    }
}
