//! Keyspace notifications: what commands did to keys, published to those who listen.
//!
//! A change is noted by the shard it happens on ([`shard::event`]). That core publishes it to its own clients at
//! once, and posts it to the other cores that have a listener, by the direct lane: all of a turn for one core
//! travel in one message, unless a reply to that core stands between them.
//!
//! # What order is promised
//!
//! * All notifications of one shard's keys reach every client in the order of the changes. So those of one key
//!   do, and those of keys in one hash slot. (A command that gathers keys of several shards tells of them where it runs,
//!   in one piece, and what it tells is posted before or with the keys' release.)
//! * A change is told before what comes after it: whoever has seen a reply that depends on it, on whatever core, and then
//!   publishes, asks or changes something, does so after the notification was posted. For what is told is posted
//!   together with the replies of the turn, in one multicast, and ahead of a reply that was given later.
//! * Within one pipeline, MSET or the like over several shards, each shard tells of its keys when it runs its part, so
//!   notifications of different shards may come in another order than the commands were sent in, and beside a
//!   PUBLISH of the same pipeline. (One order would take a second hop for every write as long as anybody
//!   listens to anything.)
//!
//! # Bounds
//!
//! A publisher waits for the reply of PUBLISH, and so for its receivers' cores; a notification has no reply. So a
//! core counts the bytes of notifications that another has not handled yet ([`Undelivered`]), and above a limit runs no
//! commands until that core has caught up. Lines for MONITOR clients are counted with them. What a slow *client* is sent ends at its output limit.

use super::state::CoreState;
use crate::config::special::{EVENTS_KEYEVENT, EVENTS_KEYSPACE};
use crate::work::Direct;
use shard::event::{Class, Notification};
use shard::pubsub::Kind;
use std::sync::Arc;

/// Bytes of notifications on their way to one core, above which no commands are run.
const UNDELIVERED_MAX: usize = 4 << 20;
/// A core says what it has handled each time it is this much: well below the maximum, since what is less is never said.
const HANDLED: usize = 1 << 20;
/// What a notification is counted for beside its bytes.
const NOTICE_BYTES: usize = 64;

/// Notifications from one core to another, in order.
#[derive(Default)]
pub struct Notices {
    pub from: usize,
    bytes: Vec<u8>,
    /// Where channel and payload of each end.
    ends: Vec<(usize, usize)>,
}

impl Notices {
    #[must_use]
    pub fn new(from: usize) -> Self {
        Self { from, ..Self::default() }
    }

    /// Adds one; what it is counted for.
    fn add(&mut self, channel: &[u8], payload: &[u8]) -> usize {
        self.bytes.extend_from_slice(channel);
        let channel_end = self.bytes.len();
        self.bytes.extend_from_slice(payload);
        self.ends.push((channel_end, self.bytes.len()));
        NOTICE_BYTES + channel.len() + payload.len()
    }

    /// Channels and payloads.
    fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let begins = std::iter::once(0).chain(self.ends.iter().map(|(_, end)| *end));
        begins
            .zip(&self.ends)
            .map(|(begin, &(middle, end))| (&self.bytes[begin..middle], &self.bytes[middle..end]))
    }

    fn counted(&self) -> usize {
        self.bytes.len() + NOTICE_BYTES * self.ends.len()
    }
}

/// How far other cores are behind with this core's notifications, and this core with theirs; in bytes.
pub struct Undelivered {
    to: Vec<usize>,
    from: Vec<usize>,
    /// Cores that are too far behind.
    late: usize,
}

impl Undelivered {
    #[must_use]
    pub fn new(cores: usize) -> Self {
        Self { to: vec![0; cores], from: vec![0; cores], late: 0 }
    }

    /// Whether some core must catch up before this one may run commands.
    #[inline]
    #[must_use]
    pub fn is_too_much(&self) -> bool {
        self.late != 0
    }

    fn posted(&mut self, core: usize, bytes: usize) {
        let before = self.to[core];
        self.to[core] += bytes;
        self.late += usize::from(before <= UNDELIVERED_MAX && self.to[core] > UNDELIVERED_MAX);
    }

    /// `core` has handled so much.
    pub fn handled(&mut self, core: usize, bytes: usize) {
        let before = self.to[core];
        self.to[core] -= bytes;
        self.late -= usize::from(before > UNDELIVERED_MAX && self.to[core] <= UNDELIVERED_MAX);
    }

    /// Notes what was handled for `core`; what is to be told to it, if it is worth a message.
    fn handle(&mut self, core: usize, bytes: usize) -> Option<usize> {
        self.from[core] += bytes;
        (self.from[core] >= HANDLED).then(|| std::mem::take(&mut self.from[core]))
    }
}

/// The classes that a shard collects, of the directive's bits: none where neither channel is asked for.
#[must_use]
pub fn classes(bits: u16) -> Class {
    /// In the order of the directive's bits; K and E, which choose the channels, are none.
    const LETTERS: [Option<Class>; 14] = [
        Some(Class::GENERIC),
        Some(Class::STRING),
        Some(Class::LIST),
        Some(Class::SET),
        Some(Class::HASH),
        Some(Class::ZSET),
        Some(Class::EXPIRED),
        Some(Class::EVICTED),
        Some(Class::STREAM),
        Some(Class::MODULE),
        None,
        None,
        Some(Class::KEYMISS),
        Some(Class::NEW),
    ];
    if bits & (EVENTS_KEYSPACE | EVENTS_KEYEVENT) == 0 {
        return Class::default();
    }
    let chosen = LETTERS.iter().enumerate().filter(|(bit, _)| bits & (1 << bit) != 0);
    chosen.filter_map(|(_, class)| *class).fold(Class::default(), Class::union)
}

