//! What a connection keeps for its transaction: the commands queued since MULTI, and the keys it watches.
//!
//! The queue is one buffer of bytes, as a pipeline's commands are spans of one: EXEC copies it whole. It is
//! kept from one MULTI to the next, so that in the steady state queueing allocates nothing.
//!
//! Both are bounded by `client-query-buffer-limit`: what is queued or watched has been sent and is held as
//! if it were still in the query buffer.

use proto::args::{Args, Span};
use proto::command::{CommandSpec, Flags};
use shard::watch::{WatchFlag, WatchedKey};
use std::collections::BTreeMap;
use std::ops::Range;

/// A buffer larger than this is freed with its transaction rather than kept for the next.
const KEPT_BYTES_MAX: usize = 64 * 1024;

/// How a queued command will be run. Decided when it is queued: it depends on its keys only.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// By the shards that own its keys, or all of them, each doing its part; or by nobody (PING).
    OneHop,
    /// Here, on values that several shards lend.
    Gather,
    /// Here, on values that may come from any shard: not all keys are known.
    GatherAny,
    /// It is about the server or the connection, and may ask all cores.
    Alone,
}

#[derive(Clone, Copy, Debug)]
pub struct Queued {
    pub spec: &'static CommandSpec,
    pub kind: Kind,
    /// Its arguments, among the spans.
    first: u32,
    count: u32,
}

/// The commands of a transaction.
#[derive(Default, Debug)]
pub struct Multi {
    bytes: Vec<u8>,
    spans: Vec<Span>,
    commands: Vec<Queued>,
    /// A command was refused: EXEC will be, too.
    pub broken: bool,
    /// Of all its commands.
    pub flags: Flags,
    /// Some command needs more than one hop.
    pub needs_session: bool,
}

impl Multi {
    /// A transaction of one command, to be run at once.
    #[must_use]
    pub fn of(spec: &'static CommandSpec, kind: Kind, args: Args<'_>) -> Box<Self> {
        let mut multi = Box::<Self>::default();
        multi.add(spec, kind, args);
        multi
    }

    /// Queues a command. False: it would make the queue longer than `bytes_max`; then the transaction is broken.
    pub fn push(&mut self, spec: &'static CommandSpec, kind: Kind, args: Args<'_>, bytes_max: usize) -> bool {
        if self.broken {
            return true; // it will not be run
        }
        let len = args.iter().map(|arg| arg.len() + size_of::<Span>()).sum::<usize>() + size_of::<Queued>();
        if self.memory() + len > bytes_max {
            self.abandon();
            return false;
        }
        self.add(spec, kind, args);
        true
    }

    fn add(&mut self, spec: &'static CommandSpec, kind: Kind, args: Args<'_>) {
        let first = self.spans.len() as u32;
        for arg in args.iter() {
            self.spans.push(Span { start: self.bytes.len() as u32, len: arg.len() as u32 });
            self.bytes.extend_from_slice(arg);
        }
        self.commands.push(Queued { spec, kind, first, count: args.len() as u32 });
        self.flags = self.flags.with(spec.flags);
        self.needs_session |= kind != Kind::OneHop;
    }

    /// A command was refused: nothing will be run, so nothing need be kept.
    pub fn abandon(&mut self) {
        self.clear();
        self.broken = true;
    }

    /// Empties the queue; its buffers stay, unless they are large.
    pub fn clear(&mut self) {
        if self.memory_kept() > KEPT_BYTES_MAX {
            *self = Self::default();
            return;
        }
        self.bytes.clear();
        self.spans.clear();
        self.commands.clear();
        (self.broken, self.flags, self.needs_session) = (false, Flags::NONE, false);
    }

    /// Bytes that the queued commands take.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.bytes.len() + size_of_val(&*self.spans) + size_of_val(&*self.commands)
    }

    fn memory_kept(&self) -> usize {
        self.bytes.capacity()
            + self.spans.capacity() * size_of::<Span>()
            + self.commands.capacity() * size_of::<Queued>()
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.commands.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    #[must_use]
    pub fn commands(&self) -> &[Queued] {
        &self.commands
    }

    #[must_use]
    pub fn args(&self, q: &Queued) -> Args<'_> {
        Args::new(&self.bytes, self.spans_of(q))
    }

    #[must_use]
    pub fn spans_of(&self, q: &Queued) -> &[Span] {
        &self.spans[q.first as usize..(q.first + q.count) as usize]
    }

    /// The bytes that the spans of some commands point into, and where these begin.
    #[must_use]
    pub fn bytes_of(&self, commands: Range<usize>) -> (&[u8], u32) {
        let spans = |q: &Queued| self.spans_of(q).first().map(|span| span.start);
        let Some(start) = self.commands.get(commands.start).and_then(spans) else { return (&[], 0) };
        let end =
            self.commands.get(commands.end).and_then(spans).map_or(self.bytes.len(), |end| end as usize);
        (&self.bytes[start as usize..end], start)
    }
}

