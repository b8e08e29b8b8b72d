//! Models of the mailbox: the code that the server runs, on loom's primitives, in every interleaving of its threads and with
//! every value that weak memory allows a read to return (Norris and Demsky, "CDSChecker", OOPSLA 2013, is the method).
//!
//! | model | what must hold | taken away, it must fail |
//! |---|---|---|
//! | [`wakes`] | a core that goes to sleep is woken for everything posted to it | the fence; the second look |
//! | [`same_order`] | two multicasts are in one order in all mailboxes | locks held together |
//! | [`rest_is_there`] | who has seen a part of a multicast, finds the rest | locks held together |
//! | [`fifo`] | what one core has posted is in the order in which it did so | one thread to a core |
//! | [`stops`] | what was posted before the stop is drained, and every core ends | the last look; acquire of the flag |
//!
//! loom and not shuttle, since the wake-up is a store followed by a load of another flag on both sides: what goes wrong
//! there is an order of memory, and shuttle sees sequentially consistent ones only. It would find the canary
//! of the fence right.
//!
//! # What they do not see
//!
//! Two or three threads and one or two posts each: an error that takes more is not found. Where two post to one that
//! sleeps, the threads are stopped against their will twice at most, at the stop three times (all others are
//! tried without a bound, which takes minutes here). The kernel's part of a wake-up
//! (eventfd, MSG_RING) is a bell that keeps its ring until somebody waits for it. Loads out of thin air, and
//! accesses marked SeqCst, which loom takes for acquire and release (there are none here; fences it takes
//! for what they are). Lengths of queues, time, fairness.

use super::primitives::{Flag, Lock, Primitives};
use super::{Inbox, Mailboxes, Outbox};
use crate::io::{ConnId, Waker};
use crate::work::{Direct, Ordered, WorkPool};
use loom::sync::atomic::{AtomicBool, Ordering, fence};
use loom::sync::{Arc, Condvar, Mutex, MutexGuard};
use loom::thread;

/// A flag of loom's; `WEAK`: all its loads are relaxed, whatever is asked for.
struct Modelled<const WEAK: bool>(AtomicBool);

impl<const WEAK: bool> Default for Modelled<WEAK> {
    fn default() -> Self {
        Self(AtomicBool::new(false))
    }
}

impl<const WEAK: bool> Flag for Modelled<WEAK> {
    fn load(&self, order: Ordering) -> bool {
        self.0.load(if WEAK { Ordering::Relaxed } else { order })
    }

    fn store(&self, value: bool, order: Ordering) {
        self.0.store(value, order);
    }

    fn swap(&self, value: bool, order: Ordering) -> bool {
        self.0.swap(value, order)
    }
}

#[derive(Default)]
struct ModelledLock<T>(Mutex<T>);

impl<T: Default> Lock<T> for ModelledLock<T> {
    type Guard<'a>
        = MutexGuard<'a, T>
    where
        T: 'a;

    fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap()
    }
}

/// The mailbox as it is, and with one step taken away each.
macro_rules! primitives {
    ($($(#[$doc:meta])* $name:ident { weak: $weak:literal, fence: $fence:literal $(, $switch:ident)? })+) => {$(
        $(#[$doc])*
        struct $name;

        impl Primitives for $name {
            type Flag = Modelled<$weak>;
            type Lock<T: Default> = ModelledLock<T>;
            $(const $switch: bool = false;)?

            fn fence() {
                if $fence {
                    fence(Ordering::SeqCst);
                }
            }
        }
    )+};
}

primitives! {
    Whole { weak: false, fence: true }
    NoFence { weak: false, fence: false }
    NoSecondLook { weak: false, fence: true, LOOKS_AGAIN }
    LockAfterLock { weak: false, fence: true, LOCKS_ALL }
    NoLastLook { weak: false, fence: true, EMPTIES_AT_STOP }
    Relaxed { weak: true, fence: true }
}

/// What an eventfd is to a core that sleeps; and how many threads there are that may still ring it.
struct Bell {
    state: Mutex<(bool, usize)>,
    changed: Condvar,
}

impl Bell {
    fn new(ringers: usize) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new((false, ringers)), changed: Condvar::new() })
    }

    fn ring(&self) {
        self.state.lock().unwrap().0 = true;
        self.changed.notify_one();
    }

    /// One thread fewer that may ring it.
    fn leave(&self) {
        self.state.lock().unwrap().1 -= 1;
        self.changed.notify_one();
    }

    /// Sleeps until it is rung; false: it never will be.
    fn wait(&self) -> bool {
        let mut state = self.state.lock().unwrap();
        while !state.0 && state.1 > 0 {
            state = self.changed.wait(state).unwrap();
        }
        std::mem::take(&mut state.0)
    }
}

