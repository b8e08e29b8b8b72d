//! LZF, the compression of Redis's files and lists: quick, modest, and safe on hostile input.
//!
//! ```text
//!   000lllll  bytes           lllll + 1 bytes as they are
//!   llloffff ffffffff         lll + 2 bytes (lll is 1 to 6) copied from offset + 1 bytes before
//!   111offff llllllll ffffffff  l + 9 bytes, likewise
//! ```
//! A reference reaches 8 KiB back and copies 264 bytes at most. A copy may overlap what it makes, which is
//! how runs are stored. There is no length, no checksum, no end mark: whoever stores it keeps the length.
//!
//! [`compress`] finds references by a table of the last place of each hash of three bytes, as large as the
//! input is worth, so that a list's node of 8 KiB does not pay for the table of a file's string.
//!
//! [`decompress`] takes the length that the result must have. All of it is checked and safe code: no
//! bytes make it read or write elsewhere, panic, or allocate more than its input can justify.
//!
//! Why not the crate `lzf`: its decompressor is fine (the tests compare with it), but its compressor counts one byte
//! past its buffer after a full literal run and panics when a match follows: 160 bytes without a repetition
//! and 5 that repeat some do it, which any client could send. It also clears a table of 512 KiB a call.

use crate::packed::Corrupt;

/// Longest literal run, bytes.
const LITERAL_MAX: usize = 32;
/// How far back a reference reaches, bytes.
const REACH: usize = 1 << 13;
/// Shortest and longest match, bytes.
const MATCH_MIN: usize = 3;
const MATCH_MAX: usize = 264;
/// Lengths up to this many bytes less 2 fit the three bits.
const SHORT_MAX: usize = 6;
/// The most that a byte of input can become: 3 bytes stand for [`MATCH_MAX`].
const EXPANSION_MAX: usize = MATCH_MAX / 3;
/// Bits of the hash, least and most.
const HASH_BITS: std::ops::RangeInclusive<u32> = 8..=16;

/// The compressed form of `input`, if that takes at most `size_max` bytes.
#[must_use]
pub fn compress(input: &[u8], size_max: usize) -> Option<Vec<u8>> {
    if input.len() > u32::MAX as usize {
        return None;
    }
    let bits = (input.len() | 1).ilog2().clamp(*HASH_BITS.start(), *HASH_BITS.end());
    let mut table = vec![0u32; 1 << bits];
    let mut out = Writer { out: Vec::with_capacity(size_max.min(input.len())), size_max };
    let (mut at, mut literals_from) = (0, 0);
    while let Some(found) = input.get(at..at + MATCH_MIN) {
        let slot = &mut table[hash(found, bits)];
        // Places are kept plus one: zero is "none".
        let candidate = std::mem::replace(slot, at as u32 + 1) as usize;
        if candidate == 0 || at + 1 - candidate > REACH || input[candidate - 1..][..MATCH_MIN] != *found {
            at += 1;
            continue;
        }
        let from = candidate - 1;
        let len = common(&input[from..], &input[at..]);
        out.literals(&input[literals_from..at])?;
        out.reference(at - from, len)?;
        for inside in at + 1..(at + len).min(input.len() - MATCH_MIN) {
            table[hash(&input[inside..][..MATCH_MIN], bits)] = inside as u32 + 1;
        }
        at += len;
        literals_from = at;
    }
    out.literals(&input[literals_from..])?;
    Some(out.out)
}

/// Where three bytes go in a table of 2^`bits`.
#[inline]
fn hash(three: &[u8], bits: u32) -> usize {
    let word = u32::from_le_bytes([three[0], three[1], three[2], 0]);
    (word.wrapping_mul(0x9E37_79B1) >> (32 - bits)) as usize
}

/// Bytes that both begin with, up to [`MATCH_MAX`].
fn common(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take(MATCH_MAX).take_while(|(a, b)| a == b).count()
}

struct Writer {
    out: Vec<u8>,
    size_max: usize,
}

