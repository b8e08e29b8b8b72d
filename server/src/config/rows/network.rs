//! Where the server listens, and how its sockets behave.

use crate::config::row::*;

pub const ROWS: &[Directive] = &[
    other(
        "bind",
        Kind::Bind,
        "* -::*",
        "Addresses to listen on. A leading '-' means that the address may be missing from this host; '*' is every IPv4 and '::*' every IPv6 address.",
    ),
    int("port", 0, 65535, "6379", "TCP port. 0 listens on no TCP socket."),
    yes_no(
        "protected-mode",
        "yes",
        "Refuse clients from other hosts while the default user has no password.",
    ),
    int(
        "tcp-backlog",
        0,
        INT_MAX,
        "511",
        "Connections that the kernel may hold ready to be accepted. The kernel's net.core.somaxconn caps it.",
    )
    .fixed(),
    optional("unixsocket", "Path of a Unix socket to listen on as well.").fixed(),
    other(
        "unixsocketperm",
        Kind::Octal { max: 0o777 },
        "0",
        "Permissions of the Unix socket, in octal. 0 leaves them to the umask.",
    )
    .fixed(),
    optional("unixsocketgroup", "Group that is to own the Unix socket.").fixed().hidden(),
    int(
        "timeout",
        0,
        INT_MAX,
        "0",
        "Seconds after which an idle client is disconnected. 0 never disconnects it.",
    ),
    int(
        "tcp-keepalive",
        0,
        INT_MAX,
        "300",
        "Seconds between TCP keepalive probes on a silent connection, so that dead peers are found. 0 sends none.",
    ),
    optional("bind-source-addr", "Local address from which connections to other servers are made.")
        .no_effect(super::replication::NOT_BUILT),
    int(
        "socket-mark-id",
        0,
        u32::MAX as i64,
        "0",
        "Mark set on the listening sockets (SO_MARK), for routing and filtering rules. 0 sets none.",
    )
    .fixed(),
];
