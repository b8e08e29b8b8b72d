//! The directory: the top bits of a hash to the segment that holds it.
//!
//! ```text
//!  depth 2:   00 ----> segment A (depth 1: all hashes that begin with 0)
//!             01 ----/
//!             10 ----> segment B (depth 2)
//!             11 ----> segment C (depth 2)
//! ```
//!
//! A segment of depth d stands in 2^(depth - d) neighbouring places. When it is full it
//! splits in two of depth d + 1; only if it stood in one place alone does the directory double,
//! which copies pointers (8 bytes for some 600 keys) and touches no segment. Two buddies that are
//! nearly empty merge; when no segment needs the last two bits any more, the directory halves.
//!
//! Bounds: the depth is at most 24 bits, and there are at most [`PLACES_PER_SEGMENT`] places for a
//! segment, so that keys chosen to collide in their top bits cannot blow the directory up
//! (they go to `spill.rs` instead).
//!
//! While a database is garbage, its segments leave from the end: places beyond the end mean "no
//! such key".

#![allow(unsafe_code)] // Owns segments by pointer.

use super::key::{DEPTH_MAX, prefix};
use super::segment::{self, SEGMENT_SLOTS, Segment, SegmentRef};
use std::ptr::NonNull;

/// Most directory places for a segment, on average.
const PLACES_PER_SEGMENT: usize = 64;
/// Buddies merge when what they hold fills at most this share of one segment: far from full, so
/// that a merge and a split do not alternate.
const MERGED_LEN_MAX: usize = SEGMENT_SLOTS / 2;
/// A segment looks for its buddy at every so many entries less.
const MERGE_STEP: u16 = 32;

#[derive(Default)]
pub(super) struct Directory {
    places: Vec<SegmentRef>,
    depth: u32,
    segments: usize,
    /// How many segments there are of each depth.
    of_depth: [u32; DEPTH_MAX as usize + 1],
}

// SAFETY: the directory owns its segments; they hold plain data and entries, which are `Send`.
unsafe impl Send for Directory {}

impl Directory {
    #[inline]
    fn index(&self, hash: u64) -> usize {
        (hash >> 1 >> (63 - self.depth)) as usize
    }

    /// The segment for `hash`; `None` in a table that is empty or being freed.
    #[inline]
    pub fn get(&self, hash: u64) -> Option<&Segment> {
        let segment = self.places.get(self.index(hash))?;
        // SAFETY: places name live segments, which the directory owns.
        Some(unsafe { segment.as_ref() })
    }

    #[inline]
    pub fn get_mut(&mut self, hash: u64) -> Option<&mut Segment> {
        let index = self.index(hash);
        // SAFETY: as above; `self` is borrowed exclusively.
        Some(unsafe { self.places.get_mut(index)?.as_mut() })
    }

    /// Where the segment for `hash` lies, for a prefetch.
    #[inline]
    pub fn address(&self, hash: u64) -> Option<*const Segment> {
        self.places.get(self.index(hash)).map(|s| s.as_ptr().cast_const())
    }

    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// True when there is a segment for every hash: not in a new table, nor in one half freed.
    #[inline]
    pub fn is_whole(&self) -> bool {
        self.places.len() == 1 << self.depth
    }

    /// Makes the first segment.
    pub fn start(&mut self) {
        debug_assert!(self.is_empty());
        self.places.push(segment::allocate());
        self.depth = 0;
        self.segments = 1;
        self.of_depth[0] = 1;
    }

    /// The segment that holds the 24-bit `prefix`, and the prefix where the next one begins (2^24
    /// after the last).
    pub fn at_prefix(&self, at: u32) -> Option<(&Segment, u32)> {
        let segment = self.get(u64::from(at) << (64 - DEPTH_MAX))?;
        let size = 1u32 << (DEPTH_MAX - segment.head.depth);
        Some((segment, (at & !(size - 1)) + size))
    }

    /// True when the place that `random`'s top bits choose is the first of its segment: accepting
    /// only these makes the choice uniform over segments.
    pub fn is_first_place(&self, random: u64) -> bool {
        let span = self.get(random).map_or(1, |s| 1usize << (self.depth - s.head.depth));
        self.index(random) & (span - 1) == 0
    }

    /// Heap bytes of directory and segments.
    pub fn memory(&self) -> usize {
        self.places.capacity() * size_of::<SegmentRef>() + self.segments * size_of::<Segment>()
    }

    pub fn segments(&self) -> usize {
        self.segments
    }

    /// Splits the segment for `hash`; false when its entries cannot be told apart any further.
    pub fn split(&mut self, hash: u64) -> bool {
        let Some(segment) = self.get(hash) else { return false };
        let depth = segment.head.depth;
        if depth == DEPTH_MAX || (depth == self.depth && !self.double()) {
            return false;
        }
        let Some(segment) = self.get_mut(hash) else { return false };
        let twin = segment.split();
        let (start, span) = self.span(hash, depth);
        self.places[start + span / 2..start + span].fill(twin);
        self.segments += 1;
        self.of_depth[depth as usize] -= 1;
        self.of_depth[depth as usize + 1] += 2;
        true
    }

