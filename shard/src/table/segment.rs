//! A segment: 63 buckets that fill, split and merge as one, in 8 KiB.
//!
//! ```text
//!  +------+----------+----------+--   --+-----------+---------+--   --+---------+
//!  | head | bucket 0 | bucket 1 |  ...  | bucket 58 | stash 0 |  ...  | stash 3 |
//!  +------+----------+----------+--   --+-----------+---------+--   --+---------+
//! ```
//!
//! An entry goes to its home bucket, else as a guest to the next one (the last one's next is
//! the first), else room is made by moving a guest home or a neighbour's own entry one further,
//! else to the stash. When all that fails the segment is full, as a rule at 85 % to 95 % of its 756
//! slots (`tests.rs` holds the whole table to it), and must split.
//!
//! Invariants (checked by [`Segment::check`] in tests):
//! - an entry lives at home, next door with its guest bit and counted in the home's `away`, or in
//!   the stash with its home in `Head::stash_home` and a note or a count in `rest` there;
//! - `len` counts the occupied slots, `ttl_len` the ttl bits.
//!
//! The size is a size class of every allocator we know (8192), so that nothing is lost to rounding;
//! a split copies those 8 KiB and sorts bits: some 11 microseconds, whatever the size of the table.
//! Larger segments would fill a little more evenly, and split longer.

#![allow(unsafe_code)] // Slots name entries; a segment is allocated zeroed.

use super::bucket::{Bucket, SLOTS, bits};
use super::entry::Entry;
use super::key::{DEPTH_MAX, Key, hash_of, home, print, tag};
use super::owned::OwnedEntry;
use super::prefetch::prefetch;
use super::slot::Slot;
use std::alloc::{Layout, alloc, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;

/// Buckets that are a home.
pub(super) const HOMES: usize = 59;
/// Buckets for what fits neither at home nor next door.
pub(super) const STASH: usize = 4;
pub(super) const BUCKETS: usize = HOMES + STASH;
/// Entries that a segment has room for.
pub(super) const SEGMENT_SLOTS: usize = BUCKETS * SLOTS;

#[repr(C, align(128))]
#[derive(Clone, Copy)]
pub(super) struct Head {
    /// How many top bits of the hash all entries here share.
    pub depth: u32,
    pub len: u16,
    /// Entries with an expiry.
    pub ttl_len: u16,
    stash_home: [u8; STASH * SLOTS],
}

#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Segment {
    pub head: Head,
    pub buckets: [Bucket; BUCKETS],
}

const _: () = assert!(size_of::<Segment>() == 8192);
const _: () = assert!(HOMES <= u8::MAX as usize && STASH == 4);
const LAYOUT: Layout = Layout::new::<Segment>();

/// Where an entry lies in its segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Pos {
    pub bucket: u8,
    pub slot: u8,
}

impl Pos {
    #[inline]
    fn new(bucket: usize, slot: usize) -> Self {
        Self { bucket: bucket as u8, slot: slot as u8 }
    }
}

/// An entry between two places: what a bucket must know of it. Whoever holds it owns the entry.
pub(super) struct Placed {
    home: usize,
    print: u8,
    slot: Slot,
    has_ttl: bool,
}

impl Placed {
    pub fn new(entry: OwnedEntry, hash: u64) -> Self {
        let has_ttl = entry.get().expire_at().is_some();
        Self { home: home(hash), print: print(hash), slot: Slot::new(entry, hash), has_ttl }
    }

    pub fn into_entry(self) -> OwnedEntry {
        // SAFETY: the slot names a live entry, and its holder gives it up here.
        unsafe { self.slot.into_owned() }
    }
}

/// The owner of a segment's memory, not of the entries in it: the table empties it first.
pub(super) type SegmentRef = NonNull<Segment>;

/// A new, empty segment.
pub(super) fn allocate() -> SegmentRef {
    // SAFETY: the layout has a size, and all zeros is an empty segment.
    let start = unsafe { alloc_zeroed(LAYOUT) };
    NonNull::new(start.cast()).unwrap_or_else(|| handle_alloc_error(LAYOUT))
}

/// A copy of a segment, which names the same entries.
pub(super) fn duplicate(segment: &Segment) -> SegmentRef {
    // SAFETY: the layout has a size.
    let start: *mut Segment = unsafe { alloc(LAYOUT) }.cast();
    let Some(copy) = NonNull::new(start) else { handle_alloc_error(LAYOUT) };
    // SAFETY: freshly allocated for one segment.
    unsafe { copy.copy_from_nonoverlapping(NonNull::from(segment), 1) };
    copy
}

