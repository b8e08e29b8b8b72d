//! A server that a comparison starts: on a free port, in a directory of its own, on its CPUs; ended with this value.

use super::options::Contender;
use crate::connect::{Address, Control, Greeting, text};
use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const START_MAX: Duration = Duration::from_secs(60);
const END_MAX: Duration = Duration::from_secs(20);

/// A running server.
pub struct Server {
    pub name: String,
    pub address: Address,
    /// What INFO says it is.
    pub version: String,
    pub command: String,
    child: Child,
    dir: PathBuf,
}

impl Server {
    /// Starts it and waits until it answers.
    ///
    /// # Errors
    /// A sentence for the user, with where its output is.
    pub fn start(contender: &Contender, cpus: &[usize]) -> Result<Server, String> {
        let name = &contender.name;
        let fail = |e: std::io::Error| format!("{name}: {e}");
        let probe = TcpListener::bind("127.0.0.1:0").map_err(fail)?;
        let port = probe.local_addr().map_err(fail)?.port();
        drop(probe);
        let dir = std::env::temp_dir().join(format!("percore-bench-{}-{port}", std::process::id()));
        std::fs::create_dir_all(&dir).map_err(fail)?;
        let place =
            |w: &String| w.replace("{port}", &port.to_string()).replace("{dir}", &dir.to_string_lossy());
        let words: Vec<_> = contender.command.iter().map(place).collect();
        let log = std::fs::File::create(dir.join("output.log")).map_err(fail)?;
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).current_dir(&dir).stdin(Stdio::null());
        command.stdout(log.try_clone().map_err(fail)?).stderr(log);
        let child = pinned(contender.cpus.as_deref().unwrap_or(cpus), || command.spawn()).map_err(fail)?;
        let address = Address::tcp("127.0.0.1", port)?;
        let command = contender.command.join(" ");
        let mut server = Server { name: name.clone(), address, version: String::new(), command, child, dir };
        server.version = server.wait_until_it_answers()?;
        Ok(server)
    }

    fn wait_until_it_answers(&mut self) -> Result<String, String> {
        let start = Instant::now();
        while start.elapsed() < START_MAX {
            if let Ok(Some(status)) = self.child.try_wait() {
                let output = std::fs::read_to_string(self.dir.join("output.log")).unwrap_or_default();
                let tail: Vec<_> = output.lines().rev().take(5).collect();
                return Err(format!("{}: {status}: {}", self.name, tail.join(" / ")));
            }
            if let Ok(mut control) = Control::open(&self.address, &Greeting::default())
                && control.words("PING").is_ok_and(|pong| text(&pong) == "PONG")
            {
                let info = control.info("server")?;
                let own = ["percore_version", "valkey_version", "dragonfly_version", "redis_version"];
                let found =
                    own.iter().find_map(|f| Some(format!("{} {}", f.split('_').next()?, info.get(f)?)));
                return Ok(found.unwrap_or_default());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Err(format!("{}: no answer within {START_MAX:?}", self.name))
    }

    /// The process whose cost is measured: the one that answers, as a command may start it through another.
    #[must_use]
    pub fn pid(&self) -> u32 {
        let info = Control::open(&self.address, &Greeting::default()).and_then(|mut c| c.info("server"));
        let told = info.ok().and_then(|i| i.number("process_id")).and_then(|n| u32::try_from(n).ok());
        told.unwrap_or_else(|| self.child.id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // What has ended already cannot be ended, and a directory that is not there need not be removed.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let start = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) {
            if start.elapsed() > END_MAX {
                drop(self.child.kill());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        drop(std::fs::remove_dir_all(&self.dir));
    }
}

/// Does something on these CPUs. A process that is started there stays there: affinity is inherited.
fn pinned<T>(cpus: &[usize], work: impl FnOnce() -> std::io::Result<T>) -> std::io::Result<T> {
    let before = sched_getaffinity(None)?;
    let mut set = CpuSet::new();
    cpus.iter().for_each(|&cpu| set.set(cpu));
    sched_setaffinity(None, &set)
        .map_err(|e| std::io::Error::other(format!("CPUs {cpus:?} cannot be used: {e}")))?;
    let result = work();
    sched_setaffinity(None, &before)?;
    result
}
