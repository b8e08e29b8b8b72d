//! DEBUG: what test suites ask of a server. Only with `enable-debug-command yes`, or `local` for
//! clients of this host.
//!
//! What looks at one key runs on its owner; what looks at the whole keyspace runs on every shard, at
//! one point of the order of commands. Switches of Redis's own internals that have no counterpart
//! here are checked and accepted.

use super::config_command::rewritten;
use super::debug_sample::sample;
use super::save_command::save_then;
use crate::config::{os_reason, permits, units};
use crate::core::state::CoreState;
use crate::core::tasks::When;
use crate::io::ConnId;
use crate::loading::reload::Reload;
use crate::saving::Why;
use crate::task::Answer;
use crate::{loading, log};
use proto::args::Args;
use proto::command::{CommandId, CommandSpec, help};
use proto::error;
use proto::number::parse_i64;
use proto::slot::slot_of;
use rustix::process::{Signal, getpid, kill_process};
use shard::digest::{Digest, combine, hex, of_value};
use shard::{Cx, TableStats, table_text};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// DEBUG POPULATE makes at most this many keys: more would only end when memory does.
const POPULATE_MAX: i64 = u32::MAX as i64;
/// The largest `quicklist-packed-threshold`.
const PACKED_MAX: u64 = (1 << 32) - (1 << 20);

/// Runs DEBUG, if this client may.
pub fn run(core: &mut CoreState, id: ConnId, spec: &'static CommandSpec, args: Args<'_>) {
    let local = core.conns.get(id).is_some_and(|c| c.ends.unix || c.ends.loopback);
    if !permits(core.settings.enable_debug_command, local) {
        let text = error::protected_command("DEBUG", "enable-debug-command");
        return core.reply(id, |r| r.error(&text));
    }
    let name = args.at(1).to_ascii_lowercase();
    let answered = match (name.as_slice(), args.len()) {
        (b"help", 2) => {
            core.reply(id, |r| help::write(CommandId::Debug, r));
            Ok(())
        }
        (b"object", 3 | 4) => {
            let owner = core.shared.slots.owner(slot_of(args.at(2)));
            core.forward(id, owner.into(), spec, args);
            Ok(())
        }
        (b"stringmatch-len", 4) => {
            core.forward(id, core.index, spec, args);
            Ok(())
        }
        (b"digest", 2) => {
            digest(core, id);
            Ok(())
        }
        (b"digest-value", _) => {
            digest_value(core, id, args);
            Ok(())
        }
        (b"populate", 3..=5) => populate(core, id, args),
        (b"htstats", 3..) => table_stats(core, id, args),
        (b"htstats-key", 3..) => {
            table_stats_of_key(core, id, args);
            Ok(())
        }
        (b"set-active-expire", 3) => {
            set_active_expire(core, id, is_on(args.at(2)));
            Ok(())
        }
        (b"set-skip-checksum-validation", 3) => {
            set_any_checksum(core, id, is_on(args.at(2)));
            Ok(())
        }
        (b"quicklist-packed-threshold", 3) => {
            packed_threshold(args.at(2)).map(|bytes| set_packed_threshold(core, id, bytes))
        }
        _ => on_this_core(core, id, &name, args),
    };
    if let Err(text) = answered {
        core.reply(id, |r| r.error(&text));
    }
}

/// What C's `atoi` takes for true.
fn is_on(word: &[u8]) -> bool {
    units::lenient_int(word, 10).is_some_and(|n| n != 0)
}

/// What needs no other core.
fn on_this_core(core: &mut CoreState, id: ConnId, name: &[u8], args: Args<'_>) -> Result<(), Vec<u8>> {
    match (name, args.len()) {
        (b"sleep", 3) => sleep(core, args.at(2)),
        (b"protocol", 3) => {
            let Some(conn) = core.conns.get(id) else { return Ok(()) };
            let mut out = Vec::new();
            sample(args.at(2), &mut proto::encode::Reply::new(&mut out, conn.resp))?;
            core.reply(id, |r| r.raw().extend_from_slice(&out));
            return Ok(());
        }
        (b"log", 3) => {
            log::warning(format_args!("DEBUG LOG: {}", String::from_utf8_lossy(args.at(2))));
        }
        (b"error", 3) => return Err(args.at(2).to_vec()),
        (b"snapshot-cut", 3) => core.shared.saves.no_cut.store(!is_on(args.at(2)), Ordering::Relaxed),
        (b"pause-cron", 3) => core.shared.pause_cron(is_on(args.at(2))),
        (b"config-rewrite-force-all", 2) => rewrite_everything(core)?,
        (b"segfault", _) => segfault(),
        (b"panic", _) => panic_for_good(core.now.unix_us / 1_000_000),
        (b"reload", _) => return reload(core, id, args),
        (b"loadaof", _) => return Err(error::not_supported_yet("debug loadaof").into()),
        _ => accepted(name, args)?,
    }
    core.reply(id, |r| r.ok());
    Ok(())
}

