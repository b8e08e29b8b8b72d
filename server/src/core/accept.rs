//! New connections: which core gets one, whether it may stay, and how one goes.
//!
//! The kernel would spread connections over cores by a hash, which leaves some cores with twice the
//! clients of others. So one core listens, and hands each socket to the core that has the fewest.

use super::Core;
use super::state::CoreState;
use crate::config::OutputLimit;
use crate::config::special::{NORMAL, PUBSUB, REPLICA};
use crate::conn::{Conn, Doing, Ends};
use crate::io::{ConnId, Io, Socket};
use crate::listening::Change;
use crate::socket;
use crate::work::Direct;
use std::sync::atomic::Ordering;

/// What a refused client is told, or `None`.
type Verdict = Option<&'static str>;

const PROTECTED: &str = "-DENIED Redis is running in protected mode because protected mode is enabled and no \
password is set for the default user. In this mode connections are only accepted from the loopback interface. \
If you want to connect from external computers to Redis you may adopt one of the following solutions: \
1) Just disable protected mode sending the command 'CONFIG SET protected-mode no' from the loopback interface \
by connecting to Redis from the same host the server is running, however MAKE SURE Redis is not publicly \
accessible from internet if you do so. Use CONFIG REWRITE to make this change permanent. 2) Alternatively you \
can just disable the protected mode by editing the Redis configuration file, and setting the protected mode \
option to 'no', and then restarting the server. 3) If you started the server manually just for testing, restart \
it with the '--protected-mode no' option. 4) Set up an authentication password for the default user. NOTE: You \
only need to do one of the above things in order for the server to start accepting connections from the outside.\r\n";
/// The reply buffer that Redis gives every client, in bytes (`PROTO_REPLY_CHUNK_BYTES`).
const REPLY_BUFFER_LEN: usize = 16 << 10;
const TOO_MANY: &str = "-ERR max number of clients reached\r\n";

impl<I: Io> Core<I> {
    /// Hands out the sockets that were accepted in this turn.
    pub fn adopt_accepted(&mut self) {
        if self.state.accepted.is_empty() {
            return;
        }
        for (_, socket) in std::mem::take(&mut self.state.accepted) {
            // Numbered here, so that the numbers are in the order of the connections, whoever serves them.
            let client = self.state.shared.next_client.fetch_add(1, Ordering::Relaxed);
            let here = self.state.index;
            let last = self.state.last_adopter;
            let core = self.state.shared.least_loaded(last);
            self.state.last_adopter = core;
            self.state.shared.clients[core].fetch_add(1, Ordering::SeqCst);
            if core == here {
                self.adopt(socket, client);
            } else {
                self.state.outbox.direct(core, Direct::Adopt { socket, client });
            }
        }
    }

    /// Accepts where CONFIG SET has said to from now on.
    pub fn change_listeners(&mut self, change: Change) {
        for index in change.closed {
            self.io.close_listener(index);
        }
        for (index, fd) in change.opened {
            if let Err(e) = self.io.add_listener(index, Socket::Fd(fd)) {
                crate::log::warning(format_args!("Can't accept on a new listening socket: {e}"));
            }
        }
    }

    /// Takes a socket over; it is counted among this core's clients already.
    pub fn adopt(&mut self, socket: Socket, client: u64) {
        let state = &mut self.state;
        let ends = socket::prepare(&socket, state.settings.tcp_keepalive_seconds);
        let verdict = state.verdict(&ends);
        let id = state.conns.reserve();
        if let Err(e) = self.io.add(id, socket) {
            crate::log::warning(format_args!("Error registering a new client's socket: {e}"));
            state.conns.cancel(id);
            state.shared.clients[state.index].fetch_sub(1, Ordering::SeqCst);
            return;
        }
        let mut conn = Conn::new(id, client, ends, state.now.mono_ns);
        conn.authenticated = state.settings.requirepass.is_empty();
        state.conns.insert(conn);
        let stats = state.stats();
        stats.clients.set(state.conns.len() as u64);
        match verdict {
            None => stats.connections_received.add(1),
            Some(text) => {
                stats.connections_rejected.add(1);
                self.io.send(id, text.as_bytes().to_vec());
                state.close(id, true);
            }
        }
    }
}

impl CoreState {
    /// Whether a new client may stay; what it is told if not.
    fn verdict(&self, ends: &Ends) -> Verdict {
        let s = &self.settings;
        if self.shared.clients_total() > s.maxclients as usize {
            return Some(TOO_MANY);
        }
        let open = s.protected_mode && s.requirepass.is_empty();
        if open && !ends.unix && !ends.loopback {
            return Some(PROTECTED);
        }
        None
    }

    /// Forgets a connection that the backend has been told to close.
    pub fn forget(&mut self, id: ConnId) {
        let Some(mut conn) = self.conns.remove(id) else { return };
        if let Some(watching) = conn.watching.take() {
            self.unwatch_in_order(&watching);
        }
        self.session_without_client(&conn.doing);
        if let Doing::Blocked(waiting) = &conn.doing {
            self.waiter_gone(id, waiting);
        }
        if conn.paused {
            self.paused.retain(|p| *p != id);
            self.note_blocked();
        }
        if conn.is_subscribed() {
            self.subscriber_gone(id);
        }
        if conn.monitor {
            self.shared.monitors.left();
            let stats = self.stats();
            stats.monitors.set(stats.monitors.get().saturating_sub(1));
        }
        self.shared.clients[self.index].fetch_sub(1, Ordering::SeqCst);
        self.stats().clients.set(self.conns.len() as u64);
    }

