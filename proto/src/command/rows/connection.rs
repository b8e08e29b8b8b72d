//! Commands about the connection itself: who the client is, which protocol it speaks, which
//! database it uses; and CLIENT, which also looks at other connections.

use super::prelude::*;

const fn connection(id: Id, arity: i16) -> CommandSpec {
    CommandSpec::new(id, Group::Connection, arity).acl(&[Acl::CONNECTION])
}

pub(super) const ROWS: &[CommandSpec] = &[
    connection(Id::Auth, -2)
        .syntax("[username@6.0.0] password")
        .summary("Authenticates the connection.")
        .since("1.0.0")
        .complexity("O(N) where N is the number of passwords defined for the user")
        .flags(&[NOSCRIPT, LOADING, STALE, FAST, NO_AUTH, ALLOW_BUSY])
        .history(&[("6.0.0", "Added ACL style (username and password).")])
        .built(),
    connection(Id::Client, -2)
        .summary("Commands about client connections.")
        .since("2.4.0")
        .complexity("Depends on subcommand")
        .acl(&[])
        .built(),
    connection(Id::ClientCaching, 3)
        .syntax("mode<YES | NO>")
        .summary("Says whether the keys of the next command are to be tracked.")
        .since("6.0.0")
        .complexity("O(1)")
        .flags(&[NOSCRIPT, LOADING, STALE]),
    connection(Id::ClientGetname, 2)
        .summary("Returns the name of this connection.")
        .since("2.6.9")
        .complexity("O(1)")
        .flags(&[NOSCRIPT, LOADING, STALE])
        .built(),
    connection(Id::ClientGetredir, 2)
        .summary("Returns the client that invalidation messages are redirected to.")
        .since("6.0.0")
        .complexity("O(1)")
        .flags(&[NOSCRIPT, LOADING, STALE])
        .built(),
    connection(Id::ClientHelp, 2)
        .summary("Shows help on the CLIENT subcommands.")
        .since("5.0.0")
        .complexity("O(1)")
        .flags(&[LOADING, STALE])
        .built(),
    connection(Id::ClientId, 2)
        .summary("Returns the id of this connection.")
        .since("5.0.0")
        .complexity("O(1)")
        .flags(&[NOSCRIPT, LOADING, STALE])
        .built(),
    connection(Id::ClientInfo, 2)
        .summary("Describes this connection.")
        .since("6.2.0")
        .complexity("O(1)")
        .flags(&[NOSCRIPT, LOADING, STALE])
        .tips(&["nondeterministic_output"])
        .built(),
    connection(Id::ClientKill, -3)
        .syntax(
            "filter<old-format'ip:port'~2.8.12 | new-format<[ID client-id@2.8.12] | \
             [TYPE client-type<NORMAL | MASTER@3.2.0 | SLAVE | REPLICA@5.0.0 | PUBSUB>@2.8.12] | \
             [USER username] | [ADDR addr'ip:port'] | [LADDR laddr'ip:port'@6.2.0] | \
             [SKIPME skipme<YES | NO>]>...>",
        )
        .summary("Closes connections.")
        .since("2.4.0")
        .complexity("O(N) where N is the number of client connections")
        .flags(&[ADMIN, NOSCRIPT, LOADING, STALE])
        .history(&[
            ("2.8.12", "Added new filter format."),
            ("2.8.12", "`ID` option."),
            ("3.2.0", "Added `master` type in for `TYPE` option."),
            (
                "5.0.0",
                "Replaced `slave` `TYPE` with `replica`. `slave` still supported for backward \
                compatibility.",
            ),
            ("6.2.0", "`LADDR` option."),
        ])
        .built(),
    connection(Id::ClientList, -2)
        .syntax("[TYPE client-type<NORMAL | MASTER | REPLICA | PUBSUB>@5.0.0] [ID client-id...@6.2.0]")
        .summary("Describes all connections, or a selection.")
        .since("2.4.0")
        .complexity("O(N) where N is the number of client connections")
        .flags(&[ADMIN, NOSCRIPT, LOADING, STALE])
        .history(&[
            ("2.8.12", "Added unique client `id` field."),
            ("5.0.0", "Added optional `TYPE` filter."),
            ("6.0.0", "Added `user` field."),
            (
                "6.2.0",
                "Added `argv-mem`, `tot-mem`, `laddr` and `redir` fields and the optional `ID` \
                filter.",
            ),
            ("7.0.0", "Added `resp`, `multi-mem`, `rbs` and `rbp` fields."),
            ("7.0.3", "Added `ssub` field."),
        ])
        .tips(&["nondeterministic_output"])
        .built(),
    connection(Id::ClientNoEvict, 3)
        .syntax("enabled<ON | OFF>")
        .summary("Exempts this connection from client eviction.")
        .since("7.0.0")
        .complexity("O(1)")
        .flags(&[ADMIN, NOSCRIPT, LOADING, STALE])
        .built(),
    connection(Id::ClientNoTouch, 3)
        .syntax("enabled<ON | OFF>")
        .summary("Lets this connection read keys without renewing their idle time.")
        .since("7.2.0")
        .complexity("O(1)")
        .flags(&[NOSCRIPT, LOADING, STALE])
        .built(),
    connection(Id::ClientPause, -3)
        .syntax("timeout:integer [mode<WRITE | ALL>@6.2.0]")
        .summary("Holds back commands for a while.")
        .since("3.0.0")
        .complexity("O(1)")
        .flags(&[ADMIN, NOSCRIPT, LOADING, STALE])
        .history(&[("6.2.0", "`CLIENT PAUSE WRITE` mode added along with the `mode` option.")])
        .built(),
    connection(Id::ClientReply, 3)
        .syntax("action<ON | OFF | SKIP>")
        .summary("Says whether commands of this connection are answered.")
        .since("3.2.0")
        .complexity("O(1)")
        .flags(&[NOSCRIPT, LOADING, STALE])
        .built(),
    connection(Id::ClientSetinfo, 4)
        .syntax("attr<LIB-NAME libname | LIB-VER libver>")
        .summary("Records a fact about the client, such as its library.")
        .since("7.2.0")
        .complexity("O(1)")
        .flags(&[NOSCRIPT, LOADING, STALE])
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .built(),
    connection(Id::ClientSetname, 3)
        .syntax("connection-name")
        .summary("Gives this connection a name.")
        .since("2.6.9")
        .complexity("O(1)")
        .flags(&[NOSCRIPT, LOADING, STALE])
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .built(),
    connection(Id::ClientTracking, -3)
        .syntax(
            "status<ON | OFF> [REDIRECT client-id] [PREFIX... prefix...] [BCAST] [OPTIN] \
             [OPTOUT] [NOLOOP]",
        )
        .summary("Controls the server's help for client side caching.")
        .since("6.0.0")
        .complexity("O(1). Some options may introduce additional complexity")
        .flags(&[NOSCRIPT, LOADING, STALE]),
    connection(Id::ClientTrackinginfo, 2)
        .summary("Describes the tracking state of this connection.")
        .since("6.2.0")
        .complexity("O(1)")
        .flags(&[NOSCRIPT, LOADING, STALE]),
    connection(Id::ClientUnblock, -3)
        .syntax("client-id [unblock-type<TIMEOUT | ERROR>]")
        .summary("Wakes another client from a blocking command.")
        .since("5.0.0")
        .complexity("O(log N) where N is the number of client connections")
        .flags(&[ADMIN, NOSCRIPT, LOADING, STALE])
        .built(),
    connection(Id::ClientUnpause, 2)
        .summary("Ends a pause begun by CLIENT PAUSE.")
        .since("6.2.0")
        .complexity("O(N) Where N is the number of paused clients")
        .flags(&[ADMIN, NOSCRIPT, LOADING, STALE])
        .built(),
    connection(Id::Echo, 2)
        .syntax("message")
        .summary("Returns its argument.")
        .since("1.0.0")
        .complexity("O(1)")
        .flags(&[LOADING, STALE, FAST])
        .place(Place::Inline)
        .built(),
    connection(Id::Hello, -1)
        .syntax("[arguments(protover [AUTH auth(username password)] [SETNAME clientname])]")
        .summary("Chooses the protocol version, and may authenticate and name the connection.")
        .since("6.0.0")
        .complexity("O(1)")
        .flags(&[NOSCRIPT, LOADING, STALE, FAST, NO_AUTH, ALLOW_BUSY])
        .history(&[(
            "6.2.0",
            "`protover` made optional; when called without arguments the command reports the \
                current connection's context.",
        )])
        .built(),
    connection(Id::Ping, -1)
        .syntax("[message]")
        .summary("Answers PONG, or its argument.")
        .since("1.0.0")
        .complexity("O(1)")
        .flags(&[FAST])
        .place(Place::Inline)
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
        .built(),
    connection(Id::Quit, -1)
        .summary("Closes the connection.")
        .since("1.0.0")
        .complexity("O(1)")
        .flags(&[NOSCRIPT, LOADING, STALE, FAST, NO_AUTH, ALLOW_BUSY])
        .deprecated("7.2.0", "just closing the connection")
        .built(),
    connection(Id::Reset, 1)
        .summary("Puts the connection back in its first state.")
        .since("6.2.0")
        .complexity("O(1)")
        .flags(&[NOSCRIPT, LOADING, STALE, FAST, NO_AUTH, ALLOW_BUSY])
        .built(),
    connection(Id::Select, 2)
        .syntax("index")
        .summary("Chooses the database of this connection.")
        .since("1.0.0")
        .complexity("O(1)")
        .flags(&[LOADING, STALE, FAST])
        .place(Place::Inline)
        .built(),
];
