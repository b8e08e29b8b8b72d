//! Commands on several keys, or on whole databases, are one step for everybody who looks, on
//! however many shards the keys lie.

// A test says what went wrong by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{Cmd, Conn, Rng, Server, Value, cmd, env, keys};
use std::collections::BTreeSet;
use std::time::Instant;

const SHARDS: [usize; 3] = [1, 2, 5];
const READERS: usize = 3;
const WRITERS: usize = 2;

/// `name` and all of `keys`.
fn over(name: &str, keys: &[String]) -> Cmd {
    let mut command = cmd(&[name]);
    command.extend(keys.iter().map(|k| k.clone().into_bytes()));
    command
}

/// MSET of all keys to one value.
fn mset(keys: &[String], value: &str) -> Cmd {
    let mut command = cmd(&["MSET"]);
    for key in keys {
        command.extend(cmd(&[key.as_str(), value]));
    }
    command
}

/// The one value that all keys have in an MGET's reply; panics when they differ.
fn all_equal(reply: &Value) -> Value {
    let values = reply.items();
    assert!(values.windows(2).all(|w| w[0] == w[1]), "an MGET saw half of a write: {values:?}");
    values.first().expect("MGET answers an array").clone()
}

/// For each number of shards: `write` and `read` in threads of their own, over and over, each call
/// with its thread's number and a running number.
fn readers_and_writers(
    prepare: impl Fn(&Server),
    write: impl Fn(&mut Conn, usize, u64) + Sync,
    read: impl Fn(&mut Conn, u64) + Sync,
) {
    for shards in SHARDS {
        let server = Server::start(shards);
        prepare(&server);
        let until = Instant::now() + env::run_time() / SHARDS.len() as u32;
        let repeat = |one: &dyn Fn(&mut Conn, u64)| {
            let mut conn = server.connect();
            let mut n = 0;
            while Instant::now() < until {
                one(&mut conn, n);
                n += 1;
            }
            assert!(n > 0, "no time to do anything");
        };
        std::thread::scope(|scope| {
            for id in 0..WRITERS {
                let (repeat, write) = (&repeat, &write);
                scope.spawn(move || repeat(&|conn, n| write(conn, id, n)));
            }
            for _ in 0..READERS {
                scope.spawn(|| repeat(&read));
            }
        });
    }
}

#[test]
fn mget_sees_all_of_an_mset_or_nothing() {
    let keys = keys::spread("m", 8);
    readers_and_writers(
        |server| assert_eq!(server.connect().call(&mset(&keys, "0")), Value::ok()),
        |conn, id, n| assert_eq!(conn.call(&mset(&keys, &format!("{id}-{n}"))), Value::ok()),
        |conn, _| {
            all_equal(&conn.call(&over("MGET", &keys)));
        },
    );
}

/// The same through pipelines: several MSETs in one write, several MGETs in one write.
#[test]
fn pipelined_msets_are_each_one_step() {
    let keys = keys::spread("p", 8);
    readers_and_writers(
        |server| assert_eq!(server.connect().call(&mset(&keys, "0")), Value::ok()),
        |conn, id, n| {
            let pipeline: Vec<_> = (0..10).map(|i| mset(&keys, &format!("{id}-{n}-{i}"))).collect();
            assert!(conn.pipeline(&pipeline).iter().all(|reply| *reply == Value::ok()));
        },
        |conn, _| {
            let pipeline: Vec<_> = (0..10).map(|_| over("MGET", &keys)).collect();
            for reply in conn.pipeline(&pipeline) {
                all_equal(&reply);
            }
        },
    );
}

