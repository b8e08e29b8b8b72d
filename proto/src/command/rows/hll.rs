//! HyperLogLog: estimates of distinct elements. The registers stand in strings.

use super::prelude::*;

const fn hll(id: Id, arity: i16) -> CommandSpec {
    CommandSpec::new(id, Group::Hyperloglog, arity).acl(&[Acl::HYPERLOGLOG]).place(Place::Shard)
}

pub(super) const ROWS: &[CommandSpec] = &[
    hll(Id::Pfadd, -2)
        .syntax("key [element...]")
        .summary("Adds elements to a HyperLogLog, which is created if absent.")
        .since("2.8.9")
        .complexity("O(1) to add every element")
        .flags(&[WRITE, DENYOOM, FAST])
        .keys(&[key(1, &[RW, INSERT])])
        .built(),
    hll(Id::Pfcount, -2)
        .syntax("key...")
        .summary("Estimates how many distinct elements HyperLogLogs hold together.")
        .since("2.8.9")
        .complexity("O(N) where N is the number of keys; far cheaper with a single one")
        .flags(&[READONLY, MAY_REPLICATE])
        .keys(&[keys(1, -1, 1, &[RW, ACCESS]).notes(
            "RW because it may change the internal representation of the key, and propagate to \
                    replicas",
        )])
        .split(Split::Gather)
        .built(),
    hll(Id::Pfdebug, 3)
        .syntax("subcommand key")
        .summary("Shows the inside of a HyperLogLog, for tests.")
        .since("2.8.9")
        .complexity("N/A")
        .flags(&[WRITE, DENYOOM, ADMIN])
        .keys(&[key(2, &[RW, ACCESS])])
        .syscmd()
        .built(),
    hll(Id::Pfmerge, -2)
        .syntax("destkey [sourcekey...]")
        .summary("Merges HyperLogLogs into one.")
        .since("2.8.9")
        .complexity("O(N) to merge N HyperLogLogs, but with high constant times")
        .flags(&[WRITE, DENYOOM])
        .keys(&[key(1, &[RW, ACCESS, INSERT]), keys(2, -1, 1, &[RO, ACCESS])])
        .split(Split::Gather)
        .built(),
    hll(Id::Pfselftest, 1)
        .summary("Tests the HyperLogLog implementation.")
        .since("2.8.9")
        .complexity("N/A")
        .flags(&[ADMIN])
        .place(Place::AllShards)
        .split(Split::AllOk)
        .syscmd()
        .built(),
];
