//! The row of the command table: everything that is known of one command or subcommand.
//!
//! A row is written as a short chain of what differs from the rule:
//!
//! ```text
//! string(Id::Append, 3)
//!     .syntax("key value")
//!     .summary("Appends a string to the value of a key.")
//!     .since("2.0.0")
//!     .complexity("O(1)…")
//!     .flags(&[WRITE, DENYOOM, FAST])
//!     .keys(&[key(1, &[RW, INSERT])])
//!     .built(),
//! ```
//!
//! and [`CommandSpec::completed`] derives the rest when the program is compiled: the name, the
//! container, the implied ACL categories, `movablekeys`, and what the hot path asks of the keys.
//! Nothing is built at start and nothing is locked; the table lies in read-only memory.
//!
//! The fields are laid out so that all that routing and executing a command reads of its row is
//! the first of its four cache lines; the documentation is behind it.

use super::flags::{AclCategories, DocFlags, Flags};
use super::id::CommandId;
use crate::key_spec::{Begin, KeySpec, LegacyRange, legacy_range};

/// Where a command runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Place {
    /// On the connection's core, in the middle of a batch: it reads and changes nothing that
    /// another client could see.
    Inline,
    /// On the connection's core, once the batch before it is done.
    Connection,
    /// On the shards that own its keys.
    Shard,
    /// On every shard: it concerns the whole keyspace.
    AllShards,
    /// On the cores that have a client subscribed to its channel.
    Subscribers,
}

/// How a command with keys on several shards is divided, and its replies put together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Split {
    /// Never divided: it has one key, none, or its own way.
    No,
    /// Keys are divided, integer replies added (DEL); or of every core with a subscriber (PUBLISH).
    Sum,
    /// Keys are divided, each reply element goes back to its key's position (MGET).
    Array,
    /// Keys are divided with their values, the reply is OK (MSET); or OK of every shard (FLUSHALL).
    AllOk,
    /// Sent to every shard, arrays appended to one another (KEYS).
    Concat,
    /// Sent to every shard, integers added (DBSIZE).
    SumAll,
    /// Sent to every shard, each tells how many keys it has and names one, one of them is drawn (RANDOMKEY).
    Draw,
    /// Sent to the shard that the cursor names; to all that follow it, too, if the cursor is at a shard's
    /// beginning, and what they found is appended as long as each was through in one step (SCAN).
    Walk,
    /// The values of all its keys are lent to the core that asks, which runs it on them (RENAME, SINTER): any
    /// command with several keys, unless there is something cheaper.
    Gather,
}

/// The family a command belongs to, as COMMAND DOCS names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Group {
    Bitmap,
    Cluster,
    Connection,
    Generic,
    Geo,
    Hash,
    Hyperloglog,
    List,
    Pubsub,
    Scripting,
    Server,
    Set,
    SortedSet,
    Stream,
    String,
    Transactions,
}

impl Group {
    /// All groups, in the order in which documentation shows them.
    pub const ALL: [Group; 16] = [
        Group::String,
        Group::Generic,
        Group::List,
        Group::Hash,
        Group::Set,
        Group::SortedSet,
        Group::Stream,
        Group::Bitmap,
        Group::Hyperloglog,
        Group::Geo,
        Group::Pubsub,
        Group::Transactions,
        Group::Scripting,
        Group::Connection,
        Group::Server,
        Group::Cluster,
    ];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Group::Bitmap => "bitmap",
            Group::Cluster => "cluster",
            Group::Connection => "connection",
            Group::Generic => "generic",
            Group::Geo => "geo",
            Group::Hash => "hash",
            Group::Hyperloglog => "hyperloglog",
            Group::List => "list",
            Group::Pubsub => "pubsub",
            Group::Scripting => "scripting",
            Group::Server => "server",
            Group::Set => "set",
            Group::SortedSet => "sorted-set",
            Group::Stream => "stream",
            Group::String => "string",
            Group::Transactions => "transactions",
        }
    }
}

