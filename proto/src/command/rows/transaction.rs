//! Transactions: MULTI, EXEC, DISCARD, and the keys watched for them.

use super::prelude::*;

const fn transaction(id: Id, arity: i16) -> CommandSpec {
    CommandSpec::new(id, Group::Transactions, arity).acl(&[Acl::TRANSACTION])
}

pub(super) const ROWS: &[CommandSpec] = &[
    transaction(Id::Discard, 1)
        .summary("Drops the commands queued by a transaction.")
        .since("2.0.0")
        .complexity("O(N), when N is the number of queued commands")
        .flags(&[NOSCRIPT, LOADING, STALE, FAST, ALLOW_BUSY])
        .built(),
    transaction(Id::Exec, 1)
        .summary("Runs the commands queued by a transaction.")
        .since("1.2.0")
        .complexity("Depends on commands in the transaction")
        .flags(&[NOSCRIPT, LOADING, STALE, SKIP_SLOWLOG])
        .built(),
    transaction(Id::Multi, 1)
        .summary("Begins a transaction.")
        .since("1.2.0")
        .complexity("O(1)")
        .flags(&[NOSCRIPT, LOADING, STALE, FAST, ALLOW_BUSY])
        .built(),
    transaction(Id::Unwatch, 1)
        .summary("Forgets the keys watched for the next transaction.")
        .since("2.2.0")
        .complexity("O(1)")
        .flags(&[NOSCRIPT, LOADING, STALE, FAST, ALLOW_BUSY])
        .built(),
    transaction(Id::Watch, -2)
        .syntax("key...")
        .summary("Makes the next transaction fail if one of these keys changes before it.")
        .since("2.2.0")
        .complexity("O(1) for every key")
        .flags(&[NOSCRIPT, LOADING, STALE, FAST, ALLOW_BUSY])
        .keys(&[keys(1, -1, 1, &[RO])])
        .built(),
];
