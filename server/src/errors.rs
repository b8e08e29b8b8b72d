//! How often each kind of error was answered (INFO errorstats).

use parking_lot::Mutex;
use std::collections::BTreeMap;

/// Kinds beyond this many are not told apart: a client must not be able to grow the table.
const KINDS_MAX: usize = 128;
/// Bytes of a kind's name that are kept.
const KIND_LEN_MAX: usize = 64;

/// Counts by the error's first word. Errors are rare enough for a lock.
#[derive(Default, Debug)]
pub struct ErrorCounts {
    counts: Mutex<BTreeMap<String, u64>>,
}

impl ErrorCounts {
    /// Counts an error by its text (`WRONGTYPE Operation…`).
    #[cold]
    pub fn count(&self, text: &[u8]) {
        let kind = text.split(|b| matches!(b, b' ' | b'\r')).next().unwrap_or(b"ERR");
        let kind = &*String::from_utf8_lossy(&kind[..kind.len().min(KIND_LEN_MAX)]);
        let mut counts = self.counts.lock();
        if let Some(n) = counts.get_mut(kind) {
            *n += 1;
        } else if counts.len() < KINDS_MAX {
            counts.insert(kind.to_owned(), 1);
        }
    }

    /// Counts an error by its reply (`-WRONGTYPE Operation…\r\n`).
    #[cold]
    pub fn count_reply(&self, reply: &[u8]) {
        self.count(reply.get(1..).unwrap_or_default());
    }

    #[must_use]
    pub fn all(&self) -> Vec<(String, u64)> {
        self.counts.lock().iter().map(|(k, n)| (k.clone(), *n)).collect()
    }

    pub fn reset(&self) {
        self.counts.lock().clear();
    }
}
