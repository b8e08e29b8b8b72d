//! The commands on lists: what redis-server 7.0.15 answered to a transcript of their edge cases, under every kind of
//! setting; and what it does not show: encodings (those of 7.2), events, counts of changes, what is freed when.

use crate::event::Class;
use crate::testing::Bed;

/// A bed whose lists have nodes of this size, this depth of compression, and plain nodes from this length on.
fn bed(fill: i32, depth: usize, packed_threshold: usize) -> Bed {
    let mut bed = Bed::new();
    bed.shard.settings.thresholds.list_max_listpack_size = fill;
    bed.shard.settings.thresholds.list_compress_depth = depth;
    bed.shard.settings.list_packed_threshold = packed_threshold;
    bed
}

#[test]
fn replies_are_those_of_redis_whatever_the_settings() {
    let transcript = include_str!("../transcripts/lists.txt");
    for (fill, depth, threshold) in [(-2, 0, 0), (1, 0, 0), (2, 1, 0), (3, 0, 1), (2, 2, 2), (-5, 1, 3)] {
        bed(fill, depth, threshold).replay(transcript);
    }
}

fn encoding(bed: &mut Bed, key: &str) -> String {
    let reply = bed.run(&["object", "encoding", key]);
    reply.split("\r\n").nth(1).unwrap_or_default().to_string()
}

/// Runs a command and checks the encoding of the list `l` after.
#[track_caller]
fn becomes(bed: &mut Bed, line: &str, want: &str) {
    bed.run(&line.split(' ').collect::<Vec<_>>());
    assert_eq!(encoding(bed, "l"), want, "{line:.40}");
}

#[test]
fn encodings_change_by_count() {
    let mut bed = bed(4, 0, 0);
    becomes(&mut bed, "rpush l a b c d", "listpack");
    becomes(&mut bed, "lpush l e", "quicklist");
    becomes(&mut bed, "ltrim l 0 2", "quicklist"); // two nodes: 1 and 2
    becomes(&mut bed, "ltrim l 1 2", "listpack");
    becomes(&mut bed, "rpush l c d", "listpack");
    becomes(&mut bed, "linsert l before a x", "quicklist");
    becomes(&mut bed, "lrem l 0 x", "quicklist");
    becomes(&mut bed, "del l", "");
    becomes(&mut bed, "rpush l a b c d", "listpack");
    becomes(&mut bed, "linsert l before nothere x", "quicklist");
    becomes(&mut bed, "lset l 0 x", "quicklist");
    becomes(&mut bed, "lpop l 2", "listpack");
    becomes(&mut bed, "rpush l 1 2", "listpack");
    becomes(&mut bed, "lset l 0 x", "quicklist"); // asked as if it were one more
    becomes(&mut bed, "lmpop 1 l left count 2", "listpack");
    becomes(&mut bed, "rpush l 3 4 5", "quicklist");
    becomes(&mut bed, "lmove l m left left", "quicklist");
}

#[test]
fn encodings_change_by_size() {
    let mut bed = bed(-1, 0, 0);
    let big = "x".repeat(4080);
    becomes(&mut bed, &format!("rpush l {big}"), "listpack");
    becomes(&mut bed, "rpush l 123456789", "quicklist");
    becomes(&mut bed, "lset l 0 small", "quicklist"); // two nodes still
    becomes(&mut bed, "linsert l before small x", "quicklist");
    becomes(&mut bed, "lpop l", "quicklist");
    becomes(&mut bed, "lpop l", "listpack");
    becomes(&mut bed, &format!("lset l 0 {big}{big}"), "quicklist");
    becomes(&mut bed, "lset l 0 123456789", "listpack");
    becomes(&mut bed, &format!("lpushx l {big} {big}"), "quicklist");
    assert_eq!(bed.run(&["lindex", "l", "-1"]), "$9\r\n123456789\r\n");
    bed.run(&["copy", "l", "copy"]);
    assert_eq!(encoding(&mut bed, "copy"), "quicklist");
    assert_eq!(bed.run(&["llen", "copy"]), ":3\r\n");
}

/// Where 7.2 has become stricter than the transcript.
#[test]
fn counts_that_cannot_be_negated_are_refused() {
    let text =
        "-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807\r\n";
    Bed::new().check("lrem l -9223372036854775808 a", text);
    Bed::new().check("lpos l a rank -9223372036854775808", text);
}

#[test]
fn nodes_show_in_debug_object() {
    let mut bed = bed(2, 1, 0);
    bed.run(&["rpush", "l", "a", "b", "c", "d", "e"]);
    let line = bed.run(&["debug", "object", "l"]);
    assert!(line.contains(" encoding:quicklist "), "{line}");
    // Three listpacks of 7 bytes and 3 an element.
    let nodes = " ql_nodes:3 ql_avg_node:1.67 ql_listpack_max:2 ql_compressed:1";
    assert!(line.ends_with(&format!("{nodes} ql_uncompressed_size:36\r\n")), "{line}");
    assert!(bed.run(&["debug", "object", "l", "fast"]).ends_with(&format!("{nodes}\r\n")));
    bed.run(&["rpush", "small", "a"]);
    assert!(!bed.run(&["debug", "object", "small"]).contains("ql_"));
}

