//! The lines of a start, in the order that tools wait for them:
//!
//! 1. [`starting`], then [`configured`]: who starts, with which configuration;
//! 2. [`logo`]: mode, port and process id;
//! 3. [`initialized`]: all is set up, the data is about to be loaded;
//! 4. [`ready`]: connections are served.

use super::{notice, raw, warning};
use crate::config::Settings;
use crate::version::{PERCORE, REDIS};
use std::io::IsTerminal;

/// The commit that was built, if the build was told.
#[must_use]
pub fn commit() -> &'static str {
    option_env!("PERCORE_COMMIT").unwrap_or("00000000")
}

/// What `--version` prints; `v=` is the version of Redis that is answered to clients.
#[must_use]
pub fn version_line() -> String {
    format!("Percore server v={REDIS} sha={}:0 bits={} percore={PERCORE}", commit(), usize::BITS)
}

/// The first lines of a log.
pub fn starting() {
    notice(format_args!("oO0OoO0OoO0Oo Percore is starting oO0OoO0OoO0Oo"));
    notice(format_args!(
        "Percore version={PERCORE}, bits={}, commit={}, modified=0, pid={}, just started",
        usize::BITS,
        commit(),
        std::process::id()
    ));
}

/// Where the configuration came from: `program` is how the server was called, if without any.
pub fn configured(no_arguments_to: Option<&str>) {
    match no_arguments_to {
        None => notice(format_args!("Configuration loaded")),
        Some(program) => warning(format_args!(
            "Warning: no config file specified, using the default config. \
             In order to specify a config file use {program} /path/to/percore.conf"
        )),
    }
}

/// One line, or on a terminal the logo, with mode, port and process id.
pub fn logo(settings: &Settings, shards: usize) {
    let to_terminal =
        !settings.syslog_enabled && settings.logfile.is_none() && std::io::stdout().is_terminal();
    if to_terminal || settings.always_show_logo {
        raw(&logo_text(settings.port, shards, std::process::id()));
    } else {
        notice(format_args!("Running mode=standalone, port={}.", settings.port));
    }
}

fn logo_text(port: u16, shards: usize, pid: u32) -> String {
    format!(
        r"
    ┌──┬──┬──┬──┐
   ─┤ ▪│ ▪│ ▪│ ▪├─      Percore {PERCORE} (Redis {REDIS}), {bits} bit
   ─┼──┼──┼──┼──┼─
   ─┤ ▪│ ▪│ ▪│ ▪├─      Running in standalone mode, {shards} shard{s}
   ─┼──┼──┼──┼──┼─      Port: {port}
   ─┤ ▪│ ▪│ ▪│ ▪├─      PID: {pid}
    └──┴──┴──┴──┘

",
        bits = usize::BITS,
        s = if shards == 1 { "" } else { "s" },
    )
}

pub fn initialized() {
    notice(format_args!("Server initialized"));
}

/// `kind` is `tcp`, `unix` or `tls`; one line for each that is listened on.
pub fn ready(kind: &str) {
    notice(format_args!("Ready to accept connections {kind}"));
}

/// The one line about a port that cannot be listened on; the process ends.
pub fn cannot_listen(port: u16, kind: &str) -> ! {
    super::die(format_args!("Failed listening on port {port} ({kind}), aborting."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_logo_names_the_process() {
        let text = logo_text(7000, 2, 4242);
        assert!(text.contains(" PID: 4242\n") && text.contains("Port: 7000\n") && text.contains("2 shards"));
    }

    #[test]
    fn versions_are_told_apart() {
        assert!(version_line().starts_with("Percore server v=7.2.4 sha="));
        assert!(version_line().ends_with(&format!("percore={PERCORE}")));
    }
}
