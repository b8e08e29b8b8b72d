//! First come, first served: clients that wait for one key are served in the order in which they came, whatever the
//! way in which elements arrive, and whoever leaves the line. Whatever the command names is on one shard: a waiter for
//! keys of several is served by a transaction of its own, before which more may have arrived.

use super::log::Answer;
use crate::core::sim_tests::Bed;
use crate::io::sim::{Outcome, SimClient, for_seeds};
use std::sync::atomic::Ordering;
use std::time::Duration;

fn run_until(bed: &mut Bed, what: &str, mut done: impl FnMut(&Bed) -> bool) {
    for _ in 0..1_000_000 {
        if done(bed) {
            return;
        }
        bed.world.step(&mut bed.cores);
    }
    panic!("{what} never comes true");
}

fn waiting(bed: &Bed) -> usize {
    bed.cores.iter().map(|core| core.state.waits).sum()
}

/// A client that waits for the key `w`, behind all others.
fn queue_up(bed: &mut Bed) -> (i64, SimClient) {
    let mut client = SimClient::connect(&bed.world, bed.listener);
    client.command(&["CLIENT", "ID"]);
    let mut alone = [client];
    bed.settle(&mut alone);
    let [mut client] = alone;
    let id = client.replies().last().and_then(|bytes| Answer::parse(bytes).int()).expect("a number");
    let before = waiting(bed);
    let how = bed.world.random(|rng| rng.below(3));
    match how {
        0 => client.command(&["BLPOP", "w", "0"]),
        1 => client.command(&["BLMOVE", "w", "{w}served", "LEFT", "RIGHT", "0"]),
        _ => client.command(&["BLMPOP", "0", "1", "w", "LEFT"]),
    }
    run_until(bed, "one more waits", |bed| waiting(bed) == before + 1);
    (id, client)
}

/// Some of the line leave: they are unblocked, or gone.
fn some_leave(bed: &mut Bed, line: Vec<(i64, SimClient)>) -> Vec<SimClient> {
    let mut helper = SimClient::connect(&bed.world, bed.listener);
    let mut stay = Vec::new();
    for (id, client) in line {
        let before = waiting(bed);
        match bed.world.random(|rng| rng.below(6)) {
            0 => bed.world.client_reset(client.id()),
            1 => helper.command(&["CLIENT", "UNBLOCK", &id.to_string()]),
            _ => {
                stay.push(client);
                continue;
            }
        }
        run_until(bed, "one less waits", |bed| waiting(bed) == before - 1);
    }
    let quiet = bed.world.run_until(&mut bed.cores, Duration::from_millis(50), || false);
    assert_eq!(quiet, Outcome::TimedOut, "those that stay are not answered");
    stay
}

/// Numbers from 1 on arrive at `w`, one behind the other: pushed, in a transaction, moved from another shard.
fn push(bed: &Bed, pusher: &mut SimClient, count: usize) {
    let mut next = 1;
    while next <= count {
        let (n, m) = (next.to_string(), (next + 1).to_string());
        let (n, m) = (n.as_str(), m.as_str());
        next += match bed.world.random(|rng| rng.below(4)) {
            0 if next < count => {
                pusher.pipeline(&[&["MULTI"][..], &["RPUSH", "w", n], &["RPUSH", "w", m], &["EXEC"]]);
                2
            }
            1 if next < count => {
                pusher.command(&["RPUSH", "w", n, m]);
                2
            }
            2 => {
                pusher.pipeline(&[&["RPUSH", "from", n][..], &["LMOVE", "from", "w", "LEFT", "RIGHT"]]);
                1
            }
            _ => {
                pusher.command(&["RPUSH", "w", n]);
                1
            }
        };
    }
}

#[test]
fn waiters_are_served_in_the_order_in_which_they_came() {
    for_seeds(60, |seed| {
        let mut bed = Bed::new(seed, 1 + (seed % 8) as usize);
        bed.shared.turns_in_parts.store(true, Ordering::Relaxed);
        let waiters = 2 + bed.world.random(|rng| rng.below(8));
        let line: Vec<(i64, SimClient)> = (0..waiters).map(|_| queue_up(&mut bed)).collect();
        let mut line = some_leave(&mut bed, line);
        let mut pusher = SimClient::connect(&bed.world, bed.listener);
        // Others hold the key meanwhile, and the list that some move to, and change neither.
        let mut meddler = SimClient::connect(&bed.world, bed.listener);
        (0..5).for_each(|_| meddler.pipeline(&[&["COPY", "w", "x"][..], &["COPY", "{w}served", "x"]]));
        push(&bed, &mut pusher, line.len());
        bed.settle(&mut line);
        let served = line.iter().map(|client| {
            let answer = client.replies().last().map(Answer::parse);
            answer.and_then(|a| {
                a.int().or_else(|| a.many().get(1)?.int().or_else(|| a.many()[1].many()[0].int()))
            })
        });
        let expected: Vec<Option<i64>> = (1..=line.len() as i64).map(Some).collect();
        assert_eq!(served.collect::<Vec<_>>(), expected);
    });
}
