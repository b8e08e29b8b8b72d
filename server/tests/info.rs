//! What the server says of itself over a real socket: INFO, MEMORY STATS, SLOWLOG, LATENCY HISTOGRAM.
//! Field names are compared with redis-server's; figures with what the test has just done.

// A test says what went wrong by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{Conn, Server, Value, keys, peer};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The fields of some sections, in their order.
fn fields(conn: &mut Conn, sections: &str) -> Vec<(String, String)> {
    let text = conn.must(&format!("INFO {sections}")).text();
    let lines = text.split("\r\n").filter(|l| !l.is_empty() && !l.starts_with("# "));
    let field = |l: &str| l.split_once(':').map(|(n, v)| (n.to_owned(), v.to_owned()));
    lines.map(|l| field(l).unwrap_or_else(|| panic!("not name:value: {l:?}"))).collect()
}

/// One field as a number.
fn number(conn: &mut Conn, sections: &str, name: &str) -> u64 {
    let all = fields(conn, sections);
    let (_, value) = all.iter().find(|(n, _)| n == name).unwrap_or_else(|| panic!("{name} in {all:?}"));
    value.parse().unwrap_or_else(|_| panic!("{name}:{value}"))
}

/// The parts of a value like `keys=1,expires=0`.
fn parts(value: &str) -> BTreeMap<&str, &str> {
    value.split(',').map(|p| p.split_once('=').unwrap_or_else(|| panic!("{value}"))).collect()
}

fn part(value: &str, name: &str) -> u64 {
    parts(value).get(name).and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("{name} in {value}"))
}

/// The titles of the sections.
fn titles(conn: &mut Conn, sections: &str) -> Vec<String> {
    let text = conn.must(&format!("INFO {sections}")).text();
    text.lines().filter_map(|l| l.strip_prefix("# ")).map(|t| t.trim_end().to_owned()).collect()
}

/// Fields whose names depend on what was done, or on where the server listens.
const VARIABLE: &[&str] = &["db", "cmdstat_", "errorstat_", "latency_percentiles_usec_", "shard", "listener"];

fn fixed_names(conn: &mut Conn) -> BTreeSet<String> {
    let variable = |n: &str| VARIABLE.iter().any(|v| n.starts_with(v));
    fields(conn, "everything").into_iter().map(|f| f.0).filter(|n| !variable(n)).collect()
}

/// Fields that redis-server 7.0 does not have: Percore's own, and those that came with Redis 7.2 or 7.4.
const BEYOND_7_0: &[&str] = &[
    "server_name",
    "percore_version",
    "pubsub_clients",
    "expired_subkeys",
    "total_blocking_keys",
    "total_blocking_keys_on_nokey",
    "client_query_buffer_limit_disconnections",
    "client_output_buffer_limit_disconnections",
    "eventloop_cycles",
    "eventloop_duration_sum",
    "eventloop_duration_cmd_sum",
    "instantaneous_eventloop_cycles_per_sec",
    "instantaneous_eventloop_duration_usec",
    "acl_access_denied_auth",
    "acl_access_denied_cmd",
    "acl_access_denied_key",
    "acl_access_denied_channel",
];

#[test]
fn field_names_are_those_of_redis() {
    let test = "field_names_are_those_of_redis";
    if !peer::only_percore(test) {
        return;
    }
    let Some(redis) = Server::redis(test) else { return };
    let ours = Server::start(2);
    let (mut theirs, mut ours) = (redis.connect(), ours.connect());
    let (mut known, found) = (fixed_names(&mut theirs), fixed_names(&mut ours));
    known.extend(BEYOND_7_0.iter().map(|n| (*n).to_owned()));
    assert_eq!(known.difference(&found).collect::<Vec<_>>(), Vec::<&String>::new(), "missing");
    assert_eq!(
        found.difference(&known).collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "Redis has none of these"
    );

    let mut want = titles(&mut theirs, "everything");
    want.push("Shards".into());
    assert_eq!(titles(&mut ours, "everything"), want, "sections in Redis's order");
    let mut want = titles(&mut theirs, "");
    want.push("Shards".into());
    assert_eq!(titles(&mut ours, ""), want, "the default sections");

    let stats_names = |conn: &mut Conn| {
        conn.must("SET k v");
        let all = conn.must("MEMORY STATS").items();
        all.iter().step_by(2).map(Value::text).collect::<Vec<_>>()
    };
    assert_eq!(stats_names(&mut ours), stats_names(&mut theirs), "fields of MEMORY STATS");
}

