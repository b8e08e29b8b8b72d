//! The real disk behind [`persist::disk::Disk`]: each request is the system call that its name
//! says, and returns when the kernel has done it. For what may block its caller: starting,
//! CONFIG REWRITE, threads of their own. A core's loop must not wait for a disk.

use persist::disk::{Access, Completion, Disk, DiskError, ErrorKind, FileId, Request};
use rustix::io::ReadWriteFlags;
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Files of the operating system. Open ones are closed when it is dropped.
#[derive(Default)]
pub struct RealDisk {
    files: BTreeMap<FileId, (File, PathBuf)>,
    next: u64,
}

impl RealDisk {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn file(&self, file: FileId) -> io::Result<&File> {
        self.files.get(&file).map(|(f, _)| f).ok_or_else(|| io::Error::from_raw_os_error(libc::EBADF))
    }

    fn open_file(&mut self, path: PathBuf, access: Access) -> io::Result<u64> {
        let file = options(access).open(&path)?;
        if file.metadata()?.is_dir() {
            return Err(io::Error::from_raw_os_error(libc::EISDIR));
        }
        self.next += 1;
        self.files.insert(FileId(self.next), (file, path));
        Ok(self.next)
    }

    fn apply(&mut self, request: Request<&[u8]>) -> io::Result<Completion> {
        let mut done = Completion::default();
        match request {
            Request::Open { path, access } => done.value = self.open_file(path, access)?,
            Request::Close { file } => {
                self.file(file)?;
                self.files.remove(&file);
            }
            Request::ReadAt { file, offset, len } => done.bytes = read_at(self.file(file)?, offset, len)?,
            Request::WriteAt { file, offset, bytes } => self.file(file)?.write_all_at(bytes, offset)?,
            Request::WriteDurable { file, offset, bytes } => write_durable(self.file(file)?, offset, bytes)?,
            Request::Append { file, bytes } => {
                let file = self.file(file)?;
                done.value = file.metadata()?.len();
                file.write_all_at(bytes, done.value)?;
            }
            Request::Truncate { file, len } => self.file(file)?.set_len(len)?,
            Request::SyncData { file } => self.file(file)?.sync_data()?,
            Request::Size { file } => done.value = self.file(file)?.metadata()?.len(),
            Request::Rename { from, to } => fs::rename(from, to)?,
            Request::Remove { path } => fs::remove_file(path)?,
            Request::CreateDir { path } => fs::create_dir(path)?,
            Request::SyncDir { path } => File::open(here(&path))?.sync_all()?,
            Request::List { path } => {
                for entry in fs::read_dir(here(&path))? {
                    done.names.push(entry?.file_name());
                }
                done.names.sort_unstable();
            }
        }
        Ok(done)
    }
}

impl Disk for RealDisk {
    fn perform(&mut self, request: Request<&[u8]>) -> Result<Completion, DiskError> {
        let path = request.file().and_then(|f| self.files.get(&f)).map(|(_, path)| path.clone());
        // Kept for the error, which is rare; paths are short and a disk is slow.
        let failed = request.clone();
        self.apply(request).map_err(|error| failed.error(&path.unwrap_or_default(), kind(&error)))
    }
}

fn options(access: Access) -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true);
    match access {
        Access::Read => &mut options,
        Access::Write => options.write(true).create(true),
        Access::Replace => options.write(true).create(true).truncate(true),
        Access::New => options.write(true).create_new(true),
    };
    options
}

