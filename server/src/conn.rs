//! One client connection, as its core keeps it, and the table of them.
//!
//! A connection is ready for the next command, or has something under way ([`Doing`]): a batch
//! over several shards, a session that holds shards, a question to all cores, subscriptions
//! that begin or end. Meanwhile its input only accumulates (and, past the query
//! buffer's limit, is not read): one batch at a time is what keeps its commands in order.

use crate::core::blocking::Waiting;
use crate::core::deliver::Late;
use crate::core::gather::Batch;
use crate::core::subscribe::Subscribing;
use crate::core::tasks::Question;
use crate::core::transaction::queue::{Multi, Watching};
use crate::io::ConnId;
use proto::encode::Resp;
use proto::parse::{Parser, ProtocolError};

/// What CLIENT REPLY has chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ReplyMode {
    #[default]
    On,
    Off,
    /// CLIENT REPLY SKIP was just answered: the next command's reply is dropped.
    SkipNext,
}

/// What a connection is waiting for, if anything.
#[derive(Default)]
pub enum Doing {
    #[default]
    Ready,
    Batch(Box<Batch>),
    /// The number of the session, which its core keeps: it goes on when the client is gone.
    Session(u64),
    Question(Box<Question>),
    /// Subscriptions that are not confirmed yet.
    Subscribing(Box<Subscribing>),
    /// It waits for a key (BLPOP).
    Blocked(Box<Waiting>),
    /// RESET, while many subscriptions are being removed.
    Leaving,
}

/// The end points of a connection, as CLIENT LIST prints them.
#[derive(Clone, Debug, Default)]
pub struct Ends {
    pub peer: String,
    pub local: String,
    /// Over a Unix socket.
    pub unix: bool,
    /// The peer is this machine.
    pub loopback: bool,
    pub fd: i32,
}

/// Everything of one client.
pub struct Conn {
    pub id: ConnId,
    /// Unique over all cores and the server's life (CLIENT ID).
    pub client: u64,
    /// Received and not consumed; commands begin at `pos`.
    pub input: Vec<u8>,
    pub pos: usize,
    pub parser: Parser,
    /// Replies of this turn.
    pub out: Vec<u8>,
    pub doing: Doing,
    /// In the core's list of connections to look at.
    pub queued: bool,
    /// In the core's list of connections with replies to send.
    pub flushing: bool,
    /// Nothing more is executed; the connection closes once its replies are sent.
    pub closing: bool,
    /// The client will send nothing more: what it has sent is executed, then the connection closes.
    pub ended: bool,
    /// The input is malformed from here on: answered once what came before it is done.
    pub malformed: Option<ProtocolError>,
    /// Receiving is switched off, because enough has been received that waits its turn.
    pub muted: bool,
    /// CLIENT PAUSE holds its next command back.
    pub paused: bool,
    /// Nothing is executed until the client has read more of its replies.
    pub throttled: bool,

    pub db: u16,
    pub resp: Resp,
    pub authenticated: bool,
    pub reply_mode: ReplyMode,
    pub no_touch: bool,
    pub no_evict: bool,
    pub monitor: bool,
    /// Between MULTI and EXEC: commands are queued.
    pub in_multi: bool,
    /// The queue; kept from one transaction to the next.
    pub multi: Option<Box<Multi>>,
    pub watching: Option<Box<Watching>>,
    /// Channels, patterns and shard channels subscribed to, and what they take in bytes, at most.
    pub subscriptions: [u32; 3],
    pub subscription_bytes: usize,
    /// Messages that wait for the replies of what is under way.
    pub late: Option<Box<Late>>,

    pub ends: Ends,
    pub name: String,
    pub lib_name: String,
    pub lib_ver: String,
    /// Monotonic nanoseconds.
    pub created_ns: u64,
    pub active_ns: u64,
    pub last_command: Option<&'static proto::command::CommandSpec>,
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub commands: u64,
    /// Since when its output has been above the soft limit (monotonic nanoseconds).
    pub soft_limit_since_ns: Option<u64>,
}

