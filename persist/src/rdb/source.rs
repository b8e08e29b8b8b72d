//! Where the bytes of a value come from, and what may be wrong with them.
//!
//! A DUMP payload is a [`Slice`]. A file is whatever implements [`Source`] over its blocks: the decoder asks for as
//! many bytes as it needs next, and knows how many there are at most, which is what bounds every allocation.

use super::opcode::VERSION_MAX;
use std::fmt;

/// What is wrong, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Error {
    /// Offset in the source of what is at fault, bytes.
    pub at: u64,
    pub fault: Fault,
}

/// What can be wrong with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is not what it claims to be.
    Corrupt(&'static str),
    /// The bytes end within it.
    Truncated,
    /// A collection without elements, which no key may hold. The whole of it has been read: a file goes on behind.
    Empty,
    /// It belongs to a module; its name, ended by zeros.
    Module([u8; MODULE_NAME_BYTES]),
    /// No type is named by this byte.
    UnknownType(u8),
    /// The source could not read on; its own words have gone elsewhere.
    Unreadable,
    /// It does not begin as a file does.
    NotRdb,
    /// A file of a version that is not read.
    Version(u16),
    /// The checksum of a file's bytes, and the one it ends with.
    Checksum { is: u64, stands: u64 },
}

/// Bytes of a module type's name.
pub const MODULE_NAME_BYTES: usize = 9;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.fault {
            Fault::Corrupt(why) => f.write_str(why)?,
            Fault::Truncated => f.write_str("it ends within a value")?,
            Fault::Empty => f.write_str("a collection without elements")?,
            Fault::UnknownType(byte) => write!(f, "no type is {byte}")?,
            Fault::Unreadable => f.write_str("it cannot be read")?,
            Fault::NotRdb => f.write_str("this is no RDB file")?,
            Fault::Version(version) => {
                write!(f, "an RDB file of version {version}, and versions 1 to {VERSION_MAX} are read")?;
            }
            Fault::Checksum { is, stands } => {
                write!(f, "the checksum is {is:016x}, and the file ends with {stands:016x}")?;
            }
            Fault::Module(name) => {
                let name: String = name.iter().take_while(|&&b| b != 0).map(|&b| char::from(b)).collect();
                write!(f, "a value of the module type '{name}', and there are no modules here")?;
            }
        }
        write!(f, " at byte {}", self.at)
    }
}

impl std::error::Error for Error {}

/// Bytes in order, handed out piece by piece.
pub trait Source {
    /// The next `len` bytes; the decoder never asks for more than are [left](Source::left).
    ///
    /// # Errors
    /// [`Fault::Truncated`] if there are not so many after all, [`Fault::Unreadable`] if they cannot be had.
    fn take(&mut self, len: usize) -> Result<&[u8], Error>;

    /// How many bytes have been taken.
    fn offset(&self) -> u64;

    /// How many bytes there still are, at most.
    fn left(&self) -> u64;

    /// The checksum ([`crate::crc64`]) of all that has been taken, if the source keeps it.
    fn sum(&mut self) -> Option<u64> {
        None
    }
}

/// Bytes that are all there.
#[derive(Debug, Clone)]
pub struct Slice<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Slice<'a> {
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }
}

impl Source for Slice<'_> {
    fn take(&mut self, len: usize) -> Result<&[u8], Error> {
        let Some(taken) = self.bytes[self.at..].get(..len) else {
            return Err(Error { at: self.offset(), fault: Fault::Truncated });
        };
        self.at += len;
        Ok(taken)
    }

    fn offset(&self) -> u64 {
        self.at as u64
    }

    fn left(&self) -> u64 {
        (self.bytes.len() - self.at) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_is_handed_out_once() {
        let mut slice = Slice::new(b"abcde");
        assert_eq!(slice.take(2), Ok(&b"ab"[..]));
        assert_eq!((slice.offset(), slice.left()), (2, 3));
        assert_eq!(slice.take(4), Err(Error { at: 2, fault: Fault::Truncated }));
        assert_eq!(slice.take(3), Ok(&b"cde"[..]));
        assert_eq!(slice.take(0), Ok(&b""[..]));
    }

    #[test]
    fn errors_say_what_and_where() {
        let text = |fault| Error { at: 7, fault }.to_string();
        assert_eq!(text(Fault::Corrupt("no listpack")), "no listpack at byte 7");
        assert_eq!(text(Fault::UnknownType(99)), "no type is 99 at byte 7");
        assert_eq!(
            text(Fault::Module(*b"ReJSON-RL")),
            "a value of the module type 'ReJSON-RL', and there are no modules here at byte 7"
        );
    }
}
