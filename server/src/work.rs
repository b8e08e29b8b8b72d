//! What travels between cores.
//!
//! [`Work`] is the part of one pipeline that one shard runs: the commands' arguments copied
//! once into a buffer of its own, then, on the way back, the replies. It is one allocation
//! that goes there and back and is used again ([`WorkPool`]), so that a forwarded pipeline
//! allocates nothing in the steady state.

use crate::core::blocking::AtRelease;
use crate::core::notify::Notices;
use crate::core::transaction::queue::Share;
use crate::io::{ConnId, Socket};
use crate::loading::{Delivery, Turn};
use crate::task::{Answer, Task};
use proto::args::{Args, Span};
use proto::command::CommandId;
use proto::encode::Resp;
use shard::{Asker, Parcel, Wanted};

/// One command of a [`Work`]. Its arguments follow those of the one before it in [`Work::spans`]. Kept
/// small: what a work holds moves from one core's cache to another's, line by line, and back.
#[derive(Clone, Copy)]
pub struct WorkCommand {
    /// Hash of its first key.
    pub hash: u64,
    count_and_flags: u32,
    pub id: CommandId,
    /// The database it runs against: a SELECT earlier in the pipeline may have changed it.
    pub db: u16,
}

/// The flags beside the number of arguments.
const UNCOUNTED: u32 = 1 << 31;
const NO_BLOCK: u32 = 1 << 30;
const COUNT: u32 = NO_BLOCK - 1;

impl WorkCommand {
    #[must_use]
    pub fn new(id: CommandId, db: u16, hash: u64) -> Self {
        Self { hash, count_and_flags: 0, id, db }
    }

    /// How many arguments it has.
    #[inline]
    #[must_use]
    pub fn count(&self) -> usize {
        (self.count_and_flags & COUNT) as usize
    }

    /// The command as it is inside MULTI: it does not wait.
    #[must_use]
    pub fn no_block(mut self, no_block: bool) -> Self {
        self.count_and_flags |= if no_block { NO_BLOCK } else { 0 };
        self
    }

    /// Whether it must not wait.
    #[inline]
    #[must_use]
    pub fn must_not_block(&self) -> bool {
        self.count_and_flags & NO_BLOCK != 0
    }

    /// False of all parts but one of a command that several shards run a part of: it is one call.
    #[inline]
    #[must_use]
    pub fn counted(&self) -> bool {
        self.count_and_flags & UNCOUNTED == 0
    }
}

const _: () = assert!(size_of::<WorkCommand>() == 16);

/// The part of a connection's pipeline that falls on one shard.
pub struct Work {
    /// The core that asked, its connection, and which part of that connection's batch this is.
    pub origin: usize,
    pub conn: ConnId,
    pub part: usize,
    pub resp: Resp,
    pub no_touch: bool,
    pub bytes: Vec<u8>,
    pub spans: Vec<Span>,
    pub commands: Vec<WorkCommand>,
    /// The replies, one after the other, and where each ends.
    pub out: Vec<u8>,
    pub ends: Vec<usize>,
    /// Bytes of replies above which the client is to be disconnected (`client-output-buffer-limit`).
    pub out_max: usize,
    /// There were more: they are dropped.
    pub overrun: bool,
    /// Commands (by index) that took longer than `slowlog-log-slower-than`, in nanoseconds: the
    /// asking core, which knows the client, logs them.
    pub slow: Vec<(usize, u64)>,
    /// Its one command waits for a key: until when (Unix milliseconds), if not for ever.
    pub blocked: Option<Option<i64>>,
    /// An EXEC whose client watches keys of this shard, and of no other.
    pub guard: Option<Box<Share>>,
    /// They had changed: nothing was run.
    pub aborted: bool,
}

impl Work {
    /// Adds a whole command. Its arguments lie close together in the input, so that one copy takes
    /// them all, with the few bytes of protocol between them.
    #[inline]
    pub fn add(&mut self, command: WorkCommand, input: &[u8], spans: &[Span]) {
        let (Some(head), Some(tail)) = (spans.first(), spans.last()) else { return };
        let (from, to) = (head.start as usize, (tail.start + tail.len) as usize);
        let shift = (self.bytes.len() as u32).wrapping_sub(head.start);
        self.bytes.extend_from_slice(&input[from..to]);
        self.spans.extend(spans.iter().map(|s| Span { start: s.start.wrapping_add(shift), len: s.len }));
        let count_and_flags = command.count_and_flags | spans.len() as u32;
        self.commands.push(WorkCommand { count_and_flags, ..command });
    }

