//! Listpacks against a list of byte strings: the same edits to both, and after each the same elements from both
//! ends; the bytes themselves against ones that Redis wrote; and checks against bytes that lie.

use super::*;
use crate::packed::size_class;
use proptest::prelude::*;

type Model = Vec<Vec<u8>>;

/// The bounds of every encoding, and their neighbours.
fn edges() -> Vec<i64> {
    let bounds = [0i64, 127, 4095, -4096, 32_767, -32_768, 8_388_607, -8_388_608, 1 << 31, -(1 << 31)];
    let near = bounds.iter().flat_map(|b| [b - 1, *b, b + 1]);
    near.chain([i64::MAX, i64::MIN, i64::MAX - 1, i64::MIN + 1]).collect()
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    let sizes = vec![0usize, 1, 61, 62, 63, 64, 65, 124, 125, 126, 127, 4095, 4096, 16_376, 16_377, 16_378];
    prop_oneof![
        4 => prop::sample::select(edges()).prop_map(|n| n.to_string().into_bytes()),
        2 => any::<i64>().prop_map(|n| n.to_string().into_bytes()),
        4 => prop::collection::vec(any::<u8>(), 0..12),
        2 => (prop::sample::select(sizes), any::<u8>()).prop_map(|(size, byte)| vec![byte; size]),
        2 => prop::sample::select(vec!["", "-", "-0", "007", "+5", " 5", "9223372036854775808", "x"])
            .prop_map(|text| text.as_bytes().to_vec()),
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
    Append(Model),
    Split(usize),
    /// Keeps the elements whose bit is set.
    Retain(u64),
    Trim,
}

fn step() -> impl Strategy<Value = Step> {
    let int = || prop::sample::select(edges());
    prop_oneof![
        text().prop_map(Step::PushBack),
        text().prop_map(Step::PushFront),
        int().prop_map(Step::PushInt),
        (0usize..20, text()).prop_map(|(i, t)| Step::Before(i, t)),
        (0usize..20, text()).prop_map(|(i, t)| Step::After(i, t)),
        (0usize..20, text()).prop_map(|(i, t)| Step::Replace(i, t)),
        (0usize..20, int()).prop_map(|(i, n)| Step::ReplaceInt(i, n)),
        (0usize..20).prop_map(Step::Remove),
        (0usize..20, 0usize..5).prop_map(|(i, n)| Step::RemoveRange(i, n)),
        prop::collection::vec(text(), 0..4).prop_map(Step::Append),
        (0usize..20).prop_map(Step::Split),
        any::<u64>().prop_map(Step::Retain),
        Just(Step::Trim),
    ]
}

fn of<T: AsRef<[u8]>>(texts: &[T]) -> Vec<u8> {
    let mut v = new();
    texts.iter().for_each(|text| push_back(&mut v, text.as_ref()));
    v
}

fn texts(v: &[u8]) -> Model {
    Listpack::new(v).iter().map(|element| element.to_vec()).collect()
}

fn spelled(n: i64) -> Vec<u8> {
    n.to_string().into_bytes()
}

/// Does one step to both. The element that an editor points at is the one it should be.
fn apply(v: &mut Vec<u8>, model: &mut Model, step: Step) {
    let place = |v: &[u8], index: usize| Listpack::new(v).seek(index as i64);
    let index_of =
        |v: &[u8], at: At| std::iter::successors(Some(at), |at| Listpack::new(v).prev(*at)).count() - 1;
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
            model.push(spelled(n));
        }
        Step::Append(more) => {
            append(v, Listpack::new(&of(&more)));
            model.extend(more);
        }
        Step::Split(i) => {
            let Some(at) = place(v, i) else { return };
            let tail = split_off(v, at);
            assert_same(&tail, &model.split_off(i));
        }
        Step::Retain(bits) => {
            let keep = |i: u32| bits.rotate_right(i) & 1 != 0;
            let (before, mut i, mut j) = (model.len(), 0..u32::MAX, 0..u32::MAX);
            let removed = retain(v, |_| keep(i.next().unwrap()));
            model.retain(|_| keep(j.next().unwrap()));
            assert_eq!(removed, before - model.len());
        }
        Step::Trim => {
            trim(v);
            assert!(v.capacity() <= size_class(v.len()));
        }
        Step::RemoveRange(i, count) => {
            let Some(at) = place(v, i) else { return };
            let next = remove_range(v, at, count);
            model.drain(i..model.len().min(i + count));
            assert_eq!(next, place(v, i));
        }
        Step::Remove(i) => {
            let Some(at) = place(v, i) else { return };
            let next = remove(v, at);
            model.remove(i);
            assert_eq!(next, place(v, i));
        }
        Step::Before(i, text) => {
            let Some(at) = place(v, i) else { return };
            let new = insert_before(v, at, &text);
            model.insert(i, text);
            assert_eq!(index_of(v, new), i);
        }
        Step::After(i, text) => {
            let Some(at) = place(v, i) else { return };
            let new = insert_after(v, at, &text);
            model.insert(i + 1, text);
            assert_eq!(index_of(v, new), i + 1);
        }
        Step::Replace(i, text) => {
            let Some(at) = place(v, i) else { return };
            assert_eq!(replace(v, at, &text), at);
            model[i] = text;
        }
        Step::ReplaceInt(i, n) => {
            let Some(at) = place(v, i) else { return };
            assert_eq!(replace_int(v, at, n), at);
            model[i] = spelled(n);
        }
    }
}

