//! Where memory goes: the figures behind INFO memory, MEMORY STATS and MEMORY DOCTOR.
//!
//! `used_memory` is the sum of the allocator's blocks ([`crate::allocator`]); resident memory is the
//! kernel's count. *Overhead* is what was used at the start, what clients' buffers hold, and the tables'
//! own segments; what is left of `used_memory` is data. Between the two views stand, as in Redis:
//!
//! ```text
//!   used_memory      bytes in blocks that are allocated           "allocated"
//!   active           pages that the allocator holds for blocks    jemalloc's active pages
//!   resident         of these, what is in physical memory         anonymous pages of the process
//!   used_memory_rss  all physical memory of the process           with the program's own code
//! ```

use super::View;
use super::report::{CoreReport, DbReport, databases};
use super::text::{Text, human, ratio};
use crate::allocator;
use crate::shared::Shared;
use crate::usage;
use std::sync::atomic::Ordering;

/// All in bytes, but for `keys` and `clients`.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Figures {
    pub used: u64,
    pub peak: u64,
    pub startup: u64,
    pub rss: u64,
    pub resident: u64,
    pub active: u64,
    pub system: u64,
    pub client_buffers: u64,
    pub clients: u64,
    pub keys: u64,
    /// Databases that hold keys.
    pub dbs: Vec<(usize, DbReport)>,
    /// Objects, not bytes.
    pub garbage: u64,
    pub freed_lazily: u64,
}

impl Figures {
    #[must_use]
    pub fn gather(shared: &Shared, cores: &[CoreReport]) -> Self {
        let (used, resident) = (allocator::used(), usage::resident());
        let peak = shared.memory.peak.fetch_max(used, Ordering::Relaxed).max(used);
        let dbs: Vec<_> = databases(cores).filter(|(_, db)| db.keys > 0).collect();
        Self {
            used,
            peak,
            startup: shared.memory.startup.load(Ordering::Relaxed),
            rss: resident.total,
            resident: resident.anonymous,
            active: allocator::active().max(used),
            system: usage::system_memory(),
            client_buffers: shared.sum(|s| &s.client_memory),
            clients: shared.clients_total() as u64,
            keys: dbs.iter().map(|(_, db)| db.keys).sum(),
            dbs,
            garbage: cores.iter().map(|c| c.garbage).sum(),
            freed_lazily: cores.iter().map(|c| c.shard.lazyfreed_objects).sum(),
        }
    }

    fn tables(&self) -> u64 {
        self.dbs.iter().map(|(_, db)| db.table_bytes).sum()
    }

    /// Bytes that are not data.
    #[must_use]
    pub fn overhead(&self) -> u64 {
        self.startup + self.client_buffers + self.tables()
    }

    #[must_use]
    pub fn dataset(&self) -> u64 {
        self.used.saturating_sub(self.overhead())
    }

    /// Of what was added since the start.
    #[must_use]
    pub fn dataset_percent(&self) -> f64 {
        100.0 * ratio(self.dataset(), self.used.saturating_sub(self.startup).max(1))
    }

    #[must_use]
    pub fn peak_percent(&self) -> f64 {
        100.0 * ratio(self.used, self.peak)
    }

    /// Pages held against blocks used; resident against held; all resident against the allocator's;
    /// and the whole way: the ratio and the difference in bytes of each.
    #[must_use]
    pub fn fragmentation(&self) -> [(f64, i64); 4] {
        let step = |larger: u64, smaller: u64| (ratio(larger, smaller), larger as i64 - smaller as i64);
        [
            step(self.active, self.used),
            step(self.resident, self.active),
            step(self.rss, self.resident),
            step(self.rss, self.used),
        ]
    }
}

/// INFO memory.
pub(super) fn write(f: &Figures, view: &View<'_>, out: &mut Text) {
    out.bytes("used_memory", f.used);
    out.bytes("used_memory_rss", f.rss);
    out.bytes("used_memory_peak", f.peak);
    out.field("used_memory_peak_perc", format_args!("{:.2}%", f.peak_percent()));
    out.field("used_memory_overhead", f.overhead());
    out.field("used_memory_startup", f.startup);
    out.field("used_memory_dataset", f.dataset());
    out.field("used_memory_dataset_perc", format_args!("{:.2}%", f.dataset_percent()));
    out.field("allocator_allocated", f.used);
    out.field("allocator_active", f.active);
    out.field("allocator_resident", f.resident);
    out.bytes("total_system_memory", f.system);
    scripts(out);
    out.bytes("maxmemory", view.settings.maxmemory);
    out.field("maxmemory_policy", view.settings.maxmemory_policy.word());
    let names = [
        ["allocator_frag_ratio", "allocator_frag_bytes"],
        ["allocator_rss_ratio", "allocator_rss_bytes"],
        ["rss_overhead_ratio", "rss_overhead_bytes"],
        ["mem_fragmentation_ratio", "mem_fragmentation_bytes"],
    ];
    for ([ratio_name, bytes_name], (ratio, bytes)) in names.into_iter().zip(f.fragmentation()) {
        out.field(ratio_name, format_args!("{ratio:.2}"));
        out.field(bytes_name, bytes);
    }
    out.zeros(&[
        "mem_not_counted_for_evict",
        "mem_replication_backlog",
        "mem_total_replication_buffers",
        "mem_clients_slaves",
    ]);
    out.field("mem_clients_normal", f.client_buffers);
    out.zeros(&["mem_cluster_links", "mem_aof_buffer"]);
    out.field("mem_allocator", allocator::name());
    out.field("active_defrag_running", 0);
    out.field("lazyfree_pending_objects", f.garbage);
    out.field("lazyfreed_objects", f.freed_lazily);
}

/// There are no scripts yet.
fn scripts(out: &mut Text) {
    out.zeros(&["used_memory_lua", "used_memory_vm_eval"]);
    out.field("used_memory_lua_human", human(0));
    out.zeros(&["used_memory_scripts_eval", "number_of_cached_scripts", "number_of_functions"]);
    out.zeros(&["number_of_libraries", "used_memory_vm_functions"]);
    out.bytes("used_memory_vm_total", 0);
    out.field("used_memory_functions", 0);
    out.bytes("used_memory_scripts", 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_overhead_is_data() {
        let db = DbReport { keys: 10, expires: 0, average_ttl_ms: 0, field_expires: 0, table_bytes: 300 };
        let f = Figures {
            used: 2000,
            peak: 4000,
            startup: 500,
            client_buffers: 200,
            dbs: vec![(0, db)],
            ..Figures::default()
        };
        assert_eq!((f.overhead(), f.dataset()), (1000, 1000));
        assert_eq!(f.peak_percent(), 50.0);
        assert!((f.dataset_percent() - 66.67).abs() < 0.01);
        let little = Figures { used: 400, startup: 500, ..Figures::default() };
        assert_eq!((little.dataset(), little.dataset_percent()), (0, 0.0));
    }

    #[test]
    fn fragmentation_has_three_steps_and_a_sum() {
        let f = Figures { used: 100, active: 150, resident: 120, rss: 180, ..Figures::default() };
        assert_eq!(f.fragmentation(), [(1.5, 50), (0.8, -30), (1.5, 60), (1.8, 80)]);
        assert_eq!(Figures::default().fragmentation(), [(0.0, 0); 4]);
    }
}
