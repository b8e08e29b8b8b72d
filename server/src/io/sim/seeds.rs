//! Properties over many seeds.
//!
//! `PERCORE_SEEDS=1000 cargo test …` tries more seeds than the test asks for by itself;
//! `PERCORE_SEED=17 cargo test …` runs one seed again, the one a failure has named.

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