/// All that readers say of `v` is true of the model.
fn assert_same(v: &[u8], model: &Model) {
    assert_eq!(check(v, true), Ok(()));
    let lp = Listpack::new(v);
    assert_eq!(&texts(v), model);
    assert_eq!(lp.len(), model.len());
    assert_eq!(lp.is_empty(), model.is_empty());
    let backwards: Model = lp.iter().rev().map(|e| e.to_vec()).collect();
    assert!(backwards.iter().eq(model.iter().rev()));
    let sizes: usize = model.iter().map(|text| element_size(text)).sum();
    assert_eq!(v.len(), EMPTY_BYTES + sizes, "every element has its one form");
    let (mut front, mut back) = (lp.first(), lp.last());
    for (i, text) in model.iter().enumerate() {
        let at = front.expect("an element from the front");
        let element = lp.get(at);
        assert_eq!((element.len(), element.is_empty()), (text.len(), text.is_empty()));
        assert!(element.eq_bytes(text) && !element.eq_bytes(b"something else"));
        assert_eq!(element.to_int(), number::parse_i64(text));
        assert_eq!(matches!(element, Element::Int(_)), element.to_int().is_some());
        assert_eq!(lp.size_at(at), element_size(text));
        assert_eq!(lp.seek(i as i64), front);
        assert_eq!(lp.seek(i as i64 - model.len() as i64), front);
        let mirrored = lp.get(back.expect("an element from the back"));
        assert!(mirrored.eq_bytes(&model[model.len() - 1 - i]));
        (front, back) = (lp.next(at), back.and_then(|at| lp.prev(at)));
    }
    assert_eq!((front, back), (None, None));
    assert_eq!(lp.seek(model.len() as i64), None);
    assert_eq!(lp.seek(-1 - model.len() as i64), None);
    assert_eq!((lp.seek(i64::MAX), lp.seek(i64::MIN)), (None, None));
}

#[test]
fn the_bytes_are_those_of_redis() {
    assert_eq!(new(), [7, 0, 0, 0, 0, 0, 0xFF]);
    let element = |text: &str| {
        let v = of(&[text]);
        v[HEADER..v.len() - 1].to_vec()
    };
    for (text, bytes) in [
        ("0", &[0, 1][..]),
        ("127", &[0x7F, 1]),
        ("128", &[0xC0, 0x80, 2]),
        ("4095", &[0xCF, 0xFF, 2]),
        ("-1", &[0xDF, 0xFF, 2]),
        ("-4096", &[0xD0, 0, 2]),
        ("4096", &[0xF1, 0, 0x10, 3]),
        ("-32768", &[0xF1, 0, 0x80, 3]),
        ("32768", &[0xF2, 0, 0x80, 0, 4]),
        ("-8388608", &[0xF2, 0, 0, 0x80, 4]),
        ("8388608", &[0xF3, 0, 0, 0x80, 0, 5]),
        ("-2147483648", &[0xF3, 0, 0, 0, 0x80, 5]),
        ("2147483648", &[0xF4, 0, 0, 0, 0x80, 0, 0, 0, 0, 9]),
        ("-9223372036854775808", &[0xF4, 0, 0, 0, 0, 0, 0, 0, 0x80, 9]),
        ("", &[0x80, 1]),
        ("ab", &[0x82, b'a', b'b', 3]),
        ("007", &[0x83, b'0', b'0', b'7', 4]),
    ] {
        assert_eq!(element(text), bytes, "{text}");
    }
    let strings = [
        (63, vec![0xBF], vec![64]),
        (64, vec![0xE0, 64], vec![66]),
        (125, vec![0xE0, 125], vec![127]),
        (126, vec![0xE0, 126], vec![1, 0x80]),
        (4095, vec![0xEF, 0xFF], vec![0x20, 0x81]),
        (4096, vec![0xF0, 0, 0x10, 0, 0], vec![0x20, 0x85]),
        (16_377, vec![0xF0, 0xF9, 0x3F, 0, 0], vec![0x7F, 0xFE]),
        (16_378, vec![0xF0, 0xFA, 0x3F, 0, 0], vec![0, 0xFF, 0xFF]),
        (2_097_146, vec![0xF0, 0xFA, 0xFF, 0x1F, 0], vec![0, 0xFF, 0xFF, 0xFF]),
    ];
    for (size, head, back) in strings {
        let bytes = element(&"x".repeat(size));
        assert!(bytes.starts_with(&head) && bytes.ends_with(&back), "{size}: {:?}", &bytes[..6]);
        assert_eq!(bytes.len(), head.len() + size + back.len());
    }
}

