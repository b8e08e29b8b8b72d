//! The table of a backend's connections.
//!
//! The core names a connection by a [`ConnId`]: a slot, and the slot's generation. It may give the
//! slot to a new connection as soon as it has called `close`, while the backend still has
//! something to finish for the old one: replies to flush, an operation to cancel in the kernel.
//! So there are two tables:
//!
//! ```text
//!   slots    (by ConnId.slot)      generation | index  ──┐
//!   entries  (by the backend's     epoch | connection  <─┘   the kernel's events carry
//!             own index)                                     index and epoch (a Token)
//! ```
//!
//! `detach` forgets the name at once; the entry lives on until `remove`. The *epoch* of an
//! entry counts its owners: an event that carries an older one belongs to somebody who is gone, and
//! is dropped. Both look-ups are an index into a vector: no hashing at any number of
//! connections. Neither table shrinks: each is bounded by the largest number of connections there
//! ever was at once (`maxclients`), at 8 bytes a slot.

use super::ConnId;
use std::io::{Error, ErrorKind};

/// Where a connection stands in the table of entries.
pub(super) type Index = u32;

/// What a kernel event carries of a connection: epoch (24 bits), index (32 bits).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Token(pub u64);

/// Slots a table can have: far above any `maxclients`, and small enough that a wild number in a
/// [`ConnId`] does not allocate gigabytes.
const SLOTS_MAX: u32 = 1 << 24;
const EPOCH_MASK: u32 = (1 << 24) - 1;
const NONE: Index = u32::MAX;

#[derive(Clone, Copy)]
struct Slot {
    generation: u32,
    index: Index,
}

struct Entry<T> {
    epoch: u32,
    conn: Option<T>,
}

/// Connections by [`ConnId`], by [`Index`] and by [`Token`].
pub(super) struct Conns<T> {
    slots: Vec<Slot>,
    entries: Vec<Entry<T>>,
    free: Vec<Index>,
}

impl<T> Conns<T> {
    pub fn new() -> Self {
        Conns { slots: Vec::new(), entries: Vec::new(), free: Vec::new() }
    }

    /// Enters a connection under its name. Errors: `InvalidInput` if the slot's number is absurd,
    /// `AlreadyExists` if the slot has an owner that was not closed.
    pub fn insert(&mut self, id: ConnId, conn: T) -> Result<Index, Error> {
        if id.slot >= SLOTS_MAX {
            return Err(Error::new(ErrorKind::InvalidInput, "connection slot out of range"));
        }
        let slot = id.slot as usize;
        if slot >= self.slots.len() {
            self.slots.resize(slot + 1, Slot { generation: 0, index: NONE });
        }
        if self.slots[slot].index != NONE {
            return Err(Error::new(ErrorKind::AlreadyExists, "connection slot is in use"));
        }
        let index = match self.free.pop() {
            Some(index) => index,
            None => {
                self.entries.push(Entry { epoch: 0, conn: None });
                (self.entries.len() - 1) as Index
            }
        };
        self.entries[index as usize].conn = Some(conn);
        self.slots[slot] = Slot { generation: id.generation, index };
        Ok(index)
    }

    /// The entry of a name; `None` for a name that was closed or never added.
    pub fn find(&self, id: ConnId) -> Option<Index> {
        let slot = self.slots.get(id.slot as usize)?;
        (slot.index != NONE && slot.generation == id.generation).then_some(slot.index)
    }

    /// Forgets the name: its slot may be used again. The entry stays until [`Conns::remove`].
    pub fn detach(&mut self, id: ConnId) -> Option<Index> {
        let index = self.find(id)?;
        self.slots[id.slot as usize].index = NONE;
        Some(index)
    }

    /// Takes an entry out, after its name has been detached. Its tokens are stale from now on.
    pub fn remove(&mut self, index: Index) -> Option<T> {
        let entry = self.entries.get_mut(index as usize)?;
        let conn = entry.conn.take()?;
        entry.epoch = (entry.epoch + 1) & EPOCH_MASK;
        self.free.push(index);
        Some(conn)
    }

    pub fn get(&self, index: Index) -> Option<&T> {
        self.entries.get(index as usize)?.conn.as_ref()
    }

    pub fn get_mut(&mut self, index: Index) -> Option<&mut T> {
        self.entries.get_mut(index as usize)?.conn.as_mut()
    }

    /// What an operation or a registration of this entry carries.
    pub fn token(&self, index: Index) -> Token {
        let epoch = self.entries.get(index as usize).map_or(0, |entry| entry.epoch);
        Token(u64::from(epoch) << 32 | u64::from(index))
    }

    /// The entry a token names, unless it has changed hands since.
    pub fn resolve(&self, token: Token) -> Option<Index> {
        let index = token.0 as Index;
        let entry = self.entries.get(index as usize)?;
        (entry.conn.is_some() && u64::from(entry.epoch) == token.0 >> 32).then_some(index)
    }

    /// The entries in use, named or not.
    pub fn indices(&self) -> Vec<Index> {
        (0..self.entries.len() as Index).filter(|&index| self.get(index).is_some()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(slot: u32, generation: u32) -> ConnId {
        ConnId { slot, generation }
    }

    #[test]
    fn a_reused_slot_and_a_reused_entry_are_told_apart() {
        let mut conns = Conns::new();
        let old = conns.insert(id(3, 1), "old").unwrap();
        let old_token = conns.token(old);
        assert_eq!(conns.find(id(3, 1)), Some(old));
        assert_eq!(conns.find(id(3, 2)), None, "another generation is another connection");
        assert!(conns.insert(id(3, 2), "too early").is_err());

        // Detached: the slot serves its next owner while the old entry finishes.
        assert_eq!(conns.detach(id(3, 1)), Some(old));
        let new = conns.insert(id(3, 2), "new").unwrap();
        assert_ne!(new, old);
        assert_eq!(conns.resolve(old_token), Some(old), "still draining");
        assert_eq!(conns.remove(old), Some("old"));
        assert_eq!(conns.resolve(old_token), None, "gone");

        // The entry's next owner does not answer to the old token.
        let next = conns.insert(id(7, 0), "next").unwrap();
        assert_eq!(next, old);
        assert_eq!(conns.resolve(old_token), None);
        assert_eq!(conns.resolve(conns.token(next)), Some(next));
    }

    #[test]
    fn churn_does_not_grow_the_tables() {
        let mut conns = Conns::new();
        for round in 0..10_000 {
            let index = conns.insert(id(round % 4, round), round).unwrap();
            assert_eq!(conns.detach(id(round % 4, round)), Some(index));
            assert_eq!(conns.remove(index), Some(round));
        }
        assert_eq!((conns.slots.len(), conns.entries.len(), conns.free.len()), (4, 1, 1));
        assert!(conns.indices().is_empty());
    }

    #[test]
    fn a_wild_slot_is_an_error_and_not_an_allocation() {
        let mut conns = Conns::new();
        assert!(conns.insert(id(u32::MAX, 0), ()).is_err());
        assert!(conns.slots.is_empty());
    }
}
