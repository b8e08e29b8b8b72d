//! ZSCAN. A small set is handed out whole; of a large one the dictionary gives a few elements a step, as
//! the keyspace does for SCAN.
//!
//! Scores are texts here, also in RESP3: of a small set as they are stored, of a large one with 17
//! digits, which is what Redis does. NOSCORES, which only Valkey has, leaves them out, as NOVALUES does in HSCAN.

use super::super::{Outcome, Refused, integer};
use super::member;
use crate::shard::{Cx, Shard};
use crate::value::zset::digits::push_17;
use crate::value::zset::{ZSet, ZSetView};
use proto::args::Args;
use proto::encode::{Reply, shared};
use proto::error;
use proto::glob::{self, Case};
use proto::number::{parse_u64, push_f64};

/// Steps of the dictionary for each element asked for, should they find nothing.
const STEPS_PER_COUNT: u64 = 10;
/// And for the call: enough for a whole round of a small dictionary, whatever COUNT is.
const STEPS_MIN: u64 = 256;

struct Options<'a> {
    count: u64,
    pattern: Option<&'a [u8]>,
    scores: bool,
}

impl<'a> Options<'a> {
    fn parse(words: Args<'a>) -> Result<Self, Refused> {
        let mut options = Self { count: 10, pattern: None, scores: true };
        let mut at = 0;
        while let Some(word) = words.get(at) {
            if word.eq_ignore_ascii_case(b"noscores") {
                options.scores = false;
                at += 1;
                continue;
            }
            let value = words.get(at + 1).ok_or(error::SYNTAX)?;
            if word.eq_ignore_ascii_case(b"count") {
                let count = u64::try_from(integer(value)?).ok().filter(|&count| count > 0);
                options.count = count.ok_or(error::SYNTAX)?;
            } else if word.eq_ignore_ascii_case(b"match") {
                options.pattern = (value != b"*").then_some(value);
            } else {
                return Err(error::SYNTAX.into());
            }
            at += 2;
        }
        Ok(options)
    }
}

/// `ZSCAN key cursor [MATCH pattern] [COUNT count] [NOSCORES]`
pub(in super::super) fn zscan(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let cursor = parse_u64(args.at(2)).ok_or(error::INVALID_CURSOR)?;
    let key = shard.first_key(cx, args.at(1));
    let resp = cx.resp;
    shard.view::<ZSet, _>(cx, &key, |view| {
        let Some(view) = view else {
            reply.raw().extend_from_slice(shared::EMPTY_SCAN);
            return Ok(());
        };
        let options = Options::parse(args.from(3))?;
        let mut found = Vec::new();
        let (next, count) = steps(view, cursor, &options, &mut Reply::new(&mut found, resp));
        reply.array(2);
        reply.bulk(next.to_string().as_bytes());
        reply.array(count);
        reply.raw().extend_from_slice(&found);
        Ok(())
    })?
}

/// Appends what a call finds; the next cursor, and how many elements were appended.
fn steps(view: ZSetView<'_>, mut cursor: u64, options: &Options<'_>, found: &mut Reply<'_>) -> (u64, usize) {
    let (mut sampled, mut count, mut text) = (0, 0, Vec::new());
    let mut steps_left = options.count.saturating_mul(STEPS_PER_COUNT).max(STEPS_MIN);
    loop {
        cursor = view.scan(cursor, &mut |name, number| {
            sampled += 1;
            text.clear();
            name.push_to(&mut text);
            if options.pattern.is_none_or(|pattern| glob::matches(pattern, &text, Case::Sensitive)) {
                count += 1;
                member(found, name);
                if !options.scores {
                    return;
                }
                count += 1;
                text.clear();
                match view {
                    ZSetView::Packed(_) => push_f64(&mut text, number),
                    ZSetView::Large(_) => push_17(&mut text, number),
                }
                found.bulk(&text);
            }
        });
        steps_left -= 1;
        if cursor == 0 || sampled >= options.count || steps_left == 0 {
            return (cursor, count);
        }
    }
}
