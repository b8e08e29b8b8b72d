//! Adding and removing members, and what form a set takes when: Redis 7.2's rules, which are not symmetric. An
//! intset grows until it has *more* than its limit and then skips the listpack, whatever it would hold; a
//! listpack refuses the member that would be *one too many*, or too long; an intset that meets a text turns
//! into a listpack only if the text still fits one. SADD looks at the number of its arguments, too.

use super::{Member, Set};
use crate::collection::Env;
use crate::settings::Thresholds;
use crate::value::Collection;
use crate::value::dict::Dict;
use persist::dense::{self, Dense};
use persist::intset::{self, Intset};

use super::view::with_text;

/// No intset has more members, whatever its directive says: Redis's bound for its 32-bit lengths.
const INTSET_ENTRIES_MAX: usize = 1 << 30;

/// When a set changes its form, and the seed of the table it may become.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    intset_entries_max: usize,
    pub(super) listpack_entries_max: usize,
    /// Bytes of a member.
    listpack_value_max: usize,
    pub(super) seed: u64,
}

impl Rules {
    /// `seed` is that of the shard.
    #[must_use]
    pub fn new(thresholds: &Thresholds, seed: u64) -> Self {
        Self {
            intset_entries_max: thresholds.set_max_intset_entries,
            listpack_entries_max: thresholds.set_max_listpack_entries,
            listpack_value_max: thresholds.set_max_listpack_value,
            seed,
        }
    }

    pub(crate) fn of(env: &Env<'_>) -> Self {
        Self::new(&env.settings.thresholds, env.seed)
    }

    pub(super) fn too_many_for_intset(&self, members: usize) -> bool {
        members > self.intset_entries_max.min(INTSET_ENTRIES_MAX)
    }

    /// Whether a listpack of so many members and bytes may get one more of this length.
    fn fits_listpack(&self, members: usize, bytes: usize, member: usize) -> bool {
        members < self.listpack_entries_max
            && member <= self.listpack_value_max
            && dense::safe_to_add(bytes, member)
    }
}

impl Set {
    /// An empty set in the form that suits `first` and `count` members in all.
    #[must_use]
    pub fn for_members(first: Member<'_>, count: usize, rules: &Rules) -> Self {
        if count <= rules.intset_entries_max && first.to_int().is_some() {
            Self::new_intset()
        } else if count <= rules.listpack_entries_max {
            Self::new_listpack()
        } else {
            Self::Table(Dict::new(rules.seed))
        }
    }

    #[must_use]
    pub fn new_intset() -> Self {
        Self::Intset(intset::new())
    }

    #[must_use]
    pub fn new_listpack() -> Self {
        Self::Pack(Vec::new())
    }

    /// What SADD does before it adds `count` members: a new set gets its form, a packed one may turn into a table.
    pub fn expect(&mut self, first: Member<'_>, count: usize, rules: &Rules) {
        let too_many = match self {
            Self::Intset(_) if self.has_no_form() => {
                *self = Self::for_members(first, count, rules);
                return;
            }
            Self::Intset(_) => count > rules.intset_entries_max,
            Self::Pack(_) => count > rules.listpack_entries_max,
            Self::Table(_) => false,
        };
        if too_many {
            self.become_table(rules);
        }
    }

    /// Adds a member to a set that has a form; false when it is there.
    pub fn add(&mut self, member: Member<'_>, rules: &Rules) -> bool {
        match self {
            Self::Table(table) => with_text(member, |text| table.add(text)),
            Self::Intset(bytes) => match member.to_int() {
                Some(n) => intset::insert(bytes, n) && self.grown_intset(rules),
                None => self.add_new(member, rules),
            },
            Self::Pack(_) => !self.view().contains(member) && self.add_new(member, rules),
        }
    }

    /// Adds a member that is not there, to a set that has a form. True, for the sake of [`Set::add`].
    pub fn add_new(&mut self, member: Member<'_>, rules: &Rules) -> bool {
        match self {
            Self::Intset(bytes) => {
                if let Some(n) = member.to_int() {
                    return intset::insert(bytes, n) && self.grown_intset(rules);
                }
                let set = Intset::new(bytes);
                let (longest, total) = pack_size(set);
                let fits = longest <= rules.listpack_value_max
                    && rules.fits_listpack(set.len(), total, member.len());
                if fits { self.become_listpack(total) } else { self.become_table(rules) }
            }
            Self::Pack(bytes) => {
                if !rules.fits_listpack(Dense::new(bytes).len(), bytes.len(), member.len()) {
                    self.become_table(rules);
                }
            }
            Self::Table(_) => {}
        }
        self.append(member);
        true
    }

    /// Adds a member that is not there, in the form that the set has: an intset takes only integers.
    pub(super) fn append(&mut self, member: Member<'_>) {
        match (self, member) {
            (Self::Intset(bytes), member) => {
                debug_assert!(member.to_int().is_some());
                member.to_int().map(|n| intset::insert(bytes, n));
            }
            (Self::Pack(bytes), Member::Int(n)) => dense::push_back_int(bytes, n),
            (Self::Pack(bytes), Member::Bytes(text)) => dense::push_back(bytes, text),
            (Self::Table(table), member) => {
                with_text(member, |text| table.add(text));
            }
        }
    }

    fn grown_intset(&mut self, rules: &Rules) -> bool {
        if rules.too_many_for_intset(self.len()) {
            self.become_table(rules);
        }
        true
    }

