//! `--verify`: does every GET return what was last acknowledged for its key?
//!
//! Keys are partitioned among the connections, so that on each key only one connection writes, and what its
//! replies say is the whole truth about it. Each connection has a [`Ledger`]:
//!
//! ```text
//!   sent      SET k v1   GET k   SET k v2   DEL k   GET k      (one pipeline, in order)
//!   replies   OK         v1      -ERR       1       nil
//!   ledger    k = v1     right   k = v1     k = -   right
//! ```
//!
//! A value begins with a stamp that no other has (connection, number of the write) and is compared to its
//! last byte. A write that is refused leaves what was; a key that the run has not written may hold anything. A
//! run ends with a sweep that reads every written key again, so that a lost write which no GET happened
//! to look for is found too.

use crate::connect::Control;
use crate::words::Word;
use proto::reply::Value;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// Offences that are kept; the others are counted.
pub const OFFENCES_MAX: usize = 100;
/// Bytes of a wrong value that are shown.
const SHOWN: usize = 64;
/// Keys that the sweep asks for at once.
const SWEEP: usize = 256;

/// What a request does to its key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Role {
    Set,
    Get,
    Delete,
    /// Not verified.
    Other,
}

impl Role {
    /// # Errors
    /// A sentence for the user, if what the commands do cannot be verified.
    pub fn of(commands: &[Vec<Word>]) -> Result<Role, String> {
        let cannot = || {
            "--verify knows SET key __data__, GET key and DEL key, each with one __rand_int__ in its key"
                .to_string()
        };
        let [words] = commands else { return Err(cannot()) };
        let texts: Vec<_> = words.iter().map(|w| String::from_utf8_lossy(w).into_owned()).collect();
        let name = texts.first().map(|t| t.to_uppercase()).unwrap_or_default();
        if texts.get(1).is_none_or(|key| key.matches("__rand_int__").count() != 1) {
            return Err(cannot());
        }
        match (name.as_str(), texts.get(2).map(String::as_str), texts.len()) {
            ("SET", Some("__data__"), 3) => Ok(Role::Set),
            ("GET", None, 2) => Ok(Role::Get),
            ("DEL" | "UNLINK", None, 2) => Ok(Role::Delete),
            _ => Err(cannot()),
        }
    }
}

/// The value of a write: the stamp, then letters up to its length.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Written {
    sequence: u64,
    len: usize,
}

/// What is known of a key, by its number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Known {
    Value(Written),
    Absent,
}

#[derive(Clone, Copy, Debug)]
enum Asked {
    Set(u64, Written),
    Get(u64),
    Delete(u64),
    Other,
}

/// A reply that is not what was acknowledged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Offence {
    /// The number in the key.
    pub key: u64,
    pub expected: String,
    pub found: String,
}

impl std::fmt::Display for Offence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "key {:012}: expected {}, found {}", self.key, self.expected, self.found)
    }
}

/// What one connection knows of its keys.
#[derive(Clone, Debug)]
pub struct Ledger {
    conn: u64,
    letters: Arc<[u8]>,
    known: HashMap<u64, Known>,
    asked: VecDeque<Asked>,
    writes: u64,
    /// Of the string that is being received: its beginning, its length, whether it is right so far.
    beginning: Vec<u8>,
    len: usize,
    right: bool,
    expected: Vec<u8>,
    pub offences: Vec<Offence>,
    pub offences_count: u64,
    pub checked: u64,
}

impl Ledger {
    #[must_use]
    pub fn new(conn: u64, letters: Arc<[u8]>) -> Ledger {
        Ledger {
            conn,
            letters,
            known: HashMap::new(),
            asked: VecDeque::new(),
            writes: 0,
            beginning: Vec::new(),
            len: 0,
            right: true,
            expected: Vec::new(),
            offences: Vec::new(),
            offences_count: 0,
            checked: 0,
        }
    }

    /// The stamp of the next write: no other value of the run has it.
    pub fn next_stamp(&mut self, out: &mut Vec<u8>) {
        self.writes += 1;
        out.clear();
        stamp(out, self.conn, self.writes);
    }

