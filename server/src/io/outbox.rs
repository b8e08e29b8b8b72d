//! What a connection still has to send, and the pool its buffers come from.
//!
//! An [`Outbox`] is a queue of buffers, the first of them partly sent:
//!
//! ```text
//!   head [####sent####|......]   rest [........] [....]
//! ```
//!
//! Nearly always there is one buffer, sent whole, so the first one stands in the struct itself and
//! the queue behind it is not allocated. A small `send` is copied to the end of the buffer
//! before it, so that many of them cost neither a buffer each nor an entry each in the
//! kernel's vector. While the kernel may still read the buffers (`lent`) they are not appended
//! to, only queued behind.
//!
//! A [`Pool`] keeps emptied buffers for [`super::Io::spare`], last in, first out, because that one is
//! still in the cache. It is bounded twice: by the size of a buffer worth keeping, and by the bytes kept.

use std::collections::VecDeque;

/// A `send` up to this size is copied behind the bytes already queued, in bytes.
const JOIN_MAX: usize = 4 << 10;
/// A buffer is not grown beyond this by joining, in bytes.
const JOINED_MAX: usize = 64 << 10;

/// Bytes on their way out, in order.
#[derive(Default)]
pub(super) struct Outbox {
    head: Vec<u8>,
    /// Bytes of `head` that the kernel has taken.
    sent: usize,
    rest: VecDeque<Vec<u8>>,
    /// Bytes not taken yet.
    len: usize,
    /// The kernel may be reading the buffers.
    lent: bool,
}

impl Outbox {
    /// Bytes that the kernel has not taken.
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Tells that the kernel begins or ceases to read the buffers.
    pub fn lend(&mut self, lent: bool) {
        self.lent = lent;
    }

    /// Queues a buffer behind what is there.
    pub fn push(&mut self, bytes: Vec<u8>, pool: &mut Pool) {
        if bytes.is_empty() {
            return pool.put(bytes);
        }
        let new = bytes.len();
        if self.len == 0 {
            self.head = bytes;
        } else {
            let last = self.rest.back_mut().unwrap_or(&mut self.head);
            if !self.lent && new <= JOIN_MAX && last.len() + new <= JOINED_MAX {
                last.extend_from_slice(&bytes);
                pool.put(bytes);
            } else {
                self.rest.push_back(bytes);
            }
        }
        self.len += new;
    }

    /// The unsent bytes, buffer by buffer.
    pub fn chunks(&self) -> impl Iterator<Item = &[u8]> {
        let head = &self.head[self.sent..];
        std::iter::once(head).filter(|head| !head.is_empty()).chain(self.rest.iter().map(Vec::as_slice))
    }

    /// Drops `count` bytes that the kernel has taken. `count` is at most [`Outbox::len`].
    pub fn advance(&mut self, count: usize, pool: &mut Pool) {
        assert!(count <= self.len, "the kernel cannot take more than there is");
        self.len -= count;
        self.sent += count;
        while self.sent >= self.head.len() && !self.head.is_empty() {
            self.sent -= self.head.len();
            pool.put(std::mem::replace(&mut self.head, self.rest.pop_front().unwrap_or_default()));
        }
        debug_assert!(self.len > 0 || (self.sent == 0 && self.rest.is_empty()));
    }

    /// Drops everything. Not to be called while the buffers are lent.
    pub fn clear(&mut self, pool: &mut Pool) {
        assert!(!self.lent, "the kernel still reads these buffers");
        self.advance(self.len, pool);
    }
}

/// A buffer larger than this is freed, not kept, in bytes.
const KEPT_SIZE_MAX: usize = 64 << 10;
/// Bytes of capacity that a pool keeps.
const KEPT_BYTES_MAX: usize = 4 << 20;
/// What a buffer made by the pool begins with, in bytes.
const FRESH_CAPACITY: usize = 512;

/// Emptied buffers, to be filled again.
#[derive(Default)]
pub(super) struct Pool {
    spare: Vec<Vec<u8>>,
    /// The sum of their capacities.
    bytes: usize,
}

impl Pool {
    /// Gives a buffer back; it is kept or freed.
    pub fn put(&mut self, mut buffer: Vec<u8>) {
        let capacity = buffer.capacity();
        if capacity == 0 || capacity > KEPT_SIZE_MAX || self.bytes + capacity > KEPT_BYTES_MAX {
            return;
        }
        buffer.clear();
        self.bytes += capacity;
        self.spare.push(buffer);
    }

    /// An empty buffer.
    pub fn take(&mut self) -> Vec<u8> {
        match self.spare.pop() {
            Some(buffer) => {
                self.bytes -= buffer.capacity();
                buffer
            }
            None => Vec::with_capacity(FRESH_CAPACITY),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever is pushed, taken and lent in whatever order: the bytes come out once, in order.
        #[test]
        fn bytes_leave_once_and_in_order(
            steps in proptest::collection::vec((0usize..9000, 0usize..12_000, any::<bool>()), 1..60)
        ) {
            let (mut outbox, mut pool) = (Outbox::default(), Pool::default());
            let (mut next_in, mut next_out) = (0u64, 0u64);
            for (push, take, lent) in steps {
                outbox.lend(lent);
                let mut buffer = pool.take();
                buffer.extend((next_in..next_in + push as u64).map(|n| n as u8));
                next_in += push as u64;
                outbox.push(buffer, &mut pool);
                prop_assert_eq!(outbox.len() as u64, next_in - next_out);

                let waiting: Vec<u8> = outbox.chunks().flatten().copied().collect();
                prop_assert_eq!(waiting.len(), outbox.len());
                let take = take.min(waiting.len());
                prop_assert!(waiting[..take].iter().zip(next_out..).all(|(byte, n)| *byte == n as u8));
                outbox.lend(false);
                outbox.advance(take, &mut pool);
                next_out += take as u64;
            }
            outbox.clear(&mut pool);
            prop_assert!(outbox.is_empty());
            prop_assert_eq!(outbox.chunks().count(), 0);
        }
    }

    #[test]
    fn small_sends_share_a_buffer_unless_the_kernel_reads_it() {
        let (mut outbox, mut pool) = (Outbox::default(), Pool::default());
        for _ in 0..10 {
            outbox.push(b"0123456789".to_vec(), &mut pool);
        }
        assert_eq!((outbox.chunks().count(), outbox.len()), (1, 100));
        outbox.lend(true);
        outbox.push(b"behind".to_vec(), &mut pool);
        assert_eq!((outbox.chunks().count(), outbox.len()), (2, 106));
    }

    #[test]
    fn the_pool_is_bounded_in_size_and_in_number() {
        let mut pool = Pool::default();
        pool.put(Vec::with_capacity(KEPT_SIZE_MAX + 1));
        assert!(pool.spare.is_empty());
        for _ in 0..1000 {
            pool.put(Vec::with_capacity(KEPT_SIZE_MAX));
        }
        assert_eq!(pool.bytes, KEPT_BYTES_MAX);
        assert_eq!(pool.spare.len(), KEPT_BYTES_MAX / KEPT_SIZE_MAX);
        while !pool.spare.is_empty() {
            pool.take();
        }
        assert_eq!(pool.bytes, 0);
    }
}
