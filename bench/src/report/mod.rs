//! What a run has measured, written down: for people ([`text`]), tables ([`csv`]), programs ([`json`]), HdrHistogram's
//! own tools ([`hdr_log`]), and on one line while it lasts ([`progress`]).

pub mod csv;
pub mod hdr_log;
pub mod json;
pub mod progress;
pub mod text;

/// Milliseconds of nanoseconds.
#[must_use]
pub fn ms(ns: u64) -> f64 {
    ns as f64 / 1e6
}
