//! A small sorted set: a listpack of member, score, member, score, in order.
//!
//! Scores are written as Redis does: whole ones as integers, others as the shortest text, so that DUMP and
//! files have the same bytes (and -0 becomes 0, as there). Everything is one walk over a few hundred bytes.

use super::Element;
use persist::listpack::{self, At, Listpack};
use proto::number::{parse_f64, push_f64};
use std::cmp::Ordering;

/// Longest text of a score, bytes.
const SCORE_TEXT_MAX: usize = 32;

/// The score that an element says.
#[inline]
pub(super) fn score_of(element: Element<'_>) -> f64 {
    match element {
        Element::Int(n) => n as f64,
        Element::Bytes(text) => parse_f64(text).unwrap_or(0.0),
    }
}

/// A member of a listpack against the bytes of another: members are ordered as bytes, not as numbers.
pub(crate) fn compare(member: Element<'_>, bytes: &[u8]) -> Ordering {
    match member {
        Element::Bytes(own) => own.cmp(bytes),
        Element::Int(n) => itoa::Buffer::new().format(n).as_bytes().cmp(bytes),
    }
}

/// A score that is stored as an integer.
fn whole(score: f64) -> Option<i64> {
    const MAX: f64 = (i64::MAX / 2) as f64;
    (score.abs() <= MAX && score as i64 as f64 == score).then_some(score as i64)
}

/// How many members a listpack has; bytes that are none yet have none.
#[inline]
pub(super) fn len(bytes: &[u8]) -> usize {
    if bytes.is_empty() { 0 } else { Listpack::new(bytes).len() / 2 }
}

/// Where a member stands, and its score.
#[inline]
pub(super) fn find(bytes: &[u8], member: &[u8]) -> Option<(At, f64)> {
    if bytes.is_empty() {
        return None;
    }
    let pack = Listpack::new(bytes);
    let at = pack.find(pack.first()?, member, 1)?;
    Some((at, score_of(pack.get(pack.next(at)?))))
}

/// The first pair of which `before` is false: its rank and, unless it is past the end, its place.
pub(super) fn partition_point(
    bytes: &[u8],
    before: impl Fn(f64, Element<'_>) -> bool,
) -> (usize, Option<At>) {
    if bytes.is_empty() {
        return (0, None);
    }
    let pack = Listpack::new(bytes);
    let (mut rank, mut next) = (0, pack.first());
    while let Some(at) = next
        && let Some(score_at) = pack.next(at)
    {
        if !before(score_of(pack.get(score_at)), pack.get(at)) {
            break;
        }
        rank += 1;
        next = pack.next(score_at);
    }
    (rank, next)
}

/// Whether a pair of a listpack comes before another.
#[inline]
pub(super) fn is_before(score: f64, member: Element<'_>, than: (f64, &[u8])) -> bool {
    score < than.0 || score == than.0 && compare(member, than.1) == Ordering::Less
}

/// Adds a member that is not there, in its place.
pub(super) fn insert(bytes: &mut Vec<u8>, member: &[u8], score: f64) {
    let (_, place) = partition_point(bytes, |s, m| is_before(s, m, (score, member)));
    match place {
        None => push(bytes, member, score),
        Some(at) => {
            let at = listpack::insert_before(bytes, at, member);
            if let Some(n) = whole(score) {
                // The score goes before the element behind the new one.
                if let Some(behind) = Listpack::new(bytes).next(at) {
                    listpack::insert_before_int(bytes, behind, n);
                }
            } else {
                listpack::insert_after(bytes, at, &text_of(score));
            }
        }
    }
}

/// Adds a member behind the last.
pub(super) fn push(bytes: &mut Vec<u8>, member: &[u8], score: f64) {
    if bytes.is_empty() {
        *bytes = listpack::new();
    }
    let mut pair = listpack::Appender::new(bytes);
    pair.text(member);
    match whole(score) {
        Some(n) => pair.int(n),
        None => pair.text(&text_of(score)),
    }
}

fn text_of(score: f64) -> Vec<u8> {
    let mut text = Vec::with_capacity(SCORE_TEXT_MAX);
    push_f64(&mut text, score);
    text
}

/// Removes `count` pairs from `at` on.
pub(super) fn remove(bytes: &mut Vec<u8>, at: At, count: usize) {
    listpack::remove_range(bytes, at, 2 * count);
    if Listpack::new(bytes).is_empty() {
        bytes.clear();
    }
}

/// Where the pair of a rank stands.
pub(super) fn seek(bytes: &[u8], rank: usize) -> Option<At> {
    if bytes.is_empty() { None } else { Listpack::new(bytes).seek(2 * rank as i64) }
}
