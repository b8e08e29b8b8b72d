//! The Redis protocol as pure functions and data: RESP both ways, the command table,
//! key extraction, slots and the client-visible errors. No I/O, no clock.

pub mod args;
pub mod command;
mod dtoa;
pub mod encode;
pub mod error;
pub mod glob;
pub mod inline;
pub mod key_spec;
pub mod number;
pub mod parse;
pub mod reply;
pub mod slot;

/// The crate's README, so that its example is compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
