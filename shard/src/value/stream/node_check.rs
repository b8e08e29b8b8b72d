//! Whether foreign bytes are a node: what RESTORE and RDB files bring is not believed. After this no walk over the
//! node leaves it, in either direction, and its ids ascend.

use super::StreamId;
use super::node::SAME_FIELDS;
use persist::listpack::{self, Iter, Listpack};

/// Walks over the elements, none of which is taken on trust.
struct Walk<'a> {
    elements: Iter<'a>,
    /// Elements of the current entry so far.
    count: i64,
}

impl Walk<'_> {
    fn int(&mut self) -> Result<i64, &'static str> {
        self.count += 1;
        let element = self.elements.next().ok_or("a node that ends within an entry")?;
        element.to_int().ok_or("a text where a node has a number")
    }

    fn size(&mut self) -> Result<i64, &'static str> {
        self.int().and_then(|n| if n < 0 { Err("a negative count") } else { Ok(n) })
    }

    fn skip(&mut self, count: i64) -> Result<(), &'static str> {
        for _ in 0..count {
            self.elements.next().ok_or("a node that ends within an entry")?;
        }
        self.count = self.count.saturating_add(count);
        Ok(())
    }
}

/// Whether `bytes` are a node with the id `base`.
///
/// # Errors
/// What is wrong with it.
pub fn check(base: StreamId, bytes: &[u8]) -> Result<(), &'static str> {
    listpack::check(bytes, true).map_err(|corrupt| corrupt.why)?;
    let mut walk = Walk { elements: Listpack::new(bytes).iter(), count: 0 };
    let (live, deleted) = (walk.size()?, walk.size()?);
    let fields = walk.size()?;
    walk.skip(fields)?;
    if walk.int()? != 0 {
        return Err("a master entry without its end");
    }
    let (mut found, mut found_deleted) = (0, 0);
    let mut last = None;
    while walk.elements.clone().next().is_some() {
        let (id, is_deleted) = check_entry(&mut walk, base, fields)?;
        if last.is_some_and(|last| last >= id) || id < base {
            return Err("ids that do not ascend");
        }
        last = Some(id);
        found += 1;
        found_deleted += i64::from(is_deleted);
    }
    if live.checked_add(deleted) != Some(found) || deleted != found_deleted {
        return Err("a node with another number of entries than it says");
    }
    Ok(())
}

fn check_entry(walk: &mut Walk<'_>, base: StreamId, fields: i64) -> Result<(StreamId, bool), &'static str> {
    walk.count = 0;
    let flags = walk.int()?;
    let ms = base.ms.wrapping_add(walk.int()? as u64);
    let seq = base.seq.wrapping_add(walk.int()? as u64);
    if flags & SAME_FIELDS != 0 {
        walk.skip(fields)?;
    } else {
        let own = walk.size()?;
        walk.skip(own)?;
        walk.skip(own)?;
    }
    let before = walk.count;
    if walk.int()? != before {
        return Err("an entry of another length than it says");
    }
    Ok((StreamId { ms, seq }, flags & super::node::DELETED != 0))
}

#[cfg(test)]
mod tests {
    use super::super::node::{self, Node};
    use super::*;
    use proptest::prelude::*;

    fn sample() -> Vec<u8> {
        let entries = [[("a", "1")], [("a", "2")], [("b", "3")]];
        let pairs = |n: usize| entries[n].iter().map(|(f, v)| (f.as_bytes(), v.as_bytes()));
        let mut bytes = node::create(pairs(0));
        for n in 0..3 {
            node::append(&mut bytes, StreamId::new(7, 7), StreamId::new(7 + n as u64, 7), pairs(n));
        }
        bytes
    }

    #[test]
    fn faults_are_found() {
        let base = StreamId::new(7, 7);
        assert_eq!(check(base, &sample()), Ok(()));
        let of = |numbers: &[i64]| {
            let mut bytes = listpack::new();
            numbers.iter().for_each(|&n| listpack::push_back_int(&mut bytes, n));
            check(base, &bytes).is_ok()
        };
        assert!(of(&[1, 0, 1, 5, 0, 2, 0, 0, 9, 4]));
        assert!(!of(&[]), "empty");
        assert!(!of(&[1, 0, 1, 5, 7, 2, 0, 0, 9, 4]), "end of the master entry");
        assert!(!of(&[1, 0, 1, 5, 0, 2, 0, 0, 9, 5]), "lp-count");
        assert!(!of(&[2, 0, 1, 5, 0, 2, 0, 0, 9, 4]), "live");
        assert!(!of(&[1, 0, 1, 5, 0, 3, 0, 0, 9, 4]), "deleted");
        assert!(!of(&[1, 0, -1, 0, 2, 0, 0, 9, 4]), "negative");
        assert!(!of(&[1, 0, 1, 5, 0, 2, 0, 0, 9]), "cut short");
        assert!(!of(&[2, 0, 1, 5, 0, 2, 1, 0, 9, 4, 2, 1, 0, 9, 4]), "the same id twice");
        assert!(!of(&[1, 0, 1, 5, 0, 0, 0, 0, i64::MAX, 4]), "too many fields");
    }

    proptest! {
        /// What passes can be walked.
        #[test]
        fn hostile_bytes(at in 0..40usize, byte: u8, more in prop::option::of((0..40usize, any::<u8>()))) {
            let mut bytes = sample();
            for (at, byte) in [Some((at, byte)), more].into_iter().flatten() {
                if let Some(place) = bytes.get_mut(at) {
                    *place = byte;
                }
            }
            let base = StreamId::new(7, 7);
            if check(base, &bytes).is_ok() {
                let node = Node::new(base, &bytes);
                let forwards: Vec<_> = node.entries().map(|e| (e.id, e.pairs().count())).collect();
                let mut backwards: Vec<_> = node.entries_rev().map(|e| (e.id, e.pairs().count())).collect();
                backwards.reverse();
                prop_assert_eq!(forwards, backwards);
            }
        }
    }
}
