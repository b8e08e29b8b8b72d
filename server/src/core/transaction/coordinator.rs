//! The coordinator of one session: a state machine, messages in and messages out. It knows no clock, no socket
//! and no shard; whoever drives it ([`super::drive`]) carries its messages and does what it says.
//!
//! ```text
//!   Holding --all hold--> next stage --+--> Batch ----ran------------------> next stage
//!      |                               +--> Lending --all lent--> Scratch --> next stage
//!      | a watched key has changed     |       ^------ more keys ----'
//!      v                               +--> Alone ---answered--------------> next stage
//!    Over                              +--> Over (no stage is left)
//! ```
//!
//! A stage begins when the one before has ended, so commands take effect in their order. Shards are released
//! exactly once each, by the last message that the coordinator has for them.

use shard::{Parcel, Wanted};
use std::ops::Range;

/// What is run between hold and release. Numbers are those of the commands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Stage {
    /// Commands that need one hop each: sent to the shards as they are.
    Batch(Range<usize>),
    /// A command that is run here, on values that the shards lend.
    Gather(usize),
    /// A command about the server.
    Alone(usize),
}

/// A message to the owner of a shard that takes part.
#[derive(Clone, PartialEq, Debug)]
pub enum Message {
    /// In the order of commands: hold, say whether watched keys are as they were, lend.
    Hold(Vec<Wanted>),
    Lend(Vec<Wanted>),
    /// Take these back, and go on holding. Not answered.
    GiveBack(Vec<Parcel>),
    /// Take these back, and serve others again. Not answered.
    Release(Vec<Parcel>),
}

/// A message, and the part (by its place among the session's shards) it is for.
#[derive(Clone, PartialEq, Debug)]
pub struct Post {
    pub part: usize,
    pub message: Message,
}

/// What the driver is to do now, besides posting.
#[derive(PartialEq, Debug)]
pub enum Todo {
    /// Wait for the shards' answers.
    Wait,
    /// Run these commands on the shards that are held, then [`Coordinator::done`].
    Batch(Range<usize>),
    /// Find out which keys this command names, then [`Coordinator::lend`].
    Name(usize),
    /// Run this command on the scratch shard, then [`Coordinator::ran`] or [`Coordinator::lend_more`].
    Scratch(usize, Vec<Parcel>),
    /// Run this command as if it came alone, then [`Coordinator::done`].
    Alone(usize),
    /// All is done, all shards are released. `intact`: no watched key had changed, and commands were run.
    Finish { intact: bool },
}

#[derive(Debug)]
enum State {
    /// Waiting for the shards to hold. `lending`: the hold has asked for the keys of this command.
    Holding {
        lending: Option<usize>,
        intact: bool,
    },
    Lending(usize),
    Scratch(usize),
    /// A batch or a command about the server.
    Stage,
    Over,
}

/// One session.
#[derive(Debug)]
pub struct Coordinator {
    parts: usize,
    stages: std::vec::IntoIter<Stage>,
    state: State,
    /// Parts that have not answered.
    waiting: usize,
    /// What has been lent for the stage, and by which part.
    lent: Vec<Parcel>,
    lenders: Vec<usize>,
}

impl Coordinator {
    /// A session over so many shards, which are to be held first.
    pub fn hold(parts: usize, stages: Vec<Stage>, out: &mut Vec<Post>) -> Self {
        out.extend((0..parts).map(|part| Post { part, message: Message::Hold(Vec::new()) }));
        Self::new(parts, stages, None)
    }

    /// A session of one command alone, whose keys are lent with the hold.
    pub fn gather(parts: usize, wanted: Vec<(usize, Wanted)>, out: &mut Vec<Post>) -> Self {
        let shares = shares(parts, wanted).into_iter().enumerate();
        out.extend(shares.map(|(part, keys)| Post { part, message: Message::Hold(keys) }));
        Self::new(parts, Vec::new(), Some(0))
    }

    fn new(parts: usize, stages: Vec<Stage>, lending: Option<usize>) -> Self {
        Self {
            parts,
            stages: stages.into_iter(),
            state: State::Holding { lending, intact: true },
            waiting: parts,
            lent: Vec::new(),
            lenders: Vec::new(),
        }
    }

    /// A part holds. `intact`: what this session's client watches there has not changed.
    pub fn held(&mut self, part: usize, unchanged: bool, lent: Vec<Parcel>, out: &mut Vec<Post>) -> Todo {
        let State::Holding { lending, intact } = &mut self.state else {
            debug_assert!(false, "part {part} holds in {:?}", self.state);
            return Todo::Wait;
        };
        *intact &= unchanged;
        let (lending, intact) = (*lending, *intact);
        self.keep(part, lent);
        self.waiting -= 1;
        match lending {
            _ if self.waiting > 0 => Todo::Wait,
            _ if !intact => self.over(false, out),
            Some(command) => self.scratch(command),
            None => self.next(out),
        }
    }

