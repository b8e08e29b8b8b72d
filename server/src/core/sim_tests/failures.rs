//! What can go wrong with a session, state by state: the rows of the table in [`crate::core::transaction`].
//!
//! A session is some dozens of steps of the simulated machine long. These tests let something happen after the first
//! step, after the second, and so on, each time in a new world with the same seed: so no state is left out.

use super::*;

/// Steps until a session over two shards is over for sure.
const STEPS: usize = 120;

fn bed() -> (Bed, SimClient) {
    let mut bed = Bed::new(11, 2);
    bed.shared.turns_in_parts.store(true, Ordering::Relaxed);
    let mut first = [SimClient::connect(&bed.world, bed.listener)];
    first[0].command(&["CLIENT", "ID"]);
    bed.settle(&mut first);
    let [first] = first;
    (bed, first)
}

/// The names of one shard's key and of another's.
fn two_keys(bed: &Bed) -> [&'static str; 2] {
    let owner = |key: &str| bed.shared.slots.owner(proto::slot::slot_of(key.as_bytes()));
    let here = KEYS[0];
    let there = KEYS.iter().find(|key| owner(key) != owner(here)).expect("keys of both shards");
    [here, there]
}

fn ask(bed: &mut Bed, client: &mut SimClient, lines: &[&[&str]]) -> Vec<String> {
    client.pipeline(lines);
    let mut done = || client.settled();
    let outcome = bed.world.run_until(&mut bed.cores, Duration::from_secs(60), &mut done);
    assert_eq!(outcome, Outcome::Done, "{lines:?} is answered");
    let all: Vec<String> = client.replies().map(text).collect();
    all[all.len() - lines.len()..].to_vec()
}

fn steps(bed: &mut Bed, steps: usize) {
    for _ in 0..steps {
        bed.world.step(&mut bed.cores);
    }
}

fn nothing_is_left(bed: &mut Bed) {
    bed.world.run_for(&mut bed.cores, Duration::from_millis(50));
    for core in &bed.cores {
        let s = &core.state;
        assert!(s.held.is_none() && s.holds.is_idle() && s.queue.is_empty() && s.sessions.is_empty());
        assert!(!s.shard.is_watched() && s.scratch.dbs.iter().all(shard::Db::is_empty));
        assert_eq!((s.waits, s.shard.waited_for().0), (0, 0));
    }
}

/// Commands of all three kinds of stage: the count is one higher, and the token is in the other place.
fn every_stage<'a>(a: &'a str, d: &'a str) -> Vec<Vec<&'a str>> {
    vec![
        vec!["WATCH", a, d],
        vec!["MULTI"],
        vec!["INCR", "n"],
        vec!["RENAME", a, d],
        vec!["CLIENT", "GETNAME"],
        vec!["INCR", "n"],
        vec!["EXEC"],
    ]
}

#[test]
fn a_client_may_go_at_any_step_of_a_session() {
    let (mut ran, mut not) = (0, 0);
    for at in 0..STEPS {
        let (mut bed, mut other) = bed();
        let [a, d] = two_keys(&bed);
        ask(&mut bed, &mut other, &[&["SET", a, "token"]]);
        let mut client = SimClient::connect(&bed.world, bed.listener);
        let commands = every_stage(a, d);
        client.pipeline(&commands.iter().map(Vec::as_slice).collect::<Vec<_>>());
        steps(&mut bed, at);
        bed.world.client_reset(client.id());
        nothing_is_left(&mut bed);
        let found = ask(&mut bed, &mut other, &[&["EXISTS", a], &["EXISTS", d], &["GET", "n"]]);
        match &found.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            [":1\r\n", ":0\r\n", "$-1\r\n"] => not += 1,
            [":0\r\n", ":1\r\n", "$1\r\n2\r\n"] => ran += 1,
            half => panic!("gone after {at} steps: {half:?}"),
        }
    }
    assert!(ran > 0 && not > 0, "{ran} ran, {not} did not");
}

