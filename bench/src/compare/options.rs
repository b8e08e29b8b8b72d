//! What `percore-bench compare` can be told.

use crate::flags::cpus;
use std::path::PathBuf;
use std::str::FromStr;

/// A server that takes part.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Contender {
    pub name: String,
    /// With `{port}` and `{dir}` where these belong.
    pub command: Vec<String>,
    /// CPUs of its own, instead of those of all servers.
    pub cpus: Option<Vec<usize>>,
}

impl Contender {
    /// Reads `NAME=COMMAND` or `NAME@CPUS=COMMAND`.
    fn parse(text: &str) -> Result<Contender, String> {
        let (head, command) = text.split_once('=').ok_or("--server 'NAME=COMMAND'")?;
        let (name, own) = match head.split_once('@') {
            Some((name, list)) => (name, Some(cpus(list)?)),
            None => (head, None),
        };
        let words = crate::words::split(command)?.concat();
        let command: Vec<_> = words.iter().map(|w| String::from_utf8_lossy(w).into_owned()).collect();
        if !command.iter().any(|word| word.contains("{port}")) {
            return Err(format!("{name}: its command needs {{port}} where the port belongs"));
        }
        Ok(Contender { name: name.to_string(), command, cpus: own })
    }
}

/// The options of a comparison.
#[derive(Clone, PartialEq, Debug)]
pub struct Options {
    pub servers: Vec<Contender>,
    pub server_cpus: Vec<usize>,
    pub load_cpus: Vec<usize>,
    pub rounds: usize,
    /// Seconds of each measurement, of each open loop in a round, and of the timeline (0: none).
    pub seconds: f64,
    pub latency_seconds: f64,
    pub timeline_seconds: f64,
    pub pipelines: Vec<usize>,
    pub clients: usize,
    pub threads: usize,
    pub keyspace: u64,
    pub size: String,
    /// Requests a second of the open loops; `None`: half of what the slowest server does at pipeline depth 1.
    pub rate: Option<f64>,
    /// Commands of the timeline, which are sent one after another at equal distances.
    pub events: Vec<String>,
    /// A round in which everything else kept more processors busy than this is disturbed.
    pub other_max: f64,
    pub html: Option<PathBuf>,
    pub markdown: Option<PathBuf>,
    pub json: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            servers: Vec::new(),
            server_cpus: vec![0],
            load_cpus: vec![1],
            rounds: 5,
            seconds: 1.0,
            latency_seconds: 3.0,
            timeline_seconds: 10.0,
            pipelines: vec![1, 4, 16, 64],
            clients: 50,
            threads: 1,
            keyspace: 100_000,
            size: "64".to_string(),
            rate: None,
            events: vec!["BGSAVE".to_string()],
            other_max: 0.25,
            html: Some(PathBuf::from("compare.html")),
            markdown: None,
            json: None,
        }
    }
}

/// The text of `compare --help`.
pub const HELP: &str = "\
Usage: percore-bench compare --server 'NAME=COMMAND' [--server 'NAME=COMMAND'] [flags]

Starts each server, measures them in turn, and writes one page with plots and tables. The first is what the others
are compared with. In COMMAND {port} and {dir} are a free port and an empty directory.

      --server <name=command>  a server; NAME@CPUS=COMMAND gives it CPUs of its own
      --server-cpus <list>     CPUs of the servers (0)
      --load-cpus <list>       CPUs of the load (1)
      --rounds <n>             rounds, in each of which every server is measured once (5)
      --seconds <s>            of each measurement (1)
      --latency-seconds <s>    of open loop in each round (3)
      --timeline-seconds <s>   of the timeline, 0 for none (10)
      --pipelines <list>       pipeline depths (1,4,16,64)
      --clients <n>            connections (50)
      --threads <n>            threads of the load (1)
      --keyspace <n>           keys (100000)
      --size <bytes>           of values, as for -d (64)
      --rate <n>               requests a second of the open loops (half of what the slowest does)
      --event <command>        sent during the timeline; may be repeated (BGSAVE)
      --other-max <cores>      drop a round in which everything else kept more processors busy (0.25)
      --html <file>            the page (compare.html)
      --markdown <file>        the tables for a README
      --json <file>            all figures

  percore-bench compare --server 'redis=redis-server --port {port} --dir {dir} --save \"\"' \\
      --server 'percore=percore-server --shards 1 --port {port} --dir {dir} --save \"\"'
";

fn number<T: FromStr>(flag: &str, text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{flag}: bad value \"{text}\""))
}

