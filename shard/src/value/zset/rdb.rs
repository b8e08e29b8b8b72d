//! Sorted sets in RDB: a small one as Redis's listpack, a large one from the greatest member down, which is how Redis
//! fills its skiplists quickest.

use super::{Added, Limits, When, ZSet, ZSetView, packed};
use persist::rdb::{Error, Scored, Target, Type, Writer};

pub(in crate::value) fn type_of(view: ZSetView<'_>, target: Target) -> Type {
    match view {
        ZSetView::Packed(_) if target.has(Type::ZSetListpack) => Type::ZSetListpack,
        ZSetView::Packed(_) | ZSetView::Large(_) => Type::ZSet2,
    }
}

pub(in crate::value) fn save(view: ZSetView<'_>, what: Type, w: &mut Writer<'_>) {
    match view {
        ZSetView::Packed(bytes) if what == Type::ZSetListpack => w.string(&packed::to_listpack(bytes)),
        ZSetView::Packed(_) | ZSetView::Large(_) => {
            w.count(view.len());
            for (member, score) in view.iter(0..view.len(), true) {
                w.element(member);
                w.double(score);
            }
        }
    }
}

impl ZSet {
    /// A sorted set of a checked listpack. The length of its members is not looked at: as in Redis, they may be longer
    /// than new ones.
    pub(in crate::value) fn of_listpack(list: &[u8], limits: Limits) -> Self {
        let mut set = Self::Packed(packed::from_listpack(list));
        set.expect(set.len(), 0, limits);
        set
    }

    /// A sorted set of members that come one by one, in any order.
    pub(in crate::value) fn load(members: &mut Scored<'_, '_>, limits: Limits) -> Result<Self, Error> {
        let mut set = Self::default();
        set.expect(usize::try_from(members.left()).unwrap_or(usize::MAX), 0, limits);
        while let Some((member, score)) = members.pull()? {
            let added = set.add(member, score, When { nx: true, ..When::default() }, limits);
            if !matches!(added, Added::New(_)) {
                return Err(members.corrupt("a sorted set with the same member twice"));
            }
        }
        Ok(set)
    }
}
