//! The commands, one file a family; and which id goes where.
//!
//! A command is a function `(shard, cx, args, reply) -> Outcome`. It appends its one reply, or returns
//! the refusal that becomes the error reply; it never does both, so whatever can fail comes first.
//! The `match` below names every command Redis has and no wildcard: a command added to the table
//! without a decision about it here does not compile.

mod bitfield;
mod bitmap;
#[cfg(test)]
mod bits_model;
pub(crate) mod blocking;
mod counter;
mod debug;
mod dump;
mod expire;
mod generic;
mod geo;
mod hash;
mod hll;
mod keyspace;
mod lcs;
mod list;
mod many;
#[cfg(test)]
mod model;
mod object;
mod pubsub;
mod relocate;
mod scan;
mod set;
mod sets;
mod sort;
pub(crate) mod stream;
mod string;
#[cfg(test)]
mod tests;
pub(crate) mod zset;

pub use debug::{TableStats, table_text};
pub(crate) use sort::sort_further_keys;

use crate::shard::{Cx, Shard};
use proto::args::Args;
use proto::command::CommandId as Id;
use proto::encode::Reply;
use proto::error;
use proto::number::parse_i64;
use std::borrow::Cow;

/// Why a command was not run. One word wide, since every command returns it; refusing costs an
/// allocation, which nobody will notice.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Refused(Box<Reason>);

#[derive(Clone, PartialEq, Eq, Debug)]
enum Reason {
    Text(Cow<'static, [u8]>),
    /// "invalid expire time in 'x' command"
    ExpireTime,
    /// "wrong number of arguments for 'x' command"
    Arity,
    Unsupported,
}

const _: () = assert!(size_of::<Outcome>() == 8);

impl From<&'static str> for Refused {
    #[cold]
    fn from(text: &'static str) -> Self {
        Self(Box::new(Reason::Text(text.as_bytes().into())))
    }
}

impl From<String> for Refused {
    #[cold]
    fn from(text: String) -> Self {
        text.into_bytes().into()
    }
}

impl From<Vec<u8>> for Refused {
    #[cold]
    fn from(text: Vec<u8>) -> Self {
        Self(Box::new(Reason::Text(text.into())))
    }
}

impl Refused {
    #[cold]
    pub(crate) fn expire_time() -> Self {
        Self(Box::new(Reason::ExpireTime))
    }

    #[cold]
    pub(crate) fn arity() -> Self {
        Self(Box::new(Reason::Arity))
    }

    #[cold]
    pub(crate) fn unsupported() -> Self {
        Self(Box::new(Reason::Unsupported))
    }

    /// Writes the error reply of the command `id`.
    #[cold]
    pub(crate) fn answer(&self, id: Id, reply: &mut Reply<'_>) {
        let name = id.full_name();
        match &*self.0 {
            Reason::Text(text) => reply.error(text),
            Reason::ExpireTime => reply.error(error::invalid_expire_time(name)),
            Reason::Arity => reply.error(error::wrong_arity(name)),
            Reason::Unsupported => reply.error(error::not_supported_yet(name)),
        }
    }
}

pub(crate) type Outcome = Result<(), Refused>;

/// Runs a command and appends its reply.
#[inline]
pub(crate) fn run(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) {
    if let Err(refused) = dispatch(shard, cx, args, reply) {
        refused.answer(cx.id, reply);
    }
}

