//! The tables of a comparison: for a README in Markdown, for programs in JSON.

use super::Report;
use super::figures::{Experiment, Figure, Pick};
use serde_json::{Value, json};
use std::fmt::Write;

/// One column group: what, how it is shown.
pub const COLUMNS: &[(&str, Pick, usize)] = &[
    ("requests a second", |f: &Figure| f.rate, 0),
    ("server CPU, µs a request", |f: &Figure| f.server_us, 3),
    ("p50, µs", |f: &Figure| f.p50, 0),
    ("p99, µs", |f: &Figure| f.p99, 0),
];

/// Rows of a table: names, medians and ratios. The first row is the head.
#[must_use]
pub fn rows(report: &Report, experiments: &[&Experiment], pick: Pick, digits: usize) -> Vec<Vec<String>> {
    let mut head = vec![String::new()];
    for (i, server) in report.servers.iter().enumerate() {
        head.push(server.name.clone());
        if i > 0 {
            head.push(format!("to {}", report.servers[0].name));
        }
    }
    let mut rows = vec![head];
    let other_max = report.options.other_max;
    for experiment in experiments {
        let mut row = vec![format!("{} P{}", experiment.name, experiment.pipeline)];
        for i in 0..report.servers.len() {
            row.push(number(experiment.median(i, other_max, pick), digits));
            if i > 0 {
                row.push(number(experiment.ratio(i, other_max, pick), 2));
            }
        }
        rows.push(row);
    }
    rows
}

fn number(value: f64, digits: usize) -> String {
    if !value.is_finite() {
        return "–".to_string();
    }
    let text = format!("{value:.digits$}");
    if digits > 0 || value < 10_000.0 {
        return text;
    }
    let head = text.len() % 3;
    let groups = text.as_bytes()[head..].chunks(3).map(|c| String::from_utf8_lossy(c).into_owned());
    let first = (head > 0).then(|| text[..head].to_string());
    first.into_iter().chain(groups).collect::<Vec<_>>().join(",")
}

/// What the figures stand on, as a sentence.
#[must_use]
pub fn circumstances(report: &Report) -> String {
    let o = &report.options;
    let disturbed = report.experiments.iter().filter(|e| e.kept(o.other_max).1).count();
    let mut text = format!(
        "{}. Servers on CPU {}, load on CPU {}; {} connections, {} keys, values of {} bytes; medians of {} rounds, \
         each server measured once in each, without those in which everything else kept more than {} of a core busy.",
        report.machine,
        list(&o.server_cpus),
        list(&o.load_cpus),
        o.clients,
        o.keyspace,
        o.size,
        o.rounds,
        o.other_max
    );
    if disturbed > 0 {
        let all = report.experiments.len();
        // Writing to a string cannot fail; so everywhere below.
        let _ = write!(
            text,
            " The machine was busy: in {disturbed} of {all} rows the least disturbed half of the rounds stands in."
        );
    }
    text
}

fn list(cpus: &[usize]) -> String {
    cpus.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")
}

/// The tables in Markdown.
#[must_use]
pub fn tables(report: &Report) -> String {
    let mut out = format!("{}\n", circumstances(report));
    let experiments: Vec<_> = report.experiments.iter().collect();
    for (title, pick, digits) in COLUMNS {
        let _ = write!(out, "\n**{title}**\n\n");
        table(&mut out, &rows(report, &experiments, *pick, *digits));
    }
    let _ = write!(out, "\n**open loop, {:.0} requests a second, µs**\n\n", report.rate);
    table(&mut out, &latency(report));
    for (server, timeline) in report.servers.iter().zip(&report.timelines) {
        for refused in &timeline.refused {
            let _ = writeln!(out, "\n{} refused {refused}", server.name);
        }
    }
    out
}

fn table(out: &mut String, rows: &[Vec<String>]) {
    for (i, row) in rows.iter().enumerate() {
        let _ = writeln!(out, "| {} |", row.join(" | "));
        if i == 0 {
            let _ = writeln!(out, "|{}", "---|".repeat(row.len()));
        }
    }
}

/// Percentiles of the open loop.
#[must_use]
pub fn latency(report: &Report) -> Vec<Vec<String>> {
    let names = std::iter::once(String::new()).chain(report.servers.iter().map(|s| s.name.clone()));
    let mut rows = vec![names.collect::<Vec<_>>()];
    for (name, quantile) in
        [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("p99.99", 0.9999), ("max", 1.0)]
    {
        let value =
            |c: &crate::stats::Counted<u64>| number(c.latency.value_at_quantile(quantile) as f64 / 1e3, 0);
        rows.push(std::iter::once(name.to_string()).chain(report.curves.iter().map(value)).collect());
    }
    rows
}

/// All figures.
#[must_use]
pub fn json(report: &Report) -> Value {
    let figure = |f: &Figure| {
        json!({ "rate": f.rate, "server_us": f.server_us, "p50_us": f.p50, "p99_us": f.p99, "p99_9_us": f.p999,
                "other_cores": f.other, "own_cores": f.own })
    };
    let experiment = |e: &Experiment| {
        let rounds: Vec<Vec<_>> = e.rounds.iter().map(|r| r.iter().map(figure).collect()).collect();
        json!({ "name": e.name, "pipeline": e.pipeline, "kept": e.kept(report.options.other_max).0, "rounds": rounds })
    };
    let timelines: Vec<_> = report.timelines.iter().map(|t| json!({
        "points": t.points.iter().map(|p| json!([p.at, p.rate, p.p50, p.p99, p.max])).collect::<Vec<_>>(),
        "marks": t.marks.iter().map(|m| json!([m.from, m.to, m.label])).collect::<Vec<_>>(),
        "refused": t.refused,
    })).collect();
    json!({
        "machine": report.machine,
        "servers": report.servers.iter().map(|s| json!({ "name": s.name, "version": s.version, "command": s.command })).collect::<Vec<_>>(),
        "experiments": report.experiments.iter().map(experiment).collect::<Vec<_>>(),
        "open_loop_rate": report.rate,
        "open_loop": experiment(&report.latency),
        "timelines": timelines,
    })
}
