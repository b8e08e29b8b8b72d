//! The order in which subscribers hear, on one, two and three shards: each publisher's messages in the order
//! sent, none before what was written before it, none missed after a confirmation, and each between whole replies.

// A test says what went wrong by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::client::encode;
use common::keys::spread;
use common::listen::{hears, says};
use common::{Cmd, Conn, Server, Value, cmd};
use std::sync::atomic::{AtomicBool, Ordering};

const SHARDS: [usize; 3] = [1, 2, 3];

/// A pipeline of a RESP3 client that hears itself: each message right behind the reply to its PUBLISH (as in Redis
/// 7.2; 7.0 has it before), wherever the keys between are.
#[test]
fn own_messages_come_behind_their_replies() {
    for shards in SHARDS {
        let server = Server::start(shards);
        let keys = spread("k", 3);
        let mut conn = server.connect3();
        conn.must("SUBSCRIBE c");
        let mut commands = Vec::new();
        let mut expected = Vec::new();
        for i in 0..200 {
            let n = i.to_string();
            commands.push(cmd(&["SET", &keys[i % 3], &n]));
            commands.push(cmd(&["PUBLISH", "c", &n]));
            commands.push(cmd(&["GET", &keys[i % 3]]));
            let heard = Value::Push(["message", "c", &n].map(Value::bulk).to_vec());
            expected.extend([Value::ok(), Value::Int(1), heard, Value::bulk(&n)]);
        }
        let mut bytes = Vec::new();
        commands.iter().for_each(|c| encode(&mut bytes, c));
        conn.send_raw(&bytes);
        let heard: Vec<_> = expected.iter().map(|_| conn.read()).collect();
        assert_eq!(heard, expected, "{shards} shards");
    }
}

/// The reply of an EXEC is one reply, however it is run: on this shard, in one hop over several, or in several
/// steps. What its commands publish comes behind it, in their order.
#[test]
fn messages_do_not_split_the_reply_of_exec() {
    for shards in SHARDS {
        let server = Server::start(shards);
        let keys = spread("k", 3);
        let mut conn = server.connect3();
        conn.must("SUBSCRIBE c");
        let set: Vec<Cmd> = keys.iter().map(|k| cmd(&["SET", k, "v"])).collect();
        let publish = |text: &str| cmd(&["PUBLISH", "c", text]);
        let get = |key: &str| cmd(&["GET", key]);
        let bodies = [
            vec![set[0].clone(), publish("x"), get(&keys[0])],
            vec![set[0].clone(), set[1].clone(), publish("x"), set[2].clone(), publish("y"), get(&keys[1])],
            vec![publish("x"), cmd(&["RENAME", &keys[0], &keys[1]]), publish("y"), get(&keys[1])],
            vec![publish("x"), cmd(&["CONFIG", "GET", "port"]), publish("y")],
        ];
        for body in bodies {
            for times in [1, 3] {
                let mut commands = Vec::new();
                for _ in 0..times {
                    commands.extend(set.iter().cloned());
                    commands.push(cmd(&["MULTI"]));
                    commands.extend(body.iter().cloned());
                    commands.push(cmd(&["EXEC"]));
                }
                let mut bytes = Vec::new();
                commands.iter().for_each(|c| encode(&mut bytes, c));
                conn.send_raw(&bytes);
                for _ in 0..times {
                    let replies: Vec<_> = (0..set.len() + 1 + body.len()).map(|_| conn.read()).collect();
                    assert!(replies.iter().all(|r| matches!(r, Value::Simple(_))), "{replies:?}");
                    let exec = conn.read().items();
                    assert_eq!(exec.len(), body.len());
                    assert!(!exec.iter().any(|r| matches!(r, Value::Push(_))), "{shards} shards: {exec:?}");
                    for published in body.iter().filter(|c| c[0] == b"PUBLISH") {
                        let message = [b"message".to_vec(), b"c".to_vec(), published[2].clone()];
                        assert_eq!(conn.read(), Value::Push(message.map(Value::bulk).to_vec()));
                    }
                }
            }
        }
    }
}

