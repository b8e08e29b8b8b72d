//! Fragments become `dump.rdb`. Runs on a thread of its own, with blocking calls.

use super::{Save, shown};
use crate::shared::Shared;
use crate::{allocator, version};
use persist::rdb::file::{Fragment, Head};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// Bytes copied by one call.
const COPY_MAX: u64 = 64 << 20;

pub(super) fn unix_seconds() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs() as i64)
}

/// Makes one file of all fragments and puts it in its place. After an error nothing of it is left.
pub(super) fn merge(save: &Save, fragments: &[Fragment], shared: &Shared) -> Result<(), String> {
    let (temporary, target) = (save.merged_path(), save.final_path());
    let made = write(save, fragments, shared, &temporary).and_then(|()| {
        std::fs::rename(&temporary, &target).map_err(|e| {
            format!(
                "Error moving temp DB file {} on the final destination {}: {}",
                shown(&temporary),
                shown(&target),
                reason(&e)
            )
        })
    });
    if made.is_err() {
        let _ = std::fs::remove_file(&temporary); // it may not be there
        return made;
    }
    let sync = File::open(&save.dir).and_then(|dir| dir.sync_all());
    sync.map_err(|e| format!("Syncing the directory of {}: {}", shown(&target), reason(&e)))
}

fn write(save: &Save, fragments: &[Fragment], shared: &Shared, to: &Path) -> Result<(), String> {
    let told = |what: &str, path: &Path, e: &io::Error| format!("{what} {}: {}", shown(path), reason(e));
    let mut about = Head::new(save.target, version::REDIS, save.cut_ms / 1000, allocator::used(), false);
    about.checksum = save.checksum;
    about.compress = save.compress;
    about.functions = shared.functions.lock().iter().map(|source| source.to_vec()).collect();
    let plan = persist::rdb::file::merge(&about, fragments);
    let open = OpenOptions::new().write(true).create(true).truncate(true).open(to);
    let mut file = open.map_err(|e| told("Failed opening the temp RDB file", to, &e))?;
    let failed = |e: io::Error| told("Write error saving DB on disk:", to, &e);
    file.write_all(&plan.head).map_err(failed)?;
    for placed in &plan.placed {
        let path = save.fragment_path(placed.fragment);
        let fragment = File::open(&path).map_err(|e| told("Can't read the fragment", &path, &e))?;
        copy(&fragment, &mut file, placed.len).map_err(failed)?;
    }
    file.write_all(&plan.tail).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    Ok(())
}

/// Appends `len` bytes of `from` to `to`: in the kernel, sharing blocks where the file system can.
fn copy(from: &File, to: &mut File, len: u64) -> io::Result<()> {
    let mut at = 0;
    while at < len {
        let step = (len - at).min(COPY_MAX) as usize;
        match rustix::fs::copy_file_range(from, Some(&mut at), &*to, None, step) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => {}
            Err(e)
                if at == 0
                    && matches!(
                        e,
                        rustix::io::Errno::XDEV
                            | rustix::io::Errno::NOSYS
                            | rustix::io::Errno::INVAL
                            | rustix::io::Errno::OPNOTSUPP
                    ) =>
            {
                let copied = io::copy(&mut io::Read::take(from, len), to)?;
                return if copied == len { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
            }
            Err(e) => return Err(e.into()),
        }
    }
    Ok(())
}

fn reason(e: &io::Error) -> String {
    crate::config::os_reason(e)
}
