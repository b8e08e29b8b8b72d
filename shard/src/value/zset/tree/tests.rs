//! The tree against a sorted vector, with its own rules asserted after every step.

use super::*;
use crate::value::zset::leaf::NEAR_MAX;
use crate::value::zset::leaf::order;
use proptest::prelude::*;
use std::cmp::Ordering;

/// Asserts everything that the tree's essay promises; the depth.
fn check_node(node: &Node, is_root: bool, last: bool) -> usize {
    let Node::Branch(branch) = node else {
        assert!(is_root || last || node.len() > 0);
        return 0;
    };
    let children = branch.children.len();
    assert!((2..=FAN_MAX).contains(&children) && branch.counts.len() == children);
    assert_eq!(branch.separators.iter().len(), children - 1);
    for (child, &count) in branch.children.iter().zip(&branch.counts) {
        assert_eq!(child.len(), count);
        assert!(count > 0);
    }
    for (at, sep) in branch.separators.iter().enumerate() {
        let (left, right) = (edge(&branch.children[at], true), edge(&branch.children[at + 1], false));
        assert_eq!(order((left.0, &left.1), sep), Ordering::Less);
        assert_ne!(order(sep, (right.0, &right.1)), Ordering::Greater);
    }
    let depths: Vec<_> = branch
        .children
        .iter()
        .enumerate()
        .map(|(at, child)| check_node(child, false, last && at + 1 == children))
        .collect();
    assert!(depths.iter().all(|depth| *depth == depths[0]), "all leaves are equally deep");
    depths[0] + 1
}

/// The last or first pair below a node.
fn edge(node: &Node, last: bool) -> (f64, Vec<u8>) {
    match node {
        Node::Leaf(leaf) => {
            let (score, member) = leaf.get(if last { leaf.len() - 1 } else { 0 });
            (score, member.to_vec())
        }
        Node::Branch(branch) => {
            edge(&branch.children[if last { branch.children.len() - 1 } else { 0 }], last)
        }
    }
}

fn contents(tree: &Tree) -> Vec<(f64, Vec<u8>)> {
    let mut pairs = Vec::new();
    tree.root.each_leaf(&mut |leaf| {
        pairs.extend((0..leaf.len()).map(|at| (leaf.get(at).0, leaf.get(at).1.to_vec())));
        true
    });
    pairs
}

fn check(tree: &Tree, model: &[(f64, Vec<u8>)]) {
    check_node(&tree.root, true, true);
    assert_eq!(tree.len(), model.len());
    assert_eq!(contents(tree), model);
}

fn insert(tree: &mut Tree, model: &mut Vec<(f64, Vec<u8>)>, score: f64, member: Vec<u8>) {
    assert!(member.len() <= NEAR_MAX);
    let place = model.binary_search_by(|(s, m)| order((*s, m), (score, &member)));
    if let Err(at) = place {
        assert_eq!(tree.rank(score, &member), at);
        tree.insert(score, &member, Stored::Near(&member));
        model.insert(at, (score, member));
    }
}

#[derive(Clone, Debug)]
enum Step {
    Insert(u8, u16),
    Run { score: u8, count: u16, ascending: bool },
    Take { at: u16, count: u16 },
    Remove(u16),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..4u8, any::<u16>()).prop_map(|(s, m)| Step::Insert(s, m)),
        2 => (0..4u8, 0..400u16, any::<bool>())
            .prop_map(|(score, count, ascending)| Step::Run { score, count, ascending }),
        2 => (any::<u16>(), 0..600u16).prop_map(|(at, count)| Step::Take { at, count }),
        4 => any::<u16>().prop_map(Step::Remove),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn it_is_a_sorted_vector(steps in proptest::collection::vec(step(), 1..40)) {
        let (mut tree, mut model) = (Tree::default(), Vec::new());
        for (n, step) in steps.into_iter().enumerate() {
            match step {
                Step::Insert(score, m) => {
                    insert(&mut tree, &mut model, f64::from(score), m.to_string().into_bytes());
                }
                Step::Run { score, count, ascending } => for i in 0..count {
                    let i = if ascending { i } else { count - i };
                    insert(&mut tree, &mut model, f64::from(score), format!("run{n}:{i:05}").into_bytes());
                },
                Step::Take { at, count } => {
                    let at = usize::from(at) % (model.len() + 1);
                    let end = model.len().min(at + usize::from(count));
                    let (mut left, mut taken) = (end - at, Vec::new());
                    while left > 0 {
                        left -= tree.take(at, left, &mut |score, member| taken.push((score, member.to_vec())));
                        check_node(&tree.root, true, true);
                    }
                    prop_assert_eq!(taken, model.drain(at..end).collect::<Vec<_>>());
                }
                Step::Remove(at) if !model.is_empty() => {
                    let (score, member) = model.remove(usize::from(at) % model.len());
                    tree.remove(score, &member);
                }
                Step::Remove(_) => {}
            }
            check(&tree, &model);
        }
        for (at, (score, member)) in model.iter().enumerate().step_by(17) {
            let (leaf, place) = tree.leaf_at(at);
            prop_assert_eq!(leaf.get(place), (*score, &member[..]));
            prop_assert_eq!(tree.rank(*score, member), at);
            let point = tree.partition_point(|s, m| order((s, m), (*score, member)) == Ordering::Less);
            prop_assert_eq!(point, at);
        }
    }
}

#[test]
fn members_that_come_in_order_fill_their_leaves() {
    let (mut tree, mut model) = (Tree::default(), Vec::new());
    for i in 0..10_000 {
        insert(&mut tree, &mut model, f64::from(i), b"m".to_vec());
    }
    let mut leaves = 0;
    tree.root.each_leaf(&mut |_| {
        leaves += 1;
        true
    });
    assert_eq!(leaves, 10_000_usize.div_ceil(LEAF_MAX));
    assert!(check_node(&tree.root, true, true) >= 2);
}

#[test]
fn it_is_freed_leaf_by_leaf() {
    let (mut tree, mut model) = (Tree::default(), Vec::new());
    for i in 0..5000 {
        insert(&mut tree, &mut model, f64::from(i % 10), format!("{i}").into_bytes());
    }
    let mut slices = 1;
    while !tree.free_slice(10) {
        slices += 1;
    }
    assert!(slices >= 5000 / LEAF_MAX / 10);
}
