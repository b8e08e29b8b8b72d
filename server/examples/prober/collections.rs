//! The load of one big value of each collection type: built by commands of one element, read in slices of 100,
//! and taken away by DEL, by UNLINK and by its time to live.
//!
//! After each of the three the load waits until the server has nothing left to free, and probes on meanwhile.

use crate::conn::Conn;
use crate::probe::Probe;
use crate::{Options, REST, unix_ms, wait_until};

/// Elements asked for at once.
const SLICE: u64 = 100;

/// Reads the big value, of so many elements, from its beginning to its end.
type Read = fn(&mut Conn, u64);

/// A collection type.
struct Kind {
    name: &'static str,
    /// Adds the element of this number and text.
    add: fn(u64, &str) -> String,
    reads: &'static [(&'static str, Read)],
}

const KINDS: [Kind; 5] = [
    Kind { name: "list", add: |i, text| format!("RPUSH big {text}:{i}\r\n"), reads: &[("LRANGE", lrange)] },
    Kind {
        name: "set",
        add: |i, text| format!("SADD big {text}:{i}\r\n"),
        reads: &[("SSCAN", |conn, n| scan(conn, "SSCAN", n))],
    },
    Kind {
        name: "hash",
        add: |i, text| format!("HSET big field:{i} {text}\r\n"),
        reads: &[("HSCAN", |conn, n| scan(conn, "HSCAN", n))],
    },
    Kind {
        name: "zset",
        // Scores out of order, so that leaves are divided everywhere.
        add: |i, text| format!("ZADD big {} {text}:{i}\r\n", i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40),
        reads: &[("ZRANGE", zrange), ("ZSCAN", |conn, n| scan(conn, "ZSCAN", n))],
    },
    Kind {
        name: "stream",
        add: |_, text| format!("XADD big * field {text}\r\n"),
        reads: &[("XRANGE", xrange)],
    },
];

fn by_index(conn: &mut Conn, command: &str, elements: u64) {
    for first in (0..elements).step_by(SLICE as usize) {
        conn.call(&format!("{command} big {first} {}", first + SLICE - 1));
    }
}

fn lrange(conn: &mut Conn, elements: u64) {
    by_index(conn, "LRANGE", elements);
}

fn zrange(conn: &mut Conn, elements: u64) {
    by_index(conn, "ZRANGE", elements);
}

fn scan(conn: &mut Conn, command: &str, _elements: u64) {
    let mut cursor = "0".to_string();
    loop {
        let reply = conn.call(&format!("{command} big {cursor} COUNT {SLICE}"));
        cursor = reply.first().map_or_else(String::new, |text| String::from_utf8_lossy(text).into_owned());
        if cursor == "0" {
            return;
        }
    }
}

fn xrange(conn: &mut Conn, _elements: u64) {
    let mut start = "-".to_string();
    loop {
        let reply = conn.call(&format!("XRANGE big {start} + COUNT {SLICE}"));
        // An entry is its id, a field and a value.
        let Some([id, _, _]) = reply.last_chunk() else { return };
        start = format!("({}", String::from_utf8_lossy(id));
    }
}

/// What a server says is still to be freed.
fn garbage(conn: &mut Conn) -> bool {
    let info = conn.call("INFO memory").concat();
    let info = String::from_utf8_lossy(&info);
    let pending = info.lines().find_map(|line| line.strip_prefix("lazyfree_pending_objects:"));
    pending.is_some_and(|count| count.trim() != "0")
}

pub fn run(options: &Options) {
    let text = "x".repeat(options.value_bytes);
    let n = options.elements;
    Probe::beside(options, |probe, conn: &mut Conn| {
        conn.load(options.keys, |i| format!("SET key:{i} {text}\r\n"));
        probe.phase("idle", || std::thread::sleep(REST));
        for kind in &KINDS {
            let build = |conn: &mut Conn| conn.load(n, |i| (kind.add)(i, &text));
            let gone = |conn: &mut Conn| wait_until(|| conn.integer("EXISTS big") == 0 && !garbage(conn));
            probe.phase(&format!("{}: build", kind.name), || build(conn));
            for (command, read) in kind.reads {
                probe.phase(&format!("{}: {command}", kind.name), || read(conn, n));
            }
            for command in ["DEL", "UNLINK"] {
                probe.phase(&format!("{}: {command}", kind.name), || {
                    conn.call(&format!("{command} big"));
                    gone(conn);
                    std::thread::sleep(REST);
                });
                probe.phase(&format!("{}: build again", kind.name), || build(conn));
            }
            let at = unix_ms() + 500;
            conn.call(&format!("PEXPIREAT big {at}"));
            probe.phase(&format!("{}: expires", kind.name), || {
                wait_until(|| unix_ms() >= at && conn.integer("DBSIZE") == options.keys && !garbage(conn));
                std::thread::sleep(REST);
            });
        }
    });
}
