//! Clients while a file is loaded: most commands are refused, some run, and the server can be stopped.

use super::common::{Conn, Server, Value};
use super::{FILE, LIMIT, SLOW, info, numbered, on, wait_until_loaded};
use rustix::process::Signal;

const KEYS: usize = 100_000;
const REFUSED: &str = "LOADING Redis is loading the dataset in memory";

fn error(text: &str) -> Value {
    Value::Error(text.into())
}

/// A server that is busy with a file until `key-load-delay` is taken away.
fn busy(shards: usize) -> (Server, Conn) {
    let server = on(shards, &numbered(KEYS)).args(SLOW).start();
    let mut conn = server.connect();
    assert_eq!(info(&mut conn, "loading").as_deref(), Some("1"));
    (server, conn)
}

fn check_refusals(conn: &mut Conn) {
    for line in [
        "PING",
        "GET key:1",
        "SET a 1",
        "MGET key:1 key:2 key:3",
        "DBSIZE",
        "FLUSHALL",
        "KEYS *",
        "SMOVE a b c",
        "BLPOP a 0",
        "SORT a",
        "SCAN 0",
    ] {
        assert_eq!(conn.words(line), error(REFUSED), "{line}");
    }
    assert_eq!(conn.words("CONFIG SET appendonly yes"), error(REFUSED));
    assert_eq!(conn.words("DEBUG RELOAD NOSAVE"), error(REFUSED), "one load at a time");
}

fn check_what_runs(conn: &mut Conn) {
    assert_eq!(conn.words("SELECT 1"), Value::ok());
    assert_eq!(conn.words("SELECT 0"), Value::ok());
    assert_eq!(conn.words("CLIENT SETNAME x"), Value::ok());
    assert_eq!(conn.words("CONFIG SET loglevel notice"), Value::ok());
    assert_eq!(conn.words("PUBLISH c m").int(), Some(0));
    assert_eq!(conn.words("WATCH a"), Value::ok());
    assert_eq!(conn.words("UNWATCH"), Value::ok());
    for line in ["ECHO a", "TIME", "COMMAND COUNT", "INFO", "CLIENT LIST", "LATENCY LATEST"] {
        assert!(!conn.words(line).is_error(), "{line}");
    }
    assert_eq!(conn.words("MULTI"), Value::ok());
    assert_eq!(conn.words("SELECT 0").text(), "QUEUED");
    assert_eq!(conn.words("CONFIG GET port").text(), "QUEUED");
    assert_eq!(conn.words("EXEC").items().len(), 2);
    assert_eq!(conn.words("MULTI"), Value::ok());
    assert_eq!(conn.words("GET a"), error(REFUSED));
    assert_eq!(conn.words("EXEC"), error("EXECABORT Transaction discarded because of previous errors."));
}

fn check_listeners(server: &Server) {
    let (mut listener, mut speaker) = (server.connect(), server.connect());
    assert_eq!(listener.words("SUBSCRIBE c").items().len(), 3);
    assert_eq!(speaker.words("PUBLISH c m").int(), Some(1));
    assert_eq!(listener.read().items().len(), 3);
}

fn check_info(conn: &mut Conn, file_len: usize) {
    let mut number =
        |field| info(conn, field).unwrap_or_else(|| panic!("no {field}")).parse::<f64>().unwrap();
    assert_eq!(number("async_loading"), 0.0);
    assert!(number("loading_start_time") > 1.6e9);
    assert_eq!(number("loading_total_bytes"), file_len as f64);
    assert_eq!(number("loading_rdb_used_mem"), f64::from(1 << 20));
    assert!(number("loading_loaded_bytes") < file_len as f64);
    assert!((0.0..100.0).contains(&number("loading_loaded_perc")));
    assert!(number("loading_eta_seconds") >= 1.0);
}

#[test]
fn clients_are_refused_until_all_is_there() {
    for shards in [1, 2] {
        let (server, mut conn) = busy(shards);
        let file_len = std::fs::metadata(server.dir().join(FILE)).unwrap().len() as usize;
        check_refusals(&mut conn);
        check_what_runs(&mut conn);
        check_listeners(&server);
        check_info(&mut conn, file_len);
        assert!(!server.log().contains("Ready to accept"));
        assert_eq!(info(&mut conn, "loading").as_deref(), Some("1"), "all of this was meanwhile");
        assert_eq!(conn.words("CONFIG SET key-load-delay 0"), Value::ok());
        wait_until_loaded(&server);
        assert_eq!(conn.words("DBSIZE").int(), Some(KEYS as i64));
        assert_eq!(conn.words("GET key:77"), Value::bulk("value 77"));
        assert_eq!(info(&mut conn, "loading_total_bytes"), None);
        let refused = server.info("errorstat_LOADING").expect("they are counted");
        assert!(refused.starts_with("count="), "{refused}");
        server.wait_for_log("Ready to accept connections tcp");
    }
}

#[test]
fn a_server_that_loads_can_be_stopped() {
    for shards in [1, 2] {
        for how in ["SHUTDOWN", "SHUTDOWN SAVE", ""] {
            let (mut server, mut conn) = busy(shards);
            let file = std::fs::read(server.dir().join(FILE)).unwrap();
            if how.is_empty() {
                server.signal(Signal::TERM);
            } else {
                assert!(conn.try_call(&how.split(' ').collect::<Vec<_>>()).is_err(), "no reply");
            }
            let status = server.wait(LIMIT);
            assert_eq!(status.code(), Some(0), "{}", server.log());
            assert_eq!(std::fs::read(server.dir().join(FILE)).unwrap(), file, "the file is as it was");
            assert!(server.log().contains("bye bye"), "{}", server.log());
        }
    }
}