fn boxes<P: Primitives>(cores: usize) -> Arc<Mailboxes<P>> {
    let boxes = Mailboxes::made_of(cores);
    (0..cores).for_each(|core| boxes.set_waker(core, Waker::Sim(core)));
    Arc::new(boxes)
}

/// Posts one number to each of these cores, by the ordered lane and by the direct one.
fn post<P: Primitives>(boxes: &Mailboxes<P>, to: &[usize], number: u32, wake: impl FnMut(usize, &Waker)) {
    let mut out = Outbox::new(boxes.cores());
    for &core in to {
        let work = WorkPool::default().take(0, ConnId { slot: number, generation: 0 }, 0);
        out.ordered(core, Ordered::Work(work));
        out.direct(core, Direct::Note(u64::from(number)));
    }
    if to.len() > 1 {
        out.spans_shards();
    }
    boxes.post(&mut out, wake);
}

/// Drains a mailbox; the numbers go to `seen`. Both lanes must hold the same.
fn drain<P: Primitives>(boxes: &Mailboxes<P>, core: usize, seen: &mut Vec<u32>) {
    let mut inbox = Inbox::default();
    boxes.drain(core, &mut inbox);
    let ordered: Vec<u32> = inbox.ordered.iter().filter_map(number_of_work).collect();
    let direct: Vec<u32> = inbox.direct.iter().filter_map(number_of_note).collect();
    assert_eq!(ordered, direct, "a post is taken whole");
    seen.extend(ordered);
}

fn number_of_work(item: &Ordered) -> Option<u32> {
    match item {
        Ordered::Work(work) => Some(work.conn.slot),
        _ => None,
    }
}

fn number_of_note(item: &Direct) -> Option<u32> {
    match item {
        Direct::Note(n) => u32::try_from(*n).ok(),
        _ => None,
    }
}

/// A model in which threads are stopped against their will at most so often.
fn bounded(preemptions: Option<usize>, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = preemptions;
    builder.check(model);
}

/// A core sleeps whenever it finds nothing, while others post. A wake-up that is lost would leave it asleep for ever.
fn wakes<P: Primitives>(posters: u32, preemptions: Option<usize>) {
    bounded(preemptions, move || {
        let (boxes, bell) = (boxes::<P>(1), Bell::new(posters as usize));
        for number in 0..posters {
            let (boxes, bell) = (boxes.clone(), bell.clone());
            thread::spawn(move || {
                post(&boxes, &[0], number, |_, _| bell.ring());
                bell.leave();
            });
        }
        let mut seen = Vec::new();
        loop {
            drain(&boxes, 0, &mut seen);
            if seen.len() == posters as usize {
                break;
            }
            if boxes.may_sleep(0) {
                assert!(bell.wait(), "asleep for ever");
                boxes.awake(0);
            }
        }
    });
}

/// Two cores multicast to the same two mailboxes, which are drained meanwhile.
fn same_order<P: Primitives>() {
    loom::model(|| {
        let boxes = boxes::<P>(2);
        let posters: Vec<_> = [[0, 1], [1, 0]]
            .into_iter()
            .enumerate()
            .map(|(number, targets)| {
                let boxes = boxes.clone();
                thread::spawn(move || post(&boxes, &targets, number as u32, |_, _| {}))
            })
            .collect();
        let mut seen = [Vec::new(), Vec::new()];
        drain(&boxes, 0, &mut seen[0]);
        posters.into_iter().for_each(|poster| poster.join().unwrap());
        (0..2).for_each(|core| drain(&boxes, core, &mut seen[core]));
        assert_eq!(seen[0].len(), 2, "something is lost");
        assert_eq!(seen[0], seen[1], "two orders");
    });
}