#[test]
fn a_client_may_go_at_any_step_of_a_wait() {
    let (mut with_it, mut left) = (0, 0);
    for at in 0..STEPS {
        let (mut bed, mut other) = bed();
        let [a, d] = two_keys(&bed);
        let mut client = SimClient::connect(&bed.world, bed.listener);
        client.command(&["BLPOP", a, d, "0"]);
        // Half of the rounds go on before it waits, the others after.
        if at % 2 == 0 {
            bed.world.run_for(&mut bed.cores, Duration::from_millis(5));
        }
        other.command(&["RPUSH", d, "x"]);
        steps(&mut bed, at);
        bed.world.client_reset(client.id());
        nothing_is_left(&mut bed);
        match ask(&mut bed, &mut other, &[&["LLEN", d]])[0].as_str() {
            ":0\r\n" => with_it += 1,
            ":1\r\n" => left += 1,
            more => panic!("gone after {at} steps: {more:?}"),
        }
    }
    assert!(with_it > 0 && left > 0, "{with_it} gone with it, {left} left");
}

#[test]
fn a_stop_at_any_step_leaves_no_half_of_a_session() {
    let (mut ran, mut not) = (0, 0);
    for at in 0..STEPS {
        let (mut bed, mut client) = bed();
        let [a, d] = two_keys(&bed);
        ask(&mut bed, &mut client, &[&["SET", a, "token"]]);
        client.command(&["RENAME", a, d]);
        steps(&mut bed, at);
        bed.shared.stop(StopReason::Signal);
        bed.world.run_for(&mut bed.cores, Duration::from_secs(5));
        assert!(bed.cores.iter().all(SimCore::finished), "stopped after {at} steps");
        let holds = |key: &str| {
            let has = |core: &Core<SimIo>| {
                let shard = &core.state.shard;
                shard.dbs[0].get(&shard.key(key.as_bytes())).is_some()
            };
            bed.cores.iter().any(has)
        };
        match (holds(a), holds(d)) {
            (true, false) => not += 1,
            (false, true) => ran += 1,
            half => panic!("stopped after {at} steps: {half:?}"),
        }
    }
    assert!(ran > 0 && not > 0, "{ran} ran, {not} did not");
}

/// An error is an element of the reply, whatever the stage; what stands beside it runs, and all is released.
#[test]
fn an_error_in_any_stage_is_an_answer_and_no_more() {
    let (mut bed, mut client) = bed();
    let [a, d] = two_keys(&bed);
    ask(&mut bed, &mut client, &[&["SADD", a, "m"], &["SET", d, "text"]]);
    let transaction: &[&[&str]] = &[
        &["MULTI"],
        &["INCR", d],
        &["INCR", "n"],
        &["SMOVE", a, d, "m"],
        &["INCR", "n"],
        &["CLIENT", "NO-TOUCH", "perhaps"],
        &["INCR", "n"],
        &["EXEC"],
    ];
    let replies = ask(&mut bed, &mut client, transaction);
    let lines: Vec<&str> = replies[7].split("\r\n").collect();
    let starts: Vec<&str> = lines.iter().map(|line| line.split(' ').next().unwrap_or("")).collect();
    assert_eq!(starts, ["*6", "-ERR", ":1", "-WRONGTYPE", ":2", "-ERR", ":3", ""], "{lines:?}");
    let alone = ask(&mut bed, &mut client, &[&["SMOVE", a, d, "m"], &["SMEMBERS", a], &["GET", d]]);
    assert!(alone[0].starts_with("-WRONGTYPE"));
    assert_eq!(alone[1..], ["*1\r\n$1\r\nm\r\n", "$4\r\ntext\r\n"], "what was lent came back as it was");
    nothing_is_left(&mut bed);
}

/// Two shards are watched: a change of either is seen, and nothing has run.
#[test]
fn a_watched_key_that_changes_on_any_shard_stops_a_session() {
    let (mut bed, mut client) = bed();
    let [a, d] = two_keys(&bed);
    let mut others = [SimClient::connect(&bed.world, bed.listener)];
    for changed in [a, d] {
        ask(&mut bed, &mut client, &[&["WATCH", a, d]]);
        others[0].command(&["SET", changed, "1"]);
        bed.settle(&mut others);
        let replies = ask(&mut bed, &mut client, &[&["MULTI"], &["INCR", "n"], &["EXEC"], &["EXISTS", "n"]]);
        assert_eq!(replies[2..], ["*-1\r\n", ":0\r\n"]);
    }
    nothing_is_left(&mut bed);
}
