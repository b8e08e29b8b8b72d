//! Debian's redis-server, where it is installed. Where it is not, a test says that it is skipped; with
//! `PERCORE_REQUIRE_PEERS=1` it fails instead.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running redis-server; its end is the end of this value.
pub struct Redis {
    child: Child,
    pub port: u16,
    _dir: tempfile::TempDir,
}

/// Whether a program is installed.
pub fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}

/// Whether a test goes on; if not, that has been said.
pub fn tools(test: &str, programs: &[&str]) -> bool {
    let missing: Vec<_> = programs.iter().filter(|program| !has(program)).collect();
    if missing.is_empty() {
        return true;
    }
    let required = std::env::var("PERCORE_REQUIRE_PEERS").is_ok_and(|v| v == "1");
    assert!(!required, "{test}: {missing:?} not installed, and PERCORE_REQUIRE_PEERS=1");
    eprintln!("SKIPPED: {test}: {missing:?} not installed");
    false
}

impl Redis {
    /// Starts one, or says that `test` is skipped.
    pub fn start(test: &str, args: &[&str]) -> Option<Redis> {
        tools(test, &["redis-server"]).then(|| {
            (0..5)
                .find_map(|_| Self::try_start(args))
                .unwrap_or_else(|| panic!("redis-server does not start"))
        })
    }

    fn try_start(args: &[&str]) -> Option<Redis> {
        let port = TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?.port();
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut command = Command::new("redis-server");
        command.args(["--port", &port.to_string(), "--save", "", "--dir"]).arg(dir.path()).args(args);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("redis-server runs");
        let mut redis = Redis { child, port, _dir: dir };
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(30) {
            if redis.child.try_wait().expect("the child is ours").is_some() {
                return None;
            }
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Some(redis);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        None
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // Both fail only when it has ended and been reaped already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
