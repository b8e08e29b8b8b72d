//! ACL and its subcommands: users and what they may do.

use super::prelude::*;

const fn acl_command(id: Id, arity: i16) -> CommandSpec {
    CommandSpec::new(id, Group::Server, arity)
}

pub(super) const ROWS: &[CommandSpec] = &[
    acl_command(Id::Acl, -2)
        .summary("Commands about users and their permissions.")
        .since("6.0.0")
        .complexity("Depends on subcommand"),
    acl_command(Id::AclCat, -2)
        .syntax("[category]")
        .summary("Lists the ACL categories, or the commands of one.")
        .since("6.0.0")
        .complexity("O(1) since the categories and commands are a fixed set")
        .flags(&[NOSCRIPT, LOADING, STALE]),
    acl_command(Id::AclDeluser, -3)
        .syntax("username...")
        .summary("Deletes users and closes their connections.")
        .since("6.0.0")
        .complexity("O(1) amortized time considering the typical user")
        .flags(&[ADMIN, NOSCRIPT, LOADING, STALE])
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]),
    acl_command(Id::AclDryrun, -4)
        .syntax("username command [arg...]")
        .summary("Tells whether a user could run a command, without running it.")
        .since("7.0.0")
        .complexity("O(1)")
        .flags(&[ADMIN, NOSCRIPT, LOADING, STALE]),
    acl_command(Id::AclGenpass, -2)
        .syntax("[bits]")
        .summary("Makes a random password that cannot be guessed.")
        .since("6.0.0")
        .complexity("O(1)")
        .flags(&[NOSCRIPT, LOADING, STALE]),
    acl_command(Id::AclGetuser, 3)
        .syntax("username")
        .summary("Shows the rules of a user.")
        .since("6.0.0")
        .complexity("O(N). Where N is the number of password, command and pattern rules that the user has")
        .flags(&[ADMIN, NOSCRIPT, LOADING, STALE])
        .history(&[
            ("6.2.0", "Added Pub/Sub channel patterns."),
            (
                "7.0.0",
                "Added selectors and changed the format of key and channel patterns from a list to \
                their rule representation.",
            ),
        ]),
    acl_command(Id::AclHelp, 2)
        .summary("Shows help on the ACL subcommands.")
        .since("6.0.0")
        .complexity("O(1)")
        .flags(&[LOADING, STALE]),
    acl_command(Id::AclList, 2)
        .summary("Lists the rules of all users, as in an ACL file.")
        .since("6.0.0")
        .complexity("O(N). Where N is the number of configured users")
        .flags(&[ADMIN, NOSCRIPT, LOADING, STALE]),
    acl_command(Id::AclLoad, 2)
        .summary("Loads the rules again from the ACL file.")
        .since("6.0.0")
        .complexity("O(N). Where N is the number of configured users")
        .flags(&[ADMIN, NOSCRIPT, LOADING, STALE]),
    acl_command(Id::AclLog, -2)
        .syntax("[operation<count | RESET>]")
        .summary("Shows recent refusals by ACL rules, or forgets them.")
        .since("6.0.0")
        .complexity("O(N) with N being the number of entries shown")
        .flags(&[ADMIN, NOSCRIPT, LOADING, STALE])
        .history(&[("7.2.0", "Added entry ID, timestamp created, and timestamp last updated.")]),
    acl_command(Id::AclSave, 2)
        .summary("Writes the rules to the ACL file.")
        .since("6.0.0")
        .complexity("O(N). Where N is the number of configured users")
        .flags(&[ADMIN, NOSCRIPT, LOADING, STALE])
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]),
    acl_command(Id::AclSetuser, -3)
        .syntax("username [rule...]")
        .summary("Creates a user or changes its rules.")
        .since("6.0.0")
        .complexity("O(N). Where N is the number of rules provided")
        .flags(&[ADMIN, NOSCRIPT, LOADING, STALE])
        .history(&[
            ("6.2.0", "Added Pub/Sub channel patterns."),
            ("7.0.0", "Added selectors and key based permissions."),
        ])
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]),
    acl_command(Id::AclUsers, 2)
        .summary("Lists the names of all users.")
        .since("6.0.0")
        .complexity("O(N). Where N is the number of configured users")
        .flags(&[ADMIN, NOSCRIPT, LOADING, STALE]),
    acl_command(Id::AclWhoami, 2)
        .summary("Names the user of this connection.")
        .since("6.0.0")
        .complexity("O(1)")
        .flags(&[NOSCRIPT, LOADING, STALE]),
];
