//! Where a command's keys stand among its arguments.
//!
//! A row describes its keys by *key specs*: where to begin (a fixed position, or behind a
//! keyword), how to go on (a range with a step, or a number of keys stated by an argument), and
//! what is done to the keys found. See <https://redis.io/docs/latest/develop/reference/key-specs/>.
//! A few commands cannot be described so (MIGRATE, SORT … BY, XREAD's half of the rest, SET whose
//! access depends on GET); most of their specs are marked `incomplete` or `variable_flags`, and a
//! function written for the command decides.
//!
//! The usual command has one key at a fixed position: [`CommandSpec::first_key`] and
//! [`CommandSpec::has_one_key`] answer for it without coming here.

use crate::args::Args;
use crate::command::flags::bit_set;
use crate::command::{CommandId, CommandSpec};

bit_set! {
    /// What a command does with a key.
    KeyFlags: u16 {
        /// Reads the value and leaves it as it is.
        RO = "RO",
        /// Changes the value, or reads and changes it.
        RW = "RW",
        /// Overwrites the value without looking at it.
        OW = "OW",
        /// Deletes the key.
        RM = "RM",
        /// The value's content comes back, is copied or decides the outcome.
        ACCESS = "access",
        /// Changes what is there.
        UPDATE = "update",
        /// Adds data, changes none.
        INSERT = "insert",
        /// Deletes some of the content.
        DELETE = "delete",
        /// Not a key, but routed like one (a shard channel).
        NOT_KEY = "not_key",
        /// There may be keys that the spec does not find.
        INCOMPLETE = "incomplete",
        /// The flags depend on the arguments.
        VARIABLE_FLAGS = "variable_flags",
    }
}

/// Where the search begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Begin {
    /// At this argument; the name is argument 0.
    Index(u8),
    /// Behind the keyword, searched for from an argument on (a negative one counts from the end, backwards).
    Keyword(&'static str, i8),
    /// Cannot be said.
    Unknown,
}

/// Which arguments from there on are keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Find {
    /// Every `step`-th up to `last`, which counts from the beginning, or when negative from the
    /// end of all arguments. With a `limit` of `n`, only the first `n`-th part of the rest.
    Range { last: i8, step: u8, limit: u8 },
    /// As many as the argument `num_at` states, from `first` on; both count from the beginning.
    Keynum { num_at: u8, first: u8, step: u8 },
    /// Cannot be said.
    Unknown,
}

/// One key spec.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeySpec {
    pub begin: Begin,
    pub find: Find,
    pub flags: KeyFlags,
    /// A remark that COMMAND INFO repeats; mostly empty.
    pub notes: &'static str,
}

impl KeySpec {
    pub(crate) const fn new(begin: Begin, find: Find, flags: &[KeyFlags]) -> Self {
        KeySpec { begin, find, flags: KeyFlags::of(flags), notes: "" }
    }

    pub(crate) const fn notes(mut self, text: &'static str) -> Self {
        self.notes = text;
        self
    }

    pub(crate) const fn is_not_key(&self) -> bool {
        self.flags.contains(KeyFlags::NOT_KEY)
    }

    /// The position of its first key if that is always the same; else 0.
    pub(crate) const fn fixed_first(&self) -> u8 {
        match (self.begin, self.find) {
            (Begin::Index(at), Find::Range { .. })
                if !self.flags.contains(KeyFlags::INCOMPLETE) && !self.is_not_key() =>
            {
                at
            }
            _ => 0,
        }
    }

    /// Whether it always finds exactly one key.
    pub(crate) const fn is_one_key(&self) -> bool {
        self.fixed_first() > 0 && matches!(self.find, Find::Range { last: 0, .. })
    }
}

/// First key, last key and step: how Redis described keys before key specs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LegacyRange {
    /// 0: no keys that can be described so.
    pub first: i8,
    /// Negative: counted from the end of all arguments.
    pub last: i8,
    pub step: i8,
}

impl LegacyRange {
    pub const NONE: LegacyRange = LegacyRange { first: 0, last: 0, step: 0 };
}