/// # Safety
/// `segment` came from this module, and nobody refers to it any more.
pub(super) unsafe fn release(segment: SegmentRef) {
    // SAFETY: the caller's promise.
    unsafe { dealloc(segment.as_ptr().cast(), LAYOUT) }
}

#[inline]
fn next(home: usize) -> usize {
    if home + 1 == HOMES { 0 } else { home + 1 }
}

#[inline]
fn before(home: usize) -> usize {
    if home == 0 { HOMES - 1 } else { home - 1 }
}

impl Segment {
    /// Finds a key of this segment.
    #[inline]
    pub fn find(&self, key: &Key<'_>) -> Option<Pos> {
        let home = home(key.hash);
        let bucket = &self.buckets[home];
        // Which slot it is decides whether its line is the second: do not wait to know.
        prefetch((&raw const bucket.slots[SLOTS - 1]).cast());
        let matches = bucket.matches(print(key.hash));
        if let Some(slot) = bucket.find(matches.slots() & bucket.own(), key) {
            return Some(Pos::new(home, slot));
        }
        let stashes = bucket.stash_candidates(matches);
        if bucket.away == 0 && stashes == 0 { None } else { self.find_displaced(home, stashes, key) }
    }

    #[inline(never)]
    fn find_displaced(&self, home: usize, stashes: u16, key: &Key<'_>) -> Option<Pos> {
        if self.buckets[home].away != 0 {
            let at = next(home);
            let bucket = &self.buckets[at];
            let guests = bucket.matches(print(key.hash)).slots() & bucket.guests();
            if let Some(slot) = bucket.find(guests, key) {
                return Some(Pos::new(at, slot));
            }
        }
        if stashes == 0 { None } else { self.find_stashed(stashes, key) }
    }

    #[cold]
    fn find_stashed(&self, stashes: u16, key: &Key<'_>) -> Option<Pos> {
        bits(stashes).find_map(|stash| {
            let at = HOMES + stash;
            let bucket = &self.buckets[at];
            let slot = bucket.find(bucket.matches(print(key.hash)).slots() & bucket.occupied, key)?;
            Some(Pos::new(at, slot))
        })
    }

    #[inline]
    fn slot(&self, pos: Pos) -> Slot {
        self.buckets[usize::from(pos.bucket)].slots[usize::from(pos.slot)]
    }

    #[inline]
    pub fn has_ttl(&self, pos: Pos) -> bool {
        self.buckets[usize::from(pos.bucket)].ttl >> pos.slot & 1 == 1
    }

    /// The entry in the `n`th slot of the segment, if any.
    pub fn at(&self, n: usize) -> Option<&Entry> {
        let pos = Pos::new(n / SLOTS, n % SLOTS);
        self.occupied(pos).then(|| self.entry(pos))
    }

    /// The `n`th entry of the segment.
    pub fn nth(&self, n: usize) -> Option<&Entry> {
        (0..SEGMENT_SLOTS).filter_map(|slot| self.at(slot)).nth(n)
    }

    /// Asks the cache for the entries with an expiry of one bucket.
    pub fn prefetch_ttl(&self, bucket: usize) {
        let bucket = &self.buckets[bucket];
        bits(bucket.ttl).for_each(|i| prefetch(bucket.slots[i].start()));
    }

    /// Asks the cache for the entries that lie in one bucket.
    pub fn prefetch_home(&self, bucket: usize) {
        let bucket = &self.buckets[bucket];
        for i in bits(bucket.occupied) {
            prefetch(bucket.slots[i].start());
            prefetch(bucket.slots[i].start().wrapping_add(64));
        }
    }

    fn occupied(&self, pos: Pos) -> bool {
        self.buckets[usize::from(pos.bucket)].occupied >> pos.slot & 1 == 1
    }

    /// The entry at an occupied place.
    #[inline]
    pub fn entry(&self, pos: Pos) -> &Entry {
        debug_assert!(self.occupied(pos));
        // SAFETY: an occupied slot names a live entry, which this segment owns.
        unsafe { self.slot(pos).entry() }
    }

