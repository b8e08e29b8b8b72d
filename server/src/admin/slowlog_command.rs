//! SLOWLOG: GET, LEN, RESET, HELP. The log itself is [`crate::slowlog`].

use crate::core::state::CoreState;
use crate::io::ConnId;
use crate::slowlog::SlowEntry;
use proto::args::Args;
use proto::command::{CommandId, CommandSpec, help};
use proto::encode::Reply;
use proto::error;
use proto::number::parse_i64;

/// Entries that GET shows without a count.
const SHOWN: usize = 10;
const BAD_COUNT: &str = "ERR count should be greater than or equal to -1";

/// Runs a subcommand of SLOWLOG.
pub fn run(core: &mut CoreState, id: ConnId, spec: &'static CommandSpec, args: Args<'_>) {
    match spec.id {
        CommandId::SlowlogGet => get(core, id, args),
        CommandId::SlowlogLen => {
            let len = core.shared.slowlog.len() as i64;
            core.reply(id, |r| r.int(len));
        }
        CommandId::SlowlogReset => {
            core.shared.slowlog.reset();
            core.reply(id, |r| r.ok());
        }
        CommandId::SlowlogHelp => core.reply(id, |r| help::write(CommandId::Slowlog, r)),
        other => core.reply(id, |r| r.error(error::not_supported_yet(other.full_name()))),
    }
}

/// `SLOWLOG GET [count]`
fn get(core: &mut CoreState, id: ConnId, args: Args<'_>) {
    if args.len() > 3 {
        let text = error::unknown_subcommand(b"slowlog", args.at(1));
        return core.reply(id, |r| r.error(text));
    }
    match count(args.get(2)) {
        None => core.reply(id, |r| r.error(BAD_COUNT)),
        Some(count) => {
            let entries = core.shared.slowlog.newest(count);
            core.reply(id, |r| write(&entries, r));
        }
    }
}

/// How many entries are asked for (`Some(None)`: all); `None` when that is no count.
fn count(argument: Option<&[u8]>) -> Option<Option<usize>> {
    match argument.map(parse_i64) {
        None => Some(Some(SHOWN)),
        Some(Some(-1)) => Some(None),
        Some(Some(n)) => usize::try_from(n).ok().map(Some),
        Some(None) => None,
    }
}

fn write(entries: &[SlowEntry], r: &mut Reply<'_>) {
    r.array(entries.len());
    for e in entries {
        r.array(6);
        r.int(e.id as i64);
        r.int(e.unix_s);
        r.int(e.micros as i64);
        r.array(e.args.len());
        e.args.iter().for_each(|a| r.bulk(a));
        r.bulk(e.peer.as_bytes());
        r.bulk(e.client_name.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::encode::Resp;

    #[test]
    fn counts() {
        assert_eq!(count(None), Some(Some(10)));
        assert_eq!(count(Some(b"-1")), Some(None));
        assert_eq!(count(Some(b"0")), Some(Some(0)));
        for bad in [&b"-2"[..], b"x", b"", b"99999999999999999999"] {
            assert_eq!(count(Some(bad)), None);
        }
    }

    #[test]
    fn an_entry_has_six_parts() {
        let entry = SlowEntry {
            id: 7,
            unix_s: 1000,
            micros: 12,
            args: vec![b"get".to_vec(), b"k".to_vec()],
            peer: "127.0.0.1:5".into(),
            client_name: String::new(),
        };
        let mut out = Vec::new();
        write(&[entry], &mut Reply::new(&mut out, Resp::V2));
        let want = "*1\r\n*6\r\n:7\r\n:1000\r\n:12\r\n*2\r\n$3\r\nget\r\n$1\r\nk\r\n$11\r\n127.0.0.1:5\r\n$0\r\n\r\n";
        assert_eq!(String::from_utf8(out).unwrap(), want);
    }
}
