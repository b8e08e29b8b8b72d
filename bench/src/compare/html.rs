//! The page: one file with everything in it, no script, no font, nothing from a network; for light and dark screens
//! and for paper.

use super::Report;
use super::figures::{Figure, Pick};
use super::markdown::{COLUMNS, circumstances, latency, rows};
use super::svg::{Band, Chart, Scale, Series, escape};
use super::timeline::{Point, Timeline};
use std::fmt::Write;

const STYLE: &str = "
:root { color-scheme: light dark; --ink: #1b1f24; --dim: #57606a; --paper: #fff; --rule: #d8dee4; --band: #bf870033;
  --c0: #0969da; --c1: #cf222e; --c2: #1a7f37; --c3: #8250df; --c4: #bc4c00; --c5: #6e7781; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --dim: #9198a1; --paper: #0d1117; --rule: #30363d;
  --band: #d2992240; --c0: #58a6ff; --c1: #ff7b72; --c2: #56d364; --c3: #bc8cff; --c4: #ffa657; --c5: #8b949e; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 1360px;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
p { max-width: 75ch; } p.dim, li.dim { color: var(--dim); }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 480px), 1fr)); gap: 1.2rem; }
svg { width: 100%; height: auto; }
svg text { fill: var(--dim); font: 12px system-ui, sans-serif; }
svg text.title { fill: var(--ink); font-size: 14px; font-weight: 600; }
.grid { stroke: var(--rule); stroke-width: 1; }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; }
.band { fill: var(--band); } svg text.mark { font-size: 11px; fill: var(--ink); }
.s0 { stroke: var(--c0); } .s1 { stroke: var(--c1); } .s2 { stroke: var(--c2); } .s3 { stroke: var(--c3); }
.s4 { stroke: var(--c4); } .s5 { stroke: var(--c5); } .dot { fill: var(--paper); stroke-width: 2; }
.key { display: inline-block; width: 1.6em; height: 0; border-top: 3px solid; vertical-align: middle; margin-right: .4em; }
.k0 { color: var(--c0); } .k1 { color: var(--c1); } .k2 { color: var(--c2); } .k3 { color: var(--c3); }
.k4 { color: var(--c4); } .k5 { color: var(--c5); }
ul.legend { list-style: none; padding: 0; } code { font-size: .9em; }
table { border-collapse: collapse; margin: .6rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .8rem; border-bottom: 1px solid var(--rule); text-align: right; }
th:first-child, td:first-child { text-align: left; }
.wide { overflow-x: auto; }
";

/// How many colours there are.
const COLOURS: usize = 6;

/// The page.
#[must_use]
pub fn page(report: &Report) -> String {
    let names: Vec<_> = report.servers.iter().map(|s| s.name.as_str()).collect();
    let title = escape(&names.join(" and "));
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}, compared</h1>\n"
    );
    // Writing to a string cannot fail; so everywhere below.
    let _ = writeln!(out, "<p>{}</p>", escape(&circumstances(report)));
    legend(&mut out, report);
    by_depth(&mut out, report);
    by_percentile(&mut out, report);
    over_time(&mut out, report);
    tables(&mut out, report);
    let _ = writeln!(
        out,
        "<p class=\"dim\">Written by percore-bench {}. Point at a dot for its number.</p>\n</body>\n</html>",
        env!("CARGO_PKG_VERSION")
    );
    out
}

fn legend(out: &mut String, report: &Report) {
    out.push_str("<ul class=\"legend\">\n");
    for (i, server) in report.servers.iter().enumerate() {
        let _ = writeln!(
            out,
            "<li><span class=\"key k{}\"></span><b>{}</b> {} <code>{}</code></li>",
            i % COLOURS,
            escape(&server.name),
            escape(&server.version),
            escape(&server.command)
        );
    }
    out.push_str("</ul>\n");
}

/// Throughput and cost by pipeline depth, for each command.
fn by_depth(out: &mut String, report: &Report) {
    out.push_str("<h2>By pipeline depth</h2>\n<p>Closed loop: each connection sends that many requests and waits for \
        their replies. CPU is what the kernel says the server's threads have run.</p>\n<div class=\"charts\">\n");
    let mut names: Vec<&str> = report.experiments.iter().map(|e| e.name.as_str()).collect();
    names.dedup();
    for name in names {
        for (what, pick, scale) in [
            ("requests a second", (|f: &Figure| f.rate) as Pick, Scale::Linear),
            ("server CPU, µs a request", |f: &Figure| f.server_us, Scale::Log),
        ] {
            *out += &depth_chart(report, name, what, pick, scale).svg();
        }
    }
    out.push_str("</div>\n");
}

fn depth_chart(report: &Report, name: &str, what: &str, pick: Pick, scale: Scale) -> Chart {
    let other_max = report.options.other_max;
    let series = report.servers.iter().enumerate().map(|(i, server)| {
        let own = report.experiments.iter().filter(|e| e.name == name);
        let points = own.map(|e| (e.pipeline as f64, e.median(i, other_max, pick))).collect();
        Series { name: server.name.clone(), colour: i % COLOURS, points }
    });
    Chart {
        title: format!("{name}: {what}"),
        x: ("pipeline depth".to_string(), Scale::Log),
        y: (what.to_string(), scale),
        series: series.collect(),
        bands: Vec::new(),
        frame: Vec::new(),
    }
}

