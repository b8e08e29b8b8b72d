//! Who listens to what: the subscriptions of the clients of one core, and the messages on their way to
//! them. A pure structure: a subscriber is a number that the server understands, and nothing is sent here.
//!
//! ```text
//!   tables[kind]: name -> members           PUBLISH looks here: one channel, and all patterns
//!   clients:      subscriber -> names[kind] UNSUBSCRIBE and a client's end look here
//!   outbox:       messages, and for each the subscribers that get it
//! ```
//!
//! Both directions hold the same facts, and share each name's bytes. A subscription is made in two steps, since
//! other cores must know of it before it may count ([`PubSub::announce`], then [`PubSub::activate`]): announced, it
//! is the client's, and it gets no messages yet.
//!
//! All maps are B-trees. A hash table would be faster for a look-up by some hundred nanoseconds, and would stop the
//! core for tens of milliseconds whenever a table of a million channels grows; and its order would depend
//! on a seed, where UNSUBSCRIBE shows it.
//!
//! # Costs
//!
//! | | |
//! |---|---|
//! | announce, activate, unsubscribe | O(log n) |
//! | publish | O(log channels + patterns + receivers) |
//! | a client goes | O(1); its subscriptions are removed in slices ([`PubSub::leave_slice`]) |
//!
//! A client that goes is out of the count of receivers at once, however long its slices take.
//!
//! # The outbox
//!
//! One buffer holds the bytes of all messages, and one list all receivers, so that publishing allocates nothing in
//! the steady state. (An `Arc` a message would allocate one each time, to share bytes that never leave this core.)
//! Whoever called [`crate::Shard::execute`] empties it with [`PubSub::take_outbox`].

use proto::glob::{self, Case};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;
use std::sync::Arc;

/// A channel's name or a pattern; shared by all that hold it.
pub type Name = Arc<[u8]>;

/// What a name is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    Channel,
    Pattern,
    ShardChannel,
}

impl Kind {
    pub const ALL: [Self; 3] = [Self::Channel, Self::Pattern, Self::ShardChannel];
}

/// A client, as its core numbers it; never used again for another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Subscriber(pub u64);

/// What a subscription takes, beside the bytes of its name: entries in two trees here and one that all
/// cores share, with their share of the nodes. As a bound in bytes, for a limit.
pub const SUBSCRIPTION_BYTES: usize = 256;

/// The subscribers of a name. Most names have one, which then costs no tree.
enum Members {
    One(Subscriber),
    Many(BTreeSet<Subscriber>),
}

impl Members {
    fn insert(&mut self, id: Subscriber) {
        match self {
            Self::One(one) if *one == id => {}
            Self::One(one) => *self = Self::Many([*one, id].into()),
            Self::Many(many) => {
                many.insert(id);
            }
        }
    }

    /// True when nobody is left.
    fn remove(&mut self, id: Subscriber) -> bool {
        match self {
            Self::One(one) => *one == id,
            Self::Many(many) => {
                many.remove(&id);
                many.is_empty()
            }
        }
    }

    fn extend(&self, to: &mut Vec<Subscriber>) {
        match self {
            Self::One(one) => to.push(*one),
            Self::Many(many) => to.extend(many),
        }
    }
}

/// What one client has subscribed to.
#[derive(Default)]
struct Client {
    names: [BTreeSet<Name>; 3],
    bytes: usize,
}

/// The subscriptions of a core's clients.
#[derive(Default)]
pub struct PubSub {
    tables: [BTreeMap<Name, Members>; 3],
    clients: BTreeMap<Subscriber, Client>,
    /// Clients that have gone, oldest first: what is left of their subscriptions gets nothing.
    leaving: VecDeque<(Subscriber, Client)>,
    left: BTreeSet<Subscriber>,
    outbox: Outbox,
}

impl PubSub {
    /// Notes that a client wants to listen; the name if that is new. It gets nothing until [`Self::activate`].
    pub fn announce(&mut self, kind: Kind, name: &[u8], id: Subscriber) -> Option<Name> {
        let client = self.clients.entry(id).or_default();
        if client.names[kind as usize].contains(name) {
            return None;
        }
        let known = self.tables[kind as usize].get_key_value(name);
        let name = known.map_or_else(|| Name::from(name), |(name, _)| name.clone());
        client.names[kind as usize].insert(name.clone());
        client.bytes += SUBSCRIPTION_BYTES + name.len();
        Some(name)
    }

