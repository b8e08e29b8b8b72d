//! Clients that others wrote: redis-cli with its modes, redis-benchmark, redis-rs, redis-py.

// A test says what went wrong by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::client::encode;
use common::{Server, Value, peer};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const SHARDS: usize = 3;
const LIMIT: Duration = Duration::from_secs(120);

/// redis-cli, pointed at the server; `None` once the skip has been said.
fn cli(test: &str, server: &Server) -> Option<Command> {
    let mut command = Command::new(peer::tool(test, "redis-cli")?);
    command.args(["-p", &server.port.to_string()]);
    Some(command)
}

/// Runs a program to its end, which must be a success, and returns its output.
fn output(command: Command, input: &[u8]) -> String {
    let output = peer::run(command, input, LIMIT);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}\n{text}{}", output.status, String::from_utf8_lossy(&output.stderr));
    text
}

/// A program that never ends by itself, ended with this value.
struct Endless {
    child: Child,
    log: PathBuf,
}

impl Endless {
    fn start(mut command: Command, dir: &Path) -> Self {
        let log = dir.join("endless.log");
        let file = std::fs::File::create(&log).unwrap();
        command.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file);
        Self { child: command.spawn().unwrap(), log }
    }

    /// Waits until what it has printed satisfies `enough`.
    fn wait_for(&self, what: &str, enough: impl Fn(&str) -> bool) -> String {
        let read = || String::from_utf8_lossy(&std::fs::read(&self.log).unwrap()).into_owned();
        peer::wait_until(what, LIMIT, || enough(&read()));
        read()
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn fill(server: &Server, keys: usize) {
    let commands: Vec<_> =
        (0..keys).map(|i| common::cmd(&["SET", &format!("fill:{i}"), &"v".repeat(i % 100)])).collect();
    let mut conn = server.connect();
    for chunk in commands.chunks(500) {
        assert!(conn.pipeline(chunk).iter().all(|r| *r == Value::ok()));
    }
}

#[test]
fn cli_sets_and_gets() {
    let server = Server::start(SHARDS);
    for (args, expected) in [
        (&["set", "a", "1"][..], "OK\n"),
        (&["get", "a"], "1\n"),
        (&["incr", "a"], "2\n"),
        (&["-3", "get", "missing"], "\n"),
        (&["mget", "a", "missing"], "2\n\n"),
        (&["-n", "3", "dbsize"], "0\n"),
        (&["--no-raw", "ttl", "a"], "(integer) -1\n"),
        (&["--json", "mget", "a", "missing"], "[\"2\",null]\n"),
        (&["-r", "3", "incr", "n"], "1\n2\n3\n"),
    ] {
        let Some(mut command) = cli("cli_sets_and_gets", &server) else { return };
        command.args(args);
        assert_eq!(output(command, b""), expected, "{args:?}");
    }
}

#[test]
fn cli_pipes_a_hundred_thousand_commands() {
    const COMMANDS: usize = 100_000;
    let server = Server::start(SHARDS);
    let Some(mut command) = cli("cli_pipes_a_hundred_thousand_commands", &server) else { return };
    let mut input = Vec::new();
    for i in 0..COMMANDS {
        encode(&mut input, &["SET", &format!("pipe:{i}"), &i.to_string()]);
    }
    command.arg("--pipe");
    let text = output(command, &input);
    assert!(text.contains(&format!("errors: 0, replies: {COMMANDS}")), "{text}");
    assert_eq!(server.connect().words("DBSIZE"), Value::Int(COMMANDS as i64));
}

#[test]
fn cli_scans() {
    let server = Server::start(SHARDS);
    let Some(mut command) = cli("cli_scans", &server) else { return };
    fill(&server, 3000);
    server.connect().must("MSET other:1 x other:2 y");
    command.args(["--scan", "--pattern", "fill:*"]);
    let text = output(command, b"");
    let keys: std::collections::BTreeSet<_> = text.lines().collect();
    assert_eq!(keys.len(), 3000);
    assert!(keys.iter().all(|k| k.starts_with("fill:")));
}

#[test]
fn cli_finds_big_keys() {
    let server = Server::start(SHARDS);
    fill(&server, 3000);
    server.connect().call(&["SET", "the-biggest", &"b".repeat(5000)]);
    for mode in ["--bigkeys", "--memkeys"] {
        let Some(mut command) = cli("cli_finds_big_keys", &server) else { return };
        command.arg(mode);
        let text = output(command, b"");
        assert!(text.contains("Sampled 3001 keys"), "{mode}: {text}");
        assert!(text.contains("\"the-biggest\""), "{mode}: {text}");
    }
}

/// The modes that print until they are stopped: each is let run until it has printed figures.
#[test]
fn cli_shows_statistics_and_latency() {
    let server = Server::start(SHARDS);
    fill(&server, 100);
    let figures = |text: &str| text.bytes().filter(u8::is_ascii_digit).count() >= 4;
    for args in [
        &["--stat", "-i", "0.1"][..],
        &["--latency", "-i", "1"],
        &["--latency-history", "-i", "1"],
        &["--latency-dist", "-i", "1"],
    ] {
        let Some(mut command) = cli("cli_shows_statistics_and_latency", &server) else { return };
        command.args(args);
        let endless = Endless::start(command, server.dir());
        let text = endless.wait_for(&format!("figures of redis-cli {args:?}"), figures);
        assert!(!text.to_lowercase().contains("error"), "{args:?}: {text}");
    }
}

#[test]
fn cli_monitors() {
    let server = Server::start(SHARDS);
    let Some(mut command) = cli("cli_monitors", &server) else { return };
    command.arg("monitor");
    let monitor = Endless::start(command, server.dir());
    monitor.wait_for("MONITOR's OK", |text| text.contains("OK"));
    let mut conn = server.connect();
    for i in 0..20 {
        conn.must(&format!("SET monitored:{i} v"));
    }
    conn.call(&["SET", "quoted \"key\"\n", "\x01"]);
    let text = monitor.wait_for("the last command", |text| text.contains("quoted"));
    let lines: Vec<_> = text.lines().filter(|l| l.contains("\"SET\" \"monitored:")).collect();
    assert_eq!(lines.len(), 20, "every command of every shard, once: {text}");
    for (i, line) in lines.iter().enumerate() {
        assert!(line.ends_with(&format!("\"SET\" \"monitored:{i}\" \"v\"")), "in order: {text}");
        assert!(line.contains(" [0 127.0.0.1:"), "database and address: {line}");
    }
    assert!(text.contains(r#""SET" "quoted \"key\"\n" "\x01""#), "escaped as Redis does: {text}");
}

/// Interactive redis-cli asks COMMAND DOCS for its hints and parses what comes; `script` gives it a terminal.
#[test]
fn cli_talks_on_a_terminal() {
    const TEST: &str = "cli_talks_on_a_terminal";
    let server = Server::start(SHARDS);
    let (Some(cli), Some(script)) = (peer::tool(TEST, "redis-cli"), peer::tool(TEST, "script")) else {
        return;
    };
    let mut command = Command::new(script);
    let line = format!("{} -p {}", cli.display(), server.port);
    command.args(["-qec", &line, "/dev/null"]).env("TERM", "dumb").env("HOME", server.dir());
    let text = output(command, b"set hint 41\nincr hint\nhelp getex\nquit\n");
    assert!(text.contains("(integer) 42"), "{text}");
    assert!(text.contains("summary:"), "{text}");
    assert!(server.info("cmdstat_command|docs").is_some(), "redis-cli asked for COMMAND DOCS");
}

#[test]
fn benchmark_completes() {
    const TEST: &str = "benchmark_completes";
    let server = Server::start(SHARDS);
    let Some(program) = peer::tool(TEST, "redis-benchmark") else { return };
    let mut command = Command::new(program);
    command.args(["-p", &server.port.to_string(), "-q", "--csv"]);
    command.args(["-t", "set,get,incr,mset", "-n", "100000", "-P", "16", "-r", "100000"]);
    let text = output(command, b"");
    for test in ["SET", "GET", "INCR", "MSET (10 keys)"] {
        assert!(text.contains(&format!("\"{test}\",")), "{text}");
    }
    assert!(server.connect().words("DBSIZE").int().unwrap() > 10_000);
}

/// redis-rs, over both protocol versions.
#[test]
fn redis_rs_works() -> redis::RedisResult<()> {
    use redis::TypedCommands;
    let server = Server::start(SHARDS);
    for version in ["resp2", "resp3"] {
        let url = format!("redis://127.0.0.1:{}/?protocol={version}", server.port);
        let mut conn = redis::Client::open(url)?.get_connection()?;
        conn.flushall()?;
        conn.set("name", "percore")?;
        assert_eq!(conn.get("name")?.as_deref(), Some("percore"));
        assert_eq!(conn.get("missing")?, None);
        conn.mset(&[("a", "1"), ("b", "2")])?;
        assert_eq!(conn.mget(&["a", "b", "c"])?, [Some("1".into()), Some("2".into()), None]);
        assert_eq!(conn.incr("a", 41)?, 42);
        assert!(conn.expire("a", 1000)?);
        assert!(conn.exists("a")?);
        let pipeline: (i64, String) =
            redis::pipe().cmd("INCRBY").arg("n").arg(5).cmd("GET").arg("n").query(&mut conn)?;
        assert_eq!(pipeline, (5, "5".to_string()));
        for i in 0..300 {
            conn.set(format!("scan:{i}"), i)?;
        }
        let found: redis::RedisResult<std::collections::BTreeSet<String>> =
            conn.scan_match("scan:*")?.collect();
        assert_eq!(found?.len(), 300);
        let error = conn.incr("name", 1).expect_err("not a number");
        assert_eq!(error.detail(), Some("value is not an integer or out of range"));
        assert_eq!(conn.del(&["a", "b", "c"])?, 2);
    }
    Ok(())
}

/// redis-py in a virtual environment beside the build, made on first use.
fn python_with_redis(test: &str) -> Option<PathBuf> {
    let python = peer::tool(test, "python3")?;
    let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).join("redis-py");
    let inside = venv.join("bin/python");
    let works = |program: &Path| {
        let import = Command::new(program).args(["-c", "import redis"]).output();
        import.is_ok_and(|o| o.status.success())
    };
    if works(&inside) {
        return Some(inside);
    }
    let mut create = Command::new(&python);
    create.args(["-m", "venv"]).arg(&venv);
    if !peer::run(create, b"", LIMIT).status.success() {
        peer::skip(test, "python3 has no venv module");
        return None;
    }
    let mut install = Command::new(&inside);
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "redis>=5,<8"]);
    // What counts is whether the import works afterwards.
    drop(peer::run(install, b"", LIMIT));
    if works(&inside) {
        return Some(inside);
    }
    peer::skip(test, "redis-py cannot be installed with pip");
    None
}

#[test]
fn redis_py_works() {
    let Some(python) = python_with_redis("redis_py_works") else { return };
    let server = Server::start(SHARDS);
    let mut command = Command::new(python);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/redis_py.py");
    command.args([script, &server.port.to_string()]);
    assert_eq!(output(command, b""), "2 protocol versions passed\n");
}
