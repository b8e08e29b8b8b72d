//! Lists against a deque of texts, under several settings, with the invariants asserted after every step: counts
//! and sums, no node over its limit, ends raw and the rest compressed or known not to be worth it, and the
//! encoding that the rules ask for.

use super::*;
use proptest::prelude::*;
use std::collections::VecDeque;

type Model = VecDeque<Vec<u8>>;

/// Words that repeat, so that searches find and nodes compress; numbers; a few that are large for some settings.
fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => prop::sample::select(vec!["a", "b", "17", "-1", "", "017", "the same words again and again"])
            .prop_map(|text| text.as_bytes().to_vec()),
        3 => (0u32..100_000).prop_map(|n| n.to_string().into_bytes()),
        2 => prop::collection::vec(any::<u8>(), 0..80),
        2 => (0usize..1500, 0u8..3).prop_map(|(len, byte)| vec![byte; len]),
        1 => (3000usize..5000, 0u8..3).prop_map(|(len, byte)| vec![byte; len]),
    ]
}

#[derive(Debug, Clone)]
enum Step {
    Push(bool, Vec<Vec<u8>>),
    Pop(bool, usize),
    Set(prop::sample::Index, Vec<u8>),
    Insert(prop::sample::Index, bool, Vec<u8>),
    InsertMissing(Vec<u8>),
    Remove(prop::sample::Index, bool, usize),
    Cut(prop::sample::Index, usize),
    Trim(prop::sample::Index, prop::sample::Index),
    Settle,
}

fn step() -> impl Strategy<Value = Step> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        6 => (any::<bool>(), prop::collection::vec(text(), 1..40)).prop_map(|(a, b)| Step::Push(a, b)),
        2 => (any::<bool>(), 1usize..30).prop_map(|(a, b)| Step::Pop(a, b)),
        4 => (at(), text()).prop_map(|(a, b)| Step::Set(a, b)),
        6 => (at(), any::<bool>(), text()).prop_map(|(a, b, c)| Step::Insert(a, b, c)),
        1 => text().prop_map(Step::InsertMissing),
        2 => (at(), any::<bool>(), 0usize..5).prop_map(|(a, b, c)| Step::Remove(a, b, c)),
        2 => (at(), 0usize..40).prop_map(|(a, b)| Step::Cut(a, b)),
        1 => (at(), at()).prop_map(|(a, b)| Step::Trim(a, b)),
        1 => Just(Step::Settle),
    ]
}

fn end(right: bool) -> End {
    if right { End::Right } else { End::Left }
}

/// The elements of a view from an index on.
fn collect(view: ListView<'_>, from: usize, direction: Direction) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    view.walk(from, direction, |element| {
        all.push(element.to_vec());
        true
    });
    all
}

/// Does to both what a command does.
fn apply(list: &mut List, model: &mut Model, limits: &Limits, step: &Step) {
    match step {
        Step::Push(right, texts) => {
            list.grow_for(limits, texts.len(), texts.iter().map(Vec::len).sum());
            for text in texts {
                list.push(end(*right), text, limits);
                if *right { model.push_back(text.clone()) } else { model.push_front(text.clone()) }
            }
        }
        Step::Pop(right, count) => {
            for _ in 0..*count {
                let popped = list.pop(end(*right), |element| element.to_vec());
                assert_eq!(popped, if *right { model.pop_back() } else { model.pop_front() });
            }
            list.shrink(limits);
        }
        Step::Settle => list.settle(limits),
        Step::InsertMissing(text) => {
            list.grow_for(limits, 1, text.len());
            assert!(!list.insert(&Needle::new(b"not an element"), End::Left, text, limits));
        }
        _ if model.is_empty() => assert!(!list.set(0, b"x", limits)),
        Step::Set(at, text) => {
            let index = at.index(model.len());
            list.grow_for(limits, 1, text.len());
            assert!(list.set(index, text, limits));
            model[index] = text.clone();
            list.shrink(limits);
        }
        Step::Insert(at, right, text) => {
            let pivot = model[at.index(model.len())].clone();
            list.grow_for(limits, 1, text.len());
            assert!(list.insert(&Needle::new(&pivot), end(*right), text, limits));
            let first = model.iter().position(|text| *text == pivot).unwrap();
            model.insert(first + usize::from(*right), text.clone());
        }
        Step::Remove(at, backward, max) => {
            let needle = model[at.index(model.len())].clone();
            let mut found: Vec<_> = (0..model.len()).filter(|&i| model[i] == needle).collect();
            if *backward {
                found.reverse();
            }
            found.truncate(if *max == 0 { usize::MAX } else { *max });
            let direction = if *backward { Direction::Backward } else { Direction::Forward };
            assert_eq!(list.remove(&Needle::new(&needle), direction, *max), found.len());
            found.sort_unstable_by(|a, b| b.cmp(a));
            found.iter().for_each(|&i| _ = model.remove(i));
            list.shrink(limits);
        }
        Step::Cut(at, count) => {
            let index = at.index(model.len());
            let _ = list.remove_range(index, *count);
            model.drain(index..model.len().min(index + count));
            list.shrink(limits);
        }
        Step::Trim(a, b) => {
            let (a, b) = (a.index(model.len()), b.index(model.len()));
            let (first, last) = (a.min(b), a.max(b));
            let removed = [list.remove_range(last + 1, usize::MAX), list.remove_range(0, first)];
            model.truncate(last + 1);
            model.drain(..first);
            assert!(removed.iter().all(|part| !matches!(part, List::Packed(_))));
            list.shrink(limits);
        }
    }
}

