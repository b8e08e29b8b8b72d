//! Time: deadlines, sleep, the calendar.

use super::echo::echoes;
use crate::io::Io;
use crate::io::sim::{Outcome, Plan, SimWorld, Step, for_seeds};
use std::time::Duration;

#[test]
fn an_idle_world_is_quiet_and_time_stands_still() {
    let world = SimWorld::new(1, 3, Plan::default());
    let (_, mut cores) = echoes(&world, 3);
    assert_eq!(world.run_until(&mut cores, Duration::from_secs(1), || false), Outcome::Quiet);
    let now = world.now();
    assert_eq!(world.step(&mut cores), Step::Quiet);
    assert_eq!(world.now(), now);
    assert!(cores.iter().all(|c| c.parks == 1), "once asleep, a core is left alone");
}

#[test]
fn a_sleeper_is_called_at_its_deadline_and_not_all_the_time() {
    for_seeds(20, |seed| {
        let world = SimWorld::new(seed, 1, Plan { stall_one_in: 0, ..Plan::default() });
        let (_, mut cores) = echoes(&world, 1);
        cores[0].wait = Some(Duration::from_millis(100));
        world.run_for(&mut cores, Duration::from_millis(1_050));
        // Ten deadlines, and the few turns that chance lets return early.
        assert!((10..=20).contains(&cores[0].turns), "{}", cores[0].turns);
        assert!(cores[0].parks <= 20);
    });
}

#[test]
fn a_poll_returns_at_once_but_takes_time() {
    let world = SimWorld::new(1, 1, Plan { stall_one_in: 0, ..Plan::default() });
    let (_, mut cores) = echoes(&world, 1);
    cores[0].wait = Some(Duration::ZERO);
    world.run_for(&mut cores, Duration::from_millis(1));
    assert!(cores[0].turns > 50);
    assert_eq!(cores[0].parks, 0);
}

#[test]
fn both_clocks_go_with_the_world() {
    let world = SimWorld::new(1, 1, Plan { stall_one_in: 0, ..Plan::default() });
    let (_, mut cores) = echoes(&world, 1);
    let (mono, unix) = (cores[0].io.mono_ns(), cores[0].io.unix_us());
    assert_eq!(unix, 1_700_000_000_000_000);
    cores[0].wait = Some(Duration::from_secs(2));
    world.run_for(&mut cores, Duration::from_secs(10));
    assert_eq!(cores[0].io.mono_ns(), world.now());
    assert_eq!((world.now() - mono) / 1_000, (cores[0].io.unix_us() - unix) as u64);
    assert!(world.now() - mono >= 10_000_000_000);
}

#[test]
fn a_stalled_core_is_served_by_nobody_else() {
    let world = SimWorld::new(1, 1, Plan { stall_one_in: 0, ..Plan::default() });
    let (listener, mut cores) = echoes(&world, 1);
    world.run_for(&mut cores, Duration::from_millis(1));
    let (turns, from) = (cores[0].turns, world.now());
    world.stall(0, Duration::from_millis(50));
    let client = world.connect(listener);
    world.client_send(client, b"x");
    let done = || !world.client_take(client).is_empty();
    assert_eq!(world.run_until(&mut cores, Duration::from_secs(1), done), Outcome::Done);
    assert!(world.now() - from > 50_000_000);
    assert!(cores[0].turns - turns < 10);
}
