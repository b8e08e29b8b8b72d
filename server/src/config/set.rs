//! CONFIG SET: several directives at once, all or nothing.
//!
//! The change is made on a copy. What it takes to make it real (a new port, another directory) is
//! the caller's, who applies [`Change::changed`] in order and then publishes the copy; if applying
//! one fails, the copy is dropped and [`failed`] words the reply.

use super::row::{FIXED, NOT_WHILE_LOADING, OWN, PROTECTED, SENSITIVE, VOLATILE};
use super::{Config, Id, Value, find};
use crate::config::choices::ProtectedAction;

/// Who asks for the change, and when.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Caller {
    /// The connection comes from this host (loopback or the Unix socket).
    pub local: bool,
    /// The data set is being loaded.
    pub loading: bool,
}

/// A change that was accepted.
#[derive(Debug)]
pub struct Change {
    pub config: Config,
    /// The directives whose value is another now, in the order given.
    pub changed: Vec<Id>,
}

/// The error reply, with its code and without the leading dash.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal(pub String);

impl Config {
    /// Sets each name to its value on a copy.
    ///
    /// # Errors
    /// The error reply, in Redis's words, for the first pair that is refused.
    pub fn set_many(&self, pairs: &[(&[u8], &[u8])], caller: Caller) -> Result<Change, Refusal> {
        let rows = self.allowed(pairs, caller)?;
        let mut config = self.clone();
        let mut changed = Vec::new();
        for ((id, name), (_, text)) in std::iter::zip(rows, pairs) {
            let value = config.read(id, &split(id, text)).map_err(|why| failed(name, &why))?;
            config.put(id, value);
            if config.value(id) != self.value(id) || id.row().is(VOLATILE) {
                changed.push(id);
            }
        }
        Ok(Change { config, changed })
    }

    /// The rows of all pairs, with the names that they were given by, if every one of them may be
    /// set. An alias counts as another directive than its name here, as it does in Redis.
    fn allowed(&self, pairs: &[(&[u8], &[u8])], caller: Caller) -> Result<Vec<(Id, &'static str)>, Refusal> {
        let mut rows: Vec<(Id, &'static str)> = Vec::with_capacity(pairs.len());
        for (name, text) in pairs {
            let Some((id, canonical)) = find(name).filter(|(id, _)| id.row().is_value()) else {
                let name = String::from_utf8_lossy(name);
                let text = format!("ERR Unknown option or number of arguments for CONFIG SET - '{name}'");
                return Err(Refusal(text));
            };
            if let Some(why) = self.forbidden(id, text, caller) {
                return Err(failed(&String::from_utf8_lossy(name), why));
            }
            if caller.loading && id.row().is(NOT_WHILE_LOADING) {
                return Err(Refusal("LOADING Redis is loading the dataset in memory".into()));
            }
            if rows.iter().any(|(_, other)| *other == canonical) {
                return Err(failed(&String::from_utf8_lossy(name), "duplicate parameter"));
            }
            rows.push((id, canonical));
        }
        Ok(rows)
    }

    fn forbidden(&self, id: Id, text: &[u8], caller: Caller) -> Option<&'static str> {
        let row = id.row();
        let unchanged = || self.read(id, &split(id, text)).is_ok_and(|value| value == *self.value(id));
        if row.is(FIXED) && !(row.is(OWN) && unchanged()) {
            return Some("can't set immutable config");
        }
        let protection = self.protected_action(crate::id!("enable-protected-configs"));
        (row.is(PROTECTED) && !permits(protection, caller.local)).then_some("can't set protected config")
    }

    fn protected_action(&self, id: Id) -> ProtectedAction {
        match self.value(id) {
            Value::Choice(number) => ProtectedAction::from_number(*number),
            _ => ProtectedAction::No,
        }
    }
}

/// Whether a protected action is open to a connection that is or is not from this host.
#[must_use]
pub fn permits(action: ProtectedAction, local: bool) -> bool {
    match action {
        ProtectedAction::Yes => true,
        ProtectedAction::Local => local,
        ProtectedAction::No => false,
    }
}

/// The reply when a directive could not be set, or not be applied.
#[must_use]
pub fn failed(name: &str, why: &str) -> Refusal {
    Refusal(format!("ERR CONFIG SET failed (possibly related to argument '{name}') - {why}"))
}

