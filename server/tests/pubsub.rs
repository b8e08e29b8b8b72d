//! Publish and subscribe over real sockets, on one, two and three shards, so that publisher, subscribers and keys are on
//! the same core and on different ones. What a conversation says is compared with Debian's redis-server, where there is one.

// A test says what went wrong by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::client::{encode, show};
use common::listen::{hears, says};
use common::{Cmd, Conn, Rng, Server, Value, cmd, env, peer};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const SHARDS: [usize; 3] = [1, 2, 3];
const LIMIT: Duration = Duration::from_secs(60);

/// A message as RESP2 shows it.
fn message(words: &[&str]) -> Value {
    Value::Array(words.iter().map(Value::bulk).collect())
}

/// A line each: a connection, and what it says; or nothing, and then it hears. `*` is every connection's place in turn.
const CONVERSATION: &str = "
    a SUBSCRIBE x y x
    a PSUBSCRIBE h* x*
    a SSUBSCRIBE s1
    a GET k
    a CONFIG GET maxmemory
    a PUBLISH x 1
    a PING
    a PING hi
    a PING too many
    a NOSUCH
    a SUBSCRIBE
    b SUBSCRIBE x
    b PSUBSCRIBE ??
    c PUBLISH x hello
    a
    b
    c PUBLISH hy two
    a
    b
    c SPUBLISH s1 m
    c SPUBLISH x m
    c PUBLISH s1 m
    a
    b
    c PUBLISH nobody m
    c PUBLISH
    c PUBLISH x
    c PUBSUB NUMSUB x y nobody
    c PUBSUB NUMSUB
    c PUBSUB NUMPAT
    c PUBSUB SHARDNUMSUB s1 x
    c PUBSUB SHARDCHANNELS
    c PUBSUB CHANNELS x*
    c PUBSUB CHANNELS [yz]
    c PUBSUB CHANNELS nobody
    c PUBSUB CHANNELS a b
    c PUBSUB SHARDCHANNELS a b
    c PUBSUB NUMPAT x
    c PUBSUB NOPE
    c PUBSUB
    a UNSUBSCRIBE x nobody
    a PUNSUBSCRIBE h*
    c PUBLISH x again
    a
    b
    a PUNSUBSCRIBE
    a PUNSUBSCRIBE
    a UNSUBSCRIBE
    a GET k
    a SUNSUBSCRIBE s1
    a GET k
    a UNSUBSCRIBE
    a SUNSUBSCRIBE
    a UNSUBSCRIBE nobody
    b RESET
    b GET k
    c PUBLISH x gone
    c PUBSUB CHANNELS
    a SUBSCRIBE x
    a QUIT
    c SELECT 3
    d HELLO 3
    d SUBSCRIBE x
    d GET k
    d PING
    d PSUBSCRIBE x*
    d SSUBSCRIBE x
    c PUBLISH x three
    c SPUBLISH x three
    d
    d UNSUBSCRIBE
    d UNSUBSCRIBE
    d SUBSCRIBE y
    d HELLO 2
    d GET k
    d RESET
    d GET k
";

/// What every line of the conversation brought.
fn converse(server: &Server) -> Vec<String> {
    let mut conns: BTreeMap<&str, Conn> = BTreeMap::new();
    let mut log = Vec::new();
    for line in CONVERSATION.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (who, what) = line.split_once(' ').unwrap_or((line, ""));
        let conn = conns.entry(who).or_insert_with(|| server.connect());
        let heard = match what {
            "" => format!("{:?}", hears(conn)),
            "QUIT" => {
                let ok = conn.words(what);
                assert_eq!(conn.read_to_end().unwrap(), b"");
                conns.remove(who);
                peer::wait_until("the client is gone", LIMIT, || {
                    server.connect().words("PUBSUB CHANNELS") == Value::Array(vec![])
                });
                format!("{ok:?}")
            }
            // Of the map of HELLO only that it is one: it names versions.
            _ if what.starts_with("HELLO") => format!("{}", says(conn, what)[0].items().len()),
            _ => format!("{:?}", says(conn, what)),
        };
        log.push(format!("{line}: {heard}"));
    }
    log
}

