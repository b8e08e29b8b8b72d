//! Transcripts of redis-server 7.0.15, and what a transcript cannot hold: clocks, events, RESP3, what Redis 7.2 changed.

use crate::event::Class;
use crate::testing::Bed;

#[test]
fn entries() {
    Bed::new().replay(include_str!("../transcripts/streams.txt"));
}

#[test]
fn groups() {
    Bed::new().replay(include_str!("../transcripts/stream_groups.txt"));
}

/// Runs commands, one a line, whose replies do not matter.
fn run(bed: &mut Bed, lines: &[&str]) {
    for line in lines {
        let reply = bed.run(&line.split(' ').collect::<Vec<_>>());
        assert!(!reply.starts_with('-'), "{line}: {reply}");
    }
}

/// Three entries, all pending at ann.
fn pending() -> Bed {
    let mut bed = Bed::new();
    run(&mut bed, &["xadd s 1-0 a 1", "xadd s 2-0 b 2", "xadd s 3-0 c 3", "xgroup create s g 0"]);
    run(&mut bed, &["xreadgroup group g ann streams s >"]);
    bed
}

/// Where Redis 7.2 answers otherwise than 7.0.15.
#[test]
fn answers_of_redis_7_2() {
    let mut bed = Bed::new();
    run(&mut bed, &["xadd s 5-18446744073709551615 f v"]);
    let not_greater = "-ERR The ID specified in XADD is equal or smaller than the target stream top item\r\n";
    bed.check("xadd s 5-* f v", not_greater);
    bed.check("xread block 9223372036854775807 streams s 0", "-ERR timeout is out of range\r\n");
    run(&mut bed, &["xadd s 7-0 f v", "xsetid s 9-0 entriesadded 5 maxdeletedid 8-0"]);
    bed.check(
        "xsetid s 7-0",
        "-ERR The ID specified in XSETID is smaller than current max_deleted_entry_id\r\n",
    );
}

/// `+` is Redis 7.4's.
#[test]
fn the_last_entry_can_be_asked_for() {
    let mut bed = Bed::new();
    bed.check("xread streams s +", "*-1\r\n");
    run(&mut bed, &["xadd s 1-0 a 1", "xadd s 2-0 b 2", "xadd s 2-18446744073709551615 c 3"]);
    let last =
        "*1\r\n*2\r\n$1\r\ns\r\n*1\r\n*2\r\n$22\r\n2-18446744073709551615\r\n*2\r\n$1\r\nc\r\n$1\r\n3\r\n";
    bed.check("xread count 5 streams s +", last);
    run(&mut bed, &["xdel s 2-18446744073709551615"]);
    bed.check(
        "xread streams s +",
        "*1\r\n*2\r\n$1\r\ns\r\n*1\r\n*2\r\n$3\r\n2-0\r\n*2\r\n$1\r\nb\r\n$1\r\n2\r\n",
    );
    run(&mut bed, &["xdel s 1-0 2-0"]);
    bed.check("xread streams s +", "*-1\r\n");
    run(&mut bed, &["xgroup create s g 0"]);
    assert!(bed.run(&["xreadgroup", "group", "g", "c", "streams", "s", "+"]).starts_with("-ERR The + ID is"));
}

#[test]
fn ids_follow_the_clock() {
    let mut bed = Bed::new();
    bed.check("xadd s * f v", "$15\r\n1700000000000-0\r\n");
    bed.check("xadd s * f v", "$15\r\n1700000000000-1\r\n");
    bed.cx.now_ms -= 5;
    bed.check("xadd s * f v", "$15\r\n1700000000000-2\r\n");
    bed.cx.now_ms += 6;
    bed.check("xadd s * f v", "$15\r\n1700000000001-0\r\n");
    bed.check("xadd s 1700000000001-* f v", "$15\r\n1700000000001-1\r\n");
}

