//! A server with planted faults: a few commands on strings, a thread a connection, one lock.

use proto::reply::Value;
use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What goes wrong.
#[derive(Clone, Copy, Default)]
pub struct Faults {
    /// Before this request the server stands still for 200 ms, once.
    pub stall_at: Option<u64>,
    /// Every so many SETs one is acknowledged and not done.
    pub lose_every: Option<u64>,
    /// The connection is closed instead of this request's reply.
    pub close_at: Option<u64>,
    /// Something else than RESP is sent instead of this request's reply.
    pub babble_at: Option<u64>,
}

#[derive(Default)]
pub struct State {
    keys: HashMap<Vec<u8>, Vec<u8>>,
    requests: u64,
    sets: u64,
    /// How often each command came.
    pub counts: HashMap<String, u64>,
    /// Keys that were named, and how often.
    pub named: HashMap<String, u64>,
    pub connections: u64,
}

/// A running server; its threads end with the test.
pub struct Fake {
    pub port: u16,
    pub state: Arc<Mutex<State>>,
}

impl Fake {
    pub fn start(faults: Faults) -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || serve(stream, &shared, faults));
            }
        });
        Fake { port, state }
    }

    /// How often a command came.
    pub fn count(&self, command: &str) -> u64 {
        self.state.lock().expect("the lock").counts.get(command).copied().unwrap_or(0)
    }
}

fn serve(mut stream: TcpStream, state: &Mutex<State>, faults: Faults) {
    stream.set_nodelay(true).expect("TCP");
    state.lock().expect("the lock").connections += 1;
    let (mut received, mut room) = (Vec::new(), vec![0; 1 << 16]);
    let mut multi = None;
    while let Ok(n @ 1..) = stream.read(&mut room) {
        received.extend_from_slice(&room[..n]);
        let (mut at, mut replies) = (0, Vec::new());
        while let Some((words, len)) = request(&received[at..]) {
            at += len;
            let mut state = state.lock().expect("the lock");
            state.requests += 1;
            let number = Some(state.requests);
            if number == faults.stall_at {
                std::thread::sleep(Duration::from_millis(200)); // with the lock: nobody is served
            }
            if number == faults.close_at {
                return;
            }
            if number == faults.babble_at {
                replies.extend_from_slice(b"HTTP/1.1 400 Bad Request\r\n\r\n");
                break;
            }
            answer(&mut state, &words, &mut multi, faults, &mut replies);
        }
        received.drain(..at);
        if stream.write_all(&replies).is_err() {
            return;
        }
    }
}

/// The words of a request, in RESP or inline, and its length.
fn request(bytes: &[u8]) -> Option<(Vec<String>, usize)> {
    if bytes.first()? != &b'*' {
        let end = bytes.iter().position(|&b| b == b'\n')?;
        let line = String::from_utf8_lossy(&bytes[..end]);
        return Some((line.split_whitespace().map(String::from).collect(), end + 1));
    }
    let (value, len) = Value::parse(bytes).expect("RESP")?;
    let Value::Array(items) = value else { panic!("an array") };
    let word = |item: Value| match item {
        Value::Bulk(bytes) => String::from_utf8(bytes).expect("text"),
        other => panic!("{other:?}"),
    };
    Some((items.into_iter().map(word).collect(), len))
}

fn answer(
    state: &mut State,
    words: &[String],
    multi: &mut Option<Vec<Vec<String>>>,
    faults: Faults,
    out: &mut Vec<u8>,
) {
    let name = words[0].to_uppercase();
    *state.counts.entry(name.clone()).or_default() += 1;
    match (name.as_str(), multi.as_mut()) {
        ("EXEC", Some(_)) => {
            let queued = multi.take().unwrap_or_default();
            out.extend_from_slice(format!("*{}\r\n", queued.len()).as_bytes());
            queued.iter().for_each(|words| execute(state, words, faults, out));
        }
        ("MULTI", None) => {
            *multi = Some(Vec::new());
            out.extend_from_slice(b"+OK\r\n");
        }
        (_, Some(queue)) => {
            queue.push(words.to_vec());
            out.extend_from_slice(b"+QUEUED\r\n");
        }
        _ => execute(state, words, faults, out),
    }
}

fn execute(state: &mut State, words: &[String], faults: Faults, out: &mut Vec<u8>) {
    if let Some(key) = words.get(1) {
        *state.named.entry(key.clone()).or_default() += 1;
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [name, key, value] if name.eq_ignore_ascii_case("SET") => {
            state.sets += 1;
            if faults.lose_every.is_none_or(|n| !state.sets.is_multiple_of(n)) {
                state.keys.insert(key.as_bytes().to_vec(), value.as_bytes().to_vec());
            }
            out.extend_from_slice(b"+OK\r\n");
        }
        [name, key] if name.eq_ignore_ascii_case("GET") => match state.keys.get(key.as_bytes()) {
            Some(value) => {
                out.extend_from_slice(format!("${}\r\n", value.len()).as_bytes());
                out.extend_from_slice(value);
                out.extend_from_slice(b"\r\n");
            }
            None => out.extend_from_slice(b"$-1\r\n"),
        },
        [name, key] if name.eq_ignore_ascii_case("DEL") => {
            let gone = state.keys.remove(key.as_bytes()).is_some();
            out.extend_from_slice(format!(":{}\r\n", u8::from(gone)).as_bytes());
        }
        [name] if name.eq_ignore_ascii_case("PING") => out.extend_from_slice(b"+PONG\r\n"),
        [name, ..] => out.extend_from_slice(format!("-ERR planted: no {name}\r\n").as_bytes()),
        [] => {}
    }
}
