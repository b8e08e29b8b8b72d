//! DUMP and RESTORE: a value as bytes that another server understands, and back.
//!
//! The bytes are those of an RDB file with a version and a checksum behind them ([`persist::rdb`]); what they may
//! be is told there and in [`crate::value::rdb`]. RESTORE trusts none of them, whatever `sanitize-dump-payload`
//! says.

#[cfg(test)]
mod tests;

use super::{Outcome, Refused, integer};
use crate::db::{Detached, Key};
use crate::event::Class;
use crate::lookup::Touch;
use crate::lru;
use crate::shard::{Cx, Shard};
use crate::value::rdb::{self, Loader};
use proto::args::Args;
use proto::encode::Reply;
use proto::error;

/// `DUMP key`
pub(super) fn dump(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = shard.first_key(cx, args.at(1));
    let compress = shard.settings.rdb_compression;
    let payload = shard.read(cx, &key, Touch::Normal, |entry| entry.map(|entry| rdb::dump(entry, compress)));
    reply.bulk_or_null(payload.as_deref());
    Ok(())
}

/// What follows the payload of RESTORE.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Options {
    replace: bool,
    /// The time to live is a Unix time.
    absolute: bool,
    idle_seconds: Option<i64>,
    frequency: Option<u8>,
}

impl Options {
    /// Reads `[REPLACE] [ABSTTL] [IDLETIME seconds | FREQ frequency]`.
    fn parse(args: Args<'_>) -> Result<Self, Refused> {
        let mut options = Self::default();
        let mut at = 4;
        while let Some(word) = args.get(at) {
            match (word.to_ascii_lowercase().as_slice(), args.get(at + 1)) {
                (b"replace", _) => options.replace = true,
                (b"absttl", _) => options.absolute = true,
                (b"idletime", Some(seconds)) if options.frequency.is_none() => {
                    let seconds = Some(integer(seconds)?).filter(|&seconds| seconds >= 0);
                    options.idle_seconds = Some(seconds.ok_or("ERR Invalid IDLETIME value, must be >= 0")?);
                    at += 1;
                }
                (b"freq", Some(frequency)) if options.idle_seconds.is_none() => {
                    let frequency = u8::try_from(integer(frequency)?);
                    let frequency =
                        frequency.map_err(|_| "ERR Invalid FREQ value, must be >= 0 and <= 255")?;
                    options.frequency = Some(frequency);
                    at += 1;
                }
                _ => return Err(error::SYNTAX.into()),
            }
            at += 1;
        }
        Ok(options)
    }

    /// When the key expires, Unix milliseconds, if it does.
    fn expire_at(&self, ttl: &[u8], now_ms: i64) -> Result<Option<i64>, Refused> {
        match integer(ttl)? {
            ..0 => Err("ERR Invalid TTL value, must be >= 0".into()),
            0 => Ok(None),
            at if self.absolute => Ok(Some(at)),
            ttl => Ok(Some(ttl.saturating_add(now_ms))),
        }
    }

    /// The access bits of the key; an option for the other policy does nothing.
    fn access_bits(&self, shard: &Shard, now_ms: i64) -> u32 {
        let is_lfu = shard.settings.maxmemory_policy.is_lfu();
        match (is_lfu, self.frequency, self.idle_seconds) {
            (true, Some(counter), _) => lru::of_frequency(counter, now_ms),
            (false, _, Some(seconds)) => lru::of_idle_seconds(seconds, now_ms),
            _ => lru::fresh(&shard.settings, now_ms),
        }
    }
}

/// `RESTORE key ttl serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]`, and
/// `RESTORE-ASKING`, which is for keys of a slot that is on its way here.
pub(super) fn restore(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let options = Options::parse(args)?;
    let key = shard.first_key(cx, args.at(1));
    if !options.replace && shard.is_there(cx, cx.db, &key) {
        return Err(error::BUSY_KEY.into());
    }
    let expire_at = options.expire_at(args.at(2), cx.now_ms)?;
    let value = persist::rdb::open(args.at(3), shard.settings.any_checksum).ok_or(error::BAD_PAYLOAD)?;
    let loader = Loader { settings: &shard.settings, seed: shard.seed() };
    let value = loader.load(value).map_err(|_| error::BAD_DATA_FORMAT)?;
    let lru = options.access_bits(shard, cx.now_ms);
    put(shard, cx, &key, Detached { value, expire_at, lru });
    reply.ok();
    Ok(())
}

/// Puts a restored value in the place of whatever is there; one whose time is over only makes the place free.
fn put(shard: &mut Shard, cx: &mut Cx, key: &Key<'_>, value: Detached) {
    let replaces = shard.delete(cx, cx.db, key);
    if value.expire_at.is_some_and(|at| at <= cx.now_ms) {
        if replaces {
            shard.changed(cx, key.bytes, Class::GENERIC, "del");
        }
        return;
    }
    shard.dbs[cx.db].insert(key, value);
    shard.notify(cx.db, key.bytes, Class::NEW, "new");
    shard.changed(cx, key.bytes, Class::GENERIC, "restore");
}
