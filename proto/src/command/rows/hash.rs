//! Commands on hashes. Those with an expiry of single fields came with Redis 7.4; all else is 7.2's.

use super::prelude::*;
use crate::key_spec::KeySpec;

const fn hash(id: Id, arity: i16) -> CommandSpec {
    CommandSpec::new(id, Group::Hash, arity).acl(&[Acl::HASH]).place(Place::Shard)
}

const EXPIRED_KEY: &[KeySpec] = &[key(1, &[RW, UPDATE])];
const ASKED_KEY: &[KeySpec] = &[key(1, &[RO, ACCESS])];

/// A command on the expiry of some fields.
const fn fields(id: Id, arity: i16) -> CommandSpec {
    hash(id, arity).since("7.4.0").complexity("O(N) where N is the number of specified fields")
}

/// One that sets it.
const fn expire(id: Id) -> CommandSpec {
    fields(id, -6).flags(&[WRITE, DENYOOM, FAST]).keys(EXPIRED_KEY).built()
}

/// One that reads it.
const fn ttl(id: Id) -> CommandSpec {
    let row = fields(id, -5).syntax("key FIELDS fields(numfields:integer field...)");
    row.flags(&[READONLY, FAST]).keys(ASKED_KEY).built()
}

pub(super) const ROWS: &[CommandSpec] = &[
    hash(Id::Hdel, -3)
        .syntax("key field...")
        .summary("Deletes fields of a hash, and the hash with its last field.")
        .since("2.0.0")
        .complexity("O(N) where N is the number of fields to be removed")
        .flags(&[WRITE, FAST])
        .keys(&[key(1, &[RW, DELETE])])
        .history(&[("2.4.0", "Accepts multiple `field` arguments.")])
        .built(),
    hash(Id::Hexists, 3)
        .syntax("key field")
        .summary("Tells whether a hash has a field.")
        .since("2.0.0")
        .complexity("O(1)")
        .flags(&[READONLY, FAST])
        .keys(&[key(1, &[RO])])
        .built(),
    expire(Id::Hexpire)
        .syntax("key seconds [condition<NX | XX | GT | LT>] FIELDS fields(numfields:integer field...)")
        .summary("Sets the time to live of fields of a hash, in seconds."),
    expire(Id::Hexpireat)
        .syntax("key unix-time-seconds [condition<NX | XX | GT | LT>] FIELDS fields(numfields:integer field...)")
        .summary("Sets the Unix time at which fields of a hash expire, in seconds."),
    ttl(Id::Hexpiretime)
        .summary("Returns the Unix time at which fields of a hash expire, in seconds."),
    hash(Id::Hget, 3)
        .syntax("key field")
        .summary("Returns the value of a field of a hash.")
        .since("2.0.0")
        .complexity("O(1)")
        .flags(&[READONLY, FAST])
        .keys(&[key(1, &[RO, ACCESS])])
        .built(),
    hash(Id::Hgetall, 2)
        .syntax("key")
        .summary("Returns all fields of a hash with their values.")
        .since("2.0.0")
        .complexity("O(N) where N is the size of the hash")
        .flags(&[READONLY])
        .keys(&[key(1, &[RO, ACCESS])])
        .tips(&["nondeterministic_output_order"])
        .built(),
    hash(Id::Hincrby, 4)
        .syntax("key field increment")
        .summary("Adds a number to the integer value of a field; an absent field counts as 0.")
        .since("2.0.0")
        .complexity("O(1)")
        .flags(&[WRITE, DENYOOM, FAST])
        .keys(&[key(1, &[RW, ACCESS, UPDATE])])
        .built(),
    hash(Id::Hincrbyfloat, 4)
        .syntax("key field increment:double")
        .summary("Adds a number to the floating point value of a field; an absent field counts as 0.")
        .since("2.6.0")
        .complexity("O(1)")
        .flags(&[WRITE, DENYOOM, FAST])
        .keys(&[key(1, &[RW, ACCESS, UPDATE])])
        .built(),
    hash(Id::Hkeys, 2)
        .syntax("key")
        .summary("Returns all fields of a hash.")
        .since("2.0.0")
        .complexity("O(N) where N is the size of the hash")
        .flags(&[READONLY])
        .keys(&[key(1, &[RO, ACCESS])])
        .tips(&["nondeterministic_output_order"])
        .built(),
    hash(Id::Hlen, 2)
        .syntax("key")
        .summary("Counts the fields of a hash.")
        .since("2.0.0")
        .complexity("O(1)")
        .flags(&[READONLY, FAST])
        .keys(&[key(1, &[RO])])
        .built(),
    hash(Id::Hmget, -3)
        .syntax("key field...")
        .summary("Returns the values of some fields of a hash.")
        .since("2.0.0")
        .complexity("O(N) where N is the number of fields being requested")
        .flags(&[READONLY, FAST])
        .keys(&[key(1, &[RO, ACCESS])])
        .built(),
    hash(Id::Hmset, -4)
        .syntax("key data(field value)...")
        .summary("Sets fields of a hash.")
        .since("2.0.0")
        .complexity("O(N) where N is the number of fields being set")
        .flags(&[WRITE, DENYOOM, FAST])
        .keys(&[key(1, &[RW, UPDATE])])
        .deprecated("4.0.0", "`HSET` with multiple field-value pairs")
        .built(),
    fields(Id::Hpersist, -5)
        .syntax("key FIELDS fields(numfields:integer field...)")
        .summary("Removes the expiry of fields of a hash.")
        .flags(&[WRITE, FAST])
        .keys(EXPIRED_KEY)
        .built(),
    expire(Id::Hpexpire)
        .syntax("key milliseconds [condition<NX | XX | GT | LT>] FIELDS fields(numfields:integer field...)")
        .summary("Sets the time to live of fields of a hash, in milliseconds."),
    expire(Id::Hpexpireat)
        .syntax("key unix-time-milliseconds [condition<NX | XX | GT | LT>] FIELDS fields(numfields:integer field...)")
        .summary("Sets the Unix time at which fields of a hash expire, in milliseconds."),
    ttl(Id::Hpexpiretime)
        .summary("Returns the Unix time at which fields of a hash expire, in milliseconds."),
    ttl(Id::Hpttl)
        .summary("Returns the time to live of fields of a hash, in milliseconds."),
    hash(Id::Hrandfield, -2)
        .syntax("key [options(count [WITHVALUES])]")
        .summary("Returns random fields of a hash.")
        .since("6.2.0")
        .complexity("O(N) where N is the number of fields returned")
        .flags(&[READONLY])
        .keys(&[key(1, &[RO, ACCESS])])
        .tips(&["nondeterministic_output"])
        .built(),
    hash(Id::Hscan, -3)
        .syntax("key cursor [MATCH pattern] [COUNT count] [NOVALUES@7.4.0]")
        .summary("Walks through the fields of a hash.")
        .since("2.8.0")
        .complexity("O(1) a call, O(N) for a full walk over N fields")
        .flags(&[READONLY])
        .keys(&[key(1, &[RO, ACCESS])])
        .tips(&["nondeterministic_output"])
        .built(),
    hash(Id::Hset, -4)
        .syntax("key data(field value)...")
        .summary("Sets fields of a hash, which is created if absent.")
        .since("2.0.0")
        .complexity("O(N) where N is the number of fields given")
        .flags(&[WRITE, DENYOOM, FAST])
        .keys(&[key(1, &[RW, UPDATE])])
        .history(&[("4.0.0", "Accepts multiple `field` and `value` arguments.")])
        .built(),
    hash(Id::Hsetnx, 4)
        .syntax("key field value")
        .summary("Sets a field of a hash if it is absent.")
        .since("2.0.0")
        .complexity("O(1)")
        .flags(&[WRITE, DENYOOM, FAST])
        .keys(&[key(1, &[RW, INSERT])])
        .built(),
    hash(Id::Hstrlen, 3)
        .syntax("key field")
        .summary("Returns the length of the value of a field.")
        .since("3.2.0")
        .complexity("O(1)")
        .flags(&[READONLY, FAST])
        .keys(&[key(1, &[RO])])
        .built(),
    ttl(Id::Httl)
        .summary("Returns the time to live of fields of a hash, in seconds."),
    hash(Id::Hvals, 2)
        .syntax("key")
        .summary("Returns all values of a hash.")
        .since("2.0.0")
        .complexity("O(N) where N is the size of the hash")
        .flags(&[READONLY])
        .keys(&[key(1, &[RO, ACCESS])])
        .tips(&["nondeterministic_output_order"])
        .built(),
];
