//! Incremental RESP request parsing.

use crate::args::Span;

/// The limits of one connection's requests.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Longest bulk string, in bytes (`proto-max-bulk-len`).
    pub bulk_len_max: u64,
    /// Longest inline request or header line, in bytes (64 KiB in Redis).
    pub inline_len_max: usize,
    /// Before AUTH, Redis accepts at most 10 arguments of at most 16 KiB.
    pub authenticated: bool,
}

/// What one call found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// A command is complete: its spans were appended, the buffer is consumed up to `end`.
    /// No span appended: an empty line or `*0`, to be skipped.
    Command { end: usize },
    /// The buffer holds only a part; `missing` more bytes at least are needed.
    Partial { missing: usize },
}

/// A malformed frame: answered with `-ERR Protocol error: …`, then the connection is closed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProtocolError(pub String);

/// Remembers how far a partial command was understood, so that no byte is looked at twice.
#[derive(Clone, Debug, Default)]
pub struct Parser {}

impl Parser {
    /// Reads the next command of `buf`, which begins at `from`; spans are offsets into `buf`.
    pub fn next(
        &mut self,
        _buf: &[u8],
        _from: usize,
        _args: &mut Vec<Span>,
        _limits: &Limits,
    ) -> Result<Step, ProtocolError> {
        Ok(Step::Partial { missing: 1 })
    }
}
