//! Changing a pack in its `Vec`. Every editor comes down to [`splice`]: old bytes give way to new ones with one memmove
//! of what follows, then the count is brought up to date, or comes or goes.
//!
//! The caller keeps the whole within [`BYTES_MAX`](super::BYTES_MAX) ([`safe_to_add`](super::safe_to_add)): data types
//! turn into something else long before.

use super::{
    At, Element, Elements, Encoded, HEADER, UNCOUNTED_MAX, Unit, body, body_mut, header_size, len, walk,
};
use crate::listpack::{decode, encoded_size};
use crate::packed::reserve_class;

/// Puts the parts `new`, one after the other, in the place of the `old` bytes at `at` of the body; there are `change`
/// units more after it.
#[inline]
pub fn splice<U: Unit>(v: &mut Vec<u8>, at: usize, old: usize, new: &[&[u8]], change: isize) {
    let start = header_size(v.len());
    let added: usize = new.iter().map(|part| part.len()).sum();
    let is_counted = v.len() - start - old + added > UNCOUNTED_MAX;
    // Asked while the body is whole.
    let count = if is_counted { len::<U>(v).saturating_add_signed(change) } else { 0 };
    make_room(v, start + at, old, added);
    let mut to = start + at;
    for part in new {
        v[to..to + part.len()].copy_from_slice(part);
        to += part.len();
    }
    match (start > 0, is_counted) {
        (false, true) => make_room(v, 0, 0, HEADER),
        (true, false) => make_room(v, 0, HEADER, 0),
        _ => {}
    }
    if is_counted {
        v[..HEADER].copy_from_slice(&(count as u32).to_le_bytes()); // a unit takes a byte, and there are 2^29 at most
    }
}

/// Makes the `old` bytes at `at` `new` bytes, of any content, by one move of what follows.
#[inline]
fn make_room(v: &mut Vec<u8>, at: usize, old: usize, new: usize) {
    let len = v.len();
    if new > old {
        reserve_class(v, new - old);
        v.resize(len + new - old, 0);
        v.copy_within(at + old..len, at + new);
    } else if new < old {
        v.copy_within(at + old..len, at + new);
        v.truncate(len - (old - new));
    }
}

fn put(v: &mut Vec<u8>, at: usize, old: usize, element: &Encoded<'_>, change: isize) -> At {
    splice::<Elements>(v, at, old, &[element.head(), element.body()], change);
    At::new(at)
}

/// Bytes that the element at `at` takes.
fn size_at(v: &[u8], at: At) -> usize {
    encoded_size(&body(v)[at.offset()..])
}

/// Adds an element behind the last.
pub fn push_back(v: &mut Vec<u8>, text: &[u8]) {
    put(v, body(v).len(), 0, &Encoded::of(text), 1);
}

/// Adds an integer behind the last element.
pub fn push_back_int(v: &mut Vec<u8>, n: i64) {
    put(v, body(v).len(), 0, &Encoded::int(n), 1);
}

/// Adds an element before the first.
pub fn push_front(v: &mut Vec<u8>, text: &[u8]) {
    put(v, 0, 0, &Encoded::of(text), 1);
}

/// Adds an element before the one at `at`; where the new one is.
pub fn insert_before(v: &mut Vec<u8>, at: At, text: &[u8]) -> At {
    put(v, at.offset(), 0, &Encoded::of(text), 1)
}

/// Adds an element behind the one at `at`; where the new one is.
pub fn insert_after(v: &mut Vec<u8>, at: At, text: &[u8]) -> At {
    put(v, at.offset() + size_at(v, at), 0, &Encoded::of(text), 1)
}

/// Changes the element at `at`, where it stays. Nothing moves if it takes as many bytes as before.
pub fn replace(v: &mut Vec<u8>, at: At, text: &[u8]) -> At {
    put(v, at.offset(), size_at(v, at), &Encoded::of(text), 0)
}

/// Changes the element at `at` to an integer.
pub fn replace_int(v: &mut Vec<u8>, at: At, n: i64) -> At {
    put(v, at.offset(), size_at(v, at), &Encoded::int(n), 0)
}

/// Removes the element at `at`.
pub fn remove(v: &mut Vec<u8>, at: At) {
    remove_range(v, at, 1);
}

/// Removes `count` elements from the one at `at` on, or as many as there are.
pub fn remove_range(v: &mut Vec<u8>, at: At, count: usize) {
    let walk = walk::<Elements>(&body(v)[at.offset()..], count);
    splice::<Elements>(v, at.offset(), walk.end, &[], -(walk.passed as isize));
}

/// Removes the elements that `keep` refuses, asked of each in turn; how many. One pass, whatever is removed.
pub fn retain(v: &mut Vec<u8>, mut keep: impl FnMut(Element<'_>) -> bool) -> usize {
    let all = body_mut(v);
    let (mut from, mut to, mut removed) = (0, 0, 0);
    while from < all.len() {
        let size = encoded_size(&all[from..]);
        if keep(decode(&all[from..])) {
            all.copy_within(from..from + size, to);
            to += size;
        } else {
            removed += 1;
        }
        from += size;
    }
    // What is not whole behind `to` is not walked: a pack that has a count after it had one before.
    splice::<Elements>(v, to, from - to, &[], -(removed as isize));
    removed
}
