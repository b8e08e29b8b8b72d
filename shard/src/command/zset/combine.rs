//! ZUNION ZINTER ZDIFF, ZUNIONSTORE ZINTERSTORE ZDIFFSTORE, ZINTERCARD.
//!
//! The outcome is a vector of pairs, brought into order at the end, which is replied or stored. Inputs are
//! taken from the smallest to the largest: an intersection has then the fewest members to look
//! up, and sums of doubles, whose last digit depends on the order, are those of Redis.
//!
//! A product or a sum that is no number counts as 0; but a product that is none while it is compared for MIN or
//! MAX in an intersection is passed over, as in Redis.

use super::super::{Outcome, Refused, integer};
use super::input::{Input, inputs, touch};
use super::{pair, pairs_header, store};
use crate::db::Key;
use crate::shard::{Cx, Shard};
use crate::value::dict::Dict;
use crate::value::zset::{Element, sort};
use proto::args::Args;
use proto::encode::Reply;
use proto::error;
use proto::number::parse_f64;
use std::ops::ControlFlow;

const NOT_A_WEIGHT: &str = "ERR weight value is not a float";
const LIMIT_NEGATIVE: &str = "ERR LIMIT can't be negative";

/// How sets are put together.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    Union,
    Inter,
    Diff,
}

/// How scores are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Aggregate {
    Sum,
    Min,
    Max,
}

impl Aggregate {
    fn parse(word: &[u8]) -> Result<Self, Refused> {
        const NAMES: [(&[u8], Aggregate); 3] =
            [(b"sum", Aggregate::Sum), (b"min", Aggregate::Min), (b"max", Aggregate::Max)];
        let named = NAMES.iter().find(|(name, _)| word.eq_ignore_ascii_case(name));
        Ok(named.map(|(_, aggregate)| *aggregate).ok_or(error::SYNTAX)?)
    }

    fn of(self, so_far: f64, score: f64) -> f64 {
        match self {
            Self::Sum => zero_for_nan(so_far + score),
            Self::Min if score < so_far => score,
            Self::Max if score > so_far => score,
            Self::Min | Self::Max => so_far,
        }
    }
}

fn zero_for_nan(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

/// What becomes of the outcome.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Reply,
    Store,
    Count,
}

/// A command, past its keys.
struct Query {
    operation: Operation,
    weights: Vec<f64>,
    aggregate: Aggregate,
    with_scores: bool,
    /// Of ZINTERCARD; 0 is none.
    limit: usize,
}

/// The pairs of an outcome.
type Pairs = Vec<(f64, Box<[u8]>)>;

impl Query {
    /// `args` are the options behind `keys` keys.
    fn parse(args: Args<'_>, operation: Operation, keys: usize, purpose: Use) -> Result<Self, Refused> {
        let mut query = Self {
            operation,
            weights: vec![1.0; keys],
            aggregate: Aggregate::Sum,
            with_scores: false,
            limit: 0,
        };
        let combines = operation != Operation::Diff && purpose != Use::Count;
        let mut at = 0;
        while let Some(word) = args.get(at) {
            let is = |name: &[u8]| word.eq_ignore_ascii_case(name);
            let left = args.len() - at;
            if combines && left > keys && is(b"weights") {
                for (weight, text) in query.weights.iter_mut().zip(args.from(at + 1).iter()) {
                    *weight = parse_f64(text).ok_or(NOT_A_WEIGHT)?;
                }
                at += keys;
            } else if combines && left >= 2 && is(b"aggregate") {
                query.aggregate = Aggregate::parse(args.at(at + 1))?;
                at += 1;
            } else if purpose == Use::Reply && is(b"withscores") {
                query.with_scores = true;
            } else if purpose == Use::Count && left >= 2 && is(b"limit") {
                let limit = integer(args.at(at + 1)).ok().and_then(|n| usize::try_from(n).ok());
                query.limit = limit.ok_or(LIMIT_NEGATIVE)?;
                at += 1;
            } else {
                return Err(error::SYNTAX.into());
            }
            at += 1;
        }
        Ok(query)
    }

