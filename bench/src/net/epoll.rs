//! The load over epoll: a recv(2) and a send(2) a pipeline, and one epoll_wait(2) for all that is ready.
//!
//! Connections are registered once, edge-triggered, for both directions: there is no epoll_ctl(2) afterwards, where
//! redis-benchmark makes two a request. A recv that fills less than the buffer has emptied the socket,
//! so none is made just to hear EAGAIN. What a send does not take waits, and goes on when there is room.

use super::{Net, Outgoing, Sink};
use rustix::event::Timespec;
use rustix::event::epoll::{self, Event, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::time::Duration;

/// Events taken from the kernel at once.
const EVENTS_MAX: usize = 256;
/// Bytes received at once.
const RECEIVE_MAX: usize = 64 << 10;

struct Conn {
    fd: OwnedFd,
    /// What is being sent, and how much of it has been.
    out: Option<(Outgoing, usize)>,
}

/// One thread's epoll.
pub struct Epoll {
    epoll: OwnedFd,
    conns: Vec<Option<Conn>>,
    happened: Vec<(EventFlags, usize)>,
    buffer: Box<[u8]>,
    /// epoll_pwait2 is there, with nanoseconds.
    precise: bool,
}

impl Epoll {
    /// # Errors
    /// Those of epoll_create(2).
    pub fn new() -> io::Result<Epoll> {
        Ok(Epoll {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            conns: Vec::new(),
            happened: Vec::new(),
            buffer: vec![0; RECEIVE_MAX].into_boxed_slice(),
            precise: true,
        })
    }

    fn wait(&mut self, wait: Option<Duration>) -> io::Result<()> {
        if self.precise {
            match self.ask(wait) {
                Err(Errno::NOSYS | Errno::PERM) => self.precise = false,
                result => return Ok(result?),
            }
        }
        // Rounded up, or the loop would spin.
        Ok(self.ask(wait.map(|w| Duration::from_millis(w.as_nanos().div_ceil(1_000_000) as u64)))?)
    }

    fn ask(&mut self, wait: Option<Duration>) -> Result<(), Errno> {
        let mut room = [const { MaybeUninit::<Event>::uninit() }; EVENTS_MAX];
        let time = wait.map(|w| Timespec { tv_sec: w.as_secs() as i64, tv_nsec: w.subsec_nanos().into() });
        self.happened.clear();
        match epoll::wait(&self.epoll, &mut room, time.as_ref()) {
            Ok((events, _)) => {
                self.happened.extend(events.iter().map(|e| (e.flags, e.data.u64() as usize)));
                Ok(())
            }
            Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Reads all there is.
    fn read(&mut self, index: usize, ending: bool, sink: &mut impl Sink) {
        loop {
            let Some(Some(conn)) = self.conns.get(index) else { return };
            match rustix::net::recv(&conn.fd, &mut self.buffer[..], RecvFlags::DONTWAIT) {
                Ok((0, _)) => return sink.closed(index, None),
                Ok((count, _)) => {
                    if let Some(out) = sink.received(index, &self.buffer[..count]) {
                        self.send(index, out, sink);
                    }
                    if count < RECEIVE_MAX && !ending {
                        return;
                    }
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                Err(error) => return sink.closed(index, Some(error.into())),
            }
        }
    }

    /// Sends what is left, as far as there is room.
    fn write(&mut self, index: usize, sink: &mut impl Sink) {
        let Some(Some(conn)) = self.conns.get_mut(index) else { return };
        let Some((out, mut at)) = conn.out.take() else { return };
        while at < out.len {
            match rustix::net::send(
                &conn.fd,
                &out.bytes[at..out.len],
                SendFlags::DONTWAIT | SendFlags::NOSIGNAL,
            ) {
                Ok(count) => at += count,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    conn.out = Some((out, at));
                    return;
                }
                Err(error) => {
                    sink.sent(out);
                    return sink.closed(index, Some(error.into()));
                }
            }
        }
        sink.sent(out);
    }
}

impl Net for Epoll {
    fn add(&mut self, index: usize, fd: OwnedFd) -> io::Result<()> {
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        epoll::add(&self.epoll, &fd, EventData::new_u64(index as u64), flags)?;
        if index >= self.conns.len() {
            self.conns.resize_with(index + 1, || None);
        }
        self.conns[index] = Some(Conn { fd, out: None });
        Ok(())
    }

    fn remove(&mut self, index: usize, sink: &mut impl Sink) {
        let conn = self.conns.get_mut(index).and_then(Option::take);
        if let Some((out, _)) = conn.and_then(|conn| conn.out) {
            sink.sent(out);
        }
    }

    fn send(&mut self, index: usize, out: Outgoing, sink: &mut impl Sink) {
        match self.conns.get_mut(index) {
            Some(Some(conn)) => conn.out = Some((out, 0)),
            _ => return sink.sent(out),
        }
        self.write(index, sink);
    }

    fn turn(&mut self, wait: Option<Duration>, sink: &mut impl Sink) -> io::Result<()> {
        self.wait(wait)?;
        let happened = std::mem::take(&mut self.happened);
        for &(flags, index) in &happened {
            let ending = flags.intersects(EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR);
            if flags.contains(EventFlags::OUT) {
                self.write(index, sink);
            }
            if flags.contains(EventFlags::IN) || ending {
                self.read(index, ending, sink);
            }
        }
        self.happened = happened;
        Ok(())
    }
}
