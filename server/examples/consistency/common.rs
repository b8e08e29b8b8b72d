//! The client, the replies and the random numbers of the integration tests.

#![allow(dead_code)] // the tests use the rest

#[path = "../../tests/common/client.rs"]
pub mod client;
#[path = "../../tests/common/resp.rs"]
pub mod resp;
#[path = "../../tests/common/rng.rs"]
pub mod rng;
