//! Listeners on epoll.

use super::{EpollIo, SPECIAL};
use crate::io::{Sink, Socket};
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::io::{Errno, ioctl_fionbio};
use rustix::net::{SocketFlags, accept_with};
use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// Connections accepted from one listener a turn.
const ACCEPTS_MAX: usize = 64;
/// How long a listener rests after accept failed for want of descriptors or memory.
const PAUSE: Duration = Duration::from_millis(100);

pub(super) struct Listener {
    /// The core's name for it.
    index: usize,
    fd: OwnedFd,
    /// Out of the set until then.
    paused: Option<Instant>,
}

impl EpollIo {
    pub(super) fn listen(&mut self, index: usize, fd: OwnedFd) -> io::Result<()> {
        ioctl_fionbio(&fd, true)?;
        let place = self.listeners.len();
        self.watch(place, &fd)?;
        self.listeners.push(Some(Listener { index, fd, paused: None }));
        Ok(())
    }

    fn watch(&self, place: usize, fd: &OwnedFd) -> io::Result<()> {
        let data = EventData::new_u64(SPECIAL | place as u64);
        Ok(epoll::add(&self.epoll, fd, data, EventFlags::IN | EventFlags::EXCLUSIVE)?)
    }

    /// Accepts what is there, up to a bound.
    pub(super) fn accept<S: Sink>(&mut self, place: usize, sink: &mut S) {
        let Some(Some(listener)) = self.listeners.get_mut(place) else { return };
        for _ in 0..ACCEPTS_MAX {
            // Non-blocking from birth, although every call says so too: the flag costs nothing here.
            match accept_with(&listener.fd, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
                Ok(fd) => sink.accepted(listener.index, Socket::Fd(fd)),
                Err(Errno::AGAIN) => return,
                Err(Errno::CONNABORTED | Errno::INTR) => {}
                Err(error) => {
                    sink.accept_failed(listener.index, error.raw_os_error());
                    if epoll::delete(&self.epoll, &listener.fd).is_ok() {
                        listener.paused = Some(Instant::now() + PAUSE);
                    }
                    return;
                }
            }
        }
    }

    /// Closes those of these indexes. They are taken out of the set first: a listener that another
    /// core or process shares stays open, and would report to us for ever.
    pub(super) fn unlisten(&mut self, which: impl Fn(usize) -> bool) {
        for place in &mut self.listeners {
            let Some(listener) = place.take_if(|l| which(l.index)) else { continue };
            if listener.paused.is_none() {
                // Fails only for a descriptor that is not in the set.
                let _ = epoll::delete(&self.epoll, &listener.fd);
            }
        }
    }

    /// How long until a resting listener is due.
    pub(super) fn listener_pause(&self) -> Option<Duration> {
        let until = self.listeners.iter().flatten().filter_map(|listener| listener.paused).min()?;
        Some(until.saturating_duration_since(Instant::now()))
    }

    /// Puts the listeners back whose rest is over.
    pub(super) fn resume_listeners(&mut self) {
        for place in 0..self.listeners.len() {
            let Some(Some(listener)) = self.listeners.get(place) else { continue };
            if listener.paused.is_some_and(|until| until <= Instant::now())
                && self.watch(place, &listener.fd).is_ok()
                && let Some(Some(listener)) = self.listeners.get_mut(place)
            {
                listener.paused = None;
            }
        }
    }
}