#[test]
fn exists_sees_all_of_a_del_or_nothing() {
    let keys = keys::spread("d", 8);
    readers_and_writers(
        |server| assert_eq!(server.connect().call(&mset(&keys, "0")), Value::ok()),
        |conn, id, n| {
            let removal = ["DEL", "UNLINK"][id % 2];
            let pipeline = [mset(&keys, "1"), over(removal, &keys)];
            let replies = conn.pipeline(&pipeline);
            assert_eq!(replies[0], Value::ok(), "{n}");
            assert!(matches!(replies[1], Value::Int(0 | 8)), "{removal} removed {:?} of 8", replies[1]);
        },
        |conn, n| {
            let question = ["EXISTS", "TOUCH"][n as usize % 2];
            let there = conn.call(&over(question, &keys));
            assert!(matches!(there, Value::Int(0 | 8)), "{question} saw {there:?} of 8");
        },
    );
}

/// A key that is renamed back and forth is always there under exactly one of its names.
#[test]
fn a_renamed_key_has_exactly_one_name() {
    let pairs: Vec<_> = (0..WRITERS).map(|id| keys::spread(&format!("r{id}"), 2)).collect();
    readers_and_writers(
        |server| {
            for names in &pairs {
                assert_eq!(server.connect().call(&["SET", &names[0], "here", "EX", "1000000"]), Value::ok());
            }
        },
        |conn, id, n| {
            let names = &pairs[id];
            let (from, to) = (n as usize % 2, 1 - n as usize % 2);
            match n % 3 {
                0 => {
                    let reply = conn.call(&["RENAMENX", &names[from], &names[to]]);
                    assert_eq!(reply, Value::Int(1));
                }
                _ => assert_eq!(conn.call(&["RENAME", &names[from], &names[to]]), Value::ok()),
            }
        },
        |conn, n| {
            let names = &pairs[n as usize % pairs.len()];
            let replies = conn.pipeline(&[over("EXISTS", names), over("MGET", names)]);
            assert_eq!(replies[0], Value::Int(1), "{names:?}");
            let values: Vec<_> = replies[1].items().into_iter().filter(|v| !v.is_null()).collect();
            assert_eq!(values, [Value::bulk("here")], "{names:?}");
        },
    );
}

/// A copy appears whole, and COPY REPLACE never leaves the name empty.
#[test]
fn a_replaced_copy_is_always_there() {
    let keys = keys::spread("c", 3);
    readers_and_writers(
        |server| assert_eq!(server.connect().call(&mset(&keys, "0")), Value::ok()),
        |conn, id, n| {
            let from = &keys[id];
            let replies = conn.pipeline(&[
                cmd(&["SET", from, &n.to_string()]),
                cmd(&["COPY", from, &keys[2], "REPLACE"]),
                cmd(&["GET", from]),
            ]);
            assert_eq!(replies, [Value::ok(), Value::Int(1), Value::bulk(n.to_string())]);
        },
        |conn, _| assert_eq!(conn.call(&over("EXISTS", &keys)), Value::Int(3)),
    );
}

#[test]
fn swapdb_swaps_all_shards_at_once() {
    let keys = keys::spread("s", 8);
    readers_and_writers(
        |server| {
            let mut conn = server.connect();
            assert_eq!(conn.call(&mset(&keys, "zero")), Value::ok());
            conn.must("SELECT 1");
            assert_eq!(conn.call(&mset(&keys, "one")), Value::ok());
        },
        |conn, _, _| assert_eq!(conn.words("SWAPDB 0 1"), Value::ok()),
        |conn, _| {
            let value = all_equal(&conn.call(&over("MGET", &keys)));
            assert!(value == Value::bulk("zero") || value == Value::bulk("one"), "{value:?}");
        },
    );
}

#[test]
fn a_flush_empties_all_shards_at_once() {
    let keys = keys::spread("f", 8);
    let flushes = ["FLUSHALL", "FLUSHDB", "FLUSHALL ASYNC", "FLUSHDB SYNC"];
    readers_and_writers(
        |_| {},
        |conn, id, n| {
            assert_eq!(conn.call(&mset(&keys, "1")), Value::ok());
            let flush = flushes[(id + n as usize) % flushes.len()];
            assert_eq!(conn.words(flush), Value::ok());
        },
        |conn, n| match n % 2 {
            0 => {
                let there = conn.call(&over("EXISTS", &keys));
                assert!(matches!(there, Value::Int(0 | 8)), "EXISTS saw {there:?} of 8");
            }
            _ => {
                let size = conn.words("DBSIZE");
                assert!(matches!(size, Value::Int(0 | 8)), "DBSIZE saw {size:?} of 8");
            }
        },
    );
}

