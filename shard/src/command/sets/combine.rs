//! Several sets at once: SINTER SUNION SDIFF, SINTERCARD, and the forms that STORE. SMEMBERS, too.
//!
//! | command | how                                                           | look-ups, at most          |
//! |---------|---------------------------------------------------------------|----------------------------|
//! | SINTER  | each member of the smallest set is looked for in the others   | smallest x others          |
//! | SDIFF   | each member of the first is looked for in the others, or      | first x others             |
//! |         | the others' members are struck from a table of the first's    | members of all             |
//! | SUNION  | a member is answered when a table has not seen it before      | members of all             |
//!
//! SDIFF takes the way with less work, as Redis reckons it. The tables hold references into the sets. SINTER, and
//! SDIFF's first way, need none, and look members up in intsets and listpacks as they are.
//!
//! A STORE makes the result as Redis 7.2 does, step by step, because the encoding depends on the steps: the second
//! way of SDIFF adds all members of the first set before it removes any, and a table it became meanwhile
//! stays one.

use super::{bulk, look_up, store, views};
use crate::command::{Outcome, Refused};
use crate::shard::{Cx, Shard};
use crate::value::set::view::{DistinctSet, Seeded};
use crate::value::set::{Member, Rules, Set, SetView};
use proto::args::Args;
use proto::encode::{Kind, Reply};
use proto::error;
use proto::number::parse_i64;
use std::ops::ControlFlow;

/// `SMEMBERS key`
pub(crate) fn smembers(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = shard.first_key(cx, args.at(1));
    shard.view::<Set, _>(cx, &key, |set: Option<SetView<'_>>| {
        reply.set(set.map_or(0, |set| set.len()));
        if let Some(set) = set {
            set.each(&mut |member| bulk(reply, member));
        }
    })
}

/// Answers the members that `walk` visits, as a set.
fn answer<'a>(reply: &mut Reply<'_>, walk: impl FnOnce(&mut dyn FnMut(Member<'a>))) {
    let (header, mut found) = (reply.deferred(), 0);
    walk(&mut |member| {
        bulk(reply, member);
        found += 1;
    });
    reply.set_deferred(header, found, Kind::Set);
}

/// Visits the members that all of several sets have, until it is told to stop. Sorts the sets by size, so that
/// the first is the smallest.
fn intersect<'a>(sets: &mut [SetView<'a>], visit: &mut dyn FnMut(Member<'a>) -> ControlFlow<()>) {
    sets.sort_by_key(SetView::len);
    let Some((smallest, others)) = sets.split_first() else { return };
    // A key named twice needs no second look.
    let others: Vec<_> = others.iter().filter(|set| !set.is(smallest)).collect();
    let _ = smallest.try_each(&mut |member| {
        if others.iter().all(|set| set.contains(member)) { visit(member) } else { ControlFlow::Continue(()) }
    });
}

/// `SINTER key [key …]`
pub(crate) fn sinter(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let keys = look_up(shard, cx, args, 1..args.len())?;
    let sets: Option<Vec<_>> = views(shard, cx, &keys).into_iter().collect();
    let Some(mut sets) = sets else {
        reply.set(0);
        return Ok(());
    };
    answer(reply, |visit| {
        intersect(&mut sets, &mut |member| {
            visit(member);
            ControlFlow::Continue(())
        });
    });
    Ok(())
}

