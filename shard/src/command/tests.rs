//! Transcripts: what redis-server 7.0.15 answered to these commands, replayed here. They hold the edge cases
//! of every command of this folder; where an answer depends on the clock, absolute times stand in.

use crate::testing::Bed;

#[test]
fn strings() {
    Bed::new().replay(include_str!("transcripts/strings.txt"));
}

#[test]
fn ranges_and_counters() {
    Bed::new().replay(include_str!("transcripts/ranges.txt"));
}

#[test]
fn lcs() {
    Bed::new().replay(include_str!("transcripts/lcs.txt"));
}

#[test]
fn keys() {
    Bed::new().replay(include_str!("transcripts/keys.txt"));
}
