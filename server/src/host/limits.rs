//! Limits that the kernel sets on the process: open files, and locked memory.

use crate::config::os_reason;
use crate::log;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Open files besides those of clients: listeners, files of data, the log, rings and wake-ups.
pub const RESERVED_FILES: u64 = 32;

/// What became of the limit on open files.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum OpenFiles {
    /// It was high enough.
    Enough,
    Raised {
        from: u64,
        to: u64,
    },
    /// It could not be raised all the way; this many clients fit.
    TooFew {
        limit: u64,
        maxclients: u32,
        reason: String,
    },
    /// Not even one client fits.
    None {
        limit: u64,
    },
}

/// Raises the limit on open files to what `maxclients` needs, with `set` to do it; what cannot be
/// reached is replaced by the hard limit.
pub fn plan_open_files(
    maxclients: u32,
    (soft, hard): (u64, u64),
    mut set: impl FnMut(u64) -> Result<(), String>,
) -> OpenFiles {
    let wanted = u64::from(maxclients) + RESERVED_FILES;
    if soft >= wanted {
        return OpenFiles::Enough;
    }
    let Err(reason) = set(wanted) else { return OpenFiles::Raised { from: soft, to: wanted } };
    let reachable = hard.min(wanted);
    let limit = if reachable > soft && set(reachable).is_ok() { reachable } else { soft };
    match limit.checked_sub(RESERVED_FILES) {
        None | Some(0) => OpenFiles::None { limit },
        Some(clients) => OpenFiles::TooFew { limit, maxclients: clients as u32, reason },
    }
}

/// Raises the limit on open files for so many clients, and logs what Redis logs. Returns the
/// number of clients that fit, `maxclients` at most.
///
/// # Errors
/// The line to end the start with: not even one client fits.
pub fn raise_open_files(maxclients: u32) -> Result<u32, String> {
    let current = getrlimit(Resource::Nofile);
    let bounds = (current.current.unwrap_or(u64::MAX), current.maximum.unwrap_or(u64::MAX));
    let outcome = plan_open_files(maxclients, bounds, |files| {
        let maximum = Some(bounds.1.max(files));
        let limit = Rlimit { current: Some(files), maximum };
        setrlimit(Resource::Nofile, limit).map_err(|errno| os_reason(&errno.into()))
    });
    let wanted = u64::from(maxclients) + RESERVED_FILES;
    match outcome {
        OpenFiles::Enough => Ok(maxclients),
        OpenFiles::Raised { from, to } => {
            log::notice(format_args!(
                "Increased maximum number of open files to {to} (it was originally set to {from})."
            ));
            Ok(maxclients)
        }
        OpenFiles::TooFew { limit, maxclients: fits, reason } => {
            log::warning(format_args!(
                "You requested maxclients of {maxclients} requiring at least {wanted} max file descriptors."
            ));
            log::warning(format_args!(
                "Server can't set maximum open files to {wanted} because of OS error: {reason}."
            ));
            log::warning(format_args!(
                "Current maximum open files is {limit}. maxclients has been reduced to {fits} to compensate \
                 for low ulimit. If you need higher maxclients increase 'ulimit -n'."
            ));
            Ok(fits)
        }
        OpenFiles::None { limit } => Err(format!(
            "Your current 'ulimit -n' of {limit} is not enough for the server to start. \
             Please increase your open file limit to at least {wanted}. Exiting."
        )),
    }
}

/// The reason for CONFIG SET maxclients to be refused when only so many fit.
#[must_use]
pub fn too_many_clients(fits: u32) -> String {
    format!("The operating system is not able to handle the specified number of clients, try with {fits}")
}

/// Raises the limit on locked memory as far as it goes, and says in a line what is missing if the
/// rings need more. The superuser has no such limit; kernels since 5.12 charge rings elsewhere, so
/// this is worth a line only when making a ring has failed for want of memory.
#[must_use]
pub fn locked_memory_shortage(needed_bytes: u64) -> Option<String> {
    let limit = getrlimit(Resource::Memlock);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let current = match setrlimit(Resource::Memlock, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    let unlimited = rustix::process::geteuid().is_root();
    shortage(needed_bytes, current.filter(|_| !unlimited))
}

fn shortage(needed_bytes: u64, limit: Option<u64>) -> Option<String> {
    let limit = limit.filter(|limit| *limit < needed_bytes)?;
    Some(format!(
        "The limit on locked memory ({} kB) is too low for io_uring, which needs {} kB. \
         Raise it ('ulimit -l', LimitMEMLOCK= of a systemd unit) or start with --io epoll.",
        limit / 1024,
        needed_bytes.div_ceil(1024)
    ))
}

#[cfg(test)]
mod tests {
    use super::OpenFiles::TooFew;
    use super::*;

    #[test]
    fn a_high_limit_is_left_alone() {
        assert_eq!(plan_open_files(100, (132, 132), |_| unreachable!()), OpenFiles::Enough);
    }

    #[test]
    fn a_low_limit_is_raised() {
        let outcome = plan_open_files(10000, (1024, 4096), |files| {
            assert_eq!(files, 10032);
            Ok(())
        });
        assert_eq!(outcome, OpenFiles::Raised { from: 1024, to: 10032 });
    }

    #[test]
    fn clients_are_cut_to_the_hard_limit() {
        let set = |files| if files > 4096 { Err("Operation not permitted".into()) } else { Ok(()) };
        let TooFew { limit, maxclients, .. } = plan_open_files(10000, (1024, 4096), set) else { panic!() };
        assert_eq!((limit, maxclients), (4096, 4064));
        let TooFew { limit, maxclients, .. } = plan_open_files(10000, (1024, 1024), set) else { panic!() };
        assert_eq!((limit, maxclients), (1024, 992));
    }
    #[test]
    fn too_low_for_a_single_client() {
        let refuse = |_| Err(String::new());
        assert_eq!(plan_open_files(10, (32, 32), refuse), OpenFiles::None { limit: 32 });
        assert_eq!(plan_open_files(10, (5, 5), refuse), OpenFiles::None { limit: 5 });
    }

    #[test]
    fn locked_memory() {
        assert_eq!(shortage(100, None), None);
        assert_eq!(shortage(100, Some(100)), None);
        let line = shortage(1 << 20, Some(65536)).unwrap();
        assert!(line.contains("(64 kB)") && line.contains("1024 kB") && line.contains("--io epoll"));
    }
}
