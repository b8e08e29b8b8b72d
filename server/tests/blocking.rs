//! Commands that wait for a key, with keys on one shard and on several: who is served, in which order, and
//! that nothing is left of a wait that has ended.
//!
//! The rules are those of Redis 7.2. Redis 7.0 has others in three places: it looks at the key that became ready first, not
//! at the first that a client names; it counts a command that waits at once; and a group that is gone is `UNBLOCKED`.

// A test says what went wrong by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{Cmd, Conn, Rng, Server, Value, client, cmd, env, keys, peer};
use std::collections::HashMap;
use std::time::{Duration, Instant};

const SHARDS: [usize; 3] = [1, 2, 3];
const LIMIT: Duration = Duration::from_secs(30);

fn words(line: &str) -> Cmd {
    cmd(&line.split_whitespace().collect::<Vec<_>>())
}

/// For each number of shards, a server and the names of three keys: on shards of their own where there are three.
fn on_all(test: impl Fn(&Server, &mut Conn, [&str; 3])) {
    let spread = keys::spread("k", 3);
    let names = [spread[0].as_str(), spread[1].as_str(), spread[2].as_str()];
    for shards in SHARDS {
        let server = Server::start(shards);
        test(&server, &mut server.connect(), names);
        nobody_waits(&server);
    }
}

/// Waits until INFO counts `n` clients that wait.
#[track_caller]
fn waiters(server: &Server, n: usize) {
    let n = n.to_string();
    peer::wait_until(&format!("{n} blocked clients"), LIMIT, || {
        server.info("blocked_clients").as_deref() == Some(&n)
    });
}

/// Waits until neither a client waits nor a key is waited for.
#[track_caller]
fn nobody_waits(server: &Server) {
    waiters(server, 0);
    // Redis counts them since 7.2.
    if env::is_percore() {
        for field in ["total_blocking_keys", "total_blocking_keys_on_nokey"] {
            peer::wait_until(field, LIMIT, || server.info(field).as_deref() == Some("0"));
        }
    }
}

/// A new client for each line, each waiting before the next one asks.
#[track_caller]
fn wait_in_order<const N: usize>(server: &Server, lines: [&str; N]) -> [Conn; N] {
    let before: usize = server.info("blocked_clients").unwrap().parse().unwrap();
    let mut so_far = before;
    lines.map(|line| {
        let mut conn = server.connect();
        send(&mut conn, &[line]);
        so_far += 1;
        waiters(server, so_far);
        conn
    })
}

/// Sends commands in one write and reads nothing.
fn send(conn: &mut Conn, lines: &[&str]) {
    let mut bytes = Vec::new();
    lines.iter().for_each(|line| client::encode(&mut bytes, &words(line)));
    conn.send_raw(&bytes);
}

/// A transaction in one write; what EXEC answered.
fn transaction(conn: &mut Conn, lines: &[&str]) -> Value {
    let all: Vec<Cmd> = ["MULTI"].iter().chain(lines).chain(&["EXEC"]).map(|line| words(line)).collect();
    conn.pipeline(&all).pop().expect("a reply of EXEC")
}

/// What has come for a client, as its debug form.
fn got(conn: &mut Conn) -> String {
    format!("{:?}", conn.read())
}

#[test]
fn the_first_to_wait_is_the_first_to_be_served() {
    on_all(|server, conn, [a, b, c]| {
        let [mut first, mut second, mut third] = wait_in_order(
            server,
            [&format!("BLPOP {a} {b} {c} 0"), &format!("BRPOP {c} {b} 0"), &format!("BLPOP {b} 0")],
        );
        conn.must(&format!("RPUSH {b} 1"));
        assert_eq!(got(&mut first), format!("[\"{b}\", \"1\"]"));
        conn.must(&format!("RPUSH {c} 2"));
        assert_eq!(got(&mut second), format!("[\"{c}\", \"2\"]"));
        conn.must(&format!("RPUSH {b} 3"));
        assert_eq!(got(&mut third), format!("[\"{b}\", \"3\"]"));
        assert_eq!(conn.must(&format!("EXISTS {a} {b} {c}")), Value::Int(0));
    });
}