    /// From now on the client gets what is published to the name. Nothing happens if it has gone since.
    pub fn activate(&mut self, kind: Kind, name: &Name, id: Subscriber) {
        if !self.clients.get(&id).is_some_and(|c| c.names[kind as usize].contains(name)) {
            return;
        }
        let members = self.tables[kind as usize].entry(name.clone());
        members.and_modify(|m| m.insert(id)).or_insert(Members::One(id));
    }

    /// Whether some client gets what is published to the name.
    #[must_use]
    pub fn is_active(&self, kind: Kind, name: &[u8]) -> bool {
        self.tables[kind as usize].contains_key(name)
    }

    /// Ends a subscription; false when there was none.
    pub fn unsubscribe(&mut self, kind: Kind, name: &[u8], id: Subscriber) -> bool {
        let Some(client) = self.clients.get_mut(&id) else { return false };
        if !client.names[kind as usize].remove(name) {
            return false;
        }
        client.bytes -= SUBSCRIPTION_BYTES + name.len();
        if client.names.iter().all(BTreeSet::is_empty) {
            self.clients.remove(&id);
        }
        self.remove_member(kind, name, id);
        true
    }

    fn remove_member(&mut self, kind: Kind, name: &[u8], id: Subscriber) {
        let table = &mut self.tables[kind as usize];
        if table.get_mut(name).is_some_and(|members| members.remove(id)) {
            table.remove(name);
        }
    }

    /// The first name of this kind that the client has subscribed to, in the order of bytes.
    #[must_use]
    pub fn first(&self, kind: Kind, id: Subscriber) -> Option<Name> {
        self.clients.get(&id)?.names[kind as usize].first().cloned()
    }

    /// How many channels, patterns and shard channels a client has subscribed to.
    #[must_use]
    pub fn counts(&self, id: Subscriber) -> [usize; 3] {
        self.clients.get(&id).map_or([0; 3], |c| c.names.each_ref().map(BTreeSet::len))
    }

    /// What a client's subscriptions take, in bytes, at most.
    #[must_use]
    pub fn bytes(&self, id: Subscriber) -> usize {
        self.clients.get(&id).map_or(0, |c| c.bytes)
    }

    /// Ends all subscriptions of a client: at once for whoever publishes, while the entries are removed by
    /// [`Self::leave_slice`].
    pub fn leave(&mut self, id: Subscriber) {
        if let Some(client) = self.clients.remove(&id) {
            self.left.insert(id);
            self.leaving.push_back((id, client));
        }
    }

    /// Whether subscriptions of clients that have gone are left to be removed.
    #[must_use]
    pub fn has_leaving(&self) -> bool {
        !self.leaving.is_empty()
    }

    /// Whether this client has gone, and has subscriptions left to be removed.
    #[must_use]
    pub fn is_leaving(&self, id: Subscriber) -> bool {
        self.left.contains(&id)
    }

    /// Removes up to `most` subscriptions of clients that have gone, and names each.
    pub fn leave_slice(&mut self, most: usize, mut removed: impl FnMut(Kind, &Name)) {
        for _ in 0..most {
            let Some((id, client)) = self.leaving.front_mut() else { return };
            let id = *id;
            let next =
                Kind::ALL.into_iter().find_map(|kind| Some((kind, client.names[kind as usize].pop_first()?)));
            match next {
                Some((kind, name)) => {
                    self.remove_member(kind, &name, id);
                    removed(kind, &name);
                }
                None => {
                    self.leaving.pop_front();
                    self.left.remove(&id);
                }
            }
        }
    }

