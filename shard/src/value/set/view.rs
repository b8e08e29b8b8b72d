//! Reading a set where it lies, whatever its form.
//!
//! Members come out as they are stored: an integer of a packed form as [`Member::Int`], without a text that somebody
//! would have to make first; all else as bytes. One member may thus look different in two sets (`Int(5)` in an
//! intset, `Bytes("5")` in a table): ask with [`SetView::contains`], which sees through that, or compare
//! [`Distinct`]s, which have one look.

use crate::db::{Entry, Key};
use crate::value::dict::Dict;
use persist::dense::Dense;
use persist::intset::Intset;
use std::collections::HashSet;
use std::hash::{BuildHasher, Hash, Hasher};
use std::ops::ControlFlow;

/// A member, as it is stored or given.
pub use persist::dense::Element as Member;

/// A set to be read.
#[derive(Clone, Copy, Debug)]
pub enum SetView<'a> {
    Intset(Intset<'a>),
    Pack(Dense<'a>),
    Table(&'a Dict),
}

/// Looks a member up by its text, which an integer has not got yet.
#[inline]
pub(crate) fn with_text<R>(member: Member<'_>, then: impl FnOnce(&[u8]) -> R) -> R {
    match member {
        Member::Bytes(text) => then(text),
        Member::Int(n) => then(itoa::Buffer::new().format(n).as_bytes()),
    }
}

impl<'a> SetView<'a> {
    /// Number of members. (There are some: a key with an empty set does not exist.)
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Intset(set) => set.len(),
            Self::Pack(list) => list.len(),
            Self::Table(table) => table.len(),
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether `member`, in whatever look, is in the set.
    #[must_use]
    pub fn contains(&self, member: Member<'_>) -> bool {
        match (self, member) {
            (Self::Intset(set), member) => member.to_int().is_some_and(|n| set.contains(n)),
            (Self::Pack(list), member) => with_text(member, |text| list.find(text, 0).is_some()),
            (Self::Table(table), member) => with_text(member, |text| table.contains(text)),
        }
    }

    /// Visits every member once, until one breaks. A table is asked bucket by bucket, so that some members
    /// more than the one that broke may have been looked at, but are not visited.
    pub fn try_each(&self, visit: &mut dyn FnMut(Member<'a>) -> ControlFlow<()>) -> ControlFlow<()> {
        match *self {
            Self::Intset(set) => set.iter().try_for_each(|n| visit(Member::Int(n))),
            Self::Pack(list) => list.iter().try_for_each(visit),
            Self::Table(table) => try_each_entry(table, visit),
        }
    }

    /// Visits every member once: integers ascending, a pack's in its order, a table's in the table's.
    pub fn each(&self, visit: &mut dyn FnMut(Member<'a>)) {
        match *self {
            Self::Intset(set) => set.iter().for_each(|n| visit(Member::Int(n))),
            Self::Pack(list) => list.iter().for_each(visit),
            Self::Table(table) => table.each(&mut |entry: &'a Entry| visit(Member::Bytes(entry.key()))),
        }
    }

    /// Visits the members of one step of SSCAN; the next cursor, 0 at the end. What is packed is one step.
    pub fn scan(&self, cursor: u64, visit: &mut dyn FnMut(Member<'a>)) -> u64 {
        match *self {
            Self::Intset(_) | Self::Pack(_) => {
                self.each(visit);
                0
            }
            Self::Table(table) => {
                table.scan(cursor, &mut |entry: &'a Entry| visit(Member::Bytes(entry.key())))
            }
        }
    }

    /// Whether both are views of one and the same set.
    #[must_use]
    pub fn is(&self, other: &SetView<'_>) -> bool {
        match (self, other) {
            (Self::Intset(a), SetView::Intset(b)) => std::ptr::eq(a.bytes(), b.bytes()),
            (Self::Pack(a), SetView::Pack(b)) => std::ptr::eq(a.body(), b.body()),
            (Self::Table(a), SetView::Table(b)) => std::ptr::eq(*a, *b),
            _ => false,
        }
    }
}

fn try_each_entry<'a>(
    table: &'a Dict,
    visit: &mut dyn FnMut(Member<'a>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let mut cursor = 0;
    loop {
        let mut flow = ControlFlow::Continue(());
        cursor = table.scan(cursor, &mut |entry: &'a Entry| {
            if flow.is_continue() {
                flow = visit(Member::Bytes(entry.key()));
            }
        });
        flow?;
        if cursor == 0 {
            return ControlFlow::Continue(());
        }
    }
}

/// Members of several sets, each once: what SUNION and SDIFF work with. They stay where they lie; the order of
/// iteration depends on nothing but the members and the seed.
pub type DistinctSet<'a> = HashSet<Distinct<'a>, Seeded>;

/// A member in the one look that it has in all sets: every canonical integer is an `Int`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Distinct<'a>(Member<'a>);

impl<'a> From<Member<'a>> for Distinct<'a> {
    fn from(member: Member<'a>) -> Self {
        Self(member.to_int().map_or(member, Member::Int))
    }
}

impl<'a> Distinct<'a> {
    #[must_use]
    pub fn member(&self) -> Member<'a> {
        self.0
    }
}

impl Hash for Distinct<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self.0 {
            Member::Int(n) => state.write(&n.to_le_bytes()),
            Member::Bytes(text) => state.write(text),
        }
    }
}

/// Hashes as the keyspace does, under the shard's seed: clients choose members.
#[derive(Clone, Copy, Debug)]
pub struct Seeded(pub u64);

impl BuildHasher for Seeded {
    type Hasher = SeededHasher;

    fn build_hasher(&self) -> SeededHasher {
        SeededHasher(self.0)
    }
}

/// The seed before, and the hash after one write.
#[derive(Clone, Copy, Debug)]
pub struct SeededHasher(u64);

impl Hasher for SeededHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = Key::new(bytes, self.0).hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Thresholds;
    use crate::value::Collection;
    use crate::value::set::{Rules, Set};

    /// The same members in all three forms: "5" and "-70" as integers or texts.
    fn forms() -> [Set; 3] {
        let rules = Rules::new(&Thresholds::default(), 1);
        let mut table = Set::Table(Dict::new(1));
        let mut list = Set::Pack(Vec::new());
        let mut ints = Set::Intset(persist::intset::new());
        for set in [&mut table, &mut list, &mut ints] {
            assert!(set.add(Member::Bytes(b"5"), &rules) && set.add(Member::Int(-70), &rules));
            assert!(!set.add(Member::Int(5), &rules) && !set.add(Member::Bytes(b"-70"), &rules));
        }
        [table, list, ints]
    }

    #[test]
    fn a_member_is_found_in_either_look() {
        for set in &forms() {
            let view = set.view();
            for there in [Member::Int(5), Member::Bytes(b"5"), Member::Bytes(b"-70")] {
                assert!(view.contains(there), "{there:?} in {view:?}");
            }
            for absent in [Member::Int(-5), Member::Bytes(b"05"), Member::Bytes(b""), Member::Int(70)] {
                assert!(!view.contains(absent), "{absent:?} in {view:?}");
            }
        }
    }

    #[test]
    fn members_of_all_forms_are_the_same_members() {
        let forms = forms();
        let mut seen = DistinctSet::with_hasher(Seeded(9));
        for set in &forms {
            set.view().each(&mut |member| {
                seen.insert(member.into());
            });
        }
        assert_eq!(seen.len(), 2);
    }

    #[test]
    fn a_walk_ends_where_it_is_told() {
        for set in &forms() {
            let mut visited = 0;
            let flow = set.view().try_each(&mut |_| {
                visited += 1;
                ControlFlow::Break(())
            });
            assert!(flow.is_break() && visited == 1);
            assert!(set.view().is(&set.view()) && !set.view().is(&Set::clone(set).view()));
        }
    }
}
