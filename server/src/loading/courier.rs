//! Batches from a loader thread to the cores that own their keys, and back when they are empty.
//!
//! ```text
//!   loader   open: one for each core -- full --> Direct::Loaded --> core: Shard::load
//!            free <----------------------- home (a channel) <------ empty, or with what was wrong
//! ```
//! Every loader thread has batches of its own, so that none waits for a batch that another one is filling. It waits for a
//! core when [`UNDER_WAY_MAX`] of its batches are under way: that is the back-pressure, and the bound of a core's mailbox.

use super::{Job, LOOK_EVERY, Trouble, post};
use crate::mailbox::Outbox;
use crate::work::Direct;
use crossbeam_channel::{Receiver, Sender, bounded};
use shard::load::{Batch, Duplicate};

/// Batches of a loader thread that cores have not taken in yet.
pub const UNDER_WAY_MAX: usize = 4;
/// Bytes in the open batches of a loader thread: with more, the largest one goes as it is.
pub const OPEN_BYTES_MAX: usize = 1 << 20;

/// A batch, and where it comes from.
pub struct Delivery {
    pub batch: Batch,
    /// Keys that are there already are replaced.
    pub replace: bool,
    /// What the core has found wrong.
    pub duplicate: Option<Duplicate>,
    home: Sender<Box<Delivery>>,
}

impl Delivery {
    /// Sends it back to its loader thread, who may have gone.
    pub fn go_home(self: Box<Self>) {
        let home = self.home.clone();
        let _ = home.try_send(self); // there is room for all that are under way
    }
}

/// The load is over before its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Over;

/// One loader thread's batches.
pub struct Courier<'j> {
    job: &'j Job<'j>,
    out: Outbox,
    #[expect(clippy::vec_box, reason = "a delivery goes as one pointer, there and back")]
    open: Vec<Box<Delivery>>,
    /// Bytes in those that are open.
    open_bytes: usize,
    #[expect(clippy::vec_box, reason = "a delivery goes as one pointer, there and back")]
    free: Vec<Box<Delivery>>,
    under_way: usize,
    home: Receiver<Box<Delivery>>,
    home_of: Sender<Box<Delivery>>,
}

impl<'j> Courier<'j> {
    pub fn new(job: &'j Job<'j>) -> Self {
        let cores = job.shared.cores();
        let (home_of, home) = bounded(UNDER_WAY_MAX);
        let mut courier = Self {
            job,
            out: Outbox::new(cores),
            open: Vec::new(),
            open_bytes: 0,
            free: Vec::new(),
            under_way: 0,
            home,
            home_of,
        };
        courier.open = (0..cores).map(|_| courier.empty()).collect();
        courier
    }

    fn empty(&mut self) -> Box<Delivery> {
        let (replace, home) = (self.job.replace, self.home_of.clone());
        let new = || Box::new(Delivery { batch: Batch::default(), replace, duplicate: None, home });
        self.free.pop().unwrap_or_else(new)
    }

    /// The open batch of a core.
    #[inline]
    pub fn batch(&mut self, core: usize) -> &mut Batch {
        &mut self.open[core].batch
    }

    /// A core's batch has grown from so many bytes: it goes if it is full.
    ///
    /// # Errors
    /// [`Over`]
    #[inline]
    pub fn added(&mut self, core: usize, before: usize) -> Result<(), Over> {
        let batch = &self.open[core].batch;
        self.open_bytes += batch.bytes() - before;
        if batch.is_full() {
            return self.send(core);
        }
        if self.open_bytes > OPEN_BYTES_MAX {
            let largest = (0..self.open.len()).max_by_key(|&core| self.open[core].batch.bytes());
            return self.send(largest.unwrap_or(core));
        }
        Ok(())
    }

    fn send(&mut self, core: usize) -> Result<(), Over> {
        while self.under_way == UNDER_WAY_MAX || !self.home.is_empty() {
            self.take_back()?;
        }
        let empty = self.empty();
        let full = std::mem::replace(&mut self.open[core], empty);
        self.open_bytes -= full.batch.bytes();
        self.under_way += 1;
        self.out.direct(core, Direct::Loaded(full));
        post(self.job.shared, &mut self.out);
        Ok(())
    }

    /// Waits for a batch to come home.
    fn take_back(&mut self) -> Result<(), Over> {
        loop {
            if let Ok(mut delivery) = self.home.recv_timeout(LOOK_EVERY) {
                self.under_way -= 1;
                if let Some(duplicate) = delivery.duplicate.take() {
                    return Err(self.duplicate(&duplicate));
                }
                self.free.push(delivery);
                return Ok(());
            }
            if self.job.is_over() {
                return Err(Over);
            }
        }
    }

    #[cold]
    fn duplicate(&self, found: &Duplicate) -> Over {
        let (path, key, db) = (self.job.source.path().display(), found.key.escape_ascii(), found.db);
        let at = found.at;
        let text = format!("{path}: RDB has duplicated key '{key}' in DB {db} at byte {at}");
        self.job.fail(Trouble::Failed(text));
        Over
    }

    /// Sends what is left, and waits until cores have taken in all of it.
    ///
    /// # Errors
    /// [`Over`]
    pub fn finish(&mut self) -> Result<(), Over> {
        for core in 0..self.open.len() {
            if !self.open[core].batch.is_empty() {
                self.send(core)?;
            }
        }
        while self.under_way > 0 {
            self.take_back()?;
        }
        Ok(())
    }
}
