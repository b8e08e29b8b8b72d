//! SAVE, BGSAVE, LASTSAVE.

use crate::core::fragment::cut_task;
use crate::core::state::CoreState;
use crate::core::tasks::{Finish, When};
use crate::io::ConnId;
use crate::log;
use crate::saving::Why;
use crate::task::Answer;
use proto::args::Args;
use proto::error;
use std::sync::atomic::Ordering;

const BUSY: &str = "ERR Background save already in progress";

/// `BGSAVE [SCHEDULE]`: answered once every shard has made the cut.
pub fn bgsave(core: &mut CoreState, id: ConnId, args: Args<'_>) {
    let schedules = match args.get(1) {
        None => false,
        Some(word) if args.len() == 2 && word.eq_ignore_ascii_case(b"schedule") => true,
        Some(_) => return core.reply(id, |r| r.error(error::SYNTAX)),
    };
    match core.new_save(Why::Background) {
        Some(save) => {
            log::notice(format_args!("Background saving started"));
            let finish: Finish =
                Box::new(|core, id, _| core.reply(id, |r| r.simple("Background saving started")));
            let in_order = !core.shared.saves.no_cut.load(Ordering::Relaxed);
            core.ask_all(id, if in_order { When::Ordered } else { When::Direct }, cut_task(&save), finish);
        }
        None if schedules => {
            core.shared.saves.schedule();
            core.reply(id, |r| r.simple("Background saving scheduled"));
        }
        None => core.reply(id, |r| r.error(BUSY)),
    }
}

/// `SAVE`: answered once the snapshot is on disk.
pub fn save(core: &mut CoreState, id: ConnId) {
    save_then(
        core,
        id,
        Why::Foreground,
        Box::new(|core, id, is_ok| {
            core.reply(id, |r| if is_ok { r.ok() } else { r.error("ERR") });
        }),
    );
}

/// What is done with the end of a save: whether it succeeded.
pub type Then = Box<dyn FnOnce(&mut CoreState, ConnId, bool) + Send>;

/// Saves, and calls `then` at the end; a save under way is answered with an error.
pub fn save_then(core: &mut CoreState, id: ConnId, why: Why, then: Then) {
    let Some(save) = core.new_save(why) else {
        return core.reply(id, |r| r.error(BUSY));
    };
    let run = cut_task(&save);
    let end: Finish = Box::new(move |core, id, answers| then(core, id, answers.contains(&Answer::Number(1))));
    core.ask_and_wait(id, run, end, |core, number| save.waits(core, id, number));
}

/// `LASTSAVE`: Unix seconds.
pub fn lastsave(core: &mut CoreState, id: ConnId) {
    let time = core.shared.saves.view(0).last_time;
    core.reply(id, |r| r.int(time));
}
