//! Keyspace notifications over real sockets: what every command tells, on one, two and three shards, beside what
//! redis-server tells; and their order where keys lie on several shards.
//!
//! A listener knows that it has heard everything of a command when it has the message that the same client
//! publishes after the command's reply: that a change is told before what its client does next is one of the promises.

// A test says what went wrong by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::keys::spread;
use common::{Cmd, Conn, Server, Value, cmd, peer};
use std::collections::BTreeMap;
use std::time::Duration;

const SHARDS: [usize; 3] = [1, 2, 3];
const LIMIT: Duration = Duration::from_secs(60);

/// Commands, and the events they make: `event key`, with `@db` where that is not 0. Keys get a hash tag, or none.
/// `WAIT` lets what expires in a millisecond expire, and tells nothing, since nobody looks.
const STRINGS: &str = "
    SET a 1 -> new a, set a
    SET a 2 -> set a
    SET a 2 EX 100 -> set a, expire a
    SET a 2 KEEPTTL -> set a
    SET a 2 NX ->
    SET nope 2 XX ->
    SET a 3 GET -> set a
    SET q 3 GET -> keymiss q, new q, set q
    SETNX a 1 ->
    SETNX b 1 -> new b, set b
    SETEX a 100 1 -> set a, expire a
    PSETEX c 100000 1 -> new c, set c, expire c
    GETSET a 1 -> set a
    GETSET d 1 -> keymiss d, new d, set d
    GETDEL d -> del d
    GETDEL d -> keymiss d
    GET a ->
    GET nope -> keymiss nope
    STRLEN nope -> keymiss nope
    GETRANGE nope 0 1 -> keymiss nope
    GETEX a ->
    GETEX a EX 100 -> expire a
    GETEX a PERSIST -> persist a
    GETEX a PERSIST ->
    GETEX nope PERSIST -> keymiss nope
    GETEX a PXAT 1 -> del a
    APPEND s 1 -> new s, append s
    APPEND s 2 -> append s
    SETRANGE s 1 abc -> setrange s
    SETRANGE r 3 x -> new r, setrange r
    INCR i -> new i, incrby i
    INCR i -> incrby i
    INCRBY i 5 -> incrby i
    DECR i -> incrby i
    DECRBY j 2 -> new j, incrby j
    INCR s ->
    INCRBYFLOAT i 1.5 -> incrbyfloat i
    INCRBYFLOAT f 1 -> new f, incrbyfloat f
    MSET m1 1 m2 2 -> new m1, set m1, new m2, set m2
    MSET m1 1 m1 3 m3 3 -> set m1, set m1, new m3, set m3
    MSETNX m1 1 m9 1 ->
    MSETNX m8 1 m9 1 -> new m8, set m8, new m9, set m9
    MGET m1 nope -> keymiss nope
    LCS nope m1 -> keymiss nope
";

