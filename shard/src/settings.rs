//! The directives that a shard's commands look at, as plain values. The server keeps them equal on all
//! shards: CONFIG SET sends every shard a new copy.
//!
//! The `lazyfree-lazy-*` directives are not among them: what takes long to free is always freed in
//! slices (see [`crate::garbage`]), so that they could only ever mean "yes".

/// `maxmemory-policy`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum MaxmemoryPolicy {
    #[default]
    Noeviction,
    AllkeysLru,
    AllkeysLfu,
    AllkeysRandom,
    VolatileLru,
    VolatileLfu,
    VolatileRandom,
    VolatileTtl,
}

impl MaxmemoryPolicy {
    const NAMES: [(Self, &str); 8] = [
        (Self::Noeviction, "noeviction"),
        (Self::AllkeysLru, "allkeys-lru"),
        (Self::AllkeysLfu, "allkeys-lfu"),
        (Self::AllkeysRandom, "allkeys-random"),
        (Self::VolatileLru, "volatile-lru"),
        (Self::VolatileLfu, "volatile-lfu"),
        (Self::VolatileRandom, "volatile-random"),
        (Self::VolatileTtl, "volatile-ttl"),
    ];

    /// The policy with this name in redis.conf; case does not matter.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, known)| known.eq_ignore_ascii_case(name)).map(|&(policy, _)| policy)
    }

    /// Whether entries count accesses instead of remembering the last one.
    #[inline]
    #[must_use]
    pub fn is_lfu(self) -> bool {
        matches!(self, Self::AllkeysLfu | Self::VolatileLfu)
    }

    #[must_use]
    pub fn is_lru(self) -> bool {
        matches!(self, Self::AllkeysLru | Self::VolatileLru)
    }
}

/// When a collection leaves its packed form; `usize` counts are of elements, or of bytes where it says so.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Thresholds {
    pub hash_max_listpack_entries: usize,
    /// Bytes of a field or value.
    pub hash_max_listpack_value: usize,
    /// Positive: elements of a list's node. -1 to -5: 4, 8, 16, 32, 64 KiB.
    pub list_max_listpack_size: i32,
    /// Nodes at each end that are not compressed; 0 compresses none.
    pub list_compress_depth: usize,
    pub set_max_intset_entries: usize,
    pub set_max_listpack_entries: usize,
    /// Bytes of an element.
    pub set_max_listpack_value: usize,
    pub zset_max_listpack_entries: usize,
    /// Bytes of an element.
    pub zset_max_listpack_value: usize,
    /// Bytes.
    pub hll_sparse_max_bytes: usize,
    /// Bytes of a stream's node; 0 sets no limit.
    pub stream_node_max_bytes: usize,
    /// Entries of a stream's node; 0 sets no limit.
    pub stream_node_max_entries: usize,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            hash_max_listpack_entries: 512,
            hash_max_listpack_value: 64,
            list_max_listpack_size: -2,
            list_compress_depth: 0,
            set_max_intset_entries: 512,
            set_max_listpack_entries: 128,
            set_max_listpack_value: 64,
            zset_max_listpack_entries: 128,
            zset_max_listpack_value: 64,
            hll_sparse_max_bytes: 3000,
            stream_node_max_bytes: 4096,
            stream_node_max_entries: 100,
        }
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    pub thresholds: Thresholds,
    /// DEBUG QUICKLIST-PACKED-THRESHOLD, in bytes: elements of lists that are kept apart; 0 is the default, the
    /// size of a node.
    pub list_packed_threshold: usize,
    /// `rdbcompression`: also of DUMP's payloads.
    pub rdb_compression: bool,
    /// DEBUG SET-SKIP-CHECKSUM-VALIDATION: RESTORE takes payloads with any checksum.
    pub any_checksum: bool,
    /// `maxmemory`, in bytes; 0 is "no limit".
    pub maxmemory: u64,
    pub maxmemory_policy: MaxmemoryPolicy,
    /// `lfu-log-factor`.
    pub lfu_log_factor: u32,
    /// `lfu-decay-time`, in minutes; 0 never decays.
    pub lfu_decay_minutes: u32,
    /// `proto-max-bulk-len`, in bytes: also the longest string value.
    pub bulk_len_max: u64,
    /// DEBUG SET-ACTIVE-EXPIRE: whether [`crate::Shard::expire_slice`] does anything.
    pub active_expire: bool,
    /// `active-expire-effort`, 1 to 10.
    pub active_expire_effort: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            thresholds: Thresholds::default(),
            list_packed_threshold: 0,
            rdb_compression: true,
            any_checksum: false,
            maxmemory: 0,
            maxmemory_policy: MaxmemoryPolicy::default(),
            lfu_log_factor: 10,
            lfu_decay_minutes: 1,
            bulk_len_max: 512 << 20,
            active_expire: true,
            active_expire_effort: 1,
        }
    }
}

impl Settings {
    /// Whether Redis would show small integers as shared objects (OBJECT REFCOUNT): it stops sharing
    /// them when eviction needs the access bits of each.
    #[must_use]
    pub fn shares_integers(&self) -> bool {
        self.maxmemory == 0 || !(self.maxmemory_policy.is_lru() || self.maxmemory_policy.is_lfu())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_have_the_names_of_redis() {
        assert_eq!(MaxmemoryPolicy::named("allkeys-LFU"), Some(MaxmemoryPolicy::AllkeysLfu));
        assert_eq!(MaxmemoryPolicy::named("lfu"), None);
    }
}