/// `SINTERCARD numkeys key [key …] [LIMIT limit]`
pub(crate) fn sintercard(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (places, limit) = card_options(args)?;
    let keys = look_up(shard, cx, args, 2..2 + places)?;
    let sets: Option<Vec<_>> = views(shard, cx, &keys).into_iter().collect();
    let mut found = 0;
    if let Some(mut sets) = sets {
        intersect(&mut sets, &mut |_| {
            found += 1;
            if found == limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
    }
    reply.int(found);
    Ok(())
}

/// The number of keys and the limit, 0 for none.
fn card_options(args: Args<'_>) -> Result<(usize, i64), Refused> {
    let count = parse_i64(args.at(1)).filter(|&count| count > 0);
    let count = count.ok_or("ERR numkeys should be greater than 0")?;
    let count = usize::try_from(count).ok().filter(|&count| count <= args.len() - 2);
    let count = count.ok_or("ERR Number of keys can't be greater than number of args")?;
    let (mut limit, options) = (0, args.from(2 + count));
    for at in (0..options.len()).step_by(2) {
        let Some(number) = options.get(at + 1).filter(|_| options.at(at).eq_ignore_ascii_case(b"limit"))
        else {
            return Err(error::SYNTAX.into());
        };
        limit = parse_i64(number).filter(|&limit| limit >= 0).ok_or("ERR LIMIT can't be negative")?;
    }
    Ok((count, limit))
}

/// `SINTERSTORE destination key [key …]`
pub(crate) fn sinterstore(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let keys = look_up(shard, cx, args, 2..args.len())?;
    let rules = Rules::of(&shard.env(cx));
    let sets: Option<Vec<_>> = views(shard, cx, &keys).into_iter().collect();
    let result = sets.map_or_else(Set::default, |mut sets| intersection(&mut sets, &rules));
    let destination = shard.first_key(cx, args.at(1));
    store(shard, cx, &destination, result, "sinterstore", reply);
    Ok(())
}

/// What several sets have in common: an intset if the smallest is one, else made as a listpack, and an
/// intset in the end if it has integers only.
fn intersection(sets: &mut [SetView<'_>], rules: &Rules) -> Set {
    let smallest = sets.iter().min_by_key(|set| set.len());
    let mut result =
        if matches!(smallest, Some(SetView::Intset(_))) { Set::new_intset() } else { Set::new_listpack() };
    let mut only_integers = true;
    intersect(sets, &mut |member| {
        only_integers &= member.to_int().is_some();
        result.add_new(member, rules);
        ControlFlow::Continue(())
    });
    if only_integers && !result.is_empty() {
        result.prefer_intset(rules);
    }
    result
}

/// `SUNION key [key …]`
pub(crate) fn sunion(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let keys = look_up(shard, cx, args, 1..args.len())?;
    let sets: Vec<_> = views(shard, cx, &keys).into_iter().flatten().collect();
    if let [set] = sets[..] {
        reply.set(set.len());
        set.each(&mut |member| bulk(reply, member));
        return Ok(());
    }
    let largest = sets.iter().map(SetView::len).max().unwrap_or(0);
    let mut seen = DistinctSet::with_capacity_and_hasher(largest, Seeded(shard.seed()));
    answer(reply, |visit| {
        for set in &sets {
            set.each(&mut |member| {
                if seen.insert(member.into()) {
                    visit(member);
                }
            });
        }
    });
    Ok(())
}

/// `SUNIONSTORE destination key [key …]`
pub(crate) fn sunionstore(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let keys = look_up(shard, cx, args, 2..args.len())?;
    let rules = Rules::of(&shard.env(cx));
    let mut result = Set::new_intset();
    for set in views(shard, cx, &keys).into_iter().flatten() {
        set.each(&mut |member| {
            result.add(member, &rules);
        });
    }
    let destination = shard.first_key(cx, args.at(1));
    store(shard, cx, &destination, result, "sunionstore", reply);
    Ok(())
}

/// How to subtract sets from a first one.
enum Difference<'a> {
    /// Nothing is left: the first is not there, or is subtracted from itself.
    Nothing,
    /// Those members of the first that none of the others has.
    Filter(SetView<'a>, Vec<SetView<'a>>),
    /// The members of the first, then without those of the others.
    Strike(SetView<'a>, Vec<SetView<'a>>),
}

impl<'a> Difference<'a> {
    fn of(sets: &[Option<SetView<'a>>]) -> Self {
        let Some((Some(first), others)) = sets.split_first() else { return Self::Nothing };
        let mut others: Vec<_> = others.iter().flatten().copied().collect();
        if others.iter().any(|set| set.is(first)) {
            return Self::Nothing;
        }
        // Looking members up is halved: it stops at the first set that has one.
        let filter_work = first.len() as u64 * (others.len() as u64 + 1) / 2;
        let strike_work = first.len() as u64 + others.iter().map(|set| set.len() as u64).sum::<u64>();
        if filter_work > strike_work {
            return Self::Strike(*first, others);
        }
        // The larger a set, the likelier it has what is looked for.
        others.sort_by_key(|set| std::cmp::Reverse(set.len()));
        Self::Filter(*first, others)
    }

    fn each(&self, seed: u64, visit: &mut dyn FnMut(Member<'a>)) {
        match self {
            Self::Nothing => {}
            Self::Filter(first, others) => first.each(&mut |member| {
                if !others.iter().any(|set| set.contains(member)) {
                    visit(member);
                }
            }),
            Self::Strike(first, others) => {
                let mut left = DistinctSet::with_capacity_and_hasher(first.len(), Seeded(seed));
                first.each(&mut |member| {
                    left.insert(member.into());
                });
                for set in others {
                    set.each(&mut |member| {
                        left.remove(&member.into());
                    });
                }
                left.iter().for_each(|distinct| visit(distinct.member()));
            }
        }
    }

    fn into_set(self, rules: &Rules) -> Set {
        let mut result = Set::new_intset();
        match self {
            Self::Nothing => {}
            Self::Filter(..) => self.each(0, &mut |member| {
                result.add_new(member, rules);
            }),
            Self::Strike(first, others) => {
                first.each(&mut |member| {
                    result.add_new(member, rules);
                });
                for set in &others {
                    set.each(&mut |member| {
                        result.remove(member);
                    });
                }
            }
        }
        result
    }
}

/// `SDIFF key [key …]`
pub(crate) fn sdiff(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let keys = look_up(shard, cx, args, 1..args.len())?;
    let difference = Difference::of(&views(shard, cx, &keys));
    answer(reply, |visit| difference.each(shard.seed(), visit));
    Ok(())
}

/// `SDIFFSTORE destination key [key …]`
pub(crate) fn sdiffstore(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let keys = look_up(shard, cx, args, 2..args.len())?;
    let rules = Rules::of(&shard.env(cx));
    let result = Difference::of(&views(shard, cx, &keys)).into_set(&rules);
    let destination = shard.first_key(cx, args.at(1));
    store(shard, cx, &destination, result, "sdiffstore", reply);
    Ok(())
}
