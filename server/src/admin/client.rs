//! CLIENT: what a connection can say of itself, and what can be asked or done about all of them.
//! Connections live on all cores, so LIST, KILL and UNBLOCK ask every core.

use super::client_filter::Filter;
use super::session::{INVALID_NAME, is_valid_name};
use crate::conn::{Conn, Doing, ReplyMode};
use crate::core::blocking::Why;
use crate::core::state::CoreState;
use crate::core::tasks::When;
use crate::io::ConnId;
use crate::task::Answer;
use proto::args::Args;
use proto::command::{CommandId, CommandSpec};
use proto::error;
use proto::number::parse_i64;
use std::sync::Arc;

/// Runs a subcommand of CLIENT.
pub fn run(core: &mut CoreState, id: ConnId, spec: &'static CommandSpec, args: Args<'_>) {
    match spec.id {
        CommandId::ClientId => {
            let client = core.conns.get(id).map_or(0, |c| c.client);
            core.reply(id, |r| r.int(client as i64));
        }
        CommandId::ClientInfo => info(core, id),
        CommandId::ClientList => list(core, id, args),
        CommandId::ClientKill => kill(core, id, args),
        CommandId::ClientSetname => set_name(core, id, args),
        CommandId::ClientGetname => get_name(core, id),
        CommandId::ClientSetinfo => set_info(core, id, args),
        CommandId::ClientReply => reply_mode(core, id, args),
        CommandId::ClientNoEvict => switch(core, id, args, |c, on| c.no_evict = on),
        CommandId::ClientNoTouch => switch(core, id, args, |c, on| c.no_touch = on),
        CommandId::ClientPause => pause(core, id, args),
        CommandId::ClientUnpause => {
            core.shared.pause.end();
            core.shared.mailboxes.wake_all();
            core.reply(id, |r| r.ok());
        }
        CommandId::ClientGetredir => core.reply(id, |r| r.int(-1)), // tracking is never on
        CommandId::ClientUnblock => unblock(core, id, args),
        other => core.reply(id, |r| r.error(error::not_supported_yet(other.full_name()))),
    }
}

/// One line of CLIENT LIST, without its end.
#[must_use]
pub fn line(conn: &Conn, now_ns: u64, omem: usize) -> String {
    let seconds = |since: u64| now_ns.saturating_sub(since) / 1_000_000_000;
    let command = conn.last_command.map_or("NULL", |c| c.id.full_name());
    let queued = conn.multi.as_ref().filter(|_| conn.in_multi);
    let multi = queued.map_or(if conn.in_multi { 0 } else { -1 }, |multi| multi.len() as i64);
    let multi_mem = queued.map_or(0, |multi| multi.memory());
    let watch = conn.watching.as_ref().map_or(0, |watching| watching.len());
    let total =
        size_of_val(conn) + conn.input.capacity() + conn.out.capacity() + conn.subscription_bytes + omem;
    let [channels, patterns, shard_channels] = conn.subscriptions;
    let resp = if conn.resp == proto::encode::Resp::V3 { 3 } else { 2 };
    format!(
        "id={} addr={} laddr={} fd={} name={} age={} idle={} flags={} db={} sub={} psub={} ssub={} multi={} watch={} \
         qbuf={} qbuf-free={} argv-mem=0 multi-mem={} rbs={} rbp={} obl=0 oll={} omem={} tot-mem={} events=r cmd={} \
         user=default redir=-1 resp={} lib-name={} lib-ver={} tot-net-in={} tot-net-out={} tot-cmds={}",
        conn.client,
        conn.ends.peer,
        conn.ends.local,
        conn.ends.fd,
        conn.name,
        seconds(conn.created_ns),
        seconds(conn.active_ns),
        flags(conn),
        conn.db,
        channels,
        patterns,
        shard_channels,
        multi,
        watch,
        conn.unread(),
        conn.input.capacity() - conn.unread(),
        multi_mem,
        conn.out.capacity(),
        conn.out.len(),
        usize::from(omem > 0),
        omem,
        total,
        command,
        resp,
        conn.lib_name,
        conn.lib_ver,
        conn.bytes_in,
        conn.bytes_out,
        conn.commands,
    )
}

