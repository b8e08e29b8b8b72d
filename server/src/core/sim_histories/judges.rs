//! The judges of a run: each reads the units of all clients, and says what no serial order explains.

use super::log::{Answer, Command, Unit};
use super::models::{ByKey, List, Register, lists, registers};
use super::themes::{ACCOUNTS, BALANCE, MEMBERS};
use crate::history::Op;
use crate::history::append::{Anomaly, Step, check_pipelined};
use crate::history::wgl::{self, Model, Verdict};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What is wrong, the keys of which it is told, and when it was seen.
#[derive(Debug)]
pub(super) struct Violation {
    pub(super) what: String,
    pub(super) keys: Vec<String>,
    pub(super) seen: u64,
}

fn violation<T>(what: String, keys: &[&str]) -> Result<T, Violation> {
    Err(Violation { what, keys: keys.iter().map(|k| (*k).to_owned()).collect(), seen: u64::MAX })
}

/// Judges units one by one, in the order of their calls: what is wrong first is told.
fn each(units: &[Unit], judge: impl Fn(&Unit) -> Result<(), Violation>) -> Result<(), Violation> {
    units.iter().try_for_each(|unit| judge(unit).map_err(|v| Violation { seen: unit.answered, ..v }))
}

/// Configurations that the search may look at for one key. A history that needs more is counted as undecided.
const CONFIGURATIONS_MAX: usize = 20_000;

/// Judges a run; how many keys' histories were decided, and how many were too much for the search.
pub(super) fn judge(units: &[Unit]) -> Result<(usize, usize), Violation> {
    no_strange_errors(units)?;
    let mut searched = (0, 0);
    linearizable::<Register>("register", &registers(units), &mut searched)?;
    linearizable::<List>("list", &lists(units), &mut searched)?;
    appends(units)?;
    accounts(units)?;
    sets(units)?;
    tokens(units)?;
    jobs_are_there(units)?;
    conserved(units, "k:", &["LPUSH"])?;
    conserved(units, "z:", &["ZADD"])?;
    streams(units)?;
    Ok(searched)
}

/// Errors come where they are meant to: from noise, from RENAME of nothing, from CLIENT UNBLOCK.
fn no_strange_errors(units: &[Unit]) -> Result<(), Violation> {
    for command in units.iter().flat_map(|u| &u.commands) {
        if let Some(Answer::Error(text)) = &command.answer {
            let noise = command.words.iter().any(|w| w.starts_with("x:")) || command.word(2) == "x";
            let rename = command.name().starts_with("RENAME") && text == "ERR no such key";
            let unblocked = text.starts_with("UNBLOCKED ");
            if !(noise || rename || unblocked) {
                return violation(
                    format!("{} answers {text:?}", command.words.join(" ")),
                    &[command.word(1)],
                );
            }
        }
    }
    Ok(())
}

fn linearizable<M: Model>(
    what: &str,
    all: &ByKey<M::What>,
    (decided, undecided): &mut (usize, usize),
) -> Result<(), Violation>
where
    M::What: std::fmt::Debug,
{
    for (key, history) in all {
        match wgl::check_within::<M>(history, CONFIGURATIONS_MAX) {
            Verdict::Linearizable => *decided += 1,
            Verdict::Undecided => *undecided += 1,
            Verdict::Not(at) => {
                return violation(format!("no order explains {what} {key}: {:?}", history[at]), &[key]);
            }
        }
    }
    Ok(())
}

/// Lists that are appended to and read, by their numbers.
fn appends(units: &[Unit]) -> Result<(), Violation> {
    let mut names: Vec<String> = Vec::new();
    let mut numbers: HashMap<String, u64> = HashMap::new();
    let mut number = |name: &str| {
        *numbers.entry(name.to_owned()).or_insert_with(|| {
            names.push(name.to_owned());
            names.len() as u64 - 1
        })
    };
    let mut history = Vec::new();
    for unit in units.iter().filter(|u| !u.refused) {
        let read_before = unit.watched.iter().filter(|_| unit.is_answered());
        let steps: Vec<Step> =
            read_before.chain(&unit.commands).filter_map(|c| append_step(c, &mut number)).collect();
        if !steps.is_empty() {
            let Unit { client, called, answered, .. } = *unit;
            history.push(Op { client, called, answered, what: steps });
        }
    }
    let Err(anomaly) = check_pipelined(&history) else { return Ok(()) };
    let mut keys = BTreeSet::new();
    let mut lists_of = |transaction: usize| {
        for step in &history[transaction].what {
            let (Step::Append(list, _) | Step::Read(list, _)) = step;
            keys.insert(names[*list as usize].clone());
        }
    };
    match &anomaly {
        Anomaly::Cycle(transactions) => transactions.iter().for_each(|&t| lists_of(t)),
        Anomaly::Forgetful { transaction } => lists_of(*transaction),
        Anomaly::Incompatible(list) | Anomaly::Phantom { list, .. } => {
            keys.insert(names[*list as usize].clone());
        }
    }
    let shown = match &anomaly {
        Anomaly::Cycle(transactions) => {
            transactions.iter().map(|&t| format!("\n  {:?}", history[t])).collect()
        }
        _ => String::new(),
    };
    Err(Violation {
        what: format!("appends: {anomaly:?}{shown}"),
        keys: keys.into_iter().collect(),
        seen: u64::MAX,
    })
}

