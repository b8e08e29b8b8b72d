//! Transfers between accounts keep their sum, for everybody who looks.
//!
//! A transfer is WATCH, MGET, MULTI, two changes, EXEC; at times it gives up after WATCH, or its client leaves. Others add all
//! accounts up, by MGET and by EXEC.

use super::{CLIENTS, Round, Violation, clients, number, words};
use crate::common::client::Cmd;
use crate::common::resp::Value;

const NAME: &str = "transfers";
const ACCOUNTS: usize = 8;
const EACH: i64 = 100;
const READERS: usize = 2;
const LEAVES: usize = 200;

/// Money from nowhere, for one who adds up.
pub fn falsify(reply: &mut Value) -> bool {
    match reply {
        Value::Array(values) if values.len() == ACCOUNTS => {
            values[0] = Value::bulk((number(&values[0]).unwrap_or(0) + 1).to_string());
            true
        }
        _ => false,
    }
}

fn account(round: &Round<'_>, n: usize) -> String {
    round.key("acc", n)
}

fn all(round: &Round<'_>) -> String {
    (0..ACCOUNTS).map(|n| account(round, n)).collect::<Vec<_>>().join(" ")
}

fn transfer(round: &Round<'_>, n: usize) -> usize {
    let mut rng = round.rng(NAME, n);
    let mut conn = round.client(NAME);
    let mut done = 0;
    while !round.is_over() {
        let a = rng.below(ACCOUNTS);
        let b = (a + 1 + rng.below(ACCOUNTS - 1)) % ACCOUNTS;
        let (ka, kb) = (account(round, a), account(round, b));
        let seen =
            conn.pipeline(&[words(&format!("WATCH {ka} {kb}")), words(&format!("MGET {ka} {kb}"))]).remove(1);
        let held: Vec<i64> = seen.items().iter().filter_map(number).collect();
        let amount = 1 + rng.below(20) as i64;
        if held[0] < amount {
            conn.call(words("UNWATCH"));
            continue;
        }
        let changes = if rng.one_in(2) {
            vec![words(&format!("DECRBY {ka} {amount}")), words(&format!("INCRBY {kb} {amount}"))]
        } else {
            // What was read is still so, or nothing is run.
            vec![words(&format!("MSET {ka} {} {kb} {}", held[0] - amount, held[1] + amount))]
        };
        if rng.one_in(LEAVES) {
            let mut commands: Vec<Cmd> = vec![words("MULTI")];
            commands.extend(changes);
            commands.push(words("EXEC"));
            let sent = 1 + rng.below(commands.len());
            conn.send(&commands[..sent]);
            conn = round.client(NAME);
        } else {
            conn.transaction(changes);
        }
        done += 1;
    }
    done
}

/// Adds all accounts up until the round is over.
fn add_up(round: &Round<'_>, n: usize) -> Result<usize, Violation> {
    let mut rng = round.rng(NAME, 50 + n);
    let mut conn = round.client(NAME);
    let mut done = 0;
    while !round.is_over() {
        let values = if rng.one_in(2) {
            conn.call(words(&format!("MGET {}", all(round)))).items()
        } else {
            let gets = (0..ACCOUNTS).map(|n| words(&format!("GET {}", account(round, n)))).collect();
            conn.transaction(gets).unwrap_or_default()
        };
        let held: Vec<i64> = values.iter().filter_map(number).collect();
        if held.len() != ACCOUNTS || held.iter().sum::<i64>() != EACH * ACCOUNTS as i64 {
            let history = format!("accounts of {} in all: {values:?}\n", EACH * ACCOUNTS as i64);
            return Err(Violation { work: NAME, history });
        }
        done += 1;
    }
    Ok(done)
}

pub fn run(round: &Round<'_>) -> Result<usize, Violation> {
    let first: String = (0..ACCOUNTS).map(|n| format!(" {} {EACH}", account(round, n))).collect();
    round.client(NAME).call(words(&format!("MSET{first}")));
    let done =
        clients(CLIENTS + READERS, |n| if n < CLIENTS { Ok(transfer(round, n)) } else { add_up(round, n) });
    done.into_iter().sum()
}
