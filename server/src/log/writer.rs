//! Where lines end up, and the thread that takes them there.
//!
//! ```text
//! core ─┐
//! core ─┼─> bounded queue ──> writer thread ──> open, write, close
//! core ─┘   (full: count and drop)
//! ```
//!
//! The file is opened anew for each batch of lines, as Redis opens it for each line: a file that was
//! moved or removed by a log rotation is simply made again. A batch is one write.

use super::line::Line;
use crate::config::choices::{LogLevel, SyslogFacility};
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use jiff::tz::TimeZone;
use parking_lot::Mutex;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Lines that may wait for the writer. At the longest line that is some 16 MiB.
const QUEUE_LINES: usize = 16 * 1024;
/// Lines that are written together.
const BATCH_LINES: usize = 512;
/// How long [`flush`] waits for a log that cannot be written.
const FLUSH_PATIENCE: Duration = Duration::from_secs(2);

static TARGET: Mutex<Target> = Mutex::new(Target { file: None, syslog: None });
static QUEUE: OnceLock<Sender<Message>> = OnceLock::new();
static LOST: Lost = Lost { total: AtomicU64::new(0), unreported: AtomicU64::new(0) };

/// How many lines found the queue full.
struct Lost {
    total: AtomicU64,
    /// Since the last line that said so.
    unreported: AtomicU64,
}

enum Message {
    Line(Line),
    /// Answered when all that was queued before is written.
    Flush(Sender<()>),
}

/// Where lines are written.
pub struct Target {
    /// None is standard output.
    pub file: Option<PathBuf>,
    pub syslog: Option<Syslog>,
}

/// Under what lines are filed with syslog.
pub struct Syslog {
    pub ident: String,
    pub facility: SyslogFacility,
}

pub fn set_target(target: Target) {
    let mut current = TARGET.lock();
    if let Some(syslog) = &target.syslog {
        syslog::open(syslog);
    }
    *current = target;
}

pub fn file() -> Option<PathBuf> {
    TARGET.lock().file.clone()
}

/// Lines that were dropped since the start because the log could not be written fast enough.
#[must_use]
pub fn dropped() -> u64 {
    LOST.total.load(Ordering::Relaxed)
}

/// Starts the thread that writes; from now on logging never waits. To be called once the process
/// will not fork any more, since threads do not survive a fork.
///
/// # Errors
/// If no thread can be made; lines are then still written at once.
pub fn start_writer() -> io::Result<()> {
    let (sender, receiver) = bounded(QUEUE_LINES);
    std::thread::Builder::new().name("percore-log".into()).spawn(move || run(&receiver))?;
    let _ = QUEUE.set(sender);
    Ok(())
}

/// Waits until what was logged before is written; a while at most, should the log be stuck.
pub fn flush() {
    let Some(queue) = QUEUE.get() else { return };
    let (done, wait) = bounded(1);
    if queue.send_timeout(Message::Flush(done), FLUSH_PATIENCE).is_ok() {
        let _ = wait.recv_timeout(FLUSH_PATIENCE);
    }
}

pub fn submit(line: Line) {
    match QUEUE.get() {
        None => write(&[line]),
        Some(queue) => offer(queue, line, &LOST),
    }
}

fn offer(queue: &Sender<Message>, line: Line, lost: &Lost) {
    if let Err(TrySendError::Full(_)) = queue.try_send(Message::Line(line)) {
        lost.total.fetch_add(1, Ordering::Relaxed);
        lost.unreported.fetch_add(1, Ordering::Relaxed);
    }
}

fn run(queue: &Receiver<Message>) {
    while let Ok(first) = queue.recv() {
        write_batch(first, queue, &LOST, write);
    }
}

/// Writes the message and what has queued behind it.
fn write_batch(first: Message, queue: &Receiver<Message>, lost: &Lost, write: impl Fn(&[Line])) {
    let mut lines = Vec::new();
    let mut flushed = Vec::new();
    for message in std::iter::once(first).chain(queue.try_iter()).take(BATCH_LINES) {
        match message {
            Message::Line(line) => lines.push(line),
            Message::Flush(done) => flushed.push(done),
        }
    }
    let lost = lost.unreported.swap(0, Ordering::Relaxed);
    if lost > 0 {
        let text = format_args!("{lost} log lines were dropped: the log could not be written fast enough");
        lines.push(Line::new(LogLevel::Warning, super::ROLE.load(Ordering::Relaxed), text));
    }
    write(&lines);
    for done in flushed {
        let _ = done.send(());
    }
}