    /// A request has been composed; `len` is the length of its value.
    pub fn sent(&mut self, role: &Role, key: u64, len: usize) {
        let asked = match role {
            Role::Set => Asked::Set(key, Written { sequence: self.writes, len }),
            Role::Get => Asked::Get(key),
            Role::Delete => Asked::Delete(key),
            Role::Other => Asked::Other,
        };
        self.asked.push_back(asked);
        if self.asked.len() == 1 {
            self.expect();
        }
    }

    /// Makes ready for the reply to the first request that has none.
    fn expect(&mut self) {
        self.beginning.clear();
        (self.len, self.right) = (0, true);
        self.expected.clear();
        if let Some(Asked::Get(key)) = self.asked.front()
            && let Some(Known::Value(written)) = self.known.get(key)
        {
            stamp(&mut self.expected, self.conn, written.sequence);
            let rest = written.len.saturating_sub(self.expected.len());
            self.expected.extend_from_slice(self.letters.get(..rest).unwrap_or(&self.letters));
        }
    }

    /// Part of a string in a reply.
    pub fn string_part(&mut self, part: &[u8]) {
        let end = self.len + part.len();
        self.right &= self.expected.get(self.len..end) == Some(part);
        self.len = end;
        let room = SHOWN - self.beginning.len().min(SHOWN);
        self.beginning.extend_from_slice(&part[..part.len().min(room)]);
    }

    /// The reply is complete.
    pub fn reply(&mut self, is_nil: bool, is_error: bool) {
        match self.asked.pop_front() {
            Some(Asked::Set(key, written)) if !is_error => {
                self.known.insert(key, Known::Value(written));
            }
            Some(Asked::Delete(key)) if !is_error => {
                self.known.insert(key, Known::Absent);
            }
            Some(Asked::Get(key)) if !is_error => self.check(key, is_nil),
            _ => {}
        }
        self.expect();
    }

    fn check(&mut self, key: u64, is_nil: bool) {
        let Some(known) = self.known.get(&key) else { return };
        self.checked += 1;
        let is_right = match known {
            Known::Value(_) => !is_nil && self.right && self.len == self.expected.len(),
            Known::Absent => is_nil,
        };
        if !is_right {
            let expected = match known {
                Known::Value(_) => shown(&self.expected, self.expected.len()),
                Known::Absent => "nothing (deleted)".to_string(),
            };
            let found = if is_nil { "nothing".to_string() } else { shown(&self.beginning, self.len) };
            self.offence(Offence { key, expected, found });
        }
    }

    fn offence(&mut self, offence: Offence) {
        self.offences_count += 1;
        if self.offences.len() < OFFENCES_MAX && !self.offences.iter().any(|o| o.key == offence.key) {
            self.offences.push(offence);
        }
    }

    /// Reads every key that has been written again. `key` makes the key of a number.
    ///
    /// # Errors
    /// A sentence for the user, if the server does not answer.
    pub fn sweep(&mut self, control: &mut Control, key: impl Fn(u64) -> Vec<u8>) -> Result<(), String> {
        self.asked.clear();
        let mut numbers: Vec<_> = self.known.keys().copied().collect();
        numbers.sort_unstable();
        for chunk in numbers.chunks(SWEEP) {
            for &number in chunk {
                control.send(&[b"GET".as_slice(), &key(number)])?;
            }
            for &number in chunk {
                self.sent(&Role::Get, number, 0);
                let reply = control.reply()?;
                if let Value::Bulk(bytes) = &reply {
                    self.string_part(bytes);
                }
                if let Value::Error(text) = &reply {
                    return Err(format!("GET: {}", String::from_utf8_lossy(text)));
                }
                self.reply(!matches!(reply, Value::Bulk(_)), false);
            }
        }
        Ok(())
    }
}

/// What a value begins with: connection and number of the write.
fn stamp(out: &mut Vec<u8>, conn: u64, sequence: u64) {
    proto::number::push_i64(out, conn as i64);
    out.push(b':');
    proto::number::push_i64(out, sequence as i64);
    out.push(b':');
}

