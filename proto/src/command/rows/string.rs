//! Commands on strings, and on the numbers they may hold.

use super::prelude::*;

const fn string(id: Id, arity: i16) -> CommandSpec {
    CommandSpec::new(id, Group::String, arity).acl(&[Acl::STRING]).place(Place::Shard)
}

pub(super) const ROWS: &[CommandSpec] = &[
    string(Id::Append, 3)
        .syntax("key value")
        .summary("Appends bytes to a string, which is created if absent.")
        .since("2.0.0")
        .complexity("O(1) amortized")
        .flags(&[WRITE, DENYOOM, FAST])
        .keys(&[key(1, &[RW, INSERT])])
        .built(),
    string(Id::Decr, 2)
        .syntax("key")
        .summary("Subtracts one from the integer value of a key; an absent key counts as 0.")
        .since("1.0.0")
        .complexity("O(1)")
        .flags(&[WRITE, DENYOOM, FAST])
        .keys(&[key(1, &[RW, ACCESS, UPDATE])])
        .built(),
    string(Id::Decrby, 3)
        .syntax("key decrement")
        .summary("Subtracts a number from the integer value of a key; an absent key counts as 0.")
        .since("1.0.0")
        .complexity("O(1)")
        .flags(&[WRITE, DENYOOM, FAST])
        .keys(&[key(1, &[RW, ACCESS, UPDATE])])
        .built(),
    string(Id::Get, 2)
        .syntax("key")
        .summary("Returns the string value of a key.")
        .since("1.0.0")
        .complexity("O(1)")
        .flags(&[READONLY, FAST])
        .keys(&[key(1, &[RO, ACCESS])])
        .built(),
    string(Id::Getdel, 2)
        .syntax("key")
        .summary("Returns the string value of a key and deletes the key.")
        .since("6.2.0")
        .complexity("O(1)")
        .flags(&[WRITE, FAST])
        .keys(&[key(1, &[RW, ACCESS, DELETE])])
        .built(),
    string(Id::Getex, -2)
        .syntax(
            "key [expiration<EX seconds | PX milliseconds | EXAT unix-time-seconds \
             | PXAT unix-time-milliseconds | PERSIST>]",
        )
        .summary("Returns the string value of a key and changes when it expires.")
        .since("6.2.0")
        .complexity("O(1)")
        .flags(&[WRITE, FAST])
        .keys(&[key(1, &[RW, ACCESS, UPDATE]).notes("RW and UPDATE because it changes the TTL")])
        .built(),
    string(Id::Getrange, 4)
        .syntax("key start end")
        .summary("Returns a part of a string.")
        .since("2.4.0")
        .complexity("O(N) where N is the length returned")
        .flags(&[READONLY])
        .keys(&[key(1, &[RO, ACCESS])])
        .built(),
    string(Id::Getset, 3)
        .syntax("key value")
        .summary("Sets the string value of a key and returns the one before.")
        .since("1.0.0")
        .complexity("O(1)")
        .flags(&[WRITE, DENYOOM, FAST])
        .keys(&[key(1, &[RW, ACCESS, UPDATE])])
        .deprecated("6.2.0", "`SET` with the `!GET` argument")
        .built(),
    string(Id::Incr, 2)
        .syntax("key")
        .summary("Adds one to the integer value of a key; an absent key counts as 0.")
        .since("1.0.0")
        .complexity("O(1)")
        .flags(&[WRITE, DENYOOM, FAST])
        .keys(&[key(1, &[RW, ACCESS, UPDATE])])
        .built(),
    string(Id::Incrby, 3)
        .syntax("key increment")
        .summary("Adds a number to the integer value of a key; an absent key counts as 0.")
        .since("1.0.0")
        .complexity("O(1)")
        .flags(&[WRITE, DENYOOM, FAST])
        .keys(&[key(1, &[RW, ACCESS, UPDATE])])
        .built(),
    string(Id::Incrbyfloat, 3)
        .syntax("key increment:double")
        .summary("Adds a number to the floating point value of a key; an absent key counts as 0.")
        .since("2.6.0")
        .complexity("O(1)")
        .flags(&[WRITE, DENYOOM, FAST])
        .keys(&[key(1, &[RW, ACCESS, UPDATE])])
        .built(),
    string(Id::Lcs, -3)
        .syntax("key1 key2 [LEN] [IDX] [MINMATCHLEN min-match-len] [WITHMATCHLEN]")
        .summary("Finds the longest common subsequence of two strings.")
        .since("7.0.0")
        .complexity("O(N*M) where N and M are the lengths of s1 and s2, respectively")
        .flags(&[READONLY])
        .keys(&[keys(1, 1, 1, &[RO, ACCESS])])
        .split(Split::Gather)
        .built(),
    string(Id::Mget, -2)
        .syntax("key...")
        .summary("Returns the string values of several keys.")
        .since("1.0.0")
        .complexity("O(N) where N is the number of keys to retrieve")
        .flags(&[READONLY, FAST])
        .keys(&[keys(1, -1, 1, &[RO, ACCESS])])
        .split(Split::Array)
        .tips(&["request_policy:multi_shard"])
        .built(),
    string(Id::Mset, -3)
        .syntax("data(key value)...")
        .summary("Sets the string values of several keys, atomically.")
        .since("1.0.1")
        .complexity("O(N) where N is the number of keys to set")
        .flags(&[WRITE, DENYOOM])
        .keys(&[keys(1, -1, 2, &[OW, UPDATE])])
        .split(Split::AllOk)
        .tips(&["request_policy:multi_shard", "response_policy:all_succeeded"])
        .built(),
    string(Id::Msetnx, -3)
        .syntax("data(key value)...")
        .summary("Sets the string values of several keys, if none of them exists.")
        .since("1.0.1")
        .complexity("O(N) where N is the number of keys to set")
        .flags(&[WRITE, DENYOOM])
        .keys(&[keys(1, -1, 2, &[OW, INSERT])])
        .split(Split::Gather)
        .built(),
    string(Id::Psetex, 4)
        .syntax("key milliseconds value")
        .summary("Sets the string value of a key with a time to live in milliseconds.")
        .since("2.6.0")
        .complexity("O(1)")
        .flags(&[WRITE, DENYOOM])
        .keys(&[key(1, &[OW, UPDATE])])
        .deprecated("2.6.12", "`SET` with the `PX` argument")
        .built(),
    string(Id::Set, -3)
        .syntax(
            "key value [condition<NX | XX>@2.6.12] [GET@6.2.0] [expiration<EX seconds@2.6.12 \
             | PX milliseconds@2.6.12 | EXAT unix-time-seconds@6.2.0 \
             | PXAT unix-time-milliseconds@6.2.0 | KEEPTTL@6.0.0>]",
        )
        .summary("Sets the string value of a key, whatever it held before.")
        .since("1.0.0")
        .complexity("O(1)")
        .flags(&[WRITE, DENYOOM])
        .keys(&[key(1, &[RW, ACCESS, UPDATE, VARIABLE_FLAGS])
            .notes("RW and ACCESS due to the optional `GET` argument")])
        .history(&[
            ("2.6.12", "Added the `EX`, `PX`, `NX` and `XX` options."),
            ("6.0.0", "Added the `KEEPTTL` option."),
            ("6.2.0", "Added the `GET`, `EXAT` and `PXAT` option."),
            ("7.0.0", "Allowed the `NX` and `GET` options to be used together."),
        ])
        .built(),
    string(Id::Setex, 4)
        .syntax("key seconds value")
        .summary("Sets the string value of a key with a time to live in seconds.")
        .since("2.0.0")
        .complexity("O(1)")
        .flags(&[WRITE, DENYOOM])
        .keys(&[key(1, &[OW, UPDATE])])
        .deprecated("2.6.12", "`SET` with the `EX` argument")
        .built(),
    string(Id::Setnx, 3)
        .syntax("key value")
        .summary("Sets the string value of a key, if the key is absent.")
        .since("1.0.0")
        .complexity("O(1)")
        .flags(&[WRITE, DENYOOM, FAST])
        .keys(&[key(1, &[OW, INSERT])])
        .deprecated("2.6.12", "`SET` with the `NX` argument")
        .built(),
    string(Id::Setrange, 4)
        .syntax("key offset value")
        .summary("Overwrites a part of a string, which is created if absent.")
        .since("2.2.0")
        .complexity("O(N) where N is the length of the value")
        .flags(&[WRITE, DENYOOM])
        .keys(&[key(1, &[RW, UPDATE])])
        .built(),
    string(Id::Strlen, 2)
        .syntax("key")
        .summary("Returns the length of a string.")
        .since("2.2.0")
        .complexity("O(1)")
        .flags(&[READONLY, FAST])
        .keys(&[key(1, &[RO])])
        .built(),
    string(Id::Substr, 4)
        .syntax("key start end")
        .summary("Returns a part of a string.")
        .since("1.0.0")
        .complexity("O(N) where N is the length returned")
        .flags(&[READONLY])
        .keys(&[key(1, &[RO, ACCESS])])
        .deprecated("2.0.0", "`GETRANGE`")
        .built(),
];
