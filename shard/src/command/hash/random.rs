//! `HRANDFIELD key [count [WITHVALUES]]`.
//!
//! | asked for                    | packed                              | table                                  |
//! |------------------------------|-------------------------------------|----------------------------------------|
//! | one, or -n with repetitions  | by position                         | a draw each                            |
//! | n that are different, few    | selection sampling                  | draws, those that came already dropped |
//! | n that are different, many   | selection sampling                  | selection sampling                     |
//! | all there are                | a walk                              | a walk                                 |
//!
//! Selection sampling (Knuth, TAOCP 3.4.2, algorithm S) walks once and takes each field with the chance that the
//! rest still needs: no copy, no set of what was taken. Different fields come in no random order, as in Redis.
//!
//! What is due is reaped first, as in Redis; of a large hash only so much as takes no long time, and what is left
//! is not drawn.

use super::super::string::bulk;
use crate::command::{Outcome, Refused, integer};
use crate::db::Key;
use crate::lookup::is_expired;
use crate::random::Random;
use crate::shard::{Cx, Shard};
use crate::value::hash::{Field, Fields, Hash, HashView, spell};
use proto::args::Args;
use proto::encode::{Reply, Resp};
use proto::error;
use std::collections::BTreeSet;

/// Fields that a call deletes because they are due.
const REAPED_MAX: usize = 4096;
/// A table is drawn from, instead of walked, if it has more than this times the fields asked for.
const WALK_BELOW: usize = 3;
/// Draws that may hit fields that are due before a walk takes the next one that is not.
const DRAWS_IN_VAIN_MAX: usize = 64;
/// Draws with repetitions that a call may ask for: beyond, no reply could be held in memory.
const REPETITIONS_MAX: u64 = 1 << 27;

/// What is asked for.
struct Options {
    count: u64,
    /// Fields may come several times.
    repeats: bool,
    values: bool,
}

impl Options {
    fn parse(args: Args<'_>) -> Result<Self, Refused> {
        let count = integer(args.at(2))?;
        if count == i64::MIN {
            return Err(error::value_not_between(-i64::MAX, i64::MAX).into());
        }
        let values = match args.get(3) {
            None => false,
            Some(word) if args.len() == 4 && word.eq_ignore_ascii_case(b"withvalues") => true,
            Some(_) => return Err(error::SYNTAX.into()),
        };
        let is_too_many = values && count.unsigned_abs() > i64::MAX as u64 / 2;
        if is_too_many || count < 0 && count.unsigned_abs() > REPETITIONS_MAX {
            return Err(error::VALUE_OUT_OF_RANGE.into());
        }
        Ok(Self { count: count.unsigned_abs(), repeats: count < 0, values })
    }
}

pub(in crate::command) fn hrandfield(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let options = if args.len() > 2 { Some(Options::parse(args)?) } else { None };
    let key = shard.first_key(cx, args.at(1));
    reap_due(shard, cx, &key);
    let draws = Draws { random: Random::new(shard.draw()), now_ms: cx.now_ms };
    shard.view::<Hash, _>(cx, &key, |view| match (view, options) {
        (view, None) => one(view, draws, reply),
        (None, Some(_)) => reply.array(0),
        (Some(view), Some(options)) => several(view, &options, draws, reply),
    })
}

/// Deletes what is due of a hash.
fn reap_due(shard: &mut Shard, cx: &mut Cx, key: &Key<'_>) {
    let Some(entry) = shard.dbs[cx.db].get(key) else { return };
    if is_expired(entry.field_deadline(), cx.now_ms) && !is_expired(entry.expire_at(), cx.now_ms) {
        shard.reap_fields(cx, key, REAPED_MAX);
    }
}

fn one(view: Option<HashView<'_>>, mut draws: Draws, reply: &mut Reply<'_>) {
    match view.and_then(|view| draws.one(view)) {
        Some(field) => bulk(reply, field.name),
        None => reply.null(),
    }
}

fn several(view: HashView<'_>, options: &Options, mut draws: Draws, reply: &mut Reply<'_>) {
    let live = view.len() - view.due(draws.now_ms);
    let count = if options.repeats { options.count } else { options.count.min(live as u64) } as usize;
    let count = if live == 0 { 0 } else { count };
    let pairs = options.values && reply.resp() == Resp::V3;
    reply.array(if options.values && !pairs { 2 * count } else { count });
    let put = &mut |field: Field<'_>| {
        if pairs {
            reply.array(2);
        }
        bulk(reply, field.name);
        if options.values {
            bulk(reply, field.value);
        }
    };
    match view {
        _ if count == 0 => {}
        _ if options.repeats || count == 1 => draws.repeated(view, count, put),
        HashView::Fields(fields) if count.saturating_mul(WALK_BELOW) < live => {
            draws.different(fields, count, put);
        }
        _ => draws.sample(view, live, count, put),
    }
}

/// Random choices among the fields that are not due.
struct Draws {
    random: Random,
    now_ms: i64,
}

impl Draws {
    fn below(&mut self, n: usize) -> usize {
        // Biased by less than n / 2^64.
        ((u128::from(self.random.draw()) * n as u128) >> 64) as usize
    }

    fn one<'a>(&mut self, view: HashView<'a>) -> Option<Field<'a>> {
        match view {
            HashView::Fields(fields) => self.one_of_table(fields),
            packed => {
                let due = packed.due(self.now_ms);
                let live = packed.len() - due;
                if live == 0 { None } else { packed.nth(due + self.below(live)) }
            }
        }
    }

    fn one_of_table<'a>(&mut self, fields: &'a Fields) -> Option<Field<'a>> {
        let mut draw = || self.random.draw();
        let mut field = fields.random(&mut draw)?;
        for _ in 0..DRAWS_IN_VAIN_MAX {
            if !field.is_due(self.now_ms) {
                return Some(field);
            }
            field = fields.random(&mut draw)?;
        }
        fields.next_live(field, self.now_ms)
    }

    fn repeated(&mut self, view: HashView<'_>, count: usize, put: &mut dyn FnMut(Field<'_>)) {
        let mut all = Vec::new();
        if let Some(fields) = view.packed_fields()
            && count > 1
        {
            all.extend(fields.filter(|field| !field.is_due(self.now_ms)));
        }
        for _ in 0..count {
            let field = if all.is_empty() { self.one(view) } else { Some(all[self.below(all.len())]) };
            field.into_iter().for_each(&mut *put);
        }
    }

    /// Few of many, by drawing until there are enough different ones.
    fn different(&mut self, fields: &Fields, count: usize, put: &mut dyn FnMut(Field<'_>)) {
        let mut seen = BTreeSet::new();
        while seen.len() < count {
            let Some(field) = self.one_of_table(fields) else { return };
            if seen.insert(spell(field.name, &mut itoa::Buffer::new()).to_vec()) {
                put(field);
            }
        }
    }

    /// `count` of the `live` fields that are not due.
    fn sample(&mut self, view: HashView<'_>, live: usize, count: usize, put: &mut dyn FnMut(Field<'_>)) {
        let (mut left, mut needed) = (live, count);
        view.each(&mut |field| {
            if field.is_due(self.now_ms) {
                return;
            }
            if self.below(left) < needed {
                needed -= 1;
                put(field);
            }
            left -= 1;
        });
    }
}