/// The old triple that says as much as can be said of `keys`, and whether some keys escape it.
/// Specs that stand side by side are joined into one range (source and destination of RENAME).
pub(crate) const fn legacy_range(keys: &[KeySpec]) -> (LegacyRange, bool) {
    if let [KeySpec { begin: Begin::Index(at), find: Find::Range { last, step, .. }, flags, .. }] = keys {
        let range = LegacyRange { first: *at as i8, last: absolute(*at, *last), step: *step as i8 };
        return (range, flags.contains(KeyFlags::INCOMPLETE));
    }
    let mut range = LegacyRange::NONE;
    let mut movable = false;
    let mut i = 0;
    while i < keys.len() {
        let spec = &keys[i];
        i += 1;
        let (Begin::Index(at), Find::Range { last, step: 1, .. }) = (spec.begin, spec.find) else {
            movable = true;
            continue;
        };
        if range.last != 0 && range.last != at as i8 - 1 {
            movable = true;
            continue;
        }
        movable |= spec.flags.contains(KeyFlags::INCOMPLETE);
        if range.first == 0 || (at as i8) < range.first {
            range.first = at as i8;
        }
        // A negative end lies behind every positive one.
        let end = absolute(at, last);
        if end as u8 > range.last as u8 {
            range.last = end;
        }
        range.step = 1;
    }
    (range, movable)
}

const fn absolute(at: u8, last: i8) -> i8 {
    if last < 0 { last } else { at as i8 + last }
}

/// A key among the arguments.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeyRef {
    /// Its position; the command's name is 0.
    pub at: u32,
    /// What is done to it.
    pub flags: KeyFlags,
}

/// Replaces `found` by the keys of this call, in the order of the specs. A wrong number of arguments
/// gives none; what the command would refuse as a syntax error gives none, or those that could be told.
///
/// `found` is the caller's to keep between calls; it never grows beyond the number of arguments
/// times the number of specs.
pub fn keys_of(spec: &CommandSpec, args: Args<'_>, found: &mut Vec<KeyRef>) {
    found.clear();
    if !spec.accepts(args.len()) || by_hand(spec, args, found) {
        return;
    }
    if spec.has_one_key() {
        push(found, spec.first_key(), spec.keys[0].flags);
    } else if by_specs(spec.keys, args, found).is_none() {
        found.clear();
    }
}

/// Appends what all specs find. `None` when one does not apply to these arguments or is incomplete.
fn by_specs(specs: &[KeySpec], args: Args<'_>, found: &mut Vec<KeyRef>) -> Option<()> {
    for spec in specs.iter().filter(|s| !s.is_not_key()) {
        let first = match spec.begin {
            Begin::Index(at) => i64::from(at),
            Begin::Keyword(word, from) => match behind_keyword(args, word, from) {
                Some(at) => at,
                None => continue, // an option that was not given
            },
            Begin::Unknown => return None,
        };
        let (first, last, step) = range(spec.find, first, args)?;
        if last < first && matches!(spec.find, Find::Range { .. }) {
            continue; // none of what may be repeated (PFMERGE with a destination only)
        }
        let argc = args.len() as i64;
        if first >= argc || last >= argc || last < first {
            return None;
        }
        found.extend((first..=last).step_by(step).map(|at| KeyRef { at: at as u32, flags: spec.flags }));
        if spec.flags.contains(KeyFlags::INCOMPLETE) {
            return None;
        }
    }
    Some(())
}

/// The position behind `word`, which is searched for from `from` towards the end; or, when `from`
/// is negative, from that far before the end towards the front.
fn behind_keyword(args: Args<'_>, word: &str, from: i8) -> Option<i64> {
    let argc = args.len() as i64;
    let is_word = |at: &i64| args.get(*at as usize).is_some_and(|a| a.eq_ignore_ascii_case(word.as_bytes()));
    let at = if from > 0 {
        (i64::from(from)..argc - 1).find(is_word)
    } else {
        (2..=argc + i64::from(from)).rev().find(is_word)
    };
    at.map(|at| at + 1)
}