#[test]
fn a_conversation_is_that_of_redis() {
    let logs: Vec<_> = SHARDS.iter().map(|&shards| converse(&Server::start(shards))).collect();
    for log in &logs {
        assert_eq!(log, &logs[0], "the number of shards shows");
        assert!(log.iter().any(|l| l == "c PUBLISH x hello: [:3]"), "{log:#?}");
        assert!(log.iter().any(|l| l.ends_with(
            r#"[>["message", "x", "three"], >["pmessage", "x*", "x", "three"], >["smessage", "x", "three"]]"#
        )));
    }
    if let Some(redis) = Server::redis("a_conversation_is_that_of_redis") {
        for (ours, theirs) in logs[0].iter().zip(converse(&redis)) {
            assert_eq!(*ours, theirs);
        }
    }
}

/// Sends what CLIENT REPLY says nothing about, and reads `frames` of it.
fn frames(conn: &mut Conn, line: &str, frames: usize) -> Vec<Value> {
    let mut bytes = Vec::new();
    encode(&mut bytes, &line.split_whitespace().collect::<Vec<_>>());
    conn.send_raw(&bytes);
    (0..frames).map(|_| conn.read()).collect()
}

/// Messages and confirmations are no replies: CLIENT REPLY does not concern them.
#[test]
fn client_reply_off_leaves_messages() {
    let run = |server: &Server| {
        let (mut quiet, mut publisher) = (server.connect(), server.connect());
        let mut log = frames(&mut quiet, "CLIENT REPLY OFF", 0);
        log.extend(frames(&mut quiet, "SUBSCRIBE c d", 2));
        log.push(publisher.words("PUBLISH d m"));
        log.push(quiet.read());
        log.extend(frames(&mut quiet, "UNSUBSCRIBE", 2));
        log.extend(frames(&mut quiet, "CLIENT REPLY ON", 1));
        log.extend(frames(&mut quiet, "CLIENT REPLY SKIP", 0));
        log.extend(frames(&mut quiet, "SUBSCRIBE e", 1));
        log.extend(frames(&mut quiet, "PING", 1));
        log
    };
    let expected = run(&Server::start(1));
    assert_eq!(expected.len(), 9);
    assert_eq!(expected[3], message(&["message", "d", "m"]));
    assert_eq!(run(&Server::start(3)), expected);
    if let Some(redis) = Server::redis("client_reply_off_leaves_messages") {
        // The order in which UNSUBSCRIBE without names ends them is nobody's promise.
        let normal =
            |log: Vec<Value>| log.into_iter().map(|v| v.items().first().cloned()).collect::<Vec<_>>();
        assert_eq!(normal(run(&redis)), normal(expected));
    }
}

/// Random subscriptions of clients on all cores: what PUBLISH counts is what is heard, by exactly those.
#[test]
fn everybody_hears_what_is_counted() {
    for shards in SHARDS {
        let server = Server::start(shards);
        let mut rng = Rng::new(env::seed().wrapping_add(shards as u64));
        let names = ["a", "ab", "abc", "b", "bc", "c"];
        let patterns = ["a*", "*", "?b", "[bc]*"];
        let mut conns: Vec<Conn> = (0..7).map(|_| server.connect()).collect();
        let mut facts: Vec<BTreeSet<(&str, &str)>> = vec![BTreeSet::new(); conns.len()];
        let mut publisher = server.connect();
        for round in 0..400 {
            let who = rng.below(conns.len());
            let (verb, name) = if rng.below(2) == 0 {
                (["SUBSCRIBE", "SSUBSCRIBE"][rng.below(2)], *rng.pick(&names))
            } else {
                ("PSUBSCRIBE", *rng.pick(&patterns))
            };
            if rng.below(3) > 0 {
                facts[who].insert((verb, name));
                says(&mut conns[who], &format!("{verb} {name}"));
            } else if facts[who].remove(&(verb, name)) {
                let opposite = verb.replace("SUBSCRIBE", "UNSUBSCRIBE");
                says(&mut conns[who], &format!("{opposite} {name}"));
            }
            let (channel, text) = (*rng.pick(&names), round.to_string());
            let sharded = rng.below(3) == 0;
            let publish = if sharded { "SPUBLISH" } else { "PUBLISH" };
            let mut count = 0;
            let expected: Vec<Vec<Value>> =
                facts.iter().map(|facts| expected(facts, sharded, channel, &text, &mut count)).collect();
            assert_eq!(publisher.call(&[publish, channel, &text]), Value::Int(count));
            for (conn, expected) in conns.iter_mut().zip(expected) {
                let mut heard = hears(conn);
                heard.sort(); // patterns come in any order
                assert_eq!(heard, expected, "{publish} {channel} on {shards} shards");
            }
        }
    }
}

