//! The server: everything that touches the operating system. A tour in the order of a request:
//! [`io`] brings bytes, [`core`] parses, routes and runs commands on its shard, [`mailbox`] carries
//! what falls on other shards, [`admin`] holds the commands about the server itself, [`config`] what
//! it is told to be, and [`run`] starts and stops it all. [`data`] is the other binary, `percore-data`.

pub mod admin;
pub mod allocator;
pub mod clock;
pub mod config;
pub mod conn;
pub mod core;
pub mod crash;
pub mod data;
pub mod errors;
#[doc(hidden)] // judges for tests, and for the example that runs the same checks over sockets
pub mod history;
pub mod host;
pub mod io;
pub mod latency;
pub mod life;
pub mod listen;
pub mod listening;
pub mod loading;
pub mod log;
pub mod mailbox;
pub mod monitor;
pub mod names;
pub mod pause;
pub mod process;
pub mod replace_file;
pub mod run;
pub mod samples;
pub mod saving;
pub mod secret;
pub mod shared;
pub mod signal;
pub mod slowlog;
pub mod socket;
pub mod stats;
pub mod subscriptions;
pub mod task;
pub mod usage;
pub mod version;
pub mod work;
