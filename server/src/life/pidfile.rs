//! The file that holds the process id, for init scripts.

use crate::config::{Settings, os_reason};
use crate::log;
use std::path::{Path, PathBuf};

/// Where a daemon's PID file is if the settings do not say.
const DEFAULT: &str = "/var/run/percore.pid";

/// A PID file that was written, to be removed at the end.
#[derive(Debug)]
pub struct PidFile(PathBuf);

impl PidFile {
    /// Writes the file if the settings name one, or if the process is in the background. One that
    /// cannot be written is a warning.
    #[must_use]
    pub fn write(settings: &Settings, in_background: bool) -> Option<Self> {
        let path = match &settings.pidfile {
            Some(path) => path.clone(),
            None if in_background => DEFAULT.into(),
            None => return None,
        };
        match std::fs::write(&path, format!("{}\n", std::process::id())) {
            Ok(()) => Some(Self(path)),
            Err(error) => {
                log::warning(format_args!("Failed to write PID file: {}", os_reason(&error)));
                None
            }
        }
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Removes the file, at the end of an orderly shutdown.
    pub fn remove(self) {
        log::notice(format_args!("Removing the pid file."));
        let _ = std::fs::remove_file(self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_the_process_id_and_goes_away() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pid");
        let settings = Settings { pidfile: Some(path.clone()), ..Settings::default() };
        let file = PidFile::write(&settings, false).unwrap();
        assert_eq!(std::fs::read_to_string(file.path()).unwrap(), format!("{}\n", std::process::id()));
        file.remove();
        assert!(!path.exists());
    }

    #[test]
    fn none_is_written_unasked_or_where_it_cannot_be() {
        assert!(PidFile::write(&Settings::default(), false).is_none());
        let settings = Settings { pidfile: Some("/no/such/dir/pid".into()), ..Settings::default() };
        assert!(PidFile::write(&settings, false).is_none());
    }
}