#[test]
fn one_push_serves_as_many_as_it_has_elements() {
    on_all(|server, conn, [a, b, c]| {
        let lines = [
            format!("BLPOP {b} 0"),
            format!("BLPOP {a} {b} 0"),
            format!("BLMPOP 0 2 {c} {b} RIGHT COUNT 2"),
            format!("BLPOP {b} 0"),
            format!("BLPOP {b} {c} 0"),
        ];
        let mut clients = wait_in_order(server, [0, 1, 2, 3, 4].map(|i| lines[i].as_str()));
        conn.must(&format!("RPUSH {b} 1 2 3 4 5"));
        let replies: Vec<String> = clients[..4].iter_mut().map(got).collect();
        let one = |n: u8| format!("[\"{b}\", \"{n}\"]");
        assert_eq!(replies, [one(1), one(2), format!("[\"{b}\", [\"5\", \"4\"]]"), one(3)]);
        waiters(server, 1);
        conn.must(&format!("RPUSH {c} 6"));
        assert_eq!(got(&mut clients[4]), format!("[\"{c}\", \"6\"]"));
    });
}

#[test]
fn sorted_sets_are_popped_for_those_who_wait() {
    on_all(|server, conn, [a, b, c]| {
        let lines = [
            format!("BZPOPMIN {a} {b} 0"),
            format!("BZPOPMAX {c} {b} 0"),
            format!("BZMPOP 0 3 {a} {b} {c} MIN COUNT 2"),
        ];
        let [mut min, mut max, mut many] = wait_in_order(server, [&lines[0], &lines[1], &lines[2]]);
        conn.must(&format!("ZADD {b} 1 one 2 two 3 three 4 four"));
        assert_eq!(got(&mut min), format!("[\"{b}\", \"one\", \"1\"]"));
        assert_eq!(got(&mut max), format!("[\"{b}\", \"four\", \"4\"]"));
        assert_eq!(got(&mut many), format!("[\"{b}\", [[\"two\", \"2\"], [\"three\", \"3\"]]]"));
        assert_eq!(conn.must(&format!("EXISTS {b}")), Value::Int(0));
    });
}

#[test]
fn every_reader_of_a_stream_hears_of_an_entry() {
    on_all(|server, conn, [a, b, c]| {
        conn.must(&format!("XADD {b} 5-1 f old"));
        conn.must(&format!("XGROUP CREATE {b} g $"));
        conn.must(&format!("XGROUP CREATE {c} g $ MKSTREAM"));
        let lines = [
            format!("XREAD BLOCK 0 STREAMS {a} {b} $ $"),
            format!("XREAD BLOCK 0 STREAMS {c} {b} {a} 0 5-1 0"),
            format!("XREADGROUP GROUP g one BLOCK 0 STREAMS {c} {b} > >"),
            format!("XREADGROUP GROUP g two BLOCK 0 STREAMS {b} {c} > >"),
        ];
        let [mut first, mut second, mut one, mut two] =
            wait_in_order(server, [0, 1, 2, 3].map(|i| lines[i].as_str()));
        conn.must(&format!("XADD {b} 6-1 f new"));
        let entry = |id: &str| format!("[[\"{b}\", [[\"{id}\", [\"f\", \"new\"]]]]]");
        for reader in [&mut first, &mut second, &mut one] {
            assert_eq!(got(reader), entry("6-1"));
        }
        waiters(server, 1);
        conn.must(&format!("XADD {b} 7-1 f new"));
        assert_eq!(
            got(&mut two),
            entry("7-1"),
            "the group gave the first entry to the first of its consumers"
        );
    });
}

