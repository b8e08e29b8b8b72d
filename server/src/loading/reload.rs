//! DEBUG RELOAD: everything is thrown away and loaded again, at one point of the order of commands.
//!
//! ```text
//!   DEBUG RELOAD -> a thread: [save] -> begin on all cores -> load -> end on all cores -> Direct::Answer -> +OK
//! ```
//! The connection that asks waits as for any question ([`crate::core::tasks`]); the others are answered -LOADING. A file
//! that is wrong ends the process, as in Redis: what was in memory is gone.

use super::start::data_file;
use super::{Lane, Stage, Trouble, load, post, take_stage};
use crate::core::state::CoreState;
use crate::io::ConnId;
use crate::log;
use crate::mailbox::Outbox;
use crate::shared::Shared;
use crate::task::Answer;
use crate::work::Direct;
use proto::args::Args;
use proto::error;
use std::sync::Arc;

/// What a client is told when there is no file.
const CANNOT: &str = "ERR Error trying to load the RDB dump, check server logs.";

/// The options of DEBUG RELOAD.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reload {
    /// The data set is saved first.
    pub save: bool,
    /// What is in memory is thrown away.
    pub flush: bool,
    /// Keys that are there already are replaced by the file's.
    pub replace: bool,
}

impl Reload {
    /// `[MERGE] [NOFLUSH] [NOSAVE]`
    ///
    /// # Errors
    /// The error reply for any other word.
    pub fn parse(words: Args<'_>) -> Result<Self, &'static str> {
        let mut reload = Self { save: true, flush: true, replace: false };
        for word in words.iter() {
            match word.to_ascii_lowercase().as_slice() {
                b"merge" => reload.replace = true,
                b"noflush" => reload.flush = false,
                b"nosave" => reload.save = false,
                _ => return Err("ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options."),
            }
        }
        Ok(reload)
    }
}

/// Loads the data file anew; when it returns, clients are served again. To be called from a thread that is no core's, after
/// the save where there is one. Does not look at [`Reload::save`].
///
/// # Errors
/// Another load is under way, there is no file, or the server stops. A file that cannot be loaded ends the process.
pub fn reload(shared: &Shared, how: Reload, lane: Lane) -> Result<(), &'static str> {
    if !shared.loading.claim() {
        return Err(error::LOADING);
    }
    let stopped = |_: Trouble| CANNOT;
    take_stage(shared, Stage::Begin { flush: how.flush }, lane).map_err(stopped)?;
    if how.flush {
        shared.functions.lock().clear();
    }
    let path = data_file(&shared.settings());
    let loaded = load(shared, &path, how.replace);
    if let Err(Trouble::Failed(why)) = &loaded {
        log::warning(format_args!("{why}"));
        log::die(format_args!("DEBUG RELOAD can't load the DB, and what was in memory is gone. Exiting."));
    }
    take_stage(shared, Stage::End, lane).map_err(stopped)?;
    shared.loading.finish();
    match loaded {
        Ok(()) => {
            log::notice(format_args!("DB reloaded by DEBUG RELOAD"));
            Ok(())
        }
        Err(_) => {
            log::warning(format_args!("There is no RDB file {} to load.", path.display()));
            Err(CANNOT)
        }
    }
}

/// Runs [`reload`] on a thread of its own; the connection is answered when it is done.
///
/// # Errors
/// The reply, if it cannot begin.
pub fn begin(core: &mut CoreState, id: ConnId, how: Reload) -> Result<(), Vec<u8>> {
    if core.shared.loading.is_active() {
        return Err(error::LOADING.into());
    }
    let lane = if core.alone.is_some() { Lane::Direct } else { Lane::Ordered };
    let (shared, here) = (core.shared.clone(), core.index);
    let transaction = core.transaction();
    let run = move || {
        let answer = match reload(&shared, how, lane) {
            Ok(()) => Answer::Nothing,
            Err(text) => Answer::Bytes(text.into()),
        };
        answer_later(&shared, here, id, transaction, answer);
    };
    let thread = std::thread::Builder::new().name("percore-reload".into()).spawn(run);
    if let Err(e) = thread {
        return Err(format!("ERR Can't start a thread that loads: {e}").into());
    }
    core.wait_for_answer(
        id,
        transaction,
        Box::new(|core, id, answers| {
            core.reply(id, |r| match answers.first() {
                Some(Answer::Bytes(text)) => r.error(text),
                _ => r.ok(),
            });
        }),
    );
    Ok(())
}

/// Answers a question of a core from a thread that is none.
fn answer_later(shared: &Arc<Shared>, core: usize, conn: ConnId, transaction: u64, answer: Answer) {
    let mut out = Outbox::new(shared.cores());
    out.direct(core, Direct::Answer { conn, transaction, core, answer });
    post(shared, &mut out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::args::OwnedArgs;

    #[test]
    fn options_as_redis_reads_them() {
        let parse = |line: &str| Reload::parse(OwnedArgs::of(line.split_whitespace()).args());
        let all = |save, flush, replace| Ok(Reload { save, flush, replace });
        assert_eq!(parse(""), all(true, true, false));
        assert_eq!(parse("NOSAVE"), all(false, true, false));
        assert_eq!(parse("merge noflush"), all(true, false, true));
        assert_eq!(parse("noflush NOSAVE merge merge"), all(false, false, true));
        assert!(parse("nosave fast").unwrap_err().starts_with("ERR DEBUG RELOAD only supports"));
    }
}
