//! Judges of histories: whether what clients saw of a server can be explained by commands that took effect one
//! after the other, each between its call and its answer.
//!
//! A simulated run, or one over real sockets, is written down as [`Op`]s: who asked what, when, and what came
//! back. The judges know nothing of how the server works, and need no witness of it:
//!
//! - [`wgl`]: commands on one key, against a model of what the key holds, by the search of Wing and Gong
//!   (with Lowe's memory of states seen);
//! - [`append`]: transactions over many keys that append to lists and read them, where every element is unique, so
//!   that the lists themselves tell who came before whom: a cycle is a proof that no order explains it (after
//!   Kingsbury and Alvaro, "Elle", VLDB 2020).
//!
//! Each judge is itself tested with histories that must be found wrong.

pub mod append;
pub mod wgl;

/// Something a client did: from when to when it was under way, and what it was.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Op<T> {
    pub client: usize,
    /// When it was sent. Any clock will do that all clients share and that never goes back.
    pub called: u64,
    /// When its answer was there; `u64::MAX`: it never was, and it may have taken effect or not.
    pub answered: u64,
    pub what: T,
}

impl<T> Op<T> {
    /// Whether its answer is known.
    #[must_use]
    pub fn is_answered(&self) -> bool {
        self.answered != u64::MAX
    }
}
