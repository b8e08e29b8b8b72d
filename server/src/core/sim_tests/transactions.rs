//! Invariants that only hold if transactions are what they promise, on the simulator: increments by
//! compare-and-set lose nothing, transfers keep their sum, a token is in exactly one of two places. Beside them
//! the check of everything that was answered.

use super::*;

const CORES: [usize; 4] = [1, 2, 3, 5];
/// Keys with the slots of different shards, on every number of them.
const ACCOUNTS: [&str; 4] = ["a", "b", "c", "d"];

fn connect(bed: &mut Bed, clients: usize) -> Vec<SimClient> {
    let mut clients: Vec<SimClient> =
        (0..clients).map(|_| SimClient::connect(&bed.world, bed.listener)).collect();
    clients.iter_mut().for_each(|client| client.command(&["CLIENT", "ID"]));
    bed.settle(&mut clients);
    clients
}

fn last(client: &SimClient) -> String {
    text(client.replies().last().expect("settled"))
}

/// The numbers in the last reply.
fn numbers(client: &SimClient) -> Vec<i64> {
    last(client).split("\r\n").filter_map(|line| line.parse().ok()).collect()
}

#[test]
fn compare_and_set_loses_nothing() {
    for_seeds(10, |seed| {
        for cores in CORES {
            let mut bed = Bed::new(seed, cores);
            let mut clients = connect(&mut bed, 5);
            clients[0].command(&["MSET", "a", "0", "d", "0"]);
            bed.settle(&mut clients);
            let mut done = 0;
            for _round in 0..8 {
                for client in &mut clients {
                    client.pipeline(&[&["WATCH", "a", "d"][..], &["MGET", "a", "d"]]);
                }
                bed.settle(&mut clients);
                for client in &mut clients {
                    let (a, d) = (numbers(client)[0] + 1, numbers(client)[1] + 2);
                    let (a, d) = (a.to_string(), d.to_string());
                    client.pipeline(&[&["MULTI"][..], &["SET", "a", &a], &["SET", "d", &d], &["EXEC"]]);
                }
                bed.settle(&mut clients);
                let won = clients.iter().filter(|client| last(client).starts_with("*2")).count() as i64;
                assert_eq!(won, 1, "of those that saw the same, one wins");
                done += won;
            }
            clients[0].command(&["MGET", "a", "d"]);
            bed.settle(&mut clients);
            assert_eq!(numbers(&clients[0]), [done, 2 * done]);
            check(&bed, &clients);
        }
    });
}

#[test]
fn transfers_keep_their_sum() {
    for_seeds(10, |seed| {
        for cores in CORES {
            let mut bed = Bed::new(seed, cores);
            let mut clients = connect(&mut bed, 6);
            clients[0].command(&["MSET", "a", "100", "b", "100", "c", "100", "d", "100"]);
            bed.settle(&mut clients);
            for _round in 0..10 {
                let (readers, writers) = clients.split_at_mut(2);
                for client in writers {
                    let (from, to, n) =
                        bed.world.random(|rng| (rng.below(4) as usize, rng.below(4) as usize, rng.below(50)));
                    let (from, to, n) = (ACCOUNTS[from], ACCOUNTS[to], n.to_string());
                    // Every other one must be a session: the debit is copied from one shard to another.
                    let debit = ["DECRBY", from, &n];
                    let credit = ["INCRBY", to, &n];
                    if bed.world.random(|rng| rng.below(2)) == 0 {
                        client.pipeline(&[&["MULTI"][..], &debit, &credit, &["EXEC"]]);
                    } else {
                        let copy = ["COPY", from, "copy", "REPLACE"];
                        client.pipeline(&[&["MULTI"][..], &debit, &copy, &credit, &["EXEC"]]);
                    }
                }
                readers[0].command(&["MGET", "a", "b", "c", "d"]);
                readers[1].pipeline(&[&["MULTI"][..], &["MGET", "a", "b", "c", "d"], &["EXEC"]]);
                if bed.world.random(|rng| rng.below(2)) == 0 {
                    bed.settle(&mut clients);
                    assert_eq!(numbers(&clients[0]).iter().sum::<i64>(), 400);
                    assert_eq!(numbers(&clients[1]).iter().sum::<i64>(), 400);
                }
            }
            bed.settle(&mut clients);
            check(&bed, &clients);
        }
    });
}

