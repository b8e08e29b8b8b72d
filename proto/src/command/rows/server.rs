//! Commands about the whole server: persistence, replication, databases as a whole, life and death.

use super::prelude::*;

const fn server(id: Id, arity: i16) -> CommandSpec {
    CommandSpec::new(id, Group::Server, arity)
}

pub(super) const ROWS: &[CommandSpec] = &[
    server(Id::Bgrewriteaof, 1)
        .summary("Rewrites the append-only file in the background.")
        .since("1.0.0")
        .complexity("O(1)")
        .flags(&[ADMIN, NOSCRIPT, NO_ASYNC_LOADING]),
    server(Id::Bgsave, -1)
        .syntax("[SCHEDULE@3.2.2]")
        .summary("Saves a snapshot in the background.")
        .since("1.0.0")
        .complexity("O(1)")
        .flags(&[ADMIN, NOSCRIPT, NO_ASYNC_LOADING])
        .history(&[("3.2.2", "Added the `SCHEDULE` option.")])
        .built(),
    server(Id::Dbsize, 1)
        .summary("Counts the keys of the database.")
        .since("1.0.0")
        .complexity("O(1)")
        .flags(&[READONLY, FAST])
        .acl(&[Acl::KEYSPACE])
        .place(Place::AllShards)
        .split(Split::SumAll)
        .tips(&["request_policy:all_shards", "response_policy:agg_sum"])
        .built(),
    server(Id::Debug, -2)
        .summary("Commands for tests and debugging.")
        .since("1.0.0")
        .complexity("Depends on subcommand")
        .flags(&[ADMIN, NOSCRIPT, LOADING, STALE, PROTECTED])
        .syscmd()
        .built(),
    server(Id::Failover, -1)
        .syntax("[TO target(host port [FORCE])] [ABORT] [TIMEOUT milliseconds]")
        .summary("Hands over from this server to one of its replicas.")
        .since("6.2.0")
        .complexity("O(1)")
        .flags(&[ADMIN, NOSCRIPT, STALE]),
    server(Id::Flushall, -1)
        .syntax("[flush-type<ASYNC@4.0.0 | SYNC@6.2.0>]")
        .summary("Deletes all keys of all databases.")
        .since("1.0.0")
        .complexity("O(N) where N is the total number of keys in all databases")
        .flags(&[WRITE])
        .acl(&[Acl::KEYSPACE, Acl::DANGEROUS])
        .place(Place::AllShards)
        .split(Split::AllOk)
        .history(&[
            ("4.0.0", "Added the `ASYNC` flushing mode modifier."),
            ("6.2.0", "Added the `SYNC` flushing mode modifier."),
        ])
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
        .built(),
    server(Id::Flushdb, -1)
        .syntax("[flush-type<ASYNC@4.0.0 | SYNC@6.2.0>]")
        .summary("Deletes all keys of the database.")
        .since("1.0.0")
        .complexity("O(N) where N is the number of keys in the selected database")
        .flags(&[WRITE])
        .acl(&[Acl::KEYSPACE, Acl::DANGEROUS])
        .place(Place::AllShards)
        .split(Split::AllOk)
        .history(&[
            ("4.0.0", "Added the `ASYNC` flushing mode modifier."),
            ("6.2.0", "Added the `SYNC` flushing mode modifier."),
        ])
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
        .built(),
    server(Id::Info, -1)
        .syntax("[section...]")
        .summary("Describes the server in figures.")
        .since("1.0.0")
        .complexity("O(1)")
        .flags(&[LOADING, STALE])
        .acl(&[Acl::DANGEROUS])
        .history(&[("7.0.0", "Added support for taking multiple section arguments.")])
        .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"])
        .built(),
    server(Id::Lastsave, 1)
        .summary("Returns the Unix time of the last successful save.")
        .since("1.0.0")
        .complexity("O(1)")
        .flags(&[LOADING, STALE, FAST])
        .acl(&[Acl::ADMIN, Acl::DANGEROUS])
        .tips(&["nondeterministic_output"])
        .built(),
    server(Id::Lolwut, -1)
        .syntax("[VERSION version]")
        .summary("Shows a picture made by the computer, and the version.")
        .since("5.0.0")
        .flags(&[READONLY, FAST])
        .place(Place::Inline)
        .built(),
    server(Id::Monitor, 1)
        .summary("Shows every command as the server handles it.")
        .since("1.0.0")
        .flags(&[ADMIN, NOSCRIPT, LOADING, STALE])
        .built(),
    server(Id::Psync, -3)
        .syntax("replicationid offset")
        .summary("Begins replication, from an offset where possible.")
        .since("2.8.0")
        .flags(&[ADMIN, NOSCRIPT, NO_ASYNC_LOADING, NO_MULTI]),
    server(Id::Replconf, -1)
        .summary("Carries settings and progress between a replica and its master.")
        .since("3.0.0")
        .complexity("O(1)")
        .flags(&[ADMIN, NOSCRIPT, LOADING, STALE, ALLOW_BUSY])
        .syscmd(),
    server(Id::Replicaof, 3)
        .syntax("args<host-port(host port) | no-one(NO ONE)>")
        .summary("Makes this server a replica of another, or ends that.")
        .since("5.0.0")
        .complexity("O(1)")
        .flags(&[ADMIN, NOSCRIPT, STALE, NO_ASYNC_LOADING]),
    server(Id::RestoreAsking, -4)
        .syntax(
            "key ttl serialized-value [REPLACE@3.0.0] [ABSTTL@5.0.0] [IDLETIME seconds@5.0.0] \
             [FREQ frequency@5.0.0]",
        )
        .summary("Creates a key from its serialized value, while its slot is being imported.")
        .since("3.0.0")
        .complexity("O(N) where N is the size of the value; O(N*log(N)) for sorted sets of N members")
        .flags(&[WRITE, DENYOOM, ASKING])
        .acl(&[Acl::KEYSPACE, Acl::DANGEROUS])
        .keys(&[key(1, &[OW, UPDATE])])
        .place(Place::Shard)
        .history(&[
            ("3.0.0", "Added the `REPLACE` modifier."),
            ("5.0.0", "Added the `ABSTTL` modifier."),
            ("5.0.0", "Added the `IDLETIME` and `FREQ` options."),
        ])
        .syscmd()
        .built(),
    server(Id::Role, 1)
        .summary("Tells the server's part in replication.")
        .since("2.8.12")
        .complexity("O(1)")
        .flags(&[NOSCRIPT, LOADING, STALE, FAST])
        .acl(&[Acl::ADMIN, Acl::DANGEROUS])
        .built(),
    server(Id::Save, 1)
        .summary("Saves a snapshot and waits until it is done.")
        .since("1.0.0")
        .complexity("O(N) where N is the total number of keys in all databases")
        .flags(&[ADMIN, NOSCRIPT, NO_ASYNC_LOADING, NO_MULTI])
        .built(),
    server(Id::Shutdown, -1)
        .syntax("[save-selector<NOSAVE | SAVE>] [NOW@7.0.0] [FORCE@7.0.0] [ABORT@7.0.0]")
        .summary("Saves where configured, and stops the server.")
        .since("1.0.0")
        .complexity("O(N) where N is the number of keys, if it saves; else O(1)")
        .flags(&[ADMIN, NOSCRIPT, LOADING, STALE, NO_MULTI, ALLOW_BUSY])
        .history(&[("7.0.0", "Added the `NOW`, `FORCE` and `ABORT` modifiers.")])
        .built(),
    server(Id::Slaveof, 3)
        .syntax("args<host-port(host port) | no-one(NO ONE)>")
        .summary("Makes this server a replica of another, or ends that.")
        .since("1.0.0")
        .complexity("O(1)")
        .flags(&[ADMIN, NOSCRIPT, STALE, NO_ASYNC_LOADING])
        .deprecated("5.0.0", "`REPLICAOF`"),
    server(Id::Swapdb, 3)
        .syntax("index1 index2")
        .summary("Exchanges two databases.")
        .since("4.0.0")
        .complexity("O(N) where N is the number of clients that watch or wait for keys of either database")
        .flags(&[WRITE, FAST])
        .acl(&[Acl::KEYSPACE, Acl::DANGEROUS])
        .place(Place::AllShards)
        .split(Split::AllOk)
        .built(),
    server(Id::Sync, 1).summary("Begins replication.").since("1.0.0").flags(&[
        ADMIN,
        NOSCRIPT,
        NO_ASYNC_LOADING,
        NO_MULTI,
    ]),
    server(Id::Time, 1)
        .summary("Returns the server's clock.")
        .since("2.6.0")
        .complexity("O(1)")
        .flags(&[LOADING, STALE, FAST])
        .place(Place::Inline)
        .tips(&["nondeterministic_output"])
        .built(),
];
