//! MONITOR: every command, as it is accepted, to the clients that asked for it. While nobody listens the
//! only cost is one relaxed load a command.
//!
//! The core that receives a command writes the line, in the order of each connection, and posts it
//! to the cores that have a listener.

use crate::conn::Conn;
use crate::core::state::Now;
use crate::secret::{REDACTED, is_secret};
use parking_lot::Mutex;
use proto::args::Args;
use proto::command::{CommandSpec, Flags};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many clients listen, and lines of this turn on their way to them.
#[derive(Default, Debug)]
pub struct Monitors {
    listeners: AtomicUsize,
    /// Lines by the core that wrote them, taken at the end of its turn.
    lines: Mutex<Vec<(usize, Arc<[u8]>)>>,
}

impl Monitors {
    #[inline]
    #[must_use]
    pub fn any(&self) -> bool {
        self.listeners.load(Ordering::Relaxed) != 0
    }

    pub fn joined(&self) {
        self.listeners.fetch_add(1, Ordering::SeqCst);
    }

    pub fn left(&self) {
        self.listeners.fetch_sub(1, Ordering::SeqCst);
    }

    /// Writes the line of one command accepted on `core`; secrets and administration are left out, as in Redis.
    #[cold]
    pub fn feed(&self, core: usize, conn: &Conn, spec: &CommandSpec, args: Args<'_>, now: Now) {
        if spec.flags.contains(Flags::SKIP_MONITOR) || spec.flags.contains(Flags::ADMIN) {
            return;
        }
        let line = line(conn, spec, args, now);
        self.lines.lock().push((core, line));
    }

    /// Takes the lines that `core` has written this turn.
    pub fn take(&self, core: usize) -> Vec<Arc<[u8]>> {
        let mut lines = self.lines.lock();
        let mut mine = Vec::new();
        lines.retain(|(c, line)| {
            if *c == core {
                mine.push(line.clone());
            }
            *c != core
        });
        mine
    }
}

/// `+1339518083.107412 [0 127.0.0.1:60866] "keys" "*"`.
fn line(conn: &Conn, spec: &CommandSpec, args: Args<'_>, now: Now) -> Arc<[u8]> {
    let (s, us) = (now.unix_us / 1_000_000, now.unix_us % 1_000_000);
    let peer = match conn.ends.peer.strip_suffix(":0") {
        Some(path) if conn.ends.unix => format!("unix:{path}"),
        _ => conn.ends.peer.clone(),
    };
    let mut out = format!("+{s}.{us:06} [{} {peer}]", conn.db).into_bytes();
    for (i, arg) in args.iter().enumerate() {
        out.push(b' ');
        quoted(if is_secret(spec, args, i) { REDACTED } else { arg }, &mut out);
    }
    out.extend_from_slice(b"\r\n");
    out.into()
}

/// Appends `text` in quotes, with what is not printable escaped as `sdscatrepr` does.
pub fn quoted(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for &b in text {
        match b {
            b'\\' | b'"' => out.extend_from_slice(&[b'\\', b]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            7 => out.extend_from_slice(b"\\a"),
            8 => out.extend_from_slice(b"\\b"),
            0x20..=0x7e => out.push(b),
            _ => out.extend_from_slice(format!("\\x{b:02x}").as_bytes()),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conn::Ends;
    use crate::io::ConnId;
    use proto::args::OwnedArgs;
    use proto::command::resolve;

    fn line_of(ends: Ends, parts: &[&[u8]]) -> String {
        let conn = Conn::new(ConnId { slot: 0, generation: 0 }, 1, ends, 0);
        let now = Now { mono_ns: 0, unix_us: 1_339_518_083_107_412 };
        let own = OwnedArgs::of(parts);
        let line = line(&conn, resolve(own.args()).unwrap(), own.args(), now);
        String::from_utf8_lossy(&line).into_owned()
    }

    #[test]
    fn a_line_is_what_redis_writes() {
        let ends = Ends { peer: "127.0.0.1:60866".into(), ..Ends::default() };
        assert_eq!(
            line_of(ends, &[b"set", b"a\"b\\", b"\x00\xff\n"]),
            "+1339518083.107412 [0 127.0.0.1:60866] \"set\" \"a\\\"b\\\\\" \"\\x00\\xff\\n\"\r\n"
        );
    }

    #[test]
    fn secrets_are_left_out() {
        let ends = Ends { peer: "/run/s:0".into(), unix: true, ..Ends::default() };
        assert_eq!(
            line_of(ends, &[b"hello", b"3", b"auth", b"u", b"pw"]),
            "+1339518083.107412 [0 unix:/run/s] \"hello\" \"3\" \"auth\" \"(redacted)\" \"(redacted)\"\r\n"
        );
    }
}
