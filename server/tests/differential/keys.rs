//! The generic key commands and those on whole databases.

use crate::common::{Cmd, cmd};
use crate::generate::Generator;

const NAMES: &[&str] = &[
    "DEL",
    "EXISTS",
    "UNLINK",
    "TOUCH",
    "EXPIRE",
    "PEXPIRE",
    "EXPIREAT",
    "PEXPIREAT",
    "EXPIRE",
    "PEXPIRE",
    "EXPIREAT",
    "PEXPIREAT",
    "TTL",
    "PTTL",
    "EXPIRETIME",
    "PEXPIRETIME",
    "PERSIST",
    "TYPE",
    "RENAME",
    "RENAMENX",
    "COPY",
    "COPY",
    "MOVE",
    "KEYS",
    "OBJECT",
    "OBJECT",
    "DBSIZE",
    "SELECT",
    "SWAPDB",
    "FLUSH",
    "EXPIRED",
    "RPUSH",
];

const PATTERNS: &[&str] = &[
    "*",
    "key:*",
    "key:1?",
    "key:[0-4]*",
    "key:[^0-4]",
    "{tag1}:*",
    "*name\\[[12]\\]",
    "",
    "k[a-",
    "?",
    "**a**",
    "\\*",
    "nothing",
    "*\u{0}*",
    "user:*:name*",
    "[",
    "key:[5-2]",
    "k?",
    "*empty-tag",
    "\\",
];

impl Generator {
    pub fn key_command(&mut self) -> Vec<Cmd> {
        let name = *self.rng.pick(NAMES);
        let mut command = vec![self.cased(name)];
        match name {
            "DEL" | "EXISTS" | "UNLINK" | "TOUCH" => command.extend(self.keys(6)),
            "EXPIRE" | "PEXPIRE" | "EXPIREAT" | "PEXPIREAT" => self.expire(name, &mut command),
            "RENAME" | "RENAMENX" => command.extend([self.key(), self.key()]),
            "COPY" => self.copy(&mut command),
            "MOVE" => command.extend([self.key(), self.database()]),
            "KEYS" => command.push(self.pattern()),
            "OBJECT" => {
                let what =
                    *self.rng.pick(&["ENCODING", "ENCODING", "ENCODING", "FREQ", "IDLETIME", "REFCOUNT"]);
                command.extend([self.cased(what), self.key()]);
            }
            "DBSIZE" => {}
            "SELECT" => command.push(self.database()),
            "SWAPDB" => command.extend([self.database(), self.database()]),
            "FLUSH" => return vec![self.flush()],
            "EXPIRED" => return self.expired(),
            "RPUSH" => command.extend([self.key(), self.value()]),
            _ => command.push(self.key()),
        }
        vec![command]
    }

    /// An expiry with options, also such that exclude each other.
    fn expire(&mut self, name: &str, command: &mut Cmd) {
        command.push(self.key());
        let seconds = if name.ends_with("AT") { self.absolute_expiry() } else { self.relative_expiry() };
        let unit = if name.starts_with('P') { 1000 } else { 1 };
        command.push(match self.rng.below(20) {
            0 => b"-1".to_vec(),
            1 => b"0".to_vec(),
            2 => b"-9223372036854775808".to_vec(),
            3 => b"9223372036854775807".to_vec(),
            4 => b"abc".to_vec(),
            5 => b"1.5".to_vec(),
            6 if name.ends_with("AT") => b"1000".to_vec(),
            _ => (seconds * unit).to_string().into_bytes(),
        });
        for _ in 0..[0, 0, 0, 1, 1, 1, 1, 2, 3][self.rng.below(9)] {
            let option = *self.rng.pick(&["NX", "XX", "GT", "LT", "GT", "LT", "AB"]);
            command.push(self.cased(option));
        }
    }

    fn copy(&mut self, command: &mut Cmd) {
        command.extend([self.key(), self.key()]);
        if self.rng.one_in(2) {
            command.extend([self.cased("DB"), self.database()]);
        }
        if self.rng.one_in(2) {
            command.push(self.cased("REPLACE"));
        }
    }

    /// A database: mostly one of the first three, so that keys meet, sometimes one there is not.
    fn database(&mut self) -> Vec<u8> {
        match self.rng.below(20) {
            0 => b"16".to_vec(),
            1 => b"-1".to_vec(),
            2 => b"x".to_vec(),
            3 => b"15".to_vec(),
            4 => {
                (*self.rng.pick(&["9223372036854775808", "9223372036854775807", "2147483648", "-2147483649"]))
                    .into()
            }
            _ => self.rng.below(3).to_string().into_bytes(),
        }
    }

    pub fn pattern(&mut self) -> Vec<u8> {
        self.rng.pick(PATTERNS).as_bytes().to_vec()
    }

    /// Rarely empties something; for the rest, counts.
    fn flush(&mut self) -> Cmd {
        if !self.rng.one_in(6) {
            return self.line("DBSIZE");
        }
        let what = *self.rng.pick(&["FLUSHDB", "FLUSHDB", "FLUSHALL"]);
        let mut command = vec![self.cased(what)];
        if self.rng.one_in(2) {
            let how = *self.rng.pick(&["SYNC", "ASYNC", "NOW"]);
            command.push(self.cased(how));
        }
        command
    }

    /// Sets a key that has expired already, and reads it at once. Until somebody looks at
    /// it, whether DBSIZE counts such a key is up to the server, so the look comes first. Nobody is told: 7.0
    /// makes the key and lets it expire, later versions delete it at once, and the events say so.
    fn expired(&mut self) -> Vec<Cmd> {
        let key = self.key();
        let (option, time) = *self.rng.pick(&[("EXAT", "1000"), ("PXAT", "1000000"), ("PXAT", "1")]);
        let set = cmd(&[b"SET", &key[..], b"v", option.as_bytes(), time.as_bytes()]);
        let look = *self.rng.pick(&["GET", "EXISTS", "TTL", "TYPE", "PERSIST", "STRLEN"]);
        let tell = |what| cmd(&["CONFIG", "SET", "notify-keyspace-events", what]);
        vec![tell(""), set, cmd(&[look.as_bytes(), &key]), tell("KEA")]
    }

    /// Options of a SCAN loop.
    pub fn scan_options(&mut self) -> Vec<Vec<u8>> {
        let mut options = Vec::new();
        if self.rng.one_in(2) {
            options.extend([self.cased("MATCH"), self.pattern()]);
        }
        if self.rng.one_in(2) {
            let count = *self.rng.pick(&["1", "3", "10", "1000"]);
            options.extend([self.cased("COUNT"), count.into()]);
        }
        if self.rng.one_in(3) {
            let kind = *self.rng.pick(&["string", "STRING", "list", "hash"]);
            options.extend([self.cased("TYPE"), kind.into()]);
        }
        options
    }
}
