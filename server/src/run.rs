//! Starting and stopping: from the command line to cores that turn, and back.
//!
//! The order matters to who watches: configuration errors come before anything is logged, sockets are
//! bound before threads start, every core can be woken before any of them posts to another, and
//! "Ready to accept connections" is only said when it is true.

use crate::clock::Ticks;
use crate::config::command_line::Sourced;
use crate::config::{self, Config, Invocation, Settings};
use crate::core::Core;
use crate::core::state::CoreState;
use crate::io::{Backend, EpollIo, Io, Socket, UringIo};
use crate::listen::Listener;
use crate::shared::{CoreFacts, Shared, Start, StopReason};
use crate::{host, life, listen, log, signal, version};
use parking_lot::Mutex;
use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::{Arc, Barrier};

/// Entries of a core's submission queue: more sends than this in one turn are submitted in two goes.
const RING_ENTRIES: u32 = 1024;

/// Runs what the command line asks for.
#[must_use]
pub fn main(arguments: &[OsString]) -> ExitCode {
    match Invocation::parse(arguments) {
        Invocation::Help => print!("{}", config::usage()),
        Invocation::Version => println!("{}", version::line()),
        Invocation::PrintConfig => print!("{}", config::print_config()),
        Invocation::CheckSystem => return host::check_system(),
        Invocation::Unsupported(why) => {
            eprintln!("{why}");
            return ExitCode::FAILURE;
        }
        Invocation::Run(start) => return start_server(&start),
    }
    ExitCode::SUCCESS
}
