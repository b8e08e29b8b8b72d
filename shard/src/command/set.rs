//! SET and what is a SET in disguise: SETNX SETEX PSETEX; and GETEX, which shares its options.
//!
//! A deadline in the past is legal with EXAT and PXAT. The key is then deleted at once, not written dead:
//! nobody could see it anyway.

use super::string::bulk;
use super::{Outcome, Refused, integer};
use crate::db::Key;
use crate::event::Class;
use crate::lookup::{Expiry, Touch};
use crate::shard::{Cx, Shard};
use proto::args::Args;
use proto::encode::Reply;
use proto::error;

/// An expiry as a client writes it.
#[derive(Clone, Copy)]
struct Deadline<'a> {
    text: &'a [u8],
    /// Milliseconds of its unit.
    unit_ms: i64,
    is_absolute: bool,
}

impl Deadline<'_> {
    /// Unix milliseconds.
    fn resolve(&self, now_ms: i64) -> Result<i64, Refused> {
        let n = integer(self.text)?;
        if n <= 0 {
            return Err(Refused::expire_time());
        }
        let base = if self.is_absolute { 0 } else { now_ms };
        n.checked_mul(self.unit_ms).and_then(|ms| ms.checked_add(base)).ok_or_else(Refused::expire_time)
    }
}

/// What stands in the one place for an expiry: an option excludes the others, but may be repeated.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Time {
    Ex,
    Px,
    ExAt,
    PxAt,
    KeepTtl,
    Persist,
}

/// Whose options are read: SET knows NX, XX, GET, KEEPTTL; GETEX knows PERSIST.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dialect {
    Set,
    GetEx,
}

#[derive(Default)]
struct Options<'a> {
    nx: bool,
    xx: bool,
    get: bool,
    time: Option<Time>,
    deadline: Option<Deadline<'a>>,
}

impl<'a> Options<'a> {
    fn parse(args: Args<'a>, dialect: Dialect) -> Result<Self, Refused> {
        let mut options = Self::default();
        let mut at = 0;
        while let Some(word) = args.get(at) {
            let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
            let in_set = dialect == Dialect::Set;
            if in_set && is("nx") && !options.xx {
                options.nx = true;
            } else if in_set && is("xx") && !options.nx {
                options.xx = true;
            } else if in_set && is("get") {
                options.get = true;
            } else {
                at += options.time(word, args.get(at + 1), dialect)?;
            }
            at += 1;
        }
        Ok(options)
    }

    /// An option about the expiry; how many words it takes beyond its own.
    fn time(&mut self, word: &[u8], next: Option<&'a [u8]>, dialect: Dialect) -> Result<usize, Refused> {
        const NAMES: [(&str, Time); 6] = [
            ("ex", Time::Ex),
            ("px", Time::Px),
            ("exat", Time::ExAt),
            ("pxat", Time::PxAt),
            ("keepttl", Time::KeepTtl),
            ("persist", Time::Persist),
        ];
        let named = NAMES.iter().find(|(name, _)| word.eq_ignore_ascii_case(name.as_bytes()));
        let Some(&(_, time)) = named else { return Err(error::SYNTAX.into()) };
        if self.time.is_some_and(|before| before != time) {
            return Err(error::SYNTAX.into());
        }
        let (unit_ms, is_absolute) = match (time, dialect) {
            (Time::Ex, _) => (1000, false),
            (Time::Px, _) => (1, false),
            (Time::ExAt, _) => (1000, true),
            (Time::PxAt, _) => (1, true),
            (Time::KeepTtl, Dialect::Set) | (Time::Persist, Dialect::GetEx) => {
                self.time = Some(time);
                return Ok(0);
            }
            (Time::KeepTtl, Dialect::GetEx) | (Time::Persist, Dialect::Set) => {
                return Err(error::SYNTAX.into());
            }
        };
        self.time = Some(time);
        self.deadline = Some(Deadline { text: next.ok_or(error::SYNTAX)?, unit_ms, is_absolute });
        Ok(1)
    }
}

/// `SET key value [NX|XX] [GET] [EX s|PX ms|EXAT s|PXAT ms|KEEPTTL]`
#[inline]
pub(super) fn set(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    if args.len() > 3 {
        return set_with_options(shard, cx, args, reply);
    }
    let key = shard.first_key(cx, args.at(1));
    shard.put_string(cx, &key, args.at(2), Expiry::Clear);
    shard.changed(cx, key.bytes, Class::STRING, "set");
    reply.ok();
    Ok(())
}

