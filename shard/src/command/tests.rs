//! Transcripts: what redis-server 7.0.15 answered to these commands, replayed here. They hold the edge cases
//! of every command of this folder; where an answer depends on the clock, absolute times stand in.

use crate::event::Class;
use crate::shard::{Place, Shard};
use crate::testing::Bed;

#[test]
fn strings() {
    Bed::new().replay(include_str!("transcripts/strings.txt"));
}

#[test]
fn ranges_and_counters() {
    Bed::new().replay(include_str!("transcripts/ranges.txt"));
}

#[test]
fn lcs() {
    Bed::new().replay(include_str!("transcripts/lcs.txt"));
}

#[test]
fn keys() {
    Bed::new().replay(include_str!("transcripts/keys.txt"));
}

#[test]
fn bits() {
    Bed::new().replay(include_str!("transcripts/bits.txt"));
}

#[test]
fn hyperloglogs() {
    Bed::new().replay(include_str!("transcripts/hll.txt"));
}

/// Changes are counted as Redis counts them: what persistence and replication go by.
#[test]
fn changes_are_counted() {
    let mut bed = Bed::new();
    for (command, changes) in [
        ("set a 1", 1),
        ("set a 1 nx", 0),
        ("setnx a 1", 0),
        ("get a", 0),
        ("mset a 1 b 2 c 3", 3),
        ("msetnx d 1 e 2", 2),
        ("msetnx d 1 f 2", 0),
        ("incr a", 1),
        ("incr nokey2", 1),
        ("append a 1", 1),
        ("setrange a 0 x", 1),
        ("setrange nokey 0 ", 0),
        ("incr a", 0),
        ("expire b 100", 1),
        ("expire b 100 nx", 0),
        ("persist b", 1),
        ("persist b", 0),
        ("expire b -1", 1),
        ("expire b 10", 0),
        ("getex c", 0),
        ("getex c ex 10", 1),
        ("getex c persist", 1),
        ("getex c persist", 0),
        ("getex c pxat 1", 1),
        ("getset a 1", 1),
        ("getdel a", 1),
        ("getdel a", 0),
        ("set d 1 pxat 1", 1),
        ("set d 1 pxat 1", 0),
        ("del e nokey", 1),
        ("mset a 1 b 2 c 3", 3),
        ("rename a d", 1),
        ("rename d d", 0),
        ("renamenx d b", 0),
        ("copy b x", 1),
        ("copy b x", 0),
        ("move b 1", 1),
        ("move b 1", 0),
        ("swapdb 0 1", 1),
        ("unlink b c", 1),
        ("flushall", 4),
        ("flushall", 0),
    ] {
        bed.run(&command.split(' ').collect::<Vec<_>>());
        assert_eq!(bed.cx.dirty, changes, "{command}");
    }
}

/// Bits and HyperLogLogs count what changed, and tell it as Redis 7.2 does; what PFCOUNT and PFDEBUG keep for
/// themselves, and a string that only grew, count as changes that no event tells.
#[test]
fn changes_of_bits_are_counted_and_told() {
    let mut bed = Bed::new();
    bed.shard.events.publish(Class(u16::MAX ^ Class::KEYMISS.0));
    for (command, changes, event) in [
        ("setbit a 0 0", 1, "new setbit"),
        ("setbit a 0 0", 0, ""),
        ("setbit a 0 1", 1, "setbit"),
        ("setbit a 90 0", 1, "setbit"),
        ("getbit a 0", 0, ""),
        ("bitfield b set i5 0 0", 1, "new setbit"),
        ("bitfield b set i5 0 0", 0, ""),
        ("bitfield b set i5 90 0 get u8 0", 1, "setbit"),
        ("bitfield b incrby i5 0 1 incrby i5 0 1 incrby i5 0 0", 2, "setbit"),
        ("bitfield b overflow fail incrby i5 0 100", 0, ""),
        ("bitfield c overflow fail set u4 0 100", 1, "new"),
        ("bitfield c get u4 900", 0, ""),
        ("bitop or d a b", 1, "new set"),
        ("bitop xor d a b", 1, "set"),
        ("bitop or d nokey", 1, "del"),
        ("bitop or d nokey", 0, ""),
        ("pfadd h", 1, "new pfadd"),
        ("pfadd h", 0, ""),
        ("pfadd h a b c a", 3, "pfadd"),
        ("pfadd i a b", 3, "new pfadd"),
        ("pfcount h", 1, ""),
        ("pfcount h", 0, ""),
        ("pfcount h i", 0, ""),
        ("pfmerge i h", 1, "pfadd"),
        ("pfmerge i h", 1, "pfadd"),
        ("pfdebug todense h", 1, ""),
        ("pfdebug getreg h", 0, ""),
        ("pfdebug getreg i", 1, ""),
    ] {
        bed.run(&command.split(' ').collect::<Vec<_>>());
        let told: Vec<_> = bed.shard.events.notifications.drain(..).map(|n| n.event).collect();
        assert_eq!((bed.cx.dirty, told.join(" ")), (changes, event.into()), "{command}");
    }
}

