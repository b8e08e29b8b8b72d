//! The parts of a stream, in the order in which they are written.
//!
//! ```text
//!   nodes      count, then each: its id (a string of 16 bytes), a listpack
//!   facts      length, last id | first id, greatest deleted id, entries added     behind the bar: not in version 1
//!   groups     count, then each:
//!                name, last id | entries read
//!                pending    count, then each: id, delivered (time), how often
//!                consumers  count, then each:
//!                             name, seen (time) || active (time)                  behind the bars: version 3
//!                             pending  count, then each: id
//! ```
//! The visitor takes them in this order: all [nodes](StreamParts::node), the [facts](StreamParts::facts), and of
//! each [group](StreamParts::group) all that is [pending](StreamParts::pending), then of each
//! [consumer](StreamParts::consumer) all that it [owns](StreamParts::owned).

use super::decode::Decoder;
use super::opcode::Type;
use super::source::Error;

/// A time of an entry, and its number within that: as a stream's ids are ordered.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Id {
    pub ms: u64,
    pub seq: u64,
}

impl Id {
    /// As it stands before nodes and pending entries.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        (u128::from(self.ms) << 64 | u128::from(self.seq)).to_be_bytes()
    }

    #[must_use]
    pub fn of_bytes(bytes: [u8; 16]) -> Self {
        let both = u128::from_be_bytes(bytes);
        Self { ms: (both >> 64) as u64, seq: both as u64 }
    }
}

/// What is known of the entries as a whole. The first id is not: it follows from the nodes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StreamFacts {
    /// Live entries.
    pub len: u64,
    pub last_id: Id,
    pub max_deleted_id: Id,
    pub entries_added: u64,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group {
    pub name: Vec<u8>,
    pub last_id: Id,
    /// The bits as they are written (-1 says "unknown"); `None` where the version does not write it.
    pub entries_read: Option<i64>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pending {
    pub id: Id,
    /// Unix milliseconds.
    pub delivered_ms: i64,
    pub count: u64,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Consumer {
    pub name: Vec<u8>,
    /// Unix milliseconds.
    pub seen_ms: i64,
    /// Unix milliseconds; -1 is "never". Where the version does not write it, when it was seen.
    pub active_ms: i64,
}

/// Parts that are still to come, of the kind that is being read.
enum Counted {
    Unread,
    Left(u64),
}

/// The parts of a stream.
pub struct StreamParts<'d, 's> {
    from: &'d mut Decoder<'s>,
    version: u8,
    nodes: u64,
    groups: Counted,
    pending: Counted,
    consumers: Counted,
    owned: u64,
}

/// Bytes of an id that is written as it is.
const ID_BYTES: u64 = 16;

impl<'d, 's> StreamParts<'d, 's> {
    pub(super) fn begin(from: &'d mut Decoder<'s>, what: Type) -> Result<Self, Error> {
        let version = match what {
            Type::StreamListpacks => 1,
            Type::StreamListpacks2 => 2,
            _ => 3,
        };
        let nodes = from.count(1 + ID_BYTES)?;
        let (groups, pending, consumers) = (Counted::Unread, Counted::Unread, Counted::Unread);
        Ok(Self { from, version, nodes, groups, pending, consumers, owned: 0 })
    }

    /// The error for what the visitor finds wrong.
    #[must_use]
    pub fn corrupt(&self, why: &'static str) -> Error {
        self.from.corrupt(why)
    }

    /// Whether the stream was written by a server that did not count what was added and read.
    #[must_use]
    pub fn is_uncounted(&self) -> bool {
        self.version == 1
    }

    fn id(&mut self) -> Result<Id, Error> {
        Ok(Id { ms: self.from.length()?, seq: self.from.length()? })
    }

    /// The next node: the id that its entries are counted from, and its bytes, which nobody has looked at.
    pub fn node(&mut self) -> Result<Option<(Id, Vec<u8>)>, Error> {
        if self.nodes == 0 {
            return Ok(None);
        }
        self.nodes -= 1;
        let id = <[u8; ID_BYTES as usize]>::try_from(self.from.string()?);
        let id = id.map_err(|_| self.from.corrupt("a node whose id is none"))?;
        Ok(Some((Id::of_bytes(id), self.from.string()?)))
    }

    /// What follows the nodes.
    pub fn facts(&mut self) -> Result<StreamFacts, Error> {
        debug_assert_eq!(self.nodes, 0);
        let len = self.from.length()?;
        let last_id = self.id()?;
        let mut facts = StreamFacts { len, last_id, max_deleted_id: Id::default(), entries_added: len };
        if self.version > 1 {
            self.id()?;
            facts.max_deleted_id = self.id()?;
            facts.entries_added = self.from.length()?;
        }
        Ok(facts)
    }

    /// The next of what is counted; false when there is none.
    fn next_of(from: &mut Decoder<'_>, counted: &mut Counted, bytes_min: u64) -> Result<bool, Error> {
        let left = match *counted {
            Counted::Unread => from.count(bytes_min)?,
            Counted::Left(left) => left,
        };
        *counted = Counted::Left(left.saturating_sub(1));
        Ok(left > 0)
    }

    /// The next consumer group.
    pub fn group(&mut self) -> Result<Option<Group>, Error> {
        if !Self::next_of(self.from, &mut self.groups, 5)? {
            return Ok(None);
        }
        (self.pending, self.consumers) = (Counted::Unread, Counted::Unread);
        let name = self.from.string()?;
        let last_id = self.id()?;
        let entries_read = if self.version > 1 { Some(self.from.length()?.cast_signed()) } else { None };
        Ok(Some(Group { name, last_id, entries_read }))
    }

    /// What is pending in the group, of whichever consumer.
    pub fn pending(&mut self) -> Result<Option<Pending>, Error> {
        if !Self::next_of(self.from, &mut self.pending, ID_BYTES + 9)? {
            return Ok(None);
        }
        let id = Id::of_bytes(self.from.array()?);
        Ok(Some(Pending { id, delivered_ms: self.from.time_ms()?, count: self.from.length()? }))
    }

    /// The next consumer of the group.
    pub fn consumer(&mut self) -> Result<Option<Consumer>, Error> {
        if !Self::next_of(self.from, &mut self.consumers, 10)? {
            return Ok(None);
        }
        let name = self.from.string()?;
        let seen_ms = self.from.time_ms()?;
        let active_ms = if self.version > 2 { self.from.time_ms()? } else { seen_ms };
        self.owned = self.from.count(ID_BYTES)?;
        Ok(Some(Consumer { name, seen_ms, active_ms }))
    }

    /// What is pending at this consumer.
    pub fn owned(&mut self) -> Result<Option<Id>, Error> {
        if self.owned == 0 {
            return Ok(None);
        }
        self.owned -= 1;
        Ok(Some(Id::of_bytes(self.from.array()?)))
    }
}
