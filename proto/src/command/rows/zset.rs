//! Commands on sorted sets. Ranges go by rank, by score or by name.

use super::prelude::*;

const fn zset(id: Id, arity: i16) -> CommandSpec {
    CommandSpec::new(id, Group::SortedSet, arity).acl(&[Acl::SORTEDSET]).place(Place::Shard)
}

pub(super) const ROWS: &[CommandSpec] = &[
    zset(Id::Bzmpop, -5)
        .syntax("timeout numkeys key... where<MIN | MAX> [COUNT count]")
        .summary(
            "Pops lowest or highest members from the first of several sorted sets that has some, \
            waiting if none has.",
        )
        .since("7.0.0")
        .complexity(
            "O(K) + O(M*log(N)) where K is the number of keys, N the size of the set and M the \
            number of members popped",
        )
        .flags(&[WRITE, BLOCKING])
        .keys(&[numkeys(2, &[RW, ACCESS, DELETE])])
        .split(Split::Gather)
        .built(),
    zset(Id::Bzpopmax, -3)
        .syntax("key... timeout")
        .summary("Pops the highest member of the first sorted set that has one, waiting if none has.")
        .since("5.0.0")
        .complexity("O(log(N)) with N being the number of elements in the sorted set")
        .flags(&[WRITE, BLOCKING, FAST])
        .keys(&[keys(1, -2, 1, &[RW, ACCESS, DELETE])])
        .split(Split::Gather)
        .history(&[("6.0.0", "`timeout` is interpreted as a double instead of an integer.")])
        .built(),
    zset(Id::Bzpopmin, -3)
        .syntax("key... timeout")
        .summary("Pops the lowest member of the first sorted set that has one, waiting if none has.")
        .since("5.0.0")
        .complexity("O(log(N)) with N being the number of elements in the sorted set")
        .flags(&[WRITE, BLOCKING, FAST])
        .keys(&[keys(1, -2, 1, &[RW, ACCESS, DELETE])])
        .split(Split::Gather)
        .history(&[("6.0.0", "`timeout` is interpreted as a double instead of an integer.")])
        .built(),
    zset(Id::Zadd, -4)
        .syntax(
            "key [condition<NX | XX>@3.0.2] [comparison<GT | LT>@6.2.0] [change=CH@3.0.2] \
             [increment=INCR@3.0.2] data(score member)...",
        )
        .summary("Adds members to a sorted set, or changes their scores.")
        .since("1.2.0")
        .complexity("O(log(N)) for each item added, where N is the number of elements in the sorted set")
        .flags(&[WRITE, DENYOOM, FAST])
        .keys(&[key(1, &[RW, UPDATE])])
        .history(&[
            ("2.4.0", "Accepts multiple elements."),
            ("3.0.2", "Added the `XX`, `NX`, `CH` and `INCR` options."),
            ("6.2.0", "Added the `GT` and `LT` options."),
        ])
        .built(),
    zset(Id::Zcard, 2)
        .syntax("key")
        .summary("Counts the members of a sorted set.")
        .since("1.2.0")
        .complexity("O(1)")
        .flags(&[READONLY, FAST])
        .keys(&[key(1, &[RO])])
        .built(),
    zset(Id::Zcount, 4)
        .syntax("key min:double max:double")
        .summary("Counts the members in a range of scores.")
        .since("2.0.0")
        .complexity("O(log(N)) with N being the number of elements in the sorted set")
        .flags(&[READONLY, FAST])
        .keys(&[key(1, &[RO, ACCESS])])
        .built(),
    zset(Id::Zdiff, -3)
        .syntax("numkeys key... [WITHSCORES]")
        .summary("Returns the members of a sorted set that no other of them has.")
        .since("6.2.0")
        .complexity(
            "O(L+(N-K)*log(N)) where L is the size of all sets together, N of the first and K of \
            the outcome",
        )
        .flags(&[READONLY])
        .keys(&[numkeys(1, &[RO, ACCESS])])
        .split(Split::Gather)
        .built(),
    zset(Id::Zdiffstore, -4)
        .syntax("destination numkeys key...")
        .summary("Stores the members of a sorted set that no other of them has.")
        .since("6.2.0")
        .complexity(
            "O(L+(N-K)*log(N)) where L is the size of all sets together, N of the first and K of \
            the outcome",
        )
        .flags(&[WRITE, DENYOOM])
        .keys(&[key(1, &[OW, UPDATE]), numkeys(2, &[RO, ACCESS])])
        .split(Split::Gather)
        .built(),
    zset(Id::Zincrby, 4)
        .syntax("key increment member")
        .summary("Adds a number to the score of a member.")
        .since("1.2.0")
        .complexity("O(log(N)) where N is the number of elements in the sorted set")
        .flags(&[WRITE, DENYOOM, FAST])
        .keys(&[key(1, &[RW, ACCESS, UPDATE])])
        .built(),
    zset(Id::Zinter, -3)
        .syntax(
            "numkeys key... [WEIGHTS weight...] [AGGREGATE aggregate<SUM | MIN | MAX>] \
             [WITHSCORES]",
        )
        .summary("Returns the members that all the sorted sets have.")
        .since("6.2.0")
        .complexity(
            "O(N*K)+O(M*log(M)) where N is the size of the smallest set, K the number of sets \
            and M the size of the outcome",
        )
        .flags(&[READONLY])
        .keys(&[numkeys(1, &[RO, ACCESS])])
        .split(Split::Gather)
        .built(),
    zset(Id::Zintercard, -3)
        .syntax("numkeys key... [LIMIT limit]")
        .summary("Counts the members that all the sorted sets have.")
        .since("7.0.0")
        .complexity("O(N*K) where N is the size of the smallest set and K the number of sets")
        .flags(&[READONLY])
        .keys(&[numkeys(1, &[RO, ACCESS])])
        .split(Split::Gather)
        .built(),
    zset(Id::Zinterstore, -4)
        .syntax(
            "destination numkeys key... [WEIGHTS weight...] [AGGREGATE aggregate<SUM | MIN \
             | MAX>]",
        )
        .summary("Stores the members that all the sorted sets have.")
        .since("2.0.0")
        .complexity(
            "O(N*K)+O(M*log(M)) where N is the size of the smallest set, K the number of sets \
            and M the size of the outcome",
        )
        .flags(&[WRITE, DENYOOM])
        .keys(&[key(1, &[OW, UPDATE]), numkeys(2, &[RO, ACCESS])])
        .split(Split::Gather)
        .built(),
    zset(Id::Zlexcount, 4)
        .syntax("key min max")
        .summary("Counts the members in a lexicographic range.")
        .since("2.8.9")
        .complexity("O(log(N)) with N being the number of elements in the sorted set")
        .flags(&[READONLY, FAST])
        .keys(&[key(1, &[RO, ACCESS])])
        .built(),
    zset(Id::Zmpop, -4)
        .syntax("numkeys key... where<MIN | MAX> [COUNT count]")
        .summary("Pops lowest or highest members from the first of several sorted sets that has some.")
        .since("7.0.0")
        .complexity(
            "O(K) + O(M*log(N)) where K is the number of keys, N the size of the set and M the \
            number of members popped",
        )
        .flags(&[WRITE])
        .keys(&[numkeys(1, &[RW, ACCESS, DELETE])])
        .split(Split::Gather)
        .built(),
    zset(Id::Zmscore, -3)
        .syntax("key member...")
        .summary("Returns the scores of members.")
        .since("6.2.0")
        .complexity("O(N) where N is the number of members being requested")
        .flags(&[READONLY, FAST])
        .keys(&[key(1, &[RO, ACCESS])])
        .built(),
    zset(Id::Zpopmax, -2)
        .syntax("key [count]")
        .summary("Pops the highest members of a sorted set.")
        .since("5.0.0")
        .complexity("O(M*log(N)) where N is the size of the set and M the number of members popped")
        .flags(&[WRITE, FAST])
        .keys(&[key(1, &[RW, ACCESS, DELETE])])
        .built(),
    zset(Id::Zpopmin, -2)
        .syntax("key [count]")
        .summary("Pops the lowest members of a sorted set.")
        .since("5.0.0")
        .complexity("O(M*log(N)) where N is the size of the set and M the number of members popped")
        .flags(&[WRITE, FAST])
        .keys(&[key(1, &[RW, ACCESS, DELETE])])
        .built(),
    zset(Id::Zrandmember, -2)
        .syntax("key [options(count [WITHSCORES])]")
        .summary("Returns random members of a sorted set.")
        .since("6.2.0")
        .complexity("O(N) where N is the number of members returned")
        .flags(&[READONLY])
        .keys(&[key(1, &[RO, ACCESS])])
        .tips(&["nondeterministic_output"])
        .built(),
    zset(Id::Zrange, -4)
        .syntax(
            "key start:string stop:string [sortby<BYSCORE | BYLEX>@6.2.0] [REV@6.2.0] \
             [LIMIT limit(offset count)@6.2.0] [WITHSCORES]",
        )
        .summary("Returns the members in a range of ranks, scores or names.")
        .since("1.2.0")
        .complexity("O(log(N)+M) where N is the size of the set and M the number of members returned")
        .flags(&[READONLY])
        .keys(&[key(1, &[RO, ACCESS])])
        .history(&[("6.2.0", "Added the `REV`, `BYSCORE`, `BYLEX` and `LIMIT` options.")])
        .built(),
    zset(Id::Zrangebylex, -4)
        .syntax("key min max [LIMIT limit(offset count)]")
        .summary("Returns the members in a lexicographic range.")
        .since("2.8.9")
        .complexity("O(log(N)+M) where N is the size of the set and M the number of members returned")
        .flags(&[READONLY])
        .keys(&[key(1, &[RO, ACCESS])])
        .deprecated("6.2.0", "`ZRANGE` with the `BYLEX` argument")
        .built(),
    zset(Id::Zrangebyscore, -4)
        .syntax("key min:double max:double [WITHSCORES@2.0.0] [LIMIT limit(offset count)]")
        .summary("Returns the members in a range of scores.")
        .since("1.0.5")
        .complexity("O(log(N)+M) where N is the size of the set and M the number of members returned")
        .flags(&[READONLY])
        .keys(&[key(1, &[RO, ACCESS])])
        .history(&[("2.0.0", "Added the `WITHSCORES` modifier.")])
        .deprecated("6.2.0", "`ZRANGE` with the `BYSCORE` argument")
        .built(),
    zset(Id::Zrangestore, -5)
        .syntax("dst src min max [sortby<BYSCORE | BYLEX>] [REV] [LIMIT limit(offset count)]")
        .summary("Stores the members in a range of ranks, scores or names.")
        .since("6.2.0")
        .complexity("O(log(N)+M) where N is the size of the set and M the number of members stored")
        .flags(&[WRITE, DENYOOM])
        .keys(&[key(1, &[OW, UPDATE]), key(2, &[RO, ACCESS])])
        .split(Split::Gather)
        .built(),
    zset(Id::Zrank, -3)
        .syntax("key member [WITHSCORE]")
        .summary("Returns the rank of a member, lowest score first.")
        .since("2.0.0")
        .complexity("O(log(N))")
        .flags(&[READONLY, FAST])
        .keys(&[key(1, &[RO, ACCESS])])
        .history(&[("7.2.0", "Added the optional `WITHSCORE` argument.")])
        .built(),
    zset(Id::Zrem, -3)
        .syntax("key member...")
        .summary("Removes members from a sorted set, and the set with its last member.")
        .since("1.2.0")
        .complexity("O(M*log(N)) where N is the size of the set and M the number of members given")
        .flags(&[WRITE, FAST])
        .keys(&[key(1, &[RW, DELETE])])
        .history(&[("2.4.0", "Accepts multiple elements.")])
        .built(),
    zset(Id::Zremrangebylex, 4)
        .syntax("key min max")
        .summary("Removes the members in a lexicographic range.")
        .since("2.8.9")
        .complexity("O(log(N)+M) where N is the size of the set and M the number of members removed")
        .flags(&[WRITE])
        .keys(&[key(1, &[RW, DELETE])])
        .built(),
    zset(Id::Zremrangebyrank, 4)
        .syntax("key start stop")
        .summary("Removes the members in a range of ranks.")
        .since("2.0.0")
        .complexity("O(log(N)+M) where N is the size of the set and M the number of members removed")
        .flags(&[WRITE])
        .keys(&[key(1, &[RW, DELETE])])
        .built(),
    zset(Id::Zremrangebyscore, 4)
        .syntax("key min:double max:double")
        .summary("Removes the members in a range of scores.")
        .since("1.2.0")
        .complexity("O(log(N)+M) where N is the size of the set and M the number of members removed")
        .flags(&[WRITE])
        .keys(&[key(1, &[RW, DELETE])])
        .built(),
    zset(Id::Zrevrange, -4)
        .syntax("key start stop [WITHSCORES]")
        .summary("Returns the members in a range of ranks, highest score first.")
        .since("1.2.0")
        .complexity("O(log(N)+M) where N is the size of the set and M the number of members returned")
        .flags(&[READONLY])
        .keys(&[key(1, &[RO, ACCESS])])
        .deprecated("6.2.0", "`ZRANGE` with the `REV` argument")
        .built(),
    zset(Id::Zrevrangebylex, -4)
        .syntax("key max min [LIMIT limit(offset count)]")
        .summary("Returns the members in a lexicographic range, last first.")
        .since("2.8.9")
        .complexity("O(log(N)+M) where N is the size of the set and M the number of members returned")
        .flags(&[READONLY])
        .keys(&[key(1, &[RO, ACCESS])])
        .deprecated("6.2.0", "`ZRANGE` with the `REV` and `BYLEX` arguments")
        .built(),
    zset(Id::Zrevrangebyscore, -4)
        .syntax("key max:double min:double [WITHSCORES] [LIMIT limit(offset count)]")
        .summary("Returns the members in a range of scores, highest first.")
        .since("2.2.0")
        .complexity("O(log(N)+M) where N is the size of the set and M the number of members returned")
        .flags(&[READONLY])
        .keys(&[key(1, &[RO, ACCESS])])
        .history(&[("2.1.6", "`min` and `max` can be exclusive.")])
        .deprecated("6.2.0", "`ZRANGE` with the `REV` and `BYSCORE` arguments")
        .built(),
    zset(Id::Zrevrank, -3)
        .syntax("key member [WITHSCORE]")
        .summary("Returns the rank of a member, highest score first.")
        .since("2.0.0")
        .complexity("O(log(N))")
        .flags(&[READONLY, FAST])
        .keys(&[key(1, &[RO, ACCESS])])
        .history(&[("7.2.0", "Added the optional `WITHSCORE` argument.")])
        .built(),
    zset(Id::Zscan, -3)
        .syntax("key cursor [MATCH pattern] [COUNT count] [NOSCORES@8.0.0]")
        .summary("Walks through the members of a sorted set.")
        .since("2.8.0")
        .complexity("O(1) a call, O(N) for a full walk over N members")
        .flags(&[READONLY])
        .keys(&[key(1, &[RO, ACCESS])])
        .tips(&["nondeterministic_output"])
        .built(),
    zset(Id::Zscore, 3)
        .syntax("key member")
        .summary("Returns the score of a member.")
        .since("1.2.0")
        .complexity("O(1)")
        .flags(&[READONLY, FAST])
        .keys(&[key(1, &[RO, ACCESS])])
        .built(),
    zset(Id::Zunion, -3)
        .syntax(
            "numkeys key... [WEIGHTS weight...] [AGGREGATE aggregate<SUM | MIN | MAX>] \
             [WITHSCORES]",
        )
        .summary("Returns the members that any of the sorted sets has.")
        .since("6.2.0")
        .complexity("O(N)+O(M*log(M)) where N is the size of all sets together and M of the outcome")
        .flags(&[READONLY])
        .keys(&[numkeys(1, &[RO, ACCESS])])
        .split(Split::Gather)
        .built(),
    zset(Id::Zunionstore, -4)
        .syntax(
            "destination numkeys key... [WEIGHTS weight...] [AGGREGATE aggregate<SUM | MIN \
             | MAX>]",
        )
        .summary("Stores the members that any of the sorted sets has.")
        .since("2.0.0")
        .complexity("O(N)+O(M*log(M)) where N is the size of all sets together and M of the outcome")
        .flags(&[WRITE, DENYOOM])
        .keys(&[key(1, &[OW, UPDATE]), numkeys(2, &[RO, ACCESS])])
        .split(Split::Gather)
        .built(),
];
