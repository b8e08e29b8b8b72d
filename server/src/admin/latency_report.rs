//! What LATENCY says in words and pictures: DOCTOR's advice and GRAPH's columns. Pure functions of the
//! monitor's series.

use crate::config::Settings;
use crate::latency::EventSeries;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Width of a graph; more samples go on below.
const COLUMNS: usize = 80;
const ROWS: usize = 4;
/// From low to high within a row, then the full column below.
const MARKS: [char; 4] = ['_', 'o', '#', '|'];

/// One event's series as columns with their ages below.
#[must_use]
pub fn graph(event: &str, series: &EventSeries, now_s: i64) -> String {
    let times = || series.samples.iter().map(|s| s.1);
    let (low, high) = (times().min().unwrap_or(0), times().max().unwrap_or(0));
    let mut out = format!("{event} - high {high} ms, low {low} ms (all time high {} ms)\n", series.max_ms);
    out.push_str(&"-".repeat(COLUMNS));
    out.push('\n');
    for (i, part) in series.samples.chunks(COLUMNS).enumerate() {
        if i > 0 {
            out.push('\n');
        }
        columns(part, low, high, now_s, &mut out);
    }
    out
}

fn columns(samples: &[(i64, u64)], low: u64, high: u64, now_s: i64, out: &mut String) {
    const STEPS_PER_ROW: usize = MARKS.len() - 1;
    let steps = STEPS_PER_ROW * ROWS;
    let range = (high - low).max(1);
    let step = |ms: u64| ((ms - low) as usize * steps / range as usize).min(steps - 1);
    for row in (0..ROWS).rev() {
        out.extend(samples.iter().map(|&(_, ms)| match step(ms).checked_sub(row * STEPS_PER_ROW) {
            None => ' ',
            Some(above) => MARKS[above.min(STEPS_PER_ROW)],
        }));
        out.push('\n');
    }
    let ages: Vec<Vec<char>> = samples.iter().map(|&(s, _)| age(now_s - s).chars().collect()).collect();
    out.push_str(&" ".repeat(samples.len()));
    out.push('\n');
    for line in 0..ages.iter().map(Vec::len).max().unwrap_or(0) {
        out.extend(ages.iter().map(|a| a.get(line).copied().unwrap_or(' ')));
        out.push('\n');
    }
}

