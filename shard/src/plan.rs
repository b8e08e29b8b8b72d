//! Commands whose keys live on several shards, as two hops: RENAME RENAMENX COPY MSETNX LCS.
//!
//! A plan is a function of the command, and its second half of what the first half found; no I/O, no
//! clock, no shard. The coordinator holds the shards involved, sends the first hops, gathers what they found,
//! sends the second hops, and answers:
//!
//! | command          | first hop                               | second hop                    | reply |
//! |------------------|-----------------------------------------|-------------------------------|-------|
//! | RENAME           | take the source                         | put it at the destination     | OK    |
//! |                  | - it is not there                       | -                             | error |
//! | RENAMENX         | take the source, is the destination there? | put it at the destination  | 1     |
//! |                  | - the destination is there              | put it back at the source     | 0     |
//! | COPY             | clone the source, is the destination there? | put the clone             | 1     |
//! |                  | - not there, or there without REPLACE   | -                             | 0     |
//! | MSETNX           | on every shard: is one of its keys there? | on every shard: set them    | 1     |
//! |                  | - one is                                | -                             | 0     |
//! | LCS              | read both strings                       | -                             | LCS   |
//!
//! Other commands with several keys (MGET MSET DEL UNLINK EXISTS TOUCH) need no plan: each shard runs the same
//! command with its own keys, and the replies are added up or put in order.

use crate::command::{CopyOptions, LcsOptions, Refused, lcs_answer};
use crate::db::Detached;
use crate::hop::{Bytes, Hop, Hopped, Step};
use crate::settings::Settings;
use crate::shard::Cx;
use proto::args::Args;
use proto::command::CommandId;
use proto::encode::{Reply, Resp};
use proto::error;
use std::collections::BTreeMap;

/// How to run a command.
#[derive(Debug)]
pub enum Plan {
    /// As it is, on this shard: all its keys are there (or it is none of the commands above).
    Whole { shard: usize },
    /// In two hops.
    Hops(TwoHops),
    /// Not at all: the arguments are wrong, and this is the reply.
    Refused { reply: Vec<u8> },
}

/// The first hop of a command, and all that is needed to work out the second.
#[derive(Debug)]
pub struct TwoHops {
    /// The shards to hold from before the first hop until after the second, in ascending order.
    pub shards: Vec<usize>,
    /// Shard and step; at most one for each shard.
    pub first: Vec<(usize, Hop)>,
    command: Command,
    id: CommandId,
    resp: Resp,
}

/// What follows the first hop.
#[derive(Debug)]
pub struct Finish {
    /// Shard and step; may be empty.
    pub second: Vec<(usize, Hop)>,
    /// To be sent when the second hop is done.
    pub reply: Vec<u8>,
}

/// A key, and where it lives.
#[derive(Clone, Debug)]
struct Spot {
    shard: usize,
    db: usize,
    key: Bytes,
}

impl Spot {
    fn hop(&self, step: impl FnOnce(Bytes) -> Step) -> (usize, Hop) {
        (self.shard, Hop { db: self.db, step: step(self.key.clone()) })
    }

    fn exists(&self) -> (usize, Hop) {
        self.hop(|key| Step::AnyExists(vec![key]))
    }

    fn put(self, value: Detached) -> Vec<(usize, Hop)> {
        vec![(self.shard, Hop { db: self.db, step: Step::Put(self.key, value) })]
    }
}

/// Keys and values to be set on one shard.
type Pairs = Vec<(Bytes, Bytes)>;

/// What the second hop needs to know.
#[derive(Debug)]
enum Command {
    Rename {
        to: Spot,
    },
    RenameNx {
        from: Spot,
        to: Spot,
    },
    Copy {
        to: Spot,
        replace: bool,
    },
    MsetNx {
        db: usize,
        shares: Vec<(usize, Pairs)>,
    },
    /// Bad options are refused after values of a wrong type are.
    Lcs {
        options: Result<LcsOptions, Refused>,
        bytes_max: u64,
    },
}

impl Plan {
    /// Plans a command that has at least one key and the right number of arguments. `shard_of` names the
    /// shard that owns a key.
    #[must_use]
    pub fn new(
        cx: &Cx,
        args: Args<'_>,
        databases: usize,
        settings: &Settings,
        shard_of: impl Fn(&[u8]) -> usize,
    ) -> Self {
        let spot = |at: usize| Spot { shard: shard_of(args.at(at)), db: cx.db, key: args.at(at).into() };
        let planned = match cx.id {
            CommandId::Msetnx => Self::msetnx(cx, args, shard_of),
            CommandId::Rename | CommandId::Renamenx | CommandId::Copy | CommandId::Lcs => {
                Self::two_keys(cx, args, spot(1), spot(2), databases, settings)
            }
            _ => Ok(Self::Whole { shard: shard_of(args.at(1)) }),
        };
        planned.unwrap_or_else(|refused| {
            let mut reply = Vec::new();
            refused.answer(cx.id, &mut Reply::new(&mut reply, cx.resp));
            Self::Refused { reply }
        })
    }

