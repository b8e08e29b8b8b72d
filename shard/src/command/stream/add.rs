//! XADD and XTRIM, and the options that they share.
//!
//! An approximate trim removes whole nodes, at most a hundred of them unless LIMIT says otherwise, so that no
//! XADD takes long because an old stream is trimmed for the first time.

use super::{Outcome, Refused, ids, integer, write_id};
use crate::event::Class;
use crate::settings::Thresholds;
use crate::shard::{Cx, Shard};
use crate::value::stream::{NewId, NodeLimits, Refusal, Stream, StreamId, Trim, Trimming};
use proto::args::Args;
use proto::encode::Reply;
use proto::error;

const TWO_STRATEGIES: &str = "ERR syntax error, MAXLEN and MINID options at the same time are not compatible";
const MAXLEN_NEGATIVE: &str = "ERR The MAXLEN argument must be >= 0.";
const LIMIT_NEGATIVE: &str = "ERR The LIMIT argument must be >= 0.";
const LIMIT_ALONE: &str = "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy";
const LIMIT_EXACT: &str = "ERR syntax error, LIMIT cannot be used without the special ~ option";
const NO_STRATEGY: &str = "ERR syntax error, XTRIM must be called with a trimming strategy";
const EXHAUSTED: &str = "ERR The stream has exhausted the last possible ID, unable to add more items";
const NOT_GREATER: &str = "ERR The ID specified in XADD is equal or smaller than the target stream top item";
const TOO_LARGE: &str = "ERR Elements are too large to be stored";

/// Nodes that an approximate trim removes at most.
const NODES_MAX: usize = 100;
/// Entries that it removes at most where nodes have no limit, and in any case.
const LIMIT_OF_ENDLESS: u64 = 10_000;
const LIMIT_MAX: u64 = 1_000_000;

/// Who reads options.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dialect {
    Add,
    Trim,
}

#[derive(Default)]
struct Options {
    trim: Option<Trim>,
    approximate: bool,
    limit: Option<u64>,
    no_make: bool,
    /// XADD's id, and where the fields begin.
    id: Option<NewId>,
    fields_at: usize,
}

impl Options {
    fn parse(args: Args<'_>, dialect: Dialect) -> Result<Self, Refused> {
        let mut options = Self { fields_at: args.len(), ..Self::default() };
        let mut at = 2;
        while let Some(word) = args.get(at) {
            let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
            let has_more = at + 1 < args.len();
            if has_more && (is("maxlen") || is("minid")) && word != b"*" {
                at += options.strategy(args.from(at + 1), is("maxlen"))?;
            } else if has_more && is("limit") {
                let limit = integer(args.at(at + 1))?;
                options.limit = Some(u64::try_from(limit).map_err(|_| LIMIT_NEGATIVE)?);
                at += 1;
            } else if dialect == Dialect::Trim {
                return Err(error::SYNTAX.into());
            } else if is("nomkstream") {
                options.no_make = true;
            } else {
                options.id = Some(ids::new_id(word)?);
                options.fields_at = at + 1;
                break;
            }
            at += 1;
        }
        options.check(dialect)?;
        Ok(options)
    }

    /// `[~|=] threshold`: how many words it takes.
    fn strategy(&mut self, args: Args<'_>, by_length: bool) -> Result<usize, Refused> {
        if self.trim.is_some() {
            return Err(TWO_STRATEGIES.into());
        }
        let sign = if args.len() > 1 && matches!(args.at(0), b"~" | b"=") { 1 } else { 0 };
        self.approximate = sign == 1 && args.at(0) == b"~";
        let threshold = args.at(sign);
        self.trim = Some(if by_length {
            Trim::MaxLen(u64::try_from(integer(threshold)?).map_err(|_| MAXLEN_NEGATIVE)?)
        } else {
            Trim::MinId(ids::strict(threshold)?)
        });
        Ok(sign + 1)
    }

    fn check(&self, dialect: Dialect) -> Outcome {
        if self.trim.is_none() && self.limit.is_some_and(|limit| limit > 0) {
            return Err(LIMIT_ALONE.into());
        }
        if dialect == Dialect::Trim && self.trim.is_none() {
            return Err(NO_STRATEGY.into());
        }
        if self.limit.is_some() && !self.approximate {
            return Err(LIMIT_EXACT.into());
        }
        Ok(())
    }

    fn trimming(&self, thresholds: &Thresholds) -> Option<Trimming> {
        let by_nodes = match (NODES_MAX * thresholds.stream_node_max_entries.min(LIMIT_MAX as usize)) as u64 {
            0 => LIMIT_OF_ENDLESS,
            limit => limit.min(LIMIT_MAX),
        };
        let limit = if self.approximate { self.limit.unwrap_or(by_nodes) } else { 0 };
        self.trim.map(|trim| Trimming { trim, approximate: self.approximate, limit })
    }
}

/// `XADD key [NOMKSTREAM] [MAXLEN|MINID [=|~] threshold [LIMIT count]] *|id field value [field value …]`
pub(crate) fn xadd(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let options = Options::parse(args, Dialect::Add)?;
    let words = args.from(options.fields_at);
    let Some(id) = options.id.filter(|_| words.len() >= 2 && words.len().is_multiple_of(2)) else {
        return Err(Refused::arity());
    };
    ids::check_new(id)?;
    let now_ms = cx.now_ms;
    let add = |stream: &mut Stream, thresholds: &Thresholds| {
        let limits = NodeLimits {
            bytes: thresholds.stream_node_max_bytes,
            entries: thresholds.stream_node_max_entries,
        };
        let pairs = (0..words.len() / 2).map(move |n| (words.at(2 * n), words.at(2 * n + 1)));
        let id = stream.log.append(id, now_ms, pairs, limits).map_err(refused)?;
        let trimmed = options.trimming(thresholds).is_some_and(|how| stream.log.trim(how) > 0);
        Ok::<_, Refused>((id, trimmed))
    };
    let key = shard.first_key(cx, args.at(1));
    let added: Option<(StreamId, bool)> = if options.no_make {
        let edited = shard.edit(cx, &key, |stream, env| add(stream, &env.settings.thresholds))?;
        edited.map(|edited| edited.result).transpose()?
    } else {
        Some(shard.upsert(cx, &key, |stream, env| add(stream, &env.settings.thresholds))?.result?)
    };
    let Some((id, trimmed)) = added else {
        reply.null();
        return Ok(());
    };
    shard.changed(cx, key.bytes, Class::STREAM, "xadd");
    if trimmed {
        shard.notify(cx.db, key.bytes, Class::STREAM, "xtrim");
    }
    write_id(reply, id);
    Ok(())
}

fn refused(refusal: Refusal) -> Refused {
    match refusal {
        Refusal::Exhausted => EXHAUSTED.into(),
        Refusal::NotGreater => NOT_GREATER.into(),
        Refusal::TooLarge => TOO_LARGE.into(),
    }
}

/// `XTRIM key MAXLEN|MINID [=|~] threshold [LIMIT count]`
pub(crate) fn xtrim(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let options = Options::parse(args, Dialect::Trim)?;
    let key = shard.first_key(cx, args.at(1));
    let edited = shard.edit(cx, &key, |stream: &mut Stream, env| {
        options.trimming(&env.settings.thresholds).map_or(0, |how| stream.log.trim(how))
    })?;
    let deleted = edited.map_or(0, |edited| edited.result);
    if deleted > 0 {
        shard.changed_by(cx, deleted, key.bytes, Class::STREAM, "xtrim");
    }
    reply.int(deleted as i64);
    Ok(())
}