fn assert_short(bytes: &[u8], limits: &Limits) {
    let list = persist::dense::to_listpack(persist::dense::Dense::new(bytes));
    assert_packed(&list, limits);
    assert_eq!(persist::dense::from_listpack(&list), bytes);
    let count = Listpack::new(&list).len();
    assert!(count <= SHORT_COUNT_MAX && bytes.len() <= SHORT_BYTES_MAX + BESIDES_MAX * count);
}

fn assert_packed(bytes: &[u8], limits: &Limits) {
    assert_eq!(lp::check(bytes, true), Ok(()));
    let lp = Listpack::new(bytes);
    assert!(!is_exceeded(limits, bytes.len(), lp.len()), "{} bytes", bytes.len());
}

/// What an element takes beside its text, bytes.
const BESIDES_MAX: usize = 11;

/// A list grows into nodes by the bytes of its texts, as in Redis: what elements take besides is on top, and may
/// come to a node with the listpack that the list was.
fn is_exceeded(limits: &Limits, size: usize, count: usize) -> bool {
    limits.fill.is_exceeded(size.saturating_sub(BESIDES_MAX * count), count)
}

fn assert_quick(quick: &Quicklist, limits: &Limits) {
    let (nodes, depth) = (quick.nodes(), limits.compress_depth as usize);
    let mut sum = 0;
    for (rank, node) in quick.spine.iter().enumerate() {
        let mut raw = node.clone();
        raw.decompress();
        assert!(node.count() > 0);
        sum += node.count();
        if node.is_plain() {
            assert_eq!(node.count(), 1);
        } else {
            let (size, count) = (node.size(), node.count());
            assert!(count == 1 || !is_exceeded(limits, size, count), "{count} elements, {size} bytes");
            let bytes = raw.into_listpack();
            assert_eq!(bytes.len(), size);
            assert_eq!(lp::check(&bytes, true), Ok(()));
            assert_eq!(Listpack::new(&bytes).len(), count);
        }
        let is_inner = rank >= depth && rank + depth < nodes;
        if depth == 0 || !is_inner {
            assert!(!node.is_compressed(), "node {rank} of {nodes}");
        } else {
            assert!(node.is_settled(), "node {rank} of {nodes}");
        }
    }
    assert_eq!(sum, quick.len());
}

fn assert_same(list: &List, model: &Model, limits: &Limits, from: prop::sample::Index) {
    match list {
        List::Short(bytes) => assert_short(bytes, limits),
        List::Packed(bytes) => assert_packed(bytes, limits),
        List::Quick(quick) => assert_quick(quick, limits),
    }
    let view = list.view();
    assert_eq!(
        (view.len(), view.is_empty(), list.is_empty()),
        (model.len(), model.is_empty(), model.is_empty())
    );
    if model.is_empty() {
        return;
    }
    let from = from.index(model.len());
    let forward: Vec<_> = model.range(from..).cloned().collect();
    let backward: Vec<_> = model.range(..=from).rev().cloned().collect();
    assert_eq!(collect(view, from, Direction::Forward), forward);
    assert_eq!(collect(view, from, Direction::Backward), backward);
    assert_eq!(collect(view, model.len(), Direction::Forward).len(), 0);
}

