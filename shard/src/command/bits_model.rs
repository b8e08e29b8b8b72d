//! The commands on bits against models that are too simple to be wrong: a string is a vector of bits, an
//! integer 128 bits wide, and every command a few lines written from its documentation.

use crate::testing::Bed;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Strings as their bits, as many as there are in whole bytes.
#[derive(Default)]
struct Model(BTreeMap<String, Vec<bool>>);

fn int(n: impl std::fmt::Display) -> String {
    format!(":{n}\r\n")
}

impl Model {
    fn bits(&self, key: &str) -> &[bool] {
        self.0.get(key).map_or(&[], Vec::as_slice)
    }

    /// The bits of a key that is long enough for `end` of them.
    fn grown(&mut self, key: &str, end: usize) -> &mut Vec<bool> {
        let bits = self.0.entry(key.into()).or_default();
        let len = bits.len().max(end.next_multiple_of(8));
        bits.resize(len, false);
        bits
    }

    /// The bits that a range selects, each with its place.
    fn range(&self, key: &str, start: i64, end: i64, unit: &str) -> Vec<(usize, bool)> {
        let bits = self.bits(key);
        let size = if unit == "bit" { 1 } else { 8 };
        let len = (bits.len() / size) as i64;
        let front = |at: i64| if at < 0 { (at + len).max(0) } else { at };
        let covers = |at: usize| (front(start)..=front(end)).contains(&((at / size) as i64));
        bits.iter().copied().enumerate().filter(|&(at, _)| covers(at)).collect()
    }

    fn run(&mut self, words: &[&str]) -> String {
        let number = |at: usize| words[at].parse::<i64>().expect("a number");
        match *words {
            ["setbit", key, at, bit] => {
                let at: usize = at.parse().expect("an offset");
                let bits = self.grown(key, at + 1);
                int(u8::from(std::mem::replace(&mut bits[at], bit == "1")))
            }
            ["getbit", key, _] => {
                int(u8::from(self.bits(key).get(number(2) as usize).copied().unwrap_or(false)))
            }
            ["bitcount", key] => int(self.bits(key).iter().filter(|bit| **bit).count()),
            ["bitcount", key, _, _, unit] => {
                let (start, end) = (number(2), number(3));
                let crossed = start < 0 && end < 0 && start > end;
                let range = self.range(key, start, end, unit);
                int(range.iter().filter(|(_, bit)| *bit && !crossed).count())
            }
            ["bitpos", key, wanted, ref range @ ..] => {
                if !self.0.contains_key(key) {
                    return int(if wanted == "1" { -1 } else { 0 });
                }
                let start = range.first().map_or(0, |_| number(3));
                let end = range.get(1).map_or(-1, |_| number(4));
                let range = self.range(key, start, end, range.get(2).unwrap_or(&"byte"));
                let found = range.iter().find(|(_, bit)| *bit == (wanted == "1")).map(|(at, _)| *at as i64);
                let beyond = range.last().filter(|_| words.len() < 5 && wanted == "0");
                int(found.or(beyond.map(|(at, _)| *at as i64 + 1)).unwrap_or(-1))
            }
            ["bitop", operation, to, ref from @ ..] => self.bitop(operation, to, from),
            ["bitfield", key, ref operations @ ..] => self.bitfield(key, operations),
            _ => unreachable!("the model does not know {words:?}"),
        }
    }

    fn bitop(&mut self, operation: &str, to: &str, from: &[&str]) -> String {
        let sources: Vec<&[bool]> = from.iter().map(|key| self.bits(key)).collect();
        let len = sources.iter().map(|bits| bits.len()).max().unwrap_or(0);
        let at = |i: usize| sources.iter().map(move |bits| bits.get(i).copied().unwrap_or(false));
        let combine = |i: usize| match operation {
            "and" => at(i).all(|bit| bit),
            "or" => at(i).any(|bit| bit),
            "xor" => at(i).filter(|bit| *bit).count() % 2 == 1,
            _ => !at(i).any(|bit| bit),
        };
        let outcome: Vec<bool> = (0..len).map(combine).collect();
        match len {
            0 => self.0.remove(to),
            _ => self.0.insert(to.into(), outcome),
        };
        int(len / 8)
    }

    fn bitfield(&mut self, key: &str, operations: &[&str]) -> String {
        let operations = Field::all(operations);
        if let Some(end) = operations.iter().filter(|op| op.action != "get").map(Field::end).max() {
            self.grown(key, end);
        }
        let replies = operations.iter().map(|op| match op.run(self.bits(key)) {
            None => "$-1\r\n".to_string(),
            Some((answer, new)) => {
                if let Some(new) = new {
                    let bits = self.grown(key, 0);
                    (0..op.width).for_each(|i| bits[op.offset + i] = new >> (op.width - 1 - i) & 1 == 1);
                }
                int(answer)
            }
        });
        let replies: Vec<String> = replies.collect();
        format!("*{}\r\n{}", replies.len(), replies.concat())
    }
}

/// One operation of BITFIELD.
struct Field<'a> {
    action: &'a str,
    overflow: &'a str,
    signed: bool,
    width: usize,
    offset: usize,
    n: i128,
}

