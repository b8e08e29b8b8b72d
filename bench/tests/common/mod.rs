//! What the tests of the program stand on: running it, a server with planted faults ([`fake`]), and redis-server where
//! it is installed ([`peer`]).

// Each test file compiles this module for itself and uses a part of it.
#![allow(dead_code)]

pub mod fake;
pub mod peer;

use serde_json::Value;
use std::process::{Command, Output};

/// Runs the program, with words parted by `|`.
pub fn bench(port: u16, line: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_percore-bench"));
    command.args(["-p", &port.to_string(), "--server-pid", "off"]).args(line.split('|'));
    command.output().expect("the program runs")
}

/// As [`bench`], and reads the JSON report. The exit code must be this.
pub fn report(port: u16, line: &str, code: i32) -> Vec<Value> {
    let output = bench(port, &format!("--json|-|{line}"));
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{line}: {err}{out}");
    serde_json::from_str(&out).unwrap_or_else(|e| panic!("{line}: {e}: {out}{err}"))
}

/// The backends that this machine has.
pub fn backends() -> Vec<&'static str> {
    let server = fake::Fake::start(fake::Faults::default());
    let probe = bench(server.port, "-n|1|-q|--io|uring|PING");
    if probe.status.success() {
        return vec!["epoll", "uring"];
    }
    let why = String::from_utf8_lossy(&probe.stderr).into_owned();
    assert!(why.contains("io_uring cannot be used here"), "{why}");
    eprintln!("SKIPPED: the tests on io_uring: {why}");
    vec!["epoll"]
}
