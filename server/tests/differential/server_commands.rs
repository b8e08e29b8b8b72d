//! Commands about the connection and the server whose answers do not depend on the server.

use crate::common::{Cmd, cmd};
use crate::generate::Generator;

/// Whole commands as they are. What changes the connection is put right in the same pipeline by
/// [`Generator::server_command`].
const PLAIN: &[&str] = &[
    "PING",
    "PING hello",
    "PING a b",
    "ECHO x",
    "ECHO",
    "CLIENT GETNAME",
    "CLIENT GETNAME x",
    "CLIENT SETNAME worker-1",
    "CLIENT ID",
    "CLIENT GETREDIR",
    "CLIENT NO-EVICT ON",
    "CLIENT NO-EVICT OFF",
    "CLIENT NO-EVICT maybe",
    "CLIENT UNBLOCK 999999",
    "CLIENT UNBLOCK abc",
    "CLIENT UNBLOCK 999999 FOO",
    "CLIENT KILL 1.2.3.4:5",
    "CLIENT KILL ID 999999",
    "CLIENT KILL ID abc",
    "CLIENT KILL TYPE nosuch",
    "CLIENT KILL FOO bar",
    "CLIENT KILL ID",
    "CLIENT LIST TYPE nosuch",
    "CLIENT LIST ID x",
    "CLIENT LIST FOO",
    "CLIENT PAUSE abc",
    "CLIENT PAUSE -1",
    "CLIENT PAUSE 0 FOO",
    "CLIENT UNPAUSE",
    "CLIENT REPLY",
    "CLIENT REPLY FOO",
    "CLIENT nosuch",
    "CLIENT",
    "AUTH secret",
    "AUTH default secret",
    "AUTH nobody secret",
    "AUTH a b c",
    "HELLO 1",
    "HELLO 4",
    "HELLO abc",
    "HELLO 2 FOO",
    "HELLO 3 AUTH nobody secret",
    "HELLO 3 SETNAME",
    "SELECT",
    "DBSIZE x",
    "TIME",
    "TIME x",
    "OBJECT HELP",
    "OBJECT nosuch k0",
    "OBJECT ENCODING",
    "OBJECT",
    "MEMORY USAGE k0",
    "MEMORY USAGE k0 SAMPLES 5",
    "MEMORY USAGE k0 SAMPLES -1",
    "MEMORY USAGE k0 FOO",
    "MEMORY nosuch",
    "SLOWLOG RESET",
    "SLOWLOG GET abc",
    "SLOWLOG GET -2",
    "SLOWLOG nosuch",
    "LATENCY RESET nosuch",
    "LATENCY HISTORY nosuch",
    "LATENCY nosuch",
    "DEBUG SLEEP 0",
    "SWAPDB 0",
    "CONFIG",
    "CONFIG nosuch",
    "CONFIG GET",
    "CONFIG SET maxmemory",
    "CONFIG SET nosuch 1",
    "CONFIG SET maxmemory abc",
    "CONFIG SET maxmemory-policy nosuch",
    "CONFIG SET timeout -1",
    "CONFIG SET port 0 port 0",
    "CONFIG SET slowlog-max-len 128",
    "CONFIG SET slowlog-max-len 128 timeout 0",
    "CONFIG SET databases 4",
    "CONFIG SET slowlog-max-len 64 timeout abc",
    "CONFIG SET appendonly maybe",
    "CONFIG SET hz 10",
    "CONFIG RESETSTAT",
    "CONFIG RESETSTAT x",
    "CONFIG REWRITE",
    "CLIENT HELP",
    "CLIENT INFO",
    "CLIENT NO-TOUCH OFF",
    "CLIENT SETINFO LIB-NAME x",
    "COMMAND COUNT",
    "COMMAND HELP",
    "CONFIG HELP",
    "INFO nosuch",
    "LATENCY GRAPH nosuch",
    "LATENCY HELP",
    "LATENCY HISTOGRAM nosuch",
    "LATENCY LATEST",
    "MEMORY HELP",
    "MEMORY PURGE",
    "PUBLISH nobody x",
    "PUBSUB CHANNELS",
    "PUBSUB CHANNELS no*",
    "PUBSUB HELP",
    "PUBSUB NUMPAT",
    "PUBSUB NUMSUB a b",
    "PUBSUB SHARDCHANNELS",
    "PUBSUB SHARDNUMSUB a",
    "PUNSUBSCRIBE",
    "ROLE",
    "SHUTDOWN FOO",
    "SLOWLOG HELP",
    "SPUBLISH nobody x",
    "SUNSUBSCRIBE",
    "UNSUBSCRIBE",
    "UNSUBSCRIBE a",
    "XGROUP HELP",
    "XINFO HELP",
];

/// What subscribes to something, and what takes it back.
const SUBSCRIPTIONS: &[(&str, &str)] = &[
    ("SUBSCRIBE c1 c2 c1", "UNSUBSCRIBE c1 c2 c1"),
    ("PSUBSCRIBE c? x* c?", "PUNSUBSCRIBE c? x* c?"),
    ("SSUBSCRIBE {c}1 {c}2 {c}1", "SUNSUBSCRIBE {c}1 {c}2 {c}1"),
];

