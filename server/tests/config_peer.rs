//! The configuration against redis-server's own: names, defaults, what is refused and in which
//! words. Percore's side is the library; only redis-server runs. Debian's is a 7.0, so what 7.2
//! added or changed is listed here, beside what differs on purpose.

// A test says what went wrong by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{Conn, Server, Value, peer};
use server::config::{Caller, Config, Sources, Start, load};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Names that 7.0 lists and 7.2 does not: it hid them.
const HIDDEN_SINCE: [&str; 1] = ["aof-disable-auto-gc"];

/// Names that 7.0 does not have: 7.2's, and Percore's own.
const NOT_IN_7_0: [&str; 10] = [
    "client-subscriptions-limit",
    "cluster-announce-human-nodename",
    "locale-collate",
    "set-max-listpack-entries",
    "set-max-listpack-value",
    "shards",
    "cpus",
    "io",
    "rdb-version",
    "snapshot-buffer-limit",
];

/// Defaults that differ. The log must not claim to be Redis's; the rest is set by the harness.
const OTHER_DEFAULTS: [&str; 1] = ["syslog-ident"];
const SET_BY_THE_HARNESS: [&str; 12] = [
    "port",
    "bind",
    "dir",
    "save",
    "appendonly",
    "logfile",
    "loglevel",
    "daemonize",
    "protected-mode",
    "unixsocket",
    "pidfile",
    "enable-debug-command",
];

fn redis_values(conn: &mut Conn) -> BTreeMap<String, String> {
    let reply = conn.must("CONFIG GET *").items();
    reply.chunks_exact(2).map(|pair| (pair[0].text(), pair[1].text())).collect()
}

fn own_values(config: &Config) -> BTreeMap<String, String> {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    config.get_matching(&[b"*"]).into_iter().map(|(name, value)| (text(name), text(value))).collect()
}

#[test]
fn names_and_defaults_are_those_of_redis() {
    let Some(redis) = Server::redis("names_and_defaults_are_those_of_redis") else { return };
    let theirs = redis_values(&mut redis.connect());
    let ours = own_values(&Config::new(Path::new("/")));
    let missing: Vec<&String> = theirs.keys().filter(|name| !ours.contains_key(*name)).collect();
    assert_eq!(missing, HIDDEN_SINCE);
    let mut more: Vec<&str> =
        ours.keys().map(String::as_str).filter(|name| !theirs.contains_key(*name)).collect();
    let mut expected = NOT_IN_7_0;
    more.sort_unstable();
    expected.sort_unstable();
    assert_eq!(more, expected);
    let differs = |name: &&String| {
        let other = OTHER_DEFAULTS.contains(&name.as_str()) || SET_BY_THE_HARNESS.contains(&name.as_str());
        theirs.get(*name).is_some_and(|value| value != &ours[*name]) != other && !other
    };
    let different: Vec<_> = ours.keys().filter(differs).map(|n| (n, &ours[n], &theirs[n])).collect();
    assert!(different.is_empty(), "name, ours, theirs: {different:?}");
    for name in OTHER_DEFAULTS {
        assert_ne!(ours[name], theirs[name], "{name} no longer differs");
    }
}

/// What is tried on every directive that can be set without consequences.
const TRIED: [&str; 24] = [
    "yes",
    "NO",
    "",
    "0",
    "1",
    "-1",
    "5",
    "007",
    "+3",
    "100",
    "70000",
    "abc",
    "1k",
    "1KB",
    "3mb",
    "2g",
    "5%",
    "200%",
    "x%",
    "99999999999999999999",
    "everysec",
    "nosave now",
    "1 2 3",
    "a  b",
];

/// Texts for directives of several parts.
const SPECIAL: [(&str, &str); 24] = [
    ("save", "900 1"),
    ("save", "900"),
    ("save", "0 1"),
    ("save", "900 1 60 x"),
    ("save", "900  1"),
    ("client-output-buffer-limit", "normal 1gb 1gb 100"),
    ("client-output-buffer-limit", "replica 1kb 2kb 3 pubsub 4 5 6"),
    ("client-output-buffer-limit", "master 1 1 1"),
    ("client-output-buffer-limit", "normal 1 1"),
    ("client-output-buffer-limit", "normal x 1 1"),
    ("client-output-buffer-limit", "normal 0 0 -1"),
    ("notify-keyspace-events", "KEA"),
    ("notify-keyspace-events", "Kg$xn"),
    ("notify-keyspace-events", "KEAnm"),
    ("notify-keyspace-events", "Q"),
    ("latency-tracking-info-percentiles", "50 99.9 100"),
    ("latency-tracking-info-percentiles", "101"),
    ("latency-tracking-info-percentiles", "x"),
    ("proc-title-template", "{title} {nope}"),
    ("proc-title-template", "--{title}--"),
    ("cluster-announce-hostname", "a_b"),
    ("cluster-announce-hostname", "host.example"),
    ("maxmemory-policy", "allkeys-lru"),
    ("shutdown-on-sigterm", "save nosave"),
];

/// Not tried: what would cut the test off, needs the host's leave, or is worded differently since 7.0.
const NOT_TRIED: [&str; 15] = [
    "port",
    "bind",
    "dir",
    "appendonly",
    "requirepass",
    "maxclients",
    "oom-score-adj",
    "oom-score-adj-values",
    "activedefrag",
    "jemalloc-bg-thread",
    "timeout",
    "client-output-buffer-limit",
    "crash-log-enabled",
    "enable-debug-command",
    "syslog-ident",
];