/// First, last and step of the keys, given where they begin.
fn range(find: Find, begin: i64, args: Args<'_>) -> Option<(i64, i64, usize)> {
    let argc = args.len() as i64;
    match find {
        Find::Range { last, step, limit } => {
            let last = match (i64::from(last), i64::from(limit)) {
                (last, _) if last >= 0 => begin + last,
                (last, 0) => argc + last,
                (last, limit) => begin + (argc - begin) / limit + last,
            };
            Some((begin, last, usize::from(step)))
        }
        Find::Keynum { num_at, first, step } => {
            let count = count_of_keys(args.get(begin as usize + usize::from(num_at))?)?;
            let first = begin + i64::from(first);
            Some((first, first + (count - 1) * i64::from(step), usize::from(step)))
        }
        Find::Unknown => None,
    }
}

/// A count in plain decimal. One that is too long for any request counts as malformed.
fn count_of_keys(digits: &[u8]) -> Option<i64> {
    let plain = digits == b"0" || (digits.first() != Some(&b'0') && digits.iter().all(u8::is_ascii_digit));
    if !plain || digits.is_empty() || digits.len() > 9 {
        return None;
    }
    Some(digits.iter().fold(0, |n, d| n * 10 + i64::from(d - b'0')))
}

const READ: KeyFlags = KeyFlags::of(&[KeyFlags::RO, KeyFlags::ACCESS]);
const CHANGE: KeyFlags = KeyFlags::of(&[KeyFlags::RW, KeyFlags::ACCESS, KeyFlags::UPDATE]);
const OVERWRITE: KeyFlags = KeyFlags::of(&[KeyFlags::OW, KeyFlags::UPDATE]);
const TAKE: KeyFlags = KeyFlags::of(&[KeyFlags::RW, KeyFlags::ACCESS, KeyFlags::DELETE]);

/// The commands whose specs do not say all. `false`: the specs are to decide.
fn by_hand(spec: &CommandSpec, args: Args<'_>, found: &mut Vec<KeyRef>) -> bool {
    match spec.id {
        CommandId::Set => {
            let get = args.iter().skip(3).any(|a| a.eq_ignore_ascii_case(b"get"));
            push(found, 1, if get { CHANGE } else { OVERWRITE });
        }
        CommandId::Bitfield => push(found, 1, if bitfield_reads_only(args) { READ } else { CHANGE }),
        CommandId::SortRo => push(found, 1, READ),
        CommandId::Sort => sort(args, found),
        CommandId::Migrate => migrate(args, found),
        CommandId::Georadius | CommandId::Georadiusbymember => georadius(spec, args, found),
        CommandId::Xread | CommandId::Xreadgroup => return xread(spec, args, found),
        _ => return false,
    }
    true
}

fn push(found: &mut Vec<KeyRef>, at: usize, flags: KeyFlags) {
    found.push(KeyRef { at: at as u32, flags });
}

/// BITFIELD with GET (and OVERFLOW) only. What is not understood counts as a write, to be safe.
fn bitfield_reads_only(args: Args<'_>) -> bool {
    let mut i = 2;
    while let Some(word) = args.get(i) {
        let left = args.len() - i - 1;
        if word.eq_ignore_ascii_case(b"get") && left >= 2 {
            i += 3;
        } else if word.eq_ignore_ascii_case(b"overflow") && left >= 1 {
            i += 2;
        } else {
            return false;
        }
    }
    true
}

/// SORT key … STORE destination: of several STOREs the last one counts.
fn sort(args: Args<'_>, found: &mut Vec<KeyRef>) {
    push(found, 1, READ);
    let mut store = None;
    let mut i = 2;
    while let Some(word) = args.get(i) {
        if word.eq_ignore_ascii_case(b"limit") {
            i += 2;
        } else if word.eq_ignore_ascii_case(b"get") || word.eq_ignore_ascii_case(b"by") {
            i += 1;
        } else if word.eq_ignore_ascii_case(b"store") && i + 1 < args.len() {
            store = Some(i + 1);
        }
        i += 1;
    }
    if let Some(at) = store {
        push(found, at, OVERWRITE);
    }
}

