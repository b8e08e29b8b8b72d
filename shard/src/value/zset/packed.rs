//! A small sorted set: a [dense pack](persist::dense) of pairs in order, each a member and a [step](super::step) to its score.
//!
//! ```text
//!   member "a" | +10 | member "b" | +3 | member 42 | +0 | ...        scores 10, 13, 13
//! ```
//! Members are elements as in a listpack. Everything is one walk over a few hundred bytes, from the front: a score is
//! known only to who has added up those before.
//!
//! DUMP and files have the listpack that Redis would have: member, score, member, score, where whole scores are
//! integers and others the shortest text.

use super::Element;
use super::step::{self, Step, base_behind};
use persist::dense::{self, Elements, Encoded, Unit};
use persist::listpack::{self, Listpack};
use persist::packed::trim;
use proto::number::{parse_f64, push_f64};
use std::cmp::Ordering;

/// Longest text of a score, bytes.
const SCORE_TEXT_MAX: usize = 32;

/// What a pack is a sequence of.
struct Pair;

impl Unit for Pair {
    const MIN: usize = 2;

    #[inline]
    fn size(bytes: &[u8]) -> usize {
        let member = Elements::size(bytes);
        member + step::size(&bytes[member..])
    }

    #[inline]
    fn is_sized_by(_first: u8) -> bool {
        false // the member's first byte says nothing of the step
    }
}

/// Where a pair begins, or the end: good until the next edit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    at: usize,
    /// What the pair's step adds to.
    base: i64,
}

/// A member of a pack against the bytes of another: members are ordered as bytes, not as numbers.
pub(crate) fn compare(member: Element<'_>, bytes: &[u8]) -> Ordering {
    match member {
        Element::Bytes(own) => own.cmp(bytes),
        Element::Int(n) => itoa::Buffer::new().format(n).as_bytes().cmp(bytes),
    }
}

/// Whether a pair comes before another.
#[inline]
pub(super) fn is_before(score: f64, member: Element<'_>, than: (f64, &[u8])) -> bool {
    score < than.0 || score == than.0 && compare(member, than.1) == Ordering::Less
}

/// The pairs of a pack, lowest first.
#[derive(Clone)]
pub(super) struct Pairs<'a> {
    body: &'a [u8],
    place: Place,
}

impl<'a> Pairs<'a> {
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { body: dense::body(bytes), place: Place { at: 0, base: 0 } }
    }

    /// Passes over a pair; its member, as it is stored, and its score.
    #[inline]
    fn pass(&mut self) -> Option<(&'a [u8], f64)> {
        let rest = self.body.get(self.place.at..).filter(|rest| !rest.is_empty())?;
        let (member, rest) = rest.split_at(Elements::size(rest));
        let read = step::read(rest, self.place.base);
        self.place = Place { at: self.place.at + member.len() + read.size, base: read.base };
        Some((member, read.score))
    }

    /// Passes over `count` pairs.
    #[inline]
    pub fn skip_pairs(&mut self, count: usize) {
        for _ in 0..count {
            self.pass();
        }
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (Element<'a>, f64);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.pass().map(|(member, score)| (dense::decode(member), score))
    }
}

/// How many members a pack has.
#[inline]
pub(super) fn len(bytes: &[u8]) -> usize {
    dense::len::<Pair>(bytes)
}

/// Whether it has more than `max`.
#[inline]
pub(super) fn is_longer(bytes: &[u8], max: usize) -> bool {
    dense::is_longer::<Pair>(bytes, max)
}

/// Where a member stands, and its score.
#[inline]
pub(super) fn find(bytes: &[u8], member: &[u8]) -> Option<(Place, f64)> {
    let (needle, mut pairs) = (Encoded::of(member), Pairs::new(bytes));
    loop {
        let place = pairs.place;
        let (member, score) = pairs.pass()?;
        if needle.is(member) {
            return Some((place, score));
        }
    }
}

