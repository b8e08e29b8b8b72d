//! The slow log: the last commands that took longer than `slowlog-log-slower-than`. One log for
//! all cores; a slow command is rare, so a lock is enough, and the order is that of their ends.

use crate::secret::{REDACTED, is_secret};
use parking_lot::Mutex;
use proto::args::Args;
use proto::command::CommandSpec;
use std::collections::VecDeque;

/// Arguments kept of one command, the last one replaced by a note when there were more.
const ARGUMENTS_MAX: usize = 32;
/// Bytes kept of one argument.
const ARGUMENT_LEN_MAX: usize = 128;

/// One slow command.
#[derive(Clone, Debug, PartialEq)]
pub struct SlowEntry {
    pub id: u64,
    pub unix_s: i64,
    pub micros: u64,
    pub args: Vec<Vec<u8>>,
    pub peer: String,
    pub client_name: String,
}

#[derive(Default, Debug)]
struct Log {
    entries: VecDeque<SlowEntry>,
    next_id: u64,
}

/// The log, newest first.
#[derive(Default, Debug)]
pub struct SlowLog {
    log: Mutex<Log>,
}

impl SlowLog {
    /// Adds an entry, and drops the oldest beyond `len_max`.
    pub fn add(&self, args: Vec<Vec<u8>>, micros: u64, unix_s: i64, peer: &str, name: &str, len_max: usize) {
        if len_max == 0 {
            return; // switched off: not even numbered
        }
        let mut log = self.log.lock();
        let id = log.next_id;
        log.next_id += 1;
        let entry =
            SlowEntry { id, unix_s, micros, args, peer: peer.to_owned(), client_name: name.to_owned() };
        log.entries.push_front(entry);
        log.entries.truncate(len_max);
    }

    /// The newest `count` entries; all when `None`.
    #[must_use]
    pub fn newest(&self, count: Option<usize>) -> Vec<SlowEntry> {
        let log = self.log.lock();
        log.entries.iter().take(count.unwrap_or(usize::MAX)).cloned().collect()
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.log.lock().entries.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn reset(&self) {
        self.log.lock().entries.clear();
    }
}

/// What is kept of a command's arguments: shortened as Redis shortens them, and without secrets.
#[must_use]
pub fn kept(spec: &CommandSpec, args: Args<'_>) -> Vec<Vec<u8>> {
    let total = args.len();
    let shown = if total > ARGUMENTS_MAX { ARGUMENTS_MAX - 1 } else { total };
    let keep = |(i, arg)| if is_secret(spec, args, i) { REDACTED.to_vec() } else { shortened(arg) };
    let mut out: Vec<Vec<u8>> = args.iter().take(shown).enumerate().map(keep).collect();
    if shown < total {
        out.push(format!("... ({} more arguments)", total - shown).into_bytes());
    }
    out
}

fn shortened(arg: &[u8]) -> Vec<u8> {
    if arg.len() <= ARGUMENT_LEN_MAX {
        return arg.to_vec();
    }
    let mut out = arg[..ARGUMENT_LEN_MAX].to_vec();
    out.extend_from_slice(format!("... ({} more bytes)", arg.len() - ARGUMENT_LEN_MAX).as_bytes());
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::args::OwnedArgs;
    use proto::command::resolve;

    fn kept_of(own: &OwnedArgs) -> Vec<Vec<u8>> {
        kept(
            resolve(own.args()).or_else(|_| resolve(OwnedArgs::of(["get", "k"]).args())).unwrap(),
            own.args(),
        )
    }

    #[test]
    fn keeps_the_newest_and_numbers_all() {
        let kept = |parts: &[&str]| kept_of(&OwnedArgs::of(parts));
        let log = SlowLog::default();
        for i in 0..5u64 {
            log.add(kept(&["get", "k"]), i, 100, "p", "n", 3);
        }
        let ids: Vec<u64> = log.newest(None).iter().map(|e| e.id).collect();
        assert_eq!(ids, [4, 3, 2]);
        assert_eq!(log.newest(Some(1)).len(), 1);
        log.reset();
        assert!(log.is_empty());
        log.add(kept(&["get"]), 1, 100, "p", "n", 3);
        assert_eq!(log.newest(None)[0].id, 5, "numbers are never used again");
    }

    #[test]
    fn long_commands_are_shortened_as_redis_does() {
        let mut own = OwnedArgs::of(["sadd"]);
        own.push(&[b'A'; 130]);
        (0..40).for_each(|i: i32| own.push(i.to_string().as_bytes()));
        let args = kept_of(&own);
        assert_eq!(args.len(), 32);
        assert_eq!(args[1], [&[b'A'; 128][..], b"... (2 more bytes)"].concat());
        assert_eq!(args[31], b"... (11 more arguments)");
    }

    #[test]
    fn secrets_are_left_out() {
        let shown = |line: &str| {
            let own = OwnedArgs::of(line.split(' '));
            let words = kept_of(&own).into_iter().map(|w| String::from_utf8(w).unwrap());
            words.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(shown("auth u p"), "auth (redacted) (redacted)");
        assert_eq!(shown("hello 3 auth u p setname n"), "hello 3 auth (redacted) (redacted) setname n");
        assert_eq!(
            shown("config set requirepass x port 1 masterauth y"),
            "config set requirepass (redacted) port 1 masterauth (redacted)"
        );
        assert_eq!(shown("acl setuser bob on"), "acl setuser (redacted) (redacted)");
        assert_eq!(shown("migrate h 1 k 9 5000 AUTH p"), "migrate h 1 k 9 5000 AUTH (redacted)");
        assert_eq!(
            shown("migrate h 1 k 9 5000 AUTH2 u p"),
            "migrate h 1 k 9 5000 AUTH2 (redacted) (redacted)"
        );
        assert_eq!(shown("migrate h 1 k 9 5000"), "migrate h 1 k 9 5000");
    }
}
