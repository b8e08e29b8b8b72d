//! The commands that one connection pipelines take effect in the order sent, as every other
//! client sees them, whatever shards their keys lie on.
//!
//! Producers write `SET job:i …` and then move a queue's tail to `i`, both in one write, on
//! different shards, with nothing or hundreds of commands between. Workers poll the tail;
//! a worker that sees `i` must find the job, on the same connection and on any other. A server that
//! sends each command to its shard as it comes and waits for no one passes every other test and
//! fails here.

// A test says what went wrong by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{Cmd, Conn, Rng, Server, Value, cmd, env, keys};
use std::time::Instant;

const SHARDS: [usize; 3] = [1, 2, 5];
const PRODUCERS: usize = 3;
const WORKERS: usize = 3;

/// What lies between the job and the tail, and how both are written.
#[derive(Clone, Copy, Debug)]
enum Shape {
    /// `SET job:i x`, `SET tail i`.
    SetSet,
    /// `SET job:i x`, `INCR tail`.
    SetIncr,
    /// Eight pairs in one write.
    Pairs,
    /// Hundreds of commands between the two.
    Filler,
    /// `MSET job:i x also:i y`, `DEL gone:i`, `INCR tail`, where `gone:i` was set by the pipeline before.
    Mixed,
}

/// One producer's queue.
struct Queue {
    tail: String,
    id: usize,
}

impl Queue {
    fn job(&self, i: i64) -> String {
        format!("job:{}:{i}", self.id)
    }

    fn also(&self, i: i64) -> String {
        format!("also:{}:{i}", self.id)
    }

    fn gone(&self, i: i64) -> String {
        format!("gone:{}:{i}", self.id)
    }

    /// The pipeline that makes jobs from `i` on; returns the next `i`.
    fn produce(&self, shape: Shape, i: i64, rng: &mut Rng, out: &mut Vec<Cmd>) -> i64 {
        let job = cmd(&["SET", &self.job(i), "x"]);
        let set_tail = cmd(&["SET", &self.tail, &i.to_string()]);
        let move_tail = cmd(&["INCR", &self.tail]);
        match shape {
            Shape::SetSet => out.extend([job, set_tail]),
            Shape::SetIncr => out.extend([job, move_tail]),
            Shape::Pairs => {
                for n in i..i + 8 {
                    out.extend([cmd(&["SET", &self.job(n), "x"]), cmd(&["INCR", &self.tail])]);
                }
                return i + 8;
            }
            Shape::Filler => {
                out.push(job);
                out.extend((0..100 + rng.below(400)).map(|_| filler(rng)));
                out.push(move_tail);
            }
            Shape::Mixed => {
                out.push(cmd(&["MSET", &self.job(i), "x", &self.also(i), "y"]));
                out.push(cmd(&["DEL", &self.gone(i)]));
                out.push(move_tail);
                out.push(cmd(&["SET", &self.gone(i + 1), "z"]));
            }
        }
        i + 1
    }

    /// What must hold for whoever has seen the tail at `i`.
    fn check(&self, shape: Shape, i: i64, conn: &mut Conn) -> Result<(), String> {
        let job = conn.call(&["GET", &self.job(i)]);
        if job != Value::bulk("x") {
            return Err(format!("{shape:?}: {} is at {i}, but {} is {job:?}", self.tail, self.job(i)));
        }
        if matches!(shape, Shape::Mixed) {
            let also = conn.call(&["GET", &self.also(i)]);
            let gone = conn.call(&["EXISTS", &self.gone(i)]);
            if also != Value::bulk("y") || gone != Value::Int(0) {
                return Err(format!(
                    "{shape:?} at {i}: MSET's second key {also:?}, DEL's key exists {gone:?}"
                ));
            }
        }
        Ok(())
    }
}

fn filler(rng: &mut Rng) -> Cmd {
    let key = format!("filler:{}", rng.below(1000));
    match rng.below(4) {
        0 => cmd(&["SET", &key, "1"]),
        1 => cmd(&["INCR", &key]),
        2 => cmd(&["MGET", &key, "filler:1", "filler:2"]),
        _ => cmd(&["GET", &key]),
    }
}

/// Writes pipelines until the time is up; every reply must be a success.
fn producer(server: &Server, queue: &Queue, shape: Shape, until: Instant) -> i64 {
    let mut conn = server.connect();
    let mut rng = Rng::new(env::seed() + queue.id as u64);
    let mut next = 1;
    while Instant::now() < until {
        let mut pipeline = Vec::new();
        next = queue.produce(shape, next, &mut rng, &mut pipeline);
        for (command, reply) in pipeline.iter().zip(conn.pipeline(&pipeline)) {
            assert!(!reply.is_error(), "{command:?}: {reply:?}");
        }
    }
    next - 1
}

/// Polls every queue's tail and checks, in turn on its own connection and on another one.
/// Returns how many different tails it saw.
fn worker(server: &Server, queues: &[Queue], shape: Shape, until: Instant) -> u64 {
    let mut conns = [server.connect(), server.connect()];
    let mut seen = vec![0; queues.len()];
    let mut count = 0;
    while Instant::now() < until {
        for (queue, seen) in queues.iter().zip(&mut seen) {
            let tail = conns[0].call(&["GET", &queue.tail]).int().unwrap_or(0);
            assert!(tail >= *seen, "{} went back from {seen} to {tail}", queue.tail);
            if tail > *seen {
                *seen = tail;
                count += 1;
                let other = &mut conns[usize::from(count % 2 == 0)];
                queue.check(shape, tail, other).unwrap_or_else(|e| panic!("{e}"));
            }
        }
    }
    count
}

