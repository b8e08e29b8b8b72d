//! GEOSEARCH GEOSEARCHSTORE GEORADIUS GEORADIUSBYMEMBER and the _RO forms: one search.
//!
//! The shape's cells are ranges of scores, in each of which every place is measured. What is found is sorted by
//! distance if that is asked for, cut to COUNT, and replied or stored.

use super::super::Outcome;
use super::super::zset::store;
use super::hash::{Point, place};
use super::query::{Form, Order, Query};
use super::text;
use crate::shard::{Cx, Shard};
use crate::value::zset::{ZSet, ZSetView, sort};
use proto::args::Args;
use proto::encode::Reply;

/// A place that was found.
struct Found {
    member: Box<[u8]>,
    score: f64,
    place: Point,
    /// Metres from the centre.
    distance: f64,
}

/// The places within the shape, cell by cell.
fn find(view: ZSetView<'_>, query: &Query<'_>) -> Vec<Found> {
    let enough = if query.any { query.count } else { None };
    let mut found = Vec::new();
    for cell in query.shape.cover() {
        let (min, max) = cell.scores();
        let start = view.partition_point(|score, _| score < min);
        let end = view.partition_point(|score, _| score < max);
        for (member, score) in view.iter(start..end.max(start), false) {
            let place = place(score);
            if let Some(distance) = query.shape.distance_within(place) {
                found.push(Found { member: member.to_vec().into(), score, place, distance });
                if enough.is_some_and(|enough| found.len() >= enough) {
                    return found;
                }
            }
        }
    }
    found
}

/// What was found, in the order and number that were asked for.
fn arranged(mut found: Vec<Found>, query: &Query<'_>) -> Vec<Found> {
    match query.order {
        None => {}
        Some(Order::NearestFirst) => found.sort_by(|a, b| a.distance.total_cmp(&b.distance)),
        Some(Order::FarthestFirst) => found.sort_by(|a, b| b.distance.total_cmp(&a.distance)),
    }
    found.truncate(query.count.unwrap_or(usize::MAX));
    found
}

fn search(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, form: Form, reply: &mut Reply<'_>) -> Outcome {
    let key = shard.key(args.at(form.source_at()));
    let (query, found) = shard.view::<ZSet, _>(cx, &key, |view| {
        let query = Query::parse(args, form, view)?;
        let found = view.map_or(Vec::new(), |view| arranged(find(view, &query), &query));
        Ok::<_, super::Refused>((query, found))
    })??;
    let Some(to) = query.store else {
        answer(reply, &query, &found);
        return Ok(());
    };
    let unit = query.shape.unit;
    let score = |it: &Found| if to.distances { it.distance / unit } else { it.score };
    let mut pairs: Vec<_> = found.iter().map(|it| (score(it), &*it.member)).collect();
    sort(&mut pairs);
    let event = match form {
        Form::Search | Form::SearchStore => "geosearchstore",
        Form::Radius { .. } | Form::RadiusByMember { .. } => "georadiusstore",
    };
    store(shard, cx, to.key, &pairs, event, pairs.len() as u64);
    reply.int(pairs.len() as i64);
    Ok(())
}

fn answer(reply: &mut Reply<'_>, query: &Query<'_>, found: &[Found]) {
    let extras = [query.with_distance, query.with_hash, query.with_coordinates];
    let extras = extras.iter().filter(|wanted| **wanted).count();
    reply.array(found.len());
    for it in found {
        if extras > 0 {
            reply.array(1 + extras);
        }
        reply.bulk(&it.member);
        if query.with_distance {
            text::distance(reply, it.distance / query.shape.unit);
        }
        if query.with_hash {
            reply.int(it.score as i64);
        }
        if query.with_coordinates {
            reply.array(2);
            text::coordinate(reply, it.place.longitude);
            text::coordinate(reply, it.place.latitude);
        }
    }
}

/// `GEOSEARCH key FROMMEMBER member|FROMLONLAT longitude latitude BYRADIUS radius unit|BYBOX width height unit
/// [ASC|DESC] [COUNT count [ANY]] [WITHCOORD] [WITHDIST] [WITHHASH]`
pub(in super::super) fn geosearch(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    search(shard, cx, args, Form::Search, reply)
}

/// `GEOSEARCHSTORE destination source …`, with STOREDIST for the options that only a reply can show.
pub(in super::super) fn geosearchstore(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    search(shard, cx, args, Form::SearchStore, reply)
}

/// `GEORADIUS key longitude latitude radius unit … [STORE key|STOREDIST key]`
pub(in super::super) fn georadius(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    search(shard, cx, args, Form::Radius { stores: true }, reply)
}

/// GEORADIUS that stores nothing.
pub(in super::super) fn georadius_ro(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    search(shard, cx, args, Form::Radius { stores: false }, reply)
}

/// `GEORADIUSBYMEMBER key member radius unit … [STORE key|STOREDIST key]`
pub(in super::super) fn georadiusbymember(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    search(shard, cx, args, Form::RadiusByMember { stores: true }, reply)
}

/// GEORADIUSBYMEMBER that stores nothing.
pub(in super::super) fn georadiusbymember_ro(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    search(shard, cx, args, Form::RadiusByMember { stores: false }, reply)
}
