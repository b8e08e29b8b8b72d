//! RDB files: what stands around the values. [`super`] knows a value, this knows a whole `dump.rdb`.
//!
//! ```text
//!   | REDIS0011 | AUX ... | FUNCTION2 ... | SELECTDB  keys ... | SELECTDB  keys ... | EOF | CRC-64 |
//!   '------------ head --------------------'- part ------------'- part -------------'--- tail ----'
//!   key   [EXPIRETIME_MS time] [IDLE seconds | FREQ count] type key value
//! ```
//!
//! | file       | holds                                                                                         |
//! |------------|-----------------------------------------------------------------------------------------------|
//! | `feed`     | a file as a [`Source`](super::Source): block after block, summed up as it passes              |
//! | `reader`   | the records of a file, or of a part of one, told to a [`FileVisitor`]; what it says of faults |
//! | `module`   | what modules have left in a file, passed over                                                 |
//! | `body`     | writing: keys and values into blocks, with all that a merge must know: a [`Fragment`]         |
//! | `head`     | writing: what stands before the keys, and behind them                                         |
//! | `merge`    | fragments of several shards as one file, without a look at their bytes                        |
//! | `parts`    | the field that tells where a file may be read from, so that many cores load it at once        |
//!
//! **Reading** is pulling: [`Reader::step`] reads one record, asking the [`Feed`] for blocks as it goes. Memory is a
//! block, and the longest string or packed form; a value of a billion elements passes through. What becomes of
//! a key is the visitor's affair: it decodes the value by a [`Visitor`](super::Visitor) of its own, or leaves it and
//! the reader passes over it (and checks it all the same).
//!
//! **Writing** has no file either. A shard has a [`Body`]; it writes keys, one by one or a large one in slices, and
//! takes blocks from it whenever enough bytes have gathered. What comes out at the end is a [`Fragment`]: facts about
//! the bytes, not the bytes. [`merge`](fn@merge) then says which bytes to put before the fragments and which behind, with the
//! checksum of the whole, combined from theirs; the file itself is made by `copy_file_range`.
//!
//! **Many cores.** A body begins a new *part* every [`PART_BYTES`], by naming the database again: Redis allows that
//! anywhere. The head of a merged file lists the lengths of all parts in an AUX field ([`Parts`]), of fixed width, so that
//! it can be measured before its numbers are known. Whoever knows the field reads each part from its offset by itself
//! ([`Reader::part`]) and combines their checksums ([`Parts::verify`]); whoever does not reads on, as always.
//!
//! **Reflinks.** A file system that can share blocks between files does so only at whole blocks. A large fragment
//! is therefore padded to a multiple of [`ALIGN`] by an AUX field that says nothing, and so is the head before it.
//!
//! **Versions.** Everything written obeys a [`Target`](super::Target). A file's version is known when all of it has been
//! written: [`Fragment::needs`] says which it must be at least.

mod body;
mod feed;
mod head;
mod merge;
mod module;
mod parts;
mod reader;
#[cfg(test)]
mod tests;

pub use body::{Body, Counts, Fragment, Meta, Options, PART_BYTES, Sliced};
pub use feed::{BLOCK_BYTES, Blocks, Feed, Unreadable};
pub use head::{Head, TAIL_BYTES, tail};
pub use merge::{ALIGN, Merged, Placed, merge};
pub use parts::{PARTS_FIELD, Parts};
pub use reader::{
    Failure, FileVisitor, Place, Reader, Record, Refused, Rules, Step, Summary, Unread, Verified, read,
};

/// "REDIS" and four digits.
pub const MAGIC_BYTES: usize = 9;
const MAGIC: &[u8; 5] = b"REDIS";