fn limits() -> impl Strategy<Value = Limits> {
    let fills = prop::sample::select(vec![-1i64, -1, -2, 0, 1, 2, 5, 128]);
    let depths = prop::sample::select(vec![0u32, 0, 1, 2, 7]);
    let thresholds = prop::sample::select(vec![0usize, 0, 1, 5, 100]);
    (fills, depths, thresholds).prop_map(|(fill, compress_depth, packed_threshold)| Limits {
        fill: Fill::new(fill),
        compress_depth,
        packed_threshold,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]
    #[test]
    fn agrees_with_a_deque(
        limits in limits(),
        steps in prop::collection::vec((step(), any::<prop::sample::Index>()), 1..60),
    ) {
        let (mut list, mut model) = (List::default(), Model::new());
        for (step, from) in steps {
            apply(&mut list, &mut model, &limits, &step);
            assert_same(&list, &model, &limits, from);
        }
    }
}

fn of(texts: impl Iterator<Item = String>, limits: &Limits) -> List {
    let mut list = List::default();
    for text in texts {
        list.grow_for(limits, 1, text.len());
        list.push(End::Right, text.as_bytes(), limits);
    }
    list
}

#[test]
fn indexes_count_from_both_ends() {
    let list = of((0..10).map(|n| n.to_string()), &Limits::default());
    let view = list.view();
    for (index, want) in [(0, Some(0)), (9, Some(9)), (10, None), (-1, Some(9)), (-10, Some(0)), (-11, None)]
    {
        assert_eq!(view.index(index), want);
    }
    assert_eq!((view.index(i64::MIN), view.index(i64::MAX)), (None, None));
}

#[test]
fn it_grows_at_the_limit_and_shrinks_at_half_of_it() {
    let limits = Limits { fill: Fill::new(10), ..Limits::default() };
    let mut list = of((0..10).map(|n| n.to_string()), &limits);
    assert_eq!(list.encoding(), Encoding::Listpack);
    list.grow_for(&limits, 1, 1);
    assert_eq!(list.encoding(), Encoding::Quicklist);
    list.push(End::Right, b"10", &limits);
    for left in (5..11).rev() {
        assert_eq!(list.encoding(), Encoding::Quicklist, "{left} more");
        list.pop(End::Right, |_| ());
        list.shrink(&limits);
    }
    assert_eq!((list.encoding(), list.len()), (Encoding::Listpack, 5));
}

/// What DEBUG OBJECT tells of a list filled from one end: full nodes.
#[test]
fn nodes_are_filled() {
    let limits = Limits::default();
    for end in [End::Left, End::Right] {
        let mut list = List::default();
        for _ in 0..10_000 {
            list.grow_for(&limits, 1, 10);
            list.push(end, b"0123456789", &limits);
        }
        let List::Quick(quick) = &list else { panic!("120 KB are no listpack") };
        // 12 bytes an element, 8192 a node.
        assert_eq!(quick.nodes(), 10_000usize.div_ceil(681));
        assert!(list.memory(0) < 10_000 * 13 && list.memory(2) < 10_000 * 13);
    }
}

/// What a file would hold makes the same list again.
#[test]
fn nodes_are_carried_over() {
    let limits = Limits { fill: Fill::new(-1), compress_depth: 1, packed_threshold: 0 };
    let mut list = of((0..5000).map(|n| format!("element:{n}")), &limits);
    let large = vec![b'x'; 5000];
    assert!(list.insert(&Needle::new(b"element:2500"), End::Left, &large, &limits));
    let List::Quick(quick) = &list else { panic!("100 KB are no listpack") };
    let mut copy = Quicklist::new(&limits);
    quick.each_node(&mut |node| match node {
        NodeBytes::Listpack(bytes) => copy.push_listpack(bytes.to_vec()),
        NodeBytes::Plain(text) => copy.push_plain(text.to_vec()),
    });
    assert_quick(&copy, &limits);
    assert_eq!(copy.nodes(), quick.nodes());
    let (copy, all) = (List::Quick(copy), collect(list.view(), 0, Direction::Forward));
    assert_eq!((collect(copy.view(), 0, Direction::Forward), all.len()), (all.clone(), 5001));
}

/// Insertions all over leave no trail of small nodes.
#[test]
fn split_nodes_are_joined() {
    let limits = Limits { fill: Fill::new(-1), ..Limits::default() };
    let mut list = of((0..5000).map(|n| format!("element:{n}")), &limits);
    for n in (0..5000).step_by(7) {
        let pivot = format!("element:{n}");
        assert!(list.insert(&Needle::new(pivot.as_bytes()), End::Right, b"a larger one between", &limits));
    }
    let List::Quick(quick) = &list else { panic!("100 KB are no listpack") };
    assert!(quick.raw_bytes() / quick.nodes() > 4096 / 2, "{} nodes", quick.nodes());
}

#[test]
fn a_large_list_is_freed_in_slices() {
    let limits = Limits { fill: Fill::new(1), ..Limits::default() };
    let mut list = of((0..1000).map(|n| n.to_string()), &limits);
    assert_eq!(list.weight(), 1000);
    let mut slices = 0;
    while !list.free_slice(64) {
        slices += 1;
    }
    assert_eq!((slices, list.weight()), (15, 0));
}
