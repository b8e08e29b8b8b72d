//! `HSCAN key cursor [MATCH pattern] [COUNT count] [NOVALUES]`.
//!
//! A packed hash is answered at once, whatever COUNT says, with cursor 0; the cursor of a table is that of
//! its [`Dict`](crate::value::dict::Dict), whose promise is SCAN's. Options are looked at only when the key is
//! there, as in Redis. A pattern is matched with fields; fields whose time is over are left out, and stay.

use super::super::string::bulk;
use crate::command::{Outcome, Refused, integer};
use crate::shard::{Cx, Shard};
use crate::value::hash::{Hash, HashView, spell};
use proto::args::Args;
use proto::encode::Reply;
use proto::error;
use proto::glob::{self, Case};
use proto::number::parse_u64;

/// Steps of the table for each field asked for, should they find nothing.
const STEPS_PER_COUNT: u64 = 10;

struct Options<'a> {
    count: u64,
    pattern: Option<&'a [u8]>,
    values: bool,
}

impl<'a> Options<'a> {
    fn parse(words: Args<'a>) -> Result<Self, Refused> {
        let mut options = Self { count: 10, pattern: None, values: true };
        let mut at = 0;
        while let Some(word) = words.get(at) {
            let value = words.get(at + 1);
            if word.eq_ignore_ascii_case(b"novalues") {
                options.values = false;
                at += 1;
                continue;
            }
            match value {
                Some(value) if word.eq_ignore_ascii_case(b"count") => {
                    let count = u64::try_from(integer(value)?).ok().filter(|&count| count > 0);
                    options.count = count.ok_or(error::SYNTAX)?;
                }
                Some(value) if word.eq_ignore_ascii_case(b"match") => {
                    options.pattern = (value != b"*").then_some(value);
                }
                _ => return Err(error::SYNTAX.into()),
            }
            at += 2;
        }
        Ok(options)
    }
}

pub(in crate::command) fn hscan(
    shard: &mut Shard,
    cx: &mut Cx,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let cursor = parse_u64(args.at(2)).ok_or(error::INVALID_CURSOR)?;
    let (key, now_ms) = (shard.first_key(cx, args.at(1)), cx.now_ms);
    shard.view::<Hash, _>(cx, &key, |view| match view {
        None => {
            reply.array(2);
            reply.bulk(b"0");
            reply.array(0);
            Ok(())
        }
        Some(view) => {
            let options = Options::parse(args.from(3))?;
            answer(view, cursor, &options, now_ms, reply);
            Ok(())
        }
    })?
}

fn answer(view: HashView<'_>, cursor: u64, options: &Options<'_>, now_ms: i64, reply: &mut Reply<'_>) {
    let mut body = Vec::new();
    let mut fields = Reply::new(&mut body, reply.resp());
    let (mut seen, mut elements, mut cursor) = (0, 0, cursor);
    let mut steps_left = options.count.saturating_mul(STEPS_PER_COUNT);
    loop {
        cursor = view.scan(cursor, &mut |field| {
            seen += 1;
            let mut buffer = itoa::Buffer::new();
            let matches = |p| glob::matches(p, spell(field.name, &mut buffer), Case::Sensitive);
            if field.is_due(now_ms) || !options.pattern.is_none_or(matches) {
                return;
            }
            bulk(&mut fields, field.name);
            elements += 1;
            if options.values {
                bulk(&mut fields, field.value);
                elements += 1;
            }
        });
        steps_left -= 1;
        if cursor == 0 || seen >= options.count || steps_left == 0 {
            break;
        }
    }
    reply.array(2);
    reply.bulk(cursor.to_string().as_bytes());
    reply.array(elements);
    reply.raw().extend_from_slice(&body);
}
