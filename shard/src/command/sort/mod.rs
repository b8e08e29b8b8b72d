//! SORT and SORT_RO: the elements of a list, a set or a sorted set by their own value or by that of other
//! keys, cut to a range, answered or stored as a list.
//!
//! ```text
//!   elements ---BY---> weights ---sort, LIMIT---> some elements ---GET---> values ---> reply, or STORE
//!    (Texts)          f64 | text | none              (indexes)
//! ```
//! The texts of all elements lie in one buffer; what is sorted are their numbers beside the weights, so that an
//! element costs its bytes and some 24 more, and no allocation. Numbers that are equal are ordered by the elements'
//! bytes, so that the result is always the same. With ALPHA and BY, equal weights leave the source's order.
//!
//! ALPHA compares bytes: Redis compares by the locale that it was started in, which is this order in the
//! locale C; and it compares bytes, too, when it stores.
//!
//! [`pattern`] has the names of keys that BY and GET make, and their look-up.

mod pattern;

use super::string::text;
use super::{Outcome, Refused, integer};
use crate::collection::view_of;
use crate::db::ValueRef;
use crate::event::Class;
use crate::lookup::{Touch, is_expired};
use crate::shard::{Cx, Shard};
use crate::value::list::{Direction, End, Limits, List};
use crate::value::set::{Member, Set};
use crate::value::zset::ZSet;
use pattern::Pattern;
use proto::args::Args;
use proto::encode::Reply;
use proto::error;
use proto::number::parse_f64;
use std::cmp::Ordering;
use std::ops::Range;

const NOT_A_WEIGHT: &str = "ERR One or more scores can't be converted into double";

/// What a client asks for.
#[derive(Default)]
struct Options<'a> {
    descending: bool,
    alpha: bool,
    /// Elements to leave out at the start, and how many follow; as the client writes them.
    limit: Option<(i64, i64)>,
    by: Option<Pattern<'a>>,
    get: Vec<Pattern<'a>>,
    store: Option<&'a [u8]>,
}

impl<'a> Options<'a> {
    fn parse(args: Args<'a>, may_store: bool) -> Result<Self, Refused> {
        let mut options = Self::default();
        let mut words = args.iter();
        while let Some(word) = words.next() {
            let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
            let left = words.len();
            if is("asc") || is("desc") {
                options.descending = is("desc");
            } else if is("alpha") {
                options.alpha = true;
            } else if is("limit") && left >= 2 {
                let mut next = || words.next().map_or_else(|| Err(error::SYNTAX.into()), integer);
                options.limit = Some((next()?, next()?));
            } else if let Some(value) = words.next() {
                match () {
                    () if is("by") => options.by = Some(Pattern::parse(value)),
                    () if is("get") => options.get.push(Pattern::parse(value)),
                    () if is("store") && may_store => options.store = Some(value),
                    () => return Err(error::SYNTAX.into()),
                }
            } else {
                return Err(error::SYNTAX.into());
            }
        }
        Ok(options)
    }

    /// Whether the order is left as it is: BY something that is the same for all elements.
    fn keeps_order(&self) -> bool {
        self.by.as_ref().is_some_and(|by| !by.names_keys())
    }

    /// The range of `len` elements that is wanted.
    fn range(&self, len: usize) -> Range<usize> {
        let (start, count) = self.limit.unwrap_or((0, -1));
        let start = usize::try_from(start).unwrap_or(0).min(len);
        let count = usize::try_from(count).unwrap_or(len).min(len - start);
        start..start + count
    }
}

/// Texts in one buffer.
#[derive(Default)]
struct Texts {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Texts {
    fn push(&mut self, element: Member<'_>) {
        element.push_to(&mut self.bytes);
        self.ends.push(self.bytes.len());
    }

    fn len(&self) -> usize {
        self.ends.len()
    }

    fn get(&self, at: usize) -> &[u8] {
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..self.ends[at]]
    }
}

/// What is sorted, in its own order; and whether it is a set, which has none.
#[derive(Default)]
struct Source {
    elements: Texts,
    is_set: bool,
}

impl Source {
    fn of(value: ValueRef<'_>) -> Option<Self> {
        let mut source = Self::default();
        let elements = &mut source.elements;
        if let Some(list) = view_of::<List>(value) {
            list.walk(0, Direction::Forward, |element| {
                elements.push(element);
                true
            });
        } else if let Some(set) = view_of::<ZSet>(value) {
            set.all().for_each(|(member, _)| elements.push(member));
        } else {
            view_of::<Set>(value)?.each(&mut |member| elements.push(member));
            source.is_set = true;
        }
        Some(source)
    }
}

/// `SORT key [BY pattern] [LIMIT offset count] [GET pattern …] [ASC|DESC] [ALPHA] [STORE destination]`
pub(super) fn sort(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    run(shard, cx, args, true, reply)
}

/// `SORT_RO`: as SORT, without STORE.
pub(super) fn sort_ro(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    run(shard, cx, args, false, reply)
}

