//! The packed forms of a hash: a listpack of pairs, or of triplets once a field has had an expiry.
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
//! grow. An empty hash may also be no bytes at all (a `Vec` that was just made).

use super::{Field, Was};
use crate::db::StrRef;
use crate::lookup::is_expired;
use persist::listpack::{self, At, Element, Listpack};

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

/// The listpack, unless there are no bytes.
#[inline]
fn listpack(bytes: &[u8]) -> Option<Listpack<'_>> {
    (!bytes.is_empty()).then(|| Listpack::new(bytes))
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
    listpack(bytes).map_or(0, |lp| lp.len() / form.stride())
}

#[must_use]
pub fn is_empty(bytes: &[u8]) -> bool {
    bytes.len() <= listpack::EMPTY_BYTES
}

/// All fields, in the order in which they lie.
pub fn fields(bytes: &[u8], form: Form) -> impl Iterator<Item = Field<'_>> {
    let mut elements = listpack(bytes).map(|lp| lp.iter());
    std::iter::from_fn(move || {
        let elements = elements.as_mut()?;
        let (name, value) = (elements.next()?, elements.next()?);
        let expire_at = if form == Form::Triplets { expiry(elements.next()) } else { None };
        Some(Field { name: text(name), value: text(value), expire_at })
    })
}

fn find_at(bytes: &[u8], form: Form, name: &[u8]) -> Option<At> {
    let lp = listpack(bytes)?;
    lp.find(lp.first()?, name, form.stride() - 1)
}

/// The value and the expiry of a field.
#[inline]
#[must_use]
pub fn get<'a>(bytes: &'a [u8], form: Form, name: &[u8]) -> Option<(StrRef<'a>, Option<i64>)> {
    let at = find_at(bytes, form, name)?;
    let mut elements = Listpack::new(bytes).iter_from(at).skip(1);
    let value = elements.next()?;
    let expire_at = if form == Form::Triplets { expiry(elements.next()) } else { None };
    Some((text(value), expire_at))
}

/// The field at a position.
#[must_use]
pub fn nth(bytes: &[u8], form: Form, index: usize) -> Option<Field<'_>> {
    let lp = listpack(bytes)?;
    let mut elements = lp.iter_from(lp.seek((index * form.stride()) as i64)?);
    let (name, value) = (elements.next()?, elements.next()?);
    let expire_at = if form == Form::Triplets { expiry(elements.next()) } else { None };
    Some(Field { name: text(name), value: text(value), expire_at })
}

/// When the first field expires: a look at the first triplet.
#[must_use]
pub fn first_deadline(bytes: &[u8], form: Form) -> Option<i64> {
    match form {
        Form::Pairs => None,
        Form::Triplets => expiry(listpack(bytes)?.iter().nth(2)),
    }
}

/// How many fields are due: they are the first ones.
#[must_use]
pub fn due(bytes: &[u8], form: Form, now_ms: i64) -> usize {
    fields(bytes, form).take_while(|field| is_expired(field.expire_at, now_ms)).count()
}

/// Where the value of a field lies, and where what follows the value does.
fn value_at(v: &[u8], field: At) -> (At, Option<At>) {
    let lp = Listpack::new(v);
    let Some(value) = lp.next(field) else { unreachable!("a field has a value") };
    (value, lp.next(value))
}

/// Sets a field; what expiry it has had stays if `keep` says so, unless it is due.
pub fn set(v: &mut Vec<u8>, form: Form, name: &[u8], value: &[u8], keep: bool, now_ms: i64) -> Was {
    let Some(field) = find_at(v, form, name) else {
        push(v, form, name, value);
        return Was::Absent;
    };
    let before = if form == Form::Triplets { expiry_of(v, field) } else { None };
    let (value_at, _) = value_at(v, field);
    listpack::replace(v, value_at, value);
    let is_due = is_expired(before, now_ms);
    if before.is_some() && (is_due || !keep) {
        put_expiry(v, field, None);
    }
    if is_due { Was::Due } else { Was::There }
}

/// Adds a field that is not there.
pub fn push(v: &mut Vec<u8>, form: Form, name: &[u8], value: &[u8]) {
    if v.is_empty() {
        start(v, form, name, value);
    }
    let mut field = listpack::Appender::new(v);
    field.text(name);
    field.text(value);
    if form == Form::Triplets {
        field.int(NEVER);
    }
}

/// Makes no bytes a listpack, with room for a first field.
#[cold]
fn start(v: &mut Vec<u8>, form: Form, name: &[u8], value: &[u8]) {
    let expiry = if form == Form::Triplets { listpack::int_element_size(NEVER) } else { 0 };
    let room = listpack::element_size(name) + listpack::element_size(value) + expiry;
    *v = listpack::with_capacity(listpack::EMPTY_BYTES + room);
}

/// Removes a field.
pub fn remove(v: &mut Vec<u8>, form: Form, name: &[u8], now_ms: i64) -> Was {
    let Some(field) = find_at(v, form, name) else { return Was::Absent };
    let is_due = form == Form::Triplets && is_expired(expiry_of(v, field), now_ms);
    listpack::remove_range(v, field, form.stride());
    if is_due { Was::Due } else { Was::There }
}

fn expiry_of(v: &[u8], field: At) -> Option<i64> {
    expiry(Listpack::new(v).iter_from(field).nth(2))
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
    listpack::replace_int(v, expiry_at, expire_at.unwrap_or(NEVER));
    let lp = Listpack::new(v);
    let end = v.len() - 1;
    let offset = |at: Option<At>| at.map_or(end, At::offset);
    let (own, behind) = (field.offset(), offset(lp.next(expiry_at)));
    let target = offset(place_for(lp, field, expire_at));
    if target > behind {
        v[own..target].rotate_left(behind - own);
    } else if target < own {
        v[target..behind].rotate_right(behind - own);
    }
}

/// Before which other triplet one that expires then belongs: behind those that expire no later.
fn place_for(lp: Listpack<'_>, own: At, expire_at: Option<i64>) -> Option<At> {
    let ms = expire_at?;
    let mut at = lp.first();
    while let Some(field) = at {
        let expiry_at = lp.next(field).and_then(|value| lp.next(value))?;
        let is_later = expiry(Some(lp.get(expiry_at))).is_none_or(|other| other > ms);
        if field != own && is_later {
            break;
        }
        at = lp.next(expiry_at);
    }
    at
}

/// Removes up to `max` fields that are due; how many.
pub fn reap(v: &mut Vec<u8>, form: Form, now_ms: i64, max: usize) -> usize {
    let due = due(v, form, now_ms).min(max);
    if due > 0
        && let Some(first) = Listpack::new(v).first()
    {
        listpack::remove_range(v, first, due * form.stride());
    }
    due
}

/// Pairs as triplets without an expiry.
#[must_use]
pub fn to_triplets(pairs: &[u8]) -> Vec<u8> {
    let room = pairs.len() + len(pairs, Form::Pairs) * listpack::int_element_size(NEVER);
    let mut triplets = listpack::with_capacity(room);
    for (at, element) in listpack(pairs).into_iter().flatten().enumerate() {
        match element {
            Element::Int(n) => listpack::push_back_int(&mut triplets, n),
            Element::Bytes(bytes) => listpack::push_back(&mut triplets, bytes),
        }
        if at % 2 == 1 {
            listpack::push_back_int(&mut triplets, NEVER);
        }
    }
    triplets
}
