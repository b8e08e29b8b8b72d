//! What goes wrong: commands with arguments lost, added or broken, unknown names, inline commands with
//! odd quoting, and bytes that break the protocol.

use crate::common::Cmd;
use crate::generate::Generator;
use crate::stream::Step;

/// In place of an argument. No small positive number among them: as an expiry it would make
/// the stream depend on the clock.
const BROKEN_ARGUMENTS: &[&str] = &[
    "abc",
    "",
    "1.5",
    "-1",
    "0",
    "9223372036854775808",
    "9223372036854775807",
    " 1",
    "EX",
    "XX",
    "\r\n",
    "-",
    "\u{0}",
];

const UNKNOWN: &[&str] = &["nosuch", "", "get\0", "SETT", "GET\r\nSET", "config|get", "\u{ff}", "a b"];

const INLINE: &[&str] = &[
    "PING",
    "  PING  ",
    "ping hello",
    "SET inline 1",
    "GET inline",
    "set \"in line\" 'single quoted'",
    "GET \"in line\"",
    "SET esc \"\\x41\\n\\t\\\"q\\\"\"",
    "GET esc",
    "ECHO 'it\\'s'",
    "ECHO \"\"",
    "EXISTS inline inline",
    "nosuch a b",
    "GET",
    "\tECHO\ttabs",
    "echo \\x41",
];

const BROKEN: &[&[u8]] = &[
    b"*x\r\n",
    b"*1048577\r\n",
    b"*-9223372036854775809\r\n",
    b"*2147483648\r\n",
    b"*1\r\n:1\r\n",
    b"*1\r\nPING\r\n",
    b"*1\r\n$x\r\n",
    b"*1\r\n$-1\r\n",
    b"*1\r\n$-2\r\n",
    b"*1\r\n$536870913\r\n",
    b"*2\r\n$3\r\nGET\r\n+k\r\n",
    b"PING \"unbalanced\r\n",
    b"SET a 'b\r\n",
    b"SET a \"b\"c\r\n",
    b"*1\r\n$4\r\nPING\r\n*1\r\n$z\r\n",
    b"*0\r\n*-1\r\n\r\n*1\r\n$4\r\nPING\r\n*a\r\n",
    b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$ 1\r\n",
    b"* 1\r\n",
    b"*+1\r\n$4\r\nPING\r\n",
];

impl Generator {
    /// A command that is likely to be answered with an error.
    pub fn wrong(&mut self) -> Cmd {
        if self.rng.one_in(6) {
            let mut command = self.string();
            command[0] = self.rng.pick(UNKNOWN).as_bytes().to_vec();
            if self.rng.one_in(3) {
                command.push(vec![b'x'; 200]);
            }
            return command;
        }
        let mut command = match self.rng.below(3) {
            0 if self.rng.one_in(2) => self.key_to_break(),
            0 => self.hash_to_break(),
            _ => self.string(),
        };
        match self.rng.below(4) {
            0 => command.truncate(1 + self.rng.below(command.len())),
            1 if command.len() > 1 => drop(command.remove(1 + self.rng.below(command.len() - 1))),
            2 => command.push(self.rng.pick(BROKEN_ARGUMENTS).as_bytes().to_vec()),
            _ if command.len() > 1 => {
                let at = 1 + self.rng.below(command.len() - 1);
                command[at] = self.rng.pick(BROKEN_ARGUMENTS).as_bytes().to_vec();
            }
            _ => command.clear(),
        }
        if command.is_empty() { vec![self.cased("STRLEN")] } else { command }
    }

    /// One without settings: those of notifications are to stay what they are.
    fn key_to_break(&mut self) -> Cmd {
        loop {
            if let [command] = &self.key_command()[..] {
                return command.clone();
            }
        }
    }

    pub fn inline(&mut self) -> Step {
        Step::Inline(self.rng.pick(INLINE).as_bytes().to_vec())
    }

    pub fn broken(&mut self) -> Vec<u8> {
        match self.rng.below(10) {
            0 => vec![b'A'; 70_000],
            1 => [&b"*"[..], &[b'1'; 70_000]].concat(),
            2 => [&b"*1\r\n$"[..], &[b'1'; 70_000]].concat(),
            _ => self.rng.pick(BROKEN).to_vec(),
        }
    }
}
