//! A bucket: twelve slots and what a look-up needs to know about them, in two cache lines.
//!
//! ```text
//!  0            12         16       20        22   24     26    27     28    29    30
//!  +------------+----------+--------+---------+----+------+-----+------+-----+-----+------+
//!  | prints[12] | stashed4 | version| occupied| ttl| guest| used| where| rest| away| spill|
//!  +------------+----------+--------+---------+----+------+-----+------+-----+-----+------+
//!  32
//!  | slots: 12 tagged pointers                                                            |
//!  +--------------------------------------------------------------------------------------+ 128
//! ```
//!
//! One 16-byte comparison finds the slots whose fingerprint matches *and* the stash buckets that
//! may hold a match. A key is in its *home* bucket; if that was full, in the next one as a
//! *guest*; if both were, in the segment's stash. The home bucket always knows: `away` counts
//! its entries that are guests next door, the four `stashed` prints (with `where`, two bits each)
//! point into the stash, and `rest` counts those in the stash beyond four. So a look-up leaves
//! the bucket only when there is something to find elsewhere, hit or miss.
//!
//! `version` is the epoch of the last change to an entry whose *home* this is, wherever it
//! lives (`cut.rs`). `spilled` is set for good when an entry went to the overflow of last
//! resort (`spill.rs`). In a stash bucket only prints, `occupied`, `ttl` and slots have a meaning.

#![allow(unsafe_code)] // One SIMD comparison.

use super::slot::Slot;

/// Entries a bucket holds.
pub(super) const SLOTS: usize = 12;
/// Entries in the stash that a home bucket can point to.
const NOTES: usize = 4;
const SLOT_MASK: u16 = (1 << SLOTS) - 1;

#[repr(C, align(128))]
#[derive(Clone, Copy)]
pub(super) struct Bucket {
    /// Fingerprints of the slots, then of the stashed entries; one comparison covers both.
    prints: [u8; SLOTS + NOTES],
    pub version: u32,
    pub occupied: u16,
    /// Which slots hold an entry with an expiry.
    pub ttl: u16,
    /// Which slots hold an entry whose home is the bucket before.
    pub guest: u16,
    notes_used: u8,
    notes_where: u8,
    /// Stashed entries of this home without a note.
    pub rest: u8,
    /// Entries of this home that are guests of the next bucket.
    pub away: u8,
    pub spilled: bool,
    pub slots: [Slot; SLOTS],
}

const _: () = assert!(size_of::<Bucket>() == 128 && align_of::<Bucket>() == 128);
const _: () = assert!(std::mem::offset_of!(Bucket, slots) == 32);

/// Which slots and which stash notes carry a fingerprint.
#[derive(Clone, Copy)]
pub(super) struct Matches(u16);

impl Matches {
    #[inline]
    pub fn slots(self) -> u16 {
        self.0 & SLOT_MASK
    }
}

/// The positions of the set bits, lowest first.
#[inline]
pub(super) fn bits(mut mask: u16) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        if mask == 0 {
            return None;
        }
        let i = mask.trailing_zeros() as usize;
        mask &= mask - 1;
        Some(i)
    })
}

impl Bucket {
    #[inline]
    pub fn matches(&self, print: u8) -> Matches {
        Matches(equal_bytes(&self.prints, print))
    }

    #[inline]
    pub fn print(&self, slot: usize) -> u8 {
        self.prints[slot]
    }

    /// Slots in use by entries at home.
    #[inline]
    pub fn own(&self) -> u16 {
        self.occupied & !self.guest
    }

    /// Slots in use by entries of the bucket before.
    #[inline]
    pub fn guests(&self) -> u16 {
        self.occupied & self.guest
    }

    #[inline]
    pub fn free_slot(&self) -> Option<usize> {
        let free = !self.occupied & SLOT_MASK;
        (free != 0).then(|| free.trailing_zeros() as usize)
    }

    /// Puts an entry into a free slot.
    pub fn fill(&mut self, i: usize, print: u8, slot: Slot, has_ttl: bool, guest: bool) {
        debug_assert!(self.occupied >> i & 1 == 0);
        self.prints[i] = print;
        self.slots[i] = slot;
        self.occupied |= 1 << i;
        self.ttl |= u16::from(has_ttl) << i;
        self.guest |= u16::from(guest) << i;
    }

