//! The line that lives while a run lasts: rate, latency, errors of the second that has just passed.
//!
//! It goes to standard error, and only if that is a terminal: a report that is piped somewhere stays clean.

use super::ms;
use crate::stats::{Second, Summary, sum};
use std::io::{IsTerminal, Write};

/// A line on the terminal.
#[derive(Debug)]
pub struct Progress {
    title: String,
    shown: bool,
    width: usize,
}

impl Progress {
    #[must_use]
    pub fn new(title: &str) -> Progress {
        Progress { title: title.to_string(), shown: std::io::stderr().is_terminal(), width: 0 }
    }

    /// Shows a second.
    pub fn second(&mut self, second: &Second) {
        if self.shown {
            let text = line(&self.title, &Summary::of(&sum(&second.commands)));
            let padding = self.width.saturating_sub(text.len());
            eprint!("\r{text}{:padding$}", "");
            self.width = text.len();
            // A terminal that has gone is nobody's loss.
            drop(std::io::stderr().flush());
        }
    }

    /// Wipes the line.
    pub fn end(&mut self) {
        if self.width > 0 {
            eprint!("\r{:width$}\r", "", width = self.width);
            self.width = 0;
        }
    }
}

fn line(title: &str, s: &Summary) -> String {
    format!(
        "{title}: rps={} p50={:.3} p99={:.3} max={:.3} msec errors={}",
        s.requests,
        ms(s.p50),
        ms(s.p99),
        ms(s.max),
        s.errors
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_what_matters() {
        let s = Summary {
            requests: 12,
            errors: 3,
            p50: 1_500_000,
            p99: 2_000_000,
            max: 3_000_000,
            ..Summary::default()
        };
        assert_eq!(line("GET", &s), "GET: rps=12 p50=1.500 p99=2.000 max=3.000 msec errors=3");
    }
}