impl Options {
    /// Reads the arguments; `None`: help was asked for.
    ///
    /// # Errors
    /// A sentence for the user.
    pub fn parse(arguments: &[String]) -> Result<Option<Options>, String> {
        let (mut options, mut own_events) = (Options::default(), false);
        let mut rest = arguments.iter();
        while let Some(flag) = rest.next() {
            if flag == "--help" {
                return Ok(None);
            }
            let value =
                rest.next().ok_or_else(|| format!("{flag} needs a value; compare --help lists the flags"))?;
            match flag.as_str() {
                "--server" => options.servers.push(Contender::parse(value)?),
                "--server-cpus" => options.server_cpus = cpus(value)?,
                "--load-cpus" => options.load_cpus = cpus(value)?,
                "--rounds" => options.rounds = number(flag, value)?,
                "--seconds" => options.seconds = number(flag, value)?,
                "--latency-seconds" => options.latency_seconds = number(flag, value)?,
                "--timeline-seconds" => options.timeline_seconds = number(flag, value)?,
                "--pipelines" => {
                    let list = value.split(',').map(|n| number(flag, n));
                    options.pipelines = list.collect::<Result<_, _>>()?;
                }
                "--clients" => options.clients = number(flag, value)?,
                "--threads" => options.threads = number(flag, value)?,
                "--keyspace" => options.keyspace = number(flag, value)?,
                "--size" => options.size.clone_from(value),
                "--rate" => options.rate = Some(number(flag, value)?),
                "--event" => {
                    if !std::mem::replace(&mut own_events, true) {
                        options.events.clear();
                    }
                    options.events.push(value.clone());
                }
                "--other-max" => options.other_max = number(flag, value)?,
                "--html" => options.html = Some(value.into()),
                "--markdown" => options.markdown = Some(value.into()),
                "--json" => options.json = Some(value.into()),
                _ => return Err(format!("unknown flag {flag}; compare --help lists them")),
            }
        }
        options.check()?;
        Ok(Some(options))
    }

    fn check(&self) -> Result<(), String> {
        let time = |s: f64| s.is_finite() && s >= 0.0;
        let names: std::collections::BTreeSet<_> = self.servers.iter().map(|s| &s.name).collect();
        let rules = [
            (self.servers.is_empty(), "at least one --server is needed; compare --help tells more"),
            (names.len() < self.servers.len(), "two servers have the same name"),
            (
                self.rounds == 0 || self.pipelines.is_empty() || self.pipelines.contains(&0),
                "nothing to measure",
            ),
            (!(time(self.seconds) && self.seconds > 0.0 && time(self.latency_seconds)), "bad seconds"),
            (!time(self.timeline_seconds), "bad --timeline-seconds"),
        ];
        rules.iter().find(|(broken, _)| *broken).map_or(Ok(()), |(_, rule)| Err((*rule).to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> Result<Option<Options>, String> {
        Options::parse(&words.iter().map(|w| (*w).to_string()).collect::<Vec<_>>())
    }

    #[test]
    fn flags_are_read_and_helped() {
        let found = parsed(&[
            "--server",
            "a@0,1=x --port {port} --save ''",
            "--server",
            "b=y {port}",
            "--rounds",
            "3",
            "--pipelines",
            "1,8",
            "--event",
            "BGREWRITEAOF",
            "--event",
            "BGSAVE",
            "--load-cpus",
            "2-3",
        ]);
        let o = found.expect("good flags").expect("not help");
        assert_eq!(o.servers[0].command, ["x", "--port", "{port}", "--save", ""]);
        assert_eq!((&o.servers[0].cpus, &o.servers[1].cpus), (&Some(vec![0, 1]), &None));
        assert_eq!((o.rounds, o.pipelines, o.load_cpus), (3, vec![1, 8], vec![2, 3]));
        assert_eq!(o.events, ["BGREWRITEAOF", "BGSAVE"]);
        assert_eq!(parsed(&["--help"]), Ok(None));
        for flag in ["--server", "--other-max", "--timeline-seconds", "--markdown"] {
            assert!(HELP.contains(flag));
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for bad in [
            &["--server", "a=x"][..],
            &["--server", "x {port}"],
            &[],
            &["--server", "a=x {port}", "--server", "a=y {port}"],
            &["--server", "a=x {port}", "--rounds", "0"],
            &["--server", "a=x {port}", "--bogus", "0"],
            &["--rounds"],
        ] {
            assert!(parsed(bad).is_err(), "{bad:?}");
        }
    }
}