const KEYS: &str = "
    SET m1 1 -> new m1, set m1
    SET m2 1 -> new m2, set m2
    SET m3 1 -> new m3, set m3
    EXPIRE m1 100 -> expire m1
    EXPIRE m1 100 NX ->
    EXPIRE nope 10 ->
    PEXPIRE m1 100000 -> expire m1
    EXPIREAT m1 5000000000 -> expire m1
    PEXPIREAT m1 5000000000000 -> expire m1
    PERSIST m1 -> persist m1
    PERSIST m1 ->
    EXPIRE m1 -1 -> del m1
    PEXPIREAT m2 1 -> del m2
    TTL nope -> keymiss nope
    PTTL nope -> keymiss nope
    EXPIRETIME nope -> keymiss nope
    TYPE nope -> keymiss nope
    EXISTS nope m3 -> keymiss nope
    TOUCH nope -> keymiss nope
    OBJECT ENCODING nope ->
    RENAME m3 m4 -> new m4, rename_from m3, rename_to m4
    RENAME m4 m4 ->
    RENAME nope q ->
    SET m5 1 -> new m5, set m5
    RENAME m4 m5 -> new m5, rename_from m4, rename_to m5
    SET m8 1 -> new m8, set m8
    RENAMENX m5 m8 ->
    RENAMENX m5 m6 -> new m6, rename_from m5, rename_to m6
    COPY m6 m7 -> new m7, copy_to m7
    COPY m6 m7 ->
    COPY m6 m7 REPLACE -> new m7, copy_to m7
    COPY m6 m6 DB 3 -> new m6@3, copy_to m6@3
    COPY nope m7 -> keymiss nope
    MOVE m6 4 -> new m6@4, move_from m6, move_to m6@4
    MOVE m6 4 ->
    DEL m7 nope m8 -> del m7, del m8
    UNLINK m7 ->
    SET u 1 -> new u, set u
    UNLINK u -> del u
    SET e 1 PX 1 -> new e, set e, expire e
    WAIT ->
    GET e -> expired e, keymiss e
    SET e 1 PX 1 -> new e, set e, expire e
    WAIT ->
    SET e 2 PX 1 -> expired e, new e, set e, expire e
    WAIT ->
    DEL e -> expired e
    SET e 1 PX 1 -> new e, set e, expire e
    WAIT ->
    INCR e -> expired e, new e, incrby e
    SET e 1 PX 1 -> set e, expire e
    WAIT ->
    EXISTS e -> expired e, keymiss e
    SET g 1 -> new g, set g
    SET e 1 PX 1 -> new e, set e, expire e
    WAIT ->
    RENAME g e -> expired e, new e, rename_from g, rename_to e
    PEXPIRE e 1 -> expire e
    WAIT ->
    RENAME e g -> expired e
    SADD t1 a -> new t1, sadd t1
    SUNIONSTORE t2 t1 -> new t2, sunionstore t2
    SUNIONSTORE t2 t1 -> sunionstore t2
    SMOVE t1 t2 a -> srem t1, del t1
    SADD t1 b -> new t1, sadd t1
    SMOVE t1 t3 b -> srem t1, del t1, new t3, sadd t3
    FLUSHDB ->
    SET a 1 -> new a, set a
    SWAPDB 0 5 ->
    FLUSHALL ->
";

/// A client that listens to everything, and one that does things, each on a core of its own where there are several.
struct Pair {
    listener: Conn,
    actor: Conn,
}

/// A notification: channel and payload.
type Heard = (String, String);

impl Pair {
    fn new(server: &Server, flags: &str) -> Option<Self> {
        let mut pair = Self { actor: server.connect(), listener: server.connect() };
        pair.actor.must("DEBUG SET-ACTIVE-EXPIRE 0");
        if pair.actor.call(&["CONFIG", "SET", "notify-keyspace-events", flags]).is_error() {
            return None;
        }
        pair.listener.must("PSUBSCRIBE __key* end");
        pair.listener.read();
        Some(pair)
    }

    /// Does something, and hears what it has made.
    fn act(&mut self, command: &Cmd) -> Vec<Heard> {
        self.actor.call(command);
        self.rest()
    }

    /// Everything that is heard until the message that is published now.
    fn rest(&mut self) -> Vec<Heard> {
        assert_eq!(self.actor.words("PUBLISH end x"), Value::Int(1));
        let mut heard = Vec::new();
        loop {
            let message: Vec<String> = self.listener.read().items().iter().map(Value::text).collect();
            match message.as_slice() {
                [_, _, end, _] if end == "end" => return heard,
                [_, _, channel, payload] => heard.push((channel.clone(), payload.clone())),
                other => panic!("{other:?}"),
            }
        }
    }
}

/// What the tables' keys become: all in one hash slot, or spread over the shards.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Keys {
    Together,
    Apart,
}

impl Keys {
    fn named(self, key: &str) -> String {
        if self == Keys::Together { format!("{{t}}{key}") } else { key.to_owned() }
    }

    /// Words that are keys are those in lower case.
    fn command(self, line: &str) -> Cmd {
        let is_key = |w: &str| w.starts_with(|c: char| c.is_ascii_lowercase()) && w != "abc" && w != "x";
        cmd(&line
            .split(' ')
            .map(|w| if is_key(w) { self.named(w) } else { w.to_owned() })
            .collect::<Vec<_>>())
    }

