//! What clients over real sockets see of 3 and of 8 shards can be explained by commands that took effect one after
//! the other; and the judges say so only when it is true.
//!
//! A short form of the example `consistency`, whose parts these are: it runs for as long as one likes.

// A test says what went wrong by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;
#[path = "../examples/consistency/work/mod.rs"]
mod work;

use common::{Server, env};
use work::{Lie, WORKS};

/// At least one round.
fn no_violation(shards: usize) {
    let server = Server::start(shards);
    let judged = work::run(server.port, env::run_time(), env::seed(), None).unwrap_or_else(|v| panic!("{v}"));
    assert!(judged > 1000, "only {judged} operations were judged");
}

#[test]
fn three_shards_are_one_server() {
    no_violation(3);
}

#[test]
fn eight_shards_are_one_server() {
    no_violation(8);
}

/// One falsified reply in each kind of work: its judge finds it.
#[test]
fn a_planted_violation_is_found() {
    let server = Server::start(3);
    for (name, ..) in WORKS {
        let lie = Lie::in_work(name).expect("each kind of work has its lie");
        let found = work::run(server.port, env::run_time(), env::seed(), Some(&lie));
        let violation = found.expect_err(name);
        assert_eq!(violation.work, *name);
        server.connect().must("FLUSHALL");
    }
}
