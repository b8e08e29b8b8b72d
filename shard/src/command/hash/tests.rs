//! Hash commands: transcripts, RESP3, events, random fields, long walks. What has to do with time is in
//! `crate::field_expire`.

use crate::event::Class;
use crate::testing::Bed;
use proto::encode::Resp;
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn transcripts() {
    Bed::new().replay(include_str!("../transcripts/hashes.txt"));
    let mut bed = Bed::new();
    bed.shard.settings.thresholds.hash_max_listpack_entries = 4;
    bed.shard.settings.thresholds.hash_max_listpack_value = 8;
    bed.replay(include_str!("../transcripts/hash_encodings.txt"));
}

#[test]
fn fields_that_expire() {
    let transcript = include_str!("../transcripts/hash_fields.txt");
    Bed::new().replay(transcript);
    let mut table = Bed::new();
    table.shard.settings.thresholds.hash_max_listpack_entries = 0;
    // A table has an order of its own, and its name.
    let ordered = ["> hkeys h", "> hgetall h"];
    let mut lines = Vec::new();
    let mut is_left_out = false;
    for line in transcript.lines() {
        if line.starts_with(['>', '@', '#']) {
            is_left_out = ordered.contains(&line);
        }
        if !is_left_out {
            lines.push(line.replace("listpackex", "hashtable").replace("$10\nhash", "$9\nhash"));
        }
    }
    table.replay(&lines.join("\n").replace("$10\nhashtable", "$9\nhashtable"));
}

/// Since 7.2 the number of arguments decides before their fields do.
#[test]
fn many_arguments_make_a_table() {
    let mut bed = Bed::new();
    bed.shard.settings.thresholds.hash_max_listpack_entries = 2;
    bed.check("hset h a 1 a 2", ":1\r\n");
    bed.check("object encoding h", "$8\r\nlistpack\r\n");
    bed.check("hset h a 1 a 2 a 3", ":0\r\n");
    bed.check("object encoding h", "$9\r\nhashtable\r\n");
    bed.check("hgetall h", "*2\r\n$1\r\na\r\n$1\r\n3\r\n");
}

/// As redis-server 7.0.15 does.
#[test]
fn lowered_thresholds_meet_a_hash_at_its_next_change() {
    let mut bed = Bed::new();
    for key in ["p", "q", "r"] {
        bed.run(&["hset", key, "a", "1", "b", "2", "c", "3", "d", "4"]);
    }
    bed.shard.settings.thresholds.hash_max_listpack_entries = 2;
    bed.check("hget q a", "$1\r\n1\r\n");
    bed.check("object encoding q", "$8\r\nlistpack\r\n");
    bed.check("hset q a 2", ":0\r\n");
    bed.check("object encoding q", "$9\r\nhashtable\r\n");
    bed.check("hincrby r a 1", ":2\r\n");
    bed.check("object encoding r", "$9\r\nhashtable\r\n");
    bed.check("hdel p a", ":1\r\n");
    bed.check("hsetnx p b 1", ":0\r\n");
    bed.check("object encoding p", "$8\r\nlistpack\r\n");
    bed.check("hsetnx p x 1", ":1\r\n");
    bed.check("object encoding p", "$9\r\nhashtable\r\n");
}

#[test]
fn resp3_has_maps_and_pairs() {
    let mut bed = Bed::new();
    bed.cx.resp = Resp::V3;
    bed.check("hget nokey f", "_\r\n");
    bed.check("hgetall nokey", "%0\r\n");
    bed.check("hrandfield nokey", "_\r\n");
    bed.check("hrandfield nokey 1", "*0\r\n");
    bed.run(&["hset", "h", "f", "v"]);
    bed.check("hgetall h", "%1\r\n$1\r\nf\r\n$1\r\nv\r\n");
    bed.check("hkeys h", "*1\r\n$1\r\nf\r\n");
    bed.check("hmget h f x", "*2\r\n$1\r\nv\r\n_\r\n");
    bed.check("hrandfield h 1 withvalues", "*1\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n");
    bed.check("hrandfield h -2 withvalues", "*2\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n");
    bed.check("hscan h 0", "*2\r\n$1\r\n0\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n");
    bed.check("hscan h 0 NOVALUES", "*2\r\n$1\r\n0\r\n*1\r\n$1\r\nf\r\n");
    bed.check("hscan h 0 novalues match g*", "*2\r\n$1\r\n0\r\n*0\r\n");
}

/// Changes, and events, as redis-server 7.0.15 and 7.4 have them.
#[test]
fn changes_are_counted_and_told() {
    let mut bed = Bed::new();
    bed.shard.events.publish(Class::HASH.union(Class::GENERIC));
    for (command, changes, events) in [
        ("hset h a 1 b 2 c 3", 3, &["hset"][..]),
        ("hset h a 1 b 2", 2, &["hset"]),
        ("hmset h a 1", 1, &["hset"]),
        ("hsetnx h a 1", 0, &[]),
        ("hsetnx h d 1", 1, &["hset"]),
        ("hincrby h a 1", 1, &["hincrby"]),
        ("hincrby h a x", 0, &[]),
        ("hincrbyfloat h a 1", 1, &["hincrbyfloat"]),
        ("hget h a", 0, &[]),
        ("hexpire h 10 fields 3 a b x", 2, &["hexpire"]),
        ("hexpire h 10 nx fields 2 a x", 0, &[]),
        ("hpersist h fields 3 a b x", 1, &["hpersist"]),
        ("hpersist h fields 1 a", 0, &[]),
        ("hexpireat h 1 fields 1 d", 1, &["hdel"]),
        ("hdel h x", 0, &[]),
        ("hdel h a b", 2, &["hdel"]),
        ("hexpire nokey 10 fields 1 a", 0, &[]),
        ("hexpire h 0 fields 2 c x", 1, &["hdel", "del"]),
        ("hset h a 1", 1, &["hset"]),
        ("hdel h a", 1, &["hdel", "del"]),
    ] {
        bed.run(&command.split(' ').collect::<Vec<_>>());
        let told: Vec<_> = bed.shard.events.notifications.drain(..).map(|n| n.event).collect();
        assert_eq!((bed.cx.dirty, &told[..]), (changes, events), "{command}");
    }
}

