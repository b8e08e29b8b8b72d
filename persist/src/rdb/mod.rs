//! RDB: how Redis writes values to files and into DUMP payloads. Here are the values; [`file`] is many of them.
//!
//! ```text
//!   DUMP payload    | type | value                            | version | CRC-64 |     payload.rs
//!   in a file       | type | key  | value                     |
//!                     1 B            of that type's shape        2 B LE    8 B LE
//!   value           counts, strings, doubles in turn, or one string that is a packed form
//! ```
//!
//! | file        | holds                                                                      |
//! |-------------|----------------------------------------------------------------------------|
//! | `opcode`    | the bytes that name types, and what else stands in a file                  |
//! | `source`    | where bytes come from, and the faults found there                          |
//! | `decode`    | lengths, strings, numbers: out of a [`Source`]                             |
//! | `encode`    | the same, into a `Vec`                                                     |
//! | `value`     | a value of any type, told to a [`Visitor`]                                 |
//! | `items`     | what a visitor is handed to take the elements of a value from              |
//! | `stream`    | the same for a stream, which is more than elements                         |
//! | `check`     | what a packed form must be for its type                                    |
//! | `old`       | packed forms that are read only: ziplist, zipmap                           |
//! | `payload`   | the end of a DUMP payload                                                  |
//! | `target`    | which version to write                                                     |
//! | `file`      | whole files: everything around the values                                  |
//!
//! **Neutral.** What a value becomes is the [`Visitor`]'s affair: [`decode`] calls the method of the value's kind, and
//! that *pulls* the elements, so that whoever builds a set has its loop in one place, and a value larger than
//! memory passes through without being held twice. Writing needs no visitor: [`Writer`] has the pieces.
//!
//! **Trust.** None, also behind a right checksum ([`crate::crc64`] says why). Every packed form is walked, its
//! lengths, order and duplicates checked, before it is handed on; a length is compared with the bytes that are left
//! before anything is allocated for it; what a count promises is read, not reserved. Redis does as much only
//! under `sanitize-dump-payload yes`; here readers index packed bytes without asking, so that it is always done.
//!
//! **Versions.** All types of RDB 1 to 12 are read (12 is Redis 7.4's, with fields that expire). Written are those
//! of version 11 (Redis 7.2, Valkey 8), and 12's where a hash has an expiry of a field: nobody else could read it. A
//! [`Target`] asks for an older one.

pub mod check;
mod decode;
mod encode;
pub mod file;
mod items;
mod old;
mod opcode;
mod payload;
pub mod skim;
mod source;
mod stream;
mod target;
#[cfg(test)]
mod tests;
mod value;

pub use decode::Decoder;
pub use encode::Writer;
pub use items::{Fields, HashField, ListNode, Members, Nodes, Scored};
pub use opcode::{Opcode, Type, VERSION_MAX};
pub use payload::{FOOTER_BYTES, open, seal};
pub use source::{Error, Fault, Slice, Source};
pub use stream::{Consumer, Group, Id, Pending, StreamFacts, StreamParts};
pub use target::Target;
pub use value::{Visitor, decode};