    /// Puts a message to a channel into the outbox, for the channel's subscribers and then for those of each pattern
    /// that matches (a shard channel knows no patterns); how many get it.
    pub fn publish(&mut self, kind: Kind, channel: &[u8], payload: &[u8]) -> usize {
        debug_assert_ne!(kind, Kind::Pattern, "one publishes to a channel");
        let mut sent = 0;
        let mut body = None;
        if let Some(members) = self.tables[kind as usize].get(channel) {
            let to = self.outbox.receivers(members, &self.left);
            sent += self.outbox.add(kind, None, channel, payload, to, &mut body);
        }
        if kind == Kind::Channel {
            for (pattern, members) in &self.tables[Kind::Pattern as usize] {
                if glob::matches(pattern, channel, Case::Sensitive) {
                    let to = self.outbox.receivers(members, &self.left);
                    sent += self.outbox.add(Kind::Pattern, Some(pattern), channel, payload, to, &mut body);
                }
            }
        }
        sent
    }

    /// Whether there are messages to be delivered.
    #[inline]
    #[must_use]
    pub fn has_messages(&self) -> bool {
        !self.outbox.messages.is_empty()
    }

    /// Exchanges the outbox for an empty one, whose buffers are used from now on.
    pub fn take_outbox(&mut self, empty: Outbox) -> Outbox {
        debug_assert!(empty.messages.is_empty());
        std::mem::replace(&mut self.outbox, empty)
    }
}

/// Messages, in the order in which they were published.
#[derive(Default)]
pub struct Outbox {
    bytes: Vec<u8>,
    to: Vec<Subscriber>,
    messages: Vec<Entry>,
}

/// One message: ranges of the outbox's bytes and receivers.
struct Entry {
    kind: Kind,
    pattern: Range<usize>,
    channel: Range<usize>,
    payload: Range<usize>,
    to: Range<usize>,
}

/// Where the bytes of a channel's name and of a message lie: they are kept once for all patterns.
type Body = (Range<usize>, Range<usize>);

/// A message as its receivers get it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Message<'a> {
    /// Of the subscription: `Pattern` for those who get it because of one.
    pub kind: Kind,
    /// Empty unless the kind is `Pattern`.
    pub pattern: &'a [u8],
    pub channel: &'a [u8],
    pub payload: &'a [u8],
}

/// An outbox whose buffers are larger than this is not kept, in bytes.
const KEPT_BYTES_MAX: usize = 256 * 1024;

impl Outbox {
    fn receivers(&mut self, members: &Members, left: &BTreeSet<Subscriber>) -> Range<usize> {
        let from = self.to.len();
        members.extend(&mut self.to);
        if !left.is_empty() {
            let mut at = from;
            for i in from..self.to.len() {
                if !left.contains(&self.to[i]) {
                    self.to[at] = self.to[i];
                    at += 1;
                }
            }
            self.to.truncate(at);
        }
        from..self.to.len()
    }

    /// Adds a message, unless nobody gets it; how many do.
    fn add(
        &mut self,
        kind: Kind,
        pattern: Option<&Name>,
        channel: &[u8],
        payload: &[u8],
        to: Range<usize>,
        body: &mut Option<Body>,
    ) -> usize {
        let receivers = to.len();
        if receivers > 0 {
            let (channel, payload) =
                body.get_or_insert_with(|| (self.keep(channel), self.keep(payload))).clone();
            let pattern = pattern.map_or(0..0, |p| self.keep(p));
            self.messages.push(Entry { kind, pattern, channel, payload, to });
        }
        receivers
    }

    fn keep(&mut self, bytes: &[u8]) -> Range<usize> {
        let from = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        from..self.bytes.len()
    }

    /// The messages with their receivers, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Message<'_>, &[Subscriber])> {
        self.messages.iter().map(|m| {
            let message = Message {
                kind: m.kind,
                pattern: &self.bytes[m.pattern.clone()],
                channel: &self.bytes[m.channel.clone()],
                payload: &self.bytes[m.payload.clone()],
            };
            (message, &self.to[m.to.clone()])
        })
    }

    /// Empties it; its buffers are kept unless they are large.
    #[must_use]
    pub fn emptied(mut self) -> Self {
        if self.bytes.capacity() + self.to.capacity() * size_of::<Subscriber>() > KEPT_BYTES_MAX {
            return Self::default();
        }
        self.bytes.clear();
        self.to.clear();
        self.messages.clear();
        self
    }
}

#[cfg(test)]
mod tests;
