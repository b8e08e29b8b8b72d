//! Commands about the server and its connections: everything that has no key. Each has its
//! connection to itself: what the client sent before is done, what it sent after waits.

mod client;
mod client_filter;
mod session;

use crate::core::state::CoreState;
use crate::io::ConnId;
use proto::args::Args;
use proto::command::{CommandId, CommandSpec};
use proto::error;

impl CoreState {
    /// Runs one command of this kind and replies, now or once all cores have answered.
    pub fn run_admin(&mut self, id: ConnId, spec: &'static CommandSpec, args: Args<'_>) {
        match spec.id {
            CommandId::Hello => session::hello(self, id, args),
            CommandId::Auth => session::auth(self, id, args),
            CommandId::Quit => session::quit(self, id),
            CommandId::Reset => session::reset(self, id),
            _ if spec.parent == Some(CommandId::Client) => client::run(self, id, spec, args),
            other => self.reply(id, |r| r.error(error::not_supported_yet(other.full_name()))),
        }
    }
}
