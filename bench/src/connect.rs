//! Reaching a server: addresses, the first words of a connection, and a plain blocking client for everything that
//! is not load (INFO, CLUSTER SLOTS, the commands around a workload's phases).

use crate::options::Options;
use crate::words::Word;
use proto::reply::Value;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

/// How long connecting, and each reply to a control command that is not known to be slow, may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where a server listens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl Address {
    /// Looks the host's name up.
    ///
    /// # Errors
    /// A sentence for the user.
    pub fn tcp(host: &str, port: u16) -> Result<Address, String> {
        let found = (host, port).to_socket_addrs().map_err(|e| format!("{host}: {e}"))?.next();
        found.map(Address::Tcp).ok_or_else(|| format!("{host} has no address"))
    }

    /// Whether the server must be on this host.
    #[must_use]
    pub fn is_local(&self) -> bool {
        match self {
            Address::Tcp(address) => address.ip().is_loopback(),
            Address::Unix(_) => true,
        }
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Address::Tcp(address) => address.fmt(f),
            Address::Unix(path) => path.display().fmt(f),
        }
    }
}

/// What every connection says first.
#[derive(Clone, Debug, Default)]
pub struct Greeting {
    commands: Vec<Vec<Word>>,
}

impl Greeting {
    #[must_use]
    pub fn new(options: &Options) -> Greeting {
        let mut commands = Vec::new();
        let mut say = |words: &[&str]| commands.push(words.iter().map(|w| w.as_bytes().to_vec()).collect());
        match (&options.user, &options.password) {
            (Some(user), Some(password)) => say(&["AUTH", user, password]),
            (None, Some(password)) => say(&["AUTH", password]),
            _ => {}
        }
        if options.resp3 {
            say(&["HELLO", "3"]);
        }
        if options.db != 0 {
            say(&["SELECT", &options.db.to_string()]);
        }
        if options.tracking {
            say(&["CLIENT", "TRACKING", "on"]);
        }
        Greeting { commands }
    }
}

trait Stream: Read + Write + Send {
    fn set_timeout(&self, time: Option<Duration>) -> io::Result<()>;
    fn into_fd(self: Box<Self>) -> OwnedFd;
}

impl Stream for TcpStream {
    fn set_timeout(&self, time: Option<Duration>) -> io::Result<()> {
        self.set_read_timeout(time)
    }
    fn into_fd(self: Box<Self>) -> OwnedFd {
        (*self).into()
    }
}

impl Stream for UnixStream {
    fn set_timeout(&self, time: Option<Duration>) -> io::Result<()> {
        self.set_read_timeout(time)
    }
    fn into_fd(self: Box<Self>) -> OwnedFd {
        (*self).into()
    }
}

/// A blocking connection.
pub struct Control {
    stream: Box<dyn Stream>,
    received: Vec<u8>,
    address: Address,
}

impl Control {
    /// Connects and says the greeting.
    ///
    /// # Errors
    /// A sentence for the user.
    pub fn open(address: &Address, greeting: &Greeting) -> Result<Control, String> {
        let fail = |e: io::Error| format!("could not connect to {address}: {e}");
        let stream: Box<dyn Stream> = match address {
            Address::Tcp(to) => {
                let stream = TcpStream::connect_timeout(to, PATIENCE).map_err(fail)?;
                stream.set_nodelay(true).map_err(fail)?;
                Box::new(stream)
            }
            Address::Unix(path) => Box::new(UnixStream::connect(path).map_err(fail)?),
        };
        stream.set_timeout(Some(PATIENCE)).map_err(fail)?;
        let mut control = Control { stream, received: Vec::new(), address: address.clone() };
        for words in &greeting.commands {
            if let Value::Error(text) = control.call(words)? {
                let name = String::from_utf8_lossy(words.first().map_or(&[], Vec::as_slice)).into_owned();
                return Err(format!("{name}: {}", String::from_utf8_lossy(&text)));
            }
        }
        Ok(control)
    }

    /// Waits for replies as long as they take.
    ///
    /// # Errors
    /// A sentence for the user.
    pub fn be_patient(&mut self) -> Result<(), String> {
        self.stream.set_timeout(None).map_err(|e| e.to_string())
    }

