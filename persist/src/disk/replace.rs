//! Replacing a whole file so that a crash at any point leaves the old content or the new one.
//!
//! ```text
//!   write temp-x   the new bytes under another name: the old file is not touched
//!   sync temp-x    or the rename could reach the disk before the bytes do: an empty file
//!   rename         one step: whoever opens `x` finds the old file or the new one
//!   sync dir       or the rename could be undone after success was reported
//! ```
//! The tests leave out each step in turn and show what then goes wrong.

use super::{Access, Disk, DiskError};
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// Puts `bytes` in place of the file `name` in `dir`, or creates it; durable when it returns.
/// The temporary name is `temp-` and `name`: one left over by a crash is overwritten.
///
/// # Errors
/// Of any step. The old file is then in place, or, if syncing the directory is what failed, the
/// new one is but may be gone after a power loss.
pub fn atomic_replace<D: Disk + ?Sized>(
    disk: &mut D,
    dir: &Path,
    name: impl AsRef<OsStr>,
    bytes: &[u8],
) -> Result<(), DiskError> {
    let name = name.as_ref();
    let mut temp_name = OsString::from("temp-");
    temp_name.push(name);
    let temp = dir.join(temp_name);
    let replaced = write_synced(disk, &temp, bytes).and_then(|()| disk.rename(&temp, &dir.join(name)));
    if let Err(error) = replaced {
        // Best effort: the error to report is the first one, and a leftover does no harm.
        let _ = disk.remove(&temp);
        return Err(error);
    }
    disk.sync_dir(dir)
}

fn write_synced<D: Disk + ?Sized>(disk: &mut D, path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
    let file = disk.open(path, Access::Replace)?;
    let written = disk.write_at(file, 0, bytes).and_then(|()| disk.sync_data(file));
    let closed = disk.close(file);
    written.and(closed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::{ErrorKind, SimDisk};

    /// A save under test: the right one, and ones with a step left out.
    type Save = fn(&mut SimDisk, &[u8]) -> Result<(), DiskError>;

    fn right(disk: &mut SimDisk, bytes: &[u8]) -> Result<(), DiskError> {
        atomic_replace(disk, Path::new("/data"), "x", bytes)
    }

    fn without(step: &str, disk: &mut SimDisk, bytes: &[u8]) -> Result<(), DiskError> {
        let [temp, name] = if step == "temp" { ["/data/x"; 2] } else { ["/data/temp-x", "/data/x"] };
        let file = disk.open(Path::new(temp), Access::Replace)?;
        disk.write_at(file, 0, bytes)?;
        if step != "sync" {
            disk.sync_data(file)?;
        }
        disk.close(file)?;
        disk.rename(Path::new(temp), Path::new(name))?;
        if step != "sync_dir" {
            disk.sync_dir(Path::new("/data"))?;
        }
        Ok(())
    }

    fn old() -> Vec<u8> {
        b"old".repeat(500)
    }

    fn new() -> Vec<u8> {
        b"the new one".repeat(300)
    }

    fn prepared() -> SimDisk {
        let mut disk = SimDisk::new(1);
        disk.create_dir(Path::new("/data")).unwrap();
        disk.sync_dir(Path::new("/")).unwrap();
        right(&mut disk, &old()).unwrap();
        disk
    }

    /// Cuts the power at every call, under many seeds, and after the last one too. The first
    /// state found that is neither old nor new, or old although success was reported.
    fn first_harm(save: Save) -> Option<String> {
        let calls = {
            let mut disk = prepared();
            let before = disk.calls();
            save(&mut disk, &new()).unwrap();
            disk.calls() - before
        };
        for cut in 0..=calls {
            let mut disk = prepared();
            disk.cut_power_at(disk.calls() + cut);
            let saved = save(&mut disk, &new());
            assert_eq!(saved.is_ok(), cut == calls);
            for seed in 0..100 {
                let found = disk.after_power_loss(seed).read(Path::new("/data/x"));
                let fine = found == Ok(new()) || found == Ok(old()) && saved.is_err();
                if !fine {
                    return Some(format!("power cut at call {cut}, seed {seed}"));
                }
            }
        }
        None
    }

    #[test]
    fn a_power_loss_at_any_call_leaves_old_or_new() {
        assert_eq!(first_harm(right), None);
    }

    #[test]
    fn canary_every_step_left_out_is_found() {
        assert!(first_harm(|d, b| without("sync", d, b)).is_some());
        assert!(first_harm(|d, b| without("sync_dir", d, b)).is_some());
        assert!(first_harm(|d, b| without("temp", d, b)).is_some());
        assert_eq!(first_harm(|d, b| without("nothing", d, b)), None, "or the others prove nothing");
    }

    #[test]
    fn a_failure_of_any_call_leaves_old_or_new_and_is_reported() {
        for kind in [ErrorKind::NoSpace, ErrorKind::ReadOnly, ErrorKind::Io { errno: 5 }] {
            for call in 0..6 {
                let mut disk = prepared();
                disk.fail_call(disk.calls() + call, kind);
                let error = right(&mut disk, &new()).unwrap_err();
                assert_eq!(error.kind, kind);
                let found = disk.read(Path::new("/data/x")).unwrap();
                let renamed = error.action == "sync directory";
                assert_eq!(found, if renamed { new() } else { old() }, "{error}");
                assert_eq!(disk.list(Path::new("/data")).unwrap(), ["x"], "no leftover after {error}");
            }
        }
    }

    #[test]
    fn a_full_disk_keeps_the_old_file_and_gives_the_space_back() {
        let mut disk = prepared();
        disk.set_capacity(Some(4_000));
        let error = right(&mut disk, &new()).unwrap_err();
        assert_eq!(error.to_string(), "write /data/temp-x at offset 0: No space left on device");
        assert_eq!(disk.read(Path::new("/data/x")), Ok(old()));
        right(&mut disk, b"short").unwrap();
        assert_eq!(disk.read(Path::new("/data/x")).unwrap(), b"short");
    }

    #[test]
    fn a_leftover_of_a_crash_is_overwritten() {
        let mut disk = prepared();
        let temp = disk.open(Path::new("/data/temp-x"), Access::New).unwrap();
        disk.write_at(temp, 0, &[7; 9_000]).unwrap();
        right(&mut disk, &new()).unwrap();
        assert_eq!(disk.read(Path::new("/data/x")), Ok(new()));
    }
}
