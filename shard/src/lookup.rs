//! Finding a key, as every command does it: a key whose time is over is deleted when it is met, a key
//! that is used is marked so, hits and misses are counted.
//!
//! Three flavours differ in what they leave behind:
//!
//! | method    | for                              | hits, misses | access bits |
//! |-----------|----------------------------------|--------------|-------------|
//! | `read`    | GET, MGET, TOUCH …               | counted      | updated     |
//! | `peek`    | EXISTS, TYPE, TTL, OBJECT        | counted      | left        |
//! | `write`   | whatever goes on to change it    | not counted  | updated     |
//!
//! A miss of the first two is told as a notification (`keymiss`), unless the command is OBJECT.
//!
//! They take what to do as a closure instead of returning the entry: so the borrow of the table ends
//! before a dead key is removed, and one probe of the table serves both.

use crate::db::{Detached, DetachedValue, Entry, EntryMut, Key};
use crate::event::Class;
use crate::lru;
use crate::shard::{Cx, Shard};

/// When a look-up updates the access bits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Touch {
    /// Also for clients that asked for CLIENT NO-TOUCH: the TOUCH command.
    Always,
    Normal,
    Never,
    /// As `Never`, and a miss is not told: OBJECT.
    Unnoticed,
}

impl Touch {
    #[inline]
    fn happens(self, cx: &Cx) -> bool {
        match self {
            Self::Always => true,
            Self::Normal => !cx.no_touch,
            Self::Never | Self::Unnoticed => false,
        }
    }
}

/// What a write does to the expiry that stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Expiry {
    Keep,
    Clear,
    /// Unix milliseconds.
    At(i64),
}

impl Expiry {
    /// The expiry after the write, of one before it.
    #[inline]
    fn after(self, before: Option<i64>) -> Option<i64> {
        match self {
            Self::Keep => before,
            Self::Clear => None,
            Self::At(at) => Some(at),
        }
    }
}

/// Whether a key with this expiry is dead. It lives through its last millisecond, as in Redis.
#[inline]
pub(crate) fn is_expired(expire_at: Option<i64>, now_ms: i64) -> bool {
    expire_at.is_some_and(|at| now_ms > at)
}

