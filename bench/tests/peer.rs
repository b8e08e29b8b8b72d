//! The program against Debian's redis-server: every built-in test, protocols, cluster, the server's account.

// A test says what went wrong by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::peer::{Redis, tools};
use common::{backends, bench, report};
use std::process::Command;

fn cli(port: u16, words: &[&str]) -> String {
    let output =
        Command::new("redis-cli").args(["-p", &port.to_string()]).args(words).output().expect("redis-cli");
    String::from_utf8_lossy(&output.stdout).trim().to_string()
}

#[test]
fn all_built_in_tests_run_without_errors() {
    const TEST: &str = "all_built_in_tests_run_without_errors";
    let Some(redis) = Redis::start(TEST, &[]) else { return };
    for io in backends() {
        for flags in ["", "-r|1000|", "-3|-r|100|-P|16|--threads|2|"] {
            let found = report(redis.port, &format!("--io|{io}|-n|500|-c|10|{flags}--dbnum|2"), 0);
            assert_eq!(found.len(), 21);
            for test in &found {
                assert_eq!(
                    (&test["all"]["requests"], &test["all"]["errors"]),
                    (&500.into(), &0.into()),
                    "{test}"
                );
            }
        }
    }
}

#[test]
fn the_keys_are_those_of_redis_benchmark() {
    const TEST: &str = "the_keys_are_those_of_redis_benchmark";
    if !tools(TEST, &["redis-benchmark", "redis-cli"]) {
        return;
    }
    let Some(redis) = Redis::start(TEST, &[]) else { return };
    let keys = |port: u16| {
        let mut names: Vec<_> = cli(port, &["KEYS", "*"]).lines().map(String::from).collect();
        names.sort();
        (names, ["mylist", "myset", "myhash", "myzset", "mystream"].map(|key| cli(port, &["TYPE", key])))
    };
    for flags in [vec![], vec!["-r", "1"]] {
        let (port, n) = (redis.port.to_string(), "40");
        // Without xadd, which redis-benchmark has since 7.2.
        let tests = "ping,set,get,incr,lpush,rpush,lpop,rpop,sadd,hset,spop,zadd,zpopmin,lrange,mset";
        let common = [vec!["-p", &port, "-n", n, "-c", "4", "-q", "-t", tests], flags].concat();
        cli(redis.port, &["FLUSHALL"]);
        assert!(Command::new("redis-benchmark").args(&common).output().expect("it runs").status.success());
        let theirs = keys(redis.port);
        cli(redis.port, &["FLUSHALL"]);
        assert!(bench(redis.port, &common[2..].join("|")).status.success());
        assert_eq!(keys(redis.port), theirs);
    }
}

#[test]
fn passwords_users_and_sockets() {
    const TEST: &str = "passwords_users_and_sockets";
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("s");
    let args = ["--requirepass", "secret", "--unixsocket", socket.to_str().unwrap()];
    let Some(redis) = Redis::start(TEST, &args) else { return };
    report(redis.port, "-a|secret|-n|10|-t|get", 0);
    report(redis.port, "--user|default|-a|secret|-n|10|-t|get", 0);
    report(redis.port, &format!("-u|redis://:secret@127.0.0.1:{}/1|-n|10|-t|set", redis.port), 0);
    report(1, &format!("-s|{}|-a|secret|-n|10|-t|get", socket.display()), 0);
    let refused = bench(redis.port, "-a|wrong|-n|10|-t|get");
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("AUTH: WRONGPASS"));
    report(redis.port, "-n|10|-t|get", 1);
}

#[test]
fn the_server_is_found_and_its_cost_told() {
    const TEST: &str = "the_server_is_found_and_its_cost_told";
    let Some(redis) = Redis::start(TEST, &[]) else { return };
    for pid in ["auto".to_string(), redis.pid().to_string()] {
        let line = format!("--server-pid|{pid}|-r|100000|-d|1000|-P|16|-n|50000|-t|set");
        let found = report(redis.port, &line, 0);
        let server = &found[0]["cost"]["server"];
        let number = |field: &str| server[field].as_f64().unwrap_or_else(|| panic!("{field}: {server}"));
        assert!(number("cpu_us_per_request") > 0.1 && number("cpu_us_per_request") < 1000.0);
        assert!(number("rss_after") > number("rss_before") || pid != "auto", "the first run fills memory");
        assert!(!server["threads"].as_array().unwrap().is_empty());
    }
}