#[test]
fn sections_are_chosen_by_name() {
    let server = Server::start(2);
    let mut conn = server.connect();
    assert_eq!(titles(&mut conn, "cpu"), ["CPU"]);
    assert_eq!(titles(&mut conn, "KEYSPACE cpu nonsense cpu"), ["CPU", "Keyspace"]);
    assert_eq!(conn.must("INFO sentinel").text(), "");
    let default = titles(&mut conn, "");
    assert_eq!(titles(&mut conn, "cpu default"), default);
    assert!(!default.contains(&"Commandstats".to_owned()));
    let all = titles(&mut conn, "all");
    assert_eq!(titles(&mut conn, "everything"), all);
    assert_eq!(titles(&mut conn, "cpu all"), all);
    let reply = server.connect3().must("INFO cluster");
    assert_eq!(reply, Value::Verbatim(b"txt".to_vec(), b"# Cluster\r\ncluster_enabled:0\r\n".to_vec()));
}

#[test]
fn commands_are_counted_once_wherever_they_run() {
    let server = Server::start(3);
    let mut conn = server.connect();
    let spread = keys::spread("k", 3);
    for key in &spread {
        assert_eq!(conn.call(&["SET", key, "text"]), Value::ok());
    }
    conn.call(&["MGET", &spread[0], &spread[1], &spread[2]]);
    assert!(conn.call(&["INCR", &spread[1]]).is_error());
    assert!(conn.call(&["GET"]).is_error());
    assert!(conn.call(&["GET", "a", "b"]).is_error());
    assert!(conn.call(&["NOSUCH"]).is_error());
    conn.must("DBSIZE");
    conn.must("PING");
    conn.must("CLIENT ID");
    conn.must("CLIENT LIST");
    assert!(conn.words("SLOWLOG GET -2").is_error());
    conn.call(&["RENAME", &spread[0], &spread[2]]);

    let all: BTreeMap<_, _> = fields(&mut conn, "commandstats errorstats stats").into_iter().collect();
    let stat = |command: &str, what: &str| part(&all[&format!("cmdstat_{command}")], what);
    let calls = [("set", 3), ("mget", 1), ("incr", 1), ("get", 0), ("dbsize", 1), ("ping", 1), ("rename", 1)];
    for (command, n) in calls {
        assert_eq!(stat(command, "calls"), n, "{command} in {all:?}");
    }
    for command in ["client|id", "client|list", "slowlog|get"] {
        assert_eq!(stat(command, "calls"), 1, "{command}");
    }
    assert_eq!((stat("get", "rejected_calls"), stat("incr", "rejected_calls")), (2, 0));
    assert_eq!((stat("incr", "failed_calls"), stat("slowlog|get", "failed_calls")), (1, 1));
    assert_eq!((all["errorstat_ERR"].as_str(), all["total_error_replies"].as_str()), ("count=5", "5"));
    let lines = || all.iter().filter(|(n, _)| n.starts_with("cmdstat_"));
    let called: u64 = lines().map(|(_, v)| part(v, "calls")).sum();
    assert_eq!(all["total_commands_processed"], called.to_string());
    for (name, value) in lines() {
        let names: Vec<_> = value.split(',').filter_map(|p| p.split('=').next()).collect();
        let want = ["calls", "usec", "usec_per_call", "rejected_calls", "failed_calls"];
        assert_eq!(names, want, "{name}");
    }
}

