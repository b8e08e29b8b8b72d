//! The steps that a command over several shards is made of. Each runs on one shard, at once and whole.
//!
//! What asks comes in the first hop ([`Step::AnyExists`], [`Step::Take`], [`Step::Clone`],
//! [`Step::ReadString`]), what writes in the second. [`crate::plan`] says which steps a command takes. Between
//! the hops the shards involved serve nobody else: that is the coordinator's part of the bargain, and
//! why a value that was taken out is never missed, nor seen twice.
//!
//! Keys and values travel as owned bytes, since they cross from one core to another.

use crate::db::Detached;
use crate::event::Class;
use crate::lookup::{Expiry, Touch};
use crate::shard::{Cx, Shard};

/// A key or a value on its way between shards.
pub type Bytes = Box<[u8]>;

/// One step, in one database.
#[derive(Clone, PartialEq, Debug)]
pub struct Hop {
    pub db: usize,
    pub step: Step,
}

#[derive(Clone, PartialEq, Debug)]
pub enum Step {
    /// Is one of the keys there? MSETNX; and one key, the destination of RENAMENX and COPY.
    AnyExists(Vec<Bytes>),
    /// Moves a value out, with its expiry: the source of RENAME.
    Take(Bytes),
    /// Copies a value: the source of COPY.
    Clone(Bytes),
    /// Copies a string, of which an absent key is an empty one: LCS.
    ReadString(Bytes),
    /// Puts a value under a key; what stood there is gone. One change.
    Put(Bytes, Detached),
    /// Puts back what was taken when the command turns out to change nothing.
    PutBack(Bytes, Detached),
    /// Sets strings as MSET does: a change each.
    SetAll(Vec<(Bytes, Bytes)>),
}

/// What a step found.
#[derive(Clone, PartialEq, Debug)]
pub enum Hopped {
    Exists(bool),
    /// Of [`Step::Take`] and [`Step::Clone`]; `None`: there was no such key.
    Value(Option<Detached>),
    /// `None`: the value is no string.
    String(Option<Vec<u8>>),
    Written,
}

const _: () = {
    const fn crosses_cores<T: Send + 'static>() {}
    crosses_cores::<Hop>();
    crosses_cores::<Hopped>();
};

impl Shard {
    /// Runs one step. `cx` says when and for whom; its database is set to the step's, its `dirty` to the
    /// changes made.
    pub fn hop(&mut self, cx: &mut Cx, hop: Hop) -> Hopped {
        cx.db = hop.db;
        cx.dirty = 0;
        match hop.step {
            Step::AnyExists(keys) => {
                Hopped::Exists(keys.iter().any(|key| self.is_there(cx, cx.db, &self.key(key))))
            }
            Step::Take(key) => {
                let key = self.key(&key);
                let found = self.is_there(cx, cx.db, &key);
                Hopped::Value(if found { self.take(cx, cx.db, &key) } else { None })
            }
            Step::Clone(key) => {
                let key = self.key(&key);
                let found = self.read(cx, &key, Touch::Normal, |entry| entry.is_some());
                Hopped::Value(if found { self.copy_of(cx, &key) } else { None })
            }
            Step::ReadString(key) => Hopped::String(self.string_for_lcs(cx, &key)),
            Step::Put(key, value) => {
                let key = self.key(&key);
                self.delete(cx, cx.db, &key);
                self.dbs[cx.db].insert(&key, value);
                cx.dirty = 1;
                Hopped::Written
            }
            Step::PutBack(key, value) => {
                let key = self.key(&key);
                self.dbs[cx.db].insert(&key, value);
                Hopped::Written
            }
            Step::SetAll(pairs) => {
                for (key, value) in &pairs {
                    self.put_string(cx, &self.key(key), value, Expiry::Clear);
                    self.changed(cx, key, Class::STRING, "set");
                }
                Hopped::Written
            }
        }
    }
}