    /// Removes a member; whether it was there.
    pub fn remove(&mut self, member: Member<'_>) -> bool {
        match self {
            Self::Intset(bytes) => member.to_int().is_some_and(|n| intset::remove(bytes, n)),
            Self::Pack(bytes) => {
                let list = Dense::new(bytes);
                let found = with_text(member, |text| list.find(text, 0));
                found.map(|at| dense::remove(bytes, at)).is_some()
            }
            Self::Table(table) => with_text(member, |text| table.remove(text)),
        }
    }

    /// What SINTERSTORE does with a result of integers only: an intset is the smallest form for them.
    pub fn prefer_intset(&mut self, rules: &Rules) {
        if matches!(self, Self::Intset(_)) || rules.too_many_for_intset(self.len()) {
            return;
        }
        let mut bytes = intset::new();
        self.view().each(&mut |member| {
            member.to_int().map(|n| intset::insert(&mut bytes, n));
        });
        *self = Self::Intset(bytes);
    }

    /// Turns into a pack, with room for `bytes`; the members fit one.
    fn become_listpack(&mut self, bytes: usize) {
        let mut list = Self::Pack(Vec::with_capacity(bytes));
        self.view().each(&mut |member| list.append(member));
        *self = list;
    }

    fn become_table(&mut self, rules: &Rules) {
        let mut table = Self::Table(Dict::new(rules.seed));
        self.view().each(&mut |member| table.append(member));
        *self = table;
    }
}

/// Bytes of the longest member's text, and at most how many bytes all members take in a pack: the ends of an
/// intset are its longest.
fn pack_size(set: Intset<'_>) -> (usize, usize) {
    let ends = [set.min(), set.max()].into_iter().flatten();
    let longest = ends.clone().map(|n| Member::Int(n).len()).max().unwrap_or(0);
    let each = ends.map(|n| dense::Encoded::int(n).head().len()).max().unwrap_or(0);
    (longest, each * set.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::Encoding::{self, Hashtable, Intset as Ints, Listpack as List};

    fn rules(intset: usize, listpack: usize, value: usize) -> Rules {
        let thresholds = Thresholds {
            set_max_intset_entries: intset,
            set_max_listpack_entries: listpack,
            set_max_listpack_value: value,
            ..Thresholds::default()
        };
        Rules::new(&thresholds, 7)
    }

    /// Adds members one by one as SADD would; the encodings after each.
    fn encodings(members: &[&str], rules: &Rules) -> Vec<Encoding> {
        let mut set = Set::default();
        let one = |text: &&str| {
            let member = Member::Bytes(text.as_bytes());
            set.expect(member, 1, rules);
            assert!(set.add(member, rules), "{text} is new");
            set.encoding()
        };
        members.iter().map(one).collect()
    }

    #[test]
    fn a_set_takes_the_forms_of_redis() {
        let few = rules(3, 4, 5);
        assert_eq!(encodings(&["1", "2", "3", "4"], &few), [Ints, Ints, Ints, Hashtable]);
        assert_eq!(encodings(&["1", "2", "a", "3", "4"], &few), [Ints, Ints, List, List, Hashtable]);
        assert_eq!(encodings(&["a", "123456"], &few), [List, Hashtable]);
        assert_eq!(encodings(&["123456", "a"], &few), [Ints, Hashtable], "the integer is too long");
        assert_eq!(encodings(&["-12345", "7", "a"], &few), [Ints, Ints, Hashtable], "with its sign");
        assert_eq!(encodings(&["1", "toolong"], &few), [Ints, Hashtable]);
        assert_eq!(encodings(&["1", "2", "a"], &rules(9, 2, 9)), [Ints, Ints, Hashtable]);
        assert_eq!(encodings(&["1", "a"], &rules(0, 2, 9)), [List, List]);
        assert_eq!(encodings(&["1"], &rules(0, 0, 9)), [Hashtable]);
    }

    #[test]
    fn the_number_of_arguments_counts() {
        let few = rules(3, 4, 9);
        let after = |start: &[&str], first: &str, count: usize| {
            let mut set = Set::default();
            start.iter().for_each(|text| {
                let member = Member::Bytes(text.as_bytes());
                set.expect(member, 1, &few);
                set.add(member, &few);
            });
            set.expect(Member::Bytes(first.as_bytes()), count, &few);
            set.encoding()
        };
        assert_eq!([after(&[], "1", 3), after(&[], "1", 4), after(&[], "1", 5)], [Ints, List, Hashtable]);
        assert_eq!([after(&[], "a", 4), after(&[], "a", 5)], [List, Hashtable]);
        assert_eq!([after(&["1"], "1", 3), after(&["1"], "1", 4)], [Ints, Hashtable]);
        assert_eq!([after(&["a"], "1", 4), after(&["a"], "1", 5)], [List, Hashtable]);
    }

    #[test]
    fn integers_go_back_to_an_intset() {
        let few = rules(3, 9, 9);
        let made = |form: Set, members: &[i64]| {
            let mut set = form;
            members.iter().for_each(|&n| assert!(set.add(Member::Int(n), &rules(99, 99, 9))));
            set.prefer_intset(&few);
            (set.encoding(), set.len())
        };
        assert_eq!(made(Set::new_listpack(), &[3, 1, 2]), (Ints, 3));
        assert_eq!(made(Set::Table(Dict::new(7)), &[3, 1]), (Ints, 2));
        assert_eq!(made(Set::new_listpack(), &[3, 1, 2, 4]), (List, 4));
    }
}
