//! Sets against a model that cannot be wrong, with thresholds so small that every form is crossed.

use super::{Member, Rules, Set};
use crate::Thresholds;
use crate::db::Encoding;
use crate::random::Random;
use crate::value::{Collection, Object};
use proptest::prelude::*;
use std::collections::BTreeSet;

type Model = BTreeSet<Vec<u8>>;

#[derive(Clone, Debug)]
enum Step {
    Add(Vec<u8>),
    Remove(Vec<u8>),
    Expect(Vec<u8>, usize),
    Pop,
    PopMany(usize),
    PreferIntset,
    /// Through the table and back.
    Pack,
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => (-20i64..40).prop_map(|n| n.to_string().into_bytes()),
        1 => any::<i64>().prop_map(|n| n.to_string().into_bytes()),
        3 => "[a-c]{0,2}".prop_map(String::into_bytes),
        1 => "0[0-9]".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..12),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => text().prop_map(Step::Add),
        4 => text().prop_map(Step::Remove),
        1 => (text(), 1usize..12).prop_map(|(first, count)| Step::Expect(first, count)),
        1 => Just(Step::Pop),
        1 => (0usize..12).prop_map(Step::PopMany),
        1 => Just(Step::PreferIntset),
        2 => Just(Step::Pack),
    ]
}

fn members(set: &Set) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    set.view().each(&mut |member| all.push(member.to_vec()));
    all
}

/// What holds after every step, if the set is not empty.
fn check(set: &Set, model: &Model, thresholds: &Thresholds) {
    assert_eq!((set.len(), set.is_empty()), (model.len(), model.is_empty()));
    let all = members(set);
    assert_eq!(all.len(), model.len(), "each once");
    assert_eq!(all.iter().cloned().collect::<Model>(), *model);
    let is_int = |text: &Vec<u8>| Member::Bytes(text).to_int().is_some();
    match set.encoding() {
        Encoding::Intset => {
            assert!(model.iter().all(is_int) && model.len() <= thresholds.set_max_intset_entries);
        }
        Encoding::Listpack => {
            assert!(model.len() <= thresholds.set_max_listpack_entries);
            assert!(model.iter().all(|text| text.len() <= thresholds.set_max_listpack_value));
        }
        other => assert_eq!(other, Encoding::Hashtable),
    }
    if let Set::Intset(bytes) = set {
        persist::intset::check(bytes, true).unwrap();
    }
    let mut scanned = Model::new();
    let mut cursor = 0;
    loop {
        cursor = set.view().scan(cursor, &mut |member| {
            scanned.insert(member.to_vec());
        });
        if cursor == 0 {
            break;
        }
    }
    assert_eq!(scanned, *model, "a scan sees all");
}

/// As the table takes it in and hands it out again.
fn through_the_table(mut set: Set) -> Set {
    match set.take_packed() {
        Some((bytes, flag)) => Set::from_packed(bytes, flag),
        None => match set.into_object() {
            Object::Set(set) => set,
            other => panic!("{other:?} is no set"),
        },
    }
}

fn apply(set: &mut Set, model: &mut Model, step: Step, rules: &Rules, random: &mut Random) {
    match step {
        Step::Add(text) => {
            let member = Member::Bytes(&text);
            set.expect(member, 1, rules);
            assert_eq!(set.add(member, rules), model.insert(text));
        }
        Step::Expect(first, count) => set.expect(Member::Bytes(&first), count, rules),
        _ if model.is_empty() => {}
        Step::Remove(text) => {
            assert_eq!(set.view().contains(Member::Bytes(&text)), model.contains(&text));
            assert_eq!(set.remove(Member::Bytes(&text)), model.remove(&text));
        }
        Step::Pop => set.pop(random, |member| assert!(model.remove(&member.to_vec()))),
        Step::PopMany(count) => {
            let before = model.len();
            set.pop_many(count, rules, random, &mut |member| assert!(model.remove(&member.to_vec())));
            assert_eq!(model.len(), before.saturating_sub(count));
        }
        Step::PreferIntset => {
            if model.iter().all(|text| Member::Bytes(text).to_int().is_some()) {
                set.prefer_intset(rules);
            }
        }
        Step::Pack => *set = through_the_table(std::mem::take(set)),
    }
}

proptest! {
    #[test]
    fn agrees_with_a_set(
        steps in prop::collection::vec(step(), 0..60),
        intset in 0usize..8,
        listpack in 0usize..8,
        value in 2usize..8,
        seed: u64,
    ) {
        let thresholds = Thresholds {
            set_max_intset_entries: intset,
            set_max_listpack_entries: listpack,
            set_max_listpack_value: value,
            ..Thresholds::default()
        };
        let rules = Rules::new(&thresholds, seed);
        let mut random = Random::new(seed);
        let (mut set, mut model) = (Set::default(), Model::new());
        for step in steps {
            apply(&mut set, &mut model, step, &rules, &mut random);
            if model.is_empty() {
                prop_assert!(set.is_empty());
                set = Set::default(); // as the key would be gone
            } else {
                check(&set, &model, &thresholds);
            }
        }
    }
}
