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
            Step::Walk => 0,
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
        Step::Walk => "  (walk over all keys)".to_string(),
    }
}
