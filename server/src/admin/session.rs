//! HELLO, AUTH, QUIT, RESET: who a connection is and how it speaks.

use crate::conn::{Conn, ReplyMode};
use crate::core::state::CoreState;
use crate::io::ConnId;
use crate::version;
use proto::args::Args;
use proto::encode::Resp;
use proto::error;
use proto::number::parse_i64;

/// Compares secrets in a time that depends only on their lengths.
fn same_secret(a: &[u8], b: &[u8]) -> bool {
    let mut difference = a.len() ^ b.len();
    for i in 0..a.len().max(b.len()) {
        difference |= usize::from(a.get(i).copied().unwrap_or(0) ^ b.get(i).copied().unwrap_or(0));
    }
    difference == 0
}

/// Why an attempt to authenticate failed.
enum Denied {
    WrongPassword,
    NoPasswordSet,
}

fn authenticate(core: &CoreState, user: &[u8], password: &[u8], named: bool) -> Result<(), Denied> {
    let required = core.settings.requirepass.as_slice();
    if required.is_empty() && !named {
        return Err(Denied::NoPasswordSet);
    }
    // A default user without a password takes any, as in Redis.
    if user == b"default" && (required.is_empty() || same_secret(password, required)) {
        return Ok(());
    }
    Err(Denied::WrongPassword)
}

/// `AUTH [username] password`
pub fn auth(core: &mut CoreState, id: ConnId, args: Args<'_>) {
    if args.len() > 3 {
        return core.reply(id, |r| r.error(error::SYNTAX));
    }
    let (user, password, named) =
        if args.len() == 3 { (args.at(1), args.at(2), true) } else { (&b"default"[..], args.at(1), false) };
    match authenticate(core, user, password, named) {
        Ok(()) => {
            if let Some(conn) = core.conns.get(id) {
                conn.authenticated = true;
            }
            core.reply(id, |r| r.ok());
        }
        Err(Denied::NoPasswordSet) => core.reply(id, |r| r.error(error::NO_PASSWORD_SET)),
        Err(Denied::WrongPassword) => core.reply(id, |r| r.error(error::WRONG_PASS)),
    }
}

/// What HELLO was asked for.
#[derive(Default)]
struct Wishes<'a> {
    resp: Option<Resp>,
    auth: Option<(&'a [u8], &'a [u8])>,
    name: Option<&'a [u8]>,
}

fn wishes<'a>(args: Args<'a>) -> Result<Wishes<'a>, String> {
    let mut w = Wishes::default();
    let Some(version) = args.get(1) else { return Ok(w) };
    w.resp = Some(match parse_i64(version) {
        Some(2) => Resp::V2,
        Some(3) => Resp::V3,
        Some(_) => return Err(error::NO_PROTO.to_owned()),
        None => return Err(error::PROTO_NOT_AN_INTEGER.to_owned()),
    });
    let mut i = 2;
    while let Some(option) = args.get(i) {
        let more = args.len() - i - 1;
        if option.eq_ignore_ascii_case(b"auth") && more >= 2 {
            w.auth = Some((args.at(i + 1), args.at(i + 2)));
            i += 3;
        } else if option.eq_ignore_ascii_case(b"setname") && more >= 1 {
            w.name = Some(args.at(i + 1));
            i += 2;
        } else {
            return Err(format!("ERR Syntax error in HELLO option '{}'", String::from_utf8_lossy(option)));
        }
    }
    Ok(w)
}

