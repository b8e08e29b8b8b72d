//! The log, in Redis's form, so that whatever watches a Redis log understands it:
//!
//! ```text
//! 4242:M 20 Nov 2026 10:00:24.123 * Ready to accept connections tcp
//! │    │ │                        │
//! pid  │ local time               level: . debug  - verbose  * notice  # warning
//!      role: C until the server is up, then M (primary) or S (replica)
//! ```
//!
//! A core must not wait for a disk or a slow pipe, so a line is only formatted and queued where it
//! is logged; a thread of its own writes it ([`writer`]). The queue is bounded: lines that do not
//! fit are counted and dropped, and a line says how many, as soon as there is room. Until
//! [`start_writer`] (before the process may have threads) lines are written at once.
//!
//! The log is the one piece of state that belongs to the process and not to a server: crash
//! handlers and panics must find it, whatever thread they happen on.

pub mod banner;
mod line;
mod writer;

use crate::config::Settings;
use crate::config::choices::LogLevel;
use line::Line;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU8, Ordering};
pub use writer::{dropped, flush, start_writer};

/// The longest line, in bytes, without what precedes the text.
pub const TEXT_MAX: usize = 1024;

static LEVEL: AtomicU8 = AtomicU8::new(LogLevel::Notice as u8);
static ROLE: AtomicU8 = AtomicU8::new(b'C');

/// Sends the log where the settings say.
pub fn configure(settings: &Settings) {
    set_level(settings.loglevel);
    writer::set_target(writer::Target {
        file: settings.logfile.clone(),
        syslog: settings.syslog_enabled.then(|| writer::Syslog {
            ident: settings.syslog_ident.clone(),
            facility: settings.syslog_facility,
        }),
    });
}

/// The least urgent lines to write from now on.
pub fn set_level(level: LogLevel) {
    LEVEL.store(level as u8, Ordering::Relaxed);
}

/// The letter after the process id: `M` for a primary, `S` for a replica.
pub fn set_role(role: char) {
    ROLE.store(u8::try_from(role).unwrap_or(b'M'), Ordering::Relaxed);
}

/// Whether lines of this level are written: to skip work that only serves a line.
#[must_use]
pub fn enabled(level: LogLevel) -> bool {
    level as u8 >= LEVEL.load(Ordering::Relaxed)
}

pub fn debug(text: fmt::Arguments) {
    log(LogLevel::Debug, text);
}

pub fn verbose(text: fmt::Arguments) {
    log(LogLevel::Verbose, text);
}

pub fn notice(text: fmt::Arguments) {
    log(LogLevel::Notice, text);
}

pub fn warning(text: fmt::Arguments) {
    log(LogLevel::Warning, text);
}

/// Logs at a level.
pub fn log(level: LogLevel, text: fmt::Arguments) {
    if enabled(level) && level != LogLevel::Nothing {
        writer::submit(Line::new(level, ROLE.load(Ordering::Relaxed), text));
    }
}

/// Logs text as it is, of any length, if notices are logged.
pub fn raw(text: &str) {
    if enabled(LogLevel::Notice) {
        writer::submit(Line::raw(text));
    }
}

/// Logs a last warning and ends the process with code 1.
pub fn die(text: fmt::Arguments) -> ! {
    warning(text);
    flush();
    std::process::exit(1);
}

/// The file that lines go to; None is standard output.
#[must_use]
pub fn file() -> Option<PathBuf> {
    writer::file()
}
