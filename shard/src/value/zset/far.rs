//! Where the bytes of a long member lie: in its entry of the dictionary, which the tree only points at.
//!
//! A sorted set has its members in a dictionary (member to score) and in a tree (by score). This
//! keeps a long member in memory once. It is the one place where the two are tied by more than equal
//! contents, and the reason for the order in which [`super::large`] works:
//!
//! - a [`Far`] is taken from an entry *after* it was written, and put into the tree then;
//! - it is removed from the tree *before* its entry is changed or removed.
//!
//! An entry is an allocation of its own, which other insertions, removals and splits of the table only
//! point at: it stays where it is until it is itself changed or removed.

#![allow(unsafe_code)] // Reads bytes that another part of the same value owns.

use std::ptr::with_exposed_provenance;

/// Bytes of a [`Far`] as a leaf stores it.
pub(super) const FAR_BYTES: usize = 12;

/// Address and length of a member.
#[derive(Clone, Copy)]
pub(super) struct Far {
    address: usize,
    len: u32,
}

impl Far {
    /// Where `member` lies. It must outlive every use of the result: see the module's rules.
    pub fn of(member: &[u8]) -> Self {
        Self { address: member.as_ptr().expose_provenance(), len: member.len() as u32 } // at most 512 MiB
    }

    pub fn write(self) -> [u8; FAR_BYTES] {
        let mut bytes = [0; FAR_BYTES];
        bytes[..8].copy_from_slice(&self.address.to_ne_bytes());
        bytes[8..].copy_from_slice(&self.len.to_ne_bytes());
        bytes
    }

    /// The member that `stored`, which [`Self::write`] wrote, points at: for as long as the leaf is borrowed
    /// that has it.
    #[inline]
    pub fn bytes(stored: &[u8]) -> &[u8] {
        let (mut address, mut len) = ([0; 8], [0; 4]);
        address.copy_from_slice(&stored[..8]);
        len.copy_from_slice(&stored[8..FAR_BYTES]);
        let (address, len) = (usize::from_ne_bytes(address), u32::from_ne_bytes(len) as usize);
        // SAFETY: the address is that of the key of an entry of the dictionary beside the tree, and `len` is that
        // key's length. The entry is neither moved, changed nor freed while a leaf holds this, by the
        // module's rules; who borrows the leaf borrows the value that owns both.
        unsafe { std::slice::from_raw_parts(with_exposed_provenance(address), len) }
    }
}