impl Conn {
    #[must_use]
    pub fn new(id: ConnId, client: u64, ends: Ends, now_ns: u64) -> Self {
        Self {
            id,
            client,
            input: Vec::new(),
            pos: 0,
            parser: Parser::default(),
            out: Vec::new(),
            doing: Doing::Ready,
            queued: false,
            flushing: false,
            closing: false,
            ended: false,
            malformed: None,
            muted: false,
            paused: false,
            throttled: false,
            db: 0,
            resp: Resp::V2,
            authenticated: false,
            reply_mode: ReplyMode::On,
            no_touch: false,
            no_evict: false,
            monitor: false,
            in_multi: false,
            multi: None,
            watching: None,
            subscriptions: [0; 3],
            subscription_bytes: 0,
            late: None,
            ends,
            name: String::new(),
            lib_name: String::new(),
            lib_ver: String::new(),
            created_ns: now_ns,
            active_ns: now_ns,
            last_command: None,
            bytes_in: 0,
            bytes_out: 0,
            commands: 0,
            soft_limit_since_ns: None,
        }
    }

    /// Whether the next command may be looked at.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        matches!(self.doing, Doing::Ready) && !self.closing && !self.throttled
    }

    /// Whether messages may come at any time.
    #[inline]
    #[must_use]
    pub fn is_subscribed(&self) -> bool {
        self.subscriptions != [0; 3]
    }

    /// Bytes received that no command has consumed yet.
    #[must_use]
    pub fn unread(&self) -> usize {
        self.input.len() - self.pos
    }

    /// Drops what is consumed. Only between batches: spans point into the buffer. What is left
    /// is moved only when it is the smaller part, so that each byte is moved once on average.
    pub fn compact(&mut self) {
        if self.pos == self.input.len() {
            self.input.clear();
            self.pos = 0;
            if self.input.capacity() > IDLE_INPUT_MAX {
                self.input = Vec::new();
            }
        } else if self.pos > self.input.len() / 2 {
            self.input.drain(..self.pos);
            self.pos = 0;
        }
    }
}

/// An empty input buffer larger than this is freed rather than kept.
const IDLE_INPUT_MAX: usize = 64 * 1024;

/// The connections of one core, by slot.
#[derive(Default)]
pub struct ConnTable {
    slots: Vec<Slot>,
    free: Vec<u32>,
    len: usize,
}

#[derive(Default)]
struct Slot {
    generation: u32,
    conn: Option<Box<Conn>>,
}

impl ConnTable {
    /// Reserves a slot: the connection made of it must be put in by [`ConnTable::insert`].
    pub fn reserve(&mut self) -> ConnId {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            (self.slots.len() - 1) as u32
        });
        ConnId { slot, generation: self.slots[slot as usize].generation }
    }

    pub fn insert(&mut self, conn: Conn) {
        let slot = &mut self.slots[conn.id.slot as usize];
        assert!(slot.conn.is_none() && slot.generation == conn.id.generation, "the slot was reserved");
        slot.conn = Some(Box::new(conn));
        self.len += 1;
    }

    /// Gives back a slot that was reserved but never filled.
    pub fn cancel(&mut self, id: ConnId) {
        self.slots[id.slot as usize].generation += 1;
        self.free.push(id.slot);
    }

    /// Takes a connection out; its `ConnId` will never name another.
    pub fn remove(&mut self, id: ConnId) -> Option<Box<Conn>> {
        let slot = self.slots.get_mut(id.slot as usize)?;
        if slot.generation != id.generation {
            return None;
        }
        let conn = slot.conn.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(id.slot);
        self.len -= 1;
        Some(conn)
    }

    /// The connection in a slot, whatever its generation.
    #[must_use]
    pub fn slot(&mut self, slot: u32) -> Option<&mut Conn> {
        self.slots.get_mut(slot as usize)?.conn.as_deref_mut()
    }

    #[must_use]
    pub fn get(&mut self, id: ConnId) -> Option<&mut Conn> {
        let s = self.slots.get_mut(id.slot as usize)?;
        if s.generation == id.generation { s.conn.as_deref_mut() } else { None }
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many slots there are, filled or not: for walks in slices.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.slots.len()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Conn> {
        self.slots.iter().filter_map(|s| s.conn.as_deref())
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Conn> {
        self.slots.iter_mut().filter_map(|s| s.conn.as_deref_mut())
    }
}
