//! CONFIG: GET, SET, REWRITE and RESETSTAT.
//!
//! SET makes a changed copy of the configuration, makes it real for the process
//! ([`crate::process`]), then publishes it; cores take it over before they run anything that came
//! after the reply. All of that happens under the configuration's lock, so that two clients' changes
//! do not mix, and any failure leaves everything as it was.
//!
//! REWRITE writes and syncs the file on the core that was asked, as Redis does: its clients wait for
//! the disk, those of other cores do not.

use crate::config::{self, Caller, Refusal, Rewrite, os_reason, rewrite};
use crate::core::state::CoreState;
use crate::io::ConnId;
use crate::log;
use crate::replace_file::replace_file;
use crate::work::Direct;
use proto::args::Args;
use proto::command::{CommandId, CommandSpec};
use proto::error;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::atomic::Ordering;

/// The core that has the listeners.
const ACCEPTING_CORE: usize = 0;

/// Runs a subcommand of CONFIG.
pub fn run(core: &mut CoreState, id: ConnId, spec: &'static CommandSpec, args: Args<'_>) {
    match spec.id {
        CommandId::ConfigGet => get(core, id, args),
        CommandId::ConfigSet => set(core, id, args),
        CommandId::ConfigRewrite => rewrite_file(core, id),
        CommandId::ConfigResetstat => super::info::reset_stats(core, id),
        other => core.reply(id, |r| r.error(error::not_supported_yet(other.full_name()))),
    }
}

/// `CONFIG GET pattern [pattern …]`
fn get(core: &mut CoreState, id: ConnId, args: Args<'_>) {
    let patterns: Vec<&[u8]> = args.from(2).iter().collect();
    let found = core.shared.config().get_matching(&patterns);
    core.reply(id, |r| {
        r.map(found.len());
        for (name, value) in &found {
            r.bulk(name);
            r.bulk(value);
        }
    });
}

/// `CONFIG SET directive value [directive value …]`
fn set(core: &mut CoreState, id: ConnId, args: Args<'_>) {
    if !args.len().is_multiple_of(2) {
        return core.reply(id, |r| r.error(error::SYNTAX));
    }
    let words: Vec<&[u8]> = args.from(2).iter().collect();
    let pairs: Vec<(&[u8], &[u8])> = words.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
    let local = core.conns.get(id).is_some_and(|c| c.ends.unix || c.ends.loopback);
    match change(core, &pairs, Caller { local, loading: core.loading }) {
        Ok(()) => core.reply(id, |r| r.ok()),
        Err(Refusal(text)) => core.reply(id, |r| r.error(&text)),
    }
}

fn change(core: &mut CoreState, pairs: &[(&[u8], &[u8])], caller: Caller) -> Result<(), Refusal> {
    let shared = core.shared.clone();
    let listeners = shared.change_config(|config| {
        let change = config.set_many(pairs, caller)?;
        let (old, new) = (config.settings(), change.config.settings());
        let listeners = shared.process.lock().apply(&change.changed, &old, &new)?;
        shared.port.store(new.port, Ordering::Relaxed);
        Ok((change.config, listeners))
    })?;
    if let Some(listeners) = listeners {
        core.outbox.direct(ACCEPTING_CORE, Direct::Listen(listeners));
    }
    core.refresh_settings();
    Ok(())
}

/// `CONFIG REWRITE`
fn rewrite_file(core: &mut CoreState, id: ConnId) {
    let Some(path) = &core.shared.config_file else {
        return core.reply(id, |r| r.error("ERR The server is running without a config file"));
    };
    match rewritten(path, &core.shared.config(), false) {
        Ok(()) => {
            log::notice(format_args!("CONFIG REWRITE executed with success."));
            core.reply(id, |r| r.ok());
        }
        Err(e) => {
            let why = os_reason(&e);
            log::warning(format_args!("CONFIG REWRITE failed: {why}"));
            core.reply(id, |r| r.error(format!("ERR Rewriting config file: {why}")));
        }
    }
}

/// Brings the file up to date; `everything`: also with what is at its default. A file that has gone
/// is made anew.
///
/// # Errors
/// Those of reading and replacing the file, which is then as it was.
pub fn rewritten(path: &Path, config: &config::Config, everything: bool) -> io::Result<()> {
    let old = match std::fs::read(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => Vec::new(),
        read => read?,
    };
    replace_file(path, &rewrite(&old, config, &Rewrite { users: None, everything }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn a_rewrite_keeps_comments_and_makes_a_file_that_has_gone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("server.conf");
        std::fs::write(&path, "# mine\nport 1\n").unwrap();
        let caller = Caller { local: true, loading: false };
        let set =
            |pairs: &[(&[u8], &[u8])]| Config::new(Path::new("/")).set_many(pairs, caller).unwrap().config;
        let config = set(&[(b"port", b"7000"), (b"maxmemory", b"1mb")]);
        rewritten(&path, &config, false).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("# mine\nport 7000\n") && text.contains("\nmaxmemory 1mb\n"), "{text}");
        std::fs::remove_file(&path).unwrap();
        rewritten(&path, &config, false).unwrap();
        assert!(std::fs::read_to_string(&path).unwrap().contains("port 7000\n"));
        assert!(rewritten(&dir.path().join("none/x"), &config, false).is_err());
    }
}
