//! The errors that clients see, with the exact texts of Redis 7.2 (code first, no leading dash): client
//! libraries branch on the code, and people search for the rest. A text used by one command only lives
//! beside that command; here is what several share.
//!
//! Texts that quote the client are bytes (`Vec<u8>`), since a name need not be UTF-8; all others are `&str`
//! or `String`. [`Reply::error`](crate::encode::Reply::error) takes either, and turns line breaks into
//! spaces, so none of these needs to.

use crate::args::Args;

// Arguments.
pub const SYNTAX: &str = "ERR syntax error";
pub const NOT_AN_INTEGER: &str = "ERR value is not an integer or out of range";
pub const NOT_A_FLOAT: &str = "ERR value is not a valid float";
pub const OUT_OF_RANGE: &str = "ERR index out of range";
pub const VALUE_OUT_OF_RANGE: &str = "ERR value is out of range";
pub const VALUE_NOT_POSITIVE: &str = "ERR value is out of range, must be positive";
pub const OFFSET_OUT_OF_RANGE: &str = "ERR offset is out of range";
pub const INVALID_CURSOR: &str = "ERR invalid cursor";
pub const TIMEOUT_NOT_A_FLOAT: &str = "ERR timeout is not a float or out of range";
pub const TIMEOUT_NEGATIVE: &str = "ERR timeout is negative";
pub const BIT_NOT_AN_INTEGER: &str = "ERR bit is not an integer or out of range";
pub const BIT_OFFSET_NOT_AN_INTEGER: &str = "ERR bit offset is not an integer or out of range";

// Values and keys.
pub const WRONG_TYPE: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";
pub const NO_SUCH_KEY: &str = "ERR no such key";
pub const SAME_OBJECT: &str = "ERR source and destination objects are the same";
/// RESTORE was given something else than DUMP's reply.
pub const BAD_PAYLOAD: &str = "ERR DUMP payload version or checksum are wrong";
/// RESTORE was given a payload of the right checksum that is no value.
pub const BAD_DATA_FORMAT: &str = "ERR Bad data format";
pub const BUSY_KEY: &str = "BUSYKEY Target key name already exists.";
pub const STRING_TOO_LONG: &str = "ERR string exceeds maximum allowed size (proto-max-bulk-len)";
pub const INCREMENT_OVERFLOW: &str = "ERR increment or decrement would overflow";
pub const DECREMENT_OVERFLOW: &str = "ERR decrement would overflow";
pub const INCREMENT_NOT_FINITE: &str = "ERR increment would produce NaN or Infinity";

// Databases.
pub const DB_INDEX_INVALID: &str = "ERR invalid DB index";
pub const DB_INDEX_OUT_OF_RANGE: &str = "ERR DB index is out of range";
pub const FIRST_DB_INDEX_INVALID: &str = "ERR invalid first DB index";
pub const SECOND_DB_INDEX_INVALID: &str = "ERR invalid second DB index";

// Who asks.
pub const NO_AUTH: &str = "NOAUTH Authentication required.";
pub const WRONG_PASS: &str = "WRONGPASS invalid username-password pair or user is disabled.";
pub const NO_PASSWORD_SET: &str = "ERR AUTH <password> called without any password configured for the default user. \
     Are you sure your configuration is correct?";
pub const HELLO_NO_AUTH: &str = "NOAUTH HELLO must be called with the client already authenticated, otherwise the \
     HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol \
     version at the same time";
pub const NO_PROTO: &str = "NOPROTO unsupported protocol version";
pub const PROTO_NOT_AN_INTEGER: &str = "ERR Protocol version is not an integer or out of range";
pub const NO_SUCH_CLIENT: &str = "ERR No such client";
pub const MAX_CLIENTS: &str = "ERR max number of clients reached";
pub const UNBLOCKED: &str = "UNBLOCKED client unblocked via CLIENT UNBLOCK";

// Transactions and scripts.
pub const NESTED_MULTI: &str = "ERR MULTI calls can not be nested";
pub const EXEC_WITHOUT_MULTI: &str = "ERR EXEC without MULTI";
pub const DISCARD_WITHOUT_MULTI: &str = "ERR DISCARD without MULTI";
pub const WATCH_IN_MULTI: &str = "ERR WATCH inside MULTI is not allowed";
pub const NOT_IN_MULTI: &str = "ERR Command not allowed inside a transaction";
/// Percore's own: Redis closes the connection instead.
pub const QUEUE_TOO_LONG: &str =
    "ERR transaction too long: the queued commands are over 'client-query-buffer-limit'";
