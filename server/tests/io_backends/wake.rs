//! Waking a sleeping core.

use crate::Make;
use crate::world::{Told, World};
use server::io::{Io, Waker};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

/// Runs `body` on a thread; fails when it stands still for a long time (a lost wake sleeps for ever).
/// `body` counts its steps, so that a slow machine is not taken for a standstill.
fn watched(what: &'static str, body: impl FnOnce(&AtomicU64) + Send + 'static) {
    let (done, wait) = mpsc::channel::<()>();
    let steps = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&steps);
    let thread = std::thread::spawn(move || {
        body(&counter);
        drop(done);
    });
    let mut before = None;
    while wait.recv_timeout(Duration::from_secs(60)) == Err(mpsc::RecvTimeoutError::Timeout) {
        let now = Some(steps.load(Ordering::SeqCst));
        assert_ne!(now, before, "{what}: a wake was lost");
        before = now;
    }
    thread.join().unwrap();
}

pub fn a_wake_before_the_turn_is_not_lost<I: Io + Send + 'static>(make: Make<I>) {
    watched("wake before turn", move |_| {
        let (Some(mut sleeper), Some(mut peer)) = (make(), make()) else { return };
        let mut told = Told::default();
        // Before the sleeper's very first turn, and between two.
        for _ in 0..3 {
            sleeper.waker().notify().unwrap();
            sleeper.turn(None, &mut told).unwrap();
            peer.wake(&sleeper.waker());
            peer.turn(Some(Duration::ZERO), &mut told).unwrap();
            peer.turn(Some(Duration::ZERO), &mut told).unwrap();
            sleeper.turn(None, &mut told).unwrap();
        }
        // A peer that was never entered cannot be posted to: its eventfd is written to instead.
        let Some(mut fresh) = make() else { return };
        peer.wake(&fresh.waker());
        for _ in 0..3 {
            peer.turn(Some(Duration::ZERO), &mut told).unwrap();
        }
        fresh.turn(None, &mut told).unwrap();
    });
}

pub fn a_wake_from_a_thread_without_io<I: Io + Send + 'static>(make: Make<I>) {
    watched("notify", move |steps| {
        let Some(mut io) = make() else { return };
        let (asked, answered) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (waker, ask, answer) = (io.waker(), Arc::clone(&asked), Arc::clone(&answered));
        let outside = std::thread::spawn(move || {
            for n in 1..=1000 {
                ask.store(n, Ordering::SeqCst);
                waker.notify().unwrap();
                while answer.load(Ordering::SeqCst) < n {
                    std::thread::yield_now();
                }
            }
        });
        let mut told = Told::default();
        while answered.load(Ordering::SeqCst) < 1000 {
            io.turn(None, &mut told).unwrap();
            answered.store(asked.load(Ordering::SeqCst), Ordering::SeqCst);
            steps.fetch_add(1, Ordering::SeqCst);
        }
        outside.join().unwrap();
    });
}

pub fn ping_pong<I: Io + Send + 'static>(make: Make<I>) {
    rally(make, 10_000);
}

pub fn a_hundred_thousand_wakes<I: Io + Send + 'static>(make: Make<I>) {
    rally(make, 100_000);
}

/// Two cores throw a number to and fro, asleep without a time limit in between.
fn rally<I: Io + Send + 'static>(make: Make<I>, rounds: u64) {
    watched("ping-pong", move |steps| {
        let (Some(one), Some(two)) = (make(), make()) else { return };
        let (ball, wakers) = (AtomicU64::new(0), [one.waker(), two.waker()]);
        std::thread::scope(|scope| {
            scope.spawn(|| play(two, 1, &wakers[0], &ball, rounds, steps));
            play(one, 0, &wakers[1], &ball, rounds, steps);
        });
        assert_eq!(ball.load(Ordering::SeqCst), rounds);
    });
}

fn play<I: Io>(mut io: I, me: u64, peer: &Waker, ball: &AtomicU64, rounds: u64, steps: &AtomicU64) {
    let mut told = Told::default();
    loop {
        let now = ball.load(Ordering::SeqCst);
        if now >= rounds {
            // The last wake leaves with a turn that does not sleep.
            return io.turn(Some(Duration::ZERO), &mut told).unwrap();
        }
        if now % 2 == me {
            steps.store(now, Ordering::SeqCst);
            ball.store(now + 1, Ordering::SeqCst);
            io.wake(peer);
        }
        if now + 1 < rounds {
            io.turn(None, &mut told).unwrap();
        }
    }
}

pub fn idle_waits_for_its_time<I: Io>(make: Make<I>) {
    let Some(mut world) = World::new(make) else { return };
    let (_id, _client) = world.connect();
    (0..5).for_each(|_| world.turn());
    let (start, clock, wall) = (Instant::now(), world.io.mono_ns(), world.io.unix_us());
    // The only thing that may end such a turn early is a signal, and there is none.
    for _ in 0..3 {
        world.io.turn(Some(Duration::from_millis(30)), &mut world.told).unwrap();
    }
    assert!(start.elapsed() >= Duration::from_millis(90));
    assert!(world.io.mono_ns() - clock >= 90_000_000, "nanoseconds");
    assert!(world.io.unix_us() > wall && wall > 1_700_000_000_000_000, "microseconds");
}
