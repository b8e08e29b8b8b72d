//! GEOADD GEOPOS GEODIST GEOHASH.

use super::super::Outcome;
use super::super::zset::add::add_pairs;
use super::hash::{place, score, text as geohash_text};
use super::shape::distance;
use super::{metres, point, text};
use crate::shard::{Cx, Shard};
use crate::value::zset::{When, ZSet};
use proto::args::Args;
use proto::encode::Reply;
use proto::error;

/// `GEOADD key [NX|XX] [CH] longitude latitude member [longitude latitude member …]`: a ZADD.
pub(in super::super) fn geoadd(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let (mut when, mut ch, mut at) = (When::default(), false, 2);
    while let Some(word) = args.get(at) {
        let is = |name: &[u8]| word.eq_ignore_ascii_case(name);
        match () {
            () if is(b"nx") => when.nx = true,
            () if is(b"xx") => when.xx = true,
            () if is(b"ch") => ch = true,
            () => break,
        }
        at += 1;
    }
    let words = args.from(at);
    if words.len() == 0 || !words.len().is_multiple_of(3) || when.nx && when.xx {
        return Err(error::SYNTAX.into());
    }
    let mut pairs = Vec::with_capacity(words.len() / 3);
    for at in (0..words.len()).step_by(3) {
        pairs.push((score(point(words.at(at), words.at(at + 1))?), words.at(at + 2)));
    }
    add_pairs(shard, cx, args.at(1), &pairs, when, ch, reply)
}

/// `GEOPOS key [member …]`
pub(in super::super) fn geopos(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let key = shard.first_key(cx, args.at(1));
    shard.view::<ZSet, _>(cx, &key, |view| {
        reply.array(args.len() - 2);
        for member in args.from(2).iter() {
            match view.and_then(|view| view.score(member)) {
                None => reply.null_array(),
                Some(score) => {
                    let place = place(score);
                    reply.array(2);
                    text::coordinate(reply, place.longitude);
                    text::coordinate(reply, place.latitude);
                }
            }
        }
    })
}

/// `GEOHASH key [member …]`
pub(in super::super) fn geohash(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let key = shard.first_key(cx, args.at(1));
    shard.view::<ZSet, _>(cx, &key, |view| {
        reply.array(args.len() - 2);
        for member in args.from(2).iter() {
            match view.and_then(|view| view.score(member)) {
                None => reply.null(),
                Some(score) => reply.bulk(&geohash_text(place(score))),
            }
        }
    })
}

/// `GEODIST key member1 member2 [unit]`
pub(in super::super) fn geodist(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let unit = match args.len() {
        4 => 1.0,
        5 => metres(args.at(4))?,
        _ => return Err(error::SYNTAX.into()),
    };
    let key = shard.first_key(cx, args.at(1));
    shard.view::<ZSet, _>(cx, &key, |view| {
        let scores = view.and_then(|view| view.score(args.at(2)).zip(view.score(args.at(3))));
        match scores {
            None => reply.null(),
            Some((a, b)) => text::distance(reply, distance(place(a), place(b)) / unit),
        }
    })
}