    /// What a list of events brings on the two channels.
    fn expected(self, events: &str, with_new: bool) -> Vec<Heard> {
        let mut all = Vec::new();
        for event in events.split(", ").filter(|e| !e.is_empty()) {
            let (event, key) = event.split_once(' ').unwrap();
            let (key, db) = key.split_once('@').unwrap_or((key, "0"));
            if event != "new" || with_new {
                all.push((format!("__keyspace@{db}__:{}", self.named(key)), event.to_owned()));
                all.push((format!("__keyevent@{db}__:{event}"), self.named(key)));
            }
        }
        all
    }
}

fn check_table(server: &Server, table: &str, keys: Keys, is_redis: bool) {
    let with_new = Pair::new(server, "KEAmn").is_some();
    assert!(with_new || is_redis);
    let flags = if with_new { "KEAmn" } else { "KEAm" };
    let mut pair = Pair::new(server, flags).expect("these letters are known");
    for line in table.lines().map(str::trim).filter(|l| !l.is_empty()) {
        let (words, events) = line.split_once("->").unwrap();
        if words.trim() == "WAIT" {
            std::thread::sleep(Duration::from_millis(20));
            continue;
        }
        let mut heard = pair.act(&keys.command(words.trim()));
        let mut expected = keys.expected(events.trim(), with_new);
        // Each shard tells of its own keys where a command is run by several at once.
        if keys == Keys::Apart && ["MSET ", "MGET ", "DEL ", "EXISTS "].iter().any(|c| line.starts_with(c)) {
            heard.sort();
            expected.sort();
        }
        assert_eq!(heard, expected, "{line} ({keys:?})");
    }
}

fn check_everywhere(test: &str, table: &str) {
    let args = ["--enable-debug-command", "yes"];
    for shards in SHARDS {
        for keys in [Keys::Together, Keys::Apart] {
            check_table(&Server::builder(shards).args(&args).start(), table, keys, false);
        }
    }
    if let Some(redis) = Server::redis_with(test, &args) {
        check_table(&redis, table, Keys::Together, true);
    }
}

#[test]
fn commands_on_strings_tell_what_redis_tells() {
    check_everywhere("commands_on_strings_tell_what_redis_tells", STRINGS);
}

#[test]
fn commands_on_keys_tell_what_redis_tells() {
    check_everywhere("commands_on_keys_tell_what_redis_tells", KEYS);
}

/// Since 7.2, SET with a time that is over deletes instead of writing what is dead already.
#[test]
fn a_value_that_is_dead_at_once_is_deleted() {
    for shards in SHARDS {
        let server = Server::builder(shards).args(&["--enable-debug-command", "yes"]).start();
        let mut pair = Pair::new(&server, "KEA").unwrap();
        let keys = Keys::Apart;
        assert_eq!(pair.act(&keys.command("SET a 1 PXAT 1")), []);
        assert_eq!(pair.act(&keys.command("SET a 1")), keys.expected("set a", false));
        assert_eq!(pair.act(&keys.command("SET a 1 PXAT 1")), keys.expected("del a", false));
    }
}