    /// Sends a command and reads its reply; pushes are skipped.
    ///
    /// # Errors
    /// A sentence for the user, if there is no reply. An error reply is a reply.
    pub fn call<W: AsRef<[u8]>>(&mut self, words: &[W]) -> Result<Value, String> {
        self.send(words)?;
        self.reply()
    }

    /// As [`Control::call`], with the words in a string.
    ///
    /// # Errors
    /// As there.
    pub fn words(&mut self, text: &str) -> Result<Value, String> {
        self.call(&text.split_whitespace().collect::<Vec<_>>())
    }

    /// Sends a command.
    ///
    /// # Errors
    /// A sentence for the user.
    pub fn send<W: AsRef<[u8]>>(&mut self, words: &[W]) -> Result<(), String> {
        let mut bytes = Vec::new();
        encode(&mut bytes, words);
        self.stream.write_all(&bytes).map_err(|e| format!("{}: {e}", self.address))
    }

    /// Reads one reply.
    ///
    /// # Errors
    /// A sentence for the user.
    pub fn reply(&mut self) -> Result<Value, String> {
        let mut room = [0; 16 << 10];
        loop {
            match Value::parse(&self.received).map_err(|e| format!("{}: {e}", self.address))? {
                Some((value, len)) => {
                    self.received.drain(..len);
                    if !matches!(value, Value::Push(_)) {
                        return Ok(value);
                    }
                }
                None => match self.stream.read(&mut room) {
                    Ok(0) => return Err(format!("{} closed the connection", self.address)),
                    Ok(n) => self.received.extend_from_slice(&room[..n]),
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                    Err(e) => return Err(format!("{}: {e}", self.address)),
                },
            }
        }
    }

    /// One field of INFO.
    ///
    /// # Errors
    /// A sentence for the user, if there is no reply.
    pub fn info(&mut self, section: &str) -> Result<Info, String> {
        Ok(Info(text(&self.call(&["INFO", section])?)))
    }

    /// The descriptor, without what blocks.
    fn into_fd(self) -> io::Result<OwnedFd> {
        let fd = self.stream.into_fd();
        rustix::io::ioctl_fionbio(&fd, true)?;
        Ok(fd)
    }
}

/// What INFO says.
#[derive(Clone, Debug, Default)]
pub struct Info(String);

impl Info {
    /// Of the text of a reply.
    #[must_use]
    pub fn new(text: String) -> Info {
        Info(text)
    }

    /// A field's text.
    #[must_use]
    pub fn get(&self, field: &str) -> Option<&str> {
        let line = self.0.lines().find(|l| l.split(':').next() == Some(field))?;
        Some(line.split_once(':')?.1.trim())
    }

    /// A field that is a number.
    #[must_use]
    pub fn number(&self, field: &str) -> Option<u64> {
        self.get(field)?.parse().ok()
    }
}

/// The text of a reply, of an aggregate its elements by lines.
#[must_use]
pub fn text(value: &Value) -> String {
    match value {
        Value::Simple(t) | Value::Error(t) | Value::Bulk(t) | Value::Verbatim { text: t, .. } => {
            String::from_utf8_lossy(t).into_owned()
        }
        Value::Int(n) => n.to_string(),
        Value::Array(items) | Value::Set(items) => items.iter().map(text).collect::<Vec<_>>().join("\n"),
        Value::Map(pairs) => {
            let line = |(k, v): &(Value, Value)| format!("{}\n{}", text(k), text(v));
            pairs.iter().map(line).collect::<Vec<_>>().join("\n")
        }
        other => format!("{other:?}"),
    }
}

/// Appends a command in RESP.
pub fn encode<W: AsRef<[u8]>>(out: &mut Vec<u8>, words: &[W]) {
    let line = |out: &mut Vec<u8>, sign: u8, n: usize| {
        out.push(sign);
        proto::number::push_i64(out, n as i64);
        out.extend_from_slice(b"\r\n");
    };
    line(out, b'*', words.len());
    for word in words.iter().map(AsRef::as_ref) {
        line(out, b'$', word.len());
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
}

/// A connection for the load: greeted, and set not to block.
///
/// # Errors
/// A sentence for the user.
pub fn connect(address: &Address, greeting: &Greeting) -> Result<OwnedFd, String> {
    Control::open(address, greeting)?.into_fd().map_err(|e| format!("{address}: {e}"))
}