impl Shard {
    /// Looks a key up in the database `db`; `then` gets the entry if it is alive.
    #[inline]
    pub(crate) fn find<R>(
        &mut self,
        cx: &Cx,
        db: usize,
        key: &Key<'_>,
        touch: Touch,
        then: impl FnOnce(Option<EntryMut<'_>>) -> R,
    ) -> R {
        if let Some(mut entry) = self.dbs[db].get_mut(key) {
            if !is_expired(entry.entry().expire_at(), cx.now_ms) {
                if touch.happens(cx) {
                    let bits = entry.entry().lru();
                    let touched = lru::touched(bits, &self.settings, cx.now_ms, &mut self.random);
                    if touched != bits {
                        entry.set_lru(touched);
                    }
                }
                return then(Some(entry));
            }
            self.reap(db, key);
        }
        then(None)
    }

    /// Looks a key up in the command's database, to read it.
    #[inline]
    pub(crate) fn read<R>(
        &mut self,
        cx: &Cx,
        key: &Key<'_>,
        touch: Touch,
        then: impl FnOnce(Option<&Entry>) -> R,
    ) -> R {
        let (settings, random) = (&self.settings, &mut self.random);
        let db = &mut self.dbs[cx.db];
        let found = if touch.happens(cx) {
            db.touch(key, |bits| lru::touched(bits, settings, cx.now_ms, random))
        } else {
            db.get(key)
        };
        if let Some(entry) = found {
            if !is_expired(entry.expire_at(), cx.now_ms) {
                self.stats.keyspace_hits += 1;
                return then(Some(entry));
            }
            self.reap(cx.db, key);
        }
        self.stats.keyspace_misses += 1;
        if touch != Touch::Unnoticed {
            self.notify(cx.db, key.bytes, Class::KEYMISS, "keymiss");
        }
        then(None)
    }

    /// A read that leaves the access bits alone.
    pub(crate) fn peek<R>(&mut self, cx: &Cx, key: &Key<'_>, then: impl FnOnce(Option<&Entry>) -> R) -> R {
        self.read(cx, key, Touch::Never, then)
    }

    #[inline]
    pub(crate) fn write<R>(
        &mut self,
        cx: &Cx,
        key: &Key<'_>,
        then: impl FnOnce(Option<EntryMut<'_>>) -> R,
    ) -> R {
        self.find(cx, cx.db, key, Touch::Normal, then)
    }

    /// Whether a key is alive, asked by a command that is about to write.
    pub(crate) fn is_there(&mut self, cx: &Cx, db: usize, key: &Key<'_>) -> bool {
        self.find(cx, db, key, Touch::Normal, |entry| entry.is_some())
    }

    /// Removes a key that is alive; a dead one is reaped and `None`. Its access bits stay as they were.
    pub(crate) fn take(&mut self, cx: &Cx, db: usize, key: &Key<'_>) -> Option<Detached> {
        let taken = self.dbs[db].remove(key)?;
        if is_expired(taken.expire_at, cx.now_ms) {
            self.stats.expired_keys += 1;
            self.notify(db, key.bytes, Class::EXPIRED, "expired");
            self.wake(db, key.bytes);
            return None;
        }
        Some(taken)
    }

    /// Deletes a key; true when it was there and alive.
    pub(crate) fn delete(&mut self, cx: &Cx, db: usize, key: &Key<'_>) -> bool {
        let table = &mut self.dbs[db];
        let Some(entry) = table.get(key) else { return false };
        let is_dead = is_expired(entry.expire_at(), cx.now_ms);
        table.discard(key);
        if is_dead {
            self.stats.expired_keys += 1;
            self.notify(db, key.bytes, Class::EXPIRED, "expired");
        }
        !is_dead
    }

    /// Puts a value under a key that is new, and tells that it is.
    pub(crate) fn add(&mut self, cx: &Cx, key: &Key<'_>, value: DetachedValue) {
        let lru = lru::fresh(&self.settings, cx.now_ms);
        self.dbs[cx.db].add(key, Detached { value, expire_at: None, lru });
        self.notify(cx.db, key.bytes, Class::NEW, "new");
    }

    /// Writes a string as SET does: `int` where the bytes are one, else `embstr` or `raw`. Whether the key is new
    /// is told here, what happened to it by the command.
    #[inline]
    pub(crate) fn put_string(&mut self, cx: &Cx, key: &Key<'_>, value: &[u8], expiry: Expiry) {
        let db = &mut self.dbs[cx.db];
        match db.get(key) {
            Some(entry) if !is_expired(entry.expire_at(), cx.now_ms) => {
                let lru = lru::touched(entry.lru(), &self.settings, cx.now_ms, &mut self.random);
                let expire_at = expiry.after(entry.expire_at());
                db.set_string(key, value, expire_at, lru);
            }
            found => {
                let was_dead = found.is_some();
                db.set_string(key, value, expiry.after(None), lru::fresh(&self.settings, cx.now_ms));
                self.stats.expired_keys += u64::from(was_dead);
                if self.events.listening {
                    self.tell_new(cx, key, was_dead);
                }
            }
        }
    }

    /// A key is new, perhaps in the place of one whose time was over.
    #[cold]
    fn tell_new(&mut self, cx: &Cx, key: &Key<'_>, was_dead: bool) {
        if was_dead {
            self.notify(cx.db, key.bytes, Class::EXPIRED, "expired");
        }
        self.notify(cx.db, key.bytes, Class::NEW, "new");
    }

    /// Deletes a key whose time is over.
    #[cold]
    pub(crate) fn reap(&mut self, db: usize, key: &Key<'_>) {
        if self.dbs[db].discard(key) {
            self.stats.expired_keys += 1;
            self.notify(db, key.bytes, Class::EXPIRED, "expired");
        }
    }
}
