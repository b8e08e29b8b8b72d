//! CLUSTER and its subcommands, and the words that cluster clients say before a command
//! (ASKING, READONLY, READWRITE).

use super::prelude::*;

const fn cluster(id: Id, arity: i16) -> CommandSpec {
    CommandSpec::new(id, Group::Cluster, arity)
}

pub(super) const ROWS: &[CommandSpec] = &[
    cluster(Id::Asking, 1)
        .summary("Lets the next command use a slot that is being imported.")
        .since("3.0.0")
        .complexity("O(1)")
        .flags(&[FAST])
        .acl(&[Acl::CONNECTION])
        .place(Place::Inline),
    cluster(Id::Cluster, -2)
        .summary("Commands about the cluster.")
        .since("3.0.0")
        .complexity("Depends on subcommand"),
    cluster(Id::ClusterAddslots, -3)
        .syntax("slot...")
        .summary("Gives hash slots to this node.")
        .since("3.0.0")
        .complexity("O(N) where N is the total number of hash slot arguments")
        .flags(&[ADMIN, STALE, NO_ASYNC_LOADING]),
    cluster(Id::ClusterAddslotsrange, -4)
        .syntax("range(start-slot end-slot)...")
        .summary("Gives ranges of hash slots to this node.")
        .since("7.0.0")
        .complexity("O(N) where N is the number of slots in the ranges")
        .flags(&[ADMIN, STALE, NO_ASYNC_LOADING]),
    cluster(Id::ClusterBumpepoch, 2)
        .summary("Advances the configuration epoch of the cluster.")
        .since("3.0.0")
        .complexity("O(1)")
        .flags(&[ADMIN, STALE, NO_ASYNC_LOADING])
        .tips(&["nondeterministic_output"]),
    cluster(Id::ClusterCountFailureReports, 3)
        .syntax("node-id")
        .summary("Counts the reports in force that a node has failed.")
        .since("3.0.0")
        .complexity("O(N) where N is the number of failure reports")
        .flags(&[ADMIN, STALE])
        .tips(&["nondeterministic_output"]),
    cluster(Id::ClusterCountkeysinslot, 3)
        .syntax("slot")
        .summary("Counts the keys in a hash slot.")
        .since("3.0.0")
        .complexity("O(1)")
        .flags(&[STALE])
        .place(Place::AllShards)
        .split(Split::SumAll),
    cluster(Id::ClusterDelslots, -3)
        .syntax("slot...")
        .summary("Leaves hash slots without a node, as this node sees it.")
        .since("3.0.0")
        .complexity("O(N) where N is the total number of hash slot arguments")
        .flags(&[ADMIN, STALE, NO_ASYNC_LOADING]),
    cluster(Id::ClusterDelslotsrange, -4)
        .syntax("range(start-slot end-slot)...")
        .summary("Leaves ranges of hash slots without a node, as this node sees it.")
        .since("7.0.0")
        .complexity("O(N) where N is the number of slots in the ranges")
        .flags(&[ADMIN, STALE, NO_ASYNC_LOADING]),
    cluster(Id::ClusterFailover, -2)
        .syntax("[options<FORCE | TAKEOVER>]")
        .summary("Makes a replica take over from its master.")
        .since("3.0.0")
        .complexity("O(1)")
        .flags(&[ADMIN, STALE, NO_ASYNC_LOADING]),
    cluster(Id::ClusterFlushslots, 2)
        .summary("Takes all hash slots from this node.")
        .since("3.0.0")
        .complexity("O(1)")
        .flags(&[ADMIN, STALE, NO_ASYNC_LOADING]),
    cluster(Id::ClusterForget, 3)
        .syntax("node-id")
        .summary("Removes a node from the table of known nodes.")
        .since("3.0.0")
        .complexity("O(1)")
        .flags(&[ADMIN, STALE, NO_ASYNC_LOADING]),
    cluster(Id::ClusterGetkeysinslot, 4)
        .syntax("slot count")
        .summary("Lists some keys of a hash slot.")
        .since("3.0.0")
        .complexity("O(N) where N is the number of requested keys")
        .flags(&[STALE])
        .place(Place::AllShards)
        .split(Split::Concat)
        .tips(&["nondeterministic_output"]),
    cluster(Id::ClusterHelp, 2)
        .summary("Shows help on the CLUSTER subcommands.")
        .since("5.0.0")
        .complexity("O(1)")
        .flags(&[LOADING, STALE]),
    cluster(Id::ClusterInfo, 2)
        .summary("Describes the state of the cluster as this node sees it.")
        .since("3.0.0")
        .complexity("O(1)")
        .flags(&[STALE])
        .tips(&["nondeterministic_output"]),
    cluster(Id::ClusterKeyslot, 3)
        .syntax("key:string")
        .summary("Tells the hash slot of a key.")
        .since("3.0.0")
        .complexity("O(N) where N is the number of bytes in the key")
        .flags(&[STALE]),
    cluster(Id::ClusterLinks, 2)
        .summary("Lists the links to other nodes.")
        .since("7.0.0")
        .complexity("O(N) where N is the total number of Cluster nodes")
        .flags(&[STALE])
        .tips(&["nondeterministic_output"]),
    cluster(Id::ClusterMeet, -4)
        .syntax("ip port [cluster-bus-port@4.0.0]")
        .summary("Introduces another node to this one.")
        .since("3.0.0")
        .complexity("O(1)")
        .flags(&[ADMIN, STALE, NO_ASYNC_LOADING])
        .history(&[("4.0.0", "Added the optional `cluster_bus_port` argument.")]),
    cluster(Id::ClusterMyid, 2)
        .summary("Returns the id of this node.")
        .since("3.0.0")
        .complexity("O(1)")
        .flags(&[STALE]),
    cluster(Id::ClusterMyshardid, 2)
        .summary("Returns the id of this node's shard.")
        .since("7.2.0")
        .complexity("O(1)")
        .flags(&[STALE])
        .tips(&["nondeterministic_output"]),
    cluster(Id::ClusterNodes, 2)
        .summary("Describes all nodes, one a line.")
        .since("3.0.0")
        .complexity("O(N) where N is the total number of Cluster nodes")
        .flags(&[STALE])
        .tips(&["nondeterministic_output"]),
    cluster(Id::ClusterReplicas, 3)
        .syntax("node-id")
        .summary("Lists the replicas of a master.")
        .since("5.0.0")
        .complexity("O(N) where N is the number of replicas")
        .flags(&[ADMIN, STALE])
        .tips(&["nondeterministic_output"]),
    cluster(Id::ClusterReplicate, 3)
        .syntax("node-id")
        .summary("Makes this node a replica of another.")
        .since("3.0.0")
        .complexity("O(1)")
        .flags(&[ADMIN, STALE, NO_ASYNC_LOADING]),
    cluster(Id::ClusterReset, -2)
        .syntax("[reset-type<HARD | SOFT>]")
        .summary("Makes this node forget the cluster.")
        .since("3.0.0")
        .complexity("O(N) where N is the number of known nodes, plus that of FLUSHALL")
        .flags(&[ADMIN, NOSCRIPT, STALE]),
    cluster(Id::ClusterSaveconfig, 2)
        .summary("Writes the cluster configuration file.")
        .since("3.0.0")
        .complexity("O(1)")
        .flags(&[ADMIN, STALE, NO_ASYNC_LOADING]),
    cluster(Id::ClusterSetConfigEpoch, 3)
        .syntax("config-epoch")
        .summary("Sets the configuration epoch of a new node.")
        .since("3.0.0")
        .complexity("O(1)")
        .flags(&[ADMIN, STALE, NO_ASYNC_LOADING]),
    cluster(Id::ClusterSetslot, -4)
        .syntax(
            "slot subcommand<IMPORTING importing'node-id' | MIGRATING migrating'node-id' \
             | NODE node'node-id' | STABLE>",
        )
        .summary("Assigns a hash slot to a node, or changes its state.")
        .since("3.0.0")
        .complexity("O(1)")
        .flags(&[ADMIN, STALE, NO_ASYNC_LOADING]),
    cluster(Id::ClusterShards, 2)
        .summary("Lists the shards with their slots and nodes.")
        .since("7.0.0")
        .complexity("O(N) where N is the total number of cluster nodes")
        .flags(&[LOADING, STALE])
        .tips(&["nondeterministic_output"]),
    cluster(Id::ClusterSlaves, 3)
        .syntax("node-id")
        .summary("Lists the replicas of a master.")
        .since("3.0.0")
        .complexity("O(N) where N is the number of replicas")
        .flags(&[ADMIN, STALE])
        .tips(&["nondeterministic_output"])
        .deprecated("5.0.0", "`CLUSTER REPLICAS`"),
    cluster(Id::ClusterSlots, 2)
        .summary("Lists ranges of hash slots with the nodes that serve them.")
        .since("3.0.0")
        .complexity("O(N) where N is the total number of Cluster nodes")
        .flags(&[LOADING, STALE])
        .history(&[("4.0.0", "Added node IDs."), ("7.0.0", "Added additional networking metadata field.")])
        .tips(&["nondeterministic_output"])
        .deprecated("7.0.0", "`CLUSTER SHARDS`"),
    cluster(Id::Readonly, 1)
        .summary("Lets this connection read from a cluster replica.")
        .since("3.0.0")
        .complexity("O(1)")
        .flags(&[LOADING, STALE, FAST])
        .acl(&[Acl::CONNECTION])
        .place(Place::Inline),
    cluster(Id::Readwrite, 1)
        .summary("Ends what READONLY began.")
        .since("3.0.0")
        .complexity("O(1)")
        .flags(&[LOADING, STALE, FAST])
        .acl(&[Acl::CONNECTION])
        .place(Place::Inline),
];