/// One row of the table. A container (CONFIG) has a row, and each of its subcommands (CONFIG GET).
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub struct CommandSpec {
    pub id: CommandId,
    /// The container, for a subcommand.
    pub parent: Option<CommandId>,
    /// Number of arguments with the name (and the subcommand's); `-n` means `n` or more.
    pub arity: i16,
    pub place: Place,
    pub split: Split,
    pub group: Group,
    /// Whether Percore answers it yet.
    pub built: bool,
    first_key: u8,
    one_key: bool,
    pub flags: Flags,
    pub acl: AclCategories,
    /// First key, last key and step, as COMMAND INFO shows them.
    pub legacy_range: LegacyRange,
    pub keys: &'static [KeySpec],
    /// The subcommands, in alphabetical order.
    pub subcommands: &'static [CommandId],

    /// Lower case; of a subcommand its own part only (`"get"` of CONFIG GET).
    pub name: &'static str,
    pub summary: &'static str,
    /// The arguments, in the notation of [`super::syntax`].
    pub syntax: &'static str,
    /// The Redis version that brought it; for compatibility, not Percore's.
    pub since: &'static str,
    /// Empty when Redis states none.
    pub complexity: &'static str,
    /// (Redis version, what changed).
    pub history: &'static [(&'static str, &'static str)],
    /// Hints to clients and proxies (`request_policy:all_shards`).
    pub tips: &'static [&'static str],
    pub deprecated_since: Option<&'static str>,
    pub replaced_by: Option<&'static str>,
    pub doc_flags: DocFlags,
}

// The cache line that execution reads.
const _: () = assert!(std::mem::offset_of!(CommandSpec, name) == 64);
const _: () = assert!(std::mem::size_of::<CommandSpec>() == 256);

impl CommandSpec {
    /// A row with nothing but its identity; the family files build on it.
    pub(super) const fn new(id: CommandId, group: Group, arity: i16) -> Self {
        CommandSpec {
            id,
            parent: None,
            arity,
            place: Place::Connection,
            split: Split::No,
            group,
            built: false,
            first_key: 0,
            one_key: false,
            flags: Flags::NONE,
            acl: AclCategories::NONE,
            legacy_range: LegacyRange::NONE,
            keys: &[],
            subcommands: &[],
            name: "",
            summary: "",
            syntax: "",
            since: "",
            complexity: "",
            history: &[],
            tips: &[],
            deprecated_since: None,
            replaced_by: None,
            doc_flags: DocFlags::NONE,
        }
    }

    pub(super) const fn syntax(mut self, arguments: &'static str) -> Self {
        self.syntax = arguments;
        self
    }

    pub(super) const fn summary(mut self, text: &'static str) -> Self {
        self.summary = text;
        self
    }

    pub(super) const fn since(mut self, version: &'static str) -> Self {
        self.since = version;
        self
    }

    pub(super) const fn complexity(mut self, text: &'static str) -> Self {
        self.complexity = text;
        self
    }

    pub(super) const fn flags(mut self, flags: &[Flags]) -> Self {
        self.flags = Flags::of(flags);
        self
    }

    /// The categories that its flags do not imply.
    pub(super) const fn acl(mut self, categories: &[AclCategories]) -> Self {
        self.acl = AclCategories::of(categories);
        self
    }

    pub(super) const fn keys(mut self, keys: &'static [KeySpec]) -> Self {
        self.keys = keys;
        self
    }

    pub(super) const fn place(mut self, place: Place) -> Self {
        self.place = place;
        self
    }

    pub(super) const fn split(mut self, split: Split) -> Self {
        self.split = split;
        self
    }

    pub(super) const fn built(mut self) -> Self {
        self.built = true;
        self
    }

    pub(super) const fn history(mut self, changes: &'static [(&'static str, &'static str)]) -> Self {
        self.history = changes;
        self
    }

