//! A node of a stream: some hundred entries in one listpack, byte for byte as Redis lays them out, since RDB
//! files and DUMP carry these bytes.
//!
//! ```text
//!   master entry:  | live | deleted | n | field 1 | ... | field n | 0 |
//!   same fields:   | flags | ms | seq | value 1 | ... | value n | lp-count |
//!   other fields:  | flags | ms | seq | m | field 1 | value 1 | ... | field m | value m | lp-count |
//! ```
//! - *live* and *deleted* count the entries that follow; together they are all of them.
//! - The *fields* of the master entry are those of the node's first entry. An entry with the same ones, in the
//!   same order, has [`SAME_FIELDS`] and stores values only, as most entries of most streams do.
//! - *ms* and *seq* are the entry's id less the node's, which is that of its first entry. As 64-bit
//!   differences they wrap: in a later millisecond a smaller *seq* gives a negative one.
//! - *lp-count* is the number of elements before it in the entry, so that the walk can go backwards; the
//!   master entry ends in 0, which stops it.
//! - An entry that is deleted gets [`DELETED`] and stays: nothing moves. The node goes when no live one is left.
//!
//! **Costs.** Appending is a few writes at the end, without looking at other entries than the master.
//! Finding an id is a walk over the node: that is why nodes are kept small (`stream-node-max-*`).

use super::id::StreamId;
use persist::listpack::{self, At, Element, Iter, Listpack};

/// The entry is deleted.
pub const DELETED: i64 = 1;
/// The entry's fields are those of the master entry.
pub const SAME_FIELDS: i64 = 2;

/// Elements of an entry besides fields, their number and values: flags, ms, seq.
const FIXED: i64 = 3;

/// What an entry is made of: the fields and values in turn, as a client wrote them.
pub trait Pairs<'a>: Iterator<Item = (&'a [u8], &'a [u8])> + ExactSizeIterator + Clone {}
impl<'a, T: Iterator<Item = (&'a [u8], &'a [u8])> + ExactSizeIterator + Clone> Pairs<'a> for T {}

/// A number that a node has at this place; 0 if the bytes say otherwise, which no checked node does.
fn int(element: Option<Element<'_>>) -> i64 {
    element.and_then(|e| e.to_int()).unwrap_or(0)
}

/// A node without entries whose master entry has the fields of `pairs`.
pub fn create<'a>(pairs: impl Pairs<'a>) -> Vec<u8> {
    let mut bytes = listpack::new();
    listpack::push_back_int(&mut bytes, 0);
    listpack::push_back_int(&mut bytes, 0);
    listpack::push_back_int(&mut bytes, pairs.len() as i64);
    for (field, _) in pairs {
        listpack::push_back(&mut bytes, field);
    }
    listpack::push_back_int(&mut bytes, 0);
    bytes
}

/// Adds an entry behind the last of the node with the id `base`.
pub fn append<'a>(bytes: &mut Vec<u8>, base: StreamId, id: StreamId, pairs: impl Pairs<'a>) {
    let same = has_fields(bytes, pairs.clone());
    let count = pairs.len() as i64;
    let mut entry = listpack::Appender::new(bytes);
    entry.int(if same { SAME_FIELDS } else { 0 });
    entry.int(id.ms.wrapping_sub(base.ms) as i64);
    entry.int(id.seq.wrapping_sub(base.seq) as i64);
    if !same {
        entry.int(count);
    }
    for (field, value) in pairs {
        if !same {
            entry.text(field);
        }
        entry.text(value);
    }
    entry.int(if same { FIXED + count } else { FIXED + 1 + 2 * count });
    drop(entry);
    add_counts(bytes, 1, 0);
}

/// Whether the master entry has exactly these fields.
fn has_fields<'a>(bytes: &[u8], mut pairs: impl Pairs<'a>) -> bool {
    let mut master = Listpack::new(bytes).iter().skip(2);
    let count = int(master.next());
    count == pairs.len() as i64
        && pairs.all(|(field, _)| master.next().is_some_and(|known| known.eq_bytes(field)))
}

/// The entries that live and those that are deleted.
#[must_use]
pub fn counts(bytes: &[u8]) -> (u64, u64) {
    let mut elements = Listpack::new(bytes).iter();
    let mut count = || int(elements.next()).max(0) as u64;
    (count(), count())
}