fn producers_and_workers(shape: Shape) {
    for shards in SHARDS {
        let server = Server::start(shards);
        let tails = keys::spread("queue", PRODUCERS);
        let queues: Vec<_> = tails.into_iter().enumerate().map(|(id, tail)| Queue { tail, id }).collect();
        // A third of the time for each number of shards keeps a test at the run time asked for.
        let until = Instant::now() + env::run_time() / SHARDS.len() as u32;
        std::thread::scope(|scope| {
            for queue in &queues {
                let server = &server;
                scope.spawn(move || {
                    let made = producer(server, queue, shape, until);
                    assert!(made > 0, "no job was made");
                });
            }
            for _ in 0..WORKERS {
                scope.spawn(|| worker(&server, &queues, shape, until));
            }
        });
        for queue in &queues {
            let mut conn = server.connect();
            let last = conn.call(&["GET", &queue.tail]).int().expect("the queue has a tail");
            queue
                .check(shape, last, &mut conn)
                .unwrap_or_else(|e| panic!("{shards} shards, at the end: {e}"));
        }
    }
}

#[test]
fn a_job_is_there_before_the_tail_is_set() {
    producers_and_workers(Shape::SetSet);
}

#[test]
fn a_job_is_there_before_the_tail_is_incremented() {
    producers_and_workers(Shape::SetIncr);
}

#[test]
fn many_jobs_in_one_write() {
    producers_and_workers(Shape::Pairs);
}

#[test]
fn hundreds_of_commands_between_job_and_tail() {
    producers_and_workers(Shape::Filler);
}

#[test]
fn multi_key_commands_keep_their_place_in_a_pipeline() {
    producers_and_workers(Shape::Mixed);
}

/// The check must be able to fail: a tail that was moved before its job was written is caught.
#[test]
fn a_tail_without_its_job_is_caught() {
    let server = Server::start(2);
    let queue = Queue { tail: "queue".into(), id: 0 };
    let mut conn = server.connect();
    for shape in [Shape::SetSet, Shape::Mixed] {
        conn.must("SET queue 7");
        queue.check(shape, 7, &mut conn).expect_err("the job is missing");
        conn.must("SET job:0:7 x");
    }
    queue.check(Shape::SetSet, 7, &mut conn).expect("the job is there");
    conn.must("SET gone:0:7 z");
    queue.check(Shape::Mixed, 7, &mut conn).expect_err("MSET and DEL did not happen");
}

/// A chain of keys over all shards is written in one direction, all in one write, and read in the
/// other: what is read later must be as new as what was read before it.
#[test]
fn reads_of_one_pipeline_happen_in_its_order() {
    for shards in SHARDS {
        let server = Server::start(shards);
        let chain = keys::spread("chain", 5);
        let until = Instant::now() + env::run_time() / SHARDS.len() as u32;
        std::thread::scope(|scope| {
            scope.spawn(|| write_chain(&server, &chain, until));
            for _ in 0..WORKERS {
                scope.spawn(|| read_chain_backwards(&server, &chain, until));
            }
        });
    }
}

fn write_chain(server: &Server, chain: &[String], until: Instant) {
    let mut conn = server.connect();
    let mut n = 0;
    while Instant::now() < until {
        // Several rounds a write, so that a pipeline visits each shard more than once.
        let mut pipeline = Vec::new();
        for _ in 0..4 {
            n += 1;
            pipeline.extend(chain.iter().map(|key| cmd(&["SET", key, &n.to_string()])));
        }
        for reply in conn.pipeline(&pipeline) {
            assert_eq!(reply, Value::ok());
        }
    }
}

fn read_chain_backwards(server: &Server, chain: &[String], until: Instant) {
    let mut conn = server.connect();
    let pipeline: Vec<_> = chain.iter().rev().map(|key| cmd(&["GET", key])).collect();
    while Instant::now() < until {
        let values: Vec<_> = conn.pipeline(&pipeline).iter().map(|v| v.int().unwrap_or(0)).collect();
        assert!(values.is_sorted(), "read from the end of the chain to its beginning: {values:?}");
    }
}

/// A connection sees its own writes, in order, and its replies in order.
#[test]
fn a_connection_sees_its_own_pipeline_in_order() {
    for shards in SHARDS {
        let server = Server::start(shards);
        let mut conn = server.connect();
        let chain = keys::spread("own", 7);
        let mut pipeline = Vec::new();
        let mut expected = Vec::new();
        for n in 0..500_i64 {
            let key = &chain[n as usize % chain.len()];
            let value = n.to_string();
            pipeline.extend([cmd(&["SET", key, &value]), cmd(&["GET", key]), cmd(&["INCR", key])]);
            expected.extend([Value::ok(), Value::bulk(&value), Value::Int(n + 1)]);
            if n % 50 == 0 {
                pipeline.push(cmd(&["ECHO", &value]));
                expected.push(Value::bulk(&value));
            }
        }
        assert_eq!(conn.pipeline(&pipeline), expected, "{shards} shards");
    }
}
