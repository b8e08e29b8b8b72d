//! Ranges of scores and of names, as clients write them, and as ranks.
//!
//! | written              | means                            |
//! |----------------------|----------------------------------|
//! | `1.5`, `inf`, `-inf` | a score, included                |
//! | `(1.5`               | a score, excluded                |
//! | `[a`, `(a`           | a name, included, excluded       |
//! | `-`, `+`             | before and behind all names      |

use super::{Element, ZSetView, compare};
use proto::number::parse_f64;
use std::cmp::Ordering;
use std::ops::Range;

/// One end of a range of scores.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct ScoreBound {
    pub score: f64,
    pub open: bool,
}

/// One end of a range of names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NameBound<'a> {
    First,
    Last,
    At { name: &'a [u8], open: bool },
}

/// The members that a command is about.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Span<'a> {
    /// From one rank to another, both included; negative ones count from the end.
    Ranks(i64, i64),
    Scores(ScoreBound, ScoreBound),
    Names(NameBound<'a>, NameBound<'a>),
}

impl ScoreBound {
    /// What a bound says as C's `strtod` reads it, for which no text at all is 0, and leading blanks are none.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let (text, open) = match text {
            [b'(', rest @ ..] => (rest, true),
            _ => (text, false),
        };
        Some(Self { score: strtod(text)?, open })
    }
}

/// A whole text as `strtod` reads it where nobody asks for errors: overflow is an infinity, underflow 0.
fn strtod(text: &[u8]) -> Option<f64> {
    let text = &text[..text.iter().position(|&b| b == 0).unwrap_or(text.len())];
    if text.is_empty() {
        return Some(0.0);
    }
    let blanks = text.iter().take_while(|b| b.is_ascii_whitespace() || **b == 0x0b).count();
    let text = &text[blanks..];
    if let Some(score) = parse_f64(text) {
        return Some(score);
    }
    std::str::from_utf8(text).ok()?.parse::<f64>().ok().filter(|score| !score.is_nan())
}

impl<'a> NameBound<'a> {
    pub(crate) fn parse(text: &'a [u8]) -> Option<Self> {
        match text {
            b"-" => Some(Self::First),
            b"+" => Some(Self::Last),
            [b'(', name @ ..] => Some(Self::At { name, open: true }),
            [b'[', name @ ..] => Some(Self::At { name, open: false }),
            _ => None,
        }
    }

    /// Whether a name comes before a range that begins here; or, with `end`, before what is behind a range that
    /// ends here.
    fn passes(self, member: Element<'_>, end: bool) -> bool {
        match self {
            Self::First => false,
            Self::Last => true,
            Self::At { name, open } => match compare(member, name) {
                Ordering::Less => true,
                Ordering::Equal => open != end,
                Ordering::Greater => false,
            },
        }
    }
}

impl Span<'_> {
    /// The ranks of a set's members that are meant; for `reverse` ranks count from the highest.
    pub(crate) fn ranks(&self, view: &ZSetView<'_>, reverse: bool) -> Range<usize> {
        match *self {
            Self::Ranks(start, stop) => ranks(start, stop, view.len(), reverse),
            Self::Scores(min, max) => {
                let before = |score| score < min.score || min.open && score == min.score;
                let within = |score| score < max.score || !max.open && score == max.score;
                let start = view.partition_point(|score, _| before(score));
                let end = view.partition_point(|score, _| within(score));
                start..end.max(start)
            }
            Self::Names(min, max) => {
                let start = view.partition_point(|_, member| min.passes(member, false));
                let end = view.partition_point(|_, member| max.passes(member, true));
                start..end.max(start)
            }
        }
    }
}

/// A client's range of ranks, both ends included, among `len`.
fn ranks(start: i64, stop: i64, len: usize, reverse: bool) -> Range<usize> {
    let len = len as i64;
    let from_front = |at: i64| if at < 0 { at.saturating_add(len) } else { at };
    let (start, stop) = (from_front(start).max(0), from_front(stop).min(len - 1));
    if start > stop {
        return 0..0;
    }
    let (start, end) = (start as usize, stop as usize + 1);
    if reverse { len as usize - end..len as usize - start } else { start..end }
}

/// Leaves out the first `offset` of a range and keeps `limit` of what is left, all if it is negative; a negative
/// offset leaves nothing.
pub(crate) fn limited(range: Range<usize>, offset: i64, limit: i64, reverse: bool) -> Range<usize> {
    let Ok(offset) = usize::try_from(offset) else { return 0..0 };
    let skipped = offset.min(range.len());
    let kept = usize::try_from(limit).unwrap_or(usize::MAX).min(range.len() - skipped);
    if reverse {
        let end = range.end - skipped;
        end - kept..end
    } else {
        let start = range.start + skipped;
        start..start + kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(text: &str) -> Option<(f64, bool)> {
        ScoreBound::parse(text.as_bytes()).map(|b| (b.score, b.open))
    }

    #[test]
    fn scores_as_strtod_reads_them() {
        for (text, want) in [
            ("1.5", Some((1.5, false))),
            ("(1.5", Some((1.5, true))),
            ("-inf", Some((f64::NEG_INFINITY, false))),
            ("(+infinity", Some((f64::INFINITY, true))),
            ("0x10", Some((16.0, false))),
            ("1e400", Some((f64::INFINITY, false))),
            ("", Some((0.0, false))),
            ("(", Some((0.0, true))),
            (" 1", Some((1.0, false))),
            ("((1", None),
            ("nan", None),
            ("1 ", None),
            ("x", None),
        ] {
            assert_eq!(bound(text), want, "{text:?}");
        }
    }

    #[test]
    fn names() {
        assert_eq!(NameBound::parse(b"-"), Some(NameBound::First));
        assert_eq!(NameBound::parse(b"["), Some(NameBound::At { name: b"", open: false }));
        assert_eq!(NameBound::parse(b"(a"), Some(NameBound::At { name: b"a", open: true }));
        for text in ["", "a", "++", "-a"] {
            assert_eq!(NameBound::parse(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn ranks_count_from_either_end() {
        assert_eq!(ranks(0, -1, 5, false), 0..5);
        assert_eq!(ranks(0, 0, 5, true), 4..5);
        assert_eq!(ranks(-2, 10, 5, false), 3..5);
        assert_eq!(ranks(1, 2, 5, true), 2..4);
        assert!(ranks(3, 1, 5, false).is_empty() && ranks(5, 9, 5, true).is_empty());
        assert!(ranks(i64::MIN, i64::MIN, 5, false).is_empty() && ranks(0, -1, 0, true).is_empty());
        assert_eq!(ranks(i64::MIN, i64::MAX, 5, false), 0..5);
    }

    #[test]
    fn limits_cut_from_the_side_that_comes_first() {
        assert_eq!(limited(2..7, 1, 2, false), 3..5);
        assert_eq!(limited(2..7, 1, 2, true), 4..6);
        assert_eq!(limited(2..7, 0, -1, true), 2..7);
        assert!(limited(2..7, 9, 1, false).is_empty() && limited(2..7, -1, 1, true).is_empty());
        assert!(limited(2..7, 0, 0, false).is_empty());
    }
}
