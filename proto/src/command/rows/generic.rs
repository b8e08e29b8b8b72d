//! Commands on keys of any type: existence, expiry, names, serialization, walks over the keyspace.

use super::prelude::*;

const fn generic(id: Id, arity: i16) -> CommandSpec {
    CommandSpec::new(id, Group::Generic, arity).acl(&[Acl::KEYSPACE]).place(Place::Shard)
}

pub(super) const ROWS: &[CommandSpec] = &[
    generic(Id::Copy, -3)
        .syntax("source destination [DB destination-db] [REPLACE]")
        .summary("Copies the value of a key to another key.")
        .since("6.2.0")
        .complexity("O(1) for strings, O(N) for collections of N elements")
        .flags(&[WRITE, DENYOOM])
        .keys(&[key(1, &[RO, ACCESS]), key(2, &[OW, UPDATE])])
        .split(Split::Gather)
        .built(),
    generic(Id::Del, -2)
        .syntax("key...")
        .summary("Deletes keys.")
        .since("1.0.0")
        .complexity("O(1) for each string, O(M) for each collection of M elements")
        .flags(&[WRITE])
        .keys(&[keys(1, -1, 1, &[RM, DELETE])])
        .split(Split::Sum)
        .tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
        .built(),
    generic(Id::Dump, 2)
        .syntax("key")
        .summary("Returns the value of a key in serialized form.")
        .since("2.6.0")
        .complexity("O(N) where N is the size of the value")
        .flags(&[READONLY])
        .keys(&[key(1, &[RO, ACCESS])])
        .tips(&["nondeterministic_output"])
        .built(),
    generic(Id::Exists, -2)
        .syntax("key...")
        .summary("Counts how many of the keys exist.")
        .since("1.0.0")
        .complexity("O(N) where N is the number of keys to check")
        .flags(&[READONLY, FAST])
        .keys(&[keys(1, -1, 1, &[RO])])
        .split(Split::Sum)
        .history(&[("3.0.3", "Accepts multiple `key` arguments.")])
        .tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
        .built(),
    generic(Id::Expire, -3)
        .syntax("key seconds [condition<NX | XX | GT | LT>@7.0.0]")
        .summary("Sets the time to live of a key, in seconds.")
        .since("1.0.0")
        .complexity("O(1)")
        .flags(&[WRITE, FAST])
        .keys(&[key(1, &[RW, UPDATE])])
        .history(&[("7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`.")])
        .built(),
    generic(Id::Expireat, -3)
        .syntax("key unix-time-seconds [condition<NX | XX | GT | LT>@7.0.0]")
        .summary("Sets the Unix time at which a key expires, in seconds.")
        .since("1.2.0")
        .complexity("O(1)")
        .flags(&[WRITE, FAST])
        .keys(&[key(1, &[RW, UPDATE])])
        .history(&[("7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`.")])
        .built(),
    generic(Id::Expiretime, 2)
        .syntax("key")
        .summary("Returns the Unix time at which a key expires, in seconds.")
        .since("7.0.0")
        .complexity("O(1)")
        .flags(&[READONLY, FAST])
        .keys(&[key(1, &[RO, ACCESS])])
        .built(),
    generic(Id::Keys, 2)
        .syntax("pattern")
        .summary("Lists the keys whose names match.")
        .since("1.0.0")
        .complexity("O(N) where N is the number of keys in the database")
        .flags(&[READONLY])
        .acl(&[Acl::KEYSPACE, Acl::DANGEROUS])
        .place(Place::AllShards)
        .split(Split::Concat)
        .tips(&["request_policy:all_shards", "nondeterministic_output_order"])
        .built(),
    generic(Id::Migrate, -6)
        .syntax(
            "host port key-selector<key | empty-string=``> destination-db timeout:integer \
             [COPY@3.0.0] [REPLACE@3.0.0] [authentication<AUTH auth'password'@4.0.7 \
             | AUTH2 auth2(username password)@6.0.0>] [KEYS keys'key'...@3.0.6]",
        )
        .summary("Moves keys to another server, atomically.")
        .since("2.6.0")
        .complexity("That of DUMP and DEL here, of RESTORE there, and of sending the values")
        .flags(&[WRITE])
        .acl(&[Acl::KEYSPACE, Acl::DANGEROUS])
        .keys(&[key(3, &[RW, ACCESS, DELETE]), after("KEYS", -2, REST, &[RW, ACCESS, DELETE, INCOMPLETE])])
        .split(Split::Gather)
        .history(&[
            ("3.0.0", "Added the `COPY` and `REPLACE` options."),
            ("3.0.6", "Added the `KEYS` option."),
            ("4.0.7", "Added the `AUTH` option."),
            ("6.0.0", "Added the `AUTH2` option."),
        ])
        .tips(&["nondeterministic_output"]),
    generic(Id::Move, 3)
        .syntax("key db")
        .summary("Moves a key to another database.")
        .since("1.0.0")
        .complexity("O(1)")
        .flags(&[WRITE, FAST])
        .keys(&[key(1, &[RW, ACCESS, UPDATE])])
        .built(),
    generic(Id::Object, -2)
        .summary("Commands about how a value is held.")
        .since("2.2.3")
        .complexity("Depends on subcommand")
        .acl(&[])
        .place(Place::Connection)
        .built(),
    generic(Id::ObjectEncoding, 3)
        .syntax("key")
        .summary("Names the representation of a value.")
        .since("2.2.3")
        .complexity("O(1)")
        .flags(&[READONLY])
        .keys(&[key(2, &[RO])])
        .tips(&["nondeterministic_output"])
        .built(),
    generic(Id::ObjectFreq, 3)
        .syntax("key")
        .summary("Returns how often a key is used, on a logarithmic scale.")
        .since("4.0.0")
        .complexity("O(1)")
        .flags(&[READONLY])
        .keys(&[key(2, &[RO])])
        .tips(&["nondeterministic_output"])
        .built(),
    generic(Id::ObjectHelp, 2)
        .summary("Shows help on the OBJECT subcommands.")
        .since("6.2.0")
        .complexity("O(1)")
        .flags(&[LOADING, STALE])
        .place(Place::Connection)
        .built(),
    generic(Id::ObjectIdletime, 3)
        .syntax("key")
        .summary("Returns the seconds since a key was last used.")
        .since("2.2.3")
        .complexity("O(1)")
        .flags(&[READONLY])
        .keys(&[key(2, &[RO])])
        .tips(&["nondeterministic_output"])
        .built(),
    generic(Id::ObjectRefcount, 3)
        .syntax("key")
        .summary("Returns the number of references to a value.")
        .since("2.2.3")
        .complexity("O(1)")
        .flags(&[READONLY])
        .keys(&[key(2, &[RO])])
        .tips(&["nondeterministic_output"])
        .built(),
    generic(Id::Persist, 2)
        .syntax("key")
        .summary("Makes a key stay, by removing its time to live.")
        .since("2.2.0")
        .complexity("O(1)")
        .flags(&[WRITE, FAST])
        .keys(&[key(1, &[RW, UPDATE])])
        .built(),
    generic(Id::Pexpire, -3)
        .syntax("key milliseconds [condition<NX | XX | GT | LT>@7.0.0]")
        .summary("Sets the time to live of a key, in milliseconds.")
        .since("2.6.0")
        .complexity("O(1)")
        .flags(&[WRITE, FAST])
        .keys(&[key(1, &[RW, UPDATE])])
        .history(&[("7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`.")])
        .built(),
    generic(Id::Pexpireat, -3)
        .syntax("key unix-time-milliseconds [condition<NX | XX | GT | LT>@7.0.0]")
        .summary("Sets the Unix time at which a key expires, in milliseconds.")
        .since("2.6.0")
        .complexity("O(1)")
        .flags(&[WRITE, FAST])
        .keys(&[key(1, &[RW, UPDATE])])
        .history(&[("7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`.")])
        .built(),
    generic(Id::Pexpiretime, 2)
        .syntax("key")
        .summary("Returns the Unix time at which a key expires, in milliseconds.")
        .since("7.0.0")
        .complexity("O(1)")
        .flags(&[READONLY, FAST])
        .keys(&[key(1, &[RO, ACCESS])])
        .built(),
    generic(Id::Pttl, 2)
        .syntax("key")
        .summary("Returns the time to live of a key, in milliseconds.")
        .since("2.6.0")
        .complexity("O(1)")
        .flags(&[READONLY, FAST])
        .keys(&[key(1, &[RO, ACCESS])])
        .history(&[("2.8.0", "Added the -2 reply.")])
        .tips(&["nondeterministic_output"])
        .built(),
    generic(Id::Randomkey, 1)
        .summary("Returns a random key of the database.")
        .since("1.0.0")
        .complexity("O(1)")
        .flags(&[READONLY, TOUCHES_ARBITRARY_KEYS])
        .place(Place::AllShards)
        .split(Split::Draw)
        .tips(&["request_policy:all_shards", "response_policy:special", "nondeterministic_output"])
        .built(),
    generic(Id::Rename, 3)
        .syntax("key newkey")
        .summary("Renames a key, replacing the one of the new name.")
        .since("1.0.0")
        .complexity("O(1)")
        .flags(&[WRITE])
        .keys(&[key(1, &[RW, ACCESS, DELETE]), key(2, &[OW, UPDATE])])
        .split(Split::Gather)
        .built(),
    generic(Id::Renamenx, 3)
        .syntax("key newkey")
        .summary("Renames a key, if the new name is free.")
        .since("1.0.0")
        .complexity("O(1)")
        .flags(&[WRITE, FAST])
        .keys(&[key(1, &[RW, ACCESS, DELETE]), key(2, &[OW, INSERT])])
        .split(Split::Gather)
        .history(&[(
            "3.2.0",
            "The command no longer returns an error when source and destination names are the \
                same.",
        )])
        .built(),
    generic(Id::Restore, -4)
        .syntax(
            "key ttl serialized-value [REPLACE@3.0.0] [ABSTTL@5.0.0] [IDLETIME seconds@5.0.0] \
             [FREQ frequency@5.0.0]",
        )
        .summary("Creates a key from its serialized value.")
        .since("2.6.0")
        .complexity("O(N) where N is the size of the value; O(N*log(N)) for sorted sets of N members")
        .flags(&[WRITE, DENYOOM])
        .acl(&[Acl::KEYSPACE, Acl::DANGEROUS])
        .keys(&[key(1, &[OW, UPDATE])])
        .history(&[
            ("3.0.0", "Added the `REPLACE` modifier."),
            ("5.0.0", "Added the `ABSTTL` modifier."),
            ("5.0.0", "Added the `IDLETIME` and `FREQ` options."),
        ])
        .built(),
    generic(Id::Scan, -2)
        .syntax("cursor [MATCH pattern] [COUNT count] [TYPE type@6.0.0]")
        .summary("Walks through the keys of the database.")
        .since("2.8.0")
        .complexity("O(1) a call, O(N) for a full walk over N keys")
        .flags(&[READONLY, TOUCHES_ARBITRARY_KEYS])
        .place(Place::AllShards)
        .split(Split::Walk)
        .history(&[("6.0.0", "Added the `TYPE` subcommand.")])
        .tips(&["nondeterministic_output", "request_policy:special", "response_policy:special"])
        .built(),
    generic(Id::Sort, -2)
        .syntax(
            "key [BY by-pattern'pattern'#1] [LIMIT limit(offset count)] \
             [GET... get-pattern'pattern'#1...] [order<ASC | DESC>] [sorting=ALPHA] \
             [STORE destination#2]",
        )
        .summary("Sorts the elements of a list, a set or a sorted set, and may store them.")
        .since("1.0.0")
        .complexity(
            "O(N+M*log(M)) where N is the number of elements and M the number returned; O(N) \
            unsorted",
        )
        .flags(&[WRITE, DENYOOM])
        .acl(&[Acl::SET, Acl::SORTEDSET, Acl::LIST, Acl::DANGEROUS])
        .keys(&[
            key(1, &[RO, ACCESS]),
            unknown(&[RO, ACCESS]).notes(
                "For the optional BY/GET keyword. It is marked 'unknown' because the key names \
                    derive from the content of the key we sort",
            ),
            unknown(&[OW, UPDATE]).notes(
                "For the optional STORE keyword. It is marked 'unknown' because the keyword can \
                    appear anywhere in the argument array",
            ),
        ])
        .split(Split::Gather)
        .built(),
    generic(Id::SortRo, -2)
        .syntax(
            "key [BY by-pattern'pattern'#1] [LIMIT limit(offset count)] \
             [GET... get-pattern'pattern'#1...] [order<ASC | DESC>] [sorting=ALPHA]",
        )
        .summary("Sorts the elements of a list, a set or a sorted set.")
        .since("7.0.0")
        .complexity(
            "O(N+M*log(M)) where N is the number of elements and M the number returned; O(N) \
            unsorted",
        )
        .flags(&[READONLY])
        .acl(&[Acl::SET, Acl::SORTEDSET, Acl::LIST, Acl::DANGEROUS])
        .keys(&[
            key(1, &[RO, ACCESS]),
            unknown(&[RO, ACCESS]).notes(
                "For the optional BY/GET keyword. It is marked 'unknown' because the key names \
                    derive from the content of the key we sort",
            ),
        ])
        .split(Split::Gather)
        .built(),
    generic(Id::Touch, -2)
        .syntax("key...")
        .summary("Renews the last use of keys, and counts those that exist.")
        .since("3.2.1")
        .complexity("O(N) where N is the number of keys that will be touched")
        .flags(&[READONLY, FAST])
        .keys(&[keys(1, -1, 1, &[RO])])
        .split(Split::Sum)
        .tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
        .built(),
    generic(Id::Ttl, 2)
        .syntax("key")
        .summary("Returns the time to live of a key, in seconds.")
        .since("1.0.0")
        .complexity("O(1)")
        .flags(&[READONLY, FAST])
        .keys(&[key(1, &[RO, ACCESS])])
        .history(&[("2.8.0", "Added the -2 reply.")])
        .tips(&["nondeterministic_output"])
        .built(),
    generic(Id::Type, 2)
        .syntax("key")
        .summary("Names the type of a value.")
        .since("1.0.0")
        .complexity("O(1)")
        .flags(&[READONLY, FAST])
        .keys(&[key(1, &[RO])])
        .built(),
    generic(Id::Unlink, -2)
        .syntax("key...")
        .summary("Deletes keys, and frees their memory later.")
        .since("4.0.0")
        .complexity("O(1) for each key; the memory is freed later, in slices")
        .flags(&[WRITE, FAST])
        .keys(&[keys(1, -1, 1, &[RM, DELETE])])
        .split(Split::Sum)
        .tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
        .built(),
    generic(Id::Wait, 3)
        .syntax("numreplicas timeout:integer")
        .summary("Waits until replicas have the writes of this connection.")
        .since("3.0.0")
        .complexity("O(1)")
        .acl(&[Acl::CONNECTION])
        .place(Place::Connection)
        .tips(&["request_policy:all_shards", "response_policy:agg_min"]),
    generic(Id::Waitaof, 4)
        .syntax("numlocal numreplicas timeout:integer")
        .summary(
            "Waits until the writes of this connection are in the append-only file, here and at \
            replicas.",
        )
        .since("7.2.0")
        .complexity("O(1)")
        .flags(&[NOSCRIPT])
        .acl(&[Acl::CONNECTION])
        .place(Place::Connection)
        .tips(&["request_policy:all_shards", "response_policy:agg_min"]),
];
