//! The backends of the I/O seam, over real sockets: one suite, run on each of them.
//!
//! `uring_small` is the ring with so few entries and buffers that every limit is hit: a full
//! submission queue, an overflowing completion queue, no provided buffer left. `uring_coop` is the
//! ring as Linux 6.0 has it, without DEFER_TASKRUN.
//!
//! Where io_uring is forbidden its tests say so and pass; with PERCORE_REQUIRE_URING=1 they fail.

// A test says what went wrong by failing there.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod closing;
mod files;
mod flow;
mod forbidden;
mod limits;
mod wake;
mod world;

use server::io::{EpollIo, UringIo, UringOptions, probe_uring};

/// How a test gets its backends; `None` where this one is forbidden.
type Make<I> = fn() -> Option<I>;

fn permitted() -> bool {
    let Err(why) = probe_uring() else { return true };
    let test = std::thread::current().name().unwrap_or_default().to_owned();
    assert!(std::env::var_os("PERCORE_REQUIRE_URING").is_none(), "{test}: {why}");
    println!("skipped: {test}: {why}");
    false
}

fn uring() -> Option<UringIo> {
    permitted().then(|| UringIo::new(1024).expect("a ring"))
}

fn uring_small() -> Option<UringIo> {
    let options = UringOptions { submissions: 4, completions: 8, buffers: 2, buffer_size: 512, defer: true };
    permitted().then(|| UringIo::with_options(options).expect("a ring"))
}

fn uring_coop() -> Option<UringIo> {
    let options = UringOptions { defer: false, ..UringOptions::default() };
    permitted().then(|| UringIo::with_options(options).expect("a ring"))
}

fn epoll() -> Option<EpollIo> {
    Some(EpollIo::new().expect("an epoll set"))
}

macro_rules! on_each_backend {
    ($($module:ident::$test:ident),* $(,)?) => {
        mod on_uring { $(#[test] fn $test() { crate::$module::$test(crate::uring); })* }
        mod on_uring_small { $(#[test] fn $test() { crate::$module::$test(crate::uring_small); })* }
        mod on_uring_coop { $(#[test] fn $test() { crate::$module::$test(crate::uring_coop); })* }
        mod on_epoll { $(#[test] fn $test() { crate::$module::$test(crate::epoll); })* }
    };
}

on_each_backend!(
    flow::echoes_messages_of_all_sizes,
    flow::serves_sockets_that_are_non_blocking,
    flow::a_slow_reader_gets_a_big_reply_whole_and_in_order,
    flow::a_slow_reader_of_its_own_echo_is_held_back,
    flow::a_paused_connection_is_not_read_and_loses_nothing,
    flow::many_connections_at_once,
    flow::many_slow_readers_at_once,
    flow::a_unix_socket,
    closing::what_was_sent_before_a_half_close_is_answered,
    closing::a_reset_is_reported_once,
    closing::close_with_flush_sends_everything_first,
    closing::close_without_flush_does_not_wait,
    closing::a_slot_may_be_reused_while_its_old_owner_flushes,
    closing::a_closed_name_does_nothing,
    closing::closed_listeners_refuse,
    closing::dropping_the_backend_ends_its_connections,
    closing::dropping_the_backend_on_another_thread,
    wake::a_wake_before_the_turn_is_not_lost,
    wake::a_wake_from_a_thread_without_io,
    wake::ping_pong,
    wake::idle_waits_for_its_time,
    files::writes_beside_traffic,
    files::a_thousand_at_once,
    files::an_end_ends_the_wait,
    files::errors_come_once_and_spare_the_rest,
    files::a_short_write_goes_on_until_the_error,
    files::dropping_the_backend_finishes_its_files,
    files::dropping_it_on_another_thread_is_safe,
    limits::out_of_descriptors,
    limits::churn_leaves_nothing_behind,
);

// Long, and once is enough.
#[test]
fn a_hundred_thousand_wakes_on_uring() {
    wake::a_hundred_thousand_wakes(uring);
}

#[test]
fn a_hundred_thousand_wakes_on_epoll() {
    wake::a_hundred_thousand_wakes(epoll);
}

// A pipe has no offsets, and so is for the ring only.
#[test]
fn a_write_that_never_ends_on_uring() {
    files::a_write_that_never_ends(uring);
}
