//! Commands that carry a value from one key to another: RENAME RENAMENX COPY MOVE.
//!
//! A value that is renamed or moved keeps its expiry and its access bits; a copy keeps the expiry and
//! starts with fresh bits.

use super::{Outcome, Refused, database};
use crate::db::{Detached, Key};
use crate::event::Class;
use crate::lookup::Touch;
use crate::lru;
use crate::shard::{Cx, Shard};
use proto::args::Args;
use proto::encode::Reply;
use proto::error;

/// `RENAME key newkey`
pub(super) fn rename(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    move_value(shard, cx, args, false)?;
    reply.ok();
    Ok(())
}

/// `RENAMENX key newkey`
pub(super) fn renamenx(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let moved = move_value(shard, cx, args, true)?;
    reply.int(i64::from(moved));
    Ok(())
}

/// Renames; false when `nx` forbids it. A key renamed to itself must be there and stays as it is.
fn move_value(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, nx: bool) -> Result<bool, Refused> {
    let (from, to) = (shard.first_key(cx, args.at(1)), shard.key(args.at(2)));
    if !shard.is_there(cx, cx.db, &from) {
        return Err(error::NO_SUCH_KEY.into());
    }
    if from.bytes == to.bytes || nx && shard.is_there(cx, cx.db, &to) {
        return Ok(false);
    }
    let value = shard.take(cx, cx.db, &from).ok_or(error::NO_SUCH_KEY)?;
    shard.delete(cx, cx.db, &to);
    shard.dbs[cx.db].insert(&to, value);
    shard.notify(cx.db, to.bytes, Class::NEW, "new");
    shard.changed(cx, from.bytes, Class::GENERIC, "rename_from");
    shard.changed_by(cx, 0, to.bytes, Class::GENERIC, "rename_to");
    Ok(true)
}

/// What follows the keys of COPY.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct CopyOptions {
    replace: bool,
    /// The database of the destination.
    db: usize,
}

impl CopyOptions {
    /// Reads `[DB index] [REPLACE]`, and refuses to copy a key to itself.
    fn parse(cx: &Cx, args: Args<'_>, databases: usize) -> Result<Self, Refused> {
        let mut options = Self { replace: false, db: cx.db };
        let mut at = 3;
        while let Some(word) = args.get(at) {
            if word.eq_ignore_ascii_case(b"replace") {
                options.replace = true;
            } else if word.eq_ignore_ascii_case(b"db")
                && let Some(index) = args.get(at + 1)
            {
                options.db = database(index, databases)?;
                at += 1;
            } else {
                return Err(error::SYNTAX.into());
            }
            at += 1;
        }
        if options.db == cx.db && args.at(1) == args.at(2) {
            return Err(error::SAME_OBJECT.into());
        }
        Ok(options)
    }
}

/// `COPY source destination [DB index] [REPLACE]`
pub(super) fn copy(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let options = CopyOptions::parse(cx, args, shard.dbs.len())?;
    let (from, to) = (shard.first_key(cx, args.at(1)), shard.key(args.at(2)));
    let is_there = shard.read(cx, &from, Touch::Normal, |entry| entry.is_some());
    if !is_there || shard.is_there(cx, options.db, &to) && !options.replace {
        reply.int(0);
        return Ok(());
    }
    if let Some(copy) = shard.copy_of(cx, &from) {
        shard.dbs[options.db].insert(&to, copy);
        shard.notify(options.db, to.bytes, Class::NEW, "new");
        shard.changed_in(cx, options.db, to.bytes, Class::GENERIC, "copy_to");
    }
    reply.int(cx.dirty as i64);
    Ok(())
}

impl Shard {
    /// A copy of the value under a key that was just looked up: the expiry stays, the access bits are fresh.
    fn copy_of(&self, cx: &Cx, key: &Key<'_>) -> Option<Detached> {
        let mut copy = self.dbs[cx.db].get(key)?.detached();
        copy.lru = lru::fresh(&self.settings, cx.now_ms);
        Some(copy)
    }
}

/// `MOVE key db`
pub(super) fn move_key(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let target = database(args.at(2), shard.dbs.len())?;
    if target == cx.db {
        return Err(error::SAME_OBJECT.into());
    }
    let key = shard.first_key(cx, args.at(1));
    if shard.is_there(cx, cx.db, &key)
        && !shard.is_there(cx, target, &key)
        && let Some(value) = shard.take(cx, cx.db, &key)
    {
        shard.dbs[target].insert(&key, value);
        shard.notify(target, key.bytes, Class::NEW, "new");
        shard.changed_by(cx, 0, key.bytes, Class::GENERIC, "move_from");
        shard.changed_in(cx, target, key.bytes, Class::GENERIC, "move_to");
    }
    reply.int(cx.dirty as i64);
    Ok(())
}
