//! The command table as data: one row for every command and subcommand of Redis 7.2.
//!
//! From the rows come arity errors, key extraction and routing, ACL categories, COMMAND and its
//! subcommands, help texts, and the list of commands in the README. To add what a row says of all
//! commands, extend [`table`]; to change what one command says, its family in [`rows`].

pub mod flags;
pub mod help;
pub mod id;
pub mod lookup;
pub mod readme;
pub mod reply;
pub mod rows;
pub mod syntax;
pub mod table;

pub use flags::{AclCategories, DocFlags, Flags};
pub use help::help;
pub use id::{ALL_COMMANDS, COMMAND_COUNT, CommandId};
pub use lookup::{ResolveError, all, lookup, lookup_full, resolve, resolve_as, spec, subcommand};
pub use readme::readme_table;
pub use table::{CommandSpec, Group, Place, Split};
