//! `percore-server`: arguments in, exit code out. The rest is [`server::run`].

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: server::allocator::Allocator = server::allocator::ALLOCATOR;

fn main() -> ExitCode {
    let arguments: Vec<std::ffi::OsString> = std::env::args_os().skip(1).collect();
    server::run::main(&arguments)
}
