//! Sorted sets against a model, in both forms, with thresholds so small that each run crosses them.

use super::range::{NameBound, ScoreBound, Span};
use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

const SEED: u64 = 11;

fn text(element: Element<'_>) -> Vec<u8> {
    element.to_vec()
}

fn pairs(set: &ZSet) -> Vec<(f64, Vec<u8>)> {
    set.view().all().map(|(member, score)| (score, text(member))).collect()
}

fn sorted(model: &BTreeMap<Vec<u8>, f64>) -> Vec<(f64, Vec<u8>)> {
    let mut pairs: Vec<_> = model.iter().map(|(member, score)| (*score, member.clone())).collect();
    sort(&mut pairs);
    pairs
}

fn check(set: &ZSet, model: &BTreeMap<Vec<u8>, f64>, limits: Limits) {
    let want = sorted(model);
    let view = set.view();
    assert_eq!((set.len(), set.is_empty()), (want.len(), want.is_empty()));
    assert_eq!(pairs(set), want);
    let mut backwards: Vec<_> = view.iter(0..view.len(), true).map(|(m, s)| (s, text(m))).collect();
    backwards.reverse();
    assert_eq!(backwards, want);
    for (rank, (score, member)) in want.iter().enumerate() {
        assert_eq!(view.rank(member), Some((rank, *score)));
    }
    assert_eq!((view.score(b"nobody"), view.rank(b"nobody")), (None, None));
    if let ZSet::Packed(bytes) = set {
        assert!(want.len() <= limits.entries_max && want.iter().all(|(_, m)| m.len() <= limits.value_max));
        assert_eq!(bytes.is_empty(), want.is_empty());
        let list = packed::to_listpack(bytes);
        assert_eq!(persist::listpack::check(&list, true), Ok(()));
        assert_eq!(packed::from_listpack(&list), *bytes, "there is one way to write it");
    } else {
        let mut seen = BTreeMap::new();
        assert_eq!(view.scan(0, &mut |_, _| {}), view.scan(0, &mut |_, _| {}));
        let mut cursor = 0;
        loop {
            cursor = view.scan(cursor, &mut |member, score| {
                seen.insert(text(member), score);
            });
            if cursor == 0 {
                break;
            }
        }
        assert_eq!(&seen, model, "the dictionary has what the tree has");
    }
}

#[derive(Clone, Debug)]
enum Step {
    Add(Vec<u8>, f64, When),
    Remove(Vec<u8>),
    Take(usize, usize),
}

fn member() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => (-20..200i32).prop_map(|n| n.to_string().into_bytes()),
        2 => "[ab]{0,4}".prop_map(String::into_bytes),
        1 => (20..40usize, 0..9u8).prop_map(|(len, c)| vec![b'a' + c; len]),
    ]
}

fn score() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (-3..4i32).prop_map(f64::from),
        2 => (-30..30i32).prop_map(|n| f64::from(n) / 8.0),
        1 => Just(f64::INFINITY),
        1 => Just(f64::NEG_INFINITY),
    ]
}

fn when() -> impl Strategy<Value = When> {
    (0..9u8).prop_map(|n| When { nx: n == 1, xx: n == 2, gt: n == 3, lt: n == 4, incr: n >= 6 })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (member(), score(), when()).prop_map(|(m, s, w)| Step::Add(m, s, w)),
        2 => member().prop_map(Step::Remove),
        1 => (0..60usize, 0..20usize).prop_map(|(at, n)| Step::Take(at, n)),
    ]
}