/// Up to `len` bytes, fewer only at the end of the file; no more memory than there are bytes.
fn read_at(file: &File, offset: u64, len: usize) -> io::Result<Vec<u8>> {
    let left = usize::try_from(file.metadata()?.len().saturating_sub(offset)).unwrap_or(usize::MAX);
    let mut bytes = vec![0; len.min(left)];
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read_at(&mut bytes[filled..], offset + filled as u64) {
            Ok(0) => break, // it was cut meanwhile
            Ok(n) => filled += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

/// All of the bytes, with O_DSYNC for this write only.
fn write_durable(file: &File, mut offset: u64, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::pwritev2(file, &[IoSlice::new(bytes)], offset, ReadWriteFlags::DSYNC) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => {
                offset += n as u64;
                bytes = bytes.get(n..).unwrap_or_default();
            }
            Err(rustix::io::Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
    Ok(())
}

/// The current directory is `.` to the kernel and the empty path to `Path::parent`.
fn here(path: &Path) -> &Path {
    if path.as_os_str().is_empty() { Path::new(".") } else { path }
}

fn kind(error: &io::Error) -> ErrorKind {
    // What has no errno is a write that the kernel refuses to go on with.
    ErrorKind::from_errno(error.raw_os_error().unwrap_or(libc::EIO))
}

#[cfg(test)]
mod tests {
    use super::*;
    use persist::disk::{SimDisk, atomic_replace};

    /// A directory of the test's own, removed at its end.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let dir = std::env::temp_dir().join(format!("percore-disk-{}-{name}", std::process::id()));
            fs::create_dir(&dir).unwrap();
            Self(dir)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    /// Everything a disk does, as text: both disks must say the same.
    fn story(disk: &mut dyn Disk, root: &Path) -> Vec<String> {
        let at = |name: &str| root.join(name);
        let mut told = Vec::new();
        let mut tell = |what: String| told.push(what.replace(&root.display().to_string(), ""));
        let file = disk.open(&at("f"), Access::New).unwrap();
        tell(format!("{:?}", disk.write_at(file, 3, b"def")));
        tell(format!("{:?}", disk.append(file, b"gh")));
        tell(format!("{:?}", disk.read_at(file, 2, 100)));
        tell(format!("{:?}", disk.read_at(file, 100, 1)));
        tell(format!("{:?} {:?}", disk.truncate(file, 4), disk.size(file)));
        tell(format!("{:?} {:?}", disk.truncate(file, 6), disk.read(&at("f"))));
        tell(format!("{:?} {:?}", disk.sync_data(file), disk.sync_dir(root)));
        tell(format!("{:?}", disk.open(&at("f"), Access::New).map_err(|e| e.to_string())));
        tell(format!("{:?}", disk.open(&at("g"), Access::Read).map_err(|e| e.to_string())));
        tell(format!("{:?}", disk.open(root, Access::Read).map_err(|e| e.kind)));
        tell(format!("{:?}", disk.open(&at("f/x"), Access::Write).map_err(|e| e.kind)));
        tell(format!("{:?}", disk.create_dir(&at("d"))));
        tell(format!("{:?}", disk.create_dir(&at("d")).map_err(|e| e.to_string())));
        tell(format!("{:?} {:?}", disk.rename(&at("f"), &at("d/f")), disk.list(root)));
        tell(format!("{:?}", disk.rename(&at("f"), &at("h")).map_err(|e| e.to_string())));
        tell(format!("{:?} {:?}", disk.list(&at("d")), disk.list(&at("none")).map_err(|e| e.kind)));
        tell(format!("{:?}", disk.remove(&at("d")).map_err(|e| e.kind)));
        tell(format!("{:?} {:?}", disk.remove(&at("d/f")), disk.size(file)));
        tell(format!("{:?} {:?}", disk.close(file), disk.size(file).map_err(|e| e.kind)));
        let created = disk.open(&at("r"), Access::New).and_then(|file| disk.close(file)).is_ok();
        let reader = disk.open(&at("r"), Access::Read).unwrap();
        tell(format!("{created} {:?}", disk.append(reader, b"x").map_err(|e| e.to_string())));
        for content in [b"old".as_slice(), b"a new one"] {
            tell(format!("{:?}", atomic_replace(disk, root, "r", content)));
        }
        tell(format!("{:?} {:?} {:?}", disk.read(&at("r")), disk.size(reader), disk.list(root)));
        let file = disk.open(&at("r"), Access::Write).unwrap();
        tell(format!("{:?} {:?}", disk.write_durable_at(file, 7, b"durable"), disk.read(&at("r"))));
        tell(format!("{:?}", disk.write_durable_at(reader, 1, b"x").map_err(|e| e.to_string())));
        told
    }

    #[test]
    fn the_simulated_disk_and_the_real_one_tell_the_same_story() {
        let scratch = Scratch::new("story");
        let mut simulated = SimDisk::new(1);
        simulated.create_dir(Path::new("/data")).unwrap();
        let told = story(&mut RealDisk::new(), &scratch.0);
        assert_eq!(told, story(&mut simulated, Path::new("/data")));
        assert_eq!(told[7], r#"Err("open /f: File exists")"#);
        assert_eq!(told[17], "Ok(()) Ok(6)", "an open file outlives its name");
    }

    #[test]
    fn a_failed_replace_leaves_the_file_and_no_other() {
        let scratch = Scratch::new("replace");
        let mut disk = RealDisk::new();
        atomic_replace(&mut disk, &scratch.0, "x", b"old").unwrap();
        fs::create_dir(scratch.0.join("taken")).unwrap();
        let error = atomic_replace(&mut disk, &scratch.0, "taken", b"new").unwrap_err();
        assert_eq!(error.action, "rename");
        assert_eq!(disk.read(&scratch.0.join("x")).unwrap(), b"old");
        assert_eq!(disk.list(&scratch.0).unwrap(), ["taken", "x"]);
        let missing = atomic_replace(&mut disk, &scratch.0.join("none"), "x", b"").unwrap_err();
        assert_eq!((missing.action, missing.kind), ("open", ErrorKind::NotFound));
    }

    #[test]
    fn the_current_directory_can_be_listed_and_synced() {
        let mut disk = RealDisk::new();
        assert!(!disk.list(Path::new("")).unwrap().is_empty());
        disk.sync_dir(Path::new("")).unwrap();
    }
}
