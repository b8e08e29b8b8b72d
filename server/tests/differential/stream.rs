//! The steps of a stream, and how they are printed.

use crate::common::Cmd;
use crate::common::client::show;

#[derive(Clone, Debug)]
pub enum Step {
    /// Commands in one write; one command is a pipeline of one.
    Pipeline(Vec<Cmd>),
    /// One inline command, without its line break.
    Inline(Vec<u8>),
    /// SCAN with these options from cursor 0 until cursor 0.
    Scan(Vec<Vec<u8>>),
    /// RANDOMKEY on both, and EXISTS of Percore's answer on Redis.
    RandomKey,
    /// Bytes that break the protocol, on a connection of their own, read until the server closes.
    Broken(Vec<u8>),
    /// DUMP of this key on Redis, and RESTORE of what it gave to that key, on both: Percore reads what Redis writes.
    Restore(Vec<u8>, Vec<u8>),
    /// Compares the keyspace notifications since the last time.
    Listen,
    /// Compares all keys of all databases.
    Walk,
}

impl Step {
    pub fn one(command: Cmd) -> Self {
        Step::Pipeline(vec![command])
    }

    /// How many commands of the stream's length this step is.
    pub fn commands(&self) -> usize {
        match self {
            Step::Pipeline(commands) => commands.len(),
            Step::Walk | Step::Listen => 0,
            _ => 1,
        }
    }
}

/// The steps as text, one command a line; the commands of one pipeline are bracketed.
pub fn script(steps: &[Step]) -> String {
    steps.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn line(step: &Step) -> String {
    match step {
        Step::Pipeline(commands) if commands.len() == 1 => format!("  {}", show(&commands[0])),
        Step::Pipeline(commands) => {
            let lines: Vec<_> = commands.iter().map(|c| format!("  | {}", show(c))).collect();
            format!("  one write:\n{}", lines.join("\n"))
        }
        Step::Inline(bytes) => format!("  inline: {}", bytes.escape_ascii()),
        Step::Scan(options) => format!("  SCAN loop {}", show(options)),
        Step::RandomKey => "  RANDOMKEY".to_string(),
        Step::Broken(bytes) => format!("  raw bytes: {}", bytes.escape_ascii()),
        Step::Restore(from, to) => {
            format!("  DUMP of Redis, RESTORE with REPLACE: {}", show(&[from.clone(), to.clone()]))
        }
        Step::Listen => "  (compare the notifications)".to_string(),
        Step::Walk => "  (walk over all keys)".to_string(),
    }
}
