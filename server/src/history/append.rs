//! Strict serializability of transactions that append to lists and read them.
//!
//! Every element is appended once in the whole history. So each read of a list tells the order of the appends it
//! contains, and from that follow edges between transactions:
//!
//! | edge | from | to |
//! |---|---|---|
//! | ww | appended an element | appended the next one of the same list |
//! | wr | appended the last element of a list | read the list so |
//! | rw | read a list | appended the first element that it did not see |
//! | time | was answered | was called afterwards |
//! | pipeline | was sent by a client, and answered | was sent by the same client next |
//!
//! If the transactions took effect one after the other, all edges point forward in that order: a cycle proves
//! that there is none. Besides, reads of one list must be prefixes of the longest, nobody may see elements that no
//! one appended (or that a refused transaction did), and a transaction must see its own appends.
//!
//! Kingsbury and Alvaro: "Elle: Inferring Isolation Anomalies from Experimental Observations", VLDB 2020.

use super::Op;
use std::collections::HashMap;

/// One step of a transaction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    Append(u64, u64),
    /// The list with this number, and what it held.
    Read(u64, Vec<u64>),
}

/// The steps of a transaction, in order.
pub type Transaction = Vec<Step>;

/// What is wrong with a history.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Anomaly {
    /// A list was seen in two orders: its number.
    Incompatible(u64),
    /// An element was seen that nobody appended, or twice.
    Phantom { list: u64, element: u64 },
    /// A transaction did not see its own append.
    Forgetful { transaction: usize },
    /// These transactions must each come before the next, and the last before the first.
    Cycle(Vec<usize>),
}

/// Judges a history.
///
/// # Errors
/// The first anomaly found.
pub fn check(history: &[Op<Transaction>]) -> Result<(), Anomaly> {
    judge(history, false)
}

/// The same where clients pipeline: the transactions of one client took effect in the order of the history, though
/// all were called before the first was answered.
///
/// # Errors
/// The first anomaly found.
pub fn check_pipelined(history: &[Op<Transaction>]) -> Result<(), Anomaly> {
    judge(history, true)
}

fn judge(history: &[Op<Transaction>], pipelined: bool) -> Result<(), Anomaly> {
    let appended_by = writers(history)?;
    let orders = version_orders(history, &appended_by)?;
    own_appends(history)?;
    let mut edges: Vec<Vec<usize>> = vec![Vec::new(); history.len()];
    data_edges(history, &appended_by, &orders, &mut edges);
    if pipelined {
        client_edges(history, &mut edges);
    }
    let nodes = time_edges(history, &mut edges);
    match cycle(&edges, nodes) {
        Some(found) => Err(Anomaly::Cycle(found.into_iter().filter(|&n| n < history.len()).collect())),
        None => Ok(()),
    }
}

fn reads(op: &Op<Transaction>) -> impl Iterator<Item = (u64, &[u64])> {
    op.what.iter().filter_map(|step| match step {
        Step::Read(list, seen) => Some((*list, &seen[..])),
        Step::Append(..) => None,
    })
}

/// Who appended each element of each list.
fn writers(history: &[Op<Transaction>]) -> Result<HashMap<(u64, u64), usize>, Anomaly> {
    let mut by = HashMap::new();
    for (i, op) in history.iter().enumerate() {
        for step in &op.what {
            if let Step::Append(list, element) = step
                && by.insert((*list, *element), i).is_some()
            {
                return Err(Anomaly::Phantom { list: *list, element: *element });
            }
        }
    }
    Ok(by)
}

/// The longest read of every list, of which all others must be prefixes.
fn version_orders<'a>(
    history: &'a [Op<Transaction>],
    appended_by: &HashMap<(u64, u64), usize>,
) -> Result<HashMap<u64, &'a [u64]>, Anomaly> {
    let mut longest: HashMap<u64, &[u64]> = HashMap::new();
    let answered = || history.iter().filter(|op| op.is_answered());
    for (list, seen) in answered().flat_map(reads) {
        let known = longest.entry(list).or_default();
        if seen.len() > known.len() {
            *known = seen;
        }
    }
    for (list, seen) in answered().flat_map(reads) {
        if !longest[&list].starts_with(seen) {
            return Err(Anomaly::Incompatible(list));
        }
    }
    for (&list, order) in &longest {
        let mut met = std::collections::HashSet::new();
        for &element in *order {
            if !appended_by.contains_key(&(list, element)) || !met.insert(element) {
                return Err(Anomaly::Phantom { list, element });
            }
        }
    }
    Ok(longest)
}