#[test]
fn a_cluster_is_asked_for_its_own_keys_only() {
    const TEST: &str = "a_cluster_is_asked_for_its_own_keys_only";
    if !tools(TEST, &["redis-cli"]) {
        return;
    }
    let Some(first) = Redis::start(TEST, &["--cluster-enabled", "yes"]) else { return };
    let Some(second) = Redis::start(TEST, &["--cluster-enabled", "yes"]) else { return };
    assert_eq!(cli(first.port, &["CLUSTER", "ADDSLOTSRANGE", "0", "8191"]), "OK");
    assert_eq!(cli(second.port, &["CLUSTER", "ADDSLOTSRANGE", "8192", "16383"]), "OK");
    assert_eq!(cli(second.port, &["CLUSTER", "SET-CONFIG-EPOCH", "2"]), "OK");
    assert_eq!(cli(first.port, &["CLUSTER", "MEET", "127.0.0.1", &second.port.to_string()]), "OK");
    let start = std::time::Instant::now();
    while [first.port, second.port]
        .iter()
        .any(|&p| !cli(p, &["CLUSTER", "INFO"]).contains("cluster_state:ok"))
    {
        assert!(start.elapsed().as_secs() < 60, "the nodes do not meet");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let found = report(first.port, "--cluster|-r|1000|-n|2000|-c|8|-t|set,get,mset,lpush", 0);
    assert!(found.iter().all(|test| test["all"]["errors"] == 0));
    for node in [&first, &second] {
        assert!(cli(node.port, &["DBSIZE"]).parse::<u64>().unwrap() > 100);
    }
}

#[test]
fn the_workload_files_run() {
    const TEST: &str = "the_workload_files_run";
    let Some(redis) = Redis::start(TEST, &["--enable-debug-command", "local"]) else { return };
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("workloads");
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        // Little of everything: what counts is that no command is refused.
        let little = "-q|-n|200|-c|10|--warmup|0|--duration|1|-r|200";
        let output = bench(redis.port, &format!("--workload|{}|{little}", path.display()));
        assert!(output.status.success(), "{path:?}: {output:?}");
        assert!(!output.stdout.is_empty(), "{path:?}");
    }
}

/// The first CPU that this process may use.
fn allowed_cpu() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let list = status.lines().find_map(|l| l.strip_prefix("Cpus_allowed_list:")).unwrap().trim();
    list.split(['-', ',']).next().unwrap().to_string()
}

#[test]
fn servers_are_compared() {
    const TEST: &str = "servers_are_compared";
    if !tools(TEST, &["redis-server"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str| dir.path().join(name).display().to_string();
    let cpu = allowed_cpu();
    let server = |name: &str| format!("{name}=redis-server --port {{port}} --dir {{dir}} --save ''");
    let output = Command::new(env!("CARGO_BIN_EXE_percore-bench"))
        .args([
            "compare",
            "--server",
            &server("first"),
            "--server",
            &server("second & third"),
            "--rounds",
            "2",
        ])
        .args([
            "--seconds",
            "0.1",
            "--latency-seconds",
            "0.2",
            "--timeline-seconds",
            "1",
            "--pipelines",
            "1,8",
        ])
        .args(["--keyspace", "1000", "--rate", "500", "--server-cpus", &cpu, "--load-cpus", &cpu])
        .args(["--event", "BGSAVE", "--event", "NOSUCH command"])
        .args(["--html", &file("page.html"), "--markdown", &file("tables.md"), "--json", &file("all.json")])
        .output()
        .expect("the program runs");
    assert!(output.status.success(), "{output:?}");
    let read = |name: &str| std::fs::read_to_string(file(name)).unwrap();
    let (page, tables) = (read("page.html"), read("tables.md"));
    for part in [
        "<svg",
        "GET: server CPU",
        "SET: requests a second",
        "latency by percentile",
        "second &amp; third",
        "refused NOSUCH command: ERR unknown command",
        "BGSAVE",
        "Medians and ratios",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("src=") && !page.contains("NaN") && !page.contains("<script"));
    assert!(tables.contains("| GET P8 |") && tables.contains("| p99.9 |") && tables.contains("to first"));
    let all: serde_json::Value = serde_json::from_str(&read("all.json")).unwrap();
    assert_eq!(all["experiments"].as_array().unwrap().len(), 4);
    assert_eq!(all["experiments"][0]["rounds"].as_array().unwrap().len(), 2);
    assert!(all["timelines"][0]["points"].as_array().unwrap().len() >= 9);
}
