//! A value of any type, told to a visitor.

use super::check;
use super::decode::Decoder;
use super::items::{Fields, Members, Nodes, Scored, empty, first_deadline, within};
use super::old::{ziplist, zipmap};
use super::opcode::Type;
use super::source::{Error, Fault, MODULE_NAME_BYTES};
use super::stream::StreamParts;
use crate::intset;
use crate::listpack::{Corrupt, Element};

/// What values become. Of the packed forms all has been checked that [`check`] can; what they become
/// may still depend on thresholds.
pub trait Visitor {
    type Value;

    fn string(&mut self, text: Element<'_>) -> Self::Value;

    /// A list, which has elements; in nodes as they were, or not.
    fn list(&mut self, nodes: &mut Nodes<'_, '_>) -> Result<Self::Value, Error>;

    /// A set of integers, which has members.
    fn set_intset(&mut self, bytes: Vec<u8>) -> Self::Value;

    /// A small set, which has members.
    fn set_listpack(&mut self, bytes: Vec<u8>) -> Self::Value;

    /// Members, some; whether one comes twice is for the visitor to see. So it is with the next two.
    fn set(&mut self, members: &mut Members<'_, '_>) -> Result<Self::Value, Error>;

    /// A small hash, which has fields; `timed` if it is triplets.
    fn hash_listpack(&mut self, bytes: Vec<u8>, timed: bool) -> Self::Value;

    fn hash(&mut self, fields: &mut Fields<'_, '_>) -> Result<Self::Value, Error>;

    /// A small sorted set, which has members.
    fn zset_listpack(&mut self, bytes: Vec<u8>) -> Self::Value;

    fn zset(&mut self, members: &mut Scored<'_, '_>) -> Result<Self::Value, Error>;

    /// A stream, which may be empty. Its nodes are for the visitor to check.
    fn stream(&mut self, parts: &mut StreamParts<'_, '_>) -> Result<Self::Value, Error>;
}

/// Reads the value that follows its type.
///
/// # Errors
/// What is wrong with it. Behind [`Fault::Empty`] a file goes on; behind the others nothing is known.
pub fn decode<V: Visitor>(what: Type, from: &mut Decoder<'_>, visitor: &mut V) -> Result<V::Value, Error> {
    match what {
        Type::String => Ok(visitor.string(from.text()?)),
        Type::List | Type::ListZiplist | Type::ListQuicklist | Type::ListQuicklist2 => {
            list(what, from, visitor)
        }
        Type::Set => {
            let mut members = Members::begin(from)?;
            some(members.left(), &members.corrupt(""))?;
            visitor.set(&mut members)
        }
        Type::ZSet | Type::ZSet2 => {
            let mut members = Scored::begin(from, what == Type::ZSet)?;
            some(members.left(), &members.corrupt(""))?;
            visitor.zset(&mut members)
        }
        Type::Hash | Type::HashTimed | Type::HashTimedEarly => {
            let mut fields = Fields::begin(from, what)?;
            some(fields.left(), &fields.corrupt(""))?;
            visitor.hash(&mut fields)
        }
        Type::SetIntset => {
            let bytes = from.string()?;
            // One without members is a fault of its own for the check of its bytes.
            some(intset_len(&bytes), &from.corrupt(""))?;
            within(from, intset::check(&bytes, true))?;
            Ok(visitor.set_intset(bytes))
        }
        Type::SetListpack => Ok(visitor.set_listpack(packed(from, Ok, check::set)?)),
        Type::ZSetListpack => Ok(visitor.zset_listpack(packed(from, Ok, check::zset)?)),
        Type::ZSetZiplist => Ok(visitor.zset_listpack(packed(from, of_ziplist, check::zset)?)),
        Type::HashListpack => Ok(visitor.hash_listpack(packed(from, Ok, pairs)?, false)),
        Type::HashZiplist => Ok(visitor.hash_listpack(packed(from, of_ziplist, pairs)?, false)),
        Type::HashZipmap => Ok(visitor.hash_listpack(packed(from, of_zipmap, pairs)?, false)),
        Type::HashTimedListpack => {
            first_deadline(from)?;
            Ok(visitor.hash_listpack(packed(from, Ok, triplets)?, true))
        }
        Type::HashTimedListpackEarly => Ok(visitor.hash_listpack(packed(from, Ok, triplets)?, true)),
        Type::StreamListpacks | Type::StreamListpacks2 | Type::StreamListpacks3 => {
            visitor.stream(&mut StreamParts::begin(from, what)?)
        }
        Type::Module | Type::Module2 => Err(module(what, from)),
    }
}

/// Refuses none.
fn some(count: u64, at: &Error) -> Result<(), Error> {
    if count == 0 { Err(Error { fault: Fault::Empty, ..*at }) } else { Ok(()) }
}

fn list<V: Visitor>(what: Type, from: &mut Decoder<'_>, visitor: &mut V) -> Result<V::Value, Error> {
    let mut nodes = Nodes::begin(from, what)?;
    let value = visitor.list(&mut nodes)?;
    if nodes.has_any { Ok(value) } else { Err(empty(from)) }
}

/// A packed form that has elements: read, made a listpack, checked.
fn packed(
    from: &mut Decoder<'_>,
    to_listpack: impl FnOnce(Vec<u8>) -> Result<Vec<u8>, Corrupt>,
    check: impl FnOnce(&[u8]) -> Result<usize, Corrupt>,
) -> Result<Vec<u8>, Error> {
    let bytes = from.string()?;
    let bytes = within(from, to_listpack(bytes))?;
    let elements = within(from, check(&bytes))?;
    if elements == 0 { Err(empty(from)) } else { Ok(bytes) }
}

fn of_ziplist(bytes: Vec<u8>) -> Result<Vec<u8>, Corrupt> {
    ziplist::to_listpack(&bytes)
}

fn of_zipmap(bytes: Vec<u8>) -> Result<Vec<u8>, Corrupt> {
    zipmap::to_listpack(&bytes)
}

fn pairs(bytes: &[u8]) -> Result<usize, Corrupt> {
    check::hash(bytes, false)
}

fn triplets(bytes: &[u8]) -> Result<usize, Corrupt> {
    check::hash(bytes, true)
}

/// The length that the header of an intset says; 1 if there is none, which the check will find.
fn intset_len(bytes: &[u8]) -> u64 {
    match bytes {
        [_, _, _, _, l0, l1, l2, l3] => u32::from_le_bytes([*l0, *l1, *l2, *l3]).into(),
        _ => 1,
    }
}

/// The name of a module's type is in the 54 upper bits of its id, 6 a letter.
pub(super) fn module_name(id: u64) -> [u8; MODULE_NAME_BYTES] {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    std::array::from_fn(|place| LETTERS[(id >> (10 + 6 * (MODULE_NAME_BYTES - 1 - place)) & 63) as usize])
}

/// The refusal of a module's value.
fn module(what: Type, from: &mut Decoder<'_>) -> Error {
    if what == Type::Module {
        return from.corrupt("a module's value of a release candidate's form");
    }
    let at = from.offset();
    let id = match from.length() {
        Ok(id) => id,
        Err(error) => return error,
    };
    Error { at, fault: Fault::Module(module_name(id)) }
}
