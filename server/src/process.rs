//! What of the process follows the configuration while it runs: CONFIG SET makes a changed copy of
//! the configuration, [`Process::apply`] makes it real, and only then it is published. If one step
//! fails, those before it are taken back, so that several directives change together or not at all.
//!
//! Most directives are not here: cores read their values from the published settings.

use crate::config::{Id, Refusal, Settings, failed};
use crate::crash;
use crate::host::limits;
use crate::host::oom::{self, OomScore};
use crate::id;
use crate::life::{set_title, title};
use crate::listen::Listener;
use crate::listening::{Change, Listening};
use crate::log;
use std::path::PathBuf;

/// The index of a primary's value in `oom-score-adj-values`.
const PRIMARY: usize = 0;

/// The state of the process, one for all cores.
#[derive(Default)]
pub struct Process {
    config_file: Option<PathBuf>,
    /// As it was called: what `{title}` stands for in `proc-title-template`.
    program: String,
    listening: Listening,
    oom_score: OomScore,
}

impl Process {
    /// Brings the process to what the server is started with. What fails is logged: it is no
    /// reason not to serve.
    pub fn begin(&mut self, settings: &Settings, config_file: Option<PathBuf>, listeners: &[Listener]) {
        self.config_file = config_file;
        // Read before the first title is shown, which takes its place.
        self.program = std::env::args_os().next().unwrap_or_default().to_string_lossy().into_owned();
        if let Err(e) = self.listening.begin(listeners, settings.port) {
            log::warning(format_args!("CONFIG SET will not be able to change where the server listens: {e}"));
        }
        if let Err(why) = self.oom_score.apply(settings, PRIMARY) {
            log::warning(format_args!("{why}"));
        }
        self.show_title(settings);
    }

    /// Makes the changed directives real. The sockets come last, so that they never have to be
    /// taken back; what the accepting core is to do about them is returned.
    ///
    /// # Errors
    /// The reply to CONFIG SET. Everything is as it was with `old`.
    pub fn apply(
        &mut self,
        changed: &[Id],
        old: &Settings,
        new: &Settings,
    ) -> Result<Option<Change>, Refusal> {
        let is_address = |id: Id| id == id!("port") || id == id!("bind");
        let others: Vec<Id> = changed.iter().copied().filter(|id| !is_address(*id)).collect();
        for (done, &id) in others.iter().enumerate() {
            if let Err(why) = self.follow(id, new) {
                return Err(self.restore(&others[..done], old, id, &why));
            }
        }
        let Some(&id) = changed.iter().find(|id| is_address(**id)) else { return Ok(None) };
        match self.listening.change(new) {
            Ok(change) => {
                self.show_title(new);
                Ok(Some(change))
            }
            Err(_) if id == id!("port") => {
                Err(self.restore(&others, old, id, "Unable to listen on this port. Check server logs."))
            }
            Err(_) => Err(self.restore(&others, old, id, "Failed to bind to specified addresses.")),
        }
    }

    /// Takes back what was done before `failing` could not be.
    fn restore(&mut self, done: &[Id], old: &Settings, failing: Id, why: &str) -> Refusal {
        let name = failing.row().name;
        log::warning(format_args!(
            "Failed applying new configuration. Possibly related to new {name} setting. Restoring previous settings."
        ));
        for &id in done.iter().rev() {
            if let Err(why) = self.follow(id, old) {
                log::warning(format_args!("Failed applying restored failed CONFIG SET command: {why}"));
            }
        }
        failed(name, why)
    }

    /// Does what one directive asks for, if it asks for anything.
    fn follow(&mut self, id: Id, settings: &Settings) -> Result<(), String> {
        if id == id!("loglevel") {
            log::set_level(settings.loglevel);
        } else if id == id!("dir") {
            std::env::set_current_dir(&settings.dir).map_err(|e| crate::config::os_reason(&e))?;
        } else if id == id!("maxclients") {
            let fits = limits::raise_open_files(settings.maxclients).unwrap_or(0);
            if fits < settings.maxclients {
                return Err(limits::too_many_clients(fits));
            }
        } else if id == id!("crash-log-enabled") {
            if settings.crash_log_enabled {
                crash::install(log::file().as_deref());
            } else {
                crash::uninstall();
            }
        } else if id == id!("oom-score-adj") || id == id!("oom-score-adj-values") {
            self.oom_score.apply(settings, PRIMARY).map_err(|why| {
                log::warning(format_args!("{why}"));
                oom::REFUSED.to_owned()
            })?;
        } else if id == id!("proc-title-template") {
            self.show_title(settings);
        }
        Ok(())
    }

    /// A title that is longer than the command line was cannot be shown; that is no error.
    fn show_title(&self, settings: &Settings) {
        if settings.set_proc_title
            && let Some(title) = title(settings, &self.program, self.config_file.as_deref())
        {
            set_title(&title);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Caller, Config};
    use std::net::TcpListener;
    use std::path::Path;

    /// The process of the test itself: only what harms no other test is changed.
    #[test]
    fn what_was_done_is_taken_back_when_a_later_step_fails() {
        let busy = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = busy.local_addr().unwrap().port().to_string();
        let config = Config::new(Path::new("/"));
        let caller = Caller { local: true, loading: false };
        let pairs: [(&[u8], &[u8]); 3] = [
            (b"port", port.as_bytes()),
            (b"bind", b"127.0.0.1"),
            (b"oom-score-adj-values", b"1 2 3"), // off: nothing is written
        ];
        let change = config.set_many(&pairs, caller).unwrap();
        let (old, new) = (config.settings(), change.config.settings());
        let refusal = Process::default().apply(&change.changed, &old, &new).unwrap_err();
        assert_eq!(
            refusal.0,
            "ERR CONFIG SET failed (possibly related to argument 'port') - \
             Unable to listen on this port. Check server logs."
        );
    }
}
