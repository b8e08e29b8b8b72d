//! LCS: the longest common subsequence of two strings, by the textbook's table.
//!
//! `len(i, j)` is the length for the first `i` bytes of one and the first `j` of the other; a walk back from
//! the end of both reads the subsequence off, and with IDX the ranges that match. Time and memory are
//! the product of the lengths; the memory (4 bytes a cell) is limited by `proto-max-bulk-len`.
//! Where two ways back are equally long, it goes the way Redis goes, so that the ranges are the same.

use super::{Outcome, Refused, integer, string};
use crate::lookup::Touch;
use crate::shard::{Cx, Shard};
use proto::args::Args;
use proto::encode::Reply;
use proto::error;

/// The text for a value that is no string.
const NOT_STRINGS: &str = "ERR The specified keys must contain string values";

/// What follows the keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Options {
    len: bool,
    idx: bool,
    with_match_len: bool,
    min_match_len: i64,
}

impl Options {
    /// Reads `[LEN] [IDX] [MINMATCHLEN n] [WITHMATCHLEN]`.
    fn parse(args: Args<'_>) -> Result<Self, Refused> {
        let mut options = Self::default();
        let mut at = 3;
        while let Some(word) = args.get(at) {
            if word.eq_ignore_ascii_case(b"idx") {
                options.idx = true;
            } else if word.eq_ignore_ascii_case(b"len") {
                options.len = true;
            } else if word.eq_ignore_ascii_case(b"withmatchlen") {
                options.with_match_len = true;
            } else if word.eq_ignore_ascii_case(b"minmatchlen")
                && let Some(n) = args.get(at + 1)
            {
                options.min_match_len = integer(n)?;
                at += 1;
            } else {
                return Err(error::SYNTAX.into());
            }
            at += 1;
        }
        if options.len && options.idx {
            return Err("ERR If you want both the length and indexes, please just use IDX.".into());
        }
        Ok(options)
    }
}

/// `LCS key1 key2 [LEN] [IDX] [MINMATCHLEN n] [WITHMATCHLEN]`
pub(super) fn lcs(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let a = shard.string_for_lcs(cx, args.at(1));
    let b = shard.string_for_lcs(cx, args.at(2));
    answer(a, b, Options::parse(args), shard.settings.bulk_len_max, reply)
}

impl Shard {
    /// A copy of a string, empty when the key is not there; `None` when it is no string.
    fn string_for_lcs(&mut self, cx: &Cx, key: &[u8]) -> Option<Vec<u8>> {
        let key = self.key(key);
        self.read(cx, &key, Touch::Normal, |entry| match entry {
            None => Some(Vec::new()),
            Some(entry) => entry.string().map(|value| string::text(value).into_owned()),
        })
    }
}

/// The reply for two values as [`Shard::string_for_lcs`] gives them. Bad options are refused only after
/// values that are no strings, as in Redis.
fn answer(
    a: Option<Vec<u8>>,
    b: Option<Vec<u8>>,
    options: Result<Options, Refused>,
    bytes_max: u64,
    reply: &mut Reply<'_>,
) -> Outcome {
    let (Some(a), Some(b)) = (a, b) else { return Err(NOT_STRINGS.into()) };
    let options = options?;
    let table = Table::build(&a, &b, bytes_max)?;
    if options.len {
        reply.int(i64::from(table.at(a.len(), b.len())));
        return Ok(());
    }
    let (common, matches) = table.walk_back(&a, &b);
    if !options.idx {
        reply.bulk(&common);
        return Ok(());
    }
    let long_enough = |m: &&Match| m.len as i64 >= options.min_match_len;
    reply.map(2);
    reply.bulk(b"matches");
    reply.array(matches.iter().filter(long_enough).count());
    for found in matches.iter().filter(long_enough) {
        found.write(options.with_match_len, reply);
    }
    reply.bulk(b"len");
    reply.int(common.len() as i64);
    Ok(())
}

/// A run of bytes that both strings have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Match {
    a: usize,
    b: usize,
    len: usize,
}

impl Match {
    fn write(&self, with_len: bool, reply: &mut Reply<'_>) {
        reply.array(2 + usize::from(with_len));
        for start in [self.a, self.b] {
            reply.array(2);
            reply.int(start as i64);
            reply.int((start + self.len - 1) as i64);
        }
        if with_len {
            reply.int(self.len as i64);
        }
    }
}

/// `len(i, j)`, row by row.
struct Table {
    cells: Vec<u32>,
    width: usize,
}

impl Table {
    fn build(a: &[u8], b: &[u8], bytes_max: u64) -> Result<Self, Refused> {
        const LEN_MAX: usize = u32::MAX as usize - 1;
        if a.len() >= LEN_MAX || b.len() >= LEN_MAX {
            return Err("ERR String too long for LCS".into());
        }
        let width = b.len() + 1;
        let cells = (a.len() as u64 + 1) * width as u64; // below 2^64: both factors are below 2^32
        if cells.checked_mul(4).is_none_or(|bytes| bytes > bytes_max) {
            let text = "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len";
            return Err(text.into());
        }
        let mut table = Self { cells: vec![0; cells as usize], width };
        for (i, &x) in a.iter().enumerate() {
            let (done, rest) = table.cells.split_at_mut((i + 1) * width);
            let (above, row) = (&done[i * width..], &mut rest[..width]);
            for (j, &y) in b.iter().enumerate() {
                row[j + 1] = if x == y { above[j] + 1 } else { above[j + 1].max(row[j]) };
            }
        }
        Ok(table)
    }

    fn at(&self, i: usize, j: usize) -> u32 {
        self.cells[i * self.width + j]
    }

    /// The subsequence, and its runs from the last to the first.
    fn walk_back(&self, a: &[u8], b: &[u8]) -> (Vec<u8>, Vec<Match>) {
        let (mut i, mut j) = (a.len(), b.len());
        let mut common = Vec::with_capacity(self.at(i, j) as usize);
        let mut matches: Vec<Match> = Vec::new();
        while i > 0 && j > 0 {
            if a[i - 1] == b[j - 1] {
                common.push(a[i - 1]);
                match matches.last_mut() {
                    Some(last) if last.a == i && last.b == j => {
                        *last = Match { a: i - 1, b: j - 1, len: last.len + 1 };
                    }
                    _ => matches.push(Match { a: i - 1, b: j - 1, len: 1 }),
                }
                (i, j) = (i - 1, j - 1);
            } else if self.at(i - 1, j) > self.at(i, j - 1) {
                i -= 1;
            } else {
                j -= 1;
            }
        }
        common.reverse();
        (common, matches)
    }
}
