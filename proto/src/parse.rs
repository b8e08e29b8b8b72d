//! Incremental, zero-copy parsing of requests: RESP arrays of bulk strings, and inline commands.
//!
//! A command that lies whole in the buffer, which is nearly every command, is read by `complete`: one pass,
//! no allocation, its spans pushed straight into the caller's vector. Most header lines are a sign, one digit
//! and CRLF, so that case is one 4-byte comparison; two digits are one 8-byte comparison; only what is longer
//! is read digit by digit. `complete` never judges: wherever it meets something else than the common
//! form it stops, and `resume` goes on from there.
//!
//! `resume` is the state machine, used for partial commands, unusual spelling, and errors. It remembers in
//! [`Parser`] how far it has understood a command, so that a byte is never read twice however the network cuts
//! the stream: a 512 MB value in 16 KiB pieces costs one comparison a piece, and an array of a million elements
//! goes on with the element it stopped at. What it remembers is relative to the command's first byte; the
//! caller may therefore drop consumed bytes in front of the buffer between calls, as long as `from` then says
//! where the command begins.
//!
//! How a stream is understood does not depend on how it is cut (a property test). Redis's own parser is not
//! quite so: a header line over the limit is "too big" or "invalid" depending on what one read returned; here
//! it is always "too big". Otherwise the rules are Redis's, also the lax ones: the byte after a CR is skipped
//! unseen, as are the two bytes after a bulk string, and a line that holds a NUL never ends (C's `strchr`).
//!
//! Inline commands (for telnet and humans) lie in the buffer as they are, unless they contain quotes: these are
//! unescaped into a side buffer of the parser ([`Step::Inline`]), which keeps the hot path free of any
//! question of where its bytes live.

use crate::args::Span;
use crate::inline;
use crate::number::parse_i64;

/// The limits of one connection's requests.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Longest bulk string, in bytes (`proto-max-bulk-len`). Beyond 4 GiB the buffer's own limit counts.
    pub bulk_len_max: u64,
    /// Longest inline request or header line, in bytes (64 KiB in Redis).
    pub inline_len_max: usize,
    /// Before AUTH, Redis accepts at most 10 arguments of at most 16 KiB.
    pub authenticated: bool,
}

impl Default for Limits {
    /// Redis's defaults: 512 MiB, 64 KiB, no password needed.
    fn default() -> Self {
        Self { bulk_len_max: 512 << 20, inline_len_max: 64 << 10, authenticated: true }
    }
}

/// Most arguments of a client that has not authenticated.
const UNAUTHENTICATED_ARGS_MAX: i64 = 10;
/// Longest bulk string of a client that has not authenticated, in bytes.
const UNAUTHENTICATED_BULK_MAX: i64 = 16384;
/// Most arguments that an array may announce (C's `INT_MAX`).
const ARGS_MAX: i64 = i32::MAX as i64;
/// Longest buffer, in bytes: what a [`Span`] can address.
const BUFFER_MAX: usize = u32::MAX as usize;
/// How many spans a parser keeps allocated after a big partial command.
const SPANS_KEPT: usize = 1024;

/// What one call found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// A command is complete: its spans were appended, the buffer is consumed up to `end`.
    /// No span appended: an empty line or `*0`, to be skipped.
    Command { end: usize },
    /// As `Command`, but the spans are offsets into [`Parser::unescaped`]: an inline request with quotes.
    Inline { end: usize },
    /// The buffer holds only a part; `missing` more bytes at least are needed. A client's claim: reserve
    /// room for it as the bytes come.
    Partial { missing: usize },
}

/// A malformed frame: answered with `-ERR Protocol error: …`, then the connection is closed.
/// Holds what follows the colon; [`ProtocolError::reply`] is the whole text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProtocolError(pub String);

impl ProtocolError {
    #[cold]
    fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The error to answer, code first: `ERR Protocol error: invalid bulk length`.
    #[must_use]
    pub fn reply(&self) -> String {
        format!("ERR {self}")
    }
}

impl std::fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Protocol error: {}", self.0)
    }
}

impl std::error::Error for ProtocolError {}