impl CoreState {
    /// Publishes the notifications that the shard has collected.
    pub fn publish_notifications(&mut self) {
        let mut list = std::mem::take(&mut self.shard.events.notifications);
        self.notify_all(&list);
        list.clear();
        self.shard.events.notifications = list;
    }

    /// Publishes notifications, in this order, wherever their keys are; whoever calls this delivers.
    pub fn notify_all(&mut self, list: &[Notification]) {
        if !self.shared.subscriptions.any_notified() {
            return;
        }
        let bits = self.settings.notify_keyspace_events;
        let mut channel = Vec::new();
        for n in list {
            let mut publish = |of: &str, name: &[u8], payload: &[u8]| {
                channel.clear();
                channel.extend_from_slice(format!("__{of}@{}__:", n.db).as_bytes());
                channel.extend_from_slice(name);
                self.notify_one(&channel, payload);
            };
            if bits & EVENTS_KEYSPACE != 0 {
                publish("keyspace", &n.key, n.event.as_bytes());
            }
            if bits & EVENTS_KEYEVENT != 0 {
                publish("keyevent", n.event.as_bytes(), &n.key);
            }
        }
    }

    fn notify_one(&mut self, channel: &[u8], payload: &[u8]) {
        if self.shared.cores() == 1 {
            self.shard.pubsub.publish(Kind::Channel, channel, payload);
            return;
        }
        let mut cores = std::mem::take(&mut self.listeners);
        self.shared.subscriptions.listeners(Kind::Channel, channel, &mut cores);
        for core in cores.drain(..).map(usize::from) {
            if core == self.index {
                self.shard.pubsub.publish(Kind::Channel, channel, payload);
            } else {
                let bytes = self.outbox.notices(core, self.index).add(channel, payload);
                self.undelivered.posted(core, bytes);
                self.outbox.spans_shards(); // told no later than the replies that are posted with it
            }
        }
        self.listeners = cores;
    }

    /// Delivers notifications of another core.
    pub fn take_notices(&mut self, notices: &Notices) {
        for (channel, payload) in notices.iter() {
            self.shard.pubsub.publish(Kind::Channel, channel, payload);
        }
        self.deliver(None);
        self.noticed(notices.from, notices.counted());
    }

    /// Lines for the MONITOR clients of another core, which count as notifications do: they have no reply either.
    pub fn post_monitor_line(&mut self, core: usize, line: Arc<[u8]>) {
        if core != self.index {
            self.undelivered.posted(core, NOTICE_BYTES + line.len());
        }
        self.outbox.direct(core, Direct::Monitor { from: self.index, line });
    }

    /// Delivers one of another core, or of this.
    pub fn take_monitor_line(&mut self, from: usize, line: &[u8]) {
        self.monitor_line(line);
        if from != self.index {
            self.noticed(from, NOTICE_BYTES + line.len());
        }
    }

    /// So much of what a core has sent is handled: it is told, if that is worth a message.
    fn noticed(&mut self, from: usize, bytes: usize) {
        if let Some(bytes) = self.undelivered.handle(from, bytes) {
            self.outbox.direct(from, Direct::Noticed { core: self.index, bytes });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::special::read_events;

    #[test]
    fn letters_choose_classes() {
        let of = |letters: &str| classes(read_events(letters.as_bytes()).unwrap());
        assert_eq!(of("g$"), Class::default(), "no channel, no notifications");
        assert_eq!(of("Kg$"), Class::GENERIC.union(Class::STRING));
        assert_eq!(of("Emdn"), Class::KEYMISS.union(Class::MODULE).union(Class::NEW));
        assert!(!of("KEA").intersects(Class::KEYMISS.union(Class::NEW)));
        assert!(of("KEA").intersects(Class::EXPIRED) && of("KEA").intersects(Class::STREAM));
    }

    #[test]
    fn notices_keep_their_order_and_are_counted_alike_on_both_ends() {
        let mut notices = Notices::new(3);
        let posted: usize = [("a", "x"), ("", "yz"), ("b", "")]
            .map(|(channel, payload)| notices.add(channel.as_bytes(), payload.as_bytes()))
            .iter()
            .sum();
        let all: Vec<_> = notices.iter().collect();
        assert_eq!(all, [(&b"a"[..], &b"x"[..]), (b"", b"yz"), (b"b", b"")]);
        assert_eq!(notices.counted(), posted);
    }

    #[test]
    fn a_core_that_is_behind_is_waited_for() {
        let mut sender = Undelivered::new(2);
        let mut receiver = Undelivered::new(2);
        let mut said = 0;
        while !sender.is_too_much() {
            sender.posted(1, 1000);
        }
        for _ in 0..UNDELIVERED_MAX / 1000 + 1 {
            if let Some(bytes) = receiver.handle(0, 1000) {
                sender.handled(1, bytes);
                said += 1;
            }
        }
        assert!(!sender.is_too_much());
        assert_eq!(said, 3, "not every one is answered");
        sender.posted(1, UNDELIVERED_MAX);
        assert!(sender.is_too_much());
    }
}
