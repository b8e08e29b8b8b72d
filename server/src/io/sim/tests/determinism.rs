//! A seed is a run.

use super::echo::{echoes, pattern};
use crate::io::sim::{Plan, SimWorld, for_seeds};
use std::time::Duration;

/// A busy world with every kind of event; its trace.
fn run(seed: u64) -> (u64, u64, Vec<String>) {
    let world = SimWorld::new(seed, 3, Plan { reset_one_in: 50, ..Plan::default() });
    world.keep_trace_lines();
    let (listener, mut cores) = echoes(&world, 3);
    cores[1].close_on = Some(249);
    for i in 0..40 {
        let client = world.connect(listener);
        let size = world.random(|r| r.within_log(&(1..50_000))) as usize;
        world.client_send(client, &pattern(size, i));
        world.client_send_after(client, Duration::from_micros(300), pattern(10, i));
        world.run_for(&mut cores, Duration::from_micros(100));
    }
    world.run_for(&mut cores, Duration::from_secs(1));
    (world.trace_hash(), world.trace_events(), world.trace_lines())
}

#[test]
fn a_seed_run_twice_gives_the_same_trace() {
    for_seeds(5, |seed| {
        let (first, second) = (run(seed), run(seed));
        let differ = first.2.iter().zip(&second.2).find(|(a, b)| a != b);
        assert_eq!(differ, None);
        assert_eq!(first, second);
        assert!(first.1 > 500, "{} events", first.1);
        assert_eq!(first.1, first.2.len() as u64);
    });
}

#[test]
fn different_seeds_give_different_traces() {
    let hashes: std::collections::BTreeSet<u64> = (0..10).map(|seed| run(seed).0).collect();
    assert_eq!(hashes.len(), 10);
}
