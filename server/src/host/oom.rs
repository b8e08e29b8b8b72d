//! How readily the kernel kills this process when memory runs out: `oom-score-adj`.
//!
//! The score from before the first change is remembered, since `relative` counts from it and
//! turning the directive off goes back to it.

use crate::config::{Settings, os_reason};
use std::fs;
use std::path::PathBuf;

const OFF: u32 = 0;
const RELATIVE: u32 = 1;

/// The process's score, and what it was before.
pub struct OomScore {
    file: PathBuf,
    before: Option<i32>,
}

impl Default for OomScore {
    fn default() -> Self {
        Self { file: "/proc/self/oom_score_adj".into(), before: None }
    }
}

impl OomScore {
    /// Brings the score to what the settings say. `class` is the index of the value to take: 0 for
    /// a primary, 1 for a replica.
    ///
    /// # Errors
    /// A line for the log; CONFIG SET answers [`REFUSED`].
    pub fn apply(&mut self, settings: &Settings, class: usize) -> Result<(), String> {
        let score = if settings.oom_score_adj == OFF {
            match self.before.take() {
                None => return Ok(()),
                Some(before) => before,
            }
        } else {
            let before = self.remember()?;
            let base = if settings.oom_score_adj == RELATIVE { before } else { 0 };
            (base + settings.oom_score_adj_values[class.min(2)]).clamp(-1000, 1000)
        };
        fs::write(&self.file, format!("{score}\n"))
            .map_err(|error| format!("Unable to write oom_score_adj: {}", os_reason(&error)))
    }

    fn remember(&mut self) -> Result<i32, String> {
        if let Some(before) = self.before {
            return Ok(before);
        }
        let text = fs::read_to_string(&self.file)
            .map_err(|error| format!("Unable to read oom_score_adj: {}", os_reason(&error)))?;
        let before = text.trim().parse().unwrap_or(0);
        self.before = Some(before);
        Ok(before)
    }
}

/// The reason that CONFIG SET gives when the score cannot be set.
pub const REFUSED: &str = "Failed to set current oom_score_adj. Check server logs.";

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(mode: u32, value: i32) -> Settings {
        Settings { oom_score_adj: mode, oom_score_adj_values: [value, 0, 0], ..Settings::default() }
    }

    #[test]
    fn relative_absolute_and_back() {
        let dir = tempfile::tempdir().unwrap();
        let mut score = OomScore { file: dir.path().join("score"), before: None };
        let read = |score: &OomScore| fs::read_to_string(&score.file).unwrap();
        fs::write(&score.file, "100\n").unwrap();
        for (mode, value, shows) in
            [(0, 5, "100\n"), (1, 5, "105\n"), (1, 2000, "1000\n"), (2, 5, "5\n"), (0, 5, "100\n")]
        {
            score.apply(&settings(mode, value), 0).unwrap();
            assert_eq!(read(&score), shows, "mode {mode}, value {value}");
        }
    }

    #[test]
    fn a_score_that_cannot_be_read() {
        let mut score = OomScore { file: "/no/such/file".into(), before: None };
        let line = score.apply(&settings(2, 5), 0).unwrap_err();
        assert_eq!(line, "Unable to read oom_score_adj: No such file or directory");
    }
}
