//! What CONFIG HELP and its like answer: a heading, every subcommand with a line or more, HELP itself.
//!
//! The pages of containers whose subcommands take options worth explaining are written here; the
//! others, and what is missing here, come from the rows. Lines are made once, when first asked for.

use std::sync::LazyLock;

use super::id::{COMMAND_COUNT, CommandId};
use super::{all, spec, syntax};
use crate::encode::Reply;

/// The lines of a command's help page; empty for a command that has none.
#[must_use]
pub fn help(id: CommandId) -> &'static [&'static str] {
    static PAGES: LazyLock<Vec<Vec<&'static str>>> = LazyLock::new(|| {
        let mut pages = vec![Vec::new(); COMMAND_COUNT];
        for row in all().iter().filter(|row| row.is_container() || row.id == CommandId::Debug) {
            pages[row.id as usize] = page(row.id);
        }
        pages
    });
    &PAGES[id as usize]
}

/// Answers the help page as an array of simple strings.
pub fn write(id: CommandId, reply: &mut Reply<'_>) {
    let lines = help(id);
    reply.array(lines.len());
    lines.iter().for_each(|line| reply.simple(line));
}

fn page(id: CommandId) -> Vec<&'static str> {
    let name = spec(id).name.to_ascii_uppercase();
    let mut lines = vec![&*format!("{name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:").leak()];
    match by_hand(id) {
        Some(body) => lines.extend(body.lines()),
        None => from_rows(id, &mut lines),
    }
    lines.extend(["HELP", "    Print this help."]);
    lines
}

/// Usage and summary of every subcommand but HELP.
fn from_rows(container: CommandId, lines: &mut Vec<&'static str>) {
    for sub in spec(container).subcommands.iter().map(|&id| spec(id)).filter(|sub| sub.name != "help") {
        let arguments = syntax::parse(sub.syntax, sub.keys.len()).unwrap_or_default();
        let usage = format!("{} {}", sub.name.to_ascii_uppercase(), syntax::usage(&arguments));
        lines.push(usage.trim_end().to_owned().leak());
        lines.push(format!("    {}", sub.summary).leak());
    }
}

fn by_hand(id: CommandId) -> Option<&'static str> {
    Some(match id {
        CommandId::Client => CLIENT,
        CommandId::Command => COMMAND,
        CommandId::Config => CONFIG,
        CommandId::Debug => DEBUG,
        CommandId::Latency => LATENCY,
        CommandId::Memory => MEMORY,
        CommandId::Object => OBJECT,
        CommandId::Slowlog => SLOWLOG,
        _ => return None,
    })
}

const CLIENT: &str = "\
GETREDIR
    Return the id of the client that invalidations are redirected to.
GETNAME
    Return the name of this connection.
ID
    Return the id of this connection.
INFO
    Describe this connection.
KILL <ip:port>
    Close the connection from that address.
KILL <option> <value> [<option> <value> [...]]
    Close all connections that meet every condition:
    * ADDR (<ip:port>|<unixsocket>:0)
      Its address.
    * ID <client-id>
      Its id.
    * LADDR (<ip:port>|<unixsocket>:0)
      The server's address it is connected to.
    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)
      Its type.
    * USER <username>
      The user it is authenticated as.
    * SKIPME (YES|NO)
      Whether this connection itself is left open (default: yes).
LIST [options ...]
    Describe connections, all or those that meet every condition:
    * ID <client-id> [<client-id> ...]
      Its id is one of these.
    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)
      Its type.
NO-EVICT (ON|OFF)
    Exempt this connection from client eviction.
NO-TOUCH (ON|OFF)
    Read keys without renewing their last use.
PAUSE <timeout> [WRITE|ALL]
    Hold back all commands, or those that write, for <timeout> milliseconds.
REPLY (ON|OFF|SKIP)
    Say whether commands of this connection are answered.
SETINFO <option> <value>
    Record a fact about the client:
    * LIB-NAME: the name of its library.
    * LIB-VER: the version of its library.
SETNAME <name>
    Give this connection a name.
UNBLOCK <client-id> [TIMEOUT|ERROR]
    Wake another client from a blocking command.
UNPAUSE
    End a pause.";

const COMMAND: &str = "\
(no subcommand)
    Describe all commands.
COUNT
    Count the commands.
DOCS [<command-name> ...]
    Document these commands, or all.
GETKEYS <full-command>
    Extract the keys of a full command.
GETKEYSANDFLAGS <full-command>
    Extract the keys of a full command, and what is done to them.
INFO [<command-name> ...]
    Describe these commands, or all.
LIST [FILTERBY (MODULE <module-name>|ACLCAT <category>|PATTERN <pattern>)]
    List the names of commands.";

const CONFIG: &str = "\
GET <pattern> [<pattern> ...]
    Show the directives whose names match, with their values.
RESETSTAT
    Set the statistics of INFO back to zero.
REWRITE
    Write the configuration in force to the configuration file.
SET <directive> <value> [<directive> <value> ...]
    Change directives, all or none.";

const DEBUG: &str = "\
CHANGE-REPL-ID
    Change the replication ids. For tests of replication only.
DIGEST
    Return a digest of the whole data set.
