//! From the command line to the exit code.
//!
//! Exit codes: 0, all went well; 1, error replies that were not expected, or a reply that verification
//! found wrong; 2, it could not be measured.

use crate::cluster::{self, Node};
use crate::compare;
use crate::connect::{Address, Greeting, connect};
use crate::cost::Meter;
use crate::flags;
use crate::options::Options;
use crate::phase::{self, Took};
use crate::plan::{Plan, Requests};
use crate::report::hdr_log::HdrLog;
use crate::report::progress::Progress;
use crate::report::{csv, json, text};
use crate::run::{self, Measured, Observer};
use crate::stats::Second;
use crate::suite::{self, Request};
use crate::words;
use crate::workload::{Phase, Workload};
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

/// Runs the program.
#[must_use]
pub fn main(arguments: &[String]) -> ExitCode {
    match run_all(arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(why) => {
            eprintln!("percore-bench: {why}");
            ExitCode::from(2)
        }
    }
}

/// True if all went well.
fn run_all(arguments: &[String]) -> Result<bool, String> {
    if let Some((first, rest)) = arguments.split_first()
        && first == "compare"
    {
        return compare::main(rest);
    }
    let options = flags::parse(arguments)?;
    if options.help {
        print(&flags::help())?;
        return Ok(true);
    }
    if options.version {
        print(concat!("percore-bench ", env!("CARGO_PKG_VERSION"), "\n"))?;
        return Ok(true);
    }
    let nodes = nodes(&options)?;
    if options.idle {
        return idle(&options, &nodes);
    }
    let mut session = Session::new(&options, &nodes)?;
    let workload = options.workload.as_ref().map(|path| Workload::read(path, arguments)).transpose()?;
    loop {
        let fine = match &workload {
            Some(workload) => phases(&mut session, workload, &nodes)?,
            None => session.everything(&options, &nodes)?,
        };
        if !options.repeat {
            session.end()?;
            return Ok(fine);
        }
    }
}

/// Runs a workload, a phase after the other.
fn phases(session: &mut Session, workload: &Workload, nodes: &[Node]) -> Result<bool, String> {
    let mut fine = true;
    let wanted = |phase: &&Phase| phase.options.phase.as_ref().is_none_or(|text| phase.name.contains(text));
    for phase in workload.phases.iter().filter(wanted) {
        let fail = |why: String| format!("phase \"{}\": {why}", phase.name);
        let address = &nodes[0].address;
        let took = phase::before(phase, address).map_err(fail)?;
        if phase.measure {
            session.tell(&took)?;
        }
        if phase.load {
            let during = phase::During::start(phase, address).map_err(fail)?;
            fine &= session.phase(phase, nodes).map_err(fail)?;
            let took = during.end().map_err(fail)?;
            session.tell(&took)?;
        }
    }
    Ok(fine)
}

/// Prints; a reader that has gone ends the program.
///
/// # Errors
/// A sentence for the user.
pub fn print(text: &str) -> Result<(), String> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|e| format!("standard output: {e}"))
}

/// Where the load connects to.
///
/// # Errors
/// A sentence for the user.
pub fn nodes(options: &Options) -> Result<Vec<Node>, String> {
    let address = match &options.socket {
        Some(path) => Address::Unix(path.clone()),
        None => Address::tcp(&options.host, options.port)?,
    };
    if options.cluster {
        cluster::nodes(&address, &Greeting::new(options))
    } else {
        Ok(vec![Node::single(address)])
    }
}

/// `-I`: opens the connections and waits to be interrupted.
fn idle(options: &Options, nodes: &[Node]) -> Result<bool, String> {
    let greeting = Greeting::new(options);
    let open = |i: usize| connect(&nodes[i % nodes.len()].address, &greeting);
    let conns = (0..options.clients).map(open).collect::<Result<Vec<_>, _>>()?;
    print(&format!("{} idle connections opened, waiting for ^C\n", conns.len()))?;
    loop {
        std::thread::park();
    }
}

/// A sequence of runs with one report.
pub struct Session {
    meter: Meter,
    runs: Vec<serde_json::Value>,
    log: Option<HdrLog<BufWriter<File>>>,
    began: SystemTime,
    json: Option<std::path::PathBuf>,
    header_due: bool,
    /// Runs are not reported: they prepare.
    silent: bool,
    /// The title of what comes, if the run is a phase.
    phase: Option<String>,
}

impl Session {
    /// # Errors
    /// A sentence for the user.
    pub fn new(options: &Options, nodes: &[Node]) -> Result<Session, String> {
        let began = SystemTime::now();
        let meter = Meter::new(options.server_pid, &nodes[0].address, &Greeting::new(options))?;
        let log = match &options.hdr_log {
            Some(path) => {
                let file = File::create(path).map_err(|e| format!("{}: {e}", path.display()))?;
                Some(HdrLog::new(BufWriter::new(file), began).map_err(|e| e.to_string())?)
            }
            None => None,
        };
        {
            let (json, header_due) = (options.json.clone(), options.csv);
            Ok(Session { meter, runs: Vec::new(), log, began, json, header_due, silent: false, phase: None })
        }
    }

