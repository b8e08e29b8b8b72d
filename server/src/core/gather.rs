//! A pipeline whose commands fall on several shards: which shard answers what, and how the
//! replies are put back into the order of the commands.
//!
//! ```text
//!   GET a   PING   MGET b c d   SET e 1           commands of one connection
//!     |       |     |  |  |       |
//!   part 0   lit.  p1 p0 p1     part 1            steps: One(0) Literal Many[1,0,1] One(1)
//! ```
//!
//! Each part is one [`Work`] sent to one shard; the replies inside a part come back in the order in
//! which its commands were put in, so a cursor per part is all that is needed to interleave them.

use super::deliver::Late;
use crate::work::Work;
use proto::command::Split;
use proto::encode::{Reply, Resp};
use proto::number::parse_u64;
use proto::reply::reply_len;
use smallvec::{SmallVec, smallvec};
use std::ops::Range;

/// The reply of every part, where it has one.
type Replies<'a> = SmallVec<[Option<&'a [u8]>; 16]>;

/// Where the next reply comes from.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// Bytes up to `end` of the literals: known when the command was routed.
    Literal { end: u32 },
    /// The next reply of a part.
    One { part: u16 },
    /// The next reply of every part named in `lanes[from..to]` (one name a key), combined.
    Many { split: Split, from: u32, to: u32 },
}

/// One shard's part of a batch.
#[derive(Default)]
pub struct Part {
    pub shard: usize,
    /// The work, once it has come back.
    pub work: Option<Box<Work>>,
    /// The next reply to be taken from it.
    next: usize,
}

impl Part {
    /// A part that has not come back yet.
    #[must_use]
    pub fn of(shard: usize) -> Self {
        Self { shard, ..Self::default() }
    }
}

/// A batch under way.
#[derive(Default)]
pub struct Batch {
    pub steps: Vec<Step>,
    pub parts: Vec<Part>,
    /// Parts that have not come back.
    pub waiting: usize,
    pub literals: Vec<u8>,
    pub lanes: Vec<u16>,
    /// Whether its replies are dropped (CLIENT REPLY OFF or SKIP).
    pub silent: bool,
    /// The session that it is a stage of, on shards that are held.
    pub session: Option<u64>,
    /// The steps that are replies inside that of an EXEC, as ranges: a message would split it.
    pub framed: Vec<Range<usize>>,
    /// It runs only if watched keys have not changed; the database to go back to if they have.
    pub guarded: Option<u16>,
}

impl Batch {
    /// Empties a batch that is done, and keeps its buffers.
    pub fn clear(&mut self) {
        self.steps.clear();
        self.parts.clear();
        self.literals.clear();
        self.lanes.clear();
        self.waiting = 0;
        self.silent = false;
        self.framed.clear();
        (self.session, self.guarded) = (None, None);
    }

    /// The database to go back to, of a batch that was not run since a watched key had changed.
    #[must_use]
    pub fn undone(&self) -> Option<u16> {
        let aborted = || self.parts.iter().flat_map(|part| &part.work).any(|work| work.aborted);
        self.guarded.filter(|_| aborted())
    }

    /// Whether some shard had more replies for it than the client may have unread.
    #[must_use]
    pub fn has_overrun(&self) -> bool {
        self.parts.iter().flat_map(|part| &part.work).any(|work| work.overrun)
    }

    /// The shard at which its one command waits, and until when.
    #[must_use]
    pub fn blocked(&self) -> Option<(u16, Option<i64>)> {
        let of = |part: &Part| Some((part.shard as u16, part.work.as_ref()?.blocked?));
        self.parts.iter().find_map(of)
    }

    /// Takes a part back; true when it was the last.
    pub fn complete(&mut self, work: Box<Work>) -> bool {
        let part = work.part;
        debug_assert!(self.parts[part].work.is_none(), "a part comes back once");
        self.parts[part].work = Some(work);
        self.waiting -= 1;
        self.waiting == 0
    }

    /// The step added last is a reply inside that of an EXEC.
    pub fn frame_last(&mut self) {
        let at = self.steps.len() - 1;
        match self.framed.last_mut() {
            Some(frame) if frame.end == at => frame.end += 1,
            _ => self.framed.push(at..at + 1),
        }
    }