#[test]
fn shards_add_up_to_the_keyspace() {
    if !peer::only_percore("shards_add_up_to_the_keyspace") {
        return;
    }
    let server = Server::start(3);
    let mut conn = server.connect();
    let _others: Vec<_> = (0..5).map(|_| server.connect()).collect();
    for i in 0..300 {
        conn.must(&format!("SET key:{i} value"));
    }
    for i in 0..40 {
        conn.must(&format!("PEXPIRE key:{i} 100000000"));
    }
    conn.must("SELECT 3");
    conn.must("SET other value");

    let all = fields(&mut conn, "keyspace shards clients stats");
    let sum = |prefix: &str, what: &str| -> u64 {
        let chosen = all.iter().filter(|(n, _)| {
            n.strip_prefix(prefix).is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit()))
        });
        chosen.map(|(_, v)| part(v, what)).sum()
    };
    let value = |name: &str| all.iter().find(|(n, _)| n == name).map(|f| f.1.as_str()).unwrap();
    assert!(value("db0").starts_with("keys=300,expires=40,avg_ttl="), "{}", value("db0"));
    assert_eq!(value("db3"), "keys=1,expires=0,avg_ttl=0,subexpiry=0");
    assert_eq!((sum("shard", "keys"), sum("shard", "expires")), (301, 40));
    assert_eq!(sum("shard", "clients").to_string(), value("connected_clients"));
    assert_eq!(sum("shard", "ops").to_string(), value("total_commands_processed"));
    assert_eq!(sum("shard", "hops_out"), sum("shard", "hops_in"));
    assert_eq!(sum("shard", "forwarded_out"), sum("shard", "forwarded_in"));
    assert!(sum("shard", "forwarded_in") > 0 && sum("shard", "turns") > 0);
    for i in 0..3 {
        let line = parts(value(&format!("shard{i}")));
        assert!(line["busy_percent"].parse::<f64>().unwrap() <= 100.0, "{line:?}");
        assert!(line["keys"].parse::<u64>().unwrap() > 50, "keys are spread: {line:?}");
    }
}

#[test]
fn what_was_just_written_is_seen() {
    let server = Server::start(2);
    let mut conn = server.connect();
    for i in 1..20u64 {
        conn.must(&format!("SET key:{i} v"));
        conn.must(&format!("GET key:{i}"));
        conn.must(&format!("GET nokey:{i}"));
        let all: BTreeMap<_, _> = fields(&mut conn, "keyspace stats persistence").into_iter().collect();
        assert_eq!(part(&all["db0"], "keys"), i);
        let counted = ["keyspace_hits", "keyspace_misses", "rdb_changes_since_last_save"];
        assert_eq!(counted.map(|n| all[n].parse::<u64>().unwrap()), [i, i, i]);
    }
}

#[test]
fn used_memory_follows_the_data() {
    if !peer::only_percore("used_memory_follows_the_data") {
        return;
    }
    let server = Server::start(2);
    let mut conn = server.connect();
    let used = |conn: &mut Conn| number(conn, "memory", "used_memory");
    let empty = used(&mut conn);
    let value = "x".repeat(10_000);
    for i in 0..400 {
        conn.call(&["SET", &format!("key:{i}"), &value]);
    }
    let full = used(&mut conn);
    // Some hundred KB that the start has needed may be freed meanwhile.
    assert!((3_500_000..8_000_000).contains(&(full - empty)), "{empty} then {full}");
    assert!(number(&mut conn, "memory", "used_memory_peak") >= full);
    assert!(number(&mut conn, "memory", "used_memory_rss") > full);
    let dataset = number(&mut conn, "memory", "used_memory_dataset");
    assert!((4_000_000..8_500_000).contains(&dataset), "{dataset}");
    conn.must("FLUSHALL");
    peer::wait_until("memory is freed", Duration::from_secs(20), || used(&mut conn) < empty + 1_000_000);
    assert_eq!(conn.must("MEMORY PURGE"), Value::ok());
    assert!(conn.must("MEMORY MALLOC-STATS").text().contains("allocated"));
    assert!(conn.must("MEMORY DOCTOR").text().contains("Sam"));
}