#[test]
fn a_wait_ends_when_its_time_is_over() {
    on_all(|server, conn, [a, b, c]| {
        let lines = [
            format!("BLPOP {a} {b} 0.1"),
            format!("BRPOP {a} 0.1"),
            format!("BLMPOP 0.1 2 {a} {c} LEFT"),
            format!("BLMOVE {a} {b} LEFT LEFT 0.1"),
            format!("BRPOPLPUSH {a} {c} 0.1"),
            format!("BZPOPMIN {c} {a} 0.1"),
            format!("BZMPOP 0.1 2 {b} {a} MAX"),
            format!("XREAD BLOCK 100 STREAMS {a} {b} 0 0"),
        ];
        for line in &lines {
            let begin = Instant::now();
            assert_eq!(format!("{:?}", conn.words(line)), "*-1", "{line}");
            // Time is counted from when the server last looked at its clock, in whole milliseconds.
            assert!(begin.elapsed() >= Duration::from_millis(50), "{line}: {:?}", begin.elapsed());
        }
        nobody_waits(server);
        conn.must(&format!("RPUSH {a} stays"));
        assert_eq!(conn.must(&format!("LLEN {a}")), Value::Int(1));
    });
}

#[test]
fn client_unblock_ends_a_wait() {
    on_all(|server, conn, [a, b, c]| {
        for line in [
            format!("BLPOP {a} 0"),
            format!("BLPOP {a} {b} {c} 0"),
            format!("BZPOPMIN {a} {c} 0"),
            format!("XREAD BLOCK 0 STREAMS {b} {c} 0 0"),
        ] {
            let mut waiting = server.connect();
            let id = waiting.must("CLIENT ID").int().unwrap();
            let wait = format!("CLIENT UNBLOCK {id}");
            for (how, reply) in
                [("", "*-1"), ("TIMEOUT", "*-1"), ("ERROR", "-UNBLOCKED client unblocked via CLIENT UNBLOCK")]
            {
                send(&mut waiting, &[&line]);
                waiters(server, 1);
                assert_eq!(conn.words(&format!("{wait} {how}")), Value::Int(1), "{line}");
                assert_eq!(got(&mut waiting), reply, "{line}");
                assert_eq!(conn.words(&wait), Value::Int(0), "it waits no longer");
            }
            nobody_waits(server);
        }
        conn.must(&format!("MSET {a} 1 {b} 1 {c} 1"));
    });
}

#[test]
fn a_client_that_goes_leaves_no_wait() {
    on_all(|server, conn, [a, b, c]| {
        let lines = [
            format!("BLPOP {a} 0"),
            format!("BLPOP {a} {b} {c} 0"),
            format!("BLMOVE {a} {b} LEFT RIGHT 0"),
            format!("BZPOPMAX {c} {b} 100"),
            format!("XREAD BLOCK 0 STREAMS {c} {a} $ $"),
        ];
        let [first, second, third, fourth, fifth] =
            wait_in_order(server, [0, 1, 2, 3, 4].map(|i| lines[i].as_str()));
        if env::is_percore() {
            assert_eq!(server.info("total_blocking_keys").as_deref(), Some("3"));
        }
        drop((first, third, fifth));
        waiters(server, 2);
        drop((second, fourth));
        nobody_waits(server);
        conn.must(&format!("RPUSH {a} stays"));
        conn.must(&format!("ZADD {b} 1 stays"));
        assert_eq!(conn.must(&format!("EXISTS {a} {b}")), Value::Int(2));
    });
}

#[test]
fn a_client_that_is_killed_leaves_no_wait() {
    on_all(|server, conn, [a, b, _]| {
        for line in [format!("BLPOP {a} 0"), format!("BLPOP {a} {b} 0")] {
            let mut waiting = server.connect();
            let id = waiting.must("CLIENT ID").int().unwrap();
            send(&mut waiting, &[&line]);
            waiters(server, 1);
            conn.must(&format!("CLIENT KILL ID {id}"));
            assert_eq!(waiting.read_to_end().unwrap(), b"");
            nobody_waits(server);
        }
    });
}

