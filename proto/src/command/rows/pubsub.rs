//! Publish and subscribe. A shard channel (SPUBLISH) is routed by hash slot as a key would be, so its
//! spec is marked as not a key. Publishing runs on the cores whose clients listen, all at one point of the
//! order of commands; (un)subscribing is between a connection and its core.

use super::prelude::*;

const fn pubsub(id: Id, arity: i16) -> CommandSpec {
    CommandSpec::new(id, Group::Pubsub, arity)
}

pub(super) const ROWS: &[CommandSpec] = &[
    pubsub(Id::Psubscribe, -2)
        .syntax("pattern...")
        .summary("Subscribes to all channels whose names match.")
        .since("2.0.0")
        .complexity("O(N) where N is the number of patterns to subscribe to")
        .flags(&[PUBSUB, NOSCRIPT, LOADING, STALE])
        .built(),
    pubsub(Id::Publish, 3)
        .syntax("channel message")
        .summary("Sends a message to the subscribers of a channel.")
        .since("2.0.0")
        .complexity(
            "O(N+M) where N is the number of subscribers of the channel and M the number of \
            patterns",
        )
        .flags(&[PUBSUB, LOADING, STALE, FAST, MAY_REPLICATE])
        .place(Place::Subscribers)
        .split(Split::Sum)
        .built(),
    pubsub(Id::Pubsub, -2)
        .summary("Commands about channels and subscribers.")
        .since("2.8.0")
        .complexity("Depends on subcommand")
        .built(),
    pubsub(Id::PubsubChannels, -2)
        .syntax("[pattern]")
        .summary("Lists the channels that have subscribers.")
        .since("2.8.0")
        .complexity("O(N) where N is the number of channels")
        .flags(&[PUBSUB, LOADING, STALE])
        .built(),
    pubsub(Id::PubsubHelp, 2)
        .summary("Shows help on the PUBSUB subcommands.")
        .since("6.2.0")
        .complexity("O(1)")
        .flags(&[LOADING, STALE])
        .built(),
    pubsub(Id::PubsubNumpat, 2)
        .summary("Counts the patterns subscribed to.")
        .since("2.8.0")
        .complexity("O(1)")
        .flags(&[PUBSUB, LOADING, STALE])
        .built(),
    pubsub(Id::PubsubNumsub, -2)
        .syntax("[channel...]")
        .summary("Counts the subscribers of channels.")
        .since("2.8.0")
        .complexity("O(N) for the NUMSUB subcommand, where N is the number of requested channels")
        .flags(&[PUBSUB, LOADING, STALE])
        .built(),
    pubsub(Id::PubsubShardchannels, -2)
        .syntax("[pattern]")
        .summary("Lists the shard channels that have subscribers.")
        .since("7.0.0")
        .complexity("O(N) where N is the number of shard channels")
        .flags(&[PUBSUB, LOADING, STALE])
        .built(),
    pubsub(Id::PubsubShardnumsub, -2)
        .syntax("[shardchannel...]")
        .summary("Counts the subscribers of shard channels.")
        .since("7.0.0")
        .complexity("O(N) where N is the number of shard channels asked for")
        .flags(&[PUBSUB, LOADING, STALE])
        .built(),
    pubsub(Id::Punsubscribe, -1)
        .syntax("[pattern...]")
        .summary("Ends subscriptions to patterns.")
        .since("2.0.0")
        .complexity("O(N) where N is the number of patterns to unsubscribe")
        .flags(&[PUBSUB, NOSCRIPT, LOADING, STALE])
        .built(),
    pubsub(Id::Spublish, 3)
        .syntax("shardchannel message")
        .summary("Sends a message to the subscribers of a shard channel.")
        .since("7.0.0")
        .complexity("O(N) where N is the number of clients subscribed to the receiving shard channel")
        .flags(&[PUBSUB, LOADING, STALE, FAST, MAY_REPLICATE])
        .keys(&[key(1, &[NOT_KEY])])
        .place(Place::Subscribers)
        .split(Split::Sum)
        .built(),
    pubsub(Id::Ssubscribe, -2)
        .syntax("shardchannel...")
        .summary("Subscribes to shard channels.")
        .since("7.0.0")
        .complexity("O(N) where N is the number of shard channels to subscribe to")
        .flags(&[PUBSUB, NOSCRIPT, LOADING, STALE])
        .keys(&[keys(1, -1, 1, &[NOT_KEY])])
        .built(),
    pubsub(Id::Subscribe, -2)
        .syntax("channel...")
        .summary("Subscribes to channels.")
        .since("2.0.0")
        .complexity("O(N) where N is the number of channels to subscribe to")
        .flags(&[PUBSUB, NOSCRIPT, LOADING, STALE])
        .built(),
    pubsub(Id::Sunsubscribe, -1)
        .syntax("[shardchannel...]")
        .summary("Ends subscriptions to shard channels.")
        .since("7.0.0")
        .complexity("O(N) where N is the number of shard channels to unsubscribe")
        .flags(&[PUBSUB, NOSCRIPT, LOADING, STALE])
        .keys(&[keys(1, -1, 1, &[NOT_KEY])])
        .built(),
    pubsub(Id::Unsubscribe, -1)
        .syntax("[channel...]")
        .summary("Ends subscriptions to channels.")
        .since("2.0.0")
        .complexity("O(N) where N is the number of channels to unsubscribe")
        .flags(&[PUBSUB, NOSCRIPT, LOADING, STALE])
        .built(),
];
