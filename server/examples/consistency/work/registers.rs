//! Single keys: every command on a key takes effect at one instant between its call and its answer.
//!
//! Some clients read, set, count and delete a few keys, alone or several at once (what MGET and MSET say of each
//! key is a read or a write of it). The history of each key goes to [`server::history::wgl`]. Now and then a
//! client leaves without waiting for its answer.

use super::{CLIENTS, Client, Round, Violation, clients, number, words};
use crate::common::client::Cmd;
use crate::common::resp::Value;
use crate::common::rng::Rng;
use server::history::{Op, wgl};

const NAME: &str = "registers";
const KEYS: usize = 4;
/// Keys are changed for new ones after so long: a judge's work grows with the square of a history.
const EPOCH_NS: u64 = 100_000_000;
/// One command in so many is not waited for.
const LEAVES: usize = 200;
/// What nobody ever writes.
const NEVER: &str = "-7";

/// What was done to a key. Reads have what they saw, `None`: that it did not exist.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Did {
    Read(Option<i64>),
    Write(i64),
    /// SETNX, and whether it did.
    Create(i64, bool),
    /// INCR: the value after.
    Count(i64),
    /// DEL: whether it existed.
    Delete(bool),
}

struct Register;

impl wgl::Model for Register {
    type State = Option<i64>;
    type What = Did;

    fn initial() -> Option<i64> {
        None
    }

    fn step(&state: &Option<i64>, did: &Did, is_answered: bool) -> Option<Option<i64>> {
        let (fits, after) = match *did {
            Did::Read(seen) => (seen == state, state),
            Did::Write(n) => (true, Some(n)),
            Did::Create(n, created) => (created == state.is_none(), state.or(Some(n))),
            Did::Count(n) => (n == state.unwrap_or(0) + 1, Some(state.unwrap_or(0) + 1)),
            Did::Delete(existed) => (existed == state.is_some(), None),
        };
        (fits || !is_answered).then_some(after)
    }
}

/// A value that no one has written.
pub fn falsify(reply: &mut Value) -> bool {
    let is_read = matches!(reply, Value::Bulk(_));
    if is_read {
        *reply = Value::bulk(NEVER);
    }
    is_read
}

/// A command, its keys, and what is done to each, to be completed by the reply.
struct Asked {
    command: Cmd,
    keys: Vec<usize>,
    did: Did,
}

fn ask(round: &Round<'_>, epoch: u64, value: i64, rng: &mut Rng) -> Asked {
    let (a, b) = (rng.below(KEYS), rng.below(KEYS - 1));
    let b = if b < a { b } else { b + 1 };
    let name = |key| round.key("reg", format_args!("{epoch}:{key}"));
    let (ka, kb) = (name(a), name(b));
    let one = |line: String, did| Asked { command: words(&line), keys: vec![a], did };
    match rng.below(12) {
        0..3 => one(format!("GET {ka}"), Did::Read(None)),
        3..5 => one(format!("SET {ka} {value}"), Did::Write(value)),
        5..7 => one(format!("INCR {ka}"), Did::Count(0)),
        7 => one(format!("DEL {ka}"), Did::Delete(false)),
        8 => one(format!("SETNX {ka} {value}"), Did::Create(value, false)),
        9 => Asked {
            command: words(&format!("MSET {ka} {value} {kb} {value}")),
            keys: vec![a, b],
            did: Did::Write(value),
        },
        _ => Asked { command: words(&format!("MGET {ka} {kb}")), keys: vec![a, b], did: Did::Read(None) },
    }
}

/// What the reply says was done to the `i`-th key of the command.
fn learnt(did: &Did, reply: &Value, i: usize) -> Did {
    let reply = match reply {
        Value::Array(all) => &all[i],
        one => one,
    };
    let n = number(reply);
    match *did {
        Did::Read(_) => Did::Read(n),
        Did::Write(n) => Did::Write(n),
        Did::Create(value, _) => Did::Create(value, n == Some(1)),
        Did::Count(_) => Did::Count(n.unwrap_or(i64::MIN)),
        Did::Delete(_) => Did::Delete(n == Some(1)),
    }
}

type Histories = Vec<((u64, usize), Op<Did>)>;

fn client(round: &Round<'_>, n: usize) -> Histories {
    let mut rng = round.rng(NAME, n);
    let mut conn: Client<'_> = round.client(NAME);
    let (mut id, mut history) = (n, Histories::new());
    for i in 1.. {
        if round.is_over() {
            break;
        }
        let epoch = round.now() / EPOCH_NS;
        let asked = ask(round, epoch, i * 10 + n as i64, &mut rng);
        let called = round.now();
        let leaves = rng.one_in(LEAVES);
        let reply = if leaves {
            conn.send(&[asked.command]);
            conn = round.client(NAME);
            None
        } else {
            Some(conn.call(asked.command))
        };
        let answered = if leaves { u64::MAX } else { round.now() };
        for (at, key) in asked.keys.into_iter().enumerate() {
            let what = reply.as_ref().map_or(asked.did.clone(), |reply| learnt(&asked.did, reply, at));
            history.push(((epoch, key), Op { client: id, called, answered, what }));
        }
        if leaves {
            id += 100; // what it did not wait for may yet be under way
        }
    }
    history
}

pub fn run(round: &Round<'_>) -> Result<usize, Violation> {
    let mut all: Histories = clients(CLIENTS, |n| client(round, n)).concat();
    all.sort_by_key(|(key, op)| (*key, op.called));
    let judged = all.len();
    for of_key in all.chunk_by(|a, b| a.0 == b.0) {
        let history: Vec<Op<Did>> = of_key.iter().map(|(_, op)| op.clone()).collect();
        if let Err(at) = wgl::check::<Register>(&history) {
            return Err(Violation { work: NAME, history: shown(of_key[0].0, &history, at) });
        }
    }
    Ok(judged)
}

/// The operations before the one that nothing explains, and those under way with it.
fn shown(key: (u64, usize), history: &[Op<Did>], at: usize) -> String {
    let mut text = format!("key {key:?} is not linearizable, at the latest at the last of these:\n");
    for op in history.iter().take_while(|op| op.called <= history[at].answered).skip(at.saturating_sub(30)) {
        text +=
            &format!("  client {:3} {:>12} to {:>12} ns {:?}\n", op.client, op.called, op.answered, op.what);
    }
    text
}
