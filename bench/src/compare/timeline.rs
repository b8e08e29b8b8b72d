//! One server under an even load while it saves, rewrites, or whatever it is told to do: latency over time, with
//! what went on marked.
//!
//! Marks come from the commands that are sent (how long each reply took) and from `INFO persistence`, which is asked
//! many times a second: a background save, a rewrite of the AOF, an fsync that is under way or was delayed.

use super::Bench;
use crate::clock;
use crate::connect::{Address, Control, Greeting, Info, text};
use proto::reply::Value;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

/// How much time one point of the curves stands for.
const INTERVAL: Duration = Duration::from_millis(100);
/// How often INFO is asked.
const POLL: Duration = Duration::from_millis(20);

/// Fields of INFO that are 1 while something goes on.
const STATES: &[(&str, &str)] = &[
    ("rdb_bgsave_in_progress", "snapshot"),
    ("aof_rewrite_in_progress", "AOF rewrite"),
    ("loading", "loading"),
];
/// Fields of INFO that count what has happened.
const COUNTERS: &[(&str, &str)] = &[("aof_delayed_fsync", "delayed fsync"), ("rdb_saves", "saved")];

/// Something that went on, in seconds since the measurement began.
#[derive(Clone, PartialEq, Debug)]
pub struct Mark {
    pub from: f64,
    pub to: f64,
    pub label: String,
}

/// What one interval showed. Latencies in microseconds.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Point {
    pub at: f64,
    pub rate: f64,
    pub p50: f64,
    pub p99: f64,
    pub max: f64,
}

/// One server's.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Timeline {
    pub points: Vec<Point>,
    pub marks: Vec<Mark>,
    /// What the server refused.
    pub refused: Vec<String>,
}

/// Loads a server at this rate, and sends the events at equal distances.
///
/// # Errors
/// A sentence for the user.
pub fn record(bench: &Bench<'_>, server: usize, rate: f64) -> Result<Timeline, String> {
    let seconds = bench.options.timeline_seconds;
    let (address, events) = (bench.address(server).clone(), bench.options.events.clone());
    let (going_on, over) = channel();
    let watcher = std::thread::spawn(move || watch(&address, &events, seconds, &over));
    let measured = bench.open_for(server, rate, seconds, INTERVAL);
    drop(going_on);
    let watched = watcher.join().unwrap_or_else(|_| Err("the thread that asks INFO panicked".to_string()));
    let (measured, watched) = (measured?, watched?);
    let began = measured.began_unix as f64 / 1e9;
    let mark = |m: &Mark| Mark { from: m.from - began, to: m.to - began, label: m.label.clone() };
    let step = INTERVAL.as_secs_f64();
    let us = |ns: u64| ns as f64 / 1e3;
    // What comes after the end are only the last replies.
    let whole = (seconds / step).floor() as usize;
    let points = measured.totals.seconds.iter().take(whole).enumerate().map(|(i, s)| Point {
        at: i as f64 * step,
        rate: s.requests as f64 / step,
        p50: us(s.p50),
        p99: us(s.p99),
        max: us(s.max),
    });
    let marks = watched.marks.iter().map(mark).filter(|m| m.to >= 0.0 && m.from <= seconds).collect();
    Ok(Timeline { points: points.collect(), marks, refused: watched.refused })
}

/// Until the load is over: sends the events, and looks at what goes on. Marks are in seconds since 1970.
fn watch(
    address: &Address,
    events: &[String],
    seconds: f64,
    over: &Receiver<()>,
) -> Result<Timeline, String> {
    let (mut info, mut events_conn) = (open(address)?, open(address)?);
    let mut found = Timeline::default();
    let mut watched = Watched::default();
    let start = clock::now();
    let due = |i: usize| (seconds * (i + 1) as f64 / (events.len() + 1) as f64 * 1e9) as u64;
    let mut sent = 0;
    while over.recv_timeout(POLL) == Err(RecvTimeoutError::Timeout) {
        if sent < events.len() && clock::now() - start >= due(sent) {
            send(&mut events_conn, &events[sent], &mut found)?;
            sent += 1;
        }
        watched.look(&info.info("persistence")?, now(), &mut found.marks);
    }
    watched.end(now(), &mut found.marks);
    Ok(found)
}

fn open(address: &Address) -> Result<Control, String> {
    let mut control = Control::open(address, &Greeting::default())?;
    control.be_patient()?;
    Ok(control)
}

fn now() -> f64 {
    clock::unix() as f64 / 1e9
}

fn send(control: &mut Control, event: &str, found: &mut Timeline) -> Result<(), String> {
    let from = now();
    let reply = control.words(event)?;
    match &reply {
        Value::Error(_) => found.refused.push(format!("{event}: {}", text(&reply))),
        _ => found.marks.push(Mark { from, to: now(), label: event.to_string() }),
    }
    Ok(())
}

/// What INFO said last.
#[derive(Default)]
struct Watched {
    /// Since when each state goes on.
    since: [Option<f64>; STATES.len()],
    counts: [Option<u64>; COUNTERS.len()],
}

impl Watched {
    fn look(&mut self, info: &Info, now: f64, marks: &mut Vec<Mark>) {
        for ((field, label), since) in STATES.iter().zip(&mut self.since) {
            match (info.number(field) == Some(1), *since) {
                (true, None) => *since = Some(now),
                (false, Some(from)) => {
                    marks.push(Mark { from, to: now, label: (*label).to_string() });
                    *since = None;
                }
                _ => {}
            }
        }
        for ((field, label), count) in COUNTERS.iter().zip(&mut self.counts) {
            let new = info.number(field);
            if let (Some(old), Some(new)) = (*count, new)
                && new > old
            {
                marks.push(Mark { from: now, to: now, label: (*label).to_string() });
            }
            *count = new;
        }
    }

    fn end(&mut self, now: f64, marks: &mut Vec<Mark>) {
        self.look(&Info::default(), now, marks);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_become_stretches_and_counters_moments() {
        let (mut watched, mut marks) = (Watched::default(), Vec::new());
        let info = |saving: u8, delayed: u64| {
            Info::new(format!(
                "# Persistence\r\nrdb_bgsave_in_progress:{saving}\r\naof_delayed_fsync:{delayed}\r\n"
            ))
        };
        for (at, saving, delayed) in [(1.0, 0, 5), (2.0, 1, 5), (3.0, 1, 6), (4.0, 0, 6), (5.0, 1, 6)] {
            watched.look(&info(saving, delayed), at, &mut marks);
        }
        watched.end(6.0, &mut marks);
        let mark = |from, to, label: &str| Mark { from, to, label: label.to_string() };
        assert_eq!(
            marks,
            [mark(3.0, 3.0, "delayed fsync"), mark(2.0, 4.0, "snapshot"), mark(5.0, 6.0, "snapshot")]
        );
    }
}