/// The keys that a connection watches.
#[derive(Default, Debug)]
pub struct Watching {
    pub flag: WatchFlag,
    /// With the shard that owns each.
    keys: BTreeMap<WatchedKey, u16>,
    bytes: usize,
}

impl Watching {
    /// More keys under a flag that is in use.
    #[must_use]
    pub fn with(flag: WatchFlag) -> Self {
        Self { flag, ..Self::default() }
    }

    /// Notes a key. False: that would be more than `bytes_max`. Keys that are watched already are not noted again.
    pub fn add(&mut self, shard: u16, key: WatchedKey, bytes_max: usize) -> bool {
        if self.keys.contains_key(&key) {
            return true;
        }
        let len = key.key.len() + size_of::<(WatchedKey, u16)>();
        if self.bytes + len > bytes_max {
            return false;
        }
        self.bytes += len;
        self.keys.insert(key, shard);
        true
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The shards that own a watched key, in ascending order.
    #[must_use]
    pub fn shards(&self) -> Vec<u16> {
        let mut shards: Vec<u16> = self.keys.values().copied().collect();
        shards.sort_unstable();
        shards.dedup();
        shards
    }

    /// What one shard has to know of it.
    #[must_use]
    pub fn share_of(&self, shard: u16) -> Share {
        let mine = self.keys.iter().filter(|(_, owner)| **owner == shard);
        Share { flag: self.flag.clone(), keys: mine.map(|(key, _)| key.clone()).collect() }
    }
}

/// The keys that a connection watches on one shard.
#[derive(Clone, Debug)]
pub struct Share {
    pub flag: WatchFlag,
    pub keys: Vec<WatchedKey>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::args::OwnedArgs;
    use proto::command::{CommandId, spec};

    #[test]
    fn a_queue_keeps_arguments_and_order() {
        let mut multi = Multi::default();
        let own = [OwnedArgs::of(["set", "k", "v"]), OwnedArgs::of(["ping"])];
        assert!(multi.push(spec(CommandId::Set), Kind::OneHop, own[0].args(), 1000));
        assert!(multi.push(spec(CommandId::Config), Kind::Alone, own[1].args(), 1000));
        let words: Vec<Vec<&[u8]>> =
            multi.commands().iter().map(|q| multi.args(q).iter().collect()).collect();
        assert_eq!(words, [vec![&b"set"[..], b"k", b"v"], vec![b"ping"]]);
        assert_eq!(multi.bytes_of(0..1), (&b"setkv"[..], 0));
        assert_eq!(multi.bytes_of(1..2), (&b"ping"[..], 5));
        assert!(multi.needs_session && multi.flags.contains(Flags::WRITE));
        multi.clear();
        assert!(multi.is_empty() && multi.flags.is_empty() && !multi.needs_session);
    }

    #[test]
    fn a_queue_is_bounded() {
        let mut multi = Multi::default();
        let own = OwnedArgs::of([&b"get"[..], &[b'k'; 100]]);
        let pushed = (0..).take_while(|_| multi.push(spec(CommandId::Get), Kind::OneHop, own.args(), 2000));
        assert!((5..20).contains(&pushed.count()));
        assert!(multi.broken && multi.is_empty(), "EXEC will be refused");
        assert!(multi.push(spec(CommandId::Get), Kind::OneHop, own.args(), 2000) && multi.is_empty());
    }

    #[test]
    fn watched_keys_are_noted_once_and_bounded() {
        let mut watching = Watching::default();
        let key = |name: &str| WatchedKey { db: 0, key: name.as_bytes().into() };
        for (shard, name) in [(2, "a"), (0, "b"), (2, "a"), (2, "c")] {
            assert!(watching.add(shard, key(name), 1000));
        }
        assert_eq!((watching.len(), watching.shards()), (3, vec![0, 2]));
        assert_eq!(watching.share_of(2).keys, [key("a"), key("c")]);
        assert!(!watching.add(1, key(&"x".repeat(1000)), 1000));
    }
}
