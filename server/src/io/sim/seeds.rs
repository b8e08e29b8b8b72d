//! Properties over many seeds.
//!
//! `PERCORE_SEEDS=1000 cargo test …` tries more seeds than the test asks for by itself;
//! `PERCORE_SEED=17 cargo test …` runs one seed again, the one a failure has named.

use std::sync::atomic::{AtomicU64, Ordering};

/// Runs `property` for the seeds 0 to `n - 1`, or as the environment says. A panic inside names
/// its seed and how to run it again.
pub fn for_seeds(n: u64, mut property: impl FnMut(u64)) {
    if let Some(seed) = number("PERCORE_SEED") {
        let _name_it = Failing(seed);
        return property(seed);
    }
    for seed in 0..number("PERCORE_SEEDS").unwrap_or(n) {
        let _name_it = Failing(seed);
        property(seed);
    }
}

/// The same on all CPUs, for runs of their own that return what is wrong. The first seeds that fail are printed with the
/// command that runs them again; `test` is the name of the test that asks. Long runs tell how far they are.
///
/// # Panics
/// When a seed has failed.
pub fn for_seeds_on_all_cpus(n: u64, test: &str, property: impl Fn(u64) -> Result<(), String> + Sync) {
    let one = number("PERCORE_SEED");
    let seeds = one.map_or(0..number("PERCORE_SEEDS").unwrap_or(n), |seed| seed..seed + 1);
    let total = seeds.end - seeds.start;
    let (next, failed) = (AtomicU64::new(seeds.start), AtomicU64::new(0));
    let began = std::time::Instant::now();
    let work = || {
        while failed.load(Ordering::Relaxed) < FAILURES_MAX {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return;
            }
            if let Err(why) = caught(|| property(seed)) {
                failed.fetch_add(1, Ordering::Relaxed);
                eprintln!(
                    "{why}
run it again: PERCORE_SEED={seed} cargo test -p percore-server --lib {test}"
                );
            }
            if (seed + 1).is_multiple_of(1000) && total > 1000 {
                let (done, seconds) = (seed + 1, began.elapsed().as_secs_f64());
                eprintln!("{done} of {total} seeds, {:.1} a second", done as f64 / seconds);
            }
        }
    };
    let cpus = std::thread::available_parallelism().map_or(1, usize::from).min(total as usize).max(1);
    std::thread::scope(|s| (0..cpus).for_each(|_| drop(s.spawn(work))));
    let failed = failed.into_inner();
    assert!(failed == 0, "{failed} seeds have failed");
    eprintln!("{total} seeds passed in {:.1} s", began.elapsed().as_secs_f64());
}

/// Enough to see what they have in common.
const FAILURES_MAX: u64 = 5;

/// A panic is a failure too; its message has been printed.
fn caught(run: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(run))
        .unwrap_or_else(|_| Err("the run panicked".to_owned()))
}

/// Speaks only when it is dropped by a panic.
struct Failing(u64);

impl Drop for Failing {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("seed {0} fails; run it again with PERCORE_SEED={0}", self.0);
        }
    }
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    let number = text.trim().parse();
    Some(number.unwrap_or_else(|_| panic!("{variable} is not a number: {text:?}")))
}
