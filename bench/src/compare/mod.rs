//! `percore-bench compare`: several servers, measured in turn in one run, and one page about it.
//!
//! ```text
//!   start all, each on a port and in a directory of its own, pinned         server.rs
//!   fill all with the same keys
//!   rounds:  for each experiment, each server in turn                       here; figures.rs
//!            GET and SET at each pipeline depth, closed loop
//!            nine GETs to one SET, open loop, the same rate for all
//!   timeline: the open loop again, while BGSAVE and its like run            timeline.rs
//!   page, tables                                                            html.rs, svg.rs, markdown.rs
//! ```
//!
//! All servers stay up; the one that is not measured is idle. They are measured in turn and not one after the other,
//! because a machine is never the same twice: what is compared was measured within seconds.

pub mod figures;
pub mod html;
pub mod markdown;
pub mod options;
pub mod server;
pub mod svg;
pub mod timeline;

use crate::app::print;
use crate::cluster::Node;
use crate::connect::Address;
use crate::cost::Meter;
use crate::distribution::Distribution;
use crate::options::{Options as Load, Share};
use crate::plan::{Plan, Requests};
use crate::run::{self, Measured, Observer};
use crate::stats::{Counted, Second, Summary};
use crate::value::Sizes;
use figures::{Experiment, Figure};
use options::Options;
use server::Server;
use std::time::Duration;
use timeline::Timeline;

/// Seconds of load before each measurement: caches, and the server's own estimates, settle.
const WARMUP: f64 = 0.15;

const GET: &str = "GET key:__rand_int__";
const SET: &str = "SET key:__rand_int__ __data__";

/// All that a comparison has found.
#[derive(Clone, Debug)]
pub struct Report {
    /// Names, versions and commands of the servers.
    pub servers: Vec<About>,
    pub options: Options,
    pub machine: String,
    pub experiments: Vec<Experiment>,
    /// The open loop: requests a second, its figures by round, and the sum of each server's rounds that count.
    pub rate: f64,
    pub latency: Experiment,
    pub curves: Vec<Counted<u64>>,
    pub timelines: Vec<Timeline>,
}

/// A server, as the report names it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct About {
    pub name: String,
    pub version: String,
    pub command: String,
}

/// Runs a comparison; true when it is done.
///
/// # Errors
/// A sentence for the user.
pub fn main(arguments: &[String]) -> Result<bool, String> {
    let Some(options) = Options::parse(arguments)? else {
        print(options::HELP)?;
        return Ok(true);
    };
    let report = compare(&options)?;
    let tables = markdown::tables(&report);
    print(&tables)?;
    let write = |path: &std::path::Path, text: String| {
        std::fs::write(path, text).map_err(|e| format!("{}: {e}", path.display()))
    };
    if let Some(path) = &options.html {
        write(path, html::page(&report))?;
        print(&format!("\n{} has the plots.\n", path.display()))?;
    }
    if let Some(path) = &options.markdown {
        write(path, tables)?;
    }
    if let Some(path) = &options.json {
        write(path, format!("{:#}\n", markdown::json(&report)))?;
    }
    Ok(true)
}

/// Measures.
fn compare(options: &Options) -> Result<Report, String> {
    let start = |contender| Server::start(contender, &options.server_cpus);
    let servers = options.servers.iter().map(start).collect::<Result<Vec<_>, _>>()?;
    let meters: Vec<_> = servers.iter().map(|server| Meter { pid: Some(server.pid()) }).collect();
    let bench = Bench { options, servers: &servers, meters: &meters };
    for i in 0..servers.len() {
        bench.fill(i)?;
    }
    let mut experiments = Vec::new();
    for (name, command) in [("GET", GET), ("SET", SET)] {
        for &pipeline in &options.pipelines {
            experiments.push((Experiment { name: name.to_string(), pipeline, rounds: Vec::new() }, command));
        }
    }
    let mut latency = Experiment { name: "open loop".to_string(), pipeline: 1, rounds: Vec::new() };
    let (mut rate, mut runs) = (options.rate, Vec::new());
    for round in 0..options.rounds {
        for (experiment, command) in &mut experiments {
            eprintln!(
                "round {} of {}: {} P{}",
                round + 1,
                options.rounds,
                experiment.name,
                experiment.pipeline
            );
            let measure = |i| Ok(figure(&bench.closed(i, command, experiment.pipeline)?));
            experiment.rounds.push((0..servers.len()).map(measure).collect::<Result<_, String>>()?);
        }
        let rate = *rate.get_or_insert_with(|| half_of_the_slowest(&experiments));
        eprintln!("round {} of {}: open loop, {rate:.0} requests a second", round + 1, options.rounds);
        let measured = (0..servers.len()).map(|i| bench.open(i, rate)).collect::<Result<Vec<_>, _>>()?;
        latency.rounds.push(measured.iter().map(figure).collect());
        runs.push(measured);
    }
    let rate = rate.unwrap_or_default();
    let mut timelines = Vec::new();
    if options.timeline_seconds > 0.0 {
        for (i, server) in servers.iter().enumerate() {
            eprintln!("timeline of {}", server.name);
            timelines.push(timeline::record(&bench, i, rate)?);
        }
    }
    Ok(Report {
        servers: servers.iter().map(about).collect(),
        options: options.clone(),
        machine: machine(),
        curves: curves(&latency, &runs, options.other_max),
        experiments: experiments.into_iter().map(|(experiment, _)| experiment).collect(),
        rate,
        latency,
        timelines,
    })
}

