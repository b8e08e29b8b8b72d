//! Comma-separated values: redis-benchmark's columns, then more.

use super::ms;
use crate::run::Measured;
use crate::stats::{Counted, Summary};

/// The first row. The first eight columns are those of redis-benchmark.
pub const HEADER: &str = "\"test\",\"rps\",\"avg_latency_ms\",\"min_latency_ms\",\"p50_latency_ms\",\"p95_latency_ms\",\
    \"p99_latency_ms\",\"max_latency_ms\",\"p999_latency_ms\",\"p9999_latency_ms\",\"requests\",\"errors\",\"nils\",\
    \"server_cpu_us\",\"server_user_us\",\"server_system_us\",\"own_cpu_us\",\"other_cores\"\n";

/// A row for the run, and one for each command of a mix.
#[must_use]
pub fn rows(measured: &Measured) -> String {
    let mut out = row(&measured.title, &measured.totals.all(), measured, true);
    if measured.names.len() > 1 {
        for (name, counted) in measured.names.iter().zip(&measured.totals.commands) {
            out += &row(&format!("{}: {name}", measured.title), counted, measured, false);
        }
    }
    out
}

fn row(name: &str, counted: &Counted<u64>, measured: &Measured, with_cost: bool) -> String {
    let s = Summary::of(counted);
    let rate = s.requests as f64 * 1e9 / measured.elapsed_ns.max(1) as f64;
    let mut cells = vec![name.replace('"', "\"\""), format!("{rate:.2}")];
    cells.push(format!("{:.3}", s.mean / 1e6));
    cells.extend([s.min, s.p50, s.p95, s.p99, s.max, s.p999, s.p9999].map(|v| format!("{:.3}", ms(v))));
    cells.extend([s.requests, s.errors, s.nils].map(|n| n.to_string()));
    let each = |ns: u64| format!("{:.4}", ns as f64 / 1e3 / s.requests.max(1) as f64);
    let server = measured.cost.server.as_ref().filter(|_| with_cost);
    cells.extend([
        server.map(|c| each(c.cpu_ns)).unwrap_or_default(),
        server.map(|c| each(c.user_ns)).unwrap_or_default(),
        server.map(|c| each(c.system_ns)).unwrap_or_default(),
        if with_cost { each(measured.cost.own_ns) } else { String::new() },
        measured.cost.other.filter(|_| with_cost).map(|o| format!("{o:.3}")).unwrap_or_default(),
    ]);
    cells.iter().map(|cell| format!("\"{cell}\"")).collect::<Vec<_>>().join(",") + "\n"
}