/// `HELLO [protover [AUTH username password] [SETNAME clientname]]`
pub fn hello(core: &mut CoreState, id: ConnId, args: Args<'_>) {
    let wishes = match wishes(args) {
        Ok(w) => w,
        Err(text) => return core.reply(id, |r| r.error(&text)),
    };
    if let Some(name) = wishes.name
        && !is_valid_name(name)
    {
        return core.reply(id, |r| r.error(INVALID_NAME));
    }
    if let Some((user, password)) = wishes.auth
        && authenticate(core, user, password, true).is_err()
    {
        return core.reply(id, |r| r.error(error::WRONG_PASS));
    }
    let Some(conn) = core.conns.get(id) else { return };
    if wishes.auth.is_some() {
        conn.authenticated = true;
    }
    if !conn.authenticated {
        return core.reply(id, |r| r.error(error::HELLO_NO_AUTH));
    }
    if let Some(name) = wishes.name {
        conn.name = String::from_utf8_lossy(name).into_owned();
    }
    if let Some(resp) = wishes.resp {
        conn.resp = resp;
    }
    let (client, resp) = (conn.client, conn.resp);
    core.reply(id, |r| {
        r.map(7);
        r.bulk(b"server");
        r.bulk(b"redis");
        r.bulk(b"version");
        r.bulk(version::REDIS.as_bytes());
        r.bulk(b"proto");
        r.int(if resp == Resp::V3 { 3 } else { 2 });
        r.bulk(b"id");
        r.int(client as i64);
        r.bulk(b"mode");
        r.bulk(b"standalone");
        r.bulk(b"role");
        r.bulk(b"master");
        r.bulk(b"modules");
        r.array(0);
    });
}

/// The error for a name that CLIENT LIST could not print.
pub const INVALID_NAME: &str = "ERR Client names cannot contain spaces, newlines or special characters.";

/// Client names are printable ASCII without spaces.
#[must_use]
pub fn is_valid_name(name: &[u8]) -> bool {
    name.iter().all(|b| (b'!'..=b'~').contains(b))
}

/// `QUIT`
pub fn quit(core: &mut CoreState, id: ConnId) {
    core.reply(id, |r| r.ok());
    core.close(id, true);
}

/// `RESET`: the connection as it was when it was new.
pub fn reset(core: &mut CoreState, id: ConnId) {
    let authenticated = core.settings.requirepass.is_empty();
    stop_monitoring(core, id);
    core.forget_transaction(id, true);
    let Some(conn) = core.conns.get(id) else { return };
    clear(conn, authenticated);
    if core.unsubscribe_all(id) {
        core.reply(id, |r| r.simple("RESET"));
    }
}

fn clear(conn: &mut Conn, authenticated: bool) {
    conn.db = 0;
    conn.resp = Resp::V2;
    conn.authenticated = authenticated;
    conn.reply_mode = ReplyMode::On;
    conn.name.clear();
    conn.no_touch = false;
    conn.no_evict = false;
}

/// Takes a connection off the list of MONITOR's listeners.
pub fn stop_monitoring(core: &mut CoreState, id: ConnId) {
    let Some(conn) = core.conns.get(id) else { return };
    if std::mem::take(&mut conn.monitor) {
        core.shared.monitors.left();
        let stats = core.stats();
        stats.monitors.set(stats.monitors.get().saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::args::OwnedArgs;

    #[test]
    fn secrets_and_names() {
        assert!(same_secret(b"abc", b"abc") && !same_secret(b"abc", b"abd"));
        assert!(!same_secret(b"abc", b"ab") && !same_secret(b"", b"a"));
        assert!(is_valid_name(b"my-client") && is_valid_name(b"") && !is_valid_name(b"my client"));
    }

    #[test]
    fn hello_wishes() {
        let own = OwnedArgs::of(["hello", "3", "auth", "default", "pw", "SETNAME", "me"]);
        let w = wishes(own.args()).ok().unwrap();
        assert_eq!(
            (w.resp, w.auth, w.name),
            (Some(Resp::V3), Some((&b"default"[..], &b"pw"[..])), Some(&b"me"[..]))
        );
        let bad = |parts: &[&str]| wishes(OwnedArgs::of(parts).args()).err().unwrap();
        assert!(bad(&["hello", "4"]).starts_with("NOPROTO"));
        assert!(bad(&["hello", "x"]).starts_with("ERR Protocol version"));
        assert_eq!(bad(&["hello", "2", "auth", "u"]), "ERR Syntax error in HELLO option 'auth'");
    }
}
