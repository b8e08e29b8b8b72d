//! The process as a whole, its log, and the lines that pull in other files.

use crate::config::check;
use crate::config::choices::*;
use crate::config::row::*;

pub const NO_MODULES: &str = "Redis modules are not supported";

/// Lines that are not values.
pub const FILES: &[Directive] = &[
    other(
        "include",
        Kind::Line(Line::Include),
        "",
        "Read another configuration file here; a pattern such as conf.d/*.conf reads each that matches, and may match none.",
    ),
    other("loadmodule", Kind::Line(Line::LoadModule), "", "Load a Redis module, with its arguments.")
        .no_effect(NO_MODULES),
];

pub const ROWS: &[Directive] = &[
    yes_no("daemonize", "no", "Run in the background, detached from the terminal.").fixed(),
    choice(
        "supervised",
        SUPERVISORS,
        "no",
        "Tell a supervisor when the server is ready: systemd (sd_notify), upstart, or auto to find out which.",
    )
    .fixed(),
    optional(
        "pidfile",
        "File to write the process id to. When daemonized without one, /var/run/percore.pid is taken.",
    )
    .fixed(),
    int("databases", 1, INT_MAX, "16", "Numbered databases, chosen with SELECT.").fixed(),
    yes_no("always-show-logo", "no", "Show the start banner even where the log is no terminal.").fixed(),
    yes_no("set-proc-title", "yes", "Show the listening address in ps and top.").fixed(),
    other(
        "proc-title-template",
        Kind::Text { empty_is_unset: false, check: check::proc_title },
        "{title} {listen-addr} {server-mode}",
        "What ps shows. Also known: {port} {tls-port} {unixsocket} {config-file}.",
    ),
    other("dir", Kind::Dir, ".", "Working directory: where data files are, and where relative paths start.")
        .protected()
        .not_while_loading(),
    int(
        "hz",
        0,
        INT_MAX,
        "10",
        "How often per second background work (idle clients, expiry) is done. Kept within 1 and 500.",
    )
    .no_effect("every core does its background work ten times a second, and in slices between"),
    yes_no("dynamic-hz", "yes", "Do background work more often when many clients are connected.")
        .no_effect("every core does its background work ten times a second, and in slices between"),
    text("locale-collate", "", "Locale that orders strings in SORT ALPHA. Empty takes the environment's.")
        .no_effect("strings are compared by their bytes"),
];

pub const LOG: &[Directive] = &[
    choice(
        "loglevel",
        LOG_LEVELS,
        "notice",
        "Least urgent lines to log: debug, verbose, notice, warning, or nothing.",
    ),
    text("logfile", "", "File to log to; it is opened anew for each batch of lines, so it can be rotated. Empty logs to standard output.")
        .fixed(),
    yes_no("syslog-enabled", "no", "Log to syslog as well.").fixed(),
    text("syslog-ident", "percore", "Name under which syslog files the lines.").fixed(),
    choice("syslog-facility", SYSLOG_FACILITIES, "local0", "Facility under which syslog files the lines.").fixed(),
    yes_no("crash-log-enabled", "yes", "Write a report to the log when the process crashes."),
    yes_no("crash-memcheck-enabled", "yes", "Test the memory after a crash.")
        .no_effect("a crash report does not test the memory"),
];