/// Writes lines where the target says. A log that cannot be written has nowhere to say so.
fn write(lines: &[Line]) {
    if lines.is_empty() {
        return;
    }
    let target = TARGET.lock();
    let mut text = String::new();
    let zone = TimeZone::system();
    for line in lines {
        line.push_to(&mut text, std::process::id(), &zone);
    }
    let _ = match &target.file {
        None => write_stdout(&text),
        Some(path) => append(path, &text),
    };
    if target.syslog.is_some() {
        lines.iter().for_each(syslog::write);
    }
}

fn write_stdout(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

fn append(path: &PathBuf, text: &str) -> io::Result<()> {
    OpenOptions::new().append(true).create(true).open(path)?.write_all(text.as_bytes())
}

/// The C library's syslog: it finds the socket, and reconnects when the daemon restarts.
mod syslog {
    #![allow(unsafe_code)] // Calls into the C library, with strings that outlive the call.

    use super::{Line, LogLevel, Syslog, SyslogFacility};
    use std::ffi::CString;

    pub fn open(syslog: &Syslog) {
        let Ok(ident) = CString::new(syslog.ident.as_str()) else { return };
        let facility = match syslog.facility {
            SyslogFacility::User => libc::LOG_USER,
            SyslogFacility::Local0 => libc::LOG_LOCAL0,
            SyslogFacility::Local1 => libc::LOG_LOCAL1,
            SyslogFacility::Local2 => libc::LOG_LOCAL2,
            SyslogFacility::Local3 => libc::LOG_LOCAL3,
            SyslogFacility::Local4 => libc::LOG_LOCAL4,
            SyslogFacility::Local5 => libc::LOG_LOCAL5,
            SyslogFacility::Local6 => libc::LOG_LOCAL6,
            SyslogFacility::Local7 => libc::LOG_LOCAL7,
        };
        // SAFETY: openlog keeps the pointer, so the string is leaked; it is opened once a start.
        unsafe {
            libc::openlog(ident.into_raw(), libc::LOG_PID | libc::LOG_NDELAY | libc::LOG_NOWAIT, facility)
        };
    }

    pub fn write(line: &Line) {
        let priority = match line.level {
            LogLevel::Debug => libc::LOG_DEBUG,
            LogLevel::Verbose => libc::LOG_INFO,
            LogLevel::Notice => libc::LOG_NOTICE,
            LogLevel::Warning | LogLevel::Nothing => libc::LOG_WARNING,
        };
        let Ok(text) = CString::new(line.text.replace('\0', " ")) else { return };
        // SAFETY: both are NUL-terminated strings that live through the call, and the format takes one.
        unsafe { libc::syslog(priority, c"%s".as_ptr(), text.as_ptr()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    fn lost() -> Lost {
        Lost { total: AtomicU64::new(0), unreported: AtomicU64::new(0) }
    }

    fn line(text: &str) -> Message {
        Message::Line(Line::raw(text))
    }

    #[test]
    fn a_batch_is_what_has_queued_and_a_flush_is_answered_after_it() {
        let (sender, queue) = bounded(8);
        let (done, wait) = bounded(1);
        for message in [line("b"), line("c"), Message::Flush(done)] {
            assert!(sender.send(message).is_ok());
        }
        let written = RefCell::new(Vec::new());
        write_batch(line("a"), &queue, &lost(), |lines| {
            assert!(wait.try_recv().is_err(), "answered before it was written");
            written.borrow_mut().extend(lines.iter().map(|l| l.text.clone()));
        });
        assert_eq!(written.borrow()[..3], ["a", "b", "c"]);
        assert!(wait.try_recv().is_ok());
    }

    #[test]
    fn lines_that_do_not_fit_are_counted_and_reported() {
        let (sender, queue) = bounded(1);
        let lost = lost();
        for text in ["kept", "lost", "lost"] {
            offer(&sender, Line::raw(text), &lost);
        }
        assert_eq!(lost.total.load(Ordering::Relaxed), 2);
        let written = RefCell::new(String::new());
        write_batch(queue.recv().unwrap(), &queue, &lost, |lines| {
            written.borrow_mut().extend(lines.iter().map(|l| l.text.as_str()));
        });
        assert_eq!(
            *written.borrow(),
            "kept2 log lines were dropped: the log could not be written fast enough"
        );
    }

    #[test]
    fn a_file_that_was_moved_is_made_again() {
        let dir = tempfile::tempdir().unwrap();
        let (path, moved) = (dir.path().join("log"), dir.path().join("log.1"));
        append(&path, "one\n").unwrap();
        append(&path, "two\n").unwrap();
        std::fs::rename(&path, &moved).unwrap();
        append(&path, "three\n").unwrap();
        assert_eq!(std::fs::read_to_string(&moved).unwrap(), "one\ntwo\n");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "three\n");
    }
}
