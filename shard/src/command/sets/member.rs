//! Single members: SADD SREM SMOVE SISMEMBER SMISMEMBER SCARD.

use crate::command::Outcome;
use crate::db::Kind;
use crate::event::Class;
use crate::shard::{Cx, Shard};
use crate::value::set::{Member, Rules, Set, SetView};
use proto::args::Args;
use proto::encode::Reply;
use proto::error;

/// `SADD key member [member …]`
#[inline]
pub(crate) fn sadd(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = shard.first_key(cx, args.at(1));
    let members = args.from(2);
    let added = shard.upsert(cx, &key, |set: &mut Set, env| {
        let rules = Rules::of(env);
        set.expect(Member::Bytes(members.at(0)), members.len(), &rules);
        members.iter().filter(|text| set.add(Member::Bytes(text), &rules)).count()
    })?;
    if added.result > 0 {
        shard.changed_by(cx, added.result as u64, key.bytes, Class::SET, "sadd");
    }
    reply.int(added.result as i64);
    Ok(())
}

/// `SREM key member [member …]`
#[inline]
pub(crate) fn srem(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = shard.first_key(cx, args.at(1));
    let members = args.from(2);
    let edited = shard.edit(cx, &key, |set: &mut Set, _| {
        // Once empty, a set has nothing to look for.
        members.iter().filter(|text| !set.is_empty() && set.remove(Member::Bytes(text))).count()
    })?;
    let removed = edited.map_or(0, |edited| edited.result);
    if removed > 0 {
        shard.changed_by(cx, removed as u64, key.bytes, Class::SET, "srem");
        if edited.is_some_and(|edited| edited.emptied) {
            shard.notify(cx.db, key.bytes, Class::GENERIC, "del");
        }
    }
    reply.int(removed as i64);
    Ok(())
}

/// `SMOVE source destination member`
pub(crate) fn smove(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (source, destination) = (shard.first_key(cx, args.at(1)), shard.key(args.at(2)));
    let member = Member::Bytes(args.at(3));
    let [from, to] = [&source, &destination]
        .map(|key| shard.write(cx, key, |entry| entry.map(|entry| entry.entry().kind())));
    if from.is_none() {
        reply.int(0); // whatever the destination is
        return Ok(());
    }
    if [from, to].iter().flatten().any(|&kind| kind != Kind::Set) {
        return Err(error::WRONG_TYPE.into());
    }
    if source.bytes == destination.bytes {
        return contains(shard, cx, args, member, reply);
    }
    let removed = shard.edit(cx, &source, |set: &mut Set, _| set.remove(member))?;
    let Some(removed) = removed.filter(|edited| edited.result) else {
        reply.int(0);
        return Ok(());
    };
    shard.changed_or_emptied(cx, &source, Class::SET, "srem", removed.emptied);
    let added = shard.upsert(cx, &destination, |set: &mut Set, env| {
        let rules = Rules::of(env);
        set.expect(member, 1, &rules);
        set.add(member, &rules)
    })?;
    if added.result {
        shard.changed(cx, destination.bytes, Class::SET, "sadd");
    }
    reply.int(1);
    Ok(())
}

/// Answers whether the set at the first key has a member.
#[inline]
fn contains(
    shard: &mut Shard,
    cx: &Cx,
    args: Args<'_>,
    member: Member<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let key = shard.first_key(cx, args.at(1));
    let found =
        shard.view::<Set, _>(cx, &key, |set| set.is_some_and(|set: SetView<'_>| set.contains(member)))?;
    reply.int(i64::from(found));
    Ok(())
}

/// `SISMEMBER key member`
#[inline]
pub(crate) fn sismember(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    contains(shard, cx, args, Member::Bytes(args.at(2)), reply)
}

/// `SMISMEMBER key member [member …]`
pub(crate) fn smismember(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = shard.first_key(cx, args.at(1));
    let members = args.from(2);
    shard.view::<Set, _>(cx, &key, |set: Option<SetView<'_>>| {
        reply.array(members.len());
        for text in members.iter() {
            reply.int(i64::from(set.is_some_and(|set| set.contains(Member::Bytes(text)))));
        }
    })
}

/// `SCARD key`
#[inline]
pub(crate) fn scard(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = shard.first_key(cx, args.at(1));
    let len = shard.view::<Set, _>(cx, &key, |set: Option<SetView<'_>>| set.map_or(0, |set| set.len()))?;
    reply.int(len as i64);
    Ok(())
}
