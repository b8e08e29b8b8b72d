//! MULTI with random commands in it, EXEC or DISCARD, and WATCH of keys that are then changed or left alone.
//!
//! The blocking commands are drawn here, and only here: within a transaction they never wait.

use crate::common::{Cmd, cmd};
use crate::generate::Generator;

impl Generator {
    pub fn transaction(&mut self) -> Vec<Cmd> {
        let mut commands = Vec::new();
        if self.rng.one_in(2) {
            self.watch(&mut commands);
        }
        commands.push(vec![self.cased("MULTI")]);
        for _ in 0..self.rng.below(8) {
            match self.rng.below(40) {
                0 => commands.push(self.wrong()),
                1 => commands.push(self.line("MULTI")),
                2 => commands.push(self.line("WATCH k1")),
                _ => {
                    let more = self.queued();
                    if !more.iter().any(|c| c[0].eq_ignore_ascii_case(b"config")) {
                        commands.extend(more);
                    }
                }
            }
        }
        let end = *self.rng.pick(&["EXEC", "EXEC", "EXEC", "EXEC", "EXEC", "EXEC x", "DISCARD"]);
        commands.push(self.line(end));
        if end == "EXEC x" {
            // Its error has ended the transaction: now there is none.
            commands.push(self.line("EXEC"));
        }
        commands
    }

    /// Watches the keys of a command that follows, or of none, or takes it back.
    fn watch(&mut self, commands: &mut Vec<Cmd>) {
        let mut change = self.data();
        // Also what sets a key that has expired already: only 7.0 then takes the key for changed.
        while change.iter().any(|c| c[0].eq_ignore_ascii_case(b"config")) {
            change = self.data();
        }
        let mut watch = vec![self.cased("WATCH")];
        // The first argument of most commands is a key; where it is none, a key of that name is watched.
        watch.extend(change.iter().filter_map(|c| c.get(1).cloned()).take(2));
        watch.extend(self.keys(2));
        commands.push(watch);
        if self.rng.one_in(2) {
            commands.extend(change);
        }
        if self.rng.one_in(8) {
            commands.push(self.line("UNWATCH"));
        }
    }

    /// A command on data of any type, or a few that belong together.
    fn data(&mut self) -> Vec<Cmd> {
        match self.rng.below(16) {
            0..=2 => vec![self.string()],
            3 => vec![self.hll()],
            4..=5 => self.key_command(),
            6..=7 => self.stream_commands(),
            8..=9 => self.set_command(),
            10..=11 => self.zset_command(),
            12..=13 => vec![self.hash()],
            _ => vec![self.list_command()],
        }
    }

    /// The same, or one that would block outside of a transaction.
    fn queued(&mut self) -> Vec<Cmd> {
        match self.rng.below(10) {
            0 => vec![self.blocking_list_command()],
            1 => vec![self.blocking_zset_command()],
            _ => self.data(),
        }
    }

    fn blocking_zset_command(&mut self) -> Cmd {
        let name = *self.rng.pick(&["BZPOPMIN", "BZPOPMAX", "BZMPOP", "XREAD"]);
        let mut command = vec![self.cased(name)];
        match name {
            "XREAD" => return cmd(&["XREAD", "BLOCK", "0", "STREAMS", "{stream}:0", "{stream}:1", "0", "$"]),
            "BZMPOP" => {
                command.push(b"0".to_vec());
                self.zmpop(&mut command);
            }
            _ => {
                for _ in 0..1 + self.rng.below(3) {
                    command.push(self.zset_key());
                }
                command.push((*self.rng.pick(&["0", "0.1", "-1", "x"])).into());
            }
        }
        command
    }
}
