//! One direction of a simulated connection: what the writer gave, on its way, and what has
//! arrived and waits for the reader.
//!
//! ```text
//!   write -> [ segment, segment, …, FIN ] -- arrive --> [ bytes ] -> read
//!            flight: each with its arrival time         inbox
//! ```
//! Bytes keep their order and are cut into segments at random places. Both parts together never
//! hold more than `capacity`: a writer gets the rest of its bytes back, as from a full socket
//! buffer. A reader's progress is seen by the writer at once; a real one learns it a trip later,
//! which only makes it slower, and slowness is drawn elsewhere.

use super::rng::Rng;
use std::collections::VecDeque;

/// A direction's end, as its reader will learn of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    /// FIN: everything that was written has been read.
    Orderly,
    /// RST.
    Reset,
}

enum Load {
    Bytes(Vec<u8>),
    End(End),
}

struct Segment {
    at: u64,
    load: Load,
}

/// How a direction cuts its bytes.
#[derive(Clone, Copy)]
enum Cut {
    Whole,
    Packets,
    Crumbs,
}

pub(super) struct Pipe {
    flight: VecDeque<Segment>,
    flight_bytes: usize,
    inbox: VecDeque<u8>,
    capacity: usize,
    latency_ns: u64,
    last_at: u64,
    cut: Cut,
    /// The writer's end was sent: nothing goes in any more.
    ended: bool,
    /// The end has arrived at the reader's side.
    arrived_end: Option<End>,
}

impl Pipe {
    pub(super) fn new(capacity: usize, latency_ns: u64, rng: &mut Rng) -> Self {
        let cut = match rng.below(3) {
            0 => Cut::Whole,
            1 => Cut::Packets,
            _ => Cut::Crumbs,
        };
        Self {
            flight: VecDeque::new(),
            flight_bytes: 0,
            inbox: VecDeque::new(),
            capacity: capacity.max(1),
            latency_ns,
            last_at: 0,
            cut,
            ended: false,
            arrived_end: None,
        }
    }

    pub(super) fn latency_ns(&self) -> u64 {
        self.latency_ns
    }

    /// Bytes that a write would take now.
    pub(super) fn space(&self) -> usize {
        if self.ended { 0 } else { self.capacity.saturating_sub(self.flight_bytes + self.inbox.len()) }
    }

    /// Bytes that wait for the reader.
    pub(super) fn readable(&self) -> usize {
        self.inbox.len()
    }

    /// The end, once it has arrived and everything before it was read. A reset does not wait.
    pub(super) fn end(&self) -> Option<End> {
        self.arrived_end.filter(|_| self.inbox.is_empty())
    }

    /// A reset has arrived, whether or not bytes from before it still wait.
    pub(super) fn was_reset(&self) -> bool {
        self.arrived_end == Some(End::Reset)
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Takes what fits of `bytes` and returns how much; `arrivals` gets the time of each segment.
    pub(super) fn write(
        &mut self,
        now: u64,
        bytes: &[u8],
        jitter: &std::ops::Range<u64>,
        rng: &mut Rng,
        arrivals: &mut Vec<u64>,
    ) -> usize {
        let taken = bytes.len().min(self.space());
        let mut from = 0;
        while from < taken {
            let n = self.segment_len(from, rng).min(taken - from);
            let at = self.arrival(now, rng.within(jitter));
            self.flight.push_back(Segment { at, load: Load::Bytes(bytes[from..from + n].to_vec()) });
            arrivals.push(at);
            from += n;
        }
        self.flight_bytes += taken;
        taken
    }

    /// The writer's end: FIN or RST. Returns when it arrives; `None` if it was sent already.
    pub(super) fn finish(&mut self, now: u64, end: End, jitter_ns: u64) -> Option<u64> {
        if self.ended && (end == End::Orderly || self.reset_sent()) {
            return None;
        }
        self.ended = true;
        let at = self.arrival(now, jitter_ns);
        self.flight.push_back(Segment { at, load: Load::End(end) });
        Some(at)
    }

    fn reset_sent(&self) -> bool {
        self.was_reset() || self.flight.iter().any(|s| matches!(s.load, Load::End(End::Reset)))
    }

    /// Moves what is due at `now` to the reader's side; true if anything was.
    pub(super) fn arrive(&mut self, now: u64) -> bool {
        let mut moved = false;
        while self.flight.front().is_some_and(|s| s.at <= now) {
            let Some(segment) = self.flight.pop_front() else { break };
            match segment.load {
                Load::Bytes(bytes) => {
                    self.flight_bytes -= bytes.len();
                    self.inbox.extend(bytes);
                }
                Load::End(end) => self.arrived_end = Some(end),
            }
            moved = true;
        }
        moved
    }

    /// Takes up to `max` bytes that have arrived.
    pub(super) fn read(&mut self, max: usize) -> Vec<u8> {
        take_front(&mut self.inbox, max)
    }

    /// What a reset of the writer's leaves under way: a random first part of it.
    pub(super) fn lose_tail(&mut self, rng: &mut Rng) {
        let keep = rng.below(self.flight.len() as u64 + 1) as usize;
        self.flight.truncate(keep);
        self.flight_bytes = self
            .flight
            .iter()
            .map(|s| match &s.load {
                Load::Bytes(b) => b.len(),
                Load::End(_) => 0,
            })
            .sum();
    }

    /// Nobody will read: forgets everything and takes no more.
    pub(super) fn discard(&mut self) {
        self.flight.clear();
        self.flight_bytes = 0;
        self.inbox = VecDeque::new();
        self.ended = true;
    }

    fn arrival(&mut self, now: u64, jitter_ns: u64) -> u64 {
        self.last_at = self.last_at.max(now + self.latency_ns + jitter_ns);
        self.last_at
    }

    fn segment_len(&self, from: usize, rng: &mut Rng) -> usize {
        let longest = match self.cut {
            Cut::Whole => 64 << 10,
            Cut::Packets => 1448,
            // Crumbs where a command's frame begins; long writes are not all crumbs, or a
            // megabyte would be a hundred thousand events.
            Cut::Crumbs if from < 256 => 12,
            Cut::Crumbs => 8 << 10,
        };
        match self.cut {
            Cut::Whole => longest,
            Cut::Packets | Cut::Crumbs => 1 + rng.below(longest as u64) as usize,
        }
    }
}

/// Removes up to `max` bytes from the front, by copying slices (an iterator over bytes is slow in
/// builds that are not optimised, and tests are).
pub(super) fn take_front(queue: &mut VecDeque<u8>, max: usize) -> Vec<u8> {
    let n = max.min(queue.len());
    let (first, second) = queue.as_slices();
    let of_first = n.min(first.len());
    let mut out = first[..of_first].to_vec();
    out.extend_from_slice(&second[..n - of_first]);
    queue.drain(..n);
    out
}