    /// The keys of the command that was to be named, with the parts that own them.
    pub fn lend(&mut self, wanted: Vec<(usize, Wanted)>, out: &mut Vec<Post>) -> Todo {
        let State::Lending(command) = self.state else {
            debug_assert!(false, "keys in {:?}", self.state);
            return Todo::Wait;
        };
        for (part, keys) in shares(self.parts, wanted).into_iter().enumerate().filter(|(_, k)| !k.is_empty())
        {
            self.waiting += 1;
            out.push(Post { part, message: Message::Lend(keys) });
        }
        if self.waiting == 0 { self.scratch(command) } else { Todo::Wait }
    }

    /// A part has lent what it was asked for.
    pub fn lent(&mut self, part: usize, parcels: Vec<Parcel>) -> Todo {
        let State::Lending(command) = self.state else {
            debug_assert!(false, "part {part} lends in {:?}", self.state);
            return Todo::Wait;
        };
        self.keep(part, parcels);
        self.waiting -= 1;
        if self.waiting == 0 { self.scratch(command) } else { Todo::Wait }
    }

    /// The command on the scratch shard needs further keys, with the parts that own them; `parcels` are those
    /// it had, in the order in which it got them.
    pub fn lend_more(
        &mut self,
        parcels: Vec<Parcel>,
        wanted: Vec<(usize, Wanted)>,
        out: &mut Vec<Post>,
    ) -> Todo {
        let State::Scratch(command) = self.state else {
            debug_assert!(false, "further keys in {:?}", self.state);
            return Todo::Wait;
        };
        self.lent = parcels;
        self.state = State::Lending(command);
        self.lend(wanted, out)
    }

    /// The command has run on the scratch shard; `parcels` go back, in the order in which it got them.
    pub fn ran(&mut self, parcels: Vec<Parcel>, out: &mut Vec<Post>) -> Todo {
        debug_assert!(matches!(self.state, State::Scratch(_)), "{:?}", self.state);
        debug_assert_eq!(parcels.len(), self.lenders.len(), "what was lent goes back");
        self.lent = parcels;
        self.next(out)
    }

    /// The stage is done.
    pub fn done(&mut self, out: &mut Vec<Post>) -> Todo {
        debug_assert!(matches!(self.state, State::Stage), "{:?}", self.state);
        self.next(out)
    }

    fn keep(&mut self, part: usize, parcels: Vec<Parcel>) {
        self.lenders.extend(parcels.iter().map(|_| part));
        self.lent.extend(parcels);
    }

    fn scratch(&mut self, command: usize) -> Todo {
        self.state = State::Scratch(command);
        Todo::Scratch(command, std::mem::take(&mut self.lent))
    }

    fn next(&mut self, out: &mut Vec<Post>) -> Todo {
        let Some(stage) = self.stages.next() else { return self.over(true, out) };
        for (part, parcels) in self.returns().into_iter().enumerate().filter(|(_, p)| !p.is_empty()) {
            out.push(Post { part, message: Message::GiveBack(parcels) });
        }
        self.state = State::Stage;
        match stage {
            Stage::Batch(commands) => Todo::Batch(commands),
            Stage::Alone(command) => Todo::Alone(command),
            Stage::Gather(command) => {
                self.state = State::Lending(command);
                Todo::Name(command)
            }
        }
    }

    /// Lets all shards go, with what is theirs.
    fn over(&mut self, intact: bool, out: &mut Vec<Post>) -> Todo {
        let returns = self.returns().into_iter().enumerate();
        out.extend(returns.map(|(part, parcels)| Post { part, message: Message::Release(parcels) }));
        self.state = State::Over;
        Todo::Finish { intact }
    }

    /// What is here of each part's.
    fn returns(&mut self) -> Vec<Vec<Parcel>> {
        let lenders = std::mem::take(&mut self.lenders).into_iter();
        shares(self.parts, lenders.zip(std::mem::take(&mut self.lent)).collect())
    }
}