pub const WATCH_TOO_MUCH: &str =
    "ERR too much is watched: the names of the keys are over 'client-query-buffer-limit'";
pub const EXEC_ABORT: &str = "EXECABORT Transaction discarded because of previous errors.";
pub const NO_SCRIPT: &str = "NOSCRIPT No matching script. Please use EVAL.";
pub const BUSY_SCRIPT: &str =
    "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.";
pub const BUSY_FUNCTION: &str =
    "BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE.";
pub const NOT_BUSY: &str = "NOTBUSY No scripts in execution right now.";

// The state of the server.
pub const OUT_OF_MEMORY: &str = "OOM command not allowed when used memory > 'maxmemory'.";
pub const LOADING: &str = "LOADING Redis is loading the dataset in memory";
pub const READ_ONLY: &str = "READONLY You can't write against a read only replica.";
pub const MASTER_DOWN: &str =
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.";
pub const NO_REPLICAS: &str = "NOREPLICAS Not enough good replicas to write.";
pub const MISCONF_RDB: &str = "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to \
     persist to disk. Commands that may modify the data set are disabled, because this instance is configured to \
     report errors during writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the \
     Redis logs for details about the RDB error.";

// Cluster.
pub const CROSS_SLOT: &str = "CROSSSLOT Keys in request don't hash to the same slot";
pub const TRY_AGAIN: &str = "TRYAGAIN Multiple keys request during rehashing of slot";
pub const CLUSTER_DOWN: &str = "CLUSTERDOWN The cluster is down";
pub const CLUSTER_DOWN_SLOT: &str = "CLUSTERDOWN Hash slot not served";
pub const CLUSTER_DISABLED: &str = "ERR This instance has cluster support disabled";

/// How much of a client's own words an error repeats, in bytes.
const QUOTED_MAX: usize = 128;

/// `full_name` as in `get` or `config|get`.
#[must_use]
pub fn wrong_arity(full_name: &str) -> String {
    format!("ERR wrong number of arguments for '{full_name}' command")
}

/// The answer to a name that is no command: repeats it and the first of its arguments.
#[must_use]
pub fn unknown_command(args: &Args<'_>) -> Vec<u8> {
    let mut quoted = Vec::with_capacity(QUOTED_MAX + 16);
    for arg in args.from(1).iter() {
        let Some(left) = QUOTED_MAX.checked_sub(quoted.len()).filter(|&left| left > 0) else { break };
        quoted.push(b'\'');
        quoted.extend_from_slice(quotable(arg, left));
        quoted.extend_from_slice(b"' ");
    }
    let name = quotable(args.get(0).unwrap_or_default(), QUOTED_MAX);
    [b"ERR unknown command '", name, b"', with args beginning with: ", &quoted].concat()
}

/// The answer to `CONFIG NOSUCH`: names what was asked and points at `CONFIG HELP`.
#[must_use]
pub fn unknown_subcommand(container: &[u8], subcommand: &[u8]) -> Vec<u8> {
    let subcommand = quotable(subcommand, QUOTED_MAX);
    let container = quotable(container, usize::MAX).to_ascii_uppercase();
    [b"ERR unknown subcommand '", subcommand, b"'. Try ", &container, b" HELP."].concat()
}

/// What subcommands answer whose arguments do not fit any of their forms.
#[must_use]
pub fn bad_subcommand(container: &[u8], subcommand: &[u8]) -> Vec<u8> {
    let subcommand = quotable(subcommand, QUOTED_MAX);
    let container = quotable(container, usize::MAX).to_ascii_uppercase();
    let lead = b"ERR unknown subcommand or wrong number of arguments for '";
    [lead, subcommand, b"'. Try ", &container, b" HELP."].concat()
}

/// The beginning of `text`, up to its first NUL byte: Redis prints C strings.
fn quotable(text: &[u8], len_max: usize) -> &[u8] {
    let text = &text[..text.len().min(len_max)];
    &text[..memchr::memchr(0, text).unwrap_or(text.len())]
}

/// A command of Redis that Percore knows and does not implement.
#[must_use]
pub fn not_supported_yet(full_name: &str) -> String {
    format!("ERR command '{full_name}' is not supported yet")
}

