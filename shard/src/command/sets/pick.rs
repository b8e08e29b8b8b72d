//! Random members: SPOP and SRANDMEMBER.

use super::bulk;
use crate::command::{Outcome, Refused, integer};
use crate::db::DetachedValue;
use crate::event::Class;
use crate::random::Random;
use crate::shard::{Cx, Shard};
use crate::value::Collection;
use crate::value::set::{Rules, Set, SetView};
use proto::args::Args;
use proto::encode::Reply;
use proto::error;
use proto::number::parse_i64;

/// Members that SRANDMEMBER answers at most when it may repeat them: the one reply whose length is not bounded by
/// what is stored. Redis writes until the client's output buffer is full, by default for ever.
const REPEATED_MAX: u64 = 1 << 24;

/// `SPOP key [count]`
pub(crate) fn spop(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    match args.len() {
        2 => pop(shard, cx, args, reply),
        3 => pop_many(shard, cx, args, reply),
        _ => Err(error::SYNTAX.into()),
    }
}

fn pop(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = shard.first_key(cx, args.at(1));
    let popped =
        shard.edit(cx, &key, |set: &mut Set, env| set.pop(env.random, |member| bulk(reply, member)))?;
    match popped {
        Some(popped) => shard.changed_or_emptied(cx, &key, Class::SET, "spop", popped.emptied),
        None => reply.null(),
    }
    Ok(())
}

fn pop_many(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let count = parse_i64(args.at(2)).and_then(|count| usize::try_from(count).ok());
    let count = count.ok_or(error::VALUE_NOT_POSITIVE)?;
    let key = shard.first_key(cx, args.at(1));
    if count == 0 {
        shard.edit(cx, &key, |_: &mut Set, _| ())?; // refused where it is no set
        reply.set(0);
        return Ok(());
    }
    let popped = shard.edit(cx, &key, |set: &mut Set, env| {
        let many = count.min(set.len());
        reply.set(many);
        let old = set.pop_many(many, &Rules::of(env), env.random, &mut |member| bulk(reply, member));
        (many, old)
    })?;
    let Some(popped) = popped else {
        reply.set(0);
        return Ok(());
    };
    let (many, old) = popped.result;
    if let Some(old) = old {
        free(shard, old);
    }
    shard.changed_by(cx, many as u64, key.bytes, Class::SET, "spop");
    if popped.emptied {
        shard.notify(cx.db, key.bytes, Class::GENERIC, "del");
    }
    Ok(())
}

/// Frees a set that another took the place of, in slices if it is large.
fn free(shard: &mut Shard, set: Set) {
    if matches!(set, Set::Table(_)) {
        shard.discard_value(DetachedValue::Object(Box::new(set.into_object())));
    }
}

/// `SRANDMEMBER key [count]`: a negative count may repeat members.
pub(crate) fn srandmember(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    match args.len() {
        2 => random(shard, cx, args, reply),
        3 => sample(shard, cx, args, reply),
        _ => Err(error::SYNTAX.into()),
    }
}

fn random(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = shard.first_key(cx, args.at(1));
    let mut random = Random::new(shard.draw());
    shard.view::<Set, _>(cx, &key, |set: Option<SetView<'_>>| {
        match set.and_then(|set| set.random(&mut random)) {
            Some(member) => bulk(reply, member),
            None => reply.null(),
        }
    })
}

fn sample(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let count = sample_count(args.at(2))?;
    let key = shard.first_key(cx, args.at(1));
    let mut random = Random::new(shard.draw());
    shard.view::<Set, _>(cx, &key, |set: Option<SetView<'_>>| {
        let Some(set) = set else {
            reply.array(0);
            return Ok(());
        };
        let wanted = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
        if count >= 0 {
            reply.array(wanted.min(set.len()));
            set.sample(wanted, &mut random, &mut |member| bulk(reply, member));
        } else if wanted as u64 <= REPEATED_MAX {
            reply.array(wanted);
            set.sample_again(wanted, &mut random, &mut |member| bulk(reply, member));
        } else {
            return Err(Refused::from(error::VALUE_OUT_OF_RANGE));
        }
        Ok(())
    })?
}

/// Any integer but the one that has no magnitude.
fn sample_count(text: &[u8]) -> Result<i64, Refused> {
    match integer(text)? {
        i64::MIN => Err(error::value_not_between(-i64::MAX, i64::MAX).into()),
        count => Ok(count),
    }
}