/// Clients that subscribe and leave while others run commands of several steps over all shards: all are answered.
#[test]
fn subscribing_goes_on_beside_transactions() {
    for shards in SHARDS {
        let server = Server::start(shards);
        let keys = spread("k", 3);
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for w in 0..2 {
                let (mut conn, keys, done) = (server.connect(), &keys, &done);
                scope.spawn(move || {
                    while !done.load(Ordering::Relaxed) {
                        let mut commands = vec![cmd(&["SET", &keys[0], "v"])];
                        commands.push(cmd(&["RENAME", &keys[0], &keys[1 + w % 2]]));
                        commands.push(cmd(&["MULTI"]));
                        commands.push(cmd(&["PUBLISH", "c", "m"]));
                        commands.push(cmd(&["COPY", &keys[1], &keys[2], "REPLACE"]));
                        commands.push(cmd(&["PUBSUB", "NUMSUB", "c"]));
                        commands.push(cmd(&["EXEC"]));
                        conn.pipeline(&commands);
                    }
                });
            }
            let _done = Done(&done);
            let threads: Vec<_> = (0..3)
                .map(|_| {
                    let mut conn = server.connect3();
                    scope.spawn(move || {
                        for round in 0..150 {
                            says(&mut conn, "SUBSCRIBE c d");
                            let commands = [
                                cmd(&["MULTI"]),
                                cmd(&["SUBSCRIBE", "e"]),
                                cmd(&["UNSUBSCRIBE", "e"]),
                                cmd(&["EXEC"]),
                            ];
                            let mut bytes = Vec::new();
                            commands[..[0, 4][round % 2]].iter().for_each(|c| encode(&mut bytes, c));
                            conn.send_raw(&bytes);
                            hears(&mut conn);
                            let heard = says(&mut conn, "UNSUBSCRIBE");
                            let ends = heard.iter().filter(|v| v.items()[0] == Value::bulk("unsubscribe"));
                            let ends: Vec<_> = ends.map(|v| v.items()[2].clone()).collect();
                            assert_eq!(ends, [Value::Int(1), Value::Int(0)]);
                            assert_eq!(hears(&mut conn), [], "nothing comes after the end");
                        }
                    })
                })
                .collect();
            for thread in threads {
                thread.join().unwrap();
            }
        });
    }
}

/// Publishers pipeline on many channels; every subscriber hears each publisher in the order it wrote.
#[test]
fn a_publisher_is_heard_in_order_whatever_the_channels() {
    const EACH: usize = 3000;
    for shards in SHARDS {
        let server = Server::start(shards);
        let mut listeners: Vec<Conn> = (0..4).map(|_| server.connect()).collect();
        for (i, listener) in listeners.iter_mut().enumerate() {
            match i % 2 {
                0 => listener.must("PSUBSCRIBE c*"),
                _ => listener.must("SUBSCRIBE c0 c1 c2 c3"),
            };
            says(listener, "PING");
        }
        std::thread::scope(|scope| {
            for p in 0..3 {
                let mut conn = server.connect();
                scope.spawn(move || {
                    for batch in (0..EACH).step_by(50) {
                        let publish =
                            |n: usize| cmd(&["PUBLISH", &format!("c{}", n % 4), &format!("{p}:{n}")]);
                        let commands: Vec<Cmd> = (batch..batch + 50).map(publish).collect();
                        assert!(conn.pipeline(&commands).iter().all(|r| *r == Value::Int(4)));
                    }
                });
            }
            for listener in &mut listeners {
                scope.spawn(move || {
                    let mut next = [0usize; 3];
                    while next != [EACH; 3] {
                        let text = listener.read().items().last().unwrap().text();
                        let (p, n) = text.split_once(':').unwrap();
                        let p: usize = p.parse().unwrap();
                        assert_eq!(n, next[p].to_string(), "publisher {p} on {shards} shards");
                        next[p] += 1;
                    }
                });
            }
        });
    }
}

/// A message that was pipelined after a SET: whoever has it finds the key, on whatever connection.
#[test]
fn a_message_is_not_seen_before_what_was_set_before_it() {
    const JOBS: usize = 1500;
    for shards in SHARDS {
        let server = Server::start(shards);
        let listeners: Vec<Conn> = (0..3)
            .map(|_| {
                let mut conn = server.connect();
                conn.must("SUBSCRIBE jobs");
                conn
            })
            .collect();
        std::thread::scope(|scope| {
            for mut listener in listeners {
                let mut asking = server.connect();
                scope.spawn(move || {
                    for _ in 0..2 * JOBS {
                        let job = listener.read().items()[2].text();
                        assert_eq!(
                            asking.call(&["GET", &job]),
                            Value::bulk("done"),
                            "{job} on {shards} shards"
                        );
                    }
                });
            }
            for p in 0..2 {
                let mut conn = server.connect();
                scope.spawn(move || {
                    for n in 0..JOBS {
                        let job = format!("job:{p}:{n}");
                        let commands = [cmd(&["SET", &job, "done"]), cmd(&["PUBLISH", "jobs", &job])];
                        assert_eq!(conn.pipeline(&commands), [Value::ok(), Value::Int(3)]);
                    }
                });
            }
        });
    }
}

