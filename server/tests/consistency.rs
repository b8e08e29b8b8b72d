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
use std::time::Duration;
use work::{Lie, WORKS};

/// Longer than any lie takes to be told.
const LONG: Duration = Duration::from_secs(120);

/// Rounds for the time of a test, and until enough has been judged: on a busy machine one may be nearly empty.
fn no_violation(shards: usize) {
    const ENOUGH: usize = 1000;
    let server = Server::start(shards);
    let (mut judged, mut seed) = (0, env::seed());
    while judged < ENOUGH {
        judged += work::run(server.port, env::run_time(), seed, None).unwrap_or_else(|v| panic!("{v}"));
        server.connect().must("FLUSHALL");
        seed += 1;
    }
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
        // It ends with the round in which the lie could be told.
        let violation = work::run(server.port, LONG, env::seed(), Some(&lie)).expect_err(name);
        assert_eq!(violation.work, *name);
        server.connect().must("FLUSHALL");
    }
}