#[test]
fn a_transaction_is_seen_whole() {
    on_all(|server, conn, [a, b, c]| {
        // What it takes away again is not there, and the last that it pushed is the first.
        let [mut both] = wait_in_order(server, [&format!("BLPOP {a} {b} 0")]);
        let lines =
            [format!("RPUSH {a} 1"), format!("DEL {a}"), format!("LPUSH {b} 2"), format!("LPUSH {b} 3")];
        transaction(conn, &[&lines[0], &lines[1]]);
        transaction(conn, &[&lines[0], &lines[1], &lines[2], &lines[3]]);
        assert_eq!(got(&mut both), format!("[\"{b}\", \"3\"]"));
        conn.must(&format!("DEL {b}"));

        // Who waits for several keys is older than who waits for one of them.
        let lines = [format!("BLPOP {a} 0"), format!("BLPOP {a} {b} 0"), format!("BLPOP {b} 0")];
        let [mut first, mut second, third] = wait_in_order(server, [&lines[0], &lines[1], &lines[2]]);
        transaction(conn, &[&format!("RPUSH {a} 1"), &format!("RPUSH {b} 2"), &format!("SET {c} 1")]);
        assert_eq!(got(&mut first), format!("[\"{a}\", \"1\"]"));
        assert_eq!(got(&mut second), format!("[\"{b}\", \"2\"]"));
        waiters(server, 1);
        drop(third);

        // Its own keys are looked at in the order in which it names them.
        let [mut client] = wait_in_order(server, [&format!("BLPOP {c}x {b} {a} 0")]);
        transaction(conn, &[&format!("RPUSH {a} 1"), &format!("RPUSH {b} 2")]);
        assert_eq!(got(&mut client), format!("[\"{b}\", \"2\"]"));
        assert_eq!(conn.must(&format!("LLEN {a}")), Value::Int(1));
    });
}

#[test]
fn only_the_right_type_wakes() {
    on_all(|server, conn, [a, b, c]| {
        let [mut list, mut zset] =
            wait_in_order(server, [&format!("BLPOP {a} {b} 0"), &format!("BZPOPMIN {a} {b} 0")]);
        for line in [format!("SET {a} text"), format!("SADD {b} member"), format!("DEL {a} {b}")] {
            conn.must(&line);
        }
        conn.must(&format!("ZADD {b} 1 m"));
        assert_eq!(got(&mut zset), format!("[\"{b}\", \"m\", \"1\"]"));
        waiters(server, 1);
        conn.must(&format!("RPUSH {b} 1"));
        assert_eq!(got(&mut list), format!("[\"{b}\", \"1\"]"));

        // A key of another type is refused when the command comes, unless an earlier key answers it.
        conn.must(&format!("SET {a} text"));
        let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value";
        assert_eq!(format!("{:?}", conn.words(&format!("BLPOP {b} {a} 0"))), wrong);
        conn.must(&format!("RPUSH {b} 1"));
        assert_eq!(conn.words(&format!("BLPOP {b} {a} 0")).items().len(), 2);

        // The destination may have become one while the client waited: the element stays where it is.
        let [mut mover] = wait_in_order(server, [&format!("BLMOVE {b} {c} LEFT LEFT 0")]);
        conn.must(&format!("SET {c} text"));
        conn.must(&format!("RPUSH {b} stays"));
        assert_eq!(got(&mut mover), wrong);
        assert_eq!(conn.must(&format!("LRANGE {b} 0 -1")).items(), [Value::bulk("stays")]);
    });
}

#[test]
fn a_group_that_is_gone_ends_the_wait_of_its_consumers() {
    on_all(|server, conn, [a, b, c]| {
        for (change, reply) in [
            (format!("DEL {b}"), "-NOGROUP "),
            (format!("XGROUP DESTROY {b} g"), "-NOGROUP "),
            (format!("RENAME {b} {c}"), "-NOGROUP "),
            (format!("SET {b} text"), "-WRONGTYPE "),
        ] {
            conn.must("FLUSHALL");
            conn.must(&format!("XGROUP CREATE {a} g $ MKSTREAM"));
            conn.must(&format!("XGROUP CREATE {b} g $ MKSTREAM"));
            let lines = [
                format!("XREADGROUP GROUP g one BLOCK 0 STREAMS {b} >"),
                format!("XREADGROUP GROUP g two BLOCK 0 STREAMS {a} {b} > >"),
            ];
            let clients = wait_in_order(server, [&lines[0], &lines[1]]);
            conn.must(&change);
            for mut client in clients {
                let reply_got = got(&mut client);
                assert!(reply_got.starts_with(reply), "{change}: {reply_got}");
            }
        }
    });
}

