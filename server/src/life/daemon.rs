//! Going into the background.

#![allow(unsafe_code)] // fork has no safe form.

use rustix::fs::{Mode, OFlags, open};
use std::io;

/// Leaves the terminal: the caller goes on in a child with a session of its own, and standard
/// input, output and error on /dev/null; the process that was started ends with code 0.
///
/// # Errors
/// If the process cannot be forked. To be called before there is any other thread, since only the
/// calling one survives.
pub fn daemonize() -> io::Result<()> {
    // SAFETY: there is one thread, so the child holds no lock that another thread had taken.
    match unsafe { libc::fork() } {
        -1 => return Err(io::Error::last_os_error()),
        0 => {}
        _ => std::process::exit(0),
    }
    rustix::process::setsid()?;
    let null = open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    rustix::stdio::dup2_stderr(&null)?;
    Ok(())
}