fn about(server: &Server) -> About {
    About { name: server.name.clone(), version: server.version.clone(), command: server.command.clone() }
}

/// For each server the latencies of all rounds that count.
fn curves(latency: &Experiment, runs: &[Vec<Measured>], other_max: f64) -> Vec<Counted<u64>> {
    let (kept, _) = latency.kept(other_max);
    let servers = runs.first().map_or(0, Vec::len);
    let of = |server: usize| {
        let mut all = crate::stats::Totals::new(1);
        for &round in &kept {
            let counted = runs[round][server].totals.all();
            all.push(&Second { commands: vec![counted] });
        }
        all.all()
    };
    (0..servers).map(of).collect()
}

/// The rate of the open loops: all servers must be able to keep up, or the latency is that of a growing queue.
fn half_of_the_slowest(experiments: &[(Experiment, &str)]) -> f64 {
    let least = experiments.iter().map(|(e, _)| e.pipeline).min().unwrap_or(1);
    let all = experiments.iter().filter(|(e, _)| e.pipeline == least);
    let slowest =
        all.flat_map(|(e, _)| e.rounds.iter().flatten()).map(|f| f.rate).fold(f64::INFINITY, f64::min);
    let (half, unit) = (slowest / 2.0, 1000.0);
    if half > unit { (half / unit).floor() * unit } else { half.max(1.0) }
}

fn figure(measured: &Measured) -> Figure {
    let s = Summary::of(&measured.totals.all());
    let us = |ns: u64| ns as f64 / 1e3;
    Figure {
        rate: measured.rate(),
        server_us: measured.server_us().unwrap_or(f64::NAN),
        p50: us(s.p50),
        p99: us(s.p99),
        p999: us(s.p999),
        other: measured.cost.other.unwrap_or(0.0),
        own: measured.cost.own_ns as f64 / measured.cost.elapsed_ns as f64,
    }
}

/// The servers, and how they are loaded.
pub struct Bench<'a> {
    pub options: &'a Options,
    pub servers: &'a [Server],
    meters: &'a [Meter],
}

/// Nobody watches.
struct Unseen;

impl Observer for Unseen {
    fn second(&mut self, _: usize, _: &[String], _: &Second) {}
}

impl Bench<'_> {
    /// What all loads have in common.
    fn load(&self) -> Result<Load, String> {
        let options = self.options;
        Ok(Load {
            clients: options.clients,
            threads: options.threads,
            cpus: options.load_cpus.clone(),
            keyspace: Some(options.keyspace),
            sizes: Sizes::parse(&options.size)?,
            warmup: Duration::from_secs_f64(WARMUP),
            ..Load::default()
        })
    }

    pub fn address(&self, server: usize) -> &Address {
        &self.servers[server].address
    }

    fn run(&self, server: usize, load: &Load, interval: Duration) -> Result<Measured, String> {
        let nodes = vec![Node::single(self.address(server).clone())];
        let name = &self.servers[server].name;
        let fail = |why: String| format!("{name}: {why}");
        let mut plan = Plan::new(name, &Requests::Mix(&load.mix), load, nodes).map_err(fail)?;
        plan.interval = interval;
        let measured = run::run(&plan, &self.meters[server], &mut Unseen).map_err(fail)?;
        match measured.totals.all().texts.first_key_value() {
            Some((text, times)) => Err(fail(format!("{text} ({times} times)"))),
            None => Ok(measured),
        }
    }

    /// Every key once.
    fn fill(&self, server: usize) -> Result<(), String> {
        let load = Load {
            requests: Some(self.options.keyspace),
            distribution: Distribution::Sequential,
            pipeline: 64,
            warmup: Duration::ZERO,
            mix: vec![share(SET, 1)],
            ..self.load()?
        };
        self.run(server, &load, Duration::from_secs(1)).map(drop)
    }

    fn closed(&self, server: usize, command: &str, pipeline: usize) -> Result<Measured, String> {
        let duration = Some(Duration::from_secs_f64(self.options.seconds));
        let load = Load { duration, pipeline, mix: vec![share(command, 1)], ..self.load()? };
        self.run(server, &load, Duration::from_secs(1))
    }

    fn open(&self, server: usize, rate: f64) -> Result<Measured, String> {
        self.open_for(server, rate, self.options.latency_seconds, Duration::from_secs(1))
    }

    /// Nine GETs to one SET at this rate, summed up in such intervals.
    pub fn open_for(
        &self,
        server: usize,
        rate: f64,
        seconds: f64,
        interval: Duration,
    ) -> Result<Measured, String> {
        let duration = Some(Duration::from_secs_f64(seconds));
        let load =
            Load { duration, rate: Some(rate), mix: vec![share(GET, 9), share(SET, 1)], ..self.load()? };
        self.run(server, &load, interval)
    }
}

fn share(text: &str, ratio: u32) -> Share {
    Share { text: text.to_string(), ratio, name: None }
}

/// What the figures were measured on.
fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpus = read("/proc/cpuinfo");
    let model = cpus
        .lines()
        .find_map(|l| l.strip_prefix("model name")?.split_once(':'))
        .map_or("", |(_, m)| m.trim());
    let count = cpus.lines().filter(|l| l.starts_with("processor")).count();
    let kernel = read("/proc/sys/kernel/osrelease");
    format!("{count} × {}, Linux {}", if model.is_empty() { "CPU" } else { model }, kernel.trim())
}
