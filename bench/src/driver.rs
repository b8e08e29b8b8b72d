//! One thread's load: what is sent next on which connection, and what its reply means.
//!
//! ```text
//!   closed loop   all replies of a pipeline are in ──> the next pipeline leaves, from within `received`
//!   open loop     a request is due and a connection is free ──> it leaves; if none is, it waits (schedule.rs)
//! ```
//!
//! Requests in flight are kept as *runs*: neighbours of one kind that were started at one time count together, and
//! so are recorded together. A pipeline of sixteen SETs is one run, one look at the clock and one step in
//! the histogram.
//!
//! Costs: after the first pipeline nothing is allocated. A request is its digits written in place, a few
//! additions, and its share of two system calls.

use crate::clock;
use crate::net::{Outgoing, Sink};
use crate::plan::{Budget, Plan};
use crate::reply::{self, Kind, Scanner};
use crate::schedule::Schedule;
use crate::stats::Interval;
use crate::template::Draw;
use crate::verify::{Ledger, Role};
use std::collections::VecDeque;
use std::io;
use std::sync::mpsc::Sender;

/// Longest error text that is told from others, in bytes.
const ERROR_MAX: usize = 120;

/// Neighbouring requests of one kind, started at one time.
#[derive(Clone, Copy, Debug)]
struct Run {
    unit: usize,
    requests: u32,
    /// Replies still to come for the first of them.
    replies: u32,
    /// Nanoseconds; in open loop, when it was due.
    started: u64,
}

/// A connection, as the load sees it.
pub struct Conn {
    /// Its number among those of all threads.
    pub number: usize,
    /// The node at its other end.
    pub node: usize,
    scanner: Scanner,
    runs: VecDeque<Run>,
    error: Vec<u8>,
    ledger: Option<Box<Ledger>>,
}

/// One thread's load.
pub struct Driver<'a> {
    plan: &'a Plan,
    budget: &'a Budget,
    pub conns: Vec<Conn>,
    draw: Draw,
    stride: Option<usize>,
    pool: Vec<Outgoing>,
    schedule: Option<Schedule>,
    /// In open loop: connections with nothing in flight.
    free: VecDeque<usize>,
    /// Connections with requests in flight.
    pub busy: usize,
    /// Connections that are to be opened anew.
    pub reconnect: Vec<usize>,
    interval: Interval,
    interval_ends: u64,
    out: Sender<Interval>,
    /// The time, as of the last look at the clock.
    pub now: u64,
    /// When the last reply came.
    pub heard: u64,
    /// Why the load cannot go on.
    pub failure: Option<String>,
}