/// Everything that can make a list of a key, not only a push.
#[test]
fn whatever_makes_a_list_wakes() {
    on_all(|server, conn, [a, b, c]| {
        for line in [
            format!("RPUSHX {a} x"),
            format!("LMOVE {c} {b} LEFT LEFT"),
            format!("RPOPLPUSH {c} {a}"),
            format!("RENAME {c} {b}"),
            format!("RENAMENX {c} {a}"),
            format!("COPY {c} {b}"),
            format!("SORT {c} ALPHA STORE {a}"),
            "SWAPDB 0 1".into(),
            format!("MOVE {b} 0"),
        ] {
            conn.must("FLUSHALL");
            let [mut client] = wait_in_order(server, [&format!("BLPOP {a} {b} 0")]);
            let mut lines = vec![format!("RPUSH {c} x")];
            match line.split(' ').next() {
                Some("RPUSHX") => lines.insert(0, format!("RPUSH {a} x")),
                Some("SWAPDB") => lines = vec!["SELECT 1".into(), format!("RPUSH {a} x"), "SELECT 0".into()],
                Some("MOVE") => lines = vec!["SELECT 1".into(), format!("RPUSH {b} x")],
                _ => {}
            }
            lines.push(line.clone());
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            let reply = transaction(conn, &lines);
            assert!(!reply.items().iter().any(Value::is_error), "{line}: {reply:?}");
            let reply = client.read().items();
            assert_eq!(reply.get(1), Some(&Value::bulk("x")), "{line}: {reply:?}");
            conn.must("SELECT 0");
        }
        conn.must("FLUSHALL");
    });
}

#[test]
fn one_move_wakes_the_next() {
    on_all(|server, conn, [a, b, c]| {
        let chain = [
            format!("BLPOP {c} 0"),
            format!("BLMOVE {b} {c} LEFT RIGHT 0"),
            format!("BLMOVE {a} {b} LEFT RIGHT 0"),
        ];
        let [mut last, mut middle, mut first] = wait_in_order(server, [&chain[0], &chain[1], &chain[2]]);
        conn.must(&format!("RPUSH {a} x"));
        assert_eq!([got(&mut first), got(&mut middle)], ["\"x\"", "\"x\""]);
        assert_eq!(got(&mut last), format!("[\"{c}\", \"x\"]"));
        assert_eq!(conn.must(&format!("EXISTS {a} {b} {c}")), Value::Int(0));

        // Round and round: each is served once, and the element comes to rest.
        let ring = [
            format!("BLMOVE {a} {b} LEFT RIGHT 0"),
            format!("BLMOVE {b} {c} LEFT RIGHT 0"),
            format!("BRPOPLPUSH {c} {a} 0"),
        ];
        let clients = wait_in_order(server, [&ring[0], &ring[1], &ring[2]]);
        conn.must(&format!("RPUSH {b} x"));
        for mut client in clients {
            assert_eq!(got(&mut client), "\"x\"");
        }
        assert_eq!(conn.must(&format!("LLEN {b}")), Value::Int(1), "from b to c, to a, and back to b");
        conn.must(&format!("DEL {b}"));

        // To itself: the element is moved once for each who waits, and stays.
        let own = format!("BLMOVE {a} {a} LEFT RIGHT 0");
        let clients = wait_in_order(server, [&own, &own]);
        conn.must(&format!("RPUSH {a} 1 2 3"));
        let replies = clients.map(|mut client| got(&mut client));
        assert_eq!(replies, ["\"1\"", "\"2\""]);
        let left = conn.must(&format!("LRANGE {a} 0 -1"));
        assert_eq!(format!("{left:?}"), "[\"3\", \"1\", \"2\"]");
    });
}

