//! A producer pipelines `SET job:i` and `LPUSH queue i`; a worker that pops `i` finds the job.
//!
//! The order within a pipeline, as other clients see it, with a wait in between: workers use BLPOP and BLMOVE, and look for the job
//! on the same connection or on another.

use super::{CLIENTS, Round, Violation, clients, words};
use crate::common::resp::Value;

const NAME: &str = "jobs";
const WORKERS: usize = 3;
const QUEUES: usize = 3;
/// Jobs in one write, at most.
const BATCH_MAX: usize = 4;
/// What a job holds.
const JOB: &str = "a job";

/// A job that is not there.
pub fn falsify(reply: &mut Value) -> bool {
    let is_job = *reply == Value::bulk(JOB);
    if is_job {
        *reply = Value::NullBulk;
    }
    is_job
}

fn producer(round: &Round<'_>, n: usize) -> usize {
    let mut rng = round.rng(NAME, n);
    let mut conn = round.client(NAME);
    let mut done = 0;
    while !round.is_over() {
        let mut commands = Vec::new();
        for _ in 0..1 + rng.below(BATCH_MAX) {
            let (id, queue) = (format!("{n}-{done}"), round.key("queue", rng.below(QUEUES)));
            commands.push(vec![b"SET".to_vec(), round.key("job", &id).into_bytes(), JOB.into()]);
            commands.push(words(&format!("LPUSH {queue} {id}")));
            done += 1;
        }
        conn.pipeline(&commands);
    }
    done
}

fn worker(round: &Round<'_>, n: usize) -> Result<usize, Violation> {
    let mut rng = round.rng(NAME, 50 + n);
    let (mut conn, mut other) = (round.client(NAME), round.client(NAME));
    let queues: Vec<String> = (0..QUEUES).map(|q| round.key("queue", q)).collect();
    let mut done = 0;
    while !round.is_over() {
        let (line, popped) = if rng.one_in(3) {
            let line =
                format!("BLMOVE {} {} RIGHT LEFT 0.02", queues[rng.below(QUEUES)], round.key("taken", n));
            let popped = conn.call(words(&line));
            (line, popped)
        } else {
            let line = format!("BRPOP {} 0.02", queues.join(" "));
            let popped = conn.call(words(&line));
            (line, popped.items().pop().unwrap_or(Value::NullBulk))
        };
        let Value::Bulk(id) = popped else { continue };
        let id = String::from_utf8_lossy(&id).into_owned();
        let looks = if rng.one_in(2) { &mut conn } else { &mut other };
        let job = looks.call(words(&format!("GET {}", round.key("job", &id))));
        if job != Value::bulk(JOB) {
            return Err(Violation { work: NAME, history: format!("{line}: {id}, but its job is {job:?}\n") });
        }
        done += 1;
    }
    Ok(done)
}

pub fn run(round: &Round<'_>) -> Result<usize, Violation> {
    let done =
        clients(CLIENTS + WORKERS, |n| if n < CLIENTS { Ok(producer(round, n)) } else { worker(round, n) });
    done.into_iter().sum()
}
