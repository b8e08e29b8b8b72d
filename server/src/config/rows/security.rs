//! Who may do what.

use crate::config::choices::*;
use crate::config::row::*;

const NO_ACL: &str = "access control lists are not built yet";

pub const ROWS: &[Directive] = &[
    optional("requirepass", "Password of the default user.").sensitive(),
    other("user", Kind::Line(Line::User), "", "Declare a user with its rules, as ACL SETUSER takes them.")
        .sensitive()
        .no_effect(NO_ACL),
    text("aclfile", "", "File that holds the users.").fixed().no_effect(NO_ACL),
    int("acllog-max-len", 0, i64::MAX, "128", "Refusals that ACL LOG remembers.").no_effect(NO_ACL),
    choice(
        "acl-pubsub-default",
        PUBSUB_DEFAULTS,
        "resetchannels",
        "Channels that a new user may use: allchannels or resetchannels (none).",
    )
    .no_effect(NO_ACL),
    other(
        "rename-command",
        Kind::Line(Line::RenameCommand),
        "",
        "Give a command another name; the empty name removes it.",
    ),
    choice(
        "enable-protected-configs",
        PROTECTED_ACTIONS,
        "no",
        "Who may CONFIG SET the directives that name files: no, yes, or local (connections from this host).",
    )
    .fixed(),
    choice("enable-debug-command", PROTECTED_ACTIONS, "no", "Who may use DEBUG: no, yes, or local.").fixed(),
    choice("enable-module-command", PROTECTED_ACTIONS, "no", "Who may use MODULE: no, yes, or local.")
        .fixed()
        .no_effect(super::general::NO_MODULES),
];