impl Writer {
    /// Refuses what would not fit.
    fn room(&self, bytes: usize) -> Option<()> {
        (self.out.len() + bytes <= self.size_max).then_some(())
    }

    fn literals(&mut self, bytes: &[u8]) -> Option<()> {
        for run in bytes.chunks(LITERAL_MAX) {
            self.room(1 + run.len())?;
            self.out.push((run.len() - 1) as u8);
            self.out.extend_from_slice(run);
        }
        Some(())
    }

    /// `len` bytes from `back` bytes before.
    fn reference(&mut self, back: usize, len: usize) -> Option<()> {
        let [low, high] = ((back - 1) as u16).to_le_bytes();
        let len = len - 2;
        self.room(if len <= SHORT_MAX { 2 } else { 3 })?;
        if len <= SHORT_MAX {
            self.out.push((len as u8) << 5 | high);
        } else {
            self.out.extend_from_slice(&[7 << 5 | high, (len - 7) as u8]);
        }
        self.out.push(low);
        Some(())
    }
}

/// The `len` bytes that were compressed to `input`.
///
/// # Errors
/// When it is not the compressed form of that many bytes.
pub fn decompress(input: &[u8], len: usize) -> Result<Vec<u8>, Corrupt> {
    if len.div_ceil(EXPANSION_MAX) > input.len() {
        return Err(Corrupt::new(0, "too little for the length it claims"));
    }
    let mut out = Vec::with_capacity(len);
    let mut at = 0;
    while let Some(&control) = input.get(at) {
        let (taken, made) = step(control, &input[at + 1..], &mut out, len).ok_or_else(|| fault(at))?;
        debug_assert!(made <= MATCH_MAX);
        at += 1 + taken;
    }
    if out.len() == len { Ok(out) } else { Err(Corrupt::new(at, "shorter than the length it claims")) }
}

fn fault(at: usize) -> Corrupt {
    Corrupt::new(at, "no LZF: it reaches outside")
}

