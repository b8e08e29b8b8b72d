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

    /// Runs `set k v`, `get k` … given in one string, and compares the reply.
    #[track_caller]
    pub(crate) fn check(&mut self, line: &str, reply: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!(self.run(&words), reply, "{line}");
    }
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
