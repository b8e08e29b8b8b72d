//! What Redis has no directive for: how the server is laid over the machine's cores, and limits that it lacks.

use crate::config::choices::IO_BACKENDS;
use crate::config::row::*;
use crate::config::{check, units};

pub const ROWS: &[Directive] = &[
    int(
        "shards",
        0,
        units::CPU_MAX as i64 + 1,
        "0",
        "Shards of the keyspace, each with a thread of its own. 0 takes one per CPU of the affinity mask (or of 'cpus').",
    )
    .fixed()
    .own(),
    other(
        "cpus",
        Kind::Text { empty_is_unset: true, check: check::cpu_list },
        "",
        "CPUs to pin the shards to, as taskset -c takes them: 2-5,7. Empty takes the affinity mask that the server was started with.",
    )
    .fixed()
    .own(),
    choice(
        "io",
        IO_BACKENDS,
        "auto",
        "Backend for network and files. auto takes io_uring, and epoll where the kernel or a container forbids io_uring.",
    )
    .fixed()
    .own(),
    memory(
        "client-subscriptions-limit",
        0,
        LONG_MAX,
        "512mb",
        "Bytes that the channels and patterns one client has subscribed to may take. 0 sets no limit.",
    )
    .own(),
];
