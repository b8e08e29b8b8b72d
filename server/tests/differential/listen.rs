//! What subscribers to keyspace notifications hear of the stream. Events of one key must come in one order;
//! between keys of several shards there is none.

use crate::common::{Conn, Server, Value};
use std::collections::BTreeMap;

/// The channel of the message behind which nothing is heard of what came before it.
const END: &str = "end-of-step";

/// A listener: its connection hears everything of every database.
pub struct Listener(Conn);

/// What was heard: per channel of a key its events, per event and key how often.
pub type Heard = BTreeMap<(String, String), Vec<String>>;

impl Listener {
    pub fn new(server: &Server) -> Self {
        let mut conn = server.connect();
        conn.must("CONFIG SET notify-keyspace-events KEA");
        conn.must(&format!("PSUBSCRIBE __key*@*__:* {END}"));
        // The confirmation of the second pattern.
        conn.read();
        Self(conn)
    }

    /// Everything since the last time. A message that the stream's own connection publishes now comes
    /// behind all that it did: that is a promise of both servers.
    pub fn hear(&mut self, stream: &mut Conn) -> Result<Heard, String> {
        stream.try_call(&["PUBLISH", END, ""]).map_err(|e| e.to_string())?;
        let mut heard = Heard::new();
        loop {
            let message = self.0.try_read().map_err(|e| e.to_string())?;
            let [_, _, channel, payload] = &message.items()[..] else { return Err(format!("{message:?}")) };
            if *channel == Value::bulk(END) {
                return Ok(heard);
            }
            let text = |v: &Value| v.bytes().unwrap_or_default().escape_ascii().to_string();
            let (channel, payload) = (text(channel), text(payload));
            let (key, event) = match channel.starts_with("__keyspace") {
                true => ((channel, String::new()), payload),
                false => ((channel, payload), "told".to_string()),
            };
            heard.entry(key).or_default().push(event);
        }
    }
}
