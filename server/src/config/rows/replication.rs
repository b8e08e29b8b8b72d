//! Primary and replicas.

use crate::config::choices::*;
use crate::config::row::*;

pub const NOT_BUILT: &str = "replication is not built yet";

pub const ROWS: &[Directive] = &[
    other("replicaof", Kind::ReplicaOf, "", "Host and port of the primary to copy. 'no one' is a primary.")
        .alias(&["slaveof"])
        .fixed()
        .no_effect(NOT_BUILT),
    optional("masterauth", "Password to give to the primary.")
        .also(&["primaryauth"])
        .sensitive()
        .no_effect(NOT_BUILT),
    optional("masteruser", "User to log in as at the primary.")
        .also(&["primaryuser"])
        .sensitive()
        .no_effect(NOT_BUILT),
    yes_no("replica-serve-stale-data", "yes", "Answer from old data while the primary is unreachable.")
        .alias(&["slave-serve-stale-data"])
        .no_effect(NOT_BUILT),
    yes_no("replica-read-only", "yes", "Refuse writes on a replica.")
        .alias(&["slave-read-only"])
        .no_effect(NOT_BUILT),
    yes_no("repl-diskless-sync", "yes", "Send a snapshot to replicas without writing it to disk first.")
        .no_effect(NOT_BUILT),
    int("repl-diskless-sync-delay", 0, INT_MAX, "5", "Seconds to wait for more replicas before such a sending.")
        .no_effect(NOT_BUILT),
    int("repl-diskless-sync-max-replicas", 0, INT_MAX, "0", "Replicas at which to stop waiting. 0 waits the whole time.")
        .no_effect(NOT_BUILT),
    choice(
        "repl-diskless-load",
        DISKLESS_LOADS,
        "disabled",
        "Load a snapshot straight from the link: disabled, on-empty-db, or swapdb (the old data serves meanwhile).",
    )
    .not_while_loading()
    .no_effect(NOT_BUILT),
    int("repl-ping-replica-period", 1, INT_MAX, "10", "Seconds between pings to replicas.")
        .alias(&["repl-ping-slave-period"])
        .no_effect(NOT_BUILT),
    int("repl-timeout", 1, INT_MAX, "60", "Seconds of silence after which a replication link is given up.")
        .no_effect(NOT_BUILT),
    yes_no("repl-disable-tcp-nodelay", "no", "Save packets on the link, at the price of some delay.")
        .no_effect(NOT_BUILT),
    memory("repl-backlog-size", 1, LONG_MAX, "1mb", "Bytes of the stream kept for replicas that reconnect.")
        .no_effect(NOT_BUILT),
    int("repl-backlog-ttl", 0, i64::MAX, "3600", "Seconds without a replica after which the backlog is freed. 0 keeps it.")
        .no_effect(NOT_BUILT),
    int("replica-priority", 0, INT_MAX, "100", "Rank for Sentinel's choice of a new primary; lower is better, 0 is never.")
        .alias(&["slave-priority"])
        .no_effect(NOT_BUILT),
    yes_no("replica-announced", "yes", "Let Sentinel report this replica.").no_effect(NOT_BUILT),
    yes_no("replica-ignore-disk-write-errors", "no", "Go on as a replica when the disk fails.").no_effect(NOT_BUILT),
    yes_no("replica-ignore-maxmemory", "yes", "Leave eviction to the primary.")
        .alias(&["slave-ignore-maxmemory"])
        .no_effect(NOT_BUILT),
    yes_no("replica-lazy-flush", "no", "Free the old data in the background before a full resync.")
        .alias(&["slave-lazy-flush"])
        .no_effect(NOT_BUILT),
    int("min-replicas-to-write", 0, INT_MAX, "0", "Replicas without which writes are refused. 0 asks for none.")
        .alias(&["min-slaves-to-write"])
        .no_effect(NOT_BUILT),
    int("min-replicas-max-lag", 0, INT_MAX, "10", "Seconds of silence after which a replica no longer counts for that.")
        .alias(&["min-slaves-max-lag"])
        .no_effect(NOT_BUILT),
    optional("replica-announce-ip", "Address that a replica gives for itself.")
        .alias(&["slave-announce-ip"])
        .no_effect(NOT_BUILT),
    int("replica-announce-port", 0, 65535, "0", "Port that a replica gives for itself.")
        .alias(&["slave-announce-port"])
        .no_effect(NOT_BUILT),
    choice(
        "propagation-error-behavior",
        PROPAGATION_ERRORS,
        "ignore",
        "What a replica does when a command of the stream fails.",
    )
    .no_effect(NOT_BUILT),
];
