//! MONITOR: turning a connection into a listener. What it is then sent comes from
//! [`crate::monitor`]; RESET and QUIT end it ([`super::session`]).
//!
//! A client that listens may go on with commands that touch no key, as in Redis. One that reads too
//! slowly is closed at its class's output limit, see [`crate::core::accept`].

use crate::core::state::CoreState;
use crate::io::ConnId;

/// `MONITOR`. Asking again is not answered, as in Redis: it would look like a line of the stream.
pub fn monitor(core: &mut CoreState, id: ConnId) {
    if core.alone.is_some() {
        let text = "ERR MONITOR isn't allowed for DENY BLOCKING client"; // inside MULTI, each has one reply
        return core.reply(id, |r| r.error(text));
    }
    let Some(conn) = core.conns.get(id) else { return };
    if std::mem::replace(&mut conn.monitor, true) {
        return;
    }
    core.stats().monitors.add(1);
    core.shared.monitors.joined();
    core.reply(id, |r| r.ok());
}
