//! Commands that need nothing but their connection, and may stand in the middle of a pipeline.

use super::state::Now;
use crate::config::Settings;
use proto::args::Args;
use proto::command::{CommandId, CommandSpec};
use proto::encode::{Reply, Resp};
use proto::error;
use proto::number::parse_i64;

/// Who asks, and when.
pub struct Asking<'a> {
    /// The connection's database, which SELECT changes.
    pub db: &'a mut u16,
    /// The connection has subscriptions.
    pub subscribed: bool,
    pub settings: &'a Settings,
    pub now: Now,
}

/// Runs one.
pub fn run(spec: &'static CommandSpec, args: Args<'_>, asking: &mut Asking<'_>, reply: &mut Reply<'_>) {
    match spec.id {
        CommandId::Ping if asking.subscribed && reply.resp() == Resp::V2 => ping_as_message(args, reply),
        CommandId::Ping => ping(args, reply),
        CommandId::Echo => reply.bulk(args.at(1)),
        CommandId::Select => select(args, asking.db, asking.settings, reply),
        CommandId::Time => time(asking.now, reply),
        CommandId::Lolwut => lolwut(args, reply),
        _ if spec.id == CommandId::Command || spec.parent == Some(CommandId::Command) => {
            proto::command::reply::answer(spec.id, args, reply);
        }
        id => reply.error(error::not_supported_yet(id.full_name())),
    }
}

fn ping(args: Args<'_>, reply: &mut Reply<'_>) {
    match args.get(1) {
        _ if args.len() > 2 => reply.error(error::wrong_arity("ping")),
        Some(text) => reply.bulk(text),
        None => reply.simple("PONG"),
    }
}

/// PING of a RESP2 client that listens: it must be told from a message.
fn ping_as_message(args: Args<'_>, reply: &mut Reply<'_>) {
    if args.len() > 2 {
        return reply.error(error::wrong_arity("ping"));
    }
    reply.array(2);
    reply.bulk(b"pong");
    reply.bulk(args.get(1).unwrap_or_default());
}

fn select(args: Args<'_>, db: &mut u16, settings: &Settings, reply: &mut Reply<'_>) {
    match parse_i64(args.at(1)) {
        None => reply.error(error::NOT_AN_INTEGER),
        Some(n) if i32::try_from(n).is_err() => {
            reply.error(error::value_not_between(i32::MIN.into(), i32::MAX.into()));
        }
        Some(n) if n < 0 || n >= settings.databases as i64 => reply.error(error::DB_INDEX_OUT_OF_RANGE),
        Some(n) => {
            *db = n as u16;
            reply.ok();
        }
    }
}

fn time(now: Now, reply: &mut Reply<'_>) {
    reply.array(2);
    reply.bulk((now.unix_us / 1_000_000).to_string().as_bytes());
    reply.bulk((now.unix_us % 1_000_000).to_string().as_bytes());
}

/// LOLWUT draws. Ours draws what Percore is: shards side by side, each a column of its own height,
/// from the numbers the client gives (`LOLWUT VERSION 5 columns height seed`).
fn lolwut(args: Args<'_>, reply: &mut Reply<'_>) {
    let version = args.get(2).filter(|_| args.at(1).eq_ignore_ascii_case(b"version"));
    if version.is_some_and(|text| parse_i64(text).is_none()) {
        return reply.error(error::NOT_AN_INTEGER);
    }
    let mut numbers = args.iter().skip(1).filter_map(parse_i64);
    let mut pick = |default: i64, max: i64| numbers.next().unwrap_or(default).clamp(1, max) as u64;
    let (_, columns, height, mut seed) = (pick(5, 99), pick(24, 160), pick(8, 40), pick(7, i64::MAX));
    let mut heights = Vec::new();
    for _ in 0..columns {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        heights.push((seed >> 33) % height + 1);
    }
    let mut art = String::new();
    for row in (1..=height).rev() {
        art.extend(heights.iter().map(|&h| if h >= row { '\u{2588}' } else { ' ' }));
        art.push('\n');
    }
    art.push_str(&format!("\nEvery core its own shard, one Redis. Redis ver. {}\n", crate::version::REDIS));
    if reply.resp() == Resp::V3 { reply.verbatim("txt", art.as_bytes()) } else { reply.bulk(art.as_bytes()) }
}
