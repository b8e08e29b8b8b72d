//! The report for programs. Latencies are in microseconds; a run is an object, a report an array of them.

use crate::options::IoKind;
use crate::run::Measured;
use crate::stats::{Counted, Summary};
use serde_json::{Value, json};

/// One run.
#[must_use]
pub fn run(measured: &Measured) -> Value {
    let commands: Vec<_> = measured
        .names
        .iter()
        .zip(&measured.totals.commands)
        .map(|(name, counted)| {
            let mut value = summary(&Summary::of(counted), measured.elapsed_ns);
            value["name"] = json!(name);
            value["percentiles"] = percentiles(counted);
            value["error_texts"] = json!(counted.texts);
            value
        })
        .collect();
    let seconds: Vec<_> = measured.totals.seconds.iter().map(|s| summary(s, 1_000_000_000)).collect();
    json!({
        "title": measured.title,
        "io": if measured.io == IoKind::Uring { "uring" } else { "epoll" },
        "began_unix_ms": measured.began_unix / 1_000_000,
        "elapsed_s": measured.elapsed_ns as f64 / 1e9,
        "all": summary(&Summary::of(&measured.totals.all()), measured.elapsed_ns),
        "commands": commands,
        "seconds": seconds,
        "cost": cost(measured),
        "verified": measured.verified.as_ref().map(|v| json!({
            "checked": v.checked,
            "wrong": v.offences_count,
            "offences": v.offences.iter()
                .map(|o| json!({ "key": o.key, "expected": o.expected, "found": o.found }))
                .collect::<Vec<_>>(),
        })),
    })
}

fn us(ns: u64) -> f64 {
    ns as f64 / 1e3
}

fn summary(s: &Summary, elapsed_ns: u64) -> Value {
    json!({
        "requests": s.requests,
        "rate": s.requests as f64 * 1e9 / elapsed_ns.max(1) as f64,
        "errors": s.errors,
        "nils": s.nils,
        "mean_us": s.mean / 1e3,
        "min_us": us(s.min),
        "p50_us": us(s.p50),
        "p90_us": us(s.p90),
        "p95_us": us(s.p95),
        "p99_us": us(s.p99),
        "p99_9_us": us(s.p999),
        "p99_99_us": us(s.p9999),
        "max_us": us(s.max),
    })
}

/// The whole curve, as pairs of percentile and microseconds.
fn percentiles(counted: &Counted<u64>) -> Value {
    let points = counted
        .latency
        .iter_quantiles(5)
        .map(|v| json!([v.quantile_iterated_to() * 100.0, us(v.value_iterated_to())]));
    Value::Array(if counted.latency.is_empty() { Vec::new() } else { points.collect() })
}

fn cost(measured: &Measured) -> Value {
    let requests = measured.totals.all().latency.len().max(1) as f64;
    let each = |ns: u64| us(ns) / requests;
    let server = measured.cost.server.as_ref().map(|s| {
        json!({
            "cpu_us_per_request": each(s.cpu_ns),
            "user_us_per_request": each(s.user_ns),
            "system_us_per_request": each(s.system_ns),
            "cpu_s": s.cpu_ns as f64 / 1e9,
            "rss_before": s.rss.0,
            "rss_after": s.rss.1,
            "voluntary_switches": s.voluntary,
            "involuntary_switches": s.involuntary,
            "threads": s.threads.iter().map(|t| json!({
                "name": t.name,
                "cpu_s": t.cpu_ns as f64 / 1e9,
                "voluntary_switches": t.voluntary,
                "involuntary_switches": t.involuntary,
            })).collect::<Vec<_>>(),
        })
    });
    json!({ "server": server, "own_cpu_us_per_request": each(measured.cost.own_ns), "other_cores": measured.cost.other })
}
