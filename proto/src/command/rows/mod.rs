//! The rows themselves, one file per family, in alphabetical order.
//!
//! The facts are Redis 7.2's, since clients read them; the summaries are Percore's own. What a
//! row leaves out is the rule of its family (the function at the top of each file): group, explicit
//! ACL categories, where it runs. See [`super::table`] for what is derived.

use super::CommandSpec;

mod acl;
mod bitmap;
mod cluster;
mod connection;
mod generic;
mod geo;
mod hash;
mod hll;
mod introspect;
mod list;
mod pubsub;
mod scripting;
mod server;
mod set;
mod stream;
mod string;
mod transaction;
mod zset;

/// All rows.
pub(super) const FAMILIES: &[&[CommandSpec]] = &[
    acl::ROWS,
    bitmap::ROWS,
    cluster::ROWS,
    connection::ROWS,
    generic::ROWS,
    geo::ROWS,
    hash::ROWS,
    hll::ROWS,
    introspect::ROWS,
    list::ROWS,
    pubsub::ROWS,
    scripting::ROWS,
    server::ROWS,
    set::ROWS,
    stream::ROWS,
    string::ROWS,
    transaction::ROWS,
    zset::ROWS,
];

/// The words in which rows are written.
mod prelude {
    #![allow(unused_imports)] // each family uses its own part of the vocabulary

    pub(super) use super::super::flags::AclCategories as Acl;
    pub(super) use super::super::id::CommandId as Id;
    pub(super) use super::super::table::{CommandSpec, Group, Place, Split};
    pub(super) use super::vocabulary::*;
}

mod vocabulary {
    #![allow(dead_code)] // complete, whether or not a row uses the word today

    use super::super::flags::Flags;
    use crate::key_spec::{Begin, Find, KeyFlags, KeySpec};

    pub(crate) const WRITE: Flags = Flags::WRITE;
    pub(crate) const READONLY: Flags = Flags::READONLY;
    pub(crate) const DENYOOM: Flags = Flags::DENYOOM;
    pub(crate) const ADMIN: Flags = Flags::ADMIN;
    pub(crate) const PUBSUB: Flags = Flags::PUBSUB;
    pub(crate) const NOSCRIPT: Flags = Flags::NOSCRIPT;
    pub(crate) const BLOCKING: Flags = Flags::BLOCKING;
    pub(crate) const LOADING: Flags = Flags::LOADING;
    pub(crate) const STALE: Flags = Flags::STALE;
    pub(crate) const SKIP_MONITOR: Flags = Flags::SKIP_MONITOR;
    pub(crate) const SKIP_SLOWLOG: Flags = Flags::SKIP_SLOWLOG;
    pub(crate) const ASKING: Flags = Flags::ASKING;
    pub(crate) const FAST: Flags = Flags::FAST;
    pub(crate) const NO_AUTH: Flags = Flags::NO_AUTH;
    pub(crate) const MAY_REPLICATE: Flags = Flags::MAY_REPLICATE;
    pub(crate) const NO_MANDATORY_KEYS: Flags = Flags::NO_MANDATORY_KEYS;
    pub(crate) const PROTECTED: Flags = Flags::PROTECTED;
    pub(crate) const NO_ASYNC_LOADING: Flags = Flags::NO_ASYNC_LOADING;
    pub(crate) const NO_MULTI: Flags = Flags::NO_MULTI;
    pub(crate) const ALLOW_BUSY: Flags = Flags::ALLOW_BUSY;
    pub(crate) const TOUCHES_ARBITRARY_KEYS: Flags = Flags::TOUCHES_ARBITRARY_KEYS;

    pub(crate) const RO: KeyFlags = KeyFlags::RO;
    pub(crate) const RW: KeyFlags = KeyFlags::RW;
    pub(crate) const OW: KeyFlags = KeyFlags::OW;
    pub(crate) const RM: KeyFlags = KeyFlags::RM;
    pub(crate) const ACCESS: KeyFlags = KeyFlags::ACCESS;
    pub(crate) const UPDATE: KeyFlags = KeyFlags::UPDATE;
    pub(crate) const INSERT: KeyFlags = KeyFlags::INSERT;
    pub(crate) const DELETE: KeyFlags = KeyFlags::DELETE;
    pub(crate) const NOT_KEY: KeyFlags = KeyFlags::NOT_KEY;
    pub(crate) const INCOMPLETE: KeyFlags = KeyFlags::INCOMPLETE;
    pub(crate) const VARIABLE_FLAGS: KeyFlags = KeyFlags::VARIABLE_FLAGS;

    /// Exactly the argument behind a keyword.
    pub(crate) const ONE: Find = Find::Range { last: 0, step: 1, limit: 0 };
    /// Everything behind a keyword.
    pub(crate) const REST: Find = Find::Range { last: -1, step: 1, limit: 0 };
    /// The first half of everything behind a keyword.
    pub(crate) const FIRST_HALF: Find = Find::Range { last: -1, step: 1, limit: 2 };

    /// One key, at this argument.
    pub(crate) const fn key(at: u8, flags: &[KeyFlags]) -> KeySpec {
        KeySpec::new(Begin::Index(at), ONE, flags)
    }

    /// Every `step`-th argument from `at` to `last`, which counts from `at` or from the end (-1 is the last).
    pub(crate) const fn keys(at: u8, last: i8, step: u8, flags: &[KeyFlags]) -> KeySpec {
        KeySpec::new(Begin::Index(at), Find::Range { last, step, limit: 0 }, flags)
    }

    /// As many keys as the argument at `at` states, behind it.
    pub(crate) const fn numkeys(at: u8, flags: &[KeyFlags]) -> KeySpec {
        KeySpec::new(Begin::Index(at), Find::Keynum { num_at: 0, first: 1, step: 1 }, flags)
    }

    /// Keys behind a keyword, which is searched for from this argument on (negative: from the end).
    pub(crate) const fn after(keyword: &'static str, from: i8, find: Find, flags: &[KeyFlags]) -> KeySpec {
        KeySpec::new(Begin::Keyword(keyword, from), find, flags)
    }

    /// Keys that no spec can tell.
    pub(crate) const fn unknown(flags: &[KeyFlags]) -> KeySpec {
        KeySpec::new(Begin::Unknown, Find::Unknown, flags)
    }
}
