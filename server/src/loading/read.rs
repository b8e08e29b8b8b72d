//! Reading a file, or parts of it, on a loader thread.
//!
//! ```text
//!   whole_or_head    head, fields ... the field of parts is true: stop where the first part begins
//!                                 ... there is none: read on to the end, and judge the checksum
//!   parts            next part, read to its end, its checksum kept; and so on       (on every thread)
//!   verify           the checksums of head and parts combined, beside what stands in the tail
//! ```

use super::file::FileBlocks;
use super::teller::{Teller, parts_of};
use super::{Job, PartsOf, Trouble};
use crate::data::input::complaint;
use persist::rdb::Fault;
use persist::rdb::file::{Failure, Feed, Reader, Step, TAIL_BYTES, Verified};
use std::ops::Range;
use std::sync::atomic::Ordering;

/// Reads a file to its end, or, if its parts are known and several threads can read them, to where the first one begins:
/// then [`Job::parts`] has them. What became of the checksum, if it was read to its end.
pub(super) fn whole_or_head(job: &Job<'_>) -> Option<Verified> {
    let mut blocks = job.source.blocks(0..job.source.len());
    let mut teller = Teller::new(job);
    let mut feed = Feed::new(&mut blocks, 0..job.source.len());
    let read = whole_or_head_of(job, &mut feed, &mut teller);
    ended(job, read, &mut teller, &blocks).flatten()
}

fn whole_or_head_of(
    job: &Job<'_>,
    feed: &mut Feed<'_>,
    teller: &mut Teller<'_>,
) -> Result<Option<Verified>, Failure> {
    let mut reader = Reader::file(feed, job.rules)?;
    while reader.step(teller)? == Step::Told {
        if teller.parts.is_none() || job.loaders == 1 {
            continue;
        }
        let at = reader.offset();
        if let Some(parts) = teller.parts.take_if(|parts| parts.head == at) {
            teller.tell(at);
            let sum = reader.sum().unwrap_or_default();
            *job.parts.lock() = Some(parts_of(parts, reader.version(), sum));
            return Ok(None);
        }
        teller.parts.take_if(|parts| parts.head < at); // it is not true
    }
    teller.tell(reader.offset());
    Ok(Some(reader.summary().verified))
}

/// Reads parts until there are no more.
pub(super) fn parts(job: &Job<'_>) {
    let (version, ranges) = match &*job.parts.lock() {
        Some(of) => (of.version, of.parts.ranges().collect::<Vec<_>>()),
        None => return,
    };
    let mut teller = Teller::new(job);
    while !job.is_over() {
        let part = job.next_part.fetch_add(1, Ordering::Relaxed);
        let Some(range) = ranges.get(part) else { break };
        let mut blocks = job.source.blocks(range.clone());
        let read = part_of(job, range, version, &mut blocks, &mut teller);
        let Some(sum) = ended(job, read, &mut teller, &blocks) else { return };
        if let Some(of) = &mut *job.parts.lock() {
            of.sums[part] = sum;
        }
    }
    let _ = teller.finish(); // whoever has ended it has said why
}

/// Reads a part; its checksum.
fn part_of(
    job: &Job<'_>,
    range: &Range<u64>,
    version: u16,
    blocks: &mut FileBlocks<'_>,
    teller: &mut Teller<'_>,
) -> Result<u64, Failure> {
    let mut feed = Feed::new(blocks, range.clone());
    let mut reader = Reader::part(&mut feed, job.rules, version);
    teller.begin_at(range.start);
    while reader.step(teller)? == Step::Told {}
    teller.tell(range.end);
    Ok(reader.sum().unwrap_or_default())
}

/// Waits until what was read has arrived; `None`: there is trouble, and it has been noted.
fn ended<T>(
    job: &Job<'_>,
    read: Result<T, Failure>,
    teller: &mut Teller<'_>,
    blocks: &FileBlocks<'_>,
) -> Option<T> {
    match read {
        Ok(read) => teller.finish().ok().map(|()| read),
        Err(_) if teller.is_over => None,
        Err(failure) => {
            job.fail(Trouble::Failed(sentence(job, &failure, blocks.error.as_ref())));
            None
        }
    }
}

/// What is wrong with the file, where, and why.
fn sentence(job: &Job<'_>, failure: &Failure, error: Option<&std::io::Error>) -> String {
    let path = job.source.path();
    match error {
        Some(why) if failure.error.fault == Fault::Unreadable => {
            format!("{}: {why} at byte {}", path.display(), failure.error.at)
        }
        _ => complaint(path, failure),
    }
}

/// Judges the checksum of a file that was read in parts.
pub(super) fn verify(job: &Job<'_>, of: &PartsOf) -> Result<Verified, Trouble> {
    let (mut tail, at) = ([0; TAIL_BYTES], of.parts.end());
    job.source
        .exact(&mut tail, at)
        .map_err(|why| Trouble::Failed(format!("{}: {why} at byte {at}", job.source.path().display())))?;
    if !job.rules.checksum {
        tail[1..].fill(0); // none, then: what is left to be seen is that the file ends there
    }
    let verified = of.parts.verify(of.head, &of.sums, tail);
    let verified = verified.map_err(|failure| Trouble::Failed(sentence(job, &failure, None)))?;
    Ok(if job.rules.checksum { verified } else { Verified::Ignored })
}
