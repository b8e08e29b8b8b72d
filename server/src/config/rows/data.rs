//! When a value changes its encoding, and what is told about changes.

use crate::config::row::*;

pub const ROWS: &[Directive] = &[
    int("hash-max-listpack-entries", 0, i64::MAX, "512", "Fields up to which a hash is kept compact.")
        .alias(&["hash-max-ziplist-entries"]),
    memory(
        "hash-max-listpack-value",
        0,
        LONG_MAX,
        "64",
        "Longest field or value of a compact hash, in bytes.",
    )
    .alias(&["hash-max-ziplist-value"]),
    int(
        "list-max-listpack-size",
        i32::MIN as i64,
        INT_MAX,
        "-2",
        "Size of a list's nodes: -1 to -5 for 4, 8, 16, 32, 64 KiB, or a positive number of elements.",
    )
    .alias(&["list-max-ziplist-size"]),
    int(
        "list-compress-depth",
        0,
        INT_MAX,
        "0",
        "Nodes at each end of a list that are not compressed. 0 compresses none.",
    ),
    int(
        "set-max-intset-entries",
        0,
        i64::MAX,
        "512",
        "Elements up to which a set of integers is kept compact.",
    ),
    int("set-max-listpack-entries", 0, i64::MAX, "128", "Elements up to which a set is kept compact."),
    int("set-max-listpack-value", 0, i64::MAX, "64", "Longest element of a compact set, in bytes."),
    int(
        "zset-max-listpack-entries",
        0,
        i64::MAX,
        "128",
        "Elements up to which a sorted set is kept compact.",
    )
    .alias(&["zset-max-ziplist-entries"]),
    memory(
        "zset-max-listpack-value",
        0,
        LONG_MAX,
        "64",
        "Longest element of a compact sorted set, in bytes.",
    )
    .alias(&["zset-max-ziplist-value"]),
    memory("hll-sparse-max-bytes", 0, LONG_MAX, "3000", "Bytes up to which a HyperLogLog is kept sparse."),
    memory("stream-node-max-bytes", 0, LONG_MAX, "4096", "Bytes of a stream's node. 0 sets no limit."),
    int("stream-node-max-entries", 0, i64::MAX, "100", "Entries of a stream's node. 0 sets no limit."),
    other(
        "notify-keyspace-events",
        Kind::NotifyEvents,
        "",
        "Events published about keys: K and E choose the channels, g $ l s h z x e t d the classes, A all of these, m misses, n new keys.",
    ),
    int(
        "busy-reply-threshold",
        0,
        i64::MAX,
        "5000",
        "Milliseconds after which a script that still runs makes other clients get BUSY. 0 never does.",
    )
    .alias(&["lua-time-limit"])
    .no_effect("scripts are not built yet"),
];
