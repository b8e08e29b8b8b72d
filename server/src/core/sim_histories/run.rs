//! One run: a server of some cores, clients that ask and wait, leave in the middle and come back, until so many
//! commands have been sent; then everything is answered, what is left is read, and the judges decide.

use super::judges::{Violation, judge, popped};
use super::log::{Answer, Unit, lines, units};
use super::themes::{Follow, Script, Theme, Words, epilogue, scene, words};
use crate::core::sim_tests::Bed;
use crate::io::sim::{ClientId, ClientState, Outcome, Plan, Rng, SimClient, SimWorld};
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How often clients that wait for ever are unblocked: a pipeline may have many waits.
const ROUNDS_MAX: usize = 200;

/// How a run differs from the one that its seed draws.
#[derive(Clone, Copy, Default)]
pub(super) struct Change {
    /// What is switched off in the server.
    pub(super) without: Option<Without>,
    /// Not as many cores as the seed draws.
    pub(super) cores: Option<usize>,
    /// Not the themes that the seed draws.
    pub(super) themes: Option<&'static [Theme]>,
    /// A quick network, quick cores, and a core that sleeps is slow to wake up.
    pub(super) sleepy: bool,
}

/// The parts of the mechanism without which a violation must be found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Without {
    /// A core drains its mailbox before it serves its own connections.
    Drain,
    /// What touches keys that are lent waits.
    Holds,
    /// A batch over shards is posted to all at once.
    Multicast,
}

/// What a run has shown.
#[derive(Default, Debug)]
pub(super) struct Shown {
    pub(super) commands: usize,
    pub(super) decided: usize,
    pub(super) undecided: usize,
    pub(super) gone: usize,
}

/// What has gone wrong.
#[derive(Debug)]
pub(super) enum Failure {
    /// Something is not answered that should be.
    Stuck(String),
    /// No order explains what clients saw.
    Judged(String),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::Stuck(what) | Failure::Judged(what) => f.write_str(what),
        }
    }
}

/// A command that waits, and one that tells whether there is what it waits for.
struct Waits {
    command: Words,
    probe: Words,
}

/// A client of a run.
struct Actor {
    client: SimClient,
    /// Its number among all clients there were.
    number: usize,
    follow: Option<Follow>,
    /// How far of each stream it has read.
    streams: [String; 2],
    /// It waits without an end.
    forever: bool,
    has_id: bool,
    /// What it has sent last leaves then.
    thinks_until: u64,
}

impl Actor {
    fn connect(bed: &Bed, number: usize) -> Self {
        let mut client = SimClient::connect(&bed.world, bed.listener);
        client.command(&["CLIENT", "ID"]);
        let streams = ["0-0", "0-0"].map(str::to_owned);
        Self { client, number, follow: None, streams, forever: false, has_id: false, thinks_until: 0 }
    }

    fn send(&mut self, commands: &[Words]) {
        self.send_after(0, commands);
    }

    /// Sends after some nanoseconds of thought.
    fn send_after(&mut self, thought: u64, commands: &[Words]) {
        let slices: Vec<&[String]> = commands.iter().map(Vec::as_slice).collect();
        self.thinks_until = self.client.now() + thought;
        self.client.pipeline_after(Duration::from_nanos(thought), &slices);
    }

    fn last_answer(&self) -> Option<Answer> {
        let (_, bytes) = self.client.history().last()?.reply.as_ref()?;
        Some(Answer::parse(bytes))
    }
}

/// A run under way.
pub(super) struct Run {
    bed: Bed,
    script: Script,
    actors: Vec<Actor>,
    by_id: HashMap<ClientId, usize>,
    /// Clients that ask nothing until another's answer is there: it may be that they were told of it.
    idle: Vec<usize>,
    /// Clients that have gone, with what they saw.
    gone: Vec<Actor>,
    sent: usize,
    next_number: usize,
    /// How often a client goes, in commands sent; 0: never.
    goes_one_in: u64,
}

