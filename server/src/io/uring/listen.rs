//! Listeners on the ring: multishot accept.
//!
//! When accept fails for want of descriptors or memory, the connection stays in the backlog and
//! a listener armed at once would fail at once, for as long as it lasts: a busy loop. So
//! it rests for a tenth of a second, by a timeout in the ring.

use super::UringIo;
use super::op::{Kind, accepted, user_data};
use super::ring::Completion;
use crate::io::{Sink, Socket};
use std::os::fd::{AsRawFd, OwnedFd};

/// Where the accept of a listener stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Accepting {
    Armed,
    Paused,
}

pub(super) struct Listener {
    /// The core's name for it.
    index: usize,
    fd: OwnedFd,
    accepting: Accepting,
    closing: bool,
}

impl UringIo {
    /// Starts to accept.
    pub(super) fn listen(&mut self, index: usize, fd: OwnedFd) {
        let place = self.listeners.len();
        self.listeners.push(Some(Listener { index, fd, accepting: Accepting::Paused, closing: false }));
        self.arm_accept(place);
    }

    fn arm_accept(&mut self, place: usize) {
        if let Some(Some(listener)) = self.listeners.get_mut(place) {
            listener.accepting = Accepting::Armed;
            self.outstanding += 1;
            self.ring.accept(listener.fd.as_raw_fd(), user_data(Kind::Accept, place as u64));
        }
    }

    pub(super) fn on_accept<S: Sink>(&mut self, place: usize, done: Completion, sink: &mut S) {
        let last = !done.more();
        if last {
            self.outstanding -= 1;
        }
        let socket = accepted(&done);
        let Some(Some(listener)) = self.listeners.get(place) else { return };
        let (index, closing) = (listener.index, listener.closing);
        let mut pause = false;
        match (socket, -done.result) {
            (Some(_), _) if closing => {} // Dropped: nobody serves it any more.
            (Some(socket), _) => sink.accepted(index, Socket::Fd(socket)),
            (None, libc::ECONNABORTED | libc::EINTR | libc::EAGAIN | libc::ECANCELED) => {}
            (None, errno) => {
                pause = true;
                if !closing {
                    sink.accept_failed(index, errno);
                }
            }
        }
        match (last, closing, pause) {
            (false, ..) => {}
            (true, true, _) => self.listeners[place] = None,
            (true, false, false) => self.arm_accept(place),
            (true, false, true) => self.pause_accept(place),
        }
    }

    fn pause_accept(&mut self, place: usize) {
        if let Some(Some(listener)) = self.listeners.get_mut(place) {
            listener.accepting = Accepting::Paused;
            self.outstanding += 1;
            self.ring.pause(user_data(Kind::Resume, place as u64));
        }
    }

    pub(super) fn on_resume(&mut self, place: usize) {
        self.outstanding -= 1;
        self.arm_accept(place);
    }

    /// Stops those of these indexes; a listener's descriptor is closed when its accept has ended.
    pub(super) fn unlisten(&mut self, which: impl Fn(usize) -> bool) {
        for (place, entry) in self.listeners.iter_mut().enumerate() {
            let Some(listener) = entry.as_mut().filter(|l| which(l.index)) else { continue };
            if listener.accepting == Accepting::Armed {
                listener.closing = true;
                self.ring.cancel(user_data(Kind::Accept, place as u64));
            } else {
                *entry = None; // Its timeout finds nobody.
            }
        }
    }
}