/// Switches of what does not exist here, with Redis's checks of their arguments.
fn accepted(name: &[u8], args: Args<'_>) -> Result<(), Vec<u8>> {
    match (name, args.len()) {
        (b"jmap", _) | (b"change-repl-id", 2) | (b"replicate", 3..) => Ok(()),
        (b"set-disable-deny-scripts" | b"dict-resizing", 3) => Ok(()),
        (b"drop-cluster-packet-filter", 3) => integer(args.at(2)).map(drop),
        (b"replybuffer", 4) => {
            let (what, value) = (args.at(2).to_ascii_lowercase(), args.at(3).to_ascii_lowercase());
            match (what.as_slice(), value.as_slice()) {
                (b"resizing", _) | (b"peak-reset-time", b"never" | b"reset") => Ok(()),
                (b"peak-reset-time", ms) => integer(ms).map(drop),
                _ => Err(error::bad_subcommand(b"debug", args.at(1))),
            }
        }
        _ => Err(error::bad_subcommand(b"debug", args.at(1))),
    }
}

fn integer(word: &[u8]) -> Result<i64, Vec<u8>> {
    parse_i64(word).ok_or_else(|| error::NOT_AN_INTEGER.into())
}

fn positive(word: &[u8], max: i64) -> Result<u64, Vec<u8>> {
    let n = parse_i64(word).filter(|n| (0..=max).contains(n));
    n.map(i64::unsigned_abs).ok_or_else(|| error::VALUE_NOT_POSITIVE.into())
}

/// Seconds, with a fraction; what is none is 0, as C's `strtod` has it.
fn pause_of(word: &[u8]) -> Duration {
    let seconds = std::str::from_utf8(word).ok().and_then(|w| w.trim().parse::<f64>().ok());
    seconds.and_then(|s| Duration::try_from_secs_f64(s).ok()).unwrap_or_default()
}

/// Stops this core, whatever waits for it. The turn's time moves on with it: what follows in the same
/// pipeline must see keys expired that lived shorter.
fn sleep(core: &mut CoreState, seconds: &[u8]) {
    let pause = pause_of(seconds);
    std::thread::sleep(pause);
    core.now.mono_ns = core.now.mono_ns.saturating_add(pause.as_nanos().try_into().unwrap_or(u64::MAX));
    core.now.unix_us = core.now.unix_us.saturating_add(pause.as_micros().try_into().unwrap_or(i64::MAX));
}

fn rewrite_everything(core: &CoreState) -> Result<(), Vec<u8>> {
    let Some(path) = &core.shared.config_file else {
        return Err(b"ERR The server is running without a config file".to_vec());
    };
    rewritten(path, &core.shared.config(), true)
        .map_err(|e| format!("ERR CONFIG-REWRITE-FORCE-ALL failed: {}", os_reason(&e)).into())
}

/// Ends the process by the signal of a bad memory access.
fn segfault() -> ! {
    let _ = kill_process(getpid(), Signal::SEGV); // a process may signal itself
    loop {
        std::thread::park(); // until the signal, which may come on another thread, has ended it all
    }
}

/// Ends the process as a panic does, whatever the profile makes of panics.
fn panic_for_good(unix_s: i64) -> ! {
    let _ = std::panic::catch_unwind(|| panic!("DEBUG PANIC called at Unix time {unix_s}"));
    std::process::abort();
}

/// `DEBUG RELOAD [MERGE] [NOFLUSH] [NOSAVE]`: answered when all is loaded again. What other clients change between the
/// cut of the save and the loading is lost, where Redis would let them wait.
fn reload(core: &mut CoreState, id: ConnId, args: Args<'_>) -> Result<(), Vec<u8>> {
    let how = Reload::parse(args.from(2))?;
    if !how.save {
        return loading::reload::begin(core, id, how);
    }
    let then = move |core: &mut CoreState, id: ConnId, is_saved: bool| {
        let begun = if is_saved { loading::reload::begin(core, id, how) } else { Err(b"ERR".to_vec()) };
        if let Err(text) = begun {
            core.reply(id, |r| r.error(&text));
        }
    };
    save_then(core, id, Why::Foreground, Box::new(then));
    Ok(())
}

/// `DEBUG DIGEST`: one digest of everything, at one point of the order.
fn digest(core: &mut CoreState, id: ConnId) {
    let run = Arc::new(|core: &mut CoreState| Answer::Digests(core.shard.digests()));
    core.ask_all(
        id,
        When::Ordered,
        run,
        Box::new(|core, id, answers| {
            let of_shard = |a| if let Answer::Digests(of_dbs) = a { of_dbs } else { Vec::new() };
            let shards: Vec<_> = answers.into_iter().map(of_shard).collect();
            core.reply(id, |r| r.simple(&hex(&combine(&shards))));
        }),
    );
}