fn set_with_options(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let options = Options::parse(args.from(3), Dialect::Set)?;
    let key = shard.first_key(cx, args.at(1));
    let expiry = match options.deadline {
        Some(deadline) => Expiry::At(deadline.resolve(cx.now_ms)?),
        None if options.time == Some(Time::KeepTtl) => Expiry::Keep,
        None => Expiry::Clear,
    };
    if options.get {
        super::string::get(shard, cx, args, reply)?;
    }
    if options.nx || options.xx {
        let found = shard.is_there(cx, cx.db, &key);
        if options.nx && found || options.xx && !found {
            if !options.get {
                reply.null();
            }
            return Ok(());
        }
    }
    write(shard, cx, &key, args.at(2), expiry);
    if !options.get {
        reply.ok();
    }
    Ok(())
}

/// Writes the value, or deletes the key when its time is over already.
fn write(shard: &mut Shard, cx: &mut Cx, key: &Key<'_>, value: &[u8], expiry: Expiry) {
    match expiry {
        Expiry::At(at) if at <= cx.now_ms => super::generic::delete_key(shard, cx, key),
        _ => {
            shard.put_string(cx, key, value, expiry);
            shard.changed(cx, key.bytes, Class::STRING, "set");
            if matches!(expiry, Expiry::At(_)) {
                shard.notify(cx.db, key.bytes, Class::GENERIC, "expire");
            }
        }
    }
}

/// `SETNX key value`
pub(super) fn setnx(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = shard.first_key(cx, args.at(1));
    let found = shard.is_there(cx, cx.db, &key);
    if !found {
        shard.put_string(cx, &key, args.at(2), Expiry::Clear);
        shard.changed(cx, key.bytes, Class::STRING, "set");
    }
    reply.int(i64::from(!found));
    Ok(())
}

/// `SETEX key seconds value`
pub(super) fn setex(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    set_for(shard, cx, args, 1000, reply)
}

/// `PSETEX key milliseconds value`
pub(super) fn psetex(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    set_for(shard, cx, args, 1, reply)
}

fn set_for(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, unit_ms: i64, reply: &mut Reply<'_>) -> Outcome {
    let deadline = Deadline { text: args.at(2), unit_ms, is_absolute: false }.resolve(cx.now_ms)?;
    let key = shard.first_key(cx, args.at(1));
    write(shard, cx, &key, args.at(3), Expiry::At(deadline));
    reply.ok();
    Ok(())
}

/// `GETEX key [EX s|PX ms|EXAT s|PXAT ms|PERSIST]`. An absent key is no error whatever the time says.
pub(super) fn getex(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let options = Options::parse(args.from(2), Dialect::GetEx)?;
    let key = shard.first_key(cx, args.at(1));
    let now_ms = cx.now_ms;
    let found = shard.read(cx, &key, Touch::Normal, |entry| {
        let Some(entry) = entry else {
            reply.null();
            return Ok(None);
        };
        let value = entry.string().ok_or(error::WRONG_TYPE)?;
        let at = options.deadline.map(|deadline| deadline.resolve(now_ms)).transpose()?;
        bulk(reply, value);
        Ok::<_, Refused>(Some((at, entry.expire_at())))
    })?;
    let Some((at, before)) = found else { return Ok(()) };
    match at {
        Some(at) if at <= now_ms => super::generic::delete_key(shard, cx, &key),
        Some(at) => set_expire(shard, cx, &key, Some(at)),
        None if options.time == Some(Time::Persist) && before.is_some() => set_expire(shard, cx, &key, None),
        None => {}
    }
    Ok(())
}

/// Changes the expiry of a key that is there.
pub(super) fn set_expire(shard: &mut Shard, cx: &mut Cx, key: &Key<'_>, at: Option<i64>) {
    if let Some(mut entry) = shard.dbs[cx.db].get_mut(key) {
        entry.set_expire(at);
        let event = if at.is_some() { "expire" } else { "persist" };
        shard.changed(cx, key.bytes, Class::GENERIC, event);
    }
}