fn flags(conn: &Conn) -> String {
    let mut f = String::new();
    let mut add = |on: bool, letter: char| on.then(|| f.push(letter));
    add(conn.monitor, 'O');
    add(conn.is_subscribed(), 'P');
    add(matches!(conn.doing, Doing::Blocked(_)), 'b');
    add(conn.in_multi, 'x');
    add(conn.watching.as_ref().is_some_and(|w| w.flag.is_raised()), 'd');
    add(conn.closing, 'c');
    add(conn.ends.unix, 'U');
    add(conn.no_evict, 'e');
    add(conn.no_touch, 'T');
    if f.is_empty() { "N".to_owned() } else { f }
}

fn info(core: &mut CoreState, id: ConnId) {
    let now = core.now.mono_ns;
    let Some(conn) = core.conns.get(id) else { return };
    let text = line(conn, now, 0) + "\n";
    core.reply(id, |r| r.verbatim("txt", text.as_bytes()));
}

fn list(core: &mut CoreState, id: ConnId, args: Args<'_>) {
    let filter = match Filter::for_list(args) {
        Ok(f) => f,
        Err(text) => return core.reply(id, |r| r.error(&text)),
    };
    let run = Arc::new(move |core: &mut CoreState| {
        let now = core.now.mono_ns;
        let chosen = core.conns.iter().filter(|c| !c.closing && filter.matches(c, now));
        Answer::Bytes(chosen.flat_map(|c| (line(c, now, 0) + "\n").into_bytes()).collect())
    });
    core.ask_all(
        id,
        When::Direct,
        run,
        Box::new(|core, id, answers| {
            let mut lines: Vec<String> = Vec::new();
            for answer in answers {
                if let Answer::Bytes(b) = answer {
                    lines.extend(String::from_utf8_lossy(&b).split_inclusive('\n').map(str::to_owned));
                }
            }
            lines.sort_by_key(|l| number_after(l, "id="));
            let text = lines.concat();
            core.reply(id, |r| r.verbatim("txt", text.as_bytes()));
        }),
    );
}

fn number_after(line: &str, prefix: &str) -> u64 {
    let rest = line.strip_prefix(prefix).unwrap_or_default();
    rest.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0)
}

fn kill(core: &mut CoreState, id: ConnId, args: Args<'_>) {
    let (filter, old_form) = match Filter::for_kill(args) {
        Ok(f) => f,
        Err(text) => return core.reply(id, |r| r.error(&text)),
    };
    let skip = filter.skip_me.then(|| core.conns.get(id).map_or(0, |c| c.client));
    let run = Arc::new(move |core: &mut CoreState| {
        let now = core.now.mono_ns;
        let ids: Vec<ConnId> = core
            .conns
            .iter()
            .filter(|c| !c.closing && Some(c.client) != skip && filter.matches(c, now))
            .map(|c| c.id)
            .collect();
        // The one that asks gets its answer first.
        for &victim in &ids {
            let asking = core.conns.get(victim).is_some_and(|c| matches!(c.doing, Doing::Question(_)));
            if asking {
                core.close_after_reply(victim);
            } else {
                core.close(victim, false);
            }
        }
        Answer::Number(ids.len() as i64)
    });
    core.ask_all(
        id,
        When::Direct,
        run,
        Box::new(move |core, id, answers| {
            let killed: i64 = answers.iter().map(|a| if let Answer::Number(n) = a { *n } else { 0 }).sum();
            core.reply(id, |r| match (old_form, killed) {
                (false, n) => r.int(n),
                (true, 0) => r.error("ERR No such client"),
                (true, _) => r.ok(),
            });
        }),
    );
}

fn set_name(core: &mut CoreState, id: ConnId, args: Args<'_>) {
    let name = args.at(2);
    if !is_valid_name(name) {
        return core.reply(id, |r| r.error(INVALID_NAME));
    }
    if let Some(conn) = core.conns.get(id) {
        conn.name = String::from_utf8_lossy(name).into_owned();
    }
    core.reply(id, |r| r.ok());
}

fn get_name(core: &mut CoreState, id: ConnId) {
    let name = core.conns.get(id).map(|c| c.name.clone()).unwrap_or_default();
    core.reply(id, |r| if name.is_empty() { r.null() } else { r.bulk(name.as_bytes()) });
}