#[test]
fn what_was_sent_behind_waits_too() {
    on_all(|server, conn, [a, b, c]| {
        let mut client = server.connect();
        send(
            &mut client,
            &[&format!("BLPOP {a} {b} 0"), &format!("SET {c} 1"), &format!("BLPOP {b} {c} 0"), "PING"],
        );
        waiters(server, 1);
        assert_eq!(conn.words(&format!("EXISTS {c}")), Value::Int(0));
        conn.must(&format!("RPUSH {b} 1"));
        assert_eq!([got(&mut client), got(&mut client)], [format!("[\"{b}\", \"1\"]"), "+OK".into()]);
        assert!(client.read().is_error(), "{c} is a string by now");
        assert_eq!(got(&mut client), "+PONG");
    });
}

#[test]
fn a_transaction_waits_for_nothing() {
    on_all(|_, conn, [a, b, _]| {
        let lines =
            [format!("BLPOP {a} {b} 0"), format!("BLMOVE {a} {b} LEFT LEFT 0"), format!("RPUSH {b} 1")];
        let reply = transaction(conn, &[&lines[0], &lines[1], &lines[2], &lines[0]]);
        assert_eq!(format!("{reply:?}"), format!("[*-1, $-1, :1, [\"{b}\", \"1\"]]"));
    });
}

/// Not when it begins to wait: a command is a call once it is answered, however that comes.
#[test]
fn a_wait_is_counted_when_it_is_answered() {
    on_all(|server, conn, [a, b, c]| {
        for line in [format!("BLPOP {a} 0"), format!("BLPOP {a} {b} {c} 0")] {
            conn.must("FLUSHALL");
            conn.must("CONFIG RESETSTAT");
            let calls = |n: u8, failed: u8| {
                let line = server.info("cmdstat_blpop").unwrap_or_default();
                assert_eq!(line.starts_with(&format!("calls={n},")), n > 0, "{line}");
                assert_eq!(line.ends_with(&format!("failed_calls={failed}")), n > 0, "{line}");
            };
            let mut waiting = server.connect();
            let id = waiting.must("CLIENT ID").int().unwrap();
            for (n, failed, change) in [
                (1, 0, format!("RPUSH {a} x")),
                (2, 0, format!("CLIENT UNBLOCK {id} TIMEOUT")),
                (3, 1, format!("CLIENT UNBLOCK {id} ERROR")),
            ] {
                send(&mut waiting, &[&line]);
                waiters(server, 1);
                calls(n - 1, 0);
                let shown = conn.must(&format!("CLIENT LIST ID {id}")).text();
                if env::is_percore() {
                    assert!(shown.contains(&format!(" tot-cmds={n}")), "{shown}"); // CLIENT ID is the other
                }
                conn.must(&change);
                assert_eq!(waiting.read().is_error(), failed > 0, "{change}");
                calls(n, failed);
            }
            assert_eq!(server.info("errorstat_UNBLOCKED").as_deref(), Some("count=1"));
            assert_eq!(server.info("total_error_replies").as_deref(), Some("1"));
        }
    });
}

