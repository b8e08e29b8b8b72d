//! The report for people: redis-benchmark's, and below it what that does not tell.

use super::ms;
use crate::options::{IoKind, Options};
use crate::run::Measured;
use crate::stats::{Counted, Summary};
use std::fmt::Write;

/// `-q`: a line.
#[must_use]
pub fn quiet(measured: &Measured) -> String {
    let all = Summary::of(&measured.totals.all());
    let mut line = format!(
        "{}: {:.2} requests per second, p50={:.3} msec",
        measured.title,
        measured.rate(),
        ms(all.p50)
    );
    if all.errors > 0 {
        // Writing to a string cannot fail; so everywhere below.
        let _ = write!(line, ", {} errors", all.errors);
    }
    if let Some(us) = measured.server_us() {
        let _ = write!(line, ", server {us:.2} us/request");
    }
    line + "\n" + &errors(measured)
}

/// The whole report.
#[must_use]
pub fn full(measured: &Measured, options: &Options) -> String {
    let all = measured.totals.all();
    let mut out = format!("====== {} ======\n", measured.title);
    head(&mut out, measured, options, all.latency.len());
    distribution(&mut out, &all, options.precision);
    summary(&mut out, measured, &all);
    commands(&mut out, measured);
    if options.seconds {
        seconds(&mut out, measured);
    }
    cost(&mut out, measured, all.latency.len());
    out += &errors(measured);
    out += &verified(measured);
    out + "\n"
}

fn head(out: &mut String, measured: &Measured, options: &Options, requests: u64) {
    let io = if measured.io == IoKind::Uring { "io_uring" } else { "epoll" };
    let _ =
        writeln!(out, "  {requests} requests completed in {:.2} seconds", measured.elapsed_ns as f64 / 1e9);
    let _ = writeln!(out, "  {} parallel clients", options.clients);
    if let Some(size) = options.sizes.fixed() {
        let _ = writeln!(out, "  {size} bytes payload");
    }
    let _ = writeln!(out, "  keep alive: {}", i32::from(options.keep_alive));
    let threads = if options.threads > 1 { "yes" } else { "no" };
    let _ = writeln!(out, "  multi-thread: {threads}");
    if options.threads > 1 {
        let _ = writeln!(out, "  threads: {}", options.threads);
    }
    let _ = writeln!(out, "  pipeline: {}", options.pipeline);
    let _ = writeln!(out, "  client I/O: {io}");
    match options.rate {
        Some(rate) => drop(writeln!(out, "  open loop: {rate} requests per second are due")),
        None => drop(writeln!(out, "  closed loop: a connection's next requests wait for its last replies")),
    }
}

/// The percentiles that redis-benchmark lists: halving what is left.
fn distribution(out: &mut String, all: &Counted<u64>, precision: usize) {
    out.push_str("\nLatency by percentile distribution:\n");
    let (mut left, total) = (100.0, all.latency.len());
    let mut quantiles = vec![0.0];
    while total > 0 && left > 100.0 / (total as f64 * 2.0) && quantiles.len() < 40 {
        left /= if left > 50.0 { 2.0 } else { 1.0 };
        quantiles.push(100.0 - left);
        left /= 2.0;
    }
    quantiles.push(100.0);
    let mut last = None;
    for percent in quantiles {
        let value = all.latency.value_at_quantile(percent / 100.0);
        let count = all.latency.count_between(0, value);
        if last == Some(value) && percent < 100.0 {
            continue;
        }
        last = Some(value);
        let _ = writeln!(
            out,
            "{percent:.3}% <= {:.precision$} milliseconds (cumulative count {count})",
            ms(value)
        );
    }
}

fn summary(out: &mut String, measured: &Measured, all: &Counted<u64>) {
    let s = Summary::of(all);
    let _ = writeln!(out, "\nSummary:\n  throughput summary: {:.2} requests per second", measured.rate());
    out.push_str("  latency summary (msec):\n");
    let row = |out: &mut String, cells: &[String]| {
        let _ = writeln!(out, "    {}", cells.iter().map(|c| format!("{c:>10}")).collect::<String>());
    };
    let names = ["avg", "min", "p50", "p95", "p99", "p99.9", "p99.99", "max"];
    row(out, &names.map(String::from));
    let values = [s.min, s.p50, s.p95, s.p99, s.p999, s.p9999, s.max].map(ms);
    let cells: Vec<_> = std::iter::once(s.mean / 1e6).chain(values).map(|v| format!("{v:.3}")).collect();
    row(out, &cells);
}

