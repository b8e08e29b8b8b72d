//! SSCAN. A packed set is one step, whatever the cursor and COUNT, as in Redis.
//!
//! A table's cursor is its own ([`crate::db::Db::scan`]): a member that is there from the first call to the last
//! is seen. A call ends when COUNT members were seen, before the filter, or after ten times as many steps.

use crate::command::{Outcome, Refused, integer};
use crate::shard::{Cx, Shard};
use crate::value::set::view::with_text;
use crate::value::set::{Set, SetView};
use proto::args::Args;
use proto::encode::{Reply, shared};
use proto::error;
use proto::glob::{self, Case};
use proto::number::parse_u64;

/// Steps of the table for each member asked for, should they find nothing.
const STEPS_PER_COUNT: u64 = 10;
/// And for the call: enough for a whole round of a small table, whatever COUNT is.
const STEPS_MIN: u64 = 256;

struct Options<'a> {
    count: u64,
    pattern: Option<&'a [u8]>,
}

impl<'a> Options<'a> {
    fn parse(args: Args<'a>) -> Result<Self, Refused> {
        let mut options = Self { count: 10, pattern: None };
        for at in (0..args.len()).step_by(2) {
            let (word, Some(value)) = (args.at(at), args.get(at + 1)) else {
                return Err(error::SYNTAX.into());
            };
            if word.eq_ignore_ascii_case(b"count") {
                let count = u64::try_from(integer(value)?).ok().filter(|&count| count > 0);
                options.count = count.ok_or(error::SYNTAX)?;
            } else if word.eq_ignore_ascii_case(b"match") {
                options.pattern = (value != b"*").then_some(value);
            } else {
                return Err(error::SYNTAX.into());
            }
        }
        Ok(options)
    }
}

/// `SSCAN key cursor [MATCH pattern] [COUNT count]`
pub(crate) fn sscan(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let cursor = parse_u64(args.at(2)).ok_or(error::INVALID_CURSOR)?;
    let key = shard.first_key(cx, args.at(1));
    shard.view::<Set, _>(cx, &key, |set: Option<SetView<'_>>| match set {
        // Not even wrong options are looked at.
        None => {
            reply.raw().extend_from_slice(shared::EMPTY_SCAN);
            Ok(())
        }
        Some(set) => {
            steps(set, cursor, &Options::parse(args.from(3))?, reply);
            Ok(())
        }
    })?
}

fn steps(set: SetView<'_>, mut cursor: u64, options: &Options<'_>, reply: &mut Reply<'_>) {
    let (mut found, mut sampled) = (0, 0);
    let mut steps_left = options.count.saturating_mul(STEPS_PER_COUNT).max(STEPS_MIN);
    let mut members = Vec::new();
    let mut body = Reply::new(&mut members, reply.resp());
    loop {
        cursor = set.scan(cursor, &mut |member| {
            sampled += 1;
            with_text(member, |text| {
                if options.pattern.is_none_or(|pattern| glob::matches(pattern, text, Case::Sensitive)) {
                    body.bulk(text);
                    found += 1;
                }
            });
        });
        steps_left -= 1;
        if cursor == 0 || sampled >= options.count || steps_left == 0 {
            break;
        }
    }
    reply.array(2);
    reply.bulk(cursor.to_string().as_bytes());
    reply.array(found);
    reply.raw().extend_from_slice(&members);
}