    /// Takes an entry out of a slot in use; what it was, for another [`Bucket::fill`].
    pub fn clear(&mut self, i: usize) -> (u8, Slot, bool) {
        debug_assert!(self.occupied >> i & 1 == 1);
        let was = (self.prints[i], self.slots[i], self.ttl >> i & 1 == 1);
        self.slots[i] = Slot::EMPTY;
        self.keep(!(1 << i));
        was
    }

    /// Forgets all slots but those in `mask`.
    pub fn keep(&mut self, mask: u16) {
        self.occupied &= mask;
        self.ttl &= mask;
        self.guest &= mask;
    }

    /// True when the stash holds entries of this home.
    #[inline]
    pub fn has_stashed(&self) -> bool {
        self.notes_used != 0 || self.rest != 0
    }

    /// The stash buckets (a bit each) that may hold a match.
    #[inline]
    pub fn stash_candidates(&self, matches: Matches) -> u16 {
        if self.rest != 0 {
            return (1 << NOTES) - 1;
        }
        bits(matches.0 >> SLOTS & u16::from(self.notes_used))
            .fold(0, |mask, note| mask | 1 << self.note_where(note))
    }

    fn note_where(&self, note: usize) -> usize {
        usize::from(self.notes_where >> (2 * note) & 3)
    }

    /// Remembers that an entry of this home lies in stash bucket `stash`.
    pub fn note(&mut self, print: u8, stash: usize) {
        let note = (!self.notes_used).trailing_zeros() as usize;
        if note >= NOTES {
            self.rest += 1;
            return;
        }
        self.prints[SLOTS + note] = print;
        self.notes_used |= 1 << note;
        self.notes_where = self.notes_where & !(3 << (2 * note)) | (stash as u8) << (2 * note);
    }

    /// Forgets an entry noted before. (Two with one print in one stash bucket are
    /// interchangeable: notes and `rest` together count them.)
    pub fn unnote(&mut self, print: u8, stash: usize) {
        let noted = bits(u16::from(self.notes_used))
            .find(|&n| self.prints[SLOTS + n] == print && self.note_where(n) == stash);
        match noted {
            Some(n) => self.notes_used &= !(1 << n),
            None => self.rest -= 1,
        }
    }

    pub fn forget_stashed(&mut self) {
        self.notes_used = 0;
        self.rest = 0;
    }
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn equal_bytes(bytes: &[u8; 16], byte: u8) -> u16 {
    use std::arch::x86_64::{_mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_set1_epi8};
    // SAFETY: SSE2 belongs to x86-64, and the load reads the 16 bytes of the array.
    unsafe {
        let all = _mm_loadu_si128(bytes.as_ptr().cast());
        _mm_movemask_epi8(_mm_cmpeq_epi8(all, _mm_set1_epi8(byte as i8))) as u16
    }
}

#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn equal_bytes(bytes: &[u8; 16], byte: u8) -> u16 {
    bytes.iter().enumerate().fold(0, |mask, (i, &b)| mask | u16::from(b == byte) << i)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn empty() -> Bucket {
        // SAFETY: all zeros is an empty bucket.
        unsafe { std::mem::zeroed() }
    }

    #[test]
    fn finds_equal_bytes_at_every_place() {
        for place in 0..16 {
            for byte in [0, 1, 0x7f, 0x80, 0xff] {
                let mut bytes = [byte ^ 1; 16];
                bytes[place] = byte;
                assert_eq!(equal_bytes(&bytes, byte), 1 << place);
                assert_eq!(equal_bytes(&[byte; 16], byte), u16::MAX);
            }
        }
    }

    #[test]
    fn notes_lead_to_the_stash_until_forgotten() {
        let mut b = empty();
        for (print, stash) in [(7, 0), (7, 3), (9, 1), (9, 1)] {
            b.note(print, stash);
        }
        assert_eq!(b.stash_candidates(b.matches(7)), 0b1001);
        assert_eq!(b.stash_candidates(b.matches(9)), 0b0010);
        assert_eq!(b.stash_candidates(b.matches(8)), 0);
        b.note(5, 2); // No room: from now on every look-up searches the whole stash.
        assert_eq!(b.rest, 1);
        assert_eq!(b.stash_candidates(b.matches(8)), 0b1111);
        b.unnote(5, 2);
        b.unnote(9, 1);
        assert_eq!(b.stash_candidates(b.matches(9)), 0b0010);
        b.unnote(9, 1);
        b.unnote(7, 3);
        assert_eq!(b.stash_candidates(b.matches(7)), 0b0001);
        b.unnote(7, 0);
        assert!(!b.has_stashed());
    }
}