/// Fast networks and slow ones, cores that hurry and cores that stall in the middle of a turn, or are slow to wake up.
fn plan(rng: &mut Rng) -> Plan {
    if rng.one_in(4) {
        return sleepy();
    }
    let latency = [1_000, 20_000, 200_000, 1_000_000][rng.below(4) as usize];
    let turn = [2_000, 20_000, 200_000][rng.below(3) as usize];
    let wake = [15_000, 1_000_000][rng.below(2) as usize];
    Plan {
        latency_ns: latency / 10..latency,
        jitter_ns: 0..1 + latency / 2,
        turn_ns: 100..turn,
        wake_ns: 500..wake,
        stall_one_in: [0, 10, 50, 200][rng.below(4) as usize],
        stall_ns: 1_000..2_000_000,
        ..Plan::default()
    }
}

/// While a core sleeps on, others see more and more of what waits in its mailbox.
fn sleepy() -> Plan {
    Plan {
        latency_ns: 100..1_000,
        jitter_ns: 0..100,
        turn_ns: 100..500,
        wake_ns: 100_000..1_000_000,
        stall_one_in: 0,
        ..Plan::default()
    }
}

impl Run {
    fn new(seed: u64, change: Change) -> Result<Self, Failure> {
        // Not the world's own generator: what is drawn here is not to move when the world draws once more.
        let mut rng = Rng::new(seed ^ 0x5EED);
        let cores = change.cores.unwrap_or(1 + rng.below(8) as usize);
        let bed = Bed::new(seed, cores);
        let drawn = plan(&mut rng);
        bed.world.set_plan(|p| *p = if change.sleepy { sleepy() } else { drawn });
        let shared = &bed.shared;
        shared.turns_in_parts.store(true, Ordering::Relaxed);
        match change.without {
            Some(Without::Drain) => shared.serve_first.store(true, Ordering::Relaxed),
            Some(Without::Holds) => shared.ignore_holds.store(true, Ordering::Relaxed),
            Some(Without::Multicast) => shared.post_apart.store(true, Ordering::Relaxed),
            None => {}
        }
        let script = Script::draw(&mut rng, change.themes);
        let goes_one_in = [0, 40, 150][rng.below(3) as usize];
        let clients = 3 + rng.below(8) as usize;
        let mut run = Self {
            bed,
            script,
            actors: Vec::new(),
            by_id: HashMap::new(),
            idle: Vec::new(),
            gone: Vec::new(),
            sent: 0,
            next_number: 0,
            goes_one_in,
        };
        (0..clients).for_each(|_| run.connect());
        run.actors[0].send(&scene());
        run.settle()?;
        Ok(run)
    }

    fn connect(&mut self) {
        let actor = Actor::connect(&self.bed, self.next_number);
        self.next_number += 1;
        self.by_id.insert(actor.client.id(), self.actors.len());
        self.actors.push(actor);
    }

    /// Sends so many commands, and sees to it that all are answered.
    ///
    /// # Errors
    /// Nothing moves any more, and a command that does not wait has no answer.
    fn play(&mut self, commands: usize) -> Result<(), Failure> {
        for at in 0..self.actors.len() {
            self.note_id(at);
            self.act(at);
        }
        let mut quiet_since = self.bed.world.now();
        while self.sent < commands {
            self.bed.world.step(&mut self.bed.cores);
            let news = self.bed.world.clients_with_news();
            if !news.is_empty() {
                quiet_since = self.bed.world.now();
            }
            for id in news {
                if let Some(&at) = self.by_id.get(&id) {
                    self.hear(at);
                }
            }
            if self.bed.world.now() > quiet_since + 300_000_000 {
                self.open_waits()?;
                if !self.wake_idle() {
                    self.replace(0); // all wait for each other
                }
                quiet_since = self.bed.world.now();
            }
        }
        Ok(())
    }

