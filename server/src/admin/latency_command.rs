//! LATENCY: the monitor's series of events (LATEST, HISTORY, RESET, GRAPH, DOCTOR), and how the
//! times of commands are distributed (HISTOGRAM), for which every core adds its own.

use super::latency_report as report;
use crate::core::state::CoreState;
use crate::core::tasks::When;
use crate::io::ConnId;
use crate::latency::{EventSeries, empty};
use crate::task::Answer;
use hdrhistogram::Histogram;
use parking_lot::Mutex;
use proto::args::Args;
use proto::command::{ALL_COMMANDS, CommandId, CommandSpec, help, lookup_full};
use proto::encode::Reply;
use proto::error;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Runs a subcommand of LATENCY.
pub fn run(core: &mut CoreState, id: ConnId, spec: &'static CommandSpec, args: Args<'_>) {
    match spec.id {
        CommandId::LatencyLatest => {
            let all = core.shared.latency.all();
            core.reply(id, |r| latest(&all, r));
        }
        CommandId::LatencyHistory => {
            let series = series(core, args).map(|(_, s)| s).unwrap_or_default();
            core.reply(id, |r| history(&series, r));
        }
        CommandId::LatencyReset => {
            let latency = &core.shared.latency;
            let forgotten = match args.len() {
                2 => latency.reset_all(),
                _ => args.from(2).iter().filter(|e| latency.reset(&String::from_utf8_lossy(e))).count(),
            };
            core.reply(id, |r| r.int(forgotten as i64));
        }
        CommandId::LatencyGraph => graph(core, id, args),
        CommandId::LatencyDoctor => {
            let text =
                report::doctor(&core.shared.latency.all(), &core.settings, core.now.unix_us / 1_000_000);
            core.reply(id, |r| r.verbatim("txt", text.as_bytes()));
        }
        CommandId::LatencyHistogram => histogram(core, id, args),
        CommandId::LatencyHelp => core.reply(id, |r| help::write(CommandId::Latency, r)),
        other => core.reply(id, |r| r.error(error::not_supported_yet(other.full_name()))),
    }
}

/// The series of the event that is named.
fn series(core: &CoreState, args: Args<'_>) -> Option<(&'static str, EventSeries)> {
    let name = args.at(2);
    core.shared.latency.all().into_iter().find(|(event, _)| event.as_bytes() == name)
}

/// `LATENCY LATEST`
fn latest(all: &BTreeMap<&'static str, EventSeries>, r: &mut Reply<'_>) {
    r.array(all.len());
    for (event, series) in all {
        let (unix_s, ms) = series.samples.last().copied().unwrap_or_default();
        r.array(4);
        r.bulk(event.as_bytes());
        r.int(unix_s);
        r.int(ms as i64);
        r.int(series.max_ms as i64);
    }
}

/// `LATENCY HISTORY event`: nothing for an event that never was.
fn history(series: &EventSeries, r: &mut Reply<'_>) {
    r.array(series.samples.len());
    for &(unix_s, ms) in &series.samples {
        r.array(2);
        r.int(unix_s);
        r.int(ms as i64);
    }
}

/// `LATENCY GRAPH event`
fn graph(core: &mut CoreState, id: ConnId, args: Args<'_>) {
    match series(core, args) {
        Some((event, series)) => {
            let text = report::graph(event, &series, core.now.unix_us / 1_000_000);
            core.reply(id, |r| r.verbatim("txt", text.as_bytes()));
        }
        None => {
            let event = String::from_utf8_lossy(args.at(2));
            let text = format!("ERR No samples available for event '{event}'");
            core.reply(id, |r| r.error(text));
        }
    }
}

/// Histograms of all cores together, by command.
pub type Merged = BTreeMap<usize, Histogram<u64>>;

/// Adds this core's histograms of the commands in `wanted`.
pub fn merge_own(core: &mut CoreState, wanted: &[CommandId], into: &Mutex<Merged>) {
    let seen = core.histograms.seen();
    let mut merged = into.lock();
    for id in seen.into_iter().filter(|id| wanted.contains(id)) {
        core.histograms.add_to(id, merged.entry(id as usize).or_insert_with(empty));
    }
}