/// `DEBUG DIGEST-VALUE [key …]`: each shard answers for its own keys.
fn digest_value(core: &mut CoreState, id: ConnId, args: Args<'_>) {
    let keys: Vec<Vec<u8>> = args.from(2).iter().map(<[u8]>::to_vec).collect();
    let db = core.conns.get(id).map_or(0, |c| usize::from(c.db));
    let count = keys.len();
    let run = Arc::new(move |core: &mut CoreState| {
        let mine = keys.iter().enumerate().filter(|(_, key)| owns(core, key));
        let digest_of = |key: &[u8]| of_value(core.shard.dbs[db].get(&core.shard.key(key)));
        Answer::KeyDigests(mine.map(|(i, key)| (i, digest_of(key))).collect())
    });
    core.ask_all(
        id,
        When::Ordered,
        run,
        Box::new(move |core, id, answers| {
            let mut digests = vec![Digest::default(); count];
            for answer in answers {
                let Answer::KeyDigests(found) = answer else { continue };
                found.into_iter().for_each(|(i, digest)| digests[i] = digest);
            }
            core.reply(id, |r| {
                r.array(count);
                digests.iter().for_each(|digest| r.simple(&hex(digest)));
            });
        }),
    );
}

fn owns(core: &CoreState, key: &[u8]) -> bool {
    usize::from(core.shared.slots.owner(slot_of(key))) == core.index
}

/// `DEBUG POPULATE count [prefix [size]]`: each shard makes the keys that are its own.
fn populate(core: &mut CoreState, id: ConnId, args: Args<'_>) -> Result<(), Vec<u8>> {
    let count = positive(args.at(2), i64::MAX)?;
    if count > POPULATE_MAX.unsigned_abs() {
        return Err(b"ERR OOM in dictTryExpand".to_vec());
    }
    let size = args.get(4).map_or(Ok(0), |word| positive(word, i64::MAX))?;
    if size > core.settings.proto_max_bulk_len as u64 {
        return Err(error::STRING_TOO_LONG.into());
    }
    let prefix = args.get(3).unwrap_or(b"key").to_vec();
    let db = core.conns.get(id).map_or(0, |c| usize::from(c.db));
    let run = Arc::new(move |core: &mut CoreState| {
        let cx = Cx::new(CommandId::Debug, db, core.now.unix_ms());
        let (shared, index) = (core.shared.clone(), core.index);
        let mine = |key: &[u8]| usize::from(shared.slots.owner(slot_of(key))) == index;
        core.shard.populate(&cx, &prefix, 0..count, size as usize, mine);
        Answer::Nothing
    });
    core.ask_all(id, When::Ordered, run, Box::new(|core, id, _| core.reply(id, |r| r.ok())));
    Ok(())
}

/// `DEBUG HTSTATS db [FULL]`: the shards' tables, added up.
fn table_stats(core: &mut CoreState, id: ConnId, args: Args<'_>) -> Result<(), Vec<u8>> {
    let db = integer(args.at(2))?;
    let Some(db) = usize::try_from(db).ok().filter(|&db| db < core.settings.databases) else {
        return Err(b"ERR Out of range database".to_vec());
    };
    let run = Arc::new(move |core: &mut CoreState| Answer::Tables(core.shard.table_stats(db)));
    core.ask_all(
        id,
        When::Ordered,
        run,
        Box::new(|core, id, answers| {
            let of_shard = |a: &Answer| if let Answer::Tables(t) = a { *t } else { TableStats::default() };
            let all = answers.iter().map(of_shard).fold(TableStats::default(), |a, b| a + b);
            core.reply(id, |r| r.verbatim("txt", all.to_string().as_bytes()));
        }),
    );
    Ok(())
}

/// `DEBUG HTSTATS-KEY key [FULL]`: the table behind a value, if there is one.
fn table_stats_of_key(core: &mut CoreState, id: ConnId, args: Args<'_>) {
    /// What no table's number of elements is.
    const NO_TABLE: i64 = -1;
    let key = args.at(2).to_vec();
    let db = core.conns.get(id).map_or(0, |c| usize::from(c.db));
    let run = Arc::new(move |core: &mut CoreState| {
        let stats = core.shard.table_stats_of(db, &key, core.now.unix_ms()).filter(|_| owns(core, &key));
        stats.map_or(Answer::Nothing, |table| Answer::Number(table.map_or(NO_TABLE, |n| n as i64)))
    });
    core.ask_all(
        id,
        When::Ordered,
        run,
        Box::new(|core, id, answers| {
            let found = answers.iter().find_map(|a| if let Answer::Number(n) = a { Some(*n) } else { None });
            core.reply(id, |r| match found {
                None => r.error(error::NO_SUCH_KEY),
                Some(NO_TABLE) => r.error(
                    "ERR The value stored at the specified key is not represented using an hash table",
                ),
                Some(n) => r.verbatim("txt", table_text(n as usize).as_bytes()),
            });
        }),
    );
}