    /// All is quiet: what each client waits for.
    fn open_waits(&mut self) -> Result<Vec<Waits>, Failure> {
        let mut all = Vec::new();
        for actor in &mut self.actors {
            if actor.client.poll() == 0 {
                continue;
            }
            let open = actor.client.history().iter().find(|o| o.reply.is_none());
            let args = open.map(|o| o.args.as_slice()).unwrap_or_default();
            let command: Words = args.iter().map(|w| String::from_utf8_lossy(w).into_owned()).collect();
            match probe(&command) {
                Some(probe) => all.push(Waits { command, probe }),
                None => {
                    return Err(Failure::Stuck(format!(
                        "client {}: {command:?} is never answered",
                        actor.number
                    )));
                }
            }
        }
        Ok(all)
    }

    /// A client has got something: it goes on when everything is answered, or, now and then, before.
    fn hear(&mut self, at: usize) {
        let open = self.actors[at].client.poll();
        self.note_id(at);
        if self.actors[at].client.state() != ClientState::Open {
            return self.replace(at);
        }
        if open == 0 {
            self.answered(at);
        } else if self.may_pile_up(at) && open < 8 && self.draw(|rng| rng.one_in(8)) {
            self.ask(at);
        }
    }

    /// Everything that a client has sent is answered: it goes on, or another does that has waited for this, or both.
    fn answered(&mut self, at: usize) {
        if self.idle.contains(&at) {
            return;
        }
        if self.draw(|rng| rng.one_in(2)) {
            self.wake_idle();
        }
        let rests = self.actors[at].follow.is_none() && 2 * self.idle.len() < self.actors.len();
        if rests && self.draw(|rng| rng.one_in(3)) {
            self.actors[at].forever = false;
            self.idle.push(at);
        } else {
            self.act(at);
        }
    }

    fn wake_idle(&mut self) -> bool {
        let next = self.draw(|rng| rng.below(self.idle.len() as u64)) as usize;
        let found = next < self.idle.len();
        if found {
            let at = self.idle.swap_remove(next);
            self.act(at);
        }
        found
    }

    /// What it has sent last has left: at the very moment of that it may be on its way or not.
    fn may_pile_up(&self, at: usize) -> bool {
        let actor = &self.actors[at];
        actor.follow.is_none() && actor.thinks_until < self.bed.world.now()
    }

    fn draw<R>(&self, draw: impl FnOnce(&mut Rng) -> R) -> R {
        self.bed.world.random(draw)
    }

    /// From its first answer on a client can be unblocked.
    fn note_id(&mut self, at: usize) {
        let actor = &mut self.actors[at];
        if !actor.has_id
            && let Some(first) = actor.client.replies().next()
        {
            actor.has_id = true;
            self.script.ids.extend(Answer::parse(first).int());
        }
    }

    /// Everything that a client has sent is answered.
    fn act(&mut self, at: usize) {
        let actor = &mut self.actors[at];
        if actor.client.poll() > 0 {
            return; // it was woken, and had news besides
        }
        actor.forever = false;
        match self.actors[at].follow.take() {
            Some(follow) => self.follow(at, &follow),
            None => self.ask(at),
        }
    }

    fn follow(&mut self, at: usize, follow: &Follow) {
        let Some(answer) = self.actors[at].last_answer() else { return self.ask(at) };
        match follow {
            Follow::Job => {
                let jobs = popped(&answer);
                if jobs.is_empty() {
                    return self.ask(at);
                }
                let commands: Vec<Words> = jobs.iter().map(|n| words(&format!("GET j:{n}"))).collect();
                self.send(at, &commands);
            }
            Follow::Stream => {
                for stream in answer.many() {
                    let [Answer::Text(key), entries] = stream.many() else { continue };
                    let last = entries.many().last().and_then(|e| e.many().first()?.text());
                    if let Some(last) = last {
                        self.actors[at].streams[usize::from(key == "st:1")] = last.to_owned();
                    }
                }
                self.ask(at);
            }
            _ => {
                let read: Vec<i64> = answer.many().iter().filter_map(Answer::int).collect();
                let world = self.bed.world.clone();
                let commands = world.random(|rng| self.script.decide(rng, follow, &read));
                self.send(at, &commands);
            }
        }
    }

