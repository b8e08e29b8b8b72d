//! How a process ends: by a crash with a report, by a panic with one, or at a second SIGINT. Each
//! test runs this test binary again, as a child that does nothing but come to that end.

// A test says what went wrong by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::peer;
use rustix::process::{Signal, getpid, kill_process};
use server::config::Settings;
use server::{crash, log, signal};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

const LOG: &str = "PROCESS_END_CHILD_LOG";
const START: &str = "=== PERCORE BUG REPORT START";

/// Runs the child of that name; it logs to `log`.
fn run(child: &str, log: &Path) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", child, "--nocapture", "--test-threads=1"]).env(LOG, log);
    peer::run(command, b"", Duration::from_secs(60))
}

/// In a child: the log set up as a server sets it up. None in the parent's own run, where a child's test
/// has nothing to do.
fn in_child() -> Option<PathBuf> {
    let path = PathBuf::from(std::env::var_os(LOG)?);
    log::configure(&Settings { logfile: Some(path.clone()), ..Settings::default() });
    log::start_writer().unwrap();
    Some(path)
}

#[test]
fn a_fatal_signal_is_reported_and_still_kills() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let output = run("child_crashes", &log);
    assert_eq!(output.status.signal(), Some(Signal::SEGV.as_raw()));
    let text = std::fs::read_to_string(log).unwrap();
    assert_eq!(text.matches(START).count(), 1, "{text}");
    assert!(text.contains("crashed by signal: 11\n"), "{text}");
}

/// The child of `a_fatal_signal_is_reported_and_still_kills`.
#[test]
fn child_crashes() {
    let Some(path) = in_child() else { return };
    crash::install(Some(&path));
    kill_process(getpid(), Signal::SEGV).unwrap();
}

#[test]
fn a_panic_is_reported_in_the_log_once() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let output = run("child_panics", &log);
    assert_eq!(output.status.signal(), Some(Signal::ABORT.as_raw()));
    let text = std::fs::read_to_string(log).unwrap();
    assert_eq!(text.matches(START).count(), 1, "{text}");
    assert!(text.contains("panicked on thread core") && text.contains("no such slot"), "{text}");
}

/// The child of `a_panic_is_reported_in_the_log_once`.
#[test]
fn child_panics() {
    let Some(path) = in_child() else { return };
    crash::install(Some(&path));
    crash::report_panics();
    let core = || -> () { panic!("no such slot") };
    let ended = std::thread::Builder::new().name("core".into()).spawn(core).unwrap().join();
    assert!(ended.is_err());
    // What the release profile does at once after the hook.
    std::process::abort();
}

#[test]
fn a_second_interrupt_ends_the_process_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let output = run("child_is_interrupted", &log);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = std::fs::read_to_string(log).unwrap();
    let first = text.find("Received SIGINT scheduling shutdown...").expect(&text);
    let second = text.find("You insist... exiting now.").expect(&text);
    assert!(first < second, "{text}");
}

/// The child of `a_second_interrupt_ends_the_process_at_once`.
#[test]
fn child_is_interrupted() {
    let Some(_) = in_child() else { return };
    let (asked, wait) = std::sync::mpsc::channel();
    signal::watch(move |signal| asked.send(signal).unwrap()).unwrap();
    kill_process(getpid(), Signal::INT).unwrap();
    assert_eq!(wait.recv().unwrap(), signal::StopSignal::Int);
    kill_process(getpid(), Signal::INT).unwrap();
    // The watcher ends the process; if it did not, the parent would lose its patience.
    loop {
        std::thread::park();
    }
}