/// Sorts things by the part they are for.
fn shares<T>(parts: usize, things: Vec<(usize, T)>) -> Vec<Vec<T>> {
    let mut shares: Vec<Vec<T>> = (0..parts).map(|_| Vec::new()).collect();
    things.into_iter().for_each(|(part, thing)| shares[part].push(thing));
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(key: &str) -> Wanted {
        Wanted { db: 0, key: key.as_bytes().into() }
    }

    fn parcel(key: &str) -> Parcel {
        Parcel { db: 0, key: key.as_bytes().into(), value: None, changed: false }
    }

    fn holds(out: &[Post]) -> usize {
        out.iter().filter(|p| matches!(p.message, Message::Hold(_))).count()
    }

    /// How often each part was released.
    fn releases(out: &[Post], parts: usize) -> Vec<usize> {
        let of =
            |part| out.iter().filter(move |p| p.part == part && matches!(p.message, Message::Release(_)));
        (0..parts).map(|part| of(part).count()).collect()
    }

    #[test]
    fn one_command_is_two_hops() {
        let mut out = Vec::new();
        let keys = vec![(0, wanted("a")), (1, wanted("b")), (1, wanted("c"))];
        let mut c = Coordinator::gather(2, keys, &mut out);
        assert_eq!(out[1].message, Message::Hold(vec![wanted("b"), wanted("c")]));
        out.clear();
        let last = c.held(1, true, vec![parcel("b"), parcel("c")], &mut out);
        assert_eq!((last, out.len()), (Todo::Wait, 0));
        let todo = c.held(0, true, vec![parcel("a")], &mut out);
        let arrived = vec![parcel("b"), parcel("c"), parcel("a")];
        assert_eq!(todo, Todo::Scratch(0, arrived.clone()));
        assert_eq!(c.ran(arrived, &mut out), Todo::Finish { intact: true });
        let back = [vec![parcel("a")], vec![parcel("b"), parcel("c")]];
        assert_eq!(out.len(), 2, "hold and release, and nothing is acknowledged");
        for (part, parcels) in back.into_iter().enumerate() {
            assert!(out.contains(&Post { part, message: Message::Release(parcels) }));
        }
    }

    #[test]
    fn stages_run_in_order_and_values_go_home_between_them() {
        let mut out = Vec::new();
        let stages = vec![Stage::Batch(0..3), Stage::Gather(3), Stage::Alone(4), Stage::Batch(5..6)];
        let mut c = Coordinator::hold(2, stages, &mut out);
        assert_eq!(holds(&out), 2);
        assert_eq!(c.held(0, true, Vec::new(), &mut out), Todo::Wait);
        assert_eq!(c.held(1, true, Vec::new(), &mut out), Todo::Batch(0..3));
        assert_eq!(c.done(&mut out), Todo::Name(3));
        assert_eq!(c.lend(vec![(1, wanted("b"))], &mut out), Todo::Wait);
        assert_eq!(c.lent(1, vec![parcel("b")]), Todo::Scratch(3, vec![parcel("b")]));
        assert_eq!(c.ran(vec![parcel("b")], &mut out), Todo::Alone(4));
        assert_eq!(out.last(), Some(&Post { part: 1, message: Message::GiveBack(vec![parcel("b")]) }));
        assert_eq!(c.done(&mut out), Todo::Batch(5..6));
        assert_eq!(releases(&out, 2), [0, 0]);
        assert_eq!(c.done(&mut out), Todo::Finish { intact: true });
        assert_eq!(releases(&out, 2), [1, 1]);
    }

    #[test]
    fn a_broken_watch_runs_nothing_and_releases_all() {
        let mut out = Vec::new();
        let mut c = Coordinator::hold(3, vec![Stage::Batch(0..1)], &mut out);
        assert_eq!(c.held(2, true, Vec::new(), &mut out), Todo::Wait);
        assert_eq!(c.held(0, false, Vec::new(), &mut out), Todo::Wait, "the others are waited for");
        assert_eq!(c.held(1, true, Vec::new(), &mut out), Todo::Finish { intact: false });
        assert_eq!(releases(&out, 3), [1, 1, 1]);
    }

    #[test]
    fn further_keys_are_a_second_round() {
        let mut out = Vec::new();
        let mut c = Coordinator::gather(2, vec![(0, wanted("list"))], &mut out);
        assert_eq!(c.held(1, true, Vec::new(), &mut out), Todo::Wait);
        assert_eq!(c.held(0, true, vec![parcel("list")], &mut out), Todo::Scratch(0, vec![parcel("list")]));
        let more = vec![(1, wanted("w1")), (0, wanted("w2"))];
        assert_eq!(c.lend_more(vec![parcel("list")], more, &mut out), Todo::Wait);
        assert_eq!(c.lent(0, vec![parcel("w2")]), Todo::Wait);
        let all = vec![parcel("list"), parcel("w2"), parcel("w1")];
        assert_eq!(c.lent(1, vec![parcel("w1")]), Todo::Scratch(0, all.clone()));
        assert_eq!(c.ran(all, &mut out), Todo::Finish { intact: true });
        let home = Message::Release(vec![parcel("list"), parcel("w2")]);
        assert!(out.contains(&Post { part: 0, message: home }));
    }

    #[test]
    fn a_command_that_names_no_key_waits_for_nobody() {
        let mut out = Vec::new();
        let mut c = Coordinator::hold(1, vec![Stage::Gather(0)], &mut out);
        assert_eq!(c.held(0, true, Vec::new(), &mut out), Todo::Name(0));
        assert_eq!(c.lend(Vec::new(), &mut out), Todo::Scratch(0, Vec::new()));
        assert_eq!(c.ran(Vec::new(), &mut out), Todo::Finish { intact: true });
    }
}