#[test]
fn beyond_65534_elements_the_count_is_walked() {
    let mut v = new();
    for i in 0..65_534 {
        push_back_int(&mut v, i % 100);
    }
    assert_eq!((v[4], v[5]), (0xFE, 0xFF));
    for len in 65_535..65_540 {
        push_back(&mut v, b"one more");
        assert_eq!((v[4], v[5]), (0xFF, 0xFF));
        assert_eq!(Listpack::new(&v).len(), len);
    }
    let lp = Listpack::new(&v);
    assert_eq!(lp.get(lp.seek(65_538).unwrap()), Element::Bytes(b"one more"));
    assert_eq!(lp.seek(-65_539), lp.first());
    assert_eq!((lp.seek(65_539), lp.seek(-65_540)), (None, None));
    let at = lp.seek(100).unwrap();
    assert_eq!(remove_range(&mut v, at, 100_000), None);
    assert_eq!(Listpack::new(&v).len(), 100, "an unknown count stays so");
    assert_eq!(check(&v, true), Ok(()));
    let mut joined = new();
    append(&mut joined, Listpack::new(&v));
    assert_eq!((joined[4], joined[5]), (100, 0), "but what is joined is counted");
}

#[test]
fn an_edit_of_equal_size_moves_nothing() {
    let mut v = of(&["a", "bb", "c"]);
    let (before, block) = (v.clone(), v.as_ptr());
    let at = Listpack::new(&v).seek(1).unwrap();
    replace(&mut v, at, b"xy");
    assert_eq!(v, of(&["a", "xy", "c"]));
    assert_eq!((v.len(), v.as_ptr()), (before.len(), block));
}

#[test]
fn faults_are_found() {
    let fault = |bytes: &[u8]| check(bytes, true).map_err(|e| (e.at, e.why));
    let framed = |count: u8, body: &[u8]| {
        let mut v = vec![(EMPTY_BYTES + body.len()) as u8, 0, 0, 0, count, 0];
        v.extend_from_slice(body);
        v.push(END);
        v
    };
    assert_eq!(fault(&[7, 0, 0, 0, 0, 0]), Err((6, "a listpack shorter than its header")));
    assert_eq!(fault(&[8, 0, 0, 0, 0, 0, 255]).unwrap_err().0, 0);
    assert_eq!(fault(&[7, 0, 0, 0, 0, 0, 254]), Err((6, "a listpack without its end mark")));
    assert_eq!(fault(&framed(2, &[1, 1])).unwrap_err().0, 4);
    assert_eq!(fault(&framed(1, &[255, 1])), Err((6, "an element of no known encoding")));
    assert_eq!(fault(&framed(1, &[0xF0, 1, 0])), Err((6, "an element cut short in its length")));
    assert_eq!(fault(&framed(1, &[0xE0])), Err((6, "an element cut short in its length")));
    let beyond = Err((8, "an element that reaches beyond the end"));
    assert_eq!(fault(&framed(2, &[1, 1, 0x83, b'a', b'b'])), beyond);
    assert_eq!(fault(&framed(2, &[1, 1, 0x82, b'a', b'b'])), beyond);
    assert_eq!(fault(&framed(2, &[1, 1, 0xF0, 255, 255, 255, 255])), beyond);
    assert_eq!(fault(&framed(1, &[1, 2])), Err((6, "an element whose length backwards is another")));
    assert_eq!(fault(&framed(1, &[0x81, b'5', 2])), Ok(()), "an integer as a string is readable");
    assert_eq!(check(&framed(9, &[1, 2]), false), Ok(()), "a shallow check looks at the frame only");
}