fn expected(
    facts: &BTreeSet<(&str, &str)>,
    sharded: bool,
    channel: &str,
    text: &str,
    count: &mut i64,
) -> Vec<Value> {
    let matches = |pattern: &str| match pattern {
        "a*" => channel.starts_with('a'),
        "?b" => channel.len() == 2 && channel.ends_with('b'),
        "[bc]*" => channel.starts_with(['b', 'c']),
        _ => true,
    };
    let mut heard = Vec::new();
    if sharded && facts.contains(&("SSUBSCRIBE", channel)) {
        heard.push(message(&["smessage", channel, text]));
    }
    if !sharded && facts.contains(&("SUBSCRIBE", channel)) {
        heard.push(message(&["message", channel, text]));
    }
    for (verb, pattern) in facts {
        if !sharded && *verb == "PSUBSCRIBE" && matches(pattern) {
            heard.push(message(&["pmessage", pattern, channel, text]));
        }
    }
    *count += heard.len() as i64;
    heard.sort();
    heard
}

#[test]
fn who_leaves_is_forgotten() {
    const CHANNELS: usize = 30_000;
    for shards in SHARDS {
        let server = Server::start(shards);
        let names: Vec<String> = (0..CHANNELS).map(|i| format!("channel:{i}")).collect();
        let mut publisher = server.connect();
        let subscribe = |conn: &mut Conn, verb: &str| {
            let mut bytes = Vec::new();
            encode(&mut bytes, &[&[verb.to_owned()][..], &names].concat());
            conn.send_raw(&bytes);
            for n in 1..=CHANNELS as i64 {
                assert_eq!(conn.read().items()[2], Value::Int(n));
            }
        };
        // RESET is answered when all of it is gone.
        let mut conn = server.connect();
        subscribe(&mut conn, "SUBSCRIBE");
        assert_eq!(server.info("pubsub_channels").as_deref(), Some("30000"));
        assert_eq!(conn.words("RESET"), Value::Simple(b"RESET".to_vec()));
        assert_eq!(server.info("pubsub_channels").as_deref(), Some("0"));
        assert_eq!(conn.words("GET k"), Value::NullBulk);
        // A client that goes gets nothing from then on, and its channels are gone soon.
        subscribe(&mut conn, "SSUBSCRIBE");
        assert_eq!(publisher.words("SPUBLISH channel:29999 x"), Value::Int(1));
        drop(conn);
        peer::wait_until("shard channels are gone", LIMIT, || {
            publisher.words("PUBSUB SHARDCHANNELS") == Value::Array(vec![])
        });
        assert_eq!(publisher.words("SPUBLISH channel:29999 x"), Value::Int(0));
        assert_eq!(server.info("pubsub_clients").as_deref(), Some("0"));
        // All of it ended at once, by its owner.
        let mut conn = server.connect();
        subscribe(&mut conn, "PSUBSCRIBE");
        let gone = says(&mut conn, "PUNSUBSCRIBE");
        assert_eq!(gone.len(), CHANNELS);
        assert_eq!(gone[CHANNELS - 1].items()[2], Value::Int(0));
        assert_eq!(server.info("pubsub_patterns").as_deref(), Some("0"));
    }
}

