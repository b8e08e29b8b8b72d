//! Hashes against a map: random changes, with names and values at the borders of their encodings, thresholds
//! small enough that every form is reached, and the invariants of the form looked at after each step.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

const SEED: u64 = 7;
const START_MS: i64 = 1_700_000_000_000;

type Model = BTreeMap<Vec<u8>, (Vec<u8>, Option<i64>)>;

#[derive(Clone, Debug)]
enum Step {
    Set(u8, Vec<u8>),
    Update(u8, Vec<u8>),
    Remove(u8),
    Expire(u8, i64),
    Persist(u8),
    Reap(usize),
    Wait(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let name = || 0..24u8;
    let value = || {
        prop_oneof![
            any::<i64>().prop_map(|n| n.to_string().into_bytes()),
            (-200..200i64).prop_map(|n| n.to_string().into_bytes()),
            proptest::collection::vec(any::<u8>(), 0..12),
            Just(vec![b'x'; 40]),
            Just(vec![b'x'; 70]),
        ]
    };
    prop_oneof![
        4 => (name(), value()).prop_map(|(n, v)| Step::Set(n, v)),
        2 => (name(), value()).prop_map(|(n, v)| Step::Update(n, v)),
        2 => name().prop_map(Step::Remove),
        4 => (name(), 0..60i64).prop_map(|(n, ms)| Step::Expire(n, ms)),
        1 => name().prop_map(Step::Persist),
        1 => (1..4usize).prop_map(Step::Reap),
        2 => (0..20i64).prop_map(Step::Wait),
    ]
}

/// Names of several encodings.
fn name_of(n: u8) -> Vec<u8> {
    match n % 4 {
        0 => n.to_string().into_bytes(),
        1 => format!("-{}", u64::from(n) << 33).into_bytes(),
        2 => format!("field {n}").into_bytes(),
        _ => [vec![n], vec![b'n'; usize::from(n)]].concat(),
    }
}

fn bytes(text: StrRef<'_>) -> Vec<u8> {
    spell(text, &mut itoa::Buffer::new()).to_vec()
}

struct Run {
    hash: Hash,
    model: Model,
    thresholds: Thresholds,
    now_ms: i64,
}

impl Run {
    fn was(&self, name: &[u8]) -> Was {
        match self.model.get(name) {
            None => Was::Absent,
            Some((_, at)) if is_expired(*at, self.now_ms) => Was::Due,
            Some(_) => Was::There,
        }
    }

    fn step(&mut self, step: Step) {
        let terms = Terms { thresholds: &self.thresholds, seed: SEED, now_ms: self.now_ms };
        match step {
            Step::Set(n, value) => {
                let name = name_of(n);
                self.hash.prepare(&terms, [&name[..], &value[..]].into_iter());
                assert_eq!(self.hash.set(&name, &value, &terms), self.was(&name));
                self.model.insert(name, (value, None));
            }
            Step::Update(n, value) => {
                let name = name_of(n);
                let was = self.was(&name);
                assert_eq!(self.hash.update(&name, &value, &terms), was);
                let before = self.model.get(&name).and_then(|(_, at)| *at);
                self.model.insert(name, (value, before.filter(|_| was == Was::There)));
            }
            Step::Remove(n) => {
                let name = name_of(n);
                assert_eq!(self.hash.remove(&name, self.now_ms), self.was(&name));
                self.model.remove(&name);
            }
            Step::Expire(n, ms) => self.expire(&name_of(n), Some(self.now_ms + ms)),
            Step::Persist(n) => self.expire(&name_of(n), None),
            Step::Reap(max) => self.reap(max),
            Step::Wait(ms) => self.now_ms += ms,
        }
    }

    fn expire(&mut self, name: &[u8], at: Option<i64>) {
        self.hash.set_expiry(name, at);
        if let Some((_, before)) = self.model.get_mut(name) {
            *before = at;
        }
    }

    /// Which of those that are due go first is open where they share a millisecond.
    fn reap(&mut self, max: usize) {
        let due = self.model.values().filter(|(_, at)| is_expired(*at, self.now_ms)).count();
        let reaped = self.hash.reap(self.now_ms, max);
        assert!(reaped >= due.min(max) && reaped <= due, "{reaped} of {due}, {max} asked for");
        let (hash, now_ms) = (&self.hash, self.now_ms);
        self.model.retain(|name, (_, at)| !is_expired(*at, now_ms) || hash.was(name, now_ms) != Was::Absent);
    }