/// Says that a thread has ended, however it ends.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// While clients subscribe and leave: from its confirmation on a client hears everything that is published after a key it
/// has not seen yet.
#[test]
fn nothing_is_missed_after_the_confirmation() {
    const ROUNDS: usize = 300;
    for shards in SHARDS {
        let server = Server::start(shards);
        let done = [AtomicBool::new(false), AtomicBool::new(false)];
        std::thread::scope(|scope| {
            for (keys, done) in [spread("n", 3), spread("m", 3)].into_iter().zip(&done) {
                let mut conn = server.connect();
                let mut latecomer = server.connect3();
                let tail = keys[2].clone();
                scope.spawn(move || {
                    for n in 1.. {
                        let n = format!("{n}");
                        let commands = [
                            cmd(&["SET", &keys[2], &n]),
                            cmd(&["MSET", &keys[0], &n, &keys[1], &n]),
                            cmd(&["PUBLISH", &format!("late:{}", keys[2]), &n]),
                        ];
                        conn.pipeline(&commands);
                        if done.load(Ordering::Relaxed) {
                            break;
                        }
                    }
                });
                scope.spawn(move || {
                    let _done = Done(done);
                    let channel = format!("late:{tail}");
                    for _ in 0..ROUNDS {
                        let commands = [cmd(&["SUBSCRIBE", &channel]), cmd(&["GET", &tail])];
                        let confirmed = latecomer.try_pipeline(&commands).unwrap();
                        // Between the two a message may have come already; then that is the first.
                        let (first, seen) = match &confirmed[1] {
                            Value::Push(m) => {
                                let mut next = latecomer.read();
                                while let Value::Push(_) = next {
                                    next = latecomer.read();
                                }
                                (m[2].int().unwrap(), next.int().unwrap_or(0))
                            }
                            seen => {
                                let Value::Push(m) = latecomer.read() else { panic!("a message") };
                                (m[2].int().unwrap(), seen.int().unwrap_or(0))
                            }
                        };
                        assert!(
                            first <= seen + 1,
                            "{shards} shards: saw {seen}, and then heard {first} first"
                        );
                        says(&mut latecomer, &format!("UNSUBSCRIBE {channel}"));
                    }
                });
            }
        });
    }
}

/// A RESP3 client that waits for a list hears messages meanwhile, and its reply when it comes, wherever the list is.
#[test]
fn a_client_that_waits_hears_messages() {
    for shards in SHARDS {
        let server = Server::start(shards);
        let (mut conn, mut other) = (server.connect3(), server.connect());
        conn.must("SUBSCRIBE c");
        let lists = spread("list", 3);
        let heard = |n: usize| Value::Push(["message", "c", &n.to_string()].map(Value::bulk).to_vec());
        for list in lists.iter().map(String::as_str).chain(["both"]) {
            let wait: Cmd = match list {
                "both" => cmd(&["BLPOP", &lists[0], &lists[2], "0"]),
                _ => cmd(&["BLPOP", list, "0"]),
            };
            let mut bytes = Vec::new();
            encode(&mut bytes, &cmd(&["SET", "before", "x"]));
            encode(&mut bytes, &wait);
            conn.send_raw(&bytes);
            assert_eq!(conn.read(), Value::ok());
            for n in 0..3 {
                assert_eq!(other.call(&["PUBLISH", "c", &n.to_string()]), Value::Int(1));
                assert_eq!(conn.read(), heard(n), "{list}, {shards} shards");
            }
            let list = if list == "both" { &lists[2] } else { list };
            assert_eq!(other.call(&["RPUSH", list, "element"]), Value::Int(1));
            assert_eq!(conn.read().items(), [Value::bulk(list), Value::bulk("element")]);
        }
    }
}