#[test]
fn a_token_is_in_exactly_one_place() {
    for_seeds(10, |seed| {
        for cores in CORES {
            let mut bed = Bed::new(seed, cores);
            let mut clients = connect(&mut bed, 5);
            clients[0].command(&["SET", "a", "token"]);
            bed.settle(&mut clients);
            for _round in 0..10 {
                for (at, client) in clients.iter_mut().enumerate() {
                    match at {
                        0 => client.command(&["EXISTS", "a", "d"]),
                        1 => client.command(&["RENAME", "a", "d"]),
                        2 => client.command(&["RENAMENX", "d", "a"]),
                        3 => client.pipeline(&[&["MULTI"][..], &["RENAME", "d", "a"], &["EXEC"]]),
                        _ => client.pipeline(&[
                            &["WATCH", "a", "d"][..],
                            &["MULTI"],
                            &["COPY", "a", "d"],
                            &["DEL", "a"],
                            &["RENAMENX", "d", "a"],
                            &["EXEC"],
                        ]),
                    }
                }
                bed.settle(&mut clients);
                assert_eq!(last(&clients[0]), ":1\r\n");
            }
            check(&bed, &clients);
        }
    });
}

/// The same with an element of two sets, and everything that combines sets beside it.
#[test]
fn an_element_is_in_exactly_one_of_two_sets() {
    for_seeds(10, |seed| {
        for cores in CORES {
            let mut bed = Bed::new(seed, cores);
            let mut clients = connect(&mut bed, 6);
            clients[0].pipeline(&[&["SADD", "a", "m", "x"][..], &["SADD", "d", "y"]]);
            bed.settle(&mut clients);
            for _round in 0..10 {
                for (at, client) in clients.iter_mut().enumerate() {
                    match at {
                        0 => client.pipeline(&[&["SINTERCARD", "2", "a", "d"][..], &["SUNION", "a", "d"]]),
                        1 => client.command(&["SMOVE", "a", "d", "m"]),
                        2 => client.command(&["SMOVE", "d", "a", "m"]),
                        3 => client.command(&["SUNIONSTORE", "b", "a", "d"]),
                        4 => client.pipeline(&[
                            &["MULTI"][..],
                            &["SMOVE", "d", "a", "m"],
                            &["SCARD", "b"],
                            &["EXEC"],
                        ]),
                        _ => client.pipeline(&[&["SDIFF", "b", "a", "d"][..], &["INCR", "n"]]),
                    }
                }
                bed.settle(&mut clients);
                let members: Vec<String> = clients[0].replies().map(text).collect();
                assert_eq!(members[members.len() - 2], ":0\r\n", "it is not in both");
                assert!(members[members.len() - 1].contains("$1\r\nm\r\n"), "it is in one");
                assert!(last(&clients[0]).contains("*3"), "{}", last(&clients[0]));
            }
        }
    });
}

/// A client that goes away in the middle leaves nothing behind: no shard is held, no session waits, no key is
/// watched, and the others go on.
#[test]
fn a_client_that_goes_leaves_nothing_held() {
    for_seeds(40, |seed| {
        let mut bed = Bed::new(seed, 3);
        let mut clients = connect(&mut bed, 4);
        clients[0].command(&["MSET", "a", "1", "b", "2", "c", "3", "d", "4"]);
        bed.settle(&mut clients);
        for client in &mut clients[1..] {
            client.pipeline(&[
                &["WATCH", "a", "b", "x"][..],
                &["MULTI"],
                &["SET", "x", "1"],
                &["RENAME", "a", "b"],
                &["CLIENT", "LIST"],
                &["COPY", "b", "a"],
                &["DBSIZE"],
                &["EXEC"],
                &["WATCH", "c", "d"],
                &["RENAME", "c", "d"],
            ]);
        }
        let wait = bed.world.random(|rng| rng.below(3_000));
        bed.world.run_for(&mut bed.cores, Duration::from_micros(wait));
        for client in &clients[1..] {
            bed.world.client_reset(client.id());
        }
        clients.truncate(1);
        clients[0].pipeline(&[&["DBSIZE"][..], &["RENAME", "a", "b"], &["SET", "b", "1"]]);
        bed.settle(&mut clients);
        bed.world.run_for(&mut bed.cores, Duration::from_millis(500));
        for core in &bed.cores {
            let state = &core.state;
            assert!(
                state.held.is_none() && state.holds.is_idle() && state.sessions.is_empty(),
                "core {}",
                state.index
            );
            assert!(!state.shard.is_watched(), "core {}", state.index);
            assert!(state.scratch.dbs.iter().all(shard::Db::is_empty));
        }
    });
}
