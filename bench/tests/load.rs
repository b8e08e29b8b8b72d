//! The program against a server with planted faults: what it sends, what it counts, what it finds.

// A test says what went wrong by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::fake::{Fake, Faults};
use common::{backends, bench, report};

#[test]
fn as_many_requests_as_asked_for() {
    for io in backends() {
        let server = Fake::start(Faults::default());
        for (i, line) in
            ["-c|7|-n|1000|-P|16", "-c|3|--threads|3|-n|999|-P|4", "-c|50|-n|20"].iter().enumerate()
        {
            let before = server.count("GET");
            let found = report(server.port, &format!("--io|{io}|{line}|GET|x"), 0);
            let asked = [1000, 999, 20][i];
            assert_eq!(found[0]["all"]["requests"], asked, "{io} {line}");
            assert_eq!(found[0]["all"]["nils"], asked, "{io} {line}");
            assert_eq!(server.count("GET") - before, asked, "{io} {line}");
        }
    }
}

#[test]
fn sequential_keys_are_each_written_once() {
    for io in backends() {
        let server = Fake::start(Faults::default());
        let line = "-c|5|--threads|2|-P|3|-n|500|-r|500|--distribution|sequential|-d|10-20|SET|k:__rand_int__|__data__";
        report(server.port, &format!("--io|{io}|{line}"), 0);
        let named = &server.state.lock().unwrap().named;
        assert_eq!(named.len(), 500);
        assert!(named.contains_key("k:000000000499") && named.values().all(|&n| n == 1));
    }
}

#[test]
fn large_values_are_sent_and_received_whole() {
    for io in backends() {
        let server = Fake::start(Faults::default());
        let size = 3_000_000;
        let line = format!("--io|{io}|-c|4|-P|2|-n|32|-d|{size}|--verify|-r|8");
        let mix = "--command|SET k:__rand_int__ __data__|--command|GET k:__rand_int__";
        let found = report(server.port, &format!("{line}|{mix}"), 0);
        assert_eq!(found[0]["verified"]["wrong"], 0);
        assert_eq!(found[0]["all"]["requests"], 32);
    }
}

#[test]
fn a_transaction_is_one_request() {
    let server = Fake::start(Faults::default());
    let line = "-c|2|-P|5|-n|100|-r|10|--command|MULTI; SET a:__rand_int__ 1; GET a:__rand_int__; EXEC";
    let found = report(server.port, line, 0);
    assert_eq!((found[0]["all"]["requests"].as_u64(), server.count("EXEC")), (Some(100), 100));
    let sets: u64 = server.state.lock().unwrap().named.values().sum();
    assert_eq!(sets, 200, "two commands a transaction");
}

#[test]
fn a_mix_is_reported_by_command() {
    let server = Fake::start(Faults::default());
    let line = "-n|10000|-P|8|-r|10|--command|GET a|--ratio|9|--name|reads|--command|SET a b";
    let found = report(server.port, line, 0);
    let commands = found[0]["commands"].as_array().unwrap();
    assert_eq!((&commands[0]["name"], &commands[1]["name"]), (&"reads".into(), &"SET a b".into()));
    let reads = commands[0]["requests"].as_u64().unwrap();
    assert!((8_800..9_200).contains(&reads), "{reads}");
    assert_eq!(reads + commands[1]["requests"].as_u64().unwrap(), 10_000);
    assert_eq!(reads, server.count("GET"));
}

#[test]
fn error_replies_are_counted_shown_and_fail_the_run() {
    for io in backends() {
        let server = Fake::start(Faults::default());
        let line = format!("--io|{io}|-n|100|-P|4|--command|PING|--command|INCR x");
        let found = report(server.port, &line, 1);
        let errors = found[0]["all"]["errors"].as_u64().unwrap();
        assert!(errors > 0 && errors == server.count("INCR"), "{errors}");
        assert_eq!(found[0]["commands"][1]["error_texts"]["ERR planted: no INCR"], errors);
        report(server.port, &format!("-e|{line}"), 0);
        let text = bench(server.port, "-n|10|INCR|x").stdout;
        assert!(String::from_utf8_lossy(&text).contains("error, 10 times, of INCR x: ERR planted: no INCR"));
    }
}

#[test]
fn lost_writes_are_found() {
    let mix =
        "--command|SET k:__rand_int__ __data__|--command|GET k:__rand_int__|--command|DEL k:__rand_int__";
    for io in backends() {
        let line = format!("--io|{io}|-c|10|-P|8|-n|20000|-r|500|-d|32-64|--verify|{mix}");
        let sound = report(Fake::start(Faults::default()).port, &line, 0);
        assert_eq!(sound[0]["verified"]["wrong"], 0);
        assert!(sound[0]["verified"]["checked"].as_u64().unwrap() > 3000);
        // Two of three lost writes are covered by the next write before anybody reads: of some sixty, many are not.
        let broken = Fake::start(Faults { lose_every: Some(100), ..Faults::default() });
        let found = report(broken.port, &line, 1);
        let offences = found[0]["verified"]["offences"].as_array().unwrap();
        assert!(!offences.is_empty() && offences.iter().all(|o| o["key"].as_u64().unwrap() < 500));
    }
}

