//! A run: threads are started, their seconds collected, the cost measured.
//!
//! The time that is measured begins when the warm-up ends and is over with the last reply. The server's
//! account is read at both ends; reading it takes a fraction of a millisecond, outside the load's threads.

use crate::clock;
use crate::connect::Control;
use crate::cost::{Cost, Meter};
use crate::driver::Driver;
use crate::net::Net;
use crate::net::epoll::Epoll;
use crate::net::uring::Uring;
use crate::options::IoKind;
use crate::plan::{Budget, Plan};
use crate::stats::{Interval, Second, Totals};
use crate::verify::{Ledger, Offence};
use crate::worker::{self, Ended};
use rustix::thread::{CpuSet, sched_setaffinity};
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Barrier, Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// What a run has measured.
#[derive(Clone, Debug)]
pub struct Measured {
    pub title: String,
    /// Names of the commands, as the totals count them.
    pub names: Vec<String>,
    pub totals: Totals,
    /// From the end of the warm-up to the last reply, nanoseconds.
    pub elapsed_ns: u64,
    /// When the measurement began, nanoseconds since 1970.
    pub began_unix: u64,
    pub cost: Cost,
    pub io: IoKind,
    pub verified: Option<Verified>,
}

impl Measured {
    /// Requests a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.totals.all().latency.len() as f64 * 1e9 / self.elapsed_ns.max(1) as f64
    }

    /// The server's processor time, microseconds a request.
    #[must_use]
    pub fn server_us(&self) -> Option<f64> {
        let requests = self.totals.all().latency.len().max(1);
        self.cost.server.as_ref().map(|s| s.cpu_ns as f64 / 1e3 / requests as f64)
    }

    /// The load's own processor time, microseconds a request.
    #[must_use]
    pub fn own_us(&self) -> f64 {
        self.cost.own_ns as f64 / 1e3 / self.totals.all().latency.len().max(1) as f64
    }
}

/// What `--verify` has found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Verified {
    /// GETs whose answer was known.
    pub checked: u64,
    pub offences_count: u64,
    /// The first of them, one for a key.
    pub offences: Vec<Offence>,
}

/// Who hears each second that is complete.
pub trait Observer {
    /// The second with this number has passed on all threads.
    fn second(&mut self, number: usize, names: &[String], second: &Second);
}

/// Threads meet here: all are connected; the budget is set.
struct Start<'a> {
    connected: &'a Barrier,
    begun: &'a Barrier,
    budget: &'a OnceLock<Budget>,
    failure: &'a Mutex<Option<String>>,
}

/// Runs a plan.
///
/// # Errors
/// A sentence for the user: no server, no RESP, a connection that breaks.
pub fn run(plan: &Plan, meter: &Meter, observer: &mut dyn Observer) -> Result<Measured, String> {
    let io = plan.io;
    let (connected, begun) = (Barrier::new(plan.threads + 1), Barrier::new(plan.threads + 1));
    let (budget, failure) = (OnceLock::new(), Mutex::new(None));
    let start = Start { connected: &connected, begun: &begun, budget: &budget, failure: &failure };
    let (out, seconds) = channel();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..plan.threads)
            .map(|thread| {
                let (start, out) = (&start, out.clone());
                scope.spawn(move || work(plan, io, thread, start, out))
            })
            .collect();
        drop(out);
        connected.wait();
        let budget = budget.get_or_init(|| Budget::new(plan, clock::now()));
        let mut before = meter.sample();
        begun.wait();
        let warm = Duration::from_nanos(budget.begins.saturating_sub(clock::now()));
        if !warm.is_zero() && failure.lock().unwrap_or_else(PoisonError::into_inner).is_none() {
            std::thread::sleep(warm);
            before = meter.sample();
        }
        let began_unix = clock::unix();
        let names: Vec<_> = plan.units.iter().map(|unit| unit.name.clone()).collect();
        let totals = collect(&seconds, plan, &names, observer);
        let after = meter.sample();
        let ended =
            threads.into_iter().map(|t| t.join().unwrap_or_else(|_| Err("a thread panicked".to_string())));
        let ended = first_failure(ended.collect(), &failure)?;
        let last = ended.iter().map(|e| e.last).max().unwrap_or(budget.begins);
        let ledgers = ended.into_iter().flat_map(|e| e.ledgers).collect();
        Ok(Measured {
            title: plan.title.clone(),
            names,
            totals,
            elapsed_ns: last.saturating_sub(budget.begins).max(1),
            began_unix,
            cost: meter.cost(&before, &after),
            io,
            verified: if plan.verify { Some(judge(ledgers, plan)?) } else { None },
        })
    })
}

