//! The server: everything that touches the operating system.

pub mod io;
