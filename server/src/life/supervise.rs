//! Telling a supervisor that the server is ready.
//!
//! systemd: a datagram to the socket that `NOTIFY_SOCKET` names, with lines of `KEY=value`
//! (sd_notify(3)); the protocol is stable and small, so no library is needed for it. upstart: the
//! process stops itself, which upstart takes for readiness and continues.

use crate::config::choices::Supervised;
use crate::log;
use std::ffi::OsString;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Who watches over this process.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Supervision {
    None,
    Upstart,
    /// The value of `NOTIFY_SOCKET`.
    Systemd(OsString),
}

impl Supervision {
    /// Finds the supervisor that `supervised` names, and tells it that the server is loading. One
    /// that is not there is a warning.
    #[must_use]
    pub fn begin(supervised: Supervised) -> Self {
        let supervision =
            Self::find(supervised, std::env::var_os("NOTIFY_SOCKET"), std::env::var_os("UPSTART_JOB"));
        match &supervision {
            Self::Systemd(_) => {
                supervision.notify("STATUS=Percore is loading...\n");
                log::notice(format_args!(
                    "Supervised by systemd. Please make sure you set appropriate values for \
                     TimeoutStartSec and TimeoutStopSec in your service unit."
                ));
            }
            Self::Upstart => {
                log::notice(format_args!("supervised by upstart, will stop to signal readiness."));
            }
            Self::None => {}
        }
        supervision
    }

    fn find(supervised: Supervised, socket: Option<OsString>, job: Option<OsString>) -> Self {
        match (supervised, socket, job) {
            (Supervised::Upstart | Supervised::Auto, _, Some(_)) => Self::Upstart,
            (Supervised::Systemd | Supervised::Auto, Some(socket), _) => Self::Systemd(socket),
            (Supervised::Upstart, _, None) => {
                log::warning(format_args!("upstart supervision requested, but UPSTART_JOB not found!"));
                Self::None
            }
            (Supervised::Systemd, None, _) => {
                log::warning(format_args!("systemd supervision error: NOTIFY_SOCKET not found!"));
                Self::None
            }
            _ => Self::None,
        }
    }

    /// Says that connections are served.
    pub fn ready(&self) {
        match self {
            Self::None => {}
            Self::Systemd(_) => self.notify("STATUS=Ready to accept connections\nREADY=1\n"),
            Self::Upstart => {
                let _ =
                    rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP);
            }
        }
    }

    /// Says that the server is shutting down.
    pub fn stopping(&self) {
        self.notify("STOPPING=1\n");
    }

    fn notify(&self, text: &str) {
        let Self::Systemd(socket) = self else { return };
        if let Err(error) = send(socket, text) {
            log::warning(format_args!("systemd supervision error: sd_notify: {error}"));
        }
    }
}

/// Sends to a socket named by a path, or by `@` and a name in the abstract namespace.
fn send(socket: &OsString, text: &str) -> io::Result<()> {
    let address = match socket.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(socket)?,
    };
    let datagram = UnixDatagram::unbound()?;
    datagram.set_nonblocking(true)?;
    datagram.send_to_addr(text.as_bytes(), &address).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systemd_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        let supervision = Supervision::find(Supervised::Auto, Some(path.into()), None);
        supervision.ready();
        let mut buffer = [0; 100];
        let n = socket.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..n], b"STATUS=Ready to accept connections\nREADY=1\n");
    }

    #[test]
    fn abstract_sockets() {
        let name = format!("percore-test-{}", std::process::id());
        let socket = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        send(&format!("@{name}").into(), "x").unwrap();
        assert_eq!(socket.recv(&mut [0; 4]).unwrap(), 1);
    }

    #[test]
    fn supervisors_are_found_by_their_variables() {
        let find = |kind, socket: Option<&str>, job: Option<&str>| {
            Supervision::find(kind, socket.map(Into::into), job.map(Into::into))
        };
        assert_eq!(find(Supervised::No, Some("s"), Some("j")), Supervision::None);
        assert_eq!(find(Supervised::Auto, None, None), Supervision::None);
        assert_eq!(find(Supervised::Auto, Some("s"), Some("j")), Supervision::Upstart);
        assert_eq!(find(Supervised::Systemd, Some("s"), Some("j")), Supervision::Systemd("s".into()));
        assert_eq!(find(Supervised::Systemd, None, None), Supervision::None);
        assert_eq!(find(Supervised::Upstart, Some("s"), None), Supervision::None);
    }
}
