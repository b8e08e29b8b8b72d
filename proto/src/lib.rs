//! The Redis protocol as pure functions and data: RESP both ways, the command table,
//! key extraction, slots and the client-visible errors. No I/O, no clock.

pub mod args;
pub mod command;
mod dtoa;
pub mod encode;
pub mod error;
pub mod glob;
pub mod inline;
pub mod number;
pub mod key_spec;
pub mod parse;
pub mod reply;
pub mod slot;