#[test]
fn histograms_of_commands() {
    let server = Server::start(2);
    let mut conn = server.connect3();
    for i in 0..100 {
        conn.must(&format!("SET key:{i} v"));
    }
    conn.must("CLIENT ID");
    let Value::Map(found) = conn.must("LATENCY HISTOGRAM blabla set client") else { panic!("a map") };
    let names: Vec<String> = found.iter().map(|(n, _)| n.text()).collect();
    assert_eq!(names, ["set", "client|id"]);
    let Value::Map(set) = &found[0].1 else { panic!("{found:?}") };
    assert_eq!(set[0], (Value::bulk("calls"), Value::Int(100)));
    assert_eq!(set[1].0, Value::bulk("histogram_usec"));
    let Value::Map(buckets) = &set[1].1 else { panic!("{set:?}") };
    let counts: Vec<_> = buckets.iter().map(|(bound, n)| (bound.int().unwrap(), n.int().unwrap())).collect();
    assert!(counts.windows(2).all(|w| w[0].0 < w[1].0 && w[0].1 < w[1].1), "{counts:?}");
    assert_eq!(counts.last().unwrap().1, 100, "cumulative");
    assert_eq!(conn.must("LATENCY HISTOGRAM blabla"), Value::Map(vec![]));

    let all = server.connect().must("LATENCY HISTOGRAM set").items();
    assert_eq!((all.len(), all[0].text()), (2, "set".to_owned()));
    assert_eq!(all[1].items()[..2], [Value::bulk("calls"), Value::Int(100)]);

    let all: BTreeMap<_, _> = fields(&mut conn, "latencystats").into_iter().collect();
    let percentiles = parts(&all["latency_percentiles_usec_set"]);
    let times = ["p50", "p99", "p99.9"].map(|p| percentiles[p].parse::<f64>().unwrap());
    assert!(times[0] > 0.0 && times[0] <= times[1] && times[1] <= times[2], "{times:?}");
    assert!(all.contains_key("latency_percentiles_usec_client|id"), "{all:?}");
}

#[test]
fn counters_go_back_to_zero() {
    let server = Server::start(2);
    let mut conn = server.connect();
    conn.must("SET a 1");
    conn.must("GET a");
    conn.must("GET nothing");
    assert!(conn.words("NOSUCH").is_error());
    assert_eq!(conn.must("CONFIG RESETSTAT"), Value::ok());
    let all: BTreeMap<_, _> =
        fields(&mut conn, "stats commandstats errorstats keyspace").into_iter().collect();
    for name in ["keyspace_hits", "keyspace_misses", "total_error_replies", "total_connections_received"] {
        assert_eq!(all[name], "0", "{name}");
    }
    let counted: Vec<_> = all.keys().filter(|n| n.starts_with("cmdstat_")).collect();
    assert_eq!(counted, ["cmdstat_config|resetstat"], "only what came after the reset, its own call");
    assert!(!all.contains_key("errorstat_ERR") && part(&all["db0"], "keys") == 1);
    let names: Vec<_> = conn.must("LATENCY HISTOGRAM").items().iter().step_by(2).map(Value::text).collect();
    assert_eq!(names, ["config|resetstat", "info"]);

    conn.must("CONFIG SET latency-tracking no");
    conn.must("GET a");
    assert_eq!(fields(&mut conn, "latencystats"), []);
    conn.must("CONFIG SET latency-tracking yes latency-tracking-info-percentiles 50.5");
    conn.must("SET a 2");
    let all: BTreeMap<_, _> = fields(&mut conn, "latencystats").into_iter().collect();
    let set = &all["latency_percentiles_usec_set"];
    assert!(set.starts_with("p50.5=") && !set.contains(','), "{set}");
    assert!(!all.contains_key("latency_percentiles_usec_get"), "not while it was off: {all:?}");
}