    /// Whether the part of a shard has run.
    #[must_use]
    pub fn has_run_on(&self, shard: usize) -> bool {
        self.parts.iter().any(|p| p.shard == shard && p.work.is_some())
    }

    /// Appends all replies to `out`, in the order of the commands. `draw` gives random numbers, `late` are
    /// messages that go after replies of the part of this shard.
    pub fn assemble(
        &mut self,
        resp: Resp,
        draw: &mut impl FnMut() -> u64,
        mut late: Option<(usize, &mut Late)>,
        out: &mut Vec<u8>,
    ) {
        let mut literal = 0;
        for i in 0..self.steps.len() {
            match self.steps[i] {
                Step::Literal { end } => {
                    out.extend_from_slice(&self.literals[literal..end as usize]);
                    literal = end as usize;
                }
                Step::One { part } => {
                    if let Some(reply) = self.next_reply(part as usize) {
                        out.extend_from_slice(reply);
                    }
                }
                Step::Many { split, from, to } => {
                    self.combine(split, from as usize..to as usize, resp, draw, out);
                }
            }
            if let Some((shard, late)) = &mut late
                && !self.framed.iter().any(|frame| frame.contains(&i) && i + 1 < frame.end)
                && let Some(part) = self.parts.iter().find(|p| p.shard == *shard)
            {
                late.write(part.next, out);
            }
        }
    }

    fn next_reply(&mut self, part: usize) -> Option<&[u8]> {
        let part = &mut self.parts[part];
        let n = part.next;
        part.next += 1;
        part.work.as_ref().map(|w| w.reply(n))
    }

    /// Combines one reply of every part named in the range.
    fn combine(
        &mut self,
        split: Split,
        lanes: std::ops::Range<usize>,
        resp: Resp,
        draw: &mut impl FnMut() -> u64,
        out: &mut Vec<u8>,
    ) {
        let by_key = &self.lanes[lanes];
        let shard_of = |&p: &u16| self.parts[p as usize].shard as u64;
        let shards: Vec<u64> =
            if split == Split::Walk { by_key.iter().map(shard_of).collect() } else { Vec::new() };
        let mut replies: Replies<'_> = smallvec![None; self.parts.len()];
        for (i, part) in self.parts.iter_mut().enumerate().filter(|(i, _)| by_key.contains(&(*i as u16))) {
            let n = part.next;
            part.next += 1;
            replies[i] = part.work.as_ref().map(|w| w.reply(n));
        }
        if let Some(error) = replies.iter().flatten().find(|r| r.first() == Some(&b'-')) {
            out.extend_from_slice(error);
            return;
        }
        let mut reply = Reply::new(out, resp);
        match split {
            Split::Sum | Split::SumAll => reply.int(replies.iter().flatten().map(|r| integer(r)).sum()),
            Split::AllOk => reply.ok(),
            Split::Array => interleave(by_key, &replies, &mut reply),
            Split::Concat => concatenate(&replies, &mut reply),
            Split::Draw => match drawn(&replies, draw) {
                Some(key) => reply.raw().extend_from_slice(key),
                None => reply.null(),
            },
            Split::Walk => walked(&shards, by_key.iter().filter_map(|&p| replies[p as usize]), &mut reply),
            Split::No | Split::Gather => {
                debug_assert!(false, "{split:?} is not sent to several shards");
                reply.null(); // every command has one reply, whatever happens
            }
        }
    }
}

/// The value of an integer reply (`:n\r\n`).
fn integer(reply: &[u8]) -> i64 {
    let digits = reply.get(1..reply.len().saturating_sub(2)).unwrap_or_default();
    std::str::from_utf8(digits).ok().and_then(|s| s.parse().ok()).unwrap_or(0)
}

/// Splits an array reply into its length and the bytes of its elements.
fn array(reply: &[u8]) -> (usize, &[u8]) {
    let Some(end) = reply.iter().position(|&b| b == b'\n') else { return (0, &[]) };
    let n = std::str::from_utf8(&reply[1..end - 1]).ok().and_then(|s| s.parse().ok()).unwrap_or(0);
    (n, &reply[end + 1..])
}

