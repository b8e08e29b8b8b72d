//! CONFIG GET.

use super::row::HIDDEN;
use super::{Config, Id, find, ids};
use proto::glob::{self, Case};

impl Config {
    /// The directives that any of the patterns names, each once, with their values. A name without
    /// wildcards is answered as it was asked, be it an alias or hidden; a pattern matches names and
    /// Redis's aliases alike, whatever their case.
    #[must_use]
    pub fn get_matching(&self, patterns: &[&[u8]]) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut found: Vec<(Vec<u8>, Id)> = Vec::new();
        for pattern in patterns {
            if pattern.iter().any(|b| b"[*?".contains(b)) {
                for (name, id) in listed() {
                    if glob::matches(pattern, name.as_bytes(), Case::Insensitive) {
                        add(&mut found, name.as_bytes(), id);
                    }
                }
            } else if let Some((id, _)) = find(pattern).filter(|(id, _)| id.row().is_value()) {
                add(&mut found, pattern, id);
            }
        }
        found.into_iter().map(|(name, id)| (name, self.show(id))).collect()
    }
}

fn add(found: &mut Vec<(Vec<u8>, Id)>, name: &[u8], id: Id) {
    if !found.iter().any(|(n, _)| n.eq_ignore_ascii_case(name)) {
        found.push((name.to_vec(), id));
    }
}

/// The names that patterns are matched against.
pub(super) fn listed() -> impl Iterator<Item = (&'static str, Id)> {
    let shown = |id: &Id| id.row().is_value() && !id.row().is(HIDDEN);
    ids().filter(shown).flat_map(|id| {
        let row = id.row();
        std::iter::once(row.name).chain(row.aliases.iter().copied()).map(move |name| (name, id))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn get(patterns: &[&str]) -> Vec<(String, String)> {
        let patterns: Vec<&[u8]> = patterns.iter().map(|p| p.as_bytes()).collect();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let found = Config::new(Path::new("/")).get_matching(&patterns);
        found.into_iter().map(|(name, value)| (text(name), text(value))).collect()
    }

    #[test]
    fn names_are_answered_as_asked_and_once() {
        assert_eq!(get(&["MAXMEMORY", "maxmemory"]), [("MAXMEMORY".into(), "0".into())]);
        assert_eq!(get(&["slave-priority"]), [("slave-priority".into(), "100".into())]);
        assert_eq!(get(&["no-such", "include", "user"]), []);
        assert_eq!(get(&["server-cpulist"]), [("server-cpulist".into(), String::new())]);
    }

    #[test]
    fn patterns_match_names_and_aliases_once() {
        let found = get(&["maxmemory", "maxmemory*", "bind", "*of"]);
        let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
        for name in ["maxmemory", "maxmemory-samples", "maxmemory-clients", "bind", "replicaof", "slaveof"] {
            assert_eq!(names.iter().filter(|n| **n == name).count(), 1, "{name}");
        }
    }

    #[test]
    fn hidden_directives_need_their_name() {
        assert!(!get(&["*"]).iter().any(|(name, _)| name == "key-load-delay"));
        assert_eq!(get(&["key-load-delay"]), [("key-load-delay".into(), "0".into())]);
    }
}
