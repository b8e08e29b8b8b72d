//! The command table as data.

pub mod id;

pub use id::{ALL_COMMANDS, COMMAND_COUNT, CommandId};
