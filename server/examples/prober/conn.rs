//! A connection that knows as much of RESP2 as is asked for here: to skip replies, and to read their scalars.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

/// A reply, flattened: its strings and numbers in their order, whatever they were nested in.
pub type Scalars = Vec<Vec<u8>>;

pub struct Conn {
    write: TcpStream,
    read: BufReader<TcpStream>,
}

impl Conn {
    pub fn open(port: u16) -> Self {
        let write = TcpStream::connect(("127.0.0.1", port)).expect("a server listens on the port");
        write.set_nodelay(true).expect("TCP_NODELAY");
        let read = write.try_clone().expect("a second handle of the socket");
        Self { write, read: BufReader::with_capacity(64 * 1024, read) }
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.write.write_all(bytes).expect("the server reads");
    }

    fn line(&mut self) -> Vec<u8> {
        let mut line = Vec::with_capacity(32);
        self.read.read_until(b'\n', &mut line).expect("the server answers");
        assert!(line.ends_with(b"\r\n"), "the server closed the connection");
        line.truncate(line.len() - 2);
        line
    }

    /// Reads one reply.
    ///
    /// # Panics
    /// At an error: nothing that is sent here should be one.
    pub fn reply(&mut self) -> Scalars {
        let (mut scalars, mut missing) = (Vec::new(), 1);
        while missing > 0 {
            missing -= 1;
            let mut line = self.line();
            let kind = line.remove(0);
            let count = || String::from_utf8_lossy(&line).parse::<i64>().ok();
            match kind {
                b'*' => missing += count().expect("a length").max(0),
                b'$' => {
                    // -1 is nil, and has no bytes.
                    let Ok(len) = usize::try_from(count().expect("a length")) else { continue };
                    let mut bytes = vec![0; len + 2];
                    self.read.read_exact(&mut bytes).expect("the server answers");
                    bytes.truncate(len);
                    scalars.push(bytes);
                }
                b'-' => panic!("the server answers with an error: {}", String::from_utf8_lossy(&line)),
                _ => scalars.push(line),
            }
        }
        scalars
    }

    /// Sends an inline command; its reply.
    pub fn call(&mut self, inline: &str) -> Scalars {
        self.send(format!("{inline}\r\n").as_bytes());
        self.reply()
    }

    /// The number that a command answers with; 0 if it is none.
    pub fn integer(&mut self, inline: &str) -> u64 {
        let reply = self.call(inline);
        reply.first().and_then(|n| std::str::from_utf8(n).ok()?.parse().ok()).unwrap_or(0)
    }

    /// Sends `command(i)` for all `i` below `n`, a batch at a time, and reads the replies.
    pub fn load(&mut self, n: u64, command: impl Fn(u64) -> String) {
        /// Commands in one write.
        const BATCH: u64 = 200;
        for first in (0..n).step_by(BATCH as usize) {
            let last = (first + BATCH).min(n);
            let batch: String = (first..last).map(&command).collect();
            self.send(batch.as_bytes());
            for _ in first..last {
                self.reply();
            }
        }
    }
}
