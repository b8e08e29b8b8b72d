//! The probe: PING and GET in turn at a fixed rate, and the figures of each phase of the load beside it.

use crate::Options;
use crate::conn::Conn;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Microseconds that were measured in one phase.
#[derive(Default)]
struct Samples {
    ping: Vec<u32>,
    get: Vec<u32>,
    /// The longest that the prober was woken late.
    late: u32,
    /// The most CPU time that a thread of the server took while one probe waited.
    ran: u32,
}

/// CPU microseconds of each thread of the server, by `/proc/<pid>/task/*/schedstat`.
fn cpu_micros(pid: u32) -> Vec<u64> {
    // Without `--pid` there is no such directory, and nothing to tell.
    let Ok(tasks) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let nanos = |task: std::fs::DirEntry| -> Option<u64> {
        std::fs::read_to_string(task.path().join("schedstat")).ok()?.split(' ').next()?.parse().ok()
    };
    tasks.filter_map(|task| Some(nanos(task.ok()?)? / 1000)).collect()
}

/// What the load is run beside.
pub struct Probe {
    samples: Mutex<Samples>,
    stop: AtomicBool,
}

/// Ends the probe with the load, also when that panics: a scope waits for its threads.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Probe {
    /// Runs `load` beside a probe, with a connection to an emptied server.
    pub fn beside(options: &Options, load: impl FnOnce(&Self, &mut Conn)) {
        let probe = Self { samples: Mutex::default(), stop: AtomicBool::new(false) };
        println!(
            "microseconds          PING: p50    p99  p99.9   worst | GET: p50    p99  p99.9   worst | server ran | woken late"
        );
        std::thread::scope(|scope| {
            scope.spawn(|| probe.run(options));
            let _stop = StopOnDrop(&probe.stop);
            let mut conn = Conn::open(options.port);
            conn.call("FLUSHALL");
            load(&probe, &mut conn);
        });
    }

    /// Probes until told to stop. Each latency is from the write to the reply; a wake that came
    /// late is counted by itself, and ticks that passed meanwhile are not made up for.
    fn run(&self, options: &Options) {
        let mut conns = [Conn::open(options.port), Conn::open(options.port)];
        let step = Duration::from_secs(1) / options.hz;
        let mut due = Instant::now();
        for n in 0_u64.. {
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let late = due.elapsed();
            let before = cpu_micros(options.pid);
            let start = Instant::now();
            if n % 2 == 0 {
                conns[0].call("PING");
            } else {
                // A stride coprime to any key count asked for in practice: all shards in turn.
                conns[1].call(&format!("GET key:{}", n.wrapping_mul(7_919) % options.keys.max(1)));
            }
            let took = start.elapsed().as_micros() as u32;
            let ran = cpu_micros(options.pid).iter().zip(before).map(|(after, before)| after - before).max();
            let mut all = self.samples.lock().expect("nobody panics with the lock");
            if n % 2 == 0 {
                all.ping.push(took)
            } else {
                all.get.push(took)
            }
            all.late = all.late.max(late.as_micros() as u32);
            all.ran = all.ran.max(ran.unwrap_or(0) as u32);
            drop(all);
            due = (due + step).max(Instant::now());
        }
    }

    fn take(&self) -> Samples {
        std::mem::take(&mut *self.samples.lock().expect("nobody panics with the lock"))
    }

    /// Does some work, prints what was measured beside it, and says how long it took.
    pub fn phase(&self, name: &str, work: impl FnOnce()) -> Duration {
        drop(self.take());
        let start = Instant::now();
        work();
        let took = start.elapsed();
        let samples = self.take();
        let (ping, get) = (figures(samples.ping), figures(samples.get));
        println!("{name:<21} {ping} | {get} | {:>10} | {:>10}   ({took:.1?})", samples.ran, samples.late);
        took
    }
}

fn figures(mut samples: Vec<u32>) -> String {
    samples.sort_unstable();
    let at =
        |q: f64| samples.get((samples.len() as f64 * q) as usize).or(samples.last()).copied().unwrap_or(0);
    format!("{:>6} {:>6} {:>6} {:>7}", at(0.5), at(0.99), at(0.999), samples.last().copied().unwrap_or(0))
}
