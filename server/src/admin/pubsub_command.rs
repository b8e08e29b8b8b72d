//! PUBSUB: who listens to what. All of it is known on every core ([`crate::subscriptions`]), so nobody is asked.

use crate::core::state::CoreState;
use crate::io::ConnId;
use proto::args::Args;
use proto::command::{CommandId, CommandSpec};
use proto::error;
use shard::pubsub::Kind;

/// Runs a subcommand of PUBSUB.
pub fn run(core: &mut CoreState, id: ConnId, spec: &'static CommandSpec, args: Args<'_>) {
    match spec.id {
        CommandId::PubsubChannels => names(core, id, Kind::Channel, args),
        CommandId::PubsubShardchannels => names(core, id, Kind::ShardChannel, args),
        CommandId::PubsubNumsub => numbers(core, id, Kind::Channel, args.from(2)),
        CommandId::PubsubShardnumsub => numbers(core, id, Kind::ShardChannel, args.from(2)),
        CommandId::PubsubNumpat => {
            let patterns = core.shared.subscriptions.len(Kind::Pattern);
            core.reply(id, |r| r.int(patterns as i64));
        }
        other => core.reply(id, |r| r.error(error::not_supported_yet(other.full_name()))),
    }
}

/// `PUBSUB CHANNELS [pattern]`, `PUBSUB SHARDCHANNELS [pattern]`
fn names(core: &mut CoreState, id: ConnId, kind: Kind, args: Args<'_>) {
    if args.len() > 3 {
        return core.reply(id, |r| r.error(error::bad_subcommand(b"pubsub", args.at(1))));
    }
    let found = core.shared.subscriptions.matching(kind, args.get(2));
    core.reply(id, |r| {
        r.array(found.len());
        found.iter().for_each(|name| r.bulk(name));
    });
}

/// `PUBSUB NUMSUB [channel …]`, `PUBSUB SHARDNUMSUB [shardchannel …]`
fn numbers(core: &mut CoreState, id: ConnId, kind: Kind, channels: Args<'_>) {
    let numbers: Vec<u64> =
        channels.iter().map(|name| core.shared.subscriptions.subscribers(kind, name)).collect();
    core.reply(id, |r| {
        r.array(2 * numbers.len());
        for (name, number) in channels.iter().zip(numbers) {
            r.bulk(name);
            r.int(number as i64);
        }
    });
}
