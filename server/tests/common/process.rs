//! Servers as child processes: started on a port and a directory of their own, known to answer
//! before a test goes on, killed and reaped when the test ends, however it ends. A failing test
//! shows the end of its servers' logs.

use super::{Conn, Value, env, peer};
use rustix::process::{Pid, Signal, kill_process};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const START_LIMIT: Duration = Duration::from_secs(30);
/// A free port can be taken between its check and the server's bind; then another is tried.
const START_TRIES: usize = 5;
const LOG_LINES_SHOWN: usize = 60;

/// A port that nothing listens on. Below the range the kernel takes client ports from, and from a
/// place that differs between processes, so that tests running at once do not meet.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    const FIRST: u32 = 11_000;
    const COUNT: u32 = 20_000;
    for _ in 0..COUNT {
        let n = std::process::id().wrapping_mul(97).wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = (FIRST + n % COUNT) as u16;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port from {FIRST} on");
}

/// A server that is to be started.
#[derive(Clone)]
pub struct Builder {
    bin: String,
    name: &'static str,
    wrapper: Vec<String>,
    config: Option<String>,
    args: Vec<String>,
    password: Option<String>,
    files: Vec<(&'static str, Vec<u8>)>,
}

impl Builder {
    /// Puts a file into the server's directory before it starts.
    pub fn file(mut self, name: &'static str, bytes: &[u8]) -> Self {
        self.files.push((name, bytes.to_vec()));
        self
    }

    /// Appends command-line arguments, after `--port`, `--dir`, `--save ""`.
    pub fn args<A: AsRef<str>>(mut self, args: &[A]) -> Self {
        self.args.extend(args.iter().map(|a| a.as_ref().to_string()));
        self
    }

    /// Writes `text` as `server.conf` into the server's directory and starts on it.
    pub fn config(mut self, text: &str) -> Self {
        self.config = Some(text.to_string());
        self
    }

    /// Starts under a program that ends in exec, so that the process id stays: `taskset -c 0`.
    pub fn under(mut self, wrapper: &[&str]) -> Self {
        self.wrapper = wrapper.iter().map(|w| (*w).to_string()).collect();
        self
    }

    /// `requirepass`, which the check that the server answers then needs.
    pub fn password(mut self, password: &str) -> Self {
        self.password = Some(password.to_string());
        self.args(&["--requirepass", password])
    }

    fn command(&self, port: u16, dir: &Path) -> Command {
        let mut words: Vec<String> = self.wrapper.clone();
        words.push(self.bin.clone());
        if let Some(text) = &self.config {
            let file = dir.join("server.conf");
            std::fs::write(&file, text).expect("the test's own directory can be written");
            words.push(file.display().to_string());
        }
        let dir = dir.display().to_string();
        words.extend(["--port", &port.to_string(), "--dir", &dir, "--save", ""].map(String::from));
        words.extend(self.args.iter().cloned());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        command
    }

    /// Starts it and waits until it answers.
    pub fn start(&self) -> Server {
        for _ in 1..START_TRIES {
            if let Ok(server) = self.try_start(free_port()) {
                return server;
            }
        }
        self.try_start(free_port()).unwrap_or_else(|log| panic!("{} does not start:\n{log}", self.name))
    }

    /// Starts it on `port`, where it may not be able to; its log is the error when it ends, or when
    /// another process answers there.
    pub fn try_start(&self, port: u16) -> Result<Server, String> {
        let mut server = self.spawn(port);
        let start = Instant::now();
        while start.elapsed() < START_LIMIT {
            if let Some(status) = server.try_wait() {
                return Err(format!("{status}\n{}", server.log()));
            }
            match server.process_id_that_answers() {
                Some(pid) if pid == server.pid() => return Ok(server),
                Some(_) => return Err(format!("port {port} belongs to another server\n{}", server.log())),
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        }
        Err(format!("no answer within {START_LIMIT:?}\n{}", server.log()))
    }

    /// Starts it without waiting.
    pub fn spawn(&self, port: u16) -> Server {
        let dir = tempfile::tempdir().expect("a temporary directory");
        for (name, bytes) in &self.files {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("the test's own directory");
            std::fs::write(path, bytes).expect("the test's own directory can be written");
        }
        let log = dir.path().join("output.log");
        let file = std::fs::File::create(&log).expect("a log file");
        let mut command = self.command(port, dir.path());
        command.stdin(Stdio::null()).stdout(file.try_clone().expect("dup")).stderr(file);
        let child = command.spawn().unwrap_or_else(|e| panic!("{command:?}: {e}"));
        Server { child, port, dir, log, name: self.name, password: self.password.clone() }
    }
}

/// A running server; its end is the end of this value.
pub struct Server {
    child: Child,
    pub port: u16,
    dir: TempDir,
    log: PathBuf,
    name: &'static str,
    password: Option<String>,
}

impl Server {
    /// The server under test, with this many shards.
    pub fn builder(shards: usize) -> Builder {
        let args = env::server_args(shards);
        Builder { args, ..Self::builder_plain() }
    }

