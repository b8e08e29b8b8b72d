//! A disk in memory that behaves as badly as a real one may.
//!
//! It keeps apart what a power loss cannot take (synced bytes and names) from what it can, and
//! fails when told to. All chance comes from seeds.
//!
//! ```text
//!   names    path -> file        as seen | as synced, and the changes between
//!   content  per file: bytes     as seen | as synced, and the changes between
//!   faults   the k-th call fails, the disk is full or read-only, the power is cut
//! ```
//! A failed call does what a real one may have done before it failed: a write leaves a first part,
//! a sync writes some sectors and *forgets the rest*, so that the next sync succeeds and the bytes
//! are nevertheless gone after a power loss. (Until then they are still read back: from the cache.)

mod content;
mod names;
#[cfg(test)]
mod tests;

use super::{Access, Completion, Disk, DiskError, EBADF, EIO, EISDIR, ErrorKind, FileId, Request};
use content::Content;
use names::{Names, Node};
use oorandom::Rand64;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

struct Handle {
    file: u64,
    path: PathBuf,
    writable: bool,
}

/// The simulated disk. It begins with the directories `/` and `` (the current one), both empty.
pub struct SimDisk {
    rng: Rand64,
    names: Names,
    files: BTreeMap<u64, Content>,
    handles: BTreeMap<FileId, Handle>,
    next_number: u64,
    calls: u64,
    failing: BTreeMap<u64, ErrorKind>,
    capacity: Option<u64>,
    read_only: bool,
    power_cut_at: Option<u64>,
}

impl SimDisk {
    /// An empty disk; `seed` decides what failing calls leave.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::holding(seed, Names::new(), BTreeMap::new(), 0)
    }

    fn holding(seed: u64, names: Names, files: BTreeMap<u64, Content>, next_number: u64) -> Self {
        Self {
            rng: Rand64::new(u128::from(seed)),
            names,
            files,
            handles: BTreeMap::new(),
            next_number,
            calls: 0,
            failing: BTreeMap::new(),
            capacity: None,
            read_only: false,
            power_cut_at: None,
        }
    }

    /// Calls made so far: the number of the next one.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls
    }

    /// Lets call number `call` (counted from 0 over the disk's life) fail with `kind`.
    pub fn fail_call(&mut self, call: u64, kind: ErrorKind) {
        self.failing.insert(call, kind);
    }

    /// Limits the bytes that all files together may hold: writes fail with
    /// [`ErrorKind::NoSpace`] after filling what is left. `None`: no limit.
    pub fn set_capacity(&mut self, bytes: Option<u64>) {
        self.capacity = bytes;
    }

    /// As after a remount: whatever changes the disk fails with [`ErrorKind::ReadOnly`].
    pub fn set_read_only(&mut self, on: bool) {
        self.read_only = on;
    }

    /// Cuts the power during call number `call`: it and all later ones fail and no sync completes.
    /// Look at what is left with [`SimDisk::after_power_loss`].
    pub fn cut_power_at(&mut self, call: u64) {
        self.power_cut_at = Some(call);
    }

    /// The disk as it is found after a power loss now: all that is synced, and of the rest a part
    /// that `seed` decides. Unsynced bytes may be dropped, kept, torn at sectors of 512 bytes, or
    /// have reached the disk in another order; unsynced names may be undone. This disk stays as it
    /// is, so that one state can be looked at under many seeds.
    #[must_use]
    pub fn after_power_loss(&self, seed: u64) -> SimDisk {
        let mut rng = Rand64::new(u128::from(seed) << 1 | 1);
        let names = self.names.after_power_loss(&mut rng);
        let files = self.files.iter().map(|(n, content)| (*n, content.after_power_loss(&mut rng))).collect();
        Self::holding(seed, names, files, self.next_number)
    }

    fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }

    /// Bytes of all files that have a name or are open.
    fn used(&self) -> u64 {
        let mut live: Vec<u64> = self.names.files().chain(self.handles.values().map(|h| h.file)).collect();
        live.sort_unstable();
        live.dedup();
        live.iter().filter_map(|n| self.files.get(n)).map(|c| c.len() as u64).sum()
    }

    fn handle(&self, file: FileId, write: bool) -> Result<u64, ErrorKind> {
        let handle = self.handles.get(&file).filter(|h| h.writable || !write);
        handle.map(|h| h.file).ok_or(ErrorKind::Io { errno: EBADF })
    }

    fn content(&mut self, file: FileId, write: bool) -> Result<&mut Content, ErrorKind> {
        let number = self.handle(file, write)?;
        self.files.get_mut(&number).ok_or(ErrorKind::Io { errno: EBADF })
    }

    fn open_file(&mut self, path: PathBuf, access: Access) -> Result<u64, ErrorKind> {
        let found = match self.names.get(&path) {
            Some(Node::Dir) => return Err(ErrorKind::Io { errno: EISDIR }),
            Some(Node::File(number)) => Some(number),
            None => None,
        };
        let file = match (found, access) {
            (Some(_), Access::New) => return Err(ErrorKind::AlreadyExists),
            (None, Access::Read) => return Err(ErrorKind::NotFound),
            (Some(number), _) => number,
            (None, _) => {
                let number = self.number();
                self.names.put(&path, Node::File(number))?;
                self.files.insert(number, Content::default());
                number
            }
        };
        if let (Access::Replace, Some(content)) = (access, self.files.get_mut(&file)) {
            content.resize(0);
        }
        let handle = self.number();
        self.handles.insert(FileId(handle), Handle { file, path, writable: access != Access::Read });
        Ok(handle)
    }

    /// Writes as much as there is room for; what was written is durable only if all of it was.
    fn write(&mut self, file: FileId, offset: u64, bytes: &[u8], durable: bool) -> Result<(), ErrorKind> {
        let room = self.capacity.map(|c| c.saturating_sub(self.used()));
        let content = self.content(file, true)?;
        let limit = room.map_or(u64::MAX, |room| (content.len() as u64).saturating_add(room));
        let fits = usize::try_from(limit.saturating_sub(offset)).unwrap_or(usize::MAX);
        let (now, never) = bytes.split_at(fits.min(bytes.len()));
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        if durable && never.is_empty() {
            content.write_durable(offset, now);
        } else {
            content.write(offset, now);
        }
        if never.is_empty() { Ok(()) } else { Err(ErrorKind::NoSpace) }
    }

    fn apply(&mut self, request: Request<&[u8]>) -> Result<Completion, ErrorKind> {
        let mut done = Completion::default();
        match request {
            Request::Open { path, access } => done.value = self.open_file(path, access)?,
            Request::Close { file } => {
                self.handle(file, false)?;
                self.handles.remove(&file);
            }
            Request::ReadAt { file, offset, len } => {
                done.bytes = self.content(file, false)?.read(offset, len)
            }
            Request::WriteAt { file, offset, bytes } => self.write(file, offset, bytes, false)?,
            Request::WriteDurable { file, offset, bytes } => self.write(file, offset, bytes, true)?,
            Request::Append { file, bytes } => {
                done.value = self.content(file, true)?.len() as u64;
                self.write(file, done.value, bytes, false)?;
            }
            Request::Truncate { file, len } => {
                self.content(file, true)?.resize(usize::try_from(len).unwrap_or(usize::MAX));
            }
            Request::SyncData { file } => self.content(file, false)?.sync(),
            Request::Size { file } => done.value = self.content(file, false)?.len() as u64,
            Request::Rename { from, to } => self.names.rename(&from, &to)?,
            Request::Remove { path } => self.names.remove(&path)?,
            Request::CreateDir { path } => self.names.create_dir(&path)?,
            Request::SyncDir { path } => self.names.sync(&path)?,
            Request::List { path } => done.names = self.names.list(&path)?,
        }
        Ok(done)
    }

    /// What a call that fails may have done all the same.
    fn apply_half(&mut self, request: &Request<&[u8]>) {
        let (file, offset, bytes) = match *request {
            Request::WriteAt { file, offset, bytes } => (file, offset, bytes),
            Request::WriteDurable { file, offset, bytes } => {
                let _ = self.write(file, offset, bytes, false);
                return self.forget_unsynced(file);
            }
            Request::Append { file, bytes } => {
                let end = self.content(file, true).map_or(0, |c| c.len() as u64);
                (file, end, bytes)
            }
            Request::SyncData { file } => return self.forget_unsynced(file),
            _ => return,
        };
        let part = self.rng.rand_range(0..bytes.len() as u64 + 1) as usize;
        let _ = self.write(file, offset, bytes.get(..part).unwrap_or(bytes), false);
    }

    /// A sync of the file that fails.
    fn forget_unsynced(&mut self, file: FileId) {
        if let Ok(content) = self.handle(file, false)
            && let Some(content) = self.files.get_mut(&content)
        {
            content.fail_sync(&mut self.rng);
        }
    }

    /// The power fails during this call: what is not a sync may yet have been noted down.
    fn apply_without_power(&mut self, request: Request<&[u8]>) {
        let _ = match request {
            Request::SyncData { .. } | Request::SyncDir { .. } => return,
            Request::WriteDurable { file, offset, bytes } => {
                self.apply(Request::WriteAt { file, offset, bytes })
            }
            request => self.apply(request),
        };
    }
}

