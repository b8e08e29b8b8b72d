//! The pieces that values are made of: lengths, strings, numbers.
//!
//! ```text
//!   length    00llllll                       6 bits
//!             01llllll llllllll              14 bits
//!             10000000 l x 4                 32 bits, big-endian
//!             10000001 l x 8                 64 bits, big-endian
//!   string    length, bytes
//!             11000000 / 01 / 10             an integer of 1, 2, 4 bytes, little-endian: its text
//!             11000011 length length bytes   LZF: bytes of it, bytes of the string, then it
//!   double    8 bytes, little-endian         ... and of old: a length, and so many bytes of text;
//!                                            253, 254, 255 instead: not a number, infinity, its negative
//! ```
//! What stands here is true of any bytes: a string is never longer than what is left can justify.

use super::opcode::{
    ENCODED, LEN_6, LEN_14, LEN_32, LEN_64, STRING_INT_8, STRING_INT_16, STRING_INT_32, STRING_LZF,
};
use super::source::{Error, Fault, Source};
use crate::listpack::Element;
use crate::lzf;
use proto::number::{parse_f64, push_i64};

/// Longest string unless told otherwise: packed forms have 32-bit lengths.
const STRING_BYTES_MAX: u64 = u32::MAX as u64;

/// First bytes of doubles in text that are none.
const TEXT_NAN: u8 = 253;
const TEXT_INFINITY: u8 = 254;
const TEXT_MINUS_INFINITY: u8 = 255;

/// Reads pieces of values.
pub struct Decoder<'s> {
    source: &'s mut dyn Source,
    /// The string that was decompressed last.
    decompressed: Vec<u8>,
    /// No string is longer, bytes.
    string_bytes_max: u64,
}

/// How a string begins.
enum Head {
    Int(i64),
    Plain(usize),
    Lzf { packed: usize, len: usize },
}

/// A length, or the way in which a string is written that has none.
enum Length {
    Of(u64),
    Encoded(u8),
}

impl<'s> Decoder<'s> {
    pub fn new(source: &'s mut dyn Source) -> Self {
        Self { source, decompressed: Vec::new(), string_bytes_max: STRING_BYTES_MAX }
    }

    /// Refuses strings of more bytes than this.
    #[must_use]
    pub fn with_string_max(mut self, bytes: u64) -> Self {
        self.string_bytes_max = bytes.min(STRING_BYTES_MAX);
        self
    }

    /// How many bytes have been read.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.source.offset()
    }

    /// How many bytes there still are, at most.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.source.left()
    }

    /// The checksum of all that has been read, if the source keeps it.
    pub fn sum(&mut self) -> Option<u64> {
        self.source.sum()
    }

    /// What is wrong at the place that has been reached.
    #[must_use]
    pub fn corrupt(&self, why: &'static str) -> Error {
        Error { at: self.offset(), fault: Fault::Corrupt(why) }
    }

    pub fn byte(&mut self) -> Result<u8, Error> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    /// The next `N` bytes as they are.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.source.take(N)?);
        Ok(bytes)
    }

    fn any_length(&mut self) -> Result<Length, Error> {
        let first = self.byte()?;
        let low = first & 0x3F;
        Ok(Length::Of(match (first >> 6, first) {
            (LEN_6, _) => low.into(),
            (LEN_14, _) => u64::from(low) << 8 | u64::from(self.byte()?),
            (ENCODED, _) => return Ok(Length::Encoded(low)),
            (_, LEN_32) => u32::from_be_bytes(self.array()?).into(),
            (_, LEN_64) => u64::from_be_bytes(self.array()?),
            _ => return Err(self.corrupt("a length of no known form")),
        }))
    }

    /// A length, or any other number that is written as one.
    pub fn length(&mut self) -> Result<u64, Error> {
        match self.any_length()? {
            Length::Of(length) => Ok(length),
            Length::Encoded(_) => Err(self.corrupt("a string where a length belongs")),
        }
    }

    /// How many things follow, each of which takes at least `bytes_min` bytes.
    pub fn count(&mut self, bytes_min: u64) -> Result<u64, Error> {
        let count = self.length()?;
        if count > self.left() / bytes_min.max(1) {
            return Err(self.corrupt("more elements than there are bytes"));
        }
        Ok(count)
    }

    /// A length of bytes that follow.
    fn bytes_left(&self, length: u64) -> Result<usize, Error> {
        if length > self.left() {
            return Err(Error { at: self.offset(), fault: Fault::Truncated });
        }
        usize::try_from(length).map_err(|_| self.corrupt("a string longer than memory"))
    }

    fn bounded(&self, length: u64) -> Result<u64, Error> {
        if length > self.string_bytes_max {
            return Err(self.corrupt("a string longer than any may be"));
        }
        Ok(length)
    }

    fn head(&mut self) -> Result<Head, Error> {
        Ok(match self.any_length()? {
            Length::Of(length) => Head::Plain(self.bytes_left(self.bounded(length)?)?),
            Length::Encoded(STRING_INT_8) => Head::Int(i8::from_le_bytes(self.array()?).into()),
            Length::Encoded(STRING_INT_16) => Head::Int(i16::from_le_bytes(self.array()?).into()),
            Length::Encoded(STRING_INT_32) => Head::Int(i32::from_le_bytes(self.array()?).into()),
            Length::Encoded(STRING_LZF) => {
                let (packed, len) = (self.length()?, self.length()?);
                let packed = self.bytes_left(packed)?;
                Head::Lzf { packed, len: self.bounded(len)? as usize }
            }
            Length::Encoded(_) => return Err(self.corrupt("a string of no known encoding")),
        })
    }

    /// The string that an LZF of `packed` bytes is.
    fn decompress(&mut self, packed: usize, len: usize) -> Result<Vec<u8>, Error> {
        let at = self.offset();
        lzf::decompress(self.source.take(packed)?, len)
            .map_err(|found| Error { at: at + found.at as u64, fault: Fault::Corrupt(found.why) })
    }

    /// A string, lent until the next piece is read. An integer has a canonical text.
    pub fn text(&mut self) -> Result<Element<'_>, Error> {
        Ok(match self.head()? {
            Head::Int(n) => Element::Int(n),
            Head::Plain(len) => Element::Bytes(self.source.take(len)?),
            Head::Lzf { packed, len } => {
                self.decompressed = self.decompress(packed, len)?;
                Element::Bytes(&self.decompressed)
            }
        })
    }

    /// A string in bytes of its own.
    pub fn string(&mut self) -> Result<Vec<u8>, Error> {
        Ok(match self.head()? {
            Head::Plain(len) => self.source.take(len)?.to_vec(),
            Head::Lzf { packed, len } => self.decompress(packed, len)?,
            Head::Int(n) => {
                let mut text = Vec::new();
                push_i64(&mut text, n);
                text
            }
        })
    }

    /// A double in 8 bytes; it may be no number.
    pub fn double(&mut self) -> Result<f64, Error> {
        Ok(f64::from_le_bytes(self.array()?))
    }

    /// A double in text, as old versions have it; it may be no number.
    pub fn double_text(&mut self) -> Result<f64, Error> {
        let len = match self.byte()? {
            TEXT_NAN => return Ok(f64::NAN),
            TEXT_INFINITY => return Ok(f64::INFINITY),
            TEXT_MINUS_INFINITY => return Ok(f64::NEG_INFINITY),
            len => usize::from(len),
        };
        let value = parse_f64(self.source.take(len)?);
        value.ok_or_else(|| self.corrupt("a score that is no number"))
    }

    /// A time in 8 bytes: Unix milliseconds; -1 means "never" in some places.
    pub fn time_ms(&mut self) -> Result<i64, Error> {
        Ok(i64::from_le_bytes(self.array()?))
    }
}

