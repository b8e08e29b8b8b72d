//! The allocator: jemalloc, as in Redis. Of three that were measured (`shard/README.md` has the table) it alone
//! keeps five million keys within the goals for memory a key, never stops an insert for more than a
//! millisecond, and frees a slice of a big table in a fraction of one. At P1 to P64 it costs the
//! same CPU a request as mimalloc, within 4 %; mimalloc is 15 % ahead at overwriting values of 1 KiB.
//!
//! Its own figures are what INFO shows. They are sums over its arenas, and are brought up to date by
//! [`refresh`], some tens of microseconds, at each INFO and ten times a second for the peak.
#![allow(unsafe_code)] // control calls of the C library that its crate has no safe form for

use std::ffi::CStr;
use tikv_jemalloc_ctl::{epoch, raw, stats, stats_print, thread, version};
use tikv_jemallocator::Jemalloc;

/// What `main` makes the global allocator.
pub type Allocator = Jemalloc;
/// The one there is.
pub const ALLOCATOR: Allocator = Jemalloc;

/// Brings the figures up to date.
pub fn refresh() {
    let _ = epoch::advance(); // it fails only without statistics, which are built in
}

/// Bytes in all blocks that are allocated.
#[must_use]
pub fn used() -> u64 {
    refresh();
    stats::allocated::read().unwrap_or(0) as u64
}

/// Bytes in pages that hold blocks.
#[must_use]
pub fn active() -> u64 {
    stats::active::read().unwrap_or(0) as u64
}

/// Bytes allocated less bytes freed by the calling thread: close to what the thread holds, as long as
/// few blocks change hands between threads.
#[must_use]
pub fn used_by_this_thread() -> u64 {
    let allocated = thread::allocatedp::read().map_or(0, |p| p.get());
    let freed = thread::deallocatedp::read().map_or(0, |p| p.get());
    allocated.saturating_sub(freed)
}

/// All arenas at once, in the library's control names.
const PURGE_ALL: &CStr = c"arena.4096.purge";

/// Gives unused pages of all threads back to the kernel.
pub fn purge() {
    control(PURGE_ALL);
}

/// Lets the calling thread's arena give back the unused pages that are due, as ten seconds' decay wants it.
/// jemalloc does that by itself, but only while the thread allocates: after a quiet time all that is due
/// would go at once, milliseconds of work within some client's request. Called ten times a second, the
/// portions are small.
pub fn decay() {
    // SAFETY: the control gives the arena's number, an `unsigned`.
    let Ok(arena) = (unsafe { raw::read::<u32>(b"thread.arena\0") }) else { return };
    let name = format!("arena.{arena}.decay\0");
    if let Ok(name) = CStr::from_bytes_with_nul(name.as_bytes()) {
        control(name);
    }
}

fn control(name: &CStr) {
    let none = std::ptr::null_mut();
    // SAFETY: the name is a C string, of a control that takes and gives no value.
    unsafe { tikv_jemalloc_sys::mallctl(name.as_ptr(), none, std::ptr::null_mut(), none, 0) };
}

/// The allocator's name and version, as INFO prints them: `jemalloc-5.3.0`.
#[must_use]
pub fn name() -> String {
    let text = version::read().unwrap_or("unknown");
    format!("jemalloc-{}", text.split('-').next().unwrap_or(text))
}

/// The allocator's own report on the process.
#[must_use]
pub fn report() -> String {
    let mut out = Vec::new();
    let _ = stats_print::stats_print(&mut out, stats_print::Options::default()); // a Vec takes all
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::alloc::{GlobalAlloc, Layout};

    /// Tests run under the system's allocator, so this asks jemalloc for the block itself.
    #[test]
    fn what_is_allocated_is_counted_until_it_is_freed() {
        let layout = Layout::from_size_align(64 << 20, 8).unwrap();
        let (before, mine) = (used(), used_by_this_thread());
        // SAFETY: the layout is not empty, and the block is freed with it, once.
        let block = unsafe { ALLOCATOR.alloc(layout) };
        assert!(used() >= before + (64 << 20) && active() >= 64 << 20);
        assert_eq!(used_by_this_thread() - mine, 64 << 20);
        // SAFETY: as above.
        unsafe { ALLOCATOR.dealloc(block, layout) };
        purge();
        assert!(used() < before + (64 << 20));
        assert_eq!(used_by_this_thread(), mine);
    }

    #[test]
    fn it_says_what_it_is() {
        assert!(name().starts_with("jemalloc-5."), "{}", name());
        assert!(report().contains("allocated"), "{}", report());
    }
}
