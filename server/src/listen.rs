//! Listening sockets, made and bound before any thread starts, and again when CONFIG SET changes
//! `port` or `bind`.
//!
//! All cores share these sockets. SO_REUSEPORT would give each core its own, but the kernel would
//! then spread connections by a hash, however few there are, and a listener of a dying process
//! could take its successor's.
//!
//! An address with a leading `-` may be missing from the host; a family that the kernel does not
//! have is passed over, as long as something is listened on. Everything else that fails ends the
//! start, with Redis's lines in the log.

use crate::config::{Settings, os_reason};
use crate::log;
use rustix::io::Errno;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;

/// The longest path of a Unix socket, in bytes.
const UNIX_PATH_MAX: usize = 107;

/// A socket that is listened on, without blocking.
#[derive(Debug)]
pub struct Listener {
    pub fd: OwnedFd,
    /// `tcp` or `unix`, as "Ready to accept connections" names it.
    pub kind: &'static str,
    /// The address, or the path.
    pub at: String,
}

/// Listens on everything that the settings name. What fails is logged.
///
/// # Errors
/// The last line, to end the start with.
pub fn listen(settings: &Settings) -> Result<Vec<Listener>, String> {
    let failed = |kind: &str| format!("Failed listening on port {} ({kind}), aborting.", settings.port);
    let mut listeners = listen_tcp(settings).map_err(|_| failed("tcp"))?;
    if let Some(path) = &settings.unixsocket {
        listeners
            .push(listen_unix(path, settings).map_err(|why| format!("Failed opening Unix socket: {why}"))?);
    }
    if listeners.is_empty() {
        return Err("Configured to not listen anywhere, exiting.".into());
    }
    Ok(listeners)
}

/// The TCP part: what CONFIG SET port and bind make anew. Empty with port 0 or without addresses.
///
/// # Errors
/// The kernel's, for the first address that may not fail; logged already.
pub fn listen_tcp(settings: &Settings) -> io::Result<Vec<Listener>> {
    let mut listeners = Vec::new();
    if settings.port == 0 {
        return Ok(listeners);
    }
    for bind in &settings.bind {
        let (address, optional) = match bind.strip_prefix('-') {
            Some(address) => (address, true),
            None => (bind.as_str(), false),
        };
        match bind_tcp(address, settings) {
            Ok(fd) => {
                let at = format!("{address}:{}", settings.port);
                listeners.push(Listener { fd, kind: "tcp", at });
            }
            Err((error, why)) => {
                log::warning(format_args!(
                    "Warning: Could not create server TCP listening socket {address}:{}: {why}",
                    settings.port
                ));
                if !may_be_missing(&error, optional) {
                    return Err(error);
                }
            }
        }
    }
    Ok(listeners)
}

fn may_be_missing(error: &io::Error, optional: bool) -> bool {
    match Errno::from_io_error(error) {
        Some(Errno::ADDRNOTAVAIL) => optional,
        Some(errno) => {
            use Errno as E;
            [E::NOPROTOOPT, E::PROTONOSUPPORT, E::SOCKTNOSUPPORT, E::PFNOSUPPORT, E::AFNOSUPPORT]
                .contains(&errno)
        }
        None => false,
    }
}

/// An error with the line that tells it.
type Told = (io::Error, String);

fn bind_tcp(address: &str, settings: &Settings) -> Result<OwnedFd, Told> {
    let address = resolve(address, settings.port)?;
    let told = |step: &'static str| {
        move |error: io::Error| {
            let why = format!("{step}: {}", os_reason(&error));
            (error, why)
        }
    };
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP)).map_err(told("socket"))?;
    if address.is_ipv6() {
        socket.set_only_v6(true).map_err(told("setsockopt"))?;
    }
    socket.set_reuse_address(true).map_err(told("setsockopt SO_REUSEADDR"))?;
    if settings.socket_mark_id != 0 {
        socket.set_mark(settings.socket_mark_id).map_err(told("setsockopt SO_MARK"))?;
    }
    socket.bind(&address.into()).map_err(told("bind"))?;
    socket.listen(settings.tcp_backlog).map_err(told("listen"))?;
    socket.set_nonblocking(true).map_err(told("fcntl"))?;
    Ok(socket.into())
}

/// `*` is every IPv4 address and `::*` every IPv6 one; a colon tells the families apart.
fn resolve(address: &str, port: u16) -> Result<SocketAddr, Told> {
    let v6 = address.contains(':');
    match address {
        "*" => return Ok((Ipv4Addr::UNSPECIFIED, port).into()),
        "::*" => return Ok((Ipv6Addr::UNSPECIFIED, port).into()),
        _ => {}
    }
    let unknown = |error: io::Error| {
        let why = os_reason(&error);
        (error, why.strip_prefix("failed to lookup address information: ").unwrap_or(&why).to_owned())
    };
    let mut found = (address, port).to_socket_addrs().map_err(unknown)?;
    found
        .find(|address| address.is_ipv6() == v6)
        .ok_or_else(|| (io::ErrorKind::NotFound.into(), "Name or service not known".to_owned()))
}

