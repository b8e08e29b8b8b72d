//! Packs against a list of byte strings: the same edits to both, and after each the same elements, in the shortest
//! form; and a way to a listpack and back that loses nothing.

use super::*;
use crate::listpack::{self, Listpack};
use crate::packed::{size_class, trim};
use proptest::prelude::*;

type Model = Vec<Vec<u8>>;

fn text() -> impl Strategy<Value = Vec<u8>> {
    let sizes = vec![0usize, 1, 62, 63, 64, 126, 127, 128, 200, 4095, 4096];
    let edges =
        vec![0i64, 127, 128, 4095, 4096, -4096, -4097, 32_767, 8_388_608, 1 << 31, i64::MIN, i64::MAX];
    prop_oneof![
        4 => prop::sample::select(edges).prop_map(|n| n.to_string().into_bytes()),
        2 => any::<i64>().prop_map(|n| n.to_string().into_bytes()),
        8 => prop::collection::vec(any::<u8>(), 0..30),
        1 => (prop::sample::select(sizes), any::<u8>()).prop_map(|(size, byte)| vec![byte; size]),
        1 => prop::sample::select(vec!["", "-0", "007", "+5"]).prop_map(|text| text.as_bytes().to_vec()),
    ]
}

#[derive(Debug, Clone)]
enum Step {
    PushBack(Vec<u8>),
    PushFront(Vec<u8>),
    PushInt(i64),
    Before(usize, Vec<u8>),
    After(usize, Vec<u8>),
    Replace(usize, Vec<u8>),
    ReplaceInt(usize, i64),
    Remove(usize),
    RemoveRange(usize, usize),
    /// The same again and again.
    Many(Vec<u8>, usize),
    /// Keeps the elements whose bit is set.
    Retain(u64),
    Trim,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => text().prop_map(Step::PushBack),
        2 => text().prop_map(Step::PushFront),
        1 => any::<i64>().prop_map(Step::PushInt),
        2 => (0usize..40, text()).prop_map(|(i, t)| Step::Before(i, t)),
        2 => (0usize..40, text()).prop_map(|(i, t)| Step::After(i, t)),
        2 => (0usize..40, text()).prop_map(|(i, t)| Step::Replace(i, t)),
        1 => (0usize..40, any::<i64>()).prop_map(|(i, n)| Step::ReplaceInt(i, n)),
        2 => (0usize..40).prop_map(Step::Remove),
        1 => (0usize..40, 0usize..9).prop_map(|(i, n)| Step::RemoveRange(i, n)),
        2 => (text(), 1usize..12).prop_map(|(t, n)| Step::Many(t, n)),
        1 => any::<u64>().prop_map(|bits| Step::Retain(bits | bits >> 1)),
        1 => Just(Step::Trim),
    ]
}

fn bytes_of(n: i64) -> Vec<u8> {
    n.to_string().into_bytes()
}

fn apply(v: &mut Vec<u8>, model: &mut Model, step: Step) {
    let at = |v: &[u8], i: usize| Dense::new(v).seek(i).expect("it is there");
    let of = |i: usize, model: &Model| i % model.len();
    match step {
        Step::PushBack(text) => {
            push_back(v, &text);
            model.push(text);
        }
        Step::PushFront(text) => {
            push_front(v, &text);
            model.insert(0, text);
        }
        Step::PushInt(n) => {
            push_back_int(v, n);
            model.push(bytes_of(n));
        }
        Step::Many(text, n) => {
            (0..n).for_each(|_| push_back(v, &text));
            model.extend(std::iter::repeat_n(text, n));
        }
        Step::Retain(bits) => {
            let (mut i, mut j) = (0, 0);
            let keeps = |n: &mut u32| {
                *n += 1;
                bits >> ((*n - 1) % 64) & 1 == 1
            };
            let before = model.len();
            model.retain(|_| keeps(&mut i));
            assert_eq!(retain(v, |_| keeps(&mut j)), before - model.len());
        }
        Step::Trim => {
            trim(v);
            assert_eq!(v.capacity(), size_class(v.len()));
        }
        _ if model.is_empty() => {}
        Step::Before(i, text) => {
            let i = of(i, model);
            let at = insert_before(v, at(v, i), &text);
            assert!(Dense::new(v).get(at).eq_bytes(&text));
            model.insert(i, text);
        }
        Step::After(i, text) => {
            let i = of(i, model);
            let at = insert_after(v, at(v, i), &text);
            assert!(Dense::new(v).get(at).eq_bytes(&text));
            model.insert(i + 1, text);
        }
        Step::Replace(i, text) => {
            let i = of(i, model);
            replace(v, at(v, i), &text);
            model[i] = text;
        }
        Step::ReplaceInt(i, n) => {
            let i = of(i, model);
            replace_int(v, at(v, i), n);
            model[i] = bytes_of(n);
        }
        Step::Remove(i) => {
            let i = of(i, model);
            remove(v, at(v, i));
            model.remove(i);
        }
        Step::RemoveRange(i, n) => {
            let i = of(i, model);
            remove_range(v, at(v, i), n);
            model.drain(i..model.len().min(i + n));
        }
    }
}