fn run(shard: &mut Shard, cx: &mut Cx, args: Args<'_>, may_store: bool, reply: &mut Reply<'_>) -> Outcome {
    let mut options = Options::parse(args.from(2), may_store)?;
    let key = shard.first_key(cx, args.at(1));
    let source = shard.read(cx, &key, Touch::Normal, |entry| match entry {
        None => Ok(Source::default()),
        Some(entry) => Source::of(entry.value()).ok_or_else(|| Refused::from(error::WRONG_TYPE)),
    })?;
    if options.keeps_order() && source.is_set && options.store.is_some() {
        // What is stored must not depend on how a set lies in memory.
        (options.by, options.alpha) = (None, true);
    }
    let elements = source.elements;
    let mut order = sorted(shard, cx, &elements, &options)?;
    let range = options.range(order.len());
    let chosen = order.drain(range).map(|at| elements.get(at));
    match options.store {
        Some(destination) => store(shard, cx, destination, chosen, &options.get, reply),
        None => answer(shard, cx, chosen, &options.get, reply),
    }
    Ok(())
}

/// The numbers of the elements, in the order that is asked for.
fn sorted(
    shard: &mut Shard,
    cx: &Cx,
    elements: &Texts,
    options: &Options<'_>,
) -> Result<Vec<usize>, Refused> {
    let mut order: Vec<usize> = (0..elements.len()).collect();
    if options.keeps_order() {
        if options.descending {
            order.reverse();
        }
        return Ok(order);
    }
    let directed = |ordering: Ordering| if options.descending { ordering.reverse() } else { ordering };
    match (&options.by, options.alpha) {
        (None, true) => order.sort_by(|&a, &b| directed(elements.get(a).cmp(elements.get(b)))),
        (Some(by), true) => {
            let weights = text_weights(shard, cx, elements, by);
            // An element without a weight comes before all others.
            order.sort_by(|&a, &b| directed(weights.get(a).cmp(&weights.get(b))));
        }
        (by, false) => {
            let weights = numbers(shard, cx, elements, by.as_ref())?;
            let compare = |a: usize, b: usize| {
                weights[a].total_cmp(&weights[b]).then_with(|| elements.get(a).cmp(elements.get(b)))
            };
            order.sort_unstable_by(|&a, &b| directed(compare(a, b)));
        }
    }
    Ok(order)
}

/// The texts that elements are sorted by.
#[derive(Default)]
struct TextWeights {
    texts: Texts,
    is_there: Vec<bool>,
}

impl TextWeights {
    fn get(&self, at: usize) -> Option<&[u8]> {
        self.is_there[at].then(|| self.texts.get(at))
    }
}

fn text_weights(shard: &mut Shard, cx: &Cx, elements: &Texts, by: &Pattern<'_>) -> TextWeights {
    let mut weights = TextWeights::default();
    for at in 0..elements.len() {
        by.value(shard, cx, elements.get(at), |value| {
            weights.is_there.push(value.is_some());
            weights.texts.push(Member::Bytes(value.unwrap_or_default()));
        });
    }
    weights
}

/// The numbers that elements are sorted by: their own, or those of other keys, where 0 stands for none.
fn numbers(
    shard: &mut Shard,
    cx: &Cx,
    elements: &Texts,
    by: Option<&Pattern<'_>>,
) -> Result<Vec<f64>, Refused> {
    let one = |at: usize| match by {
        None => number(elements.get(at)),
        Some(by) => by.value(shard, cx, elements.get(at), |value| value.map_or(Some(0.0), number)),
    };
    let weights: Option<Vec<f64>> = (0..elements.len()).map(one).collect();
    Ok(weights.ok_or(NOT_A_WEIGHT)?)
}

/// A number as C's `strtod` reads it: blanks may come before, the end or a NUL byte after; nothing at all is 0.
fn number(text: &[u8]) -> Option<f64> {
    let text = text.split(|&b| b == 0).next().unwrap_or_default();
    if text.is_empty() {
        return Some(0.0);
    }
    // The two zeros are equal, so they must not differ in `total_cmp`.
    parse_f64(text.trim_ascii_start()).map(|number| number + 0.0)
}

/// Hands out what is answered for every element: itself, or the values of GET, `None` where there is none.
fn outputs<'a>(
    shard: &mut Shard,
    cx: &Cx,
    chosen: impl Iterator<Item = &'a [u8]>,
    get: &[Pattern<'_>],
    output: &mut dyn FnMut(Option<&[u8]>),
) {
    for element in chosen {
        if get.is_empty() {
            output(Some(element));
        }
        for pattern in get {
            pattern.value(shard, cx, element, &mut *output);
        }
    }
}

fn answer<'a>(
    shard: &mut Shard,
    cx: &Cx,
    chosen: impl ExactSizeIterator<Item = &'a [u8]>,
    get: &[Pattern<'_>],
    reply: &mut Reply<'_>,
) {
    reply.array(chosen.len() * get.len().max(1));
    outputs(shard, cx, chosen, get, &mut |value| reply.bulk_or_null(value));
}

