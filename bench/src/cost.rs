//! What a run costs the machine: the server's processor time, memory and context switches, and how busy everything
//! else kept it.
//!
//! From /proc, so only where the server runs on this host. Time is the scheduler's own account in nanoseconds
//! (`/proc/PID/task/*/schedstat`); only how it parts into user and system comes from the ticks of
//! `/proc/PID/stat`. *Other* is what all processors did beside the server and this load, time stolen by the
//! hypervisor included, in processors: a run in which it is high measured the neighbours too.

use crate::clock;
use crate::connect::{Address, Control, Greeting};
use crate::options::ServerPid;
use std::collections::BTreeMap;
use std::fs;

/// One thread's account.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Thread {
    name: String,
    run_ns: u64,
    voluntary: u64,
    involuntary: u64,
}

/// The accounts at one moment.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    at: u64,
    own_ns: u64,
    machine_ns: u64,
    threads: BTreeMap<u32, Thread>,
    /// Of the process, in ticks.
    user: u64,
    system: u64,
    rss: u64,
}

/// What happened between two samples.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Cost {
    pub elapsed_ns: u64,
    /// The load's own processor time.
    pub own_ns: u64,
    /// Processors that everything but server and load kept busy; `None` where the server is not on this host.
    pub other: Option<f64>,
    pub server: Option<ServerCost>,
}

/// The server's part.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct ServerCost {
    pub cpu_ns: u64,
    pub user_ns: u64,
    pub system_ns: u64,
    /// Resident memory before and after, bytes.
    pub rss: (u64, u64),
    pub voluntary: u64,
    pub involuntary: u64,
    /// By thread: name, nanoseconds, voluntary and involuntary switches. Only those that did something.
    pub threads: Vec<ThreadCost>,
}

/// One thread's part.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct ThreadCost {
    pub name: String,
    pub cpu_ns: u64,
    pub voluntary: u64,
    pub involuntary: u64,
}

/// Takes samples of one server, if it is known.
#[derive(Clone, Copy, Debug, Default)]
pub struct Meter {
    pub pid: Option<u32>,
}

impl Meter {
    /// The process to watch: as told, or as INFO says and this host confirms.
    ///
    /// # Errors
    /// A sentence for the user, if a process that was named does not exist.
    pub fn new(wanted: ServerPid, address: &Address, greeting: &Greeting) -> Result<Meter, String> {
        let pid = match wanted {
            ServerPid::Off => None,
            ServerPid::Pid(pid) if exists(pid) => Some(pid),
            ServerPid::Pid(pid) => return Err(format!("--server-pid {pid}: there is no such process")),
            ServerPid::Auto => Self::ask(address, greeting),
        };
        Ok(Meter { pid })
    }

    fn ask(address: &Address, greeting: &Greeting) -> Option<u32> {
        if !address.is_local() {
            return None;
        }
        // A server that does not say is not measured; the load itself will tell what is wrong with it.
        let info = Control::open(address, greeting).ok()?.info("server").ok()?;
        let pid = u32::try_from(info.number("process_id")?).ok()?;
        // In a container the number may be that of another process here.
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
        let is_client = pid == std::process::id() || name.starts_with("percore-bench");
        (exists(pid) && !is_client).then_some(pid)
    }

    #[must_use]
    pub fn sample(&self) -> Sample {
        let mut sample = Sample {
            at: clock::now(),
            own_ns: clock::own_cpu(),
            machine_ns: machine_ns(&read("/proc/stat")),
            ..Sample::default()
        };
        if let Some(pid) = self.pid {
            sample.threads = threads(pid);
            (sample.user, sample.system) = ticks(&read(&format!("/proc/{pid}/stat"))).unwrap_or_default();
            sample.rss = rss(&read(&format!("/proc/{pid}/statm")));
        }
        sample
    }

    /// What happened between two samples.
    #[must_use]
    pub fn cost(&self, before: &Sample, after: &Sample) -> Cost {
        let elapsed_ns = after.at.saturating_sub(before.at).max(1);
        let own_ns = after.own_ns.saturating_sub(before.own_ns);
        let server = self.pid.map(|_| server_cost(before, after));
        let busy = after.machine_ns.saturating_sub(before.machine_ns);
        let other =
            server.as_ref().map(|s| busy.saturating_sub(s.cpu_ns + own_ns) as f64 / elapsed_ns as f64);
        Cost { elapsed_ns, own_ns, other, server }
    }
}

