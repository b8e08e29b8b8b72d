//! Start, stop, and what is said about it: exit codes, signals, log lines, the PID file, the
//! CPUs a server takes, and a configuration that is rewritten and read again.

// A test says what went wrong by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{Server, Value, env, peer};
use rustix::process::Signal;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const SHARDS: usize = 2;
/// What a service manager's user expects of a stop.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// That `texts` occur in `log`, each after the one before.
fn assert_in_order(log: &str, texts: &[&str]) {
    let mut rest = log;
    for text in texts {
        let at =
            rest.find(text).unwrap_or_else(|| panic!("\"{text}\" is missing, or out of order, in\n{log}"));
        rest = &rest[at + text.len()..];
    }
}

#[test]
fn sigterm_and_sigint_end_in_order() {
    for (signal, name) in [(Signal::TERM, "SIGTERM"), (Signal::INT, "SIGINT")] {
        let mut server = Server::start(SHARDS);
        let mut conns: Vec<_> = (0..10).map(|_| server.connect()).collect();
        conns.iter_mut().for_each(|c| drop(c.must("PING")));
        server.signal(signal);
        let status = server.wait(STOP_LIMIT);
        assert_eq!(status.code(), Some(0), "{name}: {status}");
        let received = format!("Received {name} scheduling shutdown");
        assert_in_order(&server.log(), &[&received, "User requested shutdown", "ready to exit, bye bye"]);
    }
}

#[test]
fn a_second_signal_does_not_keep_it_alive() {
    let mut server = Server::start(SHARDS);
    server.signal(Signal::INT);
    // It may have ended between the two; then there is nobody to signal.
    if server.try_wait().is_none() {
        let _ = rustix::process::kill_process(
            rustix::process::Pid::from_raw(server.pid() as i32).unwrap(),
            Signal::INT,
        );
    }
    assert!(server.wait(STOP_LIMIT).code().is_some(), "it ends by exit, not by a crash");
}

#[test]
fn the_shutdown_command_ends_it() {
    for line in ["SHUTDOWN NOSAVE", "SHUTDOWN", "shutdown nosave now force"] {
        let mut server = Server::start(SHARDS);
        let mut conn = server.connect();
        for wrong in ["SHUTDOWN FOO", "SHUTDOWN SAVE NOSAVE", "SHUTDOWN NOSAVE ABORT"] {
            assert_eq!(conn.words(wrong), Value::Error(b"ERR syntax error".to_vec()), "{wrong}");
        }
        conn.send_raw(format!("{line}\r\n").as_bytes());
        assert_eq!(conn.read_to_end().unwrap(), b"", "{line} is answered by the end of the connection");
        assert_eq!(server.wait(STOP_LIMIT).code(), Some(0), "{line}");
    }
}

#[test]
fn abort_without_a_shutdown_is_an_error() {
    let server = Server::start(SHARDS);
    let reply = server.connect().words("SHUTDOWN ABORT");
    assert_eq!(reply, Value::Error(b"ERR No shutdown in progress.".to_vec()));
}

#[test]
fn a_signal_is_held_while_the_clock_stands_and_can_be_taken_back() {
    let mut server = Server::builder(SHARDS).args(&["--enable-debug-command", "yes"]).start();
    let mut conn = server.connect();
    conn.must("DEBUG PAUSE-CRON 1");
    server.signal(Signal::TERM);
    let mut reply = conn.words("SHUTDOWN ABORT");
    peer::wait_until("the signal to arrive", STOP_LIMIT, || {
        let aborted = reply == Value::ok();
        reply = if aborted { Value::ok() } else { conn.words("SHUTDOWN ABORT") };
        aborted
    });
    assert!(conn.words("SHUTDOWN ABORT").is_error(), "it was taken back");
    conn.must("DEBUG PAUSE-CRON 0");
    conn.must("PING");
    conn.must("DEBUG PAUSE-CRON 1");
    server.signal(Signal::TERM);
    conn.must("DEBUG PAUSE-CRON 0");
    assert_eq!(server.wait(STOP_LIMIT).code(), Some(0), "asked for again");
    let log = server.log();
    assert_in_order(&log, &["Received SIGTERM", "Shutdown manually aborted", "Received SIGTERM", "bye bye"]);
}

