//! A directive is one row of data: name, kind of value, default, when it may change, whether it
//! does anything here, and a line of documentation. The parser, CONFIG GET, CONFIG SET, CONFIG
//! REWRITE, `--help`, `--print-config` and the "has no effect" warnings are all read off these
//! rows, so adding a directive is adding a row (and a field of [`Settings`](super::Settings) if
//! code is to use it).
//!
//! Rows are `const`, written with the short builders at the end of this file. A default is kept
//! as the text that a configuration file would hold, and goes through the same parser as any
//! other text: a default that its own row refuses fails a test.
//!
//! Code names a row by [`id!`](crate::config::id): the name is looked up at compile time, so
//! that a misspelt directive does not build.

use super::check;

/// What a directive's value may be.
#[derive(Clone, Copy)]
pub enum Kind {
    /// `yes` or `no`.
    Bool,
    /// A whole number within the bounds, both included.
    Int { min: i64, max: i64 },
    /// A number of bytes, with or without a unit, within the bounds.
    Memory { min: u64, max: u64 },
    /// A number of bytes, or a percentage of `maxmemory` (`5%`).
    MemoryOrPercent { max_percent: u64 },
    /// File permissions in octal.
    Octal { max: i64 },
    /// One word of the list; the first word of equal numbers is the one shown.
    Choice(&'static [(&'static str, u32)]),
    /// Any number of words of the list, each a bit; 0 is the word for none.
    Flags { words: &'static [(&'static str, u32)], check: fn(u32) -> Result<(), String> },
    /// Bytes. Where `empty_is_unset`, the empty text means that the directive is not given.
    Text { empty_is_unset: bool, check: fn(&[u8]) -> Result<(), String> },
    /// The working directory; held as an absolute path.
    Dir,
    /// Pairs of seconds and changes.
    Save,
    /// Addresses, each perhaps with a leading `-`.
    Bind,
    /// Class, hard limit, soft limit, seconds; per class.
    OutputLimits,
    /// Three numbers.
    OomValues,
    /// A set of event classes as letters.
    NotifyEvents,
    /// A list of percentiles.
    Percentiles,
    /// Host and port, or `no one`.
    ReplicaOf,
    /// A line of the file that CONFIG GET does not know: `include`, `user`, `rename-command`, `loadmodule`.
    Line(Line),
}

/// The lines of a configuration file that are not values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Line {
    Include,
    User,
    RenameCommand,
    LoadModule,
}

/// Whether a directive does anything here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    Active,
    /// Accepted and kept, without effect, for this reason.
    NoEffect(&'static str),
}

pub const FIXED: u8 = 1;
pub const HIDDEN: u8 = 2;
pub const SENSITIVE: u8 = 4;
pub const PROTECTED: u8 = 8;
pub const NOT_WHILE_LOADING: u8 = 16;
pub const VOLATILE: u8 = 32;
pub const OWN: u8 = 64;

/// One directive.
#[derive(Clone, Copy)]
pub struct Directive {
    pub name: &'static str,
    /// Redis's other names for it, which CONFIG GET lists as well.
    pub aliases: &'static [&'static str],
    /// Names that other servers and releases use: accepted, answered when asked by name, not listed.
    pub also: &'static [&'static str],
    pub kind: Kind,
    /// As a configuration file would hold it.
    pub default: &'static str,
    pub flags: u8,
    pub status: Status,
    pub doc: &'static str,
}

/// A heading of the configuration file with its directives.
pub struct Section {
    pub title: &'static str,
    pub rows: &'static [Directive],
}

impl Directive {
    /// Cannot change while the server runs.
    pub const fn fixed(mut self) -> Self {
        self.flags |= FIXED;
        self
    }

    /// Left out of CONFIG GET's patterns; answered by its exact name.
    pub const fn hidden(mut self) -> Self {
        self.flags |= HIDDEN;
        self
    }

    /// Its value must not appear in logs, MONITOR or the slow log.
    pub const fn sensitive(mut self) -> Self {
        self.flags |= SENSITIVE;
        self
    }

    /// CONFIG SET is refused unless `enable-protected-configs` allows it.
    pub const fn protected(mut self) -> Self {
        self.flags |= PROTECTED;
        self
    }

    /// CONFIG SET is refused while the data set loads.
    pub const fn not_while_loading(mut self) -> Self {
        self.flags |= NOT_WHILE_LOADING;
        self
    }

    /// Counts as changed each time it is set: what it names (a file) may have changed.
    pub const fn volatile(mut self) -> Self {
        self.flags |= VOLATILE;
        self
    }

    /// Redis has none like it. Where it cannot change, CONFIG SET to the value that it has is still no
    /// error: whoever writes back all that CONFIG GET has listed knows only which of Redis's are fixed.
    pub const fn own(mut self) -> Self {
        self.flags |= OWN;
        self
    }

    pub const fn alias(mut self, names: &'static [&'static str]) -> Self {
        self.aliases = names;
        self
    }

    pub const fn also(mut self, names: &'static [&'static str]) -> Self {
        self.also = names;
        self
    }

    pub const fn no_effect(mut self, reason: &'static str) -> Self {
        self.status = Status::NoEffect(reason);
        self
    }

    #[must_use]
    pub fn is(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Whether a line of the file may give it any number of arguments.
    #[must_use]
    pub fn takes_many(&self) -> bool {
        matches!(
            self.kind,
            Kind::Flags { .. }
                | Kind::Save
                | Kind::Bind
                | Kind::OutputLimits
                | Kind::OomValues
                | Kind::Percentiles
                | Kind::ReplicaOf
        )
    }

    /// Whether it holds a value, and is not a line such as `include`.
    #[must_use]
    pub fn is_value(&self) -> bool {
        !matches!(self.kind, Kind::Line(_))
    }
}

const fn row(name: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Directive {
    Directive { name, aliases: &[], also: &[], kind, default, flags: 0, status: Status::Active, doc }
}

pub const fn yes_no(name: &'static str, default: &'static str, doc: &'static str) -> Directive {
    row(name, Kind::Bool, default, doc)
}

pub const fn int(
    name: &'static str,
    min: i64,
    max: i64,
    default: &'static str,
    doc: &'static str,
) -> Directive {
    row(name, Kind::Int { min, max }, default, doc)
}

pub const fn memory(
    name: &'static str,
    min: u64,
    max: u64,
    default: &'static str,
    doc: &'static str,
) -> Directive {
    row(name, Kind::Memory { min, max }, default, doc)
}

pub const fn choice(
    name: &'static str,
    words: &'static [(&'static str, u32)],
    default: &'static str,
    doc: &'static str,
) -> Directive {
    row(name, Kind::Choice(words), default, doc)
}

/// A text that is simply not given when empty.
pub const fn optional(name: &'static str, doc: &'static str) -> Directive {
    row(name, Kind::Text { empty_is_unset: true, check: check::anything }, "", doc)
}

/// A text with a default, which may be set to the empty text.
pub const fn text(name: &'static str, default: &'static str, doc: &'static str) -> Directive {
    row(name, Kind::Text { empty_is_unset: false, check: check::anything }, default, doc)
}

/// A row of any other kind.
pub const fn other(name: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Directive {
    row(name, kind, default, doc)
}

/// An `INT_MAX` of C, the upper bound of most of Redis's numbers.
pub const INT_MAX: i64 = i32::MAX as i64;
/// A `LONG_MAX` of C, as a number of bytes.
pub const LONG_MAX: u64 = i64::MAX as u64;