    /// Starts a command with no arguments yet.
    pub fn begin(&mut self, command: WorkCommand) {
        self.commands.push(command);
    }

    /// The command begun last is counted with another of its parts.
    pub fn uncounted(&mut self) {
        if let Some(c) = self.commands.last_mut() {
            c.count_and_flags |= UNCOUNTED;
        }
    }

    /// Copies one more argument of the command begun last.
    pub fn push(&mut self, arg: &[u8]) {
        self.spans.push(Span { start: self.bytes.len() as u32, len: arg.len() as u32 });
        self.bytes.extend_from_slice(arg);
        if let Some(c) = self.commands.last_mut() {
            c.count_and_flags += 1;
        }
    }

    /// The arguments of a command of which it is known how many spans those before it have.
    #[inline]
    #[must_use]
    pub fn args_from(&self, first: usize, c: &WorkCommand) -> Args<'_> {
        Args::new(&self.bytes, &self.spans[first..first + c.count()])
    }

    /// The `i`-th reply.
    #[must_use]
    pub fn reply(&self, i: usize) -> &[u8] {
        let from = if i == 0 { 0 } else { self.ends[i - 1] };
        &self.out[from..self.ends[i]]
    }
}

/// Buffers larger than this are given back to the allocator, not kept for the next pipeline.
const KEPT_BYTES_MAX: usize = 64 * 1024;
/// Works kept by one core.
const KEPT_MAX: usize = 256;

/// Works of one core that are free to be used again.
#[derive(Default)]
pub struct WorkPool {
    // Boxed, since a work travels as one pointer.
    #[allow(clippy::vec_box)]
    free: Vec<Box<Work>>,
}

impl WorkPool {
    pub fn take(&mut self, origin: usize, conn: ConnId, part: usize) -> Box<Work> {
        match self.free.pop() {
            Some(mut w) => {
                (w.origin, w.conn, w.part) = (origin, conn, part);
                w
            }
            None => Box::new(Work {
                origin,
                conn,
                part,
                resp: Resp::V2,
                no_touch: false,
                bytes: Vec::new(),
                spans: Vec::new(),
                commands: Vec::new(),
                out: Vec::new(),
                ends: Vec::new(),
                out_max: usize::MAX,
                overrun: false,
                slow: Vec::new(),
                blocked: None,
                guard: None,
                aborted: false,
            }),
        }
    }

    pub fn give_back(&mut self, mut w: Box<Work>) {
        let largest = w.bytes.capacity().max(w.out.capacity()).max(w.spans.capacity() * size_of::<Span>());
        if self.free.len() >= KEPT_MAX || largest > KEPT_BYTES_MAX {
            return;
        }
        w.bytes.clear();
        w.spans.clear();
        w.commands.clear();
        w.out.clear();
        w.ends.clear();
        w.slow.clear();
        (w.guard, w.aborted, w.blocked) = (None, false, None);
        (w.out_max, w.overrun) = (usize::MAX, false);
        self.free.push(w);
    }
}

/// Asks a shard to hold for a session of another core (or its own): from when its turn comes until it is
/// released, it runs nothing else, or nothing that touches the keys lent ([`crate::core::holds`]).
pub struct Hold {
    pub origin: usize,
    /// The session's number at that core, and which of its parts this shard is.
    pub session: u64,
    pub part: usize,
    /// Keys of this shard that the session's client watches. They are forgotten with this.
    pub watched: Option<Share>,
    /// The shard as a whole, not only the keys that are lent.
    pub whole: bool,
    /// Its commands may all run while a data set is loaded; otherwise it waits for the end.
    pub while_loading: bool,
    /// To be lent at once.
    pub wanted: Vec<Wanted>,
}

/// What goes through a shard in the order it was posted.
pub enum Ordered {
    Work(Box<Work>),
    /// Hold the shard, answer, and serve only the session until it releases.
    Hold(Box<Hold>),
    /// A client has stopped to watch keys.
    Unwatch(Box<Share>),
    /// What a connection of this core is about to subscribe to, or no longer.
    Subscription(ConnId),
    /// Something to be run at one point of the order on all shards (DEBUG DIGEST …).
    Task(Task),
    /// A load begins or ends.
    Loading(Turn),
}