fn append_step(command: &Command, number: &mut impl FnMut(&str) -> u64) -> Option<Step> {
    let key = command.word(1);
    if !key.starts_with("a:") {
        return None;
    }
    match command.name() {
        "RPUSH" => Some(Step::Append(number(key), command.word(2).parse().ok()?)),
        "LRANGE" => {
            let seen = command.answer.as_ref()?.texts().filter_map(|n| n.parse().ok()).collect();
            Some(Step::Read(number(key), seen))
        }
        _ => None,
    }
}

/// The answers of an answered unit's commands with this name.
fn answers<'a>(unit: &'a Unit, name: &'a str) -> impl Iterator<Item = (&'a Command, &'a Answer)> {
    unit.commands.iter().filter(move |c| c.name() == name).filter_map(|c| Some((c, c.answer.as_ref()?)))
}

/// Whoever reads all accounts at once sees the same sum.
fn accounts(units: &[Unit]) -> Result<(), Violation> {
    let total = ACCOUNTS as i64 * BALANCE;
    each(units, |unit| {
        let of_account = |c: &Command| c.word(1).starts_with("c:");
        for (_, answer) in
            answers(unit, "MGET").filter(|(c, _)| of_account(c) && c.words.len() as u64 > ACCOUNTS)
        {
            let sum: i64 = answer.many().iter().filter_map(Answer::int).sum();
            if sum != total {
                return violation(format!("MGET sees a sum of {sum}, not {total}"), &["c:"]);
            }
        }
        let read: Vec<i64> =
            answers(unit, "GET").filter(|(c, _)| of_account(c)).filter_map(|(_, a)| a.int()).collect();
        if unit.is_exec && read.len() as u64 == ACCOUNTS && read.iter().sum::<i64>() != total {
            return violation(format!("EXEC sees {read:?}, whose sum is not {total}"), &["c:"]);
        }
        Ok(())
    })
}

/// Every member is in exactly one of the three sets.
fn sets(units: &[Unit]) -> Result<(), Violation> {
    let wrong = |what: String| violation(what, &["s:"]);
    each(units, |unit| {
        let is: Vec<i64> = answers(unit, "SISMEMBER").filter_map(|(_, a)| a.int()).collect();
        if is.len() == 3 && is.iter().sum::<i64>() != 1 {
            return wrong(format!("a member is in {is:?} of three sets"));
        }
        let members: Vec<&str> = answers(unit, "SMEMBERS").flat_map(|(_, a)| a.texts()).collect();
        if answers(unit, "SMEMBERS").count() == 3 {
            exactly_the_members(&members).or_else(|seen| wrong(format!("SMEMBERS of all see {seen}")))?;
        }
        for (_, answer) in answers(unit, "SUNION") {
            let members: Vec<&str> = answer.texts().collect();
            exactly_the_members(&members).or_else(|seen| wrong(format!("SUNION sees {seen}")))?;
        }
        for (_, answer) in answers(unit, "SINTERCARD") {
            if *answer != Answer::Int(0) {
                return wrong(format!("two sets have {answer:?} in common"));
            }
        }
        for (command, answer) in answers(unit, "SUNIONSTORE") {
            if command.words.len() == 5 && *answer != Answer::Int(MEMBERS as i64) {
                return wrong(format!("SUNIONSTORE stores {answer:?} members"));
            }
        }
        Ok(())
    })
}

fn exactly_the_members(seen: &[&str]) -> Result<(), String> {
    let mut sorted = seen.to_vec();
    sorted.sort_unstable();
    let all: Vec<String> = (0..MEMBERS).map(|i| format!("m{i}")).collect();
    if sorted == all { Ok(()) } else { Err(format!("{seen:?}")) }
}

/// Every token is in exactly one of the three lists, and the one that is renamed has one name.
fn tokens(units: &[Unit]) -> Result<(), Violation> {
    each(units, |unit| {
        let read = || answers(unit, "LRANGE").filter(|(c, _)| c.word(1).starts_with("m:"));
        if read().count() == 3 {
            let seen: Vec<&str> = read().flat_map(|(_, a)| a.texts()).collect();
            exactly_the_members(&seen)
                .or_else(|seen| violation(format!("the three lists hold {seen}"), &["m:"]))?;
        }
        for (command, answer) in answers(unit, "EXISTS") {
            if command.word(1) == "t:0" && command.word(2) == "t:1" && *answer != Answer::Int(1) {
                return violation(format!("the renamed key exists {answer:?} times"), &["t:"]);
            }
        }
        Ok(())
    })
}

