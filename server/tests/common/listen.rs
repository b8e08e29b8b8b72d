//! Hearing what comes for a client that listens, without waiting in vain: behind a PING's answer everything has come.

use super::client::encode;
use super::{Conn, Value};

/// Sends a command and a PING; everything that comes before PING's answer.
pub fn says(conn: &mut Conn, line: &str) -> Vec<Value> {
    let mut bytes = Vec::new();
    encode(&mut bytes, &line.split_whitespace().collect::<Vec<_>>());
    conn.send_raw(&bytes);
    hears(conn)
}

/// Everything that has come for a connection.
pub fn hears(conn: &mut Conn) -> Vec<Value> {
    const END: &str = "the end";
    let mut bytes = Vec::new();
    encode(&mut bytes, &["PING", END]);
    conn.send_raw(&bytes);
    let end = Value::bulk(END);
    let mut heard = Vec::new();
    loop {
        match conn.read() {
            value if value == end || value == Value::Array(vec![Value::bulk("pong"), end.clone()]) => {
                return heard;
            }
            value => heard.push(value),
        }
    }
}