impl Disk for SimDisk {
    fn perform(&mut self, request: Request<&[u8]>) -> Result<Completion, DiskError> {
        let call = self.calls;
        self.calls += 1;
        let path = request.file().and_then(|f| self.handles.get(&f)).map(|h| h.path.clone());
        let path = path.unwrap_or_default();
        if let Some(cut) = self.power_cut_at.filter(|cut| *cut <= call) {
            let error = request.error(&path, ErrorKind::Io { errno: EIO });
            if cut == call {
                self.apply_without_power(request);
            }
            return Err(error);
        }
        if let Some(kind) = self.failing.remove(&call) {
            self.apply_half(&request);
            return Err(request.error(&path, kind));
        }
        if self.read_only && changes(&request) {
            return Err(request.error(&path, ErrorKind::ReadOnly));
        }
        self.apply(request.clone()).map_err(|kind| request.error(&path, kind))
    }
}

/// True for what a read-only disk refuses.
fn changes(request: &Request<&[u8]>) -> bool {
    match request {
        Request::Open { access, .. } => *access != Access::Read,
        Request::WriteAt { .. }
        | Request::WriteDurable { .. }
        | Request::Append { .. }
        | Request::Truncate { .. }
        | Request::Rename { .. }
        | Request::Remove { .. }
        | Request::CreateDir { .. } => true,
        Request::Close { .. }
        | Request::ReadAt { .. }
        | Request::SyncData { .. }
        | Request::Size { .. }
        | Request::SyncDir { .. }
        | Request::List { .. } => false,
    }
}

/// The directory that holds the name.
fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}