#[must_use]
pub fn invalid_expire_time(full_name: &str) -> String {
    format!("ERR invalid expire time in '{full_name}' command")
}

/// An integer outside of the range that an option allows; both bounds are allowed values.
#[must_use]
pub fn value_not_between(min: i64, max: i64) -> String {
    format!("ERR value is out of range, value must between {min} and {max}")
}

/// `reason` is the operating system's word for what failed.
#[must_use]
pub fn misconf_aof(reason: &str) -> String {
    format!("MISCONF Errors writing to the AOF file: {reason}")
}

/// EXEC itself was refused; `error` says why, without `ERR` where that is its code.
#[must_use]
pub fn exec_abort_because(error: &str) -> String {
    format!("EXECABORT Transaction discarded because of: {error}")
}

/// RESP2 connections in subscriber mode accept few commands.
#[must_use]
pub fn subscriber_only(full_name: &str) -> String {
    format!(
        "ERR Can't execute '{full_name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed \
         in this context"
    )
}

#[must_use]
pub fn no_permission_command(user: &str, full_name: &str) -> String {
    format!("NOPERM User {user} has no permissions to run the '{full_name}' command")
}

/// The key's shard is served by another node's port.
#[must_use]
pub fn moved(slot: u16, host: &str, port: u16) -> String {
    format!("MOVED {slot} {host}:{port}")
}

/// The key is on its way to another node: ask there, once.
#[must_use]
pub fn ask(slot: u16, host: &str, port: u16) -> String {
    format!("ASK {slot} {host}:{port}")
}

/// DEBUG and MODULE need a directive: `name` in upper case, `directive` as in redis.conf.
#[must_use]
pub fn protected_command(name: &str, directive: &str) -> String {
    format!(
        "ERR {name} command not allowed. If the {directive} option is set to \"local\", you can run it from a local \
         connection, otherwise you need to set this option in the configuration file, and then restart the server."
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::OwnedArgs;

    fn unknown(parts: &[&[u8]]) -> String {
        String::from_utf8(unknown_command(&OwnedArgs::of(parts).args())).unwrap()
    }

    #[test]
    fn unknown_commands_repeat_their_arguments() {
        assert_eq!(unknown(&[b"foo"]), "ERR unknown command 'foo', with args beginning with: ");
        assert_eq!(
            unknown(&[b"foo", b"bar", b"", b"q\0x"]),
            "ERR unknown command 'foo', with args beginning with: 'bar' '' 'q' "
        );
    }

    /// Lengths checked against Redis: the second argument gets what the first has left of 128 bytes.
    #[test]
    fn unknown_commands_repeat_128_bytes() {
        let long = [b'a'; 300];
        let lead = format!("ERR unknown command '{}', with args beginning with: ", "a".repeat(128));
        assert_eq!(unknown(&[&long, &long]), format!("{lead}'{}' ", "a".repeat(128)));
        let hundred = &long[..100];
        let want = format!("'{}' '{}' ", "a".repeat(100), "a".repeat(25));
        assert_eq!(unknown(&[&long, hundred, &long, &long]), lead + &want);
    }

    #[test]
    fn names_need_not_be_text() {
        let text = unknown_command(&OwnedArgs::of([b"\xff\xfe"]).args());
        assert!(text.starts_with(b"ERR unknown command '\xff\xfe', with"));
    }

    #[test]
    fn unknown_subcommands_point_at_help() {
        assert_eq!(
            unknown_subcommand(b"config", b"nosuch"),
            b"ERR unknown subcommand 'nosuch'. Try CONFIG HELP."
        );
        assert_eq!(
            bad_subcommand(b"object", b"freq"),
            b"ERR unknown subcommand or wrong number of arguments for 'freq'. Try OBJECT HELP."
        );
    }

    #[test]
    fn formatted_texts() {
        assert_eq!(wrong_arity("config|get"), "ERR wrong number of arguments for 'config|get' command");
        assert_eq!(not_supported_yet("xadd"), "ERR command 'xadd' is not supported yet");
        assert_eq!(invalid_expire_time("set"), "ERR invalid expire time in 'set' command");
        assert_eq!(moved(42, "127.0.0.1", 7001), "MOVED 42 127.0.0.1:7001");
    }
}
