//! `percore-data`: arguments in, exit code out. The rest is [`server::data`].

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: server::allocator::Allocator = server::allocator::ALLOCATOR;

fn main() -> ExitCode {
    server::data::main()
}
