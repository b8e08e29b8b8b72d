//! Programs that Percore did not write and that may be missing. A test that needs one says by
//! name that it is skipped; with `PERCORE_REQUIRE_PEERS=1` it fails instead.

use super::env;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The path of an installed program.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(program)).find(|file| file.is_file())
}

/// Says that `test` is skipped for want of `what`, past the harness's capture of output, which would
/// swallow it in a test that passes. Panics where peers are required.
pub fn skip(test: &str, why: &str) {
    assert!(!env::require_peers(), "{test}: {why}, and {}=1", env::REQUIRE_PEERS);
    // Nobody may be reading; the test is skipped all the same.
    drop(writeln!(std::io::stderr(), "SKIPPED: {test}: {why}"));
}

/// The program's path, or `None` once the skip has been said.
pub fn tool(test: &str, program: &str) -> Option<PathBuf> {
    let found = find(program);
    if found.is_none() {
        skip(test, &format!("{program} is not installed"));
    }
    found
}

/// Skips what only Percore can do while another server stands in for it.
pub fn only_percore(test: &str) -> bool {
    if !env::is_percore() {
        drop(writeln!(std::io::stderr(), "SKIPPED: {test}: another server stands in for Percore"));
    }
    env::is_percore()
}

/// Runs a program with `input` until it ends; kills it and panics when it takes longer than `limit`.
pub fn run(mut command: Command, input: &[u8], limit: Duration) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let mut stdin = child.stdin.take().expect("stdin is piped");
    let input = input.to_vec();
    // A child that ends early closes the pipe: what it printed tells why.
    std::thread::spawn(move || drop(stdin.write_all(&input)));
    let pid = rustix::process::Pid::from_child(&child);
    let watchdog = Watchdog::start(pid, limit);
    let output = child.wait_with_output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    assert!(!watchdog.stop(), "{command:?} took longer than {limit:?}: {output:?}");
    output
}

/// Kills a process when its time is up.
struct Watchdog {
    done: std::sync::mpsc::Sender<()>,
    thread: std::thread::JoinHandle<bool>,
}

impl Watchdog {
    fn start(pid: rustix::process::Pid, limit: Duration) -> Self {
        let (done, wait) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let fired = wait.recv_timeout(limit) == Err(std::sync::mpsc::RecvTimeoutError::Timeout);
            if fired {
                // It may have ended in this very moment.
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
            fired
        });
        Self { done, thread }
    }

    /// Whether it had to kill.
    fn stop(self) -> bool {
        let _ = self.done.send(());
        self.thread.join().expect("the watchdog does not panic")
    }
}

/// Tries `condition` until it holds; panics with `what` after `limit`.
pub fn wait_until(what: &str, limit: Duration, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < limit, "{what}: not within {limit:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
