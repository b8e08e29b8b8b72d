//! The string commands against a model that is too simple to be wrong: a map of bytes and deadlines, every
//! command a few lines written from its documentation. Random commands, random waits, same replies.

use crate::testing::{Bed, NOW_MS};
use proptest::prelude::*;
use std::collections::BTreeMap;

#[derive(Default)]
struct Model {
    keys: BTreeMap<String, (String, Option<i64>)>,
    now_ms: i64,
}

fn bulk(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

fn int(n: impl std::fmt::Display) -> String {
    format!(":{n}\r\n")
}

const OK: &str = "+OK\r\n";
const NIL: &str = "$-1\r\n";

impl Model {
    fn alive(&self, key: &str) -> Option<&(String, Option<i64>)> {
        self.keys.get(key).filter(|(_, at)| at.is_none_or(|at| self.now_ms <= at))
    }

    fn get(&self, key: &str) -> Option<&str> {
        self.alive(key).map(|(value, _)| value.as_str())
    }

    fn or_nil(&self, key: &str) -> String {
        self.get(key).map_or_else(|| NIL.to_string(), bulk)
    }

    fn put(&mut self, key: &str, value: impl Into<String>, at: Option<i64>) {
        self.keys.insert(key.into(), (value.into(), at));
    }

    /// Writes a value and leaves the deadline.
    fn change(&mut self, key: &str, value: impl Into<String>) {
        let at = self.alive(key).and_then(|(_, at)| *at);
        self.put(key, value, at);
    }

    fn delete(&mut self, key: &str) -> bool {
        let was_there = self.alive(key).is_some();
        self.keys.remove(key);
        was_there
    }

    fn run(&mut self, words: &[&str]) -> String {
        match *words {
            ["get", k] => self.or_nil(k),
            ["set", k, v] => {
                self.put(k, v, None);
                OK.into()
            }
            ["set", k, v, "px", ms] => {
                self.put(k, v, Some(self.now_ms + ms.parse::<i64>().unwrap()));
                OK.into()
            }
            ["set", k, v, "keepttl"] => {
                self.change(k, v);
                OK.into()
            }
            ["set", k, v, "get", condition] => {
                let old = self.or_nil(k);
                if (condition == "nx") == self.get(k).is_none() {
                    self.put(k, v, None);
                }
                old
            }
            ["setnx", k, v] => {
                let is_new = self.get(k).is_none();
                if is_new {
                    self.put(k, v, None);
                }
                int(u8::from(is_new))
            }
            ["getset", k, v] => {
                let old = self.or_nil(k);
                self.put(k, v, None);
                old
            }
            ["getdel", k] => {
                let old = self.or_nil(k);
                self.delete(k);
                old
            }
            ["getex", k, "px", ms] => {
                if let Some(value) = self.get(k).map(str::to_string) {
                    self.put(k, value, Some(self.now_ms + ms.parse::<i64>().unwrap()));
                }
                self.or_nil(k)
            }
            ["append", k, more] => {
                let value = self.get(k).unwrap_or("").to_string() + more;
                self.change(k, &value);
                int(value.len())
            }
            ["strlen", k] => int(self.get(k).unwrap_or("").len()),
            ["getrange", k, from, to] => bulk(&self.range(k, from.parse().unwrap(), to.parse().unwrap())),
            ["setrange", k, offset, patch] => {
                let (offset, mut value) =
                    (offset.parse::<usize>().unwrap(), self.get(k).unwrap_or("").to_string());
                if !patch.is_empty() {
                    while value.len() < offset + patch.len() {
                        value.push('\0');
                    }
                    value.replace_range(offset..offset + patch.len(), patch);
                    self.change(k, &value);
                }
                int(value.len())
            }
            ["incrby", k, n] => match self.get(k).unwrap_or("0").parse::<i64>() {
                Ok(old) if self.get(k).is_none_or(|text| text == old.to_string()) => {
                    match old.checked_add(n.parse().unwrap()) {
                        Some(sum) => {
                            self.change(k, sum.to_string());
                            int(sum)
                        }
                        None => "-ERR increment or decrement would overflow\r\n".into(),
                    }
                }
                _ => "-ERR value is not an integer or out of range\r\n".into(),
            },
            ["mget", a, b] => format!("*2\r\n{}{}", self.or_nil(a), self.or_nil(b)),
            ["mset", a, x, b, y] => {
                self.put(a, x, None);
                self.put(b, y, None);
                OK.into()
            }
            ["msetnx", a, x, b, y] => {
                let is_new = self.get(a).is_none() && self.get(b).is_none();
                if is_new {
                    self.run(&["mset", a, x, b, y]);
                }
                int(u8::from(is_new))
            }
            ["del", a, b] => int(u8::from(self.delete(a)) + u8::from(self.delete(b))),
            ["exists", a, b] => int([a, b].iter().filter(|k| self.get(k).is_some()).count()),
            ["pexpire", k, ms] => {
                let Some(value) = self.get(k).map(str::to_string) else { return int(0) };
                match ms.parse::<i64>().unwrap() {
                    ms if ms <= 0 => _ = self.delete(k),
                    ms => self.put(k, value, Some(self.now_ms + ms)),
                }
                int(1)
            }
            ["pttl", k] => int(self.alive(k).map_or(-2, |(_, at)| at.map_or(-1, |at| at - self.now_ms))),
            ["persist", k] => {
                let Some((value, Some(_))) = self.alive(k).cloned() else { return int(0) };
                self.put(k, value, None);
                int(1)
            }
            ["rename", a, b] => {
                let Some((value, at)) = self.alive(a).cloned() else { return "-ERR no such key\r\n".into() };
                self.delete(a);
                self.put(b, value, at);
                OK.into()
            }
            _ => unreachable!("the model does not know {words:?}"),
        }
    }

    fn range(&self, key: &str, from: i64, to: i64) -> String {
        let value = self.get(key).unwrap_or("");
        let len = value.len() as i64;
        let place = |i: i64| if i < 0 { (i + len).max(0) } else { i };
        if from < 0 && to < 0 && from > to {
            return String::new();
        }
        let keep = |i: &i64| (place(from)..=place(to)).contains(i);
        (0..len).filter(keep).map(|i| char::from(value.as_bytes()[i as usize])).collect()
    }
}

/// Words of a command; three keys, so that they meet.
fn any_command() -> impl Strategy<Value = String> {
    let key = || prop::sample::select(vec!["a", "b", "c"]);
    let value = || prop_oneof!["[a-z]{1,60}", "-?[0-9]{1,19}", Just("9223372036854775807".to_string())];
    let number = || prop_oneof![-60..60i64, any::<i64>()];
    let ms = || 1..40i64;
    let small = || -70..70i64;
    prop_oneof![
        key().prop_map(|k| format!("get {k}")),
        (key(), value()).prop_map(|(k, v)| format!("set {k} {v}")),
        (key(), value(), ms()).prop_map(|(k, v, ms)| format!("set {k} {v} px {ms}")),
        (key(), value()).prop_map(|(k, v)| format!("set {k} {v} keepttl")),
        (key(), value(), prop::sample::select(vec!["nx", "xx"]))
            .prop_map(|(k, v, c)| format!("set {k} {v} get {c}")),
        (key(), value()).prop_map(|(k, v)| format!("setnx {k} {v}")),
        (key(), value()).prop_map(|(k, v)| format!("getset {k} {v}")),
        key().prop_map(|k| format!("getdel {k}")),
        (key(), ms()).prop_map(|(k, ms)| format!("getex {k} px {ms}")),
        (key(), value()).prop_map(|(k, v)| format!("append {k} {v}")),
        key().prop_map(|k| format!("strlen {k}")),
        (key(), small(), small()).prop_map(|(k, a, b)| format!("getrange {k} {a} {b}")),
        (key(), 0..80u8, "[A-Z]{0,9}").prop_map(|(k, at, v)| format!("setrange {k} {at} {v}")),
        (key(), number()).prop_map(|(k, n)| format!("incrby {k} {n}")),
        (key(), key()).prop_map(|(a, b)| format!("mget {a} {b}")),
        (key(), value(), key(), value()).prop_map(|(a, x, b, y)| format!("mset {a} {x} {b} {y}")),
        (key(), value(), key(), value()).prop_map(|(a, x, b, y)| format!("msetnx {a} {x} {b} {y}")),
        (key(), key()).prop_map(|(a, b)| format!("del {a} {b}")),
        (key(), key()).prop_map(|(a, b)| format!("exists {a} {b}")),
        (key(), -5..40i64).prop_map(|(k, ms)| format!("pexpire {k} {ms}")),
        key().prop_map(|k| format!("pttl {k}")),
        key().prop_map(|k| format!("persist {k}")),
        (key(), key()).prop_map(|(a, b)| format!("rename {a} {b}")),
    ]
}

proptest! {
    #[test]
    fn commands_do_what_the_model_does(
        commands in prop::collection::vec((any_command(), 0..15i64, any::<bool>()), 1..120)
    ) {
        let (mut bed, mut model) = (Bed::new(), Model { now_ms: NOW_MS, ..Model::default() });
        for (command, wait_ms, reap) in commands {
            model.now_ms += wait_ms;
            bed.cx.now_ms = model.now_ms;
            if reap {
                bed.shard.expire_slice(model.now_ms, 1000);
            }
            let words: Vec<&str> = command.split(' ').collect();
            prop_assert_eq!(bed.run(&words), model.run(&words), "{}", command);
        }
    }
}