/// Puts what would be answered in the place of `destination`, as a list; nothing removes it.
fn store<'a>(
    shard: &mut Shard,
    cx: &mut Cx,
    destination: &[u8],
    chosen: impl Iterator<Item = &'a [u8]>,
    get: &[Pattern<'_>],
    reply: &mut Reply<'_>,
) {
    let limits = Limits::of(&shard.settings);
    let (mut list, mut len) = (List::default(), 0);
    outputs(shard, cx, chosen, get, &mut |value| {
        let text = value.unwrap_or_default();
        list.grow_for(&limits, 1, text.len());
        list.push(End::Right, text, &limits);
        len += 1;
    });
    list.settle(&limits);
    let destination = shard.key(destination);
    let was_there = shard.store(cx, &destination, list);
    if len > 0 {
        shard.changed_by(cx, len, destination.bytes, Class::LIST, "sortstore");
    } else if was_there {
        shard.changed(cx, destination.bytes, Class::GENERIC, "del");
    }
    reply.int(len as i64);
}

/// The keys that a SORT will read besides those it names: what its patterns make of the elements that are there
/// now, each once. For whoever must have all keys at hand before the command runs; nothing is counted or marked.
pub(crate) fn sort_further_keys(shard: &Shard, cx: &Cx, args: Args<'_>) -> Vec<Box<[u8]>> {
    let (Some(key), Ok(options)) = (args.get(1), Options::parse(args.from(2.min(args.len())), true)) else {
        return Vec::new();
    };
    let entry = shard.dbs[cx.db].get(&shard.key(key));
    let alive = entry.filter(|entry| !is_expired(entry.expire_at(), cx.now_ms));
    let Some(source) = alive.and_then(|entry| Source::of(entry.value())) else { return Vec::new() };
    let patterns = options.by.iter().chain(&options.get).filter(|pattern| pattern.names_keys());
    let mut keys: Vec<Box<[u8]>> = Vec::new();
    for pattern in patterns {
        keys.extend((0..source.elements.len()).filter_map(|at| pattern.key(source.elements.get(at))));
    }
    keys.sort_unstable();
    keys.dedup();
    keys
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Bed;
    use proto::args::OwnedArgs;

    /// What redis-server 7.0.15 answers, but for the encoding of short lists: they are listpacks since 7.2.
    #[test]
    fn sort() {
        Bed::new().replay(include_str!("../transcripts/sort.txt"));
    }

    /// (Redis goes on refusing every number after one that overflows, until some call resets C's `errno`.)
    #[test]
    fn numbers_are_those_of_strtod() {
        for (text, want) in [
            ("", Some(0.0)),
            ("  1.5", Some(1.5)),
            ("5\0junk", Some(5.0)),
            ("0x10", Some(16.0)),
            ("-inf", Some(f64::NEG_INFINITY)),
            ("1e999", None),
            ("1e-999", None),
            ("nan", None),
            (" ", None),
            ("5 ", None),
        ] {
            assert_eq!(number(text.as_bytes()), want, "{text:?}");
        }
        assert_eq!(number(b"-0").map(f64::to_bits), Some(0));
    }

    #[test]
    fn a_stored_result_counts_its_elements_as_changes() {
        let mut bed = Bed::new();
        bed.shard.events.publish(Class::LIST.union(Class::GENERIC));
        for (command, changes, event) in [
            ("sort s store out", 3, "sortstore"),
            ("sort s get # get x* store out", 6, "sortstore"),
            ("sort s limit 5 5 store out", 1, "del"),
            ("sort s limit 5 5 store out", 0, ""),
            ("sort s", 0, ""),
        ] {
            bed.run(&["sadd", "s", "1", "2", "3"]);
            bed.shard.events.notifications.clear();
            bed.run(&command.split(' ').collect::<Vec<_>>());
            let told: Vec<_> = bed.shard.events.notifications.iter().map(|n| n.event).collect();
            assert_eq!((bed.cx.dirty, told.join(" ").as_str()), (changes, event), "{command}");
        }
    }

    #[test]
    fn the_keys_of_the_patterns_are_known_beforehand() {
        let mut bed = Bed::new();
        bed.run(&["sadd", "s", "2", "1"]);
        let (hits, misses) = (bed.shard.stats.keyspace_hits, bed.shard.stats.keyspace_misses);
        let keys = |bed: &Bed, line: &str| {
            let keys = sort_further_keys(&bed.shard, &bed.cx, OwnedArgs::of(line.split(' ')).args());
            keys.iter().map(|key| String::from_utf8_lossy(key).into_owned()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(keys(&bed, "sort s by w_* get # get o_*x->f get w_* get same"), "o_1x o_2x w_1 w_2");
        for none in ["sort s", "sort s by nosort get #", "sort nokey get x*", "sort s bogus", "sort"] {
            assert_eq!(keys(&bed, none), "", "{none}");
        }
        bed.run(&["pexpire", "s", "1"]);
        bed.cx.now_ms += 2;
        assert_eq!(keys(&bed, "sort s get x*"), "", "a dead source has no elements");
        assert_eq!((bed.shard.stats.keyspace_hits, bed.shard.stats.keyspace_misses), (hits, misses));
    }
}
