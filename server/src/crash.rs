//! What is written when the process crashes: by a fatal signal, or by a panic.
//!
//! The report starts with the words that tools look for in a Redis log, so these words appear
//! nowhere else. In a signal handler hardly anything is allowed: no allocation, no locks, none of
//! the log's queue. What it needs (the log's path) is prepared by [`install`], and it only calls
//! `open`, `write` and `raise`. The handler then gives the signal its default action and raises it
//! again, so that the process ends as it would have, core file and exit status included.

#![allow(unsafe_code)] // Handlers of fatal signals are installed with sigaction and run on any thread.

use crate::log;
use std::ffi::{CString, c_int, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

const START: &[u8] = b"\n\n=== PERCORE BUG REPORT START: Cut & paste starting from here ===\n";
const END: &[u8] = b"\n=== PERCORE BUG REPORT END. Make sure to include from START to END. ===\n\n";
const FATAL: [c_int; 5] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGABRT];

/// The path of the log, NUL-terminated and never freed; null is standard output.
static LOG_PATH: AtomicPtr<libc::c_char> = AtomicPtr::new(ptr::null_mut());
/// A report has been started: an abort that follows a panic does not start another.
static REPORTED: AtomicBool = AtomicBool::new(false);

/// Reports crashes to this log file (None: standard output) from now on.
pub fn install(log_file: Option<&Path>) {
    if let Some(path) = log_file.and_then(|path| CString::new(path.as_os_str().as_bytes()).ok()) {
        LOG_PATH.store(path.into_raw(), Ordering::Release);
    }
    for signal in FATAL {
        set_action(signal, Action::Report);
    }
}

/// Reports no more crashes: `crash-log-enabled no`.
pub fn uninstall() {
    for signal in FATAL {
        set_action(signal, Action::Default);
    }
}

/// Puts panics into the log as crashes are, ahead of the runtime's own message on standard error.
pub fn report_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !REPORTED.swap(true, Ordering::SeqCst) {
            log::raw(&String::from_utf8_lossy(START));
            let thread = std::thread::current();
            let name = thread.name().unwrap_or("unnamed").to_owned();
            log::warning(format_args!(
                "Percore {} panicked on thread {name}: {panic}",
                crate::version::PERCORE
            ));
            log::raw(&String::from_utf8_lossy(END));
            log::flush();
        }
        usual(panic);
    }));
}

enum Action {
    Report,
    Default,
}

fn set_action(signal: c_int, action: Action) {
    // SAFETY: an all-zero sigaction is a valid one.
    let mut how: libc::sigaction = unsafe { std::mem::zeroed() };
    match action {
        Action::Report => {
            how.sa_sigaction = on_fatal_signal as *const () as usize;
            // On the alternate stack that the runtime gives each thread: the stack may have overflowed.
            how.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
        }
        Action::Default => how.sa_sigaction = libc::SIG_DFL,
    }
    // SAFETY: `how` is initialized, and its handler only calls async-signal-safe functions.
    unsafe { libc::sigaction(signal, &how, ptr::null_mut()) };
}

extern "C" fn on_fatal_signal(signal: c_int, info: *mut libc::siginfo_t, _: *mut c_void) {
    if !REPORTED.swap(true, Ordering::SeqCst) {
        let mut report = Report::default();
        report.push(START);
        report.push(b"Percore ");
        report.push(crate::version::PERCORE.as_bytes());
        report.push(b" crashed by signal: ");
        report.number(signal.unsigned_abs() as usize, 10);
        if signal == libc::SIGSEGV || signal == libc::SIGBUS {
            report.push(b"\nAccessing address: 0x");
            // SAFETY: the kernel passes a valid siginfo_t, which for these signals holds an address.
            report.number(unsafe { (*info).si_addr() } as usize, 16);
        }
        report.push(END);
        report.write();
    }
    set_action(signal, Action::Default);
    // SAFETY: raise is async-signal-safe.
    unsafe { libc::raise(signal) };
}

/// Text gathered on the stack, as a handler must.
struct Report {
    bytes: [u8; 512],
    len: usize,
}

impl Default for Report {
    fn default() -> Self {
        Self { bytes: [0; 512], len: 0 }
    }
}

impl Report {
    fn push(&mut self, text: &[u8]) {
        for byte in text.iter().take(self.bytes.len() - self.len) {
            self.bytes[self.len] = *byte;
            self.len += 1;
        }
    }

    fn number(&mut self, mut n: usize, base: usize) {
        let mut digits = [0; 20];
        let mut at = digits.len();
        loop {
            at -= 1;
            digits[at] = b"0123456789abcdef"[n % base];
            n /= base;
            if n == 0 {
                break;
            }
        }
        self.push(&digits[at..]);
    }

    /// Writes to the log, or to standard output.
    fn write(&self) {
        let path = LOG_PATH.load(Ordering::Acquire);
        let flags = libc::O_WRONLY | libc::O_APPEND | libc::O_CREAT | libc::O_CLOEXEC;
        let fd = if path.is_null() {
            libc::STDOUT_FILENO
        } else {
            // SAFETY: the path is a NUL-terminated string that is never freed.
            unsafe { libc::open(path, flags, 0o644) }
        };
        // SAFETY: the bytes are initialized and outlive the call; a bad descriptor only makes it fail.
        unsafe { libc::write(fd, self.bytes.as_ptr().cast(), self.len) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_gathered_without_allocation_and_cut_at_its_end() {
        let mut report = Report::default();
        report.push(b"x=");
        report.number(0, 10);
        report.number(0xbeef, 16);
        report.number(usize::MAX, 10);
        assert_eq!(&report.bytes[..report.len], b"x=0beef18446744073709551615");
        report.push(&[b'y'; 1000]);
        assert_eq!(report.len, report.bytes.len());
    }
}