#[cfg(test)]
mod tests {
    use super::super::source::Slice;
    use super::*;

    fn decoded<T>(bytes: &[u8], read: impl FnOnce(&mut Decoder<'_>) -> Result<T, Error>) -> Result<T, Fault> {
        let mut slice = Slice::new(bytes);
        read(&mut Decoder::new(&mut slice)).map_err(|error| error.fault)
    }

    fn length(bytes: &[u8]) -> Result<u64, Fault> {
        decoded(bytes, |d| d.length())
    }

    fn string(bytes: &[u8]) -> Result<Vec<u8>, Fault> {
        decoded(bytes, |d| d.string())
    }

    #[test]
    fn lengths_have_four_forms() {
        assert_eq!(length(&[63]), Ok(63));
        assert_eq!(length(&[0x40 | 1, 2]), Ok(258));
        assert_eq!(length(&[0x80, 1, 2, 3, 4]), Ok(0x0102_0304));
        assert_eq!(length(&[0x81, 255, 255, 255, 255, 255, 255, 255, 255]), Ok(u64::MAX));
        assert_eq!(length(&[0x81, 0]), Err(Fault::Truncated));
        assert!(matches!(length(&[0x82]), Err(Fault::Corrupt(_))));
        assert!(matches!(length(&[0xC0]), Err(Fault::Corrupt(_))));
        assert_eq!(length(&[]), Err(Fault::Truncated));
    }

    #[test]
    fn strings_have_five() {
        assert_eq!(string(b"\x02abc"), Ok(b"ab".to_vec()));
        assert_eq!(string(&[0xC0, 0xFF]), Ok(b"-1".to_vec()));
        assert_eq!(string(&[0xC1, 0, 0x80]), Ok(b"-32768".to_vec()));
        assert_eq!(string(&[0xC2, 0, 0, 0, 0x80]), Ok(b"-2147483648".to_vec()));
        let lzf = [0xC3, 9, 0x40, 200, 1, 97, 97, 224, 187, 0, 1, 97, 97];
        assert_eq!(string(&lzf), Ok(vec![b'a'; 200]));
        assert_eq!(decoded(&lzf, |d| d.text().map(|e| e.len())), Ok(200));
    }

    #[test]
    fn nothing_is_reserved_for_a_lie() {
        assert_eq!(string(b"\x81\x00\x00\x00\x00\xFF\xFF\xFF\xFFabc"), Err(Fault::Truncated));
        assert!(matches!(string(b"\x81\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFFabc"), Err(Fault::Corrupt(_))));
        assert!(matches!(string(b"\xC3\x03\x80\xFF\xFF\xFF\xFFabc"), Err(Fault::Corrupt(_))));
        assert_eq!(string(b"\xC3\x04\x08abc"), Err(Fault::Truncated));
        assert!(matches!(string(&[0xC4]), Err(Fault::Corrupt(_))));
        assert!(matches!(decoded(b"\x0A\x00\x00", |d| d.count(1)), Err(Fault::Corrupt(_))));
        let bounded = |d: &mut Decoder<'_>| {
            d.string_bytes_max = 2;
            d.string()
        };
        assert!(matches!(decoded(b"\x03abc", bounded), Err(Fault::Corrupt(_))));
    }

    #[test]
    fn old_doubles_are_text() {
        let double = |bytes: &[u8]| decoded(bytes, |d| d.double_text());
        assert_eq!(double(b"\x031.5"), Ok(1.5));
        assert_eq!(double(&[254]), Ok(f64::INFINITY));
        assert_eq!(double(&[255]), Ok(f64::NEG_INFINITY));
        assert!(double(&[253]).unwrap().is_nan());
        assert!(matches!(double(b"\x03abc"), Err(Fault::Corrupt(_))));
    }
}
