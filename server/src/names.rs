//! Looking a command up by the name a client gave: the table's names, but for those that
//! `rename-command` has changed or taken away.

use proto::args::Args;
use proto::command::{self, CommandSpec, ResolveError};
use proto::error;
use std::collections::HashMap;

/// The names this server answers to.
#[derive(Default)]
pub struct CommandNames {
    /// Lower-case name to the command it means now; `None`: nothing any more. Empty on most servers.
    changed: HashMap<Vec<u8>, Option<&'static CommandSpec>>,
}

/// Why a command cannot be run.
pub enum Refusal {
    Unknown,
    Other(ResolveError),
}

impl CommandNames {
    /// `renames`: pairs of old and new names, as in the configuration; an empty new name removes the command.
    #[must_use]
    pub fn new(renames: &[(Vec<u8>, Vec<u8>)]) -> Self {
        let mut changed = HashMap::new();
        for (old, new) in renames {
            let old = old.to_ascii_lowercase();
            let Some(spec) = command::lookup(&old) else { continue };
            changed.entry(old).or_insert(None);
            if !new.is_empty() {
                changed.insert(new.to_ascii_lowercase(), Some(spec));
            }
        }
        Self { changed }
    }

    /// The command that `args` asks for, with its arity checked.
    #[inline]
    pub fn resolve(&self, args: Args<'_>) -> Result<&'static CommandSpec, Refusal> {
        if self.changed.is_empty() {
            return command::resolve(args).map_err(Refusal::Other);
        }
        match self.changed.get(&args.at(0).to_ascii_lowercase()) {
            None => command::resolve(args).map_err(Refusal::Other),
            Some(None) => Err(Refusal::Unknown),
            Some(Some(spec)) => command::resolve_as(spec, args).map_err(Refusal::Other),
        }
    }
}

impl Refusal {
    /// The command that was refused, when it is one.
    #[must_use]
    pub fn spec(&self) -> Option<&'static CommandSpec> {
        match self {
            Refusal::Other(ResolveError::WrongArity(spec)) => Some(spec),
            _ => None,
        }
    }

    /// The error the client gets.
    #[must_use]
    pub fn text(&self, args: Args<'_>) -> Vec<u8> {
        match self {
            Refusal::Unknown | Refusal::Other(ResolveError::UnknownCommand) => error::unknown_command(&args),
            Refusal::Other(ResolveError::UnknownSubcommand(spec)) => {
                error::unknown_subcommand(spec.name.as_bytes(), args.get(1).unwrap_or_default())
            }
            Refusal::Other(ResolveError::WrongArity(spec)) => {
                error::wrong_arity(spec.id.full_name()).into_bytes()
            }
        }
    }
}
