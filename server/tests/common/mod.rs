//! What the integration tests stand on: servers as child processes ([`process`]), a plain
//! blocking client ([`client`], [`resp`]), peers that may be missing ([`peer`]), the environment
//! variables that steer a run ([`env`]), seeded randomness ([`rng`]), and keys that are known to
//! lie on different shards ([`keys`]).
//!
//! The client is the tests' own on purpose. It shares no code with the server, so that a
//! mistake in Percore's protocol crate cannot hide in both ends of the wire.

// Each test file compiles this module for itself and uses a part of it.
#![allow(dead_code, unused_imports)]

pub mod client;
pub mod env;
pub mod keys;
pub mod listen;
pub mod peer;
pub mod process;
pub mod resp;
pub mod rng;

pub use client::{Cmd, Conn, cmd};
pub use process::Server;
pub use resp::Value;
pub use rng::Rng;
