//! Limits on clients and their buffers.

use crate::config::row::*;

pub const ROWS: &[Directive] = &[
    int(
        "maxclients",
        1,
        u32::MAX as i64,
        "10000",
        "Clients that may be connected at once. Lowered at start if the limit on open files does not allow it.",
    ),
    other(
        "client-output-buffer-limit",
        Kind::OutputLimits,
        "normal 0 0 0 replica 256mb 64mb 60 pubsub 32mb 8mb 60",
        "Bytes of unsent replies at which a client is disconnected: class, at once, or (soft) for so many seconds. 0 sets no limit.",
    ),
    memory(
        "client-query-buffer-limit",
        1 << 20,
        LONG_MAX,
        "1gb",
        "Bytes of one unfinished request at which a client is disconnected.",
    ),
    memory("proto-max-bulk-len", 1 << 20, LONG_MAX, "512mb", "Longest string in a request, in bytes."),
    other(
        "maxmemory-clients",
        Kind::MemoryOrPercent { max_percent: 100 },
        "0",
        "Memory of all clients together above which the largest are disconnected; bytes, or a percentage of maxmemory. 0 sets no limit.",
    )
    .no_effect("clients are not evicted yet"),
    int(
        "tracking-table-max-keys",
        0,
        i64::MAX,
        "1000000",
        "Keys remembered for client-side caching. 0 sets no limit.",
    )
    .no_effect("client-side caching is not built yet"),
];
