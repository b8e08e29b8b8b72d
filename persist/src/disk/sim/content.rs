//! The bytes of one simulated file: as they are read, as they are synced, and the changes between.
//!
//! After a power loss each sector of 512 bytes shows its state after *some* number of the unsynced
//! changes, and so does the length: that one rule gives dropped writes (none of them), kept ones
//! (all), torn ones (a change reached some of its sectors) and reordered ones (a later change is
//! there, an earlier one is not). A sector inside the length that no change reached holds zeros.
//! Which rule is drawn: nothing, everything, a prefix with its last write torn, or each on its own.

use oorandom::Rand64;

const SECTOR: usize = 512;

#[derive(Clone)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Resize { len: usize },
}

#[derive(Clone, Default)]
pub(super) struct Content {
    seen: Vec<u8>,
    synced: Vec<u8>,
    changes: Vec<Change>,
}

/// How many of the changes each part of the file has seen.
struct Reached {
    sectors: Vec<usize>,
    len: usize,
}

impl Content {
    pub(super) fn len(&self) -> usize {
        self.seen.len()
    }

    pub(super) fn read(&self, offset: u64, len: usize) -> Vec<u8> {
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(self.seen.len());
        let to = from.saturating_add(len).min(self.seen.len());
        self.seen[from..to].to_vec()
    }

    pub(super) fn write(&mut self, offset: usize, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.change(Change::Write { offset, bytes: bytes.to_vec() });
        }
    }

    /// Writes bytes that a power loss does not take. What it makes durable beside them is what it
    /// must: changes before it that it overlaps, or that set the length, which would undo it when they
    /// reached the disk after it.
    pub(super) fn write_durable(&mut self, offset: usize, bytes: &[u8]) {
        let change = Change::Write { offset, bytes: bytes.to_vec() };
        if self.changes.iter().any(|earlier| earlier.meets(offset, bytes.len())) {
            self.sync();
        }
        change.apply(&mut self.seen);
        change.apply(&mut self.synced);
    }

    pub(super) fn resize(&mut self, len: usize) {
        self.change(Change::Resize { len });
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.seen);
        self.changes.push(change);
    }

    /// Makes durable what the disk still knows to be dirty: after a failed sync that is less than
    /// what is seen.
    pub(super) fn sync(&mut self) {
        for change in self.changes.drain(..) {
            change.apply(&mut self.synced);
        }
    }

    /// A failed sync: some sectors were written, and all of them count as clean from now on.
    pub(super) fn fail_sync(&mut self, rng: &mut Rand64) {
        self.synced = self.survivor(rng);
        self.changes.clear();
    }

    pub(super) fn after_power_loss(&self, rng: &mut Rand64) -> Self {
        let bytes = self.survivor(rng);
        Self { seen: bytes.clone(), synced: bytes, changes: Vec::new() }
    }

    fn survivor(&self, rng: &mut Rand64) -> Vec<u8> {
        let lengths = self.lengths();
        let longest = lengths.iter().copied().max().unwrap_or(0);
        let reached = self.draw(rng, &lengths, longest.div_ceil(SECTOR));
        let mut bytes = self.synced.clone();
        bytes.resize(longest, 0);
        for (i, change) in self.changes.iter().enumerate() {
            let (first, count) = change.sectors();
            for (sector, chunk) in bytes.chunks_mut(SECTOR).enumerate().skip(first).take(count) {
                if reached.sectors.get(sector).is_some_and(|n| *n > i) {
                    change.apply_within(chunk, sector * SECTOR);
                }
            }
        }
        bytes.truncate(reached.len);
        bytes
    }

    /// The length after each number of changes.
    fn lengths(&self) -> Vec<usize> {
        let mut len = self.synced.len();
        let mut lengths = vec![len];
        lengths.extend(self.changes.iter().map(|change| {
            len = change.len_after(len);
            len
        }));
        lengths
    }

    fn draw(&self, rng: &mut Rand64, lengths: &[usize], sectors: usize) -> Reached {
        let all = self.changes.len();
        let same =
            |n: usize| Reached { sectors: vec![n; sectors], len: lengths.get(n).copied().unwrap_or(0) };
        let mut up_to = |n: usize| rng.rand_range(0..n as u64 + 1) as usize;
        match up_to(3) {
            0 => same(0),
            1 => same(all),
            2 => {
                let whole = up_to(all);
                let mut reached = same(whole);
                if let Some(Change::Write { offset, bytes }) = self.changes.get(whole) {
                    let torn_at = offset + up_to(bytes.len() / SECTOR) * SECTOR;
                    for sector in offset / SECTOR..torn_at.div_ceil(SECTOR) {
                        reached.sectors.iter_mut().skip(sector).take(1).for_each(|n| *n = whole + 1);
                    }
                    let told = lengths.get(whole + 1).copied().unwrap_or(reached.len);
                    reached.len = if up_to(1) == 0 { told } else { reached.len.max(torn_at.min(told)) };
                }
                reached
            }
            _ => {
                let len = lengths.get(up_to(all)).copied().unwrap_or(0);
                Reached { sectors: (0..sectors).map(|_| up_to(all)).collect(), len }
            }
        }
    }
}

impl Change {
    /// Whether it concerns any of these bytes, or where the file ends.
    fn meets(&self, from: usize, len: usize) -> bool {
        match self {
            Self::Write { offset, bytes } => *offset < from + len && from < offset + bytes.len(),
            Self::Resize { .. } => true,
        }
    }

    fn len_after(&self, len: usize) -> usize {
        match self {
            Self::Write { offset, bytes } => len.max(offset + bytes.len()),
            Self::Resize { len } => *len,
        }
    }

    /// The first sector it touches, and how many it may touch from there.
    fn sectors(&self) -> (usize, usize) {
        match self {
            Self::Write { offset, bytes } => (offset / SECTOR, bytes.len() / SECTOR + 2),
            Self::Resize { len } => (len / SECTOR, usize::MAX),
        }
    }

    fn apply(&self, to: &mut Vec<u8>) {
        to.resize(self.len_after(to.len()), 0);
        let len = to.len();
        self.apply_within(&mut to[..len], 0);
    }

    /// Applies what concerns the bytes at `start` and on.
    fn apply_within(&self, part: &mut [u8], start: usize) {
        match self {
            Self::Write { offset, bytes } => {
                let (from, to) = ((*offset).max(start), (offset + bytes.len()).min(start + part.len()));
                if from < to {
                    part[from - start..to - start].copy_from_slice(&bytes[from - offset..to - offset]);
                }
            }
            Self::Resize { len } => {
                let from = len.saturating_sub(start).min(part.len());
                part[from..].fill(0);
            }
        }
    }
}
