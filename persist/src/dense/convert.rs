//! Packs to and from listpacks, the form of files and DUMP payloads.

use super::{Dense, Encoded, HEADER, UNCOUNTED_MAX};
use crate::listpack::{self, Element, Listpack};
use crate::packed::{size_class, trim};

/// A pack of the elements of a listpack that was checked.
#[must_use]
pub fn from_listpack(bytes: &[u8]) -> Vec<u8> {
    let (list, mut count) = (Listpack::new(bytes), 0u32);
    let mut v = Vec::with_capacity(size_class(bytes.len()));
    v.extend_from_slice(&[0; HEADER]);
    for element in list {
        let element = match element {
            Element::Int(n) => Encoded::int(n),
            Element::Bytes(text) => Encoded::of(text),
        };
        v.extend_from_slice(element.head());
        v.extend_from_slice(element.body());
        count += 1;
    }
    if v.len() - HEADER > UNCOUNTED_MAX {
        v[..HEADER].copy_from_slice(&count.to_le_bytes());
    } else {
        v.drain(..HEADER);
    }
    trim(&mut v);
    v
}

/// A listpack of the elements of a pack: the bytes that Redis would have.
#[must_use]
pub fn to_listpack(pack: Dense<'_>) -> Vec<u8> {
    let mut v = listpack::with_capacity(listpack::EMPTY_BYTES + pack.body().len());
    let mut all = listpack::Appender::new(&mut v);
    pack.iter().for_each(|element| all.element(element));
    drop(all);
    v
}