/// What the letters choose, and how CONFIG GET shows them.
#[test]
fn letters_choose_channels_and_classes() {
    let rows: [(&str, &str, &[&str]); 9] = [
        (
            "KEA",
            "AKE",
            &[
                "__keyspace@0__:k set",
                "__keyevent@0__:set k",
                "__keyspace@0__:k expire",
                "__keyevent@0__:expire k",
            ],
        ),
        ("KA", "AK", &["__keyspace@0__:k set", "__keyspace@0__:k expire"]),
        ("E$", "$E", &["__keyevent@0__:set k"]),
        ("Eg", "gE", &["__keyevent@0__:expire k"]),
        ("Elshzxet", "lshzxetE", &[]),
        ("g$lshzxetdK", "AK", &["__keyspace@0__:k set", "__keyspace@0__:k expire"]),
        ("A", "A", &[]),
        ("Km", "Km", &["__keyspace@0__:none keymiss"]),
        ("", "", &[]),
    ];
    let run = |server: &Server| {
        for (letters, shown, events) in &rows {
            let mut pair = Pair::new(server, letters).unwrap();
            let get = pair.actor.words("CONFIG GET notify-keyspace-events").items();
            assert_eq!(get[1], Value::bulk(shown), "{letters}");
            let mut heard = pair.act(&cmd(&["SET", "k", "1", "EX", "100"]));
            heard.extend(pair.act(&cmd(&["GET", "none"])));
            let heard: Vec<_> =
                heard.iter().map(|(channel, payload)| format!("{channel} {payload}")).collect();
            assert_eq!(heard, *events, "{letters}");
        }
        let mut conn = server.connect();
        conn.call(&["CONFIG", "SET", "notify-keyspace-events", "KEq"]).text()
    };
    let args = ["--enable-debug-command", "yes"];
    for shards in SHARDS {
        let refused = run(&Server::builder(shards).args(&args).start());
        assert!(refused.ends_with("Invalid event class character. Use 'Ag$lshzxeKEtmdn'."), "{refused}");
    }
    if let Some(redis) = Server::redis_with("letters_choose_channels_and_classes", &args) {
        run(&redis);
    }
}

/// Nobody looks at the key: active expiry finds it, and says so.
#[test]
fn what_expires_by_itself_is_told() {
    for shards in SHARDS {
        let server = Server::builder(shards).args(&["--notify-keyspace-events", "Ex"]).start();
        let (mut listener, mut actor) = (server.connect(), server.connect());
        listener.must("SUBSCRIBE __keyevent@0__:expired");
        let keys = spread("k", 20);
        let set: Vec<Cmd> = keys.iter().map(|k| cmd(&["SET", k, "x", "PX", "5"])).collect();
        actor.pipeline(&set);
        let mut heard: Vec<String> = keys.iter().map(|_| listener.read().items()[2].text()).collect();
        let mut keys = keys;
        heard.sort();
        keys.sort();
        assert_eq!(heard, keys, "each once, {shards} shards");
    }
}

/// Writers on all cores change keys of all shards in pipelines; listeners on all cores hear of each key all changes, in
/// their order.
#[test]
fn the_changes_of_a_key_are_told_in_their_order() {
    const ROUNDS: usize = 400;
    for shards in SHARDS {
        let server = Server::builder(shards).args(&["--notify-keyspace-events", "KE$g"]).start();
        let keys = spread("k", 3);
        let listeners: Vec<Conn> = (0..4)
            .map(|i| {
                let mut conn = server.connect();
                conn.must(["PSUBSCRIBE __keyspace@0__:*", "PSUBSCRIBE __keyevent@*"][i % 2]);
                conn
            })
            .collect();
        // What each round does to every key. APPEND and DEL of several keys go to all shards at one point.
        let events = ["set", "append", "incrby", "del"];
        std::thread::scope(|scope| {
            for w in 0..3 {
                let mut conn = server.connect();
                let mine: Vec<String> = keys.iter().map(|k| format!("{k}:{w}:{{{k}}}")).collect();
                scope.spawn(move || {
                    for _ in 0..ROUNDS {
                        let one = |verb: &str, args: &[&str]| -> Vec<Cmd> {
                            mine.iter().map(|k| cmd(&[&[verb, k.as_str()], args].concat())).collect()
                        };
                        let pairs: Vec<&str> = mine.iter().flat_map(|k| [k.as_str(), "1"]).collect();
                        let mut commands = vec![cmd(&[&["MSET"][..], &pairs].concat())];
                        commands.extend(one("APPEND", &["2"]));
                        commands.extend(one("INCRBY", &["3"]));
                        commands.push([&[b"DEL".to_vec()][..], &cmd(&mine)].concat());
                        conn.pipeline(&commands);
                    }
                });
            }
            for (i, mut listener) in listeners.into_iter().enumerate() {
                let keys = keys.clone();
                scope.spawn(move || {
                    let mut told: BTreeMap<String, usize> = BTreeMap::new();
                    for _ in 0..3 * keys.len() * events.len() * ROUNDS {
                        let message: Vec<String> = listener.read().items().iter().map(Value::text).collect();
                        let name = message[2].split_once(':').unwrap().1;
                        let (key, event) =
                            if i % 2 == 0 { (name, &message[3]) } else { (&*message[3], &name.to_owned()) };
                        let n = told.entry(key.to_owned()).or_default();
                        assert_eq!(*event, events[*n % events.len()], "{key}, change {n}, {shards} shards");
                        *n += 1;
                    }
                    assert!(told.values().all(|n| *n == events.len() * ROUNDS), "{told:?}");
                });
            }
        });
    }
}

