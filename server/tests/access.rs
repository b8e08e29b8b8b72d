//! Who gets in and how much they may take: passwords, protected mode, the number of clients,
//! idle clients, output limits, Unix sockets, renamed commands.

// A test says what went wrong by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{Conn, Server, Value, keys, peer};
use std::net::{TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

const SHARDS: usize = 2;
const LIMIT: Duration = Duration::from_secs(30);

fn error(text: &str) -> Value {
    Value::Error(text.as_bytes().to_vec())
}

#[test]
fn nothing_without_the_password() {
    const WRONG: &str = "WRONGPASS invalid username-password pair or user is disabled.";
    let server = Server::builder(SHARDS).password("s3cret").start();
    let mut conn = Conn::connect(server.port);
    for line in ["GET k", "PING", "SET k v", "CONFIG GET *", "MGET a b", "CLIENT LIST", "FLUSHALL"] {
        let reply = conn.words(line);
        let expected = "NOAUTH Authentication required.";
        assert_eq!(reply, error(expected), "{line}");
    }
    assert!(conn.words("HELLO 3").text().starts_with("NOAUTH HELLO must be called with the client already"));
    assert_eq!(conn.words("AUTH wrong"), error(WRONG));
    assert_eq!(conn.words("AUTH nobody s3cret"), error(WRONG));
    assert_eq!(conn.words("HELLO 3 AUTH default wrong"), error(WRONG));
    assert_eq!(conn.words("GET k").text(), "NOAUTH Authentication required.");
    assert_eq!(conn.words("AUTH s3cret"), Value::ok());
    assert_eq!(conn.words("SET k v"), Value::ok());
    assert_eq!(conn.words("RESET"), Value::Simple(b"RESET".to_vec()));
    assert_eq!(conn.words("GET k"), error("NOAUTH Authentication required."));
    assert!(matches!(conn.words("HELLO 3 AUTH default s3cret"), Value::Map(_)));
    assert_eq!(conn.words("GET k"), Value::bulk("v"));
}

#[test]
fn the_password_can_be_set_and_taken_away() {
    let server = Server::start(SHARDS);
    let mut before = server.connect();
    before.must("CONFIG SET requirepass later");
    assert_eq!(before.words("PING"), Value::Simple(b"PONG".to_vec()), "who is in stays in");
    let mut after = Conn::connect(server.port);
    assert!(after.words("PING").text().starts_with("NOAUTH"));
    assert_eq!(after.words("AUTH later"), Value::ok());
    assert_eq!(after.call(&["CONFIG", "SET", "requirepass", ""]), Value::ok());
    Conn::connect(server.port).must("PING");
}

/// An address of this machine that is not the loopback, by asking the routing table; nothing is sent.
fn outer_address() -> Option<std::net::IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|ip| !ip.is_loopback())
}

#[test]
fn protected_mode_denies_strangers() {
    const TEST: &str = "protected_mode_denies_strangers";
    let Some(address) = outer_address() else {
        return peer::skip(TEST, "this machine has no address but the loopback");
    };
    let server = Server::builder(SHARDS).args(&["--bind", "0.0.0.0", "--protected-mode", "yes"]).start();
    let connect = || Conn::tcp(TcpStream::connect((address, server.port)).unwrap()).unwrap();
    let denial = connect().read().text();
    assert!(denial.starts_with("DENIED "), "{denial}");
    assert!(denial.contains("is running in protected mode because protected mode is enabled"), "{denial}");
    let mut local = server.connect();
    local.must("CONFIG SET protected-mode no");
    connect().must("PING");
    local.must("CONFIG SET protected-mode yes");
    local.must("CONFIG SET requirepass secret");
    assert!(
        connect().words("PING").text().starts_with("NOAUTH"),
        "with a password, strangers may ask for it"
    );
}

#[test]
fn one_client_too_many_is_told_so() {
    let server = Server::builder(SHARDS).args(&["--maxclients", "4"]).start();
    // Asked on a connection that stays, and is one of the four.
    let mut first = server.connect();
    peer::wait_until("whoever waited for the start has left", LIMIT, || {
        first.words("INFO clients").text().contains("connected_clients:1\r\n")
    });
    let mut conns = vec![first];
    conns.extend((0..3).map(|_| server.connect()));
    conns.iter_mut().for_each(|c| drop(c.must("PING")));
    for _ in 0..3 {
        let mut refused = Conn::connect(server.port);
        let answer = String::from_utf8_lossy(&refused.read_to_end().unwrap()).into_owned();
        assert_eq!(answer, "-ERR max number of clients reached\r\n");
    }
    conns.iter_mut().for_each(|c| drop(c.must("PING")));
    let freed = conns.pop();
    drop(freed);
    // The server learns of the close a moment later; until then it goes on refusing.
    peer::wait_until("a place is free again", LIMIT, || {
        let reply = Conn::connect(server.port).try_call(&["PING"]);
        reply.is_ok_and(|r| r == Value::Simple(b"PONG".to_vec()))
    });
    let rejected: i64 = server.info("rejected_connections").unwrap().parse().unwrap();
    assert!(rejected >= 3, "{rejected}");
}