/// Directives whose default Percore shares with Redis, and globs that meet only such.
const DIRECTIVES: &[&str] = &[
    "maxmemory",
    "maxmemory-policy",
    "maxmemory-samples",
    "databases",
    "timeout",
    "tcp-keepalive",
    "appendonly",
    "appendfsync",
    "save",
    "slowlog-max-len",
    "slowlog-log-slower-than",
    "hz",
    "lfu-*",
    "maxclients",
    "nosuch",
    "MaxMemory",
    "hash-max-listpack-*",
    "set-max-intset-entries",
    "zset-max-*",
    "list-max-listpack-size",
    "proto-max-bulk-len",
    "client-query-buffer-limit",
    "notify-keyspace-events",
    "latency-monitor-threshold",
    "lazyfree-*",
    "activerehashing",
    "rdbcompression",
    "rdbchecksum",
    "stop-writes-on-bgsave-error",
    "auto-aof-*",
    "requirepass",
    "client-output-buffer-limit",
    "stream-node-max-*",
    "hll-sparse-max-bytes",
    "repl-backlog-size",
    "unixsocket",
    "loglevel",
];

const GETKEYS: &[&str] = &[
    "GET k",
    "SET k v EX 10",
    "MSET a 1 b 2 c 3",
    "MGET a b c",
    "DEL a b",
    "RENAME a b",
    "COPY a b DB 1",
    "OBJECT ENCODING k",
    "BITOP AND d a b",
    "EVAL return 2 a b x",
    "ZUNIONSTORE d 2 a b WEIGHTS 1 2",
    "XREAD COUNT 2 STREAMS a b 0 0",
    "XREADGROUP GROUP g c STREAMS a >",
    "SORT k BY w GET p STORE d",
    "MIGRATE h 6379 k 0 10",
    "LMPOP 2 a b LEFT",
    "PING",
    "GET",
    "nosuch k",
    "ZUNIONSTORE d x a",
    "MEMORY USAGE k",
    "LCS a b",
    "BLPOP a b 0",
    "GEORADIUS k 1 2 3 m STORE d",
    "FLUSHALL",
    "EXPIRE k 10",
    "XGROUP CREATE s g 0",
    "SINTERCARD 2 a b LIMIT 1",
];

const INFO: &[&str] = &["get", "ping", "nosuch", "dbsize", "setnx", "persist", "strlen", "rename", "time"];

impl Generator {
    pub fn server_command(&mut self) -> Vec<Cmd> {
        match self.rng.below(20) {
            0..=9 => vec![self.plain()],
            10..=12 => vec![self.config_get()],
            13..=14 => vec![self.command_command()],
            15 if self.rng.one_in(2) => vec![self.client_name()],
            15 => self.subscription(),
            16..=17 => self.other_version(),
            18 => vec![self.line("RESET"), cmd(&["HELLO", &self.version.to_string()])],
            _ => vec![cmd(&[b"ECHO".to_vec(), self.value()])],
        }
    }

    /// Some commands of a client that is subscribed: in RESP2, most are refused.
    fn subscription(&mut self) -> Vec<Cmd> {
        let (begin, end) = *self.rng.pick(SUBSCRIPTIONS);
        let [begin, end] = [begin, end].map(|words| cmd(&words.split(' ').collect::<Vec<_>>()));
        // A channel a command, since each is a reply of its own.
        let apart = |c: &Cmd| c[1..].iter().map(|name| vec![c[0].clone(), name.clone()]).collect::<Vec<_>>();
        let mut commands = apart(&begin);
        commands.extend([self.line("PING"), self.line("PING x"), self.string(), self.line("ECHO x")]);
        commands.extend(apart(&end));
        commands
    }

    fn plain(&mut self) -> Cmd {
        let words = *self.rng.pick(PLAIN);
        self.line(words)
    }

    fn config_get(&mut self) -> Cmd {
        let mut command = cmd(&["CONFIG", "GET"]);
        for _ in 0..1 + self.rng.below(3) {
            command.push(self.rng.pick(DIRECTIVES).as_bytes().to_vec());
        }
        command
    }

    fn command_command(&mut self) -> Cmd {
        match self.rng.below(6) {
            0 => {
                let mut command = cmd(&["COMMAND", "INFO"]);
                for _ in 0..1 + self.rng.below(3) {
                    command.push(self.rng.pick(INFO).as_bytes().to_vec());
                }
                command
            }
            1 => cmd(&[
                "COMMAND",
                "LIST",
                "FILTERBY",
                "PATTERN",
                *self.rng.pick(&["get*", "m?et", "nosuch", "*bit*"]),
            ]),
            2 => cmd(&["COMMAND", *self.rng.pick(&["nosuch", "GETKEYS", "LIST x", "COUNT x"])]),
            3 => self.getkeys("GETKEYSANDFLAGS"),
            _ => self.getkeys("GETKEYS"),
        }
    }

    fn getkeys(&mut self, name: &str) -> Cmd {
        let mut command = cmd(&["COMMAND", name]);
        command.extend(cmd(&self.rng.pick(GETKEYS).split(' ').collect::<Vec<_>>()));
        command
    }

    fn client_name(&mut self) -> Cmd {
        let name = *self.rng.pick(&["n1", "", "with space", "tab\t", "\u{ff}", "line\n", "ok!~"]);
        cmd(&["CLIENT", "SETNAME", name])
    }

    /// Some commands in the other protocol version, and back.
    fn other_version(&mut self) -> Vec<Cmd> {
        let mut commands = vec![cmd(&["HELLO", if self.version == 2 { "3" } else { "2" }])];
        for _ in 0..1 + self.rng.below(4) {
            commands.push(self.string());
            commands.extend(self.key_command());
            commands.push(self.config_get());
        }
        commands.push(cmd(&["HELLO", &self.version.to_string()]));
        commands
    }
}