/// Two hundred consumers, some with so little time that it ends as an element comes, some told to wait
/// no longer by others: what producers push is popped once each, and nothing else is.
#[test]
fn every_element_is_popped_once() {
    const CONSUMERS: usize = 200;
    const PRODUCERS: usize = 8;
    const END: &str = "end";
    let names = keys::spread("q", 5);
    for shards in SHARDS {
        let server = Server::start(shards);
        let until = Instant::now() + env::run_time() / SHARDS.len() as u32;
        let (pushed, popped) = std::thread::scope(|scope| {
            let (server, names) = (&server, &names);
            let consumers: Vec<_> =
                (0..CONSUMERS).map(|i| scope.spawn(move || consume(server, names, END, i))).collect();
            let producers: Vec<_> =
                (0..PRODUCERS).map(|i| scope.spawn(move || produce(server, names, until, i))).collect();
            let meddler = scope.spawn(move || meddle(server, until));
            let pushed: usize = producers.into_iter().map(|t| t.join().unwrap()).sum();
            meddler.join().unwrap();
            let mut conn = server.connect();
            (0..CONSUMERS).for_each(|_| drop(conn.must(&format!("RPUSH {END} .")))); // each ends one of them
            let popped: Vec<String> = consumers.into_iter().flat_map(|t| t.join().unwrap()).collect();
            (pushed, popped)
        });
        let mut times: HashMap<&str, usize> = HashMap::new();
        popped.iter().for_each(|element| *times.entry(element).or_default() += 1);
        let twice: Vec<_> = times.iter().filter(|(_, times)| **times > 1).collect();
        assert!(twice.is_empty(), "{shards} shards: {twice:?}");
        assert_eq!(popped.len(), pushed, "{shards} shards");
        assert!(pushed > 0);
        assert_eq!(server.connect().must("DBSIZE"), Value::Int(0), "{shards} shards");
        nobody_waits(&server);
    }
}

/// Pops from two of the lists, of one shard or of two, until it pops from the list `end`.
fn consume(server: &Server, names: &[String], end: &str, number: usize) -> Vec<String> {
    let (mut conn, mut rng) = (server.connect(), Rng::new(env::seed() + number as u64));
    // Each list has consumers, whatever is drawn; and `end` is looked at when the others are empty.
    let (a, b) = (&names[number % names.len()], rng.pick(names).clone());
    let mut popped = Vec::new();
    loop {
        let time = ["0", "0", "0.001", "0.005"][rng.below(4)];
        let reply = match rng.below(3) {
            0 => conn.must_or_nil(&format!("BLPOP {a} {b} {end} {time}")),
            1 => conn.must_or_nil(&format!("BRPOP {b} {a} {end} {time}")),
            _ => conn.must_or_nil(&format!("BLMPOP {time} 3 {a} {b} {end} LEFT COUNT 1")),
        };
        let Some((key, element)) = reply else { continue };
        if key == end {
            return popped;
        }
        popped.push(element);
    }
}

trait Pop {
    /// A list's name and an element of it, or nothing.
    fn must_or_nil(&mut self, line: &str) -> Option<(String, String)>;
}

impl Pop for Conn {
    fn must_or_nil(&mut self, line: &str) -> Option<(String, String)> {
        let reply = self.must(line);
        if reply.is_null() {
            return None;
        }
        let items = reply.items();
        let element = items[1].items().first().unwrap_or(&items[1]).text();
        Some((items[0].text(), element))
    }
}

/// Pushes elements of its own, alone and several at once; how many.
fn produce(server: &Server, names: &[String], until: Instant, number: usize) -> usize {
    let (mut conn, mut rng) = (server.connect(), Rng::new(env::seed() ^ (number as u64) << 32));
    let mut pushed = 0;
    let mut next = || {
        pushed += 1;
        format!("{number}-{pushed}")
    };
    while Instant::now() < until {
        let (a, b) = (rng.pick(names).clone(), rng.pick(names).clone());
        match rng.below(3) {
            0 => drop(conn.must(&format!("RPUSH {a} {}", next()))),
            1 => drop(conn.must(&format!("LPUSH {a} {} {} {}", next(), next(), next()))),
            _ => {
                let lines = [format!("RPUSH {a} {}", next()), format!("LPUSH {b} {} {}", next(), next())];
                let reply = transaction(&mut conn, &[&lines[0], &lines[1]]);
                assert_eq!(reply.items().len(), 2, "{reply:?}");
            }
        }
    }
    pushed
}

/// Ends the wait of whoever has just been seen to wait.
fn meddle(server: &Server, until: Instant) {
    let mut conn = server.connect();
    while Instant::now() < until {
        let list = conn.must("CLIENT LIST").text();
        for line in list.lines().filter(|line| line.contains(" flags=b ")) {
            let id = line.split_once("id=").unwrap().1.split(' ').next().unwrap();
            conn.must(&format!("CLIENT UNBLOCK {id}"));
        }
    }
}