    /// The server under test, without `--shards`: it looks at its affinity mask.
    pub fn builder_plain() -> Builder {
        Builder {
            bin: env::server_bin(),
            name: "server under test",
            wrapper: Vec::new(),
            config: None,
            args: Vec::new(),
            password: None,
            files: Vec::new(),
        }
    }

    pub fn start(shards: usize) -> Self {
        Self::builder(shards).start()
    }

    /// Debian's redis-server, or `None` once it has been said that `test` is skipped.
    pub fn redis(test: &str) -> Option<Self> {
        Self::redis_with(test, &[])
    }

    /// As [`Server::redis`], with arguments.
    pub fn redis_with(test: &str, args: &[&str]) -> Option<Self> {
        let bin = peer::tool(test, "redis-server")?.display().to_string();
        Some(Builder { bin, name: "redis-server", ..Self::builder_plain() }.args(args).start())
    }

    pub fn pid(&self) -> i64 {
        i64::from(self.child.id())
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// A new connection, authenticated where the server was started with a password.
    pub fn connect(&self) -> Conn {
        let mut conn = Conn::connect(self.port);
        if let Some(password) = &self.password {
            assert_eq!(conn.call(&["AUTH", password]), Value::ok());
        }
        conn
    }

    /// A new connection that speaks RESP3.
    pub fn connect3(&self) -> Conn {
        let mut conn = self.connect();
        assert!(matches!(conn.words("HELLO 3"), Value::Map(_)), "HELLO 3 answers a map");
        conn
    }

    /// Everything it has printed so far.
    pub fn log(&self) -> String {
        std::fs::read(&self.log).map_or_else(|e| e.to_string(), |b| String::from_utf8_lossy(&b).into_owned())
    }

    /// Waits until its output contains `text`.
    pub fn wait_for_log(&self, text: &str) {
        peer::wait_until(&format!("log line \"{text}\""), START_LIMIT, || self.log().contains(text));
    }

    /// One field of INFO, as text.
    pub fn info(&self, field: &str) -> Option<String> {
        let all = self.connect().words("INFO everything").text();
        let line = all.lines().find(|l| l.split(':').next() == Some(field))?;
        Some(line.split_once(':')?.1.trim().to_string())
    }

    /// Waits until INFO counts at most `n` clients, the one that asks among them: a server learns of a
    /// close a moment after the client.
    pub fn wait_for_clients(&self, n: i64) {
        let clients = || self.info("connected_clients").and_then(|v| v.parse::<i64>().ok());
        peer::wait_until("clients that left are closed", START_LIMIT, || {
            clients().is_some_and(|now| now <= n)
        });
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("the server runs");
    }

    pub fn try_wait(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the child is ours")
    }

    /// Waits for its end; panics when it takes longer than `limit`.
    pub fn wait(&mut self, limit: Duration) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.try_wait() {
                return status;
            }
            assert!(start.elapsed() < limit, "{} did not end within {limit:?}", self.name);
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The process id that INFO names on this server's port; its own, unless the port is not its own.
    fn process_id_that_answers(&self) -> Option<i64> {
        let mut conn = Conn::try_connect(self.port).ok()?;
        if let Some(password) = &self.password {
            conn.try_call(&["AUTH", password]).ok()?;
        }
        let info = conn.try_call(&["INFO", "server"]).ok()?.text();
        info.lines().find_map(|l| l.strip_prefix("process_id:"))?.trim().parse().ok()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only when it has ended and been reaped already.
        drop(self.child.kill());
        drop(self.child.wait());
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<_> = log.lines().collect();
            let tail = &lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..];
            eprintln!(
                "--- end of the log of the {} on port {}\n{}\n---",
                self.name,
                self.port,
                tail.join("\n")
            );
        }
    }
}
