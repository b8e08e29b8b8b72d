//! The stream commands with all their options.
//!
//! Ids are a counter's, never the clock's, and idle times are either nothing or longer than any run: so both
//! servers decide alike. Commands on several keys use keys of one slot here.

use crate::common::{Cmd, cmd};
use crate::generate::Generator;

const NAMES: &[&str] = &[
    "XADD",
    "XADD",
    "XADD",
    "XADD",
    "XADD",
    "XADD",
    "XADD",
    "XADD",
    "XDEL",
    "XTRIM",
    "XLEN",
    "XRANGE",
    "XREVRANGE",
    "XREAD",
    "XSETID",
    "XGROUP",
    "XGROUP",
    "XREADGROUP",
    "XREADGROUP",
    "XREADGROUP",
    "XACK",
    "XPENDING",
    "XCLAIM",
    "XAUTOCLAIM",
    "XINFO",
    "CONFIG",
];

/// Milliseconds that nothing waits during a test.
const LONG_IDLE: &str = "100000000";

/// An id behind which hardly another can come.
const LAST_ID: &[u8] = b"18446744073709551615-1";

impl Generator {
    /// A command, after those that make the consumers it names: Redis 7.2 makes them in any case, 7.0 only when
    /// it has something to give.
    pub fn stream_commands(&mut self) -> Vec<Cmd> {
        let command = self.stream_command();
        let (group, consumer, keys) = match &command[0].to_ascii_uppercase()[..] {
            b"XREADGROUP" => {
                let at =
                    command.iter().position(|word| word.eq_ignore_ascii_case(b"streams")).unwrap_or(0) + 1;
                (&command[2], &command[3], &command[at..][..(command.len() - at) / 2])
            }
            b"XCLAIM" | b"XAUTOCLAIM" => (&command[2], &command[3], &command[1..2]),
            _ => return vec![command],
        };
        let make = |key: &Vec<u8>| cmd(&[b"XGROUP", &b"CREATECONSUMER"[..], key, group, consumer]);
        let mut commands: Vec<Cmd> = keys.iter().map(make).collect();
        commands.push(command);
        commands
    }

    fn stream_command(&mut self) -> Cmd {
        let name = *self.rng.pick(NAMES);
        let mut command = vec![self.cased(name)];
        match name {
            "XADD" => self.xadd(&mut command),
            "XDEL" => {
                command.push(self.stream_key());
                self.some_ids(&mut command);
            }
            "XTRIM" => {
                command.push(self.stream_key());
                self.trimming(&mut command);
            }
            "XLEN" => command.push(self.stream_key()),
            "XRANGE" | "XREVRANGE" => {
                command.extend([self.stream_key(), self.bound(), self.bound()]);
                self.count(&mut command);
            }
            "XSETID" => self.xsetid(&mut command),
            "XGROUP" => self.xgroup(&mut command),
            "XREAD" => self.xread(&mut command, false),
            "XREADGROUP" => {
                command.extend([self.cased("GROUP"), self.group(), self.consumer()]);
                self.xread(&mut command, true);
            }
            "XACK" => {
                command.extend([self.stream_key(), self.group()]);
                self.some_ids(&mut command);
            }
            "XPENDING" => self.xpending(&mut command),
            "XCLAIM" => self.xclaim(&mut command),
            "XAUTOCLAIM" => self.xautoclaim(&mut command),
            "XINFO" => self.xinfo(&mut command),
            _ => return self.node_limits(),
        }
        command
    }

    /// Nodes of other sizes from now on. Not of 64 bytes: redis-server 7.0.15 then dies some commands later,
    /// of a listpack that it damaged (seen with 64 only, whatever the commands).
    fn node_limits(&mut self) -> Cmd {
        let entries = *self.rng.pick(&["1", "3", "10", "100"]);
        let bytes = *self.rng.pick(&["200", "1000", "4096"]);
        cmd(&["CONFIG", "SET", "stream-node-max-entries", entries, "stream-node-max-bytes", bytes])
    }

