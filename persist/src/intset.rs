//! Intset: a set of integers as one sorted array, exactly as Redis lays it out, since DUMP payloads and RDB files
//! carry these bytes as they are.
//!
//! ```text
//!   0       4        8
//!   | width | length | integer | integer | ...        all little-endian, two's complement
//!     u32     u32      width bytes each, ascending, no two equal
//! ```
//! *width* is 2, 4 or 8: the least that holds every integer that ever was in the set. An integer that needs
//! more upgrades all; since it is then beyond all the others, it goes to one of the ends. Removing never narrows.
//!
//! **Costs.** A lookup is a binary search, O(log n); an insert or removal moves what follows, O(n), one memmove,
//! or one pass when it upgrades. Growth is by size class ([`packed`](crate::packed)); removing never
//! reallocates: call [`trim`] when done.
//!
//! **Trust.** As for listpacks: [`Intset`] and the editors take bytes that editors made or [`check`] passed.

pub use crate::packed::{Corrupt, trim};

use crate::packed::{reserve_class, size_class};
use std::cmp::Ordering;

/// Bytes before the first integer.
pub const HEADER: usize = 8;

/// Bytes of one integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Width {
    Two = 2,
    Four = 4,
    Eight = 8,
}

impl Width {
    fn of(n: i64) -> Self {
        if i16::try_from(n).is_ok() {
            Self::Two
        } else if i32::try_from(n).is_ok() {
            Self::Four
        } else {
            Self::Eight
        }
    }

    /// The width that a header's first byte says; the other three are zero.
    fn read(first: u8) -> Self {
        match first {
            2 => Self::Two,
            4 => Self::Four,
            _ => Self::Eight,
        }
    }

    const fn bytes(self) -> usize {
        self as usize
    }
}

/// The integer of this index in the array `values`.
#[inline]
fn value(values: &[u8], width: Width, index: usize) -> i64 {
    let at = index * width.bytes();
    match width {
        Width::Two => i64::from(i16::from_le_bytes([values[at], values[at + 1]])),
        Width::Four => {
            let mut bytes = [0; 4];
            bytes.copy_from_slice(&values[at..at + 4]);
            i64::from(i32::from_le_bytes(bytes))
        }
        Width::Eight => {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&values[at..at + 8]);
            i64::from_le_bytes(bytes)
        }
    }
}

/// An intset to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intset<'a>(&'a [u8]);

impl<'a> Intset<'a> {
    /// The intset that `bytes` are: made by the editors, or passed by [`check`] with `deep`.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        debug_assert!(bytes.len() >= HEADER, "an intset has a header");
        Self(bytes)
    }

    /// All its bytes.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.0
    }

    fn width(&self) -> Width {
        Width::read(self.0[0])
    }

    /// Number of integers.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        u32::from_le_bytes([self.0[4], self.0[5], self.0[6], self.0[7]]) as usize
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The integer of this index, in ascending order. (A random member is one of a random index.)
    #[inline]
    #[must_use]
    pub fn get(&self, index: usize) -> Option<i64> {
        (index < self.len()).then(|| value(&self.0[HEADER..], self.width(), index))
    }

    /// The least one.
    #[must_use]
    pub fn min(&self) -> Option<i64> {
        self.get(0)
    }

    /// The greatest one.
    #[must_use]
    pub fn max(&self) -> Option<i64> {
        self.get(self.len().checked_sub(1)?)
    }

    /// Its index, or the one where it would go.
    pub(crate) fn search(&self, n: i64) -> Result<usize, usize> {
        let (values, width) = (&self.0[HEADER..], self.width());
        let (mut low, mut high) = (0, self.len());
        // Ascending inserts are common: look at the last one first.
        if self.max().is_some_and(|max| max < n) {
            return Err(high);
        }
        while low < high {
            let middle = low + (high - low) / 2;
            match value(values, width, middle).cmp(&n) {
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
                Ordering::Equal => return Ok(middle),
            }
        }
        Err(low)
    }

    /// Whether it is a member.
    #[must_use]
    pub fn contains(&self, n: i64) -> bool {
        Width::of(n) <= self.width() && self.search(n).is_ok()
    }

    /// All, ascending.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = i64> + ExactSizeIterator + use<'a> {
        let (values, width) = (&self.0[HEADER..], self.width());
        (0..self.len()).map(move |index| value(values, width, index))
    }
}