/// MIGRATE host port key …, or with an empty key and `KEYS` many of them.
fn migrate(args: Args<'_>, found: &mut Vec<KeyRef>) {
    let mut i = 6;
    while let Some(word) = args.get(i) {
        if word.eq_ignore_ascii_case(b"keys") {
            if args.get(3).is_some_and(<[u8]>::is_empty) {
                found.extend((i + 1..args.len()).map(|at| KeyRef { at: at as u32, flags: TAKE }));
            }
            return;
        }
        if word.eq_ignore_ascii_case(b"auth") {
            i += 1;
        } else if word.eq_ignore_ascii_case(b"auth2") {
            i += 2;
        }
        i += 1;
    }
    push(found, 3, TAKE);
}

/// GEORADIUS key … [STORE key | STOREDIST key]. The specs find one of each; of several the last one
/// is written to, so that all are declared.
fn georadius(spec: &CommandSpec, args: Args<'_>, found: &mut Vec<KeyRef>) {
    if by_specs(spec.keys, args, found).is_none() {
        found.clear();
    }
    for i in 5..args.len().saturating_sub(1) {
        let stores =
            args.at(i).eq_ignore_ascii_case(b"store") || args.at(i).eq_ignore_ascii_case(b"storedist");
        if stores && !found.iter().any(|key| key.at as usize == i + 1) {
            push(found, i + 1, OVERWRITE);
        }
    }
}