/// What a core handles as soon as it sees it.
pub enum Direct {
    /// A part of a batch has run.
    Done(Box<Work>),
    /// The answer to [`Ordered::Hold`]. `intact`: no watched key has changed.
    Held {
        session: u64,
        part: usize,
        intact: bool,
        parcels: Vec<Parcel>,
    },
    /// From the session that holds this shard: run these commands …
    Run(Box<Work>),
    /// … or lend these keys …
    Lend {
        origin: usize,
        session: u64,
        part: usize,
        wanted: Vec<Wanted>,
    },
    /// … which is answered so …
    Lent {
        session: u64,
        part: usize,
        parcels: Vec<Parcel>,
    },
    /// … or take these back …
    GiveBack(Vec<Parcel>),
    /// … and, in the end, go on with what waits.
    Release {
        origin: usize,
        session: u64,
        parcels: Vec<Parcel>,
        waiter: Option<AtRelease>,
    },
    /// A client waits no longer; `answer`: whether its core wants to know if it still did.
    Leave {
        asker: Asker,
        answer: bool,
    },
    Left {
        id: ConnId,
        was_here: bool,
    },
    /// A connection that waited is answered …
    Served {
        id: ConnId,
        reply: Vec<u8>,
    },
    /// … or is to run its command over all its shards.
    Called(ConnId),
    /// A connection that another core accepted.
    Adopt {
        socket: Socket,
        client: u64,
    },
    /// Something to be run on this core, out of order.
    Task(Task),
    /// The snapshot before the stop has failed: go on.
    Thaw,
    Answer {
        conn: ConnId,
        transaction: u64,
        core: usize,
        answer: Answer,
    },
    /// Other sockets to listen on; for the core that accepts.
    Listen(crate::listening::Change),
    /// A line for this core's MONITOR clients.
    Monitor {
        from: usize,
        line: std::sync::Arc<[u8]>,
    },
    /// Keyspace notifications for this core's clients.
    Notices(Box<Notices>),
    /// Keys of a file.
    Loaded(Box<Delivery>),
    /// A load begins or ends, in a session that holds all shards.
    Loading(Turn),
    /// So many bytes of notifications have been handled by `core`.
    Noticed {
        core: usize,
        bytes: usize,
    },
    #[cfg(test)]
    Note(u64),
}

impl std::fmt::Debug for Direct {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Direct::Done(w) => write!(f, "Done({:?})", w.conn),
            Direct::Held { session, .. } => write!(f, "Held({session})"),
            Direct::Run(w) => write!(f, "Run({:?})", w.conn),
            Direct::Lend { session, .. } => write!(f, "Lend({session})"),
            Direct::Lent { session, .. } => write!(f, "Lent({session})"),
            Direct::GiveBack(parcels) => write!(f, "GiveBack({})", parcels.len()),
            Direct::Release { session, .. } => write!(f, "Release({session})"),
            Direct::Leave { asker, .. } => write!(f, "Leave({asker:?})"),
            Direct::Left { id, was_here } => write!(f, "Left({id:?}, {was_here})"),
            Direct::Served { id, .. } => write!(f, "Served({id:?})"),
            Direct::Called(id) => write!(f, "Called({id:?})"),
            Direct::Adopt { client, .. } => write!(f, "Adopt({client})"),
            Direct::Task(_) => f.write_str("Task"),
            Direct::Thaw => f.write_str("Thaw"),
            Direct::Answer { transaction, .. } => write!(f, "Answer({transaction})"),
            Direct::Listen(_) => f.write_str("Listen"),
            Direct::Monitor { .. } => f.write_str("Monitor"),
            Direct::Notices(n) => write!(f, "Notices(from core {})", n.from),
            Direct::Noticed { bytes, .. } => write!(f, "Noticed({bytes})"),
            Direct::Loaded(delivery) => write!(f, "Loaded({} keys)", delivery.batch.len()),
            Direct::Loading(turn) => write!(f, "Loading({:?})", turn.stage),
            #[cfg(test)]
            Direct::Note(n) => write!(f, "Note({n})"),
        }
    }
}
