//! Sets in RDB: an intset as it lies, a pack as a listpack, a table as its members; so is a pack for who does not know
//! listpacks of members.

use super::{Rules, Set, SetView, edit};
use crate::value::Collection;
use crate::value::dict::Dict;
use persist::dense::{from_listpack, to_listpack};
use persist::rdb::{Error, Members, Target, Type, Writer};

pub(in crate::value) fn type_of(view: SetView<'_>, target: Target) -> Type {
    match view {
        SetView::Intset(_) => Type::SetIntset,
        SetView::Pack(_) if target.has(Type::SetListpack) => Type::SetListpack,
        SetView::Pack(_) | SetView::Table(_) => Type::Set,
    }
}

pub(in crate::value) fn save(view: SetView<'_>, what: Type, w: &mut Writer<'_>) {
    match view {
        SetView::Intset(set) => w.string(set.bytes()),
        SetView::Pack(list) if what == Type::SetListpack => w.string(&to_listpack(list)),
        SetView::Pack(_) | SetView::Table(_) => {
            w.count(view.len());
            view.each(&mut |member| w.element(member));
        }
    }
}

impl Set {
    /// A set of a checked intset.
    pub(in crate::value) fn of_intset(bytes: Vec<u8>, rules: &Rules) -> Self {
        let set = Self::Intset(bytes);
        if rules.too_many_for_intset(set.len()) { set.into_table(rules) } else { set }
    }

    /// A set of a checked listpack. The length of its members is not looked at: as in Redis, they may be longer than
    /// new ones.
    pub(in crate::value) fn of_listpack(list: &[u8], rules: &Rules) -> Self {
        let set = Self::Pack(from_listpack(list));
        if set.len() > rules.listpack_entries_max { set.into_table(rules) } else { set }
    }

    fn into_table(self, rules: &Rules) -> Self {
        let mut table = Self::Table(Dict::new(rules.seed));
        self.view().each(&mut |member| table.append(member));
        table
    }

    /// A set of members that come one by one. As many as an intset may not have are not tried as one.
    pub(in crate::value) fn load(members: &mut Members<'_, '_>, rules: &edit::Rules) -> Result<Self, Error> {
        let too_many = usize::try_from(members.left()).map_or(true, |count| rules.too_many_for_intset(count));
        let mut set = if too_many { Self::Table(Dict::new(rules.seed)) } else { Self::new_intset() };
        while let Some(member) = members.pull()? {
            if !set.add(member, rules) {
                return Err(members.corrupt("a set with the same member twice"));
            }
        }
        Ok(set)
    }
}
