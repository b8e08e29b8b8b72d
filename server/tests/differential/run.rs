//! Runs steps against both servers and compares.

use crate::common::client::show;
use crate::common::{Cmd, Conn, Server, Value, cmd};
use crate::compare;
use crate::listen::Listener;
use crate::stream::Step;
use std::collections::BTreeSet;

const DATABASES: usize = 16;
/// More turns than any SCAN of a stream's few hundred keys needs, with COUNT 1 too.
const SCAN_TURNS: usize = 20_000;

pub struct Pair<'a> {
    servers: [&'a Server; 2],
    conns: [Conn; 2],
    listeners: [Listener; 2],
    /// The commands of the transaction that is open.
    queued: Option<Vec<Cmd>>,
    version: u8,
}

type Outcome = Result<(), String>;

fn differ(what: &str, redis: &dyn std::fmt::Debug, percore: &dyn std::fmt::Debug) -> String {
    format!("{what}\n  Redis:   {redis:?}\n  Percore: {percore:?}")
}

impl<'a> Pair<'a> {
    pub fn new(redis: &'a Server, percore: &'a Server, version: u8) -> Self {
        let servers = [redis, percore];
        let (conns, listeners) = (connect(servers, version), servers.map(Listener::new));
        Self { servers, conns, listeners, queued: None, version }
    }

    /// Empties both servers and connects anew.
    pub fn reset(&mut self) {
        self.conns = connect(self.servers, self.version);
        self.queued = None;
        for conn in &mut self.conns {
            conn.must("FLUSHALL");
            conn.must("CONFIG SET slowlog-max-len 128 timeout 0 set-max-intset-entries 512");
            conn.must("CONFIG SET stream-node-max-entries 100 stream-node-max-bytes 4096");
            conn.must("CONFIG SET list-max-listpack-size -2 list-compress-depth 0");
            conn.must("CONFIG SET zset-max-listpack-entries 128 zset-max-listpack-value 64");
            conn.must("CONFIG SET hash-max-listpack-entries 512 hash-max-listpack-value 64");
        }
        self.listeners = self.servers.map(Listener::new);
    }

    /// Runs a step; the error says how the servers differ.
    pub fn run(&mut self, step: &Step) -> Outcome {
        match step {
            Step::Pipeline(commands) => self.pipeline(commands),
            Step::Inline(line) => self.inline(line),
            Step::Scan(options) => self.scan(options),
            Step::RandomKey => self.random_key(),
            Step::Broken(bytes) => self.broken(bytes),
            Step::Restore(from, to) => self.restore(from, to),
            Step::Listen => self.listen(),
            Step::Walk => self.walk(),
        }
    }

    fn pipeline(&mut self, commands: &[Cmd]) -> Outcome {
        let answers = self.both(|conn| conn.try_pipeline(commands).map_err(|e| e.to_string()));
        let [Ok(redis), Ok(percore)] = &answers else {
            return Err(differ("a connection failed", &answers[0], &answers[1]));
        };
        for ((command, redis), percore) in commands.iter().zip(redis).zip(percore) {
            if !self.same(command, redis, percore) {
                return Err(differ(&show(command), redis, percore));
            }
        }
        Ok(())
    }

    /// Compares two replies, those of a transaction one by one.
    fn same(&mut self, command: &Cmd, redis: &Value, percore: &Value) -> bool {
        let name = command[0].to_ascii_uppercase();
        if *redis == Value::Simple(b"QUEUED".to_vec()) {
            self.queued.iter_mut().for_each(|queued| queued.push(command.clone()));
            return redis == percore;
        }
        match (&name[..], redis) {
            (b"MULTI", redis) if !redis.is_error() => self.queued = Some(Vec::new()),
            (b"DISCARD" | b"RESET", redis) if !redis.is_error() => self.queued = None,
            (b"EXEC", redis) => match (self.queued.take(), redis, percore) {
                (Some(queued), Value::Array(mine), Value::Array(theirs)) => {
                    let replies = mine.iter().zip(theirs);
                    return queued.len() == mine.len()
                        && mine.len() == theirs.len()
                        && queued.iter().zip(replies).all(|(c, (a, b))| compare::same(c, a, b));
                }
                _ => return redis == percore,
            },
            _ => {}
        }
        compare::same(command, redis, percore)
    }

    fn restore(&mut self, from: &[u8], to: &[u8]) -> Outcome {
        let [dump, other] = self.both(|conn| conn.call(&[b"DUMP", from]));
        let Value::Bulk(dump) = dump else {
            return if dump == other { Ok(()) } else { Err(differ("DUMP", &dump, &other)) };
        };
        let command = cmd(&[&b"RESTORE"[..], to, b"0", &dump, b"REPLACE"]);
        self.pipeline(&[command])
    }

    fn listen(&mut self) -> Outcome {
        let ([one, two], [a, b]) = (&mut self.conns, &mut self.listeners);
        let (redis, percore) = (a.hear(one)?, b.hear(two)?);
        let keys: BTreeSet<_> = redis.keys().chain(percore.keys()).collect();
        match keys.into_iter().find(|&key| redis.get(key) != percore.get(key)) {
            Some(key) => Err(differ(&format!("notifications {key:?}"), &redis.get(key), &percore.get(key))),
            None => Ok(()),
        }
    }

    fn both<T>(&mut self, mut ask: impl FnMut(&mut Conn) -> T) -> [T; 2] {
        let [redis, percore] = &mut self.conns;
        [ask(redis), ask(percore)]
    }

