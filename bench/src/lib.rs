//! percore-bench: a load generator for Redis-compatible servers, and the report that compares them.
//!
//! ```text
//!   flags, workload ──> options ──> plan ──┬──> worker (a thread) ── driver ── net/{epoll,uring}
//!   suite (built-in tests) ─────────────────┘        │ a second at a time
//!   cost (the server's account in /proc) ──────> run ┴──> report/{text,csv,json,hdr_log,progress}
//! ```
//!
//! Begin with [`run`]: it is a measurement from beginning to end. [`driver`] decides what is sent next and
//! hears what comes back; [`template`] and [`reply`] are what makes a request cheap. [`schedule`] is the open loop,
//! [`verify`] the judge of what the server has promised.

pub mod app;
pub mod clock;
pub mod cluster;
pub mod compare;
pub mod connect;
pub mod cost;
pub mod distribution;
pub mod driver;
pub mod flags;
pub mod net;
pub mod options;
pub mod phase;
pub mod plan;
pub mod reply;
pub mod report;
pub mod run;
pub mod schedule;
pub mod stats;
pub mod suite;
pub mod template;
pub mod value;
pub mod verify;
pub mod words;
pub mod worker;
pub mod workload;