/// CLIENT LIST, CLIENT KILL, INFO.
#[test]
fn subscribers_are_shown_and_killed() {
    for shards in SHARDS {
        let server = Server::start(shards);
        let mut admin = server.connect();
        let mut conns: Vec<Conn> = (0..3).map(|_| server.connect()).collect();
        conns[0].must("CLIENT SETNAME first");
        for line in ["SUBSCRIBE x y", "PSUBSCRIBE p*", "SSUBSCRIBE s"] {
            says(&mut conns[0], line);
        }
        says(&mut conns[1], "PSUBSCRIBE p* q*");
        let list = admin.words("CLIENT LIST TYPE pubsub").text();
        assert_eq!(list.lines().count(), 2, "{list}");
        let first = list.lines().find(|l| l.contains("name=first")).unwrap();
        assert!(first.contains(" flags=P ") && first.contains(" sub=2 psub=1 ssub=1 "), "{first}");
        assert!(!admin.words("CLIENT LIST TYPE normal").text().contains("name=first"));
        let info = |field: &str| server.info(field).unwrap();
        assert_eq!(["pubsub_channels", "pubsub_patterns", "pubsubshard_channels"].map(info), ["2", "2", "1"]);
        assert_eq!(info("pubsub_clients"), "2");
        assert_eq!(admin.words("CLIENT KILL TYPE pubsub"), Value::Int(2));
        assert_eq!(conns[0].read_to_end().unwrap(), b"");
        assert_eq!(conns[2].words("PING"), Value::Simple(b"PONG".to_vec()));
        peer::wait_until("all is gone", LIMIT, || admin.words("PUBSUB NUMPAT") == Value::Int(0));
        assert_eq!(admin.words("PUBLISH x m"), Value::Int(0));
    }
}

/// A subscriber that does not read is closed at the limit of its class, and only that one.
#[test]
fn who_does_not_read_is_closed_at_its_limit() {
    if !peer::only_percore("who_does_not_read_is_closed_at_its_limit") {
        return;
    }
    for shards in SHARDS {
        let server =
            Server::builder(shards).args(&["--client-output-buffer-limit", "pubsub 2mb 0 0"]).start();
        let (mut lazy, mut publisher) = (server.connect(), server.connect());
        let mut eager = server.connect();
        lazy.must("SUBSCRIBE big");
        eager.must("SUBSCRIBE small");
        let payload = "x".repeat(100_000);
        peer::wait_until("the lazy one is closed", LIMIT, || {
            publisher.call(&["PUBLISH", "big", &payload]) == Value::Int(0)
        });
        assert_eq!(server.info("client_output_buffer_limit_disconnections").as_deref(), Some("1"));
        server.wait_for_log("closed for overcoming of output buffer limits");
        // What one turn brings counts as well.
        lazy = server.connect();
        lazy.must("SUBSCRIBE big");
        let burst: Vec<Cmd> = (0..40).map(|_| cmd(&["PUBLISH", "big", &payload])).collect();
        peer::wait_until("the lazy one is closed", LIMIT, || {
            publisher.pipeline(&burst).contains(&Value::Int(0))
        });
        assert_eq!(publisher.words("PUBLISH small m"), Value::Int(1));
        assert_eq!(eager.read(), message(&["message", "small", "m"]));
    }
}

#[test]
fn subscriptions_have_a_limit() {
    if !peer::only_percore("subscriptions_have_a_limit") {
        return;
    }
    let server = Server::builder(2).args(&["--client-subscriptions-limit", "10kb"]).start();
    let mut conn = server.connect3();
    let names: Vec<String> = (0..100).map(|i| format!("c{i}")).collect();
    let all = [&["SUBSCRIBE".to_owned()][..], &names].concat();
    let refusal = conn.call(&all);
    assert_eq!(
        refusal,
        Value::Error(b"ERR client-subscriptions-limit of 10240 bytes would be exceeded".to_vec())
    );
    assert_eq!(server.info("pubsub_channels").as_deref(), Some("0"), "all or nothing: {}", show(&cmd(&all)));
    let mut taken = 0;
    while !conn.words(&format!("SUBSCRIBE d{taken}")).is_error() {
        taken += 1;
    }
    assert!((30..40).contains(&taken), "{taken}");
    conn.must("UNSUBSCRIBE d0");
    conn.must("SUBSCRIBE e");
}