/// Of MSETNX commands that overlap, sent at the same time, at most one succeeds, and what is there
/// afterwards is its work alone.
#[test]
fn of_overlapping_msetnx_one_succeeds() {
    for shards in SHARDS {
        let server = Server::start(shards);
        let mut conns: Vec<_> = (0..4).map(|_| server.connect()).collect();
        let keys = keys::spread("nx", 8);
        let mut rng = Rng::new(env::seed());
        let until = Instant::now() + env::run_time() / SHARDS.len() as u32;
        while Instant::now() < until {
            assert!(!conns[0].call(&over("DEL", &keys)).is_error());
            msetnx_round(&mut conns, &keys, &mut rng);
        }
    }
}

fn msetnx_round(conns: &mut [Conn], keys: &[String], rng: &mut Rng) {
    // Every set holds the first key, so that any two overlap, and others in any order.
    let sets: Vec<Vec<String>> = conns
        .iter()
        .map(|_| {
            let mut set: Vec<_> = keys[1..].iter().filter(|_| rng.one_in(2)).cloned().collect();
            set.insert(rng.below(set.len() + 1), keys[0].clone());
            set
        })
        .collect();
    for (id, (conn, set)) in conns.iter_mut().zip(&sets).enumerate() {
        let mut command = mset(set, &format!("by {id}"));
        command[0] = b"MSETNX".to_vec();
        let mut bytes = Vec::new();
        common::client::encode(&mut bytes, &command);
        conn.send_raw(&bytes);
    }
    let replies: Vec<_> = conns.iter_mut().map(Conn::read).collect();
    let winners: Vec<_> = (0..replies.len()).filter(|i| replies[*i] == Value::Int(1)).collect();
    assert_eq!(winners.len(), 1, "{replies:?}");
    let winner = winners[0];
    let values = conns[0].call(&over("MGET", keys)).items();
    for (key, value) in keys.iter().zip(values) {
        let expected = sets[winner].contains(key).then(|| Value::bulk(format!("by {winner}")));
        assert_eq!(Some(value).filter(|v| !v.is_null()), expected, "{key}, winner {winner} of {sets:?}");
    }
}

/// Few keys come with one call on any number of shards, many with cursors that miss none.
#[test]
fn a_scan_goes_over_all_shards() {
    for shards in SHARDS {
        let server = Server::start(shards);
        let mut conn = server.connect();
        let walk = |conn: &mut Conn| {
            let (mut cursor, mut calls, mut found) = (b"0".to_vec(), 0, BTreeSet::new());
            loop {
                let reply = conn.call(&[b"SCAN", &cursor[..]]);
                let [Value::Bulk(next), keys] = &reply.items()[..] else { panic!("SCAN answered {reply:?}") };
                found.extend(keys.items().iter().map(|key| format!("{key:?}")));
                cursor.clone_from(next);
                calls += 1;
                if cursor == b"0" {
                    return (calls, found.len());
                }
            }
        };
        assert_eq!(walk(&mut conn), (1, 0), "{shards} shards");
        for i in 0..8 {
            conn.must(&format!("SET few:{i} v"));
        }
        assert_eq!(walk(&mut conn), (1, 8), "{shards} shards");
        assert!(matches!(conn.words("SCAN 0 COUNT x"), Value::Error(_)));
        for i in 0..3000 {
            conn.must(&format!("SET many:{i} v"));
        }
        let (calls, found) = walk(&mut conn);
        assert!(calls > 100 && found == 3008, "{shards} shards: {found} keys in {calls} calls");
    }
}