    /// Asks for something new: one thing, or several in one pipeline.
    fn ask(&mut self, at: usize) {
        let forever = 2 * self.actors.iter().filter(|a| a.forever).count() < self.actors.len();
        let world: SimWorld = self.bed.world.clone();
        let actor = &mut self.actors[at];
        let (script, streams) = (&mut self.script, &actor.streams);
        let (commands, follow) = world.random(|rng| {
            let mut all = Vec::new();
            for _ in 0..1 + rng.below(4) * rng.below(3) {
                let (commands, follow) = script.next(rng, streams, forever);
                all.extend(commands);
                if follow.is_some() {
                    return (all, follow);
                }
            }
            (all, None)
        });
        actor.follow = follow;
        actor.forever |= commands.iter().any(waits_forever);
        self.send(at, &commands);
    }

    fn send(&mut self, at: usize, commands: &[Words]) {
        // Some ask at once, others think for as long as an answer takes, or a stall.
        let thought = self.draw(|rng| if rng.one_in(2) { 0 } else { rng.within_log(&(500..1_000_000)) });
        self.actors[at].send_after(thought, commands);
        self.sent += commands.len();
        if self.draw(|rng| rng.one_in(self.goes_one_in)) {
            let who = self.draw(|rng| rng.below(self.actors.len() as u64)) as usize;
            self.replace(who);
        }
    }

    /// A client goes, in one of the ways in which clients go, and another comes.
    fn replace(&mut self, at: usize) {
        let id = self.actors[at].client.id();
        match self.draw(|rng| rng.below(3)) {
            0 => self.bed.world.client_reset(id),
            1 => self.bed.world.client_close(id),
            _ => self.bed.world.client_half_close(id),
        }
        self.by_id.remove(&id);
        self.idle.retain(|&idle| idle != at);
        let fresh = Actor::connect(&self.bed, self.next_number);
        self.next_number += 1;
        self.by_id.insert(fresh.client.id(), at);
        self.gone.push(std::mem::replace(&mut self.actors[at], fresh));
    }

    /// Waits until everything is answered. Those that wait for ever are unblocked by a client of its own, once it is
    /// sure that there is nothing for them.
    fn settle(&mut self) -> Result<(), Failure> {
        let mut helper = SimClient::connect(&self.bed.world, self.bed.listener);
        for _ in 0..ROUNDS_MAX {
            let actors = &mut self.actors;
            let mut done = || actors.iter_mut().all(|a| a.client.settled());
            if self.bed.world.run_until(&mut self.bed.cores, Duration::from_millis(100), &mut done)
                == Outcome::Done
            {
                return Ok(());
            }
            if !self.bed.world.clients_with_news().is_empty() {
                continue; // some go on: longer waits have just ended
            }
            for waits in self.open_waits()? {
                self.nothing_is_there(&mut helper, &waits)?;
            }
            for id in &self.script.ids {
                helper.command(&["CLIENT", "UNBLOCK", &id.to_string()]);
            }
        }
        let open: Vec<String> = self.open_waits()?.iter().map(|w| format!("{:?}", w.command)).collect();
        Err(Failure::Stuck(format!("{open:?} cannot be unblocked")))
    }

