//! An accepted socket made ready to be served: options set, both ends named as CLIENT LIST prints
//! them. Two or three system calls a connection, none a request.

use crate::conn::Ends;
use crate::io::Socket;
use rustix::net::sockopt;
use rustix::net::{SocketAddrAny, getpeername, getsockname};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

/// Sets TCP_NODELAY and keepalive (every `keepalive_seconds`; 0: off), and names the ends. A
/// socket that refuses an option is served without it.
#[must_use]
pub fn prepare(socket: &Socket, keepalive_seconds: u32) -> Ends {
    match socket {
        Socket::Fd(fd) => prepare_fd(fd, keepalive_seconds),
        Socket::Sim(n) => {
            let (peer, local) = (format!("10.0.0.1:{n}"), "10.0.0.2:6379".to_owned());
            Ends { peer, local, unix: false, loopback: true, fd: -1 }
        }
    }
}

fn prepare_fd(fd: &OwnedFd, keepalive_seconds: u32) -> Ends {
    let peer = getpeername(fd).ok().flatten().and_then(inet);
    let local = getsockname(fd).ok();
    let mut ends = Ends { fd: fd.as_raw_fd(), ..Ends::default() };
    match (peer, local) {
        (Some(peer), local) => {
            let _ = sockopt::set_tcp_nodelay(fd, true);
            if keepalive_seconds > 0 {
                keep_alive(fd, keepalive_seconds);
            }
            ends.loopback = peer.ip().to_canonical().is_loopback();
            ends.peer = peer.to_string();
            ends.local = local.and_then(inet).map(|a| a.to_string()).unwrap_or_default();
        }
        (None, local) => {
            ends.unix = true;
            ends.loopback = true;
            ends.local = format!("{}:0", local.map(unix_path).unwrap_or_default());
            ends.peer.clone_from(&ends.local);
        }
    }
    ends
}

fn inet(addr: SocketAddrAny) -> Option<SocketAddr> {
    addr.try_into().ok()
}

fn unix_path(addr: SocketAddrAny) -> String {
    let unix: Result<rustix::net::SocketAddrUnix, _> = addr.try_into();
    let path = unix.ok().and_then(|u| u.path_bytes().map(<[u8]>::to_vec));
    path.map(|p| String::from_utf8_lossy(&p).into_owned()).unwrap_or_default()
}

/// As Redis does: the first probe after `seconds` of silence, then three more within as long again.
fn keep_alive(fd: &OwnedFd, seconds: u32) {
    let _ = sockopt::set_socket_keepalive(fd, true);
    let _ = sockopt::set_tcp_keepidle(fd, Duration::from_secs(u64::from(seconds)));
    let _ = sockopt::set_tcp_keepintvl(fd, Duration::from_secs(u64::from((seconds / 3).max(1))));
    let _ = sockopt::set_tcp_keepcnt(fd, 3);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::net::{UnixListener, UnixStream};

    #[test]
    fn tcp_ends_are_named() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (served, _) = listener.accept().unwrap();
        let fd: OwnedFd = served.into();
        assert!(!sockopt::tcp_nodelay(&fd).unwrap());
        let ends = prepare_fd(&fd, 300);
        assert!(sockopt::tcp_nodelay(&fd).unwrap() && sockopt::socket_keepalive(&fd).unwrap());
        assert_eq!(ends.peer, client.local_addr().unwrap().to_string());
        assert_eq!(ends.local, listener.local_addr().unwrap().to_string());
        assert!(ends.loopback && !ends.unix);
    }

    #[test]
    fn unix_ends_are_named_by_their_path() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let _client = UnixStream::connect(&path).unwrap();
        let (served, _) = listener.accept().unwrap();
        let ends = prepare_fd(&served.into(), 300);
        assert!(ends.unix && ends.loopback);
        assert_eq!(ends.peer, format!("{}:0", path.display()));
    }
}