#[test]
fn changes_are_counted_as_redis_counts_them() {
    let mut bed = Bed::new();
    for (command, changes) in [
        ("rpush l a b c d e f", 6),
        ("lpushx nokey a", 0),
        ("lpushx l x y", 2),
        ("lset l 0 z", 1),
        ("lset l 100 z", 0),
        ("linsert l before a z", 1),
        ("linsert l before nothere z", 0),
        ("lrem l 0 z", 2),
        ("lrem l 0 z", 0),
        ("ltrim l 1 -2", 2),
        ("ltrim l 0 -1", 0),
        ("lpop l", 1),
        ("lpop l 0", 0),
        ("rpop l 2", 2),
        ("rpush l g h", 2),
        ("lmove l m left right", 1),
        ("lmove l l left right", 1),
        ("rpoplpush nokey m", 0),
        ("lmpop 2 nokey m left", 1),
        ("lrange l 0 -1", 0),
    ] {
        bed.run(&command.split(' ').collect::<Vec<_>>());
        assert_eq!(bed.cx.dirty, changes, "{command}");
    }
}

#[test]
fn events_have_the_names_and_the_order_of_redis() {
    let mut bed = Bed::new();
    bed.shard.events.publish(Class::LIST.union(Class::GENERIC));
    for (command, events) in [
        ("rpush l a b c", "rpush:l"),
        ("lpush l z", "lpush:l"),
        ("lpushx l y", "lpush:l"),
        ("rpushx nokey y", ""),
        ("lset l 0 x", "lset:l"),
        ("linsert l after x w", "linsert:l"),
        ("linsert l after nothere w", ""),
        ("lrem l 1 w", "lrem:l"),
        ("lrem l 1 w", ""),
        ("ltrim l 0 3", "ltrim:l"),
        ("ltrim l 0 -1", "ltrim:l"),
        ("ltrim nokey 0 -1", ""),
        ("lpop l", "lpop:l"),
        ("rpop l 1", "rpop:l"),
        ("rpop l 0", ""),
        ("lmove l m left right", "rpush:m lpop:l"),
        ("lmove m m left right", "rpush:m lpop:m"),
        ("rpoplpush l m", "lpush:m rpop:l del:l"),
        ("lmpop 2 l m right count 5", "rpop:m del:m"),
        ("rpush l a", "rpush:l"),
        ("lrem l 0 a", "lrem:l del:l"),
        ("rpush l a", "rpush:l"),
        ("ltrim l 5 4", "ltrim:l del:l"),
        ("lmove l m left left", ""),
    ] {
        bed.run(&command.split(' ').collect::<Vec<_>>());
        let told = bed.shard.events.notifications.drain(..);
        let told: Vec<_> = told.map(|n| format!("{}:{}", n.event, String::from_utf8_lossy(&n.key))).collect();
        assert_eq!(told.join(" "), events, "{command}");
    }
}

#[test]
fn hits_and_misses_are_those_of_reads() {
    let mut bed = Bed::new();
    bed.run(&["rpush", "l", "a", "b"]);
    for command in ["llen l", "lindex l 0", "lrange l 0 -1", "lpos l a", "lpop l", "lset l 0 x"] {
        bed.run(&command.split(' ').collect::<Vec<_>>());
    }
    for command in ["llen k", "lindex k 0", "lrange k 0 -1", "lpos k a", "lpop k", "lset k 0 x"] {
        bed.run(&command.split(' ').collect::<Vec<_>>());
    }
    assert_eq!((bed.shard.stats.keyspace_hits, bed.shard.stats.keyspace_misses), (4, 4));
}

#[test]
fn what_is_cut_out_is_freed_in_slices() {
    let mut bed = bed(1, 0, 0);
    let fill = |bed: &mut Bed| {
        let mut command = vec!["rpush", "l"];
        command.resize(1002, "element");
        bed.run(&command);
    };
    for cut in ["ltrim l 0 0", "ltrim l -1 -1", "lpop l 999", "rpop l 1000", "del l"] {
        fill(&mut bed);
        bed.run(&cut.split(' ').collect::<Vec<_>>());
        assert!(bed.shard.has_garbage(), "{cut}");
        assert!(bed.shard.free_slice(64), "{cut}: a slice is small");
        while bed.shard.free_slice(64) {}
        bed.run(&["del", "l"]);
    }
    fill(&mut bed);
    bed.run(&["lpop", "l", "10"]);
    assert!(!bed.shard.has_garbage(), "little is freed at once");
}

#[test]
fn a_dead_list_is_not_there() {
    let mut bed = Bed::new();
    bed.run(&["rpush", "l", "old"]);
    bed.run(&["pexpire", "l", "10"]);
    bed.cx.now_ms += 11;
    bed.check("rpushx l a", ":0\r\n");
    bed.check("rpush l new", ":1\r\n");
    bed.check("ttl l", ":-1\r\n");
    bed.check("lrange l 0 -1", "*1\r\n$3\r\nnew\r\n");
}

#[test]
fn memory_is_that_of_the_elements() {
    let mut bed = Bed::new();
    bed.run(&["rpush", "l", "a"]);
    let usage = |bed: &mut Bed| bed.run(&["memory", "usage", "l"])[1..].trim_end().parse::<usize>().unwrap();
    assert!(usage(&mut bed) < 64);
    let element = "x".repeat(100);
    for _ in 0..1000 {
        bed.run(&["rpush", "l", &element]);
    }
    assert!((100_000..120_000).contains(&usage(&mut bed)), "{}", usage(&mut bed));
}
