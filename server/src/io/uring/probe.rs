//! Can this process use io_uring? Found out by using it.
//!
//! A version number would lie: containers, seccomp profiles and sysctls forbid what the kernel
//! could do, some of them only half of it. So the probe sets up a small ring exactly as a core
//! does, and receives and sends a few bytes over a socket pair.

use super::{UringIo, UringOptions};
use crate::io::{Closed, ConnId, FileDone, Io, Sink, Socket};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use std::io;
use std::time::Duration;

const OPTIONS: UringOptions =
    UringOptions { submissions: 8, completions: 32, buffers: 4, buffer_size: 4096, defer: true };
const HELLO: &[u8] = b"PING";

/// Tells whether the io_uring backend works here, or in one sentence why it does not.
pub fn probe_uring() -> Result<(), String> {
    let mut io = UringIo::with_options(OPTIONS).map_err(|error| explain(&error))?;
    let heard = echo(&mut io).map_err(|error| explain(&error))?;
    if heard == HELLO {
        Ok(())
    } else {
        Err("io_uring is present but does not deliver what a socket receives".to_owned())
    }
}

/// Sends a few bytes through the ring and returns what it received back.
fn echo(io: &mut UringIo) -> io::Result<Vec<u8>> {
    let (ours, theirs) = socketpair(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
        None,
    )?;
    let id = ConnId { slot: 0, generation: 0 };
    let mut heard = Heard::default();
    io.add(id, Socket::Fd(ours))?;
    io.send(id, HELLO.to_vec());
    io.turn(Some(Duration::ZERO), &mut heard)?;
    let mut bytes = [0; 16];
    let count = rustix::io::read(&theirs, &mut bytes)?;
    rustix::io::write(&theirs, &bytes[..count])?;
    for _ in 0..10 {
        if heard.bytes.len() < count && !heard.ended {
            io.turn(Some(Duration::from_millis(100)), &mut heard)?;
        }
    }
    Ok(heard.bytes)
}

/// One sentence, without a full stop, for the line that says which backend serves.
fn explain(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(libc::ENOSYS) => "this kernel (or its sandbox) has no io_uring".to_owned(),
        Some(libc::EPERM | libc::EACCES) => forbidden(),
        Some(libc::EINVAL | libc::EOPNOTSUPP) => {
            "this kernel's io_uring is too old (Linux 6.0 is needed, 6.1 is better)".to_owned()
        }
        Some(libc::ENOMEM) => "io_uring needs more locked memory (raise ulimit -l, LimitMEMLOCK)".to_owned(),
        Some(libc::EMFILE | libc::ENFILE) => "no file descriptor is left for io_uring".to_owned(),
        _ => format!("io_uring does not work here: {error}"),
    }
}

fn forbidden() -> String {
    let setting = std::fs::read_to_string("/proc/sys/kernel/io_uring_disabled").unwrap_or_default();
    match setting.trim() {
        "1" => "io_uring is forbidden to this user (kernel.io_uring_disabled = 1)".to_owned(),
        "2" => "io_uring is forbidden on this machine (kernel.io_uring_disabled = 2)".to_owned(),
        _ => "io_uring is forbidden to this process (by a seccomp profile, as containers have it)".to_owned(),
    }
}

#[derive(Default)]
struct Heard {
    bytes: Vec<u8>,
    ended: bool,
}

impl Sink for Heard {
    fn accepted(&mut self, _: usize, _: Socket) {}
    fn accept_failed(&mut self, _: usize, _: i32) {}
    fn received(&mut self, _: ConnId, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }
    fn closed(&mut self, _: ConnId, _: Closed) {
        self.ended = true;
    }
    fn file_done(&mut self, _: FileDone) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_its_sentence() {
        let sentence = |errno| explain(&io::Error::from_raw_os_error(errno));
        assert!(sentence(libc::ENOSYS).contains("no io_uring"));
        assert!(sentence(libc::EPERM).contains("forbidden"));
        assert!(sentence(libc::EINVAL).contains("6.0"));
        assert!(sentence(libc::ENOMEM).contains("ulimit -l"));
        assert!(sentence(libc::EIO).contains("does not work here"));
    }
}
