//! Configuration: what it is ([`Config`]), what code sees of it ([`Settings`]), and where it comes
//! from (a file, the command line, CONFIG SET).
//!
//! ```text
//!                     rows/*  (one row of data per directive)
//!                       │
//!   file, stdin, argv ──┴─> load ──> Config ──> Settings ──> cores (behind an Arc)
//!                                     │ ▲
//!          CONFIG GET, REWRITE <──────┘ └────── CONFIG SET (a changed copy, or an error)
//! ```
//!
//! A [`Config`] is a plain list of values, one per row; it is never changed in place while it is
//! in use. CONFIG SET makes a changed copy, all or nothing; the caller applies what needs applying
//! (sockets, limits, the working directory) and then publishes the copy's [`Settings`] to every
//! core, or drops the copy if applying failed. So a rollback is simply not publishing.
//!
//! Reading configuration is the one part that may look at the disk (included files, whether a
//! directory exists). Nothing here changes the process.

pub mod check;
pub mod choices;
pub mod command_line;
mod get;
mod help;
mod load;
pub mod quote;
mod rewrite;
mod row;
mod rows;
mod set;
mod settings;
pub mod special;
pub mod units;
mod value;

pub use command_line::{Invocation, Start};
pub use help::{print_config, usage};
pub use load::{LoadError, Loaded, Sources, load};
pub use rewrite::{Rewrite, rewrite};
pub use row::{Directive, Kind, Line, Section, Status};
pub use rows::{Id, SECTIONS, all, find, id_of, ids};
pub use set::{Caller, Change, Refusal, failed, is_sensitive, permits};
pub use settings::Settings;
pub use special::{OutputLimit, SavePoint};
pub use value::{Value, os_reason};

use std::path::Path;

/// The value of every directive, and the lines of the file that are not values.
#[derive(Clone, PartialEq, Debug)]
pub struct Config {
    values: Vec<Value>,
    /// `rename-command old new`, in order; an empty new name removes the command.
    pub renames: Vec<(Vec<u8>, Vec<u8>)>,
    /// `user …` lines as their words, without the directive.
    pub users: Vec<Vec<Vec<u8>>>,
}

impl Config {
    /// Every directive at its default, with `dir` (an absolute path) as the working directory.
    #[must_use]
    pub fn new(dir: &Path) -> Self {
        let mut config = Self { values: Vec::new(), renames: Vec::new(), users: Vec::new() };
        config.values = ids().map(|id| default_value(id, dir)).collect();
        config
    }

    #[must_use]
    pub fn value(&self, id: Id) -> &Value {
        &self.values[id.index()]
    }

    /// The value as CONFIG GET answers it.
    #[must_use]
    pub fn show(&self, id: Id) -> Vec<u8> {
        value::show(&id.row().kind, self.value(id))
    }

    /// The working directory, absolute.
    #[must_use]
    pub fn dir(&self) -> &Path {
        match self.value(crate::id!("dir")) {
            Value::Dir(path) => path,
            _ => Path::new("."),
        }
    }

    /// Reads the words as the directive's new value.
    fn read(&self, id: Id, words: &[Vec<u8>]) -> Result<Value, String> {
        value::read(&id.row().kind, words, self.value(id), self.dir())
    }

    fn put(&mut self, id: Id, value: Value) {
        self.values[id.index()] = value;
        self.keep_within();
    }

    /// `hz` is a hint: any number is taken, and brought to where it makes sense.
    fn keep_within(&mut self) {
        if let Value::Int(hz) = &mut self.values[crate::id!("hz").index()] {
            *hz = (*hz).clamp(1, 500);
        }
    }

    /// Lowers `maxclients` to what the limit on open files allows.
    pub fn set_maxclients(&mut self, maxclients: u32) {
        self.put(crate::id!("maxclients"), Value::Int(i64::from(maxclients)));
    }
}

fn default_value(id: Id, dir: &Path) -> Value {
    let row = id.row();
    if let Kind::Dir = row.kind {
        return Value::Dir(dir.to_owned());
    }
    let words = if row.takes_many() {
        quote::split(row.default.as_bytes()).unwrap_or_default()
    } else {
        vec![row.default.as_bytes().to_vec()]
    };
    if let (Kind::ReplicaOf, true) = (row.kind, words.is_empty()) {
        return Value::ReplicaOf(None);
    }
    // A row whose own default is refused fails `every_default_is_accepted`.
    value::read(&row.kind, &words, &Value::Nothing, dir).unwrap_or(Value::Nothing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_accepted() {
        let config = Config::new(Path::new("/"));
        for id in ids().filter(|id| id.row().is_value()) {
            assert_ne!(config.value(id), &Value::Nothing, "{}", id.row().name);
        }
        assert_eq!(config.show(crate::id!("port")), b"6379");
        assert_eq!(config.show(crate::id!("bind")), b"* -::*");
    }
}