    /// Mostly one of a few that share a slot, rarely a key that may be of another type.
    fn stream_key(&mut self) -> Vec<u8> {
        match self.rng.below(50) {
            0 => self.key(),
            1..=9 => format!("stream:{}", self.rng.below(4)).into_bytes(),
            _ => self.slot_key(),
        }
    }

    pub fn slot_key(&mut self) -> Vec<u8> {
        format!("{{stream}}:{}", self.rng.below(5)).into_bytes()
    }

    fn group(&mut self) -> Vec<u8> {
        format!("g{}", [0, 0, 0, 0, 1, 2][self.rng.below(6)]).into_bytes()
    }

    fn consumer(&mut self) -> Vec<u8> {
        format!("c{}", self.rng.below(4)).into_bytes()
    }

    /// An id that may be one of an entry: not many have been made since.
    fn id(&mut self) -> Vec<u8> {
        let far = if self.rng.one_in(4) { 300 } else { 30 };
        let back = self.rng.below(far) as u64;
        let ms = self.stream_ids.saturating_sub(back);
        match self.rng.below(40) {
            0 => b"abc".to_vec(),
            1 => b"0".to_vec(),
            2 => LAST_ID.to_vec(),
            3 => format!("{ms}-1").into_bytes(),
            4 => format!("0{ms}-00").into_bytes(),
            5..=9 => ms.to_string().into_bytes(),
            _ => format!("{ms}-0").into_bytes(),
        }
    }

    /// Not that of the last entry there can be: once that is deleted, 7.2 refuses an XSETID that 7.0 takes.
    fn some_ids(&mut self, command: &mut Cmd) {
        for _ in 0..1 + self.rng.below(6) {
            let id = self.id();
            command.push(if id == LAST_ID { b"18446744073709551615-2".to_vec() } else { id });
        }
    }

    /// An end of an interval.
    fn bound(&mut self) -> Vec<u8> {
        match self.rng.below(6) {
            0 => b"-".to_vec(),
            1 => b"+".to_vec(),
            2 => [b"(".to_vec(), self.id()].concat(),
            _ => self.id(),
        }
    }

    fn count(&mut self, command: &mut Cmd) {
        if self.rng.one_in(2) {
            let count = *self.rng.pick(&["0", "1", "2", "5", "-1", "1000", "x"]);
            command.extend([self.cased("COUNT"), count.into()]);
        }
    }

    fn xadd(&mut self, command: &mut Cmd) {
        command.push(self.stream_key());
        if self.rng.one_in(10) {
            command.push(self.cased("NOMKSTREAM"));
        }
        if self.rng.one_in(6) {
            self.trimming(command);
        }
        self.stream_ids += 1;
        command.push(match self.rng.below(20) {
            0 => self.id(),
            1..=3 => format!("{}-*", self.stream_ids).into_bytes(),
            4 => format!("{}-{}", self.stream_ids, self.rng.below(9)).into_bytes(),
            _ => format!("{}-0", self.stream_ids).into_bytes(),
        });
        let same = self.rng.one_in(2);
        for n in 0..1 + self.rng.below(3) {
            let field = if same { format!("field{n}").into_bytes() } else { self.value() };
            command.extend([field, self.value()]);
        }
        if self.rng.one_in(40) {
            command.pop();
        }
    }

    fn trimming(&mut self, command: &mut Cmd) {
        let by_length = self.rng.one_in(2);
        command.push(self.cased(if by_length { "MAXLEN" } else { "MINID" }));
        let sign = *self.rng.pick(&["", "=", "~", "~", "~"]);
        if !sign.is_empty() {
            command.push(sign.into());
        }
        let length = if self.rng.one_in(9) { -1 } else { self.rng.below(40) as i64 };
        command.push(if by_length { length.to_string().into_bytes() } else { self.id() });
        if self.rng.one_in(if sign == "~" { 2 } else { 20 }) {
            let limit = *self.rng.pick(&["0", "1", "5", "10", "30", "-1"]);
            command.extend([self.cased("LIMIT"), limit.into()]);
        }
    }

