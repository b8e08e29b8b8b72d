//! Transactions over many keys: those that append to lists and read them are strictly serializable.
//!
//! Every element is appended once, so the lists tell who came before whom; [`server::history::append`] looks
//! for a cycle. A transaction is an EXEC of some steps, at times under WATCH (one that was not run may leave no trace), or
//! a lone command. Now and then a client leaves without waiting for its answer.

use super::{CLIENTS, Client, Round, Violation, clients, number, words};
use crate::common::client::Cmd;
use crate::common::resp::Value;
use crate::common::rng::Rng;
use server::history::Op;
use server::history::append::{self, Anomaly, Step, Transaction};
use std::sync::atomic::{AtomicU64, Ordering};

const NAME: &str = "lists";
/// Lists in use at once.
const LISTS: u64 = 6;
/// After so many transactions other lists are taken: a read is as long as its list.
const EPOCH: u64 = 150;
const STEPS_MAX: usize = 4;
const LEAVES: usize = 200;

/// A stale read, of a list so long that not all of it can be by transactions still under way.
pub fn falsify(reply: &mut Value) -> bool {
    let Value::Array(replies) = reply else { return false };
    for seen in replies {
        if let Value::Array(elements) = seen
            && elements.len() > (CLIENTS - 1) * STEPS_MAX
        {
            elements.clear();
            return true;
        }
    }
    false
}

fn command(round: &Round<'_>, step: &Step) -> Cmd {
    words(&match step {
        Step::Append(list, element) => format!("RPUSH {} {element}", round.key("list", list)),
        Step::Read(list, _) => format!("LRANGE {} 0 -1", round.key("list", list)),
    })
}

fn steps(epoch: u64, next: &mut u64, rng: &mut Rng) -> Transaction {
    (0..1 + rng.below(STEPS_MAX))
        .map(|_| {
            let list = epoch * LISTS + rng.below(LISTS as usize) as u64;
            if rng.one_in(2) {
                return Step::Read(list, Vec::new());
            }
            *next += 1;
            Step::Append(list, *next)
        })
        .collect()
}

/// Puts what was read into the steps.
fn learn(steps: &mut Transaction, replies: &[Value]) {
    for (step, reply) in steps.iter_mut().zip(replies) {
        if let Step::Read(_, seen) = step {
            *seen = reply.items().iter().filter_map(|v| u64::try_from(number(v)?).ok()).collect();
        }
    }
}

/// Runs the steps; `None`: they were not run, since what was watched had changed.
fn perform(
    round: &Round<'_>,
    conn: &mut Client<'_>,
    mut steps: Transaction,
    rng: &mut Rng,
) -> Option<Transaction> {
    let commands: Vec<Cmd> = steps.iter().map(|step| command(round, step)).collect();
    if steps.len() == 1 && rng.one_in(2) {
        let replies = conn.pipeline(&commands);
        learn(&mut steps, &replies);
        return Some(steps);
    }
    if rng.one_in(4) {
        let keys: Vec<String> =
            commands.iter().map(|c| String::from_utf8_lossy(&c[1]).into_owned()).collect();
        conn.call(words(&format!("WATCH {}", keys.join(" "))));
    }
    let replies = conn.transaction(commands)?;
    learn(&mut steps, &replies);
    Some(steps)
}

fn client(round: &Round<'_>, n: usize, count: &AtomicU64) -> Vec<Op<Transaction>> {
    let mut rng = round.rng(NAME, n);
    let mut conn = round.client(NAME);
    let (mut id, mut history, mut next) = (n, Vec::new(), n as u64 * 1_000_000_000);
    while !round.is_over() {
        let epoch = count.fetch_add(1, Ordering::Relaxed) / EPOCH;
        let steps = steps(epoch, &mut next, &mut rng);
        let called = round.now();
        if rng.one_in(LEAVES) {
            let mut commands: Vec<Cmd> = steps.iter().map(|step| command(round, step)).collect();
            commands.insert(0, words("MULTI"));
            commands.push(words("EXEC"));
            conn.send(&commands);
            conn = round.client(NAME);
            history.push(Op { client: id, called, answered: u64::MAX, what: steps });
            id += 100;
        } else if let Some(what) = perform(round, &mut conn, steps, &mut rng) {
            history.push(Op { client: id, called, answered: round.now(), what });
        }
    }
    history
}

pub fn run(round: &Round<'_>) -> Result<usize, Violation> {
    let count = AtomicU64::new(0);
    let mut history = clients(CLIENTS, |n| client(round, n, &count)).concat();
    history.sort_by_key(|op| op.called);
    let judged = history.iter().map(|op| op.what.len()).sum();
    match append::check(&history) {
        Ok(()) => Ok(judged),
        Err(anomaly) => Err(Violation { work: NAME, history: shown(&history, &anomaly) }),
    }
}

/// The transactions that take part in an anomaly.
fn shown(history: &[Op<Transaction>], anomaly: &Anomaly) -> String {
    let touches = |op: &&Op<Transaction>, wanted: u64| {
        op.what
            .iter()
            .any(|step| matches!(step, Step::Append(list, _) | Step::Read(list, _) if *list == wanted))
    };
    let involved: Vec<&Op<Transaction>> = match anomaly {
        Anomaly::Cycle(of) => of.iter().map(|&i| &history[i]).collect(),
        Anomaly::Forgetful { transaction } => vec![&history[*transaction]],
        Anomaly::Incompatible(list) | Anomaly::Phantom { list, .. } => {
            history.iter().filter(|op| touches(op, *list)).collect()
        }
    };
    let mut text = format!("{anomaly:?}\n");
    for op in involved {
        text +=
            &format!("  client {:3} {:>12} to {:>12} ns {:?}\n", op.client, op.called, op.answered, op.what);
    }
    text
}