#[test]
fn a_lost_write_that_nobody_reads_is_found_by_the_sweep() {
    let server = Fake::start(Faults { lose_every: Some(300), ..Faults::default() });
    let line = "-c|3|-n|300|-r|300|--distribution|sequential|--verify|SET|k:__rand_int__|__data__";
    let found = report(server.port, line, 1);
    assert_eq!(found[0]["verified"]["wrong"], 1);
    let output = bench(server.port, &format!("-q|{line}"));
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn an_open_loop_sees_the_stall_that_a_closed_loop_hides() {
    for io in backends() {
        let stall = || Fake::start(Faults { stall_at: Some(1500), ..Faults::default() });
        let p999 = |line: &str| {
            let found = report(stall().port, &format!("--io|{io}|-c|4|-n|20000|{line}PING"), 0);
            (found[0]["all"]["p99_9_us"].as_f64().unwrap(), found[0]["all"]["max_us"].as_f64().unwrap())
        };
        let (closed, max) = p999("");
        assert!(closed < 100_000.0 && max > 190_000.0, "{io}: four of twenty thousand: {closed} {max}");
        let (open, _) = p999("--rate|10000|");
        assert!(open > 150_000.0, "{io}: two thousand of twenty thousand were due: {open}");
    }
}

#[test]
fn a_run_of_a_given_time_ends_and_warming_up_does_not_count() {
    let server = Fake::start(Faults::default());
    let found =
        report(server.port, "-c|2|--warmup|0.2|--duration|0.3|--rate|1000|--arrivals|poisson|PING", 0);
    let (requests, sent) = (found[0]["all"]["requests"].as_u64().unwrap(), server.count("PING"));
    assert!(requests > 0 && requests < sent, "{requests} of {sent}");
    assert!(found[0]["elapsed_s"].as_f64().unwrap() >= 0.25);
}

#[test]
fn connections_can_be_made_anew() {
    for io in backends() {
        let server = Fake::start(Faults::default());
        let found = report(server.port, &format!("--io|{io}|-k|0|-c|5|-n|200|PING"), 0);
        assert_eq!(found[0]["all"]["requests"], 200);
        assert!(server.state.lock().unwrap().connections >= 200);
    }
}

#[test]
fn a_server_that_fails_is_an_error() {
    for io in backends() {
        for (faults, part) in [
            (Faults { close_at: Some(500), ..Faults::default() }, "the server closed a connection"),
            (Faults { babble_at: Some(500), ..Faults::default() }, "no RESP: \"HTTP/1.1 400"),
        ] {
            let server = Fake::start(faults);
            let output = bench(server.port, &format!("--io|{io}|-c|8|--threads|2|-n|100000|PING"));
            let error = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(2), "{io}");
            assert!(error.contains(part), "{io}: {error}");
        }
    }
    let output = bench(1, "-q|PING");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("could not connect to 127.0.0.1:1"));
}

#[test]
fn reports_have_their_forms() {
    let server = Fake::start(Faults::default());
    let text = |line: &str| String::from_utf8(bench(server.port, line).stdout).expect("text");
    let quiet = text("-q|-n|100|-t|set,get,ping_inline");
    let lines: Vec<_> = quiet.lines().collect();
    assert_eq!(lines.len(), 3);
    for (line, name) in lines.iter().zip(["PING_INLINE: ", "SET: ", "GET: "]) {
        assert!(
            line.starts_with(name) && line.contains(" requests per second, p50=") && line.contains(" msec"),
            "{line}"
        );
    }
    let csv = text("--csv|-n|100|-t|set,get");
    assert!(csv.starts_with("\"test\",\"rps\",\"avg_latency_ms\",\"min_latency_ms\",\"p50_latency_ms\","));
    assert_eq!(csv.lines().count(), 3);
    let columns: Vec<_> = csv.lines().map(|l| l.matches("\",\"").count()).collect();
    assert!(columns.iter().all(|c| c == &columns[0]), "{csv}");
    let full = text("--seconds|-n|100|-t|get");
    for part in [
        "====== GET ======",
        "100 requests completed in",
        "50 parallel clients",
        "Latency by percentile",
        "100.000% <= ",
        "throughput summary: ",
        "p99.99",
        "By second",
    ] {
        assert!(full.contains(part), "{part}: {full}");
    }
    let dir = tempfile::tempdir().unwrap();
    let (log, json) = (dir.path().join("l.hlog"), dir.path().join("r.json"));
    text(&format!("-q|-n|100|--hdr-log|{}|--json|{}|-t|get", log.display(), json.display()));
    assert!(std::fs::read_to_string(log).unwrap().contains("Tag=GET,"));
    assert!(std::fs::read_to_string(json).unwrap().contains("\"p99_99_us\""));
}

#[test]
fn a_workload_file_is_run_phase_by_phase() {
    let server = Fake::start(Faults::default());
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("w.toml");
    let run = |text: &str| {
        std::fs::write(&file, text).unwrap();
        bench(server.port, &format!("-q|--workload|{}", file.display()))
    };
    let good = run("keyspace = 100\n[[phase]]\nname = 'fill'\nmeasure = false\nrequests = 100\n\
        distribution = 'sequential'\ncommand = 'SET k:__rand_int__ 1'\n[[phase]]\nname = 'read'\nrequests = 50\n\
        pipeline = [1, 4]\nbefore = ['PING']\ncommand = 'GET k:__rand_int__'\nduring = [{ at = 0, run = 'PING' }]");
    let text = String::from_utf8_lossy(&good.stdout).into_owned();
    assert!(good.status.success(), "{good:?}");
    assert!(
        !text.contains("fill") && text.contains("read, pipeline 1: ") && text.contains("read, pipeline 4: ")
    );
    assert!(text.contains("PING took ") && text.contains(": PONG"));
    assert_eq!((server.count("SET"), server.count("GET")), (100, 100));
    let bad = run("[[phase]]\nname = 'snapshot'\nbefore = ['BGSAVE']");
    let error = String::from_utf8_lossy(&bad.stderr).into_owned();
    assert_eq!(bad.status.code(), Some(2));
    assert!(error.contains("phase \"snapshot\": BGSAVE: ERR planted: no BGSAVE"), "{error}");
}