    fn inline(&mut self, line: &[u8]) -> Outcome {
        let bytes = [line, b"\r\n"].concat();
        let [redis, percore] = self
            .both(|conn| conn.try_send_raw(&bytes).and_then(|()| conn.try_read()).map_err(|e| e.to_string()));
        match redis == percore && redis.is_ok() {
            true => Ok(()),
            false => Err(differ(&format!("inline {}", line.escape_ascii()), &redis, &percore)),
        }
    }

    fn scan(&mut self, options: &[Vec<u8>]) -> Outcome {
        let [redis, percore] = self.both(|conn| scan_all(conn, options));
        if redis == percore {
            return Ok(());
        }
        Err(differ(&format!("SCAN loop {}", show(options)), &redis, &percore))
    }

    fn random_key(&mut self) -> Outcome {
        let [redis, percore] = self.both(|conn| conn.words("RANDOMKEY"));
        let there = match &percore {
            Value::Bulk(key) => self.conns[0].call(&[b"EXISTS", &key[..]]) == Value::Int(1),
            _ => redis == percore,
        };
        if there { Ok(()) } else { Err(differ("RANDOMKEY", &redis, &percore)) }
    }

    /// The bytes on a fresh connection: what comes back until the close must be the same.
    fn broken(&mut self, bytes: &[u8]) -> Outcome {
        let answers = self.servers.map(|server| {
            let mut conn = server.connect();
            // The server may close before it has taken everything.
            let sent = conn.try_send_raw(bytes);
            conn.finish_sending();
            let answer = conn.read_to_end().unwrap_or_else(|e| format!("(read failed: {e})").into_bytes());
            drop(sent);
            String::from_utf8_lossy(&answer).into_owned()
        });
        let [redis, percore] = answers;
        if redis == percore { Ok(()) } else { Err(differ("broken frame", &redis, &percore)) }
    }

    /// Compares every key of every database: type, value, encoding, expiry.
    pub fn walk(&mut self) -> Outcome {
        let servers = self.servers;
        let mut conns = connect(servers, self.version);
        for db in 0..DATABASES {
            let [redis, percore] = &mut conns;
            let keys = keys_of(redis, db);
            let other = keys_of(percore, db);
            if keys != other {
                return Err(differ(&format!("keys of database {db}"), &keys, &other));
            }
            for some in keys.chunks(500) {
                walk_keys(redis, percore, db, some)?;
            }
        }
        Ok(())
    }
}

fn connect(servers: [&Server; 2], version: u8) -> [Conn; 2] {
    servers.map(|s| if version == 3 { s.connect3() } else { s.connect() })
}

fn keys_of(conn: &mut Conn, db: usize) -> Vec<Vec<u8>> {
    conn.must(&format!("SELECT {db}"));
    let mut keys: Vec<_> =
        conn.must("KEYS *").items().iter().filter_map(|k| k.bytes().map(<[u8]>::to_vec)).collect();
    keys.sort();
    keys
}

fn walk_keys(redis: &mut Conn, percore: &mut Conn, db: usize, keys: &[Vec<u8>]) -> Outcome {
    let mut kinds = Vec::new();
    for question in [
        &["TYPE"][..],
        &["GET"],
        &["HGETALL"],
        &["SMEMBERS"],
        &["LRANGE"],
        &["ZUNION", "1"],
        &["OBJECT", "ENCODING"],
        &["PEXPIRETIME"],
        &["XINFO", "STREAM"],
        &["XINFO", "GROUPS"],
    ] {
        let ask = |key: &Vec<u8>| {
            let mut command = cmd(question);
            command.push(key.clone());
            if question == ["LRANGE"] {
                command.extend([b"0".to_vec(), b"-1".to_vec()]);
            }
            command
        };
        let commands: Vec<Cmd> = keys.iter().map(ask).collect();
        let (mine, theirs) = (redis.pipeline(&commands), percore.pipeline(&commands));
        if question == ["TYPE"] {
            kinds.clone_from(&mine);
        }
        for (at, ((command, a), b)) in commands.iter().zip(&mine).zip(&theirs).enumerate() {
            let is_same = match question {
                ["OBJECT", "ENCODING"] => compare::same_encoding(&kinds[at], a, b),
                _ => compare::same(command, a, b),
            };
            if !is_same {
                return Err(differ(&format!("walk, database {db}: {}", show(command)), a, b));
            }
        }
    }
    Ok(())
}

/// All keys of a SCAN loop, as a set.
fn scan_all(conn: &mut Conn, options: &[Vec<u8>]) -> Result<BTreeSet<Vec<u8>>, String> {
    let mut found = BTreeSet::new();
    let mut cursor = b"0".to_vec();
    for _ in 0..SCAN_TURNS {
        let mut command = cmd(&[b"SCAN", &cursor[..]]);
        command.extend_from_slice(options);
        let reply = conn.call(&command);
        let (Some(next), Some(keys)) = (reply.items().first().cloned(), reply.items().get(1).cloned()) else {
            return Err(format!("{reply:?}"));
        };
        found.extend(keys.items().iter().filter_map(|k| k.bytes().map(<[u8]>::to_vec)));
        cursor = next.bytes().unwrap_or(b"?").to_vec();
        if cursor == b"0" {
            return Ok(found);
        }
    }
    Err(format!("not at its end after {SCAN_TURNS} turns"))
}