/// An intset without members.
#[must_use]
pub fn new() -> Vec<u8> {
    let mut v = Vec::with_capacity(size_class(HEADER));
    v.extend_from_slice(&[Width::Two as u8, 0, 0, 0, 0, 0, 0, 0]);
    v
}

/// Bytes of an intset of `count` integers of which `n` is the widest.
#[must_use]
pub fn bytes_for(count: usize, n: i64) -> usize {
    HEADER + count * Width::of(n).bytes()
}

fn set_len(v: &mut [u8], len: usize) {
    v[4..HEADER].copy_from_slice(&(len as u32).to_le_bytes());
}

/// Writes `n` as the integer of this index.
fn set(v: &mut [u8], width: Width, index: usize, n: i64) {
    let at = HEADER + index * width.bytes();
    v[at..at + width.bytes()].copy_from_slice(&n.to_le_bytes()[..width.bytes()]);
}

/// Adds an integer; whether it was new.
///
/// # Panics
/// At 2^32 members, 8 GiB: sets turn into hash tables long before.
pub fn insert(v: &mut Vec<u8>, n: i64) -> bool {
    let set_now = Intset::new(v);
    let (len, width) = (set_now.len(), set_now.width());
    assert!(len < u32::MAX as usize, "an intset of {len} members");
    if Width::of(n) > width {
        upgrade(v, n);
        return true;
    }
    let Err(index) = set_now.search(n) else { return false };
    let (at, old_end, size) = (HEADER + index * width.bytes(), v.len(), width.bytes());
    reserve_class(v, size);
    v.resize(old_end + size, 0);
    v.copy_within(at..old_end, at + size);
    set(v, width, index, n);
    set_len(v, len + 1);
    true
}

/// Widens all for the sake of `n`, which goes to the front or the back.
fn upgrade(v: &mut Vec<u8>, n: i64) {
    let (len, old, new) = (Intset::new(v).len(), Intset::new(v).width(), Width::of(n));
    let bytes = bytes_for(len + 1, n);
    reserve_class(v, bytes - v.len());
    v.resize(bytes, 0);
    let shift = usize::from(n < 0);
    // Back to front: what is written lies behind all that is still to be read.
    for index in (0..len).rev() {
        let moved = value(&v[HEADER..], old, index);
        set(v, new, index + shift, moved);
    }
    set(v, new, if n < 0 { 0 } else { len }, n);
    v[0] = new as u8;
    set_len(v, len + 1);
}

/// Removes an integer; whether it was there.
pub fn remove(v: &mut Vec<u8>, n: i64) -> bool {
    let set_now = Intset::new(v);
    let (len, width) = (set_now.len(), set_now.width());
    if Width::of(n) > width {
        return false;
    }
    let Ok(index) = set_now.search(n) else { return false };
    let (at, size) = (HEADER + index * width.bytes(), width.bytes());
    v.copy_within(at + size.., at);
    v.truncate(v.len() - size);
    set_len(v, len - 1);
    true
}