#[test]
fn a_busy_port_is_said_and_ends_the_start() {
    let first = Server::start(SHARDS);
    let mut second = Server::builder(SHARDS).spawn(first.port);
    assert_eq!(second.wait(STOP_LIMIT).code(), Some(1));
    assert!(second.log().contains(&format!("Failed listening on port {}", first.port)), "{}", second.log());
    first.connect().must("PING");
}

#[test]
fn a_wrong_configuration_is_said_and_ends_the_start() {
    const FATAL: &str = "*** FATAL CONFIG FILE ERROR";
    let cases: [(&str, &[&str], &str); 7] = [
        ("port abc\n", &[], "'port abc'"),
        ("# fine\nnosuchdirective 1\n", &[], "'nosuchdirective 1'"),
        ("maxmemory-policy sometimes\n", &[], "'maxmemory-policy sometimes'"),
        ("rename-command nosuch x\n", &[], "'rename-command nosuch x'"),
        ("loglevel \"unbalanced\n", &[], "'loglevel \"unbalanced'"),
        ("", &["--maxmemory", "much"], "'maxmemory \"much\"'"),
        ("", &["--dir", "/nonexistent/directory"], "No such file or directory"),
    ];
    for (config, args, says) in cases {
        let mut server =
            Server::builder(SHARDS).config(config).args(args).spawn(common::process::free_port());
        assert_eq!(server.wait(STOP_LIMIT).code(), Some(1), "{config}{args:?}");
        let log = server.log();
        assert!(log.contains(FATAL) && log.contains(says), "{config}{args:?}: {log}");
    }
}

#[test]
fn a_missing_configuration_file_ends_the_start() {
    let output = peer::run(server_command(&["/nonexistent/file.conf"]), b"", STOP_LIMIT);
    assert_eq!(output.status.code(), Some(1));
    let all = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(all.contains("can't open config file '/nonexistent/file.conf'"), "{all}");
}

/// The binary with just these arguments, for runs that end by themselves.
fn server_command(args: &[&str]) -> Command {
    let mut command = Command::new(common::env::server_bin());
    command.args(args);
    command
}

#[test]
fn tools_find_the_log_lines_they_wait_for() {
    let server = Server::builder(SHARDS).args(&["--always-show-logo", "yes"]).start();
    server.wait_for_log("Ready to accept");
    let pid = format!(" PID: {}\n", server.pid());
    assert_in_order(&server.log(), &[&pid, "Server initialized", "Ready to accept connections"]);
    // As Redis: pid, role, time, level, text.
    let prefix = format!("{}:M ", server.pid());
    let line = server.log().lines().find(|l| l.contains("Ready to accept")).unwrap_or("").to_string();
    assert!(line.starts_with(&prefix) && line.contains(" * Ready"), "{line}");
}

#[test]
fn the_log_goes_to_a_file_and_by_level() {
    let server = Server::builder(SHARDS).args(&["--logfile", "to-file.log", "--loglevel", "warning"]).start();
    let log = server.dir().join("to-file.log");
    // Nothing of level notice, and nothing on standard output.
    assert!(!server.log().contains("Ready to accept"), "{}", server.log());
    assert!(!std::fs::read_to_string(&log).unwrap_or_default().contains("Ready to accept"));
    let server = Server::builder(SHARDS).args(&["--logfile", "to-file.log"]).start();
    let log = server.dir().join("to-file.log");
    peer::wait_until("the log file's line", STOP_LIMIT, || {
        std::fs::read_to_string(&log).unwrap_or_default().contains("Ready to accept")
    });
}

#[test]
fn the_pid_file_comes_and_goes() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("server.pid");
    let mut server = Server::builder(SHARDS).args(&["--pidfile", &file.display().to_string()]).start();
    assert_eq!(std::fs::read_to_string(&file).unwrap().trim(), server.pid().to_string());
    server.signal(Signal::TERM);
    server.wait(STOP_LIMIT);
    assert!(!file.exists(), "the PID file is left behind");
}

#[test]
fn a_stopped_server_goes_on_where_it_was() {
    let server = Server::start(SHARDS);
    let mut conn = server.connect();
    conn.must("SET before stop");
    server.signal(Signal::STOP);
    conn.send_raw(b"GET before\r\nSET after cont\r\n");
    std::thread::sleep(Duration::from_millis(300));
    server.signal(Signal::CONT);
    assert_eq!([conn.read(), conn.read()], [Value::bulk("stop"), Value::ok()]);
    server.connect().must("PING");
}