/// A client has seen what core 0 did of a multicast, and asks core 1.
fn rest_is_there<P: Primitives>() {
    loom::model(|| {
        let boxes = boxes::<P>(2);
        let told = Arc::new(AtomicBool::new(false));
        let poster = {
            let boxes = boxes.clone();
            thread::spawn(move || post(&boxes, &[0, 1], 7, |_, _| {}))
        };
        let core_0 = {
            let (boxes, told) = (boxes.clone(), told.clone());
            thread::spawn(move || {
                let mut seen = Vec::new();
                drain(&boxes, 0, &mut seen);
                if !seen.is_empty() {
                    told.store(true, Ordering::Release); // by way of the network
                }
            })
        };
        if told.load(Ordering::Acquire) {
            let mut seen = Vec::new();
            drain(&boxes, 1, &mut seen);
            assert_eq!(seen, [7], "half of a multicast");
        }
        core_0.join().unwrap();
        poster.join().unwrap();
    });
}

/// Two cores post twice each. `apart`: the posts of the first core are made by two threads, as none may be.
fn fifo(apart: bool) {
    loom::model(move || {
        let boxes = boxes::<Whole>(1);
        let spawn = |numbers: &'static [u32]| {
            let boxes = boxes.clone();
            thread::spawn(move || numbers.iter().for_each(|&n| post(&boxes, &[0], n, |_, _| {})))
        };
        let posters = if apart { [spawn(&[10]), spawn(&[11])] } else { [spawn(&[10, 11]), spawn(&[20, 21])] };
        let mut seen = Vec::new();
        drain(&boxes, 0, &mut seen);
        posters.into_iter().for_each(|poster| poster.join().unwrap());
        drain(&boxes, 0, &mut seen);
        for of in [1, 2] {
            let of: Vec<u32> = seen.iter().copied().filter(|n| n / 10 == of).collect();
            assert!(of.is_sorted(), "one core's posts in another order: {of:?}");
        }
        assert_eq!(seen.len(), if apart { 2 } else { 4 }, "something is lost");
    });
}

/// A core runs its loop. Another posts to it, and stops the server.
fn stops<P: Primitives>() {
    bounded(Some(3), || {
        let (boxes, bell) = (boxes::<P>(1), Bell::new(1));
        {
            let (boxes, bell) = (boxes.clone(), bell.clone());
            thread::spawn(move || {
                post(&boxes, &[0], 7, |_, _| bell.ring());
                boxes.raise_stop(|_| bell.ring());
            });
        }
        let mut seen = Vec::new();
        while !boxes.may_end(0) {
            if boxes.may_sleep(0) {
                assert!(bell.wait(), "asleep for ever");
                boxes.awake(0);
            }
            drain(&boxes, 0, &mut seen);
        }
        assert_eq!(seen, [7], "lost at the stop");
    });
}

#[test]
fn no_wake_up_is_lost() {
    wakes::<Whole>(1, None);
}

/// Who of two is to wake it: without a bound this takes minutes.
#[test]
fn no_wake_up_is_lost_between_two() {
    wakes::<Whole>(2, Some(2));
}

#[test]
#[should_panic(expected = "asleep for ever")]
fn canary_without_the_fence_one_is_lost() {
    wakes::<NoFence>(1, None);
}

#[test]
#[should_panic(expected = "asleep for ever")]
fn canary_without_the_second_look_one_is_lost() {
    wakes::<NoSecondLook>(1, None);
}

#[test]
fn multicasts_are_in_one_order() {
    same_order::<Whole>();
}

#[test]
#[should_panic(expected = "two orders")]
fn canary_lock_after_lock_there_are_two_orders() {
    same_order::<LockAfterLock>();
}

#[test]
fn a_multicast_is_seen_whole() {
    rest_is_there::<Whole>();
}

#[test]
#[should_panic(expected = "half of a multicast")]
fn canary_lock_after_lock_half_is_seen() {
    rest_is_there::<LockAfterLock>();
}

#[test]
fn a_core_s_posts_are_in_its_order() {
    fifo(false);
}

#[test]
#[should_panic(expected = "another order")]
fn canary_two_threads_to_a_core_have_no_order() {
    fifo(true);
}

#[test]
fn nothing_is_lost_at_the_stop() {
    stops::<Whole>();
}

#[test]
#[should_panic(expected = "lost at the stop")]
fn canary_without_the_last_look_a_post_is_lost_at_the_stop() {
    stops::<NoLastLook>();
}

#[test]
#[should_panic(expected = "lost at the stop")]
fn canary_a_relaxed_flag_loses_a_post_at_the_stop() {
    stops::<Relaxed>();
}