/// Listens on a Unix socket. A socket that is there already is taken for one left behind and
/// removed; any other file is left, and fails the binding.
fn listen_unix(path: &Path, settings: &Settings) -> Result<Listener, String> {
    let length = path.as_os_str().len();
    if length > UNIX_PATH_MAX {
        return Err(format!("unix socket path too long ({length}), must be under {}", UNIX_PATH_MAX + 1));
    }
    if std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket()) {
        let _ = std::fs::remove_file(path);
    }
    let told = |step: &'static str| move |error: io::Error| format!("{step}: {}", os_reason(&error));
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None).map_err(told("creating socket"))?;
    let address = SockAddr::unix(path).map_err(told("bind"))?;
    socket.bind(&address).map_err(told("bind"))?;
    if settings.unixsocketperm != 0 {
        let permissions = std::fs::Permissions::from_mode(settings.unixsocketperm);
        std::fs::set_permissions(path, permissions).map_err(told("chmod"))?;
    }
    if let Some(group) = &settings.unixsocketgroup {
        set_group(path, group)?;
    }
    socket.listen(settings.tcp_backlog).map_err(told("listen"))?;
    socket.set_nonblocking(true).map_err(told("fcntl"))?;
    Ok(Listener { fd: socket.into(), kind: "unix", at: path.display().to_string() })
}

/// Gives the socket to a group, named as in /etc/group or by number.
fn set_group(path: &Path, group: &str) -> Result<(), String> {
    let number = group.parse().ok().or_else(|| {
        let groups = std::fs::read_to_string("/etc/group").ok()?;
        let line = groups.lines().find(|line| line.split(':').next() == Some(group))?;
        line.split(':').nth(2)?.parse().ok()
    });
    let number = number.ok_or_else(|| format!("error retrieving group id for group {group}"))?;
    std::os::unix::fs::chown(path, None, Some(number))
        .map_err(|error| format!("chown: {}", os_reason(&error)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::net::UnixStream;

    fn settings(bind: &[&str], port: u16) -> Settings {
        let bind = bind.iter().map(ToString::to_string).collect();
        Settings { bind, port, ..Settings::default() }
    }

    fn free_port() -> u16 {
        TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
    }

    #[test]
    fn several_addresses_and_missing_ones() {
        let port = free_port();
        let listeners = listen(&settings(&["127.0.0.1", "127.0.0.2", "-192.0.2.1"], port)).unwrap();
        let at: Vec<&str> = listeners.iter().map(|l| l.at.as_str()).collect();
        assert_eq!(at, [format!("127.0.0.1:{port}"), format!("127.0.0.2:{port}")]);
        TcpStream::connect(("127.0.0.2", port)).unwrap();
    }

    #[test]
    fn an_address_that_must_be_there_fails_the_start() {
        let port = free_port();
        let error = listen(&settings(&["127.0.0.1", "192.0.2.1"], port)).unwrap_err();
        assert_eq!(error, format!("Failed listening on port {port} (tcp), aborting."));
        TcpListener::bind(("127.0.0.1", port)).expect("the first socket is closed again");
    }

    #[test]
    fn a_busy_port_is_named() {
        let busy = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = busy.local_addr().unwrap().port();
        let (_, why) = bind_tcp("127.0.0.1", &settings(&[], port)).unwrap_err();
        assert_eq!(why, "bind: Address already in use");
        assert!(listen(&settings(&["-127.0.0.1"], port)).is_err(), "a busy port is no missing address");
    }

    #[test]
    fn a_family_the_kernel_lacks_is_passed_over() {
        let lacks = io::Error::from_raw_os_error(Errno::AFNOSUPPORT.raw_os_error());
        assert!(may_be_missing(&lacks, false));
        let absent = io::Error::from_raw_os_error(Errno::ADDRNOTAVAIL.raw_os_error());
        assert!(may_be_missing(&absent, true) && !may_be_missing(&absent, false));
    }

    #[test]
    fn nowhere_to_listen() {
        assert_eq!(listen(&settings(&["*"], 0)).unwrap_err(), "Configured to not listen anywhere, exiting.");
        assert_eq!(listen(&settings(&[], 1)).unwrap_err(), "Configured to not listen anywhere, exiting.");
    }

    #[test]
    fn names_and_wildcards_resolve_within_their_family() {
        assert_eq!(resolve("*", 1).unwrap().to_string(), "0.0.0.0:1");
        assert_eq!(resolve("::*", 1).unwrap().to_string(), "[::]:1");
        assert_eq!(resolve("::1", 1).unwrap().to_string(), "[::1]:1");
        assert!(resolve("localhost", 1).unwrap().is_ipv4());
        assert!(resolve("no.such.host.invalid", 1).is_err());
    }

    #[test]
    fn a_unix_socket_replaces_one_left_behind() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let settings = Settings { unixsocket: Some(path.clone()), unixsocketperm: 0o700, ..settings(&[], 0) };
        drop(listen(&settings).unwrap());
        let listeners = listen(&settings).unwrap();
        assert_eq!(listeners[0].kind, "unix");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        let mut client = UnixStream::connect(&path).unwrap();
        drop(listeners);
        assert_eq!(client.read(&mut [0]).unwrap_or(0), 0);
    }

    #[test]
    fn another_file_is_not_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("precious");
        std::fs::write(&path, "x").unwrap();
        let error = listen(&Settings { unixsocket: Some(path.clone()), ..settings(&[], 0) }).unwrap_err();
        assert_eq!(error, "Failed opening Unix socket: bind: Address already in use");
        assert_eq!(std::fs::read_to_string(path).unwrap(), "x");
    }

    #[test]
    fn a_path_that_is_too_long() {
        let path = Path::new("/tmp").join("x".repeat(200));
        let error = listen_unix(&path, &settings(&[], 0)).unwrap_err();
        assert_eq!(error, "unix socket path too long (205), must be under 108");
    }
}
