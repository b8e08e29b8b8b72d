//! The arguments of one command, as spans into the buffer they arrived in: nothing is copied
//! between the socket's buffer and the command that reads it.
//!
//! A pipeline's spans stand one after another in one vector, 8 bytes an argument, so that a turn's whole batch
//! can be parsed first and executed then. [`Args`] is a view of one command's share of it, two pointers
//! wide, and cheap to pass by value. What must outlive the buffer (a queued MULTI, a blocked client, a
//! request to another core) is copied once into [`OwnedArgs`].

/// Where one argument lies in its buffer. Offsets are 32 bits: a query buffer is limited far below 4 GiB.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Span {
    pub start: u32,
    pub len: u32,
}

const _: () = assert!(size_of::<Span>() == 8);

impl Span {
    #[inline]
    fn of(self, buf: &[u8]) -> &[u8] {
        let start = self.start as usize;
        &buf[start..start + self.len as usize]
    }
}

/// A command's arguments; `args[0]` is its name as the client wrote it.
#[derive(Clone, Copy, Debug)]
pub struct Args<'a> {
    buf: &'a [u8],
    spans: &'a [Span],
}

impl<'a> Args<'a> {
    /// Every span must lie inside `buf`; the parser, the only maker of spans, sees to that.
    #[inline]
    #[must_use]
    pub fn new(buf: &'a [u8], spans: &'a [Span]) -> Self {
        Self { buf, spans }
    }

    #[inline]
    #[must_use]
    #[allow(clippy::len_without_is_empty)] // a command always has a name
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// The argument at `i`, or `None` past the end.
    #[inline]
    #[must_use]
    pub fn get(&self, i: usize) -> Option<&'a [u8]> {
        let s = self.spans.get(i)?;
        self.buf.get(s.start as usize..s.start as usize + s.len as usize)
    }

    /// The argument at `i`. Panics past the end: for positions that the arity has guaranteed.
    #[inline]
    #[must_use]
    pub fn at(&self, i: usize) -> &'a [u8] {
        self.spans[i].of(self.buf)
    }

    /// The arguments from `from` on, as `Args` of their own (empty when past the end).
    #[inline]
    #[must_use]
    pub fn from(&self, from: usize) -> Args<'a> {
        Args { buf: self.buf, spans: self.spans.get(from..).unwrap_or(&[]) }
    }

    #[inline]
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &'a [u8]> + ExactSizeIterator + '_ {
        let buf = self.buf;
        self.spans.iter().map(move |s| s.of(buf))
    }

    /// A copy that does not borrow the buffer: only the arguments' bytes, without what lay between them.
    #[must_use]
    pub fn to_owned_args(&self) -> OwnedArgs {
        let bytes = self.spans.iter().map(|s| s.len as usize).sum();
        let mut own = OwnedArgs { buf: Vec::with_capacity(bytes), spans: Vec::with_capacity(self.len()) };
        self.iter().for_each(|arg| own.push(arg));
        own
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

    /// Forgets all arguments and keeps the allocation.
    pub fn clear(&mut self) {
        self.buf.clear();
        self.spans.clear();
    }

    #[must_use]
    pub fn args(&self) -> Args<'_> {
        Args::new(&self.buf, &self.spans)
    }

    /// Bytes of memory that the arguments hold, for accounting.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.buf.capacity() + self.spans.capacity() * size_of::<Span>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_and_copies() {
        let buf = b"..GET...key";
        let spans = [Span { start: 2, len: 3 }, Span { start: 8, len: 3 }, Span { start: 9, len: 0 }];
        let args = Args::new(buf, &spans);
        assert_eq!(args.at(0), b"GET");
        assert_eq!(args.get(1), Some(&b"key"[..]));
        assert_eq!(args.get(3), None);
        assert_eq!(args.from(1).iter().collect::<Vec<_>>(), [&b"key"[..], b""]);
        assert_eq!(args.from(9).len(), 0);
        let own = args.to_owned_args();
        assert!(own.args().iter().eq(args.iter()));
        assert!(own.memory() >= 6 + 3 * 8);
    }
}