/// Whoever has got a job's number finds the job.
fn jobs_are_there(units: &[Unit]) -> Result<(), Violation> {
    each(units, |unit| {
        for (command, answer) in answers(unit, "GET") {
            if command.word(1).starts_with("j:") && answer.int() != command.word(1)[2..].parse().ok() {
                return violation(
                    format!("{} is in a queue, and is {answer:?}", command.word(1)),
                    &["j:", "k:"],
                );
            }
        }
        Ok(())
    })
}

/// The elements that a pop has given: `[key, element …]`, `[key, [element …]]`, `[[element, score] …]`, or one.
pub(super) fn popped(answer: &Answer) -> Vec<String> {
    let Answer::Many(all) = answer else { return answer.text().map(str::to_owned).into_iter().collect() };
    match &all[..] {
        [Answer::Text(_), Answer::Many(elements)] => {
            let of = |e: &Answer| e.text().or_else(|| e.many().first()?.text()).map(str::to_owned);
            elements.iter().filter_map(of).collect()
        }
        // BZPOPMIN has key, element and score; ZPOPMIN element and score.
        [_, element, _] => element.text().map(str::to_owned).into_iter().collect(),
        [key, element] if key.text().is_some_and(|k| k.contains(':')) => {
            element.text().map(str::to_owned).into_iter().collect()
        }
        [element, _] => element.text().map(str::to_owned).into_iter().collect(),
        _ => Vec::new(),
    }
}

/// How many elements a pop takes at most; 0: it is none.
fn takes(command: &Command) -> usize {
    match command.name() {
        "RPOP" | "LPOP" | "BRPOP" | "BLPOP" | "ZPOPMIN" | "BZPOPMIN" | "BZPOPMAX" => 1,
        "LMPOP" | "BLMPOP" | "BZMPOP" => 2,
        _ => 0,
    }
}

/// What is put under keys with this prefix is taken out once, or is still there: but for what was on its way to
/// clients that have gone.
fn conserved(units: &[Unit], prefix: &str, puts: &[&str]) -> Result<(), Violation> {
    let wrong = |what: String| violation(what, &[prefix]);
    let mut put: BTreeMap<String, bool> = BTreeMap::new();
    let mut out: BTreeSet<String> = BTreeSet::new();
    let mut may_be_lost = 0;
    for unit in units.iter().filter(|u| !u.refused) {
        for command in unit.commands.iter().filter(|c| c.words.iter().any(|w| w.starts_with(prefix))) {
            if puts.contains(&command.name()) && command.words.len() > 2 {
                let element = command.words[command.words.len() - 1].clone();
                put.insert(element, unit.is_answered());
            }
            // In the end what is left is read, and counts as taken out.
            let left = matches!(command.name(), "LRANGE" | "ZRANGE");
            match &command.answer {
                Some(answer) if takes(command) > 0 || left => {
                    let found =
                        if left { answer.texts().map(str::to_owned).collect() } else { popped(answer) };
                    for element in found {
                        if !out.insert(element.clone()) {
                            return wrong(format!("{element} of {prefix} was delivered twice"));
                        }
                    }
                }
                None => may_be_lost += takes(command),
                _ => {}
            }
        }
    }
    if let Some(element) = out.iter().find(|element| !put.contains_key(*element)) {
        return wrong(format!("{element} was taken from {prefix}, and never put there"));
    }
    let lost: Vec<&String> =
        put.iter().filter(|(e, sure)| **sure && !out.contains(*e)).map(|(e, _)| e).collect();
    if lost.len() > may_be_lost {
        return wrong(format!(
            "of {prefix} are lost: {lost:?}; at most {may_be_lost} can be with clients that went"
        ));
    }
    Ok(())
}

/// Every reader has got a stream's entries from the first on, in order, without a gap.
fn streams(units: &[Unit]) -> Result<(), Violation> {
    let mut whole: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut read: BTreeMap<(usize, &str), Vec<&str>> = BTreeMap::new();
    for unit in units {
        for (command, answer) in answers(unit, "XRANGE") {
            whole.insert(command.word(1), entry_ids(answer));
        }
        for (_, answer) in answers(unit, "XREAD") {
            for stream in answer.many() {
                let [Answer::Text(key), entries] = stream.many() else { continue };
                read.entry((unit.client, key)).or_default().extend(entry_ids(entries));
            }
        }
    }
    for ((client, key), seen) in read {
        if !whole.get(key).is_some_and(|all| all.starts_with(&seen)) {
            return violation(format!("client {client} has read {seen:?} of {key}"), &["st:"]);
        }
    }
    Ok(())
}

fn entry_ids(entries: &Answer) -> Vec<&str> {
    entries.many().iter().filter_map(|entry| entry.many().first()?.text()).collect()
}