/// `LATENCY HISTOGRAM [command …]`
fn histogram(core: &mut CoreState, id: ConnId, args: Args<'_>) {
    let wanted = if args.len() == 2 { ALL_COMMANDS.to_vec() } else { named(args.from(2)) };
    let merged = Arc::new(Mutex::new(Merged::new()));
    let (into, ids) = (merged.clone(), wanted.clone());
    let run = Arc::new(move |core: &mut CoreState| {
        merge_own(core, &ids, &into);
        Answer::Nothing
    });
    let finish = move |core: &mut CoreState, id: ConnId, _: Vec<Answer>| {
        let merged = merged.lock();
        core.reply(id, |r| write_histograms(&wanted, &merged, r));
    };
    core.ask_all(id, When::Direct, run, Box::new(finish));
}

/// The commands that are named, a container's subcommands after it; what is no command is skipped.
fn named(names: Args<'_>) -> Vec<CommandId> {
    let known = names.iter().filter_map(lookup_full);
    known.flat_map(|spec| std::iter::once(spec.id).chain(spec.subcommands.iter().copied())).collect()
}

fn write_histograms(wanted: &[CommandId], merged: &Merged, r: &mut Reply<'_>) {
    let found = || wanted.iter().filter_map(|&id| Some((id, merged.get(&(id as usize))?)));
    r.map(found().count());
    for (id, histogram) in found() {
        r.bulk(id.full_name().as_bytes());
        r.map(2);
        r.bulk(b"calls");
        r.int(histogram.len() as i64);
        r.bulk(b"histogram_usec");
        let buckets = buckets(histogram);
        r.map(buckets.len());
        for (micros, count) in buckets {
            r.int(micros as i64);
            r.int(count as i64);
        }
    }
}

/// The first bucket's bound, in nanoseconds; each further one is twice that of the one before.
const FIRST_BUCKET: u64 = 1024;

/// How many calls took at most so many microseconds, wherever that number grows. A bound is the
/// last value that the histogram cannot tell from the power of two, as in Redis: 1, 2, 4, 8, 16, 33, 66 …
fn buckets(h: &Histogram<u64>) -> Vec<(u64, u64)> {
    let mut out = Vec::new();
    let (mut bound, mut before) = (FIRST_BUCKET, 0);
    while before < h.len() {
        let last = h.highest_equivalent(bound);
        let count = h.count_between(0, last);
        if count > before {
            out.push((last / 1000, count));
        }
        before = count;
        bound *= 2;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::args::OwnedArgs;
    use proto::encode::Resp;

    #[test]
    fn buckets_are_cumulative_and_double() {
        let mut h = empty();
        for micros in [1u64, 1, 3, 30, 60, 60, 900_000, 1_000_000] {
            h.record((micros * 1000).min(1_000_000_000)).unwrap();
        }
        let found = buckets(&h);
        let counts: Vec<u64> = found.iter().map(|b| b.1).collect();
        assert_eq!(counts, [2, 3, 4, 6, 8]);
        let bounds: Vec<u64> = found.iter().map(|b| b.0).collect();
        assert_eq!(bounds, [1, 4, 33, 66, 1_082_130]);
        assert!(buckets(&empty()).is_empty());
    }

    #[test]
    fn containers_stand_for_their_subcommands() {
        let ids = named(OwnedArgs::of(["blabla", "SLOWLOG", "get", "config|get"]).args());
        assert_eq!(ids[..2], [CommandId::Slowlog, CommandId::SlowlogGet]);
        assert_eq!(ids[ids.len() - 2..], [CommandId::Get, CommandId::ConfigGet]);
    }

    #[test]
    fn histograms_are_maps_of_maps() {
        let mut h = empty();
        h.record_n(1500, 3).unwrap();
        let merged = Merged::from([(CommandId::Get as usize, h)]);
        let mut out = Vec::new();
        write_histograms(&[CommandId::Set, CommandId::Get], &merged, &mut Reply::new(&mut out, Resp::V3));
        let want =
            "%1\r\n$3\r\nget\r\n%2\r\n$5\r\ncalls\r\n:3\r\n$14\r\nhistogram_usec\r\n%1\r\n:2\r\n:3\r\n";
        assert_eq!(String::from_utf8(out).unwrap(), want);
    }

    #[test]
    fn events_are_listed() {
        let series = EventSeries { samples: vec![(100, 7), (105, 9)], max_ms: 30 };
        let mut out = Vec::new();
        history(&series, &mut Reply::new(&mut out, Resp::V2));
        latest(&BTreeMap::from([("command", series)]), &mut Reply::new(&mut out, Resp::V2));
        let want = "*2\r\n*2\r\n:100\r\n:7\r\n*2\r\n:105\r\n:9\r\n\
                    *1\r\n*4\r\n$7\r\ncommand\r\n:105\r\n:9\r\n:30\r\n";
        assert_eq!(String::from_utf8(out).unwrap(), want);
    }
}