/// A packed hash, a table, and both with fields that are due; each with the fields a0 to a9 to be seen.
fn with_ten_fields() -> Vec<Bed> {
    let make = |entries: usize, due: usize| {
        let mut bed = Bed::new();
        bed.shard.settings.thresholds.hash_max_listpack_entries = entries;
        for i in 0..10 {
            bed.run(&["hset", "h", &format!("a{i}"), &format!("v{i}")]);
        }
        for i in 0..due {
            let name = format!("b{i}");
            bed.run(&["hset", "h", &name, "x"]);
            bed.run(&["hpexpire", "h", "1", "fields", "1", &name]);
        }
        bed.cx.now_ms += 2;
        bed
    };
    vec![make(512, 0), make(512, 30), make(0, 0), make(0, 30), make(0, 6000)]
}

fn words(reply: &str) -> Vec<String> {
    let lines = reply.split("\r\n").filter(|line| !line.is_empty() && !line.starts_with(['*', '$']));
    lines.map(str::to_string).collect()
}

#[test]
fn random_fields_are_alike() {
    for (case, mut bed) in with_ten_fields().into_iter().enumerate() {
        let mut counts = BTreeMap::<String, i32>::new();
        let mut note =
            |reply: &str| words(reply).into_iter().for_each(|w| *counts.entry(w).or_default() += 1);
        note(&bed.run(&["hrandfield", "h", "-1000"]));
        for _ in 0..500 {
            note(&bed.run(&["hrandfield", "h"]));
            note(&bed.run(&["hrandfield", "h", "2"]));
            note(&bed.run(&["hrandfield", "h", "7"]));
        }
        assert_eq!(counts.len(), 10, "{counts:?}");
        // 6000 on average; the next live one after what is due is not fair, and that is little of it.
        assert!(counts.values().all(|&n| (450..750).contains(&n)) || case == 4, "case {case}: {counts:?}");
    }
}

#[test]
fn different_fields_are_different() {
    for mut bed in with_ten_fields() {
        for count in [1, 2, 3, 5, 9, 10, 11, 1000] {
            let found = words(&bed.run(&["hrandfield", "h", &count.to_string()]));
            let unique: BTreeSet<_> = found.iter().collect();
            assert_eq!((unique.len(), found.len()), (count.min(10), count.min(10)));
            assert!(unique.iter().all(|name| name.starts_with('a')));
            let pairs = words(&bed.run(&["hrandfield", "h", &format!("-{count}"), "withvalues"]));
            assert_eq!(pairs.len(), 2 * count);
            assert!(pairs.chunks(2).all(|pair| pair[0][1..] == pair[1][1..]));
        }
    }
}

/// HSCAN to its end; how many calls it took, and the fields.
fn scan_all(bed: &mut Bed, options: &[&str]) -> (usize, Vec<String>) {
    let (mut cursor, mut found, mut calls) = ("0".to_string(), Vec::new(), 0);
    loop {
        let mut all = words(&bed.run(&[&["hscan", "h", &cursor], options].concat()));
        cursor = all.remove(0);
        found.extend(all);
        calls += 1;
        if cursor == "0" {
            return (calls, found);
        }
    }
}

#[test]
fn a_long_scan_sees_every_field() {
    let mut bed = Bed::new();
    for i in 0..3000 {
        bed.run(&["hset", "h", &format!("f{i}"), "v"]);
    }
    for (options, fewest_calls) in [(&["novalues"][..], 150), (&["novalues", "count", "100"], 20)] {
        let (calls, found) = scan_all(&mut bed, options);
        assert_eq!((found.iter().collect::<BTreeSet<_>>().len(), found.len()), (3000, 3000));
        assert!(calls >= fewest_calls, "{calls}");
    }
    assert_eq!(scan_all(&mut bed, &["match", "f1??", "count", "500"]).1.len(), 200);
}

#[test]
fn fields_that_are_due_are_left_out_of_a_scan() {
    for mut bed in with_ten_fields() {
        let names: BTreeSet<_> = scan_all(&mut bed, &["novalues"]).1.into_iter().collect();
        assert_eq!(names.len(), 10);
    }
}

#[test]
fn a_large_hash_is_freed_in_slices() {
    let mut bed = Bed::new();
    for i in 0..2000 {
        bed.run(&["hset", "h", &format!("f{i}"), "v"]);
        bed.run(&["hexpire", "h", "100", "fields", "1", &format!("f{i}")]);
    }
    bed.check("del h", ":1\r\n");
    assert!(bed.shard.has_garbage());
    let mut slices = 0;
    while bed.shard.free_slice(64) {
        slices += 1;
    }
    assert!(slices > 20, "{slices}");
}
