//! A shard with a client, for tests: commands in words, replies as text.

use crate::shard::{Cx, Shard};
use proto::args::OwnedArgs;
use proto::command::{ALL_COMMANDS, CommandId};

/// When tests happen, in Unix milliseconds.
pub(crate) const NOW_MS: i64 = 1_700_000_000_000;

pub(crate) struct Bed {
    pub(crate) shard: Shard,
    /// What the next command runs in; its id and hash are filled in.
    pub(crate) cx: Cx,
}

impl Bed {
    pub(crate) fn new() -> Self {
        Self { shard: Shard::new(16, 42), cx: Cx::new(CommandId::Get, 0, NOW_MS) }
    }

    /// Runs a command given by its words; the reply as text.
    pub(crate) fn run(&mut self, words: &[&str]) -> String {
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        String::from_utf8_lossy(&self.run_bytes(&words)).into_owned()
    }

    pub(crate) fn run_bytes<T: AsRef<[u8]>>(&mut self, words: &[T]) -> Vec<u8> {
        let (id, first_key) = identify(words);
        self.cx.id = id;
        self.cx.key_hash = words.get(first_key).map_or(0, |key| self.shard.key(key.as_ref()).hash);
        let mut out = Vec::new();
        self.shard.execute(&mut self.cx, OwnedArgs::of(words).args(), &mut out);
        out
    }

    /// Runs a command given as one line, and compares the reply.
    #[track_caller]
    pub(crate) fn check(&mut self, line: &str, reply: &str) {
        assert_eq!(self.run(&line.split(' ').collect::<Vec<_>>()), reply, "{line}");
    }

    /// Replays a transcript: `> command` is run and its reply compared with the lines that follow;
    /// `@ 50` lets 50 milliseconds pass; `#` begins a comment.
    pub(crate) fn replay(&mut self, transcript: &str) {
        let mut lines = transcript.lines().enumerate().peekable();
        while let Some((at, line)) = lines.next() {
            if let Some(ms) = line.strip_prefix("@ ") {
                self.cx.now_ms += ms.parse::<i64>().expect("milliseconds");
            }
            let Some(command) = line.strip_prefix("> ") else { continue };
            let mut expected = String::new();
            while let Some((_, reply)) = lines.next_if(|(_, line)| !line.starts_with(['>', '@', '#'])) {
                expected.push_str(reply);
                expected.push_str("\r\n");
            }
            // An empty line parts sections; an empty bulk string is a line of its own.
            let words = split(command);
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let reply = match words[..] {
                ["select", db] => {
                    self.cx.db = db.parse().expect("the index of a database");
                    "+OK\r\n".to_string()
                }
                _ => self.run(&words),
            };
            let expected = expected.strip_suffix("\r\n").filter(|cut| *cut == reply).unwrap_or(&expected);
            assert_eq!(reply, expected, "line {}: {command}", at + 1);
        }
    }
}

/// Words parted by spaces; double quotes hold one together.
fn split(line: &str) -> Vec<String> {
    let quoted = line.split('"').enumerate();
    let parts = quoted.flat_map(|(i, part)| match i % 2 {
        0 => part.split(' ').filter(|word| !word.is_empty()).map(str::to_string).collect(),
        _ => vec![part.to_string()],
    });
    parts.collect()
}

/// The command that words name, and where its first key stands.
pub(crate) fn identify<T: AsRef<[u8]>>(words: &[T]) -> (CommandId, usize) {
    let word = |at: usize| String::from_utf8_lossy(words.get(at).map_or(&[], T::as_ref)).to_lowercase();
    let named = |name: &str| ALL_COMMANDS.iter().copied().find(|id| id.full_name() == name);
    if let Some(id) = named(&format!("{}|{}", word(0), word(1))) {
        return (id, 2);
    }
    (named(&word(0)).expect("a command of the table"), 1)
}