fn set_info(core: &mut CoreState, id: ConnId, args: Args<'_>) {
    let (option, value) = (args.at(2), args.at(3));
    let is_name = option.eq_ignore_ascii_case(b"lib-name");
    if !is_name && !option.eq_ignore_ascii_case(b"lib-ver") {
        let text = format!("ERR Unrecognized option '{}'", String::from_utf8_lossy(option));
        return core.reply(id, |r| r.error(&text));
    }
    if !is_valid_name(value) {
        let option = if is_name { "lib-name" } else { "lib-ver" };
        let text = format!("ERR {option} cannot contain spaces, newlines or special characters.");
        return core.reply(id, |r| r.error(&text));
    }
    if let Some(conn) = core.conns.get(id) {
        let value = String::from_utf8_lossy(value).into_owned();
        if is_name { conn.lib_name = value } else { conn.lib_ver = value }
    }
    core.reply(id, |r| r.ok());
}

fn reply_mode(core: &mut CoreState, id: ConnId, args: Args<'_>) {
    let word = args.at(2).to_ascii_lowercase();
    let Some(conn) = core.conns.get(id) else { return };
    match word.as_slice() {
        b"on" => {
            conn.reply_mode = ReplyMode::On;
            core.reply(id, |r| r.ok());
        }
        b"off" => conn.reply_mode = ReplyMode::Off,
        b"skip" if conn.reply_mode == ReplyMode::Off => {}
        b"skip" => conn.reply_mode = ReplyMode::SkipNext,
        _ => core.reply(id, |r| r.error(error::SYNTAX)),
    }
}

/// Subcommands that take ON or OFF.
fn switch(core: &mut CoreState, id: ConnId, args: Args<'_>, set: impl FnOnce(&mut Conn, bool)) {
    let word = args.at(2).to_ascii_lowercase();
    if !matches!(word.as_slice(), b"on" | b"off") {
        return core.reply(id, |r| r.error(error::SYNTAX));
    }
    if let Some(conn) = core.conns.get(id) {
        set(conn, word == b"on");
    }
    core.reply(id, |r| r.ok());
}

fn pause(core: &mut CoreState, id: ConnId, args: Args<'_>) {
    let everything = match args.get(3).map(<[u8]>::to_ascii_lowercase).as_deref() {
        None | Some(b"all") => true,
        Some(b"write") => false,
        _ => return core.reply(id, |r| r.error("ERR CLIENT PAUSE mode must be WRITE or ALL")),
    };
    let now = core.now.unix_ms();
    match parse_i64(args.at(2)) {
        None => core.reply(id, |r| r.error("ERR timeout is not an integer or out of range")),
        Some(ms) if ms < 0 => core.reply(id, |r| r.error("ERR timeout is negative")),
        Some(ms) => match now.checked_add(ms) {
            None => core.reply(id, |r| r.error("ERR timeout is out of range")),
            Some(until) => {
                core.shared.pause.start(until, everything, now);
                core.reply(id, |r| r.ok());
            }
        },
    }
}

/// `CLIENT UNBLOCK client-id [TIMEOUT|ERROR]`
fn unblock(core: &mut CoreState, id: ConnId, args: Args<'_>) {
    let why = match args.get(3).map(<[u8]>::to_ascii_lowercase).as_deref() {
        None | Some(b"timeout") => Why::Timeout,
        Some(b"error") => Why::Error,
        _ => return core.reply(id, |r| r.error("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")),
    };
    let Some(client) = parse_i64(args.at(2)) else {
        return core.reply(id, |r| r.error(error::NOT_AN_INTEGER));
    };
    let run = Arc::new(move |core: &mut CoreState| {
        let found = core.conns.iter().find(|c| u64::try_from(client) == Ok(c.client)).map(|c| c.id);
        Answer::Number(i64::from(found.is_some_and(|found| core.leave(found, why))))
    });
    let finish = |core: &mut CoreState, id, answers: Vec<Answer>| {
        let found = answers.contains(&Answer::Number(1));
        core.reply(id, |r| r.int(i64::from(found)));
    };
    core.ask_all(id, When::Direct, run, Box::new(finish));
}
