//! The ring of provided buffers that receives pick from.
//!
//! ```text
//!   | ring: count entries of 16 bytes, to a page | buffer 0 | buffer 1 | … |
//! ```
//!
//! One mapping. The kernel takes the buffer at the head of the ring when bytes have come, and the completion names
//! it; its bytes are scanned at once and the buffer goes back to the tail. So a few buffers serve any number
//! of connections. When a burst takes them all, a receive ends with ENOBUFS and is armed again.
#![allow(unsafe_code)] // Memory shared with the kernel, and its mapping.

use io_uring::IoUring;
use io_uring::types::BufRingEntry;
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};
use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, Ordering};

/// The group by which receives name this ring of buffers.
pub(super) const GROUP: u16 = 0;

const PAGE: usize = 4096;

/// Buffers that the kernel fills and the load empties.
pub(super) struct Buffers {
    base: NonNull<u8>,
    /// Bytes mapped; 0 once they are left to the kernel.
    mapped: usize,
    count: u16,
    size: usize,
    /// Entries ever published; the kernel reads its copy at the start of the ring.
    tail: u16,
}

impl Buffers {
    /// Maps `count` buffers (a power of two, at most 32,768) of `size` bytes. Errors: mmap(2)'s.
    pub fn new(count: u16, size: usize) -> io::Result<Buffers> {
        assert!(count.is_power_of_two() && size > 0);
        let mapped = Self::ring_bytes(count) + usize::from(count) * size;
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a fresh anonymous mapping, at an address of the kernel's choice.
        let base = unsafe { mmap_anonymous(std::ptr::null_mut(), mapped, access, MapFlags::PRIVATE)? };
        let base = NonNull::new(base.cast()).ok_or_else(|| io::Error::from_raw_os_error(libc::ENOMEM))?;
        let mut buffers = Buffers { base, mapped, count, size, tail: 0 };
        (0..count).for_each(|buffer| buffers.give_back(buffer));
        Ok(buffers)
    }

    /// Bytes of the entries, rounded up to whole pages.
    fn ring_bytes(count: u16) -> usize {
        (usize::from(count) * size_of::<BufRingEntry>()).next_multiple_of(PAGE)
    }

    /// Makes the buffers known to a ring, which must not outlive them.
    pub fn register(&self, ring: &IoUring) -> io::Result<()> {
        let (address, count) = (self.base.as_ptr() as u64, self.count);
        // SAFETY: the mapping begins with `count` entries on a page boundary, and the owner of
        // both drops (or leaks) these buffers after the ring.
        unsafe { ring.submitter().register_buf_ring_with_flags(address, count, GROUP, 0) }
    }

    fn address(&self, buffer: u16) -> NonNull<u8> {
        assert!(buffer < self.count);
        // SAFETY: within the mapping, as `buffer` is less than `count`.
        unsafe { self.base.add(Self::ring_bytes(self.count) + usize::from(buffer) * self.size) }
    }

    /// The first `len` bytes of a buffer that a completion named and that was not given back yet.
    pub fn bytes(&self, buffer: u16, len: usize) -> &[u8] {
        assert!(len <= self.size);
        // SAFETY: within the mapping, initialised (mapped zeroed, then written by the kernel), and
        // the kernel does not write to it again before `give_back`, which needs `&mut self`.
        unsafe { std::slice::from_raw_parts(self.address(buffer).as_ptr(), len) }
    }

    /// Offers a buffer to the kernel again.
    pub fn give_back(&mut self, buffer: u16) {
        let (address, size) = (self.address(buffer).as_ptr() as u64, self.size as u32);
        let entries: NonNull<BufRingEntry> = self.base.cast();
        // SAFETY: an entry of the ring at the start of the mapping. At most `count` buffers exist,
        // so the kernel has consumed what this entry held before.
        let entry = unsafe { entries.add(usize::from(self.tail & (self.count - 1))).as_mut() };
        entry.set_addr(address);
        entry.set_len(size);
        entry.set_bid(buffer);
        self.tail = self.tail.wrapping_add(1);
        // SAFETY: the tail lies in the first entry, in a field that `set_*` leave alone; the kernel
        // reads it concurrently, so it is stored atomically, after the entry.
        unsafe { AtomicU16::from_ptr(BufRingEntry::tail(entries.as_ptr()).cast_mut()) }
            .store(self.tail, Ordering::Release);
    }

    /// Keeps the memory mapped for ever: the kernel may still write to it.
    pub fn leak(&mut self) {
        self.mapped = 0;
    }
}

impl Drop for Buffers {
    fn drop(&mut self) {
        if self.mapped == 0 {
            return;
        }
        // SAFETY: the mapping made in `new`; the ring that used it is gone.
        let unmapped = unsafe { munmap(self.base.as_ptr().cast(), self.mapped) };
        debug_assert!(unmapped.is_ok());
    }
}
