//! The arguments of one command, as spans into the buffer they arrived in: nothing is copied
//! between the socket's buffer and the command that reads it.

/// Where one argument lies in its buffer. Offsets are 32 bits: a query buffer is limited far below 4 GiB.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Span {
    pub start: u32,
    pub len: u32,
}

/// A command's arguments; `args[0]` is its name as the client wrote it.
#[derive(Clone, Copy, Debug)]
pub struct Args<'a> {
    buf: &'a [u8],
    spans: &'a [Span],
}

impl<'a> Args<'a> {
    /// Every span must lie inside `buf`; the parser, the only maker of spans, sees to that.
    #[must_use]
    pub fn new(buf: &'a [u8], spans: &'a [Span]) -> Self {
        Self { buf, spans }
    }

    #[must_use]
    #[allow(clippy::len_without_is_empty)] // a command always has a name
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// The argument at `i`, or `None` past the end.
    #[must_use]
    pub fn get(&self, i: usize) -> Option<&'a [u8]> {
        let s = self.spans.get(i)?;
        self.buf.get(s.start as usize..s.start as usize + s.len as usize)
    }

    /// The argument at `i`. Panics past the end: for positions that the arity has guaranteed.
    #[must_use]
    pub fn at(&self, i: usize) -> &'a [u8] {
        let s = self.spans[i];
        &self.buf[s.start as usize..s.start as usize + s.len as usize]
    }

    /// The arguments from `from` on, as `Args` of their own (empty when past the end).
    #[must_use]
    pub fn from(&self, from: usize) -> Args<'a> {
        Args { buf: self.buf, spans: self.spans.get(from..).unwrap_or(&[]) }
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &'a [u8]> + ExactSizeIterator + '_ {
        let buf = self.buf;
        self.spans.iter().map(move |s| &buf[s.start as usize..s.start as usize + s.len as usize])
    }
}

/// Owned arguments, for tests and for requests that the server itself makes.
#[derive(Clone, Debug, Default)]
pub struct OwnedArgs {
    buf: Vec<u8>,
    spans: Vec<Span>,
}

impl OwnedArgs {
    pub fn of<T: AsRef<[u8]>>(parts: impl IntoIterator<Item = T>) -> Self {
        let mut own = Self::default();
        for p in parts {
            own.push(p.as_ref());
        }
        own
    }

    pub fn push(&mut self, part: &[u8]) {
        self.spans.push(Span { start: self.buf.len() as u32, len: part.len() as u32 });
        self.buf.extend_from_slice(part);
    }

    #[must_use]
    pub fn args(&self) -> Args<'_> {
        Args::new(&self.buf, &self.spans)
    }
}
