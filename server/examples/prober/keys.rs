//! The load of many keys: inserted, UNLINKed, expiring at one instant, flushed.

use crate::conn::Conn;
use crate::probe::Probe;
use crate::{Options, REST, unix_ms, wait_until};

pub fn run(options: &Options) {
    let value = "x".repeat(options.value_bytes);
    let set = |i: u64| format!("SET key:{i} {value}\r\n");
    Probe::beside(options, |probe, conn: &mut Conn| {
        probe.phase("idle", || std::thread::sleep(REST));
        let insert = probe.phase("insert", || conn.load(options.keys, set));
        probe.phase("UNLINK", || conn.load(options.keys, |i| format!("UNLINK key:{i}\r\n")));
        let at = unix_ms() + 2 * insert.as_millis() as u64 + 3000;
        let expiring = |i: u64| format!("SET key:{i} {value} PXAT {at}\r\n");
        probe.phase("insert with expiry", || conn.load(options.keys, expiring));
        probe.phase("all expire at once", || {
            wait_until(|| unix_ms() >= at && conn.integer("DBSIZE") == 0);
            std::thread::sleep(REST);
        });
        probe.phase("insert again", || conn.load(options.keys, set));
        probe.phase("FLUSHALL ASYNC", || {
            conn.call("FLUSHALL ASYNC");
            std::thread::sleep(REST);
        });
    });
}