fn by_percentile(out: &mut String, report: &Report) {
    let _ = writeln!(
        out,
        "<h2>Latency</h2>\n<p>Open loop: {:.0} requests a second are due, nine GETs to one SET, whether or not the server \
         keeps up, and latency counts from when a request was due. A point at 99.9 % says that one request in a \
         thousand took longer.</p>\n<div class=\"charts\">",
        report.rate
    );
    let series = report.servers.iter().zip(&report.curves).enumerate().map(|(i, (server, counted))| {
        let points = if counted.latency.is_empty() { Vec::new() } else { curve(&counted.latency) };
        Series { name: server.name.clone(), colour: i % COLOURS, points }
    });
    let chart = Chart {
        title: "latency by percentile".to_string(),
        x: ("percentile".to_string(), Scale::Percentile),
        y: ("µs".to_string(), Scale::Log),
        series: series.collect(),
        bands: Vec::new(),
        frame: Vec::new(),
    };
    *out += &chart.svg();
    out.push_str("</div>\n");
}

/// Points up to where the last request is.
fn curve(latency: &hdrhistogram::Histogram<u64>) -> Vec<(f64, f64)> {
    let percents = [
        0.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 97.5, 99.0, 99.5, 99.75, 99.9, 99.95, 99.975, 99.99, 99.995,
        99.999,
    ];
    let certain = 100.0 * (1.0 - 1.0 / latency.len() as f64);
    let value = |p: &f64| (*p, latency.value_at_quantile(p / 100.0) as f64 / 1e3);
    percents.iter().filter(|p| **p <= certain).map(value).collect()
}

fn over_time(out: &mut String, report: &Report) {
    if report.timelines.is_empty() {
        return;
    }
    let _ = writeln!(
        out,
        "<h2>Over time</h2>\n<p>The same open loop, a point for each tenth of a second, while the server is told to {}. \
         Shaded: what INFO said was going on, and commands until their reply.</p>\n<div class=\"charts\">",
        escape(&report.options.events.join(", "))
    );
    for (i, timeline) in report.timelines.iter().enumerate() {
        *out += &time_chart(report, i, timeline).svg();
    }
    out.push_str("</div>\n<ul>\n");
    for (server, timeline) in report.servers.iter().zip(&report.timelines) {
        for refused in &timeline.refused {
            let _ =
                writeln!(out, "<li class=\"dim\">{} refused {}</li>", escape(&server.name), escape(refused));
        }
    }
    out.push_str("</ul>\n<p class=\"dim\">From below: p50, p99, longest.</p>\n");
}

fn time_chart(report: &Report, server: usize, timeline: &Timeline) -> Chart {
    let line = |name: &str, pick: fn(&Point) -> f64| Series {
        name: name.to_string(),
        colour: server % COLOURS,
        points: timeline.points.iter().filter(|p| p.rate > 0.0).map(|p| (p.at, pick(p))).collect(),
    };
    // All servers by the same rule, so that the charts can be compared.
    let highest = report.timelines.iter().flat_map(|t| &t.points).map(|p| p.max).fold(1.0, f64::max);
    let lowest = report.timelines.iter().flat_map(|t| &t.points).map(|p| p.p50).filter(|v| *v > 0.0);
    let frame = vec![lowest.fold(highest, f64::min), highest];
    let bands =
        timeline.marks.iter().map(|m| Band { from: m.from.max(0.0), to: m.to, label: m.label.clone() });
    Chart {
        title: report.servers[server].name.clone(),
        x: ("seconds".to_string(), Scale::Linear),
        y: ("µs".to_string(), Scale::Log),
        series: vec![line("p50", |p| p.p50), line("p99", |p| p.p99), line("longest", |p| p.max)],
        bands: bands.collect(),
        frame,
    }
}

fn tables(out: &mut String, report: &Report) {
    out.push_str("<h2>Medians and ratios</h2>\n");
    let experiments: Vec<_> = report.experiments.iter().collect();
    for (title, pick, digits) in COLUMNS {
        let _ = writeln!(out, "<h3>{title}</h3>");
        table(out, &rows(report, &experiments, *pick, *digits));
    }
    let _ = writeln!(out, "<h3>open loop, µs</h3>");
    table(out, &latency(report));
}

fn table(out: &mut String, rows: &[Vec<String>]) {
    out.push_str("<div class=\"wide\"><table>\n");
    for (i, row) in rows.iter().enumerate() {
        let tag = if i == 0 { "th" } else { "td" };
        let cells: String = row.iter().map(|cell| format!("<{tag}>{}</{tag}>", escape(cell))).collect();
        let _ = writeln!(out, "<tr>{cells}</tr>");
    }
    out.push_str("</table></div>\n");
}
