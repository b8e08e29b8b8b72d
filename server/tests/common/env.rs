//! The environment variables that steer a test run, read in one place. Each is named in the
//! README; `tidy.rs` checks that.

use std::time::Duration;

/// The binary under test; Cargo's own build of `percore-server` unless this names another.
pub const SERVER_BIN: &str = "PERCORE_SERVER_BIN";
/// Arguments for every server under test, `{shards}` being replaced by the number a test asks
/// for. `--shards {shards}` when not set. Empty lets redis-server stand in for Percore;
/// `--shards {shards} --io epoll` runs the same tests on the other backend.
pub const SERVER_ARGS: &str = "PERCORE_SERVER_ARGS";
/// `1`: a test whose peer (redis-server, redis-cli …) is missing fails instead of being skipped.
pub const REQUIRE_PEERS: &str = "PERCORE_REQUIRE_PEERS";
/// Commands in each stream of the differential test.
pub const DIFF_COMMANDS: &str = "PERCORE_DIFF_COMMANDS";
/// The seed of every seeded test; decimal.
pub const SEED: &str = "PERCORE_SEED";
/// Mutated frames that `robustness.rs` sends.
pub const FRAMES: &str = "PERCORE_FRAMES";
/// Idle connections that `robustness.rs` holds.
pub const CONNECTIONS: &str = "PERCORE_CONNECTIONS";
/// Milliseconds that each of the concurrent tests of `ordered_pipelines.rs` runs.
pub const RUN_MS: &str = "PERCORE_RUN_MS";

/// Snapshots in a row that `snapshots.rs` takes under transfers.
pub const SNAPSHOTS: &str = "PERCORE_SNAPSHOTS";

/// A number from the environment, or `default`. Panics on what is not a number: a misspelt
/// setting must not quietly test less.
pub fn number(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")),
        Err(_) => default,
    }
}

pub fn require_peers() -> bool {
    std::env::var(REQUIRE_PEERS).is_ok_and(|v| v == "1")
}

/// How long a test of concurrent clients runs.
pub fn run_time() -> Duration {
    Duration::from_millis(number(RUN_MS, 2000))
}

/// The seed of this run: the one given, or a fixed one, so that two runs test the same.
pub fn seed() -> u64 {
    number(SEED, 20_240_229)
}

/// The path of the server under test.
pub fn server_bin() -> String {
    std::env::var(SERVER_BIN).unwrap_or_else(|_| env!("CARGO_BIN_EXE_percore-server").to_string())
}

/// The arguments that every server under test gets, for this many shards.
pub fn server_args(shards: usize) -> Vec<String> {
    let template = std::env::var(SERVER_ARGS).unwrap_or_else(|_| "--shards {shards}".to_string());
    template.split_whitespace().map(|a| a.replace("{shards}", &shards.to_string())).collect()
}

/// False when another server stands in for Percore, so that what only Percore has is not asked of it.
pub fn is_percore() -> bool {
    std::env::var(SERVER_ARGS).map_or(true, |a| a.contains("{shards}"))
}
