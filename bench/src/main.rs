//! The program: see [`bench::app`].

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    bench::app::main(&arguments)
}
