//! The slow log: the last commands that took longer than `slowlog-log-slower-than`. One log for
//! all cores; a slow command is rare, so a lock is enough, and the order is that of their ends.

use parking_lot::Mutex;
use proto::args::Args;
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
    pub fn add(&self, args: Args<'_>, micros: u64, unix_s: i64, peer: &str, name: &str, len_max: usize) {
        let mut log = self.log.lock();
        let id = log.next_id;
        log.next_id += 1;
        let entry = SlowEntry {
            id,
            unix_s,
            micros,
            args: kept(args),
            peer: peer.to_owned(),
            client_name: name.to_owned(),
        };
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

/// What is kept of a command's arguments, shortened as Redis shortens them.
fn kept(args: Args<'_>) -> Vec<Vec<u8>> {
    let total = args.len();
    let shown = if total > ARGUMENTS_MAX { ARGUMENTS_MAX - 1 } else { total };
    let mut out: Vec<Vec<u8>> = args.iter().take(shown).map(shortened).collect();
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

    #[test]
    fn keeps_the_newest_and_numbers_all() {
        let log = SlowLog::default();
        for i in 0..5u64 {
            log.add(OwnedArgs::of(["get", "k"]).args(), i, 100, "p", "n", 3);
        }
        let ids: Vec<u64> = log.newest(None).iter().map(|e| e.id).collect();
        assert_eq!(ids, [4, 3, 2]);
        assert_eq!(log.newest(Some(1)).len(), 1);
        log.reset();
        assert!(log.is_empty());
        log.add(OwnedArgs::of(["get"]).args(), 1, 100, "p", "n", 3);
        assert_eq!(log.newest(None)[0].id, 5, "numbers are never used again");
    }

    #[test]
    fn long_commands_are_shortened_as_redis_does() {
        let mut own = OwnedArgs::of(["sadd"]);
        own.push(&[b'A'; 130]);
        (0..40).for_each(|i: i32| own.push(i.to_string().as_bytes()));
        let args = kept(own.args());
        assert_eq!(args.len(), 32);
        assert_eq!(args[1], [&[b'A'; 128][..], b"... (2 more bytes)"].concat());
        assert_eq!(args[31], b"... (11 more arguments)");
    }
}