/// XREAD [options] STREAMS key… id…: the first half of what follows. A group may itself be called
/// STREAMS, which misleads the spec, so options are skipped together with their values.
/// `false` when the arguments are not of this form.
fn xread(spec: &CommandSpec, args: Args<'_>, found: &mut Vec<KeyRef>) -> bool {
    let mut i = 1;
    while let Some(word) = args.get(i) {
        if word.eq_ignore_ascii_case(b"streams") {
            let rest = args.len() - i - 1;
            let keys = if rest.is_multiple_of(2) { rest / 2 } else { 0 };
            (i + 1..=i + keys).for_each(|at| push(found, at, spec.keys[0].flags));
            return keys > 0;
        }
        i += if word.eq_ignore_ascii_case(b"block") || word.eq_ignore_ascii_case(b"count") {
            2
        } else if word.eq_ignore_ascii_case(b"group") {
            3
        } else if word.eq_ignore_ascii_case(b"noack") {
            1
        } else {
            return false;
        };
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::OwnedArgs;
    use crate::command::{all, resolve};
    use proptest::prelude::*;

    fn found(row: &CommandSpec, words: &[&str]) -> Vec<KeyRef> {
        let mut found = vec![KeyRef { at: 9, flags: READ }]; // what was there is replaced
        keys_of(row, OwnedArgs::of(words).args(), &mut found);
        found
    }

    fn keys<'a>(words: &[&'a str]) -> Vec<&'a str> {
        let row = resolve(OwnedArgs::of(words).args()).unwrap();
        found(row, words).iter().map(|key| words[key.at as usize]).collect()
    }

    fn split(call: &str) -> Vec<&str> {
        call.split(' ').collect()
    }

    #[test]
    fn fixed_positions() {
        assert_eq!(keys(&["GET", "k"]), ["k"]);
        assert_eq!(keys(&split("MSET a 1 b 2")), ["a", "b"]);
        assert_eq!(keys(&split("BITOP AND d a b")), ["d", "a", "b"]);
        assert_eq!(keys(&split("PFMERGE d")), ["d"]);
        assert_eq!(keys(&split("OBJECT ENCODING k")), ["k"]);
        assert!(keys(&["PING", "x"]).is_empty());
        assert!(keys(&split("SSUBSCRIBE c d")).is_empty(), "channels are no keys");
    }

    #[test]
    fn counted_keys() {
        assert_eq!(keys(&split("EVAL s 2 a b c")), ["a", "b"]);
        assert_eq!(keys(&split("ZUNIONSTORE d 2 a b WEIGHTS 1 2")), ["d", "a", "b"]);
        for count in ["0", "3", "-1", "01", "+1", "x", "", "99999999999999999999"] {
            assert!(keys(&["EVAL", "s", count, "a", "b"]).is_empty(), "{count}");
        }
    }

    #[test]
    fn keys_behind_words() {
        assert_eq!(keys(&split("XREAD COUNT 1 STREAMS a b 0 0")), ["a", "b"]);
        assert_eq!(
            keys(&split("XREADGROUP COUNT 1 GROUP streams c STREAMS k >")),
            ["k"],
            "a group called streams"
        );
        assert_eq!(keys(&split("GEORADIUS k 1 1 2 m STORE a STORE b")), ["k", "a", "b"]);
        assert_eq!(keys(&split("SORT l BY store GET store LIMIT 0 1 STORE a STORE b")), ["l", "b"]);
        assert_eq!(keys(&["MIGRATE", "h", "1", "", "0", "5", "AUTH", "keys", "KEYS", "a", "b"]), ["a", "b"]);
        assert_eq!(keys(&split("MIGRATE h 1 k 0 5 COPY")), ["k"]);
        assert!(keys(&split("MIGRATE h 1 k 0 5 KEYS a")).is_empty(), "both forms at once are an error");
    }

    #[test]
    fn access_that_depends_on_arguments() {
        let access = |call: &str| {
            let words = split(call);
            found(resolve(OwnedArgs::of(&words).args()).unwrap(), &words)[0].flags
        };
        assert_eq!(access("SET k v NX"), OVERWRITE);
        assert_eq!(access("SET k v gEt"), CHANGE);
        assert_eq!(access("BITFIELD k OVERFLOW SAT GET u8 0"), READ);
        assert_eq!(access("BITFIELD k GET u8 0 SET u8 0 1"), CHANGE);
        assert_eq!(access("BITFIELD k nope"), CHANGE);
    }

    #[test]
    fn the_old_triple() {
        let triple = |call: &str| {
            let row = resolve(OwnedArgs::of(call.split(' ')).args()).unwrap();
            let LegacyRange { first, last, step } = row.legacy_range;
            (first, last, step)
        };
        assert_eq!(triple("GET k"), (1, 1, 1));
        assert_eq!(triple("MSET k v"), (1, -1, 2));
        assert_eq!(triple("RENAME a b"), (1, 2, 1), "two specs side by side");
        assert_eq!(triple("PFMERGE d"), (1, -1, 1));
        assert_eq!(triple("EVAL s 0"), (0, 0, 0));
        assert_eq!(triple("PING"), (0, 0, 0));
    }

    #[test]
    fn the_short_cut_says_what_the_search_says() {
        for row in all() {
            let arity = usize::from(row.arity.unsigned_abs());
            assert!(row.first_key() < arity, "{}", row.full_name());
            let words: Vec<&str> = row.full_name().split('|').chain(["1"; 8]).take(arity).collect();
            let keys = found(row, &words);
            if row.first_key() > 0 {
                assert_eq!(keys.first().map(|k| k.at as usize), Some(row.first_key()), "{}", row.full_name());
            }
            if row.has_one_key() {
                assert_eq!(keys.len(), 1, "{}", row.full_name());
            }
        }
    }

    proptest! {
        #[test]
        fn never_out_of_bounds(
            row in 0..all().len(),
            rest in proptest::collection::vec("STREAMS|store|storedist|KEYS|get|by|limit|count|group|[0-9]{1,3}|", 0..12),
        ) {
            let row = &all()[row];
            let words: Vec<&str> = row.full_name().split('|').chain(rest.iter().map(String::as_str)).collect();
            let keys = found(row, &words);
            prop_assert!(keys.len() <= words.len() * row.keys.len().max(1));
            for key in keys {
                prop_assert!((1..words.len()).contains(&(key.at as usize)) && !key.flags.is_empty());
            }
        }
    }
}