/// What ZADD does, told another way.
fn add(model: &mut BTreeMap<Vec<u8>, f64>, member: &[u8], number: f64, when: When) -> Added {
    match model.get(member).copied() {
        None if when.xx => Added::Refused,
        None => {
            model.insert(member.to_vec(), number);
            Added::New(number)
        }
        Some(_) if when.nx => Added::Refused,
        Some(before) => {
            let after = if when.incr { before + number } else { number };
            if after.is_nan() {
                return Added::NotANumber;
            }
            if when.gt && after <= before || when.lt && after >= before {
                return Added::Refused;
            }
            model.insert(member.to_vec(), after);
            if after == before { Added::Same(after) } else { Added::Changed(after) }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn it_is_a_map_in_order(
        steps in proptest::collection::vec(step(), 1..120),
        entries_max in 0..40usize,
        value_max in 2..30usize,
    ) {
        let limits = Limits { entries_max, value_max, seed: SEED };
        let (mut set, mut model) = (ZSet::default(), BTreeMap::new());
        for step in steps {
            match step {
                Step::Add(member, number, when) => {
                    let want = add(&mut model, &member, number, when);
                    prop_assert_eq!(set.add(&member, number, when, limits), want);
                }
                Step::Remove(member) => {
                    prop_assert_eq!(set.remove(&member), model.remove(&member).is_some());
                }
                Step::Take(at, count) => {
                    let all = sorted(&model);
                    let end = all.len().min(at + count);
                    let want = all.get(at.min(end)..end).unwrap_or_default();
                    let mut taken = Vec::new();
                    let n = set.take(at..at + count, &mut |m, s| taken.push((s, text(m))));
                    prop_assert_eq!((n, &taken[..]), (want.len(), want));
                    want.iter().for_each(|(_, member)| { model.remove(member); });
                }
            }
            check(&set, &model, limits);
        }
        check(&set.clone(), &model, limits);
        let all = sorted(&model);
        prop_assert_eq!(pairs(&ZSet::collect(&all, limits)), all);
    }

    #[test]
    fn spans_are_filters(
        members in proptest::collection::btree_map(member(), score(), 0..80),
        min in score(), max in score(), open: (bool, bool), large: bool,
        names in ("[ab1]{0,3}", "[ab1]{0,3}"),
    ) {
        let limits = Limits { entries_max: if large { 0 } else { 1000 }, value_max: 1000, seed: SEED };
        let all = sorted(&members);
        let set = ZSet::collect(&all, limits);
        let (low, high) = (ScoreBound { score: min, open: open.0 }, ScoreBound { score: max, open: open.1 });
        let range = Span::Scores(low, high).ranks(&set.view(), false);
        let above = |s: f64| if open.0 { s > min } else { s >= min };
        let below = |s: f64| if open.1 { s < max } else { s <= max };
        let want = all.iter().filter(|(s, _)| above(*s) && below(*s)).count();
        prop_assert_eq!(range.len(), want);
        prop_assert!(set.view().iter(range, true).all(|(_, s)| above(s) && below(s)));

        let level: Vec<_> = members.keys().map(|member| (0.0, member.clone())).collect();
        let set = ZSet::collect(&level, limits);
        let (first, last) = (names.0.as_bytes(), names.1.as_bytes());
        let span = Span::Names(
            NameBound::At { name: first, open: open.0 },
            NameBound::At { name: last, open: open.1 },
        );
        let within = |m: &[u8]| {
            (if open.0 { m > first } else { m >= first }) && (if open.1 { m < last } else { m <= last })
        };
        let got: Vec<_> = set.view().iter(span.ranks(&set.view(), false), false).map(|(m, _)| text(m)).collect();
        let want: Vec<_> = members.keys().filter(|m| within(m)).cloned().collect();
        prop_assert_eq!(got, want);
        let everything = Span::Names(NameBound::First, NameBound::Last);
        prop_assert_eq!(everything.ranks(&set.view(), false).len(), members.len());
        let nothing = Span::Names(NameBound::Last, NameBound::First);
        prop_assert!(nothing.ranks(&set.view(), false).is_empty());
    }
}

#[test]
fn a_listpack_has_the_bytes_of_redis() {
    let limits = Limits { entries_max: 10, value_max: 64, seed: SEED };
    let mut set = ZSet::default();
    for (member, score) in [("b", 1.5), ("7", 1.0), ("c", f64::INFINITY), ("a", -0.0)] {
        set.add(member.as_bytes(), score, When::default(), limits);
    }
    let ZSet::Packed(bytes) = set else { panic!("it is small") };
    let mut want = persist::listpack::new();
    for element in ["a", "0", "7", "1", "b", "1.5", "c", "inf"] {
        persist::listpack::push_back(&mut want, element.as_bytes());
    }
    assert_eq!(packed::to_listpack(&bytes), want);
}

#[test]
fn a_large_one_is_freed_in_slices() {
    let limits = Limits { entries_max: 0, value_max: 64, seed: SEED };
    let mut set = ZSet::default();
    for i in 0..5000 {
        set.add(format!("{i:030}").as_bytes(), f64::from(i), When::default(), limits);
    }
    let weight = set.weight();
    assert!((5000..6000).contains(&weight));
    let mut slices = 1;
    while !set.free_slice(100) {
        slices += 1;
    }
    assert!((45..70).contains(&slices), "{slices}");
}

/// Less than the 110 bytes that Redis takes for such a member, of which 48 are the skip list's.
#[test]
fn a_member_takes_few_bytes() {
    let limits = Limits { entries_max: 0, value_max: 64, seed: SEED };
    let mut set = ZSet::default();
    for i in 0..20_000u64 {
        let member = format!("m{:09}", i * 7_919 % 20_000);
        set.add(member.as_bytes(), (i * 104_729 % 20_011) as f64, When::default(), limits);
    }
    let per_member = set.memory(0) / set.len();
    assert!(per_member < 90, "{per_member} bytes a member");
    assert!(set.memory(100).abs_diff(set.memory(0)) < set.memory(0) / 5);
}