    /// A workload's phase.
    fn phase(&mut self, phase: &Phase, nodes: &[Node]) -> Result<bool, String> {
        self.silent = !phase.measure;
        self.phase = Some(phase.name.clone());
        let fine = self.everything(&phase.options, nodes);
        (self.silent, self.phase) = (false, None);
        fine
    }

    /// Tells how long commands took that were sent beside the load.
    fn tell(&mut self, took: &[Took]) -> Result<(), String> {
        for one in took {
            if self.json.is_some() {
                self.runs.push(
                    serde_json::json!({ "command": one.command, "took_ms": one.ms, "reply": one.reply }),
                );
            }
            if self.json.as_deref() != Some(Path::new("-")) {
                let start = if self.header_due || self.log.is_some() { "# " } else { "" };
                print(&format!("{start}{} took {:.1} ms: {}\n", one.command, one.ms, one.reply))?;
            }
        }
        Ok(())
    }

    /// All that the options ask for.
    fn everything(&mut self, options: &Options, nodes: &[Node]) -> Result<bool, String> {
        let one = |s: &mut Self, title: &str, r: &Requests<'_>| s.one(title, r, options, nodes);
        if !options.mix.is_empty() {
            let titles: Vec<_> =
                options.mix.iter().map(|share| share.name.as_ref().unwrap_or(&share.text).as_str()).collect();
            let title = self.phase.clone().unwrap_or_else(|| titles.join(" + "));
            return one(self, &title, &Requests::Mix(&options.mix));
        }
        if !options.words.is_empty() {
            let mut words: Vec<_> = options.words.iter().map(|w| w.as_bytes().to_vec()).collect();
            if options.stdin_argument {
                let mut last = Vec::new();
                io::stdin().read_to_end(&mut last).map_err(|e| format!("standard input: {e}"))?;
                words.push(last);
            }
            return one(self, &options.words.join(" "), &Requests::Words(&words));
        }
        let mut fine = true;
        let phase = self.phase.clone();
        for test in suite::select(&options.tests)? {
            let title = phase.as_ref().map_or(test.title.to_string(), |p| format!("{p}: {}", test.title));
            fine &= match test.request {
                Request::Raw(bytes) => one(self, &title, &Requests::Raw(bytes))?,
                Request::Command(text) => {
                    let text = suite::command(text, options.cluster, options.keyspace.is_some());
                    one(self, &title, &Requests::Words(&words::split(&text)?.concat()))?
                }
            };
        }
        Ok(fine)
    }

    /// One run, with its report; true if it went well.
    ///
    /// # Errors
    /// A sentence for the user.
    pub fn one(
        &mut self,
        title: &str,
        requests: &Requests<'_>,
        options: &Options,
        nodes: &[Node],
    ) -> Result<bool, String> {
        let plan = Plan::new(title, requests, options, nodes.to_vec())?;
        let since = self.began.elapsed().unwrap_or_default() + options.warmup;
        let mut watcher =
            Watcher { progress: Progress::new(title), log: self.log.as_mut(), since, failure: None };
        let measured = run::run(&plan, &self.meter, &mut watcher);
        watcher.progress.end();
        if let Some(why) = watcher.failure.take() {
            return Err(format!("--hdr-log: {why}"));
        }
        let measured = measured?;
        if !self.silent {
            self.report(&measured, options)?;
        }
        let errors = measured.totals.all().errors > 0 && !options.expect_errors;
        let wrong = measured.verified.as_ref().is_some_and(|v| v.offences_count > 0);
        Ok(!errors && !wrong)
    }

    fn report(&mut self, measured: &Measured, options: &Options) -> Result<(), String> {
        if self.json.is_some() {
            self.runs.push(json::run(measured));
        }
        if self.json.as_deref() == Some(Path::new("-")) {
            return Ok(());
        }
        if options.csv {
            let header = if std::mem::take(&mut self.header_due) { csv::HEADER } else { "" };
            return print(&format!("{header}{}", csv::rows(measured)));
        }
        print(&if options.quiet { text::quiet(measured) } else { text::full(measured, options) })
    }

    /// Writes what is written at the end.
    ///
    /// # Errors
    /// A sentence for the user.
    pub fn end(self) -> Result<(), String> {
        let Some(path) = self.json else { return Ok(()) };
        let text = format!("{:#}\n", serde_json::Value::Array(self.runs));
        if path == Path::new("-") {
            return print(&text);
        }
        std::fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))
    }
}

/// What happens each second.
struct Watcher<'a> {
    progress: Progress,
    log: Option<&'a mut HdrLog<BufWriter<File>>>,
    /// When the measurement began, since the log did.
    since: Duration,
    failure: Option<io::Error>,
}

impl Observer for Watcher<'_> {
    fn second(&mut self, number: usize, names: &[String], second: &Second) {
        self.progress.second(second);
        if let Some(log) = &mut self.log {
            let since = self.since + Duration::from_secs(number as u64);
            if let Err(error) = log.second(since, names, second) {
                self.failure.get_or_insert(error);
            }
        }
    }
}