fn assert_same(v: &[u8], model: &Model) {
    let pack = Dense::new(v);
    assert_eq!(pack.iter().map(|element| element.to_vec()).collect::<Model>(), *model);
    assert_eq!((pack.len(), pack.is_empty()), (model.len(), model.is_empty()));
    assert_eq!(len::<Elements>(v), model.len());
    assert_eq!(v.len() - body(v).len(), if body(v).len() > UNCOUNTED_MAX { HEADER } else { 0 });
    assert!(!is_longer::<Elements>(v, model.len()));
    assert!(model.is_empty() || is_longer::<Elements>(v, model.len() - 1));
    assert_eq!(pack.last().map(|at| pack.get(at).to_vec()), model.last().cloned());
    let mut next = pack.first();
    for (i, text) in model.iter().enumerate() {
        let at = next.expect("as many");
        assert_eq!(pack.seek(i), Some(at));
        assert!(
            matches!(pack.get(at), Element::Int(_)) == (pack.get(at).to_int().is_some()),
            "the shortest form"
        );
        assert_eq!(pack.iter_from(at).count(), model.len() - i);
        let first = model.iter().position(|other| other == text).and_then(|i| pack.seek(i));
        assert_eq!(pack.find(text, 0), first);
        let even = model.iter().step_by(2).position(|other| other == text);
        assert_eq!(pack.find(text, 1), even.and_then(|i| pack.seek(2 * i)));
        next = pack.next(at);
    }
    assert_eq!((next, pack.seek(model.len()), pack.find(b"not there", 0)), (None, None, None));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn agrees_with_a_list(steps in prop::collection::vec(step(), 1..80)) {
        let (mut v, mut model) = (Vec::new(), Model::new());
        for step in steps {
            apply(&mut v, &mut model, step);
            assert_same(&v, &model);
        }
        let list = to_listpack(Dense::new(&v));
        prop_assert_eq!(listpack::check(&list, true), Ok(()));
        prop_assert_eq!(Listpack::new(&list).iter().map(|e| e.to_vec()).collect::<Model>(), model);
        let back = from_listpack(&list);
        prop_assert_eq!((back.capacity(), &back), (size_class(back.len()), &v));
    }

    #[test]
    fn a_listpack_is_that_of_the_editors(model in prop::collection::vec(text(), 0..40)) {
        let (mut v, mut list) = (Vec::new(), listpack::new());
        for text in &model {
            push_back(&mut v, text);
            listpack::push_back(&mut list, text);
        }
        prop_assert_eq!(to_listpack(Dense::new(&v)), list);
    }
}

#[test]
fn the_count_comes_and_goes_at_the_border() {
    let (mut v, mut model) = (Vec::new(), Model::new());
    for n in 0..256 {
        push_back_int(&mut v, n % 128);
        model.push(bytes_of(n % 128));
    }
    assert_eq!(v.len(), 256);
    assert_same(&v, &model);
    push_front(&mut v, b"x");
    model.insert(0, b"x".to_vec());
    assert_eq!(v.len(), 262);
    assert_same(&v, &model);
    let first = Dense::new(&v).first().expect("an element");
    replace(&mut v, first, b"1");
    model[0] = b"1".to_vec();
    assert_eq!(v.len(), 261);
    assert_same(&v, &model);
    remove(&mut v, first);
    model.remove(0);
    assert_eq!(v.len(), 256);
    assert_same(&v, &model);
}

#[test]
fn ten_small_fields_take_140_bytes() {
    let mut v = Vec::new();
    for n in 0..10 {
        push_back(&mut v, format!("field{n}").as_bytes());
        push_back(&mut v, format!("value{n}").as_bytes());
    }
    assert_eq!((v.len(), to_listpack(Dense::new(&v)).len()), (140, 167));
}

#[test]
fn foreign_forms_become_the_shortest() {
    // 5 in 16 bits, "7" as a text.
    let list = [12, 0, 0, 0, 2, 0, 0xF1, 5, 0, 3, 0x81, b'7', 2, 0xFF];
    let mut list = list.to_vec();
    list[0] = list.len() as u8;
    assert_eq!(listpack::check(&list, true), Ok(()));
    assert_eq!(from_listpack(&list), [5, 7]);
}
