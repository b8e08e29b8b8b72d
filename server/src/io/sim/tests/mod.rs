//! The simulated backend, looked at through an echo server.

mod clock;
mod determinism;
mod echo;
mod files;
mod streams;
mod wakes;