fn age(seconds: i64) -> String {
    match seconds {
        ..60 => format!("{}s", seconds.max(0)),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// What stands out in one series.
#[derive(Debug, PartialEq)]
struct Summary {
    average_ms: u64,
    /// Mean distance from the average.
    deviation_ms: u64,
    /// Mean time between two samples.
    period_s: f64,
}

fn summary(series: &EventSeries, now_s: i64) -> Summary {
    let n = series.samples.len().max(1) as u64;
    let average_ms = series.samples.iter().map(|s| s.1).sum::<u64>() / n;
    let deviation_ms = series.samples.iter().map(|s| s.1.abs_diff(average_ms)).sum::<u64>() / n;
    let since = series.samples.first().map_or(now_s, |s| s.0);
    Summary { average_ms, deviation_ms, period_s: (now_s - since).max(1) as f64 / n as f64 }
}

const DISABLED: &str = "I'm sorry, Dave, I can't do that: latency monitoring is switched off in this \
    Percore instance. \"CONFIG SET latency-monitor-threshold <milliseconds>\" switches it on.\n";
const QUIET: &str = "Dave, I have watched this Percore instance all its life, and I have not observed a \
    single latency spike. Everything is going extremely well.\n";

/// The report in words.
#[must_use]
pub fn doctor(all: &BTreeMap<&'static str, EventSeries>, settings: &Settings, now_s: i64) -> String {
    if all.is_empty() {
        return if settings.latency_monitor_threshold_ms == 0 { DISABLED } else { QUIET }.to_owned();
    }
    let mut out = "Dave, I have observed latency spikes in this Percore instance.\n\n".to_owned();
    for (i, (event, series)) in all.iter().enumerate() {
        let s = summary(series, now_s);
        let _ = writeln!(
            out,
            "{}. {event}: {} latency spikes (average {}ms, mean deviation {}ms, period {:.2} sec). Worst all time \
             event {}ms.",
            i + 1,
            series.samples.len(),
            s.average_ms,
            s.deviation_ms,
            s.period_s,
            series.max_ms,
        ); // a String takes all
    }
    let advice: Vec<String> = all.keys().flat_map(|event| advice(event, settings)).collect();
    if !advice.is_empty() {
        out.push_str("\nI have a few suggestions:\n\n");
    }
    advice.iter().for_each(|a| out.push_str(a));
    out
}

/// What can be done about one kind of event.
fn advice(event: &str, settings: &Settings) -> Vec<String> {
    let threshold = settings.latency_monitor_threshold_ms;
    let mut out = Vec::new();
    if event == "command" {
        let slower_us = settings.slowlog_log_slower_than_us;
        let wanted_us = threshold * 1000;
        if slower_us < 0 || settings.slowlog_max_len == 0 {
            out.push(format!(
                "- Some of your commands are slow, and the slow log, which would name them, is off. Switch it on \
                 with 'CONFIG SET slowlog-log-slower-than {wanted_us}'.\n"
            ));
        } else if slower_us as u64 / 1000 > threshold {
            out.push(format!(
                "- The slow log only takes commands that are slower than the latency monitor's threshold. Lower its \
                 limit with 'CONFIG SET slowlog-log-slower-than {wanted_us}'.\n"
            ));
        }
        out.push(
            "- Look into the slow log (SLOWLOG GET) for the commands that take long: those whose answer is long, \
             like KEYS, hold up every client of their shard.\n"
                .to_owned(),
        );
    }
    if event == "fast-command" {
        out.push(
            "- Commands that hardly do anything took long, so the process did not get its processors. Percore \
             wants a CPU for each shard to itself: look for other work on them (INFO shards names them), for too \
             small a CPU quota of a container, and for a noisy neighbour of your virtual machine.\n"
                .to_owned(),
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(samples: &[(i64, u64)]) -> EventSeries {
        EventSeries { samples: samples.to_vec(), max_ms: 900 }
    }

    #[test]
    fn a_graph_has_columns_and_ages() {
        let text = graph("command", &series(&[(0, 100), (3500, 200), (4000, 500)]), 4030);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "command - high 500 ms, low 100 ms (all time high 900 ms)");
        assert_eq!(lines[1].len(), 80);
        assert_eq!(lines[2..6], ["  #", "  |", " _|", "_||"]);
        assert_eq!(lines[6..], ["   ", "183", "hm0", "  s"]);
    }

    #[test]
    fn ages() {
        assert_eq!([0, 59, 60, 3600, 200_000].map(age), ["0s", "59s", "1m", "1h", "2d"]);
    }

    #[test]
    fn the_summary_of_a_series() {
        let s = summary(&series(&[(100, 10), (110, 20), (120, 60)]), 130);
        assert_eq!(s, Summary { average_ms: 30, deviation_ms: 20, period_s: 10.0 });
    }

    #[test]
    fn the_doctor_knows_what_to_say() {
        let mut settings = Settings::default();
        let none = BTreeMap::new();
        assert!(doctor(&none, &settings, 0).contains("switched off"));
        settings.latency_monitor_threshold_ms = 100;
        assert!(doctor(&none, &settings, 0).contains("not observed"));
        let all = BTreeMap::from([("command", series(&[(1, 200)])), ("fast-command", series(&[(1, 300)]))]);
        settings.slowlog_log_slower_than_us = -1;
        let text = doctor(&all, &settings, 11);
        assert!(text.contains("1. command: 1 latency spikes (average 200ms"), "{text}");
        assert!(
            text.contains("slowlog-log-slower-than 100000'") && text.contains("noisy neighbour"),
            "{text}"
        );
        settings.slowlog_log_slower_than_us = 10_000;
        assert!(!doctor(&all, &settings, 11).contains("Switch it on"));
    }
}