/// One literal run or reference; how many bytes of `rest` it took and how many it made. `None` if that would be
/// outside of `rest`, of `out`, or of `len`.
#[inline]
fn step(control: u8, rest: &[u8], out: &mut Vec<u8>, len: usize) -> Option<(usize, usize)> {
    let left = len - out.len();
    if usize::from(control) < LITERAL_MAX {
        let run = rest.get(..usize::from(control) + 1).filter(|run| run.len() <= left)?;
        out.extend_from_slice(run);
        return Some((run.len(), run.len()));
    }
    let (count, low, taken) = match (usize::from(control >> 5), rest) {
        (7, [more, low, ..]) => (9 + usize::from(*more), *low, 2),
        (short @ ..7, [low, ..]) => (short + 2, *low, 1),
        _ => return None,
    };
    let back = (usize::from(control & 0x1F) << 8 | usize::from(low)) + 1;
    let from = out.len().checked_sub(back)?;
    if count > left {
        return None;
    }
    if count <= back {
        out.extend_from_within(from..from + count);
    } else {
        // It overlaps what it makes: `back` bytes over and over.
        for i in 0..count {
            out.push(out[from + i]);
        }
    }
    Some((taken, count))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn packed(input: &[u8]) -> Option<Vec<u8>> {
        compress(input, input.len().saturating_sub(1))
    }

    #[test]
    fn runs_and_repetitions_shrink() {
        assert_eq!(packed(&[7; 1000]).unwrap().len(), 2 + 3 * 4);
        assert_eq!(packed(b"abcdefgabcdefg").unwrap(), b"\x06abcdefg\xa0\x06");
        assert_eq!(packed(b"abcdabcd").unwrap(), b"\x03abcd\x40\x03");
    }

    #[test]
    fn what_does_not_shrink_is_refused() {
        for input in [&b"a"[..], b"ab", b"abcabc", b"abcdefgh"] {
            assert_eq!(packed(input), None);
        }
        assert_eq!(compress(b"", 0), Some(Vec::new()));
        let exact = packed(&[7; 1000]).unwrap().len();
        assert!(compress(&[7; 1000], exact).is_some());
        assert_eq!(compress(&[7; 1000], exact - 1), None);
    }

    /// What makes the crate `lzf` panic: a match right after full literal runs that fill its buffer.
    #[test]
    fn a_match_at_the_edge_of_the_buffer() {
        let mut input: Vec<u8> = (0..160u8).collect();
        input.extend_from_slice(&[5, 6, 7, 8, 9]);
        for cut in 0..5 {
            let input = &input[..input.len() - cut];
            let larger = compress(input, 200).unwrap();
            assert_eq!(decompress(&larger, input.len()).unwrap(), input);
        }
    }

    #[test]
    fn what_redis_wrote_is_read() {
        // 200 times 'a', as in a file of Redis.
        assert_eq!(decompress(&[1, 97, 97, 224, 187, 0, 1, 97, 97], 200).unwrap(), [97; 200]);
    }

    #[test]
    fn faults_are_found() {
        let why = |input: &[u8], len| decompress(input, len).map_err(|e| e.at);
        assert_eq!(why(&[], 0), Ok(vec![]));
        assert_eq!(why(&[], 1), Err(0), "too little");
        assert_eq!(why(&[0, 1], 1 << 40), Err(0), "too little, and nothing is allocated");
        assert_eq!(why(&[1, 97], 2), Err(0), "a run that is cut short");
        assert_eq!(why(&[0, 97, 0x20], 4), Err(2), "a reference that is cut short");
        assert_eq!(why(&[0, 97, 0xE0, 1], 11), Err(2), "a long one that is");
        assert_eq!(why(&[0, 97, 0x20, 1], 4), Err(2), "a reference before the beginning");
        assert_eq!(why(&[0, 97, 0x20, 0], 4), Ok(vec![97; 4]));
        assert_eq!(why(&[0, 97, 0x20, 0], 3), Err(2), "more than the length");
        assert_eq!(why(&[1, 97, 97], 1), Err(0), "more than the length");
        assert_eq!(why(&[0, 97, 0x20, 0], 5), Err(4), "less than the length");
    }

    /// Bytes with few values, so that there are matches, in runs and without.
    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            prop::collection::vec(any::<u8>(), 0..300),
            prop::collection::vec(0u8..3, 0..300),
            (any::<u8>(), 0usize..2000).prop_map(|(byte, n)| vec![byte; n]),
            Just(b"the same words again and again".to_vec()),
        ];
        prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn what_is_compressed_comes_back(input in bytes()) {
            let all = compress(&input, usize::MAX).unwrap();
            prop_assert!(all.len() <= input.len() + input.len().div_ceil(32));
            prop_assert_eq!(&decompress(&all, input.len()).unwrap(), &input);
            if !input.is_empty() {
                prop_assert_eq!(lzf::decompress(&all, input.len()).unwrap(), input);
            }
        }

        #[test]
        fn agrees_with_its_peer_on_any_bytes(
            input in bytes(),
            flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
            cut in 0usize..3,
        ) {
            let mut stored = compress(&input, usize::MAX).unwrap();
            for (index, byte) in flips {
                if !stored.is_empty() {
                    let at = index.index(stored.len());
                    stored[at] = byte;
                }
            }
            stored.truncate(stored.len().saturating_sub(cut));
            let peer = lzf::decompress(&stored, input.len()).ok().filter(|out| out.len() == input.len());
            if !stored.is_empty() {
                prop_assert_eq!(decompress(&stored, input.len()).ok(), peer);
            }
        }

        #[test]
        fn no_bytes_make_it_panic(stored in prop::collection::vec(any::<u8>(), 0..80), len in 0usize..400) {
            if let Ok(out) = decompress(&stored, len) {
                prop_assert_eq!(out.len(), len);
            }
        }
    }
}
