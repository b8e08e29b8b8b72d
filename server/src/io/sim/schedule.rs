//! Who runs next. All cores share one thread and one simulated clock; a turn is the unit that is
//! never interrupted. A core is *runnable* when its CPU is free and either it has not gone to
//! sleep or there is a reason to wake it: bytes, a connection, room in a blocked socket, a wake,
//! its deadline. Among the runnable ones chance decides; when there is none the clock moves to the
//! next event, deadline or free CPU. A turn keeps its CPU busy for a drawn time, and now and then a
//! core stalls much longer, as a thread the kernel has put aside: so every order in which real
//! cores could take their turns comes up under some seed.

use super::SimWorld;
use super::trace::{Kind, NONE};
use super::world::{Wait, World};
use std::time::Duration;

/// A core as the scheduler drives it. Core number `i` is item `i` of the slice given to
/// [`SimWorld::step`], and owns the [`super::SimIo`] of that number.
pub trait SimCore {
    /// Runs one turn of the core's loop, and with it one `turn` of its `SimIo`. When that returns
    /// `WouldBlock` the core returns at once, its state that of a sleeping core.
    fn turn(&mut self);

    /// True once the core's loop has ended; it is not called again.
    fn finished(&self) -> bool {
        false
    }
}

impl<F: FnMut()> SimCore for F {
    fn turn(&mut self) {
        self();
    }
}

/// What one step did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// This core took a turn.
    Ran(usize),
    /// Nobody could run: the clock went on by so many nanoseconds.
    Advanced(u64),
    /// Everyone sleeps without a deadline and nothing is under way: nothing will ever happen.
    Quiet,
}

/// How a run ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// What was waited for came true.
    Done,
    /// It did not, and nothing will ever happen again: a lost wake-up, or a test that waits in vain.
    Quiet,
    /// It did not within the simulated time allowed.
    TimedOut,
}

impl SimWorld {
    /// Lets one core take a turn, or time pass. `cores[i]` is core `i`.
    pub fn step<C: SimCore>(&self, cores: &mut [C]) -> Step {
        let mut world = self.0.borrow_mut();
        assert_eq!(cores.len(), world.cores.len(), "one SimCore for each simulated core");
        world.run_events();
        let alive: Vec<usize> = (0..cores.len()).filter(|i| !cores[*i].finished()).collect();
        let runnable: Vec<usize> = alive.iter().copied().filter(|i| world.is_runnable(*i)).collect();
        if runnable.is_empty() {
            return world.advance(&alive);
        }
        let core = runnable[world.rng.below(runnable.len() as u64) as usize];
        drop(world);
        cores[core].turn();
        self.0.borrow_mut().occupy(core);
        Step::Ran(core)
    }

    /// Steps until `done` (asked after each step), but no longer than `limit` of simulated time.
    pub fn run_until<C: SimCore>(
        &self,
        cores: &mut [C],
        limit: Duration,
        mut done: impl FnMut() -> bool,
    ) -> Outcome {
        let end = self.0.borrow().after(limit);
        loop {
            if done() {
                return Outcome::Done;
            }
            if self.now() >= end {
                return Outcome::TimedOut;
            }
            if self.step(cores) != Step::Quiet {
                continue;
            }
            // What is asked may itself act on the world, as a client that reads: ask once more.
            if done() {
                return Outcome::Done;
            }
            if self.step(cores) == Step::Quiet {
                return Outcome::Quiet;
            }
        }
    }

    /// Steps for so much simulated time, or until nothing will ever happen again.
    pub fn run_for<C: SimCore>(&self, cores: &mut [C], time: Duration) {
        self.run_until(cores, time, || false);
    }

    /// Keeps a core from running for so long, as if the kernel had put its thread aside.
    pub fn stall(&self, core: usize, time: Duration) {
        let mut world = self.0.borrow_mut();
        let until = world.after(time);
        world.cores[core].busy_until = until;
        world.note(Kind::Stall, core as u64, NONE, &until.to_le_bytes());
    }
}

impl World {
    fn is_runnable(&self, core: usize) -> bool {
        self.cores[core].busy_until <= self.now && self.wants_to_run(core)
    }

    fn wants_to_run(&self, core: usize) -> bool {
        match self.cores[core].wait {
            Wait::Running => true,
            Wait::Parked { deadline } => deadline.is_some_and(|d| d <= self.now) || self.has_work(core),
        }
    }

    /// When this core could run next if nothing else happens.
    fn runnable_at(&self, core: usize) -> Option<u64> {
        let c = &self.cores[core];
        if self.wants_to_run(core) {
            return Some(c.busy_until);
        }
        match c.wait {
            Wait::Parked { deadline } => deadline.map(|d| d.max(c.busy_until)),
            Wait::Running => Some(c.busy_until),
        }
    }

    fn advance(&mut self, alive: &[usize]) -> Step {
        let runs = alive.iter().filter_map(|core| self.runnable_at(*core)).min();
        let next = [runs, self.next_event_at()].into_iter().flatten().min();
        let Some(next) = next else { return Step::Quiet };
        let passed = next.saturating_sub(self.now);
        self.now += passed;
        Step::Advanced(passed)
    }

    fn occupy(&mut self, core: usize) {
        let mut busy = self.rng.within(&self.plan.turn_ns).max(1);
        if self.rng.one_in(self.plan.stall_one_in) {
            let stall = self.rng.within(&self.plan.stall_ns);
            self.note(Kind::Stall, core as u64, NONE, &stall.to_le_bytes());
            busy += stall;
        }
        self.cores[core].busy_until = self.now + busy;
    }
}