    /// The places of a segment of depth `depth` that holds `hash`: the first, and how many.
    fn span(&self, hash: u64, depth: u32) -> (usize, usize) {
        let span = 1 << (self.depth - depth);
        (self.index(hash) & !(span - 1), span)
    }

    fn double(&mut self) -> bool {
        if self.places.len() * 2 > self.segments * PLACES_PER_SEGMENT {
            return false;
        }
        let mut doubled = Vec::with_capacity(self.places.len() * 2);
        doubled.extend(self.places.iter().flat_map(|&s| [s, s]));
        self.places = doubled;
        self.depth += 1;
        true
    }

    /// After a removal: merges the segment for `hash` with its buddy if both are nearly empty.
    /// Looks at every 32nd removal only, unless `at_once`, and does one merge at most.
    #[inline]
    pub fn maybe_merge(&mut self, hash: u64, at_once: bool) {
        if let Some(segment) = self.get(hash)
            && usize::from(segment.head.len) <= MERGED_LEN_MAX / 2
            && (at_once || segment.head.len.is_multiple_of(MERGE_STEP))
        {
            self.merge(hash);
        }
    }

    #[cold]
    fn merge(&mut self, hash: u64) {
        let Some(segment) = self.get(hash) else { return };
        let depth = segment.head.depth;
        if depth == 0 {
            return;
        }
        let buddy_hash = hash ^ 1 << (64 - depth);
        let Some(buddy) = self.get(buddy_hash) else { return };
        let len = usize::from(segment.head.len) + usize::from(buddy.head.len);
        if buddy.head.depth != depth || len > MERGED_LEN_MAX {
            return;
        }
        let Some(both) = segment.merged(buddy) else { return };
        let old = [NonNull::from(segment), NonNull::from(buddy)];
        let (start, span) = self.span(hash, depth - 1);
        self.places[start..start + span].fill(both);
        for segment in old {
            // SAFETY: no place names it any more; its entries live on in `both`.
            unsafe { segment::release(segment) }
        }
        self.segments -= 1;
        self.of_depth[depth as usize] -= 2;
        self.of_depth[depth as usize - 1] += 1;
        self.maybe_halve();
    }

    /// Halves the directory when even half would have places to spare: not at the first
    /// chance, so that a split right after does not double it again.
    fn maybe_halve(&mut self) {
        let depth = self.depth as usize;
        if depth >= 2 && self.of_depth[depth] == 0 && self.of_depth[depth - 1] == 0 {
            self.places = self.places.iter().copied().step_by(2).collect();
            self.depth -= 1;
        }
    }

    /// The last segment of a database that is garbage, to be emptied.
    pub fn last(&mut self) -> Option<&mut Segment> {
        // SAFETY: places name live segments, and `self` is borrowed exclusively.
        Some(unsafe { self.places.last_mut()?.as_mut() })
    }

    /// Frees the last segment, which must be empty.
    pub fn drop_last(&mut self) {
        let Some(&last) = self.places.last() else { return };
        // SAFETY: a place names a live segment.
        let head = unsafe { last.as_ref() }.head;
        assert_eq!(head.len, 0, "a segment is emptied before it is freed");
        let span = 1usize << (self.depth - head.depth);
        self.places.truncate(self.places.len() - span);
        self.segments -= 1;
        self.of_depth[head.depth as usize] -= 1;
        // SAFETY: its places are gone.
        unsafe { segment::release(last) };
        if self.places.is_empty() {
            self.places = Vec::new();
        }
    }
}

/// The first hash of the segments that begin at a prefix.
pub(super) fn first_hash(at: u32) -> u64 {
    u64::from(at) << (64 - DEPTH_MAX)
}

/// True when both hashes belong to one segment of depth `depth`.
pub(super) fn same_segment(a: u64, b: u64, depth: u32) -> bool {
    u64::from(prefix(a ^ b)) >> (DEPTH_MAX - depth) == 0
}

#[cfg(test)]
impl Directory {
    /// Panics unless every segment stands where its depth says, and holds together.
    pub fn check(&self) {
        let mut counts = [0; DEPTH_MAX as usize + 1];
        let mut at = 0;
        while at < self.places.len() {
            // SAFETY: places name live segments.
            let segment = unsafe { self.places[at].as_ref() };
            segment.check();
            let span = 1 << (self.depth - segment.head.depth);
            assert_eq!(at % span, 0);
            assert!(self.places[at..at + span].iter().all(|&p| p == self.places[at]));
            counts[segment.head.depth as usize] += 1;
            at += span;
        }
        assert_eq!(counts, self.of_depth);
        assert_eq!(counts.iter().sum::<u32>() as usize, self.segments);
        assert!(self.places.is_empty() || self.places.len() == 1 << self.depth);
    }
}