/// `DEBUG SET-ACTIVE-EXPIRE 0|1`: in force on all cores when it is answered.
fn set_active_expire(core: &mut CoreState, id: ConnId, on: bool) {
    core.shared.active_expire.store(on, Ordering::Relaxed);
    let run = Arc::new(|core: &mut CoreState| {
        core.start_expiry();
        Answer::Nothing
    });
    core.ask_all(id, When::Direct, run, Box::new(|core, id, _| core.reply(id, |r| r.ok())));
}

/// `DEBUG SET-SKIP-CHECKSUM-VALIDATION 0|1`: in force on all cores when it is answered.
fn set_any_checksum(core: &mut CoreState, id: ConnId, on: bool) {
    core.shared.any_checksum.store(on, Ordering::Relaxed);
    let run = Arc::new(move |core: &mut CoreState| {
        core.shard.settings.any_checksum = on;
        Answer::Nothing
    });
    core.ask_all(id, When::Direct, run, Box::new(|core, id, _| core.reply(id, |r| r.ok())));
}

/// The bytes that QUICKLIST-PACKED-THRESHOLD is given.
fn packed_threshold(word: &[u8]) -> Result<usize, Vec<u8>> {
    let bytes = units::memory(word).filter(|&bytes| bytes <= PACKED_MAX);
    let bytes = bytes.and_then(|bytes| usize::try_from(bytes).ok());
    bytes.ok_or_else(|| b"ERR argument must be a memory value bigger than 1 and smaller than 4gb".to_vec())
}

/// `DEBUG QUICKLIST-PACKED-THRESHOLD bytes`: in force on all cores when it is answered.
fn set_packed_threshold(core: &mut CoreState, id: ConnId, bytes: usize) {
    core.shared.list_packed_threshold.store(bytes, Ordering::Relaxed);
    let run = Arc::new(move |core: &mut CoreState| {
        core.shard.settings.list_packed_threshold = bytes;
        Answer::Nothing
    });
    core.ask_all(id, When::Direct, run, Box::new(|core, id, _| core.reply(id, |r| r.ok())));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::args::OwnedArgs;

    fn check(line: &str) -> Result<(), String> {
        let own = OwnedArgs::of(line.split(' ').collect::<Vec<_>>());
        let name = own.args().at(1).to_ascii_lowercase();
        accepted(&name, own.args()).map_err(|text| String::from_utf8(text).unwrap())
    }

    #[test]
    fn sleeps_as_strtod_reads_them() {
        for (word, ms) in [("0.25", 250), ("2", 2000), ("abc", 0), ("-1", 0), ("inf", 0), ("", 0)] {
            assert_eq!(pause_of(word.as_bytes()), Duration::from_millis(ms), "{word}");
        }
    }

    #[test]
    fn switches_are_checked_as_redis_checks_them() {
        for line in [
            "DEBUG JMAP",
            "debug change-repl-id",
            "debug replicate a b",
            "debug dict-resizing 1",
            "debug drop-cluster-packet-filter -1",
            "debug replybuffer peak-reset-time NEVER",
            "debug replybuffer peak-reset-time 100",
            "debug REPLYBUFFER resizing 0",
        ] {
            assert_eq!(check(line), Ok(()), "{line}");
        }
        for (line, text) in [
            ("debug drop-cluster-packet-filter x", error::NOT_AN_INTEGER),
            ("debug replybuffer peak-reset-time x", error::NOT_AN_INTEGER),
            (
                "debug Replybuffer foo x",
                "ERR unknown subcommand or wrong number of arguments for 'Replybuffer'. Try DEBUG HELP.",
            ),
            (
                "debug nosuch",
                "ERR unknown subcommand or wrong number of arguments for 'nosuch'. Try DEBUG HELP.",
            ),
        ] {
            assert_eq!(check(line).unwrap_err(), text, "{line}");
        }
    }

    #[test]
    fn packed_thresholds_are_memory_values() {
        assert_eq!(packed_threshold(b"100kb"), Ok(100 << 10));
        assert_eq!(packed_threshold(b"1b"), Ok(1));
        assert_eq!(packed_threshold(b"0"), Ok(0));
        for word in ["abc", "4gb", "-1"] {
            let text = String::from_utf8(packed_threshold(word.as_bytes()).unwrap_err()).unwrap();
            assert_eq!(text, "ERR argument must be a memory value bigger than 1 and smaller than 4gb");
        }
    }
}
