//! SMOVE between sets on different shards: an element is in exactly one of them at any time.

use super::{CLIENTS, Round, Violation, clients, number, words};
use crate::common::resp::Value;

const NAME: &str = "sets";
const ELEMENTS: usize = 12;
const READERS: usize = 2;
const LEAVES: usize = 200;

/// An element in no set, or in both.
pub fn falsify(reply: &mut Value) -> bool {
    match reply {
        Value::Array(values) if values.len() == 2 && values.iter().all(|v| matches!(v, Value::Int(_))) => {
            values[0] = values[1].clone();
            true
        }
        _ => false,
    }
}

fn mover(round: &Round<'_>, n: usize) -> usize {
    let mut rng = round.rng(NAME, n);
    let mut conn = round.client(NAME);
    let keys = [round.key("set", "a"), round.key("set", "b")];
    let mut done = 0;
    while !round.is_over() {
        let from = rng.below(2);
        let smove = words(&format!("SMOVE {} {} {}", keys[from], keys[1 - from], rng.below(ELEMENTS)));
        if rng.one_in(LEAVES) {
            conn.send(&[smove]);
            conn = round.client(NAME);
        } else {
            conn.call(smove);
        }
        done += 1;
    }
    done
}

fn reader(round: &Round<'_>, n: usize) -> Result<usize, Violation> {
    let mut rng = round.rng(NAME, 50 + n);
    let mut conn = round.client(NAME);
    let (a, b) = (round.key("set", "a"), round.key("set", "b"));
    let mut done = 0;
    while !round.is_over() {
        let e = rng.below(ELEMENTS);
        let (line, right, seen) = match rng.below(3) {
            0 => {
                let asks = [&a, &b].map(|set| words(&format!("SISMEMBER {set} {e}"))).to_vec();
                let seen = conn.transaction(asks).unwrap_or_default();
                let sum: Option<i64> = seen.iter().map(number).sum();
                (format!("SISMEMBER of {e} in both"), sum == Some(1), Value::Array(seen))
            }
            1 => {
                let line = format!("SUNION {a} {b}");
                let seen = conn.call(words(&line));
                (line, seen.items().len() == ELEMENTS, seen)
            }
            _ => {
                let line = format!("SINTERCARD 2 {a} {b}");
                let seen = conn.call(words(&line));
                (line, seen == Value::Int(0), seen)
            }
        };
        if !right {
            let history = format!("{ELEMENTS} elements, each in one of two sets; {line}: {seen:?}\n");
            return Err(Violation { work: NAME, history });
        }
        done += 1;
    }
    Ok(done)
}

pub fn run(round: &Round<'_>) -> Result<usize, Violation> {
    let all: Vec<String> = (0..ELEMENTS).map(|n| n.to_string()).collect();
    round.client(NAME).call(words(&format!("SADD {} {}", round.key("set", "a"), all.join(" "))));
    let done =
        clients(CLIENTS + READERS, |n| if n < CLIENTS { Ok(mover(round, n)) } else { reader(round, n) });
    done.into_iter().sum()
}
