//! The bytes that name things in RDB: types of values, and what else may stand where one begins.

/// The latest version of the format that is read: Redis 7.4's.
pub const VERSION_MAX: u16 = 12;

/// The oldest version that is written: Redis 5's and 6's.
pub(super) const VERSION_OLDEST: u16 = 9;

/// The oldest version that a value is marked with. Redis 7.0 wrote it; all types but those of later versions
/// are in it, so that its payloads may travel back to such a server.
const VERSION_COMMON: u16 = 10;

/// What a value is written as.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Type {
    String = 0,
    /// Elements.
    List = 1,
    /// Members.
    Set = 2,
    /// Members with scores in text.
    ZSet = 3,
    /// Fields and values.
    Hash = 4,
    /// Members with scores in 8 bytes.
    ZSet2 = 5,
    Module = 6,
    Module2 = 7,
    HashZipmap = 9,
    ListZiplist = 10,
    SetIntset = 11,
    ZSetZiplist = 12,
    HashZiplist = 13,
    /// Nodes, each a ziplist.
    ListQuicklist = 14,
    /// Without what later versions know of the log.
    StreamListpacks = 15,
    HashListpack = 16,
    ZSetListpack = 17,
    /// Nodes, each a listpack or one element.
    ListQuicklist2 = 18,
    /// Without the consumers' last activity.
    StreamListpacks2 = 19,
    SetListpack = 20,
    StreamListpacks3 = 21,
    /// Fields with their expiry as it is, of a release candidate.
    HashTimedEarly = 22,
    /// Triplets without the first deadline, of a release candidate.
    HashTimedListpackEarly = 23,
    /// The first deadline, then fields with their expiry counted from that.
    HashTimed = 24,
    /// The first deadline, then a listpack of triplets.
    HashTimedListpack = 25,
}

impl Type {
    const ALL: [Self; 25] = [
        Self::String,
        Self::List,
        Self::Set,
        Self::ZSet,
        Self::Hash,
        Self::ZSet2,
        Self::Module,
        Self::Module2,
        Self::HashZipmap,
        Self::ListZiplist,
        Self::SetIntset,
        Self::ZSetZiplist,
        Self::HashZiplist,
        Self::ListQuicklist,
        Self::StreamListpacks,
        Self::HashListpack,
        Self::ZSetListpack,
        Self::ListQuicklist2,
        Self::StreamListpacks2,
        Self::SetListpack,
        Self::StreamListpacks3,
        Self::HashTimedEarly,
        Self::HashTimedListpackEarly,
        Self::HashTimed,
        Self::HashTimedListpack,
    ];

    /// The type that a byte names.
    #[must_use]
    pub fn of(byte: u8) -> Option<Self> {
        // All there are, but for 8, which is none.
        let at = usize::from(byte) - usize::from(byte > Self::Module2 as u8);
        Self::ALL.get(at).copied().filter(|known| *known as u8 == byte)
    }

    /// The oldest version that has it, of those that are told apart when a value is written ([`super::Target`]).
    #[must_use]
    pub fn since(self) -> u16 {
        match self {
            Self::HashListpack | Self::ZSetListpack | Self::ListQuicklist2 | Self::StreamListpacks2 => 10,
            Self::SetListpack | Self::StreamListpacks3 => 11,
            Self::HashTimedEarly
            | Self::HashTimedListpackEarly
            | Self::HashTimed
            | Self::HashTimedListpack => 12,
            _ => VERSION_OLDEST,
        }
    }

    /// The version of a payload with a value of this type: the oldest that has it, but none before Redis 7.0.
    #[must_use]
    pub fn version(self) -> u16 {
        self.since().max(VERSION_COMMON)
    }
}

/// What may stand in a file where a type may.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Opcode {
    /// How many keys, and how many with an expiry, a slot of a cluster has.
    SlotInfo = 244,
    /// The source of a function library.
    Function2 = 245,
    /// The same, of a release candidate.
    FunctionEarly = 246,
    ModuleAux = 247,
    /// Seconds since the next key was used.
    Idle = 248,
    /// How often the next key was used.
    Freq = 249,
    /// A name and a value about the file.
    Aux = 250,
    /// How many keys, and how many with an expiry, the database has.
    ResizeDb = 251,
    /// When the next key expires, Unix milliseconds.
    ExpireMs = 252,
    /// The same in seconds.
    ExpireSeconds = 253,
    SelectDb = 254,
    Eof = 255,
}

impl Opcode {
    const ALL: [Self; 12] = [
        Self::SlotInfo,
        Self::Function2,
        Self::FunctionEarly,
        Self::ModuleAux,
        Self::Idle,
        Self::Freq,
        Self::Aux,
        Self::ResizeDb,
        Self::ExpireMs,
        Self::ExpireSeconds,
        Self::SelectDb,
        Self::Eof,
    ];

    /// The opcode that a byte is.
    #[must_use]
    pub fn of(byte: u8) -> Option<Self> {
        // The last bytes there are.
        Self::ALL.get(usize::from(byte.checked_sub(Self::SlotInfo as u8)?)).copied()
    }
}

/// The two upper bits of a length's first byte.
pub(super) const LEN_6: u8 = 0;
pub(super) const LEN_14: u8 = 1;
/// Not a length: the lower bits tell how a string is written.
pub(super) const ENCODED: u8 = 3;
/// First bytes of longer lengths.
pub(super) const LEN_32: u8 = 0x80;
pub(super) const LEN_64: u8 = 0x81;

/// Strings written otherwise than as their bytes.
pub(super) const STRING_INT_8: u8 = 0;
pub(super) const STRING_INT_16: u8 = 1;
pub(super) const STRING_INT_32: u8 = 2;
pub(super) const STRING_LZF: u8 = 3;

/// What stands before a node of a quicklist: one element, or a listpack of them.
pub(super) const NODE_PLAIN: u64 = 1;
pub(super) const NODE_PACKED: u64 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_is_a_type_or_an_opcode_or_nothing() {
        for byte in 0..=255u8 {
            let (of_type, opcode) = (Type::of(byte), Opcode::of(byte));
            assert!(of_type.is_none() || opcode.is_none());
            assert_eq!(of_type.map_or(byte, |known| known as u8), byte);
            assert_eq!(opcode.map_or(byte, |known| known as u8), byte);
            assert_eq!(of_type.is_some(), byte <= 25 && byte != 8, "{byte}");
            assert_eq!(opcode.is_some(), byte >= 244, "{byte}");
        }
    }
}