    /// Changes the entry at an occupied place, and keeps the count of expiries.
    #[inline]
    pub fn edit<R>(&mut self, pos: Pos, change: impl FnOnce(&mut OwnedEntry) -> R) -> R {
        debug_assert!(self.occupied(pos));
        let slot = &mut self.buckets[usize::from(pos.bucket)].slots[usize::from(pos.slot)];
        // SAFETY: an occupied slot names a live entry, borrowed exclusively with `self`.
        let (result, has_ttl) = unsafe { slot.edit(|e| (change(e), e.get().expire_at().is_some())) };
        self.set_ttl(pos, has_ttl);
        result
    }

    /// The home of the entry at `pos`.
    pub fn home_of(&self, pos: Pos) -> usize {
        let (bucket, slot) = (usize::from(pos.bucket), usize::from(pos.slot));
        if bucket >= HOMES {
            usize::from(self.head.stash_home[(bucket - HOMES) * SLOTS + slot])
        } else if self.buckets[bucket].guest >> slot & 1 == 1 {
            before(bucket)
        } else {
            bucket
        }
    }

    /// What is still known of the hash of the entry at `pos`: its prefix and its home.
    pub fn hash_of(&self, pos: Pos) -> u64 {
        let prefix = u32::from(self.slot(pos).tag()) << 8 | u32::from(self.entry(pos).hash_extra());
        hash_of((self.home_of(pos) as u32) << DEPTH_MAX | prefix)
    }

    /// Replaces the LRU bits of the entry at an occupied place.
    #[inline]
    pub fn set_lru(&mut self, pos: Pos, lru: u32) {
        debug_assert!(self.occupied(pos));
        let slot = &mut self.buckets[usize::from(pos.bucket)].slots[usize::from(pos.slot)];
        // SAFETY: as in `edit`.
        unsafe { slot.edit(|e| e.set_lru(lru)) }
    }

    /// Keeps the ttl bit of an entry that stays where it is.
    #[inline]
    fn set_ttl(&mut self, pos: Pos, has_ttl: bool) {
        if self.has_ttl(pos) == has_ttl {
            return;
        }
        self.buckets[usize::from(pos.bucket)].ttl ^= 1 << pos.slot;
        self.head.ttl_len = if has_ttl { self.head.ttl_len + 1 } else { self.head.ttl_len - 1 };
    }

    /// Puts a new entry in; it comes back, and nothing is changed, when the segment is full.
    pub fn place(&mut self, e: Placed) -> Result<(), Placed> {
        if self.place_at_home(&e) || self.place_next_door(&e) || self.place_in_stash(&e) {
            self.head.len += 1;
            self.head.ttl_len += u16::from(e.has_ttl);
            return Ok(());
        }
        Err(e)
    }

    fn place_at_home(&mut self, e: &Placed) -> bool {
        let free = self.buckets[e.home].free_slot().or_else(|| self.send_guest_home(e.home));
        let Some(slot) = free else { return false };
        self.buckets[e.home].fill(slot, e.print, e.slot, e.has_ttl, false);
        true
    }

    fn place_next_door(&mut self, e: &Placed) -> bool {
        let at = next(e.home);
        let free = self.buckets[at].free_slot().or_else(|| self.push_one_on(at));
        let Some(slot) = free else { return false };
        self.buckets[at].fill(slot, e.print, e.slot, e.has_ttl, true);
        self.buckets[e.home].away += 1;
        true
    }

    fn place_in_stash(&mut self, e: &Placed) -> bool {
        let free = (0..STASH).find_map(|s| Some((s, self.buckets[HOMES + s].free_slot()?)));
        let Some((stash, slot)) = free else { return false };
        self.buckets[HOMES + stash].fill(slot, e.print, e.slot, e.has_ttl, false);
        self.head.stash_home[stash * SLOTS + slot] = e.home as u8;
        self.buckets[e.home].note(e.print, stash);
        true
    }

    /// Frees a slot of a full bucket by moving one of its guests home, if there is room.
    fn send_guest_home(&mut self, at: usize) -> Option<usize> {
        let guest = bits(self.buckets[at].guest).next()?;
        let home = before(at);
        let to = self.buckets[home].free_slot()?;
        let (print, slot, has_ttl) = self.buckets[at].clear(guest);
        self.buckets[home].fill(to, print, slot, has_ttl, false);
        self.buckets[home].away -= 1;
        Some(guest)
    }

    /// Frees a slot of a full bucket by making one of its own entries a guest of the next.
    fn push_one_on(&mut self, at: usize) -> Option<usize> {
        let own = bits(self.buckets[at].own()).next()?;
        let on = next(at);
        let to = self.buckets[on].free_slot()?;
        let (print, slot, has_ttl) = self.buckets[at].clear(own);
        self.buckets[on].fill(to, print, slot, has_ttl, true);
        self.buckets[at].away += 1;
        Some(own)
    }

