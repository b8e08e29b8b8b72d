//! PUBLISH and SPUBLISH, for the subscribers of this core: the server sends the command to every core
//! that has some, and adds the replies up. Subscribing is the server's, see [`crate::pubsub`].

use super::Outcome;
use crate::pubsub::Kind;
use crate::shard::{Cx, Shard};
use proto::args::Args;
use proto::encode::Reply;

/// `PUBLISH channel message`
pub(super) fn publish(shard: &mut Shard, _: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.int(shard.pubsub.publish(Kind::Channel, args.at(1), args.at(2)) as i64);
    Ok(())
}

/// `SPUBLISH shardchannel message`
pub(super) fn spublish(shard: &mut Shard, _: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.int(shard.pubsub.publish(Kind::ShardChannel, args.at(1), args.at(2)) as i64);
    Ok(())
}