    /// The inputs with their weights; smallest first, but for a difference.
    fn sources<'a>(&self, inputs: &[Input<'a>]) -> Vec<(Input<'a>, f64)> {
        let mut sources: Vec<_> = inputs.iter().copied().zip(self.weights.iter().copied()).collect();
        if self.operation != Operation::Diff {
            sources.sort_by_key(|(input, _)| input.len());
        }
        sources
    }

    fn pairs(&self, inputs: &[Input<'_>], seed: u64) -> Pairs {
        let sources = self.sources(inputs);
        let mut pairs = match self.operation {
            Operation::Union => self.union(&sources, seed),
            Operation::Inter => self.inter(&sources),
            Operation::Diff => diff(&sources, seed),
        };
        sort(&mut pairs);
        pairs
    }

    fn union(&self, sources: &[(Input<'_>, f64)], seed: u64) -> Pairs {
        let mut scores = Dict::new(seed);
        for (input, weight) in sources {
            input.each(&mut |member, score| {
                let score = zero_for_nan(weight * score);
                let before = scores.bits(member).map(f64::from_bits);
                let score = before.map_or(score, |before| self.aggregate.of(before, score));
                scores.put_bits(member, score.to_bits());
                ControlFlow::Continue(())
            });
        }
        pairs_of(&scores)
    }

    fn inter(&self, sources: &[(Input<'_>, f64)]) -> Pairs {
        let mut pairs = Pairs::new();
        each_common(sources, &mut |member, scores| {
            let mut weighted = scores.iter().zip(sources).map(|(score, (_, weight))| score * weight);
            let first = zero_for_nan(weighted.next().unwrap_or(0.0));
            pairs.push((weighted.fold(first, |sum, score| self.aggregate.of(sum, score)), member.into()));
            ControlFlow::Continue(())
        });
        pairs
    }
}

/// Gets a member and its scores in each input.
type VisitCommon<'a> = dyn FnMut(&[u8], &[f64]) -> ControlFlow<()> + 'a;

/// Visits the members that all inputs have, with their scores in each.
fn each_common(sources: &[(Input<'_>, f64)], visit: &mut VisitCommon<'_>) {
    let Some(((smallest, _), others)) = sources.split_first() else { return };
    let mut scores = Vec::with_capacity(sources.len());
    smallest.each(&mut |member, score| {
        scores.clear();
        scores.push(score);
        for (input, _) in others {
            let Some(score) = input.score(member) else { return ControlFlow::Continue(()) };
            scores.push(score);
        }
        visit(member, &scores)
    });
}

fn pairs_of(scores: &Dict) -> Pairs {
    let mut pairs = Pairs::with_capacity(scores.len());
    scores.each(&mut |entry| {
        if let Some(crate::db::StrRef::Int(bits)) = entry.string() {
            pairs.push((f64::from_bits(bits.cast_unsigned()), entry.key().into()));
        }
    });
    pairs
}

/// The first set without the members of all others. Either each of its members is looked up in the others, or
/// theirs are taken out of a copy of it: whichever is less work, with Redis's advantage for the former.
fn diff(sources: &[(Input<'_>, f64)], seed: u64) -> Pairs {
    let Some(((first, _), others)) = sources.split_first() else { return Pairs::new() };
    let all: usize = sources.iter().map(|(input, _)| input.len()).sum();
    let mut pairs = Pairs::new();
    if first.len().saturating_mul(sources.len()) / 2 <= all {
        first.each(&mut |member, score| {
            if !others.iter().any(|(input, _)| input.score(member).is_some()) {
                pairs.push((score, member.into()));
            }
            ControlFlow::Continue(())
        });
        return pairs;
    }
    let mut left = Dict::new(seed);
    first.each(&mut |member, score| {
        left.put_bits(member, score.to_bits());
        ControlFlow::Continue(())
    });
    for (input, _) in others {
        input.each(&mut |member, _| {
            left.remove(member);
            if left.is_empty() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
    }
    pairs_of(&left)
}

/// Where `numkeys` stands, and what for.
fn combine(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    operation: Operation,
    purpose: Use,
    reply: &mut Reply<'_>,
) -> Outcome {
    let at = if purpose == Use::Store { 2 } else { 1 };
    let numkeys = integer(args.at(at))?;
    if numkeys < 1 {
        let name = cx.id.full_name();
        return Err(format!("ERR at least 1 input key is needed for '{name}' command").into());
    }
    let numkeys = usize::try_from(numkeys).ok().filter(|&n| n < args.len() - at).ok_or(error::SYNTAX)?;
    let keys: Vec<Key<'_>> = args.from(at + 1).iter().take(numkeys).map(|key| shard.key(key)).collect();
    touch(shard, cx, &keys)?;
    let query = Query::parse(args.from(at + 1 + numkeys), operation, numkeys, purpose)?;
    let seed = shard.seed();
    let inputs = inputs(shard, cx, &keys);
    if purpose == Use::Count {
        let mut count = 0;
        each_common(&query.sources(&inputs), &mut |_, _| {
            count += 1;
            if count == query.limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        reply.int(count as i64);
        return Ok(());
    }
    let pairs = query.pairs(&inputs, seed);
    if purpose == Use::Store {
        let event = match operation {
            Operation::Union => "zunionstore",
            Operation::Inter => "zinterstore",
            Operation::Diff => "zdiffstore",
        };
        store(shard, cx, args.at(1), &pairs, event, 1);
        reply.int(pairs.len() as i64);
        return Ok(());
    }
    pairs_header(reply, pairs.len(), query.with_scores);
    for (score, member) in &pairs {
        pair(reply, Element::Bytes(member), *score, query.with_scores);
    }
    Ok(())
}

/// `ZUNION numkeys key [key …] [WEIGHTS weight …] [AGGREGATE SUM|MIN|MAX] [WITHSCORES]`
pub(in super::super) fn zunion(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    combine(shard, cx, args, Operation::Union, Use::Reply, reply)
}

/// `ZINTER numkeys key [key …] [WEIGHTS weight …] [AGGREGATE SUM|MIN|MAX] [WITHSCORES]`
pub(in super::super) fn zinter(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    combine(shard, cx, args, Operation::Inter, Use::Reply, reply)
}

/// `ZDIFF numkeys key [key …] [WITHSCORES]`
pub(in super::super) fn zdiff(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    combine(shard, cx, args, Operation::Diff, Use::Reply, reply)
}

/// `ZUNIONSTORE destination numkeys key [key …] [WEIGHTS weight …] [AGGREGATE SUM|MIN|MAX]`
pub(in super::super) fn zunionstore(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    combine(shard, cx, args, Operation::Union, Use::Store, reply)
}

/// `ZINTERSTORE destination numkeys key [key …] [WEIGHTS weight …] [AGGREGATE SUM|MIN|MAX]`
pub(in super::super) fn zinterstore(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    combine(shard, cx, args, Operation::Inter, Use::Store, reply)
}

/// `ZDIFFSTORE destination numkeys key [key …]`
pub(in super::super) fn zdiffstore(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    combine(shard, cx, args, Operation::Diff, Use::Store, reply)
}

/// `ZINTERCARD numkeys key [key …] [LIMIT limit]`
pub(in super::super) fn zintercard(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    combine(shard, cx, args, Operation::Inter, Use::Count, reply)
}
