//! ROLE: what this server is to replication. It is a primary without replicas until replication is
//! built, which answers as Redis does: its role, its offset, and its replicas.

use crate::core::state::CoreState;
use crate::io::ConnId;

/// `ROLE`
pub fn role(core: &mut CoreState, id: ConnId) {
    core.reply(id, |r| {
        r.array(3);
        r.bulk(b"master");
        r.int(0);
        r.array(0);
    });
}
