//! A thread of the load, from its connections to its end.
//!
//! ```text
//!   connect all ── everyone is ready ── send on each ──┐
//!        ┌─────────────────────────────────────────────┘
//!        └─> turn: wait, read, answer ─> what is due ─> reconnect ─> tick ──┐
//!            └──────────────────────────────────────────────────────────────┘ until nothing is in flight
//! ```

use crate::clock;
use crate::connect::connect;
use crate::driver::Driver;
use crate::net::Net;
use crate::plan::{Budget, Plan};
use crate::verify::Ledger;
use std::time::Duration;

/// After the end of its time, a run waits so long for replies that do not come; nanoseconds.
const DRAIN_MAX: u64 = 30_000_000_000;

/// What a thread hands back.
#[derive(Debug)]
pub struct Ended {
    /// When the last reply came.
    pub last: u64,
    pub ledgers: Vec<Ledger>,
}

/// Opens the thread's connections, each named by its number among those of all threads.
///
/// # Errors
/// A sentence for the user.
pub fn open(net: &mut impl Net, plan: &Plan, numbers: &[usize]) -> Result<(), String> {
    for (index, &number) in numbers.iter().enumerate() {
        let fd = connect(&plan.nodes[node(plan, number)].address, &plan.greeting)?;
        net.add(index, fd).map_err(|e| e.to_string())?;
    }
    Ok(())
}

/// The node that a connection leads to.
#[must_use]
pub fn node(plan: &Plan, number: usize) -> usize {
    number % plan.nodes.len().max(1)
}

/// Runs the load until it is over.
///
/// # Errors
/// A sentence for the user: the server has gone, or does not speak RESP.
pub fn run(mut driver: Driver<'_>, mut net: impl Net, plan: &Plan, budget: &Budget) -> Result<Ended, String> {
    for index in 0..driver.conns.len() {
        driver.now = clock::now();
        send_next(&mut driver, &mut net, index);
    }
    loop {
        if driver.busy == 0 && driver.reconnect.is_empty() && budget.is_spent(driver.now) {
            let last = driver.heard;
            return Ok(Ended { last, ledgers: driver.finish() });
        }
        let before = driver.heard;
        let wait = Duration::from_nanos(driver.patience());
        net.turn(Some(wait), &mut driver).map_err(|e| format!("waiting for replies: {e}"))?;
        if driver.heard == before || driver.patience() == 0 {
            driver.now = clock::now();
        }
        if let Some(why) = driver.failure.take() {
            return Err(why);
        }
        driver.tick();
        while let Some(index) = driver.due() {
            send_next(&mut driver, &mut net, index);
        }
        reconnect(&mut driver, &mut net, plan, budget)?;
        if budget.is_stopped() || driver.now > budget.ends.saturating_add(DRAIN_MAX) {
            return Err(format!("stopped while {} connections wait for replies", driver.busy));
        }
    }
}

fn send_next(driver: &mut Driver<'_>, net: &mut impl Net, index: usize) {
    if let Some(out) = driver.next(index) {
        net.send(index, out, driver);
    }
}

/// With `-k 0`: connections whose pipeline was answered are replaced. The next request's time begins before
/// connecting, which is part of what it costs.
fn reconnect(
    driver: &mut Driver<'_>,
    net: &mut impl Net,
    plan: &Plan,
    budget: &Budget,
) -> Result<(), String> {
    while let Some(index) = driver.reconnect.pop() {
        driver.now = clock::now();
        net.remove(index, driver);
        driver.forget(index);
        if budget.is_spent(driver.now) {
            continue;
        }
        let fd = connect(&plan.nodes[driver.conns[index].node].address, &plan.greeting)?;
        net.add(index, fd).map_err(|e| e.to_string())?;
        send_next(driver, net, index);
    }
    Ok(())
}