impl<'a> Driver<'a> {
    /// A thread's load over these connections, each with its number and its node.
    #[must_use]
    pub fn new(
        plan: &'a Plan,
        budget: &'a Budget,
        thread: usize,
        conns: impl Iterator<Item = (usize, usize)>,
        out: Sender<Interval>,
    ) -> Driver<'a> {
        let draw = plan.draw(thread);
        let conns = conns.map(|(number, node)| Conn {
            number,
            node,
            scanner: Scanner::default(),
            runs: VecDeque::new(),
            error: Vec::new(),
            ledger: plan.verify.then(|| Box::new(Ledger::new(number as u64, draw.letters()))),
        });
        let now = clock::now();
        Driver {
            plan,
            budget,
            conns: conns.collect(),
            stride: if plan.verify { None } else { plan.stride() },
            draw,
            pool: Vec::new(),
            schedule: plan.rate.map(|r| Schedule::new(now, r, plan.arrivals, thread, plan.threads)),
            free: VecDeque::new(),
            busy: 0,
            reconnect: Vec::new(),
            interval: Interval::new(plan.units.len()),
            interval_ends: budget.begins,
            out,
            now,
            heard: now,
            failure: None,
        }
    }

    /// What a connection that has nothing in flight sends next.
    pub fn next(&mut self, index: usize) -> Option<Outgoing> {
        if self.schedule.is_some() { self.next_due(index) } else { self.next_pipeline(index) }
    }

    fn next_pipeline(&mut self, index: usize) -> Option<Outgoing> {
        let count = self.budget.take(self.plan.pipeline, self.now);
        if count == 0 {
            return None;
        }
        let (mut out, started) = (self.buffer(), self.now);
        (0..count).for_each(|_| self.compose(index, started, &mut out));
        self.busy += 1;
        Some(out)
    }

    fn next_due(&mut self, index: usize) -> Option<Outgoing> {
        let mut out = None;
        for _ in 0..self.plan.pipeline {
            let Some(schedule) = &mut self.schedule else { break };
            if schedule.next_due() > self.now || self.budget.take(1, self.now) == 0 {
                break;
            }
            let Some(due) = schedule.take(self.now, &mut self.draw.random) else { break };
            let mut buffer = out.take().unwrap_or_else(|| self.buffer());
            self.compose(index, due, &mut buffer);
            out = Some(buffer);
        }
        if out.is_some() {
            self.busy += 1;
        } else {
            self.free.push_back(index);
        }
        out
    }

    /// A free connection, if a request is due.
    pub fn due(&mut self) -> Option<usize> {
        let schedule = self.schedule.as_ref()?;
        if schedule.next_due() > self.now || self.budget.is_spent(self.now) {
            return None;
        }
        self.free.pop_front()
    }

    /// How long nothing has to be done, in nanoseconds, if nothing is heard.
    #[must_use]
    pub fn patience(&self) -> u64 {
        let spent = self.budget.is_spent(self.now);
        let due = match &self.schedule {
            Some(schedule) if !self.free.is_empty() && !spent => schedule.next_due(),
            _ => u64::MAX,
        };
        let end = if spent { u64::MAX } else { self.budget.ends };
        due.min(self.interval_ends).min(end).saturating_sub(self.now)
    }

    fn buffer(&mut self) -> Outgoing {
        let mut out = self.pool.pop().unwrap_or_default();
        out.len = 0;
        match self.stride {
            None => out.bytes.clear(),
            Some(stride) if out.bytes.is_empty() => {
                for _ in 0..self.plan.pipeline {
                    self.plan.units[0].template.append(&mut out.bytes, &mut self.draw.clone());
                }
                debug_assert_eq!(out.bytes.len(), stride * self.plan.pipeline);
            }
            Some(_) => {}
        }
        out
    }

    /// Appends a request.
    #[inline]
    fn compose(&mut self, index: usize, started: u64, out: &mut Outgoing) {
        let conn = &mut self.conns[index];
        let choice = self.plan.choose(&mut self.draw.random);
        let unit = &self.plan.units[choice];
        self.draw.node = conn.node;
        if let Some(ledger) = &mut conn.ledger {
            self.draw.partition = Some((conn.number as u64, self.plan.clients as u64));
            if unit.role == Role::Set {
                ledger.next_stamp(&mut self.draw.stamp);
            }
        }
        if let Some(stride) = self.stride {
            let request = &mut out.bytes[out.len..out.len + stride];
            unit.template.fill(request, &mut self.draw);
            out.len += stride;
        } else {
            unit.template.append(&mut out.bytes, &mut self.draw);
            out.len = out.bytes.len();
        }
        if let Some(ledger) = &mut conn.ledger {
            ledger.sent(&unit.role, self.draw.number, self.draw.size);
        }
        match conn.runs.back_mut() {
            Some(run) if run.unit == choice && run.started == started => run.requests += 1,
            _ => conn.runs.push_back(Run {
                unit: choice,
                requests: 1,
                replies: unit.template.replies,
                started,
            }),
        }
    }

    /// Closes the interval, if its time is over.
    pub fn tick(&mut self) {
        while self.now >= self.interval_ends {
            let next = self.interval.second.map_or(0, |second| second + 1);
            let mut fresh = Interval::new(self.plan.units.len());
            fresh.second = Some(next);
            // Nobody may be listening any more: then nobody wants to know.
            let _ = self.out.send(std::mem::replace(&mut self.interval, fresh));
            self.interval_ends += self.plan.interval.as_nanos() as u64;
        }
    }

    /// The end: hands over what has been counted since the last tick, and the ledgers.
    pub fn finish(self) -> Vec<Ledger> {
        let _ = self.out.send(self.interval);
        self.conns.into_iter().filter_map(|conn| conn.ledger.map(|ledger| *ledger)).collect()
    }

    /// A connection is new: what it expected is forgotten.
    pub fn forget(&mut self, index: usize) {
        self.conns[index].scanner = Scanner::default();
        self.conns[index].runs.clear();
    }

    fn fail(&mut self, why: String) {
        self.failure.get_or_insert(why);
    }
}