/// The CPUs of this test's affinity mask, from `/proc/self/status`: `0-3,8` and the like.
fn allowed_cpus(status: &Path) -> Vec<usize> {
    let text = std::fs::read_to_string(status).unwrap_or_else(|e| panic!("{status:?}: {e}"));
    let list = text.lines().find_map(|l| l.strip_prefix("Cpus_allowed_list:")).expect("a CPU list").trim();
    list.split(',')
        .flat_map(|part| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            first.parse::<usize>().unwrap()..=last.parse().unwrap()
        })
        .collect()
}

/// `shard0:…`, `shard1:…` in INFO.
fn shards_of(server: &Server) -> usize {
    let info = server.connect().words("INFO shards").text();
    let is_shard = |line: &&str| {
        line.strip_prefix("shard").is_some_and(|rest| {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            digits > 0 && rest[digits..].starts_with(':')
        })
    };
    info.lines().filter(is_shard).count()
}

#[test]
fn the_affinity_mask_is_the_number_of_shards() {
    const TEST: &str = "the_affinity_mask_is_the_number_of_shards";
    if !peer::only_percore(TEST) || peer::tool(TEST, "taskset").is_none() {
        return;
    }
    let cpus = allowed_cpus(Path::new("/proc/self/status"));
    let server = Server::builder_plain().start();
    assert_eq!(shards_of(&server), cpus.len(), "one for each CPU");
    let one = cpus[0].to_string();
    let server = Server::builder_plain().under(&["taskset", "-c", &one]).start();
    assert_eq!(shards_of(&server), 1);
    for task in std::fs::read_dir(format!("/proc/{}/task", server.pid())).unwrap() {
        assert_eq!(allowed_cpus(&task.unwrap().path().join("status")), [cpus[0]]);
    }
    let server = Server::builder_plain().args(&["--shards", "4"]).start();
    assert_eq!(shards_of(&server), 4, "--shards overrides the mask");
    let server = Server::builder_plain().args(&["--cpus", &one]).start();
    assert_eq!(shards_of(&server), 1, "--cpus overrides the mask");
}

/// The name, scheduling policy and niceness of each thread of a server.
fn threads_of(server: &Server) -> Vec<(String, u32, i32)> {
    let read = |task: std::io::Result<std::fs::DirEntry>| {
        let path = task.ok()?.path();
        let stat = std::fs::read_to_string(path.join("stat")).ok()?;
        // The name, in brackets, may hold anything; it is the second field, so what follows begins with the third.
        let fields: Vec<_> = stat[stat.rfind(')')? + 1..].split_whitespace().collect();
        let name = std::fs::read_to_string(path.join("comm")).ok()?.trim_end().to_string();
        Some((name, fields[41 - 3].parse().ok()?, fields[19 - 3].parse().ok()?))
    };
    std::fs::read_dir(format!("/proc/{}/task", server.pid())).unwrap().filter_map(read).collect()
}

#[test]
fn a_realtime_server_frees_pages_at_no_such_priority() {
    const TEST: &str = "a_realtime_server_frees_pages_at_no_such_priority";
    const SHARES_TIME: u32 = 0;
    const REALTIME: u32 = 1;
    if !peer::only_percore(TEST) {
        return;
    }
    let Some(chrt) = peer::tool(TEST, "chrt") else { return };
    if !Command::new(chrt).args(["--fifo", "1", "true"]).output().is_ok_and(|o| o.status.success()) {
        return peer::skip(TEST, "this user may not set a real-time policy");
    }
    let server = Server::builder(SHARDS).under(&["chrt", "--fifo", "1"]).start();
    peer::wait_until("the allocator's thread at the lowest priority", STOP_LIMIT, || {
        let is_calm = |(name, policy, nice): &(String, u32, i32)| {
            name == "jemalloc_bg_thd" && (*policy, *nice) == (SHARES_TIME, 19)
        };
        threads_of(&server).iter().any(is_calm)
    });
    let cores: Vec<_> = threads_of(&server).into_iter().filter(|(name, ..)| name == "percore-0").collect();
    assert!(matches!(cores[..], [(_, REALTIME, _)]), "{cores:?}");
}

