//! The pieces of values, written: [`decode`](super::Decoder) draws them. Every number and string has the one form
//! that Redis gives it, so that payloads are the same bytes as Redis's (but for LZF, which may choose other matches).

use super::opcode::{
    ENCODED, LEN_14, LEN_32, LEN_64, NODE_PACKED, NODE_PLAIN, STRING_INT_8, STRING_INT_16, STRING_INT_32,
    STRING_LZF,
};
use crate::listpack::Element;
use crate::lzf;
use proto::number::{parse_i64, push_i64};

/// Longest text that may be one of the integers that are written as such.
const INT_TEXT_MAX: usize = 11;
/// Strings of up to this many bytes are not compressed.
const COMPRESS_OVER: usize = 20;
/// What compression must save, bytes.
const SAVED_MIN: usize = 4;

/// Appends pieces of values to bytes.
pub struct Writer<'a> {
    out: &'a mut Vec<u8>,
    /// `rdbcompression`.
    compress: bool,
}

impl<'a> Writer<'a> {
    /// `compress` has longer strings compressed where that saves anything.
    pub fn new(out: &'a mut Vec<u8>, compress: bool) -> Self {
        Self { out, compress }
    }

    /// Bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    pub fn byte(&mut self, byte: u8) {
        self.out.push(byte);
    }

    /// A length, or any other number.
    pub fn length(&mut self, n: u64) {
        match n {
            0..0x40 => self.byte(n as u8),
            0x40..0x4000 => self.raw(&(n as u16 | u16::from(LEN_14) << 14).to_be_bytes()),
            0x4000..=0xFFFF_FFFF => {
                self.byte(LEN_32);
                self.raw(&(n as u32).to_be_bytes());
            }
            _ => {
                self.byte(LEN_64);
                self.raw(&n.to_be_bytes());
            }
        }
    }

    /// A count of things in memory.
    pub fn count(&mut self, n: usize) {
        self.length(n as u64);
    }

    fn encoded(&mut self, how: u8) {
        self.byte(ENCODED << 6 | how);
    }

    /// The string that is the text of an integer.
    pub fn int(&mut self, n: i64) {
        if let Ok(n) = i8::try_from(n) {
            self.encoded(STRING_INT_8);
            self.raw(&n.to_le_bytes());
        } else if let Ok(n) = i16::try_from(n) {
            self.encoded(STRING_INT_16);
            self.raw(&n.to_le_bytes());
        } else if let Ok(n) = i32::try_from(n) {
            self.encoded(STRING_INT_32);
            self.raw(&n.to_le_bytes());
        } else {
            let mut text = Vec::new();
            push_i64(&mut text, n);
            self.count(text.len());
            self.raw(&text);
        }
    }

    /// A string.
    pub fn string(&mut self, bytes: &[u8]) {
        if bytes.len() <= INT_TEXT_MAX
            && let Some(n) = parse_i64(bytes).filter(|&n| i32::try_from(n).is_ok())
        {
            return self.int(n);
        }
        if self.compress
            && bytes.len() > COMPRESS_OVER
            && let Some(packed) = lzf::compress(bytes, bytes.len() - SAVED_MIN)
        {
            self.encoded(STRING_LZF);
            self.count(packed.len());
            self.count(bytes.len());
            return self.raw(&packed);
        }
        self.count(bytes.len());
        self.raw(bytes);
    }

    /// A string as a packed form has it.
    pub fn element(&mut self, element: Element<'_>) {
        match element {
            Element::Int(n) => self.int(n),
            Element::Bytes(bytes) => self.string(bytes),
        }
    }

    pub fn double(&mut self, d: f64) {
        self.raw(&d.to_le_bytes());
    }

    /// A time: Unix milliseconds.
    pub fn time_ms(&mut self, ms: i64) {
        self.raw(&ms.to_le_bytes());
    }

    /// A node of a list: a listpack.
    pub fn packed_node(&mut self, listpack: &[u8]) {
        self.length(NODE_PACKED);
        self.string(listpack);
    }

    /// A node of a list: one element.
    pub fn plain_node(&mut self, text: &[u8]) {
        self.length(NODE_PLAIN);
        self.string(text);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Decoder, Slice};
    use super::*;
    use proptest::prelude::*;

    fn written(write: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
        let mut out = Vec::new();
        write(&mut Writer::new(&mut out, true));
        out
    }

    #[test]
    fn everything_has_its_shortest_form() {
        for (n, bytes) in [
            (0, &[0][..]),
            (63, &[63]),
            (64, &[0x40, 64]),
            (16383, &[0x7F, 0xFF]),
            (16384, &[0x80, 0, 0, 0x40, 0]),
            (0xFFFF_FFFF, &[0x80, 255, 255, 255, 255]),
            (1 << 32, &[0x81, 0, 0, 0, 1, 0, 0, 0, 0]),
        ] {
            assert_eq!(written(|w| w.length(n)), bytes, "{n}");
        }
        for (text, bytes) in [
            ("", &b"\0"[..]),
            ("0", &[0xC0, 0]),
            ("-128", &[0xC0, 0x80]),
            ("128", &[0xC1, 128, 0]),
            ("-2147483648", &[0xC2, 0, 0, 0, 0x80]),
            ("2147483648", b"\x0A2147483648"),
            ("007", b"\x03007"),
            ("aaaaaaaaaaaaaaaaaaaa", b"\x14aaaaaaaaaaaaaaaaaaaa"),
        ] {
            assert_eq!(written(|w| w.string(text.as_bytes())), bytes, "{text}");
        }
        assert_eq!(written(|w| w.int(1 << 40)), b"\x0D1099511627776");
        assert!(written(|w| w.string(&[b'a'; 200])).len() < 16);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            n: u64,
            shift in 0..64u32,
            text in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..100),
                prop::collection::vec(0u8..2, 0..20_000),
                any::<i64>().prop_map(|n| n.to_string().into_bytes()),
            ],
            compress: bool,
        ) {
            let n = n >> shift;
            let mut out = Vec::new();
            let mut writer = Writer::new(&mut out, compress);
            writer.length(n);
            writer.string(&text);
            writer.int(n as i64);
            writer.double(f64::from_bits(n));
            let mut slice = Slice::new(&out);
            let mut decoder = Decoder::new(&mut slice);
            prop_assert_eq!(decoder.length(), Ok(n));
            prop_assert_eq!(decoder.string().unwrap(), text);
            prop_assert_eq!(decoder.string().unwrap(), (n as i64).to_string().into_bytes());
            prop_assert_eq!(decoder.double().unwrap().to_bits(), n);
            prop_assert_eq!(decoder.left(), 0);
        }
    }
}
