//! The server: everything that touches the operating system.

pub mod config;
pub mod io;
pub mod log;