/// A read after an append in the same transaction ends with it.
fn own_appends(history: &[Op<Transaction>]) -> Result<(), Anomaly> {
    for (transaction, op) in history.iter().enumerate().filter(|(_, op)| op.is_answered()) {
        let mut own: HashMap<u64, Vec<u64>> = HashMap::new();
        for step in &op.what {
            match step {
                Step::Append(list, element) => own.entry(*list).or_default().push(*element),
                Step::Read(list, seen) => {
                    if own.get(list).is_some_and(|mine| !seen.ends_with(mine)) {
                        return Err(Anomaly::Forgetful { transaction });
                    }
                }
            }
        }
    }
    Ok(())
}

fn data_edges(
    history: &[Op<Transaction>],
    appended_by: &HashMap<(u64, u64), usize>,
    orders: &HashMap<u64, &[u64]>,
    edges: &mut [Vec<usize>],
) {
    let mut edge = |from: Option<&usize>, to: Option<&usize>| {
        if let (Some(&from), Some(&to)) = (from, to)
            && from != to
        {
            edges[from].push(to);
        }
    };
    for (&list, order) in orders {
        for pair in order.windows(2) {
            edge(appended_by.get(&(list, pair[0])), appended_by.get(&(list, pair[1])));
        }
    }
    for (i, op) in history.iter().enumerate().filter(|(_, op)| op.is_answered()) {
        for (list, seen) in reads(op) {
            if let Some(last) = seen.last() {
                edge(appended_by.get(&(list, *last)), Some(&i));
            }
            // What the list does not show in its longest read came after all that it shows.
            if let Some(next) = orders[&list].get(seen.len()) {
                edge(Some(&i), appended_by.get(&(list, *next)));
            }
        }
    }
}

/// From each transaction of a client that was answered to the client's next.
fn client_edges(history: &[Op<Transaction>], edges: &mut [Vec<usize>]) {
    let mut last: HashMap<usize, usize> = HashMap::new();
    for (i, op) in history.iter().enumerate() {
        if let Some(&before) = last.get(&op.client) {
            edges[before].push(i);
        }
        if op.is_answered() {
            last.insert(op.client, i);
        }
    }
}

/// Adds "was over before" through a chain of moments, one an answer, so that there are as many edges as
/// transactions and not their square; how many nodes there are then.
fn time_edges(history: &[Op<Transaction>], edges: &mut Vec<Vec<usize>>) -> usize {
    let mut answers: Vec<usize> = (0..history.len()).filter(|&i| history[i].is_answered()).collect();
    answers.sort_by_key(|&i| history[i].answered);
    let first = history.len();
    edges.resize(first + answers.len(), Vec::new());
    for (n, &i) in answers.iter().enumerate() {
        edges[i].push(first + n);
        if n + 1 < answers.len() {
            edges[first + n].push(first + n + 1);
        }
    }
    for (i, op) in history.iter().enumerate() {
        let before = answers.partition_point(|&a| history[a].answered < op.called);
        if before > 0 {
            edges[first + before - 1].push(i);
        }
    }
    first + answers.len()
}