/// What comes next in a partial command.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum State {
    /// The first byte of a command.
    #[default]
    Start,
    /// A line of words.
    Inline,
    /// The line `*<count>`.
    Count,
    /// The line `$<length>`, with `left` arguments still to come.
    Length { left: u32 },
    /// `len` bytes and CRLF.
    Bulk { left: u32, len: usize },
}

/// Remembers how far a partial command was understood, so that no byte is looked at twice.
#[derive(Clone, Debug, Default)]
pub struct Parser {
    state: State,
    /// First byte not yet understood, counted from the command's first.
    at: usize,
    /// How many bytes from `at` on are known to hold no line end.
    searched: usize,
    /// Arguments understood so far, counted from the command's first byte.
    spans: Vec<Span>,
    /// The last inline request that had quotes.
    unescaped: Vec<u8>,
}

impl Parser {
    /// Reads the next command of `buf`, which begins at `from`; spans are offsets into `buf`.
    ///
    /// After [`Step::Partial`] call again with more bytes; until then the command may move within the
    /// buffer, but not change. Spans are appended to `args` only when a command is complete.
    ///
    /// # Errors
    /// A request that Redis refuses too; the stream cannot be understood from here on.
    #[inline]
    pub fn next(
        &mut self,
        buf: &[u8],
        from: usize,
        args: &mut Vec<Span>,
        limits: &Limits,
    ) -> Result<Step, ProtocolError> {
        if self.state == State::Start && limits.authenticated && buf.len() <= BUFFER_MAX {
            let before = args.len();
            match complete(buf, from, args, limits.bulk_len_max) {
                Ok(end) => return Ok(Step::Command { end }),
                Err(stop) => self.take_over(stop, from, args, before),
            }
        }
        self.resume(buf, from, args, limits)
    }

