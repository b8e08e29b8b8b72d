//! The TCP sockets that are listened on, and exchanging them while the server runs (CONFIG SET
//! `port` and `bind`).
//!
//! One core accepts ([`crate::core::accept`]), but any core may run CONFIG SET. So the descriptors
//! are kept here a second time: whoever changes the addresses does it with these, all at once, and
//! sends the accepting core the difference ([`Change`]), which may arrive later. Until it does,
//! clients of the new sockets wait in the kernel's backlog and those of the old ones are refused:
//! nobody can tell.
//!
//! ```text
//!   other port:  bind new ──────────────> shut old down ──> send the change
//!   same port:   shut old down ─> bind new ──────────────> send the change
//!                                  └─ fails: listen on the old again
//! ```
//!
//! With the same port the old sockets must go first, since `*` and `127.0.0.1` exclude each other.
//! A listener that is shut down keeps its port, so that going back to it cannot fail for want of it.

use crate::config::{Settings, os_reason};
use crate::listen::{Listener, listen_tcp};
use crate::log;
use rustix::net::{Shutdown, listen, shutdown};
use std::io;
use std::os::fd::OwnedFd;

/// What the accepting core is to do.
#[derive(Debug, Default)]
pub struct Change {
    /// Listeners to close, by index.
    pub closed: Vec<usize>,
    pub opened: Vec<(usize, OwnedFd)>,
}

/// The TCP listeners.
#[derive(Debug, Default)]
pub struct Listening {
    port: u16,
    next_index: usize,
    open: Vec<(usize, OwnedFd)>,
}

impl Listening {
    /// Notes what the server has started with; the accepting core has each listener under its place
    /// in the list.
    ///
    /// # Errors
    /// The kernel's, when there are no descriptors left.
    pub fn begin(&mut self, listeners: &[Listener], port: u16) -> io::Result<()> {
        self.port = port;
        self.next_index = listeners.len();
        for (index, listener) in listeners.iter().enumerate().filter(|(_, l)| l.kind == "tcp") {
            self.open.push((index, listener.fd.try_clone()?));
        }
        Ok(())
    }

    /// Listens on what the settings name, and on nothing else.
    ///
    /// # Errors
    /// The kernel's (logged already); then everything is as it was.
    pub fn change(&mut self, settings: &Settings) -> io::Result<Change> {
        let same_port = settings.port == self.port;
        if same_port {
            self.shut_down();
        }
        let opened = listen_tcp(settings).and_then(|new| self.numbered(new));
        let (kept, opened) = match opened {
            Ok(opened) => opened,
            Err(e) => {
                if same_port {
                    self.listen_again(settings.tcp_backlog);
                }
                return Err(e);
            }
        };
        if !same_port {
            self.shut_down();
        }
        let closed = std::mem::replace(&mut self.open, kept).into_iter().map(|(index, _)| index).collect();
        self.port = settings.port;
        self.next_index += self.open.len();
        Ok(Change { closed, opened })
    }

    /// Gives new listeners their indexes: descriptors to keep, and to send.
    #[allow(clippy::type_complexity, reason = "two lists of the same kind, taken apart at once")]
    fn numbered(&self, new: Vec<Listener>) -> io::Result<(Vec<(usize, OwnedFd)>, Vec<(usize, OwnedFd)>)> {
        let (mut kept, mut sent) = (Vec::new(), Vec::new());
        for (index, listener) in (self.next_index..).zip(new) {
            kept.push((index, listener.fd.try_clone()?));
            sent.push((index, listener.fd));
        }
        Ok((kept, sent))
    }

    /// Stops listening at once, whoever else holds the sockets.
    fn shut_down(&self) {
        for (_, fd) in &self.open {
            let _ = shutdown(fd, Shutdown::Both); // a socket that does not listen refuses, and is right
        }
    }

    fn listen_again(&self, backlog: i32) {
        for (_, fd) in &self.open {
            if let Err(e) = listen(fd, backlog) {
                let why = os_reason(&e.into());
                log::warning(format_args!("Can't listen again where the server listened before: {why}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;
    use std::net::{TcpListener, TcpStream};

    fn settings(bind: &[&str], port: u16) -> Settings {
        let bind = bind.iter().map(ToString::to_string).collect();
        Settings { bind, port, ..Settings::default() }
    }

    fn free_port() -> u16 {
        TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
    }

    /// Listening on loopback; the accepting core's own descriptors come with it.
    fn start(port: u16) -> (Listening, Vec<Listener>) {
        let listeners = listen_tcp(&settings(&["127.0.0.1"], port)).unwrap();
        let mut listening = Listening::default();
        listening.begin(&listeners, port).unwrap();
        (listening, listeners)
    }

    fn connects(port: u16) -> bool {
        TcpStream::connect(("127.0.0.1", port)).is_ok()
    }

    #[test]
    fn another_port_takes_over_at_once() {
        let (from, to) = (free_port(), free_port());
        let (mut listening, _core) = start(from);
        let change = listening.change(&settings(&["127.0.0.1"], to)).unwrap();
        assert_eq!((change.closed, change.opened[0].0), (vec![0], 1));
        assert!(connects(to) && !connects(from), "the core that holds the old socket has not looked yet");
        let change = listening.change(&settings(&["127.0.0.1"], 0)).unwrap();
        assert_eq!((change.closed, change.opened.len()), (vec![1], 0));
        assert!(!connects(to));
    }

    #[test]
    fn addresses_that_exclude_each_other_are_exchanged() {
        let port = free_port();
        let (mut listening, _core) = start(port);
        let change = listening.change(&settings(&["*"], port)).unwrap();
        assert!(connects(port));
        assert_eq!(change.closed, [0]);
        listening.change(&settings(&["127.0.0.1", "127.0.0.2"], port)).unwrap();
        assert!(connects(port));
    }

    #[test]
    fn what_fails_changes_nothing() {
        let port = free_port();
        let (mut listening, core) = start(port);
        let busy = TcpListener::bind("127.0.0.1:0").unwrap();
        let other = busy.local_addr().unwrap().port();
        assert!(listening.change(&settings(&["127.0.0.1"], other)).is_err());
        assert!(connects(port));
        assert!(listening.change(&settings(&["127.0.0.1", "192.0.2.1"], port)).is_err());
        assert!(connects(port), "the old socket listens again");
        assert_eq!(listening.open[0].0, 0);
        drop((listening, core));
        assert!(!connects(port));
    }
}
