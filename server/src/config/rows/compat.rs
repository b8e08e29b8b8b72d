//! Directives of other servers' configuration files that Redis 7.2 does not have, so that such a
//! file starts too. Hidden, so that CONFIG GET with a pattern lists what Redis lists; the last
//! ones Redis itself once had and now accepts without effect.

use crate::config::check;
use crate::config::row::*;

const OF_VALKEY: &str = "it tunes a part that Percore does not have";
const OBSOLETE: &str = "Redis has dropped it";

pub const ROWS: &[Directive] = &[
    text("availability-zone", "", "Zone that HELLO and INFO report.").hidden().no_effect(OF_VALKEY),
    yes_no("extended-redis-compatibility", "no", "Answer as Redis even where that is a lie.")
        .hidden()
        .no_effect(OF_VALKEY),
    yes_no("hide-user-data-from-log", "yes", "Keep keys and values out of the log.")
        .hidden()
        .no_effect(OF_VALKEY),
    yes_no("cluster-slot-stats-enabled", "no", "Count the use of each slot.").hidden().no_effect(OF_VALKEY),
    yes_no("dual-channel-replication-enabled", "no", "Send snapshot and stream to a replica side by side.")
        .hidden()
        .no_effect(OF_VALKEY),
    yes_no("import-mode", "no", "Let an importing client set expired keys.").hidden().no_effect(OF_VALKEY),
    int("events-per-io-thread", 0, INT_MAX, "2", "Events that wake another thread.")
        .hidden()
        .no_effect(OF_VALKEY),
    int("prefetch-batch-max-size", 0, 128, "16", "Commands whose keys are fetched ahead together.")
        .hidden()
        .no_effect(OF_VALKEY),
    int("max-new-connections-per-cycle", 1, 1000, "10", "Connections accepted in one turn.")
        .hidden()
        .no_effect(OF_VALKEY),
    int("max-new-tls-connections-per-cycle", 1, 1000, "1", "TLS connections accepted in one turn.")
        .hidden()
        .no_effect(OF_VALKEY),
    int("cluster-blacklist-ttl", 0, i64::MAX, "60", "Seconds that a forgotten node stays forgotten.")
        .hidden()
        .no_effect(OF_VALKEY),
    other(
        "cluster-announce-client-ipv4",
        Kind::Text { empty_is_unset: true, check: check::ipv4 },
        "",
        "IPv4 address for clients of the node.",
    )
    .hidden()
    .no_effect(OF_VALKEY),
    other(
        "cluster-announce-client-ipv6",
        Kind::Text { empty_is_unset: true, check: check::ipv6 },
        "",
        "IPv6 address for clients of the node.",
    )
    .hidden()
    .no_effect(OF_VALKEY),
    int("list-max-ziplist-entries", 0, INT_MAX, "512", "Old limit of a compact list.")
        .hidden()
        .no_effect(OBSOLETE),
    int("list-max-ziplist-value", 0, INT_MAX, "64", "Old limit of a compact list's elements.")
        .hidden()
        .no_effect(OBSOLETE),
    yes_no("lua-replicate-commands", "yes", "Old way of replicating scripts.").hidden().no_effect(OBSOLETE),
];