    /// Whether a command has begun and not ended.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.state != State::Start
    }

    /// What the spans of the last [`Step::Inline`] are offsets into; valid until the next call.
    #[must_use]
    pub fn unescaped(&self) -> &[u8] {
        &self.unescaped
    }

    /// Goes on where `complete` stopped: its spans become this parser's, relative to the command.
    #[cold]
    fn take_over(&mut self, stop: Stop, from: usize, args: &mut Vec<Span>, before: usize) {
        if stop.left > 0 {
            self.state = State::Length { left: stop.left };
            self.at = stop.at - from;
            let base = from as u32;
            self.spans.extend(args.drain(before..).map(|s| Span { start: s.start - base, len: s.len }));
        }
    }

    #[cold]
    fn resume(
        &mut self,
        buf: &[u8],
        from: usize,
        args: &mut Vec<Span>,
        limits: &Limits,
    ) -> Result<Step, ProtocolError> {
        let result = match buf.get(from..) {
            Some(command) if buf.len() <= BUFFER_MAX => self.advance(command, limits),
            _ => Err(ProtocolError::new("too big query buffer")),
        };
        match result {
            Ok(Step::Command { end }) => {
                let base = from as u32;
                args.extend(self.spans.iter().map(|s| Span { start: s.start + base, len: s.len }));
                self.restart();
                Ok(Step::Command { end: from + end })
            }
            Ok(Step::Inline { end }) => {
                args.extend_from_slice(&self.spans);
                self.restart();
                Ok(Step::Inline { end: from + end })
            }
            Ok(partial) => Ok(partial),
            Err(error) => {
                self.restart();
                Err(error)
            }
        }
    }

    fn restart(&mut self) {
        self.state = State::Start;
        self.at = 0;
        self.searched = 0;
        self.spans.clear();
        self.spans.shrink_to(SPANS_KEPT);
    }

    /// Understands as much of `command` as there is. Offsets are relative to it.
    fn advance(&mut self, command: &[u8], limits: &Limits) -> Result<Step, ProtocolError> {
        loop {
            let step = match self.state {
                State::Start => self.start(command),
                State::Inline => self.inline(command, limits)?,
                State::Count => self.count(command, limits)?,
                State::Length { left } => self.length(command, left, limits)?,
                State::Bulk { left, len } => self.bulk(command, left, len),
            };
            if let Some(step) = step {
                return Ok(step);
            }
        }
    }

    fn start(&mut self, command: &[u8]) -> Option<Step> {
        match command.first() {
            None => return Some(Step::Partial { missing: 1 }),
            Some(b'*') => self.state = State::Count,
            Some(_) => self.state = State::Inline,
        }
        None
    }

    fn inline(&mut self, command: &[u8], limits: &Limits) -> Result<Option<Step>, ProtocolError> {
        let Some(len) = self.line_end(command, b'\n', limits, "too big inline request")? else {
            return Ok(Some(Step::Partial { missing: 1 }));
        };
        let end = len + 1;
        let line = &command[..len];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        self.unescaped.clear();
        match inline::split(line, &mut self.spans, &mut self.unescaped) {
            Ok(inline::Source::Line) => Ok(Some(Step::Command { end })),
            Ok(inline::Source::Unescaped) => Ok(Some(Step::Inline { end })),
            Err(inline::Unbalanced) => Err(ProtocolError::new("unbalanced quotes in request")),
        }
    }

    fn count(&mut self, command: &[u8], limits: &Limits) -> Result<Option<Step>, ProtocolError> {
        let Some(line) = self.header_line(command, limits, "too big mbulk count string")? else {
            return Ok(Some(self.partial_line(command)));
        };
        let count = parse_i64(&line[1..]).filter(|&n| n <= ARGS_MAX);
        match count {
            None => Err(ProtocolError::new("invalid multibulk length")),
            Some(n) if n > UNAUTHENTICATED_ARGS_MAX && !limits.authenticated => {
                Err(ProtocolError::new("unauthenticated multibulk length"))
            }
            Some(..=0) => Ok(Some(Step::Command { end: self.at })),
            Some(n) => {
                self.state = State::Length { left: n as u32 };
                Ok(None)
            }
        }
    }

    fn length(&mut self, command: &[u8], left: u32, limits: &Limits) -> Result<Option<Step>, ProtocolError> {
        let len = match header(command, self.at, b'$') {
            Some((len, body)) if self.searched == 0 => {
                self.at = body;
                i64::try_from(len).ok()
            }
            _ => {
                let Some(line) = self.header_line(command, limits, "too big bulk count string")? else {
                    return Ok(Some(self.partial_line(command)));
                };
                match line.split_first() {
                    Some((b'$', digits)) => parse_i64(digits),
                    first => return Err(unexpected(first.map_or(b'\r', |(&b, _)| b))),
                }
            }
        };
        let fits = |len: &i64| *len >= 0 && *len as u64 <= limits.bulk_len_max && self.addressable(*len);
        match len.filter(fits) {
            None => Err(ProtocolError::new("invalid bulk length")),
            Some(len) if len > UNAUTHENTICATED_BULK_MAX && !limits.authenticated => {
                Err(ProtocolError::new("unauthenticated bulk length"))
            }
            Some(len) => {
                self.state = State::Bulk { left, len: len as usize };
                Ok(None)
            }
        }
    }

    /// Whether a string of `len` bytes that begins here ends where a span can reach.
    fn addressable(&self, len: i64) -> bool {
        self.at as u64 + len as u64 + 2 <= BUFFER_MAX as u64
    }

    fn bulk(&mut self, command: &[u8], left: u32, len: usize) -> Option<Step> {
        let end = self.at + len + 2;
        if command.len() < end {
            return Some(Step::Partial { missing: end - command.len() });
        }
        self.spans.push(Span { start: self.at as u32, len: len as u32 });
        self.at = end;
        if left == 1 {
            return Some(Step::Command { end });
        }
        self.state = State::Length { left: left - 1 };
        None
    }

    /// The line at `at` up to its CR, consumed with the byte that follows; `None` while it is incomplete.
    fn header_line<'a>(
        &mut self,
        command: &'a [u8],
        limits: &Limits,
        too_big: &'static str,
    ) -> Result<Option<&'a [u8]>, ProtocolError> {
        match self.line_end(command, b'\r', limits, too_big)? {
            Some(len) if self.at + len + 2 <= command.len() => {
                let line = &command[self.at..self.at + len];
                self.at += len + 2;
                self.searched = 0;
                Ok(Some(line))
            }
            Some(len) => {
                self.searched = len;
                Ok(None)
            }
            None => Ok(None),
        }
    }

    /// How many bytes precede `end` from `at` on. A NUL before it hides it, as it does from C's `strchr`.
    fn line_end(
        &mut self,
        command: &[u8],
        end: u8,
        limits: &Limits,
        too_big: &'static str,
    ) -> Result<Option<usize>, ProtocolError> {
        let line = command.get(self.at..).unwrap_or_default();
        let window = &line[..line.len().min(limits.inline_len_max.saturating_add(1))];
        let unseen = window.get(self.searched..).unwrap_or_default();
        match memchr::memchr2(end, 0, unseen) {
            Some(i) if unseen[i] == end => return Ok(Some(self.searched + i)),
            Some(nul) => self.searched += nul,
            None => self.searched = window.len(),
        }
        if line.len() > limits.inline_len_max { Err(ProtocolError::new(too_big)) } else { Ok(None) }
    }

    /// For a header line that lacks its CRLF, or only the LF.
    fn partial_line(&self, command: &[u8]) -> Step {
        let has_cr = command.len() > self.at + self.searched && command.last() == Some(&b'\r');
        Step::Partial { missing: if has_cr { 1 } else { 2 } }
    }
}

