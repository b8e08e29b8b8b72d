//! What a change tells to others: WATCHes that it breaks, keyspace notifications, clients that wait
//! for the key.
//!
//! A command says once for every change what happened ([`Shard::changed`]), in the order and with
//! the names of Redis. Whether anybody wants to know is one flag ([`Events::listening`]), so that
//! a server without watchers, waiters and notifications pays one branch for a change.
//!
//! Nothing is delivered here: notifications are collected, and whoever called
//! [`Shard::execute`] publishes them afterwards.

use crate::db::Key;
use crate::shard::{Cx, Shard};

/// A class of keyspace notifications, as one letter of `notify-keyspace-events` names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Class(pub u16);

impl Class {
    /// `g`: commands on keys of any type.
    pub const GENERIC: Self = Self(1 << 0);
    /// `$`
    pub const STRING: Self = Self(1 << 1);
    /// `l`
    pub const LIST: Self = Self(1 << 2);
    /// `s`
    pub const SET: Self = Self(1 << 3);
    /// `h`
    pub const HASH: Self = Self(1 << 4);
    /// `z`
    pub const ZSET: Self = Self(1 << 5);
    /// `x`: a key's time was over.
    pub const EXPIRED: Self = Self(1 << 6);
    /// `e`: a key was evicted.
    pub const EVICTED: Self = Self(1 << 7);
    /// `t`
    pub const STREAM: Self = Self(1 << 8);
    /// `m`: a key was asked for that is not there; not in `A`.
    pub const KEYMISS: Self = Self(1 << 9);
    /// `d`: events of modules; there are none, but the letter is known.
    pub const MODULE: Self = Self(1 << 10);
    /// `n`: a key is new; not in `A`.
    pub const NEW: Self = Self(1 << 11);

    #[inline]
    #[must_use]
    pub fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// An event to be published.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Notification {
    pub class: Class,
    pub event: &'static str,
    pub db: usize,
    pub key: Box<[u8]>,
}

/// What has happened and is not told yet.
#[derive(Default)]
pub struct Events {
    /// Somebody wants to know of changes: of the fields below one is not empty.
    pub(crate) listening: bool,
    /// The classes that are published.
    classes: Class,
    /// To be published by whoever ran the command, in this order.
    pub notifications: Vec<Notification>,
    /// Somebody watches a key.
    watched: bool,
    /// Somebody waits for a key.
    waited_for: bool,
    /// Whether `changed` is kept: on a shard that works with keys of others.
    recording: bool,
    /// The keys that changed, by database, if they are recorded.
    pub changed: Vec<(usize, Box<[u8]>)>,
}

impl Events {
    /// Chooses the classes to be published.
    pub fn publish(&mut self, classes: Class) {
        self.classes = classes;
        self.refresh();
    }

    /// Keeps the names of the keys that change from now on.
    pub fn record(&mut self, on: bool) {
        self.recording = on;
        self.refresh();
    }

    /// Whether a key of this shard is watched.
    pub(crate) fn watched(&mut self, any: bool) {
        self.watched = any;
        self.refresh();
    }

    /// Whether somebody waits for a key of this shard.
    pub(crate) fn waited_for(&mut self, any: bool) {
        self.waited_for = any;
        self.refresh();
    }

    fn refresh(&mut self) {
        let heard = self.watched || self.waited_for || self.recording;
        self.listening = self.classes != Class::default() || heard;
    }

    fn notify(&mut self, db: usize, key: &[u8], class: Class, event: &'static str) {
        if self.classes.intersects(class) {
            self.notifications.push(Notification { class, event, db, key: key.into() });
        }
    }

    fn changed(&mut self, db: usize, key: &[u8]) {
        if self.recording {
            self.changed.push((db, key.into()));
        }
    }
}

impl Shard {
    /// One change of a key in the command's database.
    #[inline]
    pub(crate) fn changed(&mut self, cx: &mut Cx, key: &[u8], class: Class, event: &'static str) {
        self.changed_by(cx, 1, key, class, event);
    }

    /// A change that counts as several (`INFO`'s rdb_changes_since_last_save).
    #[inline]
    pub(crate) fn changed_by(
        &mut self,
        cx: &mut Cx,
        count: u64,
        key: &[u8],
        class: Class,
        event: &'static str,
    ) {
        cx.dirty += count;
        if self.events.listening {
            self.tell_change(cx.db, key, class, event);
        }
    }

    /// One change of a key in another database than the command's.
    #[inline]
    pub(crate) fn changed_in(
        &mut self,
        cx: &mut Cx,
        db: usize,
        key: &[u8],
        class: Class,
        event: &'static str,
    ) {
        cx.dirty += 1;
        if self.events.listening {
            self.tell_change(db, key, class, event);
        }
    }

    /// A notification of something that is no change of the key, or of a change that is counted already.
    #[inline]
    pub(crate) fn notify(&mut self, db: usize, key: &[u8], class: Class, event: &'static str) {
        if self.events.listening {
            self.events.notify(db, key, class, event);
        }
    }

    #[cold]
    fn tell_change(&mut self, db: usize, key: &[u8], class: Class, event: &'static str) {
        self.changed_elsewhere(db, key);
        self.events.notify(db, key, class, event);
    }

    /// A key has changed, here or while it was lent: what its owner does about it. Who wants to hear of the event
    /// hears of it where the command ran.
    pub(crate) fn changed_elsewhere(&mut self, db: usize, key: &[u8]) {
        self.events.changed(db, key);
        self.watches.touch(db, key);
        self.blocked.note(db, key);
    }

    /// A collection has changed, and is gone if that has emptied it: the two events in Redis's order.
    pub(crate) fn changed_or_emptied(
        &mut self,
        cx: &mut Cx,
        key: &Key<'_>,
        class: Class,
        event: &'static str,
        emptied: bool,
    ) {
        self.changed(cx, key.bytes, class, event);
        if emptied {
            self.notify(cx.db, key.bytes, Class::GENERIC, "del");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Bed;

    #[test]
    fn nobody_listens_at_first() {
        let mut bed = Bed::new();
        bed.shard.changed(&mut bed.cx, b"k", Class::LIST, "lpush");
        assert_eq!(bed.cx.dirty, 1);
        assert!(bed.shard.events.notifications.is_empty() && bed.shard.events.changed.is_empty());
    }

    #[test]
    fn only_the_chosen_classes_are_published() {
        let mut bed = Bed::new();
        bed.shard.events.publish(Class::LIST.union(Class::GENERIC));
        let key = Key::new(b"k", 0);
        bed.shard.changed_or_emptied(&mut bed.cx, &key, Class::LIST, "lpop", true);
        bed.shard.changed_by(&mut bed.cx, 3, b"z", Class::ZSET, "zadd");
        let told: Vec<_> = bed.shard.events.notifications.iter().map(|n| n.event).collect();
        assert_eq!((told, bed.cx.dirty), (vec!["lpop", "del"], 4));
    }

    #[test]
    fn changes_are_recorded_on_demand() {
        let mut bed = Bed::new();
        bed.shard.events.record(true);
        bed.shard.changed_in(&mut bed.cx, 3, b"k", Class::SET, "sadd");
        bed.shard.notify(0, b"other", Class::GENERIC, "del");
        assert_eq!(bed.shard.events.changed, [(3, (*b"k").into())]);
    }
}
