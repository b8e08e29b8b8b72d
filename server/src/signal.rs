//! Signals that ask the server to stop.
//!
//! A thread of its own waits for them, so that what happens then is ordinary code: it may log, and
//! it may take locks. The first SIGTERM or SIGINT asks for an orderly end; a SIGINT after that
//! means that someone at a terminal does not want to wait, and ends the process at once.
//! SIGHUP is ignored, so that a closed terminal does not stop the server, and SIGXFSZ, so that a file that
//! meets `ulimit -f` is an error of `write` like any other; SIGPIPE is ignored by
//! Rust's runtime already, and a broken pipe is an error of `send` like any other.

use crate::log;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io;

/// Which signal asked the server to stop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StopSignal {
    Term,
    Int,
}

/// What a signal leads to.
#[derive(PartialEq, Eq, Debug)]
enum Reaction {
    /// Stop in order.
    Stop(StopSignal),
    /// End the process.
    ExitNow,
    Nothing,
}

/// What has been asked for so far.
#[derive(Default)]
struct Asked {
    stop: bool,
}

impl Asked {
    fn react(&mut self, signal: i32) -> Reaction {
        let stop = match signal {
            SIGINT => StopSignal::Int,
            SIGTERM => StopSignal::Term,
            _ => return Reaction::Nothing,
        };
        match (std::mem::replace(&mut self.stop, true), stop) {
            (true, StopSignal::Int) => Reaction::ExitNow,
            _ => Reaction::Stop(stop),
        }
    }
}

/// Watches for signals from now on, and calls `stop`, on the watching thread, for each that asks
/// for an orderly end. A shutdown that is called off (it could not save) may be asked for again
/// with SIGTERM. To be called before other threads start.
///
/// # Errors
/// If the handlers or the thread cannot be set up.
pub fn watch(stop: impl Fn(StopSignal) + Send + 'static) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP, libc::SIGXFSZ])?;
    let body = move || {
        let mut asked = Asked::default();
        for signal in signals.forever() {
            match asked.react(signal) {
                Reaction::Stop(signal) => {
                    log::warning(format_args!("Received SIG{} scheduling shutdown...", name(signal)));
                    stop(signal);
                }
                Reaction::ExitNow => log::die(format_args!("You insist... exiting now.")),
                Reaction::Nothing => {}
            }
        }
    };
    std::thread::Builder::new().name("percore-signals".into()).spawn(body)?;
    Ok(())
}

fn name(signal: StopSignal) -> &'static str {
    match signal {
        StopSignal::Term => "TERM",
        StopSignal::Int => "INT",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::{Signal, getpid, kill_process};
    use std::sync::mpsc::channel;

    #[test]
    fn the_second_interrupt_does_not_wait() {
        let mut asked = Asked::default();
        assert_eq!(asked.react(SIGHUP), Reaction::Nothing);
        assert_eq!(asked.react(libc::SIGXFSZ), Reaction::Nothing);
        assert_eq!(asked.react(SIGINT), Reaction::Stop(StopSignal::Int));
        assert_eq!(asked.react(SIGTERM), Reaction::Stop(StopSignal::Term));
        assert_eq!(asked.react(SIGINT), Reaction::ExitNow);
    }

    #[test]
    fn a_signal_reaches_the_watcher() {
        let (sender, receiver) = channel();
        watch(move |signal| sender.send(signal).unwrap()).unwrap();
        for signal in [Signal::HUP, Signal::XFSZ, Signal::TERM] {
            kill_process(getpid(), signal).unwrap();
        }
        assert_eq!(receiver.recv().unwrap(), StopSignal::Term);
    }
}