/// A cycle, if there is one: depth first, with a stack of its own.
fn cycle(edges: &[Vec<usize>], nodes: usize) -> Option<Vec<usize>> {
    #[derive(Clone, Copy, PartialEq)]
    enum Colour {
        New,
        Open,
        Done,
    }
    let mut colour = vec![Colour::New; nodes];
    for start in 0..nodes {
        if colour[start] != Colour::New {
            continue;
        }
        let mut path = vec![(start, 0)];
        colour[start] = Colour::Open;
        while let Some((node, next)) = path.last_mut() {
            let Some(&to) = edges[*node].get(*next) else {
                colour[*node] = Colour::Done;
                path.pop();
                continue;
            };
            *next += 1;
            match colour[to] {
                Colour::Done => {}
                Colour::New => {
                    colour[to] = Colour::Open;
                    path.push((to, 0));
                }
                Colour::Open => {
                    let from = path.iter().position(|&(n, _)| n == to).unwrap_or(0);
                    return Some(path[from..].iter().map(|&(n, _)| n).collect());
                }
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use Step::{Append, Read};

    fn op(called: u64, answered: u64, what: Transaction) -> Op<Transaction> {
        Op { client: 0, called, answered, what }
    }

    /// All under way at once.
    fn at_once(transactions: Vec<Transaction>) -> Vec<Op<Transaction>> {
        transactions.into_iter().map(|what| op(0, 100, what)).collect()
    }

    #[test]
    fn a_serial_history_is_right() {
        let history = [
            op(0, 1, vec![Append(1, 10), Append(2, 20)]),
            op(2, 3, vec![Read(1, vec![10]), Append(1, 11), Read(1, vec![10, 11])]),
            op(4, 5, vec![Read(2, vec![20]), Read(1, vec![10, 11]), Read(3, vec![])]),
        ];
        assert_eq!(check(&history), Ok(()));
    }

    #[test]
    fn half_of_a_transaction_is_found() {
        let history = at_once(vec![
            vec![Append(1, 10), Append(2, 20)],
            vec![Read(1, vec![10]), Read(2, vec![])],
            vec![Read(2, vec![20])],
        ]);
        assert!(matches!(check(&history), Err(Anomaly::Cycle(c)) if c.len() == 2));
    }

    #[test]
    fn write_skew_is_found() {
        let history = at_once(vec![
            vec![Read(1, vec![]), Append(2, 20)],
            vec![Read(2, vec![]), Append(1, 10)],
            vec![Read(1, vec![10]), Read(2, vec![20])],
        ]);
        assert!(matches!(check(&history), Err(Anomaly::Cycle(_))));
    }

    #[test]
    fn two_orders_of_one_list_are_found() {
        let history = at_once(vec![
            vec![Append(1, 10)],
            vec![Append(1, 11)],
            vec![Read(1, vec![10, 11])],
            vec![Read(1, vec![11, 10])],
        ]);
        assert_eq!(check(&history), Err(Anomaly::Incompatible(1)));
    }

    #[test]
    fn a_stale_read_is_found_by_the_clock() {
        let mut history = vec![
            op(0, 10, vec![Append(1, 10)]),
            op(11, 20, vec![Read(1, vec![])]),
            op(30, 40, vec![Read(1, vec![10])]),
        ];
        assert!(matches!(check(&history), Err(Anomaly::Cycle(_))));
        history[1].called = 9;
        assert_eq!(check(&history), Ok(()));
    }

    #[test]
    fn an_order_seen_across_lists_is_found() {
        // A pipeline that appends to 1 and then to 2, watched by two readers that disagree.
        let history = at_once(vec![
            vec![Append(1, 10)],
            vec![Append(2, 20)],
            vec![Read(1, vec![10]), Read(2, vec![])],
            vec![Read(2, vec![20]), Read(1, vec![])],
            vec![Read(1, vec![10]), Read(2, vec![20])],
        ]);
        assert!(matches!(check(&history), Err(Anomaly::Cycle(_))));
    }

    #[test]
    fn a_pipeline_out_of_order_is_found() {
        let mut history =
            at_once(vec![vec![Append(1, 10)], vec![Append(2, 20)], vec![Read(2, vec![20]), Read(1, vec![])]]);
        history.push(op(200, 201, vec![Read(1, vec![10])]));
        history[2].client = 1;
        assert_eq!(check(&history), Ok(()));
        assert!(matches!(check_pipelined(&history), Err(Anomaly::Cycle(c)) if c.len() == 3));
    }

    #[test]
    fn elements_from_nowhere_are_found() {
        assert!(matches!(check(&at_once(vec![vec![Read(1, vec![5])]])), Err(Anomaly::Phantom { .. })));
        let twice = at_once(vec![vec![Append(1, 5)], vec![Read(1, vec![5, 5])]]);
        assert!(matches!(check(&twice), Err(Anomaly::Phantom { .. })));
    }

    #[test]
    fn own_appends_must_be_seen() {
        let history = at_once(vec![vec![Append(1, 5), Read(1, vec![])]]);
        assert_eq!(check(&history), Err(Anomaly::Forgetful { transaction: 0 }));
    }

    #[test]
    fn unanswered_transactions_may_have_happened() {
        let mut history = vec![
            op(0, u64::MAX, vec![Append(1, 5)]),
            op(1, 2, vec![Read(1, vec![])]),
            op(3, 4, vec![Read(1, vec![5])]),
        ];
        assert_eq!(check(&history), Ok(()));
        history.swap(1, 2);
        (history[1].called, history[1].answered) = (0, 1);
        (history[2].called, history[2].answered) = (2, 3);
        assert!(check(&history).is_err());
    }
}
