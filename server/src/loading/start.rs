//! Loading when the server starts.
//!
//! The cores turn already and answer -LOADING, so that whoever supervises the server sees it alive; "Ready to accept
//! connections" is said afterwards, as in Redis.

use super::{Lane, Stage, Trouble, load, take_stage};
use crate::config::Settings;
use crate::log;
use crate::shared::Shared;
use std::path::PathBuf;
use std::time::Instant;

/// The data file that the configuration names.
#[must_use]
pub fn data_file(settings: &Settings) -> PathBuf {
    settings.dir.join(&settings.dbfilename)
}

/// Before the cores turn: whether there is a file, or something that stands in its place. If so, they begin as in a load.
pub fn prepare(shared: &Shared) {
    let path = data_file(&shared.settings());
    if path.symlink_metadata().is_ok() {
        let claimed = shared.loading.claim();
        debug_assert!(claimed, "nothing has begun yet");
    }
}

/// Once the cores turn: loads what was found, if anything. A file that cannot be loaded ends the process.
pub fn load_at_start(shared: &Shared) {
    if !shared.loading.is_active() {
        return;
    }
    let path = data_file(&shared.settings());
    let began = Instant::now();
    match load(shared, &path, false) {
        Ok(()) => {
            log::notice(format_args!("DB loaded from disk: {:.3} seconds", began.elapsed().as_secs_f64()));
        }
        Err(Trouble::Missing) => {}
        Err(Trouble::Stopping) => return, // clients are refused to the end
        Err(Trouble::Failed(why)) => {
            log::warning(format_args!("{why}"));
            log::die(format_args!("Fatal error loading the DB, check server logs. Exiting."));
        }
    }
    if take_stage(shared, Stage::End, Lane::Ordered).is_ok() {
        shared.loading.finish();
    }
}
