//! Clients that use a server as hard as they can for a round, and the judgement of what they saw.
//!
//! Every kind of work (see [`WORKS`]) runs some clients of its own on keys of its own, all kinds at once. A round takes a
//! second or so; then all clients end, each kind judges its history, and the next round begins on other keys. So a
//! history is never longer than its judge can take, however long the run.
//!
//! A *lie* is planted to see that the judges find it: one reply of one kind of work is falsified on its way to
//! the client. A run with a lie in it must end with a violation.

mod groups;
mod jobs;
mod lists;
mod queues;
mod registers;
mod sets;
mod transfers;

use crate::common::client::{Cmd, Conn, show};
use crate::common::resp::Value;
use crate::common::rng::Rng;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// One kind of work: it runs until the round is over, and says how many commands it has judged.
type Work = fn(&Round<'_>) -> Result<usize, Violation>;

/// All kinds of work: name, what runs it, and the lie that can be told in it.
pub const WORKS: &[(&str, Work, Falsify)] = &[
    ("registers", registers::run, registers::falsify),
    ("lists", lists::run, lists::falsify),
    ("transfers", transfers::run, transfers::falsify),
    ("sets", sets::run, sets::falsify),
    ("groups", groups::run, groups::falsify),
    ("jobs", jobs::run, jobs::falsify),
    ("queues", queues::run, queues::falsify),
];

/// Clients of each kind of work, some more where readers are others than writers.
const CLIENTS: usize = 3;
/// How long clients run between two judgements.
const ROUND: Duration = Duration::from_millis(1000);

/// What no single-threaded server could have answered.
#[derive(Debug)]
pub struct Violation {
    pub work: &'static str,
    /// The offending part of the history.
    pub history: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VIOLATION ({})\n{}", self.work, self.history)
    }
}

/// Changes a reply; false: it is not one of those that it falsifies.
pub type Falsify = fn(&mut Value) -> bool;

/// A reply to be falsified: in which kind of work, and whether it has been.
pub struct Lie {
    work: &'static str,
    falsify: Falsify,
    told: AtomicBool,
}

impl Lie {
    /// A lie in this kind of work, if there is one of that name.
    pub fn in_work(name: &str) -> Option<Self> {
        let &(work, _, falsify) = WORKS.iter().find(|(work, ..)| *work == name)?;
        Some(Self { work, falsify, told: AtomicBool::new(false) })
    }
}

/// A round, as its clients see it.
pub struct Round<'a> {
    port: u16,
    number: u64,
    seed: u64,
    began: Instant,
    lie: Option<&'a Lie>,
}

impl Round<'_> {
    fn is_over(&self) -> bool {
        self.began.elapsed() > ROUND
    }

    /// Nanoseconds since the round began: the clock that all clients share.
    fn now(&self) -> u64 {
        self.began.elapsed().as_nanos() as u64
    }

    /// A key of this round.
    fn key(&self, work: &str, n: impl fmt::Display) -> String {
        format!("{work}:{}:{n}", self.number)
    }

    fn rng(&self, work: &str, client: usize) -> Rng {
        let mix = work.bytes().fold(self.seed, |a, b| a.wrapping_mul(31).wrapping_add(u64::from(b)));
        Rng::new(mix ^ (self.number << 32) ^ client as u64)
    }

    fn client(&self, work: &'static str) -> Client<'_> {
        let lie = self.lie.filter(|lie| lie.work == work);
        Client { conn: Conn::connect(self.port), lie }
    }
}

/// A connection through which a lie may come.
struct Client<'a> {
    conn: Conn,
    lie: Option<&'a Lie>,
}

impl Client<'_> {
    fn read(&mut self) -> Value {
        let mut reply = self.conn.read();
        if let Some(lie) = self.lie
            && !lie.told.load(Ordering::Relaxed)
        {
            let mut changed = reply.clone();
            if (lie.falsify)(&mut changed) && !lie.told.swap(true, Ordering::Relaxed) {
                reply = changed;
            }
        }
        reply
    }

    fn send(&mut self, commands: &[Cmd]) {
        let mut bytes = Vec::new();
        commands.iter().for_each(|command| crate::common::client::encode(&mut bytes, command));
        self.conn.send_raw(&bytes);
    }

    /// All in one write; the replies, none of which may be an error.
    fn pipeline(&mut self, commands: &[Cmd]) -> Vec<Value> {
        self.send(commands);
        let replies: Vec<Value> = commands.iter().map(|_| self.read()).collect();
        for (command, reply) in commands.iter().zip(&replies) {
            assert!(!reply.is_error(), "{}: {reply:?}", show(command));
        }
        replies
    }

    fn call(&mut self, command: Cmd) -> Value {
        self.pipeline(&[command]).remove(0)
    }

    /// The commands in a transaction, in one write; its replies, or `None` where it was not run.
    fn transaction(&mut self, mut commands: Vec<Cmd>) -> Option<Vec<Value>> {
        commands.insert(0, words("MULTI"));
        commands.push(words("EXEC"));
        match self.pipeline(&commands).pop() {
            Some(Value::Array(replies)) => Some(replies),
            _ => None,
        }
    }
}

/// A command from words parted by spaces.
fn words(line: &str) -> Cmd {
    line.split_whitespace().map(|word| word.as_bytes().to_vec()).collect()
}

/// The number in a reply.
fn number(reply: &Value) -> Option<i64> {
    reply.int()
}

/// Runs rounds of all kinds of work against the server on this port; how many commands were judged.
///
/// # Errors
/// The first violation.
pub fn run(port: u16, time: Duration, seed: u64, lie: Option<&Lie>) -> Result<usize, Violation> {
    let (start, mut judged) = (Instant::now(), 0);
    for number in 0.. {
        if start.elapsed() >= time {
            break;
        }
        let round = Round { port, number, seed, began: Instant::now(), lie };
        let results: Vec<_> = std::thread::scope(|s| {
            let round = &round;
            let threads: Vec<_> = WORKS.iter().map(|&(_, work, _)| s.spawn(move || work(round))).collect();
            threads.into_iter().map(|thread| thread.join().expect("a client has failed")).collect()
        });
        for result in results {
            judged += result?;
        }
    }
    Ok(judged)
}

/// Runs `clients` threads of `body`, which is given their numbers; what they return, in that order.
fn clients<T: Send>(clients: usize, body: impl Fn(usize) -> T + Sync) -> Vec<T> {
    std::thread::scope(|s| {
        let body = &body;
        let threads: Vec<_> = (0..clients).map(|client| s.spawn(move || body(client))).collect();
        threads.into_iter().map(|thread| thread.join().expect("a client has failed")).collect()
    })
}