    /// Only ids that are not below what was deleted: there Redis 7.2 refuses, and 7.0 does not.
    fn xsetid(&mut self, command: &mut Cmd) {
        self.stream_ids += 1;
        command.extend([self.stream_key(), format!("{}-0", self.stream_ids).into_bytes()]);
        if self.rng.one_in(2) {
            command.extend([self.cased("ENTRIESADDED"), self.small()]);
        }
        if self.rng.one_in(2) {
            command.extend([self.cased("MAXDELETEDID"), self.id()]);
        }
    }

    fn xgroup(&mut self, command: &mut Cmd) {
        let what = *self.rng.pick(&[
            "CREATE",
            "CREATE",
            "CREATE",
            "SETID",
            "DESTROY",
            "CREATECONSUMER",
            "DELCONSUMER",
        ]);
        command.extend([self.cased(what), self.stream_key(), self.group()]);
        match what {
            "CREATE" | "SETID" => {
                command.push(if self.rng.one_in(3) { b"$".to_vec() } else { self.id() });
                if what == "CREATE" && !self.rng.one_in(4) {
                    command.push(self.cased("MKSTREAM"));
                }
                if self.rng.one_in(4) {
                    command.extend([self.cased("ENTRIESREAD"), self.small()]);
                }
            }
            "DESTROY" => {}
            _ => command.push(self.consumer()),
        }
    }

    fn xread(&mut self, command: &mut Cmd, of_group: bool) {
        self.count(command);
        if of_group && self.rng.one_in(6) {
            command.push(self.cased("NOACK"));
        }
        command.push(self.cased("STREAMS"));
        let keys = 1 + self.rng.below(3);
        for _ in 0..keys {
            command.push(self.slot_key());
        }
        for _ in 0..keys {
            command.push(match self.rng.below(if of_group { 3 } else { 9 }) {
                0 if of_group => self.id(),
                _ if of_group => b">".to_vec(),
                0 => b"$".to_vec(),
                _ => self.id(),
            });
        }
    }

    fn xpending(&mut self, command: &mut Cmd) {
        command.extend([self.stream_key(), self.group()]);
        if self.rng.one_in(2) {
            return;
        }
        if self.rng.one_in(3) {
            let idle = *self.rng.pick(&["0", LONG_IDLE]);
            command.extend([self.cased("IDLE"), idle.into()]);
        }
        command.extend([self.bound(), self.bound(), self.small()]);
        if self.rng.one_in(2) {
            command.push(self.consumer());
        }
    }

    fn min_idle(&mut self) -> Vec<u8> {
        self.rng.pick(&["0", "0", "0", "-1", LONG_IDLE]).as_bytes().to_vec()
    }

    fn xclaim(&mut self, command: &mut Cmd) {
        command.extend([self.stream_key(), self.group(), self.consumer(), self.min_idle()]);
        self.some_ids(command);
        for _ in 0..self.rng.below(4) {
            match self.rng.below(5) {
                0 => command.push(self.cased("FORCE")),
                1 => command.push(self.cased("JUSTID")),
                2 => command.extend([self.cased("RETRYCOUNT"), self.small()]),
                3 => command.extend([self.cased("LASTID"), self.id()]),
                _ => command.extend([self.cased("TIME"), b"1000".to_vec()]),
            }
        }
    }

    fn xautoclaim(&mut self, command: &mut Cmd) {
        command.extend([self.stream_key(), self.group(), self.consumer(), self.min_idle(), self.bound()]);
        self.count(command);
        if self.rng.one_in(3) {
            command.push(self.cased("JUSTID"));
        }
    }

    fn xinfo(&mut self, command: &mut Cmd) {
        let what = *self.rng.pick(&["STREAM", "STREAM", "GROUPS", "GROUPS", "CONSUMERS"]);
        command.extend([self.cased(what), self.stream_key()]);
        match what {
            "STREAM" if self.rng.one_in(3) => {
                command.push(self.cased("FULL"));
                self.count(command);
            }
            "CONSUMERS" => command.push(self.group()),
            _ => {}
        }
    }
}
