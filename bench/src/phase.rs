//! What a workload's phase does beside its load: commands before it, and while it runs.
//!
//! They go through a connection of their own, and are timed. An error reply ends the workload, in the server's own
//! words: a phase about BGSAVE means nothing on a server that has none.

use crate::clock;
use crate::connect::{Address, Control, Greeting, text};
use crate::words;
use crate::workload::Phase;
use proto::reply::Value;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How much of a reply is shown.
const SHOWN: usize = 100;

/// A command that was sent, and how long its reply took.
#[derive(Clone, PartialEq, Debug)]
pub struct Took {
    pub command: String,
    pub ms: f64,
    pub reply: String,
    /// When it was sent, nanoseconds since 1970.
    pub at_unix: u64,
}

fn send(control: &mut Control, command: &str) -> Result<Vec<Took>, String> {
    let mut all = Vec::new();
    for words in words::split(command)? {
        let (at_unix, start) = (clock::unix(), clock::now());
        let reply = control.call(&words)?;
        if let Value::Error(why) = &reply {
            return Err(format!("{command}: {}", String::from_utf8_lossy(why)));
        }
        let ms = (clock::now() - start) as f64 / 1e6;
        let reply: String = text(&reply).replace('\n', " ").chars().take(SHOWN).collect();
        all.push(Took { command: command.to_string(), ms, reply, at_unix });
    }
    Ok(all)
}

/// Sends what comes before the load.
///
/// # Errors
/// A sentence for the user, or the server's.
pub fn before(phase: &Phase, address: &Address) -> Result<Vec<Took>, String> {
    if phase.before.is_empty() {
        return Ok(Vec::new());
    }
    let mut control = Control::open(address, &Greeting::new(&phase.options))?;
    control.be_patient()?;
    let took = phase.before.iter().map(|command| send(&mut control, command));
    Ok(took.collect::<Result<Vec<_>, _>>()?.concat())
}

/// Sends what comes during the load, from a thread.
pub struct During {
    thread: Option<JoinHandle<Result<Vec<Took>, String>>>,
    /// Dropped to end the thread.
    going_on: Option<Sender<()>>,
}

impl During {
    /// # Errors
    /// A sentence for the user.
    pub fn start(phase: &Phase, address: &Address) -> Result<During, String> {
        if phase.during.is_empty() {
            return Ok(During { thread: None, going_on: None });
        }
        let mut control = Control::open(address, &Greeting::new(&phase.options))?;
        control.be_patient()?;
        let mut commands = phase.during.clone();
        commands.sort();
        let (going_on, over) = channel::<()>();
        let begin = Instant::now() + phase.options.warmup;
        let thread = std::thread::spawn(move || {
            let mut took = Vec::new();
            for (at, command) in commands {
                let wait = (begin + at).saturating_duration_since(Instant::now());
                if over.recv_timeout(wait.max(Duration::from_nanos(1))) != Err(RecvTimeoutError::Timeout) {
                    break;
                }
                took.extend(send(&mut control, &command)?);
            }
            Ok(took)
        });
        Ok(During { thread: Some(thread), going_on: Some(going_on) })
    }

    /// The load is over: what has not been sent is not sent any more.
    ///
    /// # Errors
    /// A sentence for the user, or the server's.
    pub fn end(self) -> Result<Vec<Took>, String> {
        drop(self.going_on);
        let Some(thread) = self.thread else { return Ok(Vec::new()) };
        thread.join().unwrap_or_else(|_| Err("the thread for commands beside the load panicked".to_string()))
    }
}
