//! Commands about the server and its connections: everything that has no key. Each has its
//! connection to itself: what the client sent before is done, what it sent after waits.

mod client;
mod client_filter;
mod config_command;
mod debug;
mod debug_sample;
pub mod info;
mod latency_command;
mod latency_report;
mod memory;
mod monitor_command;
mod pubsub_command;
mod role;
mod save_command;
mod session;
mod shutdown;
mod slowlog_command;

use crate::core::state::CoreState;
use crate::io::ConnId;
use proto::args::Args;
use proto::command::{CommandId, CommandSpec};
use proto::error;

impl CoreState {
    /// Runs one command of this kind and replies, now or once all cores have answered.
    pub fn run_admin(&mut self, id: ConnId, spec: &'static CommandSpec, args: Args<'_>) {
        let (pending, before) = (self.pending(spec, args), self.reply_len(id));
        self.dispatch_admin(id, spec, args);
        self.account_admin(id, pending, before);
    }

    fn dispatch_admin(&mut self, id: ConnId, spec: &'static CommandSpec, args: Args<'_>) {
        match spec.id {
            _ if spec.parent.is_some() && spec.name == "help" => {
                self.reply(id, |r| proto::command::help::write(spec.parent.unwrap_or(spec.id), r));
            }
            CommandId::Info => info::run(self, id, args),
            _ if spec.parent == Some(CommandId::Latency) => latency_command::run(self, id, spec, args),
            _ if spec.parent == Some(CommandId::Memory) => memory::run(self, id, spec),
            _ if spec.parent == Some(CommandId::Slowlog) => slowlog_command::run(self, id, spec, args),
            CommandId::Hello => session::hello(self, id, args),
            CommandId::Auth => session::auth(self, id, args),
            CommandId::Quit => session::quit(self, id),
            CommandId::Reset => session::reset(self, id),
            CommandId::Debug => debug::run(self, id, spec, args),
            CommandId::Monitor => monitor_command::monitor(self, id),
            _ if spec.parent == Some(CommandId::Pubsub) => pubsub_command::run(self, id, spec, args),
            CommandId::Role => role::role(self, id),
            CommandId::Save => save_command::save(self, id),
            CommandId::Bgsave => save_command::bgsave(self, id, args),
            CommandId::Lastsave => save_command::lastsave(self, id),
            CommandId::Shutdown => shutdown::shutdown(self, id, args),
            _ if spec.parent == Some(CommandId::Config) => config_command::run(self, id, spec, args),
            _ if spec.parent == Some(CommandId::Client) => client::run(self, id, spec, args),
            _ if self.run_subscription(id, spec, args) => {}
            other => self.reply(id, |r| r.error(error::not_supported_yet(other.full_name()))),
        }
    }
}