#[test]
fn times_of_pending_entries_and_consumers() {
    let mut bed = pending();
    bed.cx.now_ms += 100;
    bed.check("xpending s g 1 1 5", "*1\r\n*4\r\n$3\r\n1-0\r\n$3\r\nann\r\n:100\r\n:1\r\n");
    bed.check("xclaim s g bob 101 1-0", "*0\r\n");
    bed.check("xclaim s g bob 100 1-0 justid", "*1\r\n$3\r\n1-0\r\n");
    bed.check("xpending s g idle 1 - + 1", "*1\r\n*4\r\n$3\r\n2-0\r\n$3\r\nann\r\n:100\r\n:1\r\n");
    bed.check("xpending s g - + 5 bob", "*1\r\n*4\r\n$3\r\n1-0\r\n$3\r\nbob\r\n:0\r\n:1\r\n");
    run(&mut bed, &["xclaim s g bob 0 2-0 idle 30", "xclaim s g bob 0 3-0 time 1699999999999 retrycount 9"]);
    bed.check(
        "xpending s g 2 3 5",
        "*2\r\n*4\r\n$3\r\n2-0\r\n$3\r\nbob\r\n:30\r\n:2\r\n*4\r\n$3\r\n3-0\r\n$3\r\nbob\r\n:101\r\n:9\r\n",
    );
    // A time to come is taken for now.
    run(&mut bed, &["xclaim s g bob 0 3-0 idle -5"]);
    bed.check("xpending s g 3 3 5 bob", "*1\r\n*4\r\n$3\r\n3-0\r\n$3\r\nbob\r\n:0\r\n:10\r\n");
    bed.cx.now_ms += 7;
    run(&mut bed, &["xreadgroup group g ann streams s 0", "xgroup createconsumer s g new"]);
    bed.check(
        "xinfo consumers s g",
        "*3\r\n\
         *8\r\n$4\r\nname\r\n$3\r\nann\r\n$7\r\npending\r\n:0\r\n$4\r\nidle\r\n:0\r\n$8\r\ninactive\r\n:107\r\n\
         *8\r\n$4\r\nname\r\n$3\r\nbob\r\n$7\r\npending\r\n:3\r\n$4\r\nidle\r\n:7\r\n$8\r\ninactive\r\n:7\r\n\
         *8\r\n$4\r\nname\r\n$3\r\nnew\r\n$7\r\npending\r\n:0\r\n$4\r\nidle\r\n:0\r\n$8\r\ninactive\r\n:-1\r\n",
    );
    bed.check("xautoclaim s g ann 38 0 count 5", "*3\r\n$3\r\n0-0\r\n*0\r\n*0\r\n");
    bed.check("xautoclaim s g ann 7 0 count 1 justid", "*3\r\n$3\r\n2-0\r\n*1\r\n$3\r\n1-0\r\n*0\r\n");
}