/// The first pair of which `before` is false: its rank and its place, which may be the end.
pub(super) fn partition_point(bytes: &[u8], before: impl Fn(f64, Element<'_>) -> bool) -> (usize, Place) {
    let (mut pairs, mut rank) = (Pairs::new(bytes), 0);
    loop {
        let place = pairs.place;
        match pairs.next() {
            Some((member, score)) if before(score, member) => rank += 1,
            _ => return (rank, place),
        }
    }
}

/// Adds a member that is not there, in its place.
pub(super) fn insert(bytes: &mut Vec<u8>, member: &[u8], score: f64) {
    let (_, place) = partition_point(bytes, |s, m| is_before(s, m, (score, member)));
    rebase(bytes, place, base_behind(score));
    put(bytes, place, member, score);
}

fn put(bytes: &mut Vec<u8>, place: Place, member: &[u8], score: f64) {
    let (member, step) = (Encoded::of(member), Step::new(score, place.base));
    dense::splice::<Pair>(bytes, place.at, 0, &[member.head(), member.body(), step.bytes()], 1);
}

/// Makes the pair at a place, if there is one, have the same score behind another base.
fn rebase(bytes: &mut Vec<u8>, place: Place, base: i64) {
    let rest = &dense::body(bytes)[place.at..];
    if rest.is_empty() || place.base == base {
        return;
    }
    let member = Elements::size(rest);
    let read = step::read(&rest[member..], place.base);
    let step = Step::new(read.score, base);
    dense::splice::<Pair>(bytes, place.at + member, read.size, &[step.bytes()], 0);
}

/// A pack of pairs that are in order.
pub(super) fn collect<M: AsRef<[u8]>>(pairs: impl Iterator<Item = (M, f64)>) -> Vec<u8> {
    let (mut bytes, mut base) = (Vec::new(), 0);
    for (member, score) in pairs {
        let at = dense::body(&bytes).len();
        put(&mut bytes, Place { at, base }, member.as_ref(), score);
        base = base_behind(score);
    }
    bytes
}

/// Removes `count` pairs from a place on, or as many as there are.
pub(super) fn remove(bytes: &mut Vec<u8>, from: Place, count: usize) {
    let mut pairs = Pairs { body: dense::body(bytes), place: from };
    let removed = (0..count).map_while(|_| pairs.pass()).count();
    let to = pairs.place;
    rebase(bytes, to, from.base);
    dense::splice::<Pair>(bytes, from.at, to.at - from.at, &[], -(removed as isize));
}

/// Where the pair of a rank stands.
pub(super) fn seek(bytes: &[u8], rank: usize) -> Place {
    let mut pairs = Pairs::new(bytes);
    pairs.skip_pairs(rank);
    pairs.place
}

/// A score that a listpack has as an integer.
fn whole(score: f64) -> Option<i64> {
    const MAX: f64 = (i64::MAX / 2) as f64;
    (score.abs() <= MAX && score as i64 as f64 == score).then_some(score as i64)
}

/// As Redis's listpack.
pub(super) fn to_listpack(bytes: &[u8]) -> Vec<u8> {
    let mut list = listpack::with_capacity(listpack::EMPTY_BYTES + bytes.len());
    let mut all = listpack::Appender::new(&mut list);
    let mut text = Vec::with_capacity(SCORE_TEXT_MAX);
    for (member, score) in Pairs::new(bytes) {
        all.element(member);
        if let Some(n) = whole(score) {
            all.int(n);
        } else {
            text.clear();
            push_f64(&mut text, score);
            all.text(&text);
        }
    }
    drop(all);
    list
}

/// Of a listpack that was checked.
pub(super) fn from_listpack(list: &[u8]) -> Vec<u8> {
    let mut elements = Listpack::new(list).iter();
    let mut bytes = collect(std::iter::from_fn(|| {
        let (member, score) = (elements.next()?, elements.next()?);
        let score = match score {
            Element::Int(n) => n as f64,
            Element::Bytes(text) => parse_f64(text).unwrap_or(0.0),
        };
        Some((member.to_vec(), score))
    }));
    trim(&mut bytes);
    bytes
}