    /// What a client waits for is not there.
    fn nothing_is_there(&mut self, helper: &mut SimClient, waits: &Waits) -> Result<(), Failure> {
        helper.command(&waits.probe);
        let mut done = || helper.settled();
        let outcome = self.bed.world.run_until(&mut self.bed.cores, Duration::from_secs(1), &mut done);
        if outcome != Outcome::Done {
            return Err(Failure::Stuck(format!("{:?} is never answered", waits.probe)));
        }
        let answer = helper.replies().last().map(Answer::parse);
        if matches!(answer, Some(Answer::Int(0) | Answer::Nil)) {
            return Ok(());
        }
        Err(Failure::Stuck(format!("{:?} waits, and {:?} answers {answer:?}", waits.command, waits.probe)))
    }

    /// Reads what is left, and lets everything come to rest.
    fn finish(&mut self) -> Result<(), Failure> {
        self.settle()?;
        self.actors.iter_mut().for_each(|a| a.send(&[words("UNWATCH")]));
        self.bed.world.run_for(&mut self.bed.cores, Duration::from_millis(20));
        self.settle()?;
        self.connect();
        let last = self.actors.len() - 1;
        self.actors[last].send(&epilogue());
        self.settle()?;
        self.nothing_is_left();
        Ok(())
    }

    /// No shard is held, nobody waits or watches, no session is open.
    fn nothing_is_left(&self) {
        for core in &self.bed.cores {
            let (i, s) = (core.state.index, &core.state);
            assert!(s.held.is_none() && s.holds.is_idle() && s.queue.is_empty(), "core {i} is held");
            assert!(s.sessions.is_empty(), "core {i} has {} sessions", s.sessions.len());
            assert!(!s.shard.is_watched(), "somebody watches keys of core {i}");
            assert_eq!((s.waits, s.shard.waited_for().0), (0, 0), "somebody waits at core {i}");
            assert!(s.scratch.dbs.iter().all(shard::Db::is_empty), "core {i} keeps what it was lent");
        }
    }

    fn units(&self) -> Vec<Unit> {
        let mut all = Vec::new();
        for actor in self.gone.iter().chain(&self.actors) {
            units(actor.number, actor.client.history(), &mut all);
        }
        all.sort_by_key(|unit| unit.called);
        all
    }
}

/// A command that tells whether there is what another waits for.
fn probe(waiting: &[String]) -> Option<Words> {
    let exists = |keys: &[String]| [&["EXISTS".to_owned()], keys].concat();
    match waiting[0].as_str() {
        "BLPOP" | "BRPOP" | "BZPOPMIN" | "BZPOPMAX" => Some(exists(&waiting[1..waiting.len() - 1])),
        "BLMOVE" | "BRPOPLPUSH" => Some(exists(&waiting[1..2])),
        "BLMPOP" | "BZMPOP" => Some(exists(&waiting[3..3 + waiting[2].parse::<usize>().ok()?])),
        "XREAD" => Some([&waiting[..1], &waiting[5..]].concat()),
        _ => None,
    }
}

fn waits_forever(command: &Words) -> bool {
    let zero = |at: usize| command.get(at).is_some_and(|w| w == "0");
    match command[0].as_str() {
        "BLMPOP" | "BZMPOP" => zero(1),
        "XREAD" => zero(4),
        name => name.starts_with('B') && name != "BITOP" && zero(command.len() - 1),
    }
}

/// Runs a seed with so many commands.
///
/// # Errors
/// What is wrong, with what the clients saw of the keys in question.
pub(super) fn run(seed: u64, commands: usize, change: Change) -> Result<Shown, Failure> {
    let mut run = Run::new(seed, change)?;
    run.play(commands)?;
    run.finish()?;
    for actor in &mut run.gone {
        actor.client.poll();
    }
    let units = run.units();
    match judge(&units) {
        Ok((decided, undecided)) => {
            Ok(Shown { commands: run.sent, decided, undecided, gone: run.gone.len() })
        }
        Err(Violation { what, keys, seen }) => {
            let cores = run.bed.cores.len();
            let lines = lines(&units, &keys, seen, 60);
            Err(Failure::Judged(format!("seed {seed}, {cores} cores: {what}\n{lines}")))
        }
    }
}