#[test]
fn idle_clients_are_closed_after_the_timeout() {
    let server = Server::builder(SHARDS).args(&["--timeout", "1"]).start();
    let mut idle = server.connect();
    idle.must("PING");
    assert_eq!(idle.read_to_end().expect("closed, not left waiting"), b"");
}

/// A client with more unread output than it may have is closed; the others are not.
#[test]
fn too_much_unread_output_closes_the_client() {
    let limit = ["--client-output-buffer-limit", "normal", "1mb", "0", "0"];
    let server = Server::builder(SHARDS).args(&limit).start();
    let mut conn = server.connect();
    conn.call(&["SET", "big", &"x".repeat(500_000)]);
    let mut greedy = server.connect();
    // 100 MB: more than the sockets' buffers hold.
    greedy.send_raw(&b"GET big\r\n".repeat(200));
    // The one that asks, and `conn`.
    server.wait_for_clients(2);
    assert_eq!(conn.words("STRLEN big"), Value::Int(500_000));
    drop(greedy);
}

/// The most memory that a process has had, in bytes.
fn peak_memory(server: &Server) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).expect("the kernel keeps account");
    line.trim_end_matches("kB").trim().parse::<usize>().unwrap() << 10
}

/// Replies are bounded while they are written, not only once a whole pipeline has been answered: of one shard, of
/// another, of both in one batch, and in an EXEC.
#[test]
fn a_pipeline_s_replies_are_bounded_while_they_are_written() {
    let limit = ["--client-output-buffer-limit", "normal", "4mb", "0", "0"];
    let server = Server::builder(SHARDS).args(&limit).start();
    let keys = keys::spread("big", 2);
    let mut conn = server.connect();
    keys.iter().for_each(|key| assert_eq!(conn.call(&["SET", key, &"x".repeat(1 << 20)]), Value::ok()));
    let before = peak_memory(&server);
    let [get_a, get_b] = [&keys[0], &keys[1]].map(|key| format!("GET {key}\r\n").repeat(400));
    let both = format!("GET {}\r\nGET {}\r\n", keys[0], keys[1]).repeat(200);
    let exec = format!("MULTI\r\n{both}EXEC\r\n");
    for (n, pipeline) in [get_a, get_b, both, exec].iter().enumerate() {
        let mut greedy = server.connect();
        greedy.send_raw(pipeline.as_bytes());
        let answered = greedy.read_to_end().map_or(0, |bytes| bytes.len());
        assert!(answered < 400 << 20, "it is closed, and not answered");
        let closed = server.info("client_output_buffer_limit_disconnections");
        assert_eq!(closed, Some((n + 1).to_string()), "{}", &pipeline[..20]);
    }
    let grown = peak_memory(&server).saturating_sub(before);
    assert!(grown < 100 << 20, "{grown} bytes for a client that may have 4 MiB");
    keys.iter().for_each(|key| assert_eq!(conn.call(&["STRLEN", key]), Value::Int(1 << 20)));
}

#[test]
fn a_small_output_limit_leaves_room_for_small_replies() {
    let limit = ["--client-output-buffer-limit", "normal", "10", "0", "0"];
    let server = Server::builder(SHARDS).args(&limit).start();
    let mut conn = server.connect();
    conn.call(&["SET", "big", &"x".repeat(100_000)]);
    assert!(conn.words("INFO stats").text().contains("client_output_buffer_limit_disconnections:0"));
    assert!(conn.try_call(&["GET", "big"]).is_err(), "a reply that no buffer holds");
    let stats = server.connect().words("INFO stats").text();
    assert!(stats.contains("client_output_buffer_limit_disconnections:1"), "{stats}");
}

#[test]
fn a_unix_socket_serves_beside_the_port() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s.sock");
    let name = path.display().to_string();
    let mut server =
        Server::builder(SHARDS).args(&["--unixsocket", &name, "--unixsocketperm", "700"]).start();
    server.connect().must("SET from port");
    let mut conns: Vec<_> = (0..5).map(|_| Conn::unix(&path)).collect();
    for conn in &mut conns {
        assert_eq!(conn.words("GET from"), Value::bulk("port"));
    }
    let list = conns[0].must("CLIENT LIST").text();
    assert!(list.lines().any(|l| l.contains(&format!("addr={name}:0"))), "{list}");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
    server.signal(rustix::process::Signal::TERM);
    server.wait(LIMIT);
    assert!(!path.exists(), "the socket is left behind");
}