fn server_cost(before: &Sample, after: &Sample) -> ServerCost {
    let none = Thread::default();
    let mut threads: Vec<_> = after
        .threads
        .iter()
        .map(|(id, thread)| {
            let was = before.threads.get(id).unwrap_or(&none);
            ThreadCost {
                name: thread.name.clone(),
                cpu_ns: thread.run_ns.saturating_sub(was.run_ns),
                voluntary: thread.voluntary.saturating_sub(was.voluntary),
                involuntary: thread.involuntary.saturating_sub(was.involuntary),
            }
        })
        .filter(|thread| thread.cpu_ns > 0)
        .collect();
    threads.sort_by_key(|thread| std::cmp::Reverse(thread.cpu_ns));
    let (user, system) = (after.user.saturating_sub(before.user), after.system.saturating_sub(before.system));
    // Threads that have ended are in the ticks only, which may be two too many.
    let tick = 1_000_000_000 / rustix::param::clock_ticks_per_second().max(1);
    let ticked = (user + system).saturating_sub(2) * tick;
    let cpu_ns = threads.iter().map(|t| t.cpu_ns).sum::<u64>().max(ticked);
    let part = if user + system == 0 { 0.5 } else { user as f64 / (user + system) as f64 };
    let user_ns = (cpu_ns as f64 * part) as u64;
    ServerCost {
        cpu_ns,
        user_ns,
        system_ns: cpu_ns - user_ns,
        rss: (before.rss, after.rss),
        voluntary: threads.iter().map(|t| t.voluntary).sum(),
        involuntary: threads.iter().map(|t| t.involuntary).sum(),
        threads,
    }
}

/// A file of /proc; empty if it is not there (any more).
fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn exists(pid: u32) -> bool {
    fs::metadata(format!("/proc/{pid}/stat")).is_ok()
}

fn threads(pid: u32) -> BTreeMap<u32, Thread> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return BTreeMap::new() };
    let ids = tasks.flatten().filter_map(|task| task.file_name().to_str()?.parse::<u32>().ok());
    ids.map(|id| {
        let folder = format!("/proc/{pid}/task/{id}");
        let status = read(&format!("{folder}/status"));
        let field = |name: &str| {
            let line = status.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(':'));
            line.map(str::trim).unwrap_or_default()
        };
        let schedstat = read(&format!("{folder}/schedstat"));
        let thread = Thread {
            name: field("Name").to_string(),
            run_ns: schedstat.split_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or(0),
            voluntary: field("voluntary_ctxt_switches").parse().unwrap_or(0),
            involuntary: field("nonvoluntary_ctxt_switches").parse().unwrap_or(0),
        };
        (id, thread)
    })
    .collect()
}

/// User and system ticks of `/proc/PID/stat`; the name before them may hold anything.
fn ticks(stat: &str) -> Option<(u64, u64)> {
    let mut fields = stat.get(stat.rfind(')')? + 1..)?.split_whitespace().skip(11);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

fn rss(statm: &str) -> u64 {
    let pages = statm.split_whitespace().nth(1).and_then(|n| n.parse::<u64>().ok());
    pages.unwrap_or(0) * rustix::param::page_size() as u64
}

/// Nanoseconds that all processors were busy: all of `/proc/stat`'s first line but idle, iowait and the guests
/// (which user time holds already).
fn machine_ns(stat: &str) -> u64 {
    let line = stat.lines().next().unwrap_or_default();
    let fields: Vec<u64> = line.split_whitespace().skip(1).map(|n| n.parse().unwrap_or(0)).collect();
    let busy: u64 = [0, 1, 2, 5, 6, 7].iter().filter_map(|&i| fields.get(i)).sum();
    busy * 1_000_000_000 / rustix::param::clock_ticks_per_second().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_proc_are_read() {
        assert_eq!(ticks("7 (a b) c) S 1 2 3 4 5 6 7 8 9 10 41 42 0"), Some((41, 42)));
        assert_eq!(ticks("7 (cut"), None);
        assert_eq!(rss("9 3 1\n"), 3 * rustix::param::page_size() as u64);
        let tick = 1_000_000_000 / rustix::param::clock_ticks_per_second();
        assert_eq!(machine_ns("cpu  1 2 3 100 100 4 5 6 50 50\ncpu0 …"), 21 * tick);
    }

    #[test]
    fn this_process_costs_something() {
        let meter = Meter { pid: Some(std::process::id()) };
        let before = meter.sample();
        let start = clock::own_cpu();
        while clock::own_cpu() < start + 100_000_000 {}
        let cost = meter.cost(&before, &meter.sample());
        let server = cost.server.expect("this process exists");
        assert!(cost.own_ns >= 100_000_000 && server.cpu_ns >= 50_000_000, "{server:?}");
        assert!(server.rss.1 > 0 && !server.threads.is_empty());
        assert_eq!(server.user_ns + server.system_ns, server.cpu_ns);
    }

    #[test]
    fn no_process_has_no_cost() {
        let meter = Meter::default();
        let cost = meter.cost(&meter.sample(), &meter.sample());
        assert_eq!((cost.server, cost.other), (None, None));
        let (address, greeting) = (Address::Unix("/nowhere".into()), Greeting::default());
        assert!(Meter::new(ServerPid::Pid(u32::MAX), &address, &greeting).is_err());
        assert!(Meter::new(ServerPid::Auto, &address, &greeting).expect("nobody answers").pid.is_none());
    }
}
