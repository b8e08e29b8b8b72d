//! The file operations of a core: who has started which, and how they ended.
//!
//! ```text
//!   owner   start_file_op ──> queued ──flush──> the backend
//!                                                  │ a later turn
//!   owner   take_file_results <── results <── file_done
//! ```
//!
//! An owner is a part of the server, of which a core has one: it takes its results at the beginning of its next
//! slice, which comes at once, since results that wait keep the core from sleeping. The token that the backend
//! is given says whose an operation is in its high byte, so there is no table to look it up in:
//!
//! ```text
//!   63     56 55              0
//!   | owner  | a number        |
//! ```
//!
//! Nothing here has a bound: an owner asks [`CoreState::file_ops_under_way`] and starts no more than it may.

use super::state::CoreState;
use crate::io::{File, FileDone, FileOp};

/// The parts of the server that write files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum FileOwner {
    Snapshot,
}

const OWNERS: usize = 1;
const NUMBER_BITS: u32 = 56;

/// What an owner has under way.
#[derive(Default, Debug)]
struct Owned {
    under_way: usize,
    results: Vec<FileDone>,
}

/// The file operations of a core.
#[derive(Default, Debug)]
pub struct FileOps {
    next: u64,
    /// Started in this turn, and not handed to the backend yet.
    queued: Vec<(u64, File, FileOp)>,
    owners: [Owned; OWNERS],
}

impl FileOps {
    /// Something is to be handed to the backend, or to be taken by its owner.
    #[must_use]
    pub fn has_work(&self) -> bool {
        !self.queued.is_empty() || self.owners.iter().any(|owner| !owner.results.is_empty())
    }

    /// What is to be handed to the backend.
    pub fn take_queued(&mut self) -> Vec<(u64, File, FileOp)> {
        std::mem::take(&mut self.queued)
    }

    /// Whether operations of this owner have ended that it has not asked for.
    #[must_use]
    pub fn has_results(&self, owner: FileOwner) -> bool {
        !self.owners[owner as usize].results.is_empty()
    }

    fn owner(&mut self, owner: FileOwner) -> &mut Owned {
        &mut self.owners[owner as usize]
    }

    /// The backend's answer.
    pub fn done(&mut self, done: FileDone) {
        let owner = usize::try_from(done.token >> NUMBER_BITS).unwrap_or(usize::MAX);
        if let Some(owner) = self.owners.get_mut(owner) {
            owner.under_way -= 1;
            owner.results.push(done);
        }
    }
}

impl CoreState {
    /// Starts an operation on a file; returns its token, with which its result comes.
    pub fn start_file_op(&mut self, owner: FileOwner, file: &File, op: FileOp) -> u64 {
        self.files.next += 1;
        let token = (owner as u64) << NUMBER_BITS | self.files.next;
        self.files.owner(owner).under_way += 1;
        self.files.queued.push((token, file.clone(), op));
        token
    }

    /// Operations of this owner that have not ended.
    #[must_use]
    pub fn file_ops_under_way(&self, owner: FileOwner) -> usize {
        self.files.owners[owner as usize].under_way
    }

    /// The operations of this owner that have ended since it was last asked for, in the order of their ends.
    pub fn take_file_results(&mut self, owner: FileOwner) -> Vec<FileDone> {
        std::mem::take(&mut self.files.owner(owner).results)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::sim_tests::Bed;
    use persist::disk::{Access, Disk};
    use std::path::Path;
    use std::time::Duration;

    #[test]
    fn an_owner_gets_its_results_and_no_core_sleeps_on_them() {
        let mut bed = Bed::new(1, 2);
        let opened = bed.world.disk().lock().open(Path::new("f"), Access::New).unwrap();
        let file = File::Sim(opened.0);
        let state = &mut bed.cores[1].state;
        let op = || FileOp::Write { offset: 2, bytes: b"bytes".to_vec(), durable: true };
        let write = state.start_file_op(FileOwner::Snapshot, &file, op());
        let sync = state.start_file_op(FileOwner::Snapshot, &file, FileOp::SyncData);
        let refused = state.start_file_op(FileOwner::Snapshot, &File::Sim(999), op());
        assert!(state.has_work(), "they are to be handed over");
        assert_eq!(state.file_ops_under_way(FileOwner::Snapshot), 3);

        bed.world.run_for(&mut bed.cores, Duration::from_millis(90));
        let state = &mut bed.cores[1].state;
        assert_eq!(state.file_ops_under_way(FileOwner::Snapshot), 0);
        assert!(state.has_work(), "they are to be taken");
        let mut results = state.take_file_results(FileOwner::Snapshot);
        assert!(!state.has_work());
        results.sort_by_key(|done| done.token);
        let told: Vec<_> =
            results.iter().map(|done| (done.token, done.bytes.as_slice(), done.result.is_ok())).collect();
        assert_eq!(told, [(write, &b"bytes"[..], true), (sync, b"", true), (refused, b"bytes", false)]);
        assert_eq!(bed.world.disk().lock().read(Path::new("f")).unwrap(), b"\0\0bytes");
    }
}