    /// A client has sent more than `client-query-buffer-limit` without completing a command.
    #[cold]
    pub fn query_buffer_overrun(&mut self, id: ConnId) {
        let Some(conn) = self.conns.get(id) else { return };
        let (client, addr, unread) = (conn.client, conn.ends.peer.clone(), conn.unread());
        crate::log::warning(format_args!(
            "Closing client that reached max query buffer length: id={client} addr={addr} qbuf={unread}"
        ));
        self.stats().query_limit_disconnections.add(1);
        self.close(id, false);
    }

    /// Whether this much unsent output is over one of the limits of the client's class.
    #[must_use]
    pub fn output_limited(&mut self, id: ConnId, unsent: usize) -> bool {
        let limited = limited_part(unsent);
        if limited == 0 {
            return false;
        }
        let limit = self.output_limit(id);
        let over = |max: u64| max != 0 && limited > max;
        over(limit.hard_bytes) || over(limit.soft_bytes)
    }

    /// The limit of the client's class. MONITOR's clients are normal ones, as in Redis; but what they are
    /// sent has no end, so where normal clients have no limit, they get that of replicas.
    fn output_limit(&mut self, id: ConnId) -> OutputLimit {
        let limits = &self.settings.client_output_buffer_limit;
        if self.conns.get(id).is_some_and(|c| c.is_subscribed()) {
            return limits[PUBSUB];
        }
        let unlimited = limits[NORMAL].hard_bytes == 0 && limits[NORMAL].soft_bytes == 0;
        let endless = unlimited && self.conns.get(id).is_some_and(|c| c.monitor);
        if endless { limits[REPLICA] } else { limits[NORMAL] }
    }

    /// Whether so much has come for a client in one turn that it is to be closed before it is even sent.
    pub fn is_burst(&mut self, id: ConnId, waiting: usize) -> bool {
        let hard = self.output_limit(id).hard_bytes;
        hard != 0 && limited_part(waiting) > hard && self.output_limit_reached(id, waiting)
    }

    /// Bytes of replies in one batch above which the client is closed for its output.
    pub fn replies_max(&mut self, id: ConnId) -> usize {
        match usize::try_from(self.output_limit(id).hard_bytes) {
            Ok(0) | Err(_) => usize::MAX,
            Ok(hard) => hard.saturating_add(REPLY_BUFFER_LEN),
        }
    }

    /// Closes a client whose replies in one batch were more than that, wherever they were written.
    #[cold]
    pub fn close_for_output(&mut self, id: ConnId) {
        let unsent = self.replies_max(id).saturating_add(1);
        if self.output_limit_reached(id, unsent) {
            self.close(id, false);
        }
    }

    /// Closes a client whose replies of this turn are more than that already; they are dropped.
    #[cold]
    pub fn drop_burst(&mut self, id: ConnId) {
        let limit = self.replies_max(id);
        let Some(conn) = self.conns.get(id).filter(|conn| conn.out.len() > limit) else { return };
        conn.out = Vec::new();
        if !conn.closing {
            self.close_for_output(id);
        }
    }

    /// Whether the client is to be closed for it: over the hard limit, or over the soft one for too long.
    pub fn output_limit_reached(&mut self, id: ConnId, unsent: usize) -> bool {
        let limit = self.output_limit(id);
        let now = self.now.mono_ns;
        let Some(conn) = self.conns.get(id) else { return false };
        let limited = limited_part(unsent);
        let hard = limit.hard_bytes != 0 && limited > limit.hard_bytes;
        let mut soft = false;
        if limit.soft_bytes != 0 && limited > limit.soft_bytes {
            let since = *conn.soft_limit_since_ns.get_or_insert(now);
            soft = now.saturating_sub(since) > limit.soft_seconds * 1_000_000_000;
        } else {
            conn.soft_limit_since_ns = None;
        }
        if hard || soft {
            let (client, addr) = (conn.client, conn.ends.peer.clone());
            crate::log::warning(format_args!(
                "Client id={client} addr={addr} omem={unsent} closed for overcoming of output buffer limits."
            ));
            self.stats().output_limit_disconnections.add(1);
        }
        hard || soft
    }
}

/// What of a client's unsent output its limit is about. Redis does not count the buffer that every client has
/// for its next replies: under a limit of 10 bytes, clients that read are still answered.
fn limited_part(unsent: usize) -> u64 {
    unsent.saturating_sub(REPLY_BUFFER_LEN) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_that_fits_the_buffer_is_under_every_limit() {
        assert_eq!([0, 1678, REPLY_BUFFER_LEN, REPLY_BUFFER_LEN + 11].map(limited_part), [0, 0, 0, 11]);
    }
}
