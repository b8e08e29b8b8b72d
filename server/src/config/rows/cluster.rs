//! Redis Cluster.

use crate::config::check;
use crate::config::choices::*;
use crate::config::row::*;

const NOT_BUILT: &str = "cluster mode is not built yet";

pub const ROWS: &[Directive] = &[
    yes_no("cluster-enabled", "no", "Run as a node of a cluster.").fixed().no_effect(NOT_BUILT),
    other(
        "cluster-config-file",
        Kind::Text { empty_is_unset: false, check: check::cluster_config_file },
        "nodes.conf",
        "File in which the node keeps its view of the cluster.",
    )
    .fixed()
    .no_effect(NOT_BUILT),
    int(
        "cluster-node-timeout",
        0,
        i64::MAX,
        "15000",
        "Milliseconds of silence after which a node is held for failing.",
    )
    .no_effect(NOT_BUILT),
    int("cluster-port", 0, 65535, "0", "Port of the cluster bus. 0 is the main port plus 10000.")
        .fixed()
        .no_effect(NOT_BUILT),
    int(
        "cluster-replica-validity-factor",
        0,
        INT_MAX,
        "10",
        "How many timeouts a replica may have been cut off and still take over. 0 sets no limit.",
    )
    .alias(&["cluster-slave-validity-factor"])
    .no_effect(NOT_BUILT),
    int(
        "cluster-migration-barrier",
        0,
        INT_MAX,
        "1",
        "Replicas that a primary keeps before one may move to another.",
    )
    .no_effect(NOT_BUILT),
    yes_no("cluster-allow-replica-migration", "yes", "Let replicas move to primaries that have none.")
        .no_effect(NOT_BUILT),
    yes_no("cluster-require-full-coverage", "yes", "Answer nothing while some slot has no node.")
        .no_effect(NOT_BUILT),
    yes_no("cluster-replica-no-failover", "no", "Never take over by itself.")
        .alias(&["cluster-slave-no-failover"])
        .no_effect(NOT_BUILT),
    yes_no("cluster-allow-reads-when-down", "no", "Answer reads while the cluster is down.")
        .no_effect(NOT_BUILT),
    yes_no("cluster-allow-pubsubshard-when-down", "yes", "Serve sharded channels while the cluster is down.")
        .no_effect(NOT_BUILT),
    memory(
        "cluster-link-sendbuf-limit",
        0,
        u64::MAX,
        "0",
        "Unsent bytes at which a link of the bus is cut. 0 sets no limit.",
    )
    .no_effect(NOT_BUILT),
    other(
        "cluster-announce-hostname",
        Kind::Text { empty_is_unset: true, check: check::host_name },
        "",
        "Host name that the node gives for itself.",
    )
    .no_effect(NOT_BUILT),
    other(
        "cluster-announce-human-nodename",
        Kind::Text { empty_is_unset: true, check: check::node_name },
        "",
        "Name of the node in log lines.",
    )
    .no_effect(NOT_BUILT),
    choice(
        "cluster-preferred-endpoint-type",
        ENDPOINT_TYPES,
        "ip",
        "How clients are told to reach a node: ip, hostname, or unknown-endpoint.",
    )
    .no_effect(NOT_BUILT),
    optional("cluster-announce-ip", "Address that the node gives for itself.").no_effect(NOT_BUILT),
    int("cluster-announce-port", 0, 65535, "0", "Port that the node gives for itself.").no_effect(NOT_BUILT),
    int("cluster-announce-tls-port", 0, 65535, "0", "TLS port that the node gives for itself.")
        .no_effect(NOT_BUILT),
    int("cluster-announce-bus-port", 0, 65535, "0", "Bus port that the node gives for itself.")
        .no_effect(NOT_BUILT),
];
