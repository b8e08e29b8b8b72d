//! The packed forms of a hash: a [dense pack](persist::dense) of pairs, or of triplets once a field has had an expiry.
//!
//! ```text
//!   pairs      | field | value | field | value | ...
//!   triplets   | field | value | ms | field | value | ms | ... | field | value | 0 | ...
//!                expires first        then                        never
//! ```
//!
//! Triplets lie in the order of their expiry, those that stay at the end, as Redis keeps and saves them: so the
//! first deadline is the first triplet's, and what is due is a prefix that goes with one move. A field whose
//! expiry changes moves to its place by a rotation of the bytes between.
//!
//! A look-up is a walk over at most `hash-max-listpack-entries` fields, which in a few hundred bytes is
//! faster than any table. All functions take the form beside the bytes; none allocates but where the bytes
//! grow. An empty hash is no bytes at all.

use super::{Field, Was};
use crate::db::StrRef;
use crate::lookup::is_expired;
use persist::dense::{self, At, Dense, Element, Elements};

/// What follows a field: its value, or its value and its expiry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    Pairs,
    Triplets,
}

/// An expiry as it is stored: 0 is none.
const NEVER: i64 = 0;

impl Form {
    #[inline]
    const fn stride(self) -> usize {
        match self {
            Self::Pairs => 2,
            Self::Triplets => 3,
        }
    }
}

fn text(element: Element<'_>) -> StrRef<'_> {
    match element {
        Element::Int(n) => StrRef::Int(n),
        Element::Bytes(bytes) => StrRef::Bytes(bytes),
    }
}

fn expiry(element: Option<Element<'_>>) -> Option<i64> {
    match element {
        Some(Element::Int(ms)) if ms != NEVER => Some(ms),
        _ => None,
    }
}

/// Fields, those that are due but still there among them.
#[must_use]
pub fn len(bytes: &[u8], form: Form) -> usize {
    dense::len::<Elements>(bytes) / form.stride()
}

/// Whether there are more than `max` fields.
#[inline]
#[must_use]
pub fn is_longer(bytes: &[u8], form: Form, max: usize) -> bool {
    dense::is_longer::<Elements>(bytes, max.saturating_mul(form.stride()))
}

/// All fields, in the order in which they lie.
pub fn fields(bytes: &[u8], form: Form) -> impl Iterator<Item = Field<'_>> {
    let mut elements = Dense::new(bytes).iter();
    std::iter::from_fn(move || {
        let (name, value) = (elements.next()?, elements.next()?);
        let expire_at = if form == Form::Triplets { expiry(elements.next()) } else { None };
        Some(Field { name: text(name), value: text(value), expire_at })
    })
}

fn find_at(bytes: &[u8], form: Form, name: &[u8]) -> Option<At> {
    Dense::new(bytes).find(name, form.stride() - 1)
}

/// The value and the expiry of a field.
#[inline]
#[must_use]
pub fn get<'a>(bytes: &'a [u8], form: Form, name: &[u8]) -> Option<(StrRef<'a>, Option<i64>)> {
    let at = find_at(bytes, form, name)?;
    let mut elements = Dense::new(bytes).iter_from(at).skip(1);
    let value = elements.next()?;
    let expire_at = if form == Form::Triplets { expiry(elements.next()) } else { None };
    Some((text(value), expire_at))
}

/// The field at a position.
#[must_use]
pub fn nth(bytes: &[u8], form: Form, index: usize) -> Option<Field<'_>> {
    let pack = Dense::new(bytes);
    let mut elements = pack.iter_from(pack.seek(index * form.stride())?);
    let (name, value) = (elements.next()?, elements.next()?);
    let expire_at = if form == Form::Triplets { expiry(elements.next()) } else { None };
    Some(Field { name: text(name), value: text(value), expire_at })
}

/// When the first field expires: a look at the first triplet.
#[must_use]
pub fn first_deadline(bytes: &[u8], form: Form) -> Option<i64> {
    match form {
        Form::Pairs => None,
        Form::Triplets => expiry(Dense::new(bytes).iter().nth(2)),
    }
}

/// How many fields are due: they are the first ones.
#[must_use]
pub fn due(bytes: &[u8], form: Form, now_ms: i64) -> usize {
    fields(bytes, form).take_while(|field| is_expired(field.expire_at, now_ms)).count()
}

