//! A server of our own: started in a directory of its own, known to answer, killed in the end.

use crate::common::client::Conn;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long it may take to start.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct Started {
    child: Child,
    pub port: u16,
    /// Removed with all it holds when this is dropped.
    _dir: tempfile::TempDir,
}

/// The server that was built with this program.
fn beside_us() -> PathBuf {
    let us = std::env::current_exe().expect("the path of this program");
    let built = us.parent().and_then(|examples| examples.parent()).expect("target/<profile>/examples");
    built.join("percore-server")
}

impl Started {
    /// Starts the binary at `path`, or the one that was built with this program.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(path: Option<&str>, shards: usize) -> Self {
        let binary = path.map_or_else(beside_us, PathBuf::from);
        assert!(binary.exists(), "{} is missing: build it, or name another by --server", binary.display());
        let dir = tempfile::tempdir().expect("a temporary directory");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port();
        let child = Command::new(&binary)
            .args(["--port", &port.to_string(), "--shards", &shards.to_string(), "--save", ""])
            .args(["--dir", &dir.path().display().to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap_or_else(|e| panic!("{}: {e}", binary.display()));
        let started = Self { child, port, _dir: dir };
        let begin = Instant::now();
        while Conn::try_connect(port).and_then(|mut conn| conn.try_call(&["PING"])).is_err() {
            assert!(begin.elapsed() < PATIENCE, "the server does not answer");
            std::thread::sleep(Duration::from_millis(10));
        }
        started
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // Both fail only when it has ended and been reaped already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