#[test]
fn no_string_outgrows_the_limit_of_bulk_strings() {
    let mut bed = Bed::new();
    bed.shard.settings.bulk_len_max = 100;
    bed.check("setbit k 799 1", ":0\r\n");
    bed.check("setbit k 800 1", "-ERR bit offset is not an integer or out of range\r\n");
    bed.check("bitfield k set u8 #100 1", "-ERR bit offset is not an integer or out of range\r\n");
    bed.check("bitfield k set u8 #99 1", "*1\r\n:1\r\n");
    bed.check("strlen k", ":100\r\n");
    // Two to the 61st times 8 is 0 in 64 bits: Redis writes there.
    bed.check(
        "bitfield k set u8 #2305843009213693952 1",
        "-ERR bit offset is not an integer or out of range\r\n",
    );
}

#[test]
fn hits_and_misses_are_those_of_reads() {
    let mut bed = Bed::new();
    let mut seen = (0, 0);
    let mut expect = |bed: &mut Bed, command: &str, hits, misses| {
        bed.run(&command.split(' ').collect::<Vec<_>>());
        let now = (bed.shard.stats.keyspace_hits, bed.shard.stats.keyspace_misses);
        assert_eq!((now.0 - seen.0, now.1 - seen.1), (hits, misses), "{command}");
        seen = now;
    };
    expect(&mut bed, "set a 1", 0, 0);
    expect(&mut bed, "get a", 1, 0);
    expect(&mut bed, "get b", 0, 1);
    expect(&mut bed, "mget a b a", 2, 1);
    expect(&mut bed, "exists a b", 1, 1);
    expect(&mut bed, "ttl a", 1, 0);
    expect(&mut bed, "type b", 0, 1);
    expect(&mut bed, "incr a", 0, 0);
    expect(&mut bed, "set b 1 get", 0, 1);
    expect(&mut bed, "set b 1 px 10", 0, 0);
    bed.cx.now_ms += 11;
    expect(&mut bed, "get b", 0, 1);
    assert_eq!((bed.shard.stats.expired_keys, bed.shard.dbs[0].len()), (1, 1));
}

#[test]
fn every_way_to_meet_a_dead_key_counts_it_once() {
    for command in [
        "get k",
        "set k 1",
        "del k",
        "incr k",
        "append k 1",
        "exists k",
        "expire k 1",
        "rename k l",
        "copy k l",
        "renamenx other k",
        "setnx k 1",
        "getdel k",
        "move k 1",
        "persist k",
        "mset k 1",
        "scan 0",
        "randomkey",
    ] {
        let mut bed = Bed::new();
        bed.run(&["set", "k", "1", "px", "1"]);
        if command.starts_with("renamenx") {
            bed.run(&["set", "other", "1"]);
        }
        bed.cx.now_ms += 2;
        bed.run(&command.split(' ').collect::<Vec<_>>());
        assert_eq!(bed.shard.stats.expired_keys, 1, "{command}");
    }
}