/// Where the value of a field lies, and where what follows the value does.
fn value_at(v: &[u8], field: At) -> (At, Option<At>) {
    let pack = Dense::new(v);
    let Some(value) = pack.next(field) else { unreachable!("a field has a value") };
    (value, pack.next(value))
}

/// Sets a field; what expiry it has had stays if `keep` says so, unless it is due.
pub fn set(v: &mut Vec<u8>, form: Form, name: &[u8], value: &[u8], keep: bool, now_ms: i64) -> Was {
    let Some(field) = find_at(v, form, name) else {
        push(v, form, name, value);
        return Was::Absent;
    };
    let before = if form == Form::Triplets { expiry_of(v, field) } else { None };
    let (value_at, _) = value_at(v, field);
    dense::replace(v, value_at, value);
    let is_due = is_expired(before, now_ms);
    if before.is_some() && (is_due || !keep) {
        put_expiry(v, field, None);
    }
    if is_due { Was::Due } else { Was::There }
}

/// Adds a field that is not there.
pub fn push(v: &mut Vec<u8>, form: Form, name: &[u8], value: &[u8]) {
    dense::push_back(v, name);
    dense::push_back(v, value);
    if form == Form::Triplets {
        dense::push_back_int(v, NEVER);
    }
}

/// Removes a field.
pub fn remove(v: &mut Vec<u8>, form: Form, name: &[u8], now_ms: i64) -> Was {
    let Some(field) = find_at(v, form, name) else { return Was::Absent };
    let is_due = form == Form::Triplets && is_expired(expiry_of(v, field), now_ms);
    dense::remove_range(v, field, form.stride());
    if is_due { Was::Due } else { Was::There }
}

fn expiry_of(v: &[u8], field: At) -> Option<i64> {
    expiry(Dense::new(v).iter_from(field).nth(2))
}

/// Sets or clears the expiry of a field that is there; the bytes must be triplets.
pub fn set_expiry(v: &mut Vec<u8>, name: &[u8], expire_at: Option<i64>) {
    if let Some(field) = find_at(v, Form::Triplets, name) {
        put_expiry(v, field, expire_at);
    }
}

/// Writes the expiry of the triplet at `field`, and moves it to where it belongs.
fn put_expiry(v: &mut Vec<u8>, field: At, expire_at: Option<i64>) {
    let (_, Some(expiry_at)) = value_at(v, field) else { unreachable!("a triplet has an expiry") };
    dense::replace_int(v, expiry_at, expire_at.unwrap_or(NEVER));
    let pack = Dense::new(v);
    let end = pack.body().len();
    let offset = |at: Option<At>| at.map_or(end, At::offset);
    let (own, behind) = (field.offset(), offset(pack.next(expiry_at)));
    let target = offset(place_for(pack, field, expire_at));
    let body = dense::body_mut(v);
    if target > behind {
        body[own..target].rotate_left(behind - own);
    } else if target < own {
        body[target..behind].rotate_right(behind - own);
    }
}

/// Before which other triplet one that expires then belongs: behind those that expire no later.
fn place_for(pack: Dense<'_>, own: At, expire_at: Option<i64>) -> Option<At> {
    let ms = expire_at?;
    let mut at = pack.first();
    while let Some(field) = at {
        let expiry_at = pack.next(field).and_then(|value| pack.next(value))?;
        let is_later = expiry(Some(pack.get(expiry_at))).is_none_or(|other| other > ms);
        if field != own && is_later {
            break;
        }
        at = pack.next(expiry_at);
    }
    at
}

/// Removes up to `max` fields that are due; how many.
pub fn reap(v: &mut Vec<u8>, form: Form, now_ms: i64, max: usize) -> usize {
    let due = due(v, form, now_ms).min(max);
    if due > 0
        && let Some(first) = Dense::new(v).first()
    {
        dense::remove_range(v, first, due * form.stride());
    }
    due
}

/// Pairs as triplets without an expiry.
#[must_use]
pub fn to_triplets(pairs: &[u8]) -> Vec<u8> {
    let mut triplets = Vec::with_capacity(pairs.len() + len(pairs, Form::Pairs));
    for (at, element) in Dense::new(pairs).into_iter().enumerate() {
        match element {
            Element::Int(n) => dense::push_back_int(&mut triplets, n),
            Element::Bytes(bytes) => dense::push_back(&mut triplets, bytes),
        }
        if at % 2 == 1 {
            dense::push_back_int(&mut triplets, NEVER);
        }
    }
    triplets
}