/// All results, or the failure that came first: the others only follow from it.
fn first_failure(
    ended: Vec<Result<Ended, String>>,
    failure: &Mutex<Option<String>>,
) -> Result<Vec<Ended>, String> {
    if let Some(why) = failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
        return Err(why);
    }
    ended.into_iter().collect()
}

/// One thread.
fn work(
    plan: &Plan,
    io: IoKind,
    thread: usize,
    start: &Start<'_>,
    out: Sender<Interval>,
) -> Result<Ended, String> {
    settle(plan, thread);
    if io == IoKind::Uring {
        let net = Uring::new(plan.clients.div_ceil(plan.threads)).map_err(|e| {
            format!("io_uring cannot be used here ({e}): it needs Linux 6.1, and to be allowed")
        });
        work_on(net, plan, thread, start, out)
    } else {
        work_on(Epoll::new().map_err(|e| format!("epoll: {e}")), plan, thread, start, out)
    }
}

/// Where the thread runs, and how exactly it is woken.
fn settle(plan: &Plan, thread: usize) {
    if let Some(&cpu) = plan.cpus.get(thread % plan.cpus.len().max(1)) {
        let mut set = CpuSet::new();
        set.set(cpu);
        if let Err(error) = sched_setaffinity(None, &set) {
            eprintln!("percore-bench: CPU {cpu}: {error}");
        }
    }
    if plan.rate.is_some() {
        // What is due in 10 us should not be sent in 60. Without it the load is a little late, and counts it.
        let _ = rustix::thread::set_current_timer_slack(std::num::NonZero::new(1));
    }
}

fn work_on(
    net: Result<impl Net, String>,
    plan: &Plan,
    thread: usize,
    start: &Start<'_>,
    out: Sender<Interval>,
) -> Result<Ended, String> {
    let numbers: Vec<_> = (thread..plan.clients).step_by(plan.threads).collect();
    let opened = net.and_then(|mut net| worker::open(&mut net, plan, &numbers).map(|()| net));
    let note = |why: &String| {
        start.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(why.clone());
    };
    opened.as_ref().err().inspect(|why| note(why));
    start.connected.wait();
    start.begun.wait();
    let net = opened?;
    let failed = start.failure.lock().unwrap_or_else(PoisonError::into_inner).is_some();
    let Some(budget) = start.budget.get().filter(|_| !failed) else {
        return Err("another thread could not connect".to_string());
    };
    let conns = numbers.iter().map(|&number| (number, worker::node(plan, number)));
    let driver = Driver::new(plan, budget, thread, conns, out);
    let result = worker::run(driver, net, plan, budget);
    result.inspect_err(|why| {
        note(why);
        budget.stop();
    })
}

/// Adds up the threads' intervals until all are gone.
fn collect(
    seconds: &Receiver<Interval>,
    plan: &Plan,
    names: &[String],
    observer: &mut dyn Observer,
) -> Totals {
    let mut totals = Totals::new(plan.units.len());
    let mut open: BTreeMap<usize, (Second, usize)> = BTreeMap::new();
    let mut close = |open: &mut BTreeMap<usize, (Second, usize)>, all: bool| {
        while let Some(first) = open.first_entry().filter(|e| all || e.get().1 == plan.threads) {
            let (number, (second, _)) = first.remove_entry();
            observer.second(number, names, &second);
            totals.push(&second);
        }
    };
    while let Ok(interval) = seconds.recv() {
        if let Some(number) = interval.second {
            let (second, count) = open.entry(number).or_default();
            second.add(&interval);
            *count += 1;
            close(&mut open, false);
        }
    }
    close(&mut open, true);
    totals
}

/// Reads all keys again, and says what was wrong during the run and after it.
fn judge(ledgers: Vec<Ledger>, plan: &Plan) -> Result<Verified, String> {
    let mut verified = Verified::default();
    let mut control = Control::open(&plan.nodes[0].address, &plan.greeting)?;
    for mut ledger in ledgers {
        ledger.sweep(&mut control, |number| plan.key(number))?;
        verified.checked += ledger.checked;
        verified.offences_count += ledger.offences_count;
        verified.offences.append(&mut ledger.offences);
    }
    verified.offences.sort_by_key(|offence| offence.key);
    verified.offences.truncate(crate::verify::OFFENCES_MAX);
    Ok(verified)
}
