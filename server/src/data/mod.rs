//! `percore-data`: what is in a file, and whether it is whole, without a server.
//!
//! ```text
//!   percore-data check FILE ...                                     whole, or what is wrong and where; exit code 1
//!   percore-data print FILE [--format json|resp] [--db N] [--match PATTERN]
//! ```
//! | file    | holds                                                              |
//! |---------|--------------------------------------------------------------------|
//! | `input` | a file as blocks, and what its errors are called                   |
//! | `check` | the verdict on a file, and a summary                               |
//! | `print` | the keys that were asked for, in one of the formats                |
//! | `json`  | a key as a line of JSON                                            |
//! | `resp`  | a key as the commands that make it, for `redis-cli --pipe`         |
//!
//! Files are read by the same code that loads them into a server ([`persist::rdb::file`], `shard::value::rdb`), so that the
//! verdict is the same, and values are checked as a server would. One key is in memory at a time, whatever the
//! size of the file. What only a loader would notice, a key that comes twice, is not found.

mod check;
pub mod input;
mod json;
mod print;
mod resp;

use clap::{Parser, Subcommand, ValueEnum};
use std::io::{BufWriter, ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// Looks into the files of Percore, Redis and Valkey.
#[derive(Parser)]
#[command(name = "percore-data", version = crate::version::PERCORE)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Says whether RDB files are whole, and what is in them; exit code 1 if one is not.
    Check {
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Do not look at checksums.
        #[arg(long)]
        any_checksum: bool,
    },
    /// Prints the keys of an RDB file.
    Print {
        file: PathBuf,
        #[arg(long, value_enum, default_value = "json")]
        format: Format,
        /// Only keys of this database.
        #[arg(long)]
        db: Option<u64>,
        /// Only keys that match this pattern, as in KEYS.
        #[arg(long = "match", value_name = "PATTERN")]
        pattern: Option<String>,
        /// Do not look at the checksum.
        #[arg(long)]
        any_checksum: bool,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A line a key; bytes that are not ASCII as the characters U+0080 to U+00FF.
    Json,
    /// Commands that make the keys, as clients send them.
    Resp,
}

/// Runs what the command line asks for.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut out = BufWriter::new(std::io::stdout().lock());
    let is_good = match arguments.command {
        Command::Check { files, any_checksum } => {
            let mut is_good = true;
            for file in &files {
                is_good &= told(check::check(file, any_checksum, &mut out));
            }
            is_good
        }
        Command::Print { file, format, db, pattern, any_checksum } => {
            let wanted = print::Wanted { db, pattern: pattern.map(String::into_bytes) };
            told(print::print(&file, format, wanted, any_checksum, &mut out))
        }
    };
    let is_good = is_good & told(out.flush().map_err(Trouble::Output));
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Why a command did not come to its end.
#[derive(Debug)]
pub enum Trouble {
    /// What is wrong with the file, its name first.
    Input(String),
    Output(std::io::Error),
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        Self::Output(error)
    }
}

/// Tells on stderr what went wrong. Somebody who has read enough (`| head`) is nothing wrong.
fn told(result: Result<(), Trouble>) -> bool {
    match result {
        Ok(()) => return true,
        Err(Trouble::Output(error)) if error.kind() == ErrorKind::BrokenPipe => return true,
        Err(Trouble::Output(error)) => eprintln!("percore-data: cannot write: {error}"),
        Err(Trouble::Input(what)) => eprintln!("{what}"),
    }
    false
}
