//! The allocator: jemalloc, as in Redis. Of three that were measured (`shard/README.md` has the table) it alone
//! keeps five million keys within the goals for memory a key, never stops an insert for more than a
//! millisecond, and frees a slice of a big table in a fraction of one. At P1 to P64 it costs the
//! same CPU a request as mimalloc, within 4 %; mimalloc is 15 % ahead at overwriting values of 1 KiB.
//!
//! Its own figures are what INFO shows. They are sums over its arenas, and are brought up to date by
//! [`refresh`], some tens of microseconds, at each INFO and ten times a second for the peak.
#![allow(unsafe_code)] // control calls of the C library that its crate has no safe form for

use rustix::process::Pid;
use std::ffi::{CStr, c_char};
use tikv_jemalloc_ctl::{
    background_thread, epoch, max_background_threads, stats, stats_print, thread, version,
};
use tikv_jemallocator::Jemalloc;

/// What `main` makes the global allocator.
pub type Allocator = Jemalloc;
/// The one there is.
pub const ALLOCATOR: Allocator = Jemalloc;

/// What the allocator reads before its first allocation.
///
/// *slab_sizes*: of blocks whose size is a power of two it takes as few pages at a time as fill up evenly, one, which for
/// 512 bytes is 8 blocks and for 1024 is 4; and each such slab costs 128 bytes of bookkeeping and a walk
/// through its page lists. With larger ones, such as it takes itself for sizes in between, 200,000 sorted sets of 50
/// (in blocks of 512 bytes) save 14 bytes a key, and 100,000 lists of 100 (of 1024) save 30.
#[used]
#[unsafe(export_name = "_rjem_malloc_conf")]
static OPTIONS: Options = Options(c"slab_sizes:256-256:4|512-512:8|1024-1024:16|2048-2048:16".as_ptr());

/// A C string that lives as long as the process.
#[repr(transparent)]
struct Options(*const c_char);

// SAFETY: what it points to is constant.
unsafe impl Sync for Options {}

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

/// The name jemalloc gives its thread.
const BACKGROUND: &str = "jemalloc_bg_thd";
/// The lowest priority there is.
const NICE_MAX: i32 = 19;

/// Leaves giving back unused pages to a thread of the allocator's own. Otherwise it is the cores that do
/// it, some percent of all that was freed at a time: 10 ms within some client's request after 5 million
/// keys were flushed. To be called once there will be no more fork.
///
/// # Errors
/// The allocator's reason.
pub fn purge_in_background() -> Result<(), String> {
    max_background_threads::write(1).map_err(|e| e.to_string())?;
    background_thread::write(true).map_err(|e| e.to_string())
}

/// Lets that thread run only where no core wants to, also when the server was started under a real-time
/// policy, which new threads inherit: giving back the pages of a large value is up to 10 ms of work, and at the
/// priority of a core that would wait for it. False: there is none (yet).
#[must_use]
pub fn calm_background_thread() -> bool {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let is_ours = |path: &std::path::Path| {
        std::fs::read_to_string(path.join("comm")).is_ok_and(|comm| comm.trim_end() == BACKGROUND)
    };
    let found = tasks.filter(|task| is_ours(&task.path()));
    let ids = found.filter_map(|task| task.file_name().to_str()?.parse().ok());
    let calm =
        |id: i32| share_time(id) && rustix::process::setpriority_process(Pid::from_raw(id), NICE_MAX).is_ok();
    ids.map(calm).fold(false, |any, one| any | one)
}

/// Puts a thread under the policy that shares the CPU by niceness. False: there is no such thread.
fn share_time(thread: i32) -> bool {
    let parameters = libc::sched_param { sched_priority: 0 };
    // SAFETY: the parameters outlive the call, which reads them only.
    unsafe { libc::sched_setscheduler(thread, libc::SCHED_OTHER, &raw const parameters) == 0 }
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