/// Whether a value must be kept out of logs and MONITOR.
#[must_use]
pub fn is_sensitive(name: &[u8]) -> bool {
    find(name).is_some_and(|(id, _)| id.row().is(SENSITIVE))
}

/// A value of several parts is split at each single space, as Redis does.
fn split(id: Id, text: &[u8]) -> Vec<Vec<u8>> {
    if id.row().takes_many() {
        text.split(|b| *b == b' ').map(<[u8]>::to_vec).collect()
    } else {
        vec![text.to_vec()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    const LOCAL: Caller = Caller { local: true, loading: false };

    fn config() -> Config {
        Config::new(Path::new("/"))
    }

    fn set(config: &Config, pairs: &[(&str, &str)]) -> Result<Change, String> {
        let pairs: Vec<(&[u8], &[u8])> = pairs.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes())).collect();
        config.set_many(&pairs, LOCAL).map_err(|refusal| refusal.0)
    }

    #[test]
    fn several_are_set_together_and_reported() {
        let change = set(&config(), &[("MaxMemory", "100mb"), ("save", "3000 5"), ("timeout", "0")]).unwrap();
        assert_eq!(change.config.show(crate::id!("maxmemory")), b"104857600");
        assert_eq!(change.config.show(crate::id!("save")), b"3000 5");
        assert_eq!(change.changed, [crate::id!("maxmemory"), crate::id!("save")]);
    }

    #[test]
    fn refusals_in_redis_words() {
        let refused = |pairs: &[(&str, &str)]| set(&config(), pairs).unwrap_err();
        assert_eq!(
            refused(&[("maxmemory", "1"), ("maxmemory-clients", "200%"), ("client-query-buffer-limit", "x")]),
            "ERR CONFIG SET failed (possibly related to argument 'maxmemory-clients') - \
             percentage argument must be less or equal to 100"
        );
        assert_eq!(
            refused(&[("port", "70000")]),
            "ERR CONFIG SET failed (possibly related to argument 'port') - \
             argument must be between 0 and 65535 inclusive"
        );
        assert_eq!(
            refused(&[("daemonize", "yes")]),
            "ERR CONFIG SET failed (possibly related to argument 'daemonize') - can't set immutable config"
        );
        assert_eq!(
            refused(&[("maxmemory", "1"), ("MAXMEMORY", "2")]),
            "ERR CONFIG SET failed (possibly related to argument 'MAXMEMORY') - duplicate parameter"
        );
        assert_eq!(
            refused(&[("port", "1"), ("nope", "2")]),
            "ERR Unknown option or number of arguments for CONFIG SET - 'nope'"
        );
        assert!(refused(&[("include", "x")]).contains("Unknown option"));
    }

    #[test]
    fn what_redis_does_not_know_may_be_written_back() {
        let change = set(&config(), &[("shards", "0"), ("io", "auto"), ("cpus", "")]).unwrap();
        assert_eq!(change.changed, []);
        let text =
            "ERR CONFIG SET failed (possibly related to argument 'shards') - can't set immutable config";
        assert_eq!(set(&config(), &[("shards", "2")]).unwrap_err(), text);
    }

    #[test]
    fn protected_directives_follow_their_setting() {
        let mut config = config();
        assert!(set(&config, &[("dir", "/")]).unwrap_err().ends_with("can't set protected config"));
        config.put(crate::id!("enable-protected-configs"), Value::Choice(ProtectedAction::Local as u32));
        assert!(set(&config, &[("dir", "/")]).is_ok());
        let far = config.set_many(&[(b"dir", b"/")], Caller { local: false, loading: false });
        assert!(far.unwrap_err().0.ends_with("can't set protected config"));
    }

    #[test]
    fn some_directives_wait_for_the_data_set() {
        let loading = Caller { local: true, loading: true };
        let refused = config().set_many(&[(b"appendonly", b"yes")], loading).unwrap_err();
        assert_eq!(refused.0, "LOADING Redis is loading the dataset in memory");
        assert!(config().set_many(&[(b"loglevel", b"debug")], loading).is_ok());
    }

    #[test]
    fn hz_is_brought_within_its_bounds() {
        let change = set(&config(), &[("hz", "10000")]).unwrap();
        assert_eq!(change.config.show(crate::id!("hz")), b"500");
    }

    #[test]
    fn passwords_are_sensitive() {
        assert!(is_sensitive(b"requirepass") && is_sensitive(b"primaryauth") && !is_sensitive(b"port"));
    }
}