#[test]
fn idle_times_follow_accesses() {
    let mut bed = Bed::new();
    bed.run(&["set", "k", "v"]);
    bed.cx.now_ms += 60_000;
    bed.check("object idletime k", ":60\r\n");
    bed.check("type k", "+string\r\n");
    bed.check("exists k", ":1\r\n");
    bed.check("ttl k", ":-1\r\n");
    bed.check("object idletime k", ":60\r\n");
    bed.cx.no_touch = true;
    bed.check("get k", "$1\r\nv\r\n");
    bed.check("object idletime k", ":60\r\n");
    bed.check("touch k", ":1\r\n");
    bed.check("object idletime k", ":0\r\n");
    bed.cx.no_touch = false;
    bed.cx.now_ms += 7_000;
    bed.check("get k", "$1\r\nv\r\n");
    bed.check("object idletime k", ":0\r\n");
    bed.cx.now_ms += 7_000;
    bed.check("rename k l", "+OK\r\n");
    bed.check("object idletime l", ":0\r\n");
    bed.check("object freq l", &format!("-{}\r\n", "ERR An LFU maxmemory policy is not selected, access \
        frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will \
        take some time to adjust."));
}

#[test]
fn frequencies_rise_and_decay() {
    let mut bed = Bed::new();
    bed.shard.settings.maxmemory_policy = crate::MaxmemoryPolicy::AllkeysLfu;
    bed.check("set k 1", "+OK\r\n");
    bed.check("object freq k", ":5\r\n");
    bed.check("object refcount k", ":2147483647\r\n");
    bed.shard.settings.maxmemory = 1;
    bed.check("object refcount k", ":1\r\n");
    bed.check("get k", "$1\r\n1\r\n");
    bed.check("object freq k", ":6\r\n");
    bed.cx.now_ms += 4 * 60_000;
    bed.check("object freq k", ":2\r\n");
    bed.check("set k 2", "+OK\r\n");
    bed.check("object freq k", ":3\r\n");
    bed.check("object idletime k", &format!("-{}\r\n", "ERR An LFU maxmemory policy is selected, idle time not \
        tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time \
        to adjust."));
}

#[test]
fn resp3_has_its_own_nulls_and_maps() {
    let mut bed = Bed::new();
    bed.cx.resp = proto::encode::Resp::V3;
    bed.check("get nokey", "_\r\n");
    bed.check("set k v xx", "_\r\n");
    bed.check("mget nokey", "*1\r\n_\r\n");
    bed.check("object encoding nokey", "_\r\n");
    bed.check("randomkey", "_\r\n");
    bed.check("lcs a b idx", "%2\r\n$7\r\nmatches\r\n*0\r\n$3\r\nlen\r\n:0\r\n");
}

#[test]
fn what_is_not_built_says_so() {
    let mut bed = Bed::new();
    bed.check("config get x", "-ERR command 'config|get' is not supported yet\r\n");
}

#[test]
fn random_keys_are_alive() {
    let mut bed = Bed::new();
    for i in 0..100 {
        bed.run(&["set", &format!("dead{i}"), "v", "px", "1"]);
    }
    bed.run(&["set", "alive", "v"]);
    bed.cx.now_ms += 2;
    bed.check("randomkey", "$5\r\nalive\r\n");
    bed.run(&["del", "alive"]);
    bed.check("randomkey", "$-1\r\n");
    assert_eq!(bed.shard.dbs[0].len(), 0);
}

#[test]
fn one_of_several_shards_tells_how_many_keys_it_drew_from() {
    let mut bed = Bed::new();
    bed.shard = Shard::new(16, 42).at(Place { index: 1, count: 2 });
    bed.check("randomkey", "$-1\r\n");
    bed.run(&["set", "only", "v"]);
    bed.check("randomkey", "*2\r\n:1\r\n$4\r\nonly\r\n");
}

mod scan {
    use crate::shard::{Place, Shard};
    use crate::testing::Bed;
    use std::collections::BTreeSet;

    /// Cursor and keys of a reply.
    fn parse(reply: &str) -> (u64, Vec<String>) {
        let words: Vec<&str> = reply.split("\r\n").filter(|word| !word.starts_with(['*', '$'])).collect();
        let keys = words[1..].iter().filter(|key| !key.is_empty()).map(|key| (*key).to_string());
        (words[0].parse().unwrap(), keys.collect())
    }

