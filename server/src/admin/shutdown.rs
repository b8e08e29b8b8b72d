//! SHUTDOWN: what it is asked for is read as Redis reads it. One that saves stops the server when the snapshot is in
//! its place ([`crate::saving`]); from its cut on no command is run.

use super::save_command::save_then;
use crate::core::state::CoreState;
use crate::io::ConnId;
use crate::log;
use crate::saving::Why;
use crate::shared::StopReason;
use proto::args::Args;
use proto::error;

/// What SHUTDOWN is to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wish {
    Stop { save: Save, force: bool },
    Abort,
}

/// Whether there is to be a snapshot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Save {
    /// If there are save points.
    AsConfigured,
    Must,
    MustNot,
}

/// `SHUTDOWN [NOSAVE | SAVE] [NOW] [FORCE] [ABORT]`; `None` is a syntax error. NOW would not wait for
/// replicas, of which there are none.
fn wish(args: Args<'_>) -> Option<Wish> {
    let (mut save, mut nosave, mut now, mut force, mut abort) = (false, false, false, false, false);
    for word in args.from(1).iter() {
        *match word.to_ascii_lowercase().as_slice() {
            b"save" => &mut save,
            b"nosave" => &mut nosave,
            b"now" => &mut now,
            b"force" => &mut force,
            b"abort" => &mut abort,
            _ => return None,
        } = true;
    }
    let save = match (save, nosave) {
        (true, true) => return None,
        (true, false) => Save::Must,
        (false, true) => Save::MustNot,
        (false, false) => Save::AsConfigured,
    };
    match abort {
        true if now || force || save != Save::AsConfigured => None,
        true => Some(Wish::Abort),
        false => Some(Wish::Stop { save, force }),
    }
}

/// Stops the server, without a reply: the connection closes with it.
pub fn shutdown(core: &mut CoreState, id: ConnId, args: Args<'_>) {
    match wish(args) {
        None => core.reply(id, |r| r.error(error::SYNTAX)),
        // A shutdown that has begun is over within a turn: only one that is held can be taken back.
        Some(Wish::Abort) if core.shared.abort_stop() => {
            log::notice(format_args!("Shutdown manually aborted."));
            core.reply(id, |r| r.ok());
        }
        Some(Wish::Abort) => core.reply(id, |r| r.error("ERR No shutdown in progress.")),
        Some(Wish::Stop { save, force }) => {
            // What is half loaded must not replace the file that it comes from.
            let save = if core.loading { Save::MustNot } else { save };
            log::warning(format_args!("User requested shutdown..."));
            let wanted = save == Save::Must || save == Save::AsConfigured && !core.settings.save.is_empty();
            if wanted && !core.shared.loading.is_active() {
                return save_and_stop(core, id, force);
            }
            stop(core, id);
        }
    }
}

fn stop(core: &mut CoreState, id: ConnId) {
    core.close(id, true); // what it has been answered before still goes out
    core.shared.stop(StopReason::Command);
}

/// The reply comes only if the server goes on.
fn save_and_stop(core: &mut CoreState, id: ConnId, force: bool) {
    log::notice(format_args!("Saving the final RDB snapshot before exiting."));
    let why = Why::Stopping { force, reason: StopReason::Command };
    save_then(
        core,
        id,
        why,
        Box::new(move |core, id, is_ok| {
            if is_ok || force {
                core.close(id, true);
            } else {
                core.reply(id, |r| r.error("ERR Errors trying to SHUTDOWN. Check logs."));
            }
        }),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::args::OwnedArgs;

    #[test]
    fn wishes_as_redis_reads_them() {
        let stop = |save, force| Some(Wish::Stop { save, force });
        for (line, expected) in [
            ("shutdown", stop(Save::AsConfigured, false)),
            ("shutdown NOSAVE", stop(Save::MustNot, false)),
            ("shutdown now nosave force", stop(Save::MustNot, true)),
            ("shutdown save save", stop(Save::Must, false)),
            ("shutdown abort", Some(Wish::Abort)),
            ("shutdown abort abort", Some(Wish::Abort)),
            ("shutdown abort now", None),
            ("shutdown abort save", None),
            ("shutdown save nosave", None),
            ("shutdown later", None),
        ] {
            let own = OwnedArgs::of(line.split(' ').collect::<Vec<_>>());
            assert_eq!(wish(own.args()), expected, "{line}");
        }
    }
}