    fn two_keys(
        cx: &Cx,
        args: Args<'_>,
        from: Spot,
        to: Spot,
        databases: usize,
        settings: &Settings,
    ) -> Result<Self, Refused> {
        if from.shard == to.shard {
            return Ok(Self::Whole { shard: from.shard });
        }
        let shards = vec![from.shard.min(to.shard), from.shard.max(to.shard)];
        let (first, command) = match cx.id {
            CommandId::Rename => (vec![from.hop(Step::Take)], Command::Rename { to }),
            CommandId::Renamenx => (vec![from.hop(Step::Take), to.exists()], Command::RenameNx { from, to }),
            CommandId::Copy => {
                let CopyOptions { replace, db } = CopyOptions::parse(cx, args, databases)?;
                let to = Spot { db, ..to };
                (vec![from.hop(Step::Clone), to.exists()], Command::Copy { to, replace })
            }
            _ => {
                let (options, bytes_max) = (LcsOptions::parse(args), settings.bulk_len_max);
                let both = vec![from.hop(Step::ReadString), to.hop(Step::ReadString)];
                (both, Command::Lcs { options, bytes_max })
            }
        };
        Ok(Self::Hops(TwoHops { shards, first, command, id: cx.id, resp: cx.resp }))
    }

    fn msetnx(cx: &Cx, args: Args<'_>, shard_of: impl Fn(&[u8]) -> usize) -> Result<Self, Refused> {
        if args.len().is_multiple_of(2) {
            return Err(Refused::arity());
        }
        let mut by_shard: BTreeMap<usize, Pairs> = BTreeMap::new();
        for at in (1..args.len()).step_by(2) {
            let (key, value) = (args.at(at), args.at(at + 1));
            by_shard.entry(shard_of(key)).or_default().push((key.into(), value.into()));
        }
        let shards: Vec<usize> = by_shard.keys().copied().collect();
        if let [shard] = shards[..] {
            return Ok(Self::Whole { shard });
        }
        let ask = |pairs: &Pairs| Step::AnyExists(pairs.iter().map(|(key, _)| key.clone()).collect());
        let first = by_shard.iter().map(|(&shard, pairs)| (shard, Hop { db: cx.db, step: ask(pairs) }));
        let first = first.collect();
        let command = Command::MsetNx { db: cx.db, shares: by_shard.into_iter().collect() };
        Ok(Self::Hops(TwoHops { shards, first, command, id: cx.id, resp: cx.resp }))
    }
}

impl TwoHops {
    /// What to do after the first hop; `found[i]` is what `first[i]` found.
    #[must_use]
    pub fn then(self, found: Vec<Hopped>) -> Finish {
        let mut reply = Vec::new();
        let second = self.command.second(found, &mut Reply::new(&mut reply, self.resp));
        let second = second.unwrap_or_else(|refused| {
            refused.answer(self.id, &mut Reply::new(&mut reply, self.resp));
            Vec::new()
        });
        Finish { second, reply }
    }
}

impl Command {
    fn second(self, found: Vec<Hopped>, reply: &mut Reply<'_>) -> Result<Vec<(usize, Hop)>, Refused> {
        let mut found = Found(found.into_iter());
        match self {
            Self::Rename { to } => {
                let value = found.value().ok_or(error::NO_SUCH_KEY)?;
                reply.ok();
                Ok(to.put(value))
            }
            Self::RenameNx { from, to } => {
                let (value, is_taken) = (found.value().ok_or(error::NO_SUCH_KEY)?, found.exists());
                reply.int(i64::from(!is_taken));
                Ok(if is_taken { vec![from.hop(|key| Step::PutBack(key, value))] } else { to.put(value) })
            }
            Self::Copy { to, replace } => {
                let (value, is_taken) = (found.value(), found.exists());
                let copy = value.filter(|_| replace || !is_taken);
                reply.int(i64::from(copy.is_some()));
                Ok(copy.map_or_else(Vec::new, |copy| to.put(copy)))
            }
            Self::MsetNx { db, shares } => {
                let is_taken = shares.iter().fold(false, |any, _| any | found.exists());
                reply.int(i64::from(!is_taken));
                let write = |(shard, pairs)| (shard, Hop { db, step: Step::SetAll(pairs) });
                Ok(if is_taken { Vec::new() } else { shares.into_iter().map(write).collect() })
            }
            Self::Lcs { options, bytes_max } => {
                lcs_answer(found.string(), found.string(), options, bytes_max, reply)?;
                Ok(Vec::new())
            }
        }
    }
}

/// What the first hop found, in the order it was asked.
struct Found(std::vec::IntoIter<Hopped>);

impl Found {
    fn exists(&mut self) -> bool {
        let next = self.0.next();
        debug_assert!(matches!(next, Some(Hopped::Exists(_))), "{next:?}");
        matches!(next, Some(Hopped::Exists(true)))
    }

    fn value(&mut self) -> Option<Detached> {
        match self.0.next() {
            Some(Hopped::Value(value)) => value,
            next => {
                debug_assert!(false, "a value was asked for, not {next:?}");
                None
            }
        }
    }

    fn string(&mut self) -> Option<Vec<u8>> {
        match self.0.next() {
            Some(Hopped::String(string)) => string,
            next => {
                debug_assert!(false, "a string was asked for, not {next:?}");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests;