    fn shards(count: usize) -> Vec<Bed> {
        let bed = |index| Bed { shard: Shard::new(16, 42).at(Place { index, count }), ..Bed::new() };
        (0..count).map(bed).collect()
    }

    /// Runs SCAN to its end, every call at the shard that its cursor names.
    fn all(shards: &mut [Bed], options: &str) -> Vec<String> {
        let (mut cursor, mut found) = (0, Vec::new());
        loop {
            let at = cursor as usize % shards.len();
            let line = format!("scan {cursor}{options}");
            let (next, keys) = parse(&shards[at].run(&line.split(' ').collect::<Vec<_>>()));
            found.extend(keys);
            if next == 0 {
                return found;
            }
            assert!(next != cursor, "no progress");
            cursor = next;
        }
    }

    #[test]
    fn one_cursor_visits_all_shards() {
        for count in [1, 2, 3, 7] {
            let mut shards = shards(count);
            for i in 0..500 {
                shards[i % count].run(&["set", &format!("k{i}"), "v"]);
            }
            for options in ["", " count 1", " count 1000", " type string"] {
                let found = all(&mut shards, options);
                let unique: BTreeSet<_> = found.iter().collect();
                assert_eq!((unique.len(), found.len()), (500, 500), "{count} shards{options}");
            }
            assert_eq!(all(&mut shards, " match k1?").len(), 10);
            assert!(all(&mut shards, " type list").is_empty());
        }
    }

    #[test]
    fn empty_shards_are_passed() {
        let mut shards = shards(4);
        shards[2].run(&["set", "k", "v"]);
        assert_eq!(all(&mut shards, ""), ["k"]);
    }

    #[test]
    fn keys_that_stay_are_seen_while_the_table_grows_and_shrinks() {
        let mut shards = shards(2);
        for i in 0..300 {
            shards[i % 2].run(&["set", &format!("stay{i}"), "v"]);
        }
        let (mut cursor, mut found, mut turn) = (0u64, BTreeSet::new(), 0);
        loop {
            let at = (cursor % 2) as usize;
            let (next, keys) = parse(&shards[at].run(&["scan", &cursor.to_string(), "count", "5"]));
            found.extend(keys.into_iter().filter(|key| key.starts_with("stay")));
            if next == 0 {
                break;
            }
            cursor = next;
            for i in 0..20 {
                let name = format!("come{}", (turn * 20 + i) % 2000);
                let verb: &[&str] = if turn < 100 { &["set", &name, "v"] } else { &["del", &name] };
                shards[i % 2].run(verb);
            }
            turn += 1;
        }
        assert_eq!(found.len(), 300);
    }

    #[test]
    fn dead_keys_that_pass_the_filters_are_deleted() {
        let mut shards = shards(1);
        for i in 0..50 {
            shards[0].run(&["set", &format!("dead{i}"), "v", "px", "1"]);
            shards[0].run(&["set", &format!("rest{i}"), "v", "px", "1"]);
        }
        shards[0].cx.now_ms += 2;
        assert!(all(&mut shards, " type list").is_empty());
        assert_eq!(shards[0].shard.dbs[0].len(), 100);
        assert!(all(&mut shards, " match dead*").is_empty());
        assert_eq!(shards[0].shard.dbs[0].len(), 50);
    }

    #[test]
    fn any_cursor_is_answered() {
        let mut shards = shards(3);
        shards[1].run(&["set", "k", "v"]);
        for cursor in [7, 1 << 31, 1 << 40, u64::MAX] {
            let reply = shards[(cursor % 3) as usize].run(&["scan", &cursor.to_string()]);
            assert!(reply.starts_with("*2\r\n"), "{reply}");
        }
        // The test suite of Valkey 8 expects this error, where Redis 7.2 finds nothing.
        assert_eq!(shards[0].run(&["scan", "0", "type", "nosuch"]), "-ERR unknown type name 'nosuch'\r\n");
    }
}