#[test]
fn a_command_over_several_shards_is_one_entry_of_the_slow_log() {
    let server = Server::builder(2).args(&["--slowlog-log-slower-than", "0"]).start();
    let mut conn = server.connect();
    conn.must("SLOWLOG RESET");
    let keys: Vec<String> = (0..20).map(|n| format!("key:{n}")).collect();
    let mset: Vec<String> =
        ["MSET".into()].into_iter().chain(keys.iter().flat_map(|k| [k.clone(), "1".into()])).collect();
    conn.call(&mset[..31]);
    conn.must("DBSIZE");
    let del: Vec<String> = ["DEL".into()].into_iter().chain(keys).collect();
    conn.call(&del);
    let log = conn.must("SLOWLOG GET").items();
    let shown: Vec<Vec<String>> =
        log.iter().map(|e| e.items()[3].items().iter().map(Value::text).collect()).collect();
    let reset = ["SLOWLOG", "RESET"].map(String::from).to_vec();
    assert_eq!(shown, [del, vec!["DBSIZE".into()], mset[..31].to_vec(), reset]);
}

#[test]
fn the_slow_log_takes_everything_at_zero() {
    let args = ["--slowlog-log-slower-than", "0", "--slowlog-max-len", "6"];
    let server = Server::builder(2).args(&args).start();
    let mut conn = server.connect();
    conn.must("CLIENT SETNAME tester");
    conn.must("SLOWLOG RESET");
    conn.must("SET key value");
    conn.must("PING");
    conn.must("CLIENT LIST");
    let log = conn.must("SLOWLOG GET").items();
    let shown: Vec<Vec<String>> =
        log.iter().map(|e| e.items()[3].items().iter().map(Value::text).collect()).collect();
    assert_eq!(
        shown,
        [vec!["CLIENT", "LIST"], vec!["PING"], vec!["SET", "key", "value"], vec!["SLOWLOG", "RESET"]]
    );
    let ids: Vec<i64> = log.iter().map(|e| e.items()[0].int().unwrap()).collect();
    assert!(ids.windows(2).all(|w| w[0] == w[1] + 1), "newest first: {ids:?}");
    for entry in &log {
        let e = entry.items();
        assert_eq!(e.len(), 6);
        assert!(e[1].int().unwrap() > 1_600_000_000 && e[2].int().unwrap() >= 0, "{e:?}");
        assert!(e[4].text().starts_with("127.0.0.1:") && e[5].text() == "tester", "{e:?}");
    }
    for _ in 0..10 {
        conn.must("PING");
    }
    assert_eq!(conn.must("SLOWLOG LEN"), Value::Int(6));
    let lengths = ["0", "2", "6", "-1"].map(|n| conn.must(&format!("SLOWLOG GET {n}")).items().len());
    assert_eq!(lengths, [0, 2, 6, 6]);
    let refused = Value::Error(b"ERR count should be greater than or equal to -1".to_vec());
    for bad in ["-2", "x", "99999999999999999999"] {
        assert_eq!(conn.words(&format!("SLOWLOG GET {bad}")), refused);
    }
}

#[test]
fn the_latency_monitor_starts_empty() {
    let server = Server::start(2);
    let mut conn = server.connect();
    assert_eq!(conn.must("LATENCY LATEST"), Value::Array(vec![]));
    assert_eq!(conn.must("LATENCY HISTORY blabla"), Value::Array(vec![]));
    assert_eq!(conn.must("LATENCY RESET blabla"), Value::Int(0));
    assert_eq!(conn.must("LATENCY RESET"), Value::Int(0));
    let refused = Value::Error(b"ERR No samples available for event 'blabla'".to_vec());
    assert_eq!(conn.words("LATENCY GRAPH blabla"), refused);
    assert!(conn.must("LATENCY DOCTOR").text().contains("Dave"));
    for container in ["LATENCY", "SLOWLOG", "MEMORY"] {
        let page = conn.must(&format!("{container} HELP")).items();
        assert!(page[0].text().starts_with(&format!("{container} <subcommand>")), "{page:?}");
        let many = Value::Error(
            format!("ERR wrong number of arguments for '{}|help' command", container.to_lowercase())
                .into_bytes(),
        );
        assert_eq!(conn.words(&format!("{container} HELP xxx")), many);
    }
}