/// One element a key, each taken from the array of the part that holds the key.
fn interleave(by_key: &[u16], replies: &[Option<&[u8]>], reply: &mut Reply<'_>) {
    let mut rest: SmallVec<[&[u8]; 16]> = replies.iter().map(|r| r.map_or(&[][..], |r| array(r).1)).collect();
    reply.array(by_key.len());
    for &p in by_key {
        let elements = rest[p as usize];
        let len = reply_len(elements).unwrap_or(0);
        debug_assert!(len > 0, "a part answers for each of its keys");
        reply.raw().extend_from_slice(&elements[..len]);
        rest[p as usize] = &elements[len..];
    }
}

fn concatenate(replies: &[Option<&[u8]>], reply: &mut Reply<'_>) {
    reply.array(replies.iter().flatten().map(|r| array(r).0).sum());
    for r in replies.iter().flatten() {
        reply.raw().extend_from_slice(array(r).1);
    }
}

/// The steps that SCAN has made on each shard, in the order of the shards, as one step of all: as far as each
/// has come to its end and hands on to the next one's beginning. What shards behind that have found is found
/// again when the cursor gets there.
///
/// So a SCAN of few keys is through in one call, as it is on one shard; of many keys, only the first call
/// on each shard looks at others in vain.
fn walked<'a>(shards: &[u64], steps: impl Iterator<Item = &'a [u8]>, reply: &mut Reply<'_>) {
    let (mut cursor, mut found, mut keys) = (&b"$1\r\n0\r\n"[..], 0, Vec::new());
    for (shard, step) in shards.iter().zip(steps) {
        let elements = array(step).1;
        let (next, list) = elements.split_at(reply_len(elements).unwrap_or(0));
        let (n, bytes) = array(list);
        found += n;
        keys.extend_from_slice(bytes);
        cursor = next;
        // The bare index of the next shard, where it begins, says that this one has come to its end.
        let digits = array(next).1;
        if parse_u64(digits.strip_suffix(b"\r\n").unwrap_or(digits)) != Some(shard + 1) {
            break;
        }
    }
    reply.array(2);
    reply.raw().extend_from_slice(cursor);
    reply.array(found);
    reply.raw().extend_from_slice(&keys);
}

/// One of the keys that the shards name, each as likely as its shard has keys; `None` when no shard has any.
fn drawn<'a>(replies: &[Option<&'a [u8]>], draw: &mut impl FnMut() -> u64) -> Option<&'a [u8]> {
    let named =
        || replies.iter().flatten().filter(|r| r.first() == Some(&b'*')).map(|r| weighted(array(r).1));
    let keys: u64 = named().map(|(weight, _)| weight).sum();
    let mut at = draw().checked_rem(keys)?;
    for (weight, key) in named() {
        if at < weight {
            return Some(key);
        }
        at -= weight;
    }
    None
}

