//! Commands on the bits of strings. They hold no data type of their own: a bitmap is a string.

use super::prelude::*;

const fn bitmap(id: Id, arity: i16) -> CommandSpec {
    CommandSpec::new(id, Group::Bitmap, arity).acl(&[Acl::BITMAP]).place(Place::Shard)
}

pub(super) const ROWS: &[CommandSpec] = &[
    bitmap(Id::Bitcount, -2)
        .syntax("key [range(start end [unit<BYTE | BIT>@7.0.0])]")
        .summary("Counts the bits that are set in a string.")
        .since("2.6.0")
        .complexity("O(N)")
        .flags(&[READONLY])
        .keys(&[key(1, &[RO, ACCESS])])
        .history(&[("7.0.0", "Added the `BYTE|BIT` option.")])
        .built(),
    bitmap(Id::Bitfield, -2)
        .syntax(
            "key [operation<GET get-block(encoding offset) | write([OVERFLOW overflow-block<WRAP \
             | SAT | FAIL>] write-operation<SET set-block(encoding offset value:integer) \
             | INCRBY incrby-block(encoding offset increment)>)>...]",
        )
        .summary("Reads and changes integers of any width inside a string.")
        .since("3.2.0")
        .complexity("O(1) for each subcommand specified")
        .flags(&[WRITE, DENYOOM])
        .keys(&[key(1, &[RW, ACCESS, UPDATE, VARIABLE_FLAGS])
            .notes("This command allows both access and modification of the key")])
        .built(),
    bitmap(Id::BitfieldRo, -2)
        .syntax("key [GET... get-block(encoding offset)...]")
        .summary("Reads integers of any width inside a string.")
        .since("6.0.0")
        .complexity("O(1) for each subcommand specified")
        .flags(&[READONLY, FAST])
        .keys(&[key(1, &[RO, ACCESS])])
        .built(),
    bitmap(Id::Bitop, -4)
        .syntax("operation<AND | OR | XOR | NOT> destkey key...")
        .summary("Combines strings bit by bit and stores the outcome.")
        .since("2.6.0")
        .complexity("O(N)")
        .flags(&[WRITE, DENYOOM])
        .keys(&[key(2, &[OW, UPDATE]), keys(3, -1, 1, &[RO, ACCESS])])
        .split(Split::Gather)
        .built(),
    bitmap(Id::Bitpos, -3)
        .syntax("key bit [range(start [end-unit-block(end [unit<BYTE | BIT>@7.0.0])])]")
        .summary("Finds the first bit that is set, or clear, in a string.")
        .since("2.8.7")
        .complexity("O(N)")
        .flags(&[READONLY])
        .keys(&[key(1, &[RO, ACCESS])])
        .history(&[("7.0.0", "Added the `BYTE|BIT` option.")])
        .built(),
    bitmap(Id::Getbit, 3)
        .syntax("key offset")
        .summary("Returns one bit of a string.")
        .since("2.2.0")
        .complexity("O(1)")
        .flags(&[READONLY, FAST])
        .keys(&[key(1, &[RO, ACCESS])])
        .built(),
    bitmap(Id::Setbit, 4)
        .syntax("key offset value:integer")
        .summary("Sets or clears one bit of a string, which is created if absent.")
        .since("2.2.0")
        .complexity("O(1)")
        .flags(&[WRITE, DENYOOM])
        .keys(&[key(1, &[RW, ACCESS, UPDATE])])
        .built(),
];