/// A change is told before what its client, having the reply, tells others in whatever way.
#[test]
fn a_change_is_told_before_what_comes_after_it() {
    for shards in SHARDS {
        let server = Server::builder(shards).args(&["--notify-keyspace-events", "K$"]).start();
        let keys = spread("k", 5);
        std::thread::scope(|scope| {
            for pair in 0..3 {
                let (mut actor, mut listener) = (server.connect(), server.connect3());
                let mine: Vec<String> = keys.iter().map(|k| format!("own{pair}:{{{k}}}")).collect();
                listener.must(&format!("PSUBSCRIBE __keyspace@0__:own{pair}:* done:{pair}"));
                listener.read();
                let shared = &keys;
                scope.spawn(move || {
                    for n in 0..500 {
                        let key = &mine[n % mine.len()];
                        actor.call(&["SET", key, &n.to_string()]);
                        // By a message, or by a key of another shard that the listener reads.
                        if n % 2 == 0 {
                            actor.call(&["PUBLISH", &format!("done:{pair}"), &n.to_string()]);
                            let first = listener.read().items()[2].text();
                            assert_eq!(first, format!("__keyspace@0__:{key}"), "{shards} shards");
                            assert_eq!(listener.read().items()[3], Value::bulk(n.to_string()));
                        } else {
                            let flag = format!("flag{pair}:{{{}}}", shared[(n + 1) % shared.len()]);
                            actor.call(&["APPEND", &flag, "x"]);
                            let mut commands = vec![cmd(&["GET", &flag])];
                            commands.push(cmd(&["PING"]));
                            let replies = listener.pipeline(&commands);
                            assert_eq!(replies[0].items()[2].text(), format!("__keyspace@0__:{key}"));
                            assert!(matches!(replies[1], Value::Bulk(_)), "{replies:?}");
                            assert_eq!(listener.read(), Value::Simple(b"PONG".to_vec()));
                        }
                    }
                });
            }
        });
    }
}

/// More notifications than their listener's core can keep up with: those who make them wait, and none is lost.
#[test]
fn none_is_lost_when_there_are_many() {
    const KEYS: usize = 60_000;
    for shards in SHARDS {
        let server = Server::builder(shards)
            .args(&["--notify-keyspace-events", "E$", "--client-output-buffer-limit", "pubsub 0 0 0"])
            .start();
        let mut listener = server.connect();
        for pattern in 0..8 {
            listener.must(&format!("PSUBSCRIBE __keyevent@0__:se{}t", "*".repeat(pattern)));
        }
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for i in 0..8 * KEYS {
                    let message = listener.read().items();
                    assert_eq!(message.len(), 4, "{i}: {message:?}");
                }
            });
            for w in 0..2 {
                let mut conn = server.connect();
                scope.spawn(move || {
                    for batch in (0..KEYS / 2).step_by(1000) {
                        let pairs: Vec<String> = (batch..batch + 1000)
                            .flat_map(|i| [format!("key:{w}:{i}"), "x".into()])
                            .collect();
                        conn.call(&[&["MSET".to_owned()][..], &pairs].concat());
                    }
                });
            }
        });
        peer::wait_until("the server is idle", LIMIT, || {
            server.info("pubsub_patterns").as_deref() == Some("8")
        });
    }
}
