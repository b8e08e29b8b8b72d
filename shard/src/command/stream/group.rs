//! XGROUP: making, changing and deleting consumer groups and their consumers.

use super::{Outcome, Refused, bad_subcommand, group_changed, ids, integer, no_group};
use crate::db::DetachedValue;
use crate::event::Class;
use crate::shard::{Cx, Shard};
use crate::value::stream::{Group, Stream, StreamId};
use crate::value::{Collection, Object};
use proto::args::Args;
use proto::encode::Reply;

const NO_KEY: &str = "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use \
    the MKSTREAM option to create an empty stream automatically.";
const BUSY_GROUP: &str = "BUSYGROUP Consumer Group name already exists";
const READ_NEGATIVE: &str = "ERR value for ENTRIESREAD must be positive or -1";

/// What follows the id of CREATE and SETID.
#[derive(Default)]
struct Options {
    make: bool,
    /// `None` where it is not known, which is written -1.
    entries_read: Option<i64>,
}

impl Options {
    fn parse(args: Args<'_>, of_create: bool) -> Result<Self, Refused> {
        let mut options = Self::default();
        let mut at = 5;
        while let Some(word) = args.get(at) {
            if of_create && word.eq_ignore_ascii_case(b"mkstream") {
                options.make = true;
            } else if word.eq_ignore_ascii_case(b"entriesread")
                && let Some(read) = args.get(at + 1)
            {
                let read = integer(read)?;
                if read < -1 {
                    return Err(READ_NEGATIVE.into());
                }
                options.entries_read = Some(read).filter(|&read| read >= 0);
                at += 1;
            } else {
                return Err(bad_subcommand("xgroup", args));
            }
            at += 1;
        }
        Ok(options)
    }
}

/// Refuses a key that is not there or, where it is asked for, has no such group.
fn require(shard: &mut Shard, cx: &Cx, args: Args<'_>, needs_group: bool) -> Outcome {
    let (key, name) = (shard.first_key(cx, args.at(2)), args.at(3));
    let edited = shard.edit(cx, &key, |stream: &mut Stream, _| stream.groups.contains_key(name))?;
    match edited.map(|edited| edited.result) {
        None => Err(NO_KEY.into()),
        Some(false) if needs_group => Err(no_group(key.bytes, name)),
        Some(_) => Ok(()),
    }
}

/// Changes a group that must be there.
fn edit_group<R>(
    shard: &mut Shard,
    cx: &Cx,
    args: Args<'_>,
    edit: impl FnOnce(&mut Group, StreamId) -> Result<R, Refused>,
) -> Result<R, Refused> {
    let (key, name) = (shard.first_key(cx, args.at(2)), args.at(3));
    let edited = shard.edit(cx, &key, |Stream { log, groups }: &mut Stream, _| {
        let group = groups.get_mut(name).ok_or_else(|| no_group(key.bytes, name))?;
        edit(group, log.last_id)
    })?;
    edited.ok_or(NO_KEY)?.result
}

/// `XGROUP CREATE key group id|$ [MKSTREAM] [ENTRIESREAD entries-read]`
pub(crate) fn create(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    /// Most words of it; further ones would be options given twice.
    const WORDS_MAX: usize = 8;
    let options = Options::parse(args, true)?;
    let key = shard.first_key(cx, args.at(2));
    let is_new = shard.view_for_write(cx, &key)?;
    if is_new && !options.make {
        return Err(NO_KEY.into());
    }
    if args.len() > WORDS_MAX {
        return Err(bad_subcommand("xgroup", args));
    }
    let id = if args.at(4) == b"$" { None } else { Some(ids::strict(args.at(4))?) };
    let edited = shard.upsert(cx, &key, |Stream { log, groups }: &mut Stream, _| {
        if groups.contains_key(args.at(3)) {
            return Err(BUSY_GROUP);
        }
        let group = Group::new(id.unwrap_or(log.last_id), options.entries_read);
        groups.insert(args.at(3).into(), group);
        Ok(())
    })?;
    edited.result?;
    if is_new {
        shard.changed(cx, key.bytes, Class::STREAM, "xgroup-create");
    } else {
        group_changed(shard, cx, key.bytes, "xgroup-create");
    }
    reply.ok();
    Ok(())
}

impl Shard {
    /// Whether there is no such key; refused when it is no stream.
    fn view_for_write(&mut self, cx: &Cx, key: &crate::db::Key<'_>) -> Result<bool, Refused> {
        Ok(self.edit(cx, key, |_: &mut Stream, _| ())?.is_none())
    }
}

/// `XGROUP SETID key group id|$ [ENTRIESREAD entries-read]`
pub(crate) fn set_id(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let options = Options::parse(args, false)?;
    require(shard, cx, args, true)?;
    if args.len() != 5 && args.len() != 7 {
        return Err(bad_subcommand("xgroup", args));
    }
    let id = if args.at(4) == b"$" { None } else { Some(ids::loose(args.at(4))?) };
    edit_group(shard, cx, args, |group, last_id| {
        group.last_id = id.unwrap_or(last_id);
        group.entries_read = options.entries_read;
        Ok(())
    })?;
    group_changed(shard, cx, args.at(2), "xgroup-setid");
    reply.ok();
    Ok(())
}

/// `XGROUP DESTROY key group`. What was pending is freed in slices, if it is much. Clients that wait for the
/// group are told.
pub(crate) fn destroy(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (key, name) = (shard.first_key(cx, args.at(2)), args.at(3));
    let edited = shard.edit(cx, &key, |stream: &mut Stream, _| stream.groups.remove_entry(name))?;
    let Some((name, group)) = edited.ok_or(NO_KEY)?.result else {
        reply.int(0);
        return Ok(());
    };
    let mut rest = Stream::new();
    rest.groups.insert(name, group);
    shard.discard_value(DetachedValue::Object(Box::new(Object::Stream(rest))));
    cx.dirty += 1;
    shard.notify(cx.db, key.bytes, Stream::CLASS, "xgroup-destroy");
    shard.wake(cx.db, key.bytes);
    reply.int(1);
    Ok(())
}

/// `XGROUP CREATECONSUMER key group consumer`
pub(crate) fn create_consumer(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let now_ms = cx.now_ms;
    let made = edit_group(shard, cx, args, |group, _| Ok(group.find_or_create(args.at(4), now_ms).1))?;
    super::consumer_made(shard, cx, args.at(2), made);
    reply.int(i64::from(made));
    Ok(())
}

/// `XGROUP DELCONSUMER key group consumer`: how much was pending there.
pub(crate) fn delete_consumer(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let pending = edit_group(shard, cx, args, |group, _| Ok(group.remove_consumer(args.at(4))))?;
    if pending.is_some() {
        group_changed(shard, cx, args.at(2), "xgroup-delconsumer");
    }
    reply.int(pending.unwrap_or(0) as i64);
    Ok(())
}