    pub(super) const fn tips(mut self, tips: &'static [&'static str]) -> Self {
        self.tips = tips;
        self
    }

    pub(super) const fn deprecated(mut self, since: &'static str, replaced_by: &'static str) -> Self {
        self.deprecated_since = Some(since);
        self.replaced_by = Some(replaced_by);
        self.doc_flags = self.doc_flags.with(DocFlags::DEPRECATED);
        self
    }

    /// Meant for servers, not for clients.
    pub(super) const fn syscmd(mut self) -> Self {
        self.doc_flags = self.doc_flags.with(DocFlags::SYSCMD);
        self
    }

    /// The row with everything that follows from what it states.
    pub(super) const fn completed(
        mut self,
        name: &'static str,
        parent: Option<CommandId>,
        subcommands: &'static [CommandId],
    ) -> Self {
        self.name = name;
        self.parent = parent;
        self.subcommands = subcommands;
        self.acl = self.acl.implied_by(self.flags);
        let (range, movable) = legacy_range(self.keys);
        self.legacy_range = range;
        if movable {
            self.flags = self.flags.with(Flags::MOVABLEKEYS);
        }
        // MIGRATE's third argument is its key only when it is not empty.
        if let [first, ..] = self.keys
            && !matches!(self.id, CommandId::Migrate)
        {
            self.first_key = first.fixed_first();
            self.one_key = self.keys.len() == 1 && first.is_one_key();
        }
        self
    }

    /// The lower-case full name: `get`, `config|get`.
    #[must_use]
    pub const fn full_name(&self) -> &'static str {
        self.id.full_name()
    }

    /// The position of the first key where it is the same in every call; 0 where there is none or
    /// [`crate::key_spec::keys_of`] must look for it.
    #[must_use]
    #[inline]
    pub const fn first_key(&self) -> usize {
        self.first_key as usize
    }

    /// Whether every call has exactly one key, and it stands at [`Self::first_key`].
    #[must_use]
    #[inline]
    pub const fn has_one_key(&self) -> bool {
        self.one_key
    }

    /// Whether it may have keys at all (channels do not count).
    #[must_use]
    pub fn may_have_keys(&self) -> bool {
        self.keys.iter().any(|k| !k.is_not_key())
    }

    /// Whether it may have keys that nobody can tell from its arguments (SORT BY and GET).
    #[must_use]
    pub fn may_have_unknown_keys(&self) -> bool {
        self.keys.iter().any(|k| k.begin == Begin::Unknown)
    }

    /// Whether `n` arguments, the name among them, are a possible number.
    #[must_use]
    #[inline]
    pub const fn accepts(&self, n: usize) -> bool {
        let arity = self.arity as isize;
        if arity >= 0 { n as isize == arity } else { n as isize >= -arity }
    }

    /// Whether it is only a name for its subcommands (CONFIG; not COMMAND, which also answers alone).
    #[must_use]
    pub const fn is_container(&self) -> bool {
        !self.subcommands.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{all, spec};

    #[test]
    fn rows_say_what_they_must() {
        for row in all() {
            let name = row.full_name();
            assert!(row.summary.ends_with('.') && row.summary.len() < 120, "{name}: {}", row.summary);
            assert_eq!(row.since.split('.').count(), 3, "{name}");
            assert!(row.arity != 0 && (row.parent.is_none() || row.arity.abs() >= 2), "{name}");
            assert_eq!(row.doc_flags.contains(DocFlags::DEPRECATED), row.replaced_by.is_some(), "{name}");
            assert!(!row.flags.contains(Flags::of(&[Flags::WRITE, Flags::READONLY])), "{name}");
            assert!(row.acl.contains(AclCategories::FAST) != row.acl.contains(AclCategories::SLOW), "{name}");
            assert!(row.subcommands.is_empty() || row.keys.is_empty(), "{name}: keys are the subcommands'");
        }
    }

    #[test]
    fn a_command_runs_where_its_keys_are() {
        for row in all() {
            let name = row.full_name();
            // WATCH concerns its connection as much as its keys.
            let has_keys = row.may_have_keys() && row.id != CommandId::Watch;
            assert_eq!(row.place == Place::Shard, has_keys, "{name}");
            match row.split {
                Split::No => {
                    assert!(row.has_one_key() || row.place != Place::Shard || row.keys.len() <= 1, "{name}")
                }
                Split::SumAll | Split::Concat | Split::Draw | Split::Walk => {
                    assert_eq!(row.place, Place::AllShards, "{name}");
                }
                Split::AllOk => assert!(matches!(row.place, Place::AllShards | Place::Shard), "{name}"),
                Split::Sum if row.place == Place::Subscribers => {
                    assert!(!row.may_have_keys(), "{name}: channels are no keys");
                }
                Split::Sum | Split::Array | Split::Gather => {
                    assert!(row.place == Place::Shard && !row.has_one_key(), "{name}");
                }
            }
            if row.place == Place::Inline {
                assert!(
                    !row.flags.intersects(Flags::of(&[Flags::WRITE, Flags::ADMIN, Flags::BLOCKING])),
                    "{name}"
                );
            }
        }
    }

    #[test]
    fn what_is_built_hangs_together() {
        for row in all().iter().filter(|row| row.built) {
            if let Some(parent) = row.parent {
                assert!(spec(parent).built, "{}: its container is not", row.full_name());
            }
            let subs = row.subcommands.iter().filter(|&&id| spec(id).built).count();
            assert!(row.subcommands.is_empty() || subs > 0, "{}: none of its subcommands", row.full_name());
        }
    }

    #[test]
    fn arity() {
        assert!(spec(CommandId::Get).accepts(2) && !spec(CommandId::Get).accepts(1));
        assert!(!spec(CommandId::Get).accepts(3));
        assert!(
            spec(CommandId::Set).accepts(3)
                && spec(CommandId::Set).accepts(9)
                && !spec(CommandId::Set).accepts(2)
        );
    }
}
