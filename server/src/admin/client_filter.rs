//! Which clients CLIENT LIST shows and CLIENT KILL closes.

use crate::conn::Conn;
use proto::args::Args;
use proto::error;
use proto::number::parse_i64;

/// A client must pass every condition given.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Filter {
    ids: Option<Vec<u64>>,
    kind: Option<Kind>,
    addr: Option<String>,
    laddr: Option<String>,
    user: Option<String>,
    max_age_s: Option<u64>,
    /// KILL leaves the client that asks alone.
    pub skip_me: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Normal,
    Pubsub,
    Other,
}

fn kind(word: &[u8]) -> Result<Kind, String> {
    match word.to_ascii_lowercase().as_slice() {
        b"normal" => Ok(Kind::Normal),
        b"pubsub" => Ok(Kind::Pubsub),
        b"master" | b"replica" | b"slave" => Ok(Kind::Other),
        _ => Err(format!("ERR Unknown client type '{}'", String::from_utf8_lossy(word))),
    }
}

/// The class of a client.
fn kind_of(conn: &Conn) -> Kind {
    if conn.is_subscribed() { Kind::Pubsub } else { Kind::Normal }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl Filter {
    /// `CLIENT LIST [TYPE type | ID id …]`
    pub fn for_list(args: Args<'_>) -> Result<Self, String> {
        let mut filter = Self::default();
        let Some(option) = args.get(2) else { return Ok(filter) };
        if option.eq_ignore_ascii_case(b"type") && args.len() == 4 {
            filter.kind = Some(kind(args.at(3))?);
        } else if option.eq_ignore_ascii_case(b"id") && args.len() > 3 {
            let ids: Option<Vec<u64>> = args.iter().skip(3).map(client_id).collect();
            filter.ids = Some(ids.ok_or_else(|| "ERR Invalid client ID".to_owned())?);
        } else {
            return Err(error::SYNTAX.to_owned());
        }
        Ok(filter)
    }

    /// `CLIENT KILL addr`, the old form (the flag says so), or `CLIENT KILL option value …`.
    pub fn for_kill(args: Args<'_>) -> Result<(Self, bool), String> {
        if args.len() == 3 {
            return Ok((Self { addr: Some(text(args.at(2))), ..Self::default() }, true));
        }
        let mut filter = Self { skip_me: true, ..Self::default() };
        if !args.len().is_multiple_of(2) {
            return Err(error::SYNTAX.to_owned());
        }
        for i in (2..args.len()).step_by(2) {
            filter.option(args.at(i), args.at(i + 1))?;
        }
        Ok((filter, false))
    }

    fn option(&mut self, name: &[u8], value: &[u8]) -> Result<(), String> {
        match name.to_ascii_lowercase().as_slice() {
            b"id" => {
                let id = client_id(value).ok_or("ERR client-id should be greater than 0")?;
                self.ids = Some(vec![id]);
            }
            b"type" => self.kind = Some(kind(value)?),
            b"addr" => self.addr = Some(text(value)),
            b"laddr" => self.laddr = Some(text(value)),
            b"user" if value == b"default" => self.user = Some(text(value)),
            b"user" => return Err(format!("ERR No such user '{}'", text(value))),
            b"maxage" => {
                let age = parse_i64(value).ok_or("ERR maxage is not an integer or out of range")?;
                let age = u64::try_from(age).ok().filter(|&a| a > 0);
                self.max_age_s = Some(age.ok_or("ERR maxage should be greater than 0")?);
            }
            b"skipme" => match value.to_ascii_lowercase().as_slice() {
                b"yes" => self.skip_me = true,
                b"no" => self.skip_me = false,
                _ => return Err(error::SYNTAX.to_owned()),
            },
            _ => return Err(error::SYNTAX.to_owned()),
        }
        Ok(())
    }

    /// Whether a client passes; `now_ns` is the monotonic clock.
    #[must_use]
    pub fn matches(&self, conn: &Conn, now_ns: u64) -> bool {
        let age_s = now_ns.saturating_sub(conn.created_ns) / 1_000_000_000;
        self.ids.as_ref().is_none_or(|ids| ids.contains(&conn.client))
            && self.kind.is_none_or(|k| k == kind_of(conn))
            && self.addr.as_ref().is_none_or(|a| *a == conn.ends.peer)
            && self.laddr.as_ref().is_none_or(|a| *a == conn.ends.local)
            && self.max_age_s.is_none_or(|max| age_s >= max)
    }
}

fn client_id(word: &[u8]) -> Option<u64> {
    u64::try_from(parse_i64(word)?).ok().filter(|&id| id > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conn::Ends;
    use crate::io::ConnId;
    use proto::args::OwnedArgs;

    fn conn(client: u64, peer: &str) -> Conn {
        let ends = Ends { peer: peer.into(), ..Ends::default() };
        Conn::new(ConnId { slot: 0, generation: 0 }, client, ends, 0)
    }

    fn kill(words: &[&str]) -> Result<(Filter, bool), String> {
        Filter::for_kill(OwnedArgs::of(["client", "kill"].iter().chain(words)).args())
    }

    #[test]
    fn the_old_form_names_an_address() {
        let (f, old) = kill(&["1.2.3.4:5"]).unwrap();
        assert!(old && f.matches(&conn(1, "1.2.3.4:5"), 0) && !f.matches(&conn(1, "1.2.3.4:6"), 0));
    }

    #[test]
    fn conditions_add_up() {
        let (f, _) = kill(&["id", "7", "addr", "a:1", "skipme", "no"]).unwrap();
        assert!(f.matches(&conn(7, "a:1"), 0));
        assert!(!f.matches(&conn(8, "a:1"), 0) && !f.matches(&conn(7, "a:2"), 0) && !f.skip_me);
        let (f, _) = kill(&["maxage", "10", "type", "normal"]).unwrap();
        assert!(!f.matches(&conn(1, ""), 9_000_000_000) && f.matches(&conn(1, ""), 10_000_000_000));
        let (f, _) = kill(&["type", "pubsub", "skipme", "yes"]).unwrap();
        assert!(!f.matches(&conn(1, ""), 0));
        assert!(f.matches(&Conn { subscriptions: [0, 1, 0], ..conn(1, "") }, 0));
    }

    #[test]
    fn what_is_wrong_is_said_as_redis_says_it() {
        assert_eq!(kill(&["type", "x"]).unwrap_err(), "ERR Unknown client type 'x'");
        assert_eq!(kill(&["id", "0"]).unwrap_err(), "ERR client-id should be greater than 0");
        assert_eq!(kill(&["user", "bob"]).unwrap_err(), "ERR No such user 'bob'");
        assert!(kill(&["addr"]).unwrap().1);
        assert_eq!(kill(&["addr", "a", "b"]).unwrap_err(), "ERR syntax error");
        let list =
            |words: &[&str]| Filter::for_list(OwnedArgs::of(["client", "list"].iter().chain(words)).args());
        assert_eq!(list(&["id", "x"]).unwrap_err(), "ERR Invalid client ID");
        assert_eq!(list(&["type"]).unwrap_err(), "ERR syntax error");
        assert!(list(&["id", "1", "2"]).unwrap().matches(&conn(2, ""), 0));
    }
}
