//! The memory limit, eviction, and how memory is given back.

use crate::config::choices::*;
use crate::config::row::*;

const NO_DEFRAG: &str = "memory is not defragmented by moving keys";

pub const ROWS: &[Directive] = &[
    memory(
        "maxmemory",
        0,
        u64::MAX,
        "0",
        "Memory above which keys are evicted, or writes refused. 0 sets no limit.",
    ),
    choice(
        "maxmemory-policy",
        EVICTION_POLICIES,
        "noeviction",
        "Which keys are evicted: least recently used (lru), least frequently used (lfu), random or nearest to expiry (ttl), of all keys or of the volatile ones (with an expiry); noeviction refuses writes.",
    ),
    int(
        "maxmemory-samples",
        1,
        INT_MAX,
        "5",
        "Keys looked at to find one to evict. More is nearer the truth and slower.",
    ),
    int(
        "maxmemory-eviction-tenacity",
        0,
        100,
        "10",
        "How much time eviction may take from clients: 0 next to none, 100 as much as it needs.",
    ),
    int("lfu-log-factor", 0, INT_MAX, "10", "How slowly the counter of uses saturates."),
    int(
        "lfu-decay-time",
        0,
        INT_MAX,
        "1",
        "Minutes after which the counter of uses is lowered. 0 lowers it at each look.",
    ),
    yes_no("activedefrag", "no", "Defragment memory in the background.").no_effect(NO_DEFRAG),
    memory("active-defrag-ignore-bytes", 1, LONG_MAX, "100mb", "Waste below which nothing is defragmented.")
        .no_effect(NO_DEFRAG),
    int("active-defrag-threshold-lower", 0, 1000, "10", "Percentage of waste at which it starts.")
        .no_effect(NO_DEFRAG),
    int("active-defrag-threshold-upper", 0, 1000, "100", "Percentage of waste at which it works hardest.")
        .no_effect(NO_DEFRAG),
    int("active-defrag-cycle-min", 1, 99, "1", "Least share of a CPU for it, in percent.")
        .no_effect(NO_DEFRAG),
    int("active-defrag-cycle-max", 1, 99, "25", "Largest share of a CPU for it, in percent.")
        .no_effect(NO_DEFRAG),
    int(
        "active-defrag-max-scan-fields",
        1,
        i64::MAX,
        "1000",
        "Elements above which a value is put off to a later step.",
    )
    .no_effect(NO_DEFRAG),
    yes_no("jemalloc-bg-thread", "yes", "Let the allocator free memory in a thread of its own.")
        .no_effect("the allocator is not configured at run time"),
    yes_no("disable-thp", "yes", "Turn transparent huge pages off for this process.").fixed(),
    yes_no("activerehashing", "yes", "Spend time of each turn on growing the main table.")
        .no_effect("the table grows a segment at a time and never rehashes as a whole"),
];

pub const FREEING: &[Directive] = &[
    yes_no("lazyfree-lazy-eviction", "no", "Free evicted values in slices, in the background."),
    yes_no("lazyfree-lazy-expire", "no", "Free expired values in slices, in the background."),
    yes_no("lazyfree-lazy-server-del", "no", "Free overwritten values in slices, in the background."),
    yes_no("lazyfree-lazy-user-del", "no", "Let DEL free in the background, as UNLINK does."),
    yes_no(
        "lazyfree-lazy-user-flush",
        "no",
        "Let FLUSHALL and FLUSHDB free in the background unless told SYNC.",
    ),
    int("active-expire-effort", 1, 10, "1", "How hard each core looks for expired keys, from 1 to 10."),
];
