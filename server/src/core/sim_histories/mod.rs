//! Histories of simulated clients, judged without looking into the server.
//!
//! [`super::sim_tests`] asks the server itself in which order commands took effect, and checks that order. Here
//! nobody is asked: clients write down what they sent and what came back ([`log`]), and judges ([`judges`]) that know
//! nothing but Redis's promises say whether any serial order explains it.
//!
//! ```text
//!   seed -> cores, network, stalls, themes      run      themes
//!   clients ask, wait, leave, come back         run
//!   what each saw                               log
//!   registers, lists ........ WGL               models, crate::history::wgl
//!   appends ................. cycles            judges, crate::history::append
//!   sums, places, deliveries  invariants        judges
//!   first come, first served  one key           line
//! ```
//!
//! # What the seed decides
//!
//! Every delay of the network, where streams of bytes are cut, how much of its input a core sees in a turn, and
//! which core runs next. Messages between cores are not delayed by themselves: posting to a mailbox is one step
//! under its lock, and draining takes all of it, so the only freedom that the mailbox leaves is *when* cores run.
//! That freedom is taken to the full: a turn is cut into parts ([`super::Core`]'s `turn_in_parts`: after the drain,
//! before the posts, between posts to several cores that no batch spans, before the replies), and between any two
//! of them other cores may run as many turns as they like; a core may stall there for milliseconds. So a core serves
//! its clients while newer batches wait in its mailbox, and a batch waits while its core has answered others long ago.
//!
//! # Many seeds
//!
//! `PERCORE_SEEDS=100000` and the name of the test; see the README. All CPUs take part. A seed that fails is
//! printed with the command that runs it again, and with what the clients saw of the keys in question.

mod judges;
mod line;
mod log;
mod models;
mod run;
mod themes;

use crate::io::sim::for_seeds_on_all_cpus;
use run::{Change, Failure, Without, run};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Commands in a run.
const COMMANDS: usize = 1000;

#[test]
fn histories_of_clients_have_a_serial_order() {
    let (commands, decided, undecided, gone) =
        (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    for_seeds_on_all_cpus(500, "histories_of_clients_have_a_serial_order", |seed| {
        let shown = run(seed, COMMANDS, Change::default()).map_err(|failure| failure.to_string())?;
        commands.fetch_add(shown.commands, Ordering::Relaxed);
        decided.fetch_add(shown.decided, Ordering::Relaxed);
        undecided.fetch_add(shown.undecided, Ordering::Relaxed);
        gone.fetch_add(shown.gone, Ordering::Relaxed);
        Ok(())
    });
    let [commands, decided, undecided, gone] =
        [commands, decided, undecided, gone].map(AtomicUsize::into_inner);
    println!(
        "{commands} commands, {gone} clients gone in the middle; of {} keys' histories {undecided} were too much for \
         the search",
        decided + undecided
    );
    assert!(commands > 0 && decided >= 50 * undecided, "the search decides nearly all");
}

/// Whether some seed among three hundred shows a violation, with a part of the mechanism switched off. That something
/// panics, or is never answered, is none: it must be the judges that see it.
fn caught(without: Without) -> bool {
    // Groups of keys that are written together and read one by one; two cores, so that much is read without a hop.
    let change = Change {
        without: Some(without),
        cores: Some(2),
        themes: Some(&[themes::Theme::Groups]),
        sleepy: true,
    };
    (0..300).any(|seed| {
        let run = || run(seed, COMMANDS, change);
        let found = matches!(std::panic::catch_unwind(run), Ok(Err(Failure::Judged(_))));
        if found {
            println!("{without:?}: seed {seed}");
        }
        found
    })
}

#[test]
fn without_the_drain_rule_a_violation_is_found() {
    assert!(caught(Without::Drain));
}

#[test]
fn without_locks_on_lent_keys_a_violation_is_found() {
    assert!(caught(Without::Holds));
}

#[test]
fn without_the_atomic_multicast_a_violation_is_found() {
    assert!(caught(Without::Multicast));
}
