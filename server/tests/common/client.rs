//! A plain blocking client. Every read and write has a time limit, so that a server that does
//! not answer fails a test instead of hanging it.

use super::resp::{self, Value};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// Longer than anything a test asks for takes on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A command: its name and its arguments.
pub type Cmd = Vec<Vec<u8>>;

/// A command from parts.
pub fn cmd<A: AsRef<[u8]>>(parts: &[A]) -> Cmd {
    parts.iter().map(|p| p.as_ref().to_vec()).collect()
}

/// Appends a command as an array of bulk strings.
pub fn encode<A: AsRef<[u8]>>(out: &mut Vec<u8>, parts: &[A]) {
    out.extend_from_slice(format!("*{}\r\n", parts.len()).as_bytes());
    for part in parts {
        let part = part.as_ref();
        out.extend_from_slice(format!("${}\r\n", part.len()).as_bytes());
        out.extend_from_slice(part);
        out.extend_from_slice(b"\r\n");
    }
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Read for Stream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(s) => s.read(buf),
            Stream::Unix(s) => s.read(buf),
        }
    }
}

/// One connection.
#[derive(Debug)]
pub struct Conn {
    input: BufReader<Stream>,
}

impl Conn {
    pub fn try_connect(port: u16) -> io::Result<Self> {
        Self::tcp(TcpStream::connect(("127.0.0.1", port))?)
    }

    pub fn connect(port: u16) -> Self {
        Self::try_connect(port).unwrap_or_else(|e| panic!("cannot connect to port {port}: {e}"))
    }

    /// A client over a connected socket.
    pub fn tcp(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { input: BufReader::new(Stream::Tcp(stream)) })
    }

    pub fn unix(path: &Path) -> Self {
        let stream = UnixStream::connect(path).unwrap_or_else(|e| panic!("cannot connect to {path:?}: {e}"));
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { input: BufReader::new(Stream::Unix(stream)) }
    }

    pub fn try_send_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.input.get_mut() {
            Stream::Tcp(s) => s.write_all(bytes),
            Stream::Unix(s) => s.write_all(bytes),
        }
    }

    pub fn send_raw(&mut self, bytes: &[u8]) {
        self.try_send_raw(bytes).unwrap_or_else(|e| panic!("cannot send: {e}"));
    }

    /// No more will be sent; replies can still be read.
    pub fn finish_sending(&mut self) {
        let done = match self.input.get_mut() {
            Stream::Tcp(s) => s.shutdown(Shutdown::Write),
            Stream::Unix(s) => s.shutdown(Shutdown::Write),
        };
        // The server may have closed first; then there is nothing left to finish.
        drop(done);
    }

    pub fn try_read(&mut self) -> io::Result<Value> {
        resp::read(&mut self.input)
    }

    pub fn read(&mut self) -> Value {
        self.try_read().unwrap_or_else(|e| panic!("cannot read a reply: {e}"))
    }

    /// One line without its line break, for what is not RESP.
    pub fn read_line(&mut self) -> String {
        let mut line = String::new();
        self.input.read_line(&mut line).unwrap_or_else(|e| panic!("cannot read a line: {e}"));
        line.trim_end().to_string()
    }

    /// Everything until the server closes. A reset counts as the end: a server may close
    /// with bytes of ours unread.
    pub fn read_to_end(&mut self) -> io::Result<Vec<u8>> {
        let mut all = Vec::new();
        match self.input.read_to_end(&mut all) {
            Err(e) if e.kind() != io::ErrorKind::ConnectionReset => Err(e),
            _ => Ok(all),
        }
    }

    pub fn try_call<A: AsRef<[u8]>>(&mut self, parts: &[A]) -> io::Result<Value> {
        let mut bytes = Vec::new();
        encode(&mut bytes, parts);
        self.try_send_raw(&bytes)?;
        self.try_read()
    }

    /// One command, one reply.
    pub fn call<A: AsRef<[u8]>>(&mut self, parts: &[A]) -> Value {
        self.try_call(parts).unwrap_or_else(|e| panic!("{}: {e}", show(&cmd(parts))))
    }

    /// One command given as words.
    pub fn words(&mut self, line: &str) -> Value {
        self.call(&line.split_whitespace().collect::<Vec<_>>())
    }

    /// Like [`Conn::words`], for commands whose failure is the test's failure.
    pub fn must(&mut self, line: &str) -> Value {
        let reply = self.words(line);
        assert!(!reply.is_error(), "{line}: {reply:?}");
        reply
    }

    /// All commands in one write, then as many replies. For what fits into the sockets' buffers.
    pub fn try_pipeline(&mut self, commands: &[Cmd]) -> io::Result<Vec<Value>> {
        let mut bytes = Vec::new();
        for command in commands {
            encode(&mut bytes, command);
        }
        self.try_send_raw(&bytes)?;
        commands.iter().map(|_| self.try_read()).collect()
    }

    /// Like [`Conn::try_pipeline`], for connections that must last.
    pub fn pipeline(&mut self, commands: &[Cmd]) -> Vec<Value> {
        self.try_pipeline(commands).unwrap_or_else(|e| panic!("pipeline of {}: {e}", commands.len()))
    }
}

/// A command as a person would type it into redis-cli.
pub fn show(command: &[Vec<u8>]) -> String {
    let plain = |b: &u8| b.is_ascii_graphic() && !matches!(b, b'"' | b'\'' | b'\\');
    let word = |part: &Vec<u8>| match part {
        p if p.len() > 300 => format!("<{} bytes: \"{}\"…>", p.len(), p[..40].escape_ascii()),
        p if !p.is_empty() && p.iter().all(plain) => String::from_utf8_lossy(p).into_owned(),
        p => format!("\"{}\"", p.escape_ascii().to_string().replace("\\'", "'")),
    };
    command.iter().map(word).collect::<Vec<_>>().join(" ")
}