DIGEST-VALUE <key> [<key> ...]
    Return digests of the values of keys.
DROP-CLUSTER-PACKET-FILTER <packet-type>
    Drop cluster packets of this type; -1 drops none.
ERROR <string>
    Answer with <string> as an error.
HTSTATS <dbid> [full]
    Describe the table of a database.
HTSTATS-KEY <key> [full]
    Describe the table behind the value of a key.
JMAP
    Accepted, for test suites that send it.
LOADAOF
    Flush the append-only file and load it again.
LOG <message>
    Write <message> to the log.
OBJECT <key>
    Describe the value of a key from inside.
PANIC
    Crash the server as an internal error would.
PAUSE-CRON <0|1>
    Stop periodic work, or go on with it.
POPULATE <count> [<prefix>] [<size>]
    Create <count> string keys named <prefix>:<n>, by default key:<n>.
PROTOCOL <type>
    Answer a sample of a reply type: string, integer, double, bignum, null, array, set, map,
    attrib, push, verbatim, true, false.
QUICKLIST-PACKED-THRESHOLD <size>
    Set from which size on a list element gets a node of its own.
RELOAD [option ...]
    Save the data set and load it again. Options:
    * MERGE: loaded keys replace those that exist.
    * NOFLUSH: do not empty the databases before.
    * NOSAVE: load the snapshot that exists.
REPLICATE <string>
    Send <string> to the replicas as it is.
REPLYBUFFER (PEAK-RESET-TIME <NEVER|RESET|time>|RESIZING <0|1>)
    Tune the shrinking of reply buffers.
SEGFAULT
    Crash the server with a bad memory access.
SET-ACTIVE-EXPIRE <0|1>
    Say whether keys expire before they are asked for.
SET-SKIP-CHECKSUM-VALIDATION <0|1>
    Say whether checksums of snapshots and of RESTORE are ignored.
SLEEP <seconds>
    Stop the server for <seconds>, which may have a fraction.
STRINGMATCH-LEN <length> <pattern>
    Match <pattern> with a text of <length> bytes.";

const LATENCY: &str = "\
DOCTOR
    Explain the latencies seen, in plain words.
GRAPH <event>
    Draw the latencies of an event.
HISTOGRAM [<command> ...]
    Show how the latencies of these commands are distributed, or of all.
HISTORY <event>
    List the latencies of an event with their times.
LATEST
    Show the latest latency of every event.
RESET [<event> ...]
    Forget the latencies of these events, or of all.";

const MEMORY: &str = "\
DOCTOR
    Explain the use of memory, in plain words.
MALLOC-STATS
    Show the allocator's own statistics.
PURGE
    Ask the allocator to give memory back.
STATS
    Describe the use of memory in figures.
USAGE <key> [SAMPLES <count>]
    Estimate the bytes that <key> and its value take. Of a collection, <count> elements
    are looked at (default: 5; 0 is all).";

const OBJECT: &str = "\
ENCODING <key>
    Name the representation of the value.
FREQ <key>
    Return how often the key is used, on a logarithmic scale.
IDLETIME <key>
    Return the seconds since the key was last used.
REFCOUNT <key>
    Return the number of references to the value.";

const SLOWLOG: &str = "\
GET [<count>]
    Show the newest <count> entries (default: 10, -1 is all). An entry is:
    id, time, microseconds taken, arguments, address and name of the client.
LEN
    Count the entries.
RESET
    Forget all entries.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::Resp;

    #[test]
    fn every_container_has_a_page_in_redis_form() {
        for row in all().iter().filter(|row| row.is_container()) {
            let lines = help(row.id);
            let name = row.name.to_ascii_uppercase();
            assert_eq!(lines[0], format!("{name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"));
            assert_eq!(lines[lines.len() - 2..], ["HELP", "    Print this help."]);
            assert!(lines.iter().all(|line| !line.contains(['\r', '\n']) && line.len() < 120), "{name}");
        }
        assert!(help(CommandId::Get).is_empty());
    }

    #[test]
    fn every_subcommand_that_is_built_is_on_its_page() {
        for row in all().iter().filter(|row| row.built && row.parent.is_some()) {
            let name = row.name.to_ascii_uppercase();
            let page = help(row.parent.unwrap());
            assert!(page.iter().any(|line| line.split(' ').next() == Some(&*name)), "{}", row.full_name());
        }
    }

    #[test]
    fn pages_are_made_of_rows_where_none_is_written() {
        let lines = help(CommandId::Xgroup);
        let at = lines.iter().position(|line| line.starts_with("CREATE ")).unwrap();
        assert_eq!(lines[at], "CREATE key group <id | $> [MKSTREAM] [ENTRIESREAD entries-read]");
        assert_eq!(lines[at + 1], format!("    {}", spec(CommandId::XgroupCreate).summary));
    }

    #[test]
    fn pages_are_answered_as_simple_strings() {
        let mut out = Vec::new();
        write(CommandId::Slowlog, &mut Reply::new(&mut out, Resp::V3));
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("*10\r\n+SLOWLOG <subcommand> ["), "{text}");
        assert!(text.ends_with("+HELP\r\n+    Print this help.\r\n"));
    }
}