#[inline]
fn dispatch(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    match cx.id {
        Id::Set => set::set(shard, cx, args, reply),
        Id::Setnx => set::setnx(shard, cx, args, reply),
        Id::Setex => set::setex(shard, cx, args, reply),
        Id::Psetex => set::psetex(shard, cx, args, reply),
        Id::Getex => set::getex(shard, cx, args, reply),
        Id::Get => string::get(shard, cx, args, reply),
        Id::Getset => string::getset(shard, cx, args, reply),
        Id::Getdel => string::getdel(shard, cx, args, reply),
        Id::Strlen => string::strlen(shard, cx, args, reply),
        Id::Append => string::append(shard, cx, args, reply),
        Id::Getrange => string::getrange(shard, cx, args, reply),
        Id::Setrange => string::setrange(shard, cx, args, reply),
        Id::Substr => string::getrange(shard, cx, args, reply),
        Id::Incr => counter::incr(shard, cx, args, reply),
        Id::Decr => counter::decr(shard, cx, args, reply),
        Id::Incrby => counter::incrby(shard, cx, args, reply),
        Id::Decrby => counter::decrby(shard, cx, args, reply),
        Id::Incrbyfloat => counter::incrbyfloat(shard, cx, args, reply),
        Id::Mget => many::mget(shard, cx, args, reply),
        Id::Mset => many::mset(shard, cx, args, reply),
        Id::Msetnx => many::msetnx(shard, cx, args, reply),
        Id::Lcs => lcs::lcs(shard, cx, args, reply),
        Id::Xadd => stream::xadd(shard, cx, args, reply),
        Id::Xtrim => stream::xtrim(shard, cx, args, reply),
        Id::Xlen => stream::xlen(shard, cx, args, reply),
        Id::Xrange => stream::xrange(shard, cx, args, reply),
        Id::Xrevrange => stream::xrevrange(shard, cx, args, reply),
        Id::Xdel => stream::xdel(shard, cx, args, reply),
        Id::Xsetid => stream::xsetid(shard, cx, args, reply),
        Id::Xread => stream::xread(shard, cx, args, reply),
        Id::Xreadgroup => stream::xreadgroup(shard, cx, args, reply),
        Id::XgroupCreate => stream::create(shard, cx, args, reply),
        Id::XgroupSetid => stream::set_id(shard, cx, args, reply),
        Id::XgroupDestroy => stream::destroy(shard, cx, args, reply),
        Id::XgroupCreateconsumer => stream::create_consumer(shard, cx, args, reply),
        Id::XgroupDelconsumer => stream::delete_consumer(shard, cx, args, reply),
        Id::Xack => stream::xack(shard, cx, args, reply),
        Id::Xpending => stream::xpending(shard, cx, args, reply),
        Id::Xclaim => stream::xclaim(shard, cx, args, reply),
        Id::Xautoclaim => stream::xautoclaim(shard, cx, args, reply),
        Id::XinfoStream => stream::stream(shard, cx, args, reply),
        Id::XinfoGroups => stream::groups(shard, cx, args, reply),
        Id::XinfoConsumers => stream::consumers(shard, cx, args, reply),
        Id::Setbit => bitmap::setbit(shard, cx, args, reply),
        Id::Getbit => bitmap::getbit(shard, cx, args, reply),
        Id::Bitcount => bitmap::bitcount(shard, cx, args, reply),
        Id::Bitpos => bitmap::bitpos(shard, cx, args, reply),
        Id::Bitop => bitmap::bitop(shard, cx, args, reply),
        Id::Bitfield => bitfield::bitfield(shard, cx, args, reply),
        Id::BitfieldRo => bitfield::bitfield_ro(shard, cx, args, reply),
        Id::Pfadd => hll::pfadd(shard, cx, args, reply),
        Id::Pfcount => hll::pfcount(shard, cx, args, reply),
        Id::Pfmerge => hll::pfmerge(shard, cx, args, reply),
        Id::Pfdebug => hll::pfdebug(shard, cx, args, reply),
        Id::Pfselftest => hll::pfselftest(shard, reply),
        Id::Hdel => hash::hdel(shard, cx, args, reply),
        Id::Hexists => hash::hexists(shard, cx, args, reply),
        Id::Hexpire => hash::hexpire(shard, cx, args, reply),
        Id::Hexpireat => hash::hexpireat(shard, cx, args, reply),
        Id::Hexpiretime => hash::hexpiretime(shard, cx, args, reply),
        Id::Hget => hash::hget(shard, cx, args, reply),
        Id::Hgetall => hash::hgetall(shard, cx, args, reply),
        Id::Hincrby => hash::hincrby(shard, cx, args, reply),
        Id::Hincrbyfloat => hash::hincrbyfloat(shard, cx, args, reply),
        Id::Hkeys => hash::hkeys(shard, cx, args, reply),
        Id::Hlen => hash::hlen(shard, cx, args, reply),
        Id::Hmget => hash::hmget(shard, cx, args, reply),
        Id::Hmset => hash::hmset(shard, cx, args, reply),
        Id::Hpersist => hash::hpersist(shard, cx, args, reply),
        Id::Hpexpire => hash::hpexpire(shard, cx, args, reply),
        Id::Hpexpireat => hash::hpexpireat(shard, cx, args, reply),
        Id::Hpexpiretime => hash::hpexpiretime(shard, cx, args, reply),
        Id::Hpttl => hash::hpttl(shard, cx, args, reply),
        Id::Hrandfield => hash::hrandfield(shard, cx, args, reply),
        Id::Hscan => hash::hscan(shard, cx, args, reply),
        Id::Hset => hash::hset(shard, cx, args, reply),
        Id::Hsetnx => hash::hsetnx(shard, cx, args, reply),
        Id::Hstrlen => hash::hstrlen(shard, cx, args, reply),
        Id::Httl => hash::httl(shard, cx, args, reply),
        Id::Hvals => hash::hvals(shard, cx, args, reply),
        Id::Blpop => blocking::blpop(shard, cx, args, reply),
        Id::Brpop => blocking::brpop(shard, cx, args, reply),
        Id::Blmpop => blocking::blmpop(shard, cx, args, reply),
        Id::Blmove => blocking::blmove(shard, cx, args, reply),
        Id::Brpoplpush => blocking::brpoplpush(shard, cx, args, reply),
        Id::Bzpopmin => blocking::bzpopmin(shard, cx, args, reply),
        Id::Bzpopmax => blocking::bzpopmax(shard, cx, args, reply),
        Id::Bzmpop => blocking::bzmpop(shard, cx, args, reply),
        Id::Exists => generic::exists(shard, cx, args, reply),
        Id::Touch => generic::touch(shard, cx, args, reply),
        Id::Type => generic::r#type(shard, cx, args, reply),
        Id::Del => generic::delete(shard, cx, args, reply),
        Id::Unlink => generic::delete(shard, cx, args, reply),
        Id::Expire => expire::expire(shard, cx, args, reply),
        Id::Pexpire => expire::pexpire(shard, cx, args, reply),
        Id::Expireat => expire::expireat(shard, cx, args, reply),
        Id::Pexpireat => expire::pexpireat(shard, cx, args, reply),
        Id::Ttl => expire::ttl(shard, cx, args, reply),
        Id::Pttl => expire::pttl(shard, cx, args, reply),
        Id::Expiretime => expire::expiretime(shard, cx, args, reply),
        Id::Pexpiretime => expire::pexpiretime(shard, cx, args, reply),
        Id::Persist => expire::persist(shard, cx, args, reply),
        Id::Rename => relocate::rename(shard, cx, args, reply),
        Id::Renamenx => relocate::renamenx(shard, cx, args, reply),
        Id::Copy => relocate::copy(shard, cx, args, reply),
        Id::Move => relocate::move_key(shard, cx, args, reply),
        Id::Sadd => sets::sadd(shard, cx, args, reply),
        Id::Srem => sets::srem(shard, cx, args, reply),
        Id::Smove => sets::smove(shard, cx, args, reply),
        Id::Sismember => sets::sismember(shard, cx, args, reply),
        Id::Smismember => sets::smismember(shard, cx, args, reply),
        Id::Scard => sets::scard(shard, cx, args, reply),
        Id::Smembers => sets::smembers(shard, cx, args, reply),
        Id::Sinter => sets::sinter(shard, cx, args, reply),
        Id::Sintercard => sets::sintercard(shard, cx, args, reply),
        Id::Sinterstore => sets::sinterstore(shard, cx, args, reply),
        Id::Sunion => sets::sunion(shard, cx, args, reply),
        Id::Sunionstore => sets::sunionstore(shard, cx, args, reply),
        Id::Sdiff => sets::sdiff(shard, cx, args, reply),
        Id::Sdiffstore => sets::sdiffstore(shard, cx, args, reply),
        Id::Spop => sets::spop(shard, cx, args, reply),
        Id::Srandmember => sets::srandmember(shard, cx, args, reply),
        Id::Sscan => sets::sscan(shard, cx, args, reply),
        Id::Sort => sort::sort(shard, cx, args, reply),
        Id::SortRo => sort::sort_ro(shard, cx, args, reply),
        Id::Dbsize => keyspace::dbsize(shard, cx, args, reply),
        Id::Keys => keyspace::keys(shard, cx, args, reply),
        Id::Randomkey => keyspace::randomkey(shard, cx, args, reply),
        Id::Flushdb => keyspace::flushdb(shard, cx, args, reply),
        Id::Flushall => keyspace::flushall(shard, cx, args, reply),
        Id::Swapdb => keyspace::swapdb(shard, cx, args, reply),
        Id::Scan => scan::scan(shard, cx, args, reply),
        Id::ObjectEncoding => object::encoding(shard, cx, args, reply),
        Id::ObjectFreq => object::freq(shard, cx, args, reply),
        Id::ObjectIdletime => object::idletime(shard, cx, args, reply),
        Id::ObjectRefcount => object::refcount(shard, cx, args, reply),
        Id::ObjectHelp => object::help(shard, cx, args, reply),
        Id::MemoryUsage => object::memory_usage(shard, cx, args, reply),
        Id::Lpush => list::push::lpush(shard, cx, args, reply),
        Id::Rpush => list::push::rpush(shard, cx, args, reply),
        Id::Lpushx => list::push::lpushx(shard, cx, args, reply),
        Id::Rpushx => list::push::rpushx(shard, cx, args, reply),
        Id::Lpop => list::pop::lpop(shard, cx, args, reply),
        Id::Rpop => list::pop::rpop(shard, cx, args, reply),
        Id::Lmpop => list::pop::lmpop(shard, cx, args, reply),
        Id::Lmove => list::transfer::lmove(shard, cx, args, reply),
        Id::Rpoplpush => list::transfer::rpoplpush(shard, cx, args, reply),
        Id::Llen => list::read::llen(shard, cx, args, reply),
        Id::Lindex => list::read::lindex(shard, cx, args, reply),
        Id::Lrange => list::read::lrange(shard, cx, args, reply),
        Id::Lpos => list::read::lpos(shard, cx, args, reply),
        Id::Lset => list::edit::lset(shard, cx, args, reply),
        Id::Linsert => list::edit::linsert(shard, cx, args, reply),
        Id::Lrem => list::edit::lrem(shard, cx, args, reply),
        Id::Ltrim => list::edit::ltrim(shard, cx, args, reply),
        Id::Debug => debug::debug(shard, cx, args, reply),
        Id::Dump => dump::dump(shard, cx, args, reply),
        Id::Restore | Id::RestoreAsking => dump::restore(shard, cx, args, reply),
        Id::Zadd => zset::add::zadd(shard, cx, args, reply),
        Id::Zincrby => zset::add::zincrby(shard, cx, args, reply),
        Id::Zscore => zset::read::zscore(shard, cx, args, reply),
        Id::Zmscore => zset::read::zmscore(shard, cx, args, reply),
        Id::Zcard => zset::read::zcard(shard, cx, args, reply),
        Id::Zrank => zset::read::zrank(shard, cx, args, reply),
        Id::Zrevrank => zset::read::zrevrank(shard, cx, args, reply),
        Id::Zcount => zset::read::zcount(shard, cx, args, reply),
        Id::Zlexcount => zset::read::zlexcount(shard, cx, args, reply),
        Id::Zrange => zset::range::zrange(shard, cx, args, reply),
        Id::Zrevrange => zset::range::zrevrange(shard, cx, args, reply),
        Id::Zrangebyscore => zset::range::zrangebyscore(shard, cx, args, reply),
        Id::Zrevrangebyscore => zset::range::zrevrangebyscore(shard, cx, args, reply),
        Id::Zrangebylex => zset::range::zrangebylex(shard, cx, args, reply),
        Id::Zrevrangebylex => zset::range::zrevrangebylex(shard, cx, args, reply),
        Id::Zrangestore => zset::range::zrangestore(shard, cx, args, reply),
        Id::Zrem => zset::remove::zrem(shard, cx, args, reply),
        Id::Zremrangebyrank => zset::remove::zremrangebyrank(shard, cx, args, reply),
        Id::Zremrangebyscore => zset::remove::zremrangebyscore(shard, cx, args, reply),
        Id::Zremrangebylex => zset::remove::zremrangebylex(shard, cx, args, reply),
        Id::Zpopmin => zset::pop::zpopmin(shard, cx, args, reply),
        Id::Zpopmax => zset::pop::zpopmax(shard, cx, args, reply),
        Id::Zmpop => zset::pop::zmpop(shard, cx, args, reply),
        Id::Zrandmember => zset::random::zrandmember(shard, cx, args, reply),
        Id::Zscan => zset::scan::zscan(shard, cx, args, reply),
        Id::Zunion => zset::combine::zunion(shard, cx, args, reply),
        Id::Zinter => zset::combine::zinter(shard, cx, args, reply),
        Id::Zdiff => zset::combine::zdiff(shard, cx, args, reply),
        Id::Zunionstore => zset::combine::zunionstore(shard, cx, args, reply),
        Id::Zinterstore => zset::combine::zinterstore(shard, cx, args, reply),
        Id::Zdiffstore => zset::combine::zdiffstore(shard, cx, args, reply),
        Id::Zintercard => zset::combine::zintercard(shard, cx, args, reply),
        Id::Geoadd => geo::places::geoadd(shard, cx, args, reply),
        Id::Geopos => geo::places::geopos(shard, cx, args, reply),
        Id::Geohash => geo::places::geohash(shard, cx, args, reply),
        Id::Geodist => geo::places::geodist(shard, cx, args, reply),
        Id::Georadius => geo::search::georadius(shard, cx, args, reply),
        Id::GeoradiusRo => geo::search::georadius_ro(shard, cx, args, reply),
        Id::Georadiusbymember => geo::search::georadiusbymember(shard, cx, args, reply),
        Id::GeoradiusbymemberRo => geo::search::georadiusbymember_ro(shard, cx, args, reply),
        Id::Geosearch => geo::search::geosearch(shard, cx, args, reply),
        Id::Geosearchstore => geo::search::geosearchstore(shard, cx, args, reply),
        Id::Publish => pubsub::publish(shard, cx, args, reply),
        Id::Spublish => pubsub::spublish(shard, cx, args, reply),
        // The server's own: connections, configuration, transactions over all shards, channels.
        #[rustfmt::skip]
        Id::Acl | Id::AclCat | Id::AclDeluser | Id::AclDryrun | Id::AclGenpass | Id::AclGetuser
        | Id::AclHelp | Id::AclList | Id::AclLoad | Id::AclLog | Id::AclSave | Id::AclSetuser
        | Id::AclUsers | Id::AclWhoami | Id::Asking | Id::Auth | Id::Bgrewriteaof | Id::Bgsave | Id::Client
        | Id::ClientCaching | Id::ClientGetname | Id::ClientGetredir | Id::ClientHelp | Id::ClientId
        | Id::ClientInfo | Id::ClientKill | Id::ClientList | Id::ClientNoEvict | Id::ClientNoTouch
        | Id::ClientPause | Id::ClientReply | Id::ClientSetinfo | Id::ClientSetname | Id::ClientTracking
        | Id::ClientTrackinginfo | Id::ClientUnblock | Id::ClientUnpause | Id::Cluster
        | Id::ClusterAddslots | Id::ClusterAddslotsrange | Id::ClusterBumpepoch
        | Id::ClusterCountFailureReports | Id::ClusterCountkeysinslot | Id::ClusterDelslots
        | Id::ClusterDelslotsrange | Id::ClusterFailover | Id::ClusterFlushslots | Id::ClusterForget
        | Id::ClusterGetkeysinslot | Id::ClusterHelp | Id::ClusterInfo | Id::ClusterKeyslot
        | Id::ClusterLinks | Id::ClusterMeet | Id::ClusterMyid | Id::ClusterMyshardid | Id::ClusterNodes
        | Id::ClusterReplicas | Id::ClusterReplicate | Id::ClusterReset | Id::ClusterSaveconfig
        | Id::ClusterSetConfigEpoch | Id::ClusterSetslot | Id::ClusterShards | Id::ClusterSlaves
        | Id::ClusterSlots | Id::Command | Id::CommandCount | Id::CommandDocs | Id::CommandGetkeys
        | Id::CommandGetkeysandflags | Id::CommandHelp | Id::CommandInfo | Id::CommandList | Id::Config
        | Id::ConfigGet | Id::ConfigHelp | Id::ConfigResetstat | Id::ConfigRewrite | Id::ConfigSet
        | Id::Discard | Id::Echo | Id::Eval | Id::EvalRo | Id::Evalsha | Id::EvalshaRo | Id::Exec
        | Id::Failover | Id::Fcall | Id::FcallRo | Id::Function | Id::FunctionDelete | Id::FunctionDump
        | Id::FunctionFlush | Id::FunctionHelp | Id::FunctionKill | Id::FunctionList | Id::FunctionLoad
        | Id::FunctionRestore | Id::FunctionStats | Id::Hello | Id::Info | Id::Lastsave | Id::Latency
        | Id::LatencyDoctor | Id::LatencyGraph | Id::LatencyHelp | Id::LatencyHistogram
        | Id::LatencyHistory | Id::LatencyLatest | Id::LatencyReset | Id::Lolwut | Id::Memory
        | Id::MemoryDoctor | Id::MemoryHelp | Id::MemoryMallocStats | Id::MemoryPurge | Id::MemoryStats
        | Id::Migrate | Id::Module | Id::ModuleHelp | Id::ModuleList | Id::ModuleLoad | Id::ModuleLoadex
        | Id::ModuleUnload | Id::Monitor | Id::Multi | Id::Object | Id::Ping | Id::Psubscribe | Id::Psync
        | Id::Pubsub | Id::PubsubChannels | Id::PubsubHelp | Id::PubsubNumpat
        | Id::PubsubNumsub | Id::PubsubShardchannels | Id::PubsubShardnumsub | Id::Punsubscribe | Id::Quit
        | Id::Readonly | Id::Readwrite | Id::Replconf | Id::Replicaof | Id::Reset | Id::Role | Id::Save
        | Id::Script | Id::ScriptDebug | Id::ScriptExists | Id::ScriptFlush | Id::ScriptHelp
        | Id::ScriptKill | Id::ScriptLoad | Id::Select | Id::Shutdown | Id::Slaveof | Id::Slowlog
        | Id::SlowlogGet | Id::SlowlogHelp | Id::SlowlogLen | Id::SlowlogReset
        | Id::Ssubscribe | Id::Subscribe | Id::Sunsubscribe | Id::Sync | Id::Time | Id::Unsubscribe
        | Id::Unwatch | Id::Wait | Id::Waitaof | Id::Watch | Id::Xgroup | Id::XgroupHelp | Id::Xinfo | Id::XinfoHelp => Err(Refused::unsupported()),
    }
}

/// An argument that must be a 64-bit integer.
pub(crate) fn integer(text: &[u8]) -> Result<i64, Refused> {
    Ok(parse_i64(text).ok_or(error::NOT_AN_INTEGER)?)
}

/// An argument that must be a 32-bit integer (database indexes).
pub(crate) fn integer_32(text: &[u8]) -> Result<i32, Refused> {
    let out_of_range = |_| error::value_not_between(i32::MIN.into(), i32::MAX.into());
    Ok(i32::try_from(integer(text)?).map_err(out_of_range)?)
}

/// An argument that must be the index of a database.
pub(crate) fn database(text: &[u8], databases: usize) -> Result<usize, Refused> {
    let index = usize::try_from(integer_32(text)?).ok().filter(|&index| index < databases);
    Ok(index.ok_or(error::DB_INDEX_OUT_OF_RANGE)?)
}

/// The lines of a `HELP` subcommand, in the frame that Redis gives them.
pub(crate) fn help(reply: &mut Reply<'_>, command: &str, lines: &[&str]) {
    reply.array(lines.len() + 3);
    reply.simple(&format!("{command} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"));
    for line in lines {
        reply.simple(line);
    }
    reply.simple("HELP");
    reply.simple("    Prints this help.");
}