#[test]
fn resp3_has_maps() {
    let mut bed = pending();
    bed.cx.resp = proto::encode::Resp::V3;
    let entry = "*1\r\n*2\r\n$3\r\n3-0\r\n*2\r\n$1\r\nc\r\n$1\r\n3\r\n";
    bed.check("xread streams s 2-0", &format!("%1\r\n$1\r\ns\r\n{entry}"));
    bed.check("xreadgroup group g ann streams s 2-0", &format!("%1\r\n$1\r\ns\r\n{entry}"));
    bed.check("xread streams s $", "_\r\n");
    bed.check("xrange s - + count 0", "_\r\n");
    bed.check(
        "xinfo groups s",
        "*1\r\n%6\r\n$4\r\nname\r\n$1\r\ng\r\n$9\r\nconsumers\r\n:1\r\n$7\r\npending\r\n:3\r\n\
         $17\r\nlast-delivered-id\r\n$3\r\n3-0\r\n$12\r\nentries-read\r\n:3\r\n$3\r\nlag\r\n:0\r\n",
    );
    run(&mut bed, &["xdel s 1-0 2-0"]);
    bed.check(
        "xinfo stream s full count 2",
        "%9\r\n$6\r\nlength\r\n:1\r\n$15\r\nradix-tree-keys\r\n:1\r\n$16\r\nradix-tree-nodes\r\n:2\r\n\
         $17\r\nlast-generated-id\r\n$3\r\n3-0\r\n$20\r\nmax-deleted-entry-id\r\n$3\r\n2-0\r\n\
         $13\r\nentries-added\r\n:3\r\n$23\r\nrecorded-first-entry-id\r\n$3\r\n3-0\r\n$7\r\nentries\r\n\
         *1\r\n*2\r\n$3\r\n3-0\r\n*2\r\n$1\r\nc\r\n$1\r\n3\r\n$6\r\ngroups\r\n*1\r\n%7\r\n$4\r\nname\r\n$1\r\ng\r\n\
         $17\r\nlast-delivered-id\r\n$3\r\n3-0\r\n$12\r\nentries-read\r\n:3\r\n$3\r\nlag\r\n:0\r\n\
         $9\r\npel-count\r\n:3\r\n$7\r\npending\r\n*2\r\n\
         *4\r\n$3\r\n1-0\r\n$3\r\nann\r\n:1700000000000\r\n:1\r\n*4\r\n$3\r\n2-0\r\n$3\r\nann\r\n:1700000000000\r\n:1\r\n\
         $9\r\nconsumers\r\n*1\r\n%5\r\n$4\r\nname\r\n$3\r\nann\r\n$9\r\nseen-time\r\n:1700000000000\r\n\
         $11\r\nactive-time\r\n:1700000000000\r\n$9\r\npel-count\r\n:3\r\n$7\r\npending\r\n*2\r\n\
         *3\r\n$3\r\n1-0\r\n:1700000000000\r\n:1\r\n*3\r\n$3\r\n2-0\r\n:1700000000000\r\n:1\r\n",
    );
}

/// Dirty counts and events are those of Redis; what is done to groups is no change of the key.
#[test]
fn changes_and_events() {
    let mut bed = pending();
    bed.shard.events.publish(Class::STREAM.union(Class::GENERIC));
    bed.shard.events.record(true);
    for (line, dirty, told, changed) in [
        ("xadd s 4-0 d 4", 1, "xadd", 1),
        ("xadd s maxlen 4 5-0 e 5", 1, "xadd xtrim", 1),
        ("xadd s maxlen 4 5-0 e 5", 0, "", 0),
        ("xadd s nomkstream maxlen 10 6-0 e 5", 1, "xadd", 1),
        ("xadd nokey nomkstream 6-0 e 5", 0, "", 0),
        ("xrange s - +", 0, "", 0),
        ("xdel s 2-0 3-0 99", 2, "xdel", 1),
        ("xdel s 2-0", 0, "", 0),
        ("xtrim s maxlen ~ 0", 3, "xtrim", 1),
        ("xtrim s maxlen 0", 0, "", 0),
        ("xsetid s 9-9", 1, "xsetid", 0),
        ("xgroup create s h $", 1, "xgroup-create", 0),
        ("xgroup create s h $", 0, "", 0),
        ("xgroup create new h $ mkstream", 1, "xgroup-create", 1),
        ("xgroup setid s h 0", 1, "xgroup-setid", 0),
        ("xgroup createconsumer s h c", 1, "xgroup-createconsumer", 0),
        ("xgroup createconsumer s h c", 0, "", 0),
        ("xgroup delconsumer s h c", 1, "xgroup-delconsumer", 0),
        ("xgroup delconsumer s h c", 0, "", 0),
        ("xgroup destroy s h", 1, "xgroup-destroy", 0),
        ("xgroup destroy s h", 0, "", 0),
        ("xadd s 10-0 a b", 1, "xadd", 1),
        ("xreadgroup group g bob streams s >", 2, "xgroup-createconsumer", 0),
        ("xreadgroup group g bob streams s >", 0, "", 0),
        ("xreadgroup group g bob streams s 0", 1, "", 0),
        ("xclaim s g eve 0 10-0 1-0", 3, "xgroup-createconsumer", 0),
        ("xclaim s g eve 0 9-0 lastid 11-0", 1, "", 0),
        ("xautoclaim s g eve 0 0", 3, "", 0),
        ("xack s g 10-0 1-0", 1, "", 0),
    ] {
        bed.run(&line.split(' ').collect::<Vec<_>>());
        let events = std::mem::take(&mut bed.shard.events.notifications);
        let events: Vec<_> = events.iter().map(|event| event.event).collect();
        let changes = std::mem::take(&mut bed.shard.events.changed).len();
        assert_eq!((bed.cx.dirty, &*events.join(" "), changes), (dirty, told, changed), "{line}");
    }
}