/// Whether foreign bytes are an intset with members: its header, and with `deep` that they ascend. No input makes
/// it panic or read outside.
///
/// # Errors
/// The first fault found.
pub fn check(bytes: &[u8], deep: bool) -> Result<(), Corrupt> {
    let Some((header, values)) = bytes.split_first_chunk::<HEADER>() else {
        return Err(Corrupt::new(bytes.len(), "an intset shorter than its header"));
    };
    let [w0, w1, w2, w3, l0, l1, l2, l3] = *header;
    let width = match u32::from_le_bytes([w0, w1, w2, w3]) {
        2 => Width::Two,
        4 => Width::Four,
        8 => Width::Eight,
        _ => return Err(Corrupt::new(0, "an intset of no known width")),
    };
    let len = u32::from_le_bytes([l0, l1, l2, l3]);
    if u64::from(len) * width.bytes() as u64 != values.len() as u64 {
        return Err(Corrupt::new(4, "an intset of another length than its header says"));
    }
    if len == 0 {
        return Err(Corrupt::new(4, "an intset without members"));
    }
    if deep {
        let unsorted = (1..len as usize).find(|&i| value(values, width, i - 1) >= value(values, width, i));
        if let Some(index) = unsorted {
            return Err(Corrupt::new(HEADER + index * width.bytes(), "an intset that does not ascend"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn number() -> impl Strategy<Value = i64> {
        let edges = [
            i64::MIN,
            i64::from(i32::MIN) - 1,
            i64::from(i32::MIN),
            i64::from(i16::MIN) - 1,
            i64::from(i16::MIN),
            -1,
            0,
            1,
            i64::from(i16::MAX),
            i64::from(i16::MAX) + 1,
            i64::from(i32::MAX),
            i64::from(i32::MAX) + 1,
            i64::MAX,
        ];
        prop_oneof![4 => -40i64..40, 2 => prop::sample::select(edges.to_vec()), 1 => any::<i64>()]
    }

    fn made(numbers: &[i64]) -> Vec<u8> {
        let mut v = new();
        for &n in numbers {
            insert(&mut v, n);
        }
        v
    }

    #[test]
    fn the_bytes_are_those_of_redis() {
        assert_eq!(new(), [2, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(made(&[5, -1, 300]), [2, 0, 0, 0, 3, 0, 0, 0, 0xFF, 0xFF, 5, 0, 0x2C, 1]);
        assert_eq!(
            made(&[5, -32769]),
            [4, 0, 0, 0, 2, 0, 0, 0, 0xFF, 0x7F, 0xFF, 0xFF, 5, 0, 0, 0],
            "upgraded at the front"
        );
        let wide = made(&[5, 1 << 31]);
        assert_eq!(wide[..8], [8, 0, 0, 0, 2, 0, 0, 0]);
        assert_eq!(wide[8..], [5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 0, 0, 0, 0]);
    }

    #[test]
    fn faults_are_found() {
        let fault = |bytes: &[u8]| check(bytes, true).unwrap_err();
        assert_eq!(fault(&[2, 0, 0]), Corrupt::new(3, "an intset shorter than its header"));
        assert_eq!(fault(&[3, 0, 0, 0, 1, 0, 0, 0, 1]).at, 0);
        assert_eq!(fault(&[2, 1, 0, 0, 1, 0, 0, 0, 1, 0]).at, 0);
        assert_eq!(fault(&[2, 0, 0, 0, 2, 0, 0, 0, 1, 0]).at, 4);
        assert_eq!(fault(&[8, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]).at, 4);
        assert_eq!(fault(&new()), Corrupt::new(4, "an intset without members"));
        let unsorted = [2, 0, 0, 0, 3, 0, 0, 0, 1, 0, 2, 0, 2, 0];
        assert_eq!(fault(&unsorted), Corrupt::new(12, "an intset that does not ascend"));
        assert_eq!(check(&unsorted, false), Ok(()), "a shallow check looks at the header only");
    }

    proptest! {
        #[test]
        fn agrees_with_a_set(steps in prop::collection::vec((any::<bool>(), number()), 0..120)) {
            let (mut v, mut model) = (new(), BTreeSet::new());
            for (add, n) in steps {
                if add {
                    prop_assert_eq!(insert(&mut v, n), model.insert(n));
                } else {
                    prop_assert_eq!(remove(&mut v, n), model.remove(&n));
                    trim(&mut v);
                }
                let view = Intset::new(&v);
                prop_assert_eq!(view.iter().collect::<Vec<_>>(), model.iter().copied().collect::<Vec<_>>());
                prop_assert_eq!(view.iter().next_back(), view.max());
                prop_assert_eq!(view.min(), model.first().copied());
                prop_assert_eq!(view.contains(n), model.contains(&n));
                prop_assert_eq!(view.get(model.len()), None);
                prop_assert_eq!(v.capacity(), size_class(v.capacity()), "blocks are of a size class");
                prop_assert_eq!(check(&v, true).is_ok(), !model.is_empty());
                prop_assert_eq!(v.len(), HEADER + view.len() * view.width().bytes());
            }
        }

        #[test]
        fn what_a_check_passes_can_be_read(
            numbers in prop::collection::vec(number(), 1..20),
            flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
            cut in 0usize..4,
        ) {
            let mut v = made(&numbers);
            for (index, byte) in flips {
                let at = index.index(v.len());
                v[at] = byte;
            }
            v.truncate(v.len() - cut);
            if check(&v, true).is_ok() {
                let view = Intset::new(&v);
                prop_assert!(view.iter().zip(view.iter().skip(1)).all(|(a, b)| a < b));
                prop_assert!(view.iter().all(|n| view.search(n).is_ok()));
                insert(&mut v, 77);
                prop_assert!(Intset::new(&v).contains(77));
            }
        }

        #[test]
        fn no_bytes_make_a_check_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = check(&bytes, true);
        }
    }
}