#[test]
fn foreign_forms_of_an_element_are_found() {
    let mut v = vec![10, 0, 0, 0, 1, 0, 0x81, b'5', 2, END];
    let lp = Listpack::new(&v);
    assert!(lp.find(At::new(HEADER), b"5", 0).is_some());
    assert_eq!(lp.get(At::new(HEADER)).to_int(), Some(5));
    replace(&mut v, At::new(HEADER), b"5");
    assert_eq!(v, of(&["5"]));
}

#[test]
fn room_is_bounded() {
    assert!(safe_to_add(EMPTY_BYTES, BYTES_MAX - EMPTY_BYTES));
    assert!(!safe_to_add(EMPTY_BYTES, BYTES_MAX) && !safe_to_add(7, usize::MAX));
    assert_eq!((element_size(b"-4096"), element_size(b"four")), (3, 6));
    assert_eq!(with_capacity(200).capacity(), 224);
}

proptest! {
    #[test]
    fn agrees_with_a_list(steps in prop::collection::vec(step(), 0..40)) {
        let (mut v, mut model) = (new(), Model::new());
        for step in steps {
            apply(&mut v, &mut model, step);
            assert_same(&v, &model);
            prop_assert_eq!(v.capacity(), size_class(v.capacity()), "blocks are of a size class");
        }
    }

    #[test]
    fn finds_what_a_list_finds(
        few in prop::collection::vec(prop::sample::select(vec!["1", "01", "-1", "a", "", "4096"]), 1..30),
        needle in prop::sample::select(vec!["1", "01", "-1", "a", "", "4096", "b"]),
        from in any::<prop::sample::Index>(),
        skip in 0usize..4,
    ) {
        let v = of(&few);
        let (lp, from) = (Listpack::new(&v), from.index(few.len()));
        let want = (from..few.len()).step_by(skip + 1).find(|&i| few[i] == needle);
        let found = lp.find(lp.seek(from as i64).unwrap(), needle.as_bytes(), skip);
        prop_assert_eq!(found, want.and_then(|i| lp.seek(i as i64)));
        let rest: Model = lp.iter_from(lp.seek(from as i64).unwrap()).map(|e| e.to_vec()).collect();
        prop_assert!(rest.iter().map(Vec::as_slice).eq(few[from..].iter().map(|t| t.as_bytes())));
    }

    #[test]
    fn what_a_check_passes_can_be_walked(
        start in prop::collection::vec(text().prop_filter("short", |t| t.len() < 200), 0..12),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        count_unknown: bool,
    ) {
        let mut v = of(&start);
        for (index, byte) in flips {
            let at = index.index(v.len());
            v[at] = byte;
        }
        if count_unknown {
            v[4..6].copy_from_slice(&[255, 255]);
        }
        if check(&v, true).is_ok() {
            let forwards = texts(&v);
            let lp = Listpack::new(&v);
            let backwards: Model = lp.iter().rev().map(|e| e.to_vec()).collect();
            prop_assert!(forwards.iter().eq(backwards.iter().rev()));
            prop_assert_eq!(lp.len(), forwards.len());
            if let Some(at) = lp.seek(forwards.len() as i64 / 2) {
                prop_assert!(lp.find(lp.seek(0).unwrap(), &lp.get(at).to_vec(), 0).is_some());
                let mut edited = v.clone();
                replace(&mut edited, at, b"another");
                remove(&mut edited, at);
                prop_assert_eq!(check(&edited, true), Ok(()));
            }
        }
    }

    #[test]
    fn no_bytes_make_a_check_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let mut framed = bytes.clone();
        framed.splice(0..0, [(bytes.len() + 7) as u8, 0, 0, 0, 255, 255]);
        framed.push(END);
        for bytes in [bytes, framed] {
            if check(&bytes, true).is_ok() {
                prop_assert_eq!(texts(&bytes).len(), Listpack::new(&bytes).len());
            }
        }
    }
}