impl<'a> Field<'a> {
    fn all(mut words: &[&'a str]) -> Vec<Self> {
        let (mut operations, mut overflow) = (Vec::new(), "wrap");
        while let [action, rest @ ..] = words {
            if *action == "overflow" {
                (overflow, words) = (rest[0], &rest[1..]);
                continue;
            }
            let width = rest[0][1..].parse().expect("a width");
            let offset = match rest[1].strip_prefix('#') {
                Some(index) => index.parse::<usize>().expect("an index") * width,
                None => rest[1].parse().expect("an offset"),
            };
            let (n, used) = if *action == "get" { (0, 2) } else { (rest[2].parse().expect("a number"), 3) };
            operations.push(Self { action, overflow, signed: rest[0].starts_with('i'), width, offset, n });
            words = &rest[used..];
        }
        operations
    }

    fn end(&self) -> usize {
        self.offset + self.width
    }

    /// The answer and what is stored; nothing where FAIL refuses.
    fn run(&self, bits: &[bool]) -> Option<(i128, Option<i128>)> {
        let bit = |i: usize| i128::from(bits.get(self.offset + i).copied().unwrap_or(false));
        let modulus = 1i128 << self.width;
        let old = self.wrapped((0..self.width).fold(0, |n, i| n * 2 + bit(i)));
        let (min, max) = if self.signed { (-modulus / 2, modulus / 2 - 1) } else { (0, modulus - 1) };
        let wanted = match self.action {
            "get" => return Some((old, None)),
            // A negative number is a large one where there is no sign.
            "set" if !self.signed => self.n.rem_euclid(1 << 64),
            "set" => self.n,
            _ => old + self.n,
        };
        let new = match self.overflow {
            _ if (min..=max).contains(&wanted) => wanted,
            "wrap" => self.wrapped(wanted),
            "sat" => wanted.clamp(min, max),
            _ => return None,
        };
        Some((if self.action == "set" { old } else { new }, Some(new)))
    }

    fn wrapped(&self, n: i128) -> i128 {
        let modulus = 1i128 << self.width;
        let n = n.rem_euclid(modulus);
        if self.signed && n >= modulus / 2 { n - modulus } else { n }
    }
}

fn field() -> impl Strategy<Value = String> {
    let kind =
        prop_oneof![(1..=64u32).prop_map(|w| format!("i{w}")), (1..=63u32).prop_map(|w| format!("u{w}"))];
    let place =
        prop_oneof![(0..300u32).prop_map(|at| at.to_string()), (0..6u32).prop_map(|at| format!("#{at}"))];
    // Not next to i64::MIN, where Redis saturates at the wrong end: the transcript has that.
    let n = prop_oneof![-300..300i64, i64::MIN / 2..=i64::MAX, Just(i64::MAX)];
    let overflow = prop::sample::select(vec!["", "overflow wrap ", "overflow sat ", "overflow fail "]);
    let action = prop::sample::select(vec!["get", "set", "incrby", "incrby"]);
    (overflow, action, kind, place, n).prop_map(|(overflow, action, kind, place, n)| match action {
        "get" => format!("{overflow}get {kind} {place}"),
        _ => format!("{overflow}{action} {kind} {place} {n}"),
    })
}

/// Words of a command; few keys, so that they meet.
fn any_command() -> impl Strategy<Value = String> {
    let key = || prop::sample::select(vec!["a", "b", "c"]);
    let at = || prop_oneof![0..20u32, 0..2500u32];
    let edge = || prop_oneof![-40..40i64, -3000..3000i64, any::<i64>()];
    let unit = || prop::sample::select(vec!["bit", "byte"]);
    let operation = prop::sample::select(vec!["and", "or", "xor"]);
    prop_oneof![
        4 => (key(), at(), 0..2u8).prop_map(|(k, at, bit)| format!("setbit {k} {at} {bit}")),
        1 => (key(), at()).prop_map(|(k, at)| format!("getbit {k} {at}")),
        1 => key().prop_map(|k| format!("bitcount {k}")),
        2 => (key(), edge(), edge(), unit()).prop_map(|(k, s, e, u)| format!("bitcount {k} {s} {e} {u}")),
        1 => (key(), 0..2u8).prop_map(|(k, bit)| format!("bitpos {k} {bit}")),
        1 => (key(), 0..2u8, edge()).prop_map(|(k, bit, s)| format!("bitpos {k} {bit} {s}")),
        1 => (key(), 0..2u8, edge(), edge()).prop_map(|(k, bit, s, e)| format!("bitpos {k} {bit} {s} {e}")),
        2 => (key(), 0..2u8, edge(), edge(), unit())
            .prop_map(|(k, bit, s, e, u)| format!("bitpos {k} {bit} {s} {e} {u}")),
        2 => (operation, key(), prop::collection::vec(key(), 1..4))
            .prop_map(|(op, to, from)| format!("bitop {op} {to} {}", from.join(" "))),
        1 => (key(), key()).prop_map(|(to, from)| format!("bitop not {to} {from}")),
        4 => (key(), prop::collection::vec(field(), 1..4)).prop_map(|(k, f)| format!("bitfield {k} {}", f.join(" "))),
    ]
}

/// A string's bits as GET would show them.
fn bulk(bits: &[bool]) -> Vec<u8> {
    let byte = |bits: &[bool]| bits.iter().fold(0u8, |byte, &bit| byte << 1 | u8::from(bit));
    let bytes: Vec<u8> = bits.chunks(8).map(byte).collect();
    [format!("${}\r\n", bytes.len()).as_bytes(), &bytes, b"\r\n"].concat()
}

proptest! {
    #[test]
    fn commands_do_what_the_model_does(commands in prop::collection::vec(any_command(), 1..60)) {
        let (mut bed, mut model) = (Bed::new(), Model::default());
        for command in commands {
            let words: Vec<&str> = command.split(' ').collect();
            prop_assert_eq!(bed.run(&words), model.run(&words), "{}", command);
        }
        for (key, bits) in &model.0 {
            prop_assert_eq!(bed.run_bytes(&["get", key]), bulk(bits));
        }
        prop_assert_eq!(bed.shard.dbs[0].len(), model.0.len());
    }
}