    /// Takes an entry out and lets one that was displaced move back into the gap.
    pub fn remove(&mut self, pos: Pos) -> OwnedEntry {
        debug_assert!(self.occupied(pos));
        let removed = self.unplace(pos);
        if usize::from(pos.bucket) < HOMES {
            self.settle(usize::from(pos.bucket));
        }
        removed.into_entry()
    }

    /// Takes out up to `limit` entries and hands them to `free`, for a segment that is garbage.
    pub fn drain(&mut self, limit: usize, free: &mut dyn FnMut(OwnedEntry)) {
        let mut left = limit;
        for b in 0..BUCKETS {
            // Freeing touches every entry: ask for the next bucket's while this one's go.
            if let Some(next) = self.buckets.get(b + 1) {
                bits(next.occupied).for_each(|i| prefetch(next.slots[i].start()));
            }
            for pos in self.places(b, false) {
                if left == 0 {
                    return;
                }
                left -= 1;
                free(self.unplace(pos).into_entry());
            }
        }
    }

    fn unplace(&mut self, pos: Pos) -> Placed {
        let home = self.home_of(pos);
        let at = usize::from(pos.bucket);
        let (print, slot, has_ttl) = self.buckets[at].clear(usize::from(pos.slot));
        if at >= HOMES {
            self.buckets[home].unnote(print, at - HOMES);
        } else if at != home {
            self.buckets[home].away -= 1;
        }
        self.head.len -= 1;
        self.head.ttl_len -= u16::from(has_ttl);
        Placed { home, print, slot, has_ttl }
    }

    /// Brings displaced entries of `home` home while there is room.
    fn settle(&mut self, home: usize) {
        while self.buckets[home].free_slot().is_some() {
            let bucket = &self.buckets[home];
            let displaced = if bucket.away != 0 {
                bits(self.buckets[next(home)].guest).next().map(|slot| Pos::new(next(home), slot))
            } else if bucket.has_stashed() {
                self.stashed(home).next()
            } else {
                None
            };
            let Some(pos) = displaced else { return };
            let entry = self.unplace(pos);
            let placed = self.place(entry);
            debug_assert!(placed.is_ok());
        }
    }