fn unexpected(first: u8) -> ProtocolError {
    ProtocolError::new(format!("expected '$', got '{}'", char::from(first)))
}

/// Where `complete` gave up: at byte `at`, with `left` arguments to come (0: the count is not read yet).
struct Stop {
    at: usize,
    left: u32,
}

/// Reads a command in its common form that lies whole in the buffer, and returns where it ends.
#[inline]
fn complete(buf: &[u8], from: usize, args: &mut Vec<Span>, bulk_len_max: u64) -> Result<usize, Stop> {
    let Some((count, mut at)) = header(buf, from, b'*') else { return Err(Stop { at: from, left: 0 }) };
    if count == 0 || count > ARGS_MAX as usize {
        return Err(Stop { at: from, left: 0 });
    }
    let mut left = count as u32;
    while left > 0 {
        let Some((len, body)) = header(buf, at, b'$') else { return Err(Stop { at, left }) };
        let end = body + len + 2;
        if end > buf.len() || len as u64 > bulk_len_max {
            return Err(Stop { at, left });
        }
        args.push(Span { start: body as u32, len: len as u32 });
        at = end;
        left -= 1;
    }
    Ok(at)
}

/// The number in a header line `<sign><digits>CRLF` at `at`, and where the line ends.
/// `None` for anything unusual: incomplete, no digit, a leading zero, no LF, more than [`HEADER_DIGITS_MAX`].
#[inline(always)]
fn header(buf: &[u8], at: usize, sign: u8) -> Option<(usize, usize)> {
    let rest = buf.get(at..)?;
    let four: &[u8; 4] = rest.first_chunk()?;
    let word = u32::from_le_bytes(*four);
    let first = usize::from(four[1]).wrapping_sub(usize::from(b'0'));
    if word & 0xFFFF_00FF == u32::from_le_bytes([sign, 0, b'\r', b'\n']) && first <= 9 {
        return Some((first, at + 4));
    }
    let second = usize::from(four[2]).wrapping_sub(usize::from(b'0'));
    if word & 0xFF00_00FF == u32::from_le_bytes([sign, 0, 0, b'\r'])
        && rest.get(4) == Some(&b'\n')
        && first.wrapping_sub(1) < 9
        && second <= 9
    {
        return Some((first * 10 + second, at + 5));
    }
    long_header(rest, sign).map(|(n, len)| (n, at + len))
}

/// Most digits of a header that is read without the state machine: any `u32`.
const HEADER_DIGITS_MAX: usize = 10;

/// As [`header`], for three digits and more.
#[inline(never)]
fn long_header(rest: &[u8], sign: u8) -> Option<(usize, usize)> {
    let (&first, digits) = rest.split_first()?;
    let digits = &digits[..digits.len().min(HEADER_DIGITS_MAX + 1)];
    let len = digits.iter().position(|b| !b.is_ascii_digit())?;
    let line = 1 + len + 2;
    if first != sign || matches!(digits[0], b'0' | b'\r') || rest.get(line - 2..line)? != b"\r\n" {
        return None;
    }
    let number = digits[..len].iter().fold(0, |n, &b| n * 10 + usize::from(b - b'0'));
    Some((number, line))
}