/// What Redis takes and Percore refuses: a size past 64 bits wraps round to one percent there.
const REFUSED_HERE: [(&str, &str); 1] = [("maxmemory-clients", "99999999999999999999")];

/// Sets the value on both sides, compares the replies, then what CONFIG GET shows.
fn set_on_both(conn: &mut Conn, config: &mut Config, name: &str, value: &str) {
    let theirs = conn.call(&["CONFIG", "SET", name, value]);
    let caller = Caller { local: true, loading: false };
    let ours = match config.set_many(&[(name.as_bytes(), value.as_bytes())], caller) {
        Ok(change) => {
            *config = change.config;
            Value::ok()
        }
        // 7.2 added a loglevel.
        Err(refusal) => Value::Error(refusal.0.replace(", nothing", "").into()),
    };
    assert_eq!(ours, theirs, "CONFIG SET {name} {value:?}");
    let shown = conn.call(&["CONFIG", "GET", name]).items();
    let own = config.get_matching(&[name.as_bytes()]);
    assert_eq!(own[0].1, shown[1].bytes().unwrap(), "CONFIG GET {name} after {value:?}");
}

#[test]
fn values_are_taken_and_refused_as_redis_does() {
    let Some(redis) = Server::redis("values_are_taken_and_refused_as_redis_does") else { return };
    let mut conn = redis.connect();
    let mut config = Config::new(Path::new("/"));
    set_on_both(&mut conn, &mut config, "save", "");
    let tried = |name: &String| {
        let risky = name.starts_with("tls-") || NOT_TRIED.contains(&name.as_str());
        !risky && !HIDDEN_SINCE.contains(&name.as_str())
    };
    for name in redis_values(&mut conn).into_keys().filter(tried) {
        for value in TRIED.into_iter().filter(|value| !REFUSED_HERE.contains(&(name.as_str(), value))) {
            set_on_both(&mut conn, &mut config, &name, value);
        }
    }
    for (name, value) in SPECIAL {
        set_on_both(&mut conn, &mut config, name, value);
    }
}

#[test]
fn bad_configurations_are_reported_as_redis_reports_them() {
    let test = "bad_configurations_are_reported_as_redis_reports_them";
    let Some(redis) = peer::tool(test, "redis-server") else { return };
    for args in [
        &["--invalid"][..],
        &["--port"],
        &["--port", "6380", "--loglevel"],
        &["--port", "6379", "6380"],
        &["--port", "--loglevel", "verbose"],
        &["--port", "--bla", "--loglevel", "verbose"],
        &["--logfile", "--my--log--file", "--loglevel", "--bla"],
        &["--shutdown-on-sigint", "now force", "--shutdown-on-sigterm"],
        &["--replicaof", "--127.0.0.1", "--abc"],
        &["--unixsocketperm", "999"],
        &["--user"],
        &["--include", "a", "b"],
        &["--port \"1"],
        &["--save", "1", "x"],
        &["--rename-command", "nope", "x"],
        &["--cluster-enabled", "yes", "--replicaof", "a", "1"],
        &["--dir", "/no/such/dir"],
        &["--logfile", "/no/such/dir/log"],
    ] {
        let mut command = Command::new(&redis);
        command.args(args).current_dir(std::env::temp_dir());
        let output = peer::run(command, b"", Duration::from_secs(60));
        let theirs = String::from_utf8(output.stderr).unwrap();
        let words: Vec<OsString> = args.iter().map(OsString::from).collect();
        let server::config::Invocation::Run(start) = server::config::Invocation::parse(&words) else {
            panic!("{args:?} is a start")
        };
        let ours = refusal(&start);
        assert_eq!(versionless(&ours), versionless(&theirs), "{args:?}");
        assert_eq!(output.status.code(), Some(1), "{args:?}");
    }
}

fn refusal(start: &Start) -> String {
    start.load(&|name| name == b"get").unwrap_err().to_string()
}

/// Without the version, and without the loglevel that 7.2 added.
fn versionless(text: &str) -> String {
    let text = text.replace(", nothing\n", "\n");
    let (before, after) = text.split_once("(Redis ").unwrap_or((&text, ""));
    format!("{before}{}", after.split_once(')').map_or("", |(_, rest)| rest))
}

#[test]
fn debians_redis_conf_is_understood() {
    let path = "/etc/redis/redis.conf";
    let Ok(text) = std::fs::read_to_string(path) else {
        return peer::skip("debians_redis_conf_is_understood", &format!("{path} cannot be read"));
    };
    // These three name places that the test has no business with.
    let elsewhere = |line: &&str| !["dir ", "logfile ", "pidfile "].iter().any(|name| line.starts_with(name));
    let text: Vec<&str> = text.lines().filter(elsewhere).collect();
    let options = Some(text.join("\n").into_bytes());
    let sources = Sources { file: None, stdin: None, options, cwd: Path::new("/"), is_command: &|_| true };
    let loaded = load(&sources).unwrap();
    let settings = loaded.config.settings();
    assert_eq!(settings.bind, ["127.0.0.1", "-::1"]);
    assert!(settings.daemonize);
    assert!(loaded.warnings.iter().all(|line| line.contains("has no effect")), "{:?}", loaded.warnings);
}
