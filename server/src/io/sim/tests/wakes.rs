//! Two cores that hand each other numbers, and wake each other only when asleep: the protocol of
//! the mailboxes. And the canary: without the wake the world falls silent, and says so.

use crate::io::sim::{Outcome, Plan, SimCore, SimIo, SimWorld, for_seeds};
use crate::io::{Closed, ConnId, FileDone, Io, Sink, Socket, Waker};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

#[derive(Default)]
struct Mailbox {
    letters: RefCell<VecDeque<u64>>,
    asleep: Cell<bool>,
}

struct Player {
    io: SimIo,
    own: Rc<Mailbox>,
    peer: Rc<Mailbox>,
    peer_waker: Waker,
    seen: Vec<u64>,
    wakes: u32,
    safe: bool,
}

struct Nothing;

impl Sink for Nothing {
    fn accepted(&mut self, _: usize, _: Socket) {
        unreachable!()
    }
    fn accept_failed(&mut self, _: usize, _: i32) {
        unreachable!()
    }
    fn received(&mut self, _: ConnId, _: &[u8]) {
        unreachable!()
    }
    fn closed(&mut self, _: ConnId, _: Closed) {
        unreachable!()
    }
    fn file_done(&mut self, _: FileDone) {
        unreachable!()
    }
}

impl SimCore for Player {
    fn turn(&mut self) {
        self.own.asleep.set(true);
        let wait = if self.own.letters.borrow().is_empty() { None } else { Some(Duration::ZERO) };
        if self.io.turn(wait, &mut Nothing).is_err() {
            return; // asleep, and the flag says so
        }
        self.own.asleep.set(false);
        while let Some(n) = self.own.letters.borrow_mut().pop_front() {
            self.seen.push(n);
            if n < 500 {
                self.peer.letters.borrow_mut().push_back(n + 1);
                if self.safe && self.peer.asleep.replace(false) {
                    self.io.wake(&self.peer_waker);
                    self.wakes += 1;
                }
            }
        }
    }
}

fn players(world: &SimWorld, safe: bool) -> Vec<Player> {
    let boxes = [Rc::<Mailbox>::default(), Rc::default()];
    let wakers = [world.io(0).waker(), world.io(1).waker()];
    (0..2)
        .map(|i| Player {
            io: world.io(i),
            own: Rc::clone(&boxes[i]),
            peer: Rc::clone(&boxes[1 - i]),
            peer_waker: wakers[1 - i].clone(),
            seen: Vec::new(),
            wakes: 0,
            safe,
        })
        .collect()
}

/// Plays from 0 to 500; the outcome, and how often somebody was woken.
fn play(seed: u64, safe: bool) -> (Outcome, Vec<Player>) {
    let world = SimWorld::new(seed, 2, Plan::default());
    let mut cores = players(&world, safe);
    let shared = Rc::clone(&cores[0].own);
    shared.letters.borrow_mut().push_back(0);
    let outcome = world.run_until(&mut cores, Duration::from_secs(10), || false);
    (outcome, cores)
}

#[test]
fn letters_and_wakes_reach_a_sleeping_peer() {
    for_seeds(30, |seed| {
        let (outcome, cores) = play(seed, true);
        assert_eq!(outcome, Outcome::Quiet);
        let even: Vec<u64> = (0..=500).step_by(2).collect();
        let odd: Vec<u64> = (1..=500).step_by(2).collect();
        assert_eq!((&cores[0].seen, &cores[1].seen), (&even, &odd));
        let wakes = cores[0].wakes + cores[1].wakes;
        assert!(wakes > 100, "players sleep between letters: {wakes}");
    });
}

#[test]
fn canary_a_lost_wake_up_is_found() {
    for_seeds(10, |seed| {
        let (outcome, cores) = play(seed, false);
        assert_eq!(outcome, Outcome::Quiet, "nobody is left to go on");
        assert!(cores[0].seen.len() + cores[1].seen.len() < 501, "a letter lies unread");
    });
}

#[test]
fn a_wake_from_outside_and_one_while_awake_are_not_lost() {
    let world = SimWorld::new(3, 2, Plan { stall_one_in: 0, ..Plan::default() });
    let mut cores = players(&world, true);
    world.run_for(&mut cores, Duration::from_secs(1));
    let turns = world.trace_events();
    world.wake(&cores[1].io.waker());
    world.run_for(&mut cores, Duration::from_secs(1));
    assert!(world.trace_events() > turns + 1, "the sleeper took a turn");
    world.wake(&cores[1].io.waker());
    let woken = world.io(1).turn(None, &mut Nothing);
    assert!(woken.is_ok(), "a wake that comes before the sleep ends it at once");
}
