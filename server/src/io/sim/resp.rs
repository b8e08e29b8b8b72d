//! Cuts a stream of replies into replies, RESP2 and RESP3. It knows frames, not meanings, and is
//! kept apart from the server's own encoder so that one cannot hide the other's mistakes.

/// Remembers how far the current reply was scanned.
#[derive(Default)]
pub(super) struct Splitter {
    buffer: Vec<u8>,
    /// Everything before it belongs to complete elements of the current reply.
    scanned: usize,
    /// Elements of the current reply that are still to come; 0: none was begun.
    missing: u64,
}

impl Splitter {
    /// Adds bytes of the stream.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Bytes that are no complete reply yet.
    pub(super) fn rest(&self) -> &[u8] {
        &self.buffer
    }

    /// The next complete reply, as it came over the wire.
    ///
    /// # Panics
    /// When the stream is no RESP.
    pub(super) fn next(&mut self) -> Option<Vec<u8>> {
        if self.missing == 0 {
            self.missing = u64::from(!self.buffer.is_empty());
        }
        while self.missing > 0 {
            let (len, inner) = element(&self.buffer[self.scanned..])?;
            self.scanned += len;
            self.missing += inner;
            self.missing -= 1;
        }
        if self.scanned == 0 {
            return None;
        }
        let rest = self.buffer.split_off(self.scanned);
        self.scanned = 0;
        Some(std::mem::replace(&mut self.buffer, rest))
    }
}

/// Length of the element at the start of `bytes`, and how many elements it announces.
fn element(bytes: &[u8]) -> Option<(usize, u64)> {
    let line_end = bytes.windows(2).position(|w| w == b"\r\n")?;
    let (kind, line) = (bytes[0], &bytes[1..line_end]);
    let header = line_end + 2;
    let number = || {
        let n = std::str::from_utf8(line).ok().and_then(|s| s.parse::<i64>().ok());
        n.unwrap_or_else(|| panic!("no length in {:?}", String::from_utf8_lossy(&bytes[..header])))
    };
    match kind {
        b'+' | b'-' | b':' | b'_' | b'#' | b',' | b'(' => Some((header, 0)),
        b'$' | b'!' | b'=' => match number() {
            -1 => Some((header, 0)),
            n => {
                let len = header + n as usize + 2;
                (bytes.len() >= len).then_some((len, 0))
            }
        },
        b'*' | b'~' | b'>' => Some((header, number().max(0) as u64)),
        b'%' => Some((header, 2 * number().max(0) as u64)),
        // Attributes come before the reply they belong to.
        b'|' => Some((header, 2 * number().max(0) as u64 + 1)),
        _ => panic!("no RESP: {:?}", String::from_utf8_lossy(bytes)),
    }
}

/// A command as clients send it.
pub(super) fn command(args: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let mut out = format!("*{}\r\n", args.len()).into_bytes();
    for arg in args {
        let arg = arg.as_ref();
        out.extend(format!("${}\r\n", arg.len()).bytes());
        out.extend_from_slice(arg);
        out.extend(b"\r\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: [&[u8]; 8] = [
        b"+OK\r\n",
        b"$5\r\na\r\nbc\r\n",
        b"*2\r\n*1\r\n:1\r\n$-1\r\n",
        b"*-1\r\n",
        b"%1\r\n+a\r\n#t\r\n",
        b"|1\r\n+ttl\r\n:3\r\n*0\r\n",
        b"$0\r\n\r\n",
        b"-ERR x\r\n",
    ];

    #[test]
    fn every_split_gives_the_same_replies() {
        let stream = STREAM.concat();
        for piece in 1..=stream.len() {
            let mut splitter = Splitter::default();
            let mut replies = Vec::new();
            for bytes in stream.chunks(piece) {
                splitter.push(bytes);
                replies.extend(std::iter::from_fn(|| splitter.next()));
            }
            assert_eq!(replies, STREAM, "in pieces of {piece}");
            assert!(splitter.rest().is_empty());
        }
    }

    #[test]
    fn commands_are_arrays_of_bulks() {
        assert_eq!(command(&["GET", ""]), b"*2\r\n$3\r\nGET\r\n$0\r\n\r\n");
    }
}
