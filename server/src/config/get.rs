//! CONFIG GET.

use super::row::HIDDEN;
use super::{Config, Id, find, ids};

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
                    if glob(pattern, name.as_bytes()) {
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

/// Whether the name matches a glob, whatever its case. Only the last star is ever tried again, so
/// that the time stays within pattern times name whatever a client asks for.
fn glob(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut last_star = None;
    loop {
        if pattern.get(p) == Some(&b'*') {
            p += 1;
            last_star = Some((p, n));
        } else if let Some(used) = name.get(n).and_then(|byte| one(&pattern[p..], *byte)) {
            p += used;
            n += 1;
        } else if n == name.len() && p == pattern.len() {
            return true;
        } else {
            match last_star {
                Some((after, from)) if from < name.len() => {
                    (p, n) = (after, from + 1);
                    last_star = Some((after, n));
                }
                _ => return false,
            }
        }
    }
}

/// The length of the pattern's first element, if it matches the byte.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    let (matched, used) = match pattern {
        [] => return None,
        [b'?', ..] => (true, 1),
        [b'[', rest @ ..] => {
            let (matched, after) = class(rest, byte);
            (matched, pattern.len() - after.len())
        }
        [b'\\', literal, ..] => (literal.eq_ignore_ascii_case(&byte), 2),
        [literal, ..] => (literal.eq_ignore_ascii_case(&byte), 1),
    };
    matched.then_some(used)
}

/// Whether the byte is in the class that starts the text, and what follows the class.
fn class(text: &[u8], byte: u8) -> (bool, &[u8]) {
    let (negated, mut rest) = match text {
        [b'^', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    let byte = byte.to_ascii_lowercase();
    let mut matched = false;
    loop {
        rest = match rest {
            [] => return (matched != negated, rest),
            [b']', after @ ..] => return (matched != negated, after),
            [low, b'-', high, after @ ..] => {
                let (low, high) = (low.to_ascii_lowercase(), high.to_ascii_lowercase());
                matched |= (low.min(high)..=low.max(high)).contains(&byte);
                after
            }
            [b'\\', one, after @ ..] | [one, after @ ..] => {
                matched |= one.to_ascii_lowercase() == byte;
                after
            }
        };
    }
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

    #[test]
    fn globs() {
        for (pattern, name, matches) in [
            ("*", "port", true),
            ("p?rt", "port", true),
            ("P*T", "port", true),
            ("[op]ort", "port", true),
            ("[^p]ort", "port", false),
            ("[a-q]ort", "port", true),
            ("port[", "port", false),
            ("\\port", "port", true),
            ("**r**", "port", true),
            ("por", "port", false),
            ("", "port", false),
            ("*a*b", "xaxbxb", true),
            ("*a*b", "xaxbxa", false),
        ] {
            assert_eq!(glob(pattern.as_bytes(), name.as_bytes()), matches, "{pattern} {name}");
        }
    }
}