#[test]
fn several_addresses_are_bound_and_optional_ones_may_fail() {
    let server =
        Server::builder(SHARDS).args(&["--bind", "127.0.0.1", "-127.0.0.2", "-::1", "-192.0.2.1"]).start();
    server.connect().must("PING");
    Conn::tcp(TcpStream::connect(("127.0.0.2", server.port)).unwrap()).unwrap().must("PING");
    let mut wrong = Server::builder(SHARDS)
        .args(&["--bind", "127.0.0.1", "192.0.2.1"])
        .spawn(common::process::free_port());
    assert_eq!(wrong.wait(LIMIT).code(), Some(1), "an address that is not optional must be there");
}

#[test]
fn renamed_commands_have_only_their_new_name() {
    let config = "rename-command GET fetch\nrename-command FLUSHALL \"\"\n";
    let server = Server::builder(SHARDS).config(config).start();
    let mut conn = server.connect();
    conn.must("SET k v");
    assert_eq!(conn.words("FETCH k"), Value::bulk("v"));
    assert!(conn.words("GET k").text().starts_with("ERR unknown command 'GET'"));
    assert!(conn.words("FLUSHALL").text().starts_with("ERR unknown command 'FLUSHALL'"));
}

#[test]
fn clients_are_listed_found_and_killed_on_every_shard() {
    let server = Server::start(3);
    let mut conns: Vec<_> = (0..12).map(|_| server.connect()).collect();
    let ids: Vec<_> = conns
        .iter_mut()
        .enumerate()
        .map(|(n, conn)| {
            conn.must(&format!("CLIENT SETNAME name-{n}"));
            conn.must("CLIENT ID").int().unwrap()
        })
        .collect();
    assert!(ids.windows(2).all(|w| w[0] < w[1]), "ids grow: {ids:?}");
    let list = conns[0].must("CLIENT LIST").text();
    for (n, id) in ids.iter().enumerate() {
        let line = list.lines().find(|l| l.starts_with(&format!("id={id} "))).unwrap_or_default();
        assert!(line.contains(&format!(" name=name-{n} ")), "{id}: {list}");
    }
    let some = conns[0].must(&format!("CLIENT LIST ID {} {}", ids[3], ids[7])).text();
    assert_eq!(some.lines().filter(|l| l.starts_with("id=")).count(), 2, "{some}");
    assert_eq!(conns[0].must(&format!("CLIENT KILL ID {}", ids[5])), Value::Int(1));
    assert!(conns[5].try_call(&["PING"]).is_err(), "a killed client is closed");
    assert_eq!(conns[0].must("CLIENT KILL TYPE normal"), Value::Int(10), "SKIPME yes is the default");
    conns[0].must("PING");
    server.wait_for_clients(2);
}

/// CLIENT REPLY: what is not to be answered is not, and what follows is in step.
#[test]
fn replies_can_be_switched_off() {
    let server = Server::start(SHARDS);
    let mut conn = server.connect();
    conn.send_raw(b"CLIENT REPLY SKIP\r\nSET a 1\r\nGET a\r\n");
    assert_eq!(conn.read(), Value::bulk("1"));
    conn.send_raw(b"CLIENT REPLY OFF\r\nSET b 2\r\nnosuch\r\nGET b\r\nCLIENT REPLY ON\r\nGET b\r\n");
    assert_eq!([conn.read(), conn.read()], [Value::ok(), Value::bulk("2")]);
}

/// CLIENT PAUSE holds commands on every shard until UNPAUSE.
#[test]
fn a_pause_holds_writes_until_it_ends() {
    let server = Server::start(3);
    let mut admin = server.connect();
    let mut conns: Vec<_> = (0..6).map(|_| server.connect()).collect();
    admin.must("CLIENT PAUSE 600000 WRITE");
    for (n, conn) in conns.iter_mut().enumerate() {
        assert!(conn.words(&format!("GET k{n}")).is_null(), "reads go on");
        conn.send_raw(format!("SET k{n} v\r\n").as_bytes());
    }
    peer::wait_until("the writes wait", LIMIT, || server.info("blocked_clients") == Some("6".into()));
    assert_eq!(admin.must("DBSIZE"), Value::Int(0));
    admin.must("CLIENT UNPAUSE");
    assert!(conns.iter_mut().all(|c| c.read() == Value::ok()));
    assert_eq!(admin.must("DBSIZE"), Value::Int(6));
}
