//! Groups of keys that are always written together, by MSET, by DEL or by EXEC, are never seen to differ.

use super::{CLIENTS, Round, Violation, clients, words};
use crate::common::client::Cmd;
use crate::common::resp::Value;

const NAME: &str = "groups";
const GROUPS: usize = 2;
const KEYS: usize = 6;
const READERS: usize = 2;
const LEAVES: usize = 200;

/// One of a group that differs.
pub fn falsify(reply: &mut Value) -> bool {
    match reply {
        Value::Array(values)
            if values.len() == KEYS && !matches!(values[0], Value::Simple(_) | Value::Int(_)) =>
        {
            values[KEYS - 1] = Value::bulk("another");
            true
        }
        _ => false,
    }
}

fn keys(round: &Round<'_>, group: usize) -> Vec<String> {
    (0..KEYS).map(|n| round.key("group", format_args!("{group}:{n}"))).collect()
}

fn writing(keys: &[String], value: &str, way: usize) -> Vec<Cmd> {
    let each = |name: &str, tail: &str| -> Vec<Cmd> {
        keys.iter().map(|key| words(&format!("{name} {key} {tail}"))).collect()
    };
    match way {
        0 | 1 => {
            let pairs: String = keys.iter().map(|key| format!(" {key} {value}")).collect();
            vec![words(&format!("MSET{pairs}"))]
        }
        2 => vec![words(&format!("DEL {}", keys.join(" ")))],
        _ => [vec![words("MULTI")], each("SET", value), vec![words("EXEC")]].concat(),
    }
}

fn writer(round: &Round<'_>, n: usize) -> usize {
    let mut rng = round.rng(NAME, n);
    let mut conn = round.client(NAME);
    let mut done = 0;
    while !round.is_over() {
        let keys = keys(round, rng.below(GROUPS));
        let way = rng.below(4);
        let commands = writing(&keys, &format!("{n}-{done}"), way);
        if rng.one_in(LEAVES) {
            conn.send(&commands);
            conn = round.client(NAME);
        } else {
            conn.pipeline(&commands);
        }
        done += 1;
    }
    done
}

fn reader(round: &Round<'_>, n: usize) -> Result<usize, Violation> {
    let mut rng = round.rng(NAME, 50 + n);
    let mut conn = round.client(NAME);
    let mut done = 0;
    while !round.is_over() {
        let keys = keys(round, rng.below(GROUPS));
        let values = if rng.one_in(2) {
            conn.call(words(&format!("MGET {}", keys.join(" ")))).items()
        } else {
            conn.transaction(keys.iter().map(|key| words(&format!("GET {key}"))).collect())
                .unwrap_or_default()
        };
        if values.len() != KEYS || values.iter().any(|value| value != &values[0]) {
            return Err(Violation { work: NAME, history: format!("one group: {values:?}\n") });
        }
        done += 1;
    }
    Ok(done)
}

pub fn run(round: &Round<'_>) -> Result<usize, Violation> {
    let done =
        clients(CLIENTS + READERS, |n| if n < CLIENTS { Ok(writer(round, n)) } else { reader(round, n) });
    done.into_iter().sum()
}
