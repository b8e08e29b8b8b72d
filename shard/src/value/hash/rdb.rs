//! Hashes in RDB: packed forms as listpacks, a table as its fields.
//!
//! A table with an expiry of a field has the first deadline before its fields, and the others counted from that: 0 is
//! none, 1 the first deadline itself. Who does not know a form gets the fields, without their expiries.

use super::{Hash, HashView, Terms, Was, pack, spell};
use crate::db::StrRef;
use persist::dense::{Dense, Element, from_listpack, to_listpack};
use persist::rdb::{Error, Fields, Target, Type, Writer};

pub(in crate::value) fn type_of(view: HashView<'_>, target: Target) -> Type {
    let wanted = match view {
        HashView::Pairs(_) => Type::HashListpack,
        HashView::Timed(_) => Type::HashTimedListpack,
        HashView::Fields(fields) if fields.first_deadline().is_some() => Type::HashTimed,
        HashView::Fields(_) => Type::Hash,
    };
    if target.has(wanted) { wanted } else { Type::Hash }
}

fn string(text: StrRef<'_>, w: &mut Writer<'_>) {
    match text {
        StrRef::Int(n) => w.int(n),
        StrRef::Bytes(bytes) => w.string(bytes),
    }
}

pub(in crate::value) fn save(view: HashView<'_>, what: Type, w: &mut Writer<'_>) {
    match view {
        HashView::Pairs(bytes) if what == Type::HashListpack => w.string(&to_listpack(Dense::new(bytes))),
        HashView::Timed(bytes) if what == Type::HashTimedListpack => {
            w.time_ms(view.first_deadline().unwrap_or(0));
            w.string(&to_listpack(Dense::new(bytes)));
        }
        HashView::Pairs(_) | HashView::Timed(_) | HashView::Fields(_) => {
            let first = view.first_deadline().filter(|_| what == Type::HashTimed);
            if let Some(ms) = first {
                w.time_ms(ms);
            }
            w.count(view.len());
            view.each(&mut |field| {
                if let Some(first) = first {
                    w.length(field.expire_at.map_or(0, |ms| ms.abs_diff(first) + 1));
                }
                string(field.name, w);
                string(field.value, w);
            });
        }
    }
}

impl Hash {
    /// A hash of a checked listpack, of triplets if it is `timed`. The length of its texts is not looked at: as in
    /// Redis, they may be longer than new ones.
    pub(in crate::value) fn of_listpack(listpack: &[u8], timed: bool, terms: &Terms<'_>) -> Self {
        let form = if timed { pack::Form::Triplets } else { pack::Form::Pairs };
        let bytes = from_listpack(listpack);
        let too_many = pack::is_longer(&bytes, form, terms.thresholds.hash_max_listpack_entries);
        let mut hash = if timed { Self::Timed(bytes) } else { Self::Pairs(bytes) };
        if too_many {
            hash.make_table(terms);
        }
        hash
    }

    /// A hash of fields that come one by one.
    pub(in crate::value) fn load(fields: &mut Fields<'_, '_>, terms: &Terms<'_>) -> Result<Self, Error> {
        let mut hash = if fields.is_timed() { Self::Timed(Vec::new()) } else { Self::default() };
        if fields.left() > terms.thresholds.hash_max_listpack_entries as u64 {
            hash.make_table(terms);
        }
        let mut digits = itoa::Buffer::new();
        while let Some(field) = fields.pull()? {
            let value = match field.value {
                Element::Int(n) => StrRef::Int(n),
                Element::Bytes(bytes) => StrRef::Bytes(bytes),
            };
            let value = spell(value, &mut digits);
            hash.prepare(terms, [field.name, value].into_iter());
            let was = hash.set(field.name, value, terms);
            hash.set_expiry(field.name, field.expire_at);
            if was != Was::Absent {
                return Err(fields.corrupt("a hash with the same field twice"));
            }
        }
        Ok(hash)
    }
}