impl Sink for Driver<'_> {
    #[inline]
    fn received(&mut self, index: usize, bytes: &[u8]) -> Option<Outgoing> {
        self.now = clock::now();
        self.heard = self.now;
        if self.now >= self.interval_ends {
            self.tick();
        }
        let conn = &mut self.conns[index];
        let mut heard = Heard {
            plan: self.plan,
            interval: &mut self.interval,
            runs: &mut conn.runs,
            error: &mut conn.error,
            ledger: conn.ledger.as_deref_mut(),
            now: self.now,
            answered: 0,
            unasked: false,
            failed: false,
        };
        let result = conn.scanner.feed(bytes, &mut heard);
        heard.flush();
        if result.is_err() || heard.unasked {
            let what = if heard.unasked { "a reply that nobody asked for" } else { "no RESP" };
            self.fail(format!("the server sent {what}: \"{}\"", bytes[..bytes.len().min(64)].escape_ascii()));
            return None;
        }
        if !conn.runs.is_empty() || conn.scanner.is_partial() {
            return None;
        }
        self.busy -= 1;
        if !self.plan.keep_alive {
            self.reconnect.push(index);
            return None;
        }
        self.next(index)
    }

    #[inline]
    fn sent(&mut self, spent: Outgoing) {
        self.pool.push(spent);
    }

    fn closed(&mut self, index: usize, error: Option<io::Error>) {
        let waiting: u32 = self.conns[index].runs.iter().map(|run| run.requests).sum();
        let why = error.map_or_else(
            || "the server closed a connection".to_string(),
            |e| format!("a connection failed: {e}"),
        );
        self.fail(format!("{why} ({waiting} requests had no reply)"));
    }
}

/// What one piece of a connection's replies says.
struct Heard<'a> {
    plan: &'a Plan,
    interval: &'a mut Interval,
    runs: &'a mut VecDeque<Run>,
    error: &'a mut Vec<u8>,
    ledger: Option<&'a mut Ledger>,
    now: u64,
    /// Requests of the first run that are answered and not recorded.
    answered: u32,
    unasked: bool,
    /// The reply that is being read holds an error.
    failed: bool,
}

impl Heard<'_> {
    /// Records what is answered of the first run.
    #[inline]
    fn flush(&mut self) {
        if let (1.., Some(run)) = (self.answered, self.runs.front()) {
            self.interval.commands[run.unit].record(self.now.saturating_sub(run.started), self.answered);
            self.answered = 0;
        }
    }
}

impl reply::Sink for Heard<'_> {
    #[inline]
    fn reply(&mut self, kind: Kind) {
        let Some(run) = self.runs.front_mut() else {
            self.unasked = true;
            return;
        };
        if kind == Kind::Nil {
            self.interval.commands[run.unit].nils += 1;
        }
        if let Some(ledger) = &mut self.ledger {
            ledger.reply(kind == Kind::Nil, self.failed);
            self.failed = false;
        }
        run.replies -= 1;
        if run.replies > 0 {
            return;
        }
        self.answered += 1;
        run.requests -= 1;
        run.replies = self.plan.units[run.unit].template.replies;
        if run.requests == 0 {
            self.flush();
            self.runs.pop_front();
        }
    }

    fn error_text(&mut self, part: &[u8]) {
        let room = ERROR_MAX - self.error.len().min(ERROR_MAX);
        self.error.extend_from_slice(&part[..part.len().min(room)]);
    }

    fn error_end(&mut self) {
        self.failed = true;
        let text = String::from_utf8_lossy(self.error).into_owned();
        self.error.clear();
        let unit = self.runs.front().map_or(0, |run| run.unit);
        self.interval.commands[unit].error(text);
    }

    #[inline]
    fn string_part(&mut self, part: &[u8]) {
        if let Some(ledger) = &mut self.ledger {
            ledger.string_part(part);
        }
    }
}
