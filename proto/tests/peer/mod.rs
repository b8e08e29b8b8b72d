//! A real redis-server on a Unix socket of its own, and just enough of a client to ask it.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a test fails by panicking, and does I/O
#![allow(clippy::disallowed_types, clippy::disallowed_macros)] // a peer is reached through a socket

use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use proto::encode::Resp;

/// A reply of either protocol version. Simple and bulk strings are kept apart, sets and arrays too.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    Null,
    Int(i64),
    Simple(String),
    Error(String),
    Bulk(Vec<u8>),
    Array(Vec<Value>),
    Set(Vec<Value>),
    Map(Vec<(Value, Value)>),
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("null"),
            Value::Int(n) => write!(f, "{n}"),
            Value::Simple(text) => write!(f, "+{text}"),
            Value::Error(text) => write!(f, "-{text}"),
            Value::Bulk(bytes) => write!(f, "\"{}\"", bytes.escape_ascii()),
            Value::Array(items) => f.debug_list().entries(items).finish(),
            Value::Set(items) => f.debug_set().entries(items).finish(),
            Value::Map(pairs) => f.debug_map().entries(pairs.iter().map(|(k, v)| (k, v))).finish(),
        }
    }
}

impl Value {
    pub fn items(&self) -> &[Value] {
        match self {
            Value::Array(items) | Value::Set(items) => items,
            other => panic!("a list was expected: {other:?}"),
        }
    }

    pub fn pairs(&self) -> impl Iterator<Item = (&Value, &Value)> {
        let Value::Map(pairs) = self else { panic!("a map was expected: {self:?}") };
        pairs.iter().map(|(key, value)| (key, value))
    }

    pub fn field(&self, name: &str) -> Option<&Value> {
        self.pairs().find(|(key, _)| key.bytes() == name.as_bytes()).map(|(_, value)| value)
    }

    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Value::Bulk(bytes) => bytes.clone(),
            other => panic!("a bulk string was expected: {other:?}"),
        }
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.bytes()).unwrap()
    }

    /// The same value with the elements of all sets and maps in a fixed order.
    pub fn sorted(self) -> Value {
        match self {
            Value::Set(items) => {
                let mut items: Vec<Value> = items.into_iter().map(Value::sorted).collect();
                items.sort();
                Value::Set(items)
            }
            Value::Array(items) => Value::Array(items.into_iter().map(Value::sorted).collect()),
            Value::Map(pairs) => {
                let mut pairs: Vec<_> = pairs.into_iter().map(|(k, v)| (k, v.sorted())).collect();
                pairs.sort();
                Value::Map(pairs)
            }
            other => other,
        }
    }
}

/// Reads one reply.
pub fn read_value(from: &mut impl BufRead) -> Value {
    let mut line = Vec::new();
    from.read_until(b'\n', &mut line).unwrap();
    let line = String::from_utf8(line).unwrap();
    let (kind, rest) = line.trim_end_matches("\r\n").split_at(1);
    let count = || rest.parse::<i64>().unwrap();
    match kind {
        "_" => Value::Null,
        ":" => Value::Int(count()),
        "+" => Value::Simple(rest.to_owned()),
        "-" => Value::Error(rest.to_owned()),
        "$" | "*" if count() < 0 => Value::Null,
        "$" => {
            let mut bytes = vec![0; count() as usize + 2];
            from.read_exact(&mut bytes).unwrap();
            bytes.truncate(bytes.len() - 2);
            Value::Bulk(bytes)
        }
        "*" => Value::Array((0..count()).map(|_| read_value(from)).collect()),
        "~" => Value::Set((0..count()).map(|_| read_value(from)).collect()),
        "%" => Value::Map((0..count()).map(|_| (read_value(from), read_value(from))).collect()),
        other => panic!("reply type {other:?}"),
    }
}

/// The server and a connection to it; both end with the value.
pub struct Peer {
    server: Child,
    dir: PathBuf,
    stream: BufReader<UnixStream>,
}

impl Peer {
    /// A fresh server of version 7.0; `None`, and a line that names the test, when there is none.
    pub fn start(test: &str) -> Option<Peer> {
        let version = Command::new("redis-server").arg("--version").output();
        let version =
            version.map(|out| String::from_utf8_lossy(&out.stdout).into_owned()).unwrap_or_default();
        if !version.contains("v=7.0.") {
            let found = if version.is_empty() { "none is installed" } else { version.trim() };
            let required = std::env::var_os("PERCORE_REQUIRE_PEERS").is_some_and(|v| v == "1");
            assert!(!required, "{test} needs redis-server 7.0, and {found}");
            eprintln!("skipped: {test}: needs redis-server 7.0, and {found}");
            return None;
        }
        let dir = std::env::temp_dir().join(format!("percore-{test}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let mut server = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--unixsocket", "socket", "--dir"])
            .arg(&dir)
            .current_dir(&dir)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let stream = loop {
            match UnixStream::connect(dir.join("socket")) {
                Ok(stream) => break stream,
                Err(_) => assert_eq!(server.try_wait().unwrap(), None, "redis-server ended"),
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        Some(Peer { server, dir, stream: BufReader::new(stream) })
    }

    pub fn hello(&mut self, resp: Resp) {
        self.ask(&["HELLO", if resp == Resp::V3 { "3" } else { "2" }]);
    }

    pub fn ask(&mut self, words: &[&str]) -> Value {
        self.ask_bytes(&words.iter().map(|w| w.as_bytes()).collect::<Vec<_>>())
    }

    pub fn ask_bytes(&mut self, words: &[&[u8]]) -> Value {
        let mut request = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            request.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            request.extend_from_slice(word);
            request.extend_from_slice(b"\r\n");
        }
        self.stream.get_mut().write_all(&request).unwrap();
        read_value(&mut self.stream)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}
