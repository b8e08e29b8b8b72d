//! Commands on lists. The blocking ones wait for an element on any of their keys.

use super::prelude::*;

const fn list(id: Id, arity: i16) -> CommandSpec {
    CommandSpec::new(id, Group::List, arity).acl(&[Acl::LIST]).place(Place::Shard)
}

pub(super) const ROWS: &[CommandSpec] = &[
    list(Id::Blmove, 6)
        .syntax("source destination wherefrom<LEFT | RIGHT> whereto<LEFT | RIGHT> timeout")
        .summary(
            "Moves an element from one list to another and returns it, waiting for one if there \
            is none.",
        )
        .since("6.2.0")
        .complexity("O(1)")
        .flags(&[WRITE, DENYOOM, BLOCKING])
        .keys(&[key(1, &[RW, ACCESS, DELETE]), key(2, &[RW, INSERT])])
        .split(Split::Gather),
    list(Id::Blmpop, -5)
        .syntax("timeout numkeys key... where<LEFT | RIGHT> [COUNT count]")
        .summary("Pops elements from the first of several lists that has some, waiting if none has.")
        .since("7.0.0")
        .complexity("O(N+M) where N is the number of keys and M the number of elements popped")
        .flags(&[WRITE, BLOCKING])
        .keys(&[numkeys(2, &[RW, ACCESS, DELETE])])
        .split(Split::Gather),
    list(Id::Blpop, -3)
        .syntax("key... timeout")
        .summary("Pops the first element of the first list that has one, waiting if none has.")
        .since("2.0.0")
        .complexity("O(N) where N is the number of provided keys")
        .flags(&[WRITE, BLOCKING])
        .keys(&[keys(1, -2, 1, &[RW, ACCESS, DELETE])])
        .split(Split::Gather)
        .history(&[("6.0.0", "`timeout` is interpreted as a double instead of an integer.")]),
    list(Id::Brpop, -3)
        .syntax("key... timeout")
        .summary("Pops the last element of the first list that has one, waiting if none has.")
        .since("2.0.0")
        .complexity("O(N) where N is the number of provided keys")
        .flags(&[WRITE, BLOCKING])
        .keys(&[keys(1, -2, 1, &[RW, ACCESS, DELETE])])
        .split(Split::Gather)
        .history(&[("6.0.0", "`timeout` is interpreted as a double instead of an integer.")]),
    list(Id::Brpoplpush, 4)
        .syntax("source destination timeout")
        .summary(
            "Moves the last element of a list to the front of another, waiting for one if there \
            is none.",
        )
        .since("2.2.0")
        .complexity("O(1)")
        .flags(&[WRITE, DENYOOM, BLOCKING])
        .keys(&[key(1, &[RW, ACCESS, DELETE]), key(2, &[RW, INSERT])])
        .split(Split::Gather)
        .history(&[("6.0.0", "`timeout` is interpreted as a double instead of an integer.")])
        .deprecated("6.2.0", "`BLMOVE` with the `RIGHT` and `LEFT` arguments"),
    list(Id::Lindex, 3)
        .syntax("key index")
        .summary("Returns the element at an index of a list.")
        .since("1.0.0")
        .complexity("O(N) where N is the distance from the nearer end")
        .flags(&[READONLY])
        .keys(&[key(1, &[RO, ACCESS])]),
    list(Id::Linsert, 5)
        .syntax("key where<BEFORE | AFTER> pivot element")
        .summary("Inserts an element before or after another one.")
        .since("2.2.0")
        .complexity("O(N) where N is the number of elements before the pivot")
        .flags(&[WRITE, DENYOOM])
        .keys(&[key(1, &[RW, INSERT])]),
    list(Id::Llen, 2)
        .syntax("key")
        .summary("Counts the elements of a list.")
        .since("1.0.0")
        .complexity("O(1)")
        .flags(&[READONLY, FAST])
        .keys(&[key(1, &[RO])]),
    list(Id::Lmove, 5)
        .syntax("source destination wherefrom<LEFT | RIGHT> whereto<LEFT | RIGHT>")
        .summary("Moves an element from one list to another and returns it.")
        .since("6.2.0")
        .complexity("O(1)")
        .flags(&[WRITE, DENYOOM])
        .keys(&[key(1, &[RW, ACCESS, DELETE]), key(2, &[RW, INSERT])])
        .split(Split::Gather),
    list(Id::Lmpop, -4)
        .syntax("numkeys key... where<LEFT | RIGHT> [COUNT count]")
        .summary("Pops elements from the first of several lists that has some.")
        .since("7.0.0")
        .complexity("O(N+M) where N is the number of keys and M the number of elements popped")
        .flags(&[WRITE])
        .keys(&[numkeys(1, &[RW, ACCESS, DELETE])])
        .split(Split::Gather),
    list(Id::Lpop, -2)
        .syntax("key [count@6.2.0]")
        .summary("Pops elements from the front of a list.")
        .since("1.0.0")
        .complexity("O(N) where N is the number of elements returned")
        .flags(&[WRITE, FAST])
        .keys(&[key(1, &[RW, ACCESS, DELETE])])
        .history(&[("6.2.0", "Added the `count` argument.")]),
    list(Id::Lpos, -3)
        .syntax("key element [RANK rank] [COUNT num-matches] [MAXLEN len]")
        .summary("Finds the positions of an element in a list.")
        .since("6.0.6")
        .complexity("O(N) where N is the number of elements compared")
        .flags(&[READONLY])
        .keys(&[key(1, &[RO, ACCESS])]),
    list(Id::Lpush, -3)
        .syntax("key element...")
        .summary("Puts elements at the front of a list, which is created if absent.")
        .since("1.0.0")
        .complexity("O(N) where N is the number of elements given")
        .flags(&[WRITE, DENYOOM, FAST])
        .keys(&[key(1, &[RW, INSERT])])
        .history(&[("2.4.0", "Accepts multiple `element` arguments.")]),
    list(Id::Lpushx, -3)
        .syntax("key element...")
        .summary("Puts elements at the front of a list, if it exists.")
        .since("2.2.0")
        .complexity("O(N) where N is the number of elements given")
        .flags(&[WRITE, DENYOOM, FAST])
        .keys(&[key(1, &[RW, INSERT])])
        .history(&[("4.0.0", "Accepts multiple `element` arguments.")]),
    list(Id::Lrange, 4)
        .syntax("key start stop")
        .summary("Returns a range of the elements of a list.")
        .since("1.0.0")
        .complexity(
            "O(S+N) where S is the distance from the nearer end and N the number of elements \
            returned",
        )
        .flags(&[READONLY])
        .keys(&[key(1, &[RO, ACCESS])]),
    list(Id::Lrem, 4)
        .syntax("key count element")
        .summary("Removes elements equal to a value from a list.")
        .since("1.0.0")
        .complexity("O(N+M) where N is the length of the list and M is the number of elements removed")
        .flags(&[WRITE])
        .keys(&[key(1, &[RW, DELETE])]),
    list(Id::Lset, 4)
        .syntax("key index element")
        .summary("Replaces the element at an index of a list.")
        .since("1.0.0")
        .complexity("O(N) where N is the distance from the nearer end")
        .flags(&[WRITE, DENYOOM])
        .keys(&[key(1, &[RW, UPDATE])]),
    list(Id::Ltrim, 4)
        .syntax("key start stop")
        .summary("Removes all elements of a list outside a range.")
        .since("1.0.0")
        .complexity("O(N) where N is the number of elements to be removed by the operation")
        .flags(&[WRITE])
        .keys(&[key(1, &[RW, DELETE])]),
    list(Id::Rpop, -2)
        .syntax("key [count@6.2.0]")
        .summary("Pops elements from the end of a list.")
        .since("1.0.0")
        .complexity("O(N) where N is the number of elements returned")
        .flags(&[WRITE, FAST])
        .keys(&[key(1, &[RW, ACCESS, DELETE])])
        .history(&[("6.2.0", "Added the `count` argument.")]),
    list(Id::Rpoplpush, 3)
        .syntax("source destination")
        .summary("Moves the last element of a list to the front of another and returns it.")
        .since("1.2.0")
        .complexity("O(1)")
        .flags(&[WRITE, DENYOOM])
        .keys(&[key(1, &[RW, ACCESS, DELETE]), key(2, &[RW, INSERT])])
        .split(Split::Gather)
        .deprecated("6.2.0", "`LMOVE` with the `RIGHT` and `LEFT` arguments"),
    list(Id::Rpush, -3)
        .syntax("key element...")
        .summary("Puts elements at the end of a list, which is created if absent.")
        .since("1.0.0")
        .complexity("O(N) where N is the number of elements given")
        .flags(&[WRITE, DENYOOM, FAST])
        .keys(&[key(1, &[RW, INSERT])])
        .history(&[("2.4.0", "Accepts multiple `element` arguments.")]),
    list(Id::Rpushx, -3)
        .syntax("key element...")
        .summary("Puts elements at the end of a list, if it exists.")
        .since("2.2.0")
        .complexity("O(N) where N is the number of elements given")
        .flags(&[WRITE, DENYOOM, FAST])
        .keys(&[key(1, &[RW, INSERT])])
        .history(&[("4.0.0", "Accepts multiple `element` arguments.")]),
];
