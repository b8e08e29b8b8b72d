//! Everything a run can be told, with its defaults: those of redis-benchmark where it has the option.
//!
//! [`Options`] is filled by the rows of [`crate::flags`], from the command line or from a workload file. It is
//! plain data; what it means is decided in [`crate::load`].

use crate::distribution::Distribution;
use crate::value::Sizes;
use std::path::PathBuf;
use std::time::Duration;

/// How the load does its I/O.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IoKind {
    /// The default: it works everywhere, and measured it costs the load no more than io_uring does.
    Epoll,
    Uring,
}

/// When requests are due in open loop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arrivals {
    /// At equal distances.
    Even,
    /// At exponentially distributed distances, as independent users cause them.
    Poisson,
}

/// Whose cost is measured beside the load.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ServerPid {
    /// The process that INFO names, if the server is on this host.
    Auto,
    /// This process.
    Pid(u32),
    /// None.
    Off,
}

/// One command of a mix: how often it comes, beside the others.
#[derive(Clone, PartialEq, Debug)]
pub struct Share {
    /// As it was written: `SET key:__rand_int__ __data__`, or several parted by `;`.
    pub text: String,
    pub ratio: u32,
    /// What the report calls it, if not by its text.
    pub name: Option<String>,
}

/// The options of one run.
#[derive(Clone, PartialEq, Debug)]
pub struct Options {
    pub host: String,
    pub port: u16,
    pub socket: Option<PathBuf>,
    pub password: Option<String>,
    pub user: Option<String>,
    pub db: u32,
    pub resp3: bool,
    pub tracking: bool,
    pub cluster: bool,

    pub clients: usize,
    pub threads: usize,
    pub pipeline: usize,
    pub keep_alive: bool,
    /// Requests to send; `None`: the default, or none if there is a duration.
    pub requests: Option<u64>,
    pub duration: Option<Duration>,
    pub warmup: Duration,
    /// Requests a second in open loop; `None`: closed loop.
    pub rate: Option<f64>,
    pub arrivals: Arrivals,
    pub io: IoKind,
    /// CPUs for the load's threads, in turn; empty: wherever the kernel puts them.
    pub cpus: Vec<usize>,
    pub seed: u64,

    /// Random numbers are below this; `None`: `__rand_int__` is left as it is.
    pub keyspace: Option<u64>,
    pub distribution: Distribution,
    pub sizes: Sizes,
    /// The last argument of the command, from standard input.
    pub stdin_argument: bool,

    /// Names of built-in tests; empty: all.
    pub tests: Vec<String>,
    /// The command after the flags, one word an argument.
    pub words: Vec<String>,
    pub mix: Vec<Share>,
    pub workload: Option<PathBuf>,
    /// Only the workload's phases whose names hold this.
    pub phase: Option<String>,
    pub verify: bool,
    pub idle: bool,
    pub repeat: bool,
    /// Error replies are part of the plan: they do not make the run fail.
    pub expect_errors: bool,

    pub server_pid: ServerPid,
    pub quiet: bool,
    pub csv: bool,
    /// File for the JSON report; `-` is standard output.
    pub json: Option<PathBuf>,
    pub hdr_log: Option<PathBuf>,
    /// A row for each second in the report.
    pub seconds: bool,
    pub precision: usize,
    pub help: bool,
    pub version: bool,
}

/// Requests that are sent when nothing says how many, nor how long.
pub const REQUESTS_DEFAULT: u64 = 100_000;

impl Default for Options {
    fn default() -> Self {
        Options {
            host: "127.0.0.1".to_string(),
            port: 6379,
            socket: None,
            password: None,
            user: None,
            db: 0,
            resp3: false,
            tracking: false,
            cluster: false,
            clients: 50,
            threads: 1,
            pipeline: 1,
            keep_alive: true,
            requests: None,
            duration: None,
            warmup: Duration::ZERO,
            rate: None,
            arrivals: Arrivals::Even,
            io: IoKind::Epoll,
            cpus: Vec::new(),
            seed: 1,
            keyspace: None,
            distribution: Distribution::Uniform,
            sizes: Sizes::Fixed(3),
            stdin_argument: false,
            tests: Vec::new(),
            words: Vec::new(),
            mix: Vec::new(),
            workload: None,
            phase: None,
            verify: false,
            idle: false,
            repeat: false,
            expect_errors: false,
            server_pid: ServerPid::Auto,
            quiet: false,
            csv: false,
            json: None,
            hdr_log: None,
            seconds: false,
            precision: 3,
            help: false,
            version: false,
        }
    }
}

impl Options {
    /// Requests to send in all: `u64::MAX` for as many as fit into the duration.
    #[must_use]
    pub fn request_limit(&self) -> u64 {
        match (self.requests, self.duration) {
            (Some(n), _) => n,
            (None, Some(_)) => u64::MAX,
            (None, None) => REQUESTS_DEFAULT,
        }
    }

    /// What can only be judged when all is known.
    ///
    /// # Errors
    /// A sentence for the user.
    pub fn check(&self) -> Result<(), String> {
        let rules = [
            (self.clients == 0, "-c must be at least 1"),
            (self.threads == 0, "--threads must be at least 1"),
            (self.pipeline == 0, "-P must be at least 1"),
            (self.keyspace == Some(0), "-r must be at least 1"),
            (self.user.is_some() && self.password.is_none(), "--user needs -a"),
            (self.socket.is_some() && self.cluster, "--cluster needs TCP: not with -s"),
            (!self.keep_alive && self.cluster, "-k 0 does not work with --cluster"),
            (self.cluster && self.verify, "--verify does not work with --cluster"),
            (self.rate.is_some_and(|r| !(r.is_finite() && r > 0.0)), "--rate must be above 0"),
            (self.seed == 0, "--seed must be above 0"),
        ];
        rules.iter().find(|(broken, _)| *broken).map_or(Ok(()), |(_, rule)| Err((*rule).to_string()))
    }
}
