//! Commands on streams and their consumer groups.

use super::prelude::*;

const fn stream(id: Id, arity: i16) -> CommandSpec {
    CommandSpec::new(id, Group::Stream, arity).acl(&[Acl::STREAM]).place(Place::Shard)
}

pub(super) const ROWS: &[CommandSpec] = &[
    stream(Id::Xack, -4)
        .syntax("key group id...")
        .summary("Acknowledges messages of a consumer group.")
        .since("5.0.0")
        .complexity("O(1) for each message ID processed")
        .flags(&[WRITE, FAST])
        .keys(&[key(1, &[RW, UPDATE])])
        .built(),
    stream(Id::Xadd, -5)
        .syntax(
            "key [NOMKSTREAM@6.2.0] [trim(strategy<MAXLEN | MINID@6.2.0> [operator<equal=`=` \
             | approximately=`~`>] threshold [LIMIT count@6.2.0])] id-selector<auto-id=`*` \
             | id> data(field value)...",
        )
        .summary("Appends a message to a stream, which is created if absent.")
        .since("5.0.0")
        .complexity("O(1), and O(N) where N is the number of messages trimmed")
        .flags(&[WRITE, DENYOOM, FAST])
        .keys(&[
            key(1, &[RW, UPDATE]).notes("UPDATE instead of INSERT because of the optional trimming feature")
        ])
        .history(&[
            ("6.2.0", "Added the `NOMKSTREAM` option, `MINID` trimming strategy and the `LIMIT` option."),
            ("7.0.0", "Added support for the `<ms>-*` explicit ID form."),
        ])
        .tips(&["nondeterministic_output"])
        .built(),
    stream(Id::Xautoclaim, -6)
        .syntax("key group consumer min-idle-time start:string [COUNT count] [JUSTID]")
        .summary("Gives messages that have waited too long to another consumer, walking through them.")
        .since("6.2.0")
        .complexity("O(1) if COUNT is small")
        .flags(&[WRITE, FAST])
        .keys(&[key(1, &[RW, DELETE])])
        .history(&[(
            "7.0.0",
            "Added an element to the reply array, containing deleted entries the command cleared \
                from the PEL",
        )])
        .tips(&["nondeterministic_output"])
        .built(),
    stream(Id::Xclaim, -6)
        .syntax(
            "key group consumer min-idle-time id... [IDLE ms] [TIME unix-time-milliseconds] \
             [RETRYCOUNT count] [FORCE] [JUSTID] [LASTID lastid]",
        )
        .summary("Gives messages that have waited too long to another consumer.")
        .since("5.0.0")
        .complexity("O(log N) with N being the number of messages in the PEL of the consumer group")
        .flags(&[WRITE, FAST])
        .keys(&[key(1, &[RW, UPDATE])])
        .tips(&["nondeterministic_output"])
        .built(),
    stream(Id::Xdel, -3)
        .syntax("key id...")
        .summary("Deletes messages from a stream.")
        .since("5.0.0")
        .complexity("O(1) for each single item to delete in the stream, regardless of the stream size")
        .flags(&[WRITE, FAST])
        .keys(&[key(1, &[RW, DELETE])])
        .built(),
    stream(Id::Xgroup, -2)
        .summary("Commands about consumer groups.")
        .since("5.0.0")
        .complexity("Depends on subcommand")
        .acl(&[])
        .place(Place::Connection)
        .built(),
    stream(Id::XgroupCreate, -5)
        .syntax("key group id-selector<id | new-id=`$`> [MKSTREAM] [ENTRIESREAD entries-read]")
        .summary("Creates a consumer group.")
        .since("5.0.0")
        .complexity("O(1)")
        .flags(&[WRITE, DENYOOM])
        .keys(&[key(2, &[RW, INSERT])])
        .history(&[("7.0.0", "Added the `entries_read` named argument.")])
        .built(),
    stream(Id::XgroupCreateconsumer, 5)
        .syntax("key group consumer")
        .summary("Creates a consumer in a group.")
        .since("6.2.0")
        .complexity("O(1)")
        .flags(&[WRITE, DENYOOM])
        .keys(&[key(2, &[RW, INSERT])])
        .built(),
    stream(Id::XgroupDelconsumer, 5)
        .syntax("key group consumer")
        .summary("Deletes a consumer of a group.")
        .since("5.0.0")
        .complexity("O(1)")
        .flags(&[WRITE])
        .keys(&[key(2, &[RW, DELETE])])
        .built(),
    stream(Id::XgroupDestroy, 4)
        .syntax("key group")
        .summary("Deletes a consumer group.")
        .since("5.0.0")
        .complexity("O(N) where N is the number of entries in the group's pending entries list (PEL)")
        .flags(&[WRITE])
        .keys(&[key(2, &[RW, DELETE])])
        .built(),
    stream(Id::XgroupHelp, 2)
        .summary("Shows help on the XGROUP subcommands.")
        .since("5.0.0")
        .complexity("O(1)")
        .flags(&[LOADING, STALE])
        .place(Place::Connection)
        .built(),
    stream(Id::XgroupSetid, -5)
        .syntax("key group id-selector<id | new-id=`$`> [ENTRIESREAD entriesread'entries-read']")
        .summary("Sets the last message delivered to a consumer group.")
        .since("5.0.0")
        .complexity("O(1)")
        .flags(&[WRITE])
        .keys(&[key(2, &[RW, UPDATE])])
        .history(&[("7.0.0", "Added the optional `entries_read` argument.")])
        .built(),
    stream(Id::Xinfo, -2)
        .summary("Commands that describe streams.")
        .since("5.0.0")
        .complexity("Depends on subcommand")
        .acl(&[])
        .place(Place::Connection)
        .built(),
    stream(Id::XinfoConsumers, 4)
        .syntax("key group")
        .summary("Lists the consumers of a group.")
        .since("5.0.0")
        .complexity("O(1)")
        .flags(&[READONLY])
        .keys(&[key(2, &[RO, ACCESS])])
        .history(&[("7.2.0", "Added the `inactive` field.")])
        .tips(&["nondeterministic_output"])
        .built(),
    stream(Id::XinfoGroups, 3)
        .syntax("key")
        .summary("Lists the consumer groups of a stream.")
        .since("5.0.0")
        .complexity("O(1)")
        .flags(&[READONLY])
        .keys(&[key(2, &[RO, ACCESS])])
        .history(&[("7.0.0", "Added the `entries-read` and `lag` fields")])
        .built(),
    stream(Id::XinfoHelp, 2)
        .summary("Shows help on the XINFO subcommands.")
        .since("5.0.0")
        .complexity("O(1)")
        .flags(&[LOADING, STALE])
        .place(Place::Connection)
        .built(),
    stream(Id::XinfoStream, -3)
        .syntax("key [full-block(FULL [COUNT count])]")
        .summary("Describes a stream.")
        .since("5.0.0")
        .complexity("O(1)")
        .flags(&[READONLY])
        .keys(&[key(2, &[RO, ACCESS])])
        .history(&[
            ("6.0.0", "Added the `FULL` modifier."),
            (
                "7.0.0",
                "Added the `max-deleted-entry-id`, `entries-added`, `recorded-first-entry-id`, \
                `entries-read` and `lag` fields",
            ),
            ("7.2.0", "Added the `active-time` field, and changed the meaning of `seen-time`."),
        ])
        .built(),
    stream(Id::Xlen, 2)
        .syntax("key")
        .summary("Counts the messages of a stream.")
        .since("5.0.0")
        .complexity("O(1)")
        .flags(&[READONLY, FAST])
        .keys(&[key(1, &[RO])])
        .built(),
    stream(Id::Xpending, -3)
        .syntax(
            "key group [filters([IDLE min-idle-time:integer@6.2.0] start:string end:string count \
             [consumer])]",
        )
        .summary("Shows messages of a group that were delivered and not acknowledged.")
        .since("5.0.0")
        .complexity("O(N) where N is the number of messages looked at, or of consumers in the summary")
        .flags(&[READONLY])
        .keys(&[key(1, &[RO, ACCESS])])
        .history(&[("6.2.0", "Added the `IDLE` option and exclusive range intervals.")])
        .tips(&["nondeterministic_output"])
        .built(),
    stream(Id::Xrange, -4)
        .syntax("key start:string end:string [COUNT count]")
        .summary("Returns the messages of a stream in a range of ids.")
        .since("5.0.0")
        .complexity("O(N) where N is the number of messages returned")
        .flags(&[READONLY])
        .keys(&[key(1, &[RO, ACCESS])])
        .history(&[("6.2.0", "Added exclusive ranges.")])
        .built(),
    stream(Id::Xread, -4)
        .syntax("[COUNT count] [BLOCK milliseconds] STREAMS streams(key... id...)")
        .summary("Returns new messages of streams, and may wait for them.")
        .since("5.0.0")
        .flags(&[READONLY, BLOCKING])
        .keys(&[after("STREAMS", 1, FIRST_HALF, &[RO, ACCESS])])
        .split(Split::Gather)
        .built(),
    stream(Id::Xreadgroup, -7)
        .syntax(
            "GROUP group-block(group consumer) [COUNT count] [BLOCK milliseconds] \
             [NOACK] STREAMS streams(key... id...)",
        )
        .summary("Returns new messages of streams to a consumer of a group, and may wait for them.")
        .since("5.0.0")
        .complexity("O(N) for each stream, where N is the number of messages returned")
        .flags(&[WRITE, BLOCKING])
        .keys(&[after("STREAMS", 4, FIRST_HALF, &[RO, ACCESS])])
        .split(Split::Gather)
        .built(),
    stream(Id::Xrevrange, -4)
        .syntax("key end:string start:string [COUNT count]")
        .summary("Returns the messages of a stream in a range of ids, last first.")
        .since("5.0.0")
        .complexity("O(N) where N is the number of messages returned")
        .flags(&[READONLY])
        .keys(&[key(1, &[RO, ACCESS])])
        .history(&[("6.2.0", "Added exclusive ranges.")])
        .built(),
    stream(Id::Xsetid, -3)
        .syntax("key last-id [ENTRIESADDED entries-added@7.0.0] [MAXDELETEDID max-deleted-id@7.0.0]")
        .summary("Sets the last id of a stream, for replication.")
        .since("5.0.0")
        .complexity("O(1)")
        .flags(&[WRITE, DENYOOM, FAST])
        .keys(&[key(1, &[RW, UPDATE])])
        .history(&[("7.0.0", "Added the `entries_added` and `max_deleted_entry_id` arguments.")])
        .built(),
    stream(Id::Xtrim, -4)
        .syntax(
            "key trim(strategy<MAXLEN | MINID@6.2.0> [operator<equal=`=` \
             | approximately=`~`>] threshold [LIMIT count@6.2.0])",
        )
        .summary("Removes the oldest messages of a stream.")
        .since("5.0.0")
        .complexity("O(N) where N is the number of messages trimmed")
        .flags(&[WRITE])
        .keys(&[key(1, &[RW, DELETE])])
        .history(&[("6.2.0", "Added the `MINID` trimming strategy and the `LIMIT` option.")])
        .tips(&["nondeterministic_output"])
        .built(),
];