#[test]
fn the_io_backend_can_be_forced_and_is_named() {
    if !peer::only_percore("the_io_backend_can_be_forced_and_is_named") {
        return;
    }
    let server = Server::builder_plain().args(&["--shards", "2", "--io", "epoll"]).start();
    server.connect().must("SET k v");
    let log = server.log();
    assert_eq!(log.lines().filter(|l| l.contains("epoll")).count(), 1, "one clear line:\n{log}");
    let mut wrong =
        Server::builder_plain().args(&["--io", "carrier-pigeon"]).spawn(common::process::free_port());
    assert_eq!(wrong.wait(STOP_LIMIT).code(), Some(1));
}

#[test]
fn help_and_version_are_printed() {
    if !peer::only_percore("help_and_version_are_printed") {
        return;
    }
    for (arg, says) in [
        ("--help", "Usage:"),
        ("-h", "Usage:"),
        ("--version", "percore"),
        ("-v", "percore"),
        ("--print-config", "port 6379"),
    ] {
        let output = peer::run(server_command(&[arg]), b"", STOP_LIMIT);
        assert_eq!(output.status.code(), Some(0), "{arg}");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.to_lowercase().contains(&says.to_lowercase()), "{arg}: {text}");
    }
}

/// What --print-config prints is a configuration that the server starts on.
#[test]
fn the_printed_configuration_starts() {
    if !peer::only_percore("the_printed_configuration_starts") {
        return;
    }
    let output = peer::run(server_command(&["--print-config"]), b"", STOP_LIMIT);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Server::builder(SHARDS).config(&text).start().connect().must("PING");
}

#[test]
fn config_rewrite_keeps_the_file_and_what_was_set() {
    const CONFIG: &str = "# a comment that stays\nmaxclients 500\ntimeout 60\nsave 900 1\n\
                          # another one\nslowlog-max-len 64\nrename-command DEBUG \"\"\n";
    let server = Server::builder(SHARDS).config(CONFIG).start();
    let mut conn = server.connect();
    conn.must("CONFIG SET slowlog-max-len 77 maxmemory 100mb");
    conn.call(&["CONFIG", "SET", "requirepass", "it's a \"secret\""]);
    assert_eq!(conn.call(&["CONFIG", "SET", "requirepass", ""]), Value::ok());
    conn.call(&["CONFIG", "SET", "save", "3600 1 300 100"]);
    conn.must("CONFIG REWRITE");
    let read = || std::fs::read_to_string(server.dir().join("server.conf")).unwrap();
    let text = read();
    assert_in_order(
        &text,
        &["# a comment that stays", "maxclients 500", "# another one", "slowlog-max-len 77"],
    );
    assert!(text.contains("maxmemory 104857600") || text.contains("maxmemory 100mb"), "{text}");
    assert!(text.contains("rename-command DEBUG \"\""), "{text}");
    assert_eq!(text.lines().filter(|l| l.starts_with("slowlog-max-len")).count(), 1, "{text}");
    assert_eq!(text.lines().filter(|l| l.starts_with("save ")).collect::<Vec<_>>(), ["save 3600 1 300 100"]);
    conn.must("CONFIG REWRITE");
    assert_eq!(read().trim_end(), text.trim_end(), "a second rewrite changes nothing");

    let again = Server::builder(SHARDS).config(&text).start();
    let mut other = again.connect();
    for name in ["slowlog-max-len", "maxmemory", "maxclients", "timeout", "requirepass"] {
        let get = format!("CONFIG GET {name}");
        assert_eq!(other.must(&get), conn.must(&get));
    }
}

#[test]
fn the_title_may_be_longer_than_the_command_line() {
    if !peer::only_percore("the_title_may_be_longer_than_the_command_line") {
        return;
    }
    let server = Server::start(SHARDS);
    let program = env::server_bin();
    let mark = "x".repeat(400);
    let mut conn = server.connect();
    assert_eq!(
        conn.call(&["CONFIG", "SET", "proc-title-template", &format!("{mark} {{title}}")]),
        Value::ok()
    );
    let shown = std::fs::read_to_string(format!("/proc/{}/cmdline", server.pid())).unwrap();
    assert_eq!(shown.trim_end_matches('\0'), format!("{mark} {program}"));
}
