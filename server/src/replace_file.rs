//! Putting a file in the place of another so that a crash leaves the old one or the new one, whole:
//! written under a temporary name beside it, synced, renamed over it, and the directory synced.

use rustix::fs::Mode;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Replaces the file's content. A file that is there keeps its permissions; a new one is for all to
/// read, as far as the umask allows.
///
/// # Errors
/// The first that the system reports; the old file is then as it was, and the temporary one gone.
pub fn replace_file(path: &Path, content: &[u8]) -> io::Result<()> {
    let temporary = temporary_name(path)?;
    let replaced = write_synced(&temporary, path, content).and_then(|()| std::fs::rename(&temporary, path));
    if replaced.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    replaced?;
    sync_directory(path)
}

/// A name beside the file, of this process alone.
fn temporary_name(path: &Path) -> io::Result<PathBuf> {
    let mut name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
    name.push(format!(".tmp-{}", std::process::id()));
    Ok(path.with_file_name(name))
}

fn write_synced(temporary: &Path, path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o644).open(temporary)?;
    if let Ok(old) = std::fs::metadata(path) {
        let mode = Mode::from_raw_mode(old.permissions().mode());
        file.set_permissions(Permissions::from_mode(mode.bits()))?;
    }
    file.write_all(content)?;
    file.sync_all()
}

fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_content_is_replaced_and_permissions_stay() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.conf");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        replace_file(&path, b"new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_is_made_where_there_was_none() {
        let dir = tempfile::tempdir().unwrap();
        replace_file(&dir.path().join("b.conf"), b"x").unwrap();
        assert_eq!(fs::read_to_string(dir.path().join("b.conf")).unwrap(), "x");
    }

    #[test]
    fn a_failure_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("taken")).unwrap();
        assert!(replace_file(&dir.path().join("taken"), b"x").is_err());
        assert!(replace_file(&dir.path().join("none/x"), b"x").is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