/// Approximate trims stop at whole nodes and at their limit.
#[test]
fn approximate_trims() {
    let mut bed = Bed::new();
    bed.shard.settings.thresholds.stream_node_max_entries = 10;
    for _ in 0..1055 {
        run(&mut bed, &["xadd s * f v"]);
    }
    bed.check("xtrim s maxlen ~ 1046", ":0\r\n");
    bed.check("xtrim s maxlen ~ 1040", ":10\r\n");
    bed.check("xtrim s maxlen ~ 0 limit 29", ":20\r\n");
    bed.check("xtrim s maxlen ~ 0", ":1000\r\n");
    bed.check("xlen s", ":25\r\n");
    bed.check("xtrim s maxlen ~ 0 limit 0", ":25\r\n");
    bed.shard.settings.thresholds.stream_node_max_bytes = 100;
    for _ in 0..5 {
        run(&mut bed, &[&format!("xadd s * f {}", "v".repeat(60))]);
    }
    bed.check("xtrim s maxlen ~ 3", ":2\r\n");
}

/// A client that waits is to be woken by what came after its command.
#[test]
fn a_request_to_wait_is_settled() {
    use super::read::Request;
    let mut bed = Bed::new();
    run(&mut bed, &["xadd s 5-1 f v"]);
    let words = ["xread", "block", "0", "streams", "s", "$", "t", "$", "+", "$"];
    let words = proto::args::OwnedArgs::of(words);
    bed.cx.id = proto::command::CommandId::Xread;
    let request = Request::parse(&bed.cx, words.args()).expect("three keys");
    assert_eq!(request.block_ms, Some(0));
    assert!(request.check(&mut bed.shard, &bed.cx).is_ok());
    let settled = request.settled(&mut bed.shard, &bed.cx).expect("no wrong type");
    let settled: Vec<_> = settled.args().iter().map(|w| String::from_utf8_lossy(w).into_owned()).collect();
    assert_eq!(settled.join(" "), "xread block 0 streams s $ t 5-1 + 0-0");
    let mut out = Vec::new();
    let mut reply = proto::encode::Reply::new(&mut out, proto::encode::Resp::V2);
    let served = request.serve(&mut bed.shard, &mut bed.cx, &mut reply);
    assert_eq!((served, out), (Ok(false), vec![]));
}

#[test]
fn a_large_stream_is_freed_in_slices() {
    let mut bed = Bed::new();
    for n in 1..=20_000 {
        let id = format!("{n}-0");
        bed.run(&["xadd", "s", &id, "f", "v"]);
    }
    run(&mut bed, &["xgroup create s g 0", "xreadgroup group g c streams s >", "xgroup destroy s g"]);
    assert!(bed.shard.has_garbage(), "what was pending");
    while bed.shard.free_slice(64) {}
    run(&mut bed, &["del s"]);
    assert!(bed.shard.has_garbage() && bed.shard.free_slice(64));
    while bed.shard.free_slice(64) {}
}
