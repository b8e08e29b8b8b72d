//! What one core says of itself when INFO or MEMORY asks: the figures that no other thread can read.

use crate::admin::latency_command::{Merged, merge_own};
use crate::allocator;
use crate::core::state::CoreState;
use crate::usage::{CpuTime, Whose, cpu_time};
use parking_lot::Mutex;
use proto::command::ALL_COMMANDS;

/// One database's part on one core.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DbReport {
    pub keys: u64,
    pub expires: u64,
    /// Mean time to live of the keys with an expiry, in milliseconds.
    pub average_ttl_ms: u64,
    /// Hashes with fields that have an expiry.
    pub field_expires: u64,
    /// Bytes of the table, without its entries.
    pub table_bytes: u64,
}

/// One core's figures.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct CoreReport {
    pub core: usize,
    /// By the number of the database.
    pub dbs: Vec<DbReport>,
    pub shard: shard::Stats,
    /// Objects that wait to be freed.
    pub garbage: u64,
    /// Bytes that this core's thread has allocated and not freed.
    pub allocated: u64,
    pub cpu: CpuTime,
}

impl CoreReport {
    /// Of the calling core.
    #[must_use]
    pub fn of(core: &CoreState) -> Self {
        let db = |db: &shard::Db| DbReport {
            keys: db.len() as u64,
            expires: db.expires_len() as u64,
            average_ttl_ms: u64::try_from(db.average_ttl_ms()).unwrap_or(0),
            field_expires: db.field_expires_len() as u64,
            table_bytes: db.memory() as u64,
        };
        Self {
            core: core.index,
            dbs: core.shard.dbs.iter().map(db).collect(),
            shard: core.shard.stats,
            garbage: core.shard.garbage_objects() as u64,
            allocated: allocator::used_by_this_thread(),
            cpu: cpu_time(Whose::Thread),
        }
    }
}

/// Where the cores put their answers.
#[derive(Default)]
pub struct Reports {
    /// In the order in which they answered.
    pub cores: Mutex<Vec<CoreReport>>,
    pub histograms: Mutex<Merged>,
}

impl Reports {
    /// Adds the calling core's, and brings what it publishes up to date.
    pub fn add(&self, core: &mut CoreState, with_histograms: bool) {
        core.publish();
        self.cores.lock().push(CoreReport::of(core));
        if with_histograms {
            merge_own(core, ALL_COMMANDS, &self.histograms);
        }
    }
}

/// A database over all cores.
#[must_use]
pub fn database(cores: &[CoreReport], index: usize) -> DbReport {
    let mut all = DbReport::default();
    let mut ttl_ms_sum = 0u128;
    for db in cores.iter().filter_map(|c| c.dbs.get(index)) {
        all.keys += db.keys;
        all.expires += db.expires;
        all.field_expires += db.field_expires;
        all.table_bytes += db.table_bytes;
        ttl_ms_sum += u128::from(db.average_ttl_ms) * u128::from(db.expires);
    }
    all.average_ttl_ms = (ttl_ms_sum / u128::from(all.expires.max(1))) as u64;
    all
}

/// The databases over all cores, with their numbers.
pub fn databases(cores: &[CoreReport]) -> impl Iterator<Item = (usize, DbReport)> + '_ {
    let count = cores.iter().map(|c| c.dbs.len()).max().unwrap_or(0);
    (0..count).map(|i| (i, database(cores, i)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_database_add_up() {
        let part = |keys, expires, average_ttl_ms| DbReport {
            keys,
            expires,
            average_ttl_ms,
            field_expires: expires,
            table_bytes: 10,
        };
        let core = |dbs: Vec<DbReport>| CoreReport { dbs, ..CoreReport::default() };
        let cores =
            [core(vec![part(5, 1, 1000), part(0, 0, 0)]), core(vec![part(7, 3, 2000), part(1, 0, 0)])];
        assert_eq!(database(&cores, 0), DbReport { table_bytes: 20, ..part(12, 4, 1750) });
        assert_eq!(databases(&cores).map(|(_, d)| d.keys).collect::<Vec<_>>(), [12, 1]);
    }
}