fn add_counts(bytes: &mut Vec<u8>, live_more: i64, deleted_more: i64) {
    let (live, deleted) = counts(bytes);
    let Some(first) = Listpack::new(bytes).first() else { return };
    let first = listpack::replace_int(bytes, first, live as i64 + live_more);
    if deleted_more != 0
        && let Some(second) = Listpack::new(bytes).next(first)
    {
        listpack::replace_int(bytes, second, deleted as i64 + deleted_more);
    }
}

/// Marks entries as deleted, each given by where its flags are; they must live. Nothing moves but, rarely, all by
/// the byte that a larger count takes.
pub fn delete(bytes: &mut Vec<u8>, entries: &[At]) {
    for &at in entries {
        let flags = int(Some(Listpack::new(bytes).get(at)));
        listpack::replace_int(bytes, at, flags | DELETED);
    }
    let count = entries.len() as i64;
    add_counts(bytes, -count, count);
}

/// One entry of a node.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    pub id: StreamId,
    pub flags: i64,
    /// Pairs of field and value.
    pub len: usize,
    /// The fields of the master entry, if they are the entry's.
    fields: Option<Iter<'a>>,
    rest: Iter<'a>,
}

impl<'a> Entry<'a> {
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.flags & DELETED != 0
    }

    /// Fields and values, in order.
    pub fn pairs(&self) -> impl Iterator<Item = (Element<'a>, Element<'a>)> + use<'a> {
        let mut pairs = self.clone();
        (0..self.len).map_while(move |_| pairs.pair())
    }

    fn pair(&mut self) -> Option<(Element<'a>, Element<'a>)> {
        let field = match &mut self.fields {
            Some(fields) => fields.next(),
            None => self.rest.next(),
        };
        Some((field?, self.rest.next()?))
    }
}

/// A node to be read, and its id.
#[derive(Clone, Debug)]
pub struct Node<'a> {
    base: StreamId,
    pack: Listpack<'a>,
    /// The fields of the master entry.
    fields: Iter<'a>,
    field_count: usize,
}

impl<'a> Node<'a> {
    #[must_use]
    pub fn new(base: StreamId, bytes: &'a [u8]) -> Self {
        let pack = Listpack::new(bytes);
        let mut fields = pack.iter();
        fields.next();
        fields.next();
        let field_count = int(fields.next()).max(0) as usize;
        Self { base, pack, fields, field_count }
    }

    /// Reads the entry that begins here, up to its first field or value.
    fn entry(&self, mut rest: Iter<'a>) -> Option<Entry<'a>> {
        let flags = int(Some(rest.next()?));
        let ms = self.base.ms.wrapping_add(int(rest.next()) as u64);
        let seq = self.base.seq.wrapping_add(int(rest.next()) as u64);
        let (fields, len) = if flags & SAME_FIELDS != 0 {
            (Some(self.fields.clone()), self.field_count)
        } else {
            (None, int(rest.next()).max(0) as usize)
        };
        Some(Entry { id: StreamId { ms, seq }, flags, len, fields, rest })
    }

    /// All entries from the first on, deleted ones too.
    #[must_use]
    pub fn entries(&self) -> Entries<'a> {
        let mut rest = self.fields.clone();
        skip(&mut rest, self.field_count + 1);
        Entries { node: self.clone(), rest }
    }

    /// All entries from the last on, deleted ones too.
    #[must_use]
    pub fn entries_rev(&self) -> EntriesRev<'a> {
        EntriesRev { end: self.pack.last(), node: self.clone() }
    }

    /// All entries with where their flags are, to be handed to [`delete`].
    pub fn places(&self) -> impl Iterator<Item = (At, Entry<'a>)> + use<'a> {
        let pack = self.pack;
        let mut at = pack.first();
        for _ in 0..self.field_count + 4 {
            at = at.and_then(|at| pack.next(at));
        }
        let node = self.clone();
        std::iter::from_fn(move || {
            let flags_at = at?;
            let entry = node.entry(pack.iter_from(flags_at))?;
            let elements =
                if entry.fields.is_some() { FIXED as usize } else { FIXED as usize + 1 + entry.len };
            for _ in 0..=elements + entry.len {
                at = at.and_then(|at| pack.next(at));
            }
            Some((flags_at, entry))
        })
    }
}

fn skip(elements: &mut Iter<'_>, count: usize) {
    for _ in 0..count {
        elements.next();
    }
}

/// The entries of a node, forwards.
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    node: Node<'a>,
    rest: Iter<'a>,
}

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        let entry = self.node.entry(self.rest.clone())?;
        self.rest = entry.rest.clone();
        let each = if entry.fields.is_some() { 1 } else { 2 };
        skip(&mut self.rest, entry.len * each + 1);
        Some(entry)
    }
}