    /// The stash places of a home's entries.
    fn stashed(&self, home: usize) -> impl Iterator<Item = Pos> + '_ {
        (0..STASH).flat_map(move |stash| {
            bits(self.buckets[HOMES + stash].occupied)
                .filter(move |slot| usize::from(self.head.stash_home[stash * SLOTS + slot]) == home)
                .map(move |slot| Pos::new(HOMES + stash, slot))
        })
    }

    /// Visits the entries whose home is `home`, wherever in the segment they live.
    pub fn visit_home<'a>(&'a self, home: usize, visit: &mut dyn FnMut(&'a Entry)) {
        let bucket = &self.buckets[home];
        self.visit_slots(bucket, bucket.own(), visit);
        if bucket.away != 0 {
            let door = &self.buckets[next(home)];
            self.visit_slots(door, door.guests(), visit);
        }
        if bucket.has_stashed() {
            for pos in self.stashed(home) {
                visit(self.entry(pos));
            }
        }
    }

    fn visit_slots<'a>(&'a self, bucket: &'a Bucket, mask: u16, visit: &mut dyn FnMut(&'a Entry)) {
        for i in bits(mask) {
            // SAFETY: an occupied slot names a live entry of this table, borrowed with `self`.
            visit(unsafe { bucket.slots[i].entry() });
        }
    }

    /// The occupied slots of bucket `bucket` (homes, then stash), or those with an expiry.
    pub fn places(&self, bucket: usize, with_ttl_only: bool) -> impl Iterator<Item = Pos> + use<> {
        let b = &self.buckets[bucket];
        bits(if with_ttl_only { b.ttl } else { b.occupied }).map(move |slot| Pos::new(bucket, slot))
    }

    /// All entries, as they would be placed elsewhere.
    fn all(&self) -> impl Iterator<Item = Placed> + '_ {
        (0..BUCKETS).flat_map(move |b| self.places(b, false)).map(move |pos| {
            let bucket = &self.buckets[usize::from(pos.bucket)];
            Placed {
                home: self.home_of(pos),
                print: bucket.print(usize::from(pos.slot)),
                slot: self.slot(pos),
                has_ttl: bucket.ttl >> pos.slot & 1 == 1,
            }
        })
    }

    /// Moves the entries whose next hash bit is 1 to a new segment; both are one deeper after.
    ///
    /// The new segment starts as a copy, and each keeps its own entries where they are. That
    /// cannot fail, as placing them one by one could; displaced entries then move home.
    pub fn split(&mut self) -> SegmentRef {
        let depth = self.head.depth;
        let mut twin = duplicate(self);
        let upper: [u16; BUCKETS] = std::array::from_fn(|b| {
            self.places(b, false)
                // SAFETY: an occupied slot names a live entry.
                .filter(|&pos| unsafe { self.slot(pos).split_bit(depth) })
                .fold(0, |mask, pos| mask | 1 << pos.slot)
        });
        self.keep_half(|b| !upper[b]);
        // SAFETY: allocated above, and not shared yet.
        unsafe { twin.as_mut() }.keep_half(|b| upper[b]);
        twin
    }

    fn keep_half(&mut self, mask: impl Fn(usize) -> u16) {
        self.head.depth += 1;
        for (b, bucket) in self.buckets.iter_mut().enumerate() {
            bucket.keep(mask(b));
        }
        self.recount();
        (0..HOMES).for_each(|home| self.settle(home));
    }

    /// Derives every count and note from the masks.
    fn recount(&mut self) {
        self.head.len = self.buckets.iter().map(|b| b.occupied.count_ones() as u16).sum();
        self.head.ttl_len = self.buckets.iter().map(|b| b.ttl.count_ones() as u16).sum();
        for home in 0..HOMES {
            self.buckets[home].away = self.buckets[next(home)].guest.count_ones() as u8;
            self.buckets[home].forget_stashed();
        }
        for stash in 0..STASH {
            for pos in self.places(HOMES + stash, false) {
                let print = self.buckets[HOMES + stash].print(usize::from(pos.slot));
                let home = self.home_of(pos);
                self.buckets[home].note(print, stash);
            }
        }
    }

    /// This segment and its buddy in one, a bit less deep; `None` if they do not fit.
    pub fn merged(&self, buddy: &Segment) -> Option<SegmentRef> {
        let mut both = duplicate(self);
        // SAFETY: allocated above, and not shared yet.
        let new = unsafe { both.as_mut() };
        new.head.depth -= 1;
        for (mine, theirs) in new.buckets.iter_mut().zip(&buddy.buckets) {
            mine.version = mine.version.max(theirs.version);
            mine.spilled |= theirs.spilled;
        }
        if buddy.all().all(|entry| new.place(entry).is_ok()) {
            return Some(both);
        }
        // SAFETY: the copy was never shared; the entries it names still live in the originals.
        unsafe { release(both) };
        None
    }
}

impl Bucket {
    /// The first of the candidate slots that holds `key`.
    #[inline]
    fn find(&self, mut candidates: u16, key: &Key<'_>) -> Option<usize> {
        while candidates != 0 {
            let i = candidates.trailing_zeros() as usize;
            let slot = self.slots[i];
            // The value may lie in the line after the key's; where, the key's line will tell too late.
            prefetch(slot.start().wrapping_add(64));
            // SAFETY: the candidates are occupied slots, which name live entries.
            if slot.tag() == tag(key.hash) && unsafe { slot.is_of(key.bytes) } {
                return Some(i);
            }
            candidates &= candidates - 1;
        }
        None
    }
}

#[cfg(test)]
impl Segment {
    /// Panics unless the invariants of this file hold.
    pub fn check(&self) {
        let mut fresh = *self;
        fresh.recount();
        assert_eq!((self.head.len, self.head.ttl_len), (fresh.head.len, fresh.head.ttl_len));
        for home in 0..HOMES {
            let (b, f) = (&self.buckets[home], &fresh.buckets[home]);
            assert_eq!(b.away, f.away, "away of {home}");
            let stashed = self.stashed(home).count();
            assert_eq!(b.has_stashed(), stashed != 0, "stash of {home}");
            let mut seen = 0;
            self.visit_home(home, &mut |_| seen += 1);
            assert_eq!(seen, b.own().count_ones() as usize + usize::from(b.away) + stashed);
        }
        for entry in self.all() {
            // SAFETY: an occupied slot names a live entry.
            let expires = unsafe { entry.slot.entry() }.expire_at().is_some();
            assert_eq!(entry.has_ttl, expires);
        }
    }
}