fn shown(bytes: &[u8], len: usize) -> String {
    let text = bytes[..bytes.len().min(SHOWN)].escape_ascii();
    if len > SHOWN { format!("\"{text}\"… ({len} bytes)") } else { format!("\"{text}\"") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::split;

    fn role(text: &str) -> Result<Role, String> {
        Role::of(&split(text).expect(text))
    }

    #[test]
    fn only_what_can_be_verified_has_a_role() {
        assert_eq!(role("set k:__rand_int__ __data__"), Ok(Role::Set));
        assert_eq!(role("GET __rand_int__"), Ok(Role::Get));
        assert_eq!(role("UNLINK __rand_int__"), Ok(Role::Delete));
        for bad in [
            "SET k __data__",
            "SET __rand_int__ x",
            "SET __rand_int__ __data__ EX 9",
            "MULTI; EXEC",
            "GET a__rand_int____rand_int__",
        ] {
            assert!(role(bad).is_err(), "{bad}");
        }
    }

    /// A ledger, and the value of a write in it.
    fn written(ledger: &mut Ledger, key: u64, len: usize) -> Vec<u8> {
        let mut value = Vec::new();
        ledger.next_stamp(&mut value);
        let rest = len.saturating_sub(value.len());
        value.extend_from_slice(&ledger.letters.clone()[..rest]);
        ledger.sent(&Role::Set, key, value.len());
        value
    }

    fn ledger() -> Ledger {
        Ledger::new(3, crate::value::letters(100, 1).into())
    }

    #[test]
    fn a_pipeline_is_judged_in_its_order() {
        let mut l = ledger();
        let first = written(&mut l, 7, 20);
        l.sent(&Role::Get, 7, 0);
        written(&mut l, 7, 20);
        l.sent(&Role::Get, 7, 0);
        l.sent(&Role::Delete, 7, 0);
        l.sent(&Role::Get, 7, 0);
        l.reply(false, false); // the first write
        l.string_part(&first[..5]);
        l.string_part(&first[5..]);
        l.reply(false, false);
        l.reply(false, true); // the second is refused
        l.string_part(&first);
        l.reply(false, false);
        l.reply(false, false); // deleted
        l.reply(true, false);
        assert_eq!((l.offences_count, l.checked), (0, 3));
    }

    #[test]
    fn lost_stale_foreign_and_damaged_values_are_offences() {
        for (what, found) in
            [("lost", None), ("stale", Some(0)), ("damaged", Some(1)), ("cut", Some(2)), ("longer", Some(3))]
        {
            let mut l = ledger();
            let old = written(&mut l, 7, 30);
            let new = written(&mut l, 7, 30);
            l.sent(&Role::Get, 7, 0);
            l.reply(false, false);
            l.reply(false, false);
            let mut damaged = new.clone();
            damaged[29] ^= 1;
            let answers = [old, damaged, new[..29].to_vec(), [&new[..], b"x"].concat()];
            if let Some(i) = found {
                l.string_part(&answers[i]);
            }
            l.reply(found.is_none(), false);
            assert_eq!(l.offences_count, 1, "{what}");
            assert!(l.offences[0].to_string().contains("key 000000000007: expected \"3:2:"), "{what}");
        }
    }

    #[test]
    fn what_was_not_written_may_be_anything() {
        let mut l = ledger();
        l.sent(&Role::Get, 9, 0);
        l.string_part(b"from before");
        l.reply(false, false);
        l.sent(&Role::Get, 9, 0);
        l.reply(false, true);
        assert_eq!((l.offences_count, l.checked), (0, 0));
    }

    #[test]
    fn a_deleted_key_that_is_back_is_an_offence() {
        let mut l = ledger();
        l.sent(&Role::Delete, 1, 0);
        l.sent(&Role::Get, 1, 0);
        l.reply(false, false);
        l.string_part(b"ghost");
        l.reply(false, false);
        assert_eq!(l.offences[0].expected, "nothing (deleted)");
    }
}
