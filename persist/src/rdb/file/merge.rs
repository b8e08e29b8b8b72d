//! Fragments of several shards as one file.
//!
//! ```text
//!   | head | large fragments, each whole blocks | small fragments | tail |
//!   '-- written --'------- copied, byte for byte, by the kernel --------'-- written --'
//! ```
//! Nothing here reads a fragment: lengths, checksums and counts are enough. What comes out is what to write and what to
//! copy where. The checksum is combined from those of the pieces, which costs microseconds each.
//!
//! Large fragments come first, so that all of them, and the head, are whole blocks of [`ALIGN`] bytes: then a file
//! system that can shares their blocks instead of copying them. Small ones are not worth up to a block of padding.

use super::body::{Counts, Fragment, PAD_MIN, pad};
use super::head::{Head, TAIL_BYTES, field, tail};
use super::parts::{PARTS_FIELD, Parts};
use crate::crc64;
use std::collections::BTreeMap;

/// What file systems can share, bytes.
pub const ALIGN: u64 = 4096;
/// Fragments from this size on are made whole blocks, bytes.
pub(super) const PAD_OVER: u64 = 1 << 20;

/// Where a fragment goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Placed {
    /// Which one of those that were given.
    pub fragment: usize,
    /// Where in the file its first byte goes.
    pub at: u64,
    /// Bytes.
    pub len: u64,
}

/// How to make a file of fragments.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Merged {
    /// What to write first.
    pub head: Vec<u8>,
    /// What to copy behind that, in this order.
    pub placed: Vec<Placed>,
    /// What to write last.
    pub tail: [u8; TAIL_BYTES],
    /// Bytes of the whole.
    pub len: u64,
    /// The version of the format.
    pub version: u16,
}

/// Plans one file of all fragments.
#[must_use]
pub fn merge(about: &Head, fragments: &[Fragment]) -> Merged {
    let mut order: Vec<usize> = (0..fragments.len()).filter(|&at| fragments[at].len > 0).collect();
    order.sort_by_key(|&at| fragments[at].len < PAD_OVER);
    let in_order = || order.iter().map(|&at| &fragments[at]);
    let needs = in_order().map(|fragment| fragment.needs).max().unwrap_or(0);
    let head = head(about, needs, fragments.len(), in_order());

    let mut len = head.len() as u64;
    let mut sum = crc64::checksum(&head);
    let mut placed = Vec::with_capacity(order.len());
    for &at in &order {
        let fragment = &fragments[at];
        placed.push(Placed { fragment: at, at: len, len: fragment.len });
        len += fragment.len;
        sum = crc64::combine(sum, fragment.sum, fragment.len);
    }
    let tail = tail(about.checksum.then_some(sum));
    let version = about.target.of_file(needs);
    Merged { head, placed, tail, len: len + TAIL_BYTES as u64, version }
}

/// The head of a file of these fragments, in the order in which they will stand.
fn head<'f>(
    about: &Head,
    needs: u16,
    shards: usize,
    fragments: impl Iterator<Item = &'f Fragment> + Clone,
) -> Vec<u8> {
    let mut sizes = BTreeMap::<u64, Counts>::new();
    for (db, counts) in fragments.clone().flat_map(|fragment| &fragment.counts) {
        let sum = sizes.entry(*db).or_default();
        sum.keys += counts.keys;
        sum.expires += counts.expires;
    }
    let parts = fragments.clone().flat_map(|fragment| fragment.parts.iter().copied()).collect();
    let is_large = fragments.clone().any(|fragment| fragment.len >= PAD_OVER);
    let mut parts = Parts { shards: shards as u64, head: 0, lens: parts };
    let write = |parts: &Parts| {
        let mut out = Vec::new();
        about.write_fields(&mut out, needs);
        if !parts.lens.is_empty() {
            field(&mut out, PARTS_FIELD, &parts.text());
        }
        about.write_rest(&mut out, &sizes);
        out
    };
    // The text is as long with the length that it does not know yet.
    let bare = write(&parts).len() as u64;
    parts.head = if is_large { (bare + PAD_MIN).next_multiple_of(ALIGN) } else { bare };
    let mut out = write(&parts);
    if is_large {
        pad(&mut out, parts.head - bare);
    }
    debug_assert_eq!(out.len() as u64, parts.head);
    out
}