/// A row a command, where there are several.
fn commands(out: &mut String, measured: &Measured) {
    if measured.names.len() < 2 {
        return;
    }
    let width = measured.names.iter().map(String::len).max().unwrap_or(0).min(50);
    let _ = writeln!(
        out,
        "\nBy command (msec):\n  {:width$} {:>11} {:>11} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>8} {:>8}",
        "", "requests", "rps", "p50", "p90", "p99", "p99.9", "p99.99", "max", "errors", "nils"
    );
    for (name, counted) in measured.names.iter().zip(&measured.totals.commands) {
        let s = Summary::of(counted);
        let name: String = name.chars().take(width).collect();
        let rate = s.requests as f64 * 1e9 / measured.elapsed_ns as f64;
        let _ = write!(out, "  {name:width$} {:>11} {rate:>11.0}", s.requests);
        for value in [s.p50, s.p90, s.p99, s.p999, s.p9999, s.max] {
            let _ = write!(out, " {:>9.3}", ms(value));
        }
        let _ = writeln!(out, " {:>8} {:>8}", s.errors, s.nils);
    }
}

fn seconds(out: &mut String, measured: &Measured) {
    let _ = writeln!(
        out,
        "\nBy second (msec):\n  {:>7} {:>10} {:>9} {:>9} {:>9} {:>9} {:>9} {:>8}",
        "second", "requests", "p50", "p99", "p99.9", "p99.99", "max", "errors"
    );
    for (i, s) in measured.totals.seconds.iter().enumerate() {
        let _ = write!(out, "  {i:>7} {:>10}", s.requests);
        for value in [s.p50, s.p99, s.p999, s.p9999, s.max] {
            let _ = write!(out, " {:>9.3}", ms(value));
        }
        let _ = writeln!(out, " {:>8}", s.errors);
    }
}

fn cost(out: &mut String, measured: &Measured, requests: u64) {
    let each = |ns: u64| ns as f64 / 1e3 / requests.max(1) as f64;
    let busy = |ns: u64| ns as f64 * 100.0 / measured.cost.elapsed_ns as f64;
    out.push_str("\nCost:\n");
    if let Some(server) = &measured.cost.server {
        let _ = writeln!(
            out,
            "  server CPU: {:.3} us a request (user {:.3}, system {:.3}), {:.0} % of a core",
            each(server.cpu_ns),
            each(server.user_ns),
            each(server.system_ns),
            busy(server.cpu_ns)
        );
        let (before, after) = (server.rss.0 as f64 / 1048576.0, server.rss.1 as f64 / 1048576.0);
        let _ = writeln!(
            out,
            "  server RSS: {after:.1} MiB ({:+.1} MiB, {:+.1} bytes a request)",
            after - before,
            (server.rss.1 as f64 - server.rss.0 as f64) / requests.max(1) as f64
        );
        let _ = writeln!(
            out,
            "  server context switches: {} voluntary, {} involuntary",
            server.voluntary, server.involuntary
        );
        if server.threads.len() > 1 {
            for t in &server.threads {
                let _ = writeln!(
                    out,
                    "    {:16} {:.3} us a request, {:.0} % of a core, {} and {} switches",
                    t.name,
                    each(t.cpu_ns),
                    busy(t.cpu_ns),
                    t.voluntary,
                    t.involuntary
                );
            }
        }
    }
    let own = measured.cost.own_ns;
    let _ = writeln!(out, "  own CPU: {:.3} us a request, {:.0} % of a core", each(own), busy(own));
    if let Some(other) = measured.cost.other {
        let _ = writeln!(out, "  everything else: {:.0} % of a core", other * 100.0);
    }
}

/// What the server refused, by text.
fn errors(measured: &Measured) -> String {
    let mut out = String::new();
    for (name, counted) in measured.names.iter().zip(&measured.totals.commands) {
        for (text, times) in &counted.texts {
            let _ = writeln!(out, "  error, {times} times, of {name}: {text}");
        }
    }
    out
}

fn verified(measured: &Measured) -> String {
    let Some(verified) = &measured.verified else { return String::new() };
    let mut out = format!("  verified: {} replies, {} wrong\n", verified.checked, verified.offences_count);
    for offence in &verified.offences {
        let _ = writeln!(out, "    {offence}");
    }
    out
}