    fn check(&self) {
        let view = self.hash.view();
        let mut found = Model::new();
        view.each(&mut |field| {
            let before = found.insert(bytes(field.name), (bytes(field.value), field.expire_at));
            assert!(before.is_none(), "each once");
        });
        assert_eq!(found, self.model);
        assert_eq!(view.len(), self.model.len());
        assert_eq!(self.hash.is_empty(), self.model.is_empty());
        assert_eq!(view.first_deadline(), self.model.values().filter_map(|(_, at)| *at).min());
        let due = self.model.values().filter(|(_, at)| is_expired(*at, self.now_ms)).count();
        assert_eq!(view.due(self.now_ms), due);
        for (name, (value, at)) in &self.model {
            let (got, got_at) = view.get(name).expect("it is there");
            assert_eq!((&bytes(got), got_at), (value, *at));
        }
        self.check_form();
    }

    fn check_form(&self) {
        match &self.hash {
            Hash::Fields(fields) => fields.check(),
            Hash::Pairs(v) | Hash::Timed(v) if v.is_empty() => {}
            Hash::Pairs(_) => {
                assert!(self.model.values().all(|(_, at)| at.is_none()));
            }
            Hash::Timed(v) => {
                let times: Vec<_> = pack::fields(v, Form::Triplets)
                    .map(|field| field.expire_at.unwrap_or(i64::MAX))
                    .collect();
                assert!(times.is_sorted(), "{times:?}");
            }
        }
        if let Ok((bytes, form)) = self.hash.view().packed() {
            assert!(pack::len(bytes, form) <= self.thresholds.hash_max_listpack_entries);
            let max = self.thresholds.hash_max_listpack_value;
            assert!(self.model.iter().all(|(name, (value, _))| name.len() <= max && value.len() <= max));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn it_is_a_map_with_deadlines(
        steps in proptest::collection::vec(step(), 1..120),
        entries in prop_oneof![Just(0), 3..12usize, Just(512)],
        value_max in prop_oneof![Just(50), Just(64), Just(4096)],
    ) {
        let thresholds = Thresholds {
            hash_max_listpack_entries: entries,
            hash_max_listpack_value: value_max,
            ..Thresholds::default()
        };
        let mut run = Run { hash: Hash::default(), model: Model::new(), thresholds, now_ms: START_MS };
        for step in steps {
            run.step(step);
            run.check();
        }
        let copy = run.hash.clone();
        run.hash.reap(i64::MAX, usize::MAX);
        run.model.retain(|_, (_, at)| at.is_none());
        run.check();
        while !run.hash.free_slice(3) {}
        drop(copy);
    }
}

fn large(fields: usize, ttl: impl Fn(usize) -> Option<i64>) -> Fields {
    let mut table = Fields::new(SEED);
    (0..fields).for_each(|i| table.insert(format!("f{i}").as_bytes(), b"v", ttl(i)));
    table
}

#[test]
fn equal_deadlines_are_reaped_in_slices() {
    let mut table = large(5000, |i| (i % 2 == 0).then_some(START_MS));
    assert_eq!(table.due(START_MS), 0, "a field lives through its last millisecond");
    let mut slices = 0;
    while table.due(START_MS + 1) > 0 {
        let reaped = table.reap(START_MS + 1, 100);
        assert!((1..200).contains(&reaped), "{reaped}");
        slices += 1;
    }
    assert!(slices >= 20);
    assert_eq!((table.len(), table.first_deadline()), (2500, None));
    table.check();
}

#[test]
fn a_large_one_is_freed_in_slices() {
    let mut table = large(3000, |i| Some(START_MS + i as i64));
    assert!(table.weight() > 3000 && table.memory(5) > 3000 * 30);
    let mut slices = 0;
    while !table.free_slice(50) {
        slices += 1;
    }
    assert!(slices > 50);
}

#[test]
fn the_next_live_field_is_found_from_anywhere() {
    let table = large(2000, |i| (i != 1234).then_some(START_MS));
    for i in 0..2000 {
        let name = format!("f{i}");
        let from = Field { name: StrRef::Bytes(name.as_bytes()), value: StrRef::Int(0), expire_at: None };
        let next = table.next_live(from, START_MS + 1).map(|field| bytes(field.name));
        assert_eq!(next.as_deref(), Some(&b"f1234"[..]), "from {i}");
    }
    assert!(
        large(9, |_| Some(1))
            .next_live(Field { name: StrRef::Bytes(b"f1"), value: StrRef::Int(0), expire_at: None }, START_MS)
            .is_none()
    );
}
