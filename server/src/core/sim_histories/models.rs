//! What keys hold, for the search for a linear order ([`crate::history::wgl`]): a register (also three keys that are
//! set together), and a list.

use super::log::{Answer, Command, Unit};
use crate::history::Op;
use crate::history::wgl::Model;
use std::collections::BTreeMap;

/// A number, or nothing.
pub(super) struct Register;

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Did {
    Read(Option<i64>),
    Write(i64),
    /// The value after.
    Incr(i64),
    /// What was there, and what was put in its place.
    Swap(Option<i64>, Option<i64>),
    /// Put there if there was nothing; whether there was.
    WriteNew(i64, bool),
    /// Whether there was something.
    Delete(bool),
}

impl Model for Register {
    type State = Option<i64>;
    type What = Did;

    fn initial() -> Option<i64> {
        None
    }

    fn step(&state: &Option<i64>, what: &Did, is_answered: bool) -> Option<Option<i64>> {
        let fits = |fits: bool, after| (fits || !is_answered).then_some(after);
        match *what {
            Did::Read(n) => fits(n == state, state),
            Did::Write(n) => Some(Some(n)),
            Did::Incr(n) => fits(Some(n) == Some(state.unwrap_or(0) + 1), Some(state.unwrap_or(0) + 1)),
            Did::Swap(old, new) => fits(old == state, new),
            Did::WriteNew(n, wrote) => fits(wrote == state.is_none(), state.or(Some(n))),
            Did::Delete(was) => fits(was == state.is_some(), None),
        }
    }
}

/// A list of numbers.
pub(super) struct List;

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum DidList {
    /// At which end, what, and how long the list was afterwards.
    Push(bool, i64, i64),
    Pop(bool, Option<i64>),
    Len(i64),
}

impl Model for List {
    type State = Vec<i64>;
    type What = DidList;

    fn initial() -> Vec<i64> {
        Vec::new()
    }

    fn step(state: &Vec<i64>, what: &DidList, is_answered: bool) -> Option<Vec<i64>> {
        let mut after = state.clone();
        match *what {
            DidList::Push(left, n, len) => {
                after.insert(if left { 0 } else { after.len() }, n);
                (after.len() as i64 == len || !is_answered).then_some(after)
            }
            DidList::Pop(left, n) => {
                let at = if left { 0 } else { after.len().saturating_sub(1) };
                let found = (at < after.len()).then(|| after.remove(at));
                (found == n || !is_answered).then_some(after)
            }
            DidList::Len(n) => (state.len() as i64 == n || !is_answered).then_some(after),
        }
    }
}

/// Histories by key.
pub(super) type ByKey<T> = BTreeMap<String, Vec<Op<T>>>;

fn note<T>(all: &mut ByKey<T>, key: &str, unit: &Unit, what: T) {
    let Unit { client, called, answered, .. } = *unit;
    all.entry(key.to_owned()).or_default().push(Op { client, called, answered, what });
}

/// The history of each register and of each group of three.
pub(super) fn registers(units: &[Unit]) -> ByKey<Did> {
    let mut all = ByKey::new();
    for unit in units.iter().filter(|u| !u.refused) {
        if let Some((key, did)) = group(unit) {
            note(&mut all, &key, unit, did);
        } else if unit.is_exec {
            if let Some((key, did)) = compare_and_set(unit) {
                note(&mut all, &key, unit, did);
            }
        } else if unit.commands[0].word(1).starts_with("r:") {
            let command = &unit.commands[0];
            if let Some(did) = register(command) {
                note(&mut all, command.word(1), unit, did);
            }
        }
    }
    all
}

/// `None`: it has no answer, and changes nothing.
fn register(command: &Command) -> Option<Did> {
    let (n, answer) = (command.word(2).parse().unwrap_or(0), command.answer.as_ref());
    let value = answer.and_then(Answer::int);
    match command.name() {
        "GET" => answer.map(|_| Did::Read(value)),
        "SET" => Some(Did::Write(n)),
        "INCR" => Some(Did::Incr(value.unwrap_or(0))),
        "GETSET" => Some(Did::Swap(value, Some(n))),
        "GETDEL" => Some(Did::Swap(value, None)),
        "DEL" => Some(Did::Delete(value == Some(1))),
        "SETNX" => Some(Did::WriteNew(n, value == Some(1))),
        _ => None,
    }
}

/// An EXEC that sets a register which was watched and read.
fn compare_and_set(unit: &Unit) -> Option<(String, Did)> {
    let set = unit.commands.iter().find(|c| c.name() == "SET" && c.word(1).starts_with("r:"))?;
    let new = set.word(2).parse().ok();
    let old = unit.watched.iter().find(|c| c.word(1) == set.word(1))?.answer.as_ref()?.int();
    Some((set.word(1).to_owned(), Did::Swap(old, new)))
}

/// Commands on three keys of one group, as one on a register. A group that is not all equal reads as -1, which nobody
/// has written.
fn group(unit: &Unit) -> Option<(String, Did)> {
    let key = unit.commands.iter().map(|c| c.word(1)).find(|w| w.starts_with("e:"))?;
    let name = key.rsplit_once(':')?.0.to_owned();
    let first = unit.commands.iter().find(|c| c.word(1).starts_with("e:"))?;
    let (n, answer) = (first.word(2).parse().unwrap_or(0), first.answer.as_ref());
    let did = match first.name() {
        "MSET" | "SET" => Did::Write(n),
        "MSETNX" => Did::WriteNew(n, answer == Some(&Answer::Int(1))),
        "DEL" => match answer.and_then(Answer::int) {
            Some(0) | None => Did::Delete(false),
            Some(3) => Did::Delete(true),
            Some(_) => Did::Read(Some(-1)),
        },
        "MGET" => Did::Read(all_equal(answer?.many())),
        "GET" => {
            let values: Option<Vec<Answer>> = unit
                .commands
                .iter()
                .filter(|c| c.word(1).starts_with("e:"))
                .map(|c| c.answer.clone())
                .collect();
            Did::Read(all_equal(&values?))
        }
        _ => return None,
    };
    Some((name, did))
}

fn all_equal(values: &[Answer]) -> Option<i64> {
    let equal = values.iter().all(|v| *v == values[0]);
    if equal { values[0].int() } else { Some(-1) }
}

/// The history of each queue. A wait that ended with nothing has found the list empty when it began.
pub(super) fn lists(units: &[Unit]) -> ByKey<DidList> {
    let mut all = ByKey::new();
    for unit in units {
        let command = &unit.commands[0];
        let Some(key) = command.words.iter().find(|w| w.starts_with("q:")) else { continue };
        let (n, answer) = (command.word(2).parse().unwrap_or(0), command.answer.as_ref());
        let found = match answer {
            Some(Answer::Many(pair)) => pair.get(1).and_then(|v| v.int().or_else(|| v.many().first()?.int())),
            Some(one) => one.int(),
            None => None,
        };
        let did = match command.name() {
            "RPUSH" | "LPUSH" => DidList::Push(command.name() == "LPUSH", n, found.unwrap_or(0)),
            "LPOP" | "BLPOP" | "BLMPOP" => DidList::Pop(true, found),
            "RPOP" | "BRPOP" => DidList::Pop(false, found),
            "LLEN" if answer.is_some() => DidList::Len(found.unwrap_or(-1)),
            _ => continue,
        };
        note(&mut all, key, unit, did);
    }
    all
}