/// The entries of a node, backwards.
#[derive(Clone, Debug)]
pub struct EntriesRev<'a> {
    node: Node<'a>,
    /// The lp-count of the next entry, which is its last element; that of the master entry says 0.
    end: Option<At>,
}

impl<'a> Iterator for EntriesRev<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        let pack = self.node.pack;
        let mut at = self.end?;
        for _ in 0..int(Some(pack.get(at))) {
            at = pack.prev(at)?;
        }
        if Some(at) == self.end {
            self.end = None; // the master entry
            return None;
        }
        self.end = pack.prev(at);
        self.node.entry(pack.iter_from(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Owned = (StreamId, bool, Vec<(Vec<u8>, Vec<u8>)>);

    fn owned(entry: Entry<'_>) -> Owned {
        let pairs = entry.pairs().map(|(field, value)| (field.to_vec(), value.to_vec())).collect();
        (entry.id, entry.is_deleted(), pairs)
    }

    fn pairs<'a>(text: &[(&'a str, &'a str)]) -> Vec<(&'a [u8], &'a [u8])> {
        text.iter().map(|(field, value)| (field.as_bytes(), value.as_bytes())).collect()
    }

    fn sample() -> (StreamId, Vec<u8>) {
        let base = StreamId::new(5, 9);
        let first = pairs(&[("a", "1"), ("b", "x")]);
        let mut bytes = create(first.iter().copied());
        append(&mut bytes, base, base, first.iter().copied());
        append(&mut bytes, base, StreamId::new(6, 0), pairs(&[("a", "2"), ("b", "y")]).into_iter());
        append(&mut bytes, base, StreamId::new(u64::MAX, u64::MAX), pairs(&[("c", "3")]).into_iter());
        append(&mut bytes, base, StreamId::MAX, pairs(&[("a", "4"), ("c", "z")]).into_iter());
        (base, bytes)
    }

    /// What Redis 7.0.15 has in the DUMP of a stream with the same three XADDs.
    #[test]
    fn the_bytes_are_those_of_redis() {
        let base = StreamId::new(5, 9);
        let first = pairs(&[("a", "1")]);
        let mut bytes = create(first.iter().copied());
        append(&mut bytes, base, base, first.iter().copied());
        append(&mut bytes, base, StreamId::new(6, 0), pairs(&[("b", "x")]).into_iter());
        let elements: Vec<_> = Listpack::new(&bytes).iter().map(|e| e.to_vec()).collect();
        let text: Vec<_> = elements.iter().map(|e| String::from_utf8_lossy(e).into_owned()).collect();
        assert_eq!(text.join(" "), "2 0 1 a 0 2 0 0 1 4 0 1 -9 1 b x 6");
        assert!(listpack::check(&bytes, true).is_ok());
    }

    #[test]
    fn entries_are_read_from_both_ends() {
        let (base, bytes) = sample();
        let node = Node::new(base, &bytes);
        let forwards: Vec<_> = node.entries().map(owned).collect();
        let mut backwards: Vec<_> = node.entries_rev().map(owned).collect();
        backwards.reverse();
        assert_eq!(forwards, backwards);
        let places: Vec<_> = node.places().map(|(_, entry)| owned(entry)).collect();
        assert_eq!(forwards, places);
        assert_eq!(forwards.len(), 4);
        assert_eq!(
            forwards[1],
            (
                StreamId::new(6, 0),
                false,
                vec![(b"a".to_vec(), b"2".to_vec()), (b"b".to_vec(), b"y".to_vec())]
            )
        );
        assert_eq!(forwards[2].2, [(b"c".to_vec(), b"3".to_vec())]);
    }

    #[test]
    fn deleting_marks() {
        let (base, mut bytes) = sample();
        let at: Vec<_> = Node::new(base, &bytes).places().map(|(at, _)| at).collect();
        delete(&mut bytes, &[at[0], at[2]]);
        assert_eq!(counts(&bytes), (2, 2));
        let node = Node::new(base, &bytes);
        assert_eq!(node.entries().map(|e| e.is_deleted()).collect::<Vec<_>>(), [true, false, true, false]);
        assert!(listpack::check(&bytes, true).is_ok());
    }

    #[test]
    fn a_node_without_entries_has_none() {
        let bytes = create(pairs(&[("f", "v")]).into_iter());
        let node = Node::new(StreamId::MIN, &bytes);
        assert_eq!((node.entries().count(), node.entries_rev().count(), node.places().count()), (0, 0, 0));
    }
}