/// Parts the number of a shard's keys from the key that follows it.
fn weighted(elements: &[u8]) -> (u64, &[u8]) {
    let (weight, key) = elements.split_at(reply_len(elements).unwrap_or(0));
    (u64::try_from(integer(weight)).unwrap_or(0), key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::ConnId;
    use crate::work::WorkPool;

    fn part(shard: usize, replies: &[&[u8]]) -> Part {
        let mut work = WorkPool::default().take(0, ConnId { slot: 0, generation: 0 }, 0);
        for r in replies {
            work.out.extend_from_slice(r);
            work.ends.push(work.out.len());
        }
        Part { shard, work: Some(work), next: 0 }
    }

    fn assembled(batch: &mut Batch) -> String {
        let mut out = Vec::new();
        batch.assemble(Resp::V2, &mut || 3, None, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn replies_come_back_in_the_order_of_the_commands() {
        let mut batch = Batch {
            parts: vec![
                part(0, &[b"+a\r\n", b"*1\r\n$1\r\nc\r\n"]),
                part(1, &[b"*2\r\n$1\r\nb\r\n$-1\r\n", b"+e\r\n"]),
            ],
            literals: b"+PONG\r\n".to_vec(),
            lanes: vec![1, 0, 1],
            steps: vec![
                Step::One { part: 0 },
                Step::Literal { end: 7 },
                Step::Many { split: Split::Array, from: 0, to: 3 },
                Step::One { part: 1 },
            ],
            ..Batch::default()
        };
        assert_eq!(assembled(&mut batch), "+a\r\n+PONG\r\n*3\r\n$1\r\nb\r\n$1\r\nc\r\n$-1\r\n+e\r\n");
    }

    #[test]
    fn sums_concatenations_and_errors() {
        let many = |split| vec![Step::Many { split, from: 0, to: 2 }];
        let mut sum = Batch {
            parts: vec![part(0, &[b":2\r\n"]), part(1, &[b":40\r\n"])],
            lanes: vec![0, 1],
            steps: many(Split::Sum),
            ..Batch::default()
        };
        assert_eq!(assembled(&mut sum), ":42\r\n");
        let mut keys = Batch {
            parts: vec![part(0, &[b"*1\r\n$1\r\na\r\n"]), part(1, &[b"*2\r\n$1\r\nb\r\n$1\r\nc\r\n"])],
            lanes: vec![0, 1],
            steps: many(Split::Concat),
            ..Batch::default()
        };
        assert_eq!(assembled(&mut keys), "*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n");
        let mut refused = Batch {
            parts: vec![part(0, &[b"+OK\r\n"]), part(1, &[b"-OOM no\r\n"])],
            lanes: vec![0, 1],
            steps: many(Split::AllOk),
            ..Batch::default()
        };
        assert_eq!(assembled(&mut refused), "-OOM no\r\n");
    }

    #[test]
    fn a_walk_goes_on_where_a_shard_has_come_to_its_end() {
        let step = |cursor: u64, keys: &[&str]| {
            let mut bytes = Vec::new();
            let mut reply = Reply::new(&mut bytes, Resp::V2);
            reply.array(2);
            reply.bulk(cursor.to_string().as_bytes());
            reply.array(keys.len());
            keys.iter().for_each(|key| reply.bulk(key.as_bytes()));
            bytes
        };
        // Parts are in the order in which the pipeline needed their shards, lanes in that of the shards.
        let walk = |steps: [&[u8]; 3]| {
            assembled(&mut Batch {
                parts: vec![part(2, &[steps[2]]), part(0, &[steps[0]]), part(1, &[steps[1]])],
                lanes: vec![1, 2, 0],
                steps: vec![Step::Many { split: Split::Walk, from: 0, to: 3 }],
                ..Batch::default()
            })
        };
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let (first, through, last) = (step(1, &["a"]), step(2, &["b", "c"]), step(0, &["d"]));
        assert_eq!(walk([&first, &through, &last]), text(step(0, &["a", "b", "c", "d"])));
        assert_eq!(walk([&first, &step(2, &[]), &step(5, &["d"])]), text(step(5, &["a", "d"])));
        // 3 x 7 + 1: the second shard has more.
        assert_eq!(walk([&first, &step(22, &["b"]), &last]), text(step(22, &["a", "b"])));
        assert_eq!(walk([&step(3, &["a"]), &through, &last]), text(step(3, &["a"])));
        assert_eq!(walk([b"-ERR syntax error\r\n"; 3]), "-ERR syntax error\r\n");
    }

    #[test]
    fn a_random_key_is_drawn_in_proportion() {
        let replies: [Option<&[u8]>; 3] =
            [Some(b"*2\r\n:1\r\n$1\r\na\r\n"), Some(b"$-1\r\n"), Some(b"*2\r\n:3\r\n$2\r\nbc\r\n")];
        let keys: Vec<_> = (8..12).map(|random| drawn(&replies, &mut || random)).collect();
        let (a, bc) = (Some(&b"$1\r\na\r\n"[..]), Some(&b"$2\r\nbc\r\n"[..]));
        assert_eq!(keys, [a, bc, bc, bc]);
        assert_eq!(drawn(&[Some(b"$-1\r\n"), Some(b"_\r\n")], &mut || 7), None);
    }
}
