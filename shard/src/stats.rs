//! What a shard counts, for INFO. The server adds the shards up.

/// Counters since the start or the last CONFIG RESETSTAT.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Stats {
    pub keyspace_hits: u64,
    pub keyspace_misses: u64,
    /// Keys deleted because their time was over, met or found.
    pub expired_keys: u64,
    /// Fields of hashes deleted because their time was over, met or found.
    pub expired_fields: u64,
    /// Running estimate of the share of keys with an expiry that are dead but not reaped, 0 to 100.
    pub expired_stale_percent: f64,
    /// How often a slice of active expiry ended at its budget with more to find.
    pub expired_budget_reached: u64,
    pub evicted_keys: u64,
    /// Entries and values that were freed in slices.
    pub lazyfreed_objects: u64,
}
