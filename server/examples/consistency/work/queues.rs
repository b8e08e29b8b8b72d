//! Pops that wait lose nothing and deliver nothing twice, though clients leave at any moment.
//!
//! Producers push numbered elements to several queues. Consumers wait for them on several queues at once, by BLPOP,
//! BRPOP, BLMPOP, or BLMOVE to a list of what is taken. In the end every element that was pushed is found exactly
//! once: delivered, taken, or in its queue.
//!
//! What was delivered to a client that has left is gone, on any server. So those that leave wait by BLMOVE, which
//! leaves a trace, or by BLPOP, and then one element may be missing for each of them and no more.

use super::{CLIENTS, Client, Round, Violation, clients, words};
use crate::common::client::Cmd;
use crate::common::resp::Value;
use crate::common::rng::Rng;
use std::collections::BTreeMap;
use std::time::Duration;

const NAME: &str = "queues";
const QUEUES: usize = 4;
const CONSUMERS: usize = 4;
const LEAVERS: usize = 2;
/// Elements start with this, so that a lie knows one.
const MARK: &str = "element-";

/// An element that nobody pushed.
pub fn falsify(reply: &mut Value) -> bool {
    let Value::Array(pair) = reply else { return false };
    match &mut pair[..] {
        [_, Value::Bulk(element)] if element.starts_with(MARK.as_bytes()) => {
            *element = format!("{MARK}never").into_bytes();
            true
        }
        _ => false,
    }
}

/// What one client has to say.
#[derive(Default)]
struct Account {
    pushed: Vec<String>,
    /// It is not known whether these were pushed.
    perhaps: Vec<String>,
    got: Vec<String>,
    /// Waits that were not waited for, each of which may have cost an element.
    left: usize,
}

fn queue(round: &Round<'_>, n: usize) -> String {
    round.key("wait", n)
}

fn all_queues(round: &Round<'_>) -> String {
    (0..QUEUES).map(|n| queue(round, n)).collect::<Vec<_>>().join(" ")
}

fn produce(round: &Round<'_>, n: usize) -> Account {
    let mut rng = round.rng(NAME, n);
    let mut conn = round.client(NAME);
    let (mut account, mut made) = (Account::default(), 0);
    while !round.is_over() {
        let elements: Vec<String> =
            (0..1 + rng.below(3)).map(|i| format!("{MARK}{n}-{}", made + i)).collect();
        made += elements.len();
        let to = queue(round, rng.below(QUEUES));
        let push = words(&format!("RPUSH {to} {}", elements.join(" ")));
        if rng.one_in(200) {
            conn.send(&[push]);
            conn = round.client(NAME);
            account.perhaps.extend(elements);
        } else {
            conn.call(push);
            account.pushed.extend(elements);
        }
        if rng.one_in(20) {
            std::thread::sleep(Duration::from_micros(500)); // so that the queues are empty at times
        }
    }
    account
}

fn wait(round: &Round<'_>, rng: &mut Rng) -> Cmd {
    let all = all_queues(round);
    words(&match rng.below(4) {
        0 => format!("BLPOP {all} 0.02"),
        1 => format!("BRPOP {all} 0.02"),
        2 => format!("BLMPOP 0.02 {QUEUES} {all} LEFT COUNT 3"),
        _ => format!("BLPOP {} 0.02", queue(round, rng.below(QUEUES))),
    })
}

/// The elements in a reply, however deep.
fn elements(reply: &Value, into: &mut Vec<String>) {
    match reply {
        Value::Array(parts) => parts.iter().for_each(|part| elements(part, into)),
        Value::Bulk(text) if text.starts_with(MARK.as_bytes()) => {
            into.push(String::from_utf8_lossy(text).into_owned());
        }
        _ => {}
    }
}

fn consume(round: &Round<'_>, n: usize) -> Account {
    let mut rng = round.rng(NAME, 50 + n);
    let mut conn = round.client(NAME);
    let mut account = Account::default();
    while !round.is_over() {
        let reply = conn.call(wait(round, &mut rng));
        elements(&reply, &mut account.got);
    }
    account
}

/// Begins to wait, and leaves.
fn leave(round: &Round<'_>, n: usize) -> Account {
    let mut rng = round.rng(NAME, 70 + n);
    let mut account = Account::default();
    while !round.is_over() {
        let mut conn: Client<'_> = round.client(NAME);
        if rng.one_in(3) {
            conn.send(&[words(&format!("BLPOP {} 0", all_queues(round)))]);
            account.left += 1;
        } else {
            let from = queue(round, rng.below(QUEUES));
            conn.send(&[words(&format!("BLMOVE {from} {} LEFT RIGHT 0", round.key("moved", 0)))]);
        }
        std::thread::sleep(Duration::from_micros(rng.below(5000) as u64));
    }
    account
}

/// What is in the queues, and in the list of what was moved, at one moment.
fn remains(round: &Round<'_>) -> Vec<String> {
    let mut conn = round.client(NAME);
    let mut found = Vec::new();
    let mut keys: Vec<String> = (0..QUEUES).map(|n| queue(round, n)).collect();
    keys.push(round.key("moved", 0));
    let asks = keys.iter().map(|key| words(&format!("LRANGE {key} 0 -1"))).collect();
    let lists = conn.transaction(asks).unwrap_or_default();
    lists.iter().for_each(|list| elements(list, &mut found));
    found
}

pub fn run(round: &Round<'_>) -> Result<usize, Violation> {
    let accounts = clients(CLIENTS + CONSUMERS + LEAVERS, |n| match n {
        n if n < CLIENTS => produce(round, n),
        n if n < CLIENTS + CONSUMERS => consume(round, n),
        n => leave(round, n),
    });
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    let delivered = accounts.iter().flat_map(|a| &a.got).cloned();
    for element in delivered.chain(remains(round)) {
        *found.entry(element).or_default() += 1;
    }
    let violation = |what: String| Err(Violation { work: NAME, history: what });
    if let Some((element, times)) = found.iter().find(|(_, times)| **times > 1) {
        return violation(format!("{element} was delivered {times} times\n"));
    }
    let pushed: std::collections::BTreeSet<&String> =
        accounts.iter().flat_map(|a| a.pushed.iter().chain(&a.perhaps)).collect();
    if let Some(element) = found.keys().find(|element| !pushed.contains(element)) {
        return violation(format!("{element} was delivered, and never pushed\n"));
    }
    let missing: Vec<&String> =
        accounts.iter().flat_map(|a| &a.pushed).filter(|e| !found.contains_key(*e)).collect();
    let may_miss: usize = accounts.iter().map(|a| a.left).sum();
    if missing.len() > may_miss {
        return violation(format!("{} are lost, where {may_miss} may be: {missing:?}\n", missing.len()));
    }
    Ok(found.len())
}
